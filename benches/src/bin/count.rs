//! Runs one row a number of times, for tools that count instructions: `count A 1000`.

use std::env::args;

use autograd::Tape;
use benches::networks::{Network, Row};
use benches::{arrays, fused, scalars};

fn main() {
    let arguments: Vec<String> = args().skip(1).collect();
    let [row, times] = &arguments[..] else { panic!("arguments: a row, and how often to run it") };
    let times: usize = times.parse().expect("how often to run the row, a whole number");
    match row.as_str() {
        "A" => network("A", times),
        "B" => network("B", times),
        "E" => network("E", times),
        "G" => {
            let mut tape = Tape::default();
            (0..times).for_each(|_| assert!(arrays::chain(&mut tape).0.is_finite()));
        }
        "J" => {
            let row = Row::new("J");
            let (network, mut tape, (x, _)) = (Network::new(&row), Tape::values_only(), row.data());
            (0..times).for_each(|_| assert!(network.infer(&mut tape, &x).is_finite()));
        }
        "I" => {
            let (mut tape, x, mut dx) = (Tape::new(), scalars::terms(), vec![]);
            (0..times).for_each(|_| assert!(scalars::sum(&mut tape, &x, &mut dx).is_finite()));
        }
        "F" => {
            let (mut tape, x) = (Tape::default(), fused::inputs());
            (0..times).for_each(|_| assert!(fused::recorded(&mut tape, &x, |_| ()).0.is_finite()));
        }
        "H" => {
            let mut tape = Tape::new();
            (0..times).for_each(|_| assert!(scalars::chain(&mut tape, scalars::QUARTER)[0].is_finite()));
        }
        _ => panic!("row {row} is not counted: take one of A, B, E to J"),
    }
}

fn network(name: &'static str, times: usize) {
    let row = Row::new(name);
    let (network, mut tape, (x, classes)) = (Network::new(&row), Tape::default(), row.data());
    (0..times).for_each(|_| assert!(network.step(&mut tape, &x, &classes).is_finite()));
}
