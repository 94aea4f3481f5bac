//! [`Chain`]: the sum of the gradients of all parts of a batch, over the ranks.

use std::any::Any;
use std::collections::{HashMap, VecDeque};

use autograd::{Float, Gradient, Gradients, Param, Parameters, Shape, Tensor};
use indexmap::IndexSet;
use serde::{Deserialize, Serialize};

use super::communicator::{Data, Message, Values};
use super::exchange::{Ranks, out_of_step};
use crate::error::Result;
use crate::train::gradient_sum::{Sum, add};

/// The number of values that pass from rank to rank at a time, of a gradient of `values` values; for those who foretell costs.
///
/// While a rank adds to a piece, the next adds to the one before. K = N/p pieces of p values take R + K − 2 hops of h + p·c up R ranks, a product that
/// is least at p = √(N·h / ((R − 2)·c)). A message takes some 10,000 times as long (h) as to pass on and add a value (c), in shared memory as
/// in fast networks. Two ranks would take the whole at once; R − 1 instead of R − 2 leaves them pieces that fit in fast memory.
///
/// ```
/// assert!(mlp::train::piece(1_000_000, 64) < mlp::train::piece(1_000_000, 4));
/// ```
pub fn piece(values: usize, ranks: usize) -> usize {
    let best = (1e4 * values as f64 / ranks.saturating_sub(1).max(1) as f64).sqrt();
    best.clamp(4096.0, 262_144.0) as usize
}

/// The sums of the gradients of one batch, as they pass up the ranks and back.
pub(in crate::train) struct Chain<'r, T: Float> {
    ranks: &'r Ranks<'r>,
    params: Vec<Param<T>>,
    places: HashMap<Param<T>, usize>,
    /// Messages of the rank before this one that came before those that were waited for.
    early: HashMap<usize, VecDeque<Data>>,
    /// Which parameters passed this rank.
    passed: Vec<bool>,
    sums: Vec<Arriving<T>>,
    /// The number of values of a piece.
    piece: usize,
}

/// A sum over all ranks, as far as it is here.
enum Arriving<T: Float> {
    Waiting,
    /// No part depends on the parameter.
    None,
    Rows(Vec<usize>, Option<Vec<T>>),
    /// The first values.
    Part(Vec<T>),
    Values(Tensor<T>),
}

impl<'r, T: Float> Chain<'r, T> {
    #[expect(clippy::mutable_key_type, reason = "a parameter's hash is that of its identity")]
    pub(in crate::train) fn new(ranks: &'r Ranks<'r>, parameters: &Parameters<T>) -> Self {
        let params = trained(parameters);
        let places: HashMap<_, _> = params.iter().cloned().enumerate().map(|(place, param)| (param, place)).collect();
        let (passed, sums) = (vec![false; params.len()], params.iter().map(|_| Arriving::Waiting).collect());
        let piece = piece(params.iter().map(Param::numel).sum(), ranks.number());
        Chain { ranks, params, places, early: HashMap::new(), passed, sums, piece }
    }

