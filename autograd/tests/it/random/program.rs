//! [`Program`]: straight-line code over arrays as a value, with three readings: on a tape, on plain tensors, and as Rust.

use std::ops::Range;

use autograd::{Binary, Conv, Float, Scalar, Scatter, Tensor, Unary, Var};

use crate::sampling::takes_an_order;

include!("fused.rs");
include!("loss.rs");

/// Inputs, then calls, each of which adds an array that later ones may use.
#[derive(Clone)]
pub(super) struct Program {
    pub(super) inputs: Vec<Tensor>,
    pub(super) calls: Vec<Call>,
}

/// A call with everything decided; arrays are named by their number: inputs first, then results in order.
#[derive(Clone)]
pub(super) enum Call {
    /// A row of one input; on a scalar handle if `scalar`.
    Unary {
        row: Unary,
        args: [f64; 2],
        x: usize,
        scalar: bool,
    },
    /// A row of two inputs; on scalar handles if `scalar`.
    Binary {
        row: Binary,
        a: usize,
        b: usize,
        scalar: bool,
    },
    /// A method of one array and plain arguments.
    Method(usize, Method),
    Matmul(usize, usize),
    Dot(usize, usize),
    Outer(usize, usize),
    Affine([usize; 3]),
    Dense([usize; 3], Unary),
    Select([usize; 3]),
    CrossEntropySoft(usize, usize),
    /// An array, values that are brought to it along an axis, and where.
    Scatter([usize; 2], usize, Indices, Scatter),
    /// An array times the mean of another, which is a scalar handle.
    TimesMean(usize, usize),
    Concat(Vec<usize>, usize),
    Stack(Vec<usize>, usize),
    Solve(usize, usize),
    /// One array as a signal, another as weights: 0 for the convolution, 1 for the transposed one.
    Convolve(usize, usize, bool),
    SolveLower(usize, usize),
    /// The logarithm of a determinant's magnitude.
    LogDet(usize),
    /// The sum of the orthogonal and the triangular factor.
    OfFactors(usize),
    /// What eigenvectors weigh with their values: their squares, which no sign turns.
    OfEigen(usize),
    /// The same of singular vectors on both sides.
    OfSingular(usize),
    /// A fused function of one array, of two.
    Bump(usize),
    Blend(usize, usize),
}

/// Indices or axes, which a method takes as a slice.
#[derive(Clone)]
pub(super) struct Indices(pub(super) Vec<usize>);

/// A shape.
#[derive(Clone)]
pub(super) struct Lengths(pub(super) Vec<usize>);

/// A number before and a number after along each axis.
#[derive(Clone)]
pub(super) struct Widths(pub(super) Vec<(usize, usize)>);

/// A plain argument: how a method receives it, and how it is written.
trait Argument {
    type Passed<'a>
    where
        Self: 'a;
    fn pass(&self) -> Self::Passed<'_>;
    fn text(&self) -> String;
}

macro_rules! arguments {
    ($($T:ty, $Passed:ty, $x:ident => $pass:expr, $text:expr;)*) => { $(
        impl Argument for $T {
            type Passed<'a> = $Passed;
            fn pass(&self) -> Self::Passed<'_> { let $x = self; $pass }
            fn text(&self) -> String { let $x = self; $text }
        }
    )* };
}
arguments! {
    usize, usize, x => *x, x.to_string();
    isize, isize, x => *x, x.to_string();
    f64, f64, x => *x, format!("{x:?}");
    Range<usize>, Range<usize>, x => x.clone(), format!("{x:?}");
    Indices, &'a [usize], x => &x.0, format!("&{:?}", x.0);
    Lengths, &'a [usize], x => &x.0, format!("{:?}", x.0);
    Widths, &'a [(usize, usize)], x => &x.0, format!("&{:?}", x.0);
}

