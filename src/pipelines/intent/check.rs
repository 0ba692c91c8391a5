//! What can be wrong with the job file alone.

use std::collections::HashSet;

use super::settings::{Consent, NetworkSettings, Settings};
use crate::pipelines::train::settings::RawColumns;
use crate::pipelines::training::training_issue;
use crate::spec::Issues;

pub(super) fn settings(issues: &mut Issues, settings: &Settings) {
    users(issues, settings);
    history(issues, settings);
    levels(issues, settings);
    prior(issues, settings);
    network(issues, &settings.network);
    trees(issues, settings);
    evaluation(issues, settings);
    speaking(issues, settings);
}

fn speaking(issues: &mut Issues, settings: &Settings) {
    if let Some(personality) = &settings.personality {
        let network = personality.known.is_some() == personality.features.is_some();
        issues.require(network, "personality", || {
            "expected `known` and `features` together, from which the network learns, or neither".to_owned()
        });
        issues.require(personality.look_up.is_some() || personality.known.is_some(), "personality", || {
            "expected `look_up`, or `known` and `features`, got none of them".to_owned()
        });
        if let Some(Err(error)) = personality.features.as_ref().map(RawColumns::names) {
            issues.push("personality.features", error.to_string());
        }
        if let Err(error) = personality.network.check() {
            issues.push("personality.network", error.to_string());
        }
    }
    if let Some(replies) = &settings.replies {
        if let Err(error) = replies.formula.check() {
            issues.push("replies.formula", error.to_string());
        }
        if let Err(error) = replies.thresholds.check() {
            issues.push("replies.thresholds", error.to_string());
        }
        if let Some(emotion) = &replies.emotion {
            let ordered = emotion.dissatisfied_below <= emotion.excited_above;
            issues.require(ordered, "replies.emotion.excited_above", || {
                format!(
                    "expected at least `dissatisfied_below`, {}, got {}",
                    emotion.dissatisfied_below, emotion.excited_above
                )
            });
        }
    }
    if let Some(cards) = &settings.cards {
        issues.require(settings.speaking.is_some(), "cards", || {
            "expected `speaking` beside it, whose greetings cards say".to_owned()
        });
        if let Err(error) = cards.seller.check() {
            issues.push("cards.seller", error.to_string());
        }
    }
}

fn users(issues: &mut Issues, settings: &Settings) {
    let users = &settings.users;
    issues.require(!users.id.is_empty(), "users.id", || "expected a column, got an empty name".to_owned());
    match &users.consent {
        Consent::Column(name) => issues
            .require(!name.is_empty(), "users.consent.column", || "expected a column, got an empty name".to_owned()),
        Consent::Assumed(reason) => issues.require(!reason.trim().is_empty(), "users.consent.assumed", || {
            "expected the reason why all users agreed, got nothing".to_owned()
        }),
    }
    let mut seen = HashSet::from([&users.id]);
    for (key, columns) in [("users.numbers", &users.numbers), ("users.categories", &users.categories)] {
        for name in columns {
            let fresh = seen.insert(name);
            issues.require(fresh, key, || format!("expected each column with one part to play, got `{name}` again"));
        }
    }
}

fn history(issues: &mut Issues, settings: &Settings) {
    let items = &settings.history.items;
    issues.require((1..=16).contains(&items.len()), "history.items", || {
        format!("expected 1 to 16 columns, got {}", items.len())
    });
    for (i, item) in items.iter().enumerate() {
        issues.require(item.weight.is_finite() && item.weight > 0.0, &format!("history.items[{i}].weight"), || {
            format!("expected a number above 0, got {}", item.weight)
        });
    }
}

fn levels(issues: &mut Issues, settings: &Settings) {
    for (i, rule) in settings.levels.iter().enumerate() {
        for (j, condition) in rule.all.iter().enumerate() {
            let key = format!("levels[{i}].all[{j}]");
            let bounded = condition.at_least.is_some() || condition.at_most.is_some();
            issues.require(bounded || !condition.one_of.is_empty(), &key, || {
                "expected `at_least`, `at_most` or `one_of`, got none of them".to_owned()
            });
            let finite = condition.at_least.is_none_or(f64::is_finite) && condition.at_most.is_none_or(f64::is_finite);
            issues.require(finite, &key, || "expected finite numbers".to_owned());
        }
    }
}

