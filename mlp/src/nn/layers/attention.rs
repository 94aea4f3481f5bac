//! [`MultiHeadAttention`].

use autograd::{Float, Parameters, Shape, Tape, Var, broadcast};
use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::error::{or_panic, room, shown};
use crate::nn::config::{Config, Configured, Parts, fields};
use crate::nn::layers::{Dropout, Linear};
use crate::nn::module::{LayerRow, Module};
use crate::nn::state_dict::{StateDict, refused};
use crate::{Error, Init};

/// The score of a hidden key: below any other, and finite, so that a query without keys has no NaN, nor has its gradient.
fn hidden<T: Float>() -> f64 {
    if T::from_f64(f64::MIN).is_finite() { f64::MIN } else { f32::MIN.into() }
}

/// Attention with several heads (Vaswani et al. 2017): each query reads the values of those keys that resemble it.
///
/// `head = softmax(QKᵀ/√d)·V`, with `Q = qW_q + b_q` of the queries, `K = mW_k + b_k` and `V = mW_v + b_v` of the memory; each
/// head takes d = width/heads of the columns, and `y = (head₀, head₁, …)·W_o + b_o`.
///
/// Shapes: `(n, time, width) → (n, time, width)`. As a [`Module`] it is self-attention, where queries and memory are one array.
/// The weights of all pairs are held: n · heads · time² numbers.
///
/// ```
/// use autograd::Tensor;
/// use mlp::{Module, MultiHeadAttention};
/// use rand::{SeedableRng, rngs::StdRng};
/// let attention: MultiHeadAttention = MultiHeadAttention::new(4, 2, &mut StdRng::seed_from_u64(0))?;
/// let x = Tensor::from_fn([1, 3, 4], |i| (i[1] * 4 + i[2]) as f64 * 0.1);
/// let y = attention.predict(&x);
/// // It does not see in which order the keys stand: reversed inputs give reversed outputs.
/// assert!(attention.predict(&x.flip(1)).is_close(&y.flip(1), 1e-12));
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct MultiHeadAttention<T: Float = f64> {
    /// Makes queries, (…, width) → (…, width).
    pub query: Linear<T>,
    /// Makes keys. This layer and that of the values may be replaced by ones that read a memory of another width.
    pub key: Linear<T>,
    /// Makes values.
    pub value: Linear<T>,
    /// Joins the heads.
    pub out: Linear<T>,
    heads: usize,
    causal: bool,
    dropout: Option<Dropout>,
}

impl<T: Float> MultiHeadAttention<T> {
    /// Creates a layer for rows of `width` numbers, with Glorot's uniform weights and biases of 0.
    ///
    /// # Errors
    /// If `width` or `heads` is 0, `heads` does not divide `width`, or memory cannot hold the weights.
    pub fn new(width: usize, heads: usize, rng: &mut (impl Rng + ?Sized)) -> Result<Self, Error> {
        if width == 0 || heads == 0 || !width.is_multiple_of(heads) {
            let why =
                format!("{heads} heads cannot share {width} columns evenly; make the width a multiple of the heads");
            return invalid(why);
        }
        room("attention", &[4, width, width])?;
        let mut linear = || Linear::new(width, width, &Init::glorot_uniform(), rng);
        let (query, key, value, out) = (linear()?, linear()?, linear()?, linear()?);
        Ok(MultiHeadAttention { query, key, value, out, heads, causal: false, dropout: None })
    }

    /// Hides the keys that come after a query, so that position t depends on the positions 0 to t only.
    ///
    /// ```
    /// use autograd::Tensor;
    /// use mlp::{Module, MultiHeadAttention};
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let attention = MultiHeadAttention::new(2, 1, &mut StdRng::seed_from_u64(0))?.causal();
    /// let y = attention.predict(&Tensor::from([[[1.0, 2.0], [3.0, 4.0]]]));
    /// let changed = attention.predict(&Tensor::from([[[1.0, 2.0], [9.0, 9.0]]]));
    /// assert_eq!(y.at(1, 0), changed.at(1, 0));
    /// # Ok::<(), mlp::Error>(())
    /// ```
    #[must_use]
    pub fn causal(self) -> Self {
        MultiHeadAttention { causal: true, ..self }
    }

    /// Drops weights with probability `p` during training.
    ///
    /// # Errors
    /// If `p` lies outside [0, 1).
    pub fn dropout(self, p: f64) -> Result<Self, Error> {
        Ok(MultiHeadAttention { dropout: Some(Dropout::new(p)?), ..self })
    }

    /// The number of heads.
    pub fn heads(&self) -> usize {
        self.heads
    }