    /// Adds the gradients of this rank's parts with respect to a parameter, in their order, and passes the sum on.
    pub(in crate::train) fn pass(&mut self, param: &Param<T>, own: &[&Gradients<'_, T>]) -> Result<()> {
        match self.places.get(param) {
            Some(&k) if !self.passed[k] => self.pass_nth(k, own),
            _ => Ok(()),
        }
    }

    fn pass_nth(&mut self, k: usize, own: &[&Gradients<'_, T>]) -> Result<()> {
        self.passed[k] = true;
        let param = self.params[k].clone();
        let before = if self.ranks.rank() == 0 { None } else { Some(self.before(k)?) };
        let mut sum = match before {
            None => None,
            Some(Data::Bytes(bytes)) if bytes.is_empty() => None,
            Some(Data::Bytes(bytes)) => {
                let values = numbers(self.before(k)?).ok_or_else(|| out_of_step(self.ranks.rank() - 1))?;
                Some(Sum::Rows(rows(&bytes).into_iter().collect::<IndexSet<_>>(), values.into_vec()))
            }
            Some(first) => return self.add_pieces(k, first, own),
        };
        for gradients in own {
            match (gradients.rows_of(&param), gradients.of(&param)) {
                (Some((rows, values)), _) => sum.get_or_insert_with(Sum::no_rows).add_rows(rows, values),
                (None, Some(whole)) => {
                    sum = Some(match sum.take() {
                        None => Sum::Whole(whole.clone()),
                        Some(sum) => sum.plus(whole),
                    });
                }
                (None, None) => {}
            }
        }
        match sum {
            None => self.deliver(k, Data::Bytes(Vec::new())),
            Some(_) if param.numel() == 0 => self.deliver(k, Data::Bytes(Vec::new())),
            Some(Sum::Rows(rows, values)) => {
                // Their number first: a part may read no row, which is not the same as no gradient.
                let numbers = std::iter::once(rows.len()).chain(rows);
                self.deliver(k, Data::Bytes(numbers.flat_map(|n| (n as u64).to_le_bytes()).collect()))?;
                self.deliver(k, data(Values::from(values)))
            }
            Some(Sum::Whole(whole)) => self.pieces(&whole).try_for_each(|piece| self.deliver(k, piece)),
        }
    }

    /// Adds to a whole array that comes in pieces, and passes each on.
    fn add_pieces(&mut self, k: usize, first: Data, own: &[&Gradients<'_, T>]) -> Result<()> {
        let param = &self.params[k].clone();
        let own: Vec<&[T]> = own.iter().filter_map(|gradients| Some(gradients.of(param)?.as_slice())).collect();
        let (n, mut from, mut next) = (param.numel(), 0, first);
        loop {
            let mut piece = numbers(next).ok_or_else(|| out_of_step(self.ranks.rank() - 1))?;
            let to = from + piece.as_slice().len();
            if to == from || to > n {
                return Err(out_of_step(self.ranks.rank() - 1));
            }
            own.iter().for_each(|own| add(piece.as_mut_slice(), &own[from..to]));
            match self.ranks.is_last() {
                false => self.deliver(k, data(piece))?,
                true => self.complete(k, piece)?,
            }
            if to == n {
                return Ok(());
            }
            (from, next) = (to, self.before(k)?);
        }
    }

    /// An array as it passes from rank to rank.
    fn pieces(&self, whole: &Tensor<T>) -> impl Iterator<Item = Data> + use<T> {
        let (whole, piece, n) = (whole.clone(), self.piece, whole.numel());
        (0..n).step_by(piece).map(move |from| data(Values::of(&whole, from..n.min(from + piece))))
    }

    /// Keeps a piece of what is the sum of all parts, on the last rank, and passes back the whole once it is there.
    fn complete(&mut self, k: usize, piece: Values<T>) -> Result<()> {
        let (n, rank) = (self.params[k].numel(), self.ranks.rank());
        let mut values = match std::mem::replace(&mut self.sums[k], Arriving::Waiting) {
            Arriving::Part(values) => values,
            _ => Vec::with_capacity(n),
        };
        values.extend_from_slice(piece.as_slice());
        if values.len() < n {
            self.sums[k] = Arriving::Part(values);
            return Ok(());
        }
        let whole = Tensor::new(self.params[k].shape(), values);
        self.pieces(&whole).try_for_each(|piece| self.ranks.send(rank - 1, k as u64, piece))?;
        self.sums[k] = Arriving::Values(whole);
        Ok(())
    }

    /// Passes on what is the sum of all parts up to this rank's: up, or from the last rank back.
    fn deliver(&mut self, k: usize, data: Data) -> Result<()> {
        match self.ranks.is_last() {
            false => self.ranks.send(self.ranks.rank() + 1, k as u64, data),
            true => self.keep(k, data),
        }
    }

    /// Keeps what is the sum of all parts, and passes it on to the rank before.
    fn keep(&mut self, k: usize, data: Data) -> Result<()> {
        let (rank, n) = (self.ranks.rank(), self.params[k].numel());
        let received = |data: &Data| numbers::<T>(data.clone()).ok_or_else(|| out_of_step(rank + 1));
        let sum = std::mem::replace(&mut self.sums[k], Arriving::Waiting);
        self.sums[k] = match (sum, &data) {
            (Arriving::Waiting, Data::Bytes(bytes)) if bytes.is_empty() => Arriving::None,
            (Arriving::Waiting, Data::Bytes(bytes)) => Arriving::Rows(rows(bytes), None),
            (Arriving::Rows(rows, None), data) => Arriving::Rows(rows, Some(received(data)?.into_vec())),
            (sum @ (Arriving::Waiting | Arriving::Part(_)), data) => {
                let mut values = if let Arriving::Part(values) = sum { values } else { Vec::with_capacity(n) };
                values.extend_from_slice(received(data)?.as_slice());
                match values.len() < n {
                    true => Arriving::Part(values),
                    false => Arriving::Values(Tensor::try_new(self.params[k].shape(), values)?),
                }
            }
            _ => return Err(out_of_step((rank + 1).min(self.ranks.number() - 1))),
        };
        if rank > 0 { self.ranks.send(rank - 1, k as u64, data) } else { Ok(()) }
    }

    /// The sums with respect to all parameters that the loss depends on, once each part has passed.
    pub(in crate::train) fn finish(mut self, own: &[&Gradients<'_, T>]) -> Result<Vec<(Param<T>, Gradient<T>)>> {
        for k in (0..self.params.len()).filter(|&k| !self.passed[k]).collect::<Vec<_>>() {
            self.pass_nth(k, own)?;
        }
        let rank = self.ranks.rank();
        if rank + 1 < self.ranks.number() {
            let mut waiting = self.params.len();
            while waiting > 0 {
                let Message { label, data } = self.ranks.receive(rank + 1)?;
                let k = usize::try_from(label).ok().filter(|&k| k < self.sums.len() && !self.is_whole(k));
                let k = k.ok_or_else(|| out_of_step(rank + 1))?;
                self.keep(k, data)?;
                waiting -= usize::from(self.is_whole(k));
            }
        }
        let sums = self.params.into_iter().zip(self.sums).filter_map(|(param, sum)| {
            let gradient = match sum {
                Arriving::Values(values) => Gradient::Whole(values),
                Arriving::Rows(rows, Some(values)) => Gradient::Rows(rows, values),
                Arriving::Waiting | Arriving::None | Arriving::Part(_) | Arriving::Rows(_, None) => return None,
            };
            Some((param, gradient))
        });
        Ok(sums.collect())
    }

    fn is_whole(&self, k: usize) -> bool {
        match &self.sums[k] {
            Arriving::Waiting | Arriving::Part(_) | Arriving::Rows(_, None) => false,
            Arriving::None | Arriving::Values(_) | Arriving::Rows(..) => true,
        }
    }

    /// The next message of the rank before this one about a parameter; ranks may finish parameters in another order.
    fn before(&mut self, k: usize) -> Result<Data> {
        if let Some(data) = self.early.get_mut(&k).and_then(VecDeque::pop_front) {
            return Ok(data);
        }
        let from = self.ranks.rank() - 1;
        loop {
            let Message { label, data } = self.ranks.receive(from)?;
            match usize::try_from(label) {
                Ok(label) if label == k => return Ok(data),
                Ok(label) if label < self.params.len() => self.early.entry(label).or_default().push_back(data),
                _ => return Err(out_of_step(from)),
            }
        }
    }
}

/// The gradients of this rank's parts, added up over all ranks by [`Communicator::all_reduce`](super::Communicator::all_reduce).
pub(in crate::train) fn reduced<T: Float>(
    ranks: &Ranks<'_>,
    parameters: &Parameters<T>,
    own: &[&Gradients<'_, T>],
) -> Result<Vec<(Param<T>, Gradient<T>)>> {
    let params = trained(parameters);
    let known: Vec<Reached> = params.iter().map(|param| Reached::by(param, own)).collect();
    let mut known = ranks.gather(serde_json::to_vec(&known).expect("numbers"))?.into_iter().map(|rank| {
        serde_json::from_slice(&rank).ok().filter(|known: &Vec<_>| known.len() == params.len()).unwrap_or_default()
    });
    let first: Vec<Reached> = known.next().unwrap_or_default();
    let all = known.fold(first, |all, rank| all.into_iter().zip(rank).map(|(a, b)| a.and(b)).collect());
    let communicator = ranks.communicator().expect("more ranks than one");
    let reduce = |sum: Vec<T>| {
        let mut sum = data(Values::from(sum));
        communicator.all_reduce(&mut sum)?;
        numbers(sum).ok_or_else(|| out_of_step(ranks.rank())).map(Values::into_vec)
    };
    let mut sums = Vec::new();
    for (param, reached) in params.into_iter().zip(all) {
        let shape: Shape = param.shape();
        match reached {
            Reached::Not => {}
            Reached::Whole => {
                let mut sum = vec![T::zero(); shape.numel()];
                own.iter().filter_map(|gradients| gradients.of(&param)).for_each(|own| add(&mut sum, own.as_slice()));
                sums.push((param, Gradient::Whole(Tensor::new(shape, reduce(sum)?))));
            }
            Reached::Rows(rows) => {
                let zeros = vec![T::zero(); rows.len() * shape.iter().skip(1).product::<usize>()];
                let mut sum = Sum::Rows(rows, zeros);
                let own = own.iter().filter_map(|gradients| gradients.rows_of(&param));
                own.for_each(|(rows, values)| sum.add_rows(rows, values));
                if let Sum::Rows(rows, values) = sum {
                    sums.push((param, Gradient::Rows(rows.into_iter().collect(), reduce(values)?)));
                }
            }
        }
    }
    Ok(sums)
}

/// What some parts have of the gradient with respect to a parameter.
#[derive(Serialize, Deserialize)]
enum Reached {
    Not,
    Whole,
    /// The rows that were read: the others keep their values, and the optimiser's state of them.
    Rows(IndexSet<usize>),
}

impl Reached {
    fn by<T: Float>(param: &Param<T>, own: &[&Gradients<'_, T>]) -> Self {
        let part = |gradients: &&Gradients<'_, T>| match (gradients.rows_of(param), gradients.of(param)) {
            (Some((rows, _)), _) => Reached::Rows(rows.iter().copied().collect()),
            (None, Some(_)) => Reached::Whole,
            (None, None) => Reached::Not,
        };
        own.iter().map(part).fold(Reached::Not, Reached::and)
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Reached::Not, one) | (one, Reached::Not) => one,
            (Reached::Rows(rows), Reached::Rows(more)) => Reached::Rows(rows.into_iter().chain(more).collect()),
            _ => Reached::Whole,
        }
    }
}

/// The parameters whose gradients pass from rank to rank, in the same order on all.
fn trained<T: Float>(parameters: &Parameters<T>) -> Vec<Param<T>> {
    parameters.distinct().map(|(_, param)| param.clone()).filter(|param| !param.is_frozen()).collect()
}

/// Values as they are sent: `f32` and `f64` as they are.
fn data<T: Float>(values: Values<T>) -> Data {
    let values: Box<dyn Any> = Box::new(values);
    match values.downcast::<Values<f32>>().map_err(|other| other.downcast::<Values<f64>>()) {
        Ok(values) => Data::F32(*values),
        Err(Ok(values)) => Data::F64(*values),
        Err(Err(values)) => {
            let values = values.downcast::<Values<T>>().expect("it came as such");
            Data::F64(Values::from(values.as_slice().iter().map(|x| x.to_f64()).collect::<Vec<_>>()))
        }
    }
}

/// The inverse of [`data`]; `None` if there are other numbers.
fn numbers<T: Float>(data: Data) -> Option<Values<T>> {
    let values: Box<dyn Any> = match data {
        Data::F32(values) => Box::new(values),
        Data::F64(values) => Box::new(values),
        Data::Bytes(_) => return None,
    };
    match values.downcast::<Values<T>>() {
        Ok(values) => Some(*values),
        Err(values) => {
            let own = T::NAME == "f32" || T::NAME == "f64"; // these come as they are
            let values = values.downcast::<Values<f64>>().ok().filter(|_| !own)?;
            Some(Values::from(values.as_slice().iter().map(|x| T::from_f64(*x)).collect::<Vec<_>>()))
        }
    }
}

/// The rows of a message, behind their number.
fn rows(bytes: &[u8]) -> Vec<usize> {
    let (numbers, _) = bytes.as_chunks();
    numbers.iter().skip(1).map(|row| u64::from_le_bytes(*row) as usize).collect()
}
