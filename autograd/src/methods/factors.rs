//! Factors of matrices, and what follows from their values. Matrices lie in the last two axes; the axes before them are batches.

use crate::error::{Error, OrPanic};
use crate::number::Float;
use crate::ops::linalg;
use crate::tape::Var;
use crate::tensor::Tensor;

/// What [`factors`] return.
type Two<A> = (A, A);
type Three<A> = (A, A, A);

/// Methods that make several arrays of one.
macro_rules! factors {
    ($( $(#[$doc:meta])* fn $name:ident / $try:ident -> $Parts:ident($($part:ident),*); )*) => {
        impl<'t, T: Float> Var<'t, T> { $(
            $(#[$doc])*
            #[must_use]
            #[track_caller]
            pub fn $name(self) -> $Parts<Self> {
                self.tape().note();
                let [$($part),*] = linalg::$name(&self).or_panic();
                ($($part),*)
            }
            methods!(try $try $name $Parts<Self>, [self] {
                self.tape().note();
                linalg::$name(&self).map(|[$($part),*]| ($($part),*))
            });
        )* }
        impl<T: Float> Tensor<T> { $(
            $(#[$doc])*
            #[must_use]
            #[track_caller]
            pub fn $name(&self) -> $Parts<Self> {
                let [$($part),*] = linalg::$name(self).or_panic();
                ($($part),*)
            }
            methods!(try $try $name $Parts<Self>, [&self] { linalg::$name(self).map(|[$($part),*]| ($($part),*)) });
        )* }
    };
}
factors! {
    /// The factors `q·r` of matrices with as many rows as columns, or more: `(…, m, n) → (…, m, n), (…, n, n)`.
    ///
    /// The columns of `q` are orthonormal, `r` is upper triangular, and its diagonal is positive, which makes the factors
    /// unique and differentiable where the columns of the matrix are independent. Derivative: Walter & Lehmann (2010).
    ///
    /// ```
    /// use autograd::Tensor;
    /// let (q, r) = Tensor::from([[3.0, 1.0], [4.0, 2.0]]).qr();
    /// assert!(q.is_close(&Tensor::from([[0.6, -0.8], [0.8, 0.6]]), 1e-15));
    /// assert!(r.is_close(&Tensor::from([[5.0, 2.2], [0.0, 0.4]]), 1e-15));
    /// ```
    ///
    /// # Panics
    /// If there are fewer rows than columns, or no columns.
    fn qr / try_qr -> Two(q, r);

    /// The eigenvalues `w` and eigenvectors `v` of symmetric matrices, `v·diag(w)·vᵀ = x`: `(…, n, n) → (…, n), (…, n, n)`.
    ///
    /// The values increase. The vectors are the columns of `v`, orthonormal; the first of the largest components of each is
    /// positive (components that differ by a millionth count as equally large). Of `x` the symmetric part counts, `(x + xᵀ)/2`, so the
    /// gradient is symmetric. By reflections and the QL method (Bowdler, Martin, Reinsch & Wilkinson 1968), in `O(n³)` steps and with the
    /// same bits everywhere; errors are a few `n·ε` times the largest value.
    ///
    /// With `f_ij = 1/(w_j − w_i)` off the diagonal, `dx = v·(diag(dw) + f ∘ vᵀ·dv)·vᵀ`, its symmetric part (Giles 2008). At equal values
    /// the vectors are a choice without derivative, and a gradient that reaches them is not finite. A function of the values alone has a
    /// gradient: [`eigvalsh`](Self::eigvalsh).
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from([[1.0, 2.0], [2.0, -2.0]]);
    /// let (w, v) = x.eigh();
    /// assert!(w.is_close(&Tensor::from([-3.0, 2.0]), 1e-15));
    /// assert!(v.is_close(&(Tensor::from([[-1.0, 2.0], [2.0, 1.0]]) / 5f64.sqrt()), 1e-15));
    /// ```
    ///
    /// # Panics
    /// If the matrices are not square, or hold a value that is not finite.
    fn eigh / try_eigh -> Two(w, v);

    /// The singular value decomposition `u·diag(s)·vᵀ = x`: `(…, m, n) → (…, m, k), (…, k), (…, k, n)` with `k = min(m, n)`; the parts are `u`,
    /// `s` and `vᵀ`.
    ///
    /// The values `s` are not negative and decrease. The columns of `u` and the rows of `vᵀ` are orthonormal; the first of the
    /// largest components of each column of `u` is positive, where those that differ by a millionth count as equally large.
    /// By rotations (Hestenes 1958), so that small values are accurate too.
    ///
    /// Derivative: Townsend (2016), which divides by gaps `s_j − s_i`, and by `s_i` where `m ≠ n`. At equal values, or two that are 0,
    /// the vectors are a choice, and a gradient that reaches them is not finite. A function of the values alone has a gradient: [`svdvals`](Self::svdvals).
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from([[3.0, 0.0], [4.0, 5.0]]);
    /// let (u, s, vt) = x.svd();
    /// assert!(s.is_close(&Tensor::from([45f64.sqrt(), 5f64.sqrt()]), 1e-15));
    /// assert!((u * s).matmul(&vt).is_close(&x, 1e-14));
    /// ```
    ///
    /// # Panics
    /// If there are fewer than two axes, or a value is not finite.
    fn svd / try_svd -> Three(u, s, vt);
}

methods! {
    /// The eigenvalues of symmetric matrices in increasing order, those of [`eigh`](Self::eigh): `(…, n, n) → (…, n)`.
    ///
    /// Of `x` the symmetric part counts. `dx = v·diag(dy)·vᵀ`, with the vectors `v`: no gap between values divides, so the gradient
    /// exists at equal values too. That of a function that treats equal values alike, such as their sum, is the right one; of
    /// others it depends on the choice of the vectors. Second derivatives divide by gaps, and are not finite at equal values.
    ///
    /// ```
    /// use autograd::{Tape, Tensor};
    /// let tape = Tape::new();
    /// let x = tape.var([[2.0, 1.0], [1.0, 2.0]]);
    /// let w = x.eigvalsh();
    /// assert!(w.value().is_close(&Tensor::from([1.0, 3.0]), 1e-15));
    /// // The largest grows along the vector (1, 1)/√2.
    /// let gradient = &w.at(0, 1).sum().backward()[x];
    /// assert!(gradient.is_close(&Tensor::from([[0.5, 0.5], [0.5, 0.5]]), 1e-15));
    /// ```
    ///
    /// # Panics
    /// If the matrices are not square, or hold a value that is not finite.
    fn eigvalsh / try_eigvalsh (x) linalg::eigvalsh(x);

    /// The singular values of matrices in decreasing order, those of [`svd`](Self::svd): `(…, m, n) → (…, min(m, n))`.
    ///
    /// `dx = u·diag(dy)·vᵀ`: no gap between values divides, so the gradient exists at equal values too, as that of
    /// [`eigvalsh`](Self::eigvalsh) does. At a value of 0, which has a kink, it is one of those on the sides.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let s = Tensor::from([[0.0, 2.0], [-3.0, 0.0], [0.0, 0.0]]).svdvals();
    /// assert_eq!(s, Tensor::from([3.0, 2.0]));
    /// ```
    ///
    /// # Panics
    /// If there are fewer than two axes, or a value is not finite.
    fn svdvals / try_svdvals (x) linalg::svdvals(x);

    /// The Schatten norm of matrices, the p-norm of their singular values: `(…, m, n) → (…)`.
    ///
    /// 1 gives the nuclear norm, 2 that of Frobenius, `f64::INFINITY` the spectral norm, which is the largest `‖x·v‖/‖v‖`. Where
    /// several values are largest, they share the gradient of the spectral norm equally. [`p_norm`](Self::p_norm) is that of
    /// vectors.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from([[0.0, 3.0], [-4.0, 0.0]]);
    /// assert_eq!([1.0, 2.0, f64::INFINITY].map(|p| x.schatten_norm(p).item()), [7.0, 5.0, 4.0]);
    /// ```
    ///
    /// # Panics
    /// If `p < 1`, there are fewer than two axes, or, unless `p = 2`, a value is not finite.
    #[doc(alias("nuclear_norm", "spectral_norm", "matrix_norm"))]
    fn schatten_norm / try_schatten_norm (x, p: f64) linalg::schatten_norm(x, p);

    /// The condition numbers of matrices, the largest singular value over the smallest: `(…, m, n) → (…)`; ∞ if
    /// the smallest is 0, NaN if all are.
    ///
    /// About as many digits as it has are lost where a system with this matrix is solved.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([[0.0, 2.0], [8.0, 0.0]]).cond().item(), 4.0);
    /// ```
    ///
    /// # Panics
    /// If there are fewer than two axes, matrices have no rows or no columns, or a value is not finite.
    fn cond / try_cond (x) linalg::cond(x);

    /// The pseudoinverses of matrices (Moore & Penrose), by singular values: `(…, m, n) → (…, n, m)`.
    ///
    /// `x.pinv()·b` is the shortest of the `y` with least `‖x·y − b‖`. Singular values up to `max(m, n)·ε` of the largest count as 0.
    /// The derivative is that among matrices of the same rank (Golub & Pereyra 1973); it exists at equal singular values too. To solve
    /// least squares with independent columns, [`lstsq`](Self::lstsq) is faster.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from([[1.0], [2.0], [2.0]]);
    /// assert!(x.pinv().is_close(&(x.t() / 9.0), 1e-15));
    /// assert_eq!(Tensor::from([[4.0, 0.0], [0.0, 0.0]]).pinv(), Tensor::from([[0.25, 0.0], [0.0, 0.0]]));
    /// ```
    ///
    /// # Panics
    /// If there are fewer than two axes, or a value is not finite.
    fn pinv / try_pinv (x) linalg::pinv(x);
}

impl<T: Float> Tensor<T> {
    /// The ranks of matrices: how many singular values exceed `max(m, n)·ε` of the largest. One for each place of the leading
    /// axes, in row-major order.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([[1.0, 2.0], [2.0, 4.0]]).matrix_rank(), [1]);
    /// ```
    ///
    /// # Panics
    /// If there are fewer than two axes, or a value is not finite.
    #[must_use]
    #[track_caller]
    pub fn matrix_rank(&self) -> Vec<usize> {
        linalg::ranks(self).named("matrix_rank").or_panic()
    }
}
