//! A vector for each word, learned from a book: words that stand in the same places come to lie close together.
//!
//! *Alice's Adventures in Wonderland* is read with a word left out, and a network names it from the two words before and the two behind.
//! Each word has a vector. Those of the neighbours are laid side by side and mapped to the vector that is missing; how well the vector
//! of each word fits it, by their inner product, are the logits. So the same table stands at both ends, as one parameter (Press & Wolf
//! 2017): it is learned from both sides, and halves the model.
//!
//! Every tenth paragraph is held out. Measured is the perplexity, exp of the cross-entropy: among how many words the model as much as
//! guesses. It is held against that of the words' frequencies, and of a bigram model, which knows for all pairs of words how often
//! one follows the other: of the word between l and r it knows p(w|l, r) ∝ p(w|l)·p(r|w).
//!
//! The picture goes to the folder given as argument, else beside the program.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::path::Path;

use autograd::{Float, Param, Tensor, Var};
use examples::pictures;
use mlp::{Adam, CrossEntropy, Dataset, Dropout, Embedding, Error, Init, Linear, Module, Targets, Trainer};
use rand::{SeedableRng, rngs::StdRng};

const WIDTH: usize = 64;
const AROUND: usize = 2; // words on each side
const EPOCHS: usize = 7;
/// Numbers of what is no word of the vocabulary: one that is too rare, and what stands before and behind a paragraph.
const RARE: usize = 0;
const EDGE: usize = 1;
const LEAST: usize = 4; // times that a word is read

#[derive(Module)]
struct Reader<T: Float> {
    words: Embedding<T>,
    context: Linear<T>,
    dropout: Dropout,
    output: Param<T>, // (words, width): the words' table itself, or another
    bias: Param<T>,
}

impl<T: Float> Reader<T> {
    fn new(count: usize, tied: bool) -> Result<Self, Error> {
        let rng = &mut StdRng::seed_from_u64(1);
        let init = Init::Normal { mean: 0.0, std: (WIDTH as f64).powf(-0.5) };
        let words = Embedding::new(count, WIDTH, &init, rng)?;
        let output = if tied { words.table.clone() } else { Param::new(init.sample([count, WIDTH], rng)) };
        let context = Linear::new(2 * AROUND * WIDTH, WIDTH, &Init::glorot_uniform(), rng)?;
        Ok(Reader { words, context, dropout: Dropout::new(0.5)?, output, bias: Param::new(Tensor::zeros([count])) })
    }

    /// Numbers of the words around (n, 2·around) ↦ logits of the word between (n, words).
    fn forward<'t>(&self, around: Var<'t, T>) -> Var<'t, T> {
        let n = around.shape()[0];
        let vectors = self.words.forward(around).reshape([n, 2 * AROUND * WIDTH]);
        let missing = self.dropout.forward(self.context.forward(self.dropout.forward(vectors)));
        missing.matmul(self.output.on(around.tape()).t()) + &self.bias
    }
}

