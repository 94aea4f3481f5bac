//! [`Graph`]: nodes and constants under names that occur once; [`At`]: a part of the model that adds to them.

use std::collections::{HashMap, HashSet};
use std::fmt::Display;

use autograd::{Shape, Tensor};
use indexmap::IndexMap;

use super::WHAT;
use super::proto::{self, AttributeProto, Node};
use super::state::State;
use super::table;
use crate::error::{Error, Result};
use crate::nn::config::{Config, inside};

/// A value of the graph. The first axis are the samples, and the file leaves its length open.
#[derive(Debug, Clone)]
pub(super) struct Value {
    pub(super) name: String,
    pub(super) shape: Shape,
}

impl Value {
    pub(super) fn rank(&self) -> usize {
        self.shape.len()
    }

    /// The axes behind the samples.
    pub(super) fn tail(&self) -> &[usize] {
        &self.shape[1..]
    }

    /// The lengths of the samples' axis and of others behind it.
    pub(super) fn with_tail(&self, tail: impl IntoIterator<Item = usize>) -> Shape {
        [self.shape[0]].into_iter().chain(tail).collect()
    }
}

/// A constant of the graph.
#[derive(Debug, PartialEq)]
pub(super) enum Constant {
    Numbers(Tensor),
    /// Places and lengths, in one axis.
    Whole(Vec<i64>),
    Flags(Shape, Vec<bool>),
}

/// A setting of a node.
#[derive(Debug)]
pub(super) enum Attribute {
    Int(i64),
    Ints(Vec<i64>),
    Float(f64),
    Text(&'static str),
}

impl Attribute {
    fn named(self, name: &str) -> AttributeProto {
        let mut attribute = AttributeProto { name: name.into(), ..Default::default() };
        // The numbers of `AttributeProto.AttributeType`.
        attribute.kind = match self {
            Attribute::Float(f) => {
                attribute.f = Some(f as f32);
                1
            }
            Attribute::Int(i) => {
                attribute.i = Some(i);
                2
            }
            Attribute::Text(text) => {
                attribute.s = Some(text.into());
                3
            }
            Attribute::Ints(ints) => {
                attribute.ints = ints;
                7
            }
        };
        attribute
    }
}

/// Settings by name.
pub(super) trait Attributes: IntoIterator<Item = (&'static str, Attribute)> {}

impl<I: IntoIterator<Item = (&'static str, Attribute)>> Attributes for I {}

/// Lengths as the format has them.
pub(super) fn ints(lengths: &[usize]) -> Vec<i64> {
    lengths.iter().map(|&length| length as i64).collect()
}

#[derive(Debug)]
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    pub(super) constants: IndexMap<String, Constant>,
    names: HashSet<String>,
    /// The machine epsilon of the model's numbers, which is the usual constant of a layer.
    pub(super) epsilon: f64,
    /// Whether the numbers of the file have 64 bits.
    pub(super) wide: bool,
    /// A node with a setting beyond f32, which the format has for settings.
    beyond: Option<String>,
}

impl Graph {
    /// An empty graph, whose inputs and outputs have these names.
    pub(super) fn new(reserved: impl IntoIterator<Item = String>, epsilon: f64, wide: bool) -> Self {
        let names = reserved.into_iter().collect();
        Graph { nodes: vec![], constants: IndexMap::new(), names, epsilon, wide, beyond: None }
    }

    /// The name, with a number behind it if it is taken.
    fn fresh(&mut self, name: &str) -> String {
        let numbered = (1..).map(|i| format!("{name}_{i}"));
        let free = [name.to_string()].into_iter().chain(numbered).find(|name| !self.names.contains(name));
        let free = free.expect("numbers do not end");
        self.names.insert(free.clone());
        free
    }

    /// The name of a constant: of the same one if it is there, as where two parts are one.
    fn constant(&mut self, name: &str, constant: Constant) -> String {
        if self.constants.get(name) == Some(&constant) {
            return name.to_string();
        }
        let name = self.fresh(name);
        self.constants.insert(name.clone(), constant);
        name
    }

    /// Gives values the names of outputs. An input, and a value with two names, are passed on.
    pub(super) fn name_outputs(&mut self, outputs: &[(String, Value)]) {
        let made: HashSet<String> = self.nodes.iter().flat_map(|node| node.output.iter().cloned()).collect();
        let mut renamed = HashMap::new();
        for (name, value) in outputs {
            if made.contains(&value.name) && !renamed.contains_key(&value.name) {
                renamed.insert(value.name.clone(), name.clone());
            } else if *name != value.name {
                let (input, output) = (vec![value.name.clone()], vec![name.clone()]);
                self.nodes.push(Node {
                    input,
                    output,
                    name: name.clone(),
                    op_type: "Identity".into(),
                    ..Node::default()
                });
            }
        }
        for place in self.nodes.iter_mut().flat_map(|node| node.input.iter_mut().chain(&mut node.output)) {
            if let Some(name) = renamed.get(place) {
                place.clone_from(name);
            }
        }
    }

    /// The constants as messages.
    pub(super) fn tensors(&self) -> Result<Vec<proto::TensorProto>> {
        if let Some(node) = &self.beyond {
            let why = format!("`{node}` has a setting beyond f32, which the format has for settings; make it smaller");
            return Err(Error::invalid(WHAT, why));
        }
        self.constants.iter().map(|(name, constant)| self.tensor(name, constant)).collect()
    }

    fn tensor(&self, name: &str, constant: &Constant) -> Result<proto::TensorProto> {
        let of = |shape: &[usize], data_type: i32, raw_data: Vec<u8>| {
            Ok(proto::TensorProto { dims: ints(shape), data_type, name: name.into(), raw_data })
        };
        match constant {
            Constant::Numbers(x) if self.wide => {
                of(x.shape(), proto::DOUBLE, x.as_slice().iter().flat_map(|x| x.to_le_bytes()).collect())
            }
            Constant::Numbers(x) => match x.as_slice().iter().find(|x| !(**x as f32).is_finite()) {
                Some(x) => Err(Error::invalid(WHAT, format!("`{name}` holds {x:e}, which f32 does not; export f64"))),
                None => {
                    of(x.shape(), proto::FLOAT, x.as_slice().iter().flat_map(|&x| (x as f32).to_le_bytes()).collect())
                }
            },
            Constant::Whole(x) => of(&[x.len()], proto::INT64, x.iter().flat_map(|x| x.to_le_bytes()).collect()),
            Constant::Flags(shape, x) => of(shape, proto::BOOL, x.iter().map(|&x| u8::from(x)).collect()),
        }
    }
}

/// A part of the model: where it stands, and its numbers.
#[derive(Debug)]
pub(super) struct At<'g> {
    pub(super) graph: &'g mut Graph,
    pub(super) state: State,
    /// As errors and the names of nodes have it, such as `layers.2`.
    place: String,
}

impl<'g> At<'g> {
    /// The whole model.
    pub(super) fn new(graph: &'g mut Graph, state: State) -> Self {
        At { graph, state, place: String::new() }
    }

