//! Misuses of one array.

use autograd::{Shape, Tape, Tensor};

use super::{Table, Tally, both};

/// `0..len` in the wrong order, which a range written out is not allowed to be.
fn backwards() -> std::ops::Range<usize> {
    std::ops::Range { start: 2, end: 1 }
}

pub(super) fn check(tally: &mut Tally) {
    let tape = Tape::new();
    let mut t = Table::new(&tape);
    views(&mut t);
    choices(&mut t);
    reductions(&mut t);
    constructors(&mut t);
    t.check(tally);
}

fn views(t: &mut Table<'_>) {
    let huge = [1 << 32, 1 << 32];
    let beyond = "shape (4294967296, 4294967296) has more values than a computer can hold";
    both!(t, x, [2, 3], x.reshape([5]), "reshape: shape (2, 3) has 6 values, shape (5,) needs 5");
    both!(t, x, [2, 3], x.reshape(huge), format!("reshape: {beyond}"));
    both!(t, x, [2], x.t(), "t: shape (2,) has no two axes to exchange; add one with unsqueeze?");
    let law = "map_rows: an array of shape () has no rows to call the function with";
    both!(t, x, [], x.map_rows(|row| row), law);
    let axes = "does not exist in shape (2, 3), which has axes 0 to 1";
    both!(t, x, [2, 3], x.transpose(0, 2), format!("transpose: axis 2 {axes}"));
    both!(t, x, [2, 3], x.transpose(5, 0), format!("transpose: axis 5 {axes}"));
    both!(t, x, [2, 3], x.permute(&[0, 0]), "permute: the order [0, 0] must name each axis of shape (2, 3) once");
    both!(t, x, [2, 3], x.permute(&[0]), "permute: the order [0] must name each axis of shape (2, 3) once");
    let stretch = "only axes of length 1, or missing ones, stretch";
    both!(t, x, [2, 3], x.expand([3, 3]), format!("expand: shape (2, 3) cannot be stretched to (3, 3): {stretch}"));
    both!(t, x, [2, 3], x.expand([3]), format!("expand: shape (2, 3) cannot be stretched to (3,): {stretch}"));
    both!(t, x, [1], x.expand(huge), format!("expand: {beyond}"));
    let memory = "there is no memory for the 288230376151711744 values of shape (288230376151711744,)";
    both!(t, x, [1], x.expand([1 << 58]), format!("expand: {memory}; work in smaller parts?"));
    both!(t, x, [2, 3], x.squeeze(0), "squeeze: axis 0 of shape (2, 3) has length 2, not 1");
    both!(t, x, [2, 3], x.squeeze(2), format!("squeeze: axis 2 {axes}"));
    both!(t, x, [2, 3], x.unsqueeze(3), "unsqueeze: a new axis 3 would leave a gap after shape (2, 3); at most 2");
    both!(t, x, [2, 3], x.flip(2), format!("flip: axis 2 {axes}"));
    both!(t, x, [2, 3], x.slice(2, 0..1), format!("slice: axis 2 {axes}"));
    let within = "does not lie within axis";
    both!(t, x, [2, 3], x.slice(1, 2..5), format!("slice: 2..5 in steps of 1 {within} 1 of shape (2, 3) (0..3)"));
    both!(
        t,
        x,
        [2, 3],
        x.slice(0, backwards()),
        format!("slice: 2..1 in steps of 1 {within} 0 of shape (2, 3) (0..2)")
    );
    let law = format!("slice_step: 0..2 in steps of 0 {within} 0 of shape (2, 3) (0..2)");
    both!(t, x, [2, 3], x.slice_step(0, 0..2, 0), law.clone());
    both!(t, x, [2, 3], x.slice_step(2, 0..2, 1), format!("slice_step: axis 2 {axes}"));
    both!(t, x, [2, 3], x.at(0, 2), "at: index 2 at position 0 is out of range for axis 0 of length 2");
    both!(t, x, [2, 3], x.at(2, 0), format!("at: axis 2 {axes}"));
    let pairs = "pad: 1 pairs (before, after) given for the 2 axes of shape (2, 3)";
    both!(t, x, [2, 3], x.pad(&[(1, 1)], 0.0), pairs);
    let beyond = "pad: shape (18446744073709551615, 3) has more values than a computer can hold";
    both!(t, x, [2, 3], x.pad(&[(usize::MAX, 1), (0, 0)], 0.0), beyond);
    both!(t, x, [2], x.diagonal(), "diagonal: shape (2,) is no matrix; diagonal_matrix makes one from a vector");
    both!(t, x, [], x.diagonal_matrix(), "diagonal_matrix: shape () is no vector; reshape it to (1,)?");
    both!(t, x, [2], x.lower_triangle(0), "lower_triangle: shape (2,) is no matrix");
    both!(t, x, [2], x.upper_triangle(0), "upper_triangle: shape (2,) is no matrix");
    both!(t, x, [2, 3], x.split(2, &[1]), format!("split: axis 2 {axes}"));
    let lengths = "split: the lengths [1, 1] must add up to 3, axis 1 of shape (2, 3)";
    both!(t, x, [2, 3], x.split(1, &[1, 1]), lengths);
    let lengths = "split: the lengths [18446744073709551615, 3] must add up to 2, axis 0 of shape (2, 3)";
    both!(t, x, [2, 3], x.split(0, &[usize::MAX, 3]), lengths);
}

