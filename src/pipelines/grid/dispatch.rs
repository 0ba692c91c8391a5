//! How the fourth allocation leaves the program: lists of offers by mode (R11) and messages (R10).
//!
//! `mapped`: each manager sees the customers of the allocation. `assigned`: one named manager sees all of them, nobody else.
//! `grab`: all managers of the region see its list, and the first to claim a customer owns it.
//!
//! The ledger outlives runs: claims, opt-outs, caps and what was sent hold from run to run.

use std::collections::BTreeMap;

use super::contacts::Contacts;
use super::error::GridError;
use super::managers::Managers;
use super::results::Results;
use super::settings::{DispatchMode, SLOTS};
use crate::claims::{Mode, OfferList, Offered};
use crate::outbox::{Draft, RawTemplate, Template};

/// A contact of the fourth allocation: its place, its manager's place, its score.
fn served(results: &Results) -> Vec<(usize, usize, f64)> {
    let by_tier = results.by_tier().into_iter().flatten();
    by_tier.filter_map(|at| results.allocations[2].manager[at].map(|(m, score)| (at, m as usize, score))).collect()
}

/// What managers are offered, a list a region and task, the heaviest first.
pub(super) fn offers(
    results: &Results,
    managers: &Managers,
    contacts: &Contacts,
    mode: &DispatchMode,
) -> Vec<OfferList> {
    let mut lists: BTreeMap<(&str, &str), Vec<Offered>> = BTreeMap::new();
    for (at, manager, _) in served(results) {
        let late = &results.late[at];
        let seen_by = match mode {
            DispatchMode::Mapped => vec![results.managers[manager].id.clone()],
            DispatchMode::Assigned(manager) => vec![manager.clone()],
            DispatchMode::Grab => vec![],
        };
        let offered = Offered { customer: late.customer.clone(), managers: seen_by, weight: late.weight };
        lists.entry((&late.region, &late.task)).or_default().push(offered);
    }
    let everybody = |region: &str| -> Vec<String> {
        let place = contacts.regions.iter().position(|r| r == region);
        let own = place.map_or(&[][..], |place| managers.by_region[place].as_slice());
        own.iter().map(|&m| managers.list[m as usize].id.clone()).collect()
    };
    let list = |((region, task), entries): ((&str, &str), Vec<Offered>)| OfferList {
        grid: region.to_owned(),
        task: task.to_owned(),
        mode: match mode {
            DispatchMode::Mapped => Mode::Mapped,
            DispatchMode::Assigned(_) => Mode::Assigned,
            DispatchMode::Grab => Mode::Grab,
        },
        entries,
        managers: if *mode == DispatchMode::Grab { everybody(region) } else { vec![] },
    };
    lists.into_iter().map(list).collect()
}

/// The mode for the report.
pub(super) fn in_words(mode: &DispatchMode) -> String {
    match mode {
        DispatchMode::Mapped => "Mode `mapped`: each manager is offered the customers of the fourth allocation.".to_owned(),
        DispatchMode::Assigned(manager) => {
            format!("Mode `assigned`: all customers of the fourth allocation are offered to `{manager}` and nobody else.")
        }
        DispatchMode::Grab => {
            "Mode `grab`: all managers of a region are offered its customers of the fourth allocation; the first to claim one owns \
             it."
                .to_owned()
        }
    }
}

/// A message for each contact of the fourth allocation whose task has a template, the best tier first.
pub(super) fn drafts(results: &Results, templates: &[RawTemplate]) -> Result<Vec<Draft>, GridError> {
    let mut by_task: BTreeMap<&str, Template> = BTreeMap::new();
    for raw in templates {
        by_task.insert(&raw.task, raw.check()?);
    }
    let mut drafts = vec![];
    for (at, manager, score) in served(results) {
        let (late, manager) = (&results.late[at], &results.managers[manager]);
        let Some(template) = by_task.get(late.task.as_str()).or_else(|| by_task.get("*")) else { continue };
        let tier = super::intent::tier(&results.tiers, late.weight).to_string();
        let values = [&late.customer, &late.task, &late.region, &manager.id, &manager.staff, &tier];
        let slots = SLOTS.iter().zip(values).map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        drafts.push(Draft {
            task: late.task.clone(),
            customer: late.customer.clone(),
            manager: manager.id.clone(),
            score,
            message: template.render(&slots)?,
        });
    }
    Ok(drafts)
}
