//! The determinant by expansion along the first row, minor by minor: `ℓ!` products, which is what the eval is about.

use std::ops::{Add, Mul, Sub};

use autograd::Tape;
use serde::Deserialize;
use serde_json::Value;

use super::Function;
use crate::runs::{Outcome, Runs, read};

pub(super) const FUNCTIONS: &[(&str, Function)] = &[("primal", primal), ("gradient", gradient)];

#[derive(Deserialize)]
struct Input {
    #[serde(rename = "A")]
    a: Vec<f64>,
    ell: usize,
}

fn checked(input: Value) -> Result<(Input, Runs), String> {
    let (input, runs) = read::<Input>(input)?;
    let Input { a, ell } = &input;
    match *ell > 0 && a.len() == ell * ell {
        true => Ok((input, runs)),
        false => Err(format!("input: {} numbers are no square matrix of {ell} rows", a.len())),
    }
}

/// The determinant of the rows `a` at as many `columns`, whose order is the same again when it returns.
fn minor<N: Copy + Add<Output = N> + Sub<Output = N> + Mul<Output = N>>(a: &[&[N]], columns: &mut [usize]) -> N {
    let [first, rest @ ..] = a else { panic!("det: a minor has a row") };
    match *columns {
        [c] => first[c],
        [c, d] => first[c] * rest[0][d] - first[d] * rest[0][c],
        _ => {
            // The first of `columns` is the one that is left out: it moves through the others, which keep their order.
            let mut sum = first[columns[0]] * minor(rest, &mut columns[1..]);
            for column in 1..columns.len() {
                columns.swap(0, column);
                let product = first[columns[0]] * minor(rest, &mut columns[1..]);
                sum = if column % 2 == 0 { sum + product } else { sum - product };
            }
            columns.rotate_left(1);
            sum
        }
    }
}

fn objective<N: Copy + Add<Output = N> + Sub<Output = N> + Mul<Output = N>>(a: &[N], ell: usize) -> N {
    minor(&a.chunks(ell).collect::<Vec<_>>(), &mut (0..ell).collect::<Vec<_>>())
}

fn primal(input: Value) -> Outcome {
    let (Input { a, ell }, runs) = checked(input)?;
    runs.time(|| objective(&a, ell), |y| y)
}

/// Rows of the minors that are recorded each by itself: their tape is about as large as the second cache.
const RECORDED: usize = 8;

/// Calls `part` for each choice of columns for the first `depth` rows, from `row` on, with its sign. The columns that are
/// left follow the chosen ones in order.
fn for_each_part(columns: &mut [usize], row: usize, depth: usize, sign: f64, part: &mut impl FnMut(&mut [usize], f64)) {
    if row == depth {
        return part(columns, sign);
    }
    for at in row..columns.len() {
        columns.swap(row, at);
        let sign = if (at - row).is_multiple_of(2) { sign } else { -sign };
        for_each_part(columns, row + 1, depth, sign, part);
    }
    columns[row..].rotate_left(1);
}

/// The gradient of a sum of parts is the sum of theirs, and a tape that is cleared after each stays small.
fn gradient(input: Value) -> Outcome {
    let (Input { a, ell }, runs) = checked(input)?;
    let (depth, mut tape) = (ell.saturating_sub(RECORDED), Tape::new());
    let gradient = || {
        let mut sum = vec![0.0; a.len()];
        for_each_part(&mut (0..ell).collect::<Vec<_>>(), 0, depth, 1.0, &mut |columns, sign| {
            tape.clear();
            let a: Vec<_> = a.iter().map(|&a| tape.scalar(a)).collect();
            let rows: Vec<_> = a.chunks(ell).collect();
            let (chosen, left) = columns.split_at_mut(depth);
            let minor = minor(&rows[depth..], left) * sign;
            let part = chosen.iter().zip(&rows).fold(minor, |product, (&column, row)| row[column] * product);
            let grads = part.backward();
            sum.iter_mut().zip(&a).for_each(|(sum, &a)| *sum += grads[a]);
        });
        sum
    };
    runs.time(gradient, |da| da)
}
