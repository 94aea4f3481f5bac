//! Any bytes as a table: read, or refused with an error; never a panic.

#![no_main]

use autograd::Tensor;
use libfuzzer_sys::fuzz_target;
use mlp::Table;

fuzz_target!(|data: &[u8]| {
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
