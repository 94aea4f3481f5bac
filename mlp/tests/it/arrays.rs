//! Arrays in files of NumPy and of MNIST: what NumPy wrote, and what is refused.

use std::collections::BTreeMap;
use std::path::Path;

use autograd::{Float, Tensor};
use mlp::{Error, io};
use proptest::prelude::*;
use serde_json::Value;

/// A file of `arrays.json`: its bytes, and the arrays in it by name.
struct Case {
    bytes: Vec<u8>,
    arrays: Vec<(String, Tensor)>,
}

fn cases() -> BTreeMap<String, Case> {
    let cases: BTreeMap<String, Value> = serde_json::from_str(include_str!("../data/arrays.json")).unwrap();
    let array = |(name, told): (&String, &Value)| {
        let numbers =
            |part: &str| -> Vec<f64> { told[part].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect() };
        let shape: Vec<usize> = numbers("shape").iter().map(|&len| len as usize).collect();
        (name.clone(), Tensor::new(&shape[..], numbers("values")))
    };
    let case = |(name, told): (String, Value)| {
        let hex = told["bytes"].as_str().unwrap();
        let bytes = (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect();
        (name, Case { bytes, arrays: told["arrays"].as_object().unwrap().iter().map(array).collect() })
    };
    cases.into_iter().map(case).collect()
}

/// Reads bytes as a file of the format that a case is named after.
fn read<T: Float>(name: &str, bytes: &[u8], path: &Path) -> mlp::Result<Vec<(String, Tensor<T>)>> {
    std::fs::write(path, bytes).unwrap();
    match name.split(' ').next().unwrap() {
        "npy" => Ok(vec![(String::new(), io::read_npy(path)?)]),
        "npz" => io::read_npz(path),
        _ => Ok(vec![(String::new(), io::read_idx(path)?)]),
    }
}

fn problem(error: Error) -> String {
    match error {
        Error::File { problem, .. } => problem,
        other => panic!("{other}"),
    }
}

#[test]
fn files_of_numpy_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    for (name, case) in cases() {
        let found = read::<f64>(&name, &case.bytes, &path).unwrap_or_else(|error| panic!("{name}: {error}"));
        let order: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        if name.starts_with("npz") {
            assert_eq!(order, ["x", "labels", "deep"], "the order of the file");
        }
        let single = read::<f32>(&name, &case.bytes, &path).unwrap();
        assert!(single.iter().zip(&found).all(|((_, x), (_, y))| *x == y.cast()), "{name}");
        assert_eq!(found, case.arrays, "{name}");
    }
}

#[test]
fn what_is_written_comes_back() {
    fn check<T: Float>(x: &Tensor<T>, path: &Path) {
        io::write_npy(path, x).unwrap();
        assert_eq!(&io::read_npy::<T>(path).unwrap(), x);
        let (start, bytes) = (b"\x93NUMPY\x01\0", std::fs::read(path).unwrap());
        assert!(
            bytes.starts_with(start) && (bytes.len() - x.numel() * size_of::<T>()).is_multiple_of(64),
            "numbers are aligned"
        );
        io::write_idx(path, x).unwrap();
        assert_eq!(&io::read_idx::<T>(path).unwrap(), x);
        let y = Tensor::ones(3);
        io::write_npz(path, [("x", x), ("a name ü", &y)]).unwrap();
        assert_eq!(io::read_npz::<T>(path).unwrap(), [("x".to_string(), x.clone()), ("a name ü".to_string(), y)]);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    for shape in [vec![], vec![1], vec![3], vec![0, 2], vec![2, 3, 4]] {
        let mut i = 0.5f64;
        let x = Tensor::from_fn(&shape[..], |_| {
            i *= -1.75;
            i
        });
        check(&x, &path);
        check(&x.cast::<f32>(), &path);
    }
    // To the bit, as it is: an array may hold what a data set refuses.
    let x = Tensor::from([f64::NEG_INFINITY, -0.0, 5e-324, f64::NAN]);
    io::write_npy(&path, &x).unwrap();
    let bits = |x: &Tensor| x.as_slice().iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&io::read_npy(&path).unwrap()), bits(&x));
    for names in [["x", "x"], ["x", ""], ["x", "a/b"]] {
        let error = io::write_npz(&path, names.map(|name| (name, &x))).unwrap_err();
        assert!(problem(error).ends_with("give each array its own name, without slashes"));
    }
    assert_eq!(bits(&io::read_npy(&path).unwrap()), bits(&x), "nothing was lost");
}

