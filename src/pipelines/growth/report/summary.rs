//! The first thing that a reader sees: key figures, and what they mean.

use super::super::results::Results;
use super::{RunFacts, in_words, of_part, wanted, words};
use crate::report::number::{count, counted, duration, percent};
use crate::report::{Body, Card, NoteKind};

pub(super) fn write(body: &mut Body, results: &Results, facts: RunFacts<'_>) {
    body.cards(cards(results, facts));
    body.heading("What this means");
    for text in words::meaning(results) {
        body.paragraph(&text);
    }
    if results.borrowed > 0 {
        let clusters = match results.empty {
            0 => "no cluster was empty".to_owned(),
            1 => "1 of the clusters was empty".to_owned(),
            n => format!("{} of the clusters were empty", count(n)),
        };
        let text = format!(
            "For {} the own cluster held fewer history products than the job wants as sales references, so the nearest \
             others were borrowed; {clusters}.",
            counted(results.borrowed, "growth product")
        );
        body.note(NoteKind::Note, &text);
    }
}

fn cards(results: &Results, facts: RunFacts<'_>) -> Vec<Card> {
    let part = wanted(results);
    let (all, called) = of_part(results, part).fold((0, 0), |(n, y), p| (n + 1, y + usize::from(p.predicted)));
    let c = &results.classifier;
    let (growth, steady) = words::classes(c);
    let said = c.confusion.true_positive + c.confusion.false_positive;
    let mut cards = vec![
        Card::new("Growth products found", count(called), &format!("of {} {} products", count(all), in_words(part))),
        Card::new(
            "Ranking of held-out products (ROC-AUC)",
            words::score(c.roc_auc),
            &format!("base level only: {}; a coin: 0.500", words::score(c.base_roc_auc)),
        ),
        Card::new(
            "Called growth that did grow",
            if said > 0 { percent(c.confusion.precision(), 0) } else { "–".to_owned() },
            &format!("drawn blindly: {}", percent(growth as f64 / (growth + steady).max(1) as f64, 0)),
        ),
    ];
    if let Some(networks) = results.methods.first() {
        let others: Vec<String> =
            results.methods[1..].iter().map(|m| format!("{}: {}", m.method, words::score(m.scores.f1))).collect();
        cards.push(Card::new("Growth points (F1)", words::score(networks.scores.f1), &others.join("; ")));
    }
    let seconds: f64 = facts.timings.iter().map(|(_, s)| s).sum();
    cards.push(Card::new("Time", duration(seconds), &results.device));
    cards
}
