//! What must hold of every program: a file each, which is also printed with a program of which it does not hold.
//!
//! So each file says `use super::*` and takes a [`Program`], be it interpreted here or written out there.

mod again;
mod checkpoint;
mod forward;
mod gradient;
mod hessian;
mod single;
mod sparse;
mod values;

use std::sync::Arc;

use autograd::check::{Checker, Verdict};
use autograd::{Float, Scalar, Tape, Tensor, Var, several};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::program::{Program, loss};

include!("common.rs");

/// A property of programs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Check {
    /// The name of its module.
    pub(super) name: &'static str,
    /// Its text.
    pub(super) source: &'static str,
    /// How often, of two orders, differences could not tell; or what does not hold.
    holds: fn(&Program) -> Result<usize, String>,
}

macro_rules! checks {
    ($($name:ident),*) => {
        pub(super) const CHECKS: &[Check] =
            &[$(Check { name: stringify!($name), source: include_str!(concat!(stringify!($name), ".rs")), holds: $name::holds }),*];
    };
}
checks!(values, gradient, again, forward, hessian, checkpoint, single, sparse);

/// How often differences could not tell; or the first check that fails, and why.
pub(super) fn run(program: &Program) -> Result<usize, (Check, String)> {
    CHECKS.iter().map(|check| (check.holds)(program).map_err(|why| (*check, why))).sum()
}
