//! Messages of the library name its methods; those of the program name its options.

use std::fs;
use std::path::Path;

#[path = "../../cli/words.rs"]
mod own;

use own::{WORDS, in_options, on_a_line};

/// Methods in messages that the program does not cause: it does not call what says so.
const ELSEWHERE: &[(&str, &str)] = &[
    ("Schema::apply", "a bundle has one input and one target"),
    ("Schema::to_json", "schemas in files of their own"),
    ("io::save", "schemas of several inputs, when a bundle is made"),
    ("theory::MeanField::critical", "initialisers from theory"),
    ("Loading::names", "weights in part"),
    ("Confusion::binary", "counts of a matrix of two classes have two columns"),
    ("Module::config", "layers without a configuration"),
    ("Config::of", "layers without a configuration"),
    ("Groups::split", "the optimiser Muon"),
    ("History::save_csv", "logs"),
    ("Trainer::validation_metric", "metrics"),
    ("Remedy::into_model", "advice"),
    ("Block::steps", "theory of blocks"),
    ("Reader::activation", "models read for the theory"),
    ("Reader::training", "models read for the theory"),
    ("Reader::tokens", "models read for the theory"),
    ("Reader::pictures", "models read for the theory"),
    ("Block::forecast", "theory of blocks"),
    ("Signal::of_classes", "models read for the theory"),
    ("Param::unfreeze", "advice"),
    ("Trainer::schedule_steps", "a plateau beside a schedule of steps"),
    ("Trainer::parts", "trainings on several ranks"),
    ("Progress::steps", "trainings that are resumed"),
    ("Plateau::threshold", "a plateau beside a watch of one's own"),
    ("Watch::by", "a plateau beside a watch of one's own"),
    ("Csv::names", "with names given; otherwise in `Csv::names` or `Csv::without_header`"),
];

/// The literals of a source file without its tests and comments.
fn literals(source: &str) -> Vec<String> {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = lines.map(|line| line.trim_end_matches('\\').trim_start()).collect::<Vec<_>>().join(" ");
    let (mut literals, mut text, mut within, mut escaped) = (vec![], String::new(), false, false);
    for c in code.replace("'\"'", "").chars() {
        match c {
            '"' if !escaped && within => {
                literals.push(text.split_whitespace().collect::<Vec<_>>().join(" "));
                text.clear();
            }
            _ if within => text.push(c),
            _ => {}
        }
        within ^= c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
    }
    literals
}

/// The words of a text that name a method: `Type::method`.
fn methods(text: &str) -> Vec<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let is_method = |word: &&str| word.rsplit_once("::").is_some_and(|(_, name)| name.starts_with(char::is_lowercase));
    text.split(|c| !is_part(c)).map(|word| word.trim_matches(':')).filter(is_method).collect()
}

fn sources(folder: &Path, all: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => sources(&path, all),
            false => all.push(fs::read_to_string(path).unwrap()),
        }
    }
}

#[test]
fn every_method_in_a_message_has_words_of_the_program() {
    let mut all = vec![];
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut all);
    let literals: Vec<String> = all.iter().flat_map(|source| literals(source)).collect();
    // What serde calls stands in literals too, without a space.
    let messages: Vec<&String> = literals.iter().filter(|text| text.contains(' ')).collect();
    let mut found = 0;
    for message in &messages {
        for method in methods(&in_options(message)) {
            let known = ELSEWHERE.iter().any(|(call, _)| *call == method) || method == "Bundle::save";
            assert!(known, "`{method}` is no option of the program; add it to `WORDS`: {message}");
        }
        found += methods(message).len();
    }
    assert!(found >= 20, "{found}: the search finds the messages");
    for (call, option) in WORDS {
        assert!(messages.iter().any(|message| message.contains(call)), "no message has `{call}` for `{option}`");
    }
    for (call, why) in ELSEWHERE {
        assert!(messages.iter().any(|message| methods(message).contains(call)), "no message has `{call}`: {why}");
    }
}

#[test]
fn a_message_is_a_line_whatever_a_column_is_called() {
    assert_eq!(on_a_line("no column `a\r\nb\u{1b}[31m`; höher"), "no column `a  b\\u{1b}[31m`; höher");
}

#[test]
fn arguments_stand_behind_the_option() {
    for (message, told) in [
        ("read it by `Csv::separator(';')`", "read it by `--separator ';'`"),
        (r"by `Csv::separator('\t')`; twice `Csv::separator('|')`", r"by `--separator '\t'`; twice `--separator '|'`"),
        ("skip such lines by `Csv::comments('#')`", "skip such lines by `--comments '#'`"),
        (
            "no such layer is known; register it with Registry::with, or choose from a, b",
            "no such layer is known; this program knows a, b",
        ),
        ("nothing to say (of it)", "nothing to say (of it)"),
    ] {
        assert_eq!(in_options(message), told);
    }
}
