//! Activations, by the operator that is the same function, or by their formula.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI};

use super::graph::{At, Attribute, Value};
use super::plain::behind_samples;
use crate::error::Result;
use crate::nn::activation::Activation;
use crate::nn::config::{Config, Configured};

pub(super) fn activation(at: &mut At<'_>, config: &Config, x: Value) -> Result<Value> {
    let data: <Activation as Configured>::Data = config.data()?;
    Ok(apply(at, data.function, x))
}

/// The nodes of one activation.
pub(super) fn apply(at: &mut At<'_>, activation: Activation, x: Value) -> Value {
    let float = |name: &'static str, value: f64| [(name, Attribute::Float(value))];
    let last = || [("axis", Attribute::Int(-1))];
    match activation {
        Activation::Identity => x,
        Activation::Linear { a, b } => {
            let y = at.with_number("Mul", &x, a);
            at.with_number("Add", &y, b)
        }
        Activation::UnitStep => {
            let sign = at.map("Sign", &x, &[], []);
            let half = at.with_number("Mul", &sign, 0.5);
            at.with_number("Add", &half, 0.5)
        }
        Activation::Sign => at.map("Sign", &x, &[], []),
        Activation::PiecewiseLinear => {
            let y = at.with_number("Add", &x, 0.5);
            clip(at, &y, 0.0, 1.0)
        }
        Activation::Sigmoid => at.map("Sigmoid", &x, &[], []),
        Activation::Tanh => at.map("Tanh", &x, &[], []),
        Activation::Relu => at.map("Relu", &x, &[], []),
        Activation::LeakyRelu(slope) => at.map("LeakyRelu", &x, &[], float("alpha", slope)),
        Activation::Elu(alpha) => at.map("Elu", &x, &[], float("alpha", alpha)),
        Activation::Softplus => at.map("Softplus", &x, &[], []),
        Activation::Gelu => {
            let scaled = at.with_number("Mul", &x, FRAC_1_SQRT_2);
            let erf = at.map("Erf", &scaled, &[], []);
            half_gate(at, &x, &erf)
        }
        Activation::GeluTanh => {
            let square = at.map("Mul", &x, &[&x.name], []);
            let cubic = at.with_number("Mul", &square, 0.044715);
            let factor = at.with_number("Add", &cubic, 1.0);
            let inner = at.map("Mul", &x, &[&factor.name], []);
            let scaled = at.with_number("Mul", &inner, FRAC_2_PI.sqrt());
            let tanh = at.map("Tanh", &scaled, &[], []);
            half_gate(at, &x, &tanh)
        }
        Activation::Silu => {
            let gate = at.map("Sigmoid", &x, &[], []);
            at.map("Mul", &x, &[&gate.name], [])
        }
        Activation::Mish => {
            let softplus = at.map("Softplus", &x, &[], []);
            let gate = at.map("Tanh", &softplus, &[], []);
            at.map("Mul", &x, &[&gate.name], [])
        }
        Activation::Selu => at.map("Selu", &x, &[], []), // with the constants of the paper
        Activation::HardTanh => clip(at, &x, -1.0, 1.0),
        Activation::HardSigmoid => {
            let settings = [("alpha", Attribute::Float(1.0 / 6.0)), ("beta", Attribute::Float(0.5))];
            at.map("HardSigmoid", &x, &[], settings)
        }
        Activation::Softsign => at.map("Softsign", &x, &[], []),
        Activation::Softmax => at.map("Softmax", &x, &[], last()),
        Activation::LogSoftmax => at.map("LogSoftmax", &x, &[], last()),
    }
}

fn clip(at: &mut At<'_>, x: &Value, low: f64, high: f64) -> Value {
    let [low, high] = [("low", low), ("high", high)].map(|(name, bound)| at.numbers(name, bound));
    at.map("Clip", x, &[&low, &high], [])
}

/// `x/2·(1 + s)`, where s lies between −1 and 1.
fn half_gate(at: &mut At<'_>, x: &Value, s: &Value) -> Value {
    let gate = at.with_number("Add", s, 1.0);
    let y = at.map("Mul", x, &[&gate.name], []);
    at.with_number("Mul", &y, 0.5)
}

pub(super) fn prelu(at: &mut At<'_>, _: &Config, x: Value) -> Result<Value> {
    if at.state.need("alpha")?.numel() > 1 {
        behind_samples(&x, 1)?;
    }
    let alpha = at.weight("alpha")?;
    Ok(at.map("PRelu", &x, &[&alpha], []))
}
