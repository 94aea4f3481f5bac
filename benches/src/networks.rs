//! Rows A to E and J: steps of training, and inference, of plain networks in f32.

use autograd::{Gradients, Param, Tape, Tensor, Unary, Var, backward_in_parts};

use crate::{assert_close, tensor, vectors};

/// With more layers than this, all gradients together leave the fast caches, and each is used as soon as it is there.
const MANY: usize = 10;

/// The rate of descent.
pub const ETA: f32 = 0.01;

/// A row of the table.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its letter.
    pub name: &'static str,
    /// Samples in the batch.
    pub batch: usize,
    /// Inputs, then the width of each layer.
    pub widths: Vec<usize>,
    /// Hidden layers have tanh, not rectifiers.
    pub tanh: bool,
}

impl Row {
    /// The row of this letter, A to E; J trains nothing, but has B's network and a batch of one.
    ///
    /// # Panics
    /// If there is none.
    pub fn new(name: &'static str) -> Self {
        let (batch, widths) = match name {
            "A" => (6, vec![3, 4, 2]),
            "B" => (32, vec![64, 64, 64, 10]),
            "C" => (128, vec![784, 256, 256, 10]),
            "D" => (256, vec![3600, 1024, 1024, 10]),
            "E" => (32, [vec![64; 101], vec![10]].concat()),
            "J" => (1, vec![64, 64, 64, 10]),
            _ => panic!("no network in row {name}: take A to E or J"),
        };
        Row { name, batch, widths, tanh: name == "E" }
    }

    /// The samples, and the class of each.
    pub fn data(&self) -> (Tensor<f32>, Vec<usize>) {
        let classes = self.widths[self.widths.len() - 1];
        (tensor([self.batch, self.widths[0]], 0, 1.0), (0..self.batch).map(|i| i % classes).collect())
    }

    /// The same in two halves.
    pub fn halves(&self) -> [(Tensor<f32>, Vec<usize>); 2] {
        let ((x, classes), half) = (self.data(), self.batch / 2);
        let (values, len) = (x.as_slice(), half * self.widths[0]);
        [0, 1].map(|k| {
            let rows = Tensor::new([half, self.widths[0]], values[k * len..(k + 1) * len].to_vec());
            (rows, classes[k * half..(k + 1) * half].to_vec())
        })
    }

    /// The weights of each layer to begin with, (inputs, outputs), of variance 1/inputs; biases begin at 0.
    pub fn weights(&self) -> Vec<Tensor<f32>> {
        let layer = |(l, n): (usize, &[usize])| tensor([n[0], n[1]], (l + 1) << 24, (3.0 / n[0] as f64).sqrt());
        self.widths.windows(2).enumerate().map(layer).collect()
    }
}

/// As a user writes it.
#[derive(Debug)]
pub struct Network {
    layers: Vec<(Param<f32>, Param<f32>)>,
    tanh: bool,
}

impl Network {
    /// The network of a row.
    pub fn new(row: &Row) -> Self {
        let layer = |w: Tensor<f32>| (Param::new(w.clone()), Param::new(Tensor::zeros([w.shape()[1]])));
        Network { layers: row.weights().into_iter().map(layer).collect(), tanh: row.tanh }
    }

    /// The logits.
    pub fn forward<'t>(&self, x: Var<'t, f32>) -> Var<'t, f32> {
        let (hidden, last) = self.layers.split_at(self.layers.len() - 1);
        let layer = |x: Var<'t, f32>, (w, b): &(Param<f32>, Param<f32>)| {
            x.dense(w, b, if self.tanh { Unary::Tanh } else { Unary::Relu })
        };
        hidden.iter().fold(x, layer).affine(&last[0].0, &last[0].1)
    }

    /// Records, sweeps, descends; the loss before the step.
    pub fn step(&self, tape: &mut Tape<f32>, x: &Tensor<f32>, classes: &[usize]) -> f32 {
        tape.clear();
        let loss = self.forward(tape.constant(x.clone())).cross_entropy(classes).mean();
        if self.layers.len() > MANY {
            loss.backward_each(descend);
        } else {
            let grads = loss.backward();
            self.params().for_each(|param| descend(param, &grads));
        }
        loss.value()
    }

    /// [`step`](Network::step) with the batch in parts, on a tape each.
    pub fn step_in_parts(&self, tapes: &mut [Tape<f32>], parts: &[(Tensor<f32>, Vec<usize>)]) -> f32 {
        let samples: usize = parts.iter().map(|(_, classes)| classes.len()).sum();
        let (grads, losses) = backward_in_parts(tapes, |part, tape| {
            let (x, classes) = &parts[part];
            let loss = self.forward(tape.constant(x.clone())).cross_entropy(classes).sum() / samples as f64;
            (loss, loss.value())
        });
        self.params().for_each(|param| descend(param, &grads));
        losses.iter().sum()
    }

    fn params(&self) -> impl Iterator<Item = &Param<f32>> {
        self.layers.iter().flat_map(|(w, b)| [w, b])
    }

    /// The first logit.
    pub fn infer(&self, tape: &mut Tape<f32>, x: &Tensor<f32>) -> f32 {
        tape.clear();
        self.forward(tape.constant(x.clone())).value().as_slice()[0]
    }
}

