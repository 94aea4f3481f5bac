//! Sums of many `f32` keep their digits: in every reduction, along every axis, in every gradient of an operand that is stretched.
//!
//! In one running value a million tenths are off in the third digit, and seventeen million ones stand still.

use autograd::{Float, Tape, Tensor, Var, jacobian};

/// A quarter of a million rows. Sums are held against the same in `f64`.
const N: usize = 1 << 18;

/// About a tenth, the same in both types.
fn tenths<T: Float>(shape: &[usize]) -> Tensor<T> {
    let mut i = 0u32;
    Tensor::from_fn(shape.to_vec(), |_| {
        i = (i + 1) % 7;
        T::from_f64(f64::from(0.1f32 + 0.001 * i as f32))
    })
}

/// A block of 256, in a product of 4096, may lose some units in the last place.
#[track_caller]
fn close(found: &Tensor<f32>, exact: &Tensor<f64>, what: &str) {
    assert_eq!(found.shape(), exact.shape(), "{what}");
    for (&found, &exact) in found.as_slice().iter().zip(exact.as_slice()) {
        let off = (f64::from(found) - exact).abs() / exact.abs().max(1e-3);
        assert!(off < 1e-5, "{what}: {found}, exactly {exact}, off by {off:e}");
    }
}

/// Holds an expression of arrays of both types against each other.
macro_rules! both {
    ($what:expr, $($x:ident: $shape:expr),+ => $f:expr) => {{
        let single = { $(let $x = tenths::<f32>(&$shape);)+ $f };
        let double = { $(let $x = tenths::<f64>(&$shape);)+ $f };
        close(&single.into(), &double.into(), &format!("{} of {:?}", $what, [$($shape.to_vec()),+]));
    }};
}

/// Shapes, and the axes that are long in them.
const LONG: &[(&[usize], &[usize])] = &[
    (&[N], &[0]),
    (&[N, 1], &[0]),
    (&[N, 2], &[0]),
    (&[3, N], &[1]),
    (&[2, N / 2, 3], &[1]),
    (&[N / 8, 2, 16], &[0, 2]),
];

#[test]
fn reductions_along_every_axis() {
    for &(shape, axes) in LONG {
        both!("sum", x: shape => x.sum_axis(axes));
        both!("mean", x: shape => x.mean_axis(axes));
        both!("norm", x: shape => x.norm_axis(axes));
        both!("variance", x: shape => x.variance_axis(axes));
        both!("sample variance", x: shape => x.sample_variance_axis(axes));
        both!("std", x: shape => x.std_axis(axes));
        both!("logsumexp", x: shape => x.logsumexp_axis(axes));
        both!("sum of all", x: shape => Tensor::from([x.sum(), x.mean(), x.norm(), x.std()]));
        let axis = axes[0];
        both!("softmax", x: shape => x.softmax(axis) * N as f64);
        both!("log_softmax", x: shape => x.log_softmax(axis));
        both!("running sum", x: shape => x.cumsum(axis));
        // A constant column has neither mean error nor spread.
        let constant = Tensor::full(shape.to_vec(), 0.1f32);
        assert!(constant.mean_axis(axes).as_slice().iter().all(|mean| (mean - 0.1).abs() < 1e-6), "{shape:?}");
        assert!(constant.std_axis(axes).as_slice().iter().all(|&std| std < 1e-6), "{shape:?}");
    }
}

#[test]
fn products_of_long_rows_and_columns() {
    both!("dot", a: [N], b: [N] => a.dot(&b));
    both!("row by matrix", a: [1, N], b: [N, 3] => a.matmul(&b));
    both!("matrix by column", a: [3, N], b: [N] => a.matmul(&b));
    both!("transposed", a: [N, 3], b: [N, 2] => a.t().matmul(&b));
    both!("batches", a: [2, 3, N / 2], b: [2, N / 2, 2] => a.matmul(&b));
}

/// A function of an array and of an operand that is stretched to it.
type Stretched<T> = for<'t> fn(Var<'t, T>, Var<'t, T>) -> Var<'t, T>;

/// The gradient of the operand by the plain sweep, recorded, and by the tangent along all ones of the array's.
fn gradients<T: Float>(shape: &[usize], operand: &[usize], f: Stretched<T>) -> Tensor<T> {
    let tape = Tape::default();
    let (x, b) = (tape.constant(tenths(shape)), tape.var(tenths(operand)));
    let y = f(x, b).sum();
    let swept = y.backward()[b].clone();
    let recorded = y.grad(b);
    assert!(recorded.value() == swept, "recorded and swept");
    let tangent = y.to_var().jvp(&[(b, &Tensor::ones(operand.to_vec()))]);
    Tensor::concat(&[swept.flatten(), tangent.flatten()], 0)
}

