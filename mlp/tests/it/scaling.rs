//! The maximal update parametrisation: exponents, roles, and what they keep.

use autograd::{Conv, Param, Scalar, Tensor, Var};
use mlp::scaling::{CoordinateCheck, DepthScaling, Factors, Family, MaximalUpdate, Role};
use mlp::{
    Activation, Adam, Conv2d, ConvTranspose2d, Embedding, Flatten, Groups, Init, LayerNorm, Linear, Mlp, Module,
    Optimizer, Residual, RmsNorm, Sequential, Sgd, SpectralNorm, TransformerBlock, WeightNorm,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

fn linear(inputs: usize, outputs: usize, seed: u64) -> Linear {
    Linear::new(inputs, outputs, &Init::lecun_normal(), &mut StdRng::seed_from_u64(seed)).unwrap()
}

fn network(width: usize, seed: u64) -> Mlp {
    let layers = Mlp::new(16).hidden(width, Activation::Relu).hidden(width, Activation::Relu);
    let model: Mlp = layers.output(4, Activation::Identity).build(&mut StdRng::seed_from_u64(seed)).unwrap();
    // Large first outputs would be an effect of the width, of which they are ever freer.
    let last = &model.layers()[2].linear.w;
    last.set(last.value() * 0.1);
    model
}

/// An optimiser of the family, whichever its type.
fn optimizer(family: Family, part: &autograd::Parameters, [sgd, adam]: [f64; 2], by: f64) -> Groups {
    match family {
        Family::Sgd => Groups::new().with(Sgd::new(part, sgd * by)),
        _ => Groups::new().with(Adam::new(part, adam * by).eps(1e-12)),
    }
}

/// Table 8 of Yang et al. 2022 ("Tensor Programs V"), for a width of n; and its depth column from table 1 of Dey et al. 2025.
#[test]
fn the_exponents_are_those_of_the_papers() {
    let n = 16.0f64;
    for (fans, init, sgd, adam) in [
        ([1.0, n], 1.0, n, 1.0),                // input weights and biases
        ([n, n], 1.0 / n.sqrt(), 1.0, 1.0 / n), // hidden weights
        ([n, 1.0], 1.0 / n, 1.0 / n, 1.0 / n),  // output weights
    ] {
        let [by_sgd, by_adam] = [Family::Sgd, Family::Adam].map(|family| Factors::of(family, fans, None));
        assert_eq!([by_sgd.init, by_adam.init], [init; 2]);
        assert_eq!((by_sgd.rate, by_adam.rate), (sgd, adam));
        assert_eq!([by_sgd, by_adam].map(|by| by.rate * by.decay), [1.0; 2]);
    }
    // Hidden layers in branches: η of AdamW n⁻¹·m^(α−1), ε n⁻¹·m^−α, λ n.
    let m = 4.0f64;
    for alpha in [0.5, 0.75, 1.0] {
        let by = Factors::of(Family::Adam, [n, n], Some((m, alpha)));
        assert!((by.rate * n / m.powf(alpha - 1.0) - 1.0).abs() < 1e-15);
        assert!((by.eps * n / m.powf(-alpha) - 1.0).abs() < 1e-15);
        assert!((by.decay / n - 1.0).abs() < 1e-15);
    }
    // The rate of SGD stays under depth-μP (Yang et al. 2023), and grows as the depth where branches are 1/m.
    assert_eq!([0.5, 1.0].map(|alpha| Factors::of(Family::Sgd, [1.0; 2], Some((m, alpha))).rate), [1.0, m]);
}

/// The spectral condition itself: what is drawn, and what a step adds, have norms in the ratio √(fan_out/fan_in) of the base's.
#[test]
fn weights_and_updates_keep_their_spectral_norms() {
    // Of a matrix by power iteration on WᵀW.
    fn norm(w: &Tensor) -> f64 {
        let mut v = Tensor::from_fn([w.shape()[1], 1], |at| 1.0 + (at[0] as f64).sin());
        let mut size = 0.0;
        for _ in 0..60 {
            v = w.t().matmul(&w.matmul(&v));
            let length = v.square().sum().sqrt();
            size = length.sqrt();
            v = v * (1.0 / length);
        }
        size
    }
    let x = Tensor::from_fn([12, 16], |at| ((5 * at[0] + 3 * at[1]) as f64).sin());
    for family in [Family::Sgd, Family::Adam] {
        let mut norms = vec![];
        for width in [32, 256] {
            let model = network(width, 1);
            let recipe = MaximalUpdate::new(family, &network(32, 1)).unwrap();
            let mut steps = recipe
                .apply(&model, |part, planned| optimizer(family, part, [0.1, 1e-3], planned.factors.rate))
                .unwrap();
            let weights = || model.layers().iter().map(|layer| layer.linear.w.value()).collect::<Vec<_>>();
            let before = weights();
            let tape = autograd::Tape::new();
            steps.step(&(model.forward(tape.constant(x.clone())) - 1.0).square().mean().backward());
            let updates =
                weights().iter().zip(&before).map(|(after, before)| norm(&(after - before))).collect::<Vec<_>>();
            let wanted = before.iter().map(|w| (w.shape()[1] as f64 / w.shape()[0] as f64).sqrt());
            let relative: Vec<[f64; 2]> = wanted
                .zip(before.iter().zip(&updates))
                .map(|(wanted, (w, dw))| [norm(w) / wanted, dw / wanted])
                .collect();
            norms.push(relative);
        }
        for (layer, (narrow, wide)) in norms[0].iter().zip(&norms[1]).enumerate() {
            for (narrow, wide) in narrow.iter().zip(wide) {
                // Of order one, over eight times the width: the standard rates miss it by √8 to 8.
                assert!((0.5..2.0).contains(&(wide / narrow)), "{family:?}, layer {layer}: {narrow} then {wide}");
            }
        }
    }
}

fn square<'t>(y: Var<'t>) -> Scalar<'t> {
    (y - Tensor::from_fn([12, 4], |at| ((at[0] + 2 * at[1]) as f64).cos())).square().mean()
}

