//! Each optimiser's step on 668,672 numbers, beside a loop by hand on the widest vectors: `cargo bench --bench optimizers`.

use autograd::{Param, Parameters, Tape, Tensor, set_threads};
use benches::race::{Ratio, head, race};
use benches::vectors::{Pass, widest};
use benches::{assert_close, tensor};
use mlp::{Adagrad, Adam, Lion, Optimizer, RmsProp, Sgd};

/// The weights of 784-512-512-10.
const LEN: usize = 668_672;
const RATE: f32 = 1e-4;
const BETAS: [f32; 2] = [0.9, 0.999];

/// A step by hand: the weights, the gradient, and two arrays of state.
trait Formula: Copy {
    fn each(self, w: &mut f32, g: f32, state: [&mut f32; 2]);
}

struct Loop<'a, F>(F, &'a mut [f32], &'a [f32], [&'a mut [f32]; 2]);

impl<F: Formula> Pass for Loop<'_, F> {
    type Out = ();
    #[inline(always)]
    fn run(self) {
        let Loop(f, w, g, [m, v]) = self;
        for (((w, &g), m), v) in w.iter_mut().zip(g).zip(m).zip(v) {
            f.each(w, g, [m, v]);
        }
    }
}

#[derive(Clone, Copy)]
struct Plain;
impl Formula for Plain {
    #[inline(always)]
    fn each(self, w: &mut f32, g: f32, _: [&mut f32; 2]) {
        *w -= RATE * g;
    }
}

#[derive(Clone, Copy)]
struct Momentum;
impl Formula for Momentum {
    #[inline(always)]
    fn each(self, w: &mut f32, g: f32, [v, _]: [&mut f32; 2]) {
        *v = 0.9 * *v + g;
        *w -= RATE * *v;
    }
}

/// Adam's formula, with the bias corrections of its step.
#[derive(Clone, Copy)]
struct Moments(f32, f32);
impl Formula for Moments {
    #[inline(always)]
    fn each(self, w: &mut f32, g: f32, [m, v]: [&mut f32; 2]) {
        *m = BETAS[0] * *m + (1.0 - BETAS[0]) * g;
        *v = BETAS[1] * *v + (1.0 - BETAS[1]) * g * g;
        *w -= self.0 * *m / (v.sqrt() * self.1 + 1e-8);
    }
}

#[derive(Clone, Copy)]
struct Signs;
impl Formula for Signs {
    #[inline(always)]
    fn each(self, w: &mut f32, g: f32, [m, _]: [&mut f32; 2]) {
        let c = 0.9 * *m + 0.1 * g;
        *w -= RATE
            * if c > 0.0 {
                1.0
            } else if c < 0.0 {
                -1.0
            } else {
                0.0
            };
        *m = 0.99 * *m + 0.01 * g;
    }
}

#[derive(Clone, Copy)]
struct MeanSquare;
impl Formula for MeanSquare {
    #[inline(always)]
    fn each(self, w: &mut f32, g: f32, [v, _]: [&mut f32; 2]) {
        *v = 0.99 * *v + 0.01 * g * g;
        *w -= RATE * g / (v.sqrt() + 1e-8);
    }
}

#[derive(Clone, Copy)]
struct SumOfSquares;
impl Formula for SumOfSquares {
    #[inline(always)]
    fn each(self, w: &mut f32, g: f32, [s, _]: [&mut f32; 2]) {
        *s += g * g;
        *w -= RATE * g / (s.sqrt() + 1e-10);
    }
}

/// The weights, the state and the steps of a loop by hand.
struct ByHand<F> {
    w: Vec<f32>,
    state: [Vec<f32>; 2],
    step: i32,
    formula: fn(i32) -> F,
}

impl<F: Formula> ByHand<F> {
    fn step(&mut self, gradient: &[f32]) {
        self.step += 1;
        let formula = (self.formula)(self.step);
        widest(Loop(formula, &mut self.w, gradient, self.state.each_mut().map(Vec::as_mut_slice)));
    }
}

/// Holds an optimiser against a loop for three steps, then races them.
fn row<F: Formula>(name: &str, optimizer: fn(&Parameters<f32>) -> Box<dyn Optimizer<f32>>, formula: fn(i32) -> F) {
    let start: Tensor<f32> = tensor([LEN], 0, 1.0);
    let w = Param::new(start.clone());
    let mut optimizer = optimizer(&Parameters::new().with("w", &w));
    let tape = Tape::<f32>::default();
    let grads = (w.on(&tape) * tensor::<f32>([LEN], LEN, 1.0)).sum().backward();
    let gradient = grads[&w].as_slice();
    let mut by_hand = ByHand { w: start.to_vec(), state: [vec![0.0; LEN], vec![0.0; LEN]], step: 0, formula };
    for _ in 0..3 {
        optimizer.step(&grads);
        by_hand.step(gradient);
    }
    assert_close(name, w.value().as_slice(), &by_hand.w, 1e-5);
    if std::env::args().any(|arg| arg == "--test") {
        println!("{name}: verified");
    } else {
        race(name, 1, Ratio::OursByOther, || optimizer.step(&grads), || by_hand.step(gradient));
    }
}

fn main() {
    set_threads(1); // as the loop by hand
    head("optimiser", "by hand");
    row("sgd", |w| Box::new(Sgd::new(w, RATE.into())), |_| Plain);
    row("momentum", |w| Box::new(Sgd::new(w, RATE.into()).momentum(0.9)), |_| Momentum);
    row(
        "adam",
        |w| Box::new(Adam::new(w, RATE.into())),
        |step| Moments(RATE / (1.0 - BETAS[0].powi(step)), (1.0 / (1.0 - BETAS[1].powi(step))).sqrt()),
    );
    row("lion", |w| Box::new(Lion::new(w, RATE.into())), |_| Signs);
    row("rms_prop", |w| Box::new(RmsProp::new(w, RATE.into())), |_| MeanSquare);
    row("adagrad", |w| Box::new(Adagrad::new(w, RATE.into())), |_| SumOfSquares);
}
