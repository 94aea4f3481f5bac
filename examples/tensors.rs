//! Arrays: plain ones (`Tensor`) and recorded ones (`Var`) are written alike, and only the recorded ones have gradients.
//!
//! Shows broadcasting, matrix products, reductions, the gradient of an array, and the Jacobian of softmax, row by row.

use autograd::{Tape, Tensor, Var};

fn main() {
    plain();
    recorded();
    broadcasting();
    jacobian();
}

fn plain() {
    println!("1. Plain arrays compute, and nothing else");
    let x = Tensor::from([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    let product = x.matmul(&x.t());
    println!("x, of shape {}:\n{x:.0}", x.shape());
    println!("x·xᵀ:\n{product:.0}");
    println!("sum {}, mean of each column {:.1}, norm {:.4}\n", x.sum(), x.mean_axis(0), x.norm());
    assert_eq!(product, Tensor::from([[14.0, 32.0], [32.0, 77.0]]));
    assert_eq!(x.mean_axis(0), Tensor::from([2.5, 3.5, 4.5]));
}

fn recorded() {
    println!("2. Recorded arrays remember how they were computed");
    let tape = Tape::new();
    let x = tape.var([[1.0, -1.5], [0.5, 0.25]]);
    let w = tape.constant([[2.0], [1.0]]); // data: no gradient
    let loss = x.matmul(w).tanh().square().sum();
    let dx = &loss.backward()[x];
    println!("loss = Σ tanh(x·w)² = {:.6}", loss.value());
    println!("its gradient has the shape of x, {}:\n{dx:.6}\n", dx.shape());

    // By hand: with y = tanh(x·w), ∂loss/∂x = 2y(1 − y²)·wᵀ.
    let y = x.value().matmul(&w.value()).tanh();
    let by_hand = (&y * 2.0 * (1.0 - y.square())).matmul(&w.value().t());
    assert!(dx.is_close(&by_hand, 1e-15));
}

fn broadcasting() {
    println!("3. Shapes stretch as in NumPy, and gradients are summed back");
    let tape = Tape::new();
    let rows = tape.var([[1.0], [2.0], [3.0]]);
    let columns = tape.var([10.0, 20.0]);
    let table = rows * columns;
    let grads = table.sum().backward();
    println!("{} times {} is {}:\n{table:.0}", rows.shape(), columns.shape(), table.shape());
    println!("gradient of the sum by the rows    {:.0}", grads[rows].flatten());
    println!("gradient of the sum by the columns {:.0}\n", grads[columns]);
    assert_eq!(grads[rows], Tensor::from([[30.0], [30.0], [30.0]]));
    assert_eq!(grads[columns], Tensor::from([6.0, 6.0]));
}

/// ∂yᵢ/∂xₖ of two vectors: one sweep for each row.
fn jacobian_of(y: Var<'_>, x: Var<'_>) -> Tensor {
    let rows: Vec<_> = (0..y.shape()[0]).map(|i| y.at(0, i).item().backward()[x].clone()).collect();
    Tensor::stack(&rows, 0)
}

fn jacobian() {
    println!("4. The Jacobian of softmax: ∂pᵢ/∂zₖ = pᵢ(1 − pᵢ) for i = k, else −pᵢpₖ");
    let tape = Tape::new();
    let z = tape.var([1.1, 2.2, 0.2, -1.7]);
    let p = z.softmax(0);
    println!("z = {z:.1}\np = {p:.3}");
    let found = jacobian_of(p, z);
    println!("Jacobian, a sweep for each row:\n{found:.4}");
    let p = p.value();
    let formula = p.diagonal_matrix() - p.outer(&p);
    assert!(found.is_close(&formula, 1e-15));
    // The probabilities always sum to one, so no column of changes may have a sum.
    assert!(found.sum_axis(0).is_close(&Tensor::zeros([4]), 1e-15));
}
