//! Any bytes as the log of a training: read, or refused with an error; never a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mlp::train::{load_csv, load_json_lines};
use mlp_fuzz::{file, told};

fuzz_target!(|data: &[u8]| {
    let path = file(".log", data);
    told(load_csv(&path));
    told(load_json_lines(&path));
});
