//! The content of a drawing: boxes with text, and the inputs of each box.

use std::collections::{HashMap, HashSet};

use super::text::{number, numbered, tidy, values};
use super::{Graph, Key, key, sources};
use crate::number::Float;
use crate::number::rows::{Args, Binary, Unary};
use crate::ops::Array;
use crate::ops::Op;
use crate::tape::arena::{Arena, ArrayCode, ArrayOp, Opcode};
use crate::tensor::Tensor;

/// The largest number of characters of a name.
const NAME: usize = 32;
/// The largest number of characters of a formula; a longer one states the number of operands instead.
const FORMULA: usize = 44;

/// The role of a box; drawings distinguish roles by outline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Variable,
    Parameter,
    Constant,
    Operation,
}

impl Role {
    pub(super) const ALL: [Role; 4] = [Role::Variable, Role::Parameter, Role::Constant, Role::Operation];

    pub(super) fn name(self) -> &'static str {
        ["variable", "parameter", "constant", "operation"][self as usize]
    }
}

/// A box of the drawing.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) role: Role,
    pub(super) name: String,
    /// The text after the name in the first line: ` = x + y`, or nothing.
    pub(super) formula: String,
    /// Shape, value and gradient, as far as present.
    pub(super) lines: Vec<String>,
    /// The boxes that it reads, in the order of operands; all precede it.
    pub(super) inputs: Vec<usize>,
}

/// The origin of a box: its node, and the nodes that only read its value as a number or as an array.
struct Origin {
    node: u32,
    key: Key,
    readings: Vec<Key>,
    readers: usize,
}

