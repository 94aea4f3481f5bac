//! Is this gradient right? Answers of the checker, each with its report: a right function, a kink, wrong rules, code without a tape.
//!
//! 1. The entropy of a softmax agrees with differences, to second order as well.
//! 2. A rectifier at 0 has no derivative: the check is inconclusive and shows both one-sided ones.
//! 3. A rule written by hand lost a factor, another hands back its gradient transposed: both are called wrong, by name, at the
//!    worst element, and the steps show why: what remains after the linear part falls with the step, not with its square.
//! 4. A root by Newton's method is a function of one's own, without a tape. Its implicit gradient forgot one term.
//!
//! Each report is also HTML with a picture of the steps, written beside the program.

use autograd::check::{Cause, Checker, Function, Verdict};
use autograd::{Custom, Tensor, Var, check};

/// `y = x³`, with a derivative that forgot its 3.
struct Cube;

impl Custom for Cube {
    fn forward(&self, x: &[Tensor]) -> Tensor {
        x[0].powi(3)
    }
    fn vjp<'t>(&self, x: &[Var<'t>], _y: Var<'t>, dy: Var<'t>) -> Vec<Var<'t>> {
        vec![dy * x[0].square()]
    }
}

/// `Y = AB` of square matrices, with `dA = B·dYᵀ` where `dY·Bᵀ` is right.
struct Product;

impl Custom for Product {
    fn forward(&self, x: &[Tensor]) -> Tensor {
        x[0].matmul(&x[1])
    }
    fn vjp<'t>(&self, x: &[Var<'t>], _y: Var<'t>, dy: Var<'t>) -> Vec<Var<'t>> {
        vec![x[1].matmul(dy.t()), x[0].t().matmul(dy)]
    }
}

/// The root of `y³ + a·y = b`, by Newton's method until a step is below 1e-10.
fn root(a: f64, b: f64) -> f64 {
    let mut y = 0.0f64;
    loop {
        let step = (y.powi(3) + a * y - b) / (3.0 * y * y + a);
        y -= step;
        if step.abs() < 1e-10 {
            return y;
        }
    }
}

fn main() -> Result<(), autograd::error::Error> {
    println!("1. A right function: the entropy of a softmax, to second order\n");
    let z = Tensor::from([1.1, 2.2, 0.2, -1.7]);
    let right = Checker::new().orders(2).check(|z| -(z[0].softmax(0) * z[0].log_softmax(0)).sum(), &[z])?;
    println!("{right}\n");

    println!("2. A kink: a rectifier at 0\n");
    let kink = check(|x| x[0].relu().sum(), &[Tensor::from([-1.0, 0.0, 1.0])])?;
    println!("{kink}\n");

    println!("3. Two wrong rules\n");
    let x = Tensor::linspace(0.5, 1.5, 4);
    let wrong = check(|x| Var::custom(Cube, x).sum(), &[x])?;
    println!("{wrong}\n");
    let (a, b) = (Tensor::from([[1.0, -0.5], [0.3, 0.8]]), Tensor::from([[0.2, 0.9], [-0.4, 0.6]]));
    let transposed = Checker::new().check_array(|x| Var::custom(Product, x), &[a, b])?;
    println!("{transposed}\n");

    println!("4. Code without a tape\n");
    let slopes = |x: &[Tensor], of_a: f64| {
        let (a, b) = (x[0].item(), x[1].item());
        let y = root(a, b);
        let by_b = 1.0 / (3.0 * y * y + a);
        vec![Tensor::from(-y * by_b * of_a), Tensor::from(by_b)]
    };
    let implicit = |of_a: f64| {
        Function::new(|x: &[Tensor]| root(x[0].item(), x[1].item()))
            .gradient(move |x: &[Tensor]| slopes(x, of_a))
            .names(["a", "b"])
    };
    let x = [Tensor::from(1.5), Tensor::from(0.7)];
    let forgotten = implicit(0.0).check(&x)?;
    println!("{forgotten}\n");

    let folder = std::env::current_exe().expect("a running program has a path");
    for (name, report) in [("right", &right), ("kink", &kink), ("wrong", &wrong), ("transposed", &transposed)] {
        let path = folder.with_file_name(format!("gradient_check_{name}.html"));
        std::fs::write(&path, report.to_html()).expect("the program's folder can be written to");
        println!("drawn: {}", path.display());
    }

    assert_eq!((right.verdict, right.cause), (Verdict::Pass, None));
    assert_eq!((kink.verdict, kink.cause), (Verdict::Inconclusive, Some(Cause::Kink)));
    assert_eq!(wrong.verdict, Verdict::Wrong);
    assert!(matches!(wrong.cause, Some(Cause::Factor(factor)) if (factor - 1.0 / 3.0).abs() < 1e-9));
    assert_eq!((forgotten.verdict, forgotten.cause), (Verdict::Wrong, Some(Cause::Detached)));
    assert!(implicit(1.0).check(&x)?.passed());
    assert_eq!((transposed.verdict, transposed.cause), (Verdict::Wrong, Some(Cause::Transposed(vec![1, 0]))));
    Ok(())
}
