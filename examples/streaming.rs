//! A file larger than memory: a network learns from a table that is never read as a whole.
//!
//! The example writes a table of 200,000 rows and counts the bytes that the program holds, against a limit that is a small part
//! of the file. Scales are learnt from a sample of the rows. The trainer opens a stream of batches for each epoch: a few rows at
//! a time become numbers and are drawn at random from a buffer, on a thread of its own, while the network takes its steps. The
//! same seed gives the same bits.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::RefCell;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use mlp::train::{Callback, Learner, Step};
use mlp::{Activation, Adam, Csv, Error, Mlp, Module, Mse, Numeric, Result, Schema, Stopped, Stream, Trainer};
use rand::{RngExt, SeedableRng, rngs::StdRng};

const ROWS: usize = 200_000;
const COLUMNS: [&str; 4] = ["a", "b", "c", "d"];

/// The most bytes that the program may hold at a time.
const LIMIT: usize = 4 << 20;

fn main() -> Result<()> {
    let folder = tempfile::tempdir().map_err(|source| Error::Io { path: "a temporary folder".into(), source })?;
    let path = folder.path().join("measured.csv");
    let size = write(&path).map_err(|source| Error::Io { path: path.clone(), source })?;
    println!("{ROWS} rows, {:.1} MB, and {:.1} MB of memory to learn from them", mb(size), mb(LIMIT));
    assert!(size > 3 * LIMIT);

    let csv = Csv::new();
    let schema = Schema::builder()
        .input("inputs", COLUMNS.map(|column| Numeric::new(column).standard()))
        .values("y", [Numeric::new("y").standard()])
        .fit(&csv.sample(&path, 2000, 1)?)?;
    let train = || -> Result<Vec<f64>> {
        let layers = Mlp::new(COLUMNS.len()).hidden(32, Activation::Silu).output(1, Activation::Identity);
        let model: Mlp = layers.build(&mut StdRng::seed_from_u64(2))?;
        let mut adam = Adam::new(&model.parameters(), 3e-3);
        let open = |epoch| {
            let data = schema.datasets(csv.chunks(&path, 1000)?);
            Ok(Stream::batches(data, 64).shuffle(5000, epoch as u64).ahead(4))
        };
        let rows = RefCell::new(0);
        let trainer = Trainer::new().epochs(2).callback(Rows(&rows));
        let history = trainer.fit_stream(&model, &Mse, &mut adam, open, None)?;
        assert_eq!(*rows.borrow(), 2 * ROWS, "each row is seen once in each epoch");
        Ok(history.epochs.iter().map(|epoch| epoch.loss).collect())
    };
    let losses = train()?;
    for (epoch, loss) in losses.iter().enumerate() {
        println!("epoch {}: mean squared error {loss:.4} of a variance of 1", epoch + 1);
    }
    println!("at most {:.1} MB were held at a time", mb(MOST.load(Relaxed)));
    assert!(MOST.load(Relaxed) < LIMIT, "{} bytes", MOST.load(Relaxed));
    assert!(losses[1] < 0.05, "{losses:?}");
    assert_eq!(train()?, losses, "the same seed, the same bits");
    Ok(())
}

/// Writes rows of `y = sin 2a + bc + ½d² + noise`; returns the size of the file.
fn write(path: &Path) -> std::io::Result<usize> {
    let mut file = BufWriter::new(File::create(path)?);
    let mut rng = StdRng::seed_from_u64(0);
    writeln!(file, "{},y", COLUMNS.join(","))?;
    for _ in 0..ROWS {
        let [a, b, c, d, noise] = [(); 5].map(|()| rng.random_range(-1.5..1.5));
        let y = f64::sin(2.0 * a) + b * c + 0.5 * d * d + 0.1 * noise;
        writeln!(file, "{a},{b},{c},{d},{y}")?;
    }
    file.flush()?;
    Ok(std::fs::metadata(path)?.len() as usize)
}

/// Counts the rows of all steps.
struct Rows<'a>(&'a RefCell<usize>);

impl Callback for Rows<'_> {
    fn step_ended(&mut self, step: &Step, _: &mut Learner<'_>) -> Result<ControlFlow<Stopped>> {
        *self.0.borrow_mut() += step.samples;
        Ok(ControlFlow::Continue(()))
    }
}

fn mb(bytes: usize) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// The bytes that are held, and the most that ever were.
static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: every call goes to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        MOST.fetch_max(HELD.fetch_add(layout.size(), Relaxed) + layout.size(), Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;
