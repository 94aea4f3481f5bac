//! [`StateDict`]: the names and the orientation that parameters have in PyTorch.

use std::collections::HashSet;
use std::iter;

use autograd::{Float, Param, Parameters, Shape, Tensor};

use crate::error::{Error, Result};
use crate::nn::module::Module;

/// Where the parameters and buffers of a module stand in PyTorch's `state_dict`: [`Module::state_dict`].
///
/// ```
/// use autograd::Param;
/// use mlp::io::torch::StateDict;
/// let (w, b): (Param, Param) = (Param::new([[1.0, 2.0]]), Param::new([0.0, 0.0]));
/// let dict = StateDict::new().transposed("weight", &w).with("bias", &b);
/// let model = StateDict::new().with_all("read", dict);
/// assert_eq!(model.names().collect::<Vec<_>>(), ["read.weight", "read.bias"]);
/// ```
#[derive(Debug, Clone)]
pub struct StateDict<T: Float = f64> {
    pub(crate) entries: Vec<Entry<T>>,
    names: HashSet<String>,
}

/// The sum of the tensors under `names` holds the values of `params`, one below another.
///
/// An entry without parameters is a name to pass over.
#[derive(Debug, Clone)]
pub(crate) struct Entry<T: Float> {
    pub(crate) names: Vec<String>,
    pub(crate) params: Vec<Param<T>>,
    form: Form,
}

/// How a parameter is stored.
#[derive(Debug, Clone)]
enum Form {
    AsItIs,
    /// As the transposed of a matrix.
    Transposed,
    /// The same numbers, in this shape.
    Shaped(Shape),
}

impl<T: Float> StateDict<T> {
    /// Creates an empty one.
    pub fn new() -> Self {
        StateDict { entries: Vec::new(), names: HashSet::new() }
    }

    /// Adds a parameter as it is; `None` adds nothing.
    ///
    /// # Panics
    /// If the name is taken.
    #[must_use]
    #[track_caller]
    pub fn with<'p>(self, name: impl Into<String>, param: impl Into<Option<&'p Param<T>>>) -> Self {
        match param.into() {
            Some(param) => self.entry([name.into()], [param], Form::AsItIs),
            None => self,
        }
    }

    /// Adds a matrix that is stored as the transposed of the parameter.
    ///
    /// # Panics
    /// If the name is taken.
    #[must_use]
    #[track_caller]
    pub fn transposed(self, name: impl Into<String>, param: &Param<T>) -> Self {
        self.entry([name.into()], [param], Form::Transposed)
    }

    /// Adds several parameters that are stored as one tensor, one below another; matrices transposed.
    #[track_caller]
    pub(crate) fn packed<'p>(
        self,
        name: &str,
        params: impl IntoIterator<Item = &'p Param<T>>,
        transposed: bool,
    ) -> Self {
        self.entry([name.to_string()], params, if transposed { Form::Transposed } else { Form::AsItIs })
    }

    /// Adds a parameter that is the sum of two stored tensors; it is written as the first, beside zeros.
    #[track_caller]
    pub(crate) fn sum(self, names: [String; 2], param: &Param<T>) -> Self {
        self.entry(names, [param], Form::AsItIs)
    }

    /// Adds a name that a file may have, which is passed over.
    #[track_caller]
    pub(crate) fn passed_over(self, name: &str) -> Self {
        self.entry([name.to_string()], [], Form::AsItIs)
    }

    /// Adds all of a part, with `prefix.` before its names.
    ///
    /// # Panics
    /// If a name is taken.
    #[must_use]
    #[track_caller]
    pub fn with_all(mut self, prefix: &str, part: StateDict<T>) -> Self {
        for mut entry in part.entries {
            for name in entry.names.iter_mut().filter(|_| !prefix.is_empty()) {
                *name = format!("{prefix}.{name}");
            }
            self.push(entry);
        }
        self
    }

    /// Adds all of a module, with `prefix.` before its names.
    ///
    /// ```
    /// use mlp::io::torch::StateDict;
    /// use mlp::{Init, Linear};
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let layer: Linear = Linear::new(2, 1, &Init::he_normal(), &mut StdRng::seed_from_u64(0))?;
    /// let dict = StateDict::new().with_part("read", &layer)?;
    /// assert_eq!(dict.names().collect::<Vec<_>>(), ["read.weight", "read.bias"]);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// If it has no counterpart in PyTorch; the error names `prefix`.
    ///
    /// # Panics
    /// If a name is taken.
    #[track_caller]
    pub fn with_part(self, prefix: &str, part: &(impl Module<T> + ?Sized)) -> Result<Self> {
        match part.state_dict() {
            Ok(dict) => Ok(self.with_all(prefix, dict)),
            Err(error) => Err(error.within(prefix)),
        }
    }

    /// Names weights as PyTorch does where it computes them anew (`torch.nn.utils.parametrize`): `weight` becomes
    /// `parametrizations.weight.` and `original`. Returns also the names before `original`, and which axis counts the outputs
    /// of how many, as they are stored.
    ///
    /// # Errors
    /// If the weights are no entry by themselves.
    pub(crate) fn parametrized(
        mut self,
        layer: &str,
        (weights, axis): (&Param<T>, usize),
        original: &str,
    ) -> Result<(Self, String, (usize, usize))> {
        let Some(entry) = self.entries.iter_mut().find(|entry| entry.params == [weights.clone()]) else {
            return refused(layer, "save the layer within, or the weights that it makes");
        };
        let rank = weights.shape().len();
        let axis = if let Form::Transposed = entry.form { rank - 1 - axis } else { axis };
        let (before, name) = entry.names[0].rsplit_once('.').unwrap_or(("", &entry.names[0]));
        let dot = if before.is_empty() { "" } else { "." };
        let place = format!("{before}{dot}parametrizations.{name}");
        entry.names = vec![format!("{place}.{original}")];
        self.names = self.entries.iter().flat_map(|entry| entry.names.iter().cloned()).collect();
        Ok((self, place, (axis, rank)))
    }

    /// Adds a vector that is stored along one of several axes, the others being of length 1.
    #[track_caller]
    pub(crate) fn along(self, name: String, vector: &Param<T>, (axis, rank): (usize, usize)) -> Self {
        let length = |i| if i == axis { vector.shape()[0] } else { 1 };
        self.entry([name], [vector], Form::Shaped((0..rank).map(length).collect()))
    }

    /// Modules at their positions, as `nn.Sequential` has them.
    pub(crate) fn sequence<'m>(modules: impl Iterator<Item = &'m (dyn Module<T> + 'm)>) -> Result<Self> {
        modules.enumerate().try_fold(StateDict::new(), |all, (i, module)| all.with_part(&i.to_string(), module))
    }

    /// The names, in order; those that are passed over are not among them.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let held = self.entries.iter().filter(|entry| !entry.params.is_empty());
        held.flat_map(|entry| entry.names.iter().map(String::as_str))
    }

    /// What is stored.
    pub(crate) fn tensors(&self) -> impl Iterator<Item = (String, Tensor<T>)> {
        self.entries.iter().filter(|entry| !entry.params.is_empty()).flat_map(|entry| {
            let whole = entry.stored();
            let zeros = (1..entry.names.len()).map(|_| Tensor::zeros(whole.shape().clone())).collect::<Vec<_>>();
            entry.names.iter().cloned().zip(iter::once(whole).chain(zeros))
        })
    }

    #[track_caller]
    fn entry<'p>(
        mut self,
        names: impl IntoIterator<Item = String>,
        params: impl IntoIterator<Item = &'p Param<T>>,
        form: Form,
    ) -> Self {
        let (names, params) = (names.into_iter().collect(), params.into_iter().cloned().collect());
        self.push(Entry { names, params, form });
        self
    }

    #[track_caller]
    fn push(&mut self, entry: Entry<T>) {
        for name in &entry.names {
            let free = self.names.insert(name.clone());
            assert!(free, "state_dict: the name `{name}` is taken; each tensor needs its own");
        }
        self.entries.push(entry);
    }
}

