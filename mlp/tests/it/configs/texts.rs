//! The text of every layer, as it is kept.

/// Each form of `tests/common/forms.rs`, and its text. A row never changes: files of users hold such texts.
pub(super) const TEXTS: &[(&str, &str)] = &[
    ("linear", r#"{"layer":"linear","inputs":3,"outputs":2}"#),
    ("linear without biases", r#"{"layer":"linear","inputs":3,"outputs":2,"bias":false}"#),
    ("linear of several axes", r#"{"layer":"linear","inputs":3,"outputs":2}"#),
    ("layer_norm", r#"{"layer":"layer_norm","features":4}"#),
    ("batch_norm", r#"{"layer":"batch_norm","channels":3}"#),
    ("batch_norm of pictures", r#"{"layer":"batch_norm","channels":3}"#),
    ("batch_norm without affine", r#"{"layer":"batch_norm","channels":3,"affine":false}"#),
    ("group_norm", r#"{"layer":"group_norm","groups":2,"channels":4}"#),
    ("group_norm of pictures", r#"{"layer":"group_norm","groups":2,"channels":4}"#),
    ("instance_norm", r#"{"layer":"group_norm","groups":3,"channels":3,"affine":false}"#),
    ("rms_norm", r#"{"layer":"rms_norm","features":4}"#),
    ("alpha_dropout", r#"{"layer":"alpha_dropout","p":0.5}"#),
    ("weight_norm", r#"{"layer":"weight_norm","inner":{"layer":"linear","inputs":3,"outputs":2}}"#),
    ("spectral_norm", r#"{"layer":"spectral_norm","inner":{"layer":"linear","inputs":3,"outputs":2}}"#),
    ("conv1d", r#"{"layer":"conv1d","channels":2,"outputs":3,"size":3,"stride":2,"padding":1}"#),
    ("conv2d", r#"{"layer":"conv2d","channels":2,"outputs":3,"size":[3,2],"padding":[1,0],"dilation":[1,2]}"#),
    ("conv2d in groups", r#"{"layer":"conv2d","channels":4,"outputs":2,"size":2,"groups":2,"bias":false}"#),
    (
        "conv_transpose2d",
        r#"{"layer":"conv_transpose2d","channels":2,"outputs":3,"size":3,"stride":2,"padding":1,"output_padding":1}"#,
    ),
    (
        "weight_norm of a convolution",
        r#"{"layer":"weight_norm","inner":{"layer":"conv2d","channels":2,"outputs":3,"size":2}}"#,
    ),
    ("max_pool1d", r#"{"layer":"max_pool1d","size":2}"#),
    ("max_pool2d", r#"{"layer":"max_pool2d","size":3,"stride":[1,2],"padding":1}"#),
    ("avg_pool1d", r#"{"layer":"avg_pool1d","size":2,"stride":1}"#),
    ("avg_pool2d", r#"{"layer":"avg_pool2d","size":2,"padding":1}"#),
    ("adaptive_avg_pool2d", r#"{"layer":"adaptive_avg_pool2d","size":[2,3]}"#),
    ("adaptive_max_pool2d", r#"{"layer":"adaptive_max_pool2d","size":[3,2]}"#),
    ("upsample2d", r#"{"layer":"upsample2d","size":[3,5],"how":"bilinear"}"#),
    ("flatten", r#"{"layer":"flatten"}"#),
    ("dropout", r#"{"layer":"dropout","p":0.5}"#),
    ("tanh", r#"{"layer":"activation","function":"tanh"}"#),
    ("prelu", r#"{"layer":"prelu","features":3}"#),
    ("residual", r#"{"layer":"residual","inner":{"layer":"linear","inputs":3,"outputs":3}}"#),
    ("embedding", r#"{"layer":"whole","rows":{"count":5,"width":2}}"#),
    ("embedding with padding", r#"{"layer":"whole","rows":{"count":5,"width":2,"padding":1}}"#),
    ("rnn", r#"{"layer":"rnn","inputs":2,"hidden":3}"#),
    ("gru", r#"{"layer":"gru","inputs":2,"hidden":3}"#),
    ("lstm", r#"{"layer":"lstm","inputs":2,"hidden":3}"#),
    ("lstm of two layers", r#"{"layer":"lstm","inputs":2,"hidden":2,"layers":2}"#),
    ("rnn, last state", r#"{"layer":"rnn","inputs":2,"hidden":3,"last":true}"#),
    ("gru, last state", r#"{"layer":"gru","inputs":2,"hidden":3,"last":true}"#),
    ("lstm in segments", r#"{"layer":"lstm","inputs":2,"hidden":2,"layers":2,"segments":2}"#),
    ("lstm, last state", r#"{"layer":"lstm","inputs":2,"hidden":3,"last":true}"#),
    ("attention", r#"{"layer":"attention","width":4,"heads":2}"#),
    ("causal attention with dropout", r#"{"layer":"attention","width":4,"heads":2,"causal":true,"dropout":0.5}"#),
    ("positions", r#"{"layer":"positions","longest":3,"width":4}"#),
    ("learned positions", r#"{"layer":"positions","longest":3,"width":4,"learned":true}"#),
    ("transformer", r#"{"layer":"transformer","width":4,"heads":2,"inner":6,"activation":"gelu"}"#),
    (
        "transformer, norms behind",
        r#"{"layer":"transformer","width":4,"heads":2,"inner":6,"activation":"gelu","post_norm":true,"dropout":0.5}"#,
    ),
    (
        "mlp",
        concat!(
            r#"{"layer":"mlp","inputs":3,"layers":[{"units":4,"activation":"relu","norm":"batch_norm","dropout":0.5},"#,
            r#"{"units":4,"activation":"leaky_relu(0.2)","norm":"batch_norm","dropout":0.5},{"units":2}]}"#
        ),
    ),
    (
        "network",
        concat!(
            r#"{"layer":"network","inputs":["x"],"parts":["#,
            r#"{"name":"gate","reads":"x","module":{"layer":"activation","function":"sigmoid"}},"#,
            r#"{"name":"kept","reads":["x","gate"],"join":"multiply"},"#,
            r#"{"name":"first","reads":"kept","module":{"layer":"linear","inputs":3,"outputs":2}},"#,
            r#"{"name":"second","reads":"gate","same":"first"},"#,
            r#"{"name":"both","reads":["first","second"],"join":{"concat":1}},"#,
            r#"{"name":"norm","reads":"both","module":{"layer":"batch_norm","channels":4}},"#,
            r#"{"name":"y","reads":["both","norm"],"join":"add"}],"outputs":["y"]}"#
        ),
    ),
    (
        "sequential",
        concat!(
            r#"{"layer":"sequential","layers":[{"layer":"linear","inputs":3,"outputs":4},"#,
            r#"{"layer":"activation","function":"tanh"},{"layer":"linear","inputs":4,"outputs":2}]}"#
        ),
    ),
];

/// What those do not have: options with other than their usual values, and layers that no form has.
pub(super) const OPTIONS: [&str; 31] = [
    r#"{"layer":"layer_norm","features":4,"eps":1e-12}"#,
    r#"{"layer":"rms_norm","features":4,"eps":0.1}"#,
    r#"{"layer":"batch_norm","channels":3,"eps":0.001,"momentum":0.01,"affine":false}"#,
    r#"{"layer":"group_norm","groups":2,"channels":4,"eps":0.001}"#,
    r#"{"layer":"conv1d","channels":4,"outputs":2,"size":2,"stride":3,"padding":1,"dilation":2,"groups":2,"bias":false}"#,
    r#"{"layer":"conv_transpose1d","channels":4,"outputs":2,"size":2,"stride":3,"output_padding":1}"#,
    concat!(
        r#"{"layer":"conv_transpose2d","channels":4,"outputs":2,"size":[2,3],"stride":[2,3],"padding":[1,0],"#,
        r#""dilation":[1,2],"output_padding":[1,2],"groups":2,"bias":false}"#
    ),
    r#"{"layer":"max_pool1d","size":3,"stride":1,"padding":1,"dilation":2}"#,
    r#"{"layer":"avg_pool2d","size":[2,3],"stride":[2,1],"padding":1,"exclude_padding":true}"#,
    r#"{"layer":"adaptive_avg_pool2d","size":1}"#,
    r#"{"layer":"upsample2d","size":4,"how":"bilinear_corners"}"#,
    r#"{"layer":"upsample2d","size":4,"how":"nearest"}"#,
    r#"{"layer":"activation","function":"linear(2, 0.5)"}"#,
    r#"{"layer":"straight_through","function":"unit_step"}"#,
    r#"{"layer":"prelu"}"#,
    r#"{"layer":"embedding","count":5,"width":2,"padding":4}"#,
    r#"{"layer":"embedding","count":5,"width":2,"by_rows":true}"#,
    r#"{"layer":"lstm","inputs":2,"hidden":3,"layers":2,"last":true}"#,
    r#"{"layer":"gru","inputs":2,"hidden":3,"last":true,"segments":3}"#,
    r#"{"layer":"attention","width":4,"heads":2,"memory":3,"causal":true,"dropout":0.1,"bias":false}"#,
    concat!(
        r#"{"layer":"transformer","width":4,"heads":2,"inner":6,"activation":"relu","causal":true,"post_norm":true,"#,
        r#""dropout":0.1,"eps":1e-12}"#
    ),
    r#"{"layer":"spectral_norm","inner":{"layer":"conv_transpose1d","channels":2,"outputs":3,"size":2},"iterations":3}"#,
    concat!(
        r#"{"layer":"dense","inputs":3,"units":2,"activation":"tanh","bias":false,"#,
        r#""norm":{"layer":"rms_norm","eps":0.001},"dropout":0.1}"#
    ),
    r#"{"layer":"dense","inputs":3,"units":2}"#,
    r#"{"layer":"mlp","inputs":2,"layers":[{"units":3,"norm":{"layer":"batch_norm","affine":false}},{"units":1,"bias":false}]}"#,
    r#"{"layer":"mlp","inputs":0,"layers":[]}"#,
    r#"{"layer":"sequential","layers":[]}"#,
    r#"{"layer":"residual","inner":{"layer":"residual","inner":{"layer":"flatten"}}}"#,
    r#"{"layer":"residual","inner":{"layer":"flatten"},"strength":0.25}"#,
    r#"{"layer":"transformer","width":4,"heads":2,"inner":6,"activation":"gelu","strength":0.5}"#,
    concat!(
        r#"{"layer":"network","inputs":["a","b"],"parts":[{"name":"sum","reads":["a","b"],"join":"add"},"#,
        r#"{"name":"f","reads":"sum","module":{"layer":"linear","inputs":2,"outputs":1}}],"outputs":["f","sum","a"]}"#
    ),
];
