//! [`TransformerBlock`]: attention, then a network for each row.

use autograd::{Float, Parameters, Shape, Var};
use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::error::{or_panic, room};
use crate::nn::config::{Config, Configured, Parts, fields};
use crate::nn::layers::{Dropout, LayerNorm, Linear, MultiHeadAttention};
use crate::nn::module::{LayerRow, Module, numbered, rows_for};
use crate::nn::probe::Probe;
use crate::nn::state_dict::StateDict;
use crate::{Activation, Error, Init};

/// A block of a transformer (Vaswani et al. 2017): attention to other positions, then a network for each position, both with
/// shortcuts and normalised.
///
/// `h = x + attention(norm₁(x))`, `y = h + f(norm₂(h)·W + b)·V + c`. So the norms stand before what they serve, and the
/// shortcut is free (Xiong et al. 2020); as in the first paper, [`post_norm`](TransformerBlock::post_norm) puts them behind
/// the sums: `h = norm₁(x + attention(x))`, `y = norm₂(h + f(h·W + b)·V + c)`. A dropout acts on both branches and behind f. What is
/// added has the strength 1, or another constant ([`strength`](TransformerBlock::strength)).
///
/// Shapes: `(n, time, width) → (n, time, width)`. Behind the last block of a stack that normalises before, put a
/// [`LayerNorm`].
///
/// ```
/// use autograd::Tensor;
/// use mlp::{Activation, Module, TransformerBlock};
/// use rand::{SeedableRng, rngs::StdRng};
/// let mut rng = StdRng::seed_from_u64(0);
/// let block: TransformerBlock = TransformerBlock::new(8, 2, 16, Activation::Gelu, &mut rng)?.dropout(0.1)?;
/// assert_eq!(block.predict(&Tensor::zeros([3, 5, 8])).shape(), &[3, 5, 8].into());
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct TransformerBlock<T: Float = f64> {
    /// The attention; give it a causal mask with [`causal`](TransformerBlock::causal).
    pub attention: MultiHeadAttention<T>,
    /// The norm of the attention.
    pub norm1: LayerNorm<T>,
    /// The norm of the network.
    pub norm2: LayerNorm<T>,
    /// The first layer of the network, (…, width) → (…, inner).
    pub up: Linear<T>,
    /// The activation of the network.
    pub activation: Activation,
    /// The second layer of the network, (…, inner) → (…, width).
    pub down: Linear<T>,
    dropout: Option<Dropout>,
    post_norm: bool,
    strength: f64,
}

impl<T: Float> TransformerBlock<T> {
    /// Creates a block whose network has `inner` units, often four times `width`; weights by Glorot's uniform recipe, biases of 0.
    ///
    /// # Errors
    /// If a size is 0, `heads` does not divide `width`, or memory cannot hold the weights.
    pub fn new(
        width: usize,
        heads: usize,
        inner: usize,
        activation: Activation,
        rng: &mut (impl Rng + ?Sized),
    ) -> Result<Self, Error> {
        room("transformer", &[width, width.saturating_mul(2).saturating_add(inner).saturating_mul(2)])?;
        Ok(TransformerBlock {
            attention: MultiHeadAttention::new(width, heads, rng)?,
            norm1: LayerNorm::new(width)?,
            norm2: LayerNorm::new(width)?,
            up: Linear::new(width, inner, &Init::glorot_uniform(), rng)?,
            activation,
            down: Linear::new(inner, width, &Init::glorot_uniform(), rng)?,
            dropout: None,
            post_norm: false,
            strength: 1.0,
        })
    }

    /// Hides the positions after each: see [`MultiHeadAttention::causal`].
    #[must_use]
    pub fn causal(self) -> Self {
        TransformerBlock { attention: self.attention.causal(), ..self }
    }

    /// Normalises behind the sums instead of before the branches.
    #[must_use]
    pub fn post_norm(self) -> Self {
        TransformerBlock { post_norm: true, ..self }
    }

