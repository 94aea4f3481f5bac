//! [`Graph`]: the nodes of a tape as statistics and as a picture.
//!
//! - here — the snapshot and its statistics
//! - `handle` — the values that can be named
//! - `sketch` — the boxes to draw, with their text; the input of every drawing
//! - `dot` — the drawing as Graphviz text
//! - `layout` — the placement of boxes and arrows
//! - `svg` — the drawing itself
//!
//! Every traversal is a loop over the arena in the order of recording, because a graph may be deeper than any stack.
//!
//! Nothing here changes the tape. A deferred transpose stays deferred when its values are shown.

mod dot;
mod handle;
mod layout;
mod sketch;
mod svg;
mod text;

use std::collections::{BTreeMap, HashMap};
use std::fmt;

pub use handle::Handle;
pub(crate) use text::{notebook, xml};

use smallvec::SmallVec;

use crate::number::Float;
use crate::number::rows::Args;
use crate::param::Parameters;
use crate::sweep::Gradients;
use crate::tape::arena::{Arena, ArrayCode, ArrayOp, Node, Opcode, Storage};
use crate::tape::{Scalar, Tape, Var, same_tape};
use crate::tensor::Tensor;

/// The nodes of a tape at one moment, or those that one value depends on, for statistics and drawings.
///
/// [`Tape::graph`], [`Scalar::graph`] and [`Var::graph`] create a graph. It prints as a table of statistics,
/// [`to_svg`](Graph::to_svg) draws it, [`to_dot`](Graph::to_dot) writes it for Graphviz, and it shows itself in a
/// notebook.
///
/// A box reads as a line of a derivation: `z = v₁ + v₂`. Values without a given name are numbered: x₁, x₂, … for
/// variables, w₁ for parameters, c₁ for constants, v₁ for computed values. A constant with a single number shows it.
///
/// ```
/// use autograd::Tape;
/// let tape = Tape::new();
/// let (x, y) = (tape.scalar(2.0), tape.scalar(3.0));
/// let z = x * y + x.sin();
/// let graph = z.graph().name(x, "x").name(y, "y").name(z, "z").values(true).gradients(&z.backward());
/// assert_eq!((graph.nodes(), graph.longest_path()), (5, 2));
/// assert!(graph.to_svg().contains("value 6.909"));
/// ```
#[derive(Clone)]
pub struct Graph<'t, T: Float = f64> {
    tape: &'t Tape<T>,
    /// Positions in the stream, ascending: the order of computation.
    nodes: Vec<u32>,
    values: bool,
    names: HashMap<Key, String>,
    gradients: HashMap<Key, Tensor<T>>,
}

/// The identity of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    /// A scalar, by its position in the stream.
    Node(u32),
    /// An array, by its index among the arrays.
    Array(u32),
    /// A parameter, by its identity; used only to look up names.
    Param(usize),
}

impl<T: Float> Tape<T> {
    /// The graph of all recorded nodes.
    ///
    /// ```
    /// let tape = autograd::Tape::new();
    /// let y = tape.var([1.0, 2.0]).tanh();
    /// let graph = tape.graph();
    /// assert_eq!((graph.nodes(), graph.bytes()), (tape.len(), tape.bytes()));
    /// ```
    #[track_caller]
    pub fn graph(&self) -> Graph<'_, T> {
        Graph::new(self, (0..self.len() as u32).collect())
    }
}

impl<'t, T: Float> Scalar<'t, T> {
    /// The graph of the nodes that this number depends on.
    ///
    /// ```
    /// let tape = autograd::Tape::new();
    /// let (x, unused) = (tape.scalar(1.0), tape.scalar(2.0));
    /// assert_eq!(x.sin().graph().nodes(), 2);
    /// ```
    #[track_caller]
    pub fn graph(self) -> Graph<'t, T> {
        Graph::of(self.tape(), Key::Node(self.node()))
    }
}

