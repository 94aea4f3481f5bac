//! [`JsonLines`]: each epoch as a line of JSON, as the training runs.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::callback::{Callback, Learner, Start};
use super::history::{Epoch, Stopped};
use crate::error::{Error, Result};
use crate::io;

/// Appends each epoch to a file as a line of JSON, flushed at once; other programs can read it as it grows.
///
/// A training that begins anew replaces the file. A resumed one keeps the lines of the completed epochs and drops those
/// behind them, so that none occurs twice, and a line that a killed process left unfinished.
///
/// ```
/// use autograd::{Param, Tensor};
/// use mlp::train::{JsonLines, load_json_lines};
/// use mlp::{Dataset, Linear, Module, Mse, Sgd, Trainer};
/// let model = Linear { w: Param::new([[2.0]]), b: None };
/// let data = Dataset::new(Tensor::from([[1.0]]), Tensor::from([[0.0]]))?;
/// let mut sgd = Sgd::new(&model.parameters(), 0.25);
/// let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("log.jsonl");
/// let history = Trainer::new().epochs(2).callback(JsonLines::new(&path)).fit(&model, &Mse, &mut sgd, &data, None)?;
/// let text = std::fs::read_to_string(&path).unwrap();
/// assert_eq!(text.lines().next(), Some(r#"{"epoch":1,"loss":4.0,"learning_rate":0.25}"#));
/// assert_eq!(load_json_lines(&path)?, history.epochs);
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug)]
pub struct JsonLines {
    path: PathBuf,
    file: Option<File>,
}

impl JsonLines {
    /// Writes to `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        JsonLines { path: path.into(), file: None }
    }

    /// The file, opened for more lines.
    fn open(&mut self) -> Result<&mut File> {
        if self.file.is_none() {
            let file = OpenOptions::new().create(true).append(true).open(&self.path).map_err(Error::io(&self.path))?;
            self.file = Some(file);
        }
        Ok(self.file.as_mut().expect("opened"))
    }
}

impl Callback for JsonLines {
    fn on_first_rank_only(&self) -> bool {
        true
    }

    fn begun(&mut self, start: &Start, _: &mut Learner<'_>) -> Result<ControlFlow<Stopped>> {
        let kept = match start.done {
            0 => Vec::new(),
            done => {
                let text = match fs::read_to_string(&self.path) {
                    Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
                    read => read.map_err(Error::io(&self.path))?,
                };
                let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
                let epochs = parse(&self.path, whole)?;
                epochs
                    .into_iter()
                    .zip(whole.lines())
                    .filter(|(epoch, _)| epoch.epoch <= done)
                    .map(|row| row.1.to_string())
                    .collect()
            }
        };
        self.file = None; // of a training before
        io::write_text(&self.path, &kept.iter().map(|line| format!("{line}\n")).collect::<String>())?;
        Ok(ControlFlow::Continue(()))
    }

    fn epoch_ended(&mut self, epoch: &Epoch, _: &mut Learner<'_>) -> Result<ControlFlow<Stopped>> {
        let line = serde_json::to_string(epoch).expect("numbers and text") + "\n";
        let path = self.path.clone();
        let file = self.open()?;
        file.write_all(line.as_bytes()).map_err(Error::io(&path))?;
        Ok(ControlFlow::Continue(()))
    }
}

/// Reads the epochs of a file of [`JsonLines`]; a last line without its end, which is being written, is left out.
///
/// # Errors
/// [`Error::Io`] if the file cannot be read, [`Error::Csv`] if a line is not one of an epoch.
pub fn load_json_lines(path: impl AsRef<Path>) -> Result<Vec<Epoch>> {
    let path = path.as_ref();
    let text = fs::read_to_string(path).map_err(Error::io(path))?;
    parse(path, text.rfind('\n').map_or("", |end| &text[..=end]))
}

fn parse(path: &Path, text: &str) -> Result<Vec<Epoch>> {
    let read = |(at, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|error| Error::Csv {
            file: path.display().to_string(),
            line: at as u64 + 1,
            problem: format!("not an epoch in JSON ({error}); delete the line, or write to another file"),
        })
    };
    text.lines().enumerate().map(read).collect()
}
