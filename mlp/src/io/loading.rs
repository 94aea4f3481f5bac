//! [`Loading`]: weights of another number type, in part, or under other names.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fmt, fs};

use autograd::{Float, Parameters, Shape};

use super::format::{Stored, Values};
use crate::error::{Error, Result, list};
use crate::nn::module::Module;
use crate::nn::state_dict::StateDict;

/// How weights are loaded, where [`io::load`](super::load) and [`io::torch::load`](super::torch::load) are too strict.
///
/// If a value cannot be loaded, nothing changes.
///
/// ```
/// use autograd::{Param, Parameters, Tensor};
/// use mlp::io::{self, Loading};
/// let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("weights.safetensors");
/// let (w, b) = (Param::<f64>::new([[0.1, 0.2]]), Param::new([0.5]));
/// io::save(&Parameters::new().with("encoder.w", &w).with("encoder.b", &b).with("decoder.w", &w), &path)?;
///
/// let (w, c) = (Param::<f32>::new([[0.0, 0.0]]), Param::new([0.0]));
/// let model = Parameters::new().with("w", &w).with("c", &c);
/// let loaded = Loading::new().cast().partial().prefix("encoder.").load(&model, &path)?;
/// assert_eq!(w.value(), Tensor::from([[0.1, 0.2]]));
/// assert_eq!((&loaded.loaded[..], &loaded.missing[..]), (&["w".into()][..], &["c".into()][..]));
/// assert_eq!(loaded.unexpected, ["encoder.b"]);
/// assert_eq!(loaded.to_string(), "\
/// loaded 1: `w`
/// missing in the file 1: `c`
/// not in the model 1: `encoder.b`
/// ");
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Default)]
pub struct Loading<'f> {
    cast: bool,
    partial: bool,
    any: bool,
    names: Option<Box<Rename<'f>>>,
}

/// The name in the model of a name in the file.
type Rename<'f> = dyn Fn(&str) -> Option<String> + 'f;

impl<'f> Loading<'f> {
    /// Everything must fit, as for [`io::load`](super::load).
    pub fn new() -> Self {
        Loading::default()
    }

    /// Converts numbers of another type: `f32`, `f64`, `f16` and `bf16` to those of the model, to the nearest.
    #[must_use]
    pub fn cast(self) -> Self {
        Loading { cast: true, ..self }
    }

    /// Loads what fits, and [reports](Loaded) the rest; at least one parameter must fit.
    #[must_use]
    pub fn partial(self) -> Self {
        Loading { partial: true, ..self }
    }

    /// Accepts NaN and ∞, as [`io::load_as_is`](super::load_as_is).
    #[must_use]
    pub fn as_is(self) -> Self {
        Loading { any: true, ..self }
    }

    /// Reads only the names in the file that begin with `prefix`, such as `encoder.`, and takes it off.
    #[must_use]
    pub fn prefix(self, prefix: impl Into<String>) -> Self {
        let prefix = prefix.into();
        self.names(move |name| name.strip_prefix(&prefix).map(str::to_string))
    }

