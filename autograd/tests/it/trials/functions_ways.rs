//! Wrong vjps, jvps, Jacobians, Hessians and their products of functions without a tape, and right ones of the same functions.

use autograd::Tensor;
use autograd::check::{Function, Report};

use super::functions::{
    check, like, product, rosenbrock, rosenbrock_gradient, rosenbrock_hessian, slices, softmax, solve, transposed,
};
use super::{Case, point};

/// What is done to each derivative before it is handed out.
#[derive(Clone, Copy, Default)]
struct Faults {
    vjp: Option<fn(&mut [Vec<f64>])>,
    jvp: Option<fn(&mut [f64])>,
}

/// Products of matrices of 3 × 3 with the vjp and the jvp.
fn matrices(seed: u64, faults: Faults) -> Report {
    let f = Function::new(|x: &[Tensor]| Tensor::new([3, 3], product(x[0].as_slice(), x[1].as_slice(), 3)))
        .vjp(move |x: &[Tensor], v: &Tensor| {
            let (a, b, v) = (x[0].as_slice(), x[1].as_slice(), v.as_slice());
            let mut found = vec![product(v, &transposed(b, 3), 3), product(&transposed(a, 3), v, 3)];
            faults.vjp.into_iter().for_each(|fault| fault(&mut found));
            like(x, found)
        })
        .jvp(move |x: &[Tensor], u: &[Tensor]| {
            let (a, b) = (x[0].as_slice(), x[1].as_slice());
            let (first, second) = (product(u[0].as_slice(), b, 3), product(a, u[1].as_slice(), 3));
            let mut found: Vec<f64> = first.iter().zip(second).map(|(a, b)| a + b).collect();
            faults.jvp.into_iter().for_each(|fault| fault(&mut found));
            Tensor::new([3, 3], found)
        });
    check(seed, &f, &[point(seed, &[3, 3]), point(seed + 1, &[3, 3])])
}

/// The linear solve, with its implicit vjp as `u = A⁻ᵀv` or something else, and a sign.
fn solved(seed: u64, turned: bool, sign: f64, outer: bool) -> Report {
    let f = Function::new(|x: &[Tensor]| solve(x[0].as_slice(), x[1].as_slice(), false)).vjp(
        move |x: &[Tensor], v: &Tensor| {
            let y = solve(x[0].as_slice(), x[1].as_slice(), false);
            let u = solve(x[0].as_slice(), v.as_slice(), turned);
            let entry = |i: usize, j: usize| sign * if outer { u[i] * y[j] } else { u[j] * y[i] };
            like(x, vec![vec![entry(0, 0), entry(0, 1), entry(1, 0), entry(1, 1)], u.to_vec()])
        },
    );
    check(seed, &f, &[point(seed, &[2, 2]), point(seed + 1, &[2])])
}

/// Softmax with its Jacobian, and with another beside it.
fn softmaxes(seed: u64, fault: fn(&mut [f64]), jvp: bool) -> Report {
    let jacobian = move |x: &[Tensor]| {
        let p = softmax(x[0].as_slice());
        let mut j: Vec<f64> =
            (0..16).map(|at| p[at / 4] * (if at / 4 == at % 4 { 1.0 } else { 0.0 } - p[at % 4])).collect();
        fault(&mut j);
        vec![Tensor::new([4, 4], j)]
    };
    let mut f = Function::new(|x: &[Tensor]| Tensor::from(softmax(x[0].as_slice()))).jacobian(jacobian);
    if jvp {
        f = f.jvp(|x: &[Tensor], u: &[Tensor]| {
            let (p, u) = (softmax(x[0].as_slice()), u[0].as_slice());
            let mean: f64 = p.iter().zip(u).map(|(p, u)| p * u).sum();
            p.iter().zip(u).map(|(p, u)| p * (u - mean)).collect::<Vec<_>>().into()
        });
    }
    check(seed, &f, &[point(seed, &[4])])
}

