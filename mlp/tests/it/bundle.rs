//! A model in one file: what was written predicts the same, in every later version, and what is damaged is refused.

use std::fs;
use std::path::{Path, PathBuf};

use autograd::{Float, Param, Parameters, Var};
use mlp::{
    Activation, Adam, BinaryCrossEntropyWithLogits, Bundle, Categorical, Config, CrossEntropy, Error, Function, Join,
    Loss, Mlp, Module, Mse, Network, Numeric, Registry, Schema, Sequential, Table, Trainer, io,
};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use tempfile::TempDir;

const FLOWERS: &str =
    "width,colour,kind\n1,red,rose\n2,red,rose\n?,blue,iris\n8,blue,iris\n9,white,lily\n7,white,lily\n";
/// Without the target, with a missing number and a colour that was not there.
const NEW: &str = "colour,width\nred,1.5\nblue,NA\ngreen,8\nwhite,-3\n";

fn table(text: &str) -> Table {
    Table::parse("t.csv", text.as_bytes()).unwrap()
}

fn flowers() -> Schema {
    let columns = Schema::builder()
        .input("inputs", [Numeric::new("width").fill_median().indicator().standard()])
        .input("inputs", [Categorical::new("colour").unseen_as_category()]);
    columns.classes("kind", Categorical::new("kind")).fit(&table(FLOWERS)).unwrap()
}

fn numbers() -> (Schema, Table) {
    let text: String = (0..20).map(|i| format!("{i},{},{}\n", i * i, 100 - i)).collect();
    let table = table(&format!("x,square,rest\n{text}"));
    let columns = Schema::builder().input("inputs", [Numeric::new("x").min_max()]);
    let schema = columns.values("both", ["square", "rest"].map(|name| Numeric::new(name).standard()));
    (schema.fit(&table).unwrap(), table)
}

fn layers<T: Float>(inputs: usize, outputs: usize, last: Activation, seed: u64) -> Mlp<T> {
    let layers = Mlp::new(inputs).hidden(5, Activation::Tanh).output(outputs, last).batch_norm();
    layers.build(&mut StdRng::seed_from_u64(seed)).unwrap()
}

fn trained<T: Float, M: Module<T>>(model: M, loss: &dyn Loss<T>, schema: &Schema, table: &Table) -> M {
    let mut adam = Adam::new(&model.parameters(), 0.02);
    let trainer = Trainer::new().epochs(30).batch_size(6).drop_last().progress(false);
    trainer.fit(&model, loss, &mut adam, &schema.dataset(table).unwrap(), None).unwrap();
    model
}

/// Three classes of five features, over `f64`.
fn of_classes() -> Bundle {
    let (schema, table) = (flowers(), table(FLOWERS));
    let model = trained(layers(6, 3, Activation::Identity, 1), &CrossEntropy, &schema, &table);
    Bundle::new(model, schema).unwrap().with_note("data", "six flowers")
}

/// Two columns of numbers, from a network of two parts, over `f32`.
fn of_values() -> Bundle<f32> {
    let (schema, table) = numbers();
    let network = Network::new(["x"])
        .part("one", "x", layers(1, 2, Activation::Identity, 2))
        .part("two", "x", layers(1, 2, Activation::Identity, 3))
        .join("sum", Join::Add, ["one", "two"]);
    let model = trained(network.outputs(["sum"]).unwrap(), &Mse, &schema, &table);
    Bundle::new(model, schema).unwrap()
}

/// Two classes by one probability.
fn of_two() -> Bundle {
    let text = FLOWERS.replace("lily", "iris");
    let columns = Schema::builder().input("inputs", [Numeric::new("width").fill(3.0).robust()]);
    let schema = columns.classes("kind", Categorical::new("kind")).fit(&table(&text)).unwrap();
    let logit = trained(layers(1, 1, Activation::Identity, 4), &BinaryCrossEntropyWithLogits, &schema, &table(&text));
    Bundle::new(Sequential::new().then(logit).then(Activation::Sigmoid), schema).unwrap()
}

