//! Streams of batches: all samples once, the same bits for the same seed, on another thread or not.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use autograd::Tensor;
use mlp::{Ahead, Csv, Dataset, Error, Numeric, Result, Schema, Stream, Targets};
use proptest::prelude::*;

/// Samples `from..to`, whose input and class are their number.
fn part(from: usize, to: usize) -> Result<Dataset> {
    Dataset::new(Tensor::from_fn([to - from, 1], |i| (from + i[0]) as f64), (from..to).collect::<Vec<_>>())
}

/// `n` samples in parts of `size`.
fn parts(n: usize, size: usize) -> impl Iterator<Item = Result<Dataset>> + Send {
    (0..n).step_by(size).map(move |from| part(from, n.min(from + size)))
}

fn classes(batches: impl Iterator<Item = Result<Dataset>>) -> Vec<Vec<usize>> {
    let classes = |batch: Result<Dataset>| {
        let batch = batch.unwrap();
        let Targets::Classes(classes) = batch.targets() else { panic!("classes were put in") };
        assert_eq!(batch.inputs().to_vec(), classes.iter().map(|&class| class as f64).collect::<Vec<_>>());
        classes.clone()
    };
    batches.map(classes).collect()
}

proptest! {
    /// Every sample comes once, at most the buffer early, in batches of one size, however the data are divided.
    #[test]
    fn all_samples_come_once(n in 1..60usize, size in 1..10usize, cut in 1..20usize, buffer in 1..70usize, seed in any::<u64>()) {
        prop_assert_eq!(classes(Stream::batches(parts(n, cut), size)).concat(), (0..n).collect::<Vec<_>>());
        let batches = classes(Stream::batches(parts(n, cut), size).shuffle(buffer, seed));
        prop_assert!(batches[..batches.len() - 1].iter().all(|batch| batch.len() == size));
        let order = batches.concat();
        prop_assert!(order.iter().enumerate().all(|(place, &sample)| sample < place + buffer));
        let mut sorted = order.clone();
        sorted.sort_unstable();
        prop_assert_eq!(sorted, (0..n).collect::<Vec<_>>());
        prop_assert_eq!(&batches, &classes(Stream::batches(parts(n, n), size).shuffle(buffer, seed)));
        prop_assert_eq!(&batches, &classes(Stream::batches(parts(n, cut), size).shuffle(buffer, seed).ahead(3)));
    }
}

#[test]
fn the_same_seed_streams_the_same_way_for_ever() {
    assert_eq!(classes(Stream::batches(parts(8, 3), 3).shuffle(4, 1)), [vec![3, 4, 5], vec![2, 0, 1], vec![7, 6]]);
    let order = |seed| classes(Stream::batches(parts(50, 3), 50).shuffle(50, seed)).concat();
    assert_ne!(order(1), order(2));
    assert_ne!(order(1), (0..50).collect::<Vec<_>>());
}

#[test]
fn an_error_is_the_last_item() {
    let broken = || [part(0, 3), Err(Error::Empty { what: "file".into() }), part(3, 6)].into_iter();
    for buffer in [1, 2, 10] {
        let mut stream = Stream::batches(broken(), 2).shuffle(buffer, 0);
        let good = stream.by_ref().take_while(Result::is_ok).count();
        assert!(good <= 1, "{buffer}");
        assert!(stream.next().is_none());
    }
    let mixed = [part(0, 3), Dataset::new(Tensor::zeros([2, 2]), vec![0, 1])];
    let error = Stream::batches(mixed.into_iter(), 5).next().unwrap().unwrap_err().to_string();
    assert_eq!(error, "concat: samples have shapes (1,) and (2,); join data sets whose samples have one shape");
}

#[test]
fn data_sets_that_are_alike_are_joined() {
    let join = |parts: &[Dataset]| Dataset::concat(parts).map_err(|error| error.to_string());
    let (a, b) = (part(0, 2).unwrap(), part(2, 3).unwrap());
    assert_eq!(join(&[a.clone(), b.clone()]).unwrap(), part(0, 3).unwrap());
    let values = |n: usize| Dataset::new(Tensor::zeros([n, 1]), Tensor::zeros([n, 2])).unwrap();
    assert_eq!(join(&[values(2), values(1)]).unwrap(), values(3));
    let sequences =
        |all: &[Vec<usize>]| Dataset::new(Tensor::zeros([all.len(), 1]), Targets::Sequences(all.to_vec())).unwrap();
    let all = [vec![1], vec![], vec![2, 3]];
    assert_eq!(join(&[sequences(&all[..1]), sequences(&all[1..])]).unwrap(), sequences(&all));
    let weighted = |data: &Dataset, weight| data.clone().with_weights(vec![weight; data.len()]).unwrap();
    let joined = join(&[weighted(&a, 0.5), weighted(&b, 2.0)]).unwrap();
    assert_eq!(joined.weights(), Some(&[0.5, 0.5, 2.0][..]));
    let alike = "join those that are alike";
    assert_eq!(
        join(&[weighted(&a, 0.5), b.clone()]),
        Err(format!("concat: the data sets differ in having weights; {alike}"))
    );
    for other in [values(1), sequences(&all)] {
        let kind = format!("concat: the data sets differ in the kind of their targets; {alike}");
        assert_eq!(join(&[a.clone(), other]), Err(kind));
    }
    assert_eq!(join(&[]), Err("concat: no samples; at least one is needed".to_string()));
}

