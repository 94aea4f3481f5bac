//! The same bits of value and gradient whether the program is kept or recorded again, in either type.

use super::*;

pub(crate) fn holds(program: &Program) -> Result<usize, String> {
    in_type::<f64>(program)?;
    in_type::<f32>(program)
}

/// The inputs are those of one segment with two outputs.
fn in_type<T: Float>(program: &Program) -> Result<usize, String> {
    fn outputs<'t, T: Float>(program: &Program, x: &[Var<'t, T>]) -> Vec<Var<'t, T>> {
        let y = loss(&program.on_tape(x)).to_var();
        vec![y, y.sin()]
    }
    let inputs: Vec<Tensor<T>> = program.inputs.iter().map(Tensor::cast).collect();
    let shared = Arc::new(program.clone());
    let bits = |again: bool| -> Vec<u64> {
        let tape = Tape::default();
        let x: Vec<_> = inputs.iter().map(|x| tape.var(x)).collect();
        let y = if again {
            let program = Arc::clone(&shared);
            autograd::checkpoint(&x, move |x| outputs(&program, x))
        } else {
            outputs(program, &x)
        };
        let y = (y[0] + y[1]).item();
        let grads = y.backward();
        let all = x.iter().flat_map(|&x| grads[x].to_vec()).chain([y.value()]);
        all.map(|x| x.to_f64().to_bits()).collect()
    };
    let (kept, again) = (bits(false), bits(true));
    if kept != again {
        return Err(format!("checkpoint in {} changes bits: {kept:x?}, {again:x?}", T::NAME));
    }
    Ok(0)
}
