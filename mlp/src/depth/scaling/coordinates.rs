//! [`CoordinateCheck`]: how much each layer's values change in a few steps, against the width.

use std::fmt;

use autograd::{Float, Number, Scalar, Tape, Tensor, Var};

use crate::error::{Error, Result};
use crate::nn::module::Module;
use crate::nn::observe::{Observer, Site};
use crate::nn::probe::Probe;
use crate::optim::Optimizer;

/// How much the values behind each layer change in the first steps of training, for models of several widths.
///
/// Under the maximal update parametrisation no change depends on the width (Yang et al. 2022, "Tensor Programs V", appendix D): the
/// slopes of its logarithm against that of the width are near 0. A slope above 0 is a layer that explodes with the width, one
/// below 0 a layer that ceases to learn.
///
/// ```
/// use autograd::{Scalar, Tensor, Var};
/// use mlp::scaling::{CoordinateCheck, Family, MaximalUpdate};
/// use mlp::{Activation, Adam, Mlp, Module};
/// use rand::{SeedableRng, rngs::StdRng};
///
/// let model = |width, seed| -> Result<Mlp, mlp::Error> {
///     let layers = Mlp::new(4).hidden(width, Activation::Tanh).hidden(width, Activation::Tanh);
///     layers.output(1, Activation::Identity).build(&mut StdRng::seed_from_u64(seed))
/// };
/// let x = Tensor::from_fn([8, 4], |at| ((3 * at[0] + at[1]) as f64).sin());
/// fn loss<'t>(y: Var<'t>) -> Scalar<'t> {
///     (y - 1.0).square().mean()
/// }
/// let standard = CoordinateCheck::measure(&[16, 64, 256], 4, 3, &x, loss, |width, seed| {
///     let model = model(width, seed)?;
///     let adam = Adam::new(&model.parameters(), 0.01);
///     Ok((model, adam))
/// })?;
/// let maximal = CoordinateCheck::measure(&[16, 64, 256], 4, 3, &x, loss, |width, seed| {
///     let wide = model(width, seed)?;
///     let recipe = MaximalUpdate::new(Family::Adam, &model(16, seed)?)?;
///     let adam = recipe.apply(&wide, |part, planned| Adam::new(part, 0.01 * planned.factors.rate))?;
///     Ok((wide, adam))
/// })?;
/// println!("{standard}{maximal}");
/// let output = |check: &CoordinateCheck| check.layers[2].slope;
/// assert!(output(&standard) > 0.25 && output(&maximal).abs() < 0.1);
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CoordinateCheck {
    /// The widths.
    pub widths: Vec<usize>,
    /// The layers, from input to output.
    pub layers: Vec<LayerChange>,
}

/// One layer of a [`CoordinateCheck`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LayerChange {
    /// The prefix of its parameter names, such as `layers.3`.
    pub name: String,
    /// Its kind, such as `relu`.
    pub kind: String,
    /// For each width the mean of |Δh| over values, samples and seeds.
    pub changes: Vec<f64>,
    /// The exponent of the width in the change: the slope of the line of least squares through their logarithms; NaN if a change is 0
    /// or not finite.
    pub slope: f64,
}

