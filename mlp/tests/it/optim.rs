//! Steps computed by hand.

use autograd::{Float, Param, Parameters, Tape, Tensor};
use mlp::{Adam, Muon, Optimizer, ScheduleFree, Sgd};

use crate::optimizers::{Form, optimizers};

/// Where `w`, at first 1, stands after steps with these gradients.
fn walk(optimizer: impl FnOnce(&Parameters) -> Box<dyn Optimizer>, gradients: &[f64]) -> Vec<f64> {
    let w = Param::new([1.0]);
    let mut optimizer = optimizer(&Parameters::new().with("w", &w));
    let mut tape = Tape::new();
    let step = |&g: &f64| {
        tape.clear();
        optimizer.step(&(w.on(&tape) * g).sum().backward());
        w.value().item()
    };
    gradients.iter().map(step).collect()
}

#[track_caller]
fn close(found: Vec<f64>, expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (a, b) in found.iter().zip(expected) {
        assert!((a - b).abs() < 1e-12, "{found:?} against {expected:?}");
    }
}

#[test]
fn plain_descent_steps_downhill() {
    close(walk(|p| Box::new(Sgd::new(p, 0.1)), &[1.0, -2.0]), &[0.9, 1.1]);
}

#[test]
fn momentum_gathers_velocity() {
    // v = 1, then 0.9·1 + 1 = 1.9, then 0.9·1.9 − 2 = −0.29.
    let found = walk(|p| Box::new(Sgd::new(p, 0.1).momentum(0.9)), &[1.0, 1.0, -2.0]);
    close(found, &[0.9, 0.71, 0.739]);
}

#[test]
fn nesterov_looks_ahead() {
    // v = 1, 1.9; steps 1 + 0.9·1 = 1.9, then 1 + 0.9·1.9 = 2.71.
    let found = walk(|p| Box::new(Sgd::new(p, 0.1).momentum(0.9).nesterov()), &[1.0, 1.0]);
    close(found, &[0.81, 0.539]);
}

#[test]
fn weight_decay_adds_to_the_gradient() {
    // g = 1 + 0.5·1 = 1.5, then 1 + 0.5·0.85 = 1.425.
    close(walk(|p| Box::new(Sgd::new(p, 0.1).weight_decay(0.5)), &[1.0, 1.0]), &[0.85, 0.7075]);
}

#[test]
fn adam_follows_the_paper() {
    // Step 1: m̂ = 1, v̂ = 1. Step 2: m = 0.9·0.1 − 0.1·2 = −0.11, v = 0.999·0.001 + 0.001·4 = 0.004999.
    let first = 1.0 - 0.1 / (1.0 + 1e-8);
    let second = first + 0.1 * (0.11 / 0.19) / ((0.004999_f64 / 0.001999).sqrt() + 1e-8);
    close(walk(|p| Box::new(Adam::new(p, 0.1)), &[1.0, -2.0]), &[first, second]);
}

#[test]
fn adams_settings_take_effect() {
    // β = (0, 0): the step is η·g/(|g| + ε).
    let found = walk(|p| Box::new(Adam::new(p, 0.1).betas(0.0, 0.0).eps(1.0)), &[3.0]);
    close(found, &[1.0 - 0.1 * 3.0 / 4.0]);
    // Decoupled: ηλw comes off, whatever the moments.
    let found = walk(|p| Box::new(Adam::new(p, 0.1).betas(0.0, 0.0).eps(1.0).weight_decay(0.5)), &[3.0]);
    close(found, &[0.95 - 0.1 * 3.0 / 4.0]);
}

#[test]
fn parameters_without_gradient_are_left_alone() {
    let (used, unused, frozen) = (Param::new([1.0]), Param::new([2.0]), Param::new([3.0]));
    frozen.freeze();
    let parameters = Parameters::new().with("used", &used).with("unused", &unused).with("frozen", &frozen);
    for (name, make) in optimizers() {
        let mut optimizer = make(&parameters, 0.1);
        let (before, tape) = (used.value().item(), Tape::new());
        optimizer.step(&(used.on(&tape) * &frozen).sum().backward());
        assert!(used.value().item() < before, "{name}");
        assert_eq!((unused.value().item(), frozen.value().item()), (2.0, 3.0), "{name}");
    }
}

