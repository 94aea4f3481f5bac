//! Data for training: tables from files, data sets with targets, batches, and scaling.
//!
//! Constructors check all data, so that training meets no NaN, no ragged row and no missing target. Data sets are held
//! in memory; nothing is downloaded, cached or streamed.

mod cells;
mod dataset;
mod scaler;
mod table;

pub use dataset::{Batches, Dataset, Targets, one_hot};
pub use scaler::Scaler;
pub use table::Table;
