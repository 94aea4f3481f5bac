//! [`NetworkBuilder`]: the parts of a [`Network`] by name, and what is refused before the first step.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;

use autograd::Float;

use super::{Does, Join, Network, Node};
use crate::error::{Error, list};
use crate::nn::module::Module;

/// The parts of a [`Network`] by name, from its inputs on.
///
/// ```
/// use mlp::{Activation, Join, Network};
/// let inputs = Network::<f64>::new(["a", "b"]);
/// let error = inputs.part("c", "a", Activation::Tanh).join("d", Join::Add, ["c", "e"]).outputs(["d"]).unwrap_err();
/// assert_eq!(error.to_string(), "network: `d` reads `e`, which is none of `a`, `b`, `c`, `d`; correct the name, or add it before");
/// ```
#[must_use]
pub struct NetworkBuilder<T: Float = f64> {
    pub(super) inputs: Vec<String>,
    pub(super) parts: Vec<Draft<T>>,
}

/// A part that names what it reads.
pub(super) struct Draft<T: Float> {
    pub(super) name: String,
    pub(super) reads: Vec<String>,
    pub(super) does: Does<T, String>,
}

impl<T: Float> NetworkBuilder<T> {
    /// Adds a module that reads an input, or a part before it.
    pub fn part(self, name: impl Into<String>, reads: impl Into<String>, module: impl Module<T> + 'static) -> Self {
        self.with(name, vec![reads.into()], Does::Part(Box::new(module)))
    }

    /// Adds the joined values of inputs and parts before it.
    pub fn join(self, name: impl Into<String>, join: Join, reads: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.with(name, reads.into_iter().map(Into::into).collect(), Does::Join(join))
    }

    /// Adds the module of an earlier part once more, with the same parameters, for another value: as two pictures are seen with the same eyes.
    pub fn same(self, name: impl Into<String>, reads: impl Into<String>, part: impl Into<String>) -> Self {
        self.with(name, vec![reads.into()], Does::Same(part.into()))
    }

    pub(super) fn with(mut self, name: impl Into<String>, reads: Vec<String>, does: Does<T, String>) -> Self {
        self.parts.push(Draft { name: name.into(), reads, does });
        self
    }

    /// The network with these outputs.
    ///
    /// # Errors
    /// If there are no inputs or no outputs; a name is empty, has a dot, or stands twice; a part reads what does not exist, what stands after it, or
    /// itself through others; a join reads fewer than two values; or an input or a part serves no output.
    pub fn outputs(self, names: impl IntoIterator<Item = impl Into<String>>) -> Result<Network<T>, Error> {
        let outputs: Vec<String> = names.into_iter().map(Into::into).collect();
        let names: Vec<String> = self.inputs.iter().chain(self.parts.iter().map(|part| &part.name)).cloned().collect();
        named(&names, &outputs, &self.inputs)?;
        let places: HashMap<&str, usize> = names.iter().enumerate().map(|(i, name)| (name.as_str(), i)).collect();
        let first = self.inputs.len();

        let mut nodes = vec![];
        for (i, part) in self.parts.iter().enumerate() {
            let place = |read: &String| match places.get(read.as_str()) {
                Some(&place) if place < first + i => Ok(place),
                Some(_) => Err(later(&self, part, read)),
                None => {
                    let (name, all) = (&part.name, list(&names));
                    invalid(format!(
                        "`{name}` reads `{read}`, which is none of {all}; correct the name, or add it before"
                    ))
                }
            };
            let reads = part.reads.iter().map(place).collect::<Result<Vec<_>, _>>()?;
            let same = match &part.does {
                Does::Same(other) => match places.get(other.as_str()).and_then(|place| place.checked_sub(first)) {
                    Some(place) if place < i && matches!(self.parts[place].does, Does::Part(_)) => Some(place),
                    _ => {
                        let name = &part.name;
                        return invalid(format!(
                            "`{name}` is the same as `{other}`, which is no module before it; name one"
                        ));
                    }
                },
                Does::Join(join) if reads.len() < 2 => {
                    let (name, n) = (&part.name, reads.len());
                    return invalid(format!("`{name}` joins {n} values by {join}; a join needs at least 2"));
                }
                Does::Join(_) | Does::Part(_) => None,
            };
            nodes.push((reads, same));
        }
        let output = |name: &String| match places.get(name.as_str()) {
            Some(&place) => Ok(place),
            None => invalid(format!("the output `{name}` is none of {}; correct the name", list(&names))),
        };
        let outputs = outputs.iter().map(output).collect::<Result<Vec<_>, _>>()?;
        serving(&names, first, &nodes, &outputs)?;

        let build = |(part, (reads, same)): (Draft<T>, (Vec<usize>, Option<usize>))| {
            let does = match part.does {
                Does::Part(module) => Does::Part(module),
                Does::Join(join) => Does::Join(join),
                Does::Same(_) => Does::Same(same.expect("the place was found")),
            };
            Node { name: part.name, reads, does }
        };
        Ok(Network { inputs: self.inputs, nodes: self.parts.into_iter().zip(nodes).map(build).collect(), outputs })
    }
}