macro_rules! define_methods {
    ($($Variant:ident $method:ident($($arg:ident: $T:ty),*);)*) => {
        /// A method of one array and plain arguments.
        #[derive(Clone)]
        pub(super) enum Method { $($Variant { $($arg: $T),* },)* }

        impl Method {
            fn on_tape<'t, T: Float>(&self, x: Var<'t, T>) -> Var<'t, T> {
                match self { $(Method::$Variant { $($arg),* } => x.$method($($arg.pass()),*),)* }
            }

            fn on_tensor<T: Float>(&self, x: &Tensor<T>) -> Tensor<T> {
                match self { $(Method::$Variant { $($arg),* } => x.$method($($arg.pass()),*),)* }
            }

            fn text(&self) -> String {
                match self { $(Method::$Variant { $($arg),* } => {
                    let arguments: &[String] = &[$($arg.text()),*];
                    format!("{}({})", stringify!($method), arguments.join(", "))
                })* }
            }
        }
    };
}
define_methods! {
    SumAxis sum_axis(axis: usize);
    SumKeep sum_keep(axis: usize);
    SumAll sum_axis(axes: Range<usize>);
    MeanAxis mean_axis(axis: usize);
    MeanKeep mean_keep(axis: usize);
    ProdAxis prod_axis(axis: usize);
    MaxAxis max_axis(axis: usize);
    MaxKeep max_keep(axis: usize);
    MinAxis min_axis(axis: usize);
    LogsumexpAxis logsumexp_axis(axis: usize);
    LogsumexpKeep logsumexp_keep(axis: usize);
    NormAxis norm_axis(axis: usize);
    VarianceKeep variance_keep(axis: usize);
    StdAxis std_axis(axis: usize);
    Reshape reshape(shape: Lengths);
    Flatten flatten();
    T t();
    Transpose transpose(a: usize, b: usize);
    Permute permute(order: Indices);
    Expand expand(shape: Lengths);
    Squeeze squeeze(axis: usize);
    Unsqueeze unsqueeze(axis: usize);
    Slice slice(axis: usize, range: Range<usize>);
    SliceStep slice_step(axis: usize, range: Range<usize>, step: usize);
    At at(axis: usize, index: usize);
    Flip flip(axis: usize);
    Pad pad(widths: Widths, value: f64);
    Diagonal diagonal();
    DiagonalMatrix diagonal_matrix();
    LowerTriangle lower_triangle(k: isize);
    UpperTriangle upper_triangle(k: isize);
    Take take(axis: usize, indices: Indices);
    Pick pick(axis: usize, indices: Indices);
    ScatterAdd scatter_add(axis: usize, indices: Indices, len: usize);
    Cumsum cumsum(axis: usize);
    Logcumsumexp logcumsumexp(axis: usize);
    Pinv pinv();
    Roll roll(by: isize, axis: usize);
    Shift shift(by: isize, axis: usize);
    MatrixExp matrix_exp();
    Cholesky cholesky();
    Inverse inverse();
    Det det();
    Trace trace();
    Softmax softmax(axis: usize);
    LogSoftmax log_softmax(axis: usize);
    Normalize normalize(eps: f64);
    CrossEntropy cross_entropy(classes: Indices);
    Sort sort(axis: usize);
    SortDescending sort_descending(axis: usize);
    MedianAxis median_axis(axis: usize);
    QuantileKeep quantile_keep(q: f64, axis: usize);
    Cummax cummax(axis: usize);
    Cummin cummin(axis: usize);
    Gather gather(axis: usize, shape: Lengths, indices: Indices);
}

/// A binary formula of plain tensors, number by number: a reading that shares no kernel with the tape.
fn zip<T: Float>(a: &Tensor<T>, b: &Tensor<T>, f: impl Fn(T, T) -> T) -> Tensor<T> {
    // Only the shape of the sum is wanted.
    let shape = (a + b).shape().clone();
    let (a, b) = (a.expand(shape.clone()), b.expand(shape.clone()));
    Tensor::new(shape, a.as_slice().iter().zip(b.as_slice()).map(|(&a, &b)| f(a, b)).collect())
}

impl Call {
    /// The numbers of the arrays that it reads.
    pub(super) fn reads(&self) -> Vec<usize> {
        match self {
            Call::Unary { x, .. } | Call::Method(x, _) | Call::Bump(x) | Call::LogDet(x) => vec![*x],
            Call::OfFactors(x) | Call::OfEigen(x) | Call::OfSingular(x) => vec![*x],
            Call::Binary { a, b, .. } => vec![*a, *b],
            Call::Matmul(a, b) | Call::Dot(a, b) | Call::Outer(a, b) => vec![*a, *b],
            Call::Solve(a, b) | Call::SolveLower(a, b) | Call::Convolve(a, b, _) => vec![*a, *b],
            Call::Scatter(x, ..) => x.to_vec(),
            Call::CrossEntropySoft(a, b) | Call::TimesMean(a, b) | Call::Blend(a, b) => vec![*a, *b],
            Call::Affine(x) | Call::Dense(x, _) | Call::Select(x) => x.to_vec(),
            Call::Concat(x, _) | Call::Stack(x, _) => x.clone(),
        }
    }

