//! [`LevenbergMarquardt`]: least squares by the Jacobian of the residuals.

use autograd::{Float, Parameters, Shape, Tape, Tensor, Var};
use indexmap::IndexMap;

use super::flat::{Flat, dot, most};
use super::lbfgs::Minimum;
use super::memory::{Role, State};
use crate::error::{Error, shown};

const DAMPING: Role = Role { name: "damping", rule: Some((|x| x > 0.0, "damping")) };
/// The factor by which the damping changes.
const FACTOR: f64 = 10.0;
/// The damping at which a step is no longer than round-off.
const LARGEST: f64 = 1e30;

/// Levenberg–Marquardt (Marquardt 1963): least squares `½‖r‖²` with steps between Newton's and descent.
///
/// With the Jacobian J of the residuals r, a step δ solves `(JᵀJ + μ·diag(JᵀJ))δ = Jᵀr`, `w ← w − δ`, as the least squares
/// of J over √μ·diag‖J‖, so that JᵀJ is never formed. A step that lowers the loss divides μ by 10; one that does not is
/// taken back, and μ is multiplied by 10. The default is μ = 1e−3 at first, as in the paper.
///
/// It takes a closure that records the residuals of all samples, at least as many as there are numbers in the parameters.
/// Each number costs a tangent of the whole recording, and a step a decomposition of J: it is for models with up to some
/// hundred numbers.
///
/// ```
/// use autograd::{Param, Parameters, Tensor};
/// use mlp::LevenbergMarquardt;
/// let (rate, size) = (Param::<f64>::new([0.1]), Param::new([1.0]));
/// let parameters = Parameters::new().with("rate", &rate).with("size", &size);
/// let times = Tensor::from([0.0, 1.0, 2.0, 3.0]);
/// let measured = (&times * -0.5).exp() * 2.0;
/// let mut method = LevenbergMarquardt::new(&parameters);
/// let found = method.fit(50, |tape| (tape.constant(&times) * -rate.on(tape)).exp() * &size - &measured)?;
/// assert!(found.converged && found.loss < 1e-20);
/// assert!((rate.value().item() - 0.5).abs() < 1e-9 && (size.value().item() - 2.0).abs() < 1e-9);
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug)]
pub struct LevenbergMarquardt<T: Float = f64> {
    flat: Flat<T>,
    damping: T,
    tolerance: f64,
    tape: Tape<T>,
}

/// The residuals at a place, and the columns of their Jacobian.
struct Linear<T: Float> {
    residuals: Vec<T>,
    loss: f64,
    columns: Vec<Vec<T>>,
}

impl<T: Float> LevenbergMarquardt<T> {
    /// Creates Levenberg–Marquardt for parameters.
    pub fn new(parameters: &Parameters<T>) -> Self {
        let (flat, damping) = (Flat::new(parameters), T::from_f64(1e-3));
        LevenbergMarquardt { flat, damping, tolerance: 1e-9, tape: Tape::default() }
    }

    /// Sets the damping μ of the first step.
    ///
    /// # Panics
    /// If it is not above 0, or not finite.
    #[must_use]
    #[track_caller]
    pub fn damping(self, damping: f64) -> Self {
        let (what, ok) = (shown(damping), T::from_f64(damping) > T::zero() && damping.is_finite());
        assert!(ok, "levenberg_marquardt: a damping of {what} is not a finite number above 0 in {}", T::NAME);
        LevenbergMarquardt { damping: T::from_f64(damping), ..self }
    }

    /// Sets the relative size of a step that counts as none; at first 1e−9.
    ///
    /// # Panics
    /// If it is negative or not finite.
    #[must_use]
    #[track_caller]
    pub fn tolerance(self, tolerance: f64) -> Self {
        let (what, ok) = (shown(tolerance), tolerance >= 0.0 && tolerance.is_finite());
        assert!(ok, "levenberg_marquardt: a tolerance of {what} is not a finite number ≥ 0");
        LevenbergMarquardt { tolerance, ..self }
    }