#[test]
fn gradients_of_operands_that_are_stretched() {
    macro_rules! all {
        ($($what:literal: $f:expr),+ $(,)?) => {[$(($what, $f as Stretched<f32>, $f as Stretched<f64>)),+]};
    }
    let functions = all! {
        "a sum": |x, b| x + b,
        "a difference": |x, b| x - b,
        "a product": |x, b| x * b,
        "a quotient": |x, b| x / b,
        "its reverse": |x, b| b / x,
        "a power": |x, b| (x + 1.0).pow(b),
        "a maximum": |x, b| x.maximum(b),
        "a choice": |x, b| x.greater(0.1035).select(b, x),
        "a function of it": |x, b| (x + b).tanh(),
        "an expansion": |x, b| b.expand(x.shape()) * x,
    };
    let operands: [(&[usize], &[usize]); 7] = [
        (&[N], &[1]),
        (&[N, 2], &[2]),
        (&[N, 2], &[1, 2]),
        (&[2, N], &[2, 1]),
        (&[N / 2, 2, 3], &[2, 1]),
        (&[N / 32, 33], &[33]),
        (&[N / 8, 2, 5], &[1, 2, 1]),
    ];
    for (shape, operand) in operands {
        for (what, single, double) in functions {
            let (found, exact) = (gradients(shape, operand, single), gradients(shape, operand, double));
            close(&found, &exact, &format!("{what} of {shape:?} and {operand:?}"));
        }
    }
}

/// The gradients of a layer's bias and weights, of an index that is read again and again, of a scale of rows.
#[test]
fn gradients_of_parameters() {
    fn of<T: Float>(f: impl for<'t> Fn(Var<'t, T>) -> Var<'t, T>, shape: &[usize]) -> Tensor<T> {
        let tape = Tape::default();
        let w = tape.var(tenths(shape));
        let y = f(w).sum();
        let swept = y.backward()[w].clone();
        assert!(y.grad(w).value() == swept);
        swept
    }
    macro_rules! parameters {
        ($what:literal, $shape:expr, |$w:ident| $f:expr) => {
            close(&of::<f32>(|$w| $f, &$shape), &of::<f64>(|$w| $f, &$shape), $what);
        };
    }
    let (rows, classes) = (N / 2, vec![1; N / 2]);
    parameters!("bias", [3], |b| b.tape().constant(tenths(&[rows, 2])).dense(
        tenths(&[2, 3]),
        b,
        autograd::Unary::Tanh
    ));
    parameters!("weights", [2, 3], |w| b_free(w, rows));
    parameters!("cross-entropy's logits", [2], |w| w.expand([rows, 2]).cross_entropy(&classes));
    parameters!("one place", [3], |w| w.take(0, &classes));
    parameters!("one place of two", [3], |w| w.take(0, &classes) + w.sum());
    parameters!("scale of normalised rows", [2], |w| w.tape().constant(tenths(&[rows, 2])).normalize(1e-5).square()
        * w);
}

fn b_free<T: Float>(w: Var<'_, T>, rows: usize) -> Var<'_, T> {
    w.tape().constant(tenths(&[rows, 2])).matmul(w)
}

#[test]
fn ones_do_not_stand_still() {
    let n = 20_000_000;
    assert_eq!(Tensor::<f32>::ones([n, 2]).mean_axis(0).to_vec(), [1.0, 1.0]);
    assert_eq!(Tensor::<f32>::ones([n, 2]).std_axis(0).to_vec(), [0.0, 0.0]);
    assert_eq!(Tensor::<f32>::ones([n]).cumsum(0).as_slice()[n - 1], n as f32);
    let tape = Tape::<f32>::default();
    let (x, b) = (tape.constant(Tensor::ones([n, 1])), tape.var([0.0]));
    assert_eq!((x * b).sum().backward()[b].to_vec(), [n as f32]);
}

/// Every value weighs the same, whatever its block.
#[test]
fn slopes_of_long_reductions() {
    let x = tenths::<f32>(&[9000]);
    let slopes = jacobian(|x| x.sum().to_var(), &x);
    assert!(slopes.as_slice().iter().all(|&slope| slope == 1.0));
}

/// The product of two long vectors overflows, their cosine does not.
#[test]
fn cosines_of_long_vectors() {
    let c = Tensor::from([1e160, 1e160]).cosine_similarity(&Tensor::from([1e160, 0.0]), 0).item();
    assert!((c - 0.5f64.sqrt()).abs() < 1e-15, "{c}");
}
