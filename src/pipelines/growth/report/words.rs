//! Sentences that follow from the numbers. Whether something is ahead is judged on the figures as they are printed,
//! with three decimals, so that no sentence contradicts the table beside it.

use std::cmp::Ordering;

use super::super::results::{ClassifierResult, MethodScores, Part, Results};
use super::{of_part, wanted};
use crate::report::number::{self, counted, fixed, percent};
use crate::train::metrics::roc_auc_error;

/// A lead in F1 below this is called a small one.
const JUST: f64 = 0.02;

/// A score with three decimals.
pub(super) fn score(value: f64) -> String {
    fixed(value, 3)
}

/// A number of epochs that may be a mean.
pub(super) fn epochs(value: f64) -> String {
    let text = number::short(value);
    if text == "1" { "1 epoch".to_owned() } else { format!("{text} epochs") }
}

/// How `ours` stands to `theirs` in print.
pub(super) fn compare(ours: f64, theirs: f64) -> Ordering {
    let thousandths = |v: f64| (v * 1000.0).round() as i64;
    thousandths(ours).cmp(&thousandths(theirs))
}

/// Growth and steady products among the held-out ones.
pub(super) fn classes(c: &ClassifierResult) -> (usize, usize) {
    let counts = &c.confusion;
    (counts.true_positive + counts.false_negative, counts.false_positive + counts.true_negative)
}

/// The interval that holds the area with about 95% confidence.
pub(super) fn interval(c: &ClassifierResult) -> Option<(f64, f64)> {
    let (growth, steady) = classes(c);
    let half = 1.96 * roc_auc_error(c.roc_auc, growth, steady)?;
    Some(((c.roc_auc - half).max(0.0), (c.roc_auc + half).min(1.0)))
}

/// What the results mean, in a few plain sentences each.
pub(super) fn meaning(results: &Results) -> Vec<String> {
    let mut said = vec![found(results), calls(&results.classifier), against_base(&results.classifier)];
    said.extend(points(results));
    said
}

fn found(results: &Results) -> String {
    let part = wanted(results);
    let (all, called) = of_part(results, part).fold((0, 0), |(n, y), p| (n + 1, y + usize::from(p.predicted)));
    let who = if part == Part::Current {
        format!("Of {} current products", number::count(all))
    } else {
        format!(
            "There is no file of current products, so the {} held-out products play them. Of these",
            number::count(all)
        )
    };
    let early = counted(results.early_steps, "early step");
    match called {
        0 => format!(
            "{who}, none reaches the probability of {} from which a product is called growth: there is nothing to \
             promote.",
            score(results.classifier.cut)
        ),
        _ => format!(
            "{who}, {} called growth by their first {early}. For each of them the report says at which steps to \
             promote it.",
            if called == 1 { "1 is".to_owned() } else { format!("{} are", number::count(called)) }
        ),
    }
}

fn calls(c: &ClassifierResult) -> String {
    let counts = &c.confusion;
    let (called, (growth, steady)) = (counts.true_positive + counts.false_positive, classes(c));
    if called == 0 {
        return format!(
            "Among {} held-out products, {} of which grew, the classifier calls none growth: it misses all of them.",
            number::count(growth + steady),
            number::count(growth)
        );
    }
    let blind = growth as f64 / (growth + steady).max(1) as f64;
    let verdict = match compare(counts.precision(), blind) {
        Ordering::Greater => "",
        Ordering::Equal => " It does no better than chance here.",
        Ordering::Less => " It does worse than chance here: do not use its list.",
    };
    format!(
        "How far can the list be trusted? On held-out products, whose whole cycle is known, {} of the {} that were \
         called growth did grow ({}); as many drawn blindly would have held {}. {} of the {} that grew were \
         missed.{verdict}",
        number::count(counts.true_positive),
        number::count(called),
        percent(counts.precision(), 0),
        percent(blind, 0),
        number::count(counts.false_negative),
        number::count(growth),
    )
}

fn against_base(c: &ClassifierResult) -> String {
    let figures = format!("ROC-AUC {} against {}", score(c.roc_auc), score(c.base_roc_auc));
    let rule = format!("the size of a product's early sales alone (\u{201c}{}\u{201d})", c.base_direction);
    match compare(c.roc_auc, c.base_roc_auc) {
        Ordering::Greater if interval(c).is_some_and(|(low, _)| low > c.base_roc_auc) => {
            format!("The classifier puts growth products ahead of steady ones better than {rule} does: {figures}.")
        }
        Ordering::Greater => format!(
            "The classifier puts growth products ahead of steady ones better than {rule} does: {figures}. With so few \
             held-out products chance could account for that lead."
        ),
        Ordering::Equal => format!(
            "The classifier is no better than {rule}: {figures}. The simple rule would give a list that is as good."
        ),
        Ordering::Less => format!(
            "The classifier does not beat {rule}: {figures}. The simple rule would give a better list; do not rely on \
             this one before that has changed."
        ),
    }
}