impl<T: Float> Graph<'_, T> {
    /// The boxes, in the order of computation.
    ///
    /// An array's only value read as a number, and a number used as an array, share the box of the value that they
    /// read.
    pub(super) fn sketch(&self) -> Vec<Block> {
        let arena = self.tape.arena.borrow();
        let mut origins: Vec<Origin> = vec![];
        let mut inputs: Vec<Vec<usize>> = vec![];
        let mut block_of: HashMap<Key, usize> = HashMap::new();
        for &node in &self.nodes {
            let key = key(&arena, node);
            let read: Vec<usize> = sources(&arena, node).iter().map(|source| block_of[source]).collect();
            if is_reading(&arena, node) {
                origins[read[0]].readings.push(key);
                block_of.insert(key, read[0]);
                continue;
            }
            for source in sources(&arena, node) {
                let origin = &mut origins[block_of[&source]];
                origin.readers += usize::from(source == origin.key);
            }
            block_of.insert(key, origins.len());
            origins.push(Origin { node, key, readings: vec![], readers: 0 });
            inputs.push(read);
        }
        let names = self.block_names(&arena, &origins);
        let block = |(origin, inputs): (&Origin, Vec<usize>)| {
            let operands: Vec<&str> = inputs.iter().map(|&input| names[input].as_str()).collect();
            let role = role(&arena, origin.node);
            let mut formula = String::new();
            if role == Role::Operation {
                formula = format!(" = {}", self.formula(&arena, origin.node, &operands));
            }
            let name = names[block_of[&origin.key]].clone();
            if let (Role::Constant, Some(value)) = (role, self.only_value(&arena, origin.node)) {
                let value = number(value.to_f64());
                formula = if name == value { String::new() } else { format!(" = {value}") };
            }
            Block { role, name, formula, lines: self.lines(&arena, origin, role), inputs }
        };
        origins.iter().zip(inputs).map(block).collect()
    }

    /// The given names, and generated names for the rest.
    fn block_names(&self, arena: &Arena<T>, origins: &[Origin]) -> Vec<String> {
        let given = |origin: &Origin| {
            let param = match arena.stream.code(origin.node as usize) {
                Opcode::Array => match arena.kind(arena.stream.operands(origin.node as usize)[0]) {
                    ArrayOp::Param(param) => Some(Key::Param(param.id())),
                    _ => None,
                },
                _ => None,
            };
            let keys = std::iter::once(origin.key).chain(origin.readings.iter().copied()).chain(param);
            keys.filter_map(|key| self.names.get(&key)).map(|name| tidy(name, NAME)).next()
        };
        let given: Vec<Option<String>> = origins.iter().map(given).collect();
        let taken: HashSet<String> = given.iter().flatten().cloned().collect();
        let mut counts = [0; 4];
        let name = |(origin, given): (&Origin, Option<String>)| {
            let role = role(arena, origin.node);
            if let Some(name) = given {
                return name;
            }
            if let (Role::Constant, Some(value)) = (role, self.only_value(arena, origin.node)) {
                return number(value.to_f64());
            }
            loop {
                counts[role as usize] += 1;
                let name = numbered(['x', 'w', 'c', 'v'][role as usize], counts[role as usize]);
                if !taken.contains(&name) {
                    return name;
                }
            }
        };
        origins.iter().zip(given).map(name).collect()
    }

    /// Shape, value and gradient.
    fn lines(&self, arena: &Arena<T>, origin: &Origin, role: Role) -> Vec<String> {
        let mut lines = vec![];
        if let Key::Array(array) = origin.key {
            let shape = arena.arrays.shape(array);
            lines.extend((!shape.is_empty()).then(|| format!("shape {shape}")));
        }
        let said = role == Role::Constant && self.only_value(arena, origin.node).is_some();
        if self.values && !said {
            lines.push(match self.value(arena, origin.node) {
                Some(value) if value.numel() == 1 => format!("value {}", values(&value)),
                Some(value) => format!("values {}", values(&value)),
                None => "values updated since".into(),
            });
        }
        // A number read once from an array has the array's gradient.
        let reading = origin.readings.first().filter(|_| origin.readings.len() == 1 && origin.readers == 0);
        let gradient = self.gradients.get(&origin.key).or_else(|| self.gradients.get(reading?));
        lines.extend(gradient.map(|gradient| format!("gradient {}", values(gradient))));
        lines
    }

    /// The values, or `None` if they were given back to a parameter that was then updated.
    fn value(&self, arena: &Arena<T>, node: u32) -> Option<Tensor<T>> {
        let Key::Array(index) = key(arena, node) else {
            return Some(Tensor::full([], arena.stream.value(node as usize)));
        };
        if arena.arrays.is_released(index) {
            return None;
        }
        let shape = arena.arrays.shape(index);
        if let (true, ArrayOp::Op(op)) = (arena.arrays[index].pending, arena.kind(index)) {
            let input = arena.arrays.inputs(index)[0];
            // A transpose holds its input's values itself.
            let holder = if matches!(*op, Op::Transpose(_)) { index } else { input };
            let x = Tensor::new(arena.arrays.shape(input), arena.array_values(holder).to_vec());
            return Some(Tensor::apply(op.into_owned(), shape.clone(), &[&x]));
        }
        Some(Tensor::new(shape, arena.array_values(index).to_vec()))
    }

    fn only_value(&self, arena: &Arena<T>, node: u32) -> Option<T> {
        match key(arena, node) {
            Key::Array(array) if arena.arrays[array].numel != 1 => None,
            _ => self.value(arena, node).map(|value| value.item()),
        }
    }

    fn formula(&self, arena: &Arena<T>, node: u32, operands: &[&str]) -> String {
        let [a, b] = arena.stream.operands(node as usize);
        let text = match arena.stream.code(node as usize) {
            Opcode::Unary(row) => unary(row, arena.stream.args(row, b as usize), operands[0]),
            Opcode::Binary(row) => binary(row, operands[0], operands[1]),
            code @ Opcode::Statement => call(code.name(), operands),
            Opcode::Array => match arena.arrays[a].code {
                ArrayCode::Unary(row, index) => unary(row, arena.stream.args(row, index as usize), operands[0]),
                ArrayCode::Binary(row, _) => binary(row, operands[0], operands[1]),
                _ => call(arena.kind(a).name(), operands),
            },
            _ => unreachable!("not an operation"),
        };
        if text.chars().count() <= FORMULA {
            return text;
        }
        let name = super::operation(arena, node).expect("an operation");
        format!("{name} of {}", operands.len())
    }
}

