//! The wording of every refusal: operation, shapes, law, repair; and that it points at the caller's line.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use autograd::{Param, Parameters, Tape, Tensor, Var, broadcast};

/// One panic at a time: the hook is the process's.
static HOOK: Mutex<()> = Mutex::new(());

/// The message and the file of a panic.
fn panic_of(f: impl FnOnce()) -> (String, String) {
    let _guard = HOOK.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let place = std::sync::Arc::new(Mutex::new(String::new()));
    let seen = place.clone();
    let old = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        *seen.lock().unwrap() = info.location().map(|l| l.file().to_string()).unwrap_or_default();
    }));
    let result = catch_unwind(AssertUnwindSafe(f));
    std::panic::set_hook(old);
    let payload = result.expect_err("a refusal");
    let text = payload.downcast_ref::<String>().cloned();
    let text = text.or_else(|| payload.downcast_ref::<&str>().map(|s| s.to_string()));
    let place = place.lock().unwrap().clone();
    (text.expect("a message"), place)
}

/// The message of a panic at a line of this file.
#[track_caller]
fn refusal(f: impl FnOnce()) -> String {
    let (message, place) = panic_of(f);
    assert!(place.ends_with("messages.rs"), "the panic points at {place}, not at the caller: {message}");
    message
}

/// Something that is refused.
type Mistake<'a> = Box<dyn Fn() + 'a>;

/// Handles are `Copy`, so `drop` would warn.
fn ignore<T>(_: T) {}

fn array<'t>(tape: &'t Tape, shape: &[usize]) -> Var<'t> {
    tape.var(Tensor::ones(shape))
}

#[test]
fn shapes_that_do_not_fit() {
    let tape = Tape::new();
    let x = |shape: &[usize]| array(&tape, shape);
    let (a, b) = (x(&[2, 3]), x(&[4, 5]));
    let cases: Vec<(Mistake<'_>, &str)> = vec![
        (
            Box::new(|| ignore(a.matmul(b))),
            "matmul: inner dimensions differ: (2, 3) · (4, 5) needs 3 = 4; transpose an operand with t()?",
        ),
        (
            Box::new(|| ignore(a.pad(&[(usize::MAX, 1), (0, 0)], 0.0))),
            "pad: shape (18446744073709551615, 3) has more values than a computer can hold",
        ),
        (
            Box::new(|| ignore(a.split(0, &[usize::MAX, 3]))),
            "split: the lengths [18446744073709551615, 3] must add up to 2, axis 0 of shape (2, 3)",
        ),
        (
            Box::new(|| ignore(a.matmul(2.0))),
            "matmul: (2, 3) · (): a single number has no matrix product; multiply with *?",
        ),
        (
            Box::new(|| ignore(a + b)),
            "plus: shapes (2, 3) and (4, 5) do not broadcast: axis 0 of the result would need 2 = 4 \
             (axes align at the last one; a length of 1 stretches); reshape or transpose an operand?",
        ),
        (
            Box::new(|| ignore(&Tensor::<f64>::ones(2) * b)),
            "times: shapes (2,) and (4, 5) do not broadcast: axis 1 of the result would need 2 = 5 \
             (axes align at the last one; a length of 1 stretches); reshape or transpose an operand?",
        ),
        (Box::new(|| ignore(a.reshape([5]))), "reshape: shape (2, 3) has 6 values, shape (5,) needs 5"),
        (Box::new(|| ignore(a.sum_axis(2))), "sum_axis: axis 2 does not exist in shape (2, 3), which has axes 0 to 1"),
        (Box::new(|| ignore(a.sum_axis([0, 0]))), "sum_axis: axis 0 is named twice"),
        (Box::new(|| ignore(a.softmax(7))), "softmax: axis 7 does not exist in shape (2, 3), which has axes 0 to 1"),
        (Box::new(|| ignore(x(&[0]).max())), "max: the reduced axes of shape (0,) are empty, and have no max"),
        (
            Box::new(|| ignore(a.slice(1, 2..5))),
            "slice: 2..5 in steps of 1 does not lie within axis 1 of shape (2, 3) (0..3)",
        ),
        (Box::new(|| ignore(a.take(0, &[0, 2]))), "take: index 2 at position 1 is out of range for axis 0 of length 2"),
        (
            Box::new(|| ignore(a.cross_entropy(&[0, 3]))),
            "cross_entropy: index 3 at position 1 is out of range for axis 1 of length 3",
        ),
        (
            Box::new(|| ignore(a.cross_entropy(&[0]))),
            "cross_entropy: 1 classes given for the 2 rows of logits of shape (2, 3)",
        ),
        (
            Box::new(|| ignore(a.affine(b, Tensor::ones(5)))),
            "affine: (2, 3) · (4, 5) + (5,) does not fit (…, k) · (k, n) + (n,); transpose the weights?",
        ),
        (
            Box::new(|| ignore(Var::concat(&[a, b], 0))),
            "concat: array 1 of shape (4, 5) does not fit (2, 3): only axis 0 may differ",
        ),
        (
            Box::new(|| ignore(a.expand([3, 3]))),
            "expand: shape (2, 3) cannot be stretched to (3, 3): only axes of length 1, or missing ones, stretch",
        ),
        (Box::new(|| ignore(a.squeeze(0))), "squeeze: axis 0 of shape (2, 3) has length 2, not 1"),
        (Box::new(|| ignore(a.permute(&[0, 0]))), "permute: the order [0, 0] must name each axis of shape (2, 3) once"),
        (Box::new(|| ignore(a.item())), "item: shape (2, 3) has 6 values, not one; reduce it with sum() or mean()?"),
        (Box::new(|| ignore(Tensor::new([2], vec![1.0]))), "tensor: shape (2,) needs 2 values, got 1"),
        (
            Box::new(|| ignore(a.split(1, &[1, 1]))),
            "split: the lengths [1, 1] must add up to 3, axis 1 of shape (2, 3)",
        ),
    ];
    for (f, expected) in cases {
        assert_eq!(refusal(f), expected);
    }
}

