//! Attention, positions and transformer blocks: masks, bad inputs, and PyTorch's figures.

use autograd::check::Checker;
use autograd::{Float, Parameters, Tape, Tensor, Var};
use mlp::{
    Activation, Flow, Init, Linear, Module, MultiHeadAttention, PositionalEncoding, TransformerBlock, summary,
    summary_for,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::figures::agree;

fn rng() -> StdRng {
    StdRng::seed_from_u64(5)
}

fn attention<T: Float>(heads: usize) -> MultiHeadAttention<T> {
    MultiHeadAttention::new(4, heads, &mut rng()).unwrap()
}

fn block<T: Float>(activation: Activation) -> TransformerBlock<T> {
    TransformerBlock::new(4, 2, 6, activation, &mut rng()).unwrap()
}

/// Sequences (n, time, 4) of numbers that are all different.
fn sequences(n: usize, time: usize) -> Tensor {
    Tensor::from_fn([n, time, 4], |i| (1.3 * (i[0] * 100 + i[1] * 10 + i[2]) as f64).sin())
}

/// What is given to the method `attend`, which is no module's.
#[derive(Clone, Copy)]
enum Given {
    /// The first two steps as queries, the others as memory.
    Memory,
    /// No position sees itself.
    Mask,
    /// Sequences of lengths 1 and 3.
    Padding,
}

struct Attend<T: Float>(MultiHeadAttention<T>, Given);

impl<T: Float> Module<T> for Attend<T> {
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let tape = x.tape();
        match self.1 {
            Given::Memory => self.0.attend(x.slice(1, 0..2), x.slice(1, 2..5), None),
            Given::Mask => self.0.attend(x, x, Some(tape.constant(Tensor::<T>::ones([3, 3]) - Tensor::eye(3)))),
            Given::Padding => self.0.attend(x, x, Some(MultiHeadAttention::padding_mask(tape, &[1, 3], 3))),
        }
    }

    fn parameters(&self) -> Parameters<T> {
        self.0.parameters()
    }
}

#[test]
fn attention_and_blocks_agree_with_pytorch() {
    fn layer<T: Float>(name: &str) -> Option<Box<dyn Module<T>>> {
        Some(match name {
            "attention" => Box::new(attention(1)),
            "attention of two heads" => Box::new(attention(2)),
            "causal attention" => Box::new(attention(2).causal()),
            "attention to a memory" => Box::new(Attend(attention(2), Given::Memory)),
            "attention under a mask" => Box::new(Attend(attention(2), Given::Mask)),
            "attention with padding" => Box::new(Attend(attention(2), Given::Padding)),
            "transformer" => Box::new(block(Activation::Gelu)),
            "transformer, norms behind" => Box::new(block(Activation::Relu).post_norm()),
            _ => return None,
        })
    }
    assert_eq!(agree(include_str!("../data/sequences.json"), layer::<f64>, layer::<f32>), 8);
}

/// By its formula, one query and one head at a time.
#[test]
fn attention_is_a_mean_of_values_weighted_by_likeness() {
    let (layer, x) = (attention(2), sequences(2, 3));
    let made = |name: &str| {
        let of = |part: &str| layer.parameters().get(&format!("{name}.{part}")).unwrap().value();
        x.affine(&of("w"), &of("b"))
    };
    let (q, k, v) = (made("query"), made("key"), made("value"));
    let heads = Tensor::from_fn([2, 3, 4], |i| {
        let (sequence, time, column) = (i[0], i[1], i[2]);
        let head = column / 2 * 2..column / 2 * 2 + 2;
        let score = |key: usize| {
            let dot: f64 = head.clone().map(|j| q.get([sequence, time, j]) * k.get([sequence, key, j])).sum();
            (dot / 2f64.sqrt()).exp()
        };
        let total: f64 = (0..3).map(score).sum();
        (0..3).map(|key| score(key) / total * v.get([sequence, key, column])).sum::<f64>()
    });
    assert!(layer.out.predict(&heads).is_close(&layer.predict(&x), 1e-14));
}

/// Queries that see nothing read 0, and neither their values nor their gradients are NaN, to the second order.
#[test]
fn a_query_without_keys_reads_nothing() {
    let layer = attention::<f64>(2);
    layer.out.b.as_ref().unwrap().set([1.0, 2.0, 3.0, 4.0]);
    let tape = Tape::new();
    let x = tape.var(sequences(2, 3));
    let mask = tape.constant([[1.0, 0.0, 1.0], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]);
    let y = layer.attend(x, x, Some(mask));
    assert_eq!(y.at(1, 1).value(), Tensor::from([[1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0]]));
    let gradients = y.square().sum().backward();
    let all = layer
        .parameters()
        .params()
        .map(|param| gradients[param].clone())
        .chain([gradients[x].clone()])
        .collect::<Vec<_>>();
    assert!(all.iter().all(|gradient| gradient.as_slice().iter().all(|x| x.is_finite())));
    assert!(y.at(1, 1).sum().backward()[x].abs().max() == 0.0);
}