/// The mean changes of three layers over widths of 64 to 512, in three steps, over four seeds: flat within ±0.15 under the
/// parametrisation; without it the outputs' grow about as the width.
#[test]
fn the_coordinate_check_is_flat_with_it_and_not_without() {
    let x = Tensor::from_fn([12, 16], |at| ((5 * at[0] + 3 * at[1]) as f64).sin());
    let slopes = |family: Family, scaled: bool| {
        let make = |part: &autograd::Parameters, by: f64| optimizer(family, part, [0.1, 2e-3], by);
        let check = CoordinateCheck::measure(&[64, 128, 256, 512], 3, 4, &x, square, |width, seed| {
            let model = network(width, seed);
            let steps = match scaled {
                true => {
                    let recipe = MaximalUpdate::new(family, &network(64, seed + 100))?;
                    recipe.apply(&model, |part, planned| make(part, planned.factors.rate))?
                }
                false => make(&model.parameters(), 1.0),
            };
            Ok((model, steps))
        })
        .unwrap();
        println!("{family:?}, scaled: {scaled}\n{check}");
        check.layers.iter().map(|layer| layer.slope).collect::<Vec<_>>()
    };
    for family in [Family::Sgd, Family::Adam] {
        let with = slopes(family, true);
        assert!(with.len() == 3 && with.iter().all(|slope| slope.abs() < 0.15), "{family:?}: {with:?}");
        let without = slopes(family, false);
        assert!(without[2] > 0.5, "{family:?}: {without:?}");
    }
}

#[test]
fn a_coordinate_check_refuses_what_has_no_slope() {
    let x = Tensor::ones([12, 16]);
    let check = |widths: &[usize], seeds| {
        CoordinateCheck::measure(widths, 1, seeds, &x, square, |width, seed| {
            let model = network(width, seed);
            let sgd = Sgd::new(&model.parameters(), 0.1);
            Ok((model, sgd))
        })
    };
    for (widths, seeds) in [(vec![8], 1), (vec![8, 8], 1), (vec![0, 8], 1), (vec![8, 16], 0)] {
        assert!(check(&widths, seeds).unwrap_err().to_string().contains("a slope needs two or more widths"));
    }
    assert_eq!(check(&[8, 16], 1).unwrap().layers.len(), 3);
}

/// A base of the same width changes nothing, to the bit; a second call changes nothing more.
#[test]
fn a_model_as_wide_as_its_base_stays_as_it_is() {
    let values = |model: &Mlp| model.parameters().params().map(|param| param.value()).collect::<Vec<_>>();
    let (model, recipe) = (network(8, 1), MaximalUpdate::new(Family::Adam, &network(8, 2)).unwrap());
    let before = values(&model);
    let groups = recipe.apply(&model, |part, planned| Adam::new(part, 0.1 * planned.factors.rate)).unwrap();
    assert_eq!(values(&model), before);
    assert!(groups.learning_rates().iter().all(|&rate| rate == 0.1));
    let wide = network(64, 1);
    let plan = recipe.plan(&wide).unwrap();
    plan.rescale(&wide.parameters()).unwrap();
    let once = values(&wide);
    plan.rescale(&wide.parameters()).unwrap();
    assert!(values(&wide).iter().zip(&once).all(|(twice, once)| twice.is_close(once, 1e-12)));
}

