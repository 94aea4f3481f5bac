//! Handles of two tapes, derivatives that do not exist, and values that are gone.

use autograd::{
    ElementwiseN, Number, Param, Parameters, Scalar, Scatter, Tape, Tensor, Unary, Var, backward_in_parts,
    checkpoint_chain, step,
};
use rand::RngExt;

use super::{Table, Tally};

const TAPES: &str =
    "the operands were recorded on two different tapes; record both on one, or pass values with value()";

#[derive(Clone, Copy)]
struct Sum;

impl ElementwiseN<2> for Sum {
    fn f<N: Number>(self, [a, b]: [N; 2]) -> N {
        a + b
    }
}

/// Handles are `Copy`, so `drop` would warn.
fn ignore<T>(_: T) {}

pub(super) fn check(tally: &mut Tally) {
    let (one, two) = (Tape::new(), Tape::new());
    let mut t = Table::new(&one);
    arrays_of_two(&mut t, &two);
    numbers_of_two(&mut t, &two);
    gradients(&mut t, &two);
    t.check(tally);

    let tape = Tape::new();
    let mut t = Table::new(&tape);
    released(&mut t);
    t.check(tally);

    let (tape, mut tapes) = (Tape::values_only(), [Tape::values_only()]);
    let mut t = Table::new(&tape);
    values_only(&mut t, &mut tapes);
    t.check(tally);

    let (tape, other) = (Tape::new(), Tape::new());
    let mut t = Table::new(&tape);
    within(&mut t, &other);
    t.check(tally);
}

macro_rules! methods {
    ($table:expr, $x:ident, $y:ident, $b:ident: $($name:ident)*) => { $(
        $table.row(move || $x.$name($y), format!("{}: {TAPES}", stringify!($name)));
        $table.row(move || $x.$name($b), format!("{}: {TAPES}", stringify!($name)));
    )* };
}

fn arrays_of_two<'t>(t: &mut Table<'t>, two: &'t Tape) {
    let (x, y, b) = (t.tape.var([1.0]), two.var([2.0]), two.scalar(2.0));
    methods!(t, x, y, b: plus minus times over pow atan2 maximum minimum);
    methods!(t, x, y, b: less less_equal greater greater_equal equal not_equal);
    methods!(t, x, y, b: matmul dot outer cross_entropy_soft);
    t.row(move || x + y, format!("plus: {TAPES}"));
    t.row(move || x - y, format!("minus: {TAPES}"));
    t.row(move || x * b, format!("times: {TAPES}"));
    t.row(move || b / x, format!("over: {TAPES}"));
    let mut sum = x;
    t.row(move || sum += y, format!("plus: {TAPES}"));
    t.row(move || x.try_matmul(y), format!("matmul: {TAPES}"));
    t.row(move || x.affine(y, x), format!("affine: {TAPES}"));
    t.row(move || x.affine(x, y), format!("affine: {TAPES}"));
    t.row(move || x.dense(x, y, Unary::Relu), format!("dense: {TAPES}"));
    t.row(move || x.select(y, x), format!("select: {TAPES}"));
    t.row(move || x.scatter(0, &[0], y, Scatter::Max), format!("scatter: {TAPES}"));
    t.row(move || x.put(0, &[0], y), format!("put: {TAPES}"));
    t.row(move || x.masked_fill(y, 0.0), format!("masked_fill: {TAPES}"));
    t.row(move || x.masked_select(y), format!("masked_select: {TAPES}"));
    t.row(move || x.select(x, y), format!("select: {TAPES}"));
    t.row(move || Var::concat(&[x, y], 0), format!("concat: {TAPES}"));
    t.row(move || Var::stack(&[x, y], 0), format!("stack: {TAPES}"));
    t.row(move || Var::zip_map([x, y], Sum), format!("zip_map: {TAPES}"));
    t.row(move || x.jvp(&[(y, &Tensor::from([1.0]))]), format!("jvp: {TAPES}"));
    t.row(move || x.tangent(y, y), format!("tangent: {TAPES}"));
    t.row(move || x.tangent(x, y), format!("tangent: {TAPES}"));
    t.row(move || x.tangent(&[x, x][..], vec![x]), "tangent: 1 directions for 2 inputs; give one for each");
    methods!(t, x, y, b: solve solve_lower solve_upper cholesky_solve kron);
    t.row(move || x.cross(y, 0), format!("cross: {TAPES}"));
    t.row(move || x.sum().grad(y), format!("grad: {TAPES}"));
    t.row(move || x.sum().try_grad((x, y)), format!("grad: {TAPES}"));
    t.row(move || x.graph().name(y, "y"), format!("graph: {TAPES}"));
    let grads = y.sum().backward();
    t.row(move || x.graph().gradients(&grads), format!("gradient: {TAPES}"));
}

