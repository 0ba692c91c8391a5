//! Splitting f32 into bf16 parts.
//!
//! `high = bf16(x)`, `mid = bf16(x - high)`, `low = bf16(x - high - mid)`, each rounded to nearest, ties to even. The
//! differences are exact, and three parts hold all 24 bits: `high + mid + low = x` unless a part is denormal.

/// `x` rounded to bf16, as f32: to nearest, ties to even. What is beyond the largest bf16 by half its last place or more
/// is an infinity, and a NaN stays a NaN.
#[inline(always)]
const fn round(x: f32) -> f32 {
    let bits = x.to_bits();
    f32::from_bits(bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) & 0xffff_0000)
}

/// The value of bf16 bits.
#[inline(always)]
pub const fn value(bits: u16) -> f32 {
    f32::from_bits((bits as u32) << 16)
}

/// The highest `P` parts, as bits. The high part of an infinity, of a NaN and of a number so large that it has to be
/// rounded to an infinity is none that is finite.
#[inline(always)]
pub const fn split<const P: usize>(x: f32) -> [u16; P] {
    // The bits of some NaN would wrap around when they are rounded.
    let mut rest = if x.is_nan() { f32::NAN } else { x };
    let mut parts = [0; P];
    let mut p = 0;
    while p < P {
        let part = round(rest);
        parts[p] = (part.to_bits() >> 16) as u16;
        rest -= part;
        p += 1;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e9_rounding_is_to_nearest_and_ties_go_to_even() {
        let cases = [
            (0x3f80_0000, 0x3f80), // 1
            (0x3f80_8000, 0x3f80), // a tie, down to even
            (0x3f80_8001, 0x3f81),
            (0x3f81_8000, 0x3f82), // a tie, up to even
            (0xbf81_7fff, 0xbf81),
            (0x7f7f_7fff, 0x7f7f), // the largest that stays finite
            (0x7f7f_8000, 0x7f80),
            (0xff7f_ffff, 0xff80),
            (0x7f80_0000, 0x7f80),
            (0x0000_ffff, 0x0001), // denormal
            (0x8000_0000, 0x8000),
        ];
        for (bits, expected) in cases {
            assert_eq!(split::<1>(f32::from_bits(bits)), [expected], "{bits:08x}");
        }
    }

    #[test]
    fn e9_three_parts_hold_every_bit() {
        let mut state = 1_u32;
        for _ in 0..200_000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // Exponents of 24 and more, so that no part is denormal; up to those that are not rounded to an infinity.
            let bits = (state & 0x807f_ffff) | ((24 + (state >> 7) % 230) << 23);
            let x = f32::from_bits(bits);
            let [high, mid, low] = split::<3>(x).map(|part| f64::from(value(part)));
            assert_eq!(high + mid + low, f64::from(x), "{bits:08x}");
            assert!((f64::from(x) - high).abs() <= f64::from(x).abs() / 256.0, "{bits:08x}");
            assert_eq!(split::<2>(x), split::<3>(x)[..2], "{bits:08x}");
        }
    }

    #[test]
    fn e9_what_is_not_finite_stays_so() {
        for x in [f32::INFINITY, f32::NEG_INFINITY, f32::MAX] {
            assert_eq!(value(split::<2>(x)[0]), x.signum() * f32::INFINITY);
        }
        // Signs, and payloads in either half: rounding must not carry them into the sign.
        for bits in [0x7fc0_0000, 0xffc0_0000, 0x7f80_0001, 0xff80_0001, 0x7fff_ffff, 0xffff_8000, 0xffff_ffff] {
            assert!(value(split::<3>(f32::from_bits(bits))[0]).is_nan(), "{bits:08x}");
        }
    }
}
