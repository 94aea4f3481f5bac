//! [`Recurrent`]: what all recurrent layers share.

mod cell;
mod data;

use std::fmt;
use std::marker::PhantomData;

use autograd::{Float, Param, Parameters, Shape, Tape, Tensor, Var, checkpoint};
use rand::Rng;

pub use cell::Cell;
pub(super) use cell::sums;

use crate::error::{or_panic, room};
use crate::nn::config::Config;
use crate::nn::module::{LayerRow, Module};
use crate::nn::state_dict::StateDict;
use crate::{Error, Init};

/// A recurrent layer, or a stack of them: a [`Cell`] is unrolled over a sequence.
///
/// `pₜ = xₜW + b`, `qₜ = hₜ₋₁U (+ c)`, `hₜ = cell(pₜ, qₜ, hₜ₋₁)`, from a state of 0. A layer of a stack reads the states of the
/// one before.
///
/// Shapes: `(n, time, inputs) → (n, time, hidden)`, all hidden states; with [`last`](Recurrent::last) `(n, hidden)`. `W`
/// is (inputs, sums · hidden) and `U` (hidden, sums · hidden), where a cell has a number of sums for each unit. The products
/// with `W` of all steps are one product of matrices. Parameters are named `0.w`, `0.u`, `0.b` and, where the cell has biases
/// of its own for the recurrent product, `0.c`.
///
/// The layers of this crate are [`Rnn`](crate::Rnn), [`Gru`](crate::Gru) and [`Lstm`](crate::Lstm).
pub struct Recurrent<C: Cell, T: Float = f64> {
    layers: Vec<Weights<T>>,
    inputs: usize,
    hidden: usize,
    last: bool,
    /// The number of steps between states that the tape keeps; `None`: it keeps all that a step computes.
    segment: Option<usize>,
    cell: PhantomData<C>,
}

/// The parameters of one layer of a stack.
#[derive(Clone)]
struct Weights<T: Float> {
    w: Param<T>,
    u: Param<T>,
    b: Param<T>,
    c: Option<Param<T>>,
}

impl<T: Float> Weights<T> {
    /// The output over all steps of `x`, and the state behind the last.
    #[track_caller]
    fn run<'t, C: Cell>(&self, x: Var<'t, T>, mut state: [Var<'t, T>; 2], last: bool) -> (Var<'t, T>, [Var<'t, T>; 2]) {
        let ([n, time], hidden) = ([x.shape()[0], x.shape()[1]], self.u.shape()[0]);
        let p = x.affine(&self.w, &self.b);
        let mut outputs = Vec::with_capacity(if last { 0 } else { time });
        for t in 0..time {
            let p = p.take(1, &[t]).reshape([n, C::SUMS * hidden]);
            let q = match &self.c {
                Some(c) => state[0].affine(&self.u, c),
                None => state[0].matmul(&self.u),
            };
            state = C::step(p, q, state);
            if !last {
                outputs.push(state[0].reshape([n, 1, hidden]));
            }
        }
        (if last { state[0] } else { Var::concat(&outputs, 1) }, state)
    }
}

impl<C: Cell, T: Float> Recurrent<C, T> {
    /// Creates one layer. Weights and biases are uniform between ±1/√hidden, as in PyTorch.
    ///
    /// # Errors
    /// If there are no inputs or no hidden units.
    pub fn new(inputs: usize, hidden: usize, rng: &mut (impl Rng + ?Sized)) -> Result<Self, Error> {
        Self::stacked(inputs, hidden, 1, rng)
    }