#[test]
fn a_shared_parameter_steps_once() {
    for (name, make) in optimizers() {
        let [alone, tied] = [1, 2].map(|names| {
            let w = Param::new([1.0]);
            let one = Parameters::new().with("encoder", &w);
            let mut optimizer = make(&if names == 1 { one } else { one.with("decoder", &w) }, 0.1);
            let tape = Tape::new();
            optimizer.step(&w.on(&tape).sum().backward());
            w.value().item()
        });
        assert!(alone < 1.0 && tied == alone, "{name}: {tied} after one step, {alone} under one name");
    }
}

#[test]
fn the_learning_rate_can_change() {
    let w = Param::<f64>::new([1.0]);
    let parameters = Parameters::new().with("w", &w);
    for (name, make) in optimizers() {
        let mut optimizer = make(&parameters, 0.1);
        assert_eq!(optimizer.learning_rate(), 0.1, "{name}");
        optimizer.set_learning_rate(0.0);
        let tape = Tape::new();
        optimizer.step(&w.on(&tape).sum().backward());
        assert_eq!(w.value().item(), 1.0, "{name}");
    }
}

/// Where `w`, at first 1, stands after steps of Adam with these gradients, and what Adam remembers then.
fn walk_in<T: Float>(gradients: impl Iterator<Item = f64>) -> (Vec<f64>, Adam<T>) {
    let w = Param::<T>::new([T::one()]);
    let mut adam = Adam::new(&Parameters::new().with("w", &w), 0.1);
    let mut tape = Tape::default();
    let step = |g: f64| {
        tape.clear();
        adam.step(&(w.on(&tape) * &Tensor::from([T::from_f64(g)])).sum().backward());
        w.value().item().to_f64()
    };
    let path = gradients.map(step).collect();
    (path, adam)
}

#[test]
fn no_finite_gradient_makes_what_adam_remembers_infinite() {
    for huge in [1e18, 2e19, 6e20, 1e21, 1e30, 3e38] {
        for at in [0, 1, 7] {
            let gradients = || (0..40).map(|i| if i == at { -huge } else { (i as f64).cos() });
            let (found, adam) = walk_in::<f32>(gradients());
            // f64 has room for the squares: the steps after which f32 stood still.
            let (expected, _) = walk_in::<f64>(gradients());
            for (found, expected) in found.iter().zip(&expected) {
                assert!((found - expected).abs() < 1e-5, "{huge} at step {at}: {found} against {expected}");
            }
            assert!(adam.state().values().all(Tensor::is_finite));
        }
    }
    for huge in [1e150, 1e154, 1e160, -1e300] {
        // A step does not depend on the scale of gradients, up to the bound of those whose squares are finite.
        let gradients = [huge, -0.5 * huge, 1e140, 0.0];
        let bound = 2f64.powi(511);
        let (found, adam) = walk_in::<f64>(gradients.into_iter());
        let (expected, _) = walk_in::<f64>(gradients.into_iter().map(|g| g.clamp(-bound, bound) * 2f64.powi(-490)));
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-9, "{huge}: {found} against {expected}");
        }
        assert!(adam.state().values().all(Tensor::is_finite));
    }
    let (found, adam) = walk_in::<f32>(std::iter::repeat_n(f64::from(f32::MAX), 20_000));
    assert!(found.iter().all(|w| w.is_finite()) && adam.state().values().all(Tensor::is_finite));
}

#[test]
fn a_gradient_that_is_not_finite_shows() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(walk_in::<f32>([1.0, bad].into_iter()).0[1].is_nan());
        assert!(walk_in::<f64>([1.0, bad].into_iter()).0[1].is_nan());
    }
}

#[test]
fn an_optimiser_says_what_it_steps() {
    let (w, b) = (Param::new([1.0]), Param::new([2.0]));
    let parameters = Parameters::new().with("w", &w).with("b", &b).with("tied", &w);
    for (name, make) in optimizers() {
        let steps = make(&parameters, 0.1).parameters().unwrap();
        assert_eq!(steps.iter().collect::<Vec<_>>(), [("w", &w), ("b", &b)], "{name}");
    }
}

