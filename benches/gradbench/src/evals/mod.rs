//! The evals: a file each, with an objective and its derivative.

mod ba;
mod det;
mod gmm;
mod hello;
mod ht;
mod kmeans;
mod llsq;
mod lse;
mod lstm;
mod ode;
mod particle;
mod saddle;
mod timed;

use autograd::Tensor;
use serde_json::Value;

use crate::runs::Outcome;

/// A function of an eval: from the input of a message to its output.
type Function = fn(Value) -> Outcome;

/// An eval: its functions, each with its name.
type Eval = &'static [(&'static str, Function)];

const EVALS: [(&str, Eval); 12] = [
    ("ba", ba::FUNCTIONS),
    ("det", det::FUNCTIONS),
    ("gmm", gmm::FUNCTIONS),
    ("hello", hello::FUNCTIONS),
    ("ht", ht::FUNCTIONS),
    ("kmeans", kmeans::FUNCTIONS),
    ("llsq", llsq::FUNCTIONS),
    ("lse", lse::FUNCTIONS),
    ("lstm", lstm::FUNCTIONS),
    ("ode", ode::FUNCTIONS),
    ("particle", particle::FUNCTIONS),
    ("saddle", saddle::FUNCTIONS),
];

/// Rows of one length as a matrix.
fn matrix(rows: &[Vec<f64>], columns: usize) -> Result<Tensor, String> {
    match rows.iter().find(|row| row.len() != columns) {
        Some(row) => Err(format!("input: a row of {} numbers where {columns} belong", row.len())),
        None => Ok(Tensor::new([rows.len(), columns], rows.concat())),
    }
}

/// A matrix as rows, for an output.
fn rows(matrix: &Tensor) -> Vec<Vec<f64>> {
    let columns = matrix.shape()[1];
    // Rows without numbers are rows too.
    (0..matrix.shape()[0]).map(|row| matrix.as_slice()[row * columns..][..columns].to_vec()).collect()
}

/// The eval of this name.
pub(crate) fn find(name: &str) -> Result<Eval, String> {
    let known = || EVALS.map(|(name, _)| name).join(", ");
    let found = EVALS.iter().find(|(known, _)| *known == name);
    found.map(|&(_, eval)| eval).ok_or_else(|| format!("no eval `{name}`; there are {}", known()))
}
