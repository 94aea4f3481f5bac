//! Einstein's summation beside loops over all indices, and what names are refused.

use std::collections::BTreeMap;

use autograd::Tensor;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// The sum over all values of all letters.
fn by_loops(inputs: &[&str], output: &str, lengths: &BTreeMap<char, usize>, x: &[Tensor]) -> Tensor {
    let letters: Vec<char> = lengths.keys().copied().collect();
    let shape: Vec<usize> = output.chars().map(|c| lengths[&c]).collect();
    let mut y = vec![0.0; shape.iter().product()];
    let all: usize = lengths.values().product();
    for mut at in 0..all {
        let mut index = BTreeMap::new();
        for letter in &letters {
            index.insert(*letter, at % lengths[letter]);
            at /= lengths[letter];
        }
        let place = |names: &str| names.chars().fold(0, |place, c| place * lengths[&c] + index[&c]);
        let product: f64 = inputs.iter().zip(x).map(|(names, x)| x.as_slice()[place(names)]).product();
        y[place(output)] += product;
    }
    Tensor::new(shape, y)
}

#[test]
fn random_names_give_the_sum_over_all_indices() {
    let mut rng = StdRng::seed_from_u64(0);
    for case in 0..300 {
        let lengths: BTreeMap<char, usize> = "abcde".chars().map(|c| (c, rng.random_range(1..4))).collect();
        let mut names = |most: usize| -> String {
            (0..rng.random_range(0..=most)).map(|_| char::from(b'a' + rng.random_range(0..5u8))).collect()
        };
        let inputs: Vec<String> = (0..1 + case % 3).map(|_| names(4)).collect();
        let used: String = inputs.concat();
        let mut output: Vec<char> = names(3).chars().filter(|c| used.contains(*c)).collect();
        output.sort_unstable();
        output.dedup();
        output.reverse();
        let output: String = output.into_iter().collect();
        let lengths: BTreeMap<char, usize> = lengths.into_iter().filter(|(c, _)| used.contains(*c)).collect();
        let x: Vec<Tensor> = inputs
            .iter()
            .map(|names| {
                Tensor::from_fn(names.chars().map(|c| lengths[&c]).collect::<Vec<_>>(), |_| rng.random_range(-1.0..1.0))
            })
            .collect();
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let spec = format!("{} -> {output}", inputs.join(", "));
        let (y, expected) = (Tensor::einsum(&spec, &x), by_loops(&inputs, &output, &lengths, &x));
        assert!(y.is_close(&expected, 1e-13), "{spec}: {y} is not {expected}");
    }
}

#[test]
fn without_an_arrow_the_result_has_what_is_named_once() {
    let (a, b): (Tensor, Tensor) =
        (Tensor::linspace(0.0, 1.0, 6).reshape([2, 3]), Tensor::linspace(1.0, 2.0, 12).reshape([3, 4]));
    let operands = [a.clone(), b.clone()];
    assert_eq!(Tensor::einsum("zj,ja", &operands), a.matmul(&b).t());
    let batches: Tensor = Tensor::linspace(-1.0, 1.0, 24).reshape([2, 4, 3]);
    let turned = Tensor::einsum("...ij->...ji", std::slice::from_ref(&batches));
    assert_eq!(turned, batches.t());
    assert_eq!(Tensor::einsum("...ij,...ij", &[batches.clone(), batches.clone()]).shape(), &[2].into());
    assert_eq!(Tensor::einsum("...i,i->...", &[batches.clone(), Tensor::ones([3])]), batches.sum_axis(2));
}

#[test]
fn names_that_do_not_fit_are_refused() {
    let (a, b) = (Tensor::ones([2, 3]), Tensor::ones([4, 5]));
    let refused = |spec: &str, x: &[Tensor], text: &str| {
        let error = Tensor::try_einsum(spec, x).unwrap_err().to_string();
        assert_eq!(error, format!("einsum: `{spec}`: {text}"));
    };
    let two = [a.clone(), b];
    let law = "axis `j` has length 3 in operand 0 of shape (2, 3) and 4 in operand 1 of shape (4, 5)";
    refused("ij,jk->ik", &two, law);
    refused("ij->ij", &two, "1 operands are named, 2 given");
    let one = [a];
    refused("ijk->i", &one, "3 axes are named for operand 0 of shape (2, 3), which has 2");
    refused("ij->ik", &one, "axis `k` of the result is in no operand");
    refused("ij->ii", &one, "axis `i` is named twice in the result");
    refused("i1->i", &one, "`1` is no name of an axis; use letters, `,`, `->` and `...`");
    let none = Tensor::<f64>::try_einsum("->", &[]).unwrap_err().to_string();
    assert_eq!(none, "einsum: no arrays given; at least one is needed");
}