fn descend(param: &Param<f32>, grads: &Gradients<'_, f32>) {
    grads.update_each(param, [], |w, dw, []| *w -= ETA * dw);
}

/// By hand: arrays made once, products by the `gemm` crate, one pass each for everything else.
#[derive(Debug)]
pub struct ByHand {
    widths: Vec<usize>,
    tanh: bool,
    weights: Vec<Vec<f32>>,
    biases: Vec<Vec<f32>>,
    outputs: Vec<Vec<f32>>,
    slopes: Vec<Vec<f32>>, // the loss's, by each layer's output
    dw: Vec<f32>,
}

impl ByHand {
    /// The network of a row.
    pub fn new(row: &Row) -> Self {
        let arrays = |rows: usize| row.widths[1..].iter().map(|n| vec![0.0; rows * n]).collect::<Vec<_>>();
        let weights: Vec<_> = row.weights().iter().map(Tensor::to_vec).collect();
        let dw = vec![0.0; weights.iter().map(Vec::len).max().unwrap_or(0)];
        let (outputs, slopes) = (arrays(row.batch), arrays(row.batch));
        ByHand { widths: row.widths.clone(), tanh: row.tanh, biases: arrays(1), weights, outputs, slopes, dw }
    }

    fn forward(&mut self, x: &[f32]) {
        let last = self.weights.len() - 1;
        for l in 0..=last {
            let (k, n) = (self.widths[l], self.widths[l + 1]);
            let (before, after) = self.outputs.split_at_mut(l);
            let (x, y) = (before.last().map_or(x, |x| x), &mut after[0]);
            y.chunks_exact_mut(n).for_each(|y| y.copy_from_slice(&self.biases[l]));
            product(y, View(x, k, false), View(&self.weights[l], n, false), n, true);
            if l < last && self.tanh {
                vectors::widest(|| y.iter_mut().for_each(|y| *y = vectors::tanh(*y)));
            } else if l < last {
                vectors::widest(|| y.iter_mut().for_each(|y| *y = y.max(0.0)));
            }
        }
    }

    /// The loss before the step. Leaves its slopes by the logits.
    fn loss(&mut self, classes: &[usize]) -> f32 {
        let (last, n) = (self.weights.len() - 1, self.widths[self.weights.len()]);
        let (logits, slopes) = (&self.outputs[last], &mut self.slopes[last]);
        let share = 1.0 / classes.len() as f32;
        let mut sum = 0.0;
        for ((logits, slopes), &class) in logits.chunks_exact(n).zip(slopes.chunks_exact_mut(n)).zip(classes) {
            let top = logits.iter().fold(f32::NEG_INFINITY, |a, &b| a.max(b));
            slopes.iter_mut().zip(logits).for_each(|(d, x)| *d = vectors::exp(x - top));
            let z: f32 = slopes.iter().sum();
            sum += z.ln() + top - logits[class];
            slopes.iter_mut().for_each(|d| *d *= share / z);
            slopes[class] -= share;
        }
        sum * share
    }

