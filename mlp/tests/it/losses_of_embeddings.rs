//! Losses of pairs and triplets: points that coincide, and what the others of a batch do.

use autograd::{Tape, Tensor, Var};
use mlp::{Contrastive, CosineEmbedding, Loss, NtXent, Targets, Triplet};

#[test]
fn points_that_coincide_have_slopes() {
    let tape = Tape::new();
    let classes = Targets::Classes(vec![0, 1]);
    let (pairs, triplets) = (tape.var(Tensor::zeros([2, 2, 3])), tape.var(Tensor::ones([2, 3, 3])));
    let losses: [(&dyn Loss, Var<'_>); 4] = [
        (&Contrastive { margin: 1.0 }, pairs),
        (&CosineEmbedding::default(), pairs),
        (&NtXent { temperature: 0.1 }, pairs),
        (&Triplet { margin: 1.0 }, triplets),
    ];
    for (loss, y) in losses {
        let loss = loss.mean(y, &classes).unwrap();
        assert!(loss.value().is_finite() && loss.backward()[y].is_finite());
    }
    assert_eq!(Triplet { margin: 1.0 }.each(triplets, &classes).unwrap().value().to_vec(), [1.0, 1.0]);
}

#[test]
fn views_are_scored_against_all_others_of_their_batch() {
    let tape = Tape::new();
    let y = tape.var(Tensor::from_fn([3, 2, 2], |i| ((5 * i[0] + 3 * i[1] + 2 * i[2]) as f64).cos()));
    let loss = NtXent { temperature: 0.7 };
    let found = loss.each(y, &Targets::Classes(vec![0; 3])).unwrap().value();
    let (rows, row) = (y.value().reshape([6, 2]), |rows: &Tensor, i: usize| [rows.get([i, 0]), rows.get([i, 1])]);
    let score = |i: usize, j: usize| {
        let (a, b) = (row(&rows, i), row(&rows, j));
        (a[0] * b[0] + a[1] * b[1]) / a[0].hypot(a[1]) / b[0].hypot(b[1]) / 0.7
    };
    for i in 0..6 {
        let others: f64 = (0..6).filter(|&j| j != i).map(|j| score(i, j).exp()).sum();
        assert!((found.get([i / 2, i % 2]) - (others.ln() - score(i, i ^ 1))).abs() < 1e-12);
    }
    let alone = loss.each(y.slice(0, 0..1), &Targets::Classes(vec![0])).unwrap();
    assert!(alone.value().is_close(&Tensor::zeros([1, 2]), 1e-14));
}
