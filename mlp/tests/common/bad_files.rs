//! Rows of bad files: what lies at a path, and what must be said of it. Lists and seeds make them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use mlp::{Activation, Bundle, Categorical, Mlp, Numeric, Schema, Table};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// All that lies in a folder, with its bytes.
pub(crate) fn contents(folder: &Path) -> BTreeMap<String, Option<Vec<u8>>> {
    let entry = |entry: fs::DirEntry| (entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).ok());
    fs::read_dir(folder).unwrap().map(|found| entry(found.unwrap())).collect()
}

/// What lies at a path.
#[derive(Debug, Clone)]
pub(crate) enum Make {
    Bytes(Vec<u8>),
    Missing,
    Folder,
    /// Two symbolic links that lead to each other.
    Circle,
    /// A file that nobody may read.
    Unreadable(Vec<u8>),
}

/// What becomes of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Law {
    /// An error whose text has this part.
    Refused(String),
    /// An error or not, for this reason: the bytes may be another valid file.
    Open(&'static str),
}

#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) make: Make,
    pub(crate) law: Law,
}

impl Row {
    pub(crate) fn new(name: impl Into<String>, make: Make, part: impl Into<String>) -> Self {
        Row { name: name.into(), make, law: Law::Refused(part.into()) }
    }

    /// Puts it at `path`; `false` if this system or this user cannot have it.
    pub(crate) fn put(&self, path: &Path) -> bool {
        match &self.make {
            Make::Missing => true,
            Make::Bytes(bytes) => fs::write(path, bytes).is_ok(),
            Make::Folder => fs::create_dir(path).is_ok(),
            #[cfg(unix)]
            Make::Circle => {
                let other = path.with_extension("circle");
                std::os::unix::fs::symlink(&other, path).unwrap();
                std::os::unix::fs::symlink(path, other).is_ok()
            }
            #[cfg(unix)]
            Make::Unreadable(bytes) => {
                fs::write(path, bytes).unwrap();
                fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o000)).unwrap();
                fs::File::open(path).is_err() // root reads what it likes
            }
            #[cfg(not(unix))]
            Make::Circle | Make::Unreadable(_) => false,
        }
    }
}

/// The first k twentieths of a file.
pub(crate) fn cuts(good: &[u8], law: &Law) -> Vec<Row> {
    let cut = |k: usize| Row {
        name: format!("cut after {k}/20"),
        make: Make::Bytes(good[..good.len() * k / 20].to_vec()),
        law: law.clone(),
    };
    (1..20).map(cut).collect()
}

/// A file with one byte that is another, twenty times.
pub(crate) fn flips(good: &[u8], law: &Law) -> Vec<Row> {
    let rng = &mut StdRng::seed_from_u64(20);
    let mut flip = |_| {
        let (mut bytes, at) = (good.to_vec(), rng.random_range(0..good.len()));
        bytes[at] ^= rng.random_range(1..=255u8);
        Row { name: format!("byte {at} is {}", bytes[at]), make: Make::Bytes(bytes), law: law.clone() }
    };
    (0..20).map(&mut flip).collect()
}

/// What is no file, and what no reader takes for one.
pub(crate) fn places(good: &[u8]) -> Vec<Row> {
    [
        ("no file", Make::Missing),
        ("an empty file", Make::Bytes(vec![])),
        ("a folder", Make::Folder),
        ("a circle of symbolic links", Make::Circle),
        ("a file that nobody may read", Make::Unreadable(good.to_vec())),
        ("bytes of 255", Make::Bytes(vec![255; 64])),
        ("bytes of 0", Make::Bytes(vec![0; 64])),
    ]
    .into_iter()
    .map(|(name, make)| Row::new(name, make, ""))
    .collect()
}

/// A table of numbers and names, for a schema of `width`, `colour` and the target `kind`.
pub(crate) const TABLE: &str = "width,colour,kind\n1.25,red,rose\n5.5,blue,iris\n2.75,red,rose\n";

/// What is learnt from it.
pub(crate) fn schema() -> Schema {
    let columns =
        Schema::builder().input("x", [Numeric::new("width").standard()]).input("x", [Categorical::new("colour")]);
    let columns = columns.classes("kind", Categorical::new("kind"));
    columns.fit(&Table::parse("t", TABLE.as_bytes()).unwrap()).unwrap()
}

/// A model of it, with drawn weights.
pub(crate) fn bundle() -> Bundle {
    let layers = Mlp::new(3).hidden(2, Activation::Tanh).output(2, Activation::Identity);
    Bundle::new(layers.build(&mut StdRng::seed_from_u64(0)).unwrap(), schema()).unwrap()
}

