//! What the user's closures return: other shapes than they must, or arrays of other tapes.

use std::sync::atomic::{AtomicUsize, Ordering};

use autograd::several::{self, linearize};
use autograd::{Custom, Param, Parameters, Scalar, Tape, Tensor, Var, backward_in_parts};

use super::{Table, Tally};

thread_local! {
    /// An array that any closure can reach.
    static ELSEWHERE: Var<'static> = Tape::new().leak().var(Tensor::ones([3, 2]));
}

fn elsewhere() -> Var<'static> {
    ELSEWHERE.with(|x| *x)
}

/// The sum of its inputs, with a rule that may return anything.
struct Sum(for<'t> fn(Var<'t>) -> Vec<Var<'t>>);

impl Custom for Sum {
    fn forward(&self, x: &[Tensor]) -> Tensor {
        x.iter().skip(1).fold(x[0].clone(), |sum, x| sum + x)
    }

    fn vjp<'t>(&self, _x: &[Var<'t>], _y: Var<'t>, dy: Var<'t>) -> Vec<Var<'t>> {
        (self.0)(dy)
    }
}

pub(super) fn check(tally: &mut Tally) {
    let tape = Tape::new();
    let mut t = Table::new(&tape);
    rules(&mut t);
    segments(&mut t);
    transforms(&mut t);
    let mut tapes = [Tape::new(), Tape::new()];
    let law = "backward_in_parts: a part returned a number of another tape; record it on the one that it is given";
    t.row(move || drop(backward_in_parts(&mut tapes, |_, _| (elsewhere().sum(), ()))), law);
    t.check(tally);
}

/// A derivative through what `make` makes of an array, in each of the three sweeps, each on a tape of its own.
fn in_every_sweep(t: &mut Table<'_>, make: impl for<'s> Fn(Var<'s>) -> Var<'s> + Copy + 'static, law: &str) {
    t.row(
        move || {
            let tape = Tape::new();
            drop(make(ones(&tape)).sum().backward());
        },
        law,
    );
    t.row(
        move || {
            let tape = Tape::new();
            let x = ones(&tape);
            make(x).sum().grad(x).value()
        },
        law,
    );
    t.row(
        move || {
            let tape = Tape::new();
            let x = ones(&tape);
            make(x).jvp(&[(x, &Tensor::ones(x.shape()))])
        },
        law,
    );
}

fn ones(tape: &Tape) -> Var<'_> {
    tape.var(Tensor::ones([3, 2]))
}

fn rules(t: &mut Table<'_>) {
    let law = "Sum: the derivative rule returned 1 gradients for 2 inputs";
    in_every_sweep(t, |x| Var::custom(Sum(|dy| vec![dy]), &[x, x]), law);
    let law = "Sum: the derivative rule returned 3 gradients for 2 inputs";
    in_every_sweep(t, |x| Var::custom(Sum(|dy| vec![dy; 3]), &[x, x]), law);
    let repair = "sum over what was broadcast?";
    let law = format!("Sum: the derivative rule returned shape () for input 0 of shape (3, 2); {repair}");
    in_every_sweep(t, |x| Var::custom(Sum(|dy| vec![dy.sum().to_var(); 2]), &[x, x]), &law);
    let law = format!("Sum: the derivative rule returned shape (2, 3) for input 1 of shape (3, 2); {repair}");
    in_every_sweep(t, |x| Var::custom(Sum(|dy| vec![dy, dy.t()]), &[x, x]), &law);
    let law = "Sum: the derivative rule returned an array of another tape for input 1 of shape (3, 2); \
               compute it from dy, or pass values with value()";
    in_every_sweep(t, |x| Var::custom(Sum(|dy| vec![dy, elsewhere()]), &[x, x]), law);
    // A shape that lies: one row of two values for three.
    let law = format!("map_gradient: the derivative rule returned shape (2,) for input 0 of shape (3, 2); {repair}");
    in_every_sweep(t, |x| x.map_gradient(|dy| dy.mean_axis(0)), &law);
    let law = format!("map_gradient: the derivative rule returned shape (1, 2) for input 0 of shape (3, 2); {repair}");
    in_every_sweep(t, |x| x.map_gradient(|dy| dy.mean_keep(0)), &law);
    let law = "map_gradient: the derivative rule returned an array of another tape for input 0 of shape (3, 2); \
               compute it from dy, or pass values with value()";
    in_every_sweep(t, |x| x.map_gradient(|_| elsewhere()), law);
    t.row(|| Var::custom(Sum(|dy| vec![dy]), &[]), "Sum: no inputs given; at least one is needed");
    let x = t.tape.var(Tensor::ones([3, 2]));
    let tapes = "the operands were recorded on two different tapes; record both on one, or pass values with value()";
    t.row(move || Var::custom(Sum(|dy| vec![dy]), &[x, elsewhere()]), format!("Sum: {tapes}"));
}

