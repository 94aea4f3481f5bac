//! Tables in notebooks.

/// Rows of text below a head; a notebook of the evcxr kernel shows them by itself.
///
/// ```
/// let rows = vec![vec!["weights".into(), "3".into()]];
/// examples::Table { head: vec!["what", "how many"], rows }.evcxr_display();
/// ```
#[derive(Debug, Clone)]
pub struct Table {
    /// The columns' names.
    pub head: Vec<&'static str>,
    /// The cells, row by row.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// As HTML; a column of which the first cell begins like a number is aligned to the right.
    ///
    /// ```
    /// let table = examples::Table { head: vec!["verdict"], rows: vec![vec!["1 < 2".into()]] };
    /// assert!(table.to_html().contains("1 &lt; 2</td>"));
    /// ```
    pub fn to_html(&self) -> String {
        let number = |cell: &String| cell.trim_start_matches('-').starts_with(|c: char| c.is_ascii_digit());
        let right = |column: usize| self.rows.first().and_then(|row| row.get(column)).is_some_and(number);
        let row = |tag: &str, cells: Vec<&str>| {
            let cell = |(column, text): (usize, &&str)| {
                let side = if right(column) { "right" } else { "left" };
                let text = text.replace('&', "&amp;").replace('<', "&lt;");
                format!("<{tag} style=\"text-align:{side}\">{text}</{tag}>")
            };
            format!("<tr>{}</tr>\n", cells.iter().enumerate().map(cell).collect::<String>())
        };
        let rows = self.rows.iter().map(|cells| row("td", cells.iter().map(String::as_str).collect()));
        format!("<table>\n{}{}</table>", row("th", self.head.clone()), rows.collect::<String>())
    }

    /// Shows the table in a notebook of the evcxr kernel, which calls this.
    ///
    /// ```
    /// examples::Table { head: vec!["x"], rows: vec![] }.evcxr_display();
    /// ```
    pub fn evcxr_display(&self) {
        crate::show("text/html", &self.to_html());
    }
}
