//! Result tables.

use std::path::Path;

use super::offer::{Offer, WhyNot};
use super::results::{FIGURES, Lists, Results};
use crate::artifact::table::{Cells, Table, TableFormat};
use crate::artifact::{ArtifactError, ensure_folder};
use crate::prep::{ColumnPrep, Replacement};

/// Columns that are ours: a customers' id column of the same name is called `customer`.
const OWN: [&str; 9] =
    ["product", "class", "weight", "holders", "class_size", "reason", "column", "value", "replaced_by"];

/// The name of the column of customers.
pub(super) fn id_name(id: Option<&String>) -> String {
    let name = id.filter(|name| !OWN.contains(&name.as_str()));
    name.cloned().unwrap_or_else(|| "customer".to_owned())
}

impl Results {
    /// Writes all tables into `folder`.
    pub(super) fn write_tables(
        &self,
        lists: Option<&Lists>,
        folder: &Path,
        format: TableFormat,
    ) -> Result<(), ArtifactError> {
        ensure_folder(folder)?;
        let mut all =
            vec![("classes", self.class_table()?), ("columns", self.column_table()?), ("draws", self.draw_table()?)];
        if let Some(lists) = lists {
            all.extend(self.of_lists(lists)?);
        }
        if !self.choice.tried.is_empty() {
            all.push(("choice", self.choice_table()?));
        }
        if let Some(table) = self.evaluation_table()? {
            all.push(("evaluation", table));
        }
        for (name, table) in all {
            table.write(&folder.join(name).with_extension(format.extension()), format)?;
        }
        Ok(())
    }

    fn of_lists(&self, lists: &Lists) -> Result<Vec<(&'static str, Table)>, ArtifactError> {
        let class = |user: usize| lists.classes[user];
        let without = lists.without.iter().map(|(user, why)| (lists.ids[*user].as_str(), class(*user), *why));
        let replaced = lists.replaced.iter().map(|r| (lists.ids[r.row].as_str(), *r));
        Ok(vec![
            ("pushes", offers(&self.id, &lists.ids, &self.products.ids, &lists.offers)?),
            (
                "without",
                without_table(&self.id, Cells::text(without.clone().map(|w| w.0)), without.map(|w| (w.1, w.2)))?,
            ),
            ("customers", self.customer_table(lists)?),
            (
                "cleaning",
                cleaning_table(
                    &self.id,
                    Cells::text(replaced.clone().map(|r| r.0)),
                    replaced.map(|r| r.1),
                    &self.columns,
                )?,
            ),
        ])
    }

    fn class_table(&self) -> Result<Table, ArtifactError> {
        let rows = || self.by_class.iter();
        let product = |p: u32| (self.products.ids[p as usize].as_str(), self.products.names[p as usize].as_str());
        Table::new([
            ("class", Cells::i64(rows().map(|row| row.class as i64))),
            ("customers", Cells::i64(rows().map(|row| row.customers as i64))),
            ("holding_customers", Cells::i64(rows().map(|row| row.users as i64))),
            ("product", Cells::text(rows().map(|row| product(row.product).0))),
            ("product_name", Cells::text(rows().map(|row| product(row.product).1))),
            ("weight", Cells::f64(rows().map(|row| row.weight))),
            ("holders", Cells::i64(rows().map(|row| row.holders as i64))),
            ("pushes", Cells::i64(rows().map(|row| row.pushed as i64))),
            ("total_distance", Cells::f64(rows().map(|row| row.total))),
        ])
    }

    fn customer_table(&self, lists: &Lists) -> Result<Table, ArtifactError> {
        Table::new([
            (self.id.clone(), Cells::text(lists.ids.iter().map(String::as_str))),
            ("class".to_owned(), Cells::i64(lists.classes.iter().map(|class| i64::from(*class)))),
            ("distance".to_owned(), Cells::f32(lists.distances.iter().copied())),
        ])
    }

    fn column_table(&self) -> Result<Table, ArtifactError> {
        let counts = &self.totals.replaced;
        let columns = || self.columns.iter();
        let cleaner = |column: &ColumnPrep| match column {
            ColumnPrep::Number { cleaner, .. } => Some(cleaner.clone()),
            ColumnPrep::OneHot { .. } | ColumnPrep::Ordinal { .. } => None,
        };
        let kind = |column: &ColumnPrep| match column {
            ColumnPrep::Number { .. } => "number",
            ColumnPrep::OneHot { .. } => "one_hot",
            ColumnPrep::Ordinal { .. } => "ordinal",
        };
        Table::new([
            ("column", Cells::text(columns().map(ColumnPrep::name))),
            ("kind", Cells::text(columns().map(kind))),
            ("inputs", Cells::i64(columns().map(|column| column.width() as i64))),
            ("rule", Cells::Text(columns().map(|c| cleaner(c).map(|c| c.rule.name().to_owned())).collect())),
            ("instead", Cells::Text(columns().map(|c| cleaner(c).and_then(|c| c.instead)).collect())),
            ("log1p", Cells::Bool(columns().map(|c| cleaner(c).map(|c| c.log1p)).collect())),
            ("replaced", Cells::i64(counts.iter().map(|(anomalies, _)| *anomalies as i64))),
            ("missing", Cells::i64(counts.iter().map(|(_, missing)| *missing as i64))),
        ])
    }

