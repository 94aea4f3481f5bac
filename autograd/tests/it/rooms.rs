//! The rooms of this crate, and what each may use.

use super::house::House;

/// `tape`, `sweep`, `param` and `external` know each other, since a node may hold a function that sweeps (a checkpoint, a user's rule) and
/// a sweep walks nodes and hands gradients to parameters.
#[test]
fn each_room_uses_only_those_below_it() {
    House {
        root: env!("CARGO_MANIFEST_DIR"),
        floors: &[
            &["bridges", "check"],
            &["graph", "transform"],
            &["methods"],
            &["tape", "sweep", "param", "external"],
            &["tensor"],
            &["ops"],
            &["kernels"],
            &["memory"],
            &["number"],
            &["math", "threads", "per_input"],
            &["shape"],
            &["error"],
        ],
        together: &["tape", "sweep", "param", "external"],
    }
    .stands();
}
