//! [`Network`]: named parts that read each other, with several inputs and outputs.

mod builder;
mod data;
mod join;
mod shapes;

use std::collections::BTreeMap;
use std::fmt;

use autograd::{Float, Parameters, Shape, Tape, Tensor, Var};

use crate::error::{Error, list, or_panic};
use crate::nn::activation::Activation;
use crate::nn::config::Config;
use crate::nn::module::{LayerRow, Module, summary, table};
use crate::nn::probe::Probe;
use crate::nn::state_dict::StateDict;

pub use builder::NetworkBuilder;
pub(crate) use data::Part;
pub use join::Join;

/// Named parts, each of which reads inputs or parts before it: a graph without cycles, with any number of inputs and outputs.
///
/// Parameters and buffers have the names of their parts before them. With one input and one output it is a [`Module`] like others, for a
/// [`Trainer`](crate::Trainer) too; with more, [`forward_all`](Network::forward_all) takes and returns values by name.
///
/// ```
/// use autograd::{Conv, Tape, Tensor};
/// use mlp::{Activation, Conv2d, Flatten, Init, Join, Linear, Module, Network};
/// use rand::{SeedableRng, rngs::StdRng};
/// let (rng, init) = (&mut StdRng::seed_from_u64(0), Init::glorot_uniform());
/// let network: Network = Network::new(["picture", "numbers"])
///     .part("seen", "picture", Conv2d::new(1, 2, 3, Conv::new().padding(1), &init, rng)?)
///     .part("flat", "seen", Flatten)
///     .join("all", Join::Concat(1), ["flat", "numbers"])
///     .part("class", "all", Linear::new(2 * 4 * 4 + 3, 5, &init, rng)?)
///     .part("price", "all", Linear::new(2 * 4 * 4 + 3, 1, &init, rng)?)
///     .outputs(["class", "price"])?;
/// let tape = Tape::new();
/// let (picture, numbers) = (tape.constant(Tensor::ones([7, 1, 4, 4])), tape.constant(Tensor::ones([7, 3])));
/// let y = network.forward_all(&[("picture", picture), ("numbers", numbers)]);
/// assert_eq!((y["class"].shape(), y["price"].shape()), ([7, 5].into(), [7, 1].into()));
/// assert!(network.parameters().names().any(|name| name == "class.w"));
/// assert_eq!(network.summary_all(&[("picture", [7, 1, 4, 4].into()), ("numbers", [7, 3].into())])?, "\
/// layer                          output        activation  parameters
/// seen conv2d(3×3) ← picture     (7, 2, 4, 4)                      20
/// flat flatten                   (7, 32)                            0
/// all concat(1) ← flat, numbers  (7, 35)                            0
/// class linear                   (7, 5)                           180
/// price linear ← all             (7, 1)                            36
/// total                                                           236
/// ");
/// # Ok::<(), mlp::Error>(())
/// ```
///
/// As data, `inputs` and `outputs` are lists of names, and each of `parts` has a `name`, what it `reads`, and one of `module`, `join` and `same`:
///
/// ```
/// use autograd::Tensor;
/// use mlp::{Config, Module};
/// use rand::{SeedableRng, rngs::StdRng};
/// let config: Config = r#"{"layer": "network", "inputs": ["x"], "parts": [
///     {"name": "gate", "reads": "x", "module": {"layer": "activation", "function": "sigmoid"}},
///     {"name": "y", "reads": ["x", "gate"], "join": "multiply"}
/// ], "outputs": ["y"]}"#.parse()?;
/// let model = config.build::<f64>(&mut StdRng::seed_from_u64(0))?;
/// assert_eq!(model.predict(&Tensor::from([[0.0, 800.0]])).to_vec(), [0.0, 800.0]);
/// assert_eq!(model.config()?, config);
/// # Ok::<(), mlp::Error>(())
/// ```
pub struct Network<T: Float = f64> {
    inputs: Vec<String>,
    /// Each reads values before it, of which the first are the inputs.
    nodes: Vec<Node<T>>,
    /// The places of the outputs among the values.
    outputs: Vec<usize>,
}

struct Node<T: Float> {
    name: String,
    reads: Vec<usize>,
    does: Does<T, usize>,
}

/// What is done with the values that are read; `P` names the part that does it too.
enum Does<T: Float, P> {
    Part(Box<dyn Module<T>>),
    Join(Join),
    Same(P),
}

impl<T: Float> Network<T> {
    /// Starts a builder with these inputs.
    #[expect(clippy::new_ret_no_self, reason = "a network without outputs is none; the builder collects its parts")]
    pub fn new(inputs: impl IntoIterator<Item = impl Into<String>>) -> NetworkBuilder<T> {
        NetworkBuilder { inputs: inputs.into_iter().map(Into::into).collect(), parts: vec![] }
    }

    /// The names of the inputs.
    pub fn inputs(&self) -> &[String] {
        &self.inputs
    }

