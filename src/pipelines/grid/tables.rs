//! The result tables.

use std::path::Path;

use super::results::{NUMBERS, Results};
use crate::artifact::table::{Cells, Table, TableFormat};
use crate::artifact::{ArtifactError, ensure_folder};

/// Writes all tables.
///
/// # Errors
/// Any I/O error.
pub(super) fn write(results: &Results, folder: &Path, format: TableFormat) -> Result<(), ArtifactError> {
    ensure_folder(folder)?;
    allocations(results)?.write_parquet(&folder.join("allocations.parquet"))?;
    prompts(results)?.write_csv(&folder.join("prompts.csv"))?;
    tiers(results)?.write_csv(&folder.join("tiers.csv"))?;
    let mut others = vec![
        ("correspondence", correspondence(results)?),
        ("left_over", left_over(results)?),
        ("managers", managers(results)?),
        ("cleaning", cleaning(results)?),
        ("features", features(results)?),
        ("choice", choice(results)?),
        ("index", index(results)?),
        ("differences", differences(results)?),
    ];
    if let Some(table) = evaluation(results)? {
        others.push(("evaluation", table));
    }
    for (name, table) in others {
        table.write(&folder.join(name).with_extension(format.extension()), format)?;
    }
    Ok(())
}

/// Whether managers are real, for every table that names them.
fn origin(results: &Results, rows: usize) -> Cells {
    let word = if results.made_up.is_some() { "made up" } else { "table" };
    Cells::text(std::iter::repeat_n(word, rows))
}

/// One row a contact that has a manager, allocation after allocation.
struct Rows<'a> {
    results: &'a Results,
    /// Allocation, place of the contact, manager, score.
    list: Vec<(usize, usize, u32, f64)>,
}

impl<'a> Rows<'a> {
    fn all(results: &'a Results) -> Self {
        let mut list = vec![];
        for number in 1..=4 {
            if let Some(place) = NUMBERS.iter().position(|n| *n == number) {
                let own = results.allocations[place].manager.iter().enumerate();
                list.extend(own.filter_map(|(at, m)| m.map(|(manager, score)| (number, at, manager, score))));
            } else {
                list.extend(results.prompts.iter().map(|p| (number, p.contact, p.manager, p.score)));
            }
        }
        Self { results, list }
    }

    fn text<'b>(&'b self, of: impl Fn(&'b Results, &(usize, usize, u32, f64)) -> &'b str) -> Cells {
        Cells::text(self.list.iter().map(|row| of(self.results, row)))
    }
}

fn allocations(results: &Results) -> Result<Table, ArtifactError> {
    let rows = Rows::all(results);
    let third = |row: &(usize, usize, u32, f64)| if row.0 >= 3 { results.influence[row.1] } else { None };
    Table::new([
        ("allocation", Cells::i64(rows.list.iter().map(|row| row.0 as i64))),
        ("task", rows.text(|r, row| &r.late[row.1].task)),
        ("customer", rows.text(|r, row| &r.late[row.1].customer)),
        ("region", rows.text(|r, row| &r.late[row.1].region)),
        ("manager", rows.text(|r, row| &r.managers[row.2 as usize].id)),
        ("managers", origin(results, rows.list.len())),
        ("score", Cells::f64(rows.list.iter().map(|row| row.3))),
        ("weight", Cells::F64(rows.list.iter().map(|row| (row.0 == 4).then(|| results.late[row.1].weight)).collect())),
        ("friend", Cells::Bool(rows.list.iter().map(|row| third(row).map(|i| i.0)).collect())),
        ("services", Cells::I64(rows.list.iter().map(|row| third(row).map(|i| i.1 as i64)).collect())),
        ("days_since_service", Cells::I64(rows.list.iter().map(|row| third(row).and_then(|i| i.2)).collect())),
    ])
}

