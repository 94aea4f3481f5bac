//! Tables: what they read, and the literal text of what they refuse.

use autograd::Tensor;
use mlp::{Error, Table};
use proptest::prelude::*;

fn table(text: &str) -> Table {
    Table::parse("t.csv", text.as_bytes()).unwrap()
}

fn refused(text: &[u8]) -> String {
    Table::parse("t.csv", text).unwrap_err().to_string()
}

fn numbers(text: &str, columns: &[&str]) -> String {
    table(text).numbers::<f64>(columns).unwrap_err().to_string()
}

#[test]
fn a_table_accepts_what_programs_write() {
    let expected: Tensor = [[1.0, -2.5e3], [3.0, 4.0]].into();
    for text in [
        "a,b\n1,-2.5e3\n3,4\n",
        "a,b\r\n1,-2.5e3\r\n3,4\r\n",
        "\u{feff}a,b\n1,-2.5e3\n3,4",
        "\n a , b\n\n 1, -2.5e3 \n\n\n3,4\n\n",
        "\"a\",\"b\"\n\"1\",\"-2.5e3\"\n3,4\n",
    ] {
        assert_eq!(table(text).numbers::<f64>(&["a", "b"]).unwrap(), expected, "{text:?}");
    }
    assert_eq!(table("a,b\n1,2\n").columns(), ["a", "b"]);
    let all = table("a,b\n1,2\n");
    assert_eq!(all.numbers::<f32>(all.columns()).unwrap(), [[1.0, 2.0]].into());
}

#[test]
fn ragged_rows_name_file_and_line() {
    let rest = "where the header has 2 columns; give each row one cell for each column, \
                and put quotes around text that contains commas";
    let commas = "; if numbers have a decimal comma, or commas between thousands, write 1234.5";
    assert_eq!(refused(b"a,b\n1,2\n3\n"), format!("t.csv, line 3: found 1 cell {rest}"));
    assert_eq!(refused(b"a,b\r\n1,2\r\n\r\nx,4,5\r\n6,7\r\n"), format!("t.csv, line 4: found 3 cells {rest}"));
    assert_eq!(refused(b"\n\na,b\n1,\"2\n2\"\n3,4,5"), format!("t.csv, line 6: found 3 cells {rest}{commas}"));
    assert_eq!(refused("\u{feff}a,b\n1,2\n\n\n3".as_bytes()), format!("t.csv, line 5: found 1 cell {rest}"));
    assert_eq!(refused(b"a,b\r1,2\r3"), format!("t.csv, line 3: found 1 cell {rest}"));
    assert_eq!(refused(b"a,b\n1,5,-2,5\n"), format!("t.csv, line 2: found 4 cells {rest}{commas}"));
    assert!(refused(b"a\n1,2\n").starts_with("t.csv, line 2: found 2 cells where the header has 1 column; "));
    assert!(refused(b"a,b\n1,2\n  \n").starts_with("t.csv, line 3: found 1 cell "), "spaces are no empty line");
}

#[test]
fn quotes_out_of_place_name_their_line() {
    let space = "a space before a quote makes the quote a part of the cell; delete the space";
    let open = "a quote is opened and never closed; close it, and write each quote inside a cell twice";
    let after = "text follows the quote that closes a cell; close each quote before the comma, \
                 and write each quote inside a cell twice";
    let inside = "a quote inside a cell that does not begin with one; put quotes around the whole cell, \
                  and write each quote inside twice";
    for (text, line, law) in [
        ("kind,x\ncat,1\n \"cat\",2\n", 3, space),
        ("x,kind\n1,cat\n2, \"cat\"\n", 3, space),
        ("x,kind\n1,\t\"cat\"\n", 2, space),
        ("x, \"kind\"\n1,cat\n", 1, space),
        ("x,kind\n1, \"cat, or dog\"\n", 2, space),
        ("x,kind\n1,\"cat\n2,dog\n3,cow\n", 2, open),
        ("x,kind\r\n1,cat\r\n\r\n2,\"dog\r\n3,cow", 4, open),
        ("x,kind\n1,\"say \"\"cat\n", 2, open),
        ("x,\"kind\n1,cat\n", 1, open),
        ("x,kind\n1,cat\n\"", 3, open),
        // The second quote closes the first, three lines on.
        ("x,kind\n1,\"cat\n2,dog\n3,\"cow\"\n", 2, after),
        ("x,kind\n1,\"cat\"s\n", 2, after),
        ("x,kind\n1,\"cat\" \"dog\"\n", 2, after),
        ("x,kind\n1,cat\n2,cat\"\n", 3, inside),
        ("x,size\n1,6\" pipe\n", 2, inside),
    ] {
        assert_eq!(refused(text.as_bytes()), format!("t.csv, line {line}: {law}"), "{text:?}");
    }
    // What RFC 4180 allows, and spaces after a quote.
    let t = table("x,kind\n1,\"cat, or \"\"dog\"\"\"\n2,\"\"\"\" \n3,\"two\nlines\"\n4, plain \n");
    let (labels, names) = t.classes("kind").unwrap();
    assert_eq!(names, ["\"", "cat, or \"dog\"", "plain", "two\nlines"]);
    assert_eq!(labels, [1, 0, 3, 2]);
    assert_eq!(table("x,y\n1,\"\"\n").columns(), ["x", "y"]);
}

