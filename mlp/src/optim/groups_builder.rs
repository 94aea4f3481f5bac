//! [`GroupsBuilder`]: groups of parameters by their names and shapes.

use autograd::{Float, Param, Parameters};

use super::{Groups, Optimizer, distinct};
use crate::error::list;

/// Parameters that are given to groups by their names or shapes: see [`Groups::split`].
///
/// Each parameter goes to the first group that takes it, under its first name.
#[derive(Debug)]
#[must_use = "rest() makes the optimiser"]
pub struct GroupsBuilder<T: Float = f64> {
    groups: Groups<T>,
    left: Parameters<T>,
}

impl<T: Float> Groups<T> {
    /// Begins to split parameters into groups; [`GroupsBuilder::rest`] takes what is left, and ends it.
    ///
    /// Weight decay is for weights: on a bias or the gain of a norm it changes what the model can say, and prevents no
    /// large weight.
    ///
    /// ```
    /// use mlp::{Activation, Adam, Groups, Mlp, Module, Optimizer};
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let layers = Mlp::new(2).hidden(8, Activation::Relu).layer_norm().output(1, Activation::Identity);
    /// let model: Mlp = layers.build(&mut StdRng::seed_from_u64(0))?;
    /// let optimizer = Groups::split(&model.parameters())
    ///     .biases_and_norms(|part| Adam::new(part, 1e-3))
    ///     .group(&["layers.0.*"], |part| Adam::new(part, 1e-4).weight_decay(0.01))
    ///     .rest(|part| Adam::new(part, 1e-3).weight_decay(0.01));
    /// assert_eq!(optimizer.learning_rates(), [1e-3, 1e-4, 1e-3]);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn split(parameters: &Parameters<T>) -> GroupsBuilder<T> {
        GroupsBuilder { groups: Groups::new(), left: distinct(parameters) }
    }
}

impl<T: Float> GroupsBuilder<T> {
    /// A group of those whose name fits one of `patterns`, where `*` stands for any text: `"encoder.*"`, `"*.b"`.
    ///
    /// ```
    /// use autograd::{Param, Parameters};
    /// use mlp::{Groups, Sgd};
    /// let (w, b) = (Param::new([4.0]), Param::new([1.0]));
    /// let parameters = Parameters::new().with("layer.w", &w).with("layer.b", &b);
    /// let groups: Groups = Groups::split(&parameters)
    ///     .group(&["*.b"], |part| Sgd::new(part, 0.5))
    ///     .rest(|part| Sgd::new(part, 0.25).momentum(0.9));
    /// assert_eq!(groups.learning_rates(), [0.5, 0.25]);
    /// ```
    ///
    /// # Panics
    /// If no parameter that is left fits one of the patterns.
    #[track_caller]
    pub fn group<O: Optimizer<T> + 'static>(
        self,
        patterns: &[&str],
        optimizer: impl FnOnce(&Parameters<T>) -> O,
    ) -> Self {
        for pattern in patterns {
            let names: Vec<_> = self.left.names().map(String::from).collect();
            assert!(
                names.iter().any(|name| fits(pattern, name)),
                "groups: no parameter is called `{pattern}`; those that are left are {}",
                list(&names)
            );
        }
        self.take(|name, _| patterns.iter().any(|pattern| fits(pattern, name)), optimizer)
    }

    /// A group of those with fewer than two axes: biases, and the gains and shifts of norms.
    #[track_caller]
    pub fn biases_and_norms<O: Optimizer<T> + 'static>(self, optimizer: impl FnOnce(&Parameters<T>) -> O) -> Self {
        self.take(|_, param| param.shape().len() < 2, optimizer)
    }

    /// A group of those with two axes, for [`Muon`](crate::Muon).
    #[track_caller]
    pub fn matrices<O: Optimizer<T> + 'static>(self, optimizer: impl FnOnce(&Parameters<T>) -> O) -> Self {
        self.take(|_, param| param.shape().len() == 2, optimizer)
    }

    /// The groups, with a last one of all parameters that are left.
    #[must_use]
    #[track_caller]
    pub fn rest<O: Optimizer<T> + 'static>(self, optimizer: impl FnOnce(&Parameters<T>) -> O) -> Groups<T> {
        self.take(|_, _| true, optimizer).groups
    }

    #[track_caller]
    fn take<O: Optimizer<T> + 'static>(
        self,
        takes: impl Fn(&str, &Param<T>) -> bool,
        optimizer: impl FnOnce(&Parameters<T>) -> O,
    ) -> Self {
        let [mut taken, mut left] = [Parameters::new(), Parameters::new()];
        for (name, param) in self.left.iter() {
            let part = if takes(name, param) { &mut taken } else { &mut left };
            *part = std::mem::take(part).with(name, param);
        }
        GroupsBuilder { groups: self.groups.with(optimizer(&taken)), left }
    }
}

/// Whether a name fits a pattern, in which `*` stands for any text.
pub(crate) fn fits(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(first) else { return false };
    let (between, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in between.split('*') {
        // The earliest place leaves the most for those that follow.
        let Some(at) = name.find(part) else { return false };
        name = &name[at + part.len()..];
    }
    name.ends_with(last)
}
