//! The rooms of this crate, and what each may use.

use super::house::House;

/// The laboratory of `depth` uses all others, and none uses it: it looks into models and trainings as any observer does.
#[test]
fn each_room_uses_only_those_below_it() {
    House {
        root: env!("CARGO_MANIFEST_DIR"),
        floors: &[
            &["depth"],
            &["train", "check"],
            &["io"],
            &["optim", "metrics", "loss"],
            &["nn"],
            &["data"],
            &["error"],
        ],
        together: &[],
    }
    .stands();
}
