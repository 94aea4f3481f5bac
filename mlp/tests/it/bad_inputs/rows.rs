//! The bad files of each reader.

use mlp::io;

use super::readers::{Reader, gzip};
use super::tensors;
use crate::bad_files::{self, Law, Make, Row};

const TEXT: Law = Law::Open("text that is cut or changed may be other text of the same form");
const NUMBERS: Law = Law::Open("no checksum covers the numbers, and other bytes are other numbers");
const PACKED: Law = Law::Open("the checksum covers the arrays, but not the times, flags and names of the archive");
const PIXELS: Law = Law::Open("a decoder may pass over what it does not need for the pixels");

fn refused() -> Law {
    Law::Refused(String::new())
}

/// All rows of a reader.
pub(super) fn of(reader: &Reader) -> Vec<Row> {
    let (cut, flipped) = match reader.name {
        "table" | "schema" | "log" | "log of lines" | "configuration" => (TEXT, TEXT),
        "NPY" | "IDX" | "IDX labels" | "weights" | "state dict" | "training" | "progress" => (refused(), NUMBERS),
        "NPZ" | "packed IDX" => (refused(), PACKED),
        "bundle" => (refused(), refused()),
        "PNG" | "JPEG" => (PIXELS, PIXELS),
        other => panic!("{other} is a new reader; say what becomes of its files when they are cut"),
    };
    let mut rows = bad_files::cuts(&reader.good, &cut);
    rows.extend(bad_files::flips(&reader.good, &flipped));
    let places = bad_files::places(&reader.good).into_iter();
    // Nothing has been logged yet in a file of lines without one; a configuration is text, not a place.
    rows.extend(places.map(|row| match (reader.name, &row.make) {
        ("log of lines", Make::Bytes(bytes)) if bytes.iter().all(|&byte| byte == 0) => Row { law: TEXT, ..row },
        _ => row,
    }));
    rows.extend(match reader.name {
        "table" => bad_files::tables(),
        "schema" => schemas(),
        "NPY" => arrays_of_numpy(),
        "NPZ" => archives(&reader.good),
        "IDX" => arrays_of_idx(),
        "packed IDX" => packed(),
        "IDX labels" => labels(),
        "weights" => bad_files::headers().into_iter().chain(tensors::weights()).collect(),
        "state dict" => bad_files::headers().into_iter().chain(tensors::state_dicts()).collect(),
        "training" => bad_files::headers().into_iter().chain(tensors::trainings(&reader.good)).collect(),
        "bundle" => bad_files::headers().into_iter().chain(tensors::bundles(&reader.good)).collect(),
        "configuration" => configurations(),
        "log" => logs(),
        "PNG" => pictures(&reader.good),
        _ => vec![],
    });
    rows
}

/// Rows of bytes, each with a part of the message.
pub(super) fn listed<B: Into<Vec<u8>>>(rows: impl IntoIterator<Item = (&'static str, B, &'static str)>) -> Vec<Row> {
    rows.into_iter().map(|(name, bytes, part)| Row::new(name, Make::Bytes(bytes.into()), part)).collect()
}

