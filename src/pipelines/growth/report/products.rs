//! The list that the sales department works with: growth products and the steps at which to promote each (G7).

use super::super::results::{GrowthPoint, GrowthProduct, Part, Results};
use super::super::tables;
use super::{RunFacts, growth_of};
use crate::report::number::{count, counted};
use crate::report::{Body, Cell, Column, ReportError, Table};

/// Rows shown of each list.
const ROWS: usize = 50;
/// Text columns shown; the file has them all.
const ATTRIBUTES: usize = 3;

pub(super) fn write(body: &mut Body, results: &Results, facts: RunFacts<'_>) -> Result<(), ReportError> {
    if results.growth.is_empty() {
        body.paragraph("No product is called growth.");
        return Ok(());
    }
    let (current, held_out) = (growth_of(results, Part::Current), growth_of(results, Part::Test));
    let file = tables::file("growth_points", facts.format);
    body.paragraph(&format!(
        "By falling probability of growth. Promote a product at the steps named here; dates and probability of each \
         step are in {file}, the sales references in {}.",
        tables::file("references", facts.format)
    ));
    if !current.is_empty() {
        body.table(list(results, "Current products that are called growth", &current)?.cut(ROWS, &file));
    }
    if held_out.is_empty() {
        return Ok(());
    }
    let table = list(results, "Held-out products that were called growth", &held_out)?.cut(ROWS, &file);
    if current.is_empty() {
        body.table(table);
    } else {
        let mut inner = Body::new();
        inner.table(table);
        body.details(&format!("{} that were called growth", counted(held_out.len(), "held-out product")), inner);
    }
    Ok(())
}

fn list(results: &Results, caption: &str, growth: &[&GrowthProduct]) -> Result<Table, ReportError> {
    let attributes = results.attribute_names.len().min(ATTRIBUTES);
    let known = growth.iter().any(|g| g.truth.is_some());
    let dated = growth.iter().any(|g| g.points.iter().any(|p| p.dates.is_some()));
    let mut columns = vec![Column::text("product")];
    if attributes > 0 {
        columns.push(Column::text(&results.attribute_names[..attributes].join(", ")));
    }
    columns.extend([Column::percent("probability", 1), Column::text("promote at")]);
    if dated {
        columns.push(Column::text("first on"));
    }
    if known {
        columns.extend([Column::text("grew"), Column::number("D", 3), Column::text("hits")]);
    }
    let mut table = Table::new(caption, columns);
    for g in growth {
        let product = &results.products[g.product];
        let mut row: Vec<Cell> = vec![product.id.as_str().into()];
        if attributes > 0 {
            let texts: Vec<&str> = product.attributes.iter().take(attributes).flatten().map(String::as_str).collect();
            row.push(texts.join(", ").into());
        }
        row.extend([product.probability.into(), steps(&g.points).into()]);
        if dated {
            let first = g.points.first().and_then(|p| p.dates.as_ref());
            row.push(first.map(|(from, _)| from.as_str()).into());
        }
        if known {
            let grew = product.growth.map(|yes| if yes { "yes" } else { "no" });
            row.extend([grew.into(), product.increment.into(), hits(g).into()]);
        }
        table.row(row)?;
    }
    Ok(table)
}

/// Points in runs of neighbouring steps.
fn runs(points: &[GrowthPoint]) -> impl Iterator<Item = &[GrowthPoint]> {
    points.chunk_by(|a, b| b.step == a.step + 1)
}

/// `W13–W15, W21`.
fn steps(points: &[GrowthPoint]) -> String {
    let named = runs(points).map(|run| match run {
        [first, .., last] => format!("{}–{}", first.label, last.label),
        [only] => only.label.clone(),
        [] => String::new(),
    });
    named.collect::<Vec<_>>().join(", ")
}

/// How many of the located points were increment items.
fn hits(growth: &GrowthProduct) -> Option<String> {
    let truth = growth.truth.as_ref()?;
    let hits = growth.points.iter().filter(|p| truth.get(p.step) == Some(&true)).count();
    Some(format!("{} of {}", count(hits), count(growth.points.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(step: usize) -> GrowthPoint {
        GrowthPoint { step, label: format!("W{step}"), dates: None, probability: 0.5 }
    }

    #[test]
    fn g7_neighbouring_steps_are_one_span() {
        let points: Vec<GrowthPoint> = [3, 4, 5, 8].map(point).into();
        assert_eq!(steps(&points), "W3–W5, W8");
        assert_eq!(steps(&[]), "");
    }
}
