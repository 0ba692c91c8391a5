//! How the fourth allocation leaves the program: lists of offers by mode (R11) and messages (R10).
//!
//! `mapped`: each manager sees the customers of the allocation. `assigned`: one named manager sees all of them, nobody else.
//! `grab`: all managers of the region see its list, and the first to claim a customer owns it.
//!
//! The database outlives runs: opt-outs, caps and what was sent hold from run to run.

use std::collections::BTreeMap;

use super::contacts::Contacts;
use super::error::GridError;
use super::managers::Managers;
use super::results::Results;
use super::settings::{DispatchMode, DispatchSettings};
use crate::claims::{Mode, Offered, OfferList};
use crate::outbox::{Draft, Template};

/// The templates by task; the one for `*` serves the tasks without one of their own.
pub(super) struct Templates(BTreeMap<String, Template>);

impl Templates {
    pub(super) fn of(settings: &DispatchSettings) -> Result<Self, GridError> {
        let mut templates = BTreeMap::new();
        for raw in &settings.templates {
            templates.insert(raw.task.clone(), raw.clone().check()?);
        }
        Ok(Self(templates))
    }

    fn find(&self, task: &str) -> Option<&Template> {
        self.0.get(task).or_else(|| self.0.get("*"))
    }
}

/// A contact of the fourth allocation: its place, its manager's place, its score.
fn served(results: &Results) -> Vec<(usize, usize, f64)> {
    let by_tier = results.by_tier().into_iter().flatten();
    by_tier.filter_map(|at| results.allocations[2].manager[at].map(|(m, score)| (at, m as usize, score))).collect()
}

/// What managers are offered, a list a region and task, the heaviest first.
pub(super) fn offers(results: &Results, managers: &Managers, contacts: &Contacts, mode: &DispatchMode) -> Vec<OfferList> {
    let mut lists: BTreeMap<(&str, &str), Vec<Offered>> = BTreeMap::new();
    for (at, manager, _) in served(results) {
        let late = &results.late[at];
        let seen_by = match mode {
            DispatchMode::Mapped => vec![results.managers[manager].id.clone()],
            DispatchMode::Assigned { manager } => vec![manager.clone()],
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
            DispatchMode::Assigned { .. } => Mode::Assigned,
            DispatchMode::Grab => Mode::Grab,
        },
        entries,
        managers: if *mode == DispatchMode::Grab { everybody(region) } else { vec![] },
    };
    lists.into_iter().map(list).collect()
}

/// A message for each contact of the fourth allocation whose task has a template, the best tier first.
pub(super) fn drafts(results: &Results, templates: &Templates) -> Result<Vec<Draft>, GridError> {
    let mut drafts = vec![];
    for (at, manager, score) in served(results) {
        let (late, manager) = (&results.late[at], &results.managers[manager]);
        let Some(template) = templates.find(&late.task) else { continue };
        let tier = super::intent::tier(&results.tiers, late.weight).to_string();
        let slots = [
            ("customer", late.customer.as_str()),
            ("task", &late.task),
            ("region", &late.region),
            ("manager", &manager.id),
            ("staff", &manager.staff),
            ("tier", &tier),
        ];
        let slots = slots.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
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
