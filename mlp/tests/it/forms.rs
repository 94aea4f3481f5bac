//! What holds for every layer: its gradient, the shape that it foretells, what it saves.

#[path = "../common/forms.rs"]
mod list;

use autograd::{Tape, Tensor};
use mlp::{Module, io, summary_for};

use crate::gradients::check_module;
pub(crate) use list::{Form, Whole, forms};

#[test]
fn gradients_agree_with_differences() {
    for form in forms::<f64>() {
        println!("{}", form.name);
        check_module(&*form.layer, &form.inputs);
    }
}

#[test]
fn shapes_are_foretold() {
    for form in forms::<f64>() {
        let (name, shape) = (form.name, form.inputs.shape());
        let found = form.layer.predict(&form.inputs);
        let foretold = form.layer.output_shape(shape).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(foretold.as_ref(), Some(found.shape()), "{name}");
        let rows = form.layer.describe_for(shape).unwrap();
        assert_eq!(rows.last().unwrap().1.as_ref(), Some(found.shape()), "{name}");
        let total: usize = rows.iter().map(|(row, _)| row.parameters).sum();
        assert_eq!(total, form.layer.parameters().numel(), "{name}");
        assert!(summary_for(&*form.layer, shape).unwrap().contains(&found.shape().to_string()), "{name}");
    }
}

/// `f32` gives what `f64` gives, to the digits of `f32`.
#[test]
fn both_number_types_agree() {
    for (wide, narrow) in forms::<f64>().into_iter().zip(forms::<f32>()) {
        let (a, b) = (wide.layer.predict(&wide.inputs), narrow.layer.predict(&narrow.inputs));
        assert!(a.is_close(&b.cast(), 1e-5), "{}: {a:?} and {b:?}", wide.name);
    }
}

/// Steps in training mode move running statistics; after loading them, a layer predicts what the saved one does.
#[test]
fn state_is_saved_and_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("layer.safetensors");
    for (trained, fresh) in forms::<f64>().into_iter().zip(forms::<f64>()) {
        for _ in 0..3 {
            let tape = Tape::new();
            tape.train(1);
            trained.layer.forward(tape.constant(trained.inputs.clone()));
        }
        trained.layer.parameters().params().for_each(|param| {
            let moved = param.value() * 1.5 + 0.01;
            param.set(moved);
        });
        let expected: Tensor = trained.layer.predict(&trained.inputs);
        if trained.layer.state().is_empty() {
            continue;
        }
        io::save(&trained.layer.state(), &path).unwrap();
        io::load(&fresh.layer.state(), &path).unwrap();
        assert_eq!(fresh.layer.predict(&fresh.inputs), expected, "{}", trained.name);
    }
}
