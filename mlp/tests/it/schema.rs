//! Schemas: what they learn, that applying learns nothing, and what they refuse.

use autograd::Tensor;
use mlp::{Categorical, Error, Numeric, Schema, SchemaBuilder, Table, Targets};
use proptest::prelude::*;
use serde_json::Value;

fn table(text: &str) -> Table {
    Table::parse("t.csv", text.as_bytes()).unwrap()
}

fn inputs(schema: &Schema, text: &str) -> Tensor {
    schema.inputs_of(&table(text)).unwrap()
}

fn refused(builder: &SchemaBuilder, text: &str) -> String {
    builder.fit(&table(text)).unwrap_err().to_string()
}

#[test]
fn figures_agree_with_scikit_learn() {
    let cases: Value = serde_json::from_str(include_str!("../data/schema.json")).unwrap();
    let tables = ["train", "test"].map(|name| table(cases[name].as_str().unwrap()));
    let column =
        |values: &Value| -> Vec<f64> { values.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect() };
    let made = |builder: SchemaBuilder| -> Tensor { builder.fit(&tables[0]).unwrap().inputs_of(&tables[1]).unwrap() };
    for (case, expected) in cases["numeric"].as_object().unwrap() {
        let (fill, scale) = case.split_once(' ').unwrap();
        let x = Numeric::new("x");
        let x = match fill {
            "mean" => x.fill_mean(),
            "median" => x.fill_median(),
            _ => x.fill_most_frequent(),
        };
        let x = match scale {
            "standard" => x.standard(),
            "min_max" => x.min_max(),
            _ => x.robust(),
        };
        let expected = Tensor::from(column(expected));
        let found = made(Schema::builder().input("x", [x])).reshape(expected.shape().clone());
        assert!(found.is_close(&expected, 1e-13), "{case}: {found:?}, scikit-learn has {expected:?}");
    }
    let kind = Categorical::new("kind").unseen_as_category();
    let one_hot = made(Schema::builder().input("x", [kind.clone()]));
    for (i, expected) in cases["one_hot"].as_array().unwrap().iter().enumerate() {
        let mut expected = column(expected);
        expected.push(1.0 - expected.iter().sum::<f64>()); // our column of unseen categories
        assert_eq!((0..4).map(|j| one_hot.get([i, j])).collect::<Vec<_>>(), expected);
    }
    assert_eq!(made(Schema::builder().input("x", [kind.ordinal()])).to_vec(), column(&cases["ordinal"]));
}

const FLOWERS: &str = "age,kind,size,price\n20,iris,1,10\n?,rose,2,20\n40,,2,30\n50,iris,?,40\n";

fn flowers() -> SchemaBuilder {
    Schema::builder()
        .input("numbers", [Numeric::new("age").fill_mean().indicator().min_max(), Numeric::new("size").drop_missing()])
        .input("names", [Categorical::new("kind").missing_as_category().unseen_as_category()])
        .values("price", [Numeric::new("price").standard()])
        .classes("size", Categorical::new("size").drop_missing())
}

