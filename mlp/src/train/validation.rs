//! The validation between the epochs, divided among the ranks.

use autograd::Float;

use super::sums::{Collected, EpochSums, counted};
use super::training_loop::TrainingLoop;
use crate::nn::probe::Probe;
use crate::{Dataset, Error};

impl<T: Float> TrainingLoop<'_, '_, T> {
    /// Evaluates the validation data: its sums, and its metrics by name unless the loss is not finite.
    pub(super) fn validate(&mut self, data: &Dataset<T>) -> Result<(EpochSums, Vec<(String, f64)>), Error> {
        let (tape, mut tally, mut outputs) = (&mut self.tapes[0], EpochSums::default(), Collected::default());
        let (goal, metrics, ranks) = (self.goal, self.goal.metrics, self.ranks);
        let size = self.trainer.samples(data.len());
        let (own, mut found) = (ranks.own(data.len().div_ceil(size)), Vec::new());
        for batch in data.batches(size, None)?.skip(own.start).take(own.len()) {
            tape.clear();
            let y = goal.model.forward_with(tape.constant(batch.inputs().clone()), &mut Probe::off());
            let mut sums = EpochSums::default();
            goal.judge(y, &batch, &[], &mut sums)?;
            found.push(sums);
            if !metrics.is_empty() {
                outputs.add(&y.value());
            }
        }
        for rank in ranks.shared(found, |found| EpochSums::packed(found), EpochSums::unpacked)? {
            rank.into_iter().for_each(|batch| tally += batch);
        }
        if !metrics.is_empty() {
            outputs = Collected::joined(ranks.shared(outputs, Collected::packed, Collected::unpacked)?);
        }
        let mut found = Vec::new();
        if !metrics.is_empty() && tally.loss().is_finite() {
            let (y, targets) = counted(outputs.tensor(), goal.loss, data);
            let targets = targets.cast();
            for metric in metrics {
                found.push((format!("validation_{}", metric.name), metric.of(&y, &targets)?));
            }
        }
        Ok((tally, found))
    }
}
