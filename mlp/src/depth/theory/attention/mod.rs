//! [`Attention`]: what self-attention at initialisation does to the similarity of tokens.

mod softmax;

use super::signal::Signal;
use crate::error::shown;

/// Self-attention with random weights, for the theory: a [`Piece`](super::Piece) of a [`Block`](super::Block).
///
/// The signal is that of T tokens: [`square`](Signal::square) is q, and the [correlation](Signal::correlated) of two samples
/// is that of two tokens, ρ. Queries, keys, values and joined heads have weights of variance `σ²/width`, as
/// [`MultiHeadAttention`](crate::MultiHeadAttention) has them at first, with σ² = 1 each. In wide heads the scores are then normal:
/// `s_ij = q_i·k_j/√d` have the covariance `σ_Q²σ_K²·(x_i·x_i′)(x_j·x_j′)/width²`. What a row has in common cancels in the softmax,
/// and it is left with independent scores of variance
///
/// `β² = σ_Q²σ_K²·q²·(1 − ρ)`,
///
/// of which those of two rows correlate by ρ. Their weights A have the expectations `P = E Σ_j A_ij²` and `R = E Σ_j A_ij·A_i′j`, and
/// since each row sums to 1,
///
/// | | formula |
/// |---|---|
/// | mean square of the outputs | `q′ = σ_V²σ_O²·q·(ρ + (1 − ρ)P)` |
/// | mean product of two tokens | `ρ′q′ = σ_V²σ_O²·q·(ρ + (1 − ρ)R)` |
///
/// Biases of queries, of variance `b` each, make queries alike: then `β² = (σ_Q²σ_K²·q + bσ_K²)·q·(1 − ρ)`, and the scores of two rows
/// correlate by `ρ_r = (σ_Q²·ρq + b)/(σ_Q²·q + b)`, from which R follows in place of ρ. Those of keys add the same to all scores of a row,
/// which the softmax takes away, and those of values pass, since a row of weights sums to 1.
///
/// P, R and the entropy are computed for T tokens by quadrature. For small scores `P − R = β²(1 − ρ)(T − 1)/T²`, so that
/// 1 − ρ falls with its third power: rank collapses doubly exponentially (Dong, Cordonnier & Loukas 2021). For scores of
/// β ≥ √(2 ln T) it does not, as each token attends to few others, and the entropy collapses instead (Giorlandino & Goldt 2026).
///
/// The squared gradient of tokens, g, and their mean product for two tokens, r, go back as, with `v = σ_V²σ_O²` and n = T − 1,
///
/// `g′ = v·((P + (β² + α)K)·g + n(R + β²ρ_r·K_ρ)·r)`, `n·r′ = v·((1 − P − β²K)·g + n(1 − R + (α − β²ρ_r)K_ρ)·r)`,
///
/// where `α = σ_Q²σ_K²·q²(1 − ρ)²`, `K = E Σ_jk (∂A_ij/∂s_ik)²`, and `K_ρ` is the same for two rows. So gradients become common to all tokens too.
///
/// A model with [`TransformerBlock`](crate::TransformerBlock)s is read as such pieces, for so many [tokens](super::Reader::tokens). Gradients
/// begin behind the last piece as independent for all tokens. What the softmax passes back is taken in expectation, as if gradients were
/// independent of the scores; that is no theorem. In measured stacks of blocks, as they are initialised, mean squares and gradients agree
/// within 5 %, and 1 − ρ within 5 % or three standard errors of ten networks, which are below 6 % each. Where 1 − ρ is below 0.1 it is
/// measured up to 20 % larger, as it comes from what differs between heads and directions of finitely many.
///
/// With a [causal](Attention::causal) mask row n has n keys. P, R, K and `K_ρ` are then the means over all rows, and over all pairs, which
/// is exact for tokens that are equally large and alike. Behind the first layer they are not, and the theory follows their means: in measured
/// blocks of 24 tokens, as they are initialised, squares, gradients and 1 − ρ of the stream agree within 3 %, and what the second
/// attention gives within 10 %. In stacks of four with up to 128 tokens, 1 − ρ is measured up to 4 % larger, and before the first
/// attention gradients up to 7 %, as those of the first tokens grow most, which all others read. Single tokens differ more. It takes a
/// time in proportion to T.
///
/// Heads are wide, and all pairs of tokens equally alike. Keys that are more alike than others, as equal words and
/// neighbouring positions, share the weights of a row, so that more of them is left behind the attention: where every fourth word
/// is the same, some 5 % of the square and 9 % of 1 − ρ. The last holds for the first layer, and behind it if there
/// are many heads, or if shortcuts carry most of the signal. Else some directions of the tokens hold more than others, and without
/// shortcuts 1 − ρ behind two layers of one head is measured some four times larger than foretold, at any T.
///
/// ```
/// use mlp::theory::{Attention, Block, Signal};
/// let attention = Attention::new(16, 1.0, 1.0); // T, σ_Q²σ_K², σ_V²σ_O²
/// let signal = Signal::normal(1.0).correlated(0.5);
/// let rho = |block: &Block, depth| {
///     let last = block.steps(&signal)?.nth(depth).unwrap();
///     Ok::<_, mlp::Error>(last.signal.correlation().unwrap())
/// };
/// // Without shortcuts tokens are the same within two layers; a weak branch behind a norm keeps them apart.
/// let bare = Block::new().attention(attention);
/// let gaps = [1.0 - rho(&bare, 1)?, 1.0 - rho(&bare, 2)?];
/// assert!(gaps[0] < 0.03 && gaps[1] < 1e-5);
/// let pre_norm = Block::new().residual(1.0, 0.2, Block::new().layer_norm().attention(attention));
/// assert!(rho(&pre_norm, 10)? < 0.65);
/// # Ok::<(), mlp::Error>(())
/// ```
///
/// Sources: Dong, Cordonnier and Loukas, "Attention is not all you need: pure attention loses rank doubly exponentially with
/// depth", 2021; Noci, Anagnostidis, Biggio, Orvieto, Singh and Lucchi, "Signal propagation in transformers", 2022 (shortcuts, and
/// gradients of queries and keys); Giorlandino and Goldt, "Two failure modes of deep transformers and how to avoid them", 2026 (the
/// random-energy model). The recursion here is derived for any T and any scores; no constant of theirs is taken over.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Attention {
    /// T, the number of tokens.
    pub tokens: usize,
    /// `σ_Q²σ_K²`.
    pub scores: f64,
    /// `σ_V²σ_O²`.
    pub values: f64,
    /// `bσ_K²`, with the variance b of the biases of queries.
    pub biases: f64,
    /// Whether token t sees the tokens 0 to t only.
    pub causal: bool,
}

