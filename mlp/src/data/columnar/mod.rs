//! [`Columnar`]: tables of Parquet and Arrow files, and of batches in memory.

mod ipc;
mod open;
mod text;

use std::fs::File;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use arrow_array::{Array, RecordBatch, RecordBatchIterator, RecordBatchReader};
use arrow_schema::Schema;

use super::cells::{Cells, Format};
use super::csv::{NO_ROWS, reservoir};
use super::table::Table;
use crate::error::{Error, Result, damaged};
use open::Source;

/// How a Parquet or Arrow file is read: which of its columns, whole, in part, or in chunks.
///
/// It gives the [`Table`] that CSV gives, so that a [`Schema`](crate::Schema) learnt from one applies to the other. Files of
/// Arrow are those of its IPC format, also called Feather, version 2; with the feature `parquet` Parquet files are read too.
/// The first bytes tell which it is, not the name.
///
/// | column | cell |
/// |---|---|
/// | integers, decimals | the number |
/// | floating-point numbers | the same number in `f64`, in the fewest digits |
/// | strings | the text, without the spaces around it |
/// | booleans | `true`, `false` |
/// | dates, times, timestamps | `2026-11-30`, `12:30:00`, `2026-11-30T12:30:00`; with a time zone in UTC, with a `Z` |
/// | dictionaries (categories) of these | what the entry stands for |
/// | nulls | empty: a missing value |
///
/// Columns of lists, structs, maps, unions, bytes and durations are refused; [`columns`](Columnar::columns) chooses among the others.
/// Messages count rows from 1, as there are no lines. Packed by Snappy, gzip or LZ4, files are read without a C compiler; the feature `zstd` needs one.
///
/// ```
/// use std::sync::Arc;
/// use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray};
/// use mlp::Columnar;
///
/// let width: ArrayRef = Arc::new(Float64Array::from(vec![Some(1.5), None]));
/// let kind: ArrayRef = Arc::new(StringArray::from(vec!["iris", "rose"]));
/// let batch = RecordBatch::try_from_iter([("width", width), ("kind", kind)]).unwrap();
/// let table = Columnar::new().batches("flowers", [batch])?;
/// assert_eq!(table.missing("width")?, [false, true]);
/// assert_eq!(table.classes("kind")?.1, ["iris", "rose"]);
/// let error = table.numbers::<f64>(&["width"]).unwrap_err().to_string();
/// assert!(error.starts_with("flowers, row 2, column `width`: found an empty cell"));
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Columnar {
    columns: Option<Vec<String>>,
}

impl Columnar {
    /// All columns.
    ///
    /// ```
    /// let error = mlp::Columnar::new().parse("typed in", *b"x,y\n1,2\n").unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "typed in: neither an Arrow file nor a Parquet file; read text by `Csv`, and write other formats anew as one of these"
    /// );
    /// ```
    pub fn new() -> Self {
        Columnar::default()
    }

    /// Reads these columns only, in the order of the file.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use arrow_array::{ArrayRef, Int32Array, RecordBatch};
    /// # let column = |x: i32| -> ArrayRef { Arc::new(Int32Array::from(vec![x])) };
    /// # let batch = RecordBatch::try_from_iter([("x", column(1)), ("y", column(2))]).unwrap();
    /// let table = mlp::Columnar::new().columns(["y"]).batches("t", [batch])?; // of `x` and `y`
    /// assert_eq!(table.columns(), ["y"]);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Panics
    /// Without names.
    #[track_caller]
    pub fn columns(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        assert!(!names.is_empty(), "columns: none named; name at least one");
        self.columns = Some(names);
        self
    }

    /// Reads a file.
    ///
    /// ```
    /// let error = mlp::Columnar::new().read("no/such/file.parquet").unwrap_err();
    /// assert!(error.to_string().starts_with("no/such/file.parquet: "));
    /// ```
    ///
    /// # Errors
    /// - [`Error::Io`] if the file cannot be opened;
    /// - [`Error::File`] if it is of another format, cut short or damaged, packed in a way that is not read, or has a
    ///   column that no cells hold, or two of one name;
    /// - [`Error::MissingColumn`] if a [chosen](Columnar::columns) column does not exist;
    /// - [`Error::Empty`] without rows.
    pub fn read(&self, path: impl AsRef<Path>) -> Result<Table> {
        whole(self.chunks(path, usize::MAX)?)
    }