    /// A step of descent; the loss before it.
    pub fn step(&mut self, x: &[f32], classes: &[usize]) -> f32 {
        self.forward(x);
        let loss = self.loss(classes);
        for l in (0..self.weights.len()).rev() {
            let (k, n) = (self.widths[l], self.widths[l + 1]);
            let (before, after) = self.slopes.split_at_mut(l);
            let dy = &after[0];
            if let Some(dx) = before.last_mut() {
                product(dx, View(dy, n, false), View(&self.weights[l], n, true), k, false);
                let (y, tanh) = (&self.outputs[l - 1], self.tanh);
                vectors::widest(|| match tanh {
                    true => dx.iter_mut().zip(y).for_each(|(dx, y)| *dx *= 1.0 - y * y),
                    false => dx.iter_mut().zip(y).for_each(|(dx, &y)| *dx = if y > 0.0 { *dx } else { 0.0 }),
                });
            }
            let x = if l == 0 { x } else { &self.outputs[l - 1] };
            let dw = &mut self.dw[..k * n];
            product(dw, View(x, k, true), View(dy, n, false), n, false);
            let (w, b) = (&mut self.weights[l], &mut self.biases[l]);
            vectors::widest(|| {
                w.iter_mut().zip(&*dw).for_each(|(w, dw)| *w -= ETA * dw);
                for dy in dy.chunks_exact(n) {
                    b.iter_mut().zip(dy).for_each(|(b, dy)| *b -= ETA * dy);
                }
            });
        }
        loss
    }

    /// The first logit.
    pub fn infer(&mut self, x: &[f32]) -> f32 {
        self.forward(x);
        self.outputs[self.outputs.len() - 1][0]
    }
}

/// Values, the length of their rows in memory, and whether the matrix meant is the transposed one.
struct View<'a>(&'a [f32], usize, bool);

impl View<'_> {
    fn shape(&self) -> (usize, usize) {
        let (rows, columns) = (self.0.len() / self.1, self.1);
        if self.2 { (columns, rows) } else { (rows, columns) }
    }

    /// From one column to the next, and from one row to the next.
    fn strides(&self) -> (isize, isize) {
        if self.2 { (self.1 as isize, 1) } else { (1, self.1 as isize) }
    }
}

/// `y = a·b`, or `y += a·b`, with rows of `n`.
fn product(y: &mut [f32], a: View<'_>, b: View<'_>, n: usize, add: bool) {
    let ((m, k), (rows, columns)) = (a.shape(), b.shape());
    assert!(y.len() == m * n && k == rows && n == columns && a.0.len() == m * k && b.0.len() == k * n);
    let ((ac, ar), (bc, br)) = (a.strides(), b.strides());
    let (a, b, y) = (a.0.as_ptr(), b.0.as_ptr(), y.as_mut_ptr());
    // SAFETY: by the assertion the three arrays hold all that these sizes and strides reach; y is borrowed alone.
    unsafe {
        // As columns of yᵀ = bᵀ·aᵀ, which the library wants side by side.
        let (one, run) = (gemm_common::Parallelism::None, gemm_f32::gemm::f32::get_gemm_fn());
        run(n, m, k, y, n as isize, 1, add, b, br, bc, a, ar, ac, 1.0, 1.0, false, false, false, one);
    }
}

/// Holds the two against each other: losses and weights over three steps, or the inference of row J.
///
/// # Panics
/// If they differ, or the loss does not fall.
pub fn verify(row: &Row) {
    let (network, mut by_hand, mut tape) = (Network::new(row), ByHand::new(row), Tape::default());
    let (x, classes) = row.data();
    let what = format!("{}, inference", row.name);
    assert_close(&what, &[network.infer(&mut tape, &x)], &[by_hand.infer(x.as_slice())], 1e-4);
    let steps = [(); 3].map(|()| (network.step(&mut tape, &x, &classes), by_hand.step(x.as_slice(), &classes)));
    for (found, expected) in steps {
        assert_close(&format!("{}, loss", row.name), &[found], &[expected], 1e-5);
    }
    assert!(steps[2].0 < steps[0].0);
    let (network_in_parts, mut tapes, halves) = (Network::new(row), [Tape::default(), Tape::default()], row.halves());
    for (_, expected) in steps.into_iter().filter(|_| row.batch > 1) {
        let found = network_in_parts.step_in_parts(&mut tapes, &halves);
        assert_close(&format!("{}, loss of halves", row.name), &[found], &[expected], 1e-5);
    }
    let begin = row.weights();
    for (l, (w, b)) in network.layers.iter().enumerate() {
        let change = |after: &[f32]| after.iter().zip(begin[l].as_slice()).map(|(w, v)| w - v).collect::<Vec<_>>();
        let (found, expected) = (change(w.value().as_slice()), change(&by_hand.weights[l]));
        // Weights are rounded to 1e-7 of themselves, and their changes are small.
        assert_close(&format!("{}, weights of layer {l}", row.name), &found, &expected, 1e-2);
        assert_close(&format!("{}, biases of layer {l}", row.name), b.value().as_slice(), &by_hand.biases[l], 1e-3);
    }
}
