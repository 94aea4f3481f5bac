//! What the columns of a table are: found out once, and said.

use std::collections::HashSet;

use mlp::{Categorical, Column, Error, Numeric, Schema, SchemaBuilder, Table};

use crate::args::{Scaling, Task, Train};
use crate::output::{Outcome, counted, failed};

/// The name of the only input in the schema; the target has the name of its column.
pub(crate) const INPUTS: &str = "inputs";

/// What was decided.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) schema: SchemaBuilder,
    pub(crate) classification: bool,
    /// Why the task is what it is.
    pub(crate) reason: String,
    pub(crate) numbers: usize,
    pub(crate) names: usize,
    /// The columns that are left out, and why.
    pub(crate) left_out: Vec<(String, String)>,
    /// The number of rows without a target.
    pub(crate) untold: usize,
}

/// What is in a column.
struct Found {
    rows: usize,
    missing: usize,
    numbers: usize,
    distinct: usize,
    whole: bool,
}

/// At most this many different whole numbers may be classes.
const CLASSES: usize = 20;

impl Found {
    fn of(table: &Table, column: &str) -> mlp::Result<Self> {
        let (cells, gaps) = (table.text(column)?, table.missing(column)?);
        let filled: Vec<&str> = cells.iter().zip(&gaps).filter(|(_, gap)| !**gap).map(|(cell, _)| *cell).collect();
        let numbers = table.numbers_or_none(column)?;
        let numbers: Vec<f64> = numbers.iter().zip(&gaps).filter(|(_, gap)| !**gap).filter_map(|(x, _)| *x).collect();
        // Equal numbers are one value, however they are written.
        let distinct = match numbers.len() == filled.len() {
            true => numbers.iter().map(|x| (x + 0.0).to_bits()).collect::<HashSet<_>>().len(),
            false => filled.iter().collect::<HashSet<_>>().len(),
        };
        let whole = numbers.iter().all(|x| x.fract() == 0.0);
        let rows = filled.len();
        Ok(Found { rows, missing: cells.len() - rows, numbers: numbers.len(), distinct, whole })
    }

    fn is_numeric(&self) -> bool {
        self.numbers == self.rows
    }

    /// Whether a few cells keep the column from being numbers, which are rather mistakes.
    fn is_nearly_numeric(&self) -> bool {
        !self.is_numeric() && 10 * self.numbers >= 9 * self.rows && self.distinct > CLASSES
    }
}

pub(crate) fn plan(table: &Table, train: &Train) -> Outcome<Plan> {
    let Train { target, .. } = train;
    for column in train.leave_out.iter().chain(&train.categories).chain([target]) {
        table.text(column)?;
    }
    if train.leave_out.contains(target) {
        return failed(format!("column `{target}` is the target, and left out; name another target or keep it"));
    }
    let goal = Found::of(table, target)?;
    if goal.rows == 0 {
        return failed(format!("column `{target}`: all values are missing; name another target"));
    }
    let (classification, reason) = task(train, &goal, table)?;
    let wanted = table.columns().iter().filter(|column| *column != target);
    let (mut columns, mut left_out) = (Vec::<Column>::new(), Vec::new());
    for column in wanted {
        if train.leave_out.contains(column) {
            left_out.push((column.clone(), "as told".to_string()));
            continue;
        }
        let found = Found::of(table, column)?;
        let chosen = train.categories.contains(column);
        let why = match &found {
            Found { rows: 0, .. } => Some("it has no values".to_string()),
            found if found.is_numeric() && !chosen => None,
            found if found.is_nearly_numeric() && !chosen => {
                let (n, rows) = (found.rows - found.numbers, counted(found.rows, "cell"));
                let cell = not_numbers(table, column);
                return failed(format!(
                    "{n} of {rows} are no numbers: {cell}; or give --categories or --leave-out {column}"
                ));
            }
            Found { distinct, rows, .. } if *distinct > CLASSES && 2 * distinct > *rows && !chosen => {
                let odd = odd_number(table, column);
                Some(format!("its text hardly repeats, {distinct} different in {}{odd}", counted(*rows, "row")))
            }
            _ => None,
        };
        match why {
            Some(why) => left_out.push((column.clone(), why)),
            None if found.is_numeric() && !chosen => columns.push(numeric(column, &found, train.scaling).into()),
            None => columns.push(categorical(column, &found).into()),
        }
    }
    if columns.is_empty() {
        let why = left_out.iter().map(|(column, why)| format!("`{column}` is left out: {why}")).collect::<Vec<_>>();
        let why = if why.is_empty() { "the table has no others".to_string() } else { why.join("; ") };
        return failed(format!(
            "no columns are left for inputs beside the target `{target}`: {why}; add columns of numbers, or give those of names with \
             --categories"
        ));
    }
    let names = columns.iter().filter(|column| matches!(column, Column::Categorical(_))).count();
    let numbers = columns.len() - names;
    let schema = Schema::builder().input(INPUTS, columns);
    let schema = match classification {
        true => schema.classes(target, Categorical::new(target).drop_missing()),
        false => schema.values(target, [Numeric::new(target).drop_missing().standard()]),
    };
    Ok(Plan { schema, classification, reason, numbers, names, left_out, untold: goal.missing })
}

