//! [`Progress`]: the progress of a training, stored as text in its checkpoint.

use std::collections::HashMap;

use indexmap::IndexMap;

use super::history::{Epoch, Stopped};
use super::sums::EpochSums;
use crate::Error;

/// The progress of a saved training, as read by [`progress`](super::progress).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// The number of completed epochs.
    pub epochs: usize,
    /// The number of steps taken in the epoch that comes next.
    pub within: usize,
    /// The reason why the training ended; `None` if it had not ended.
    pub stopped: Option<Stopped>,
    /// The results of the last epoch; `None` in a checkpoint of [`save_training`](super::save_training), which does not
    /// know them.
    pub last: Option<Epoch>,
    /// The number of [parts](crate::Trainer::parts) of each batch, if a trainer wrote it.
    pub parts: Option<usize>,
    /// The number of steps of the whole training so far, if it is known; a trainer writes it.
    pub steps: Option<usize>,
    /// What the steps of the present epoch are made of, if a trainer wrote it within an epoch.
    pub(super) made_of: Option<MadeOf>,
    /// What the steps of the present epoch come to.
    pub(super) sums: EpochSums,
}

/// What the steps of an epoch are made of: it is continued with the same.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum MadeOf {
    /// Of a data set: the number of samples of the epoch, and of a step.
    Data([usize; 2]),
    /// Of a stream: the number of samples so far, and of batches of a step.
    Stream([usize; 2]),
}

impl MadeOf {
    /// The names and values in a checkpoint.
    fn words(self) -> [(&'static str, usize); 2] {
        match self {
            MadeOf::Data([epoch, step]) => [(EPOCH_SAMPLES, epoch), (STEP_SAMPLES, step)],
            MadeOf::Stream([passed, batches]) => [(PASSED_SAMPLES, passed), (STEP_BATCHES, batches)],
        }
    }
}

/// More epochs than any training has. A larger number is a sign of damage, and would overflow the step count.
const MOST: usize = 1_000_000_000;

/// The key of the number of epochs; a file without it is not a checkpoint.
const EPOCHS: &str = "epochs";
const WITHIN: &str = "within";
const PARTS: &str = "parts";
const EPOCH_SAMPLES: &str = "epoch_samples";
const STEP_SAMPLES: &str = "step_samples";
const PASSED_SAMPLES: &str = "passed_samples";
const STEP_BATCHES: &str = "step_batches";
const STEPS: &str = "steps";
const STOPPED: &str = "stopped";
const LOSS: &str = "loss";
const ACCURACY: &str = "accuracy";
const VALIDATION_LOSS: &str = "validation_loss";
const VALIDATION_ACCURACY: &str = "validation_accuracy";
const LEARNING_RATE: &str = "learning_rate";
/// Before the name of a metric.
const METRIC: &str = "metric.";

/// The stored names of the reasons.
const REASONS: [(&str, Stopped); 5] = [
    ("epochs", Stopped::Epochs),
    ("tolerance", Stopped::Tolerance),
    ("observer", Stopped::Observer),
    ("no_improvement", Stopped::NoImprovement),
    ("interrupted", Stopped::Interrupted),
];

impl Progress {
    /// The progress of a loop of one's own, after this number of epochs; [`within`](Progress::within) may be set.
    pub fn new(epochs: usize) -> Self {
        Progress {
            epochs,
            within: 0,
            stopped: None,
            last: None,
            parts: None,
            steps: None,
            made_of: None,
            sums: EpochSums::default(),
        }
    }

    /// `Ok` if the steps of a stream before this progress hold as many samples as when it was saved.
    pub(super) fn check_passed(&self, samples: usize) -> Result<(), Error> {
        match self.made_of {
            Some(MadeOf::Stream([saved, _])) if saved != samples => {
                let (within, epoch) = (self.within, self.epochs + 1);
                let why = format!(
                    "the {within} steps of epoch {epoch} before the checkpoint held {saved} samples of the stream, and now {samples}; \
                     a stream must give the same batches whenever an epoch is opened"
                );
                Err(Error::invalid("trainer", why))
            }
            _ => Ok(()),
        }
    }

