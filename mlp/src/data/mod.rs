//! Data for training: tables from files, data sets with targets, batches, and scaling.
//!
//! Constructors check all data, so that training meets no NaN, no ragged row and no missing target. A data set is held in
//! memory; files larger than that are read in chunks, each a table, and become a stream of batches. Nothing is downloaded
//! or cached.

mod cells;
mod chunks;
mod classes;
#[cfg(feature = "arrow")]
mod columnar;
mod csv;
mod dataset;
mod oddity;
#[cfg(feature = "images")]
mod pictures;
mod scaler;
mod schema;
mod splits;
mod stream;
mod table;
mod targets;

pub use chunks::Chunks;
#[cfg(feature = "arrow")]
pub use columnar::Columnar;
pub use csv::Csv;
pub use dataset::{Batches, Dataset, one_hot};
#[cfg(feature = "images")]
pub use pictures::Pictures;
pub use scaler::Scaler;
pub use schema::{Categorical, Column, Numeric, Prepared, Schema, SchemaBuilder};
pub use splits::{Split, Splitter};
pub use stream::{Ahead, Stream};
pub use table::Table;
pub use targets::Targets;