fn prompts(results: &Results) -> Result<Table, ArtifactError> {
    let prompts = &results.prompts;
    let late = |p: &super::results::Prompt| &results.late[p.contact];
    Table::new([
        ("manager", Cells::text(prompts.iter().map(|p| results.managers[p.manager as usize].id.as_str()))),
        ("managers", origin(results, prompts.len())),
        ("staff", Cells::text(prompts.iter().map(|p| results.managers[p.manager as usize].staff.as_str()))),
        ("customer", Cells::text(prompts.iter().map(|p| late(p).customer.as_str()))),
        ("task", Cells::text(prompts.iter().map(|p| late(p).task.as_str()))),
        ("region", Cells::text(prompts.iter().map(|p| late(p).region.as_str()))),
        ("score", Cells::f64(prompts.iter().map(|p| p.score))),
    ])
}

fn tiers(results: &Results) -> Result<Table, ArtifactError> {
    let tiers = results.by_tier();
    let mut rows = vec![];
    for (tier, places) in tiers.iter().enumerate() {
        for &place in places {
            rows.extend(results.allocations[2].manager[place].map(|(manager, score)| (tier, place, manager, score)));
        }
    }
    let late = |row: &(usize, usize, u32, f64)| &results.late[row.1];
    Table::new([
        ("tier", Cells::i64(rows.iter().map(|row| row.0 as i64 + 1))),
        ("intent_level", Cells::i64(rows.iter().map(|row| super::intent::level(&results.tiers, row.0 + 1) as i64))),
        ("weight", Cells::f64(rows.iter().map(|row| late(row).weight))),
        ("task", Cells::text(rows.iter().map(|row| late(row).task.as_str()))),
        ("customer", Cells::text(rows.iter().map(|row| late(row).customer.as_str()))),
        ("region", Cells::text(rows.iter().map(|row| late(row).region.as_str()))),
        ("manager", Cells::text(rows.iter().map(|row| results.managers[row.2 as usize].id.as_str()))),
        ("managers", origin(results, rows.len())),
        ("score", Cells::f64(rows.iter().map(|row| row.3))),
    ])
}

fn correspondence(results: &Results) -> Result<Table, ArtifactError> {
    let late = &results.late;
    Table::new([
        ("task", Cells::text(late.iter().map(|c| c.task.as_str()))),
        ("customer", Cells::text(late.iter().map(|c| c.customer.as_str()))),
        ("region", Cells::text(late.iter().map(|c| c.region.as_str()))),
        ("score", Cells::f64(late.iter().map(|c| c.correspondence))),
        ("corresponds", Cells::bool(late.iter().map(|c| c.corresponds))),
    ])
}

fn left_over(results: &Results) -> Result<Table, ArtifactError> {
    let own = results.allocations.iter().zip(NUMBERS);
    let rows: Vec<(usize, usize, &str)> =
        own.flat_map(|(a, number)| a.left.iter().map(move |(place, why)| (number, *place, *why))).collect();
    let late = |row: &(usize, usize, &str)| &results.late[row.1];
    Table::new([
        ("allocation", Cells::i64(rows.iter().map(|row| row.0 as i64))),
        ("task", Cells::text(rows.iter().map(|row| late(row).task.as_str()))),
        ("customer", Cells::text(rows.iter().map(|row| late(row).customer.as_str()))),
        ("region", Cells::text(rows.iter().map(|row| late(row).region.as_str()))),
        ("reason", Cells::text(rows.iter().map(|row| row.2))),
    ])
}

fn managers(results: &Results) -> Result<Table, ArtifactError> {
    let list = &results.managers;
    let served = |number: usize| Cells::i64(list.iter().map(|m| m.served[number] as i64));
    Table::new([
        ("manager", Cells::text(list.iter().map(|m| m.id.as_str()))),
        ("managers", origin(results, list.len())),
        ("staff", Cells::text(list.iter().map(|m| m.staff.as_str()))),
        ("region", Cells::text(list.iter().map(|m| m.region.as_str()))),
        ("capacity", Cells::i64(list.iter().map(|m| i64::from(m.capacity)))),
        ("region_contacts", Cells::i64(list.iter().map(|m| m.demand as i64))),
        ("friends", Cells::i64(list.iter().map(|m| m.friends as i64))),
        ("first", served(0)),
        ("third", served(1)),
        ("fourth", served(2)),
    ])
}

