//! The forward sweep of scalar nodes, which does not know arrays: threaded code, like the [reverse one](super::scalars).
//!
//! The function that carries the tangents through a node calls that for the next node. A node's tangents lie side by side,
//! one for each direction, so that all directions take one look at it.

use super::scalars::RUN;
use crate::kernels::binary::first_form_of_two;
use crate::number::Float;
use crate::number::rows::{Binary, Unary};
use crate::tape::arena::{Node, Opcode, Stream};

/// Writes the tangents of the node at `at`, and of some of those after it; returns the first node that remains.
type Arm<T, const D: usize> = fn(&Stream<T>, nodes: &[Node<T>], tangents: &mut [[T; D]], at: usize) -> usize;

/// The numbers of directions that there is code for; a sweep of others carries some that stay 0.
pub(super) const WIDTHS: [usize; 4] = [1, 2, 4, 16];

/// The most directions of one sweep: more would need memory, and save little.
pub(crate) const MOST_DIRECTIONS: usize = WIDTHS[WIDTHS.len() - 1];

/// Writes the tangents of the nodes from `at` on, up to the first that it leaves to its caller, because that is, or reads, an
/// array; returns this one, or the number of nodes. `tangents`: `width` for each node, one node's after another's.
#[inline(never)]
pub(super) fn push<T: Float>(
    stream: &Stream<T>,
    nodes: &[Node<T>],
    tangents: &mut [T],
    width: usize,
    at: usize,
) -> usize {
    match width {
        1 => push_lanes::<T, 1>(stream, nodes, tangents, at),
        2 => push_lanes::<T, 2>(stream, nodes, tangents, at),
        4 => push_lanes::<T, 4>(stream, nodes, tangents, at),
        _ => push_lanes::<T, 16>(stream, nodes, tangents, at),
    }
}

fn push_lanes<T: Float, const D: usize>(
    stream: &Stream<T>,
    nodes: &[Node<T>],
    tangents: &mut [T],
    mut at: usize,
) -> usize {
    let tangents = tangents.as_chunks_mut().0;
    while let Some(node) = nodes.get(at) {
        let rest = Arms::<T, D>::BY_BYTE[usize::from(node.byte())](stream, nodes, tangents, at);
        if rest == at {
            break;
        }
        at = rest;
    }
    at
}

/// A node, with the tangents of those before it.
struct Here<'a, T: Float, const D: usize> {
    stream: &'a Stream<T>,
    nodes: &'a [Node<T>],
    tangents: &'a [[T; D]],
    node: &'a Node<T>,
}

impl<T: Float, const D: usize> Here<'_, T, D> {
    #[inline(always)]
    fn operands(&self) -> [usize; 2] {
        self.node.operands().map(|operand| operand as usize)
    }

    /// The value of an operand. It does not panic on an invalid index, so that a value that the rule does not use is
    /// not loaded.
    #[inline(always)]
    fn value(&self, operand: usize) -> T {
        self.nodes.get(operand).map_or(self.node.value, |node| node.value)
    }

    /// The tangents behind a unary row, unless its derivative has another form for these numbers than for most.
    #[inline(always)]
    fn unary(&self, row: Unary) -> Option<[T; D]> {
        let [a, index] = self.operands();
        let (xy, mut dy, mut most) = ([self.value(a), self.node.value], self.tangents[a], true);
        for d in &mut dy {
            match self.stream.first_form(row, xy, index, *d) {
                Some(passed) => *d = passed,
                None => most = false,
            }
        }
        most.then_some(dy)
    }

    /// The same for a binary row.
    #[inline(always)]
    fn binary(&self, row: Binary) -> Option<[T; D]> {
        let [a, b] = self.operands();
        let (aby, mut dy, mut most) = ([self.value(a), self.value(b), self.node.value], self.tangents[a], true);
        let db = &self.tangents[b];
        for k in 0..D {
            match (first_form_of_two(row, false, aby, dy[k]), first_form_of_two(row, true, aby, db[k])) {
                (Some(first), Some(second)) => dy[k] = first + second,
                _ => most = false,
            }
        }
        most.then_some(dy)
    }
}

