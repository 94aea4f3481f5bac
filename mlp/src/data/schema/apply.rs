//! What a schema makes of a table.

use autograd::{Float, Tensor};

use super::fitted::Fitted;
use super::{Prepared, Schema, Target};
use crate::data::dataset::Dataset;
use crate::data::table::Table;
use crate::data::targets::Targets;
use crate::error::{Error, Result, room};

impl Schema {
    /// Makes all inputs and targets of a table, under their names.
    ///
    /// ```
    /// use mlp::{Categorical, Numeric, Schema, Table};
    /// let table = Table::parse("t", "x,y,kind\n1,2,rose\n3,?,iris\n".as_bytes())?;
    /// let schema = Schema::builder()
    ///     .input("first", [Numeric::new("x")])
    ///     .input("second", [Numeric::new("y").drop_missing()])
    ///     .classes("kind", Categorical::new("kind").categories(["iris", "rose"]))
    ///     .fit(&table)?;
    /// let prepared = schema.apply::<f64>(&table)?;
    /// assert_eq!(prepared.rows(), [0]);
    /// assert_eq!(prepared.input("first")?, &[[1.0]].into());
    /// assert_eq!(prepared.target("kind")?, &vec![1].into());
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::MissingColumn`]; [`Error::Cell`] if a cell is not what its column needs; [`Error::Empty`] if all rows are
    /// dropped; [`Error::Invalid`] if memory cannot hold the arrays.
    pub fn apply<T: Float>(&self, table: &Table) -> Result<Prepared<T>> {
        self.prepare(table, true)?.ok_or_else(|| all_dropped(table))
    }

    /// Makes the inputs of a table, under their names; it need not have the columns of targets.
    ///
    /// ```
    /// use mlp::{Numeric, Schema, Table};
    /// let table = Table::parse("t", "x,y\n1,2\n".as_bytes())?;
    /// let columns = Schema::builder().input("first", [Numeric::new("x")]).input("second", [Numeric::new("x")]);
    /// let schema = columns.values("y", [Numeric::new("y")]).fit(&table)?;
    /// let new = Table::parse("new", "x\n5\n".as_bytes())?;
    /// assert_eq!(schema.apply_inputs(&new)?.input("second")?, &[[5.0]].into());
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`apply`](Schema::apply).
    pub fn apply_inputs<T: Float>(&self, table: &Table) -> Result<Prepared<T>> {
        self.prepare(table, false)?.ok_or_else(|| all_dropped(table))
    }

    /// Makes a data set of a table, for a schema with one input and one target.
    ///
    /// ```
    /// use mlp::{Numeric, Schema, Table};
    /// let table = Table::parse("t", "x,y\n1,2\n".as_bytes())?;
    /// let columns = Schema::builder().input("inputs", [Numeric::new("x")]);
    /// let schema = columns.values("y", [Numeric::new("y")]).fit(&table)?;
    /// assert_eq!(schema.dataset::<f64>(&table)?.targets(), &mlp::Targets::Values([[2.0]].into()));
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`apply`](Schema::apply), and [`Error::Invalid`] if there is not one of each; [`Prepared::dataset`] chooses.
    pub fn dataset<T: Float>(&self, table: &Table) -> Result<Dataset<T>> {
        let (input, target) = self.one_of_each()?;
        self.apply(table)?.dataset(input, target)
    }

    /// Makes the inputs of a table, for a schema with one input; the table need not have the columns of targets.
    ///
    /// Where rows may be dropped, [`apply_inputs`](Schema::apply_inputs) says which are left.
    ///
    /// ```
    /// use mlp::{Numeric, Schema, Table};
    /// let table = Table::parse("t", "x,y\n1,2\n".as_bytes())?;
    /// let columns = Schema::builder().input("inputs", [Numeric::new("x").min_max()]);
    /// let schema = columns.values("y", [Numeric::new("y")]).fit(&table)?;
    /// assert_eq!(schema.inputs_of(&Table::parse("new", "x\n5\n".as_bytes())?)?, [[4.0]].into());
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`apply`](Schema::apply), and [`Error::Invalid`] if there are several inputs.
    pub fn inputs_of<T: Float>(&self, table: &Table) -> Result<Tensor<T>> {
        let input = one("input", &self.input_names())?.to_string();
        Ok(self.apply_inputs(table)?.input(&input)?.clone())
    }

    /// Makes a data set of each table, as they come from [`Csv::chunks`](crate::Csv::chunks); tables whose rows are all
    /// dropped are passed over. It is for a schema with one input and one target.
    ///
    /// ```
    /// use mlp::{Csv, Dataset, Numeric, Schema, Table};
    /// let text = "x,y\n1,2\n?,4\n5,6\n";
    /// let columns = Schema::builder().input("inputs", [Numeric::new("x").drop_missing()]);
    /// let schema = columns.values("y", [Numeric::new("y")]).fit(&Table::parse("t", text.as_bytes())?)?;
    /// let chunks = Csv::new().chunks_of("t", text.as_bytes(), 1);
    /// let parts: Vec<Dataset> = schema.datasets(chunks).collect::<Result<_, _>>()?;
    /// assert_eq!(parts.len(), 2);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// An error, of the tables or as of [`dataset`](Schema::dataset), is an item of the iterator.
    pub fn datasets<T: Float, I: Iterator<Item = Result<Table>>>(
        &self,
        tables: I,
    ) -> impl Iterator<Item = Result<Dataset<T>>> + use<T, I> {
        let schema = self.clone();
        tables.filter_map(move |table| {
            let prepared = table.and_then(|table| schema.prepare(&table, true)).transpose()?;
            Some(prepared.and_then(|prepared| {
                let (input, target) = schema.one_of_each()?;
                prepared.dataset(input, target)
            }))
        })
    }

    fn one_of_each(&self) -> Result<(&str, &str)> {
        Ok((one("input", &self.input_names())?, one("target", &self.target_names())?))
    }

    /// All that a table makes, or `None` if all rows are dropped.
    pub(super) fn prepare<T: Float>(&self, table: &Table, with_targets: bool) -> Result<Option<Prepared<T>>> {
        let targets = if with_targets { &self.targets[..] } else { &[] };
        let of_targets: Vec<Vec<Fitted>> = targets.iter().map(Target::columns).collect();
        let rows =
            self.kept(table, self.inputs.iter().flat_map(|part| &part.columns).chain(of_targets.iter().flatten()))?;
        if rows.is_empty() {
            return Ok(None);
        }
        let mut prepared = Prepared::new(rows);
        for part in &self.inputs {
            let array = self.array(table, &prepared.rows, &part.columns)?;
            prepared.inputs.push((part.name.clone(), array));
        }
        for (target, columns) in targets.iter().zip(&of_targets) {
            let made = match target {
                Target::Values { .. } => Targets::Values(self.array(table, &prepared.rows, columns)?),
                Target::Classes { classes, .. } => {
                    let (column, known) = (table.column(&classes.column)?, classes.known(table));
                    let class = |&row: &usize| classes.place(&known, table, row, column, &self.missing);
                    Targets::Classes(prepared.rows.iter().map(class).collect::<Result<_>>()?)
                }
            };
            prepared.targets.push((target.name().to_string(), made));
        }
        Ok(Some(prepared))
    }

    /// The rows that no column drops.
    fn kept<'s>(&self, table: &Table, columns: impl Iterator<Item = &'s Fitted>) -> Result<Vec<usize>> {
        let mut kept = vec![true; table.rows()];
        for column in columns {
            let cells = table.column_cells(table.column(column.column())?);
            if column.drops() {
                let gaps = column.gaps(&self.missing);
                cells.zip(&mut kept).for_each(|(cell, kept)| *kept &= !gaps.contains(cell));
            }
        }
        Ok((0..table.rows()).filter(|&row| kept[row]).collect())
    }

    fn array<T: Float>(&self, table: &Table, rows: &[usize], columns: &[Fitted]) -> Result<Tensor<T>> {
        let widths: Vec<usize> = columns.iter().map(Fitted::width).collect();
        let width = widths.iter().sum();
        let mut values = vec![T::from_f64(0.0); room("schema", &[rows.len(), width])?];
        let mut at = 0;
        for (column, n) in columns.iter().zip(widths) {
            column.encode(table, rows, &self.missing, &mut values, (width, at))?;
            at += n;
        }
        Ok(Tensor::try_new([rows.len(), width], values)?)
    }
}

pub(super) fn all_dropped(table: &Table) -> Error {
    Error::Empty { what: format!("{}, without the rows in which values are missing", table.file()) }
}

fn one<'n>(kind: &str, names: &[&'n str]) -> Result<&'n str> {
    match names {
        [name] => Ok(name),
        _ => {
            let why = format!("{} {kind}s where one is needed; take them by name from `Schema::apply`", names.len());
            Err(Error::invalid("schema", why))
        }
    }
}
