//! Work d: a network 1-64-64-64-1 with tanh, the gradient of the mean of (u″ + u)² over 1,024 points by all its parameters.

use autograd::{Float, Tensor, Var};
use mlp::{Activation, Mlp, Module};
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::training::{Training, verified};
use super::{Work, set_matrices};
use crate::assert_close;

const POINTS: usize = 1024;

/// u″ by the gradient of a gradient.
pub(super) fn reverse() -> Work {
    in_f64("d-reverse", |u, x| u.sum().grad(x).sum().grad(x))
}

/// u″ by the tangent of a tangent.
pub(super) fn forward() -> Work {
    in_f64("d-forward", twice_along_one)
}

/// [`reverse`] in `f32`.
pub(super) fn reverse_f32() -> Work {
    verified(
        "d-reverse",
        training(|u, x| u.sum().grad(x).sum().grad(x)),
        training(|u, x| u.sum().grad(x).sum().grad(x)),
    )
}

/// [`forward`] in `f32`.
pub(super) fn forward_f32() -> Work {
    verified("d-forward", training(twice_along_one), training(twice_along_one))
}

fn twice_along_one<'t, T: Float>(u: Var<'t, T>, x: Var<'t, T>) -> Var<'t, T> {
    let one = x.tape().constant(Tensor::ones([POINTS, 1]));
    u.tangent(x, one).tangent(x, one)
}

fn in_f64(what: &str, second: impl for<'t> Fn(Var<'t>, Var<'t>) -> Var<'t> + 'static) -> Work {
    let mut training = training(second);
    training.verify(what);
    let work = training.work();
    let other = self::training::<f64>(twice_along_one).work();
    assert_close(&format!("{what}, the two ways"), &work.answer, &other.answer, 1e-10);
    work
}

fn training<T: Float>(second: impl for<'t> Fn(Var<'t, T>, Var<'t, T>) -> Var<'t, T> + 'static) -> Training<T> {
    let layers = Mlp::new(1).hidden(64, Activation::Tanh).hidden(64, Activation::Tanh).hidden(64, Activation::Tanh);
    let model: Mlp<T> =
        layers.output(1, Activation::Identity).build(&mut StdRng::seed_from_u64(0)).expect("valid sizes");
    set_matrices(&model.parameters());
    let points: Tensor<T> = Tensor::linspace(0.0, 3.0, POINTS).reshape([POINTS, 1]);
    Training::new(model.parameters(), None, move |tape| {
        let x = tape.var(&points);
        let u = model.forward(x);
        (second(u, x) + u).square().mean()
    })
}
