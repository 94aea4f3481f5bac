//! [`FlowLog`]: flows of a training as a table and as curves.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use super::report::largest;
use super::{Flow, LayerFlow, Stats, WeightFlow};
use crate::error::{Error, Result};
use crate::io;
use crate::train::TensorBoard;

/// Writes flows of a training to a CSV file, as scalars for TensorBoard, or both.
///
/// The table has a row for each layer of each step, with the columns of [`FlowLog::COLUMNS`] behind `step`, `layer`, `name`
/// and `kind`; what is unknown or not finite is an empty cell. Parameters that belong to no layer have rows with an empty
/// `layer`. The curves are called `output_rms/0 layers.0 tanh` and so on, so that TensorBoard shows all layers together.
///
/// The first step that is written replaces what the files have from this step on. So a training that begins anew replaces
/// the table, and a resumed one continues it. Every step is written at once.
///
/// ```
/// # use mlp::{Activation, Dataset, Mlp, Module, Mse, Sgd, Trainer};
/// # use rand::{SeedableRng, rngs::StdRng};
/// # let data = Dataset::new(autograd::Tensor::<f64>::ones([64, 2]), autograd::Tensor::ones([64, 1]))?;
/// # let layers = Mlp::new(2).hidden(8, Activation::Relu).output(1, Activation::Identity);
/// # let model: Mlp = layers.build(&mut StdRng::seed_from_u64(0))?;
/// # let mut sgd = Sgd::new(&model.parameters(), 0.1);
/// # let folder = tempfile::tempdir().unwrap();
/// use mlp::flow::FlowLog;
/// let path = folder.path().join("flow.csv");
/// let mut log = FlowLog::new().csv(&path).tensorboard(folder.path().join("flow"));
/// let trainer = Trainer::new().epochs(3).batch_size(16).observe_flow(10, |step, flow| log.record(step, flow));
/// trainer.fit(&model, &Mse, &mut sgd, &data, None)?; // 4 steps per epoch
/// drop(trainer);
/// log.finish()?;
/// let table = std::fs::read_to_string(&path).unwrap();
/// assert!(table.starts_with("step,layer,name,kind,output_rms,"));
/// assert_eq!(table.lines().count(), 1 + 2 * 2); // steps 1 and 11, two layers
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct FlowLog {
    csv: Option<Csv>,
    board: Option<TensorBoard>,
    failed: Option<Error>,
}

#[derive(Debug)]
struct Csv {
    path: PathBuf,
    file: Option<File>,
}

impl FlowLog {
    /// The quantities, in the order of the columns.
    ///
    /// They are, of outputs and of their gradients, the root mean square or the norm and the quantiles at 5, 25, 50, 75 and
    /// 95 %; the shares of dead units and saturated values and the [scale](LayerFlow::scale); of the layer's largest
    /// parameter, its norm, that of its gradient, and the relative update.
    pub const COLUMNS: [&str; 18] = [
        "output_rms",
        "output_q05",
        "output_q25",
        "output_q50",
        "output_q75",
        "output_q95",
        "dead",
        "saturated",
        "gradient_norm",
        "gradient_q05",
        "gradient_q25",
        "gradient_q50",
        "gradient_q75",
        "gradient_q95",
        "scale",
        "weight_norm",
        "weight_gradient_norm",
        "update",
    ];

    /// A log that writes nothing, until a file or a folder is given.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes a table to `path`.
    #[must_use]
    pub fn csv(self, path: impl Into<PathBuf>) -> Self {
        FlowLog { csv: Some(Csv { path: path.into(), file: None }), ..self }
    }

    /// Writes scalars for TensorBoard to `folder`, which is made if it is missing.
    ///
    /// Their steps are those of the training. Give it another folder than that of a log by epochs.
    #[must_use]
    pub fn tensorboard(self, folder: impl Into<PathBuf>) -> Self {
        FlowLog { board: Some(TensorBoard::new(folder)), ..self }
    }

    /// Writes the flow of a step.
    ///
    /// # Errors
    /// [`Error::Io`] if a file cannot be written, [`Error::Csv`] if the table there is none of this kind; it is kept.
    pub fn write(&mut self, step: usize, flow: &Flow) -> Result<()> {
        if let Some(csv) = &mut self.csv {
            csv.write(step, flow)?;
        }
        if let Some(board) = &mut self.board {
            let all: Vec<_> = flow.rows().flat_map(|row| row.scalars()).collect();
            board.scalars(step, all.iter().map(|(name, value)| (name.as_str(), *value)))?;
        }
        Ok(())
    }

    /// Writes the flow of a step where no error can be returned, as in [`observe_flow`](crate::Trainer::observe_flow);
    /// [`finish`](FlowLog::finish) returns the first. Nothing is written after it.
    pub fn record(&mut self, step: usize, flow: &Flow) {
        if self.failed.is_none() {
            self.failed = self.write(step, flow).err();
        }
    }

