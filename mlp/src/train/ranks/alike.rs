//! [`Facts`]: what has to be the same on all ranks before the first step.

use std::fmt::{Display, Write as _};

use autograd::{Float, Parameters, Tensor};

use super::exchange::Ranks;
use crate::error::{Error, Result};
use crate::{Dataset, Targets};

/// What a rank knows of its training, by name, to be compared with the others.
#[derive(Default)]
pub(in crate::train) struct Facts(Vec<(String, String)>);

impl Facts {
    pub(in crate::train) fn add(&mut self, name: impl Into<String>, value: impl ToString) {
        self.0.push((name.into(), value.to_string()));
    }

    /// Shapes and values of parameters.
    pub(in crate::train) fn add_parameters<T: Float>(&mut self, what: &str, parameters: &Parameters<T>) {
        let shapes = parameters.iter().fold(String::new(), |mut shapes, (name, param)| {
            let frozen = if param.is_frozen() { " frozen" } else { "" };
            let _ = write!(shapes, "{name} {}{frozen}; ", param.shape());
            shapes
        });
        self.add(format!("names and shapes of the {what}"), shapes.trim_end_matches("; "));
        self.add(format!("values of the {what}"), checksum(parameters));
    }

    /// Shapes and values of data.
    pub(in crate::train) fn add_data<T: Float>(&mut self, what: &str, data: &Dataset<T>) {
        let mut sum = Checksum::default();
        sum.add(data.inputs().as_slice().iter().map(|x| x.to_f64()));
        let targets = match data.targets() {
            Targets::Values(values) => {
                sum.add(values.as_slice().iter().map(|x| x.to_f64()));
                format!("targets of shape {}", values.shape())
            }
            Targets::Classes(classes) => {
                sum.add(classes.iter().map(|class| *class as f64));
                "classes".to_string()
            }
            Targets::Sequences(sequences) => {
                // The length first: labels do not move from one sample to the next.
                sum.add(sequences.iter().flat_map(|labels| {
                    std::iter::once(labels.len() as f64).chain(labels.iter().map(|label| *label as f64))
                }));
                "sequences".to_string()
            }
        };
        sum.add(data.weights().unwrap_or_default().iter().copied());
        self.add(format!("shape of the {what}"), format!("inputs of shape {}; {targets}", data.inputs().shape()));
        self.add(format!("values of the {what}"), sum.shown());
    }

    /// The shape of a batch, and its first and last sample: to compare all would take as long on each rank, however many there are.
    pub(in crate::train) fn add_batch<T: Float>(&mut self, what: &str, batch: &Dataset<T>) {
        self.add(format!("number of samples of {what}"), batch.len());
        self.add_data(&format!("first and last sample of {what}"), &batch.take(&[0, batch.len() - 1]));
    }

    /// The state of an optimiser.
    pub(in crate::train) fn add_state<'s, T: Float>(
        &mut self,
        what: &str,
        state: impl Iterator<Item = (&'s String, &'s Tensor<T>)>,
    ) {
        let (mut names, mut sum) = (String::new(), Checksum::default());
        for (name, values) in state {
            let _ = write!(names, "{name} {}; ", values.shape());
            sum.add(values.as_slice().iter().map(|x| x.to_f64()));
        }
        self.add(format!("names of the {what}"), names.trim_end_matches("; "));
        self.add(format!("values of the {what}"), sum.shown());
    }

    /// `Ok` if all ranks know the same; the error names the first thing that is not, and where.
    pub(in crate::train) fn check(&self, ranks: &Ranks<'_>) -> Result<()> {
        if ranks.number() == 1 {
            return Ok(());
        }
        let own = serde_json::to_vec(&self.0).expect("texts");
        let all = ranks.gather(own)?;
        let read = |rank: &[u8]| serde_json::from_slice::<Vec<(String, String)>>(rank).unwrap_or_default();
        let first = read(&all[0]);
        for (rank, found) in all.iter().enumerate().skip(1) {
            let found = read(found);
            let differs = |(own, other): &(&(String, String), &(String, String))| own != other;
            let problem = match first.iter().zip(&found).find(differs) {
                Some(((name, first), (_, found))) => match contrast(first, found) {
                    Some((first, found)) => format!("the {name}: {found}, where rank 0 has {first}"),
                    None => format!("the {name}"),
                },
                None if first.len() != found.len() => "the kind of its training".to_string(),
                None => continue,
            };
            let repair = "run the same program with the same settings, seeds and data on all ranks";
            return Err(Error::invalid("trainer", format!("rank {rank} differs from rank 0 in {problem}; {repair}")));
        }
        Ok(())
    }
}

/// Two texts from where they differ, shortened; `None` if they are checksums, which tell a reader nothing.
fn contrast<'t>(first: &'t str, found: &'t str) -> Option<(String, String)> {
    if first.starts_with(CHECKSUM) {
        return None;
    }
    let same = first.split("; ").zip(found.split("; ")).take_while(|(a, b)| a == b).count();
    let from = |text: &'t str| match text.split("; ").nth(same) {
        Some(item) => item.chars().take(80).collect(),
        None => "nothing there".to_string(),
    };
    Some((from(first), from(found)))
}

/// `Ok` if all ranks have the same parameters to the bit.
pub(in crate::train) fn check_parameters<T: Float>(
    ranks: &Ranks<'_>,
    parameters: &Parameters<T>,
    when: impl Display,
) -> Result<()> {
    if ranks.number() == 1 {
        return Ok(());
    }
    match ranks.odd_one(checksum(parameters).into_bytes())? {
        None => Ok(()),
        Some(rank) => Err(Error::invalid(
            "training",
            format!(
                "the parameters of rank {rank} differ from those of rank 0 {when}; give all ranks the same callbacks, \
                 optimiser and schedule, which depend on nothing but the seed, and processors of one kind, as vector \
                 instructions decide how numbers round"
            ),
        )),
    }
}

/// The checksum of all values of parameters.
fn checksum<T: Float>(parameters: &Parameters<T>) -> String {
    let mut sum = Checksum::default();
    parameters.params().for_each(|param| sum.add(param.value().as_slice().iter().map(|x| x.to_f64())));
    sum.shown()
}

const CHECKSUM: &str = "checksum ";

/// A checksum of numbers.
#[derive(Default)]
struct Checksum(crc32fast::Hasher);

impl Checksum {
    fn add(&mut self, mut values: impl Iterator<Item = f64>) {
        let mut bytes = Vec::with_capacity(8 * 1024);
        loop {
            bytes.clear();
            bytes.extend(values.by_ref().take(1024).flat_map(f64::to_le_bytes));
            if bytes.is_empty() {
                return;
            }
            self.0.update(&bytes);
        }
    }

    fn shown(self) -> String {
        format!("{CHECKSUM}{:08x}", self.0.finalize())
    }
}
