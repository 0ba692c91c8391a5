//! What can be wrong with the job file alone.

use std::collections::HashSet;

use super::settings::{ColumnGroup, HoldingTable, Kind, Settings};
use crate::ops::distance::CENTRES_MAX;
use crate::pipelines::train::settings::RawColumns;
use crate::prep::CleanRule;
use crate::recommend::Hide;
use crate::spec::Issues;

pub(super) fn settings(issues: &mut Issues, settings: &Settings) {
    columns(issues, settings);
    holdings(issues, &settings.holdings);
    features(issues, settings);
    classes(issues, settings);
    push(issues, settings);
    choose(issues, settings);
    evaluation(issues, settings);
    stream(issues, settings);
}

/// The names, or an issue.
fn names(issues: &mut Issues, key: &str, columns: Option<&RawColumns>) -> Vec<String> {
    match columns.map(RawColumns::names).transpose() {
        Ok(names) => names.unwrap_or_default(),
        Err(error) => {
            issues.push(key, error.to_string());
            vec![]
        }
    }
}

fn columns(issues: &mut Issues, settings: &Settings) {
    let customers = &settings.customers;
    let mut seen: HashSet<String> = customers.id.iter().cloned().collect();
    let own = [
        ("customers.ignore".to_owned(), customers.ignore.as_ref()),
        ("holdings.wide".to_owned(), settings.holdings.wide.as_ref()),
    ];
    let groups = customers.columns.iter().enumerate();
    let groups = groups.map(|(i, group)| (format!("customers.columns[{i}].names"), Some(&group.names)));
    for (key, columns) in own.into_iter().chain(groups) {
        for name in names(issues, &key, columns) {
            issues.require(!name.is_empty() && !seen.contains(&name), &key, || {
                format!("expected each column with one part to play, got `{name}` again")
            });
            seen.insert(name);
        }
    }
    for (i, group) in customers.columns.iter().enumerate() {
        column(issues, &format!("customers.columns[{i}]"), group);
    }
    issues.require(customers.id.as_ref().is_none_or(|id| !id.is_empty()), "customers.id", || {
        "expected a column, got an empty name".to_owned()
    });
}

fn column(issues: &mut Issues, key: &str, group: &ColumnGroup) {
    let number = group.kind == Kind::Number;
    let order = &group.order;
    issues.require((group.kind == Kind::Ordinal) != order.is_empty(), &format!("{key}.order"), || {
        "expected an order for `ordinal` columns and only for those".to_owned()
    });
    let distinct: HashSet<&String> = order.iter().collect();
    issues.require(distinct.len() == order.len(), &format!("{key}.order"), || "expected each category once".to_owned());
    let ok = group.m.is_finite() && group.m > 0.0 && group.n.is_finite() && group.n > group.m;
    issues.require(ok, &format!("{key}.n"), || format!("expected n above m above 0, got {} and {}", group.n, group.m));
    issues.require(number || (!group.log1p && group.rule == CleanRule::Median), key, || {
        "expected `rule` and `log1p` on columns of numbers only".to_owned()
    });
    issues.require(number || !matches!(group.counts, Some(super::settings::Counts::Holdings)), key, || {
        "expected `counts` of holdings on columns of numbers only".to_owned()
    });
}

fn holdings(issues: &mut Issues, table: &HoldingTable) {
    let long = [("customer", &table.customer), ("product", &table.product)];
    if table.wide.is_some() {
        let none = table.source.is_none() && table.strength.is_none() && long.iter().all(|(_, name)| name.is_none());
        issues.require(none, "holdings.wide", || "expected either `wide` or a table of pairs, got both".to_owned());
        return;
    }
    issues.require(table.source.is_some(), "holdings", || {
        "expected a `source` with a row a pair, or columns `wide` of the customers' table".to_owned()
    });
    for (key, name) in long {
        issues.require(name.as_ref().is_some_and(|name| !name.is_empty()), &format!("holdings.{key}"), || {
            "expected the name of a column of the pairs' table".to_owned()
        });
    }
}

fn features(issues: &mut Issues, settings: &Settings) {
    let features = &settings.features;
    issues.in_range("features.dimensions", features.dimensions, 1..=1024);
    issues.in_range("features.rounds_max", features.rounds_max, 1..=10_000);
    issues.in_range("features.epochs", features.epochs, 1..=1000);
    issues.in_range("features.draw", features.draw, 8..=1 << 20);
    issues.in_range("features.batch", features.batch, 8..=1 << 16);
    issues.in_range("features.patience", features.patience, 1..=10_000);
    issues.require(features.error > 0.0 && features.error < 1.0, "features.error", || {
        format!("expected above 0 and below 1, got {}", features.error)
    });
    issues.require(features.rate.is_finite() && features.rate > 0.0, "features.rate", || {
        format!("expected above 0, got {}", features.rate)
    });
}

