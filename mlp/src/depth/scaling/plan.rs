//! [`Plan`]: the factors of each parameter of a model.

use std::fmt;

use autograd::{Float, Number, Param, Parameters, Shape};

use super::{Factors, Role};
use crate::error::{Error, Result};
use crate::optim::{Groups, Optimizer};

/// One parameter of a [`Plan`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Planned {
    /// Its name in the model.
    pub name: String,
    /// Its shape.
    pub shape: Shape,
    /// What it is to the width.
    pub role: Role,
    /// Whether it lies in a residual branch.
    pub in_branch: bool,
    /// By what its settings are multiplied.
    pub factors: Factors,
    /// The root mean square with which it should begin; `None` to leave it as drawn.
    pub(super) size: Option<f64>,
}

/// What [`MaximalUpdate`](super::MaximalUpdate) makes of a model: the factors of each parameter, as a table when printed.
///
/// ```
/// use mlp::scaling::{Family, MaximalUpdate};
/// use mlp::{Activation, Mlp};
/// use rand::{SeedableRng, rngs::StdRng};
/// let model = |width| -> Result<Mlp, mlp::Error> {
///     let layers = Mlp::new(3).hidden(width, Activation::Tanh).output(2, Activation::Identity);
///     layers.build(&mut StdRng::seed_from_u64(0))
/// };
/// let plan = MaximalUpdate::new(Family::Sgd, &model(8)?)?.plan(&model(32)?)?;
/// assert_eq!(plan.to_string(), "\
/// parameter   shape    role    branch  init  rate   eps  decay
/// layers.0.w  (3, 32)  input              1     4  0.25   0.25
/// layers.0.b  (32,)    vector             1     4  0.25   0.25
/// layers.1.w  (32, 2)  output          0.25  0.25     1      4
/// layers.1.b  (2,)     fixed              1     1     1      1
/// ");
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    pub(super) parameters: Vec<Planned>,
}

impl Plan {
    /// The parameters, each once, in the model's order.
    pub fn parameters(&self) -> &[Planned] {
        &self.parameters
    }

    /// Scales the weights to their initial size, that of the base times [`Factors::init`]. Call it before training: what is
    /// learnt would be scaled too. A second call changes nothing.
    ///
    /// ```
    /// use mlp::scaling::{Family, MaximalUpdate};
    /// use mlp::{Init, Linear, Module};
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let layer = |inputs| Linear::<f64>::new(inputs, 1, &Init::Constant(0.5), &mut StdRng::seed_from_u64(0));
    /// let wide = layer(40)?; // output weights: their standard deviation falls as 1/width
    /// MaximalUpdate::new(Family::Adam, &layer(10)?)?.plan(&wide)?.rescale(&wide.parameters())?;
    /// assert_eq!(wide.w.value().at(0, 0).to_vec(), [0.125]);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the parameters are not those of the plan, or one has the size 0 or one that is not finite where the base has another.
    pub fn rescale<T: Float>(&self, parameters: &Parameters<T>) -> Result<()> {
        let mut scales = vec![];
        for planned in &self.parameters {
            let param = planned.of(parameters)?;
            let Some(wanted) = planned.size else { continue };
            let size = rms(param);
            if !(size.is_finite() && (size == 0.0) == (wanted == 0.0)) {
                let why = format!(
                    "`{}` has the root mean square {size} where the base leads to {wanted}; draw both by the same initialisers",
                    planned.name
                );
                return Err(Error::invalid("scaling", why));
            }
            scales.push((param, if size == 0.0 { 1.0 } else { wanted / size }));
        }
        for (param, scale) in scales {
            param.modify(|w| w.iter_mut().for_each(|w| *w = *w * T::from_f64(scale)));
        }
        Ok(())
    }

    /// The optimiser: `make` is called for each group of parameters of equal factors, and multiplies its settings by them.
    ///
    /// For a model whose weights have their size already, as when a training is resumed;
    /// [`MaximalUpdate::apply`](super::MaximalUpdate::apply) is this after [`rescale`](Plan::rescale).
    ///
    /// # Errors
    /// If the parameters are not those of the plan.
    ///
    /// # Panics
    /// If `make` does, as for a rate that underflows.
    #[track_caller]
    pub fn groups<T: Float, O: Optimizer<T> + 'static>(
        &self,
        parameters: &Parameters<T>,
        mut make: impl FnMut(&Parameters<T>, &Planned) -> O,
    ) -> Result<Groups<T>> {
        let mut parts: Vec<(&Planned, Parameters<T>)> = vec![];
        for planned in &self.parameters {
            let param = planned.of(parameters)?;
            let at = parts.iter().position(|(first, _)| first.alike(planned)).unwrap_or(parts.len());
            if at == parts.len() {
                parts.push((planned, Parameters::new()));
            }
            parts[at].1 = std::mem::take(&mut parts[at].1).with(&planned.name, param);
        }
        let mut groups = Groups::new();
        for (first, part) in parts {
            groups = groups.with(make(&part, first));
        }
        Ok(groups)
    }
}

impl Planned {
    /// Whether it has two axes or more: what weight decay is for.
    pub fn is_weights(&self) -> bool {
        self.shape.len() > 1
    }

    /// Whether one optimiser serves both.
    fn alike(&self, other: &Self) -> bool {
        let settings = |planned: &Self| {
            let Factors { rate, eps, decay, .. } = planned.factors;
            (rate, eps, decay, planned.is_weights())
        };
        settings(self) == settings(other)
    }

    fn of<'p, T: Float>(&self, parameters: &'p Parameters<T>) -> Result<&'p Param<T>> {
        parameters.get(&self.name).filter(|param| param.shape() == self.shape).ok_or_else(|| {
            let why = format!(
                "no parameter `{}` of shape {} is given; plan the model that is trained",
                self.name, self.shape
            );
            Error::invalid("scaling", why)
        })
    }
}

/// The root mean square of the values.
pub(super) fn rms<T: Float>(param: &Param<T>) -> f64 {
    let value = param.value();
    let sum: f64 = value.as_slice().iter().map(|x| x.to_f64() * x.to_f64()).sum();
    Number::sqrt(sum / value.numel().max(1) as f64)
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["parameter", "shape", "role", "branch", "init", "rate", "eps", "decay"].map(String::from);
        let rows = self.parameters.iter().map(|planned| {
            let Factors { init, rate, eps, decay } = planned.factors;
            let [init, rate, eps, decay] = [init, rate, eps, decay].map(short);
            let branch = if planned.in_branch { "yes" } else { "" };
            [
                planned.name.clone(),
                planned.shape.to_string(),
                planned.role.name().into(),
                branch.into(),
                init,
                rate,
                eps,
                decay,
            ]
        });
        let rows: Vec<[String; 8]> = std::iter::once(head).chain(rows).collect();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        for row in &rows {
            let cells = row.iter().enumerate().map(|(column, cell)| match (column, width(column)) {
                (..4, width) => format!("{cell:<width$}"),
                (_, width) => format!("{cell:>width$}"),
            });
            writeln!(f, "{}", cells.collect::<Vec<_>>().join("  "))?;
        }
        Ok(())
    }
}

/// With four digits.
fn short(number: f64) -> String {
    let text = format!("{number:.3e}");
    let short: f64 = text.parse().unwrap_or(number);
    if (1e-4..1e5).contains(&short) { short.to_string() } else { text }
}
