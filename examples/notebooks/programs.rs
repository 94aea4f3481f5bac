//! Writes a test from each notebook in Rust of this folder: its code cells, in order, in one function.
//!
//! The kernel's commands (`:dep` and others) are left out. A value that a cell ends in is shown, as the kernel does it.
//! rustfmt's layout tells where it begins: at the last line that is not indented and closes nothing.

use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::Value;

/// What a statement begins with that is an item and has no value.
const ITEMS: [&str; 13] = [
    "async ",
    "const ",
    "enum ",
    "extern ",
    "fn ",
    "impl",
    "macro_rules!",
    "mod ",
    "pub",
    "static ",
    "struct ",
    "trait ",
    "unsafe ",
];

/// The manifest of this package.
const OWN: &str = include_str!("Cargo.toml");

fn main() {
    println!("cargo::rerun-if-changed=.");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let workspace = fs::read_to_string("../../Cargo.toml").expect("the manifest of the workspace");
    let mut notebooks: Vec<PathBuf> = fs::read_dir(".")
        .expect("the folder of the notebooks")
        .map(|entry| entry.expect("an entry of the folder").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "ipynb"))
        .filter(|path| read(path)["metadata"]["kernelspec"]["language"] == "rust")
        .collect();
    notebooks.sort();
    assert!(!notebooks.is_empty(), "no notebook here");

    let mut all = String::new();
    for path in &notebooks {
        let name = path.file_stem().and_then(|stem| stem.to_str()).expect("a name in UTF-8");
        let cells = code_cells(path);
        check_dependencies(path, &cells, &workspace);
        fs::write(out.join(format!("{name}.rs")), program(name, &cells)).expect("a file in OUT_DIR");
        all += &format!("include!(\"{name}.rs\");\n");
    }
    fs::write(out.join("all.rs"), all).expect("a file in OUT_DIR");
}

fn read(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The text of the code cells.
fn code_cells(path: &Path) -> Vec<String> {
    let notebook = read(path);
    let cells = notebook["cells"].as_array().unwrap_or_else(|| panic!("{}: no cells", path.display()));
    let code = cells.iter().filter(|cell| cell["cell_type"] == "code");
    // The format allows a list of lines, each with its line break, or one text.
    let source = |cell: &Value| match &cell["source"] {
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
        source => source.as_str().expect("a cell's source is text").to_string(),
    };
    code.map(source).collect()
}

/// The libraries are there whether a notebook asks for them or not; so its `:dep` lines are held against what it uses.
fn check_dependencies(path: &Path, cells: &[String], workspace: &str) {
    let shown = path.file_name().expect("a file").display();
    let lines = || cells.iter().flat_map(|cell| cell.lines());
    for name in ["autograd", "examples", "mlp", "rand"] {
        let used = lines().any(|line| line.contains(&format!("{name}::")));
        let asked = lines().any(|line| line.starts_with(&format!(":dep {name} ")));
        assert!(asked || !used, "{shown}: uses {name} without a line `:dep {name} = …`");
    }
    for line in lines().filter_map(|line| line.strip_prefix(":dep ")) {
        let (name, value) =
            line.split_once(" = ").unwrap_or_else(|| panic!("{shown}: `:dep {line}` is not `name = …`"));
        let quoted =
            value.split('"').nth(1).unwrap_or_else(|| panic!("{shown}: `:dep {line}` gives neither version nor path"));
        if value.contains("path") {
            assert!(Path::new(quoted).join("Cargo.toml").exists(), "{shown}: `:dep {line}` leads to no package");
            let own = OWN.lines().find(|own| own.split([' ', '.']).next() == Some(name)).unwrap_or_default();
            assert_eq!(
                features(line),
                features(own),
                "{shown}: `:dep {line}` has other features than `{own}` of this package"
            );
        } else {
            let same = workspace
                .lines()
                .any(|own| own.starts_with(&format!("{name} = ")) && own.contains(&format!("\"{quoted}\"")));
            assert!(same, "{shown}: `:dep {line}` is not the version of the workspace's Cargo.toml");
        }
    }
}

/// The features that a dependency's line asks for.
fn features(line: &str) -> Option<&str> {
    Some(line.split_once("features = [")?.1.split_once(']')?.0)
}

/// One test: the cells, each below its number.
fn program(name: &str, cells: &[String]) -> String {
    let mut text = format!(
        "#[test]\n#[allow(clippy::all)] // plain code for readers\n#[allow(unreachable_pub)] // the kernel asks for `pub`\nfn {name}() {{\n"
    );
    for (number, cell) in (1..).zip(cells) {
        text += &format!("// {name}.ipynb, code cell {number}\n");
        let lines: Vec<&str> = cell.lines().filter(|line| !line.starts_with(':')).collect();
        text += &match value(&lines) {
            Some(start) => {
                format!("{}\n({}\n).evcxr_display();\n\n", lines[..start].join("\n"), lines[start..].join("\n"))
            }
            None => format!("{}\n\n", lines.join("\n")),
        };
    }
    text + "}\n"
}

/// The line where the value begins that a cell ends in, if it does: an expression without a semicolon.
fn value(lines: &[&str]) -> Option<usize> {
    let last = lines.iter().rfind(|line| !line.is_empty() && !line.starts_with("//"))?;
    let closed = last.split(" // ").next()?.trim_end().ends_with(';');
    let start = lines.iter().rposition(|line| !line.is_empty() && !line.starts_with([' ', '}', ')', ']', '#', '/']))?;
    let item = ITEMS.iter().any(|item| lines[start].starts_with(item));
    (!closed && !item).then_some(start)
}