/// Tables that are not of that form.
pub(crate) fn tables() -> Vec<Row> {
    let long = "9".repeat(100_000);
    [
        ("no UTF-8", b"width,colour,kind\n1,r\xe9d,rose\n".to_vec(), "UTF-8"),
        ("UTF-16", TABLE.encode_utf16().flat_map(u16::to_le_bytes).collect(), "line 1"),
        ("a row that is short", b"width,colour,kind\n1,red\n".to_vec(), "line 2: found 2 cells"),
        ("a row that is long", b"width,colour,kind\n1,red,rose,9\n".to_vec(), "line 2: found 4 cells"),
        ("text for a number", b"width,colour,kind\nmany,red,rose\n".to_vec(), "line 2, column `width`: found `many`"),
        ("no number in the type", b"width,colour,kind\n1e999,red,rose\n".to_vec(), "column `width`: found `1e999`"),
        (
            "a number of many digits",
            format!("width,colour,kind\n{long},red,rose\n").into_bytes(),
            "column `width`: found `9999",
        ),
        (
            "an enormous number",
            b"width,colour,kind\n1e308,red,rose\n".to_vec(),
            "line 2, column `width`: found `1e308`",
        ),
        ("a decimal comma", b"width,colour,kind\n\"1,5\",red,rose\n".to_vec(), "`1,5` with a decimal comma"),
        ("no column", b"colour,kind\nred,rose\n".to_vec(), "no column `width`"),
        ("a column twice", b"width,width,colour,kind\n1,1,red,rose\n".to_vec(), "more than one column `width`"),
        ("another name", b"width,colour,kind\n1,green,rose\n".to_vec(), "column `colour`: found `green`"),
        (
            "a quote that is open",
            b"width,colour,kind\n1,\"red,rose\n".to_vec(),
            "line 2: a quote is opened and never closed",
        ),
        ("a quote within", b"width,colour,kind\n1,re\"d,rose\n".to_vec(), "line 2: a quote inside a cell"),
        ("a header alone", b"width,colour,kind\n".to_vec(), "no samples"),
        ("the header again", [TABLE, TABLE].concat().into_bytes(), "it repeats the header"),
        ("no header", b"1,2,3\n4,5,6\n".to_vec(), "numbers where the names of the columns should be"),
        ("semicolons", TABLE.replace(',', ";").into_bytes(), "separated by `;`"),
        ("a comment", format!("{TABLE}# done\n").into_bytes(), "line 5: it begins with `#`"),
        ("a missing number", b"width,colour,kind\n?,red,rose\n".to_vec(), "column `width`: found `?`"),
        ("a file of weights", b"\x08\0\0\0\0\0\0\0{}      ".to_vec(), "NUL"),
    ]
    .into_iter()
    .map(|(name, bytes, part)| Row::new(name, Make::Bytes(bytes), part))
    .collect()
}

/// A file of safetensors with this header.
pub(crate) fn safetensors(header: &str, numbers: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), numbers].concat()
}

/// What is no file of safetensors, whatever is read from it.
pub(crate) fn headers() -> Vec<Row> {
    let tensor = |dtype: &str, shape: &str, ends: &str| {
        safetensors(&format!(r#"{{"w":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{ends}}}}}"#), &[0; 8])
    };
    [
        ("a header of 2^60 bytes", [&(1u64 << 60).to_le_bytes()[..], b"{}"].concat()),
        ("a header of 2^64 - 1 bytes", [&u64::MAX.to_le_bytes()[..], b"{}"].concat()),
        ("a header that is no JSON", safetensors("{w}", &[])),
        ("a header that is no UTF-8", [&2u64.to_le_bytes()[..], b"\xff\xff"].concat()),
        ("deep brackets", safetensors(&"[".repeat(100_000), &[])),
        ("a shape of 2^60 numbers", tensor("F64", "[1152921504606846976]", "[0,8]")),
        ("a shape beyond all numbers", tensor("F64", "[4294967296,4294967296,4294967296]", "[0,8]")),
        ("a negative length", tensor("F64", "[-1]", "[0,8]")),
        ("an end behind the file", tensor("F64", "[1]", "[0,9223372036854775807]")),
        ("an end before the start", tensor("F64", "[1]", "[8,0]")),
        ("a shape of other bytes", tensor("F64", "[2]", "[0,8]")),
        ("an unknown type", tensor("F77", "[1]", "[0,8]")),
        ("numbers that nobody names", safetensors("{}", &[0; 8])),
    ]
    .into_iter()
    .map(|(name, bytes)| Row::new(name, Make::Bytes(bytes), "not a whole safetensors file"))
    .collect()
}
