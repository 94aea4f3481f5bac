//! [`Table`]: a file whose columns are read as numbers, classes or text.
//!
//! A table guesses no column types, fills in no missing cells and drops no rows. Its errors name the cell that cannot
//! be read.

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

use autograd::{Float, Tensor};

use super::cells::{Cells, Format};
use super::chunks::text;
use super::classes::{Known, names, places};
use super::csv::Csv;
use super::oddity::oddity;
use crate::error::{Error, Result, list};

/// A table of text with named columns, from a file.
///
/// [`Csv`] reads files with other separators, without a header line, or with comments; `Columnar`, with the feature `arrow`, those of Arrow and Parquet.
///
/// ```
/// use mlp::Table;
/// let text = "width,height,kind\n1.5,2.0,iris\n0.5,4.0,rose\n";
/// let table = Table::parse("flowers.csv", text.as_bytes())?;
/// assert_eq!(table.columns(), ["width", "height", "kind"]);
/// assert_eq!(table.numbers(&["height", "width"])?, [[2.0, 1.5], [4.0, 0.5]].into());
/// assert_eq!(table.classes("kind")?, (vec![0, 1], vec!["iris".into(), "rose".into()]));
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Table {
    file: String,
    cells: Cells,
    format: Format,
    /// The index of each column by name; `None` if several columns have the name.
    places: HashMap<String, Option<usize>>,
}

/// Common markers of a missing value.
pub(super) const MISSING: [&str; 9] = ["NA", "N/A", "n/a", "NaN", "nan", "NAN", "null", "NULL", "?"];

fn is_missing(cell: &str) -> bool {
    cell.is_empty() || MISSING.contains(&cell)
}