#[test]
fn parts_have_names_and_share_their_rows() {
    let schema = flowers().fit(&table(FLOWERS)).unwrap();
    assert_eq!((schema.input_names(), schema.target_names()), (vec!["numbers", "names"], vec!["price", "size"]));
    assert_eq!(schema.features("numbers").unwrap(), ["age", "age (missing)", "size"]);
    assert_eq!(schema.features("names").unwrap(), ["kind=iris", "kind=rose", "kind (missing)", "kind (unseen)"]);
    assert_eq!(schema.classes("size").unwrap(), ["1", "2"]);

    let prepared = schema.apply::<f64>(&table(FLOWERS)).unwrap();
    assert_eq!(prepared.rows(), [0, 1, 2]);
    // The mean of 20 and 40: the last row is dropped before anything is learnt.
    assert_eq!(prepared.input("numbers").unwrap(), &[[0.0, 0.0, 1.0], [0.5, 1.0, 2.0], [1.0, 0.0, 2.0]].into());
    let names = [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]];
    assert_eq!(prepared.input("names").unwrap(), &names.into());
    assert_eq!(prepared.target("size").unwrap(), &Targets::from(vec![0, 1, 1]));
    let Targets::Values(prices) = prepared.target("price").unwrap() else { panic!("prices are values") };
    assert!(schema.inverse("price", prices).unwrap().is_close(&[[10.0], [20.0], [30.0]].into(), 1e-14));
    assert_eq!(prepared.dataset("names", "size").unwrap().inputs(), prepared.input("names").unwrap());

    // A table without targets; rows miss what only an input needs.
    let new = table("kind,size,age\nlily,3,30\n,?,20\n");
    let prepared = schema.apply_inputs::<f32>(&new).unwrap();
    assert_eq!(prepared.rows(), [0]);
    assert_eq!(prepared.input("names").unwrap(), &[[0.0, 0.0, 0.0, 1.0]].into());
    assert!(schema.apply::<f32>(&new).unwrap_err().to_string().starts_with("t.csv: no column `price`; "));

    let error = |error: Error| error.to_string();
    let several = "schema: 2 inputs where one is needed; take them by name from `Schema::apply`";
    assert_eq!(schema.inputs_of::<f64>(&new).map_err(error).unwrap_err(), several);
    assert_eq!(schema.dataset::<f64>(&new).map_err(error).unwrap_err(), several);
    assert_eq!(
        prepared.input("prices").map_err(error).unwrap_err(),
        "schema: no input `prices`; the inputs are `numbers`, `names`"
    );
    assert_eq!(schema.classes("price").map_err(error).unwrap_err(), "schema: target `price` has values, no classes");
    assert_eq!(
        schema.inverse("size", &Tensor::<f64>::zeros([2, 1])).map_err(error).unwrap_err(),
        "schema: target `size` has classes, which are not scaled"
    );
    assert_eq!(
        schema.inverse("price", &Tensor::<f64>::zeros([2, 3])).map_err(error).unwrap_err(),
        "schema: shape (2, 3) is not (…, 1), the columns of target `price`"
    );
}

#[test]
fn a_target_of_several_columns_comes_back_in_its_units() {
    let builder = Schema::builder().input("x", [Numeric::new("a")]);
    let builder = builder.values("y", [Numeric::new("a").min_max(), Numeric::new("b").standard()]);
    let text = "a,b\n1,10\n3,30\n";
    let schema = builder.fit(&table(text)).unwrap();
    let data = schema.dataset::<f64>(&table(text)).unwrap();
    assert_eq!(data.targets(), &Targets::Values([[0.0, -1.0], [1.0, 1.0]].into()));
    let predictions: Tensor = [[[0.5, 0.0], [2.0, -2.0]]].into(); // any number of axes in front
    assert_eq!(schema.inverse("y", &predictions).unwrap(), [[[2.0, 20.0], [5.0, 0.0]]].into());
}

#[test]
fn applying_learns_nothing() {
    let schema = flowers().fit(&table(FLOWERS)).unwrap();
    let before = schema.clone();
    let rows = "age,kind,size,price\n1000,lily,2,5\n?,rose,1,6\n";
    let whole = schema.apply::<f64>(&table(rows)).unwrap();
    assert_eq!(whole.input("numbers").unwrap(), &[[49.0, 0.0, 2.0], [0.5, 1.0, 1.0]].into());
    // Each row alone gives the same as in company.
    for row in 0..2 {
        let alone = schema.apply::<f64>(&table(rows).select(&[row]).unwrap()).unwrap();
        for input in ["numbers", "names"] {
            let (alone, whole) = (alone.input(input).unwrap(), whole.input(input).unwrap());
            assert_eq!(alone.to_vec(), whole.to_vec()[row * alone.numel()..(row + 1) * alone.numel()]);
        }
    }
    assert_eq!(schema, before);
}

