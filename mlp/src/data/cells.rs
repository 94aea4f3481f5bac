//! A strict parser of separated values (RFC 4180), by commas or another character.
//!
//! A lenient parser accepts any text: a misplaced quote can change a class name, or merge the rest of a file into one
//! cell. This parser rejects such places and reports the line.

use std::borrow::Cow;
use std::sync::Arc;

/// The line that was rejected, from 1, and the reason.
pub(super) type Refused = (u64, String);

/// How a table is written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Format {
    /// An ASCII character.
    pub(super) separator: u8,
    pub(super) comment: Option<char>,
    pub(super) decimal_comma: bool,
    pub(super) header: Header,
    /// What messages count: `line`, or `row` where there are no lines.
    pub(super) counted: &'static str,
}

/// Where the names of the columns come from.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Header {
    Line,
    Names(Vec<String>),
    /// Columns are named 0, 1, 2, …
    Counted,
}

impl Format {
    /// Commas between cells, points in numbers, a header line and no comments.
    pub(super) fn csv() -> Self {
        Format { separator: b',', comment: None, decimal_comma: false, header: Header::Line, counted: "line" }
    }

    /// Cells that no text was parted into.
    #[cfg(feature = "arrow")]
    pub(super) fn columnar() -> Self {
        Format { separator: b'\0', counted: "row", ..Format::csv() }
    }

    /// The number in a cell, finite or not.
    pub(super) fn number(&self, cell: &str) -> Option<f64> {
        match self.decimal_comma {
            true if cell.contains('.') => None,
            true => cell.replacen(',', ".", 1).parse().ok(),
            false => cell.parse().ok(),
        }
    }

    /// The separator of another format, if the text contains one.
    fn foreign(&self, text: &str) -> Option<char> {
        let is_foreign = |c: char| match c {
            ',' => self.separator != b',' && !self.decimal_comma,
            ';' | '\t' | '|' => c != char::from(self.separator),
            _ => false,
        };
        text.chars().find(|&c| is_foreign(c))
    }

    /// The separator in a sentence: (one, several).
    pub(super) fn separators(&self) -> (String, String) {
        match self.separator {
            b',' => ("comma".into(), "commas".into()),
            mark => {
                let mark = format!("`{}`", char::from(mark).escape_debug());
                (mark.clone(), mark)
            }
        }
    }

    fn separated(&self, mark: char) -> String {
        let (mark, commas) = (mark.escape_debug(), self.separators().1);
        let points = if self.decimal_comma { "" } else { ", and points in numbers" };
        format!(
            "its cells are separated by `{mark}`; save the table with {commas} between cells{points}, \
             or read it by `Csv::separator('{mark}')`"
        )
    }

