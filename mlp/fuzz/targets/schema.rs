//! Any text as a schema, and any text as a table that it is applied to: read, or refused with an error; never a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mlp::{Categorical, Csv, Numeric, Schema};
use mlp_fuzz::told;

// The text up to a byte of 0 is the schema.
fuzz_target!(|data: &str| {
    let (json, text) = data.split_once('\0').unwrap_or((data, ""));
    let table = Csv::new().without_header().parse("fuzz.csv", text.as_bytes());
    if let (Some(schema), Ok(table)) = (told(Schema::from_json(json)), &table) {
        let again = Schema::from_json(&schema.to_json()).expect("what was read is written");
        assert_eq!(again, schema);
        let _ = schema.apply::<f32>(table);
    }
    let Ok(table) = table else { return };
    let names = Categorical::new("1").missing_as_category().unseen_as_category();
    let builder =
        Schema::builder().input("x", [Numeric::new("0").fill_median().robust().indicator()]).input("x", [names]);
    if let Ok(schema) = builder.fit(&table) {
        let x = schema.inputs_of::<f64>(&table).expect("what was learnt from fits");
        assert_eq!(x.shape(), &[table.rows(), schema.features("x").unwrap().len()].into());
    }
});
