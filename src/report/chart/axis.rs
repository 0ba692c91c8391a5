//! One axis: a range, a scale, and labelled ticks.

use super::super::number;
use super::super::scale::{Step, Ticks, loose, tight};
use super::super::text::width;

/// A range with its ticks.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    log: bool,
    ticks: Vec<(f64, String)>,
}

impl Axis {
    /// Widened to begin and end on a tick.
    pub(super) fn loose(low: f64, high: f64, wanted: usize) -> Self {
        Self::labelled(loose(low, high, wanted))
    }

    /// Exactly this range.
    pub(super) fn tight(low: f64, high: f64, wanted: usize) -> Self {
        Self::labelled(tight(low, high, wanted))
    }

    /// From 0 to 1 with a tick every fifth.
    pub(super) fn unit() -> Self {
        Self::tight(0.0, 1.0, 5)
    }

    /// For values that are all at least 0, the axis begins at 0, so that heights can be compared.
    pub(super) fn for_heights(low: f64, high: f64, wanted: usize) -> Self {
        Self::loose(low.min(0.0), high.max(0.0), wanted)
    }

    /// Powers of ten, or 1, 2 and 5 times them where the range is short. Both ends must be positive.
    pub(super) fn log(low: f64, high: f64, wanted: usize) -> Self {
        let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
        let last = last.max(first + 1);
        let decades = (last - first) as usize;
        let mantissas: &[f64] = if decades <= 3 { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let every = decades.div_ceil(wanted.max(1));
        let mut ticks = Vec::new();
        for exponent in (first..=last).step_by(every) {
            for &m in mantissas.iter().filter(|&&m| m == 1.0 || exponent < last) {
                let value = if exponent < 0 { m / 10f64.powi(-exponent) } else { m * 10f64.powi(exponent) };
                ticks.push((value, power_label(value)));
            }
        }
        Self { low: 10f64.powi(first), high: 10f64.powi(last), log: true, ticks }
    }

    /// Exactly this range on a logarithmic scale. Both ends must be positive.
    pub(super) fn log_tight(low: f64, high: f64, wanted: usize) -> Self {
        let mut axis = Self::log(low, high, wanted);
        // The ends come from powers of ten themselves: a tick on an end must not be lost to rounding.
        axis.ticks.retain(|(v, _)| (low * (1.0 - 1e-9)..=high * (1.0 + 1e-9)).contains(v));
        Self { low, high, ..axis }
    }

    /// Positions 0 to `n` - 1 with the labels of `name`, as many as fit into `room` pixels.
    pub(super) fn named(n: usize, room: f64, font: f64, name: impl Fn(usize) -> String) -> Self {
        let widest = (0..n).map(|i| width(&name(i), font)).fold(0.0, f64::max) + 10.0;
        let fitting = (room / widest).floor().max(2.0);
        let every = Step::whole_above((n as f64 / fitting).max(1.0)).times(1.0) as usize;
        let ticks = (0..n).step_by(every).map(|i| (i as f64, name(i))).collect();
        let (low, high) = positions(n);
        Self { low, high, log: false, ticks }
    }

    /// Positions 0 to `n` - 1 that are the whole numbers from `first`.
    pub(super) fn numbered(n: usize, first: i64, wanted: usize) -> Self {
        let every = Step::whole_above(n as f64 / wanted as f64 * 0.8).times(1.0) as i64;
        let ticks = (0..n as i64)
            .filter(|i| (first + i) % every == 0)
            .map(|i| (i as f64, number::fixed((first + i) as f64, 0)))
            .collect();
        let (low, high) = positions(n);
        Self { low, high, log: false, ticks }
    }

    fn labelled(ticks: Ticks) -> Self {
        let Ticks { low, high, values, step } = ticks;
        Self { low, high, log: false, ticks: values.into_iter().map(|v| (v, step.label(v))).collect() }
    }

    /// Where `value` lies, from 0 at the low end to 1 at the high one.
    pub(super) fn share(&self, value: f64) -> f64 {
        if self.log {
            (value.log10() - self.low.log10()) / (self.high.log10() - self.low.log10())
        } else {
            (value - self.low) / (self.high - self.low)
        }
    }

    pub(super) fn low(&self) -> f64 {
        self.low
    }

    pub(super) fn ticks(&self) -> &[(f64, String)] {
        &self.ticks
    }

    pub(super) fn widest_label(&self, font: f64) -> f64 {
        self.ticks.iter().map(|(_, label)| width(label, font)).fold(0.0, f64::max)
    }

    /// How far the first label reaches left of an axis that is `length` long.
    pub(super) fn underhang(&self, length: f64, font: f64) -> f64 {
        self.ticks.first().map_or(0.0, |(at, label)| width(label, font) / 2.0 - self.share(*at) * length)
    }

    /// How far the last label reaches beyond the axis, if the axis is `length` long.
    pub(super) fn overhang(&self, length: f64, font: f64) -> f64 {
        self.ticks.last().map_or(0.0, |(at, label)| width(label, font) / 2.0 - (1.0 - self.share(*at)) * length)
    }
}

fn positions(n: usize) -> (f64, f64) {
    if n < 2 { (-0.5, 0.5) } else { (0.0, n as f64 - 1.0) }
}

fn power_label(value: f64) -> String {
    match value {
        v if v >= 1e15 => number::fixed(v, 0),
        v if v >= 1e9 => format!("{} G", number::short(v / 1e9)),
        v if v >= 1e6 => format!("{} M", number::short(v / 1e6)),
        v => number::short(v),
    }
}
