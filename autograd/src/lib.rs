//! Dynamic computation graphs with reverse-mode gradients.

pub mod check;
mod dual;
mod error;
mod kernels;
mod methods;
mod number;
mod ops;
mod param;
mod shape;
mod sweep;
mod tape;
mod tensor;

pub use check::check;
pub use dual::Dual;
pub use error::Error;
pub use number::{Float, Number};
pub use ops::operations;
pub use ops::rows::{Binary, Row, Unary};
pub use param::{Param, Parameters};
pub use shape::{Axes, Shape, broadcast};
pub use sweep::{Gradients, Wrt};
pub use tape::{Operand, Scalar, Tape, Var};
pub use tensor::Tensor;
