//! Linear algebra. Matrices lie in the last two axes; the axes before them are batches.

use crate::error::{Error, OrPanic};
use crate::number::Float;
use crate::ops::{Array, linalg};
use crate::tape::{Operand, Var};
use crate::tensor::Tensor;

methods! {
    trait LinearAlgebra;

    /// The lower triangular Cholesky factor `l` of symmetric positive definite matrices, `l·lᵀ = x`: `(…, n, n) → (…, n,
    /// n)`.
    ///
    /// Of `x` the symmetric part counts, `(x + xᵀ)/2`, so the gradient is symmetric. Derivative: Murray (2016).
    ///
    /// ```
    /// use autograd::Tensor;
    /// let l = Tensor::from([[4.0, 2.0], [2.0, 5.0]]).cholesky();
    /// assert_eq!(l, Tensor::from([[2.0, 0.0], [1.0, 2.0]]));
    /// let error = Tensor::from([[1.0, 2.0], [2.0, 1.0]]).try_cholesky().unwrap_err();
    /// assert!(error.to_string().starts_with("cholesky: the leading 2 × 2 block is not positive definite"));
    /// ```
    ///
    /// # Panics
    /// If the matrices are not square, or not positive definite.
    fn cholesky / try_cholesky (x) linalg::cholesky(x);

    /// The inverses of square matrices: `(…, n, n) → (…, n, n)`; `dx = −yᵀ·dy·yᵀ`.
    ///
    /// To solve a system, [`solve`](Self::solve) is faster and more accurate.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([[0.0, 2.0], [4.0, 0.0]]).inverse(), Tensor::from([[0.0, 0.25], [0.5, 0.0]]));
    /// ```
    ///
    /// # Panics
    /// If the matrices are not square, or singular to working precision.
    fn inverse / try_inverse (x) linalg::inverse(x);

    /// The determinants of square matrices: `(…, n, n) → (…)`; `dx = y·x⁻ᵀ·dy`.
    ///
    /// The gradient is that of regular matrices: at a singular one it is not finite. [`slogdet`](Self::slogdet) neither
    /// overflows nor underflows; where the determinant does, the gradient does too.
    ///
    /// ```
    /// use autograd::{Tape, Tensor};
    /// let tape = Tape::new();
    /// let x = tape.var([[1.0, 2.0], [3.0, 4.0]]);
    /// let y = x.det();
    /// assert!((y.value().item() + 2.0).abs() < 1e-15);
    /// let cofactors = Tensor::from([[4.0, -3.0], [-2.0, 1.0]]);
    /// assert!(y.sum().backward()[x].is_close(&cofactors, 1e-14));
    /// ```
    ///
    /// # Panics
    /// If the matrices are not square.
    fn det / try_det (x) linalg::det(x);

    /// The exponential `1 + x + x²/2 + x³/6 + …` of square matrices, by scaling and squaring (Higham 2005): `(…, n, n) → (…,
    /// n, n)`.
    ///
    /// The error is a few units of the norm of the matrix: where entries differ by many orders of magnitude, the small ones of
    /// the result lose digits.
    ///
    /// ```
    /// use autograd::Tensor;
    /// // The exponential of a rotation's generator is the rotation.
    /// let rotation = Tensor::from([[0.0, -1.2], [1.2, 0.0]]).matrix_exp();
    /// let (sin, cos) = 1.2f64.sin_cos();
    /// assert!(rotation.is_close(&Tensor::from([[cos, -sin], [sin, cos]]), 1e-15));
    /// ```
    ///
    /// # Panics
    /// If the matrices are not square.
    fn matrix_exp / try_matrix_exp (x) linalg::matrix_exp(x);

    /// Whole powers of square matrices, `xⁿ`; of the inverse if `n` is negative: `(…, n, n) → (…, n, n)`.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let fibonacci = Tensor::from([[1.0, 1.0], [1.0, 0.0]]);
    /// assert_eq!(fibonacci.matrix_power(10), Tensor::from([[89.0, 55.0], [55.0, 34.0]]));
    /// assert_eq!(fibonacci.matrix_power(-1), fibonacci.inverse());
    /// ```
    ///
    /// # Panics
    /// If the matrices are not square, or `n` is negative and one is singular to working precision.
    fn matrix_power / try_matrix_power (x, n: i32) linalg::matrix_power(x, n);

    /// `ln det x` of symmetric positive definite matrices, by the [`cholesky`](Self::cholesky) factor: `(…, n, n) → (…)`; `dx = x⁻¹·dy`.
    ///
    /// Of `x` the symmetric part counts. [`slogdet`](Self::slogdet) takes other matrices.
    ///
    /// ```
    /// use autograd::{Tape, Tensor};
    /// let tape = Tape::new();
    /// let x = tape.var([[4.0, 0.0], [0.0, 0.5]]);
    /// let y = x.logdet();
    /// assert!((y.value().item() - 2f64.ln()).abs() < 1e-15);
    /// assert!(y.sum().backward()[x].is_close(&Tensor::from([[0.25, 0.0], [0.0, 2.0]]), 1e-15));
    /// ```
    ///
    /// # Panics
    /// If the matrices are not square, or not positive definite.
    fn logdet / try_logdet (x) linalg::logdet(x);

    /// The sums of the diagonals of matrices: `(…, m, n) → (…)`.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([[1.0, 2.0], [3.0, 4.0]]).trace().item(), 5.0);
    /// ```
    ///
    /// # Panics
    /// If there are fewer than two axes.
    fn trace / try_trace (x) linalg::trace(x);
}

