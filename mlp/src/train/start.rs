//! What must hold before the first epoch, and where it begins.

use autograd::{Float, Param, Parameters};

use super::Trainer;
use crate::module::Module;
use crate::optim::Optimizer;
use crate::{Dataset, Error, io};

impl Trainer<'_> {
    /// `Ok` if there is something to do.
    pub(super) fn check_settings<T: Float>(&self, parameters: &Parameters<T>) -> Result<(), Error> {
        let invalid = |why| Err(Error::invalid("trainer", why));
        if self.epochs == 0 {
            return invalid("0 epochs: there is nothing to do");
        }
        if self.parts == 0 {
            return invalid("batches in 0 parts hold no samples; 1 part is the whole batch");
        }
        if parameters.params().all(Param::is_frozen) {
            return invalid("the model has no parameter that is not frozen, and so nothing to learn; unfreeze one");
        }
        Ok(())
    }

    /// Goes on from a file, if it was asked for; returns how many epochs are done.
    pub(super) fn resume<T: Float>(
        &self,
        parameters: &Parameters<T>,
        optimizer: &mut dyn Optimizer<T>,
    ) -> Result<usize, Error> {
        let Some(path) = &self.resume else { return Ok(0) };
        let done = io::load_training(parameters, optimizer, path)?;
        if done >= self.epochs {
            let (path, epochs) = (path.display(), self.epochs);
            let why =
                format!("{path} comes after {done} epochs, and the trainer ends with epoch {epochs}; raise epochs");
            return Err(Error::invalid("trainer", why));
        }
        Ok(done)
    }
}

/// `Ok` if the rows of `data` are as long as the model needs, or it does not say.
pub(super) fn check_width<T: Float>(model: &dyn Module<T>, what: &str, data: &Dataset<T>) -> Result<(), Error> {
    let shape = data.inputs().shape();
    match model.input_width() {
        // One axis is that of the samples: a batch would pass for a single row.
        Some(width) if shape.len() < 2 || shape.last() != Some(&width) => {
            let why = format!(
                "the model takes rows of {width} numbers, the inputs of the {what} have shape {shape}; \
                               choose other columns, or build the model for these"
            );
            Err(Error::invalid("trainer", why))
        }
        _ => Ok(()),
    }
}
