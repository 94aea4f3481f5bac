//! The same bits of value and gradient whether the program is kept or recorded again, in either type.

use super::*;

pub(crate) fn holds(program: &Program) -> Result<usize, String> {
    in_type::<f64>(program)?;
    in_type::<f32>(program)
}

/// All inputs travel in one array.
fn in_type<T: Float>(program: &Program) -> Result<usize, String> {
    fn unpacked<'t, T: Float>(program: &Program, packed: Var<'t, T>) -> Var<'t, T> {
        let mut start = 0;
        let part = |x: &Tensor| {
            start += x.numel();
            packed.slice(0, start - x.numel()..start).reshape(x.shape())
        };
        let x: Vec<_> = program.inputs.iter().map(part).collect();
        loss(&program.on_tape(&x)).to_var()
    }
    let flat: Vec<Tensor<T>> = program.inputs.iter().map(|x| x.flatten().cast()).collect();
    let packed = Tensor::concat(&flat, 0);
    let kept = value_and_grad(|x| unpacked(program, x).item(), &packed);
    let shared = Arc::new(program.clone());
    let again = value_and_grad(
        |x| {
            let program = Arc::clone(&shared);
            x.checkpoint(move |x| unpacked(&program, x)).item()
        },
        &packed,
    );
    let bits = |(y, dx): &(T, Tensor<T>)| -> Vec<u64> {
        std::iter::once(y).chain(dx.as_slice()).map(|x| x.to_f64().to_bits()).collect()
    };
    if bits(&kept) != bits(&again) {
        return Err(format!("checkpoint in {} changes bits: {kept:?}, {again:?}", T::NAME));
    }
    Ok(0)
}