    /// Reads the bytes of a file; `name` stands for the file in messages.
    ///
    /// # Errors
    /// As [`read`](Columnar::read).
    pub fn parse(&self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Result<Table> {
        let name = name.into();
        let reader = self.open(&name, Source::Memory(bytes.into()))?;
        whole(self.tables(name, reader, usize::MAX)?)
    }

    /// Reads batches in memory, which have the same columns; `name` stands for the file in messages.
    ///
    /// The type is that of the crate `arrow-array` of version 60.
    ///
    /// # Errors
    /// As [`read`](Columnar::read), and [`Error::File`] if the batches have different columns.
    pub fn batches(&self, name: impl Into<String>, batches: impl IntoIterator<Item = RecordBatch>) -> Result<Table> {
        let (name, batches) = (name.into(), batches.into_iter().collect::<Vec<_>>());
        let Some(first) = batches.first().map(RecordBatch::schema) else { return Err(Error::Empty { what: name }) };
        if batches.iter().any(|batch| batch.schema().fields() != first.fields()) {
            return Err(refused(&name, "its batches have different columns; give those of one table"));
        }
        let batches = batches.into_iter().map(Ok).collect::<Vec<_>>().into_iter();
        whole(self.tables(name, Box::new(RecordBatchIterator::new(batches, first)), usize::MAX)?)
    }

    /// Reads a file in tables of `rows` rows each, the last with what remains, for files larger than memory.
    ///
    /// Memory holds one table, and a batch of an Arrow file or the pages at hand of a Parquet file. What is wrong further on
    /// is the last item.
    ///
    /// ```no_run
    /// use mlp::{Columnar, Dataset, Schema, Stream};
    /// # let schema: Schema = serde_json::from_str("").unwrap();
    /// let data = schema.datasets(Columnar::new().chunks("long.parquet", 1000)?);
    /// for batch in Stream::batches(data, 32).shuffle(5000, 0).ahead(2) {
    ///     let batch: Dataset = batch?; // the loss, the gradient and a step of the optimiser
    /// }
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`read`](Columnar::read).
    ///
    /// # Panics
    /// If `rows` is 0.
    #[track_caller]
    pub fn chunks(
        &self,
        path: impl AsRef<Path>,
        rows: usize,
    ) -> Result<Box<dyn Iterator<Item = Result<Table>> + Send>> {
        assert!(rows > 0, "{NO_ROWS}");
        let (path, name) = (path.as_ref(), path.as_ref().display().to_string());
        let file = File::open(path).map_err(Error::io(path))?;
        let reader = self.open(&name, Source::File(file))?;
        Ok(Box::new(self.tables(name, reader, rows)?))
    }

    /// Reads a whole file, and keeps `rows` rows drawn at random, in their order; all, if there are no more.
    ///
    /// A [`Schema`](crate::Schema) can thus be learnt from a file that memory does not hold.
    ///
    /// # Errors
    /// As [`read`](Columnar::read).
    ///
    /// # Panics
    /// If `rows` is 0.
    #[track_caller]
    pub fn sample(&self, path: impl AsRef<Path>, rows: usize, seed: u64) -> Result<Table> {
        assert!(rows > 0, "sample: 0 rows make no table; choose at least 1");
        reservoir(self.chunks(path, 1024)?, rows, seed)
    }

    fn open(&self, file: &str, source: Source) -> Result<Reader> {
        guarded(file, || open::reader(file, source, self.columns.as_deref()))
    }

    fn tables(&self, file: String, reader: Reader, rows: usize) -> Result<Tables> {
        let places = chosen(&file, &reader.schema(), self.columns.as_deref())?;
        let columns = places.iter().map(|&place| reader.schema().field(place).name().clone()).collect();
        Ok(Tables { file, reader, places, columns, batch: None, row: 0, rows, over: false })
    }
}

type Reader = Box<dyn RecordBatchReader + Send>;

fn refused(file: &str, problem: impl Into<String>) -> Error {
    Error::File { path: file.into(), problem: problem.into() }
}