fn choices(t: &mut Table<'_>) {
    let axes = "does not exist in shape (2, 3), which has axes 0 to 1";
    both!(t, x, [2, 3], x.take(0, &[0, 2]), "take: index 2 at position 1 is out of range for axis 0 of length 2");
    both!(t, x, [2, 3], x.take(2, &[0]), format!("take: axis 2 {axes}"));
    both!(t, x, [2, 3], x.pick(1, &[0]), "pick: 1 indices given for the 2 places of shape (2,)");
    both!(t, x, [2, 3], x.pick(1, &[0, 3]), "pick: index 3 at position 1 is out of range for axis 1 of length 3");
    both!(t, x, [2, 3], x.pick(2, &[]), format!("pick: axis 2 {axes}"));
    let slices = "scatter_add: 1 indices given for the 2 slices along axis 0 of shape (2, 3)";
    both!(t, x, [2, 3], x.scatter_add(0, &[0], 3), slices);
    let beyond = "scatter_add: index 3 at position 1 is out of range for axis 0 of length 3";
    both!(t, x, [2, 3], x.scatter_add(0, &[0, 3], 3), beyond);
    both!(t, x, [2, 3], x.scatter_add(2, &[0], 3), format!("scatter_add: axis 2 {axes}"));
    let beyond = "scatter_add: shape (18446744073709551615, 3) has more values than a computer can hold";
    both!(t, x, [2, 3], x.scatter_add(0, &[0, 1], usize::MAX), beyond);
    both!(t, x, [2, 3], x.cumsum(2), format!("cumsum: axis 2 {axes}"));
    both!(t, x, [2, 3], x.diff(2), format!("diff: axis 2 {axes}"));
    both!(t, x, [2, 0], x.diff(1), "diff: axis 1 of shape (2, 0) is empty, and has no differences");
    both!(t, x, [2, 3], x.cumprod(2), format!("cumprod: axis 2 {axes}"));
    both!(t, x, [2, 3], x.logcumsumexp(2), format!("logcumsumexp: axis 2 {axes}"));
    both!(t, x, [2, 3], x.vander(0), "vander: 0 powers asked for; there is one at least");
    let beyond = "vander: shape (2, 3, 18446744073709551615) has more values than a computer can hold";
    both!(t, x, [2, 3], x.vander(usize::MAX), beyond);
    both!(t, x, [2, 3], x.renorm(2.0, 2, 1.0), format!("renorm: axis 2 {axes}"));
    both!(t, x, [2, 3], x.renorm(0.5, 0, 1.0), "renorm: p is 0.5; a norm needs p ≥ 1, or infinity");
    both!(t, x, [2, 3], x.renorm(2.0, 0, 0.0), "renorm: the largest norm is 0; it must be above 0 and finite");
    both!(t, x, [2, 3], x.repeat(2, 1), format!("repeat: axis 2 {axes}"));
    let beyond = "repeat: shape (2, 18446744073709551615) has more values than a computer can hold";
    both!(t, x, [2, 3], x.repeat(1, usize::MAX), beyond);
    both!(t, x, [2, 3], x.tile(&[1]), "tile: 1 counts given for the 2 axes of shape (2, 3)");
    both!(t, x, [2, 3], x.trapezoid(2, 1.0), format!("trapezoid: axis 2 {axes}"));
    both!(t, x, [2, 3], x.p_norm(0.5, 0), "p_norm: p is 0.5; a norm needs p ≥ 1, or infinity");
    both!(t, x, [2, 3], x.p_norm(3.0, 2), format!("p_norm: axis 2 {axes}"));
    let places = "interp: values of shape (3,) at 2 places: one value for each, and at least one, is needed";
    both!(t, x, [3], x.interp(&[0.0, 1.0], &x), places);
    both!(t, x, [2], x.interp(&[1.0, 1.0], &x), "interp: place 1 is 1, not above 1 before it; sort the places?");
    both!(t, x, [2, 3], x.roll(1, 2), format!("roll: axis 2 {axes}"));
    both!(t, x, [2, 3], x.shift(1, 2), format!("shift: axis 2 {axes}"));
    both!(t, x, [2, 3], x.det(), "det: shape (2, 3): the last two axes must be of one length");
    both!(t, x, [2, 3], x.matrix_exp(), "matrix_exp: shape (2, 3): the last two axes must be of one length");
    both!(t, x, [2, 3], x.slogdet().1, "slogdet: shape (2, 3): the last two axes must be of one length");
    both!(t, x, [3], x.trace(), "trace: shape (3,) is no matrix; diagonal_matrix makes one from a vector");
    let law = "qr: shape (2, 3): matrices of at least one column and as many rows as columns are needed";
    both!(t, x, [2, 3], x.qr().0, law);
    both!(t, x, [3], x.cholesky(), "cholesky: shape (3,) is no matrix; square matrices are needed");
    let singular = "inverse: pivot 1 is 0 or NaN: the matrix is singular, or holds NaN";
    both!(t, x, [2, 2], x.inverse(), singular);
    spectra(t);
    both!(t, x, [2, 3], x.softmax(7), format!("softmax: axis 7 {axes}"));
    both!(t, x, [2, 3], x.log_softmax(7), format!("log_softmax: axis 7 {axes}"));
    both!(t, x, [], x.normalize(0.0), "normalize: a single number is no row; reshape it?");
    let logits = "cross_entropy: logits of shape (3,) are not (samples, classes); reshape them?";
    both!(t, x, [3], x.cross_entropy(&[0]), logits);
    let classes = "cross_entropy: 1 classes given for the 2 rows of logits of shape (2, 3)";
    both!(t, x, [2, 3], x.cross_entropy(&[0]), classes);
    let beyond = "cross_entropy: index 3 at position 1 is out of range for axis 1 of length 3";
    both!(t, x, [2, 3], x.cross_entropy(&[0, 3]), beyond);
    let (x, y) = (Tensor::<f64>::ones([2, 3]), Tensor::<f64>::ones([2, 0]));
    let (a, b, c, d) = (x.clone(), x.clone(), x.clone(), x.clone());
    t.row(move || a.argmax(2), format!("argmax: axis 2 {axes}"));
    t.row(move || b.argmin(2), format!("argmin: axis 2 {axes}"));
    t.row(move || y.argmax(1), "argmax: axis 1 of shape (2, 0) is empty, and has no extreme");
    t.row(move || c.get([1]), "get: index [1] does not lie in shape (2, 3)");
    t.row(move || d.get([1, 3]), "get: index [1, 3] does not lie in shape (2, 3)");
    t.row(move || x.item(), "item: shape (2, 3) has 6 values, not one");
    let x = t.tape.var(Tensor::ones([2, 3]));
    t.row(move || x.item(), "item: shape (2, 3) has 6 values, not one; reduce it with sum() or mean()?");
}

