//! The table of PyTorch's operators names only what exists here, and says why what is missing is.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use autograd::{Binary, Unary};

const TABLE: &str = include_str!("../../OPERATORS.md");

/// What the sources of both crates offer.
#[derive(Default)]
struct Offered {
    functions: BTreeSet<String>,
    types: BTreeSet<String>,
}

impl Offered {
    fn new() -> Self {
        let mut offered = Offered::default();
        let rows = Unary::ROWS.iter().map(|row| row.name).chain(Binary::ROWS.iter().map(|row| row.name));
        offered.functions.extend(rows.map(str::to_string));
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        offered.read(&root.join("src"));
        offered.read(&root.join("../mlp/src"));
        offered
    }

    fn read(&mut self, path: &Path) {
        if path.is_dir() {
            for entry in fs::read_dir(path).unwrap() {
                self.read(&entry.unwrap().path());
            }
            return;
        }
        // The macros in `methods` make public methods of what they are given: `fn qr / try_qr`, and of a reduction three.
        let methods = path.parent().is_some_and(|folder| folder.ends_with("methods"));
        let mut in_trait = false;
        for line in fs::read_to_string(path).unwrap().lines() {
            in_trait = line.starts_with("pub trait ") || (in_trait && line != "}");
            let code = line.trim_start();
            let bare = if methods || in_trait { code.strip_prefix("fn ") } else { None };
            if let Some(rest) = code.strip_prefix("pub fn ").or(bare) {
                self.functions.extend(name(rest));
                self.functions.extend(rest.split_once(" / ").and_then(|(_, second)| name(second)));
            } else if let Some((names, _)) = code.split_once(" (x, axes, keep").filter(|_| methods) {
                self.functions.extend(names.split(", ").map(str::to_string));
            }
            let kinds = ["pub struct ", "pub enum ", "pub trait "];
            self.types.extend(kinds.iter().find_map(|kind| code.strip_prefix(kind)).and_then(name));
        }
    }
}

/// The name at the start of some code, if there is one.
fn name(code: &str) -> Option<String> {
    words(code).into_iter().next().filter(|(before, ..)| before.is_empty()).map(|(_, word, _)| word.to_string())
}

/// The words of some code, each with what stands before it and after it.
fn words(code: &str) -> Vec<(&str, &str, &str)> {
    let inside = |c: char| c.is_alphanumeric() || c == '_';
    let (mut found, mut start) = (vec![], 0);
    while let Some(before) = code[start..].find(inside) {
        let from = start + before;
        let to = code[from..].find(|c| !inside(c)).map_or(code.len(), |length| from + length);
        found.push((&code[..from], &code[from..to], &code[to..]));
        start = to;
    }
    found
}

/// What stands in backticks.
fn spans(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// The first thing in some code that does not exist.
fn unknown<'a>(code: &'a str, offered: &Offered) -> Option<&'a str> {
    let mut words = words(code).into_iter();
    let missing = words.find(|(before, word, after)| {
        let is_type = word.starts_with(char::is_uppercase) && word.contains(char::is_lowercase);
        match after.starts_with('(') {
            true => !offered.functions.contains(*word),
            false => is_type && !before.ends_with("::") && !offered.types.contains(*word),
        }
    });
    missing.map(|(_, word, _)| word)
}

#[test]
fn the_table_names_what_exists() {
    let offered = Offered::new();
    let rows = || TABLE.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix('|'));
    let mut operators = BTreeSet::new();
    for row in rows() {
        let [operator, _, remark] = row.split(" | ").collect::<Vec<_>>()[..] else { panic!("three columns: {row}") };
        assert!(operators.insert(operator.trim_end_matches('`')), "two rows of {operator}");
        assert!(!row.contains("| missing |") || !remark.trim().is_empty(), "{operator}: why is it missing?");
    }
    assert!(operators.len() > 400, "{} rows", operators.len());
    for row in rows() {
        let (operator, rest) = row.split_once("` | ").unwrap();
        let (ours, remark) = rest.split_once(" | ").unwrap();
        assert!(ours == "missing" || spans(ours).count() == 1, "{operator}: code, or `missing`");
        for code in spans(ours).chain(spans(remark)) {
            let unknown = unknown(code, &offered);
            assert!(unknown.is_none(), "{operator}: `{}` in `{code}` is nothing of ours", unknown.unwrap());
        }
        // A word in a remark is a method of ours or an operator of theirs; the short ones are letters and numbers.
        for word in spans(remark).filter(|word| word.len() > 3 && *word != "axis" && words(word).len() == 1) {
            let known = offered.functions.contains(word) || offered.types.contains(word) || operators.contains(word);
            assert!(known, "{operator}: `{word}` in its remark is nothing of ours or theirs");
        }
    }
}
