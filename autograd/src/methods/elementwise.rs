//! The rows of the table, and the operators of plain arrays.

use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::error::{Error, OrPanic};
use crate::number::Float;
use crate::number::rows::{Binary, Unary};
use crate::number::table::{binary_table, unary_table};
use crate::ops::{Array, Op};
use crate::shape::broadcast;
use crate::tape::{Operand, Var};
use crate::tensor::Tensor;

macro_rules! unary_methods {
    (($x:ident $y:ident $p:ident $q:ident $c:ident $d:ident) $(
        $(#[$doc:meta])* $Row:ident, $name:ident($($arg:ident: $type:ty),*), $value:expr, $derivative:expr, $domain:expr, [$($kink:expr),*] $(, $Mark:ident)*;
    )*) => {
        methods! {
            trait Rows;
            $(
            $(#[$doc])*
            ///
            /// On a tape, its gradient agrees with finite differences:
            ///
            /// ```
            /// use autograd::{check, Tensor};
            /// # let (slope, alpha, low, high, n, p, base, number, a) = (0.1, 1.0, 0.25, 0.75, 2, 0.5, 2.0, 0.5, 1.5);
            #[doc = concat!("# let at = { let (low, high) = ", stringify!($domain), "; low + 0.7 * (high - low) };")]
            #[doc = concat!("let report = check(|x| x[0].", stringify!($name), "(", stringify!($($arg),*), ").sum(), &[Tensor::from([at])]);")]
            /// assert!(report.unwrap().passed());
            /// ```
            fn $name(x $(, $arg: $type)*) Ok::<_, Error>(Array::unary(x, Unary::$Row, Unary::$Row.args([$($arg.into()),*])));
        )* }
    };
}
unary_table!(unary_methods);

fn binary<A: Array>(row: Binary, a: &A, b: &A) -> Result<A, Error> {
    let shape = broadcast(row.name(), &a.shape(), &b.shape())?;
    Ok(A::apply(Op::Binary(row), shape, &[a, b]))
}

macro_rules! binary_methods {
    (($a:ident $b:ident $y:ident $c:ident $d:ident) $($(#[$doc:meta])* $Row:ident, $name:ident, $value:expr, $partials:expr, $da:expr, $db:expr $(, $Mark:ident)*;)*) => {
        impl<'t, T: Float> Var<'t, T> { $(
            $(#[$doc])*
            ///
            /// Its gradients agree with finite differences:
            ///
            /// ```
            /// use autograd::{check, Tensor};
            #[doc = concat!("let report = check(|x| x[0].", stringify!($name), "(x[1]).sum(), &[Tensor::from([0.6]), Tensor::from([0.4])]);")]
            /// assert!(report.unwrap().passed());
            /// ```
            ///
            /// # Panics
            /// If the shapes do not broadcast.
            #[must_use]
            #[track_caller]
            pub fn $name(self, b: impl Operand<'t, T>) -> Self {
                self.tape().note();
                b.right_of(Binary::$Row, self)
            }
        )* }
        /// Methods of [`ArrayLike`](crate::generic::ArrayLike): the rows of two inputs.
        pub trait RowsOfTwo: Sized { $(
            #[doc = concat!("See [`Tensor::", stringify!($name), "`](crate::Tensor::", stringify!($name), ").")]
            #[must_use]
            #[track_caller]
            fn $name(&self, b: &Self) -> Self;
        )* }
        impl<T: Float> RowsOfTwo for Var<'_, T> { $(
            #[track_caller]
            fn $name(&self, b: &Self) -> Self {
                Var::$name(*self, *b)
            }
        )* }
        impl<T: Float> RowsOfTwo for Tensor<T> { $(
            #[track_caller]
            fn $name(&self, b: &Self) -> Self {
                Tensor::$name(self, b)
            }
        )* }
        impl<T: Float> Tensor<T> { $(
            $(#[$doc])*
            ///
            /// # Panics
            /// If the shapes do not broadcast.
            #[must_use]
            #[track_caller]
            pub fn $name(&self, b: impl Into<Tensor<T>>) -> Self {
                binary(Binary::$Row, self, &b.into()).or_panic()
            }
        )* }
    };
}
binary_table!(binary_methods);

macro_rules! tensor_operators {
    ($($Trait:ident $method:ident $Row:ident;)*) => { $(
        impl<T: Float> $Trait<&Tensor<T>> for &Tensor<T> {
            type Output = Tensor<T>;
            #[track_caller]
            fn $method(self, b: &Tensor<T>) -> Tensor<T> {
                binary(Binary::$Row, self, b).or_panic()
            }
        }
        impl<T: Float> $Trait<f64> for &Tensor<T> {
            type Output = Tensor<T>;
            fn $method(self, b: f64) -> Tensor<T> {
                let (row, args) = Binary::$Row.with_number_right(b).expect("an operator");
                Array::unary(self, row, args)
            }
        }
        impl<T: Float> $Trait<&Tensor<T>> for f64 {
            type Output = Tensor<T>;
            fn $method(self, b: &Tensor<T>) -> Tensor<T> {
                let (row, args) = Binary::$Row.with_number_left(self).expect("an operator");
                Array::unary(b, row, args)
            }
        }
        tensor_operators!(owned $Trait $method Tensor<T>, &Tensor<T>, (self, b) &self, b);
        tensor_operators!(owned $Trait $method &Tensor<T>, Tensor<T>, (self, b) self, &b);
        tensor_operators!(owned $Trait $method Tensor<T>, Tensor<T>, (self, b) &self, &b);
        tensor_operators!(owned $Trait $method Tensor<T>, f64, (self, b) &self, b);
        tensor_operators!(owned $Trait $method f64, Tensor<T>, (self, b) self, &b);
    )* };
    (owned $Trait:ident $method:ident $Left:ty, $Right:ty, ($self:ident, $b:ident) $l:expr, $r:expr) => {
        impl<T: Float> $Trait<$Right> for $Left {
            type Output = Tensor<T>;
            #[track_caller]
            fn $method($self, $b: $Right) -> Tensor<T> {
                $Trait::$method($l, $r)
            }
        }
    };
}
tensor_operators! { Add add Add; Sub sub Sub; Mul mul Mul; Div div Div; }

impl<T: Float> Neg for &Tensor<T> {
    type Output = Tensor<T>;
    fn neg(self) -> Tensor<T> {
        self.negated()
    }
}

impl<T: Float> Neg for Tensor<T> {
    type Output = Tensor<T>;
    fn neg(self) -> Tensor<T> {
        self.negated()
    }
}
