//! Losses of labels: one for each place of a sample, and smoothed ones. Each equals the plain loss of the same numbers.

use autograd::{Tape, Tensor, Var};
use mlp::{
    Activation, Base, BinaryCrossEntropyWithLogits, BinaryFocal, ClassWeights, CrossEntropy,
    CrossEntropyFromProbabilities, Dataset, Focal, Hinge, Ignoring, Init, KlDivergence, Linear, Loss, Module,
    Sequential, Sgd, Smoothed, Targets, Trainer,
};
use rand::{SeedableRng, rngs::StdRng};

fn outputs(shape: &[usize]) -> Tensor {
    let mut i = 0.0f64;
    Tensor::from_fn(shape, |_| {
        i += 1.0;
        (2.3 * i).sin() * 2.0
    })
}

fn weighted() -> ClassWeights<CrossEntropy> {
    ClassWeights { loss: CrossEntropy, weights: vec![0.5, 1.0, 3.0] }
}

/// The losses, their mean, and the gradient of that.
fn all(loss: &dyn Loss, y: &Tensor, targets: &Targets) -> (Tensor, f64, Tensor) {
    let tape = Tape::new();
    let y = tape.var(y.clone());
    let mean = loss.mean(y, targets).unwrap();
    (loss.each(y, targets).unwrap().value(), mean.value(), mean.backward()[y].clone())
}

#[test]
fn places_are_as_many_samples() {
    let from_probabilities = CrossEntropyFromProbabilities { base: Base::Bits };
    let losses: [&dyn Loss; 10] = [
        &CrossEntropy,
        &Smoothed { loss: CrossEntropy, share: 0.2 },
        &Focal { gamma: 2.0 },
        &Smoothed { loss: Focal { gamma: 1.5 }, share: 0.1 },
        &from_probabilities,
        &weighted(),
        &Ignoring { loss: CrossEntropy, class: 1 },
        &Ignoring { loss: weighted(), class: 9 },
        &Smoothed { loss: Ignoring { loss: weighted(), class: 9 }, share: 0.3 },
        &ClassWeights { loss: Focal { gamma: 2.0 }, weights: vec![0.0, 1.0, 2.0] },
    ];
    let sequences = [vec![0, 2, 1, 2, 0, 1], vec![1, 1, 2, 0, 2, 2]];
    for (k, loss) in losses.into_iter().enumerate() {
        let mut sequences = sequences.clone();
        if [7, 8].contains(&k) {
            sequences[0][3] = 9;
            sequences[1][0] = 9;
            sequences[1][5] = 9;
        }
        let classes = Targets::Classes(sequences.concat());
        let sequences = Targets::Sequences(sequences.to_vec());
        let flat = match k {
            4 => outputs(&[12, 3]).softmax(1),
            _ => outputs(&[12, 3]),
        };
        let (each, mean, slopes) = all(loss, &flat, &classes);
        for places in [&[6][..], &[2, 3], &[1, 3, 2]] {
            let shape: Vec<usize> = [&[2], places].concat();
            let whole: Vec<usize> = [&shape[..], &[3]].concat();
            let found = all(loss, &flat.reshape(&whole[..]), &sequences);
            assert_eq!(found.0, each.reshape(&shape[..]), "loss {k}");
            assert!((found.1 - mean).abs() < 1e-15, "loss {k}: {} and {mean}", found.1);
            assert!(found.2.is_close(&slopes.reshape(&whole[..]), 1e-15), "loss {k}");
        }
    }
}

