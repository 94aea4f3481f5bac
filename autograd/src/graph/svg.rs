//! The drawing itself, without Graphviz.

use std::fmt::Write;

use super::Graph;
use super::layout::{Layout, Point, layout};
use super::sketch::{Block, Role};
use super::text::{width, xml};
use crate::number::Float;

/// The largest number of boxes in a readable drawing.
const LIMIT: usize = 80;
/// A drawing that would be wider than this from left to right runs from top to bottom.
const WIDE: f64 = 1000.0;

const FONT: f64 = 13.0;
const LINE: f64 = 17.0;
/// The space between a box's outline and its text, at the sides and above.
const PADDING: Point = (11.0, 7.0);
const MARGIN: f64 = 12.0;

const INK: &str = "#1a2733";
const GRADIENT: &str = "#a33319";

impl<T: Float> Graph<'_, T> {
    /// Draws the graph as SVG, without other programs; readable for up to about 60 nodes.
    ///
    /// Short graphs run from left to right, longer ones from top to bottom. Outlines distinguish roles without
    /// colour: rounded and thick for variables, doubled for parameters, dashed for constants. The same graph gives
    /// the same text. A graph of more than 80 boxes is not drawn: the drawing then says so, and suggests an
    /// alternative.
    ///
    /// ```
    /// let tape = autograd::Tape::new();
    /// let x = tape.scalar(1.0);
    /// let svg = x.sin().graph().name(x, "x").to_svg();
    /// assert!(svg.starts_with("<svg ") && svg.contains("sin(x)"));
    /// ```
    pub fn to_svg(&self) -> String {
        // A box stands for at least one node, and readings are few: a graph of many more nodes is refused without a
        // sketch.
        if self.nodes() > 10 * LIMIT {
            return refusal(self.nodes());
        }
        let blocks = self.sketch();
        if blocks.len() > LIMIT {
            return refusal(self.nodes());
        }
        draw(&blocks, self.nodes())
    }
}

/// A drawing under construction.
struct Canvas {
    text: String,
    /// Whether it flows from top to bottom.
    down: bool,
}

/// Converts (along, across) the flow to x and y.
fn turned(down: bool, (along, across): Point) -> Point {
    if down { (across, along) } else { (along, across) }
}

fn draw(blocks: &[Block], nodes: usize) -> String {
    let sizes: Vec<Point> = blocks.iter().map(size).collect();
    let inputs: Vec<Vec<usize>> = blocks.iter().map(|block| block.inputs.clone()).collect();
    let arranged = |down| layout(&sizes.iter().map(|&size| turned(down, size)).collect::<Vec<_>>(), &inputs);
    let mut canvas = Canvas { text: String::new(), down: false };
    let mut layout = arranged(false);
    if layout.size.0 > WIDE {
        canvas.down = true;
        layout = arranged(true);
    }

    let legend = legend(blocks);
    let legend_width: f64 = legend.iter().map(|role| legend_step(*role)).sum();
    let (w, h) = canvas.at(layout.size); // with a margin before
    let (w, h) = (w.max(legend_width + MARGIN), h + if legend.is_empty() { 0.0 } else { 34.0 });
    canvas.open(w, h, &format!("A computation graph of {nodes} nodes"));
    canvas.arrows(&layout);
    for ((block, &size), &centre) in blocks.iter().zip(&sizes).zip(&layout.centres) {
        let centre = canvas.at(centre);
        canvas.block(block, centre, size);
    }
    let mut x = MARGIN;
    for role in legend {
        canvas.outline(role, (x + 13.0, h - 8.0), (26.0, 16.0));
        let label = role.name();
        canvas.add(&format!("<text x=\"{:.1}\" y=\"{:.1}\" font-size=\"12\">{label}</text>", x + 33.0, h - 4.0));
        x += legend_step(role);
    }
    canvas.text + "</svg>\n"
}

/// The roles in the legend: all that occur, if there are any but variables and operations.
fn legend(blocks: &[Block]) -> Vec<Role> {
    let occurs = |role: &Role| blocks.iter().any(|block| block.role == *role);
    let roles: Vec<Role> = Role::ALL.into_iter().filter(occurs).collect();
    if roles.contains(&Role::Parameter) || roles.contains(&Role::Constant) { roles } else { vec![] }
}

fn legend_step(role: Role) -> f64 {
    33.0 + 12.0 * width(role.name()) + 20.0
}

/// Width and height of a box.
fn size(block: &Block) -> Point {
    // Bold letters are wider.
    let first = 1.12 * width(&block.name) + width(&block.formula);
    let widest = block.lines.iter().map(|line| width(line)).fold(first, f64::max);
    let lines = 1.0 + block.lines.len() as f64;
    ((FONT * widest + 2.0 * PADDING.0).max(44.0).ceil(), LINE * lines + 2.0 * PADDING.1)
}

impl Canvas {
    fn add(&mut self, line: &str) {
        self.text += line;
        self.text.push('\n');
    }

