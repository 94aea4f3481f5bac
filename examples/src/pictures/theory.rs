//! What the theory alone tells.

use autograd::{Tape, Tensor, Var};
use mlp::Activation;
use mlp::theory::MeanField;
use plotters::chart::SeriesLabelPosition;
use plotters::prelude::*;

use super::chart::{Area, Axis, Chart, Drawn, Pen, SOLID, font, titled};
use super::{Figure, Picture};

type Curve = Vec<(f64, f64)>;

/// Order and chaos over (σ_w, σ_b): the critical line `χ = 1`, and where the squared gradient has the depth scale
/// `ξ = 1/|ln χ|` of 5 or 20 layers (Schoenholz et al. 2017).
///
/// ```
/// use mlp::Activation;
///
/// assert!(examples::pictures::phases(Activation::Tanh)?.svg().contains("chaos"));
/// assert!(examples::pictures::phases(Activation::Softmax).is_err());
/// # Ok::<(), mlp::Error>(())
/// ```
///
/// # Errors
/// If the theory refuses the activation, or it has no critical weights for the biases drawn.
pub fn phases(activation: Activation) -> Result<Picture, mlp::Error> {
    let theory = MeanField::new(activation)?;
    // Finer near 0, where the critical line bends.
    let rows: Vec<f64> = (0..=20).map(|i| f64::from(i * i) / 800.0).collect(); // σ_b
    let columns: Vec<f64> = (1..=100).map(|i| f64::from(i) * 0.03).collect(); // σ_w
    let mut critical = vec![];
    let mut chis = vec![];
    for &row in &rows {
        critical.push((theory.critical_weights(row * row)?.weights.sqrt(), row));
        let mut chi = vec![];
        for &column in &columns {
            let theory = theory.clone().weights(column * column).biases(row * row);
            chi.push(theory.chi(theory.fixed_point()?));
        }
        chis.push(chi);
    }
    // χ rises with σ_w; between two columns it is nearly straight.
    let level = |chi: f64| -> Curve {
        let crossing = |(&row, chis): (&f64, &Vec<f64>)| {
            let i = chis.iter().position(|&other| other > chi).filter(|&i| i > 0)?;
            let share = (chi - chis[i - 1]) / (chis[i] - chis[i - 1]);
            Some((columns[i - 1] + share * (columns[i] - columns[i - 1]), row))
        };
        rows.iter().zip(&chis).filter_map(crossing).collect()
    };
    let levels = [20.0, 5.0].map(|depth: f64| [level((-depth.recip()).exp()), level(depth.recip().exp())]);
    Ok(Picture::of(&Phases {
        title: format!("Order and chaos in deep random networks: {activation}"),
        critical,
        levels,
    }))
}

struct Phases {
    title: String,
    critical: Curve,
    /// Where the gradient falls, and grows, by e in 20 layers, and in 5.
    levels: [[Curve; 2]; 2],
}

impl Figure for Phases {
    fn size(&self) -> (u32, u32) {
        (640, 480)
    }

    fn draw<B: DrawingBackend>(&self, area: &Area<B>) -> Drawn<B> {
        const CRITICAL: Pen = Pen::new(BLACK, 3.0, SOLID);
        const LEVELS: [(&str, Pen); 2] =
            [("ξ = 20 layers", Pen::new(BLACK, 1.5, (9.0, 4.0))), ("ξ = 5 layers", Pen::new(BLACK, 1.5, (2.0, 3.0)))];
        let how = "ξ = 1/|ln χ|: over so many layers the squared gradient changes by e";
        let area = titled(area, &self.title, how)?;
        let x = Axis::new("σ_w (standard deviation of the weights × √inputs)", 0.0, 3.0);
        let y = Axis::new("σ_b (standard deviation of the biases)", 0.0, 0.5);
        let mut chart = Chart::new(&area, "", &x, &y)?;
        let mut order = self.critical.clone();
        order.extend([(0.0, y.range.end), (0.0, 0.0)]);
        chart.area(&order, RGBColor(225, 225, 225))?;
        for (curves, (name, pen)) in self.levels.iter().zip(LEVELS) {
            for curve in curves {
                chart.line(curve, pen)?;
            }
            chart.name(name, pen)?;
        }
        chart.line(&self.critical, CRITICAL)?;
        chart.name("critical: χ = 1, ξ = ∞", CRITICAL)?;
        chart.text("order", (0.45, 0.27), &font(15.0))?;
        chart.text("gradients vanish", (0.45, 0.24), &font(13.0))?;
        chart.text("chaos", (2.4, 0.27), &font(15.0))?;
        chart.text("gradients explode", (2.4, 0.24), &font(13.0))?;
        chart.legend(SeriesLabelPosition::UpperRight)
    }
}

