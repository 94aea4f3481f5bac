//! Both crates side by side, all of each or its prelude: no name means two things.

mod all {
    use autograd::*;
    use mlp::*;

    /// A name that both had would not compile where it is used; these are the likeliest.
    fn model(parameters: &Parameters, path: &str) -> Result<Tensor, Error> {
        io::load(parameters, path)?;
        let layer = Linear { w: Param::new([[2.0]]), b: None };
        let report = check(|x| layer.forward(x[0]).sum(), &[Tensor::from([[1.0]])])?;
        assert!(report.passed());
        Ok(layer.predict(&Tensor::from([[3.0]])))
    }

    #[test]
    fn no_name_of_the_roots_clashes() {
        assert!(matches!(model(&Parameters::new(), "no such file"), Err(Error::Io { .. })));
    }
}

mod preludes {
    use autograd::prelude::*;
    use mlp::prelude::*;

    #[test]
    fn no_name_of_the_preludes_clashes() {
        let (w, mut tape) = (Param::new([[1.0]]), Tape::new());
        let layer = Linear { w, b: None };
        let mut sgd = Sgd::new(&layer.parameters(), 0.5);
        let loss: Scalar<'_> = layer.forward(tape.var([[1.0]])).sum();
        let gradients: Gradients<'_> = loss.backward();
        sgd.step(&gradients);
        drop(gradients);
        tape.clear();
        assert_eq!(layer.predict(&Tensor::from([[4.0]])), Tensor::from([[2.0]]));
    }
}
