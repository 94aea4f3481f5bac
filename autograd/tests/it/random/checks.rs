//! What must hold of every program.

use std::sync::Arc;

use autograd::check::Verdict;
use autograd::{Float, Scalar, Tape, Tensor, Var, check, value_and_grad};

use super::program::{Program, loss};
use crate::sampling::Sampler;

macro_rules! ensure {
    ($holds:expr, $($message:tt)*) => {
        let holds: bool = $holds;
        if !holds {
            return Err(format!($($message)*));
        }
    };
}

fn inner(a: &[Tensor], b: &[Tensor]) -> (f64, f64) {
    let terms = a.iter().zip(b).flat_map(|(a, b)| (a * b).to_vec());
    terms.fold((0.0, 0.0), |(sum, size), t| (sum + t, size + t.abs()))
}

/// ⟨∂L/∂x, u⟩: its gradient is the product of the Hessian and u.
fn slope<'t>(loss: Scalar<'t>, x: &[Var<'t>], u: &[Tensor]) -> Scalar<'t> {
    loss.grad(x).into_iter().zip(u).map(|(dx, u)| (dx * u).sum()).sum()
}

/// How often, of two checks, differences could not tell; or what does not hold.
pub(super) fn run(program: &Program) -> Result<usize, String> {
    let mut inconclusive = 0;
    let tape = Tape::new();
    let x: Vec<_> = program.inputs.iter().map(|x| tape.var(x)).collect();
    let y = program.on_tape(&x);

    for (k, (y, plain)) in y.iter().zip(program.on_tensors()).enumerate() {
        ensure!(y.value().is_close(&plain, 1e-12), "output {k} is {y:?} on the tape and {plain:?} of plain tensors");
    }

    for (order, report) in [
        ("gradient", check(|x| loss(&program.on_tape(x)), &program.inputs)),
        ("second order", {
            let ones: Vec<_> = program.inputs.iter().map(|x| x.map(|_| 1.0)).collect();
            check(|x| slope(loss(&program.on_tape(x)), x, &ones), &program.inputs)
        }),
    ] {
        let report = report.map_err(|error| format!("{order}: {error}"))?;
        ensure!(report.verdict != Verdict::Wrong, "{order} against differences: {report}");
        inconclusive += usize::from(!report.passed());
    }

    let mut sampler = Sampler::new(1);
    let mut direction = || -> Vec<Tensor> { program.inputs.iter().map(|x| sampler.normal_like(x.shape())).collect() };
    let (u, v) = (direction(), direction());
    let total = loss(&y);
    let along: Vec<_> = x.iter().copied().zip(&v).collect();
    let forward = total.to_var().jvp(&along).item();
    let gradient = gradients(total, &x);
    let (reverse, size) = inner(&gradient, &v);
    ensure!((forward - reverse).abs() <= 1e-11 * size.max(1.0), "forward mode gives {forward:e}, reverse {reverse:e}");

    let along_u = slope(total, &x, &u);
    let (hu, hv) = (gradients(along_u, &x), gradients(slope(total, &x, &v), &x));
    let ((left, a), (right, b)) = (inner(&v, &hu), inner(&u, &hv));
    ensure!((left - right).abs() <= 1e-10 * (a + b).max(1.0), "the Hessian is not symmetric: {left:e}, {right:e}");
    let forward = along_u.to_var().jvp(&along).item();
    ensure!((forward - left).abs() <= 1e-10 * a.max(1.0), "forward over reverse gives {forward:e}, reverse {left:e}");

    checkpointed::<f64>(program)?;
    checkpointed::<f32>(program)?;
    single_precision(program, &gradient)?;
    Ok(inconclusive)
}

fn gradients<'t, T: Float>(loss: Scalar<'t, T>, x: &[Var<'t, T>]) -> Vec<Tensor<T>> {
    let grads = loss.backward();
    x.iter().map(|&x| grads[x].clone()).collect()
}

/// The same bits of value and gradient whether the program is kept or recorded again. All inputs travel in one array.
fn checkpointed<T: Float>(program: &Program) -> Result<(), String> {
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
    ensure!(bits(&kept) == bits(&again), "checkpoint in {} changes bits: {kept:?}, {again:?}", T::NAME);
    Ok(())
}

/// Single precision within what its rounding explains.
///
/// How far rounding reaches is found by rounding at random: the double-precision program again, with every result off by a
/// random part of f32's ε (Monte Carlo arithmetic; Parker 1997).
fn single_precision(program: &Program, gradient: &[Tensor]) -> Result<(), String> {
    let mut sampler = Sampler::new(2);
    let mut spread = vec![0f64; gradient.iter().map(Tensor::numel).sum()];
    for _ in 0..4 {
        let tape = Tape::new();
        let x: Vec<_> = program.inputs.iter().map(|x| tape.var(x)).collect();
        let mut rounded = |y: Var<'_>| sampler.normal_like(&y.shape()).map(|r| 1.0 + r * f64::from(f32::EPSILON));
        let y = program.on_tape_with(&x, |y| y * &rounded(y));
        let off = gradients(loss(&y), &x);
        let differences = off.iter().zip(gradient).flat_map(|(a, b)| (a - b).to_vec());
        spread.iter_mut().zip(differences).for_each(|(top, d)| *top = top.max(d.abs()));
    }
    let tape = Tape::<f32>::default();
    let x: Vec<_> = program.inputs.iter().map(|x| tape.var(x.cast::<f32>())).collect();
    let y = program.on_tape(&x);
    for (k, (y, double)) in y.iter().zip(program.on_tensors::<f64>()).enumerate() {
        ensure!(y.value().cast().is_close(&double, 1e-3), "output {k} in f32 is {y:?}, in f64 {double:?}");
    }
    let single = gradients(loss(&y), &x);
    let pairs = single.iter().zip(gradient).flat_map(|(a, b)| a.to_vec().into_iter().zip(b.to_vec()));
    let size = gradient.iter().flat_map(Tensor::to_vec).fold(1f64, |top, g| top.max(g.abs()));
    for ((single, double), spread) in pairs.zip(spread) {
        let allowed = 50.0 * spread + 1e-4 * size;
        ensure!((f64::from(single) - double).abs() <= allowed, "a gradient in f32 is {single:e}, in f64 {double:e}");
    }
    Ok(())
}
