/// Σ over all outputs and their values of value times weight, so that every one receives its own gradient.
pub(crate) fn loss<'t, T: Float>(y: &[Var<'t, T>]) -> Scalar<'t, T> {
    let weigh = |y: &Var<'t, T>| {
        let n = y.shape().numel();
        (*y * &Tensor::new(y.shape(), (0..n).map(|i| T::from_f64(0.7 + (1.3 * i as f64).sin())).collect())).sum()
    };
    y.iter().map(weigh).sum()
}
