//! The report of an intent run (E20).

use serde_json::json;

use super::evaluate::{Evaluation, TreeFigures};
use super::measure::{Difference, FIGURES, Ranked};
use super::network::TOKENS;
use super::replies::ReplyCounts;
use super::run::{Course, Results};
use super::settings::{Consent, Level};
use super::speak::Spoken;
use super::trees::pair_name;
use crate::pipelines::tabular::RunFacts;
use crate::report::chart::{BarChart, HeatMap, TrainingCurves};
use crate::report::number::{count, counted, fixed, percent};
use crate::report::{Body, Card, Cell, Column, NoteKind, Report, ReportError, Table};
use crate::run::Outcome;

/// The way of ranking that answers.
const MODEL: &str = "three towers with attention and the prior";

/// Lines of a tree that the report shows.
const LINES: usize = 40;

/// Products with a bar.
const BARS: usize = 12;

/// Builds the report.
///
/// # Errors
/// A number that cannot be drawn.
pub(super) fn build(results: &Results<'_>, facts: &RunFacts) -> Result<Report, ReportError> {
    let subtitle = format!(
        "{} of {}, {}, seed {}",
        counted(results.loaded.events.len(), "event"),
        counted(results.loaded.users.len(), "user"),
        counted(results.loaded.products.len(), "product"),
        facts.seed
    );
    let mut report = Report::new(&format!("Intents: {}", facts.job), &subtitle);
    summary(report.section("Summary", "summary")?, results);
    quality(report.section("How good it is", "quality")?, &results.evaluation)?;
    associations(report.section("What is associated with what", "associations")?, results)?;
    trees(report.section("Three trees, three intents", "trees")?, results)?;
    night(report.section("The users", "users")?, results)?;
    if let Some(spoken) = &results.night.spoken {
        speaking(report.section("How to speak with them", "speaking")?, results, spoken)?;
    }
    if let Some(counts) = &results.night.replies {
        replies(report.section("What they replied", "replies")?, counts)?;
    }
    training(report.section("How it was trained", "training")?, results)?;
    report.section("What ran where, and how long", "run")?.timings(&facts.steps)?;
    report.footer(&format!("Job {}, seed {}, on {}.", facts.job, facts.seed, facts.device));
    Ok(report)
}

fn figure(evaluation: &Evaluation, figure: &str) -> f64 {
    evaluation.figure(MODEL, figure).unwrap_or(0.0)
}

fn summary(body: &mut Body, results: &Results<'_>) {
    let evaluation = &results.evaluation;
    let prior = |name: &str| evaluation.figure("smoothed prior", name).unwrap_or(0.0);
    let beside = |name: &str| format!("the smoothed prior alone: {}", percent(prior(name), 1));
    let any = evaluation.trees.first().map_or(0.0, |trees| trees.any);
    body.cards(vec![
        Card::new("Next product first", percent(figure(evaluation, "hit@1"), 1), &beside("hit@1")),
        Card::new("Among the first three", percent(figure(evaluation, "hit@3"), 1), &beside("hit@3")),
        Card::new("Any of the three intents", percent(any, 1), "as the trees name them"),
        Card::new(
            "Users answered",
            count(results.night.users),
            &format!("{} without consent left out", count(results.loaded.users.without_consent)),
        ),
    ]);
    let users = &results.settings.users;
    if !users.note.is_empty() {
        body.note(NoteKind::Note, &users.note);
    }
    if let Consent::Assumed(reason) = &users.consent {
        body.note(NoteKind::Note, &format!("Consent is assumed for all users: {reason}"));
    }
    body.paragraph(&format!(
        "Figures are of each user's last events ({}), which took no part in any training or choice. The prior counts what a \
         user had before; the network adds to it what histories, usage and attributes together say.",
        counted(evaluation.rows, "event")
    ));
}

