use autograd::{Elementwise, ElementwiseN, Number};

/// tanh(2x + 1)·exp(−x²/4)
#[derive(Clone, Copy)]
struct Bump;

impl Elementwise for Bump {
    fn f<N: Number>(self, x: N) -> N {
        (N::constant(2.0) * x + N::one()).tanh() * (N::constant(-0.25) * x * x).exp()
    }
}

/// a·sin(b) + 0.5a²
#[derive(Clone, Copy)]
struct Blend;

impl ElementwiseN<2> for Blend {
    fn f<N: Number>(self, [a, b]: [N; 2]) -> N {
        a * b.sin() + N::constant(0.5) * a.square()
    }
}
