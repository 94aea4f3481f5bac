//! Checks an Arrow file before the crate `arrow-ipc` reads it, which trusts lengths: it would panic, or ask for memory beyond all.

use std::io::{self, Read, Seek, SeekFrom};

use arrow_ipc::{Block, CompressionType, MessageHeader, RecordBatch, root_as_footer, root_as_message};

/// Whether all that the lengths of a file claim is in it; `Err` with what is not.
pub(super) fn check(source: &mut (impl Read + Seek)) -> Result<(), String> {
    let end = source.seek(SeekFrom::End(0)).map_err(text)?;
    // Behind the footer stand its length and the name of the format.
    let tail = read(source, end.checked_sub(10).ok_or("it has no footer")?, 10).map_err(text)?;
    let length = u64::from(u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]));
    let start = (end - 10).checked_sub(length).filter(|_| &tail[4..] == b"ARROW1").ok_or("it has no footer")?;
    let footer = read(source, start, length).map_err(text)?;
    let footer = root_as_footer(&footer).map_err(text)?;
    for block in footer.dictionaries().iter().flatten().chain(footer.recordBatches().iter().flatten()) {
        self::block(source, block, end)?;
    }
    source.rewind().map_err(text)
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn read(source: &mut (impl Read + Seek), start: u64, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.seek(SeekFrom::Start(start))?;
    source.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == length { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// The numbers that lengths are: from 0, and such that a sum of a few does not overflow.
fn length(number: i64) -> Result<u64, String> {
    u64::try_from(number).ok().filter(|&n| n < 1 << 60).ok_or_else(|| format!("a length of {number}"))
}

fn block(source: &mut (impl Read + Seek), block: &Block, end: u64) -> Result<(), String> {
    let [start, head, body] = [block.offset(), block.metaDataLength().into(), block.bodyLength()].map(length);
    let (start, head, body) = (start?, head?, body?);
    if start + head + body > end || head < 8 {
        return Err("a batch ends behind the file".into());
    }
    let head_bytes = read(source, start, head).map_err(text)?;
    // Older files begin a batch with its length at once.
    let message = if head_bytes[..4] == [0xff; 4] { &head_bytes[8..] } else { &head_bytes[4..] };
    let message = root_as_message(message).map_err(text)?;
    let batch = match message.header_type() {
        MessageHeader::DictionaryBatch => message.header_as_dictionary_batch().and_then(|batch| batch.data()),
        _ => message.header_as_record_batch(),
    };
    batch.map_or(Ok(()), |batch| self::batch(source, &batch, start + head, body))
}

/// A batch whose body of so many bytes stands at `at`.
fn batch(source: &mut (impl Read + Seek), batch: &RecordBatch<'_>, at: u64, body: u64) -> Result<(), String> {
    let mut held = 0;
    for buffer in batch.buffers().iter().flatten() {
        let (start, packed) = (length(buffer.offset())?, length(buffer.length())?);
        if start + packed > body {
            return Err("a column ends behind its batch".into());
        }
        // The first eight bytes of a packed column are its length, or −1 if it is not packed after all.
        let unpacked = match batch.compression() {
            Some(how) if packed >= 8 => {
                let bytes = read(source, at + start, 8).map_err(text)?;
                let claimed = i64::from_le_bytes(bytes.try_into().map_err(|_| "a column without a length")?);
                let most = if how.codec() == CompressionType::LZ4_FRAME { 1 << 8 } else { 1 << 17 };
                match claimed {
                    -1 => packed - 8,
                    claimed => length(claimed)
                        .ok()
                        .filter(|n| n / most <= packed)
                        .ok_or_else(|| format!("a column of {claimed} bytes in {packed}"))?,
                }
            }
            Some(_) if packed > 0 => return Err("a column without a length".into()),
            _ => packed,
        };
        held += unpacked;
    }
    // A row takes at least a bit; a few may be of nothing but missing values.
    let rows = length(batch.length())?;
    if rows / 8 > held + 128 {
        return Err(format!("{rows} rows in {held} bytes"));
    }
    for node in batch.nodes().iter().flatten() {
        length(node.length())?;
        length(node.null_count())?;
    }
    Ok(())
}
