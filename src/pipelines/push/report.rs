//! The report of a push run (E20).

use std::collections::BTreeMap;

use super::judge::{BEST, EASE, POPULAR, Setting};
use super::offer::WhyNot;
use super::results::{Evaluated, Results, Spread};
use crate::pipelines::tabular::RunFacts;
use crate::prep::{CleanRule, ColumnPrep};
use crate::report::chart::{BarChart, LineChart, ScatterPlot, Size, XLabels};
use crate::report::number::{count, counted, fixed, percent, short};
use crate::report::{Body, Card, Cell, Column, NoteKind, Report, ReportError, Table};

/// Classes with a colour of their own on the map.
const COLOURED: usize = 6;

/// Rows that tables show.
const LISTED: usize = 20;

/// A column of which more is replaced gets a warning.
const SUSPICIOUS: f64 = 0.2;

/// Builds the report.
///
/// # Errors
/// A number that cannot be drawn or printed.
pub(super) fn build(results: &Results, facts: &RunFacts) -> Result<Report, ReportError> {
    let subtitle = format!(
        "{} to {}, seed {}",
        counted(results.totals.pushes, "offer"),
        counted(results.customers - results.totals.without(), "customer"),
        facts.seed
    );
    let mut report = Report::new(&format!("Pushes: {}", facts.job), &subtitle);
    summary(report.section("Summary", "summary")?, results);
    if let Some(evaluated) = &results.evaluation {
        quality(report.section("How good it is", "quality")?, evaluated, results)?;
    }
    pushes(report.section("Pushes", "pushes")?, results)?;
    classes(report.section("Classes", "classes")?, results)?;
    draws(report.section("Distances by draw", "draws")?, results)?;
    features(report.section("Features", "features")?, results)?;
    cleaning(report.section("Cleaning", "cleaning")?, results)?;
    report.section("What ran where, and how long", "run")?.timings(&facts.steps)?;
    report.footer(&format!("Job {}, seed {}, on {}.", facts.job, facts.seed, facts.device));
    Ok(report)
}

/// Columns cleaned by the median of which too much is replaced, with the share.
pub(super) fn suspicious(results: &Results) -> Vec<(&str, f64)> {
    let columns = results.columns.iter().filter_map(|column| match column {
        ColumnPrep::Number { name, cleaner } => Some((name.as_str(), cleaner)),
        ColumnPrep::OneHot { .. } | ColumnPrep::Ordinal { .. } => None,
    });
    columns.filter(|(_, cleaner)| cleaner.share() > SUSPICIOUS).map(|(name, c)| (name, c.share())).collect()
}

fn summary(body: &mut Body, results: &Results) {
    let pushed = results.customers - results.totals.without();
    let mut cards = vec![
        Card::new("Pushes", count(results.totals.pushes), &format!("to {}", counted(pushed, "customer"))),
        Card::new("Without a push", count(results.totals.without()), "each with its reason, in tables/without"),
        Card::new(
            "Customers",
            count(results.customers),
            &format!("{} of them hold nothing: candidates only", count(results.candidates)),
        ),
        Card::new(
            "Products",
            count(results.products.ids.len()),
            &format!("{} in all; nobody holds {}", counted(results.holdings, "holding"), count(results.unheld)),
        ),
        Card::new("Values replaced", count(results.totals.anomalies()), "anomalies; each one in tables/cleaning"),
    ];
    let spreads = results.evaluation.as_ref().map(Evaluated::spreads).unwrap_or_default();
    let of = |method: &str| spreads.iter().find(|(name, _)| name == method).map(|(_, figures)| figures);
    if let (Some(own), Some(popular), Some(evaluated)) = (of(BEST), of(POPULAR), &results.evaluation) {
        let note = format!("of what was hidden; most popular {}", fixed(popular[1].mean, 3));
        cards.push(Card::new(&format!("Recall at {}", evaluated.k), fixed(own[1].mean, 3), &note));
    }
    body.cards(cards);
    body.paragraph(&format!(
        "Classes are made of {}. A product's weight is the share of the holding customers of a class who hold it{}.",
        results.setting.text(),
        if results.setting.rounds > 1 { ", its mean over the rounds" } else { "" }
    ));
    if let Some(sample) = results.sample {
        body.paragraph(&format!("Everything was learned from a sample of {}.", counted(sample, "customer")));
    }
    if results.exclusions > 0 {
        body.paragraph(&format!("{} hold on every path.", counted(results.exclusions, "exclusion")));
    }
}

fn spread(spread: Spread) -> String {
    // No line breaks within.
    format!("{}\u{a0}±\u{a0}{}", fixed(spread.mean, 3), fixed(spread.deviation, 3))
}

