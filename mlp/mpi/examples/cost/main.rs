//! What a training on several ranks costs: measured on those of this job, beside a model, and what the model says of up to 1,000.
//!
//! ```text
//! cargo build --release -p mlp-mpi --examples --features pictures
//! mpirun -n 2 target/release/examples/cost
//! ```
//!
//! Two networks of the benches, C (784-256-256-10, batches of 128) and D (3600-1024-1024-10, batches of 256), and C in batches of 2,048, in `f32`, one thread a rank. While rank 0
//! measures alone, the others wait. `seconds=2` measures longer than the usual 0.5.

mod model;

use std::ops::ControlFlow;
use std::process::ExitCode;
use std::time::Instant;

use autograd::Tensor;
use mlp::train::{Callback, Communicator, Data, Learner, Message, Step};
use mlp::{Activation, CrossEntropy, Dataset, Mlp, Module, Result, Sgd, Stopped, Trainer};
use mlp_mpi::World;
use model::{Link, Work};
use rand::{SeedableRng, rngs::StdRng};

fn main() -> ExitCode {
    mlp_mpi::run(|world| {
        autograd::set_threads(1);
        let setting = |name: &str| std::env::args().find_map(|text| text.strip_prefix(name).map(str::to_string));
        let seconds = setting("seconds=").and_then(|text| text.parse().ok()).unwrap_or(0.5);
        measure(world, seconds)
    })
}

/// A network of the benches.
struct Row {
    name: &'static str,
    batch: usize,
    widths: [usize; 4],
}

const ROWS: [Row; 3] = [
    Row { name: "C", batch: 128, widths: [784, 256, 256, 10] },
    Row { name: "D", batch: 256, widths: [3600, 1024, 1024, 10] },
    Row { name: "C, larger batches", batch: 2048, widths: [784, 256, 256, 10] },
];

fn measure(world: &World, seconds: f64) -> Result<()> {
    let ranks = world.ranks();
    let (link, add) = (link(world, seconds)?, add(seconds));
    if world.is_first() {
        println!("{ranks} ranks on {}", world.machine());
        if ranks > 1 {
            let (latency, rate) = (1e6 * link.latency, 1e-9 / link.byte);
            println!(
                "between ranks 0 and 1: {latency:.2} µs a message, {rate:.2} GB/s; a sum {:.2} ns a value",
                1e9 * add
            );
        }
    }
    let mut works = Vec::new();
    for row in &ROWS {
        let whole = alone(world, row, row.batch, 1, seconds)?;
        let part = alone(world, row, row.batch / ranks, 1, seconds)?;
        let single = with(world, row, 1, seconds, false)?;
        let together = with(world, row, ranks, seconds, false)?;
        let reduced = with(world, row, ranks, seconds, true)?;
        let values: usize = row.widths.windows(2).map(|pair| (pair[0] + 1) * pair[1]).sum();
        let work = Work { samples: row.batch / ranks, values: values as f64, size: 4.0, alone: part, add };
        if world.is_first() {
            let ms = |seconds: f64| 1e3 * seconds;
            println!("{}: a step of {} samples on one rank takes {:.2} ms", row.name, row.batch, ms(whole));
            if ranks == 1 {
                println!("   with a communicator of one rank {:.2} ms, {:.3} of that", ms(single), single / whole);
                continue;
            }
            let (expected, ring) = (work.in_order(ranks as f64, link), work.all_reduced(ranks as f64, link));
            println!(
                "   on {ranks}, in {ranks} parts: {:.2} ms, {:.2} times as fast (model {:.2} ms)",
                ms(together),
                whole / together,
                ms(expected)
            );
            println!(
                "   by MPI_Allreduce:  {:.2} ms, {:.2} times as fast (model {:.2} ms)",
                ms(reduced),
                whole / reduced,
                ms(ring)
            );
        }
        works.push((row, work));
    }
    if world.is_first() && ranks > 1 { extrapolate(&works, link) } else { Ok(()) }
}

