//! [`Callbacks`]: all callbacks of a training as one.

use std::collections::HashMap;
use std::ops::ControlFlow;

use autograd::Tensor;
use indexmap::IndexMap;

use super::callback::{Callback, Learner, Start, Step};
use super::history::{Epoch, History, Stopped};
use super::metric::fault;
use crate::error::{Error, Result, list, shown};

/// All callbacks of a training.
pub(super) struct Callbacks<'c> {
    all: Vec<&'c mut (dyn Callback + 'c)>,
    /// Whether the state of each was restored.
    restored: Vec<bool>,
    /// Whether to pass over the states of callbacks that are not here.
    lenient: bool,
}

impl<'c> Callbacks<'c> {
    pub(super) fn new(all: Vec<&'c mut (dyn Callback + 'c)>, lenient: bool) -> Self {
        let restored = vec![false; all.len()];
        Callbacks { all, restored, lenient }
    }

    /// Those of a rank: all of them on the first, which writes and shows for all.
    pub(super) fn on_rank(self, first: bool, silent: &'c mut Vec<Silent>) -> Self {
        if first {
            return self;
        }
        let left_out = self.all.iter().filter(|callback| callback.on_first_rank_only());
        *silent = left_out.map(|callback| Silent(callback.name())).collect();
        let mut silent = silent.iter_mut();
        let all = self.all.into_iter().map(|callback| match callback.on_first_rank_only() {
            true => silent.next().expect("one for each") as &mut dyn Callback,
            false => callback,
        });
        Callbacks { all: all.collect(), ..self }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn begun(&mut self, start: Start, learner: &mut Learner<'_>) -> Result<ControlFlow<Stopped>> {
        let starts = self.restored.iter().map(|&restored| Start { restored, ..start });
        first(self.all.iter_mut().zip(starts).map(|(callback, start)| callback.begun(&start, learner)))
    }

    pub(super) fn epoch_begun(&mut self, epoch: usize, learner: &mut Learner<'_>) -> Result<()> {
        self.all.iter_mut().try_for_each(|callback| callback.epoch_begun(epoch, learner))
    }

    pub(super) fn step_ended(&mut self, step: &Step, learner: &mut Learner<'_>) -> Result<ControlFlow<Stopped>> {
        first(self.all.iter_mut().map(|callback| callback.step_ended(step, learner)))
    }

    pub(super) fn evaluate(&mut self, learner: &mut Learner<'_>) -> Result<()> {
        self.all.iter_mut().try_for_each(|callback| callback.evaluate(learner))
    }

    pub(super) fn train(&mut self, learner: &mut Learner<'_>) -> Result<()> {
        self.all.iter_mut().rev().try_for_each(|callback| callback.train(learner))
    }

    /// Adds the metrics of all to an epoch.
    pub(super) fn add_metrics(&mut self, epoch: &mut Epoch, learner: &mut Learner<'_>) -> Result<()> {
        for callback in &mut self.all {
            for (name, value) in callback.metrics(epoch, learner)? {
                let refused = |why| {
                    let problem = format!("the callback `{}` measures a metric: {why}", callback.name());
                    Err(Error::invalid("trainer", problem))
                };
                if let Some(why) = fault(&name, epoch.metrics.contains_key(&name)) {
                    return refused(why);
                }
                if !value.is_finite() {
                    return refused(format!("`{name}` is {}, which logs do not hold; leave it out", shown(value)));
                }
                epoch.metrics.insert(name, value);
            }
        }
        Ok(())
    }

    pub(super) fn epoch_ended(&mut self, epoch: &Epoch, learner: &mut Learner<'_>) -> Result<ControlFlow<Stopped>> {
        first(self.all.iter_mut().map(|callback| callback.epoch_ended(epoch, learner)))
    }

    pub(super) fn ended(&mut self, history: &History, learner: &mut Learner<'_>) -> Result<()> {
        self.all.iter_mut().try_for_each(|callback| callback.ended(history, learner))
    }

    /// The states of all, each name with that of its callback before it.
    pub(super) fn state(&self) -> IndexMap<String, Tensor> {
        let all: Vec<&dyn Callback> = self.all.iter().map(|callback| &**callback as &dyn Callback).collect();
        state(&all)
    }

    /// Restores the states that are there; if one does not fit, nothing changes. Callbacks without one begin anew.
    pub(super) fn set_state(&mut self, state: &IndexMap<String, Tensor>) -> Result<()> {
        let keys = keys(self.all.iter().map(|callback| callback.name()));
        let mut parts = vec![IndexMap::new(); keys.len()];
        for (name, array) in state {
            let own = |(at, key): (usize, &String)| Some((at, name.strip_prefix(key.as_str())?.strip_prefix('.')?));
            let Some((at, rest)) = keys.iter().enumerate().find_map(own) else {
                if self.lenient {
                    continue;
                }
                let keys = list(&keys);
                return Err(Error::invalid(
                    "trainer",
                    format!(
                        "the checkpoint holds `{name}` of a callback that the trainer does not have; it has {keys}"
                    ),
                ));
            };
            parts[at].insert(rest.to_string(), array.clone());
        }
        let before: Vec<_> = self.all.iter().map(|callback| callback.state()).collect();
        for (at, part) in parts.iter().enumerate().filter(|(_, part)| !part.is_empty()) {
            if let Err(error) = self.all[at].set_state(part) {
                for (callback, before) in self.all.iter_mut().zip(&before).take(at) {
                    callback.set_state(before)?;
                }
                return Err(error);
            }
        }
        self.restored = parts.iter().map(|part| !part.is_empty()).collect();
        Ok(())
    }
}

/// In the place of a callback that runs on the first rank only, so that the others stay in their order.
pub(super) struct Silent(String);

impl Callback for Silent {
    fn name(&self) -> String {
        self.0.clone()
    }

    fn set_state(&mut self, _: &IndexMap<String, Tensor>) -> Result<()> {
        Ok(())
    }
}

/// The states of callbacks, each name with that of its callback before it.
pub(super) fn state(all: &[&dyn Callback]) -> IndexMap<String, Tensor> {
    let states = keys(all.iter().map(|callback| callback.name())).into_iter().zip(all);
    let states = states.map(|(key, callback)| (key, callback.state()));
    states.flat_map(|(key, state)| state.into_iter().map(move |(name, x)| (format!("{key}.{name}"), x))).collect()
}

/// The names, those that occur again with their number behind them.
fn keys(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut found: HashMap<String, usize> = HashMap::new();
    names
        .map(|name| {
            let count = found.entry(name.clone()).or_default();
            *count += 1;
            if *count == 1 { name } else { format!("{name}#{count}") }
        })
        .collect()
}

/// The first reason to stop, after all were asked.
fn first(answers: impl Iterator<Item = Result<ControlFlow<Stopped>>>) -> Result<ControlFlow<Stopped>> {
    let mut found = ControlFlow::Continue(());
    for answer in answers {
        let answer = answer?;
        if found.is_continue() {
            found = answer;
        }
    }
    Ok(found)
}