    /// Sets the strength, a constant, of both branches: see [`Residual::strength`](crate::Residual::strength).
    ///
    /// # Errors
    /// If `strength` is not finite.
    pub fn strength(self, strength: f64) -> Result<Self, Error> {
        super::residual::check_strength("transformer", strength)?;
        Ok(TransformerBlock { strength, ..self })
    }

    /// Drops weights of the attention, hidden units and values of both branches with probability `p` during training.
    ///
    /// # Errors
    /// If `p` lies outside [0, 1).
    pub fn dropout(self, p: f64) -> Result<Self, Error> {
        let attention = self.attention.dropout(p)?;
        Ok(TransformerBlock { attention, dropout: Some(Dropout::new(p)?), ..self })
    }

    /// The output where keys are hidden by `mask`, as in [`MultiHeadAttention::attend`].
    ///
    /// ```
    /// use autograd::{Tape, Tensor};
    /// use mlp::{Activation, MultiHeadAttention, TransformerBlock};
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let block: TransformerBlock = TransformerBlock::new(4, 2, 8, Activation::Relu, &mut StdRng::seed_from_u64(0))?;
    /// let tape = Tape::new();
    /// let x = tape.var(Tensor::from_fn([1, 3, 4], |i| (i[1] + i[2]) as f64));
    /// let y = block.forward_masked(x, Some(MultiHeadAttention::padding_mask(&tape, &[2], 3)));
    /// let padding = y.slice(1, 0..2).square().sum().backward()[x].at(1, 2);
    /// assert_eq!(padding, Tensor::zeros([1, 4])); // the first two do not see the third
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn forward_masked<'t>(&self, x: Var<'t, T>, mask: Option<Var<'t, T>>) -> Var<'t, T> {
        self.shown(x, mask, &mut Probe::off())
    }

    #[track_caller]
    fn shown<'t>(&self, x: Var<'t, T>, mask: Option<Var<'t, T>>, probe: &mut Probe<'_>) -> Var<'t, T> {
        let drop = |x: Var<'t, T>| self.dropout.map_or(x, |dropout| dropout.forward(x));
        let weak = |x: Var<'t, T>| super::residual::scaled(x, self.strength);
        let before = |norm: &LayerNorm<T>, x| if self.post_norm { x } else { norm.forward(x) };
        let after = |norm: &LayerNorm<T>, x| if self.post_norm { norm.forward(x) } else { x };

        or_panic(super::sequences_fit("transformer", &x.shape(), self.up.inputs()));
        let normed = before(&self.norm1, x);
        // Not within a closure, which would lose the caller's line.
        probe.enter("attention");
        let read = probe.output("attention", self.attention.attend(normed, normed, mask));
        probe.leave();
        let h = after(&self.norm1, x + weak(drop(read)));
        let sums = self.up.forward(before(&self.norm2, h));
        let units = probe.within("up", |probe| self.activation.forward_with(sums, probe));
        let y = after(&self.norm2, h + weak(drop(self.down.forward(drop(units)))));
        probe.output("transformer", y)
    }

    /// The parts in the order in which a value passes them, with their names.
    fn parts(&self) -> [(&'static str, &dyn Module<T>); 6] {
        let [norm1, norm2]: [(_, &dyn Module<T>); 2] = [("norm1", &self.norm1), ("norm2", &self.norm2)];
        let (attention, up, down): (&dyn Module<T>, &dyn Module<T>, &dyn Module<T>) =
            (&self.attention, &self.up, &self.down);
        let (attention, up, down) = (("attention", attention), ("up", up), ("down", down));
        let activation: (_, &dyn Module<T>) = ("activation", &self.activation);
        match self.post_norm {
            true => [attention, norm1, up, activation, down, norm2],
            false => [norm1, attention, norm2, up, activation, down],
        }
    }
}

