//! Any bytes as a state dict of PyTorch: loaded as asked for, or refused with an error and nothing changed; never a panic.

#![no_main]

use autograd::{Param, Tensor};
use libfuzzer_sys::fuzz_target;
use mlp::io::Loading;
use mlp::{BatchNorm, Gru, Init, LayerNorm, Linear, Module, MultiHeadAttention, Sequential};
use mlp_fuzz::{file, tensors, told, values};
use rand::{SeedableRng, rngs::StdRng};

thread_local! {
    /// Built once: to build it anew would take most of the time.
    static MODEL: Sequential<f32> = {
        let rng = &mut StdRng::seed_from_u64(0);
        let linear = Linear::new(2, 2, &Init::he_normal(), rng).expect("a layer");
        let heads = MultiHeadAttention::new(2, 1, rng).expect("a layer");
        let gru = Gru::new(2, 1, rng).expect("a layer");
        let norms = (LayerNorm::new(2).expect("a layer"), BatchNorm::new(2).expect("a layer"));
        Sequential::new().then(linear).then(norms.0).then(norms.1).then(heads).then(gru)
    };
}

fuzz_target!(|data: &[u8]| {
    let Some((how, data)) = data.split_first() else { return };
    let path = file(".safetensors", &tensors(data));
    MODEL.with(|model| {
        let all = || model.state().params().cloned().collect::<Vec<Param<f32>>>();
        let before: Vec<Tensor<f32>> = values(all().iter());
        let loading = if how & 1 == 0 { Loading::new() } else { Loading::new().cast() };
        let loading = if how & 2 == 0 { loading } else { loading.partial() };
        let loading = if how & 4 == 0 { loading } else { loading.prefix("model.") };
        let loading = if how & 8 == 0 { loading } else { loading.names(|name| Some(name.replace("other", "0"))) };
        match told(loading.load_torch(model, path)) {
            None => assert!(values(all().iter()) == before, "changed, though it was refused"),
            Some(loaded) => {
                assert!(how & 2 != 0 || loaded.is_complete(), "not whole: {loaded}");
                all().iter().zip(before).for_each(|(param, value)| param.set(value));
            }
        }
    });
});
