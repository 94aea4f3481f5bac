//! [`Task`]: a batch and a loss, under which models are measured; [`Model`]: one of them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use autograd::{Float, Scalar, Tape, Tensor, Var};
use rand::Rng;

use super::data;
use super::finding::{Cause, Finding};
use super::survey::{Survey, reads_classes, spread};
use crate::error::{Error, Result};
use crate::loss::{Loss, Outputs};
use crate::nn::probe::Probe;
use crate::{Config, Dataset, Module, Network, Registry, Scaler};

/// The loss of the outputs of a network, by their names.
pub(super) type NamedLoss<'a, T> = dyn for<'t> Fn(&BTreeMap<&str, Var<'t, T>>) -> Result<Scalar<'t, T>> + 'a;

/// A batch and a loss.
#[derive(Clone)]
pub(super) enum Task<'a, T: Float> {
    /// For a model of one input and one output.
    One { data: Cow<'a, Dataset<T>>, loss: &'a dyn Loss<T> },
    /// For a network of named inputs and outputs.
    Several { inputs: Vec<(&'a str, Tensor<T>)>, loss: &'a NamedLoss<'a, T> },
}

/// A model that is measured.
#[derive(Clone, Copy)]
pub(super) enum Model<'m, T: Float> {
    One(&'m dyn Module<T>),
    Several(&'m Network<T>),
}

/// A copy of a model.
pub(super) enum Built<T: Float> {
    One(Box<dyn Module<T>>),
    Several(Network<T>),
}

impl<'m, T: Float> Model<'m, T> {
    pub(super) fn module(self) -> &'m dyn Module<T> {
        match self {
            Model::One(module) => module,
            Model::Several(network) => network,
        }
    }
}

impl<T: Float> Built<T> {
    pub(super) fn model(&self) -> Model<'_, T> {
        match self {
            Built::One(module) => Model::One(&**module),
            Built::Several(network) => Model::Several(network),
        }
    }

    pub(super) fn into_module(self) -> Box<dyn Module<T>> {
        match self {
            Built::One(module) => module,
            Built::Several(network) => Box::new(network),
        }
    }
}

impl<'a, T: Float> Task<'a, T> {
    /// The number of samples.
    pub(super) fn samples(&self) -> usize {
        match self {
            Task::One { data, .. } => data.len(),
            Task::Several { inputs, .. } => inputs.first().and_then(|(_, x)| x.shape().first().copied()).unwrap_or(0),
        }
    }

    /// The inputs; of a network, with their names.
    pub(super) fn inputs(&self) -> Vec<(Option<&'a str>, &Tensor<T>)> {
        match self {
            Task::One { data, .. } => vec![(None, data.inputs())],
            Task::Several { inputs, .. } => inputs.iter().map(|(name, x)| (Some(*name), x)).collect(),
        }
    }

    /// The mean loss of the batch.
    pub(super) fn loss<'t>(
        &self,
        model: Model<'_, T>,
        tape: &'t Tape<T>,
        probe: &mut Probe<'_>,
    ) -> Result<Scalar<'t, T>> {
        match (self, model) {
            (Task::One { data, loss }, model) => {
                loss.mean(model.module().forward_with(tape.var(data.inputs()), probe), data.targets())
            }
            (Task::Several { inputs, loss }, Model::Several(network)) => {
                let inputs: Vec<_> = inputs.iter().map(|(name, x)| (*name, tape.var(x))).collect();
                loss(&network.forward_all_with(&inputs, probe))
            }
            (Task::Several { .. }, Model::One(_)) => unreachable!("copies of a network are networks"),
        }
    }

    /// A model of this architecture.
    pub(super) fn build(&self, registry: &Registry<T>, config: &Config, rng: &mut impl Rng) -> Result<Built<T>> {
        match self {
            Task::One { .. } => registry.build(config, rng).map(Built::One),
            Task::Several { .. } => registry.build_as(config, rng).map(Built::Several),
        }
    }

    /// What the loss says of outputs and targets that do not fit.
    pub(super) fn refused(&self, model: Model<'_, T>) -> Option<Finding> {
        let Task::One { data, loss } = self else { return None };
        let first = model.module().predict(data.inputs());
        let activation = model.module().output_activation();
        let outputs = Outputs { shape: first.shape().clone(), first: &first, activation };
        let error = loss.check(&outputs, data.targets()).err()?;
        Some(Finding::new(Cause::Targets, f64::NAN, error.to_string()))
    }

    /// The root mean square of targets that are values, and `None` for classes; for a network, whose loss keeps its targets
    /// to itself, `None` of both.
    pub(super) fn targets(&self) -> Option<Option<f64>> {
        match self {
            Task::One { data, .. } => Some(data::size(data.targets())),
            Task::Several { .. } => None,
        }
    }

    /// The inputs that are far from size 1 or mean 0, each with its name.
    pub(super) fn odd_inputs(&self, survey: &Survey, model: Model<'_, T>) -> Vec<(Option<&'a str>, Finding)> {
        // Indices of an embedding are no sizes.
        let flow = survey.flow();
        let indices = |name: Option<&str>| match (name, model) {
            (Some(input), Model::Several(network)) => network.readers(input).any(|part| {
                let mut rows = flow.layers.iter().filter(|row| super::finding::part(&row.name) == part);
                rows.next().is_some_and(|row| row.kind.starts_with("embedding"))
            }),
            _ => reads_classes(flow),
        };
        let sizes = self.inputs().into_iter().filter(|(name, _)| !indices(*name));
        sizes.filter_map(|(name, x)| Some((name, data::inputs(name, x)?))).collect()
    }

    /// The spread of the inputs; of several, the least.
    pub(super) fn spread(&self) -> Option<f64> {
        self.inputs().into_iter().filter_map(|(_, x)| spread(&x.cast())).reduce(f64::min)
    }

    /// Mean 0 and deviation 1 for each column of these inputs that are tables.
    pub(super) fn scalers(&self, of: &[Option<&str>]) -> Vec<(Option<String>, Scaler)> {
        let inputs = self.inputs().into_iter().filter(|(name, _)| of.contains(name));
        inputs.filter_map(|(name, x)| Some((name.map(String::from), Scaler::standard(x).ok()?))).collect()
    }

    /// The batch with scaled inputs.
    pub(super) fn scaled(&self, scalers: &[(Option<String>, Scaler)]) -> Result<Task<'a, T>> {
        let scaled = |name: Option<&str>, x: &Tensor<T>| match scalers.iter().find(|(of, _)| of.as_deref() == name) {
            Some((_, scaler)) => scaler.transform(x),
            None => Ok(x.clone()),
        };
        Ok(match self {
            Task::One { data, loss } => {
                let data = Dataset::new(scaled(None, data.inputs())?, data.targets().clone())?;
                Task::One { data: Cow::Owned(data), loss: *loss }
            }
            Task::Several { inputs, loss } => {
                let inputs = inputs.iter().map(|(name, x)| Ok::<_, Error>((*name, scaled(Some(name), x)?)));
                Task::Several { inputs: inputs.collect::<Result<_>>()?, loss: *loss }
            }
        })
    }
}
