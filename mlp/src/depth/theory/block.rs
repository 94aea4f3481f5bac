//! [`Block`]: what a deep network repeats, as data.

use super::places::Picture;
use super::{Attention, Joined, MeanField, Signal};
use crate::error::{or_panic, shown};
use crate::nn::layers::Dropout;
use crate::{Error, Module};

/// A part of a network, from its input to its output, as data; depth repeats it.
///
/// It is a list of [`Piece`]s. Each method appends one.
///
/// ```
/// use mlp::Activation;
/// use mlp::theory::{Block, Signal};
/// // Pre-norm: x ← x + W·relu(norm(x)).
/// let branch = Block::new().layer_norm().activation(Activation::Relu)?.linear(2.0, 0.0);
/// let block = Block::new().residual(1.0, 1.0, branch);
/// let step = block.pass(&Signal::normal(3.0))?;
/// assert!((step.signal.square - 4.0).abs() < 1e-12); // each block adds σ_w²/2
/// assert!((step.chi - 4.0 / 3.0).abs() < 1e-12); // 1 + σ_w²/2q
/// assert_eq!(block.to_string(), "x + layer_norm → relu → linear(σ_w² = 2, σ_b² = 0)");
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Block {
    pub(super) parts: Vec<Part>,
    /// Of a model that is read: what lies behind the last part.
    pub(super) picture: Picture,
}

/// A piece, and where a model has it.
#[derive(Clone)]
pub(super) struct Part {
    pub(super) piece: Piece,
    pub(super) site: Site,
    pub(super) width: Width,
}

/// What a piece does to the number of features.
#[derive(Clone, Copy)]
pub(super) enum Width {
    /// It stays, or is that of the blocks within.
    Kept,
    /// So many are read, if that is known, and so many given.
    Of(Option<usize>, usize),
    /// It is not known.
    Lost,
}

/// The place of a piece in the rows of a forecast.
#[derive(Clone)]
pub(super) enum Site {
    /// That in its block.
    Position,
    /// That in a model: name and kind, as in a [`Flow`](crate::Flow).
    Layer(String, String),
    /// One that no [`Flow`](crate::Flow) shows, by its name.
    Hidden(String),
}

/// What a [`Block`] is made of.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Piece {
    /// `xW + b`, with weights of variance `σ_w²/inputs`; so is a convolution, whose inputs are the values that a result
    /// depends on.
    Linear {
        /// σ_w².
        weights: f64,
        /// σ_b².
        biases: f64,
    },
    /// φ(x); the weights and biases of the theory have no effect.
    Activation(MeanField),
    /// A normalisation, with its constant below the square root.
    Norm(NormKind, f64),
    /// `γx + β`, with a factor and an offset for each feature, as those of normalisations.
    Affine {
        /// `E[γ²]`.
        gain: f64,
        /// `E[β²]`.
        shift: f64,
    },
    /// Dropout with this probability, in training.
    Dropout(f64),
    /// The mean of so many places, in windows that share none.
    Pool(usize),
    /// Looks each class up in a table of random rows, of which this is the [signal](super::Signal::of): mean, mean square, and the
    /// correlation of two rows.
    Embedding(Signal),
    /// Adds to each token the row of its position, independent of its values; two of the rows correlate as two samples of this signal.
    Positions(Signal),
    /// Self-attention; the correlation of two samples is that of two tokens.
    Attention(Attention),
    /// `a·x + b·f(x)`.
    Residual {
        /// a, the strength of the shortcut.
        stream: f64,
        /// b, the strength of the branch.
        branch: f64,
        /// f.
        inner: Block,
    },
    /// What several blocks make of one value, joined.
    Parallel {
        /// How they are joined.
        joined: Joined,
        /// The blocks.
        branches: Vec<Block>,
    },
}

/// What a normalisation divides by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NormKind {
    /// The standard deviation of the features of each sample, less their mean.
    Layer,
    /// The root mean square of the features of each sample.
    Rms,
    /// The standard deviation of each feature over a batch, less its mean: for large batches, of which any two samples
    /// have the [correlation](super::Signal::correlated) of the signal.
    Batch,
}

