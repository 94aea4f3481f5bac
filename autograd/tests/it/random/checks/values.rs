//! The tape computes what plain tensors do.

use super::*;

pub(crate) fn holds(program: &Program) -> Result<usize, String> {
    let tape = Tape::new();
    let x: Vec<_> = program.inputs.iter().map(|x| tape.var(x)).collect();
    let plain: Vec<Tensor> = program.on_tensors();
    for (k, (y, plain)) in program.on_tape(&x).iter().zip(plain).enumerate() {
        if !y.value().is_close(&plain, 1e-12) {
            return Err(format!("output {k} is {y:?} on the tape and {plain:?} of plain tensors"));
        }
    }
    Ok(0)
}
