//! The table of layers: one row each.

use super::graph::{At, Value};
use super::{WHAT, activations, models, norms, plain, recurrent, sequences, windows};
use crate::error::{Error, Result};
use crate::nn::config::Config;

/// Adds the nodes of a layer with this configuration, and returns its output.
type Export = fn(&mut At<'_>, &Config, Value) -> Result<Value>;

/// Each kind of layer, and its nodes. **To export a new layer, add a row.**
const TABLE: &[(&str, Export)] = &[
    ("linear", plain::linear),
    ("flatten", plain::flatten),
    ("embedding", plain::embedding),
    ("dropout", plain::identity),
    ("alpha_dropout", plain::identity),
    ("activation", activations::activation),
    ("straight_through", activations::activation),
    ("prelu", activations::prelu),
    ("conv1d", windows::convolution::<1, false>),
    ("conv2d", windows::convolution::<2, false>),
    ("conv_transpose1d", windows::convolution::<1, true>),
    ("conv_transpose2d", windows::convolution::<2, true>),
    ("max_pool1d", windows::max_pool::<1>),
    ("max_pool2d", windows::max_pool::<2>),
    ("avg_pool1d", windows::avg_pool::<1>),
    ("avg_pool2d", windows::avg_pool::<2>),
    ("adaptive_avg_pool2d", windows::adaptive_avg_pool),
    ("adaptive_max_pool2d", windows::adaptive_max_pool),
    ("upsample2d", windows::upsample),
    ("layer_norm", norms::layer_norm),
    ("batch_norm", norms::batch_norm),
    ("group_norm", norms::group_norm),
    ("rms_norm", norms::rms_norm),
    ("weight_norm", norms::weight_norm),
    ("spectral_norm", norms::spectral_norm),
    ("rnn", recurrent::rnn),
    ("gru", recurrent::gru),
    ("lstm", recurrent::lstm),
    ("positions", sequences::positions),
    ("attention", sequences::attention),
    ("transformer", sequences::transformer),
    ("dense", models::dense),
    ("mlp", models::mlp),
    ("sequential", models::sequential),
    ("residual", models::residual),
    ("network", models::network),
];

pub(super) fn layer(at: &mut At<'_>, config: &Config, x: Value) -> Result<Value> {
    let Some((_, export)) = TABLE.iter().find(|(kind, _)| *kind == config.layer()) else {
        return Err(unknown(Error::config(config.layer(), "")));
    };
    export(at, config, x).map_err(|error| match error {
        Error::Invalid { what: WHAT, why } => Error::config(config.layer(), why),
        other => other.of_layer(config.layer()),
    })
}

/// The error of a layer that is none of this crate, as that of building it names it.
pub(super) fn unknown(error: Error) -> Error {
    let repair = "replace it by layers of this crate, or export the parts around it";
    match error {
        Error::Config { path, layer, .. } => Error::Config {
            path,
            layer,
            problem: format!("it is no layer of this crate, and has no form in ONNX; {repair}"),
        },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::TABLE;
    use crate::Registry;

    #[test]
    fn every_layer_of_this_crate_has_a_row() {
        let mut rows: Vec<_> = TABLE.iter().map(|(kind, _)| *kind).collect();
        rows.sort_unstable();
        assert!(Registry::<f64>::new().names().eq(rows));
    }
}
