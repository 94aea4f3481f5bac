//! What a loop written by hand needs to be fast without compiler flags: exp and tanh without branches or calls, which the
//! compiler turns into vector code, and the choice of the instruction set at run time.

/// `eˣ` within 1e-6 of itself on [−87, 88], and its value at the nearer end outside.
///
/// `x = n·ln 2 + r`, `|r| ≤ ½ ln 2`, then Taylor's polynomial of degree 7 and n added to the exponent.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    // Added, it leaves the nearest integer in the low bits.
    const SHIFT: f32 = 12_582_912.0; // 1.5·2²³
    // A number of few bits, so that n·LN2_HIGH is exact.
    const LN2_HIGH: f32 = 355.0 / 512.0;
    const LN2_LOW: f32 = (core::f64::consts::LN_2 - 355.0 / 512.0) as f32;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * core::f32::consts::LOG2_E + SHIFT;
    let n = shifted - SHIFT;
    let r = (x - n * LN2_HIGH) - n * LN2_LOW;
    let mut y = 1.0 / 5040.0;
    for inverse in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        y = y * r + inverse;
    }
    y * f32::from_bits(shifted.to_bits().wrapping_add(127) << 23)
}

/// `tanh x = 1 − 2/(e²ˣ + 1)`, within 1e-6.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    1.0 - 2.0 / (exp(2.0 * x) + 1.0)
}

/// A loop over slices, with what it reads and writes.
pub trait Pass {
    /// What it returns.
    type Out;
    /// Implementations are `#[inline(always)]`: what is not inlined where vectors are wide is compiled for the oldest processor.
    fn run(self) -> Self::Out;
}

/// A closure, which cannot be told to be inlined: only small ones are.
impl<R, F: FnOnce() -> R> Pass for F {
    type Out = R;
    #[inline(always)]
    fn run(self) -> R {
        self()
    }
}

/// Runs `pass` compiled for the widest vectors of this processor.
#[inline(always)]
pub fn widest<P: Pass>(pass: P) -> P::Out {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw")]
        fn avx512<P: Pass>(pass: P) -> P::Out {
            pass.run()
        }
        #[target_feature(enable = "avx2")]
        fn avx2<P: Pass>(pass: P) -> P::Out {
            pass.run()
        }
        let (f512, dq) = (is_x86_feature_detected!("avx512f"), is_x86_feature_detected!("avx512dq"));
        if f512 && dq && is_x86_feature_detected!("avx512vl") && is_x86_feature_detected!("avx512bw") {
            // SAFETY: the processor has just said that it knows these instructions.
            return unsafe { avx512(pass) };
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: as above.
            return unsafe { avx2(pass) };
        }
    }
    pass.run()
}