impl<T: Float> Default for StateDict<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// Names and shapes as they are.
impl<T: Float> From<&Parameters<T>> for StateDict<T> {
    fn from(parameters: &Parameters<T>) -> Self {
        parameters.iter().fold(StateDict::new(), |all, (name, param)| all.with(name, param))
    }
}

impl<T: Float> Entry<T> {
    /// The values of the parameters as they are stored.
    fn stored(&self) -> Tensor<T> {
        let stored = |param: &Param<T>| match &self.form {
            Form::AsItIs => param.value(),
            Form::Transposed => param.value().t(),
            Form::Shaped(shape) => param.value().reshape(shape.clone()),
        };
        let values: Vec<Tensor<T>> = self.params.iter().map(stored).collect();
        if values.len() == 1 { values[0].clone() } else { Tensor::concat(&values, 0) }
    }

    /// The shapes of the parameters as they are stored.
    fn shapes(&self) -> impl Iterator<Item = Shape> {
        self.params.iter().map(|param| match &self.form {
            Form::AsItIs => param.shape(),
            Form::Transposed => param.shape().iter().rev().copied().collect(),
            Form::Shaped(shape) => shape.clone(),
        })
    }

    /// The shape of each stored tensor.
    pub(crate) fn shape(&self) -> Shape {
        let mut shapes = self.shapes();
        let Some(first) = shapes.next() else { return Shape::from([0]) };
        match self.params.len() {
            1 => first,
            _ => {
                let rows = first[0] + shapes.map(|shape| shape[0]).sum::<usize>();
                iter::once(rows).chain(first[1..].iter().copied()).collect()
            }
        }
    }

    /// The parameters and their values, from stored tensors of the right shape.
    pub(crate) fn values(&self, stored: Vec<Tensor<T>>) -> impl Iterator<Item = (&Param<T>, Tensor<T>)> {
        let whole = stored.into_iter().reduce(|sum, part| sum + part);
        let parts = match (self.params.len(), whole) {
            (1, Some(whole)) => vec![whole],
            (_, Some(whole)) => whole.split(0, &self.shapes().map(|shape| shape[0]).collect::<Vec<_>>()),
            (_, None) => vec![],
        };
        let held = |param: &Param<T>, part: Tensor<T>| match &self.form {
            Form::AsItIs => part,
            Form::Transposed => part.t(),
            Form::Shaped(_) => part.reshape(param.shape()),
        };
        self.params.iter().zip(parts).map(move |(param, part)| (param, held(param, part)))
    }
}

/// The error of a layer whose tensors PyTorch has in another form.
pub(crate) fn refused<R>(layer: &str, repair: &str) -> Result<R> {
    Err(Error::config(layer, format!("its parameters have no place in a state_dict of PyTorch; {repair}")))
}
