//! Row G: many operations on four numbers each, where only the graph costs.

use autograd::{Tape, Tensor, Var, check};

use crate::{assert_close, tensor, vectors};

/// Links of the chain `x ← tanh(x·w + b)`.
pub const LINKS: usize = 1000;
/// Operations that a link records.
pub const OPERATIONS: usize = 3;

// With w = 1, b = 0 x falls as 1/√n and the slope tends to 1: the gradient stays clear of 0 to the chain's end.
const W: [f32; 4] = [1.0; 4];
const B: [f32; 4] = [0.0; 4];
const X: [f32; 4] = [0.5, 0.6, 0.7, 0.8];

/// The sum of the last x, and its gradients by x₀, w and b.
pub type Answer = (f32, [[f32; 4]; 3]);

/// As a user writes it.
pub fn chain(tape: &mut Tape<f32>) -> Answer {
    tape.clear();
    let (w, b, first) = (tape.var(W), tape.var(B), tape.var(X));
    let mut x = first;
    for _ in 0..LINKS {
        x = (x * w + b).tanh();
    }
    let y = x.sum();
    let grads = y.backward();
    let plain = |dx: &Tensor<f32>| std::array::from_fn(|i| dx.as_slice()[i]);
    (y.value(), [first, w, b].map(|x| plain(&grads[x])))
}

/// By hand; `values` keeps its memory from call to call.
pub fn chain_by_hand(values: &mut Vec<[f32; 4]>) -> Answer {
    let (w, b, mut x) = std::hint::black_box((W, B, X));
    values.clear();
    values.push(x);
    for _ in 0..LINKS {
        x = std::array::from_fn(|i| vectors::tanh(x[i] * w[i] + b[i]));
        values.push(x);
    }
    let (mut dx, mut dw, mut db) = ([1.0; 4], [0.0; 4], [0.0; 4]);
    for link in values.windows(2).rev() {
        for i in 0..4 {
            let dz = dx[i] * (1.0 - link[1][i] * link[1][i]);
            dw[i] += dz * link[0][i];
            db[i] += dz;
            dx[i] = dz * w[i];
        }
    }
    (x.iter().sum(), [dx, dw, db])
}

/// Holds the one against the other.
///
/// # Panics
/// If they differ.
pub fn verify() {
    let ((y, found), (expected, by_hand)) = (chain(&mut Tape::default()), chain_by_hand(&mut vec![]));
    assert_close("G, value", &[y], &[expected], 1e-4);
    for (found, expected) in found.iter().zip(&by_hand) {
        assert_close("G, gradient", found, expected, 1e-3);
    }
}

/// Operations on small arrays that are stretched, sliced, summed, joined or rolled: chains of [`LINKS`].
#[derive(Debug)]
pub struct Small {
    /// What a link does.
    pub name: &'static str,
    shapes: [&'static [usize]; 2],
    link: Link,
    /// Operations of a link.
    pub operations: usize,
}

/// The next x, of x and w.
type Link = for<'t> fn(Var<'t>, Var<'t>) -> Var<'t>;

/// The first is the unit: arrays of one shape.
pub const SMALL: [Small; 9] = [
    Small { name: "(4,) · (4,)", shapes: [&[4], &[4]], link: |x, w| x * w, operations: 1 },
    Small { name: "(4,) + (1,)", shapes: [&[4], &[1]], link: |x, w| x + w, operations: 1 },
    Small { name: "(4,) · (1,)", shapes: [&[4], &[1]], link: |x, w| x * w, operations: 1 },
    Small { name: "(4,) / (1,)", shapes: [&[4], &[1]], link: |x, w| x / w, operations: 1 },
    Small { name: "(2, 2) · (2,)", shapes: [&[2, 2], &[2]], link: |x, w| x * w, operations: 1 },
    Small { name: "(2, 2) − (2, 1)", shapes: [&[2, 2], &[2, 1]], link: |x, w| x - w, operations: 1 },
    Small { name: "sum, times (4,)", shapes: [&[4], &[4]], link: |x, w| w * x.sum_keep(0), operations: 2 },
    Small {
        name: "two slices, joined",
        shapes: [&[4], &[4]],
        link: |x, _| Var::concat(&[x.slice(0, 2..4), x.slice(0, 0..2)], 0),
        operations: 3,
    },
    Small { name: "roll", shapes: [&[4], &[4]], link: |x, _| x.roll(1, 0), operations: 1 },
];

impl Small {
    /// The value and gradient of the sum of a chain, as the first number of the gradient by x₀.
    pub fn chain(&self, tape: &mut Tape, [x, w]: &[Tensor; 2]) -> f64 {
        tape.clear();
        let (first, w) = (tape.var(x), tape.var(w));
        let y = (0..LINKS).fold(first, |x, _| (self.link)(x, w));
        y.sum().backward()[first].as_slice()[0]
    }

    /// Inputs near 1, or near ¼ where a link multiplies by a sum: chains neither vanish nor overflow.
    pub fn inputs(&self) -> [Tensor; 2] {
        let near = if self.name.starts_with("sum") { 0.25 } else { 1.0 };
        [(0, 1.0), (1, near)].map(|(k, near)| {
            let wave: Tensor = tensor(self.shapes[k], k, 1e-4);
            wave + near
        })
    }

    /// Checks the gradient of three links.
    ///
    /// # Panics
    /// If it is wrong.
    pub fn verify(&self) {
        let report = check(|x| (0..3).fold(x[0], |y, _| (self.link)(y, x[1])).square().sum(), &self.inputs())
            .expect("a function that is finite");
        assert!(report.passed(), "{}: {report}", self.name);
    }
}