    /// The names of the outputs.
    pub fn outputs(&self) -> impl Iterator<Item = &str> {
        self.outputs.iter().map(|&place| self.name(place))
    }

    /// The name of a value.
    fn name(&self, place: usize) -> &str {
        match place.checked_sub(self.inputs.len()) {
            Some(node) => &self.nodes[node].name,
            None => &self.inputs[place],
        }
    }

    /// The modules with their names, each once.
    fn modules(&self) -> impl Iterator<Item = (&str, &dyn Module<T>)> {
        self.nodes.iter().filter_map(|node| match &node.does {
            Does::Part(module) => Some((node.name.as_str(), &**module)),
            Does::Join(_) | Does::Same(_) => None,
        })
    }

    /// The parts that read an input.
    pub(crate) fn readers(&self, input: &str) -> impl Iterator<Item = &str> {
        let place = self.inputs.iter().position(|other| other == input);
        let reading = self.nodes.iter().filter(move |node| place.is_some_and(|place| node.reads.contains(&place)));
        reading.map(|node| node.name.as_str())
    }

    /// The module at a place, which is that of a part.
    fn module(&self, place: usize) -> &dyn Module<T> {
        let Does::Part(module) = &self.nodes[place].does else { unreachable!("the builder found a part here") };
        &**module
    }

    /// The module that makes a value; none makes a joined one.
    fn module_of<'n>(&'n self, node: &'n Node<T>) -> Option<&'n dyn Module<T>> {
        match &node.does {
            Does::Part(module) => Some(&**module),
            Does::Same(part) => Some(self.module(*part)),
            Does::Join(_) => None,
        }
    }

    /// The outputs for `inputs`, both by name.
    ///
    /// # Panics
    /// If an input is missing, unknown or given twice, or shapes do not fit.
    #[track_caller]
    pub fn forward_all<'t>(&self, inputs: &[(&str, Var<'t, T>)]) -> BTreeMap<&str, Var<'t, T>> {
        self.forward_all_with(inputs, &mut Probe::off())
    }

    /// [`forward_all`](Network::forward_all) that exposes intermediate values, as [`Module::forward_with`] does.
    ///
    /// # Panics
    /// As [`forward_all`](Network::forward_all).
    #[track_caller]
    pub fn forward_all_with<'t>(
        &self,
        inputs: &[(&str, Var<'t, T>)],
        probe: &mut Probe<'_>,
    ) -> BTreeMap<&str, Var<'t, T>> {
        let values = self.run(or_panic(self.ordered(inputs)), probe);
        self.outputs.iter().map(|&place| (self.name(place), values[place])).collect()
    }

    /// The outputs for `inputs` in evaluation mode, as [`Module::predict`].
    ///
    /// ```
    /// use autograd::Tensor;
    /// use mlp::{Join, Network};
    /// let network = Network::new(["a", "b"]).join("sum", Join::Add, ["a", "b"]).outputs(["sum"])?;
    /// let y = network.predict_all(&[("a", Tensor::from([1.0, 2.0])), ("b", Tensor::from([10.0, 20.0]))]);
    /// assert_eq!(y["sum"].to_vec(), [11.0, 22.0]);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Panics
    /// As [`forward_all`](Network::forward_all).
    #[track_caller]
    pub fn predict_all(&self, inputs: &[(&str, Tensor<T>)]) -> BTreeMap<&str, Tensor<T>> {
        let tape = Tape::values_only();
        let inputs: Vec<_> = inputs.iter().map(|(name, x)| (*name, tape.constant(x.clone()))).collect();
        self.forward_all(&inputs).into_iter().map(|(name, y)| (name, y.value())).collect()
    }

    /// The shapes of the outputs for inputs of these shapes, foretold as by [`Module::output_shape`].
    ///
    /// # Errors
    /// If an input is missing, unknown or given twice, or shapes do not fit; the error names the part.
    pub fn output_shapes(&self, inputs: &[(&str, Shape)]) -> Result<BTreeMap<&str, Option<Shape>>, Error> {
        let shapes = self.shapes(self.ordered(inputs)?.into_iter().map(Some).collect())?;
        Ok(self.outputs.iter().map(|&place| (self.name(place), shapes[place].clone())).collect())
    }

    /// The table of [`summary_for`](crate::summary_for) for inputs of these shapes.
    ///
    /// # Errors
    /// As [`output_shapes`](Network::output_shapes).
    pub fn summary_all(&self, inputs: &[(&str, Shape)]) -> Result<String, Error> {
        let inputs = self.ordered(inputs)?.into_iter().map(Some).collect();
        Ok(table("output", self.rows(inputs)?.into_iter().map(crate::nn::module::foretold).collect()))
    }

    /// What is given for the inputs, in their order.
    fn ordered<V: Clone>(&self, given: &[(&str, V)]) -> Result<Vec<V>, Error> {
        let invalid = |why: String| Error::invalid("network", format!("{why}; its inputs are {}", list(&self.inputs)));
        for (i, (name, _)) in given.iter().enumerate() {
            if !self.inputs.iter().any(|input| input == name) {
                return Err(invalid(format!("there is no input `{name}`")));
            }
            if given[..i].iter().any(|(before, _)| before == name) {
                return Err(invalid(format!("the input `{name}` is given twice")));
            }
        }
        let of = |input: &String| {
            let found = given.iter().find(|(name, _)| name == input);
            found.map(|(_, value)| value.clone()).ok_or_else(|| invalid(format!("the input `{input}` is missing")))
        };
        self.inputs.iter().map(of).collect()
    }

    /// The place of the only output of a network with one input, as a [`Module`] has.
    fn single(&self) -> Result<usize, Error> {
        match (&self.inputs[..], &self.outputs[..]) {
            ([_], &[output]) => Ok(output),
            (inputs, outputs) => {
                let (n, m, why) =
                    (inputs.len(), outputs.len(), "a module has one of each; give values by name: forward_all");
                Err(Error::invalid("network", format!("it has {n} inputs and {m} outputs, and {why}")))
            }
        }
    }

    /// All values behind those of the inputs.
    #[track_caller]
    fn run<'t>(&self, mut values: Vec<Var<'t, T>>, probe: &mut Probe<'_>) -> Vec<Var<'t, T>> {
        values.reserve_exact(self.nodes.len());
        let mut read = vec![];
        for node in &self.nodes {
            probe.enter(&node.name);
            let y = match &node.does {
                Does::Part(module) => module.forward_with(values[node.reads[0]], probe),
                Does::Same(part) => self.module(*part).forward_with(values[node.reads[0]], probe),
                Does::Join(join) => {
                    read.clear();
                    read.extend(node.reads.iter().map(|&place| values[place]));
                    probe.output(join, join.apply(&read))
                }
            };
            probe.leave();
            values.push(y);
        }
        values
    }
}