    fn on_tape<'t, T: Float>(&self, v: &[Var<'t, T>]) -> Var<'t, T> {
        match *self {
            Call::Unary { row, args, x, scalar: false } => v[x].unary(row, args),
            Call::Unary { row, args, x, scalar: true } => v[x].item().unary(row, args).to_var(),
            Call::Binary { row, a, b, scalar: false } => v[a].binary(row, v[b]),
            Call::Binary { row, a, b, scalar: true } => v[a].item().binary(row, v[b].item()).to_var(),
            Call::Method(x, ref method) => method.on_tape(v[x]),
            Call::Matmul(a, b) => v[a].matmul(v[b]),
            Call::Dot(a, b) => v[a].dot(v[b]),
            Call::Outer(a, b) => v[a].outer(v[b]),
            Call::Affine([x, w, b]) => v[x].affine(v[w], v[b]),
            Call::Dense([x, w, b], row) => v[x].dense(v[w], v[b], row),
            Call::Select([mask, a, b]) => v[mask].select(v[a], v[b]),
            Call::CrossEntropySoft(x, p) => v[x].cross_entropy_soft(v[p]),
            Call::Scatter([x, values], axis, ref at, how) => v[x].scatter(axis, at.pass(), v[values], how),
            Call::TimesMean(a, b) => v[a] * v[b].mean(),
            Call::Concat(ref x, axis) => Var::concat(&x.iter().map(|&x| v[x]).collect::<Vec<_>>(), axis),
            Call::Stack(ref x, axis) => Var::stack(&x.iter().map(|&x| v[x]).collect::<Vec<_>>(), axis),
            Call::Solve(a, b) => v[a].solve(v[b]),
            Call::Convolve(a, b, transposed) => {
                let [x, w] = [a, b].map(|k| v[k].reshape([1, 1, v[k].shape().numel()]));
                if transposed { x.conv_transpose1d(w, &Conv::new()) } else { x.conv1d(w, &Conv::new()) }
            }
            Call::SolveLower(a, b) => v[a].solve_lower(v[b]),
            Call::LogDet(x) => v[x].slogdet().1,
            Call::OfFactors(x) => v[x].qr().0 + v[x].qr().1,
            Call::OfEigen(x) => {
                let (w, v) = v[x].eigh();
                v.square() * w
            }
            Call::OfSingular(x) => {
                let (u, s, vt) = v[x].svd();
                (u.square() * s).matmul(vt.square())
            }
            Call::Bump(x) => v[x].map(Bump),
            Call::Blend(a, b) => Var::zip_map([v[a], v[b]], Blend),
        }
    }

    pub(super) fn on_tensors<T: Float>(&self, v: &[Tensor<T>]) -> Tensor<T> {
        match *self {
            Call::Unary { row, args, x, scalar } => {
                let y = v[x].map(|x| x.unary(row, args));
                if scalar { y.reshape([]) } else { y }
            }
            Call::Binary { row, a, b, scalar } => {
                let y = zip(&v[a], &v[b], |a, b| a.binary(row, b));
                if scalar { y.reshape([]) } else { y }
            }
            Call::Method(x, ref method) => method.on_tensor(&v[x]),
            Call::Matmul(a, b) => v[a].matmul(&v[b]),
            Call::Dot(a, b) => v[a].dot(&v[b]),
            Call::Outer(a, b) => v[a].outer(&v[b]),
            Call::Affine([x, w, b]) => v[x].affine(&v[w], &v[b]),
            Call::Dense([x, w, b], row) => v[x].dense(&v[w], &v[b], row),
            Call::Select([mask, a, b]) => v[mask].select(&v[a], &v[b]),
            Call::CrossEntropySoft(x, p) => v[x].cross_entropy_soft(&v[p]),
            Call::Scatter([x, values], axis, ref at, how) => v[x].scatter(axis, at.pass(), &v[values], how),
            Call::TimesMean(a, b) => &v[a] * v[b].mean().to_f64(),
            Call::Concat(ref x, axis) => Tensor::concat(&x.iter().map(|&x| v[x].clone()).collect::<Vec<_>>(), axis),
            Call::Stack(ref x, axis) => Tensor::stack(&x.iter().map(|&x| v[x].clone()).collect::<Vec<_>>(), axis),
            Call::Solve(a, b) => v[a].solve(&v[b]),
            Call::Convolve(a, b, transposed) => {
                let [x, w] = [a, b].map(|k| v[k].reshape([1, 1, v[k].numel()]));
                if transposed { x.conv_transpose1d(&w, &Conv::new()) } else { x.conv1d(&w, &Conv::new()) }
            }
            Call::SolveLower(a, b) => v[a].solve_lower(&v[b]),
            Call::LogDet(x) => v[x].slogdet().1,
            Call::OfFactors(x) => &v[x].qr().0 + &v[x].qr().1,
            Call::OfEigen(x) => {
                let (w, v) = v[x].eigh();
                v.square() * w
            }
            Call::OfSingular(x) => {
                let (u, s, vt) = v[x].svd();
                (u.square() * s).matmul(&vt.square())
            }
            Call::Bump(x) => v[x].map(|x| Elementwise::f(Bump, x)),
            Call::Blend(a, b) => zip(&v[a], &v[b], |a, b| ElementwiseN::f(Blend, [a, b])),
        }
    }

    /// The call as Rust, over variables `v0, v1, …`.
    pub(super) fn text(&self) -> String {
        let list = |x: &[usize]| x.iter().map(|x| format!("v{x}")).collect::<Vec<_>>().join(", ");
        match *self {
            Call::Unary { row, args, x, scalar } => {
                let row = &Unary::ROWS[row as usize];
                let whole = row.row == Unary::Powi || takes_an_order(row.row);
                let number = |x: f64| if whole { format!("{x:.0}") } else { format!("{x:?}") };
                let args = args[..row.arguments].iter().map(|&x| number(x)).collect::<Vec<_>>().join(", ");
                if scalar {
                    format!("v{x}.item().{}({args}).to_var()", row.name)
                } else {
                    format!("v{x}.{}({args})", row.name)
                }
            }
            Call::Binary { row, a, b, scalar: false } => format!("v{a}.{}(v{b})", row.name()),
            Call::Binary { row, a, b, scalar: true } => format!("v{a}.item().{}(v{b}.item()).to_var()", row.name()),
            Call::Method(x, ref method) => format!("v{x}.{}", method.text()),
            Call::Matmul(a, b) => format!("v{a}.matmul(v{b})"),
            Call::Dot(a, b) => format!("v{a}.dot(v{b})"),
            Call::Outer(a, b) => format!("v{a}.outer(v{b})"),
            Call::Affine([x, w, b]) => format!("v{x}.affine(v{w}, v{b})"),
            Call::Dense([x, w, b], row) => format!("v{x}.dense(v{w}, v{b}, Unary::{row:?})"),
            Call::Select([mask, a, b]) => format!("v{mask}.select(v{a}, v{b})"),
            Call::CrossEntropySoft(x, p) => format!("v{x}.cross_entropy_soft(v{p})"),
            Call::Scatter([x, values], axis, ref at, how) => {
                format!("v{x}.scatter({axis}, {}, v{values}, Scatter::{how:?})", at.text())
            }
            Call::TimesMean(a, b) => format!("v{a} * v{b}.mean()"),
            Call::Concat(ref x, axis) => format!("Var::concat(&[{}], {axis})", list(x)),
            Call::Stack(ref x, axis) => format!("Var::stack(&[{}], {axis})", list(x)),
            Call::Solve(a, b) => format!("v{a}.solve(v{b})"),
            Call::Convolve(a, b, transposed) => {
                let name = if transposed { "conv_transpose1d" } else { "conv1d" };
                let signal = |k: usize| format!("v{k}.reshape([1, 1, v{k}.shape().numel()])");
                format!("{}.{name}({}, &Conv::new())", signal(a), signal(b))
            }
            Call::SolveLower(a, b) => format!("v{a}.solve_lower(v{b})"),
            Call::LogDet(x) => format!("v{x}.slogdet().1"),
            Call::OfFactors(x) => format!("v{x}.qr().0 + v{x}.qr().1"),
            Call::OfEigen(x) => format!("v{x}.eigh().1.square() * v{x}.eigh().0"),
            Call::OfSingular(x) => {
                format!("(v{x}.svd().0.square() * v{x}.svd().1).matmul(v{x}.svd().2.square())")
            }
            Call::Bump(x) => format!("v{x}.map(Bump)"),
            Call::Blend(a, b) => format!("Var::zip_map([v{a}, v{b}], Blend)"),
        }
    }
}

