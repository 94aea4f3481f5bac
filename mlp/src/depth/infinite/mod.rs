//! Networks of infinite width: their kernels, Gaussian processes, and training by gradient flow.
//!
//! With random weights, and ever wider layers, the outputs of a network become a Gaussian process, whose covariance is its
//! *NNGP kernel* K. The *neural tangent kernel* `Θ(x, x′) = Σ_θ ∂f(x)/∂θ·∂f(x′)/∂θ` becomes a constant, so that training by
//! gradient descent is linear in the outputs, and known in closed form. Weights are `σ_w/√inputs·ω` and biases `σ_b·β`, with ω, β ~ N(0, 1)
//! the parameters. From the inputs on, layer by layer, with u, v normal of covariance K:
//!
//! | layer | K | Θ |
//! |---|---|---|
//! | inputs x of length d | `x·x′/d` | 0 |
//! | [`dense`](InfiniteWidth::dense) | `σ_w²·K + σ_b²` | the new `K`, plus `σ_w²·Θ` |
//! | [`activation`](InfiniteWidth::activation) | `E[φ(u)φ(v)]` | `E[φ′(u)φ′(v)]·Θ` |
//! | [`layer_norm`](InfiniteWidth::layer_norm) | `K(x, x′)/√(K(x, x)·K(x′, x′))` | Θ, divided by the same |
//! | [`residual`](InfiniteWidth::residual), `x + s·f(x)` | `K + s²·K_f` | `Θ + s²·Θ_f` |
//!
//! [`Nngp`] is regression with K as its prior: all weights are uncertain. [`GradientFlow`] is a network trained for some time, or
//! for ever. [`tangent_kernel`] measures Θ on a network of finite width; it is off by the order of 1/√width.
//!
//! ```
//! use autograd::Tensor;
//! use mlp::Activation;
//! use mlp::infinite::{GradientFlow, InfiniteWidth, Nngp};
//!
//! let network = InfiniteWidth::mlp(Activation::Tanh, 2, 1.5, 0.1)?; // two hidden layers, σ_w² = 1.5, σ_b² = 0.1
//! let (x, y) = (Tensor::from([[-1.0], [0.0], [2.0]]), Tensor::from([0.5, -0.5, 1.0]));
//! let other = Tensor::from([[-0.5], [0.5]]);
//!
//! let posterior = Nngp::fit(&network, &x, &y, 1e-4)?.predict(&other)?;
//! assert!(posterior.variance.as_slice().iter().all(|&variance| variance > 0.0));
//! let flow = GradientFlow::fit(&network, &x, &y)?;
//! assert!(flow.predict(&x, f64::INFINITY)?.mean.is_close(&y, 1e-8)); // trained for ever, it interpolates
//! assert!(flow.predict(&x, 0.0)?.mean.is_close(&Tensor::zeros([3]), 1e-15));
//! # Ok::<(), mlp::Error>(())
//! ```
//!
//! # Accuracy and speed
//!
//! Functions that are made of lines have closed forms: relu, leaky relu, |x| and other pairs of lines that meet at 0 (Cho & Saul 2009), and,
//! with kinks and jumps anywhere, `hard_tanh`, `hard_sigmoid` or `sign`, in the shares of a plane (Rosenbaum 1961). In Θ the slope of a jump
//! counts as 0, as in gradients. Smooth functions are series in the correlation (Mehler), with as many terms as 1e−12 asks for:
//! fast, unless variances are large. Others, with kinks, are interpolated between many integrals: to 1e−10 with kinks at 0 only (ELU, SELU),
//! which share their nodes, far slower and to 1e−9 with kinks elsewhere and inputs that are equally long, as after
//! [normalisation](InfiniteWidth::layer_norm). With curves and kinks beside 0, different lengths and nearly the same direction the interpolated
//! function is not smooth, and nothing is promised.
//!
//! Both kernels of 500 inputs of different lengths, through ten hidden layers, take ten times as long for tanh as for relu, forty
//! times for ELU, and fifty times for `hard_tanh`.
//!
//! Sources: Neal, "Bayesian learning for neural networks", 1996 (one layer); Lee, Bahri, Novak, Schoenholz, Pennington and
//! Sohl-Dickstein, "Deep neural networks as Gaussian processes", 2018; Matthews, Rowland, Hron, Turner and Ghahramani, "Gaussian
//! process behaviour in wide deep neural networks", 2018; Jacot, Gabriel and Hongler, "Neural tangent kernel", 2018; Lee, Xiao,
//! Schoenholz, Bahri, Novak, Sohl-Dickstein and Pennington, "Wide neural networks of any depth evolve as linear models under
//! gradient descent", 2019; Cho and Saul, "Kernel methods for deep learning", 2009; Rosenbaum, "Moments of a truncated bivariate normal
//! distribution", 1961; Genz, "Numerical computation of rectangular bivariate and trivariate normal and t probabilities", 2004.