#[test]
fn the_same_text_as_a_result_where_data_decides() {
    let x: Tensor = Tensor::ones([2, 3]);
    let errors = [
        (
            x.try_matmul(&x).unwrap_err(),
            "matmul: inner dimensions differ: (2, 3) · (2, 3) needs 3 = 2; transpose an operand with t()?",
        ),
        (x.try_reshape([4]).unwrap_err(), "reshape: shape (2, 3) has 6 values, shape (4,) needs 4"),
        (
            x.try_cross_entropy(&[0, 9]).unwrap_err(),
            "cross_entropy: index 9 at position 1 is out of range for axis 1 of length 3",
        ),
        (x.try_take(0, &[5]).unwrap_err(), "take: index 5 at position 0 is out of range for axis 0 of length 2"),
        (
            Param::new(x.clone()).try_set([1.0]).unwrap_err(),
            "param: a parameter of shape (2, 3) cannot take a value of shape (1,)",
        ),
    ];
    for (error, expected) in errors {
        assert_eq!(error.to_string(), expected);
    }
    assert!(broadcast("add", &[2].into(), &[3].into()).is_err());
}

#[test]
fn handles_of_two_tapes() {
    let (one, two) = (Tape::new(), Tape::new());
    let tapes = "the operands were recorded on two different tapes; record both on one, or pass values with value()";
    let (a, b) = (one.scalar(1.0), two.scalar(2.0));
    assert_eq!(refusal(|| ignore(a * b)), format!("times: {tapes}"));
    let (x, y) = (one.var([1.0]), two.var([2.0]));
    assert!(refusal(|| ignore(x + y)).ends_with(tapes));
    assert!(refusal(|| ignore(x.matmul(y))).ends_with(tapes));
    assert!(refusal(|| ignore(x * b)).ends_with(tapes));
    let grads = a.square().backward();
    assert_eq!(refusal(|| ignore(grads[b])), format!("gradient: {tapes}"));
    assert_eq!(refusal(|| ignore(grads[y].clone())), format!("gradient: {tapes}"));
}

#[test]
fn gradients_that_do_not_exist() {
    let tape = Tape::new();
    let (x, data) = (tape.var([1.0, 2.0]), tape.constant([3.0, 4.0]));
    let hidden = x * data;
    let grads = hidden.sum().backward();
    assert_eq!(
        refusal(|| ignore(grads[data].clone())),
        "gradient: the array of shape (2,) is a constant; make it with Tape::var to have its gradient"
    );
    assert_eq!(
        refusal(|| ignore(grads[hidden].clone())),
        "gradient: the gradient of an intermediate times of shape (2,) was not kept; call watch() on it before backward()"
    );
    let late = tape.var([1.0]);
    assert_eq!(
        refusal(|| ignore(grads[late].clone())),
        "gradient: the array of shape (1,) was recorded after backward(); record it before"
    );
    let constant = tape.scalar_constant(1.0);
    assert_eq!(
        refusal(|| ignore(grads[constant])),
        "gradient: the scalar is a constant; make it with Tape::scalar to have its gradient"
    );
    assert_eq!(
        refusal(|| ignore(grads[&Param::new([1.0])].clone())),
        "gradient: a parameter of shape (1,) is frozen or was not used on this tape; of() gives None instead"
    );
}

#[test]
fn a_sweep_through_an_updated_parameter() {
    let w = Param::new([2.0]);
    let tape = Tape::new();
    let y = (tape.var([3.0]) * &w).sum();
    y.backward().update(&w, |w, _| w[0] = 5.0);
    assert_eq!(
        refusal(|| ignore(y.backward())),
        "a parameter of shape (1,) was updated after it was recorded, and its old values are gone; \
         record the formula again (Tape::clear, then the forward pass)"
    );
}

#[test]
fn names_of_parameters_are_unique() {
    let w = Param::new([1.0]);
    assert_eq!(
        refusal(|| ignore(Parameters::new().with("w", &w).with("w", &w))),
        "parameters: the name `w` is taken; each parameter needs its own"
    );
}

#[test]
fn derivatives_of_what_was_not_recorded() {
    let tape = Tape::values_only();
    let (x, y) = (tape.var([1.0, 2.0]), tape.scalar(3.0));
    let along = Tensor::from([1.0, 0.0]);
    let cases: [(&str, Mistake<'_>); 6] = [
        ("backward", Box::new(|| ignore(x.sum().backward()))),
        ("backward", Box::new(|| ignore((y * y).backward()))),
        ("vjp", Box::new(|| ignore(x.vjp(&along)))),
        ("jvp", Box::new(|| ignore(x.jvp(&[(x, &along)])))),
        ("grad", Box::new(|| ignore(x.sum().grad(x)))),
        ("graph", Box::new(|| ignore(x.graph()))),
    ];
    for (op, mistake) in cases {
        let expected = format!("{op}: this tape computes values only; record on Tape::new() instead");
        assert_eq!(refusal(mistake), expected);
    }
}