/// Each reduction is called by its own name, though a mean is made of a sum, and a deviation of a norm.
macro_rules! reductions {
    ($table:expr, $($name:ident)*) => { $(
        let op = stringify!($name);
        both!($table, x, [2, 3], x.$name(2), format!("{op}: axis 2 does not exist in shape (2, 3), which has axes 0 to 1"));
        both!($table, x, [2, 3], x.$name([0, 0]), format!("{op}: axis 0 is named twice"));
        both!($table, x, [], x.$name(0), format!("{op}: axis 0 does not exist in shape (), which has no axes"));
    )* };
}

/// What goes by eigenvalues and singular values.
fn spectra(t: &mut Table<'_>) {
    let sides = "shape (2, 3): the last two axes must be of one length";
    both!(t, x, [2, 3], x.eigh().0, format!("eigh: {sides}"));
    both!(t, x, [2, 3], x.eigvalsh(), format!("eigvalsh: {sides}"));
    both!(t, x, [2, 3], x.logdet(), format!("logdet: {sides}"));
    both!(t, x, [2, 3], x.matrix_power(2), format!("matrix_power: {sides}"));
    both!(t, x, [3], x.eigh().0, "eigh: shape (3,) is no matrix; square matrices are needed");
    let singular = "pivot 1 is 0 or NaN: the matrix is singular, or holds NaN";
    both!(t, x, [2, 2], x.matrix_power(-2), format!("matrix_power: {singular}"));
    let law = "the leading 2 × 2 block is not positive definite; is the matrix a covariance? \
               a small multiple of the identity added to it may help";
    both!(t, x, [2, 2], x.logdet(), format!("logdet: {law}"));
    both!(t, x, [3], x.svd().0, "svd: shape (3,) is no matrix");
    both!(t, x, [3], x.svdvals(), "svdvals: shape (3,) is no matrix");
    both!(t, x, [3], x.schatten_norm(1.0), "schatten_norm: shape (3,) is no matrix");
    both!(t, x, [3], x.schatten_norm(2.0), "schatten_norm: shape (3,) is no matrix");
    both!(t, x, [2, 3], x.schatten_norm(0.5), "schatten_norm: p is 0.5; a norm needs p ≥ 1, or infinity");
    both!(t, x, [3], x.cond(), "cond: shape (3,) is no matrix");
    both!(t, x, [0, 3], x.cond(), "cond: matrices of shape (0, 3) have no singular values");
    both!(t, x, [3], x.pinv(), "pinv: shape (3,) is no matrix");
    t.row(|| Tensor::<f64>::ones([3]).matrix_rank(), "matrix_rank: shape (3,) is no matrix");
    let nan = "a value of matrix [1] is infinite or NaN";
    let of = |x: f64| [1.0, x].map(|x| Tensor::from([[x]]));
    let [a, b] = [f64::NAN, f64::INFINITY].map(|x| Tensor::stack(&of(x), 0));
    let (c, d) = (t.tape.var(&a), t.tape.var(&b));
    t.row(move || c.eigh(), format!("eigh: {nan}"));
    t.row(move || c.eigvalsh(), format!("eigvalsh: {nan}"));
    t.row(move || d.svd(), format!("svd: {nan}"));
    t.row(move || d.cond(), format!("cond: {nan}"));
    t.row(move || a.pinv(), format!("pinv: {nan}"));
    t.row(move || b.matrix_rank(), format!("matrix_rank: {nan}"));
}