/// `sin(a·b)` by elements, with a jvp only.
fn by_jvp(seed: u64, second: f64) -> Report {
    let f = Function::new(|x: &[Tensor]| {
        let x = slices(x);
        x[0].iter().zip(x[1]).map(|(a, b)| (a * b).sin()).collect::<Vec<_>>()
    })
    .jvp(move |x: &[Tensor], u: &[Tensor]| {
        let (x, u) = (slices(x), slices(u));
        let term = |i: usize| (x[0][i] * x[1][i]).cos() * (u[0][i] * x[1][i] + second * x[0][i] * u[1][i]);
        (0..x[0].len()).map(term).collect::<Vec<_>>().into()
    });
    check(seed, &f, &[point(seed, &[4]), point(seed + 1, &[4])])
}

/// Rosenbrock's function with a Hessian.
fn curved(seed: u64, n: usize, fault: fn(&mut [f64])) -> Report {
    let f = Function::new(|x: &[Tensor]| rosenbrock(x[0].as_slice()))
        .gradient(|x: &[Tensor]| vec![rosenbrock_gradient(x[0].as_slice()).into()])
        .hessian(move |x: &[Tensor]| {
            let n = x[0].numel();
            let mut h = rosenbrock_hessian(x[0].as_slice());
            fault(&mut h);
            vec![vec![Tensor::new([n, n], h)]]
        });
    check(seed, &f, &[point(seed, &[n])])
}

/// Rosenbrock's function with the products of its Hessian.
fn bent(seed: u64, fault: fn(&mut [f64])) -> Report {
    let f = Function::new(|x: &[Tensor]| rosenbrock(x[0].as_slice()))
        .gradient(|x: &[Tensor]| vec![rosenbrock_gradient(x[0].as_slice()).into()])
        .hvp(move |x: &[Tensor], u: &[Tensor]| {
            let n = x[0].numel();
            let h = Tensor::new([n, n], rosenbrock_hessian(x[0].as_slice()));
            let mut product = h.matmul(&u[0]).to_vec();
            fault(&mut product);
            vec![product.into()]
        });
    check(seed, &f, &[point(seed, &[5])])
}

/// `Σ aᵢ²·bᵢ` of two inputs, with the blocks of its Hessian; those off the diagonal times a factor.
fn blocks(seed: u64, mixed: f64) -> Report {
    let f = Function::new(|x: &[Tensor]| {
        let x = slices(x);
        x[0].iter().zip(x[1]).map(|(a, b)| a * a * b).sum::<f64>()
    })
    .gradient(|x: &[Tensor]| {
        let s = slices(x);
        let by = |f: fn(f64, f64) -> f64| s[0].iter().zip(s[1]).map(|(a, b)| f(*a, *b)).collect();
        like(x, vec![by(|a, b| 2.0 * a * b), by(|a, _| a * a)])
    })
    .hessian(move |x: &[Tensor]| {
        let diagonal = |d: &[f64], factor: f64| {
            let n = d.len();
            let at = |k: usize| if k / n == k % n { factor * d[k % n] } else { 0.0 };
            Tensor::new([n, n], (0..n * n).map(at).collect())
        };
        let s = slices(x);
        let (aa, ab) = (diagonal(s[1], 2.0), diagonal(s[0], 2.0 * mixed));
        let bb = Tensor::zeros(ab.shape());
        vec![vec![aa, ab.clone()], vec![ab, bb]]
    });
    check(seed, &f, &[point(seed, &[3]), point(seed + 1, &[3])])
}

fn twice(x: &mut [f64]) {
    x.iter_mut().for_each(|x| *x *= 2.0);
}

fn nothing(_: &mut [f64]) {}

