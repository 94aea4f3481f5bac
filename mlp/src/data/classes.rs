//! Names of classes and categories: which a column has, in which order, and the place of each. Equal numbers are one.

use std::collections::{HashMap, HashSet};

use super::cells::Format;

/// The distinct names among `cells`, sorted: as numbers if all of them are numbers, else as text.
///
/// Equal numbers, such as `1` and `1.0`, are one name if all names are numbers; its spelling is the first.
pub(super) fn names<'c>(cells: impl Iterator<Item = &'c str>, format: &Format) -> Vec<&'c str> {
    let mut seen = HashSet::new();
    let mut names: Vec<&str> = cells.filter(|cell| seen.insert(*cell)).collect();
    let numbers = numerals(&names, format);
    let are_numbers = numbers.is_some();
    if let Some(mut numbers) = numbers {
        let mut seen = HashSet::new();
        numbers.retain(|(numeral, _)| seen.insert(numeral.clone()));
        names = numbers.into_iter().map(|(_, name)| name).collect();
    }
    names.sort_unstable();
    // Whole numbers to the last digit, as `f64` does not hold those of identifiers.
    if names.iter().all(|name| name.parse::<i128>().is_ok()) {
        names.sort_by_cached_key(|name| name.parse::<i128>().ok());
    } else if are_numbers {
        let number = |name: &str| format.number(name).unwrap_or(f64::NAN);
        names.sort_by(|a, b| number(a).total_cmp(&number(b)));
    }
    names
}

/// The place of each name; else what is wrong with one that stands twice.
pub(super) fn places<'n>(names: impl IntoIterator<Item = &'n str>) -> Result<HashMap<&'n str, usize>, String> {
    let mut places = HashMap::new();
    for (i, name) in names.into_iter().enumerate() {
        if let Some(first) = places.insert(name, i) {
            return Err(format!("`{name}` is given twice, as {first} and {i}"));
        }
    }
    Ok(places)
}

/// The place of each name.
pub(super) struct Known<'n> {
    names: HashMap<&'n str, usize>,
    /// The first place of each number, if all names are numbers.
    numbers: HashMap<String, usize>,
}

impl<'n> Known<'n> {
    /// The places of `names` in their order, as a table of this format writes numbers.
    pub(super) fn new(names: impl Iterator<Item = &'n str>, format: &Format) -> Self {
        let all: Vec<&str> = names.collect();
        let mut numbers = HashMap::new();
        for (place, (numeral, _)) in numerals(&all, format).into_iter().flatten().enumerate() {
            numbers.entry(numeral).or_insert(place);
        }
        Known { names: all.into_iter().enumerate().map(|(place, name)| (name, place)).collect(), numbers }
    }

    /// The place of a name, or of a number that is equal to it.
    pub(super) fn place(&self, cell: &str, format: &Format) -> Option<usize> {
        let equal = || if self.numbers.is_empty() { None } else { self.numbers.get(&numeral(cell, format)?) };
        self.names.get(cell).or_else(equal).copied()
    }
}

/// The numeral of each name, if all are numbers.
fn numerals<'n>(names: &[&'n str], format: &Format) -> Option<Vec<(String, &'n str)>> {
    names.iter().map(|&name| Some((numeral(name, format)?, name))).collect()
}

/// A number's text in one form, exact to the last digit: `1`, `+1.0` and `10e-1` are alike. `None` for other text, and for `007`, which
/// is a code.
fn numeral(text: &str, format: &Format) -> Option<String> {
    let point = if format.decimal_comma { ',' } else { '.' };
    let (sign, text) = match text.as_bytes().first()? {
        b'-' => ("-", &text[1..]),
        b'+' => ("", &text[1..]),
        _ => ("", text),
    };
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once(point).unwrap_or((mantissa, ""));
    let digits = [whole, fraction].concat();
    let is_code = whole.len() > 1 && whole.starts_with('0');
    if digits.is_empty() || is_code || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let significant = digits.trim_start_matches('0');
    let short = significant.trim_end_matches('0');
    if short.is_empty() {
        return Some("0".to_string());
    }
    let zeros = i64::try_from(significant.len() - short.len()).ok()?;
    let exponent = exponent.checked_sub(i64::try_from(fraction.len()).ok()?)?.checked_add(zeros)?;
    Some(format!("{sign}{short}e{exponent}"))
}

#[cfg(test)]
mod tests {
    use super::{names, numeral};
    use crate::data::cells::Format;

    fn format(decimal_comma: bool) -> Format {
        Format { separator: b';', decimal_comma, ..Format::csv() }
    }

    #[test]
    fn numbers_that_are_equal_have_one_numeral() {
        let (points, commas) = (format(false), format(true));
        for equal in [&["1", "1.0", "+1", "10e-1", "1e0", "1."][..], &["0", "-0", "0.00", "0e9"], &["1500", "1.5e3"]] {
            let first = numeral(equal[0], &points);
            assert!(first.is_some());
            equal.iter().for_each(|text| assert_eq!(numeral(text, &points), first, "{text}"));
        }
        assert_eq!(numeral("1,0", &commas), numeral("1", &points));
        let different = ["9007199254740993", "9007199254740992", "-1", "1", "0.1", "1e-400", "1e400"];
        for (i, a) in different.iter().enumerate() {
            different[..i].iter().for_each(|b| assert_ne!(numeral(a, &points), numeral(b, &points), "{a} {b}"));
        }
        for text in
            ["", "-", ".", "e3", "007", "1,0", "1e", "1e1.5", "nan", "inf", "1_0", "٣", "1e99999999999999999999"]
        {
            assert_eq!(numeral(text, &points), None, "{text}");
        }
    }

    #[test]
    fn names_are_sorted_and_keep_their_first_spelling() {
        for (cells, expected) in [
            (&["10", "9.0", "9", "10.0"][..], &["9.0", "10"][..]),
            (&["b", "1", "1.0"], &["1", "1.0", "b"]),
            (&["2", "01", "1"], &["01", "1", "2"]),
            (&["1.5", "-2", "1e1"], &["-2", "1.5", "1e1"]),
        ] {
            assert_eq!(names(cells.iter().copied(), &format(false)), expected);
        }
    }
}
