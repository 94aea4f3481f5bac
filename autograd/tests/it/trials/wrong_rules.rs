//! Rules as people get them wrong: a term forgotten, an operand too few, the wrong solve, the wrong index.

use autograd::check::{Checker, Report};
use autograd::{Elementwise, Number, Param, Parameters, Tensor, Var};

use super::wrong::matrices;
use super::{Case, array, at, own, point, rule, twice, within};
use crate::sampling::Sampler;

/// The solution of (A + 5)·x = b for matrices of 2 × 2, by Cramer's rule.
fn solve(x: &[Tensor]) -> Tensor {
    let (a, b) = (x[0].as_slice(), x[1].as_slice());
    let (p, q, r, s) = (a[0] + 5.0, a[1], a[2], a[3] + 5.0);
    let det = p * s - q * r;
    Tensor::from([(b[0] * s - b[1] * q) / det, (p * b[1] - r * b[0]) / det])
}

/// The same on a tape, with the matrix transposed or not.
fn solved<'t>(a: Var<'t>, b: Var<'t>, transposed: bool) -> Var<'t> {
    let shifted = a + Tensor::eye(2) * 5.0;
    let m = if transposed { shifted.t() } else { shifted };
    let [p, q, r, s] = [[0, 0], [0, 1], [1, 0], [1, 1]].map(|[i, k]| m.at(0, i).at(0, k));
    let det = p * s - q * r;
    let (u, v) = (b.at(0, 0), b.at(0, 1));
    Var::stack(&[(u * s - v * q) / det, (p * v - r * u) / det], 0)
}

/// Linear interpolation in a table of squares.
fn table(x: f64) -> (usize, f64) {
    let at = ((x + 2.0) / 0.25).floor();
    (at as usize, (x + 2.0) / 0.25 - at)
}

fn looked_up(x: &[Tensor]) -> Tensor {
    let square = |k: usize| (k as f64 * 0.25 - 2.0).powi(2);
    x[0].map(|x| {
        let (k, part) = table(x);
        square(k) * (1.0 - part) + square(k + 1) * part
    })
}

/// A model in `f32` whose sine has this many times its slope.
fn in_f32(seed: u64, factor: f64) -> Report {
    struct Sine(f64);
    impl autograd::Custom<f32> for Sine {
        fn forward(&self, x: &[Tensor<f32>]) -> Tensor<f32> {
            x[0].sin()
        }
        fn vjp<'t>(&self, x: &[Var<'t, f32>], _y: Var<'t, f32>, dy: Var<'t, f32>) -> Vec<Var<'t, f32>> {
            vec![dy * x[0].cos() * self.0]
        }
    }
    let mut sampler = Sampler::new(seed);
    let w = Param::<f32>::new(sampler.normal_like(&[4, 5]).cast());
    let x: Tensor<f32> = sampler.normal_like(&[8, 4]).cast();
    let parameters = Parameters::new().with("w", &w);
    let checker = Checker::new().seed(seed);
    let loss = checker.check_parameters(&parameters, |tape| {
        Var::custom(Sine(factor), &[tape.constant(&x).matmul(&w) * 0.3]).square().mean()
    });
    loss.unwrap()
}

/// A fused function, which is detached where it should not be.
#[derive(Clone, Copy)]
struct Swish;

impl Elementwise for Swish {
    fn f<N: Number>(self, x: N) -> N {
        x * x.sigmoid()
    }
}

