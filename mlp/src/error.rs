//! [`Error`]: errors of files, data and configuration.
//!
//! Shapes that do not fit inside a formula are programming errors, and panic in `autograd`. Errors that can occur in a
//! correct program are returned as an [`Error`], whose text names the place and a repair.

use std::fmt::{Debug, Display};
use std::path::{Path, PathBuf};

use autograd::Shape;

/// A [`Result`](std::result::Result) with the crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The error type of this crate.
///
/// ```
/// use mlp::{Error, Table};
/// let error = Table::parse("flowers.csv", "width,height\n1.5\n".as_bytes()).unwrap_err();
/// assert!(matches!(error, Error::Csv { line: 2, .. }));
/// assert_eq!(
///     error.to_string(),
///     "flowers.csv, line 2: found 1 cell where the header has 2 columns; give each row one cell for each column, \
///      and put quotes around text that contains commas"
/// );
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file that cannot be opened, read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// A line of a table that is not a valid row.
    #[error("{file}, line {line}: {problem}")]
    Csv {
        /// The table's file or name.
        file: String,
        /// The line, from 1.
        line: u64,
        /// The problem, the requirement and the repair.
        problem: String,
    },
    /// A cell that does not match the type of its column.
    #[error(
        "{file}, {counted} {line}, column `{column}`: found {found}, needs {needs}; correct the cell or drop the row"
    )]
    Cell {
        /// The table's file or name.
        file: String,
        /// The line on which the row begins, from 1; in a file without lines the number of the row.
        line: u64,
        /// Which of the two: `line` or `row`.
        counted: &'static str,
        /// The column's name.
        column: String,
        /// The text of the cell, shortened.
        found: String,
        /// The type that the column is read as.
        needs: String,
    },
    /// A file that does not hold what is read from it.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The problem and the repair.
        problem: String,
    },
    /// A column that the table does not have.
    #[error("{file}: no column `{column}`; the columns are {}", list(columns))]
    MissingColumn {
        /// The table's file or name.
        file: String,
        /// The requested column.
        column: String,
        /// The columns that exist.
        columns: Vec<String>,
    },
    /// Data without samples.
    #[error("{what}: no samples; at least one is needed")]
    Empty {
        /// The file, or the part of a data set.
        what: String,
    },
    /// A value in the data that is NaN or infinite.
    #[error("{what}: sample {sample} holds {found} at position {position}; remove the sample or fill in a number")]
    NotFinite {
        /// The part of the data set.
        what: &'static str,
        /// The sample, from 0.
        sample: usize,
        /// The position among the values of the sample, from 0.
        position: usize,
        /// `NaN`, `inf` or `-inf`.
        found: String,
    },
    /// Different numbers of inputs and targets.
    #[error("data set: {inputs} inputs but {targets} targets; each input needs one target, in the same order")]
    Samples {
        /// The number of inputs.
        inputs: usize,
        /// The number of targets.
        targets: usize,
    },
    /// A class label that does not exist.
    #[error("sample {sample}: label {label} is out of range for {classes} classes (0 to {}); \
             correct the label or raise the number of classes", classes.saturating_sub(1))]
    Label {
        /// The sample, from 0.
        sample: usize,
        /// The invalid label.
        label: usize,
        /// The number of classes.
        classes: usize,
    },
    /// A failure of another rank of a training on several ([`Communicator`](crate::train::Communicator)).
    #[error("rank {rank}: {problem}")]
    Rank {
        /// The rank that failed.
        rank: usize,
        /// What it says.
        problem: String,
    },
    /// A file that is not a valid weights file.
    #[error("{}: {problem}", path.display())]
    WeightsFile {
        /// The file.
        path: PathBuf,
        /// The problem and the repair.
        problem: String,
    },
    /// A parameter of the model that is missing in the weights file.
    #[error("{}: no parameter `{parameter}`; the file holds {}: load it into the model that saved it",
            path.display(), list(found))]
    MissingParameter {
        /// The file.
        path: PathBuf,
        /// The parameter's name in the model.
        parameter: String,
        /// The names in the file.
        found: Vec<String>,
    },
    /// A parameter in the weights file that the model does not have.
    #[error("{}: parameter `{parameter}` is not in the model, which has {}: load the file into the model that saved it",
            path.display(), list(expected))]
    UnexpectedParameter {
        /// The file.
        path: PathBuf,
        /// The parameter's name in the file.
        parameter: String,
        /// The names in the model.
        expected: Vec<String>,
    },
    /// A parameter whose shape differs from the model's.
    #[error("{}: parameter `{parameter}` has shape {found}, the model needs {expected}: \
             build the model with the sizes that it was saved with", path.display())]
    ParameterShape {
        /// The file.
        path: PathBuf,
        /// The parameter's name.
        parameter: String,
        /// The shape in the file.
        found: Box<Shape>,
        /// The shape in the model.
        expected: Box<Shape>,
    },
    /// A parameter whose number type differs from the model's.
    #[error("{}: parameter `{parameter}` holds {found}, the model needs {expected}: {}",
            path.display(), conversion(found, expected))]
    ParameterType {
        /// The file.
        path: PathBuf,
        /// The parameter's name.
        parameter: String,
        /// The number type in the file.
        found: String,
        /// The number type of the model.
        expected: &'static str,
    },
    /// A layer of a model that does not take what it would be given.
    #[error("layer {layer}: {problem}")]
    Layer {
        /// The layer's position or name in the model.
        layer: String,
        /// What does not fit.
        problem: Box<Error>,
    },
    /// A part of a model that cannot be built from its configuration, or has none, or has no counterpart in another library.
    #[error("{}: {problem}", part(path, layer))]
    Config {
        /// Its place in the model, such as `layers.2`; empty for the model itself.
        path: String,
        /// The kind of layer, or the type that has no configuration.
        layer: String,
        /// The problem and the repair.
        problem: String,
    },
    /// An invalid setting.
    #[error("{what}: {why}")]
    Invalid {
        /// The setting.
        what: &'static str,
        /// The value, the violated rule and the repair.
        why: String,
    },
    /// An error of `autograd`, for shapes that come from data.
    #[error(transparent)]
    Autograd(#[from] autograd::error::Error),
}

