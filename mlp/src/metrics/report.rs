//! Measures as tables of text.

/// A line of a table: the name on the left, the cells on the right.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) cells: Vec<String>,
}

/// A table with a head; columns are as wide as they need to be.
pub(super) fn table(first: &str, columns: &[impl AsRef<str>], rows: &[Row]) -> String {
    let head = Row { name: first.into(), cells: columns.iter().map(|name| name.as_ref().to_string()).collect() };
    let lines = || std::iter::once(&head).chain(rows);
    let chars = |text: &String| text.chars().count();
    let left = lines().map(|row| chars(&row.name)).max().unwrap_or(0);
    let widths: Vec<usize> =
        (0..columns.len()).map(|column| lines().map(|row| chars(&row.cells[column])).max().unwrap_or(0)).collect();
    let line = |row: &Row| {
        let cells = row.cells.iter().zip(&widths).map(|(cell, &width)| format!("  {cell:>width$}"));
        format!("{:left$}{}\n", row.name, cells.collect::<String>())
    };
    lines().map(line).collect()
}

/// A share from 0 to 1.
pub(super) fn share(x: f64) -> String {
    format!("{x:.3}")
}

/// A number of samples, or a sum of weights.
pub(super) fn count(x: f64) -> String {
    if x.fract() == 0.0 { format!("{x:.0}") } else { format!("{x:.2}") }
}
