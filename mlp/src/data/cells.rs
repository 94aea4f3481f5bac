//! A strict parser of comma-separated values (RFC 4180).
//!
//! A lenient parser accepts any text: a misplaced quote can change a class name, or merge the rest of a file into one
//! cell. This parser rejects such places and reports the line.

use std::borrow::Cow;

/// The line that was rejected, from 1, and the reason.
pub(super) type Refused = (u64, String);

/// A header and the rows below it, all of the same length.
#[derive(Debug, Clone)]
pub(super) struct Cells {
    pub(super) columns: Vec<String>,
    /// The line of the header, from 1.
    pub(super) header: u64,
    /// The concatenated cells of all rows.
    text: String,
    /// The end of each cell in `text`.
    ends: Vec<usize>,
    /// The line on which each row begins.
    lines: Vec<u64>,
}

impl Cells {
    /// Parses a table; it skips empty lines, and accepts a table without rows.
    pub(super) fn parse(text: &str) -> Result<Self, Refused> {
        let text = text.strip_prefix(MARK).unwrap_or(text);
        let found = |c: char, problem: &str| text.find(c).map(|at| (1 + breaks(&text[..at]), problem.to_string()));
        let binary = "it holds NUL characters, as UTF-16 and binary files do; save the table as UTF-8 text";
        let joined =
            "it holds a byte order mark, which begins a file; if two were joined, delete it and the second header";
        if let Some(refused) = found('\0', binary).or_else(|| found(MARK, joined)) {
            return Err(refused);
        }
        let mut reader = Reader { text, at: 0, line: 1 };
        let mut row = Vec::new();
        let header = reader.row(&mut row)?.unwrap_or(1);
        check_header(&row).map_err(|problem| (header, problem))?;
        let columns = row.iter().map(|cell| cell.text.to_string()).collect();
        let mut cells = Cells { columns, header, text: String::new(), ends: vec![], lines: vec![] };
        while let Some(line) = reader.row(&mut row)? {
            cells.check_row(&row).map_err(|problem| (line, problem))?;
            for cell in &row {
                cells.text.push_str(&cell.text);
                cells.ends.push(cells.text.len());
            }
            cells.lines.push(line);
        }
        Ok(cells)
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

    fn check_row(&self, row: &[Cell<'_>]) -> Result<(), String> {
        let (n, wanted) = (row.len(), self.columns.len());
        if n == wanted {
            let again = row.iter().zip(&self.columns).all(|(cell, column)| cell.text == *column);
            return if again { Err("it repeats the header; delete it".to_string()) } else { Ok(()) };
        }
        if let Some(mark) = row.iter().find_map(Cell::separator)
            && row.iter().map(|cell| cell.text.matches(mark).count()).sum::<usize>() + 1 == wanted
        {
            return Err(separated(mark));
        }
        let is_digits =
            |cell: &Cell<'_>| cell.text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.'));
        let plural = |n: usize, noun| format!("{n} {noun}{}", if n == 1 { "" } else { "s" });
        let (found, needed) = (plural(n, "cell"), plural(wanted, "column"));
        let repair = "give each row one cell for each column, and put quotes around text that contains commas";
        let more = match n > wanted && row.iter().all(is_digits) {
            true => "; if numbers have a decimal comma, or commas between thousands, write 1234.5",
            false => "",
        };
        Err(format!("found {found} where the header has {needed}; {repair}{more}"))
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

fn separated(mark: char) -> String {
    let mark = mark.escape_debug();
    format!("its cells are separated by `{mark}`; save the table with commas between cells, and points in numbers")
}

/// `Ok` if a header looks like names: a table without a header would lose its first row.
fn check_header(row: &[Cell<'_>]) -> Result<(), String> {
    if let [cell] = row
        && let Some(mark) = cell.separator()
    {
        return Err(separated(mark));
    }
    let number = |cell: &Cell<'_>| !cell.quoted && cell.text.parse::<f64>().is_ok_and(f64::is_finite);
    let whole = |cell: &Cell<'_>| cell.text.bytes().all(|b| b.is_ascii_digit());
    // Some programs name the columns of a matrix 0, 1, 2, …; years are valid names too.
    let counted = row.len() > 2 && row.iter().enumerate().all(|(i, cell)| cell.text == i.to_string());
    let all = !row.is_empty() && row.iter().all(number) && !counted;
    if all || row.iter().any(|cell| number(cell) && !whole(cell)) {
        let law = "it holds numbers where the names of the columns should be";
        return Err(format!("{law}; write a line of names above it, with quotes around names that are numbers"));
    }
    Ok(())
}

/// A cell without its quotes and the spaces around it.
struct Cell<'t> {
    text: Cow<'t, str>,
    quoted: bool,
}

impl Cell<'_> {
    /// The separator of another format, if the cell contains one.
    fn separator(&self) -> Option<char> {
        self.text.chars().find(|c| matches!(c, ';' | '\t' | '|')).filter(|_| !self.quoted)
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    /// The line of `at`, from 1.
    line: u64,
}

impl<'t> Reader<'t> {
    /// Reads the next line that is not empty into `row`; returns its number, or `None` at the end.
    fn row(&mut self, row: &mut Vec<Cell<'t>>) -> Result<Option<u64>, Refused> {
        row.clear();
        while self.end_of_line() {}
        let line = self.line;
        while self.at < self.text.len() {
            row.push(self.cell()?);
            if self.peek() == Some(b',') {
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
            Some(cell) if !cell.quoted && cell.text.starts_with('#') => {
                let problem =
                    "it begins with `#`, but comments are no part of a table; delete it, or put quotes around the cell";
                Err((line, problem.to_string()))
            }
            first => Ok(first.map(|_| line)),
        }
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

    /// Reads a cell up to the comma or line break that ends it.
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
        let end = rest.bytes().position(|b| matches!(b, b',' | b'\r' | b'\n')).unwrap_or(rest.len());
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
            Some(mark @ (';' | '\t' | '|')) => Err((begin, separated(mark))),
            Some(_) => {
                let repair = "close each quote before the comma, and write each quote inside a cell twice";
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
