//! The rows of the benches in other crates, beside ours in the same process: `cargo run --release [peer [rows]]`.
//!
//! Rows are letters, such as `ABJ`, or layers: `layers` for all of them, or the first word of their names, such as `lstm`.
//! `depth LIBRARY ROW DEPTH` measures a chain or a network of this depth in one library, ours among them.

#[cfg(feature = "burn")]
mod burn;
mod candle;
mod compare;
mod depth;
mod dfdx;

use std::error::Error;

use benches::layers;

type Answer = Result<(), Box<dyn Error>>;

/// A library, and what runs a row of it.
struct Peer {
    name: &'static str,
    letter: fn(&'static str) -> Answer,
    layer: Option<fn(&layers::Row<f32>) -> Answer>,
}

const PEERS: &[Peer] = &[
    Peer { name: "candle", letter: |row| Ok(candle::row(row)?), layer: Some(|row| Ok(candle::layers::row(row)?)) },
    Peer {
        name: "dfdx",
        letter: |row| {
            dfdx::row(row);
            Ok(())
        },
        layer: None,
    },
    #[cfg(feature = "burn")]
    Peer {
        name: "burn",
        letter: |row| {
            burn::row(row);
            Ok(())
        },
        layer: Some(|row| {
            burn::layers::row(row);
            Ok(())
        }),
    },
];

const LETTERS: [&str; 8] = ["A", "B", "C", "D", "E", "F", "G", "J"];

fn main() -> Answer {
    // SAFETY: no other thread runs yet. The peers read it when they first multiply.
    unsafe { std::env::set_var("RAYON_NUM_THREADS", "1") };
    autograd::set_threads(1);
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let asked = arguments.first();
    if asked.is_some_and(|asked| asked == "depth") {
        return depth::measure(&arguments[1..]);
    }
    if let Some(asked) = asked.filter(|asked| PEERS.iter().all(|peer| peer.name != *asked)) {
        let peers: Vec<_> = PEERS.iter().map(|peer| peer.name).collect();
        return Err(
            format!("no peer {asked} here: take one of {}; burn wants `--features burn`", peers.join(", ")).into()
        );
    }
    let layers = layers::rows();
    let rows = Rows::new(arguments.get(1..).unwrap_or_default(), &layers)?;
    for peer in PEERS.iter().filter(|peer| asked.is_none_or(|asked| asked == peer.name)) {
        if peer.layer.is_none() && !rows.layers.is_empty() {
            return Err(format!("{} has no rows of layers here", peer.name).into());
        }
        benches::race::head("ours", peer.name);
        rows.letters.iter().try_for_each(|row| (peer.letter)(row))?;
        if let Some(run) = peer.layer {
            rows.layers.iter().try_for_each(|row| run(row))?;
        }
    }
    Ok(())
}

/// The rows to run, those of letters and those of layers.
struct Rows<'a> {
    letters: Vec<&'static str>,
    layers: Vec<&'a layers::Row<f32>>,
}

impl<'a> Rows<'a> {
    /// The rows asked for by letters and by names; without any, all letters.
    fn new(asked: &[String], all: &'a [layers::Row<f32>]) -> Result<Self, String> {
        let word = |row: &layers::Row<f32>| row.name.split(' ').next().expect("a name").to_string();
        let letters = LETTERS.concat();
        let is_letters = |name: &str| name.chars().all(|letter| letters.contains(letter));
        let is_layer = |name: &str| name == "layers" || all.iter().any(|row| word(row) == name);
        if let Some(name) = asked.iter().find(|name| !is_letters(name) && !is_layer(name)) {
            let mut words: Vec<_> = all.iter().map(word).collect();
            words.dedup();
            return Err(format!("no row {name}: take some of {letters}, `layers` or some of {}", words.join(", ")));
        }
        let has_letter = |letter: &str| asked.iter().any(|name| is_letters(name) && name.contains(letter));
        let has_layer = |row: &layers::Row<f32>| asked.iter().any(|name| name == "layers" || *name == word(row));
        Ok(Rows {
            letters: LETTERS.into_iter().filter(|letter| asked.is_empty() || has_letter(letter)).collect(),
            layers: all.iter().filter(|row| has_layer(row)).collect(),
        })
    }
}
