//! [`Block::pass`]: the maps of each piece, forwards and back.

use super::block::{Block, NormKind, Part, Piece, Site};
use super::parallel::End;
use super::{AttentionWeights, LIMIT, MeanField, Signal};
use crate::Error;

/// A signal behind a [`Block`], and what the block does to gradients and differences.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Step {
    /// The signal behind the block.
    pub signal: Signal,
    /// χ: the factor of the mean squared gradient on its way back, for as many outputs as inputs; in general that of the
    /// squared norm. It is the averaged partial Jacobian norm of the block (Doshi et al. 2023).
    pub chi: f64,
    /// `∂E[x·x′]/∂E[x·x′]` behind and before the block, if it is followed; NaN past a batch normalisation or attention.
    pub product_slope: Option<f64>,
    /// `∂E[x²]/∂E[x²]` behind and before the block; NaN past a batch normalisation, attention or pooling.
    pub square_slope: f64,
}

/// A signal with its derivatives, behind a piece.
#[derive(Debug, Clone)]
pub(super) struct Passed {
    pub(super) signal: Signal,
    pub(super) chi: f64,
    /// The branches, and what multiplies the squared gradient and the product of two on their way into each.
    pub(super) inner: Vec<(Vec<Passed>, Gradient)>,
    pub(super) product_slope: f64,
    /// The derivatives of mean and mean square by the mean square that enters the block.
    pub(super) rates: [f64; 2],
    /// Of attention: its weights, and what takes the gradients of tokens back.
    pub(super) attention: Option<(AttentionWeights, [[f64; 2]; 2])>,
}

/// The squared gradient, and the product of those of two samples, as `back` takes them through all pieces, from the last one on.
pub(super) type Gradient = [f64; 2];

impl Part {
    /// The gradient before the piece, for that behind it.
    pub(super) fn back(&self, passed: &Passed, [square, product]: Gradient) -> Gradient {
        let scaled = |by: f64, x: f64| if x == 0.0 { 0.0 } else { by * x }; // samples that are not followed have no slope
        match (&self.piece, &passed.attention) {
            (Piece::Residual { .. } | Piece::Parallel { .. }, _) => {
                let stream = match self.piece {
                    Piece::Residual { stream, .. } => stream * stream,
                    _ => 0.0,
                };
                let start = [stream * square, stream * product];
                self.piece.branches().iter().zip(&passed.inner).fold(start, |sum, (inner, (passed, into))| {
                    let through = inner.back(passed, [into[0] * square, scaled(into[1], product)]);
                    [sum[0] + through[0], sum[1] + through[1]]
                })
            }
            (_, Some((_, rows))) => rows.map(|[of_square, of_product]| of_square * square + of_product * product),
            _ => [passed.chi * square, scaled(passed.product_slope, product)],
        }
    }
}

impl Block {
    /// The signal behind the block, and what it multiplies gradients by.
    ///
    /// | piece | mean square | squared gradient |
    /// |---|---|---|
    /// | linear | `σ_w²·E[x²] + σ_b²` | `σ_w²` |
    /// | activation, for `q = E[x²]` | `E[φ(√q z)²]` | `E[φ′(√q z)²]` |
    /// | layer norm | 1 | `1/(E[x²] − E[x]²)` |
    /// | RMS norm | 1 | `1/E[x²]` |
    /// | batch norm | 1 | `1/(E[x²] − E[x·x′])` |
    /// | dropout | `E[x²]/(1 − p)` | `1/(1 − p)` |
    /// | pooling of k places, with `E[x·x′]` of two places | `(E[x²] + (k − 1)·E[x·x′])/k` | 1/k |
    /// | embedding, of a table t | `E[t²]` | 0: classes have no gradient |
    /// | positions, of a table t | `E[x²] + E[t²] + 2E[x]·E[t]` | 1 |
    /// | [attention](super::Attention), of T tokens | `σ_V²σ_O²·(E[x·x′] + (E[x²] − E[x·x′])·P)` | of independent tokens, `σ_V²σ_O²·(P + (β² + α)K)` |
    /// | residual | `a²·E[x²] + b²·E[f²] + 2ab·E[x]·E[f]` | `a² + b²·χ_f` |
    /// | [sum](super::Joined::Sum) of branches f, g, … | `ΣE[f²] + Σ_{f≠g} E[f]·E[g]` | `Σχ_f` |
    /// | [product](super::Joined::Product) | `ΠE[f²]` | `Σ_f χ_f·Π_{g≠f} E[g²]` |
    /// | [side by side](super::Joined::Concat), of widths n | `Σn_f·E[f²]/Σn` | `Σn_f·χ_f/Σn` |
    ///
    /// Two samples are followed if the signal is [correlated](Signal::correlated), and for a batch norm or attention, whose samples
    /// or tokens else begin uncorrelated; so do the places of a picture, which are followed for pooling. Gradients are taken to be
    /// independent of values and of the weights that they have passed, which holds for wide layers.
    ///
    /// # Errors
    /// If an activation reads values that are not normal, as those behind another or behind dropout; if the branch of a
    /// residual has no weights of its own, so that it is not independent of the shortcut, or two branches of a sum or a product have none;
    /// if a batch norm, or more than one branch of a product, reads values side by side, of which some are larger; if n tokens or
    /// pooled places correlate by less than −1/(n − 1), which n values cannot.
    pub fn pass(&self, signal: &Signal) -> Result<Step, Error> {
        let signal = self.followed(*signal);
        let passed = self.passed(&signal, [0.0, 1.0], "")?;
        let last = passed.last();
        Ok(Step {
            signal: last.map_or(signal, |last| last.signal),
            chi: self.back(&passed, [1.0, 0.0])[0],
            product_slope: signal.product.map(|_| passed.iter().map(|passed| passed.product_slope).product()),
            square_slope: last.map_or(1.0, |last| last.rates[1]),
        })
    }

