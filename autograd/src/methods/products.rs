//! Products, and other methods of several arrays.

use crate::error::{Error, OrPanic};
use crate::number::Float;
use crate::number::rows::Unary;
use crate::ops::{einsum, elementwise, product, scatter, softmax};
use crate::tape::{Operand, Var};
use crate::tensor::Tensor;

products! {
    trait Products;

    /// The matrix product, as NumPy's `matmul`: `(…, m, k) · (…, k, n) → (…, m, n)`.
    ///
    /// A vector is a row on the left and a column on the right; leading axes broadcast. `da = dy · bᵀ`, `db = aᵀ ·
    /// dy`.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let a = Tensor::from([[1.0, 2.0], [3.0, 4.0]]);
    /// assert_eq!(a.matmul(&Tensor::from([10.0, 1.0])), Tensor::from([12.0, 34.0]));
    /// ```
    ///
    /// # Panics
    /// If the inner lengths differ, or leading axes do not broadcast.
    fn matmul / try_matmul (a, b) product::matmul(a, b);

    /// The dot product `Σ aᵢbᵢ` of two vectors, as an array of shape `()`.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([1.0, 2.0]).dot(&Tensor::from([3.0, 4.0])).item(), 11.0);
    /// ```
    ///
    /// # Panics
    /// If they are not two vectors of one length.
    fn dot(a, b) product::dot(a, b);

    /// The outer product `yᵢⱼ = aᵢbⱼ` of two vectors: `(m,) ⊗ (n,) → (m, n)`.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from([1.0, 2.0]).outer(&Tensor::from([3.0])), Tensor::from([[3.0], [6.0]]));
    /// ```
    ///
    /// # Panics
    /// If they are not two vectors.
    fn outer(a, b) product::outer(a, b);

    /// Sums of products over pairs of axes: the other axes of the first array, then those of the second.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let (a, b) = (Tensor::from([[1.0, 2.0]]), Tensor::from([[10.0], [1.0]]));
    /// assert_eq!(a.tensordot(&b, [&[1], &[0]]), a.matmul(&b));
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist or is named twice, or two that are paired differ in length.
    fn tensordot / try_tensordot (a, b; axes: [&[usize]; 2]) einsum::tensordot(a, b, axes);

    /// The affine map `x·w + b` of a layer, in one operation: `(…, k) · (k, n) + (n,) → (…, n)`.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let (w, b) = (Tensor::from([[1.0, 0.0], [0.0, 2.0]]), Tensor::from([0.5, 0.5]));
    /// assert_eq!(Tensor::from([[3.0, 4.0]]).affine(&w, &b), Tensor::from([[3.5, 8.5]]));
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit.
    fn affine / try_affine (x, w, b) product::affine(x, w, b);

    /// A dense layer with its activation, `f(x·w + b)`: `(…, k) · (k, n) + (n,) → (…, n)`.
    ///
    /// With relu it is one operation that keeps one array, because the slope of relu follows from its value. With any
    /// other function without arguments it is [`affine`](Self::affine) followed by that function.
    ///
    /// ```
    /// use autograd::{Tensor, Unary};
    /// let (w, b) = (Tensor::from([[1.0, 0.0], [0.0, 2.0]]), Tensor::from([-4.0, 0.5]));
    /// assert_eq!(Tensor::from([[3.0, 4.0]]).dense(&w, &b, Unary::Relu), Tensor::from([[0.0, 8.5]]));
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit, or the activation takes numbers.
    fn dense / try_dense (x, w, b; activation: Unary) product::dense(x, w, b, activation);

    /// `a` where this mask is not 0, else `b`, with broadcasting.
    ///
    /// Each branch gets the gradient only where it was taken, and a NaN in the branch not taken does not leak.
    ///
    /// ```
    /// use autograd::{Tape, Tensor};
    /// let tape = Tape::new();
    /// let x = tape.var([-1.0, 4.0]);
    /// let y = x.greater(0.0).select(x.sqrt(), 0.0);
    /// assert_eq!(y.value(), Tensor::from([0.0, 2.0]));
    /// assert_eq!(y.sum().backward()[x], Tensor::from([0.0, 0.25]));
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    fn select(mask, a, b) elementwise::select_broadcast(mask, a, b);

    /// `value` where the mask is not 0, else this array's value, with broadcasting.
    ///
    /// The gradient goes to the values that stay, and exactly 0 to the others. For values that are arrays, see
    /// [`select`](Self::select).
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from([1.0, f64::NAN, 3.0]);
    /// assert_eq!(x.masked_fill(&x.not_equal(x.clone()), 0.0), Tensor::from([1.0, 0.0, 3.0]));
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    fn masked_fill / try_masked_fill (x, mask; value: f64) scatter::masked_fill(x, mask, value);

    /// The values where the mask is not 0, one after another in row-major order: `(…) → (n,)`, n of them.
    ///
    /// The gradient goes back to the places that they come from. Mask and array broadcast.
    ///
    /// ```
    /// let tape = autograd::Tape::new();
    /// let x = tape.var([[1.0, -2.0], [-3.0, 4.0]]);
    /// let positive = x.masked_select(x.greater(0.0));
    /// assert_eq!(positive.value().to_vec(), [1.0, 4.0]);
    /// assert_eq!(positive.square().sum().backward()[x].to_vec(), [2.0, 0.0, 0.0, 8.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    fn masked_select / try_masked_select (x, mask) scatter::masked_select(x, mask);

    /// Cross-entropy of each row of logits with a distribution, in nats: `−Σ_j target_j · log_softmax(x)_j`.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let loss = Tensor::from([[0.0, 0.0]]).cross_entropy_soft(&Tensor::from([[0.5, 0.5]]));
    /// assert_eq!(loss, Tensor::from([2f64.ln()]));
    /// ```
    ///
    /// # Panics
    /// If the shapes differ.
    fn cross_entropy_soft(x, targets) softmax::cross_entropy_soft(x, targets);
}
