//! Misuses of orders, and of places to read from and write to.

use autograd::{Scatter, Tape, Tensor};

use super::{Table, Tally, both};

pub(super) fn check(tally: &mut Tally) {
    let tape = Tape::new();
    let mut t = Table::new(&tape);
    orders(&mut t);
    places(&mut t);
    plain(&mut t);
    t.check(tally);
}

const AXES: &str = "axis 2 does not exist in shape (2, 3), which has axes 0 to 1";

fn orders(t: &mut Table<'_>) {
    both!(t, x, [2, 3], x.sort(2), format!("sort: {AXES}"));
    both!(t, x, [2, 3], x.sort_descending(2), format!("sort_descending: {AXES}"));
    both!(t, x, [2, 3], x.cummax(2), format!("cummax: {AXES}"));
    both!(t, x, [2, 3], x.cummin(2), format!("cummin: {AXES}"));
    both!(t, x, [2, 3], x.topk(1, 2), format!("topk: {AXES}"));
    both!(t, x, [2, 3], x.topk(4, 1), "topk: axis 1 of shape (2, 3) has 3 values, fewer than 4");
    both!(t, x, [2, 3], x.kthvalue(1, 2), format!("kthvalue: {AXES}"));
    let law = "among the 3 along axis 1 of shape (2, 3); they count from 1 to 3";
    both!(t, x, [2, 3], x.kthvalue(0, 1), format!("kthvalue: there is no value 0 {law}"));
    both!(t, x, [2, 3], x.kthvalue(4, 1), format!("kthvalue: there is no value 4 {law}"));
    both!(t, x, [2, 3], x.median_axis(2), format!("median_axis: {AXES}"));
    both!(t, x, [2, 3], x.median_keep([1, 1]), "median_keep: axis 1 is named twice");
    both!(t, x, [2, 3], x.quantile_axis(0.5, 2), format!("quantile_axis: {AXES}"));
    both!(t, x, [2, 3], x.quantile_keep(0.5, 2), format!("quantile_keep: {AXES}"));
    both!(t, x, [2, 3], x.quantiles(&[0.5], 2), format!("quantiles: {AXES}"));
    let law = "is no quantile; it must lie from 0 to 1";
    both!(t, x, [2, 3], x.quantile(1.5), format!("quantile: 1.5 {law}"));
    both!(t, x, [2, 3], x.quantile(f64::NAN), format!("quantile: NaN {law}"));
    both!(t, x, [2, 3], x.quantiles(&[0.5, -0.1], 1), format!("quantiles: -0.1 {law}"));
    both!(t, x, [0], x.median(), "median: the reduced axes of shape (0,) are empty, and have no median");
    both!(
        t,
        x,
        [2, 0],
        x.quantile_axis(0.5, 1),
        "quantile_axis: the reduced axes of shape (2, 0) are empty, and have no quantile"
    );
    both!(
        t,
        x,
        [2, 0],
        x.quantiles(&[0.5], 1),
        "quantiles: the reduced axes of shape (2, 0) are empty, and have no quantiles"
    );
}

