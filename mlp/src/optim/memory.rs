//! [`Memory`]: the parameters of an optimiser, and what it keeps for each of them between steps.
//!
//! An optimiser with a formula for each number is a struct with a memory and its settings, and a
//! [`step`](super::Optimizer::step) that hands its formula to [`Memory::each`]; [`remembers`] is the rest.

use autograd::{Float, Gradients, Param, Parameters, Shape, Tensor};
use indexmap::IndexMap;

use super::settings::check_rate;
use crate::Error;
use crate::error::shown;

/// What an array of the state is: its name, and a rule for its numbers, which are finite in any case.
#[derive(Debug, Clone, Copy)]
pub(super) struct Role {
    pub(super) name: &'static str,
    /// Which numbers there are, and what others are not.
    pub(super) rule: Option<Rule>,
}

pub(super) type Rule = (fn(f64) -> bool, &'static str);

impl Role {
    /// An array of any finite numbers.
    pub(super) const fn any(name: &'static str) -> Self {
        Role { name, rule: None }
    }

    /// An array without negative numbers; `what` completes "which is no …".
    pub(super) const fn positive(name: &'static str, what: &'static str) -> Self {
        Role { name, rule: Some((|x| x >= 0.0, what)) }
    }

    /// 0 or 1.
    pub(super) const fn flag(name: &'static str) -> Self {
        Role { name, rule: Some((|x| x == 0.0 || x == 1.0, "flag: it must be 0 or 1")) }
    }
}

/// The mean of gradients.
pub(super) const MEAN: Role = Role::any("mean");
/// The mean of their squares.
pub(super) const SQUARE: Role = Role::positive("square", "mean of squares");
const STEPS: &str = "steps";

/// The parameters of an optimiser, its learning rate, and what it keeps for each parameter.
#[derive(Debug)]
pub(super) struct Memory<T: Float> {
    pub(super) rate: f64,
    /// Whether the formula depends on the number of steps, which is then part of the state.
    counts: bool,
    pub(super) slots: Vec<Slot<T>>,
}

/// What an optimiser keeps for a parameter.
#[derive(Debug)]
pub(super) struct Slot<T: Float> {
    name: String,
    pub(super) param: Param<T>,
    roles: Vec<Role>,
    /// One array for each role.
    pub(super) arrays: Vec<Tensor<T>>,
    /// The steps of this parameter: a parameter that joins later has its own bias correction.
    pub(super) steps: i32,
}

impl<T: Float> Slot<T> {
    /// The number of the next step, from 1.
    pub(super) fn next(&self) -> i32 {
        self.steps.saturating_add(1)
    }

    /// The parameter and its arrays.
    pub(super) fn parts<const N: usize>(&mut self) -> (&Param<T>, &mut [Tensor<T>; N]) {
        (&self.param, self.arrays.as_mut_slice().try_into().expect("an array for each role"))
    }
}

impl<T: Float> Memory<T> {
    /// Each parameter once, under its first name: one that is shared under two names must not be updated twice.
    #[track_caller]
    pub(super) fn new(parameters: &Parameters<T>, rate: f64) -> Self {
        check_rate::<T>(rate);
        let slot = |(name, param): (&str, &Param<T>)| Slot {
            name: name.to_string(),
            param: param.clone(),
            roles: vec![],
            arrays: vec![],
            steps: 0,
        };
        Memory { rate, counts: false, slots: parameters.distinct().map(slot).collect() }
    }

    /// Counts the steps of each parameter in the state.
    pub(super) fn counting(self) -> Self {
        Memory { counts: true, ..self }
    }

    /// Keeps arrays of the parameters' shapes, at first 0, instead of those before.
    pub(super) fn keeping(self, roles: &[Role]) -> Self {
        self.keeping_each(|param| roles.iter().map(|&role| (role, Tensor::zeros(param.shape()))).collect())
    }

    /// Keeps the arrays that `f` makes for each parameter, instead of those before.
    pub(super) fn keeping_each(mut self, f: impl Fn(&Param<T>) -> Vec<(Role, Tensor<T>)>) -> Self {
        for slot in &mut self.slots {
            (slot.roles, slot.arrays) = f(&slot.param).into_iter().unzip();
        }
        self
    }

    /// Updates each number of each parameter that has a gradient, with the formula for the number of its step, from 1.
    ///
    /// The formula takes the first `N` arrays.
    pub(super) fn each<const N: usize, F>(&mut self, grads: &Gradients<'_, T>, formula: impl Fn(i32) -> F)
    where
        F: Fn(&mut T, T, [&mut T; N]) + Sync,
    {
        for slot in &mut self.slots {
            let step = slot.next();
            let (param, arrays) = slot.parts::<N>();
            if grads.update_each(param, arrays.each_mut().map(Tensor::as_mut_slice), formula(step)) {
                slot.steps = step;
            }
        }
    }

    #[track_caller]
    pub(super) fn set_rate(&mut self, rate: f64) {
        check_rate::<T>(rate);
        self.rate = rate;
    }

    pub(super) fn parameters(&self) -> Parameters<T> {
        self.slots.iter().fold(Parameters::new(), |all, slot| all.with(&slot.name, &slot.param))
    }

    pub(super) fn state(&self) -> IndexMap<String, Tensor<T>> {
        let mut state = IndexMap::new();
        for Slot { name, roles, arrays, steps, .. } in &self.slots {
            state.extend(roles.iter().zip(arrays).map(|(role, array)| (key(name, role.name), array.clone())));
            if self.counts {
                state.insert(key(name, STEPS), Tensor::from(T::from_f64((*steps).into())));
            }
        }
        state
    }

    /// `owner` is the one whose state does not fit.
    pub(super) fn set_state(&mut self, owner: &'static str, state: &IndexMap<String, Tensor<T>>) -> Result<(), Error> {
        let mut state = State::new(owner, state);
        let counts = self.counts;
        let read = |slot: &Slot<T>| {
            let Slot { name, roles, arrays, steps, .. } = slot;
            let array = |(&role, array): (&Role, &Tensor<T>)| state.read(name, role, array.shape()).cloned();
            let arrays = roles.iter().zip(arrays).map(array).collect::<Result<Vec<_>, _>>()?;
            Ok((arrays, if counts { state.count(name, STEPS)? } else { *steps }))
        };
        let found: Vec<_> = self.slots.iter().map(read).collect::<Result<_, Error>>()?;
        state.end()?;
        for (slot, (arrays, steps)) in self.slots.iter_mut().zip(found) {
            (slot.arrays, slot.steps) = (arrays, steps);
        }
        Ok(())
    }
}

/// A reader of a state; at the end, an unread tensor is an error.
pub(super) struct State<'s, T: Float> {
    owner: &'static str,
    arrays: &'s IndexMap<String, Tensor<T>>,
    read: usize,
}

impl<'s, T: Float> State<'s, T> {
    pub(super) fn new(owner: &'static str, arrays: &'s IndexMap<String, Tensor<T>>) -> Self {
        State { owner, arrays, read: 0 }
    }

    fn misfit<R>(&self, why: String) -> Result<R, Error> {
        Err(misfit(self.owner, why))
    }

    /// Reads a tensor of a parameter.
    pub(super) fn read(&mut self, param: &str, role: Role, shape: &Shape) -> Result<&'s Tensor<T>, Error> {
        self.named(&key(param, role.name), role, shape)
    }

    /// Reads a tensor by its whole name.
    pub(super) fn named(&mut self, name: &str, role: Role, shape: &Shape) -> Result<&'s Tensor<T>, Error> {
        self.fitting(name, role, |found| found == shape, || shape.to_string())
    }

    /// Reads up to `most` rows of `width` numbers.
    pub(super) fn rows(&mut self, name: &str, width: usize, most: usize) -> Result<&'s Tensor<T>, Error> {
        let fits = |found: &Shape| found.len() == 2 && found[0] <= most && found[1] == width;
        self.fitting(name, Role::any(""), fits, || format!("(rows, {width}) with at most {most} rows"))
    }

    fn fitting(
        &mut self,
        name: &str,
        role: Role,
        fits: impl Fn(&Shape) -> bool,
        needed: impl Fn() -> String,
    ) -> Result<&'s Tensor<T>, Error> {
        let Some(array) = self.arrays.get(name) else { return self.misfit(format!("the state has no `{name}`")) };
        if !fits(array.shape()) {
            let (found, needed) = (array.shape(), needed());
            return self.misfit(format!("`{name}` has shape {found} in the state, {needed} is needed"));
        }
        self.read += 1;
        if let Some(x) = array.as_slice().iter().find(|x| !x.is_finite()) {
            return self.misfit(format!("`{name}` holds {x} in the state, which is not finite"));
        }
        if let Some((holds, what)) = role.rule
            && let Some(x) = array.as_slice().iter().find(|x| !holds(x.to_f64()))
        {
            return self.misfit(format!("`{name}` holds {} in the state, which is no {what}", shown(x)));
        }
        Ok(array)
    }

    /// Reads a number of steps. One beyond the precision of `f32` or the range of `i32` is so large that every bias
    /// correction is 1.
    pub(super) fn count(&mut self, param: &str, what: &'static str) -> Result<i32, Error> {
        let count = self.read(param, Role::any(what), &Shape::default())?.item().to_f64();
        if count < 0.0 || count.fract() != 0.0 {
            let (name, count) = (key(param, what), shown(count));
            return self.misfit(format!("`{name}` is {count} in the state, no number of steps"));
        }
        Ok(count as i32)
    }

    /// `Ok` if every tensor has been read.
    pub(super) fn end(self) -> Result<(), Error> {
        let (read, found) = (self.read, self.arrays.len());
        if read == found {
            return Ok(());
        }
        self.misfit(format!("the state has {found} arrays, of which it knows {read}"))
    }
}

/// The name of a parameter's tensor in a state.
pub(super) fn key(param: &str, what: &str) -> String {
    format!("{param}.{what}")
}

pub(super) fn misfit(owner: &'static str, why: String) -> Error {
    Error::invalid(owner, format!("{why}; give it the state of one made alike"))
}

/// The methods of [`Optimizer`](super::Optimizer) other than `step`, for a struct with a field `memory`.
macro_rules! remembers {
    () => {
        fn learning_rate(&self) -> f64 {
            self.memory.rate
        }

        #[track_caller]
        fn set_learning_rate(&mut self, rate: f64) {
            self.memory.set_rate(rate);
        }

        fn parameters(&self) -> Option<Parameters<T>> {
            Some(self.memory.parameters())
        }

        fn state(&self) -> IndexMap<String, Tensor<T>> {
            self.memory.state()
        }

        fn set_state(&mut self, state: &IndexMap<String, Tensor<T>>) -> Result<(), Error> {
            self.memory.set_state("optimizer", state)
        }
    };
}
pub(super) use remembers;
