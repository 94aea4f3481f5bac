//! Functions of your own, three ways; and derivatives overridden.
//!
//! (a) A formula of existing operations: nothing to declare, gradients of any order follow. (b) A fused elementwise function,
//! written once over numbers: one pass over the data, derivatives by dual numbers. (c) An operation with a value and a
//! derivative rule of its own, for what no formula expresses: here a lookup in a table of measurements. All three are held
//! against finite differences, the second also at second order.

use autograd::{Custom, Elementwise, Number, Scalar, Tape, Tensor, Var, check};

/// (a) The bump `tanh(2x + 1)·exp(−x²)` as a formula: five passes over the data, five nodes on the tape.
fn bump(x: Var<'_>) -> Var<'_> {
    (2.0 * x + 1.0).tanh() * (-x.square()).exp()
}

/// (b) The same, fused: one pass, one node.
#[derive(Clone, Copy)]
struct Bump;

impl Elementwise for Bump {
    #[inline(always)] // into the vector code of whichever processor runs it
    fn f<N: Number>(self, x: N) -> N {
        (N::constant(2.0) * x + N::one()).tanh() * (-(x * x)).exp()
    }
}

/// (c) A curve known only at measured points, equally spaced from 0: straight lines between them.
struct Curve {
    points: Vec<f64>,
}

impl Curve {
    /// The segment that `x` lies in.
    fn segment(&self, x: f64) -> usize {
        (x.max(0.0) as usize).min(self.points.len() - 2)
    }

    fn slope(&self, x: f64) -> f64 {
        let i = self.segment(x);
        self.points[i + 1] - self.points[i]
    }
}

impl Custom for Curve {
    fn forward(&self, x: &[Tensor]) -> Tensor {
        x[0].map(|x| {
            let i = self.segment(x);
            self.points[i] + (x - i as f64) * self.slope(x)
        })
    }

    fn vjp<'t>(&self, x: &[Var<'t>], _y: Var<'t>, dy: Var<'t>) -> Vec<Var<'t>> {
        vec![dy * x[0].value().map(|x| self.slope(x))]
    }
}

fn curve() -> Curve {
    Curve { points: vec![0.0, 0.8, 1.1, 0.9, 1.6] }
}

/// Σ (∂L/∂x)²: its gradient holds second derivatives.
fn slope<'t>(loss: Scalar<'t>, x: Var<'t>) -> Scalar<'t> {
    loss.grad(x).square().sum()
}

fn main() -> Result<(), autograd::error::Error> {
    let x = Tensor::linspace(-2.0, 2.0, 9);
    let tape = Tape::new();
    let v = tape.var(&x);
    let (formula, fused) = (bump(v), v.map(Bump));
    let (by_formula, by_duals) = (formula.sum().backward(), fused.sum().backward());
    println!("(a), (b): tanh(2x + 1)·exp(−x²) as a formula and fused");
    println!("{:>6} {:>20} {:>20} {:>12}", "x", "formula", "fused", "slope");
    for i in 0..x.numel() {
        let at = |t: &Tensor| t.get([i]);
        let (a, b) = (at(&formula.value()), at(&fused.value()));
        println!("{:>6.1} {a:>20.16} {b:>20.16} {:>12.6}", at(&x), at(&by_duals[v]));
    }
    assert!(formula.value().is_close(&fused.value(), 1e-15));
    assert!(by_formula[v].is_close(&by_duals[v], 1e-14));

    let points = [x];
    println!("\n    first order of the formula: {}", check(|x| bump(x[0]).sum(), &points)?.assert_pass().reason);
    println!("    first order, fused:         {}", check(|x| x[0].map(Bump).sum(), &points)?.assert_pass().reason);
    let second = check(|x| slope(x[0].map(Bump).sum(), x[0]), &points)?.assert_pass();
    println!("    second order, fused:        {}", second.reason);

    println!("\n(c) a lookup in a table of measurements, with its own rule");
    let between = Tensor::from([0.4, 1.7, 2.5, 3.9]);
    let y = Var::custom(curve(), &[tape.constant(&between)]).value();
    println!("    the curve at {between:.1}: {y:.3}");
    println!("    {}", check(|x| Var::custom(curve(), x).sum(), &[between])?.assert_pass().reason);

    println!("\nderivatives overridden");
    let x = tape.var([-0.6, 0.2, 3.0]);
    // The value of the step, the derivative of the identity: x − x.detach() is 0 with slope 1.
    let straight = (x - x.detach()) + x.step().detach();
    let reversed = x.map_gradient(|dy| -0.1 * dy);
    let clipped = x.map_gradient(|dy| dy.clamp(-1.0, 1.0));
    let through = |y: Var<'_>| y.square().sum().backward()[x].clone();
    println!("    {:<38} {:>22} {:>26}", "gradient of Σ y²", "y", "gradient");
    for (name, y) in [
        ("y = x", x * 1.0),
        ("a step, passed straight through", straight),
        ("reversed and scaled by 0.1", reversed),
        ("clipped to [−1, 1]", clipped),
        ("y = x·x, stopped in one factor", x * x.detach()),
    ] {
        println!("    {name:<38} {:>22} {:>26}", format!("{:.1}", y.value()), format!("{:.2}", through(y)));
    }
    assert_eq!(through(straight), Tensor::from([0.0, 2.0, 2.0]));
    assert!(through(reversed).is_close(&Tensor::from([0.12, -0.04, -0.6]), 1e-15));
    assert_eq!(through(clipped), Tensor::from([-1.0, 0.4, 1.0]));
    Ok(())
}