#[test]
fn other_formats_are_named() {
    let mark = |mark| {
        format!("its cells are separated by `{mark}`; save the table with commas between cells, and points in numbers")
    };
    let comment = "it begins with `#`, but comments are no part of a table; delete it, or put quotes around the cell";
    for (text, line, law) in [
        ("a;b\n1,5;2,5\n", 1, mark(";")),
        ("a\tb\n1\t2\n", 1, mark("\\t")),
        ("a|b\n1|2\n", 1, mark("|")),
        ("\"a\";\"b\"\n1;2\n", 1, mark(";")),
        ("sep=;\na;b\n1;2\n", 1, mark(";")),
        ("a,b\n1,2\n3;4\n", 3, mark(";")),
        ("a,b\n1,5;2,5\n", 2, mark(";")),
        ("# made by hand\na,b\n1,2\n", 1, comment.into()),
        ("a,b\n1,2\n\n  # and, so on\n3,4\n", 4, comment.into()),
        ("#a,b\n1,2\n", 1, comment.into()),
        ("a,b\n1,2\na,b\n3,4\n", 3, "it repeats the header; delete it".into()),
        (
            "a,b\n1,2\n\u{feff}a,b\n3,4\n",
            3,
            "it holds a byte order mark, which begins a file; if two were joined, delete it \
            and the second header"
                .into(),
        ),
        (
            "a\0,\0b\0\n",
            1,
            "it holds NUL characters, as UTF-16 and binary files do; save the table as UTF-8 text".into(),
        ),
    ] {
        assert!(
            refused(text.as_bytes()).starts_with(&format!("t.csv, line {line}: {law}")),
            "{text:?}: {}",
            refused(text.as_bytes())
        );
    }
    // In quotes all of it is text.
    let t = table("\"a;b\"\n\"#1;2\"\n");
    assert_eq!(t.classes("a;b").unwrap().1, ["#1;2"]);
}

#[test]
fn a_header_of_numbers_is_a_missing_header() {
    let law = "it holds numbers where the names of the columns should be; \
               write a line of names above it, with quotes around names that are numbers, or read it by `Csv::names` or `Csv::without_header`";
    for text in
        ["1,2\n3,4\n", "5.1,3.5,setosa\n4.9,3.0,setosa\n", "0\n1\n", "0,0,0\n0,1,1\n", "-1,x\n1,y\n", "\n1e5\n2\n"]
    {
        let line = 1 + u64::from(text.starts_with('\n'));
        assert_eq!(refused(text.as_bytes()), format!("t.csv, line {line}: {law}"), "{text:?}");
    }
    // Years beside other names, the numbers that programs give columns, and names in quotes.
    for text in ["country,2019,2020\nx,1,2\n", "0,1,2\n5,6,7\n", "\"0.25\",\"0.5\"\n1,2\n", "nan,inf\n1,2\n"] {
        assert_eq!(table(text).rows(), 1, "{text:?}");
    }
}

#[test]
fn empty_tables_are_refused() {
    for text in ["", "\n\n", "a,b\n", "a,b", "\u{feff}"] {
        assert_eq!(refused(text.as_bytes()), "t.csv: no samples; at least one is needed", "{text:?}");
    }
}

#[test]
fn text_that_is_not_utf8_names_the_line() {
    assert_eq!(refused(b"a\r\n\r\n1\r\n\xff\n"), "t.csv, line 4: not UTF-8 text; save the table as UTF-8");
    assert_eq!(refused(b"\xff\xfea\n1\n"), "t.csv, line 1: not UTF-8 text; save the table as UTF-8");
}

