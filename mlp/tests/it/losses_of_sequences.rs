//! Connectionist temporal classification against all alignments, one by one.

use autograd::{Float, Tape, Tensor};
use mlp::{Activation, Ctc, Dataset, Linear, Loss, Module, Sequential, Sgd, Targets, Trainer};
use rand::{SeedableRng, rngs::StdRng};

/// `−ln P(labels)` as the sum over every alignment.
fn by_hand(p: &Tensor, labels: &[usize], blank: usize) -> f64 {
    let [times, classes] = p.shape()[..] else { unreachable!("(time, classes)") };
    let mut sum = 0.0;
    for mut code in 0..classes.pow(times as u32) {
        let mut path: Vec<usize> = vec![];
        for _ in 0..times {
            path.push(code % classes);
            code /= classes;
        }
        let probability: f64 = path.iter().enumerate().map(|(time, &class)| p.get([time, class])).product();
        path.dedup();
        path.retain(|&class| class != blank);
        if path == labels {
            sum += probability;
        }
    }
    -f64::ln(sum)
}

#[test]
fn ctc_sums_over_all_alignments() {
    let labels = vec![vec![1, 0], vec![], vec![0, 0], vec![1, 3, 1], vec![3, 3, 1]];
    let p = Tensor::from_fn([5, 5, 4], |i| ((9 * i[0] + 5 * i[1] + 3 * i[2]) as f64).sin()).softmax(2);
    let tape = Tape::new();
    let loss = Ctc { blank: 2 };
    let found = loss.each(tape.constant(p.ln()), &Targets::Sequences(labels.clone())).unwrap().value();
    for (i, labels) in labels.iter().enumerate() {
        let needed = by_hand(&p.at(0, i), labels, 2);
        assert!((found.get([i]) - needed).abs() < 1e-12, "{labels:?}: {} for {needed}", found.get([i]));
    }
}

#[test]
fn long_sequences_do_not_underflow() {
    fn holds<T: Float>(tolerance: f64) {
        let tape = Tape::<T>::default();
        // Each class has probability ¼, so only the number of alignments counts: of one label at t times there are
        // t(t + 1)/2.
        let times = 600;
        let y = tape.var(Tensor::full([1, times, 4], T::from_f64(0.25f64.ln())));
        let loss = Ctc::default().mean(y, &Targets::Sequences(vec![vec![3]])).unwrap();
        let needed = times as f64 * 4f64.ln() - ((times * (times + 1) / 2) as f64).ln();
        assert!((loss.value().to_f64() / needed - 1.0).abs() < tolerance, "{} for {needed}", loss.value());
        let gradient = loss.backward()[y].to_vec();
        // Each time emits one class, so the shares of the alignments sum to the number of times.
        let sum: f64 = gradient.iter().map(|dy| dy.to_f64()).sum();
        assert!((sum / -(times as f64) - 1.0).abs() < 10.0 * tolerance, "{sum}");
    }
    holds::<f64>(1e-12);
    holds::<f32>(2e-5);
}

#[test]
fn a_probability_of_0_makes_the_loss_infinite_and_no_slope_nan_elsewhere() {
    let tape = Tape::new();
    let never = f64::NEG_INFINITY;
    let y = tape.var([[[never, 0.0], [never, 0.0]], [[never, 0.0], [0.5f64.ln(), 0.5f64.ln()]]]);
    let each = Ctc::default().each(y, &Targets::Sequences(vec![vec![], vec![1]])).unwrap();
    assert_eq!(each.value().to_vec(), [f64::INFINITY, 0.0]);
    let slopes = each.at(0, 1).sum().backward()[y].to_vec();
    assert_eq!(slopes, [0.0, 0.0, 0.0, 0.0, 0.0, -1.0, -0.5, -0.5]);
    // The gradient of both is that of the one that can be.
    assert_eq!(each.sum().backward()[y].to_vec(), slopes);
}

/// Alignments that end nowhere, that cannot begin, or that meet a wall midway: ∞ and 0, behind a softmax too.
#[test]
fn an_alignment_that_cannot_be_has_no_slope() {
    fn holds<T: Float>() {
        let tape = Tape::<T>::default();
        let never = T::from_f64(f64::NEG_INFINITY);
        // Of the labels 1 and 2 at three times: those at which a class cannot be, and whether the labels still can.
        let cases: [(&[usize], usize, bool); 5] =
            [(&[0, 1, 2], 1, false), (&[1, 2], 1, true), (&[0, 1], 1, false), (&[1, 2], 2, false), (&[0], 2, true)];
        for (closed, class, possible) in cases {
            let shut = |i: &[usize]| i[0] == 0 && i[2] == class && closed.contains(&i[1]);
            let x = tape.var(Tensor::from_fn([2, 3, 3], |i| if shut(i) { never } else { T::one() }));
            let labels = Targets::Sequences(vec![vec![1, 2], vec![1, 2]]);
            let each = Ctc::default().each(x.log_softmax(2), &labels).unwrap();
            assert_eq!(each.value().get([0]).to_f64() < f64::INFINITY, possible, "{class} not at {closed:?}");
            let gradient = each.sum().backward()[x].clone();
            assert!(gradient.is_finite(), "{class} not at {closed:?}: {gradient:?}");
            assert_eq!(gradient.at(0, 0) == Tensor::zeros([3, 3]), !possible);
            assert!(gradient.at(0, 1).abs().max() > T::from_f64(0.1));
        }
    }
    holds::<f64>();
    holds::<f32>();
}

/// A reader of one-hot strokes learns to spell, without being told when.
#[test]
fn a_trainer_takes_sequences() {
    let words = [vec![1, 2], vec![2], vec![2, 1], vec![1, 1]];
    let strokes = [[0, 1, 0, 2], [0, 0, 2, 2], [2, 2, 1, 0], [1, 0, 1, 0]];
    let x = Tensor::from_fn([4, 4, 3], |i| f64::from(strokes[i[0]][i[1]] == i[2]));
    let data = Dataset::new(x, Targets::Sequences(words.to_vec())).unwrap();
    assert_eq!(data.select(&[1]).unwrap().targets(), &Targets::Sequences(vec![vec![2]]));
    let layer = Linear::new(3, 3, &mlp::Init::glorot_uniform(), &mut StdRng::seed_from_u64(1)).unwrap();
    let model = Sequential::new().then(layer).then(Activation::LogSoftmax);
    let mut sgd = Sgd::new(&model.parameters(), 1.0);
    let history = Trainer::new().epochs(200).full_batch().fit(&model, &Ctc::default(), &mut sgd, &data, None).unwrap();
    assert!(history.last().loss < 0.05, "{}", history.last().loss);
    let classes = model.predict(data.inputs()).argmax(2);
    let read: Vec<Vec<usize>> = classes
        .chunks(4)
        .map(|row| {
            let mut row = row.to_vec();
            row.dedup();
            row.retain(|&class| class != 0);
            row
        })
        .collect();
    assert_eq!(read, words);
}
