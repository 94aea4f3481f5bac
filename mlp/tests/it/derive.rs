//! `#[derive(Module)]`: what it collects.

use autograd::{Float, Param, Tensor, Var};
use mlp::{Activation, BatchNorm, Dropout, Init, Linear, Module, summary};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::gradients::check_module;

fn linear<T: Float>(inputs: usize, outputs: usize) -> Linear<T> {
    Linear::new(inputs, outputs, &Init::glorot_uniform(), &mut StdRng::seed_from_u64(2)).unwrap()
}

/// A field of every kind.
#[derive(Module)]
struct Everything<T: Float> {
    first: Linear<T>,
    activation: Activation,
    scale: Param<T>,
    shift: Option<Param<T>>,
    missing: Option<Linear<T>>,
    blocks: Vec<Option<Linear<T>>>,
    pair: [Param<T>; 2],
    norm: BatchNorm<T>,
    any: Box<dyn Module<T>>,
    #[module(buffer)]
    steps: Param<T>,
    #[module(skip)]
    frozen: Linear<T>,
    width: usize,
    name: String,
}

impl<T: Float> Everything<T> {
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let mut x = self.activation.forward(self.first.forward(x)) * &self.scale;
        if let Some(shift) = &self.shift {
            x += shift;
        }
        for block in self.blocks.iter().flatten() {
            x = block.forward(x);
        }
        x = self.norm.forward(x * &self.pair[0] + &self.pair[1]);
        self.any.forward(x).matmul(x.tape().constant(self.frozen.w.value()))
    }
}

fn everything<T: Float>() -> Everything<T> {
    let param = |value: f64| Param::new(Tensor::full([3], T::from_f64(value)));
    Everything {
        first: linear(2, 3),
        activation: Activation::Tanh,
        scale: param(1.5),
        shift: Some(param(0.2)),
        missing: None,
        blocks: vec![Some(linear(3, 3)), None, Some(linear(3, 3))],
        pair: [param(0.7), param(-0.1)],
        norm: BatchNorm::new(3).unwrap(),
        any: Box::new(linear::<T>(3, 3)),
        steps: param(0.0),
        frozen: linear(3, 3),
        width: 3,
        name: String::from("all"),
    }
}

#[test]
fn parameters_buffers_and_layers_are_collected_by_field() {
    let model = everything::<f64>();
    let names = |all: autograd::Parameters| all.names().map(String::from).collect::<Vec<_>>();
    assert_eq!(
        names(model.parameters()),
        [
            "first.w",
            "first.b",
            "scale",
            "shift",
            "blocks.0.w",
            "blocks.0.b",
            "blocks.2.w",
            "blocks.2.b",
            "pair.0",
            "pair.1",
            "norm.gain",
            "norm.shift",
            "any.w",
            "any.b"
        ]
    );
    assert_eq!(names(model.buffers()), ["norm.mean", "norm.variance", "steps"]);
    let table = summary(&model);
    assert!(table.contains("Everything") && table.contains("blocks.2 linear"), "{table}");
    let total: usize = model.describe().iter().map(|row| row.parameters).sum();
    assert_eq!(total, model.parameters().numel());
    assert_eq!((model.width, model.name.as_str(), model.missing.is_none()), (3, "all", true));
}

#[test]
fn the_formula_is_the_structs_own() {
    let inputs = Tensor::from([[0.3, -1.2], [1.1, 0.4], [-0.8, 0.9]]);
    check_module(&everything::<f64>(), &inputs);
    let narrow = everything::<f32>().predict(&inputs.cast());
    assert!(everything::<f64>().predict(&inputs).is_close(&narrow.cast(), 1e-5));
}

/// Without a type parameter, over `f64`; fields without names count by position.
#[derive(Module)]
struct Pair(Linear, Dropout, Param);

impl Pair {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.1.forward(self.0.forward(x)) * &self.2
    }
}

#[test]
fn a_tuple_struct_names_by_position() {
    let model = Pair(linear(2, 1), Dropout::new(0.5).unwrap(), Param::new([2.0]));
    assert_eq!(model.parameters().names().collect::<Vec<_>>(), ["0.w", "0.b", "2"]);
    check_module(&model, &Tensor::from([[0.3, -1.2]]));
}
