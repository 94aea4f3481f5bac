//! [`Stream`]: batches of data that memory does not hold.

use std::iter::FusedIterator;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};

use autograd::Float;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::dataset::Dataset;
use crate::error::Result;

/// The most items that are prepared ahead: room for all is taken at once.
const MOST_AHEAD: usize = 1 << 12;

/// Batches of one size from data sets that come one after the other, shuffled or not.
///
/// An epoch is a stream: open the files anew, with another seed. Memory holds the data set at hand, the buffer and a batch.
/// The same seed gives the same batches, however the samples are divided into data sets. The last batch may be smaller;
/// an error is the last item. [`Trainer::fit_stream`](crate::Trainer::fit_stream) trains on them; a loop of one's own goes so:
///
/// ```
/// use mlp::{Csv, Numeric, Schema, Stream};
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("long.csv");
/// # std::fs::write(&path, (0..100).fold("x,y\n".to_string(), |text, i| format!("{text}{i},{}\n", 2 * i))).unwrap();
/// let csv = Csv::new();
/// let columns = Schema::builder().input("inputs", [Numeric::new("x").standard()]);
/// let schema = columns.values("y", [Numeric::new("y")]).fit(&csv.sample(&path, 50, 7)?)?;
/// for epoch in 0..3 {
///     let data = schema.datasets(csv.chunks(&path, 20)?);
///     for batch in Stream::batches(data, 32).shuffle(64, epoch).ahead(2) {
///         let batch: mlp::Dataset = batch?; // the loss, the gradient and a step of the optimiser
///         assert!(batch.len() <= 32);
///     }
/// }
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug)]
pub struct Stream<I, T: Float> {
    parts: I,
    size: usize,
    /// The part that is passed over, and the next sample in it.
    part: Option<(Dataset<T>, usize)>,
    buffer: Vec<Dataset<T>>,
    shuffle: Option<(usize, StdRng)>,
    over: bool,
}

impl<T: Float, I: Iterator<Item = Result<Dataset<T>>>> Stream<I, T> {
    /// Batches of `size` samples, in the order of the data.
    ///
    /// ```
    /// use autograd::Tensor;
    /// use mlp::{Dataset, Stream};
    /// let part = |n: usize| Dataset::new(Tensor::<f64>::zeros([n, 2]), vec![0; n]);
    /// let lengths: Vec<usize> = Stream::batches([part(3), part(4)].into_iter(), 2).map(|b| b.unwrap().len()).collect();
    /// assert_eq!(lengths, [2, 2, 2, 1]);
    /// ```
    ///
    /// # Panics
    /// If `size` is 0.
    #[track_caller]
    pub fn batches(parts: I, size: usize) -> Self {
        assert!(size > 0, "stream: batches of 0 samples would never pass over the data; choose at least 1");
        Stream { parts, size, part: None, buffer: Vec::new(), shuffle: None, over: false }
    }

    /// Shuffles: each sample is drawn at random from the next `buffer` ones, and its place filled by the one behind them.
    ///
    /// A sample comes at most `buffer` − 1 places early. Files that are sorted by class need a buffer of more than a class.
    ///
    /// ```
    /// use autograd::Tensor;
    /// use mlp::{Dataset, Stream};
    /// let data = Dataset::new(Tensor::from([[0.0], [1.0], [2.0], [3.0]]), vec![0, 1, 2, 3])?;
    /// let batches = |seed| Stream::batches([Ok(data.clone())].into_iter(), 4).shuffle(3, seed).next().unwrap();
    /// assert_eq!(batches(1)?, batches(1)?);
    /// assert_ne!(batches(1)?, data);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Panics
    /// If `buffer` is 0.
    #[track_caller]
    pub fn shuffle(mut self, buffer: usize, seed: u64) -> Self {
        assert!(buffer > 0, "stream: a buffer of 0 samples holds nothing to draw from; choose at least 1");
        self.shuffle = Some((buffer, StdRng::seed_from_u64(seed)));
        self
    }

    /// Prepares up to `batches` batches ahead, on a thread of its own; their order and bits are the same.
    ///
    /// ```
    /// use autograd::Tensor;
    /// use mlp::{Dataset, Stream};
    /// let part = || Dataset::new(Tensor::<f64>::zeros([3, 2]), vec![0; 3]);
    /// let parts = (0..4).map(move |_| part());
    /// assert_eq!(Stream::batches(parts, 5).ahead(2).map(|batch| batch.unwrap().len()).sum::<usize>(), 12);
    /// ```
    ///
    /// # Panics
    /// If no thread can be started. What panics there panics in [`Ahead::next`](Iterator::next).
    pub fn ahead(self, batches: usize) -> Ahead<Result<Dataset<T>>>
    where
        I: Send + 'static,
    {
        Ahead::new(self, batches)
    }

