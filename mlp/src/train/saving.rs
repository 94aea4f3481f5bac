//! The settings of a [`Trainer`]: checkpoints.

use std::path::PathBuf;

use super::Trainer;
#[cfg(doc)]
use super::{History, save_training};

impl Trainer<'_> {
    /// Saves a checkpoint after every `every`-th epoch, and when the training ends ([`save_training`]).
    ///
    /// [`resume_from`](Trainer::resume_from) continues from the checkpoint, and reaches the same bits as an
    /// uninterrupted training:
    ///
    /// ```
    /// use mlp::{Activation, Adam, Dataset, Mlp, Module, Mse, Trainer};
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let data = Dataset::new(autograd::Tensor::<f64>::ones([64, 2]), autograd::Tensor::ones([64, 1]))?;
    /// let folder = tempfile::tempdir().unwrap();
    /// let path = folder.path().join("training.safetensors");
    /// let loss_after = |trainer: Trainer<'_>| -> mlp::Result<f64> {
    ///     let layers = Mlp::new(2).hidden(8, Activation::Tanh).output(1, Activation::Identity);
    ///     let model: Mlp = layers.build(&mut StdRng::seed_from_u64(0))?;
    ///     let mut adam = Adam::new(&model.parameters(), 0.1);
    ///     Ok(trainer.fit(&model, &Mse, &mut adam, &data, None)?.last().loss)
    /// };
    /// let at_once = loss_after(Trainer::new().epochs(5))?;
    /// loss_after(Trainer::new().epochs(3).save_training(1, &path))?;
    /// assert_eq!(loss_after(Trainer::new().epochs(5).resume_from(&path))?, at_once);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Panics
    /// If `every` is 0.
    #[must_use]
    #[track_caller]
    pub fn save_training(self, every: usize, path: impl Into<PathBuf>) -> Self {
        assert!(every > 0, "trainer: save_training wants to save after every 0 epochs; every epoch is 1");
        Trainer { save: Some((every, path.into())), ..self }
    }

    /// Saves a checkpoint after every `every`-th step too, and when the training ends.
    ///
    /// Such a checkpoint lies within an epoch: it holds the number of steps and what they came to, beside parameters,
    /// optimiser and callbacks. A training resumed from it, or from the one that an [`Interrupt`](super::Interrupt) leaves,
    /// reaches the same bits as an uninterrupted one. `path` may be that of [`save_training`](Trainer::save_training).
    ///
    /// # Panics
    /// If `every` is 0.
    #[must_use]
    #[track_caller]
    pub fn save_training_steps(self, every: usize, path: impl Into<PathBuf>) -> Self {
        assert!(every > 0, "trainer: save_training_steps wants to save after every 0 steps; every step is 1");
        Trainer { save_steps: Some((every, path.into())), ..self }
    }

    /// Continues a [saved](Trainer::save_training) training, with its parameters and its optimiser state.
    ///
    /// [`epochs`](Trainer::epochs) includes the saved epochs. The [`History`] begins with the first new epoch, or with the one
    /// that the checkpoint lies within. [Callbacks](Trainer::callback) take their states from the checkpoint; one that it does
    /// not hold begins anew, and one that the trainer does not have is an error.
    ///
    /// A training whose loss is within the [`tolerance`](Trainer::tolerance) is finished: its history repeats the last
    /// epoch. So is one that a callback ends when it begins, as [`EarlyStopping`](super::EarlyStopping) does. A training with as many epochs as the trainer, or more, is an error. Nothing changes unless the whole
    /// file fits.
    #[must_use]
    pub fn resume_from(self, path: impl Into<PathBuf>) -> Self {
        Trainer { resume: Some(path.into()), ..self }
    }
}
