//! What may stand on the command line.

use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand, ValueEnum};
use mlp::{Activation, Csv, Table};

/// Trains a network on a table, and predicts with it.
///
/// `mlp train data.csv --target y` reads the table, finds out what its columns are, trains, and writes a model to one file.
/// That file holds the network, and what becomes of raw rows: `mlp predict` and `mlp evaluate` need nothing else.
///
/// Results go to standard output, progress and remarks to standard error. The exit status is 0 if the command did what
/// it says, 1 if not, with a line that says why, and 2 if the command line is wrong.
#[derive(Debug, Parser)]
#[command(name = "mlp", version, max_term_width = 100, after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// Print the result as JSON, for other programs
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

const EXAMPLES: &str = "\
Examples:
  mlp train flowers.csv --target kind
  mlp train prices.csv --target price --leave-out id,street --layers 64,64 --out prices.safetensors
  mlp train messwerte.csv --target Ertrag --decimal-comma
  mlp predict model.safetensors new.csv > predictions.csv
  mlp evaluate model.safetensors held_out.csv --json
  mlp inspect model.safetensors
  mlp export model.safetensors model.onnx";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Train(Train),
    Predict(Predict),
    Evaluate(Evaluate),
    Inspect(Inspect),
    Check(Check),
    Export(Export),
}

/// Train a network on a table, and write it to a file
///
/// The target decides the task: text, or a few whole numbers, are classes; other numbers are values to approximate.
/// `--task` overrules. All other columns are inputs: numbers are scaled, names become one column for each (one-hot),
/// missing numbers are filled with the median and marked, missing names count as a name. Text that hardly repeats, such
/// as names of people, is left out. What was decided is printed.
///
/// Several networks are trained (`--nets`), each on the rows without another part of them, which are used to stop it
/// before it learns the others by heart; together they give the mean of their answers. Every row thus tells the quality of
/// a network that has not seen it, and all rows are learnt from. The same command gives the same model.
#[derive(Debug, clap::Args)]
pub(crate) struct Train {
    /// The table: a file of separated values with a header line; or of Parquet or Arrow, by its ending .parquet, .arrow or
    /// .feather
    pub(crate) data: PathBuf,

    /// The column to predict
    #[arg(short, long, value_name = "COLUMN")]
    pub(crate) target: String,

    /// Where to write the model; an existing file is replaced when the training has succeeded
    #[arg(short, long, value_name = "FILE", default_value = "model.safetensors")]
    pub(crate) out: PathBuf,

    /// What the target is
    #[arg(long, value_enum, default_value = "auto")]
    pub(crate) task: Task,

    /// Columns that are no inputs
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',', help_heading = "Columns")]
    pub(crate) leave_out: Vec<String>,

    /// Columns of numbers that are names, such as postcodes
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',', help_heading = "Columns")]
    pub(crate) categories: Vec<String>,

    /// How numbers are scaled
    #[arg(long, value_enum, default_value = "min-max", help_heading = "Columns")]
    pub(crate) scaling: Scaling,

    /// Units of the hidden layers, such as 64,32; `none` for a linear model
    #[arg(long, value_name = "UNITS", default_value = "128", value_parser = layers, help_heading = "Network")]
    pub(crate) layers: Layers,

    /// Activation of the hidden layers, such as relu, tanh, silu, leaky_relu(0.1)
    #[arg(long, default_value = "relu", value_parser = str::parse::<Activation>, help_heading = "Network")]
    pub(crate) activation: Activation,

    /// Share of hidden values that training sets to 0
    #[arg(long, value_name = "P", default_value = "0", value_parser = share, help_heading = "Network")]
    pub(crate) dropout: f64,

    /// Networks whose answers are averaged
    #[arg(long, value_name = "N", default_value = "5", value_parser = from_1, help_heading = "Network")]
    pub(crate) nets: usize,

    /// Share of the rows that is held out to stop the training, for a single network; several hold out one part each
    #[arg(long, value_name = "SHARE", default_value = "0.2", value_parser = part, help_heading = "Training")]
    pub(crate) validation: f64,

    /// Most passes over the rows; small tables need many, in each of which there are few steps
    #[arg(long, value_name = "N", default_value = "1000", value_parser = from_1, help_heading = "Training")]
    pub(crate) epochs: usize,

    /// Passes without improvement on the held-out rows after which training stops
    #[arg(long, value_name = "N", default_value = "15", value_parser = from_1, help_heading = "Training")]
    pub(crate) patience: usize,

    /// Rows for each step
    #[arg(long, value_name = "ROWS", default_value = "32", value_parser = from_1, help_heading = "Training")]
    pub(crate) batch: usize,

    /// Optimiser
    #[arg(long, value_enum, default_value = "adam", help_heading = "Training")]
    pub(crate) optimizer: Optimiser,

    /// Learning rate [default: 0.001, of sgd 0.01, of lion 0.0001]
    #[arg(long, value_name = "RATE", value_parser = above_0, help_heading = "Training")]
    pub(crate) rate: Option<f64>,

    /// The learning rate along the training
    #[arg(long, value_enum, default_value = "constant", help_heading = "Training")]
    pub(crate) schedule: Course,

    /// Decay of the weights
    #[arg(long, value_name = "DECAY", default_value = "0.01", value_parser = from_0, help_heading = "Training")]
    pub(crate) weight_decay: f64,

    /// Seed of all random numbers
    #[arg(long, default_value = "0", help_heading = "Training")]
    pub(crate) seed: u64,

    /// No progress bar
    #[arg(short, long)]
    pub(crate) quiet: bool,

    #[command(flatten)]
    pub(crate) reading: Reading,
}

