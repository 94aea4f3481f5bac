//! [`Splitter`]: which rows are for training and which are held out.
//!
//! Rows are indices, for [`Dataset::select`](crate::Dataset::select) and [`Table::select`](crate::Table::select): a
//! schema and scalers are then fitted to the training rows alone. All choices come from the seed, on any machine.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::Hash;

use rand::rngs::StdRng;
use rand::{SeedableRng, seq::SliceRandom};

use crate::error::{Error, Result, shown};

/// The rows of the two parts of some data; no row is in both.
///
/// ```
/// use mlp::{Splitter, Table};
/// let table = Table::parse("t", "x\n1\n2\n3\n4\n".as_bytes())?;
/// let split = Splitter::random(table.rows(), 7).split(0.25)?;
/// let (train, held_out) = (table.select(&split.train)?, table.select(&split.held_out)?);
/// assert_eq!((train.rows(), held_out.rows()), (3, 1));
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// The rows to learn from.
    pub train: Vec<usize>,
    /// The rows to measure on.
    pub held_out: Vec<usize>,
}

/// A way to divide rows: at random, with equal shares of classes, in whole groups, or by time.
///
/// ```
/// use mlp::Splitter;
/// let folds = Splitter::random(10, 7).folds(5)?;
/// assert!(folds.iter().all(|fold| (fold.train.len(), fold.held_out.len()) == (8, 2)));
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Splitter {
    rows: usize,
    seed: u64,
    way: Way,
}

#[derive(Debug, Clone)]
enum Way {
    Random,
    /// The rows of each class, in the order of their first rows, and the classes in words.
    Stratified(Vec<Vec<usize>>, Vec<String>),
    /// The rows of each group, in the order of their first rows.
    Grouped(Vec<Vec<usize>>),
    /// All rows in the order of time, and the places in it where time moves on.
    Timed(Vec<usize>, Vec<usize>),
}

impl Splitter {
    /// Shuffles `rows` rows.
    ///
    /// ```
    /// let split = mlp::Splitter::random(10, 7).split(0.2)?;
    /// assert_eq!((split.train.len(), split.held_out.len()), (8, 2));
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn random(rows: usize, seed: u64) -> Self {
        Splitter { rows, seed, way: Way::Random }
    }

    /// Gives each class the same share of both parts; rows are shuffled within their class.
    ///
    /// `classes` has one value for each row: labels, names, or anything else that can be compared.
    ///
    /// ```
    /// let classes = ["rare", "common", "common", "rare", "common", "common"];
    /// for fold in mlp::Splitter::stratified(&classes, 7).folds(2)? {
    ///     assert_eq!(fold.held_out.iter().filter(|&&row| classes[row] == "rare").count(), 1);
    /// }
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn stratified(classes: &[impl Eq + Hash + Debug], seed: u64) -> Self {
        let rows = alike(classes);
        let names = rows.iter().map(|rows| format!("{:?}", classes[rows[0]])).collect();
        Splitter { rows: classes.len(), seed, way: Way::Stratified(rows, names) }
    }