fn places(t: &mut Table<'_>) {
    both!(t, x, [2, 3], x.gather(2, [2, 3], &[0; 6]), format!("gather: {AXES}"));
    both!(t, x, [], x.gather(0, [], &[0]), "gather: axis 0 does not exist in shape (), which has no axes");
    both!(
        t,
        x,
        [2, 3],
        x.gather(1, [2], &[0; 2]),
        "gather: shape (2,) has 1 axes, shape (2, 3) has 2; they need the same number"
    );
    let law = "gather: shape (3, 1) does not lie within (2, 3): axis 0 needs 3 ≤ 2, and only axis 1 may be longer";
    both!(t, x, [2, 3], x.gather(1, [3, 1], &[0; 3]), law);
    both!(t, x, [2, 3], x.gather(1, [2, 4], &[0; 7]), "gather: 7 indices given for the 8 values of shape (2, 4)");
    let law = "gather: index 3 at position 1 is out of range for axis 1 of length 3";
    both!(t, x, [2, 3], x.gather(1, [2, 1], &[0, 3]), law);
    let law = "gather: shape (1, 18446744073709551615) has more values than a computer can hold";
    both!(t, x, [2, 3], x.gather(1, [1, usize::MAX], &[0]), law);

    let (row, tall) = (Tensor::ones([1, 3]), Tensor::ones([2, 4]));
    for how in [Scatter::Set, Scatter::Add, Scatter::Max, Scatter::Min, Scatter::Mean] {
        let (a, b, c) = (row.clone(), row.clone(), tall.clone());
        let x = t.tape.var(Tensor::ones([2, 3]));
        t.row(move || x.scatter(2, &[0; 3], a, how), format!("scatter: {AXES}"));
        t.row(
            move || x.scatter(0, &[0, 2, 0], b, how),
            "scatter: index 2 at position 1 is out of range for axis 0 of length 2",
        );
        let law = "scatter: shape (2, 4) does not lie within (2, 3): axis 1 needs 4 ≤ 3, and only axis 0 may be longer";
        t.row(move || x.scatter(0, &[0; 8], c, how), law);
    }
    let law = "scatter: 2 indices given for the 3 values of shape (1, 3)";
    both!(t, x, [2, 3], x.scatter(0, &[0, 1], &Tensor::ones([1, 3]), Scatter::Add), law);
    let law = "scatter: shape () has 0 axes, shape (2, 3) has 2; they need the same number";
    both!(t, x, [2, 3], x.scatter(0, &[0], &Tensor::ones([]), Scatter::Add), law);

    both!(t, x, [2, 3], x.put(2, &[0], &Tensor::ones([])), format!("put: {AXES}"));
    let law = "put: index 2 at position 1 is out of range for axis 0 of length 2";
    both!(t, x, [2, 3], x.put(0, &[0, 2], &Tensor::ones([])), law);
    let law = "put: shape (2, 2) cannot be stretched to (1, 3): only axes of length 1, or missing ones, stretch";
    both!(t, x, [2, 3], x.put(0, &[1], &Tensor::ones([2, 2])), law);
    let law = "shapes (2, 3) and (4, 5) do not broadcast: axis 0 of the result would need 2 = 4 \
               (axes align at the last one; a length of 1 stretches); reshape or transpose an operand?";
    both!(t, x, [2, 3], x.masked_fill(&Tensor::ones([4, 5]), 0.0), format!("masked_fill: {law}"));
    both!(t, x, [2, 3], x.masked_select(&Tensor::ones([4, 5])), format!("masked_select: {law}"));
    t.row(
        move || Tensor::<f64>::one_hot(&[0; 2], usize::MAX),
        "one_hot: shape (2, 18446744073709551615) has more values than a computer can hold",
    );
    t.row(
        || Tensor::<f64>::one_hot(&[0, 3], 3),
        "one_hot: index 3 at position 1 is out of range for axis 1 of length 3",
    );
}

fn plain(t: &mut Table<'_>) {
    let x = || Tensor::<f64>::ones([2, 3]);
    t.row(move || x().argsort(2), format!("argsort: {AXES}"));
    t.row(move || x().argsort_descending(2), format!("argsort_descending: {AXES}"));
    t.row(move || x().argcummax(2), format!("argcummax: {AXES}"));
    t.row(move || x().argcummin(2), format!("argcummin: {AXES}"));
    t.row(move || x().searchsorted(&x(), false), "searchsorted: shape (2, 3) is no vector; flatten and sort it?");
}

/// The same text where data decides.
#[test]
fn results_say_the_same() {
    let tape = Tape::new();
    let x = Tensor::<f64>::ones([2, 3]);
    let v = tape.var(&x);
    let errors = [
        (
            x.try_gather(1, [2, 1], &[0, 3]).err(),
            "gather: index 3 at position 1 is out of range for axis 1 of length 3",
        ),
        (
            v.try_gather(1, [2, 1], &[0, 3]).err(),
            "gather: index 3 at position 1 is out of range for axis 1 of length 3",
        ),
        (
            v.try_scatter(0, &[5], 1.0, Scatter::Set).err(),
            "scatter: shape () has 0 axes, shape (2, 3) has 2; they need the same number",
        ),
        (v.try_put(0, &[2], 1.0).err(), "put: index 2 at position 0 is out of range for axis 0 of length 2"),
        (x.try_topk(4, 1).err(), "topk: axis 1 of shape (2, 3) has 3 values, fewer than 4"),
        (
            v.try_kthvalue(4, 1).err(),
            "kthvalue: there is no value 4 among the 3 along axis 1 of shape (2, 3); they count from 1 to 3",
        ),
        (
            Tensor::<f64>::try_one_hot(&[3], 3).err(),
            "one_hot: index 3 at position 0 is out of range for axis 1 of length 3",
        ),
    ];
    for (error, expected) in errors {
        assert_eq!(error.map(|error| error.to_string()).as_deref(), Some(expected));
    }
    for error in [x.try_masked_fill(&Tensor::ones(4), 0.0).err(), x.try_masked_select(&Tensor::ones(4)).err()] {
        assert!(error.is_some_and(|error| error.to_string().starts_with("masked_")), "the mask does not fit");
    }
}