    /// Takes one step that lowers the loss `½‖r‖²`, and returns the loss after it; the same as before if there is none.
    ///
    /// Frozen parameters stay, and those that the residuals do not depend on.
    ///
    /// # Errors
    /// If a residual or a derivative is NaN or infinite where the step begins, or there are fewer residuals than
    /// numbers.
    #[track_caller]
    pub fn step(&mut self, residuals: impl for<'t> FnMut(&'t Tape<T>) -> Var<'t, T>) -> Result<f64, Error> {
        Ok(self.fit(1, residuals)?.loss)
    }

    /// Takes up to `steps` steps, until one is no longer than the [`tolerance`](LevenbergMarquardt::tolerance) times the
    /// parameters.
    ///
    /// # Errors
    /// As [`step`](LevenbergMarquardt::step).
    #[track_caller]
    pub fn fit(
        &mut self,
        steps: usize,
        mut residuals: impl for<'t> FnMut(&'t Tape<T>) -> Var<'t, T>,
    ) -> Result<Minimum, Error> {
        let mut loss = self.loss(&mut residuals);
        for count in 0..steps {
            match self.descend(&mut residuals)? {
                (found, true) => return Ok(Minimum { loss: found, steps: count, converged: true }),
                (found, false) => loss = found,
            }
        }
        Ok(Minimum { loss, steps, converged: false })
    }

    /// The covariance `s²(JᵀJ)⁻¹` of the parameters at a minimum, with `s² = ‖r‖²/(residuals − numbers)`.
    ///
    /// Rows and columns are the numbers of the parameters one after another.
    ///
    /// # Errors
    /// As [`step`](LevenbergMarquardt::step), and if there are not more residuals than numbers, or the columns of their
    /// Jacobian depend on each other.
    #[track_caller]
    pub fn covariance(
        &mut self,
        mut residuals: impl for<'t> FnMut(&'t Tape<T>) -> Var<'t, T>,
    ) -> Result<Tensor<T>, Error> {
        let Linear { residuals, loss, columns } = self.linear(&mut residuals)?;
        let (m, n) = (residuals.len(), columns.len());
        if m <= n {
            let why = format!("{m} residuals leave nothing to tell the spread of {n} numbers by; give it more samples");
            return Err(Error::invalid("levenberg_marquardt", why));
        }
        let j = Tensor::new([n, m], columns.concat()).t();
        // With J = QR, (JᵀJ)⁻¹ = R⁻¹R⁻ᵀ.
        let (_, r) = j.try_qr()?;
        let inverse = r.try_solve_upper(&Tensor::eye(n))?;
        Ok(inverse.matmul(&inverse.t()) * (2.0 * loss / (m - n) as f64))
    }

    /// The state: the damping of the next step.
    pub fn state(&self) -> IndexMap<String, Tensor<T>> {
        [(DAMPING.name.to_string(), Tensor::from(self.damping))].into()
    }

    /// Restores a [`state`](LevenbergMarquardt::state); if it does not fit, nothing changes.
    ///
    /// # Errors
    /// If it is not one damping, a finite number above 0.
    pub fn set_state(&mut self, state: &IndexMap<String, Tensor<T>>) -> Result<(), Error> {
        let mut state = State::new("levenberg_marquardt", state);
        let damping = state.named(DAMPING.name, DAMPING, &Shape::default())?.item();
        state.end()?;
        self.damping = damping;
        Ok(())
    }

    /// `½‖r‖²` at the present values.
    fn loss(&mut self, residuals: &mut impl for<'t> FnMut(&'t Tape<T>) -> Var<'t, T>) -> f64 {
        self.tape.clear();
        residuals(&self.tape).with_values(half_square)
    }

    /// The residuals at the present values, with the tangent of each number that they depend on.
    #[track_caller]
    fn linear(&mut self, residuals: &mut impl for<'t> FnMut(&'t Tape<T>) -> Var<'t, T>) -> Result<Linear<T>, Error> {
        self.tape.clear();
        let (tape, n) = (&self.tape, self.flat.numel());
        let r = residuals(tape);
        let (loss, residuals) = (r.with_values(half_square), r.with_values(<[T]>::to_vec));
        let m = residuals.len();
        if m < n {
            let why = format!("{m} residuals do not determine {n} numbers; give it more samples or fewer parameters");
            return Err(Error::invalid("levenberg_marquardt", why));
        }
        let mut columns = Vec::with_capacity(n);
        let grads = r.sum().backward();
        for param in self.flat.params() {
            let reached = grads.of(param).is_some();
            for at in 0..param.numel() {
                columns.push(match reached {
                    false => vec![T::zero(); m],
                    true => {
                        let mut unit = Tensor::zeros(param.shape());
                        unit.as_mut_slice()[at] = T::one();
                        r.jvp(&[(param.on(tape), &unit)]).to_vec()
                    }
                });
            }
        }
        if !(loss.is_finite() && columns.iter().all(|column| most(column).is_finite())) {
            let why = "a residual or a derivative is NaN or infinite where the step begins; begin with other weights";
            return Err(Error::invalid("levenberg_marquardt", why));
        }
        Ok(Linear { residuals, loss, columns })
    }

    /// One step: the loss after it, and whether the search has ended without one.
    #[track_caller]
    fn descend(&mut self, residuals: &mut impl for<'t> FnMut(&'t Tape<T>) -> Var<'t, T>) -> Result<(f64, bool), Error> {
        let Linear { residuals: r, loss, columns } = self.linear(residuals)?;
        let x = self.flat.values();
        // The others stay where they are.
        let moves: Vec<usize> = (0..columns.len()).filter(|&i| dot(&columns[i], &columns[i]) > 0.0).collect();
        let (m, n) = (r.len(), moves.len());
        if n == 0 {
            return Ok((loss, true));
        }
        let right = Tensor::from_fn([m + n], |i| if i[0] < m { r[i[0]] } else { T::zero() });
        let lengths: Vec<f64> = moves.iter().map(|&i| dot(&columns[i], &columns[i]).sqrt()).collect();
        loop {
            let root = self.damping.to_f64().sqrt();
            let rows = Tensor::from_fn([m + n, n], |at| match *at {
                [i, j] if i < m => columns[moves[j]][i],
                [i, j] if i - m == j => T::from_f64(root * lengths[j]),
                _ => T::zero(),
            });
            let step = rows.try_lstsq(&right)?;
            let mut along = vec![T::zero(); x.len()];
            moves.iter().zip(step.as_slice()).for_each(|(&i, &step)| along[i] = -step);
            let short = |(x, d): (&T, &T)| d.to_f64().abs() <= self.tolerance * x.to_f64().abs();
            if x.iter().zip(&along).all(short) || self.damping.to_f64() > LARGEST {
                return Ok((loss, true));
            }
            self.flat.set(&x, 1.0, &along);
            let next = self.loss(residuals);
            if next < loss {
                self.damping = T::from_f64((self.damping.to_f64() / FACTOR).max(1.0 / LARGEST));
                return Ok((next, false));
            }
            self.flat.set(&x, 0.0, &along);
            self.damping = T::from_f64(self.damping.to_f64() * FACTOR);
        }
    }
}

fn half_square<T: Float>(r: &[T]) -> f64 {
    0.5 * dot(r, r)
}
