//! A function's own code as a source: its values and derivatives, each counted and held to its shape.

use std::cell::{OnceCell, RefCell};

use super::super::compare::{largest, place};
use super::super::report::Calls;
use super::super::source::{Asymmetry, Source, Tally};
use super::super::subject::{At, Gradient};
use super::{Function, fit};
use crate::error::Error;
use crate::number::Float;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// A function of one's own while it is checked.
pub(super) struct Own<'f, 'a, T: Float> {
    f: &'f Function<'a, T>,
    names: Vec<String>,
    /// The derivatives that are given, the one that is compared with differences first.
    ways: Vec<Way>,
    /// The shape of the function's first result, which all others must have.
    output: OnceCell<Shape>,
    refused: RefCell<Option<Error>>,
    tally: Tally,
}

/// A way of taking the derivative of the first order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Vjp,
    Gradient,
    Jacobian,
    Jvp,
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Way::Vjp => "vjp",
            Way::Gradient => "gradient",
            Way::Jacobian => "Jacobian",
            Way::Jvp => "jvp",
        }
    }
}

/// A vjp is called for each output, to tell which is wrong, up to this many.
const OUTPUTS: usize = 64;

impl<'f, 'a, T: Float> Own<'f, 'a, T> {
    pub(super) fn new(f: &'f Function<'a, T>, names: Vec<String>) -> Self {
        let given = [
            f.vjp.is_some().then_some(Way::Vjp),
            f.gradient.is_some().then_some(Way::Gradient),
            f.jacobian.is_some().then_some(Way::Jacobian),
            f.jvp.is_some().then_some(Way::Jvp),
        ];
        let ways = given.into_iter().flatten().collect();
        let (output, refused, tally) = (OnceCell::new(), RefCell::default(), Tally::default());
        Own { f, names, ways, output, refused, tally }
    }

    /// Checks that there is a derivative, and that it is one of such an output.
    pub(super) fn can_differentiate(&self, output: &Shape) -> Result<(), Error> {
        let Function { gradient, hessian, hvp, .. } = self.f;
        let refuse = |why: String| Err(Error::Check(why));
        let of_one = [("gradient", gradient.is_some()), ("Hessian", hessian.is_some()), ("hvp", hvp.is_some())];
        if self.ways.is_empty() {
            return match of_one.into_iter().find(|(_, given)| *given) {
                Some((what, _)) => {
                    let article = if what == "hvp" { "an" } else { "a" };
                    refuse(format!("{article} {what} is compared with differences of the gradient; give that too"))
                }
                None => refuse("no derivative is given; give a gradient, a vjp, a jvp or a Jacobian".into()),
            };
        }
        for (what, given) in of_one {
            if given && output.numel() != 1 {
                return refuse(format!(
                    "a {what} is that of one value, and the function returns an array of shape {output}; give a vjp, a jvp or a \
                     Jacobian"
                ));
            }
        }
        Ok(())
    }

    /// Keeps the first error; what is computed after it does not count.
    fn fits(&self, found: Result<(), Error>) -> bool {
        let fits = found.is_ok();
        if let Err(error) = found {
            self.refused.borrow_mut().get_or_insert(error);
        }
        fits
    }

    /// Calls a derivative that gives one array for each input.
    fn arrays(
        &self,
        what: &str,
        needed: impl Fn(usize) -> Shape,
        call: impl FnOnce() -> Vec<Tensor<T>>,
    ) -> Option<Vec<Tensor<T>>> {
        self.tally.differentiated(1);
        let arrays = call();
        self.fits(fit::each(what, &arrays, &self.names, needed)).then_some(arrays)
    }

    fn vjp(&self, x: &[Tensor<T>], v: &Tensor<T>) -> Option<Vec<Tensor<T>>> {
        let vjp = self.f.vjp.as_ref()?;
        self.arrays("vjp", |input| x[input].shape().clone(), || vjp(x, v))
    }