    fn draw_table(&self) -> Result<Table, ArtifactError> {
        let rows = || {
            let rounds = self.draws.iter().enumerate();
            rounds.flat_map(|(round, draws)| draws.course.iter().enumerate().map(move |(d, v)| (round, draws, d, *v)))
        };
        Table::new([
            ("round", Cells::i64(rows().map(|(round, ..)| round as i64 + 1))),
            ("draw", Cells::i64(rows().map(|(_, _, draw, _)| draw as i64 + 1))),
            ("largest_total", Cells::f64(rows().map(|(.., largest)| largest))),
            ("kept", Cells::bool(rows().map(|(_, draws, draw, _)| draws.kept == draw))),
            ("below_threshold", Cells::bool(rows().map(|(_, draws, draw, _)| draws.kept == draw && draws.reached))),
        ])
    }

    fn choice_table(&self) -> Result<Table, ArtifactError> {
        let rows = || self.choice.tried.iter();
        Table::new([
            ("from", Cells::text(rows().map(|(s, ..)| s.from.name()))),
            ("classes", Cells::i64(rows().map(|(s, ..)| s.classes as i64))),
            ("shrink", Cells::f64(rows().map(|(s, ..)| s.shrink))),
            ("rounds", Cells::i64(rows().map(|(s, ..)| s.rounds as i64))),
            ("recall", Cells::f64(rows().map(|(_, recall, _)| *recall))),
            ("ndcg", Cells::f64(rows().map(|(.., ndcg)| *ndcg))),
            ("chosen", Cells::bool(rows().map(|(s, ..)| *s == self.choice.best))),
        ])
    }

    fn evaluation_table(&self) -> Result<Option<Table>, ArtifactError> {
        let Some(evaluated) = &self.evaluation else { return Ok(None) };
        let seeds = || evaluated.seeds.iter().enumerate();
        let rows =
            || seeds().flat_map(|(s, seed)| seed.methods.iter().map(move |(name, judged)| (s, seed, name, judged)));
        let setting = |seed: &super::judge::SeedFigures, name: &str| match name {
            super::judge::PLAIN => seed.choice.plain.text(),
            super::judge::SHRUNK => seed.choice.shrunk.text(),
            super::judge::BEST => seed.choice.best.text(),
            super::judge::EASE => format!("lambda {}", seed.choice.ease.unwrap_or_default()),
            _ => String::new(),
        };
        let mut columns = vec![
            ("seed".to_owned(), Cells::i64(rows().map(|(s, ..)| s as i64 + 1))),
            ("method".to_owned(), Cells::text(rows().map(|(_, _, name, _)| name.as_str()))),
        ];
        for (name, figure) in FIGURES {
            columns.push((name.to_owned(), Cells::f64(rows().map(|(.., judged)| figure(judged)))));
        }
        columns.push(("setting".to_owned(), Cells::text(rows().map(|(_, seed, name, _)| setting(seed, name)))));
        Table::new(columns).map(Some)
    }
}

/// A row a customer without a push.
pub(super) fn without_table(
    id: &str,
    ids: Cells,
    rows: impl Iterator<Item = (u32, WhyNot)> + Clone,
) -> Result<Table, ArtifactError> {
    // In the order of the reasons' own numbers.
    let reasons = WhyNot::ALL.map(|why| why.text().to_owned()).to_vec().into();
    Table::new([
        (id.to_owned(), ids),
        ("class".to_owned(), Cells::i64(rows.clone().map(|(class, _)| i64::from(class)))),
        ("reason".to_owned(), Cells::Words(rows.map(|(_, why)| why as u32).collect(), reasons)),
    ])
}

/// A row a replacement.
pub(super) fn cleaning_table(
    id: &str,
    ids: Cells,
    rows: impl Iterator<Item = Replacement> + Clone,
    columns: &[ColumnPrep],
) -> Result<Table, ArtifactError> {
    let cleaner = |column: usize| match &columns[column] {
        ColumnPrep::Number { cleaner, .. } => Some(cleaner),
        ColumnPrep::OneHot { .. } | ColumnPrep::Ordinal { .. } => None,
    };
    let bound = |column: usize, high: bool| {
        let cleaner = cleaner(column)?;
        if high { cleaner.high } else { cleaner.low }.map(|bound| cleaner.plain(bound))
    };
    let rule = |r: Replacement| match r.old {
        None => "missing",
        Some(_) => cleaner(r.column).map_or("none", |cleaner| cleaner.rule.name()),
    };
    Table::new([
        (id.to_owned(), ids),
        ("column".to_owned(), Cells::text(rows.clone().map(|r| columns[r.column].name()))),
        ("value".to_owned(), Cells::F64(rows.clone().map(|r| r.old).collect())),
        ("low".to_owned(), Cells::F64(rows.clone().map(|r| bound(r.column, false)).collect())),
        ("high".to_owned(), Cells::F64(rows.clone().map(|r| bound(r.column, true)).collect())),
        ("replaced_by".to_owned(), Cells::f64(rows.clone().map(|r| r.new))),
        ("rule".to_owned(), Cells::text(rows.map(rule))),
    ])
}

/// A row a push.
pub(super) fn offers(id: &str, ids: &[String], products: &[String], offers: &[Offer]) -> Result<Table, ArtifactError> {
    let reason = |o: &Offer| format!("held by {} of {} in class {}", o.holders, o.users, o.class);
    Table::new([
        (id.to_owned(), Cells::text(offers.iter().map(|o| ids[o.user].as_str()))),
        ("product".to_owned(), Cells::text(offers.iter().map(|o| products[o.product as usize].as_str()))),
        ("class".to_owned(), Cells::i64(offers.iter().map(|o| i64::from(o.class)))),
        ("weight".to_owned(), Cells::f64(offers.iter().map(|o| o.weight))),
        ("holders".to_owned(), Cells::i64(offers.iter().map(|o| o.holders as i64))),
        ("class_size".to_owned(), Cells::i64(offers.iter().map(|o| o.users as i64))),
        ("reason".to_owned(), Cells::text(offers.iter().map(reason))),
    ])
}
