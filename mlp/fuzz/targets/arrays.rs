//! Any bytes as a file of arrays: read, or refused with an error; never a panic, and no memory for what is only claimed.

#![no_main]

use std::path::PathBuf;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use mlp::io;

/// A file of this process.
fn path() -> &'static PathBuf {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| std::env::temp_dir().join(format!("mlp-fuzz-{}.array", std::process::id())))
}

fn read<T>(result: mlp::Result<T>) {
    if let Err(error) = result {
        assert!(!error.to_string().is_empty());
    }
}

// The first byte chooses the format, so that none has to be guessed.
fuzz_target!(|data: &[u8]| {
    let Some((format, bytes)) = data.split_first() else { return };
    std::fs::write(path(), bytes).expect("the folder for temporary files can be written");
    match format % 4 {
        0 => read(io::read_npy::<f32>(path())),
        1 => read(io::read_npz::<f64>(path())),
        2 => read(io::read_idx::<f32>(path())),
        _ => read(io::read_idx_labels(path(), 10)),
    }
});
