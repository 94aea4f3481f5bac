//! Several networks that are stopped by different parts of the rows, and give the mean of their answers.
//!
//! A. Krogh and J. Vedelsby, "Neural network ensembles, cross validation, and active learning", 1995.

use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, available_parallelism};

use autograd::{Param, Tensor};
use indicatif::{ProgressBar, ProgressStyle};
use mlp::train::{BestWeights, EarlyStopping, Interrupt, Learner, OnPlateau};
use mlp::{
    Activation, Adam, Callback, CrossEntropy, Dataset, Epoch, History, Join, Lion, Loss, Mlp, Module, Mse, NAdam,
    Network, Optimizer, Plateau, RAdam, Schedule, Sgd, Split, Splitter, Stopped, Targets, Trainer,
};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::args::{Course, Optimiser, Train};
use crate::output::{Outcome, failed};

/// What was trained.
pub(crate) struct Committee {
    nets: Vec<Mlp>,
    /// Each row that was held out, with what its network answers.
    held_out: Vec<(usize, Vec<f64>)>,
    /// The epoch whose weights each network has.
    pub(crate) epochs: Vec<usize>,
    pub(crate) interrupted: bool,
}

/// One network, its best epoch, and its answers to the rows that it has not seen.
struct Trained {
    net: Mlp,
    epoch: usize,
    answers: Vec<(usize, Vec<f64>)>,
}

impl Committee {
    /// Trains the networks on as many threads as there are; which one trains a network changes no bit.
    ///
    /// `classes` are the names of classes, for messages.
    pub(crate) fn train(data: &Dataset, outputs: usize, classes: &[String], settings: &Train) -> Outcome<Self> {
        let splitter = match data.targets() {
            Targets::Classes(found) => {
                let names: Vec<&String> = found.iter().map(|&class| &classes[class]).collect();
                Splitter::stratified(&names, settings.seed)
            }
            _ => Splitter::random(data.len(), settings.seed),
        };
        let splits = match settings.nets {
            1 => vec![splitter.split(settings.validation)?],
            nets => splitter
                .folds(nets)
                .or_else(|error| failed(format!("{error}, add rows, or leave out those of a rare class")))?,
        };
        // Shells let programs in the background ignore Ctrl-C; there is nothing to handle then.
        let interrupt = Interrupt::on_ctrl_c().unwrap_or_default();
        let rng = &mut StdRng::seed_from_u64(settings.seed);
        let jobs: Vec<(Split, u64)> = splits.into_iter().map(|split| (split, rng.next_u64())).collect();
        let (bar, next) = (progress(settings, jobs.len()), AtomicUsize::new(0));
        let work = || {
            let mut done = Vec::new();
            while let Some(i) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|i| *i < jobs.len()) {
                let (split, seed) = &jobs[i];
                let told = Told { bar: bar.clone(), net: i + 1, left: settings.epochs };
                done.push((i, train(data, split, outputs, settings, *seed, interrupt.clone(), told)));
            }
            done
        };
        let threads = available_parallelism().map_or(1, usize::from).min(jobs.len());
        let mut done = thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            let done = workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)));
            done.flatten().collect::<Vec<_>>()
        });
        bar.finish_and_clear();
        done.sort_by_key(|(i, _)| *i);
        let interrupted = interrupt.is_set();
        let mut committee = Committee { nets: vec![], held_out: vec![], epochs: vec![], interrupted };
        for (_, trained) in done {
            if let Some(Trained { net, epoch, answers }) = trained? {
                committee.nets.push(net);
                committee.epochs.push(epoch);
                committee.held_out.extend(answers);
            }
        }
        if committee.nets.is_empty() {
            return failed("interrupted before the end of the first epoch; nothing was written");
        }
        committee.held_out.sort_by_key(|(row, _)| *row);
        Ok(committee)
    }

    /// The rows that were held out, and the answers to them, (rows, outputs).
    pub(crate) fn answers(&self) -> (Vec<usize>, Tensor) {
        let rows: Vec<usize> = self.held_out.iter().map(|(row, _)| *row).collect();
        let values: Vec<f64> = self.held_out.iter().flat_map(|(_, answer)| answer.clone()).collect();
        (rows, Tensor::new([self.held_out.len(), values.len() / self.held_out.len()], values))
    }

    /// One model that gives the mean of the answers: for classes, of the logits.
    pub(crate) fn join(self) -> mlp::Result<Box<dyn Module>> {
        let share = 1.0 / self.nets.len() as f64;
        let nets = match <[Mlp; 1]>::try_from(self.nets) {
            Ok([net]) => return Ok(Box::new(net)),
            Err(nets) => nets,
        };
        let names: Vec<String> = (1..=nets.len()).map(|i| format!("net{i}")).collect();
        let mut network = Network::new(["inputs"]);
        for (name, net) in names.iter().zip(nets) {
            // A network has sums, not means; the last layers take the share.
            if let Some(last) = net.layers().last() {
                let scaled = |param: &Param| param.modify(|values| values.iter_mut().for_each(|x| *x *= share));
                scaled(&last.linear.w);
                last.linear.b.iter().for_each(scaled);
            }
            network = network.part(name, "inputs", net);
        }
        Ok(Box::new(network.join("mean", Join::Add, names).outputs(["mean"])?))
    }
}