/// Its state takes another of its kind on where it stood, to the same bits, and one that does not fit changes nothing.
fn continues_from_its_state<T: Float>((name, make): &Form<T>) {
    let vector = Param::new(Tensor::from([1.0, -2.0]).cast());
    let matrix = Param::new(Tensor::from([[0.5, -0.3, 0.1], [0.2, 0.9, -0.7]]).cast());
    let late = Param::new(Tensor::from([1.0]).cast());
    let params = [&vector, &matrix, &late];
    let parameters = Parameters::new().with("vector", &vector).with("matrix", &matrix).with("late", &late);
    let steps = |optimizer: &mut dyn Optimizer<T>| {
        for k in 0..3 {
            let tape = Tape::<T>::default();
            let of_vector = (vector.on(&tape).square() * f64::from(1 + k)).sum();
            let loss = of_vector * matrix.on(&tape).exp().sum();
            let loss = if k == 1 { loss + late.on(&tape).sum() } else { loss };
            optimizer.step(&loss.backward());
        }
        params.map(Param::value)
    };
    let mut first = make(&parameters, 0.05);
    let (there, state) = (steps(&mut *first), first.state());
    let on = steps(&mut *first);
    params.iter().zip(there).for_each(|(param, there)| param.set(there));
    let mut second = make(&parameters, 0.05);
    second.set_state(&state).unwrap();
    assert_eq!(steps(&mut *second), on, "{name}");
    assert_eq!(second.state(), first.state(), "{name}");
    let mut wrong = state.clone();
    wrong.insert("vector.unknown".into(), Tensor::from(T::one()));
    let before = second.state();
    assert!(second.set_state(&wrong).is_err() && second.state() == before, "{name}: an array too many");
    for key in state.keys() {
        for value in [Tensor::from([0.0, f64::NAN]).cast(), Tensor::zeros([3])] {
            let mut wrong = state.clone();
            wrong[key.as_str()] = value;
            assert!(second.set_state(&wrong).is_err() && second.state() == before, "{name}: `{key}`");
        }
    }
}

#[test]
fn every_optimiser_continues_from_its_state() {
    optimizers::<f64>().iter().for_each(continues_from_its_state);
    optimizers::<f32>().iter().for_each(continues_from_its_state);
}

/// Gradients whose squares overflow are stepped along; those that are not finite show. Plain descent goes as far as they say.
#[test]
fn no_gradient_spoils_what_an_optimiser_remembers() {
    let plain = |name: &str| ["sgd", "momentum", "nesterov"].iter().any(|plain| name.starts_with(plain));
    for (name, make) in optimizers::<f32>().into_iter().filter(|(name, _)| !plain(name)) {
        let (w, m) = (Param::new([1.0f32, 2.0]), Param::new([[0.5f32, 1.0], [0.1, 0.2]]));
        let mut optimizer = make(&Parameters::new().with("w", &w).with("m", &m), 1e-3);
        let mut step = |g: f32| {
            let tape = Tape::<f32>::default();
            let g = tape.scalar_constant(g);
            optimizer.step(&((w.on(&tape).sum() + m.on(&tape).sum()) * g).backward());
            (optimizer.state(), [w.value(), m.value()])
        };
        for g in [1.0, -3e38, 2e19, 1e30, -1.0, 0.0] {
            let (state, values) = step(g);
            assert!(state.values().all(Tensor::is_finite), "{name}, {g}: {state:?}");
            assert!(values.iter().all(Tensor::is_finite), "{name}, {g}: {values:?}");
        }
        let (_, values) = step(f32::NAN);
        assert!(values.iter().all(|value| !value.is_finite()), "{name}: NaN is hidden");
    }
}

/// The list of forms lacks no optimiser of the crate: each file of `src/optim` is one.
#[test]
fn every_optimiser_is_in_the_list() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/optim");
    let list = include_str!("../common/optimizers.rs");
    let mut count = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        for name in text.lines().filter_map(|line| line.strip_prefix("impl<T: Float> Optimizer<T> for ")) {
            let name = name.split('<').next().unwrap();
            assert!(
                list.contains(&format!("{name}::new(")),
                "{name} is not tested: add a line to tests/common/optimizers.rs"
            );
            count += 1;
        }
    }
    assert!(count >= 2, "no optimiser found in {folder}");
}

