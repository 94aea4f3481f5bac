//! [`Progress`]: the progress of a training, stored as text in its checkpoint.

use std::collections::HashMap;

use super::history::{Epoch, Stopped};

/// The progress of a saved training, as read by [`progress`](super::progress).
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// The number of completed epochs.
    pub epochs: usize,
    /// The reason why the training ended; `None` if it had not ended.
    pub stopped: Option<Stopped>,
    /// The results of the last epoch; `None` in a checkpoint of [`save_training`](super::save_training), which does not
    /// know them.
    pub last: Option<Epoch>,
}

/// More epochs than any training has. A larger number is a sign of damage, and would overflow the step count.
const MOST: usize = 1_000_000_000;

/// The key of the number of epochs; a file without it is not a checkpoint.
const EPOCHS: &str = "epochs";
const STOPPED: &str = "stopped";
const LOSS: &str = "loss";
const ACCURACY: &str = "accuracy";
const VALIDATION_LOSS: &str = "validation_loss";
const VALIDATION_ACCURACY: &str = "validation_accuracy";

/// The stored names of the reasons.
const REASONS: [(&str, Stopped); 3] =
    [("epochs", Stopped::Epochs), ("tolerance", Stopped::Tolerance), ("observer", Stopped::Observer)];

impl Progress {
    pub(super) fn new(epochs: usize) -> Self {
        Progress { epochs, stopped: None, last: None }
    }

    /// The progress as text entries, unless there are too many epochs.
    pub(super) fn words(&self) -> Result<HashMap<String, String>, String> {
        if self.epochs > MOST {
            return Err(format!("{} epochs are more than {MOST}, the most that a training can have", self.epochs));
        }
        let reason =
            self.stopped.and_then(|reason| REASONS.iter().find(|row| row.1 == reason)).map(|row| row.0.to_string());
        let number = |x: f64| format!("{x:?}"); // the shortest text that parses back to the same number
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

    /// The inverse of [`words`](Progress::words); `None` if the entries are not from a checkpoint.
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
            // Exactly as written: no sign and no leading zeros, so at most as many digits as the largest number has.
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