fn classes(issues: &mut Issues, settings: &Settings) {
    let classes = &settings.classes;
    issues.in_range("classes.count", classes.count, 1..=CENTRES_MAX);
    issues.in_range("classes.max_rounds", classes.max_rounds, 1..=100_000);
    issues.in_range("classes.holdings_dimensions", classes.holdings_dimensions, 1..=1024);
    if let Some(sample) = classes.sample {
        issues.require(sample > classes.count, "classes.sample", || {
            format!("expected more than the {} centres, got {sample}", classes.count)
        });
    }
    if let Some(threshold) = classes.distance_threshold {
        issues.require(threshold.is_finite() && threshold > 0.0, "classes.distance_threshold", || {
            format!("expected above 0, got {threshold}")
        });
    }
}

fn at_least_0(issues: &mut Issues, key: &str, value: f64) {
    issues.require(value.is_finite() && value >= 0.0, key, || format!("expected at least 0, got {value}"));
}

fn push(issues: &mut Issues, settings: &Settings) {
    let push = &settings.push;
    at_least_0(issues, "push.shrink", push.shrink);
    issues.in_range("push.rounds", push.rounds, 1..=10_000);
    issues.in_range("push.top_k", push.top_k, 1..=10_000);
    issues.in_range("push.weight_min", push.weight_min, 0.0..=1.0);
    issues.in_range("push.class_size_min", push.class_size_min, 1..);
    issues.require(push.cap != Some(0), "push.cap", || "expected at least 1, got 0".to_owned());
}

fn share(issues: &mut Issues, key: &str, hide: Hide) {
    if let Hide::Share(share) = hide {
        issues.require(share > 0.0 && share < 1.0, key, || format!("expected above 0 and below 1, got {share}"));
    }
}

fn choose(issues: &mut Issues, settings: &Settings) {
    let Some(choose) = &settings.choose else { return };
    share(issues, "choose.hide", choose.hide);
    issues.in_range("choose.hides", choose.hides, 1..=100);
    for (i, shrink) in choose.shrink.iter().enumerate() {
        at_least_0(issues, &format!("choose.shrink[{i}]"), *shrink);
    }
    let sample = settings.classes.sample.unwrap_or(usize::MAX);
    for (i, count) in choose.classes.iter().enumerate() {
        issues.in_range(&format!("choose.classes[{i}]"), *count, 1..=CENTRES_MAX.min(sample.saturating_sub(1)));
    }
    for (i, rounds) in choose.rounds.iter().enumerate() {
        issues.in_range(&format!("choose.rounds[{i}]"), *rounds, 1..=10_000);
    }
}

fn evaluation(issues: &mut Issues, settings: &Settings) {
    let Some(evaluation) = &settings.evaluation else { return };
    share(issues, "evaluation.hide", evaluation.hide);
    issues.in_range("evaluation.seeds", evaluation.seeds, 1..=1000);
    issues.in_range("evaluation.k", evaluation.k, 1..=10_000);
    issues.in_range("evaluation.tail", evaluation.tail, 0.0..=1.0);
    for (i, lambda) in evaluation.ease.iter().enumerate() {
        issues.require(lambda.is_finite() && *lambda > 0.0, &format!("evaluation.ease[{i}]"), || {
            format!("expected above 0, got {lambda}")
        });
    }
}

fn stream(issues: &mut Issues, settings: &Settings) {
    if !settings.customers.stream {
        return;
    }
    let mut refuse = |ok: bool, key: &str, what: &str| issues.require(ok, key, || what.to_owned());
    refuse(settings.holdings.wide.is_some(), "holdings", "expected `wide` columns with `customers.stream`");
    refuse(settings.push.rounds == 1, "push.rounds", "expected 1 with `customers.stream`");
    refuse(settings.choose.is_none(), "choose", "expected none with `customers.stream`: choose on a smaller table");
    refuse(settings.evaluation.is_none(), "evaluation", "expected none with `customers.stream`: judge a smaller table");
    let numbers = settings.customers.columns.iter().all(|group| group.kind == Kind::Number);
    refuse(numbers, "customers.columns", "expected columns of numbers only with `customers.stream`");
    issues.require(settings.classes.from == super::settings::From::Attributes, "classes.from", || {
        "expected `attributes` with `customers.stream`".to_owned()
    });
    issues.in_range("customers.sample", settings.customers.sample, 1000..=10_000_000);
}
