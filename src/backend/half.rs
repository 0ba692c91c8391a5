//! f16 in memory: widening to f32 and narrowing from it, at every SIMD level to the same bits.
//!
//! Narrowing rounds to the nearest, ties to even; what is 65,520 or more becomes infinite, as IEEE 754 has it. A NaN stays
//! a NaN.

pub use half::f16;

use super::SimdLevel;

/// The largest finite f16.
pub const HALF_MAX: f32 = 65_504.0;

/// `to[i] = from[i]`, which is exact.
///
/// # Panics
/// If the lengths differ.
pub fn widen(simd: SimdLevel, from: &[f16], to: &mut [f32]) {
    assert_eq!(from.len(), to.len(), "as many numbers as places");
    #[cfg(target_arch = "x86_64")]
    if let Some(kind) = x86::kind(simd, from.len()) {
        return x86::widen(kind, from, to);
    }
    let _ = simd;
    from.iter().zip(to).for_each(|(from, to)| *to = widened(from.to_bits()));
}

/// `to[i] = from[i]`, rounded.
///
/// # Panics
/// If the lengths differ.
pub fn narrow(simd: SimdLevel, from: &[f32], to: &mut [f16]) {
    assert_eq!(from.len(), to.len(), "as many numbers as places");
    #[cfg(target_arch = "x86_64")]
    if let Some(kind) = x86::kind(simd, from.len()) {
        return x86::narrow(kind, from, to);
    }
    let _ = simd;
    from.iter().zip(to).for_each(|(from, to)| *to = f16::from_bits(narrowed(*from)));
}

/// One number. Without branches, so that a loop of it is vectorised.
#[inline(always)]
fn widened(half: u16) -> f32 {
    let sign = u32::from(half & 0x8000) << 16;
    let body = u32::from(half & 0x7fff) << 13;
    // The exponents' zeros are 112 apart; a product brings subnormal numbers into their normal form as well.
    let scaled = (f32::from_bits(body) * f32::from_bits(239 << 23)).to_bits();
    f32::from_bits(sign | if body >= 31 << 23 { body | 255 << 23 } else { scaled })
}

/// One number. Without branches, so that a loop of it is vectorised.
#[inline(always)]
fn narrowed(x: f32) -> u16 {
    const TOO_LARGE: u32 = 143 << 23;
    const NORMAL: u32 = 113 << 23;
    const HALF: f32 = 0.5;
    let bits = x.to_bits();
    let body = bits & 0x7fff_ffff;
    let special = if body > 255 << 23 { 0x7e00 } else { 0x7c00 };
    // The last place of a number near 0.5 is the one of f16's subnormal numbers: the sum rounds to it.
    let subnormal = (f32::from_bits(body) + HALF).to_bits().wrapping_sub(HALF.to_bits());
    let odd = body >> 13 & 1;
    let normal = body.wrapping_sub(112 << 23).wrapping_add(0xfff + odd) >> 13;
    let half = if body >= TOO_LARGE {
        special
    } else if body < NORMAL {
        subnormal
    } else {
        normal
    };
    (half | bits >> 16 & 0x8000) as u16
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        _MM_FROUND_NO_EXC, _MM_FROUND_TO_NEAREST_INT, _mm_loadu_si128, _mm_storeu_si128, _mm256_cvtph_ps,
        _mm256_cvtps_ph, _mm256_loadu_ps, _mm256_loadu_si256, _mm256_storeu_ps, _mm256_storeu_si256, _mm512_cvtph_ps,
        _mm512_cvtps_ph, _mm512_loadu_ps, _mm512_storeu_ps,
    };
    use std::sync::OnceLock;

    use super::{SimdLevel, f16, narrowed, widened};

    /// Instructions that convert; only made where this machine has them.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(super) enum Kind {
        F16c,
        Avx512,
    }

    /// What the level may use for so many numbers.
    pub(super) fn kind(simd: SimdLevel, len: usize) -> Option<Kind> {
        static FOUND: OnceLock<[bool; 2]> = OnceLock::new();
        let detect = || {
            [
                is_x86_feature_detected!("avx") && is_x86_feature_detected!("f16c"),
                SimdLevel::detect() == SimdLevel::Avx512,
            ]
        };
        let [f16c, avx512] = *FOUND.get_or_init(detect);
        match simd {
            SimdLevel::Avx512 if avx512 && (len >= 16 || !f16c) => Some(Kind::Avx512),
            SimdLevel::Avx512 | SimdLevel::Avx2 if f16c => Some(Kind::F16c),
            _ => None,
        }
    }

    pub(super) fn widen(kind: Kind, from: &[f16], to: &mut [f32]) {
        // SAFETY: `kind` was made by `kind()`, which found the instructions on this machine.
        match kind {
            Kind::F16c => unsafe { widen_f16c(from, to) },
            Kind::Avx512 => unsafe { widen_avx512(from, to) },
        }
    }

    pub(super) fn narrow(kind: Kind, from: &[f32], to: &mut [f16]) {
        // SAFETY: as in `widen`.
        match kind {
            Kind::F16c => unsafe { narrow_f16c(from, to) },
            Kind::Avx512 => unsafe { narrow_avx512(from, to) },
        }
    }

    macro_rules! conversions {
        ($widen:ident, $narrow:ident, $features:literal, $lanes:literal, $load16:ident, $to32:ident, $store32:ident,
         $load32:ident, $to16:ident, $rounding:expr, $store16:ident) => {
            /// # Safety
            /// The machine has the features.
            #[target_feature(enable = $features)]
            unsafe fn $widen(from: &[f16], to: &mut [f32]) {
                let (whole, rest) = from.as_chunks::<$lanes>();
                let (target, _) = to.as_chunks_mut::<$lanes>();
                // SAFETY: both hold a register's numbers.
                let one = |from: &[f16; $lanes], to: &mut [f32; $lanes]| unsafe {
                    $store32(to.as_mut_ptr(), $to32($load16(from.as_ptr().cast())));
                };
                whole.iter().zip(target).for_each(|(from, to)| one(from, to));
                if rest.is_empty() {
                    return;
                }
                // The rest with those before it as one more register; a loop where there are too few.
                if let (Some(from), Some(to)) = (from.last_chunk(), to.last_chunk_mut()) {
                    return one(from, to);
                }
                from.iter().zip(to).for_each(|(from, to)| *to = widened(from.to_bits()));
            }

            /// # Safety
            /// The machine has the features.
            #[target_feature(enable = $features)]
            unsafe fn $narrow(from: &[f32], to: &mut [f16]) {
                let (whole, rest) = from.as_chunks::<$lanes>();
                let (target, _) = to.as_chunks_mut::<$lanes>();
                // SAFETY: both hold a register's numbers.
                let one = |from: &[f32; $lanes], to: &mut [f16; $lanes]| unsafe {
                    $store16(to.as_mut_ptr().cast(), $to16::<{ $rounding }>($load32(from.as_ptr())));
                };
                whole.iter().zip(target).for_each(|(from, to)| one(from, to));
                if rest.is_empty() {
                    return;
                }
                // The rest with those before it as one more register; a loop where there are too few.
                if let (Some(from), Some(to)) = (from.last_chunk(), to.last_chunk_mut()) {
                    return one(from, to);
                }
                from.iter().zip(to).for_each(|(from, to)| *to = f16::from_bits(narrowed(*from)));
            }
        };
    }

    conversions!(
        widen_f16c,
        narrow_f16c,
        "avx,f16c",
        8,
        _mm_loadu_si128,
        _mm256_cvtph_ps,
        _mm256_storeu_ps,
        _mm256_loadu_ps,
        _mm256_cvtps_ph,
        _MM_FROUND_TO_NEAREST_INT,
        _mm_storeu_si128
    );
    conversions!(
        widen_avx512,
        narrow_avx512,
        "avx512f",
        16,
        _mm256_loadu_si256,
        _mm512_cvtph_ps,
        _mm512_storeu_ps,
        _mm512_loadu_ps,
        _mm512_cvtps_ph,
        _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC,
        _mm256_storeu_si256
    );
}

