//! A [`Network`](crate::Network) as a chain of layers and of branches that are joined, for the theory.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::iter::successors;

use super::Joined;
use super::block::{Block, Piece, Site};
use super::reader::Source;
use crate::Error;
use crate::nn::config::{Config, Configured, inside};
use crate::nn::network::{Join, Network, Part};

/// Branches within branches, each of which takes a call of its own.
const DEEPEST: usize = 100;

/// Appends the layers of a network.
pub(super) fn read(source: &Source<'_>, block: Block, config: &Config, name: &str) -> Result<Block, Error> {
    let graph: <Network as Configured>::Data = config.data()?;
    let refuse = |why: &str| Err(Error::config("network", why));
    let ([_], [output]) = (&graph.inputs[..], &graph.outputs[..]) else {
        return refuse("it has several inputs or outputs; the theory follows one; read its parts one by one");
    };
    let names: Vec<&str> =
        [graph.inputs[0].as_str()].into_iter().chain(graph.parts.iter().map(|part| part.name.as_str())).collect();
    let place = |name: &str| names.iter().position(|other| *other == name).expect("the network was built");
    let reads = graph.parts.iter().map(|part| part.reads.names().iter().map(|read| place(read)).collect::<Vec<_>>());
    let reads: Vec<_> = reads.collect();
    // The last place that each way from the input to a part passes (its immediate dominator).
    let mut before: Vec<usize> = vec![];
    for reads in &reads {
        before.push(reads.iter().copied().reduce(|a, b| common(&before, a, b)).unwrap_or(0));
    }
    let chain = Chain { source, name, reads, before, parts: &graph.parts, read: Default::default() };
    // The output depends on each part, or the network would not have been built.
    chain.between(block, None, [0, place(output)], DEEPEST)
}

/// The last place that all ways to both pass.
fn common(before: &[usize], mut a: usize, mut b: usize) -> usize {
    while a != b {
        if a > b {
            a = before[a - 1];
        } else {
            b = before[b - 1];
        }
    }
    a
}

/// The parts of a network; place 0 is its input.
struct Chain<'a> {
    source: &'a Source<'a>,
    name: &'a str,
    reads: Vec<Vec<usize>>,
    before: Vec<usize>,
    parts: &'a [Part],
    read: RefCell<BTreeSet<usize>>,
}

impl Chain<'_> {
    /// Appends what leads from one place, which all ways to the other pass, to that; `width` is that before the block.
    fn between(
        &self,
        mut block: Block,
        width: Option<usize>,
        [from, to]: [usize; 2],
        depth: usize,
    ) -> Result<Block, Error> {
        let path: Vec<usize> =
            successors(Some(to), |&at| Some(self.before[at.checked_sub(1)?])).take_while(|&at| at != from).collect();
        for &place in path.iter().rev() {
            let part = &self.parts[place - 1];
            let name = inside(self.name, &part.name);
            let refuse = |why: &str| {
                let kind = part.join.map_or("part".into(), |join| join.to_string());
                Err(Error::config(kind, why).within(&name))
            };
            if !self.read.borrow_mut().insert(place) {
                return refuse(
                    "it is read in two branches behind the place where they part, so that they depend on each other",
                );
            }
            block = match (&part.module, part.join) {
                (Some(module), _) => self.source.layer(block, module, &name)?,
                (None, Some(_)) if depth == 0 => {
                    return refuse("it lies in more branches within branches than the theory follows");
                }
                (None, Some(join)) => {
                    let fork = self.before[place - 1];
                    let width = block.width(width);
                    let branches = self.reads[place - 1].iter();
                    let branches = branches
                        .map(|&read| self.between(block.branch(), width, [fork, read], depth - 1))
                        .collect::<Result<Vec<_>, Error>>()?;
                    match self.joined(join, width, branches) {
                        Ok(piece) => block.with(piece, Site::Layer(name, join.to_string())),
                        Err(why) => return refuse(&why),
                    }
                }
                (None, None) => {
                    return refuse("it uses the weights of another part again; the theory needs them drawn anew");
                }
            };
        }
        Ok(block)
    }

    /// What several branches make of a value of this width.
    fn joined(&self, join: Join, width: Option<usize>, mut branches: Vec<Block>) -> Result<Piece, String> {
        let width = width.or_else(|| branches.iter().find_map(Block::reads));
        let widths: Vec<Option<usize>> = branches.iter().map(|branch| branch.width(width)).collect();
        let joined = match join {
            Join::Add => match branches.iter().position(|branch| branch.parts.is_empty()) {
                Some(shortcut) if branches.len() == 2 => {
                    let inner = branches.remove(1 - shortcut);
                    return Ok(Piece::Residual { stream: 1.0, branch: 1.0, inner });
                }
                _ => Joined::Sum,
            },
            Join::Multiply => {
                let mut known = widths.iter().flatten();
                let first = known.next();
                if let Some(other) = known.find(|&width| Some(width) != first) {
                    let widths = [first.map_or(0, |&width| width), *other];
                    return Err(format!(
                        "its values have {} and {} features, and the theory multiplies equally many; make the gate as wide",
                        widths[0], widths[1]
                    ));
                }
                Joined::Product
            }
            Join::Concat(axis) => {
                let features = if self.source.reader.tokens.is_some() { 2 } else { 1 };
                if axis != features {
                    return Err(format!(
                        "the theory puts features side by side, along axis 1, or 2 where Reader::tokens tells of tokens, and not \
                         along axis {axis}"
                    ));
                }
                match widths.into_iter().collect() {
                    Some(widths) => Joined::Concat(widths),
                    None => {
                        return Err(
                            "the theory cannot tell how many features each value has; put a linear layer before it"
                                .into(),
                        );
                    }
                }
            }
        };
        Ok(Piece::Parallel { joined, branches })
    }
}
