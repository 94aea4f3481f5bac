//! From random numbers to a valid [`Program`].
//!
//! The strategy makes numbers that mean nothing by themselves; [`resolve`] reads them one step after another, choosing
//! among what fits the shapes and values so far. Any numbers make a program, so shrinking by removing and lowering them
//! stays valid. A step that fits nothing is left out.

use autograd::{Binary, Scatter, Tensor, Unary};
use proptest::collection::vec;
use proptest::prelude::*;

use super::program::{Call, Indices, Lengths, Method, Program, Widths};
use crate::sampling::arguments;

/// Arrays grow no further.
const LARGEST: usize = 48;
/// Values are scaled down beyond this.
const BOUND: f64 = 4.0;
/// The distance kept from kinks and ties.
const CLEAR: f64 = 0.03;

/// One step before it is resolved: what to do, with which arrays, and how.
#[derive(Debug, Clone)]
pub(super) struct Step {
    kind: usize,
    arrays: [usize; 3],
    knobs: [usize; 3],
}

#[derive(Debug, Clone)]
pub(super) struct Raw {
    /// The shape that all inputs broadcast to.
    shape: Vec<usize>,
    /// For each input: leading axes left out, which axes have length 1, and its values in sixteenths.
    inputs: Vec<(usize, u8, Vec<i8>)>,
    steps: Vec<Step>,
}

pub(super) fn programs() -> impl Strategy<Value = Raw> {
    let step = (0..kinds(), any::<[u8; 3]>(), any::<[u8; 3]>()).prop_map(|(kind, arrays, knobs)| Step {
        kind,
        arrays: arrays.map(usize::from),
        knobs: knobs.map(usize::from),
    });
    let input = (0..4usize, any::<u8>(), vec(-32..=32i8, 27));
    // One axis is left out, one stretched, with less chance than either stays.
    let input = input.prop_map(|(lead, ones, values)| (lead.saturating_sub(1), ones & (ones >> 3), values));
    (vec(1..=3usize, 0..=3), vec(input, 1..=3), vec(step, 1..=8)).prop_map(|(shape, inputs, steps)| Raw {
        shape,
        inputs,
        steps,
    })
}

fn kinds() -> usize {
    Unary::ROWS.len() + Binary::ROWS.len() + STRUCTURED
}

/// A program under construction, with the values so far.
struct Builder {
    calls: Vec<Call>,
    values: Vec<Tensor>,
}

pub(super) fn resolve(raw: &Raw) -> Program {
    let input = |(lead, ones, values): &(usize, u8, Vec<i8>)| {
        let axes = raw.shape.iter().enumerate().skip(*lead);
        let shape: Vec<usize> = axes.map(|(k, &n)| if ones >> k & 1 == 1 { 1 } else { n }).collect();
        let n = shape.iter().product();
        Tensor::new(shape, values[..n].iter().map(|&x| f64::from(x) / 16.0).collect())
    };
    let inputs: Vec<Tensor> = raw.inputs.iter().map(input).collect();
    let mut builder = Builder { calls: vec![], values: inputs.clone() };
    for step in &raw.steps {
        let (calls, values) = (builder.calls.len(), builder.values.len());
        if builder.step(step).and_then(|y| builder.bounded(y)).is_none() {
            builder.calls.truncate(calls);
            builder.values.truncate(values);
        }
    }
    Program { inputs, calls: builder.calls }
}

/// Where a branch is chosen by comparing two inputs.
fn compares(row: Binary) -> bool {
    row.is_flat() || matches!(row, Binary::Maximum | Binary::Minimum)
}

fn range(x: &Tensor) -> (f64, f64) {
    x.as_slice().iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), &x| (a.min(x), b.max(x)))
}

impl Builder {
    /// Appends a call, unless its result is too large or not finite.
    fn push(&mut self, call: Call) -> Option<usize> {
        let y = call.on_tensors(&self.values);
        let good = y.is_finite() && (1..=LARGEST).contains(&y.numel()) && y.shape().len() <= 4;
        good.then(|| {
            self.calls.push(call);
            self.values.push(y);
            self.values.len() - 1
        })
    }

    fn row(&mut self, row: Unary, number: f64, x: usize) -> Option<usize> {
        self.push(Call::Unary { row, args: [number, 0.0], x, scalar: false })
    }

    fn method(&mut self, x: usize, method: Method) -> Option<usize> {
        self.push(Call::Method(x, method))
    }

    fn shape(&self, x: usize) -> Vec<usize> {
        self.values[x].shape().to_vec()
    }

