//! One formula for plain and recorded arrays.

use autograd::generic::ArrayLike;
use autograd::{Float, Scalar, Tensor, Var, check};

/// A formula with a method of each trait.
fn formula<A: ArrayLike>(x: &A, w: &A) -> A {
    let h = (x.matmul(w) * 0.5 + x.constant(&Tensor::full([], A::Number::from_f64(0.1)))).tanh();
    let normal = h.softmax(1).log_softmax(0).maximum(&h.square().cumsum(1));
    let solved = (normal.t().matmul(&normal) + x.constant(&Tensor::eye(3))).solve(&h.slice(0, 0..1).t());
    let joined = A::joined(&[solved.clone(), solved.sort(0).masked_fill(&solved.step(), 2.0)], 1);
    let pairs = A::summed("ij,ij->j", &[joined.clone(), joined.roll(1, 0)]);
    A::stacked(&[pairs.clone(), -pairs.square()], 0).sum_axis(0) + h.mean_keep(0).total() + pairs.cdist_of()
}

/// What takes another array, by a trait of one's own over these.
trait Distances: ArrayLike {
    fn cdist_of(&self) -> Self {
        let row = self.unsqueeze(0);
        row.cdist(&(row.clone() + 1.0)).squeeze(0)
    }
}
impl<A: ArrayLike> Distances for A {}

fn inputs<T: Float>() -> [Tensor<T>; 2] {
    let at = |i: &[usize], by: f64| T::from_f64(((3 * i[0] + i[1]) as f64 * by).sin());
    [Tensor::from_fn([4, 2], |i| at(i, 1.3)), Tensor::from_fn([2, 3], |i| at(i, 0.7))]
}

#[test]
fn plain_and_recorded_arrays_have_the_same_bits() {
    fn same<T: Float>() {
        let [x, w] = inputs::<T>();
        let tape = autograd::Tape::default();
        let recorded = formula(&tape.var(x.clone()), &tape.var(w.clone()));
        assert_eq!(recorded.value(), formula(&x, &w));
        assert_eq!((recorded.plain(), recorded.dims()), (formula(&x, &w).plain(), formula(&x, &w).dims()));
    }
    same::<f32>();
    same::<f64>();
}

#[test]
fn the_recorded_one_is_differentiated() {
    fn loss<'t>(x: &[Var<'t>]) -> Scalar<'t> {
        formula(&x[0], &x[1]).square().sum()
    }
    let report = check(loss, &inputs()).unwrap();
    assert!(report.passed(), "{report}");
}
