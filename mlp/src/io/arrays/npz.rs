//! NPZ: a ZIP archive of arrays in the NPY format, under their names.

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::path::Path;

use autograd::{Float, Tensor};
use flate2::bufread::DeflateDecoder;
use rawzip::{CompressionMethod, ZipArchive, ZipArchiveWriter};

use super::super::replace::replace;
use super::npy;
use crate::error::{Error, Result, damaged};

/// Reads all arrays that `numpy.savez` or `numpy.savez_compressed` wrote, with their names, in the order of the file.
///
/// ```
/// use autograd::Tensor;
/// use mlp::io;
/// let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("data.npz");
/// let (x, y) = (Tensor::from([[1.0], [2.0]]), Tensor::from([3.0, 4.0]));
/// io::write_npz(&path, [("x", &x), ("y", &y)])?;
/// assert_eq!(io::read_npz::<f64>(&path)?, [("x".to_string(), x), ("y".to_string(), y)]);
/// # Ok::<(), mlp::Error>(())
/// ```
///
/// # Errors
/// As [`read_npy`](crate::io::read_npy), also for a checksum that does not agree, and a name that occurs twice.
pub fn read_npz<T: Float>(path: impl AsRef<Path>) -> Result<Vec<(String, Tensor<T>)>> {
    let path = path.as_ref();
    let bytes = fs::read(path).map_err(Error::io(path))?;
    arrays(&bytes).map_err(|problem| Error::File { path: path.to_owned(), problem })
}

/// Writes arrays under their names, for `numpy.load`; an existing file is replaced as by [`save`](crate::io::save).
///
/// ```
/// use autograd::Tensor;
/// let folder = tempfile::tempdir().unwrap();
/// let x = Tensor::<f64>::zeros([2, 3]);
/// mlp::io::write_npz(folder.path().join("data.npz"), [("x", &x)])?;
/// assert!(mlp::io::write_npz(folder.path().join("data.npz"), [("x", &x), ("x", &x)]).is_err());
/// # Ok::<(), mlp::Error>(())
/// ```
///
/// # Errors
/// [`Error::File`] if a name is empty, occurs twice or is not a name of a file; [`Error::Io`] if the file cannot be written.
pub fn write_npz<'x, T: Float>(
    path: impl AsRef<Path>,
    arrays: impl IntoIterator<Item = (&'x str, &'x Tensor<T>)>,
) -> Result<()> {
    let path = path.as_ref();
    let bytes = archive(arrays).map_err(|problem| Error::File { path: path.to_owned(), problem })?;
    replace(path, &bytes).map_err(Error::io(path))
}

fn arrays<T: Float>(bytes: &[u8]) -> std::result::Result<Vec<(String, Tensor<T>)>, String> {
    let broken = |error: rawzip::Error| format!("it is no archive of arrays ({error}); write it by `numpy.savez`");
    let archive = ZipArchive::from_slice(bytes).map_err(broken)?;
    let (mut arrays, mut names) = (Vec::new(), HashSet::new());
    let mut entries = archive.entries();
    while let Some(entry) = entries.next_entry().map_err(broken)? {
        let file = String::from_utf8(entry.file_path().as_ref().to_vec()).map_err(damaged)?;
        let Some(name) = file.strip_suffix(".npy") else {
            return Err(format!("it holds `{file}`, which is no array; write it by `numpy.savez`"));
        };
        let named = |problem: String| format!("array `{name}`: {problem}");
        if !names.insert(name.to_string()) {
            return Err(named("the name occurs twice; give each array its own".to_string()));
        }
        let method = entry.compression_method();
        let found = archive.get_entry(entry.wayfinder()).map_err(|error| named(damaged(error)))?;
        let data = found.data();
        // The reader behind it also compares the length and the checksum, at the end of the bytes.
        let array = match method {
            CompressionMethod::STORE => npy::parse(found.verifying_reader(data)),
            CompressionMethod::DEFLATE => npy::parse(found.verifying_reader(DeflateDecoder::new(data))),
            other => Err(format!("its compression {other:?} is not known; write it by `numpy.savez_compressed`")),
        };
        arrays.push((name.to_string(), array.map_err(named)?));
    }
    Ok(arrays)
}

fn archive<'x, T: Float>(
    arrays: impl IntoIterator<Item = (&'x str, &'x Tensor<T>)>,
) -> std::result::Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut archive = ZipArchiveWriter::new(&mut bytes);
    let mut names = HashSet::new();
    for (name, x) in arrays {
        if name.is_empty() || name.contains(['/', '\\', '\0']) || !names.insert(name) {
            return Err(format!("array `{}`: give each array its own name, without slashes", name.escape_debug()));
        }
        let failed = |error: rawzip::Error| format!("array `{name}`: {error}");
        let file = format!("{name}.npy");
        let stored = archive.new_file(&file).compression_method(CompressionMethod::STORE);
        let (mut entry, config) = stored.start().map_err(failed)?;
        let mut writer = config.wrap(&mut entry);
        writer.write_all(&npy::bytes(x)).map_err(|error| format!("array `{name}`: {error}"))?;
        let (_, descriptor) = writer.finish().map_err(failed)?;
        entry.finish(descriptor).map_err(failed)?;
    }
    archive.finish().map_err(|error| error.to_string())?;
    Ok(bytes)
}