    /// Ends the log.
    ///
    /// # Errors
    /// The first error of [`record`](FlowLog::record).
    pub fn finish(self) -> Result<()> {
        self.failed.map_or(Ok(()), Err)
    }
}

impl Csv {
    fn write(&mut self, step: usize, flow: &Flow) -> Result<()> {
        if self.file.is_none() {
            io::write_text(&self.path, &kept(&self.path, step)?)?;
            let file = OpenOptions::new().append(true).open(&self.path).map_err(Error::io(&self.path))?;
            self.file = Some(file);
        }
        let mut text = String::new();
        for row in flow.rows() {
            let layer = row.number.map_or(String::new(), |number| number.to_string());
            write!(text, "{step},{layer},{},{}", cell(row.name), cell(row.kind)).expect("writing to a string");
            for value in row.values {
                let value = value.map_or(String::new(), |value| format!("{value:?}"));
                write!(text, ",{value}").expect("writing to a string");
            }
            text.push('\n');
        }
        let file = self.file.as_mut().expect("opened");
        file.write_all(text.as_bytes()).map_err(Error::io(&self.path))
    }
}

/// The table at `path` up to the rows before `step`: the head alone, if there is none.
fn kept(path: &Path, step: usize) -> Result<String> {
    let head = format!("step,layer,name,kind,{}\n", FlowLog::COLUMNS.join(","));
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(head),
        read => read.map_err(Error::io(path))?,
    };
    let whole = text.rfind('\n').map_or("", |end| &text[..=end]); // a killed process may leave half a line
    let refused = |line: usize, problem: &str| {
        let (file, line) = (path.display().to_string(), line as u64);
        Err(Error::Csv { file, line, problem: format!("{problem}; delete the file, or write to another") })
    };
    let Some(rows) = whole.strip_prefix(&head) else {
        return if whole.is_empty() { Ok(head) } else { refused(1, "the header is not that of a table of flows") };
    };
    let mut kept = head.clone();
    for (at, row) in rows.split_inclusive('\n').enumerate() {
        match row.split(',').next().and_then(|step| step.parse::<usize>().ok()) {
            Some(before) if before < step => kept.push_str(row),
            Some(_) => {}
            None => return refused(at + 2, "a row of a table of flows begins with the number of a step"),
        }
    }
    Ok(kept)
}

/// The text of a cell, quoted where it must be. Line breaks become spaces: rows are told apart by them.
fn cell(text: &str) -> String {
    let text = text.replace(['\n', '\r'], " ");
    if text.contains([',', '"']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

/// What is written of a layer, or of a parameter that belongs to none.
struct Row<'f> {
    number: Option<usize>,
    name: &'f str,
    kind: &'f str,
    /// Those that are known and finite.
    values: Vec<Option<f64>>,
}

impl Row<'_> {
    fn scalars(self) -> impl Iterator<Item = (String, f64)> {
        let number = self.number.map_or(String::new(), |number| format!("{number} "));
        let title = format!("{number}{} {}", self.name, self.kind).trim().to_string();
        let all = FlowLog::COLUMNS.into_iter().zip(self.values);
        all.filter_map(move |(column, value)| Some((format!("{column}/{title}"), value?)))
    }
}

impl Flow {
    fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let layers = self.layers.iter().enumerate().map(|(number, layer)| Row {
            number: Some(number),
            name: &layer.name,
            kind: &layer.kind,
            values: values(Some(layer), largest(&layer.weights)),
        });
        let others = self.others.iter().map(|weights| Row {
            number: None,
            name: &weights.name,
            kind: "parameter",
            values: values(None, Some(weights)),
        });
        layers.chain(others)
    }
}

/// The values of [`FlowLog::COLUMNS`].
fn values(layer: Option<&LayerFlow>, weights: Option<&WeightFlow>) -> Vec<Option<f64>> {
    let outputs = layer.map(|layer| &layer.outputs.values);
    let gradients = layer.and_then(|layer| layer.outputs.gradients.as_ref());
    let quantiles = |stats: Option<&Stats>| (1..6).map(|i| stats.map(|stats| stats.quantiles[i])).collect::<Vec<_>>();
    let mut all = vec![outputs.map(Stats::rms)];
    all.extend(quantiles(outputs));
    all.extend([layer.and_then(|layer| layer.dead), layer.and_then(|layer| layer.saturated)]);
    all.push(gradients.map(|stats| stats.norm));
    all.extend(quantiles(gradients));
    all.push(layer.and_then(|layer| layer.scale));
    all.push(weights.map(|weights| weights.values.norm));
    all.push(weights.and_then(|weights| Some(weights.gradients.as_ref()?.norm)));
    all.push(weights.and_then(|weights| weights.update));
    all.into_iter().map(|value| value.filter(|value| value.is_finite())).collect()
}
