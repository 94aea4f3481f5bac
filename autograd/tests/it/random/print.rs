//! A program as a complete Rust program that checks it again.

use std::fmt;

use autograd::Tensor;

use super::program::{Call, Program};

/// `Tensor::new([2], vec![1.0, 2.0])`
fn literal(x: &Tensor) -> String {
    format!("Tensor::new({:?}, vec!{:?})", &x.shape()[..], x.as_slice())
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.calls.iter().any(|call| matches!(call, Call::Bump(_) | Call::Blend(..))) {
            writeln!(f, "{}", include_str!("fused.rs"))?;
        }
        writeln!(f, "use autograd::{{Float, Scalar, Tensor, Var, check}};\n")?;
        writeln!(f, "fn program<'t, T: Float>(x: &[Var<'t, T>]) -> Vec<Var<'t, T>> {{")?;
        for k in 0..self.inputs.len() {
            writeln!(f, "    let v{k} = x[{k}];")?;
        }
        for (k, call) in self.calls.iter().enumerate() {
            writeln!(f, "    let v{} = {};", self.inputs.len() + k, call.text())?;
        }
        let outputs: Vec<String> = self.outputs().iter().map(|y| format!("v{y}")).collect();
        writeln!(f, "    vec![{}]\n}}\n", outputs.join(", "))?;
        writeln!(f, "fn loss<'t, T: Float>(y: &[Var<'t, T>]) -> Scalar<'t, T> {{")?;
        writeln!(f, "    let weigh = |y: &Var<'t, T>| {{")?;
        writeln!(f, "        let n = y.shape().numel();")?;
        writeln!(f, "        let weights = (0..n).map(|i| T::from_f64(0.7 + (1.3 * i as f64).sin())).collect();")?;
        writeln!(f, "        (*y * &Tensor::new(y.shape(), weights)).sum()\n    }};")?;
        writeln!(f, "    y.iter().map(weigh).sum()\n}}\n")?;
        writeln!(f, "fn main() {{\n    let x = [")?;
        for x in &self.inputs {
            writeln!(f, "        {},", literal(x))?;
        }
        writeln!(f, "    ];\n    println!(\"{{}}\", check(|x| loss(&program(x)), &x).unwrap());\n}}")
    }
}
