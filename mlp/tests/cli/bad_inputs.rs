//! The rows of bad files that the program takes: one line on standard error, a status that is not 0, and nothing written.

use std::fs;
use std::path::Path;

use crate::Folder;
use crate::bad_files::{self, Law, Make, Row, TABLE, contents};

/// Runs the program on each row at `file`; returns how many ended, and how many of them with an error.
fn each(rows: &[Row], file: &str, arguments: &str) -> (usize, usize) {
    let (mut ended, mut refused) = (0, 0);
    for row in rows {
        let folder = folder();
        let path = folder.path().join(file);
        fs::remove_file(&path).unwrap();
        if !row.put(&path) {
            continue;
        }
        let before = contents(folder.path());
        let run = folder.run(arguments);
        let place = format!("{}: {arguments}: {}", row.name, run.err);
        ended += 1;
        match run.code {
            Some(0) => assert!(matches!(row.law, Law::Open(_)), "{place}"),
            Some(1) => {
                refused += 1;
                assert_eq!(contents(folder.path()), before, "{place}");
                let lines: Vec<&str> = run.err.lines().filter(|line| line.starts_with("mlp: ")).collect();
                assert!(
                    lines.len() == 1 && run.err.ends_with(&format!("{}\n", lines[0])) && run.out.is_empty(),
                    "{place}"
                );
                assert!(
                    !lines[0].contains("::") || lines[0].contains("Bundle::save"),
                    "methods are no options: {place}"
                );
                if let Law::Refused(part) = &row.law {
                    assert!(
                        lines[0].contains(file) && lines[0].contains(part.as_str()),
                        "`{part}` is not said: {place}"
                    );
                }
            }
            _ => panic!("{place}"),
        }
    }
    (ended, refused)
}

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("t.csv", TABLE);
    bad_files::bundle().save(folder.path().join("m")).unwrap();
    folder
}

#[test]
fn bad_tables() {
    let law = Law::Open("text that is cut or changed may be other text of the same form");
    let rows =
        [bad_files::tables(), bad_files::places(TABLE.as_bytes()), bad_files::cuts(TABLE.as_bytes(), &law)].concat();
    for (command, least) in
        [("evaluate m t.csv", 30), ("predict m t.csv", 20), ("train t.csv -t kind --out new -q", 30)]
    {
        // Without a target, or without a schema, other rows are fine; a message may then be another one.
        let rows: Vec<Row> = rows
            .iter()
            .map(|row| match (&row.law, command.starts_with("evaluate")) {
                (Law::Refused(part), false) if !part.is_empty() => {
                    Row { law: Law::Open("other columns are looked at"), ..row.clone() }
                }
                _ => row.clone(),
            })
            .collect();
        let (ended, refused) = each(&rows, "t.csv", command);
        assert!(ended >= 44 && refused >= least, "{command}: {refused} of {ended}");
    }
}

#[test]
fn bad_models() {
    let model = fs::read(folder().path().join("m")).unwrap();
    let every = Law::Refused(String::new());
    let rows = [
        bad_files::headers(),
        bad_files::places(&model),
        bad_files::cuts(&model, &every),
        bad_files::flips(&model, &every),
    ]
    .concat();
    for command in ["predict m t.csv", "inspect m"] {
        let (ended, refused) = each(&rows, "m", command);
        assert!(ended >= 55 && refused == ended, "{command}: {refused} of {ended}");
    }
}

/// A column that falls out has a name and a reason, and so has a class that is too rare.
#[test]
fn what_falls_out_is_named() {
    let folder = folder();
    let rows = |value: fn(usize) -> String| (0..40).map(|i| format!("{};{}\n", value(i), i % 2)).collect::<String>();
    folder.write("points.csv", format!("x;y\n{}", rows(|i| format!("{i}.5"))));
    folder.write("days.csv", format!("day;y\n{}", rows(|i| format!("2026-11-{i}"))));
    for (table, expected) in [
        (
            "points.csv",
            "`x` is left out: its text hardly repeats, 40 different in 40 rows; line 2 has `0.5` with a point, where numbers have a \
             decimal comma;",
        ),
        ("days.csv", "`day` is left out: its text hardly repeats, 40 different in 40 rows; add columns"),
    ] {
        let ended = folder.run(&format!("train {table} -t y --decimal-comma"));
        assert_eq!(ended.code, Some(1), "{table}");
        let start = "mlp: no columns are left for inputs beside the target `y`: ";
        assert!(ended.err.starts_with(&format!("{start}{expected}")), "{}", ended.err);
    }
    // Equal numbers are one class in another table too.
    let rows = |one: &str| (0..40).map(|i| format!("{i},{}\n", if i < 20 { one } else { "2" })).collect::<String>();
    folder.write("ones.csv", format!("x,y\n{}", rows("1")));
    folder.write("points.csv", format!("x,y\n{}", rows("1.0")));
    folder.ok("train ones.csv -t y --nets 1 --layers none --epochs 1 -q --out ones");
    folder.ok("evaluate ones points.csv");
    folder.write("far.csv", "x\n3\n1e308\n");
    let far = folder.run("predict ones far.csv");
    let expected =
        "mlp: far.csv, line 3, column `x`: found `1e308`, needs a number whose square f64 can hold when it is scaled";
    assert!(far.code == Some(1) && far.err.starts_with(expected), "{}", far.err);
}