    /// Creates a stack of `layers` layers, each but the first with `hidden` inputs.
    ///
    /// ```
    /// use mlp::{Gru, Module};
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let gru: Gru = Gru::stacked(3, 4, 2, &mut StdRng::seed_from_u64(0))?;
    /// let names: Vec<_> = gru.parameters().names().map(String::from).collect();
    /// assert_eq!(names, ["0.w", "0.u", "0.b", "0.c", "1.w", "1.u", "1.b", "1.c"]);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there are no inputs, no hidden units or no layers, or memory cannot hold the weights.
    pub fn stacked(inputs: usize, hidden: usize, layers: usize, rng: &mut (impl Rng + ?Sized)) -> Result<Self, Error> {
        if inputs == 0 || hidden == 0 || layers == 0 {
            let sizes = format!("{inputs} → {hidden} in {layers} layers");
            return Err(Error::invalid(C::NAME, format!("{sizes}: inputs, hidden units and layers are needed")));
        }
        let bound = (hidden as f64).recip().sqrt();
        let init = Init::Uniform { low: -bound, high: bound };
        let sums = hidden.saturating_mul(C::SUMS);
        let longest = inputs.max(hidden).saturating_add(hidden).saturating_add(2);
        room(C::NAME, &[layers, longest, sums])?;
        let layers = (0..layers).map(|layer| {
            let inputs = if layer == 0 { inputs } else { hidden };
            let w = Param::new(init.try_sample([inputs, sums], rng)?);
            let u = Param::new(init.try_sample([hidden, sums], rng)?);
            let b = Param::new(init.try_sample([sums], rng)?);
            let c = if C::RECURRENT_BIAS { Some(Param::new(init.try_sample([sums], rng)?)) } else { None };
            Ok(Weights { w, u, b, c })
        });
        let layers = layers.collect::<Result<_, Error>>()?;
        Ok(Recurrent { layers, inputs, hidden, last: false, segment: None, cell: PhantomData })
    }

    /// Returns the hidden state of the last step only, `(n, hidden)`: for a layer behind it that takes rows.
    ///
    /// ```
    /// use autograd::Tensor;
    /// use mlp::{Init, Linear, Lstm, Module, Sequential};
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let mut rng = StdRng::seed_from_u64(0);
    /// let read: Linear = Linear::new(4, 2, &Init::glorot_uniform(), &mut rng)?;
    /// let model = Sequential::new().then(Lstm::new(3, 4, &mut rng)?.last()).then(read);
    /// assert_eq!(model.predict(&Tensor::zeros([5, 7, 3])).shape(), &[5, 2].into());
    /// # Ok::<(), mlp::Error>(())
    /// ```
    #[must_use]
    pub fn last(self) -> Self {
        Recurrent { last: true, ..self }
    }

    /// Keeps only every `steps`-th state on the tape in each layer; a sweep computes the steps between again.
    ///
    /// A sequence of T steps then takes memory for its inputs and outputs, T/`steps` states and what `steps` steps
    /// compute: least with about √T steps, at the price of a second forward pass ([`checkpoint`]). Sequences that
    /// are no longer are recorded whole. Values are the same, gradients up to the order of sums.
    ///
    /// ```
    /// use autograd::{Tape, Tensor};
    /// use mlp::{Lstm, Module};
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let bytes = |steps: usize| -> Result<usize, mlp::Error> {
    ///     let lstm: Lstm = Lstm::new(1, 8, &mut StdRng::seed_from_u64(0))?.last().segments(steps);
    ///     let tape = Tape::new();
    ///     let y = lstm.forward(tape.constant(Tensor::linspace(-1.0, 1.0, 400).reshape([1, 400, 1])));
    ///     y.square().sum().backward();
    ///     Ok(tape.bytes())
    /// };
    /// let (all, few) = (bytes(400)?, bytes(20)?);
    /// assert!(10 * few < all, "{few} bytes instead of {all}");
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Panics
    /// If `steps` is 0.
    #[must_use]
    #[track_caller]
    pub fn segments(self, steps: usize) -> Self {
        assert!(steps > 0, "{}: segments of 0 steps; 1 keeps every state", C::NAME);
        Recurrent { segment: Some(steps), ..self }
    }

    /// Draws the recurrent weights `U` of each sum anew, as matrices (hidden, hidden).
    ///
    /// Orthogonal ones keep the length of the hidden state (Saxe et al. 2014; Le, Jaitly & Hinton 2015).
    ///
    /// ```
    /// use autograd::Tensor;
    /// use mlp::{Init, Module, Rnn};
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let mut rng = StdRng::seed_from_u64(0);
    /// let rnn: Rnn = Rnn::new(3, 4, &mut rng)?.recurrent_init(&Init::orthogonal(), &mut rng)?;
    /// let u = rnn.parameters().get("0.u").unwrap().value();
    /// assert!(u.matmul(&u.t()).is_close(&Tensor::eye(4), 1e-12));
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the initialiser is invalid ([`Init::try_sample`]).
    pub fn recurrent_init(self, init: &Init, rng: &mut (impl Rng + ?Sized)) -> Result<Self, Error> {
        for layer in &self.layers {
            let blocks = (0..C::SUMS).map(|_| init.try_sample([self.hidden, self.hidden], rng));
            layer.u.set(Tensor::concat(&blocks.collect::<Result<Vec<_>, _>>()?, 1));
        }
        Ok(self)
    }

    /// Sets the biases of sum `k` of each unit.
    pub(super) fn set_biases(&self, k: usize, value: f64) {
        for layer in &self.layers {
            layer.b.modify(|b| b[k * self.hidden..(k + 1) * self.hidden].fill(T::from_f64(value)));
        }
    }

    /// The length of an input row.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// The length of a hidden state.
    pub fn hidden(&self) -> usize {
        self.hidden
    }

    /// The state of zeros from which `n` sequences begin: see [`unroll`](Recurrent::unroll).
    #[track_caller]
    pub fn start<'t>(&self, tape: &'t Tape<T>, n: usize) -> Var<'t, T> {
        tape.constant_with([self.layers.len() * C::STATES, n, self.hidden], |_| T::zero())
    }

