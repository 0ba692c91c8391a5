//! Should one company do as the other does? (A9)
//!
//! For a product that both sell there are two comparison features a step: quantity, ln((q_a + 1) / (q_b + 1)), and
//! reputation, r_a - r_b. Only if both rise, or both fall (Mann and Kendall, each with its p-value), is the sales mode of
//! the one that gains worth adopting. Its reputation splits into display, the product's share of all the company's buyers
//! (where it is seen), and after-sales, its share of all the company's buyers who came back (where it left something
//! behind). Only if neither share leaves its balance over the last steps (Kwiatkowski et al., each with its p-value) is
//! the practice of the one with the better reputation adopted.

use serde::{Deserialize, Serialize};

use super::stationarity::{Balance, kpss};
use super::trend::{Trend, mann_kendall};

/// What decides.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rules {
    /// A trend is one whose p-value is below this; a balance is lost where its p-value is.
    pub alpha: f64,
    /// The last steps over which shares must stay in balance.
    pub span: usize,
}

/// One company's side of a product, step by step.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// Pieces sold.
    pub quantity: &'a [f64],
    /// Buyers.
    pub buyers: &'a [f64],
    /// Buyers who had bought before.
    pub repeat: &'a [f64],
    /// Buyers of all products.
    pub all_buyers: &'a [f64],
    /// Buyers of all products who had bought them before.
    pub all_repeat: &'a [f64],
}

/// What was found of a product.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The comparison feature of quantity, step by step.
    pub quantity: Vec<f64>,
    /// The comparison feature of reputation; 0 in a step where nobody bought.
    pub reputation: Vec<f64>,
    /// Its trend.
    pub quantity_trend: Trend,
    /// Its trend.
    pub reputation_trend: Trend,
    /// 0 or 1: the company whose sales mode the other adopts; none if the trends do not agree.
    pub sales_mode_of: Option<usize>,
    /// 0 or 1: the company with the better reputation in the span.
    pub better: usize,
    /// Whether its share of buyers stays in balance.
    pub display: Balance,
    /// Whether its share of returning buyers stays in balance.
    pub after_sales: Balance,
    /// 0 or 1: the company whose reputation practice the other adopts; none if the shares are not in balance.
    pub practice_of: Option<usize>,
}

/// Compares two companies' sides of a product; `None` if there are too few steps to test.
pub fn compare(sides: [Side<'_>; 2], rules: Rules) -> Option<Finding> {
    let steps = sides[0].quantity.len();
    let reputation = |side: &Side<'_>, t: usize| ratio(side.repeat[t], side.buyers[t]);
    let [a, b] = &sides;
    let quantity: Vec<f64> = (0..steps).map(|t| (a.quantity[t] + 1.0).ln() - (b.quantity[t] + 1.0).ln()).collect();
    let compared: Vec<f64> = (0..steps).map(|t| reputation(a, t) - reputation(b, t)).collect();
    let (quantity_trend, reputation_trend) = (mann_kendall(&quantity)?, mann_kendall(&compared)?);
    let significant = quantity_trend.p < rules.alpha && reputation_trend.p < rules.alpha;
    let sales_mode_of = match (significant, quantity_trend.tau > 0.0, reputation_trend.tau > 0.0) {
        (true, true, true) => Some(0),
        (true, false, false) => Some(1),
        _ => None,
    };
    let first = steps.saturating_sub(rules.span);
    let better = usize::from(compared[first..].iter().sum::<f64>() < 0.0);
    let side = &sides[better];
    let share = |own: &[f64], all: &[f64]| -> Vec<f64> { (first..steps).map(|t| ratio(own[t], all[t])).collect() };
    let display = kpss(&share(side.buyers, side.all_buyers))?;
    let after_sales = kpss(&share(side.repeat, side.all_repeat))?;
    let balanced = display.p >= rules.alpha && after_sales.p >= rules.alpha;
    Some(Finding {
        quantity,
        reputation: compared,
        quantity_trend,
        reputation_trend,
        sales_mode_of,
        better,
        display,
        after_sales,
        practice_of: balanced.then_some(better),
    })
}

fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(f: impl Fn(f64) -> f64) -> Vec<f64> {
        (0..30).map(|t| f(f64::from(t))).collect()
    }

    #[test]
    fn a9_a_sales_mode_is_adopted_only_if_quantity_and_reputation_go_the_same_way() {
        let noise = |t: f64| (t * 2.3).sin();
        let (buyers, all) = (series(|_| 100.0), series(|_| 1000.0));
        let rising = series(|t| 50.0 + 3.0 * t + noise(t));
        let steady = series(|t| 80.0 + noise(1.7 * t));
        let (better, worse) = (series(|t| 20.0 + t + noise(t)), series(|t| 50.0 - t + noise(t)));
        let even = series(|t| 30.0 + noise(t));
        let rules = Rules { alpha: 0.05, span: 20 };
        let both = |quantities: [&[f64]; 2], repeats: [&[f64]; 2]| {
            let side = |i: usize| Side {
                quantity: quantities[i],
                buyers: &buyers,
                repeat: repeats[i],
                all_buyers: &all,
                all_repeat: &all,
            };
            compare([side(0), side(1)], rules).expect("enough steps")
        };
        let of = |repeat: &[f64]| both([&rising, &steady], [repeat, &even]);
        assert_eq!(of(&better).sales_mode_of, Some(0));
        assert_eq!(of(&worse).sales_mode_of, None, "more is sold, but fewer come back");
        let turned = both([&steady, &rising], [&even, &better]);
        assert_eq!(turned.sales_mode_of, Some(1), "the same from the other side");
    }

    #[test]
    fn a9_a_reputation_practice_is_adopted_only_in_balance() {
        let noise = |t: f64| (t * 2.3).sin();
        let (flat, all) = (series(|t| 100.0 + noise(t)), series(|_| 1000.0));
        let (good, drifting) = (series(|t| 60.0 + noise(1.3 * t)), series(|t| 40.0 + 2.0 * t + noise(t)));
        let low = series(|t| 10.0 + noise(t));
        let rules = Rules { alpha: 0.05, span: 20 };
        let against_low = |repeat: &[f64]| {
            let side = |repeat| Side { quantity: &flat, buyers: &flat, repeat, all_buyers: &all, all_repeat: &all };
            compare([side(low.as_slice()), side(repeat)], rules).expect("enough steps")
        };
        let kept = against_low(&good);
        assert_eq!((kept.better, kept.practice_of), (1, Some(1)), "{kept:?}");
        let lost = against_low(&drifting);
        assert_eq!((lost.better, lost.practice_of), (1, None));
        assert!(lost.after_sales.p < 0.05 && lost.display.p >= 0.05);
    }
}
