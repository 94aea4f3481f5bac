//! Operations of one's own, derivatives overridden, and checkpointed segments.

mod checkpoint;
mod custom;
mod scan;

use std::panic::{AssertUnwindSafe, catch_unwind};

use autograd::several::linearize;
use autograd::{Scalar, Tape, Tensor, Var};

use crate::sampling::Sampler;

/// The text of a panic. Where it points is pinned in `messages`.
fn refusal(f: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(f)).expect_err("a refusal");
    let plain = || payload.downcast_ref::<&str>().map(|text| text.to_string());
    payload.downcast_ref::<String>().cloned().or_else(plain).expect("a message")
}

/// Handles are `Copy`, so `drop` would warn.
fn ignore<T>(_: T) {}

/// The sum of squared gradients: its gradient is of second order.
fn steepness<'t>(y: Scalar<'t>, x: &[Var<'t>]) -> Scalar<'t> {
    y.grad(x).into_iter().map(|dx| dx.square().sum()).reduce(|a, b| a + b).expect("an input")
}

/// ⟨u, J·v⟩ = ⟨Jᵀ·u, v⟩, and J·v is that of the formula.
fn forward_meets_reverse(
    own: impl for<'t> Fn(&[Var<'t>]) -> Var<'t>,
    formula: impl for<'t> Fn(&[Var<'t>]) -> Var<'t>,
    x: &[Tensor],
) {
    let (own, formula) = (linearize(own, x), linearize(formula, x));
    assert!(own.value().is_close(&formula.value(), 1e-15));
    let mut sampler = Sampler::new(11);
    for _ in 0..5 {
        let v: Vec<_> = x.iter().map(|x| sampler.normal_like(x.shape())).collect();
        let u = sampler.normal_like(own.value().shape());
        let (jv, ju) = (own.jvp(&v), own.vjp(&u));
        assert!(jv.is_close(&formula.jvp(&v), 1e-13));
        let (left, right): (f64, f64) = ((&u * &jv).sum(), ju.iter().zip(&v).map(|(a, b)| (a * b).sum()).sum());
        assert!((left - right).abs() < 1e-12 * left.abs().max(1.0), "{left} and {right}");
    }
}

#[test]
fn external_nodes_over_f32() {
    let tape = Tape::<f32>::default();
    let x = tape.var(Tensor::from([0.5f32]));
    let y = x.checkpoint(|x| x.tanh()).map_gradient(|dy| dy * 2.0);
    assert_eq!(y.sum().backward()[x].item(), 2.0 * (1.0 - 0.5f32.tanh().powi(2)));
}
