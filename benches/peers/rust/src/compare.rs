//! Verifies a peer's row against ours, then times the two in turn.

use autograd::Tape;
use benches::layers::{self, Answer};
use benches::networks::{Network, Row};
use benches::race::{Ratio::OtherByOurs, race};
use benches::{arrays, assert_close, fused};

/// Row G's w, b and first x, those of `benches::arrays`: were they others, the answers would differ.
pub const W: [f32; 4] = [1.0; 4];
pub const B: [f32; 4] = [0.0; 4];
pub const X: [f32; 4] = [0.5, 0.6, 0.7, 0.8];

/// Row G's answer, the gradients by x, w and b after the value.
pub type Chain = (f32, [Vec<f32>; 3]);

/// A row of training: `step` records, sweeps and descends, and returns the loss before it descended.
pub fn training(row: &Row, mut step: impl FnMut() -> f32) {
    let (network, mut tape, (x, classes)) = (Network::new(row), Tape::default(), row.data());
    let mut ours = || network.step(&mut tape, &x, &classes);
    // The fourth is the loss after three steps.
    let (expected, found) = ([(); 4].map(|()| ours()), [(); 4].map(|()| step()));
    for (found, expected) in found.into_iter().zip(expected) {
        assert_close(&format!("{}, loss", row.name), &[found], &[expected], 1e-4);
    }
    assert!(found[3] < found[0], "{}: the loss does not fall: {found:?}", row.name);
    race(row.name, 1, OtherByOurs, ours, step);
}

/// Row J: the logits, verified all; what is timed reads the first one.
pub fn inference(row: &Row, logits: &[f32], infer: impl FnMut() -> f32) {
    let (network, mut tape, (x, _)) = (Network::new(row), Tape::values_only(), row.data());
    let expected = network.forward(tape.constant(x.clone())).value().to_vec();
    assert_close("J, logits", logits, &expected, 1e-4);
    race(row.name, 1, OtherByOurs, || network.infer(&mut tape, &x), infer);
}

/// A row of layers, printed by this name: `step` is forward and backward, and returns the sum of the outputs.
pub fn layer(name: &str, row: &layers::Row<f32>, answer: &Answer, step: impl FnMut() -> f32) {
    let mut tape = Tape::default();
    answer.assert_close(row.name, &row.answer(&mut tape), 1e-4);
    race(name, 1, OtherByOurs, || row.step(&mut tape), step);
}

/// Row F: `bump` returns the value, to `tolerance`, and leaves the gradient in its argument if asked for it.
pub fn fused(tolerance: f64, mut bump: impl FnMut(Option<&mut Vec<f32>>) -> f32) {
    let (mut tape, x, mut dx) = (Tape::default(), fused::inputs(), vec![]);
    let (expected, gradient) = fused::recorded(&mut tape, &x, |dx| dx.to_vec());
    assert_close("F, value", &[bump(Some(&mut dx))], &[expected], tolerance);
    assert_close("F, gradient", &dx, &gradient, 1e-4);
    race("F", 1, OtherByOurs, || fused::recorded(&mut tape, &x, |dx| dx.as_slice()[0]).1, || bump(None));
}

/// Row G, by recorded operation.
pub fn chain(mut chain: impl FnMut() -> Chain) {
    let mut tape = Tape::default();
    let ((expected, gradients), (value, found)) = (arrays::chain(&mut tape), chain());
    assert_close("G, value", &[value], &[expected], 1e-4);
    for (found, expected) in found.iter().zip(&gradients) {
        assert_close("G, gradient", found, expected, 1e-3);
    }
    race(
        "G, an operation",
        arrays::OPERATIONS * arrays::LINKS,
        OtherByOurs,
        || arrays::chain(&mut tape).0,
        || chain().0,
    );
}