fn quality(body: &mut Body, evaluated: &Evaluated, results: &Results) -> Result<(), ReportError> {
    let (k, spreads) = (evaluated.k, evaluated.spreads());
    let of = |name: &str| spreads.iter().find(|(other, _)| other == name).map(|(_, figures)| *figures);
    if let (Some(own), Some(popular)) = (of(BEST), of(POPULAR)) {
        let against = |name: &str, other: [Spread; 6]| {
            let word = |own: Spread, other: Spread| if own.mean > other.mean { "above" } else { "not above" };
            format!(
                "recall {} and NDCG {} of {name} ({}, {})",
                word(own[1], other[1]),
                word(own[2], other[2]),
                fixed(other[1].mean, 3),
                fixed(other[2].mean, 3)
            )
        };
        let mut said = vec![against("the most popular products", popular)];
        said.extend(of(EASE).map(|ease| against("EASE", ease)));
        let text = format!("At {k}, the method as chosen is {}.", said.join("; "));
        let behind = own[1].mean < popular[1].mean || own[2].mean < popular[2].mean;
        body.note(if behind { NoteKind::Warning } else { NoteKind::Note }, &text);
    }
    let columns = [
        format!("hit rate at {k}"),
        format!("recall at {k}"),
        format!("NDCG at {k}"),
        format!("tail: hit rate at {k}"),
        format!("tail: recall at {k}"),
        format!("tail: NDCG at {k}"),
    ];
    let titles = std::iter::once("method".to_owned()).chain(columns);
    let mut table = Table::new("Means and deviations over the seeds", titles.map(|t| Column::text(&t)).collect());
    for (name, figures) in &spreads {
        let cells = figures.iter().map(|figure| Cell::from(spread(*figure)));
        table.row(std::iter::once(name.as_str().into()).chain(cells).collect())?;
    }
    let own = spreads.iter().position(|(name, _)| name == BEST).unwrap_or(0);
    body.table(table.emphasise_row(own));
    let mut recall = BarChart::new(&format!("Recall at {k}"), "share of the hidden holdings");
    let mut tail = BarChart::new(&format!("Recall at {k}, tail"), "share of the hidden holdings of rare products");
    for (name, figures) in &spreads {
        recall = recall.bar(name, figures[1].mean);
        tail = tail.bar(name, figures[4].mean);
    }
    body.figure(recall.render()?, "On all products.");
    body.figure(tail.render()?, &format!("On products that at most {} hold.", percent(evaluated.tail, 0)));
    body.paragraph(&format!(
        "Hidden: {}, by {}. Everything is made anew from what is left: attributes that count holdings lose the hidden ones' \
         part, and those that cannot be taken apart are left out. Settings are chosen by a hide within what is left, never by \
         what is judged.",
        evaluated.hidden,
        counted(evaluated.seeds.len(), "seed")
    ));
    chosen(body, evaluated, results)
}

fn chosen(body: &mut Body, evaluated: &Evaluated, results: &Results) -> Result<(), ReportError> {
    if results.choice.tried.is_empty() {
        return Ok(());
    }
    let mut chosen: BTreeMap<String, usize> = BTreeMap::new();
    for seed in &evaluated.seeds {
        *chosen.entry(seed.choice.best.text()).or_default() += 1;
    }
    let words: Vec<String> = chosen.iter().map(|(text, times)| format!("{text} ({times} times)")).collect();
    body.paragraph(&format!("Chosen within the evaluation: {}.", words.join("; ")));
    let mut inner = Body::new();
    let columns = vec![
        Column::text("classes from"),
        Column::integer("classes"),
        Column::number("shrink", 1),
        Column::integer("rounds"),
        Column::number("recall", 4),
        Column::number("NDCG", 4),
    ];
    let mut table = Table::new("What was tried for the pushes, by an inner hide, the best first", columns);
    let mut tried: Vec<&(Setting, f64, f64)> = results.choice.tried.iter().collect();
    tried.sort_by(|a, b| b.2.total_cmp(&a.2));
    for (setting, recall, ndcg) in tried.iter().take(LISTED) {
        table.row(vec![
            setting.from.name().into(),
            setting.classes.into(),
            setting.shrink.into(),
            setting.rounds.into(),
            (*recall).into(),
            (*ndcg).into(),
        ])?;
    }
    inner.table(table);
    body.details("How the settings were chosen", inner);
    Ok(())
}

