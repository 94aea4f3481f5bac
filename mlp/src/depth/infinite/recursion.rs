//! The recursion from layer to layer.

use autograd::Tensor;

use super::products::Products;
use super::{Kernels, Layer};
use crate::Error;

/// The kernels of the values at some depth, for n rows and m columns.
#[derive(Clone)]
pub(super) struct State {
    sizes: [usize; 2],
    nngp: Vec<f64>,
    ntk: Vec<f64>,
    /// K(x, x) of the n rows, then of the m columns, unless these are the same.
    variances: Vec<f64>,
    /// Whether the columns are the rows: the kernels are symmetric, and half of them is computed.
    symmetric: bool,
    /// Whether the values are normal, of mean 0.
    normal: bool,
}

impl State {
    pub(super) fn of_inputs(a: &Tensor, b: &Tensor) -> Result<Self, Error> {
        let ([n, d], [m, width]) = (size(a)?, size(b)?);
        if d != width {
            return refuse(format!("rows of {d} and of {width} numbers; the columns of both tables must be the same"));
        }
        // One formula for both: the covariance of equal rows is their variance to the last bit.
        let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>() / d as f64;
        let symmetric = a.as_slice() == b.as_slice();
        let rows = |x: &'_ Tensor| x.as_slice().chunks(d).map(<[f64]>::to_vec).collect::<Vec<_>>();
        let (a, b) = (rows(a), rows(b));
        let nngp = a.iter().flat_map(|x| b.iter().map(move |y| dot(x, y))).collect();
        let others = if symmetric { &[][..] } else { &b };
        let variances = a.iter().chain(others).map(|x| dot(x, x)).collect();
        Ok(State { sizes: [n, m], nngp, ntk: vec![0.0; n * m], variances, symmetric, normal: false })
    }

    pub(super) fn through(mut self, layers: &[Layer]) -> Result<Self, Error> {
        for layer in layers {
            match layer {
                Layer::Dense { weights, biases } => self.dense(*weights, *biases),
                Layer::Activation(curve) => {
                    self.needs_normal(&curve.name)?;
                    let variances = std::mem::take(&mut self.variances);
                    let products = Products::new(curve, &variances);
                    self.each(|i, j, k, theta| {
                        let [values, slopes] = products.pair(i, j, *k);
                        (*k, *theta) = (values, slopes * *theta);
                    });
                    self.variances = products.squares();
                    self.normal = false;
                }
                Layer::Norm => self.layer_norm()?,
                Layer::Residual { strength, block } => {
                    let branch = self.clone().through(&block.layers)?;
                    if !matches!(block.layers.last(), Some(Layer::Dense { .. })) {
                        return refuse("a residual block does not end in a dense layer; add one".into());
                    }
                    let add = |all: &mut [f64], of: &[f64]| {
                        all.iter_mut().zip(of).for_each(|(x, y)| *x += strength * strength * y)
                    };
                    add(&mut self.nngp, &branch.nngp);
                    add(&mut self.ntk, &branch.ntk);
                    add(&mut self.variances, &branch.variances);
                }
            }
        }
        Ok(self)
    }

    pub(super) fn at_the_end(self) -> Result<Self, Error> {
        if !self.normal {
            return refuse("the last layer is not dense; outputs are sums of a dense layer".into());
        }
        if !self.nngp.iter().chain(&self.ntk).chain(&self.variances).all(|x| x.is_finite()) {
            return refuse("a kernel is not finite; take smaller variances, or fewer layers".into());
        }
        Ok(self)
    }

    pub(super) fn kernels(self) -> Kernels {
        Kernels { nngp: Tensor::new(self.sizes, self.nngp), ntk: Tensor::new(self.sizes, self.ntk) }
    }

    /// K(x, x) of the columns.
    pub(super) fn column_variances(&self) -> Tensor {
        Tensor::new([self.sizes[1]], self.variances[self.columns()..].to_vec())
    }

    /// Where the variances of the columns begin.
    fn columns(&self) -> usize {
        if self.symmetric { 0 } else { self.sizes[0] }
    }

    fn dense(&mut self, weights: f64, biases: f64) {
        self.each(|_, _, k, theta| {
            *k = weights * *k + biases;
            *theta = *k + weights * *theta;
        });
        self.variances.iter_mut().for_each(|q| *q = weights * *q + biases);
        self.normal = true;
    }

    fn layer_norm(&mut self) -> Result<(), Error> {
        self.needs_normal("layer_norm")?;
        let rows = self.sizes[0];
        if let Some(i) = self.variances.iter().position(|&q| q <= 0.0) {
            let (table, row) = if i < rows { ("first", i) } else { ("second", i - rows) };
            return refuse(format!(
                "row {row} of the {table} table has variance 0 before layer normalisation; drop it, or give a layer before biases"
            ));
        }
        let variances = std::mem::take(&mut self.variances);
        self.each(|i, j, k, theta| {
            let size = (variances[i] * variances[j]).sqrt();
            (*k, *theta) = (*k / size, *theta / size);
        });
        self.variances = vec![1.0; variances.len()];
        Ok(())
    }

    /// Calls `f` with the places of the two variances, K and Θ.
    fn each(&mut self, f: impl Fn(usize, usize, &mut f64, &mut f64)) {
        let ([n, m], columns) = (self.sizes, self.columns());
        for i in 0..n {
            for j in if self.symmetric { i } else { 0 }..m {
                let at = i * m + j;
                f(i, columns + j, &mut self.nngp[at], &mut self.ntk[at]);
                if self.symmetric {
                    (self.nngp[j * m + i], self.ntk[j * m + i]) = (self.nngp[at], self.ntk[at]);
                }
            }
        }
    }

    fn needs_normal(&self, layer: &str) -> Result<(), Error> {
        if self.normal {
            return Ok(());
        }
        refuse(format!("`{layer}` follows values that are not normal; put a dense layer before it"))
    }
}

fn size(x: &Tensor) -> Result<[usize; 2], Error> {
    let shape = x.shape();
    let [n, d] = shape[..] else {
        return refuse(format!("inputs of shape {shape} are not a table (samples, inputs)"));
    };
    if n == 0 || d == 0 {
        return refuse(format!("inputs of shape {shape}; at least one sample and one input are needed"));
    }
    match x.as_slice().iter().position(|x| !x.is_finite()) {
        Some(at) => refuse(format!("row {} of the inputs holds {} at position {}", at / d, x.as_slice()[at], at % d)),
        None => Ok([n, d]),
    }
}

fn refuse<R>(why: String) -> Result<R, Error> {
    Err(Error::invalid("infinite_width", why))
}