/// Whether the node only reads another node's value, as a number or as an array.
fn is_reading<T: Float>(arena: &Arena<T>, node: u32) -> bool {
    match arena.stream.code(node as usize) {
        Opcode::Item => true,
        Opcode::Array => matches!(arena.kind(arena.stream.operands(node as usize)[0]), ArrayOp::Lift(_)),
        _ => false,
    }
}

fn role<T: Float>(arena: &Arena<T>, node: u32) -> Role {
    match arena.stream.code(node as usize) {
        Opcode::Variable => Role::Variable,
        Opcode::Constant => Role::Constant,
        Opcode::Unary(_) | Opcode::Binary(_) | Opcode::Statement | Opcode::Item => Role::Operation,
        Opcode::Array => match arena.kind(arena.stream.operands(node as usize)[0]) {
            ArrayOp::Variable => Role::Variable,
            ArrayOp::Constant => Role::Constant,
            ArrayOp::Param(_) => Role::Parameter,
            ArrayOp::Lift(_) | ArrayOp::Op(_) | ArrayOp::External(_) => Role::Operation,
        },
    }
}

fn call(name: &str, operands: &[&str]) -> String {
    format!("{name}({})", operands.join(", "))
}

/// An operand, in parentheses if it is negative.
fn enclosed(operand: &str) -> String {
    if operand.starts_with('−') { format!("({operand})") } else { operand.to_string() }
}

/// A unary row in mathematical notation.
fn unary(row: Unary, [p, q]: Args, operand: &str) -> String {
    let plain = |p: f64| enclosed(&number(p));
    let x = &enclosed(operand);
    match row {
        Unary::Neg => format!("−{x}"),
        Unary::AddNumber if p < 0.0 => format!("{x} − {}", number(-p)),
        Unary::AddNumber => format!("{x} + {}", number(p)),
        Unary::SubFrom => format!("{} − {x}", number(p)),
        Unary::MulNumber => format!("{} · {x}", number(p)),
        Unary::DivNumber => format!("{x} / {}", plain(p)),
        Unary::DivInto => format!("{} / {x}", number(p)),
        Unary::Recip => format!("1 / {x}"),
        Unary::Square => format!("{x}²"),
        Unary::Powi | Unary::Powf => format!("{x}^{}", plain(p)),
        Unary::ExpBase => format!("{}^{x}", plain(p)),
        Unary::MaxNumber => call("max", &[operand, &number(p)]),
        Unary::MinNumber => call("min", &[operand, &number(p)]),
        row => {
            let arguments = Unary::ROWS[row as usize].arguments;
            let args = [p, q].map(number);
            let operands: Vec<&str> =
                std::iter::once(operand).chain(args[..arguments].iter().map(String::as_str)).collect();
            call(row.name(), &operands)
        }
    }
}

/// A binary row in mathematical notation.
fn binary(row: Binary, a: &str, b: &str) -> String {
    let sign = match row {
        Binary::Add => " + ",
        Binary::Sub => " − ",
        Binary::Mul => " · ",
        Binary::Div => " / ",
        Binary::Pow => "^",
        Binary::Less => " < ",
        Binary::LessEqual => " ≤ ",
        Binary::Greater => " > ",
        Binary::GreaterEqual => " ≥ ",
        Binary::Equal => " = ",
        Binary::NotEqual => " ≠ ",
        Binary::Maximum => return call("max", &[a, b]),
        Binary::Minimum => return call("min", &[a, b]),
        row => return call(row.name(), &[a, b]),
    };
    format!("{}{sign}{}", enclosed(a), enclosed(b))
}