impl<'t, T: Float> Var<'t, T> {
    /// The graph of the nodes that this array depends on.
    ///
    /// ```
    /// let tape = autograd::Tape::new();
    /// let x = tape.var([1.0, 2.0]);
    /// assert_eq!((x * x).exp().graph().longest_path(), 2);
    /// ```
    #[track_caller]
    pub fn graph(self) -> Graph<'t, T> {
        Graph::of(self.tape(), Key::Array(self.index()))
    }
}

impl<'t, T: Float> Graph<'t, T> {
    #[track_caller]
    fn new(tape: &'t Tape<T>, nodes: Vec<u32>) -> Self {
        tape.must_record("graph");
        Graph { tape, nodes, values: false, names: HashMap::new(), gradients: HashMap::new() }
    }

    /// Collects the nodes that `root` depends on in one backward walk, since operands precede their results.
    #[track_caller]
    fn of(tape: &'t Tape<T>, root: Key) -> Self {
        let arena = tape.arena.borrow();
        let (mut scalars, mut arrays) = (vec![false; arena.stream.len()], vec![false; arena.arrays.len()]);
        let mut need = |key: Key| match key {
            Key::Node(node) => std::mem::replace(&mut scalars[node as usize], true),
            Key::Array(array) => std::mem::replace(&mut arrays[array as usize], true),
            Key::Param(_) => unreachable!("names only"),
        };
        need(root);
        let mut nodes = vec![];
        for node in (0..arena.stream.len() as u32).rev() {
            // The query also sets the mark, which is harmless: no later step reads the mark of a node that the walk
            // has passed.
            if need(key(&arena, node)) {
                nodes.push(node);
                for source in sources(&arena, node) {
                    need(source);
                }
            }
        }
        nodes.reverse();
        Self::new(tape, nodes)
    }

    /// Shows values in drawings: numbers and short arrays in full, other arrays as their range.
    #[must_use]
    pub fn values(mut self, shown: bool) -> Self {
        self.values = shown;
        self
    }

    /// Shows gradients in drawings: those of numbers, and those of arrays that the sweep kept.
    ///
    /// ```
    /// let tape = autograd::Tape::new();
    /// let x = tape.var([1.0, 2.0]);
    /// let y = x.square().sum();
    /// let graph = y.graph().gradients(&y.backward());
    /// assert!(graph.to_dot().contains("gradient [2, 4]"));
    /// ```
    ///
    /// # Panics
    /// If they belong to another tape.
    #[must_use]
    #[track_caller]
    pub fn gradients(mut self, gradients: &Gradients<'t, T>) -> Self {
        let arena = self.tape.arena.borrow();
        for &node in &self.nodes {
            let key = key(&arena, node);
            let found = match (key, arena.stream.code(node as usize)) {
                (Key::Array(array), _) => gradients.found(Var::new(self.tape, array)).cloned(),
                (_, Opcode::Constant) => None,
                _ => Some(Tensor::full([], gradients[Scalar::new(self.tape, node, T::zero())])),
            };
            if let Some(gradient) = found {
                self.gradients.insert(key, gradient);
            }
        }
        drop(arena);
        self
    }

    /// Names a node; a node that is not in the graph is ignored.
    ///
    /// # Panics
    /// If it is recorded on another tape.
    #[must_use]
    #[track_caller]
    pub fn name<'a>(mut self, handle: impl Into<Handle<'a, 't, T>>, name: impl Into<String>) -> Self
    where
        T: 'a,
    {
        let key = match handle.into() {
            Handle::Scalar(x) => {
                same_tape("graph", self.tape, x.tape());
                Key::Node(x.node())
            }
            Handle::Array(x) => {
                same_tape("graph", self.tape, x.tape());
                Key::Array(x.index())
            }
            Handle::Param(param) => Key::Param(param.id()),
        };
        self.names.insert(key, name.into());
        self
    }

