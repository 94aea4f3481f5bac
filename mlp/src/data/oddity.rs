//! What is odd about a cell that should be a number.

use super::cells::Format;
use super::table::MISSING;

/// A remark on a cell that is not a number; empty if there is nothing to add.
pub(super) fn oddity(cell: &str, format: &Format) -> &'static str {
    let is_number = |without: &[char]| {
        let text: String = cell.chars().filter(|c| !without.contains(c)).collect();
        text.parse::<f64>().is_ok()
    };
    if format.number(cell).is_some() {
        ""
    } else if MISSING.contains(&cell) {
        " for a missing value"
    } else if cell.contains('#') {
        " with a comment, which is no part of a table"
    } else if cell.contains([';', '\t', '|']) && format.separator == b',' {
        ", which may be cells that are not separated by commas"
    } else if format.decimal_comma && cell.contains('.') && is_number(&[',', '.']) {
        " with a point, where numbers have a decimal comma"
    } else if is_number(&[',']) || is_number(&[',', '.']) {
        " with a decimal comma, or commas between thousands"
    } else if is_number(&[' ', '\u{a0}', '\u{202f}', '\'', '’', '_', ',']) {
        " with marks between thousands"
    } else if is_number(&['%']) {
        " with a percent sign"
    } else if is_number(&['−']) {
        " with a minus sign that is no `-`"
    } else {
        ""
    }
}
