//! One test binary: rules, edges, graphs, messages, memory.
use autograd::*;
#[test]
fn smoke() {
    let tape = Tape::new();
    let (x, y) = (tape.scalar(2.0), tape.scalar(3.0));
    let z = x * y + x.sin() + 2.0 * x;
    let grads = z.backward();
    assert_eq!(grads[x], 3.0 + 2f64.cos() + 2.0);
    let a = tape.var([[1.0, 2.0], [3.0, 4.0]]);
    let b = tape.var([0.5, 0.25]);
    let l = ((2.0 * a.matmul(a.t()) + b).tanh() / y).mean();
    let g = l.backward();
    println!("{:?} {:?} {}", g[a], g[b], g[y]);
}
