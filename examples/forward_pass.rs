//! The forward pass of a network with three inputs, four hidden nodes and two outputs, layer by layer: y = f(f(x·W)·V).
//!
//! The lessons give the input, the weights of the first hidden node, and what every node puts out, but not the other
//! weights. Gradient descent finds weights that give those figures; then the pass is shown step by step.

use autograd::{Param, Tape, Tensor};
use examples::{descend, normal};
use rand::{SeedableRng, rngs::StdRng};

const INPUT: [[f64; 3]; 1] = [[1.0, 0.0, 1.0]];
const FIRST_NODE: [f64; 3] = [0.2, 1.5, 0.5];
const HIDDEN: [[f64; 4]; 1] = [[0.668, 0.912, 0.102, 0.471]];
const OUTPUT: [[f64; 2]; 1] = [[0.812, 0.151]];

fn main() {
    one_node();
    let (w, v) = find_weights();
    show(&w.value(), &v.value());
}

fn one_node() {
    println!("1. One node: p = Σ xⱼwⱼ, h = 1/(1 + exp(−p))");
    let p = Tensor::from(INPUT).matmul(&FIRST_NODE.into()).item();
    let h = Tensor::from(p).sigmoid().item();
    println!("   x = [1 0 1], w = [0.2 1.5 0.5]: p = {p:.1}, h = {h:.3}\n");
    assert_eq!(format!("{p:.1} {h:.3}"), "0.7 0.668");
}

fn find_weights() -> (Param, Param) {
    println!("2. Weights that give hidden [0.668 0.912 0.102 0.471] and output [0.812 0.151]");
    let mut rng = StdRng::seed_from_u64(9);
    let (w, v) = (normal(&mut rng, [3, 4], 0.5), normal(&mut rng, [4, 2], 0.5));
    w.modify(|w| (0..3).for_each(|i| w[4 * i] = FIRST_NODE[i]));

    let mut tape = Tape::new();
    for step in 0.. {
        tape.clear();
        let hidden = tape.constant(INPUT).matmul(&w).sigmoid();
        let output = hidden.matmul(&v).sigmoid();
        let error = (hidden - tape.constant(HIDDEN)).square().sum() + (output - tape.constant(OUTPUT)).square().sum();
        if step % 20 == 0 || error.value() < 1e-8 {
            println!("   step {step:>4}: squared error {:.2e}", error.value());
        }
        if error.value() < 1e-8 {
            break;
        }
        assert!(step < 10_000, "descent did not arrive");
        descend(&error.backward(), &[&w, &v], 2.0);
    }
    println!();
    (w, v)
}

fn show(w: &Tensor, v: &Tensor) {
    println!("3. The pass");
    let x = Tensor::from(INPUT);
    let p = x.matmul(w);
    let h = p.sigmoid();
    let q = h.matmul(v);
    let y = q.sigmoid();
    println!("input        x = {x:.3}");
    println!("weights W, a column for each hidden node:\n{w:.3}");
    println!("         p = xW = {p:.3}");
    println!("hidden h = f(p) = {h:.3}");
    println!("weights V, a column for each output:\n{v:.3}");
    println!("         q = hV = {q:.3}");
    println!("output y = f(q) = {y:.3}");

    let digits = |x: &Tensor| format!("{x:.3}");
    assert_eq!(digits(&h), digits(&HIDDEN.into()));
    assert_eq!(digits(&y), digits(&OUTPUT.into()));
}
