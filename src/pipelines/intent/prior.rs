//! Choosing the prior, and what counting alone says.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::features::{Maker, Moment, Prep, of_users, popularity};
use super::load::Loaded;
use super::measure::{Rows, figures, of_ranks, rank};
use super::settings::Settings;

/// The prior that was chosen, and all that were tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct PriorChoice {
    pub half_life: f32,
    pub strength: f32,
    /// Half-life, strength, mean reciprocal rank on the inner split.
    pub tried: Vec<(f32, f32, f64)>,
}

/// Tries every prior on the inner split with popularity from the rows before it.
pub(super) fn choose(settings: &Settings, loaded: &Loaded, early: &[Moment], inner: &[Moment]) -> PriorChoice {
    let mut tried = vec![];
    for &half_life in &settings.prior.half_lives {
        let base = Prep::fit(settings, loaded, early, (half_life, 1.0));
        let priors: Vec<Prep> = settings.prior.strengths.iter().map(|&strength| base.with_strength(strength)).collect();
        let sums: Vec<Vec<f64>> = of_users(inner)
            .par_iter()
            .map(|(user, moments)| {
                let mut sums = vec![0.0; priors.len()];
                let mut row = vec![0.0; base.products];
                let maker = Maker::new(&base, loaded);
                let mut at = moments.iter();
                maker.walk(*user, moments, &mut |past| {
                    let Some(moment) = at.next() else { return };
                    for (sum, prior) in sums.iter_mut().zip(&priors) {
                        past.prior(prior, &mut row);
                        *sum += figures(rank(&row, target(loaded, *moment)))[3];
                    }
                });
                sums
            })
            .collect();
        for (place, &strength) in settings.prior.strengths.iter().enumerate() {
            let whole: f64 = sums.iter().map(|own| own[place]).sum();
            tried.push((half_life, strength, whole / inner.len().max(1) as f64));
        }
    }
    // The first of equal ones.
    let best = tried.iter().fold(tried[0], |best, next| if next.2 > best.2 { *next } else { best });
    PriorChoice { half_life: best.0, strength: best.1, tried }
}

/// What came at a moment.
pub(super) fn target(loaded: &Loaded, moment: Moment) -> u32 {
    let events = &loaded.events;
    events.target(events.of(moment.user as usize).start + moment.events as usize)
}

/// Figures of what needs no network.
pub(super) struct Counted {
    pub popular: Rows,
    pub own: Rows,
    pub prior: Rows,
}

/// Ranks by popularity, by how often the user had each product as the first of an event, and by the prior.
pub(super) fn counted(loaded: &Loaded, prep: &Prep, train: &[Moment], test: &[Moment]) -> Counted {
    let popular = popularity(loaded, train);
    let found: Vec<[Vec<f32>; 3]> = of_users(test)
        .par_iter()
        .map(|(user, moments)| {
            let maker = Maker::new(prep, loaded);
            let first = loaded.events.of(*user as usize).start;
            let mut ranks: [Vec<f32>; 3] = Default::default();
            let mut row = vec![0.0; prep.products];
            let mut at = moments.iter();
            maker.walk(*user, moments, &mut |past| {
                let Some(moment) = at.next() else { return };
                let target = target(loaded, *moment);
                ranks[0].push(rank(&popular, target));
                // Popularity decides among what was had equally often.
                row.iter_mut().zip(&popular).for_each(|(to, p)| *to = 0.01 * p);
                for event in first..first + past.events {
                    row[loaded.events.target(event) as usize] += 1.0;
                }
                ranks[1].push(rank(&row, target));
                past.prior(prep, &mut row);
                ranks[2].push(rank(&row, target));
            });
            ranks
        })
        .collect();
    let of = |i: usize| found.iter().flat_map(|own| of_ranks(&own[i])).collect();
    Counted { popular: of(0), own: of(1), prior: of(2) }
}
