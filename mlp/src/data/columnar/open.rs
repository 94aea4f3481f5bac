//! Opens files by their first bytes.

use std::fs::File;
use std::io::{BufReader, Cursor, Read, Seek};

use arrow_ipc::reader::FileReader;
use arrow_schema::ArrowError;

use super::{Reader, refused};
use crate::error::{Error, Result, damaged};

/// Where a file's bytes are.
pub(super) enum Source {
    File(File),
    Memory(Vec<u8>),
}

/// The batches of a file. Of Parquet files only the chosen columns are read, but all are in their schema.
pub(super) fn reader(name: &str, mut source: Source, columns: Option<&[String]>) -> Result<Reader> {
    let mut start = [0; 6];
    let n = match &mut source {
        Source::File(file) => first_bytes(file, &mut start),
        Source::Memory(bytes) => first_bytes(&mut Cursor::new(bytes), &mut start),
    };
    match &start[..n.map_err(Error::io(name.as_ref()))?] {
        b"ARROW1" => match source {
            Source::File(file) => Ok(Box::new(ipc(name, BufReader::new(file))?)),
            Source::Memory(bytes) => Ok(Box::new(ipc(name, Cursor::new(bytes))?)),
        },
        [b'P', b'A', b'R', b'1', ..] => parquet(name, source, columns),
        [b'F', b'E', b'A', b'1', ..] => {
            Err(refused(name, "a Feather file of version 1, which is outdated; write it anew as version 2"))
        }
        // A stream begins with the mark of a message.
        [0xff, 0xff, 0xff, 0xff, ..] => {
            Err(refused(name, "an Arrow stream and no file; write it as an Arrow file, which is Feather of version 2"))
        }
        _ => {
            let repair = "read text by `Csv`, and write other formats anew as one of these";
            Err(refused(name, format!("neither an Arrow file nor a Parquet file; {repair}")))
        }
    }
}

/// Reads up to as many bytes as there is room for, and goes back.
fn first_bytes(source: &mut (impl Read + Seek), room: &mut [u8]) -> std::io::Result<usize> {
    let mut read = Vec::new();
    source.by_ref().take(room.len() as u64).read_to_end(&mut read)?;
    source.rewind()?;
    room[..read.len()].copy_from_slice(&read);
    Ok(read.len())
}

fn ipc<R: Read + Seek>(name: &str, mut source: R) -> Result<FileReader<R>> {
    super::ipc::check(&mut source).map_err(|problem| refused(name, damaged(problem)))?;
    FileReader::try_new(source, None).map_err(|error| unreadable(name, &error))
}

/// What the bytes of a file are refused for.
pub(super) fn unreadable(name: &str, error: &ArrowError) -> Error {
    let text = error.to_string();
    match text.contains("feature") && text.contains("zstd") {
        true => refused(name, packed("it", ZSTANDARD)),
        false => refused(name, damaged(text)),
    }
}

/// The compression that a feature reads.
const ZSTANDARD: &str = "Zstandard";

/// What is packed in a way that is not read.
fn packed(what: &str, how: &str) -> String {
    let law = format!("{what} is packed by {how}, which this build does not unpack");
    let feature = if how == ZSTANDARD { ", or turn on the feature `zstd`" } else { "" };
    format!("{law}; write the file with Snappy, LZ4 or no compression{feature}")
}

#[cfg(not(feature = "parquet"))]
fn parquet(name: &str, _: Source, _: Option<&[String]>) -> Result<Reader> {
    Err(refused(name, "a Parquet file, which the feature `parquet` of mlp reads; turn it on"))
}

#[cfg(feature = "parquet")]
fn parquet(name: &str, source: Source, columns: Option<&[String]>) -> Result<Reader> {
    use parquet::arrow::ProjectionMask;
    use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder as Builder};
    use parquet::basic::Compression;
    use parquet::file::reader::ChunkReader;

    fn open<R: ChunkReader + 'static>(
        name: &str,
        source: R,
        columns: Option<&[String]>,
    ) -> Result<ParquetRecordBatchReader> {
        let unreadable = |error| unreadable(name, &ArrowError::from(error));
        let builder = Builder::try_new(source).map_err(unreadable)?;
        let places = super::chosen(name, builder.schema(), columns)?;
        for column in builder.metadata().row_groups().iter().flat_map(|group| group.columns()) {
            let how = match column.compression() {
                Compression::ZSTD(_) if !cfg!(feature = "zstd") => ZSTANDARD,
                Compression::BROTLI(_) => "Brotli",
                Compression::LZO => "LZO",
                _ => continue,
            };
            return Err(refused(name, packed(&format!("column `{}`", column.column_path().string()), how)));
        }
        let mask = ProjectionMask::roots(builder.parquet_schema(), places);
        builder.with_projection(mask).with_batch_size(1024).build().map_err(unreadable)
    }
    match source {
        Source::File(file) => Ok(Box::new(open(name, file, columns)?)),
        Source::Memory(bytes) => Ok(Box::new(open(name, bytes::Bytes::from(bytes), columns)?)),
    }
}