impl Program {
    /// The numbers of the results: what no call reads.
    pub(super) fn outputs(&self) -> Vec<usize> {
        let read: Vec<usize> = self.calls.iter().flat_map(Call::reads).collect();
        (0..self.inputs.len() + self.calls.len()).filter(|x| !read.contains(x)).collect()
    }

    pub(super) fn on_tape<'t, T: Float>(&self, x: &[Var<'t, T>]) -> Vec<Var<'t, T>> {
        self.on_tape_with(x, |x| x)
    }

    /// With `after` applied to the result of each call.
    pub(super) fn on_tape_with<'t, T: Float>(
        &self,
        x: &[Var<'t, T>],
        mut after: impl FnMut(Var<'t, T>) -> Var<'t, T>,
    ) -> Vec<Var<'t, T>> {
        let mut v = x.to_vec();
        for call in &self.calls {
            v.push(after(call.on_tape(&v)));
        }
        self.outputs().into_iter().map(|y| v[y]).collect()
    }

    pub(super) fn on_tensors<T: Float>(&self) -> Vec<Tensor<T>> {
        let mut v: Vec<Tensor<T>> = self.inputs.iter().map(Tensor::cast).collect();
        for call in &self.calls {
            v.push(call.on_tensors(&v));
        }
        self.outputs().into_iter().map(|y| v[y].clone()).collect()
    }
}
