//! Products of many factors, whose partial products may overflow or underflow where the result does not.

use super::isa::kernel;
use super::reduce::{Loops, STRIP, strips};
use crate::math;
use crate::number::Float;

/// The number of partial products of a row.
const LANES: usize = 16;

/// The number of factors that are multiplied before their product is split again.
const BLOCK: usize = 8;

/// Up to this size and down to its inverse, a block of factors and a fraction can be multiplied as they are: each
/// partial product is a normal number, and has the digits that the product of the fractions has.
#[inline(always)]
fn near<T: Float>() -> T {
    let (least, _) = T::SMALLEST.split();
    T::exp2_integer(math::floor(-least / T::from_f64(BLOCK as f64 + 1.0)))
}

/// Whether all factors are [`near`] 1.
#[inline(always)]
fn all_near<T: Float>(x: &[T]) -> bool {
    let most = near::<T>();
    let least = T::one() / most;
    x.iter().fold(true, |all, &x| all & (math::abs(x) >= least) & (math::abs(x) <= most))
}

/// The factors of a row, then ones: loops of a known length stay in registers.
#[inline(always)]
fn filled<T: Float, const W: usize>(row: &[T]) -> [T; W] {
    row.try_into().unwrap_or_else(|_| {
        let mut all = [T::one(); W];
        all[..row.len()].copy_from_slice(row);
        all
    })
}

/// `x = ±2ᵏ·m` with `m` in [√½, √2), or 1 in place of 0, of an infinity and of NaN.
#[derive(Clone, Copy)]
struct Factor<T> {
    k: T,
    m: T,
    /// The sign, ±1.
    sign: T,
    /// For 0, infinity and NaN: 1 in the respective position.
    odd: [T; 3],
}

impl<T: Float> Factor<T> {
    #[inline(always)]
    #[allow(clippy::eq_op)] // x ≠ x is the test for NaN
    fn of(x: T) -> Self {
        let (size, [factor, exponent]) = (math::abs(x), T::LIFT);
        let ordinary = size > T::zero() && size < T::INFINITY;
        let y = math::select(ordinary, size, T::one());
        let lift = y < T::SMALLEST;
        let (k, m) = math::select(lift, y * factor, y).split();
        Factor {
            k: k - math::select(lift, exponent, T::zero()),
            m,
            sign: T::one().with_sign(x),
            odd: [math::mask(size == T::zero()), math::mask(size == T::INFINITY), math::mask(x != x)],
        }
    }
}

/// `W` products side by side, with fractions and exponents kept separately.
#[derive(Clone, Copy)]
struct Products<T, const W: usize> {
    m: [T; W],
    /// The exponents of the running block, and those of all blocks before.
    k: [T; W],
    exponent: [f64; W],
    sign: [T; W],
    odd: [[T; W]; 3],
}

impl<T: Float, const W: usize> Products<T, W> {
    #[inline(always)]
    fn none() -> Self {
        let (zeros, ones) = ([T::zero(); W], [T::one(); W]);
        Products { m: ones, k: zeros, exponent: [0.0; W], sign: ones, odd: [zeros; 3] }
    }