    /// The gradient before the block, for that behind it.
    fn back(&self, passed: &[Passed], gradient: Gradient) -> Gradient {
        let pieces = self.parts.iter().zip(passed).rev();
        pieces.fold(gradient, |gradient, (part, passed)| part.back(passed, gradient))
    }

    /// The signal, with two samples where batch normalisation or attention needs them, and two places where pooling does.
    pub(super) fn followed(&self, signal: Signal) -> Signal {
        let places = self.has_pool().then(|| signal.places.unwrap_or(signal.mean.powi(2)));
        match signal.product.is_none() && (self.has_batch_norm() || self.has_attention()) {
            true => Signal { product: Some(signal.pair()), data: None, places, ..signal },
            false => Signal { data: None, places, ..signal },
        }
    }

    /// Behind each piece; `place` is the name of the block, and a dot.
    pub(super) fn passed(&self, signal: &Signal, mut rates: [f64; 2], place: &str) -> Result<Vec<Passed>, Error> {
        if self.has_attention() && self.has_batch_norm() {
            let why =
                "attention needs pairs of tokens, and a batch norm pairs of samples; take layer_norm beside attention";
            return Err(Error::invalid("mean_field", why));
        }
        if self.has_attention() && self.has_pool() {
            let why = "attention needs pairs of tokens, and pooling pairs of places; read them one by one";
            return Err(Error::invalid("mean_field", why));
        }
        let mut signal = *signal;
        let mut all = Vec::with_capacity(self.parts.len());
        for (i, part) in self.parts.iter().enumerate() {
            let passed = part.passed(&signal, rates, || part.name(place, i))?;
            (signal, rates) = (passed.signal, passed.rates);
            all.push(passed);
        }
        Ok(all)
    }
}

impl Part {
    /// Its name in a forecast.
    pub(super) fn name(&self, place: &str, i: usize) -> String {
        match &self.site {
            Site::Position => format!("{place}{i}"),
            Site::Layer(name, _) | Site::Hidden(name) => name.clone(),
        }
    }