fn ranked_table(caption: &str, list: &[Ranked]) -> Result<Table, ReportError> {
    let mut columns = vec![Column::text("ranked by")];
    columns.extend(FIGURES.map(Column::text));
    let mut table = Table::new(caption, columns);
    for ranked in list {
        let mut cells = vec![Cell::from(ranked.name.as_str())];
        for i in 0..FIGURES.len() {
            let own = fixed(ranked.figures[i], 4);
            let text = ranked.deviation.map_or_else(|| own.clone(), |d| format!("{own} ± {}", fixed(d[i], 4)));
            cells.push(Cell::from(text));
        }
        table.row(cells)?;
    }
    Ok(table)
}

fn differences_table(list: &[&Difference]) -> Result<Table, ReportError> {
    let mut columns = vec![Column::text("model less")];
    columns.extend(FIGURES.map(Column::text));
    let mut table = Table::new("Differences, with intervals of 95% by drawing users", columns);
    for difference in list {
        let mut cells = vec![Cell::from(difference.less.as_str())];
        for i in 0..FIGURES.len() {
            let [mean, low, high] = [difference.mean[i], difference.low[i], difference.high[i]].map(|v| fixed(v, 4));
            cells.push(Cell::from(format!("{mean} ({low} to {high})")));
        }
        table.row(cells)?;
    }
    Ok(table)
}

fn quality(body: &mut Body, evaluation: &Evaluation) -> Result<(), ReportError> {
    let caption = format!(
        "{} of {}; ± is the deviation over networks of other seeds",
        counted(evaluation.rows, "last event"),
        counted(evaluation.users, "user")
    );
    body.table(ranked_table(&caption, &evaluation.ranked)?.emphasise_row(0));
    body.table(differences_table(&evaluation.differences.iter().collect::<Vec<_>>())?);
    if let Some(held) = &evaluation.held {
        body.heading("Users that training has never seen");
        let caption = format!(
            "{} of {}, of whom no event trained these networks; popularity and the prior's constants come from the others and \
             from the past",
            counted(held.rows, "last event"),
            counted(held.users, "user")
        );
        body.table(ranked_table(&caption, &held.ranked)?.emphasise_row(0));
        body.table(differences_table(&[&held.difference])?);
    }
    body.heading("By product");
    let columns = ["model", "logistic regression", "prior", "most popular"].map(|name| Column::percent(name, 1));
    let columns = [Column::text("product"), Column::integer("events")].into_iter().chain(columns).collect();
    let mut table = Table::new("Share of a product's events for which it was among the first three", columns);
    for product in &evaluation.products {
        let mut cells = vec![Cell::from(product.name.as_str()), Cell::from(product.rows)];
        cells.extend(product.hit3.map(Cell::Number));
        table.row(cells)?;
    }
    body.table(table);
    Ok(())
}

fn associations(body: &mut Body, results: &Results<'_>) -> Result<(), ReportError> {
    body.paragraph(
        "Each row of a map says how one token's attention in the last block is shared among the three; rows add up to 1. An \
         association parameter of two tokens is the pair of weights from one to the other and back, head by head, and what they \
         carry: the values of each, weighed by the other's attention.",
    );
    let maps = results.evaluation.attention.iter().enumerate().map(|(head, weights)| {
        let values: Vec<Vec<f64>> = weights.iter().map(|row| row.to_vec()).collect();
        let map = HeatMap::new(&format!("Attention, head {}", head + 1), "mean weight", &TOKENS, &TOKENS, &values);
        map.render()
    });
    for map in maps.collect::<Result<Vec<_>, ReportError>>()? {
        body.figure(map, "from the row's token to the column's");
    }
    Ok(())
}