#[cfg(test)]
mod tests {
    use super::{HALF_MAX, f16, narrow, widen};
    use crate::backend::{Cpu, SimdLevel};

    fn levels() -> impl Iterator<Item = SimdLevel> {
        SimdLevel::ALL.into_iter().filter(|&level| Cpu::new(level).is_ok())
    }

    #[test]
    fn e8_every_f16_is_widened_exactly_at_every_level() {
        let all: Vec<f16> = (0..=u16::MAX).map(f16::from_bits).collect();
        for level in levels() {
            // Lengths that leave a rest behind the last register too.
            for from in [&all[..], &all[1..31], &all[5..6]] {
                let mut found = vec![0.0; from.len()];
                widen(level, from, &mut found);
                for (half, wide) in from.iter().zip(&found) {
                    let right = half.to_f32();
                    assert!(
                        wide.to_bits() == right.to_bits() || (wide.is_nan() && right.is_nan()),
                        "{level} {half:?} {wide}"
                    );
                }
            }
        }
    }

    #[test]
    fn e8_narrowing_rounds_to_the_nearest_even_at_every_level() {
        // Every f16, what lies half-way to the next, and the f32 values on both sides of each.
        let all = (0..0x7c00_u16).flat_map(|bits| {
            let [a, b] = [bits, bits + 1].map(|b| f64::from(f16::from_bits(b).to_f32()));
            let b = if b.is_finite() { b } else { 65_536.0 };
            [a as f32, f64::midpoint(a, b) as f32].into_iter().flat_map(|x| [x.next_down(), x, x.next_up()])
        });
        let rest = [f32::MAX, f32::MIN_POSITIVE, 1e-45, f32::INFINITY, f32::NAN, 1e5, 0.0];
        let values: Vec<f32> = all.chain(rest).flat_map(|x| [x, -x]).collect();
        for level in levels() {
            let mut found = vec![f16::ZERO; values.len()];
            narrow(level, &values, &mut found);
            for (x, half) in values.iter().zip(&found) {
                let right = f16::from_f32(*x);
                let same = half.to_bits() == right.to_bits() || (half.is_nan() && right.is_nan());
                assert!(same, "{level}: {x:e} became {half:?}, expected {right:?}");
            }
        }
        assert_eq!(f16::MAX.to_f32(), HALF_MAX);
    }
}