    /// Names parameters as in the model.
    ///
    /// ```
    /// use autograd::{Param, Parameters, Tape};
    /// let w = Param::new([1.0, 2.0]);
    /// let tape = Tape::new();
    /// let y = tape.constant([3.0, 4.0]) * &w;
    /// let graph = y.graph().parameters(&Parameters::new().with("scale", &w));
    /// assert!(graph.to_dot().contains("scale"));
    /// ```
    #[must_use]
    pub fn parameters(mut self, parameters: &Parameters<T>) -> Self {
        self.names.extend(parameters.iter().map(|(name, param)| (Key::Param(param.id()), name.to_string())));
        self
    }

    /// The number of nodes, recorded as inputs or computed.
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// The bytes that the nodes and their values occupy on the tape.
    ///
    /// Values that are shared with the user or with a parameter do not count.
    pub fn bytes(&self) -> usize {
        let arena = self.tape.arena.borrow();
        // The tape keeps one pair of arguments, [0, 0], for all rows without arguments; a run of equal pairs is
        // stored once.
        let (mut bytes, mut args) = (size_of::<Args>(), 0);
        for &node in &self.nodes {
            let [a, b] = arena.stream.operands(node as usize);
            bytes += size_of::<Node<T>>();
            let index = match arena.stream.code(node as usize) {
                Opcode::Unary(row) if row.keeps_slope() => {
                    bytes += size_of::<T>();
                    0
                }
                Opcode::Unary(_) => b,
                Opcode::Statement => {
                    bytes += arena.stream.inputs(node as usize).len() * (size_of::<u32>() + size_of::<T>());
                    0
                }
                Opcode::Array => {
                    let array = &arena.arrays[a];
                    bytes += arena.arrays.bytes_of(a);
                    // A reshape, or a deferred transpose, has no values of its own.
                    let shares = arena.arrays.inputs(a).iter().any(|&input| {
                        let input = &arena.arrays[input];
                        (input.place, input.numel) == (array.place, array.numel)
                    });
                    if matches!(array.place, Storage::Data(_)) && !shares {
                        bytes += array.numel * size_of::<T>();
                    }
                    bytes += arena.slopes(a).map_or(0, |slopes| slopes.len()) * size_of::<T>();
                    if let ArrayCode::Unary(_, index) = array.code { index } else { 0 }
                }
                _ => 0,
            };
            if index != 0 && index != args {
                args = index;
                bytes += size_of::<Args>();
            }
        }
        bytes
    }

    /// The number of operations on the longest chain from a variable, parameter or constant.
    ///
    /// ```
    /// let tape = autograd::Tape::new();
    /// let x = tape.scalar(1.0);
    /// let y = (0..1000).fold(x, |y, _| y.sin());
    /// assert_eq!((x + y).graph().longest_path(), 1001);
    /// ```
    pub fn longest_path(&self) -> usize {
        let arena = self.tape.arena.borrow();
        let (mut scalars, mut arrays) = (vec![0usize; arena.stream.len()], vec![0usize; arena.arrays.len()]);
        let mut longest = 0;
        for &node in &self.nodes {
            let length = |source: Key| match source {
                Key::Node(node) => scalars[node as usize],
                Key::Array(array) => arrays[array as usize],
                Key::Param(_) => unreachable!("names only"),
            };
            let before = sources(&arena, node).into_iter().map(length).max().unwrap_or(0);
            let length = before + usize::from(operation(&arena, node).is_some());
            longest = longest.max(length);
            match key(&arena, node) {
                Key::Array(array) => arrays[array as usize] = length,
                _ => scalars[node as usize] = length,
            }
        }
        longest
    }

    /// How often each operation occurs, by name, including user-defined operations.
    pub fn census(&self) -> BTreeMap<String, usize> {
        let arena = self.tape.arena.borrow();
        let mut census = BTreeMap::new();
        for name in self.nodes.iter().filter_map(|&node| operation(&arena, node)) {
            *census.entry(name).or_default() += 1;
        }
        census.into_iter().map(|(name, count)| (name.to_string(), count)).collect()
    }

