//! The columns of a schema: what was learnt, and what becomes of a cell.

use std::collections::HashSet;

use autograd::Float;
use serde::{Deserialize, Serialize};

use super::Marks;
use crate::data::classes::{Known, places};
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

    /// The number of [`features`](Self::features).
    pub(super) fn width(&self) -> usize {
        match self {
            Fitted::Numeric(numbers) => 1 + usize::from(numbers.indicator),
            Fitted::Categorical(names) => names.width(),
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

    /// The cells that have no value.
    pub(super) fn gaps<'m>(&self, marks: &'m Marks) -> HashSet<&'m str> {
        match self {
            Fitted::Numeric(_) => marks.without(&[]),
            Fitted::Categorical(names) => marks.without(&names.categories),
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
                let known = names.known(table);
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
        // Layers and losses square what they are given: beyond that, an answer would have nothing to do with the number.
        let scaled = (number - self.shift) / self.scale;
        match T::from_f64(scaled * scaled).is_finite() {
            true => Ok((T::from_f64(scaled), missing)),
            false => {
                let needs = format!("a number whose square {} can hold when it is scaled", T::NAME);
                Err(table.cell_error(row, column, &needs))
            }
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
    /// The places of the categories, for the cells of a table.
    pub(super) fn known(&self, table: &Table) -> Known<'_> {
        Known::new(self.categories.iter().map(String::as_str), table.format())
    }

    pub(super) fn place(
        &self,
        known: &Known<'_>,
        table: &Table,
        row: usize,
        column: usize,
        marks: &Marks,
    ) -> Result<usize> {
        let cell = table.cell(row, column);
        let n = self.categories.len();
        if let Some(place) = known.place(cell, table.format()) {
            return Ok(place);
        }
        let refused = |more: &str| {
            Err(table.cell_error(row, column, &format!("one of the categories {}{more}", list(&self.categories))))
        };
        match (marks.contain(cell), &self.missing, self.unseen) {
            (true, Gap::Fill(fill), _) => Ok(known.place(fill, table.format()).unwrap_or(n)),
            (true, Gap::Category, _) => Ok(n),
            (true, ..) => refused(", or a `Categorical` that fills in, drops or counts missing values"),
            (false, missing, Unseen::Category) => Ok(n + usize::from(*missing == Gap::Category)),
            (false, _, Unseen::Error) => refused(""),
        }
    }

    fn width(&self) -> usize {
        let more = usize::from(self.missing == Gap::Category) + usize::from(self.unseen == Unseen::Category);
        if self.encoding == Encoding::Ordinal { 1 } else { self.categories.len() + more }
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
        let places = places(self.categories.iter().map(String::as_str));
        let places = places.map_err(|twice| format!("category {twice}; give each once"))?;
        match &self.missing {
            Gap::Fill(fill) if !places.contains_key(fill.as_str()) => {
                Err(format!("`{fill}` for missing values is none of the categories {}", list(&self.categories)))
            }
            _ => Ok(()),
        }
    }
}
