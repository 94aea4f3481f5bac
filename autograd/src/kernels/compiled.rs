//! The kernels as the rest of the crate calls them.
//!
//! A generic function is compiled again in each crate that calls it, and the table's rows for each type and instruction set are most
//! of this one. As methods of `f32` and `f64` they are compiled here, once: a program that uses the library links in seconds.

use super::elementwise::Runs;
use super::product::Matrix;
use super::reduce::Loops;
use super::{elementwise, normalize, product, reduce, softmax};
use crate::number::Float;
use crate::ops::rows::{Args, Binary, Unary};

macro_rules! compiled {
    ($($module:ident::$name:ident($($arg:ident: $type:ty),*);)*) => {
        /// Types that have kernels. Sealed: `f32` and `f64`.
        #[allow(clippy::too_many_arguments, private_interfaces)] // nobody else calls it
        pub trait Compiled<T> {
            $(#[doc(hidden)] fn $name($($arg: $type),*);)*
        }
        compiled!(impl f32: $($module::$name($($arg: $type),*);)*);
        compiled!(impl f64: $($module::$name($($arg: $type),*);)*);

        $(
            #[doc = concat!("See `", stringify!($module), "::", stringify!($name), "`.")]
            #[allow(clippy::too_many_arguments)]
            #[inline(always)]
            pub(crate) fn $name<T: Float>($($arg: $type),*) {
                <T as Compiled<T>>::$name($($arg),*);
            }
        )*
    };
    (impl $F:ident: $($module:ident::$name:ident($($arg:ident: $type:ty),*);)*) => {
        const _: () = {
            type T = $F;
            #[allow(private_interfaces)]
            impl Compiled<T> for T {
                $(
                    #[inline(never)]
                    fn $name($($arg: $type),*) {
                        $module::$name($($arg),*);
                    }
                )*
            }
        };
    };
}

compiled! {
    elementwise::unary(row: Unary, args: Args, x: &[T], out: &mut [T]);
    elementwise::unary_chain(row: Unary, args: Args, x: &[T], y: &[T], dy: &mut [T]);
    elementwise::binary(row: Binary, runs: &Runs, a: &[T], b: &[T], out: &mut [T]);
    elementwise::binary_chain(row: Binary, second: bool, runs: &Runs, a: &[T], b: &[T], y: &[T], dy: &mut [T]);
    elementwise::binary_chain_add(row: Binary, second: bool, aby: [&[T]; 3], dy: &[T], sum: &mut [T]);
    elementwise::select(mask: &[T], a: &[T], b: &[T], out: &mut [T]);
    elementwise::add_assign(out: &mut [T], x: &[T]);
    reduce::sum(x: &[T], loops: Loops, out: &mut [T]);
    reduce::extreme(x: &[T], loops: Loops, largest: bool, out: &mut [T]);
    reduce::tie_share(x: &[T], y: &[T], loops: Loops, out: &mut [T]);
    softmax::log_sum_exp(x: &[T], loops: Loops, out: &mut [T]);
    reduce::norm(x: &[T], loops: Loops, out: &mut [T]);
    softmax::cross_entropy(x: &[T], classes: &[usize], out: &mut [T]);
    softmax::cross_entropy_with_slopes(x: &[T], classes: &[usize], out: &mut [T], slopes: &mut [T]);
    reduce::cumulative_sum(x: &[T], loops: Loops, reverse: bool, out: &mut [T]);
    softmax::softmax(x: &[T], loops: Loops, log: bool, out: &mut [T]);
    normalize::normalize(x: &[T], n: usize, eps: T, out: &mut [T]);
    normalize::normalize_gradient(x: &[T], v: &[T], n: usize, eps: T, out: &mut [T]);
    product::matmul(m: usize, k: usize, n: usize, a: Matrix<T>, b: Matrix<T>, add: bool, c: &mut [T]);
}
