//! Columns with wrong units in them: values far from the others are replaced by the mean of the normal ones.
//!
//! The normal interval of a column with median q is [q m / n, q n / m], its bounds in order for a negative q. Where that
//! rule cannot speak (q is 0, or more than half of the values lie outside) the median absolute deviation does: q - n s to
//! q + n s with s = 1.4826 times that deviation. Where that is 0 too, the quartiles of the values other than 0 do: from the
//! lower less 1.5 times their distance to the upper and as much more, and to 0, which is then normal. Where those say
//! nothing either, no value is replaced.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CleanRule {
    /// Between parts and multiples of the median; the others where it cannot speak.
    #[default]
    Median,
    /// By the median absolute deviation; by quartiles where it is 0.
    Mad,
    /// By the quartiles of the values other than 0.
    Iqr,
    /// Nothing is replaced.
    None,
}

impl CleanRule {
    /// The rule's name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Median => "median",
            Self::Mad => "mad",
            Self::Iqr => "iqr",
            Self::None => "none",
        }
    }
}

/// How a column is cleaned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CleanSpec {
    /// The rule to begin with.
    pub rule: CleanRule,
    /// The larger constant of the rule, above `m`.
    pub n: f64,
    /// The smaller constant, above 0.
    pub m: f64,
    /// Whether values are replaced by the logarithm of 1 + value before the rule looks at them.
    pub log1p: bool,
}

impl Default for CleanSpec {
    fn default() -> Self {
        Self { rule: CleanRule::Median, n: 3.0, m: 1.0, log1p: false }
    }
}

/// A fitted rule of one column; saved with the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cleaner {
    /// The rule that spoke in the end.
    pub rule: CleanRule,
    /// Why it was not the one that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead: Option<String>,
    /// The least normal value; no bound where nothing is replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// The largest normal value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
    /// The mean of the normal values, which stands for what is replaced and for what is missing.
    pub mean: f64,
    /// Whether all this is said of the logarithm of 1 + value.
    pub log1p: bool,
    /// Values that it was fitted to.
    pub values: usize,
    /// Those of them outside.
    pub outside: usize,
}

/// What became of a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cleaned {
    /// The value to go on with.
    pub value: f64,
    /// Whether it was normal.
    pub fate: Fate,
}

/// Whether a value was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It was normal.
    Kept,
    /// It was an anomaly.
    Replaced,
    /// There was none.
    Filled,
}

impl Cleaner {
    /// Learns from values, of which those that are missing are left out. A column without any value is all 0.
    ///
    /// # Errors
    /// The first value that has no logarithm where `log1p` asks for one.
    pub fn fit(values: impl IntoIterator<Item = f64>, spec: CleanSpec) -> Result<Self, f64> {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        if spec.log1p {
            if let Some(bad) = sorted.iter().find(|v| **v <= -1.0) {
                return Err(*bad);
            }
            for value in &mut sorted {
                *value = value.ln_1p();
            }
        }
        sorted.sort_unstable_by(f64::total_cmp);
        let (rule, instead, bounds) = bounds(&sorted, spec);
        let normal = |v: &&f64| bounds.is_none_or(|(low, high)| (low..=high).contains(*v));
        let (mut sum, mut count) = (0.0, 0_usize);
        for value in sorted.iter().filter(normal) {
            sum += value;
            count += 1;
        }
        let (low, high) = bounds.unzip();
        let (values, outside) = (sorted.len(), sorted.len() - count);
        Ok(Self { rule, instead, low, high, mean: sum / count.max(1) as f64, log1p: spec.log1p, values, outside })
    }

    /// The value to go on with. A value without a logarithm, where one is taken, is an anomaly.
    pub fn apply(&self, value: Option<f64>) -> Cleaned {
        let Some(value) = value else { return Cleaned { value: self.mean, fate: Fate::Filled } };
        let value = if self.log1p { value.ln_1p() } else { value };
        let normal = match (self.low, self.high) {
            (Some(low), Some(high)) => (low..=high).contains(&value),
            _ => value.is_finite(),
        };
        if normal { Cleaned { value, fate: Fate::Kept } } else { Cleaned { value: self.mean, fate: Fate::Replaced } }
    }