    fn passed(&self, x: &Signal, [mean, square]: [f64; 2], name: impl Fn() -> String) -> Result<Passed, Error> {
        let refuse = |why: String| {
            let place = [name(), format!("({})", self.piece.kind())];
            Err(Error::invalid("mean_field", format!("{}: {why}", place.join(" ").trim_start())))
        };
        // y = a + s·x for a factor of this square.
        let scaled = |gain: f64, rates: [f64; 2], y: Signal| Passed {
            signal: y,
            chi: gain,
            inner: vec![],
            product_slope: gain,
            rates,
            attention: None,
        };
        Ok(match &self.piece {
            Piece::Linear { weights, biases } => {
                let sums = |square: f64| weights * square + biases;
                let y = Signal {
                    mean: 0.0,
                    square: sums(x.square),
                    product: x.product.map(sums),
                    places: x.places.map(sums),
                    normal: true,
                    data: None,
                    uneven: false,
                };
                scaled(*weights, [0.0, weights * square], y)
            }
            Piece::Activation(_) if !x.normal => {
                return refuse("it reads values that are not normal; put a linear layer before it".into());
            }
            Piece::Activation(theory) => theory.passed(x, square),
            Piece::Norm(NormKind::Layer, eps) => {
                let (variance, rate) = (x.square - x.mean.powi(2), square - 2.0 * x.mean * mean);
                let (rest, below) = (x.mean.powi(2), variance + eps);
                let normed = |product: f64| (product - rest) / below;
                let y = Signal {
                    mean: 0.0,
                    square: variance / below,
                    product: x.product.map(normed),
                    places: x.places.map(normed),
                    ..*x
                };
                scaled(1.0 / below, [0.0, rate * eps / below / below], y)
            }
            Piece::Norm(NormKind::Rms, eps) => {
                let below = x.square + eps;
                let y = Signal {
                    mean: x.mean / below.sqrt(),
                    square: x.square / below,
                    product: x.product.map(|product| product / below),
                    places: x.places.map(|places| places / below),
                    ..*x
                };
                let rates = [(mean - x.mean * square / (2.0 * below)) / below.sqrt(), square * eps / below / below];
                scaled(1.0 / below, rates, y)
            }
            Piece::Norm(NormKind::Batch, _) if x.uneven => {
                return refuse("it reads values side by side of different sizes; put a linear layer before it".into());
            }
            Piece::Norm(NormKind::Batch, eps) => {
                let common = x.product.expect("a batch norm has its samples followed");
                let (variance, below) = (x.square - common, x.square - common + eps);
                let places = x.places.map(|places| (places - common) / below);
                let y = Signal { mean: 0.0, square: variance / below, product: Some(0.0), places, ..*x };
                Passed { product_slope: f64::NAN, ..scaled(1.0 / below, [f64::NAN; 2], y) }
            }
            Piece::Affine { gain, shift } => {
                let moved = |square: f64| gain * square + shift;
                let factor = gain.sqrt();
                let y = Signal {
                    mean: factor * x.mean,
                    square: moved(x.square),
                    product: x.product.map(moved),
                    places: x.places.map(moved),
                    ..*x
                };
                scaled(*gain, [factor * mean, gain * square], y)
            }
            Piece::Dropout(p) => {
                let gain = 1.0 / (1.0 - p);
                let y = Signal { square: gain * x.square, normal: x.normal && *p == 0.0, ..*x };
                // Two samples have masks of their own.
                Passed { product_slope: 1.0, ..scaled(gain, [mean, gain * square], y) }
            }
            // Two pooled places share as much as two places; and so do those of two samples.
            Piece::Pool(places) => {
                match x.mean_of("places", *places, x.places.expect("pooling has its places followed")) {
                    // How the product of two places changes with what enters is not followed.
                    Ok(square) => {
                        let rates = [mean, f64::NAN];
                        let y = Signal { square, ..*x };
                        Passed { product_slope: 1.0, ..scaled(1.0 / *places as f64, rates, y) }
                    }
                    Err(why) => return refuse(why),
                }
            }
            Piece::Embedding(_) if x.square != 1.0 => {
                let why =
                    "it reads classes, and the signal is none of such; take Signal::of_classes, or of_token_classes";
                return refuse(why.into());
            }
            // Classes are vectors of length 1: the same of two samples, or orthogonal.
            Piece::Embedding(table) => {
                let (square, other) = (table.square, table.pair());
                let looked_up = |same: f64| other + same * (square - other);
                let y = Signal {
                    product: x.product.map(looked_up),
                    places: x.places.map(looked_up),
                    normal: false,
                    data: None,
                    uneven: false,
                    ..*table
                };
                Passed { product_slope: square - other, ..scaled(0.0, [0.0; 2], y) }
            }
            // The values are of any sign, or the table is.
            Piece::Positions(table) => {
                let cross = 2.0 * x.mean * table.mean;
                let moved = |product: f64| product + table.pair() + cross;
                let y = Signal {
                    mean: x.mean + table.mean,
                    square: x.square + table.square + cross,
                    product: x.product.map(moved),
                    places: x.places.map(moved),
                    normal: x.normal && table.square == 0.0,
                    ..*x
                };
                scaled(1.0, [mean, square + 2.0 * table.mean * mean], y)
            }
            Piece::Attention(attention) if !attention.spread(x).is_finite() => {
                return refuse(
                    "the signal before it has grown beyond all numbers; normalise it, or scale the branches".into(),
                );
            }
            Piece::Attention(attention) => {
                if let Err(why) = x.mean_of("tokens", attention.tokens, x.pair()) {
                    return refuse(why);
                }
                let weights = attention.weights(x);
                let [square, product] = attention.moved(x, &weights);
                let y = Signal { square, product: Some(product), ..Signal::normal(0.0) };
                let back = attention.back(x, &weights);
                // How the weights change with what enters is not followed.
                let passed = scaled(back[0][0], [0.0, f64::NAN], y);
                Passed { product_slope: f64::NAN, attention: Some((weights, back)), ..passed }
            }
            Piece::Residual { inner, .. } if !inner.mixes() => {
                return refuse(
                    "its branch has no weights, so that it depends on the shortcut; put a linear layer into it".into(),
                );
            }
            Piece::Parallel { joined, branches } => {
                let all = branches
                    .iter()
                    .enumerate()
                    .map(|(i, inner)| inner.passed(x, [mean, square], &format!("{}.{i}.", name())));
                let all = all.collect::<Result<Vec<_>, Error>>()?;
                // A branch without pieces passes on what it reads.
                let ends: Vec<End> = all.iter().map(|passed| End::of(x, [mean, square], passed)).collect();
                if let Err(why) = joined.check(branches, &ends) {
                    return refuse(why.into());
                }
                let into = joined.back_factors(&ends);
                let y = joined.joined(&ends);
                let chis = branches.iter().zip(&all).map(|(inner, passed)| inner.back(passed, [1.0, 0.0])[0]);
                Passed {
                    signal: y.signal,
                    chi: chis.zip(&into).map(|(chi, [into, _])| chi * into).sum(),
                    product_slope: y.product_slope,
                    rates: y.rates,
                    inner: all.into_iter().zip(into).collect(),
                    attention: None,
                }
            }
            Piece::Residual { stream, branch, inner } => {
                let all = inner.passed(x, [mean, square], &format!("{}.", name()))?;
                let last = all.last().expect("it has a linear piece");
                let (f, [dmean, dsquare]) = (last.signal, last.rates);
                let (a, b) = (*stream, *branch);
                let cross = 2.0 * a * b * x.mean * f.mean;
                let sum = |x: f64, f: f64| a * a * x + b * b * f + cross;
                let slopes = all.iter().map(|passed| passed.product_slope).product::<f64>();
                let signal = Signal {
                    mean: a * x.mean + b * f.mean,
                    square: sum(x.square, f.square),
                    product: x.product.zip(f.product).map(|(x, f)| sum(x, f)),
                    places: x.places.zip(f.places).map(|(x, f)| sum(x, f)),
                    normal: x.normal && f.normal,
                    data: None,
                    uneven: x.uneven || f.uneven,
                };
                let rate = a * a * square + b * b * dsquare + 2.0 * a * b * (mean * f.mean + x.mean * dmean);
                Passed {
                    signal,
                    chi: a * a + b * b * inner.back(&all, [1.0, 0.0])[0],
                    product_slope: a * a + b * b * slopes,
                    rates: [a * mean + b * dmean, rate],
                    inner: vec![(all, [b * b; 2])],
                    attention: None,
                }
            }
        })
    }
}

