//! What the tape computes in one pass and might have computed in several: nobody can tell but by the clock.

use autograd::{Elementwise, ElementwiseMany, ElementwiseN, Float, Number, Param, Scalar, Tape, Tensor, Unary, Var};

/// tanh(2x + 1)·exp(−x²)
#[derive(Clone, Copy)]
pub(crate) struct Bump;

impl Elementwise for Bump {
    #[inline(always)]
    fn f<N: Number>(self, x: N) -> N {
        (x * N::constant(2.0) + N::one()).tanh() * (-(x * x)).exp()
    }
}

/// Its slope at 0 is infinite.
#[derive(Clone, Copy)]
struct Root;

impl Elementwise for Root {
    #[inline(always)]
    fn f<N: Number>(self, x: N) -> N {
        x.sqrt()
    }
}

/// Numbers in (−2, 2), not in order.
fn scattered<T: Float>(len: usize) -> Tensor<T> {
    Tensor::from_fn([len], |i| T::from_f64((i[0] * 7919 % 4001) as f64 / 1000.0 - 2.0))
}

fn bits<T: Float>(x: &Tensor<T>) -> Vec<u64> {
    x.to_vec().iter().map(|x| x.to_f64().to_bits()).collect()
}

/// Its values where nothing is put off.
fn mapped<T: Float>(x: &Tensor<T>) -> Tensor<T> {
    Tape::default().constant(x.clone()).map(Bump).value()
}