    /// The progress as text entries, unless there are too many epochs.
    pub(super) fn words(&self) -> Result<HashMap<String, String>, String> {
        for (number, what) in [(self.epochs, "epochs"), (self.within, "steps within an epoch")] {
            if number > MOST {
                return Err(format!("{number} {what} are more than {MOST}, the most that a training can have"));
            }
        }
        let reason =
            self.stopped.and_then(|reason| REASONS.iter().find(|row| row.1 == reason)).map(|row| row.0.to_string());
        let number = |x: f64| format!("{x:?}"); // the shortest text that parses back to the same number
        let last = |of: fn(&Epoch) -> Option<f64>| self.last.as_ref().and_then(of).map(number);
        let words = [
            (EPOCHS, Some(self.epochs.to_string())),
            (WITHIN, (self.within > 0).then(|| self.within.to_string())),
            (PARTS, self.parts.map(|parts| parts.to_string())),
            (STEPS, self.steps.map(|steps| steps.to_string())),
            (STOPPED, reason),
            (LOSS, last(|epoch| Some(epoch.loss))),
            (ACCURACY, last(|epoch| epoch.accuracy)),
            (VALIDATION_LOSS, last(|epoch| epoch.validation_loss)),
            (VALIDATION_ACCURACY, last(|epoch| epoch.validation_accuracy)),
            (LEARNING_RATE, last(|epoch| epoch.learning_rate)),
        ];
        let words = words.into_iter().filter_map(|(name, word)| Some((name.to_string(), word?)));
        let made_of = self.made_of.filter(|_| self.within > 0).into_iter().flat_map(MadeOf::words);
        let words = words.chain(made_of.map(|(name, count)| (name.to_string(), count.to_string())));
        let metrics = self.last.iter().flat_map(|epoch| &epoch.metrics);
        let metrics = metrics.enumerate().map(|(at, (name, x))| (format!("{METRIC}{at:03}.{name}"), number(*x)));
        let sums = if self.within > 0 { self.sums.words() } else { Vec::new() };
        Ok(words.chain(metrics).chain(sums).collect())
    }

    /// The inverse of [`words`](Progress::words); `None` if the entries are not from a checkpoint.
    pub(super) fn read(words: &HashMap<String, String>) -> Option<Result<Self, String>> {
        let epochs = words.get(EPOCHS)?;
        Some(Self::parse(epochs, words))
    }

    fn parse(epochs: &str, words: &HashMap<String, String>) -> Result<Self, String> {
        let damaged = |name: &str, word: &str| {
            let start: String = word.chars().take(24).collect();
            let more = if start.len() < word.len() { "…" } else { "" };
            format!("it is damaged: `{name}` is `{start}{more}`; resume from an earlier file")
        };
        let finite = |name: &str, word: &String| {
            word.parse().ok().filter(|x: &f64| x.is_finite()).ok_or_else(|| damaged(name, word))
        };
        let number = |name: &'static str| words.get(name).map(|word| finite(name, word)).transpose();
        // Exactly as written: no sign and no leading zeros, so at most as many digits as the largest number has.
        let count = |name: &str, word: &str| {
            let count = word.parse().ok().filter(|n: &usize| *n <= MOST && n.to_string() == *word);
            count.ok_or_else(|| damaged(name, word))
        };
        let optional = |name: &'static str| words.get(name).map(|word| count(name, word)).transpose();
        let epochs = count(EPOCHS, epochs)?;
        let stopped = match words.get(STOPPED) {
            Some(word) => {
                let reason = REASONS.iter().find(|row| row.0 == word).map(|row| row.1);
                Some(reason.ok_or_else(|| damaged(STOPPED, word))?)
            }
            None => None,
        };
        let mut named: Vec<_> = words.iter().filter(|(name, _)| name.starts_with(METRIC)).collect();
        named.sort_unstable();
        let mut metrics = IndexMap::new();
        for (name, word) in named {
            // Its place, which keeps the order, stands before the name.
            let (_, metric) = name[METRIC.len()..].split_once('.').ok_or_else(|| damaged(name, word))?;
            metrics.insert(metric.to_string(), finite(name, word)?);
        }
        let (accuracy, validation_accuracy) = (number(ACCURACY)?, number(VALIDATION_ACCURACY)?);
        let (validation_loss, learning_rate) = (number(VALIDATION_LOSS)?, number(LEARNING_RATE)?);
        let values = |loss| Epoch {
            epoch: epochs,
            loss,
            accuracy,
            validation_loss,
            validation_accuracy,
            learning_rate,
            metrics,
        };
        let (within, parts) = (optional(WITHIN)?.unwrap_or(0), optional(PARTS)?);
        if parts == Some(0) {
            return Err(damaged(PARTS, "0"));
        }
        let pair = |one, other| Ok::<_, String>(optional(one)?.zip(optional(other)?).map(|(one, other)| [one, other]));
        let data = pair(EPOCH_SAMPLES, STEP_SAMPLES)?.map(MadeOf::Data);
        let made_of = data.or(pair(PASSED_SAMPLES, STEP_BATCHES)?.map(MadeOf::Stream));
        let sums = EpochSums::read(words.iter()).map_err(|name| damaged(name, &words[name]))?;
        let (last, steps) = (number(LOSS)?.map(values), optional(STEPS)?);
        Ok(Progress { epochs, within, stopped, last, parts, steps, made_of, sums })
    }
}
