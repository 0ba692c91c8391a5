//! The result tables of an alliance job.

use std::path::Path;

use super::results::{Adoption, Promoted, Results};
use crate::artifact::table::{Cells, Table, TableFormat};
use crate::artifact::{ArtifactError, ensure_folder};

/// Writes `companies`, `rounds`, and, where they were asked for, `adopt` and `promotion` into `folder`.
///
/// # Errors
/// Any I/O error.
pub(super) fn write_tables(results: &Results, folder: &Path, format: TableFormat) -> Result<(), ArtifactError> {
    ensure_folder(folder)?;
    let mut tables = vec![("companies", companies(results)?), ("rounds", rounds(results)?)];
    if let Some(found) = &results.adoption {
        tables.push(("adopt", adoption(results, found)?));
    }
    if let Some(found) = &results.promotion {
        tables.push(("promotion", promotion(found)?));
    }
    for (name, table) in tables {
        table.write(&folder.join(name).with_extension(format.extension()), format)?;
    }
    Ok(())
}

fn companies(results: &Results) -> Result<Table, ArtifactError> {
    let all = &results.companies;
    Table::new([
        ("company", Cells::text(all.iter().map(|c| c.name.as_str()))),
        ("train_examples", Cells::i64(all.iter().map(|c| c.train as i64))),
        ("weight", Cells::i64(all.iter().map(|c| c.weight as i64))),
        ("held_out_examples", Cells::i64(all.iter().map(|c| c.held_out as i64))),
        ("rmse_as_average", Cells::f64(all.iter().map(|c| c.as_average.rmse))),
        ("rmse_as_last", Cells::f64(all.iter().map(|c| c.as_last.rmse))),
        ("rmse_alone", Cells::f64(all.iter().map(|c| c.alone.rmse))),
        ("rmse_clear", Cells::f64(all.iter().map(|c| c.clear.rmse))),
        ("rmse_encrypted", Cells::f64(all.iter().map(|c| c.encrypted.rmse))),
        ("mse_gain", Cells::f64(all.iter().map(|c| c.gain.mean))),
        ("mse_gain_standard_error", Cells::f64(all.iter().map(|c| c.gain.error))),
        ("mae_alone", Cells::f64(all.iter().map(|c| c.alone.mae))),
        ("mae_clear", Cells::f64(all.iter().map(|c| c.clear.mae))),
        ("mae_encrypted", Cells::f64(all.iter().map(|c| c.encrypted.mae))),
    ])
}

/// One row a round and company.
fn rounds(results: &Results) -> Result<Table, ArtifactError> {
    let [alone, clear, encrypted] = &results.courses;
    let places: Vec<(usize, usize)> =
        (0..encrypted.len()).flat_map(|round| (0..results.companies.len()).map(move |c| (round, c))).collect();
    let of = |course: &Vec<Vec<f64>>| Cells::f64(places.iter().map(|(round, c)| course[*round][*c]));
    let check = |round: &usize| &results.equivalence.rounds[*round];
    Table::new([
        ("round", Cells::i64(places.iter().map(|(round, _)| *round as i64 + 1))),
        ("company", Cells::text(places.iter().map(|(_, c)| results.companies[*c].name.as_str()))),
        ("rmse_alone", of(alone)),
        ("rmse_clear", of(clear)),
        ("rmse_encrypted", of(encrypted)),
        ("difference_in_half_steps", Cells::f64(places.iter().map(|(round, _)| check(round).difference))),
        ("largest_difference", Cells::f64(places.iter().map(|(round, _)| check(round).largest))),
        ("length_of_mean_update", Cells::f64(places.iter().map(|(round, _)| check(round).moved))),
        ("values_at_bounds", Cells::i64(places.iter().map(|(round, _)| check(round).held as i64))),
    ])
}

fn adoption(results: &Results, found: &Adoption) -> Result<Table, ArtifactError> {
    let all = &found.products;
    let name = |pair: [usize; 2], side: usize| results.companies[pair[side]].name.clone();
    let numbers = |of: fn(&crate::alliance::adoption::Finding) -> f64| Cells::f64(all.iter().map(|c| of(&c.finding)));
    Table::new([
        ("product", Cells::text(all.iter().map(|c| c.product.as_str()))),
        ("company", Cells::text(all.iter().map(|c| name(c.pair, 0)))),
        ("other_company", Cells::text(all.iter().map(|c| name(c.pair, 1)))),
        ("quantity_tau", numbers(|f| f.quantity_trend.tau)),
        ("quantity_slope", numbers(|f| f.quantity_trend.slope)),
        ("quantity_p", numbers(|f| f.quantity_trend.p)),
        ("reputation_tau", numbers(|f| f.reputation_trend.tau)),
        ("reputation_slope", numbers(|f| f.reputation_trend.slope)),
        ("reputation_p", numbers(|f| f.reputation_trend.p)),
        (
            "adopt_sales_mode_of",
            Cells::Text(all.iter().map(|c| c.finding.sales_mode_of.map(|side| name(c.pair, side))).collect()),
        ),
        ("better_reputation", Cells::text(all.iter().map(|c| name(c.pair, c.finding.better)))),
        ("display_statistic", numbers(|f| f.display.statistic)),
        ("display_p", numbers(|f| f.display.p)),
        ("after_sales_statistic", numbers(|f| f.after_sales.statistic)),
        ("after_sales_p", numbers(|f| f.after_sales.p)),
        (
            "adopt_practice_of",
            Cells::Text(all.iter().map(|c| c.finding.practice_of.map(|side| name(c.pair, side))).collect()),
        ),
    ])
}

fn promotion(found: &Promoted) -> Result<Table, ArtifactError> {
    let all = &found.candidates;
    Table::new([
        ("product", Cells::text(all.iter().map(|_| found.product.as_str()))),
        ("first_field", Cells::text(all.iter().map(|_| found.first_field.as_str()))),
        ("second_field", Cells::text(all.iter().map(|c| c.name.as_str()))),
        ("degree_to_first_field", Cells::f64(all.iter().map(|c| c.to_field))),
        ("degree_to_product", Cells::f64(all.iter().map(|c| c.to_product))),
        ("steps_from_first_scene", Cells::i64(all.iter().map(|c| c.steps[0] as i64))),
        ("steps_from_second_scene", Cells::i64(all.iter().map(|c| c.steps[1] as i64))),
        ("kept", Cells::bool(all.iter().map(|c| c.flow.is_some()))),
        ("flow", Cells::F64(all.iter().map(|c| c.flow).collect())),
        ("flow_tag", Cells::Text(all.iter().map(|c| c.tag.clone()).collect())),
    ])
}