mod flow;
mod grid;
mod nngp;
mod pieces;
mod products;
mod recursion;
mod series;
mod tangent;

pub use flow::GradientFlow;
pub use nngp::{Nngp, Posterior};
pub use tangent::tangent_kernel;

use std::fmt;
use std::sync::Arc;

use autograd::Tensor;

use crate::depth::theory::check_variance;
use crate::depth::theory::curve::Curve;
use crate::error::shown;
use crate::{Error, Module};
use recursion::State;

/// A network of infinite width, as a list of layers.
///
/// ```
/// use mlp::Activation;
/// use mlp::infinite::InfiniteWidth;
/// let block = InfiniteWidth::new().layer_norm().dense(1.0, 0.0).activation(Activation::Gelu)?.dense(1.0, 0.0);
/// let mut network = InfiniteWidth::new().dense(1.0, 0.0);
/// for _ in 0..8 {
///     network = network.residual(0.5, &block);
/// }
/// let k = network.nngp(&[[1.0, 0.0], [0.6, 0.8]].into(), &[[1.0, 0.0]].into())?;
/// assert!(k.is_close(&[[1.35044], [0.83083]].into(), 1e-4));
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct InfiniteWidth {
    layers: Vec<Layer>,
}

#[derive(Clone)]
enum Layer {
    Dense { weights: f64, biases: f64 },
    Activation(Arc<Curve>),
    Norm,
    Residual { strength: f64, block: InfiniteWidth },
}

/// Both kernels between two tables.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Kernels {
    /// K, the covariance of outputs over random weights: (n, m).
    pub nngp: Tensor,
    /// Θ, the scalar product of gradients: (n, m).
    pub ntk: Tensor,
}

impl InfiniteWidth {
    /// A network without layers, to which they are added in the order of the data.
    pub fn new() -> Self {
        Self::default()
    }

    /// A network of `hidden` layers with an activation, and a dense layer after them; each has `σ_w² = weights` and `σ_b² = biases`.
    ///
    /// ```
    /// use mlp::Activation;
    /// use mlp::infinite::InfiniteWidth;
    /// // Relu with σ_w² = 2 keeps K(x, x) = 2·x·x/d; Θ grows by as much in each layer.
    /// let network = InfiniteWidth::mlp(Activation::Relu, 9, 2.0, 0.0)?;
    /// let x = [[3.0, 4.0]].into();
    /// let both = network.kernels(&x, &x)?;
    /// assert!((both.nngp.item() - 25.0).abs() < 1e-12);
    /// assert!((both.ntk.item() - 250.0).abs() < 1e-11);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`activation`](InfiniteWidth::activation).
    ///
    /// # Panics
    /// If a variance is negative, NaN or infinite.
    #[track_caller]
    pub fn mlp(activation: impl Module + 'static, hidden: usize, weights: f64, biases: f64) -> Result<Self, Error> {
        let activation = Layer::Activation(Arc::new(Curve::new(Arc::new(activation))?));
        let network =
            (0..hidden).fold(Self::new(), |network, _| network.dense(weights, biases).then(activation.clone()));
        Ok(network.dense(weights, biases))
    }

    /// Adds a dense layer, whose weights have variance `σ_w²/inputs` and whose biases `σ_b²`; `weights` is `σ_w²`.
    ///
    /// ```
    /// use mlp::infinite::InfiniteWidth;
    /// let linear = InfiniteWidth::new().dense(2.0, 0.5);
    /// let k = linear.nngp(&[[1.0, 3.0]].into(), &[[2.0, 1.0]].into())?;
    /// assert_eq!(k.item(), 2.0 * 5.0 / 2.0 + 0.5);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Panics
    /// If a variance is negative, NaN or infinite.
    #[must_use]
    #[track_caller]
    pub fn dense(self, weights: f64, biases: f64) -> Self {
        check_variance("weights", weights);
        check_variance("biases", biases);
        self.then(Layer::Dense { weights, biases })
    }