impl MeanField {
    /// Behind the activation alone; `rate` is the derivative of the variance before it.
    fn passed(&self, x: &Signal, rate: f64) -> Passed {
        let q = x.square;
        let scale = q.sqrt();
        let mean = self.curve.expect(scale, |_, y, _| y);
        let square = self.mean_square(q);
        // dE[f(√q z)]/dq = E[f·(z² − 1)]/2q, which needs no derivative of f.
        let near = scale.max(1e-3);
        let moved = |f: &dyn Fn(f64) -> f64| {
            let constant = f(self.curve.at(0.0).0); // E[z² − 1] = 0; it takes the round-off of a difference away
            self.curve.expect(near, |z, y, _| (f(y) - constant) * (z * z - 1.0)) / (2.0 * near * near)
        };
        let pair = |c: f64, slopes: bool| match c {
            // Closed forms of the common cases: independent samples, and one sample twice.
            0.0 if !slopes => mean * mean,
            0.0 => self.curve.expect(scale.max(LIMIT), |_, _, dy| dy).powi(2),
            1.0 if !slopes => square,
            1.0 => self.mean_square_slope(q),
            c => self.curve.expect_product(scale.max(LIMIT), c, slopes),
        };
        let c = x.correlation();
        Passed {
            signal: Signal {
                mean,
                square,
                product: c.map(|c| pair(c, false)),
                places: x.places.map(|places| pair(x.share(places), false)),
                normal: false,
                data: None,
                uneven: false,
            },
            chi: self.mean_square_slope(q),
            inner: vec![],
            product_slope: c.map_or(f64::NAN, |c| pair(c, true)),
            rates: [rate * moved(&|y| y), rate * moved(&|y| y * y)],
            attention: None,
        }
    }
}
