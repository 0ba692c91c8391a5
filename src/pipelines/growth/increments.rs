//! Increment analysis (G2): which steps of a series exceed the expectation, and by how much.

use serde::{Deserialize, Serialize};

use crate::prep::Demand;

/// What a product is expected to sell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Expectation {
    /// A multiple of the product's own early mean; the series is first divided by that mean.
    Relative {
        /// The multiple.
        multiple: f32,
    },
    /// A quantity, the same for all products.
    Number {
        /// The quantity.
        value: f32,
    },
    /// A quantile of all quantities in the history.
    Quantile {
        /// From 0 to 1.
        quantile: f64,
    },
    /// A quantile of the quantities of the product's own category in the history.
    Category {
        /// The attribute column with the category.
        column: String,
        /// From 0 to 1.
        quantile: f64,
    },
}

/// Where growth begins.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Threshold {
    /// A value of D.
    Number {
        /// The value.
        value: f64,
    },
    /// A quantile of D over the training products.
    Quantile {
        /// From 0 to 1.
        quantile: f64,
    },
}

/// A product's increment value and the steps that make it up.
#[derive(Debug, Clone, PartialEq)]
pub struct Increments {
    /// The positive increment value D.
    pub value: f64,
    /// For each step of the cycle, whether it is a positive increment item.
    pub steps: Vec<bool>,
}

/// D and the positive increment items of a series. With a relative expectation items are in multiples of the early mean,
/// with an absolute one in pieces.
pub fn increments(series: &[f32], demand: Demand, relative: bool) -> Increments {
    let (scale, expectation) = if relative {
        (f64::from(demand.unit), f64::from(demand.expectation))
    } else {
        (1.0, f64::from(demand.unit) * f64::from(demand.expectation))
    };
    let over = |q: &f32| f64::from(*q) / scale - expectation;
    let steps: Vec<bool> = series.iter().map(|q| over(q) > 0.0).collect();
    let squares: Vec<f64> = series.iter().map(over).filter(|x| *x > 0.0).map(|x| x * x).collect();
    let value = if squares.is_empty() { 0.0 } else { squares.iter().sum::<f64>() / squares.len() as f64 };
    Increments { value, steps }
}

/// The quantile of values by linear interpolation between the nearest ranks (type 7 of Hyndman and Fan 1996). `None`
/// without values.
pub fn quantile(values: impl IntoIterator<Item = f64>, share: f64) -> Option<f64> {
    let mut sorted: Vec<f64> = values.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let place = share.clamp(0.0, 1.0) * last as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(last);
    Some(sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64))
}

#[cfg(test)]
mod tests {
    use super::{increments, quantile};
    use crate::prep::Demand;

    #[test]
    fn g2_the_increment_value_by_hand() {
        // Early mean 2, E = 1.5 times it: items 2.5 and 4 of the series over its mean exceed 1.5 by 1 and 2.5.
        let series = [2.0, 2.0, 5.0, 3.0, 8.0];
        let demand = Demand::relative(&series[..2], 1.5).expect("something was sold");
        let found = increments(&series, demand, true);
        assert_eq!(found.steps, [false, false, true, false, true]);
        assert!((found.value - f64::midpoint(1.0, 2.5 * 2.5)).abs() < 1e-9);
    }

    #[test]
    fn g2_an_absolute_expectation_counts_pieces() {
        let demand = Demand::absolute(4.0).expect("above 0");
        let found = increments(&[1.0, 4.0, 6.0, 7.0], demand, false);
        assert_eq!(found.steps, [false, false, true, true]);
        assert!((found.value - f64::midpoint(4.0, 9.0)).abs() < 1e-9);
    }

    #[test]
    fn g2_without_increments_the_value_is_0() {
        let demand = Demand::absolute(10.0).expect("above 0");
        assert_eq!(increments(&[1.0, 2.0], demand, false).value, 0.0);
    }

    #[test]
    fn g2_quantiles_interpolate() {
        assert_eq!(quantile([4.0, 1.0, 3.0, 2.0], 0.5), Some(2.5));
        assert_eq!(quantile([1.0, 2.0], 1.0), Some(2.0));
        assert_eq!(quantile([], 0.5), None);
    }
}