impl NormKind {
    pub(super) fn name(self) -> &'static str {
        match self {
            NormKind::Layer => "layer_norm",
            NormKind::Rms => "rms_norm",
            NormKind::Batch => "batch_norm",
        }
    }
}

impl Block {
    /// A block without pieces: the identity.
    pub fn new() -> Self {
        Block::default()
    }

    /// Appends a piece.
    ///
    /// # Panics
    /// If a variance or `eps` is negative or not finite, a strength is not finite, a probability lies outside [0, 1), or branches are not as
    /// many as [`parallel`](Block::parallel) takes.
    #[must_use]
    #[track_caller]
    pub fn then(self, piece: Piece) -> Self {
        match &piece {
            Piece::Linear { weights, biases } => {
                super::check_variance("weights", *weights);
                super::check_variance("biases", *biases);
            }
            Piece::Norm(kind, eps) => super::check_variance(kind.name(), *eps),
            Piece::Affine { gain, shift } => {
                super::check_variance("factors", *gain);
                super::check_variance("offsets", *shift);
            }
            Piece::Dropout(p) => drop(or_panic(Dropout::new(*p))),
            Piece::Pool(places) => assert!(*places > 0, "mean_field: a pooling of no places; give at least one"),
            Piece::Embedding(table) | Piece::Positions(table) => super::check_variance("rows", table.square),
            Piece::Attention(attention) => drop(attention.checked()),
            Piece::Residual { stream, branch, .. } => {
                let strengths = [shown(stream), shown(branch)];
                assert!(
                    stream.is_finite() && branch.is_finite(),
                    "mean_field: the strengths {} and {} of a residual have to be finite",
                    strengths[0],
                    strengths[1]
                );
            }
            Piece::Parallel { joined, branches } => joined.assert_fits(branches.len()),
            Piece::Activation(_) => {}
        }
        self.with(piece, Site::Position)
    }

    pub(super) fn with(self, piece: Piece, site: Site) -> Self {
        self.with_width(piece, site, Width::Kept)
    }

    pub(super) fn with_width(mut self, piece: Piece, site: Site, width: Width) -> Self {
        self.picture = match (&piece, width) {
            (Piece::Linear { .. } | Piece::Embedding(_) | Piece::Positions(_) | Piece::Attention(_), _)
            | (_, Width::Lost) => Picture::Lost,
            (piece, _) => piece.branches().first().map_or(self.picture, |inner| inner.picture),
        };
        self.parts.push(Part { piece, site, width });
        self
    }

    /// A block without pieces that reads what lies behind this one.
    pub(super) fn branch(&self) -> Self {
        Block { parts: vec![], picture: self.picture }
    }

    /// The features behind it, for those before it, as far as they are known.
    pub(super) fn width(&self, before: Option<usize>) -> Option<usize> {
        self.parts.iter().fold(before, |width, part| match (part.width, &part.piece) {
            (Width::Of(_, width), _) => Some(width),
            (Width::Lost, _) => None,
            (_, Piece::Parallel { joined: Joined::Concat(widths), .. }) => Some(widths.iter().sum()),
            (_, piece) => piece.branches().first().map_or(width, |inner| inner.width(width)),
        })
    }

    /// The features that it reads, if its pieces tell.
    pub(super) fn reads(&self) -> Option<usize> {
        let told = self.parts.iter().map(|part| match part.width {
            Width::Of(reads, _) => Some(reads),
            Width::Lost => Some(None),
            Width::Kept => part.piece.branches().iter().find_map(Block::reads).map(Some),
        });
        told.flatten().next().flatten()
    }

    /// Appends `xW + b`, with weights of variance `σ_w²/inputs`, here `weights` is `σ_w²`, and biases of variance `σ_b²`.
    ///
    /// # Panics
    /// If a variance is negative or not finite.
    #[must_use]
    #[track_caller]
    pub fn linear(self, weights: f64, biases: f64) -> Self {
        self.then(Piece::Linear { weights, biases })
    }

    /// Appends an activation: any elementwise module, also one of your own.
    ///
    /// # Errors
    /// As [`MeanField::new`].
    pub fn activation(self, activation: impl Module + 'static) -> Result<Self, Error> {
        Ok(self.with(Piece::Activation(MeanField::new(activation)?), Site::Position))
    }