    /// Says which name in the model a name in the file stands for; `None` leaves it out. Several such maps act one after another.
    ///
    /// ```
    /// use autograd::{Param, Parameters};
    /// use mlp::io::{self, Loading};
    /// let folder = tempfile::tempdir().unwrap();
    /// let path = folder.path().join("weights.safetensors");
    /// io::save(&Parameters::new().with("layer1.w", &Param::new([7.0])), &path)?;
    /// let w = Param::new([0.0]);
    /// let loading = Loading::new().names(|name| Some(name.replace("layer1", "first")));
    /// loading.load(&Parameters::new().with("first.w", &w), &path)?;
    /// assert_eq!(w.value().item(), 7.0);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    #[must_use]
    pub fn names(self, name: impl Fn(&str) -> Option<String> + 'f) -> Self {
        let names: Box<Rename<'f>> = match self.names {
            Some(before) => Box::new(move |stored| name(&before(stored)?)),
            None => Box::new(name),
        };
        Loading { names: Some(names), ..self }
    }

    /// Loads parameters under their names.
    ///
    /// # Errors
    /// As [`io::load`](super::load), except for what is allowed; if two names in the file stand for one; if of a partial loading nothing fits.
    pub fn load<T: Float>(&self, parameters: &Parameters<T>, path: impl AsRef<Path>) -> Result<Loaded> {
        self.read(&StateDict::from(parameters), path.as_ref())
    }

    /// Loads parameters and buffers under PyTorch's [names](super::torch).
    ///
    /// # Errors
    /// As [`load`](Loading::load), and if a part of the model has no counterpart in PyTorch.
    pub fn load_torch<T: Float>(&self, model: &(impl Module<T> + ?Sized), path: impl AsRef<Path>) -> Result<Loaded> {
        self.read(&model.state_dict()?, path.as_ref())
    }

    fn read<T: Float>(&self, dict: &StateDict<T>, path: &Path) -> Result<Loaded> {
        let bytes = fs::read(path).map_err(Error::io(path))?;
        let stored = Stored::parse(path, &bytes)?;
        let mut places = self.places(&stored)?;
        let found = || self.places(&stored).map(|places| places.into_keys().collect::<Vec<_>>());
        let (mut values, mut report) = (Values::default(), Loaded::default());
        for entry in &dict.entries {
            let absent: Vec<&String> = entry.names.iter().filter(|name| !places.contains_key(*name)).collect();
            if entry.params.is_empty() {
                places.retain(|name, _| !entry.names.contains(name));
                continue;
            }
            if let Some(first) = absent.first() {
                if !self.partial {
                    let (path, parameter) = (path.to_owned(), first.to_string());
                    return Err(Error::MissingParameter { path, parameter, found: found()? });
                }
                report.missing.extend(absent.into_iter().cloned());
                continue;
            }
            let needed = entry.shape();
            let mut tensors = vec![];
            for name in &entry.names {
                let place = places.remove(name).expect("none is absent");
                let tensor = stored.tensor_as::<T>(place, self.cast)?;
                if *tensor.shape() != needed {
                    let (found, expected) = (Box::new(tensor.shape().clone()), Box::new(needed.clone()));
                    if !self.partial {
                        let (path, parameter) = (path.to_owned(), place.to_string());
                        return Err(Error::ParameterShape { path, parameter, found, expected });
                    }
                    report.shapes.push(OtherShape { name: name.clone(), found: *found, expected: *expected });
                    continue;
                }
                stored.check_finite(place, &tensor, self.any)?;
                tensors.push(tensor);
            }
            if tensors.len() == entry.names.len() {
                for (param, value) in entry.values(tensors) {
                    values.add(&stored, &entry.names[0], param, value)?;
                }
                report.loaded.extend(entry.names.iter().cloned());
            }
        }
        report.unexpected = places.into_values().map(str::to_string).collect();
        if !self.partial
            && let Some(parameter) = report.unexpected.first()
        {
            let expected = dict.names().map(str::to_string).collect();
            return Err(Error::UnexpectedParameter { path: path.to_owned(), parameter: parameter.clone(), expected });
        }
        if self.partial && report.loaded.is_empty() && dict.names().next().is_some() {
            let (needed, found) = (dict.names().map(str::to_string).collect::<Vec<_>>(), &stored.names);
            let problem = format!(
                "nothing in it fits the model, which has {}; the file holds {}: map its names with Loading::names",
                list(&needed),
                list(found)
            );
            return Err(stored.refused(problem));
        }
        super::set(values.list)?;
        Ok(report)
    }

    /// The names in the file, by those that they stand for.
    fn places<'s>(&self, stored: &'s Stored<'_>) -> Result<BTreeMap<String, &'s str>> {
        let mut places: BTreeMap<String, &str> = BTreeMap::new();
        for name in &stored.names {
            let meant = self.names.as_ref().map_or_else(|| Some(name.clone()), |rename| rename(name));
            let Some(meant) = meant else { continue };
            if let Some(other) = places.insert(meant.clone(), name) {
                let problem =
                    format!("`{other}` and `{name}` both stand for `{meant}`; leave one out in Loading::names");
                return Err(stored.refused(problem));
            }
        }
        Ok(places)
    }
}

impl fmt::Debug for Loading<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Loading { cast, partial, any, names } = self;
        let mut shown = f.debug_struct("Loading");
        shown
            .field("cast", cast)
            .field("partial", partial)
            .field("as_is", any)
            .field("names", &names.is_some())
            .finish()
    }
}

/// What a [`Loading`] has loaded, and what not.
///
/// Its text has a line for each of the four that is not empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Loaded {
    /// The names in the model that were loaded.
    pub loaded: Vec<String>,
    /// The names in the model that the file does not have.
    pub missing: Vec<String>,
    /// The names in the file, among those that were not left out, of which the model has no use.
    pub unexpected: Vec<String>,
    /// The names whose shapes differ.
    pub shapes: Vec<OtherShape>,
}

/// A name under which file and model have other shapes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OtherShape {
    /// The name in the model.
    pub name: String,
    /// The shape in the file.
    pub found: Shape,
    /// The shape that the model needs.
    pub expected: Shape,
}

impl Loaded {
    /// Whether all of the model was loaded, from all of the file that was not left out.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty() && self.shapes.is_empty()
    }
}

impl fmt::Display for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, names) in
            [("loaded", &self.loaded), ("missing in the file", &self.missing), ("not in the model", &self.unexpected)]
        {
            if !names.is_empty() {
                writeln!(f, "{what} {}: {}", names.len(), list(names))?;
            }
        }
        for OtherShape { name, found, expected } in &self.shapes {
            writeln!(f, "of another shape: `{name}` is {found} in the file and {expected} in the model")?;
        }
        Ok(())
    }
}
