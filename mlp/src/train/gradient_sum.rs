//! [`GradientSum`]: gradients of several sweeps, as one.

use autograd::{Float, Gradient, Gradients, Param, Parameters, Tape, Tensor};
use indexmap::IndexSet;

/// The sum of the gradients of several sweeps, to step along as one (gradient accumulation).
///
/// A batch that does not fit in memory is swept in pieces, each piece's mean loss times the share of the samples that it
/// holds; the sum is the gradient of the mean over all of them. [`Trainer::accumulate`](crate::Trainer::accumulate) does so.
///
/// ```
/// use autograd::{Param, Tape, Tensor};
/// use mlp::train::GradientSum;
/// use mlp::{Dataset, Linear, Loss, Module, Mse, Optimizer, Sgd};
/// let data = Dataset::new(Tensor::from([[1.0], [2.0], [4.0]]), Tensor::from([[1.0], [1.0], [1.0]]))?;
/// let model = Linear { w: Param::new([[0.5]]), b: None };
/// let mut sum = GradientSum::new(&model.parameters());
/// let mut tape = Tape::new();
/// for piece in data.batches(2, None)? {
///     tape.clear();
///     let mean = Mse.mean(model.forward(tape.constant(piece.inputs().clone())), piece.targets())?;
///     sum.add(&(mean * (piece.len() as f64 / data.len() as f64)).backward());
/// }
/// let gradients = sum.gradients(&mut tape);
/// let whole = Tape::new();
/// let mean = Mse.mean(model.forward(whole.constant(data.inputs().clone())), data.targets())?;
/// assert!((gradients[&model.w].item() - mean.backward()[&model.w].item()).abs() < 1e-15);
/// Sgd::new(&model.parameters(), 0.1).step(&gradients);
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug)]
pub struct GradientSum<T: Float = f64> {
    /// A parameter has no sum if nothing depends on it.
    sums: Vec<(Param<T>, Option<Sum<T>>)>,
}

#[derive(Debug)]
pub(super) enum Sum<T: Float> {
    Whole(Tensor<T>),
    /// The rows that were read of a parameter with a gradient [by rows](Param::set_by_rows), and their values in this order.
    Rows(IndexSet<usize>, Vec<T>),
}

impl<T: Float> GradientSum<T> {
    /// An empty sum for these parameters.
    pub fn new(parameters: &Parameters<T>) -> Self {
        GradientSum { sums: parameters.distinct().map(|(_, param)| (param.clone(), None)).collect() }
    }

    /// Adds the gradients of a sweep; those by rows stay by rows.
    pub fn add(&mut self, gradients: &Gradients<'_, T>) {
        for (param, sum) in &mut self.sums {
            if let Some((rows, values)) = gradients.rows_of(param) {
                sum.get_or_insert_with(Sum::no_rows).add_rows(rows, values);
            } else if let Some(gradient) = gradients.of(param) {
                *sum = Some(match sum.take() {
                    None => Sum::Whole(gradient.clone()),
                    Some(sum) => sum.plus(gradient),
                });
            }
        }
    }

    /// The sum as gradients on a tape, which is cleared first.
    #[track_caller]
    pub fn gradients<'t>(&self, tape: &'t mut Tape<T>) -> Gradients<'t, T> {
        let given = self.sums.iter().filter_map(|(param, sum)| Some((param.clone(), sum.as_ref()?.gradient())));
        Gradients::given(tape, given)
    }
}

impl<T: Float> Sum<T> {
    pub(super) fn no_rows() -> Self {
        Sum::Rows(IndexSet::new(), Vec::new())
    }

    fn gradient(&self) -> Gradient<T> {
        match self {
            Sum::Whole(sum) => Gradient::Whole(sum.clone()),
            Sum::Rows(rows, values) => Gradient::Rows(rows.iter().copied().collect(), values.clone()),
        }
    }

    pub(super) fn add_rows(&mut self, rows: &[usize], values: &[T]) {
        if rows.is_empty() {
            return;
        }
        let width = values.len() / rows.len();
        for (at, &row) in rows.iter().enumerate() {
            let values = &values[at * width..(at + 1) * width];
            match self {
                Sum::Whole(sum) => add(&mut sum.as_mut_slice()[row * width..(row + 1) * width], values),
                Sum::Rows(known, sums) => match known.insert_full(row) {
                    (_, true) => sums.extend_from_slice(values),
                    (at, false) => add(&mut sums[at * width..(at + 1) * width], values),
                },
            }
        }
    }

    /// The sum with a whole gradient.
    pub(super) fn plus(self, gradient: &Tensor<T>) -> Self {
        match self {
            Sum::Whole(mut sum) => {
                add(sum.as_mut_slice(), gradient.as_slice());
                Sum::Whole(sum)
            }
            Sum::Rows(rows, values) => {
                let mut sum = Sum::Whole(gradient.clone());
                sum.add_rows(&rows.into_iter().collect::<Vec<_>>(), &values);
                sum
            }
        }
    }
}

pub(super) fn add<T: Float>(sum: &mut [T], values: &[T]) {
    sum.iter_mut().zip(values).for_each(|(sum, x)| *sum = *sum + *x);
}
