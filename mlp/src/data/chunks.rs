//! [`Chunks`]: a file of separated values in tables of a few rows each.

use std::io::{ErrorKind, Read};

use super::cells::{Cells, Format, Header, breaks};
use super::table::Table;
use crate::error::{Error, Result};

/// The tables of a file in their order; see [`Csv::chunks`](crate::Csv::chunks).
///
/// Each is refused as the whole file would be, with the lines of the file; nothing follows a refusal. Memory holds one
/// table and its text.
#[derive(Debug)]
pub struct Chunks<R> {
    file: String,
    reader: R,
    format: Format,
    rows: usize,
    /// Bytes read and not yet parsed, which begin on `line`.
    bytes: Vec<u8>,
    line: u64,
    scan: Scan,
    /// The names of the columns, once they are known.
    names: Option<Cells>,
    /// Whether the reader has given all its bytes.
    ended: bool,
    over: bool,
}

/// Bytes read at a time.
const PIECE: usize = 1 << 16;

/// More than any row of a table: a quote that is never closed would read a whole file into memory.
const LONGEST: usize = 1 << 26;

impl<R: Read> Chunks<R> {
    pub(super) fn new(file: String, reader: R, format: Format, rows: usize) -> Self {
        let (bytes, scan) = (Vec::new(), Scan::default());
        Chunks { file, reader, format, rows, bytes, line: 1, scan, names: None, ended: false, over: false }
    }

    fn table(&mut self) -> Result<Option<Table>> {
        let header = self.names.is_none() && self.format.header == Header::Line;
        let end = self.end_of_rows(self.rows.saturating_add(usize::from(header)))?;
        let refused = |(line, problem)| Error::Csv { file: self.file.clone(), line, problem };
        let text = text(&self.bytes[..end], self.line).map_err(refused)?;
        let cells = match &self.names {
            Some(names) => names.more(text, self.line, &self.format),
            None => Cells::parse(text, &self.format),
        };
        let cells = cells.map_err(refused)?;
        self.line += breaks(text);
        self.bytes.drain(..end);
        self.scan = Scan::default();
        let first = self.names.is_none();
        if first {
            self.names = Some(cells.select(&[]));
        }
        if cells.len() == 0 && !first {
            return Ok(None);
        }
        Table::new(self.file.clone(), cells, self.format.clone()).map(Some)
    }

    /// Reads until the bytes hold `rows` rows, or all; returns where these end.
    fn end_of_rows(&mut self, rows: usize) -> Result<usize> {
        loop {
            if let Some(end) = self.scan.end(&self.bytes, rows, self.ended, &self.format) {
                return Ok(end);
            }
            if self.ended {
                return Ok(self.bytes.len());
            }
            if self.bytes.len() - self.scan.row > LONGEST {
                let text = String::from_utf8_lossy(&self.bytes[..self.scan.row]);
                let problem = "a row is longer than 64 MiB; close the quote in it that is open, or shorten it";
                let (file, line) = (self.file.clone(), self.line + breaks(&text));
                return Err(Error::Csv { file, line, problem: problem.to_string() });
            }
            self.read()?;
        }
    }

    fn read(&mut self) -> Result<()> {
        let old = self.bytes.len();
        self.bytes.resize(old + PIECE, 0);
        let read = loop {
            match self.reader.read(&mut self.bytes[old..]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        let n = read.map_err(Error::io(self.file.as_ref()))?;
        self.bytes.truncate(old + n);
        self.ended = n == 0;
        Ok(())
    }
}

impl<R: Read> Iterator for Chunks<R> {
    type Item = Result<Table>;

    fn next(&mut self) -> Option<Result<Table>> {
        if self.over {
            return None;
        }
        let table = self.table().transpose();
        self.over = !matches!(table, Some(Ok(_)));
        table
    }
}

/// The text of bytes that begin on `line`, if they are UTF-8.
pub(super) fn text(bytes: &[u8], line: u64) -> Result<&str, (u64, String)> {
    std::str::from_utf8(bytes).map_err(|error| {
        let valid = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        (line + breaks(&valid), "not UTF-8 text; save the table as UTF-8".to_string())
    })
}

/// How far the ends of rows have been found.
#[derive(Debug, Default)]
struct Scan {
    at: usize,
    /// Where the present row begins.
    row: usize,
    rows: usize,
    line: Line,
    quoted: bool,
}

/// What the present line has held so far.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
enum Line {
    #[default]
    Nothing,
    Spaces,
    Cells,
    Comment,
}

impl Scan {
    /// The end of the `rows`-th row, with its line break, once it is there.
    ///
    /// Quotes are counted: an even number before a line break means that it ends a row. Where they are misplaced, the
    /// parser refuses a row before that matters.
    fn end(&mut self, bytes: &[u8], rows: usize, ended: bool, format: &Format) -> Option<usize> {
        while let Some(&byte) = bytes.get(self.at) {
            let next = bytes.get(self.at + 1);
            if byte == b'\r' && next.is_none() && !ended {
                return None; // a line feed may follow, which belongs to it
            }
            self.at += 1;
            match byte {
                b'\r' | b'\n' if self.quoted || (byte == b'\r' && next == Some(&b'\n')) => {}
                b'\r' | b'\n' => {
                    self.rows += usize::from(matches!(self.line, Line::Spaces | Line::Cells));
                    (self.line, self.row) = (Line::Nothing, self.at);
                    if self.rows == rows {
                        return Some(self.at);
                    }
                }
                b'"' if self.line != Line::Comment => {
                    self.quoted = !self.quoted;
                    self.line = Line::Cells;
                }
                // Of a byte order mark; within a table the parser refuses it.
                0xef | 0xbb | 0xbf if self.at <= 3 => {}
                b' ' | b'\t' if matches!(self.line, Line::Nothing | Line::Spaces) => self.line = Line::Spaces,
                _ if matches!(self.line, Line::Nothing | Line::Spaces) => {
                    let is_comment = format.comment == Some(char::from(byte));
                    self.line = if is_comment { Line::Comment } else { Line::Cells };
                }
                _ => {}
            }
        }
        None
    }
}