#[test]
fn labels_of_two_classes_have_places_too() {
    let sequences = [vec![0, 1, 1], vec![1, 0, 0]];
    let losses: [(&dyn Loss, [f64; 2]); 4] = [
        (&BinaryCrossEntropyWithLogits, [0.0, 1.0]),
        (&Hinge, [-1.0, 1.0]),
        (&BinaryFocal { gamma: 2.0, alpha: Some(0.3) }, [0.0, 1.0]),
        (&Smoothed { loss: BinaryCrossEntropyWithLogits, share: 0.2 }, [0.0, 1.0]),
    ];
    let y = outputs(&[2, 3]);
    for (loss, numbers) in losses {
        let values = Tensor::new([2, 3], sequences.concat().into_iter().map(|class| numbers[class]).collect());
        let found = all(loss, &y, &Targets::Sequences(sequences.to_vec()));
        assert_eq!(found, all(loss, &y, &Targets::Values(values)));
    }
    let left_out = Ignoring { loss: BinaryCrossEntropyWithLogits, class: 2 };
    let (_, mean, slopes) = all(&left_out, &y, &Targets::Sequences(vec![vec![0, 2, 1], vec![2, 2, 0]]));
    let kept = [y.get([0, 0]), -y.get([0, 2]), y.get([1, 2])];
    let needed = kept.iter().map(|y| y.exp().ln_1p()).sum::<f64>() / 3.0;
    assert!((mean - needed).abs() < 1e-14, "{mean} for {needed}");
    assert_eq!([slopes.get([0, 1]), slopes.get([1, 0]), slopes.get([1, 1])], [0.0; 3]);
}

/// The ignored places of uneven sequences count neither in a part of a batch nor in the mean of an epoch.
#[test]
fn a_batch_of_sequences_in_parts_takes_the_step_of_the_whole() {
    let (n, time) = (9, 4);
    let labels = |i: usize| (0..time).map(|t| if t > i % time { 7 } else { (i * t + i) % 3 }).collect();
    let data = Dataset::new(outputs(&[n, time, 2]), Targets::Sequences((0..n).map(labels).collect())).unwrap();
    let uneven = data.clone().with_weights((0..n).map(|i| (i % 3) as f64 + 0.5).collect()).unwrap();
    let loss = Ignoring { loss: weighted(), class: 7 };
    let trained = |data: &Dataset, parts: usize| {
        let mut rng = StdRng::seed_from_u64(3);
        let layer = |n, m, rng: &mut StdRng| Linear::new(n, m, &Init::glorot_uniform(), rng).unwrap();
        let model = Sequential::new().then(layer(2, 4, &mut rng)).then(Activation::Tanh).then(layer(4, 3, &mut rng));
        let mut sgd = Sgd::new(&model.parameters(), 0.3);
        let trainer = Trainer::new().epochs(2).batch_size(5).parts(parts);
        let history = trainer.fit(&model, &loss, &mut sgd, data, None).unwrap();
        (model.predict(data.inputs()), history.last().loss)
    };
    for data in [&data, &uneven] {
        let (y, epoch) = trained(data, 1);
        for parts in [2, 5] {
            let (in_parts, mean) = trained(data, parts);
            assert!(in_parts.is_close(&y, 1e-12) && (mean - epoch).abs() < 1e-12, "{parts} parts");
        }
    }
    // Without weights of samples the mean of all is that over the places that count.
    let tape = Tape::new();
    let mean = loss.mean(tape.constant(outputs(&[n, time, 3])), data.targets()).unwrap().value();
    let each = CrossEntropy.each(tape.constant(outputs(&[n, time, 3])), &Targets::Sequences(vec![vec![0; time]; n]));
    assert_eq!(each.unwrap().shape(), [n, time].into());
    let (mut sum, mut weights) = (0.0, 0.0);
    let p = outputs(&[n, time, 3]).log_softmax(2);
    let Targets::Sequences(sequences) = data.targets() else { unreachable!("sequences") };
    for (i, labels) in sequences.iter().enumerate() {
        for (t, &label) in labels.iter().enumerate().filter(|(_, label)| **label != 7) {
            sum -= weighted().weights[label] * p.get([i, t, label]);
            weights += weighted().weights[label];
        }
    }
    assert!((mean - sum / weights).abs() < 1e-14);
}

