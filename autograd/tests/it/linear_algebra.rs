//! Linear algebra beside PyTorch's figures (`tests/data/linear_algebra.py` makes them), and what matrices are refused.

use autograd::{Tape, Tensor, Var};
use serde_json::Value;

fn numbers(case: &Value, key: &str) -> Option<Vec<f64>> {
    Some(case[key].as_array()?.iter().map(|x| x.as_f64().unwrap()).collect())
}

fn array(case: &Value, key: &str, which: usize) -> Tensor {
    let shape: Vec<usize> =
        case["shapes"][which].as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect();
    Tensor::new(shape, numbers(case, key).unwrap())
}

fn operation<'t>(name: &str, a: Var<'t>, b: Var<'t>) -> Var<'t> {
    match name {
        "cholesky" => a.cholesky(),
        "solve" => a.solve(b),
        "solve_lower" => a.solve_lower(b),
        "solve_upper" => a.solve_upper(b),
        "cholesky_solve" => a.cholesky().cholesky_solve(b),
        "inverse" => a.inverse(),
        "det" => a.det(),
        "slogdet" => a.slogdet().1,
        "matrix_exp" => a.matrix_exp(),
        "matrix_power" => a.matrix_power(5),
        "matrix_power of the inverse" => a.matrix_power(-3),
        "logdet" => a.logdet(),
        "eigvalsh" => a.eigvalsh(),
        "eigenvectors" => a.eigh().1,
        "svdvals" => b.svdvals(),
        "left vectors" => b.svd().0,
        "right vectors" => b.t().svd().2,
        "nuclear" => b.schatten_norm(1.0),
        "spectral" => b.schatten_norm(f64::INFINITY),
        "frobenius" => b.schatten_norm(2.0),
        "cond" => a.cond(),
        "pinv" => b.pinv(),
        "pinv of dependent columns" => b.matmul(b.t()).pinv(),
        "logcumsumexp" => (b * 3.0).logcumsumexp(b.shape().len() - 2),
        "vander" => b.vander(4),
        "renorm" => b.renorm(3.0, b.shape().len() - 1, 0.5),
        _ => panic!("no operation {name}"),
    }
}

fn close(found: &Tensor, expected: &[f64], what: &str) {
    let size = expected.iter().fold(1e-300, |size: f64, x| size.max(x.abs()));
    let off = found.as_slice().iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(found.numel() == expected.len() && off <= 1e-11 * size, "{what}: off by {off:e} of {size:e}");
}

#[test]
fn values_and_gradients_are_those_of_pytorch() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("../data/linear_algebra.json")).unwrap();
    assert!(cases.len() > 75);
    for case in &cases {
        let name = case["operation"].as_str().unwrap();
        let tape = Tape::new();
        let (a, b) = (tape.var(array(case, "a", 0)), tape.var(array(case, "b", 1)));
        let y = operation(name, a, b);
        let what = format!("{name} of {}", a.shape());
        close(&y.value(), &numbers(case, "y").unwrap(), &what);
        let weights = Tensor::new(y.shape(), (0..y.shape().numel()).map(|i| 1.0 / (i + 1) as f64).collect());
        let grads = (y * &weights).sum().backward();
        for (x, key) in [(a, "da"), (b, "db")] {
            if let Some(expected) = numbers(case, key) {
                close(&grads[x], &expected, &format!("{key} of {what}"));
            }
        }
    }
}

#[test]
fn matrices_without_the_property_are_refused_by_name() {
    let refused = |result: Result<Tensor, autograd::error::Error>, text: &str| {
        let error = result.unwrap_err().to_string();
        assert!(error.starts_with(text), "{error}\nis not\n{text}");
    };
    let good = Tensor::from([[2.0, 1.0], [1.0, 2.0]]);
    let bad = Tensor::from([[1.0, 2.0], [2.0, 1.0]]);
    let several = Tensor::stack(&[good.clone(), good.clone(), bad.clone(), good.clone()], 0).reshape([2, 2, 2, 2]);
    refused(bad.try_cholesky(), "cholesky: the leading 2 × 2 block is not positive definite; ");
    refused(several.try_cholesky(), "cholesky: the leading 2 × 2 block of matrix [1, 0] is not positive definite; ");
    let nan = &good * f64::NAN;
    refused(nan.try_cholesky(), "cholesky: the leading 1 × 1 block is not positive definite; ");
    let singular = Tensor::from([[1.0, 2.0], [2.0, 4.0]]);
    let law = "pivot 1 is 0 or NaN: the matrix is singular, or holds NaN";
    refused(singular.try_solve(&Tensor::from([1.0, 1.0])), &format!("solve: {law}"));
    refused(singular.try_inverse(), &format!("inverse: {law}"));
    let several = Tensor::stack(&[good, singular], 0);
    refused(several.try_inverse(), "inverse: pivot 1 of matrix [1] is 0 or NaN");
    refused(Tensor::from([1.0]).try_det(), "det: shape (1,) is no matrix; square matrices are needed");
    refused(
        Tensor::from([[1.0, 2.0]]).try_cholesky(),
        "cholesky: shape (1, 2): the last two axes must be of one length",
    );
    let law = "solve: (2, 2) and (3, 1): the right-hand side needs 2 rows, as many as the matrix has";
    refused(Tensor::zeros([2, 2]).try_solve(&Tensor::zeros([3])), law);
}

#[test]
fn a_singular_matrix_has_determinant_zero_and_no_logarithm() {
    let singular = Tensor::from([[1.0, 2.0], [2.0, 4.0]]);
    assert_eq!(singular.det().item(), 0.0);
    let (sign, log) = singular.slogdet();
    assert_eq!((sign.item(), log.item()), (0.0, f64::NEG_INFINITY));
    let empty: Tensor = Tensor::zeros([0, 0]);
    assert_eq!((empty.det().item(), empty.inverse().numel(), empty.matrix_exp().numel()), (1.0, 0, 0));
}

/// Beyond the range of an unscaled approximant, and without overflow of what is squared.
#[test]
fn the_exponential_of_a_large_matrix_is_scaled() {
    let x = Tensor::from([[-200.0, 1.0], [0.0, -200.0]]);
    let e = (-200f64).exp();
    let y = x.matrix_exp() * e.recip();
    assert!(y.is_close(&Tensor::from([[1.0, 1.0], [0.0, 1.0]]), 1e-12), "{y}");
    let single: Tensor<f32> = Tensor::from([[0.0f32, 20.0], [-20.0, 0.0]]);
    assert!((single.matrix_exp().get([0, 0]) - 20f32.cos()).abs() < 2e-5);
}

/// The gradient of a likelihood, of a batch that broadcasts over right-hand sides.
#[test]
fn batches_broadcast() {
    let tape = Tape::new();
    let a = tape.var(Tensor::from([[3.0, 1.0], [1.0, 2.0]]));
    let b = tape.var(Tensor::linspace(-1.0, 1.0, 12).reshape([3, 2, 2]));
    let x = a.solve(b);
    assert!(a.matmul(x).value().is_close(&b.value(), 1e-14));
    let grads = x.square().sum().backward();
    assert_eq!((grads[a].shape(), grads[b].shape()), (&a.shape(), &b.shape()));
}
