//! Groups of parameters: their steps and states, and which parameters are in them.

use autograd::{Param, Parameters, Tape, Tensor};
use mlp::{Adam, Groups, Optimizer, Sgd};

#[test]
fn groups_step_each_parameter_as_its_own_optimiser_does() {
    let params = || [Param::new([1.0, -2.0]), Param::new([0.5])];
    let step = |params: &[Param; 2], optimizers: &mut [&mut dyn Optimizer]| {
        let tape = Tape::new();
        let loss = (params[0].on(&tape).square().sum() * params[1].on(&tape).item()).square();
        let grads = loss.backward();
        optimizers.iter_mut().for_each(|optimizer| optimizer.step(&grads));
    };
    let of = |param: &Param| Parameters::new().with("w", param);
    let (alone, together) = (params(), params());
    let mut adam = Adam::new(&of(&alone[0]), 0.1);
    let mut sgd = Sgd::new(&of(&alone[1]), 0.01).momentum(0.9);
    let make = |params: &[Param; 2]| -> Groups {
        Groups::new().with(Adam::new(&of(&params[0]), 0.1)).with(Sgd::new(&of(&params[1]), 0.01).momentum(0.9))
    };
    let mut groups = make(&together);
    for _ in 0..3 {
        step(&alone, &mut [&mut adam, &mut sgd]);
        step(&together, &mut [&mut groups]);
    }
    let values = |params: &[Param; 2]| params.each_ref().map(Param::value);
    assert_eq!(values(&together), values(&alone));
    assert_eq!(groups.parameters().unwrap().names().collect::<Vec<_>>(), ["w", "1.w"]);

    // Taken up again from its state, it goes on alike; a state that does not fit changes nothing.
    let copy = params();
    copy.iter().zip(values(&together)).for_each(|(param, value)| param.set(value));
    let mut again = make(&copy);
    again.set_state(&groups.state()).unwrap();
    let mut broken = groups.state();
    broken.swap_remove("1.w.velocity");
    assert!(again.set_state(&broken).unwrap_err().to_string().contains("no `w.velocity`"));
    broken.insert("7.w.velocity".into(), Tensor::zeros([1]));
    assert!(again.set_state(&broken).unwrap_err().to_string().contains("belongs to none of 2 groups"));
    step(&together, &mut [&mut groups]);
    step(&copy, &mut [&mut again]);
    assert_eq!(values(&copy), values(&together));
}

#[test]
#[should_panic(expected = "groups: `again` belongs to an earlier group; a parameter can be in one group only")]
fn a_parameter_in_two_groups_is_refused() {
    let w = Param::new([1.0]);
    let first: Groups = Groups::new().with(Sgd::new(&Parameters::new().with("w", &w), 0.1));
    let _ = first.with(Sgd::new(&Parameters::new().with("again", &w), 0.1));
}

#[test]
fn a_split_gives_each_parameter_to_the_first_group_that_takes_it() {
    let of = |shape: &[usize]| Param::new(Tensor::<f64>::zeros(shape));
    let parameters = [
        ("encoder.0.w", of(&[2, 3])),
        ("encoder.0.b", of(&[3])),
        ("encoder.1.w", of(&[3, 3])),
        ("head.w", of(&[3, 1])),
        ("head.kernel", of(&[2, 2, 2])),
    ];
    let parameters = parameters.iter().fold(Parameters::new(), |all, (name, param)| all.with(*name, param));
    let parameters = parameters.clone().with("tied", parameters.get("head.w").unwrap());
    let groups = |patterns: &[&str]| {
        let sgd = |rate: f64| move |part: &Parameters| Sgd::new(part, rate).momentum(0.5);
        let groups = Groups::split(&parameters).group(patterns, sgd(1.0)).biases_and_norms(sgd(2.0));
        groups.matrices(sgd(3.0)).rest(sgd(4.0)).state().into_keys().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        groups(&["*.1.*"]),
        "0.encoder.1.w.velocity 1.encoder.0.b.velocity 2.encoder.0.w.velocity 2.head.w.velocity 3.head.kernel.velocity"
    );
    assert_eq!(
        groups(&["en*der*w", "head.w"]),
        "0.encoder.0.w.velocity 0.encoder.1.w.velocity 0.head.w.velocity 1.encoder.0.b.velocity 3.head.kernel.velocity"
    );
    assert!(groups(&["*"]).split(' ').all(|name| name.starts_with("0.")));
}

#[test]
#[should_panic(expected = "groups: no parameter is called `*.bias`; those that are left are `layer.w`, `layer.b`")]
fn a_pattern_that_no_name_fits_is_refused() {
    let parameters = Parameters::new().with("layer.w", &Param::new([1.0])).with("layer.b", &Param::new([1.0]));
    let _ = Groups::split(&parameters).group(&["*.w", "*.bias"], |part| Sgd::new(part, 0.1));
}
