//! [`Schema`]: what was learnt from the training table, applied to every other.

mod apply;
mod fit;
mod fitted;
mod prepared;
mod wanted;

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use autograd::{Float, Tensor};
use serde::{Deserialize, Serialize};

pub use fit::SchemaBuilder;
use fitted::{Fitted, Names, Numbers};
pub use prepared::Prepared;
pub use wanted::{Categorical, Column, Numeric};

use crate::error::{Error, Result, list};

/// How the columns of a table become inputs and targets, with all that was learnt from the training table: categories and
/// classes in their order, what is filled in for missing values, shifts and scales.
///
/// [`builder`](Schema::builder) names the columns, and [`fit`](SchemaBuilder::fit) learns from a table. Applying learns
/// nothing: each row becomes the same numbers in whatever table it stands.
///
/// ```
/// use mlp::{Categorical, Numeric, Schema, Splitter, Table};
/// let text = "age,kind,price\n20,iris,1\n30,rose,3\n?,iris,5\n50,lily,7\n";
/// let table = Table::parse("flowers.csv", text.as_bytes())?;
/// let schema = Schema::builder()
///     .input("inputs", [Numeric::new("age").fill_median().standard()])
///     .input("inputs", [Categorical::new("kind").unseen_as_category()])
///     .values("price", [Numeric::new("price").standard()])
///     .fit(&table.select(&[0, 1])?)?;
/// assert_eq!(schema.features("inputs")?, ["age", "kind=iris", "kind=rose", "kind (unseen)"]);
///
/// let data = schema.dataset(&table.select(&[2, 3])?)?; // with what was learnt from the first two rows
/// assert_eq!(data.inputs(), &[[0.0, 1.0, 0.0, 0.0], [5.0, 0.0, 0.0, 1.0]].into());
/// let new = Table::parse("new.csv", "kind,age\nrose,20\n".as_bytes())?; // without a target
/// assert_eq!(schema.inputs_of(&new)?, [[-1.0, 0.0, 1.0, 0.0]].into());
/// assert_eq!(schema.inverse("price", &[[0.5]].into())?, [[2.5]].into());
/// # Ok::<(), mlp::Error>(())
/// ```
///
/// A schema is plain data of serde. What does not fit together, or has fields that are not known, is refused when it is
/// read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct Schema {
    missing: Marks,
    inputs: Vec<Input>,
    targets: Vec<Target>,
}

/// A schema as it is read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    missing: Marks,
    inputs: Vec<Input>,
    targets: Vec<Target>,
}

/// The marks of a missing value, besides an empty cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Marks(Vec<String>);

impl Marks {
    fn contain(&self, cell: &str) -> bool {
        cell.is_empty() || self.0.iter().any(|mark| mark == cell)
    }

    /// The cells that have no value, unless a category is written so.
    fn without(&self, categories: &[String]) -> HashSet<&str> {
        let known: HashSet<&str> = categories.iter().map(String::as_str).collect();
        let marks = self.0.iter().map(String::as_str);
        std::iter::once("").chain(marks).filter(|mark| !known.contains(mark)).collect()
    }
}

/// Columns that become one array.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    name: String,
    columns: Vec<Fitted>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Target {
    Values { name: String, columns: Vec<Numbers> },
    Classes { name: String, classes: Names },
}

impl Target {
    fn name(&self) -> &str {
        match self {
            Target::Values { name, .. } | Target::Classes { name, .. } => name,
        }
    }

    fn columns(&self) -> Vec<Fitted> {
        match self {
            Target::Values { columns, .. } => columns.iter().cloned().map(Fitted::Numeric).collect(),
            Target::Classes { classes, .. } => vec![Fitted::Categorical(classes.clone())],
        }
    }
}

impl TryFrom<Stored> for Schema {
    type Error = String;

    fn try_from(Stored { missing, inputs, targets }: Stored) -> Result<Self, String> {
        let schema = Schema { missing, inputs, targets };
        schema.check()?;
        Ok(schema)
    }
}