    /// The output from a given state, and the state behind the last step.
    ///
    /// A state is `(layers · states, n, hidden)`: for each layer its hidden state and, if the cell has one, its memory.
    ///
    /// A long sequence is cut into parts for truncated backpropagation through time (Williams & Peng 1990). The value of
    /// a state begins the next part, and no gradient flows back through it:
    ///
    /// ```
    /// use autograd::{Tape, Tensor};
    /// use mlp::{Lstm, Module};
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let lstm: Lstm = Lstm::new(1, 4, &mut StdRng::seed_from_u64(0))?;
    /// let sequence = Tensor::linspace(-1.0, 1.0, 6).reshape([1, 6, 1]);
    /// let mut tape = Tape::new();
    /// let mut state = lstm.start(&tape, 1).value();
    /// let mut outputs = vec![];
    /// for part in sequence.split(1, &[3, 3]) {
    ///     tape.clear();
    ///     let (y, behind) = lstm.unroll(tape.constant(part), tape.constant(state));
    ///     outputs.push(y.value()); // and a loss, and a step of training
    ///     state = behind.value();
    /// }
    /// assert_eq!(Tensor::concat(&outputs, 1), lstm.predict(&sequence));
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Panics
    /// If `x` is not (n, time, inputs) with at least one step, or `state` does not fit.
    #[track_caller]
    pub fn unroll<'t>(&self, x: Var<'t, T>, state: Var<'t, T>) -> (Var<'t, T>, Var<'t, T>) {
        let n = self.sequences(x);
        let needed = Shape::from([self.layers.len() * C::STATES, n, self.hidden]);
        let found = state.shape();
        assert!(
            found == needed,
            "{}: a state of shape {needed} is needed, it has shape {found}; begin with `start`",
            C::NAME
        );
        let (mut y, mut behind) = (x, vec![]);
        for (i, layer) in self.layers.iter().enumerate() {
            let at = |k: usize| state.at(0, i * C::STATES + k);
            let (output, after) = self.over_time(layer, y, [at(0), at(C::STATES - 1)], self.is_last_alone(i));
            behind.extend_from_slice(&after[..C::STATES]);
            y = output;
        }
        (y, Var::stack(&behind, 0))
    }

    /// Whether the output of layer `i` is its last state only.
    fn is_last_alone(&self, i: usize) -> bool {
        self.last && i + 1 == self.layers.len()
    }

    /// The output of a layer, and its state behind the last step.
    #[track_caller]
    fn over_time<'t>(
        &self,
        layer: &Weights<T>,
        x: Var<'t, T>,
        mut state: [Var<'t, T>; 2],
        last: bool,
    ) -> (Var<'t, T>, [Var<'t, T>; 2]) {
        let time = x.shape()[1];
        let Some(steps) = self.segment.filter(|&steps| steps < time) else { return layer.run::<C>(x, state, last) };
        let mut outputs = vec![];
        for first in (0..time).step_by(steps) {
            let part = x.slice(1, first..time.min(first.saturating_add(steps)));
            let layer = layer.clone();
            let found = checkpoint(&[part, state[0], state[1]], move |x| {
                let (y, state) = layer.run::<C>(x[0], [x[1], x[2]], last);
                let own = state.into_iter().take(C::STATES);
                if last { own.collect() } else { own.chain([y]).collect() }
            });
            state = [found[0], found[C::STATES - 1]];
            outputs.extend(found.get(C::STATES));
        }
        (if last { state[0] } else { Var::concat(&outputs, 1) }, state)
    }

    /// The number of sequences.
    #[track_caller]
    fn sequences(&self, x: Var<'_, T>) -> usize {
        let shape = x.shape();
        or_panic(self.fits(&shape));
        shape[0]
    }

    fn fits(&self, shape: &Shape) -> Result<(), Error> {
        super::sequences_fit(C::NAME, shape, self.inputs)
    }
}

