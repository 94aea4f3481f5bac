//! Functions of numbers that take one node each: against their operations one by one, in every mode and order.

use autograd::check::{Cause, Checker};
use autograd::{Dual, Elementwise, ElementwiseN, Float, Number, Recorded, Scalar, Tape, Tensor, Var};

use crate::maps::{Cell, Gate, OneResult};

/// A function with data of its own.
#[derive(Clone, Copy)]
struct Power(f64);

impl Elementwise for Power {
    #[inline(always)]
    fn f<N: Number>(self, x: N) -> N {
        (x.ln() * N::constant(self.0)).exp()
    }
}

#[derive(Clone, Copy)]
struct Nine;

impl ElementwiseN<9> for Nine {
    #[inline(always)]
    fn f<N: Number>(self, x: [N; 9]) -> N {
        x[1..].iter().fold(x[0], |all, &x| all * x + x.exp())
    }
}

/// The same function, recorded as its operations.
fn by_operations<'t, T: Float, const K: usize>(x: [Scalar<'t, T>; K], f: impl ElementwiseN<K>) -> Scalar<'t, T> {
    f.f(x.map(Recorded::Handle)).on(x[0].tape())
}

fn close(a: f64, b: f64, ulps: f64, what: &str) {
    assert!((a - b).abs() <= ulps * f64::EPSILON * a.abs().max(b.abs()).max(1.0), "{what}: {a} and {b}");
}

const AT: [f64; 4] = [0.3, -0.7, 1.9, -0.4];

#[test]
fn a_function_of_several_numbers_takes_one_node() {
    let tape = Tape::new();
    let x = AT.map(|x| tape.scalar(x));
    let y = Scalar::zip_map(x, Gate);
    assert_eq!((tape.len(), tape.census()["map"]), (5, 1));
    assert_eq!(y.value(), Gate.f(AT));
    let dot = y.graph().to_dot();
    assert_eq!((y.graph().nodes(), dot.matches("->").count()), (5, 4), "{dot}");
    assert!(y.graph().to_svg().contains("map"));
}

/// Gradients of a formula in which numbers are used several times, beside other operations and arrays.
#[test]
fn gradients_are_those_of_the_operations() {
    fn loss<'t>(x: &[Scalar<'t>; 4], gate: impl Fn([Scalar<'t>; 4]) -> Scalar<'t>) -> Scalar<'t> {
        let first = gate(*x);
        let second = gate([first, x[1] * first, x[2], first]);
        let array = (second.to_var() * Tensor::from([1.0, 2.0])).sum();
        gate([array, second, x[3], x[0]]).sin() + first
    }
    let (tape, other) = (Tape::new(), Tape::new());
    let (x, x2) = (AT.map(|x| tape.scalar(x)), AT.map(|x| other.scalar(x)));
    let (y, y2) = (loss(&x, |x| Scalar::zip_map(x, Gate)), loss(&x2, |x| by_operations(x, Gate)));
    close(y.value(), y2.value(), 4.0, "value");
    let (grads, grads2) = (y.backward(), y2.backward());
    let (recorded, recorded2) = (y.grad(&x[..]), y2.grad(&x2[..]));
    for k in 0..4 {
        close(grads[x[k]], grads2[x2[k]], 64.0, "backward");
        close(recorded[k].value(), recorded2[k].value(), 64.0, "grad");
        let one = tape.scalar_constant(1.0);
        close(y.tangent(x[k], one).value(), grads[x[k]], 64.0, "tangent");
        // To the fifth order, by turns in both modes.
        let (mut d, mut d2) = (recorded[k], recorded2[k]);
        for order in 2..=4 {
            (d, d2) = if order == 3 {
                (d.tangent(x[k], one), d2.tangent(x2[k], other.scalar_constant(1.0)))
            } else {
                (d.grad(x[k]), d2.grad(x2[k]))
            };
            close(d.value(), d2.value(), 1e6, &format!("order {order} by input {k}"));
        }
        let dual = |x: [f64; 4]| {
            let at = std::array::from_fn(|i| Dual::new(x[i], f64::from(u8::from(i == k))));
            Gate.f(at).derivative
        };
        let plain = Scalar::zip_map(x, Gate).backward()[x[k]];
        close(plain, dual(AT), 4.0, "one statement");
    }
}

