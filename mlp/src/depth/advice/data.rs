//! What is wrong with the data of a model, and which scale they need.

use autograd::{Float, Tensor};

use super::finding::{Cause, Finding, digits};
use crate::{Dataset, Error, Targets};

/// The sizes of columns, as root mean squares, that need no scale.
const SIZES: std::ops::RangeInclusive<f64> = 1.0 / 30.0..=30.0;
/// The largest mean of a column, in standard deviations, that needs no shift.
const SHIFT: f64 = 10.0;

/// At most this many samples, evenly spread: data may be sorted.
pub(super) fn sample<T: Float>(data: &Dataset<T>, most: usize) -> Result<Dataset<T>, Error> {
    let n = data.len();
    match n > most {
        true => data.select(&(0..most).map(|i| i * n / most).collect::<Vec<_>>()),
        false => Ok(data.clone()),
    }
}

/// Inputs, of this name among several, that are far from size 1 or mean 0. `(samples, columns)` are looked at column by
/// column, all others as one.
pub(super) fn inputs<T: Float>(name: Option<&str>, x: &Tensor<T>) -> Option<Finding> {
    let columns = match x.shape()[..] {
        [_, columns] => columns,
        _ => 1,
    };
    if x.numel() == 0 {
        return None;
    }
    let statistics = |j: usize| {
        let values = || x.as_slice().iter().skip(j).step_by(columns).map(|x| x.to_f64());
        let n = (x.numel() / columns) as f64;
        let mean = values().sum::<f64>() / n;
        let std = (values().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
        (mean, std)
    };
    let all: Vec<_> = (0..columns).map(statistics).collect();
    // A constant column says nothing, and a scaler makes it 0; one of 1 is a bias.
    let odd = |&(mean, std): &(f64, f64)| {
        let size = mean.hypot(std);
        if std == 0.0 { size > *SIZES.end() } else { !SIZES.contains(&size) || mean.abs() > SHIFT * std }
    };
    let bad: Vec<usize> = (0..columns).filter(|&j| odd(&all[j])).collect();
    let size = |j: &usize| all[*j].0.hypot(all[*j].1);
    // Small columns among others are weak, not harmful: only large ones drown the rest.
    let harmful = bad.iter().any(|j| size(j) > *SIZES.end()) || bad.len() == columns;
    let worst = bad.iter().copied().max_by(|i, j| size(i).ln().abs().total_cmp(&size(j).ln().abs()))?;
    let (mean, std) = all[worst];
    let of = match (name, columns) {
        (None, 1) => "the inputs have".into(),
        (None, _) => format!("column {worst} of the inputs has"),
        (Some(name), 1) => format!("the input `{name}` has"),
        (Some(name), _) => format!("column {worst} of the input `{name}` has"),
    };
    let more = match bad.len() - 1 {
        0 => String::new(),
        1 => ", and 1 more column is far from that".into(),
        n => format!(", and {n} more columns are far from that"),
    };
    let text =
        format!("{of} mean {} and standard deviation {}, where 0 and 1 are usual{more}", digits(mean), digits(std));
    let finding = Finding::new(Cause::Inputs, size(&worst), text);
    Some(if harmful { finding } else { finding.note() })
}

/// The root mean square of targets that are values.
pub(super) fn size<T: Float>(targets: &Targets<T>) -> Option<f64> {
    match targets {
        Targets::Values(values) => {
            let squares: f64 = values.as_slice().iter().map(|x| x.to_f64().powi(2)).sum();
            Some((squares / values.numel() as f64).sqrt())
        }
        _ => None,
    }
}
