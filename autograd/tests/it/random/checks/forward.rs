//! Forward mode and reverse mode agree.

use super::*;

pub(crate) fn holds(program: &Program) -> Result<usize, String> {
    let tape = Tape::new();
    let x: Vec<_> = program.inputs.iter().map(|x| tape.var(x)).collect();
    let [u, _] = directions(&program.inputs);
    let along: Vec<_> = x.iter().copied().zip(&u).collect();
    let total = loss(&program.on_tape(&x));
    let forward = total.to_var().jvp(&along).item();
    let (reverse, size) = inner(&gradients(total, &x), &u);
    if (forward - reverse).abs() > 1e-11 * size.max(1.0) {
        return Err(format!("forward mode gives {forward:e}, reverse {reverse:e}"));
    }
    Ok(0)
}