    /// `Ok` if a header looks like names: a table without a header would lose its first row.
    fn check_header(&self, row: &[Cell<'_>]) -> Result<(), String> {
        if let [cell] = row
            && let Some(mark) = self.foreign(&cell.text).filter(|_| !cell.quoted)
        {
            return Err(self.separated(mark));
        }
        let number = |cell: &Cell<'_>| !cell.quoted && self.number(&cell.text).is_some_and(f64::is_finite);
        let whole = |cell: &Cell<'_>| cell.text.bytes().all(|b| b.is_ascii_digit());
        // Some programs name the columns of a matrix 0, 1, 2, …; years are valid names too.
        let counted = row.len() > 2 && row.iter().enumerate().all(|(i, cell)| cell.text == i.to_string());
        let all = !row.is_empty() && row.iter().all(number) && !counted;
        if all || row.iter().any(|cell| number(cell) && !whole(cell)) {
            let law = "it holds numbers where the names of the columns should be";
            let repair = "write a line of names above it, with quotes around names that are numbers";
            return Err(format!("{law}; {repair}, or read it by `Csv::names` or `Csv::without_header`"));
        }
        Ok(())
    }

    /// The columns, the line of the header, and whether the first row is a row of the table and no header.
    fn columns(&self, line: u64, first: &[Cell<'_>]) -> Result<(Vec<String>, bool), Refused> {
        match &self.header {
            Header::Line => {
                self.check_header(first).map_err(|problem| (line, problem))?;
                Ok((first.iter().map(|cell| cell.text.to_string()).collect(), false))
            }
            Header::Names(names) => Ok((names.clone(), true)),
            Header::Counted => Ok(((0..first.len()).map(|i| i.to_string()).collect(), true)),
        }
    }
}

/// The names of the columns and rows below them, all of the same length.
#[derive(Debug, Clone)]
pub(super) struct Cells {
    pub(super) columns: Arc<[String]>,
    /// The line of the header, or of the first row without one, from 1.
    pub(super) header: u64,
    /// The concatenated cells of all rows.
    text: String,
    /// The end of each cell in `text`.
    ends: Vec<usize>,
    /// The line on which each row begins, or its number where there are no lines.
    lines: Vec<u64>,
}

impl Cells {
    /// Columns without rows.
    pub(super) fn new(columns: Arc<[String]>) -> Self {
        Cells { columns, header: 1, text: String::new(), ends: vec![], lines: vec![] }
    }

    /// Parses a table; it skips empty lines, and accepts a table without rows.
    pub(super) fn parse(text: &str, format: &Format) -> Result<Self, Refused> {
        let text = text.strip_prefix(MARK).unwrap_or(text);
        let mut reader = Reader::new(text, 1, format)?;
        let mut row = Vec::new();
        let header = reader.row(&mut row)?.unwrap_or(1);
        let (columns, is_row) = format.columns(header, &row)?;
        let mut cells = Cells { header, ..Cells::new(columns.into()) };
        if is_row && !row.is_empty() {
            cells.push(header, &row, format)?;
        }
        cells.read(reader, format)?;
        Ok(cells)
    }

    /// Parses further rows of the same table, which begin on `line`.
    pub(super) fn more(&self, text: &str, line: u64, format: &Format) -> Result<Self, Refused> {
        let mut cells = self.empty();
        cells.read(Reader::new(text, line, format)?, format)?;
        Ok(cells)
    }

    /// Some of the rows, each as often as it is named.
    pub(super) fn select(&self, rows: &[usize]) -> Self {
        let mut cells = self.empty();
        for &row in rows {
            for column in 0..self.columns.len() {
                cells.text.push_str(self.get(row, column));
                cells.ends.push(cells.text.len());
            }
            cells.lines.push(self.line(row));
        }
        cells
    }

    /// Rows of the same table, one behind the other.
    pub(super) fn join(&mut self, more: &Cells) {
        let before = self.text.len();
        self.text.push_str(&more.text);
        self.ends.extend(more.ends.iter().map(|end| before + end));
        self.lines.extend(&more.lines);
    }

    fn empty(&self) -> Self {
        Cells { header: self.header, ..Cells::new(self.columns.clone()) }
    }

    fn read(&mut self, mut reader: Reader<'_>, format: &Format) -> Result<(), Refused> {
        let mut row = Vec::new();
        while let Some(line) = reader.row(&mut row)? {
            self.push(line, &row, format)?;
        }
        Ok(())
    }

    fn push(&mut self, line: u64, row: &[Cell<'_>], format: &Format) -> Result<(), Refused> {
        self.check_row(row, format).map_err(|problem| (line, problem))?;
        for cell in row {
            self.text.push_str(&cell.text);
            self.ends.push(self.text.len());
        }
        self.lines.push(line);
        Ok(())
    }

    /// Adds a row of cells that are written one by one; `Err` with the column that cannot be.
    #[cfg(feature = "arrow")]
    pub(super) fn push_row(
        &mut self,
        line: u64,
        write: impl Fn(usize, &mut String) -> std::fmt::Result,
    ) -> Result<(), usize> {
        for column in 0..self.columns.len() {
            write(column, &mut self.text).map_err(|_| column)?;
            self.ends.push(self.text.len());
        }
        self.lines.push(line);
        Ok(())
    }

    /// The number of rows.
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    /// The line on which a row begins.
    pub(super) fn line(&self, row: usize) -> u64 {
        self.lines[row]
    }

    pub(super) fn get(&self, row: usize, column: usize) -> &str {
        let at = row * self.columns.len() + column;
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.text[start..self.ends[at]]
    }

    fn check_row(&self, row: &[Cell<'_>], format: &Format) -> Result<(), String> {
        let (n, wanted) = (row.len(), self.columns.len());
        if n == wanted {
            let again =
                format.header == Header::Line && row.iter().zip(&*self.columns).all(|(cell, c)| cell.text == *c);
            return if again { Err("it repeats the header; delete it".to_string()) } else { Ok(()) };
        }
        if let Some(mark) = row.iter().filter(|cell| !cell.quoted).find_map(|cell| format.foreign(&cell.text))
            && row.iter().map(|cell| cell.text.matches(mark).count()).sum::<usize>() + 1 == wanted
        {
            return Err(format.separated(mark));
        }
        let is_digits =
            |cell: &Cell<'_>| cell.text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.'));
        let plural = |n: usize, noun| format!("{n} {noun}{}", if n == 1 { "" } else { "s" });
        let (found, commas) = (plural(n, "cell"), format.separators().1);
        let needed = match &format.header {
            Header::Line => format!("the header has {}", plural(wanted, "column")),
            Header::Names(_) => format!("`Csv::names` gives {}", plural(wanted, "name")),
            Header::Counted => format!("the first row has {wanted}"),
        };
        let repair =
            format!("give each row one cell for each column, and put quotes around text that contains {commas}");
        let more = match n > wanted && format.separator == b',' && row.iter().all(is_digits) {
            true => "; if numbers have a decimal comma, or commas between thousands, write 1234.5",
            false => "",
        };
        Err(format!("found {found} where {needed}; {repair}{more}"))
    }
}

/// The byte order mark.
const MARK: char = '\u{feff}';

/// The number of line breaks: CRLF, LF, or CR alone.
pub(super) fn breaks(text: &str) -> u64 {
    let bytes = text.as_bytes();
    let at = |(i, &b): (usize, &u8)| b == b'\n' || (b == b'\r' && bytes.get(i + 1) != Some(&b'\n'));
    bytes.iter().enumerate().filter(|&x| at(x)).count() as u64
}

/// A cell without its quotes and the spaces around it.
struct Cell<'t> {
    text: Cow<'t, str>,
    quoted: bool,
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    /// The line of `at`, from 1.
    line: u64,
    format: &'t Format,
}

impl<'t> Reader<'t> {
    /// A reader of text that begins on `line`, unless it is no text.
    fn new(text: &'t str, line: u64, format: &'t Format) -> Result<Self, Refused> {
        let found = |c: char, problem: &str| text.find(c).map(|at| (line + breaks(&text[..at]), problem.to_string()));
        let binary = "it holds NUL characters, as UTF-16 and binary files do; save the table as UTF-8 text";
        let joined =
            "it holds a byte order mark, which begins a file; if two were joined, delete it and the second header";
        match found('\0', binary).or_else(|| found(MARK, joined)) {
            Some(refused) => Err(refused),
            None => Ok(Reader { text, at: 0, line, format }),
        }
    }

