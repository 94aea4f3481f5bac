//! The settings of a [`Trainer`]: who sees the training.

use std::cell::RefCell;
use std::ops::ControlFlow;

use super::callback::Callback;
use super::watch::Observe;
use super::{Epoch, Trainer};
use crate::nn::observe::Observer;

impl<'a> Trainer<'a> {
    /// Sets whether to draw a progress bar, a [`Bar`](super::Bar).
    ///
    /// The bar appears only if standard error is a terminal.
    #[must_use]
    pub fn progress(self, shown: bool) -> Self {
        Trainer { progress: shown, ..self }
    }

    /// Adds a [`Callback`]: early stopping, a log, an interrupt, or one of your own.
    ///
    /// Callbacks are called in the order in which they were added. Pass a `&mut` to look at one after the training.
    ///
    /// ```
    /// use mlp::train::{BestWeights, EarlyStopping, Interrupt, Watch};
    /// let trainer = mlp::Trainer::new()
    ///     .callback(EarlyStopping::new(10).watch(Watch::lowest("validation_loss").by(1e-4)))
    ///     .callback(BestWeights::new())
    ///     .callback(Interrupt::new());
    /// ```
    #[must_use]
    pub fn callback(self, callback: impl Callback + 'a) -> Self {
        self.callbacks.borrow_mut().push(Box::new(callback));
        self
    }

    /// Calls `f` after each epoch; `ControlFlow::Break(())` stops the training. It is the short form of a
    /// [callback](Trainer::callback).
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use mlp::Trainer;
    /// let mut losses = Vec::new();
    /// let trainer = Trainer::new().observe(|epoch| {
    ///     losses.push(epoch.loss);
    ///     if losses.len() == 5 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    /// });
    /// # let data = mlp::Dataset::new(autograd::Tensor::from([[1.0]]), autograd::Tensor::from([[1.0]]))?;
    /// # let model = mlp::Linear { w: autograd::Param::new([[0.0]]), b: None };
    /// # let mut sgd = mlp::Sgd::new(&mlp::Module::parameters(&model), 0.1);
    /// let history = trainer.fit(&model, &mlp::Mse, &mut sgd, &data, None)?;
    /// assert_eq!((history.epochs.len(), history.stopped), (5, mlp::Stopped::Observer));
    /// # Ok::<(), mlp::Error>(())
    /// ```
    #[must_use]
    pub fn observe(self, f: impl FnMut(&Epoch) -> ControlFlow<()> + 'a) -> Self {
        self.callback(Observe(f))
    }

    /// Passes the first step, and then every `every`-th step, to `observer`.
    ///
    /// The observation spans the forward pass to the update.
    ///
    /// The observer sees the training pass itself, and does not change its bits. With several [`parts`](Trainer::parts)
    /// it sees an additional pass over the whole batch, and the update from the parts.
    ///
    /// ```
    /// # use mlp::{Activation, Dataset, Mlp, Module, Mse, Sgd, Trainer};
    /// # use rand::{SeedableRng, rngs::StdRng};
    /// # let data = Dataset::new(autograd::Tensor::<f64>::ones([64, 2]), autograd::Tensor::ones([64, 1]))?;
    /// # let layers = Mlp::new(2).hidden(8, Activation::Relu).output(1, Activation::Identity);
    /// # let model: Mlp = layers.build(&mut StdRng::seed_from_u64(0))?;
    /// # let mut sgd = Sgd::new(&model.parameters(), 0.1);
    /// use std::{cell::RefCell, rc::Rc};
    ///
    /// /// The loss of each observed step.
    /// struct Losses(Rc<RefCell<Vec<f64>>>);
    ///
    /// impl mlp::Observer for Losses {
    ///     fn swept(&mut self, loss: f64) {
    ///         self.0.borrow_mut().push(loss);
    ///     }
    /// }
    ///
    /// let losses = Rc::default();
    /// let trainer = Trainer::new().epochs(3).batch_size(16).observe_steps(1, Losses(Rc::clone(&losses)));
    /// trainer.fit(&model, &Mse, &mut sgd, &data, None)?; // 4 steps per epoch
    /// assert_eq!(losses.borrow().len(), 12);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Panics
    /// If `every` is 0.
    #[must_use]
    #[track_caller]
    pub fn observe_steps(self, every: usize, observer: impl Observer + 'a) -> Self {
        assert!(every > 0, "trainer: observe_steps wants to look at every 0 steps; every step is 1");
        Trainer { steps: RefCell::new(Some((every, Box::new(observer)))), ..self }
    }
}
