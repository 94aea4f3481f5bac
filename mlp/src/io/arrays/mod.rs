//! Arrays of numbers in files of other programs: NPY and NPZ of NumPy, IDX of MNIST.
//!
//! What a file claims to hold takes no memory before the bytes are there.

mod idx;
mod npy;
mod npz;
mod numbers;

pub use idx::{read_idx, read_idx_labels, write_idx};
pub use npy::{read_npy, write_npy};
pub use npz::{read_npz, write_npz};
