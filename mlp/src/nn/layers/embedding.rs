//! [`Embedding`]: a trained row for each class.

use std::fmt::Display;

use autograd::{Float, Param, Parameters, Shape, Tape, Tensor, Var};
use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::error::{or_panic, shown};
use crate::nn::config::{Config, Configured, Parts, fields};
use crate::nn::module::{LayerRow, Module};
use crate::nn::state_dict::StateDict;
use crate::{Error, Init};

/// A table with one trained row for each of `count` classes, such as the words of a vocabulary: `y = table[class]`.
///
/// Shapes: `(…) → (…, width)`. As a [`Module`] it takes the numbers of the classes as values, `0.0`, `1.0` and so on; an
/// `f32` holds whole numbers up to 2²⁴ exactly. The gradient of a row is the sum over the places where it was read.
///
/// ```
/// use autograd::{Param, Tape, Tensor};
/// use mlp::{Embedding, Module};
/// let words = Embedding::from(Param::new([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]]));
/// let y = words.predict(&Tensor::from([[2.0, 0.0]]));
/// assert_eq!(y, Tensor::from([[[0.5, 0.6], [0.1, 0.2]]]));
/// let tape = Tape::new();
/// let y = words.look_up(&tape, &[2, 0, 2]);
/// assert_eq!(y.sum().backward()[&words.table], Tensor::from([[1.0, 1.0], [0.0, 0.0], [2.0, 2.0]]));
/// ```
#[derive(Debug, Clone)]
pub struct Embedding<T: Float = f64> {
    /// The rows, of shape (count, width).
    pub table: Param<T>,
    padding: Option<usize>,
}

impl<T: Float> Embedding<T> {
    /// Creates a table whose values `init` draws; PyTorch draws from the standard normal distribution.
    ///
    /// ```
    /// use mlp::{Embedding, Init};
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let normal = Init::Normal { mean: 0.0, std: 1.0 };
    /// let words: Embedding = Embedding::new(1000, 16, &normal, &mut StdRng::seed_from_u64(0))?;
    /// assert_eq!((words.count(), words.width()), (1000, 16));
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there are no classes or the rows are empty, or the initialiser is invalid ([`Init::try_sample`]).
    pub fn new(count: usize, width: usize, init: &Init, rng: &mut (impl Rng + ?Sized)) -> Result<Self, Error> {
        if count == 0 || width == 0 {
            return Err(Error::invalid(
                "embedding",
                format!("{count} classes as rows of {width} numbers: a table needs both"),
            ));
        }
        Ok(Param::new(init.try_sample([count, width], rng)?).into())
    }

    /// Makes `class` the padding: it is looked up as 0, whatever its row, and its row gets no gradient.
    ///
    /// ```
    /// use autograd::Tape;
    /// use mlp::{Embedding, Init};
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let ones = Init::Constant(1.0);
    /// let words: Embedding = Embedding::new(2, 1, &ones, &mut StdRng::seed_from_u64(0))?.padding(0)?;
    /// let tape = Tape::new();
    /// let y = words.look_up(&tape, &[0, 1]);
    /// assert_eq!(y.value().to_vec(), [0.0, 1.0]);
    /// assert_eq!(y.sum().backward()[&words.table].to_vec(), [0.0, 1.0]);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there is no such class.
    pub fn padding(self, class: usize) -> Result<Self, Error> {
        let count = self.count();
        if class >= count {
            return Err(Error::invalid(
                "embedding",
                format!("the padding {class} is none of the {count} classes, 0 to {}", count.saturating_sub(1)),
            ));
        }
        Ok(Embedding { padding: Some(class), ..self })
    }

    /// Keeps the gradient by rows, so that a step of training costs what the batch reads, not what the table holds.
    ///
    /// Rows that a batch does not read keep their values and the optimiser's state of them: see
    /// [`Param::set_by_rows`].
    ///
    /// ```
    /// use autograd::Tape;
    /// use mlp::{Embedding, Init, Module, Optimizer, Sgd};
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let ones = Init::Constant(1.0);
    /// let words: Embedding = Embedding::new(50_000, 2, &ones, &mut StdRng::seed_from_u64(0))?.by_rows();
    /// let mut sgd = Sgd::new(&words.parameters(), 0.25);
    /// let tape = Tape::new();
    /// let grads = words.look_up(&tape, &[7, 3, 7]).sum().backward();
    /// assert_eq!(grads.rows_of(&words.table).unwrap().0, [7, 3]);
    /// sgd.step(&grads);
    /// assert_eq!(words.table.value().at(0, 7).to_vec(), [0.5, 0.5]);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    #[must_use]
    pub fn by_rows(self) -> Self {
        self.table.set_by_rows(true);
        self
    }

    /// The number of classes.
    ///
    /// # Panics
    /// If the table was made of another shape than (count, width).
    #[track_caller]
    pub fn count(&self) -> usize {
        self.sizes()[0]
    }