fn pushes(body: &mut Body, results: &Results) -> Result<(), ReportError> {
    let mut order: Vec<(u32, (usize, f64))> = results.totals.by_product.clone().into_iter().collect();
    order.sort_by_key(|(product, (times, _))| (std::cmp::Reverse(*times), *product));
    let columns = vec![
        Column::text("product"),
        Column::integer("pushes").with_bar(),
        Column::percent("share", 1),
        Column::number("mean weight", 3),
    ];
    let mut table = Table::new("What is offered most", columns).cut(LISTED, "tables/pushes.csv");
    for (product, (times, weight)) in order {
        table.row(vec![
            results.products.names[product as usize].as_str().into(),
            times.into(),
            (times as f64 / results.totals.pushes.max(1) as f64).into(),
            (weight / times as f64).into(),
        ])?;
    }
    body.table(table);
    let reasons = &results.totals.reasons;
    if reasons.is_empty() {
        body.paragraph("Every customer is offered something.");
        return Ok(());
    }
    let mut table =
        Table::new("Why customers are offered nothing", vec![Column::text("reason"), Column::integer("customers")]);
    for why in WhyNot::ALL {
        if let Some(customers) = reasons.get(&why) {
            table.row(vec![why.text().into(), (*customers).into()])?;
        }
    }
    body.table(table);
    Ok(())
}

fn classes(body: &mut Body, results: &Results) -> Result<(), ReportError> {
    let mut order: Vec<usize> = (0..results.by_class.len()).collect();
    order.sort_by_key(|&c| (std::cmp::Reverse(results.by_class[c].customers), c));
    if let Some(map) = &results.map {
        let mut plot = ScatterPlot::new("Customers by class", "first component", "second component").size(Size::Wide);
        let of = |class: usize| -> Vec<(f64, f64)> {
            map.points.iter().filter(|p| p.0 as usize == class).map(|p| (p.1, p.2)).collect()
        };
        let shown: Vec<usize> = order.iter().copied().filter(|&c| !of(c).is_empty()).take(COLOURED).collect();
        for &class in &shown {
            plot = plot.group(&format!("class {class}"), &of(class));
        }
        let rest = map.points.iter().filter(|p| !shown.contains(&(p.0 as usize))).map(|p| (p.1, p.2));
        let rest: Vec<(f64, f64)> = rest.collect();
        if !rest.is_empty() {
            plot = plot.background("other classes", &rest);
        }
        let centres: Vec<(f64, f64)> = shown.iter().map(|&class| map.centres[class]).collect();
        let caption = format!(
            "The class map of the first round: the plane of two principal components, which shows {} of the variance.",
            percent(map.share.min(1.0), 0)
        );
        body.figure(plot.centres("centres", &centres).render()?, &caption);
    }
    let columns = vec![
        Column::text("class"),
        Column::integer("customers").with_bar(),
        Column::integer("holding"),
        Column::text("target product"),
        Column::number("weight", 3),
        Column::integer("holders"),
        Column::integer("pushes"),
        Column::number("sum of distances", 1),
    ];
    let mut table =
        Table::new("Classes of the first round, the largest first", columns).cut(LISTED, "tables/classes.csv");
    for class in order {
        let row = &results.by_class[class];
        table.row(vec![
            class.to_string().as_str().into(),
            row.customers.into(),
            (row.users as usize).into(),
            results.products.names[row.product as usize].as_str().into(),
            row.weight.into(),
            (row.holders as usize).into(),
            row.pushed.into(),
            row.total.into(),
        ])?;
    }
    body.table(table);
    Ok(())
}

fn draws(body: &mut Body, results: &Results) -> Result<(), ReportError> {
    let Some(first) = results.draws.first() else { return Ok(()) };
    let chart = LineChart::new("Largest sum of distances by draw", "draw", "largest sum", XLabels::From(1));
    if first.course.len() > 1 {
        body.figure(chart.series("first round", 0, &first.course).render()?, "The least one is kept.");
    }
    if results.draws.len() > 1 {
        let kept: Vec<f64> = results.draws.iter().map(|draws| draws.course[draws.kept]).collect();
        let chart = LineChart::new("Largest sum of distances by round", "round", "largest sum", XLabels::From(1));
        body.figure(chart.series("of the draw that was kept", 0, &kept).render()?, "Of the draw that each round kept.");
    }
    let rounds = results.draws.len();
    let reached = results.draws.iter().filter(|draws| draws.reached).count();
    let text = if results.threshold.is_none() {
        format!(
            "The job names no threshold: in {}, the draw whose largest sum is least is kept.",
            counted(rounds, "round")
        )
    } else if reached == rounds {
        format!("Every centre's sum is below the threshold, in {} of {}.", counted(reached, "round"), count(rounds))
    } else {
        format!(
            "Every centre's sum is below the threshold in {} of {}; in the others the best of all draws is used.",
            count(reached),
            counted(rounds, "round")
        )
    };
    body.paragraph(&text);
    let totals: Vec<f64> = first.totals.clone();
    let largest = totals.iter().copied().fold(0.0, f64::max);
    let mean = totals.iter().sum::<f64>() / totals.len().max(1) as f64;
    body.paragraph(&format!(
        "First round: the largest sum is {}, the mean {}, over {}.",
        short(largest),
        short(mean),
        counted(totals.len(), "centre")
    ));
    Ok(())
}

