//! The checks before the first epoch, and the epoch to start from.

use std::collections::HashSet;
use std::fmt::Display;
use std::fs;

use autograd::{Float, Param, Parameters, Shape, Tape, Tensor};

use super::checkpoint::Training;
use super::progress::{MadeOf, Progress};
use super::ranks::{Facts, Ranks};
use super::step::{Cut, Objective};
use super::sums::EpochSums;
use super::{Parts, Trainer, parts};
use crate::error::{list, shown};
use crate::loss::Outputs;
use crate::nn::module::takes;
use crate::nn::probe::Probe;
use crate::optim::{Optimizer, is_rate};
use crate::{Dataset, Error};

pub(super) fn invalid<R>(why: impl Into<String>) -> Result<R, Error> {
    Err(Error::invalid("trainer", why))
}

impl Trainer<'_> {
    /// `Ok` if the settings allow a training.
    pub(super) fn check_settings<T: Float>(&self, parameters: &Parameters<T>) -> Result<(), Error> {
        if self.epochs == 0 {
            return invalid("0 epochs: there is nothing to do");
        }
        if self.batch_size == Some(0) {
            return invalid("batches of 0 samples would never pass over the data; choose at least 1");
        }
        if self.parts == Parts::Fixed(0) {
            return invalid("batches in 0 parts hold no samples; 1 part is the whole batch");
        }
        if parameters.params().all(Param::is_frozen) {
            return invalid("the model has no parameter that is not frozen, and so nothing to learn; unfreeze one");
        }
        match not_finite(parameters).filter(|_| self.resume.is_none()) {
            Some(name) => {
                invalid(format!("the parameter `{name}` is NaN or infinite before the first step; set it anew"))
            }
            None => Ok(()),
        }
    }

    /// `Ok` if nothing is moved in the forward passes of several parts, whose order is that of the threads.
    pub(super) fn check_parts<T: Float>(&self, buffers: &Parameters<T>, ranks: &Ranks<'_>) -> Result<(), Error> {
        match (self.parts, buffers.names().next()) {
            (_, Some(name)) if ranks.number() > 1 => invalid(format!(
                "each of {} ranks would move the buffer `{name}` by its own samples; train such a model on one rank in 1 part, or \
                 with LayerNorm or GroupNorm, which have no buffers",
                ranks.number()
            )),
            (Parts::Fixed(parts @ 2..), Some(name)) => invalid(format!(
                "{parts} parts would move the buffer `{name}` in the order in which they run, so that the seed no longer decides \
                 the bits; train such a model in 1 part"
            )),
            _ => Ok(()),
        }
    }

    /// `Ok` if the parts of a batch can be divided among the ranks.
    pub(super) fn check_ranks(&self, ranks: &Ranks<'_>) -> Result<(), Error> {
        let number = ranks.number();
        match self.parts {
            _ if number == 1 => Ok(()),
            Parts::Measured => invalid(format!(
                "the number of parts is to be measured, which differs from rank to rank; set Trainer::parts to a number for {number} ranks"
            )),
            Parts::Fixed(parts) if parts < number => invalid(format!(
                "batches in {parts} part{} leave some of {number} ranks without work; set Trainer::parts to a multiple of the number of ranks",
                if parts == 1 { "" } else { "s" }
            )),
            Parts::Fixed(_) => Ok(()),
        }
    }

    /// `Ok` if all ranks train the same in the same way.
    pub(super) fn check_alike<T: Float>(
        &self,
        ranks: &Ranks<'_>,
        (goal, first): (Objective<'_, T>, &Dataset<T>),
        model: &Parameters<T>,
        optimizer: &dyn Optimizer<T>,
        data: [(&str, Option<&Dataset<T>>); 2],
        epochs: usize,
    ) -> Result<(), Error> {
        if ranks.number() == 1 {
            return Ok(());
        }
        let mut facts = Facts::default();
        facts.add("version of mlp", env!("CARGO_PKG_VERSION"));
        facts.add("number type", T::NAME);
        facts.add("seed", self.seed);
        facts.add("number of epochs", self.epochs);
        facts.add("number of epochs that are done", epochs);
        facts.add("number of samples in a batch", self.batch_size.map_or("all".to_string(), |n| n.to_string()));
        facts.add("number of batches in a step", self.accumulate);
        facts.add("number of parts", format!("{:?}", self.parts));
        facts.add("choice of drop_last", self.drop_last);
        facts.add("norm to clip to", format!("{:?}", self.clip_norm));
        facts.add("tolerance", format!("{:?}", self.tolerance));
        let metrics: Vec<&str> = self.metrics.iter().map(|metric| metric.name.as_str()).collect();
        facts.add("metrics", metrics.join("; "));
        facts.add_parameters("model", model);
        facts.add("learning rate", shown(optimizer.learning_rate()));
        facts.add_state("optimiser's state", optimizer.state().iter());
        for (what, data) in data {
            match data {
                Some(data) => facts.add_data(what, data),
                None => facts.add(format!("shape of the {what}"), "none"),
            }
        }
        facts.add("way to add up gradients (all_reduce)", ranks.reduces());
        let what = "loss of the first samples (by the kind of layers, loss and processor)";
        facts.add(what, self.first_loss(goal, first));
        facts.check(ranks)
    }

    /// The loss of some samples of the first part in training: what shapes and values do not tell of model and loss.
    fn first_loss<T: Float>(&self, goal: Objective<'_, T>, first: &Dataset<T>) -> String {
        let Parts::Fixed(number) = self.parts else { return String::new() };
        let mut samples = parts::parts(first.len(), number).next().unwrap_or_default();
        samples.truncate(32);
        let tape = Tape::default();
        tape.train(self.seed);
        let goal = Objective { metrics: &[], ..goal };
        match goal.record(&tape, &first.take(&samples), &mut Probe::off(), &mut EpochSums::default()) {
            Ok(loss) => shown(loss.value().to_f64()),
            Err(error) => error.to_string(),
        }
    }

    /// `Ok` if an epoch over `samples` samples has a step.
    pub(super) fn check_cut(&self, samples: usize) -> Result<(), Error> {
        if self.cut(samples).steps() > 0 {
            return Ok(());
        }
        let size = self.samples(samples);
        invalid(format!(
            "drop_last leaves out all of {samples} samples, which do not fill a batch of {size}; choose smaller batches"
        ))
    }

    /// Reads the checkpoint to resume from, if there is one, and whether its training is finished.
    pub(super) fn saved<'p, T: Float>(
        &self,
        state: &'p Parameters<T>,
        ranks: &Ranks<'_>,
    ) -> Result<Option<(Training<'p, T>, bool)>, Error> {
        let mut facts = Facts::default();
        facts.add("choice to resume", self.resume.is_some());
        facts.check(ranks)?; // else some would wait for the file, and the others for them
        let Some(path) = &self.resume else { return Ok(None) };
        // The others may be on machines that do not have the file.
        let read = || fs::read(path).map_err(Error::io(path));
        let bytes = ranks.of_first(if ranks.is_first() { Some(read()?) } else { None })?;
        let training = Training::parse(state, path, &bytes)?;
        let Progress { epochs: done, within, last, .. } = &training.progress;
        let reached = last.as_ref().is_some_and(|epoch| *within == 0 && self.is_within_tolerance(epoch));
        if !reached && *done >= self.epochs {
            let (path, epochs) = (path.display(), self.epochs);
            let why =
                format!("{path} comes after {done} epochs, and the trainer ends with epoch {epochs}; raise epochs");
            return invalid(why);
        }
        Ok(Some((training, reached)))
    }

    /// `Ok` if the epoch that `from` lies within can be continued with steps made of this.
    pub(super) fn check_within(&self, from: &Progress, now: MadeOf, steps: Option<usize>) -> Result<(), Error> {
        let within = from.within;
        let fits = match (from.made_of, now) {
            (None, _) => true,
            (Some(MadeOf::Data(saved)), MadeOf::Data(now)) => saved == now,
            // The samples are counted when they are passed over.
            (Some(MadeOf::Stream([_, saved])), MadeOf::Stream([_, now])) => saved == now,
            (Some(_), _) => false,
        };
        if within == 0 || fits && steps.is_none_or(|steps| within <= steps) {
            return Ok(());
        }
        let (path, n) =
            (self.resume.as_ref().map_or(String::new(), |path| path.display().to_string()), from.epochs + 1);
        let was = match from.made_of {
            Some(MadeOf::Data([epoch, step])) => format!(" of {epoch} samples in steps of {step}"),
            Some(MadeOf::Stream([_, step])) => format!(" of a stream in steps of {step} batches"),
            None => String::new(),
        };
        let has = match (now, steps) {
            (MadeOf::Data([epoch, step]), Some(steps)) => format!("has {steps} steps of {step} for {epoch} samples"),
            (MadeOf::Data([_, step]) | MadeOf::Stream([_, step]), _) => {
                format!("is a stream in steps of {step} batches")
            }
        };
        invalid(format!(
            "{path} lies {within} steps within epoch {n}{was}, which {has}; resume with the data and batches it was saved with"
        ))
    }
}

