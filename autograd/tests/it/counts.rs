//! What is recorded and held for many parts grows with their number. Times by count: the bench `growth`.

use autograd::{Param, Parameters, Tape, Tensor, Var};

/// The bytes that a recorded gradient adds to the tape.
fn recorded(n: usize, parts: impl for<'t> Fn(Var<'t>, usize) -> Vec<Var<'t>>) -> usize {
    let tape = Tape::new();
    let x = tape.var(Tensor::arange(n));
    let y = parts(x, n).into_iter().reduce(|a, b| a + b).unwrap().square().sum();
    let before = tape.bytes();
    let dx = y.grad(x);
    assert_eq!(dx.value(), y.backward()[x]);
    let second = y.grad(x).sum().backward()[x].clone();
    assert_eq!(second, Tensor::full(n, 2.0 * n as f64));
    tape.bytes() - before
}

#[test]
fn a_recorded_gradient_of_many_parts_is_as_large_as_they_are() {
    let ways: [for<'t> fn(Var<'t>, usize) -> Vec<Var<'t>>; 2] =
        [|x, n| x.split(0, &vec![1; n]), |x, n| (0..n).map(|i| x.take(0, &[i])).collect()];
    for way in ways {
        let [few, many] = [50, 200].map(|n| recorded(n, way));
        assert!(many < 6 * few, "{few} bytes for 50 parts, {many} for 200");
    }
}

#[test]
fn slices_and_rows_add_up_in_every_sweep() {
    // More and fewer parts than are added at once, overlapping, with a user of the whole between them.
    for parts in [1, 3, 20] {
        let tape = Tape::new();
        let x = tape.var(Tensor::from_fn([6, 4], |i| (i[0] * 4 + i[1]) as f64 * 0.1));
        let mut sum = x.square().sum();
        let mut expected = &x.value() * 2.0;
        for k in 0..parts {
            let (start, rows) = (k % 4, [k % 6, 5]);
            let part = x.slice(0, start..start + 2).slice(1, 1..3);
            sum += (part.square().sum() + x.take(0, &rows).sum()) * (k + 1) as f64;
            let weight = (k + 1) as f64;
            let values = x.value();
            let more = Tensor::from_fn([6, 4], |i| {
                let inside = (start..start + 2).contains(&i[0]) && (1..3).contains(&i[1]);
                let taken = rows.iter().filter(|&&row| row == i[0]).count() as f64;
                weight * (if inside { 2.0 * values.get([i[0], i[1]]) } else { 0.0 } + taken)
            });
            expected = expected + more;
        }
        let (plain, recorded) = (sum.backward()[x].clone(), sum.grad(x));
        assert!(plain.is_close(&expected, 1e-13), "{plain} instead of {expected}");
        assert!(recorded.value().is_close(&expected, 1e-13), "{recorded} instead of {expected}");
        let v = Tensor::ones([6, 4]);
        let (forward, reverse) = (recorded.jvp(&[(x, &v)]), recorded.vjp(&v)[x].clone());
        assert!(forward.is_close(&reverse, 1e-13));
    }
}

#[test]
fn parameters_recorded_again_have_the_gradient_of_the_sweep() {
    let (w, frozen) = (Param::new([1.0]), Param::new([2.0]));
    frozen.freeze();
    let tape = Tape::new();
    let grads = (w.on(&tape) * 3.0 + frozen.on(&tape)).sum().backward();
    for k in 0..3 {
        w.set([k as f64]);
        let _ = w.on(&tape);
        assert_eq!(grads[&w].item(), 3.0);
        assert!(grads.of(&frozen).is_none());
    }
    let later = (w.on(&tape) * 5.0).sum().backward();
    assert_eq!(later[&w].item(), 5.0);
    let names = Parameters::new().with("a", &w).with("b", &frozen).with("c", &w).with("d", &frozen);
    assert_eq!(names.distinct().map(|(name, _)| name).collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn a_number_as_an_array_can_be_watched() {
    let tape = Tape::new();
    let x = tape.scalar(3.0);
    let y = (x * 2.0).to_var().watch();
    let grads = y.square().sum().backward();
    assert_eq!((grads[y].item(), grads[x]), (12.0, 24.0));
}
