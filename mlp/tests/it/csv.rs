//! Tables in other forms than commas below a header, in parts and in chunks, and what of them is refused.

use std::io::Read;

use autograd::Tensor;
use mlp::{Csv, Error, Table};
use proptest::prelude::*;

fn refused(csv: &Csv, text: &str) -> String {
    csv.parse("t.csv", text.as_bytes()).unwrap_err().to_string()
}

#[test]
fn separators_comments_and_headers_are_as_told() {
    let expected: Tensor = [[1.5, -2.0], [3.0, 4.0]].into();
    let commas = Csv::new().comments('#');
    for (csv, text) in [
        (Csv::new().separator(';').decimal_comma(), "a;b\n1,5;-2\n3;4,0\n"),
        (Csv::new().separator('\t'), "a\tb\r\n1.5\t-2\r\n3\t4\r\n"),
        (Csv::new().separator('|').names(["a", "b"]), "1.5|-2\n\n3|4"),
        (Csv::new().separator(' ').names(["a", "b"]), "1.5 -2\n3 4\n"),
        (commas.clone(), "\u{feff}# one, \"two\n\n  # three\na,b\n1.5,-2\n#\n3,4\n# 5,6"),
        (Csv::new().decimal_comma(), "a,b\n\"1,5\",-2\n3,4\n"),
        (Csv::new().comments('%').names(["a", "b"]), "% five\n1.5,-2\n3,4\n"),
    ] {
        let table = csv.parse("t.csv", text.as_bytes()).unwrap();
        assert_eq!(table.numbers::<f64>(&["a", "b"]).unwrap(), expected, "{text:?}");
    }
    let table = Csv::new().without_header().parse("t.csv", "1.5,-2\n3,4\n".as_bytes()).unwrap();
    assert_eq!(table.columns(), ["0", "1"]);
    assert_eq!(table.numbers::<f64>(table.columns()).unwrap(), expected);
    // A mark that begins no line is a part of its cell; quotes protect it.
    let table = commas.parse("t.csv", "a\n\"# text\"\nx#y\n".as_bytes()).unwrap();
    assert_eq!(table.text("a").unwrap(), ["# text", "x#y"]);
    // A header that repeats is a row where there is no header.
    let table = Csv::new().names(["a", "b"]).parse("t.csv", "a,b\n".as_bytes()).unwrap();
    assert_eq!((table.rows(), table.text("b").unwrap()), (1, vec!["b"]));
}

#[test]
fn other_separators_and_ragged_rows_name_their_repair() {
    let semicolons = Csv::new().separator(';');
    let rest = "and put quotes around text that contains `;`";
    assert_eq!(
        refused(&semicolons, "a;b\n1;2;3\n"),
        format!(
            "t.csv, line 2: found 3 cells where the header has 2 columns; give each row one cell for each column, {rest}"
        )
    );
    assert_eq!(
        refused(&semicolons, "a,b\n1,2\n"),
        "t.csv, line 1: its cells are separated by `,`; save the table with `;` between cells, and points in numbers, \
         or read it by `Csv::separator(',')`"
    );
    assert!(refused(&semicolons, "a;b\n1\t2\n").starts_with("t.csv, line 2: its cells are separated by `\\t`"));
    assert!(refused(&semicolons, "a;b\n\"1\"x;2\n").contains("close each quote before the `;`"));
    assert!(refused(&semicolons.clone().decimal_comma(), "a;b\n1,2\n").contains("found 1 cell where"));
    let names = Csv::new().names(["a", "b"]);
    assert!(refused(&names, "1,2,3\n").starts_with("t.csv, line 1: found 3 cells where `Csv::names` gives 2 names; "));
    let counted = Csv::new().without_header();
    assert!(refused(&counted, "\n1,2\n3\n").starts_with("t.csv, line 3: found 1 cell where the first row has 2; "));
    for (csv, text) in [(&names, ""), (&counted, "\n\n"), (&semicolons, "a;b\n"), (&Csv::new().comments('#'), "#\n#")] {
        assert_eq!(refused(csv, text), "t.csv: no samples; at least one is needed", "{text:?}");
    }
    let number = |cell: &str| {
        let table = semicolons.clone().decimal_comma().parse("t.csv", format!("a\n{cell}\n").as_bytes()).unwrap();
        table.numbers::<f64>(&["a"]).map(|x| x.to_vec()[0]).map_err(|error| error.to_string())
    };
    assert_eq!(number("-1,25e-2"), Ok(-0.0125));
    assert!(
        number("1.234,5").unwrap_err().contains("found `1.234,5` with a point, where numbers have a decimal comma,")
    );
    assert!(number("1.5").unwrap_err().contains("with a point"));
    for cell in ["1,5,0", "inf", "1,5e999", "NA", "\"\""] {
        assert!(number(cell).unwrap_err().contains("needs a finite number"), "{cell}");
    }
}