#[test]
fn labels_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels");
    let labels = |x: Tensor, classes| {
        io::write_idx(&path, &x).unwrap();
        io::read_idx_labels(&path, classes)
    };
    assert_eq!(labels([0.0, 2.0, 1.0].into(), 3).unwrap(), [0, 2, 1]);
    for label in [3.0, -1.0, 0.5, f64::NAN] {
        let law = format!("sample 1 has {label}, which is no label of 3 classes; raise the number of classes");
        assert_eq!(problem(labels([0.0, label].into(), 3).unwrap_err()), law);
    }
    let law = "its shape (1, 2) is not (samples,), a label for each sample; read it by `read_idx`";
    assert_eq!(problem(labels([[0.0, 1.0]].into(), 3).unwrap_err()), law);
}

/// The file of an array of NumPy with this header.
fn npy(header: &str, numbers: &[u8]) -> Vec<u8> {
    [&b"\x93NUMPY\x01\0"[..], &(header.len() as u16).to_le_bytes(), header.as_bytes(), numbers].concat()
}

#[test]
fn files_that_lie_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let refused = |format: &str, bytes: &[u8]| problem(read::<f32>(format, bytes, &path).unwrap_err());
    let dictionary =
        |descr: &str, shape: &str| format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}");
    let eight = [0; 8];
    for (header, law) in [
        (dictionary("'<f4'", "(3,)"), "it holds 8 bytes where shape (3,) needs 12; it is cut short or damaged"),
        (dictionary("'<f4'", "(1,)"), "it holds more bytes where shape (1,) needs 4; it is cut short or damaged"),
        (
            dictionary("'<f8'", "(1000000000000,)"),
            "it holds 8 bytes where shape (1000000000000,) needs 8000000000000; it is cut short or damaged",
        ),
        (
            dictionary("'<f8'", "(4611686018427387904, 8)"),
            "it claims an array of shape (4611686018427387904, 8), which no memory holds; it is damaged",
        ),
        (
            dictionary("'<c8'", "(1,)"),
            "its numbers have the type `<c8`, not a float of 4 or 8 bytes or an integer; convert it by `astype`",
        ),
        (
            dictionary("'<f2'", "(4,)"),
            "its numbers have the type `<f2`, not a float of 4 or 8 bytes or an integer; convert it by `astype`",
        ),
    ] {
        assert_eq!(refused("npy", &npy(&header, &eight)), law);
    }
    for (header, part) in [
        (dictionary("[('a', '<f4')]", "(1,)"), "it has fields with names"),
        (dictionary("'<f4'", "(-1,)"), "(-1,)"),
        (dictionary("'<f4'", "(99999999999999999999,)"), "(99999999999999999999,)"),
        (dictionary("'<f4'", "(1"), "(1"),
        (dictionary("'<f4'", "1"), "1"),
        (dictionary("<f4", "(1,)"), "<f4"),
        (dictionary("'<f4'", "(1,)").replace("False", "maybe"), "maybe"),
        (dictionary("'<f4'", "(1,)").replace("'shape'", "'form'"), "'form'"),
        ("{'descr': '<f4', 'shape': (1,)}".into(), "is missing"),
        ("{'descr': '<f4', 'descr': '<f4'}".into(), "a key stands in it twice"),
        ("{'descr'}".into(), "'descr'"),
        ("[1, 2]".into(), "it is no dictionary"),
        (String::new(), "it is no dictionary"),
    ] {
        let found = refused("npy", &npy(&header, &eight));
        assert!(
            found.starts_with("its header is not that of an array of numbers (") && found.contains(part),
            "{found}"
        );
    }
    assert_eq!(refused("npy", b"PK\x03\x04....."), "it is no array of NumPy; write it by `numpy.save`");
    assert_eq!(refused("npy", b"\x93NUMPY\x09\0\0\0"), "its version 9 of the format is not known; 1, 2 and 3 are");
    assert_eq!(
        refused("npy", b"\x93NUMPY\x02\0\xff\xff\xff\xff"),
        "its header claims 4294967295 bytes; arrays of numbers need fewer than 65536"
    );
    // What the type cannot hold.
    let mut bytes = npy(&dictionary("'<i4'", "(2,)"), &[1, 0, 0, 0, 1, 0, 0, 1]);
    let other = "which f32 cannot hold; read the array into another type";
    assert_eq!(refused("npy", &bytes), format!("position 1 holds 16777217, {other}"));
    assert_eq!(read::<f64>("npy", &bytes, &path).unwrap()[0].1, [1.0, 16777217.0].into());
    bytes = npy(&dictionary("'<f8'", "(1,)"), &1e300f64.to_le_bytes());
    assert_eq!(refused("npy", &bytes), format!("position 0 holds 1e300, {other}"));
    bytes = npy(&dictionary("'<u8'", "(1,)"), &u64::MAX.to_le_bytes());
    assert!(
        problem(read::<f64>("npy", &bytes, &path).unwrap_err()).starts_with("position 0 holds 18446744073709551615, ")
    );

    let format = "it is not in the IDX format, which begins with two zeros and the code of a type";
    for start in [&[0, 1, 8, 1], &[0, 0, 7, 1], b"%PDF"] {
        assert_eq!(refused("idx", start), format);
    }
    let huge = [&[0, 0, 8, 3][..], &[255; 12], &[0; 9]].concat();
    assert!(refused("idx", &huge).starts_with("it claims an array of shape (4294967295, 4294967295, 4294967295), "));
    let long = [&[0, 0, 8, 1][..], &[127, 255, 255, 255], &[0; 9]].concat();
    assert_eq!(
        refused("idx", &long),
        "it holds 9 bytes where shape (2147483647,) needs 2147483647; it is cut short or damaged"
    );
    let axes = [&[0, 0, 8, 255][..], &[0; 255 * 4]].concat(); // no axis has an entry
    assert!(read::<f64>("idx", &axes, &path).map_or(true, |found| found[0].1.numel() == 0));
    assert!(matches!(io::read_idx::<f64>("no/such/file"), Err(Error::Io { .. })));
    assert!(matches!(io::read_npy::<f64>("no/such/file"), Err(Error::Io { .. })));
    assert!(matches!(io::read_npz::<f64>("no/such/file"), Err(Error::Io { .. })));
}

