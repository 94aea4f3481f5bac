//! The table of activations: one row each.
//!
//! A row has: documentation, variant with the usual value of each argument, name, value, range (`None` if it is bounded
//! on neither side), the usual initialiser of the weights before it, and the operation of `autograd` that is the same
//! function, if it has no argument and a dense layer fuses it.
//!
//! **To add an activation, add a row.** Its name, its reading from text, its module, the default weights of
//! [`Mlp`](crate::Mlp), and every test over [`Activation::ALL`](super::Activation::ALL) follow from it.

macro_rules! activation_table {
    ($with:ident) => {
        $with! { (z)
            /// `z`; adds nothing to the tape.
            Identity, "identity", z, None, Init::glorot_uniform(), None;
            /// `az + b`, derivative `a`.
            Linear {
                /// The slope.
                a = 1.0,
                /// The value at 0.
                b = 0.0
            }, "linear", z * a + b, None, Init::glorot_uniform(), None;
            /// 0, ½, 1 for z < 0, z = 0, z > 0.
            ///
            /// The derivative is 0 everywhere by convention: train with [`StraightThrough`].
            UnitStep, "unit_step", z.step(), Some([0.0, 1.0]), Init::glorot_uniform(), None;
            /// −1, 0, 1 for z < 0, z = 0, z > 0.
            ///
            /// The derivative is 0 everywhere by convention: train with [`StraightThrough`].
            Sign, "sign", z.sign(), Some([-1.0, 1.0]), Init::glorot_uniform(), None;
            /// `z + ½` clamped to [0, 1]; derivative 1 for |z| ≤ ½, else 0.
            PiecewiseLinear, "piecewise_linear", (z + 0.5).clamp(0.0, 1.0), Some([0.0, 1.0]), Init::glorot_uniform(), None;
            /// `y = 1/(1 + exp(−z))`, derivative `y(1 − y)`.
            Sigmoid, "sigmoid", z.sigmoid(), Some([0.0, 1.0]), Init::glorot_uniform(), Some(Unary::Sigmoid);
            /// `y = tanh(z)`, derivative `(1 − y)(1 + y)`.
            Tanh, "tanh", z.tanh(), Some([-1.0, 1.0]), Init::glorot_uniform(), Some(Unary::Tanh);
            /// `max(0, z)`; derivative 1 for z > 0, else 0 (at 0 by convention).
            Relu, "relu", z.relu(), Some([0.0, f64::INFINITY]), Init::he_normal(), Some(Unary::Relu);
            /// `z` for z > 0, else `slope·z`; usually 0.01 (Maas et al. 2013).
            LeakyRelu(slope = 0.01), "leaky_relu", z.leaky_relu(slope), None, Init::he_normal(), None;
            /// `z` for z > 0, else `y = α(exp(z) − 1)` with derivative `y + α`; usually α = 1 (Clevert et al. 2015).
            Elu(alpha = 1.0), "elu", z.elu(alpha), None, Init::he_normal(), None;
            /// `ln(1 + exp(z))`, derivative `sigmoid(z)`.
            Softplus, "softplus", z.softplus(), Some([0.0, f64::INFINITY]), Init::he_normal(), None;
            /// `z·Φ(z)` with the standard normal distribution function Φ (Hendrycks & Gimpel 2016).
            Gelu, "gelu", z.gelu(), None, Init::he_normal(), None;
            /// GELU in its tanh form, as in GPT-2.
            GeluTanh, "gelu_tanh", z.gelu_tanh(), None, Init::he_normal(), None;
            /// `z·sigmoid(z)`, also called swish.
            Silu, "silu", z.silu(), None, Init::he_normal(), None;
            /// `z·tanh(softplus(z))` (Misra 2019).
            Mish, "mish", z.mish(), None, Init::he_normal(), None;
            /// The self-normalising ELU (Klambauer et al. 2017).
            Selu, "selu", z.selu(), None, Init::lecun_normal(), None;
            /// `z` clamped to [−1, 1].
            HardTanh, "hard_tanh", z.hard_tanh(), Some([-1.0, 1.0]), Init::glorot_uniform(), None;
            /// `z/6 + ½` clamped to [0, 1].
            HardSigmoid, "hard_sigmoid", z.hard_sigmoid(), Some([0.0, 1.0]), Init::glorot_uniform(), None;
            /// `z/(1 + |z|)`.
            Softsign, "softsign", z.softsign(), Some([-1.0, 1.0]), Init::glorot_uniform(), None;
            /// `exp(z_i)/Σ_j exp(z_j)` along the last axis; derivative `∂p_i/∂z_k = p_i([i = k] − p_k)`.
            Softmax, "softmax", z.softmax(last_axis(z)), Some([0.0, 1.0]), Init::glorot_uniform(), None;
            /// The logarithm of the softmax along the last axis.
            LogSoftmax, "log_softmax", z.log_softmax(last_axis(z)), Some([f64::NEG_INFINITY, 0.0]), Init::glorot_uniform(), None;
        }
    };
}

pub(super) use activation_table;
