//! [`Bundle`]: a model in one file, with its architecture and the schema of its data.

mod classes;
mod header;
mod predictions;

use std::fmt;
use std::fs;
use std::path::Path;

use autograd::{Float, Tape, Tensor};
use indexmap::IndexMap;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::format::{Stored, write};
use super::set;
use crate::data::{Schema, Table};
use crate::error::{Error, Result, shown};
use crate::nn::activation::Activation;
use crate::nn::config::{Config, Registry};
use crate::nn::module::Module;
use classes::Indices;
use header::{ABOUT, Header};
pub use predictions::Predictions;
#[cfg(feature = "onnx")]
pub(super) use predictions::ToProbabilities;

/// The number of rows that a prediction passes through the model at once, so that a long table needs little memory.
const ROWS: usize = 4096;

/// A model with the [`Schema`] of its data: one file that predicts from raw rows, in the units of the table.
///
/// [`new`](Bundle::new) joins a trained model and its schema, [`save`](Bundle::save) writes them, [`load`](Bundle::load)
/// builds the same model, and [`predict`](Bundle::predict) takes a table and answers with classes by name and their
/// probabilities, or with numbers in the units of the target.
///
/// ```
/// use mlp::{Activation, Adam, Bundle, Categorical, CrossEntropy, Mlp, Module, Numeric, Schema, Table, Trainer};
/// use rand::{SeedableRng, rngs::StdRng};
/// let text = "width,kind\n1,rose\n2,rose\n8,iris\n9,iris\n";
/// let table = Table::parse("flowers.csv", text.as_bytes())?;
/// let columns = Schema::builder().input("inputs", [Numeric::new("width").standard()]);
/// let schema = columns.classes("kind", Categorical::new("kind")).fit(&table)?;
/// let layers = Mlp::new(1).hidden(8, Activation::Tanh).output(2, Activation::Identity);
/// let model: Mlp = layers.build(&mut StdRng::seed_from_u64(0))?;
/// let mut adam = Adam::new(&model.parameters(), 0.05);
/// let trainer = Trainer::new().epochs(100).progress(false);
/// trainer.fit(&model, &CrossEntropy, &mut adam, &schema.dataset(&table)?, None)?;
///
/// let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("flowers.safetensors");
/// Bundle::new(model, schema)?.save(&path)?;
///
/// let bundle: Bundle = Bundle::load(&path)?; // in another program: nothing else is needed
/// let new = Table::parse("new.csv", "width\n1.5\n7\n".as_bytes())?;
/// let predictions = bundle.predict(&new)?;
/// assert_eq!(predictions.classes(), Some(vec!["rose", "iris"]));
/// assert!(predictions.probabilities().unwrap().get([1, 0]) > 0.9); // of iris, the first class
/// # Ok::<(), mlp::Error>(())
/// ```
///
/// # The file
///
/// It is a [safetensors](https://huggingface.co/docs/safetensors) file of [`Module::state`], which other programs can read.
/// Its metadata hold one text of JSON under `mlp`: a `checksum`, the `format`, the `version` of this crate that wrote it, the
/// [`Config`] of the model, the schema and the notes. Every release reads the formats of all releases before it; a file of a
/// newer format is refused. The checksum (CRC-32, over the rest of that text and over names, types, shapes and bytes of all
/// tensors) tells a damaged file; it is no protection against forgery. Nothing in a file is executed.
///
/// # What fits
///
/// The schema has one input, which gives each row `features` numbers, and one target. The model takes (rows, features) to
/// (rows, classes), of [`Softmax`](Activation::Softmax) or as logits; to (rows, 1) for two classes, of
/// [`Sigmoid`](Activation::Sigmoid) or as logits of the second class; or to (rows, columns of the target), scaled as the schema scales them.
/// A model that begins with an [`Embedding`](crate::Embedding) takes columns of classes by number, `Numeric` without a scale.
pub struct Bundle<T: Float = f64> {
    model: Box<dyn Module<T>>,
    config: Config,
    indices: Indices,
    schema: Schema,
    notes: IndexMap<String, String>,
    version: String,
}

