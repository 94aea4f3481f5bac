//! Misuses of several arrays of one tape.

use autograd::{Binary, ElementwiseN, Number, Param, Scalar, Tape, Tensor, Unary, Var};

use super::{Table, Tally, both};

const BROADCAST: &str = "shapes (2, 3) and (4, 5) do not broadcast: axis 0 of the result would need 2 = 4 \
                         (axes align at the last one; a length of 1 stretches); reshape or transpose an operand?";

#[derive(Clone, Copy)]
struct Sum;

impl<const K: usize> ElementwiseN<K> for Sum {
    fn f<N: Number>(self, x: [N; K]) -> N {
        x.into_iter().fold(N::zero(), |sum, x| sum + x)
    }
}

pub(super) fn check(tally: &mut Tally) {
    let tape = Tape::new();
    let mut t = Table::new(&tape);
    rows(&mut t);
    products(&mut t);
    joins(&mut t);
    fused(&mut t);
    t.check(tally);
}

macro_rules! rows {
    ($table:expr, $($name:ident)*) => { $(
        both!($table, x, [2, 3], x.$name(&Tensor::ones([4, 5])), format!("{}: {BROADCAST}", stringify!($name)));
    )* };
}

fn rows(t: &mut Table<'_>) {
    rows!(t, plus minus times over pow atan2 maximum minimum);
    rows!(t, less less_equal greater greater_equal equal not_equal);
    both!(t, x, [2, 3], x + &Tensor::ones([4, 5]), format!("plus: {BROADCAST}"));
    both!(t, x, [2, 3], x - &Tensor::ones([4, 5]), format!("minus: {BROADCAST}"));
    both!(t, x, [2, 3], x * &Tensor::ones([4, 5]), format!("times: {BROADCAST}"));
    both!(t, x, [2, 3], x / Tensor::ones([4, 5]), format!("over: {BROADCAST}"));
    let x = t.tape.var(Tensor::ones([4, 5]));
    t.row(move || Tensor::ones([2, 3]) + x, format!("plus: {BROADCAST}"));
    t.row(move || &Tensor::ones([2, 3]) - x, format!("minus: {BROADCAST}"));
    t.row(move || &Param::new(Tensor::ones([2, 3])) * x, format!("times: {BROADCAST}"));
    let mut y = t.tape.var(Tensor::ones([2, 3]));
    t.row(move || y += x, format!("plus: {BROADCAST}"));
    t.row(move || y /= x, format!("over: {BROADCAST}"));
    t.row(move || y.binary(Binary::Pow, x), format!("pow: {BROADCAST}"));
}