/// A name of the target that the output has for a column of its own.
#[test]
fn no_column_of_the_output_has_the_name_of_another() {
    let folder = folder();
    folder.write("p.csv", crate::flowers().replace(",kind\n", ",probability\n"));
    folder.ok("train p.csv -t probability --nets 1 --layers none --epochs 1 -q --out p");
    assert_eq!(folder.ok("predict p p.csv").out.lines().next(), Some("probability,probability (of the model)"));
}

/// What cannot be written whole is not written: files are limited to a block, as on a disk that is full.
#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_is_full() {
    use std::process::Command;
    let folder = Folder::new();
    folder.write("model", "the old one");
    let before = contents(folder.path());
    let run = |line: String| {
        let ended = Command::new("sh").args(["-c", &line]).current_dir(folder.path()).output().unwrap();
        (ended.status.code(), String::from_utf8(ended.stderr).unwrap())
    };
    let program = env!("CARGO_BIN_EXE_mlp");
    // The signal of the limit is ignored, so that writing fails as on a full disk.
    let train = "train flowers.csv --target kind --nets 1 --layers 64 --epochs 1 --quiet --out model";
    let (code, told) = run(format!("trap '' XFSZ; ulimit -f 1; exec {program} {train}"));
    let last = told.lines().last().unwrap_or_default();
    assert!(code == Some(1) && last.starts_with("mlp: model: File too large"), "{code:?} {told}");
    assert_eq!(contents(folder.path()), before, "the old model stays, and nothing beside it");

    if Path::new("/dev/full").exists() {
        folder.ok("train flowers.csv --target kind --nets 1 --layers none --epochs 1 --quiet --out small");
        let (code, told) = run(format!("{program} predict small flowers.csv > /dev/full"));
        assert_eq!((code, told.as_str()), (Some(1), "mlp: standard output: No space left on device (os error 28)\n"));
        let (code, told) = run(format!("{program} train flowers.csv --target kind --out /dev/full"));
        assert_eq!(code, Some(1));
        assert!(told.starts_with("mlp: /dev/full: not a file but a device"), "{told}");
    }
}

/// The rows are made by lists; this is what they come to.
#[test]
fn there_are_enough_rows() {
    let files = |rows: Vec<Row>| rows.iter().filter(|row| matches!(row.make, Make::Bytes(_))).count();
    assert!(files(bad_files::tables()) >= 20 && files(bad_files::headers()) >= 12);
}

/// A cell that is no class of an embedding is named, by each command that feeds the model.
#[test]
fn cells_that_are_no_classes() {
    use mlp::{Bundle, Embedding, Flatten, Init, Linear, Numeric, Schema, Sequential, Table};
    use rand::{SeedableRng, rngs::StdRng};
    let (folder, rng) = (Folder::new(), &mut StdRng::seed_from_u64(0));
    let table = Table::parse("t", "word,y\n0,1\n3,2\n".as_bytes()).unwrap();
    let schema = Schema::builder().input("inputs", [Numeric::new("word")]).values("y", [Numeric::new("y")]);
    let model = Sequential::<f64>::new()
        .then(Embedding::new(4, 2, &Init::glorot_normal(), rng).unwrap())
        .then(Flatten)
        .then(Linear::new(2, 1, &Init::glorot_normal(), rng).unwrap());
    Bundle::new(model, schema.fit(&table).unwrap()).unwrap().save(folder.path().join("words")).unwrap();
    for (cell, code) in [("2", 0), ("2.5", 1), ("-1", 1), ("4", 1), ("1e30", 1)] {
        folder.write("new.csv", format!("word,y\n1,1\n{cell},2\n"));
        for command in ["predict", "evaluate", "check"] {
            let run = folder.run(&format!("{command} words new.csv"));
            assert_eq!(run.code, Some(code), "{command} {cell}: {}", run.err);
            let said = format!("line 3, column `word`: found `{cell}`, needs a whole number from 0 to 3;");
            assert_eq!(run.err.contains(&said), code == 1, "{command} {cell}: {}", run.err);
        }
    }
}
