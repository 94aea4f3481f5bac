//! [`Numeric`] and [`Categorical`]: what is to be learnt from a column.

use crate::data::scaler::Scaling;

/// A column of numbers: how it is scaled, and what stands for missing values.
///
/// Unless told otherwise, it is not scaled, and a missing value is an error. Missing values are filled in first; scales
/// are those of the filled column.
///
/// ```
/// use mlp::{Numeric, Schema, Table};
/// let table = Table::parse("t", "age\n20\n?\n40\n".as_bytes())?;
/// let age = Numeric::new("age").fill_mean().indicator().min_max();
/// let schema = Schema::builder().input("inputs", [age]).fit(&table)?;
/// assert_eq!(schema.features("inputs")?, ["age", "age (missing)"]);
/// assert_eq!(schema.inputs_of(&table)?, [[0.0, 0.0], [0.5, 1.0], [1.0, 0.0]].into());
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Numeric {
    pub(super) column: String,
    pub(super) missing: Missing<f64>,
    pub(super) indicator: bool,
    pub(super) scaling: Scaling,
}

/// A column of names: which there are, and which numbers they become.
///
/// Unless told otherwise, the categories are those of the training table, sorted as by
/// [`Table::classes`](crate::Table::classes); each becomes a column that is 1 for it and else 0 (one-hot); a missing value
/// and a category that the training table does not have are errors.
///
/// ```
/// use mlp::{Categorical, Schema, Table};
/// let table = Table::parse("t", "kind\nrose\niris\n".as_bytes())?;
/// let schema = Schema::builder().input("inputs", [Categorical::new("kind").unseen_as_category()]).fit(&table)?;
/// assert_eq!(schema.features("inputs")?, ["kind=iris", "kind=rose", "kind (unseen)"]);
/// let other = Table::parse("other", "kind\nlily\nrose\n".as_bytes())?;
/// assert_eq!(schema.inputs_of(&other)?, [[0.0, 0.0, 1.0], [0.0, 1.0, 0.0]].into());
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Categorical {
    pub(super) column: String,
    pub(super) missing: Missing<String>,
    pub(super) categories: Option<Vec<String>>,
    pub(super) ordinal: bool,
    pub(super) unseen: bool,
}

/// What becomes of missing values.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Missing<V> {
    Error,
    DropRow,
    Fill(V),
    Mean,
    Median,
    MostFrequent,
    Category,
}

/// A column of any kind: `Numeric::new("age").into()`, where columns of both kinds stand side by side.
///
/// ```
/// use mlp::{Categorical, Column, Numeric};
/// let columns: [Column; 2] = [Numeric::new("age").into(), Categorical::new("kind").into()];
/// assert_ne!(columns[0], columns[1]);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// Numbers.
    Numeric(Numeric),
    /// Names.
    Categorical(Categorical),
}

impl From<Numeric> for Column {
    fn from(column: Numeric) -> Self {
        Column::Numeric(column)
    }
}

impl From<Categorical> for Column {
    fn from(column: Categorical) -> Self {
        Column::Categorical(column)
    }
}

impl Numeric {
    /// The numbers of a column as they are.
    ///
    /// ```
    /// use mlp::{Numeric, Schema, Table};
    /// let table = Table::parse("t", "x,y\n1,2\n".as_bytes())?;
    /// let schema = Schema::builder().input("inputs", ["y", "x"].map(Numeric::new)).fit(&table)?;
    /// assert_eq!(schema.inputs_of(&table)?, [[2.0, 1.0]].into());
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn new(column: impl Into<String>) -> Self {
        Numeric { column: column.into(), missing: Missing::Error, indicator: false, scaling: Scaling::Nothing }
    }

    /// Scales to mean 0 and standard deviation 1 of the training table; see [`Scaler::standard`](crate::Scaler::standard).
    pub fn standard(self) -> Self {
        Numeric { scaling: Scaling::Standard, ..self }
    }

    /// Scales to the range from 0 to 1 of the training table; see [`Scaler::min_max`](crate::Scaler::min_max).
    pub fn min_max(self) -> Self {
        Numeric { scaling: Scaling::MinMax, ..self }
    }