    /// The result halved until it is of ordinary size, so that differences mean something.
    fn bounded(&mut self, y: usize) -> Option<usize> {
        let largest = self.values[y].as_slice().iter().fold(0f64, |top, x| top.max(x.abs()));
        if largest <= BOUND { Some(y) } else { self.row(Unary::MulNumber, (BOUND / largest).log2().floor().exp2(), y) }
    }

    /// `x` scaled and shifted into the interval, if it is not inside.
    fn domain_of(&mut self, x: usize, (low, high): (f64, f64)) -> Option<usize> {
        let margin = 0.05 * (high - low);
        let (low, high) = (low + margin, high - margin);
        let (min, max) = range(&self.values[x]);
        if low <= min && max <= high {
            return Some(x);
        }
        let scale = ((high - low) / (max - min).max(1e-9)).log2().floor().exp2().min(1.0);
        let x = if scale < 1.0 { self.row(Unary::MulNumber, scale, x)? } else { x };
        let shift = 0.5 * (low + high) - 0.5 * scale * (min + max);
        self.row(Unary::AddNumber, (shift * 64.0).round() / 64.0, x)
    }

    /// `x` shifted a little so that none of `gaps(x)` is near 0; none if no small shift does it.
    fn clear(&mut self, x: usize, gaps: impl Fn(f64) -> f64) -> Option<usize> {
        let shifts = (0..80).map(|k| f64::from(if k % 2 == 0 { k / 2 } else { -(k + 1) / 2 }) / 32.0);
        let shift = shifts.into_iter().find(|&shift| gaps(shift) > CLEAR)?;
        if shift == 0.0 { Some(x) } else { self.row(Unary::AddNumber, shift, x) }
    }

    fn off_kinks(&mut self, x: usize, kinks: &[f64]) -> Option<usize> {
        let values = self.values[x].clone();
        let nearest = |shift: f64| {
            let distances = values.as_slice().iter().flat_map(|x| kinks.iter().map(move |k| (x + shift - k).abs()));
            distances.fold(f64::INFINITY, f64::min)
        };
        self.clear(x, nearest)
    }

    /// `a` shifted so that it nowhere comes near `b`.
    fn off(&mut self, a: usize, b: usize) -> Option<usize> {
        let differences = &self.values[a] - &self.values[b];
        self.clear(a, |shift| differences.as_slice().iter().fold(f64::INFINITY, |top, d| top.min((d + shift).abs())))
    }

    /// The first array from `start` on, in a circle, that `fits`.
    fn find(&self, start: usize, fits: impl Fn(&[usize]) -> bool) -> Option<usize> {
        let n = self.values.len();
        // From the latest back: chains grow deep, and 0 stands for the latest.
        (0..n).map(|k| n - 1 - (start + k) % n).find(|&x| fits(self.values[x].shape()))
    }

    fn of_rank(&self, start: usize, rank: usize) -> Option<usize> {
        self.find(start, |shape| shape.len() >= rank)
    }

    fn broadcasting(&self, start: usize, x: usize) -> Option<usize> {
        let shape = self.shape(x);
        let fits = |(a, b): (&usize, &usize)| a == b || *a == 1 || *b == 1;
        self.find(start, |other| shape.iter().rev().zip(other.iter().rev()).all(fits))
    }

    fn step(&mut self, step: &Step) -> Option<usize> {
        let (unary, binary) = (Unary::ROWS.len(), Binary::ROWS.len());
        match step.kind {
            k if k < unary => self.unary(k, step),
            k if k < unary + binary => self.binary(k - unary, step),
            k => self.structured(k - unary - binary, step.arrays, step.knobs),
        }
    }

    fn unary(&mut self, kind: usize, step: &Step) -> Option<usize> {
        let row = &Unary::ROWS[kind];
        let (args, kinks) = arguments(row.row, step.knobs[0]);
        let x = self.of_rank(step.arrays[0], 0)?;
        let x = self.domain_of(x, row.domains[0])?;
        let x = self.off_kinks(x, &kinks)?;
        let scalar = self.values[x].numel() == 1 && step.knobs[1] % 2 == 1;
        self.push(Call::Unary { row: row.row, args, x, scalar })
    }