    /// Shows the statistics and, where there is room, the drawing in a notebook of the evcxr kernel, which calls this
    /// method.
    pub fn evcxr_display(&self) {
        // One write, so that the output of other threads cannot come between.
        print!("{}", self.notebook());
    }

    fn notebook(&self) -> String {
        notebook(&self.to_string(), "image/svg+xml", &self.to_svg())
    }
}

/// Prints a table: how often each operation occurs, then nodes, bytes, and the longest path.
///
/// ```
/// let tape = autograd::Tape::new();
/// let x = tape.scalar(1.0);
/// let table = x.sin().sin().graph().to_string();
/// assert!(table.starts_with("sin                2\n"), "{table}");
/// assert!(table.ends_with("longest path       2"), "{table}");
/// ```
impl<T: Float> fmt::Display for Graph<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let census = self.census();
        let width = census.keys().map(|name| name.chars().count()).fold("longest path".len(), usize::max);
        for (name, count) in census {
            writeln!(f, "{name:<width$} {count:>7}")?;
        }
        writeln!(f, "{:<width$} {:>7}", "nodes", self.nodes())?;
        writeln!(f, "{:<width$} {:>7}", "bytes", self.bytes())?;
        write!(f, "{:<width$} {:>7}", "longest path", self.longest_path())
    }
}

impl<T: Float> fmt::Debug for Graph<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (nodes, bytes, path) = (self.nodes(), self.bytes(), self.longest_path());
        write!(f, "Graph<{}> of {nodes} nodes, {bytes} bytes, longest path {path}", T::NAME)
    }
}

fn key<T: Float>(arena: &Arena<T>, node: u32) -> Key {
    match arena.stream.code(node as usize) {
        Opcode::Array => Key::Array(arena.stream.operands(node as usize)[0]),
        _ => Key::Node(node),
    }
}

/// The inputs of a node, in the order of its operands.
fn sources<T: Float>(arena: &Arena<T>, node: u32) -> SmallVec<[Key; 4]> {
    let a = arena.stream.operands(node as usize)[0];
    match arena.stream.code(node as usize) {
        Opcode::Variable | Opcode::Constant | Opcode::Unary(_) | Opcode::Binary(_) | Opcode::Statement => {
            arena.stream.inputs(node as usize).into_iter().map(Key::Node).collect()
        }
        Opcode::Item => SmallVec::from_slice(&[Key::Array(a)]),
        Opcode::Array => match arena.arrays[a].code {
            ArrayCode::Lift(scalar) => SmallVec::from_slice(&[Key::Node(scalar)]),
            _ => arena.arrays.inputs(a).iter().map(|&input| Key::Array(input)).collect(),
        },
    }
}

/// The name of the operation, unless the node is an input, or another node's value read as a number or as an array.
fn operation<T: Float>(arena: &Arena<T>, node: u32) -> Option<&str> {
    match arena.stream.code(node as usize) {
        code @ (Opcode::Unary(_) | Opcode::Binary(_) | Opcode::Statement) => Some(code.name()),
        Opcode::Array => match arena.kind(arena.stream.operands(node as usize)[0]) {
            kind @ (ArrayOp::Op(_) | ArrayOp::External(_)) => Some(kind.name()),
            _ => None,
        },
        Opcode::Variable | Opcode::Constant | Opcode::Item => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::Tape;

    #[test]
    fn a_notebook_gets_text_and_a_picture() {
        let tape = Tape::new();
        let shown = tape.scalar(1.0).sin().graph().notebook();
        assert!(shown.starts_with("EVCXR_BEGIN_CONTENT text/plain\nsin "), "{shown}");
        assert!(shown.contains("\nEVCXR_END_CONTENT\nEVCXR_BEGIN_CONTENT image/svg+xml\n<svg "), "{shown}");
        assert!(shown.ends_with("</svg>\n\nEVCXR_END_CONTENT\n"), "{shown}");
    }
}
