//! The settings of a [`Trainer`]: how long it trains, and how it takes its steps.

use std::cell::RefCell;

use super::{Communicator, Parts, Trainer};
use crate::error::shown;

impl<'a> Trainer<'a> {
    /// Sets the number of passes over the data.
    #[must_use]
    pub fn epochs(self, epochs: usize) -> Self {
        Trainer { epochs, ..self }
    }

    /// Sets the number of samples per step.
    ///
    /// 1 means a step after every sample. The last batch of an epoch may be smaller; see [`drop_last`](Trainer::drop_last).
    #[must_use]
    pub fn batch_size(self, samples: usize) -> Self {
        Trainer { batch_size: Some(samples), ..self }
    }

    /// Takes one step per epoch, over all samples.
    #[must_use]
    pub fn full_batch(self) -> Self {
        Trainer { batch_size: None, ..self }
    }

    /// Takes a step after every `batches` batches, along the mean over all their samples (gradient accumulation).
    ///
    /// The step is that of one batch of `batches` times the size, up to round-off, with the memory of a small one beside the samples themselves; only a
    /// layer or a loss that compares the samples of a batch ([`BatchNorm`](crate::BatchNorm), [`NtXent`](crate::NtXent)) sees
    /// the small batches. The last step of an epoch may have fewer batches. An observer sees an additional pass over all
    /// samples of the step. The default is 1.
    ///
    /// ```
    /// # use mlp::{Activation, Dataset, Mlp, Module, Mse, Sgd, Trainer};
    /// # use rand::{SeedableRng, rngs::StdRng};
    /// let data = Dataset::new(autograd::Tensor::<f64>::ones([60, 2]), autograd::Tensor::ones([60, 1]))?;
    /// let losses = [Trainer::new().batch_size(32), Trainer::new().batch_size(8).accumulate(4)].map(|trainer| {
    ///     let layers = Mlp::new(2).hidden(8, Activation::Tanh).output(1, Activation::Identity);
    ///     let model: Mlp = layers.build(&mut StdRng::seed_from_u64(0)).unwrap();
    ///     let mut sgd = Sgd::new(&model.parameters(), 0.1);
    ///     trainer.epochs(3).fit(&model, &Mse, &mut sgd, &data, None).unwrap().last().loss
    /// });
    /// assert!((losses[0] - losses[1]).abs() < 1e-12);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Panics
    /// If `batches` is 0.
    #[must_use]
    #[track_caller]
    pub fn accumulate(self, batches: usize) -> Self {
        assert!(batches > 0, "trainer: a step after every 0 batches has no gradient; 1 is a step after each");
        Trainer { accumulate: batches, ..self }
    }

    /// Trains on several ranks, each of which calls `fit` with an equal model, optimiser and data.
    ///
    /// A batch is cut into [`parts`](Trainer::parts), a number that is set, and each rank takes a run of them. Their gradients are
    /// added in the order of the parts, so that the bits are those of a training with as many parts on one rank, whatever the
    /// number of ranks and threads. A checkpoint resumes on any number of ranks. What is the same on all ranks: the history, losses
    /// and metrics over all samples, and the reason to stop.
    ///
    /// The first rank reads and writes the files of [checkpoints](Trainer::save_training), shows the progress bar and calls
    /// the [observer of steps](Trainer::observe_steps) and the [callbacks that write](super::Callback::on_first_rank_only). The
    /// other callbacks, and [`observe`](Trainer::observe), run on every rank: give them to all, and print on one. Validation is
    /// divided too. A [stream](Trainer::fit_stream) is read by every rank, which sweeps its share of each batch.
    ///
    /// There have to be as many parts as ranks, or more. A model with buffers, as those of [`BatchNorm`](crate::BatchNorm), takes one
    /// part, and so one rank.
    ///
    /// Before the first step all ranks compare versions, settings, model, optimiser, data and the loss of some samples; before each
    /// step from a stream the shapes of its batches, with their first and last samples; after each epoch and in the end the parameters.
    /// An error on one rank ends the training on all: there it is returned as it is, elsewhere as
    /// [`Error::Rank`](crate::Error::Rank). See [`in_ranks`](super::in_ranks) for an example, and the crate `mlp-mpi` for processes.
    ///
    /// A trainer borrows the communicator. So a function that makes trainers returns them for any lifetime; a `Trainer<'static>`
    /// takes only a communicator that lives as long as the program.
    ///
    /// ```
    /// use mlp::{Trainer, train::in_ranks};
    /// fn settings<'a>() -> Trainer<'a> {
    ///     Trainer::new().epochs(3).parts(2) // not `-> Trainer<'static>`
    /// }
    /// in_ranks(2, |rank| drop(settings().communicator(rank)));
    /// ```
    #[must_use]
    pub fn communicator(self, ranks: &'a dyn Communicator) -> Self {
        Trainer { communicator: Some(ranks), ..self }
    }

