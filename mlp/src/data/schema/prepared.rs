//! [`Prepared`]: the arrays that a schema made of a table.

use autograd::{Float, Tensor};

use super::unknown;
use crate::data::dataset::Dataset;
use crate::data::targets::Targets;
use crate::error::Result;

/// The inputs and targets of a table under their names, one sample for each row that was not dropped.
///
/// ```
/// use mlp::{Numeric, Schema, Table};
/// let table = Table::parse("t", "x,y\n1,2\n3,4\n".as_bytes())?;
/// let columns = Schema::builder().input("x", [Numeric::new("x")]);
/// let schema = columns.values("y", [Numeric::new("y")]).values("double", [Numeric::new("y")]).fit(&table)?;
/// let prepared = schema.apply::<f64>(&table)?;
/// assert_eq!(prepared.dataset("x", "double")?.inputs(), prepared.input("x")?);
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared<T: Float = f64> {
    pub(super) inputs: Vec<(String, Tensor<T>)>,
    pub(super) targets: Vec<(String, Targets<T>)>,
    pub(super) rows: Vec<usize>,
}

impl<T: Float> Prepared<T> {
    pub(super) fn new(rows: Vec<usize>) -> Self {
        Prepared { inputs: vec![], targets: vec![], rows }
    }

    /// The row of each sample in the table; rows that were dropped are left out.
    ///
    /// ```
    /// use mlp::{Numeric, Schema, Table};
    /// let table = Table::parse("t", "x,y\n1,2\n?,4\n5,6\n".as_bytes())?;
    /// let columns = Schema::builder().input("x", [Numeric::new("x").drop_missing()]);
    /// let prepared = columns.values("y", [Numeric::new("y")]).fit(&table)?.apply::<f64>(&table)?;
    /// assert_eq!(prepared.rows(), [0, 2]);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn rows(&self) -> &[usize] {
        &self.rows
    }

    /// An input, of shape (samples, columns).
    ///
    /// ```
    /// use mlp::{Numeric, Schema, Table};
    /// let table = Table::parse("t", "x,y\n1,2\n?,4\n5,6\n".as_bytes())?;
    /// let columns = Schema::builder().input("x", [Numeric::new("x").drop_missing()]);
    /// let prepared = columns.values("y", [Numeric::new("y")]).fit(&table)?.apply::<f64>(&table)?;
    /// assert_eq!(prepared.input("x")?, &[[1.0], [5.0]].into());
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) if there is no such input.
    pub fn input(&self, name: &str) -> Result<&Tensor<T>> {
        named("input", name, &self.inputs)
    }

    /// A target: values of shape (samples, columns), or classes.
    ///
    /// ```
    /// use mlp::{Numeric, Schema, Table};
    /// let table = Table::parse("t", "x,y\n1,2\n?,4\n5,6\n".as_bytes())?;
    /// let columns = Schema::builder().input("x", [Numeric::new("x").drop_missing()]);
    /// let prepared = columns.values("y", [Numeric::new("y")]).fit(&table)?.apply::<f64>(&table)?;
    /// assert_eq!(prepared.target("y")?, &mlp::Targets::Values([[2.0], [6.0]].into()));
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) if there is no such target.
    pub fn target(&self, name: &str) -> Result<&Targets<T>> {
        named("target", name, &self.targets)
    }

    /// A data set of one input and one target.
    ///
    /// ```
    /// use mlp::{Numeric, Schema, Table};
    /// let table = Table::parse("t", "x,y\n1,2\n?,4\n5,6\n".as_bytes())?;
    /// let columns = Schema::builder().input("x", [Numeric::new("x").drop_missing()]);
    /// let prepared = columns.values("y", [Numeric::new("y")]).fit(&table)?.apply::<f64>(&table)?;
    /// assert_eq!(prepared.dataset("x", "y")?.len(), 2);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) if there is no such input or target.
    pub fn dataset(&self, input: &str, target: &str) -> Result<Dataset<T>> {
        Dataset::new(self.input(input)?.clone(), self.target(target)?.clone())
    }
}

fn named<'p, P>(kind: &str, name: &str, parts: &'p [(String, P)]) -> Result<&'p P> {
    let found = parts.iter().find(|(part, _)| part == name).map(|(_, part)| part);
    found.ok_or_else(|| unknown(kind, name, &parts.iter().map(|(part, _)| part.as_str()).collect::<Vec<_>>()))
}