fn features(body: &mut Body, results: &Results) -> Result<(), ReportError> {
    let course = &results.course;
    if course.judges == 0 {
        body.paragraph("The standardised attributes are the features.");
        return Ok(());
    }
    let judged = format!("on {} that took no part in training", counted(course.judges, "customer"));
    if course.similarity.is_empty() {
        body.paragraph(&format!(
            "Features are principal components; what they give back is like the attributes by {} (Pearson) {judged}.",
            fixed(course.pca, 3)
        ));
        return Ok(());
    }
    let chart = LineChart::new("Pearson similarity by round", "rounds of training", "similarity", XLabels::From(0));
    let chart = chart.series("network", 0, &course.similarity).reference(course.pca, "components");
    body.figure(chart.render()?, &format!("Between what the network gives back and the attributes, {judged}."));
    let end = if course.reached {
        "It is as near as the job asks for"
    } else {
        "It did not come as near as the job asks for"
    };
    let kept = if course.behind {
        "the network fell behind the principal components, so that these are used"
    } else {
        "the best round's network is used"
    };
    body.paragraph(&format!(
        "{end}: {} (principal components: {}); {kept}.",
        fixed(course.kept, 3),
        fixed(course.pca, 3)
    ));
    Ok(())
}

fn cleaning(body: &mut Body, results: &Results) -> Result<(), ReportError> {
    for (name, share) in suspicious(results) {
        body.note(
            NoteKind::Warning,
            &format!(
                "Column {name}: {} of the values lie outside the normal interval. log1p, or another rule, may suit it better.",
                percent(share, 0)
            ),
        );
    }
    let columns = vec![
        Column::text("column"),
        Column::text("rule"),
        Column::number("from", 2),
        Column::number("to", 2),
        Column::number("replaced by", 2),
        Column::integer("replaced").with_bar(),
        Column::percent("share", 1),
        Column::integer("missing"),
    ];
    let mut table = Table::new("What was replaced, by column", columns);
    let counts = results.totals.replaced.clone();
    let mut instead = vec![];
    for (column, (anomalies, missing)) in results.columns.iter().zip(counts) {
        let (rule, bounds, mean) = match column {
            ColumnPrep::Number { cleaner, name } => {
                instead.extend(
                    cleaner.instead.as_ref().map(|why| format!("{name}: {} speaks, since {why}", rule(cleaner.rule))),
                );
                let log = if cleaner.log1p { " of log1p" } else { "" };
                let plain = |v: Option<f64>| v.map(|v| cleaner.plain(v));
                (
                    format!("{}{log}", rule(cleaner.rule)),
                    (plain(cleaner.low), plain(cleaner.high)),
                    Some(cleaner.plain(cleaner.mean)),
                )
            }
            ColumnPrep::OneHot { levels, .. } => (format!("one-hot, {}", count(levels.len())), (None, None), None),
            ColumnPrep::Ordinal { levels, .. } => (format!("ordinal, {}", count(levels.len())), (None, None), None),
        };
        table.row(vec![
            column.name().into(),
            rule.as_str().into(),
            bounds.0.into(),
            bounds.1.into(),
            mean.into(),
            anomalies.into(),
            (anomalies as f64 / results.customers.max(1) as f64).into(),
            missing.into(),
        ])?;
    }
    body.table(table);
    if !instead.is_empty() {
        body.paragraph(&format!("Where the rule that was asked for could not speak: {}.", instead.join(". ")));
    }
    largest(body, results)
}

const fn rule(rule: CleanRule) -> &'static str {
    match rule {
        CleanRule::Median => "median",
        CleanRule::Mad => "median absolute deviation",
        CleanRule::Iqr => "quartiles",
        CleanRule::None => "no rule",
    }
}

/// The replacements that changed most, by how many times the old value is the new one.
fn largest(body: &mut Body, results: &Results) -> Result<(), ReportError> {
    if results.totals.anomalies.is_empty() {
        return Ok(());
    }
    let columns = vec![
        Column::text(&results.id),
        Column::text("column"),
        Column::number("value", 2),
        Column::number("replaced by", 2),
        Column::number("times as large", 0),
    ];
    let mut table = Table::new("The largest anomalies", columns);
    for anomaly in &results.totals.anomalies {
        table.row(vec![
            anomaly.id.as_str().into(),
            results.columns[anomaly.column].name().into(),
            anomaly.old.into(),
            anomaly.new.into(),
            anomaly.times().into(),
        ])?;
    }
    body.table(table);
    Ok(())
}
