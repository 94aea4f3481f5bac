//! Splits and folds: each row where it belongs, the same for the same seed.

use std::collections::BTreeSet;

use autograd::Tensor;
use mlp::{Dataset, Split, Splitter};
use proptest::prelude::*;

/// Whether a split has all `n` rows, each in one part, both with something in them.
fn is_whole(split: &Split, n: usize) -> bool {
    let all: Vec<usize> = split.train.iter().chain(&split.held_out).copied().collect();
    let distinct: BTreeSet<usize> = all.iter().copied().collect();
    all.len() == n && distinct == (0..n).collect() && !split.train.is_empty() && !split.held_out.is_empty()
}

/// Whether the folds hold out each of `n` rows once.
fn is_partition(folds: &[Split], n: usize) -> bool {
    let mut held_out: Vec<usize> = folds.iter().flat_map(|fold| fold.held_out.clone()).collect();
    held_out.sort_unstable();
    held_out == (0..n).collect::<Vec<_>>() && folds.iter().all(|fold| is_whole(fold, n))
}

#[test]
fn a_random_split_is_that_of_a_data_set() {
    let data = Dataset::new(Tensor::<f64>::from_fn([10, 1], |i| i[0] as f64), (0..10).collect::<Vec<_>>()).unwrap();
    let split = Splitter::random(10, 3).split(0.25).unwrap();
    let (train, held_out) = data.split(0.25, 3).unwrap();
    assert_eq!((data.select(&split.train).unwrap(), data.select(&split.held_out).unwrap()), (train, held_out));
}

#[test]
fn the_same_seed_divides_the_same_way_for_ever() {
    let classes = [0, 1, 0, 1, 0, 0, 0, 1];
    assert_eq!(Splitter::random(8, 1).split(0.4).unwrap().held_out, [0, 3, 5]);
    assert_eq!(Splitter::random(8, 1).folds(3).unwrap()[0].held_out, [0, 1, 7]);
    let groups = Splitter::grouped(&["a", "b", "a", "c", "d", "d", "d", "b"], 1);
    let stratified = Splitter::stratified(&classes, 1);
    let folds = |splitter: &Splitter| splitter.folds(2).unwrap().remove(0).held_out;
    let found = [
        stratified.split(0.4).unwrap().held_out,
        folds(&stratified),
        groups.split(0.4).unwrap().held_out,
        folds(&groups),
    ];
    assert_eq!(found, [vec![0, 1, 5], vec![0, 4, 6, 7], vec![0, 2, 3], vec![0, 1, 2, 3, 7]]);
    assert_ne!(Splitter::random(8, 1).folds(3).unwrap(), Splitter::random(8, 2).folds(3).unwrap());
}

#[test]
fn repeated_folds_are_shuffled_anew() {
    for splitter in [
        Splitter::random(12, 5),
        Splitter::stratified(&[0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1], 5),
        Splitter::grouped(&[0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5], 5),
    ] {
        let all = splitter.repeated_folds(3, 4).unwrap();
        assert_eq!(all[..3], splitter.folds(3).unwrap());
        for (i, folds) in all.chunks(3).enumerate() {
            assert!(is_partition(folds, 12));
            assert!(all[..3 * i].chunks(3).all(|before| before != folds), "repetition {i} is another's");
        }
    }
}

#[test]
fn time_goes_forward_and_equal_times_stay_together() {
    let times = [3.0, 1.0, 2.0, 2.0, 5.0, 4.0];
    let splitter = Splitter::timed(&times).unwrap();
    let split = splitter.split(0.5).unwrap();
    assert_eq!((split.train, split.held_out), (vec![1, 2, 3], vec![0, 5, 4]));
    // The border would divide the rows of time 2; it moves to the nearest change.
    assert_eq!(splitter.split(0.66).unwrap().held_out.len(), 3 + 2);
    let folds = splitter.folds(2).unwrap();
    assert_eq!(folds[0], Split { train: vec![1, 2, 3], held_out: vec![0] });
    assert_eq!(folds[1], Split { train: vec![1, 2, 3, 0], held_out: vec![5, 4] });
    assert_eq!(Splitter::timed(&["2026-01-02", "2025-12-31"]).unwrap().split(0.5).unwrap().held_out, [0]);
}

