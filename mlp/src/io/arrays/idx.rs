//! The IDX format of [MNIST](https://en.wikipedia.org/wiki/MNIST_database) and data sets like it: a type, lengths and
//! numbers, all in big-endian order.

use std::fs;
use std::io::Read;
use std::path::Path;

use autograd::{Float, Tensor};
use flate2::bufread::MultiGzDecoder;

use super::super::replace::replace;
use super::numbers::{Kind, Layout, push};
use crate::error::{Error, Result, damaged};

/// Reads an array from a file in the IDX format, packed by gzip or not; pictures of MNIST have the shape (samples, 28, 28)
/// and values from 0 to 255.
///
/// ```
/// use autograd::Tensor;
/// use mlp::io;
/// let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("images-idx3-ubyte");
/// std::fs::write(&path, [0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 0, 64, 128, 255]).unwrap();
/// assert_eq!(io::read_idx::<f64>(&path)?, Tensor::from([[[0.0, 64.0], [128.0, 255.0]]]));
/// # Ok::<(), mlp::Error>(())
/// ```
///
/// # Errors
/// [`Error::File`] if the file is not in the format, is cut short, or holds a number that `T` cannot hold (a whole number,
/// or one beyond its range); [`Error::Io`] if it cannot be read.
pub fn read_idx<T: Float>(path: impl AsRef<Path>) -> Result<Tensor<T>> {
    let path = path.as_ref();
    let bytes = fs::read(path).map_err(Error::io(path))?;
    let array = match bytes.starts_with(&[0x1f, 0x8b]) {
        true => parse(MultiGzDecoder::new(&bytes[..])),
        false => parse(&bytes[..]),
    };
    array.map_err(|problem| Error::File { path: path.to_owned(), problem })
}

/// Reads labels from 0 to `classes` − 1 from a file in the IDX format, packed by gzip or not.
///
/// ```
/// let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("labels-idx1-ubyte");
/// std::fs::write(&path, [0, 0, 8, 1, 0, 0, 0, 2, 7, 3]).unwrap();
/// assert_eq!(mlp::io::read_idx_labels(&path, 10)?, [7, 3]);
/// assert!(mlp::io::read_idx_labels(&path, 7).is_err());
/// # Ok::<(), mlp::Error>(())
/// ```
///
/// # Errors
/// As [`read_idx`]; [`Error::File`] too if the array has not one axis, or holds anything but such labels.
pub fn read_idx_labels(path: impl AsRef<Path>, classes: usize) -> Result<Vec<usize>> {
    let path = path.as_ref();
    let x = read_idx::<f64>(path)?;
    let refused = |problem| Error::File { path: path.to_owned(), problem };
    if x.shape().len() != 1 {
        let problem =
            format!("its shape {} is not (samples,), a label for each sample; read it by `read_idx`", x.shape());
        return Err(refused(problem));
    }
    let label = |(i, &x): (usize, &f64)| match x as usize {
        label if label as f64 == x && label < classes => Ok(label),
        _ => Err(refused(format!(
            "sample {i} has {x}, which is no label of {classes} classes; raise the number of classes"
        ))),
    };
    x.as_slice().iter().enumerate().map(label).collect()
}

/// Writes an array in the IDX format, of 4 or 8 bytes a number as `T` is; an existing file is replaced as by
/// [`save`](crate::io::save).
///
/// ```
/// use autograd::Tensor;
/// let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("x-idx2-float");
/// mlp::io::write_idx(&path, &Tensor::from([[1.5f32, -2.0]]))?;
/// assert_eq!(mlp::io::read_idx::<f32>(&path)?, Tensor::from([[1.5, -2.0]]));
/// # Ok::<(), mlp::Error>(())
/// ```
///
/// # Errors
/// [`Error::File`] if the array has more than 255 axes, or an axis more than 2³² − 1 entries, which the format cannot
/// hold; [`Error::Io`] if the file cannot be written.
pub fn write_idx<T: Float>(path: impl AsRef<Path>, x: &Tensor<T>) -> Result<()> {
    let path = path.as_ref();
    let lengths: Option<Vec<u32>> = x.shape().iter().map(|&len| len.try_into().ok()).collect();
    let (Some(lengths), Ok(axes)) = (lengths, u8::try_from(x.shape().len())) else {
        let problem = format!("the IDX format cannot hold the shape {}; write it by `write_npy`", x.shape());
        return Err(Error::File { path: path.to_owned(), problem });
    };
    let layout = Layout::of::<T>(true);
    let code = KINDS.iter().find(|(_, kind, size)| (*kind, *size) == (layout.kind, layout.size)).map_or(0, |row| row.0);
    let mut bytes = vec![0, 0, code, axes];
    lengths.iter().for_each(|len| bytes.extend(len.to_be_bytes()));
    push(&mut bytes, x.as_slice(), true);
    replace(path, &bytes).map_err(Error::io(path))
}

/// The code of each type.
const KINDS: [(u8, Kind, usize); 6] = [
    (0x08, Kind::Unsigned, 1),
    (0x09, Kind::Signed, 1),
    (0x0b, Kind::Signed, 2),
    (0x0c, Kind::Signed, 4),
    (0x0d, Kind::Real, 4),
    (0x0e, Kind::Real, 8),
];

fn parse<T: Float>(mut reader: impl Read) -> std::result::Result<Tensor<T>, String> {
    let mut four = || {
        let mut bytes = [0; 4];
        reader.read_exact(&mut bytes).map_err(damaged)?;
        Ok::<_, String>(bytes)
    };
    let [zero, also_zero, code, axes] = four()?;
    let kind = KINDS.iter().find(|row| row.0 == code).filter(|_| (zero, also_zero) == (0, 0));
    let Some(&(_, kind, size)) = kind else {
        return Err("it is not in the IDX format, which begins with two zeros and the code of a type".to_string());
    };
    let shape: Vec<usize> =
        (0..axes).map(|_| Ok(u32::from_be_bytes(four()?) as usize)).collect::<std::result::Result<_, String>>()?;
    let values = Layout { kind, size, big_endian: true }.read(reader, &shape)?;
    Tensor::try_new(&shape[..], values).map_err(|error| error.to_string())
}
