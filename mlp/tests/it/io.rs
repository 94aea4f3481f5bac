//! Weights on disk: bits survive, and a file that does not fit changes nothing.

use std::fs;
use std::path::{Path, PathBuf};

use autograd::{Float, Param, Parameters, Tensor};
use mlp::io::{load, load_as_is, save};
use tempfile::TempDir;

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("w.safetensors")
    }

    fn with(parameters: &Parameters<impl Float>) -> Self {
        let folder = Self::new();
        save(parameters, folder.path()).unwrap();
        folder
    }

    /// What loading says, without the folder, after checking that no parameter changed.
    fn refuses<T: Float>(&self, parameters: &Parameters<T>) -> String {
        let before: Vec<_> = parameters.params().map(Param::value).collect();
        let text = load(parameters, self.path()).unwrap_err().to_string();
        assert_eq!(before, parameters.params().map(Param::value).collect::<Vec<_>>(), "changed in spite of: {text}");
        text.replace(&self.path().display().to_string(), "w.safetensors")
    }
}

fn model<T: Float>(value: f64) -> Parameters<T> {
    let layer = Parameters::new()
        .with("w", &Param::new(Tensor::full([2, 3], T::from_f64(value))))
        .with("b", &Param::new(Tensor::full(3, T::from_f64(value))));
    Parameters::new().with_all("hidden", &layer)
}

fn bits<T: Float>(parameters: &Parameters<T>) -> Vec<u64> {
    parameters.params().flat_map(|p| p.value().to_vec()).map(|x| x.to_f64().to_bits()).collect()
}

fn round_trip<T: Float>(values: &[f64]) {
    let values: Vec<T> = values.iter().map(|&x| T::from_f64(x)).collect();
    let parameters = || {
        Parameters::new()
            .with("z", &Param::new(values.clone()))
            .with("a.é \"quoted\"", &Param::new(Tensor::new([1, values.len(), 1], values.clone())))
            .with("scalar", &Param::new(values[0]))
            .with("none", &Param::new(Tensor::zeros([0, 4])))
    };
    let (saved, loaded) = (parameters(), parameters());
    loaded.params().for_each(|p| p.modify(|values| values.fill(T::from_f64(9.0))));
    let folder = Folder::with(&saved);
    load_as_is(&loaded, folder.path()).unwrap();
    assert_eq!(bits(&loaded), bits(&saved));
}