fn numbers_of_two<'t>(t: &mut Table<'t>, two: &'t Tape) {
    let (x, y) = (t.tape.scalar(1.0), two.scalar(2.0));
    t.row(move || x + y, format!("plus: {TAPES}"));
    t.row(move || x - y, format!("minus: {TAPES}"));
    t.row(move || x * y, format!("times: {TAPES}"));
    t.row(move || x / y, format!("over: {TAPES}"));
    let mut sum = x;
    t.row(move || sum *= y, format!("times: {TAPES}"));
    t.row(move || x.pow(y), format!("pow: {TAPES}"));
    t.row(move || x.atan2(y), format!("atan2: {TAPES}"));
    t.row(move || x.maximum(y), format!("maximum: {TAPES}"));
    t.row(move || x.less(y), format!("less: {TAPES}"));
    t.row(move || Scalar::zip_map([x, y], Sum), format!("zip_map: {TAPES}"));
    t.row(move || x.select(y, x), format!("select: {TAPES}"));
    t.row(move || x.select(x, y), format!("select: {TAPES}"));
    t.row(move || x.grad(y), format!("grad: {TAPES}"));
    t.row(move || [x, y].map(|x| x.square()).into_iter().reduce(|a, b| a + b), format!("plus: {TAPES}"));
}

fn gradients<'t>(t: &mut Table<'t>, two: &'t Tape) {
    let (x, data) = (t.tape.var([1.0, 2.0]), t.tape.constant([3.0, 4.0]));
    let (hidden, root) = (x * data, t.tape.scalar(2.0));
    let sweep = move || (hidden.sum() * root).backward();
    let (y, b) = (two.var([2.0]), two.scalar(2.0));
    t.row(move || sweep()[b], format!("gradient: {TAPES}"));
    t.row(move || sweep()[y].clone(), format!("gradient: {TAPES}"));
    t.row(move || sweep().get(y).cloned(), format!("gradient: {TAPES}"));
    let law = "gradient: the array of shape (2,) is a constant; make it with Tape::var to have its gradient";
    t.row(move || sweep()[data].clone(), law);
    t.row(move || sweep().get(data).cloned(), law);
    let law = "gradient: the gradient of an intermediate times of shape (2,) was not kept; call watch() on it before backward()";
    t.row(move || sweep()[hidden].clone(), law);
    let tape = t.tape;
    let law = "gradient: the array of shape (1,) was recorded after backward(); record it before";
    t.row(
        move || {
            let grads = sweep();
            grads[tape.var([1.0])].clone()
        },
        law,
    );
    let constant = tape.scalar_constant(1.0);
    let law = "gradient: the scalar is a constant; make it with Tape::scalar to have its gradient";
    t.row(move || sweep()[constant], law);
    let law = "gradient: a parameter of shape (1,) is frozen or was not used on this tape; of() gives None instead";
    t.row(move || sweep()[&Param::new([1.0])].clone(), law);
    let law = "a tangent or gradient of shape (3,) does not belong to an array of shape (2,)";
    t.row(move || x.vjp(&Tensor::ones(3)), format!("vjp: {law}"));
    t.row(move || hidden.jvp(&[(x, &Tensor::ones(3))]), format!("jvp: {law}"));
    let law = "a parameter of shape (2, 3) cannot take a value of shape (1,)";
    t.row(|| Param::new(Tensor::ones([2, 3])).set([1.0]), format!("param: {law}"));
    let w = Param::new([1.0]);
    let law = "parameters: the name `w` is taken; each parameter needs its own";
    let v = w.clone();
    t.row(move || Parameters::new().with("w", &v).with("w", &v), law);
    let one = Parameters::new().with("w", &w);
    t.row(move || Parameters::new().with_all("", &one).with_all("", &one), law);
}

