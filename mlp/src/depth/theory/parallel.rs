//! [`Joined`]: what becomes of the values of several branches.

use super::block::{Block, Piece};
use super::pass::Passed;
use super::signal::Signal;

/// How a [`Piece::Parallel`] joins what its branches make of one value.
///
/// Branches with weights of their own are independent of each other and of what they read, in wide layers. So means of products
/// are products of means, and at most one branch of a sum or a product may be without weights.
///
/// Gradients are taken as equally large in all features of a value. A product of values side by side with such of different sizes
/// would make them uneven before they are shared out, and is refused. Where one branch of a product passes on what it reads, and that
/// are values side by side, it is not seen, and the shares of the gradient are off.
///
/// ```
/// use mlp::Activation;
/// use mlp::theory::{Block, Joined, Signal};
/// // A gated unit (Dauphin et al. 2017): xV · σ(xW), of mean square σ_V²q·E[σ²].
/// let linear = || Block::new().linear(2.0, 0.0);
/// let gate = linear().activation(Activation::Sigmoid)?;
/// let unit = Block::new().parallel(Joined::Product, [linear(), gate.clone()]);
/// let (signal, sigmoid) = (Signal::normal(1.5), gate.variance_map(1.5)?);
/// assert!((unit.pass(&signal)?.signal.square - 3.0 * sigmoid).abs() < 1e-12);
/// assert_eq!(unit.to_string(), "linear(σ_w² = 2, σ_b² = 0) · (linear(σ_w² = 2, σ_b² = 0) → sigmoid)");
///
/// // x beside f(x), of 30 and 10 features, as in a DenseNet (Huang et al. 2017).
/// let dense = Block::new().parallel(Joined::Concat(vec![30, 10]), [Block::new(), linear()]);
/// assert!((dense.pass(&signal)?.signal.square - (0.75 * 1.5 + 0.25 * 3.0)).abs() < 1e-12);
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Joined {
    /// Their sum.
    Sum,
    /// Their product, number by number, as of a gate.
    Product,
    /// One beside the other: the features of each, of which there are so many. Their mean squares differ, so that what an activation
    /// reads behind it is not normal: a linear layer, or a layer or RMS norm and one, has to come first.
    Concat(Vec<usize>),
}

impl Block {
    /// Appends what several blocks make of one value, joined; a block without pieces passes the value on.
    ///
    /// # Panics
    /// If there are no branches, or not as many positive widths as branches.
    #[must_use]
    #[track_caller]
    pub fn parallel(self, joined: Joined, branches: impl IntoIterator<Item = Block>) -> Self {
        self.then(Piece::Parallel { joined, branches: branches.into_iter().collect() })
    }
}

/// What a branch gives.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    pub(super) signal: Signal,
    pub(super) product_slope: f64,
    pub(super) rates: [f64; 2],
}

impl End {
    /// Behind what is passed, or before it, where nothing is.
    pub(super) fn of(x: &Signal, rates: [f64; 2], passed: &[Passed]) -> Self {
        End {
            signal: passed.last().map_or(*x, |last| last.signal),
            product_slope: passed.iter().map(|passed| passed.product_slope).product(),
            rates: passed.last().map_or(rates, |last| last.rates),
        }
    }
}

impl Joined {
    #[track_caller]
    pub(super) fn assert_fits(&self, branches: usize) {
        assert!(branches > 0, "mean_field: there are no branches to join; give at least one");
        if let Joined::Concat(widths) = self {
            let fit = widths.len() == branches && !widths.contains(&0);
            assert!(fit, "mean_field: {branches} branches need as many widths above 0, not {widths:?}");
        }
    }