    fn jvp(&self, x: &[Tensor<T>], u: &[Tensor<T>]) -> Option<Tensor<T>> {
        let jvp = self.f.jvp.as_ref()?;
        self.tally.differentiated(1);
        let found = jvp(x, u);
        self.fits(fit::one("the jvp", found.shape(), self.output.get()?)).then_some(found)
    }

    fn jacobian(&self, x: &[Tensor<T>]) -> Option<Vec<Tensor<T>>> {
        let jacobian = self.f.jacobian.as_ref()?;
        let output = self.output.get()?;
        self.arrays("Jacobian", |input| fit::joined(output, x[input].shape()), || jacobian(x))
    }

    /// The blocks of the Hessian.
    fn hessian(&self, x: &[Tensor<T>]) -> Option<Vec<Vec<Tensor<T>>>> {
        let hessian = self.f.hessian.as_ref()?;
        self.tally.differentiated(1);
        let rows = hessian(x);
        let found = if rows.len() == x.len() {
            rows.iter().zip(x).zip(&self.names).try_for_each(|((row, a), name)| {
                let what = format!("Hessian's row of {name}");
                fit::each(&what, row, &self.names, |input| fit::joined(a.shape(), x[input].shape()))
            })
        } else {
            let (found, inputs) = (rows.len(), x.len());
            Err(Error::Check(format!("the Hessian has {found} rows of blocks for {inputs} inputs; give each its row")))
        };
        self.fits(found).then_some(rows)
    }

    /// The Hessian times `w`.
    fn hvp(&self, x: &[Tensor<T>], w: &[Tensor<T>]) -> Option<Vec<Tensor>> {
        let hvp = self.f.hvp.as_ref()?;
        let found = self.arrays("hvp", |input| x[input].shape().clone(), || hvp(x, w))?;
        Some(found.iter().map(Tensor::cast).collect())
    }

    /// The weights `w` times the Hessian.
    fn weighted_hessian(&self, x: &[Tensor<T>], w: &[Tensor<T>]) -> Option<Vec<Tensor>> {
        let rows = self.hessian(x)?;
        let column = |j: usize| {
            let blocks = rows.iter().zip(w).map(|(row, w)| first_contracted(&row[j], w, x[j].shape()));
            blocks.reduce(|a, b| a + b).expect("an input")
        };
        Some((0..x.len()).map(column).collect())
    }

    /// The gradient of `scale·⟨v, f⟩` in one way.
    fn gradient_by(&self, way: Way, x: &[Tensor<T>], v: &Tensor<T>, scale: f64) -> Option<Vec<Tensor>> {
        match way {
            Way::Vjp => {
                let found = self.vjp(x, &v.map(|v| T::from_f64(v.to_f64() * scale)))?;
                Some(found.iter().map(Tensor::cast).collect())
            }
            Way::Gradient => {
                let gradient = self.f.gradient.as_ref()?;
                let found = self.arrays("gradient", |input| x[input].shape().clone(), || gradient(x))?;
                let scale = scale * v.as_slice()[0].to_f64();
                Some(found.iter().map(|g| g.cast::<f64>() * scale).collect())
            }
            Way::Jacobian => {
                let found = self.jacobian(x)?;
                Some(found.iter().zip(x).map(|(j, x)| first_contracted(j, v, x.shape()) * scale).collect())
            }
            Way::Jvp => {
                let mut u: Vec<Tensor<T>> = x.iter().map(|x| Tensor::zeros(x.shape())).collect();
                let mut found: Vec<Tensor> = x.iter().map(|x| Tensor::zeros(x.shape())).collect();
                for input in 0..x.len() {
                    for at in 0..x[input].numel() {
                        u[input].as_mut_slice()[at] = T::from_f64(scale);
                        found[input].as_mut_slice()[at] = dot(v, &self.jvp(x, &u)?);
                        u[input].as_mut_slice()[at] = T::zero();
                    }
                }
                Some(found)
            }
        }
    }

