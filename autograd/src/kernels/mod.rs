//! Kernels over slices. They know neither tensors nor the tape, and hold most of the `unsafe` code; the rest is in
//! `tape/append.rs`, `number/instances.rs` and `math/lanes.rs`.

pub(crate) mod arg_extreme;
pub(crate) mod binary;
pub(crate) mod centre;
pub(crate) mod compiled;
pub(crate) mod deviations;
pub(crate) mod eigen;
pub(crate) mod elementwise;
mod exponentials;
pub(crate) mod factor;
pub(crate) mod factors;
mod flagged;
mod forms;
pub(crate) mod fused;
pub(crate) mod isa;
pub(crate) mod layout;
pub(crate) mod normalize;
pub(crate) mod order;
pub(crate) mod product;
pub(crate) mod qr;
mod quotient;
pub(crate) mod reduce;
pub(crate) mod runs;
pub(crate) mod scan;
pub(crate) mod scatter;
pub(crate) mod singular;
pub(crate) mod slopes;
mod small;
pub(crate) mod softmax;
pub(crate) mod squares;
pub(crate) mod sums;
pub(crate) mod windows;
