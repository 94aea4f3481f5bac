//! `mlp check`.

use autograd::check::{Checker, Verdict};
use mlp::{
    Activation, Base, BinaryCrossEntropyWithLogits, CrossEntropy, CrossEntropyFromProbabilities, Loss, Mse, Targets,
    check_module,
};
use serde_json::json;

use crate::args::Check;
use crate::output::{Outcome, failed, print_either};

pub(crate) fn run(check: &Check, json: bool) -> Outcome {
    let (bundle, table) = check.of.read()?;
    let rows: Vec<usize> = (0..check.rows.min(table.rows())).collect();
    let table = table.select(&rows)?;
    let data = bundle.schema().dataset::<f64>(&table)?;
    bundle.predict(&table)?; // refuses what the model does not take
    let width = bundle.model().predict(data.inputs()).shape()[1];
    let loss: &dyn Loss = match (data.targets(), bundle.model().output_activation()) {
        (Targets::Values(_), _) => &Mse,
        (_, Some(Activation::Softmax)) => &CrossEntropyFromProbabilities { base: Base::Nats },
        (_, Some(Activation::Sigmoid)) => {
            return failed("no loss of this program takes one probability; end the model in a logit to check it");
        }
        _ if width == 1 => &BinaryCrossEntropyWithLogits,
        _ => &CrossEntropy,
    };
    let report = check_module(&Checker::new().seed(check.seed), bundle.model(), loss, &data)?;
    let value = json!({
        "passed": report.passed(),
        "verdict": report.verdict.to_string().to_lowercase(),
        "reason": report.reason,
        "loss": report.value,
        "rows": data.len(),
        "directions": report.directions,
        "seed": report.seed,
        "compared": report.inputs.iter().map(|input| input.compared).sum::<usize>(),
        "largest_difference": report.worst.as_ref().map(|worst| worst.difference()),
    });
    print_either(json, &value, &report.to_string())?;
    match report.verdict {
        Verdict::Pass => Ok(()),
        Verdict::Wrong => failed("the gradient is wrong"),
        Verdict::Inconclusive => failed("the differences do not decide whether the gradient is right; try other rows"),
    }
}