/// A gradient can itself be differentiated, with hidden keys as without.
#[test]
fn second_derivatives_agree_with_differences() {
    for block in [block(Activation::Gelu), block(Activation::Tanh).post_norm().causal()] {
        let report = Checker::new().check(
            |x| {
                let mask = MultiHeadAttention::padding_mask(x[0].tape(), &[2], 3);
                block.forward_masked(x[0], Some(mask)).square().sum().grad(x[0]).square().sum()
            },
            &[sequences(1, 3)],
        );
        report.unwrap().assert_pass();
    }
}

/// Keys and values may read rows of another width than the queries.
#[test]
fn a_memory_may_have_another_width() {
    let mut layer = attention::<f64>(2);
    let other = || Linear::new(3, 4, &Init::glorot_uniform(), &mut rng()).unwrap();
    (layer.key, layer.value) = (other(), other());
    let tape = Tape::new();
    let memory = tape.constant(Tensor::ones([2, 5, 3]));
    let y = layer.attend(tape.constant(sequences(2, 3)), memory, None);
    // All keys are alike, so each query reads the value of any of them.
    let read = layer.out.forward(layer.value.forward(memory)).at(1, 0).value();
    assert!((0..3).all(|t| y.at(1, t).value().is_close(&read, 1e-14)));
    assert!(layer.output_shape(&[2, 3, 4].into()).is_err());
}

#[test]
#[should_panic(expected = "attention: queries, keys and values of [4, 6, 4] numbers for 2 heads; all need 4")]
fn keys_are_as_wide_as_queries() {
    let mut layer = attention::<f64>(2);
    layer.key = Linear::new(4, 6, &Init::glorot_uniform(), &mut rng()).unwrap();
    layer.predict(&sequences(1, 3));
}

#[test]
fn attention_takes_no_sequences_and_one_position() {
    assert_eq!(attention::<f64>(2).predict(&Tensor::zeros([0, 3, 4])).shape(), &[0, 3, 4].into());
    let x = sequences(2, 1);
    let layer = attention::<f64>(2).causal();
    assert!(layer.predict(&x).is_close(&layer.out.predict(&layer.value.predict(&x)), 1e-15));
}

/// A causal mask and one that is given hide what either hides.
#[test]
fn masks_add_up() {
    let x = sequences(1, 3);
    let tape = Tape::new();
    let x = tape.constant(x);
    let lower = tape.constant([[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [1.0, 1.0, 1.0]]);
    let padding = MultiHeadAttention::padding_mask(&tape, &[2], 3);
    let both = attention(2).causal().attend(x, x, Some(padding));
    let by_hand = attention(2).attend(x, x, Some(lower * padding));
    assert!(both.value().is_close(&by_hand.value(), 1e-15));
    assert_eq!(attention(2).causal().predict(&x.value()), attention(2).attend(x, x, Some(lower)).value());
}

/// A query that may see its own key, and whose own key is hidden, does not fall back on those after it.
#[test]
fn a_query_left_without_keys_by_two_masks_reads_nothing() {
    let layer = attention::<f64>(2).causal();
    let tape = Tape::new();
    let x = tape.var(sequences(1, 3));
    let y = layer.attend(x, x, Some(tape.constant([[0.0, 1.0, 1.0]])));
    assert_eq!(y.value().at(1, 0).at(0, 0), layer.out.b.as_ref().unwrap().value());
    let read = y.at(1, 0).square().sum().backward()[x].clone();
    assert_eq!(read, Tensor::zeros([1, 3, 4]));
    // Nor do scores below all others let a hidden key through.
    let far = tape.constant(sequences(1, 3) * 1e40);
    let [seen, hidden] = [3, 2].map(|keys| {
        let mask = MultiHeadAttention::padding_mask(&tape, &[2], keys);
        layer.attend(far.slice(1, 0..2), far.slice(1, 0..keys), Some(mask)).value()
    });
    assert!((seen - hidden).abs().max() < 1e26);
}

#[test]
fn dropped_weights_are_off_while_evaluating() {
    let x = sequences(1, 6);
    let layer = attention(2).dropout(0.5).unwrap();
    assert_eq!(layer.predict(&x), attention(2).predict(&x));
    let trained = |seed| {
        let tape = Tape::new();
        tape.train(seed);
        layer.forward(tape.constant(x.clone())).value()
    };
    assert_eq!(trained(1), trained(1));
    assert_ne!(trained(1), trained(2));
}

#[test]
fn sizes_that_make_no_sense_are_refused() {
    let refused = |width, heads| MultiHeadAttention::<f64>::new(width, heads, &mut rng()).unwrap_err().to_string();
    let law = "columns evenly; make the width a multiple of the heads";
    assert_eq!(refused(4, 3), format!("attention: 3 heads cannot share 4 {law}"));
    assert_eq!(refused(0, 1), format!("attention: 1 heads cannot share 0 {law}"));
    assert_eq!(refused(4, 0), format!("attention: 0 heads cannot share 4 {law}"));
    assert!(attention::<f64>(2).dropout(1.0).is_err() && block::<f64>(Activation::Relu).dropout(-0.1).is_err());
    assert!(TransformerBlock::<f64>::new(4, 2, 0, Activation::Relu, &mut rng()).is_err());
    let refused = |longest, width| PositionalEncoding::<f64>::sinusoidal(longest, width).unwrap_err().to_string();
    assert_eq!(refused(0, 4), "positions: 0 positions as rows of 4 numbers: a table needs both");
    assert_eq!(refused(4, 3), "positions: a width of 3: sines and cosines come in pairs; make it even");
    assert!(PositionalEncoding::<f64>::learned(2, 0, &Init::Zeros, &mut rng()).is_err());
}

#[test]
#[should_panic(
    expected = "attention: sequences of shape (n, time, 4) with at least one step are needed, the input has \
                           shape (3, 4); reshape it or resize the layer"
)]
fn attention_takes_sequences() {
    attention::<f64>(2).predict(&Tensor::zeros([3, 4]));
}