#[test]
fn functions_with_data_are_kept_apart() {
    let tape = Tape::new();
    let x = tape.scalar(1.5);
    let powers = [2.0, 3.0, 4.0].map(|p| x.map(Power(p)));
    let gate = Scalar::zip_map([x; 4], Gate);
    for (p, y) in [2.0f64, 3.0, 4.0].into_iter().zip(powers) {
        close(y.value(), 1.5f64.powf(p), 8.0, "value");
        close(y.backward()[x], p * 1.5f64.powf(p - 1.0), 8.0, "slope");
        let second = y.grad(x).grad(x);
        close(second.value(), p * (p - 1.0) * 1.5f64.powf(p - 2.0), 64.0, "curvature");
    }
    let by_operations = by_operations([x; 4], Gate);
    close(gate.backward()[x], by_operations.backward()[x], 8.0, "one number as every input");
}

/// One type as a function of two numbers and of three.
#[derive(Clone, Copy)]
struct Sum;

impl<const K: usize> ElementwiseN<K> for Sum {
    #[inline(always)]
    fn f<N: Number>(self, x: [N; K]) -> N {
        x.into_iter().fold(N::zero(), |sum, x| sum + x.square())
    }
}

#[test]
fn functions_of_one_type_are_kept_apart_by_their_inputs() {
    let tape = Tape::new();
    let [x, y] = [2.0, 3.0].map(|x| tape.scalar(x));
    let (two, three) = (Scalar::zip_map([x, y], Sum), Scalar::zip_map([y, y, x], Sum));
    assert_eq!((two.grad(y).value(), three.grad(y).value()), (6.0, 12.0));
    assert_eq!(Scalar::zip_map([x, x], Sum).grad(x).value(), 8.0);
}

#[test]
fn a_function_of_many_numbers_is_recorded_as_its_operations() {
    let tape = Tape::new();
    let x: [Scalar<'_>; 9] = std::array::from_fn(|k| tape.scalar(0.1 * (k + 1) as f64));
    let y = Scalar::zip_map(x, Nine);
    assert_eq!(tape.census()["exp"], 8);
    assert_eq!(y.value(), Nine.f(x.map(Scalar::value)));
    assert!(y.backward()[x[8]] != 0.0);
}

#[test]
fn the_tape_is_used_again() {
    let mut tape = Tape::new();
    let mut bytes = vec![];
    for _ in 0..3 {
        tape.clear();
        let x = AT.map(|x| tape.scalar(x));
        let y = (0..100).fold(x[0], |y, _| Scalar::zip_map([y, x[1], x[2], x[3]], Gate));
        let slope = y.backward()[x[1]];
        assert!(slope.is_finite() && slope != 0.0);
        bytes.push((tape.bytes(), slope));
    }
    assert!(bytes.iter().all(|first| *first == bytes[0]), "{bytes:?}");
}

/// A slope that is 0 passes nothing, and a gradient of 0 passes nothing through an infinite slope.
#[test]
fn edges_are_those_of_arrays() {
    #[derive(Clone, Copy)]
    struct Root;
    impl ElementwiseN<2> for Root {
        #[inline(always)]
        fn f<N: Number>(self, [x, y]: [N; 2]) -> N {
            x.sqrt() * y
        }
    }
    for at in [[0.0, 0.0], [0.0, 1.0], [4.0, 0.0], [f64::INFINITY, 1.0], [-1.0, 2.0]] {
        let tape = Tape::new();
        let [x, y] = at.map(|x| tape.scalar(x));
        let grads = Scalar::zip_map([x, y], Root).backward();
        let arrays = at.map(|x| tape.var([x]));
        let of_arrays = Var::zip_map(arrays, Root).sum().backward();
        for (x, array) in [(x, arrays[0]), (y, arrays[1])] {
            assert_eq!(grads[x].to_bits(), of_arrays[array].item().to_bits(), "at {at:?}");
        }
    }
}

#[test]
fn the_checker_looks_into_functions() {
    let point = [Tensor::from([0.8, 0.4])];
    fn numbers(x: Var<'_>) -> [Scalar<'_>; 2] {
        [0, 1].map(|i| x.slice(0, i..i + 1).sum())
    }
    fn right<'t>(x: &[Var<'t>]) -> Scalar<'t> {
        let [a, b] = numbers(x[0]);
        Scalar::zip_map([a, b, a * b, b], Gate) + a.map(Power(2.5))
    }
    let checker = Checker::new().operations(true).orders(2);
    let report = checker.check(right, &point).unwrap();
    assert!(report.passed(), "{report}");
    assert!(report.operations.expect("looked at").agreed >= 2);
    // A number of the function that moves with the input, without the tape's knowledge.
    fn detached<'t>(x: &[Var<'t>]) -> Scalar<'t> {
        let [a, b] = numbers(x[0]);
        Scalar::zip_map([a, b, a, b], Gate) + a.map(Power(b.value()))
    }
    let report = checker.check(detached, &point).unwrap();
    let first = &report.operations.as_ref().expect("looked at").findings[0];
    assert_eq!((first.name.as_str(), &first.cause), ("map", &Some(Cause::Detached)), "{report}");
    assert!(!report.passed() && first.file.ends_with("statements.rs"), "{report}");
}