/// Seconds a message and a byte between the first two ranks, from messages of one value and of a piece there and back.
fn link(world: &World, seconds: f64) -> Result<Link> {
    let mut found = [0.0; 2];
    let sizes = [1, 16_384_usize];
    for (found, size) in found.iter_mut().zip(sizes) {
        let rounds = if size == 1 { 20_000.0 * seconds } else { 2_000.0 * seconds } as usize;
        let began = Instant::now();
        for _ in 0..rounds.max(100) {
            match world.rank() {
                0 if world.ranks() > 1 => {
                    world.send(1, Message { label: 0, data: Data::F32(vec![1.0; size].into()) })?;
                    world.receive(1)?;
                }
                1 => {
                    let message = world.receive(0)?;
                    world.send(0, message)?;
                }
                _ => {}
            }
        }
        *found = began.elapsed().as_secs_f64() / rounds.max(100) as f64 / 2.0; // there alone
    }
    let byte = ((found[1] - found[0]) / (4.0 * (sizes[1] - sizes[0]) as f64)).max(0.0);
    Ok(Link { latency: found[0] / 2.0, byte }) // a message is a head and a content
}

/// Seconds to add one value to another.
fn add(seconds: f64) -> f64 {
    let (mut sum, values) = (vec![0.0_f32; 16_384], vec![1.0_f32; 16_384]);
    let (began, rounds) = (Instant::now(), (10_000.0 * seconds) as usize);
    for _ in 0..rounds.max(1) {
        std::hint::black_box(&mut sum).iter_mut().zip(std::hint::black_box(&values)).for_each(|(sum, x)| *sum += x);
    }
    began.elapsed().as_secs_f64() / (rounds.max(1) * sum.len()) as f64
}

/// The times between the ends of steps.
#[derive(Default)]
struct Times(Option<Instant>, Vec<f64>);

impl Callback for Times {
    fn step_ended(&mut self, step: &Step, _: &mut Learner<'_>) -> Result<ControlFlow<Stopped>> {
        let now = Instant::now();
        // The first step of an epoch comes after checks and shuffling.
        if let Some(before) = self.0.filter(|_| step.step > 1) {
            self.1.push((now - before).as_secs_f64());
        }
        self.0 = Some(now);
        Ok(ControlFlow::Continue(()))
    }
}

/// The median time of a step of the first rank without others, which wait.
fn alone(world: &World, row: &Row, batch: usize, parts: usize, seconds: f64) -> Result<f64> {
    let mut found = 0.0;
    if world.is_first() {
        found = train(None, parts, row, batch, seconds)?;
    }
    told(world, found)
}

/// The median time of a step of all ranks together.
fn with(world: &World, row: &Row, parts: usize, seconds: f64, all_reduce: bool) -> Result<f64> {
    if parts < world.ranks() {
        return Ok(0.0);
    }
    world.set_all_reduce(all_reduce);
    let found = train(Some(world), parts, row, row.batch, seconds);
    world.set_all_reduce(false);
    told(world, found?)
}

fn train(world: Option<&World>, parts: usize, row: &Row, batch: usize, seconds: f64) -> Result<f64> {
    let [inputs, first, second, classes] = row.widths;
    let layers = Mlp::new(inputs).hidden(first, Activation::Relu).hidden(second, Activation::Relu);
    let model: Mlp<f32> = layers.output(classes, Activation::Identity).build(&mut StdRng::seed_from_u64(0))?;
    let mut sgd = Sgd::new(&model.parameters(), 0.001);
    let steps = if row.batch > 200 { 10 } else { 100 };
    let x = Tensor::from_fn([steps * batch, inputs], |i| ((i[0] * 31 + i[1] * 17) % 101) as f32 / 101.0 - 0.5);
    let data = Dataset::new(x, (0..steps * batch).map(|i| i % classes).collect::<Vec<_>>())?;
    let epochs = 1 + (2.0 * seconds).round() as usize;
    let mut times = Times::default();
    let mut trainer = Trainer::new().parts(parts).epochs(epochs).batch_size(batch).progress(false).callback(&mut times);
    if let Some(world) = world {
        trainer = trainer.communicator(world);
    }
    trainer.fit(&model, &CrossEntropy, &mut sgd, &data, None)?;
    drop(trainer);
    times.1.sort_unstable_by(f64::total_cmp);
    Ok(times.1[times.1.len() / 2])
}