impl<T: Float> Module<T> for Network<T> {
    /// # Panics
    /// If there are several inputs or outputs, or shapes do not fit.
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        self.forward_with(x, &mut Probe::off())
    }

    #[track_caller]
    fn forward_with<'t>(&self, x: Var<'t, T>, probe: &mut Probe<'_>) -> Var<'t, T> {
        let output = or_panic(self.single());
        self.run(vec![x], probe)[output]
    }

    fn parameters(&self) -> Parameters<T> {
        self.modules().fold(Parameters::new(), |all, (name, module)| all.with_all(name, &module.parameters()))
    }

    fn buffers(&self) -> Parameters<T> {
        self.modules().fold(Parameters::new(), |all, (name, module)| all.with_all(name, &module.buffers()))
    }

    fn input_width(&self) -> Option<usize> {
        let reading = self.nodes.iter().filter(|node| node.reads == [0] && self.inputs.len() == 1);
        reading.filter_map(|node| self.module_of(node)).find_map(Module::input_width)
    }

    fn output_shape(&self, input: &Shape) -> Result<Option<Shape>, Error> {
        let output = self.single()?;
        Ok(self.shapes(vec![Some(input.clone())])?.swap_remove(output))
    }

    fn check_inputs(&self, inputs: &Tensor<T>) -> Result<(), Error> {
        let mut kept = vec![self.inputs.len() == 1; self.inputs.len()]; // whether a value is that of the only input
        for node in &self.nodes {
            let reading = self.module_of(node).filter(|_| kept[node.reads[0]]);
            reading.map_or(Ok(()), |module| module.check_inputs(inputs))?;
            kept.push(reading.is_some_and(Module::keeps_values));
        }
        Ok(())
    }

    fn check_training(&self, input: &Shape) -> Result<(), Error> {
        self.single()?;
        self.check_training_on(vec![Some(input.clone())])
    }

    fn describe_for(&self, input: &Shape) -> Result<Vec<(LayerRow, Option<Shape>)>, Error> {
        self.single()?;
        self.rows(vec![Some(input.clone())])
    }

    fn output_activation(&self) -> Option<Activation> {
        let node = self.nodes.get(self.single().ok()?.checked_sub(self.inputs.len())?)?;
        self.module_of(node)?.output_activation()
    }

    fn state_dict(&self) -> Result<StateDict<T>, Error> {
        self.modules().try_fold(StateDict::new(), |all, (name, module)| all.with_part(name, module))
    }

    fn config(&self) -> Result<Config, Error> {
        Config::of(self)
    }

    fn describe(&self) -> Vec<LayerRow> {
        let rows = self.rows(vec![None; self.inputs.len()]).expect("shapes that are not known are not refused");
        rows.into_iter().map(|(row, _)| row).collect()
    }
}

impl<T: Float> fmt::Display for Network<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&summary(self))
    }
}

impl<T: Float> fmt::Debug for Network<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