/// What it predicts, as it is stored beside the files of a version.
fn predicted<T: Float>(bundle: &Bundle<T>, text: &str) -> Value {
    let found = bundle.predict(&table(text)).unwrap();
    let numbers = found.values().or(found.probabilities()).unwrap().cast::<f64>();
    json!({ "table": text, "names": found.names(), "classes": found.classes(), "numbers": numbers.to_vec() })
}

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("m.safetensors")
    }

    fn with<T: Float>(bundle: &Bundle<T>) -> (Self, Vec<u8>) {
        let folder = Self::new();
        bundle.save(folder.path()).unwrap();
        let bytes = fs::read(folder.path()).unwrap();
        (folder, bytes)
    }

    /// What loading these bytes says, without the folder.
    fn refuses(&self, bytes: &[u8]) -> String {
        fs::write(self.path(), bytes).unwrap();
        self.problem(Bundle::<f64>::load(self.path()))
    }

    fn problem<T: Float>(&self, loaded: Result<Bundle<T>, Error>) -> String {
        loaded.unwrap_err().to_string().replace(&self.path().display().to_string(), "m")
    }
}

/// The bytes with `from` replaced by `to` of the same length.
fn patched(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let at = bytes.windows(from.len()).position(|part| part == from.as_bytes()).unwrap();
    [&bytes[..at], to.as_bytes(), &bytes[at + from.len()..]].concat()
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

/// Writes the files of the present format. Those of a format that was released are never written again.
#[test]
#[ignore = "writes files, once for each format: cargo test -p mlp --test it write_the_files -- --ignored"]
fn write_the_files_of_this_format() {
    let at = |name: &str| fixtures().join(format!("bundle_1_{name}"));
    of_classes().save(at("classes.safetensors")).unwrap();
    of_values().save(at("values.safetensors")).unwrap();
    of_two().save(at("two.safetensors")).unwrap();
    let all = json!({
        "classes": predicted(&of_classes(), NEW),
        "values": predicted(&of_values(), "x\n-1\n3.5\n30\n"),
        "two": predicted(&of_two(), NEW),
    });
    fs::write(at("predictions.json"), serde_json::to_string_pretty(&all).unwrap() + "\n").unwrap();
}

#[test]
fn files_of_every_format_predict_what_they_did() {
    for format in [1] {
        let text = fs::read_to_string(fixtures().join(format!("bundle_{format}_predictions.json"))).unwrap();
        let all: Value = serde_json::from_str(&text).unwrap();
        for (name, expected) in all.as_object().unwrap() {
            let path = fixtures().join(format!("bundle_{format}_{name}.safetensors"));
            let bundle = Bundle::<f64>::load(path).unwrap(); // that of `f32` too
            let found = predicted(&bundle, expected["table"].as_str().unwrap());
            for key in ["names", "classes"] {
                assert_eq!(found[key], expected[key], "{format} {name}");
            }
            let numbers = |value: &Value| -> Vec<f64> {
                value["numbers"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
            };
            let (found, expected) = (numbers(&found), numbers(expected));
            assert_eq!(found.len(), expected.len());
            let error = if name == "values" { 2e-6 } else { 1e-12 };
            for (x, y) in found.into_iter().zip(expected) {
                assert!((x - y).abs() <= error * y.abs().max(1.0), "{format} {name}: {x} is not {y}");
            }
        }
    }
}

#[test]
fn a_loaded_bundle_is_that_which_was_saved() {
    let (bundle, numbers) = (of_classes(), of_values());
    let (folder, bytes) = Folder::with(&bundle);
    let copy = Bundle::<f64>::load(folder.path()).unwrap();
    assert_eq!(predicted(&copy, NEW), predicted(&bundle, NEW));
    assert_eq!((copy.config(), copy.schema(), copy.notes()), (bundle.config(), bundle.schema(), bundle.notes()));
    assert_eq!(copy.version(), env!("CARGO_PKG_VERSION"));
    copy.save(folder.path()).unwrap();
    assert_eq!(fs::read(folder.path()).unwrap(), bytes, "the same bundle gives the same bytes");
    assert_eq!(fs::read_dir(folder.0.path()).unwrap().count(), 1, "nothing is left beside");

    let (folder, _) = Folder::with(&numbers);
    let copy = Bundle::<f32>::load(folder.path()).unwrap();
    assert_eq!(predicted(&copy, "x\n3\n"), predicted(&numbers, "x\n3\n"));
    let (folder, _) = Folder::with(&bundle);
    let problem = folder.problem(Bundle::<f32>::load(folder.path()));
    assert!(
        problem.starts_with("m: parameter `layers.") && problem.contains("load it into a model over f64"),
        "{problem}"
    );
}

#[test]
fn predictions_are_in_the_words_of_the_table() {
    let found = of_classes().predict(&table(NEW)).unwrap();
    assert_eq!((found.rows(), found.names()), (&[0, 1, 2, 3][..], &["iris", "lily", "rose"].map(String::from)[..]));
    let (classes, places) = (found.classes().unwrap(), found.class_places().unwrap());
    assert_eq!((classes[0], places[0], classes[1]), ("rose", 2, "iris"));
    let sums = found.probabilities().unwrap().sum_axis(1);
    assert!(sums.to_vec().iter().all(|sum| (sum - 1.0).abs() < 1e-12) && found.values().is_none());

    let (schema, table) = numbers();
    let scaled = of_values().model().predict(&schema.inputs_of(&table).unwrap());
    let found = of_values().predict(&table).unwrap();
    assert_eq!(found.values(), Some(&schema.inverse("both", &scaled).unwrap()));
    assert_eq!((found.names(), found.classes()), (&["square", "rest"].map(String::from)[..], None));

    let two = of_two();
    let found = two.predict(&self::table(NEW)).unwrap();
    let p = two.model().predict(&two.schema().inputs_of(&self::table(NEW)).unwrap());
    for (i, class) in found.classes().unwrap().into_iter().enumerate() {
        assert_eq!(found.probabilities().unwrap().get([i, 1]), p.get([i, 0]));
        assert_eq!(class, if p.get([i, 0]) > 0.5 { "rose" } else { "iris" });
    }
}

#[test]
fn rows_that_are_dropped_have_no_prediction() {
    let columns = Schema::builder().input("inputs", [Numeric::new("x").drop_missing()]);
    let schema = columns.values("y", [Numeric::new("y")]).fit(&table("x,y\n1,2\n?,3\n4,5\n")).unwrap();
    let bundle = Bundle::new(layers::<f64>(1, 1, Activation::Identity, 0), schema).unwrap();
    assert_eq!(bundle.predict(&table("x\n?\n7\nNA\n8\n")).unwrap().rows(), [1, 3]);
    let problem = bundle.predict(&table("x\n?\n")).unwrap_err().to_string();
    assert_eq!(problem, "t.csv, without the rows in which values are missing: no samples; at least one is needed");
}

#[test]
fn a_long_table_passes_in_parts() {
    let bundle = of_values();
    let text: String = (0..9000).map(|i| format!("{}\n", f64::from(i) * 0.002)).collect();
    let long = table(&format!("x\n{text}"));
    let found = bundle.predict(&long).unwrap();
    for row in [0, 4095, 4096, 8999] {
        let alone = bundle.predict(&long.select(&[row]).unwrap()).unwrap();
        for column in 0..2 {
            let (a, b) = (found.values().unwrap().get([row, column]), alone.values().unwrap().get([0, column]));
            assert!((a - b).abs() <= 1e-4, "{row}: {a} {b}"); // f32, in other products of matrices
        }
    }
}

#[test]
fn a_damaged_file_is_refused_wherever_the_damage_is() {
    let bundle = of_two();
    let (folder, bytes) = Folder::with(&bundle);
    for part in 0..20 {
        let text = folder.refuses(&bytes[..bytes.len() * part / 20]);
        assert!(text.starts_with("m: not a whole safetensors file ("), "{part}: {text}");
    }
    for at in 0..bytes.len() {
        for flipped in [1, 0x80] {
            let mut damaged = bytes.clone();
            damaged[at] ^= flipped;
            assert!(folder.refuses(&damaged).starts_with("m: "), "byte {at}");
        }
    }
    let text = folder.refuses(&patched(&bytes, "rose", "nose"));
    assert!(text.starts_with("m: a damaged bundle (its checksum is "), "{text}");
    assert!(text.ends_with("); take another copy of the file"), "{text}");
}

#[test]
fn a_newer_format_is_refused_in_so_many_words() {
    let (folder, bytes) = Folder::with(&of_two());
    let newer = patched(&bytes, r#"\"format\":1"#, r#"\"format\":2"#);
    let newer = patched(&newer, r#"\"version\":\"0.1.0\""#, r#"\"version\":\"9.8.7\""#);
    assert_eq!(
        folder.refuses(&newer),
        "m: a bundle of format 2, which version 9.8.7 of this crate wrote; version 0.1.0 reads formats up to 1: update it"
    );
}

#[test]
fn other_files_are_refused() {
    let folder = Folder::new();
    io::save(&layers::<f64>(2, 2, Activation::Identity, 0).state(), folder.path()).unwrap();
    let weights = fs::read(folder.path()).unwrap();
    assert_eq!(
        folder.refuses(&weights),
        "m: no bundle but tensors alone; build their model, and load them with io::load"
    );
    assert!(folder.refuses(b"x,y\n1,2\n").starts_with("m: not a whole safetensors file ("));
    fs::remove_file(folder.path()).unwrap();
    assert!(matches!(Bundle::<f64>::load(folder.path()), Err(Error::Io { .. })));
}

#[test]
fn a_save_that_fails_keeps_the_file() {
    let bundle = of_two();
    let (folder, before) = Folder::with(&bundle);
    let (_, param) = bundle.model().parameters().iter().map(|(name, p)| (name.to_string(), p.clone())).next().unwrap();
    param.modify(|values| values[0] = f64::NAN);
    let text = bundle.save(folder.path()).unwrap_err().to_string();
    assert!(text.ends_with("holds NaN, and would be refused when it is loaded; train anew"), "{text}");
    assert_eq!(fs::read(folder.path()).unwrap(), before);
    let nowhere = folder.0.path().join("no/m.safetensors");
    assert!(matches!(of_classes().save(nowhere), Err(Error::Io { .. })));
}

struct Own(Param);

impl Module for Own {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        x * &self.0
    }
    fn parameters(&self) -> Parameters {
        Parameters::new().with("scale", &self.0)
    }
}

#[test]
fn a_model_that_does_not_fit_is_refused_by_name() {
    let refused = |model: Box<dyn Module>, schema: Schema| Bundle::new(model, schema).unwrap_err().to_string();
    let own = || Box::new(Own(Param::new([1.0])));
    let chain = Sequential::new().then(layers::<f64>(6, 3, Activation::Identity, 0)).then(Own(Param::new([1.0])));
    for (model, expected) in [
        (own() as Box<dyn Module>, "Own: it has no configuration; make it `Configured`"),
        (Box::new(chain), "layers.1 (Own): it has no configuration; make it `Configured`"),
        (
            Box::new(layers::<f64>(5, 3, Activation::Identity, 0)),
            "bundle: the model does not take the 6 numbers of a row: it takes 5; build it for 6 inputs",
        ),
        (
            Box::new(layers::<f64>(6, 1, Activation::Identity, 0)),
            "bundle: the model gives 1 number for each row, and target `kind` has 3 classes; give its last layer 3 outputs",
        ),
        (
            Box::new(layers::<f64>(6, 3, Activation::Sigmoid, 0)),
            "bundle: the model ends in a sigmoid for each of 3 classes, whose values do not add up to 1",
        ),
    ] {
        let text = refused(model, flowers());
        assert!(text.starts_with(expected), "{text}");
    }
    let columns =
        Schema::builder().input("a", [Numeric::new("width").fill(0.0)]).input("b", [Categorical::new("colour")]);
    let two = columns.classes("kind", Categorical::new("kind")).fit(&table(FLOWERS)).unwrap();
    let text = refused(Box::new(layers::<f64>(1, 3, Activation::Identity, 0)), two);
    assert!(text.starts_with("bundle: the schema has 2 inputs and 1 targets, and a bundle one of each"), "{text}");
}

#[test]
fn layers_of_ones_own_are_built_by_a_registry() {
    #[derive(serde::Deserialize)]
    struct Nothing {}
    let cube = || Function::new("cube", |x: Var| x.powi(3));
    let model = Sequential::new().then(layers::<f64>(6, 3, Activation::Identity, 0)).then(cube());
    let bundle = Bundle::new(model, flowers()).unwrap();
    let (folder, _) = Folder::with(&bundle);
    let text = folder.problem(Bundle::<f64>::load(folder.path()));
    let expected =
        "m: its model cannot be built: layers.1 (cube): no such layer is known; register it with Registry::with";
    assert!(text.starts_with(expected), "{text}");
    let registry = Registry::new().with_builder("cube", move |_: Nothing, _| Ok(cube()));
    let copy = Bundle::load_with(folder.path(), &registry).unwrap();
    assert_eq!(predicted(&copy, NEW), predicted(&bundle, NEW));
}

#[test]
fn inputs_beyond_all_numbers_have_no_prediction() {
    let (schema, _) = numbers();
    let config: Config =
        r#"{"layer": "linear", "inputs": 1, "outputs": 2, "init": {"constant": 1e300}}"#.parse().unwrap();
    let model = config.build::<f64>(&mut StdRng::seed_from_u64(0)).unwrap();
    let bundle = Bundle::new(model, schema).unwrap();
    let problem = |x: &str| bundle.predict(&table(&format!("x\n1\n{x}\n"))).unwrap_err().to_string();
    let text = problem("1e150");
    let expected = "bundle: t.csv, line 3: the model answers with inf; of its inputs `x` lies farthest from those that it learnt from, ";
    assert!(text.starts_with(expected), "{text}");
    for beyond in ["1e160", "-1e308"] {
        let text = problem(beyond);
        let expected = format!(
            "t.csv, line 3, column `x`: found `{beyond}`, needs a number whose square f64 can hold when it is scaled"
        );
        assert!(text.starts_with(&expected), "{text}");
    }
}

/// Infinite logits of both classes would give even odds, which are finite.
#[test]
fn classes_of_infinite_outputs_are_no_even_odds() {
    let text = r#"{"layer": "linear", "inputs": 1, "outputs": 2, "init": {"constant": 1e300}}"#;
    let model = text.parse::<Config>().unwrap().build::<f64>(&mut StdRng::seed_from_u64(0)).unwrap();
    let rows = table("x,k\n1,a\n2,b\n");
    let columns = Schema::builder().input("x", [Numeric::new("x")]);
    let schema = columns.classes("k", Categorical::new("k")).fit(&rows).unwrap();
    let text = Bundle::new(model, schema).unwrap().predict(&table("x\n1e150\n")).unwrap_err().to_string();
    assert!(text.starts_with("bundle: t.csv, line 2: the model answers with inf; of its inputs `x`"), "{text}");
}
