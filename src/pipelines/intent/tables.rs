//! The result tables besides the night's.

use std::path::Path;

use super::measure::{Difference, FIGURES, Ranked};
use super::run::Results;
use super::trees::pair_name;
use crate::artifact::table::{Cells, Table, TableFormat};
use crate::artifact::{ArtifactError, write_bytes};

/// Writes all of them.
pub(super) fn write(results: &Results<'_>, folder: &Path, format: TableFormat) -> Result<(), ArtifactError> {
    let mut tables = vec![
        ("evaluation", ranked(&results.evaluation.ranked)?),
        ("differences", differences(&results.evaluation.differences)?),
        ("trees", trees(results)?),
        ("products", products(results)?),
        ("attention", attention(results)?),
        ("prior", prior(results)?),
    ];
    if let Some(held) = &results.evaluation.held {
        tables.push(("evaluation_held_out_users", ranked(&held.ranked)?));
    }
    for (name, table) in tables {
        table.write(&folder.join(name).with_extension(format.extension()), format)?;
    }
    for pair in 0..3 {
        write_bytes(&folder.join(format!("tree_{}.txt", pair + 1)), results.trees.text(pair).as_bytes())?;
    }
    Ok(())
}

fn column_names() -> [String; 4] {
    FIGURES.map(|name| name.to_lowercase().replace('@', "_at_"))
}

fn ranked(list: &[Ranked]) -> Result<Table, ArtifactError> {
    let mut columns = vec![("ranked_by".to_owned(), Cells::text(list.iter().map(|r| r.name.as_str())))];
    for (i, name) in column_names().into_iter().enumerate() {
        columns.push((name.clone(), Cells::f64(list.iter().map(|r| r.figures[i]))));
        let deviation = list.iter().map(|r| r.deviation.map(|d| d[i])).collect();
        columns.push((format!("{name}_deviation"), Cells::F64(deviation)));
    }
    Table::new(columns)
}

fn differences(list: &[Difference]) -> Result<Table, ArtifactError> {
    let rows: Vec<(&Difference, usize)> =
        list.iter().flat_map(|difference| (0..FIGURES.len()).map(move |figure| (difference, figure))).collect();
    let number = |of: fn(&Difference) -> &[f64; 4]| Cells::f64(rows.iter().map(|(d, figure)| of(d)[*figure]));
    Table::new([
        ("of", Cells::text(rows.iter().map(|(d, _)| d.of.as_str()))),
        ("less", Cells::text(rows.iter().map(|(d, _)| d.less.as_str()))),
        ("figure", Cells::text(rows.iter().map(|(_, figure)| FIGURES[*figure]))),
        ("mean", number(|d| &d.mean)),
        ("low", number(|d| &d.low)),
        ("high", number(|d| &d.high)),
    ])
}

fn trees(results: &Results<'_>) -> Result<Table, ArtifactError> {
    let list = &results.evaluation.trees;
    let share = |of: &dyn Fn(&super::evaluate::TreeFigures) -> f64| Cells::f64(list.iter().map(of));
    Table::new([
        ("network", Cells::text(list.iter().map(|t| t.network.as_str()))),
        ("first", share(&|t| t.each[0])),
        ("second", share(&|t| t.each[1])),
        ("third", share(&|t| t.each[2])),
        ("any", share(&|t| t.any)),
        ("network_hit_at_3", share(&|t| t.network_hit3)),
        ("first_read_out", share(&|t| t.read_outs[0])),
        ("second_read_out", share(&|t| t.read_outs[1])),
        ("third_read_out", share(&|t| t.read_outs[2])),
    ])
}

fn products(results: &Results<'_>) -> Result<Table, ArtifactError> {
    let list = &results.evaluation.products;
    let column = |i: usize| Cells::f64(list.iter().map(|p| p.hit3[i]));
    Table::new([
        ("product", Cells::text(list.iter().map(|p| p.name.as_str()))),
        ("rows", Cells::i64(list.iter().map(|p| p.rows as i64))),
        ("hit_at_3", column(0)),
        ("logistic_hit_at_3", column(1)),
        ("prior_hit_at_3", column(2)),
        ("popular_hit_at_3", column(3)),
    ])
}

fn attention(results: &Results<'_>) -> Result<Table, ArtifactError> {
    let mut rows = vec![];
    for (head, weights) in results.evaluation.attention.iter().enumerate() {
        for pair in 0..3 {
            let (i, j) = super::network::PAIRS[pair];
            rows.push((head, pair_name(pair), weights[i][j], weights[j][i]));
        }
    }
    Table::new([
        ("head", Cells::i64(rows.iter().map(|row| row.0 as i64))),
        ("association", Cells::text(rows.iter().map(|row| row.1.as_str()))),
        ("forward", Cells::f64(rows.iter().map(|row| row.2))),
        ("backward", Cells::f64(rows.iter().map(|row| row.3))),
    ])
}

fn prior(results: &Results<'_>) -> Result<Table, ArtifactError> {
    let choice = &results.prior;
    let chosen = |row: &(f32, f32, f64)| row.0 == choice.half_life && row.1 == choice.strength;
    Table::new([
        ("half_life", Cells::f32(choice.tried.iter().map(|row| row.0))),
        ("strength", Cells::f32(choice.tried.iter().map(|row| row.1))),
        ("inner_mrr", Cells::f64(choice.tried.iter().map(|row| row.2))),
        ("chosen", Cells::bool(choice.tried.iter().map(chosen))),
    ])
}