impl<T: Float> Bundle<T> {
    /// Joins a model and the schema of its data.
    ///
    /// ```
    /// use mlp::{Activation, Bundle, Mlp, Numeric, Schema, Table};
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let table = Table::parse("t", "x,y\n1,2\n3,4\n".as_bytes())?;
    /// let columns = Schema::builder().input("inputs", [Numeric::new("x")]);
    /// let schema = columns.values("y", [Numeric::new("y")]).fit(&table)?;
    /// let model: Mlp = Mlp::new(1).output(3, Activation::Identity).build(&mut StdRng::seed_from_u64(0))?;
    /// let error = Bundle::new(model, schema).unwrap_err().to_string();
    /// assert_eq!(error, "bundle: the model gives 3 numbers for each row, and target `y` has 1 column; give its last layer 1 output");
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`] if the model, or a part of it, cannot be written as plain data; the error names the part.
    /// [`Error::Invalid`] if the schema does not have one input and one target, or model and schema do not fit, as far as the
    /// model [tells](Module::output_shape).
    pub fn new(model: impl Module<T> + 'static, schema: Schema) -> Result<Self> {
        let config = model.config()?;
        let indices = check(&model, &config, &schema).map_err(|problem| Error::invalid("bundle", problem))?;
        let version = env!("CARGO_PKG_VERSION").to_string();
        Ok(Bundle { model: Box::new(model), config, indices, schema, notes: IndexMap::new(), version })
    }

    /// Adds a text under a name, such as the data and the score of the training; the last of one name counts.
    ///
    /// ```
    /// # use mlp::{Activation, Bundle, Mlp, Numeric, Schema, Table};
    /// # use rand::{SeedableRng, rngs::StdRng};
    /// # let table = Table::parse("t", "x,y\n1,2\n3,4\n".as_bytes())?;
    /// # let columns = Schema::builder().input("inputs", [Numeric::new("x")]);
    /// # let schema = columns.values("y", [Numeric::new("y")]).fit(&table)?;
    /// # let model: Mlp = Mlp::new(1).output(1, Activation::Identity).build(&mut StdRng::seed_from_u64(0))?;
    /// let bundle = Bundle::new(model, schema)?.with_note("data", "field study of 2026");
    /// assert_eq!(bundle.notes()["data"], "field study of 2026");
    /// # Ok::<(), mlp::Error>(())
    /// ```
    #[must_use]
    pub fn with_note(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.notes.insert(name.into(), text.into());
        self
    }

