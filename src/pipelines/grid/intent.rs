//! Intent weights per customer and task (R8) and tiers by them (R9).

use super::contacts::Contacts;
use super::settings::{IntentSettings, TierSettings};

/// The weight of each of these contacts: the mean, over the columns, of the share of training contacts that a value exceeds
/// (ties count half); of `falling` columns, of those that exceed it. No value counts as a half.
pub(super) fn weights(contacts: &Contacts, settings: &IntentSettings, train: &[usize], rows: &[usize]) -> Vec<f64> {
    let columns = settings.rising.iter().map(|n| (n, true)).chain(settings.falling.iter().map(|n| (n, false)));
    let columns: Vec<_> = columns
        .filter_map(|(name, rising)| {
            let values = contacts.numbers(name)?;
            let mut known: Vec<f64> = train.iter().filter_map(|&row| values[row]).collect();
            known.sort_by(f64::total_cmp);
            Some((values, known, rising))
        })
        .collect();
    let weight = |row: usize| {
        let sum: f64 = columns.iter().map(|(values, known, rising)| place(known, values[row], *rising)).sum();
        sum / columns.len().max(1) as f64
    };
    rows.iter().map(|&row| weight(row)).collect()
}

fn place(known: &[f64], value: Option<f64>, rising: bool) -> f64 {
    let (Some(value), false) = (value, known.is_empty()) else { return 0.5 };
    let below = known.partition_point(|k| *k < value);
    let equal = known.partition_point(|k| *k <= value) - below;
    let share = (below as f64 + equal as f64 / 2.0) / known.len() as f64;
    if rising { share } else { 1.0 - share }
}

/// The tier of a weight, from 1 (the best).
pub(super) fn tier(settings: &TierSettings, weight: f64) -> usize {
    settings.thresholds.iter().position(|t| weight >= *t).unwrap_or(settings.thresholds.len()) + 1
}

/// The intent level of a tier: the higher, the more.
pub(super) fn level(settings: &TierSettings, tier: usize) -> usize {
    settings.thresholds.len() + 2 - tier
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r8_a_place_among_known_values_by_hand() {
        let known = [1.0, 2.0, 2.0, 4.0];
        assert_eq!(place(&known, Some(2.0), true), 0.5);
        assert_eq!(place(&known, Some(4.0), true), 0.875);
        assert_eq!(place(&known, Some(0.0), true), 0.0);
        assert_eq!(place(&known, Some(0.0), false), 1.0);
        assert_eq!(place(&known, None, true), 0.5);
        assert_eq!(place(&[], Some(1.0), true), 0.5);
    }

    #[test]
    fn r9_higher_weights_have_higher_levels_and_thresholds_belong_to_the_upper_tier() {
        let settings = TierSettings { thresholds: vec![0.75, 0.5] };
        let tiers = [1.0, 0.75, 0.74, 0.5, 0.1].map(|weight| tier(&settings, weight));
        assert_eq!(tiers, [1, 1, 2, 2, 3]);
        assert_eq!([1, 2, 3].map(|tier| level(&settings, tier)), [3, 2, 1]);
    }
}
