//! Pictures of growth products (G8): the series, the band of the references, E, the located growth points.

use super::super::results::{GrowthProduct, Part, Results};
use super::{RunFacts, growth_of};
use crate::report::chart::{Chart, LineChart, MarkKind, Size, XLabels};
use crate::report::number::{count, percent, short};
use crate::report::{Body, ReportError};

pub(super) fn write(body: &mut Body, results: &Results, facts: RunFacts<'_>) -> Result<(), ReportError> {
    let (current, held_out) = share(growth_of(results, Part::Current), growth_of(results, Part::Test), facts.pictures);
    let Some(first) = current.first().or(held_out.first()) else {
        let text =
            if results.growth.is_empty() { "No product is called growth." } else { "The job asks for no pictures." };
        body.paragraph(text);
        return Ok(());
    };
    body.paragraph(
        "The line is what the product sold, the grey band the middle half of its sales references (scaled to its own \
         early mean), the dashed line its expectation E. The dotted line ends the early steps: nothing to the \
         right of it was known when growth points were located. Diamonds are located growth points; rings are \
         the steps that turned out to be increment items, so a diamond in a ring is a hit.",
    );
    body.figure(picture(results, first, Size::Wide)?, &caption(results, first));
    for (heading, chosen) in [("Current products", &current), ("Held-out products", &held_out)] {
        let rest: Vec<&&GrowthProduct> = chosen.iter().filter(|g| g.product != first.product).collect();
        if rest.is_empty() {
            continue;
        }
        if !current.is_empty() {
            body.heading(heading);
        }
        let charts = rest.iter().map(|g| Ok((title(results, g), picture(results, g, Size::Small)?)));
        let all = growth_of(results, results.products[chosen[0].product].part).len();
        let text =
            format!("Pieces a step. The {} most probable of {} growth products.", count(chosen.len()), count(all));
        body.grid(&text, charts.collect::<Result<_, ReportError>>()?);
    }
    Ok(())
}

/// At most `wanted` pictures: three quarters for current products, if there are enough, the rest for held-out ones,
/// which show what really happened.
fn share<'r>(
    mut current: Vec<&'r GrowthProduct>,
    mut held_out: Vec<&'r GrowthProduct>,
    wanted: usize,
) -> (Vec<&'r GrowthProduct>, Vec<&'r GrowthProduct>) {
    let kept = (wanted / 4).min(held_out.len());
    current.truncate(wanted - kept);
    held_out.truncate(wanted - current.len());
    (current, held_out)
}

fn title(results: &Results, growth: &GrowthProduct) -> String {
    let product = &results.products[growth.product];
    let truth = match product.growth {
        Some(true) => ", grew",
        Some(false) => ", stayed steady",
        None => "",
    };
    format!("{}: {}{truth}", product.id, percent(product.probability, 0))
}

fn caption(results: &Results, growth: &GrowthProduct) -> String {
    let product = &results.products[growth.product];
    let truth = match product.growth {
        Some(true) => " It did grow.",
        Some(false) => " It stayed steady.",
        None => "",
    };
    format!("By the classifier it is growth with a probability of {}.{truth}", percent(product.probability, 0))
}

fn picture(results: &Results, growth: &GrowthProduct, size: Size) -> Result<Chart, ReportError> {
    let product = &results.products[growth.product];
    let low: Vec<f64> = growth.band.iter().map(|b| b.0).collect();
    let middle: Vec<f64> = growth.band.iter().map(|b| b.1).collect();
    let high: Vec<f64> = growth.band.iter().map(|b| b.2).collect();
    let located: Vec<(usize, f64)> = growth.points.iter().map(|p| (p.step, height(growth, p.step))).collect();
    let e = if size == Size::Small { "E".to_owned() } else { format!("E = {}", short(growth.expectation)) };
    let mut chart =
        LineChart::new(&format!("Product {}", product.id), "step", "pieces", XLabels::Named(growth.labels.clone()))
            .size(size)
            .band("references, middle half", 0, &low, &high)
            .context("references, median", 0, &middle)
            .series("sales", 0, &growth.series)
            .reference(growth.expectation, &e);
    if let Some(truth) = &growth.truth {
        let real = (results.early_steps..truth.len()).filter(|&s| truth[s]).map(|s| (s, height(growth, s)));
        chart = chart.marks(MarkKind::Actual, "true increment item", &real.collect::<Vec<_>>());
    }
    chart
        .marks(MarkKind::Predicted, "located growth point", &located)
        .divider(results.early_steps, "early", "future")
        .render()
}

/// Where a step's mark stands: on the product's own sales, before these are known on the references' median.
fn height(growth: &GrowthProduct, step: usize) -> f64 {
    let median = growth.band.get(step).map(|band| band.1);
    growth.series.get(step).copied().or(median).unwrap_or(growth.expectation)
}

#[cfg(test)]
mod tests {
    use super::super::made_up::{Shape, results};
    use super::*;

    #[test]
    fn g8_pictures_are_shared_between_current_and_held_out_products() {
        let found = results(&Shape { current: 80, ..Shape::default() });
        let both = |wanted| {
            let (c, h) = share(growth_of(&found, Part::Current), growth_of(&found, Part::Test), wanted);
            (c.len(), h.len())
        };
        let (current, held_out) = (growth_of(&found, Part::Current).len(), growth_of(&found, Part::Test).len());
        assert!(current > 18 && held_out > 6, "{current} and {held_out}");
        assert_eq!(both(24), (18, 6));
        assert_eq!(both(0), (0, 0));
        assert_eq!(both(10_000), (current, held_out), "no more than there are");
        let (none, test) = share(vec![], growth_of(&found, Part::Test), 8);
        assert_eq!((none.len(), test.len()), (0, 8));
    }

    #[test]
    fn g8_a_future_point_stands_on_the_references_median() {
        let found = results(&Shape { current: 80, ..Shape::default() });
        let current = growth_of(&found, Part::Current)[0];
        let step = current.points[0].step;
        assert!(step >= current.series.len());
        assert_eq!(height(current, step), current.band[step].1);
        let held_out = growth_of(&found, Part::Test)[0];
        assert_eq!(height(held_out, step), held_out.series[step]);
    }
}
