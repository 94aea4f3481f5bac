//! What went through a network.

use mlp::Flow;
use plotters::prelude::*;

use super::chart::{Area, Axis, Chart, Drawn, Pen, SOLID, titled};
use super::{Figure, Picture};

/// How the outputs of the activations are distributed, layer by layer, a panel for each network: the median as a line, half of the
/// values in dark grey, nine tenths in light grey, the least and the greatest dotted.
///
/// ```
/// use autograd::Tensor;
/// use mlp::{Activation, Flow, Mlp};
/// use rand::{SeedableRng, rngs::StdRng};
///
/// let layers = (0..5).fold(Mlp::new(8), |layers, _| layers.hidden(8, Activation::Tanh));
/// let model: Mlp = layers.output(1, Activation::Identity).build(&mut StdRng::seed_from_u64(1))?;
/// let flow = Flow::measure(&model, &Tensor::ones([4, 8]), |y| y.mean());
/// assert!(examples::pictures::outputs("Outputs", &[("tanh".into(), flow)]).svg().contains("tanh"));
/// # Ok::<(), mlp::Error>(())
/// ```
///
/// # Panics
/// If there are no networks.
pub fn outputs(title: &str, flows: &[(String, Flow)]) -> Picture {
    assert!(!flows.is_empty(), "outputs: no networks");
    Picture::of(&Outputs { title, flows })
}

struct Outputs<'a> {
    title: &'a str,
    flows: &'a [(String, Flow)],
}

/// Depth and quantiles of each layer that activates.
fn quantiles(flow: &Flow) -> Vec<(f64, [f64; 7])> {
    let layers = flow.layers.iter().filter(|layer| layer.sums.is_some());
    layers.zip(1u32..).map(|(layer, depth)| (f64::from(depth), layer.outputs.values.quantiles)).collect()
}

impl Figure for Outputs<'_> {
    fn size(&self) -> (u32, u32) {
        (300 * self.flows.len() as u32, 320)
    }

    fn draw<B: DrawingBackend>(&self, area: &Area<B>) -> Drawn<B> {
        let how = "line: median; dark: half of all; light: nine tenths; dotted: least and greatest";
        let area = titled(area, self.title, how)?;
        let all: Vec<_> = self.flows.iter().map(|(_, flow)| quantiles(flow)).collect();
        let far =
            all.iter().flatten().flat_map(|(_, values)| values).fold(1e-300f64, |far, value| far.max(value.abs()));
        for ((panel, (name, _)), rows) in area.split_evenly((1, self.flows.len())).iter().zip(self.flows).zip(&all) {
            let x = Axis::new("layer", 0.0, rows.len() as f64);
            let mut chart = Chart::new(panel, name, &x, &Axis::new("output", -1.05 * far, 1.05 * far))?;
            let curve =
                |i: usize| -> Vec<(f64, f64)> { rows.iter().map(|&(depth, values)| (depth, values[i])).collect() };
            for (low, high, grey) in [(1, 5, 205), (2, 4, 140)] {
                let outline: Vec<_> = curve(low).into_iter().chain(curve(high).into_iter().rev()).collect();
                chart.area(&outline, RGBColor(grey, grey, grey))?;
            }
            for end in [0, 6] {
                chart.line(&curve(end), Pen::new(BLACK, 1.0, (2.0, 3.5)))?;
            }
            chart.line(&curve(3), Pen::new(BLACK, 1.8, SOLID))?;
        }
        Ok(())
    }
}