#[test]
fn bits_survive_the_round_trip() {
    let odd = [0.1, -0.0, f64::MIN_POSITIVE, 5e-324, 1e-45, f64::MAX, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
    round_trip::<f64>(&odd);
    round_trip::<f32>(&odd);
}

#[test]
fn other_programs_can_read_the_file() {
    let folder = Folder::with(&model::<f32>(0.5));
    let bytes = fs::read(folder.path()).unwrap();
    let header = br#"{"hidden.b":{"dtype":"F32","shape":[3],"data_offsets":[0,12]},"hidden.w":{"dtype":"F32","shape":[2,3],"data_offsets":[12,36]}}"#;
    assert_eq!(bytes[..8], (header.len().next_multiple_of(8) as u64).to_le_bytes());
    assert_eq!(&bytes[8..8 + header.len()], header);
    assert_eq!(bytes[bytes.len() - 4..], 0.5f32.to_le_bytes());
}

#[test]
fn weights_of_another_model_are_refused() {
    let folder = Folder::with(&model::<f64>(1.0));
    let param = |shape: &[usize]| Param::<f64>::new(Tensor::zeros(shape));
    let own = |w: &[usize]| Parameters::new().with("hidden.w", &param(w));
    assert_eq!(
        folder.refuses(&Parameters::new().with("out.w", &param(&[2, 3]))),
        "w.safetensors: no parameter `out.w`; the file holds `hidden.b`, `hidden.w`: load it into the model that saved it"
    );
    assert_eq!(
        folder.refuses(&own(&[2, 3])),
        "w.safetensors: parameter `hidden.b` is not in the model, which has `hidden.w`: \
         load the file into the model that saved it"
    );
    assert_eq!(
        folder.refuses(&own(&[3, 2]).with("hidden.b", &param(&[3]))),
        "w.safetensors: parameter `hidden.w` has shape (2, 3), the model needs (3, 2): \
         build the model with the sizes that it was saved with"
    );
    // The first parameter fits and must stay as it is all the same.
    assert!(folder.refuses(&own(&[2, 3]).with("hidden.b", &param(&[4]))).contains("`hidden.b` has shape (3,)"));
    assert_eq!(
        folder.refuses(&model::<f32>(0.0)),
        "w.safetensors: parameter `hidden.w` holds f64, the model needs f32: load it into a model over f64, or \
         convert it with Loading::cast"
    );
}

#[test]
fn files_cut_short_anywhere_are_refused() {
    let folder = Folder::with(&model::<f64>(1.0));
    let whole = fs::read(folder.path()).unwrap();
    for length in 0..whole.len() {
        fs::write(folder.path(), &whole[..length]).unwrap();
        let text = folder.refuses(&model::<f64>(0.0));
        assert!(text.starts_with("w.safetensors: not a whole safetensors file ("), "{length}: {text}");
    }
    assert_eq!(
        folder.refuses(&model::<f64>(0.0)),
        "w.safetensors: not a whole safetensors file (incomplete metadata, file not fully covered); \
         it may be cut short or of another format"
    );
}

#[test]
fn no_damaged_byte_panics() {
    let folder = Folder::with(&model::<f64>(1.0));
    let whole = fs::read(folder.path()).unwrap();
    for position in 0..whole.len() {
        for damage in [0, 0xff, whole[position] ^ 1, b'9'] {
            let mut bytes = whole.clone();
            bytes[position] = damage;
            fs::write(folder.path(), bytes).unwrap();
            let _ = load(&model::<f64>(0.0), folder.path());
        }
    }
}

#[test]
fn saving_replaces_and_leaves_nothing_beside() {
    let folder = Folder::with(&model::<f64>(1.0));
    save(&model::<f64>(2.0), folder.path()).unwrap();
    let loaded = model::<f64>(0.0);
    load(&loaded, folder.path()).unwrap();
    assert_eq!(bits(&loaded), bits(&model::<f64>(2.0)));
    assert_eq!(fs::read_dir(folder.0.path()).unwrap().count(), 1);
}

#[test]
fn a_failed_save_names_the_path_and_keeps_the_old_file() {
    let folder = Folder::with(&model::<f64>(1.0));
    let before = fs::read(folder.path()).unwrap();
    let reserved = Parameters::new().with("__metadata__", &Param::new(1.0));
    let text = save(&reserved, folder.path()).unwrap_err().to_string();
    assert!(text.ends_with(": the format reserves the name `__metadata__`; rename the parameter"), "{text}");
    assert_eq!(fs::read(folder.path()).unwrap(), before);

    let nowhere = Path::new("no/such/folder/w.safetensors");
    let text = save(&reserved_free(), nowhere).unwrap_err().to_string();
    assert!(text.starts_with("no/such/folder/w.safetensors: "), "{text}");
    let text = load(&reserved_free(), nowhere).unwrap_err().to_string();
    assert!(text.starts_with("no/such/folder/w.safetensors: "), "{text}");
}

fn reserved_free() -> Parameters {
    Parameters::new().with("w", &Param::new(1.0))
}

#[cfg(unix)]
#[test]
fn a_saved_file_is_as_readable_as_any_other() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::with(&model::<f64>(1.0));
    let other = folder.0.path().join("other");
    fs::write(&other, "").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&folder.path()), mode(&other));
}

#[test]
fn a_folder_that_is_not_there_is_named_without_more() {
    let folder = Folder::new();
    let path = folder.path().join("there").join("w.safetensors");
    let why = fs::metadata(path.parent().unwrap()).unwrap_err();
    assert_eq!(save(&model::<f64>(1.0), &path).unwrap_err().to_string(), format!("{}: {why}", path.display()));
}

#[test]
fn weights_that_are_no_numbers_are_refused_unless_asked_for() {
    for (bad, shown) in [(f64::NAN, "NaN"), (f64::INFINITY, "inf"), (f64::NEG_INFINITY, "-inf")] {
        let with = |b: [f64; 3]| {
            let (w, b) = (Param::new([[1.0, 2.0]]), Param::new(b));
            Parameters::new().with("w", &w).with("b", &b)
        };
        let folder = Folder::with(&with([0.5, 0.5, bad]));
        let loaded = with([0.0; 3]);
        assert_eq!(
            folder.refuses(&loaded),
            format!(
                "w.safetensors: parameter `b` holds {shown} at position 2; load an earlier file; \
                 load_as_is takes weights as they are, for a look"
            )
        );
        load_as_is(&loaded, folder.path()).unwrap();
        assert_eq!(bits(&loaded), bits(&with([0.5, 0.5, bad])));
    }
}