#[test]
fn missing_values_become_what_was_told() {
    let text = "x,k\n1,a\nNA,\n4,b\n4,b\n7,a\n";
    let x = |x: Numeric| {
        let schema = Schema::builder().input("x", [x]).fit(&table(text)).unwrap();
        inputs(&schema, "x\n0\n?\n").to_vec()
    };
    assert_eq!(x(Numeric::new("x").fill_mean()), [0.0, 4.0]);
    assert_eq!(x(Numeric::new("x").fill_median()), [0.0, 4.0]);
    assert_eq!(x(Numeric::new("x").fill_most_frequent()), [0.0, 4.0]);
    assert_eq!(x(Numeric::new("x").fill(-2.0).min_max()), [2.0 / 9.0, 0.0], "the scale is that of the filled column");
    assert_eq!(x(Numeric::new("x").drop_missing()), [0.0]);
    assert_eq!(x(Numeric::new("x").fill(9.0).indicator()), [0.0, 0.0, 9.0, 1.0]);
    // Of two equally frequent values the first.
    let tie = Schema::builder().input("x", [Numeric::new("x").fill_most_frequent()]);
    let tie = tie.input("x", [Categorical::new("k").fill_most_frequent().ordinal()]);
    let schema = tie.fit(&table("x,k\n5,b\n3,a\n?,?\n")).unwrap();
    assert_eq!(inputs(&schema, "x,k\n,\n"), [[3.0, 0.0]].into());

    let k = |k: Categorical| {
        let schema = Schema::builder().input("x", [k]).fit(&table(text)).unwrap();
        inputs(&schema, "k\nb\n\"\"\n").to_vec()
    };
    assert_eq!(k(Categorical::new("k").fill("a")), [0.0, 1.0, 1.0, 0.0]);
    assert_eq!(k(Categorical::new("k").drop_missing()), [0.0, 1.0]);
    assert_eq!(k(Categorical::new("k").missing_as_category()), [0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
    assert_eq!(k(Categorical::new("k").missing_as_category().ordinal()), [1.0, 2.0]);
    // A mark that was given as a category is one: Namibia.
    let country = Categorical::new("c").categories(["FR", "NA"]).drop_missing();
    let schema = Schema::builder().input("x", [country]).fit(&table("c\nNA\nFR\n?\n")).unwrap();
    assert_eq!(inputs(&schema, "c\nNA\n\"\"\n"), [[0.0, 1.0]].into());
    let schema = Schema::builder().missing_marks(["-"]).input("x", [Categorical::new("c")]).fit(&table("c\nNA\n?\n"));
    assert_eq!(schema.unwrap().features("x").unwrap(), ["c=?", "c=NA"]);
}

/// A column of whole numbers with a gap comes out of other programs as 1.0, 2.0.
#[test]
fn equal_numbers_are_one_class_however_they_are_written() {
    let train = table("x,y\n1,1\n2,1.0\n3,2\n4,+1\n5,2.00\n");
    let columns =
        Schema::builder().input("x", [Numeric::new("x")]).input("x", [Categorical::new("y").fill_most_frequent()]);
    let schema = columns.classes("y", Categorical::new("y")).fit(&train).unwrap();
    assert_eq!(schema.classes("y").unwrap(), ["1", "2"]);
    assert_eq!(schema.features("x").unwrap(), ["x", "y=1", "y=2"]);
    assert_eq!(schema.dataset::<f64>(&train).unwrap().targets(), &Targets::Classes(vec![0, 0, 1, 0, 1]));
    let other = table("x,y\n1,2.0\n2,10e-1\n");
    assert_eq!(schema.dataset::<f64>(&other).unwrap().targets(), &Targets::Classes(vec![1, 0]));
    assert_eq!(inputs(&schema, "x,y\n7,?\n"), [[7.0, 1.0, 0.0]].into());
    assert_eq!(train.classes("y").unwrap(), (vec![0, 0, 1, 0, 1], vec!["1".into(), "2".into()]));
    assert_eq!(train.known_classes("y", &["2", "1"]).unwrap(), [1, 1, 0, 1, 0]);
    // Codes and text stay what they are.
    for (text, classes) in [("y\n01\n1\n", 2), ("y\n1\n1.0\nmany\n", 3), ("y\n9007199254740993\n9007199254740992\n", 2)]
    {
        assert_eq!(table(text).classes("y").unwrap().1.len(), classes, "{text}");
    }
}

#[test]
fn tables_that_do_not_fit_name_the_cell_and_the_repair() {
    let schema = Schema::builder()
        .input("x", [Numeric::new("a").standard()])
        .input("x", [Categorical::new("k")])
        .classes("y", Categorical::new("y").categories(["no", "yes"]))
        .fit(&table("a,k,y\n1,u,yes\n2,v,no\n"))
        .unwrap();
    let refused = |text: &str| schema.apply::<f64>(&table(text)).unwrap_err().to_string();
    let at = |column: &str, rest: &str| {
        format!("t.csv, line 3, column `{column}`: found {rest}; correct the cell or drop the row")
    };
    let fine = "a,k,y\n1,u,yes\n";
    assert_eq!(refused(&format!("{fine}many,u,no\n")), at("a", "`many`, needs a finite number"));
    assert_eq!(
        refused(&format!("{fine}NA,u,no\n")),
        at(
            "a",
            "`NA` for a missing value, needs a finite number, or a `Numeric` that fills in or drops missing values"
        )
    );
    assert_eq!(refused(&format!("{fine}1,w,no\n")), at("k", "`w`, needs one of the categories `u`, `v`"));
    assert_eq!(
        refused(&format!("{fine}1,,no\n")),
        at(
            "k",
            "an empty cell, needs one of the categories `u`, `v`, or a `Categorical` that fills in, drops or counts missing values"
        )
    );
    assert_eq!(refused(&format!("{fine}1,u,maybe\n")), at("y", "`maybe`, needs one of the categories `no`, `yes`"));
    let error = schema.apply::<f32>(&table("a,k,y\n9e18,u,no\n1e20,u,no\n")).unwrap_err().to_string();
    assert_eq!(error, at("a", "`1e20`, needs a number whose square f32 can hold when it is scaled"));
    assert_eq!(refused("a,y\n1,no\n"), "t.csv: no column `k`; the columns are `a`, `y`");
    let drop = Schema::builder().input("x", [Numeric::new("a").drop_missing()]).fit(&table("a\n1\n")).unwrap();
    assert_eq!(
        drop.inputs_of::<f64>(&table("a\n?\n")).unwrap_err().to_string(),
        "t.csv, without the rows in which values are missing: no samples; at least one is needed"
    );
}

#[test]
fn builders_that_contradict_themselves_are_refused() {
    let (a, k) = (Numeric::new("a"), Categorical::new("k"));
    let x = |column: &Numeric| Schema::builder().input("x", [column.clone()]);
    let y = |column: &Categorical| x(&a).classes("y", column.clone());
    let law = "a target is as the table has it; drop rows without one, and name all classes";
    let text = "a,k\n1,u\n2,v\n";
    for (builder, message) in [
        (Schema::builder(), "no inputs; give at least one column".to_string()),
        (Schema::builder().input("x", [] as [Numeric; 0]), "input `x` has no columns; give at least one".into()),
        (x(&a).values("y", []), "target `y` has no columns; give at least one".into()),
        (
            x(&a).values("y", [a.clone()]).values("y", [a.clone()]),
            "target 1 is named `y`, as one before it; give each target its own name".into(),
        ),
        (x(&a).values("y", [a.clone().fill_mean()]), format!("target `y`, column `a`: {law}")),
        (y(&k.clone().missing_as_category()), format!("target `y`, column `k`: {law}")),
        (y(&k.clone().unseen_as_category()), format!("target `y`, column `k`: {law}")),
        (
            y(&k.clone().categories(["u", "u", "v"])),
            "target `y`, column `k`: category `u` is given twice, as 0 and 1; give each once".into(),
        ),
        (
            y(&k.clone().categories([] as [&str; 0])),
            "target `y`, column `k`: no categories; at least one is needed".into(),
        ),
        (
            x(&a.clone().indicator()),
            "input `x`, column `a`: an indicator of missing values, but nothing is filled in for them; choose a number"
                .into(),
        ),
        (
            x(&a.clone().fill(f64::NAN)),
            "t.csv, column `a`: holds NaN, infinite or enormous numbers; remove or clip them".into(),
        ),
        (
            Schema::builder().input("x", [k.clone().fill("w")]),
            "t.csv, column `k`: `w` for missing values is none of the categories `u`, `v`".into(),
        ),
    ] {
        assert_eq!(refused(&builder, text), format!("schema: {message}"));
    }
    assert!(refused(&x(&Numeric::new("b")), text).starts_with("t.csv: no column `b`"));
    assert!(refused(&x(&Numeric::new("k")), text).contains("found `u`, needs a finite number;"));
    assert!(
        refused(&y(&k.clone().categories(["u"])), text)
            .contains("line 3, column `k`: found `v`, needs one of the categories `u`")
    );
    let enormous = "a\n1.7e308\n-1.7e308\n";
    for column in [a.clone().standard(), a.clone().min_max()] {
        assert!(refused(&x(&column), enormous).contains("enormous numbers"));
    }
    assert!(refused(&x(&a.clone().fill_mean()), "a\n1.7e308\n1.7e308\n?\n").contains("enormous numbers"));
    for column in [a.clone().fill_mean(), a.clone().fill_median(), a.fill_most_frequent()] {
        assert!(refused(&x(&column), "a\n?\nNA\n").contains("all values are missing"));
    }
    assert!(
        refused(&Schema::builder().input("x", [k.fill_most_frequent()]), "k\n?\nNA\n")
            .contains("all values are missing")
    );
}

/// All that a schema may hold.
fn full() -> Schema {
    flowers()
        .input("names", [Categorical::new("kind").categories(["iris", "rose"]).fill("rose").ordinal()])
        .fit(&table(FLOWERS))
        .unwrap()
}

#[test]
fn json_comes_back_and_damage_is_refused() {
    let schema = full();
    let text = schema.to_json();
    assert_eq!(Schema::from_json(&text).unwrap(), schema);
    assert!(
        text.contains("\"shift\": 20.0") && text.contains("\"fill\": 30.0") && text.contains("\"one_hot\""),
        "{text}"
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("schema.json");
    std::fs::write(&path, &text).unwrap();
    assert_eq!(Schema::read(&path).unwrap(), schema);
    for i in 0..20 {
        let cut = &text.as_bytes()[..text.len() * i / 20];
        std::fs::write(&path, cut).unwrap();
        let error = Schema::read(&path).unwrap_err();
        assert!(matches!(error, Error::File { .. }), "{error}");
    }
    for (old, new, law) in [
        ("\"missing\": [", "\"extra\": 1, \"missing\": [", "unknown field `extra`"),
        ("\"indicator\": true,", "\"indicator\": true, \"extra\": 1,", "unknown field `extra`"),
        ("\"encoding\": \"one_hot\",", "\"encoding\": \"one_hot\", \"extra\": 1,", "unknown field `extra`"),
        ("\"name\": \"names\",", "\"name\": \"names\", \"extra\": 1,", "unknown field `extra`"),
        ("\"name\": \"price\",", "\"name\": \"price\", \"extra\": 1,", "unknown field `extra`"),
        ("\"indicator\": true,", "", "missing field `indicator`"),
        ("\"one_hot\"", "\"two_hot\"", "unknown variant `two_hot`"),
        ("\"shift\": 20.0", "\"shift\": \"20\"", "invalid type"),
        (
            "\"scale\": 20.0",
            "\"scale\": 0.0",
            "shift 20 and scale 0; a shift is finite, and a scale finite and above 0",
        ),
        ("\"scale\": 20.0", "\"scale\": 1e999", "number out of range"),
        ("\"name\": \"names\",", "\"name\": \"numbers\",", "input 1 is named `numbers`, as one before it"),
        ("\"fill\": \"rose\"", "\"fill\": \"lily\"", "`lily` for missing values is none of the categories"),
        ("\"numeric\"", "\"categorical\"", "invalid type: floating point `30.0`, expected a string"),
    ] {
        assert!(text.contains(old), "{old}");
        let error = Schema::from_json(&text.replacen(old, new, 1)).unwrap_err().to_string();
        assert!(error.starts_with("schema: ") && error.contains(law), "{error}");
    }
}

#[test]
fn scalers_are_data_too() {
    let scaler = mlp::Scaler::standard(&Tensor::from([[0.1, 1e-100], [0.7, 1e100]])).unwrap();
    let text = serde_json::to_string(&scaler).unwrap();
    assert_eq!(serde_json::from_str::<mlp::Scaler>(&text).unwrap(), scaler);
    for (text, law) in [
        (r#"{"shift": [1.0, 2.0], "scale": [1.0]}"#, "2 shifts but 1 scales; a scaler has one of each a column"),
        (r#"{"shift": [1.0, 2.0], "scale": [1.0, -1.0]}"#, "column 1 has shift 2 and scale -1; a shift is finite"),
        (r#"{"shift": [], "scale": [], "more": 1}"#, "unknown field `more`"),
    ] {
        let error = serde_json::from_str::<mlp::Scaler>(text).unwrap_err().to_string();
        assert!(error.contains(law), "{error}");
    }
}

proptest! {
    /// Any table is fitted and applied, or refused with an error.
    #[test]
    fn no_table_panics(
        rows in proptest::collection::vec(("[0-9.eE-]{0,4}|NA|1e308|-1e308|inf", "[ab?]{0,1}"), 1..8),
        other in proptest::collection::vec(("[0-9.eE-]{0,4}|NA|1e308", "[abc?]{0,1}"), 1..8),
        choice in 0..24usize,
    ) {
        let text = |rows: &[(String, String)]| {
            rows.iter().fold("x,k\n".to_string(), |text, (x, k)| format!("{text}{x},{k}\n"))
        };
        let x = Numeric::new("x");
        let x = [x.clone(), x.clone().standard(), x.clone().min_max(), x.robust()][choice % 4].clone();
        let k = Categorical::new("k");
        let (x, k) = match choice / 4 {
            0 => (x, k),
            1 => (x.drop_missing(), k.drop_missing()),
            2 => (x.fill_mean().indicator(), k.missing_as_category().unseen_as_category()),
            3 => (x.fill_median(), k.unseen_as_category().ordinal()),
            4 => (x.fill(1.5), k.fill("a")),
            _ => (x.fill_most_frequent(), k.fill_most_frequent().unseen_as_category()),
        };
        let builder = Schema::builder().input("x", [x]).input("x", [k]);
        if let Ok(schema) = builder.fit(&table(&text(&rows))) {
            prop_assert_eq!(&Schema::from_json(&schema.to_json()).unwrap(), &schema);
            let width = schema.features("x").unwrap().len();
            if let Ok(prepared) = schema.apply::<f64>(&table(&text(&other))) {
                let x = prepared.input("x").unwrap();
                prop_assert_eq!(x.shape(), &[prepared.rows().len(), width].into());
                prop_assert!(x.as_slice().iter().all(|x| x.is_finite()));
            }
        }
    }

    /// A schema with a byte changed is a schema or an error.
    #[test]
    fn no_damaged_json_panics(at in 0..4000usize, byte in any::<u8>()) {
        let mut bytes = full().to_json().into_bytes();
        let n = bytes.len();
        bytes[at % n] = byte;
        if let Ok(schema) = Schema::from_json(&String::from_utf8_lossy(&bytes)) {
            let _ = schema.apply::<f64>(&table(FLOWERS));
        }
    }
}
