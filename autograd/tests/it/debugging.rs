//! A tape that checks names the operation that made the first value or gradient that is not finite.

use std::panic::{AssertUnwindSafe, catch_unwind};

use autograd::{Param, Tape, Tensor, Var};

/// The message of a panic.
fn message(f: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(f)).expect_err("a refusal");
    let text = payload.downcast_ref::<String>().cloned();
    text.or_else(|| payload.downcast_ref::<&str>().map(|text| text.to_string())).expect("a message")
}

fn checking() -> Tape {
    let tape = Tape::new();
    tape.check_finite();
    tape
}

/// `file:line` of the line after the caller's.
#[track_caller]
fn next_line() -> String {
    let place = std::panic::Location::caller();
    format!("{}:{}", place.file(), place.line() + 1)
}

#[test]
fn the_value_of_an_array() {
    let tape = checking();
    let x = tape.var([[1.0, 0.0], [2.0, -3.0]]);
    let y = x.square() - x;
    let mut line = String::new();
    let text = message(|| {
        line = next_line();
        let _ = y.ln();
    });
    assert_eq!(
        text,
        format!(
            "ln: the value became -inf at position 0 (2 of 4 values are not finite)\n  recorded at {line}\n  \
             shape (2, 2)\n  input 0: shape (2, 2), values from 0 to 12"
        )
    );
}

#[test]
fn structured_operations_and_operators_know_their_line() {
    let tape = checking();
    let x = tape.var(Tensor::full([1, 2], 1e200));
    let mut line = String::new();
    let text = message(|| {
        line = next_line();
        let _ = x.matmul(x.t());
    });
    assert!(text.starts_with("matmul: the value became inf at position 0 (1 of 1"), "{text}");
    assert!(text.contains(&format!("recorded at {line}\n")), "{text}\n{line}");
    let text = message(|| {
        line = next_line();
        let _ = x / 0.0;
    });
    assert!(text.contains(&format!("recorded at {line}\n")), "{text}\n{line}");
}

#[test]
fn the_gradient_of_an_array() {
    let tape = checking();
    let x = tape.var([0.0, 4.0]);
    let line = next_line();
    let root = x.sqrt();
    let text = message(|| drop(root.sum().backward()));
    assert_eq!(
        text,
        format!(
            "sqrt: the gradient of its input 0 became inf at position 0 (1 of 2 values are not finite)\n  recorded at {line}\n  \
             shape (2,)\n  input 0: shape (2,), values from 0 to 4"
        )
    );
}

#[test]
fn scalars() {
    let tape = checking();
    let x = tape.scalar(-1.0);
    let mut line = String::new();
    let text = message(|| {
        line = next_line();
        let _ = x.ln();
    });
    assert_eq!(text, format!("ln: the value became NaN\n  recorded at {line}\n  inputs [-1.0]"));
    let zero = tape.scalar(0.0);
    let line = next_line();
    let root = zero.sqrt();
    let text = message(|| drop(root.backward()));
    assert_eq!(text, format!("sqrt: the gradient of its input 0 became inf\n  recorded at {line}"));
}

#[test]
fn data_that_is_not_finite_is_named_too() {
    let text = message(|| {
        checking().constant([1.0, f64::NAN]);
    });
    assert!(text.starts_with("constant: the value became NaN at position 1 (1 of 2"), "{text}");
    let mut line = String::new();
    let text = message(|| {
        let tape = checking();
        line = next_line();
        tape.scalar(f64::INFINITY);
    });
    assert_eq!(text, format!("variable: the value became inf\n  recorded at {line}\n  inputs []"));
    let w = Param::new([[f64::NAN]]);
    let uses: [for<'t> fn(&'t Tape, &Param) -> Var<'t>; 4] = [
        |tape, w| w.on(tape),
        |tape, w| tape.var([[1.0]]) * w,
        |tape, w| w * tape.var([[1.0]]),
        |tape, w| tape.var([[1.0]]).matmul(w),
    ];
    for used in uses {
        let tape = checking();
        let text = message(|| _ = used(&tape, &w));
        assert!(text.starts_with("parameter: the value became NaN at position 0 (1 of 1"), "{text}");
        assert!(text.contains(&format!("recorded at {}:", file!())), "{text}");
    }
}

#[test]
fn closures_may_use_the_tape_that_calls_them_or_are_told_what_else_to_do() {
    let tape = Tape::new();
    let x = tape.scalar(3.0);
    let y = tape.constant_with([2], |i| (x + i as f64).value());
    assert_eq!(y.value().to_vec(), [3.0, 4.0]);
    tape.train(1);
    let text = message(|| _ = tape.random(|_| tape.random(|_| ())));
    assert!(text.starts_with("random: called within a closure that holds the generator"), "{text}");
}

#[test]
fn without_the_check_nothing_stops() {
    let tape = Tape::new();
    let x = tape.var([0.0]);
    assert_eq!(x.sqrt().sum().backward()[x].item(), f64::INFINITY);
}

#[test]
fn the_observer_sees_named_gradients_from_last_to_first() {
    let tape = Tape::new();
    let mut x = tape.var([1.0]).named("input");
    for layer in 0..3 {
        x = (x * 2.0).named(format!("layer {layer}"));
    }
    let mut seen = vec![];
    x.sum().backward_with(|name, gradient| seen.push(format!("{name}: {}", gradient.item())));
    assert_eq!(seen, ["layer 2: 1", "layer 1: 2", "layer 0: 4", "input: 8"]);
}

#[test]
fn an_observer_may_look_at_values() {
    let tape = Tape::new();
    let x = tape.var([3.0, 4.0]);
    let h = x.square().named("h");
    let mut ratios = vec![];
    h.sum().backward_with(|_, gradient| ratios.push(gradient.norm() / h.value().norm()));
    assert_eq!(ratios, [2f64.sqrt() / (81f64 + 256.0).sqrt()]);
}

#[test]
fn a_parameter_that_is_being_changed_refuses_to_be_read() {
    let w = Param::new([3.0, 4.0]);
    let tape = Tape::new();
    let grads = w.on(&tape).sum().backward();
    let law = "param: a parameter of shape (2,) was asked for its value while it is being changed";
    let step = || assert!(grads.update_each(&w, [], |_, _, []| drop(w.value())));
    let reads: [&dyn Fn(); 3] = [&|| w.modify(|_| drop(w.value())), &|| w.modify(|_| w.set([0.0, 0.0])), &step];
    for read in reads {
        let message = message(read);
        assert!(message.starts_with(law), "{message}");
    }
    // What does not change can be asked for, and afterwards all of it.
    assert_eq!(w.modify(|values| (values.len(), w.numel(), w.shape())), (2, 2, [2].into()));
    assert_eq!(w.modify(|_| format!("{w:?}")), "Param of shape (2,), being changed");
    assert_eq!(w.value().to_vec(), [3.0, 4.0]);
}

#[test]
fn an_updated_parameter_is_still_printed() {
    let w = Param::new([3.0, 4.0]);
    let tape = Tape::new();
    let recorded = w.on(&tape);
    recorded.sum().backward().update_each(&w, [], |w, dw, []| *w -= dw);
    assert_eq!(format!("{recorded:?}"), "Var [0] of a parameter that was updated since, of shape (2,)");
}
