//! One binary for all integration tests of the crate.

mod data;
mod init;
mod io;
