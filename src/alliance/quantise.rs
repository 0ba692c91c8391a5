//! Numbers to whole numbers and back (A4): v becomes round(v / step) with step = bound / (2^(b-1) - 1).
//!
//! The bounds and the bits stand in the plan, so no scale that depends on data travels. A value outside of its bound is
//! held at it. The error of one value is at most half a step, and so is that of a weighted mean of values.

/// One step of values within `bound` at so many bits.
pub fn step(bound: f32, bits: u32) -> f64 {
    f64::from(bound) / largest(bits)
}

/// 2^(b-1) - 1.
fn largest(bits: u32) -> f64 {
    f64::from((1_i32 << (bits - 1)) - 1)
}

/// An update within its bounds.
#[derive(Debug, Clone, PartialEq)]
pub struct Clipped {
    /// The values, parameter after parameter.
    pub values: Vec<Vec<f64>>,
    /// How many were outside.
    pub held: usize,
}

/// Holds each value within its parameter's bound. Values that are no numbers do not occur: training refuses them.
pub fn clip(update: &[Vec<f32>], bounds: &[f32]) -> Clipped {
    let mut held = 0;
    let mut one = |v: f32, bound: f32| {
        held += usize::from(v.abs() > bound);
        f64::from(v.clamp(-bound, bound))
    };
    let values = update.iter().zip(bounds).map(|(values, bound)| values.iter().map(|v| one(*v, *bound)).collect());
    Clipped { values: values.collect(), held }
}

/// The values as whole numbers of at most `bits` bits with their sign, all in one row.
pub fn quantise(clipped: &Clipped, bounds: &[f32], bits: u32) -> Vec<i32> {
    let most = largest(bits);
    let whole = |v: &f64, bound: f32| (v / step(bound, bits)).round_ties_even().clamp(-most, most) as i32;
    clipped.values.iter().zip(bounds).flat_map(|(values, bound)| values.iter().map(|v| whole(v, *bound))).collect()
}

/// The weighted mean of updates from the sums of their weighted whole numbers.
pub fn mean(sums: &[i64], weights: u64, lens: impl Iterator<Item = usize>, bounds: &[f32], bits: u32) -> Vec<Vec<f64>> {
    let mut sums = sums.iter();
    let mut of_param = |len: usize, bound: f32| {
        let scale = step(bound, bits);
        sums.by_ref().take(len).map(|sum| *sum as f64 / weights as f64 * scale).collect()
    };
    lens.zip(bounds).map(|(len, bound)| of_param(len, *bound)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a4_values_come_back_within_half_a_step_and_large_ones_at_their_bound() {
        let update = vec![vec![0.1, -0.25, 0.5, 3.0], vec![-1e-9, -8.0]];
        let bounds = [0.5, 2.0];
        let clipped = clip(&update, &bounds);
        assert_eq!(clipped.held, 2);
        for bits in [8, 16, 24] {
            let whole = quantise(&clipped, &bounds, bits);
            assert_eq!(whole[2], (1 << (bits - 1)) - 1, "the bound is the largest number");
            assert_eq!(whole[5], -((1 << (bits - 1)) - 1));
            let sums: Vec<i64> = whole.iter().map(|v| 3 * i64::from(*v)).collect();
            let back = mean(&sums, 3, [4, 2].into_iter(), &bounds, bits);
            for ((back, clipped), bound) in back.iter().zip(&clipped.values).zip(bounds) {
                for (b, c) in back.iter().zip(clipped) {
                    assert!((b - c).abs() <= step(bound, bits) / 2.0 * (1.0 + 1e-9), "{b} {c} at {bits} bits");
                }
            }
        }
    }
}