/// Every activation of one number on [−4, 4], with its derivative.
///
/// ```
/// assert!(examples::pictures::activations()?.svg().contains("hard_tanh"));
/// # Ok::<(), mlp::Error>(())
/// ```
///
/// # Errors
/// None but those of the theory, which finds where the curves jump.
pub fn activations() -> Result<Picture, mlp::Error> {
    let single = Activation::ALL.into_iter().filter(|&activation| MeanField::new(activation).is_ok());
    single.map(Shape::of).collect::<Result<Vec<_>, _>>().map(|shapes| Picture::of(&Shapes(shapes)))
}

const REACH: f64 = 4.0;
const HEIGHT: f64 = 2.0;

struct Shape {
    name: String,
    /// The function and its derivative, in the pieces between its kinks.
    pieces: Vec<[Curve; 2]>,
}

impl Shape {
    fn of(activation: Activation) -> Result<Self, mlp::Error> {
        let kinks = MeanField::new(activation)?.properties().kinks;
        // A jump is left open: the curve ends on one side and begins on the other.
        let ends: Vec<f64> = [-REACH].into_iter().chain(kinks).chain([REACH]).collect();
        let piece = |ends: &[f64]| {
            let inside = |i: u32| ends[0] + 1e-6 + (ends[1] - ends[0] - 2e-6) * f64::from(i) / 40.0;
            let x: Vec<f64> = (0..=40).map(inside).collect();
            let tape = Tape::new();
            let z: Var = tape.var(Tensor::new([x.len()], x.clone()));
            let y = activation.apply(z);
            let slopes = y.sum().backward()[z].to_vec();
            [y.value().to_vec(), slopes].map(|y| x.iter().copied().zip(y).filter(|at| at.1.abs() <= HEIGHT).collect())
        };
        Ok(Self { name: activation.to_string(), pieces: ends.windows(2).map(piece).collect() })
    }
}

struct Shapes(Vec<Shape>);

impl Shapes {
    const COLUMNS: usize = 5;
}

impl Figure for Shapes {
    fn size(&self) -> (u32, u32) {
        (190 * Self::COLUMNS as u32, 165 * self.0.len().div_ceil(Self::COLUMNS) as u32 + 60)
    }

    fn draw<B: DrawingBackend>(&self, area: &Area<B>) -> Drawn<B> {
        let how = "solid: φ(z); dashed: φ′(z); across: z";
        let area = titled(area, "The activations and their derivatives", how)?;
        let panels = area.split_evenly((self.0.len().div_ceil(Self::COLUMNS), Self::COLUMNS));
        for (panel, shape) in panels.iter().zip(&self.0) {
            let mut chart =
                Chart::new(panel, &shape.name, &Axis::new("", -REACH, REACH), &Axis::new("", -HEIGHT, HEIGHT))?;
            for [values, slopes] in &shape.pieces {
                chart.line(values, Pen::new(BLACK, 2.0, SOLID))?;
                chart.line(slopes, Pen::new(RGBColor(213, 94, 0), 2.0, (7.0, 4.0)))?;
            }
        }
        Ok(())
    }
}
