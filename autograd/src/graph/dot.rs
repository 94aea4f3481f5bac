//! The drawing as Graphviz text.

use std::fmt::Write;

use super::Graph;
use super::sketch::Role;
use crate::number::Float;

impl<T: Float> Graph<'_, T> {
    /// Writes the graph in Graphviz's language, for graphs of any size: `dot -Tsvg graph.dot`.
    ///
    /// Outlines distinguish roles without colour: rounded and thick for variables, doubled for parameters, dashed for
    /// constants.
    ///
    /// ```
    /// let tape = autograd::Tape::new();
    /// let x = tape.scalar(1.0);
    /// let dot = x.sin().graph().name(x, "x").to_dot();
    /// assert!(dot.contains(r#"n1 [label="v₁ = sin(x)"]"#) && dot.contains("n0 -> n1;"), "{dot}");
    /// ```
    pub fn to_dot(&self) -> String {
        let mut dot = String::from("digraph {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];\n");
        for (index, block) in self.sketch().iter().enumerate() {
            let first = format!("{}{}", block.name, block.formula);
            let label: Vec<String> = std::iter::once(&first).chain(&block.lines).map(|line| escaped(line)).collect();
            let outline = match block.role {
                Role::Variable => ", style=\"rounded,bold\"",
                Role::Parameter => ", peripheries=2",
                Role::Constant => ", style=dashed",
                Role::Operation => "",
            };
            let label = label.join("\\n");
            writeln!(dot, "  n{index} [label=\"{label}\"{outline}];").expect("strings take all text");
            for input in &block.inputs {
                writeln!(dot, "  n{input} -> n{index};").expect("strings take all text");
            }
        }
        dot + "}\n"
    }
}

/// Escapes a quoted label: Graphviz reads a backslash and the letter after it as an instruction.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}
