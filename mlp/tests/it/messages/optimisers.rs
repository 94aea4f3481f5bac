//! Settings of optimisers, schedules and averages.

use autograd::{Float, Param, Parameters, Tape};
use mlp::{
    Adadelta, Adafactor, Adagrad, Adamax, Average, Groups, Lamb, Lbfgs, LevenbergMarquardt, Lion, Muon, NAdam,
    Optimizer, Plateau, RAdam, RmsProp, Schedule, ScheduleFree, Sgd,
};

use super::check;

fn one<T: Float>() -> Parameters<T> {
    Parameters::new().with("w", &Param::new([T::one()]))
}

#[test]
fn settings_of_optimisers() {
    let (wide, narrow) = (one::<f64>(), one::<f32>());
    check(vec![
        panics!(Lamb::new(&wide, -0.1), "optimizer: the learning rate -0.1 is not a finite number ≥ 0 in f64"),
        panics!(
            Muon::<f32>::new(&Parameters::new(), 1e60),
            "optimizer: the learning rate 1e60 is not a finite number ≥ 0 in f32"
        ),
        panics!(
            Muon::new(&wide, 0.1),
            "muon: `w` has shape (1,), and only matrices have singular values; give it the matrices of Groups::split"
        ),
        panics!(NAdam::new(&wide, 0.1).betas(1.0, 0.9), "nadam: betas 1 and 0.9 must lie in [0, 1) in f64"),
        panics!(RAdam::new(&wide, 0.1).betas(0.9, 1.0), "radam: betas 0.9 and 1 must lie in [0, 1) in f64"),
        panics!(Adamax::new(&wide, 0.1).betas(-0.9, 0.0), "adamax: betas -0.9 and 0 must lie in [0, 1) in f64"),
        panics!(Lion::new(&wide, 0.1).betas(f64::NAN, 0.0), "lion: betas NaN and 0 must lie in [0, 1) in f64"),
        panics!(Lamb::new(&wide, 0.1).betas(2.0, 0.0), "lamb: betas 2 and 0 must lie in [0, 1) in f64"),
        panics!(
            ScheduleFree::new(&wide, 0.1).betas(2.0, 0.0),
            "schedule_free: betas 2 and 0 must lie in [0, 1) in f64"
        ),
        panics!(NAdam::new(&narrow, 0.1).eps(1e-60), "nadam: eps 1e-60 must be above 0, as f32 too, and finite"),
        panics!(RAdam::new(&wide, 0.1).eps(0.0), "radam: eps 0 must be above 0, as f64 too, and finite"),
        panics!(RmsProp::new(&wide, 0.1).eps(0.0), "rms_prop: eps 0 must be above 0, as f64 too, and finite"),
        panics!(Adagrad::new(&wide, 0.1).eps(0.0), "adagrad: eps 0 must be above 0, as f64 too, and finite"),
        panics!(Adadelta::new(&wide, 0.1).eps(0.0), "adadelta: eps 0 must be above 0, as f64 too, and finite"),
        panics!(Adamax::new(&wide, 0.1).eps(0.0), "adamax: eps 0 must be above 0, as f64 too, and finite"),
        panics!(Lamb::new(&wide, 0.1).eps(0.0), "lamb: eps 0 must be above 0, as f64 too, and finite"),
        panics!(Adafactor::new(&wide, 0.1).eps(1.0, 0.0), "adafactor: eps 0 must be above 0, as f64 too, and finite"),
        panics!(
            NAdam::new(&wide, 0.1).weight_decay(-1.0),
            "nadam: the weight decay -1 is not a finite number ≥ 0 in f64"
        ),
        panics!(
            RmsProp::new(&wide, 0.1).weight_decay(-1.0),
            "rms_prop: the weight decay -1 is not a finite number ≥ 0 in f64"
        ),
        panics!(
            Lamb::new(&wide, 0.1).weight_decay(-1.0),
            "lamb: the weight decay -1 is not a finite number ≥ 0 in f64"
        ),
        panics!(RmsProp::new(&wide, 0.1).momentum(1.0), "rms_prop: the momentum 1 lies outside [0, 1) in f64"),
        panics!(RmsProp::new(&wide, 0.1).smoothing(1.0), "rms_prop: the smoothing 1 lies outside [0, 1) in f64"),
        panics!(Adadelta::new(&wide, 0.1).smoothing(-0.1), "adadelta: the smoothing -0.1 lies outside [0, 1) in f64"),
        panics!(
            Muon::new(&Parameters::<f64>::new(), 0.1).momentum(1.0),
            "muon: the momentum 1 lies outside [0, 1) in f64"
        ),
        panics!(
            NAdam::new(&wide, 0.1).momentum_growth(-1.0),
            "nadam: a growth -1 of the momentum is not a finite number ≥ 0"
        ),
        panics!(
            Adagrad::new(&wide, 0.1).rate_decay(f64::NAN),
            "adagrad: a decay NaN of the learning rate is not a finite number ≥ 0"
        ),
        panics!(
            Adafactor::new(&wide, 0.1).forgetting(0.0),
            "adafactor: an exponent 0 of forgetting is not a finite number below 0"
        ),
        panics!(Adafactor::new(&wide, 0.1).clip(0.0), "adafactor: steps clipped at 0 need a finite number above 0"),
        panics!(Average::exponential(&wide, 1.0), "average: the decay 1 lies outside [0, 1) in f64"),
        panics!(
            Groups::split(&wide).group(&["b*"], |part| Sgd::new(part, 0.1)),
            "groups: no parameter is called `b*`; those that are left are `w`"
        ),
        panics!(
            {
                let w = Param::new([1.0]);
                let mut optimizer = ScheduleFree::new(&Parameters::new().with("w", &w), 0.1);
                optimizer.evaluate();
                optimizer.step(&w.on(&Tape::new()).sum().backward())
            },
            "schedule_free: the parameters are at the average, where no step begins; call train() before"
        ),
    ]);
}

