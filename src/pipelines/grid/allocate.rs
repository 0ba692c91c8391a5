//! Contacts to managers (R5, R6, R8): a capacity auction over the candidates, and why the others are left over.

use super::contacts::Contacts;
use super::error::GridError;
use super::managers::Managers;
use super::network::Candidate;
use super::settings::AllocationSettings;
use crate::assign::{AuctionSpec, Candidates, LeftReason};

/// An allocation of the late contacts.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Allocation {
    /// The manager of each contact and the gain of the two.
    pub manager: Vec<Option<(u32, f64)>>,
    /// The contacts without a manager, and why.
    pub left: Vec<(usize, &'static str)>,
    /// The sum of the gains.
    pub value: f64,
    /// No allocation is worth more.
    pub bound: f64,
    /// How far the value may be from the best, relatively.
    pub gap: f64,
}

impl Allocation {
    /// How many contacts have a manager.
    pub(super) fn served(&self) -> usize {
        self.manager.iter().flatten().count()
    }
}

/// What each manager can serve: what the table says, or an equal part of the region's share.
pub(super) fn capacities(
    contacts: &Contacts,
    managers: &Managers,
    late: &[usize],
    settings: &AllocationSettings,
) -> Vec<u32> {
    let mut demand = vec![0_usize; contacts.regions.len()];
    for &row in late {
        demand[contacts.rows[row].region as usize] += 1;
    }
    let mut capacities: Vec<u32> = managers.list.iter().map(|manager| manager.capacity.unwrap_or(0)).collect();
    for (own, demand) in managers.by_region.iter().zip(&demand) {
        let open: Vec<u32> = own.iter().copied().filter(|&m| managers.list[m as usize].capacity.is_none()).collect();
        let together = (settings.capacity_share * *demand as f64).round() as usize;
        for (place, &manager) in open.iter().enumerate() {
            let extra = usize::from(place < together % open.len());
            capacities[manager as usize] = (together / open.len() + extra) as u32;
        }
    }
    capacities
}

/// Finds the allocation. `excluded` says of a contact why it takes no part, `gain` what a candidate is worth to it.
pub(super) fn allocate(
    candidates: &[Vec<Candidate>],
    excluded: &dyn Fn(usize) -> Option<&'static str>,
    capacities: &[u32],
    gain: &dyn Fn(usize, &Candidate) -> f32,
    settings: &AllocationSettings,
) -> Result<Allocation, GridError> {
    let mut problem = Candidates::new(capacities.to_vec());
    for (place, list) in candidates.iter().enumerate() {
        let open = if excluded(place).is_none() { list.as_slice() } else { &[] };
        problem.push(open.iter().map(|candidate| (candidate.manager, gain(place, candidate))));
    }
    let problem = problem.check(vec![0.0])?;
    let found = problem.solve(&AuctionSpec { gap: settings.gap, ..AuctionSpec::default() })?;
    let of = |(place, manager): (usize, &Option<u32>)| {
        let manager = (*manager)?;
        let own = candidates[place].iter().find(|candidate| candidate.manager == manager)?;
        Some((manager, f64::from(gain(place, own))))
    };
    let manager = found.manager.iter().enumerate().map(of).collect();
    let left = found.left(&problem).map(|left| {
        let reason = match (excluded(left.customer), left.reason) {
            (Some(reason), _) => reason,
            (None, LeftReason::NoCandidate) => "no manager in the region",
            (None, LeftReason::AllFull) => "all managers of the region are full",
            (None, LeftReason::BetterLeft) => "worth nothing to any manager",
        };
        (left.customer, reason)
    });
    let left = left.collect();
    Ok(Allocation { manager, left, value: found.value, bound: found.bound, gap: found.gap() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(manager: u32, score: f64) -> Candidate {
        Candidate { manager, score, by_seed: vec![] }
    }

    fn solve(candidates: &[Vec<Candidate>], capacities: &[u32], excluded: Option<usize>) -> Allocation {
        let settings = AllocationSettings { gap: 1e-6, ..AllocationSettings::default() };
        let why = |place: usize| (Some(place) == excluded).then_some("weight below `min_weight`");
        allocate(candidates, &why, capacities, &|_, c| c.score as f32, &settings).unwrap()
    }

    #[test]
    fn r5_the_auction_finds_the_best_pairs_and_lists_who_is_left_with_the_reason() {
        let candidates = vec![
            vec![candidate(0, 0.9), candidate(1, 0.8)],
            vec![candidate(0, 0.7)],
            vec![candidate(0, 0.2), candidate(1, 0.1)],
            vec![],
            vec![candidate(1, 0.95)],
        ];
        let found = solve(&candidates, &[1, 1], Some(4));
        let managers: Vec<Option<u32>> = found.manager.iter().map(|m| m.map(|(m, _)| m)).collect();
        assert_eq!(managers, [Some(1), Some(0), None, None, None]);
        assert!((found.value - 1.5).abs() < 1e-6 && found.bound >= found.value - 1e-9 && found.gap < 1e-3);
        let reasons = [
            (2, "all managers of the region are full"),
            (3, "no manager in the region"),
            (4, "weight below `min_weight`"),
        ];
        assert_eq!(found.left, reasons);
    }

    #[test]
    fn r5_no_capacity_at_all_leaves_everybody_over() {
        let found = solve(&[vec![candidate(0, 0.9)], vec![candidate(0, 0.1)]], &[0], None);
        assert_eq!((found.served(), found.left.len()), (0, 2));
    }
}
