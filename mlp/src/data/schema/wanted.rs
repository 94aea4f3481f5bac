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
/// [`Table::classes`](crate::Table::classes), equal numbers as one; each becomes a column that is 1 for it and else 0 (one-hot); a missing value
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
    ///
    /// ```
    /// use mlp::{Numeric, Schema, Table};
    /// let table = Table::parse("t", "x\n1\n3\n".as_bytes())?;
    /// let schema = Schema::builder().input("inputs", [Numeric::new("x").standard()]).fit(&table)?;
    /// assert_eq!(schema.inputs_of(&table)?, [[-1.0], [1.0]].into());
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn standard(self) -> Self {
        Numeric { scaling: Scaling::Standard, ..self }
    }

    /// Scales to the range from 0 to 1 of the training table; see [`Scaler::min_max`](crate::Scaler::min_max).
    ///
    /// ```
    /// use mlp::{Numeric, Schema, Table};
    /// let table = Table::parse("t", "x\n1\n2\n5\n".as_bytes())?;
    /// let schema = Schema::builder().input("inputs", [Numeric::new("x").min_max()]).fit(&table)?;
    /// assert_eq!(schema.inputs_of(&table)?, [[0.0], [0.25], [1.0]].into());
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn min_max(self) -> Self {
        Numeric { scaling: Scaling::MinMax, ..self }
    }

    /// Scales to median 0 and interquartile range 1 of the training table; see [`Scaler::robust`](crate::Scaler::robust).
    ///
    /// ```
    /// use mlp::{Numeric, Schema, Table};
    /// let table = Table::parse("t", "x\n1\n2\n3\n4\n99\n".as_bytes())?;
    /// let schema = Schema::builder().input("inputs", [Numeric::new("x").robust()]).fit(&table)?;
    /// assert_eq!(schema.inputs_of(&table)?, [[-1.0], [-0.5], [0.0], [0.5], [48.0]].into());
    /// # Ok::<(), mlp::Error>(())
    /// ```
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
    ///
    /// ```
    /// use mlp::{Numeric, Schema, Table};
    /// let table = Table::parse("t", "x\n1\n?\n4\n".as_bytes())?;
    /// let schema = Schema::builder().input("inputs", [Numeric::new("x").fill_mean()]).fit(&table)?;
    /// assert_eq!(schema.inputs_of(&table)?, [[1.0], [2.5], [4.0]].into());
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn fill_mean(self) -> Self {
        Numeric { missing: Missing::Mean, ..self }
    }

    /// Puts the median of the training table for missing values, between the middle two if their number is even.
    ///
    /// ```
    /// use mlp::{Numeric, Schema, Table};
    /// let table = Table::parse("t", "x\n1\n?\n2\n9\n".as_bytes())?;
    /// let schema = Schema::builder().input("inputs", [Numeric::new("x").fill_median()]).fit(&table)?;
    /// assert_eq!(schema.inputs_of(&table)?, [[1.0], [2.0], [2.0], [9.0]].into());
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn fill_median(self) -> Self {
        Numeric { missing: Missing::Median, ..self }
    }

    /// Puts the most frequent number of the training table for missing values, the smallest of several.
    ///
    /// ```
    /// use mlp::{Numeric, Schema, Table};
    /// let table = Table::parse("t", "x\n5\n?\n5\n1\n".as_bytes())?;
    /// let schema = Schema::builder().input("inputs", [Numeric::new("x").fill_most_frequent()]).fit(&table)?;
    /// assert_eq!(schema.inputs_of(&table)?, [[5.0], [5.0], [5.0], [1.0]].into());
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn fill_most_frequent(self) -> Self {
        Numeric { missing: Missing::MostFrequent, ..self }
    }

    /// Puts a number for missing values, in the units of the column.
    ///
    /// ```
    /// use mlp::{Numeric, Schema, Table};
    /// let table = Table::parse("t", "x\n1\n?\n".as_bytes())?;
    /// let schema = Schema::builder().input("inputs", [Numeric::new("x").fill(-1.0)]).fit(&table)?;
    /// assert_eq!(schema.inputs_of(&table)?, [[1.0], [-1.0]].into());
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn fill(self, number: f64) -> Self {
        Numeric { missing: Missing::Fill(number), ..self }
    }

    /// Adds a column that is 1 where the value was missing, else 0; something must be filled in there.
    ///
    /// ```
    /// use mlp::{Numeric, Schema, Table};
    /// let table = Table::parse("t", "x\n1\n?\n".as_bytes())?;
    /// let schema = Schema::builder().input("inputs", [Numeric::new("x").fill(0.0).indicator()]).fit(&table)?;
    /// assert_eq!(schema.inputs_of(&table)?, [[1.0, 0.0], [0.0, 1.0]].into());
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn indicator(self) -> Self {
        Numeric { indicator: true, ..self }
    }
}