fn reductions(t: &mut Table<'_>) {
    reductions!(t, sum_axis mean_axis prod_axis max_axis min_axis logsumexp_axis norm_axis);
    reductions!(t, variance_axis std_axis sample_variance_axis);
    reductions!(t, sum_keep mean_keep prod_keep max_keep min_keep logsumexp_keep norm_keep);
    reductions!(t, variance_keep std_keep sample_variance_keep);
    both!(t, x, [0], x.max(), "max: the reduced axes of shape (0,) are empty, and have no max");
    both!(t, x, [0], x.min(), "min: the reduced axes of shape (0,) are empty, and have no min");
    both!(t, x, [2, 0], x.max_axis(1), "max_axis: the reduced axes of shape (2, 0) are empty, and have no max");
    both!(t, x, [2, 0], x.min_keep(1), "min_keep: the reduced axes of shape (2, 0) are empty, and have no min");
    let beyond = "shape (4294967296, 4294967296) has more values than a computer can hold";
    both!(t, x, [1 << 32, 1 << 32, 0], x.sum_axis(2), format!("sum_axis: {beyond}"));
    both!(t, x, [1 << 32, 1 << 32, 0], x.mean_axis(2), format!("mean_axis: {beyond}"));
    both!(t, x, [1 << 32, 1 << 32, 0], x.prod_axis(2), format!("prod_axis: {beyond}"));
}