/// What the first rank measured, on all of them.
fn told(world: &World, seconds: f64) -> Result<f64> {
    if world.is_first() {
        for other in 1..world.ranks() {
            world.send(other, Message { label: 0, data: Data::F64(vec![seconds].into()) })?;
        }
        return Ok(seconds);
    }
    match world.receive(0)?.data {
        Data::F64(seconds) => Ok(seconds.as_slice()[0]),
        _ => unreachable!("a time was sent"),
    }
}

/// Connections of machines, as their makers and users state them: an assumption, not a measurement.
const NETWORKS: [(&str, Link); 2] = [
    ("100 Gb/s, 2 µs", Link { latency: 2e-6, byte: 1.0 / 12e9 }),
    ("10 Gb/s, 30 µs", Link { latency: 30e-6, byte: 1.0 / 1.2e9 }),
];

/// What the model says of up to 1,024 ranks with a fixed share of the batch each.
fn extrapolate(works: &[(&Row, Work)], here: Link) -> Result<()> {
    let ranks = || (0..=10).map(|power| f64::from(1 << power));
    for (row, work) in works {
        println!("{}: milliseconds a step by the model, {} samples a rank", row.name, work.samples);
        for (name, link) in std::iter::once(("as here", here)).chain(NETWORKS) {
            let times = |of: fn(&Work, f64, Link) -> f64| {
                [2.0, 16.0, 128.0, 1024.0].map(|r| format!("{:8.2}", 1e3 * of(work, r, link))).join(" ")
            };
            println!("   {name:15} in order {}   all-reduce {}", times(Work::in_order), times(Work::all_reduced));
        }
        let all = |link: Link| ranks().map(move |r| (work.in_order(r, link), work.all_reduced(r, link)));
        for (name, link) in std::iter::once(("as here", here)).chain(NETWORKS) {
            assert!(all(link).is_sorted_by(|a, b| a.0 <= b.0), "{name}: more ranks have more to pass on");
        }
    }
    picture(&works[..2], here)
}

#[cfg(feature = "pictures")]
fn picture(works: &[(&Row, Work)], here: Link) -> Result<()> {
    type Model = fn(&Work, f64, Link) -> f64;
    let links = || std::iter::once(("as here", here)).chain(NETWORKS);
    let in_order = links().map(|(name, link)| (format!("in order, {name}"), link, Work::in_order as Model));
    let reduced = NETWORKS.map(|(name, link)| (format!("all-reduce, {name}"), link, Work::all_reduced as Model));
    let models: Vec<_> = in_order.chain(reduced).collect();
    let panel = |(row, work): &(&Row, Work)| {
        let curve = |(name, link, time): &(String, Link, Model)| {
            let ranks = (0..=10).map(|power| f64::from(1 << power));
            (name.clone(), ranks.map(|ranks| (ranks, ranks * work.alone / time(work, ranks, *link))).collect())
        };
        let title = format!("{}: {} values, {} samples a rank", row.name, work.values, work.samples);
        (title, models.iter().map(curve).collect())
    };
    let panels: Vec<_> = works.iter().map(panel).collect();
    let subtitle = "a model: what processors and memory take is measured here, what networks take assumed";
    let axes = ["ranks", "samples a second, over those of one rank"];
    let picture = examples::pictures::logs("More ranks, larger batches", subtitle, axes, &panels, f64::INFINITY, false);
    picture.save("cost.svg").map_err(|source| mlp::Error::Io { path: "cost.svg".into(), source })
}

#[cfg(not(feature = "pictures"))]
fn picture(_: &[(&Row, Work)], _: Link) -> Result<()> {
    Ok(())
}
