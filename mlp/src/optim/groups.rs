//! [`Groups`]: several optimisers as one.

use std::collections::HashSet;
use std::fmt;

use autograd::{Float, Gradients, Param, Parameters, Tensor};
use indexmap::IndexMap;

use super::Optimizer;
use super::memory::misfit;
use crate::error::Error;

/// Several optimisers as one, each for its own group of parameters.
///
/// Groups differ in settings, such as learning rate or weight decay, or in the method.
///
/// ```
/// use autograd::{Param, Parameters, Tape};
/// use mlp::{Adam, Groups, Optimizer, Sgd};
/// let (w, b) = (Param::new([4.0]), Param::new([1.0]));
/// let (weights, biases) = (Parameters::new().with("w", &w), Parameters::new().with("b", &b));
/// let mut groups: Groups = Groups::new().with(Sgd::new(&weights, 0.25)).with(Sgd::new(&biases, 0.5));
/// let tape = Tape::new();
/// groups.step(&(w.on(&tape) + &b).sum().backward());
/// assert_eq!((w.value().item(), b.value().item()), (3.75, 0.5));
/// groups.set_learning_rate(0.025); // a tenth, and so in each group
/// assert_eq!(groups.learning_rates(), [0.025, 0.05]);
/// ```
pub struct Groups<T: Float = f64> {
    optimizers: Vec<Box<dyn Optimizer<T>>>,
    /// The learning rates at the start, whose ratios are kept.
    rates: Vec<f64>,
}

impl<T: Float> Groups<T> {
    /// No groups yet.
    pub fn new() -> Self {
        Groups { optimizers: vec![], rates: vec![] }
    }

    /// Adds a group: an optimiser with its parameters.
    ///
    /// # Panics
    /// If one of its parameters belongs to an earlier group: it would be updated twice.
    #[must_use]
    #[track_caller]
    #[expect(clippy::mutable_key_type, reason = "a parameter's hash is that of its identity")]
    pub fn with(mut self, optimizer: impl Optimizer<T> + 'static) -> Self {
        let known: Vec<_> = self.optimizers.iter().filter_map(|known| known.parameters()).collect();
        let known: HashSet<&Param<T>> = known.iter().flat_map(|known| known.params()).collect();
        if let Some(new) = optimizer.parameters()
            && let Some((name, _)) = new.iter().find(|(_, param)| known.contains(param))
        {
            panic!("groups: `{name}` belongs to an earlier group; a parameter can be in one group only");
        }
        self.rates.push(optimizer.learning_rate());
        self.optimizers.push(Box::new(optimizer));
        self
    }

    /// The learning rate of each group.
    pub fn learning_rates(&self) -> Vec<f64> {
        self.optimizers.iter().map(|optimizer| optimizer.learning_rate()).collect()
    }
}

impl<T: Float> Default for Groups<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Float> Optimizer<T> for Groups<T> {
    fn step(&mut self, grads: &Gradients<'_, T>) {
        self.optimizers.iter_mut().for_each(|optimizer| optimizer.step(grads));
    }

    /// The learning rate of the first group; 0 without groups.
    fn learning_rate(&self) -> f64 {
        self.optimizers.first().map_or(0.0, |first| first.learning_rate())
    }

    /// Sets the learning rate of the first group to `rate`, and those of the others so that their ratios to it stay as at the start.
    ///
    /// # Panics
    /// If the first group started with the learning rate 0, to which nothing has a ratio.
    #[track_caller]
    fn set_learning_rate(&mut self, rate: f64) {
        let first = self.rates.first().copied().unwrap_or(1.0);
        assert!(first > 0.0, "groups: the first group started with the learning rate 0; put another group first");
        for (optimizer, start) in self.optimizers.iter_mut().zip(&self.rates) {
            optimizer.set_learning_rate(if *start == first { rate } else { start * (rate / first) });
        }
    }

    fn evaluate(&mut self) {
        self.optimizers.iter_mut().for_each(|optimizer| optimizer.evaluate());
    }

    fn train(&mut self) {
        self.optimizers.iter_mut().for_each(|optimizer| optimizer.train());
    }

    /// The parameters of all groups, if every group knows its own. A name that is taken has the number of the group before it.
    fn parameters(&self) -> Option<Parameters<T>> {
        self.optimizers.iter().enumerate().try_fold(Parameters::new(), |all, (group, optimizer)| {
            let own = optimizer.parameters()?;
            Some(own.iter().fold(all, |all, (name, param)| match all.get(name) {
                None => all.with(name, param),
                Some(_) => all.with(format!("{group}.{name}"), param),
            }))
        })
    }

    /// The states of all groups, each name with the number of its group before it, such as `1.w.velocity`.
    fn state(&self) -> IndexMap<String, Tensor<T>> {
        let states = self.optimizers.iter().map(|optimizer| optimizer.state()).enumerate();
        states
            .flat_map(|(group, state)| state.into_iter().map(move |(name, x)| (format!("{group}.{name}"), x)))
            .collect()
    }

    fn set_state(&mut self, state: &IndexMap<String, Tensor<T>>) -> Result<(), Error> {
        let mut parts = vec![IndexMap::new(); self.optimizers.len()];
        for (name, array) in state {
            let own = name.split_once('.').and_then(|(group, rest)| Some((group.parse::<usize>().ok()?, rest)));
            let Some((part, rest)) = own.and_then(|(group, rest)| Some((parts.get_mut(group)?, rest))) else {
                return Err(misfit(
                    "optimizer",
                    format!("`{name}` in the state belongs to none of {} groups", self.optimizers.len()),
                ));
            };
            part.insert(rest.to_string(), array.clone());
        }
        let before: Vec<_> = self.optimizers.iter().map(|optimizer| optimizer.state()).collect();
        for (at, part) in parts.iter().enumerate() {
            if let Err(error) = self.optimizers[at].set_state(part) {
                // Nothing changes: the earlier groups take their own states back.
                for (optimizer, before) in self.optimizers.iter_mut().zip(&before).take(at) {
                    optimizer.set_state(before)?;
                }
                return Err(error);
            }
        }
        Ok(())
    }
}

impl<T: Float> fmt::Debug for Groups<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Groups").field("learning_rates", &self.learning_rates()).finish_non_exhaustive()
    }
}