#[test]
fn settings_that_cannot_be_meant_panic() {
    for separator in ['a', '1', '"', '\n', '.', '-', '§'] {
        let panic = std::panic::catch_unwind(|| Csv::new().separator(separator)).unwrap_err();
        assert!(panic.downcast_ref::<String>().unwrap().starts_with("separator: "), "{separator}");
    }
    for mark in ['a', '1', '"', ' ', '-', '§'] {
        let panic = std::panic::catch_unwind(|| Csv::new().comments(mark)).unwrap_err();
        assert!(panic.downcast_ref::<String>().unwrap().starts_with("comments: "), "{mark}");
    }
}

#[test]
fn selected_rows_keep_their_lines() {
    let table = Table::parse("t.csv", "a,b\n1,x\n\n2,y\nthree,z\n".as_bytes()).unwrap();
    let part = table.select(&[2, 0, 0]).unwrap();
    assert_eq!((part.rows(), part.text("b").unwrap()), (3, vec!["z", "x", "x"]));
    let error = part.numbers::<f64>(&["a"]).unwrap_err().to_string();
    assert!(error.starts_with("t.csv, line 5, column `a`: found `three`"), "{error}");
    let refused = |rows: &[usize]| table.select(rows).unwrap_err().to_string();
    assert_eq!(refused(&[0, 3]), "select: row 3 does not exist; rows are 0 to 2");
    assert_eq!(refused(&[]), "select: no samples; at least one is needed");
}

/// A reader that gives a few bytes at a time.
struct Slow<'b>(&'b [u8], usize);

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.1.min(buffer.len()).min(self.0.len());
        buffer[..n].copy_from_slice(&self.0[..n]);
        self.0 = &self.0[n..];
        Ok(n)
    }
}

/// All columns of a table as text; one whose name is another's too has none.
fn cells(table: &Table) -> Vec<Vec<String>> {
    let column = |name: &String| table.text(name).unwrap_or_default().into_iter().map(String::from).collect();
    table.columns().iter().map(column).collect()
}

/// The columns of all chunks, put together, and how many rows each has.
fn chunked(csv: &Csv, text: &[u8], rows: usize, step: usize) -> Result<(Vec<Vec<String>>, Vec<usize>), Error> {
    let (mut columns, mut lengths) = (Vec::<Vec<String>>::new(), vec![]);
    let mut chunks = csv.chunks_of("t.csv", Slow(text, step), rows);
    for table in &mut chunks {
        let table = table?;
        lengths.push(table.rows());
        let part = cells(&table);
        if columns.is_empty() {
            columns = part;
        } else {
            columns.iter_mut().zip(part).for_each(|(all, part)| all.extend(part));
        }
    }
    assert!(chunks.next().is_none());
    Ok((columns, lengths))
}