/// Trains a network until the held-out rows say that it is best; `None` if it was interrupted before it had learnt anything.
fn train(
    data: &Dataset,
    split: &Split,
    outputs: usize,
    settings: &Train,
    seed: u64,
    interrupt: Interrupt,
    told: Told,
) -> Outcome<Option<Trained>> {
    if interrupt.is_set() {
        return Ok(None);
    }
    let (train, held_out) = (data.select(&split.train)?, data.select(&split.held_out)?);
    let rng = &mut StdRng::seed_from_u64(seed);
    let net = network(&train, outputs, settings, rng)?;
    let mut best = BestWeights::new();
    let mut optimizer = optimizer(&net, settings);
    let rate = optimizer.learning_rate();
    let trainer = match settings.schedule {
        Course::Constant => Trainer::new(),
        Course::Cosine => Trainer::new().schedule(Schedule::cosine(rate, 0.0, settings.epochs).rates()),
        // Halved, since a tenth of a tenth comes too soon where the first epochs were lucky.
        Course::Plateau => {
            let plateau = Plateau::new(rate).factor(0.5).patience(settings.patience / 3);
            Trainer::new().callback(OnPlateau::new(plateau))
        }
    };
    let trainer = trainer
        .epochs(settings.epochs)
        .batch_size(settings.batch)
        .seed(rng.next_u64())
        .progress(false)
        .callback(EarlyStopping::new(settings.patience))
        .callback(&mut best)
        .callback(interrupt)
        .callback(told);
    let loss: &dyn Loss = if matches!(data.targets(), Targets::Classes(_)) { &CrossEntropy } else { &Mse };
    trainer.fit(&net, loss, &mut *optimizer, &train, Some(&held_out))?;
    drop(trainer);
    let Some((_, epoch)) = best.best() else { return Ok(None) };
    let answers = net.predict(held_out.inputs());
    let answers = answers.as_slice().chunks(outputs).map(<[f64]>::to_vec);
    let answers = split.held_out.iter().copied().zip(answers).collect();
    Ok(Some(Trained { net, epoch, answers }))
}

/// A bar over the epochs of all networks, on standard error if that is a terminal.
fn progress(settings: &Train, nets: usize) -> ProgressBar {
    if settings.quiet {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{wide_bar} {msg}  {elapsed}").expect("a valid template");
    ProgressBar::new((nets * settings.epochs) as u64).with_style(style)
}

/// Tells the bar of each epoch of a network.
struct Told {
    bar: ProgressBar,
    net: usize,
    /// The epochs that are left, of which the last are seldom reached.
    left: usize,
}

impl Callback for Told {
    fn epoch_ended(&mut self, epoch: &Epoch, _: &mut Learner<'_>) -> mlp::Result<ControlFlow<Stopped>> {
        self.left -= 1;
        self.bar.inc(1);
        let held_out = epoch.validation_loss.unwrap_or(f64::NAN);
        let text =
            format!("network {}  epoch {}  loss {:.4}  held out {held_out:.4}", self.net, epoch.epoch, epoch.loss);
        self.bar.set_message(text);
        Ok(ControlFlow::Continue(()))
    }

    fn ended(&mut self, _: &History, _: &mut Learner<'_>) -> mlp::Result<()> {
        self.bar.inc(self.left as u64);
        Ok(())
    }
}

fn network(data: &Dataset, outputs: usize, settings: &Train, rng: &mut StdRng) -> mlp::Result<Mlp> {
    let inputs = data.inputs();
    let features = inputs.shape()[1];
    let hidden = settings.layers.0.iter();
    let layers = hidden.fold(Mlp::new(features), |layers, &units| layers.hidden(units, settings.activation));
    let layers = layers.output(outputs, Activation::Identity);
    let layers = if settings.dropout > 0.0 { layers.dropout(settings.dropout) } else { layers };
    let net: Mlp = layers.build(rng)?;
    // What is 0 in all rows, such as names that never occurred, has no gradient: its drawn weights would stay as noise.
    let is_silent = |feature: &usize| inputs.as_slice().iter().skip(*feature).step_by(features).all(|&x| x == 0.0);
    let silent: Vec<usize> = (0..features).filter(is_silent).collect();
    let (w, units) = (&net.layers()[0].linear.w, net.layers()[0].linear.outputs());
    w.modify(|values| silent.iter().for_each(|&feature| values[feature * units..(feature + 1) * units].fill(0.0)));
    Ok(net)
}

fn optimizer(net: &Mlp, settings: &Train) -> Box<dyn Optimizer> {
    let (parameters, decay) = (net.parameters(), settings.weight_decay);
    let rate = |usual: f64| settings.rate.unwrap_or(usual);
    match settings.optimizer {
        Optimiser::Adam => Box::new(Adam::new(&parameters, rate(1e-3)).weight_decay(decay)),
        Optimiser::Nadam => Box::new(NAdam::new(&parameters, rate(1e-3)).weight_decay(decay)),
        Optimiser::Radam => Box::new(RAdam::new(&parameters, rate(1e-3)).weight_decay(decay)),
        Optimiser::Lion => Box::new(Lion::new(&parameters, rate(1e-4)).weight_decay(decay)),
        Optimiser::Sgd => Box::new(Sgd::new(&parameters, rate(1e-2)).momentum(0.9).weight_decay(decay)),
    }
}