/// What reads a parameter's recording after the parameter was updated.
fn released(t: &mut Table<'_>) {
    let w = Param::new([[2.0, 3.0]]);
    let x = w.on(t.tape);
    let loss = x.square().sum();
    let inside = x.checkpoint(|x| x.tanh()).sum();
    loss.backward().update(&w, |w, _| w[0] = 5.0);
    let gone = "was updated after it was recorded, and its old values are gone; \
                record the formula again (Tape::clear, then the forward pass)";
    let law = format!("a parameter of shape (1, 2) {gone}");
    t.row(move || loss.backward(), law.clone());
    t.row(move || loss.grad(x).sum(), law.clone());
    t.row(move || loss.to_var().jvp(&[(x, &Tensor::ones([1, 2]))]), law.clone());
    t.row(move || inside.backward(), law.clone());
    t.row(move || x.value(), law.clone());
    t.row(move || x.detach(), law.clone());
    t.row(move || x + 1.0, law.clone());
    t.row(move || 2.0 / x, law.clone());
    t.row(move || -x, law.clone());
    t.row(move || x * x, law.clone());
    t.row(move || x.tanh(), law.clone());
    t.row(move || x.maximum(0.0), law.clone());
    t.row(move || x.sum(), law.clone());
    t.row(move || x.mean_axis(0), law.clone());
    t.row(move || x.prod(), law.clone());
    t.row(move || x.variance(), law.clone());
    t.row(move || x.std_keep(1), law.clone());
    t.row(move || x.matmul(&Tensor::ones([2, 1])), law.clone());
    t.row(move || x.t().value(), law.clone());
    t.row(move || x.reshape([2]) + 1.0, law.clone());
    t.row(move || x.affine(&Tensor::ones([2, 1]), &Tensor::ones(1)), law.clone());
    t.row(move || x.dense(&Tensor::ones([2, 1]), &Tensor::ones(1), Unary::Tanh), law.clone());
    t.row(move || x.select(x, 0.0), law.clone());
    t.row(move || x.slice(1, 0..1), law.clone());
    t.row(move || x.flip(1), law.clone());
    t.row(move || x.pad(&[(1, 1), (0, 0)], 2.0), law.clone());
    t.row(move || x.expand([2, 2]), law.clone());
    t.row(move || x.permute(&[1, 0]), law.clone());
    t.row(move || x.lower_triangle(0), law.clone());
    t.row(move || x.take(0, &[0]), law.clone());
    t.row(move || x.pick(1, &[0]), law.clone());
    t.row(move || x.scatter_add(0, &[0], 2), law.clone());
    t.row(move || x.cumsum(1), law.clone());
    t.row(move || x.softmax(1), law.clone());
    t.row(move || x.log_softmax(1), law.clone());
    t.row(move || x.normalize(0.0), law.clone());
    t.row(move || x.cross_entropy(&[0]), law.clone());
    t.row(move || x.cross_entropy_soft(&Tensor::ones([1, 2])), law.clone());
    t.row(move || x.split(1, &[1, 1]), law.clone());
    t.row(move || Var::concat(&[x, x], 0), law.clone());
    t.row(move || Var::zip_map([x, x], Sum), law.clone());
    t.row(move || x.checkpoint(|x| x.tanh()), law.clone());
    t.row(move || checkpoint_chain(x, &[step(|x| x.tanh())]), law.clone());
    t.row(move || x.map_gradient(|dy| dy), law);
}