fn prior(issues: &mut Issues, settings: &Settings) {
    let prior = &settings.prior;
    let positive = |list: &[f32]| (1..=20).contains(&list.len()) && list.iter().all(|v| v.is_finite() && *v > 0.0);
    for (key, list) in [("prior.half_lives", &prior.half_lives), ("prior.strengths", &prior.strengths)] {
        issues.require(positive(list), key, || format!("expected 1 to 20 numbers above 0, got {list:?}"));
    }
    issues.require(positive(&[prior.recent]), "prior.recent", || {
        format!("expected a number above 0, got {}", prior.recent)
    });
}

fn network(issues: &mut Issues, network: &NetworkSettings) {
    let counts = [
        ("channels", network.channels, 1..=1024),
        ("heads", network.heads, 1..=64),
        ("blocks", network.blocks, 1..=12),
        ("feed_forward", network.feed_forward, 1..=4096),
        ("seeds", network.seeds, 1..=64),
        ("rows_max", network.rows_max, 100..=100_000_000),
        ("baseline_seeds", network.baseline_seeds, 1..=64),
        ("baseline_epochs", network.baseline_epochs, 1..=100_000),
    ];
    for (key, value, allowed) in counts {
        issues.require(allowed.contains(&value), &format!("network.{key}"), || {
            format!("expected {} to {}, got {value}", allowed.start(), allowed.end())
        });
    }
    issues.require(network.heads == 0 || network.channels.is_multiple_of(network.heads), "network.heads", || {
        format!("expected a divisor of the {} channels, got {}", network.channels, network.heads)
    });
    issues.require((0.0..1.0).contains(&network.dropout), "network.dropout", || {
        format!("expected 0 to below 1, got {}", network.dropout)
    });
    issues.require(network.auxiliary.is_finite() && network.auxiliary >= 0.0, "network.auxiliary", || {
        format!("expected a number of at least 0, got {}", network.auxiliary)
    });
    training_issue(issues, "network", network.training(network.epochs).check());
}

fn trees(issues: &mut Issues, settings: &Settings) {
    let trees = &settings.trees;
    issues.require((3..=1000).contains(&trees.candidates), "trees.candidates", || {
        format!("expected 3 to 1000, got {}", trees.candidates)
    });
    issues.require((1..=64).contains(&trees.depth), "trees.depth", || format!("expected 1 to 64, got {}", trees.depth));
    issues.require(trees.leaf_rows > 0, "trees.leaf_rows", || "expected at least 1, got 0".to_owned());
    let alphas = &trees.prune_alphas;
    let sound = (1..=20).contains(&alphas.len()) && alphas.iter().all(|alpha| alpha.is_finite() && *alpha >= 0.0);
    issues.require(sound, "trees.prune_alphas", || format!("expected 1 to 20 numbers of at least 0, got {alphas:?}"));
}

fn evaluation(issues: &mut Issues, settings: &Settings) {
    let evaluation = &settings.evaluation;
    for (key, share) in [("test", evaluation.test), ("inner", evaluation.inner)] {
        issues.require((0.05..=0.5).contains(&share), &format!("evaluation.{key}"), || {
            format!("expected .05 to .5, got {share}")
        });
    }
    issues.require((0.0..=0.5).contains(&evaluation.users), "evaluation.users", || {
        format!("expected 0 to .5, got {}", evaluation.users)
    });
    issues.require((100..=100_000).contains(&evaluation.draws), "evaluation.draws", || {
        format!("expected 100 to 100000, got {}", evaluation.draws)
    });
    issues.require(evaluation.rows_max >= 100, "evaluation.rows_max", || {
        format!("expected at least 100, got {}", evaluation.rows_max)
    });
}