/// `loss` of the map and the gradient, its values asked for before there is a sum.
fn values_first<T: Float>(x: &Tensor<T>, loss: fn(Var<'_, T>) -> Scalar<'_, T>) -> (T, Vec<u64>) {
    let tape = Tape::default();
    let x = tape.var(x.clone());
    let y = x.map(Bump);
    assert_eq!(y.value().shape(), &x.shape());
    let loss = loss(y);
    (loss.value(), bits(&loss.backward()[x]))
}

fn under_a_sum<T: Float>() {
    for len in [0, 1, 15, 64, 100, 4096, 4097, 20_000] {
        let values = scattered::<T>(len);
        let losses: [fn(Var<'_, T>) -> Scalar<'_, T>; 2] = [|y| y.sum(), |y| y.sum() * 0.3];
        for loss in losses {
            let tape = Tape::default();
            let x = tape.var(values.clone());
            let y = x.map(Bump);
            let sum = loss(y);
            let found = (sum.value(), bits(&sum.backward()[x]));
            assert_eq!(found, values_first(&values, loss), "{len} values");
            // The first sweep has taken the slopes.
            assert_eq!(bits(&sum.backward()[x]), found.1, "{len} values, swept again");
            assert_eq!(bits(&y.value()), bits(&mapped(&values)), "{len} values, read at last");
            assert_eq!(bits(&sum.backward()[x]), found.1, "{len} values, swept after they were read");
        }
    }
}

#[test]
fn a_sum_over_a_map_has_the_bits_of_the_sum_of_its_values() {
    under_a_sum::<f32>();
    under_a_sum::<f64>();
}

#[test]
fn a_map_under_two_sums_and_another_operation_has_the_gradient_of_all() {
    let tape = Tape::new();
    let x = tape.var(scattered::<f64>(100));
    let y = x.map(Bump);
    let loss = y.sum() * 2.0 + y.sum() * 3.0 + y.square().sum();
    let slope = loss.backward()[x].clone();
    let z = x.map(Bump);
    let expected = (z * 5.0 + z.square()).sum().backward()[x].clone();
    assert!(slope.is_close(&expected, 1e-14));
    // The same in forward mode, and once more differentiated.
    let along = Tensor::ones([100]);
    assert!((loss.to_var().jvp(&[(x, &along)]).item() - expected.sum()).abs() < 1e-12);
    let slope = x.map(Bump).sum().grad(x);
    let curvature = slope.sum().backward()[x].clone();
    let values = x.map(Bump);
    assert_eq!(values.value().shape(), &x.shape());
    assert_eq!(bits(&curvature), bits(&values.sum().grad(x).sum().backward()[x]));
}

#[test]
fn a_map_under_sums_alone_adds_up_their_gradients() {
    let values = scattered::<f64>(12);
    let tape = Tape::new();
    let x = tape.var(values.reshape([3, 4]));
    let y = x.map(Bump);
    let loss = y.sum() * 2.0 + y.sum_axis(0).square().sum() + y.sum() * 3.0;
    let swept = [loss.backward()[x].clone(), loss.backward()[x].clone()];
    assert_eq!(bits(&swept[0]), bits(&swept[1]));
    let read = x.map(Bump);
    assert_eq!(read.value().numel(), 12);
    let expected = (read.sum() * 5.0 + read.sum_axis(0).square().sum()).backward()[x].clone();
    assert!(swept[0].is_close(&expected, 1e-14), "{:?} {expected:?}", swept[0]);
}

#[test]
fn a_watched_map_shows_its_gradient() {
    let tape = Tape::new();
    let x = tape.var([0.5, 1.0]);
    let y = x.map(Bump).watch();
    assert_eq!((y.sum() * 3.0).backward()[y].to_vec(), [3.0, 3.0]);
}

#[test]
fn a_weight_of_zero_passes_nothing_through_an_infinite_slope() {
    let tape = Tape::new();
    let x = tape.var([0.0, 4.0]);
    let sum = x.map(Root).sum();
    assert_eq!((sum * 0.0).backward()[x].to_vec(), [0.0, 0.0]);
    let sum = x.map(Root).sum();
    assert_eq!((sum * 2.0).backward()[x].to_vec(), [f64::INFINITY, 0.5]);
}

#[test]
fn a_map_of_a_parameter_keeps_the_values_from_before_an_update() {
    let weights = Param::new([0.5, 1.0]);
    let tape = Tape::new();
    let y = tape.constant([1.0, 1.0]) * weights.on(&tape);
    let (direct, after) = (weights.on(&tape).map(Bump), y.map(Bump));
    let grads = (direct.sum() + after.sum()).backward();
    grads.update(&weights, |w, g| w.iter_mut().zip(g).for_each(|(w, g)| *w -= 0.1 * g));
    drop(grads);
    let before = mapped(&Tensor::from([0.5, 1.0]));
    assert_eq!(direct.value(), before);
    assert_eq!(after.value(), before);
}

#[test]
fn a_map_under_a_sum_keeps_one_array_and_not_two() {
    let tape = Tape::new();
    let x = tape.var(Tensor::<f64>::zeros([1000]));
    let (empty, y) = (tape.bytes(), x.map(Bump));
    let sum = y.sum();
    let bytes = |tape: &Tape| tape.bytes() - empty;
    assert!((8_000..9_000).contains(&bytes(&tape)), "{}", bytes(&tape));
    assert_eq!(sum.graph().bytes(), tape.bytes());
    let _ = y.value();
    assert!((16_000..17_000).contains(&bytes(&tape)), "{}", bytes(&tape));
}

#[test]
fn a_picture_shows_the_values_of_a_map_that_was_put_off() {
    let tape = Tape::new();
    let x = tape.var([4.0, 9.0]);
    let sum = x.map(Root).sum();
    let put_off = sum.graph().values(true).to_dot();
    assert!(put_off.contains("[2, 3]"), "{put_off}");
    // The same as of values that were read before there was a sum, but for what is kept.
    let tape = Tape::new();
    let y = tape.var([4.0, 9.0]).map(Root);
    assert_eq!(y.value().to_vec(), [2.0, 3.0]);
    assert_eq!(put_off, y.sum().graph().values(true).to_dot());
}

#[test]
fn a_layer_with_its_activation_has_the_bits_of_the_two() {
    let (x, w, b) = (scattered::<f64>(600).reshape([20, 30]), scattered(210).reshape([30, 7]), scattered(7));
    for row in [Unary::Tanh, Unary::Sigmoid, Unary::Relu, Unary::Softplus] {
        let tape = Tape::new();
        let (x, w, b) = (tape.var(&x * 0.1), tape.var(w.clone()), tape.var(b.clone()));
        let (one, two) = (x.dense(w, b, row), x.affine(w, b).unary(row, [0.0; 2]));
        assert_eq!(bits(&one.value()), bits(&two.value()), "{}", row.name());
        let (one, two) = (one.square().sum(), two.square().sum());
        for handle in [x, w, b] {
            assert_eq!(bits(&one.backward()[handle]), bits(&two.backward()[handle]), "{}", row.name());
            let along = scattered(handle.shape().numel()).reshape(handle.shape());
            let [one, two] = [one, two].map(|y| y.to_var().jvp(&[(handle, &along)]).item());
            assert_eq!(one.to_bits(), two.to_bits(), "{}", row.name());
        }
        let [one, two] = [one, two].map(|y| bits(&y.grad(w).square().sum().backward()[w]));
        assert_eq!(one, two, "{}", row.name());
    }
}

#[test]
fn each_parameter_is_handed_over_with_its_whole_gradient() {
    let (w, b, unused, frozen) =
        (Param::new([[1.0, 2.0]]), Param::new([0.5, -0.5]), Param::new([1.0]), Param::new([3.0]));
    frozen.freeze();
    let mut tape = Tape::new();
    for _ in 0..3 {
        tape.clear();
        let x = tape.constant([[2.0], [3.0]]);
        let hidden = x.affine(&w, &b).tanh();
        let _ = unused.on(&tape);
        // w is used twice, and b after it was last recorded.
        let loss = (hidden * &w + &b).square().sum() * frozen.on(&tape).item();
        let expected: Vec<_> = [&w, &b].map(|p| loss.backward()[p].clone()).into();
        let mut seen = vec![];
        loss.backward_each(|param, grads| {
            seen.push((param.clone(), grads[param].clone()));
            grads.update_each(param, [], |p, dp, []| *p -= 0.01 * dp);
        });
        let names: Vec<_> = seen.iter().map(|(param, _)| if *param == w { "w" } else { "b" }).collect();
        assert_eq!(names, ["b", "w"]);
        assert_eq!([&seen[1].1, &seen[0].1], [&expected[0], &expected[1]]);
    }
    assert_eq!((unused.value().item(), frozen.value().item()), (1.0, 3.0));
}

#[test]
fn cross_entropy_has_the_same_gradient_however_often_it_is_swept() {
    let tape = Tape::new();
    // More rows than are worked on at once.
    let logits = tape.var(scattered::<f64>(100 * 7).reshape([100, 7]));
    let classes: Vec<usize> = (0..100).map(|i| i * 5 % 7).collect();
    let losses = logits.cross_entropy(&classes);
    let onehot = Tensor::from_fn([100, 7], |i| if i[1] == classes[i[0]] { 1.0 } else { 0.0 });
    let expected = (&logits.value().softmax(1) - &onehot) * 0.01;
    let mean = losses.mean();
    let first = mean.backward()[logits].clone();
    assert!(first.is_close(&expected, 1e-15));
    // The first sweep has taken the derivatives, and the value is that of a tape without gradients.
    assert!(mean.backward()[logits].is_close(&expected, 1e-15));
    assert_eq!(bits(&losses.value()), bits(&logits.detach().cross_entropy(&classes).value()));
    // Another user of the losses, and a row that weighs nothing.
    let weights = tape.constant_with([100], |i| if i == 3 { 0.0 } else { 2.0 });
    let both = logits.cross_entropy(&classes);
    let grads = ((both * weights).sum() + both.sum()).backward()[logits].clone();
    let row = tape.constant_with([100, 1], |i| if i == 3 { 1.0 } else { 3.0 }).value();
    assert!(grads.is_close(&(&(&expected * 100.0) * &row), 1e-13));
}

/// The gate of a cell, with a function that chooses.
#[derive(Clone, Copy)]
pub(crate) struct Gate;

impl ElementwiseN<4> for Gate {
    #[inline(always)]
    fn f<N: Number>(self, [x, h, w, b]: [N; 4]) -> N {
        (x * w + b).sigmoid() * h.tanh() + x.greater(h).select(w.sin(), b * b)
    }
}

/// More inputs than a function may have to keep its slopes.
#[derive(Clone, Copy)]
struct Many;

impl ElementwiseN<9> for Many {
    #[inline(always)]
    fn f<N: Number>(self, x: [N; 9]) -> N {
        x[1..].iter().fold(x[0], |all, &x| all * x + x.exp())
    }
}

/// The gradient of a fused function of several inputs, the last of them broadcast, against the recorded one and
/// against forward mode.
fn of_several<T: Float, const K: usize>(f: impl ElementwiseN<K>, constant: &[usize]) {
    for len in [0, 1, 15, 64, 1000] {
        let tape = Tape::<T>::default();
        let values =
            |k: usize| Tensor::from_fn([len], |i| T::from_f64(((i[0] * 7919 + k * 31) % 4001) as f64 / 1e3 - 2.0));
        let x: [Var<'_, T>; K] = std::array::from_fn(|k| match k {
            _ if constant.contains(&k) => tape.constant(values(k)),
            _ if k + 1 == K => tape.var([T::from_f64(0.7)]),
            _ => tape.var(values(k)),
        });
        let y = Var::zip_map(x, f);
        let weights = values(77);
        let loss = (y * &weights).sum();
        let (grads, recorded) = (loss.backward(), loss.grad(&x[..]));
        for k in (0..K).filter(|k| !constant.contains(k)) {
            assert_eq!(grads[x[k]], recorded[k].value(), "input {k} of {K}, {len} values");
            let ones = Tensor::full(x[k].shape(), T::one());
            let along = (y.jvp(&[(x[k], &ones)]) * &weights).sum();
            let sum: f64 = grads[x[k]].to_vec().iter().map(|dx| dx.to_f64()).sum();
            let close = (along.to_f64() - sum).abs() <= 1e3 * T::EPSILON * (len as f64).max(1.0);
            assert!(close || !sum.is_finite(), "input {k} of {K}, {len} values: {along} and {sum}");
        }
    }
}

#[test]
fn a_map_of_several_inputs_has_the_gradient_of_its_parts() {
    of_several::<f64, 4>(Gate, &[]);
    of_several::<f32, 4>(Gate, &[]);
    of_several::<f64, 4>(Gate, &[0]);
    of_several::<f64, 4>(Gate, &[2]);
    of_several::<f64, 4>(Gate, &[0, 1, 2]); // too few variables for slopes to be kept
    of_several::<f64, 9>(Many, &[3]);
}

/// A cell with two results, which share most of their work.
#[derive(Clone, Copy)]
pub(crate) struct Cell;

impl ElementwiseMany<3, 2> for Cell {
    #[inline(always)]
    fn f<N: Number>(self, [x, h, b]: [N; 3]) -> [N; 2] {
        let gate = (x * h + b).sigmoid();
        let state = gate * h + (N::one() - gate) * x.sin();
        [state, gate * state.tanh()]
    }
}

/// The results as functions by themselves.
#[derive(Clone, Copy)]
pub(crate) struct OneResult<F>(pub(crate) F, pub(crate) usize);

impl<F: ElementwiseMany<K, 2>, const K: usize> ElementwiseN<K> for OneResult<F> {
    #[inline(always)]
    fn f<N: Number>(self, x: [N; K]) -> N {
        self.0.f(x)[self.1]
    }
}

/// Two results of nine inputs, which keep no slopes.
#[derive(Clone, Copy)]
struct ManyTwice;

impl ElementwiseMany<9, 2> for ManyTwice {
    #[inline(always)]
    fn f<N: Number>(self, x: [N; 9]) -> [N; 2] {
        [ElementwiseN::f(Many, x), x[3] * x[4].exp()]
    }
}

/// Values, gradients to the second order and tangents of a function with two results are those of two functions; the last
/// input is broadcast once instead of twice, and so summed in another order.
fn of_two_results<T: Float, const K: usize>(f: impl ElementwiseMany<K, 2>) {
    for len in [0, 1, 15, 64, 333] {
        let tape = Tape::<T>::default();
        let values =
            |k: usize| Tensor::from_fn([len], |i| T::from_f64(((i[0] * 7919 + k * 31) % 4001) as f64 / 1e3 - 2.0));
        let x: [Var<'_, T>; K] =
            std::array::from_fn(|k| tape.var(if k + 1 == K { Tensor::from([T::from_f64(0.7)]) } else { values(k) }));
        let together = Var::map_many(x, f);
        let apart = [0, 1].map(|m| Var::zip_map(x, OneResult(f, m)));
        let [loss, other] =
            [together, apart].map(|[a, b]| (a * &values(77)).sum() + (b.square() * a * &values(78)).sum());
        let [grads, others] = [loss, other].map(|loss| loss.grad(&x[..]));
        let (plain, seconds) = (loss.backward(), [&grads, &others].map(|grads| grads[0].square().sum().backward()));
        for k in 0..2 {
            assert_eq!(together[k].value(), apart[k].value(), "result {k}, {len} values");
        }
        for k in 0..K {
            assert_eq!(plain[x[k]], grads[k].value(), "input {k}, {len} values");
            let close = |a: &Tensor<T>, b: &Tensor<T>| a.is_close(b, 1e3 * T::EPSILON.to_f64());
            assert!(close(&grads[k].value(), &others[k].value()), "input {k}, {len} values, apart");
            assert!(close(&seconds[0][x[k]], &seconds[1][x[k]]), "input {k}, {len} values, second order");
            let ones = Tensor::full(x[k].shape(), T::one());
            let tangents = [together[1], apart[1]].map(|y| y.jvp(&[(x[k], &ones)]));
            assert_eq!(tangents[0], tangents[1], "input {k}, {len} values, forward");
        }
    }
}

#[test]
fn results_of_one_pass_are_those_of_functions_by_themselves() {
    of_two_results::<f64, 3>(Cell);
    of_two_results::<f32, 3>(Cell);
    of_two_results::<f64, 9>(ManyTwice);
    // Where nothing is tracked, and where nothing is recorded.
    for tape in [Tape::new(), Tape::values_only()] {
        let x = [[0.5, -1.0], [2.0, 0.1], [0.0, 1.0]].map(|x| tape.constant(x));
        let values = Var::map_many(x, Cell).map(|y| y.value().to_vec());
        for (i, at) in [[0.5, 2.0, 0.0], [-1.0, 0.1, 1.0]].into_iter().enumerate() {
            assert_eq!([values[0][i], values[1][i]], Cell.f(at));
        }
    }
}

#[test]
fn results_of_one_pass_agree_with_finite_differences_and_operations() {
    let [x, h, b] = [[0.3, -1.2, 2.0], [1.1, 0.4, -0.6], [-0.2, 0.9, 0.1]].map(Tensor::from);
    let report = autograd::check(
        |x| {
            let [state, out] = Var::map_many([x[0], x[1], x[2]], Cell);
            (state.square() * out + out).sum()
        },
        &[x.clone(), h.clone(), b.clone()],
    );
    assert!(report.unwrap().passed());
    let tape = Tape::new();
    let [x, h, b] = [x, h, b].map(|x| tape.var(x));
    let gate = (x * h + b).sigmoid();
    let state = gate * h + (1.0 - gate) * x.sin();
    let by_operations = (state.square() * (gate * state.tanh())).sum().backward();
    let [state, out] = Var::map_many([x, h, b], Cell);
    let fused = (state.square() * out).sum().backward();
    for x in [x, h, b] {
        assert!(fused[x].is_close(&by_operations[x], 1e-14));
    }
}
