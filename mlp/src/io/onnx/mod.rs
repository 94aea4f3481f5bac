//! [`Onnx`]: models for other programs, in the format of [ONNX](https://onnx.ai).

mod activations;
mod graph;
mod models;
mod norms;
mod plain;
mod proto;
mod recurrent;
mod sequences;
mod state;
mod table;
mod windows;

use std::path::Path;

use autograd::{Float, Shape, Tensor};
use indexmap::IndexMap;
use prost::Message;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::json;

use super::bundle::{Bundle, ToProbabilities, fits};
use super::replace::replace;
use crate::error::{Error, Result, list};
use crate::nn::activation::Activation;
use crate::nn::config::{Config, Configured, Registry};
use crate::nn::module::Module;
use crate::nn::network::Network;
use graph::{At, Attribute, Graph, Value};
use state::State;

/// What errors name where no layer is at fault.
const WHAT: &str = "onnx";

/// The operators are those of this version, which came with this version of the format (ONNX 1.13, 2022).
const OPSET: i64 = 18;
const IR: i64 = 8;

/// The most bytes of one message of Protocol Buffers.
const MOST: usize = i32::MAX as usize;

/// Writes models as [ONNX](https://onnx.ai) files, which programs in other languages predict with.
///
/// ```
/// use mlp::io::Onnx;
/// use mlp::{Activation, Mlp};
/// use rand::{SeedableRng, rngs::StdRng};
/// let layers = Mlp::new(4).hidden(8, Activation::Relu).output(3, Activation::Softmax);
/// let model: Mlp = layers.build(&mut StdRng::seed_from_u64(0))?;
/// let folder = tempfile::tempdir().unwrap();
/// Onnx::new().with_note("data", "flowers").save(&model, [1, 4], folder.path().join("model.onnx"))?;
/// # Ok::<(), mlp::Error>(())
/// ```
///
/// In Python:
///
/// ```python
/// import numpy, onnxruntime
/// session = onnxruntime.InferenceSession("model.onnx")
/// session.run(None, {"input": numpy.ones((7, 4), "float32")})[0].shape  # (7, 3)
/// ```
///
/// # The file
///
/// It has the model in evaluation mode: dropout is left out, batch normalisation uses its running statistics, the weights of
/// [`WeightNorm`](crate::WeightNorm) and [`SpectralNorm`](crate::SpectralNorm) are computed. The operators are those of
/// version 18, the format is version 8. The input is called `input` and the output `output`; those of a [`Network`] keep
/// their own names. Parameters keep the names of [`Module::state`].
///
/// The first axis of each shape counts samples, and stays open in the file, where it is called `batch`: any length may be given
/// for it. The others are fixed, so is the number of steps of a sequence.
///
/// Inputs are numbers of one type, also the classes that an [`Embedding`](crate::Embedding) reads, which are turned into
/// integers there. This crate refuses numbers that are no class; runtimes round them towards 0, and count negative ones from
/// the end.
///
/// Numbers are `f32`, whatever the model computes with; [`f64`](Onnx::f64) keeps all bits. The settings of operators, such as ε and
/// slopes, are `f32` in the format.
///
/// # What can be exported
///
/// Every layer and activation of this crate, and what is made of them. A layer of your own, a
/// [`Function`](crate::Function) among them, is refused with its place in the model. The architecture comes from
/// [`Module::config`], and the numbers from [`Module::state`].
#[derive(Debug, Clone, Default)]
pub struct Onnx {
    wide: bool,
    notes: IndexMap<String, String>,
}

/// What a file is made from.
struct Parts {
    graph: Graph,
    inputs: Vec<(String, Shape)>,
    outputs: Vec<(String, Value)>,
}

impl Onnx {
    /// Files of `f32` without notes.
    pub fn new() -> Self {
        Onnx::default()
    }

    /// Files of `f64`.
    ///
    /// The format allows it for every operator that is written, and runtimes lack some of them: ONNX Runtime 1.32 those of
    /// convolutions, mean pools, resizing and recurrent layers, and erf, which GELU needs.
    #[must_use]
    pub fn f64(self) -> Self {
        Onnx { wide: true, ..self }
    }

