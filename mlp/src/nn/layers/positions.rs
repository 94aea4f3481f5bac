//! [`PositionalEncoding`].

use autograd::{Float, Param, Parameters, Shape, Tensor, Var};
use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::error::{or_panic, room};
use crate::nn::config::{Config, Configured, Parts, fields};
use crate::nn::module::{LayerRow, Module};
use crate::{Error, Init};

/// Adds to each row of a sequence what tells its position: `y = x + table[t]`.
///
/// Shapes: `(…, time, width) → (…, time, width)`, for a time up to [`longest`](PositionalEncoding::longest). Attention by itself
/// does not see the order.
///
/// ```
/// use autograd::Tensor;
/// use mlp::{Module, PositionalEncoding};
/// let positions = PositionalEncoding::sinusoidal(10, 4)?;
/// let y = positions.predict(&Tensor::zeros([1, 2, 4]));
/// assert!(y.is_close(&Tensor::from([[[0.0, 1.0, 0.0, 1.0], [1f64.sin(), 1f64.cos(), 0.01f64.sin(), 0.01f64.cos()]]]), 1e-15));
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct PositionalEncoding<T: Float = f64> {
    table: Param<T>,
    learned: bool,
}

impl<T: Float> PositionalEncoding<T> {
    /// Sines and cosines (Vaswani et al. 2017): `table[t, 2i] = sin(t/10000^(2i/width))`, `table[t, 2i + 1] = cos` of the same.
    ///
    /// It has no parameters.
    ///
    /// # Errors
    /// If `longest` or `width` is 0, the width is odd, or memory cannot hold the table.
    pub fn sinusoidal(longest: usize, width: usize) -> Result<Self, Error> {
        sizes(longest, width)?;
        if !width.is_multiple_of(2) {
            let why = format!("a width of {width}: sines and cosines come in pairs; make it even");
            return Err(Error::invalid("positions", why));
        }
        let table = Param::new(Self::sines(longest, width));
        table.freeze();
        Ok(PositionalEncoding { table, learned: false })
    }

    /// Sines and cosines of so many positions, for an even width.
    pub(crate) fn sines(positions: usize, width: usize) -> Tensor<T> {
        Tensor::from_fn([positions, width], |i| {
            let angle = i[0] as f64 / 10_000f64.powf((i[1] / 2 * 2) as f64 / width as f64);
            T::from_f64(if i[1] % 2 == 0 { angle.sin() } else { angle.cos() })
        })
    }

    /// A trained row for each position, drawn by `init`; the parameter is named `table`.
    ///
    /// ```
    /// use mlp::{Init, Module, PositionalEncoding};
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let init = Init::Normal { mean: 0.0, std: 0.02 };
    /// let positions: PositionalEncoding = PositionalEncoding::learned(10, 4, &init, &mut StdRng::seed_from_u64(0))?;
    /// assert_eq!(positions.parameters().numel(), 40);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// If `longest` or `width` is 0, or the initialiser is invalid ([`Init::try_sample`]).
    pub fn learned(longest: usize, width: usize, init: &Init, rng: &mut (impl Rng + ?Sized)) -> Result<Self, Error> {
        sizes(longest, width)?;
        Ok(PositionalEncoding { table: Param::new(init.try_sample([longest, width], rng)?), learned: true })
    }

    /// The number of positions.
    pub fn longest(&self) -> usize {
        self.table.shape()[0]
    }

    fn fits(&self, shape: &Shape) -> Result<(), Error> {
        let [longest, width] = [self.longest(), self.table.shape()[1]];
        match shape[..] {
            [.., time, found] if time <= longest && found == width => Ok(()),
            _ => Err(Error::invalid(
                "positions",
                format!(
                    "sequences (…, time, {width}) of at most {longest} steps are needed, the input has shape {shape}; \
                     enlarge the table or cut the sequences"
                ),
            )),
        }
    }
}

fn sizes(longest: usize, width: usize) -> Result<(), Error> {
    if longest == 0 || width == 0 {
        let why = format!("{longest} positions as rows of {width} numbers: a table needs both");
        return Err(Error::invalid("positions", why));
    }
    room("positions", &[longest, width]).map(drop)
}

impl<T: Float> Module<T> for PositionalEncoding<T> {
    /// # Panics
    /// If a sequence is longer than the table, or its rows have another width.
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let shape = x.shape();
        or_panic(self.fits(&shape));
        let (table, time) = (self.table.on(x.tape()), shape[shape.len() - 2]);
        x + if time == self.longest() { table } else { table.slice(0, 0..time) }
    }

    fn parameters(&self) -> Parameters<T> {
        if self.learned { Parameters::new().with("table", &self.table) } else { Parameters::new() }
    }

    fn input_width(&self) -> Option<usize> {
        Some(self.table.shape()[1])
    }

    fn output_shape(&self, input: &Shape) -> Result<Option<Shape>, Error> {
        self.fits(input)?;
        Ok(Some(input.clone()))
    }

    fn config(&self) -> Result<Config, Error> {
        Config::of(self)
    }

    fn describe(&self) -> Vec<LayerRow> {
        let width = self.table.shape()[1];
        vec![LayerRow {
            layer: if self.learned { "learned positions" } else { "positions" }.into(),
            shape: format!("{width} → {width}"),
            activation: String::new(),
            parameters: self.parameters().numel(),
        }]
    }
}

/// A [`PositionalEncoding`] as data.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    pub(crate) longest: usize,
    pub(crate) width: usize,
    #[serde(default, skip_serializing_if = "fields::is_off")]
    pub(crate) learned: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    init: Option<Init>,
}

impl<T: Float> Configured<T> for PositionalEncoding<T> {
    const LAYER: &'static str = "positions";
    type Data = Data;

    fn data(&self) -> Result<Data, Error> {
        Ok(Data { longest: self.longest(), width: self.table.shape()[1], learned: self.learned, init: None })
    }

    fn build(data: Data, parts: &mut Parts<'_, T>) -> Result<Self, Error> {
        match (data.learned, data.init) {
            (true, init) => {
                let init = init.unwrap_or(Init::Normal { mean: 0.0, std: 0.02 });
                PositionalEncoding::learned(data.longest, data.width, &init, parts.rng())
            }
            (false, None) => PositionalEncoding::sinusoidal(data.longest, data.width),
            (false, Some(_)) => Err(Error::invalid(
                "positions",
                "sines and cosines are not drawn; remove `init`, or set `learned` to true",
            )),
        }
    }
}
