//! What an observer of one's own is shown, and layers with state that is saved and not trained.

use std::cell::RefCell;
use std::rc::Rc;

use autograd::{Param, Parameters, Tape, Tensor, Var};
use mlp::{
    Activation, Dataset, Linear, Mlp, Module, Mse, Observer, Parameter, Part, Probe, Residual, Sequential, Sgd, Site,
    Slopes, Trainer, io,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

/// Writes down what it is shown.
#[derive(Clone, Default)]
struct Recorder(Rc<RefCell<Vec<String>>>);

impl Recorder {
    fn note(&self, text: impl Into<String>) {
        self.0.borrow_mut().push(text.into());
    }
}

impl Observer for Recorder {
    fn begin(&mut self) {
        self.note("begin");
    }
    fn output(&mut self, site: &Site<'_>, values: &Tensor) {
        self.note(format!("{} {} {} {values}", site.number, site.name, site.kind));
    }
    fn sums(&mut self, site: &Site<'_>, sums: &Tensor, slopes: Slopes<'_>) {
        let slopes = slopes(sums).map_or("none".into(), |slopes| slopes.to_string());
        self.note(format!("{} sums {sums} slopes {slopes}", site.number));
    }
    fn gradient(&mut self, site: &Site<'_>, part: Part, gradient: &Tensor) {
        self.note(format!("{} {part:?} gradient {gradient}", site.number));
    }
    fn parameter(&mut self, parameter: &Parameter<'_>) {
        let Parameter { name, frozen, value, gradient, .. } = parameter;
        let gradient = gradient.as_ref().map_or("none".into(), Tensor::to_string);
        self.note(format!("{name} {value} frozen {frozen} gradient {gradient}"));
    }
    fn swept(&mut self, loss: f64) {
        self.note(format!("loss {loss}"));
    }
    fn updated(&mut self, name: &str, before: &Tensor, after: &Tensor) {
        self.note(format!("{name} {before} to {after}"));
    }
    fn stepped(&mut self, step: usize) {
        self.note(format!("step {step}"));
    }
}

fn model() -> Sequential {
    let linear = |w: f64| Linear { w: Param::new([[w]]), b: None };
    Sequential::new().then(linear(2.0)).then(Activation::Relu).then(linear(-1.0))
}

const FORWARD: [&str; 5] = [
    "begin",
    "0 0 linear [[2.0000]]",
    "1 1 relu [[2.0000]]",
    "1 sums [[2.0000]] slopes [[1.0000]]",
    "2 2 linear [[-2.0000]]",
];
const BACKWARD: [&str; 7] = [
    "2 Output gradient [[1.0000]]",
    "1 Output gradient [[-1.0000]]",
    "1 Sums gradient [[-1.0000]]",
    "0 Output gradient [[-1.0000]]",
    "0.w [[2.0000]] frozen false gradient [[-1.0000]]",
    "2.w [[-1.0000]] frozen false gradient [[2.0000]]",
    "loss -2",
];

#[test]
fn an_observer_is_shown_values_and_gradients_in_a_loop_of_ones_own() {
    let (model, tape, mut seen) = (model(), Tape::new(), Recorder::default());
    let mut probe = Probe::new(&mut seen);
    let loss = model.forward_with(tape.constant([[1.0]]), &mut probe).sum();
    let gradients = probe.backward(loss, &model.parameters());
    assert_eq!(gradients[model.parameters().get("2.w").unwrap()], Tensor::from([[2.0]]));
    assert_eq!(*seen.0.borrow(), [&FORWARD[..], &BACKWARD[..]].concat());
}

#[test]
fn an_observer_of_steps_is_shown_the_updates_too() {
    let (model, seen) = (model(), Recorder::default());
    // The loss is (y − t)²; at y = −2, t = −2.5 its gradient is 1.
    let data = Dataset::new(Tensor::from([[1.0]]), Tensor::from([[-2.5]])).unwrap();
    let trainer = Trainer::new().progress(false).epochs(3).observe_steps(2, seen.clone());
    trainer.fit(&model, &Mse, &mut Sgd::new(&model.parameters(), 0.5), &data, None).unwrap();
    let seen = seen.0.borrow();
    assert_eq!(seen[..11], [&FORWARD[..], &BACKWARD[..6]].concat());
    assert_eq!(seen[11..15], ["loss 0.25", "0.w [[2.0000]] to [[2.5000]]", "2.w [[-1.0000]] to [[-2.0000]]", "step 1"]);
    assert_eq!(seen.iter().filter(|line| line.starts_with("step")).collect::<Vec<_>>(), ["step 1", "step 3"]);
}

/// `x` less the running mean of the batches that it was trained on.
struct Centred(Param);

impl Module for Centred {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        if x.tape().is_training() {
            self.0.set(self.0.value() * 0.9 + x.value().mean_axis(0) * 0.1);
        }
        x - x.tape().constant(self.0.value())
    }
    fn parameters(&self) -> Parameters {
        Parameters::new()
    }
    fn buffers(&self) -> Parameters {
        Parameters::new().with("mean", &self.0)
    }
}

fn centred() -> Sequential {
    let layer =
        |inputs, outputs| Mlp::new(inputs).output(outputs, Activation::Tanh).build(&mut StdRng::seed_from_u64(1));
    let inner = Sequential::new().then(Centred(Param::new([0.0; 3]))).then(layer(3, 3).unwrap());
    Sequential::new().then(layer(2, 3).unwrap()).then(Residual::new(inner)).then(layer(3, 1).unwrap())
}

#[test]
fn buffers_are_saved_and_loaded_and_not_trained() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("training.safetensors");
    let inputs = Tensor::from_fn([40, 2], |i| ((i[0] * 2 + i[1]) as f64 * 2.399).sin());
    let targets = Tensor::from_fn([40, 1], |i| inputs.get([i[0], 0]) * 0.5);
    let data = Dataset::new(inputs.clone(), targets).unwrap();
    let train = |trainer: Trainer<'_>| {
        let model = centred();
        trainer.progress(false).fit(&model, &Mse, &mut Sgd::new(&model.parameters(), 0.1), &data, None).unwrap();
        model
    };
    let through = train(Trainer::new().epochs(4));
    let mean = through.buffers().get("1.0.mean").unwrap().value();
    assert!(mean.abs().max() > 0.0, "it moved with the batches");
    assert!(through.parameters().get("1.0.mean").is_none());
    assert_eq!(through.state().len(), through.parameters().len() + 1);

    train(Trainer::new().epochs(2).save_training(1, &path));
    let resumed = train(Trainer::new().epochs(4).resume_from(&path));
    assert_eq!(resumed.predict(&inputs), through.predict(&inputs));
    let weights = folder.path().join("weights.safetensors");
    io::save(&through.state(), &weights).unwrap();
    let copy = centred();
    io::load(&copy.state(), &weights).unwrap();
    assert_eq!(copy.predict(&inputs), through.predict(&inputs));
}