fn products(t: &mut Table<'_>) {
    let tail = "transpose an operand with t()?";
    let law = format!("inner dimensions differ: (2, 3) · (4, 5) needs 3 = 4; {tail}");
    both!(t, x, [2, 3], x.matmul(&Tensor::ones([4, 5])), format!("matmul: {law}"));
    let law = format!("matmul: inner dimensions differ: (3,) · (4,) needs 3 = 4; {tail}");
    both!(t, x, [3], x.matmul(&Tensor::ones([4])), law.clone());
    let law = "matmul: (2, 3) · (): a single number has no matrix product; multiply with *?";
    both!(t, x, [2, 3], x.matmul(&Tensor::ones([])), law);
    let law = "matmul: (2, 3, 4) · (5, 4, 6) has axes before the last two that do not broadcast \
               (they align at their last one; a length of 1 stretches); reshape or transpose an operand?";
    both!(t, x, [2, 3, 4], x.matmul(&Tensor::ones([5, 4, 6])), law);
    let beyond = "shape (4294967296, 4294967296) has more values than a computer can hold";
    both!(t, x, [1 << 32, 0], x.matmul(&Tensor::ones([0, 1 << 32])), format!("matmul: {beyond}"));
    let law = "dot: (3,) · (2,): two vectors of one length are needed; matmul takes matrices";
    both!(t, x, [3], x.dot(&Tensor::ones([2])), law);
    let law = "dot: (2, 2) · (2, 2): two vectors of one length are needed; matmul takes matrices";
    both!(t, x, [2, 2], x.dot(&Tensor::ones([2, 2])), law);
    let law = "outer: (2, 2) ⊗ (2,): two vectors are needed; flatten them?";
    both!(t, x, [2, 2], x.outer(&Tensor::ones([2])), law);
    let fit = "does not fit (…, k) · (k, n) + (n,); transpose the weights?";
    let (w, b) = (Tensor::ones([4, 5]), Tensor::ones([5]));
    both!(
        t,
        x,
        [2, 3],
        x.affine(&Tensor::ones([4, 5]), &Tensor::ones([5])),
        format!("affine: (2, 3) · (4, 5) + (5,) {fit}")
    );
    both!(
        t,
        x,
        [2, 4],
        x.affine(&Tensor::ones([4, 5]), &Tensor::ones([4])),
        format!("affine: (2, 4) · (4, 5) + (4,) {fit}")
    );
    let law = format!("dense: (2, 3) · (4, 5) + (5,) {fit}");
    let (v, c) = (w.clone(), b.clone());
    t.row(move || Tensor::ones([2, 3]).dense(&v, &c, Unary::Relu), law.clone());
    let (x, v, c) = (t.tape.var(Tensor::ones([2, 3])), w.clone(), b.clone());
    t.row(move || x.dense(&v, &c, Unary::Tanh), law.clone());
    let (v, c) = (w.clone(), b.clone());
    t.row(move || x.dense(&v, &c, Unary::Softplus), law);
    let law =
        "dense: leaky_relu takes numbers, which a layer does not give it; call affine, and leaky_relu of the result";
    t.row(move || Tensor::ones([2, 4]).dense(&w, &b, Unary::LeakyRelu), law);
    let law = BROADCAST.replace("(4, 5)", "(4, 3)");
    both!(t, x, [2, 3], x.select(&Tensor::ones([4, 3]), &Tensor::ones([3])), format!("select: {law}"));
    both!(t, x, [2, 3], x.select(&Tensor::ones([3]), &Tensor::ones([4, 3])), format!("select: {law}"));
    both!(t, x, [2, 3], x.cross(&Tensor::ones([4, 5]), 1), format!("cross: {BROADCAST}"));
    let law = "cross: axis 0 of shape (2, 3) has length 2, and vectors of 3 values are needed";
    both!(t, x, [2, 3], x.cross(&Tensor::ones([3]), 0), law);
    let law = "cross: axis 2 does not exist in shape (2, 3), which has axes 0 to 1";
    both!(t, x, [2, 3], x.cross(&Tensor::ones([3]), 2), law);
    let law =
        "cross_entropy_soft: targets of shape (3,) do not fit logits of shape (2, 3); one probability for each logit";
    both!(t, x, [2, 3], x.cross_entropy_soft(&Tensor::ones([3])), law);
}

fn joins(t: &mut Table<'_>) {
    let none = "no arrays given; at least one is needed";
    t.row(|| Tensor::<f64>::concat(&[], 0), format!("concat: {none}"));
    t.row(|| Var::<f64>::concat(&[], 0), format!("concat: {none}"));
    t.row(|| Tensor::<f64>::stack(&[], 0), format!("stack: {none}"));
    t.row(|| Var::<f64>::stack(&[], 0), format!("stack: {none}"));
    let [a, b] = [[2, 3], [4, 5]].map(|shape| t.tape.var(Tensor::ones(shape)));
    let law = "concat: array 1 of shape (4, 5) does not fit (2, 3): only axis 0 may differ";
    t.row(move || Var::concat(&[a, b], 0), law);
    t.row(move || Tensor::concat(&[a.value(), b.value()], 0), law);
    let law = "concat: axis 2 does not exist in shape (2, 3), which has axes 0 to 1";
    t.row(move || Var::concat(&[a, a], 2), law);
    t.row(move || Tensor::concat(&[a.value(), a.value()], 2), law);
    let law = "stack: array 1 of shape (4, 5) does not fit (2, 3): all shapes must be equal";
    t.row(move || Var::stack(&[a, b], 0), law);
    t.row(move || Tensor::stack(&[a.value(), b.value()], 0), law);
    let law = "stack: a new axis 3 would leave a gap after shape (2, 3); at most 2";
    t.row(move || Var::stack(&[a, a], 3), law);
    t.row(move || Tensor::stack(&[a.value(), a.value()], 3), law);
}

fn fused(t: &mut Table<'_>) {
    let [a, b] = [[2, 3], [4, 5]].map(|shape| t.tape.var(Tensor::ones(shape)));
    t.row(move || Var::zip_map([a, b], Sum), format!("zip_map: {BROADCAST}"));
    t.row(|| Var::<f64>::zip_map([], Sum), "zip_map: a fused function of 0 inputs; it can have 1 to 256");
    t.row(|| Scalar::<f64>::zip_map([], Sum), "zip_map: a function of 0 inputs; it needs one at least");
    t.row(move || Var::zip_map([a; 257], Sum), "zip_map: a fused function of 257 inputs; it can have 1 to 256");
}
