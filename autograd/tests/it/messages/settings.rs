//! Numbers that mean nothing as a setting.

use autograd::{Param, Parameters, Tape, Tensor};

use super::{Table, Tally, both};

pub(super) fn check(tally: &mut Tally) {
    let tape = Tape::new();
    let mut t = Table::new(&tape);
    let law = "is no variance to add; it must be 0 or above, and finite";
    both!(t, x, [2, 3], x.normalize(-1e-5), format!("normalize: an ε of -1e-5 {law}"));
    both!(t, x, [2, 3], x.normalize(f64::NAN), format!("normalize: an ε of NaN {law}"));
    both!(t, x, [2, 3], x.normalize(f64::INFINITY), format!("normalize: an ε of inf {law}"));
    for most in [0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let (w, tape) = (Param::new([1.0]), &tape);
        let law =
            format!("clip_norm: a norm of at most {most:?} is no bound to step along; it must be above 0 and finite");
        let parameters = Parameters::new().with("w", &w);
        t.row(move || w.on(tape).sum().backward().clip_norm(&parameters, most), law);
    }
    for tolerance in [-1e-9, f64::NAN, f64::INFINITY] {
        let law =
            format!("is_close: a tolerance of {tolerance:?} tells nothing apart; it must be 0 or above, and finite");
        t.row(move || Tensor::from(1.0).is_close(&Tensor::from(2.0), tolerance), law);
    }
    for (first, last) in [(f64::NAN, 1.0), (0.0, f64::INFINITY), (f64::NEG_INFINITY, 0.0)] {
        let law = format!("linspace: there are no equal distances from {first} to {last}; both ends must be finite");
        t.row(move || Tensor::<f64>::linspace(first, last, 3), law);
    }
    let w = Param::new([1.0, 2.0]);
    let (tape, mut state) = (t.tape, [0.0; 3]);
    let law = "update_each: a state of 3 numbers for a parameter of shape (2,)";
    t.row(move || w.on(tape).sum().backward().update_each(&w, [&mut state[..]], |_, _, _| ()), law);
    t.check(tally);
}
