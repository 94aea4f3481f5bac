//! Lesson 13: what an activation is like, and what it does to the gradients of a deep network.
//!
//! All of it is computed from the activation itself, as the crate computes it: first the properties of its curve; then the
//! factor by which each layer of a deep network multiplies the gradient's norm, for the usual ways to begin; at last the
//! weights and biases that make that factor 1. An activation of one's own stands in the table like any other.
//!
//! Two pictures, of all activations with their derivatives and of the order and chaos of tanh networks, go to the folder given
//! as argument, else beside the program. To renew those of the documentation:
//! `cargo run --release -p examples --features pictures --example activations examples/pictures`.

use autograd::Var;
use examples::pictures;
use mlp::theory::{MeanField, Properties, depth_scale};
use mlp::{Activation, Function, Init};

/// The activations of one number: the theory refuses the softmaxes, which mix those of a row.
fn theories() -> Result<Vec<MeanField>, mlp::Error> {
    let named = Activation::ALL.into_iter().filter_map(|activation| MeanField::new(activation).ok());
    Ok(named.chain([MeanField::new(Function::new("sine", |z: Var| z.sin()))?]).collect())
}

/// √χ at the variance where the layers settle; none if the variance grows without bound.
fn factor(theory: &MeanField, init: &Init) -> Option<f64> {
    let theory = theory.clone().initialised(init, 64, 64).ok()?;
    Some(theory.chi(theory.fixed_point().ok()?).sqrt())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let theories = theories()?;
    println!(
        "What the curves are like; \"dies\": where the derivative goes to 0; z ~ N(0, 1)\n\n{}",
        Properties::HEADER
    );
    let properties: Vec<Properties> = theories.iter().map(MeanField::properties).collect();
    for row in &properties {
        println!("{row}");
    }

    println!(
        "\nThe factor of the gradient's norm in each layer of a deep network, biases 0; -: the signal grows without bound"
    );
    let inits = [
        ("1/√n", Init::lecun_uniform().gain(3f64.sqrt().recip())),
        ("LeCun", Init::lecun_normal()),
        ("He", Init::he_normal()),
    ];
    println!("\n{:<20} {:>8} {:>8} {:>8}", "activation", inits[0].0, inits[1].0, inits[2].0);
    for (theory, row) in theories.iter().zip(&properties) {
        let text = |init| factor(theory, init).map_or("-".into(), |factor| format!("{factor:.4}"));
        println!("{:<20} {:>8} {:>8} {:>8}", row.name, text(&inits[0].1), text(&inits[1].1), text(&inits[2].1));
    }

    println!("\nThe critical point, where that factor is 1: weights of variance σ_w²/inputs, biases of variance σ_b²");
    println!("\n{:<20} {:>9} {:>9} {:>10} {:>8}", "activation", "σ_w²", "σ_b²", "variance", "slope");
    for (theory, row) in theories.iter().zip(&properties) {
        match theory.critical() {
            Ok(point) => println!(
                "{:<20} {:>9.5} {:>9.5} {:>10.5} {:>8.5}",
                row.name, point.weights, point.biases, point.variance, point.variance_slope
            ),
            Err(_) => println!("{:<20} none: no weights keep its gradients", row.name),
        }
    }

    println!("\nHow deep a gradient reaches in tanh networks, σ_b² = 0.05; negative: it grows\n");
    println!("{:>6} {:>9} {:>9} {:>9}", "σ_w²", "q*", "χ", "ξ");
    for weights in [1.0, 1.3, 1.5, 1.7, 2.5, 4.0] {
        let tanh = MeanField::new(Activation::Tanh)?.weights(weights).biases(0.05);
        let q = tanh.fixed_point()?;
        println!("{weights:>6} {q:>9.6} {:>9.6} {:>9.3}", tanh.chi(q), depth_scale(tanh.chi(q)));
    }

    let of = |name: &str| properties.iter().position(|row| row.name == name).expect("a row of the table");
    let sigmoid = of("sigmoid");
    assert_eq!(properties[sigmoid].saturates, [true, true]);
    let vanishing = factor(&theories[sigmoid], &Init::lecun_normal()).expect("a fixed point");
    println!("\nTen logistic layers leave {:.1e} of the gradient.", vanishing.powi(10));
    assert!((vanishing - 0.23605).abs() < 1e-5);
    assert!((factor(&theories[of("relu")], &Init::he_normal()).expect("a fixed point") - 1.0).abs() < 1e-10);
    assert!(properties[of("selu")].zero_centred() && !properties[of("relu")].zero_centred());
    assert_eq!(properties[of("hard_tanh")].kinks.len(), 2);
    assert_eq!(theories.iter().filter(|theory| theory.critical().is_err()).count(), 3);

    pictures::activations()?.publish("activations")?;
    pictures::phases(Activation::Tanh)?.publish("phases")?;
    Ok(())
}