    /// A value of the rule's scale as the column has it.
    pub fn plain(&self, value: f64) -> f64 {
        if self.log1p { value.exp_m1() } else { value }
    }

    /// The share of values that are replaced.
    pub fn share(&self) -> f64 {
        self.outside as f64 / self.values.max(1) as f64
    }
}

type Bounds = Option<(f64, f64)>;

fn bounds(sorted: &[f64], spec: CleanSpec) -> (CleanRule, Option<String>, Bounds) {
    if spec.rule == CleanRule::None || sorted.is_empty() {
        let why = (spec.rule != CleanRule::None).then(|| "the column has no values".to_owned());
        return (CleanRule::None, why, None);
    }
    let mut why = vec![];
    let median = quantile(sorted, 0.5);
    if spec.rule == CleanRule::Median {
        match by_median(sorted, median, spec) {
            Ok(bounds) => return (CleanRule::Median, None, Some(bounds)),
            Err(reason) => why.push(reason),
        }
    }
    if spec.rule != CleanRule::Iqr {
        let mut apart: Vec<f64> = sorted.iter().map(|v| (v - median).abs()).collect();
        apart.sort_unstable_by(f64::total_cmp);
        let deviation = 1.4826 * quantile(&apart, 0.5);
        if deviation > 0.0 {
            let bounds = (median - spec.n * deviation, median + spec.n * deviation);
            return (CleanRule::Mad, reason(&why), Some(bounds));
        }
        why.push("the median absolute deviation is 0".to_owned());
    }
    let others: Vec<f64> = sorted.iter().copied().filter(|v| *v != 0.0).collect();
    let (low, high) = (quantile(&others, 0.25), quantile(&others, 0.75));
    if high > low {
        let reach = 1.5 * (high - low);
        let bounds = ((low - reach).min(0.0), (high + reach).max(0.0));
        return (CleanRule::Iqr, reason(&why), Some(bounds));
    }
    why.push("the quartiles of the values other than 0 are the same".to_owned());
    (CleanRule::None, reason(&why), None)
}

fn reason(why: &[String]) -> Option<String> {
    (!why.is_empty()).then(|| why.join("; "))
}

fn by_median(sorted: &[f64], median: f64, spec: CleanSpec) -> Result<(f64, f64), String> {
    if median == 0.0 {
        return Err("the median is 0".to_owned());
    }
    let (a, b) = (median * spec.m / spec.n, median * spec.n / spec.m);
    let (low, high) = (a.min(b), a.max(b));
    let outside = sorted.iter().filter(|v| !(low..=high).contains(*v)).count();
    if 2 * outside > sorted.len() {
        return Err("more than half of the values lie outside".to_owned());
    }
    Ok((low, high))
}

