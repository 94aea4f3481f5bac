//! Places of a picture: pooling as a piece, and for [`Reader`](super::Reader), which follows the size of the pictures.

use autograd::{Conv, Lengths};

use super::Reader;
use super::block::{Block, Piece, Site};
use super::reader::Source;
use crate::Error;
use crate::nn::config::{Config, Configured};
use crate::nn::layers::{AdaptiveAvgPool2d, AvgPool1d, AvgPool2d, Conv2d};

/// What a layer of a model reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Picture {
    /// Channels, then places, of which the number is not known.
    #[default]
    Unknown,
    /// Channels, then so many rows and columns.
    Of([usize; 2]),
    /// Features, behind all else.
    Lost,
}

impl Picture {
    /// Behind windows of this size.
    fn under(self, size: [usize; 2], conv: &Conv) -> Self {
        let Picture::Of(sides) = self else { return self };
        let count = |axis: usize| {
            let span = (size[axis] - 1) * conv.dilations()[axis] + 1;
            Some((sides[axis] + 2 * conv.paddings()[axis]).checked_sub(span)? / conv.strides()[axis] + 1)
        };
        // Where windows do not fit, the model takes no such pictures.
        count(0).zip(count(1)).map_or(Picture::Unknown, |(rows, columns)| Picture::Of([rows, columns]))
    }

    /// Behind a convolution with such a window, which makes channels.
    pub(super) fn behind(self, config: &Config, window: &[usize]) -> Result<Self, Error> {
        match (self, window) {
            (Picture::Of(_), &[rows, columns]) => {
                let data: <Conv2d as Configured>::Data = config.data()?;
                Ok(self.under([rows, columns], &data.conv("conv2d", false)?))
            }
            _ => Ok(Picture::Unknown),
        }
    }
}

impl Block {
    /// Appends the mean of so many places of a picture, in windows that share none: of k values of square q that correlate by c
    /// it has the square `q·(1 + (k − 1)c)/k`.
    ///
    /// ```
    /// use mlp::theory::{Block, Signal};
    /// let step = Block::new().pool(4).pass(&Signal::normal(2.0).places_correlated(0.2))?;
    /// assert!((step.signal.square - 0.8).abs() < 1e-12);
    /// assert_eq!(step.chi, 0.25); // each place gets a quarter of the gradient, and there are four
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Panics
    /// If there are no places.
    #[must_use]
    #[track_caller]
    pub fn pool(self, places: usize) -> Self {
        self.then(Piece::Pool(places))
    }
}

impl Reader {
    /// Tells the rows and columns of the pictures that the model reads: global pooling takes the mean of all places, and so depends
    /// on their number.
    ///
    /// ```
    /// use mlp::theory::Reader;
    /// use mlp::{AdaptiveAvgPool2d, Conv2d, Init, Sequential};
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let rng = &mut StdRng::seed_from_u64(0);
    /// let conv = Conv2d::new(3, 16, 3, autograd::Conv::new().stride(2), &Init::he_normal(), rng)?;
    /// let model: Sequential = Sequential::new().then(conv).then(AdaptiveAvgPool2d::new(1)?);
    /// assert!(Reader::new().pictures(9).read(&model)?.to_string().ends_with("pool(16)")); // 4 × 4 places
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Panics
    /// If a length is 0.
    #[must_use]
    #[track_caller]
    pub fn pictures(mut self, size: impl Lengths) -> Self {
        let [rows, columns] = size.pair();
        assert!(rows > 0 && columns > 0, "mean_field: pictures of {rows}×{columns} places hold nothing");
        self.picture = Picture::Of([rows, columns]);
        self
    }
}

/// Appends pooling.
pub(super) fn pool(source: &Source<'_>, block: Block, config: &Config, name: &str) -> Result<Block, Error> {
    let kind = config.layer();
    let refuse = |why: &str| Err(Error::config(kind, why));
    if block.picture == Picture::Lost || source.reader.tokens.is_some() {
        return refuse(
            "it pools places, with channels before them, and here features come last; put it behind convolutions",
        );
    }
    let (size, conv, shown) = match kind {
        "avg_pool1d" => {
            let data: <AvgPool1d as Configured>::Data = config.data()?;
            let pool = data.pool("avg_pool1d")?;
            ([1, pool.sizes()[1]], *pool.windows(), kind.to_string())
        }
        "avg_pool2d" => {
            let data: <AvgPool2d as Configured>::Data = config.data()?;
            let pool = data.pool("avg_pool2d")?;
            (pool.sizes(), *pool.windows(), kind.to_string())
        }
        "adaptive_avg_pool2d" => {
            let data: <AdaptiveAvgPool2d as Configured>::Data = config.data()?;
            let [rows, columns] = data.size.0;
            let Picture::Of(sides) = block.picture else {
                return refuse("the theory needs the size of the pictures; tell it with Reader::pictures");
            };
            if sides[0] % rows != 0 || sides[1] % columns != 0 {
                let [height, width] = sides;
                let why = format!(
                    "{height}×{width} places do not divide into {rows}×{columns} windows of one size, which the theory \
                     needs; choose another size"
                );
                return refuse(&why);
            }
            let size = [sides[0] / rows, sides[1] / columns];
            (size, Conv::new().stride(size), format!("{kind}({rows}×{columns})"))
        }
        _ => {
            return refuse(
                "the largest of several values depends on all of their law, and its gradient on the slopes where it is \
                 taken; the theory follows squares and products, as of an average pooling",
            );
        }
    };
    let axes = if kind == "avg_pool1d" { 1..2 } else { 0..2 };
    if axes.clone().any(|axis| conv.paddings()[axis] > 0) {
        return refuse("its windows at the borders hold padding; the theory needs windows that are alike");
    }
    if axes.clone().any(|axis| conv.strides()[axis] < (size[axis] - 1) * conv.dilations()[axis] + 1) {
        return refuse("its windows overlap, so that neighbours are more alike than others; make the stride the size");
    }
    let picture = if kind == "avg_pool1d" { Picture::Unknown } else { block.picture.under(size, &conv) };
    let piece = Piece::Pool(axes.map(|axis| size[axis]).product());
    Ok(Block { picture, ..block.with(piece, Site::Layer(name.into(), shown)) })
}
