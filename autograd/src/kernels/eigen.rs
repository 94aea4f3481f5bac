//! Eigenvalues of symmetric matrices: reflections make the matrix tridiagonal, and rotations make that diagonal, by the QL
//! method with Wilkinson's shift (Bowdler, Martin, Reinsch & Wilkinson 1968; Golub & Van Loan 2013, sections 8.3.1 to 8.3.5).
//!
//! All on `f64`, for both number types, and in a fixed order, so that the bits are the same on every processor. The vectors
//! stand in rows until the end: then every inner loop runs along rows. Matrices have values: none of their sides is 0.

use super::squares::unit;

/// So many sweeps at most for each value, in the mean. The convergence is cubic: two are usual.
const SWEEPS: usize = 60;

/// Components of a vector that differ by less than this count as equally large where its sign is chosen, so that the
/// choice between them is not left to round-off.
const ALIKE: f64 = 1e-6;

/// Eigenvalues in increasing order and, in columns, orthonormal eigenvectors of the symmetric row-major `a`; NaN unless all
/// values are finite.
pub(crate) fn eigen(n: usize, mut a: Vec<f64>) -> [Vec<f64>; 2] {
    let Some(scale) = scaled(&mut a) else { return [vec![f64::NAN; n], vec![f64::NAN; n * n]] };
    // Large rows last: the reflections begin there, and then small values of a graded matrix keep digits of their own.
    let mut places: Vec<usize> = (0..n).collect();
    places.sort_by(|&i, &j| a[i * n + i].abs().total_cmp(&a[j * n + j].abs()));
    let mut a: Vec<f64> = (0..n * n).map(|at| a[places[at / n] * n + places[at % n]]).collect();
    let (mut d, mut e) = tridiagonal(n, &mut a);
    let mut v = reflections(n, &a);
    diagonal(&mut d, &mut e, &mut v);
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| d[i].total_cmp(&d[j]));
    let mut vectors = vec![0.0; n * n];
    let mut natural = vec![0.0; n];
    for (to, &from) in order.iter().enumerate() {
        places.iter().zip(&v[from * n..][..n]).for_each(|(&i, &x)| natural[i] = x);
        let sign = sign(&natural);
        natural.iter().enumerate().for_each(|(i, x)| vectors[i * n + to] = sign * x);
    }
    [order.iter().map(|&j| d[j] * scale).collect(), vectors]
}

/// The diagonal of a tridiagonal matrix that is similar to `a`, and what stands beside it, `e[i]` at `(i, i + 1)`. Reads the
/// lower triangle, and leaves in the first `i` places of row `i` the direction of the reflection that made it, of length √2.
fn tridiagonal(n: usize, a: &mut [f64]) -> (Vec<f64>, Vec<f64>) {
    let (mut d, mut e, mut w) = (vec![0.0; n], vec![0.0; n - 1], vec![0.0; n]);
    for i in (1..n).rev() {
        let (rows, row) = a.split_at_mut(i * n);
        d[i] = row[i];
        let (v, w) = (&mut row[..i], &mut w[..i]);
        e[i - 1] = direction(v);
        if v[i - 1] == 0.0 {
            continue; // nothing to reflect
        }
        // (1 − v·vᵀ)·a·(1 − v·vᵀ) = a − v·wᵀ − w·vᵀ with w = a·v − v·(vᵀ·a·v)/2.
        w.fill(0.0);
        for (r, row) in rows.chunks_exact(n).enumerate() {
            w[r] += dot(&row[..=r], &v[..=r]);
            add(&mut w[..r], v[r], &row[..r]);
        }
        let along = dot(v, w);
        add(w, -0.5 * along, v);
        for (r, row) in rows.chunks_exact_mut(n).enumerate() {
            let (x, y) = (v[r], w[r]);
            for ((a, v), w) in row[..=r].iter_mut().zip(&*v).zip(&*w) {
                *a -= x * w + y * v;
            }
        }
    }
    d[0] = a[0];
    (d, e)
}

/// Turns `x` into the direction, of length √2, of the reflection that takes it to a multiple of the last axis; returns that
/// multiple. A direction of zeros is none: `x` lies on the axis already.
fn direction(x: &mut [f64]) -> f64 {
    let (last, end) = (x.len() - 1, x[x.len() - 1]);
    if x[..last].iter().all(|&x| x == 0.0) {
        x[last] = 0.0;
        return end;
    }
    let (down, up) = unit(x.iter().fold(0.0, |top: f64, x| top.max(x.abs())));
    x.iter_mut().for_each(|x| *x *= down);
    let length = dot(x, x).sqrt();
    // Away from the last component's own sign, so that nothing cancels.
    let signed = if x[last] < 0.0 { -length } else { length };
    x[last] += signed;
    let scale = 1.0 / (length * x[last].abs()).sqrt();
    x.iter_mut().for_each(|x| *x *= scale);
    -signed * up
}