    /// The products of `n` rows of factors; each row may have fewer than `W`.
    #[inline(always)]
    fn of_rows<'a>(n: usize, row: impl Fn(usize) -> &'a [T]) -> Self {
        let mut products = Self::none();
        for from in (0..n).step_by(BLOCK) {
            let block = from..n.min(from + BLOCK);
            if block.clone().fold(true, |all, j| all & all_near(&filled::<T, W>(row(j)))) {
                products.multiply_near(block.map(|j| filled(row(j))));
            } else {
                for j in block {
                    for (lane, &x) in row(j).iter().enumerate().take(W) {
                        products.multiply(lane, Factor::of(x));
                    }
                }
            }
            products.split();
        }
        products
    }

    #[inline(always)]
    fn multiply(&mut self, lane: usize, Factor { k, m, sign, odd }: Factor<T>) {
        self.m[lane] = self.m[lane] * m;
        self.k[lane] = self.k[lane] + k;
        self.sign[lane] = self.sign[lane] * sign;
        for (count, odd) in self.odd.iter_mut().zip(odd) {
            count[lane] = count[lane] + odd;
        }
    }

    /// Multiplies rows of factors that are [`near`] 1.
    #[inline(always)]
    fn multiply_near(&mut self, rows: impl Iterator<Item = [T; W]>) {
        let mut products = self.m;
        for row in rows {
            for (product, x) in products.iter_mut().zip(row) {
                *product = *product * x;
            }
        }
        for ((m, sign), product) in self.m.iter_mut().zip(&mut self.sign).zip(products) {
            *m = math::abs(product);
            *sign = *sign * T::one().with_sign(product);
        }
    }

    #[inline(always)]
    fn split(&mut self) {
        for lane in 0..W {
            let (k, m) = self.m[lane].split();
            self.m[lane] = m;
            self.exponent[lane] = self.exponent[lane] + self.k[lane].to_f64() + k.to_f64();
            self.k[lane] = T::zero();
        }
    }

    /// The product of all lanes.
    #[inline(always)]
    fn joined(&self) -> Products<T, 1> {
        let mut all = Products::<T, 1>::none();
        for lane in 0..W {
            let [zeros, infinite, nan] = &self.odd;
            let odd = [zeros[lane], infinite[lane], nan[lane]];
            all.multiply(0, Factor { k: self.k[lane], m: self.m[lane], sign: self.sign[lane], odd });
            all.exponent[0] += self.exponent[lane];
        }
        all.split();
        all
    }

    /// The products as fractions and twice a power of two, if there is no odd factor.
    #[inline(always)]
    fn scales(&self) -> Option<[[T; W]; 3]> {
        let ([mut m, mut half, mut rest], mut odd) = ([[T::one(); W]; 3], T::zero());
        for (lane, ((m, half), rest)) in m.iter_mut().zip(&mut half).zip(&mut rest).enumerate() {
            *m = self.m[lane] * self.sign[lane];
            [*half, *rest] = powers(self.exponent[lane]);
            odd = self.odd.iter().fold(odd, |sum, odd| sum + odd[lane]);
        }
        (odd == T::zero()).then_some([m, half, rest])
    }

    /// The product in a lane without one of its factors, `x`, or with all of them.
    #[inline(always)]
    fn without(&self, lane: usize, x: Option<T>) -> T {
        let zero = T::zero();
        let x = match x {
            Some(x) => Factor::of(x),
            None => Factor { k: zero, m: T::one(), sign: T::one(), odd: [zero; 3] },
        };
        let [zeros, infinite, nan] = &self.odd;
        let (zeros, infinite, nan) = (zeros[lane] - x.odd[0], infinite[lane] - x.odd[1], nan[lane] - x.odd[2]);
        let y = scaled(self.m[lane] / x.m, self.exponent[lane] - x.k.to_f64());
        let y = math::select(infinite > zero, T::INFINITY, y);
        let y = math::select(zeros > zero, math::select(infinite > zero, T::NAN, zero), y);
        math::select(nan > zero, T::NAN, y * (self.sign[lane] * x.sign))
    }
}

/// `2ᵏ·m`
#[inline(always)]
fn scaled<T: Float>(m: T, k: f64) -> T {
    let [half, rest] = powers(k);
    m * half * rest
}

/// 2ᵏ as a product of two powers, because it may itself overflow or underflow where a multiple does not.
#[inline(always)]
fn powers<T: Float>(k: f64) -> [T; 2] {
    let (least, _) = T::SMALLEST.split();
    let most = -2.0 * (least.to_f64() + 1.0);
    let k = math::min(math::max(k, -most), most);
    let half = math::floor(k * 0.5);
    [T::exp2_integer(T::from_f64(half)), T::exp2_integer(T::from_f64(k - half))]
}

/// The product of a row. Lanes hide the latency of a factor, and cost more than they save in a short row.
#[inline(always)]
fn row_product<T: Float>(row: &[T]) -> Products<T, 1> {
    if row.len() < 2 * LANES {
        return Products::of_rows(row.len(), |j| &row[j..=j]);
    }
    let rows = row.len().div_ceil(LANES);
    Products::<T, LANES>::of_rows(rows, |j| &row[j * LANES..row.len().min((j + 1) * LANES)]).joined()
}

