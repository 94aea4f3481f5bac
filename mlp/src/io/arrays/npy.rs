//! The [NPY format](https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html) of NumPy: a line of Python
//! that says what the bytes behind it are.

use std::fs;
use std::io::Read;
use std::path::Path;

use autograd::{Float, Shape, Tensor};

use super::super::replace::replace;
use super::numbers::{Kind, Layout, push};
use crate::error::{Error, Result, damaged};

/// Reads an array that `numpy.save` wrote: floats, integers and booleans, in any byte order and memory order.
///
/// ```
/// use autograd::Tensor;
/// use mlp::io;
/// let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("x.npy");
/// io::write_npy(&path, &Tensor::from([[1.5f32, 2.0]]))?;
/// assert_eq!(io::read_npy::<f64>(&path)?, Tensor::from([[1.5, 2.0]]));
/// # Ok::<(), mlp::Error>(())
/// ```
///
/// # Errors
/// [`Error::File`] if the file is no such array, is cut short, or holds a number that `T` cannot hold (a whole number, or
/// one beyond its range); [`Error::Io`] if it cannot be read.
pub fn read_npy<T: Float>(path: impl AsRef<Path>) -> Result<Tensor<T>> {
    let path = path.as_ref();
    let bytes = fs::read(path).map_err(Error::io(path))?;
    parse(&bytes[..]).map_err(|problem| Error::File { path: path.to_owned(), problem })
}

/// Writes an array that `numpy.load` reads, of `float32` or `float64` as `T` is; an existing file is replaced as by
/// [`save`](crate::io::save).
///
/// ```
/// use autograd::Tensor;
/// let folder = tempfile::tempdir().unwrap();
/// mlp::io::write_npy(folder.path().join("x.npy"), &Tensor::<f64>::zeros([2, 3]))?;
/// # Ok::<(), mlp::Error>(())
/// ```
///
/// # Errors
/// [`Error::Io`] if the file cannot be written.
pub fn write_npy<T: Float>(path: impl AsRef<Path>, x: &Tensor<T>) -> Result<()> {
    let path = path.as_ref();
    replace(path, &bytes(x)).map_err(Error::io(path))
}

const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// More than any header of an array of numbers.
const LONGEST: usize = 1 << 16;

/// The array that a reader gives, which must end behind it.
pub(super) fn parse<T: Float>(mut reader: impl Read) -> std::result::Result<Tensor<T>, String> {
    let mut take = |n: usize| {
        let mut bytes = vec![0; n];
        reader.read_exact(&mut bytes).map_err(damaged)?;
        Ok::<_, String>(bytes)
    };
    let start = take(8)?;
    if !start.starts_with(MAGIC) {
        return Err("it is no array of NumPy; write it by `numpy.save`".to_string());
    }
    let n = match start[6] {
        1 => take(2)?.iter().rev().fold(0, |n, &byte| n << 8 | usize::from(byte)),
        2 | 3 => take(4)?.iter().rev().fold(0, |n, &byte| n << 8 | usize::from(byte)),
        version => return Err(format!("its version {version} of the format is not known; 1, 2 and 3 are")),
    };
    if n > LONGEST {
        return Err(format!("its header claims {n} bytes; arrays of numbers need fewer than {LONGEST}"));
    }
    let header = String::from_utf8(take(n)?).map_err(damaged)?;
    let Header { layout, fortran, shape } = Header::parse(&header)?;
    let values = layout.read(reader, &shape)?;
    // Columns lie first: the array is that of the reversed shape, with its axes reversed.
    let reversed = fortran && values.len() > 1;
    let lengths: Shape = if reversed { shape.iter().rev().copied().collect() } else { shape.iter().copied().collect() };
    let x = Tensor::try_new(lengths, values).map_err(|error| error.to_string())?;
    let order: Vec<usize> = (0..shape.len()).rev().collect();
    Ok(if reversed { x.permute(&order) } else { x })
}