fn schemas() -> Vec<Row> {
    let numeric = |fields: &str| {
        let column = format!(r#"{{"numeric":{{"column":"x","missing":"error","indicator":false,{fields}}}}}"#);
        format!(r#"{{"missing":["NA"],"inputs":[{{"name":"a","columns":[{column}]}}],"targets":[]}}"#)
    };
    // What asks for each name whether it is among those before would take minutes.
    let mut names: Vec<String> = (0..100_000).map(|i| format!("i{i}")).collect();
    names.push("i99999".to_string());
    let input = |name: &String| format!(r#"{{"name":"{name}","columns":[]}}"#);
    let inputs = names.iter().map(input).collect::<Vec<_>>().join(",");
    let many = format!(r#"{{"missing":[],"inputs":[{inputs}],"targets":[]}}"#);
    listed([
        ("no schema", "{}".to_string(), "missing field"),
        ("no inputs", r#"{"missing":[],"inputs":[],"targets":[]}"#.into(), "no inputs; give at least one column"),
        (
            "no columns",
            r#"{"missing":[],"inputs":[{"name":"a","columns":[]}],"targets":[]}"#.into(),
            "input `a` has no columns",
        ),
        ("a scale of 0", numeric(r#""shift":0,"scale":0"#), "shift 0 and scale 0"),
        ("a scale below 0", numeric(r#""shift":0,"scale":-1"#), "scale -1"),
        ("a scale beyond all numbers", numeric(r#""shift":0,"scale":1e999"#), "number out of range"),
        ("a field that is not known", numeric(r#""shift":0,"scale":1,"more":1"#), "unknown field `more`"),
        ("a field twice", numeric(r#""shift":0,"scale":1,"scale":2"#), "duplicate field `scale`"),
        ("brackets", "[".repeat(100_000), "invalid type: sequence"),
        ("an input twice among many", many, "input 100000 is named `i99999`, as one before it"),
    ])
}

/// A file of an array with this header.
fn npy(version: u8, header: &[u8], numbers: &[u8]) -> Vec<u8> {
    let length = match version {
        1 => (header.len() as u16).to_le_bytes().to_vec(),
        _ => (header.len() as u32).to_le_bytes().to_vec(),
    };
    [&b"\x93NUMPY"[..], &[version, 0], &length, header, numbers].concat()
}

fn arrays_of_numpy() -> Vec<Row> {
    let array = |descr: &str, shape: &str, numbers: &[u8]| {
        npy(1, format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}").as_bytes(), numbers)
    };
    let eight = [0; 8];
    listed([
        ("another format", b"x,y\n1,2\n3,4\n".to_vec(), "it is no array of NumPy"),
        ("a version to come", npy(9, b"{}", &[]), "its version 9"),
        (
            "a header of 4 gigabytes",
            [&b"\x93NUMPY\x02\0"[..], &[255; 4]].concat(),
            "its header claims 4294967295 bytes",
        ),
        ("a header that is no UTF-8", npy(1, b"\xff\xff", &[]), "it cannot be read"),
        ("a header of another form", npy(1, b"[1, 2]", &[]), "its header is not that of an array of numbers"),
        ("a header without a shape", npy(1, b"{'descr': '<f8', 'fortran_order': False}", &eight), "is missing"),
        ("a key twice", npy(1, b"{'descr': '<f8', 'descr': '<f8'}", &eight), "a key stands in it twice"),
        (
            "2^60 numbers",
            array("'<f8'", "(1152921504606846976,)", &eight),
            "it claims an array of shape (1152921504606846976,)",
        ),
        (
            "2^50 numbers",
            array("'<f8'", "(1125899906842624,)", &eight),
            "it holds 8 bytes where shape (1125899906842624,)",
        ),
        ("2^80 numbers", array("'<f8'", "(1099511627776, 1099511627776)", &eight), "which no memory holds"),
        ("a negative length", array("'<f8'", "(-1,)", &eight), "(-1,)"),
        ("a length beyond all numbers", array("'<f8'", "(99999999999999999999,)", &eight), "(99999999999999999999,)"),
        ("a length that is none", array("'<f8'", "('a',)", &eight), "('a',)"),
        (
            "a page of lengths",
            array("'<f8'", &format!("({})", "1, ".repeat(9000)), &eight),
            "it claims an array of 9000 axes",
        ),
        ("a page that is no length", array("'<f8'", &format!("({})", "a".repeat(9000)), &eight), "(aaaa"),
        ("objects", array("'|O'", "(1,)", &eight), "its numbers have the type `|O`"),
        ("complex numbers", array("'<c16'", "(1,)", &[0; 16]), "its numbers have the type `<c16`"),
        ("fields", array("[('a', '<f8')]", "(1,)", &eight), "it has fields with names"),
        ("more than it says", array("'<f8'", "(1,)", &[0; 9]), "it holds more bytes"),
        (
            "a whole number that f64 does not hold",
            array("'<i8'", "(1,)", &((1i64 << 53) + 1).to_le_bytes()),
            "9007199254740993",
        ),
    ])
}

fn archives(good: &[u8]) -> Vec<Row> {
    let written = |names: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        let (path, x) = (folder.path().join("x.npz"), autograd::Tensor::<f64>::from([1.0, 2.0]));
        io::write_npz(&path, names.iter().map(|&name| (name, &x))).unwrap();
        std::fs::read(path).unwrap()
    };
    let replaced = |bytes: &[u8], from: &[u8], to: &[u8]| {
        let mut bytes = bytes.to_vec();
        for at in 0..bytes.len() - from.len() {
            if bytes[at..].starts_with(from) {
                bytes[at..at + from.len()].copy_from_slice(to);
            }
        }
        bytes
    };
    listed([
        (
            "an array by itself",
            npy(1, b"{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }", &[0; 8]),
            "it is no archive of arrays",
        ),
        ("a file of another name", replaced(good, b"x.npy", b"x.txt"), "it holds `x.txt`, which is no array"),
        ("a name twice", replaced(&written(&["x", "y"]), b"y.npy", b"x.npy"), "array `x`: the name occurs twice"),
        ("a name that is no UTF-8", replaced(good, b"x.npy", b"\xff.npy"), "it cannot be read"),
        (
            "another number",
            replaced(good, &1e10f64.to_le_bytes(), &2e10f64.to_le_bytes()),
            "array `x`: it cannot be read",
        ),
        (
            "a shape of 2^33 numbers",
            replaced(good, b"'shape': (3, 2), }", b"'shape': (8589934592,)}"[..18].as_ref()),
            "array `x`: ",
        ),
    ])
}

fn arrays_of_idx() -> Vec<Row> {
    let claimed = |kind: u8, lengths: &[u32], numbers: &[u8]| {
        let lengths: Vec<u8> = lengths.iter().flat_map(|len| len.to_be_bytes()).collect();
        [&[0, 0, kind, (lengths.len() / 4) as u8], &lengths[..], numbers].concat()
    };
    listed([
        ("another beginning", b"\x01\0\x08\x01\0\0\0\x01\0".to_vec(), ""),
        ("an unknown type", claimed(7, &[1], &[0]), "not in the IDX format"),
        ("255 axes", claimed(8, &[u32::MAX; 255], &[0]), "it claims an array of 255 axes"),
        (
            "2^60 numbers",
            claimed(8, &[1 << 30, 1 << 30], &[0]),
            "it holds 1 bytes where shape (1073741824, 1073741824)",
        ),
        ("2^31 numbers", claimed(14, &[1 << 31], &[0; 8]), "it holds 8 bytes where shape (2147483648,)"),
        ("more than it says", claimed(8, &[1], &[0; 2]), "it holds more bytes"),
        ("lengths that are cut", vec![0, 0, 8, 3, 0, 0, 0, 1], "it cannot be read"),
    ])
}

fn packed() -> Vec<Row> {
    let tail = |change: fn(&mut Vec<u8>)| {
        let mut bytes = gzip(&[0, 0, 8, 1, 0, 0, 0, 2, 7, 3]);
        change(&mut bytes);
        bytes
    };
    listed([
        ("another checksum", tail(|bytes| *bytes.iter_mut().rev().nth(7).unwrap() ^= 1), "it cannot be read"),
        ("another length", tail(|bytes| *bytes.last_mut().unwrap() ^= 1), "it cannot be read"),
        ("rubbish behind it", tail(|bytes| bytes.extend([1, 2, 3])), "it cannot be read"),
        ("a beginning alone", vec![0x1f, 0x8b], "it cannot be read"),
        (
            "a hundred million zeros",
            gzip(&[&[0, 0, 8, 1, 0, 0, 0, 1][..], &vec![0; 1 << 24]].concat()),
            "it holds more bytes",
        ),
    ])
}

fn labels() -> Vec<Row> {
    listed([
        ("a label that is too large", vec![0, 0, 8, 1, 0, 0, 0, 2, 7, 10], "10"),
        ("a negative label", vec![0, 0, 9, 1, 0, 0, 0, 1, 255], "-1"),
        ("a broken label", [&[0, 0, 0x0e, 1, 0, 0, 0, 1][..], &0.5f64.to_be_bytes()].concat(), "0.5"),
        ("labels of two axes", vec![0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0, 1, 7], "its shape (1, 1) is not (samples,)"),
    ])
}

fn configurations() -> Vec<Row> {
    let deep = r#"{"layer":"residual","inner":"#.repeat(100_000);
    listed([
        ("no layer", "{}".to_string(), "the field `layer` is missing"),
        ("deep layers", deep, "recursion limit"),
        ("2^60 outputs", r#"{"layer":"linear","inputs":1,"outputs":1152921504606846976}"#.into(), "than memory holds"),
        (
            "a fraction",
            r#"{"layer":"linear","inputs":1.5,"outputs":1}"#.into(),
            "`inputs`: invalid type: floating point `1.5`",
        ),
        ("null", r#"{"layer":"dropout","p":null}"#.into(), "`p` is null"),
        ("a share above 1", r#"{"layer":"dropout","p":2}"#.into(), "2"),
        ("a layer twice", r#"{"layer":"flatten","layer":"flatten"}"#.into(), "`layer` stands twice"),
    ])
}

fn logs() -> Vec<Row> {
    listed([
        ("another header", "loss,epoch\n0.5,1\n", "the header does not begin with `epoch`"),
        ("a row that is short", "epoch,loss\n1\n", "line 2: found 1 cells, the header has 2"),
        ("no number", "epoch,loss\n1,many\n", "`many` is no value of `loss`"),
        ("no loss", "epoch,loss,accuracy\n1,,1\n", "`` is no value of `loss`"),
        ("an epoch below 0", "epoch,loss\n-1,1\n", "`-1` is no value of `epoch`"),
        ("a number that is not finite", "epoch,loss\n1,inf\n", "`inf` is no value of `loss`"),
    ])
}

/// A PNG whose header claims other sizes; its checksum agrees.
fn claims(good: &[u8], width: u32, height: u32) -> Vec<u8> {
    let mut bytes = good.to_vec();
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    let sum = crc32fast::hash(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&sum.to_be_bytes());
    bytes
}

fn pictures(good: &[u8]) -> Vec<Row> {
    let mut damaged = good.to_vec();
    damaged[30] ^= 1;
    listed([
        ("text", b"x,y\n1,2\n".to_vec(), ""),
        ("no pixels", claims(good, 0, 6), ""),
        ("2^62 pixels", claims(good, (1 << 31) - 1, (1 << 31) - 1), ""),
        ("2^32 pixels", claims(good, 1 << 16, 1 << 16), ""),
        ("more rows than there are", claims(good, 9, 7), ""),
        ("a checksum that is wrong", damaged, ""),
    ])
}
