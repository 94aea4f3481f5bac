//! The methods that recorded and plain arrays share, declared once for both.
//!
//! Each line names a generic function of `ops` that returns a `Result`. From it the macros make an inherent method of
//! `Var` (by value) and of `Tensor` (by reference) that panics at the caller's line, and a `try_` form on request; and a
//! method of a trait, for functions that are generic over both ([`generic`]).

/// Methods of one array with plain arguments.
macro_rules! methods {
    (trait $Trait:ident; $($lines:tt)*) => {
        methods! { $($lines)* }
        methods! { @trait $Trait $($lines)* }
    };
    (@trait $Trait:ident $( $(#[$doc:meta])* fn $name:ident $(/ $try:ident)? ($x:ident $(, $arg:ident: $type:ty)*) $body:expr; )*) => {
        #[doc = concat!("Methods of [`ArrayLike`](crate::generic::ArrayLike): `", stringify!($Trait), "`.")]
        pub trait $Trait: Sized { $(
            #[doc = concat!("See [`Tensor::", stringify!($name), "`](crate::Tensor::", stringify!($name), ").")]
            #[must_use]
            #[track_caller]
            fn $name(&self $(, $arg: $type)*) -> Self;
        )* }
        impl<T: Float> $Trait for Var<'_, T> { $(
            #[track_caller]
            fn $name(&self $(, $arg: $type)*) -> Self {
                Var::$name(*self $(, $arg)*)
            }
        )* }
        impl<T: Float> $Trait for Tensor<T> { $(
            #[track_caller]
            fn $name(&self $(, $arg: $type)*) -> Self {
                Tensor::$name(self $(, $arg)*)
            }
        )* }
    };
    ($( $(#[$doc:meta])* fn $name:ident $(/ $try:ident)? ($x:ident $(, $arg:ident: $type:ty)*) $body:expr; )*) => {
        impl<'t, T: Float> Var<'t, T> { $(
            $(#[$doc])*
            #[must_use]
            #[track_caller]
            pub fn $name(self $(, $arg: $type)*) -> Self {
                self.tape().note();
                let $x = &self;
                $body.named(stringify!($name)).or_panic()
            }
            methods!(try $($try)? $name Self, [self $(, $arg: $type)*] { self.tape().note(); let $x = &self; $body });
        )* }
        impl<T: Float> Tensor<T> { $(
            $(#[$doc])*
            #[must_use]
            #[track_caller]
            pub fn $name(&self $(, $arg: $type)*) -> Self {
                let $x = self;
                $body.named(stringify!($name)).or_panic()
            }
            methods!(try $($try)? $name Self, [&self $(, $arg: $type)*] { let $x = self; $body });
        )* }
    };
    (try $name:ident $Self:ty, [$($sig:tt)*] $body:block) => {};
    (try $try:ident $name:ident $Self:ty, [$($sig:tt)*] $body:block) => {
        #[doc = concat!("[`", stringify!($name), "`](Self::", stringify!($name), ") where shapes or indices come from data.")]
        ///
        /// # Errors
        /// In the cases in which the plain form panics.
        #[track_caller]
        pub fn $try($($sig)*) -> Result<$Self, Error> {
            let result: Result<$Self, Error> = $body;
            result.named(stringify!($name))
        }
    };
}

/// Methods of two arrays; the second may be any operand.
macro_rules! products {
    (trait $Trait:ident; $($lines:tt)*) => {
        products! { $($lines)* }
        products! { @trait $Trait $($lines)* }
    };
    (@trait $Trait:ident $(
        $(#[$doc:meta])* fn $name:ident $(/ $try:ident)? ($a:ident, $b:ident $(, $c:ident)? $(; $arg:ident: $type:ty)?) $body:expr;
    )*) => {
        #[doc = concat!("Methods of [`ArrayLike`](crate::generic::ArrayLike): `", stringify!($Trait), "`.")]
        pub trait $Trait: Sized { $(
            #[doc = concat!("See [`Tensor::", stringify!($name), "`](crate::Tensor::", stringify!($name), ").")]
            #[must_use]
            #[track_caller]
            fn $name(&self, $b: &Self $(, $c: &Self)? $(, $arg: $type)?) -> Self;
        )* }
        impl<T: Float> $Trait for Var<'_, T> { $(
            #[track_caller]
            fn $name(&self, $b: &Self $(, $c: &Self)? $(, $arg: $type)?) -> Self {
                Var::$name(*self, *$b $(, *$c)? $(, $arg)?)
            }
        )* }
        impl<T: Float> $Trait for Tensor<T> { $(
            #[track_caller]
            fn $name(&self, $b: &Self $(, $c: &Self)? $(, $arg: $type)?) -> Self {
                Tensor::$name(self, $b $(, $c)? $(, $arg)?)
            }
        )* }
    };
    ($(
        $(#[$doc:meta])* fn $name:ident $(/ $try:ident)? ($a:ident, $b:ident $(, $c:ident)? $(; $arg:ident: $type:ty)?) $body:expr;
    )*) => {
        impl<'t, T: Float> Var<'t, T> { $(
            $(#[$doc])*
            #[must_use]
            #[track_caller]
            pub fn $name(self, $b: impl Operand<'t, T> $(, $c: impl Operand<'t, T>)? $(, $arg: $type)?) -> Self {
                self.tape().note();
                let ($a, $b) = (&self, &$b.operand_of(stringify!($name), self.tape()));
                $( let $c = &$c.operand_of(stringify!($name), self.tape()); )?
                $body.named(stringify!($name)).or_panic()
            }
            methods!(try $($try)? $name Self, [self, $b: impl Operand<'t, T> $(, $c: impl Operand<'t, T>)? $(, $arg: $type)?] {
                self.tape().note();
                let ($a, $b) = (&self, &$b.operand_of(stringify!($name), self.tape()));
                $( let $c = &$c.operand_of(stringify!($name), self.tape()); )?
                $body
            });
        )* }
        impl<T: Float> Tensor<T> { $(
            $(#[$doc])*
            #[must_use]
            #[track_caller]
            pub fn $name(&self, $b: &Tensor<T> $(, $c: &Tensor<T>)? $(, $arg: $type)?) -> Self {
                let $a = self;
                $body.named(stringify!($name)).or_panic()
            }
            methods!(try $($try)? $name Self, [&self, $b: &Tensor<T> $(, $c: &Tensor<T>)? $(, $arg: $type)?] {
                let $a = self;
                $body
            });
        )* }
    };
}

mod elementwise;
mod factors;
pub mod generic;
mod joins;
mod linalg;
mod order;
mod places;
mod products;
mod reductions;
mod sequences;
mod views;
mod windows;

pub use order::Unique;