impl Error {
    pub(crate) fn invalid(what: &'static str, why: impl Into<String>) -> Self {
        Error::Invalid { what, why: why.into() }
    }

    pub(crate) fn config(layer: impl Into<String>, problem: impl Into<String>) -> Self {
        Error::Config { path: String::new(), layer: layer.into(), problem: problem.into() }
    }

    /// The error of building a layer of this kind; that of a layer within names its own.
    pub(crate) fn of_layer(self, layer: &str) -> Self {
        match self {
            Error::Config { .. } => self,
            Error::Invalid { what, why } if what == layer => Error::config(layer, why),
            other => Error::config(layer, other.to_string()),
        }
    }

    /// The error of a part, seen from the model that has it at this place.
    pub(crate) fn within(self, place: impl Display) -> Self {
        match self.of_layer("") {
            Error::Config { path, layer, problem } if path.is_empty() => {
                Error::Config { path: place.to_string(), layer, problem }
            }
            Error::Config { path, layer, problem } => Error::Config { path: format!("{place}.{path}"), layer, problem },
            other => other,
        }
    }

    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        |source| Error::Io { path, source }
    }
}

/// What a check returned, or a panic in its words at the caller's line.
#[track_caller]
pub(crate) fn or_panic<R>(checked: Result<R>) -> R {
    match checked {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}

/// `layers.2 (conv2d)`, as far as both are known.
fn part(path: &str, layer: &str) -> String {
    match (path, layer) {
        (path, "") => path.into(),
        ("", layer) => layer.into(),
        (path, layer) => format!("{path} ({layer})"),
    }
}

/// The repair of a number type in a file that differs from the model's.
fn conversion(found: &str, expected: &str) -> String {
    match found {
        "f32" | "f64" => format!("load it into a model over {found}, or convert it with Loading::cast"),
        "f16" | "bf16" => "convert it with Loading::cast".into(),
        _ => format!("save it as {expected}"),
    }
}

/// Lists names in backquotes, truncated for a wide table or a deep model, so that a message stays readable.
pub(crate) fn list(names: &[String]) -> String {
    const SHOWN: usize = 12;
    let mut text = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match names.len() {
        0 => text.push_str("none"),
        n if n > SHOWN => text.push_str(&format!(" and {} more", n - SHOWN)),
        _ => {}
    }
    text
}

/// The number of values in a tensor of these axis lengths, if memory can hold them.
pub(crate) fn room(what: &'static str, lengths: &[usize]) -> Result<usize> {
    let product = || lengths.iter().try_fold(1usize, |numel, &len| numel.checked_mul(len));
    let numel = if lengths.contains(&0) { Some(0) } else { product() };
    numel.filter(|&numel| Vec::<f64>::new().try_reserve_exact(numel).is_ok()).ok_or_else(|| {
        let shape = Shape::from(lengths);
        Error::invalid(what, format!("an array of shape {shape} has more numbers than memory holds; make it smaller"))
    })
}

/// Formats a number for a message, in short form: `Display` prints 1e300 with 301 digits.
pub(crate) fn shown(number: impl Debug) -> String {
    let text = format!("{number:?}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_string)
}

/// What is wrong with a file whose bytes cannot be unpacked.
pub(crate) fn damaged(error: impl Display) -> String {
    format!("it cannot be read ({error}); it is cut short or damaged")
}

/// Formats a number for a table or a progress bar: six decimals, or scientific notation for very small and very large
/// numbers.
pub(crate) fn brief(number: f64) -> String {
    match number.abs() {
        0.0 | 1e-4..1e6 => format!("{number:.6}"),
        _ => format!("{number:.3e}"),
    }
}
