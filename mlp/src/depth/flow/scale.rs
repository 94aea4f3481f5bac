//! The scale-invariant size of a Jacobian, and products with it.

use autograd::{Float, Linearization, Tensor, Var, linearize};

use super::stats::norm;

/// The scale-invariant size of a Jacobian: `‖J‖_F/√n · ‖x‖/‖f(x)‖`.
///
/// J is the Jacobian of `f` at `x`, and n is the number of values of `x`.
///
/// The measure is the relative change of `f(x)` when `x` changes in a random direction by its own size. Along a
/// network, the measures of its sections relate like their Jacobians, but they do not change when one layer is rescaled
/// and the next layer undoes it. The measure is the square root of the gradient scale coefficient of Philipp, Song &
/// Carbonell 2017. The function needs as many products as `x` or `f(x)` has values, whichever is fewer, and does not
/// form J.
///
/// ```
/// use autograd::Tensor;
/// use mlp::flow::gradient_scale;
/// let x = Tensor::from([1.0, 2.0, -0.5]);
/// assert!((gradient_scale(|x| x * 1000.0, &x) - 1.0).abs() < 1e-15);
/// assert!((gradient_scale(|x| x.powi(3), &x) - gradient_scale(|x| (x * 7.0).powi(3), &x)).abs() < 1e-14);
/// ```
#[track_caller]
pub fn gradient_scale<T: Float>(f: impl for<'t> Fn(Var<'t, T>) -> Var<'t, T>, x: &Tensor<T>) -> f64 {
    let line = linearize(f, x);
    let y = line.value();
    let products = Products::new(line, x);
    let (short, _) = products.lengths();
    let column = |k: usize| {
        let mut basis = vec![0.0; short];
        basis[k] = 1.0;
        norm(products.lengthen(&basis).into_iter())
    };
    let frobenius = norm((0..short).map(column).collect::<Vec<_>>().into_iter());
    let size = |x: &Tensor<T>| norm(x.as_slice().iter().map(|x| x.to_f64()));
    frobenius / (x.numel() as f64).sqrt() * size(x) / size(&y)
}

/// Products with the Jacobian and its transpose: `lengthen` uses the tall one, `shorten` the wide one.
pub(super) struct Products<T: Float> {
    line: Linearization<T>,
    x: Tensor<T>,
    y: Tensor<T>,
}

impl<T: Float> Products<T> {
    pub(super) fn new(line: Linearization<T>, x: &Tensor<T>) -> Self {
        let y = line.value();
        Products { line, x: x.clone(), y }
    }

    pub(super) fn lengths(&self) -> (usize, usize) {
        let (n, m) = (self.x.numel(), self.y.numel());
        (n.min(m), n.max(m))
    }

    fn product(&self, forward: bool, v: &[f64]) -> Vec<f64> {
        let like = if forward { &self.x } else { &self.y };
        let v = Tensor::new(like.shape(), v.iter().map(|&v| T::from_f64(v)).collect());
        let product = if forward { self.line.jvp(&[v]) } else { self.line.vjp(&v).remove(0) };
        product.as_slice().iter().map(|x| x.to_f64()).collect()
    }

    pub(super) fn lengthen(&self, v: &[f64]) -> Vec<f64> {
        self.product(self.x.numel() <= self.y.numel(), v)
    }

    #[cfg(feature = "spectrum")]
    pub(super) fn shorten(&self, u: &[f64]) -> Vec<f64> {
        self.product(self.x.numel() > self.y.numel(), u)
    }
}
