//! [`Error`]: what files, data and configuration can get wrong.
//!
//! Shapes that do not fit inside a formula are a programmer's mistake and panic in `autograd`; everything that a
//! running program can meet is returned as an [`Error`] whose text names the place and a repair.

use std::fmt::Debug;
use std::path::{Path, PathBuf};

use autograd::Shape;

/// A result with the crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The one error type of this crate.
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
        /// What the operating system says.
        source: std::io::Error,
    },
    /// A line of a table that is not a row of it.
    #[error("{file}, line {line}: {problem}")]
    Csv {
        /// The table's file or name.
        file: String,
        /// The line, from 1.
        line: u64,
        /// What was found, what is needed, and the repair.
        problem: String,
    },
    /// A cell that does not hold what its column is read as.
    #[error("{file}, line {line}, column `{column}`: found {found}, needs {needs}; correct the cell or drop the row")]
    Cell {
        /// The table's file or name.
        file: String,
        /// The line on which the row begins, from 1.
        line: u64,
        /// The column's name.
        column: String,
        /// The text of the cell, shortened.
        found: String,
        /// What the column is read as.
        needs: String,
    },
    /// A column that the table does not have.
    #[error("{file}: no column `{column}`; the columns are {}", list(columns))]
    MissingColumn {
        /// The table's file or name.
        file: String,
        /// The column asked for.
        column: String,
        /// The columns that exist.
        columns: Vec<String>,
    },
    /// Data without a single sample.
    #[error("{what}: no samples; at least one is needed")]
    Empty {
        /// The file, or the part of a data set.
        what: String,
    },
    /// A number in the data that is NaN or infinite.
    #[error("{what}: sample {sample} holds {found} at position {position}; remove the sample or fill in a number")]
    NotFinite {
        /// The part of the data set.
        what: &'static str,
        /// The sample, from 0.
        sample: usize,
        /// The position among the numbers of the sample, from 0.
        position: usize,
        /// `NaN`, `inf` or `-inf`.
        found: String,
    },
    /// Inputs and targets that do not belong together.
    #[error("data set: {inputs} inputs but {targets} targets; each input needs one target, in the same order")]
    Samples {
        /// How many inputs there are.
        inputs: usize,
        /// How many targets there are.
        targets: usize,
    },
    /// A class label that does not exist.
    #[error("sample {sample}: label {label} is out of range for {classes} classes (0 to {}); \
             correct the label or raise the number of classes", classes.saturating_sub(1))]
    Label {
        /// The sample, from 0.
        sample: usize,
        /// The offending label.
        label: usize,
        /// How many classes there are.
        classes: usize,
    },
    /// A weights file that cannot be read as one.
    #[error("{}: {problem}", path.display())]
    WeightsFile {
        /// The file.
        path: PathBuf,
        /// What is wrong and the repair.
        problem: String,
    },
    /// A parameter of the model that the weights file lacks.
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
    /// A parameter in the weights file that the model lacks.
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
    /// A parameter of another shape than the model's.
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
    /// A parameter of another number type than the model's.
    #[error("{}: parameter `{parameter}` holds {found}, the model needs {expected}: \
             load it into a model over {found}", path.display())]
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
    /// A setting that makes no sense.
    #[error("{what}: {why}")]
    Invalid {
        /// The setting.
        what: &'static str,
        /// Its value, the law that it breaks, and the repair.
        why: String,
    },
    /// A shape that does not fit, met where the shape comes from data.
    #[error(transparent)]
    Autograd(#[from] autograd::error::Error),
}

impl Error {
    pub(crate) fn invalid(what: &'static str, why: impl Into<String>) -> Self {
        Error::Invalid { what, why: why.into() }
    }

    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        |source| Error::Io { path, source }
    }
}

/// Names in backquotes; a wide table or a deep model is cut off, so that a message stays readable.
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

/// The number of values in an array of these lengths, if memory holds them.
pub(crate) fn room(what: &'static str, lengths: &[usize]) -> Result<usize> {
    let product = || lengths.iter().try_fold(1usize, |numel, &len| numel.checked_mul(len));
    let numel = if lengths.contains(&0) { Some(0) } else { product() };
    numel.filter(|&numel| Vec::<f64>::new().try_reserve_exact(numel).is_ok()).ok_or_else(|| {
        let shape = Shape::from(lengths);
        Error::invalid(what, format!("an array of shape {shape} has more numbers than memory holds; make it smaller"))
    })
}

/// A number in a message: short, where plain printing of 1e300 has 301 digits.
pub(crate) fn shown(number: impl Debug) -> String {
    let text = format!("{number:?}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_string)
}

/// A number in a table or a progress bar: with six digits after the point, or in powers of ten where that says little.
pub(crate) fn brief(number: f64) -> String {
    match number.abs() {
        0.0 | 1e-4..1e6 => format!("{number:.6}"),
        _ => format!("{number:.3e}"),
    }
}