pub(crate) const CASES: &[Case] = &[
    ("norm without its denominator", |seed| {
        let rule = rule(|x, dy| vec![dy * x[0]]);
        at(seed, point(seed, &[4]), |x| own(x, |x| x[0].norm().into(), rule).sum())
    }),
    ("normalisation without the projection", |seed| {
        let rule = rule(|x, dy| vec![dy / x[0].norm()]);
        array(seed, &[point(seed, &[4])], |x| own(x, |x| &x[0] / x[0].norm(), rule))
    }),
    ("softmax as if elementwise", |seed| {
        let rule = rule(|x, dy| {
            let y = x[0].softmax(0);
            vec![dy * y * (1.0 - y)]
        });
        array(seed, &[point(seed, &[4])], |x| own(x, |x| x[0].softmax(0), rule))
    }),
    ("log of a sum, not normalised", |seed| {
        let rule = rule(|x, dy| vec![dy * x[0].exp()]);
        at(seed, point(seed, &[4]), |x| own(x, |x| x[0].logsumexp_axis(0), rule).sum())
    }),
    ("square without its 2", |seed| {
        at(seed, point(seed, &[4]), |x| own(x, |x| x[0].square(), rule(|x, dy| vec![dy * x[0]])).sum())
    }),
    ("product with one operand's gradient twice", |seed| {
        let rule = rule(|x, dy| vec![dy * x[1], dy * x[1]]);
        array(seed, &[point(seed, &[4]), point(seed + 1, &[4])], |x| own(x, |x| &x[0] * &x[1], rule))
    }),
    ("quotient with the wrong sign below", |seed| {
        let rule = rule(|x, dy| vec![dy / x[1], dy * x[0] / x[1].square()]);
        array(seed, &[point(seed, &[4]), within(seed, &[4], 0.5, 2.0)], |x| own(x, |x| &x[0] / &x[1], rule))
    }),
    ("slope at the output instead of the input", |seed| {
        let rule = rule(|x, dy| vec![dy * x[0].sin().cos()]);
        at(seed, point(seed, &[4]), |x| own(x, |x| x[0].sin(), rule).sum())
    }),
    ("tanh with 1 + y²", |seed| {
        let rule = rule(|x, dy| vec![dy * (1.0 + x[0].tanh().square())]);
        at(seed, point(seed, &[4]), |x| own(x, |x| x[0].tanh(), rule).sum())
    }),
    ("a linear solve with the matrix, not its transpose", |seed| {
        let rule = rule(|x, dy| {
            let (y, u) = (solved(x[0], x[1], false), solved(x[0], dy, false));
            vec![-u.unsqueeze(1).matmul(y.unsqueeze(0)), u]
        });
        array(seed, &[point(seed, &[2, 2]), point(seed + 1, &[2])], |x| own(x, solve, rule))
    }),
    ("a linear solve with the wrong sign", |seed| {
        let rule = rule(|x, dy| {
            let (y, u) = (solved(x[0], x[1], false), solved(x[0], dy, true));
            vec![u.unsqueeze(1).matmul(y.unsqueeze(0)), u]
        });
        array(seed, &[point(seed, &[2, 2]), point(seed + 1, &[2])], |x| own(x, solve, rule))
    }),
    ("a linear solve with the gradient transposed", |seed| {
        let rule = rule(|x, dy| {
            let (y, u) = (solved(x[0], x[1], false), solved(x[0], dy, true));
            vec![-y.unsqueeze(1).matmul(u.unsqueeze(0)), u]
        });
        array(seed, &[point(seed, &[2, 2]), point(seed + 1, &[2])], |x| own(x, solve, rule))
    }),
    ("a table's slope without its bins' width", |seed| {
        let rule = rule(|x, dy| {
            let slope = x[0].value().map(|x| 2.0 * (table(x).0 as f64 * 0.25 - 2.0) * 0.25 + 0.0625);
            vec![dy * slope]
        });
        at(seed, point(seed, &[4]), |x| own(x, looked_up, rule).sum())
    }),
    ("a table's slope of the next bin", |seed| {
        let rule = rule(|x, dy| {
            let slope = x[0].value().map(|x| 2.0 * (table(x).0 as f64 * 0.25 - 1.75) + 0.25);
            vec![dy * slope]
        });
        at(seed, point(seed, &[4]), |x| own(x, looked_up, rule).sum())
    }),
    ("gradients gathered at the wrong index", |seed| {
        let rule = rule(|_, dy| vec![Var::concat(&[dy.slice(0, 1..2), dy.slice(0, 0..1), dy.slice(0, 0..1) * 0.0], 0)]);
        array(seed, &[point(seed, &[3])], |x| own(x, |x| x[0].take(0, &[0, 1]), rule))
    }),
    ("running sum's gradient not reversed", |seed| {
        array(seed, &[point(seed, &[5])], |x| own(x, |x| x[0].cumsum(0), rule(|_, dy| vec![dy.cumsum(0)])))
    }),
    ("maximum's gradient to the first", |seed| {
        let rule = rule(|x, dy| vec![dy * Tensor::from([1.0, 0.0, 0.0, 0.0]) + 0.0 * x[0]]);
        let x = point(seed, &[4]) - Tensor::from([9.0, 0.0, 0.0, 0.0]);
        at(seed, x, |x| own(x, |x| x[0].max().into(), rule).sum())
    }),
    ("mean over the wrong count", |seed| {
        let rule = rule(|x, dy| vec![dy.unsqueeze(1).expand([3, 4]) / 3.0 + 0.0 * x[0]]);
        array(seed, &[point(seed, &[3, 4])], |x| own(x, |x| x[0].mean_axis(1), rule))
    }),
    ("variance as if of the other divisor", |seed| {
        let rule = rule(|x, dy| vec![dy * (x[0] - x[0].mean()) * 2.0 / 3.0]);
        at(seed, point(seed, &[4]), |x| own(x, |x| x[0].variance_axis(0), rule).sum())
    }),
    ("batched product summed over the batch", |seed| {
        let rule = rule(|x, dy| {
            let da = dy.matmul(x[1].t()).sum_axis(0).unsqueeze(0).expand([2, 3, 3]);
            vec![da, x[0].t().matmul(dy)]
        });
        array(seed, &[point(seed, &[2, 3, 3]), point(seed + 1, &[2, 3, 3])], |x| own(x, |x| x[0].matmul(&x[1]), rule))
    }),
    ("a broadcast column summed over the wrong axis", |seed| {
        let rule = rule(|_, dy| vec![dy, dy.sum_axis(0).reshape([3, 1])]);
        array(seed, &[point(seed, &[3, 3]), point(seed + 1, &[3, 1])], |x| own(x, |x| &x[0] + &x[1], rule))
    }),
    ("a convolution's kernel not flipped", |seed| {
        let value = |x: &[Tensor]| {
            Tensor::from_fn([4], |i| (0..3).map(|k| x[0].as_slice()[i[0] + k] * x[1].as_slice()[k]).sum())
        };
        let rule = rule(|x, dy| {
            // The gradient by the signal needs the kernel flipped.
            let padded = Var::concat(&[dy.slice(0, 0..2) * 0.0, dy, dy.slice(0, 0..2) * 0.0], 0);
            let dx = (0..3).map(|k| padded.slice(0, k..k + 6) * x[1].at(0, k)).reduce(|a, b| a + b).unwrap();
            let dk: Vec<_> = (0..3).map(|k| (x[0].slice(0, k..k + 4) * dy).sum().to_var()).collect();
            vec![dx, Var::stack(&dk, 0)]
        });
        array(seed, &[point(seed, &[6]), point(seed + 1, &[3])], |x| own(x, value, rule))
    }),
    ("a forgotten input", |seed| {
        let rule = rule(|x, dy| vec![dy * x[1], dy * 0.0]);
        array(seed, &[point(seed, &[3]), point(seed + 1, &[3])], |x| own(x, |x| &x[0] * &x[1], rule))
    }),
    ("one entry off by 1e-6", |seed| {
        let rule = rule(|x, dy| {
            let mut off = Tensor::zeros([3, 3]);
            off.as_mut_slice()[4] = 1e-6;
            vec![dy.matmul(x[1].t()) * (off + 1.0), x[0].t().matmul(dy)]
        });
        let x = matrices(seed);
        array(seed, &x, |x| own(x, |x| x[0].matmul(&x[1]), rule))
    }),
    ("a constant added to the gradient", |seed| {
        at(seed, point(seed, &[4]), |x| (x[0].map_gradient(|dy| dy + 1e-3) * 0.7).sum())
    }),
    ("clipped where it is large only", |seed| {
        at(seed, point(seed, &[4]), |x| {
            (x[0].map_gradient(|dy| dy.clamp(-100.0, 100.0)) * Tensor::from([1.0, 200.0, 1.0, 1.0])).sin().sum() * 1e3
        })
    }),
    ("normalised on the way back", |seed| {
        at(seed, point(seed, &[4]), |x| (x[0].map_gradient(|dy| dy / dy.norm()) * 3.0).sum())
    }),
    ("reversed on the way back", |seed| at(seed, point(seed, &[4]), |x| x[0].map_gradient(|dy| -dy).sinh().sum())),
    ("a rule on plain values, by a factor", |seed| {
        let rule = rule(|x, dy| vec![dy.tape().constant(dy.value() * x[0].value().cos() * 1.01)]);
        at(seed, point(seed, &[4]), |x| own(x, |x| x[0].sin(), rule).sum())
    }),
    ("a rule on plain values, deep", |seed| {
        let rule = rule(|x, dy| vec![dy.tape().constant(dy.value() * x[0].value().sin())]);
        at(seed, point(seed, &[4]), |x| (0..20).fold(own(x, |x| x[0].sin(), rule), |x, _| x.sigmoid()).sum())
    }),
    ("a second derivative's sign", |seed| {
        let rule = rule(|x, dy| vec![dy * (2.0 * x[0].detach().cos() - x[0].cos())]);
        twice(seed, point(seed, &[4]), |x| own(x, |x| x[0].sin(), rule).sum())
    }),
    ("a second derivative on plain values", |seed| {
        let rule = rule(|x, dy| vec![dy * x[0].value().cos()]);
        twice(seed, point(seed, &[4]), |x| own(x, |x| x[0].sin(), rule).sum())
    }),
    ("in f32, by a tenth", |seed| in_f32(seed, 1.1)),
    ("in f32, by a factor 2", |seed| in_f32(seed, 2.0)),
    ("in f32, the sign", |seed| in_f32(seed, -1.0)),
    ("in f32, not at all", |seed| in_f32(seed, 0.0)),
    ("a fused function, half detached", |seed| {
        at(seed, point(seed, &[4]), |x| (x[0].map(Swish) + x[0].detach().map(Swish)).sum())
    }),
    ("a checkpoint, half detached", |seed| {
        at(seed, point(seed, &[4]), |x| x[0].checkpoint(|x| (x * x.detach()).tanh()).sum())
    }),
    ("a forgotten parameter", |seed| {
        let (w, v) = (Param::new(point(seed, &[3])), Param::new(point(seed + 1, &[3])));
        let parameters = Parameters::new().with("w", &w).with("v", &v);
        Checker::new()
            .seed(seed)
            .check_parameters(&parameters, |tape| (w.on(tape) * v.on(tape).detach()).exp().sum())
            .unwrap()
    }),
];
