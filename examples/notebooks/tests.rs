//! Each notebook's code cells, in order, as one test: `programs.rs` writes them from the notebook files.

use std::fmt::Debug;

/// How the kernel shows a value that a cell ends in. What draws itself has a method of this name, which goes first.
#[allow(dead_code)] // as long as each value draws itself
trait Display {
    fn evcxr_display(&self);
}

impl<T: Debug> Display for T {
    fn evcxr_display(&self) {
        println!("{self:?}");
    }
}

include!(concat!(env!("OUT_DIR"), "/all.rs"));
