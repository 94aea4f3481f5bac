//! A recording that is swept twice, and one that is made again, have gradients of the same bits.
//!
//! The first sweep takes derivatives that were kept for it; a second computes them anew.

use super::*;

pub(crate) fn holds(program: &Program) -> Result<usize, String> {
    for loss in [loss, sum_of_all] {
        let tape = Tape::new();
        let mut swept = vec![];
        for _recording in 0..2 {
            let x: Vec<_> = program.inputs.iter().map(|x| tape.var(x)).collect();
            let loss = loss(&program.on_tape(&x));
            for _sweep in 0..2 {
                let found = gradients(loss, &x);
                swept.push(found.iter().flat_map(Tensor::to_vec).map(f64::to_bits).collect::<Vec<_>>());
            }
        }
        if swept.iter().any(|bits| *bits != swept[0]) {
            return Err(format!("the bits of four sweeps differ: {swept:x?}"));
        }
    }
    Ok(0)
}

/// What is summed without weights passes one number on to all.
fn sum_of_all<'t>(y: &[Var<'t>]) -> Scalar<'t> {
    y.iter().map(|y| y.sum()).sum()
}