fn invalid<R>(why: String) -> Result<R, Error> {
    Err(Error::invalid("network", why))
}

/// `Ok` if there are inputs and outputs, whose names can be told apart.
fn named(names: &[String], outputs: &[String], inputs: &[String]) -> Result<(), Error> {
    if inputs.is_empty() || outputs.is_empty() {
        return invalid(format!(
            "{} inputs and {} outputs; it needs one of each at least",
            inputs.len(),
            outputs.len()
        ));
    }
    if let Some(name) = names.iter().find(|name| name.is_empty() || name.contains('.')) {
        return invalid(format!(
            "the name `{name}` is empty or has a dot, which parts the names of parameters; choose another"
        ));
    }
    for (names, of) in [(names, "inputs or parts"), (outputs, "outputs")] {
        let mut seen = HashSet::new();
        if let Some(name) = names.iter().find(|name| !seen.insert(*name)) {
            return invalid(format!("two {of} have the name `{name}`; rename or remove one"));
        }
    }
    Ok(())
}

/// Why a part may not read one that stands after it: it would read itself, or the order is wrong.
fn later<T: Float>(network: &NetworkBuilder<T>, part: &Draft<T>, read: &String) -> Error {
    let reads: HashMap<&String, &Vec<String>> = network.parts.iter().map(|part| (&part.name, &part.reads)).collect();
    // From what is read back to what it reads, and so on, each with the one that led to it.
    let (mut from, mut queue) = (HashMap::from([(read, None)]), VecDeque::from([read]));
    while let Some(name) = queue.pop_front() {
        if *name == part.name {
            let mut back = std::iter::successors(Some(name), |name| from[name])
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>();
            back.push(format!("`{name}`"));
            back.reverse();
            return Error::invalid("network", format!("a cycle: {}; remove one of its arrows", cycle(&back)));
        }
        for next in reads.get(name).into_iter().flat_map(|reads| reads.iter()) {
            if !from.contains_key(next) {
                from.insert(next, Some(name));
                queue.push_back(next);
            }
        }
    }
    let name = &part.name;
    Error::invalid("network", format!("`{name}` reads `{read}`, which stands after it; put `{read}` before `{name}`"))
}

/// `` `a` reads `b`, which reads `a` ``
fn cycle(names: &[String]) -> String {
    let (first, rest) = names.split_first().expect("a part");
    format!("{first} reads {}", rest.join(", which reads "))
}

/// `Ok` if every input and every part serves an output.
fn serving(
    names: &[String],
    first: usize,
    nodes: &[(Vec<usize>, Option<usize>)],
    outputs: &[usize],
) -> Result<(), Error> {
    let mut serves = vec![false; names.len()];
    outputs.iter().for_each(|&output| serves[output] = true);
    for (i, (reads, same)) in nodes.iter().enumerate().rev() {
        if serves[first + i] {
            reads.iter().for_each(|&read| serves[read] = true);
            same.iter().for_each(|&part| serves[first + part] = true);
        }
    }
    let idle: Vec<String> =
        names.iter().zip(&serves).filter(|(_, serves)| !**serves).map(|(name, _)| name.clone()).collect();
    match idle.is_empty() {
        true => Ok(()),
        false => invalid(format!("no output depends on {}; read them, make them outputs, or remove them", list(&idle))),
    }
}

impl<T: Float> fmt::Debug for NetworkBuilder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<_> = self.parts.iter().map(|part| (&part.name, &part.reads)).collect();
        f.debug_struct("NetworkBuilder").field("inputs", &self.inputs).field("parts", &parts).finish()
    }
}
