//! [`SchemaBuilder`]: what a schema learns from the training table.

use super::fitted::{Encoding, Fitted, Gap, Names, Numbers, Unseen};
use super::wanted::{Categorical, Column, Missing, Numeric};
use super::{Input, Marks, Schema, Target};
use crate::data::classes::{Known, names};
use crate::data::scaler::{ENORMOUS, mean, quantiles};
use crate::data::table::{MISSING, Table};
use crate::error::{Error, Result, list};

/// The columns of a schema before it is learnt; see [`Schema::builder`].
#[derive(Debug, Clone, PartialEq)]
pub struct SchemaBuilder {
    missing: Marks,
    inputs: Vec<(String, Vec<Column>)>,
    targets: Vec<(String, Wanted)>,
}

#[derive(Debug, Clone, PartialEq)]
enum Wanted {
    Values(Vec<Numeric>),
    Classes(Categorical),
}

impl SchemaBuilder {
    pub(super) fn new() -> Self {
        let missing = Marks(MISSING.map(String::from).to_vec());
        SchemaBuilder { missing, inputs: vec![], targets: vec![] }
    }

    /// Says which cells mark a missing value, besides empty ones; unless told otherwise `NA`, `N/A`, `n/a`, `NaN`, `nan`,
    /// `NAN`, `null`, `NULL` and `?`.
    ///
    /// ```
    /// use mlp::{Numeric, Schema, Table};
    /// let table = Table::parse("t", "x\n1\n-999\n".as_bytes())?;
    /// let columns = Schema::builder().missing_marks(["-999"]).input("inputs", [Numeric::new("x").fill(0.0)]);
    /// assert_eq!(columns.fit(&table)?.inputs_of(&table)?, [[1.0], [0.0]].into());
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn missing_marks(mut self, marks: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.missing = Marks(marks.into_iter().map(Into::into).collect());
        self
    }

