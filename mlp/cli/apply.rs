//! `mlp predict` and `mlp evaluate`.

use std::fmt::Write as _;

use mlp::{Bundle, Predictions, Table, Targets, metrics};
use serde_json::{Map, Value, json};

use crate::args::{Evaluate, ModelAndData, Predict};
use crate::output::{Outcome, aligned, counted, failed, print, print_either};
use crate::scores::Scores;

impl ModelAndData {
    pub(crate) fn read(&self) -> mlp::Result<(Bundle, Table)> {
        let bundle = Bundle::load(&self.model)?;
        Ok((bundle, self.reading.read(&self.data)?))
    }
}

pub(crate) fn predict(predict: &Predict, json: bool) -> Outcome {
    let (bundle, table) = predict.of.read()?;
    let found = bundle.predict(&table)?;
    // The place of each row among the predictions.
    let mut places = vec![None; table.rows()];
    found.rows().iter().enumerate().for_each(|(place, &row)| places[row] = Some(place));
    let dropped = places.iter().filter(|place| place.is_none()).count();
    if dropped > 0 {
        let rows = counted(dropped, "row");
        eprintln!("mlp: {rows} without a value that the model needs have no prediction; their lines are empty");
    }
    match json {
        true => print(&format!("{:#}\n", as_json(&found, &places))),
        false => print(&as_csv(&bundle, &found, &places, predict.probabilities)),
    }
}

fn as_json(found: &Predictions, places: &[Option<usize>]) -> Value {
    let row = |place: usize| {
        let of = |x: &autograd::Tensor| -> Map<String, Value> {
            found.names().iter().enumerate().map(|(i, name)| (name.clone(), json!(x.get([place, i])))).collect()
        };
        match (found.class_places(), found.probabilities(), found.values()) {
            (Some(classes), Some(p), _) => json!({ "class": found.names()[classes[place]], "probabilities": of(p) }),
            (.., Some(values)) => Value::Object(of(values)),
            _ => Value::Null,
        }
    };
    Value::Array(places.iter().map(|place| place.map_or(Value::Null, row)).collect())
}

fn as_csv(bundle: &Bundle, found: &Predictions, places: &[Option<usize>], all: bool) -> String {
    let target = bundle.schema().target_names().concat();
    let names = found.names();
    let header: Vec<String> = match (found.probabilities(), all) {
        (Some(_), true) => {
            let all: Vec<String> = names.iter().map(|name| unlike(&target, format!("p({name})"))).collect();
            [target].into_iter().chain(all).collect()
        }
        (Some(_), false) => {
            let probability = unlike(&target, "probability".to_string());
            vec![target, probability]
        }
        (None, _) => names.to_vec(),
    };
    let mut text = line(header.iter().map(String::as_str));
    for place in places {
        let Some(row) = *place else {
            text += &line(header.iter().map(|_| ""));
            continue;
        };
        let numbers =
            |x: &autograd::Tensor| -> Vec<String> { (0..names.len()).map(|i| x.get([row, i]).to_string()).collect() };
        let cells = match (found.class_places(), found.probabilities(), found.values()) {
            (Some(classes), Some(p), _) => {
                let class = classes[row];
                let p = if all { numbers(p) } else { vec![p.get([row, class]).to_string()] };
                [names[class].clone()].into_iter().chain(p).collect()
            }
            (.., Some(values)) => numbers(values),
            _ => vec![],
        };
        text += &line(cells.iter().map(String::as_str));
    }
    text
}

/// A name for a column beside the target, also if the target is called so.
fn unlike(target: &str, name: String) -> String {
    if name == target { format!("{name} (of the model)") } else { name }
}

/// A row by RFC 4180.
fn line<'c>(cells: impl Iterator<Item = &'c str>) -> String {
    let quoted = |cell: &'c str| match cell.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.to_string(),
    };
    cells.map(quoted).collect::<Vec<_>>().join(",") + "\n"
}

pub(crate) fn evaluate(evaluate: &Evaluate, json: bool) -> Outcome {
    let (bundle, table) = evaluate.of.read()?;
    let schema = bundle.schema();
    let (input, target) = (schema.input_names().concat(), schema.target_names().concat());
    let prepared = schema.apply::<f64>(&table)?;
    let data = prepared.dataset(&input, &target)?;
    let found = bundle.predict(&table.select(prepared.rows())?)?;
    let (rows, dropped) = (data.len(), table.rows() - data.len());
    let mut text = format!("rows  {rows}\n");
    if dropped > 0 {
        let _ = writeln!(text, "      {} without a value are left out", counted(dropped, "row"));
    }
    let mut value = json!({ "rows": rows, "left_out": dropped, "target": target });
    match (found.probabilities(), found.values(), data.targets()) {
        (Some(p), _, Targets::Classes(classes)) => {
            let scores = Scores::of_classes(p, classes)?;
            let counts = metrics::confusion_matrix(p, classes)?;
            text += &scores.table();
            value["scores"] = scores.json();
            value["classes"] = json!(found.names());
            value["confusion"] = json!(counts);
            if found.names().len() <= 20 {
                text += &format!("\ntrue class below, predicted class beside\n{}", confusion(found.names(), &counts));
            }
        }
        (_, Some(predicted), Targets::Values(values)) => {
            let truth = schema.inverse(&target, values)?;
            let mut all = Map::new();
            for (i, name) in found.names().iter().enumerate() {
                let column = |x: &autograd::Tensor| -> Vec<f64> { (0..rows).map(|row| x.get([row, i])).collect() };
                let scores = Scores::of_values(&column(predicted), &column(&truth))?;
                text += &format!(
                    "{}{}",
                    if found.names().len() > 1 { format!("\n{name}\n") } else { String::new() },
                    scores.table()
                );
                all.insert(name.clone(), scores.json());
            }
            value["scores"] = match (all.len(), all.values().next()) {
                (1, Some(only)) => only.clone(),
                _ => Value::Object(all),
            };
        }
        _ => return failed("the model predicts what the table does not have"),
    }
    print_either(json, &value, &text)
}

fn confusion(names: &[String], counts: &[Vec<usize>]) -> String {
    let header = [String::new()].into_iter().chain(names.iter().cloned()).collect();
    let row = |(name, counts): (&String, &Vec<usize>)| -> Vec<String> {
        [name.clone()].into_iter().chain(counts.iter().map(usize::to_string)).collect()
    };
    aligned(&[header].into_iter().chain(names.iter().zip(counts).map(row)).collect::<Vec<_>>())
}
