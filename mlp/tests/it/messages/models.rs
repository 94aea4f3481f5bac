//! Models, layers, weights to begin with, and the laboratory.

use autograd::{Param, Tensor};
use mlp::init::{Distribution, Fan};
use mlp::theory::MeanField;
use mlp::{
    Activation, Dropout, Error, Flow, Init, Join, LayerNorm, Linear, Mlp, MlpBuilder, Module, Network, PRelu, Residual,
    Sequential,
};

use super::{check, rng, said};

fn build(builder: MlpBuilder) -> Result<(), Error> {
    builder.build::<f32>(&mut rng()).map(drop)
}

#[test]
fn models() {
    use Activation::{Elu, Identity, LeakyRelu, Tanh};
    let network = || Mlp::new(3).hidden(4, Tanh).output(2, Identity);
    let prelu = PRelu::<f64>::new(3).unwrap();
    let flat = Linear { w: Param::new([1.0, 2.0]), b: None };
    let steep = Residual::new(Linear { w: Param::new([[1.0], [2.0]]), b: None });
    check(vec![
        error!(build(Mlp::new(3)), "mlp: it has no output layer; call output(units, activation)"),
        error!(build(Mlp::new(0).output(2, Identity)), "mlp: layer 0 would be 0 → 2; no size may be 0"),
        error!(build(Mlp::new(3).hidden(0, Tanh).output(2, Identity)), "mlp: layer 0 would be 3 → 0; no size may be 0"),
        error!(build(network().dropout(1.0)), "dropout: the probability 1 lies outside [0, 1)"),
        error!(build(network().dropout(-1e-300)), "dropout: the probability -1e-300 lies outside [0, 1)"),
        error!(build(network().dropout(f64::NAN)), "dropout: the probability NaN lies outside [0, 1)"),
        error!(build(network().critical(f64::NAN)), "mlp: critical biases of variance NaN; a variance is a number ≥ 0"),
        error!(
            build(network().init(Init::Constant(f64::NAN))),
            "init: Constant(NaN) needs finite numbers, std ≥ 0, low ≤ high, and low ≤ 0 ≤ high around a mean"
        ),
        error!(
            build(network().init(Init::Constant(1e300))),
            "init: Constant(1e300) drew inf, too large for f32; make it smaller"
        ),
        error!(
            build(network().init(Init::Normal { mean: 0.0, std: 1e40 })),
            "init: Normal { mean: 0.0, std: 1e40 } drew inf, too large for f32; make it smaller"
        ),
        error!(
            build(Mlp::new(3).hidden(4, LeakyRelu(f64::NAN)).output(2, Identity)),
            "activation: `leaky_relu(NaN)` has an argument that is not finite"
        ),
        error!(
            build(Mlp::new(3).output(2, Elu(f64::INFINITY))),
            "activation: `elu(inf)` has an argument that is not finite"
        ),
        error!(
            build(Mlp::new(usize::MAX).output(2, Identity)),
            "init: an array of shape (18446744073709551615, 2) has more numbers than memory holds; make it smaller"
        ),
        error!(
            "leaky_relu(nan)".parse::<Activation>(),
            "activation: `leaky_relu(NaN)` has an argument that is not finite"
        ),
        error!(
            "linear(1, inf)".parse::<Activation>(),
            "activation: `linear(1, inf)` has an argument that is not finite"
        ),
        error!("elu(1, 2)".parse::<Activation>(), "activation: cannot read `elu(1, 2)`; write it as `elu(1)`"),
        error!(Dropout::new(1.5), "dropout: the probability 1.5 lies outside [0, 1)"),
        error!(LayerNorm::<f64>::new(0), "layer_norm: 0 features: there is nothing to normalise"),
        error!(
            Linear::<f64>::new(0, 2, &Init::he_normal(), &mut rng()),
            "linear: 0 → 2: a layer needs inputs and outputs"
        ),
        error!(
            Linear::<f64>::new(1 << 40, 1 << 40, &Init::Zeros, &mut rng()),
            "init: an array of shape (1099511627776, 1099511627776) has more numbers than memory holds; make it smaller"
        ),
        error!(PRelu::<f64>::new(0), "prelu: 0 features have no α; 1 shares it among all"),
        panics!(
            prelu.predict(&Tensor::ones([2, 2])),
            "prelu: rows of 3 numbers are needed, the input has shape (2, 2); reshape it or resize the layer"
        ),
        panics!(
            LayerNorm::<f64>::new(3).unwrap().predict(&Tensor::ones([2, 1])),
            "layer_norm: rows of 3 numbers are needed, the input has shape (2, 1); reshape it or resize the layer"
        ),
        panics!(
            Sequential::new().then(PRelu::<f64>::new(3).unwrap()).predict(&Tensor::ones([2, 2])),
            "prelu: rows of 3 numbers are needed, the input has shape (2, 2); reshape it or resize the layer"
        ),
        panics!(flat.inputs(), "linear: weights of shape (2,) are not (inputs, outputs)"),
        panics!(
            steep.predict(&Tensor::ones([4, 2])),
            "residual: the module turns shape (4, 2) into (4, 1); a shortcut needs equal shapes"
        ),
        panics!(
            Init::he_normal().sample::<f64>([3], &mut rng()),
            "init: shape (3,) is not (inputs, outputs); start biases with Init::Zeros"
        ),
        error!(
            Init::Scaled { gain: f64::INFINITY, fan: Fan::In, distribution: Distribution::Normal }
                .try_sample::<f64>([2, 2], &mut rng()),
            "init: Scaled { gain: inf, fan: In, distribution: Normal } needs finite numbers, std ≥ 0, low ≤ high, \
             and low ≤ 0 ≤ high around a mean"
        ),
        error!(
            Init::Constant(1e40).try_sample::<f32>([2, 2], &mut rng()),
            "init: Constant(1e40) drew inf, too large for f32; make it smaller"
        ),
    ]);
}

