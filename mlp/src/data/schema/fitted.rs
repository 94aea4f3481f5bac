//! The columns of a schema: what was learnt, and what becomes of a cell.

use std::collections::HashMap;

use autograd::Float;
use serde::{Deserialize, Serialize};

use super::Marks;
use crate::data::scaler::{FITS, fits};
use crate::data::table::Table;
use crate::error::{Result, list, shown};

/// A column of inputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Fitted {
    Numeric(Numbers),
    Categorical(Names),
}

/// `(x − shift) / scale`, and an indicator of missing values if wanted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Numbers {
    pub(super) column: String,
    pub(super) missing: Gap<f64>,
    pub(super) indicator: bool,
    pub(super) shift: f64,
    pub(super) scale: f64,
}

/// The place among `categories`, behind them that of a missing and of an unseen category if they are taken for one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Names {
    pub(super) column: String,
    pub(super) categories: Vec<String>,
    pub(super) encoding: Encoding,
    pub(super) missing: Gap<String>,
    pub(super) unseen: Unseen,
}

/// What becomes of a missing value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Gap<V> {
    Error,
    DropRow,
    Category,
    Fill(V),
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Encoding {
    OneHot,
    Ordinal,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Unseen {
    Error,
    Category,
}

impl Fitted {
    pub(super) fn column(&self) -> &str {
        match self {
            Fitted::Numeric(numbers) => &numbers.column,
            Fitted::Categorical(names) => &names.column,
        }
    }

    pub(super) fn features(&self) -> Vec<String> {
        match self {
            Fitted::Numeric(numbers) => numbers.features(),
            Fitted::Categorical(names) => names.features(),
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        match self {
            Fitted::Numeric(numbers) => numbers.check(),
            Fitted::Categorical(names) => names.check(),
        }
    }

    /// Whether this may be a column of a target: nothing is made up.
    pub(super) fn is_target(&self) -> bool {
        match self {
            Fitted::Numeric(numbers) => matches!(numbers.missing, Gap::Error | Gap::DropRow),
            Fitted::Categorical(names) => {
                let plain = matches!(names.missing, Gap::Error | Gap::DropRow) && names.unseen == Unseen::Error;
                plain && names.encoding == Encoding::Ordinal
            }
        }
    }

    /// Whether a row with a missing value is dropped.
    pub(super) fn drops(&self) -> bool {
        match self {
            Fitted::Numeric(numbers) => numbers.missing == Gap::DropRow,
            Fitted::Categorical(names) => names.missing == Gap::DropRow,
        }
    }

    /// Whether a cell has no value.
    pub(super) fn is_missing(&self, cell: &str, marks: &Marks) -> bool {
        match self {
            Fitted::Numeric(_) => marks.contain(cell),
            Fitted::Categorical(names) => marks.contain_unless(cell, &names.categories),
        }
    }

    /// Writes what becomes of the cells in `rows` into `values`, which have rows of `width`, from the place `at` on.
    pub(super) fn encode<T: Float>(
        &self,
        table: &Table,
        rows: &[usize],
        marks: &Marks,
        values: &mut [T],
        (width, at): (usize, usize),
    ) -> Result<()> {
        let column = table.column(self.column())?;
        let places = rows.iter().zip(values.chunks_mut(width));
        match self {
            Fitted::Numeric(numbers) => {
                for (&row, values) in places {
                    let (number, missing) = numbers.value(table, row, column, marks)?;
                    values[at] = number;
                    if numbers.indicator {
                        values[at + 1] = T::from_f64(f64::from(u8::from(missing)));
                    }
                }
            }
            Fitted::Categorical(names) => {
                let known = names.known();
                for (&row, values) in places {
                    let place = names.place(&known, table, row, column, marks)?;
                    match names.encoding {
                        Encoding::OneHot => values[at + place] = T::from_f64(1.0),
                        Encoding::Ordinal => values[at] = T::from_f64(place as f64),
                    }
                }
            }
        }
        Ok(())
    }
}

/// The repair where nothing is told about missing values.
pub(super) const NUMBER: &str = "a finite number, or a `Numeric` that fills in or drops missing values";

impl Numbers {
    /// The scaled number of a cell, and whether it was filled in.
    pub(super) fn value<T: Float>(&self, table: &Table, row: usize, column: usize, marks: &Marks) -> Result<(T, bool)> {
        let missing = marks.contain(table.cell(row, column));
        let number = match self.missing {
            Gap::Fill(fill) if missing => fill,
            _ if missing => return Err(table.cell_error(row, column, NUMBER)),
            _ => table.number(row, column)?,
        };
        let scaled = T::from_f64((number - self.shift) / self.scale);
        match scaled.is_finite() {
            true => Ok((scaled, missing)),
            false => Err(table.cell_error(row, column, "a number that stays finite when it is scaled")),
        }
    }

    pub(super) fn features(&self) -> Vec<String> {
        let mut features = vec![self.column.clone()];
        if self.indicator {
            features.push(format!("{} (missing)", self.column));
        }
        features
    }

    fn check(&self) -> Result<(), String> {
        if !fits(self.shift, self.scale) {
            return Err(format!("shift {} and scale {}; {FITS}", shown(self.shift), shown(self.scale)));
        }
        match self.missing {
            Gap::Fill(fill) if !fill.is_finite() => Err(format!("{} for missing values is not finite", shown(fill))),
            Gap::Category => Err("numbers have no category for missing values; fill in a number".to_string()),
            Gap::Error | Gap::DropRow if self.indicator => {
                Err("an indicator of missing values, but nothing is filled in for them; choose a number".to_string())
            }
            _ => Ok(()),
        }
    }
}

impl Names {
    /// The place of each category.
    pub(super) fn known(&self) -> HashMap<&str, usize> {
        self.categories.iter().enumerate().map(|(i, name)| (name.as_str(), i)).collect()
    }

    pub(super) fn place(
        &self,
        known: &HashMap<&str, usize>,
        table: &Table,
        row: usize,
        column: usize,
        marks: &Marks,
    ) -> Result<usize> {
        let cell = table.cell(row, column);
        let n = self.categories.len();
        if let Some(&place) = known.get(cell) {
            return Ok(place);
        }
        let refused = |more: &str| {
            Err(table.cell_error(row, column, &format!("one of the categories {}{more}", list(&self.categories))))
        };
        match (marks.contain(cell), &self.missing, self.unseen) {
            (true, Gap::Fill(fill), _) => Ok(known.get(fill.as_str()).copied().unwrap_or(n)),
            (true, Gap::Category, _) => Ok(n),
            (true, ..) => refused(", or a `Categorical` that fills in, drops or counts missing values"),
            (false, missing, Unseen::Category) => Ok(n + usize::from(*missing == Gap::Category)),
            (false, _, Unseen::Error) => refused(""),
        }
    }

    fn features(&self) -> Vec<String> {
        let column = &self.column;
        if self.encoding == Encoding::Ordinal {
            return vec![column.clone()];
        }
        let mut features: Vec<String> = self.categories.iter().map(|name| format!("{column}={name}")).collect();
        if self.missing == Gap::Category {
            features.push(format!("{column} (missing)"));
        }
        if self.unseen == Unseen::Category {
            features.push(format!("{column} (unseen)"));
        }
        features
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if self.categories.is_empty() {
            return Err("no categories; at least one is needed".to_string());
        }
        let known = self.known();
        if let Some((i, name)) = self.categories.iter().enumerate().find(|&(i, name)| known[name.as_str()] != i) {
            return Err(format!(
                "category `{name}` is given twice, as {i} and {}; give each once",
                known[name.as_str()]
            ));
        }
        match &self.missing {
            Gap::Fill(fill) if !known.contains_key(fill.as_str()) => {
                Err(format!("`{fill}` for missing values is none of the categories {}", list(&self.categories)))
            }
            _ => Ok(()),
        }
    }
}
