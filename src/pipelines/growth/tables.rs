//! The result tables of a growth run.

use std::path::Path;

use super::results::{GrowthProduct, Product, Results};
use crate::artifact::table::{Cells, Table, TableFormat};
use crate::artifact::{ArtifactError, ensure_folder};

/// Writes `products`, `references` and `growth_points` into `folder`, with the format's ending.
///
/// Steps count from 0, as everywhere in the job. `references` and `growth_points` name a product together with its
/// part, since a current product may have the id of one in the history.
///
/// # Errors
/// Any I/O error.
pub(super) fn write_tables(results: &Results, folder: &Path, format: TableFormat) -> Result<(), ArtifactError> {
    ensure_folder(folder)?;
    let tables = [
        ("products", products(results)?),
        ("references", references(results)?),
        ("growth_points", growth_points(results)?),
    ];
    for (name, table) in tables {
        table.write(&folder.join(name).with_extension(format.extension()), format)?;
    }
    Ok(())
}

/// `growth` or `steady`.
pub(super) const fn label(growth: bool) -> &'static str {
    if growth { "growth" } else { "steady" }
}

fn products(results: &Results) -> Result<Table, ArtifactError> {
    let all = || results.products.iter();
    let mut columns = vec![
        ("product".to_owned(), Cells::text(all().map(|p| p.id.as_str()))),
        ("part".to_owned(), Cells::text(all().map(|p| p.part.name()))),
        ("label".to_owned(), Cells::Text(all().map(|p| p.growth.map(|g| label(g).to_owned())).collect())),
        ("predicted".to_owned(), Cells::text(all().map(|p| label(p.predicted)))),
        ("probability".to_owned(), Cells::f64(all().map(|p| p.probability))),
        ("D".to_owned(), Cells::F64(all().map(|p| p.increment).collect())),
        ("early_mean".to_owned(), Cells::f64(all().map(|p| p.early_mean))),
    ];
    for (place, name) in results.attribute_names.iter().enumerate() {
        let cells = Cells::Text(all().map(|p| p.attributes.get(place).cloned().flatten()).collect());
        columns.push((free_name(name, &columns), cells));
    }
    Table::new(columns)
}

/// An attribute's own name; `attribute_` before it where the table has a column of that name already.
fn free_name(name: &str, columns: &[(String, Cells)]) -> String {
    let mut free = name.to_owned();
    while free.is_empty() || columns.iter().any(|(taken, _)| *taken == free) {
        free.insert_str(0, "attribute_");
    }
    free
}

/// Rows of one table, each with the growth product that it belongs to.
fn rows<'r, T: 'r>(
    results: &'r Results,
    of: impl Fn(&'r GrowthProduct) -> &'r [T] + 'r,
) -> impl Iterator<Item = (&'r Product, &'r T)> {
    results.growth.iter().flat_map(move |g| of(g).iter().map(move |row| (&results.products[g.product], row)))
}

fn references(results: &Results) -> Result<Table, ArtifactError> {
    let rows = || rows(results, |g| &g.references);
    Table::new([
        ("product", Cells::text(rows().map(|(p, _)| p.id.as_str()))),
        ("part", Cells::text(rows().map(|(p, _)| p.part.name()))),
        ("reference", Cells::text(rows().map(|(_, r)| r.id.as_str()))),
        ("distance", Cells::f64(rows().map(|(_, r)| r.distance))),
        ("borrowed", Cells::bool(rows().map(|(_, r)| r.borrowed))),
    ])
}

fn growth_points(results: &Results) -> Result<Table, ArtifactError> {
    let rows = || rows(results, |g| &g.points);
    let day = |pick: fn(&(String, String)) -> &String| {
        Cells::Text(rows().map(|(_, point)| point.dates.as_ref().map(|d| pick(d).clone())).collect())
    };
    Table::new([
        ("product", Cells::text(rows().map(|(p, _)| p.id.as_str()))),
        ("part", Cells::text(rows().map(|(p, _)| p.part.name()))),
        ("step", Cells::i64(rows().map(|(_, point)| point.step as i64))),
        ("step_label", Cells::text(rows().map(|(_, point)| point.label.as_str()))),
        ("start", day(|d| &d.0)),
        ("end", day(|d| &d.1)),
        ("probability", Cells::f64(rows().map(|(_, point)| point.probability))),
    ])
}

/// The file of a table, relative to the run's folder.
pub(super) fn file(name: &str, format: TableFormat) -> String {
    format!("tables/{name}.{}", format.extension())
}

#[cfg(test)]
mod tests {
    use super::super::report::made_up::{Shape, results};
    use super::*;

    fn read(path: &Path) -> String {
        std::fs::read_to_string(path).expect("the table was written")
    }

    #[test]
    fn g7_tables_hold_every_product_reference_and_point() {
        let folder = tempfile::tempdir().expect("a folder");
        let found = results(&Shape::default());
        write_tables(&found, &folder.path().join("tables"), TableFormat::Csv).expect("written");
        let text = |name: &str| read(&folder.path().join("tables").join(name));
        let products = text("products.csv");
        assert_eq!(products.lines().count(), found.products.len() + 1);
        assert!(
            products.starts_with("product,part,label,predicted,probability,D,early_mean,category,attribute_label\r\n")
        );
        let references = text("references.csv");
        let wanted: usize = found.growth.iter().map(|g| g.references.len()).sum();
        assert_eq!(references.lines().count(), wanted + 1);
        assert!(references.starts_with("product,part,reference,distance,borrowed\r\n"));
        let points = text("growth_points.csv");
        let wanted: usize = found.growth.iter().map(|g| g.points.len()).sum();
        assert_eq!(points.lines().count(), wanted + 1);
        let first = &found.growth[0].points[0];
        let id = &found.products[found.growth[0].product].id;
        let row = format!("{id},test,{},{},,,{:?}\r\n", first.step, first.label, first.probability);
        assert!(points.contains(&row), "{row} in {points}");
    }

    #[test]
    fn g7_dates_and_missing_truth_are_in_the_tables() {
        let folder = tempfile::tempdir().expect("a folder");
        let found = results(&Shape { dates: true, current: 30, ..Shape::default() });
        write_tables(&found, folder.path(), TableFormat::Csv).expect("written");
        let products = read(&folder.path().join("products.csv"));
        let current = products.lines().find(|l| l.contains(",current,")).expect("a current product");
        let fields: Vec<&str> = current.split(',').collect();
        assert_eq!((fields[2], fields[5]), ("", ""), "neither label nor D is known: {current}");
        let points = read(&folder.path().join("growth_points.csv"));
        let first = points.lines().nth(1).expect("a growth point");
        assert!(first.contains(",20"), "days: {first}");
    }

    #[test]
    fn g7_without_growth_products_the_tables_are_empty_in_both_formats() {
        let found = results(&Shape { growth: 0, ..Shape::default() });
        for format in [TableFormat::Csv, TableFormat::Parquet] {
            let folder = tempfile::tempdir().expect("a folder");
            write_tables(&found, folder.path(), format).expect("written");
            for name in ["products", "references", "growth_points"] {
                let path = folder.path().join(name).with_extension(format.extension());
                assert!(path.is_file(), "{}", path.display());
            }
            if format == TableFormat::Csv {
                assert_eq!(read(&folder.path().join("references.csv")).lines().count(), 1);
            }
        }
    }
}
