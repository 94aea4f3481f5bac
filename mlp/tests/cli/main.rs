//! The program `mlp`: what it writes, where, and how it ends.

#[path = "../common/bad_files.rs"]
mod bad_files;
mod bad_inputs;
mod tables;
mod words;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use mlp::Bundle;
use serde_json::Value;
use tempfile::TempDir;

/// A folder with tables.
struct Folder(TempDir);

struct Ended {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ended {
    fn json(&self) -> Value {
        assert_eq!(self.code, Some(0), "{}", self.err);
        serde_json::from_str(&self.out).unwrap()
    }
}

/// Sixty flowers of three kinds that width and colour tell, with gaps, and a name for each.
fn flowers() -> String {
    let row = |i: usize| {
        let (width, colour, kind) = match i % 3 {
            0 => (1.0, "red", "rose"),
            1 => (5.0, "blue", "iris"),
            _ => (9.0, "white", "lily, wild"),
        };
        let width = if i % 20 == 7 { "?".to_string() } else { format!("{:.2}", width + (i % 7) as f64 * 0.2) };
        let colour = if i % 15 == 3 { "" } else { colour };
        format!("flower {i},{width},{colour},\"{kind}\"\n")
    };
    format!("name,width,colour,kind\n{}", (0..60).map(row).collect::<String>())
}

/// Prices with a decimal comma: 10 € and 2 € for each litre.
fn prices() -> String {
    let row = |i: usize| {
        let litres = (i * 37 % 100) as f64 / 4.0;
        format!("{};{}\n", litres.to_string().replace('.', ","), (10.0 + 2.0 * litres).to_string().replace('.', ","))
    };
    format!("litres;euros\n{}", (0..60).map(row).collect::<String>())
}

impl Folder {
    fn new() -> Self {
        let folder = Folder(tempfile::tempdir().unwrap());
        folder.write("flowers.csv", flowers());
        folder.write("prices.csv", prices());
        folder
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.0.path().join(name), text).unwrap();
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Runs the program in the folder, with arguments parted by spaces.
    fn run(&self, arguments: &str) -> Ended {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mlp"));
        command.args(arguments.split_whitespace()).current_dir(self.path()).stdin(Stdio::null());
        let ended = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ended { code: ended.status.code(), out: text(ended.stdout), err: text(ended.stderr) }
    }