/// The whole file of an array.
pub(super) fn bytes<T: Float>(x: &Tensor<T>) -> Vec<u8> {
    let lengths: String = x.shape().iter().map(|len| format!("{len}, ")).collect();
    let lengths = if x.shape().len() > 1 { lengths.trim_end_matches(", ") } else { lengths.trim_end() };
    let mut header = format!("{{'descr': '<f{}', 'fortran_order': False, 'shape': ({lengths}), }}", size_of::<T>());
    // Numbers begin at a multiple of 64 bytes, behind a line break.
    let blank = 63 - (MAGIC.len() + 4 + header.len()) % 64;
    header.push_str(&" ".repeat(blank));
    header.push('\n');
    let mut bytes = [&MAGIC[..], &[1, 0], &(header.len() as u16).to_le_bytes(), header.as_bytes()].concat();
    push(&mut bytes, x.as_slice(), false);
    bytes
}

struct Header {
    layout: Layout,
    fortran: bool,
    shape: Vec<usize>,
}

impl Header {
    /// Parses the literal of a Python dictionary that NumPy writes, and nothing else of Python.
    fn parse(text: &str) -> std::result::Result<Self, String> {
        let broken = |part: &str| {
            let part: String = part.chars().take(60).collect(); // a header may be a page long
            format!("its header is not that of an array of numbers ({part}); write it by `numpy.save`")
        };
        let (mut layout, mut fortran, mut shape) = (None, None, None);
        let inner = text.trim().strip_prefix('{').and_then(|text| text.strip_suffix('}'));
        let mut rest = inner.ok_or_else(|| broken("it is no dictionary"))?.trim();
        while !rest.is_empty() {
            let (key, value) = rest.split_once(':').ok_or_else(|| broken(rest))?;
            let value = value.trim_start();
            let end = match value.as_bytes() {
                [b'(', ..] => value.find(')').map(|end| end + 1),
                [b'[', ..] => return Err(broken("it has fields with names; save each field by itself")),
                _ => Some(value.find(',').unwrap_or(value.len())),
            };
            let (value, after) = value.split_at(end.ok_or_else(|| broken(rest))?);
            let twice = match unquoted(key.trim()) {
                Some("descr") => layout.replace(unquoted(value.trim()).ok_or_else(|| broken(value))?).is_some(),
                Some("fortran_order") => fortran.replace(value.trim()).is_some(),
                Some("shape") => shape.replace(value).is_some(),
                _ => return Err(broken(key.trim())),
            };
            if twice {
                return Err(broken("a key stands in it twice"));
            }
            rest = after.trim_start();
            rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
        }
        let (Some(layout), Some(fortran), Some(shape)) = (layout, fortran, shape) else {
            return Err(broken("`descr`, `fortran_order` or `shape` is missing"));
        };
        let fortran = match fortran {
            "True" => true,
            "False" => false,
            other => return Err(broken(other)),
        };
        let lengths = shape.strip_prefix('(').and_then(|shape| shape.strip_suffix(')')).ok_or_else(|| broken(shape))?;
        let lengths = lengths.trim().trim_end_matches(',');
        let length = |text: &str| text.trim().parse().map_err(|_| broken(shape));
        let shape = if lengths.is_empty() {
            vec![]
        } else {
            lengths.split(',').map(length).collect::<std::result::Result<_, _>>()?
        };
        let layout = self::layout(layout).ok_or_else(|| {
            format!("its numbers have the type `{layout}`, not a float of 4 or 8 bytes or an integer; convert it by `astype`")
        })?;
        Ok(Header { layout, fortran, shape })
    }
}

fn unquoted(text: &str) -> Option<&str> {
    let inner = |mark| text.strip_prefix(mark)?.strip_suffix(mark);
    inner('\'').or_else(|| inner('"'))
}

/// The layout of a type's name, such as `<f8`.
fn layout(name: &str) -> Option<Layout> {
    let (big_endian, name) = match name.as_bytes().first()? {
        b'>' => (true, &name[1..]),
        b'<' | b'|' => (false, &name[1..]),
        b'=' => (cfg!(target_endian = "big"), &name[1..]),
        _ => return None,
    };
    let (kind, size) = match name {
        "f4" => (Kind::Real, 4),
        "f8" => (Kind::Real, 8),
        "b1" | "u1" => (Kind::Unsigned, 1),
        "u2" => (Kind::Unsigned, 2),
        "u4" => (Kind::Unsigned, 4),
        "u8" => (Kind::Unsigned, 8),
        "i1" => (Kind::Signed, 1),
        "i2" => (Kind::Signed, 2),
        "i4" => (Kind::Signed, 4),
        "i8" => (Kind::Signed, 8),
        _ => return None,
    };
    Some(Layout { kind, size, big_endian })
}