/// The places of the columns that are read, each of which has text and a name of its own.
fn chosen(file: &str, schema: &Schema, columns: Option<&[String]>) -> Result<Vec<usize>> {
    let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
    if let Some(column) = columns.and_then(|columns| columns.iter().find(|column| !names.contains(column))) {
        return Err(Error::MissingColumn { file: file.to_string(), column: column.clone(), columns: names });
    }
    let is_chosen = |name| columns.is_none_or(|columns| columns.contains(name));
    let places: Vec<usize> = (0..names.len()).filter(|&place| is_chosen(&names[place])).collect();
    for (i, &place) in places.iter().enumerate() {
        let (field, name) = (schema.field(place), &names[place]);
        if places[..i].iter().any(|&before| names[before] == *name) {
            return Err(refused(file, format!("it has more than one column `{name}`; rename all but one")));
        }
        if !text::is_readable(field.data_type()) {
            let law = format!("column `{name}` holds {}, which is no single number or text", field.data_type());
            let repair = "write it as columns of numbers or text, or choose the others by `Columnar::columns`";
            return Err(refused(file, format!("{law}; {repair}")));
        }
    }
    Ok(places)
}

/// What `read` returns, or an error where it panics: the crates that decode trust some of what a file claims, and panic where
/// its parts contradict each other. (A program that aborts on panics does.)
fn guarded<R>(file: &str, read: impl FnOnce() -> Result<R>) -> Result<R> {
    let contradiction = || Err(refused(file, damaged("its parts contradict each other")));
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| contradiction())
}

/// The only table of a file.
fn whole(mut tables: impl Iterator<Item = Result<Table>>) -> Result<Table> {
    tables.next().expect("a table or an error")
}

/// The tables of a file in their order; the first may be refused for want of rows.
struct Tables {
    file: String,
    reader: Reader,
    places: Vec<usize>,
    columns: Arc<[String]>,
    /// A batch of which rows are left, and the next of them.
    batch: Option<(RecordBatch, usize)>,
    /// Rows read.
    row: usize,
    rows: usize,
    over: bool,
}

impl Tables {
    fn table(&mut self) -> Result<Option<Table>> {
        let (first, mut cells) = (self.row == 0, Cells::new(self.columns.clone()));
        while cells.len() < self.rows {
            let (batch, at) = match self.batch.take() {
                Some(left) => left,
                None => match self.reader.next() {
                    Some(batch) => (batch.map_err(|error| open::unreadable(&self.file, &error))?, 0),
                    None => break,
                },
            };
            let end = batch.num_rows().min(at.saturating_add(self.rows - cells.len()));
            self.write(&batch, at..end, &mut cells)?;
            self.batch = (end < batch.num_rows()).then_some((batch, end));
        }
        if cells.len() == 0 && !first {
            return Ok(None);
        }
        Table::new(self.file.clone(), cells, Format::columnar()).map(Some)
    }

    fn write(&mut self, batch: &RecordBatch, rows: Range<usize>, cells: &mut Cells) -> Result<()> {
        let damage = || refused(&self.file, damaged("a batch has other columns than the file"));
        let arrays = self.places.iter().map(|&place| batch.columns().get(place).ok_or_else(damage));
        let arrays = arrays.collect::<Result<Vec<_>>>()?;
        let writers = arrays.iter().map(|array| text::writer(array.as_ref()).ok_or_else(damage));
        let writers = writers.collect::<Result<Vec<_>>>()?;
        for row in rows {
            self.row += 1;
            let write = |column: usize, text: &mut String| writers[column](row, text);
            cells.push_row(self.row as u64, write).map_err(|column| {
                let kind = arrays[column].data_type();
                let problem = format!("no calendar has this {kind}; write a missing value");
                refused(&self.file, format!("row {}, column `{}`: {problem}", self.row, self.columns[column]))
            })?;
        }
        Ok(())
    }
}

impl Iterator for Tables {
    type Item = Result<Table>;

    fn next(&mut self) -> Option<Result<Table>> {
        if self.over {
            return None;
        }
        let file = self.file.clone();
        let table = guarded(&file, || self.table()).transpose();
        self.over = !matches!(table, Some(Ok(_)));
        table
    }
}
