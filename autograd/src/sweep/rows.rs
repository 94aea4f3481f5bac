//! The sweep of the table's rows over arrays: in place where possible.

use super::eager::Eager;
use super::{Buffer, Pool, Sweep};
use crate::kernels::compiled as kernels;
use crate::kernels::isa::FEW;
use crate::kernels::reduce::Loops;
use crate::kernels::runs::{Few, Runs};
use crate::number::Float;
use crate::number::rows::{Args, Binary, Unary};
use crate::ops::Array;
use crate::ops::reduce::stretched;
use crate::shape::Shape;

impl<T: Float> Sweep<'_, '_, T> {
    /// Sweeps a unary row, in place.
    #[track_caller]
    pub(super) fn unary(&mut self, array: u32, row: Unary, args: Args, mut dy: Buffer<T>) {
        if row.is_flat() {
            return self.pool.give(dy);
        }
        match self.arena.slopes(array) {
            Some(slopes) => {
                let same = Runs::Same(dy.len());
                kernels::binary_chain(Binary::Mul, false, &same, &slopes, &slopes, &slopes, &mut dy);
            }
            None => {
                let x = self.arena.array_values(self.arena.arrays[array].inputs[0]);
                kernels::unary_chain(row, args, x, self.arena.array_values(array), &mut dy);
            }
        }
        self.deliver(array, 0, dy);
    }

    /// Sweeps a binary row: in place for the last operand that needs a gradient, on a copy for the other.
    #[track_caller]
    pub(super) fn binary(&mut self, array: u32, row: Binary, alike: bool, dy: Buffer<T>) {
        if row.is_flat() {
            return self.pool.give(dy);
        }
        let (arena, pool) = (self.arena, self.pool);
        let inputs = arena.arrays[array].inputs;
        let needed = |k: usize| arena.arrays[inputs[k]].tracked && row.passes_to(k);
        let needed = [needed(0), needed(1)];
        let aby = if row.is_sum() {
            None
        } else {
            Some([arena.array_values(inputs[0]), arena.array_values(inputs[1]), arena.array_values(array)])
        };
        if alike && inputs[0] != inputs[1] && self.places.is_none() {
            return self.binary_of_one_shape(row, inputs.map(|x| x as usize), needed, aby, dy);
        }
        let (shape, shapes) = (arena.arrays.shape(array), inputs.map(|x| arena.arrays.shape(x)));
        let runs = aby.map(|_| Runs::of_values(shape, shapes[0], shapes[1]));
        // Such a sum has one order, however it is computed.
        let in_order = |k: usize| !needed[k] || shapes[k] == shape || stretched(shape, shapes[k]).is_some();
        if let (Some(runs @ Runs::Few(few)), Some(aby), None) = (&runs, aby, self.places)
            && few.len < FEW
            && row.loops()
            && in_order(0)
            && in_order(1)
        {
            return self.binary_of_few(row, inputs.map(|x| x as usize), needed, (runs, few, aby), dy);
        }
        let along = |k: usize, mut dx: Buffer<T>| {
            if let (Some([a, b, y]), Some(runs)) = (aby, &runs) {
                kernels::binary_chain(row, k == 1, runs, a, b, y, &mut dx);
            }
            summed(dx, shape, shapes[k], pool)
        };
        match needed {
            [true, true] => {
                self.deliver(array, 0, along(0, pool.copy(&dy)));
                self.deliver(array, 1, along(1, dy));
            }
            [true, false] => self.deliver(array, 0, along(0, dy)),
            [false, true] => self.deliver(array, 1, along(1, dy)),
            [false, false] => pool.give(dy),
        }
    }

