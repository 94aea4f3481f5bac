//! Convolution, pooling and resizing of signals and images.

use crate::error::{Error, OrPanic};
use crate::number::Float;
use crate::ops::convolution::{self, Conv, Lengths};
use crate::ops::pooling::{self, Pool, Resize};
use crate::tape::{Operand, Var};
use crate::tensor::Tensor;

products! {
    trait Convolutions;

    /// The convolution of images with weights: `(n, c, h, w) ∗ (o, c/groups, k, l) → (n, o, h′, w′)`.
    ///
    /// `y[n, o, i, j] = Σ x[n, c, i·stride + k·dilation − padding, …] · w[o, c, k, l]`, with zeros beyond the edge; as in deep
    /// learning the weights are not turned around. With groups, each group of outputs sees its group of channels only.
    /// `h′ = (h + 2·padding − dilation·(k − 1) − 1)/stride + 1`, rounded down.
    ///
    /// ```
    /// use autograd::{Conv, Tensor};
    /// let x = Tensor::new([1, 1, 2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    /// let difference = Tensor::new([1, 1, 1, 2], vec![-1.0, 1.0]);
    /// assert_eq!(x.conv2d(&difference, &Conv::new()).to_vec(), [1.0; 4]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit, a window is larger than the padded image, or a stride, dilation or number of groups is 0.
    fn conv2d / try_conv2d (x, w; conv: &Conv) convolution::convolution("conv2d", 2, x, w, conv);

    /// The convolution along one axis: `(n, c, l) ∗ (o, c/groups, k) → (n, o, l′)`; see [`conv2d`](Self::conv2d).
    ///
    /// ```
    /// use autograd::{Conv, Tensor};
    /// let x = Tensor::new([1, 1, 4], vec![1.0, 2.0, 4.0, 8.0]);
    /// let sum = Tensor::ones([1, 1, 2]);
    /// assert_eq!(x.conv1d(&sum, &Conv::new().padding(1).stride(2)).to_vec(), [1.0, 6.0, 8.0]);
    /// ```
    ///
    /// # Panics
    /// As [`conv2d`](Self::conv2d).
    fn conv1d / try_conv1d (x, w; conv: &Conv) convolution::convolution("conv1d", 1, x, w, conv);

    /// The transposed convolution of images: `(n, c, h, w), (c, o/groups, k, l) → (n, o, h′, w′)`, the gradient of a
    /// [`conv2d`](Self::conv2d) for its images.
    ///
    /// Each value adds its multiple of the window to the result. `h′ = (h − 1)·stride − 2·padding + dilation·(k − 1) +
    /// output_padding + 1`.
    ///
    /// ```
    /// use autograd::{Conv, Tensor};
    /// let x = Tensor::new([1, 1, 1, 2], vec![1.0, 10.0]);
    /// let w = Tensor::new([1, 1, 1, 2], vec![1.0, 2.0]);
    /// assert_eq!(x.conv_transpose2d(&w, &Conv::new()).to_vec(), [1.0, 12.0, 20.0]);
    /// assert_eq!(x.conv_transpose2d(&w, &Conv::new().stride([1, 2])).to_vec(), [1.0, 2.0, 10.0, 20.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit, the padding leaves nothing, a stride, dilation or number of groups is 0, or the output padding is
    /// not less than the stride.
    fn conv_transpose2d / try_conv_transpose2d (x, w; conv: &Conv) convolution::transposed("conv_transpose2d", 2, x, w, conv);

    /// The transposed convolution along one axis: `(n, c, l), (c, o/groups, k) → (n, o, l′)`; see
    /// [`conv_transpose2d`](Self::conv_transpose2d).
    ///
    /// ```
    /// use autograd::{Conv, Tensor};
    /// let x = Tensor::new([1, 1, 2], vec![1.0, 10.0]);
    /// let w = Tensor::new([1, 1, 2], vec![1.0, 2.0]);
    /// assert_eq!(x.conv_transpose1d(&w, &Conv::new()).to_vec(), [1.0, 12.0, 20.0]);
    /// ```
    ///
    /// # Panics
    /// As [`conv_transpose2d`](Self::conv_transpose2d).
    fn conv_transpose1d / try_conv_transpose1d (x, w; conv: &Conv) convolution::transposed("conv_transpose1d", 1, x, w, conv);
}

