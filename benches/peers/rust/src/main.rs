//! The rows of the benches in other crates, beside ours in the same process: `cargo run --release [peer [rows]]`.

#[cfg(feature = "burn")]
mod burn;
mod candle;
mod compare;
mod dfdx;

use std::error::Error;

type Answer = Result<(), Box<dyn Error>>;
type Run = fn(&'static str) -> Answer;

/// Each peer, and what runs a row of it.
const PEERS: &[(&str, Run)] = &[
    ("candle", |row| Ok(candle::row(row)?)),
    ("dfdx", |row| {
        dfdx::row(row);
        Ok(())
    }),
    #[cfg(feature = "burn")]
    ("burn", |row| {
        burn::row(row);
        Ok(())
    }),
];

const ROWS: [&str; 8] = ["A", "B", "C", "D", "E", "F", "G", "J"];

fn main() -> Answer {
    // SAFETY: no other thread runs yet. The peers read it when they first multiply.
    unsafe { std::env::set_var("RAYON_NUM_THREADS", "1") };
    autograd::set_threads(1);
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (asked, rows) = (arguments.first(), arguments.get(1));
    if let Some(asked) = asked.filter(|asked| PEERS.iter().all(|(peer, _)| peer != asked)) {
        let peers: Vec<_> = PEERS.iter().map(|(peer, _)| *peer).collect();
        return Err(
            format!("no peer {asked} here: take one of {}; burn wants `--features burn`", peers.join(", ")).into()
        );
    }
    if let Some(letter) = rows.and_then(|rows| rows.chars().find(|&letter| !ROWS.concat().contains(letter))) {
        return Err(format!("no row {letter}: take some of {}", ROWS.concat()).into());
    }
    for (peer, run) in PEERS.iter().filter(|(peer, _)| asked.is_none_or(|asked| asked == peer)) {
        benches::race::head("ours", peer);
        ROWS.iter().filter(|row| rows.is_none_or(|rows| rows.contains(**row))).try_for_each(|row| run(row))?;
    }
    Ok(())
}
