//! [`Flat`]: parameters as one vector, for methods that look at all of them together.

use autograd::{Float, Gradients, Param, Parameters};

use super::distinct;

/// Parameters, and their values one after another.
#[derive(Debug)]
pub(super) struct Flat<T: Float> {
    parameters: Parameters<T>,
}

impl<T: Float> Flat<T> {
    /// Each parameter once.
    pub(super) fn new(parameters: &Parameters<T>) -> Self {
        Flat { parameters: distinct(parameters) }
    }

    pub(super) fn params(&self) -> impl ExactSizeIterator<Item = &Param<T>> {
        self.parameters.params()
    }

    pub(super) fn numel(&self) -> usize {
        self.params().map(Param::numel).sum()
    }

    pub(super) fn values(&self) -> Vec<T> {
        let mut values = Vec::with_capacity(self.numel());
        self.params().for_each(|param| values.extend_from_slice(param.value().as_slice()));
        values
    }

    /// Sets the parameters to `x + t·d`. Those that do not move keep their bits, as frozen ones must.
    pub(super) fn set(&self, x: &[T], t: f64, d: &[T]) {
        let (mut at, t) = (0, T::from_f64(t));
        for param in self.params() {
            let part = at..at + param.numel();
            at = part.end;
            let (x, d) = (&x[part.clone()], &d[part]);
            if d.iter().any(|&d| d != T::zero()) || param.value().as_slice() != x {
                param.modify(|w| w.iter_mut().zip(x).zip(d).for_each(|((w, &x), &d)| *w = x + t * d));
            }
        }
    }

    /// The gradient, 0 for parameters that have none.
    pub(super) fn gradient(&self, grads: &Gradients<'_, T>) -> Vec<T> {
        let mut gradient = Vec::with_capacity(self.numel());
        for param in self.params() {
            match grads.of(param) {
                Some(found) => gradient.extend_from_slice(found.as_slice()),
                None => gradient.resize(gradient.len() + param.numel(), T::zero()),
            }
        }
        gradient
    }

    /// 1 for the numbers of parameters that have a gradient, 0 for the others.
    pub(super) fn reached(&self, grads: &Gradients<'_, T>) -> Vec<T> {
        let one = |param: &Param<T>| if grads.of(param).is_some() { T::one() } else { T::zero() };
        self.params().flat_map(|param| std::iter::repeat_n(one(param), param.numel())).collect()
    }
}

/// `Σ a·b`, summed in `f64`.
pub(super) fn dot<T: Float>(a: &[T], b: &[T]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a.to_f64() * b.to_f64()).sum()
}

/// The largest size of a number; NaN if there is one.
pub(super) fn most<T: Float>(a: &[T]) -> f64 {
    a.iter().fold(0.0, |most: f64, a| {
        let size = a.to_f64().abs();
        if size > most || size.is_nan() { size } else { most }
    })
}
