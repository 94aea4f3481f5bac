//! [`Module`]: a map from tensors to tensors with parameters; and the summary table of a model.

use std::any::type_name;
use std::fmt;

use autograd::{Float, Parameters, Shape, Tape, Tensor, Var};

use crate::nn::config::Config;
use crate::nn::probe::Probe;
use crate::nn::state_dict::StateDict;
use crate::{Activation, Error};

/// A differentiable function of one tensor, with named parameters.
///
/// Layers and models implement it. A custom struct implements it too: `forward` is the formula, `parameters` names the
/// trained tensors. The trait is `dyn`-compatible.
///
/// ```
/// use autograd::{Param, Parameters, Tensor, Var};
/// use mlp::{Module, summary};
///
/// struct Neuron {
///     w: Param,
///     b: Param,
/// }
///
/// impl Module for Neuron {
///     fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
///         x.affine(&self.w, &self.b).sigmoid()
///     }
///     fn parameters(&self) -> Parameters {
///         Parameters::new().with("w", &self.w).with("b", &self.b)
///     }
/// }
///
/// let neuron = Neuron { w: Param::new([[0.2], [1.5], [0.5]]), b: Param::new([0.0]) };
/// let y = neuron.predict(&Tensor::from([[1.0, 0.0, 1.0]]));
/// assert!((y.item() - 0.668).abs() < 5e-4);
/// assert!(summary(&neuron).contains("Neuron"));
/// ```
pub trait Module<T: Float = f64>: Send + Sync {
    /// Computes the output for `x`, recorded on the tape of `x`.
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T>;

    /// [`forward`](Module::forward) that exposes intermediate values to a probe; see [`Flow`](crate::Flow).
    ///
    /// The default exposes the output only. A module of several layers passes the probe on to them. It implements
    /// `forward` as `self.forward_with(x, &mut Probe::off())`, so that the formula exists once.
    #[track_caller]
    fn forward_with<'t>(&self, x: Var<'t, T>, probe: &mut Probe<'_>) -> Var<'t, T> {
        let kind = fmt::from_fn(|f| match &self.describe()[..] {
            [row] => f.write_str(&row.layer),
            _ => f.write_str(short_name(type_name::<Self>())),
        });
        probe.output(kind, self.forward(x))
    }

    /// The named parameters, in a fixed order.
    fn parameters(&self) -> Parameters<T>;

    /// Named tensors that belong to the model but are not trained, such as running means; by default none.
    ///
    /// A layer updates them during training with [`Param::set`](autograd::Param::set). A module of several layers
    /// collects their buffers like their parameters. Parts of a batch ([`Trainer::parts`](crate::Trainer::parts))
    /// update them in no fixed order.
    ///
    /// ```
    /// use autograd::{Param, Parameters, Var};
    /// use mlp::Module;
    ///
    /// /// `x` minus the running mean of the training batches.
    /// struct Centred(Param);
    ///
    /// impl Module for Centred {
    ///     fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
    ///         if x.tape().is_training() {
    ///             let batch = x.value().mean_axis(0);
    ///             self.0.set(self.0.value() * 0.9 + batch * 0.1);
    ///         }
    ///         x - x.tape().constant(self.0.value())
    ///     }
    ///     fn parameters(&self) -> Parameters {
    ///         Parameters::new()
    ///     }
    ///     fn buffers(&self) -> Parameters {
    ///         Parameters::new().with("mean", &self.0)
    ///     }
    /// }
    ///
    /// let layer = Centred(Param::new([0.0, 0.0]));
    /// assert_eq!(layer.state().names().collect::<Vec<_>>(), ["mean"]); // saved with the model, but not trained
    /// ```
    fn buffers(&self) -> Parameters<T> {
        Parameters::new()
    }

    /// Parameters and buffers: the tensors to save and load. Do not override it.
    fn state(&self) -> Parameters<T> {
        self.parameters().with_all("", &self.buffers())
    }