/// Predict the target for each row of a table
///
/// The output has one line for each row of the table, in its order: the target, and for classes the probability of the
/// predicted one.
#[derive(Debug, clap::Args)]
pub(crate) struct Predict {
    #[command(flatten)]
    pub(crate) of: ModelAndData,

    /// A column for the probability of each class
    #[arg(long)]
    pub(crate) probabilities: bool,
}

/// Measure how well a model predicts a table that has the target
#[derive(Debug, clap::Args)]
pub(crate) struct Evaluate {
    #[command(flatten)]
    pub(crate) of: ModelAndData,
}

/// Show what a model is: layers, columns, classes, how far signals reach
#[derive(Debug, clap::Args)]
pub(crate) struct Inspect {
    /// A file that `mlp train` or `Bundle::save` wrote
    pub(crate) model: PathBuf,
}

/// Compare the gradient of a model's loss on a table with finite differences
#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) of: ModelAndData,

    /// The number of rows that the loss is computed on, from the first; more do not make the check stronger
    #[arg(long, value_name = "N", default_value = "100", value_parser = from_1)]
    pub(crate) rows: usize,

    /// Seed of the directions along which slopes are compared
    #[arg(long, default_value = "0")]
    pub(crate) seed: u64,
}

/// Write a model in a format of other programs
///
/// ONNX has the whole network: its inputs are the numbers that `mlp inspect` lists, its outputs the probabilities of the
/// classes or the numbers in their units. How rows become these numbers is written into the file as JSON, under `schema`.
/// The other formats have the weights alone.
#[derive(Debug, clap::Args)]
pub(crate) struct Export {
    /// A file that `mlp train` or `Bundle::save` wrote
    pub(crate) model: PathBuf,

    /// The file to write; an existing one is replaced
    pub(crate) file: PathBuf,

    /// The format [default: by the ending of the file]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) to: Option<Format>,

    /// ONNX with numbers of 64 bits; some programs read only those of 32
    #[arg(long)]
    pub(crate) f64: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For ONNX Runtime and others, in files .onnx
    Onnx,
    /// Weights under the names of PyTorch, in files .safetensors
    Torch,
    /// Weights for NumPy, in files .npz
    Npz,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ModelAndData {
    /// A file that `mlp train` or `Bundle::save` wrote
    pub(crate) model: PathBuf,

    /// The table, as for `mlp train`
    pub(crate) data: PathBuf,

    #[command(flatten)]
    pub(crate) reading: Reading,
}

/// How a table is written.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Table")]
pub(crate) struct Reading {
    /// What stands between cells: one of , ; | : or `tab` [default: a tab in files .tsv, ; with decimal commas, else ,]
    #[arg(long, value_name = "CHARACTER", value_parser = separator)]
    separator: Option<char>,

    /// Numbers have a decimal comma, such as 1,5
    #[arg(long)]
    decimal_comma: bool,

    /// Skip lines that begin with this, one of # % !
    #[arg(long, value_name = "CHARACTER", value_parser = ["#", "%", "!"])]
    comments: Option<String>,

