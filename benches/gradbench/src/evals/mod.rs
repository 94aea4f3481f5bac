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

/// An eval: its functions by name.
#[derive(Clone, Copy)]
pub(crate) struct Eval(fn(&str) -> Option<Function>);

impl Eval {
    pub(crate) fn function(self, name: &str) -> Option<Function> {
        (self.0)(name)
    }
}

const EVALS: [(&str, Eval); 12] = [
    ("ba", Eval(ba::function)),
    ("det", Eval(det::function)),
    ("gmm", Eval(gmm::function)),
    ("hello", Eval(hello::function)),
    ("ht", Eval(ht::function)),
    ("kmeans", Eval(kmeans::function)),
    ("llsq", Eval(llsq::function)),
    ("lse", Eval(lse::function)),
    ("lstm", Eval(lstm::function)),
    ("ode", Eval(ode::function)),
    ("particle", Eval(particle::function)),
    ("saddle", Eval(saddle::function)),
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
