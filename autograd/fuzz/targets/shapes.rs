//! Each method on arrays of random shapes, also of lengths beyond any memory: recorded and plain ones give the same values, or the same
//! refusal with words at the caller's line.

#![no_main]

use autograd::{Scatter, Shape, Tape, Tensor, Unary, Var};
use autograd_fuzz::{Bytes, fail, refused_with_words};
use libfuzzer_sys::fuzz_target;

fn lengths(bytes: &mut Bytes<'_>, most: usize) -> Vec<usize> {
    (0..bytes.below(most + 1)).map(|_| bytes.length()).collect()
}

fn indices(bytes: &mut Bytes<'_>) -> Vec<usize> {
    (0..bytes.below(5)).map(|_| bytes.below(6)).collect()
}

/// An array of few values; its lengths may be anything if one is 0.
fn array(bytes: &mut Bytes<'_>) -> Tensor {
    let mut lengths = lengths(bytes, 4);
    if !lengths.contains(&0) {
        lengths.iter_mut().for_each(|len| *len = (*len).min(5));
    }
    let n = Shape::from(&lengths[..]).numel();
    Tensor::new(&lengths[..], (0..n).map(|_| bytes.below(9) as f64 * 0.25 - 1.0).collect())
}

fn same(a: &Tensor, b: &Tensor) -> bool {
    let close = |(a, b): (&f64, &f64)| a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-12 * a.abs().max(1.0);
    a.shape() == b.shape() && a.as_slice().iter().zip(b.as_slice()).all(close)
}

/// A method of both kinds of arrays: its values agree, and its gradients are of the shape of `x`.
macro_rules! both {
    ($x:expr, $($method:ident($($arg:expr),*))*) => {
        vec![$((stringify!($method), {
            let x: &Tensor = &$x;
            let plain = refused_with_words(stringify!($method), || x.$method($($arg),*));
            let tape = Tape::new();
            let v = tape.var(x);
            let recorded = refused_with_words(stringify!($method), || v.$method($($arg),*).value());
            match (&plain, &recorded) {
                (Some(plain), Some(recorded)) if same(plain, recorded) => {}
                (None, None) => {}
                _ => fail(&format!("{} of {x:?}: {plain:?} and {recorded:?}", stringify!($method))),
            }
            if plain.is_some() {
                gradients(stringify!($method), x, v, v.$method($($arg),*));
            }
        })),*]
    };
}

fn gradients<'t>(name: &str, x: &Tensor, v: Var<'t>, y: Var<'t>) {
    let (plain, recorded) = (y.sum().backward()[v].clone(), y.sum().grad(v).value());
    let forward = y.jvp(&[(v, &Tensor::ones(x.shape()))]);
    if !same(&plain, &recorded) || forward.shape() != &y.shape() {
        fail(&format!("{name} of {x:?}: gradients {plain:?} and {recorded:?}, tangent {forward:?}"));
    }
}

fuzz_target!(|data: &[u8]| {
    let mut bytes = Bytes(data);
    let (x, y, z) = (array(&mut bytes), array(&mut bytes), array(&mut bytes));
    let (axis, other, k) = (bytes.below(6), bytes.below(6), bytes.length());
    let (shape, list) = (lengths(&mut bytes, 4), indices(&mut bytes));
    let (start, end) = (bytes.below(6), bytes.below(6));
    let widths: Vec<_> = (0..bytes.below(5)).map(|_| (bytes.length(), bytes.length())).collect();
    // What would only be large is left to the laws: memory is the fuzzer's.
    let small = |lengths: &[usize]| lengths.iter().fold(1usize, |n, &len| n.saturating_mul(len)) < 1 << 12;
    let done = both!(x,
        flatten() t() transpose(axis, other) permute(&list) squeeze(axis) unsqueeze(axis) flip(axis)
        slice(axis, start..end) slice_step(axis, start..end, k) at(axis, other) diagonal() lower_triangle(start as isize - 2)
        upper_triangle(isize::MIN) take(axis, &list) pick(axis, &list) cumsum(axis) logcumsumexp(axis) softmax(axis) log_softmax(axis)
        normalize(1e-3) cross_entropy(&list) sum_axis(axis) mean_axis(&list[..]) prod_axis(axis) max_axis(axis) min_keep(axis)
        logsumexp_axis(&list[..]) norm_keep(axis) variance_axis(axis) std_keep(&list[..]) sample_variance_axis(axis)
        sort(axis) sort_descending(axis) cummax(axis) cummin(axis) median_axis(axis) quantile_keep(0.3, &list[..])
        quantiles(&[0.0, 0.7], axis) masked_fill(&y, 0.5) masked_select(&y) put(axis, &list, &y)
        scatter(axis, &list, &y, Scatter::Set) scatter(axis, &list, &y, Scatter::Max) scatter(axis, &list, &y, Scatter::Mean)
        eigvalsh() svdvals() schatten_norm(3.0) pinv() matrix_power(3) renorm(2.0, axis, 0.5) cross(&y, axis)
        tanh() square() plus(&y) times(&y) less(&y) matmul(&y) dot(&y) select(&y, &z) affine(&y, &z) dense(&y, &z, Unary::Relu)
    );
    assert!(!done.is_empty());
    if small(&shape) || shape.iter().any(|&len| len > 6) {
        both!(x, reshape(&shape[..]) expand(&shape[..]));
    }
    if k < 6 || k > 1 << 40 {
        both!(x, scatter_add(axis, &list, k));
    }
    if widths.iter().all(|&(a, b)| a < 6 && b < 6) {
        both!(x, pad(&widths, 0.5));
    }
    if x.numel() < 64 {
        both!(x, diagonal_matrix() outer(&y) vander(3));
    }
    let tape = Tape::new();
    let [u, v] = [&x, &y].map(|x| tape.var(x));
    for axis in [axis, 0] {
        let joined = refused_with_words("concat", || Var::concat(&[u, v, u], axis).value());
        let plain = refused_with_words("concat", || Tensor::concat(&[x.clone(), y.clone(), x.clone()], axis));
        if joined != plain {
            fail(&format!("concat of {x:?} and {y:?}: {joined:?} and {plain:?}"));
        }
        refused_with_words("stack", || Var::stack(&[u, v], axis));
        refused_with_words("split", || u.split(axis, &list));
    }
});
