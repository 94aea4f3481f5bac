//! One test binary.
mod accumulation;
mod activations;
mod arrays;
mod attention;
mod attention_theory;
mod averaged;
#[path = "../common/bad_files.rs"]
mod bad_files;
mod bad_inputs;
mod block_laws;
mod blocks;
mod bundle;
mod callbacks;
mod checks;
#[cfg(feature = "arrow")]
mod columnar;
mod configs;
mod convolution;
mod criticality;
mod csv;
mod data;
mod derive;
mod extremes;
mod figures;
mod figures_of_losses;
mod figures_of_optimizers;
mod figures_of_schedules;
mod finite;
mod flow;
mod forms;
mod gradients;
mod groups;
#[path = "../../../autograd/tests/it/house.rs"]
mod house;
mod init;
mod interrupted;
mod io;
mod killed;
mod laws;
mod layers;
mod lessons;
mod logs;
mod losses;
mod losses_of_counts;
mod losses_of_embeddings;
mod losses_of_labels;
mod losses_of_sequences;
mod losses_of_weights;
mod messages;
mod metrics;
mod minimize;
mod model;
mod names;
mod networks;
mod norms;
mod norms_learn;
mod observe;
#[cfg(feature = "onnx")]
mod onnx;
mod optim;
#[path = "../common/optimizers.rs"]
mod optimizers;
mod options;
#[cfg(feature = "images")]
mod pictures;
mod recurrent;
mod resume;
mod rooms;
mod schema;
mod splits;
mod streamed_training;
mod streams;
mod tables;
mod theory;
mod torch;
mod train;
mod weight_norms;
