//! The rows of layers, by those of `candle-nn`.

use std::collections::HashMap;

use benches::layers::{Answer, Kind, Row, factors, squares};
use candle_core::{D, DType, Device::Cpu, Result, Tensor, Var};
use candle_nn::rnn::{GRU, GRUConfig, LSTM, LSTMConfig, RNN};
use candle_nn::{BatchNorm, Conv2d, Conv2dConfig, Embedding, Linear, Module, VarBuilder, ops};

use super::tensor;
use crate::compare;

/// Outputs for inputs.
type Forward = Box<dyn Fn(&Tensor) -> Result<Tensor>>;

/// A row of layers.
pub fn row(row: &Row<f32>) -> Result<()> {
    let mut variables = Variables { row, all: vec![] };
    let forward = forward(&mut variables)?;
    let x = Var::from_tensor(&tensor(&row.inputs)?)?;
    let mut answer = answer(&forward, x.as_tensor(), &variables.all)?;
    let mut name = row.name.to_string();
    if row.kind == Kind::MaxPool2d {
        // The sweep multiplies by the mean of the mask under a window, which is 1/4 where one of four is the maximum.
        answer.of_inputs *= 16.0;
        name += ", its gradient a fourth of the right one";
    }
    let step = || -> Result<f32> {
        let loss = forward(&x)?.sum_all()?;
        loss.backward()?;
        loss.to_scalar()
    };
    compare::layer(&name, row, &answer, || step().expect("shapes fit"));
    Ok(())
}

fn answer(forward: &Forward, x: &Tensor, variables: &[Var]) -> Result<Answer> {
    let y = forward(x)?;
    let grads = (&y * tensor(&factors(y.dims()))?)?.sum_all()?.backward()?;
    let squares = |x: &Tensor| match grads.get(x) {
        Some(dx) => Ok(squares(&dx.flatten_all()?.to_vec1::<f32>()?)),
        None => Ok(0.0),
    };
    let outputs = y.flatten_all()?.to_vec1::<f32>()?.into_iter().map(f64::from).collect();
    let of_parameters = variables.iter().map(|w| squares(w)).sum::<Result<f64>>()?;
    Ok(Answer { outputs, of_inputs: squares(x)?, of_parameters })
}

/// The parameters of a row's layer, as variables.
struct Variables<'a> {
    row: &'a Row<f32>,
    all: Vec<Var>,
}

impl Variables<'_> {
    fn get(&mut self, name: &str) -> Result<Tensor> {
        self.keep(Var::from_tensor(&tensor(&self.row.parameter(name))?)?)
    }

    /// A matrix that ours keeps as (inputs, outputs), candle as (outputs, inputs).
    fn transposed(&mut self, name: &str) -> Result<Tensor> {
        self.keep(Var::from_tensor(&tensor(&self.row.parameter(name).t())?)?)
    }

    fn keep(&mut self, var: Var) -> Result<Tensor> {
        self.all.push(var);
        Ok(self.all[self.all.len() - 1].as_tensor().clone())
    }

    fn linear(&mut self, name: &str) -> Result<Linear> {
        Ok(Linear::new(self.transposed(&format!("{name}.w"))?, Some(self.get(&format!("{name}.b"))?)))
    }

    /// A recurrent layer's parameters by candle's names. `c` are the biases of the recurrent product.
    fn recurrent(&mut self, c: bool) -> Result<VarBuilder<'static>> {
        let mut named = HashMap::from([
            ("weight_ih_l0".to_string(), self.transposed("0.w")?),
            ("weight_hh_l0".to_string(), self.transposed("0.u")?),
            ("bias_ih_l0".to_string(), self.get("0.b")?),
        ]);
        if c {
            named.insert("bias_hh_l0".to_string(), self.get("0.c")?);
        }
        Ok(VarBuilder::from_tensors(named, DType::F32, &Cpu))
    }
}

fn forward(variables: &mut Variables<'_>) -> Result<Forward> {
    let row = variables.row;
    Ok(match row.kind {
        Kind::Conv2d { padding } => {
            let config = Conv2dConfig { padding, ..Conv2dConfig::default() };
            let conv = Conv2d::new(variables.get("w")?, Some(variables.get("b")?), config);
            Box::new(move |x| conv.forward(x))
        }
        Kind::MaxPool2d => Box::new(|x| x.max_pool2d(2)),
        Kind::AvgPool2d => Box::new(|x| x.avg_pool2d(2)),
        Kind::BatchNorm => {
            let (gain, shift) = (variables.get("gain")?, variables.get("shift")?);
            let norm = BatchNorm::new(gain.dim(0)?, gain.zeros_like()?, gain.ones_like()?, gain, shift, 1e-5)?;
            Box::new(move |x| norm.forward_train(x))
        }
        Kind::LayerNorm => {
            // `LayerNorm` and `layer_norm` have no gradient.
            let (gain, shift) = (variables.get("gain")?, variables.get("shift")?);
            Box::new(move |x| ops::layer_norm_slow(x, &gain, &shift, 1e-5))
        }
        Kind::Lstm => {
            // Ours has one vector of biases.
            let config = LSTMConfig { b_hh_init: None, ..LSTMConfig::default() };
            let lstm = LSTM::new(64, 64, config, variables.recurrent(false)?)?;
            Box::new(move |x| lstm.states_to_tensor(&lstm.seq(x)?))
        }
        Kind::Gru => {
            let gru = GRU::new(64, 64, GRUConfig::default(), variables.recurrent(true)?)?;
            Box::new(move |x| gru.states_to_tensor(&gru.seq(x)?))
        }
        Kind::Attention { heads } => {
            let attention = Attention {
                query: variables.linear("query")?,
                key: variables.linear("key")?,
                value: variables.linear("value")?,
                out: variables.linear("out")?,
                heads,
            };
            Box::new(move |x| attention.forward(x))
        }
        Kind::Embedding => {
            let table = variables.get("table")?;
            let embedding = Embedding::new(table.clone(), table.dim(1)?);
            let classes: Vec<u32> = row.inputs.as_slice().iter().map(|&class| class as u32).collect();
            let classes = Tensor::new(classes, &Cpu)?;
            Box::new(move |_| embedding.forward(&classes))
        }
    })
}

/// `candle-nn` has attention without gradients only. This is written as in the BERT of `candle-transformers`.
struct Attention {
    query: Linear,
    key: Linear,
    value: Linear,
    out: Linear,
    heads: usize,
}

impl Attention {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (n, time, width) = x.dims3()?;
        let depth = width / self.heads;
        let split = |x: Tensor| x.reshape((n, time, self.heads, depth))?.transpose(1, 2)?.contiguous();
        let query = split(self.query.forward(x)?)?;
        let key = split(self.key.forward(x)?)?;
        let value = split(self.value.forward(x)?)?;
        let scores = (query.matmul(&key.t()?)? / (depth as f64).sqrt())?;
        let y = ops::softmax(&scores, D::Minus1)?.matmul(&value)?;
        self.out.forward(&y.transpose(1, 2)?.contiguous()?.flatten_from(D::Minus2)?)
    }
}