#[test]
fn networks() {
    let sum = |join| Network::new(["a", "b"]).join("sum", join, ["a", "b"]).outputs(["sum"]).unwrap();
    let (two, x) = (sum(Join::Add), Tensor::<f64>::ones([2, 3]));
    let given =
        |join, b: &[usize]| drop(sum(join).predict_all(&[("a", Tensor::ones([2, 3])), ("b", Tensor::<f64>::ones(b))]));
    given(Join::Multiply, &[2, 1]);
    given(Join::Concat(0), &[5, 3]);
    let wide = Network::new(["x"]).part("y", "x", PRelu::<f64>::new(4).unwrap()).outputs(["y"]).unwrap();
    check(vec![
        panics!(
            two.predict(&x),
            "network: it has 2 inputs and 1 outputs, and a module has one of each; give values by name: forward_all"
        ),
        panics!(two.predict_all(&[("a", x.clone())]), "network: the input `b` is missing; its inputs are `a`, `b`"),
        panics!(two.predict_all(&[("c", x.clone())]), "network: there is no input `c`; its inputs are `a`, `b`"),
        panics!(
            two.predict_all(&[("a", x.clone()), ("b", Tensor::ones([2, 1]))]),
            "add: shapes (2, 3), (2, 1): a sum needs equal shapes"
        ),
        panics!(
            wide.predict(&x),
            "prelu: rows of 4 numbers are needed, the input has shape (2, 3); reshape it or resize the layer"
        ),
    ]);
    for (join, b, text) in [
        (Join::Multiply, &[2, 2][..], "multiply: shapes (2, 3), (2, 2): lengths have to be equal, or 1"),
        (Join::Multiply, &[3], "multiply: shapes (2, 3), (3,): all need as many axes; reshape the values before"),
        (Join::Concat(0), &[2, 2], "concat: shapes (2, 3), (2, 2): they may differ along axis 0 only"),
        (Join::Concat(2), &[2, 3], "concat: shapes (2, 3), (2, 3): there is no axis 2; axes count from 0"),
    ] {
        let shapes = [("a", [2, 3].into()), ("b", b.into())];
        assert_eq!(sum(join).output_shapes(&shapes).unwrap_err().to_string(), format!("layer sum: {text}"));
    }
}

/// Makes a model and gives it inputs.
type Predict<'a> = Box<dyn Fn(&Tensor) + 'a>;

#[test]
fn inputs_that_do_not_fit_a_model_point_at_the_caller() {
    let linear = || Linear { w: Param::new(Tensor::ones([3, 3])), b: Some(Param::new(Tensor::zeros([3]))) };
    let network = || Mlp::new(3).hidden(4, Activation::Tanh).output(2, Activation::Identity);
    let models: [Predict<'_>; 5] = [
        Box::new(|x| drop(linear().predict(x))),
        Box::new(|x| drop(network().build(&mut rng()).unwrap().predict(x))),
        Box::new(|x| drop(network().layer_norm().dropout(0.5).build(&mut rng()).unwrap().predict(x))),
        Box::new(|x| drop(Sequential::new().then(linear()).then(Activation::Relu).predict(x))),
        Box::new(|x| drop(Residual::new(linear()).predict(x))),
    ];
    for predict in models {
        predict(&Tensor::ones([2, 3]));
        let (text, line) = said(|| {
            predict(&Tensor::ones([2, 4]));
            Ok(())
        });
        assert!(line.is_some() && text.contains("(2, 4)"), "{text}");
    }
}

#[test]
fn the_laboratory() {
    let model = Linear { w: Param::new([[2.0]]), b: None };
    let flow = || Flow::measure(&model, &Tensor::from([[3.0]]), |y| y.sum());
    let theory = || MeanField::new(Activation::Tanh).unwrap();
    check(vec![
        panics!(flow().with_rate(f64::NAN), "optimizer: the learning rate NaN is not a finite number ≥ 0 in f64"),
        panics!(flow().with_rate(-1e300), "optimizer: the learning rate -1e300 is not a finite number ≥ 0 in f64"),
        panics!(flow().with_updates(&[], &model.parameters()), "flow: 0 arrays of values given for 1 parameters"),
        panics!(theory().weights(-1e300), "mean_field: the variance of the weights is -1e300; it must be ≥ 0"),
        panics!(theory().biases(f64::NAN), "mean_field: the variance of the biases is NaN; it must be ≥ 0"),
        panics!(theory().correlation_map(1.0, 1e300), "mean_field: correlation 1e300 is not between −1 and 1"),
        error!(
            theory().initialised(&Init::Constant(1e300), 3, 3),
            "mean_field: Constant(1e300) has mean 1e300; the theory needs weights of mean 0"
        ),
        error!(
            MeanField::new(Activation::Relu).unwrap().weights(1e300).fixed_point(),
            "mean_field: the variance of `relu` grows without bound for σ_w² = 1e300, σ_b² = 0; take smaller weights"
        ),
        error!(
            MeanField::new(Activation::Softmax),
            "mean_field: `softmax` is not a function of each number alone; the theory needs one that is"
        ),
    ]);
}
