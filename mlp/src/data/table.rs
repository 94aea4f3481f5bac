//! [`Table`]: a CSV file as text cells, read as numbers or classes column by column.
//!
//! It guesses no column types, fills in no missing cells and drops no rows: what it cannot read it names.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use autograd::{Float, Tensor};
use csv::{ReaderBuilder, StringRecord, Trim};

use crate::error::{Error, Result};

/// A table of text with named columns, read from comma-separated values with a header line.
///
/// Spaces around cells are trimmed, empty lines skipped, a byte order mark and any line endings accepted.
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
    /// The line of the header, from 1.
    line: u64,
    columns: Vec<String>,
    rows: Vec<Row>,
}

#[derive(Debug, Clone)]
struct Row {
    line: u64,
    cells: StringRecord,
}

impl Table {
    /// Reads a file; see [`parse`](Table::parse).
    ///
    /// ```
    /// let error = mlp::Table::read("no/such/file.csv").unwrap_err();
    /// assert!(error.to_string().starts_with("no/such/file.csv: "));
    /// ```
    ///
    /// # Errors
    /// As [`parse`](Table::parse), and [`Error::Io`] if the file cannot be read.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        Self::parse(path.display().to_string(), File::open(path).map_err(Error::io(path))?)
    }

    /// Reads a table from any reader; `name` stands for the file in messages.
    ///
    /// ```
    /// let table = mlp::Table::parse("typed in", "x,y\n1,2\n".as_bytes())?;
    /// assert_eq!(table.rows(), 1);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Csv`] where a row has more or fewer cells than the header or is not UTF-8, [`Error::Empty`] without
    /// rows below the header, [`Error::Io`] if reading fails.
    pub fn parse(name: impl Into<String>, mut reader: impl Read) -> Result<Self> {
        let file = name.into();
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).map_err(Error::io(file.as_ref()))?;
        let refuse = |line, problem: String| Error::Csv { file: file.clone(), line, problem };
        let text = std::str::from_utf8(&bytes).map_err(|e| {
            let line = 1 + breaks(&bytes[..e.valid_up_to()]);
            refuse(line, "not UTF-8 text; save the table as UTF-8".to_string())
        })?;

        // Rows of other lengths are let through here to be refused below, with a repair.
        let mut reader = ReaderBuilder::new().flexible(true).trim(Trim::All).from_reader(text.as_bytes());
        let header = reader.headers().map_err(|e| refuse(1, e.to_string()))?;
        let columns: Vec<String> = header.iter().map(str::to_string).collect();
        let mut rows = Vec::new();
        let (mut line, mut counted) = (1, 0);
        for cells in reader.into_records() {
            let cells = cells.map_err(|e| refuse(line, e.to_string()))?;
            // A record's position lies before the empty lines that were skipped, and after half of a CRLF.
            let before = cells.position().map_or(counted, |p| p.byte() as usize);
            let start = before + bytes[before..].iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
            line += breaks(&bytes[counted..start]);
            counted = start;
            if cells.len() != columns.len() {
                let plural = |n: usize, noun| format!("{n} {noun}{}", if n == 1 { "" } else { "s" });
                let problem = format!(
                    "found {} where the header has {}; give each row one cell for each column, \
                     and put quotes around text that contains commas",
                    plural(cells.len(), "cell"),
                    plural(columns.len(), "column")
                );
                return Err(refuse(line, problem));
            }
            rows.push(Row { line, cells });
        }
        if rows.is_empty() {
            return Err(Error::Empty { what: file });
        }
        let header = bytes.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        Ok(Table { file, line: 1 + breaks(&bytes[..header]), columns, rows })
    }

    /// The names of the columns, in the order of the file.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The number of rows below the header; never 0.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Columns as numbers, of shape (rows, columns).
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
    /// [`Error::Cell`] where a cell is no number, NaN, infinite, or too large for `T`; [`Error::MissingColumn`];
    /// [`Error::Invalid`] if no column is named.
    pub fn numbers<T: Float>(&self, columns: &[impl AsRef<str>]) -> Result<Tensor<T>> {
        if columns.is_empty() {
            return Err(Error::invalid("numbers", "no columns named; name at least one"));
        }
        let columns: Vec<usize> = columns.iter().map(|name| self.column(name.as_ref())).collect::<Result<_>>()?;
        let mut values = Vec::with_capacity(self.rows.len() * columns.len());
        for row in &self.rows {
            for &column in &columns {
                let number = row.cells[column].parse().ok().map(T::from_f64).filter(|x| x.is_finite());
                values.push(number.ok_or_else(|| self.cell_error(row, column, "a finite number"))?);
            }
        }
        Ok(Tensor::try_new([self.rows.len(), columns.len()], values)?)
    }

    /// A column as classes: for each row the index of its class, and the classes in order.
    ///
    /// Classes are sorted, as numbers if all of them are integers, else as text; so the same set of classes has the same
    /// indices whatever the order of the rows.
    ///
    /// ```
    /// let table = mlp::Table::parse("t", "size\n10\n9\n10\n".as_bytes())?;
    /// assert_eq!(table.classes("size")?, (vec![1, 0, 1], vec!["9".into(), "10".into()]));
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Cell`] where a cell is empty; [`Error::MissingColumn`].
    pub fn classes(&self, column: &str) -> Result<(Vec<usize>, Vec<String>)> {
        let column = self.column(column)?;
        if let Some(row) = self.rows.iter().find(|row| row.cells[column].is_empty()) {
            return Err(self.cell_error(row, column, "the name of a class"));
        }
        let distinct: BTreeSet<&str> = self.rows.iter().map(|row| &row.cells[column]).collect();
        let integers: Option<Vec<i128>> = distinct.iter().map(|name| name.parse().ok()).collect();
        let mut names: Vec<&str> = distinct.into_iter().collect();
        if integers.is_some() {
            names.sort_by_key(|name| name.parse::<i128>().ok());
        }
        let index: HashMap<&str, usize> = names.iter().enumerate().map(|(i, &name)| (name, i)).collect();
        let labels = self.rows.iter().map(|row| index[&row.cells[column]]).collect();
        Ok((labels, names.into_iter().map(str::to_string).collect()))
    }

    /// A column of integer labels from 0 to `classes` − 1.
    ///
    /// ```
    /// let table = mlp::Table::parse("t", "digit\n7\n0\n".as_bytes())?;
    /// assert_eq!(table.labels("digit", 10)?, [7, 0]);
    /// assert!(table.labels("digit", 7).is_err());
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Cell`] where a cell is no such label; [`Error::MissingColumn`]; [`Error::Invalid`] if `classes` is 0.
    pub fn labels(&self, column: &str, classes: usize) -> Result<Vec<usize>> {
        if classes == 0 {
            return Err(Error::invalid("labels", "0 classes; at least one is needed"));
        }
        let column = self.column(column)?;
        let label = |row: &Row| {
            let label = row.cells[column].parse().ok().filter(|&label| label < classes);
            label.ok_or_else(|| self.cell_error(row, column, &format!("a label from 0 to {}", classes - 1)))
        };
        self.rows.iter().map(label).collect()
    }

    fn column(&self, name: &str) -> Result<usize> {
        let mut found = (0..self.columns.len()).filter(|&i| self.columns[i] == name);
        match (found.next(), found.next()) {
            (Some(column), None) => Ok(column),
            (Some(_), Some(_)) => {
                let problem = format!("the header has more than one column `{name}`; rename all but one");
                Err(Error::Csv { file: self.file.clone(), line: self.line, problem })
            }
            (None, _) => Err(Error::MissingColumn {
                file: self.file.clone(),
                column: name.to_string(),
                columns: self.columns.clone(),
            }),
        }
    }

    fn cell_error(&self, row: &Row, column: usize, needs: &str) -> Error {
        const SHOWN: usize = 40; // an unclosed quote can swallow the rest of a file
        let cell = &row.cells[column];
        let found = match cell.char_indices().nth(SHOWN) {
            _ if cell.is_empty() => "an empty cell".to_string(),
            Some((end, _)) => format!("`{}…`", cell[..end].escape_debug()),
            None => format!("`{}`", cell.escape_debug()),
        };
        let (file, column) = (self.file.clone(), self.columns[column].clone());
        Error::Cell { file, line: row.line, column, found, needs: needs.to_string() }
    }
}

/// The number of line breaks: CRLF, LF, or CR alone.
fn breaks(text: &[u8]) -> u64 {
    let at = |(i, &b): (usize, &u8)| b == b'\n' || (b == b'\r' && text.get(i + 1) != Some(&b'\n'));
    text.iter().enumerate().filter(|&x| at(x)).count() as u64
}
