//! The first correspondence (R4): task -> customers, from fit and past participation.
//!
//! Fit is how far a customer lies, in the space of the (whitened) components, along the way from those who did not respond
//! to those who did. Participation is the customer's history. Both are taken as ranks within the task.

use super::contacts::Contacts;
use super::features::Prepared;
use super::settings::Settings;

/// Scores of the contacts of late tasks, 0 to 1, and which of them correspond.
#[derive(Debug)]
pub(super) struct First {
    pub scores: Vec<f64>,
    pub keep: Vec<bool>,
}

/// `late` are the contacts' places, grouped by task as the contacts are.
pub(super) fn first(
    contacts: &Contacts,
    prepared: &Prepared,
    settings: &Settings,
    train: &[usize],
    late: &[usize],
) -> First {
    let d = prepared.dimensions;
    let at = |row: usize| &prepared.components[row * d..][..d];
    let centre = |outcome: bool| -> Vec<f64> {
        let own: Vec<usize> = train.iter().copied().filter(|&r| contacts.rows[r].outcome == Some(outcome)).collect();
        (0..d).map(|k| own.iter().map(|&r| f64::from(at(r)[k])).sum::<f64>() / own.len().max(1) as f64).collect()
    };
    let (no, yes) = (centre(false), centre(true));
    let way: Vec<f64> = yes.iter().zip(&no).map(|(yes, no)| yes - no).collect();
    let fit: Vec<f64> = late.iter().map(|&r| at(r).iter().zip(&way).map(|(x, w)| f64::from(*x) * w).sum()).collect();
    let past = contacts.numbers(&settings.data.history).unwrap_or_default();
    let past: Vec<f64> = late.iter().map(|&r| past.get(r).copied().flatten().unwrap_or(0.0)).collect();
    let mut found = First { scores: vec![0.0; late.len()], keep: vec![false; late.len()] };
    let mut start = 0;
    while start < late.len() {
        let task = contacts.rows[late[start]].task;
        let end = start + late[start..].iter().take_while(|&&r| contacts.rows[r].task == task).count();
        let weight = settings.correspondence.participation;
        let (fit, past) = (ranks(&fit[start..end]), ranks(&past[start..end]));
        let own = &mut found.scores[start..end];
        own.iter_mut().zip(fit.iter().zip(&past)).for_each(|(s, (f, p))| *s = (1.0 - weight) * f + weight * p);
        let kept = (settings.correspondence.keep * (end - start) as f64).ceil() as usize;
        let mut order: Vec<usize> = (start..end).collect();
        order.sort_by(|&a, &b| found.scores[b].total_cmp(&found.scores[a]).then(a.cmp(&b)));
        order.iter().take(kept).for_each(|&place| found.keep[place] = true);
        start = end;
    }
    found
}

/// Each value's mean rank from 0 to 1; half for a single one.
pub(super) fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.5; values.len()];
    let mut start = 0;
    while start < order.len() && order.len() > 1 {
        let end = start + order[start..].iter().take_while(|&&i| values[i] == values[order[start]]).count();
        let rank = (start + end - 1) as f64 / 2.0 / (order.len() - 1) as f64;
        order[start..end].iter().for_each(|&i| ranks[i] = rank);
        start = end;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r4_ranks_share_ties_and_run_from_0_to_1() {
        assert_eq!(ranks(&[3.0, 1.0, 3.0, 9.0]), [0.5, 0.0, 0.5, 1.0]);
        assert_eq!(ranks(&[5.0]), [0.5]);
        assert_eq!(ranks(&[2.0, 2.0]), [0.5, 0.5]);
        assert!(ranks(&[]).is_empty());
    }
}