    /// Adds an activation: any elementwise module, as for [`MeanField`](crate::theory::MeanField).
    ///
    /// ```
    /// use autograd::{Number, Var};
    /// use mlp::Function;
    /// use mlp::infinite::InfiniteWidth;
    /// let erf = Function::new("erf", |z: Var| z.erf());
    /// let network = InfiniteWidth::new().dense(1.0, 0.0).activation(erf)?.dense(1.0, 0.0);
    /// let k = network.nngp(&[[1.0, 2.0]].into(), &[[0.5, -2.0]].into())?.item();
    /// // Williams 1997: 2/π·asin(2K/√((1 + 2K(x, x))(1 + 2K(x′, x′)))).
    /// let closed = 2.0 / std::f64::consts::PI * (2.0 * -1.75f64 / (6.0f64 * 5.25).sqrt()).asin();
    /// assert!((k - closed).abs() < 1e-12);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// If it mixes the values of a row (softmax), or is not finite everywhere between −30 and 30.
    pub fn activation(self, activation: impl Module + 'static) -> Result<Self, Error> {
        Ok(self.then(Layer::Activation(Arc::new(Curve::new(Arc::new(activation))?))))
    }

    /// Adds layer normalisation, [`LayerNorm`](crate::LayerNorm) without ε, scale and shift: K(x, x) becomes 1.
    ///
    /// The values before it must be normal, of mean 0 (after a dense layer, or a residual one). Then it is root mean square
    /// normalisation as well.
    #[must_use]
    pub fn layer_norm(self) -> Self {
        self.then(Layer::Norm)
    }

    /// Adds a residual connection, `x ← x + strength·f(x)`, where `block` is f and ends in a dense layer.
    ///
    /// ```
    /// use mlp::infinite::InfiniteWidth;
    /// let block = InfiniteWidth::new().dense(2.0, 0.0);
    /// let network = InfiniteWidth::new().dense(1.0, 0.0).residual(0.5, &block);
    /// let both = network.kernels(&[[1.0]].into(), &[[3.0]].into())?;
    /// assert_eq!((both.nngp.item(), both.ntk.item()), (3.0 + 0.25 * 6.0, 3.0 + 0.25 * 12.0));
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the strength is NaN or infinite.
    #[must_use]
    #[track_caller]
    pub fn residual(self, strength: f64, block: &InfiniteWidth) -> Self {
        assert!(strength.is_finite(), "infinite_width: strength {}; it must be finite", shown(strength));
        self.then(Layer::Residual { strength, block: block.clone() })
    }

    /// The kernels between the rows of two tables, (n, d) and (m, d): each is (n, m).
    ///
    /// # Errors
    /// If the tables are not such, or hold a value that is not finite; if an activation or normalisation follows values that are
    /// not normal, or the network does not end in a dense layer; if a kernel overflows.
    pub fn kernels(&self, a: &Tensor, b: &Tensor) -> Result<Kernels, Error> {
        self.state(a, b).map(State::kernels)
    }

    /// The NNGP kernel K of the rows of two tables: (n, d), (m, d) → (n, m).
    ///
    /// # Errors
    /// Those of [`kernels`](InfiniteWidth::kernels).
    pub fn nngp(&self, a: &Tensor, b: &Tensor) -> Result<Tensor, Error> {
        Ok(self.kernels(a, b)?.nngp)
    }

    /// The neural tangent kernel Θ of the rows of two tables: (n, d), (m, d) → (n, m).
    ///
    /// # Errors
    /// Those of [`kernels`](InfiniteWidth::kernels).
    pub fn ntk(&self, a: &Tensor, b: &Tensor) -> Result<Tensor, Error> {
        Ok(self.kernels(a, b)?.ntk)
    }

    fn state(&self, a: &Tensor, b: &Tensor) -> Result<State, Error> {
        State::of_inputs(a, b)?.through(&self.layers)?.at_the_end()
    }

    fn then(mut self, layer: Layer) -> Self {
        self.layers.push(layer);
        self
    }
}

impl fmt::Debug for InfiniteWidth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InfiniteWidth")?;
        f.debug_list().entries(&self.layers).finish()
    }
}

impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Layer::Dense { weights, biases } => {
                write!(f, "dense(σ_w² = {}, σ_b² = {})", shown(weights), shown(biases))
            }
            Layer::Activation(curve) => f.write_str(&curve.name),
            Layer::Norm => f.write_str("layer_norm"),
            Layer::Residual { strength, block } => write!(f, "x + {}·{:?}", shown(strength), block.layers),
        }
    }
}
