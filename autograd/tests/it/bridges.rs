//! Arrays of other crates, and problems for their solvers.

#[cfg(feature = "ndarray")]
mod of_ndarray {
    use autograd::Tensor;
    use autograd::bridges::ndarray::view;
    use ndarray::{Array2, Array3, ArrayD, Axis, IxDyn, s};

    #[test]
    fn arrays_come_and_go_in_any_layout() {
        let x = Array3::from_shape_fn((2, 3, 4), |(i, j, k)| (100 * i + 10 * j + k) as f64);
        let rows = Tensor::from_fn([2, 3, 4], |i| (100 * i[0] + 10 * i[1] + i[2]) as f64);
        assert_eq!(Tensor::from(x.clone()), rows);
        assert_eq!(Tensor::from(x.view()), rows);
        let turned = Tensor::from_fn([4, 3, 2], |i| (100 * i[2] + 10 * i[1] + i[0]) as f64);
        assert_eq!(Tensor::from(x.clone().reversed_axes()), turned);
        assert_eq!(Tensor::from(x.slice(s![1.., .., ..;2])), rows.slice(0, 1..2).take(2, &[0, 2]));
        // A slice that owns more values than it shows.
        assert_eq!(Tensor::from(x.clone().slice_move(s![1.., .., ..])), rows.slice(0, 1..2));
        assert_eq!(ArrayD::from(rows.clone()), x.clone().into_dyn());
        assert_eq!(view(&rows).index_axis(Axis(0), 1), x.index_axis(Axis(0), 1).into_dyn());
        assert_eq!(ArrayD::from(Tensor::from(7.0)), ArrayD::from_elem(IxDyn(&[]), 7.0));
        assert_eq!(Tensor::<f64>::from(Array2::zeros((3, 0))).shape()[..], [3, 0]);
    }

    #[test]
    fn values_of_one_owner_are_not_copied() {
        let values = vec![1.0, 2.0, 3.0];
        let at = values.as_ptr();
        let array = ArrayD::from(Tensor::from(ndarray::Array1::from_vec(values)));
        assert_eq!(array.as_ptr(), at);
    }
}

#[cfg(feature = "nalgebra")]
mod of_nalgebra {
    use autograd::{Tensor, jacobian_sparse};
    use nalgebra::{DMatrix, DVector};
    use nalgebra_sparse::CsrMatrix;

    #[test]
    fn matrices_and_vectors_come_and_go() {
        let m = DMatrix::from_row_slice(2, 3, &[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let x = Tensor::from([[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]]);
        assert_eq!((Tensor::from(&m), Tensor::from(m.clone())), (x.clone(), x.clone()));
        assert_eq!(DMatrix::try_from(&x).unwrap(), m);
        let v = DVector::from_vec(vec![1.0, 2.0]);
        assert_eq!((Tensor::from(&v), Tensor::from(v.clone())), (Tensor::from([1.0, 2.0]), Tensor::from([1.0, 2.0])));
        assert_eq!(DVector::try_from(Tensor::from([1.0, 2.0])).unwrap(), v);
        let error = DMatrix::try_from(&Tensor::from([1.0])).unwrap_err();
        assert_eq!(error.to_string(), "DMatrix: shape (1,) has not two axes; reshape it");
        let error = DVector::try_from(x).unwrap_err();
        assert_eq!(error.to_string(), "DVector: shape (2, 3) has not one axis; reshape it");
    }

    #[test]
    fn a_sparse_jacobian_is_a_sparse_matrix() {
        let x = Tensor::from_fn([9], |i| i[0] as f64);
        let j = jacobian_sparse(|x| x.slice(0, 0..8) * x.slice(0, 1..9), &x);
        let v = Tensor::from_fn([9], |i| (i[0] as f64).cos());
        let product = CsrMatrix::from(j.clone()) * DVector::from(v.to_vec());
        assert_eq!(Tensor::from(product), j.times(&v));
    }
}

#[cfg(feature = "argmin")]
mod of_argmin {
    use argmin::core::{CostFunction, Executor, Hessian, State};
    use argmin::solver::linesearch::MoreThuenteLineSearch;
    use argmin::solver::quasinewton::LBFGS;
    use argmin::solver::trustregion::{Steihaug, TrustRegion};
    use autograd::bridges::argmin::{ModelObjective, Objective};
    use autograd::{Param, Parameters, Scalar, Tape, Tensor, Var};

    fn valley<'t>(x: Var<'t>) -> Scalar<'t> {
        let (a, b) = (x.slice(0, 0..1), x.slice(0, 1..2));
        (100.0 * (b - a.square()).square() + (1.0 - a).square()).sum()
    }

    #[test]
    fn solvers_find_the_bottom_by_the_gradient_and_by_the_hessian() {
        let by_hessian = TrustRegion::new(Steihaug::new().with_max_iters(20));
        let found = Executor::new(Objective::new(valley), by_hessian)
            .configure(|state| state.param(vec![-1.2, 1.0]).max_iters(60))
            .run()
            .unwrap();
        let x = found.state().get_best_param().unwrap();
        assert!(x.iter().all(|x| (x - 1.0).abs() < 1e-6), "{x:?}");
    }

    /// A line through four points: the least squares are known.
    #[test]
    fn a_model_is_fitted() {
        let (w, b) = (Param::new([0.0]), Param::new(0.0));
        let (x, y) = (Tensor::from([0.0, 1.0, 2.0, 3.0]), Tensor::from([1.0, 3.0, 2.0, 5.0]));
        let parameters = Parameters::new().with("w", &w).with("b", &b);
        let loss = |tape: &Tape| -> f64 { (w.on(tape) * &x + b.on(tape) - &y).square().sum().value() };
        let objective = ModelObjective::new(parameters, |tape| (w.on(tape) * &x + b.on(tape) - &y).square().sum());
        assert_eq!(objective.hessian(&vec![0.0, 0.0]).unwrap(), [[28.0, 12.0], [12.0, 8.0]]);
        let wrong = objective.cost(&vec![0.0]).unwrap_err().to_string();
        assert_eq!(wrong, "ModelObjective: 1 values given for parameters of 2");
        let solver = LBFGS::new(MoreThuenteLineSearch::new(), 5);
        let start = objective.start();
        let found =
            Executor::new(objective.clone(), solver).configure(|state| state.param(start).max_iters(50)).run().unwrap();
        objective.set(found.state().get_best_param().unwrap()).unwrap();
        let close = |x: &Param, expected: f64| (x.value().to_vec()[0] - expected).abs() < 1e-6;
        assert!(close(&w, 1.1) && close(&b, 1.1), "{w:?} {b:?}");
        assert!((loss(&Tape::new()) - 2.7).abs() < 1e-10);
    }
}
