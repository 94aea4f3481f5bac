//! The chain rule, factor by factor: the gradient of one weight in networks of one, two and three layers.
//!
//! The network is y = f(h·V), with h = f(g·W) and g = f(x·U) where there are more layers; its loss is E = ‖y − t‖. A weight
//! of V acts on one output, so its gradient is one product of three factors. A weight of W acts on every output through
//! its node: one product of five factors for each path from the weight to the loss, and the gradient is their sum. For U
//! there are seven factors, and a path for each choice of nodes on the way. The engine finds the same numbers in one
//! sweep, without ever listing paths, whose number grows as width to the power of depth.

use autograd::{Tape, Tensor};

const INPUT: [[f64; 3]; 1] = [[1.0, 0.0, 1.0]];
const TARGET: [[f64; 2]; 1] = [[1.0, 0.0]];

/// A layer's weights, what it computes before the activation, and after: the last layer, the one before it, and so on.
const NAMES: [(&str, &str, &str); 3] = [("V", "z", "y"), ("W", "p", "h"), ("U", "a", "g")];

fn main() {
    let u = Tensor::from([[0.4, -0.6], [0.1, 0.9], [0.7, 0.3]]);
    let w = Tensor::from([[1.2, -0.4], [-0.7, 0.8]]);
    let v = Tensor::from([[0.5, 1.1], [-1.3, 0.6]]);
    let first = |weights: &Tensor| Tensor::concat(&[weights.clone(), Tensor::from([[-0.8, 0.2]])], 0); // 3 inputs

    for weights in [vec![first(&v)], vec![first(&w), v.clone()], vec![u, w, v]] {
        explain(&weights);
    }
}

fn explain(weights: &[Tensor]) {
    let depth = weights.len();
    let name = NAMES[depth - 1].0;
    let number = ["one", "two", "three"][depth - 1];
    println!("Layers: {number}. Each path from {name}₁₁ to the loss has {} factors.", 2 * depth + 1);

    // What each layer puts in: x, then the output of each layer.
    let mut values = vec![Tensor::from(INPUT)];
    for w in weights {
        values.push(values[values.len() - 1].matmul(w).sigmoid());
    }
    let paths = paths(weights, &values);

    print!("  path     ");
    header(depth).iter().for_each(|factor| print!("{factor:>9}"));
    println!("{:>12}", "product");
    for (nodes, factors) in &paths {
        print!("  {nodes:<9}");
        factors.iter().for_each(|factor| print!("{factor:>9.4}"));
        println!("{:>12.8}", factors.iter().product::<f64>());
    }
    let sum: f64 = paths.iter().map(|(_, factors)| factors.iter().product::<f64>()).sum();
    let engine = engine(weights);
    let width = 11 + 9 * (2 * depth + 1);
    println!("{:<width$}{sum:>12.8}", "  sum");
    println!("{:<width$}{engine:>12.8}\n", "  the engine");
    assert!((sum - engine).abs() < 1e-12);
}

/// The names of the factors, from the weight to the loss.
fn header(depth: usize) -> Vec<String> {
    let mut names = vec![];
    let mut from = format!("{}₁₁", NAMES[depth - 1].0);
    for (_, before, after) in NAMES[..depth].iter().rev() {
        names.push(format!("∂{before}/∂{from}"));
        names.push(format!("∂{after}/∂{before}"));
        from = after.to_string();
    }
    names.push("∂E/∂y".into());
    names
}

/// Every path from the first layer's weight ₁₁ to the loss: the nodes on it, and its factors.
fn paths(weights: &[Tensor], values: &[Tensor]) -> Vec<(String, Vec<f64>)> {
    let slope = |layer: usize, node: usize| {
        let y = values[layer + 1].get([0, node]);
        y * (1.0 - y)
    };
    // The weight's own node: ∂(Σ xⱼwⱼ)/∂w₁ = x₁, then the activation's slope.
    let mut paths = vec![(vec![0], vec![values[0].get([0, 0]), slope(0, 0)])];
    for (layer, w) in weights.iter().enumerate().skip(1) {
        let onward = |(nodes, factors): &(Vec<usize>, Vec<f64>)| {
            let (nodes, factors) = (nodes.clone(), factors.clone());
            let from = nodes[nodes.len() - 1];
            (0..w.shape()[1])
                .map(move |to| {
                    ([&nodes[..], &[to]].concat(), [&factors[..], &[w.get([from, to]), slope(layer, to)]].concat())
                })
                .collect::<Vec<_>>()
        };
        paths = paths.iter().flat_map(onward).collect();
    }
    // ∂‖y − t‖/∂yₖ = (yₖ − tₖ)/‖y − t‖
    let difference = &values[values.len() - 1] - Tensor::from(TARGET);
    let loss = difference.norm();
    paths
        .into_iter()
        .map(|(nodes, mut factors)| {
            factors.push(difference.get([0, nodes[nodes.len() - 1]]) / loss);
            let names =
                NAMES[..nodes.len()].iter().rev().zip(nodes).map(|((_, _, name), k)| format!("{name}{}", k + 1));
            (names.collect::<Vec<_>>().join("→"), factors)
        })
        .collect()
}

/// The same gradient by recording the network and sweeping once.
fn engine(weights: &[Tensor]) -> f64 {
    let tape = Tape::new();
    let weights: Vec<_> = weights.iter().map(|w| tape.var(w.clone())).collect();
    let y = weights.iter().fold(tape.constant(INPUT), |x, &w| x.matmul(w).sigmoid());
    let loss = (y - tape.constant(TARGET)).norm();
    loss.backward()[weights[0]].get([0, 0])
}