products! {
    trait Systems;

    /// The solution `x` of `a·x = b`, by LU factors with partial pivoting: `(…, n, n)` and `(…, n, k)` or `(n,)`, with leading
    /// axes broadcast.
    ///
    /// `db = a⁻ᵀ·dx`, `da = −db·xᵀ`.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let a = Tensor::from([[0.0, 2.0], [4.0, 1.0]]);
    /// assert_eq!(a.solve(&Tensor::from([2.0, 9.0])), Tensor::from([2.0, 1.0]));
    /// assert!(Tensor::from([[1.0, 2.0], [2.0, 4.0]]).try_solve(&Tensor::from([1.0, 1.0])).is_err());
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit, or a matrix is singular to working precision.
    fn solve / try_solve (a, b) linalg::solve(a, b);

    /// The solution `x` of `l·x = b`, where `l` is the lower triangle of a matrix; the other triangle is not read.
    ///
    /// Shapes as for [`solve`](Self::solve). A 0 on the diagonal divides, and gives infinities.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let l = Tensor::from([[2.0, 0.0], [1.0, 4.0]]);
    /// assert_eq!(l.solve_lower(&Tensor::from([2.0, 9.0])), Tensor::from([1.0, 2.0]));
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit.
    fn solve_lower / try_solve_lower (l, b) linalg::solve_triangular(l, b, true);

    /// The solution `x` of `u·x = b`, where `u` is the upper triangle of a matrix; the other triangle is not read.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let u = Tensor::from([[2.0, 1.0], [0.0, 4.0]]);
    /// assert_eq!(u.solve_upper(&Tensor::from([4.0, 8.0])), Tensor::from([1.0, 2.0]));
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit.
    fn solve_upper / try_solve_upper (u, b) linalg::solve_triangular(u, b, false);

    /// The solution `x` of `l·lᵀ·x = b`, given the [`cholesky`](Self::cholesky) factor `l` of a matrix.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let a = Tensor::from([[4.0, 2.0], [2.0, 5.0]]);
    /// let x = a.cholesky().cholesky_solve(&Tensor::from([8.0, 12.0]));
    /// assert_eq!(x, Tensor::from([1.0, 2.0]));
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit.
    fn cholesky_solve / try_cholesky_solve (l, b) linalg::cholesky_solve(l, b);

    /// The `x` of least `‖a·x − b‖²`, by orthogonal factors: `(…, m, n)` and `(…, m, k)` or `(m,)`, `m ≥ n`, columns independent.
    ///
    /// ```
    /// use autograd::Tensor;
    /// // The line through (0, 1), (1, 3), (2, 5).
    /// let a = Tensor::from([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]]);
    /// let line = a.lstsq(&Tensor::from([1.0, 3.0, 5.0]));
    /// assert!(line.is_close(&Tensor::from([1.0, 2.0]), 1e-14));
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit, or there are fewer rows than columns. Columns that depend on each other are not
    /// found: round-off decides which solution results, and its gradient is very large or not finite.
    fn lstsq / try_lstsq (a, b) linalg::lstsq(a, b);

    /// The Kronecker product of two matrices: `(m, n) ⊗ (p, q) → (mp, nq)`.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let y = Tensor::from([[1.0, 2.0]]).kron(&Tensor::from([[1.0], [10.0]]));
    /// assert_eq!(y, Tensor::from([[1.0, 2.0], [10.0, 20.0]]));
    /// ```
    ///
    /// # Panics
    /// If they are not two matrices.
    fn kron / try_kron (a, b) linalg::kron(a, b);
}

impl<'t, T: Float> Var<'t, T> {
    /// The signs of the determinants of square matrices, as plain numbers, and the logarithms of their magnitudes: `(…, n, n)
    /// → (…)`.
    ///
    /// A singular matrix has sign 0 and logarithm −∞. Of the logarithm, `dx = x⁻ᵀ·dy`.
    ///
    /// ```
    /// use autograd::{Tape, Tensor};
    /// let tape = Tape::new();
    /// let x = tape.var([[0.0, 2.0], [4.0, 0.0]]);
    /// let (sign, log) = x.slogdet();
    /// assert_eq!((sign.item(), log.value().item()), (-1.0, 2f64.ln() + 4f64.ln()));
    /// assert_eq!(log.sum().backward()[x], Tensor::from([[0.0, 0.5], [0.25, 0.0]]));
    /// ```
    ///
    /// # Panics
    /// If the matrices are not square.
    #[must_use]
    #[track_caller]
    pub fn slogdet(self) -> (Tensor<T>, Self) {
        self.tape().note();
        let (signs, log) = linalg::slogdet(&self).or_panic();
        (Tensor::new(Array::shape(&log), signs), log)
    }
}

impl<T: Float> Tensor<T> {
    /// The signs of the determinants of square matrices, and the logarithms of their magnitudes: [`Var::slogdet`].
    ///
    /// # Panics
    /// If the matrices are not square.
    #[must_use]
    #[track_caller]
    pub fn slogdet(&self) -> (Tensor<T>, Self) {
        let (signs, log) = linalg::slogdet(self).or_panic();
        (Tensor::new(Array::shape(&log), signs), log)
    }
}