/// The baseline with the highest F1.
pub(super) fn best_baseline(methods: &[MethodScores]) -> Option<&MethodScores> {
    // The first of equals: `max_by` would take the last.
    methods.iter().skip(1).rev().max_by(|a, b| a.scores.f1.total_cmp(&b.scores.f1))
}

fn points(results: &Results) -> Option<String> {
    let networks = results.methods.first()?;
    let s = &networks.scores;
    if s.located == 0 {
        return Some("No growth points were located on held-out products, so their quality is not known.".to_owned());
    }
    let mut text = format!(
        "When to promote: on held-out products that were called growth, {} of the located steps were steps of raised \
         sales, and {} of all such steps were located. Located and true steps lie {} apart on average.",
        percent(s.precision, 0),
        percent(s.recall, 0),
        steps(s.timing_error_steps),
    );
    if let Some(base) = best_baseline(&results.methods) {
        let figures = format!("F1 {} against {}", score(s.f1), score(base.scores.f1));
        let verdict = match compare(s.f1, base.scores.f1) {
            Ordering::Greater if s.f1 - base.scores.f1 < JUST => {
                format!(" That is only just ahead of the best simple method ({}): {figures}.", base.method)
            }
            Ordering::Greater => format!(" That is ahead of the best simple method ({}): {figures}.", base.method),
            Ordering::Equal => {
                format!(" That is no better than the best simple method ({}): {figures}.", base.method)
            }
            Ordering::Less => format!(
                " That does not beat the best simple method ({}): {figures}. Its steps would have been the \
                 better ones.",
                base.method
            ),
        };
        text.push_str(&verdict);
    }
    Some(text)
}

/// A mean number of steps.
pub(super) fn steps(value: f64) -> String {
    let text = fixed(value, 1);
    if text == "1.0" { "1.0 step".to_owned() } else { format!("{text} steps") }
}

#[cfg(test)]
mod tests {
    use super::super::made_up::{Shape, results};
    use super::*;

    fn all(results: &Results) -> String {
        meaning(results).join("\n")
    }

    #[test]
    fn g3_a_classifier_that_loses_to_the_base_level_is_said_to_lose() {
        let mut found = results(&Shape::default());
        (found.classifier.roc_auc, found.classifier.base_roc_auc) = (0.7, 0.750_4);
        assert!(all(&found).contains("does not beat the size of a product's early sales alone"));
        assert!(all(&found).contains("ROC-AUC 0.700 against 0.750."));
        found.classifier.roc_auc = 0.749_9;
        assert!(all(&found).contains("is no better than the size"), "equal in print is equal in words");
        found.classifier.roc_auc = 0.76;
        assert!(all(&found).contains("chance could account for that lead"));
        found.classifier.roc_auc = 0.95;
        let text = all(&found);
        assert!(text.contains("better than the size of") && !text.contains("chance could"), "{text}");
    }

    #[test]
    fn g7_growth_points_that_lose_to_a_baseline_are_said_to_lose() {
        let mut found = results(&Shape::default());
        let f1 = |found: &mut Results, values: [f64; 3]| {
            found.methods.iter_mut().zip(values).for_each(|(m, f1)| m.scores.f1 = f1);
        };
        f1(&mut found, [0.5, 0.4, 0.6]);
        let name = found.methods[2].method.clone();
        assert!(
            all(&found).contains(&format!("does not beat the best simple method ({name}): F1 0.500 against 0.600"))
        );
        f1(&mut found, [0.6, 0.4, 0.6]);
        assert!(all(&found).contains("no better than the best simple method"));
        let name = found.methods[1].method.clone();
        f1(&mut found, [0.61, 0.6, 0.6]);
        assert!(all(&found).contains(&format!("only just ahead of the best simple method ({name}): F1 0.610 against")));
        f1(&mut found, [0.63, 0.6, 0.6]);
        assert!(all(&found).contains(&format!("That is ahead of the best simple method ({name}): F1 0.630 against")));
    }

    #[test]
    fn g4_no_growth_product_is_said_plainly() {
        let found = results(&Shape { growth: 0, ..Shape::default() });
        let text = all(&found);
        assert!(text.contains("there is nothing to promote") && text.contains("it misses all of them"), "{text}");
    }

    #[test]
    fn g3_worse_than_chance_is_said() {
        let mut found = results(&Shape::default());
        let counts = &mut found.classifier.confusion;
        (counts.true_positive, counts.false_positive) = (1, 20);
        (counts.false_negative, counts.true_negative) = (20, 40);
        assert!(all(&found).contains("worse than chance here: do not use its list"));
    }
}