fn constructors(t: &mut Table<'_>) {
    let huge = [1 << 32, 1 << 32];
    let beyond = "shape (4294967296, 4294967296) has more values than a computer can hold";
    let long = "shape (18446744073709551615,) has more values than a computer can hold";
    t.row(|| Tensor::new([2], vec![1.0]), "tensor: shape (2,) needs 2 values, got 1");
    t.row(move || Tensor::<f64>::new(huge, vec![]), format!("tensor: {beyond}"));
    t.row(move || Tensor::<f64>::zeros(huge), format!("zeros: {beyond}"));
    t.row(move || Tensor::<f64>::ones(huge), format!("ones: {beyond}"));
    t.row(move || Tensor::full(huge, 2.0), format!("full: {beyond}"));
    t.row(|| Tensor::<f64>::eye(1 << 32), format!("eye: {beyond}"));
    t.row(|| Tensor::<f64>::arange(usize::MAX), format!("arange: {long}"));
    t.row(|| Tensor::<f64>::linspace(0.0, 1.0, usize::MAX), format!("linspace: {long}"));
    t.row(move || Tensor::from_fn(huge, |_| 0.0), format!("from_fn: {beyond}"));
    let memory = "there is no memory for the 288230376151711744 values of shape (288230376151711744,)";
    t.row(|| Tensor::<f64>::zeros(1 << 58), format!("zeros: {memory}; work in smaller parts?"));
    t.row(|| Tensor::<f64>::ones(1 << 58), format!("ones: {memory}; work in smaller parts?"));
    t.row(|| Tensor::full(1 << 58, 2.0), format!("full: {memory}; work in smaller parts?"));
    t.row(|| Tensor::<f64>::arange(1 << 58), format!("arange: {memory}; work in smaller parts?"));
    t.row(|| Tensor::<f64>::linspace(0.0, 1.0, 1 << 58), format!("linspace: {memory}; work in smaller parts?"));
    t.row(|| Tensor::from_fn(1 << 58, |_| 0.0), format!("from_fn: {memory}; work in smaller parts?"));
    let tape = t.tape;
    t.row(move || tape.constant_with(huge, |_| 0.0), format!("constant_with: {beyond}"));
    t.row(move || tape.constant_with(1 << 58, |_| 0.0), format!("constant_with: {memory}; work in smaller parts?"));
    t.row(move || Shape::from(huge).numel(), format!("shape: {beyond}"));
}
