//! Layers with options drawn at random, against their formulas written as plain loops.

use autograd::{Conv, Pool, Shape, Tape, Tensor};
use mlp::{
    AvgPool2d, Cell, Conv1d, Conv2d, ConvTranspose2d, Gru, Init, Lstm, MaxPool2d, Module, MultiHeadAttention,
    Recurrent, Rnn, Sequential,
};
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;

fn rng() -> StdRng {
    StdRng::seed_from_u64(11)
}

/// No two alike, of both signs.
fn values(shape: impl Into<Shape>) -> Tensor {
    let shape = shape.into();
    let n = shape.numel();
    Tensor::new(shape, (0..n).map(|i| (1.7 * i as f64 + 0.4).sin() * (1.0 + 0.01 * i as f64)).collect())
}

/// Lengths and options of windows along the two axes of a picture.
#[derive(Debug, Clone)]
struct Windows {
    image: [usize; 2],
    size: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
    dilation: [usize; 2],
}

impl Windows {
    fn conv(&self) -> Conv {
        Conv::new().stride(self.stride).padding(self.padding).dilation(self.dilation)
    }

    /// How many windows there are along an axis, if one fits.
    fn count(&self, axis: usize) -> Option<usize> {
        let span = (self.size[axis] - 1) * self.dilation[axis] + 1;
        let rest = (self.image[axis] + 2 * self.padding[axis]).checked_sub(span)?;
        Some(rest / self.stride[axis] + 1)
    }

    /// Where value `k` of window `i` lies, if on the picture.
    fn place(&self, axis: usize, i: usize, k: usize) -> Option<usize> {
        let place = (i * self.stride[axis] + k * self.dilation[axis]).checked_sub(self.padding[axis])?;
        (place < self.image[axis]).then_some(place)
    }

    /// The places of window (i, j) on the picture, with those in the window.
    fn places(&self, i: usize, j: usize) -> Vec<([usize; 2], [usize; 2])> {
        let [rows, columns] = self.size;
        let within = (0..rows).flat_map(|a| (0..columns).map(move |b| [a, b]));
        within.filter_map(|[a, b]| Some(([self.place(0, i, a)?, self.place(1, j, b)?], [a, b]))).collect()
    }
}

fn lengths(of: std::ops::Range<usize>) -> impl Strategy<Value = [usize; 2]> {
    [of.clone(), of]
}

fn windows() -> impl Strategy<Value = Windows> {
    (lengths(1..6), lengths(1..4), lengths(1..4), lengths(0..3), lengths(1..3))
        .prop_map(|(image, size, stride, padding, dilation)| Windows { image, size, stride, padding, dilation })
}

