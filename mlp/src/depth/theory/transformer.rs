//! Attention and blocks of transformers as pieces, for [`Reader`](super::Reader).

use super::Attention;
use super::block::{Block, NormKind, Piece, Site};
use super::reader::Source;
use crate::Error;
use crate::nn::config::{Config, Configured, inside};
use crate::nn::layers::{LayerNorm, MultiHeadAttention, TransformerBlock};

/// Appends attention as a layer of its own.
pub(super) fn attention(source: &Source<'_>, block: Block, config: &Config, name: &str) -> Result<Block, Error> {
    let data: <MultiHeadAttention as Configured>::Data = config.data()?;
    if data.memory.is_some() {
        return refuse("attention", "it reads a memory of another width; the theory has self-attention only");
    }
    let kind = match (data.heads, data.causal) {
        (1, false) => "attention".into(),
        (heads, false) => format!("attention({heads})"),
        (heads, true) => format!("causal attention({heads})"),
    };
    dropping("attention", source.drops(data.dropout))?;
    heads(source, block, name, data.causal, Site::Layer(name.into(), kind))
}

/// Appends a block: attention and a network for each row, both in the branch of a residual.
pub(super) fn block(source: &Source<'_>, block: Block, config: &Config, name: &str) -> Result<Block, Error> {
    let data: <TransformerBlock as Configured>::Data = config.data()?;
    dropping("transformer", source.drops(data.dropout))?;
    let branch = data.strength.unwrap_or(1.0);
    let eps = data.eps.unwrap_or(LayerNorm::<f64>::EPS);
    let place = |end: &str| inside(name, end);
    let hidden = |end: &str| Site::Hidden(place(end));
    let whole = || Site::Layer(name.into(), "transformer".into());
    let norm = |block: Block, end: &str, site: Site| {
        source.normed(block, Piece::Norm(NormKind::Layer, eps), "layer_norm", &place(end), site)
    };
    let attend = |block: Block| {
        let attention = place("attention");
        let site = Site::Layer(attention.clone(), "attention".into());
        heads(source, block, &attention, data.causal, site)
            .map_err(|error| error.of_layer("attention").within(&attention))
    };
    let network = |block: Block| {
        let linear = |block: Block, end: &str| {
            let appended = source.linear(block, "linear", &place(end), hidden(end));
            appended.map_err(|error| error.of_layer("linear").within(place(end)))
        };
        let units = Site::Layer(place("up"), data.activation.to_string());
        let block = linear(block, "up")?.with(source.activation("transformer", data.activation)?, units);
        linear(block, "down")
    };
    let residual =
        |block: Block, inner: Block, site: Site| block.with(Piece::Residual { stream: 1.0, branch, inner }, site);
    match data.post_norm {
        true => {
            let block = residual(block, attend(Block::new())?, hidden("h"));
            let block = norm(block, "norm1", hidden("norm1"))?;
            let block = residual(block, network(Block::new())?, hidden("y"));
            norm(block, "norm2", whole())
        }
        false => {
            let block = residual(block, attend(norm(Block::new(), "norm1", hidden("norm1"))?)?, hidden("h"));
            let inner = network(norm(Block::new(), "norm2", hidden("norm2"))?)?;
            Ok(residual(block, inner, whole()))
        }
    }
}

/// Self-attention whose parameters lie in this place.
fn heads(source: &Source<'_>, block: Block, name: &str, causal: bool, site: Site) -> Result<Block, Error> {
    let Some(tokens) = source.reader.tokens else {
        return refuse("attention", "the theory needs the number of tokens; tell it with Reader::tokens");
    };
    let variances = |end: &str| {
        let place = inside(name, end);
        source.variances("linear", &place).map_err(|error| error.of_layer("linear").within(&place))
    };
    let [[query, of_queries], [key, _], [value, of_values], [out, of_out]] =
        [variances("query")?, variances("key")?, variances("value")?, variances("out")?];
    // Biases of keys add the same to all scores of a row. Those of values pass, since a row of weights sums to 1.
    let attention = Attention::new(tokens, query * key, value * out).query_biases(of_queries * key);
    let attention = Piece::Attention(if causal { attention.causal() } else { attention });
    match of_values * out + of_out {
        0.0 => Ok(block.with(attention, site)),
        shift => Ok(block.with(attention, Site::Hidden(name.into())).with(Piece::Affine { gain: 1.0, shift }, site)),
    }
}

/// Names what the theory of attention has not.
fn dropping(kind: &str, drops: bool) -> Result<(), Error> {
    match drops {
        true => refuse(kind, "it drops weights of the attention in training; read it in evaluation mode"),
        false => Ok(()),
    }
}

fn refuse<R>(kind: &str, why: &str) -> Result<R, Error> {
    Err(Error::config(kind, why))
}