#[test]
fn a_thread_waits_ends_and_hands_on_its_panic() {
    // It is no more than two items and the one at hand ahead.
    let (made, taken) = (Arc::new(AtomicUsize::new(0)), mpsc::channel());
    let count = made.clone();
    let mut items = Ahead::new(
        (0..1000).inspect(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            taken.0.send(()).unwrap();
        }),
        2,
    );
    assert_eq!(items.next(), Some(0));
    (0..4).for_each(|_| taken.1.recv().unwrap()); // the one taken, two that wait, one at hand
    assert!(taken.1.recv_timeout(std::time::Duration::from_millis(50)).is_err());
    drop(items);
    assert_eq!(made.load(Ordering::SeqCst), 4, "the thread ended");

    let mut items = Ahead::new((0..2).map(|i| if i == 0 { i } else { panic!("the second item") }), 1);
    assert_eq!(items.next(), Some(0));
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| items.next())).unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"the second item"));
    assert_eq!(items.next(), None);
}

#[test]
fn files_become_the_same_batches_as_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["a.csv", "b.csv"].map(|name| folder.path().join(name));
    let rows =
        |from: usize, to: usize| (from..to).fold("x,y\n".to_string(), |text, i| format!("{text}{i},{}\n", 3 * i));
    std::fs::write(&paths[0], rows(0, 70)).unwrap();
    std::fs::write(&paths[1], rows(70, 100)).unwrap();
    let csv = Csv::new();
    let whole = csv.parse("t.csv", rows(0, 100).as_bytes()).unwrap();
    let columns = Schema::builder().input("x", [Numeric::new("x").standard()]).values("y", [Numeric::new("y")]);
    let schema = columns.fit(&whole).unwrap();
    let all = schema.dataset::<f64>(&whole).unwrap();
    for chunk in [1, 7, 1000] {
        let data = schema.datasets(csv.files(paths.clone(), chunk));
        let batches: Vec<Dataset> = Stream::batches(data, 32).ahead(1).collect::<Result<_>>().unwrap();
        assert_eq!(batches.iter().map(Dataset::len).collect::<Vec<_>>(), [32, 32, 32, 4]);
        assert_eq!(Dataset::concat(&batches).unwrap(), all);
    }
    let missing = csv.files([&paths[0], Path::new("no/such/file.csv")], 50);
    let mut data = Stream::batches(schema.datasets::<f64, _>(missing), 70);
    assert_eq!(data.next().unwrap().unwrap().len(), 70);
    assert!(matches!(data.next(), Some(Err(Error::Io { .. }))));
}

#[test]
fn a_sample_of_a_file_is_fair_and_keeps_the_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    std::fs::write(&path, (0..3000).fold("x\n".to_string(), |text, i| format!("{text}{i}\n"))).unwrap();
    let sample = |rows, seed| Csv::new().sample(&path, rows, seed).unwrap().numbers::<f64>(&["x"]).unwrap().to_vec();
    assert_eq!(sample(3000, 1), (0..3000).map(f64::from).collect::<Vec<_>>());
    assert_eq!(sample(5000, 1).len(), 3000);
    let some = sample(600, 1);
    assert!(some.len() == 600 && some.is_sorted_by(|a, b| a < b));
    assert_eq!(some, sample(600, 1));
    assert_ne!(some, sample(600, 2));
    // Uniform numbers up to 3000 have the mean 1500 and the standard deviation 866: that of their mean is 35, without what a
    // sample without repetition gains.
    for seed in 0..10 {
        let mean = sample(600, seed).iter().sum::<f64>() / 600.0;
        assert!((mean - 1500.0).abs() < 4.0 * 35.0, "{seed}: {mean}");
    }
    // All of a file must be right, not only what is drawn.
    std::fs::write(&path, "x,y\n1,2\n3\n").unwrap();
    assert!(matches!(Csv::new().sample(&path, 1, 0), Err(Error::Csv { line: 3, .. })));
}
