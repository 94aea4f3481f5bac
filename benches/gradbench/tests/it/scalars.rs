//! The evals that are formulas over numbers, one by one.

use serde_json::json;

use super::{assert_close, gradient, numbers, output, sequence};

/// The determinant by elimination, which the eval does not use.
fn determinant(a: &[f64], ell: usize) -> f64 {
    let mut rows: Vec<_> = a.chunks(ell).map(<[f64]>::to_vec).collect();
    let mut product = 1.0;
    for at in 0..ell {
        let largest = (at..ell).max_by(|&i, &j| rows[i][at].abs().total_cmp(&rows[j][at].abs())).unwrap();
        if largest != at {
            rows.swap(at, largest);
            product = -product;
        }
        product *= rows[at][at];
        let (pivot, below) = rows[at..].split_first_mut().unwrap();
        for row in below {
            let factor = row[at] / pivot[at];
            row.iter_mut().zip(pivot.iter()).for_each(|(x, p)| *x -= factor * p);
        }
    }
    product
}

#[test]
fn det() {
    // From 9 rows on it is recorded in parts.
    for ell in [1, 2, 3, 4, 5, 6, 9, 10] {
        let a = sequence(ell, ell * ell);
        let input = json!({"A": a, "ell": ell});
        assert_close(&numbers(&output("det", "primal", &input)), &[determinant(&a, ell)], 1e-13);
        assert_close(&numbers(&output("det", "gradient", &input)), &gradient(|a| determinant(a, ell), &a), 1e-8);
    }
}

/// Gradient descent by the suite's rule, with differences for a gradient.
fn descent(f: impl Fn(&[f64]) -> f64, start: &[f64]) -> Vec<f64> {
    let (mut x, mut step, mut good) = (start.to_vec(), 1e-5, 0);
    let mut slope = gradient(&f, &x);
    let norm = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>().sqrt();
    while norm(&slope) > 1e-5 {
        if good == 10 {
            (step, good) = (2.0 * step, 0);
            continue;
        }
        let way: Vec<_> = slope.iter().map(|dx| step * dx).collect();
        if norm(&way) <= 1e-5 {
            break;
        }
        let next: Vec<_> = x.iter().zip(&way).map(|(x, way)| x - way).collect();
        if f(&next) < f(&x) {
            slope = gradient(&f, &next);
            (x, good) = (next, good + 1);
        } else {
            (step, good) = (step / 2.0, 0);
        }
    }
    x
}

#[test]
fn particle() {
    let square = |w: &[f64]| {
        let (mut x, mut v) = ([0.0, 8.0], [0.75, 0.0]);
        loop {
            // Of a charge at c the force on x is (x − c)/‖x − c‖³.
            let force = |c: [f64; 2], i: usize| (x[i] - c[i]) / f64::hypot(x[0] - c[0], x[1] - c[1]).powi(3);
            let forces = [0, 1].map(|i| force([10.0, 0.0], i) + force([10.0, 10.0 - w[0]], i));
            let moved = [x[0] + 0.1 * v[0], x[1] + 0.1 * v[1]];
            if moved[1] < 0.0 {
                return (x[0] - x[1] / v[1] * v[0]).powi(2);
            }
            v = [v[0] + 0.1 * forces[0], v[1] + 0.1 * forces[1]];
            x = moved;
        }
    };
    for start in [0.0, 0.3] {
        let expected = descent(square, &[start]);
        assert!((expected[0] - start).abs() > 0.05 && square(&expected) < 1e-8, "{expected:?} is an answer");
        for function in ["ff", "fr", "rf", "rr"] {
            assert_close(&numbers(&output("particle", function, &json!({"w": start}))), &expected, 1e-6);
        }
    }
    // What the suite expects.
    assert_close(&numbers(&output("particle", "rr", &json!({"w": 0.0}))), &[0.207_191_874_648_611_6], 1e-12);
}

#[test]
fn saddle() {
    let value = |x: &[f64], y: &[f64]| x.iter().map(|x| x * x).sum::<f64>() - y.iter().map(|y| y * y).sum::<f64>();
    for start in [[1.0, 1.0], [0.3, -0.8]] {
        let most = |x: &[f64]| descent(|y| -value(x, y), &start);
        let x = descent(|x| value(x, &most(x)), &start);
        let expected = [x.clone(), most(&x)].concat();
        for function in ["ff", "fr", "rf", "rr"] {
            // A hundredth of what ends the search.
            let found = numbers(&output("saddle", function, &json!({"start": start})));
            assert_close(&found, &expected, 1e-7);
        }
    }
    assert_close(
        &numbers(&output("saddle", "rr", &json!({"start": [1.0, 1.0]}))),
        &[8.246_324_826_140_356e-6; 4],
        1e-12,
    );
}
