//! Any bytes as a table: read, or refused with an error; never a panic.

#![no_main]

use autograd::Tensor;
use libfuzzer_sys::fuzz_target;
use mlp::{Csv, Table};

/// Read in chunks, a table is what it is as a whole.
fn chunks(csv: &Csv, data: &[u8]) {
    let whole = csv.parse("fuzz.csv", data).map(|table| table.rows());
    let few: mlp::Result<usize> = csv.chunks_of("fuzz.csv", data, 2).map(|table| Ok(table?.rows())).sum();
    assert_eq!(whole.as_ref().ok(), few.as_ref().ok(), "{whole:?} {few:?}");
}

fuzz_target!(|data: &[u8]| {
    let csv = Csv::new().comments('#');
    for csv in [csv.clone(), csv.without_header().separator(';').decimal_comma(), Csv::new().names(["a", "b"])] {
        chunks(&csv, data);
    }
    let table = match Table::parse("fuzz.csv", data) {
        Ok(table) => table,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let columns = table.columns().to_vec();
    for column in &columns {
        if let Ok((classes, names)) = table.classes(column) {
            assert!(classes.len() == table.rows() && classes.iter().all(|&class| class < names.len()));
        }
        if let Ok(labels) = table.labels(column, 3) {
            assert!(labels.len() == table.rows() && labels.iter().all(|&label| label < 3));
        }
    }
    if let Ok(numbers) = table.numbers(&columns) {
        let numbers: Tensor = numbers;
        assert_eq!(numbers.shape(), &[table.rows(), columns.len()].into());
    }
});
