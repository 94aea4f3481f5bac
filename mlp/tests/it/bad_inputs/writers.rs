//! Places that nothing can be written to: an error that names the place, and what was there stays as it was.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use autograd::Tensor;
use mlp::train::{self, JsonLines, Progress};
use mlp::{Adam, History, Linear, Module, Mse, Result, Sgd, Trainer, io};

use super::readers::{dict, parameters};
use super::said;
use crate::bad_files::{bundle, contents};

type Write = Box<dyn Fn(&Path) -> Result<()>>;

fn history() -> History {
    let model = Linear { w: autograd::Param::new([[2.0]]), b: None };
    let data = mlp::Dataset::new(Tensor::from([[1.0]]), Tensor::from([[0.0]])).unwrap();
    Trainer::new()
        .epochs(1)
        .progress(false)
        .fit(&model, &Mse, &mut Sgd::new(&model.parameters(), 0.1), &data, None)
        .unwrap()
}

fn trained(trainer: Trainer<'_>) -> Result<()> {
    let model = Linear { w: autograd::Param::new([[2.0]]), b: None };
    let data = mlp::Dataset::new(Tensor::from([[1.0]]), Tensor::from([[0.0]]))?;
    trainer.epochs(2).progress(false).fit(&model, &Mse, &mut Sgd::new(&model.parameters(), 0.1), &data, None).map(drop)
}

fn writers() -> Vec<(&'static str, Write)> {
    let x = || Tensor::<f64>::from([[1.0, 2.0]]);
    vec![
        ("weights", Box::new(|path| io::save(&parameters(), path))),
        ("state dict", Box::new(|path| io::torch::save(&dict(), path))),
        ("bundle", Box::new(|path| bundle().save(path))),
        ("training", Box::new(|path| train::save_training(&parameters(), &Adam::new(&parameters(), 0.1), 3, path))),
        ("training with progress", {
            Box::new(|path| {
                let parameters = parameters();
                train::save_training_with(&parameters, &Adam::new(&parameters, 0.1), &[], &Progress::new(3), path)
            })
        }),
        ("NPY", Box::new(move |path| io::write_npy(path, &x()))),
        ("NPZ", Box::new(move |path| io::write_npz(path, [("x", &x())]))),
        ("IDX", Box::new(move |path| io::write_idx(path, &x()))),
        ("log", Box::new(|path| history().save_csv(path))),
        ("log of lines", Box::new(|path| trained(Trainer::new().callback(JsonLines::new(path))))),
        ("checkpoints", Box::new(|path| trained(Trainer::new().save_training(1, path)))),
        ("a place that is asked for", Box::new(|path| io::check_place(path))),
    ]
}

/// A place, made within a folder; the path to write to, and what must be said beside it. `None` if this system has no such place.
type Place = (&'static str, fn(&Path) -> Option<(std::path::PathBuf, &'static str)>);

const PLACES: &[Place] = &[
    ("a folder", |folder| {
        fs::create_dir(folder.join("target")).unwrap();
        Some((folder.join("target"), "not a file but a folder"))
    }),
    ("a folder that is missing", |folder| Some((folder.join("missing/target"), ""))),
    ("a file for a folder", |folder| {
        fs::write(folder.join("file"), "kept").unwrap();
        Some((folder.join("file/target"), ""))
    }),
    #[cfg(unix)]
    ("a circle of links", |folder| {
        std::os::unix::fs::symlink(folder.join("b"), folder.join("target")).unwrap();
        std::os::unix::fs::symlink(folder.join("target"), folder.join("b")).unwrap();
        Some((folder.join("target"), "circle of symbolic links"))
    }),
    #[cfg(unix)]
    ("a folder that is for reading", |folder| {
        use std::os::unix::fs::PermissionsExt;
        let place = folder.join("locked");
        fs::create_dir(&place).unwrap();
        fs::set_permissions(&place, fs::Permissions::from_mode(0o500)).unwrap();
        // Root writes where it likes.
        fs::write(place.join("probe"), "").is_err().then(|| (place.join("target"), ""))
    }),
    #[cfg(target_os = "linux")]
    ("a folder of the system", |_| Some(("/proc/target".into(), ""))),
    #[cfg(unix)]
    ("a device that is full", |_| {
        let full = Path::new("/dev/full");
        full.exists().then(|| (full.to_owned(), "not a file but a device"))
    }),
    ("a name that is too long", |folder| Some((folder.join("n".repeat(300)), ""))),
];

#[test]
fn places_that_cannot_be_written_to_are_errors_and_stay_as_they_are() {
    let mut rows = 0;
    for (writer, write) in writers() {
        for (name, make) in PLACES {
            let folder = tempfile::tempdir().unwrap();
            let Some((path, part)) = make(folder.path()) else { continue };
            let before = contents(folder.path());
            let done = catch_unwind(AssertUnwindSafe(|| write(&path)));
            let done = done.unwrap_or_else(|panic| panic!("{writer}, {name}: it panics: {}", said(&*panic)));
            let text = done.expect_err(&format!("{writer}, {name}")).to_string();
            let file = path.display().to_string();
            assert!(text.contains(&file) && text.contains(part), "{writer}, {name}: {text}");
            assert_eq!(contents(folder.path()), before, "{writer}, {name}: something was written");
            rows += 1;
        }
    }
    assert!(rows >= 12 * (PLACES.len() - 2), "{rows} rows");
}

/// What another process is writing stays, and what one that was killed has left goes.
#[test]
fn files_of_other_writers_are_left_alone() {
    for (writer, write) in writers() {
        let folder = tempfile::tempdir().unwrap();
        let (theirs, left) = (folder.path().join(".mlp-theirs.saving"), folder.path().join(".mlp-left.saving"));
        fs::write(&theirs, "half").unwrap();
        fs::write(&left, "half").unwrap();
        let lock = fs::OpenOptions::new().write(true).open(&theirs).unwrap();
        lock.lock().unwrap();
        write(&folder.path().join("target")).unwrap_or_else(|error| panic!("{writer}: {error}"));
        let found: Vec<String> = contents(folder.path()).into_keys().collect();
        let kept = if writer.starts_with("a place") {
            vec![".mlp-left.saving", ".mlp-theirs.saving"]
        } else {
            vec![".mlp-theirs.saving", "target"]
        };
        assert_eq!(found, kept, "{writer}");
        assert_eq!(fs::read_to_string(&theirs).unwrap(), "half", "{writer}");
    }
}
