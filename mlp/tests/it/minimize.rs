//! L-BFGS beside PyTorch, Levenberg–Marquardt beside its paper and SciPy: figures of `tests/data/optimizers.py`.

use autograd::{Float, Param, Parameters, Scalar, Tape, Tensor, Var};
use mlp::{Lbfgs, LevenbergMarquardt};
use serde_json::Value;

use crate::figures::tensor;

fn figures() -> Value {
    serde_json::from_str(include_str!("../data/optimizers.json")).unwrap()
}

fn rosenbrock<T: Float>(x: Var<'_, T>) -> Scalar<'_, T> {
    let n = x.shape()[0];
    let (x, next) = (x.slice(0, 0..n - 1), x.slice(0, 1..n));
    ((next - x.square()).square() * 100.0 + (1.0 - x).square()).sum()
}

const START: [f64; 6] = [-1.2, 1.0, -0.5, 0.8, 1.5, -1.0];

fn one<T: Float>(start: &[f64]) -> (Param<T>, Parameters<T>) {
    let x = Param::new(Tensor::from_fn([start.len()], |i| T::from_f64(start[i[0]])));
    let parameters = Parameters::new().with("x", &x);
    (x, parameters)
}

#[test]
fn lbfgs_steps_as_that_of_pytorch() {
    for (history, path) in figures()["lbfgs"].as_object().unwrap() {
        let (x, parameters) = one::<f64>(&START);
        let make = || Lbfgs::new(&parameters).history(history.parse().unwrap()).tolerance(0.0);
        let mut lbfgs = make();
        let path = path.as_array().unwrap();
        assert_eq!(path.len(), 20);
        for (step, needed) in path.iter().enumerate() {
            // Taken up again from its state each time, to the same bits as without.
            let mut again = make();
            again.set_state(&lbfgs.state()).unwrap();
            lbfgs = again;
            let loss = lbfgs.step(|tape| rosenbrock(x.on(tape))).unwrap();
            let (found, needed) = (x.value(), tensor::<f64>(needed));
            assert!(found.is_close(&needed, 1e-7), "{history}, step {}: {found:?}, {needed:?} is needed", step + 1);
            assert_eq!(loss, rosenbrock(x.on(&Tape::new())).value());
        }
    }
}

#[test]
fn lbfgs_takes_the_same_steps_at_once() {
    let ((x, parameters), (y, others)) = (one::<f64>(&START), one::<f64>(&START));
    let mut alone = Lbfgs::new(&others);
    for _ in 0..7 {
        alone.step(|tape| rosenbrock(y.on(tape))).unwrap();
    }
    let found = Lbfgs::new(&parameters).minimize(7, |tape| rosenbrock(x.on(tape))).unwrap();
    assert_eq!((x.value(), found.steps, found.converged), (y.value(), 7, false));
    let mut lbfgs = Lbfgs::new(&parameters);
    let found = lbfgs.minimize(200, |tape| rosenbrock(x.on(tape))).unwrap();
    assert!(found.converged && found.loss < 1e-13, "{found:?}");
    assert!(x.value().is_close(&Tensor::ones([6]), 1e-6), "{:?}", x.value());
    // There is nothing left to do.
    let at = x.value();
    assert_eq!(lbfgs.minimize(9, |tape| rosenbrock(x.on(tape))).unwrap().steps, 0);
    assert_eq!(x.value(), at);
}

#[test]
fn lbfgs_works_in_f32_and_leaves_alone_what_it_must() {
    let (x, _) = one::<f32>(&[-1.2, 1.0]);
    let (frozen, unused) = (Param::<f32>::new([2.0]), Param::<f32>::new([3.0]));
    frozen.freeze();
    let parameters = Parameters::new().with("unused", &unused).with("x", &x).with("frozen", &frozen);
    let mut lbfgs = Lbfgs::new(&parameters).tolerance(1e-4);
    let mut loss = lbfgs.step(|tape| rosenbrock(x.on(tape)) * frozen.on(tape).sum() + unused.on(tape).sum()).unwrap();
    assert!(unused.value().item() < 3.0);
    unused.set([3.0]);
    for _ in 0..60 {
        loss = lbfgs.step(|tape| rosenbrock(x.on(tape)) * frozen.on(tape).sum()).unwrap();
    }
    assert!(loss < 1e-6, "{loss}");
    assert_eq!((frozen.value().item(), unused.value().item()), (2.0, 3.0));
}

/// A logarithm that is NaN beyond a wall, and a first step that leaps over it.
#[test]
fn lbfgs_finds_its_way_around_losses_that_are_not_finite() {
    let (x, parameters) = one::<f64>(&[0.9]);
    let mut lbfgs = Lbfgs::new(&parameters).first_length(20.0);
    let found = lbfgs.minimize(50, |tape| (x.on(tape) - x.on(tape).ln() * 2.0).sum()).unwrap();
    assert!(found.converged && (x.value().item() - 2.0).abs() < 1e-6, "{found:?}, {:?}", x.value());
    x.set([-1.0]);
    let error = lbfgs.step(|tape| x.on(tape).ln().sum()).unwrap_err().to_string();
    let why = "lbfgs: the loss is NaN where the step begins, or its gradient is not finite; begin with other weights";
    assert_eq!((error.as_str(), x.value().item()), (why, -1.0));
}

#[test]
fn a_state_that_lbfgs_cannot_have_is_refused() {
    let (x, parameters) = one::<f64>(&[-1.2, 1.0]);
    let mut lbfgs = Lbfgs::new(&parameters).history(2);
    lbfgs.minimize(3, |tape| rosenbrock(x.on(tape))).unwrap();
    let good = lbfgs.state();
    assert_eq!(*good["steps"].shape(), [2, 2].into());
    for (name, value, why) in [
        (
            "steps",
            Tensor::zeros([3, 2]),
            "`steps` has shape (3, 2) in the state, (rows, 2) with at most 2 rows is needed",
        ),
        ("steps", Tensor::zeros([2, 3]), "`steps` has shape (2, 3) in the state"),
        ("steps", Tensor::zeros([1, 2]), "the state has 1 steps and 2 changes, which make no pairs"),
        ("changes", Tensor::full([2, 2], f64::NAN), "`changes` holds NaN in the state, which is not finite"),
        ("changes", Tensor::zeros([2, 2]), "a pair in the state has no positive curvature"),
        ("more", Tensor::zeros([2, 2]), "the state has 3 arrays, of which it knows 2"),
    ] {
        let mut state = good.clone();
        state.insert(name.into(), value);
        let error = lbfgs.set_state(&state).unwrap_err().to_string();
        assert!(error.starts_with("lbfgs: ") && error.contains(why), "{error}");
        assert_eq!(lbfgs.state(), good);
    }
}

/// The residuals of a sum of two exponentials, and what they are fitted to.
fn decay<T: Float>(figures: &Value) -> (Tensor<T>, Tensor<T>) {
    (tensor(&figures["times"]), tensor(&figures["measured"]))
}

fn residuals<'t, T: Float>(p: Var<'t, T>, times: &Tensor<T>, measured: &Tensor<T>) -> Var<'t, T> {
    let times = times.reshape([times.numel(), 1]);
    let (sizes, rates) = (p.slice(0, 0..2), p.slice(0, 2..4));
    (rates * &-times).exp().matmul(sizes) - measured
}

