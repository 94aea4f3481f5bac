//! Any table gives a bundle's predictions or an error that names the cell; nothing panics.

use autograd::{Conv, Pool};
use mlp::{
    Activation, AvgPool1d, BatchNorm, Bundle, Categorical, Conv1d, Dropout, Embedding, Error, Flatten, Gru, Init, Join,
    LayerNorm, Linear, Lstm, Module, MultiHeadAttention, Network, Numeric, PositionalEncoding, Residual, Rnn, Schema,
    Sequential, Table, TransformerBlock,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

const CLASSES: usize = 5;
const WIDTH: usize = 4;
const COLUMNS: usize = 3;

/// Cells, and whether each is the number of a class.
const CELLS: [(&str, bool); 24] = [
    ("0", true),
    ("4", true),
    ("2.0", true),
    ("-0", true),
    ("1e0", true),
    ("5", false),
    ("2.5", false),
    ("-1", false),
    ("1e-300", false),
    ("4.0000000001", false),
    ("1e300", false),
    ("-1e300", false),
    ("18446744073709551616", false),
    ("4294967296", false),
    ("1e999", false),
    ("inf", false),
    ("NaN", false),
    ("NA", false),
    ("", false),
    ("?", false),
    ("two", false),
    ("0x1", false),
    ("1,5", false),
    ("٢", false),
];

fn rng() -> StdRng {
    StdRng::seed_from_u64(4)
}

fn words() -> Embedding {
    Embedding::new(CLASSES, WIDTH, &Init::glorot_normal(), &mut rng()).unwrap()
}

fn linear(inputs: usize, outputs: usize) -> Linear {
    Linear::new(inputs, outputs, &Init::glorot_normal(), &mut rng()).unwrap()
}

/// Models of one output, each with whether its inputs are classes.
fn models(outputs: usize) -> Vec<(&'static str, bool, Box<dyn Module>)> {
    let rng = &mut rng();
    let embedded = || Sequential::<f64>::new().then(words());
    let flat = |body: Sequential, features: usize| body.then(Flatten).then(linear(features, outputs));
    let all = COLUMNS * WIDTH;
    let conv = Conv1d::new(COLUMNS, 2, 3, Conv::new().padding(1), &Init::he_normal(), rng).unwrap();
    let block = TransformerBlock::new(WIDTH, 2, 8, Activation::Gelu, rng).unwrap();
    let positions = embedded().then(PositionalEncoding::sinusoidal(COLUMNS, WIDTH).unwrap());
    let both = Network::new(["x"]).part("words", "x", Sequential::new().then(words()).then(Flatten));
    let both = both.join("both", Join::Concat(1), ["x", "words"]);
    let both = both.part("y", "both", linear(all + COLUMNS, outputs)).outputs(["y"]).unwrap();
    let twice = Network::new(["x"]).part("one", "x", words()).same("two", "x", "one");
    let twice = twice.join("sum", Join::Add, ["one", "two"]).part("flat", "sum", Flatten);
    let twice = twice.part("y", "flat", linear(all, outputs)).outputs(["y"]).unwrap();
    vec![
        ("linear", true, Box::new(flat(embedded(), all))),
        ("conv", true, Box::new(flat(embedded().then(conv).then(Activation::Relu), 2 * WIDTH))),
        ("pool", true, Box::new(flat(embedded().then(AvgPool1d(Pool::new(2))), 2 * COLUMNS))),
        ("rnn", true, Box::new(embedded().then(Rnn::new(WIDTH, 6, rng).unwrap().last()).then(linear(6, outputs)))),
        ("gru", true, Box::new(embedded().then(Gru::new(WIDTH, 6, rng).unwrap().last()).then(linear(6, outputs)))),
        ("lstm", true, Box::new(flat(embedded().then(Lstm::new(WIDTH, 6, rng).unwrap()), 6 * COLUMNS))),
        ("attention", true, Box::new(flat(embedded().then(MultiHeadAttention::new(WIDTH, 2, rng).unwrap()), all))),
        ("transformer", true, Box::new(flat(positions.then(block), all))),
        ("behind flat inputs", true, Box::new(flat(Sequential::new().then(Flatten).then(words()), all))),
        ("nested", true, Box::new(flat(Sequential::new().then(embedded()), all))),
        ("dropout", true, Box::new(flat(Sequential::new().then(Dropout::new(0.1).unwrap()).then(words()), all))),
        ("network", true, Box::new(both)),
        ("the same twice", true, Box::new(twice)),
        (
            "numbers",
            false,
            Box::new(Sequential::new().then(linear(COLUMNS, 8)).then(Activation::Tanh).then(linear(8, outputs))),
        ),
        (
            "norms",
            false,
            Box::new(
                Sequential::new()
                    .then(BatchNorm::new(COLUMNS).unwrap())
                    .then(Residual::new(Sequential::<f64>::new().then(LayerNorm::new(COLUMNS).unwrap())))
                    .then(linear(COLUMNS, outputs)),
            ),
        ),
    ]
}

/// Schemas of three columns, and whether they pass cells on as they are.
fn schemas() -> Vec<(Schema, usize)> {
    let text: String =
        (0..12).map(|i| format!("{},{},{},{},{i}\n", i % 5, i % 4, i % 3, ["u", "v", "w"][i % 3])).collect();
    let table = Table::parse("train.csv", format!("a,b,c,kind,y\n{text}").as_bytes()).unwrap();
    let strict = || ["a", "b", "c"].map(Numeric::new);
    let inputs = |columns: [Numeric; 3]| Schema::builder().input("inputs", columns);
    vec![
        (inputs(strict()).values("y", [Numeric::new("y").standard()]).fit(&table).unwrap(), 1),
        (inputs(strict()).classes("kind", Categorical::new("kind")).fit(&table).unwrap(), 3),
        (inputs(strict().map(|column| column.fill_median())).values("y", [Numeric::new("y")]).fit(&table).unwrap(), 1),
        (inputs(strict().map(|column| column.drop_missing())).values("y", [Numeric::new("y")]).fit(&table).unwrap(), 1),
        (inputs(strict().map(|column| column.standard())).values("y", [Numeric::new("y")]).fit(&table).unwrap(), 1),
    ]
}

#[test]
fn any_cell_gives_a_prediction_or_an_error_that_names_it() {
    for (s, (schema, outputs)) in schemas().into_iter().enumerate() {
        for (name, takes_classes, model) in models(outputs) {
            let bundle = Bundle::new(model, schema.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
            for (cell, is_class) in CELLS {
                for column in 0..COLUMNS {
                    let mut cells = ["1"; COLUMNS];
                    cells[column] = cell;
                    let quoted = cells.map(|cell| format!("\"{cell}\"")).join(",");
                    let table = Table::parse("new.csv", format!("a,b,c\n1,1,1\n{quoted}\n").as_bytes()).unwrap();
                    let place = format!("{name}, schema {s}, `{cell}` in column {column}");
                    match bundle.predict(&table) {
                        Ok(found) => {
                            assert!(!takes_classes || is_class || s > 1, "{place}");
                            assert_eq!(found.rows()[0], 0, "{place}");
                        }
                        Err(error) => {
                            assert!(!is_class || s == 4, "{place}: {error}");
                            let text = error.to_string();
                            assert!(
                                text.starts_with("new.csv, line ") || text.starts_with("bundle: "),
                                "{place}: {text}"
                            );
                            assert!(matches!(error, Error::Cell { .. } | Error::Invalid { .. }), "{place}: {error:?}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn the_message_names_the_cell_and_the_classes() {
    let (schema, _) = schemas().swap_remove(0);
    let flat = || Sequential::new().then(words()).then(Flatten).then(linear(COLUMNS * WIDTH, 1));
    let bundle = Bundle::new(flat(), schema).unwrap();
    let refused = |rows: &str| {
        let table = Table::parse("new.csv", format!("a,b,c\n{rows}").as_bytes()).unwrap();
        bundle.predict(&table).unwrap_err().to_string()
    };
    let needs = "needs a whole number from 0 to 4; correct the cell or drop the row";
    assert_eq!(refused("0,1,2\n0,2.5,1\n"), format!("new.csv, line 3, column `b`: found `2.5`, {needs}"));
    assert_eq!(refused("0,1,-3\n"), format!("new.csv, line 2, column `c`: found `-3`, {needs}"));

    // A missing cell is filled with a median that is no class.
    let table = Table::parse("t", "a,b,c,y\n0,1,2,1\n1,1,2,2\n".as_bytes()).unwrap();
    let columns = Schema::builder().input("inputs", ["a", "b", "c"].map(|name| Numeric::new(name).fill_median()));
    let bundle = Bundle::new(flat(), columns.values("y", [Numeric::new("y")]).fit(&table).unwrap()).unwrap();
    let table = Table::parse("new.csv", "a,b,c\nNA,1,2\n".as_bytes()).unwrap();
    let text = bundle.predict(&table).unwrap_err().to_string();
    let why = "the input `a` is 0.5, needs a whole number from 0 to 4; correct or drop the row";
    assert_eq!(text, format!("bundle: new.csv, line 2: {why}"));

    // So does a category that was not there when the model was built.
    let table = Table::parse("t", "kind,y\nu,1\nv,2\n".as_bytes()).unwrap();
    let kinds = Schema::builder().input("inputs", [Categorical::new("kind").ordinal().unseen_as_category()]);
    let words = Embedding::new(2, WIDTH, &Init::glorot_normal(), &mut rng()).unwrap();
    let model = Sequential::new().then(words).then(Flatten).then(linear(WIDTH, 1));
    let bundle = Bundle::new(model, kinds.values("y", [Numeric::new("y")]).fit(&table).unwrap()).unwrap();
    assert!(bundle.predict(&table).is_ok());
    let table = Table::parse("new.csv", "kind\nw\n".as_bytes()).unwrap();
    let why = "the input `kind` is 2, needs a whole number from 0 to 1; correct or drop the row";
    assert_eq!(bundle.predict(&table).unwrap_err().to_string(), format!("bundle: new.csv, line 2: {why}"));

    let behind = Sequential::new().then(linear(COLUMNS, COLUMNS)).then(flat());
    let (schema, _) = schemas().swap_remove(0);
    assert_eq!(
        Bundle::new(behind, schema).unwrap_err().to_string(),
        "bundle: an embedding stands behind other layers, whose outputs are no classes; begin the model with it"
    );
}

/// A layer that hands values on unchanged may stand before the embedding, as a part or in a chain of its own.
#[test]
fn what_changes_no_value_may_come_first() {
    let words = || Sequential::new().then(words()).then(Flatten).then(linear(COLUMNS * WIDTH, 1));
    let chain = Sequential::new().then(Sequential::new().then(Sequential::new().then(Flatten))).then(words());
    let parts = |first: Box<dyn Module>| {
        let network = Network::new(["inputs"]).part("first", "inputs", first).part("y", "first", words());
        network.outputs(["y"]).unwrap()
    };
    let inner = Sequential::new().then(Network::new(["x"]).part("flat", "x", Flatten).outputs(["flat"]).unwrap());
    let models: [Box<dyn Module>; 3] =
        [Box::new(chain), Box::new(parts(Box::new(Flatten))), Box::new(inner.then(words()))];
    for model in models {
        let (schema, _) = schemas().swap_remove(0);
        let bundle = Bundle::new(model, schema).unwrap();
        let table = Table::parse("new.csv", "a,b,c\n0,2.5,1\n".as_bytes()).unwrap();
        let refused = bundle.predict(&table).unwrap_err().to_string();
        assert!(refused.contains("found `2.5`, needs a whole number from 0 to 4"), "{refused}");
    }
    let (schema, _) = schemas().swap_remove(0);
    let changed = Bundle::new(parts(Box::new(linear(COLUMNS, COLUMNS))), schema);
    assert!(changed.unwrap_err().to_string().contains("an embedding stands behind other layers"));
}
