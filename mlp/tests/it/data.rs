//! Data sets and scalers, and the literal text of what they refuse.

use std::collections::BTreeSet;

use autograd::Tensor;
use mlp::{Dataset, Scaler, Targets, one_hot};

fn counted(n: usize) -> Dataset {
    let inputs = Tensor::from_fn([n, 2], |i| (10 * i[0] + i[1]) as f64);
    Dataset::new(inputs, (0..n).collect::<Vec<_>>()).unwrap()
}

fn classes(data: &Dataset) -> &[usize] {
    match data.targets() {
        Targets::Classes(classes) => classes,
        _ => panic!("classes were put in"),
    }
}

#[test]
fn a_data_set_refuses_what_cannot_be_trained_on() {
    let refused = |x: Tensor, y: Targets| Dataset::new(x, y).unwrap_err().to_string();
    let two = || Tensor::zeros([2, 3]);
    assert_eq!(
        refused(two(), vec![0].into()),
        "data set: 2 inputs but 1 targets; each input needs one target, in the same order"
    );
    assert_eq!(refused(Tensor::zeros([0, 3]), vec![].into()), "inputs: no samples; at least one is needed");
    let mut x = two();
    x.as_mut_slice()[4] = f64::NAN;
    let repair = "remove the sample or fill in a number";
    assert_eq!(refused(x.clone(), vec![0, 1].into()), format!("inputs: sample 1 holds NaN at position 1; {repair}"));
    x.as_mut_slice()[4] = f64::NEG_INFINITY;
    assert_eq!(refused(two(), x.into()), format!("targets: sample 1 holds -inf at position 1; {repair}"));
    assert_eq!(
        refused(Tensor::from(1.0), vec![0].into()),
        "inputs: a single number has no axis of samples; reshape it to (1, 1)"
    );
}

#[test]
fn a_split_keeps_each_sample_once_and_repeats_itself() {
    let data = counted(10);
    let (train, held_out) = data.split(0.25, 3).unwrap();
    assert_eq!((train.len(), held_out.len()), (7, 3));
    let all: BTreeSet<_> = classes(&train).iter().chain(classes(&held_out)).copied().collect();
    assert_eq!(all, (0..10).collect());
    for part in [&train, &held_out] {
        let rows = classes(part).iter().flat_map(|&i| [(10 * i) as f64, (10 * i + 1) as f64]);
        assert_eq!(part.inputs().to_vec(), rows.collect::<Vec<_>>(), "a target left its input");
    }
    assert_eq!(data.split(0.25, 3).unwrap(), (train, held_out));
    assert_ne!(data.split(0.25, 4).unwrap(), data.split(0.25, 3).unwrap());

    let refused = |n, fraction| counted(n).split(fraction, 0).unwrap_err().to_string();
    for fraction in [0.0, 1.0, -0.5, f64::NAN] {
        assert_eq!(refused(4, fraction), format!("split: held-out fraction {fraction} must lie between 0 and 1"));
    }
    let repair = "choose another fraction or add samples";
    assert_eq!(refused(4, 0.1), format!("split: fraction 0.1 of 4 samples would hold out nothing; {repair}"));
    assert_eq!(refused(1, 0.5), format!("split: fraction 0.5 of 1 samples would leave nothing to train on; {repair}"));
}

#[test]
fn the_same_seed_shuffles_the_same_way_for_ever() {
    let order: Vec<_> = counted(8).batches(3, Some(1)).unwrap().flat_map(|b| classes(&b).to_vec()).collect();
    assert_eq!(order, [0, 3, 5, 7, 4, 2, 1, 6]);
}

#[test]
fn batches_pass_over_every_sample_once() {
    let data = counted(7);
    for size in [1, 2, 3, 7, 8, usize::MAX] {
        for shuffle in [None, Some(0), Some(1)] {
            let batches = data.batches(size, shuffle).unwrap();
            assert_eq!(batches.len(), 7usize.div_ceil(size));
            let mut seen = Vec::new();
            for batch in batches {
                assert!(batch.len() == size.min(7) || seen.len() + batch.len() == 7);
                assert_eq!(batch.inputs().get([0, 1]), (10 * classes(&batch)[0] + 1) as f64);
                seen.extend_from_slice(classes(&batch));
            }
            assert_eq!(shuffle.is_none(), seen == (0..7).collect::<Vec<_>>());
            assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), (0..7).collect());
        }
    }
    let error = data.batches(0, None).unwrap_err().to_string();
    assert_eq!(error, "batch size: 0 would never pass over the data; choose at least 1");
}

