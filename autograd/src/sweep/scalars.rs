//! The sweep of scalar nodes, which does not know arrays.
//!
//! Threaded code (Bell 1973): the function that sweeps a node calls that for the node before it, instead of returning
//! to a loop that branches. The processor then predicts each call from its own history, which in a user's loop is
//! always the same; a single branch for all nodes costs several cycles more (Ertl and Gregg 2003).

use crate::kernels::binary::first_form_of_two;
use crate::number::Float;
use crate::number::rows::{Binary, Unary};
use crate::tape::arena::{Node, Opcode, Stream, bytes};

/// Sweeps the last of the nodes, with `near` as a part of its gradient, and some of those before it.
///
/// Returns the end of the nodes that remain, and the part of the gradient of the last of them. The gradient that a
/// node passes to the one directly before it, in a chain the whole gradient, stays in a register, `near`, instead of
/// going through memory.
type Arm<T> = fn(&Stream<T>, nodes: &[Node<T>], gradients: &mut [T], near: T) -> (usize, T);

/// The largest number of nodes before the arms return, so that the stack is bounded where the compiler does not turn
/// their calls into jumps.
pub(super) const RUN: usize = 256;

/// The end that an arm returns if it meets an operand behind its node; no tape has one.
const ASTRAY: usize = usize::MAX;

/// Sweeps the scalar nodes before `end` down to the first that it leaves to its caller, because that is, or reads, an
/// array. Returns the end of the nodes that remain.
#[inline(never)]
pub(super) fn scalars<T: Float>(stream: &Stream<T>, gradients: &mut [T], mut end: usize) -> usize {
    let mut near = T::zero();
    while let Some(last) = stream.nodes()[..end].last() {
        let rest;
        (rest, near) = Arms::<T>::BY_BYTE[usize::from(last.byte())](stream, &stream.nodes()[..end], gradients, near);
        assert!(rest != ASTRAY, "sweep: an operand behind its node");
        if rest == end {
            break;
        }
        end = rest;
    }
    end
}

/// Continues with the last of `nodes`.
#[inline(always)]
fn sweep<T: Float>(stream: &Stream<T>, nodes: &[Node<T>], gradients: &mut [T], near: T) -> (usize, T) {
    match nodes.last() {
        Some(last) if !nodes.len().is_multiple_of(RUN) => {
            Arms::<T>::BY_BYTE[usize::from(last.byte())](stream, nodes, gradients, near)
        }
        _ => (nodes.len(), near),
    }
}

/// Adds to a node's gradient, and returns it.
#[inline(always)]
fn add<T: Float>(gradients: &mut [T], node: usize, dx: T) -> Result<T, Stop> {
    let gradient = gradients.get_mut(node).ok_or(Stop::Astray)?;
    *gradient = *gradient + dx;
    Ok(*gradient)
}

/// The reason why an arm stops.
enum Stop {
    /// It met an operand behind its node.
    Astray,
    /// The row's derivative has another form for this number than for most.
    Rare,
}

/// An arm that adds `near` to the last node's gradient. If the sum is not 0, `pass` adds to the gradients of the
/// node's operands and returns the gradient of the node before. Another arm handles the rare form of a derivative, so
/// that no register is reserved for it here.
#[inline(always)]
fn arm<T: Float>(
    stream: &Stream<T>,
    nodes: &[Node<T>],
    gradients: &mut [T],
    near: T,
    pass: impl FnOnce(&mut Here<'_, T>) -> Result<T, Stop>,
) -> (usize, T) {
    let passed = || {
        let (node, before) = nodes.split_last().ok_or(Stop::Astray)?;
        let dy = add(gradients, before.len(), near)?;
        // A zero passes nothing on, whatever the local derivative is: see the edge-value policy.
        let near = if dy == T::zero() { dy } else { pass(&mut Here { stream, node, before, gradients, dy })? };
        Ok((before, near))
    };
    match passed() {
        Ok((before, near)) => sweep(stream, before, gradients, near),
        // The gradient is complete, and is not 0.
        Err(Stop::Rare) => any(stream, nodes, gradients, T::zero()),
        Err(Stop::Astray) => (ASTRAY, near),
    }
}

/// The node that an arm sweeps.
struct Here<'a, T: Float> {
    stream: &'a Stream<T>,
    node: &'a Node<T>,
    before: &'a [Node<T>],
    gradients: &'a mut [T],
    /// Its gradient.
    dy: T,
}

impl<T: Float> Here<'_, T> {
    #[inline(always)]
    fn operands(&self) -> [usize; 2] {
        self.node.operands().map(|operand| operand as usize)
    }

    /// The value of an operand. It does not panic on an invalid index, so that a value that the rule does not use is
    /// not loaded.
    #[inline(always)]
    fn value(&self, operand: usize) -> T {
        self.before.get(operand).map_or(self.dy, |node| node.value)
    }

    /// The value of the node directly before.
    #[inline(always)]
    fn near(&self) -> T {
        self.value(self.before.len().wrapping_sub(1))
    }

    /// The gradient that a row passes to its operand `x`; `index` is that of the data that it keeps.
    #[inline(always)]
    fn unary(&self, row: Unary, x: T, index: usize) -> Result<T, Stop> {
        self.stream.first_form(row, [x, self.node.value], index, self.dy).ok_or(Stop::Rare)
    }

    /// The gradients that a row passes to its operands `a` and `b`.
    #[inline(always)]
    fn binary(&self, row: Binary, a: T, b: T) -> Result<(T, T), Stop> {
        let (aby, dy) = ([a, b, self.node.value], self.dy);
        // Without a closure, which would not be compiled for each row.
        let (Some(da), Some(db)) = (first_form_of_two(row, false, aby, dy), first_form_of_two(row, true, aby, dy))
        else {
            return Err(Stop::Rare);
        };
        Ok((da, db))
    }

    /// Adds to an operand's gradient.
    #[inline(always)]
    fn pass(&mut self, operand: usize, dx: T) -> Result<(), Stop> {
        add(self.gradients, operand, dx).map(|_| ())
    }
}