    /// Where parameters and buffers stand in a `state_dict` of PyTorch, for [`io::torch`](crate::io::torch).
    ///
    /// The layers of this crate have PyTorch's names and orientation. The default keeps the names and shapes of
    /// [`state`](Module::state); a module of several layers asks each of them, as one with `#[derive(Module)]` does.
    ///
    /// ```
    /// use autograd::{Parameters, Var};
    /// use mlp::io::torch::StateDict;
    /// use mlp::{Error, Init, Linear, Module};
    /// use rand::{SeedableRng, rngs::StdRng};
    ///
    /// struct Doubled(Linear);
    ///
    /// impl Module for Doubled {
    ///     fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
    ///         self.0.forward(x) * 2.0
    ///     }
    ///     fn parameters(&self) -> Parameters {
    ///         self.0.parameters()
    ///     }
    ///     fn state_dict(&self) -> Result<StateDict, Error> {
    ///         StateDict::new().with_part("layer", &self.0)
    ///     }
    /// }
    ///
    /// let model = Doubled(Linear::new(2, 1, &Init::he_normal(), &mut StdRng::seed_from_u64(0))?);
    /// assert_eq!(model.state_dict()?.names().collect::<Vec<_>>(), ["layer.weight", "layer.bias"]);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// If the module, or a part of it, has no counterpart in PyTorch; the error names the part.
    fn state_dict(&self) -> Result<StateDict<T>, Error> {
        Ok(StateDict::from(&self.state()))
    }

    /// The module as plain data, from which another of the same architecture is built: see [`config`](crate::config).
    ///
    /// The layers of this crate give it. The default is an error; a struct of yours returns [`Config::of`]`(self)` when it is
    /// [`Configured`](crate::Configured).
    ///
    /// ```
    /// use mlp::{Activation, Module};
    /// let config = Module::<f64>::config(&Activation::Tanh)?;
    /// assert_eq!(config.to_string(), r#"{"layer":"activation","function":"tanh"}"#);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the module, or a part of it, has no configuration; the error names the part.
    fn config(&self) -> Result<Config, Error> {
        let problem =
            "it has no configuration; make it `Configured`, and let `Module::config` return `Config::of(self)`";
        Err(Error::config(short_name(type_name::<Self>()), problem))
    }

    /// The rows of this module in the table of [`summary`].
    ///
    /// The default is one row with the type's name and the shapes of its parameters.
    fn describe(&self) -> Vec<LayerRow> {
        let parameters = self.parameters();
        let shapes: Vec<_> = parameters.iter().map(|(name, param)| format!("{name} {}", param.shape())).collect();
        vec![LayerRow {
            layer: short_name(type_name::<Self>()).to_string(),
            shape: shapes.join(", "),
            activation: String::new(),
            parameters: parameters.numel(),
        }]
    }

    /// The required length of an input row, if the module knows it.
    ///
    /// A trainer then rejects other data before the first step.
    fn input_width(&self) -> Option<usize> {
        None
    }

    /// The shape of the output for inputs of shape `input`, foretold without computing anything; `None` if the module
    /// cannot tell, which is the default.
    ///
    /// The layers of this crate tell it, and refuse a shape in the words in which [`forward`](Module::forward) panics; of a
    /// batch too small to train on, [`check_training`](Module::check_training) tells. [`summary_for`] shows the shape behind each layer, and a
    /// [`Trainer`](crate::Trainer) rejects inputs that do not fit before the first step.
    ///
    /// ```
    /// use mlp::{Init, Linear, Module};
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let layer: Linear = Linear::new(3, 2, &Init::glorot_uniform(), &mut StdRng::seed_from_u64(0))?;
    /// assert_eq!(layer.output_shape(&[5, 3].into())?, Some([5, 2].into()));
    /// let error = layer.output_shape(&[5, 4].into()).unwrap_err();
    /// assert!(error.to_string().starts_with("linear: rows of 3 numbers are needed, the input has shape (5, 4)"));
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// If inputs of this shape do not fit; the error names the layer.
    fn output_shape(&self, input: &Shape) -> Result<Option<Shape>, Error> {
        let _ = input;
        Ok(None)
    }

    /// `Ok` if the module takes the values of these inputs, as far as it can tell without computing; the default asks nothing.
    ///
    /// An [`Embedding`](crate::Embedding) needs the numbers of its classes. [`Sequential`](crate::Sequential),
    /// [`Residual`](crate::Residual) and [`Network`](crate::Network) ask the modules that read the inputs, also behind those that [keep](Module::keeps_values) them. A
    /// [`Trainer`](crate::Trainer) asks of all data before the first step, and of each batch of a stream.
    ///
    /// ```
    /// use autograd::Tensor;
    /// use mlp::{Embedding, Init, Module, Sequential};
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let words = Embedding::new(5, 2, &Init::Constant(1.0), &mut StdRng::seed_from_u64(0))?;
    /// let model: Sequential = Sequential::new().then(words);
    /// assert!(model.check_inputs(&Tensor::from([[4.0, 0.0]])).is_ok());
    /// let error = model.check_inputs(&Tensor::from([[4.0, 0.0], [1.0, 5.0]])).unwrap_err();
    /// let why = "5 in sample 1 is none of the 5 classes, whole numbers from 0 to 4; correct the input or enlarge the table";
    /// assert_eq!(error.to_string(), format!("embedding: {why}"));
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// For the first value that does not fit; the error names it, its sample and the layer.
    fn check_inputs(&self, inputs: &Tensor<T>) -> Result<(), Error> {
        let _ = inputs;
        Ok(())
    }

