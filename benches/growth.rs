//! How work grows with counts: of parts, parameters, users of one value, names, checkpoints, lists.

use autograd::{Param, Parameters, Tape, Tensor, Var, backward_in_parts};
use benches::growth::{Case, timed};

fn params(n: usize) -> (Vec<Param>, Parameters) {
    let params: Vec<Param> = (0..n).map(|i| Param::new([i as f64, 1.0])).collect();
    let all = params.iter().enumerate().fold(Parameters::new(), |all, (i, param)| all.with(format!("w{i}"), param));
    (params, all)
}

/// Arrays of two numbers on a tape.
fn arrays(tape: &Tape, n: usize) -> Vec<Var<'_>> {
    (0..n).map(|i| tape.var([i as f64, 1.0])).collect()
}

fn sum<'t>(x: impl IntoIterator<Item = Var<'t>>) -> Var<'t> {
    x.into_iter().reduce(|a, b| a + b).expect("one at least")
}

const CASES: &[Case] = &[
    ("parameters: distinct", |n| {
        let (_, all) = params(n);
        let (time, count) = timed(|| all.distinct().count());
        assert_eq!(count, n);
        time
    }),
    ("parameters: clip_norm and an update", |n| {
        let (params, all) = params(n);
        let tape = Tape::new();
        let loss = sum(params.iter().map(|param| param.on(&tape))).sum();
        let (time, norm) = timed(|| {
            let mut grads = loss.backward();
            let norm = grads.clip_norm(&all, 1.0);
            params.iter().for_each(|param| assert!(grads.update_each(param, [], |w, dw, []| *w -= dw)));
            norm
        });
        assert!((norm - (2.0 * n as f64).sqrt()).abs() < 1e-9 * norm);
        time
    }),
    ("parameters: recorded again since the sweep", |n| {
        let (params, _) = params(n);
        let tape = Tape::new();
        let grads = sum(params.iter().map(|param| param.on(&tape))).sum().backward();
        for param in &params {
            param.set([0.0, 0.0]);
            let _ = param.on(&tape);
        }
        let (time, found) = timed(|| params.iter().filter(|param| grads.of(param).is_some()).count());
        assert_eq!(found, n);
        time
    }),
    ("gradients: one within each step of a recursion", |n| {
        let tape = Tape::new();
        let (time, x) = timed(|| (0..n).fold(tape.scalar(1.0), |x, _| x - (x.square() * 0.5).grad(x) / n as f64));
        assert!((x.value() - (1.0 - 1.0 / n as f64).powi(n as i32)).abs() < 1e-12);
        time
    }),
    ("parameters: half of them frozen", |n| {
        let (params, _) = params(n);
        params.iter().step_by(2).for_each(Param::freeze);
        let tape = Tape::new();
        let grads = sum(params.iter().map(|param| param.on(&tape))).sum().backward();
        let (time, found) = timed(|| params.iter().filter(|param| grads.of(param).is_some()).count());
        assert_eq!(found, n / 2);
        time
    }),
    ("parameters: two parts on two tapes", |n| {
        let (params, _) = params(n);
        let mut tapes = [Tape::new(), Tape::new()];
        let (time, gradient) = timed(|| {
            let (grads, _) =
                backward_in_parts(&mut tapes, |_, tape| (sum(params.iter().map(|w| w.on(tape))).sum(), ()));
            grads[&params[n - 1]].clone()
        });
        assert_eq!(gradient.to_vec(), [2.0, 2.0]);
        time
    }),
    ("parameters: a product with the Hessian", |n| {
        let (params, all) = params(n);
        let v = [("w0".to_string(), Tensor::from([1.0, 0.0]))].into();
        let (time, hv) = timed(|| all.hvp(|tape| sum(params.iter().map(|w| w.on(tape).square())).sum(), &v));
        assert_eq!(hv.expect("the names fit")["w0"].to_vec(), [2.0, 0.0]);
        time
    }),
    ("parts: concat, swept", |n| {
        let tape = Tape::new();
        let x = arrays(&tape, n);
        let loss = Var::concat(&x, 0).square().sum();
        let (time, dx) = timed(|| loss.backward()[x[n - 1]].clone());
        assert_eq!(dx.to_vec(), [2.0 * (n - 1) as f64, 2.0]);
        time
    }),
    ("parts: stack, recorded gradient", |n| {
        let tape = Tape::new();
        let x = arrays(&tape, n);
        let loss = Var::stack(&x, 0).square().sum();
        let (time, dx) = timed(|| loss.grad(x[n - 1]).value());
        assert_eq!(dx.to_vec(), [2.0 * (n - 1) as f64, 2.0]);
        time
    }),
    ("parts: split, swept", |n| {
        let tape = Tape::new();
        let x = tape.var(Tensor::arange(n));
        let loss = sum(x.split(0, &vec![1; n])).sum();
        let (time, dx) = timed(|| loss.backward()[x].clone());
        assert_eq!(dx, Tensor::ones(n));
        time
    }),
    ("parts: split, recorded gradient", |n| {
        let tape = Tape::new();
        let x = tape.var(Tensor::arange(n));
        let loss = sum(x.split(0, &vec![1; n])).square().sum();
        let (time, dx) = timed(|| loss.grad(x).value());
        assert_eq!(dx, Tensor::full(n, (n * (n - 1)) as f64));
        time
    }),
    ("parts: rows of a table, swept", |n| {
        let tape = Tape::new();
        let x = tape.var(Tensor::ones([n, 2]));
        let loss = sum((0..n).map(|i| x.take(0, &[i]))).sum();
        let (time, dx) = timed(|| loss.backward()[x].clone());
        assert_eq!(dx, Tensor::ones([n, 2]));
        time
    }),
    ("parts: rows of a table, recorded gradient", |n| {
        let tape = Tape::new();
        let x = tape.var(Tensor::ones([n, 2]));
        let loss = sum((0..n).map(|i| x.take(0, &[i]))).sum();
        let (time, dx) = timed(|| loss.grad(x).value());
        assert_eq!(dx, Tensor::ones([n, 2]));
        time
    }),
    ("users of one array", |n| {
        let tape = Tape::new();
        let x = tape.var([1.0, 2.0]);
        let loss = sum((0..n).map(|i| x * i as f64)).sum();
        let (time, dx) =
            timed(|| (loss.backward()[x].clone(), loss.grad(x).value(), loss.to_var().jvp(&[(x, &x.value())])));
        assert_eq!(dx.0, dx.1);
        time
    }),
    ("users of one number", |n| {
        let tape = Tape::new();
        let x = tape.scalar(1.0);
        let loss: autograd::Scalar = (0..n).map(|i| x * i as f64).sum();
        let (time, dx) = timed(|| (loss.backward()[x], loss.grad(x).value()));
        assert_eq!(dx.0, dx.1);
        time
    }),
    ("names, observed", |n| {
        let tape = Tape::new();
        let x: Vec<_> = arrays(&tape, n).into_iter().enumerate().map(|(i, x)| x.named(format!("x{i}"))).collect();
        let (loss, mut seen) = (sum(x).sum(), 0);
        let (time, _) = timed(|| drop(loss.backward_with(|_, _| seen += 1)));
        assert_eq!(seen, n);
        time
    }),
    ("watched arrays", |n| {
        let tape = Tape::new();
        let x = arrays(&tape, n);
        let (time, dx) = timed(|| {
            let hidden: Vec<_> = x.iter().map(|x| x.watch().square().watch()).collect();
            let grads = sum(hidden.clone()).sum().backward();
            hidden.iter().map(|&h| grads[h].sum()).sum::<f64>()
        });
        assert_eq!(dx, 2.0 * n as f64);
        time
    }),
    ("lists of gradients and of directions", |n| {
        let tape = Tape::new();
        let x = arrays(&tape, n);
        let loss = sum(x.iter().map(|x| x.square())).sum();
        let v = Tensor::from([1.0, 1.0]);
        let along: Vec<_> = x.iter().map(|&x| (x, &v)).collect();
        let (time, found) = timed(|| (loss.grad(&x[..]).len(), loss.to_var().jvp(&along)));
        assert_eq!(found, (n, Tensor::from((n * (n - 1) + 2 * n) as f64)));
        time
    }),
    ("plain numbers", |n| {
        let tape = Tape::new();
        let x = tape.scalar(1.0);
        let (time, y) = timed(|| (0..n).fold(x, |y, i| y.powf(1.0 / (i + 1) as f64)).backward()[x]);
        assert!(y.is_finite());
        time
    }),
    ("checkpoints, swept", |n| {
        let tape = Tape::new();
        let x = tape.var([1.0]);
        let loss = (0..n).fold(x, |x, _| x.checkpoint(|x| x + 1.0)).sum();
        let (time, dx) = timed(|| loss.backward()[x].item());
        assert_eq!(dx, 1.0);
        time
    }),
    ("checkpoints, recorded gradient", |n| {
        let tape = Tape::new();
        let x = tape.var([1.0]);
        let loss = (0..n).fold(x, |x, _| x.checkpoint(|x| x + 1.0)).sum();
        let (time, dx) = timed(|| loss.grad(x).value().item());
        assert_eq!(dx, 1.0);
        time
    }),
    ("nodes: census and graph as text", |n| {
        let tape = Tape::new();
        let y = (0..n).fold(tape.scalar(1.0), |y, _| y.sin());
        let (time, text) = timed(|| (tape.census()["sin"], y.graph().to_string(), y.graph().values(true).to_dot()));
        assert!(text.0 == n && text.1.contains("longest path") && text.2.contains("sin"));
        time
    }),
    ("nodes: names in a graph", |n| {
        let tape = Tape::new();
        let x = arrays(&tape, n);
        let graph = sum(x.clone()).graph();
        let graph = x.iter().enumerate().fold(graph, |graph, (i, &x)| graph.name(x, format!("given {i}")));
        let (time, text) = timed(|| graph.to_dot());
        assert!(text.contains(&format!("given {}", n - 1)));
        time
    }),
];

fn main() {
    benches::growth::main(CASES);
}
