//! Critical points of equal blocks.

use super::LIMIT;
use super::Step;
use super::block::Block;
use super::critical::{Critical, nearest, preferred, solutions};
use crate::Error;
use crate::depth::quadrature::root;
use crate::error::shown;

impl Block {
    /// The attracting critical point whose variance is nearest to 1, as [`MeanField::critical`](super::MeanField::critical).
    ///
    /// σ_w² and σ_b² of this block have no effect; all its linear pieces get the same.
    ///
    /// ```
    /// use mlp::Activation;
    /// use mlp::theory::Block;
    /// let branch = Block::new().activation(Activation::Gelu)?.linear(1.0, 0.0);
    /// let critical = Block::new().residual(0.5, 1.0, branch).critical()?;
    /// // That of plain layers, times 1 − μ² (Doshi et al. 2023).
    /// assert!((critical.weights / 1.98305826 - 0.75).abs() < 1e-6 && (critical.biases / 0.17292239 - 0.75).abs() < 1e-4);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`pass`](Block::pass); for a batch normalisation, pooling or an embedding; if there is no such point; and if σ_w² and σ_b² stand before
    /// another activation or normalisation of the block: for such a block [`critical_value`] searches.
    pub fn critical(&self) -> Result<Critical, Error> {
        let family = Family::of(self)?;
        nearest(|q| family.at(q)).ok_or_else(|| self.no_critical("any σ_b²"))
    }

    /// The critical weights for biases of variance `σ_b² = biases`, as
    /// [`MeanField::critical_weights`](super::MeanField::critical_weights).
    ///
    /// ```
    /// use mlp::Activation;
    /// use mlp::theory::Block;
    /// let norm_first = Block::new().layer_norm().activation(Activation::Tanh)?.linear(1.0, 0.0);
    /// let critical = norm_first.critical_weights(0.1)?;
    /// let there = norm_first.with_variances(critical.weights, critical.biases);
    /// assert!((there.chi(critical.variance)? - 1.0).abs() < 1e-9);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`critical`](Block::critical).
    ///
    /// # Panics
    /// If `biases` is negative or not finite.
    #[track_caller]
    pub fn critical_weights(&self, biases: f64) -> Result<Critical, Error> {
        super::check_variance("biases", biases);
        let family = Family::of(self)?;
        let found = solutions(|q| (family.variances(q)[1] - biases) / q);
        let point = preferred(found, |q| family.at(q)).map(|point| Critical { biases, ..point });
        point.ok_or_else(|| self.no_critical(&format!("σ_b² = {}", shown(biases))))
    }

    /// The critical biases for weights of variance `σ_w²/inputs`, where `weights` is `σ_w²`.
    ///
    /// # Errors
    /// As [`critical`](Block::critical).
    ///
    /// # Panics
    /// If `weights` is negative or not finite.
    #[track_caller]
    pub fn critical_biases(&self, weights: f64) -> Result<Critical, Error> {
        super::check_variance("weights", weights);
        let family = Family::of(self)?;
        let found = solutions(|q| weights / family.variances(q)[0] - 1.0);
        let point = preferred(found, |q| family.at(q));
        point.ok_or_else(|| self.no_critical(&format!("σ_w² = {}", shown(weights))))
    }

    fn no_critical(&self, with: &str) -> Error {
        Error::invalid(
            "mean_field",
            format!("`{self}` has no critical point with {with}; choose other pieces or strengths"),
        )
    }
}

/// A block whose mean square and χ are affine in σ_w² and σ_b²: for each `q`, `χ = 1` and `V = q` are two linear equations.
struct Family([Block; 3]);

