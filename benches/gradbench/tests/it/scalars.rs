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
    for ell in 1..=6 {
        let a = sequence(ell, ell * ell);
        let input = json!({"A": a, "ell": ell});
        assert_close(&numbers(&output("det", "primal", &input)), &[determinant(&a, ell)], 1e-13);
        assert_close(&numbers(&output("det", "gradient", &input)), &gradient(|a| determinant(a, ell), &a), 1e-8);
    }
}