impl Categorical {
    /// The categories of the training table, one-hot.
    ///
    /// ```
    /// use mlp::{Categorical, Schema, Table};
    /// let table = Table::parse("t", "k\nb\na\n".as_bytes())?;
    /// let schema = Schema::builder().input("inputs", [Categorical::new("k")]).fit(&table)?;
    /// assert_eq!(schema.inputs_of(&table)?, [[0.0, 1.0], [1.0, 0.0]].into());
    /// # Ok::<(), mlp::Error>(())
    /// ```
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
    ///
    /// ```
    /// use mlp::{Categorical, Schema, Table};
    /// let table = Table::parse("t", "k\nb\na\nc\n".as_bytes())?;
    /// let schema = Schema::builder().input("inputs", [Categorical::new("k").ordinal()]).fit(&table)?;
    /// assert_eq!(schema.inputs_of(&table)?, [[1.0], [0.0], [2.0]].into());
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn ordinal(self) -> Self {
        Categorical { ordinal: true, ..self }
    }

    /// Takes a category that is not known as one more, behind the known ones.
    ///
    /// ```
    /// use mlp::{Categorical, Schema, Table};
    /// let table = |text: &str| Table::parse("t", text.as_bytes());
    /// let kind = Categorical::new("k").ordinal().unseen_as_category();
    /// let schema = Schema::builder().input("inputs", [kind]).fit(&table("k\na\nb\n")?)?;
    /// assert_eq!(schema.inputs_of(&table("k\nb\nz\n")?)?, [[1.0], [2.0]].into());
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn unseen_as_category(self) -> Self {
        Categorical { unseen: true, ..self }
    }

    /// Drops rows in which the category is missing.
    ///
    /// ```
    /// use mlp::{Categorical, Schema, Table};
    /// let table = Table::parse("t", "k\nb\n?\na\n".as_bytes())?;
    /// let schema = Schema::builder().input("inputs", [Categorical::new("k").drop_missing()]).fit(&table)?;
    /// assert_eq!(schema.inputs_of(&table)?, [[0.0, 1.0], [1.0, 0.0]].into());
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn drop_missing(self) -> Self {
        Categorical { missing: Missing::DropRow, ..self }
    }

    /// Puts the most frequent category of the training table for missing ones, the first of several.
    ///
    /// ```
    /// use mlp::{Categorical, Schema, Table};
    /// let table = Table::parse("t", "k\nb\n?\na\nb\n".as_bytes())?;
    /// let schema = Schema::builder().input("inputs", [Categorical::new("k").fill_most_frequent().ordinal()]).fit(&table)?;
    /// assert_eq!(schema.inputs_of(&table)?, [[1.0], [1.0], [0.0], [1.0]].into());
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn fill_most_frequent(self) -> Self {
        Categorical { missing: Missing::MostFrequent, ..self }
    }

    /// Puts a category for missing ones.
    ///
    /// ```
    /// use mlp::{Categorical, Schema, Table};
    /// let table = Table::parse("t", "k\nb\n?\na\n".as_bytes())?;
    /// let schema = Schema::builder().input("inputs", [Categorical::new("k").fill("a").ordinal()]).fit(&table)?;
    /// assert_eq!(schema.inputs_of(&table)?, [[1.0], [0.0], [0.0]].into());
    /// # Ok::<(), mlp::Error>(())
    /// ```
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
