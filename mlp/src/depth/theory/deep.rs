//! Many equal blocks: where their signals settle, and by which law gradients change with depth.

use std::iter::{once, successors};

use super::block::Block;
use super::{NOISE, depth_scale, settled};
use super::{Signal, Step};
use crate::Error;
use crate::error::shown;

/// How the product of χ over `l` equal blocks, the averaged partial Jacobian norm, changes with `l`.
///
/// ```
/// use mlp::Activation;
/// use mlp::theory::{Block, DepthLaw};
/// let branch = |a| Ok::<Block, mlp::Error>(Block::new().activation(a)?.linear(1.0, 0.0));
/// // Tanh with σ_w² = 1 loses gradients as 1/l; with a shortcut they grow as exp((8/3)·√(l/2π)), not as a power of e.
/// let DepthLaw::Power { zeta } = branch(Activation::Tanh)?.law()? else { panic!() };
/// assert!((zeta - 1.0).abs() < 1e-4);
/// let DepthLaw::Stretched { power, rate } = Block::new().residual(1.0, 1.0, branch(Activation::Tanh)?).law()? else { panic!() };
/// assert!((power - 0.5).abs() < 1e-3 && (rate - 8.0 / 3.0 / (2.0 * std::f64::consts::PI).sqrt()).abs() < 1e-2);
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum DepthLaw {
    /// `∝ e^(−l/ξ)`; ξ is negative if gradients explode.
    Exponential {
        /// The depth scale of the squared gradient, in blocks.
        xi: f64,
    },
    /// `∝ l^(−ζ)`: critical; for ζ = 0 it approaches a constant, and a negative ζ is growth.
    Power {
        /// The exponent.
        zeta: f64,
    },
    /// `∝ exp(rate·l^power)` with `0 < power < 1`: neither, as of tanh with shortcuts (Yang & Schoenholz 2017).
    Stretched {
        /// The power of the depth.
        power: f64,
        /// Its factor.
        rate: f64,
    },
}

impl Block {
    /// [`pass`](Block::pass) for a normal signal of variance `q`.
    pub(super) fn step(&self, q: f64) -> Result<Step, Error> {
        self.pass(&Signal::normal(q))
    }

    /// The same where a pass has shown that the pieces fit each other.
    pub(super) fn at(&self, q: f64) -> Step {
        self.step(q).expect("the pieces fit each other for one variance, so for each")
    }

    /// The mean square behind the block, for a normal signal of variance `q`.
    ///
    /// A batch normalisation takes the samples for uncorrelated, here and below; [`pass`](Block::pass) takes any signal.
    ///
    /// # Errors
    /// As [`pass`](Block::pass).
    pub fn variance_map(&self, q: f64) -> Result<f64, Error> {
        Ok(self.step(q)?.signal.square)
    }

    /// The factor of the mean squared gradient on its way back through the block, for a normal signal of variance `q`.
    ///
    /// # Errors
    /// As [`pass`](Block::pass).
    pub fn chi(&self, q: f64) -> Result<f64, Error> {
        Ok(self.step(q)?.chi)
    }

