//! Gradients by rows against whole gradients.

use autograd::{Param, Parameters, Tape, Tensor, Var, backward_in_parts};

/// A table whose gradient is kept by rows, and the same without.
fn tables() -> [Param; 2] {
    let values = Tensor::new([7, 3], (0..21).map(|i| (1.3 * f64::from(i)).sin()).collect());
    let tables = [(); 2].map(|()| Param::new(values.clone()));
    tables[0].set_by_rows(true);
    tables
}

type Formula = for<'t> fn(Var<'t>) -> Var<'t>;

/// Formulas that read rows, whether their gradient stays by rows: once, twice, of two readings, and beside readings of the whole table.
const FORMULAS: [(&str, bool, Formula); 8] = [
    ("once", true, |w| w.take(0, &[3, 1]).square()),
    ("with repeats", true, |w| w.take(0, &[6, 2, 6, 6, 0, 2]).tanh()),
    ("two readings", true, |w| w.take(0, &[1, 2]).exp() * w.take(0, &[2, 5]).cos()),
    ("of nothing", true, |w| w.take(0, &[])),
    ("then the whole", false, |w| w.take(0, &[4, 4]).sum().square() + w.square().sum_axis(0)),
    ("before the whole", false, |w| w.exp().sum_axis(0) * w.take(0, &[5])),
    ("along another axis", false, |w| w.take(1, &[0, 2, 0]).square()),
    ("of a reordered table", false, |w| w.t().take(0, &[1]).square()),
];

fn weighted<'t>(y: Var<'t>) -> autograd::Scalar<'t> {
    let shape = y.shape();
    let weights = Tensor::new(shape.clone(), (0..shape.numel()).map(|i| 0.5 + 0.1 * i as f64).collect());
    (y * y.tape().constant(weights)).sum()
}

#[test]
fn rows_are_the_rows_of_the_whole_gradient() {
    for (name, by_rows, formula) in FORMULAS {
        let [own, plain] = tables();
        let tapes = [Tape::new(), Tape::new()];
        let found = weighted(formula(own.on(&tapes[0]))).backward();
        let needed = weighted(formula(plain.on(&tapes[1]))).backward();
        assert!(needed.rows_of(&plain).is_none());
        assert_eq!(found.rows_of(&own).is_some(), by_rows, "{name}");
        assert!(found[&own].is_close(&needed[&plain], 1e-15), "{name}");
        if let Some((rows, values)) = found.rows_of(&own) {
            assert_eq!(values.len(), rows.len() * 3);
            let sum = Tensor::new([rows.len(), 3], values.to_vec()).scatter_add(0, rows, 7);
            assert_eq!(sum, found[&own], "{name}");
        }
        // As an array of the tape it has the whole gradient too, and derivatives of it.
        let tape = Tape::new();
        let w = own.on(&tape);
        let once = weighted(formula(w)).grad(w);
        assert!(once.value().is_close(&needed[&plain], 1e-15), "{name}");
        let twice = once.square().sum().backward();
        let tape = Tape::new();
        let w = plain.on(&tape);
        let expected = weighted(formula(w)).grad(w).square().sum().backward();
        assert!(twice[&own].is_close(&expected[&plain], 1e-14), "{name}");
    }
}

/// One row of a batch is read a thousand times, most once, some twice: additions of the first lose nothing, in both types.
#[test]
fn a_row_that_is_read_often_keeps_its_digits() {
    let table: Param<f32> = Param::new(Tensor::zeros([2000, 3]));
    table.set_by_rows(true);
    let indices: Vec<usize> = (0..3000).map(|i| if i % 3 == 0 { 7 } else { i / 2 }).collect();
    let seeds: Tensor<f32> = Tensor::from_fn([3000, 3], |i| 0.1 + 0.001 * (i[0] % 10) as f32 - 0.01 * i[1] as f32);
    let mut expected = vec![0.0; 6000];
    for (row, seed) in indices.iter().zip(seeds.as_slice().chunks(3)) {
        (0..3).for_each(|k| expected[3 * row + k] += f64::from(seed[k]));
    }
    let tape = Tape::default();
    let grads = (table.on(&tape).take(0, &indices) * tape.constant(&seeds)).sum().backward();
    let (rows, values) = grads.rows_of(&table).expect("by rows");
    assert!(rows.len() > 1000 && rows.len() < 3000, "{}", rows.len());
    for (row, found) in rows.iter().zip(values.chunks(3)) {
        for (found, expected) in found.iter().zip(&expected[3 * row..]) {
            assert!((f64::from(*found) - expected).abs() <= 1e-7 * expected, "row {row}: {found} for {expected}");
        }
    }
}