    /// Adds columns to the input `name`.
    ///
    /// ```
    /// use mlp::{Categorical, Numeric, Schema, Table};
    /// let table = Table::parse("t", "x,kind\n1,a\n2,b\n".as_bytes())?;
    /// let columns = Schema::builder().input("inputs", [Numeric::new("x")]).input("inputs", [Categorical::new("kind")]);
    /// assert_eq!(columns.fit(&table)?.features("inputs")?, ["x", "kind=a", "kind=b"]);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn input(mut self, name: &str, columns: impl IntoIterator<Item = impl Into<Column>>) -> Self {
        let columns = columns.into_iter().map(Into::into);
        match self.inputs.iter_mut().find(|(part, _)| part == name) {
            Some((_, part)) => part.extend(columns),
            None => self.inputs.push((name.to_string(), columns.collect())),
        }
        self
    }

    /// Adds a target of numbers, for regression; nothing may be filled in for missing ones.
    ///
    /// ```
    /// use mlp::{Numeric, Schema, Table, Targets};
    /// let table = Table::parse("t", "x,y,k\n1,2,b\n3,4,a\n".as_bytes())?;
    /// let columns = Schema::builder().input("inputs", [Numeric::new("x")]);
    /// let schema = columns.values("y", [Numeric::new("y").min_max()]).fit(&table)?;
    /// assert_eq!(schema.dataset::<f64>(&table)?.targets(), &Targets::Values([[0.0], [1.0]].into()));
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn values(mut self, name: &str, columns: impl IntoIterator<Item = Numeric>) -> Self {
        self.targets.push((name.to_string(), Wanted::Values(columns.into_iter().collect())));
        self
    }

    /// Adds a target of classes; nothing may be filled in for missing ones, and those that are not known are errors.
    ///
    /// ```
    /// use mlp::{Categorical, Numeric, Schema, Table, Targets};
    /// let table = Table::parse("t", "x,y,k\n1,2,b\n3,4,a\n".as_bytes())?;
    /// let columns = Schema::builder().input("inputs", [Numeric::new("x")]);
    /// let schema = columns.classes("k", Categorical::new("k")).fit(&table)?;
    /// assert_eq!(schema.dataset::<f64>(&table)?.targets(), &Targets::Classes(vec![1, 0]));
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn classes(mut self, name: &str, column: Categorical) -> Self {
        self.targets.push((name.to_string(), Wanted::Classes(Categorical { ordinal: true, ..column })));
        self
    }

    /// Learns from the training table: rows are dropped first, then missing values are filled in, then scales are those of
    /// the filled columns.
    ///
    /// ```
    /// use mlp::{Numeric, Schema, Table};
    /// let table = Table::parse("t", "x\nNA\n?\n".as_bytes())?;
    /// let error = Schema::builder().input("inputs", [Numeric::new("x").fill_mean()]).fit(&table).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "schema: t, column `x`: all values are missing, so that nothing can be filled in; leave the column out"
    /// );
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::MissingColumn`]; [`Error::Cell`] if a cell is not what its column needs; [`Error::Empty`] if all rows are
    /// dropped; [`Error::Invalid`] if settings contradict each other, there are no inputs, or a column has nothing to learn
    /// from.
    pub fn fit(&self, table: &Table) -> Result<Schema> {
        let inputs = self.inputs.iter().flat_map(|(_, columns)| columns.iter().cloned());
        let targets = self.targets.iter().flat_map(|(_, wanted)| match wanted {
            Wanted::Values(columns) => columns.iter().cloned().map(Column::from).collect(),
            Wanted::Classes(column) => vec![Column::from(column.clone())],
        });
        let mut kept = vec![true; table.rows()];
        for column in inputs.chain(targets) {
            self.drop_rows(&column, table, &mut kept)?;
        }
        let rows: Vec<usize> = (0..table.rows()).filter(|&row| kept[row]).collect();
        if rows.is_empty() {
            return Err(super::apply::all_dropped(table));
        }
        let fit = Fit { table, rows: &rows, marks: &self.missing };
        let input = |(name, columns): &(String, Vec<Column>)| {
            let columns = columns.iter().map(|column| fit.column(column)).collect::<Result<_>>()?;
            Ok(Input { name: name.clone(), columns })
        };
        let target = |(name, wanted): &(String, Wanted)| {
            let name = name.clone();
            Ok(match wanted {
                Wanted::Values(columns) => Target::Values {
                    name,
                    columns: columns.iter().map(|column| fit.numbers(column)).collect::<Result<_>>()?,
                },
                Wanted::Classes(column) => Target::Classes { name, classes: fit.names(column)? },
            })
        };
        let schema = Schema {
            missing: self.missing.clone(),
            inputs: self.inputs.iter().map(input).collect::<Result<_>>()?,
            targets: self.targets.iter().map(target).collect::<Result<_>>()?,
        };
        schema.check().map_err(|problem| Error::invalid("schema", problem))?;
        // A cell that a number type cannot hold, or a given category that the table denies, shows now.
        schema.prepare::<f64>(table, true)?;
        Ok(schema)
    }

    fn drop_rows(&self, column: &Column, table: &Table, kept: &mut [bool]) -> Result<()> {
        let (name, drops, given): (_, _, &[String]) = match column {
            Column::Numeric(column) => (&column.column, column.missing == Missing::DropRow, &[]),
            Column::Categorical(column) => {
                (&column.column, column.missing == Missing::DropRow, column.categories.as_deref().unwrap_or(&[]))
            }
        };
        let cells = table.column_cells(table.column(name)?);
        if drops {
            let gaps = self.missing.without(given);
            cells.zip(kept).for_each(|(cell, kept)| *kept &= !gaps.contains(cell));
        }
        Ok(())
    }
}

/// The table and the rows of it that are learnt from.
struct Fit<'t> {
    table: &'t Table,
    rows: &'t [usize],
    marks: &'t Marks,
}

impl Fit<'_> {
    fn column(&self, column: &Column) -> Result<Fitted> {
        Ok(match column {
            Column::Numeric(column) => Fitted::Numeric(self.numbers(column)?),
            Column::Categorical(column) => Fitted::Categorical(self.names(column)?),
        })
    }

    fn numbers(&self, wanted: &Numeric) -> Result<Numbers> {
        let Numeric { column, missing, indicator, scaling } = wanted.clone();
        let place = self.table.column(&column)?;
        let mut found = Vec::with_capacity(self.rows.len());
        for &row in self.rows {
            if !self.marks.contain(self.table.cell(row, place)) {
                found.push(self.table.number::<f64>(row, place)?);
            } else if missing == Missing::Error {
                return Err(self.table.cell_error(row, place, super::fitted::NUMBER));
            }
        }
        let fill = match missing {
            Missing::Error | Missing::DropRow | Missing::Category => None,
            Missing::Fill(fill) => Some(fill),
            _ if found.is_empty() => return Err(self.refused(&column, NOTHING)),
            Missing::Mean => Some(mean(&found)),
            Missing::Median => {
                let [median] = quantiles(&found, [0.5]);
                Some(median)
            }
            Missing::MostFrequent => Some(most_frequent(&found)),
        };
        if fill.is_some_and(|fill| !fill.is_finite()) {
            return Err(self.refused(&column, ENORMOUS));
        }
        found.resize(self.rows.len(), fill.unwrap_or(0.0)); // all rows have a value unless some are filled in
        let (shift, scale) = scaling.of(&found).ok_or_else(|| self.refused(&column, ENORMOUS))?;
        let missing = match (fill, missing) {
            (Some(fill), _) => Gap::Fill(fill),
            (None, Missing::DropRow) => Gap::DropRow,
            (None, _) => Gap::Error,
        };
        Ok(Numbers { column, missing, indicator, shift, scale })
    }

    fn names(&self, wanted: &Categorical) -> Result<Names> {
        let Categorical { column, missing, categories, ordinal, unseen } = wanted.clone();
        let place = self.table.column(&column)?;
        let gaps = self.marks.without(categories.as_deref().unwrap_or(&[]));
        let mut cells = Vec::with_capacity(self.rows.len());
        for &row in self.rows {
            let cell = self.table.cell(row, place);
            if !gaps.contains(cell) {
                cells.push(cell);
            } else if missing == Missing::Error {
                let needs = "the name of a category, or a `Categorical` that fills in, drops or counts missing values";
                return Err(self.table.cell_error(row, place, needs));
            }
        }
        let categories: Vec<String> = match categories {
            Some(categories) => categories,
            None if cells.is_empty() => return Err(self.refused(&column, NOTHING)),
            None => names(cells.iter().copied(), self.table.format()).into_iter().map(String::from).collect(),
        };
        let missing = match missing {
            Missing::DropRow => Gap::DropRow,
            Missing::Category => Gap::Category,
            Missing::Fill(fill) if !categories.contains(&fill) => {
                let problem = format!("`{fill}` for missing values is none of the categories {}", list(&categories));
                return Err(self.refused(&column, &problem));
            }
            Missing::Fill(fill) => Gap::Fill(fill),
            Missing::MostFrequent => {
                let format = self.table.format();
                let known = Known::new(categories.iter().map(String::as_str), format);
                let mut counts = vec![0; categories.len()];
                cells.iter().filter_map(|cell| known.place(cell, format)).for_each(|place| counts[place] += 1);
                // Of several the first: `max_by_key` takes the last.
                let most = (0..counts.len()).rev().max_by_key(|&place| counts[place]);
                let most = most.filter(|&place| counts[place] > 0).ok_or_else(|| self.refused(&column, NOTHING))?;
                Gap::Fill(categories[most].clone())
            }
            Missing::Error | Missing::Mean | Missing::Median => Gap::Error,
        };
        let encoding = if ordinal { Encoding::Ordinal } else { Encoding::OneHot };
        let unseen = if unseen { Unseen::Category } else { Unseen::Error };
        Ok(Names { column, categories, encoding, missing, unseen })
    }

    fn refused(&self, column: &str, problem: &str) -> Error {
        Error::invalid("schema", format!("{}, column `{column}`: {problem}", self.table.file()))
    }
}

const NOTHING: &str = "all values are missing, so that nothing can be filled in; leave the column out";

/// The value that occurs most, the smallest of several.
fn most_frequent(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let runs = sorted.chunk_by(|a, b| a == b);
    runs.rev().max_by_key(|run| run.len()).map_or(0.0, |run| run[0])
}