    /// The correlation behind the block of two normal signals of variance `q` and correlation `c`.
    ///
    /// ```
    /// use mlp::Activation;
    /// use mlp::theory::{Block, MeanField};
    /// let branch = Block::new().activation(Activation::Tanh)?.linear(1.5, 0.1);
    /// let plain = MeanField::new(Activation::Tanh)?.weights(1.5).biases(0.1).correlation_map(0.7, 0.4);
    /// assert!((branch.correlation_map(0.7, 0.4)? - plain).abs() < 1e-12);
    /// // A shortcut keeps more of it.
    /// assert!((Block::new().residual(1.0, 0.5, branch).correlation_map(0.7, 0.4)? - 0.4).abs() < (plain - 0.4).abs());
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`pass`](Block::pass).
    ///
    /// # Panics
    /// If `c` is not in [−1, 1].
    #[track_caller]
    pub fn correlation_map(&self, q: f64, c: f64) -> Result<f64, Error> {
        Ok(self.pass(&Signal::normal(q).correlated(c))?.signal.correlation().expect("it is followed"))
    }

    /// The slope of [`correlation_map`](Block::correlation_map) at `c`: at a fixed point of the variance and `c = 1` it is χ,
    /// but for dropout, which parts two equal samples.
    ///
    /// # Errors
    /// As [`pass`](Block::pass).
    ///
    /// # Panics
    /// If `c` is not in [−1, 1].
    #[track_caller]
    pub fn correlation_slope(&self, q: f64, c: f64) -> Result<f64, Error> {
        let step = self.pass(&Signal::normal(q).correlated(c))?;
        Ok(step.product_slope.expect("it is followed") * q / step.signal.square)
    }

    /// The signals before the first of equal blocks, behind it, behind the second, and so on, each with the χ of the block
    /// before it (1 for the first).
    ///
    /// ```
    /// use mlp::Activation;
    /// use mlp::theory::{Block, Signal};
    /// // ReLU and batch norm: gradients grow by π/(π − 1) in each layer (Yang et al. 2019).
    /// let block = Block::new().batch_norm().activation(Activation::Relu)?.linear(1.0, 0.0);
    /// let chi = block.steps(&Signal::normal(1.0))?.nth(5).unwrap().chi;
    /// assert!((chi - 1.466942).abs() < 1e-6);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`pass`](Block::pass). A block whose output does not fit its own input ends the sequence.
    pub fn steps(&self, signal: &Signal) -> Result<impl Iterator<Item = Step> + '_, Error> {
        let second = self.pass(signal)?;
        let first = Step { signal: self.followed(*signal), chi: 1.0, product_slope: None, square_slope: 1.0 };
        Ok(once(first).chain(successors(Some(second), |step| self.pass(&step.signal).ok())))
    }

    /// The variance that equal blocks approach, starting from 1, as [`MeanField::fixed_point`](super::MeanField::fixed_point).
    ///
    /// # Errors
    /// As [`pass`](Block::pass); if the variance grows without bound, or the block has a batch normalisation, pooling or an embedding.
    pub fn fixed_point(&self) -> Result<f64, Error> {
        self.repeats()?;
        self.destination()?.ok_or_else(|| {
            let why = format!(
                "the variance grows without bound through `{self}`; weaken its branches, or normalise behind them"
            );
            Error::invalid("mean_field", why)
        })
    }

    /// `Err` if no square alone is what its signal settles at.
    pub(super) fn repeats(&self) -> Result<(), Error> {
        let why = match (self.has_batch_norm(), self.has_pool(), self.has_embedding()) {
            (true, _, _) => "with a batch norm the samples have a part in it; follow the signals with Block::steps",
            (_, true, _) => "with pooling the places have a part in it; follow the signals with Block::forecast",
            (_, _, true) => "an embedding begins a network, and is not repeated; take the blocks behind it",
            _ => return Ok(()),
        };
        Err(Error::invalid("mean_field", why))
    }

    /// The fixed point, or `None` for ∞.
    pub(super) fn destination(&self) -> Result<Option<f64>, Error> {
        self.step(1.0)?;
        Ok(settled(|q| self.at(q).signal.square))
    }

    /// The law by which the squared gradient changes with the number of equal blocks, where signals begin with variance 1.
    ///
    /// # Errors
    /// As [`pass`](Block::pass), and for a batch normalisation, pooling or an embedding.
    pub fn law(&self) -> Result<DepthLaw, Error> {
        self.repeats()?;
        Ok(match self.destination()? {
            Some(0.0) => self.law_of_fading(),
            Some(q) => self.law_of_settling(q),
            None => self.law_of_growing(),
        })
    }

    /// The law at a fixed point of the variance, such as that of a [`Critical`](super::Critical) point; 0 is one.
    ///
    /// # Errors
    /// As [`pass`](Block::pass), for a batch normalisation, pooling or an embedding, and if `variance` is none.
    ///
    /// # Panics
    /// If `variance` is negative or not finite.
    #[track_caller]
    pub fn law_at(&self, variance: f64) -> Result<DepthLaw, Error> {
        self.repeats()?;
        if variance == 0.0 {
            self.step(1.0)?;
            return Ok(self.law_of_fading());
        }
        let found = self.variance_map(variance)?;
        match (found / variance - 1.0).abs() < 1e-6 {
            true => Ok(self.law_of_settling(variance)),
            false => {
                let (from, to) = (shown(variance), shown(found));
                Err(Error::invalid("mean_field", format!("the variance {from} is no fixed point: it becomes {to}")))
            }
        }
    }

    /// At `q* > 0`. Where `V′ = 1`, `δ = q − q*` fades as `−2/(V″l)`, so that `χ − 1 = χ′δ` sums up to `−(2χ′/V″)·ln l`.
    fn law_of_settling(&self, q: f64) -> DepthLaw {
        let here = self.at(q);
        // A double root is known to the square root of round-off only.
        let slow = (here.square_slope - 1.0).abs() < 1e-4;
        if (here.chi - 1.0).abs() > if slow { 1e-4 } else { 1e3 * NOISE } {
            return DepthLaw::Exponential { xi: depth_scale(here.chi) };
        }
        let h = 1e-3 * q;
        let (below, above) = (self.at(q - h), self.at(q + h));
        let (chi, curvature) =
            ((above.chi - below.chi) / (2.0 * h), (above.square_slope - below.square_slope) / (2.0 * h));
        let settles = !slow || (curvature * q).abs() < 1e-6;
        DepthLaw::Power { zeta: if settles { 0.0 } else { 2.0 * chi / curvature } }
    }

    /// At `q* = 0`. For `V = q − aq^(1+α)` the variance fades as `(aαl)^(−1/α)`, and `χ = 1 − cq^α` multiplies to `l^(−c/aα)`.
    fn law_of_fading(&self) -> DepthLaw {
        const NEAR: f64 = 1e-3;
        let losses = |q: f64| {
            let step = self.at(q);
            (1.0 - step.signal.square / q, 1.0 - step.chi)
        };
        let limit = self.at(1e-12).chi;
        if (limit - 1.0).abs() > 1e-5 {
            return DepthLaw::Exponential { xi: depth_scale(limit) };
        }
        let exponent = |q: f64| {
            let ((u, w), (half, _)) = (losses(q), losses(q / 2.0));
            w / u / (u / half).log2()
        };
        // Richardson's extrapolation to 0.
        let settles = losses(NEAR).0.abs() < 1e3 * NOISE;
        DepthLaw::Power { zeta: if settles { 0.0 } else { 2.0 * exponent(NEAR / 2.0) - exponent(NEAR) } }
    }

    /// At ∞. For `V − q = Dq^β` the variance grows as `((1 − β)Dl)^(1/(1−β))`; what is left of `χ − 1 = Bq^(−γ)` is summed.
    fn law_of_growing(&self) -> DepthLaw {
        const FAR: [f64; 2] = [1e6, 1e8];
        let [near, far] = FAR.map(|q| self.at(q));
        let limit = far.chi;
        if far.signal.square / FAR[1] > 1.001 {
            let same = (limit - 1.0).abs() < 1e-9;
            return if same { DepthLaw::Power { zeta: 0.0 } } else { DepthLaw::Exponential { xi: depth_scale(limit) } };
        }
        let slope = |near: f64, far: f64| (far / near).ln() / (FAR[1] / FAR[0]).ln();
        let beta = slope(near.signal.square - FAR[0], far.signal.square - FAR[1]);
        let gamma = -slope(near.chi - 1.0, far.chi - 1.0);
        if (limit - 1.0).abs() < 1e-13 {
            return DepthLaw::Power { zeta: 0.0 };
        }
        // l of this variance, and l·(χ − 1) there, which goes as l^power.
        let l = FAR[1] / ((1.0 - beta) * (far.signal.square - FAR[1]));
        let (sum, power) = (l * (limit - 1.0), 1.0 - gamma / (1.0 - beta));
        match power {
            power if power.abs() < 1e-3 => DepthLaw::Power { zeta: -sum },
            power if power < 0.0 => DepthLaw::Power { zeta: 0.0 },
            power => DepthLaw::Stretched { power, rate: sum / power / l.powf(power) },
        }
    }
}