    /// Appends layer normalisation.
    #[must_use]
    pub fn layer_norm(self) -> Self {
        self.with(Piece::Norm(NormKind::Layer, 0.0), Site::Position)
    }

    /// Appends root mean square normalisation.
    #[must_use]
    pub fn rms_norm(self) -> Self {
        self.with(Piece::Norm(NormKind::Rms, 0.0), Site::Position)
    }

    /// Appends batch normalisation by the statistics of a large batch.
    #[must_use]
    pub fn batch_norm(self) -> Self {
        self.with(Piece::Norm(NormKind::Batch, 0.0), Site::Position)
    }

    /// Appends dropout in training, with probability `p`.
    ///
    /// # Panics
    /// If `p` lies outside [0, 1).
    #[must_use]
    #[track_caller]
    pub fn dropout(self, p: f64) -> Self {
        self.then(Piece::Dropout(p))
    }

    /// Appends self-attention between tokens: their similarity is the correlation of the signal.
    ///
    /// # Panics
    /// If there are fewer than two tokens, or a variance is negative or not finite.
    #[must_use]
    #[track_caller]
    pub fn attention(self, attention: Attention) -> Self {
        self.then(Piece::Attention(attention))
    }

    /// Appends `stream·x + branch·f(x)`, where `inner` is f.
    ///
    /// # Panics
    /// If a strength is not finite.
    #[must_use]
    #[track_caller]
    pub fn residual(self, stream: f64, branch: f64, inner: Block) -> Self {
        self.then(Piece::Residual { stream, branch, inner })
    }

    /// The pieces, in their order.
    pub fn pieces(&self) -> impl Iterator<Item = &Piece> {
        self.parts.iter().map(|part| &part.piece)
    }

    /// Whether the output is independent of the input but for its size: random weights lie between them.
    pub(super) fn mixes(&self) -> bool {
        self.pieces().any(|piece| match piece {
            Piece::Linear { .. } | Piece::Attention(_) | Piece::Embedding(_) => true,
            Piece::Parallel { branches, .. } => branches.iter().all(Block::mixes),
            _ => false,
        })
    }

    /// Whether it ends with values side by side, without random weights behind them.
    pub(super) fn ends_side_by_side(&self) -> bool {
        self.pieces().fold(false, |before, piece| match piece {
            Piece::Linear { .. } | Piece::Attention(_) | Piece::Embedding(_) => false,
            Piece::Parallel { joined: Joined::Concat(_), .. } => true,
            Piece::Parallel { branches, .. } => {
                before && !branches.iter().all(Block::mixes) || branches.iter().any(Block::ends_side_by_side)
            }
            piece => before || piece.branches().iter().any(Block::ends_side_by_side),
        })
    }

    /// Whether samples of a batch meet.
    pub(super) fn has_batch_norm(&self) -> bool {
        self.has(&|piece| matches!(piece, Piece::Norm(NormKind::Batch, _)))
    }

    /// Whether tokens meet.
    pub(super) fn has_attention(&self) -> bool {
        self.has(&|piece| matches!(piece, Piece::Attention(_)))
    }

    /// Whether places of a picture meet.
    pub(super) fn has_pool(&self) -> bool {
        self.has(&|piece| matches!(piece, Piece::Pool(_)))
    }

    /// Whether classes are looked up.
    pub(super) fn has_embedding(&self) -> bool {
        self.has(&|piece| matches!(piece, Piece::Embedding(_)))
    }

    /// Whether it has such a piece, in a branch too.
    fn has(&self, such: &dyn Fn(&Piece) -> bool) -> bool {
        self.pieces().any(|piece| such(piece) || piece.branches().iter().any(|inner| inner.has(such)))
    }
}

impl Piece {
    /// The blocks within.
    pub(super) fn branches(&self) -> &[Block] {
        match self {
            Piece::Residual { inner, .. } => std::slice::from_ref(inner),
            Piece::Parallel { branches, .. } => branches,
            _ => &[],
        }
    }
}
