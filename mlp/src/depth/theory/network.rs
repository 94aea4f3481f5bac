//! A [`Network`](crate::Network) as a chain with shortcuts, for the theory.

use super::block::{Block, Piece, Site};
use super::reader::Source;
use crate::Error;
use crate::nn::config::{Config, Configured, inside};
use crate::nn::network::{Join, Network, Part};

/// Shortcuts around shortcuts, each of which takes a call of its own.
const DEEPEST: usize = 100;

/// Appends the layers of a network.
pub(super) fn read(source: &Source<'_>, block: Block, config: &Config, name: &str) -> Result<Block, Error> {
    let graph: <Network as Configured>::Data = config.data()?;
    let refuse = |why: &str| Err(Error::config("network", why));
    let ([_], [output]) = (&graph.inputs[..], &graph.outputs[..]) else {
        return refuse("it has several inputs or outputs; the theory follows one");
    };
    let names: Vec<&str> =
        [graph.inputs[0].as_str()].into_iter().chain(graph.parts.iter().map(|part| part.name.as_str())).collect();
    let place = |name: &str| names.iter().position(|other| *other == name).expect("the network was built");
    let reads = graph.parts.iter().map(|part| part.reads.names().iter().map(|read| place(read)).collect());
    let chain = Chain { source, name, reads: reads.collect(), parts: &graph.parts, read: Default::default() };
    let block = chain.between(block, 0, place(output), DEEPEST)?;
    match chain.read.into_inner().len() == graph.parts.len() {
        true => Ok(block),
        false => refuse(
            "a value has several readers that are no shortcut and its branch; the theory follows a chain with shortcuts",
        ),
    }
}

/// The parts of a network; place 0 is its input.
struct Chain<'a> {
    source: &'a Source<'a>,
    name: &'a str,
    reads: Vec<Vec<usize>>,
    parts: &'a [Part],
    read: std::cell::RefCell<std::collections::BTreeSet<usize>>,
}

impl Chain<'_> {
    /// Appends what leads from one place to another.
    fn between(&self, block: Block, from: usize, to: usize, depth: usize) -> Result<Block, Error> {
        let mut path = vec![];
        let mut at = to;
        while at > from {
            path.push(at);
            // A join goes on at the earlier of its values, the end of the shortcut.
            at = self.reads[at - 1].iter().copied().min().unwrap_or(0);
        }
        let refuse = |place: usize, why: &str| {
            let name = inside(self.name, &self.parts[place - 1].name);
            Err(Error::config(self.parts[place - 1].join.map_or("part".into(), |join| join.to_string()), why)
                .within(name))
        };
        if at != from {
            return refuse(to, "its values are no shortcut and a branch; the theory follows a chain with shortcuts");
        }
        let mut block = block;
        for &place in path.iter().rev() {
            let part = &self.parts[place - 1];
            let (name, reads) = (inside(self.name, &part.name), &self.reads[place - 1]);
            if !self.read.borrow_mut().insert(place) {
                return refuse(place, "it is read by several that are no shortcut and its branch");
            }
            block = match (&part.module, part.join, &reads[..]) {
                (Some(module), ..) => self.source.layer(block, module, &name)?,
                (_, Some(Join::Add), &[a, b]) if a != b && depth > 0 => {
                    let inner = self.between(Block::new(), a.min(b), a.max(b), depth - 1)?;
                    let piece = Piece::Residual { stream: 1.0, branch: 1.0, inner };
                    block.with(piece, Site::Layer(name, Join::Add.to_string()))
                }
                (_, Some(_), _) => return refuse(place, "the theory adds a shortcut and its branch only"),
                (None, None, _) => {
                    return refuse(
                        place,
                        "it uses the weights of another part again; the theory needs them drawn anew",
                    );
                }
            };
        }
        Ok(block)
    }
}
