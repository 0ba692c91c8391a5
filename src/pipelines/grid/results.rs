//! What a grid job has found: tables and report are written from this.

use serde::{Deserialize, Serialize};

use super::allocate::Allocation;
use super::contacts::LeftOut;
use super::evaluate::Ranked;
use super::features::Cleaned;
use super::gain::Gain;
use super::index::Indexed;
use super::intent;
use super::settings::{Generated, Inputs, TierSettings};

/// What the inner time split chose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Choice {
    pub inputs: Inputs,
    pub weight_decay: f32,
    /// Everything that was tried, with its AUC on the inner judged contacts.
    pub tried: Vec<(Inputs, f32, f64)>,
}

/// A late contact in words.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LateContact {
    pub task: String,
    pub customer: String,
    pub region: String,
    pub outcome: Option<bool>,
    /// The first correspondence's score.
    pub correspondence: f64,
    pub corresponds: bool,
    /// The intent weight.
    pub weight: f64,
}

/// A manager in words.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ManagerRow {
    pub id: String,
    pub staff: String,
    pub region: String,
    pub capacity: u32,
    /// Late contacts of the region.
    pub demand: usize,
    pub friends: usize,
    /// Contacts of the first, third and fourth allocation.
    pub served: [usize; 3],
}

/// Manager and customer as a place of the second allocation.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Prompt {
    /// Place among the late contacts.
    pub contact: usize,
    pub manager: u32,
    pub score: f64,
}

/// How well late contacts are ranked.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Evaluation {
    pub ranked: Vec<Ranked>,
    pub contacts: usize,
    pub tasks: usize,
    pub rate: f64,
    /// The network's AUC less logistic regression's: all ensembles together, and the middle 95% of resamples.
    pub difference: f64,
    pub interval: [f64; 2],
    pub rounds: usize,
}

/// What made-up managers do.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct MadeUp {
    pub spec: Generated,
    pub turned: usize,
    pub contacts: usize,
    pub gain: Gain,
}

/// Everything.
#[derive(Debug)]
pub(super) struct Results {
    pub file: String,
    pub note: Option<String>,
    pub read: usize,
    pub left_out: LeftOut,
    pub train: usize,
    pub customers: usize,
    pub tasks: [usize; 2],
    pub regions: usize,
    pub index: Indexed,
    pub cleaned: Vec<Cleaned>,
    pub names: Vec<String>,
    pub dropped: Vec<(String, String)>,
    pub shares: Vec<f64>,
    pub explained: f64,
    pub choice: Choice,
    pub seeds: usize,
    pub members: usize,
    pub evaluation: Option<Evaluation>,
    pub made_up: Option<MadeUp>,
    pub managers: Vec<ManagerRow>,
    pub unknown_server: usize,
    pub unknown_friends: usize,
    pub late: Vec<LateContact>,
    /// The first, third and fourth allocation.
    pub allocations: [Allocation; 3],
    /// The second.
    pub prompts: Vec<Prompt>,
    /// Influence factors of each contact with its manager of the third allocation: friend, services, days since.
    pub influence: Vec<Option<(bool, usize, Option<i64>)>>,
    pub tiers: TierSettings,
    pub min_weight: f64,
    /// How the fourth allocation is offered, in words.
    pub dispatch: Option<String>,
}

/// Which allocations [`Results::allocations`] holds.
pub(super) const NUMBERS: [usize; 3] = [1, 3, 4];

impl Results {
    /// Places of the fourth allocation by tier, the heaviest first.
    pub(super) fn by_tier(&self) -> Vec<Vec<usize>> {
        let mut tiers = vec![vec![]; self.tiers.thresholds.len() + 1];
        for (place, manager) in self.allocations[2].manager.iter().enumerate() {
            if manager.is_some() {
                tiers[intent::tier(&self.tiers, self.late[place].weight) - 1].push(place);
            }
        }
        let heavier = |a: &usize, b: &usize| self.late[*b].weight.total_cmp(&self.late[*a].weight).then(a.cmp(b));
        for tier in &mut tiers {
            tier.sort_by(heavier);
        }
        tiers
    }

    /// The share of these contacts that responded, if any outcome is known.
    pub(super) fn rate(&self, places: &[usize]) -> Option<f64> {
        let known: Vec<bool> = places.iter().filter_map(|&place| self.late[place].outcome).collect();
        (!known.is_empty()).then(|| known.iter().filter(|o| **o).count() as f64 / known.len() as f64)
    }
}