fn roles(plan: &mlp::scaling::Plan) -> Vec<(&str, Role)> {
    plan.parameters().iter().map(|planned| (planned.name.as_str(), planned.role)).collect()
}

#[test]
fn the_roles_of_a_transformer_and_of_convolutions_are_read() {
    let mut rng = StdRng::seed_from_u64(0);
    let mut transformer = |width: usize| -> Sequential {
        let depth = DepthScaling::new(2).strength(4);
        let mut block = || {
            let block = TransformerBlock::new(width, width / 4, 2 * width, Activation::Gelu, &mut rng).unwrap();
            block.strength(depth).unwrap()
        };
        let (first, second) = (block(), block());
        Sequential::new()
            .then(linear(3, width, 1))
            .then(first)
            .then(second)
            .then(LayerNorm::new(width).unwrap())
            .then(linear(width, 2, 2))
    };
    let recipe = MaximalUpdate::new(Family::Adam, &transformer(8)).unwrap().depth(DepthScaling::new(2));
    let plan = recipe.plan(&transformer(32)).unwrap();
    for planned in plan.parameters() {
        let wanted = match planned.name.as_str() {
            "0.w" => Role::Input,
            "4.w" => Role::Output,
            "4.b" => Role::Fixed,
            _ if planned.is_weights() => Role::Hidden,
            _ => Role::Vector,
        };
        assert_eq!(planned.role, wanted, "{}", planned.name);
        assert_eq!(
            planned.in_branch,
            planned.name.starts_with("1.") || planned.name.starts_with("2."),
            "{}",
            planned.name
        );
    }
    let up = plan.parameters().iter().find(|planned| planned.name == "1.up.w").unwrap().factors;
    assert_eq!([up.rate, up.eps, up.decay], [0.25, 0.25 / 2.0, 4.0]);

    let mut rng = StdRng::seed_from_u64(0);
    let mut pictures = |width: usize| -> Sequential {
        let init = Init::he_normal();
        let first = Conv2d::new(3, width, 3, Conv::new().padding(1), &init, &mut rng).unwrap();
        let second = Conv2d::new(width, width, 3, Conv::new().padding(1), &init, &mut rng).unwrap().without_bias();
        let last = ConvTranspose2d::new(width, 3, 3, Conv::new().padding(1), &init, &mut rng).unwrap();
        Sequential::new().then(first).then(second).then(last).then(Flatten)
    };
    let plan = MaximalUpdate::new(Family::Sgd, &pictures(4)).unwrap().plan(&pictures(8)).unwrap();
    let wanted = [
        ("0.w", Role::Input),
        ("0.b", Role::Vector),
        ("1.w", Role::Hidden),
        ("2.w", Role::Output),
        ("2.b", Role::Fixed),
    ];
    assert_eq!(roles(&plan), wanted);
    let words = |width| -> Sequential {
        let rows = Embedding::new(9, width, &Init::he_normal(), &mut StdRng::seed_from_u64(0)).unwrap();
        Sequential::new().then(RmsNorm::new(width).unwrap()).then(Linear { w: rows.table.clone(), b: None })
    };
    let plan = MaximalUpdate::new(Family::Sgd, &words(4)).unwrap().plan(&words(8)).unwrap();
    assert_eq!(roles(&plan), [("0.gain", Role::Vector), ("1.w", Role::Input)]);
}

/// The message of planning `model` beside `base`.
fn refusal(base: &impl Module, model: &impl Module) -> String {
    MaximalUpdate::new(Family::Adam, base).unwrap().plan(model).unwrap_err().to_string()
}