#[test]
fn cells_that_are_no_numbers_name_the_place() {
    let place = |line, found: &str| {
        format!(
            "t.csv, line {line}, column `b`: found {found}, needs a finite number; correct the cell or drop the row"
        )
    };
    assert_eq!(numbers("a,b\n1,wide\n", &["a", "b"]), place(2, "`wide`"));
    assert_eq!(numbers("a,b\n1,2\n\n1,NaN\n", &["b"]), place(4, "`NaN`"));
    assert_eq!(numbers("a,b\r\n1,2\r\n\r\n1,-inf\r\n", &["b"]), place(4, "`-inf`"));
    assert_eq!(numbers("a,b\n\"x\ny\",2\n1,\n", &["b"]), place(4, "an empty cell"));
    assert_eq!(numbers("a,b\n\"x\ny\",1e999\n", &["b"]), place(2, "`1e999`"));
    for (cell, oddity) in [
        ("\"1,5\"", "`1,5` with a decimal comma, or commas between thousands"),
        ("\"1,234.5\"", "`1,234.5` with a decimal comma, or commas between thousands"),
        ("\"1.234,5\"", "`1.234,5` with a decimal comma, or commas between thousands"),
        ("1 234", "`1 234` with marks between thousands"),
        ("1'234", "`1'234` with marks between thousands"),
        ("1_234", "`1_234` with marks between thousands"),
        ("5%", "`5%` with a percent sign"),
        ("−5", "`−5` with a minus sign that is no `-`"),
        ("5 # of ten", "`5 # of ten` with a comment, which is no part of a table"),
        ("2;3", "`2;3`, which may be cells that are not separated by commas"),
        ("NA", "`NA` for a missing value"),
        ("?", "`?` for a missing value"),
        ("0x10", "`0x10`"),
    ] {
        assert_eq!(numbers(&format!("a,b\n1,{cell}\n"), &["b"]), place(2, oddity));
    }
    let long = format!("a,b\n1,{}\n", "é".repeat(50));
    assert_eq!(numbers(&long, &["b"]), place(2, &format!("`{}…`", "é".repeat(40))));
    // Finite as f64 alone.
    let error = table("b\n1e300\n").numbers::<f32>(&["b"]).unwrap_err();
    assert_eq!(error.to_string(), place(2, "`1e300`"));
}

#[test]
fn columns_that_do_not_exist_list_those_that_do() {
    assert_eq!(numbers("a,b\n1,2\n", &["c"]), "t.csv: no column `c`; the columns are `a`, `b`");
    assert_eq!(
        numbers("\r\na,a\n1,2\n", &["a"]),
        "t.csv, line 2: the header has more than one column `a`; rename all but one"
    );
    assert_eq!(numbers("a\n1\n", &[]), "numbers: no columns named; name at least one");
    let wide: Vec<_> = (0..20).map(|i| format!("x{i}")).collect();
    let error = numbers(&format!("{}\n{}\n", wide.join(","), ["0"; 20].join(",")), &["y"]);
    assert!(error.ends_with("`x10`, `x11` and 8 more"), "{error}");
}

#[test]
fn classes_are_sorted_and_labels_checked() {
    let t = table("kind,size,digit\nrose,10,1\niris,9,0\nrose,-1,2\n");
    assert_eq!(t.classes("kind").unwrap(), (vec![1, 0, 1], vec!["iris".into(), "rose".into()]));
    assert_eq!(t.classes("size").unwrap(), (vec![2, 1, 0], vec!["-1".into(), "9".into(), "10".into()]));
    assert_eq!(t.labels("digit", 3).unwrap(), [1, 0, 2]);
    let label = |column, classes| t.labels(column, classes).unwrap_err().to_string();
    let rest = "correct the cell or drop the row";
    assert_eq!(
        label("digit", 2),
        format!("t.csv, line 4, column `digit`: found `2`, needs a label from 0 to 1; {rest}")
    );
    assert_eq!(
        label("size", 20),
        format!("t.csv, line 4, column `size`: found `-1`, needs a label from 0 to 19; {rest}")
    );
    assert_eq!(
        label("kind", 2),
        format!("t.csv, line 2, column `kind`: found `rose`, needs a label from 0 to 1; {rest}")
    );
    assert_eq!(label("digit", 0), "labels: 0 classes; at least one is needed");
    let error = table("a,kind\n1,x\n2,\n").classes("kind").unwrap_err().to_string();
    assert_eq!(error, format!("t.csv, line 3, column `kind`: found an empty cell, needs the name of a class; {rest}"));
}

#[test]
fn classes_of_the_training_keep_their_numbers() {
    let (_, names) = table("kind\nbicycle\ncar\ncow\n").classes("kind").unwrap();
    let test = table("x,kind\n1,cow\n\n2,bicycle\n3,cow\n");
    assert_eq!(test.classes("kind").unwrap().0, [1, 0, 1]);
    assert_eq!(test.known_classes("kind", &names).unwrap(), [2, 0, 2]);
    assert_eq!(test.known_classes("kind", &["cow", "bicycle"]).unwrap(), [0, 1, 0]);
    let refused = |classes: &[&str]| test.known_classes("kind", classes).unwrap_err().to_string();
    assert_eq!(
        refused(&["cow", "car"]),
        "t.csv, line 4, column `kind`: found `bicycle`, needs one of the classes `cow`, `car`; correct the cell or drop the row"
    );
    assert_eq!(refused(&[]), "known_classes: no classes given; give those of the training");
    assert_eq!(
        refused(&["cow", "car", "cow"]),
        "known_classes: class `cow` is given twice, as 0 and 2; give each class once"
    );
    assert!(test.known_classes("sort", &names).unwrap_err().to_string().starts_with("t.csv: no column `sort`"));
    let empty = table("x,kind\n1,\n").known_classes("kind", &names).unwrap_err().to_string();
    assert!(empty.contains("found an empty cell, needs one of the classes `bicycle`, `car`, `cow`"), "{empty}");
}