    /// Whether the outputs are the values of the inputs, in their order and samples, in any shape; the default is that they are not.
    ///
    /// [`check_inputs`](Module::check_inputs) then also asks what stands behind it.
    ///
    /// ```
    /// use mlp::{Activation, Flatten, Module, Sequential};
    /// let model: Sequential = Sequential::new().then(Flatten).then(Activation::Identity);
    /// assert!(model.keeps_values() && !model.then(Activation::Relu).keeps_values());
    /// ```
    fn keeps_values(&self) -> bool {
        false
    }

    /// `Ok` if the module can be trained on inputs of this shape, which it takes, as far as it can tell without computing; the
    /// default refuses none.
    ///
    /// A [`BatchNorm`](crate::BatchNorm) needs more than one value per channel, so often more than one sample. Modules of several
    /// layers ask each of them, up to one behind which the [shape](Module::output_shape) is not known. A
    /// [`Trainer`](crate::Trainer) asks of the batches of its data before the first step, and of each batch of a stream.
    ///
    /// ```
    /// use mlp::{BatchNorm, Flatten, Module, Sequential};
    /// let model: Sequential = Sequential::new().then(Flatten).then(BatchNorm::new(4)?);
    /// assert!(model.check_training(&[2, 4].into()).is_ok());
    /// let error = model.check_training(&[1, 4].into()).unwrap_err();
    /// assert!(error.to_string().starts_with("layer 1: batch_norm: training needs more than 1 value per channel"));
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// If training would panic; the error names the layer and the repair.
    fn check_training(&self, input: &Shape) -> Result<(), Error> {
        let _ = input;
        Ok(())
    }

    /// The rows of [`describe`](Module::describe), each with the shape of its output for inputs of shape `input`; `None`
    /// where it is not known.
    ///
    /// The default knows the shape of the last row from [`output_shape`](Module::output_shape). A module of several layers
    /// asks each of them.
    ///
    /// # Errors
    /// As [`output_shape`](Module::output_shape).
    fn describe_for(&self, input: &Shape) -> Result<Vec<(LayerRow, Option<Shape>)>, Error> {
        let mut rows: Vec<_> = self.describe().into_iter().map(|row| (row, None)).collect();
        if let Some((_, output)) = rows.last_mut() {
            *output = self.output_shape(input)?;
        }
        Ok(rows)
    }

    /// The activation that produces the output, if the module knows it.
    ///
    /// A trainer then rejects an unsuitable loss and unsuitable targets before the first step.
    ///
    /// ```
    /// use mlp::{Activation, Module, Sequential};
    /// let model: Sequential = Sequential::new().then(Activation::Relu).then(Activation::Softmax);
    /// assert_eq!(model.output_activation(), Some(Activation::Softmax));
    /// ```
    fn output_activation(&self) -> Option<Activation> {
        None
    }

    /// Computes the output in evaluation mode: nothing is recorded, and dropout is the identity.
    ///
    /// A module whose [`forward`](Module::forward) computes gradients needs a recording tape: call
    /// [`predict_on`](Module::predict_on) `(&mut Tape::default(), inputs)`.
    ///
    /// # Panics
    /// If `forward` computes gradients, or the inputs do not fit: of those that come from outside,
    /// [`output_shape`](Module::output_shape) and [`check_inputs`](Module::check_inputs) tell before.
    #[track_caller]
    fn predict(&self, inputs: &Tensor<T>) -> Tensor<T> {
        self.predict_on(&mut Tape::values_only(), inputs)
    }

    /// [`predict`](Module::predict) on a given tape, which it clears first; repeated calls reuse its memory.
    ///
    /// ```
    /// use autograd::{Param, Tape, Tensor};
    /// use mlp::{Linear, Module};
    /// let layer = Linear { w: Param::new([[2.0]]), b: None };
    /// let mut tape = Tape::values_only();
    /// for x in [1.0, 2.0] {
    ///     assert_eq!(layer.predict_on(&mut tape, &Tensor::from([[x]])).item(), 2.0 * x);
    /// }
    /// ```
    #[track_caller]
    fn predict_on(&self, tape: &mut Tape<T>, inputs: &Tensor<T>) -> Tensor<T> {
        tape.clear();
        self.forward(tape.constant(inputs.clone())).value()
    }
}