impl Table {
    /// Reads a file of commas with a header line; see [`parse`](Table::parse).
    ///
    /// ```
    /// let error = mlp::Table::read("no/such/file.csv").unwrap_err();
    /// assert!(error.to_string().starts_with("no/such/file.csv: "));
    /// ```
    ///
    /// # Errors
    /// As [`parse`](Table::parse), and [`Error::Io`] if the file cannot be read.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        Csv::new().read(path)
    }

    /// Parses a table from any reader; `name` stands for the file in messages.
    ///
    /// ```
    /// let table = mlp::Table::parse("typed in", "x,y\n1,2\n".as_bytes())?;
    /// assert_eq!(table.rows(), 1);
    /// let error = mlp::Table::parse("typed in", "x,kind\n1,\"cat\n2,dog\n".as_bytes()).unwrap_err().to_string();
    /// assert_eq!(
    ///     error,
    ///     "typed in, line 2: a quote is opened and never closed; close it, and write each quote inside a cell twice"
    /// );
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Csv`] with the line, if
    /// - a row has more or fewer cells than the header, or repeats it;
    /// - a quote stands inside a cell or after a space, is followed by text, or is never closed;
    /// - cells are separated by semicolons, tabs or bars, or a line is a comment;
    /// - the header contains numbers: numeric names must be quoted, unless they are whole numbers, such as years, next
    ///   to other names, or count 0, 1, 2, …;
    /// - the text is not UTF-8.
    ///
    /// [`Error::Empty`] without rows below the header, [`Error::Io`] if reading fails.
    pub fn parse(name: impl Into<String>, reader: impl Read) -> Result<Self> {
        Csv::new().parse(name, reader)
    }

    pub(super) fn whole(file: String, mut reader: impl Read, format: &Format) -> Result<Self> {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).map_err(Error::io(file.as_ref()))?;
        let cells = text(&bytes, 1).and_then(|text| Cells::parse(text, format));
        match cells {
            Ok(cells) => Self::new(file, cells, format.clone()),
            Err((line, problem)) => Err(Error::Csv { file, line, problem }),
        }
    }

    pub(super) fn new(file: String, cells: Cells, format: Format) -> Result<Self> {
        if cells.len() == 0 {
            return Err(Error::Empty { what: file });
        }
        let mut places = HashMap::with_capacity(cells.columns.len());
        for (i, column) in cells.columns.iter().enumerate() {
            places.entry(column.clone()).and_modify(|place| *place = None).or_insert(Some(i));
        }
        Ok(Table { file, cells, format, places })
    }

    /// Selects rows by index, in the given order; they keep their lines in messages.
    ///
    /// ```
    /// let table = mlp::Table::parse("t", "x\n1\n2\nthree\n".as_bytes())?;
    /// assert_eq!(table.select(&[1, 0])?.numbers::<f64>(&["x"])?, [[2.0], [1.0]].into());
    /// let error = table.select(&[2])?.numbers::<f64>(&["x"]).unwrap_err().to_string();
    /// assert!(error.starts_with("t, line 4, column `x`: found `three`"));
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Empty`] without indices, [`Error::Invalid`] if a row does not exist.
    pub fn select(&self, rows: &[usize]) -> Result<Self> {
        if let Some(row) = rows.iter().find(|&&row| row >= self.rows()) {
            let why = format!("row {row} does not exist; rows are 0 to {}", self.rows() - 1);
            return Err(Error::invalid("select", why));
        }
        if rows.is_empty() {
            return Err(Error::Empty { what: "select".to_string() });
        }
        Ok(self.with(self.cells.select(rows)))
    }

    /// A table of rows of this file, which [`row`](Self::row) took.
    pub(super) fn with_rows(&self, rows: &[Cells]) -> Self {
        let mut cells = self.cells.select(&[]);
        rows.iter().for_each(|row| cells.join(row));
        self.with(cells)
    }

    pub(super) fn row(&self, row: usize) -> Cells {
        self.cells.select(&[row])
    }

    fn with(&self, cells: Cells) -> Self {
        let (file, format, places) = (self.file.clone(), self.format.clone(), self.places.clone());
        Table { file, cells, format, places }
    }

    /// The names of the columns, in the order of the file.
    pub fn columns(&self) -> &[String] {
        &self.cells.columns
    }

    /// The number of rows below the header; never 0.
    pub fn rows(&self) -> usize {
        self.cells.len()
    }

    /// Reads columns as numbers, of shape (rows, columns).
    ///
    /// ```
    /// let table = mlp::Table::parse("t", "x,y\n1,2\n3,4\n".as_bytes())?;
    /// let x: autograd::Tensor<f32> = table.numbers(&["y"])?;
    /// assert_eq!(x, [[2.0], [4.0]].into());
    /// let error = mlp::Table::parse("t", "x\n1\nmany\n".as_bytes())?.numbers::<f64>(&["x"]).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "t, line 3, column `x`: found `many`, needs a finite number; correct the cell or drop the row"
    /// );
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Cell`] if a cell is not a number, NaN, infinite, or too large for `T`; [`Error::MissingColumn`];
    /// [`Error::Invalid`] without column names.
    pub fn numbers<T: Float>(&self, columns: &[impl AsRef<str>]) -> Result<Tensor<T>> {
        if columns.is_empty() {
            return Err(Error::invalid("numbers", "no columns named; name at least one"));
        }
        let columns: Vec<usize> = columns.iter().map(|name| self.column(name.as_ref())).collect::<Result<_>>()?;
        let mut values = Vec::with_capacity(self.rows() * columns.len());
        for row in 0..self.rows() {
            for &column in &columns {
                values.push(self.number(row, column)?);
            }
        }
        Ok(Tensor::try_new([self.rows(), columns.len()], values)?)
    }

    /// Reads a column as classes: the class index of each row, and the class names.
    ///
    /// The classes are sorted: as numbers if all of them are numbers, else as text. The indices therefore do not
    /// depend on the order of the rows. If all are numbers, equal ones such as `1` and `1.0` are one class, with the name that comes
    /// first in the table; `007` is a code, and no number. Another table may have other classes: read it with
    /// [`known_classes`](Table::known_classes) and the classes of this one.
    ///
    /// ```
    /// let table = mlp::Table::parse("t", "size\n10\n9\n10\n".as_bytes())?;
    /// assert_eq!(table.classes("size")?, (vec![1, 0, 1], vec!["9".into(), "10".into()]));
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Cell`] if a cell is empty, or marks a missing value, such as `NA` or `?` (if the marker is a class,
    /// pass it to [`known_classes`](Table::known_classes)); [`Error::MissingColumn`].
    pub fn classes(&self, column: &str) -> Result<(Vec<usize>, Vec<String>)> {
        let column = self.column(column)?;
        if let Some(row) = (0..self.rows()).find(|&row| is_missing(self.cells.get(row, column))) {
            return Err(self.cell_error(row, column, "the name of a class"));
        }
        let names = names(self.column_cells(column), &self.format);
        let known = Known::new(names.iter().copied(), &self.format);
        let label = |cell| known.place(cell, &self.format).expect("the name of a cell of this column");
        Ok((self.column_cells(column).map(label).collect(), names.into_iter().map(str::to_string).collect()))
    }

    /// Reads a column as known classes: the index of each row among `classes`.
    ///
    /// The classes are usually those of the training table. If all are numbers, another spelling of one, such as `1.0` for `1`, is that one.
    ///
    /// ```
    /// use mlp::Table;
    /// let train = Table::parse("train.csv", "kind\nbicycle\ncar\ncow\n".as_bytes())?;
    /// let (_, names) = train.classes("kind")?;
    /// let test = Table::parse("test.csv", "kind\nbicycle\ncow\n".as_bytes())?;
    /// assert_eq!(test.known_classes("kind", &names)?, [0, 2]); // `classes` would return 0 and 1
    /// let other = Table::parse("other.csv", "kind\ncow\ngoat\n".as_bytes())?;
    /// assert_eq!(
    ///     other.known_classes("kind", &names).unwrap_err().to_string(),
    ///     "other.csv, line 3, column `kind`: found `goat`, needs one of the classes `bicycle`, `car`, `cow`; \
    ///      correct the cell or drop the row"
    /// );
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Cell`] if a cell is not among the classes; [`Error::MissingColumn`]; [`Error::Invalid`] if `classes` is
    /// empty or names a class twice.
    pub fn known_classes(&self, column: &str, classes: &[impl AsRef<str>]) -> Result<Vec<usize>> {
        if classes.is_empty() {
            return Err(Error::invalid("known_classes", "no classes given; give those of the training"));
        }
        let column = self.column(column)?;
        let twice = |twice| Error::invalid("known_classes", format!("class {twice}; give each class once"));
        places(classes.iter().map(AsRef::as_ref)).map_err(twice)?;
        let unknown = |row| {
            let names: Vec<String> = classes.iter().map(|class| class.as_ref().to_string()).collect();
            self.cell_error(row, column, &format!("one of the classes {}", list(&names)))
        };
        let known = Known::new(classes.iter().map(AsRef::as_ref), &self.format);
        let label = |row| known.place(self.cells.get(row, column), &self.format).ok_or_else(|| unknown(row));
        (0..self.rows()).map(label).collect()
    }

    /// Reads a column of integer labels from 0 to `classes` − 1.
    ///
    /// ```
    /// let table = mlp::Table::parse("t", "digit\n7\n0\n".as_bytes())?;
    /// assert_eq!(table.labels("digit", 10)?, [7, 0]);
    /// assert!(table.labels("digit", 7).is_err());
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Cell`] if a cell is not such a label; [`Error::MissingColumn`]; [`Error::Invalid`] if `classes` is 0.
    pub fn labels(&self, column: &str, classes: usize) -> Result<Vec<usize>> {
        if classes == 0 {
            return Err(Error::invalid("labels", "0 classes; at least one is needed"));
        }
        let column = self.column(column)?;
        let label = |row| {
            let label = self.cells.get(row, column).parse().ok().filter(|&label| label < classes);
            label.ok_or_else(|| self.cell_error(row, column, &format!("a label from 0 to {}", classes - 1)))
        };
        (0..self.rows()).map(label).collect()
    }

    /// Reads a column as text, such as the groups or the times of a [`Splitter`](crate::Splitter).
    ///
    /// ```
    /// let table = mlp::Table::parse("t", "day,x\n2026-11-30,1\n2026-12-01,2\n".as_bytes())?;
    /// assert_eq!(table.text("day")?, ["2026-11-30", "2026-12-01"]);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::MissingColumn`].
    pub fn text(&self, column: &str) -> Result<Vec<&str>> {
        Ok(self.column_cells(self.column(column)?).collect())
    }

    /// The finite number in each cell of a column; `None` where there is none.
    ///
    /// ```
    /// let table = mlp::Table::parse("t", "x\n1.5\nmany\n".as_bytes())?;
    /// assert_eq!(table.numbers_or_none("x")?, [Some(1.5), None]);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::MissingColumn`].
    pub fn numbers_or_none(&self, column: &str) -> Result<Vec<Option<f64>>> {
        let number = |cell| self.format.number(cell).filter(|x| x.is_finite());
        Ok(self.column_cells(self.column(column)?).map(number).collect())
    }

    /// Whether each cell of a column is empty, or marks a missing value, such as `NA` or `?`.
    ///
    /// ```
    /// let table = mlp::Table::parse("t", "x,y\n1,NA\n2,3\n".as_bytes())?;
    /// assert_eq!(table.missing("y")?, [true, false]);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::MissingColumn`].
    pub fn missing(&self, column: &str) -> Result<Vec<bool>> {
        Ok(self.column_cells(self.column(column)?).map(is_missing).collect())
    }

    /// A cell as a finite number.
    pub(crate) fn number<T: Float>(&self, row: usize, column: usize) -> Result<T> {
        let number = self.format.number(self.cell(row, column)).map(T::from_f64).filter(|x| x.is_finite());
        number.ok_or_else(|| self.cell_error(row, column, "a finite number"))
    }

    pub(super) fn cell(&self, row: usize, column: usize) -> &str {
        self.cells.get(row, column)
    }

    pub(super) fn file(&self) -> &str {
        &self.file
    }

    pub(super) fn format(&self) -> &Format {
        &self.format
    }

    /// The file and the line of a row, or its number where the format has no lines, for a message.
    pub(crate) fn place(&self, row: usize) -> String {
        format!("{}, {} {}", self.file, self.format.counted, self.cells.line(row))
    }

    pub(crate) fn column(&self, name: &str) -> Result<usize> {
        match self.places.get(name) {
            Some(Some(column)) => Ok(*column),
            Some(None) => {
                let problem = format!("the header has more than one column `{name}`; rename all but one");
                Err(Error::Csv { file: self.file.clone(), line: self.cells.header, problem })
            }
            None => Err(Error::MissingColumn {
                file: self.file.clone(),
                column: name.to_string(),
                columns: self.cells.columns.to_vec(),
            }),
        }
    }

    pub(super) fn column_cells(&self, column: usize) -> impl Iterator<Item = &str> {
        (0..self.rows()).map(move |row| self.cells.get(row, column))
    }

    pub(crate) fn cell_error(&self, row: usize, column: usize, needs: &str) -> Error {
        const SHOWN: usize = 40; // a cell may be as long as the file
        let cell = self.cells.get(row, column);
        let escaped = |c: char| if c.is_control() { c.escape_debug().to_string() } else { c.to_string() };
        let start: String = cell.chars().take(SHOWN).map(escaped).collect();
        let found = match cell.chars().nth(SHOWN) {
            _ if cell.is_empty() => "an empty cell".to_string(),
            Some(_) => format!("`{start}…`"),
            None => format!("`{start}`{}", oddity(cell, &self.format)),
        };
        let (file, column) = (self.file.clone(), self.cells.columns[column].clone());
        let (line, counted) = (self.cells.line(row), self.format.counted);
        Error::Cell { file, line, counted, column, found, needs: needs.to_string() }
    }
}
