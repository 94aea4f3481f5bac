//! [`EffectiveRanks`]: in how many directions the activations of each layer spread.

use autograd::{Float, Tape, Tensor};
use nalgebra::DMatrix;

use crate::nn::module::Module;
use crate::nn::observe::{Observer, Site};
use crate::nn::probe::Probe;

/// The effective rank of a matrix: `exp(−Σ pᵢ ln pᵢ)` with `pᵢ = σᵢ/Σσ`, the entropy of its singular values.
///
/// It lies between 1 and the rank, and equals the rank if all singular values other than 0 are equal (Roy & Vetterli
/// 2007, "The effective rank: a measure of effective dimensionality"). A matrix of zeros has the effective rank 0.
/// The result is NaN if a value is not finite.
///
/// ```
/// use autograd::Tensor;
/// use mlp::dynamics::effective_rank;
/// assert!((effective_rank(&Tensor::<f64>::eye(5)) - 5.0).abs() < 1e-12);
/// assert!((effective_rank(&Tensor::<f64>::ones([4, 3])) - 1.0).abs() < 1e-12);
/// // p = ¾, ¼
/// let (p, q) = (0.75f64, 0.25f64);
/// let found = effective_rank(&Tensor::from([[3.0, 0.0], [0.0, 1.0]]));
/// assert!((found - (-p * p.ln() - q * q.ln()).exp()).abs() < 1e-12);
/// ```
///
/// # Panics
/// If `x` has no axis. Axes behind the first are joined.
#[track_caller]
pub fn effective_rank<T: Float>(x: &Tensor<T>) -> f64 {
    entropy(&singular(&matrix(x)))
}

/// The participation ratio of the covariance matrix of samples in rows: `(Σλᵢ)²/Σλᵢ²` with its eigenvalues λ.
///
/// It is the number of directions in which the samples vary, if they vary alike in each (Gao, Trautmann, Yu et al. 2017,
/// "A theory of multineuronal dimensionality, dynamics and measurement"). The mean over the samples is subtracted; equal
/// samples have the ratio 0. The result is NaN if a value is not finite.
///
/// ```
/// use autograd::Tensor;
/// use mlp::dynamics::participation_ratio;
/// // Variances 4 and 1, around (7, 7): (4 + 1)²/(16 + 1)
/// let x = Tensor::from([[9.0, 7.0], [5.0, 7.0], [7.0, 8.0], [7.0, 6.0]]);
/// assert!((participation_ratio(&x) - 25.0 / 17.0).abs() < 1e-12);
/// ```
///
/// # Panics
/// As [`effective_rank`].
#[track_caller]
pub fn participation_ratio<T: Float>(x: &Tensor<T>) -> f64 {
    let mut x = matrix(x);
    for mut column in x.column_iter_mut() {
        let mean = column.mean();
        column.add_scalar_mut(-mean);
    }
    participation(&singular(&x))
}

/// The effective ranks of the outputs of each layer, in the order of computation.
///
/// It is an [`Observer`]: outside of a training, [`measure`](EffectiveRanks::measure) is the short way.
///
/// ```
/// use autograd::Tensor;
/// use mlp::dynamics::EffectiveRanks;
/// use mlp::{Activation, Init, Mlp};
/// use rand::{SeedableRng, rngs::StdRng};
/// // In a deep network of relus, all samples come to point in one direction.
/// let layers = (0..30).fold(Mlp::new(20), |layers, _| layers.hidden(20, Activation::Relu));
/// let rng = &mut StdRng::seed_from_u64(1);
/// let model: Mlp = layers.init(Init::he_normal()).output(20, Activation::Identity).build(rng)?;
/// let x = Init::Normal { mean: 0.0, std: 1.0 }.sample([50, 20], rng);
/// let ranks = EffectiveRanks::measure(&model, &x);
/// let (first, last) = (&ranks.layers[0], &ranks.layers[29]);
/// assert!(first.effective_rank > 8.0 && last.effective_rank < 3.0, "{ranks:?}");
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct EffectiveRanks {
    /// The layers, from input to output.
    pub layers: Vec<LayerRank>,
}

/// One layer of [`EffectiveRanks`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LayerRank {
    /// The prefix of its parameter names, such as `layers.3`.
    pub name: String,
    /// Its kind, such as `relu`.
    pub kind: String,
    /// The number of values of a sample.
    pub units: usize,
    /// The [`effective_rank`] of its outputs, samples in rows.
    pub effective_rank: f64,
    /// Their [`participation_ratio`].
    pub participation_ratio: f64,
}

impl EffectiveRanks {
    /// Measures the outputs of each layer of `model` for the samples `x`, in evaluation mode.
    ///
    /// The singular values take O(n·d·min(n, d)) for n samples of d values: a few hundred of each are enough.
    ///
    /// # Panics
    /// If the model panics.
    #[track_caller]
    pub fn measure<T: Float>(model: &(impl Module<T> + ?Sized), x: &Tensor<T>) -> Self {
        let (tape, mut seen) = (Tape::default(), EffectiveRanks::default());
        let _ = model.forward_with(tape.constant(x.clone()), &mut Probe::new(&mut seen));
        seen
    }
}

impl Observer for EffectiveRanks {
    fn begin(&mut self) {
        self.layers.clear();
    }

    fn output(&mut self, site: &Site<'_>, values: &Tensor) {
        if values.shape().is_empty() {
            return; // a number has no samples
        }
        self.layers.push(LayerRank {
            name: site.name.into(),
            kind: site.kind.into(),
            units: values.shape()[1..].iter().product(),
            effective_rank: effective_rank(values),
            participation_ratio: participation_ratio(values),
        });
    }
}

#[track_caller]
fn matrix<T: Float>(x: &Tensor<T>) -> DMatrix<f64> {
    let Some((&rows, rest)) = x.shape().split_first() else {
        panic!("effective rank: an array without axes has no rows; reshape it to (samples, values)")
    };
    DMatrix::from_row_iterator(rows, rest.iter().product(), x.as_slice().iter().map(|x| x.to_f64()))
}

/// The singular values, relative to the largest: squares must not overflow. `[NaN]` if a value is not finite.
fn singular(x: &DMatrix<f64>) -> Vec<f64> {
    if !x.iter().all(|x| x.is_finite()) {
        return vec![f64::NAN]; // the iteration would not terminate
    }
    let size = x.amax();
    if x.is_empty() || size == 0.0 {
        return vec![];
    }
    let values = (x / size).singular_values();
    let largest = values.max();
    values.iter().map(|value| value / largest).collect()
}

fn entropy(values: &[f64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let sum: f64 = values.iter().sum();
    let surprise = |p: f64| if p == 0.0 { 0.0 } else { -p * p.ln() };
    values.iter().map(|value| surprise(value / sum)).sum::<f64>().exp()
}

fn participation(values: &[f64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let [sum, squares] = [2, 4].map(|power| values.iter().map(|value| value.powi(power)).sum::<f64>());
    sum * sum / squares
}
