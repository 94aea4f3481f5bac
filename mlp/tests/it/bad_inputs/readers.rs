//! The readers, with a small good file for each.

use std::fs;
use std::path::Path;

use autograd::{Param, Parameters, Tensor};
use mlp::train::{self, EarlyStopping, Progress, load_csv, load_json_lines};
use mlp::{Adam, BatchNorm, Bundle, Config, Init, Linear, Module, Optimizer, Result, Schema, Sequential, Table, io};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::bad_files::{TABLE, bundle, schema};

type Read = Box<dyn Fn(&Path) -> Result<()>>;

pub(super) struct Reader {
    pub(super) name: &'static str,
    /// The name of the file.
    pub(super) file: &'static str,
    pub(super) good: Vec<u8>,
    pub(super) read: Read,
    /// Whether it opens the file itself, and names it.
    pub(super) opens: bool,
}

fn rng() -> StdRng {
    StdRng::seed_from_u64(0)
}

/// What `write` writes.
fn written(write: impl FnOnce(&Path) -> Result<()>) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("good");
    write(&path).unwrap();
    fs::read(path).unwrap()
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut packed = flate2::write::GzEncoder::new(vec![], flate2::Compression::default());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

/// Two parameters, which loaders must leave alone if they fail.
pub(super) fn parameters() -> Parameters {
    Parameters::new().with("w", &Param::new([[1.0, 2.0], [3.0, 4.0]])).with("b", &Param::new([5.0, 6.0]))
}

pub(super) fn dict() -> Sequential {
    let linear = Linear::new(2, 2, &Init::he_normal(), &mut rng()).unwrap();
    Sequential::new().then(linear).then(BatchNorm::new(2).unwrap())
}

/// An error, or else the same values as before.
fn unchanged(parameters: &Parameters, load: impl FnOnce() -> Result<()>) -> Result<()> {
    let values = || parameters.params().map(Param::value).collect::<Vec<Tensor>>();
    let before = values();
    load().inspect_err(|error| assert!(values() == before, "changed, though {error}"))
}

pub(super) fn all() -> Vec<Reader> {
    let x: Tensor = Tensor::from([[1.5, -2.0], [0.25, 1e10], [7.0, 0.0]]);
    let pixels = Tensor::<f64>::from_fn([4, 3, 3], |at| (20 * at[0] + at[1]) as f64);
    let labels = [&[0, 0, 8, 1, 0, 0, 0, 24][..], &[7, 3, 0].repeat(8)].concat();
    let training = |path: &Path| {
        let parameters = parameters();
        let adam = Adam::new(&parameters, 0.1);
        train::save_training_with(&parameters, &adam, &[&EarlyStopping::new(3)], &Progress::new(3), path)
    };
    let load_training = |path: &Path| {
        let parameters = parameters();
        let (mut adam, mut stopping) = (Adam::new(&parameters, 0.1), EarlyStopping::new(3));
        let before = adam.state();
        unchanged(&parameters, || {
            train::load_training_with(&parameters, &mut adam, vec![&mut stopping], path)
                .map(drop)
                .inspect_err(|error| assert!(adam.state() == before, "the optimiser is changed, though {error}"))
        })
    };
    let config =
        r#"{"layer":"sequential","layers":[{"layer":"linear","inputs":4,"outputs":8},{"layer":"dropout","p":0.5}]}"#;
    let log = "epoch,loss,accuracy,learning_rate\n1,0.5,0.75,0.1\n2,0.25,,0.1\n";
    let lines = "{\"epoch\":1,\"loss\":0.5,\"accuracy\":0.75}\n{\"epoch\":2,\"loss\":0.25}\n";
    let mut readers: Vec<Reader> = vec![];
    let mut add = |name, file, good: Vec<u8>, read: Read| {
        let opens = name != "configuration";
        readers.push(Reader { name, file, good, read, opens });
    };
    add("table", "t.csv", TABLE.into(), {
        let schema = schema();
        Box::new(move |path| schema.dataset::<f64>(&Table::read(path)?).map(drop))
    });
    add("schema", "schema.json", schema().to_json().into(), Box::new(|path| Schema::read(path).map(drop)));
    add("NPY", "x.npy", written(|path| io::write_npy(path, &x)), Box::new(|path| io::read_npy::<f64>(path).map(drop)));
    add(
        "NPZ",
        "x.npz",
        written(|path| io::write_npz(path, [("x", &x), ("y", &pixels)])),
        Box::new(|path| io::read_npz::<f64>(path).map(drop)),
    );
    let idx = written(|path| io::write_idx(path, &pixels));
    add("packed IDX", "x.gz", gzip(&idx), Box::new(|path| io::read_idx::<f64>(path).map(drop)));
    add("IDX", "x.idx", idx, Box::new(|path| io::read_idx::<f64>(path).map(drop)));
    add("IDX labels", "y.idx", labels, Box::new(|path| io::read_idx_labels(path, 10).map(drop)));
    add(
        "weights",
        "w.safetensors",
        written(|path| io::save(&parameters(), path)),
        Box::new(|path| {
            let parameters = parameters();
            unchanged(&parameters, || io::load(&parameters, path))
        }),
    );
    add(
        "state dict",
        "torch.safetensors",
        written(|path| io::torch::save(&dict(), path)),
        Box::new(|path| {
            let model = dict();
            unchanged(&model.state(), || io::torch::load(&model, path))
        }),
    );
    add(
        "bundle",
        "m.safetensors",
        written(|path| bundle().save(path)),
        Box::new(|path| Bundle::<f64>::load(path).map(drop)),
    );
    add("training", "t.safetensors", written(training), Box::new(load_training));
    add("progress", "p.safetensors", written(training), Box::new(|path| train::progress(path).map(drop)));
    add("configuration", "model.json", config.into(), {
        Box::new(|path| {
            let text = String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned();
            text.parse::<Config>()?.build::<f64>(&mut rng()).map(drop)
        })
    });
    add("log", "log.csv", log.into(), Box::new(|path| load_csv(path).map(drop)));
    add("log of lines", "log.jsonl", lines.into(), Box::new(|path| load_json_lines(path).map(drop)));
    #[cfg(feature = "images")]
    for (name, file) in [("PNG", "rgb.png"), ("JPEG", "rgb.jpeg")] {
        let good = crate::pictures::cases()[file].0.clone();
        add(name, file, good, Box::new(picture));
    }
    readers
}

/// The only picture of a folder, read as a file of class `a`.
#[cfg(feature = "images")]
fn picture(path: &Path) -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let class = folder.path().join("a");
    fs::create_dir(&class).unwrap();
    // A link, so that whatever lies at the path is what is read.
    let link = class.join(path.file_name().unwrap());
    #[cfg(unix)]
    std::os::unix::fs::symlink(path, &link).unwrap();
    #[cfg(not(unix))]
    fs::copy(path, &link).map(drop).unwrap_or_default();
    mlp::Pictures::rgb(folder.path())?.dataset::<f64>(&[0]).map(drop)
}
