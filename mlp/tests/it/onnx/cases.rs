//! Every layer and activation with inputs: those of the list of forms, and options that it does not have.

use autograd::{Float, Shape, Tape, Tensor};
use mlp::{Activation, Config, Module};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::json;

use crate::forms::{Form, forms};

pub(super) struct Case<T: Float> {
    pub(super) name: String,
    pub(super) layer: Box<dyn Module<T>>,
    pub(super) inputs: Tensor<T>,
}

/// Options, each with the shape of inputs. Classes are whole numbers.
const OPTIONS: &[(&str, &[usize], &str)] = &[
    ("linear of steps without biases", &[2, 3, 2], r#"{"layer":"linear","inputs":2,"outputs":4,"bias":false}"#),
    ("embedding", &[2, 3], r#"{"layer":"embedding","count":5,"width":2}"#),
    ("embedding with padding", &[6], r#"{"layer":"embedding","count":5,"width":3,"padding":4}"#),
    ("layer_norm with eps", &[2, 4], r#"{"layer":"layer_norm","features":4,"eps":0.1}"#),
    ("rms_norm with eps", &[2, 3, 4], r#"{"layer":"rms_norm","features":4,"eps":0.1}"#),
    ("batch_norm with eps", &[2, 3], r#"{"layer":"batch_norm","channels":3,"eps":0.1}"#),
    ("group_norm of signals", &[2, 4, 3], r#"{"layer":"group_norm","groups":2,"channels":4,"eps":0.1}"#),
    (
        "conv1d in groups",
        &[2, 4, 7],
        r#"{"layer":"conv1d","channels":4,"outputs":2,"size":2,"stride":3,"padding":1,"dilation":2,"groups":2,"bias":false}"#,
    ),
    (
        "conv_transpose1d",
        &[2, 4, 3],
        r#"{"layer":"conv_transpose1d","channels":4,"outputs":2,"size":2,"stride":3,"output_padding":1}"#,
    ),
    (
        "conv_transpose2d in groups",
        &[2, 4, 3, 3],
        r#"{"layer":"conv_transpose2d","channels":4,"outputs":2,"size":[2,3],"stride":[2,3],"padding":[1,0],"dilation":[1,2],"output_padding":[1,2],"groups":2,"bias":false}"#,
    ),
    ("max_pool1d with dilation", &[2, 2, 8], r#"{"layer":"max_pool1d","size":3,"stride":1,"padding":1,"dilation":2}"#),
    ("avg_pool1d", &[2, 2, 8], r#"{"layer":"avg_pool1d","size":3,"stride":2,"padding":1}"#),
    ("avg_pool1d with dilation", &[2, 2, 8], r#"{"layer":"avg_pool1d","size":3,"stride":1,"padding":1,"dilation":2}"#),
    (
        "avg_pool2d without padding",
        &[2, 2, 4, 5],
        r#"{"layer":"avg_pool2d","size":[2,3],"stride":[2,1],"padding":1,"exclude_padding":true}"#,
    ),
    (
        "avg_pool2d with dilation, without padding",
        &[2, 3, 5, 7],
        r#"{"layer":"avg_pool2d","size":[2,3],"stride":[2,1],"padding":1,"dilation":[1,2],"exclude_padding":true}"#,
    ),
    ("adaptive_avg_pool2d to one", &[2, 2, 4, 5], r#"{"layer":"adaptive_avg_pool2d","size":1}"#),
    ("adaptive_max_pool2d of equal windows", &[2, 2, 4, 6], r#"{"layer":"adaptive_max_pool2d","size":[2,3]}"#),
    ("adaptive_avg_pool2d to more", &[2, 2, 2, 3], r#"{"layer":"adaptive_avg_pool2d","size":[3,5]}"#),
    ("upsample2d by corners", &[2, 2, 2, 3], r#"{"layer":"upsample2d","size":[5,4],"how":"bilinear_corners"}"#),
    ("upsample2d to less", &[2, 2, 5, 6], r#"{"layer":"upsample2d","size":[2,1],"how":"bilinear"}"#),
    ("upsample2d to one by corners", &[2, 2, 3, 3], r#"{"layer":"upsample2d","size":1,"how":"bilinear_corners"}"#),
    ("upsample2d to the nearest", &[2, 2, 3, 6], r#"{"layer":"upsample2d","size":[7,10],"how":"nearest"}"#),
    ("straight_through", &[2, 3], r#"{"layer":"straight_through","function":"hard_tanh"}"#),
    ("prelu of one", &[2, 3], r#"{"layer":"prelu"}"#),
    ("rnn of two layers", &[2, 4, 2], r#"{"layer":"rnn","inputs":2,"hidden":3,"layers":2}"#),
    ("gru of two layers", &[3, 4, 2], r#"{"layer":"gru","inputs":2,"hidden":3,"layers":2,"last":true}"#),
    ("lstm of three layers", &[3, 4, 2], r#"{"layer":"lstm","inputs":2,"hidden":4,"layers":3,"last":true}"#),
    ("attention without biases", &[2, 5, 6], r#"{"layer":"attention","width":6,"heads":3,"causal":true,"bias":false}"#),
    ("positions of a part", &[2, 3, 4], r#"{"layer":"positions","longest":9,"width":4}"#),
    ("learned positions of a part", &[2, 3, 4], r#"{"layer":"positions","longest":9,"width":4,"learned":true}"#),
    (
        "causal transformer",
        &[2, 3, 4],
        r#"{"layer":"transformer","width":4,"heads":2,"inner":6,"activation":"relu","causal":true,"post_norm":true,"eps":0.01,"strength":0.5}"#,
    ),
    (
        "spectral_norm of a convolution",
        &[2, 2, 5],
        r#"{"layer":"spectral_norm","inner":{"layer":"conv_transpose1d","channels":2,"outputs":3,"size":2},"iterations":3}"#,
    ),
    (
        "weight_norm of a transposed convolution",
        &[2, 2, 3, 3],
        r#"{"layer":"weight_norm","inner":{"layer":"conv_transpose2d","channels":2,"outputs":3,"size":2}}"#,
    ),
    (
        "dense",
        &[2, 3],
        r#"{"layer":"dense","inputs":3,"units":2,"activation":"tanh","bias":false,"norm":{"layer":"rms_norm","eps":0.001},"dropout":0.1}"#,
    ),
    (
        "mlp of norms",
        &[2, 3],
        r#"{"layer":"mlp","inputs":3,"layers":[{"units":4,"norm":"layer_norm","activation":"silu"},{"units":1,"bias":false}]}"#,
    ),
    ("nothing", &[2, 3], r#"{"layer":"sequential","layers":[]}"#),
    (
        "a model of texts",
        &[3, 5],
        r#"{"layer":"sequential","layers":[
            {"layer":"embedding","count":5,"width":4},
            {"layer":"positions","longest":6,"width":4},
            {"layer":"transformer","width":4,"heads":2,"inner":8,"activation":"gelu","causal":true},
            {"layer":"transformer","width":4,"heads":2,"inner":8,"activation":"gelu","causal":true},
            {"layer":"layer_norm","features":4},
            {"layer":"lstm","inputs":4,"hidden":3,"last":true},
            {"layer":"linear","inputs":3,"outputs":5},
            {"layer":"activation","function":"log_softmax"}]}"#,
    ),
    (
        "a model of pictures",
        &[2, 2, 8, 8],
        r#"{"layer":"sequential","layers":[
            {"layer":"conv2d","channels":2,"outputs":4,"size":3,"padding":1},
            {"layer":"batch_norm","channels":4},
            {"layer":"activation","function":"relu"},
            {"layer":"max_pool2d","size":2},
            {"layer":"residual","inner":{"layer":"sequential","layers":[
                {"layer":"conv2d","channels":4,"outputs":4,"size":3,"padding":1},
                {"layer":"group_norm","groups":2,"channels":4},
                {"layer":"activation","function":"gelu_tanh"}]},"strength":0.25},
            {"layer":"adaptive_avg_pool2d","size":2},
            {"layer":"flatten"},
            {"layer":"dropout","p":0.2},
            {"layer":"linear","inputs":16,"outputs":3},
            {"layer":"activation","function":"softmax"}]}"#,
    ),
    (
        "network of networks",
        &[2, 3],
        r#"{"layer":"network","inputs":["x"],"parts":[
            {"name":"inner","reads":"x","module":{"layer":"network","inputs":["x"],"parts":[
                {"name":"f","reads":"x","module":{"layer":"linear","inputs":3,"outputs":3}},
                {"name":"sum","reads":["x","f","x"],"join":"add"}],"outputs":["sum"]}},
            {"name":"again","reads":"inner","same":"inner"},
            {"name":"gate","reads":["x","inner","again"],"join":"multiply"}],"outputs":["gate"]}"#,
    ),
];

fn built<T: Float>(text: &str) -> Box<dyn Module<T>> {
    let config: Config = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
    config.build(&mut StdRng::seed_from_u64(3)).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// No two alike, of both signs; whole numbers from 0 to 4 for a table.
fn inputs<T: Float>(shape: &[usize], classes: bool) -> Tensor<T> {
    let of = |i: usize| match classes {
        true => ((7 * i + i * i / 3) % 5) as f64,
        false => (1.7 * i as f64 + 0.4).sin() * (1.0 + 0.01 * i as f64),
    };
    let n = shape.iter().product::<usize>();
    Tensor::new(Shape::from(shape), (0..n).map(|i| T::from_f64(of(i))).collect::<Vec<_>>())
}

/// All cases, with running statistics and weights as behind a training. `whole`, a layer of the tests, is none of the crate's.
pub(super) fn cases<T: Float>() -> Vec<Case<T>> {
    let of_forms = forms::<T>().into_iter().filter(|form| form.layer.config().unwrap().layer() != "whole");
    let of_forms = of_forms.map(|Form { name, layer, inputs }| Case { name: name.into(), layer, inputs });
    let of_options = OPTIONS.iter().map(|&(name, shape, text)| {
        let classes = text.contains("embedding");
        Case { name: name.into(), layer: built(text), inputs: inputs(shape, classes) }
    });
    let of_activations = Activation::ALL.into_iter().map(|activation| {
        let text = json!({"layer": "activation", "function": activation}).to_string();
        Case { name: format!("activation {activation}"), layer: built(&text), inputs: inputs(&[3, 5], false) * 2.0 }
    });
    let all: Vec<_> = of_forms.chain(of_options).chain(of_activations).collect();
    for Case { name, layer, inputs } in &all {
        // A mean over two samples of each unit: steps move running statistics.
        if name.contains("batch_norm") || ["mlp", "network", "a model of pictures"].contains(&name.as_str()) {
            let tape = Tape::default();
            tape.train(1);
            layer.forward(tape.constant(inputs.clone()));
        }
        layer.parameters().params().for_each(|param| param.set(param.value() * 1.5 + 0.01));
    }
    all
}
