//! The sweep of scalar nodes, which does not know arrays.

use crate::number::Float;
use crate::ops::rows::{Binary, Unary};
use crate::tape::arena::{Code, Stream, bytes};

/// Sweeps the scalar nodes before `end` down to the first that it leaves to its caller: an array, or a row of two inputs
/// that is not among the common ones. Returns the end of what is still to be swept.
///
/// What a node passes to the one directly before it, which in a chain is the whole gradient, stays in a register, `near`,
/// instead of going through memory. Common rows have an arm for each way in which their operands lie.
#[inline(never)]
pub(super) fn scalars<T: Float>(stream: &Stream<T>, gradients: &mut [T], end: usize) -> usize {
    const VARIABLE: u8 = Code::Variable.byte([false; 2]);
    const CONSTANT: u8 = Code::Constant.byte([false; 2]);
    const ARRAY: u8 = Code::Array.byte([false; 2]);
    let (nodes, gradients) = (&stream.nodes()[..end], &mut gradients[..end]);
    // Without the refusal of an index, so that what a rule does not read is not read.
    let value = |operand: usize| nodes.get(operand).map_or(T::zero(), |node| node.value);
    let mut near = T::zero();
    for node in (0..end).rev() {
        let y = nodes[node].value;
        let [a, b] = nodes[node].operands().map(|operand| operand as usize);
        let dy = gradients[node] + near;
        gradients[node] = dy;
        near = T::zero();
        let byte = nodes[node].byte();
        if dy == T::zero() && byte != ARRAY {
            continue;
        }
        macro_rules! add {
            ($to:ident, $dx:expr) => {
                gradients[$to] = gradients[$to] + $dx
            };
        }
        // The rules themselves, each compiled into this loop.
        macro_rules! unary {
            ($Row:ident) => {
                dy * stream.slope(Unary::$Row, value(a), y, b)
            };
        }
        macro_rules! binary {
            ($Row:ident) => {{
                let (da, db) = Binary::$Row.partials(value(a), value(b), y);
                (dy * da, dy * db)
            }};
        }
        macro_rules! rows {
            (unary $($Unary:ident)*; binary $($Binary:ident)*;) => {
                match byte {
                    VARIABLE | CONSTANT => {}
                    $(
                        bytes::$Unary::FAR => add!(a, unary!($Unary)),
                        bytes::$Unary::NEAR => near = unary!($Unary),
                    )*
                    $(
                        bytes::$Binary::FAR => {
                            let (da, db) = binary!($Binary);
                            add!(a, da);
                            add!(b, db);
                        }
                        bytes::$Binary::NEAR_A => {
                            let (da, db) = binary!($Binary);
                            near = da;
                            add!(b, db);
                        }
                        bytes::$Binary::NEAR_B => {
                            let (da, db) = binary!($Binary);
                            near = db;
                            add!(a, da);
                        }
                        bytes::$Binary::NEAR => {
                            let (da, db) = binary!($Binary);
                            near = da + db;
                        }
                    )*
                    _ => match nodes[node].code() {
                        Code::Unary(row) => add!(a, dy * slope(stream, row, nodes[a].value, y, b)),
                        _ => return node + 1,
                    },
                }
            };
        }
        rows! {
            unary Exp Ln Sqrt Recip Square Sin Cos Tanh Sigmoid Relu Neg AddNumber SubFrom MulNumber DivNumber DivInto;
            binary Add Sub Mul Div;
        }
    }
    0
}

/// The derivative of any row, out of the loop that has no registers to spare for it.
#[inline(never)]
fn slope<T: Float>(stream: &Stream<T>, row: Unary, x: T, y: T, index: usize) -> T {
    stream.slope(row, x, y, index)
}