#[test]
fn files_cut_short_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    for (name, case) in cases() {
        for i in 0..20 {
            let cut = &case.bytes[..case.bytes.len() * i / 20];
            let found = read::<f64>(&name, cut, &path);
            // A file without numbers may end at its header.
            assert!(found.is_err() || case.arrays[0].1.numel() == 0, "{name}, cut at {i}/20: {found:?}");
        }
    }
}

#[test]
fn a_packed_array_with_another_checksum_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    for name in ["npz", "npz compressed", "idx packed"] {
        let case = &cases()[name];
        // Most single bytes matter: those of names, lengths, checksums and numbers. Dates and the like do not.
        let mut refused = 0;
        for i in (0..case.bytes.len()).step_by(3) {
            let mut bytes = case.bytes.clone();
            bytes[i] ^= 0x55;
            match read::<f64>(name, &bytes, &path) {
                Err(_) => refused += 1,
                Ok(found) => assert!(
                    found.iter().all(|(_, x)| case.arrays.iter().any(|(_, y)| x == y)),
                    "{name}: byte {i} changed the numbers without a word"
                ),
            }
        }
        assert!(6 * refused > case.bytes.len(), "{name}: {refused} of {}", case.bytes.len());
    }
}

proptest! {
    /// Any bytes behind a right start are an array or an error.
    #[test]
    fn no_bytes_panic(start in 0..4usize, bytes in proptest::collection::vec(any::<u8>(), 0..60), text in "[{}()':,<>|fiub0-9 A-Za-z_]{0,60}") {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let (format, file) = match start {
            0 => ("npy", npy(&text, &bytes)),
            1 => ("npy", [&b"\x93NUMPY"[..], &bytes].concat()),
            2 => ("npz", [&b"PK\x03\x04"[..], &bytes].concat()),
            _ => ("idx", [&[0, 0, 8 + bytes.first().unwrap_or(&0) % 8, 2][..], &bytes].concat()),
        };
        if let Err(error) = read::<f32>(format, &file, &path) {
            prop_assert!(!problem(error).is_empty());
        }
    }

    /// A file with a byte changed is an array or an error.
    #[test]
    fn no_changed_byte_panics(case in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let cases = cases();
        let (name, case) = cases.iter().nth(case.index(cases.len())).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut bytes = case.bytes.clone();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Err(error) = read::<f64>(name, &bytes, &folder.path().join("file")) {
            prop_assert!(!problem(error).is_empty());
        }
    }
}