    fn binary(&mut self, kind: usize, step: &Step) -> Option<usize> {
        let row = &Binary::ROWS[kind];
        let a = self.of_rank(step.arrays[0], 0)?;
        let b = self.broadcasting(step.arrays[1], a)?;
        let (a, b) = (self.domain_of(a, row.domains[0])?, self.domain_of(b, row.domains[1])?);
        let a = if compares(row.row) { self.off(a, b)? } else { a };
        let scalar = self.values[a].numel() == 1 && self.values[b].numel() == 1 && step.knobs[1] % 2 == 1;
        self.push(Call::Binary { row: row.row, a, b, scalar })
    }

    /// Whether the extreme along `axis` is clear of the others.
    fn no_ties(&self, x: usize, axis: usize, largest: bool) -> Option<()> {
        let x = if largest { self.values[x].clone() } else { -&self.values[x] };
        let (first, n) = (x.max_keep(axis), x.shape()[axis]);
        let near = (&first - &x).as_slice().iter().filter(|&&gap| gap <= CLEAR).count();
        (near * n == x.numel()).then_some(())
    }

    /// Whether no two values along `axis` come near each other.
    fn no_neighbours(&self, x: usize, axis: usize) -> Option<()> {
        let sorted = self.values[x].sort(axis);
        let n = sorted.shape()[axis];
        let gaps = sorted.slice(axis, 1..n) - sorted.slice(axis, 0..n - 1);
        gaps.as_slice().iter().all(|&gap| gap > CLEAR).then_some(())
    }

    /// Whether each extreme of what comes to a place is clear of the others.
    fn no_tied_places(&self, x: [usize; 2], axis: usize, at: &[usize], how: Scatter) -> Option<()> {
        let [x, values] = x.map(|x| &self.values[x]);
        let y = x.scatter(axis, at, values, how);
        let near = |gap: Tensor| gap.abs().less(CLEAR);
        let come = near(y.gather(axis, values.shape(), at) - values);
        let ties = near(&y - x).scatter(axis, at, &come, Scatter::Add);
        (ties == Tensor::ones(ties.shape())).then_some(())
    }

    /// Whether the slices along `axis` are clear of length 0.
    fn not_zero(&self, norms: &Tensor) -> Option<()> {
        norms.as_slice().iter().all(|&x| x > 0.1).then_some(())
    }