/// What the weights of [`Attention`] are like, for tokens of a signal.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct AttentionWeights {
    /// β, the standard deviation of the scores of a row.
    pub spread: f64,
    /// `P = E Σ_j A_ij²`: 1/T if all tokens are read evenly, 1 if one alone is; with a causal mask the mean over the tokens.
    pub participation: f64,
    /// `R = E Σ_j A_ij·A_i′j` for two rows; with a causal mask the mean over all pairs.
    pub overlap: f64,
    /// `ρ_r`, by which the scores of two rows correlate.
    pub rows: f64,
    /// `−E Σ_j A_ij ln A_ij / ln T`: 1 if all tokens are read evenly, 0 if one alone is; with a causal mask the mean over the tokens, over that
    /// of ln n for n keys.
    pub entropy: f64,
    /// The expected squared gradient of the weights of queries over that of the values' weights, if the gradients of tokens are
    /// independent and σ_V² = σ_Q²: `σ_Q²σ_K²q²(1 − ρ)²K/(ρ + (1 − ρ)P)`. So queries learn nothing where the rank has collapsed (Noci
    /// et al. 2022).
    pub query_gradient: f64,
    /// K and `K_ρ`.
    jacobians: [f64; 2],
}

impl Attention {
    /// Attention of so many tokens, with `σ_Q²σ_K²` and `σ_V²σ_O²`: weights have the variance `σ²/width`.
    ///
    /// # Panics
    /// If there are fewer than two tokens, or a variance is negative or not finite.
    #[track_caller]
    pub fn new(tokens: usize, scores: f64, values: f64) -> Self {
        Attention { tokens, scores, values, biases: 0.0, causal: false }.checked()
    }