    /// Whether independence holds, else why not.
    pub(super) fn check(&self, branches: &[Block], ends: &[End]) -> Result<(), &'static str> {
        let bare = branches.iter().filter(|branch| !branch.mixes()).count();
        let uneven = ends.iter().filter(|end| end.signal.uneven).count();
        let even_beside =
            || branches.iter().zip(ends).any(|(branch, end)| !end.signal.uneven && branch.ends_side_by_side());
        match self {
            Joined::Sum | Joined::Product if bare > 1 => Err(
                "several of its branches have no weights, so that they depend on each other; put a linear layer into \
                     all but one",
            ),
            Joined::Product if uneven > 1 => Err(
                "several of its branches end with values side by side of different sizes; put a linear layer behind them",
            ),
            Joined::Product if uneven == 1 && even_beside() => Err(
                "two of its branches end with values side by side, one of them with such of different sizes, so that the \
                 gradient of the other is uneven; put a linear layer behind them",
            ),
            _ => Ok(()),
        }
    }

    /// The share of each branch in the features.
    fn shares(widths: &[usize]) -> impl Iterator<Item = f64> + '_ {
        let all: f64 = widths.iter().map(|&width| width as f64).sum();
        widths.iter().map(move |&width| width as f64 / all)
    }

    /// What multiplies the squared gradient, and the product of those of two samples, on their way into each branch.
    pub(super) fn back_factors(&self, ends: &[End]) -> Vec<[f64; 2]> {
        let others = |i: usize, of: fn(&Signal) -> f64| {
            ends.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, end)| of(&end.signal)).product::<f64>()
        };
        match self {
            Joined::Sum => vec![[1.0; 2]; ends.len()],
            Joined::Product => (0..ends.len())
                .map(|i| [others(i, |signal| signal.square), others(i, |signal| signal.product.unwrap_or(f64::NAN))])
                .collect(),
            Joined::Concat(widths) => Joined::shares(widths).map(|share| [share; 2]).collect(),
        }
    }

    /// The joined value.
    pub(super) fn joined(&self, ends: &[End]) -> End {
        let all = |of: &dyn Fn(&End) -> f64| ends.iter().map(of).collect::<Vec<f64>>();
        let means = all(&|end| end.signal.mean);
        let squares = all(&|end| end.signal.square);
        let products = all(&|end| end.signal.product.unwrap_or(f64::NAN));
        let places = all(&|end| end.signal.places.unwrap_or(f64::NAN));
        let slopes = all(&|end| end.product_slope);
        let [of_means, of_squares] = [0, 1].map(|i| all(&|end| end.rates[i]));
        let normal = ends.iter().all(|end| end.signal.normal);
        let uneven = ends.iter().any(|end| end.signal.uneven);
        let sum = |values: &[f64]| values.iter().sum::<f64>();
        let product = |values: &[f64]| values.iter().product::<f64>();
        // The derivative of a product.
        let changed = |values: &[f64], rates: &[f64]| {
            let one = |i: usize| (0..values.len()).map(|j| if i == j { rates[j] } else { values[j] }).product::<f64>();
            (0..values.len()).map(one).sum::<f64>()
        };
        let followed = |product: f64, of: fn(&Signal) -> Option<f64>| {
            ends.iter().all(|end| of(&end.signal).is_some()).then_some(product)
        };
        let signal = |mean: f64, square: f64, [product, places]: [f64; 2], normal: bool, uneven: bool| Signal {
            mean,
            square,
            product: followed(product, |signal| signal.product),
            places: followed(places, |signal| signal.places),
            normal,
            data: None,
            uneven,
        };
        match self {
            Joined::Sum => {
                // Σ_{f≠g} E[f]·E[g]
                let mean = sum(&means);
                let cross = mean * mean - means.iter().map(|mean| mean * mean).sum::<f64>();
                let change = 2.0 * means.iter().zip(&of_means).map(|(m, rate)| (mean - m) * rate).sum::<f64>();
                End {
                    signal: signal(
                        mean,
                        sum(&squares) + cross,
                        [&products, &places].map(|all| sum(all) + cross),
                        normal,
                        uneven,
                    ),
                    product_slope: sum(&slopes),
                    rates: [sum(&of_means), sum(&of_squares) + change],
                }
            }
            Joined::Product => End {
                signal: signal(
                    product(&means),
                    product(&squares),
                    [&products, &places].map(|all| product(all)),
                    normal && ends.len() == 1,
                    uneven,
                ),
                product_slope: changed(&products, &slopes),
                rates: [changed(&means, &of_means), changed(&squares, &of_squares)],
            },
            Joined::Concat(widths) => {
                let shares: Vec<f64> = Joined::shares(widths).collect();
                let mix = |values: &[f64]| values.iter().zip(&shares).map(|(value, share)| value * share).sum::<f64>();
                let even =
                    squares.iter().all(|&square| square == squares[0]) && means.iter().all(|&mean| mean == means[0]);
                End {
                    signal: signal(
                        mix(&means),
                        mix(&squares),
                        [&products, &places].map(|all| mix(all)),
                        normal && even,
                        uneven || !even,
                    ),
                    product_slope: mix(&slopes),
                    rates: [mix(&of_means), mix(&of_squares)],
                }
            }
        }
    }
}