    /// Keeps rows of one group together, so that nothing is measured on a patient or a device that was learnt from.
    ///
    /// `groups` has one value for each row. Parts have as many rows as whole groups allow.
    ///
    /// ```
    /// let split = mlp::Splitter::grouped(&["ann", "bob", "ann", "cyd", "cyd", "bob"], 7).split(0.3)?;
    /// assert_eq!(split.held_out.len(), 2);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn grouped(groups: &[impl Eq + Hash], seed: u64) -> Self {
        Splitter { rows: groups.len(), seed, way: Way::Grouped(alike(groups)) }
    }

    /// Learns from what came before, and holds out what came after; rows of the same time stay together.
    ///
    /// `times` has one value for each row, in any order: numbers, or dates as `2026-11-30`, which sort as text. Fold i
    /// of k learns from the first i of k + 1 equal spans and holds out the next.
    ///
    /// ```
    /// let splitter = mlp::Splitter::timed(&["2026-03-01", "2026-01-01", "2026-02-01"])?;
    /// let split = splitter.split(0.3)?;
    /// assert_eq!((split.train, split.held_out), (vec![1, 2], vec![0]));
    /// assert_eq!(splitter.folds(2)?[0].held_out, [2]);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] if a time is NaN.
    pub fn timed(times: &[impl PartialOrd]) -> Result<Self> {
        if let Some(row) = times.iter().position(|time| time.partial_cmp(time).is_none()) {
            let why = format!("the time of row {row} is neither before nor after others; give each row a time");
            return Err(Error::invalid("timed", why));
        }
        let mut order: Vec<usize> = (0..times.len()).collect();
        order.sort_by(|&a, &b| times[a].partial_cmp(&times[b]).unwrap_or(Ordering::Equal));
        let moves = (1..order.len()).filter(|&i| times[order[i - 1]] != times[order[i]]).collect();
        Ok(Splitter { rows: times.len(), seed: 0, way: Way::Timed(order, moves) })
    }

    /// Divides the rows once, with the fraction `held_out` rounded to whole rows.
    ///
    /// Rows ascend within each part, except at random, where both parts are shuffled, and by time. Groups are held out
    /// in shuffled order, each that brings the number of rows nearer to the fraction; a border in time moves to the
    /// nearest change of time.
    ///
    /// ```
    /// let split = mlp::Splitter::stratified(&[0, 0, 0, 1, 1, 1], 7).split(0.3)?;
    /// assert_eq!(split.held_out.len(), 2); // one of each class
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] if the fraction does not lie between 0 and 1, or a part, or the share of a class in it, would
    /// be empty.
    pub fn split(&self, held_out: f64) -> Result<Split> {
        if !(held_out > 0.0 && held_out < 1.0) {
            return refused(format!("held-out fraction {} must lie between 0 and 1", shown(held_out)));
        }
        let (n, fraction) = (self.rows, shown(held_out));
        let m = (held_out * n as f64).round() as usize;
        if m == 0 || m >= n {
            let part = if m == 0 { "hold out nothing" } else { "leave nothing to train on" };
            return refused(format!(
                "fraction {fraction} of {n} samples would {part}; choose another fraction or add samples"
            ));
        }
        let rng = &mut StdRng::seed_from_u64(self.seed);
        match &self.way {
            Way::Random => {
                let order = shuffled((0..n).collect(), rng);
                Ok(Split { train: order[m..].to_vec(), held_out: order[..m].to_vec() })
            }
            Way::Stratified(classes, names) => {
                let counts = shares(classes, m, n);
                let mut rows = Vec::with_capacity(m);
                for ((class, name), count) in classes.iter().zip(names).zip(counts) {
                    if count == 0 || count == class.len() {
                        let part = if count == 0 { "hold out none" } else { "learn from none" };
                        return refused(format!(
                            "fraction {fraction} would {part} of the {} of class {name}; \
                             choose another fraction or leave the class out",
                            samples(class.len())
                        ));
                    }
                    rows.extend(&shuffled(class.clone(), rng)[..count]);
                }
                Ok(self.without(rows))
            }
            Way::Grouped(groups) => {
                let mut rows: Vec<usize> = Vec::with_capacity(m);
                for group in shuffled(groups.iter().collect(), rng) {
                    let more = rows.len() + group.len();
                    if more.abs_diff(m) < rows.len().abs_diff(m) {
                        rows.extend(group);
                    }
                }
                if rows.is_empty() || rows.len() == n {
                    return refused(format!(
                        "no whole groups make up about {fraction} of {n} samples; choose another fraction or smaller groups"
                    ));
                }
                Ok(self.without(rows))
            }
            Way::Timed(order, moves) => {
                let Some(&border) = moves.iter().min_by_key(|border| border.abs_diff(n - m)) else {
                    return refused(format!("all {n} samples have one time; give times that differ"));
                };
                Ok(Split { train: order[..border].to_vec(), held_out: order[border..].to_vec() })
            }
        }
    }

    /// Divides the rows `k` times, so that each row is held out once, or for time: k spans, each after what is learnt from.
    ///
    /// Folds differ by at most one row, and by at most one of each class. A group goes to the fold that is smallest
    /// when its turn comes, in shuffled order.
    ///
    /// ```
    /// let folds = mlp::Splitter::grouped(&[1, 1, 2, 2, 3, 3], 7).folds(3)?;
    /// let mut held_out: Vec<usize> = folds.into_iter().flat_map(|fold| fold.held_out).collect();
    /// held_out.sort();
    /// assert_eq!(held_out, [0, 1, 2, 3, 4, 5]);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] if `k` is below 2 (below 1 for time), or there are fewer rows, rows of a class, groups, or
    /// times than `k` folds need.
    pub fn folds(&self, k: usize) -> Result<Vec<Split>> {
        self.folds_by(k, &mut StdRng::seed_from_u64(self.seed))
    }

    /// Divides the rows into `k` folds `times` times, each time shuffled anew; the first k are [`folds`](Self::folds).
    ///
    /// ```
    /// let splitter = mlp::Splitter::random(10, 7);
    /// let folds = splitter.repeated_folds(5, 3)?;
    /// assert_eq!((folds.len(), &folds[..5]), (15, &splitter.folds(5)?[..]));
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`folds`](Self::folds); [`Error::Invalid`] if `times` is 0, or the rows are in the order of time, which is one.
    pub fn repeated_folds(&self, k: usize, times: usize) -> Result<Vec<Split>> {
        if times == 0 {
            return refused("0 repetitions make no folds; choose at least 1".to_string());
        }
        if times > 1 && matches!(self.way, Way::Timed(..)) {
            return refused("time has one order, so that repeated folds would be the same; call `folds`".to_string());
        }
        let rng = &mut StdRng::seed_from_u64(self.seed);
        let mut all = Vec::new();
        for _ in 0..times {
            all.extend(self.folds_by(k, rng)?);
        }
        Ok(all)
    }

    fn folds_by(&self, k: usize, rng: &mut StdRng) -> Result<Vec<Split>> {
        let n = self.rows;
        let timed = matches!(self.way, Way::Timed(..));
        if k < if timed { 1 } else { 2 } {
            return refused(format!("{k} folds leave nothing to train on; choose more"));
        }
        let too_few = |found: String| refused(format!("{found} cannot be divided into {k} folds; choose fewer folds"));
        let deal = |order: Vec<usize>| {
            let mut folds = vec![Vec::new(); k];
            order.into_iter().enumerate().for_each(|(i, row)| folds[i % k].push(row));
            folds
        };
        let folds = match &self.way {
            _ if n < k => return too_few(samples(n)),
            Way::Random => deal(shuffled((0..n).collect(), rng)),
            Way::Stratified(classes, names) => {
                if let Some((class, name)) = classes.iter().zip(names).find(|(class, _)| class.len() < k) {
                    return too_few(format!("{} of class {name}", samples(class.len())));
                }
                // Dealt on from class to class, so that the folds are alike in size too.
                deal(classes.iter().flat_map(|class| shuffled(class.clone(), rng)).collect())
            }
            Way::Grouped(groups) if groups.len() < k => return too_few(format!("{} groups", groups.len())),
            Way::Grouped(groups) => {
                let mut folds: Vec<Vec<usize>> = vec![Vec::new(); k];
                for group in shuffled(groups.iter().collect(), rng) {
                    if let Some(smallest) = folds.iter_mut().min_by_key(|fold| fold.len()) {
                        smallest.extend(group);
                    }
                }
                folds
            }
            Way::Timed(order, moves) => {
                // Where each span would end, moved on to the next change of time.
                let end = |i: usize| {
                    let wanted = (n as f64 * i as f64 / (k + 1) as f64).round() as usize;
                    moves.iter().copied().find(|&place| place >= wanted.max(1)).unwrap_or(n)
                };
                let ends: Vec<usize> = (1..=k).map(end).chain([n]).collect();
                if ends.windows(2).any(|span| span[0] == span[1]) {
                    return too_few(format!("{} times of these samples", moves.len() + 1));
                }
                let fold = |span: &[usize]| Split {
                    train: order[..span[0]].to_vec(),
                    held_out: order[span[0]..span[1]].to_vec(),
                };
                return Ok(ends.windows(2).map(fold).collect());
            }
        };
        Ok(folds.into_iter().map(|rows| self.without(rows)).collect())
    }

    /// Holds out `rows`; both parts ascend.
    fn without(&self, mut rows: Vec<usize>) -> Split {
        rows.sort_unstable();
        let train = (0..self.rows).filter(|row| rows.binary_search(row).is_err()).collect();
        Split { train, held_out: rows }
    }
}