impl Family {
    fn of(block: &Block) -> Result<Self, Error> {
        block.repeats()?;
        block.step(1.0)?;
        let family = Family([(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)].map(|(w, b)| block.with_variances(w, b)));
        let fits = [0.3, 2.0].into_iter().all(|q| {
            let [none, weights, biases] = family.steps(q);
            let both = block.with_variances(2.0, 3.0).at(q);
            let line = |of: fn(&Step) -> f64| 2.0 * of(&weights) + 3.0 * of(&biases) - 4.0 * of(&none);
            let close = |a: f64, b: f64| (a - b).abs() <= 1e-9 * (a.abs() + b.abs());
            close(line(|step| step.chi), both.chi)
                && close(line(|step| step.signal.square), both.signal.square)
                && close(biases.chi, none.chi)
        });
        match fits {
            true => Ok(family),
            false => {
                let why = format!(
                    "in `{block}` an activation or a norm stands behind the weights, so that no equation gives them; begin \
                     the block elsewhere, or search with critical_value"
                );
                Err(Error::invalid("mean_field", why))
            }
        }
    }

    fn steps(&self, q: f64) -> [Step; 3] {
        [0, 1, 2].map(|i| self.0[i].at(q))
    }

    /// σ_w² and σ_b²; at 0 those of the limit.
    fn variances(&self, q: f64) -> [f64; 2] {
        let q = q.max(LIMIT * LIMIT);
        let [none, weights, biases] = self.steps(q);
        let w = (1.0 - none.chi) / (weights.chi - none.chi);
        let squares = [none, weights, biases].map(|step| step.signal.square);
        [w, (q - squares[0] - w * (squares[1] - squares[0])) / (squares[2] - squares[0])]
    }

    fn at(&self, q: f64) -> Option<Critical> {
        let [weights, biases] = self.variances(q);
        let slope = |w, b| self.0[0].with_variances(w, b).at(q).square_slope;
        let point = Critical::at(q.max(LIMIT * LIMIT), weights, biases, slope)?;
        Some(Critical { variance: q, ..point }).filter(|point| point.weights >= 0.0)
    }
}

/// The value between two others at which equal blocks are critical: `χ = 1` where signals of variance 1 settle, or go.
///
/// `block` makes the block of a value, such as a variance or a strength. The first crossing from `low` is found.
///
/// ```
/// use mlp::Activation;
/// use mlp::theory::{Block, critical_value};
/// // Of x ← μx + tanh(x)W with σ_w² = 0.5: μ² = 1 − σ_w².
/// let branch = Block::new().activation(Activation::Tanh)?.linear(0.5, 0.0);
/// let strength = critical_value(0.1, 0.95, |mu| Block::new().residual(mu, 1.0, branch.clone()))?;
/// assert!((strength - 0.5f64.sqrt()).abs() < 1e-6);
/// # Ok::<(), mlp::Error>(())
/// ```
///
/// # Errors
/// As [`Block::law`], and if χ does not cross 1 between 33 values at equal distances, or `low` or `high` is not finite.
pub fn critical_value(low: f64, high: f64, block: impl Fn(f64) -> Block) -> Result<f64, Error> {
    if !(high - low).is_finite() {
        let (low, high) = (shown(low), shown(high));
        return Err(Error::invalid(
            "mean_field",
            format!("from {low} to {high} is no range to search; give finite ends"),
        ));
    }
    let log = |x: f64| {
        let block = block(x);
        block.repeats()?;
        Ok::<f64, Error>(block.at(block.destination()?.unwrap_or(1e8)).chi.ln())
    };
    let values = (0..=32).map(|i| low + (high - low) * f64::from(i) / 32.0);
    let logs = values.map(|x| Ok((x, log(x)?))).collect::<Result<Vec<_>, Error>>()?;
    match logs.windows(2).find(|pair| pair[0].1 * pair[1].1 <= 0.0) {
        Some(pair) => Ok(root(|x| log(x).unwrap_or(f64::NAN), pair[0].0, pair[1].0)),
        None => {
            let ends = [logs[0].1.exp(), logs[logs.len() - 1].1.exp()].map(|chi| format!("{chi:.4}"));
            let why = format!(
                "χ does not cross 1 between {} (χ = {}) and {} (χ = {}); search elsewhere",
                shown(low),
                ends[0],
                shown(high),
                ends[1]
            );
            Err(Error::invalid("mean_field", why))
        }
    }
}