fn trees(body: &mut Body, results: &Results<'_>) -> Result<(), ReportError> {
    let share = |name: &str| Column::percent(name, 1);
    let columns = vec![
        Column::text("network"),
        share("first tree"),
        share("second tree"),
        share("third tree"),
        share("any of three"),
        share("the network's first three"),
        share("first read-out"),
        share("second"),
        share("third"),
    ];
    let mut table = Table::new("How often the product that came was named", columns);
    let row = |figures: &TreeFigures| {
        let mut cells = vec![Cell::from(figures.network.as_str())];
        let numbers = figures.each.into_iter().chain([figures.any, figures.network_hit3]).chain(figures.read_outs);
        cells.extend(numbers.map(Cell::Number));
        cells
    };
    for figures in &results.evaluation.trees {
        table.row(row(figures))?;
    }
    body.table(table);
    body.note(
        NoteKind::Note,
        "Most of what the first row reaches is counting: the prior stands in every read-out. The second row is the same without \
         it, and is what the associations of history, usage and user carry by themselves. The second tree may not name the first \
         one's product, the third neither of theirs, so that the second and third can only find what is left.",
    );
    for pair in 0..3 {
        let text = results.trees.text(pair);
        let lines: Vec<&str> = text.lines().collect();
        let mut shown = lines[..lines.len().min(LINES)].join("\n");
        if lines.len() > LINES {
            shown = format!("{shown}\n… {} more lines in tables/tree_{}.txt", lines.len() - LINES, pair + 1);
        }
        let mut own = Body::new();
        own.preformatted(&shown);
        body.details(
            &format!(
                "The tree of {}: {}",
                pair_name(pair),
                format_args!("{} leaves", results.trees.list[pair].leaves())
            ),
            own,
        );
    }
    Ok(())
}

fn night(body: &mut Body, results: &Results<'_>) -> Result<(), ReportError> {
    let night = &results.night;
    let mut levels = BarChart::new("Levels", "users");
    for level in Level::ALL {
        levels = levels.bar(level.name(), night.levels.get(&level).copied().unwrap_or(0) as f64);
    }
    body.figure(levels.render()?, "by the job's rules");
    let mut list: Vec<(u32, usize)> = night.first.iter().map(|(product, count)| (*product, *count)).collect();
    list.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    let mut products = BarChart::new("First intents", "users");
    for (product, count) in list.iter().take(BARS) {
        products = products.bar(&results.loaded.products[*product as usize].name, *count as f64);
    }
    body.figure(products.render()?, &format!("{} are the first intent of somebody", counted(list.len(), "product")));
    body.paragraph(&format!(
        "{} without any event: their intents follow from popularity, usage and attributes alone.",
        counted(night.without_history, "user")
    ));
    Ok(())
}

fn speaking(body: &mut Body, results: &Results<'_>, spoken: &Spoken) -> Result<(), ReportError> {
    let (by, greetings) = (&spoken.by, &spoken.greetings);
    let own = greetings.exact + greetings.base + greetings.default;
    body.cards(vec![
        Card::new("Type from the table", count(by.look_up as usize), "users whose type is known or matches the table"),
        Card::new("Type from the network", count(by.network as usize), &format!("nobody knows: {}", by.nobody)),
        Card::new("Users greeted", count(own as usize), &format!("no greeting fits: {}", greetings.none)),
        Card::new(
            "In the default language",
            count(greetings.default as usize),
            &format!(
                "in the language of a dialect: {}; rows passed over for want of a price or colour: {}",
                greetings.base, greetings.passed_over
            ),
        ),
    ]);
    let bars = |title: &str, list: &std::collections::BTreeMap<String, u64>| {
        let mut chart = BarChart::new(title, "users");
        for (name, count) in list {
            chart = chart.bar(if name.is_empty() { "(none)" } else { name }, *count as f64);
        }
        chart.render()
    };
    body.figure(bars("Personality types", &spoken.kinds)?, "of the users who agreed");
    body.figure(bars("Ways of speaking", &spoken.communications)?, "by the communication table");
    if let Some(net) = &spoken.network {
        body.paragraph(&format!(
            "The network learned types from {}, stopped by {} and is judged on {} that it never saw: accuracy {}, mean F1 {}; \
             always saying the most frequent type: accuracy {}.",
            counted(net.users[0], "user"),
            net.users[1],
            net.users[2],
            percent(net.accuracy, 1),
            fixed(net.macro_f1, 3),
            percent(net.most_frequent, 1)
        ));
    }
    if results.settings.cards.is_some() {
        let [bytes, most] = results.night.card_bytes;
        let each = bytes / results.night.cards.max(1);
        body.paragraph(&format!(
            "{} written, {} bytes each, at most {}. Any other is made on demand: nightloom card USER --run RUN.",
            counted(results.night.cards, "card"),
            count(each),
            count(most)
        ));
    }
    Ok(())
}