impl CoordinateCheck {
    /// Trains a model of each width with each seed from 0 to `seeds`, for some steps of descent of `loss` on all of `x`.
    ///
    /// `setup` makes a model of a width by a seed, with its optimiser.
    ///
    /// # Errors
    /// If `setup` fails, there are fewer than two widths or no seeds, one width is 0 or stands twice, or the models have different layers.
    ///
    /// # Panics
    /// If the model or the loss panics.
    #[track_caller]
    pub fn measure<T: Float, M: Module<T>, O: Optimizer<T>>(
        widths: &[usize],
        steps: usize,
        seeds: u64,
        x: &Tensor<T>,
        loss: impl for<'t> Fn(Var<'t, T>) -> Scalar<'t, T>,
        mut setup: impl FnMut(usize, u64) -> Result<(M, O)>,
    ) -> Result<Self> {
        let distinct = widths.iter().enumerate().all(|(i, width)| *width > 0 && !widths[..i].contains(width));
        if widths.len() < 2 || !distinct || seeds == 0 {
            let why =
                format!("widths {widths:?} with {seeds} seeds; a slope needs two or more widths above 0, and a seed");
            return Err(Error::invalid("scaling", why));
        }
        let mut layers: Vec<LayerChange> = vec![];
        for (at, &width) in widths.iter().enumerate() {
            for seed in 0..seeds {
                let (model, mut optimizer) = setup(width, seed)?;
                let before = values(&model, x);
                for _ in 0..steps {
                    let tape = Tape::default();
                    optimizer.step(&loss(model.forward(tape.constant(x.clone()))).backward());
                }
                let after = values(&model, x);
                if layers.is_empty() {
                    let empty = |(name, kind, _): &Layer| {
                        let (name, kind, changes) = (name.clone(), kind.clone(), vec![0.0; widths.len()]);
                        LayerChange { name, kind, changes, slope: 0.0 }
                    };
                    layers = before.iter().map(empty).collect();
                }
                if before.len() != layers.len() {
                    let why = format!(
                        "{} layers at width {width}, {} at another; build all alike",
                        before.len(),
                        layers.len()
                    );
                    return Err(Error::invalid("scaling", why));
                }
                for ((layer, (.., before)), (.., after)) in layers.iter_mut().zip(&before).zip(&after) {
                    layer.changes[at] += (after - before).abs().mean() / seeds as f64;
                }
            }
        }
        for layer in &mut layers {
            layer.slope = slope(widths.iter().map(|&width| width as f64).zip(layer.changes.iter().copied()));
        }
        Ok(CoordinateCheck { widths: widths.to_vec(), layers })
    }
}

/// Name, kind and output of a layer.
type Layer = (String, String, Tensor);

fn values<T: Float>(model: &impl Module<T>, x: &Tensor<T>) -> Vec<Layer> {
    #[derive(Default)]
    struct Outputs(Vec<Layer>);

    impl Observer for Outputs {
        fn output(&mut self, site: &Site<'_>, values: &Tensor) {
            self.0.push((site.name.to_string(), site.kind.to_string(), values.clone()));
        }
    }

    let (tape, mut seen) = (Tape::values_only(), Outputs::default());
    let mut probe = Probe::new(&mut seen);
    // The model's own output is the last, exposed or not.
    let y = model.forward_with(tape.constant(x.clone()), &mut probe).value();
    drop(probe);
    let Outputs(mut layers) = seen;
    let y: Tensor = y.cast();
    if layers.last().is_none_or(|(.., last)| *last != y) {
        layers.push((String::new(), "output".into(), y));
    }
    layers
}

/// The slope of the line of least squares through the logarithms.
fn slope(points: impl Iterator<Item = (f64, f64)>) -> f64 {
    let logs: Vec<(f64, f64)> = points.map(|(x, y)| (Number::ln(x), Number::ln(y))).collect();
    let mean = |of: fn(&(f64, f64)) -> f64| logs.iter().map(of).sum::<f64>() / logs.len() as f64;
    let (x, y) = (mean(|at| at.0), mean(|at| at.1));
    let sum = |of: &dyn Fn(&(f64, f64)) -> f64| logs.iter().map(of).sum::<f64>();
    let slope = sum(&|at| (at.0 - x) * (at.1 - y)) / sum(&|at| (at.0 - x) * (at.0 - x));
    if slope.is_finite() { slope } else { f64::NAN }
}

impl fmt::Display for CoordinateCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.layers.iter().map(|layer| format!("{} {}", layer.name, layer.kind)).collect();
        let longest = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max("layer".len());
        let widths: String = self.widths.iter().map(|width| format!("{width:>11}")).collect();
        writeln!(f, "{:longest$}{widths}{:>8}", "layer", "slope")?;
        for (layer, name) in self.layers.iter().zip(&names) {
            let changes: String = layer.changes.iter().map(|change| format!("{change:>11.3e}")).collect();
            writeln!(f, "{name:longest$}{changes}{:>8.2}", layer.slope)?;
        }
        Ok(())
    }
}
