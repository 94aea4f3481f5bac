//! The program beside the library, to the bit: bundles and tables of either are those of both.

use autograd::Tensor;
use mlp::metrics::Confusion;
use mlp::{
    Activation, Adam, Bundle, Categorical, CrossEntropy, Csv, Mlp, Module, Numeric, Schema, Splitter, Table, Trainer,
};
use rand::{SeedableRng, rngs::StdRng};

use super::Folder;

/// Patients as tables are made: one cell in nine is missing, sex is a category, the target is a word, or a number.
fn patients() -> Table {
    let row = |i: usize| {
        let (age, sex, bmi) =
            (20 + i * 37 % 60, ["f", "m", "not told"][i % 5 % 3], 18.0 + (i * 53 % 170) as f64 / 10.0);
        let weeks = age as f64 / 10.0 + bmi - if sex == "f" { 6.0 } else { 0.0 };
        let course = if weeks > 29.0 { "fast, with pain" } else { "slow" };
        let cell = |place: usize, cell: String| if (i + 4 * place).is_multiple_of(9) { "?".to_string() } else { cell };
        let cells = [cell(0, age.to_string()), cell(1, sex.to_string()), cell(2, bmi.to_string())];
        format!("{},{weeks},\"{course}\"\n", cells.join(","))
    };
    let text = format!("age,sex,bmi,weeks,course\n{}", (0..180).map(row).collect::<String>());
    Table::parse("patients.csv", text.as_bytes()).unwrap()
}

/// The table as it stands in a file, with the cells as they are.
fn raw(table: &Table) -> String {
    let line = |cells: Vec<&str>| cells.iter().map(|cell| format!("\"{cell}\"")).collect::<Vec<_>>().join(",") + "\n";
    let columns: Vec<Vec<&str>> = table.columns().iter().map(|column| table.text(column).unwrap()).collect();
    let rows = (0..table.rows()).map(|row| line(columns.iter().map(|column| column[row]).collect()));
    line(table.columns().iter().map(String::as_str).collect()) + &rows.collect::<String>()
}

/// Columns of numbers in a CSV file that the program wrote.
fn written(text: &str, columns: &[String]) -> Tensor {
    Csv::new().parse("output", text.as_bytes()).unwrap().numbers(columns).unwrap()
}

/// What the example `tabular` does: its schema, its network and its loss, in a few epochs.
fn learnt(table: &Table) -> Bundle {
    let schema = Schema::builder()
        .input("inputs", ["age", "bmi"].map(|column| Numeric::new(column).fill_median().indicator().standard()))
        .input("inputs", [Categorical::new("sex").missing_as_category()])
        .classes("course", Categorical::new("course"))
        .fit(table)
        .unwrap();
    let data = schema.dataset::<f64>(table).unwrap();
    let layers = Mlp::new(schema.features("inputs").unwrap().len());
    let layers = layers.hidden(8, Activation::Relu).dropout(0.2).output(2, Activation::Identity);
    let model: Mlp = layers.build(&mut StdRng::seed_from_u64(3)).unwrap();
    let mut adam = Adam::new(&model.parameters(), 1e-2).weight_decay(0.1);
    Trainer::new().epochs(30).fit(&model, &CrossEntropy, &mut adam, &data, None).unwrap();
    Bundle::new(model, schema).unwrap()
}

#[test]
fn a_bundle_of_the_library_is_predicted_by_the_program() {
    let (folder, table) = (Folder::new(), patients());
    let (classes, _) = table.classes("course").unwrap();
    let split = Splitter::stratified(&classes, 1).split(0.25).unwrap();
    let (train, held_out) = (table.select(&split.train).unwrap(), table.select(&split.held_out).unwrap());
    let bundle = learnt(&train);
    bundle.save(folder.path().join("course.safetensors")).unwrap();
    folder.write("raw.csv", raw(&held_out));

    let found = bundle.predict(&held_out).unwrap();
    let (names, probabilities) = (found.names(), found.probabilities().unwrap());
    let out = folder.ok("predict course.safetensors raw.csv --probabilities").out;
    let columns: Vec<String> = names.iter().map(|name| format!("p({name})")).collect();
    assert_eq!(written(&out, &columns), *probabilities, "to the bit");
    let answers = Csv::new().parse("output", out.as_bytes()).unwrap();
    assert_eq!(answers.text("course").unwrap(), found.classes().unwrap());

    let truth = held_out.known_classes("course", names).unwrap();
    let confusion = Confusion::new(probabilities, &truth).unwrap();
    assert!(confusion.accuracy() > 0.7, "{}", confusion.accuracy());
    let value = folder.run("evaluate course.safetensors raw.csv --json").json();
    assert_eq!(value["scores"]["accuracy"].as_f64(), Some(confusion.accuracy()));
    let counts = mlp::metrics::confusion_matrix(probabilities, &truth).unwrap();
    assert_eq!(value["confusion"], serde_json::json!(counts));
    let text = folder.ok("evaluate course.safetensors raw.csv").out;
    let printed: Vec<Vec<&str>> = text.lines().rev().take(3).map(|line| line.split_whitespace().collect()).collect();
    let ends =
        |line: usize| printed[line].iter().rev().take(2).rev().map(|n| n.parse().unwrap()).collect::<Vec<usize>>();
    assert_eq!([ends(1), ends(0)], [counts[0].clone(), counts[1].clone()], "{text}");
    assert_eq!(printed[2], ["fast,", "with", "pain", "slow"], "{text}");
}