    /// Attention of queries (n, time, width) to a memory (n, keys, width of the memory): `(n, time, width)`.
    ///
    /// `mask` is 0 where a query must not see a key, and otherwise 1 (PyTorch adds a mask of numbers to the scores); its shape is (time, keys), or stretches to
    /// (n, time, keys) as that of [`padding_mask`](Self::padding_mask). A causal layer hides the keys after a query beside it.
    /// A query all of whose keys are hidden reads 0: its output is `b_o`.
    ///
    /// ```
    /// use autograd::{Tape, Tensor};
    /// use mlp::MultiHeadAttention;
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let attention: MultiHeadAttention = MultiHeadAttention::new(2, 1, &mut StdRng::seed_from_u64(0))?;
    /// let tape = Tape::new();
    /// let (query, memory) = (tape.var(Tensor::ones([1, 2, 2])), tape.var(Tensor::ones([1, 3, 2])));
    /// let mask = tape.constant([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]]);
    /// let y = attention.attend(query, memory, Some(mask));
    /// assert_eq!(y.shape(), [1, 2, 2].into());
    /// assert_eq!(y.at(1, 1).value(), Tensor::from([[0.0, 0.0]])); // nothing was read
    /// let read = y.sum().backward()[memory].norm_axis(2);
    /// assert!(read.get([0, 0]) > 0.0 && read.get([0, 2]) == 0.0); // the last key is hidden from both
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit, or the mask holds another number than 0 and 1.
    #[track_caller]
    pub fn attend<'t>(&self, query: Var<'t, T>, memory: Var<'t, T>, mask: Option<Var<'t, T>>) -> Var<'t, T> {
        let (from, to) = (query.shape(), memory.shape());
        or_panic(self.fits(&from, &to));
        let [n, time, keys] = [from[0], from[1], to[1]];
        let mask = or_panic(mask.map(|mask| seen(mask, [n, time, keys])).transpose());

        let (width, heads) = (self.out.inputs(), self.heads);
        let depth = width / heads;
        let split = |x: Var<'t, T>, len: usize| x.reshape([n, len, heads, depth]);
        let q = split(self.query.forward(query) * (depth as f64).sqrt().recip(), time).transpose(1, 2);
        let k = split(self.key.forward(memory), keys).transpose(1, 2);
        let v = split(self.value.forward(memory), keys).transpose(1, 2);

        let (scores, hidden) = (q.matmul(k.t()), hidden::<T>());
        let after = |i: usize| if i % keys > i / keys { T::one() } else { T::zero() };
        let later = self.causal.then(|| query.tape().constant_with([time, keys], after));
        let mut weights = match (mask, later) {
            // Masked again behind the softmax: of a query that both leave no key, all scores are alike.
            (Some(mask), later) => {
                let mask = later.map_or(mask, |later| mask * (1.0 - later));
                scores.masked_fill(mask.equal(0.0), hidden).softmax(3).masked(mask)
            }
            (None, Some(later)) => scores.masked_fill(later, hidden).softmax(3),
            (None, None) => scores.softmax(3),
        };
        if let Some(dropout) = &self.dropout {
            weights = dropout.forward(weights);
        }
        let y = weights.matmul(v).transpose(1, 2).reshape([n, time, width]);
        self.out.forward(y)
    }

    /// `Ok` if queries and a memory of these shapes fit.
    fn fits(&self, from: &Shape, to: &Shape) -> Result<(), Error> {
        let (width, heads) = (self.out.inputs(), self.heads);
        super::sequences_fit("attention", from, self.query.inputs())?;
        super::sequences_fit("attention", to, self.key.inputs())?;
        super::sequences_fit("attention", to, self.value.inputs())?;
        let made = [self.query.outputs(), self.key.outputs(), self.value.outputs()];
        if made != [width; 3] || !width.is_multiple_of(heads) {
            return invalid(format!(
                "queries, keys and values of {made:?} numbers for {heads} heads; all need {width}, which `out` reads"
            ));
        }
        match from[0] == to[0] {
            true => Ok(()),
            false => invalid(format!(
                "queries {from} and memory {to} differ in their number of sequences; give each queries and a memory"
            )),
        }
    }

    /// The mask of sequences of different `lengths`, padded behind their ends to `keys` positions: `(n, 1, keys)`.
    ///
    /// ```
    /// use autograd::{Tape, Tensor};
    /// use mlp::MultiHeadAttention;
    /// let tape = Tape::new();
    /// let mask = MultiHeadAttention::padding_mask(&tape, &[1, 3], 3);
    /// assert_eq!(mask.value(), Tensor::from([[[1.0, 0.0, 0.0]], [[1.0, 1.0, 1.0]]]));
    /// ```
    ///
    /// # Panics
    /// If a sequence is longer than `keys`.
    #[track_caller]
    pub fn padding_mask<'t>(tape: &'t Tape<T>, lengths: &[usize], keys: usize) -> Var<'t, T> {
        if let Some(length) = lengths.iter().find(|&&length| length > keys) {
            panic!("attention: a sequence of length {length} does not fit into {keys} keys");
        }
        let inside = |i: usize| i % keys < lengths[i / keys];
        tape.constant_with([lengths.len(), 1, keys], |i| if inside(i) { T::one() } else { T::zero() })
    }
}

