//! `#[derive(Module)]`: what it collects.

use autograd::{Float, Param, Shape, Tensor, Var};
use mlp::{Activation, BatchNorm, Dropout, Error, Init, Linear, Module, summary, summary_for};
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

/// Without a type parameter, over a number that it names.
#[derive(Module)]
#[module(number = f32, output_shape, check_inputs)]
struct Narrow {
    layer: Linear<f32>,
    scale: Param<f32>,
}

impl Narrow {
    fn forward<'t>(&self, x: Var<'t, f32>) -> Var<'t, f32> {
        self.layer.forward(x) * &self.scale
    }

    fn output_shape(&self, input: &Shape) -> Result<Option<Shape>, Error> {
        self.layer.output_shape(input)
    }

    fn check_inputs(&self, inputs: &Tensor<f32>) -> Result<(), Error> {
        match inputs.as_slice().iter().any(|&x| x < 0.0) {
            true => Err(Error::Invalid { what: "narrow", why: "a number is below 0".into() }),
            false => Ok(()),
        }
    }
}

#[test]
fn a_struct_may_be_over_one_number_alone_foretell_its_shape_and_check_its_inputs() {
    let model = Narrow { layer: linear(2, 3), scale: Param::new([2.0]) };
    let y = Module::predict(&model, &Tensor::ones([4, 2]));
    assert_eq!(Module::output_shape(&model, &[4, 2].into()).unwrap(), Some(y.shape().clone()));
    Module::check_inputs(&model, &Tensor::ones([4, 2])).unwrap();
    let error = Module::check_inputs(&model, &Tensor::full([4, 2], -1.0)).unwrap_err().to_string();
    assert_eq!(error, "narrow: a number is below 0");
    let error = summary_for(&model, [4, 5]).unwrap_err().to_string();
    assert!(error.starts_with("linear: rows of 2 numbers are needed, the input has shape (4, 5)"), "{error}");
}

/// Around layers of any type, some of them in a list, over a number named in the bounds; what is skipped may be anything.
#[derive(Module)]
struct Around<M, N, T, K: Send + Sync>
where
    T: Float,
{
    outer: M,
    inner: Vec<Option<N>>,
    gain: Param<T>,
    #[module(skip)]
    key: K,
}

impl<M: Module<T>, N: Module<T>, T: Float, K: Send + Sync> Around<M, N, T, K> {
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let y = self.inner.iter().flatten().fold(x, |x, layer| layer.forward(x));
        self.outer.forward(y) * &self.gain
    }
}

/// Around a layer alone, over `f64`.
#[derive(Module)]
struct Twice<M>(M);

impl<M: Module> Twice<M> {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.0.forward(self.0.forward(x))
    }
}

#[test]
fn layers_may_be_of_any_type() {
    let twice = Twice(linear(2, 2));
    let inputs = Tensor::from([[0.3, -1.2], [1.1, 0.4]]);
    check_module(&twice, &inputs);
    let model =
        Around { outer: twice, inner: vec![None, Some(Activation::Tanh)], gain: Param::new([1.5, 2.0]), key: 'k' };
    check_module(&model, &inputs);
    assert_eq!(model.parameters().names().collect::<Vec<_>>(), ["outer.0.w", "outer.0.b", "gain"]);
    assert_eq!(model.key, 'k');
    let named: Vec<_> = model.describe().into_iter().map(|row| row.layer).collect();
    assert_eq!(named, ["Around", "outer 0 linear", "inner.1 activation"]);
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