/// A module whose type is known only at run time.
impl<T: Float, M: Module<T> + ?Sized> Module<T> for Box<M> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        (**self).forward(x)
    }

    fn forward_with<'t>(&self, x: Var<'t, T>, probe: &mut Probe<'_>) -> Var<'t, T> {
        (**self).forward_with(x, probe)
    }

    fn parameters(&self) -> Parameters<T> {
        (**self).parameters()
    }

    fn buffers(&self) -> Parameters<T> {
        (**self).buffers()
    }

    fn state_dict(&self) -> Result<StateDict<T>, Error> {
        (**self).state_dict()
    }

    fn config(&self) -> Result<Config, Error> {
        (**self).config()
    }

    fn describe(&self) -> Vec<LayerRow> {
        (**self).describe()
    }

    fn input_width(&self) -> Option<usize> {
        (**self).input_width()
    }

    fn output_shape(&self, input: &Shape) -> Result<Option<Shape>, Error> {
        (**self).output_shape(input)
    }

    fn check_inputs(&self, inputs: &Tensor<T>) -> Result<(), Error> {
        (**self).check_inputs(inputs)
    }

    fn keeps_values(&self) -> bool {
        (**self).keeps_values()
    }

    fn check_training(&self, input: &Shape) -> Result<(), Error> {
        (**self).check_training(input)
    }

    fn describe_for(&self, input: &Shape) -> Result<Vec<(LayerRow, Option<Shape>)>, Error> {
        (**self).describe_for(input)
    }

    fn output_activation(&self) -> Option<Activation> {
        (**self).output_activation()
    }
}

/// `Ok` if a model takes inputs of this shape, and their values, as far as it can tell before it computes.
pub(crate) fn takes<T: Float>(model: &(impl Module<T> + ?Sized), inputs: &Tensor<T>) -> Result<(), Error> {
    model.output_shape(inputs.shape())?;
    model.check_inputs(inputs)
}

/// `Neuron` for `my_crate::cells::Neuron<f64>`.
pub(crate) fn short_name(path: &str) -> &str {
    let path = path.split('<').next().unwrap_or(path);
    path.rsplit("::").next().unwrap_or(path)
}

/// One row of the table that a model prints.
///
/// ```
/// use mlp::{Activation, Module};
/// let row = &Module::<f64>::describe(&Activation::Tanh)[0];
/// assert_eq!((row.activation.as_str(), row.parameters), ("tanh", 0));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerRow {
    /// The kind of layer.
    pub layer: String,
    /// The row lengths of a sample, in → out; empty if the layer accepts any length.
    pub shape: String,
    /// The activation after the layer; empty if there is none.
    pub activation: String,
    /// The number of trainable values.
    pub parameters: usize,
}

/// Formats a model as a table of layer, shape, activation and parameter count, with the total.
///
/// ```
/// use mlp::{Activation, Mlp, summary};
/// use rand::{SeedableRng, rngs::StdRng};
/// let mut rng = StdRng::seed_from_u64(0);
/// let model: Mlp = Mlp::new(3).hidden(4, Activation::Sigmoid).output(2, Activation::Sigmoid).build(&mut rng)?;
/// assert_eq!(summary(&model), "\
/// layer     shape  activation  parameters
/// 0 linear  3 → 4  sigmoid             16
/// 1 linear  4 → 2  sigmoid             10
/// total                                26
/// ");
/// # Ok::<(), mlp::Error>(())
/// ```
pub fn summary<T: Float, M: Module<T> + ?Sized>(model: &M) -> String {
    table("shape", model.describe().into_iter().map(|row| (row.shape.clone(), row)).collect())
}

/// The same table, with the shape behind each layer for inputs of shape `input`; nothing is computed.
///
/// ```
/// use mlp::{Activation, Mlp, summary_for};
/// use rand::{SeedableRng, rngs::StdRng};
/// let mut rng = StdRng::seed_from_u64(0);
/// let model: Mlp = Mlp::new(3).hidden(4, Activation::Sigmoid).output(2, Activation::Sigmoid).build(&mut rng)?;
/// assert_eq!(summary_for(&model, [5, 3])?, "\
/// layer     output  activation  parameters
/// 0 linear  (5, 4)  sigmoid             16
/// 1 linear  (5, 2)  sigmoid             10
/// total                                 26
/// ");
/// let error = summary_for(&model, [5, 7]).unwrap_err();
/// assert!(error.to_string().starts_with("layer 0: linear: rows of 3 numbers are needed, the input has shape (5, 7)"));
/// # Ok::<(), mlp::Error>(())
/// ```
///
/// # Errors
/// If inputs of this shape do not fit; the error names the layer.
pub fn summary_for<T: Float, M: Module<T> + ?Sized>(model: &M, input: impl Into<Shape>) -> Result<String, Error> {
    Ok(table("output", model.describe_for(&input.into())?.into_iter().map(foretold).collect()))
}