/// `1 sample`, `2 samples`.
fn samples(n: usize) -> String {
    format!("{n} sample{}", if n == 1 { "" } else { "s" })
}

fn refused<T>(why: String) -> Result<T> {
    Err(Error::invalid("split", why))
}

pub(super) fn shuffled<T>(mut items: Vec<T>, rng: &mut StdRng) -> Vec<T> {
    items.shuffle(rng);
    items
}

/// The rows of each value, in the order of the first rows: the order of a hash map would differ at each run.
fn alike(values: &[impl Eq + Hash]) -> Vec<Vec<usize>> {
    let mut places = HashMap::new();
    let mut rows: Vec<Vec<usize>> = Vec::new();
    for (row, value) in values.iter().enumerate() {
        let place = *places.entry(value).or_insert(rows.len());
        if place == rows.len() {
            rows.push(Vec::new());
        }
        rows[place].push(row);
    }
    rows
}

/// How many rows of each class make up `m` of all `n`: the exact shares, rounded by largest remainder.
fn shares(classes: &[Vec<usize>], m: usize, n: usize) -> Vec<usize> {
    let exact = |class: &Vec<usize>| class.len() as u128 * m as u128;
    let mut counts: Vec<usize> = classes.iter().map(|class| (exact(class) / n as u128) as usize).collect();
    let mut order: Vec<usize> = (0..classes.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(exact(&classes[i]) % n as u128)); // stable: the earlier class first
    let rest = m - counts.iter().sum::<usize>();
    order.into_iter().take(rest).for_each(|i| counts[i] += 1);
    counts
}