    fn structured(&mut self, kind: usize, arrays: [usize; 3], [p, q, r]: [usize; 3]) -> Option<usize> {
        let rank = match kind {
            22..=26 => 2,
            31.. => 0,
            _ => usize::from(kind >= 3),
        };
        let x = self.of_rank(arrays[0], rank)?;
        let shape = self.shape(x);
        let rank = shape.len();
        let axis = p % rank.max(1);
        let n = shape.get(axis).copied().unwrap_or(1);
        let rest = shape.iter().product::<usize>() / n;
        let index = |k: usize, n: usize| (q + k * (r + 1)) % n;
        let indices = |count: usize, n: usize| Indices((0..count).map(|k| index(k, n)).collect());
        let start = q % n;
        let method = match kind {
            0 => Method::SumAll { axes: 0..rank },
            1 => Method::Flatten {},
            2 => Method::Unsqueeze { axis: p % (rank + 1) },
            3 => Method::SumAxis { axis },
            4 => Method::SumKeep { axis },
            5 => Method::MeanAxis { axis },
            6 => Method::MeanKeep { axis },
            7 => Method::ProdAxis { axis },
            8 => self.no_ties(x, axis, true).map(|()| Method::MaxAxis { axis })?,
            9 => self.no_ties(x, axis, true).map(|()| Method::MaxKeep { axis })?,
            10 => self.no_ties(x, axis, false).map(|()| Method::MinAxis { axis })?,
            11 => Method::LogsumexpAxis { axis },
            12 => Method::LogsumexpKeep { axis },
            13 => self.not_zero(&self.values[x].norm_axis(axis)).map(|()| Method::NormAxis { axis })?,
            14 => Method::VarianceKeep { axis },
            15 => self.not_zero(&self.values[x].std_axis(axis)).map(|()| Method::StdAxis { axis })?,
            16 => Method::Slice { axis, range: start..start + 1 + r % (n - start) },
            17 => Method::SliceStep { axis, range: start..n, step: 1 + r % 2 },
            18 => Method::At { axis, index: start },
            19 => Method::Flip { axis },
            20 => Method::Cumsum { axis },
            21 => Method::Transpose { a: axis, b: q % rank },
            22 => Method::T {},
            23 => Method::Diagonal {},
            24 => Method::LowerTriangle { k: q as isize % 3 - 1 },
            25 => Method::UpperTriangle { k: q as isize % 3 - 1 },
            26 => {
                let x = if rank == 2 { x } else { self.find(arrays[0], |shape| shape.len() == 2)? };
                let shape = self.shape(x);
                return self.method(x, Method::CrossEntropy { classes: indices(shape[0], shape[1]) });
            }
            27 => Method::DiagonalMatrix {},
            28 => Method::Softmax { axis },
            29 => Method::LogSoftmax { axis },
            30 => Method::Take { axis, indices: indices(1 + r % 3, n) },
            31 if rank > 0 => Method::Pick { axis, indices: indices(rest, n) },
            32 if rank > 0 => Method::ScatterAdd { axis, indices: indices(n, 1 + r % 4), len: 1 + r % 4 },
            33 => Method::Permute { order: Indices((0..rank).map(|k| (k + q) % rank).collect()) },
            34 => Method::Expand { shape: Lengths([&[1 + q % 2][..], &shape].concat()) },
            35 => Method::Squeeze { axis: shape.iter().position(|&n| n == 1)? },
            36 => Method::Reshape { shape: Lengths(if q % 2 == 0 { vec![rest, n] } else { vec![n, 1, rest] }) },
            37 => Method::Pad { widths: Widths(vec![(q % 2, r % 2); rank]), value: 0.5 },
            49 if rank > 0 => Method::Normalize { eps: 0.1 },
            50..=55 if rank > 0 => {
                self.no_neighbours(x, axis)?;
                match kind {
                    50 => Method::Sort { axis },
                    51 => Method::SortDescending { axis },
                    52 => Method::MedianAxis { axis },
                    53 => Method::QuantileKeep { q: (q % 5) as f64 / 4.0, axis },
                    54 => Method::Cummax { axis },
                    _ => Method::Cummin { axis },
                }
            }
            56 if rank > 0 => {
                let mut to = shape.clone();
                to[axis] = 1 + r % 3;
                Method::Gather { axis, indices: indices(rest * to[axis], n), shape: Lengths(to) }
            }
            57 | 58 if rank > 0 => {
                let values = self.find(arrays[1], |other| other == shape)?;
                let at = indices(rest * n, n);
                let how = match kind {
                    57 => [Scatter::Set, Scatter::Add, Scatter::Mean][r % 3],
                    _ => [Scatter::Max, Scatter::Min][p % 2],
                };
                if kind == 58 {
                    self.no_tied_places([x, values], axis, &at.0, how)?;
                }
                return self.push(Call::Scatter([x, values], axis, at, how));
            }
            59 if rank > 0 => Method::Roll { by: q as isize % 5 - 2, axis },
            60 if rank > 0 => Method::Shift { by: q as isize % 5 - 2, axis },
            61..=64 => return self.linear_algebra(arrays, q),
            65 => return self.spectrum(arrays, q),
            66 if rank > 0 => Method::Logcumsumexp { axis },
            67 => {
                // The weights are at most as long as the signal.
                let numel = rest * n;
                let w = self.find(arrays[1], |other| (1..=numel).contains(&other.iter().product()))?;
                return self.push(Call::Convolve(x, w, q % 2 == 1));
            }
            _ => return self.joined(kind, x, arrays, [p, q, r]),
        };
        self.method(x, method)
    }

    /// Of the exponential of a symmetric matrix, which is positive definite.
    fn linear_algebra(&mut self, arrays: [usize; 3], q: usize) -> Option<usize> {
        let x = self.find(arrays[0], |shape| shape.len() == 2)?;
        let turned = self.method(x, Method::T {})?;
        let square = self.push(Call::Matmul(x, turned))?;
        let small = self.domain_of(square, (-0.5, 0.5))?;
        let p = self.method(small, Method::MatrixExp {})?;
        let n = self.shape(p)[0];
        let right = self.find(arrays[1], |shape| shape.len() < 3 && shape.first() == Some(&n));
        match (q % 8, right) {
            (0, Some(b)) => self.push(Call::Solve(p, b)),
            (1, Some(b)) => self.push(Call::SolveLower(p, b)),
            (2, _) => self.method(p, Method::Inverse {}),
            (3, _) => self.method(p, Method::Det {}),
            (4, _) => self.push(Call::LogDet(p)),
            (5, _) => self.method(p, Method::Trace {}),
            (6, _) => self.push(Call::OfFactors(p)),
            _ => self.method(p, Method::Cholesky {}),
        }
    }

