//! A program as a complete Rust program that makes the check that failed again.
//!
//! `rand` beside `autograd` is all that it depends on.

use std::fmt;

use autograd::Tensor;

use super::checks::Check;
use super::program::{Call, Program};

/// A program, and the check to be made of it.
pub(super) struct Failing<'p>(pub(super) &'p Program, pub(super) Check);

/// `Tensor::new([2], vec![1.0, 2.0])`
fn literal(x: &Tensor) -> String {
    format!("Tensor::new({:?}, vec!{:?})", &x.shape()[..], x.as_slice())
}

/// A line for each.
fn list(tensors: &[Tensor]) -> String {
    let lines: String = tensors.iter().map(|x| format!("            {},\n", literal(x))).collect();
    format!("vec![\n{lines}        ]")
}

impl fmt::Display for Failing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failing(program, Check { name, source, .. }) = *self;
        writeln!(f, "// The check `{name}` on a random program. `after` changes results in the check `single` alone.")?;
        writeln!(f, "#![allow(dead_code, unused_imports)]\n\n{USES}")?;
        if program.calls.iter().any(|call| matches!(call, Call::Bump(_) | Call::Blend(..))) {
            writeln!(f, "{}", include_str!("fused.rs"))?;
        }
        writeln!(f, "#[derive(Clone)]\nstruct Program {{\n    inputs: Vec<Tensor>,\n}}\n\nimpl Program {{")?;
        writeln!(f, "    fn on_tape_with<'t, T: Float, F>(&self, x: &[Var<'t, T>], mut after: F) -> Vec<Var<'t, T>>")?;
        writeln!(f, "    where\n        F: FnMut(Var<'t, T>) -> Var<'t, T>,\n    {{")?;
        for k in 0..program.inputs.len() {
            writeln!(f, "        let v{k} = x[{k}];")?;
        }
        for (k, call) in program.calls.iter().enumerate() {
            writeln!(f, "        let v{} = after({});", program.inputs.len() + k, call.text())?;
        }
        let outputs: Vec<String> = program.outputs().iter().map(|y| format!("v{y}")).collect();
        writeln!(f, "        vec![{}]\n    }}\n", outputs.join(", "))?;
        writeln!(f, "    fn on_tape<'t, T: Float>(&self, x: &[Var<'t, T>]) -> Vec<Var<'t, T>> {{")?;
        writeln!(f, "        self.on_tape_with(x, |y| y)\n    }}\n")?;
        writeln!(f, "    /// What plain tensors gave.\n    fn on_tensors(&self) -> Vec<Tensor> {{")?;
        writeln!(f, "        {}\n    }}\n}}\n", list(&program.on_tensors()))?;
        writeln!(f, "fn main() {{\n    let program = Program {{\n        inputs: {},\n    }};", list(&program.inputs))?;
        // Not `unwrap`, which would print a report in one line.
        writeln!(f, "    {name}::holds(&program).unwrap_or_else(|why| panic!(\"{{why}}\"));")?;
        writeln!(f, "    println!(\"{name} holds\");\n}}\n")?;
        writeln!(f, "{}\n{}\nmod {name} {{\n{source}}}", include_str!("loss.rs"), include_str!("checks/common.rs"))
    }
}

const USES: &str = "use autograd::check::{Checker, Verdict};
use autograd::{Float, Scalar, Scatter, Tape, Tensor, Unary, Var, several};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::sync::Arc;
";
