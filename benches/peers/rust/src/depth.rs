//! Chains and networks of any depth, whose gradients are known: `peers depth LIBRARY ROW DEPTH` measures one in a process of
//! its own, since a crash is a result too. `../depth.py` asks for them all.

use std::error::Error;
use std::fs;

use autograd::{Param, Tape, Tensor, Unary};
use cpu_time::ProcessTime;

use crate::Answer;

/// Numbers of a layer.
pub const WIDTH: usize = 64;
/// Samples of a network.
pub const BATCH: usize = 32;

/// Calls are repeated for so long, and their mean counts: under a limit of processor time its clock moves by ticks of up to 10 ms.
const SECONDS: f64 = 1.0;

/// What is recorded, and the gradient that it has.
#[derive(Clone, Copy, PartialEq)]
pub enum Row {
    /// Numbers x ← sigmoid(4x − 2) from ½, where the slope is 1. Libraries of arrays take arrays of one number.
    Scalars,
    /// The same on arrays of 4.
    Arrays,
    /// x ← (x² + 1)/2 from 1, where slope and curvature are 1, so that each link adds 1 to the second derivative.
    Second,
    /// Layers h ← tanh(hP + b) from 0, where the slope is 1; P moves each number to the next place, the loss is Σ c·h.
    Layers,
}

/// A library's program for a row: takes the depth, records, sweeps, and returns the gradient. Of `Layers` these are the
/// gradient by the input and by the first layer's b.
pub type Run = Box<dyn FnMut(usize) -> Vec<f32>>;

impl Row {
    fn new(name: &str) -> Result<Self, String> {
        Ok(match name {
            "scalars" => Row::Scalars,
            "arrays" => Row::Arrays,
            "second" => Row::Second,
            "layers" => Row::Layers,
            _ => return Err(format!("no row {name}: take scalars, arrays, second or layers")),
        })
    }

    /// Numbers in an array of the chain.
    fn len(self) -> usize {
        if self == Row::Arrays { 4 } else { 1 }
    }

    fn gradient(self, depth: usize) -> Vec<f32> {
        match self {
            Row::Scalars | Row::Arrays => vec![1.0; self.len()],
            Row::Second => vec![depth as f32],
            Row::Layers => {
                let db = (0..WIDTH).map(|i| BATCH as f32 * cotangent(i + depth - 1));
                (0..BATCH * WIDTH).map(|i| cotangent(i + depth)).chain(db).collect()
            }
        }
    }
}

/// c, a number for each place.
pub fn cotangent(place: usize) -> f32 {
    (place % WIDTH + 1) as f32 / WIDTH as f32
}

/// P, (inputs, outputs).
pub fn moved() -> Tensor<f32> {
    Tensor::from_fn([WIDTH, WIDTH], |i: &[usize]| f32::from(i[1] == (i[0] + 1) % WIDTH))
}

/// c for each sample.
pub fn cotangents() -> Tensor<f32> {
    Tensor::from_fn([BATCH, WIDTH], |i: &[usize]| cotangent(i[1]))
}

/// Measures one row of one library at one depth, and prints it as a line of JSON; nothing but `null` where the library has
/// no such row.
pub fn measure(arguments: &[String]) -> Answer {
    let [library, row, depth] = arguments else {
        return Err("`depth LIBRARY ROW DEPTH`, such as `depth candle scalars 1000`".into());
    };
    let (row, depth) = (Row::new(row)?, depth.parse::<usize>()?.max(1));
    let run = match library.as_str() {
        "ours" => Some(ours(row, depth)),
        "candle" => Some(crate::candle::depth::run(row, depth)?),
        "dfdx" => crate::dfdx::depth::run(row, depth),
        #[cfg(feature = "burn")]
        "burn" => crate::burn::depth::run(row, depth),
        _ => return Err(format!("no library {library}: take ours, candle, dfdx, or burn with its feature").into()),
    };
    let Some(mut run) = run else {
        println!("null");
        return Ok(());
    };
    // What is made once, before the memory is read.
    run(depth.min(10));
    // The highest amount of memory so far is what there is now (man 5 proc).
    fs::write("/proc/self/clear_refs", "5")?;
    let (before, begin, mut calls) = (kilobytes("VmRSS:")?, ProcessTime::now(), 0);
    let (gradient, seconds) = loop {
        let gradient = run(depth);
        calls += 1;
        let seconds = begin.elapsed().as_secs_f64();
        if seconds >= SECONDS {
            break (gradient, seconds / f64::from(calls));
        }
    };
    let bytes = 1024.0 * (kilobytes("VmHWM:")? - before);
    let closed = row.gradient(depth);
    assert_eq!(gradient.len(), closed.len(), "entries of the gradient");
    let error = gradient.iter().zip(&closed).map(|(found, closed)| (found / closed - 1.0).abs()).fold(0.0, f32::max);
    let (time, memory) = (1e9 * seconds / depth as f64, bytes / depth as f64);
    println!(
        r#"{{"time": {time:.2}, "memory": {memory:.2}, "gradient": {}, "closed": {}, "error": {error:e}}}"#,
        gradient[0], closed[0]
    );
    Ok(())
}

/// This process's memory, by its name in `/proc/self/status`.
fn kilobytes(name: &str) -> Result<f64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).ok_or("no such line in /proc/self/status")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// On a tape that is kept, as a user keeps it in a loop; numbers are `f64`, arrays `f32`.
fn ours(row: Row, depth: usize) -> Run {
    match row {
        Row::Scalars => {
            let mut tape = Tape::new();
            Box::new(move |depth| {
                tape.clear();
                let x = tape.scalar(0.5);
                let y = (0..depth).fold(x, |y, _| (4.0 * y - 2.0).sigmoid());
                vec![y.backward()[x] as f32]
            })
        }
        Row::Second => {
            let mut tape = Tape::new();
            Box::new(move |depth| {
                tape.clear();
                let x = tape.scalar(1.0);
                let y = (0..depth).fold(x, |y, _| 0.5 * (y.square() + 1.0));
                vec![y.grad(x).backward()[x] as f32]
            })
        }
        Row::Arrays => {
            let mut tape = Tape::<f32>::default();
            Box::new(move |depth| {
                tape.clear();
                let x = tape.var([0.5; 4]);
                let y = (0..depth).fold(x, |y, _| (4.0 * y - 2.0).sigmoid());
                y.sum().backward()[x].to_vec()
            })
        }
        Row::Layers => {
            let layer = |_| (Param::new(moved()), Param::new(Tensor::zeros([WIDTH])));
            let layers: Vec<(Param<f32>, Param<f32>)> = (0..depth).map(layer).collect();
            let mut tape = Tape::default();
            Box::new(move |depth| {
                tape.clear();
                let x = tape.var(Tensor::zeros([BATCH, WIDTH]));
                let h = layers[..depth].iter().fold(x, |h, (w, b)| h.dense(w, b, Unary::Tanh));
                let grads = (h * &cotangents()).sum().backward();
                [&grads[x], &grads[&layers[0].1]].into_iter().flat_map(Tensor::to_vec).collect()
            })
        }
    }
}
