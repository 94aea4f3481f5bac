//! The kernels as the rest of the crate calls them: one instance for each number type.

use super::centre::Form;
use super::factor::Triangle;
use super::product::Matrix;
use super::reduce::Loops;
use super::runs::{Few, Runs};
use super::scan::Part;
use super::windows::Sizes;
use super::{
    arg_extreme, binary, centre, deviations, elementwise, factor, factors, normalize, order, product, qr, reduce, scan,
    scatter, softmax, squares, sums, windows,
};
use crate::number::instances::instances;
use crate::number::rows::{Args, Binary, Unary};

instances! {
    elementwise::unary as unary(row: Unary, args: Args, x: &[T], out: &mut [T]);
    elementwise::unary_with_slopes as unary_with_slopes(row: Unary, args: Args, x: &[T], y: &mut [T], slopes: &mut [T]);
    elementwise::unary_chain as unary_chain(row: Unary, args: Args, x: &[T], y: &[T], dy: &mut [T]);
    binary::binary as binary(row: Binary, runs: &Runs, a: &[T], b: &[T], out: &mut [T]);
    binary::binary_chain as binary_chain(row: Binary, second: bool, runs: &Runs, a: &[T], b: &[T], y: &[T], dy: &mut [T]);
    binary::binary_chain_add as binary_chain_add(row: Binary, second: bool, aby: [&[T]; 3], dy: &[T], sum: &mut [T]);
    binary::binary_chain_add_few as binary_chain_add_few(row: Binary, second: bool, few: &Few, aby: [&[T]; 3], dy: &[T], sum: &mut [T]);
    elementwise::select as select(mask: &[T], a: &[T], b: &[T], out: &mut [T]);
    elementwise::add_assign as add_assign(out: &mut [T], x: &[T]);
    sums::sum as sum(x: &[T], loops: Loops, over: f64, out: &mut [T]);
    deviations::deviations as deviations(x: &[T], loops: Loops, out: &mut [T]);
    squares::squares as squares(x: &[T], loops: Loops, over: f64, root: bool, out: &mut [T]);
    factors::product as product(x: &[T], loops: Loops, out: &mut [T]);
    factors::product_of_others as product_of_others(x: &[T], loops: Loops, out: &mut [T]);
    reduce::extreme as extreme(x: &[T], loops: Loops, largest: bool, out: &mut [T]);
    arg_extreme::arg_extreme as arg_extreme(x: &[T], loops: Loops, largest: bool, out: &mut [usize]);
    scatter::add_rows as add_rows(x: &[T], loops: Loops, indices: &[usize], out: &mut [T]);
    reduce::tie_share as tie_share(x: &[T], y: &[T], loops: Loops, out: &mut [T]);
    scan::cumulative_sum as cumulative_sum(x: &[T], loops: Loops, reverse: bool, out: &mut [T]);
    scan::log_sums as log_sums(x: &[T], loops: Loops, part: Part, out: &mut [T]);
    scan::recurrence as recurrence(a: &[T], b: &[T], loops: Loops, reverse: bool, out: &mut [T]);
    order::ranked as ranked(x: &[T], loops: Loops, ranks: &[usize], descending: bool, nan_first: bool, out: &mut [usize]);
    order::running_extreme as running_extreme(x: &[T], loops: Loops, largest: bool, out: &mut [usize]);
    order::search as search(sorted: &[T], x: &[T], right: bool, out: &mut [usize]);
    order::scatter_extreme as scatter_extreme(x: &[T], positions: &[usize], largest: bool, out: &mut [T]);
    order::interpolate as interpolate(a: &[T], b: &[T], weights: &[f64], inner: usize, out: &mut [T]);
    softmax::log_sum_exp as log_sum_exp(x: &[T], loops: Loops, out: &mut [T], slopes: Option<&mut [T]>);
    softmax::softmax as softmax(x: &[T], loops: Loops, out: &mut [T]);
    softmax::log_softmax as log_softmax(x: &[T], loops: Loops, out: &mut [T], softmax: Option<&mut [T]>);
    softmax::scale_lines as scale_lines(slopes: &mut [T], loops: Loops, dy: &[T]);
    softmax::cross_entropy as cross_entropy(x: &[T], classes: &[usize], out: Option<&mut [T]>, slopes: Option<&mut [T]>);
    centre::centre as centre(p: &[T], v: &[T], loops: Loops, form: Form, out: &mut [T]);
    centre::centre_in_place as centre_in_place(p: &[T], loops: Loops, v: &mut [T]);
    normalize::normalize as normalize(x: &[T], n: usize, eps: T, out: &mut [T]);
    normalize::inverse_deviation as inverse_deviation(x: &[T], n: usize, eps: T, out: &mut [T]);
    normalize::normalize_gradient as normalize_gradient(x: &[T], v: &[T], n: usize, eps: T, out: &mut [T]);
    factor::solve_triangular as solve_triangular(n: usize, k: usize, t: Triangle<'_, T>, x: &mut [T]);
    factor::cholesky as cholesky(n: usize, a: &mut [T]);
    factor::lu as lu(n: usize, a: &mut [T], pivots: &mut [T]);
    factor::lu_solve as lu_solve(n: usize, k: usize, lu: &[T], pivots: &[T], transposed: bool, x: &mut [T]);
    qr::qr as qr(m: usize, n: usize, a: &[T], q: &mut [T], r: &mut [T]);
    windows::convolve as convolve(sizes: &Sizes, x: &[T], w: &[T], y: &mut [T]);
    windows::convolve_back as convolve_back(sizes: &Sizes, w: &[T], y: &[T], x: &mut [T]);
    windows::correlate as correlate(sizes: &Sizes, x: &[T], y: &[T], w: &mut [T]);
    product::matmul as matmul(m: usize, k: usize, n: usize, a: Matrix<T>, b: Matrix<T>, add: bool, c: &mut [T]);
}
