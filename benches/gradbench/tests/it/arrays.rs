//! The evals that are formulas over arrays.

use std::f64::consts::PI;

use serde_json::{Value, json};

use super::{assert_close, differences, gradient, numbers, output, sequence};

#[test]
fn lse() {
    // Large enough that exponentials of the numbers themselves overflow.
    let x: Vec<f64> = sequence(0, 20).iter().map(|x| 800.0 + 3.0 * x).collect();
    let formula = |x: &[f64]| 800.0 + x.iter().map(|x| (x - 800.0).exp()).sum::<f64>().ln();
    let input = json!({"x": x});
    assert_close(&numbers(&output("lse", "primal", &input)), &[formula(&x)], 1e-14);
    assert_close(&numbers(&output("lse", "gradient", &input)), &gradient(formula, &x), 1e-6);
}

#[test]
fn llsq() {
    let n = 9; // t = 0 is among the points
    let formula = |x: &[f64]| {
        let term = |i: usize| {
            let t = -1.0 + i as f64 * 2.0 / (n - 1) as f64;
            let sign = f64::from(i8::from(t > 0.0) - i8::from(t < 0.0));
            (sign - x.iter().rev().fold(0.0, |sum, x| sum * t + x)).powi(2)
        };
        (0..n).map(term).sum::<f64>() / 2.0
    };
    // Rows that are full, and one that is not.
    for m in [1, 2, 7, 9] {
        let x = sequence(m, m);
        let input = json!({"x": x, "n": n});
        assert_close(&numbers(&output("llsq", "primal", &input)), &[formula(&x)], 1e-13);
        assert_close(&numbers(&output("llsq", "gradient", &input)), &gradient(formula, &x), 1e-7);
    }
}

/// `ln Γ` of a half-integer.
fn ln_gamma(x: f64) -> f64 {
    if x > 1.0 {
        (x - 1.0).ln() + ln_gamma(x - 1.0)
    } else if x == 1.0 {
        0.0
    } else {
        PI.ln() / 2.0
    }
}

/// The log posterior from densities, with `Σ⁻¹ = QᵀQ` and determinants of triangular matrices.
fn posterior([d, k]: [usize; 2], points: &[f64], [m, gamma]: [f64; 2], parameters: &[f64]) -> f64 {
    let (alpha, rest) = parameters.split_at(k);
    let (mu, rest) = rest.split_at(k * d);
    let (q, l) = rest.split_at(k * d);
    let factor = |c: usize| {
        let (mut factor, mut next) = (vec![vec![0.0; d]; d], c * d * (d - 1) / 2);
        for column in 0..d {
            factor[column][column] = q[c * d + column].exp();
            for row in factor.iter_mut().skip(column + 1) {
                row[column] = l[next];
                next += 1;
            }
        }
        factor
    };
    let weights: f64 = alpha.iter().map(|a| a.exp()).sum();
    let density = |x: &[f64], c: usize| {
        let factor = factor(c);
        let moved: Vec<_> = x.iter().zip(&mu[c * d..]).map(|(x, mu)| x - mu).collect();
        let square: f64 =
            factor.iter().map(|row| row.iter().zip(&moved).map(|(q, x)| q * x).sum::<f64>().powi(2)).sum();
        let root: f64 = (0..d).map(|j| factor[j][j]).product();
        alpha[c].exp() / weights * root * (-square / 2.0).exp() / (2.0 * PI).powf(d as f64 / 2.0)
    };
    let likelihood: f64 = points.chunks(d).map(|x| (0..k).map(|c| density(x, c)).sum::<f64>().ln()).sum();
    let freedom = d as f64 + m + 1.0;
    let multivariate =
        (d * (d - 1)) as f64 / 4.0 * PI.ln() + (0..d).map(|j| ln_gamma((freedom - j as f64) / 2.0)).sum::<f64>();
    let prior = |c: usize| {
        let factor = factor(c);
        let trace: f64 = gamma * gamma * factor.concat().iter().map(|q| q * q).sum::<f64>();
        let root: f64 = (0..d).map(|j| factor[j][j]).product();
        // det(V) = γ^(−2d)
        m * root.ln() - trace / 2.0 - freedom * d as f64 / 2.0 * 2f64.ln() + freedom * d as f64 * gamma.ln()
            - multivariate
    };
    likelihood + (0..k).map(prior).sum::<f64>()
}

#[test]
fn gmm() {
    // The last has more numbers than are computed together.
    for (d, k, n, m) in [(3, 2, 5, 2.0), (1, 3, 4, 0.0), (2, 3, 12_000, 1.0)] {
        let below = d * (d - 1) / 2;
        let (x, gamma) = (sequence(1, n * d), 0.7);
        let [alpha, mu, q, l] = [k, k * d, k * d, k * below].map(|len| sequence(50 * len, len));
        let rows = |values: &[f64], columns: usize| -> Vec<Vec<f64>> {
            (0..values.len().checked_div(columns).unwrap_or(k))
                .map(|r| values[r * columns..][..columns].to_vec())
                .collect()
        };
        let input = json!({"d": d, "k": k, "n": n, "m": m, "gamma": gamma, "alpha": alpha, "x": rows(&x, d),
            "mu": rows(&mu, d), "q": rows(&q, d), "l": rows(&l, below)});
        let parameters = [alpha, mu, q, l].concat();
        let formula = |parameters: &[f64]| posterior([d, k], &x, [m, gamma], parameters);
        assert_close(&numbers(&output("gmm", "objective", &input)), &[formula(&parameters)], 1e-12);
        let gradients = output("gmm", "jacobian", &input);
        let found = ["alpha", "mu", "q", "l"].map(|name| numbers(&gradients[name])).concat();
        assert_close(&found, &gradient(formula, &parameters), 1e-6);
        assert_eq!(gradients["l"].as_array().unwrap().len(), k, "a row for each component");
    }
}