#[test]
fn a_step_moves_the_rows_that_were_read() {
    for (name, by_rows, formula) in FORMULAS {
        let [own, plain] = tables();
        let before = own.value();
        let mut memory = [vec![1.0; 21], vec![1.0; 21]];
        let mut read = vec![true; 7];
        for (param, memory) in [&own, &plain].into_iter().zip(&mut memory) {
            let tape = Tape::new();
            let mut grads = weighted(formula(param.on(&tape))).backward();
            let parameters = Parameters::new().with("w", param);
            let norm = grads.clip_norm(&parameters, 1.5);
            assert!(norm == 0.0 || norm > 1.5, "{name}: {norm}");
            grads.clip_value(&parameters, 0.7);
            if let Some((rows, _)) = grads.rows_of(param) {
                read = (0..7).map(|row| rows.contains(&row)).collect();
            }
            assert!(grads.update_each(param, [memory.as_mut_slice()], |w, g, [m]| {
                *m = 0.5 * *m + g;
                *w -= 0.1 * *m;
            }));
        }
        for (row, &read) in read.iter().enumerate() {
            let at = |x: &[f64]| x[3 * row..3 * row + 3].to_vec();
            if read {
                let close = |a: &[f64], b: &[f64]| at(a).iter().zip(at(b)).all(|(a, b)| (a - b).abs() < 1e-14);
                assert!(close(own.value().as_slice(), plain.value().as_slice()), "{name}, row {row}");
                assert!(close(&memory[0], &memory[1]), "{name}, row {row}");
            } else {
                assert!(by_rows);
                assert_eq!(at(own.value().as_slice()), at(before.as_slice()), "{name}, row {row}");
                assert_eq!(at(&memory[0]), [1.0; 3], "{name}, row {row}");
            }
        }
    }
}

#[test]
fn parts_add_up_rows_and_whole_gradients() {
    for (first, _, a) in FORMULAS {
        for (second, _, b) in FORMULAS {
            let sums = tables().map(|table| {
                let mut tapes = [Tape::new(), Tape::new(), Tape::new()];
                let (grads, _) = backward_in_parts(&mut tapes, |part, tape| {
                    let w = table.on(tape);
                    (weighted(if part == 1 { b(w) } else { a(w) }), ())
                });
                grads[&table].clone()
            });
            assert!(sums[0].is_close(&sums[1], 1e-14), "{first}, {second}");
        }
    }
}

#[test]
fn other_sweeps_give_whole_gradients() {
    let [own, plain] = tables();
    let formula = |w: Var<'_>| w.take(0, &[6, 2, 6]).square().sum().value();
    let tape = Tape::new();
    let needed = plain.on(&tape).take(0, &[6, 2, 6]).square().sum().backward()[&plain].clone();
    let tape = Tape::new();
    let mut seen = 0;
    own.on(&tape).take(0, &[6, 2, 6]).square().sum().backward_each(|param, grads| {
        assert_eq!(grads[param], needed);
        seen += 1;
    });
    assert_eq!(seen, 1);
    let tape = Tape::new();
    tape.check_finite();
    let w = own.on(&tape);
    assert_eq!(w.take(0, &[6, 2, 6]).square().sum().backward()[&own], needed);
    assert!(formula(w).is_finite());
}

/// A row that was read before and is no longer has no gradient: nothing is left of an earlier sweep.
#[test]
fn sweeps_leave_nothing_behind() {
    let [own, _] = tables();
    let mut tape = Tape::new();
    for (rows, found) in [(&[1, 2][..], 2), (&[5], 1), (&[0, 1, 0, 6], 3), (&[], 0)] {
        tape.clear();
        let grads = own.on(&tape).take(0, rows).sum().backward();
        assert_eq!(grads.rows_of(&own).unwrap().0.len(), found);
        assert_eq!(grads[&own].as_slice().iter().sum::<f64>(), 3.0 * rows.len() as f64);
    }
}