/// A row, and its second cell: the shape behind it.
pub(crate) fn foretold((row, output): (LayerRow, Option<Shape>)) -> (String, LayerRow) {
    (output.map_or(String::from("unknown"), |shape| shape.to_string()), row)
}

/// A model as a table whose second column is `shape`.
pub(crate) fn table(shape: &str, rows: Vec<(String, LayerRow)>) -> String {
    let total: usize = rows.iter().map(|(_, row)| row.parameters).sum();
    let row = |a: &str, b: &str, c: &str, d: String| [a.to_string(), b.to_string(), c.to_string(), d];
    let mut cells = vec![row("layer", shape, "activation", "parameters".into())];
    cells.extend(rows.iter().map(|(shape, r)| row(&r.layer, shape, &r.activation, r.parameters.to_string())));
    cells.push(row("total", "", "", total.to_string()));
    let width = |column: usize| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let [a, b, c, d] = [0, 1, 2, 3].map(width);
    cells.iter().map(|[w, x, y, z]| format!("{w:a$}  {x:b$}  {y:c$}  {z:>d$}\n")).collect()
}

/// Names the position of the module that refused a shape.
fn at(i: usize) -> impl FnOnce(Error) -> Error {
    move |problem| Error::Layer { layer: i.to_string(), problem: Box::new(problem) }
}

/// The shape behind a chain of modules, `None` behind one that cannot tell.
pub(crate) fn shape_behind<'m, T: Float + 'm>(
    mut modules: impl Iterator<Item = &'m (dyn Module<T> + 'm)>,
    input: &Shape,
) -> Result<Option<Shape>, Error> {
    let mut i = 0;
    modules.try_fold(Some(input.clone()), |shape, module| {
        i += 1;
        shape.map_or(Ok(None), |shape| module.output_shape(&shape).map_err(at(i - 1)))
    })
}

/// `Ok` if each module of a chain can be trained on what reaches it, up to one that cannot tell the shape behind it.
pub(crate) fn check_training_of<'m, T: Float + 'm>(
    modules: impl Iterator<Item = &'m (dyn Module<T> + 'm)>,
    input: &Shape,
) -> Result<(), Error> {
    let mut shape = Some(input.clone());
    for (i, module) in modules.enumerate() {
        let Some(input) = shape else { return Ok(()) };
        module.check_training(&input).map_err(at(i))?;
        shape = module.output_shape(&input).map_err(at(i))?;
    }
    Ok(())
}

/// The rows of a chain of modules, numbered, with the shape behind each: that behind a module stands in its last row, so none is asked
/// twice, however deep chains lie in chains.
pub(crate) fn rows_for<'m, T: Float + 'm>(
    modules: impl Iterator<Item = &'m (dyn Module<T> + 'm)>,
    input: &Shape,
) -> Result<Vec<(LayerRow, Option<Shape>)>, Error> {
    let (mut rows, mut shape) = (vec![], Some(input.clone()));
    for (i, module) in modules.enumerate() {
        let (own, behind) = rows_behind(module, shape.as_ref()).map_err(at(i))?;
        rows.extend(own.into_iter().map(|(row, shape)| (numbered(i, row), shape)));
        shape = behind;
    }
    Ok(rows)
}

/// The rows of a module with the shape behind each, and the shape behind the module; `None` for an input that nobody can tell.
pub(crate) fn rows_behind<T: Float>(module: &dyn Module<T>, input: Option<&Shape>) -> Result<Behind, Error> {
    let rows = match input {
        Some(input) => module.describe_for(input)?,
        None => module.describe().into_iter().map(|row| (row, None)).collect(),
    };
    let shape = match (rows.last(), input) {
        (Some((_, behind)), _) => behind.clone(),
        (None, Some(input)) => module.output_shape(input)?,
        (None, None) => None,
    };
    Ok((rows, shape))
}

type Behind = (Vec<(LayerRow, Option<Shape>)>, Option<Shape>);

/// A row of the module at position `i`.
pub(crate) fn numbered(i: usize, row: LayerRow) -> LayerRow {
    LayerRow { layer: format!("{i} {}", row.layer), ..row }
}