    /// With biases of the queries, here `biases` is their variance times `σ_K²`.
    ///
    /// ```
    /// use mlp::theory::{Attention, Signal};
    /// let (attention, signal) = (Attention::new(16, 1.0, 1.0), Signal::normal(1.0).correlated(0.2));
    /// let [plain, biased] = [attention, attention.query_biases(3.0)].map(|attention| attention.weights(&signal));
    /// // All queries ask alike: scores are larger, and two rows read the same keys.
    /// assert_eq!((plain.rows, biased.rows), (0.2, 0.8));
    /// assert!((biased.spread / plain.spread - 2.0).abs() < 1e-12 && biased.overlap > 2.0 * plain.overlap);
    /// ```
    ///
    /// # Panics
    /// If it is negative or not finite.
    #[must_use]
    #[track_caller]
    pub fn query_biases(self, biases: f64) -> Self {
        Attention { biases, ..self }.checked()
    }

    /// With a causal mask: each token sees itself and those before it. The signal is then the mean over the tokens, and over all pairs.
    ///
    /// The [critical scores](Attention::critical_scores) are those of the last token, which sees all.
    ///
    /// ```
    /// use mlp::theory::{Attention, Signal};
    /// let attention = Attention::new(3, 0.0, 1.0).causal();
    /// let weights = attention.weights(&Signal::normal(1.0));
    /// // 1, ½ and ⅓ of each key that is seen; two rows share what the longer one reads of those of the shorter.
    /// assert!((weights.participation - (1.0 + 1.0 / 2.0 + 1.0 / 3.0) / 3.0).abs() < 1e-9);
    /// assert!((weights.overlap - (1.0 / 2.0 + 1.0 / 3.0 + 1.0 / 3.0) / 3.0).abs() < 1e-9);
    /// ```
    #[must_use]
    pub fn causal(self) -> Self {
        Attention { causal: true, ..self }
    }

    #[track_caller]
    pub(super) fn checked(self) -> Self {
        assert!(self.tokens > 1, "mean_field: attention of {} tokens; it takes at least two", self.tokens);
        super::check_variance("scores", self.scores);
        super::check_variance("values", self.values);
        super::check_variance("biases of queries", self.biases);
        self
    }

    /// The scores' scale `σ_Q²σ_K²` beyond which attention condenses: there `β = √(2 ln T)`, the critical point of the random-energy
    /// model (Derrida 1981); 0 where biases of queries pass it alone.
    ///
    /// For T → ∞ the participation is 0 below it, and `1 − √(2 ln T)/β` above. It is infinite where all tokens are the same.
    ///
    /// ```
    /// use mlp::theory::{Attention, Signal};
    /// let attention = |tokens, scores| Attention::new(tokens, scores, 1.0);
    /// let signal = Signal::normal(1.0).correlated(0.2);
    /// let critical = attention(64, 1.0).critical_scores(&signal);
    /// assert!((critical - 2.0 * 64f64.ln() / 0.8).abs() < 1e-12);
    /// let entropy = |scale: f64| attention(64, scale * critical).weights(&signal).entropy;
    /// assert!(entropy(0.1) > 0.85 && entropy(10.0) < 0.2);
    /// // Twice the critical β: half of the square is left, and less for fewer tokens.
    /// let condensed = |tokens| {
    ///     let critical = attention(tokens, 1.0).critical_scores(&signal);
    ///     attention(tokens, 4.0 * critical).weights(&signal).participation
    /// };
    /// assert!((condensed(100_000_000) - 0.5).abs() < (condensed(100) - 0.5).abs());
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn critical_scores(&self, signal: &Signal) -> f64 {
        let (rho, q) = (tokens_alike(signal), signal.square);
        (2.0 * (self.tokens as f64).ln() / (q * (1.0 - rho)) - self.biases).max(0.0) / q
    }