/// The name of the first parameter that holds NaN or an infinite value.
pub(super) fn not_finite<T: Float>(parameters: &Parameters<T>) -> Option<&str> {
    let is_finite = |param: &Param<T>| param.value().as_slice().iter().all(|value| value.is_finite());
    parameters.iter().find(|(_, param)| !is_finite(param)).map(|(name, _)| name)
}

/// `Ok` if the optimiser updates all parameters that are not frozen, or does not name its parameters.
#[expect(clippy::mutable_key_type, reason = "a parameter's hash is that of its identity")]
pub(super) fn check_optimizer<T: Float>(parameters: &Parameters<T>, optimizer: &dyn Optimizer<T>) -> Result<(), Error> {
    let Some(stepped) = optimizer.parameters() else { return Ok(()) };
    if stepped.is_empty() {
        return invalid("the optimiser has no parameters; make it of those of the model");
    }
    let stepped: HashSet<&Param<T>> = stepped.params().collect();
    let (mut movable, mut missing) = (0, Vec::new());
    for (name, param) in parameters.distinct().filter(|(_, param)| !param.is_frozen()) {
        movable += 1;
        if !stepped.contains(param) {
            missing.push(name.to_string());
        }
    }
    if missing.is_empty() {
        Ok(())
    } else if missing.len() == movable {
        invalid(
            "the optimiser steps none of the model's parameters, but others; make it of model.parameters(), \
             which must name the same ones at every call",
        )
    } else {
        let missing = list(&missing);
        invalid(format!(
            "the optimiser does not step {missing}; make it of model.parameters(), or freeze what shall stay"
        ))
    }
}

