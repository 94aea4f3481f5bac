//! The Hessian is symmetric, and forward over reverse mode gives the same.

use super::*;

/// ⟨∂L/∂x, u⟩: its gradient is the product of the Hessian and u.
fn slope<'t>(loss: Scalar<'t>, x: &[Var<'t>], u: &[Tensor]) -> Scalar<'t> {
    loss.grad(x).into_iter().zip(u).map(|(dx, u)| (dx * u).sum()).sum()
}

pub(crate) fn holds(program: &Program) -> Result<usize, String> {
    let tape = Tape::new();
    let x: Vec<_> = program.inputs.iter().map(|x| tape.var(x)).collect();
    let [u, v] = directions(&program.inputs);
    let total = loss(&program.on_tape(&x));
    let along_u = slope(total, &x, &u);
    let (hu, hv) = (gradients(along_u, &x), gradients(slope(total, &x, &v), &x));
    let ((left, a), (right, b)) = (inner(&v, &hu), inner(&u, &hv));
    if (left - right).abs() > 1e-10 * (a + b).max(1.0) {
        return Err(format!("the Hessian is not symmetric: {left:e}, {right:e}"));
    }
    let along: Vec<_> = x.iter().copied().zip(&v).collect();
    let forward = along_u.to_var().jvp(&along).item();
    if (forward - left).abs() > 1e-10 * a.max(1.0) {
        return Err(format!("forward over reverse gives {forward:e}, reverse {left:e}"));
    }
    Ok(0)
}
