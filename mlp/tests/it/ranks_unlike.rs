//! Ranks that do not train the same are told so: none waits for ever, and none trains on in silence.

use autograd::{Param, Tensor};
use mlp::train::{BestWeights, Communicator, in_ranks};
use mlp::{Activation, BatchNorm, Dataset, L1, Linear, Mlp, Module, Mse, Result, Sequential, Sgd, Trainer};
use rand::{SeedableRng, rngs::StdRng};

fn line(samples: usize, from: usize) -> Dataset {
    let x = Tensor::from_fn([samples, 1], |i| ((from + i[0]) as f64).sin());
    Dataset::new(x.clone(), x.map(|x| 2.0 * x)).unwrap()
}

fn settings(rank: &dyn Communicator) -> Trainer<'_> {
    Trainer::new().epochs(2).batch_size(4).parts(3).progress(false).communicator(rank)
}

/// What the first of three ranks says, where rank 1 is the odd one.
fn said(train: impl Fn(&Linear, &mut Sgd, Trainer<'_>, bool) -> Result<()> + Sync) -> String {
    let found = in_ranks(3, |rank| {
        let model = Linear { w: Param::new([[0.5]]), b: None };
        let mut sgd = Sgd::new(&model.parameters(), 0.1);
        train(&model, &mut sgd, settings(rank), rank.rank() == 1).unwrap_err().to_string()
    });
    assert!(found[1..].iter().all(|said| *said == format!("rank 0: {}", found[0])), "{found:?}");
    found[0].clone()
}

#[test]
fn a_rank_that_resumes_alone() {
    for odd in [true, false] {
        let said = said(|model, sgd, trainer, is_odd| {
            let trainer = if is_odd == odd { trainer.resume_from("training.safetensors") } else { trainer };
            trainer.fit(model, &Mse, sgd, &line(8, 0), None).map(drop)
        });
        let named = format!("rank 1 differs from rank 0 in the choice to resume: {odd}, where rank 0 has {};", !odd);
        assert!(said.contains(&named), "{said}");
    }
}

#[test]
fn another_loss_of_the_same_model() {
    let said = said(|model, sgd, trainer, odd| {
        let loss: &dyn mlp::Loss = if odd { &L1 } else { &Mse };
        trainer.fit(model, loss, sgd, &line(8, 0), None).map(drop)
    });
    assert!(said.contains("rank 1 differs from rank 0 in the loss of the first samples"), "{said}");
}

#[test]
fn streams_that_part_after_the_first_batch() {
    type Batches = fn(bool) -> [usize; 3];
    let cases: [(Batches, &str); 3] = [
        (|odd| [4, 4, if odd { 3 } else { 4 }], "the number of samples of batch 3 of epoch 1: 3, where rank 0 has 4;"),
        (|odd| [4, 4, if odd { 0 } else { 4 }], "that one step takes: 0, where rank 0 has 1;"),
        (|odd| [4, 4, if odd { 4 } else { 0 }], "that one step takes: 1, where rank 0 has 0;"),
    ];
    for (batches, named) in cases {
        let said = said(|model, sgd, trainer, odd| {
            let open = |epoch| Ok(batches(odd).into_iter().filter(|n| *n > 0).map(move |n| Ok(line(n, epoch))));
            trainer.fit_stream(model, &Mse, sgd, open, None).map(drop)
        });
        assert!(said.contains(named), "{said}");
    }
    let said = said(|model, sgd, trainer, odd| {
        let open = |epoch| Ok((0..3).map(move |batch| Ok(line(4, epoch + batch + usize::from(odd && batch == 2)))));
        trainer.fit_stream(model, &Mse, sgd, open, None).map(drop)
    });
    assert!(said.contains("the values of the first and last sample of batch 3 of epoch 1;"), "{said}");
}

#[test]
fn other_weights_in_the_end() {
    let said = said(|model, sgd, trainer, odd| {
        let trainer = trainer.schedule(|epoch| if epoch == 1 { 0.1 } else { 10.0 }); // the second is worse
        let trainer = if odd { trainer.callback(BestWeights::new()) } else { trainer };
        trainer.fit(model, &Mse, sgd, &line(8, 0), Some(&line(5, 8))).map(drop)
    });
    let named = "the parameters of rank 1 differ from those of rank 0 when the training has ended; give all ranks the same callbacks";
    assert!(said.contains(named), "{said}");
}

#[test]
fn buffers_are_refused_whatever_the_parts() {
    for parts in [1, 3] {
        let found = in_ranks(2, |rank| {
            let mut rng = StdRng::seed_from_u64(0);
            let mlp: Mlp = Mlp::new(1).output(1, Activation::Identity).build(&mut rng).unwrap();
            let model = Sequential::new().then(BatchNorm::new(1).unwrap()).then(mlp);
            let mut sgd = Sgd::new(&model.parameters(), 0.1);
            settings(rank).parts(parts).fit(&model, &Mse, &mut sgd, &line(8, 0), None).unwrap_err().to_string()
        });
        assert!(found[0].contains("each of 2 ranks would move the buffer"), "{}", found[0]);
        assert!(found[0].contains("train such a model on one rank in 1 part, or with LayerNorm"), "{}", found[0]);
    }
}
