//! The rows beside their loops by hand, in turn: `cargo run --release -p benches --bin ratios [rows]`.
//!
//! The benches give each side a time with an interval; this gives the ratio of the two, which a busy machine disturbs less.

use autograd::{Tape, Tensor, awake, set_threads, threads};
use benches::networks::{ByHand, Network, Row};
use benches::race::{Ratio::OursByOther, head, race};
use benches::{arrays, fused, networks, scalars};

fn main() {
    let rows = std::env::args().nth(1).unwrap_or_else(|| "ABCDEFGHIJK".into());
    if let Some(letter) = rows.chars().find(|letter| !letter.is_ascii_uppercase() || *letter > 'K') {
        eprintln!("no row {letter}: take some of ABCDEFGHIJK");
        std::process::exit(2);
    }
    let cores = threads();
    set_threads(1); // as the loops by hand
    head("tape", "by hand");
    for letter in rows.chars() {
        match letter {
            'F' => bump(),
            'G' => links(),
            'H' => chains(),
            'I' => terms(),
            'J' => inference(),
            'K' => {}
            _ => training(letter),
        }
    }
    if rows.contains('K') {
        head("small arrays", arrays::SMALL[0].name);
        stretched();
    }
    let large: Vec<char> = rows.chars().filter(|letter| "CDE".contains(*letter)).collect();
    if cores > 1 && !large.is_empty() {
        head("two threads", "one thread");
        large.iter().filter(|letter| **letter != 'E').for_each(|letter| two_threads(*letter));
        head("two tapes on two threads", "one tape on one");
        large.iter().for_each(|letter| two_tapes(*letter));
    }
}

fn row(letter: char) -> Row {
    let name = ["A", "B", "C", "D", "E", "J"].into_iter().find(|name| name.starts_with(letter));
    let row = Row::new(name.expect("the row of a network"));
    networks::verify(&row);
    row
}

fn training(letter: char) {
    let row = row(letter);
    let (network, mut by_hand, mut tape) = (Network::new(&row), ByHand::new(&row), Tape::default());
    let (x, classes) = row.data();
    race(row.name, 1, OursByOther, || network.step(&mut tape, &x, &classes), || by_hand.step(x.as_slice(), &classes));
}

/// Each chain of small arrays beside as many operations on arrays of one shape.
fn stretched() {
    let unit = &arrays::SMALL[0];
    for small in &arrays::SMALL[1..] {
        small.verify();
        let ([mut tape, mut other], inputs, unit_inputs) = (<[_; 2]>::default(), small.inputs(), unit.inputs());
        race(
            small.name,
            small.operations * arrays::LINKS,
            OursByOther,
            || small.chain(&mut tape, &inputs),
            || (0..small.operations).map(|_| unit.chain(&mut other, &unit_inputs)).sum::<f64>(),
        );
    }
}

fn two_threads(letter: char) {
    let row = row(letter);
    let (x, classes) = row.data();
    let [mut two, mut one] = [2, 1].map(|threads| {
        let (network, mut tape, x, classes) = (Network::new(&row), Tape::default(), x.clone(), classes.clone());
        move || {
            set_threads(threads);
            network.step(&mut tape, &x, &classes)
        }
    });
    set_threads(2);
    awake(|| race(row.name, 1, OursByOther, &mut two, &mut one));
    set_threads(1);
}

fn two_tapes(letter: char) {
    let row = row(letter);
    let [in_parts, whole] = [(); 2].map(|()| Network::new(&row));
    let ([mut tape, first, second], (x, classes), halves) = (<[_; 3]>::default(), row.data(), row.halves());
    let mut tapes = [first, second];
    let two = || {
        set_threads(2);
        in_parts.step_in_parts(&mut tapes, &halves)
    };
    let one = || {
        set_threads(1);
        whole.step(&mut tape, &x, &classes)
    };
    set_threads(2);
    awake(|| race(row.name, 1, OursByOther, two, one));
    set_threads(1);
}

fn inference() {
    let row = row('J');
    let (network, mut by_hand, (x, _)) = (Network::new(&row), ByHand::new(&row), row.data());
    let mut tape = Tape::values_only();
    race("J", 1, OursByOther, || network.infer(&mut tape, &x), || by_hand.infer(x.as_slice()));
}

fn bump() {
    fused::verify();
    let (mut tape, x, mut dx) = (Tape::default(), fused::inputs(), vec![0.0; fused::LEN]);
    race(
        "F",
        1,
        OursByOther,
        || fused::recorded(&mut tape, &x, |dx| dx.as_slice()[0]),
        || fused::by_hand(x.as_slice(), &mut dx),
    );
}

fn links() {
    arrays::verify();
    let (mut tape, mut values) = (Tape::default(), vec![]);
    let operations = arrays::OPERATIONS * arrays::LINKS;
    race(
        "G, an operation",
        operations,
        OursByOther,
        || arrays::chain(&mut tape),
        || arrays::chain_by_hand(&mut values),
    );
}

fn chains() {
    scalars::verify();
    let (mut tape, mut values) = (Tape::new(), vec![]);
    for (name, link) in [("H at ½, a link", scalars::HALF), ("H at ¼, a link", scalars::QUARTER)] {
        let (ours, by_hand) = (|| scalars::chain(&mut tape, link), || scalars::chain_by_hand(&mut values, link));
        race(name, scalars::LEN, OursByOther, ours, by_hand);
    }
}

fn terms() {
    scalars::verify();
    let (mut tape, x, mut kept, mut dx, mut other) = (Tape::new(), scalars::terms(), vec![], vec![], vec![]);
    let (ours, by_hand) = (|| scalars::sum(&mut tape, &x, &mut dx), || scalars::sum_by_hand(&x, &mut kept, &mut other));
    race("I, a term", scalars::LEN, OursByOther, ours, by_hand);
    let array = Tensor::from(x.clone());
    let ours = || scalars::sum_of_arrays(&mut tape, &array, &mut dx);
    let by_hand = || scalars::sum_by_hand(&x, &mut kept, &mut other);
    race("I as arrays, a term", scalars::LEN, OursByOther, ours, by_hand);
}