/// The product of the reflections that [`tridiagonal`] left, transposed: its rows become the eigenvectors.
fn reflections(n: usize, directions: &[f64]) -> Vec<f64> {
    let mut q = identity(n);
    for i in 2..n {
        let v = &directions[i * n..][..i];
        for row in q.chunks_exact_mut(n).take(i) {
            let along = dot(&row[..i], v);
            add(&mut row[..i], -along, v);
        }
    }
    q
}

/// Rotates the tridiagonal matrix of `d` and `e` until it is diagonal, and the rows of `v` with it.
fn diagonal(d: &mut [f64], e: &mut [f64], v: &mut [f64]) {
    let n = d.len();
    let mut turns = Vec::with_capacity(n);
    let (mut start, mut sweeps) = (0, SWEEPS * n);
    while start < n {
        // The first part that does not fall apart.
        let end = (start..n - 1).find(|&i| is_negligible(d, e, i)).unwrap_or(n - 1);
        if end == start {
            start += 1;
            continue;
        }
        if sweeps == 0 {
            return;
        }
        sweeps -= 1;
        sweep(&mut d[start..=end], &mut e[start..end], &mut turns);
        turns.iter().zip((start..end).rev()).for_each(|(turn, i)| turn.rows(v, n, i, i + 1));
    }
}

fn is_negligible(d: &[f64], e: &[f64], i: usize) -> bool {
    e[i].abs() <= f64::EPSILON * (0.5 * d[i].abs().sqrt() * d[i + 1].abs().sqrt() + f64::EPSILON)
}

/// One step of QL, implicit: the first rotation is that of the shifted matrix, in the plane of the last two axes; the others
/// chase what it leaves beside the three diagonals up and out. Two axes take one rotation. Notes the rotations.
fn sweep(d: &mut [f64], e: &mut [f64], turns: &mut Vec<Turn>) {
    turns.clear();
    let last = e.len();
    if last == 1 {
        let (turn, tan) = Turn::of(d[0], d[1], e[0]);
        (d[0], d[1], e[0]) = (d[0] - tan * e[0], d[1] + tan * e[0], 0.0);
        return turns.push(turn);
    }
    // Of the eigenvalues of the first two axes, that nearer to the first.
    let middle = 0.5 * (d[1] - d[0]);
    let root = (middle * middle + e[0] * e[0]).sqrt();
    let shift = d[0] - e[0] * (e[0] / (middle + if middle < 0.0 { -root } else { root }));
    // To be made 0 is `out`, against `x`.
    let (mut x, mut out) = (d[last] - shift, e[last - 1]);
    for i in (0..last).rev() {
        let length = (x * x + out * out).sqrt();
        let (cos, sin) = (x / length, out / length); // of a length that is not 0, as no `e` is negligible
        if i + 1 < last {
            e[i + 1] = length;
        }
        let (near, off) = (e[i], sin * (d[i] - d[i + 1]) + 2.0 * cos * e[i]);
        d[i] -= sin * off;
        d[i + 1] += sin * off;
        e[i] = cos * off - near;
        x = e[i];
        if i > 0 {
            out = sin * e[i - 1];
            e[i - 1] *= cos;
        }
        turns.push(Turn { cos, sin });
    }
}

/// A rotation of two axes.
#[derive(Clone, Copy)]
pub(super) struct Turn {
    cos: f64,
    sin: f64,
}

impl Turn {
    /// That which makes `[[x, off], [off, y]]` diagonal, by the smaller of two angles, and its tangent: the diagonal becomes
    /// `x − tan·off`, `y + tan·off`.
    pub(super) fn of(x: f64, y: f64, off: f64) -> (Turn, f64) {
        let middle = (y - x) / (2.0 * off);
        let size = 1.0 / (middle.abs() + (1.0 + middle * middle).sqrt());
        let tan = if middle < 0.0 { -size } else { size };
        let cos = 1.0 / (1.0 + tan * tan).sqrt();
        (Turn { cos, sin: tan * cos }, tan)
    }

    /// Turns the rows `p < q` of `x`, which are `len` long.
    pub(super) fn rows(self, x: &mut [f64], len: usize, p: usize, q: usize) {
        let (above, below) = x.split_at_mut(q * len);
        for (a, b) in above[p * len..][..len].iter_mut().zip(&mut below[..len]) {
            (*a, *b) = (self.cos * *a - self.sin * *b, self.sin * *a + self.cos * *b);
        }
    }
}

