//! Whether a company should adopt what another does (A9).

use super::super::results::{Adoption, Compared, Results};
use crate::report::chart::{Chart, LineChart, ScatterPlot, Size, XLabels};
use crate::report::number::{counted, fixed, short};
use crate::report::{Body, Column, ReportError, Table};

/// Products in a table.
const ROWS: usize = 20;
/// Products with pictures.
const PICTURES: usize = 6;

pub(super) fn write(body: &mut Body, results: &Results, found: &Adoption) -> Result<(), ReportError> {
    let agreeing: Vec<&Compared> = ranked(found, |c| c.finding.sales_mode_of.is_some());
    let balanced = found.products.iter().filter(|c| c.finding.practice_of.is_some()).count();
    let quantity = found.products.iter().filter(|c| c.finding.quantity_trend.p < found.alpha).count();
    let reputation = found.products.iter().filter(|c| c.finding.reputation_trend.p < found.alpha).count();
    body.paragraph(&format!(
        "{} with enough buyers at both companies ({} left out). For each there are two comparison features a step: quantity, \
         the logarithm of the ratio of pieces, and reputation, the difference of the shares of buyers who had bought before. \
         Mann and Kendall's test finds a trend below p = {} in the quantity of {} and in the reputation of {}; both agree in \
         {}, and there the one that falls behind should look at the sales mode of the other. By chance alone about {} would.",
        counted(found.products.len(), "comparison"),
        found.left_out,
        short(found.alpha),
        quantity,
        reputation,
        agreeing.len(),
        fixed(found.alpha * found.alpha / 2.0 * found.products.len() as f64, 1)
    ));
    scatter(body, found)?;
    table(body, results, &agreeing)?;
    pictures(body, results, found, &agreeing)?;
    body.heading("Reputation: does it stay in balance?");
    body.paragraph(&format!(
        "The better reputation's two distributions are tracked over the last {}: display, the product's share of all the \
         company's buyers, and after-sales, its share of all the company's returning buyers. The test of Kwiatkowski, \
         Phillips, Schmidt and Shin asks whether they have left their balance; where neither has (p of at least {} for both), \
         the practice may be adopted: {} of {}. A large p is no proof of balance, only no sign against it.",
        counted(found.span, "step"),
        short(found.alpha),
        balanced,
        found.products.len()
    ));
    practices(body, results, found)
}

fn ranked(found: &Adoption, which: impl Fn(&Compared) -> bool) -> Vec<&Compared> {
    let mut chosen: Vec<&Compared> = found.products.iter().filter(|c| which(c)).collect();
    let larger = |c: &Compared| c.finding.quantity_trend.p.max(c.finding.reputation_trend.p);
    chosen.sort_by(|a, b| larger(a).total_cmp(&larger(b)));
    chosen
}

fn scatter(body: &mut Body, found: &Adoption) -> Result<(), ReportError> {
    let points = |agree: bool| -> Vec<(f64, f64)> {
        let all = found.products.iter().filter(|c| c.finding.sales_mode_of.is_some() == agree);
        all.map(|c| (c.finding.quantity_trend.tau, c.finding.reputation_trend.tau)).collect()
    };
    let chart = ScatterPlot::new("Trends of the comparison features", "quantity, tau", "reputation, tau")
        .size(Size::Wide)
        .group("trends agree", &points(true))
        .background("no two trends that agree", &points(false));
    body.figure(
        chart.render()?,
        "Each point is a product. Tau is 1 for a feature that always rises, \u{2212}1 for one that always falls.",
    );
    Ok(())
}

fn name(results: &Results, compared: &Compared, side: usize) -> String {
    results.companies[compared.pair[side]].name.clone()
}

fn table(body: &mut Body, results: &Results, agreeing: &[&Compared]) -> Result<(), ReportError> {
    let columns = vec![
        Column::text("product"),
        Column::number("quantity, tau", 2),
        Column::number("p", 4),
        Column::number("reputation, tau", 2),
        Column::number("p", 4),
        Column::text("adopt the sales mode of"),
    ];
    let mut table = Table::new("Both trends agree", columns);
    for c in agreeing {
        let (q, r) = (c.finding.quantity_trend, c.finding.reputation_trend);
        let of = c.finding.sales_mode_of.map(|side| name(results, c, side)).unwrap_or_default();
        let row = vec![c.product.as_str().into(), q.tau.into(), q.p.into(), r.tau.into(), r.p.into(), of.into()];
        table.row(row)?;
    }
    body.table(table.cut(ROWS, "tables/adopt.csv"));
    Ok(())
}

fn pictures(body: &mut Body, results: &Results, found: &Adoption, agreeing: &[&Compared]) -> Result<(), ReportError> {
    let mut charts: Vec<(String, Chart)> = vec![];
    for c in agreeing.iter().take(PICTURES) {
        let chart = LineChart::new(&c.product, "step", "feature", XLabels::From(found.first_step))
            .size(Size::Small)
            .series("quantity", 0, &c.finding.quantity)
            .series("reputation", 0, &c.finding.reputation)
            .reference(0.0, "equal");
        let of = c.finding.sales_mode_of.map(|side| name(results, c, side)).unwrap_or_default();
        charts.push((format!("{}: {of} gains", c.product), chart.render()?));
    }
    if !charts.is_empty() {
        let caption =
            "The comparison features of the products with the clearest trends; above 0 the first company leads.";
        body.grid(caption, charts);
    }
    Ok(())
}

fn practices(body: &mut Body, results: &Results, found: &Adoption) -> Result<(), ReportError> {
    let columns = vec![
        Column::text("product"),
        Column::text("better reputation"),
        Column::number("display, p", 3),
        Column::number("after-sales, p", 3),
        Column::text("adopt its practice"),
    ];
    let mut chosen: Vec<&Compared> = found.products.iter().collect();
    let smaller = |c: &Compared| c.finding.display.p.min(c.finding.after_sales.p);
    chosen.sort_by(|a, b| smaller(b).total_cmp(&smaller(a)));
    let mut table = Table::new("Balance of display and after-sales", columns);
    for c in chosen {
        let verdict = if c.finding.practice_of.is_some() { "yes" } else { "no" };
        table.row(vec![
            c.product.as_str().into(),
            name(results, c, c.finding.better).into(),
            c.finding.display.p.into(),
            c.finding.after_sales.p.into(),
            verdict.into(),
        ])?;
    }
    body.table(table.cut(ROWS, "tables/adopt.csv"));
    Ok(())
}