/// Why a column is not one of numbers, by its first cell that is none.
fn not_numbers(table: &Table, column: &str) -> String {
    table.numbers::<f64>(&[column]).err().map(|error| error.to_string()).unwrap_or_default()
}

/// What keeps the first cell from being a number, if it is nearly one, such as `1.5` among decimal commas.
fn odd_number(table: &Table, column: &str) -> String {
    match table.numbers::<f64>(&[column]) {
        // The cell alone ends in its quote; a remark stands behind that.
        Err(Error::Cell { found, line, counted, .. }) if !found.ends_with('`') => {
            format!("; {counted} {line} has {found}")
        }
        _ => String::new(),
    }
}

/// Whether the target is a class, and why.
fn task(train: &Train, goal: &Found, table: &Table) -> Outcome<(bool, String)> {
    let (target, values) = (&train.target, counted(goal.distinct, "different value"));
    let few = goal.distinct <= CLASSES.min(goal.rows / 10).max(2);
    let (classification, reason) = match train.task {
        Task::Classification => (true, format!("as told, {values}")),
        Task::Regression if goal.is_numeric() => (false, "as told".to_string()),
        Task::Regression => {
            return failed(format!("regression needs numbers: {}", not_numbers(table, target)));
        }
        Task::Auto if goal.is_nearly_numeric() => {
            return failed(format!(
                "the target has numbers and text: {}; or give --task classification",
                not_numbers(table, target)
            ));
        }
        Task::Auto if !goal.is_numeric() => (true, format!("it has {values}, which are text")),
        Task::Auto if goal.whole && few => (true, format!("it has {values}, all whole numbers")),
        Task::Auto => (false, format!("it has {values}, all numbers")),
    };
    match goal.distinct {
        1 => failed(format!("column `{target}` has one value in all rows, so that there is nothing to learn")),
        n if classification && 2 * n > goal.rows && n > 2 => failed(format!(
            "column `{target}` has {n} classes in {}, which hardly repeat; name another target",
            counted(goal.rows, "row")
        )),
        _ => Ok((classification, reason)),
    }
}

/// Missing values are filled also where the table has none: others may.
fn numeric(column: &str, found: &Found, scaling: Scaling) -> Numeric {
    let numeric = Numeric::new(column).fill_median();
    let numeric = if found.missing > 0 { numeric.indicator() } else { numeric };
    match scaling {
        Scaling::MinMax => numeric.min_max(),
        Scaling::Standard => numeric.standard(),
        Scaling::Robust => numeric.robust(),
    }
}

fn categorical(column: &str, found: &Found) -> Categorical {
    let categorical = Categorical::new(column).unseen_as_category();
    match found.missing {
        0 => categorical.fill_most_frequent(),
        _ => categorical.missing_as_category(),
    }
}