    /// The next samples of the parts, in their order: at most `most`, of one part.
    fn cut(&mut self, most: usize) -> Result<Option<Dataset<T>>> {
        loop {
            if let Some((part, next)) = self.part.as_mut().filter(|(part, next)| *next < part.len()) {
                let from = *next;
                *next = part.len().min(from.saturating_add(most));
                return Ok(Some(part.take(&(from..*next).collect::<Vec<_>>())));
            }
            match self.parts.next() {
                Some(part) => self.part = Some((part?, 0)),
                None => return Ok(None),
            }
        }
    }

    /// The next samples of a batch, of which `most` are missing.
    fn draw(&mut self, most: usize) -> Result<Option<Dataset<T>>> {
        let Some((room, _)) = self.shuffle else { return self.cut(most) };
        while self.buffer.len() < room {
            let Some(sample) = self.cut(1)? else { break };
            self.buffer.push(sample);
        }
        let (Some((_, rng)), false) = (&mut self.shuffle, self.buffer.is_empty()) else { return Ok(None) };
        let chosen = rng.random_range(0..self.buffer.len());
        Ok(Some(self.buffer.swap_remove(chosen)))
    }

    fn batch(&mut self) -> Result<Option<Dataset<T>>> {
        let (mut pieces, mut missing) = (Vec::new(), self.size);
        while missing > 0 {
            let Some(piece) = self.draw(missing)? else { break };
            missing -= piece.len();
            pieces.push(piece);
        }
        match pieces.len() {
            0 => Ok(None),
            1 => Ok(pieces.pop()),
            _ => Dataset::concat(&pieces).map(Some),
        }
    }
}

impl<T: Float, I: Iterator<Item = Result<Dataset<T>>>> Iterator for Stream<I, T> {
    type Item = Result<Dataset<T>>;

    fn next(&mut self) -> Option<Result<Dataset<T>>> {
        if self.over {
            return None;
        }
        let batch = self.batch().transpose();
        self.over = !matches!(batch, Some(Ok(_)));
        batch
    }
}

impl<T: Float, I: Iterator<Item = Result<Dataset<T>>>> FusedIterator for Stream<I, T> {}

/// The items of an iterator that runs on another thread, a few ahead; see [`Stream::ahead`].
///
/// ```
/// let squares = mlp::Ahead::new((0..5).map(|i| i * i), 2);
/// assert_eq!(squares.collect::<Vec<i32>>(), [0, 1, 4, 9, 16]);
/// ```
#[derive(Debug)]
pub struct Ahead<B: Send + 'static> {
    // In an option, so that it can be closed before the thread is awaited.
    items: Option<Receiver<B>>,
    thread: Option<JoinHandle<()>>,
}

impl<B: Send + 'static> Ahead<B> {
    /// Runs `items` on a thread of its own, which waits while `ahead` items have not been taken.
    ///
    /// When the items are dropped, the thread ends behind the item that it works on.
    ///
    /// ```
    /// let mut items = mlp::Ahead::new(0.., 2); // without an end, which does not matter
    /// assert_eq!((items.next(), items.next()), (Some(0), Some(1)));
    /// ```
    ///
    /// # Panics
    /// If no thread can be started.
    pub fn new(items: impl Iterator<Item = B> + Send + 'static, ahead: usize) -> Self {
        let (give, take) = sync_channel(ahead.min(MOST_AHEAD));
        let thread = thread::spawn(move || {
            for item in items {
                if give.send(item).is_err() {
                    return; // nobody takes any more
                }
            }
        });
        Ahead { items: Some(take), thread: Some(thread) }
    }
}

impl<B: Send + 'static> Iterator for Ahead<B> {
    type Item = B;

    fn next(&mut self) -> Option<B> {
        let item = self.items.as_ref().and_then(|items| items.recv().ok());
        if item.is_none()
            && let Some(Err(panic)) = self.thread.take().map(JoinHandle::join)
        {
            resume_unwind(panic);
        }
        item
    }
}

impl<B: Send + 'static> Drop for Ahead<B> {
    fn drop(&mut self) {
        self.items = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // a panic there is no reason for one here
        }
    }
}
