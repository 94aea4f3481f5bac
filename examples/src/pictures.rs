//! Pictures of the depth laboratory: what the theory predicts, and what networks do.
//!
//! Whatever tells curves apart is a marker, a dash or a shade of grey besides the colour, so that print in black and white
//! keeps it.

use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use autograd::{Tape, Tensor, Var};
use kuva::backend::png::PngBackend;
use kuva::backend::svg::SvgBackend;
use kuva::plot::scatter::MarkerShape;
use kuva::prelude::*;
use kuva::render::figure::FigureLegendPosition;
use kuva::render::render::{Scene, render_multiple};
use mlp::Activation;
use mlp::theory::MeanField;

/// A drawing, as SVG and as PNG; a notebook of the evcxr kernel shows it by itself.
///
/// ```
/// let picture = examples::pictures::activations()?;
/// assert!(picture.svg().starts_with("<svg"));
/// assert!(picture.save("picture.gif").unwrap_err().to_string().contains(".svg or .png"));
/// # Ok::<(), mlp::Error>(())
/// ```
pub struct Picture(Scene);

impl Picture {
    /// As SVG; its text is set in DejaVu Sans where that is installed.
    pub fn svg(&self) -> String {
        SvgBackend.render_scene(&self.0)
    }

    /// Writes `path`, whose ending says how: `.svg`, or `.png` of 1½ times the size.
    ///
    /// # Errors
    /// If the ending is another, or the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let path = path.as_ref();
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("svg") => fs::write(path, self.svg()),
            Some("png") => {
                fs::write(path, PngBackend::new().with_scale(1.5).render_scene(&self.0).map_err(io::Error::other)?)
            }
            _ => {
                let why = format!("{}: a picture is saved as .svg or .png", path.display());
                Err(io::Error::new(io::ErrorKind::InvalidInput, why))
            }
        }
    }

    /// Writes `NAME.svg` and `NAME.png` to the folder given as the program's argument, else beside the program, and says so.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn publish(&self, name: &str) -> io::Result<()> {
        let beside = std::env::current_exe()?.with_file_name("pictures");
        let folder = std::env::args().nth(1).map_or(beside, PathBuf::from);
        fs::create_dir_all(&folder)?;
        for ending in ["svg", "png"] {
            self.save(folder.join(name).with_extension(ending))?;
        }
        println!("drawn: {}", folder.join(name).with_extension("svg").display());
        Ok(())
    }

    /// Shows the drawing in a notebook of the evcxr kernel, which calls this.
    pub fn evcxr_display(&self) {
        // One write: what other threads print cannot come between.
        print!("EVCXR_BEGIN_CONTENT image/svg+xml\n{}\nEVCXR_END_CONTENT\n", self.svg());
    }
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Picture({} × {})", self.0.width, self.0.height)
    }
}

const BLACK: &str = "#000000";
const GREY: &str = "#8c8c8c";
/// A colour, a dash and a marker for each curve; the colours differ in brightness too.
const STYLES: [(&str, LineStyle, MarkerShape); 4] = [
    (BLACK, LineStyle::Solid, MarkerShape::Circle),
    ("#0060a8", LineStyle::Dashed, MarkerShape::Square),
    ("#d55e00", LineStyle::DashDot, MarkerShape::Triangle),
    (GREY, LineStyle::Dotted, MarkerShape::Diamond),
];

fn layout(plots: &[Plot], title: &str, x: &str, y: &str) -> Layout {
    let layout = Layout::auto_from_plots(plots).with_title(title).with_x_label(x).with_y_label(y);
    layout.with_font_family("DejaVu Sans, sans-serif").with_title_size(15).with_width(640.0).with_height(420.0)
}

fn line(points: impl IntoIterator<Item = (f64, f64)>, colour: &str, style: LineStyle) -> LinePlot {
    LinePlot::new().with_data(points).with_color(colour).with_line_style(style)
}

/// What one kind of network does to the gradient: see [`gradients`].
#[derive(Debug, Clone)]
pub struct Gradients {
    /// What the legend calls it.
    pub name: String,
    /// Depth and decades, by the theory.
    pub predicted: Vec<(f64, f64)>,
    /// Depth, mean and standard deviation of the decades over the seeds.
    pub measured: Vec<[f64; 3]>,
}