    /// Leaves out the last batch of an epoch if it is smaller than the others; the order of the next epoch decides anew who
    /// is left out.
    #[must_use]
    pub fn drop_last(self) -> Self {
        Trainer { drop_last: true, ..self }
    }

    /// Splits each batch into `parts` that run in parallel.
    ///
    /// Each part has its own tape for the forward and the backward pass; the parts use as many threads as there are
    /// ([`backward_in_parts`](autograd::backward_in_parts)).
    ///
    /// The step is that of the whole batch, except for round-off, for the random numbers of dropout, and for a loss that
    /// compares the samples of a batch ([`NtXent`](crate::NtXent)). Its bits depend on the number of parts, but not on
    /// the number of threads. For batches of 128 through 784-256-256-10, two parts
    /// on two threads take 0.6 of the single-threaded time; this is slightly less than without parts, where the threads
    /// share large products. Many small layers gain little or nothing, because each part passes over all gradients. A
    /// single thread loses time. Measure before you use it, or let [`parts_measured`](Trainer::parts_measured). The default is 1.
    ///
    /// A model with buffers that its layers move in training, as [`BatchNorm`](crate::BatchNorm) does, takes 1 part only: the order
    /// of the moves would be that of the threads.
    ///
    /// ```
    /// # use mlp::{Activation, Dataset, Mlp, Module, Mse, Sgd, Trainer};
    /// # use rand::{SeedableRng, rngs::StdRng};
    /// let data = Dataset::new(autograd::Tensor::<f64>::ones([64, 2]), autograd::Tensor::ones([64, 1]))?;
    /// let losses = [1, 4].map(|parts| {
    ///     let layers = Mlp::new(2).hidden(8, Activation::Tanh).output(1, Activation::Identity);
    ///     let model: Mlp = layers.build(&mut StdRng::seed_from_u64(0)).unwrap();
    ///     let mut sgd = Sgd::new(&model.parameters(), 0.1);
    ///     let trainer = Trainer::new().epochs(3).parts(parts);
    ///     trainer.fit(&model, &Mse, &mut sgd, &data, None).unwrap().last().loss
    /// });
    /// assert!((losses[0] - losses[1]).abs() < 1e-12);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    #[must_use]
    pub fn parts(self, parts: usize) -> Self {
        Trainer { parts: Parts::Fixed(parts), ..self }
    }

    /// Measures how many [`parts`](Trainer::parts) are fastest, on the first step, and keeps to these.
    ///
    /// It times the passes of the first step in 1, 2, 4, … parts, up to the number of threads, without an update. The
    /// choice depends on the machine and its load, and decides the last bits; [`History::parts`](crate::History) and the
    /// checkpoint hold it, and a resumed training takes that of its checkpoint. To repeat a training to the bit,
    /// give its number to `parts`.
    #[must_use]
    pub fn parts_measured(self) -> Self {
        Trainer { parts: Parts::Measured, ..self }
    }

