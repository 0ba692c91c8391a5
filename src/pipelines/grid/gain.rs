//! What knowing the managers is worth (R5, R12): only where they are made up, since only then the truth of every pair is known.

use super::allocate::allocate;
use super::error::GridError;
use super::evaluate::Spread;
use super::managers::Draws;
use super::network::Candidate;
use super::settings::AllocationSettings;

/// Expected responses of allocations, and the share of what the best possible one gains over knowing customers alone.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Gain {
    pub random: f64,
    pub customer: Spread,
    pub first: Spread,
    pub third: Spread,
    pub oracle: f64,
    pub share_first: Spread,
    pub share_third: Spread,
}

/// What the gain is measured on.
pub(super) struct Measure<'a> {
    /// Pairs without and with the service history.
    pub pairs: &'a [Vec<Candidate>],
    pub histories: &'a [Vec<Candidate>],
    /// What each seed says of customers alone.
    pub customers: &'a [Vec<f64>],
    /// The true probability of a contact with a manager.
    pub truth: &'a dyn Fn(usize, u32) -> f64,
    pub capacities: &'a [u32],
    pub excluded: &'a dyn Fn(usize) -> Option<&'static str>,
    pub settings: &'a AllocationSettings,
    pub seed: u64,
}

impl Measure<'_> {
    /// Who serves whom when pairs are worth this.
    fn served(
        &self,
        candidates: &[Vec<Candidate>],
        gain: &dyn Fn(usize, &Candidate) -> f32,
    ) -> Result<Vec<(usize, u32)>, GridError> {
        let found = allocate(candidates, self.excluded, self.capacities, gain, self.settings)?;
        let served = found.manager.iter().enumerate();
        Ok(served.filter_map(|(place, manager)| manager.map(|(m, _)| (place, m))).collect())
    }

    fn value(&self, served: &[(usize, u32)]) -> f64 {
        served.iter().map(|&(place, manager)| (self.truth)(place, manager)).sum()
    }

    /// As `value`, of the mean manager of each contact: which one it got is chance.
    fn value_of_any(&self, served: &[(usize, u32)]) -> f64 {
        let mean = |place: usize| {
            let own = &self.pairs[place];
            own.iter().map(|c| (self.truth)(place, c.manager)).sum::<f64>() / own.len().max(1) as f64
        };
        served.iter().map(|&(place, _)| mean(place)).sum()
    }

    pub(super) fn find(&self) -> Result<Gain, GridError> {
        let oracle = self.value(&self.served(self.pairs, &|place, c| (self.truth)(place, c.manager) as f32)?);
        let chance: Vec<f32> = (0..self.pairs.len())
            .map(|place| Draws::of(self.seed, &["random allocation", &place.to_string()]).uniform() as f32)
            .collect();
        let random = self.value_of_any(&self.served(self.pairs, &|place, _| chance[place])?);
        let mut values = [const { Vec::new() }; 3];
        for (seed, own) in self.customers.iter().enumerate() {
            values[0].push(self.value_of_any(&self.served(self.pairs, &|place, _| own[place] as f32)?));
            values[1].push(self.value(&self.served(self.pairs, &|_, c| c.by_seed[seed])?));
            values[2].push(self.value(&self.served(self.histories, &|_, c| c.by_seed[seed])?));
        }
        let share = |learned: &[f64]| {
            let of = |(learned, customer): (&f64, &f64)| {
                if oracle > *customer { (learned - customer) / (oracle - customer) } else { 0.0 }
            };
            Spread::of(&learned.iter().zip(&values[0]).map(of).collect::<Vec<_>>())
        };
        Ok(Gain {
            random,
            customer: Spread::of(&values[0]),
            first: Spread::of(&values[1]),
            third: Spread::of(&values[2]),
            oracle,
            share_first: share(&values[1]),
            share_third: share(&values[2]),
        })
    }
}