/// Decades by which the gradient changes against depth: lines predicted, marks measured, bars their standard deviation.
///
/// # Panics
/// If there are more than four curves.
pub fn gradients(title: &str, curves: &[Gradients]) -> Picture {
    assert!(curves.len() <= STYLES.len(), "gradients: {} curves; at most 4 are told apart", curves.len());
    let mut plots: Vec<Plot> = vec![];
    let mut legend = vec![];
    for (curve, (colour, style, marker)) in curves.iter().zip(STYLES) {
        let (points, spreads) =
            curve.measured.iter().map(|&[depth, mean, std]| ((depth, mean), std)).unzip::<_, _, Vec<_>, Vec<_>>();
        legend.push(LegendEntry {
            label: format!("{}, measured", curve.name),
            color: colour.into(),
            shape: LegendShape::Marker(marker),
            dasharray: None,
        });
        if !curve.predicted.is_empty() {
            legend.push(LegendEntry {
                label: format!("{}, predicted", curve.name),
                color: colour.into(),
                shape: LegendShape::Line,
                dasharray: style.dasharray(),
            });
            plots.push(line(curve.predicted.iter().copied(), colour, style).into());
        }
        let marks = ScatterPlot::new().with_data(points).with_y_err(spreads);
        plots.push(marks.with_color(colour).with_marker(marker).with_size(4.5).into());
    }
    let layout =
        layout(&plots, title, "depth (layers)", "change of the gradient’s norm, last layer to first (decades)");
    Picture(render_multiple(plots, layout.with_legend_entries(legend).with_width(720.0)))
}

/// Order and chaos over (σ_w, σ_b): the critical line `χ = 1`, and where the gradient has the depth scale 5 or 20 layers.
///
/// # Errors
/// If the theory refuses the activation, or it has no critical weights for the biases drawn.
pub fn phases(activation: Activation) -> Result<Picture, mlp::Error> {
    let theory = MeanField::new(activation)?;
    let rows: Vec<f64> = (1..=15).map(|i| f64::from(i) / 30.0).collect(); // σ_b
    let columns: Vec<f64> = (1..=50).map(|i| f64::from(i) * 0.06).collect(); // σ_w
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
    let level = |chi: f64| -> Vec<(f64, f64)> {
        let crossing = |(&row, chis): (&f64, &Vec<f64>)| {
            let i = chis.iter().position(|&other| other > chi).filter(|&i| i > 0)?;
            let share = (chi - chis[i - 1]) / (chis[i] - chis[i - 1]);
            Some((columns[i - 1] + share * (columns[i] - columns[i - 1]), row))
        };
        rows.iter().zip(&chis).filter_map(crossing).collect()
    };
    let mut plots: Vec<Plot> = vec![];
    for (depth, style) in [(5.0, LineStyle::Dotted), (20.0, LineStyle::Dashed)] {
        for (sign, word) in [(-1.0, "1/e"), (1.0, "e")] {
            let line = line(level((sign / f64::from(depth)).exp()), BLACK, style.clone()).with_stroke_width(1.5);
            let line = if sign < 0.0 { line.with_legend(format!("{word} or e after {depth} layers")) } else { line };
            plots.push(line.into());
        }
    }
    plots.push(line(critical, BLACK, LineStyle::Solid).with_stroke_width(3.0).with_legend("critical, χ = 1").into());
    let title = format!("{activation}: order and chaos in deep random networks");
    let x = "σ_w (standard deviation of the weights × √inputs)";
    let layout = layout(&plots, &title, x, "σ_b (standard deviation of the biases)").with_width(720.0);
    let text = |text: &str, x, y| TextAnnotation::new(text, x, y).with_font_size(14);
    let layout = layout
        .with_annotation(text("order: gradients vanish", 0.1, 0.25))
        .with_annotation(text("chaos: gradients explode", 1.85, 0.1))
        .with_x_axis_min(0.0)
        .with_x_axis_max(3.0)
        .with_y_axis_min(0.0)
        .with_y_axis_max(0.5);
    Ok(Picture(render_multiple(plots, layout)))
}

/// Histograms of `log₁₀` of singular values, a panel for each name, all over the same range.
pub fn singular_values(title: &str, spectra: &[(String, Vec<f64>)], columns: usize) -> Picture {
    const BINS: usize = 24;
    let decades = |values: &[f64]| -> Vec<f64> { values.iter().map(|value| value.log10()).collect() };
    let all: Vec<f64> = spectra.iter().flat_map(|(_, values)| decades(values)).filter(|x| x.is_finite()).collect();
    let (low, high) = all.iter().fold((-0.5f64, 0.5f64), |(low, high), &x| (low.min(x), high.max(x)));
    let (low, high) = (low.floor(), high.ceil());
    let mut panels = vec![];
    let mut layouts = vec![];
    for (name, values) in spectra {
        let bars =
            Histogram::new().with_data(decades(values)).with_bins(BINS).with_range((low, high)).with_color("#606060");
        let plots: Vec<Plot> = vec![bars.into()];
        let layout = layout(&plots, name, "log₁₀ of singular value", "number").with_title_size(13);
        layouts.push(layout.with_x_axis_min(low).with_x_axis_max(high).with_ticks(5));
        panels.push(plots);
    }
    let figure = Figure::new(spectra.len().div_ceil(columns), columns).with_title(title).with_title_size(15);
    Picture(figure.with_plots(panels).with_layouts(layouts).with_cell_size(300.0, 230.0).render())
}