/// Points and centroids, each near a point.
fn clusters(n: usize, k: usize, d: usize) -> (Vec<f64>, Vec<f64>, Value) {
    let points = sequence(0, n * d);
    let centroids = points[(n - k) * d..].iter().map(|x| x + 0.01).collect::<Vec<_>>();
    let rows = |values: &[f64]| values.chunks(d).map(<[f64]>::to_vec).collect::<Vec<_>>();
    let input = json!({"points": rows(&points), "centroids": rows(&centroids)});
    (points, centroids, input)
}

fn distance(p: &[f64], c: &[f64]) -> f64 {
    p.iter().zip(c).map(|(p, c)| (p - c).powi(2)).sum()
}

#[test]
fn kmeans() {
    let (n, k, d) = (30, 4, 3);
    let (points, centroids, input) = clusters(n, k, d);
    let formula = |centroids: &[f64]| {
        let least = |p| centroids.chunks(d).map(|c| distance(p, c)).fold(f64::INFINITY, f64::min);
        points.chunks(d).map(least).sum::<f64>()
    };
    assert_close(&numbers(&output("kmeans", "cost", &input)), &[formula(&centroids)], 1e-13);
    // The function is quadratic nearby: differences of differences are exact but for rounding.
    let h = 1e-3;
    let second = |at: usize| {
        let moved = |by: f64| {
            let mut x = centroids.clone();
            x[at] += by;
            formula(&x)
        };
        (moved(h) - 2.0 * moved(0.0) + moved(-h)) / (h * h)
    };
    let newton: Vec<_> = gradient(formula, &centroids).iter().enumerate().map(|(at, dx)| dx / second(at)).collect();
    let direction = output("kmeans", "dir", &input);
    assert_close(&numbers(&direction), &newton, 1e-6);
    assert_eq!((direction.as_array().unwrap().len(), direction[0].as_array().unwrap().len()), (k, d));
}

/// More points than are looked at together. Newton's direction leads from the mean of a centroid's points to itself.
#[test]
fn kmeans_of_many_points() {
    let (n, k, d) = (20_000, 4, 2);
    let (points, centroids, input) = clusters(n, k, d);
    let (mut sums, mut counts, mut cost) = (vec![0.0; k * d], vec![0.0; k], 0.0);
    for p in points.chunks(d) {
        let distances: Vec<_> = centroids.chunks(d).map(|c| distance(p, c)).collect();
        let nearest = (0..k).min_by(|&i, &j| distances[i].total_cmp(&distances[j])).unwrap();
        cost += distances[nearest];
        counts[nearest] += 1.0;
        sums[nearest * d..].iter_mut().zip(p).for_each(|(sum, p)| *sum += p);
    }
    let newton: Vec<_> = (0..k * d).map(|at| centroids[at] - sums[at] / counts[at / d]).collect();
    assert_close(&numbers(&output("kmeans", "cost", &input)), &[cost], 1e-12);
    assert_close(&numbers(&output("kmeans", "dir", &input)), &newton, 1e-12);
}

#[test]
fn ode() {
    let steps = 3;
    let formula = |x: &[f64]| {
        let h = 2.0 / steps as f64;
        let slope =
            |y: &[f64]| -> Vec<f64> { (0..x.len()).map(|i| if i == 0 { x[0] } else { x[i] * y[i - 1] }).collect() };
        let moved = |y: &[f64], k: &[f64], by: f64| -> Vec<f64> { y.iter().zip(k).map(|(y, k)| y + by * k).collect() };
        (0..steps).fold(vec![0.0; x.len()], |y, _| {
            let k1 = slope(&y);
            let k2 = slope(&moved(&y, &k1, h / 2.0));
            let k3 = slope(&moved(&y, &k2, h / 2.0));
            let k4 = slope(&moved(&y, &k3, h));
            let [a, b, c] = [(&k1, h / 6.0), (&k2, h / 3.0), (&k3, h / 3.0)];
            [a, b, c, (&k4, h / 6.0)].iter().fold(y, |y, (k, by)| moved(&y, k, *by))
        })
    };
    for n in [1, 5] {
        let x: Vec<f64> = sequence(0, n).iter().map(|x| 1.5 + x).collect();
        let input = json!({"x": x, "s": steps});
        assert_close(&numbers(&output("ode", "primal", &input)), &formula(&x), 1e-13);
        let last = differences(formula, &x).iter().map(|column| column[n - 1]).collect::<Vec<_>>();
        assert!(last.iter().all(|dx| dx.abs() > 1e-3), "each number matters");
        assert_close(&numbers(&output("ode", "gradient", &input)), &last, 1e-7);
    }
}

/// Fields that only say how often to run may be absent, and what a formula does not read is ignored.
#[test]
fn inputs_may_say_more_than_is_read() {
    let value = |input: Value| output("lse", "primal", &input);
    assert_eq!(value(json!({"x": [1.5]})), value(json!({"x": [1.5], "note": "one", "min_runs": 2, "min_seconds": 0})));
}
