//! What was allocated, to whom, and who is left over.

use std::collections::BTreeMap;

use super::super::intent::level;
use super::super::results::{NUMBERS, Results};
use crate::report::chart::{Histogram, Size};
use crate::report::number::{count, counted};
use crate::report::{Body, Column, NoteKind, ReportError, Table};

/// Managers and tasks that tables show.
const LISTED: usize = 10;

pub(super) fn write(body: &mut Body, results: &Results) -> Result<(), ReportError> {
    body.paragraph(
        "First: by the network that knows customer, task and manager. Second: those of the first who are not yet friends of \
         their manager, as prompts to make contact. Third: by the network that also knows friendship, services together and \
         their recency. Fourth: as the third, without customers whose intent weight is too low.",
    );
    let columns = vec![
        Column::text("allocation"),
        Column::integer("contacts"),
        Column::integer("left over"),
        Column::number("expected responses", 1),
        Column::number("at most", 1),
        Column::percent("gap", 2),
    ];
    let mut table = Table::new("Allocations and the bound that none can exceed", columns);
    for (number, name) in [(1, "first"), (2, "second (prompts)"), (3, "third"), (4, "fourth")] {
        if let Some(place) = NUMBERS.iter().position(|n| *n == number) {
            let a = &results.allocations[place];
            let counts = [a.served(), a.left.len()].map(Into::into);
            let mut row = vec![name.into()];
            row.extend(counts);
            row.extend([a.value, a.bound, a.gap].map(Into::into));
            table.row(row)?;
        } else {
            let none = || None::<f64>.into();
            table.row(vec![name.into(), results.prompts.len().into(), none(), none(), none(), none()])?;
        }
    }
    body.table(table);
    let changed = differing(results, 0, 1);
    body.paragraph(&format!(
        "The service history moved {}: their manager in the third allocation is another than in the first, or only one of \
         the two has them.",
        counted(changed, "contact")
    ));
    left_over(body, results)?;
    managers(body, results)
}

fn differing(results: &Results, a: usize, b: usize) -> usize {
    let manager = |number: usize, place: usize| results.allocations[number].manager[place].map(|m| m.0);
    (0..results.late.len()).filter(|&place| manager(a, place) != manager(b, place)).count()
}

fn left_over(body: &mut Body, results: &Results) -> Result<(), ReportError> {
    let mut reasons: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
    for (number, allocation) in results.allocations.iter().enumerate() {
        for (_, reason) in &allocation.left {
            reasons.entry(reason).or_default()[number] += 1;
        }
    }
    let columns =
        vec![Column::text("reason"), Column::integer("first"), Column::integer("third"), Column::integer("fourth")];
    let mut table = Table::new("Who is left over, and why (tables/left_over names them)", columns);
    for (reason, counts) in reasons {
        let mut row = vec![reason.into()];
        row.extend(counts.map(Into::into));
        table.row(row)?;
    }
    body.table(table);
    Ok(())
}

fn managers(body: &mut Body, results: &Results) -> Result<(), ReportError> {
    let idle = results.managers.iter().filter(|m| m.demand == 0).count();
    if idle > 0 {
        let text = format!("{} nothing to do: no task has a customer in their region.", with_have(idle, "manager"));
        body.note(NoteKind::Note, &text);
    }
    let alone = results.allocations[0].left.iter().filter(|(_, why)| *why == "no manager in the region").count();
    if alone > 0 {
        let text = format!("{} no manager in the region and cannot be allocated.", with_have(alone, "contact"));
        body.note(NoteKind::Warning, &text);
    }
    let title = if results.made_up.is_some() { "Managers (made up)" } else { "Managers" };
    let columns = vec![
        Column::text("manager"),
        Column::text("region"),
        Column::integer("contacts in region"),
        Column::integer("capacity"),
        Column::integer("first"),
        Column::integer("third"),
        Column::integer("fourth"),
        Column::integer("friends"),
    ];
    let mut table = Table::new(title, columns).cut(LISTED, "tables/managers.csv");
    let mut order: Vec<usize> = (0..results.managers.len()).collect();
    order.sort_by_key(|&m| (std::cmp::Reverse(results.managers[m].capacity), m));
    for m in order {
        let m = &results.managers[m];
        let mut row =
            vec![m.id.as_str().into(), m.region.as_str().into(), m.demand.into(), (m.capacity as usize).into()];
        row.extend(m.served.map(Into::into));
        row.push(m.friends.into());
        table.row(row)?;
    }
    body.table(table);
    Ok(())
}

fn with_have(number: usize, noun: &str) -> String {
    format!("{} {}", counted(number, noun), if number == 1 { "has" } else { "have" })
}

pub(super) fn tiers(body: &mut Body, results: &Results) -> Result<(), ReportError> {
    body.paragraph(&format!(
        "A contact's intent weight is the mean rank of its visits and business records among training contacts; below {} it \
         drops out of the fourth allocation. Tiers begin at the weights {}; inside a tier the heaviest come first.",
        results.min_weight,
        results.tiers.thresholds.iter().map(f64::to_string).collect::<Vec<_>>().join(" and ")
    ));
    if let Some(words) = &results.dispatch {
        body.paragraph(words);
    }
    let tiers = results.by_tier();
    let columns = vec![
        Column::text("tier"),
        Column::integer("intent level"),
        Column::integer("contacts"),
        Column::percent("response rate", 1),
    ];
    let mut table = Table::new("Tiers of the fourth allocation, and what really came of these contacts", columns);
    for (tier, places) in tiers.iter().enumerate() {
        let name = (tier + 1).to_string();
        table.row(vec![
            name.into(),
            level(&results.tiers, tier + 1).into(),
            places.len().into(),
            results.rate(places).into(),
        ])?;
    }
    body.table(table);
    let weights: Vec<f64> = results.late.iter().map(|c| c.weight).collect();
    let chart = Histogram::new("Intent weights", "weight")
        .size(Size::Wide)
        .group("contacts", &weights)
        .reference(results.min_weight, "drop out below");
    let caption = format!("All {} contacts of late tasks.", count(weights.len()));
    body.figure(chart.render()?, &caption);
    Ok(())
}
