//! [`TensorBoard`]: event files for TensorBoard.
//!
//! An event file is a sequence of records: the length as 8 bytes, a checksum of these, the bytes, a checksum of them, in
//! little-endian order (the format TFRecord). Each record is an `Event` in the encoding of protocol buffers.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use super::callback::{Callback, Learner, Start};
use super::history::{Epoch, History, Stopped};
use crate::error::{Error, Result};

/// Writes the values of each epoch for [TensorBoard](https://www.tensorflow.org/tensorboard), flushed at once.
///
/// Each training writes one more file `events.out.tfevents.…` to the folder. The steps of the curves are epochs. A resumed
/// training tells TensorBoard to forget the epochs behind the checkpoint, so that none is shown twice. Values are stored
/// as `f32`, as the format wants.
///
/// ```
/// use autograd::{Param, Tensor};
/// use mlp::{Dataset, Linear, Module, Mse, Sgd, Trainer, train::TensorBoard};
/// let model = Linear { w: Param::new([[2.0]]), b: None };
/// let data = Dataset::new(Tensor::from([[1.0]]), Tensor::from([[0.0]]))?;
/// let mut sgd = Sgd::new(&model.parameters(), 0.25);
/// let folder = tempfile::tempdir().unwrap();
/// let trainer = Trainer::new().epochs(2).callback(TensorBoard::new(folder.path().join("run 1")));
/// trainer.fit(&model, &Mse, &mut sgd, &data, None)?; // then: tensorboard --logdir …
/// assert_eq!(std::fs::read_dir(folder.path().join("run 1")).unwrap().count(), 1);
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug)]
pub struct TensorBoard {
    folder: PathBuf,
    file: Option<(PathBuf, File)>,
}

impl TensorBoard {
    /// Writes to `folder`, which is made if it is missing.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        TensorBoard { folder: folder.into(), file: None }
    }

    /// Opens a file of a new name.
    fn open(&mut self) -> Result<()> {
        fs::create_dir_all(&self.folder).map_err(Error::io(&self.folder))?;
        let seconds = since_1970().as_secs();
        for number in 0u32.. {
            // TensorBoard reads the files of a folder in the order of their names.
            let path = self.folder.join(format!("events.out.tfevents.{seconds:010}.{number:04}.mlp"));
            match OpenOptions::new().append(true).create_new(true).open(&path) {
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => continue,
                file => {
                    self.file = Some((path.clone(), file.map_err(Error::io(&path))?));
                    break;
                }
            }
        }
        let version = Message::event(0).text(3, "brain.Event:2");
        self.write(&[version])
    }

    /// Writes values by name at a step of the caller's own count, outside of a training too.
    ///
    /// If they are the first that this log writes, and `step` is not the first, TensorBoard forgets what the folder has
    /// from this step on: the training before was interrupted, and this one goes on.
    ///
    /// ```
    /// let folder = tempfile::tempdir().unwrap();
    /// let mut board = mlp::TensorBoard::new(folder.path());
    /// board.scalars(1, [("sharpness", 3.5), ("norm", 0.25)])?;
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be written.
    pub fn scalars<'v>(&mut self, step: usize, values: impl IntoIterator<Item = (&'v str, f64)>) -> Result<()> {
        if self.file.is_none() && step > 1 {
            self.write(&[Message::restart(step)])?;
        }
        self.write(&[Message::event(step).message(5, &summary(values))])
    }

    fn write(&mut self, events: &[Message]) -> Result<()> {
        if self.file.is_none() {
            self.open()?;
        }
        let (path, file) = self.file.as_mut().expect("opened");
        let bytes: Vec<u8> = events.iter().flat_map(|event| record(&event.0)).collect();
        file.write_all(&bytes).map_err(Error::io(path))
    }
}

impl Callback for TensorBoard {
    fn on_first_rank_only(&self) -> bool {
        true
    }

    fn begun(&mut self, start: &Start, _: &mut Learner<'_>) -> Result<ControlFlow<Stopped>> {
        self.open()?;
        if start.done > 0 || start.within > 0 {
            self.write(&[Message::restart(start.done + 1)])?;
        }
        Ok(ControlFlow::Continue(()))
    }

    fn epoch_ended(&mut self, epoch: &Epoch, _: &mut Learner<'_>) -> Result<ControlFlow<Stopped>> {
        self.write(&[Message::event(epoch.epoch).message(5, &summary(epoch.values()))])?;
        Ok(ControlFlow::Continue(()))
    }

    fn ended(&mut self, _: &History, _: &mut Learner<'_>) -> Result<()> {
        self.file = None;
        Ok(())
    }
}

/// Scalars by name.
fn summary<'v>(values: impl IntoIterator<Item = (&'v str, f64)>) -> Message {
    let value = |(name, x): (&str, f64)| Message::default().text(1, name).float(2, x as f32);
    values.into_iter().map(value).fold(Message::default(), |all, value| all.message(1, &value))
}

fn since_1970() -> std::time::Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// A message in the encoding of protocol buffers: fields of a number, a kind and a value.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    /// An event of the present time: field 1 is the time in seconds, field 2 the step.
    fn event(step: usize) -> Self {
        let seconds = since_1970().as_secs_f64();
        let mut event = Message::default().key(1, 1);
        event.0.extend(seconds.to_le_bytes());
        event.number(2, step as u64)
    }

    /// A session that starts (status 1) at a step drops what came at this step and behind it.
    fn restart(step: usize) -> Self {
        Message::event(step).message(7, &Message::default().number(1, 1))
    }

    fn key(self, field: u64, kind: u64) -> Self {
        self.varint(field << 3 | kind)
    }

    fn varint(mut self, mut x: u64) -> Self {
        while x >= 128 {
            self.0.push(x as u8 | 128);
            x >>= 7;
        }
        self.0.push(x as u8);
        self
    }

    fn number(self, field: u64, x: u64) -> Self {
        self.key(field, 0).varint(x)
    }

    fn float(self, field: u64, x: f32) -> Self {
        let mut message = self.key(field, 5);
        message.0.extend(x.to_le_bytes());
        message
    }

    fn bytes(self, field: u64, bytes: &[u8]) -> Self {
        let mut message = self.key(field, 2).varint(bytes.len() as u64);
        message.0.extend(bytes);
        message
    }

    fn text(self, field: u64, text: &str) -> Self {
        self.bytes(field, text.as_bytes())
    }

    fn message(self, field: u64, message: &Message) -> Self {
        self.bytes(field, &message.0)
    }
}

/// One record of a file.
fn record(bytes: &[u8]) -> Vec<u8> {
    let length = (bytes.len() as u64).to_le_bytes();
    let mut record = length.to_vec();
    record.extend(checksum(&length).to_le_bytes());
    record.extend(bytes);
    record.extend(checksum(bytes).to_le_bytes());
    record
}

/// The CRC-32C (Castagnoli), rotated and shifted, because a checksum of bytes that hold checksums is a poor one.
fn checksum(bytes: &[u8]) -> u32 {
    let crc = !bytes.iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| crc >> 1 ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 })
    });
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}