/// A mask of (time, keys) or (n, time, keys), with an axis for the heads.
fn seen<'t, T: Float>(mask: Var<'t, T>, whole: [usize; 3]) -> Result<Var<'t, T>, Error> {
    let (shape, whole) = (mask.shape(), Shape::from(whole));
    let stretches = broadcast("attention", &shape, &whole).is_ok_and(|both| both == whole);
    if !(2..=3).contains(&shape.len()) || !stretches {
        return invalid(format!("a mask of shape {shape} does not stretch to (n, time, keys), here {whole}"));
    }
    let other = |mask: &[T]| mask.iter().find(|&&seen| seen != T::zero() && seen != T::one()).copied();
    if let Some(other) = mask.with_values(other) {
        let repair = "it takes 0 for a hidden key and 1 for any other, not what is added to scores";
        return invalid(format!("a mask holds {}; {repair}", shown(other)));
    }
    Ok(if shape.len() == 3 { mask.unsqueeze(1) } else { mask })
}

fn invalid<R>(why: String) -> Result<R, Error> {
    Err(Error::invalid("attention", why))
}

impl<T: Float> Module<T> for MultiHeadAttention<T> {
    /// Self-attention.
    ///
    /// # Panics
    /// If `x` is not (n, time, width) with at least one step.
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        self.attend(x, x, None)
    }

    fn parameters(&self) -> Parameters<T> {
        let parts = [("query", &self.query), ("key", &self.key), ("value", &self.value), ("out", &self.out)];
        parts.into_iter().fold(Parameters::new(), |all, (name, part)| all.with_all(name, &part.parameters()))
    }

    fn input_width(&self) -> Option<usize> {
        self.query.input_width()
    }

    fn output_shape(&self, input: &Shape) -> Result<Option<Shape>, Error> {
        self.fits(input, input)?;
        Ok(Some([input[0], input[1], self.out.outputs()].into()))
    }

    fn state_dict(&self) -> Result<StateDict<T>, Error> {
        let read = [&self.query, &self.key, &self.value];
        let dict = match read.map(Linear::inputs) {
            [query, key, value] if [key, value] == [query; 2] => {
                StateDict::new().packed("in_proj_weight", read.map(|layer| &layer.w), true)
            }
            _ => ["q_proj_weight", "k_proj_weight", "v_proj_weight"]
                .into_iter()
                .zip(read)
                .fold(StateDict::new(), |all, (name, layer)| all.transposed(name, &layer.w)),
        };
        let biases: Vec<_> = read.iter().filter_map(|layer| layer.b.as_ref()).collect();
        let dict = match biases.len() {
            0 => dict,
            3 => dict.packed("in_proj_bias", biases, false),
            _ => return refused("attention", "give biases to queries, keys and values, or to none of them"),
        };
        dict.with_part("out_proj", &self.out)
    }

    fn config(&self) -> Result<Config, Error> {
        Config::of(self)
    }

    fn describe(&self) -> Vec<LayerRow> {
        let layer = match (self.heads, self.causal) {
            (1, false) => "attention".into(),
            (heads, false) => format!("attention({heads})"),
            (heads, true) => format!("causal attention({heads})"),
        };
        let shape = format!("{} → {}", self.query.inputs(), self.out.outputs());
        vec![LayerRow { layer, shape, activation: String::new(), parameters: self.parameters().numel() }]
    }
}

/// [`MultiHeadAttention`] as data.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    pub(super) width: usize,
    pub(crate) heads: usize,
    /// The width of the memory, if it is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) memory: Option<usize>,
    #[serde(default, skip_serializing_if = "fields::is_off")]
    pub(crate) causal: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dropout: Option<f64>,
    #[serde(default = "fields::yes", skip_serializing_if = "fields::is_on")]
    pub(super) bias: bool,
}

impl<T: Float> Configured<T> for MultiHeadAttention<T> {
    const LAYER: &'static str = "attention";
    type Data = Data;

    fn data(&self) -> Result<Data, Error> {
        let [query, key, value, out] = [&self.query, &self.key, &self.value, &self.out];
        let (width, memory, bias) = (query.inputs(), key.inputs(), query.b.is_some());
        let sizes = [query, key, value, out].map(|layer| [layer.inputs(), layer.outputs()]);
        let usual = [[width, width], [memory, width], [memory, width], [width, width]];
        if sizes != usual || [key, value, out].iter().any(|layer| layer.b.is_some() != bias) {
            let problem = "its layers have sizes or biases that no configuration describes; give all four the width, and all \
                           or none biases";
            return Err(Error::config("attention", problem));
        }
        let (memory, dropout) = (fields::unless(width, memory), self.dropout.map(Dropout::p));
        Ok(Data { width, heads: self.heads, memory, causal: self.causal, dropout, bias })
    }

    fn build(data: Data, parts: &mut Parts<'_, T>) -> Result<Self, Error> {
        let mut layer = MultiHeadAttention::new(data.width, data.heads, parts.rng())?;
        if let Some(memory) = data.memory {
            let mut linear = || Linear::new(memory, data.width, &Init::glorot_uniform(), parts.rng());
            [layer.key, layer.value] = [linear()?, linear()?];
        }
        if !data.bias {
            for part in [&mut layer.query, &mut layer.key, &mut layer.value, &mut layer.out] {
                part.b = None;
            }
        }
        layer.causal = data.causal;
        layer.dropout = data.dropout.map(Dropout::new).transpose()?;
        Ok(layer)
    }
}
