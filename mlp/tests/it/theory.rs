use mlp::Activation;
use mlp::theory::{MeanField, Properties};
#[test]
fn explore() {
    println!("{}", Properties::HEADER);
    for a in Activation::ALL {
        let t = std::time::Instant::now();
        let Ok(th) = MeanField::new(a) else { continue };
        println!("{} {:?}", th.properties(), t.elapsed());
    }
    for a in Activation::ALL {
        let t = std::time::Instant::now();
        let Ok(th) = MeanField::new(a) else { continue };
        println!("{a} {:?}", t.elapsed());
        println!("  crit {:?}", th.critical());
        for b in [0.0, 0.05] {
            match th.critical_weights(b) {
                Ok(c) => println!("   {c:?} {:?}", t.elapsed()),
                Err(e) => println!("   {e}"),
            }
        }
        if let Ok(q) = th.clone().weights(3.0).biases(0.05).fixed_point() {
            let th = th.clone().weights(3.0).biases(0.05);
            println!(" q {q} {:?}", t.elapsed());
            println!(" c {} {:?}", th.correlation_fixed_point(q), t.elapsed());
        }
    }
}
