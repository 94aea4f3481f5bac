//! [`Layer`]: one layer of an [`Mlp`](super::Mlp).

use autograd::{Float, Parameters, Shape, Var};
use serde::{Deserialize, Serialize};

use crate::error::{Error, shown};
use crate::nn::activation::Activation;
use crate::nn::config::{Config, Configured, Parts, fields};
use crate::nn::init::Init;
use crate::nn::layers::{Dropout, Linear, check_features};
use crate::nn::module::{LayerRow, Module};
use crate::nn::norm::{Norm, NormData};
use crate::nn::probe::Probe;
use crate::nn::state_dict::StateDict;

/// One layer of an [`Mlp`](crate::Mlp): `h = dropout(f(norm(xW + b)))`.
///
/// The fields are public so that you can follow a forward pass step by step.
///
/// ```
/// use autograd::{Param, Tape};
/// use mlp::{Activation, Layer, Linear, Mlp, Module};
/// let linear = Linear { w: Param::new([[0.2], [1.5], [0.5]]), b: None };
/// let model = Mlp::from_layers([Layer::new(linear, Activation::Sigmoid)]);
/// let tape = Tape::new();
/// let mut x = tape.constant([[1.0, 0.0, 1.0]]);
/// for layer in model.layers() {
///     let p = layer.linear.forward(x);
///     x = layer.activation.apply(p);
///     println!("sum {p}, output {x}");
/// }
/// assert!((x.value().item() - 0.668).abs() < 5e-4);
/// ```
#[derive(Debug, Clone)]
pub struct Layer<T: Float = f64> {
    /// The weighted sums (pre-activations): `p = xW + b`.
    pub linear: Linear<T>,
    /// The normalisation of `p`.
    pub norm: Option<Norm<T>>,
    /// The activation: `h = f(p)`.
    pub activation: Activation,
    /// Zeroes random values of `h` during training.
    pub dropout: Option<Dropout>,
}

impl<T: Float> Layer<T> {
    /// A layer without normalisation and dropout.
    pub fn new(linear: Linear<T>, activation: Activation) -> Self {
        Layer { linear, norm: None, activation, dropout: None }
    }

    /// What it computes, one module after another.
    pub(super) fn sequence(&self) -> impl Iterator<Item = &(dyn Module<T> + '_)> {
        let norm = self.norm.as_ref().map(|norm| norm as &dyn Module<T>);
        let activation = (self.activation != Activation::Identity).then_some(&self.activation as &dyn Module<T>);
        let dropout = self.dropout.as_ref().map(|dropout| dropout as &dyn Module<T>);
        [Some(&self.linear as &dyn Module<T>), norm, activation, dropout].into_iter().flatten()
    }
}

impl<T: Float> Module<T> for Layer<T> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        self.forward_with(x, &mut Probe::off())
    }

    fn forward_with<'t>(&self, x: Var<'t, T>, probe: &mut Probe<'_>) -> Var<'t, T> {
        let h = match (&self.norm, &self.linear.b, self.activation.row()) {
            // One fused operation, which hides the sums. A probe needs them.
            (None, Some(b), Some(row)) if !probe.is_on() => {
                check_features("linear", x, self.linear.inputs());
                x.dense(&self.linear.w, b, row)
            }
            (norm, ..) => {
                let p = self.linear.forward(x);
                let p = match norm {
                    Some(norm) => norm.forward(p),
                    None => p,
                };
                self.activation.forward_with(p, probe)
            }
        };
        self.dropout.map_or(h, |dropout| dropout.forward(h))
    }

    fn parameters(&self) -> Parameters<T> {
        let parameters = self.linear.parameters();
        match &self.norm {
            Some(norm) => parameters.with_all("norm", &norm.parameters()),
            None => parameters,
        }
    }

    fn buffers(&self) -> Parameters<T> {
        let buffers = self.norm.as_ref().map_or_else(Parameters::new, |norm| norm.buffers());
        Parameters::new().with_all("norm", &buffers)
    }

    fn input_width(&self) -> Option<usize> {
        Some(self.linear.inputs())
    }

    fn output_shape(&self, input: &Shape) -> Result<Option<Shape>, Error> {
        let sums = self.linear.output_shape(input)?;
        match (&self.norm, sums) {
            (Some(norm), Some(sums)) => norm.output_shape(&sums),
            (_, sums) => Ok(sums),
        }
    }

    fn check_training(&self, input: &Shape) -> Result<(), Error> {
        match (&self.norm, self.linear.output_shape(input)?) {
            (Some(norm), Some(sums)) => norm.check_training(&sums),
            _ => Ok(()),
        }
    }

    fn output_activation(&self) -> Option<Activation> {
        Some(self.activation).filter(|_| self.dropout.is_none())
    }

    fn state_dict(&self) -> Result<StateDict<T>, Error> {
        StateDict::sequence(self.sequence())
    }

    fn config(&self) -> Result<Config, Error> {
        Config::of(self)
    }

    fn describe(&self) -> Vec<LayerRow> {
        let mut row = self.linear.describe().remove(0);
        for norm in self.norm.iter().flat_map(|norm| norm.describe()) {
            row.layer += &format!(" + {}", norm.layer);
        }
        if let Some(dropout) = self.dropout {
            row.layer += &format!(" + dropout({})", shown(dropout.p()));
        }
        row.activation = self.activation.to_string();
        row.parameters = self.parameters().numel();
        vec![row]
    }
}

/// A [`Layer`] as data; in an [`Mlp`](crate::Mlp) without its inputs, which are the units of the layer before.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dense {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) inputs: Option<usize>,
    pub(crate) units: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) activation: Option<Activation>,
    #[serde(default = "fields::yes", skip_serializing_if = "fields::is_on")]
    pub(super) bias: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) norm: Option<NormData>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dropout: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) init: Option<Init>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bias_init: Option<Init>,
}

impl Dense {
    pub(super) fn build<T: Float>(self, inputs: usize, parts: &mut Parts<'_, T>) -> Result<Layer<T>, Error> {
        let Dense { units, activation, bias, norm, dropout, init, bias_init, .. } = self;
        if inputs == 0 || units == 0 {
            return Err(Error::invalid("dense", format!("{inputs} → {units}: no size may be 0")));
        }
        let activation = activation.unwrap_or(Activation::Identity);
        activation.check()?;
        let dropout = dropout.map(Dropout::new).transpose()?;
        let (init, bias_init) = (init.unwrap_or_else(|| activation.usual_init()), bias_init.unwrap_or(Init::Zeros));
        let linear = Linear::with_biases(inputs, units, &init, &bias_init, parts.rng())?;
        let linear = if bias { linear } else { linear.without_bias() };
        Ok(Layer { linear, norm: norm.map(|norm| norm.build(units, parts)).transpose()?, activation, dropout })
    }
}

impl<T: Float> Configured<T> for Layer<T> {
    const LAYER: &'static str = "dense";
    type Data = Dense;

    fn data(&self) -> Result<Dense, Error> {
        Ok(Dense {
            inputs: Some(self.linear.inputs()),
            units: self.linear.outputs(),
            activation: fields::unless(Activation::Identity, self.activation),
            bias: self.linear.b.is_some(),
            norm: self.norm.as_ref().map(NormData::of).transpose()?,
            dropout: self.dropout.map(Dropout::p),
            init: None,
            bias_init: None,
        })
    }

    fn build(data: Dense, parts: &mut Parts<'_, T>) -> Result<Self, Error> {
        let missing = || Error::invalid("dense", "missing field `inputs`; give it a value");
        let inputs = data.inputs.ok_or_else(missing)?;
        data.build(inputs, parts)
    }
}