/// Words of a kind; for each, the nearest of all of these should be of its own.
const KINDS: [&[&str]; 5] = [
    &["queen", "king", "hatter", "duchess", "gryphon", "dormouse"],
    &["said", "thought", "cried", "replied"],
    &["could", "would", "should", "might", "must"],
    &["he", "she", "they", "we"],
    &["in", "with", "for", "of", "on"],
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let book = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("data/alice.txt"))?;
    let paragraphs: Vec<Vec<String>> = book.split("\n\n").map(words).filter(|words| !words.is_empty()).collect();
    let part = |tenth: bool| {
        let numbered = paragraphs.iter().enumerate();
        numbered.filter(|(i, _)| (i % 10 == 9) == tenth).map(|(_, words)| words).collect::<Vec<_>>()
    };
    let names = vocabulary(&part(false));
    let numbers: HashMap<&str, usize> = names.iter().enumerate().map(|(i, &word)| (word, i)).collect();
    let number = |word: &String| numbers.get(word.as_str()).copied().unwrap_or(RARE);
    let [train, test] = [part(false), part(true)]
        .map(|part| part.into_iter().map(|words| words.iter().map(number).collect()).collect::<Vec<Vec<usize>>>());
    let [learned, held_out] = [windows(&train)?, windows(&test)?];

    println!("1. {} words are learned, {} held out; {} different ones\n", learned.len(), held_out.len(), names.len());
    println!("{:<22} {:>10} {:>11}", "", "parameters", "perplexity");
    let [frequency, bigram] = baselines(&train, &held_out, names.len());
    for (name, perplexity) in [("frequencies", frequency), ("bigrams on both sides", bigram)] {
        println!("{name:<22} {:>10} {perplexity:>11.1}", "");
    }
    let (two, perplexity_of_two) = trained(false, names.len(), &learned, &held_out)?;
    let (one, perplexity) = trained(true, names.len(), &learned, &held_out)?;

    println!("\n2. The nearest words, by the cosine between vectors\n");
    let table = one.words.table.value().cast::<f64>();
    let unit = &table / table.square().sum_keep(1).sqrt();
    let nearest = |word: &str, among: &[usize], k: usize| -> Vec<&str> {
        let others: Vec<usize> = among.iter().copied().filter(|&i| names[i] != word).collect();
        let cosines = unit.take(0, &others).matmul(&unit.take(0, &[numbers[word]]).flatten());
        cosines.topk(k, 0).1.iter().map(|&i| names[others[i]]).collect()
    };
    let all: Vec<usize> = (EDGE + 1..names.len()).collect();
    for word in ["queen", "said", "could", "little", "eyes", "he", "two", "in", "but"] {
        println!("   {word:<7} {}", nearest(word, &all, 6).join(", "));
    }
    let of_kinds: Vec<usize> = KINDS.iter().flat_map(|kind| kind.iter().map(|word| numbers[word])).collect();
    let right = |kind: &&[&str]| kind.iter().filter(|word| kind.contains(&nearest(word, &of_kinds, 1)[0])).count();
    let right = KINDS.iter().map(right).sum::<usize>();
    println!("\n   of {} words of {} kinds, {right} have one of their own kind nearest", of_kinds.len(), KINDS.len());

    let frequent = table.slice(0, EDGE + 1..250);
    let centred = &frequent - frequent.mean_keep(0);
    let plane = centred.matmul(&centred.svd().2.slice(0, 0..2).t());
    let at = |(i, place): (usize, &[f64])| (names[EDGE + 1 + i], (place[0], place[1]));
    let places: Vec<_> = plane.as_slice().chunks(2).enumerate().map(at).collect();
    pictures::labels("The most frequent words", ["first principal component", "second principal component"], &places)
        .publish("words")?;

    assert!(perplexity < bigram && bigram < frequency);
    assert!(one.parameters().numel() * 10 < two.parameters().numel() * 6 && perplexity < perplexity_of_two);
    assert!(right * 10 >= of_kinds.len() * 8, "{right} of {}", of_kinds.len());
    Ok(())
}

/// A model, and its perplexity on the words held out.
fn trained(
    tied: bool,
    count: usize,
    learned: &Dataset<f32>,
    held_out: &Dataset<f32>,
) -> Result<(Reader<f32>, f64), Error> {
    let model = Reader::new(count, tied)?;
    let mut adam = Adam::new(&model.parameters(), 0.0);
    let rate = |epoch: usize| 8e-3 * (1.0 - (epoch - 1) as f64 / EPOCHS as f64);
    let trainer = Trainer::new().epochs(EPOCHS).batch_size(128).seed(1).schedule(rate);
    let history = trainer.fit(&model, &CrossEntropy, &mut adam, learned, Some(held_out))?;
    let perplexity = history.last().validation_loss.expect("data held out").exp();
    let name = if tied { "network, one table" } else { "network, two tables" };
    println!("{name:<22} {:>10} {perplexity:>11.1}", model.parameters().numel());
    Ok((model, perplexity))
}