#[test]
#[should_panic(expected = "attention: queries (2, 3, 4) and memory (1, 3, 4) differ in their number of sequences")]
fn queries_have_a_memory_each() {
    let tape = Tape::new();
    let _ = attention(2).attend(tape.constant(sequences(2, 3)), tape.constant(sequences(1, 3)), None);
}

#[test]
#[should_panic(expected = "attention: a mask of shape (2, 3) does not stretch to (n, time, keys), here (2, 3, 3)")]
fn a_mask_fits_its_pairs() {
    let tape = Tape::new();
    let x = tape.constant(sequences(2, 3));
    let _ = attention(2).attend(x, x, Some(tape.constant(Tensor::ones([2, 3]))));
}

#[test]
#[should_panic(expected = "attention: a sequence of length 4 does not fit into 3 keys")]
fn lengths_fit_their_keys() {
    let _ = MultiHeadAttention::<f64>::padding_mask(&Tape::new(), &[2, 4], 3);
}

#[test]
#[should_panic(expected = "transformer: sequences of shape (n, time, 4) with at least one step are needed, the input \
                           has shape (2, 0, 4)")]
fn a_block_takes_sequences() {
    block::<f64>(Activation::Relu).predict(&Tensor::zeros([2, 0, 4]));
}

/// Later positions continue earlier ones, for sequences shorter than the table and of any leading axes.
#[test]
fn positions_are_added_by_place() {
    let positions = PositionalEncoding::<f64>::sinusoidal(50, 4).unwrap();
    let whole = positions.predict(&Tensor::zeros([50, 4]));
    let part = positions.predict(&Tensor::ones([2, 3, 7, 4]));
    assert_eq!(part.at(0, 1).at(0, 2), &whole.slice(0, 0..7) + 1.0);
    // A step of k turns each pair by an angle that does not depend on the position.
    let turn = |t: usize| whole.get([t, 0]) * whole.get([t + 3, 1]) - whole.get([t, 1]) * whole.get([t + 3, 0]);
    assert!((0..47).all(|t| (turn(t) - turn(0)).abs() < 1e-13));
    assert!(positions.parameters().is_empty());
}

#[test]
#[should_panic(expected = "positions: sequences (…, time, 4) of at most 2 steps are needed, the input has shape \
                           (1, 3, 4); enlarge the table or cut the sequences")]
fn a_sequence_is_no_longer_than_the_table() {
    PositionalEncoding::sinusoidal(2, 4).unwrap().predict(&sequences(1, 3));
}

#[test]
fn the_table_of_a_block_names_its_parts() {
    let block = block::<f64>(Activation::Gelu).causal();
    let expected = "\
layer                  shape  activation  parameters
0 layer_norm           4 → 4                       8
1 causal attention(2)  4 → 4                      80
2 layer_norm           4 → 4                       8
3 linear               4 → 6                      30
4 activation                  gelu                 0
5 linear               6 → 4                      28
total                                            154
";
    assert_eq!(summary(&block), expected);
    assert!(summary_for(&block, [2, 3, 4]).unwrap().contains("3 linear               (2, 3, 6)"));
    let layers = Flow::measure(&block, &sequences(2, 3), |y| y.sum()).layers;
    assert_eq!(layers.iter().map(|layer| layer.name.as_str()).collect::<Vec<_>>(), ["attention", "up", ""]);
}
