//! Numbers on a tape: write a formula, get its value at once, and ask for its gradients.
//!
//! Shows the smallest graph, derivatives beside their closed forms, a chain of a million operations, and a loop that
//! clears the tape to use its memory again.

use std::time::Instant;

use autograd::{Scalar, Tape};

fn main() {
    a_graph();
    derivatives();
    a_long_chain();
    a_loop();
}

fn a_graph() {
    println!("1. z = x·y + sin x at x = 2, y = 3");
    let tape = Tape::new();
    let (x, y) = (tape.scalar(2.0), tape.scalar(3.0));
    let z = x * y + x.sin();
    let grads = z.backward();
    println!("   z     = {:.6}", z.value());
    println!("   ∂z/∂x = {:.6}   (y + cos x)", grads[x]);
    println!("   ∂z/∂y = {:.6}   (x)", grads[y]);
    println!("   {tape:?}\n");
    assert_eq!(grads[x], 3.0 + 2f64.cos());
    assert_eq!(grads[y], 2.0);
}

/// A name, a formula for the tape, and the derivative that a calculus table gives.
type Row = (&'static str, fn(Scalar<'_>) -> Scalar<'_>, fn(f64) -> f64);

fn derivatives() {
    let rows: [Row; 5] = [
        ("x³", |x| x.powi(3), |x| 3.0 * x * x),
        ("exp(−x²)", |x| (-x.square()).exp(), |x| -2.0 * x * (-x * x).exp()),
        ("ln(1 + x²)", |x| (1.0 + x.square()).ln(), |x| 2.0 * x / (1.0 + x * x)),
        ("sin x / x", |x| x.sin() / x, |x| x.cos() / x - x.sin() / (x * x)),
        ("tanh(2x)", |x| (2.0 * x).tanh(), |x| 2.0 / (2.0 * x).cosh().powi(2)),
    ];
    println!("2. Derivatives at x = 0.7");
    println!("   {:<12} {:>18} {:>18} {:>10}", "f", "the tape", "closed form", "error");
    for (name, f, derivative) in rows {
        let tape = Tape::new();
        let x = tape.scalar(0.7);
        let (found, exact) = (f(x).backward()[x], derivative(0.7));
        let error = (found - exact).abs();
        println!("   {name:<12} {found:>18.15} {exact:>18.15} {error:>10.1e}");
        assert!(error < 1e-15 * 4.0 * exact.abs().max(1.0));
    }
    println!();
}

fn a_long_chain() {
    const LINKS: usize = 1_000_000;
    // Compound interest: x ← x·(1 + rate/LINKS), a million times, is x·exp(rate), and so is its derivative by the rate.
    let start = Instant::now();
    let tape = Tape::new();
    let rate = tape.scalar(0.05);
    let factor = 1.0 + rate / LINKS as f64;
    let mut x = tape.scalar_constant(1.0);
    for _ in 0..LINKS {
        x *= factor;
    }
    let recorded = start.elapsed();
    let start = Instant::now();
    let derivative = x.backward()[rate];
    let swept = start.elapsed();

    let exact = 0.05f64.exp();
    println!("3. A chain of {LINKS} products: interest of 5 %, paid a million times a year");
    println!("   capital after a year   {:.9}   (exp(rate) = {exact:.9})", x.value());
    println!("   derivative by the rate {derivative:.9}");
    println!("   recorded in {recorded:.1?}, swept in {swept:.1?}, {:.0} MB of tape\n", tape.bytes() as f64 / 1e6);
    assert!((x.value() - exact).abs() < 1e-8);
    assert!((derivative - exact).abs() < 1e-6);
}

fn a_loop() {
    println!("4. Newton's method for x³ = 2: x ← x − f(x)/f′(x)");
    let mut tape = Tape::new();
    let mut root = 1.0;
    for step in 1..=6 {
        tape.clear(); // forgets the nodes, keeps their memory
        let x = tape.scalar(root);
        let f = x.powi(3) - 2.0;
        root -= f.value() / f.backward()[x];
        println!("   step {step}: x = {root:.15}   ({} nodes on the tape)", tape.len());
    }
    assert!((root - 2f64.cbrt()).abs() < 1e-15);
}