/// Calls a macro with the rows that have arms of their own: those that are marked `Common`.
macro_rules! common_rows {
    ($with:ident) => {
        $with! {
            unary Exp Ln Sqrt Rsqrt Recip Square Sin Cos Tanh Sigmoid Relu Neg AddNumber SubFrom MulNumber DivNumber DivInto;
            binary Add Sub Mul Div Chain ChainOver;
        }
    };
}
pub(super) use common_rows;

/// The table of the arms; a type, since a generic function cannot have a constant of its own.
struct Arms<T>(T);

impl<T: Float> Arms<T> {
    /// Indexed by [`Opcode::byte`]. Common rows have an arm for each arrangement of their operands.
    const BY_BYTE: &[Arm<T>; 256] = &{
        let mut arms: [Arm<T>; 256] = [any; 256];
        macro_rules! arm {
            ($byte:expr, $pass:expr) => {
                arms[$byte as usize] = |stream, nodes, gradients, near| arm(stream, nodes, gradients, near, $pass);
            };
        }
        arms[Opcode::Array.byte([false; 2]) as usize] = leave;
        arms[Opcode::Item.byte([false; 2]) as usize] = leave;
        arms[VARIABLE as usize] = variables;
        arm!(Opcode::Constant.byte([false; 2]), |_| Ok(T::zero()));
        arm!(Opcode::Statement.byte([false; 2]), |here| {
            for (x, slope) in here.stream.statements.links(here.node.operands()) {
                here.pass(x, here.dy.chain(slope))?;
            }
            Ok(T::zero())
        });
        macro_rules! rows {
            (unary $($Unary:ident)*; binary $($Binary:ident)*;) => { $(
                const { assert!(Unary::$Unary.is_common(), "mark the row Common in number/table.rs") };
                arm!(bytes::$Unary::FAR, |here| {
                    let [a, index] = here.operands();
                    here.pass(a, here.unary(Unary::$Unary, here.value(a), index)?)?;
                    Ok(T::zero())
                });
                arm!(bytes::$Unary::NEAR, |here| here.unary(Unary::$Unary, here.near(), here.operands()[1]));
            )* $(
                const { assert!(Binary::$Binary.is_common(), "mark the row Common in number/table.rs") };
                arm!(bytes::$Binary::FAR, |here| {
                    let [a, b] = here.operands();
                    let (da, db) = here.binary(Binary::$Binary, here.value(a), here.value(b))?;
                    here.pass(a, da)?;
                    here.pass(b, db)?;
                    Ok(T::zero())
                });
                arm!(bytes::$Binary::NEAR_A, |here| {
                    let [_, b] = here.operands();
                    let (da, db) = here.binary(Binary::$Binary, here.near(), here.value(b))?;
                    here.pass(b, db)?;
                    Ok(da)
                });
                arm!(bytes::$Binary::NEAR_B, |here| {
                    let [a, _] = here.operands();
                    let (da, db) = here.binary(Binary::$Binary, here.value(a), here.near())?;
                    here.pass(a, da)?;
                    Ok(db)
                });
                arm!(bytes::$Binary::NEAR, |here| {
                    let (da, db) = here.binary(Binary::$Binary, here.near(), here.near())?;
                    Ok(da + db)
                });
            )* };
        }
        common_rows!(rows);
        arms
    };
}

const VARIABLE: u8 = Opcode::Variable.byte([false; 2]);

/// A variable, which passes nothing on. In a run of variables, such as a model's inputs, the gradients of all but the
/// last are complete and stay untouched.
fn variables<T: Float>(stream: &Stream<T>, nodes: &[Node<T>], gradients: &mut [T], near: T) -> (usize, T) {
    let before = &nodes[..nodes.len() - 1];
    if add(gradients, before.len(), near).is_err() {
        return (ASTRAY, near);
    }
    let other = |node: &Node<T>| node.byte() != VARIABLE;
    match before.last() {
        Some(node) if other(node) => sweep(stream, before, gradients, T::zero()),
        _ => (before.iter().rposition(other).map_or(0, |last| last + 1), T::zero()),
    }
}

/// Leaves a node to the caller.
fn leave<T: Float>(_: &Stream<T>, nodes: &[Node<T>], gradients: &mut [T], near: T) -> (usize, T) {
    match add(gradients, nodes.len() - 1, near) {
        Ok(_) => (nodes.len(), T::zero()),
        Err(_) => (ASTRAY, near),
    }
}

/// Any row, in whichever form its derivative has for these numbers.
#[inline(never)]
fn any<T: Float>(stream: &Stream<T>, nodes: &[Node<T>], gradients: &mut [T], near: T) -> (usize, T) {
    arm(stream, nodes, gradients, near, |here| {
        let ([a, b], y, dy) = (here.operands(), here.node.value, here.dy);
        match here.node.code() {
            Opcode::Unary(row) => here.pass(a, here.stream.pass(row, [here.value(a), y], b, dy))?,
            Opcode::Binary(row) => {
                let aby = [here.value(a), here.value(b), y];
                here.pass(a, row.pass_of_any(false, aby, dy))?;
                here.pass(b, row.pass_of_any(true, aby, dy))?;
            }
            _ => return Err(Stop::Astray),
        }
        Ok(T::zero())
    })
}