fn values_only<'t>(t: &mut Table<'t>, tapes: &'t mut [Tape; 1]) {
    let (x, y) = (t.tape.var([1.0, 2.0]), t.tape.scalar(3.0));
    let law = "this tape computes values only; record on Tape::new() instead";
    t.row(move || x.sum().backward(), format!("backward: {law}"));
    t.row(move || (y * y).backward(), format!("backward: {law}"));
    t.row(move || y.backward_with(|_, _| ()), format!("backward: {law}"));
    t.row(move || y.backward_each(|_, _| ()), format!("backward_each: {law}"));
    t.row(move || x.vjp(&Tensor::ones(2)), format!("vjp: {law}"));
    t.row(move || x.tangent(x, x), format!("tangent: {law}"));
    t.row(move || x.jvp(&[(x, &Tensor::ones(2))]), format!("jvp: {law}"));
    t.row(move || x.sum().grad(x), format!("grad: {law}"));
    t.row(move || x.sum().try_grad(x), format!("grad: {law}"));
    t.row(move || x.graph(), format!("graph: {law}"));
    t.row(move || y.graph(), format!("graph: {law}"));
    let tape = t.tape;
    t.row(move || tape.graph(), format!("graph: {law}"));
    t.row(
        move || drop(backward_in_parts(tapes, |_, tape| (tape.scalar(1.0), ()))),
        format!("backward_in_parts: {law}"),
    );
    let law = "backward_in_parts: there is no tape; each part needs one";
    t.row(|| drop(backward_in_parts::<f64, ()>(&mut [], |_, tape| (tape.scalar(1.0), ()))), law);
}

/// What an observer may not do, and what draws within a draw.
fn within<'t>(t: &mut Table<'t>, other: &'t Tape) {
    let (tape, w) = (t.tape, Param::new([1.0]));
    let (x, s) = (tape.var([1.0, 2.0]).named("x"), tape.scalar(2.0));
    let loss = x.square().sum() * s;
    let law = "tape: it is being swept and cannot record; within an observer or a rule look at values only, \
               and record on another tape, or after the sweep";
    t.row(move || loss.backward_with(|_, _| ignore(x + 1.0)), law);
    t.row(move || loss.backward_with(|_, _| ignore(x * x)), law);
    t.row(move || loss.backward_with(|_, _| ignore(x.sum())), law);
    t.row(move || loss.backward_with(|_, _| ignore(x.matmul(x))), law);
    t.row(move || loss.backward_with(|_, _| ignore(s + 1.0)), law);
    t.row(move || loss.backward_with(|_, _| ignore(s * s)), law);
    t.row(move || loss.backward_with(|_, _| ignore(-s)), law);
    t.row(move || loss.backward_with(|_, _| ignore(s.to_var())), law);
    t.row(move || loss.backward_with(|_, _| ignore(s.detach())), law);
    t.row(move || loss.backward_with(|_, dx| ignore(x * dx)), law);
    t.row(move || loss.backward_with(|_, _| ignore(tape.var([1.0]))), law);
    t.row(move || loss.backward_with(|_, _| ignore(tape.scalar(1.0))), law);
    t.row(move || loss.backward_with(|_, _| ignore(tape.constant_with(2, |_| 0.0))), law);
    t.row(move || loss.backward_with(|_, _| ignore(w.on(tape))), law);
    t.row(move || loss.backward_with(|_, _| ignore(x.named("again"))), law);
    t.row(move || loss.backward_with(|_, _| ignore(x.watch())), law);
    t.row(move || loss.backward_with(|_, _| ignore(loss.backward())), law);
    t.row(move || loss.backward_with(|_, _| ignore(loss.grad(x))), law);
    other.train(7);
    let held = "called within a closure that holds the generator; draw from the one that the closure is given";
    t.row(move || other.random(|_| other.random(|rng| rng.random::<f64>())), format!("random: {held}"));
    t.row(move || other.random(|_| other.train(8)), format!("train: {held}"));
    t.row(move || other.random(|_| other.evaluate()), format!("evaluate: {held}"));
    let y = other.var([1.0]);
    let z = y.checkpoint(|y| y.sin()).sum();
    t.row(move || other.random(|_| z.grad(y)), format!("checkpoint: {held}"));
    t.row(move || other.random(|_| y.checkpoint(|y| y.sin())), format!("random: {held}"));
    let v = Param::new([1.0]);
    let changed = "param: a parameter of shape (1,) was asked for its value while it is being changed; \
                   ask before modify, update or update_each";
    let p = v.clone();
    t.row(move || p.modify(|_| ignore(p.value())), changed);
    let p = v.clone();
    t.row(move || p.modify(|_| p.set([2.0])), changed);
    let p = v.clone();
    t.row(move || p.modify(|_| ignore(p.on(other))), changed);
    t.row(move || v.modify(|_| v.modify(|_| ())), changed);
}