    /// Of a matrix whose singular values, or those of the symmetric matrix `x·xᵀ`, lie apart, and not at 0.
    fn spectrum(&mut self, arrays: [usize; 3], q: usize) -> Option<usize> {
        let x = self.find(arrays[0], |shape| shape.len() == 2)?;
        let x = match q % 3 {
            0 => {
                let turned = self.method(x, Method::T {})?;
                self.push(Call::Matmul(x, turned))?
            }
            _ => x,
        };
        let mut values = self.values[x].svdvals().to_vec();
        values.push(0.0);
        if values.windows(2).any(|s| s[0] - s[1] < 0.2) {
            return None;
        }
        match q % 3 {
            0 => self.push(Call::OfEigen(x)),
            1 => self.push(Call::OfSingular(x)),
            _ => self.method(x, Method::Pinv {}),
        }
    }

    /// Calls of several arrays.
    fn joined(&mut self, kind: usize, x: usize, arrays: [usize; 3], [p, _, r]: [usize; 3]) -> Option<usize> {
        match kind {
            38 => {
                let a = self.of_rank(arrays[0], 1)?;
                let inner = *self.shape(a).last()?;
                let rows = |shape: &[usize]| {
                    shape.len() < 3 && shape.iter().rev().nth(usize::from(shape.len() > 1)) == Some(&inner)
                };
                match self.find(arrays[1], rows) {
                    Some(b) => self.push(Call::Matmul(a, b)),
                    None if self.shape(a).len() == 1 => self.push(Call::Matmul(a, a)),
                    None => {
                        let b = self.method(a, Method::T {})?;
                        self.push(Call::Matmul(a, b))
                    }
                }
            }
            39 | 40 => {
                let a = self.find(arrays[0], |shape| shape.len() == 1)?;
                let n = self.shape(a);
                let b = self.find(arrays[1], |shape| shape.len() == 1 && (kind == 40 || shape == n))?;
                self.push(if kind == 39 { Call::Dot(a, b) } else { Call::Outer(a, b) })
            }
            41 => {
                let w = self.find(arrays[0], |shape| shape.len() == 2)?;
                let shape = self.shape(w);
                let x = match self.find(arrays[1], |x| x.len() > 1 && x.last() == Some(&shape[0])) {
                    Some(x) => x,
                    None => self.method(w, Method::T {})?,
                };
                let b = match self.find(arrays[2], |b| b == &shape[1..]) {
                    Some(b) => b,
                    None => self.method(w, Method::SumAxis { axis: 0 })?,
                };
                let p = self.push(Call::Affine([x, w, b]))?;
                let row = [Unary::Tanh, Unary::Sigmoid, Unary::Relu].get(r % 4);
                match row {
                    // The rectifier's kink is within; only arrays can be moved off theirs.
                    Some(Unary::Relu) if self.off_kinks(p, &[0.0]) != Some(p) => Some(p),
                    Some(&row) => self.push(Call::Dense([x, w, b], row)),
                    None => Some(p),
                }
            }
            42 => {
                let a = self.broadcasting(arrays[1], x)?;
                let b = self.broadcasting(arrays[2], x)?;
                let whole = self.broadcasting(arrays[2], a).filter(|&c| c == b)?;
                let y = self.off_kinks(x, &[0.0])?;
                let mask = self.push(Call::Unary { row: Unary::Step, args: [0.0; 2], x: y, scalar: false })?;
                self.push(Call::Select([mask, a, whole]))
            }
            43 => {
                let x = self.find(arrays[0], |shape| shape.len() == 2)?;
                let shape = self.shape(x);
                let p = self.find(arrays[1], |other| other == shape)?;
                let p = self.method(p, Method::Softmax { axis: 1 })?;
                self.push(Call::CrossEntropySoft(x, p))
            }
            44 => {
                let b = self.of_rank(arrays[1], 0)?;
                self.push(Call::TimesMean(x, b))
            }
            45 | 46 => {
                let shape = self.shape(x);
                let y = self.find(arrays[1], |other| other == shape)?;
                let axis = p % (shape.len() + usize::from(kind == 46)).max(1);
                let parts = if r % 4 == 3 { vec![x, y, x] } else { vec![x, y] };
                let joinable = kind == 46 || !shape.is_empty();
                joinable
                    .then_some(if kind == 45 { Call::Concat(parts, axis) } else { Call::Stack(parts, axis) })
                    .and_then(|call| self.push(call))
            }
            47 => self.push(Call::Bump(x)),
            48 => {
                let b = self.broadcasting(arrays[1], x)?;
                self.push(Call::Blend(x, b))
            }
            _ => None,
        }
    }
}

/// How many structured calls [`Builder::structured`] numbers.
const STRUCTURED: usize = 68;
