//! All products at a glance (G8): class map, cluster map, ranking by D.

use super::super::results::{Part, Product, Results};
use super::{growth_of, of_part};
use crate::report::chart::{BarChart, Chart, Histogram, ScatterPlot, Size};
use crate::report::number::{count, counted, percent, short};
use crate::report::{Body, ReportError};

/// Bars in a ranking.
const RANKED: usize = 20;
/// Clusters with a colour of their own.
const NAMED: usize = 5;
/// Centres drawn: more would cover the map.
const CENTRES: usize = 40;

pub(super) fn write(body: &mut Body, results: &Results) -> Result<(), ReportError> {
    class_map(body, results)?;
    if !results.growth.is_empty() {
        cluster_map(body, results)?;
    }
    distribution(body, results)?;
    ranking_by_d(body, results)?;
    ranking_by_probability(body, results)
}

/// A place on logarithmic axes; `None` where one of the numbers is 0.
fn place(product: &Product) -> Option<(f64, f64)> {
    let d = product.increment?;
    (d > 0.0 && product.early_mean > 0.0).then_some((product.early_mean, d))
}

fn class_map(body: &mut Body, results: &Results) -> Result<(), ReportError> {
    let test = |growth: bool, called: bool| -> Vec<(f64, f64)> {
        let chosen = of_part(results, Part::Test).filter(|p| p.growth == Some(growth) && p.predicted == called);
        chosen.filter_map(place).collect()
    };
    let others: Vec<(f64, f64)> = results.products.iter().filter(|p| p.part != Part::Test).filter_map(place).collect();
    let known = results.products.iter().filter(|p| p.increment.is_some());
    let hidden = known.filter(|p| place(p).is_none()).count();
    let chart = ScatterPlot::new("Class map", "mean early sales, pieces a step", "D")
        .group("growth, called growth", &test(true, true))
        .group("steady, called growth", &test(false, true))
        .group("growth, missed", &test(true, false))
        .group("steady, called steady", &test(false, false))
        .background("training and validation", &others)
        .log_axes();
    let mut caption = format!(
        "Each point is a product of the history; colours are for held-out ones. Those with D above {} are growth.",
        short(results.threshold)
    );
    if hidden > 0 {
        let number = counted(hidden, "product");
        caption.push_str(&[" Not shown, for D is 0 and the axis logarithmic: ", &number, "."].concat());
    }
    body.figure(chart.render()?, &caption);
    Ok(())
}

fn cluster_map(body: &mut Body, results: &Results) -> Result<(), ReportError> {
    let mut members: Vec<Vec<(f64, f64)>> = vec![vec![]; results.growth.len()];
    for (place, cluster) in &results.map {
        if let Some(own) = members.get_mut(*cluster) {
            own.push(*place);
        }
    }
    let mut filled: Vec<usize> = (0..members.len()).filter(|&k| !members[k].is_empty()).collect();
    // The sort is stable: of equal clusters the more probable product comes first.
    filled.sort_by_key(|&k| std::cmp::Reverse(members[k].len()));
    let (named, rest) = filled.split_at(filled.len().min(NAMED));
    let (x, y) = results.map_variance;
    let axis = |name: &str, share: f64| format!("{name} component ({} of the variance)", percent(share, 0));
    let mut chart = ScatterPlot::new("Cluster map", &axis("first", x), &axis("second", y));
    for &k in named {
        chart = chart.group(&results.products[results.growth[k].product].id, &members[k]);
    }
    if !rest.is_empty() {
        let points: Vec<(f64, f64)> = rest.iter().flat_map(|&k| members[k].iter().copied()).collect();
        chart = chart.background(&format!("in {}", counted(rest.len(), "other cluster")), &points);
    }
    // Current and held-out growth products have maps of their own: this is that of the clusters with members.
    let centres: Vec<(f64, f64)> = filled.iter().take(CENTRES).map(|&k| results.growth[k].place).collect();
    chart = chart.centres("growth products", &centres);
    let mut caption =
        "Products of the history (points) around the growth products (rings) that they are references of, in \
                       the two directions in which early series differ most. The largest clusters have colours."
            .to_owned();
    if filled.len() > CENTRES {
        let (shown, all) = (count(CENTRES), count(filled.len()));
        let text = [" Rings are drawn for the ", &shown, " largest of ", &all, " clusters."];
        caption.push_str(&text.concat());
    }
    body.figure(chart.render()?, &caption);
    Ok(())
}

fn distribution(body: &mut Body, results: &Results) -> Result<(), ReportError> {
    let known: Vec<f64> = results.products.iter().filter_map(|p| p.increment).collect();
    let above: Vec<f64> = known.iter().copied().filter(|d| *d > 0.0).collect();
    let mut chart = Histogram::new("Positive increment value D", "D").group("products", &above).bins(30).log_x();
    if results.threshold > 0.0 {
        chart = chart.reference(results.threshold, &format!("threshold {}", short(results.threshold)));
    }
    let zero = known.len() - above.len();
    let none = if zero == 0 { String::new() } else { format!(" {} more have D = 0.", count(zero)) };
    body.figure(chart.render()?, &format!("{} of the history.{none}", counted(above.len(), "product")));
    Ok(())
}

fn ranking_by_d(body: &mut Body, results: &Results) -> Result<(), ReportError> {
    let mut ranked: Vec<(&Product, f64)> =
        of_part(results, Part::Test).filter_map(|p| p.increment.map(|d| (p, d))).collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    let group = |p: &Product| if p.predicted { "called growth" } else { "called steady" };
    // The groups' colours must not depend on which comes first in the ranking.
    let chart = ranked.iter().take(RANKED).fold(
        BarChart::new("Ranking by D", "D").size(Size::Wide).groups(&["called growth", "called steady"]),
        |chart, (p, d)| chart.grouped(group(p), &p.id, *d),
    );
    let chart = chart.reference(results.threshold, "threshold").render()?;
    body.figure(chart, "The held-out products whose sales grew most, and what the classifier had called them.");
    Ok(())
}

fn ranking_by_probability(body: &mut Body, results: &Results) -> Result<(), ReportError> {
    let current = growth_of(results, Part::Current);
    if current.is_empty() {
        return Ok(());
    }
    let chart: Chart = current
        .iter()
        .take(RANKED)
        .map(|g| &results.products[g.product])
        .fold(BarChart::new("Ranking of current products", "probability of growth").size(Size::Wide), |chart, p| {
            chart.bar(&p.id, p.probability)
        })
        .render()?;
    body.figure(chart, "The current products that are most likely to grow; what becomes of them is not known yet.");
    Ok(())
}
