//! The rows of the benches in other crates, beside ours in the same process: `cargo run --release [peer [rows]]`.

mod candle;
mod compare;
mod dfdx;

use std::error::Error;

/// Of every row that a peer has, its letter.
const PEERS: [(&str, &str); 2] = [("candle", "ABCDEFGJ"), ("dfdx", "ABCDEFGJ")];

fn main() -> Result<(), Box<dyn Error>> {
    // SAFETY: no other thread runs yet. The peers read it when they first multiply.
    unsafe { std::env::set_var("RAYON_NUM_THREADS", "1") };
    autograd::set_threads(1);
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (peer, rows) = (arguments.first(), arguments.get(1));
    if let Some(peer) = peer.filter(|peer| PEERS.iter().all(|(name, _)| name != peer)) {
        return Err(format!("no peer {peer}: take one of {PEERS:?}").into());
    }
    for (name, has) in PEERS {
        if peer.is_none_or(|peer| peer == name) {
            compare::head(name);
            for row in ["A", "B", "C", "D", "E", "F", "G", "J"] {
                if has.contains(row) && rows.is_none_or(|rows| rows.contains(row)) {
                    run(name, row)?;
                }
            }
        }
    }
    Ok(())
}

fn run(peer: &str, row: &'static str) -> Result<(), Box<dyn Error>> {
    match peer {
        "candle" => candle::row(row)?,
        "dfdx" => dfdx::row(row),
        _ => unreachable!("main has looked"),
    }
    Ok(())
}
