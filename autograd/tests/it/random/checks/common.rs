/// The sum of all products, and of their magnitudes.
fn inner(a: &[Tensor], b: &[Tensor]) -> (f64, f64) {
    let terms = a.iter().zip(b).flat_map(|(a, b)| (a * b).to_vec());
    terms.fold((0.0, 0.0), |(sum, size), t| (sum + t, size + t.abs()))
}

fn gradients<'t, T: Float>(loss: Scalar<'t, T>, x: &[Var<'t, T>]) -> Vec<Tensor<T>> {
    let grads = loss.backward();
    x.iter().map(|&x| grads[x].clone()).collect()
}

/// Two directions to move the inputs along.
fn directions(inputs: &[Tensor]) -> [Vec<Tensor>; 2] {
    let mut rng = StdRng::seed_from_u64(1);
    [(), ()].map(|()| inputs.iter().map(|x| x.map(|_| rng.random_range(-2.0..2.0))).collect())
}
