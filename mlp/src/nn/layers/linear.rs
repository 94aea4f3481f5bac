//! [`Linear`]: the fully connected layer.

use autograd::{Float, Param, Parameters, Shape, Var};
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::{Weighted, with_optional};
use crate::nn::config::{Config, Configured, Parts, fields};
use crate::nn::module::{LayerRow, Module};
use crate::nn::state_dict::StateDict;
use crate::{Error, Init};

/// A fully connected layer without activation: `p = xW + b`.
///
/// Shapes: `(…, inputs) → (…, outputs)`.
///
/// `p_l = Σ_j x_j w_jl + b_l`; `dx = dp · Wᵀ`, `dW = xᵀ · dp`, `db = Σ dp` over the samples.
///
/// ```
/// use autograd::{Param, Tensor};
/// use mlp::{Linear, Module};
/// let layer = Linear { w: Param::new([[0.2], [1.5], [0.5]]), b: None };
/// let p = layer.predict(&Tensor::from([[1.0, 0.0, 1.0]]));
/// assert_eq!(p, Tensor::from([[0.7]]));
/// ```
#[derive(Debug, Clone)]
pub struct Linear<T: Float = f64> {
    /// The weights, of shape (inputs, outputs).
    pub w: Param<T>,
    /// The biases, of shape (outputs,).
    pub b: Option<Param<T>>,
}

impl<T: Float> Linear<T> {
    /// The axis of the weights that counts the outputs.
    pub(crate) const OUTPUT_AXIS: usize = 1;

    /// Creates a layer with weights drawn by `init` and biases of 0.
    ///
    /// ```
    /// use mlp::{Init, Linear, Module};
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let layer: Linear = Linear::new(3, 2, &Init::glorot_uniform(), &mut StdRng::seed_from_u64(0))?;
    /// assert_eq!((layer.inputs(), layer.outputs(), layer.parameters().numel()), (3, 2, 8));
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there are no inputs or no outputs.
    pub fn new(inputs: usize, outputs: usize, init: &Init, rng: &mut (impl Rng + ?Sized)) -> Result<Self, Error> {
        Self::with_biases(inputs, outputs, init, &Init::Zeros, rng)
    }

    /// Creates a layer with separate initialisers for weights and biases.
    ///
    /// ```
    /// use mlp::{Init, Linear};
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let (weights, biases) = (Init::he_normal(), Init::Constant(0.1));
    /// let layer: Linear = Linear::with_biases(3, 2, &weights, &biases, &mut StdRng::seed_from_u64(0))?;
    /// assert_eq!(layer.b.unwrap().value().to_vec(), [0.1, 0.1]);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there are no inputs or no outputs, or an initialiser is invalid ([`Init::try_sample`]).
    pub fn with_biases(
        inputs: usize,
        outputs: usize,
        weights: &Init,
        biases: &Init,
        rng: &mut (impl Rng + ?Sized),
    ) -> Result<Self, Error> {
        if inputs == 0 || outputs == 0 {
            return Err(Error::invalid("linear", format!("{inputs} → {outputs}: a layer needs inputs and outputs")));
        }
        let w = Param::new(weights.try_sample([inputs, outputs], rng)?);
        Ok(Linear { w, b: Some(Param::new(biases.try_sample([outputs], rng)?)) })
    }

    /// Removes the biases: `p = xW`.
    #[must_use]
    pub fn without_bias(self) -> Self {
        Linear { b: None, ..self }
    }

    /// The length of an input row.
    ///
    /// # Panics
    /// If `w` was made of another shape than (inputs, outputs).
    #[track_caller]
    pub fn inputs(&self) -> usize {
        self.sizes()[0]
    }

    /// The length of an output row.
    ///
    /// # Panics
    /// If `w` was made of another shape than (inputs, outputs).
    #[track_caller]
    pub fn outputs(&self) -> usize {
        self.sizes()[1]
    }

    #[track_caller]
    fn sizes(&self) -> [usize; 2] {
        let shape = self.w.shape();
        let [inputs, outputs] = shape[..] else { panic!("linear: weights of shape {shape} are not (inputs, outputs)") };
        [inputs, outputs]
    }
}

impl<T: Float> Module<T> for Linear<T> {
    /// # Panics
    /// If the row length of `x` is not [`inputs`](Linear::inputs).
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        self.forward_weighted(x, self.w.on(x.tape()))
    }

    fn parameters(&self) -> Parameters<T> {
        with_optional(Parameters::new().with("w", &self.w), "b", self.b.as_ref())
    }

    fn input_width(&self) -> Option<usize> {
        Some(self.inputs())
    }

    fn output_shape(&self, input: &Shape) -> Result<Option<Shape>, Error> {
        super::features_fit("linear", input, self.inputs())?;
        let mut shape = input.to_vec();
        *shape.last_mut().expect("a row") = self.outputs();
        Ok(Some(shape.into_iter().collect()))
    }

    fn state_dict(&self) -> Result<StateDict<T>, Error> {
        Ok(StateDict::new().transposed("weight", &self.w).with("bias", self.b.as_ref()))
    }

    fn config(&self) -> Result<Config, Error> {
        Config::of(self)
    }

    fn describe(&self) -> Vec<LayerRow> {
        vec![LayerRow {
            layer: "linear".into(),
            shape: format!("{} → {}", self.inputs(), self.outputs()),
            activation: String::new(),
            parameters: self.parameters().numel(),
        }]
    }
}

impl<T: Float> Weighted<T> for Linear<T> {
    fn weights(&self) -> &Param<T> {
        &self.w
    }

    fn output_axis(&self) -> usize {
        Self::OUTPUT_AXIS
    }

    #[track_caller]
    fn forward_weighted<'t>(&self, x: Var<'t, T>, w: Var<'t, T>) -> Var<'t, T> {
        super::check_features("linear", x, self.inputs());
        match &self.b {
            Some(b) => x.affine(w, b),
            None => x.matmul(w),
        }
    }
}

/// A [`Linear`] layer as data.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    inputs: usize,
    outputs: usize,
    #[serde(default = "fields::yes", skip_serializing_if = "fields::is_on")]
    bias: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    init: Option<Init>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bias_init: Option<Init>,
}

impl<T: Float> Configured<T> for Linear<T> {
    const LAYER: &'static str = "linear";
    type Data = Data;

    fn data(&self) -> Result<Data, Error> {
        Ok(Data { inputs: self.inputs(), outputs: self.outputs(), bias: self.b.is_some(), init: None, bias_init: None })
    }

    fn build(data: Data, parts: &mut Parts<'_, T>) -> Result<Self, Error> {
        let Data { inputs, outputs, bias, init, bias_init } = data;
        let [init, bias_init] = [init.unwrap_or_else(Init::glorot_uniform), bias_init.unwrap_or(Init::Zeros)];
        let layer = Linear::with_biases(inputs, outputs, &init, &bias_init, parts.rng())?;
        Ok(if bias { layer } else { layer.without_bias() })
    }
}
