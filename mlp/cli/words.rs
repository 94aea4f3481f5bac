//! What the library's messages call by its methods, in the words of this program.

/// A part of a message, and what stands for it here. The library writes a method as `Type::method`; a test looks through its sources for
/// methods that are missing here. Of parts that begin alike the longer stands first.
pub(crate) const WORDS: &[(&str, &str)] = &[
    ("Csv::separator", "--separator"),
    ("Csv::comments", "--comments"),
    ("`Csv::names` or `Csv::without_header`", "`--no-header`"),
    (", or a `Numeric` that fills in or drops missing values", ""),
    (", or a `Categorical` that fills in, drops or counts missing values", ""),
    ("register it with Registry::with, or choose from", "this program knows"),
    (", or register yours with Registry::with_weighted", ""),
    ("build their model, and load them with io::load", "give a file that `mlp train` or `Bundle::save` wrote"),
    ("; load_as_is takes weights as they are, for a look", ""),
    (", or convert it with Loading::cast", " by a program of your own"),
    ("convert it with Loading::cast", "save it as f64"),
    (", or choose the others by `Columnar::columns`", ""),
    ("read text by `Csv`", "give a file of text another ending, such as .csv"),
    ("choose another fraction", "choose another --validation"),
    ("choose fewer folds", "choose fewer with --nets"),
    ("lower the learning rate (", "lower the learning rate with --rate ("),
    (", or look for a derivative that is not finite, as that of a root at 0: Tape::check_finite names it", ""),
];

/// A message without line breaks, and without the control characters that names in a table may have.
pub(crate) fn on_a_line(message: &str) -> String {
    let shown = |c: char| match c {
        '\n' | '\r' | '\t' => " ".to_string(),
        c if c.is_control() => c.escape_default().to_string(),
        c => c.to_string(),
    };
    message.chars().map(shown).collect()
}

/// A message of the library in the words of this program: `` `Csv::separator(';')` `` becomes `` `--separator ';'` ``.
pub(crate) fn in_options(message: &str) -> String {
    WORDS.iter().fold(message.to_string(), |text, (call, option)| {
        let mut parts = text.split(call);
        let mut told = parts.next().unwrap_or_default().to_string();
        for part in parts {
            told += option;
            match part.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
                Some((argument, rest)) if option.starts_with("--") => told += &format!(" {argument}{rest}"),
                _ => told += part,
            }
        }
        told
    })
}