/// The perplexity of the words of `test` by the frequencies of words, and by a bigram model with both neighbours.
///
/// Of a pair that it has never read a bigram model knows nothing. So a part of each count is given to all words, by their frequencies
/// (absolute discounting: Ney, Essen & Kneser 1994).
fn baselines(train: &[Vec<usize>], test: &Dataset<f32>, count: usize) -> [f64; 2] {
    const PART: f64 = 0.75;
    let mut pairs = vec![0.0; count * count];
    for words in train {
        let (first, second) = ([EDGE].iter().chain(words), words.iter().chain(&[EDGE]));
        first.zip(second).for_each(|(l, r)| pairs[l * count + r] += 1.0);
    }
    let pairs = Tensor::new([count, count], pairs);
    let often = pairs.sum_keep(0) / pairs.sum();
    let given = pairs.clamp(0.0, 1.0).sum_keep(1) * PART;
    let follows = ((&pairs - PART).relu() + given * &often) / pairs.sum_keep(1); // p(r|l) in row l
    let Targets::Classes(words) = test.targets() else { unreachable!("words are classes") };
    let neighbours =
        |column| test.inputs().slice(1, column..column + 1).as_slice().iter().map(|&i| i as usize).collect();
    let [left, right]: [Vec<usize>; 2] = [AROUND - 1, AROUND].map(neighbours);
    let between = follows.take(0, &left) * follows.t().take(0, &right);
    [often.take(0, &vec![0; test.len()]), between].map(|shares| {
        let (edge, word) = (shares.slice(1, EDGE..EDGE + 1), |i: usize| shares.get([i, words[i]]));
        let all = shares.sum_keep(1) - edge; // no word is an edge
        let log = |i: usize| (word(i) / all.as_slice()[i]).ln();
        (-(0..words.len()).map(log).sum::<f64>() / words.len() as f64).exp()
    })
}

/// Words and signs, in their order.
fn words(text: &str) -> Vec<String> {
    let apart = |sign: char| match sign.to_ascii_lowercase() {
        letter @ ('a'..='z' | '\'') => letter.to_string(),
        '.' | ',' | '!' | '?' | ';' | ':' => format!(" {sign} "),
        _ => " ".to_string(),
    };
    let text: String = text.chars().map(apart).collect();
    text.split_whitespace().map(|word| word.trim_matches('\'').to_string()).filter(|word| !word.is_empty()).collect()
}

/// The words that are read often enough, the most frequent first, behind the two that are none.
fn vocabulary<'a>(paragraphs: &[&'a Vec<String>]) -> Vec<&'a str> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    paragraphs.iter().copied().flatten().for_each(|word| *counts.entry(word).or_default() += 1);
    let mut often: Vec<(&str, usize)> = counts.into_iter().filter(|&(_, count)| count >= LEAST).collect();
    often.sort_by_key(|&(word, count)| (Reverse(count), word));
    ["(rare)", "(edge)"].into_iter().chain(often.into_iter().map(|(word, _)| word)).collect()
}

/// The words around each word, with the word as the class.
fn windows(paragraphs: &[Vec<usize>]) -> Result<Dataset<f32>, Error> {
    let (mut around, mut middle) = (vec![], vec![]);
    for words in paragraphs {
        let word = |i: usize| i.checked_sub(AROUND).and_then(|i| words.get(i)).copied().unwrap_or(EDGE);
        for i in AROUND..AROUND + words.len() {
            around.extend((i - AROUND..i).chain(i + 1..=i + AROUND).map(|i| word(i) as f32));
            middle.push(word(i));
        }
    }
    Dataset::new(Tensor::new([middle.len(), 2 * AROUND], around), middle)
}
