//! Second derivatives of a small network: 433 parameters, 8-16-16-1 with tanh, mean squared error of 32 samples, in f64.

use autograd::{Scalar, Tensor, Var, several};

use crate::tensor;

const WIDTHS: [usize; 4] = [8, 16, 16, 1];
const SAMPLES: usize = 32;

/// The network, its data, and a direction in the space of its parameters.
#[derive(Debug)]
pub struct Network {
    parameters: Vec<Tensor>,
    x: Tensor,
    y: Tensor,
    /// One array for each parameter.
    pub v: Vec<Tensor>,
}

impl Network {
    /// The network at its starting point.
    #[allow(clippy::new_without_default)] // it is made once, and is no value among others
    pub fn new() -> Self {
        let shapes: Vec<Vec<usize>> = WIDTHS.windows(2).flat_map(|n| [vec![n[0], n[1]], vec![n[1]]]).collect();
        let arrays = |seed: usize, scale: f64| {
            let array = |(i, shape): (usize, &Vec<usize>)| tensor(&shape[..], (i + seed) << 20, scale);
            shapes.iter().enumerate().map(array).collect()
        };
        Network {
            parameters: arrays(1, 0.5),
            v: arrays(50, 1.0),
            x: tensor([SAMPLES, 8], 0, 1.0),
            y: tensor([SAMPLES, 1], 7, 1.0),
        }
    }

    /// The loss as a function of the parameters.
    pub fn loss<'t>(&self, p: &[Var<'t>]) -> Scalar<'t> {
        let h = p[0].tape().constant(&self.x).affine(p[0], p[1]).tanh();
        let y = h.affine(p[2], p[3]).tanh().affine(p[4], p[5]);
        (y - &self.y).square().mean()
    }

    /// Its gradient.
    pub fn gradient(&self) -> Vec<Tensor> {
        several::grad(|p| self.loss(p), &self.parameters)
    }

    /// The product of its Hessian with [`v`](Network::v).
    pub fn hvp(&self) -> Vec<Tensor> {
        several::hvp(|p| self.loss(p), &self.parameters, &self.v)
    }

    /// Its Hessian, (433, 433).
    pub fn hessian(&self) -> Tensor {
        several::hessian(|p| self.loss(p), &self.parameters)
    }
}

/// Holds the product against the matrix, the matrix against its transpose, and both against differences of gradients.
///
/// # Panics
/// If they differ.
pub fn verify() {
    let mut network = Network::new();
    let flat = |parts: &[Tensor]| Tensor::from(parts.iter().flat_map(Tensor::to_vec).collect::<Vec<_>>());
    let (h, hv, v) = (network.hessian(), flat(&network.hvp()), flat(&network.v));
    assert_eq!(h.shape(), &[433, 433].into());
    assert!(h.is_close(&h.t(), 1e-12), "the Hessian is symmetric");
    assert!(hv.is_close(&h.matmul(&v), 1e-12), "the product is the matrix's");
    let step = 1e-5;
    let mut moved = |by: f64| {
        for (p, v) in network.parameters.iter_mut().zip(&network.v) {
            *p = &*p + v * by;
        }
        flat(&network.gradient())
    };
    let (up, down) = (moved(step), moved(-2.0 * step));
    assert!(((up - down) / (2.0 * step)).is_close(&hv, 1e-7), "the product is the gradient's slope along v");
}