pub(crate) const WRONG: &[Case] = &[
    ("a vjp: transposed", |seed| {
        let fault: fn(&mut [Vec<f64>]) = |g| g[0] = transposed(&g[0], 3);
        matrices(seed, Faults { vjp: Some(fault), ..Faults::default() })
    }),
    ("a vjp: by a factor 2, the jvp right", |seed| {
        let fault: fn(&mut [Vec<f64>]) = |g| twice(&mut g[1]);
        matrices(seed, Faults { vjp: Some(fault), ..Faults::default() })
    }),
    ("a vjp: clipped", |seed| {
        let fault: fn(&mut [Vec<f64>]) = |g| g.iter_mut().flatten().for_each(|g| *g = g.clamp(-20.0, 20.0));
        matrices(seed, Faults { vjp: Some(fault), ..Faults::default() })
    }),
    ("a jvp: by a factor 2, the vjp right", |seed| matrices(seed, Faults { jvp: Some(twice), ..Faults::default() })),
    ("a jvp: one entry by a thousandth", |seed| {
        let fault: fn(&mut [f64]) = |y| y[4] *= 1.001;
        matrices(seed, Faults { jvp: Some(fault), ..Faults::default() })
    }),
    ("a vjp and a jvp, both doubled", |seed| {
        let fault: fn(&mut [Vec<f64>]) = |g| g.iter_mut().for_each(|g| twice(g));
        matrices(seed, Faults { vjp: Some(fault), jvp: Some(twice) })
    }),
    ("a jvp alone: half of an input", |seed| by_jvp(seed, 0.5)),
    ("a jvp alone: an input forgotten", |seed| by_jvp(seed, 0.0)),
    ("a solve with the matrix, not its transpose", |seed| solved(seed, false, -1.0, true)),
    ("a solve with the wrong sign", |seed| solved(seed, true, 1.0, true)),
    ("a solve with the outer product transposed", |seed| solved(seed, true, -1.0, false)),
    ("a Jacobian: one entry by a hundredth", |seed| softmaxes(seed, |j| j[6] *= 1.01, false)),
    ("a Jacobian: without its diagonal", |seed| softmaxes(seed, |j| (0..4).for_each(|i| j[5 * i] = 0.0), false)),
    ("a Jacobian: rows for columns", |seed| {
        let f = Function::new(|x: &[Tensor]| {
            let x = x[0].as_slice();
            vec![x[0] * x[1], x[1].sin() + x[2], x[2] * x[0] * x[0]]
        })
        .jacobian(|x: &[Tensor]| {
            let x = x[0].as_slice();
            let rows = [x[1], x[0], 0.0, 0.0, x[1].cos(), 1.0, 2.0 * x[0] * x[2], 0.0, x[0] * x[0]];
            vec![Tensor::new([3, 3], transposed(&rows, 3))]
        });
        check(seed, &f, &[point(seed, &[3])])
    }),
    ("a Jacobian beside a right jvp, an entry missing", |seed| softmaxes(seed, |j| j[1] = 0.0, true)),
    ("a Hessian: by a factor 2", |seed| curved(seed, 4, twice)),
    ("a Hessian: the sign off the diagonal", |seed| curved(seed, 2, |h| (h[1], h[2]) = (-h[1], -h[2]))),
    ("a Hessian: one entry of two", |seed| curved(seed, 4, |h| h[1] *= 1.001)),
    ("a Hessian: without mixed blocks", |seed| blocks(seed, 0.0)),
    ("a Hessian: mixed blocks doubled", |seed| blocks(seed, 2.0)),
    ("products of a Hessian: by a factor 2", |seed| bent(seed, twice)),
    ("products of a Hessian: one element by a thousandth", |seed| bent(seed, |hu| hu[2] *= 1.001)),
    ("products of a Hessian: clipped", |seed| bent(seed, |hu| hu.iter_mut().for_each(|h| *h = h.clamp(-1e4, 1e4)))),
];

pub(crate) const RIGHT: &[Case] = &[
    ("a vjp and a jvp of matrices", |seed| matrices(seed, Faults::default())),
    ("a jvp alone", |seed| by_jvp(seed, 1.0)),
    ("a vjp of a solve", |seed| solved(seed, true, -1.0, true)),
    ("a Jacobian", |seed| softmaxes(seed, nothing, false)),
    ("a Jacobian and a jvp", |seed| softmaxes(seed, nothing, true)),
    ("a Hessian", |seed| curved(seed, 5, nothing)),
    ("a Hessian of blocks", |seed| blocks(seed, 1.0)),
    ("products of a Hessian", |seed| bent(seed, nothing)),
];
