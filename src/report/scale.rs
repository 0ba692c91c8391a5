//! Axis ticks at round numbers.
//!
//! The linear ticks are Paul Heckbert's "Nice Numbers for Graph Labels", Graphics Gems (Academic Press, 1990),
//! pages 61 to 63: the step is 1, 2 or 5 times a power of ten, the nearest to the span over the number of ticks wanted.

use super::number;

/// The step between ticks: a mantissa of 1, 2 or 5 and a power of ten.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    mantissa: f64,
    exponent: i32,
}

impl Step {
    /// The nice step nearest to `rough`, which must be positive.
    pub fn near(rough: f64) -> Self {
        let exponent = rough.log10().floor() as i32;
        let fraction = rough / 10f64.powi(exponent);
        match fraction {
            f if f < 1.5 => Self { mantissa: 1.0, exponent },
            f if f < 3.0 => Self { mantissa: 2.0, exponent },
            f if f < 7.0 => Self { mantissa: 5.0, exponent },
            _ => Self { mantissa: 1.0, exponent: exponent + 1 },
        }
    }

    /// The smallest nice step that is a whole number and not below `rough`.
    pub fn whole_above(rough: f64) -> Self {
        let mut step = Self { mantissa: 1.0, exponent: 0 };
        while step.times(1.0) < rough {
            step = match step.mantissa {
                1.0 => Self { mantissa: 2.0, ..step },
                2.0 => Self { mantissa: 5.0, ..step },
                _ => Self { mantissa: 1.0, exponent: step.exponent + 1 },
            };
        }
        step
    }

    /// `k` steps. Dividing by a power of ten, rather than multiplying by a rounded fraction, keeps 3 x 0.1 at 0.3.
    pub fn times(self, k: f64) -> f64 {
        if self.exponent < 0 {
            k * self.mantissa / 10f64.powi(-self.exponent)
        } else {
            k * self.mantissa * 10f64.powi(self.exponent)
        }
    }

    /// How many decimals a multiple of this step needs.
    pub fn decimals(self) -> usize {
        usize::try_from(-self.exponent).unwrap_or(0)
    }

    /// The label of a tick at `value`.
    pub fn label(self, value: f64) -> String {
        let thousands_are_long = self.exponent >= 4;
        match self.decimals() {
            0 if thousands_are_long && value.abs() >= 1e9 => format!("{} G", number::short(value / 1e9)),
            0 if thousands_are_long && value.abs() >= 1e6 => format!("{} M", number::short(value / 1e6)),
            0 if thousands_are_long && value != 0.0 => format!("{} k", number::short(value / 1e3)),
            0..=4 => number::fixed(value, self.decimals()),
            _ => number::short(value),
        }
    }
}

/// Tick positions and the range that they belong to.
#[derive(Debug, Clone, PartialEq)]
pub struct Ticks {
    /// Where the axis begins.
    pub low: f64,
    /// Where the axis ends.
    pub high: f64,
    /// The ticks, ascending, within the range.
    pub values: Vec<f64>,
    /// The distance between two ticks.
    pub step: Step,
}

/// Ticks for an axis that is widened to begin and end on a tick. `wanted` is about how many.
pub fn loose(low: f64, high: f64, wanted: usize) -> Ticks {
    let (low, high) = open(low, high);
    let step = Step::near((high - low) / wanted.max(2) as f64);
    let (first, last) = ((low / step.times(1.0) + 1e-9).floor(), (high / step.times(1.0) - 1e-9).ceil());
    let values: Vec<f64> = multiples(first, last, step);
    Ticks { low: step.times(first), high: step.times(last), values, step }
}

/// Ticks inside a range that stays as it is.
pub fn tight(low: f64, high: f64, wanted: usize) -> Ticks {
    let (low, high) = open(low, high);
    let step = Step::near((high - low) / wanted.max(2) as f64);
    let (first, last) = ((low / step.times(1.0) - 1e-9).ceil(), (high / step.times(1.0) + 1e-9).floor());
    Ticks { low, high, values: multiples(first, last, step), step }
}

fn multiples(first: f64, last: f64, step: Step) -> Vec<f64> {
    let n = (last - first).max(0.0) as usize;
    // Adding zero turns a negative zero into zero.
    (0..=n).map(|i| step.times(first + i as f64) + 0.0).collect()
}

/// Opens a range too narrow to tell its ends apart.
fn open(low: f64, high: f64) -> (f64, f64) {
    let size = low.abs().max(high.abs());
    if high - low > size * 1e-9 && high - low > f64::MIN_POSITIVE * 1e20 {
        return (low, high);
    }
    match size {
        s if s < 1e-280 => (0.0, 1.0),
        s if low >= 0.0 => (low - s * 0.5, high + s * 0.5),
        s => (low - s * 0.5, high + s * 0.5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e20_ticks_are_nice_numbers() {
        // Heckbert's own example: 105 to 543 with five labels gives 100, 200, ..., 600.
        let t = loose(105.0, 543.0, 5);
        assert_eq!(t.values, [100.0, 200.0, 300.0, 400.0, 500.0, 600.0]);
        let t = loose(0.0, 1.0, 5);
        assert_eq!(t.values, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]);
        let t = loose(-0.31, 0.27, 5);
        assert_eq!(t.values, [-0.4, -0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3]);
        assert_eq!(t.values[4].to_bits(), 0f64.to_bits(), "no negative zero");
        let t = tight(1.0, 52.0, 5);
        assert_eq!((t.low, t.high), (1.0, 52.0));
        assert_eq!(t.values, [10.0, 20.0, 30.0, 40.0, 50.0]);
    }

    #[test]
    fn e20_ticks_survive_odd_ranges() {
        let ranges = [(0.0, 0.0), (7.0, 7.0), (-7.0, -7.0), (1e15, 1e15 + 1.0), (1e-12, 2e-12), (-1e300, 1e300)];
        for (low, high) in ranges {
            for t in [loose(low, high, 5), tight(low, high, 5)] {
                assert!(t.low < t.high, "{low} {high}: {t:?}");
                assert!((2..=12).contains(&t.values.len()), "{low} {high}: {t:?}");
                assert!(t.values.windows(2).all(|w| w[0] < w[1]), "{low} {high}: {t:?}");
                assert!(t.low <= low && high <= t.high, "{low} {high}: {t:?}");
            }
        }
    }

    #[test]
    fn e20_tick_labels_carry_only_needed_decimals() {
        let label = |low, high, v| loose(low, high, 5).step.label(v);
        assert_eq!(label(0.0, 1.0, 0.2), "0.2");
        assert_eq!(label(0.0, 6000.0, 2000.0), "2,000");
        assert_eq!(label(0.0, 60_000.0, 20_000.0), "20 k");
        assert_eq!(label(0.0, 6e6, 2e6), "2 M");
        assert_eq!(label(0.0, 6e6, 0.0), "0");
        assert_eq!(label(0.0, 1e-6, 2e-7), "2e\u{2212}7");
        assert_eq!(Step::whole_above(0.3).times(1.0), 1.0);
        assert_eq!(Step::whole_above(7.0).times(1.0), 10.0);
    }
}
