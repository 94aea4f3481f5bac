//! The rows of layers, by burn's modules.

use std::hint::black_box;

use ::burn::module::{Module, ModuleVisitor, Param};
use ::burn::nn::attention::{MhaInput, MultiHeadAttentionConfig};
use ::burn::nn::conv::Conv2dConfig;
use ::burn::nn::pool::{AvgPool2dConfig, MaxPool2dConfig};
use ::burn::nn::{
    BatchNormConfig, Embedding, GateController, GruConfig, LayerNormConfig, Linear, LstmConfig, PaddingConfig2d,
};
use ::burn::tensor::{Device, Gradients, Int, Tensor, TensorData};
use autograd::Tensor as Ours;
use benches::layers::{Answer, Kind, Row, factors, squares};

use super::{plain, tensor};
use crate::compare;

/// A row of layers.
pub fn row(row: &Row<f32>) {
    let device = &Device::flex().autodiff();
    match row.kind {
        Kind::Conv2d { padding } => {
            let w: Ours<f32> = row.parameter("w");
            let config = Conv2dConfig::new([w.shape()[1], w.shape()[0]], [3, 3])
                .with_padding(PaddingConfig2d::Explicit(padding, padding, padding, padding));
            let mut conv = config.init(device);
            conv.weight = param(&w, device);
            conv.bias = Some(param(&row.parameter("b"), device));
            of_inputs(row, &conv, |x| conv.forward(x));
        }
        Kind::MaxPool2d => {
            let pool = MaxPool2dConfig::new([2, 2]).init();
            of_inputs(row, &pool, |x| pool.forward(x));
        }
        Kind::AvgPool2d => {
            let pool = AvgPool2dConfig::new([2, 2]).init();
            of_inputs(row, &pool, |x| pool.forward(x));
        }
        Kind::BatchNorm => {
            let mut norm = BatchNormConfig::new(row.parameter("gain").numel()).init(device);
            norm.gamma = param(&row.parameter("gain"), device);
            norm.beta = param(&row.parameter("shift"), device);
            of_inputs(row, &norm, |x: Tensor<4>| norm.forward(x));
        }
        Kind::LayerNorm => {
            let mut norm = LayerNormConfig::new(row.parameter("gain").numel()).init(device);
            norm.gamma = param(&row.parameter("gain"), device);
            norm.beta = Some(param(&row.parameter("shift"), device));
            of_inputs(row, &norm, |x: Tensor<2>| norm.forward(x));
        }
        Kind::Lstm => {
            let mut lstm = LstmConfig::new(64, 64, true).init(device);
            lstm.input_gate = gate(row, 0, device);
            lstm.forget_gate = Some(gate(row, 1, device));
            lstm.cell_gate = gate(row, 2, device);
            lstm.output_gate = gate(row, 3, device);
            of_inputs(row, &lstm, |x| lstm.forward(x, None).0);
        }
        Kind::Gru => {
            let mut gru = GruConfig::new(64, 64, true).init(device);
            gru.reset_gate = gate(row, 0, device);
            gru.update_gate = gate(row, 1, device);
            gru.new_gate = gate(row, 2, device);
            of_inputs(row, &gru, |x| gru.forward(x, None));
        }
        Kind::Attention { heads } => {
            let mut attention = MultiHeadAttentionConfig::new(64, heads).with_dropout(0.0).init(device);
            attention.query = linear(row, "query", device);
            attention.key = linear(row, "key", device);
            attention.value = linear(row, "value", device);
            attention.output = linear(row, "out", device);
            of_inputs(row, &attention, |x| attention.forward(MhaInput::self_attn(x)).context);
        }
        Kind::Embedding => {
            let embedding = Embedding { weight: param(&row.parameter("table"), device) };
            let classes: Vec<i32> = row.inputs.as_slice().iter().map(|&class| class as i32).collect();
            let shape = [1, classes.len()];
            let classes = Tensor::<2, Int>::from_data(TensorData::new(classes, shape), device);
            verified(row, &embedding, |_| 0.0, || embedding.forward(classes.clone()));
        }
    }
}

fn param<const D: usize>(x: &Ours<f32>, device: &Device) -> Param<Tensor<D>> {
    Param::from_tensor(tensor(x, device))
}

fn linear(row: &Row<f32>, name: &str, device: &Device) -> Linear {
    let of = |part: &str| row.parameter(&format!("{name}.{part}"));
    Linear { weight: param(&of("w"), device), bias: Some(param(&of("b"), device)) }
}

/// The parameters of sum `k` of a recurrent layer. Where ours has one vector of biases, so has burn's.
fn gate(row: &Row<f32>, k: usize, device: &Device) -> GateController {
    let of = |name: &str| row.parameter(name).slice(usize::from(name.ends_with(['w', 'u'])), k * 64..(k + 1) * 64);
    let c = row.layer.parameters().get("0.c").map(|_| param(&of("0.c"), device));
    GateController {
        input_transform: Linear { weight: param(&of("0.w"), device), bias: Some(param(&of("0.b"), device)) },
        hidden_transform: Linear { weight: param(&of("0.u"), device), bias: c },
    }
}

/// A row whose inputs have a gradient.
fn of_inputs<const D: usize, const E: usize>(
    row: &Row<f32>,
    layer: &impl Module,
    forward: impl Fn(Tensor<D>) -> Tensor<E>,
) {
    let x: Tensor<D> = tensor(&row.inputs, &Device::flex().autodiff()).require_grad();
    let of_inputs = |grads: &Gradients| x.grad(grads).map_or(0.0, |dx| squares(&plain(dx)));
    verified(row, layer, of_inputs, || forward(x.clone()));
}

fn verified<const E: usize>(
    row: &Row<f32>,
    layer: &impl Module,
    of_inputs: impl Fn(&Gradients) -> f64,
    forward: impl Fn() -> Tensor<E>,
) {
    let y = forward();
    let grads = (y.clone() * tensor(&factors(y.dims()), &y.device())).sum().backward();
    let mut of_parameters = Squares { grads: &grads, sum: 0.0 };
    layer.visit(&mut of_parameters);
    let (of_parameters, of_inputs) = (of_parameters.sum, of_inputs(&grads));
    let outputs = plain(y).into_iter().map(f64::from).collect();
    compare::layer(row.name, row, &Answer { outputs, of_inputs, of_parameters }, || {
        let loss = forward().sum();
        black_box(loss.backward());
        loss.into_scalar()
    });
}

/// Adds up the squares of a module's gradients.
struct Squares<'a> {
    grads: &'a Gradients,
    sum: f64,
}

impl ModuleVisitor for Squares<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.sum += param.grad(self.grads).map_or(0.0, |dx| squares(&plain(dx)));
    }
}
