//! Forward mode and reverse mode agree, and recorded tangents with both, to second order.

use super::*;

pub(crate) fn holds(program: &Program) -> Result<usize, String> {
    let tape = Tape::new();
    let x: Vec<_> = program.inputs.iter().map(|x| tape.var(x)).collect();
    let [u, v] = directions(&program.inputs);
    let along: Vec<_> = x.iter().copied().zip(&u).collect();
    let total = loss(&program.on_tape(&x));
    let forward = total.to_var().jvp(&along).item();
    let (reverse, size) = inner(&gradients(total, &x), &u);
    if (forward - reverse).abs() > 1e-11 * size.max(1.0) {
        return Err(format!("forward mode gives {forward:e}, reverse {reverse:e}"));
    }
    let constants: Vec<_> = u.iter().map(|u| tape.constant(u)).collect();
    let tangent = total.tangent(&x[..], constants);
    if (tangent.value() - forward).abs() > 1e-11 * size.max(1.0) {
        return Err(format!("the recorded tangent is {:e}, the plain one {forward:e}", tangent.value()));
    }
    let along_v = |slope| inner(&gradients(slope, &x), &v);
    let slope = total.grad(&x[..]).into_iter().zip(&u).map(|(dx, u)| (dx * u).sum()).sum();
    let ((over_forward, a), (over_reverse, b)) = (along_v(tangent), along_v(slope));
    if (over_forward - over_reverse).abs() > 1e-10 * (a + b).max(1.0) {
        return Err(format!("reverse over forward gives {over_forward:e}, over reverse {over_reverse:e}"));
    }
    Ok(0)
}