    /// The first line is a row; columns are called 0, 1, 2, …
    #[arg(long)]
    no_header: bool,
}

impl Reading {
    pub(crate) fn read(&self, path: &Path) -> mlp::Result<Table> {
        let end = path.extension().unwrap_or_default().to_ascii_lowercase();
        if end == "parquet" || end == "arrow" || end == "feather" {
            return self.columnar(path, end == "parquet");
        }
        let usual = match (end == "tsv", self.decimal_comma) {
            (true, _) => '\t',
            (_, true) => ';',
            (_, false) => ',',
        };
        let mut csv = Csv::new().separator(self.separator.unwrap_or(usual));
        if self.decimal_comma {
            csv = csv.decimal_comma();
        }
        if let Some(mark) = self.comments.as_ref().and_then(|mark| mark.chars().next()) {
            csv = csv.comments(mark);
        }
        if self.no_header {
            csv = csv.without_header();
        }
        csv.read(path)
    }

    /// A file of Parquet or Arrow, to which the options of text do not apply.
    fn columnar(&self, path: &Path, parquet: bool) -> mlp::Result<Table> {
        let refused = |problem: &str| Err(mlp::Error::File { path: path.into(), problem: problem.into() });
        if self.separator.is_some() || self.decimal_comma || self.comments.is_some() || self.no_header {
            return refused("no text; leave out --separator, --decimal-comma, --comments and --no-header");
        }
        match parquet {
            true if !cfg!(feature = "parquet") => refused(
                "this program was built without Parquet; build it with --features cli,parquet, or save the table as CSV",
            ),
            false if !cfg!(feature = "arrow") => refused(
                "this program was built without Arrow; build it with --features cli,arrow, or save the table as CSV",
            ),
            _ => columnar(path),
        }
    }
}

/// In silence: what panics within is an error of the file, which is told in one line.
#[cfg(feature = "arrow")]
fn columnar(path: &Path) -> mlp::Result<Table> {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let table = mlp::Columnar::new().read(path);
    std::panic::set_hook(hook);
    table
}

#[cfg(not(feature = "arrow"))]
fn columnar(_: &Path) -> mlp::Result<Table> {
    unreachable!("refused for want of the feature")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Task {
    /// Found out from the target
    Auto,
    /// One of several classes
    Classification,
    /// A number
    Regression,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scaling {
    /// To the range from 0 to 1
    MinMax,
    /// To mean 0 and standard deviation 1
    Standard,
    /// To median 0 and interquartile range 1
    Robust,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Optimiser {
    Adam,
    Nadam,
    Radam,
    Lion,
    /// Stochastic gradient descent with momentum 0.9
    Sgd,
}

/// How the learning rate goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Course {
    /// Always the same
    Constant,
    /// Down to 0 over all --epochs along half a wave of a cosine
    Cosine,
    /// To a half whenever the held-out rows have not improved for a third of the --patience
    Plateau,
}

/// The units of each hidden layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layers(pub(crate) Vec<usize>);

fn layers(text: &str) -> Result<Layers, String> {
    if text == "none" {
        return Ok(Layers(vec![]));
    }
    text.split(',').map(|units| from_1(units.trim())).collect::<Result<_, _>>().map(Layers)
}

fn from_1(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|&n| n > 0).ok_or_else(|| "a whole number from 1 is needed".to_string())
}

fn number(text: &str, fits: impl Fn(f64) -> bool, needed: &str) -> Result<f64, String> {
    text.parse().ok().filter(|x: &f64| x.is_finite() && fits(*x)).ok_or_else(|| format!("{needed} is needed"))
}

fn share(text: &str) -> Result<f64, String> {
    number(text, |x| (0.0..1.0).contains(&x), "a number from 0 and below 1")
}

fn part(text: &str) -> Result<f64, String> {
    number(text, |x| x > 0.0 && x < 1.0, "a number above 0 and below 1")
}

fn above_0(text: &str) -> Result<f64, String> {
    number(text, |x| x > 0.0, "a number above 0")
}

fn from_0(text: &str) -> Result<f64, String> {
    number(text, |x| x >= 0.0, "a number from 0")
}

fn separator(text: &str) -> Result<char, String> {
    match text {
        "," | ";" | "|" | ":" | "\t" => Ok(text.chars().next().unwrap_or(',')),
        "tab" | "\\t" => Ok('\t'),
        _ => Err("one of , ; | : or `tab` is needed".to_string()),
    }
}