#[test]
fn what_cannot_be_divided_is_refused() {
    let refused = |split: mlp::Result<Vec<Split>>| split.unwrap_err().to_string();
    let folds = |splitter: Splitter, k| refused(splitter.folds(k));
    let split = |splitter: Splitter, fraction| refused(splitter.split(fraction).map(|split| vec![split]));
    let times = |times: &[f64]| Splitter::timed(times).unwrap();
    for (found, message) in [
        (folds(Splitter::random(3, 0), 4), "3 samples cannot be divided into 4 folds; choose fewer folds"),
        (folds(Splitter::random(3, 0), 1), "1 folds leave nothing to train on; choose more"),
        (folds(Splitter::random(3, 0), 0), "0 folds leave nothing to train on; choose more"),
        (folds(Splitter::random(0, 0), 2), "0 samples cannot be divided into 2 folds; choose fewer folds"),
        (
            folds(Splitter::stratified(&[1, 0, 1, 0, 1], 0), 3),
            "2 samples of class 0 cannot be divided into 3 folds; choose fewer folds",
        ),
        (folds(Splitter::grouped(&[1, 1, 2], 0), 3), "2 groups cannot be divided into 3 folds; choose fewer folds"),
        (
            folds(times(&[1.0, 1.0, 2.0, 2.0]), 2),
            "2 times of these samples cannot be divided into 2 folds; choose fewer folds",
        ),
        (
            refused(times(&[1.0, 2.0, 3.0]).repeated_folds(2, 2)),
            "time has one order, so that repeated folds would be the same; call `folds`",
        ),
        (refused(Splitter::random(9, 0).repeated_folds(2, 0)), "0 repetitions make no folds; choose at least 1"),
        (split(Splitter::random(9, 0), f64::NAN), "held-out fraction NaN must lie between 0 and 1"),
        (
            split(Splitter::random(0, 0), 0.5),
            "fraction 0.5 of 0 samples would hold out nothing; choose another fraction or add samples",
        ),
        (
            split(Splitter::stratified(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 1], 0), 0.3),
            "fraction 0.3 would hold out none of the 1 sample of class 1; \
             choose another fraction or leave the class out",
        ),
        (
            split(Splitter::grouped(&[1, 1, 1, 1], 0), 0.25),
            "no whole groups make up about 0.25 of 4 samples; choose another fraction or smaller groups",
        ),
        (split(times(&[1.0, 1.0]), 0.5), "all 2 samples have one time; give times that differ"),
    ] {
        assert_eq!(found, format!("split: {message}"));
    }
    assert_eq!(
        Splitter::timed(&[1.0, f64::NAN]).unwrap_err().to_string(),
        "timed: the time of row 1 is neither before nor after others; give each row a time"
    );
}

proptest! {
    #[test]
    fn random_and_stratified_parts_are_even(
        classes in proptest::collection::vec(0..4u8, 1..60), k in 2..6usize, fraction in 0.01..0.99f64, seed in any::<u64>(),
    ) {
        let n = classes.len();
        let count = |rows: &[usize], class: u8| rows.iter().filter(|&&row| classes[row] == class).count();
        for splitter in [Splitter::random(n, seed), Splitter::stratified(&classes, seed)] {
            if let Ok(split) = splitter.split(fraction) {
                prop_assert!(is_whole(&split, n));
                prop_assert_eq!(split.held_out.len(), (fraction * n as f64).round() as usize);
            }
            if let Ok(folds) = splitter.folds(k) {
                prop_assert!(is_partition(&folds, n));
                let lengths: BTreeSet<usize> = folds.iter().map(|fold| fold.held_out.len()).collect();
                prop_assert!(lengths.last().unwrap() - lengths.first().unwrap() <= 1);
            }
        }
        let stratified = Splitter::stratified(&classes, seed);
        for class in 0..4 {
            let all = count(&(0..n).collect::<Vec<_>>(), class);
            if let Ok(split) = stratified.split(fraction) {
                let share = all as f64 * split.held_out.len() as f64 / n as f64;
                prop_assert!((count(&split.held_out, class) as f64 - share).abs() < 1.0);
            }
            if let Ok(folds) = stratified.folds(k) {
                let counts: BTreeSet<usize> = folds.iter().map(|fold| count(&fold.held_out, class)).collect();
                prop_assert!(counts.last().unwrap() - counts.first().unwrap() <= 1);
            }
        }
    }

    #[test]
    fn groups_are_in_one_part(groups in proptest::collection::vec(0..8u8, 1..60), k in 2..5usize, fraction in 0.01..0.99f64, seed in any::<u64>()) {
        let splitter = Splitter::grouped(&groups, seed);
        let apart = |split: &Split| {
            let of = |rows: &[usize]| rows.iter().map(|&row| groups[row]).collect::<BTreeSet<u8>>();
            of(&split.train).is_disjoint(&of(&split.held_out))
        };
        if let Ok(split) = splitter.split(fraction) {
            prop_assert!(is_whole(&split, groups.len()) && apart(&split));
        }
        if let Ok(folds) = splitter.folds(k) {
            prop_assert!(is_partition(&folds, groups.len()) && folds.iter().all(apart));
        }
    }

    #[test]
    fn nothing_is_learnt_from_what_comes_later(times in proptest::collection::vec(0..30u8, 1..60), k in 1..5usize, fraction in 0.01..0.99f64) {
        let splitter = Splitter::timed(&times).unwrap();
        let mut splits = splitter.folds(k).unwrap_or_default();
        for fold in splits.windows(2) {
            prop_assert!(fold[1].train.len() == fold[0].train.len() + fold[0].held_out.len());
        }
        splits.extend(splitter.split(fraction));
        for split in splits {
            prop_assert!(!split.train.is_empty() && !split.held_out.is_empty());
            let latest = split.train.iter().map(|&row| times[row]).max();
            prop_assert!(latest < split.held_out.iter().map(|&row| times[row]).min());
        }
    }
}