#[test]
fn settings_of_methods_that_evaluate_several_times() {
    let (wide, narrow) = (one::<f64>(), one::<f32>());
    check(vec![
        panics!(Lbfgs::new(&wide).history(0), "lbfgs: a history of 0 pairs is plain descent; it needs at least 1"),
        panics!(Lbfgs::new(&wide).first_length(0.0), "lbfgs: a first length of 0 is not a finite number above 0"),
        panics!(Lbfgs::new(&wide).tolerance(-1.0), "lbfgs: a tolerance of -1 is not a finite number ≥ 0"),
        panics!(
            LevenbergMarquardt::new(&narrow).damping(1e-60),
            "levenberg_marquardt: a damping of 1e-60 is not a finite number above 0 in f32"
        ),
        panics!(
            LevenbergMarquardt::new(&wide).tolerance(f64::INFINITY),
            "levenberg_marquardt: a tolerance of inf is not a finite number ≥ 0"
        ),
    ]);
}

#[test]
fn settings_of_schedules() {
    check(vec![
        panics!(Schedule::constant(-1.0), "schedule: the learning rate -1 is not a finite number ≥ 0"),
        panics!(Schedule::linear(0.0, f64::NAN, 9), "schedule: the learning rate NaN is not a finite number ≥ 0"),
        panics!(Schedule::steps(1.0, 0, 0.1), "schedule: `every` is 0; it must be at least 1"),
        panics!(Schedule::cosine_restarts(1.0, 0.0, 1, 0), "schedule: `growth` is 0; it must be at least 1"),
        panics!(
            Schedule::exponential(1.0, -0.5),
            "schedule: the factor, power or share -0.5 is not a finite number above 0"
        ),
        panics!(Schedule::milestones(1.0, [2, 1], 0.1), "schedule: the milestones [2, 1] are not in order"),
        panics!(
            Schedule::one_cycle(1.0, 10, 1.5),
            "schedule: a rise over the share 1.5 leaves nothing to fall; it must be below 1"
        ),
        panics!(
            Schedule::constant(1.0).then(0, Schedule::constant(2.0)),
            "schedule: `until` is 0; it must be at least 1"
        ),
        panics!(Schedule::constant(1.0).warm_up(0), "schedule: `over` is 0; it must be at least 1"),
        panics!(Plateau::new(f64::INFINITY), "plateau: the learning rate inf is not a finite number ≥ 0"),
        panics!(Plateau::new(1.0).factor(1.0), "plateau: the factor 1 lowers no rate; it must lie in (0, 1)"),
        panics!(Plateau::new(1.0).threshold(-1.0), "plateau: the threshold -1 is not a finite number ≥ 0"),
        panics!(Plateau::new(1.0).least(-1.0), "plateau: the least learning rate -1 is not a finite number ≥ 0"),
    ]);
}