/// An arm that writes what `pass` returns. Another arm handles the rare forms of derivatives.
#[inline(always)]
fn arm<T: Float, const D: usize>(
    stream: &Stream<T>,
    nodes: &[Node<T>],
    tangents: &mut [[T; D]],
    at: usize,
    pass: impl FnOnce(&Here<'_, T, D>) -> Option<[T; D]>,
) -> usize {
    match pass(&Here { stream, nodes, tangents, node: &nodes[at] }) {
        Some(dy) => {
            tangents[at] = dy;
            after(stream, nodes, tangents, at)
        }
        None => any(stream, nodes, tangents, at),
    }
}

/// Continues behind the node at `at`.
#[inline(always)]
fn after<T: Float, const D: usize>(stream: &Stream<T>, nodes: &[Node<T>], tangents: &mut [[T; D]], at: usize) -> usize {
    let next = at + 1;
    match nodes.get(next) {
        Some(node) if !next.is_multiple_of(RUN) => {
            Arms::<T, D>::BY_BYTE[usize::from(node.byte())](stream, nodes, tangents, next)
        }
        _ => next,
    }
}

/// Leaves a node to the caller.
fn leave<T: Float, const D: usize>(_: &Stream<T>, _: &[Node<T>], _: &mut [[T; D]], at: usize) -> usize {
    at
}

/// Any row, in whichever form its derivative has for these numbers.
#[inline(never)]
fn any<T: Float, const D: usize>(stream: &Stream<T>, nodes: &[Node<T>], tangents: &mut [[T; D]], at: usize) -> usize {
    let node = &nodes[at];
    let [a, b] = node.operands().map(|operand| operand as usize);
    match node.code() {
        Opcode::Unary(row) => {
            let (xy, da) = ([nodes[a].value, node.value], tangents[a]);
            tangents[at] = da.map(|d| stream.pass(row, xy, b, d));
        }
        Opcode::Binary(row) => {
            let (aby, [mut dy, db]) = ([nodes[a].value, nodes[b].value, node.value], [a, b].map(|x| tangents[x]));
            for (d, db) in dy.iter_mut().zip(db) {
                *d = row.pass_of_any(false, aby, *d) + row.pass_of_any(true, aby, db);
            }
            tangents[at] = dy;
        }
        _ => return at,
    }
    after(stream, nodes, tangents, at)
}

/// The table of the arms; a type, since a generic function cannot have a constant of its own.
struct Arms<T, const D: usize>(T);

impl<T: Float, const D: usize> Arms<T, D> {
    /// Indexed by [`Opcode::byte`].
    const BY_BYTE: &[Arm<T, D>; 256] = &{
        let mut arms: [Arm<T, D>; 256] = [any; 256];
        macro_rules! arm {
            ($byte:expr, $pass:expr) => {
                arms[$byte as usize] = |stream, nodes, tangents, at| arm(stream, nodes, tangents, at, $pass);
            };
        }
        arms[Opcode::Array.byte([false; 2]) as usize] = leave;
        arms[Opcode::Item.byte([false; 2]) as usize] = leave;
        // Their tangents are 0 from the start.
        arms[Opcode::Variable.byte([false; 2]) as usize] = after;
        arms[Opcode::Constant.byte([false; 2]) as usize] = after;
        arm!(Opcode::Statement.byte([false; 2]), |here| {
            let mut dy = [T::zero(); D];
            for (x, slope) in here.stream.statements.links(here.node.operands()) {
                for (d, &dx) in dy.iter_mut().zip(&here.tangents[x]) {
                    *d = *d + dx.chain(slope);
                }
            }
            Some(dy)
        });
        macro_rules! rows {
            (unary $($Unary:ident)*; binary $($Binary:ident)*;) => {
                // Which operand is near does not matter here.
                $(
                    arm!(Opcode::Unary(Unary::$Unary).byte([false, false]), |here| here.unary(Unary::$Unary));
                    arms[Opcode::Unary(Unary::$Unary).byte([true, false]) as usize] =
                        arms[Opcode::Unary(Unary::$Unary).byte([false, false]) as usize];
                )*
                $(
                    arm!(Opcode::Binary(Binary::$Binary).byte([false, false]), |here| here.binary(Binary::$Binary));
                    let far = arms[Opcode::Binary(Binary::$Binary).byte([false, false]) as usize];
                    arms[Opcode::Binary(Binary::$Binary).byte([true, false]) as usize] = far;
                    arms[Opcode::Binary(Binary::$Binary).byte([false, true]) as usize] = far;
                    arms[Opcode::Binary(Binary::$Binary).byte([true, true]) as usize] = far;
                )*
            };
        }
        super::scalars::common_rows!(rows);
        arms
    };
}