/// Every activation of one number on [−4, 4], with its derivative.
///
/// # Errors
/// None but those of the theory, which finds where the curves jump.
pub fn activations() -> Result<Picture, mlp::Error> {
    const COLUMNS: usize = 5;
    let single = |a: &Activation| !matches!(a, Activation::Softmax | Activation::LogSoftmax);
    let mut panels = vec![];
    let mut layouts = vec![];
    for activation in Activation::ALL.into_iter().filter(single) {
        let kinks = MeanField::new(activation)?.properties().kinks;
        let mut plots: Vec<Plot> = vec![];
        // A jump is left open: the curve ends on one side and begins on the other.
        let ends: Vec<f64> = [-4.0].into_iter().chain(kinks).chain([4.0]).collect();
        for ends in ends.windows(2) {
            let inside = |i: u32| ends[0] + 1e-6 + (ends[1] - ends[0] - 2e-6) * f64::from(i) / 60.0;
            let x: Vec<f64> = (0..=60).map(inside).collect();
            let tape = Tape::new();
            let z: Var = tape.var(Tensor::new([x.len()], x.clone()));
            let y = activation.apply(z);
            let slopes = y.sum().backward()[z].to_vec();
            let points = |y: Vec<f64>| x.iter().copied().zip(y).filter(|(_, y)| y.abs() <= 2.0);
            plots.push(line(points(slopes), "#d55e00", LineStyle::Custom("5 3".into())).with_stroke_width(1.8).into());
            plots.push(line(points(y.value().to_vec()), BLACK, LineStyle::Solid).into());
        }
        let layout = layout(&plots, &activation.to_string(), "z", "").with_title_size(13).with_ticks(5);
        let layout = layout.with_x_axis_min(-4.0).with_x_axis_max(4.0).with_y_axis_min(-2.0).with_y_axis_max(2.0);
        layouts.push(layout.with_x_tick_step(2.0).with_y_tick_step(1.0));
        panels.push(plots);
    }
    let entry = |label: &str, color: &str, dash: Option<&str>| LegendEntry {
        label: label.into(),
        color: color.into(),
        shape: LegendShape::Line,
        dasharray: dash.map(String::from),
    };
    let legend = vec![entry("φ(z)", BLACK, None), entry("φ′(z)", "#d55e00", Some("5 3"))];
    let figure = Figure::new(panels.len().div_ceil(COLUMNS), COLUMNS).with_plots(panels).with_layouts(layouts);
    let figure = figure.with_title("The activations and their derivatives").with_cell_size(210.0, 190.0);
    let figure = figure.with_shared_legend_entries(legend).with_shared_legend_position(FigureLegendPosition::RightTop);
    Ok(Picture(figure.render()))
}

/// Accuracy after training as grey over σ_w² and depth, and the depths that the theory predicts drawn over it.
///
/// `accuracy[i][j]` is that of `depths[i]` layers with `weights[j]`; both are equally spaced.
///
/// # Panics
/// If there are less than two depths or weights.
pub fn trained(title: &str, weights: &[f64], depths: &[usize], accuracy: &[Vec<f64>], reach: &[(f64, f64)]) -> Picture {
    let depths: Vec<f64> = depths.iter().map(|&depth| depth as f64).collect();
    let range = |x: &[f64]| {
        let half = (x[1] - x[0]) / 2.0;
        (x[0] - half, x[x.len() - 1] + half)
    };
    let ((left, right), (bottom, top)) = (range(weights), range(&depths));
    let percent: Vec<Vec<f64>> = accuracy.iter().map(|row| row.iter().map(|share| 100.0 * share).collect()).collect();
    let map = Heatmap::new().with_data(percent).with_x_range(left, right).with_y_range(bottom, top);
    let map = map.with_color_map(ColorMap::Grayscale).with_legend("accuracy (%)").with_cell_size(1.0);
    let inside = reach.iter().copied().filter(|&(x, y)| (left..=right).contains(&x) && (bottom..=top).contains(&y));
    // Where the curve leaves the picture between its two branches there is nothing to join.
    let (ordered, chaotic): (Vec<_>, Vec<_>) = {
        let peak = reach.iter().max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0.0, |peak| peak.0);
        inside.partition(|point| point.0 < peak)
    };
    let mut plots: Vec<Plot> = vec![map.into()];
    for (width, colour, style) in [(6.0, "#ffffff", LineStyle::Solid), (3.0, "#d55e00", LineStyle::Dashed)] {
        for branch in [&ordered, &chaotic] {
            plots.push(line(branch.iter().copied(), colour, style.clone()).with_stroke_width(width).into());
        }
    }
    let layout = layout(&plots, title, "σ_w² (variance of the weights × inputs)", "depth (layers)");
    let layout = layout.with_x_axis_min(left).with_x_axis_max(right).with_y_axis_min(bottom).with_y_axis_max(top);
    Picture(render_multiple(plots, layout))
}
