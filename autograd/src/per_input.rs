//! [`PerInput`]: a value for each input of an operation.

use std::ops::Deref;

/// A value for each of several inputs, mostly a few: those lie in an array, which is faster to fill than a list.
pub(crate) struct PerInput<B> {
    first: [B; 4],
    len: usize,
    /// All of them, if they do not fit into the array.
    more: Vec<B>,
}

impl<B: Copy> PerInput<B> {
    /// Applies `f` to each. There is at least one, because every operation has an input.
    #[inline]
    pub(crate) fn of<'a, A>(xs: &'a [A], f: impl Fn(&'a A) -> B) -> Self {
        let mut few = PerInput { first: [f(&xs[0]); 4], len: xs.len(), more: vec![] };
        if few.len <= few.first.len() {
            few.first.iter_mut().zip(xs).skip(1).for_each(|(slot, x)| *slot = f(x));
        } else {
            few.more = xs.iter().map(f).collect();
        }
        few
    }
}

impl<B> Deref for PerInput<B> {
    type Target = [B];

    #[inline]
    fn deref(&self) -> &[B] {
        self.first.get(..self.len).unwrap_or(&self.more)
    }
}