/// By linear interpolation between the sorted values; 0 without any.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let place = share * last as f64;
    let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    low + (high - low) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(values: &[f64], spec: CleanSpec) -> Cleaner {
        Cleaner::fit(values.iter().copied(), spec).expect("fits")
    }

    fn median(values: &[f64]) -> Cleaner {
        fit(values, CleanSpec::default())
    }

    #[test]
    fn p2_values_beyond_a_third_and_three_times_the_median_become_the_mean_of_the_others() {
        let cleaner = median(&[9.0, 10.0, 11.0, 10.0, 89_638.0, 3.0]);
        assert_eq!((cleaner.rule, cleaner.low, cleaner.high), (CleanRule::Median, Some(10.0 / 3.0), Some(30.0)));
        assert_eq!((cleaner.mean, cleaner.outside, cleaner.instead.clone()), (10.0, 2, None));
        assert_eq!(cleaner.apply(Some(89_638.0)), Cleaned { value: 10.0, fate: Fate::Replaced });
        assert_eq!(cleaner.apply(Some(30.0)), Cleaned { value: 30.0, fate: Fate::Kept });
        assert_eq!(cleaner.apply(None), Cleaned { value: 10.0, fate: Fate::Filled });
    }

    #[test]
    fn p2_bounds_of_a_negative_median_are_in_order() {
        let cleaner = median(&[-10.0, -9.0, -12.0, -500.0]);
        let q = -11.0;
        assert_eq!((cleaner.low, cleaner.high), (Some(q * 3.0), Some(q / 3.0)));
        assert_eq!(cleaner.outside, 1);
    }

    #[test]
    fn p2_a_median_of_0_leaves_it_to_the_deviation_and_a_deviation_of_0_to_the_quartiles() {
        let by_mad = median(&[-2.0, -1.0, 0.0, 1.0, 2.0, 100.0, -100.0]);
        assert_eq!(by_mad.rule, CleanRule::Mad);
        assert_eq!((by_mad.high, by_mad.outside), (Some(3.0 * 1.4826 * 2.0), 2));
        assert_eq!(by_mad.instead.as_deref(), Some("the median is 0"));
        let by_quartiles = median(&[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 4.0, 5.0, 6.0, 7.0, 900.0]);
        assert_eq!(by_quartiles.rule, CleanRule::Iqr);
        // Of 4, 5, 6, 7, 900 the quartiles are 5 and 7: up to 10; down to 2, and to 0.
        assert_eq!((by_quartiles.low, by_quartiles.high, by_quartiles.outside), (Some(0.0), Some(10.0), 1));
        let why = by_quartiles.instead.expect("a reason");
        assert_eq!(why, "the median is 0; the median absolute deviation is 0");
    }

    #[test]
    fn p2_where_more_than_half_lies_outside_the_median_does_not_speak() {
        let wide = median(&[1.0, 2.0, 10.0, 100.0, 1000.0]);
        assert_eq!(wide.instead.as_deref(), Some("more than half of the values lie outside"));
        assert_eq!(wide.rule, CleanRule::Mad);
    }

    #[test]
    fn p2_a_column_of_one_value_and_one_without_values_stay() {
        let same = median(&[7.0; 5]);
        assert_eq!((same.rule, same.outside, same.mean), (CleanRule::Median, 0, 7.0));
        let zeros = median(&[0.0; 5]);
        assert_eq!((zeros.rule, zeros.outside, zeros.low), (CleanRule::None, 0, None));
        assert!(zeros.instead.expect("a reason").ends_with("the quartiles of the values other than 0 are the same"));
        let none = median(&[]);
        assert_eq!((none.mean, none.share(), none.apply(None).value), (0.0, 0.0, 0.0));
    }

    #[test]
    fn p2_logarithms_rules_by_name_and_none() {
        let values = [1.0, 5.0, 12.0, 20.0, 30.0, 40.0, 80.0, 300.0, 1000.0];
        assert!(median(&values).share() > 0.4);
        let logs = fit(&values, CleanSpec { log1p: true, ..CleanSpec::default() });
        assert!(logs.share() < 0.2, "{logs:?}");
        assert!((logs.apply(Some(30.0)).value - 31f64.ln()).abs() < 1e-12);
        assert!((logs.plain(31f64.ln()) - 30.0).abs() < 1e-9);
        let refused = Cleaner::fit([1.0, -2.0], CleanSpec { log1p: true, ..CleanSpec::default() });
        assert_eq!(refused, Err(-2.0));
        assert_eq!(fit(&values, CleanSpec { rule: CleanRule::None, ..CleanSpec::default() }).outside, 0);
        assert_eq!(fit(&values, CleanSpec { rule: CleanRule::Mad, ..CleanSpec::default() }).rule, CleanRule::Mad);
        assert_eq!(fit(&values, CleanSpec { rule: CleanRule::Iqr, ..CleanSpec::default() }).rule, CleanRule::Iqr);
    }
}