    /// Scales to median 0 and interquartile range 1 of the training table; see [`Scaler::robust`](crate::Scaler::robust).
    pub fn robust(self) -> Self {
        Numeric { scaling: Scaling::Robust, ..self }
    }

    /// Drops rows in which the value is missing.
    ///
    /// ```
    /// use mlp::{Numeric, Schema, Table};
    /// let table = Table::parse("t", "x,y\n1,2\nNA,3\n5,6\n".as_bytes())?;
    /// let columns = [Numeric::new("x").drop_missing(), Numeric::new("y")];
    /// let schema = Schema::builder().input("inputs", columns).fit(&table)?;
    /// assert_eq!(schema.inputs_of(&table)?, [[1.0, 2.0], [5.0, 6.0]].into());
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn drop_missing(self) -> Self {
        Numeric { missing: Missing::DropRow, ..self }
    }

    /// Puts the mean of the training table for missing values.
    pub fn fill_mean(self) -> Self {
        Numeric { missing: Missing::Mean, ..self }
    }

    /// Puts the median of the training table for missing values, between the middle two if their number is even.
    pub fn fill_median(self) -> Self {
        Numeric { missing: Missing::Median, ..self }
    }

    /// Puts the most frequent number of the training table for missing values, the smallest of several.
    pub fn fill_most_frequent(self) -> Self {
        Numeric { missing: Missing::MostFrequent, ..self }
    }

    /// Puts a number for missing values, in the units of the column.
    pub fn fill(self, number: f64) -> Self {
        Numeric { missing: Missing::Fill(number), ..self }
    }

    /// Adds a column that is 1 where the value was missing, else 0; something must be filled in there.
    pub fn indicator(self) -> Self {
        Numeric { indicator: true, ..self }
    }
}

impl Categorical {
    /// The categories of the training table, one-hot.
    pub fn new(column: impl Into<String>) -> Self {
        let column = column.into();
        Categorical { column, missing: Missing::Error, categories: None, ordinal: false, unseen: false }
    }

    /// Gives the categories and their order; another in the training table is then an error, as in any table.
    ///
    /// ```
    /// use mlp::{Categorical, Schema, Table};
    /// let table = Table::parse("t", "size\nlarge\nsmall\n".as_bytes())?;
    /// let size = Categorical::new("size").categories(["small", "medium", "large"]).ordinal();
    /// let schema = Schema::builder().input("inputs", [size]).fit(&table)?;
    /// assert_eq!(schema.inputs_of(&table)?, [[2.0], [0.0]].into());
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn categories(self, categories: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Categorical { categories: Some(categories.into_iter().map(Into::into).collect()), ..self }
    }

    /// Becomes one column, which counts the categories from 0 in their order.
    pub fn ordinal(self) -> Self {
        Categorical { ordinal: true, ..self }
    }

    /// Takes a category that is not known as one more, behind the known ones.
    pub fn unseen_as_category(self) -> Self {
        Categorical { unseen: true, ..self }
    }

    /// Drops rows in which the category is missing.
    pub fn drop_missing(self) -> Self {
        Categorical { missing: Missing::DropRow, ..self }
    }

    /// Puts the most frequent category of the training table for missing ones, the first of several.
    pub fn fill_most_frequent(self) -> Self {
        Categorical { missing: Missing::MostFrequent, ..self }
    }

    /// Puts a category for missing ones.
    pub fn fill(self, category: impl Into<String>) -> Self {
        Categorical { missing: Missing::Fill(category.into()), ..self }
    }

    /// Takes a missing value as a category of its own, behind the known ones.
    ///
    /// ```
    /// use mlp::{Categorical, Schema, Table};
    /// let table = Table::parse("t", "kind,x\niris,1\n,2\n".as_bytes())?;
    /// let schema = Schema::builder().input("inputs", [Categorical::new("kind").missing_as_category()]).fit(&table)?;
    /// assert_eq!(schema.features("inputs")?, ["kind=iris", "kind (missing)"]);
    /// assert_eq!(schema.inputs_of(&table)?, [[1.0, 0.0], [0.0, 1.0]].into());
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn missing_as_category(self) -> Self {
        Categorical { missing: Missing::Category, ..self }
    }
}