#[test]
fn a_missing_value_is_no_class_unless_it_is_named() {
    for missing in ["NA", "N/A", "NaN", "nan", "null", "?"] {
        let t = table(&format!("x,country\n1,FR\n2,{missing}\n"));
        let refused = t.classes("country").unwrap_err().to_string();
        let missing = if missing.parse::<f64>().is_ok() {
            format!("`{missing}`")
        } else {
            format!("`{missing}` for a missing value")
        };
        let law = format!("t.csv, line 3, column `country`: found {missing}, needs the name of a class; ");
        assert!(refused.starts_with(&law), "{refused}");
    }
    let t = table("country\nNA\nFR\n"); // Namibia
    assert_eq!(t.known_classes("country", &["FR", "NA"]).unwrap(), [1, 0]);
    assert_eq!(table("metal\nNa\nK\n").classes("metal").unwrap().1, ["K", "Na"]);
}

#[test]
fn files_are_read_and_missing_ones_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.csv");
    std::fs::write(&path, "a\nx\n").unwrap();
    let error = Table::read(&path).unwrap().numbers::<f64>(&["a"]).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{}, line 2, column `a`: found `x`", path.display())), "{error}");
    let error = Table::read(dir.path().join("none.csv")).unwrap_err();
    assert!(matches!(&error, Error::Io { path, .. } if path.ends_with("none.csv")), "{error}");
    assert!(matches!(Table::read(dir.path()), Err(Error::Io { .. })), "a folder is no table");
}

/// A cell in quotes, as programs write any text.
fn quoted(cell: &str) -> String {
    format!("\"{}\"", cell.replace('"', "\"\""))
}

proptest! {
    /// Whatever stands in quotes comes back, on its line, whatever ends the lines.
    #[test]
    fn text_in_quotes_comes_back(
        rows in proptest::collection::vec(("[ -~äß€\\n\\r]{1,12}", "[\",;\t#\n x]{0,8}"), 1..20),
        end in proptest::sample::select(vec!["\n", "\r\n", "\r", "\n\n"]),
    ) {
        // A missing value and an empty cell are no classes.
        let rows: Vec<(String, String)> = rows.into_iter().map(|(a, b)| (format!("a{a}"), format!("{b}b"))).collect();
        let lines: Vec<String> = rows.iter().map(|(a, b)| format!("{},{}{end}", quoted(a), quoted(b))).collect();
        let t = table(&format!("first,\"second\"{end}{}", lines.concat()));
        for (column, cells) in [("first", rows.iter().map(|row| &row.0).collect::<Vec<_>>()), ("second", rows.iter().map(|row| &row.1).collect())] {
            let (labels, names) = t.classes(column).unwrap();
            let found: Vec<&str> = labels.iter().map(|&label| names[label].as_str()).collect();
            prop_assert_eq!(found, cells.iter().map(|cell| cell.trim()).collect::<Vec<_>>());
        }
        // The line of the last row, by a count of its own.
        let before = format!("{end}{}", lines[..lines.len() - 1].concat()).replace("\r\n", "\n");
        let line = 1 + before.chars().filter(|c| matches!(c, '\n' | '\r')).count();
        let error = t.known_classes("first", &rows[..rows.len() - 1].iter().map(|row| row.0.trim()).collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>());
        if let Err(Error::Cell { line: found, .. }) = error {
            prop_assert_eq!(found, line as u64);
        }
    }

    /// Any bytes are a table or an error with a line that is there.
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(proptest::sample::select(b"ab1.\",;\t#\r\n \xc3\xa4\xff\0".to_vec()), 0..40)) {
        match Table::parse("t.csv", &bytes[..]) {
            Ok(t) => {
                let _ = t.numbers::<f32>(t.columns());
                t.columns().iter().for_each(|column| drop(t.classes(column)));
            }
            Err(Error::Csv { line, .. }) => {
                let lines = 1 + bytes.iter().filter(|b| matches!(b, b'\n' | b'\r')).count();
                prop_assert!((1..=lines as u64).contains(&line));
            }
            Err(Error::Empty { .. }) => {}
            Err(error) => prop_assert!(false, "{}", error),
        }
    }
}