#[test]
fn a_state_that_nothing_remembers_is_refused() {
    let w = Param::new([1.0, 2.0]);
    let parameters = Parameters::new().with("w", &w);
    let refused = |optimizer: &mut dyn Optimizer, name: &str, value: Tensor| {
        let mut state = optimizer.state();
        let before = state.clone();
        state[name] = value;
        let error = optimizer.set_state(&state).unwrap_err().to_string();
        assert_eq!(optimizer.state(), before, "changed in spite of: {error}");
        error
    };
    let end = "; give it the state of one made alike";
    let mut adam = Adam::new(&parameters, 0.1);
    for (name, value, why) in [
        ("w.mean", Tensor::from([0.0, f64::NAN]), "`w.mean` holds NaN in the state, which is not finite"),
        ("w.square", Tensor::from([f64::INFINITY, 0.0]), "`w.square` holds inf in the state, which is not finite"),
        ("w.square", Tensor::from([1.0, -1.0]), "`w.square` holds -1 in the state, which is no mean of squares"),
        ("w.steps", Tensor::from(2.5), "`w.steps` is 2.5 in the state, no number of steps"),
        ("w.steps", Tensor::from(-1.0), "`w.steps` is -1 in the state, no number of steps"),
    ] {
        assert_eq!(refused(&mut adam, name, value), format!("optimizer: {why}{end}"));
    }
    let mut sgd = Sgd::new(&parameters, 0.1).momentum(0.9);
    assert_eq!(
        refused(&mut sgd, "w.velocity", Tensor::from([f64::NEG_INFINITY, 0.0])),
        format!("optimizer: `w.velocity` holds -inf in the state, which is not finite{end}")
    );
}

#[test]
#[should_panic(expected = "optimizer: the learning rate NaN is not a finite number ≥ 0")]
fn a_learning_rate_that_is_none_is_refused() {
    let _ = Sgd::<f64>::new(&Parameters::new(), f64::NAN);
}

#[test]
#[should_panic(expected = "must be above 0, as f32 too")]
fn an_epsilon_that_is_0_in_the_type_is_refused() {
    let w = Param::<f32>::new([1.0]);
    let _ = Adam::new(&Parameters::new().with("w", &w), 0.1).eps(1e-60);
}

#[test]
#[should_panic(expected = "muon: `b` has shape (2,), and only matrices have singular values")]
fn muon_takes_matrices_only() {
    let _ = Muon::new(&Parameters::<f64>::new().with("b", &Param::new([1.0, 2.0])), 0.1);
}

#[test]
fn a_schedule_free_average_goes_in_and_out() {
    let w = Param::<f64>::new([3.0, -1.0]);
    let parameters = Parameters::new().with("w", &w);
    let step = |optimizer: &mut ScheduleFree| {
        let tape = Tape::new();
        optimizer.step(&w.on(&tape).square().sum().backward());
    };
    let mut optimizer = ScheduleFree::new(&parameters, 0.1);
    optimizer.evaluate(); // before a step, average and walker are where the parameters are
    optimizer.train();
    assert_eq!(w.value().to_vec(), [3.0, -1.0]);
    (0..3).for_each(|_| step(&mut optimizer));
    let at_y = w.value();
    optimizer.evaluate();
    assert_eq!(w.value(), optimizer.state()["w.average"]);
    // Saved at the average, and taken up there.
    let mut again = ScheduleFree::new(&parameters, 0.1);
    again.set_state(&optimizer.state()).unwrap();
    again.train();
    assert_eq!(w.value(), at_y);
    again.train();
    assert_eq!(w.value(), at_y);
}

#[test]
#[should_panic(
    expected = "schedule_free: the parameters are at the average, where no step begins; call train() before"
)]
fn no_step_begins_at_the_average() {
    let w = Param::<f64>::new([3.0]);
    let mut optimizer = ScheduleFree::new(&Parameters::new().with("w", &w), 0.1);
    optimizer.evaluate();
    let tape = Tape::new();
    optimizer.step(&w.on(&tape).square().sum().backward());
}
