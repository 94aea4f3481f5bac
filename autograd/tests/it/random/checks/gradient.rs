//! The gradient and the gradient of the gradient agree with differences.

use super::*;

/// How often, of two orders, differences could not tell.
pub(crate) fn holds(program: &Program) -> Result<usize, String> {
    let report = Checker::new().orders(2).check(|x| loss(&program.on_tape(x)), &program.inputs);
    let report = report.map_err(|error| error.to_string())?;
    if report.verdict == Verdict::Wrong { Err(report.to_string()) } else { Ok(usize::from(!report.passed())) }
}
