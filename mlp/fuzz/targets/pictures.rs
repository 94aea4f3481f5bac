//! Any bytes as a picture: read, or refused with an error; never a panic, and no memory for pixels that are only claimed.

#![no_main]

use std::path::PathBuf;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use mlp::Pictures;

/// A folder of this process, with one class.
fn folder() -> &'static PathBuf {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let folder = std::env::temp_dir().join(format!("mlp-fuzz-{}-pictures", std::process::id()));
        std::fs::create_dir_all(folder.join("class")).expect("the folder for temporary files can be written");
        folder
    })
}

fuzz_target!(|data: &[u8]| {
    std::fs::write(folder().join("class/fuzz.png"), data).expect("the folder for temporary files can be written");
    let pictures = Pictures::rgb(folder()).expect("a folder with a class and a file");
    match pictures.dataset::<f32>(&[0]) {
        Ok(data) => assert!(data.inputs().as_slice().iter().all(|x| (0.0..=1.0).contains(x))),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