const DECAY: [f64; 4] = [1.0, 1.0, 0.1, 5.0];

#[test]
fn levenberg_marquardt_steps_as_its_paper_says() {
    let figures = &figures()["levenberg_marquardt"];
    let (times, measured) = decay::<f64>(figures);
    let (p, parameters) = one::<f64>(&DECAY);
    let mut method = LevenbergMarquardt::new(&parameters);
    let path = figures["path"].as_array().unwrap();
    assert!(path.len() > 5);
    for (step, needed) in path.iter().enumerate() {
        let mut again = LevenbergMarquardt::new(&parameters);
        again.set_state(&method.state()).unwrap();
        method = again;
        method.step(|tape| residuals(p.on(tape), &times, &measured)).unwrap();
        let (found, needed) = (p.value(), tensor::<f64>(needed));
        assert!(found.is_close(&needed, 1e-7), "step {}: {found:?}, {needed:?} is needed", step + 1);
    }
    let found = method.fit(100, |tape| residuals(p.on(tape), &times, &measured)).unwrap();
    assert!(found.converged, "{found:?}");
    assert!(p.value().is_close(&tensor(&figures["solution"]), 1e-7), "{:?}", p.value());
    let covariance = method.covariance(|tape| residuals(p.on(tape), &times, &measured)).unwrap();
    assert!(covariance.is_close(&tensor(&figures["covariance"]), 1e-5), "{covariance:?}");
}

#[test]
fn levenberg_marquardt_works_in_f32_and_leaves_alone_what_it_must() {
    let figures = &figures()["levenberg_marquardt"];
    let (times, measured) = decay::<f32>(figures);
    let (p, _) = one::<f32>(&DECAY);
    let (frozen, unused) = (Param::<f32>::new([1.0]), Param::<f32>::new([3.0]));
    frozen.freeze();
    let parameters = Parameters::new().with("unused", &unused).with("p", &p).with("frozen", &frozen);
    let mut method = LevenbergMarquardt::new(&parameters).tolerance(1e-5);
    let found = method.fit(100, |tape| residuals(p.on(tape) * &frozen, &times, &measured)).unwrap();
    assert!(found.converged, "{found:?}");
    assert!(p.value().cast().is_close(&tensor::<f64>(&figures["solution"]), 1e-2), "{:?}", p.value());
    assert_eq!((frozen.value().item(), unused.value().item()), (1.0, 3.0));
}

#[test]
fn levenberg_marquardt_says_what_it_cannot_do() {
    let (p, parameters) = one::<f64>(&[1.0, 2.0]);
    let mut method = LevenbergMarquardt::new(&parameters);
    let error = method.step(|tape| p.on(tape).slice(0, 0..1)).unwrap_err().to_string();
    let few = "levenberg_marquardt: 1 residuals do not determine 2 numbers; give it more samples or fewer parameters";
    assert_eq!(error, few);
    let error = method.step(|tape| p.on(tape).sqrt() - (p.on(tape) - 3.0).sqrt()).unwrap_err().to_string();
    assert!(error.contains("a residual or a derivative is NaN or infinite where the step begins"), "{error}");
    let error = method.covariance(|tape| p.on(tape)).unwrap_err().to_string();
    assert!(error.contains("2 residuals leave nothing to tell the spread of 2 numbers by"), "{error}");
    assert_eq!(p.value().to_vec(), [1.0, 2.0]);
    let mut state = method.state();
    state["damping"] = 0.0.into();
    let error = method.set_state(&state).unwrap_err().to_string();
    let why = "levenberg_marquardt: `damping` holds 0 in the state, which is no damping";
    assert_eq!(error, format!("{why}; give it the state of one made alike"));
}