    /// The same for few values: the gradient of a stretched operand is added up where it belongs.
    fn binary_of_few(
        &mut self,
        row: Binary,
        inputs: [usize; 2],
        needed: [bool; 2],
        (runs, few, aby): (&Runs, &Few, [&[T]; 3]),
        mut dy: Buffer<T>,
    ) {
        // An operand that is not stretched comes last: its gradient takes the place of `dy`.
        let order = if aby[0].len() == dy.len() { [1, 0] } else { [0, 1] };
        for k in order.into_iter().filter(|&k| needed[k]) {
            let slot = &mut self.scratch.arrays[inputs[k]];
            if aby[k].len() == dy.len() && k == order[1] && slot.is_none() {
                kernels::binary_chain(row, k == 1, runs, aby[0], aby[1], aby[2], &mut dy);
                *slot = Some(dy);
                return;
            }
            kernels::binary_chain_add_few(row, k == 1, few, aby, &dy, self.begun(inputs[k]));
        }
        self.pool.give(dy);
    }

    /// The same for two arrays of the result's shape: where another user has already contributed a gradient, the
    /// product is added to it. `aby` are the operands' and the result's values, unless the derivatives are 1.
    fn binary_of_one_shape(
        &mut self,
        row: Binary,
        inputs: [usize; 2],
        needed: [bool; 2],
        aby: Option<[&[T]; 3]>,
        mut dy: Buffer<T>,
    ) {
        let slots = &mut self.scratch.arrays;
        let add = |k: usize, dy: &[T], sum: &mut [T]| match aby {
            None => kernels::add_assign(sum, dy),
            Some(aby) => kernels::binary_chain_add(row, k == 1, aby, dy, sum),
        };
        // The first operand leaves `dy` unchanged, so it should be one that already has a sum.
        let order = if needed[1] && slots[inputs[1]].is_some() { [1, 0] } else { [0, 1] };
        for (at, k) in order.into_iter().enumerate() {
            if !needed[k] {
                continue;
            }
            let last = at == 1 || !needed[order[1]];
            match &mut slots[inputs[k]] {
                Some(sum) => add(k, &dy, sum),
                slot if last => {
                    chain(row, k, aby, &mut dy);
                    *slot = Some(dy);
                    return;
                }
                slot => *slot = Some(chained(row, k, aby, &dy, self.pool)),
            }
        }
        self.pool.give(dy);
    }
}

/// The gradient of operand `k` of a row of two arrays of one shape, beside that of the result.
#[inline(never)] // the sweep's loop has few registers to spare
fn chained<T: Float>(row: Binary, k: usize, aby: Option<[&[T]; 3]>, dy: &Buffer<T>, pool: &Pool<T>) -> Buffer<T> {
    if let (Some(aby), Some((product, other))) = (aby, factor(row, k)) {
        let mut dx = pool.take(dy.len());
        kernels::binary(product, &Runs::Same(dy.len()), dy, aby[other], &mut dx);
        return dx;
    }
    let mut dx = pool.copy(dy);
    chain(row, k, aby, &mut dx);
    dx
}

/// The same in place of that of the result.
fn chain<T: Float>(row: Binary, k: usize, aby: Option<[&[T]; 3]>, dy: &mut Buffer<T>) {
    if let Some([a, b, y]) = aby {
        kernels::binary_chain(row, k == 1, &Runs::Same(dy.len()), a, b, y, dy);
    }
}

/// The row that computes the gradient of operand `k` from that of the result and from one operand, which is named too: one pass
/// instead of a copy and a pass over it.
fn factor(row: Binary, k: usize) -> Option<(Binary, usize)> {
    match (row, k) {
        (Binary::Mul, _) => Some((Binary::Chain, 1 - k)),
        (Binary::Chain, 0) => Some((Binary::Chain, 1)),
        (Binary::Div | Binary::ChainOver, 0) => Some((Binary::ChainOver, 1)),
        _ => None,
    }
}

/// A gradient of an operand that was stretched to `full`, summed to its `shape`.
fn summed<T: Float>(dx: Buffer<T>, full: &Shape, shape: &Shape, pool: &Pool<T>) -> Buffer<T> {
    if shape == full {
        return dx;
    }
    let Some(axes) = stretched(full, shape).filter(|_| !dx.is_empty()) else {
        return Eager::owned(full, dx, pool).sum_to(shape).into_values();
    };
    let (outer, n, inner) = full.around(axes);
    let mut sum = pool.take(outer * inner);
    kernels::sum(&dx, Loops { outer, n, inner }, 1.0, &mut sum);
    pool.give(dx);
    sum
}