#[test]
fn chunks_are_the_whole() {
    let text = "\u{feff}% first\r\na,b\r\n1,\"two\r\nlines\"\r\n\r\n% \"\r\n2,\"a \"\"b\"\"\"\r\n3,\r4,x\n5,\"\n\n\"";
    let csv = Csv::new().comments('%');
    let whole = csv.parse("t.csv", text.as_bytes()).unwrap();
    for rows in 1..8 {
        for step in [1, 2, 3, 1000] {
            let (columns, lengths) = chunked(&csv, text.as_bytes(), rows, step).unwrap();
            assert_eq!(columns, cells(&whole), "{rows} {step}");
            let all = (0..5usize).step_by(rows).map(|i| rows.min(5 - i)).collect::<Vec<_>>();
            assert_eq!(lengths, all, "{rows} {step}");
        }
    }
    // Lines are those of the file, and nothing follows a refusal.
    let mut chunks = Csv::new().chunks_of("t.csv", "a,b\n1,2\n\n3,\"x\ny\"\n4\n5,6\n".as_bytes(), 1);
    assert_eq!(chunks.by_ref().take(2).map(|table| table.unwrap().rows()).sum::<usize>(), 2);
    let error = chunks.next().unwrap().unwrap_err();
    assert!(matches!(error, Error::Csv { line: 6, .. }), "{error}");
    assert!(chunks.next().is_none());
    let mut empty = Csv::new().chunks_of("t.csv", "a,b\n".as_bytes(), 3);
    assert!(matches!(empty.next(), Some(Err(Error::Empty { .. }))) && empty.next().is_none());
    let missing = Csv::new().chunks("no/such/file.csv", 3).unwrap_err();
    assert!(matches!(missing, Error::Io { .. }));
}

#[test]
fn a_quote_that_is_never_closed_does_not_fill_memory() {
    let text = b"a,b\n1,\"x\n".iter().copied().chain(std::iter::repeat_n(b'y', 70 << 20));
    struct Bytes<I>(I);
    impl<I: Iterator<Item = u8>> Read for Bytes<I> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            Ok(buffer.iter_mut().zip(&mut self.0).map(|(place, byte)| *place = byte).count())
        }
    }
    let error = Csv::new().chunks_of("t.csv", Bytes(text), 1).next().unwrap().unwrap_err();
    assert!(error.to_string().starts_with("t.csv, line 2: a row is longer than 64 MiB; "), "{error}");
}

fn forms() -> [Csv; 4] {
    let new = Csv::new;
    [new(), new().comments('#').without_header(), new().separator(';').decimal_comma(), new().names(["a", "b"])]
}

proptest! {
    /// Any bytes are read in chunks as they are as a whole, or refused by both.
    #[test]
    fn no_bytes_panic_and_chunks_agree(
        bytes in proptest::collection::vec(proptest::sample::select(b"ab1,.;\"#\r\n \xc3\xa4\xff\0".to_vec()), 0..40),
        rows in 1..4usize,
        step in 1..5usize,
    ) {
        for csv in forms() {
            let chunked = chunked(&csv, &bytes, rows, step);
            match csv.parse("t.csv", &bytes[..]) {
                Ok(table) => prop_assert_eq!(chunked.unwrap().0, cells(&table)),
                Err(Error::Empty { .. }) => {
                    let is_empty = matches!(chunked, Err(Error::Empty { .. }));
                    prop_assert!(is_empty);
                }
                Err(_) => prop_assert!(chunked.is_err()),
            }
        }
    }

    /// A table with a byte changed or its end cut off is a table or an error, never a panic.
    #[test]
    fn damaged_tables_are_refused_or_read(at in 0..1000usize, byte in any::<u8>()) {
        let text = "a;b\n1,5;\"x\"\"\ny\"\n# note\n-2;z\n".as_bytes();
        for csv in forms() {
            let (mut flipped, cut) = (text.to_vec(), &text[..at % text.len()]);
            flipped[at % text.len()] ^= byte;
            for bytes in [&flipped[..], cut] {
                match csv.parse("t.csv", bytes) {
                    Ok(table) => table.columns().iter().for_each(|column| drop(table.numbers::<f32>(&[column]))),
                    Err(error) => prop_assert!(error.to_string().starts_with("t.csv")),
                }
            }
        }
    }
}
