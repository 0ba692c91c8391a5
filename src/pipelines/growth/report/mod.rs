//! The report of a growth run (G3, G7, G8, E20): first what was found, for those who sell, then how good it is and how
//! it came about, for those who must be able to check it.

mod classifier;
mod data;
mod overview;
mod pictures;
mod points;
mod products;
mod summary;
mod words;

#[cfg(test)]
pub(super) mod made_up;
#[cfg(test)]
mod tests;

use super::results::{GrowthProduct, Part, Product, Results};
use crate::artifact::table::TableFormat;
use crate::report::{Body, Column, Report, ReportError, Table, number};

/// What the report says of the run besides its results.
#[derive(Debug, Clone, Copy)]
pub(super) struct RunFacts<'a> {
    /// The job's name.
    pub job: &'a str,
    /// The job's seed.
    pub seed: u64,
    /// How many growth products get a picture.
    pub pictures: usize,
    /// The format of the tables that the report points to.
    pub format: TableFormat,
    /// Stages and the seconds that each took.
    pub timings: &'a [(String, f64)],
}

/// Builds the report.
///
/// # Errors
/// A number that cannot be drawn or printed, such as NaN.
pub(super) fn build(results: &Results, facts: RunFacts<'_>) -> Result<Report, ReportError> {
    let subtitle = format!(
        "Which products will grow, and when to promote them: {}, seed {}",
        number::counted(results.products.len(), "product"),
        facts.seed
    );
    let mut report = Report::new(&format!("Growth: {}", facts.job), &subtitle);
    summary::write(report.section("Summary", "summary")?, results, facts);
    products::write(report.section("Growth products", "products")?, results, facts)?;
    pictures::write(report.section("Pictures", "pictures")?, results, facts)?;
    overview::write(report.section("Overview", "overview")?, results)?;
    classifier::write(report.section("How good is the classifier", "classifier")?, results)?;
    points::write(report.section("How good are the growth points", "growth-points")?, results)?;
    data::write(report.section("Data and definitions", "data")?, results)?;
    run(report.section("What ran where, and how long", "run")?, results, facts)?;
    report.footer(&format!("Job {}, seed {}, read from {}.", facts.job, facts.seed, results.files.join(" and ")));
    Ok(report)
}

fn run(body: &mut Body, results: &Results, facts: RunFacts<'_>) -> Result<(), ReportError> {
    body.paragraph(&format!("The networks were trained and asked on this device: {}.", results.device));
    let c = &results.classifier;
    body.paragraph(&format!(
        "The classifier is the mean of {} with {} each, trained on {}. The growth-point networks, one a growth \
         product, trained as one fleet; each of the {} took {} on average.",
        number::counted(c.members, "network"),
        number::counted(c.parameters, "parameter"),
        number::counted(c.training_rows, "row"),
        number::count(results.growth.len()),
        words::epochs(results.point_epochs),
    ));
    let total: f64 = facts.timings.iter().map(|(_, seconds)| seconds).sum();
    let columns = vec![Column::text("stage"), Column::duration("time"), Column::percent("share", 0).with_bar()];
    let mut table = Table::new("Where the time went", columns);
    for (stage, seconds) in facts.timings {
        let share = (total > 0.0).then(|| seconds / total);
        table.row(vec![stage.as_str().into(), (*seconds).into(), share.into()])?;
    }
    table.row(vec!["all stages".into(), total.into(), None::<f64>.into()])?;
    body.table(table.emphasise_row(facts.timings.len()));
    Ok(())
}

/// The products of a part.
fn of_part(results: &Results, part: Part) -> impl Iterator<Item = &Product> {
    results.products.iter().filter(move |p| p.part == part)
}

/// The growth products of a part, by falling probability.
fn growth_of(results: &Results, part: Part) -> Vec<&GrowthProduct> {
    results.growth.iter().filter(|g| results.products[g.product].part == part).collect()
}

/// The part that growth products are wanted of: current ones where there are any, else held-out ones in their place.
fn wanted(results: &Results) -> Part {
    let current = results.products.iter().any(|p| p.part == Part::Current);
    if current { Part::Current } else { Part::Test }
}

/// A part in words.
const fn in_words(part: Part) -> &'static str {
    match part {
        Part::Train => "training",
        Part::Validation => "validation",
        Part::Test => "held-out",
        Part::Current => "current",
    }
}
