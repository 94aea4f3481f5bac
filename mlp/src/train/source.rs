//! [`Source`]: the batches of each epoch, cut from a data set in memory or streamed.

use std::iter::Peekable;

use autograd::Float;

use super::progress::{MadeOf, Progress};
use super::ranks::{Facts, Ranks};
use super::step::{Cut, Objective, derive};
use super::{Trainer, start};
use crate::{Dataset, Error};

/// The batches of an epoch, in their order.
type Batches<'s, T> = Box<dyn Iterator<Item = Result<Dataset<T>, Error>> + 's>;

type Opened<'s, T> = Peekable<Batches<'s, T>>;

/// Where the batches come from.
pub(super) struct Source<'s, T: Float> {
    open: Box<dyn FnMut(usize) -> Result<Batches<'s, T>, Error> + 's>,
    /// The number of batches of a step, and whether to leave out a short last one.
    per_step: usize,
    drop_last: bool,
    /// The data set that the batches are cut from, and how; `None` for a stream.
    memory: Option<(&'s Dataset<T>, Cut)>,
    /// The epoch that was opened to look at its first batch.
    opened: Option<(usize, Opened<'s, T>)>,
}

impl<'s, T: Float> Source<'s, T> {
    /// The batches that `open` gives for the number of an epoch.
    pub(super) fn stream<I>(trainer: &Trainer<'_>, mut open: impl FnMut(usize) -> Result<I, Error> + 's) -> Self
    where
        I: IntoIterator<Item = Result<Dataset<T>, Error>>,
        I::IntoIter: 's,
    {
        let open = Box::new(move |epoch| Ok(Box::new(open(epoch)?.into_iter()) as Batches<'s, T>));
        Source { open, per_step: trainer.accumulate, drop_last: trainer.drop_last, memory: None, opened: None }
    }

    /// Batches of `data`, shuffled anew in each epoch.
    pub(super) fn memory(trainer: &Trainer<'_>, data: &'s Dataset<T>) -> Self {
        let (seed, cut) = (trainer.seed, trainer.cut(data.len()));
        let open = move |epoch| Ok(data.batches(cut.size, Some(derive(seed, epoch, 0)))?.map(Ok));
        Source { memory: Some((data, cut)), ..Source::stream(trainer, open) }
    }

    /// The whole data, if memory holds them.
    pub(super) fn whole(&self) -> Option<&'s Dataset<T>> {
        self.memory.map(|(data, _)| data)
    }

    /// The number of steps of an epoch, if it is known before.
    pub(super) fn steps_of_epoch(&self) -> Option<usize> {
        self.memory.map(|(_, cut)| cut.steps())
    }

    /// What the steps of an epoch are made of, after this number of its samples.
    pub(super) fn made_of(&self, passed: usize) -> MadeOf {
        match self.memory {
            Some((_, cut)) => MadeOf::Data(cut.samples()),
            None => MadeOf::Stream([passed, self.per_step]),
        }
    }

    /// The number of steps that come before those of a training which begins after `from`.
    ///
    /// `counted` says whether the learning rate depends on it.
    pub(super) fn steps_before(&self, from: &Progress, counted: bool) -> Result<usize, Error> {
        match (from.steps, self.steps_of_epoch()) {
            (Some(steps), _) => Ok(steps),
            (None, Some(steps)) => Ok(from.epochs.saturating_mul(steps).saturating_add(from.within)),
            (None, None) if from.epochs == 0 || !counted => Ok(from.within),
            (None, None) => start::invalid(
                "the checkpoint does not tell how many steps its epochs had, on which the learning rate depends, and a stream \
                 does not either; set `Progress::steps` where it is saved",
            ),
        }
    }

    /// `Ok` if model and loss take the data, as far as they can be seen before the first step; returns the first batch of
    /// an epoch.
    pub(super) fn check(&mut self, goal: Objective<'_, T>, epoch: usize) -> Result<Dataset<T>, Error> {
        if let Some((data, cut)) = self.memory {
            goal.check("data", data, true)?;
            goal.check_batches(data, cut)?;
            goal.check_weight("data", data)?;
        }
        let mut opened = (self.open)(epoch)?.peekable();
        let first = match opened.peek() {
            Some(Ok(first)) => first.clone(),
            Some(Err(_)) => return Err(opened.next().and_then(Result::err).expect("the error that was seen")),
            None => return Err(empty(epoch)),
        };
        if self.memory.is_none() {
            goal.check("first batch", &first, true)?;
            goal.check_batch("the first batch", first.len(), &first)?;
        }
        self.opened = Some((epoch, opened));
        Ok(first)
    }

    /// The batches of each step of an epoch.
    pub(super) fn steps<'g>(
        &mut self,
        goal: Objective<'g, T>,
        ranks: &'g Ranks<'g>,
        epoch: usize,
    ) -> Result<Steps<'g, 's, T>, Error> {
        let mut batches = match self.opened.take() {
            Some((opened, batches)) if opened == epoch => batches,
            _ => (self.open)(epoch)?.peekable(),
        };
        if batches.peek().is_none() {
            return Err(empty(epoch));
        }
        let checked = self.memory.is_none().then_some((goal, ranks));
        let (per_step, drop_last) = (self.per_step, self.drop_last);
        Ok(Steps { batches, per_step, drop_last, checked, full: None, epoch, passed: 0 })
    }
}

fn empty(epoch: usize) -> Error {
    Error::invalid("trainer", format!("the stream gives no batch for epoch {epoch}; open it anew for each epoch"))
}

/// The batches of each step of an epoch.
pub(super) struct Steps<'g, 's, T: Float> {
    batches: Opened<'s, T>,
    per_step: usize,
    drop_last: bool,
    /// Whose inputs each batch of a stream must be, and which ranks must have the same.
    checked: Option<(Objective<'g, T>, &'g Ranks<'g>)>,
    /// The number of samples of the first batch.
    full: Option<usize>,
    epoch: usize,
    /// The number of batches before the present step.
    passed: usize,
}

impl<T: Float> Steps<'_, '_, T> {
    /// The next batch that is not left out, of this number in its epoch.
    fn batch(&mut self, number: usize) -> Result<Option<Dataset<T>>, Error> {
        let Some(batch) = self.batches.next().transpose()? else { return Ok(None) };
        if let Some((goal, _)) = self.checked {
            goal.check_inputs("batch", batch.inputs())?;
        }
        let full = *self.full.get_or_insert(batch.len());
        let short = batch.len() < full && self.drop_last && self.batches.peek().is_none();
        if let Some((goal, _)) = self.checked.filter(|_| !short) {
            goal.check_batch(format_args!("batch {number} of epoch {}", self.epoch), batch.len(), &batch)?;
        }
        Ok(Some(batch).filter(|_| !short))
    }

    /// `Ok` if all ranks have these batches as the next step; none at the end of the epoch.
    fn check_alike(&self, step: &[Dataset<T>]) -> Result<(), Error> {
        let Some((_, ranks)) = self.checked.filter(|(_, ranks)| ranks.number() > 1) else { return Ok(()) };
        let mut facts = Facts::default();
        let place = |behind| format!("batch {} of epoch {}", self.passed + behind, self.epoch);
        facts.add(format!("number of batches from {} on that one step takes", place(1)), step.len());
        (1..).zip(step).for_each(|(behind, batch)| facts.add_batch(&place(behind), batch));
        facts.check(ranks)
    }
}

impl<T: Float> Iterator for Steps<'_, '_, T> {
    type Item = Result<Vec<Dataset<T>>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut step = Vec::new();
        while step.len() < self.per_step {
            match self.batch(self.passed + step.len() + 1) {
                Ok(Some(batch)) => step.push(batch),
                Ok(None) => break,
                Err(error) => return Some(Err(error)),
            }
        }
        let alike = self.check_alike(&step);
        self.passed += step.len();
        match alike {
            Ok(()) if step.is_empty() => None,
            Ok(()) => Some(Ok(step)),
            Err(error) => Some(Err(error)),
        }
    }
}
