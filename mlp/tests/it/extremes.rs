//! Numbers whose squares, exponentials or gamma functions are out of range: values and slopes that are in range are found.

use autograd::{Float, Param, Tape, Tensor, Var};
use mlp::{
    BatchNorm, GaussianNll, GroupNorm, Init, LayerNorm, Linear, Loss, Module, NegativeBinomialNll, PoissonNll, RmsNorm,
    SpectralNorm, Targets, WeightNorm,
};
use rand::{SeedableRng, rngs::StdRng};

fn inputs<T: Float>() -> Tensor<T> {
    Tensor::from_fn([3, 4], |i| T::from_f64(((5 * i[0] + 3 * i[1]) as f64).sin() + 0.3))
}

/// The output in training mode, and the gradient of a number made of it.
fn trained<T: Float>(layer: &dyn Module<T>, x: &Tensor<T>) -> [Tensor<T>; 2] {
    let tape = Tape::default();
    tape.train(0);
    let x = tape.var(x.clone());
    let y = layer.forward(x);
    let weights = tape.constant_with(y.shape(), |i| T::from_f64((i as f64 * 0.7).cos()));
    let value = y.value();
    [value, (y * weights).sum().backward()[x].clone()]
}

/// A power of two, so that it changes no digit of what is normalised.
fn power(exponent: i32) -> f64 {
    2f64.powi(exponent)
}