impl<T: Float> Module<T> for TransformerBlock<T> {
    /// # Panics
    /// If `x` is not (n, time, width) with at least one step.
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        self.forward_with(x, &mut Probe::off())
    }

    #[track_caller]
    fn forward_with<'t>(&self, x: Var<'t, T>, probe: &mut Probe<'_>) -> Var<'t, T> {
        self.shown(x, None, probe)
    }

    fn parameters(&self) -> Parameters<T> {
        self.parts().into_iter().fold(Parameters::new(), |all, (name, part)| all.with_all(name, &part.parameters()))
    }

    fn input_width(&self) -> Option<usize> {
        self.attention.input_width()
    }

    fn output_shape(&self, input: &Shape) -> Result<Option<Shape>, Error> {
        super::sequences_fit("transformer", input, self.up.inputs())?;
        Ok(Some(input.clone()))
    }

    fn state_dict(&self) -> Result<StateDict<T>, Error> {
        StateDict::new()
            .with_part("self_attn", &self.attention)?
            .with_part("linear1", &self.up)?
            .with_part("linear2", &self.down)?
            .with_part("norm1", &self.norm1)?
            .with_part("norm2", &self.norm2)
    }

    fn config(&self) -> Result<Config, Error> {
        Config::of(self)
    }

    fn describe(&self) -> Vec<LayerRow> {
        let rows = self.parts().into_iter().enumerate();
        rows.flat_map(|(i, (_, part))| part.describe().into_iter().map(move |row| numbered(i, row))).collect()
    }

    fn describe_for(&self, input: &Shape) -> Result<Vec<(LayerRow, Option<Shape>)>, Error> {
        self.output_shape(input)?;
        rows_for(self.parts().into_iter().map(|(_, part)| part), input)
    }
}

/// A [`TransformerBlock`] as data.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    width: usize,
    pub(crate) heads: usize,
    inner: usize,
    pub(crate) activation: Activation,
    #[serde(default, skip_serializing_if = "fields::is_off")]
    pub(crate) causal: bool,
    #[serde(default, skip_serializing_if = "fields::is_off")]
    pub(crate) post_norm: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dropout: Option<f64>,
    /// That of both norms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) eps: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) strength: Option<f64>,
}

impl<T: Float> Configured<T> for TransformerBlock<T> {
    const LAYER: &'static str = "transformer";
    type Data = Data;

    fn data(&self) -> Result<Data, Error> {
        let attention = self.attention.data()?;
        let (width, inner) = (attention.width, self.up.outputs());
        let linear = [&self.up, &self.down].map(|layer| (layer.inputs(), layer.outputs(), layer.b.is_some()));
        let [first, second] = [&self.norm1, &self.norm2].map(Configured::data);
        let norms = [first?, second?];
        let usual = linear == [(width, inner, true), (inner, width, true)]
            && norms.iter().all(|norm| norm.features == width && norm.eps == norms[0].eps)
            && (attention.memory, attention.bias) == (None, true)
            && attention.dropout == self.dropout.map(Dropout::p);
        if !usual {
            let problem = "its layers have sizes, biases or options that no configuration describes; build it with its own methods";
            return Err(Error::config("transformer", problem));
        }
        Ok(Data {
            width,
            heads: attention.heads,
            inner,
            activation: self.activation,
            causal: attention.causal,
            post_norm: self.post_norm,
            dropout: attention.dropout,
            eps: norms[0].eps,
            strength: fields::unless(1.0, self.strength),
        })
    }

    fn build(data: Data, parts: &mut Parts<'_, T>) -> Result<Self, Error> {
        let Data { width, heads, inner, activation, causal, post_norm, dropout, eps, strength } = data;
        let mut block =
            TransformerBlock::new(width, heads, inner, activation, parts.rng())?.strength(strength.unwrap_or(1.0))?;
        if let Some(p) = dropout {
            block = block.dropout(p)?;
        }
        if causal {
            block = block.causal();
        }
        for norm in [&mut block.norm1, &mut block.norm2] {
            norm.eps = fields::eps("transformer", eps, norm.eps)?;
        }
        Ok(TransformerBlock { post_norm, ..block })
    }
}