#[test]
fn a_model_of_the_program_is_predicted_by_the_library() {
    let (folder, table) = (Folder::new(), patients());
    folder.write("raw.csv", raw(&table));
    let short = "--nets 2 --layers 8 --epochs 10 --rate 0.02 -q";
    for (target, other) in [("course", "weeks"), ("weeks", "course")] {
        folder.ok(&format!("train raw.csv --target {target} --leave-out {other} {short}"));
        let bundle = Bundle::<f64>::load(folder.path().join("model.safetensors")).unwrap();
        let found = bundle.predict(&Table::read(folder.path().join("raw.csv")).unwrap()).unwrap();
        let out = folder.ok("predict model.safetensors raw.csv --probabilities").out;
        let name = |name: &String| if target == "course" { format!("p({name})") } else { name.clone() };
        let columns: Vec<String> = found.names().iter().map(name).collect();
        assert_eq!(Some(&written(&out, &columns)), found.probabilities().or(found.values()), "{target}, to the bit");
    }
}

/// The same table as CSV, Arrow and Parquet gives the same model and predictions, to the bit.
#[cfg(feature = "arrow")]
#[test]
fn tables_of_arrow_and_parquet_are_read_by_their_ending() {
    use std::fs;
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray};

    use super::{FLOWERS, flowers};

    let folder = Folder::new();
    let table = mlp::Table::parse("flowers", flowers().as_bytes()).unwrap();
    let text = |column: &str| -> ArrayRef {
        let missing = table.missing(column).unwrap();
        let cells = table.text(column).unwrap().into_iter().zip(missing).map(|(cell, gap)| (!gap).then_some(cell));
        Arc::new(StringArray::from(cells.collect::<Vec<_>>()))
    };
    let width: Vec<Option<f64>> = table.text("width").unwrap().iter().map(|cell| cell.parse().ok()).collect();
    let width: ArrayRef = Arc::new(Float64Array::from(width));
    let columns = [("name", text("name")), ("width", width), ("colour", text("colour")), ("kind", text("kind"))];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let file = |name: &str| fs::File::create(folder.path().join(name)).unwrap();
    for name in ["flowers.arrow", "flowers.feather"] {
        let mut arrow = arrow_ipc::writer::FileWriter::try_new(file(name), &batch.schema()).unwrap();
        arrow.write(&batch).unwrap();
        arrow.finish().unwrap();
    }
    #[cfg(feature = "parquet")]
    {
        let mut parquet = parquet::arrow::ArrowWriter::try_new(file("flowers.Parquet"), batch.schema(), None).unwrap();
        parquet.write(&batch).unwrap();
        parquet.close().unwrap();
    }
    let parquet = cfg!(feature = "parquet").then_some("flowers.Parquet");
    let names: Vec<&str> = ["flowers.csv", "flowers.arrow", "flowers.feather"].into_iter().chain(parquet).collect();
    let answers: Vec<String> = names
        .iter()
        .map(|name| {
            folder.ok(&FLOWERS.replace("flowers.csv", name));
            folder.ok(&format!("predict model.safetensors {name} --probabilities")).out
        })
        .collect();
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");

    let bytes = fs::read(folder.path().join("flowers.arrow")).unwrap();
    folder.write("cut.arrow", &bytes[..bytes.len() / 2]);
    let last = names[names.len() - 1];
    for (arguments, expected) in [
        ("predict model.safetensors cut.arrow".to_string(), "mlp: cut.arrow: it cannot be read (it has no footer)"),
        (format!("predict model.safetensors {last} --separator ;"), "no text; leave out --separator"),
    ] {
        let ended = folder.run(&arguments);
        assert!(ended.code == Some(1) && ended.err.contains(expected), "{arguments}: {}", ended.err);
        assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
    }
}

#[test]
fn a_missing_feature_is_named() {
    let folder = Folder::new();
    for (name, built, feature) in
        [("t.parquet", cfg!(feature = "parquet"), "parquet"), ("t.arrow", cfg!(feature = "arrow"), "arrow")]
    {
        let ended = folder.run(&format!("train {name} -t y"));
        assert_eq!((ended.code, ended.err.lines().count()), (Some(1), 1), "{}", ended.err);
        let told = ended.err.contains(&format!("; build it with --features cli,{feature}, or save the table as CSV"));
        assert_eq!(told, !built, "{}", ended.err);
    }
}