impl Schema {
    /// A schema that will be learnt from a table.
    ///
    /// ```
    /// use mlp::{Numeric, Schema, Table};
    /// let table = Table::parse("t", "x\n1\n".as_bytes())?;
    /// assert_eq!(Schema::builder().input("inputs", [Numeric::new("x")]).fit(&table)?.input_names(), ["inputs"]);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn builder() -> SchemaBuilder {
        SchemaBuilder::new()
    }

    /// The names of the inputs, in their order.
    ///
    /// ```
    /// use mlp::{Categorical, Numeric, Schema, Table};
    /// let table = Table::parse("t", "x,y,k\n1,2,b\n3,4,a\n".as_bytes())?;
    /// let columns = Schema::builder().input("first", [Numeric::new("x")]).input("second", [Numeric::new("y")]);
    /// let schema = columns.classes("kind", Categorical::new("k")).fit(&table)?;
    /// assert_eq!((schema.input_names(), schema.target_names()), (vec!["first", "second"], vec!["kind"]));
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn input_names(&self) -> Vec<&str> {
        self.inputs.iter().map(|input| input.name.as_str()).collect()
    }

    /// The names of the targets, in their order.
    ///
    /// ```
    /// use mlp::{Categorical, Numeric, Schema, Table};
    /// let table = Table::parse("t", "x,y,k\n1,2,b\n3,4,a\n".as_bytes())?;
    /// let columns = Schema::builder().input("first", [Numeric::new("x")]).input("second", [Numeric::new("y")]);
    /// let schema = columns.classes("kind", Categorical::new("k")).fit(&table)?;
    /// assert_eq!((schema.input_names(), schema.target_names()), (vec!["first", "second"], vec!["kind"]));
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn target_names(&self) -> Vec<&str> {
        self.targets.iter().map(Target::name).collect()
    }

    /// The names of the columns of an input: `age`, `age (missing)`, `kind=iris`, `kind (missing)`, `kind (unseen)`.
    ///
    /// ```
    /// use mlp::{Categorical, Schema, Table};
    /// let table = Table::parse("t", "kind\nrose\niris\n".as_bytes())?;
    /// let schema = Schema::builder().input("inputs", [Categorical::new("kind")]).fit(&table)?;
    /// assert_eq!(schema.features("inputs")?, ["kind=iris", "kind=rose"]);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] if there is no such input.
    pub fn features(&self, input: &str) -> Result<Vec<String>> {
        let found = self.inputs.iter().find(|part| part.name == input);
        let part = found.ok_or_else(|| unknown("input", input, &self.input_names()))?;
        Ok(part.columns.iter().flat_map(Fitted::features).collect())
    }

    /// The classes of a target, in the order of their indices.
    ///
    /// ```
    /// use mlp::{Categorical, Numeric, Schema, Table};
    /// let table = Table::parse("t", "x,kind\n1,rose\n2,iris\n".as_bytes())?;
    /// let columns = Schema::builder().input("inputs", [Numeric::new("x")]);
    /// let schema = columns.classes("kind", Categorical::new("kind")).fit(&table)?;
    /// assert_eq!(schema.classes("kind")?, ["iris", "rose"]);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] if there is no such target, or it has values.
    pub fn classes(&self, target: &str) -> Result<&[String]> {
        match self.target(target)? {
            Target::Classes { classes, .. } => Ok(&classes.categories),
            Target::Values { .. } => Err(Error::invalid("schema", format!("target `{target}` has values, no classes"))),
        }
    }

    /// The columns of a target, in their order: one of classes, or those of its values.
    ///
    /// ```
    /// use mlp::{Numeric, Schema, Table};
    /// let table = Table::parse("t", "x,y\n1,2\n".as_bytes())?;
    /// let columns = Schema::builder().input("inputs", [Numeric::new("x")]);
    /// let schema = columns.values("both", ["x", "y"].map(Numeric::new)).fit(&table)?;
    /// assert_eq!(schema.target_columns("both")?, ["x", "y"]);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] if there is no such target.
    pub fn target_columns(&self, target: &str) -> Result<Vec<&str>> {
        Ok(match self.target(target)? {
            Target::Classes { classes, .. } => vec![classes.column.as_str()],
            Target::Values { columns, .. } => columns.iter().map(|column| column.column.as_str()).collect(),
        })
    }

    /// Puts predictions of a target back into the units of its columns: x · scale + shift, (…, columns) → (…, columns).
    ///
    /// ```
    /// use mlp::{Numeric, Schema, Table};
    /// let table = Table::parse("t", "x,y\n1,10\n2,30\n".as_bytes())?;
    /// let columns = Schema::builder().input("inputs", [Numeric::new("x")]);
    /// let schema = columns.values("y", [Numeric::new("y").standard()]).fit(&table)?;
    /// assert_eq!(schema.inverse("y", &[[1.0], [0.0]].into())?, [[30.0], [20.0]].into());
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] if there is no such target, it has classes, or the last axis of `predictions` has another length
    /// than the target has columns.
    pub fn inverse<T: Float>(&self, target: &str, predictions: &Tensor<T>) -> Result<Tensor<T>> {
        let Target::Values { columns, .. } = self.target(target)? else {
            return Err(Error::invalid("schema", format!("target `{target}` has classes, which are not scaled")));
        };
        let (shape, n) = (predictions.shape(), columns.len());
        if shape.last() != Some(&n) {
            let why = format!("shape {shape} is not (…, {n}), the columns of target `{target}`");
            return Err(Error::invalid("schema", why));
        }
        let mut column = columns.iter().cycle();
        Ok(predictions.map(|x| match column.next() {
            Some(column) => T::from_f64(x.to_f64() * column.scale + column.shift),
            None => x,
        }))
    }

    /// The schema as JSON, for people and programs to read; [`from_json`](Schema::from_json) gives back the same.
    ///
    /// ```
    /// use mlp::{Numeric, Schema, Table};
    /// let table = Table::parse("t", "x\n0.1\n0.7\n".as_bytes())?;
    /// let schema = Schema::builder().input("inputs", [Numeric::new("x").standard()]).fit(&table)?;
    /// assert_eq!(Schema::from_json(&schema.to_json())?, schema);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a schema holds text and finite numbers") + "\n"
    }

    /// Reads a schema from JSON.
    ///
    /// ```
    /// let error = mlp::Schema::from_json(r#"{"missing": [], "inputs": [], "targets": [], "more": 1}"#).unwrap_err();
    /// assert!(error.to_string().starts_with("schema: unknown field `more`, expected one of `missing`, `inputs`, `targets`"));
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] with the line if the text is not a schema, whole and fitting together.
    pub fn from_json(text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|error| Error::invalid("schema", error.to_string()))
    }

    /// Reads a schema from a file of JSON.
    ///
    /// ```
    /// let error = mlp::Schema::read("no/such/schema.json").unwrap_err();
    /// assert!(error.to_string().starts_with("no/such/schema.json: "));
    /// ```
    ///
    /// # Errors
    /// [`Error::File`] with the line if the file does not hold a schema; [`Error::Io`] if it cannot be read.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = fs::read(path).map_err(Error::io(path))?;
        serde_json::from_slice(&bytes).map_err(|error| {
            let problem = format!("not a schema ({error}); write it by `Schema::to_json`");
            Error::File { path: path.to_owned(), problem }
        })
    }

    fn target(&self, name: &str) -> Result<&Target> {
        let found = self.targets.iter().find(|target| target.name() == name);
        found.ok_or_else(|| unknown("target", name, &self.target_names()))
    }

    /// What does not fit together.
    fn check(&self) -> Result<(), String> {
        for (kind, names) in [("input", self.input_names()), ("target", self.target_names())] {
            let mut seen = HashSet::new();
            if let Some((i, name)) = names.iter().enumerate().find(|(_, name)| !seen.insert(**name)) {
                return Err(format!("{kind} {i} is named `{name}`, as one before it; give each {kind} its own name"));
            }
        }
        if self.inputs.is_empty() {
            return Err("no inputs; give at least one column".to_string());
        }
        let inputs = self.inputs.iter().map(|part| ("input", part.name.as_str(), part.columns.clone()));
        let targets = self.targets.iter().map(|target| ("target", target.name(), target.columns()));
        for (kind, name, columns) in inputs.chain(targets) {
            if columns.is_empty() {
                return Err(format!("{kind} `{name}` has no columns; give at least one"));
            }
            for column in &columns {
                let place = |problem| format!("{kind} `{name}`, column `{}`: {problem}", column.column());
                column.check().map_err(place)?;
                if kind == "target" && !column.is_target() {
                    let law = "a target is as the table has it; drop rows without one, and name all classes";
                    return Err(place(law.to_string()));
                }
            }
        }
        Ok(())
    }
}

fn unknown(kind: &str, name: &str, names: &[&str]) -> Error {
    let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
    Error::invalid("schema", format!("no {kind} `{name}`; the {kind}s are {}", list(&names)))
}
