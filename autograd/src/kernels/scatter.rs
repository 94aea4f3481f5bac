//! Addition at given positions.

use super::sums::BLOCK;
use crate::number::Float;

/// `out[positions[i]] += x[i]`
///
/// Many values added at one position would no longer change the sum. Where there are fewer positions than values, the
/// round-off of an addition is stored beside the position and added to the next value (Kahan 1965). Larger targets do
/// without, because it would double their memory.
pub(crate) fn add_at<T: Float>(positions: &[usize], x: &[T], out: &mut [T]) {
    let pairs = x.iter().zip(positions);
    if x.len() <= BLOCK || out.len() > x.len() {
        for (&x, &at) in pairs {
            out[at] = out[at] + x;
        }
        return;
    }
    let mut lost = vec![T::zero(); out.len()];
    for (&x, &at) in pairs {
        let (before, x) = (out[at], x + lost[at]);
        let sum = before + x;
        let added = sum - before;
        out[at] = sum;
        lost[at] = if sum.is_finite() { (before - (sum - added)) + (x - added) } else { T::zero() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_values_on_one_place_do_not_stand_still() {
        let x = vec![1f32; 1 << 25];
        let positions: Vec<usize> = (0..x.len()).map(|i| usize::from(i % 4 == 0)).collect();
        let mut out = [0.0; 2];
        add_at(&positions, &x, &mut out);
        assert_eq!(out, [25_165_824.0, 8_388_608.0]);
        let tenths = vec![0.1f32; 1 << 20];
        out.fill(0.0);
        add_at(&positions, &tenths, &mut out);
        assert_eq!(out[1], 0.1 * (1 << 18) as f32);
        let mut infinite = tenths.clone();
        infinite[1] = f32::INFINITY;
        out.fill(0.0);
        add_at(&positions, &infinite, &mut out);
        assert_eq!(out, [f32::INFINITY, 0.1 * (1 << 18) as f32]);
    }
}