    /// Reads the next line that is neither empty nor a comment into `row`; returns its number, or `None` at the end.
    fn row(&mut self, row: &mut Vec<Cell<'t>>) -> Result<Option<u64>, Refused> {
        row.clear();
        while self.end_of_line() || self.comment() {}
        let line = self.line;
        while self.at < self.text.len() {
            row.push(self.cell()?);
            if self.peek() == Some(self.format.separator) {
                self.at += 1;
                if self.peek().is_none() {
                    row.push(self.cell()?);
                }
            } else {
                self.end_of_line();
                break;
            }
        }
        match row.first() {
            Some(cell) if self.format.comment.is_none() && !cell.quoted && cell.text.starts_with('#') => {
                let problem = "it begins with `#`, but comments are no part of a table; delete it, or put quotes around \
                               the cell, or skip such lines by `Csv::comments('#')`";
                Err((line, problem.to_string()))
            }
            first => Ok(first.map(|_| line)),
        }
    }

    /// Skips a comment at the present line's start, up to the line break; returns whether there is one.
    fn comment(&mut self) -> bool {
        let rest = &self.text[self.at..];
        let found = self.format.comment.is_some_and(|mark| rest.trim_start_matches([' ', '\t']).starts_with(mark));
        if found {
            self.at += rest.find(['\r', '\n']).unwrap_or(rest.len());
        }
        found
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Skips a line break at the present position, if there is one; returns whether it did.
    fn end_of_line(&mut self) -> bool {
        let long = match self.text.as_bytes()[self.at..] {
            [b'\r', b'\n', ..] => 2,
            [b'\r' | b'\n', ..] => 1,
            _ => return false,
        };
        self.at += long;
        self.line += 1;
        true
    }

    /// Reads a cell up to the separator or line break that ends it.
    fn cell(&mut self) -> Result<Cell<'t>, Refused> {
        if self.peek() == Some(b'"') {
            return self.quoted();
        }
        let text = self.rest_of_cell();
        match text.trim_start() {
            text if text.starts_with('"') => Err((
                self.line,
                "a space before a quote makes the quote a part of the cell; delete the space".to_string(),
            )),
            text if text.contains('"') => {
                let repair = "put quotes around the whole cell, and write each quote inside twice";
                Err((self.line, format!("a quote inside a cell that does not begin with one; {repair}")))
            }
            text => Ok(Cell { text: Cow::Borrowed(text.trim_end()), quoted: false }),
        }
    }

    fn rest_of_cell(&mut self) -> &'t str {
        let rest = &self.text[self.at..];
        let ends = |b| b == self.format.separator || matches!(b, b'\r' | b'\n');
        let end = rest.bytes().position(ends).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn quoted(&mut self) -> Result<Cell<'t>, Refused> {
        let (begin, mut text) = (self.line, Cow::Borrowed(""));
        loop {
            let rest = &self.text[self.at + 1..]; // `at` is at a quote: the opening one, or the second of a pair
            let Some(end) = rest.find('"') else {
                let repair = "close it, and write each quote inside a cell twice";
                return Err((begin, format!("a quote is opened and never closed; {repair}")));
            };
            self.line += breaks(&rest[..end]);
            self.at += end + 2;
            // Almost always this is the whole cell; it is borrowed without an allocation.
            if text.is_empty() {
                text = Cow::Borrowed(&rest[..end])
            } else {
                text.to_mut().push_str(&rest[..end])
            };
            if self.peek() != Some(b'"') {
                break;
            }
            text.to_mut().push('"');
        }
        let after = self.rest_of_cell().trim_matches(' ');
        match after.chars().next() {
            None => Ok(Cell { text: trimmed(text), quoted: true }),
            Some(mark) if self.format.foreign(mark.encode_utf8(&mut [0; 4])).is_some() => {
                Err((begin, self.format.separated(mark)))
            }
            Some(_) => {
                let comma = self.format.separators().0;
                let repair = format!("close each quote before the {comma}, and write each quote inside a cell twice");
                Err((begin, format!("text follows the quote that closes a cell; {repair}")))
            }
        }
    }
}

fn trimmed(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_string()),
    }
}
