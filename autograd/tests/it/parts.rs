//! Work in parts, on a tape each: the gradients of the sum.

use std::panic::{AssertUnwindSafe, catch_unwind};

use autograd::{
    Float, Gradient, Gradients, Param, Parameters, Scalar, Tape, Tensor, awake, backward_in_parts, gradients_by_part,
    set_threads,
};

use crate::threads::count;

fn tapes<T: Float>(parts: usize) -> Vec<Tape<T>> {
    (0..parts).map(|_| Tape::default()).collect()
}

fn numbers<T: Float>(shape: [usize; 2], salt: usize) -> Tensor<T> {
    Tensor::from_fn(shape, |i| T::from_f64(((i[0] * 7919 + i[1] * 104_729 + salt) % 2003) as f64 / 2003.0 - 0.5))
}

/// A layer and a loss over some rows.
fn loss<'t, T: Float>(tape: &'t Tape<T>, x: &Tensor<T>, w: &Param<T>, b: &Param<T>) -> Scalar<'t, T> {
    tape.constant(x.clone()).affine(w, b).tanh().square().sum()
}

/// The gradients of seven parts, of 1 to 7 rows; a parameter long enough that threads share its sum.
fn of_seven<T: Float>() -> (Vec<T>, [Tensor<T>; 2]) {
    let (w, b) = (Param::new(numbers([301, 400], 1)), Param::new(Tensor::zeros([400])));
    let mut tapes = tapes(7);
    let (grads, losses) = backward_in_parts(&mut tapes, |part, tape| {
        let loss = loss(tape, &numbers([part + 1, 301], part), &w, &b);
        (loss, loss.value())
    });
    (losses, [grads[&w].clone(), grads[&b].clone()])
}

#[test]
fn the_bits_depend_on_the_parts_and_not_on_the_threads() {
    fn same<T: Float>() {
        let _alone = count();
        set_threads(1);
        let one = of_seven::<T>();
        for threads in [2, 3, 8] {
            set_threads(threads);
            assert!(of_seven::<T>() == one, "{threads} threads");
            assert!(awake(of_seven::<T>) == one, "{threads} threads, awake");
        }
        set_threads(0);
    }
    same::<f32>();
    same::<f64>();
}

#[test]
fn parts_come_to_the_gradient_of_the_whole() {
    let (w, b) = (Param::new(numbers([5, 4], 1)), Param::new([0.1, -0.2, 0.3, 0.0]));
    let x = numbers([12, 5], 3);
    let tape = Tape::new();
    let whole = loss(&tape, &x, &w, &b).backward();
    for parts in [1, 2, 3, 12] {
        let rows = 12 / parts;
        let mut tapes = tapes(parts);
        let (grads, _) = backward_in_parts(&mut tapes, |part, tape| {
            let rows = x.as_slice()[part * rows * 5..(part + 1) * rows * 5].to_vec();
            (loss(tape, &Tensor::new([12 / parts, 5], rows), &w, &b), ())
        });
        for param in [&w, &b] {
            let pairs = grads[param].as_slice().iter().zip(whole[param].as_slice());
            let error = pairs.map(|(found, expected)| (found - expected).abs()).fold(0.0, f64::max);
            assert!(error < 1e-14, "{parts} parts: {error}");
        }
    }
}

/// Parts of different formulas: what one does not use, another may.
#[test]
fn each_part_may_use_parameters_of_its_own() {
    let [everywhere, first, last, nowhere, frozen] = [2.0, 3.0, 5.0, 7.0, 11.0].map(Param::<f64>::new);
    frozen.freeze();
    let mut tapes = tapes(3);
    for _ in 0..2 {
        let (grads, parts) = backward_in_parts(&mut tapes, |part, tape| {
            let x = everywhere.on(tape) * &frozen;
            let y = match part {
                0 => x * &first,
                1 => x,
                _ => x * &last * &last,
            };
            (y.sum(), part)
        });
        assert_eq!(parts, [0, 1, 2]);
        assert_eq!(grads[&everywhere].item(), 11.0 * (3.0 + 1.0 + 25.0));
        assert_eq!(grads[&first].item(), 22.0);
        assert_eq!(grads[&last].item(), 22.0 * 10.0);
        assert!(grads.of(&nowhere).is_none() && grads.of(&frozen).is_none());
    }
    // A parameter that a part uses, and its number does not depend on.
    let (grads, _) = backward_in_parts(&mut tapes[..2], |part, tape| {
        (if part == 0 { (first.on(tape).floor() + &last).sum() } else { first.on(tape).sum() }, ())
    });
    assert_eq!((grads[&first].item(), grads[&last].item()), (1.0, 1.0));
}

#[test]
fn an_update_is_in_place() {
    let (w, b) = (Param::new(numbers([30, 40], 1)), Param::new(Tensor::zeros([40])));
    let at = |param: &Param| param.value().as_slice().as_ptr();
    let before = [at(&w), at(&b)];
    let mut tapes = tapes(3);
    for _ in 0..3 {
        let (grads, _) = backward_in_parts(&mut tapes, |part, tape| (loss(tape, &numbers([4, 30], part), &w, &b), ()));
        for param in [&w, &b] {
            assert!(grads.update_each(param, [], |w, dw, []| *w -= 0.01 * dw));
        }
    }
    assert_eq!([at(&w), at(&b)], before);
}