methods! {
    trait Pooling;

    /// The largest value under each window of an image: `(n, c, h, w) → (n, c, h′, w′)`.
    ///
    /// The gradient goes to the value that was taken, the first of several alike. NaN is larger than all.
    ///
    /// ```
    /// use autograd::{Pool, Tensor};
    /// let x = Tensor::new([1, 1, 2, 4], vec![1.0, 2.0, 5.0, 4.0, 3.0, 0.0, 1.0, 9.0]);
    /// assert_eq!(x.max_pool2d(&Pool::new(2)).to_vec(), [3.0, 9.0]);
    /// ```
    ///
    /// # Panics
    /// If the array has not four axes, a window is larger than the padded image, its padding is more than half of it, or a length is
    /// 0.
    fn max_pool2d / try_max_pool2d (x, pool: &Pool) pooling::max_pool("max_pool2d", 2, x, pool);

    /// The largest value under each window along one axis: `(n, c, l) → (n, c, l′)`; see [`max_pool2d`](Self::max_pool2d).
    ///
    /// ```
    /// use autograd::{Pool, Tensor};
    /// let x = Tensor::new([1, 1, 4], vec![1.0, 2.0, 5.0, 4.0]);
    /// assert_eq!(x.max_pool1d(&Pool::new(2).stride(1)).to_vec(), [2.0, 5.0, 5.0]);
    /// ```
    ///
    /// # Panics
    /// As [`max_pool2d`](Self::max_pool2d), with three axes.
    fn max_pool1d / try_max_pool1d (x, pool: &Pool) pooling::max_pool("max_pool1d", 1, x, pool);

    /// The mean under each window of an image: `(n, c, h, w) → (n, c, h′, w′)`. Beyond the edge are zeros, unless
    /// [they are excluded](Pool::exclude_padding).
    ///
    /// ```
    /// use autograd::{Pool, Tensor};
    /// let x = Tensor::new([1, 1, 2, 4], vec![1.0, 2.0, 5.0, 4.0, 3.0, 0.0, 1.0, 2.0]);
    /// assert_eq!(x.avg_pool2d(&Pool::new(2)).to_vec(), [1.5, 3.0]);
    /// ```
    ///
    /// # Panics
    /// As [`max_pool2d`](Self::max_pool2d).
    fn avg_pool2d / try_avg_pool2d (x, pool: &Pool) pooling::avg_pool("avg_pool2d", 2, x, pool);

    /// The mean under each window along one axis: `(n, c, l) → (n, c, l′)`; see [`avg_pool2d`](Self::avg_pool2d).
    ///
    /// ```
    /// use autograd::{Pool, Tensor};
    /// let x = Tensor::new([1, 1, 3], vec![1.0, 3.0, 5.0]);
    /// assert_eq!(x.avg_pool1d(&Pool::new(2).stride(1)).to_vec(), [2.0, 4.0]);
    /// ```
    ///
    /// # Panics
    /// As [`max_pool1d`](Self::max_pool1d).
    fn avg_pool1d / try_avg_pool1d (x, pool: &Pool) pooling::avg_pool("avg_pool1d", 1, x, pool);

    /// The largest values under windows that cover an image: `(n, c, h, w) → (n, c, h′, w′)` for the given size, whatever that of
    /// the image is.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::new([1, 1, 1, 3], vec![1.0, 3.0, 2.0]);
    /// assert_eq!(x.adaptive_max_pool2d([1, 2]).to_vec(), [3.0, 3.0]);
    /// ```
    ///
    /// # Panics
    /// If the array has not four axes, or a length is 0.
    fn adaptive_max_pool2d / try_adaptive_max_pool2d (x, size: impl Lengths) pooling::adaptive_max("adaptive_max_pool2d", 2, x, size.pair());

    /// The means under windows that cover an image: `(n, c, h, w) → (n, c, h′, w′)` for the given size, whatever that of the image
    /// is.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::new([1, 1, 1, 3], vec![1.0, 3.0, 2.0]);
    /// assert_eq!(x.adaptive_avg_pool2d([1, 2]).to_vec(), [2.0, 2.5]);
    /// ```
    ///
    /// # Panics
    /// As [`adaptive_max_pool2d`](Self::adaptive_max_pool2d).
    fn adaptive_avg_pool2d / try_adaptive_avg_pool2d (x, size: impl Lengths) pooling::adaptive_avg("adaptive_avg_pool2d", 2, x, size.pair());

    /// The largest values under windows that cover one axis: `(n, c, l) → (n, c, size)`.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::new([1, 1, 3], vec![1.0, 3.0, 2.0]);
    /// assert_eq!(x.adaptive_max_pool1d(1).to_vec(), [3.0]);
    /// ```
    ///
    /// # Panics
    /// If the array has not three axes, or a length is 0.
    fn adaptive_max_pool1d / try_adaptive_max_pool1d (x, size: usize) pooling::adaptive_max("adaptive_max_pool1d", 1, x, size.pair());

    /// The means under windows that cover one axis: `(n, c, l) → (n, c, size)`.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::new([1, 1, 3], vec![1.0, 3.0, 2.0]);
    /// assert_eq!(x.adaptive_avg_pool1d(1).to_vec(), [2.0]);
    /// ```
    ///
    /// # Panics
    /// As [`adaptive_max_pool1d`](Self::adaptive_max_pool1d).
    fn adaptive_avg_pool1d / try_adaptive_avg_pool1d (x, size: usize) pooling::adaptive_avg("adaptive_avg_pool1d", 1, x, size.pair());

    /// An image in another size: `(n, c, h, w) → (n, c, h′, w′)`.
    ///
    /// ```
    /// use autograd::{Resize, Tensor};
    /// let x = Tensor::new([1, 1, 1, 2], vec![0.0, 4.0]);
    /// assert_eq!(x.resize2d([1, 4], Resize::Nearest).to_vec(), [0.0, 0.0, 4.0, 4.0]);
    /// assert_eq!(x.resize2d([1, 4], Resize::Bilinear).to_vec(), [0.0, 1.0, 3.0, 4.0]);
    /// assert_eq!(x.resize2d([1, 3], Resize::BilinearCorners).to_vec(), [0.0, 2.0, 4.0]);
    /// ```
    ///
    /// # Panics
    /// As [`adaptive_max_pool2d`](Self::adaptive_max_pool2d).
    fn resize2d / try_resize2d (x, size: impl Lengths, how: Resize) pooling::resize("resize2d", 2, x, size.pair(), how);

    /// A signal in another length: `(n, c, l) → (n, c, size)`; see [`resize2d`](Self::resize2d).
    ///
    /// ```
    /// use autograd::{Resize, Tensor};
    /// let x = Tensor::new([1, 1, 2], vec![0.0, 4.0]);
    /// assert_eq!(x.resize1d(3, Resize::BilinearCorners).to_vec(), [0.0, 2.0, 4.0]);
    /// ```
    ///
    /// # Panics
    /// As [`adaptive_max_pool1d`](Self::adaptive_max_pool1d).
    fn resize1d / try_resize1d (x, size: usize, how: Resize) pooling::resize("resize1d", 1, x, size.pair(), how);
}
