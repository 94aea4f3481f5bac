//! [`Progress`]: how far a training has come, as words in its file.

use std::collections::HashMap;

use super::history::{Epoch, Stopped};

/// How far a training has come: see [`progress`](super::progress).
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// How many epochs are done.
    pub epochs: usize,
    /// Why it ended; `None` if it was to go on.
    pub stopped: Option<Stopped>,
    /// What the last epoch came to; `None` if it was saved by [`save_training`](super::save_training), which is not told.
    pub last: Option<Epoch>,
}

/// More epochs than any training has: a larger number is damage, and would overflow the count of steps.
const MOST: usize = 1_000_000_000;

/// What the number of epochs is stored as; without it a file is no training.
const EPOCHS: &str = "epochs";
const STOPPED: &str = "stopped";
const LOSS: &str = "loss";
const ACCURACY: &str = "accuracy";
const VALIDATION_LOSS: &str = "validation_loss";
const VALIDATION_ACCURACY: &str = "validation_accuracy";

/// The names of the reasons.
const REASONS: [(&str, Stopped); 3] =
    [("epochs", Stopped::Epochs), ("tolerance", Stopped::Tolerance), ("observer", Stopped::Observer)];

impl Progress {
    pub(super) fn new(epochs: usize) -> Self {
        Progress { epochs, stopped: None, last: None }
    }

    /// As words, if there are not too many epochs.
    pub(super) fn words(&self) -> Result<HashMap<String, String>, String> {
        if self.epochs > MOST {
            return Err(format!("{} epochs are more than {MOST}, the most that a training can have", self.epochs));
        }
        let reason =
            self.stopped.and_then(|reason| REASONS.iter().find(|row| row.1 == reason)).map(|row| row.0.to_string());
        let number = |x: f64| format!("{x:?}"); // as many digits as tell it from others
        let last = |of: fn(&Epoch) -> Option<f64>| self.last.as_ref().and_then(of).map(number);
        let words = [
            (EPOCHS, Some(self.epochs.to_string())),
            (STOPPED, reason),
            (LOSS, last(|epoch| Some(epoch.loss))),
            (ACCURACY, last(|epoch| epoch.accuracy)),
            (VALIDATION_LOSS, last(|epoch| epoch.validation_loss)),
            (VALIDATION_ACCURACY, last(|epoch| epoch.validation_accuracy)),
        ];
        Ok(words.into_iter().filter_map(|(name, word)| Some((name.to_string(), word?))).collect())
    }

    /// The inverse of [`words`](Progress::words); `None` if they are those of no training.
    pub(super) fn read(words: &HashMap<String, String>) -> Option<Result<Self, String>> {
        let epochs = words.get(EPOCHS)?;
        let damaged = |name: &str, word: &str| {
            let start: String = word.chars().take(24).collect();
            let more = if start.len() < word.len() { "…" } else { "" };
            format!("it is damaged: `{name}` is `{start}{more}`; resume from an earlier file")
        };
        let number = |name: &'static str| match words.get(name) {
            Some(word) => {
                let number = word.parse().ok().filter(|x: &f64| x.is_finite());
                number.map(Some).ok_or_else(|| damaged(name, word))
            }
            None => Ok(None),
        };
        let read = || {
            // As it was written: no sign, no zeros in front, and so no more digits than those of the largest.
            let count = epochs.parse().ok().filter(|n: &usize| *n <= MOST && n.to_string() == *epochs);
            let count = count.ok_or_else(|| damaged(EPOCHS, epochs))?;
            let stopped = match words.get(STOPPED) {
                Some(word) => {
                    let reason = REASONS.iter().find(|row| row.0 == word).map(|row| row.1);
                    Some(reason.ok_or_else(|| damaged(STOPPED, word))?)
                }
                None => None,
            };
            let (accuracy, validation_accuracy) = (number(ACCURACY)?, number(VALIDATION_ACCURACY)?);
            let validation_loss = number(VALIDATION_LOSS)?;
            let last = number(LOSS)?;
            let last = last.map(|loss| Epoch { epoch: count, loss, accuracy, validation_loss, validation_accuracy });
            Ok(Progress { epochs: count, stopped, last })
        };
        Some(read())
    }
}