#[test]
fn a_part_that_panics_stops_the_whole_and_spoils_nothing() {
    let w = Param::new(2.0);
    let mut tapes = tapes(4);
    for bad in 0..4 {
        let fails = catch_unwind(AssertUnwindSafe(|| {
            backward_in_parts(&mut tapes, |part, tape| {
                assert!(part != bad, "this part");
                (w.on(tape).square().sum(), ())
            });
        }));
        assert!(fails.is_err());
        let (grads, _) = backward_in_parts(&mut tapes, |_, tape| (w.on(tape).square().sum(), ()));
        assert_eq!(grads[&w].item(), 16.0);
    }
}

#[test]
#[should_panic(expected = "backward_in_parts: there is no tape; each part needs one")]
fn no_part_at_all_is_refused() {
    backward_in_parts::<f64, ()>(&mut [], |_, tape| (tape.scalar(0.0), ()));
}

#[test]
fn gradients_by_part_are_those_of_each_part_alone() {
    let (w, table) = (Param::new([1.0, -2.0]), Param::new([[1.0], [2.0], [3.0]]));
    table.set_by_rows(true);
    fn record<'t>(part: usize, tape: &'t Tape, w: &Param, table: &Param) -> Scalar<'t> {
        let rows = table.on(tape).take(0, &[part, 2]).square().sum();
        if part == 1 { rows } else { rows + (w.on(tape) * (part + 1) as f64).square().sum() }
    }
    let mut all = tapes(2);
    let (grads, numbers) = gradients_by_part(&mut all, |part, tape| (record(part, tape, &w, &table), part));
    assert_eq!(numbers, [0, 1]);
    for (part, grads) in grads.iter().enumerate() {
        let tape = Tape::new();
        let alone = record(part, &tape, &w, &table).backward();
        assert_eq!(grads.of(&w), alone.of(&w));
        assert_eq!(grads.rows_of(&table), alone.rows_of(&table));
    }
    assert!(grads[1].of(&w).is_none());
}

#[test]
fn gradients_given_clip_and_update_as_those_of_a_sweep() {
    let values = || (Param::new([1.0, -2.0]), Param::new([[1.0], [2.0], [3.0]]));
    let ((w, table), (v, other)) = (values(), values());
    let parameters = |w: &Param, table: &Param| Parameters::new().with("w", w).with("table", table);
    table.set_by_rows(true);
    let mut tape = Tape::new();
    let mut swept = (w.on(&tape).square().sum() + table.on(&tape).take(0, &[2, 0]).square().sum()).backward();
    let given = [
        (v.clone(), Gradient::Whole(Tensor::from([2.0, -4.0]))),
        (other.clone(), Gradient::Rows(vec![2, 0], vec![6.0, 2.0])),
    ];
    let mut other_tape = Tape::new();
    let _ = v.on(&other_tape).square().sum(); // what was recorded is cleared
    let mut found = Gradients::given(&mut other_tape, given);
    let norms = [swept.clip_norm(&parameters(&w, &table), 1.0), found.clip_norm(&parameters(&v, &other), 1.0)];
    assert_eq!(norms[0], norms[1]);
    for (grads, param) in [(&swept, [&w, &table]), (&found, [&v, &other])] {
        for param in param {
            assert!(grads.update_each(param, [], |w, dw, []| *w -= 0.5 * dw));
        }
    }
    assert_eq!((w.value(), table.value()), (v.value(), other.value()));
    drop(swept);
    tape.clear();
}

#[test]
fn gradients_given_have_to_fit_their_parameters() {
    let (w, table) = (Param::new([1.0, 2.0]), Param::new([[1.0, 2.0], [3.0, 4.0]]));
    let said = |given: Vec<(&Param, Gradient)>| {
        let given = given.into_iter().map(|(param, gradient)| (param.clone(), gradient));
        let refused = catch_unwind(AssertUnwindSafe(|| drop(Gradients::given(&mut Tape::new(), given))));
        let why = refused.expect_err("a refusal");
        let text = why.downcast_ref::<&str>().map(|text| text.to_string());
        text.unwrap_or_else(|| *why.downcast::<String>().expect("a text"))
    };
    let rows = |rows: &[usize], values: &[f64]| vec![(&table, Gradient::Rows(rows.to_vec(), values.to_vec()))];
    let whole = || (&w, Gradient::Whole(Tensor::from([1.0, 1.0])));
    let cases = [
        (vec![(&w, Gradient::Whole(Tensor::from([1.0])))], "of shape (1,) is given for a parameter of shape (2,)"),
        (vec![whole(), whole()], "a parameter is given twice"),
        (rows(&[2], &[1.0, 1.0]), "row 2 is given for a parameter of shape (2, 2), which has 2 rows"),
        (rows(&[1, 1], &[1.0; 4]), "row 1 is given twice"),
        (rows(&[1], &[1.0]), "1 values are given for 1 rows of a parameter of shape (2, 2), of 2 each"),
    ];
    for (given, why) in cases {
        let said = said(given);
        assert!(said.contains(why), "{said}");
    }
}

/// Parts that change a value outside the tape wait for each other: neither holds what the other would wait for.
#[test]
fn parts_may_change_a_value_that_others_read() {
    let _alone = count();
    for threads in [1, 2, 4] {
        set_threads(threads);
        let (w, calls) = (Param::new([1.0]), Param::new([0.0]));
        let mut tapes = tapes::<f64>(8);
        for _ in 0..50 {
            backward_in_parts(&mut tapes, |_, tape| {
                calls.modify(|calls| {
                    std::thread::yield_now();
                    calls[0] += 1.0;
                });
                assert!(calls.value().item() >= 1.0);
                (w.on(tape).sum(), ())
            });
        }
        assert_eq!(calls.value().item(), 400.0, "{threads} threads");
    }
    set_threads(0);
}
