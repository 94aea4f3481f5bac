//! Any bytes as a file of arrays: read, or refused with an error; never a panic, and no memory for what is only claimed.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mlp::io;
use mlp_fuzz::{file, told};

// The first byte chooses the format, so that none has to be guessed.
fuzz_target!(|data: &[u8]| {
    let Some((format, bytes)) = data.split_first() else { return };
    let path = file(".array", bytes);
    match format % 4 {
        0 => drop(told(io::read_npy::<f32>(path))),
        1 => drop(told(io::read_npz::<f64>(path))),
        2 => drop(told(io::read_idx::<f32>(path))),
        _ => drop(told(io::read_idx_labels(path, 10))),
    }
});