    /// Adds a text under a name to the metadata of the file; the last of one name counts.
    #[must_use]
    pub fn with_note(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.notes.insert(name.into(), text.into());
        self
    }

    /// Writes a model for inputs of this shape, whose first axis are the samples, and replaces an existing file as
    /// [`io::save`](super::save) does. [`save_all`](Onnx::save_all) takes several inputs.
    ///
    /// ```
    /// use autograd::Var;
    /// use mlp::io::Onnx;
    /// use mlp::{Activation, Function, Sequential};
    /// let model = Sequential::new().then(Activation::Tanh).then(Function::new("cube", |x: Var| x.powi(3)));
    /// let error = Onnx::new().save(&model, [1, 4], "cube.onnx").unwrap_err().to_string();
    /// assert!(error.starts_with("layers.1 (cube): it is no layer of this crate, and has no form in ONNX"));
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`] if a part of the model has no configuration or no form in ONNX; it names the part.
    /// [`Error::Invalid`] if the model does not take inputs of this shape, an axis has no length, a parameter is not finite or
    /// beyond `f32`, or the file would be larger than 2 GiB, the most that the format allows. [`Error::Io`] if it cannot be
    /// written.
    pub fn save<T: Float>(
        &self,
        model: &(impl Module<T> + ?Sized),
        input: impl Into<Shape>,
        path: impl AsRef<Path>,
    ) -> Result<()> {
        let config = model.config()?;
        let network = network(&config)?;
        let name = network.as_ref().map_or("input".to_string(), |network| network.inputs.concat());
        self.write(self.parts(model, (&config, network), (name, input.into()), "output")?, path.as_ref())
    }

    /// Writes a network with several inputs and outputs, for inputs of these shapes by name.
    ///
    /// ```
    /// use mlp::io::Onnx;
    /// use mlp::{Join, Network};
    /// let network: Network = Network::new(["a", "b"]).join("sum", Join::Add, ["a", "b"]).outputs(["sum"])?;
    /// let folder = tempfile::tempdir().unwrap();
    /// let shapes = [("a", [1, 4].into()), ("b", [1, 4].into())];
    /// Onnx::new().save_all(&network, &shapes, folder.path().join("sum.onnx"))?;
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`save`](Onnx::save); and if a name is missing or unknown, or the inputs differ in their number of samples.
    pub fn save_all<T: Float>(
        &self,
        network: &Network<T>,
        inputs: &[(&str, Shape)],
        path: impl AsRef<Path>,
    ) -> Result<()> {
        let config = network.config()?;
        if network.output_shapes(inputs)?.values().any(Option::is_none) {
            let layers = Registry::new().build_as::<Network<T>>(&config, &mut StdRng::seed_from_u64(0));
            layers.map_err(table::unknown)?.output_shapes(inputs)?;
        }
        let of = |name: &String| inputs.iter().find(|(given, _)| given == name).map(|(_, shape)| shape.clone());
        let inputs = network.inputs().iter().filter_map(|name| Some((name.clone(), of(name)?))).collect();
        let of_config = self::network(&config)?;
        self.write(self.exported(network, (&config, of_config), inputs, "")?, path.as_ref())
    }

    /// Writes the model of a bundle, for inputs that its schema makes of rows, with answers as [`Bundle::predict`] gives them.
    ///
    /// The input has the name that it has in the schema. The output of a file for classes is called `probabilities`,
    /// (samples, classes), that of one for numbers `values`, (samples, columns), in the units of the table.
    ///
    /// The metadata hold what a program needs that prepares rows itself: the whole schema as JSON under `schema`; under
    /// `features` and `names`, as lists of JSON, the inputs and the classes or columns, each in the order of its numbers; under
    /// `target` the name of the target. These names are taken; the notes of the bundle stand beside them.
    ///
    /// ```
    /// use mlp::io::Onnx;
    /// use mlp::{Activation, Bundle, Mlp, Numeric, Schema, Table};
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let table = Table::parse("t", "x,y\n1,2\n3,4\n".as_bytes())?;
    /// let columns = Schema::builder().input("inputs", [Numeric::new("x").standard()]);
    /// let schema = columns.values("y", [Numeric::new("y").standard()]).fit(&table)?;
    /// let model: Mlp = Mlp::new(1).output(1, Activation::Identity).build(&mut StdRng::seed_from_u64(0))?;
    /// let folder = tempfile::tempdir().unwrap();
    /// Onnx::new().save_bundle(&Bundle::new(model, schema)?, folder.path().join("model.onnx"))?;
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`save`](Onnx::save); and if the schema calls its input as the output is called, or the outputs do not fit the target.
    pub fn save_bundle<T: Float>(&self, bundle: &Bundle<T>, path: impl AsRef<Path>) -> Result<()> {
        let schema = bundle.schema();
        let (input, target) = (bundle.input(), bundle.target());
        let features = schema.features(&input)?;
        let (classes, columns) = (schema.classes(&target), schema.target_columns(&target)?);
        let output = if classes.is_ok() { "probabilities" } else { "values" };
        if input == output {
            let why = format!("the input of the schema has the name `{input}` of the output; call it otherwise");
            return Err(Error::invalid(WHAT, why));
        }
        let config = (bundle.config(), network(bundle.config())?);
        let mut parts = self.parts(bundle.model(), config, (input, [1, features.len()].into()), output)?;
        let (_, answer) = parts.outputs.remove(0);
        let misfit = match answer.shape[..] {
            [_, outputs] => fits(schema, &target, outputs).err(),
            _ => Some(format!("the model gives outputs of shape {}, which are not (rows, outputs)", answer.shape)),
        };
        if let Some(problem) = misfit {
            return Err(Error::invalid("bundle", problem));
        }
        let mut at = At::new(&mut parts.graph, State::empty());
        let answer = match &classes {
            Ok(_) => probabilities(&mut at, answer, bundle.model().output_activation()),
            Err(_) => {
                let [zeros, ones] = [0.0, 1.0].map(|x| schema.inverse(&target, &Tensor::full([1, columns.len()], x)));
                let (shift, ends) = (zeros?, ones?);
                let scaled = at.with_constant("Mul", &answer, "scale", &ends - &shift);
                at.with_constant("Add", &scaled, "shift", shift)
            }
        };
        parts.outputs = vec![(output.to_string(), answer)];
        let names = match classes {
            Ok(classes) => json!(classes),
            Err(_) => json!(columns),
        };
        let mut told = self.clone();
        let own = [
            ("schema", schema.to_json()),
            ("features", json!(features).to_string()),
            ("target", target.clone()),
            ("names", names.to_string()),
        ];
        let own = own.map(|(name, text)| (name.to_string(), text)).into_iter();
        told.notes = bundle.notes().clone().into_iter().chain(self.notes.clone()).chain(own).collect();
        told.write(parts, path.as_ref())
    }

    /// A model with one input and one output, of which `output` is free for a name.
    fn parts<T: Float>(
        &self,
        model: &(impl Module<T> + ?Sized),
        config: Described<'_>,
        input: (String, Shape),
        output: &str,
    ) -> Result<Parts> {
        // What follows relies on shapes that fit.
        if model.output_shape(&input.1)?.is_none() {
            let layers = Registry::<T>::new().build(config.0, &mut StdRng::seed_from_u64(0));
            layers.map_err(table::unknown)?.output_shape(&input.1)?;
        }
        self.exported(model, config, vec![input], output)
    }

    /// The nodes of a model. Outputs of a network have names; another's is called `output`.
    fn exported<T: Float>(
        &self,
        model: &(impl Module<T> + ?Sized),
        (config, network): Described<'_>,
        inputs: Vec<(String, Shape)>,
        output: &str,
    ) -> Result<Parts> {
        let refuse = |why: String| Err(Error::invalid(WHAT, why));
        for (name, shape) in &inputs {
            if shape.is_empty() || shape.contains(&0) {
                return refuse(format!(
                    "the input `{name}` has the shape {shape}; give each axis a length, samples first"
                ));
            }
            if shape[0] != inputs[0].1[0] {
                let names: Vec<String> = inputs.iter().map(|(name, _)| name.clone()).collect();
                let names = list(&names);
                return refuse(format!(
                    "the inputs {names} differ in their first axis, the samples; give all the same"
                ));
            }
        }
        let reserved = network.iter().flat_map(|network| network.inputs.iter().chain(&network.outputs)).cloned();
        let reserved = reserved.chain(inputs.iter().map(|(name, _)| name.clone())).chain([output.to_string()]);
        let mut graph = Graph::new(reserved, T::EPSILON.to_f64(), self.wide);
        let mut at = At::new(&mut graph, State::of(&model.state())?);
        let mut values: Vec<Value> = inputs.iter().cloned().map(|(name, shape)| Value { name, shape }).collect();
        let outputs = match network {
            Some(network) => models::network_of(&mut at, &network, values)?,
            None => vec![(output.to_string(), table::layer(&mut at, config, values.remove(0))?)],
        };
        Ok(Parts { graph, inputs, outputs })
    }

    fn write(&self, parts: Parts, path: &Path) -> Result<()> {
        let bytes = self.message(parts)?.encode_to_vec();
        if bytes.len() > MOST {
            let why = format!("a file of {} bytes; the format holds {MOST}: make the model smaller", bytes.len());
            return Err(Error::invalid(WHAT, why));
        }
        replace(path, &bytes).map_err(Error::io(path))
    }

    fn message(&self, Parts { mut graph, inputs, outputs }: Parts) -> Result<proto::Model> {
        graph.name_outputs(&outputs);
        let samples = inputs[0].1[0];
        let info = |name: &String, shape: &Shape| self.info(name, shape, samples);
        let proto = proto::GraphProto {
            initializer: graph.tensors()?,
            node: graph.nodes,
            name: "model".into(),
            input: inputs.iter().map(|(name, shape)| info(name, shape)).collect(),
            output: outputs.iter().map(|(name, value)| info(name, &value.shape)).collect(),
        };
        let entry = |(key, value): (&String, &String)| proto::Entry { key: key.clone(), value: value.clone() };
        Ok(proto::Model {
            ir_version: Some(IR),
            producer_name: "mlp".into(),
            producer_version: env!("CARGO_PKG_VERSION").into(),
            graph: Some(proto),
            opset_import: vec![proto::OperatorSet { domain: Some(String::new()), version: Some(OPSET) }],
            metadata_props: self.notes.iter().map(entry).collect(),
        })
    }

    /// An input or output, whose first axis is open where it counts the samples.
    fn info(&self, name: &str, shape: &Shape, samples: usize) -> proto::ValueInfo {
        let dim = |(axis, &length): (usize, &usize)| match axis {
            0 if length == samples => proto::Dim { param: Some("batch".into()), value: None },
            0 => proto::Dim::default(), // such as samples joined to others
            _ => proto::Dim { value: Some(length as i64), param: None },
        };
        let elem_type = if self.wide { proto::DOUBLE } else { proto::FLOAT };
        let shape = Some(proto::Dims { dim: shape.iter().enumerate().map(dim).collect() });
        let tensor = Some(proto::TensorKind { elem_type, shape });
        proto::ValueInfo { name: name.into(), kind: Some(proto::Kind { tensor }) }
    }
}

/// The configuration of a model, and what it says of a network.
type Described<'c> = (&'c Config, Option<<Network as Configured>::Data>);

/// What the configuration of a network says.
fn network(config: &Config) -> Result<Option<<Network as Configured>::Data>> {
    (config.layer() == <Network as Configured>::LAYER).then(|| config.data()).transpose()
}

/// The probabilities of all classes.
fn probabilities(at: &mut At<'_>, y: Value, ends: Option<Activation>) -> Value {
    let ToProbabilities { function, of_second } = ToProbabilities::of(ends, y.shape[1]);
    let p = match function {
        Some(function) => activations::apply(at, function, y),
        None => y,
    };
    if !of_second {
        return p;
    }
    let minus = at.with_number("Mul", &p, -1.0);
    let first = at.with_number("Add", &minus, 1.0);
    let shape = p.with_tail([2]);
    let axis = [("axis", Attribute::Int(1))];
    Value { name: at.node("Concat", &[&first.name, &p.name], axis), shape }
}