    /// The gradient, or the Hessian times the weights of the gradient.
    fn gradient_at(&self, at: &At<T>, x: &[Tensor<T>], scale: f64) -> Vec<Tensor> {
        let found = match &at.w[..] {
            [] => self.gradient_by(self.ways[0], x, &at.v, scale),
            // Its products take the scale as a rule does: with what comes in.
            [w, ..] => {
                let scale = scale * at.v.as_slice()[0].to_f64();
                match &self.f.hessian {
                    Some(_) => self.weighted_hessian(x, w).map(|rows| rows.iter().map(|row| row * scale).collect()),
                    None => {
                        self.hvp(x, &w.iter().map(|w| w.map(|w| T::from_f64(w.to_f64() * scale))).collect::<Vec<_>>())
                    }
                }
            }
        };
        found.unwrap_or_else(|| x.iter().map(|x| Tensor::full(x.shape(), f64::NAN)).collect())
    }
}

impl<T: Float> Source<T> for Own<'_, '_, T> {
    fn name(&self, order: usize) -> &'static str {
        match (order, &self.f.hessian) {
            (..=1, _) => self.ways[0].name(),
            (_, Some(_)) => "Hessian",
            (_, None) => "hvp",
        }
    }

    fn output(&self, x: &[Tensor<T>]) -> Tensor<T> {
        self.tally.evaluated();
        let y = (self.f.value)(x);
        let first = self.output.get_or_init(|| y.shape().clone());
        if y.shape() == first {
            return y;
        }
        let text = format!("the function returns shape {first} at the point, and {} near it", y.shape());
        self.fits(Err(Error::Check(text)));
        Tensor::full(first, T::from_f64(f64::NAN))
    }

    fn value(&self, at: &At<T>, x: &[Tensor<T>]) -> f64 {
        self.terms(at, x).into_iter().map(|(w, y)| w * y).sum()
    }

    fn terms(&self, at: &At<T>, x: &[Tensor<T>]) -> Vec<(f64, f64)> {
        let pairs = |w: &Tensor<T>, y: &Tensor| -> Vec<(f64, f64)> {
            w.as_slice().iter().zip(y.as_slice()).map(|(w, y)| (w.to_f64(), *y)).collect()
        };
        match &at.w[..] {
            [] => pairs(&at.v, &self.output(x).cast()),
            [before @ .., w] => {
                let before = At { point: vec![], v: at.v.clone(), w: before.to_vec() };
                let gradient = self.gradient_at(&before, x, 1.0);
                w.iter().zip(&gradient).flat_map(|(w, g)| pairs(w, g)).collect()
            }
        }
    }

    fn gradient(&self, at: &At<T>, scale: f64) -> Gradient {
        let reached = |g: Tensor| {
            let any = g.as_slice().iter().any(|&g| g != 0.0);
            (g, any)
        };
        self.gradient_at(at, &at.point, scale).into_iter().map(reached).collect()
    }

    fn scales_by_rule(&self, at: &At<T>) -> bool {
        if at.w.is_empty() { matches!(self.ways[0], Way::Vjp | Way::Jvp) } else { self.f.hessian.is_none() }
    }

    fn other_gradients(&self, at: &At<T>) -> Vec<(&'static str, Vec<Tensor>)> {
        if let Some(w) = at.w.first() {
            let both = self.f.hessian.is_some().then(|| self.hvp(&at.point, w)).flatten();
            return both.into_iter().map(|found| ("hvp", found)).collect();
        }
        let others = self.ways[1..].iter().filter(|&&way| way != Way::Jvp);
        others.filter_map(|&way| Some((way.name(), self.gradient_by(way, &at.point, &at.v, 1.0)?))).collect()
    }

    fn tangent(&self, at: &At<T>, u: &[Tensor<T>]) -> Result<Option<f64>, Error> {
        let first = at.w.is_empty().then(|| self.jvp(&at.point, u)).flatten();
        Ok(first.map(|found| dot(&at.v, &found)))
    }

    fn output_tangent(&self, at: &At<T>, u: &[Tensor<T>]) -> Option<Tensor<T>> {
        let x = &at.point;
        match self.ways[0] {
            Way::Gradient => None,
            Way::Jvp => self.jvp(x, u),
            Way::Jacobian => {
                let mut sum = vec![0.0; at.v.numel()];
                for (j, u) in self.jacobian(x)?.iter().zip(u) {
                    let rows = j.as_slice().chunks(u.numel().max(1));
                    sum.iter_mut().zip(rows).for_each(|(sum, row)| *sum += products(row, u.as_slice()));
                }
                Some(Tensor::new(at.v.shape(), sum).cast())
            }
            Way::Vjp => {
                let mut rows = vec![];
                for output in 0..Some(at.v.numel()).filter(|&n| n <= OUTPUTS)? {
                    let mut v = Tensor::zeros(at.v.shape());
                    v.as_mut_slice()[output] = T::one();
                    rows.push(self.vjp(x, &v)?.iter().zip(u).map(|(g, u)| dot(g, u)).sum::<f64>());
                }
                Some(Tensor::new(at.v.shape(), rows).cast())
            }
        }
    }

    fn asymmetry(&self, at: &At<T>) -> Option<Asymmetry> {
        let x = &at.point;
        let rows = if at.w.len() == 1 { self.hessian(x)? } else { return None };
        let entry =
            |(i, a): (usize, usize), (j, b): (usize, usize)| rows[i][j].as_slice()[a * x[j].numel() + b].to_f64();
        let all = || (0..x.len()).flat_map(|i| (0..x[i].numel()).map(move |a| (i, a)));
        let pairs = all().flat_map(|one| all().take_while(move |&other| other < one).map(move |other| (one, other)));
        let gap = |&(one, other): &((usize, usize), (usize, usize))| (entry(one, other) - entry(other, one)).abs();
        let (one, other) = pairs.filter(|pair| gap(pair).is_finite()).max_by(|a, b| gap(a).total_cmp(&gap(b)))?;
        let (gap, above, below) = (gap(&(one, other)), entry(one, other), entry(other, one));
        let most = rows.iter().flatten().map(|block| largest(&block.cast())).fold(0.0, f64::max);
        let name = |(input, at): (usize, usize)| place(&self.names[input], x[input].shape(), at);
        let (one, other) = (name(one), name(other));
        let text = format!(
            "the Hessian is not symmetric: by {one} and {other} it has {above:.6}, by {other} and {one} {below:.6}"
        );
        (gap > most * (1e3 * T::EPSILON).max(1e-8)).then(|| Asymmetry { text, part: gap / most })
    }

    /// That of the values' own last digits: how they were computed is not known.
    fn noise(&self, at: &At<T>) -> f64 {
        let squares = self.terms(at, &at.point).into_iter().map(|(w, y)| (w * y).powi(2)).filter(|y| y.is_finite());
        0.5 * T::EPSILON * squares.sum::<f64>().sqrt()
    }

    fn refused(&self) -> Option<Error> {
        self.refused.borrow().clone()
    }

    fn calls(&self) -> Calls {
        self.tally.calls()
    }
}

fn products<T: Float>(a: &[T], b: &[T]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a.to_f64() * b.to_f64()).sum()
}

fn dot<T: Float>(a: &Tensor<T>, b: &Tensor<T>) -> f64 {
    products(a.as_slice(), b.as_slice())
}

/// `Σₐ vₐ·mₐ` over the leading axes of `m`, which are those of `v`; the others are those of `shape`.
fn first_contracted<T: Float>(m: &Tensor<T>, v: &Tensor<T>, shape: &Shape) -> Tensor {
    let mut sum = Tensor::zeros(shape);
    let rows = m.as_slice().chunks(shape.numel().max(1));
    for (row, v) in rows.zip(v.as_slice()) {
        sum.as_mut_slice().iter_mut().zip(row).for_each(|(sum, m)| *sum += v.to_f64() * m.to_f64());
    }
    sum
}