/// Smoothed labels are the smoothed distribution as the target of the plain loss.
#[test]
fn smoothed_labels_are_distributions() {
    let (share, classes) = (0.3, vec![2, 0, 1, 1]);
    let spread = |of: &dyn Fn(usize, usize) -> f64| {
        Targets::Values(Tensor::from_fn([4, 3], |i| of(i[0], i[1]) * (1.0 - share) + share / 3.0))
    };
    let one_hot = |i: usize, class: usize| f64::from(classes[i] == class);
    let logits = outputs(&[4, 3]);
    let check = |loss: &dyn Loss, smoothed: &dyn Loss, y: &Tensor, sharp: &Targets| {
        let (a, b) = (all(smoothed, y, sharp), all(loss, y, &spread(&one_hot)));
        assert!(a.0.is_close(&b.0, 1e-13) && (a.1 - b.1).abs() < 1e-13 && a.2.is_close(&b.2, 1e-13));
    };
    let labels = Targets::Classes(classes.clone());
    check(&CrossEntropy, &Smoothed { loss: CrossEntropy, share }, &logits, &labels);
    let focal = Focal { gamma: 2.0 };
    check(&focal, &Smoothed { loss: focal, share }, &logits, &labels);
    let from = CrossEntropyFromProbabilities { base: Base::Bits };
    check(&from, &Smoothed { loss: from, share }, &logits.softmax(1), &labels);
    let rows = Targets::Values(Tensor::from_fn([4, 3], |i| one_hot(i[0], i[1])));
    check(&CrossEntropy, &Smoothed { loss: CrossEntropy, share }, &logits, &rows);
    check(&KlDivergence, &Smoothed { loss: KlDivergence, share }, &logits.log_softmax(1), &rows);

    let values = |t: [f64; 4]| Targets::Values(Tensor::new([4, 1], t.to_vec()));
    let column = outputs(&[4, 1]);
    let smoothed = Smoothed { loss: BinaryCrossEntropyWithLogits, share };
    let found = all(&smoothed, &column, &Targets::Classes(vec![0, 1, 1, 0]));
    assert_eq!(found, all(&BinaryCrossEntropyWithLogits, &column, &values([0.15, 0.85, 0.85, 0.15])));
    assert_eq!(Loss::<f64>::threshold(&smoothed), Some(0.0));
    let plain = all(&BinaryFocal { gamma: 0.0, alpha: Some(0.25) }, &column, &values([0.0, 1.0, 1.0, 0.0])).0;
    let focal = Smoothed { loss: BinaryFocal { gamma: 0.0, alpha: Some(0.25) }, share };
    let found = all(&focal, &column, &values([0.0, 1.0, 1.0, 0.0])).0;
    let opposite = all(&BinaryCrossEntropyWithLogits, &column, &values([1.0, 0.0, 0.0, 1.0])).0;
    let alpha = Tensor::new([4, 1], vec![0.75, 0.25, 0.25, 0.75]);
    assert!(found.is_close(&(plain * (1.0 - share / 2.0) + opposite * alpha * (share / 2.0)), 1e-14));
}

#[test]
fn weights_and_smoothing_meet_in_any_order() {
    let (y, share) = (outputs(&[4, 3]), 0.1);
    let targets = Targets::Classes(vec![2, 9, 1, 1]);
    let inside = Smoothed { loss: Ignoring { loss: weighted(), class: 9 }, share };
    let outside = Ignoring {
        loss: ClassWeights { loss: Smoothed { loss: CrossEntropy, share }, weights: weighted().weights },
        class: 9,
    };
    assert_eq!(all(&inside, &y, &targets), all(&outside, &y, &targets));
    // A share of 0 changes nothing, not even where a logit is infinite.
    let tape = Tape::new();
    let y: Var<'_> = tape.var([[f64::INFINITY, 0.0], [0.0, f64::INFINITY]]);
    let none = Smoothed { loss: BinaryCrossEntropyWithLogits, share: 0.0 };
    let sure = Targets::Values(Tensor::from([[1.0, 0.0], [0.0, 1.0]]));
    assert_eq!(none.each(y, &sure).unwrap().value(), BinaryCrossEntropyWithLogits.each(y, &sure).unwrap().value());
}