fn replies(body: &mut Body, counts: &ReplyCounts) -> Result<(), ReportError> {
    let of = |name: &str| count(counts.decisions.get(name).copied().unwrap_or(0));
    body.cards(vec![
        Card::new("Replies read", count(counts.replies), &format!("{} of other users left out", counts.of_others)),
        Card::new(
            "Handed over",
            of("hand_over"),
            &format!("{} with intents computed again", counted(counts.recomputed, "user")),
        ),
        Card::new("With a purchase link", of("link"), "a deal rate above its threshold"),
        Card::new("Answered", of("answer"), &format!("without any word: {}", of("silence"))),
    ]);
    let mut chart = BarChart::new("Emotions", "replies");
    for (name, number) in &counts.emotions {
        chart = chart.bar(name, *number as f64);
    }
    let by = if counts.by_model {
        "by the text model, which was trained on the replies whose rating is known"
    } else {
        "by word lists"
    };
    body.figure(chart.render()?, by);
    if let Some(judged) = &counts.emotion {
        body.paragraph(&format!(
            "The text model learned from {} replies and was judged on {} of users that it had not seen: accuracy {}, mean F1 {}; \
             always saying the most frequent emotion: accuracy {}. Then it learned from all of them.",
            count(judged.replies[0]),
            count(judged.replies[1]),
            percent(judged.accuracy, 1),
            fixed(judged.macro_f1, 3),
            percent(judged.most_frequent, 1)
        ));
    } else if counts.by_model {
        body.paragraph("Too few replies have a known emotion to set some aside and judge the text model.");
    }
    if counts.language_fell_back > 0 {
        body.paragraph(&format!(
            "{} replies decided no language by their script and were answered in the default one.",
            count(counts.language_fell_back)
        ));
    }
    Ok(())
}

fn training(body: &mut Body, results: &Results<'_>) -> Result<(), ReportError> {
    let [early, inner, test] = results.rows;
    body.paragraph(&format!(
        "Each user's events are cut by time: {} train what is tried, {} choose the prior and grow the trees, {} judge. The \
         final networks train on the first two parts. The prior has a half-life of {} events and popularity weighs {} events.",
        counted(early, "event"),
        counted(inner, "event"),
        counted(test, "event"),
        results.prior.half_life,
        results.prior.strength
    ));
    let list: [(&str, &Course); 3] = [
        ("With the prior", &results.full),
        ("Without the prior", &results.without),
        ("Logistic regression", &results.logistic),
    ];
    for (name, course) in list {
        let (train, inner): (Vec<f64>, Vec<f64>) = course.iter().copied().unzip();
        let curves = TrainingCurves::new(name, &train, &inner);
        body.figure(
            curves.render()?,
            "mean losses of the networks: in training with dropout and with the read-outs' own losses, on the inner time split without",
        );
    }
    Ok(())
}

/// The run's key figures.
pub(super) fn outcome(results: &Results<'_>) -> Outcome {
    let evaluation = &results.evaluation;
    let any = evaluation.trees.first().map_or(0.0, |trees| trees.any);
    let mut headline: Vec<(String, f64)> =
        FIGURES.iter().map(|name| ((*name).to_owned(), figure(evaluation, name))).collect();
    headline.push(("any of three intents".to_owned(), any));
    let details = json!({
        "users": results.night.users,
        "without_consent": results.loaded.users.without_consent,
        "without_history": results.night.without_history,
        "events": results.loaded.events.len(),
        "spoken": results.night.spoken,
        "replies": results.night.replies,
        "cards": results.night.cards,
        "evaluation": evaluation,
        "prior": { "half_life": results.prior.half_life, "strength": results.prior.strength },
    });
    Outcome { headline, details, failed: vec![] }
}