/// `x ← x + by·y`.
fn add(x: &mut [f64], by: f64, y: &[f64]) {
    for (x, y) in x.iter_mut().zip(y) {
        *x += by * y;
    }
}

/// Scales to magnitudes about 1 by a power of two, and returns its inverse; nothing if a value is not finite.
pub(super) fn scaled(a: &mut [f64]) -> Option<f64> {
    if !a.iter().all(|x| x.is_finite()) {
        return None;
    }
    let (down, up) = unit(a.iter().fold(0.0, |top: f64, x| top.max(x.abs())));
    a.iter_mut().for_each(|x| *x *= down);
    Some(up)
}

pub(super) fn identity(n: usize) -> Vec<f64> {
    (0..n * n).map(|at| f64::from(at % (n + 1) == 0)).collect()
}

pub(super) fn transposed(rows: usize, cols: usize, a: &[f64]) -> Vec<f64> {
    (0..rows * cols).map(|at| a[at % rows * cols + at / rows]).collect()
}

/// The sum of products, by lanes that a vector unit has.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    for (a, b) in a.chunks(8).zip(b.chunks(8)) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum()
}

/// The sign that makes the first of the largest components positive.
pub(super) fn sign(row: &[f64]) -> f64 {
    let top = row.iter().fold(0.0, |top: f64, x| top.max(x.abs()));
    let first = row.iter().find(|x| x.abs() >= top * (1.0 - ALIKE));
    if first.is_some_and(|&x| x < 0.0) { -1.0 } else { 1.0 }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// How far rows are from orthonormal.
    pub(in super::super) fn skew(rows: &[f64], len: usize) -> f64 {
        let k = rows.len() / len;
        let row = |i: usize| &rows[i * len..][..len];
        (0..k * k).map(|at| (dot(row(at / k), row(at % k)) - f64::from(at / k == at % k)).abs()).fold(0.0, f64::max)
    }

    /// Numbers in −1 … 1 that follow no pattern.
    fn noise(count: usize, seed: usize) -> Vec<f64> {
        (0..count).map(|i| (((i + 1) as f64 * 12.9898 + seed as f64 * 78.233).sin() * 43758.5453).fract()).collect()
    }

    fn of(n: usize, at: impl Fn(usize, usize) -> f64) -> Vec<f64> {
        (0..n * n).map(|place| at(place / n, place % n)).collect()
    }

    /// A full matrix with these eigenvalues: reflections of a diagonal one, from both sides.
    fn with_values(n: usize, value: impl Fn(usize) -> f64) -> Vec<f64> {
        let mut a = of(n, |i, j| if i == j { value(i) } else { 0.0 });
        for seed in 0..3 {
            let v = noise(n, seed);
            let square = dot(&v, &v);
            for _ in 0..2 {
                for row in a.chunks_exact_mut(n) {
                    let along = dot(row, &v);
                    add(row, -2.0 * along / square, &v);
                }
                a = transposed(n, n, &a);
            }
        }
        of(n, |i, j| 0.5 * (a[i * n + j] + a[j * n + i]))
    }

    /// `|a·v − w·v|` and `|vᵀ·v − 1|` are a few `n·ε·|a|` and `n·ε`.
    fn check(what: &str, n: usize, a: &[f64]) -> Vec<f64> {
        let [w, v] = eigen(n, a.to_vec());
        assert!(w.windows(2).all(|w| w[0] <= w[1]), "{what}, {n}: {w:?}");
        let (v, few) = (transposed(n, n, &v), 4.0 * n as f64 * f64::EPSILON);
        let skew = skew(&v, n);
        assert!(skew <= few, "{what}, {n}: {skew:e}");
        let unit = a.iter().fold(f64::MIN_POSITIVE, |top, x| top.max(x.abs()));
        let a: Vec<f64> = a.iter().map(|x| x / unit).collect();
        let size = dot(&a, &a).sqrt();
        for (v, w) in v.chunks_exact(n).zip(&w) {
            let rest: Vec<f64> = a.chunks_exact(n).zip(v).map(|(row, x)| dot(row, v) - w / unit * x).collect();
            let rest = dot(&rest, &rest).sqrt();
            assert!(rest <= few * size, "{what}, {n}: {rest:e} of {size}");
            assert!(sign(v) == 1.0, "{what}, {n}: {v:?}");
        }
        w
    }

    fn close(found: &[f64], expected: impl Fn(usize) -> f64, within: f64) {
        for (j, w) in found.iter().enumerate() {
            let expected = expected(j);
            assert!((w - expected).abs() <= within, "value {j} of {}: {w:e} is not {expected:e}", found.len());
        }
    }

    #[test]
    fn vectors_are_orthonormal_and_make_the_matrix() {
        for n in [1, 2, 3, 60, 200] {
            let few = 4.0 * n as f64 * f64::EPSILON;
            let m = noise(n * n, 7);
            for scale in [1.0, -1e-200, 1e200] {
                check("random", n, &of(n, |i, j| scale * (m[i * n + j] + m[j * n + i])));
            }
            assert_eq!(check("zeros", n, &vec![0.0; n * n]), vec![0.0; n]);
            close(&check("ones", n, &vec![1.0; n * n]), |j| if j + 1 == n { n as f64 } else { 0.0 }, n as f64 * few);
            close(
                &check("equal", n, &with_values(n, |i| (1 + i % 2) as f64)),
                |j| if j < n.div_ceil(2) { 1.0 } else { 2.0 },
                few,
            );
            close(&check("clustered", n, &with_values(n, |i| 1.0 + 1e-14 * i as f64)), |j| 1.0 + 1e-14 * j as f64, few);
            let graded = |i: usize| 10f64.powf(12.0 - 24.0 * i as f64 / n as f64);
            check("with small values", n, &with_values(n, graded));
            check("graded", n, &of(n, |i, j| graded(i).sqrt() * (m[i * n + j] + m[j * n + i]) * graded(j).sqrt()));
            // A chain of springs.
            let chain = of(n, |i, j| if i == j { 2.0 } else { -f64::from(i.abs_diff(j) == 1) });
            let angle = |j: usize| (j + 1) as f64 / (n + 1) as f64 * std::f64::consts::PI;
            close(&check("chain", n, &chain), |j| 2.0 - 2.0 * angle(j).cos(), few);
        }
    }

    /// Axes are vectors already: neither they nor the values change, but for their order.
    #[test]
    fn diagonal_matrices_stay_as_they_are() {
        for n in [1, 2, 3, 60, 200] {
            let mut d: Vec<f64> = noise(n, 1).iter().map(|x| x * 10f64.powf(12.0 * x)).collect();
            d[n / 2] = d[0];
            let [w, v] = eigen(n, of(n, |i, j| if i == j { d[i] } else { 0.0 }));
            assert!(v.iter().all(|&x| x == 0.0 || x == 1.0) && skew(&v, n) == 0.0, "{v:?}");
            d.sort_by(f64::total_cmp);
            assert_eq!(w, d);
        }
    }

    /// Values far below the largest keep their digits, in whichever order the rows come: the values of this matrix, of a
    /// product `l·lᵀ` with graded rows, multiply to its determinant.
    #[test]
    fn small_values_of_graded_matrices_are_accurate() {
        for n in [2, 3, 12] {
            for step in [1, n - 1, 5] {
                let size = |i: usize| 10f64.powi(-((i * step % n) as i32));
                let m = noise(n * n, 3);
                let l = of(n, |i, j| if i == j { 1.0 } else { f64::from(j < i) * 0.3 * m[i * n + j] });
                let a = of(n, |i, j| size(i) * dot(&l[i * n..][..n], &l[j * n..][..n]) * size(j));
                let w = check("product", n, &a);
                let (found, expected) = (w.iter().product::<f64>(), (0..n).map(|i| size(i) * size(i)).product::<f64>());
                assert!((found / expected - 1.0).abs() < 1e-12, "{n}, {step}: {found:e} is not {expected:e}: {w:?}");
            }
        }
        assert_eq!(eigen(2, vec![1e-30, 0.0, 0.0, -1.0])[0], [-1.0, 1e-30]);
    }

    #[test]
    fn two_axes_take_one_rotation() {
        assert_eq!(eigen(2, vec![2.0, 1.0, 1.0, 2.0])[0], [1.0, 3.0]);
    }

    /// Of components equally large the first is positive, whatever round-off makes of them.
    #[test]
    fn signs_do_not_hang_on_round_off() {
        for off in [-0.1, 0.1, 3.0, -7.0] {
            let [_, v] = eigen(2, vec![0.3, off, off, 0.3]);
            assert!(v[0] > 0.0 && v[1] > 0.0, "{v:?}");
        }
        assert!(eigen(2, vec![1.0, f64::NAN, f64::NAN, 1.0]).concat().iter().all(|x| x.is_nan()));
    }
}