    /// Opens a page whose content extends to (w, h).
    fn open(&mut self, w: f64, h: f64, title: &str) {
        let (w, h) = (w + MARGIN, h + MARGIN);
        self.add(&format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" viewBox=\"0 0 {w:.0} {h:.0}\" width=\"{w:.0}\" \
             height=\"{h:.0}\" font-family=\"Helvetica, Arial, 'DejaVu Sans', sans-serif\" font-size=\"{FONT}\" fill=\"{INK}\">"
        ));
        self.add(&format!("<title>{}</title>", xml(title)));
        self.add(&format!("<rect width=\"{w:.0}\" height=\"{h:.0}\" fill=\"#ffffff\"/>"));
    }

    /// A position of the layout, on the page.
    fn at(&self, point: Point) -> Point {
        let (x, y) = turned(self.down, point);
        (x + MARGIN, y + MARGIN)
    }

    fn arrows(&mut self, layout: &Layout) {
        self.add(&format!("<g stroke=\"{INK}\" stroke-width=\"1.2\" fill=\"none\">"));
        for arrow in &layout.arrows {
            let text = |point: Point| {
                let (x, y) = self.at(point);
                format!("{x:.1} {y:.1}")
            };
            let mut path = format!("M{}", text(arrow.start));
            for &[a, b] in &arrow.bends {
                let middle = (a.0 + b.0) / 2.0;
                let (leave, arrive) = (text((middle, a.1)), text((middle, b.1)));
                write!(path, " L{} C{leave} {arrive} {}", text(a), text(b)).expect("strings take all text");
            }
            // The line ends inside the head, whose tip touches the box.
            let (tip, neck) = (arrow.end, arrow.end.0 - 8.0);
            write!(path, " L{}", text((neck + 2.0, tip.1))).expect("strings take all text");
            let (left, right) = (text((neck, tip.1 - 3.6)), text((neck, tip.1 + 3.6)));
            let head = format!("<path d=\"M{} L{left} L{right} Z\" fill=\"{INK}\" stroke=\"none\"/>", text(tip));
            self.add(&format!("<path d=\"{path}\"/>{head}"));
        }
        self.add("</g>");
    }

    fn outline(&mut self, role: Role, centre: Point, (w, h): Point) {
        let mut rect = |inset: f64, style: &str| {
            let (w, h) = (w - 2.0 * inset, h - 2.0 * inset);
            let (x, y) = (centre.0 - w / 2.0, centre.1 - h / 2.0);
            self.add(&format!(
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" height=\"{h:.1}\" stroke=\"{INK}\" {style}/>"
            ));
        };
        match role {
            Role::Variable => rect(0.0, "stroke-width=\"2.2\" rx=\"9\" fill=\"#e8f0f7\""),
            Role::Parameter => {
                rect(0.0, "stroke-width=\"1\" fill=\"#fbf1de\"");
                rect(2.8, "stroke-width=\"1\" fill=\"none\"");
            }
            Role::Constant => rect(0.0, "stroke-width=\"1.2\" stroke-dasharray=\"5 3\" fill=\"#f4f4f4\""),
            Role::Operation => rect(0.0, "stroke-width=\"1.2\" fill=\"#ffffff\""),
        }
    }

    fn block(&mut self, block: &Block, centre: Point, size: Point) {
        self.outline(block.role, centre, size);
        let (name, formula) = (xml(&block.name), xml(&block.formula));
        let first = format!("<tspan font-weight=\"bold\">{name}</tspan>{formula}");
        let rest = block.lines.iter().map(|line| {
            let colour = if line.starts_with("gradient") { format!(" fill=\"{GRADIENT}\"") } else { String::new() };
            (xml(line), colour)
        });
        let x = centre.0;
        let mut y = centre.1 - size.1 / 2.0 + PADDING.1 + 0.76 * LINE;
        for (line, colour) in std::iter::once((first, String::new())).chain(rest) {
            self.add(&format!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\"{colour}>{line}</text>"));
            y += LINE;
        }
    }
}

/// The drawing in place of a graph that is too large.
fn refusal(nodes: usize) -> String {
    let lines = [
        format!("This graph of {nodes} nodes is too large to draw."),
        "Use to_dot() and Graphviz, or draw a smaller part:".to_string(),
        "the graph() of an earlier value, or of fewer samples, steps or layers.".to_string(),
    ];
    let mut canvas = Canvas { text: String::new(), down: false };
    let widest = lines.iter().map(|line| width(line)).fold(0.0, f64::max);
    canvas.open(FONT * widest + MARGIN, LINE * lines.len() as f64 + MARGIN, &lines[0]);
    for (k, line) in lines.iter().enumerate() {
        let y = MARGIN + LINE * (k as f64 + 0.8);
        canvas.add(&format!("<text x=\"{MARGIN}\" y=\"{y:.1}\">{}</text>", xml(line)));
    }
    canvas.text + "</svg>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_fits_its_box_in_a_wide_face() {
        let block = Block {
            role: Role::Operation,
            name: "hidden.weight".into(),
            formula: " = v₁ · x".into(),
            lines: vec!["shape (2, 3)".into(), "gradient −0.1234 to 12.5".into()],
            inputs: vec![],
        };
        // Widths in DejaVu Sans, the widest of the requested fonts: 24 letters of the last line at 13 units.
        let (w, h) = size(&block);
        assert!(w > 13.0 * 13.6 + 2.0 * 6.0 && h >= 3.0 * LINE, "{w} {h}");
    }
}