#[test]
fn what_is_normalised_may_be_of_any_size() {
    fn holds<T: Float>(exponents: &[i32], tolerance: f64) {
        type Layers<T> = Vec<(&'static str, Box<dyn Fn() -> Box<dyn Module<T>>>)>;
        let layers: Layers<T> = vec![
            ("rms_norm", Box::new(|| Box::new(RmsNorm::new(4).unwrap()))),
            ("layer_norm", Box::new(|| Box::new(LayerNorm::new(4).unwrap()))),
            ("group_norm", Box::new(|| Box::new(GroupNorm::new(1, 4).unwrap()))),
            ("batch_norm", Box::new(|| Box::new(BatchNorm::new(4).unwrap()))),
        ];
        for (name, layer) in layers {
            // So large that the constant beside the variance counts for nothing.
            let base = inputs::<T>() * power(20);
            let [y, dx] = trained(&*layer(), &base);
            for &exponent in exponents {
                let scale = power(exponent);
                let [found, slopes] = trained(&*layer(), &(base.clone() * scale));
                assert!(found.is_close(&y, tolerance), "{name}, 2^{exponent}: {found:?} for {y:?}");
                // Towards ∞ slopes fall below all numbers.
                if exponent < 500 {
                    let slopes = slopes * scale;
                    let size = dx.abs().max();
                    assert!(
                        (slopes - dx.clone()).abs().max() <= size * T::from_f64(tolerance * 100.0),
                        "{name}, 2^{exponent}"
                    );
                }
            }
        }
    }
    holds::<f64>(&[300, 480, 520, 700, 1002], 1e-11);
    holds::<f32>(&[30, 50, 70, 100, 106], 1e-5);
}

#[test]
fn a_row_beside_an_enormous_one_is_what_it_is_alone() {
    let norm = RmsNorm::<f64>::new(2).unwrap();
    let rows = Tensor::from([[3.0, 4.0], [1e300, 1e300], [0.0, 0.0], [1e-200, 2e-200]]);
    let [y, dx] = trained(&norm, &rows);
    for i in [0, 2, 3] {
        assert_eq!(y.slice(0, i..i + 1), norm.predict(&rows.slice(0, i..i + 1)), "row {i}");
    }
    assert!(y.at(0, 1).is_close(&Tensor::from([1.0, 1.0]), 1e-14) && dx.is_finite(), "{y:?} {dx:?}");
    // Without a constant beside the squares, small rows keep their direction too; a row of zeros stays.
    let bare = RmsNorm { gain: Param::new([1.0, 1.0]), eps: 0.0 };
    let y = bare.predict(&Tensor::from([[1e-200, -1e-200], [0.0, 0.0], [5.0, 5.0]]));
    assert!(y.is_close(&Tensor::from([[1.0, -1.0], [0.0, 0.0], [1.0, 1.0]]), 1e-14), "{y:?}");
}

#[test]
fn a_channel_of_enormous_values_leaves_the_others_alone() {
    let norm = BatchNorm::new(3).unwrap();
    let x = Tensor::from([[1e200, 3.0, 1e200], [-1e200, 5.0, 1e200]]);
    let [y, dx] = trained(&norm, &x);
    assert!(y.is_close(&Tensor::from([[1.0, -1.0, 0.0], [-1.0, 1.0, 0.0]]), 1e-4) && dx.is_finite(), "{y:?} {dx:?}");
    let mean: Tensor = norm.mean.value();
    assert!((mean.get([2]) / 1e199 - 1.0).abs() < 1e-12 && (mean.get([1]) - 0.4).abs() < 1e-15, "{mean:?}");
    let variance: Tensor = norm.variance.value();
    assert_eq!((variance.get([0]), variance.get([1])), (f64::INFINITY, 0.9 + 0.1 * 2.0));
    assert_eq!(norm.predict(&x).at(1, 0).to_vec(), [0.0, 0.0]); // as documented: the shift
    // In f64 of 1e160 the mean, not the variance, is a number, and in evaluation mode nothing is NaN.
    assert!(norm.predict(&x).is_finite());
}

#[test]
fn normalised_weights_may_be_of_any_size() {
    fn holds<T: Float>(exponents: &[i32], tolerance: f64) {
        let rng = || StdRng::seed_from_u64(3);
        let linear = |scale: f64| {
            let drawn: Linear<T> = Linear::new(4, 3, &Init::glorot_uniform(), &mut rng()).unwrap();
            Linear { w: Param::new(drawn.w.value() * scale), b: None }
        };
        let x = inputs::<T>();
        let of = |layer: &dyn Module<T>, scale: f64| {
            let tape = Tape::default();
            tape.train(0);
            let y = layer.forward(tape.constant(x.clone()));
            let value = y.value();
            let grads = y.square().sum().backward();
            let w = layer.parameters().get("w").unwrap().clone();
            (value, grads[&w].clone() * scale)
        };
        type Wrap<T> = Box<dyn Fn(Linear<T>) -> Box<dyn Module<T>>>;
        let spectral: Wrap<T> = Box::new(move |layer| Box::new(SpectralNorm::new(layer, &mut rng()).unwrap()));
        // The gain begins at the norm, so that the output is that of the plain layer: 1 instead.
        let weight: Wrap<T> = Box::new(|layer| {
            let norm = WeightNorm::new(layer).unwrap();
            norm.gain.set(Tensor::ones([3]));
            Box::new(norm)
        });
        for (name, wrap) in [("spectral_norm", spectral), ("weight_norm", weight)] {
            let (y, dw) = of(&*wrap(linear(1.0)), 1.0);
            for &exponent in exponents {
                let scale = power(exponent);
                let (found, slopes) = of(&*wrap(linear(scale)), scale);
                assert!(found.is_close(&y, tolerance), "{name}, 2^{exponent}: {found:?} for {y:?}");
                assert!(slopes.is_close(&dw, tolerance * 100.0), "{name}, 2^{exponent}: {slopes:?} for {dw:?}");
            }
        }
    }
    holds::<f64>(&[-1000, -700, -300, 300, 700, 1000], 1e-13);
    holds::<f32>(&[-110, -70, -35, 35, 70, 110], 1e-5);
}

/// The losses and both slopes of an array of two logarithms, or of a mean and a logarithm.
fn slopes<T: Float>(loss: &dyn Loss<T>, rows: &[[f64; 3]]) -> Vec<[f64; 3]> {
    let number = |x: f64| T::from_f64(x);
    let tape = Tape::<T>::default();
    let y = tape.var(Tensor::new([rows.len(), 2], rows.iter().flat_map(|row| [row[1], row[2]]).map(number).collect()));
    let t = Targets::Values(Tensor::new([rows.len(), 1], rows.iter().map(|row| number(row[0])).collect()));
    let each: Var<'_, T> = loss.each(y, &t).unwrap();
    let (values, gradient) = (each.value().to_vec(), each.sum().backward()[y].to_vec());
    let row = |i: usize| [values[i], gradient[2 * i], gradient[2 * i + 1]].map(|x| x.to_f64());
    (0..rows.len()).map(row).collect()
}

#[test]
fn a_gaussian_has_the_slopes_that_are_numbers() {
    let rows = [
        [0.0, 0.0, -3000.0],
        [0.0, 0.0, 3000.0],
        [1e-300, 0.0, -1381.0],
        [1e-160, -1e-160, -700.0],
        [1e200, -1e200, 900.0],
        [1e150, 0.0, 600.0],
        [2.0, 1.0, 0.5],
    ];
    for (row, found) in rows.iter().zip(slopes::<f64>(&GaussianNll::default(), &rows)) {
        let [t, mean, log] = *row;
        let (distance, sign) = ((t - mean).abs().ln(), (mean - t).signum());
        let square = (2.0 * distance - log).exp();
        let near = if mean == t { 0.0 } else { sign * (distance - log).exp() };
        let needed = [0.5 * (log + square), near, 0.5 * (1.0 - square)];
        for (found, needed) in found.iter().zip(needed) {
            assert!((found - needed).abs() <= 1e-11 * needed.abs(), "{row:?}: {found} for {needed}");
        }
    }
    let narrow = [[0.0, 0.0, -300.0], [1e-30, 0.0, -150.0], [1e30, 0.0, 150.0]];
    assert!(slopes::<f32>(&GaussianNll::default(), &narrow).iter().flatten().all(|x| x.is_finite()));
    // A variance of all targets far from 1.
    let tape = Tape::new();
    let y = tape.var([[1e-160]]);
    let fixed = GaussianNll { variance: Some(1e-300), full: false };
    let loss = fixed.sum(y, &Targets::Values(Tensor::from([[0.0]]))).unwrap();
    assert!((loss.value() - 0.5 * 1e-300f64.ln() - 0.5e-20).abs() < 1e-12);
    assert!((loss.backward()[y].item() / 1e140 - 1.0).abs() < 1e-14);
}

#[test]
fn a_negative_binomial_has_the_digits_of_many() {
    let rows: Vec<[f64; 6]> = serde_json::from_str(include_str!("../data/negative_binomial.json")).unwrap();
    let given: Vec<[f64; 3]> = rows.iter().map(|row| [row[0], row[1], row[2]]).collect();
    let check = |found: Vec<[f64; 3]>, tolerance: f64| {
        for (row, found) in rows.iter().zip(found) {
            // The sizes of the terms, which cancel: t·ln μ and ln Γ(t + 1) among them.
            let [t, y, ..] = *row;
            let terms = 1.0 + t * (y.abs() + (1.0 + t).ln()) + y.exp().min(row[2].exp() * 1e3);
            for (found, needed) in found.iter().zip(&row[3..]) {
                assert!((found - needed).abs() <= tolerance * terms.max(needed.abs()), "{row:?}: {found} for {needed}");
            }
        }
    };
    check(slopes::<f64>(&NegativeBinomialNll::default(), &given), 1e-14);
    check(slopes::<f32>(&NegativeBinomialNll::default(), &given), 5e-6);
}

/// Beyond every size it is the distribution whose limit it is.
#[test]
fn an_infinite_size_is_poisson() {
    let (t, y) = (Targets::Values(Tensor::from([[0.0], [3.0], [1e3]])), Tensor::from([[1.0], [-2.0], [7.0]]));
    let tape = Tape::new();
    let y = tape.var(y);
    let poisson = PoissonNll { full: true }.each(y, &t).unwrap();
    let (needed, dy) = (poisson.value(), poisson.sum().backward()[y].clone());
    for size in [1e18, 1e100, 1e308] {
        let each = NegativeBinomialNll { size: Some(size) }.each(y, &t).unwrap();
        assert!(each.value().is_close(&needed, 1e-12 * 1e3), "{size:e}: {:?} for {needed:?}", each.value());
        assert!(each.sum().backward()[y].is_close(&dy, 1e-12 * 1e3), "{size:e}");
    }
}