#[test]
fn a_value_that_is_not_finite_names_its_line() {
    let tape = Tape::new();
    tape.check_finite();
    let x = tape.scalar(-1.0);
    let error = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| x.map(Power(2.0)))).unwrap_err();
    let text = error.downcast_ref::<String>().expect("a message");
    assert!(text.starts_with("map: the value became NaN") && text.contains("statements.rs"), "{text}");
}

#[test]
fn sparse_jacobians_know_which_numbers_a_function_reads() {
    fn f(x: Var<'_>) -> Var<'_> {
        let at = |i: usize| x.slice(0, i..i + 1).sum();
        let y: Vec<_> =
            (0..3).map(|i| Scalar::zip_map([at(i), at(i + 1), at(i), at(i)], Gate).to_var().reshape([1])).collect();
        Var::concat(&y, 0)
    }
    let x = Tensor::from([0.3, -0.2, 0.9, 0.5]);
    let (sparse, full) = (autograd::jacobian_sparse(f, &x), autograd::jacobian(f, &x));
    assert_eq!(sparse.to_dense(), full);
    assert_eq!(sparse.values().len(), 6);
}

/// Beyond the order to which derivatives are fused.
#[test]
fn functions_of_arrays_have_derivatives_of_any_order() {
    let tape = Tape::new();
    let x = AT.map(|x| tape.var([x, x + 1.0]));
    let (y, plain) = (Var::zip_map(x, Gate), Gate.f(x.map(Recorded::Handle)));
    let Recorded::Handle(plain) = plain else { unreachable!("it depends on arrays") };
    // By turns with respect to two inputs, and at the end in forward mode.
    let (mut d, mut by_operations) = (y, plain);
    for order in 1..=6 {
        let by = x[[0, 2][order % 2]];
        (d, by_operations) = (d.sum().grad(by), by_operations.sum().grad(by));
        assert!(
            d.value().is_close(&by_operations.value(), 1e-9),
            "order {order}: {} {}",
            d.value(),
            by_operations.value()
        );
        let ones = Tensor::ones([2]);
        let along = [d, by_operations].map(|d| d.jvp(&[(x[1], &ones)]));
        assert!(along[0].is_close(&along[1], 1e-9), "forward at order {order}");
    }
    assert!(d.sum().backward()[x[0]].is_close(&by_operations.sum().backward()[x[0]], 1e-9));
}

/// A function with two results takes two nodes, whose values, gradients and second derivatives are those of two functions.
#[test]
fn results_of_a_function_are_statements() {
    let mut tape = Tape::new();
    for _ in 0..2 {
        tape.clear(); // functions outlive a recording
        let x = [0.3, -0.7, 1.9].map(|x| tape.scalar(x));
        let [state, out] = Scalar::map_many(x, Cell);
        assert_eq!(tape.len(), 5);
        let [a, b] = [0, 1].map(|m| Scalar::zip_map(x, OneResult(Cell, m)));
        assert_eq!([state.value(), out.value()], [a.value(), b.value()]);
        let (fused, apart) = (state * out + state.sin(), a * b + a.sin());
        let (found, expected) = (fused.backward(), apart.backward());
        for x in x {
            assert_eq!(found[x], expected[x]);
            let (slope, other) = (fused.grad(x), apart.grad(x));
            assert_eq!((slope.value(), slope.backward()[x]), (other.value(), other.backward()[x]));
        }
    }
}