/// Tells the first run of a segment from the others.
#[derive(Default)]
struct Runs(AtomicUsize);

impl Runs {
    fn first(&self) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed) == 0
    }
}

/// A segment that is `tanh` in its first run, and then `other`.
fn turning<'t>(x: Var<'t>, other: impl for<'s> Fn(Var<'s>) -> Var<'s> + Send + Sync + 'static) -> Var<'t> {
    let runs = Runs::default();
    x.checkpoint(move |x| if runs.first() { x.tanh() } else { other(x) })
}

fn segments(t: &mut Table<'_>) {
    let x = t.tape.var(Tensor::ones([3, 2]));
    let law = "checkpoint: the segment returned an array of another tape; compute it from the one that it is given";
    t.row(move || x.checkpoint(|_| elsewhere()), law);
    in_every_sweep(t, |x| turning(x, |_| elsewhere()), law);
    let law = "checkpoint: the segment gave shape (2,) where it had given (3, 2); it must do the same each time";
    in_every_sweep(t, |x| turning(x, |x| x.sum_axis(0)), law);
    let law = "checkpoint: the segment used a parameter of shape (2,) that it had not used before; \
               it must do the same each time";
    in_every_sweep(t, |x| turning(x, |x| x * &Param::new([1.0, 2.0])), law);
    let law = "checkpoint: a parameter of shape (2,) was changed after it was recorded; record the formula again";
    in_every_sweep(t, changes, law);
}

fn changes(x: Var<'_>) -> Var<'_> {
    let w = Param::new([1.0, 2.0]);
    let inside = w.clone();
    let y = x.checkpoint(move |x| x * &inside);
    w.set([3.0, 4.0]);
    y
}

/// A number of another tape.
fn number<'t>(_: Var<'t>) -> Scalar<'t> {
    elsewhere().sum()
}