#[test]
fn selection_follows_the_order_given() {
    let data = Dataset::new(Tensor::<f32>::arange(12).reshape([3, 2, 2]), Tensor::arange(3)).unwrap();
    let part = data.select(&[2, 0, 2]).unwrap();
    assert_eq!(part.inputs().shape(), &[3, 2, 2].into());
    assert_eq!(part.inputs().get([1, 1, 1]), 3.0);
    assert_eq!(part.targets(), &Targets::Values([2.0, 0.0, 2.0].into()));
    let refused = |samples: &[usize]| data.select(samples).unwrap_err().to_string();
    assert_eq!(refused(&[0, 3]), "select: sample 3 does not exist; samples are 0 to 2");
    assert_eq!(refused(&[]), "select: no samples; at least one is needed");
}

#[test]
fn scaled_columns_have_mean_0_and_variance_1() {
    // A mean far larger than the spread, where E[x²] − E[x]² would have no correct digit.
    let x = Tensor::<f64>::from_fn([50, 2], |i| if i[1] == 0 { 1e9 + i[0] as f64 } else { 0.1 });
    let scaler = Scaler::standard(&x).unwrap();
    let y = scaler.transform(&x).unwrap();
    assert!(y.mean_axis(0).is_close(&Tensor::zeros(2), 1e-12));
    assert!((&y * &y).mean_axis(0).is_close(&[1.0, 0.0].into(), 1e-12));
    assert!(scaler.inverse(&y).unwrap().is_close(&x, 1e-15));

    let refused = |x: &Tensor| Scaler::standard(x).unwrap_err().to_string();
    assert_eq!(
        refused(&Tensor::arange(3)),
        "scaler: shape (3,) is not (rows, columns); reshape a single column to (n, 1)"
    );
    assert_eq!(refused(&Tensor::zeros([0, 2])), "scaler: no samples; at least one is needed");
    let enormous = "holds NaN, infinite or enormous numbers; remove or clip them";
    assert_eq!(refused(&[[0.0, 1.0], [0.0, f64::NAN]].into()), format!("scaler: column 1 {enormous}"));
    assert_eq!(refused(&[[f64::MAX], [f64::MIN]].into()), format!("scaler: column 0 {enormous}"));
    let error = scaler.transform(&Tensor::<f64>::zeros([4, 3])).unwrap_err().to_string();
    assert_eq!(error, "scaler: shape (4, 3) is not (rows, 2), the columns that it was fitted to");
}

#[test]
fn one_hot_rows_and_labels_out_of_range() {
    assert_eq!(one_hot::<f64>(&[1, 0], 2).unwrap(), [[0.0, 1.0], [1.0, 0.0]].into());
    assert_eq!(
        one_hot::<f64>(&[0, 3], 3).unwrap_err().to_string(),
        "sample 1: label 3 is out of range for 3 classes (0 to 2); correct the label or raise the number of classes"
    );
}

/// What PyTorch's `DataLoader` calls `drop_last`.
#[test]
fn a_short_last_batch_may_be_dropped() {
    let lengths = |n: usize, size: usize| -> Vec<usize> {
        let data = counted(n);
        let batches = data.batches(size, Some(1)).unwrap().drop_last();
        let foretold = batches.len();
        let lengths: Vec<_> = batches.map(|batch| batch.len()).collect();
        assert_eq!(lengths.len(), foretold);
        lengths
    };
    assert_eq!(lengths(7, 3), [3, 3]);
    assert_eq!(lengths(6, 3), [3, 3]);
    assert!(lengths(2, 3).is_empty());
    // The batches that stay are those of a whole pass; also when some have been taken.
    let data = counted(7);
    let whole: Vec<_> = data.batches(3, Some(1)).unwrap().take(2).collect();
    assert_eq!(data.batches(3, Some(1)).unwrap().drop_last().collect::<Vec<_>>(), whole);
    let mut begun = data.batches(3, Some(1)).unwrap();
    begun.next();
    assert_eq!(begun.drop_last().collect::<Vec<_>>(), whole[1..]);
}