impl<C: Cell, T: Float> Module<T> for Recurrent<C, T> {
    /// # Panics
    /// If `x` is not (n, time, inputs) with at least one step.
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let n = self.sequences(x);
        let zeros = x.tape().constant_with([n, self.hidden], |_| T::zero());
        let mut y = x;
        for (i, layer) in self.layers.iter().enumerate() {
            y = self.over_time(layer, y, [zeros; 2], self.is_last_alone(i)).0; // a loop, so that a panic points at the caller
        }
        y
    }

    fn parameters(&self) -> Parameters<T> {
        self.layers.iter().enumerate().fold(Parameters::new(), |all, (i, layer)| {
            let Weights { w, u, b, c } = layer;
            let own = Parameters::new().with("w", w).with("u", u).with("b", b);
            all.with_all(&i.to_string(), &super::with_optional(own, "c", c.as_ref()))
        })
    }

    fn input_width(&self) -> Option<usize> {
        Some(self.inputs)
    }

    fn output_shape(&self, input: &Shape) -> Result<Option<Shape>, Error> {
        self.fits(input)?;
        let [n, time] = [input[0], input[1]];
        Ok(Some(if self.last { [n, self.hidden].into() } else { [n, time, self.hidden].into() }))
    }

    fn state_dict(&self) -> Result<StateDict<T>, Error> {
        if !["rnn", "gru", "lstm"].contains(&C::NAME) {
            return Ok(StateDict::from(&self.parameters())); // a cell that PyTorch has not
        }
        Ok(self.layers.iter().enumerate().fold(StateDict::new(), |all, (i, Weights { w, u, b, c })| {
            let all = all.transposed(format!("weight_ih_l{i}"), w).transposed(format!("weight_hh_l{i}"), u);
            let [of_inputs, of_state] = ["ih", "hh"].map(|of| format!("bias_{of}_l{i}"));
            match c {
                Some(c) => all.with(of_inputs, b).with(of_state, c),
                None => all.sum([of_inputs, of_state], b),
            }
        }))
    }

    fn config(&self) -> Result<Config, Error> {
        Config::of(self)
    }

    fn describe(&self) -> Vec<LayerRow> {
        let layer = match self.layers.len() {
            1 => C::NAME.to_string(),
            layers => format!("{} × {layers}", C::NAME),
        };
        let shape = format!("{} → {}", self.inputs, self.hidden);
        vec![LayerRow { layer, shape, activation: String::new(), parameters: self.parameters().numel() }]
    }
}

impl<C: Cell, T: Float> fmt::Debug for Recurrent<C, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::summary(self))
    }
}
