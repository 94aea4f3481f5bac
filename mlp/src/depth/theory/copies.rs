//! Copies of a [`Block`]: one behind the other, and with other variances and strengths.

use super::block::{Block, Part, Piece};
use crate::error::shown;

impl Block {
    /// `self`, `times` times: the blocks of a deep network, in one [`forecast`](Block::forecast).
    ///
    /// ```
    /// use mlp::theory::{Block, Signal};
    /// let blocks = Block::new().linear(0.5, 0.0).repeated(3);
    /// assert_eq!(blocks.forecast(&Signal::normal(1.0))?.inputs, 0.125);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    #[must_use]
    pub fn repeated(&self, times: usize) -> Self {
        let parts = std::iter::repeat_n(&self.parts, times).flatten().cloned().collect();
        Block { parts, picture: self.picture }
    }

    /// With σ_w² and σ_b² of every linear piece set.
    ///
    /// ```
    /// use mlp::theory::Block;
    /// let block = Block::new().linear(1.0, 0.0).residual(1.0, 1.0, Block::new().linear(1.0, 0.0));
    /// let other = block.with_variances(2.0, 0.5);
    /// assert_eq!(other.to_string(), "linear(σ_w² = 2, σ_b² = 0.5) → (x + linear(σ_w² = 2, σ_b² = 0.5))");
    /// ```
    ///
    /// # Panics
    /// If a variance is negative or not finite.
    #[must_use]
    #[track_caller]
    pub fn with_variances(&self, weights: f64, biases: f64) -> Self {
        super::check_variance("weights", weights);
        super::check_variance("biases", biases);
        self.mapped(&|piece| match piece {
            Piece::Linear { .. } => Piece::Linear { weights, biases },
            other => other,
        })
    }

    /// With the strength `stream` of every shortcut set.
    ///
    /// # Panics
    /// If it is not finite.
    #[must_use]
    #[track_caller]
    pub fn with_stream(&self, stream: f64) -> Self {
        assert!(stream.is_finite(), "mean_field: the strength {} of a shortcut has to be finite", shown(stream));
        self.mapped(&|piece| match piece {
            Piece::Residual { branch, inner, .. } => Piece::Residual { stream, branch, inner },
            other => other,
        })
    }

    fn mapped(&self, change: &dyn Fn(Piece) -> Piece) -> Self {
        let part = |part: &Part| {
            let piece = match part.piece.clone() {
                Piece::Residual { stream, branch, inner } => {
                    Piece::Residual { stream, branch, inner: inner.mapped(change) }
                }
                Piece::Parallel { joined, branches } => {
                    Piece::Parallel { joined, branches: branches.iter().map(|inner| inner.mapped(change)).collect() }
                }
                other => other,
            };
            Part { piece: change(piece), site: part.site.clone(), width: part.width }
        };
        Block { parts: self.parts.iter().map(part).collect(), picture: self.picture }
    }
}