    /// Writes the bundle to `path`, and replaces an existing file as [`io::save`](crate::io::save) does.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be written, or `path` is a device, a pipe or a folder; [`Error::WeightsFile`] if a
    /// weight is NaN or infinite.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let (path, state) = (path.as_ref(), self.model.state());
        let bad = |(name, value): &(String, Tensor<T>)| {
            let found = value.as_slice().iter().find(|x| !x.is_finite())?;
            let problem =
                format!("parameter `{name}` holds {found}, and would be refused when it is loaded; train anew");
            Some(Error::WeightsFile { path: path.to_owned(), problem })
        };
        let tensors: Vec<_> = state.iter().map(|(name, param)| (name.to_string(), param.value())).collect();
        if let Some(error) = tensors.iter().find_map(bad) {
            return Err(error);
        }
        let about = header::sealed(&self.config, &self.schema, &self.notes, &tensors);
        let about = [(ABOUT.to_string(), about)].into();
        write(path, tensors.into_iter(), std::iter::empty(), Some(about))
    }

    /// Loads a bundle of layers of this crate.
    ///
    /// A model of `f32` may be loaded over `f64`, where its predictions are those of the same numbers with less round-off.
    ///
    /// ```
    /// let error = mlp::Bundle::<f64>::load("no/such/model.safetensors").unwrap_err();
    /// assert!(error.to_string().starts_with("no/such/model.safetensors: "));
    /// ```
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read; [`Error::WeightsFile`] if it is damaged or of another format;
    /// [`Error::File`] if it is no bundle, of a newer format, does not fit together, or names a layer that is not known:
    /// see [`load_with`](Bundle::load_with); [`Error::ParameterType`] if it holds `f64`, and `f32` is wanted.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        Self::load_with(path, &Registry::new())
    }

    /// Loads a bundle that has layers of your own, which `registry` knows.
    ///
    /// ```
    /// use autograd::Var;
    /// use mlp::{Bundle, Function, Numeric, Registry, Schema, Table};
    /// #[derive(serde::Deserialize)]
    /// struct Nothing {}
    /// let double = || Function::new("double", |x: Var| x * 2.0);
    /// let table = Table::parse("t", "x,y\n1,2\n3,6\n".as_bytes())?;
    /// let columns = Schema::builder().input("inputs", [Numeric::new("x")]);
    /// let schema = columns.values("y", [Numeric::new("y")]).fit(&table)?;
    /// let folder = tempfile::tempdir().unwrap();
    /// let path = folder.path().join("double.safetensors");
    /// Bundle::new(double(), schema)?.save(&path)?;
    ///
    /// let error = Bundle::<f64>::load(&path).unwrap_err().to_string();
    /// assert!(error.contains("double: no such layer is known; register it with Registry::with"));
    /// let registry = Registry::new().with_builder("double", move |_: Nothing, _| Ok(double()));
    /// let bundle = Bundle::load_with(&path, &registry)?;
    /// assert_eq!(bundle.predict(&table)?.values().unwrap().to_vec(), [2.0, 6.0]);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`load`](Bundle::load).
    pub fn load_with(path: impl AsRef<Path>, registry: &Registry<T>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = fs::read(path).map_err(Error::io(path))?;
        let stored = Stored::parse(path, &bytes)?.widening();
        let refused = |problem: String| Error::File { path: path.to_owned(), problem };
        let Header { config, schema, notes, version } = Header::read(&stored).map_err(refused)?;
        // The weights are replaced; the seed matters to nobody.
        let model = registry.build(&config, &mut StdRng::seed_from_u64(0));
        let model = model.map_err(|error| refused(format!("its model cannot be built: {error}")))?;
        let state = model.state();
        let values = stored.values(&state, "", false)?;
        stored.knows_all(|name| state.get(name).is_some(), &state)?;
        set(values)?;
        let indices = check(&model, &config, &schema).map_err(refused)?;
        Ok(Bundle { model, config, indices, schema, notes, version })
    }

    /// Predicts the target for each row of a table, which need not have the column of the target.
    ///
    /// ```
    /// use mlp::{Activation, Bundle, Init, Mlp, Numeric, Schema, Table};
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let table = Table::parse("t", "litres,euros\n1,10\n3,30\n".as_bytes())?;
    /// let columns = Schema::builder().input("inputs", [Numeric::new("litres").standard()]);
    /// let schema = columns.values("price", [Numeric::new("euros").standard()]).fit(&table)?;
    /// let layers = Mlp::new(1).output(1, Activation::Identity).init(Init::Constant(1.0));
    /// let bundle = Bundle::new(layers.build::<f64>(&mut StdRng::seed_from_u64(0))?, schema)?;
    /// let predictions = bundle.predict(&Table::parse("new", "litres\n2\n5\n".as_bytes())?)?;
    /// assert_eq!(predictions.values().unwrap().to_vec(), [20.0, 50.0]); // in euros
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Schema::apply_inputs`]; [`Error::Cell`] if an embedding has no row for a cell; [`Error::Invalid`] if an output is
    /// NaN or infinite.
    ///
    /// # Panics
    /// If a model that does not tell its [output shape](Module::output_shape) gives outputs of a shape that does not fit, or a
    /// layer that is not of this crate panics.
    #[track_caller]
    pub fn predict(&self, table: &Table) -> Result<Predictions<T>> {
        let prepared = self.schema.apply_inputs(table)?;
        let inputs = prepared.input(&self.input())?;
        if let Some((i, classes)) = self.indices.odd(inputs) {
            let (row, features) = (prepared.rows()[i / inputs.shape()[1]], self.schema.features(&self.input())?);
            let (name, needs) = (&features[i % features.len()], format!("a whole number from 0 to {}", classes - 1));
            let x = inputs.as_slice()[i];
            // The cell itself, and not what a schema makes of it.
            let column =
                table.column(name).ok().filter(|&column| table.number(row, column).is_ok_and(|cell: T| cell == x));
            return Err(match column {
                Some(column) => table.cell_error(row, column, &needs),
                None => {
                    let (place, found) = (table.place(row), shown(x));
                    let why = format!("{place}: the input `{name}` is {found}, needs {needs}; correct or drop the row");
                    Error::invalid("bundle", why)
                }
            });
        }
        let outputs = self.outputs(inputs);
        // Here, and not where probabilities are made: those of infinite logits may be finite.
        if let Some(i) = outputs.as_slice().iter().position(|x| !x.is_finite()) {
            let (row, features) = (i / outputs.shape()[1], inputs.shape()[1]);
            let size = |&feature: &usize| inputs.get([row, feature]).to_f64().abs();
            let farthest = (0..features).max_by(|a, b| size(a).total_cmp(&size(b))).unwrap_or(0);
            let name = &self.schema.features(&self.input())?[farthest];
            let (found, x) = (shown(outputs.as_slice()[i]), shown(inputs.get([row, farthest])));
            let why = format!(
                "{}: the model answers with {found}; of its inputs `{name}` lies farthest from those that it learnt from, {x} when \
                 scaled: correct or drop the row",
                table.place(prepared.rows()[row])
            );
            return Err(Error::invalid("bundle", why));
        }
        Predictions::new(self, prepared.rows().to_vec(), outputs)
    }

    /// The model's outputs for inputs of the schema, in evaluation mode.
    #[track_caller]
    fn outputs(&self, inputs: &Tensor<T>) -> Tensor<T> {
        let rows = inputs.shape()[0];
        let (mut tape, mut values) = (Tape::values_only(), Vec::new());
        for first in (0..rows).step_by(ROWS) {
            let n = ROWS.min(rows - first);
            let outputs = self.model.predict_on(&mut tape, &inputs.slice(0, first..first + n));
            let shape = outputs.shape();
            assert!(
                shape.len() == 2 && shape[0] == n && fits(&self.schema, &self.target(), shape[1]).is_ok(),
                "bundle: the model gives outputs of shape {shape} for {n} rows, which do not fit target `{}`",
                self.target()
            );
            values.extend_from_slice(outputs.as_slice());
        }
        Tensor::new([rows, values.len() / rows], values)
    }

    /// The model, with its weights.
    pub fn model(&self) -> &dyn Module<T> {
        &*self.model
    }

    /// The architecture as plain data.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The schema of the data.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The texts of [`with_note`](Bundle::with_note) by name, in their order.
    pub fn notes(&self) -> &IndexMap<String, String> {
        &self.notes
    }

    /// The version of this crate that wrote the file, or the present one.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The name of the only input.
    pub(in crate::io) fn input(&self) -> String {
        self.schema.input_names().concat()
    }

    /// The name of the only target.
    pub(in crate::io) fn target(&self) -> String {
        self.schema.target_names().concat()
    }
}

impl<T: Float> fmt::Debug for Bundle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Bundle");
        shown.field("config", &self.config).field("schema", &self.schema).field("notes", &self.notes);
        shown.field("version", &self.version).finish_non_exhaustive()
    }
}

/// How the model is fed, if rows of the schema pass through it to outputs of its target.
fn check<T: Float>(model: &(impl Module<T> + ?Sized), config: &Config, schema: &Schema) -> Result<Indices, String> {
    let indices = Indices::of(config);
    if indices.behind {
        return Err(
            "an embedding stands behind other layers, whose outputs are no classes; begin the model with it".into()
        );
    }
    let ([input], [target]) = (&schema.input_names()[..], &schema.target_names()[..]) else {
        let (n, m) = (schema.input_names().len(), schema.target_names().len());
        return Err(format!(
            "the schema has {n} inputs and {m} targets, and a bundle one of each; save weights and schema apart, with \
             io::save and Schema::to_json"
        ));
    };
    let told = |error: Error| error.to_string();
    let features = schema.features(input).map_err(told)?.len();
    let misfit = |problem: String| format!("the model does not take the {features} numbers of a row: {problem}");
    if let Some(width) = model.input_width().filter(|&width| width != features) {
        return Err(misfit(format!("it takes {width}; build it for {features} inputs")));
    }
    let outputs = match model.output_shape(&[1, features].into()).map_err(|error| misfit(error.to_string()))? {
        Some(shape) if shape.len() != 2 => {
            return Err(format!("the model gives a row outputs of shape {shape}, which are not (1, outputs)"));
        }
        Some(shape) => shape[1],
        None => return Ok(indices),
    };
    fits(schema, target, outputs)?;
    match (schema.classes(target), model.output_activation()) {
        (Ok(classes), Some(Activation::Sigmoid)) if outputs > 1 => Err(format!(
            "the model ends in a sigmoid for each of {} classes, whose values do not add up to 1; end it in logits or a softmax",
            classes.len()
        )),
        _ => Ok(indices),
    }
}

/// `Ok` if a target has as many classes or columns as there are outputs.
pub(super) fn fits(schema: &Schema, target: &str, outputs: usize) -> Result<(), String> {
    let plural = |n: usize, one: &str, many: &str| format!("{n} {}", if n == 1 { one } else { many });
    let columns = schema.target_columns(target).map_err(|error| error.to_string())?.len();
    let (needed, has) = match schema.classes(target) {
        Ok(classes) if classes.len() == 2 && outputs == 1 => return Ok(()),
        Ok(classes) => (classes.len(), plural(classes.len(), "class", "classes")),
        Err(_) => (columns, plural(columns, "column", "columns")),
    };
    match outputs == needed {
        true => Ok(()),
        false => Err(format!(
            "the model gives {} for each row, and target `{target}` has {has}; give its last layer {}",
            plural(outputs, "number", "numbers"),
            plural(needed, "output", "outputs"),
        )),
    }
}