/// The learning rate of a schedule, if it is valid.
pub(super) fn checked_rate<T: Float>(rate: f64, when: impl Display) -> Result<f64, Error> {
    if is_rate::<T>(rate) {
        return Ok(rate);
    }
    let rate = shown(rate);
    invalid(format!(
        "the schedule gives a learning rate of {rate} for {when}, which is not a finite number ≥ 0 in {}",
        T::NAME
    ))
}

impl<T: Float> Objective<'_, T> {
    /// `Ok` if the model accepts the inputs of `data`, and the loss accepts the outputs and targets.
    ///
    /// For training data (`learnt`) the output layer must also be able to reach the targets.
    pub(super) fn check(self, what: &str, data: &Dataset<T>, learnt: bool) -> Result<(), Error> {
        self.check_inputs(what, data.inputs())?;
        let few = data.take(&(0..data.len().min(2)).collect::<Vec<_>>());
        let tape = Tape::default();
        let first = self.model.forward(tape.constant(few.inputs().clone())).value();
        let Some((&rows, rest)) = first.shape().split_first() else { return Ok(()) };
        if rows != few.len() {
            return Ok(()); // a custom loss may support this
        }
        let shape: Shape = std::iter::once(data.len()).chain(rest.iter().copied()).collect();
        let activation = self.model.output_activation().filter(|_| learnt);
        self.loss.check(&Outputs { shape, first: &first, activation }, data.targets())?;
        Ok(())
    }

    /// `Ok` if the model accepts these inputs.
    pub(super) fn check_inputs(self, what: &str, inputs: &Tensor<T>) -> Result<(), Error> {
        let shape = inputs.shape();
        // A single axis is the axis of samples: the batch would pass for a single row.
        if let Some(width) = self.model.input_width().filter(|width| shape.len() < 2 || shape.last() != Some(width)) {
            let repair = "choose other columns, or build the model for these";
            return invalid(format!(
                "the model takes rows of {width} numbers, the inputs of the {what} have shape {shape}; {repair}"
            ));
        }
        if let Err(error) = takes(self.model, inputs) {
            return invalid(format!("the model does not take the inputs of the {what}: {error}"));
        }
        Ok(())
    }

    /// `Ok` if the model can be trained on all batches of these data, which it accepts.
    pub(super) fn check_batches(self, data: &Dataset<T>, cut: Cut) -> Result<(), Error> {
        let (all, size) = (data.len(), cut.size);
        cut.sizes().into_iter().try_for_each(|samples| {
            let batch = match samples == size {
                true => format!("batches of {size}"),
                false => format!("the last batch, which holds {samples} of {all} samples in batches of {size}"),
            };
            self.check_batch(batch, samples, data)
        })
    }

    /// `Ok` if the model can be trained on a batch of so many samples like these.
    pub(super) fn check_batch(self, batch: impl Display, samples: usize, like: &Dataset<T>) -> Result<(), Error> {
        let shape: Shape = std::iter::once(samples).chain(like.inputs().shape()[1..].iter().copied()).collect();
        match self.model.check_training(&shape) {
            Ok(()) => Ok(()),
            Err(error) => invalid(format!("the model cannot be trained on {batch}: {error}")),
        }
    }

    /// `Ok` if any sample of `data` counts.
    pub(super) fn check_weight(self, what: &str, data: &Dataset<T>) -> Result<(), Error> {
        if self.weight(data) == 0.0 {
            return invalid(format!(
                "the loss ignores every sample of the {what}, or gives it weight 0; nothing is left"
            ));
        }
        Ok(())
    }
}