#[test]
fn one_parameter_has_one_array_in_the_file() {
    let pair = |a: [f64; 2], b: [f64; 2]| Parameters::new().with("a", &Param::new(a)).with("b", &Param::new(b));
    let tied = |value: [f64; 2]| {
        let w = Param::new(value);
        Parameters::new().with("a", &w).with("b", &w)
    };
    let folder = Folder::with(&pair([1.0, 2.0], [1.0, 2.5]));
    assert_eq!(
        folder.refuses(&tied([0.0, 0.0])),
        "w.safetensors: `a` and `b` are one parameter of the model, but two in the file, which differ at position 1 (2 and 2.5); \
         load it into a model that does not tie them"
    );
    let folder = Folder::with(&pair([1.0, 2.0], [1.0, 2.0]));
    let loaded = tied([0.0, 0.0]);
    load(&loaded, folder.path()).unwrap();
    assert_eq!(loaded.get("b").unwrap().value().to_vec(), [1.0, 2.0]);
    // Bits: −0 is another number, and a NaN may be taken as it is.
    assert!(Folder::with(&pair([0.0, 1.0], [-0.0, 1.0])).refuses(&tied([1.0, 1.0])).contains("position 0 (0 and -0)"));
    load_as_is(&tied([0.0, 0.0]), Folder::with(&pair([f64::NAN, 1.0], [f64::NAN, 1.0])).path()).unwrap();
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::{File, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::net::UnixListener;
    use std::process::{Command, Stdio};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn holds(path: &Path, value: f64) -> bool {
        let loaded = model::<f64>(0.0);
        load(&loaded, path).is_ok() && bits(&loaded) == bits(&model::<f64>(value))
    }

    #[test]
    fn an_existing_file_keeps_its_mode() {
        for wanted in [0o600, 0o640, 0o644, 0o664, 0o666, 0o400] {
            let folder = Folder::with(&model::<f64>(1.0));
            fs::set_permissions(folder.path(), Permissions::from_mode(wanted)).unwrap();
            save(&model::<f64>(2.0), folder.path()).unwrap();
            assert_eq!(mode(&folder.path()), wanted, "{wanted:o}");
            fs::set_permissions(folder.path(), Permissions::from_mode(0o600)).unwrap();
            assert!(holds(&folder.path(), 2.0));
        }
    }

    #[test]
    fn a_symbolic_link_stays_and_its_target_is_replaced() {
        let (folder, elsewhere) = (Folder::new(), Folder::with(&model::<f64>(1.0)));
        let link = folder.path();
        symlink(elsewhere.path(), &link).unwrap();
        save(&model::<f64>(2.0), &link).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(holds(&elsewhere.path(), 2.0));
        // Relative, through another link, to a file that is not there yet.
        let (first, second) = (folder.0.path().join("first"), folder.0.path().join("second"));
        symlink("second", &first).unwrap();
        symlink("third", &second).unwrap();
        save(&model::<f64>(3.0), &first).unwrap();
        assert!(holds(&folder.0.path().join("third"), 3.0));
        assert!(fs::symlink_metadata(&second).unwrap().is_symlink());
        let circle = folder.0.path().join("circle");
        symlink("circle", &circle).unwrap();
        let error = save(&model::<f64>(1.0), &circle).unwrap_err().to_string();
        assert_eq!(error, format!("{}: a circle of symbolic links; name a file to save to", circle.display()));
        assert_eq!(names(folder.0.path()), ["circle", "first", "second", "third", "w.safetensors"]);
    }

    #[test]
    fn what_is_no_file_is_refused_and_left_alone() {
        let folder = Folder::new();
        let (pipe, socket, inner) = (folder.0.path().join("p"), folder.0.path().join("s"), folder.0.path().join("f"));
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let _listener = UnixListener::bind(&socket).unwrap();
        fs::create_dir(&inner).unwrap();
        // A device that few programs need, should it be replaced after all.
        let (device, link) = (PathBuf::from("/dev/full"), folder.0.path().join("link"));
        symlink(&device, &link).unwrap();
        for (path, kind) in
            [(&pipe, "pipe"), (&socket, "socket"), (&inner, "folder"), (&link, "device"), (&device, "device")]
        {
            let before = fs::symlink_metadata(path).unwrap();
            let error = save(&model::<f64>(1.0), path).unwrap_err().to_string();
            assert_eq!(error, format!("{}: not a file but a {kind}; name a file to save to", path.display()));
            assert_eq!(fs::symlink_metadata(path).unwrap().file_type(), before.file_type());
        }
        assert_eq!(names(folder.0.path()), ["f", "link", "p", "s"]);
    }

    /// It cannot be opened to be flushed, unless by root, who may read all.
    #[test]
    fn a_folder_that_cannot_be_read_is_saved_into() {
        let folder = Folder::new();
        fs::set_permissions(folder.0.path(), Permissions::from_mode(0o300)).unwrap();
        let saved = save(&model::<f64>(2.0), folder.path());
        fs::set_permissions(folder.0.path(), Permissions::from_mode(0o700)).unwrap();
        saved.unwrap();
        assert!(holds(&folder.path(), 2.0));
    }

    #[test]
    fn what_a_killed_process_left_is_removed_and_what_is_being_written_is_not() {
        let folder = Folder::new();
        let at = |name: &str| folder.0.path().join(name);
        fs::write(at(".mlp-killed.saving"), "half").unwrap();
        fs::write(at(".mlp-written.saving"), "half").unwrap();
        fs::write(at(".tmpOther"), "of another program").unwrap();
        fs::create_dir(at(".mlp-folder.saving")).unwrap();
        let written = File::open(at(".mlp-written.saving")).unwrap();
        written.lock().unwrap();
        save(&model::<f64>(2.0), folder.path()).unwrap();
        let kept = [".mlp-folder.saving", ".mlp-written.saving", ".tmpOther", "w.safetensors"];
        assert_eq!(names(folder.0.path()), kept);
        drop(written);
        save(&model::<f64>(3.0), folder.path()).unwrap();
        assert_eq!(names(folder.0.path()), [".mlp-folder.saving", ".tmpOther", "w.safetensors"]);
    }

    /// What the next test kills; by itself it does nothing.
    #[test]
    #[ignore = "run by another test"]
    fn saves_until_it_is_killed() {
        let Ok(path) = std::env::var(WHERE) else { return };
        let large = Parameters::new().with("w", &Param::new(Tensor::<f64>::zeros([1 << 20])));
        loop {
            save(&large, &path).unwrap();
        }
    }

    const WHERE: &str = "MLP_TEST_SAVES_TO";

    #[test]
    fn a_save_that_was_killed_leaves_the_old_file_and_nothing_else_for_long() {
        let folder = Folder::with(&model::<f64>(1.0));
        let elsewhere = folder.0.path().join("large.safetensors");
        let is_left = || names(folder.0.path()).iter().any(|name| name.ends_with(".saving"));
        while !is_left() {
            let mut saving = Command::new(std::env::current_exe().unwrap())
                .args(["--ignored", "--exact", "io::linux::saves_until_it_is_killed"])
                .env(WHERE, &elsewhere)
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
            while !is_left() {
                assert!(saving.try_wait().unwrap().is_none(), "it saves until it is killed");
            }
            saving.kill().unwrap();
            saving.wait().unwrap();
        }
        assert!(holds(&folder.path(), 1.0));
        save(&model::<f64>(2.0), folder.path()).unwrap();
        assert!(holds(&folder.path(), 2.0) && !is_left(), "{:?}", names(folder.0.path()));
    }

    #[test]
    fn many_may_save_into_one_folder_at_once() {
        let folder = Folder::new();
        std::thread::scope(|scope| {
            for i in 0..4 {
                let path = folder.0.path().join(format!("{}.safetensors", i % 2));
                scope.spawn(move || (0..50).for_each(|_| save(&model::<f64>(f64::from(i)), &path).unwrap()));
            }
        });
        assert_eq!(names(folder.0.path()), ["0.safetensors", "1.safetensors"]);
    }
}