fn cleaning(results: &Results) -> Result<Table, ArtifactError> {
    let list = &results.cleaned;
    Table::new([
        ("column", Cells::text(list.iter().map(|c| c.column.as_str()))),
        ("class", Cells::text(list.iter().map(|c| c.class.as_str()))),
        ("missing", Cells::i64(list.iter().map(|c| c.missing as i64))),
        ("outlying", Cells::i64(list.iter().map(|c| c.outlying as i64))),
        ("unknown", Cells::i64(list.iter().map(|c| c.unknown as i64))),
    ])
}

fn features(results: &Results) -> Result<Table, ArtifactError> {
    let names = results.names.iter().map(|name| (name.as_str(), true, ""));
    let dropped = results.dropped.iter().map(|(name, why)| (name.as_str(), false, why.as_str()));
    let rows: Vec<(&str, bool, &str)> = names.chain(dropped).collect();
    Table::new([
        ("feature", Cells::text(rows.iter().map(|row| row.0))),
        ("selected", Cells::bool(rows.iter().map(|row| row.1))),
        ("reason", Cells::text(rows.iter().map(|row| row.2))),
    ])
}

fn choice(results: &Results) -> Result<Table, ArtifactError> {
    let tried = &results.choice.tried;
    let chosen =
        |t: &(super::settings::Inputs, f32, f64)| t.0 == results.choice.inputs && t.1 == results.choice.weight_decay;
    Table::new([
        ("inputs", Cells::text(tried.iter().map(|t| t.0.name()))),
        ("weight_decay", Cells::f32(tried.iter().map(|t| t.1))),
        ("inner_auc", Cells::f64(tried.iter().map(|t| t.2))),
        ("chosen", Cells::bool(tried.iter().map(chosen))),
    ])
}

fn evaluation(results: &Results) -> Result<Option<Table>, ArtifactError> {
    let Some(found) = &results.evaluation else { return Ok(None) };
    let list = &found.ranked;
    let column = |of: fn(&super::evaluate::Ranked) -> f64| Cells::f64(list.iter().map(of));
    let table = Table::new([
        ("ranked_by", Cells::text(list.iter().map(|r| r.name.as_str()))),
        ("seeds", Cells::i64(list.iter().map(|r| r.seeds as i64))),
        ("auc", column(|r| r.auc.mean)),
        ("auc_deviation", column(|r| r.auc.deviation)),
        ("within_task_auc", column(|r| r.within.mean)),
        ("within_task_auc_deviation", column(|r| r.within.deviation)),
        ("response_rate_top_10", column(|r| r.top_rate.mean)),
        ("lift_10", column(|r| r.lift.mean)),
        ("lift_10_deviation", column(|r| r.lift.deviation)),
    ])?;
    Ok(Some(table))
}

fn index(results: &Results) -> Result<Table, ArtifactError> {
    let list: Vec<&super::index::Written> = results.index.grids.iter().chain([&results.index.relation]).collect();
    Table::new([
        ("id", Cells::text(list.iter().map(|w| w.id.as_str()))),
        ("class", Cells::text(list.iter().map(|w| w.class.as_str()))),
        ("rows", Cells::i64(list.iter().map(|w| w.rows as i64))),
        ("columns", Cells::i64(list.iter().map(|w| w.columns as i64))),
        ("partitions", Cells::i64(list.iter().map(|w| w.partitions as i64))),
        ("partitions_written", Cells::i64(list.iter().map(|w| w.fresh as i64))),
    ])
}

fn differences(results: &Results) -> Result<Table, ArtifactError> {
    let list = &results.index.list;
    Table::new([
        ("kind", Cells::text(list.iter().map(|d| d.kind.as_str()))),
        ("partition", Cells::text(list.iter().map(|d| d.partition.as_str()))),
        ("contact", Cells::text(list.iter().map(|d| d.contact.as_str()))),
        ("column", Cells::text(list.iter().map(|d| d.column.as_str()))),
        ("old", Cells::text(list.iter().map(|d| d.old.as_str()))),
        ("new", Cells::text(list.iter().map(|d| d.new.as_str()))),
    ])
}
