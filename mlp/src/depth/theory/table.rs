//! Tables of rows: embeddings and positions as pieces, and for [`Reader`](super::Reader).

use super::block::{Block, Piece, Site, Width};
use super::reader::Source;
use super::signal::Signal;
use crate::Error;
use crate::nn::config::{Config, Configured, inside};
use crate::nn::layers::{Embedding, PositionalEncoding};

impl Block {
    /// Appends an embedding: a table whose rows have this signal, that of two rows being its two samples.
    ///
    /// ```
    /// use mlp::theory::{Block, Signal};
    /// // Rows of variance 1 that have nothing in common; a quarter of all pairs of tokens are the same class.
    /// let block = Block::new().embedding(Signal::normal(1.0).correlated(0.0)).linear(2.0, 0.0);
    /// let step = block.pass(&Signal::normal(1.0).correlated(0.25))?;
    /// assert_eq!((step.signal.square, step.signal.correlation()), (2.0, Some(0.25)));
    /// # Ok::<(), mlp::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn embedding(self, table: Signal) -> Self {
        self.then(Piece::Embedding(table))
    }

    /// Appends what adds to each token the row of its position, from a table of rows with this signal.
    ///
    /// ```
    /// use mlp::theory::{Block, Signal};
    /// let block = Block::new().positions(Signal::normal(0.5).correlated(0.0));
    /// let step = block.pass(&Signal::normal(1.0).correlated(0.3))?;
    /// assert!((step.signal.correlation().unwrap() - 0.2).abs() < 1e-12); // 0.3 of 1.5
    /// # Ok::<(), mlp::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn positions(self, table: Signal) -> Self {
        self.then(Piece::Positions(table))
    }
}

/// Appends an embedding, which has to be the first layer.
pub(super) fn embedding(source: &Source<'_>, block: Block, config: &Config, name: &str) -> Result<Block, Error> {
    // A flatten is no more than a reshape.
    if block.pieces().any(|piece| !matches!(piece, Piece::Affine { gain: 1.0, shift: 0.0 })) {
        let why = "it reads what layers before it compute, and that are no classes; read the part that begins with it";
        return Err(Error::config("embedding", why));
    }
    let data: <Embedding as Configured>::Data = config.data()?;
    let table = source.find("embedding", &inside(name, "table"))?;
    let width = table.shape[1];
    let rows = table.values.chunks(width.max(1)).enumerate().filter(|(class, _)| data.padding != Some(*class));
    let rows: Vec<f64> = rows.flat_map(|(_, row)| row).copied().collect();
    let table = signal("embedding", &rows, width)?;
    Ok(block.with_width(Piece::Embedding(table), Site::Layer(name.into(), "embedding".into()), Width::Of(None, width)))
}

/// Appends what tells tokens their positions.
pub(super) fn positions(source: &Source<'_>, block: Block, config: &Config, name: &str) -> Result<Block, Error> {
    let data: <PositionalEncoding as Configured>::Data = config.data()?;
    let (longest, width) = (data.longest, data.width);
    let time = source.reader.tokens.unwrap_or(longest);
    if time > longest {
        let why = format!("its table has {longest} positions for {time} tokens; enlarge it, or read fewer tokens");
        return Err(Error::config("positions", why));
    }
    let table = match data.learned {
        true => signal("positions", &source.find("positions", &inside(name, "table"))?.values[..time * width], width)?,
        false => Signal::of(&PositionalEncoding::<f64>::sines(time, width))?,
    };
    // Without tokens, two samples are compared at the same position.
    let table = if source.reader.tokens.is_some() { table } else { table.correlated(1.0) };
    let kind = if data.learned { "learned positions" } else { "positions" };
    Ok(block.with(Piece::Positions(table), Site::Layer(name.into(), kind.into())))
}

/// The signal of rows, two of which are its two samples.
fn signal(kind: &str, rows: &[f64], width: usize) -> Result<Signal, Error> {
    Signal::of_values(rows, [1, rows.len() / width.max(1)])
        .map_err(|_| Error::config(kind, "its table has no finite rows to read; initialise it anew"))
}