    fn ok(&self, arguments: &str) -> Ended {
        let ended = self.run(arguments);
        assert_eq!(ended.code, Some(0), "{arguments}: {}", ended.err);
        ended
    }
}

/// Small and quick.
const FLOWERS: &str = "train flowers.csv --target kind --nets 2 --layers 8 --epochs 60 --rate 0.02 --quiet";
const PRICES: &str = "train prices.csv -t euros --decimal-comma --nets 1 --layers 8 --epochs 150 --rate 0.02 --out prices.safetensors -q";

#[test]
fn classes_are_learnt_predicted_and_measured() {
    let folder = Folder::new();
    let trained = folder.ok(FLOWERS);
    for line in [
        "table      60 rows, 4 columns\n",
        "target     kind: classification, since it has 3 different values, which are text\n",
        "inputs     1 column of numbers, 1 of names, which make 7 numbers\n",
        "left out   name: its text hardly repeats, 60 different in 60 rows\n",
        "model      2 networks of 7 → 8 (relu) → 3\n",
    ] {
        assert!(trained.err.contains(line), "{}", trained.err);
    }
    for part in ["held out   accuracy ", "each row by the network that did not learn from it", "model.safetensors, "] {
        assert!(trained.out.contains(part), "{}", trained.out);
    }

    // New rows have no target, other columns, and a colour that was not there.
    folder.write("new.csv", "colour,width,price\nred,1.5,3\ngreen,9.4,3\nblue,?,2\n");
    let predicted = folder.ok("predict model.safetensors new.csv");
    let lines: Vec<&str> = predicted.out.lines().collect();
    assert_eq!(lines[0], "kind,probability");
    assert!(
        lines[1].starts_with("rose,0.") && lines[2].starts_with("\"lily, wild\",0.") && lines[3].starts_with("iris,0.")
    );
    assert_eq!((lines.len(), predicted.err.as_str()), (4, ""));
    let all = folder.ok("predict model.safetensors new.csv --probabilities");
    assert_eq!(all.out.lines().next(), Some("kind,p(iris),\"p(lily, wild)\",p(rose)"));
    let value = folder.run("predict model.safetensors new.csv --json").json();
    assert_eq!((value[0]["class"].as_str(), value.as_array().unwrap().len()), (Some("rose"), 3));
    let sum: f64 = value[1]["probabilities"].as_object().unwrap().values().map(|p| p.as_f64().unwrap()).sum();
    assert!((sum - 1.0).abs() < 1e-12);

    let measured = folder.run("evaluate model.safetensors flowers.csv --json").json();
    assert!(measured["scores"]["accuracy"].as_f64().unwrap() > 0.95, "{measured}");
    let counts = measured["confusion"].as_array().unwrap().iter().flat_map(|row| row.as_array().unwrap());
    assert_eq!(counts.map(|count| count.as_u64().unwrap()).sum::<u64>(), 60);
    let text = folder.ok("evaluate model.safetensors flowers.csv").out;
    assert!(text.starts_with("rows  60\naccuracy  ") && text.contains("\niris  "), "{text}");
}

#[test]
fn numbers_are_learnt_in_their_units() {
    let folder = Folder::new();
    let trained = folder.ok(PRICES);
    assert!(trained.err.contains("target     euros: regression, since it has 60 different values, all numbers\n"));
    assert!(trained.out.contains("held out   R² ") && trained.out.contains("on 12 rows\n"), "{}", trained.out);
    folder.write("new.csv", "litres\n7,5\n20\n");
    let predicted = folder.ok("predict prices.safetensors new.csv --decimal-comma").out;
    let lines: Vec<&str> = predicted.lines().collect();
    assert_eq!(lines[0], "euros");
    for (line, euros) in lines[1..].iter().zip([25.0, 50.0]) {
        assert!((line.parse::<f64>().unwrap() - euros).abs() < 3.0, "{predicted}");
    }
    let measured = folder.run("evaluate prices.safetensors prices.csv --decimal-comma --json").json();
    let score = |name: &str| measured["scores"][name].as_f64().unwrap();
    assert!(score("r2") > 0.97 && score("mae") <= score("rmse") && score("rmse") < 3.0, "{measured}");
}

#[test]
fn the_same_command_gives_the_same_file() {
    let folder = Folder::new();
    let files = ["a", "b", "c --seed 1"].map(|end| {
        folder.ok(&FLOWERS.replace("--epochs 60", &format!("--epochs 3 --out {end}")));
        fs::read(folder.path().join(&end[..1])).unwrap()
    });
    assert!(files[0] == files[1] && files[0] != files[2]);
    assert!(Bundle::<f64>::load(folder.path().join("a")).is_ok(), "other programs read it");
}

#[test]
fn train_reports_as_json() {
    let folder = Folder::new();
    let ended = folder.run(&format!("{FLOWERS} --json"));
    let value = ended.json();
    assert_eq!(ended.err, "", "nothing but JSON");
    assert_eq!(value["task"], "classification");
    assert_eq!(value["classes"], serde_json::json!(["iris", "lily, wild", "rose"]));
    assert_eq!(value["left_out"][0]["column"], "name");
    assert!(value["held_out"]["accuracy"].as_f64().unwrap() > 0.9, "{value}");
    assert_eq!(value["best_epochs"].as_array().unwrap().len(), 2);
}

#[test]
fn a_model_is_shown_and_its_gradient_checked() {
    let folder = Folder::new();
    folder.ok(&format!("{FLOWERS} --activation tanh"));
    let text = folder.ok("inspect model.safetensors").out;
    for part in [
        "model.safetensors, written by mlp 0.1.0\ntrained on: 60 rows\nheld out: accuracy ",
        "net1 0 linear",
        "inputs: 7 numbers\n  width width (missing) colour=blue colour=red colour=white colour (missing) colour (unseen)\n",
        "target: kind, 3 classes\n  iris lily, wild rose\n",
        "net2.layers.0        tanh",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let value = folder.run("inspect model.safetensors --json").json();
    assert_eq!((value["config"]["layer"].as_str(), value["target"].as_str()), (Some("network"), Some("kind")));
    assert!(value["signals"][0]["chi"].as_f64().unwrap() > 0.0);

    let checked = folder.run("check model.safetensors flowers.csv --rows 20 --json").json();
    assert_eq!((checked["passed"].as_bool(), checked["rows"].as_u64()), (Some(true), Some(20)), "{checked}");
    assert!(folder.ok("check model.safetensors flowers.csv --rows 20").out.starts_with("gradient check: pass\n"));
}

#[test]
fn models_are_exported() {
    let folder = Folder::new();
    folder.ok(&FLOWERS.replace("--epochs 60", "--epochs 2"));
    folder.ok(&PRICES.replace("--epochs 150", "--epochs 2"));
    // A committee is one network. Its file says in text what its numbers are; `tests/it/onnx` decodes such files.
    let told = folder.ok("export model.safetensors model.onnx");
    assert_eq!(
        (told.out.as_str(), told.err.as_str()),
        ("model.onnx: `inputs`, 7 numbers, to `probabilities` of 3 classes\n", "")
    );
    let bytes = fs::read(folder.path().join("model.onnx")).unwrap();
    let has = |text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
    for text in ["probabilities", "batch", "net2.layers.1.w", r#"["iris","lily, wild","rose"]"#, "held out"] {
        assert!(has(text), "{text}");
    }
    let wide = folder.run("export model.safetensors wide --to onnx --f64 --json").json();
    assert_eq!((wide["file"].as_str(), wide["format"].as_str()), (Some("wide"), Some("onnx")));
    let size = |name: &str| fs::metadata(folder.path().join(name)).unwrap().len();
    let weights = 2 * (7 * 8 + 8 + 8 * 3 + 3);
    assert!(size("wide") > size("model.onnx") + 4 * weights - 100, "{} bytes", size("wide"));
    let told = folder.ok("export prices.safetensors prices.onnx").out;
    assert_eq!(told, "prices.onnx: `inputs`, 1 number, to `values` of 1 column\n");

    let loaded = Bundle::<f64>::load(folder.path().join("model.safetensors")).unwrap();
    let told = folder.ok("export model.safetensors weights.npz").out;
    assert_eq!(told, "weights.npz: 8 arrays\n");
    let arrays = mlp::io::read_npz::<f64>(folder.path().join("weights.npz")).unwrap();
    for (name, param) in loaded.model().state().iter() {
        assert!(arrays.iter().any(|(stored, x)| stored == name && *x == param.value()), "{name}");
    }
    let told = folder.ok("export model.safetensors torch.safetensors").out;
    assert_eq!(told, "torch.safetensors: 8 arrays under the names of PyTorch\n");
    mlp::io::torch::load(loaded.model(), folder.path().join("torch.safetensors")).unwrap();
    let config = folder.run("inspect model.safetensors --json").json()["config"].clone();
    assert_eq!(serde_json::to_value(loaded.config()).unwrap(), config, "the model is as it was");
}

#[test]
fn columns_are_what_they_are_told_to_be() {
    let folder = Folder::new();
    let short = "--nets 1 --layers none --epochs 2 -q";
    let told = format!("train flowers.csv -t kind --leave-out colour --categories width {short}");
    let text = folder.ok(&told).err;
    assert!(
        text.contains("left out   colour: as told\n") && text.contains("inputs     1 of names, which make "),
        "{text}"
    );

    // Postcodes: whole numbers that are few, told to be a number; and a target of 0 and 1.
    let rows: String = (0..40).map(|i| format!("{},{}\n", i, i / 20)).collect();
    folder.write("steps.csv", format!("x,y\n{rows}"));
    let guessed = folder.ok(&format!("train steps.csv -t y {short}")).err;
    assert!(guessed.contains("y: classification, since it has 2 different values, all whole numbers\n"), "{guessed}");
    let told = folder.ok(&format!("train steps.csv -t y --task regression {short}")).err;
    assert!(told.contains("y: regression, since as told\n"), "{told}");
    let value = |i: usize| if i.is_multiple_of(10) { "NA" } else { ["1.5", "2.5", "2.50"][i % 3] };
    let gaps: String = (0..40).map(|i| format!("{i},{}\n", value(i))).collect();
    folder.write("gaps.csv", format!("x,y\n{gaps}"));
    let gaps = folder.ok(&format!("train gaps.csv -t y --task classification {short}")).err;
    assert!(gaps.contains("           4 rows without it are left out\n"), "{gaps}");
    assert!(gaps.contains("as told, 2 different values\n"), "equal numbers are one class: {gaps}");
}

#[test]
fn rows_without_a_prediction_keep_their_lines() {
    let folder = Folder::new();
    let table = mlp::Table::parse("t", "x,y\n1,2\n3,4\n".as_bytes()).unwrap();
    let columns = mlp::Schema::builder().input("x", [mlp::Numeric::new("x").drop_missing()]);
    let schema = columns.values("y", [mlp::Numeric::new("y")]).fit(&table).unwrap();
    let layer: mlp::Linear = mlp::Linear { w: autograd::Param::new([[2.0]]), b: None };
    Bundle::new(layer, schema).unwrap().save(folder.path().join("double")).unwrap();
    folder.write("new.csv", "x\n1\n?\n4\n");
    let ended = folder.ok("predict double new.csv");
    assert_eq!(ended.out, "y\n2\n\n8\n");
    assert!(ended.err.starts_with("mlp: 1 row without a value that the model needs"), "{}", ended.err);
    assert_eq!(folder.run("predict double new.csv --json").json(), serde_json::json!([{"y": 2.0}, null, {"y": 8.0}]));
}

#[test]
fn every_failure_is_one_line_and_a_status() {
    let folder = Folder::new();
    folder.ok(&FLOWERS.replace("--epochs 60", "--epochs 1"));
    let model = fs::read(folder.path().join("model.safetensors")).unwrap();
    folder.write("cut.safetensors", &model[..model.len() / 2]);
    folder.write("empty.csv", "");
    folder.write("header.csv", "x,y\n");
    folder.write("one.csv", "x,y\n1,5\n2,5\n");
    folder.write("ragged.csv", "x,y\n1,2\n3\n");
    folder.write("typo.csv", format!("x,y\nabc,1\n{}", (0..40).map(|i| format!("{i},{i}\n")).collect::<String>()));
    folder.write(
        "rare.csv",
        format!("x,y\n{}", (0..20).map(|i| format!("{i},{}\n", ["a", "b"][usize::from(i == 3)])).collect::<String>()),
    );
    folder.write("other.csv", "width,colour,kind\n1,red,tulip\n");
    fs::create_dir(folder.path().join("folder")).unwrap();
    for (arguments, expected) in [
        ("train none.csv -t y", "mlp: none.csv: No such file or directory (os error 2)"),
        ("train empty.csv -t y", "mlp: empty.csv"),
        ("train header.csv -t y", "mlp: header.csv: no samples; at least one is needed"),
        ("train one.csv -t x --out one.csv", "mlp: one.csv is the table itself, which the model would replace"),
        ("train one.csv -t x --out ./one.csv", "mlp: ./one.csv is the table itself, which the model would replace"),
        ("train ragged.csv -t y", "mlp: ragged.csv, line 3: found 1 cell where the header has 2 columns"),
        ("train one.csv -t z", "mlp: one.csv: no column `z`; the columns are `x`, `y`"),
        ("train one.csv -t y", "mlp: column `y` has one value in all rows, so that there is nothing to learn"),
        ("train one.csv -t x --leave-out y", "mlp: no columns are left for inputs beside the target `x`"),
        ("train one.csv -t x --leave-out q", "mlp: one.csv: no column `q`"),
        ("train typo.csv -t y", "mlp: 1 of 41 cells are no numbers: typo.csv, line 2, column `x`: found `abc`"),
        ("train typo.csv -t x", "mlp: the target has numbers and text: typo.csv, line 2, column `x`: found `abc`"),
        (
            "train flowers.csv -t kind --task regression",
            "mlp: regression needs numbers: flowers.csv, line 2, column `kind`",
        ),
        ("train flowers.csv -t name", "mlp: column `name` has 60 classes in 60 rows, which hardly repeat"),
        (
            "train rare.csv -t y",
            "mlp: split: 1 sample of class \"b\" cannot be divided into 5 folds; choose fewer with --nets, add rows, or",
        ),
        ("train flowers.csv -t kind --out folder", "mlp: folder: not a file but a folder; name a file to save to"),
        ("train flowers.csv -t kind --out no/model", "mlp: no/model: No such file or directory (os error 2)"),
        ("train flowers.csv -t kind --rate 1e9 --optimizer sgd -q", "mlp: "),
        ("predict flowers.csv flowers.csv", "mlp: flowers.csv: not a whole safetensors file ("),
        ("predict cut.safetensors flowers.csv", "mlp: cut.safetensors: not a whole safetensors file ("),
        (
            "predict model.safetensors prices.csv --separator ;",
            "mlp: prices.csv: no column `width`; the columns are `litres`",
        ),
        ("predict model.safetensors prices.csv", "mlp: prices.csv, line "),
        ("evaluate model.safetensors other.csv", "mlp: other.csv, line 2, column `kind`: found `tulip`, needs one of"),
        ("export none.safetensors a.onnx", "mlp: none.safetensors: No such file"),
        ("export flowers.csv a.onnx", "mlp: flowers.csv: not a whole safetensors file ("),
        (
            "export model.safetensors model",
            "mlp: model: its ending tells no format; name a file .onnx, .safetensors or .npz",
        ),
        (
            "export model.safetensors ./model.safetensors",
            "mlp: ./model.safetensors is the model itself, which would be replaced",
        ),
        ("export model.safetensors a.npz --f64", "mlp: --f64 is for ONNX"),
        ("export model.safetensors no/a.onnx", "mlp: no/a.onnx: No such file or directory (os error 2)"),
        ("export model.safetensors folder --to onnx", "mlp: folder: not a file but a folder; name a file to save to"),
        ("inspect none", "mlp: none: No such file or directory (os error 2)"),
        ("check model.safetensors one.csv", "mlp: one.csv: no column `width`"),
    ] {
        let ended = folder.run(arguments);
        assert_eq!(ended.code, Some(1), "{arguments}: {}", ended.err);
        let last = ended.err.lines().last().unwrap_or_default();
        assert!(last.starts_with(expected), "{arguments}: {}", ended.err);
        let told = ended.err.lines().filter(|line| line.starts_with("mlp: ")).count();
        assert!(told == 1 && ended.out.is_empty() && !ended.err.contains("panicked"), "{arguments}: {}", ended.err);
    }
    for (arguments, expected) in [
        ("", "Usage: mlp"),
        ("train flowers.csv", "--target <COLUMN>"),
        ("train flowers.csv -t kind --layers 8,0", "a whole number from 1 is needed"),
        ("train flowers.csv -t kind --activation rule", "`rule` is not known; choose from identity"),
        ("train flowers.csv -t kind --dropout 1", "a number from 0 and below 1 is needed"),
        ("train flowers.csv -t kind --rate nan", "a number above 0 is needed"),
        ("train flowers.csv -t kind --optimizer best", "[possible values: adam"),
        ("train flowers.csv -t kind --schedule none", "[possible values: constant, cosine, plateau]"),
        ("train flowers.csv -t kind --separator ab", "one of , ; | : or `tab` is needed"),
    ] {
        let ended = folder.run(arguments);
        assert_eq!(ended.code, Some(2), "{arguments}: {}", ended.err);
        assert!(ended.err.contains(expected) && ended.out.is_empty(), "{arguments}: {}", ended.err);
    }
}

#[test]
fn a_rate_that_falls_trains_another_model_as_well() {
    let folder = Folder::new();
    let errors =
        ["", " --schedule constant", " --schedule cosine", " --schedule plateau --patience 6"].map(|schedule| {
            folder.ok(&format!("{}{schedule}", PRICES.replace("0.02", "0.1")));
            let arguments = "evaluate prices.safetensors prices.csv --decimal-comma --json";
            folder.run(arguments).json()["scores"]["mae"].as_f64().unwrap()
        });
    assert_eq!(errors[0], errors[1]);
    assert!(errors[1] != errors[2] && errors[1] != errors[3], "{errors:?}");
    assert!(errors.iter().all(|error| *error < 3.0), "{errors:?} of prices from 10 to 60");
}

/// A folder of the system in which nobody makes files, not even its owner.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_cannot_be_written_to_is_told_before_the_training() {
    let ended = Folder::new().run("train none.csv -t y --out /proc/model.safetensors");
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.starts_with("mlp: /proc/model.safetensors: ") && ended.err.lines().count() == 1, "{}", ended.err);
}

/// As shells start it in the background.
#[cfg(unix)]
#[test]
fn a_training_that_ignores_ctrl_c_is_no_failure() {
    let folder = Folder::new();
    let mut shell = Command::new("sh");
    let line = format!("trap '' INT; {} {}", env!("CARGO_BIN_EXE_mlp"), FLOWERS.replace("--epochs 60", "--epochs 1"));
    let ended = shell.args(["-c", &line]).current_dir(folder.path()).output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
}

#[cfg(unix)]
#[test]
fn a_reader_that_closes_is_no_failure() {
    let folder = Folder::new();
    folder.ok(&FLOWERS.replace("--epochs 60", "--epochs 1"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_mlp"));
    command.args(["predict", "model.safetensors", "flowers.csv"]).current_dir(folder.path());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), ended.stderr.len()), (Some(0), 0));
}
