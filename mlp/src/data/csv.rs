//! [`Csv`]: how a table is written, and how it is read: whole, in part, or in chunks.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::cells::{Format, Header};
use super::chunks::Chunks;
use super::table::Table;
use crate::error::{Error, Result};

/// How a table of separated values is written: the separator, the names of the columns, comments and decimal commas.
///
/// The parser is strict, since a lenient one accepts any text: a misplaced quote could merge the rest of a file into one
/// cell. It trims spaces around cells, skips empty lines, and accepts a byte order mark and any line endings. Quotes
/// follow RFC 4180: around a whole cell, with each quote inside doubled.
///
/// ```
/// use mlp::Csv;
/// let text = "% measured by hand\n1,5;iris\n0,5;rose\n";
/// let csv = Csv::new().separator(';').decimal_comma().comments('%').names(["width", "kind"]);
/// let table = csv.parse("flowers.csv", text.as_bytes())?;
/// assert_eq!(table.numbers(&["width"])?, [[1.5], [0.5]].into());
/// assert_eq!(table.classes("kind")?.1, ["iris", "rose"]);
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Csv {
    format: Format,
}

impl Default for Csv {
    fn default() -> Self {
        Self::new()
    }
}

impl Csv {
    /// Commas between cells, points in numbers, a header line and no comments.
    ///
    /// ```
    /// let table = mlp::Csv::new().parse("t", "x,y\n1,2\n".as_bytes())?;
    /// assert_eq!(table.columns(), ["x", "y"]);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn new() -> Self {
        Csv { format: Format::csv() }
    }

    /// Sets the character between cells: `;`, `\t`, `|` or any other ASCII character.
    ///
    /// ```
    /// let table = mlp::Csv::new().separator('\t').parse("t", "x\ty\n1\t2\n".as_bytes())?;
    /// assert_eq!(table.numbers::<f64>(&["y"])?, [[2.0]].into());
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Panics
    /// Unless `separator` is an ASCII character, and no letter, digit, quote, line break, `.`, `+` or `-`.
    #[track_caller]
    pub fn separator(mut self, separator: char) -> Self {
        let of_cells = |c: char| c.is_ascii_alphanumeric() || matches!(c, '"' | '\r' | '\n' | '\0' | '.' | '+' | '-');
        assert!(
            separator.is_ascii() && !of_cells(separator),
            "separator: {separator:?} cannot stand between cells; give an ASCII character that is no part of names and numbers"
        );
        self.format.separator = separator as u8;
        self
    }

    /// Reads numbers with a decimal comma, such as `1,5`; a point in a number is then an error.
    ///
    /// ```
    /// let csv = mlp::Csv::new().separator(';').decimal_comma();
    /// assert_eq!(csv.parse("t", "x\n-2,5e3\n".as_bytes())?.numbers::<f64>(&["x"])?, [[-2500.0]].into());
    /// let error = csv.parse("t", "x\n1.234,5\n".as_bytes())?.numbers::<f64>(&["x"]).unwrap_err().to_string();
    /// assert!(error.starts_with("t, line 2, column `x`: found `1.234,5` with a point, where numbers have a decimal comma"));
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn decimal_comma(mut self) -> Self {
        self.format.decimal_comma = true;
        self
    }

    /// Skips lines that begin with `mark`, after spaces or not.
    ///
    /// ```
    /// let table = mlp::Csv::new().comments('#').parse("t", "# by hand\nx\n1\n # don't \"know\"\n2\n".as_bytes())?;
    /// assert_eq!(table.numbers::<f64>(&["x"])?, [[1.0], [2.0]].into());
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Panics
    /// Unless `mark` is an ASCII character, and no letter, digit, space, quote, `.`, `+` or `-`, with which rows begin.
    #[track_caller]
    pub fn comments(mut self, mark: char) -> Self {
        let of_rows = mark.is_alphanumeric() || mark.is_whitespace() || matches!(mark, '"' | '\0' | '.' | '+' | '-');
        assert!(
            mark.is_ascii() && !of_rows,
            "comments: rows may begin with {mark:?}; give an ASCII character that begins comments only"
        );
        self.format.comment = Some(mark);
        self
    }

    /// Names the columns of a file that has no header line.
    ///
    /// ```
    /// let table = mlp::Csv::new().names(["x", "y"]).parse("t", "1,2\n".as_bytes())?;
    /// assert_eq!(table.numbers::<f64>(&["y"])?, [[2.0]].into());
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Panics
    /// Without names.
    #[track_caller]
    pub fn names(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        assert!(!names.is_empty(), "names: no columns named; name each column of the file");
        self.format.header = Header::Names(names);
        self
    }

    /// Reads the first line of a file as a row, and names the columns `0`, `1`, `2`, …
    ///
    /// ```
    /// let table = mlp::Csv::new().without_header().parse("t", "1,2\n3,4\n".as_bytes())?;
    /// assert_eq!(table.numbers::<f64>(&["1"])?, [[2.0], [4.0]].into());
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn without_header(mut self) -> Self {
        self.format.header = Header::Counted;
        self
    }

    /// Reads a file; see [`Table::read`].
    ///
    /// ```
    /// let error = mlp::Csv::new().read("no/such/file.csv").unwrap_err();
    /// assert!(error.to_string().starts_with("no/such/file.csv: "));
    /// ```
    ///
    /// # Errors
    /// As [`Table::read`].
    pub fn read(&self, path: impl AsRef<Path>) -> Result<Table> {
        let path = path.as_ref();
        self.parse(path.display().to_string(), open(path)?)
    }

    /// Parses a table from any reader; `name` stands for the file in messages. See [`Table::parse`].
    ///
    /// ```
    /// let table = mlp::Csv::new().separator('|').parse("typed in", "x|y\n1|2\n".as_bytes())?;
    /// assert_eq!(table.rows(), 1);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Table::parse`].
    pub fn parse(&self, name: impl Into<String>, reader: impl Read) -> Result<Table> {
        Table::whole(name.into(), reader, &self.format)
    }

    /// Reads a file in tables of `rows` rows each, the last with what remains, for files larger than memory.
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("t.csv");
    /// # std::fs::write(&path, "x\n1\n2\n3\n").unwrap();
    /// let lengths: Vec<usize> = mlp::Csv::new().chunks(&path, 2)?.map(|table| Ok(table?.rows())).collect::<mlp::Result<_>>()?;
    /// assert_eq!(lengths, [2, 1]);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be opened. What is wrong further on is an item of the iterator.
    ///
    /// # Panics
    /// If `rows` is 0.
    #[track_caller]
    pub fn chunks(&self, path: impl AsRef<Path>, rows: usize) -> Result<Chunks<File>> {
        let path = path.as_ref();
        Ok(self.chunks_of(path.display().to_string(), open(path)?, rows))
    }

    /// Reads several files of the same columns one after the other, in tables of up to `rows` rows each.
    ///
    /// A file is opened when its turn comes. An error, also of a file that cannot be opened, is an item of the iterator.
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let [a, b] = ["a.csv", "b.csv"].map(|name| folder.path().join(name));
    /// # std::fs::write(&a, "x\n1\n2\n").unwrap();
    /// # std::fs::write(&b, "x\n3\n").unwrap();
    /// let rows: usize = mlp::Csv::new().files([a, b], 100).map(|table| table.unwrap().rows()).sum();
    /// assert_eq!(rows, 3);
    /// ```
    ///
    /// # Panics
    /// If `rows` is 0.
    #[track_caller]
    pub fn files<P: AsRef<Path>, I: IntoIterator<Item = P>>(
        &self,
        paths: I,
        rows: usize,
    ) -> impl Iterator<Item = Result<Table>> + use<P, I> {
        assert!(rows > 0, "{NO_ROWS}");
        let csv = self.clone();
        paths.into_iter().flat_map(move |path| {
            let (chunks, error) = match csv.chunks(path, rows) {
                Ok(chunks) => (Some(chunks), None),
                Err(error) => (None, Some(Err(error))),
            };
            error.into_iter().chain(chunks.into_iter().flatten())
        })
    }

    /// Reads a whole file, and keeps `rows` rows drawn at random, in their order; all, if there are no more.
    ///
    /// A [`Schema`](crate::Schema) can thus be learnt from a file that memory does not hold.
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("t.csv");
    /// # std::fs::write(&path, "x\n1\n2\n3\n").unwrap();
    /// let csv = mlp::Csv::new();
    /// assert_eq!(csv.sample(&path, 2, 7)?.rows(), 2);
    /// assert_eq!(csv.sample(&path, 2, 7)?.text("x")?, csv.sample(&path, 2, 7)?.text("x")?);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`read`](Csv::read).
    ///
    /// # Panics
    /// If `rows` is 0.
    #[track_caller]
    pub fn sample(&self, path: impl AsRef<Path>, rows: usize, seed: u64) -> Result<Table> {
        assert!(rows > 0, "sample: 0 rows make no table; choose at least 1");
        reservoir(self.chunks(path, 1024)?, rows, seed)
    }

    /// Reads any reader in tables of `rows` rows each; `name` stands for the file in messages.
    ///
    /// ```
    /// let mut chunks = mlp::Csv::new().chunks_of("typed in", "x\n1\n2\n3\n".as_bytes(), 1);
    /// let first = chunks.next().unwrap()?; // a look at a long file
    /// assert_eq!(first.numbers::<f64>(&["x"])?, [[1.0]].into());
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Panics
    /// If `rows` is 0.
    #[track_caller]
    pub fn chunks_of<R: Read>(&self, name: impl Into<String>, reader: R, rows: usize) -> Chunks<R> {
        assert!(rows > 0, "{NO_ROWS}");
        Chunks::new(name.into(), reader, self.format.clone(), rows)
    }
}

pub(super) const NO_ROWS: &str = "chunks: tables of 0 rows would never pass over the file; choose at least 1";

/// Each row of the file has the same chance (algorithm R of J. S. Vitter, "Random sampling with a reservoir", 1985).
pub(super) fn reservoir(mut chunks: impl Iterator<Item = Result<Table>>, rows: usize, seed: u64) -> Result<Table> {
    let rng = &mut StdRng::seed_from_u64(seed);
    let first = chunks.next().unwrap_or_else(|| Err(Error::Empty { what: "sample".to_string() }))?;
    let (mut seen, mut chosen) = (0, Vec::new());
    for table in std::iter::once(Ok(first.clone())).chain(chunks) {
        let table = table?;
        for row in 0..table.rows() {
            let place = if seen < rows { seen } else { rng.random_range(0..=seen) };
            seen += 1;
            match chosen.get_mut(place) {
                Some(old) => *old = table.row(row),
                None if place < rows => chosen.push(table.row(row)),
                None => {}
            }
        }
    }
    chosen.sort_by_key(|row| row.line(0));
    Ok(first.with_rows(&chosen))
}

fn open(path: &Path) -> Result<File> {
    File::open(path).map_err(Error::io(path))
}