    /// The length of a row.
    ///
    /// # Panics
    /// If the table was made of another shape than (count, width).
    #[track_caller]
    pub fn width(&self) -> usize {
        self.sizes()[1]
    }

    #[track_caller]
    fn sizes(&self) -> [usize; 2] {
        let shape = self.table.shape();
        let [count, width] = shape[..] else { panic!("embedding: a table of shape {shape} is not (count, width)") };
        [count, width]
    }

    /// The rows of `classes`, recorded on `tape`: `(n, width)`.
    ///
    /// # Panics
    /// If there is no such class.
    #[track_caller]
    pub fn look_up<'t>(&self, tape: &'t Tape<T>, classes: &[usize]) -> Var<'t, T> {
        let count = self.count();
        if let Some(class) = classes.iter().find(|&&class| class >= count) {
            or_panic(Err(absent(shown(class), count)))
        }
        let rows = self.table.on(tape).take(0, classes);
        let Some(padding) = self.padding else { return rows };
        rows.masked(
            tape.constant_with([classes.len(), 1], |i| if classes[i] == padding { T::zero() } else { T::one() }),
        )
    }
}

fn absent(class: impl Display, count: usize) -> Error {
    let last = count.saturating_sub(1);
    let law = format!("whole numbers from 0 to {last}; correct the input or enlarge the table");
    Error::invalid("embedding", format!("{class} is none of the {count} classes, {law}"))
}

/// The class of this number, one of `count`.
fn class<T: Float>(value: T, count: usize) -> Option<usize> {
    let number = value.to_f64();
    let exists = number.fract() == 0.0 && (0.0..count as f64).contains(&number);
    exists.then_some(number as usize)
}

impl<T: Float> From<Param<T>> for Embedding<T> {
    /// An embedding with these rows, of shape (count, width).
    fn from(table: Param<T>) -> Self {
        Embedding { table, padding: None }
    }
}

impl<T: Float> Module<T> for Embedding<T> {
    /// # Panics
    /// If a value is not the number of a class; [`check_inputs`](Module::check_inputs) tells before, as of data that a trainer is given.
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let [count, width] = self.sizes();
        let mut classes = Vec::with_capacity(x.shape().numel());
        or_panic(x.with_values(|values| {
            values.iter().try_for_each(|&value| {
                classes.push(class(value, count).ok_or_else(|| absent(shown(value.to_f64()), count))?);
                Ok(())
            })
        }));
        let shape: Shape = x.shape().iter().copied().chain([width]).collect();
        self.look_up(x.tape(), &classes).reshape(shape)
    }

    fn parameters(&self) -> Parameters<T> {
        Parameters::new().with("table", &self.table)
    }

    fn output_shape(&self, input: &Shape) -> Result<Option<Shape>, Error> {
        Ok(Some(input.iter().copied().chain([self.width()]).collect()))
    }

    fn check_inputs(&self, inputs: &Tensor<T>) -> Result<(), Error> {
        let count = self.count();
        let Some(at) = inputs.as_slice().iter().position(|&value| class(value, count).is_none()) else { return Ok(()) };
        let of_sample = inputs.numel() / inputs.shape().first().copied().unwrap_or(1);
        let value = shown(inputs.as_slice()[at].to_f64());
        Err(absent(format_args!("{value} in sample {}", at / of_sample), count))
    }

    fn state_dict(&self) -> Result<StateDict<T>, Error> {
        Ok(StateDict::new().with("weight", &self.table))
    }

    fn config(&self) -> Result<Config, Error> {
        Config::of(self)
    }

    fn describe(&self) -> Vec<LayerRow> {
        vec![LayerRow {
            layer: "embedding".into(),
            shape: format!("{} classes → {}", self.count(), self.width()),
            activation: String::new(),
            parameters: self.table.numel(),
        }]
    }
}

/// An [`Embedding`] as data.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    count: usize,
    width: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) padding: Option<usize>,
    #[serde(default, skip_serializing_if = "fields::is_off")]
    by_rows: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    init: Option<Init>,
}

impl<T: Float> Configured<T> for Embedding<T> {
    const LAYER: &'static str = "embedding";
    type Data = Data;

    fn data(&self) -> Result<Data, Error> {
        let (count, width) = (self.count(), self.width());
        Ok(Data { count, width, padding: self.padding, by_rows: self.table.is_by_rows(), init: None })
    }

    fn build(data: Data, parts: &mut Parts<'_, T>) -> Result<Self, Error> {
        let init = data.init.unwrap_or(Init::Normal { mean: 0.0, std: 1.0 });
        let layer = Embedding::new(data.count, data.width, &init, parts.rng())?;
        layer.table.set_by_rows(data.by_rows);
        match data.padding {
            Some(class) => layer.padding(class),
            None => Ok(layer),
        }
    }
}
