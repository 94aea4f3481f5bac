//! The sparse Hessian is the full one: no place that is not 0 is missing, and no colour mixes two.

use super::*;

pub(crate) fn holds(program: &Program) -> Result<usize, String> {
    let sparse = several::hessian_sparse(|x| loss(&program.on_tape(x)), &program.inputs);
    let full = several::hessian(|x| loss(&program.on_tape(x)), &program.inputs);
    let (found, size) = (sparse.to_dense(), full.map(f64::abs).max());
    let wrong = (found - &full).map(f64::abs).max();
    // NaN is no agreement.
    if wrong <= 1e-10 * size.max(1.0) {
        Ok(0)
    } else {
        Err(format!("the sparse Hessian is off by {wrong:e} of {size:e}"))
    }
}