fn transforms(t: &mut Table<'_>) {
    let other = "the closure returned what is recorded on another tape; compute it from what it is given";
    let x = [Tensor::ones([3, 2]), Tensor::from([1.0])];
    let [one, two] = [&x[..1], &x[..]].map(<[Tensor]>::to_vec);
    let at = |x: &Tensor| x.clone();
    let p = at(&x[0]);
    t.row(move || autograd::linearize(|_| elsewhere(), &p), format!("linearize: {other}"));
    let p = at(&x[0]);
    t.row(move || autograd::vjp(|_| elsewhere(), &p, &p), format!("vjp: {other}"));
    let p = at(&x[0]);
    t.row(move || autograd::jvp(|_| elsewhere(), &p, &p), format!("jvp: {other}"));
    let p = at(&x[0]);
    t.row(move || autograd::jacobian(|_| elsewhere(), &p), format!("jacobian: {other}"));
    let p = at(&x[0]);
    t.row(move || autograd::jacobian_each(|_| elsewhere(), &p), format!("jacobian_each: {other}"));
    let p = at(&x[0]);
    let law =
        "jacobian_each: the result has shape (2,), but x of shape (3, 2) has 3 rows; the function must map each row";
    t.row(move || autograd::jacobian_each(|x| x.sum_axis(0), &p), law);
    let p = at(&x[0]);
    t.row(move || autograd::jacobian_sparse(|_| elsewhere(), &p), format!("jacobian_sparse: {other}"));
    let law = "jacobian_sparse: the Jacobian has shape (6, 6), but the sparsity was found for one of shape (3, 3); find it for \
               this function";
    let p = at(&x[0]);
    let sparsity = autograd::linearize(|x| x.sin(), &Tensor::<f64>::ones([3])).sparsity();
    t.row(move || autograd::linearize(|x| x.sin(), &p).jacobian_sparse(&sparsity), law);
    let diagonal = || autograd::jacobian_sparse(|x| x.sin(), &Tensor::<f64>::ones([3]));
    let law = "row: there is no row 3 in a matrix of 3 rows; the first is 0";
    t.row(move || diagonal().row(3).count(), law);
    let law = "times: a matrix of 3 columns and a vector of shape (2,)";
    t.row(move || diagonal().times(&Tensor::ones([2])), law);
    let law = "transpose_times: a matrix of 3 rows and a vector of shape (2,)";
    t.row(move || diagonal().transpose_times(&Tensor::ones([2])), law);
    let law = "jacobian_each: x has shape (), without an axis of rows; reshape it to (rows, values)";
    t.row(move || autograd::jacobian_each(|x| x, &Tensor::full([], 1.0)), law);
    let p = at(&x[0]);
    t.row(move || autograd::grad_and_hvp(number, &p, &p), format!("grad_and_hvp: {other}"));
    let p = at(&x[0]);
    t.row(move || autograd::value_and_grad(number, &p), format!("value_and_grad: {other}"));
    let p = at(&x[0]);
    t.row(move || autograd::grad(number, &p), format!("grad: {other}"));
    let p = at(&x[0]);
    t.row(move || autograd::hessian(number, &p), format!("hessian: {other}"));
    let p = at(&x[0]);
    t.row(move || autograd::hvp(number, &p, &p), format!("hvp: {other}"));
    let p = at(&x[0]);
    t.row(move || autograd::vhp(number, &p, &p), format!("vhp: {other}"));
    let p = one.clone();
    t.row(move || several::grad(|_| elsewhere().sum(), &p), format!("grad: {other}"));
    let (w, none) = (Param::new([1.0]), Default::default());
    let parameters = Parameters::new().with("w", &w);
    let [p, q, r] = [0; 3].map(|_| parameters.clone());
    t.row(move || p.value_and_grad(|_| elsewhere().sum()), format!("value_and_grad: {other}"));
    t.row(move || q.hessian(|_| elsewhere().sum()), format!("hessian: {other}"));
    t.row(move || r.hvp(|_| elsewhere().sum(), &none), format!("hvp: {other}"));

    let shape = "a direction of shape (2,) does not belong to an input of shape (3, 2)";
    let count = "1 directions given for 2 inputs";
    let p = at(&x[0]);
    t.row(move || autograd::jvp(|x| x.square(), &p, &Tensor::ones(2)), format!("jvp: {shape}"));
    let p = at(&x[0]);
    t.row(move || autograd::hvp(|x| x.square().sum(), &p, &Tensor::ones(2)), format!("hvp: {shape}"));
    let p = at(&x[0]);
    t.row(move || autograd::vhp(|x| x.square().sum(), &p, &Tensor::ones(2)), format!("vhp: {shape}"));
    let (p, v) = (two.clone(), one.clone());
    t.row(move || several::hvp(|x| (x[0] * x[1]).sum(), &p, &v), format!("hvp: {count}"));
    let (p, v) = (two.clone(), one.clone());
    t.row(move || several::vhp(|x| (x[0] * x[1]).sum(), &p, &v), format!("vhp: {count}"));
    let (p, v) = (two.clone(), one);
    t.row(move || linearize(|x| x[0] * x[1], &p).jvp(&v), format!("jvp: {count}"));
    let law = "vjp: a tangent or gradient of shape (2,) does not belong to an array of shape (3, 2)";
    let p = two.clone();
    t.row(move || linearize(|x| x[0] * x[1], &p).vjp(&Tensor::ones(2)), law);
    let p = at(&x[0]);
    t.row(move || autograd::vjp(|x| x.square(), &p, &Tensor::ones(2)), law);
}
