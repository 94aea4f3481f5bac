//! Folders of pictures: what Pillow wrote, and what is refused.

use std::collections::BTreeMap;
use std::path::Path;

use autograd::Tensor;
use mlp::{Error, Pictures, Stream, Targets};
use proptest::prelude::*;
use serde_json::Value;

/// A file of `pictures.json`, and its pixels row by row: (bytes, rgb, grey).
pub(crate) type Case = (Vec<u8>, Vec<f64>, Vec<f64>);

pub(crate) fn cases() -> BTreeMap<String, Case> {
    fn flat(values: &Value, into: &mut Vec<f64>) {
        match values.as_array() {
            Some(values) => values.iter().for_each(|value| flat(value, into)),
            None => into.push(values.as_f64().unwrap()),
        }
    }
    let cases: BTreeMap<String, Value> = serde_json::from_str(include_str!("../data/pictures.json")).unwrap();
    let case = |(name, told): (String, Value)| {
        let hex = told["bytes"].as_str().unwrap();
        let bytes = (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect();
        let (mut rgb, mut grey) = (vec![], vec![]);
        flat(&told["rgb"], &mut rgb);
        flat(&told["grey"], &mut grey);
        (name, (bytes, rgb, grey))
    };
    cases.into_iter().map(case).collect()
}

fn put(folder: &Path, file: &str, bytes: &[u8]) {
    let path = folder.join(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// A folder with some of the files, each `class/name`.
fn folder(files: &[&str]) -> tempfile::TempDir {
    let (folder, cases) = (tempfile::tempdir().unwrap(), cases());
    for file in files {
        put(folder.path(), file, &cases[file.split('/').next_back().unwrap()].0);
    }
    folder
}

fn refused<T: std::fmt::Debug>(result: mlp::Result<T>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn pictures_are_those_of_pillow() {
    for (name, (_, rgb, grey)) in cases() {
        let folder = folder(&[&format!("a/{name}")]);
        let (coloured, shades) = (Pictures::rgb(folder.path()).unwrap(), Pictures::grey(folder.path()).unwrap());
        if name == "transparent.png" {
            let path = coloured.files()[0].display();
            let law = format!("{path}: it has transparent pixels; put it on a background");
            assert_eq!(refused(coloured.dataset::<f64>(&[0])), law);
            assert_eq!(refused(shades.dataset::<f64>(&[0])), law);
            continue;
        }
        // JPEG decoders may round differently.
        let tolerance = if name.ends_with("png") { 0.0 } else { 3.0 };
        let rows = |x: &Tensor, channels: usize| {
            assert_eq!(x.shape(), &[1, channels, 6, 9].into(), "{name}");
            (x.permute(&[0, 2, 3, 1]) * 255.0).to_vec() // the channels of a pixel beside each other
        };
        let close = |found: Vec<f64>, told: &[f64], more: f64| {
            let most = found.iter().zip(told).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(found.len() == told.len() && most <= tolerance + more + 1e-9, "{name}: {most}");
        };
        close(rows(coloured.dataset(&[0]).unwrap().inputs(), 3), &rgb, 0.0);
        close(rows(shades.dataset(&[0]).unwrap().inputs(), 1), &grey, 1.0); // Pillow's luminance is rounded otherwise
    }
}

#[test]
fn folders_are_classes() {
    let folder = folder(&["cow/rgb.png", "cat/rgb.jpeg", "cat/grey.png", "cow/bits.png"]);
    put(folder.path(), ".DS_Store", b"");
    put(folder.path(), "cat/.thumbs", b"");
    let pictures = Pictures::grey(folder.path()).unwrap();
    assert_eq!(
        (pictures.classes(), pictures.labels()),
        (&["cat".to_string(), "cow".to_string()][..], &[0, 0, 1, 1][..])
    );
    assert!(pictures.files()[1].ends_with("cat/rgb.jpeg") && pictures.files()[2].ends_with("cow/bits.png"));
    let all = pictures.dataset::<f32>(&[3, 0]).unwrap();
    assert_eq!(all.targets(), &Targets::from(vec![1, 0]));
    let parts = Stream::batches(pictures.datasets::<f32>(&[3, 0], 1), 2).next().unwrap().unwrap();
    assert_eq!(parts, all);

    let known = ["dog", "cow", "cat"].map(String::from);
    let renamed = pictures.clone().known_classes(&known).unwrap();
    assert_eq!((renamed.classes(), renamed.labels()), (&known[..], &[2, 2, 1, 1][..]));
    let other = refused(pictures.clone().known_classes(&known[..2]));
    assert_eq!(other, "classes: `cat` is none of the classes `dog`, `cow`; remove its folder");
    let twice = refused(pictures.clone().known_classes(&["cow", "cat", "cow"].map(String::from)));
    assert_eq!(twice, "classes: class 2, `cow`, is given twice; give each class once");
    assert_eq!(refused(pictures.dataset::<f64>(&[0, 4])), "pictures: picture 4 does not exist; there are 4");
    assert_eq!(refused(pictures.dataset::<f64>(&[])), "pictures: no samples; at least one is needed");
}

#[test]
fn what_is_no_picture_is_refused() {
    let list = |folder: &tempfile::TempDir| refused(Pictures::rgb(folder.path()));
    let beside = folder(&["a/grey.png", "grey.png"]);
    assert!(list(&beside).ends_with("grey.png: it lies beside the folders of classes; move it into one, or out"));
    let text = folder(&["a/grey.png"]);
    put(text.path(), "a/notes.txt", b"mine");
    assert!(
        list(&text).ends_with("notes.txt: it is no picture (.png, .jpg, .jpeg); move it out of the folder of a class")
    );
    let nested = folder(&["a/b/grey.png"]);
    assert!(list(&nested).contains("it is no picture"));
    let empty = tempfile::tempdir().unwrap();
    assert!(list(&empty).ends_with("no samples; at least one is needed"));
    std::fs::create_dir(empty.path().join("a")).unwrap();
    assert!(list(&empty).contains("a: no samples"));
    assert!(matches!(Pictures::rgb("no/such/folder"), Err(Error::Io { .. })));

    let named = folder(&["a/grey.png"]);
    put(named.path(), "a/mail.png", b"From: me");
    let pictures = Pictures::rgb(named.path()).unwrap();
    assert!(
        refused(pictures.dataset::<f64>(&[0, 1])).ends_with("mail.png: it is neither a PNG nor a JPEG; convert it")
    );
    // A width of 2²⁴ − 1, with the checksum of the header: nothing of that size is allocated.
    let mut huge = cases()["grey.png"].0.clone();
    huge[16..20].copy_from_slice(&[0, 0xff, 0xff, 0xff]);
    let mut crc = flate2::Crc::new();
    crc.update(&huge[12..29]);
    huge[29..33].copy_from_slice(&crc.sum().to_be_bytes());
    put(named.path(), "a/mail.png", &huge);
    assert!(refused(pictures.dataset::<f64>(&[1])).ends_with("it is damaged, or to be made smaller"));
    // Another size, and a file that is gone.
    let mut wide = cases()["grey.jpg"].0.clone();
    let frame = wide.windows(2).position(|bytes| bytes == [0xff, 0xc0]).unwrap();
    wide[frame + 8] = 8; // a column less
    put(named.path(), "a/mail.png", &wide);
    let error = refused(pictures.dataset::<f64>(&[0, 1]));
    assert!(
        error.contains("it has 8 × 6 pixels, unlike ") && error.ends_with("which has 9 × 6; bring all to one size"),
        "{error}"
    );
    std::fs::remove_file(named.path().join("a/mail.png")).unwrap();
    assert!(matches!(pictures.dataset::<f64>(&[1]), Err(Error::Io { .. })));
}

#[test]
fn pictures_cut_short_are_refused() {
    for (name, (bytes, ..)) in cases() {
        let folder = folder(&[&format!("a/{name}")]);
        let pictures = Pictures::rgb(folder.path()).unwrap();
        for i in 0..20 {
            put(folder.path(), &format!("a/{name}"), &bytes[..bytes.len() * i / 20]);
            let found = pictures.dataset::<f64>(&[0]);
            assert!(matches!(found, Err(Error::File { .. })), "{name}, cut at {i}/20");
        }
    }
}

proptest! {
    /// A picture with a byte changed is a picture or an error.
    #[test]
    fn no_changed_byte_panics(case in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let cases = cases();
        let (name, (bytes, ..)) = cases.iter().nth(case.index(cases.len())).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut bytes = bytes.clone();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        put(folder.path(), &format!("a/{name}"), &bytes);
        if let Err(error) = Pictures::grey(folder.path()).unwrap().dataset::<f64>(&[0]) {
            let is_file = matches!(error, Error::File { .. });
            prop_assert!(is_file);
        }
    }
}