#[test]
fn what_cannot_be_read_is_named() {
    let chain = |width: usize, layers: usize| {
        (0..layers)
            .fold(Sequential::<f64>::new(), |all, i| all.then(linear(if i == 0 { 3 } else { width }, width, i as u64)))
    };
    let error = refusal(&chain(4, 2), &chain(8, 3));
    assert!(error.contains("the model has `2.w`, `2.b`, which the base has not"), "{error}");
    assert!(refusal(&chain(4, 3), &chain(8, 2)).contains("the base has `2.w`, `2.b`, which the model has not"));
    let normed = |width| Sequential::new().then(WeightNorm::new(linear(3, width, 0)).unwrap());
    assert!(refusal(&normed(4), &normed(8)).contains("`0.w` lies under a WeightNorm"));
    let normed = |width| SpectralNorm::new(linear(3, width, 0), &mut StdRng::seed_from_u64(0)).unwrap();
    assert!(refusal(&normed(4), &normed(8)).contains("`w` lies under a WeightNorm or SpectralNorm"));
    let conv = |width| {
        let conv = Conv2d::new(3, width, 3, Conv::new(), &Init::he_normal(), &mut StdRng::seed_from_u64(0)).unwrap();
        conv.without_bias()
    };
    assert!(refusal(&conv(4), &conv(8)).contains("`w` has no biases that tell its outputs"));
    let told = MaximalUpdate::new(Family::Adam, &conv(4)).unwrap().axes("*", 1, 0);
    assert_eq!(told.plan(&conv(8)).unwrap().parameters()[0].role, Role::Input);
    let windows =
        |size| Conv2d::new(3, 2, size, Conv::new(), &Init::he_normal(), &mut StdRng::seed_from_u64(0)).unwrap();
    assert!(refusal(&windows(3), &windows(5)).contains("axis 2 of `w` grows"));
    let tied = |width| {
        let w = Param::new(Tensor::ones([5, width]));
        let layer = || Linear { w: w.clone(), b: None };
        Sequential::new().then(layer()).then(layer())
    };
    assert!(refusal(&tied(4), &tied(8)).contains("`0.w` has two names"));
    let axes = MaximalUpdate::new(Family::Adam, &conv(4)).unwrap();
    let error = axes.clone().axes("v", 0, 1).plan(&conv(8)).unwrap_err().to_string();
    assert_eq!(error, "scaling: no parameter is called `v`, whose axes are given");
    assert!(axes.axes("w", 0, 4).plan(&conv(8)).unwrap_err().to_string().contains("4 axes, of which 0 and 4"));
    let zero = |width| -> Linear { Linear::new(3, width, &Init::Zeros, &mut StdRng::seed_from_u64(0)).unwrap() };
    let plan = MaximalUpdate::new(Family::Adam, &linear(3, 4, 0)).unwrap().plan(&zero(8)).unwrap();
    assert!(plan.rescale(&zero(8).parameters()).unwrap_err().to_string().contains("`w` has the root mean square 0"));
    assert!(plan.rescale(&zero(9).parameters()).unwrap_err().to_string().contains("no parameter `w` of shape (3, 8)"));
    let broken = linear(3, 4, 0);
    broken.w.set(Tensor::full([3, 4], f64::NAN));
    let error = MaximalUpdate::new(Family::Adam, &broken).unwrap_err().to_string();
    assert_eq!(error, "scaling: `w` of the base holds values that are not finite");
}

#[test]
fn branches_of_another_strength_are_named() {
    let chain = |strengths: &[f64]| {
        strengths.iter().fold(Sequential::new().then(linear(3, 4, 0)), |all, &strength| {
            all.then(Residual::new(linear(4, 4, 1)).strength(strength).unwrap())
        })
    };
    let plan = |model: &Sequential, depth: DepthScaling| {
        MaximalUpdate::new(Family::Sgd, model).unwrap().depth(depth).plan(model)
    };
    let planned = plan(&chain(&[0.5; 4]), DepthScaling::new(2)).unwrap();
    assert_eq!(planned.parameters().iter().map(|planned| planned.in_branch).filter(|&inside| inside).count(), 8);
    assert!(planned.to_string().contains("1.w        (4, 4)  fixed  yes        1     2  0.5    0.5"), "{planned}");
    let error = plan(&chain(&[0.5, 0.5, 1.0, 0.5]), DepthScaling::new(2)).unwrap_err().to_string();
    assert_eq!(
        error,
        "scaling: the branch `3` has the strength 1; of 4 branches each needs 0.5: set it with strength()"
    );
    let error = plan(&chain(&[]), DepthScaling::new(2)).unwrap_err().to_string();
    assert!(error.contains("no residual branches"), "{error}");
    let nested = Sequential::new().then(Residual::new(Sequential::new().then(Residual::new(linear(2, 2, 0)))));
    let error = plan(&nested, DepthScaling::new(1)).unwrap_err().to_string();
    assert!(error.contains("the branch `0` has another within, `0.0`"), "{error}");
}