/// The convolution as a sum over places.
fn convolved(
    x: &Tensor,
    w: &Tensor,
    b: &Tensor,
    windows: &Windows,
    groups: usize,
    [rows, columns]: [usize; 2],
) -> Tensor {
    let (inputs, outputs) = (w.shape()[1], w.shape()[0]);
    Tensor::from_fn([x.shape()[0], outputs, rows, columns], |i| {
        let first = i[1] / (outputs / groups) * inputs;
        let sum: f64 = windows
            .places(i[2], i[3])
            .into_iter()
            .flat_map(|([r, c], [k, l])| (0..inputs).map(move |channel| (channel, r, c, k, l)))
            .map(|(channel, r, c, k, l)| x.get([i[0], first + channel, r, c]) * w.get([i[1], channel, k, l]))
            .sum();
        sum + b.get([i[1]])
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn convolutions_are_sums_over_windows(
        windows in windows(), n in 0usize..3, groups in 1usize..3, inputs in 1usize..3, outputs in 1usize..3,
    ) {
        let conv = windows.conv().groups(groups);
        let layer = Conv2d::new(groups * inputs, groups * outputs, windows.size, conv, &Init::he_normal(), &mut rng()).unwrap();
        layer.b.as_ref().unwrap().set(values([groups * outputs]));
        let x = values([n, groups * inputs, windows.image[0], windows.image[1]]);
        match [windows.count(0), windows.count(1)] {
            [Some(rows), Some(columns)] => {
                let y = layer.predict(&x);
                prop_assert_eq!(layer.output_shape(x.shape()).unwrap(), Some(y.shape().clone()));
                let needed = convolved(&x, &layer.w.value(), &layer.b.as_ref().unwrap().value(), &windows, groups, [rows, columns]);
                prop_assert!(y.is_close(&needed, 1e-12));
                // A transposed convolution is the adjoint: ⟨conv x, v⟩ = ⟨x, turned v⟩, if its output is as long as x.
                let rest = |axis: usize| {
                    let span = (windows.size[axis] - 1) * windows.dilation[axis] + 1;
                    (windows.image[axis] + 2 * windows.padding[axis] - span) % windows.stride[axis]
                };
                let back = conv.output_padding([rest(0), rest(1)]);
                let init = &Init::Zeros;
                let turned = ConvTranspose2d::new(groups * outputs, groups * inputs, windows.size, back, init, &mut rng());
                let turned = turned.unwrap().without_bias();
                turned.w.set(layer.w.value());
                let v = values(y.shape()) * 0.7;
                let plain = layer.without_bias().predict(&x);
                let [a, b] = [(plain * &v).sum(), (turned.predict(&v) * &x).sum()];
                prop_assert!((a - b).abs() <= 1e-11 * (1.0 + a.abs()), "{} and {}", a, b);
            }
            _ => prop_assert!(layer.output_shape(x.shape()).is_err()),
        }
    }

    #[test]
    fn one_axis_is_a_picture_of_one_row(windows in windows(), groups in 1usize..3) {
        let one = |lengths: [usize; 2]| lengths[1];
        let conv = Conv::new().stride(one(windows.stride)).padding(one(windows.padding)).dilation(one(windows.dilation));
        let layer = Conv1d::new(2 * groups, groups, one(windows.size), conv.groups(groups), &Init::he_normal(), &mut rng()).unwrap();
        let x = values([2, 2 * groups, one(windows.image)]);
        let flat = Windows {
            image: [1, windows.image[1]], size: [1, windows.size[1]], stride: [1, windows.stride[1]],
            padding: [0, windows.padding[1]], dilation: [1, windows.dilation[1]],
        };
        match flat.count(1) {
            Some(count) => {
                let row = |x: &Tensor| x.unsqueeze(2);
                let needed = convolved(&row(&x), &row(&layer.w.value()), &layer.b.as_ref().unwrap().value(), &flat, groups, [1, count]);
                prop_assert!(layer.predict(&x).is_close(&needed.squeeze(2), 1e-12));
            }
            None => prop_assert!(layer.output_shape(x.shape()).is_err()),
        }
    }

    #[test]
    fn pools_are_of_their_windows(windows in windows(), excluded in any::<bool>()) {
        let pool = Pool::new(windows.size).stride(windows.stride).padding(windows.padding).dilation(windows.dilation);
        let pool = if excluded { pool.exclude_padding() } else { pool };
        let x = values([2, 2, windows.image[0], windows.image[1]]);
        let Ok(Some(shape)) = Module::<f64>::output_shape(&MaxPool2d(pool), x.shape()) else {
            // Refused: no window fits, one lies beyond the edge, or the padding is more than half of one.
            let far = (0..2).any(|axis| {
                windows.padding[axis] > windows.size[axis] / 2
                    || windows.count(axis).is_none_or(|count| {
                        (0..count).any(|i| (0..windows.size[axis]).all(|k| windows.place(axis, i, k).is_none()))
                    })
            });
            prop_assert!(far);
            return Ok(());
        };
        prop_assert_eq!(&shape[2..], [windows.count(0).unwrap(), windows.count(1).unwrap()]);
        let under = |i: &[usize]| -> Vec<f64> {
            windows.places(i[2], i[3]).into_iter().map(|([r, c], _)| x.get([i[0], i[1], r, c])).collect()
        };
        let most = Tensor::from_fn(shape.clone(), |i| under(i).into_iter().fold(f64::NEG_INFINITY, f64::max));
        prop_assert_eq!(MaxPool2d(pool).predict(&x), most);
        let all = windows.size.iter().product::<usize>() as f64;
        let mean = Tensor::from_fn(shape, |i| {
            let under = under(i);
            under.iter().sum::<f64>() / if excluded { under.len() as f64 } else { all }
        });
        prop_assert!(AvgPool2d(pool).predict(&x).is_close(&mean, 1e-13));
    }

    #[test]
    fn recurrent_layers_are_their_steps(
        n in 0usize..3, time in 1usize..5, inputs in 1usize..4, hidden in 1usize..4, layers in 1usize..4, last in any::<bool>(),
    ) {
        steps(|| Rnn::stacked(inputs, hidden, layers, &mut rng()).unwrap(), [n, time], last)?;
        steps(|| Gru::stacked(inputs, hidden, layers, &mut rng()).unwrap(), [n, time], last)?;
        steps(|| Lstm::stacked(inputs, hidden, layers, &mut rng()).unwrap(), [n, time], last)?;
    }

    #[test]
    fn attention_is_a_weighted_mean(
        n in 0usize..3, time in 1usize..4, keys in 1usize..5, heads in 1usize..4, depth in 1usize..3, causal in any::<bool>(),
        bits in any::<u64>(), masked in 0usize..4,
    ) {
        let width = heads * depth;
        let layer = MultiHeadAttention::<f64>::new(width, heads, &mut rng()).unwrap();
        let layer = if causal { layer.causal() } else { layer };
        let (query, memory) = (values([n, time, width]), values([n, keys, width]) * 0.6);
        let shape: Shape = [vec![], vec![time, keys], vec![n, time, keys], vec![n, 1, keys]][masked].iter().copied().collect();
        let mask = Tensor::new(shape.clone(), (0..shape.numel()).map(|i| (bits >> (i % 61) & 1) as f64).collect());
        let tape = Tape::values_only();
        let given = (masked > 0).then(|| tape.constant(mask.clone()));
        let y = layer.attend(tape.constant(query.clone()), tape.constant(memory.clone()), given).value();

        let [q, k, v] = [layer.query.predict(&query), layer.key.predict(&memory), layer.value.predict(&memory)];
        let sees = |i: usize, t: usize, key: usize| {
            let seen = match masked {
                0 => 1.0,
                1 => mask.get([t, key]),
                2 => mask.get([i, t, key]),
                _ => mask.get([i, 0, key]),
            };
            seen == 1.0 && !(causal && key > t)
        };
        let read = Tensor::from_fn([n, time, width], |at| {
            let (i, t, columns) = (at[0], at[1], at[2] / depth * depth..(at[2] / depth + 1) * depth);
            let weight = |key: usize| {
                let score: f64 = columns.clone().map(|c| q.get([i, t, c]) * k.get([i, key, c])).sum();
                if sees(i, t, key) { (score / (depth as f64).sqrt()).exp() } else { 0.0 }
            };
            let sum: f64 = (0..keys).map(weight).sum();
            let values: f64 = (0..keys).map(|key| weight(key) * v.get([i, key, at[2]])).sum();
            if sum == 0.0 { 0.0 } else { values / sum }
        });
        prop_assert!(y.is_close(&layer.out.predict(&read), 1e-12));
    }
}

/// A stack is a chain of single layers with its parameters, the last state is that of all, and one step after the other from the state
/// behind the one before gives the same.
fn steps<C: Cell>(layer: impl Fn() -> Recurrent<C>, [n, time]: [usize; 2], last: bool) -> Result<(), TestCaseError> {
    let stack = layer();
    let x = values([n, time, stack.inputs()]);
    let all = stack.predict(&x);
    let mut chain = Sequential::new();
    let own = stack.parameters();
    let layers = own.names().filter(|name| name.ends_with(".w")).count();
    for i in 0..layers {
        let inputs = if i == 0 { stack.inputs() } else { stack.hidden() };
        let one = Recurrent::<C>::new(inputs, stack.hidden(), &mut rng()).unwrap();
        for (name, param) in one.parameters().iter() {
            param.set(own.get(&name.replacen('0', &i.to_string(), 1)).unwrap().value());
        }
        chain = chain.then(one);
    }
    prop_assert!(chain.predict(&x).is_close(&all, 1e-14));

    let tape = Tape::values_only();
    let mut state = stack.start(&tape, n);
    for t in 0..time {
        let (y, behind) = stack.unroll(tape.constant(x.slice(1, t..t + 1)), state);
        prop_assert!(y.value().is_close(&all.slice(1, t..t + 1), 1e-14));
        state = behind;
    }
    if last {
        let shape = [n, stack.hidden()];
        let last = layer().last();
        prop_assert_eq!(last.output_shape(x.shape()).unwrap(), Some(shape.into()));
        prop_assert_eq!(last.predict(&x), all.slice(1, time - 1..time).reshape(shape));
    }
    Ok(())
}
