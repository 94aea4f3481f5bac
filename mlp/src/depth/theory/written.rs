//! How a [`Block`] and its pieces are written.

use std::fmt;

use super::Joined;
use super::block::{Block, Piece};
use crate::error::shown;

impl Piece {
    /// Its kind, as a row of a forecast names it.
    pub(super) fn kind(&self) -> String {
        match self {
            Piece::Linear { .. } => "linear".into(),
            Piece::Activation(theory) => theory.curve.name.clone(),
            Piece::Norm(kind, _) => kind.name().into(),
            Piece::Affine { .. } => "affine".into(),
            Piece::Dropout(p) => format!("dropout({})", shown(p)),
            Piece::Pool(_) => "pool".into(),
            Piece::Embedding(_) => "embedding".into(),
            Piece::Positions(_) => "positions".into(),
            Piece::Attention(_) => "attention".into(),
            Piece::Residual { .. } => "residual".into(),
            Piece::Parallel { joined: Joined::Sum, .. } => "add".into(),
            Piece::Parallel { joined: Joined::Product, .. } => "multiply".into(),
            Piece::Parallel { joined: Joined::Concat(_), .. } => "concat".into(),
        }
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.parts.is_empty() {
            return f.write_str("identity");
        }
        for (i, piece) in self.pieces().enumerate() {
            if i > 0 {
                f.write_str(" → ")?;
            }
            match piece {
                Piece::Linear { weights, biases } => {
                    write!(f, "linear(σ_w² = {}, σ_b² = {})", shown(weights), shown(biases))?;
                }
                Piece::Attention(attention) => {
                    let [scores, values] = [shown(attention.scores), shown(attention.values)];
                    let tokens = attention.tokens;
                    f.write_str(if attention.causal { "causal " } else { "" })?;
                    write!(f, "attention(T = {tokens}, σ_Q²σ_K² = {scores}, σ_V²σ_O² = {values}")?;
                    if attention.biases > 0.0 {
                        write!(f, ", bσ_K² = {}", shown(attention.biases))?;
                    }
                    f.write_str(")")?;
                }
                Piece::Pool(places) => write!(f, "pool({places})")?,
                Piece::Embedding(table) | Piece::Positions(table) => {
                    write!(f, "{}(t² = {}, t·t′ = {})", piece.kind(), shown(table.square), shown(table.pair()))?;
                }
                Piece::Affine { gain, shift } => write!(f, "affine(γ² = {}, β² = {})", shown(gain), shown(shift))?,
                Piece::Residual { stream, branch, inner } => {
                    let factor =
                        |strength: f64| if strength == 1.0 { String::new() } else { format!("{}·", shown(strength)) };
                    // The branch needs brackets where it is scaled.
                    let alone = self.parts.len() == 1;
                    let (stream, branch) = (factor(*stream), factor(*branch));
                    let inner = if branch.is_empty() { inner.to_string() } else { format!("({inner})") };
                    match alone {
                        true => write!(f, "{stream}x + {branch}{inner}")?,
                        false => write!(f, "({stream}x + {branch}{inner})")?,
                    }
                }
                Piece::Parallel { joined, branches } => {
                    let several = |block: &Block| block.parts.len() > 1;
                    let branch = |block: &Block| match block.parts.len() {
                        0 => "x".to_string(),
                        _ if several(block) && *joined == Joined::Product => format!("({block})"),
                        _ => block.to_string(),
                    };
                    let branches: Vec<String> = branches.iter().map(branch).collect();
                    match joined {
                        Joined::Concat(_) => write!(f, "[{}]", branches.join(", "))?,
                        _ => {
                            let all = branches.join(if *joined == Joined::Sum { " + " } else { " · " });
                            if several(self) { write!(f, "({all})")? } else { f.write_str(&all)? }
                        }
                    }
                }
                other => f.write_str(&other.kind())?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Block({self})")
    }
}