    /// Sets the seed of shuffling and dropout.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Trainer { seed, ..self }
    }

    /// Stops after the first epoch whose training loss is at most ε.
    ///
    /// # Panics
    /// If ε is negative, NaN or infinite.
    #[must_use]
    #[track_caller]
    pub fn tolerance(self, epsilon: f64) -> Self {
        let (what, ok) = (shown(epsilon), epsilon >= 0.0 && epsilon.is_finite());
        assert!(ok, "trainer: a tolerance of {what} is not a finite number ≥ 0; leave it out to train all epochs");
        Trainer { tolerance: Some(epsilon), ..self }
    }

    /// Clips the global norm of the gradients of each step to `most`.
    ///
    /// The global norm covers all parameters together; see [`Gradients::clip_norm`](autograd::Gradients::clip_norm).
    ///
    /// # Panics
    /// If `most` is not above 0, or infinite.
    #[must_use]
    #[track_caller]
    pub fn clip_norm(self, most: f64) -> Self {
        let what = shown(most);
        assert!(most > 0.0, "trainer: gradients of a norm of at most {what} leave nothing to step along");
        assert!(most.is_finite(), "trainer: clipping gradients at a norm of {what} clips none; leave it out");
        Trainer { clip_norm: Some(most), ..self }
    }

    /// Sets the learning rate before each epoch to `rate(epoch)`, with epochs from 1: a closure, or the
    /// [`rates`](crate::Schedule::rates) of a [`Schedule`](crate::Schedule).
    ///
    /// Without a schedule the optimiser keeps its learning rate. A rate that is negative, NaN or infinite ends the
    /// training with an error.
    ///
    /// ```
    /// use autograd::{Param, Tensor};
    /// use mlp::{Dataset, Linear, Module, Mse, Optimizer, Sgd, Trainer};
    /// let data = Dataset::new(Tensor::from([[1.0]]), Tensor::from([[1.0]]))?;
    /// let model = Linear { w: Param::new([[0.0]]), b: None };
    /// let mut sgd = Sgd::new(&model.parameters(), 0.1);
    /// // Halve the rate every ten epochs.
    /// let trainer = Trainer::new().epochs(30).schedule(|epoch| 0.1 * 0.5f64.powi((epoch as i32 - 1) / 10));
    /// trainer.fit(&model, &Mse, &mut sgd, &data, None)?;
    /// assert_eq!(Optimizer::<f64>::learning_rate(&sgd), 0.025);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    #[must_use]
    pub fn schedule(self, rate: impl FnMut(usize) -> f64 + 'a) -> Self {
        Trainer { schedule: RefCell::new(Some(Box::new(rate))), ..self }
    }

    /// Sets the learning rate before each step to `rate(step)`, with steps of the whole training from 1.
    ///
    /// It comes after a [`schedule`](Trainer::schedule) of epochs, if there is one, whose rates it replaces. A resumed training
    /// continues the count. The callback [`OnPlateau`](super::OnPlateau), which it would overrule too, refuses a trainer with it.
    ///
    /// ```
    /// use autograd::{Param, Tensor};
    /// use mlp::{Dataset, Linear, Module, Mse, Optimizer, Sgd, Trainer};
    /// let data = Dataset::new(Tensor::ones([8, 1]), Tensor::ones([8, 1]))?;
    /// let model = Linear { w: Param::new([[0.0]]), b: None };
    /// let mut sgd = Sgd::new(&model.parameters(), 0.1);
    /// // Warm up for ten steps.
    /// let trainer = Trainer::new().epochs(2).batch_size(2).schedule_steps(|step| 0.1 * (step as f64 / 10.0).min(1.0));
    /// trainer.fit(&model, &Mse, &mut sgd, &data, None)?; // 8 steps
    /// assert_eq!(Optimizer::<f64>::learning_rate(&sgd), 0.1 * 0.8);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    #[must_use]
    pub fn schedule_steps(self, rate: impl FnMut(usize) -> f64 + 'a) -> Self {
        Trainer { step_schedule: RefCell::new(Some(Box::new(rate))), ..self }
    }
}