    /// What the weights are like for tokens of this signal; they are uncorrelated, if it does not say.
    ///
    /// ```
    /// use mlp::theory::{Attention, Signal};
    /// let weights = Attention::new(32, 0.0, 1.0).weights(&Signal::normal(1.0));
    /// assert!((weights.participation * 32.0 - 1.0).abs() < 1e-9 && (weights.entropy - 1.0).abs() < 1e-9);
    /// ```
    ///
    /// # Panics
    /// If the mean square of the signal or the variance of the scores is not finite.
    pub fn weights(&self, signal: &Signal) -> AttentionWeights {
        let (rho, q, tokens) = (tokens_alike(signal), signal.square, self.tokens);
        let (queries, spread) = (self.queries(q), self.spread(signal));
        assert!(spread.is_finite(), "attention: tokens of mean square {} have scores beyond all numbers", shown(q));
        // Without biases it is ρ, also where there are no scores.
        let rows = if self.biases == 0.0 { rho } else { (self.scores * q * rho + self.biases) / queries };
        let keys = softmax::Keys { tokens, causal: self.causal };
        let row = softmax::row(keys, spread);
        let pair = softmax::pair(keys, spread, rows, &row);
        let seen = |n: usize| (n as f64).ln();
        let even = if self.causal { (1..=tokens).map(seen).sum::<f64>() / tokens as f64 } else { seen(tokens) };
        // |∂E/∂W_Q|² ∝ σ_K²σ_V²σ_O²q³(1 − ρ)²K, |∂E/∂W_V|² ∝ σ_O²q(ρ + (1 − ρ)P).
        let query_gradient =
            self.scores * (q * (1.0 - rho)).powi(2) * row.jacobian / (rho + (1.0 - rho) * row.participation);
        AttentionWeights {
            spread,
            participation: row.participation,
            overlap: pair.overlap,
            rows,
            entropy: row.entropy / even,
            query_gradient,
            jacobians: [row.jacobian, pair.jacobian],
        }
    }

    /// `σ_Q²σ_K²·q + bσ_K²`.
    fn queries(&self, q: f64) -> f64 {
        self.scores * q + self.biases
    }

    /// β, or no number where scores have grown beyond all.
    pub(super) fn spread(&self, signal: &Signal) -> f64 {
        let q = signal.square;
        (q * self.queries(q) * (1.0 - tokens_alike(signal))).abs().sqrt() // of −0 too
    }

    /// Behind the attention: mean square and product.
    pub(super) fn moved(&self, x: &Signal, weights: &AttentionWeights) -> [f64; 2] {
        let rho = tokens_alike(x);
        [weights.participation, weights.overlap].map(|kept| self.values * x.square * (rho + (1.0 - rho) * kept))
    }

    /// Takes `(g, r)` to that before the attention, as rows of a matrix.
    pub(super) fn back(&self, x: &Signal, weights: &AttentionWeights) -> [[f64; 2]; 2] {
        let n = self.tokens as f64 - 1.0;
        let (p, r) = (weights.participation, weights.overlap);
        // Values: a row of weights sums to 1, so that the sum over all pairs of tokens is kept. Queries: each token its own. Keys:
        // their gradients add up to 0 over the tokens.
        let own = self.scores * (x.square * (1.0 - tokens_alike(x))).powi(2);
        let [[query, queries], [key, keys]] =
            [own, weights.spread.powi(2)].map(|square| weights.jacobians.map(|jacobian| square * jacobian));
        let keys = weights.rows * keys;
        let rows = [[p + key + query, n * (r + keys)], [(1.0 - p - key) / n, 1.0 - r + queries - keys]];
        rows.map(|row| row.map(|entry| self.values * entry))
    }
}

/// ρ.
fn tokens_alike(signal: &Signal) -> f64 {
    signal.correlation().unwrap_or(0.0)
}