    /// The nodes of a part of this one; an error names its place.
    pub(super) fn part(&mut self, place: impl Display, state: State, config: &Config, x: Value) -> Result<Value> {
        let mut at = At { place: self.named(&place.to_string()), state, graph: self.graph };
        table::layer(&mut at, config, x).map_err(|error| error.within(place))
    }

    /// A part that is no layer of a table of its own, under the name that its numbers have.
    pub(super) fn within(&mut self, part: &str) -> At<'_> {
        At { place: self.named(part), state: self.state.within(part), graph: self.graph }
    }

    fn named(&self, name: &str) -> String {
        inside(&self.place, name)
    }

    /// Adds a node with one output, and returns its name.
    pub(super) fn node(&mut self, op: &str, inputs: &[&str], attributes: impl Attributes) -> String {
        self.push(op, inputs, attributes, 0)
    }

    /// Adds a node whose second output alone is read, and returns its name.
    pub(super) fn node_second(&mut self, op: &str, inputs: &[&str], attributes: impl Attributes) -> String {
        self.push(op, inputs, attributes, 1)
    }

    /// Adds a node of which the output behind so many others is read, and returns its name.
    fn push(&mut self, op: &str, inputs: &[&str], attributes: impl Attributes, others: usize) -> String {
        let name = self.graph.fresh(&self.named(op));
        let mut output = vec![String::new(); others];
        output.push(name.clone());
        let attribute: Vec<_> = attributes.into_iter().map(|(name, attribute)| attribute.named(name)).collect();
        if attribute.iter().any(|attribute| attribute.f.is_some_and(|f| !f.is_finite())) {
            self.graph.beyond.get_or_insert_with(|| name.clone());
        }
        let input = inputs.iter().map(|name| name.to_string()).collect();
        self.graph.nodes.push(Node { input, output, name: name.clone(), op_type: op.into(), attribute });
        name
    }

    /// A node that keeps the shape of `x`, with further inputs.
    pub(super) fn map(&mut self, op: &str, x: &Value, others: &[&str], attributes: impl Attributes) -> Value {
        let inputs: Vec<&str> = [x.name.as_str()].into_iter().chain(others.iter().copied()).collect();
        Value { name: self.node(op, &inputs, attributes), shape: x.shape.clone() }
    }

    /// `op(x, y)` with a constant that stretches to the shape of `x`.
    pub(super) fn with_constant(&mut self, op: &str, x: &Value, name: &str, y: impl Into<Tensor>) -> Value {
        let y = self.numbers(name, y);
        self.map(op, x, &[&y], [])
    }

    /// `op(x, y)` with one number.
    pub(super) fn with_number(&mut self, op: &str, x: &Value, y: f64) -> Value {
        self.with_constant(op, x, &format!("{op}.number"), Tensor::full(Shape::from([]), y))
    }

    /// The samples as they are, and other axes behind them.
    pub(super) fn reshape(&mut self, x: &Value, tail: &[usize]) -> Value {
        // 0 takes the length of the input's axis.
        let to = self.whole("shape", [0].into_iter().chain(ints(tail)).collect());
        Value { name: self.node("Reshape", &[&x.name, &to], []), shape: x.with_tail(tail.iter().copied()) }
    }

    pub(super) fn transpose(&mut self, x: &Value, axes: &[usize]) -> Value {
        let name = self.node("Transpose", &[&x.name], [("perm", Attribute::Ints(ints(axes)))]);
        Value { name, shape: axes.iter().map(|&axis| x.shape[axis]).collect() }
    }

    /// The name of a parameter or buffer, which the part must have.
    pub(super) fn weight(&mut self, name: &str) -> Result<String> {
        let x = self.state.need(name)?;
        Ok(self.graph.constant(&self.state.name(name), Constant::Numbers(x)))
    }

    /// The same for numbers that are made of them.
    pub(super) fn numbers(&mut self, name: &str, x: impl Into<Tensor>) -> String {
        self.graph.constant(&self.named(name), Constant::Numbers(x.into()))
    }

    /// The name of whole numbers.
    pub(super) fn whole(&mut self, name: &str, x: Vec<i64>) -> String {
        self.graph.constant(&self.named(name), Constant::Whole(x))
    }

    /// The name of marks.
    pub(super) fn flags(&mut self, name: &str, shape: impl Into<Shape>, x: Vec<bool>) -> String {
        self.graph.constant(&self.named(name), Constant::Flags(shape.into(), x))
    }
}
