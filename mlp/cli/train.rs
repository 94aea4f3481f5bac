//! `mlp train`.

use std::fmt::Write as _;

use mlp::{Activation, Bundle, Module, Schema, Targets, io};
use serde_json::json;

use crate::args::Train;
use crate::columns::{INPUTS, Plan, plan};
use crate::committee::Committee;
use crate::output::{Outcome, counted, failed, print_either, same_file};
use crate::scores::Scores;

pub(crate) fn run(train: &Train, json: bool) -> Outcome {
    if same_file(&train.out, &train.data) {
        let name = train.out.display();
        return failed(format!(
            "{name} is the table itself, which the model would replace; choose another file for --out"
        ));
    }
    io::check_place(&train.out)?;
    let table = train.reading.read(&train.data)?;
    let plan = plan(&table, train)?;
    let schema = plan.schema.fit(&table)?;
    let data = schema.apply::<f64>(&table)?.dataset(INPUTS, &train.target)?;
    let classes = if plan.classification { schema.classes(&train.target)?.to_vec() } else { vec![] };
    let outputs = classes.len().max(1);
    let before = about(train, &plan, &schema, (table.rows(), table.columns().len()), outputs)?;
    if !json {
        eprint!("{before}");
    }

    let committee = Committee::train(&data, outputs, &classes, train)?;
    let (rows, answers) = committee.answers();
    let scores = match data.select(&rows)?.targets() {
        Targets::Classes(classes) => Scores::of_classes(&Module::predict(&Activation::Softmax, &answers), classes)?,
        Targets::Values(values) => {
            let [predicted, values] = [&answers, values].map(|x| schema.inverse(&train.target, x));
            Scores::of_values(predicted?.as_slice(), values?.as_slice())?
        }
        Targets::Sequences(_) => unreachable!("a schema makes classes or values"),
    };
    let (epochs, interrupted) = (committee.epochs.clone(), committee.interrupted);
    let features = schema.features(INPUTS)?;
    let model = committee.join()?;
    let parameters = model.parameters().numel();
    let bundle = Bundle::new(model, schema)?
        .with_note("trained on", counted(data.len(), "row"))
        .with_note("held out", scores.line());
    bundle.save(&train.out)?;

    let nets = epochs.len();
    let value = json!({
        "model": train.out.display().to_string(),
        "task": if plan.classification { "classification" } else { "regression" },
        "reason": plan.reason,
        "target": train.target,
        "classes": plan.classification.then_some(classes),
        "rows": data.len(),
        "features": features,
        "left_out": plan.left_out.iter().map(|(column, why)| json!({"column": column, "why": why})).collect::<Vec<_>>(),
        "parameters": parameters,
        "best_epochs": epochs,
        "interrupted": interrupted,
        "held_out": scores.json(),
    });
    let epochs: Vec<String> = epochs.iter().map(usize::to_string).collect();
    let mut text = format!("held out   {}\n", scores.line());
    let each = if nets > 1 { ", each row by the network that did not learn from it" } else { "" };
    let _ = writeln!(text, "           on {}{each}", counted(rows.len(), "row"));
    let _ = writeln!(text, "trained    {}, best after {} epochs", counted(nets, "network"), epochs.join(", "));
    if interrupted {
        text += "           interrupted: what was learnt so far is kept\n";
    }
    let _ = writeln!(text, "model      {}, {}", train.out.display(), counted(parameters, "parameter"));
    print_either(json, &value, &text)
}

/// What will be done.
fn about(
    train: &Train,
    plan: &Plan,
    schema: &Schema,
    (rows, columns): (usize, usize),
    outputs: usize,
) -> mlp::Result<String> {
    let task = if plan.classification { "classification" } else { "regression" };
    let features = schema.features(INPUTS)?.len();
    let mut text = format!("table      {}, {}\n", counted(rows, "row"), counted(columns, "column"));
    let _ = writeln!(text, "target     {}: {task}, since {}", train.target, plan.reason);
    if plan.untold > 0 {
        let _ = writeln!(text, "           {} without it are left out", counted(plan.untold, "row"));
    }
    let kinds = [(plan.numbers, "column of numbers", "columns of numbers"), (plan.names, "of names", "of names")];
    let kinds =
        kinds.iter().filter(|(n, ..)| *n > 0).map(|(n, one, many)| format!("{n} {}", if *n == 1 { one } else { many }));
    let _ = writeln!(
        text,
        "inputs     {}, which make {}",
        kinds.collect::<Vec<_>>().join(", "),
        counted(features, "number")
    );
    for (column, why) in &plan.left_out {
        let _ = writeln!(text, "left out   {column}: {why}");
    }
    let hidden: Vec<String> = train.layers.0.iter().map(|units| format!(" → {units} ({})", train.activation)).collect();
    let nets = counted(train.nets, "network");
    let _ = writeln!(text, "model      {nets} of {features}{} → {outputs}", hidden.concat());
    Ok(text)
}
