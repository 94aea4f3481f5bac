//! [`Average`]: averages of the weights along a training.

use autograd::{Float, Parameters, Shape, Tensor};
use indexmap::IndexMap;

use super::memory::{Memory, Role};
use super::settings::check_share;
use crate::Error;

const AVERAGE: Role = Role::any("average");
/// Whether the parameters hold the average, and the state their own values, 0 or 1.
const SWAPPED: Role = Role::flag("swapped");

/// An average of parameters along a training, often better than where the last step ends.
///
/// [`exponential`](Average::exponential) (EMA) forgets: `x ← dx + (1 − d)w` (Polyak & Juditsky 1992, with forgetting).
/// [`uniform`](Average::uniform) (SWA) is the mean, over the epochs of a constant or cyclic learning rate (Izmailov et
/// al. 2018). Both begin at the first update. [`swap`](Average::swap) exchanges parameters and average, to be measured or
/// saved, and back. In a trainer, the callback [`Averaging`](crate::train::Averaging) does all this. Give it [`Module::state`](crate::Module::state) to average buffers too; batch normalisation
/// otherwise keeps the statistics of the weights that were trained.
///
/// ```
/// use autograd::{Param, Parameters};
/// use mlp::Average;
/// let w = Param::new([0.0]);
/// let mut average = Average::uniform(&Parameters::new().with("w", &w));
/// for value in [2.0, 4.0, 9.0] {
///     w.set([value]); // a step, or an epoch
///     average.update();
/// }
/// average.swap();
/// assert_eq!(w.value().to_vec(), [5.0]);
/// average.swap();
/// assert_eq!(w.value().to_vec(), [9.0]);
/// ```
#[derive(Debug)]
pub struct Average<T: Float = f64> {
    memory: Memory<T>,
    /// `None`: uniform.
    decay: Option<f64>,
}

impl<T: Float> Average<T> {
    fn new(parameters: &Parameters<T>, decay: Option<f64>) -> Self {
        let memory = Memory::new(parameters, 0.0).counting().keeping_each(|param| {
            vec![(AVERAGE, Tensor::zeros(param.shape())), (SWAPPED, Tensor::zeros(Shape::default()))]
        });
        Average { memory, decay }
    }

    /// An exponential average with decay d, usually 0.999 for updates after each step.
    ///
    /// # Panics
    /// If d lies outside [0, 1), also in the number type of the parameters.
    #[track_caller]
    pub fn exponential(parameters: &Parameters<T>, decay: f64) -> Self {
        check_share::<T>("average", "decay", decay);
        Self::new(parameters, Some(decay))
    }

    /// The mean of all updates.
    pub fn uniform(parameters: &Parameters<T>) -> Self {
        Self::new(parameters, None)
    }

    /// Takes the present values of the parameters into the average.
    ///
    /// # Panics
    /// If the average is swapped in.
    #[track_caller]
    pub fn update(&mut self) {
        for slot in &mut self.memory.slots {
            let count = slot.next();
            let (param, [average, swapped]) = slot.parts();
            assert!(
                swapped.item() == T::zero(),
                "average: the parameters hold the average itself; call swap() before update()"
            );
            let value = param.value();
            let share = match self.decay {
                _ if count == 1 => 1.0,
                Some(decay) => 1.0 - decay,
                None => 1.0 / f64::from(count),
            };
            let share = T::from_f64(share);
            for (x, &w) in average.as_mut_slice().iter_mut().zip(value.as_slice()) {
                *x = if count == 1 { w } else { *x + share * (w - *x) };
            }
            slot.steps = count;
        }
    }

    /// Exchanges parameters and average; before the first update nothing changes.
    pub fn swap(&mut self) {
        for slot in &mut self.memory.slots {
            let started = slot.steps > 0;
            let (param, [average, swapped]) = slot.parts();
            if started {
                param.modify(|w| w.swap_with_slice(average.as_mut_slice()));
            }
            let flag = &mut swapped.as_mut_slice()[0];
            *flag = T::one() - *flag;
        }
    }

    /// Forgets the average; the parameters keep the values that they have.
    pub(crate) fn begin_anew(&mut self) {
        for slot in &mut self.memory.slots {
            let [_, swapped] = slot.parts().1;
            *swapped = Tensor::zeros(Shape::default());
            slot.steps = 0;
        }
    }

    pub(crate) fn parameters(&self) -> Parameters<T> {
        self.memory.parameters()
    }

    /// The state, under the names of the parameters: `w.average`, the number of updates, and whether it is swapped in.
    pub fn state(&self) -> IndexMap<String, Tensor<T>> {
        self.memory.state()
    }

    /// Restores a [`state`](Average::state); if it does not fit, nothing changes.
    ///
    /// # Errors
    /// If a tensor is missing, unknown or of another shape, or holds NaN or ∞.
    pub fn set_state(&mut self, state: &IndexMap<String, Tensor<T>>) -> Result<(), Error> {
        self.memory.set_state("average", state)
    }
}