kernel! {
    /// `out[o, i] = Π_j x[o, j, i]`
    fn product<'a, T>(x: &'a [T], loops: Loops, out: &'a mut [T]) for x.len(), {
        let Loops { n, inner, .. } = loops;
        if n == 0 {
            out.fill(T::one());
        } else if inner == 1 {
            for (row, out) in x.chunks_exact(n).zip(out) {
                *out = row_product(row).without(0, None);
            }
        } else {
            strips(loops, |o, i, w| {
                let products = Products::<T, STRIP>::of_rows(n, |j| &x[(o * n + j) * inner + i..][..w]);
                for (lane, out) in out[o * inner + i..][..w].iter_mut().enumerate() {
                    *out = products.without(lane, None);
                }
            });
        }
    }
}

kernel! {
    /// `out[o, j, i] = Π_l x[o, l, i]` over all `l` but `j`; exact where factors are 0.
    fn product_of_others<'a, T>(x: &'a [T], loops: Loops, out: &'a mut [T]) for x.len(), {
        let Loops { n, inner, .. } = loops;
        if inner == 1 {
            for (row, out) in x.chunks_exact(n.max(1)).zip(out.chunks_exact_mut(n.max(1))) {
                let products = row_product(row);
                let scales = products.scales();
                for (row, out) in row.chunks(STRIP).zip(out.chunks_mut(STRIP)) {
                    match scales {
                        Some([[m], [half], [rest]]) if all_near(row) => {
                            for (out, &x) in out.iter_mut().zip(row) {
                                *out = m / x * half * rest;
                            }
                        }
                        _ => {
                            for (out, &x) in out.iter_mut().zip(row) {
                                *out = products.without(0, Some(x));
                            }
                        }
                    }
                }
            }
        } else {
            strips(loops, |o, i, w| {
                let products = Products::<T, STRIP>::of_rows(n, |j| &x[(o * n + j) * inner + i..][..w]);
                let scales = products.scales();
                for j in 0..n {
                    let at = (o * n + j) * inner + i;
                    let (x, out) = (&x[at..at + w], &mut out[at..at + w]);
                    match &scales {
                        Some([m, half, rest]) if all_near(x) => {
                            for ((((out, &x), &m), &half), &rest) in out.iter_mut().zip(x).zip(m).zip(half).zip(rest) {
                                *out = m / x * half * rest;
                            }
                        }
                        _ => {
                            for (lane, (out, &x)) in out.iter_mut().zip(x).enumerate() {
                                *out = products.without(lane, Some(x));
                            }
                        }
                    }
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The product, and the products without each factor, along rows and down columns.
    fn of<T: Float>(x: &[f64]) -> (f64, Vec<f64>) {
        let both = |inner: usize| {
            let loops = Loops { outer: 1, n: x.len(), inner };
            let x: Vec<T> = x.iter().flat_map(|&x| std::iter::repeat_n(T::from_f64(x), inner)).collect();
            let (mut all, mut others) = (vec![T::zero(); inner], vec![T::zero(); x.len()]);
            product(&x, loops, &mut all);
            product_of_others(&x, loops, &mut others);
            let others: Vec<f64> = others.iter().step_by(inner).map(|y| y.to_f64()).collect();
            (all[inner - 1].to_f64(), others)
        };
        let (rows, columns) = (both(1), both(3));
        assert_eq!(format!("{rows:?}"), format!("{columns:?}"));
        rows
    }

    #[test]
    fn partial_products_may_lie_beyond_the_numbers() {
        let x = [1e200, 1e-200, 1e200, 1e-200];
        let (all, others) = of::<f64>(&x);
        assert!((all - 1.0).abs() < 1e-15, "{all}");
        for (x, other) in x.iter().zip(others) {
            assert!((x * other - 1.0).abs() < 1e-15, "{other}");
        }
        assert_eq!(of::<f64>(&[f64::MAX, 5e-324, 2.0]).1[2], f64::MAX * 5e-324);
        assert_eq!(of::<f32>(&[2f64.powi(100), 2f64.powi(100), 2f64.powi(-149)]).0, 2f64.powi(51));
        assert_eq!(of::<f64>(&[1e-200, -1e-200]), (-0.0, vec![-1e-200, 1e-200]));
        assert_eq!(of::<f64>(&[1e200, 1e200]), (f64::INFINITY, vec![1e200, 1e200]));
        assert_eq!(of::<f64>(&[2f64.powi(-600), 2f64.powi(-460)]).0, 2f64.powi(-1060));
        // A thousand large factors first, then as many small ones.
        let x: Vec<f64> = (0..2000).map(|i| if i < 1000 { 2f64.powi(1000) } else { 2f64.powi(-1000) }).collect();
        assert_eq!(of::<f64>(&x).0, 1.0);
    }

    /// A far factor, which is the neutral one of a second product, makes the kernels go factor by factor.
    #[test]
    fn near_factors_have_the_bits_of_others() {
        fn both<T: Float>() {
            let (near, least) = (near::<T>().to_f64(), T::SMALLEST.to_f64());
            for (n, size) in [(5, 1.0), (9, near), (40, 1.3), (3_000, 1.0), (700, 0.9 * near), (2_001, 1.1 / near)] {
                let sign = |i: usize| if i.is_multiple_of(3) { -size } else { size };
                let value = |i: usize| sign(i) * (1.0 + 0.2 * (i as f64).sin()).clamp(1.0 / near / size, near / size);
                let x: Vec<T> = (0..n).map(|i| T::from_f64(value(i))).collect();
                assert!(all_near(&x), "{size}");
                let mut one_by_one = Products::<T, 1>::none();
                for &x in &x {
                    one_by_one.multiply(0, Factor::of(x));
                    one_by_one.split();
                }
                let loops = Loops { outer: 1, n, inner: 2 };
                let mut all = [T::zero(); 2];
                let twice: Vec<T> = x.iter().flat_map(|&x| [x, x]).collect();
                product(&twice, loops, &mut all);
                assert_eq!(all, [one_by_one.without(0, None); 2], "{n} factors near {size}");
                // Beside a column with a factor that is far.
                let mut far = twice.clone();
                far[1] = T::from_f64(least);
                for inner in [1, 2] {
                    let loops = Loops { outer: 1, n, inner };
                    let (x, mut others) = (if inner == 1 { &x } else { &twice }, vec![T::zero(); n * inner]);
                    product_of_others(x, loops, &mut others);
                    let products = if inner == 1 { row_product(x) } else { one_by_one };
                    let expected: Vec<T> = x.iter().map(|&x| products.without(0, Some(x))).collect();
                    assert_eq!(others, expected, "{n} factors near {size}, {inner} columns");
                }
                let mut others = [vec![T::zero(); 2 * n], vec![T::zero(); 2 * n]];
                product_of_others(&far, loops, &mut others[0]);
                product_of_others(&twice, loops, &mut others[1]);
                let first = |others: &[T]| others.iter().step_by(2).copied().collect::<Vec<_>>();
                assert_eq!(first(&others[0]), first(&others[1]), "beside a far factor");
            }
        }
        both::<f32>();
        both::<f64>();
    }

    #[test]
    fn zeros_infinities_and_nan_are_those_of_the_others() {
        let (inf, nan) = (f64::INFINITY, f64::NAN);
        let cases: &[(&[f64], f64, &[f64])] = &[
            (&[], 1.0, &[]),
            (&[-7.0], -7.0, &[1.0]),
            (&[2.0, 0.0, 3.0], 0.0, &[0.0, 6.0, 0.0]),
            (&[0.0, 0.0, 3.0], 0.0, &[0.0, 0.0, 0.0]),
            (&[inf, -2.0], -inf, &[-2.0, inf]),
            (&[inf, 0.0, 2.0], nan, &[0.0, inf, nan]),
            (&[nan, 2.0], nan, &[2.0, nan]),
            (&[-1.0, -2.0, -3.0], -6.0, &[6.0, 3.0, 2.0]),
        ];
        for (x, all, others) in cases {
            assert_eq!(format!("{:?}", of::<f64>(x)), format!("{:?}", (*all, others)), "{x:?}");
            assert_eq!(format!("{:?}", of::<f32>(x)), format!("{:?}", (*all, others)), "{x:?}");
        }
    }
}
