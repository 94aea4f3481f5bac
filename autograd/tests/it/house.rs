//! Rooms of a crate: the folders and files directly under `src`. Each uses only rooms on floors below its own; this is read off the paths in the
//! sources, and so is the picture in the design page.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Which rooms a crate has, from the highest floor down; those of one floor do not know each other, unless they are `together`.
pub(crate) struct House {
    /// The folder of the crate.
    pub(crate) root: &'static str,
    pub(crate) floors: &'static [&'static [&'static str]],
    /// Rooms that use each other, and why.
    pub(crate) together: &'static [&'static str],
}

/// The rooms that each room uses, with a file that does.
type Arrows = BTreeMap<String, BTreeMap<String, PathBuf>>;

impl House {
    /// Holds the sources and the picture to the floors.
    pub(crate) fn stands(&self) {
        let root = Path::new(self.root);
        let arrows = arrows(&root.join("src"));
        let floor = |room: &str| {
            let found = self.floors.iter().position(|floor| floor.contains(&room));
            found.unwrap_or_else(|| panic!("the room `{room}` has no floor; give it one in the test of rooms"))
        };
        for (from, uses) in &arrows {
            for (to, file) in uses {
                let file = file.display();
                let together = [from, to].iter().all(|room| self.together.contains(&room.as_str()));
                assert!(
                    together || floor(from) < floor(to),
                    "{file}: `{from}` uses `{to}`, which does not lie below it; move what it needs down, or the user up"
                );
            }
        }
        let (picture, design) = (self.picture(&arrows), root.join("DESIGN.md"));
        let text = fs::read_to_string(&design).unwrap();
        assert!(
            text.contains(&picture),
            "{}: the picture of the rooms is out of date; it should be:\n{picture}",
            design.display()
        );
    }

    /// The arrows as a Mermaid graph: only those that do not follow from others; rooms that use each other are one.
    fn picture(&self, arrows: &Arrows) -> String {
        let name = |room: &str| match self.together.contains(&room) {
            true => self.together.join("_"),
            false => room.to_string(),
        };
        let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (from, to) in arrows.iter().flat_map(|(from, to)| to.keys().map(move |to| (name(from), name(to)))) {
            if from != to {
                uses.entry(from).or_default().insert(to);
            }
        }
        let direct = |from: &str, to: &str| !uses[from].iter().any(|via| via != to && reaches(&uses, via, to));
        let mut lines = vec!["```mermaid".to_string(), "graph TD".to_string()];
        if !self.together.is_empty() {
            lines.push(format!("    {}[{}]", self.together.join("_"), self.together.join(" · ")));
        }
        for (from, to) in uses.iter().flat_map(|(from, to)| to.iter().map(move |to| (from, to))) {
            if direct(from, to) {
                lines.push(format!("    {from} --> {to}"));
            }
        }
        lines.push("```".into());
        lines.join("\n")
    }
}

fn reaches(uses: &BTreeMap<String, BTreeSet<String>>, from: &str, to: &str) -> bool {
    from == to || uses.get(from).is_some_and(|next| next.iter().any(|via| reaches(uses, via, to)))
}

fn arrows(src: &Path) -> Arrows {
    let lib = fs::read_to_string(src.join("lib.rs")).unwrap();
    let exported = exported(&code(&lib));
    let mut arrows = Arrows::new();
    let mut files = vec![];
    sources(src, &mut files);
    for file in files {
        let inside = file.strip_prefix(src).unwrap().with_extension("");
        let mut path: Vec<&str> = inside.iter().map(|part| part.to_str().unwrap()).collect();
        if path.last() == Some(&"mod") {
            path.pop();
        }
        if path == ["lib"] {
            continue;
        }
        let text = code(&fs::read_to_string(&file).unwrap());
        for name in used(&text, path.len()) {
            let room = exported.get(&name).unwrap_or(&name).clone();
            if room != path[0] {
                arrows.entry(path[0].to_string()).or_default().entry(room).or_insert(file.clone());
            }
        }
    }
    arrows
}

/// The source files, without those of tests.
fn sources(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    let declared = ["mod.rs", "lib.rs"].iter().find_map(|name| fs::read_to_string(folder.join(name)).ok());
    let is_test = |path: &Path| {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        declared.as_ref().is_some_and(|text| text.contains(&format!("#[cfg(test)]\nmod {stem};")))
    };
    for path in entries.into_iter().filter(|path| !is_test(path)) {
        if path.is_dir() {
            sources(&path, files);
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
}

/// The text without comments and without the tests at its end.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    text.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n")
}

/// The names that the crate's root shows, with the room that each comes from.
fn exported(lib: &str) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for item in lib.split("pub use ").skip(1) {
        let item = item.split(';').next().unwrap();
        let room = item.split("::").next().unwrap().trim();
        if room == "crate" {
            continue; // the prelude
        }
        for name in item.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|name| !name.is_empty()) {
            names.insert(name.to_string(), room.to_string());
        }
    }
    names
}

/// What follows `crate::` anywhere, and in imports what follows enough `super::` to leave a room `depth` modules deep.
fn used(text: &str, depth: usize) -> BTreeSet<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut names = BTreeSet::new();
    for part in text.split("crate::").skip(1) {
        match part.strip_prefix('{') {
            // The first word of each branch of a tree.
            Some(tree) => {
                let mut open = 0;
                let mut first = true;
                for piece in tree.split_inclusive([',', '{', '}']) {
                    if open == 0 && first {
                        names.insert(word(piece.trim_start()));
                    }
                    first = piece.ends_with(',') && open == 0 || piece.ends_with('}');
                    match piece.chars().last() {
                        Some('{') => open += 1,
                        Some('}') if open == 0 => break,
                        Some('}') => open -= 1,
                        _ => {}
                    }
                    first &= open == 0;
                }
            }
            None => {
                names.insert(word(part));
            }
        }
    }
    let leave = "super::".repeat(depth);
    for line in text.lines().filter(|line| line.starts_with("use ") || line.starts_with("pub use ")) {
        if let Some(rest) = line.split(&leave).nth(1).filter(|_| line.contains(&format!(" {leave}"))) {
            names.insert(word(rest));
        }
    }
    names.remove("");
    names
}
