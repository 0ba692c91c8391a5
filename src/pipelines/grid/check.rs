//! What can be wrong with the settings, whatever the data.

use std::collections::HashSet;

use super::settings::{DispatchSettings, ManagerSettings, SLOTS, Settings};
use crate::spec::Issues;

pub(super) fn settings(issues: &mut Issues, settings: &Settings) {
    data(issues, settings);
    issues.in_range("index.partitions", settings.index.partitions, 1..=4096);
    issues.require(!settings.index.folder.as_os_str().is_empty(), "index.folder", || {
        "expected a folder, got an empty path".to_owned()
    });
    managers(issues, settings);
    features(issues, settings);
    network(issues, settings);
    intent(issues, settings);
    let allocation = &settings.allocation;
    share(issues, "allocation.capacity_share", allocation.capacity_share);
    issues.in_range("allocation.candidates", allocation.candidates, 1..=1000);
    issues.require(allocation.gap.is_finite() && (1e-9..=0.5).contains(&allocation.gap), "allocation.gap", || {
        format!("expected a number from 1e-9 to 0.5, got {}", allocation.gap)
    });
    if let Some(dispatch) = &settings.dispatch {
        issues.require(!dispatch.ledger.as_os_str().is_empty(), "dispatch.ledger", || {
            "expected a file, got an empty path".to_owned()
        });
        templates(issues, dispatch);
    }
    let thresholds = &settings.tiers.thresholds;
    let falling = thresholds.windows(2).all(|w| w[0] > w[1]);
    let inside = thresholds.iter().all(|t| (0.0..=1.0).contains(t));
    issues.require(!thresholds.is_empty() && falling && inside, "tiers.thresholds", || {
        format!("expected falling numbers from 1 to 0, at least one, got {thresholds:?}")
    });
}

/// Numbers of customers and tasks.
fn numbers(settings: &Settings) -> HashSet<&str> {
    let classes = settings.data.classes.named();
    let own = classes.iter().flat_map(|(_, columns)| &columns.numbers);
    own.map(String::as_str).collect()
}

fn data(issues: &mut Issues, settings: &Settings) {
    let data = &settings.data;
    let keys = [
        ("data.customer", &data.customer),
        ("data.task", &data.task),
        ("data.region", &data.region),
        ("data.start", &data.start),
        ("data.outcome", &data.outcome),
    ];
    let mut seen = HashSet::new();
    for (key, name) in keys {
        let fresh = !name.is_empty() && seen.insert(name.as_str());
        issues.require(fresh, key, || format!("expected a column of its own, got `{name}`"));
    }
    let mut classes = data.classes.named();
    issues.require(!classes.is_empty(), "data.classes", || "expected at least one class with columns".to_owned());
    classes.push(("task", &data.tasks));
    for (class, columns) in classes {
        let key = if class == "task" { "data.tasks".to_owned() } else { format!("data.classes.{class}") };
        for name in columns.numbers.iter().chain(&columns.categories) {
            issues.require(!name.is_empty() && seen.insert(name), &key, || {
                format!("expected each column once, and neither outcome nor key among the features, got `{name}`")
            });
        }
    }
    let order = data.first_start < data.inner_start && data.inner_start < data.late_start;
    issues.require(order, "data.inner_start", || {
        format!(
            "expected a day after `first_start`, {}, and before `late_start`, {}, got {}",
            data.first_start, data.late_start, data.inner_start
        )
    });
    known(issues, settings, "data.history", std::slice::from_ref(&data.history));
}

/// Names must be among the customers' numbers.
fn known(issues: &mut Issues, settings: &Settings, key: &str, names: &[String]) {
    let numbers = numbers(settings);
    for name in names.iter().filter(|name| !numbers.contains(name.as_str())) {
        let near = crate::spec::nearest(name, numbers.iter().copied());
        let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        issues.push(key, format!("expected a column of numbers of `data.classes`, got `{name}`{hint}"));
    }
}

fn share(issues: &mut Issues, key: &str, value: f64) {
    issues.require(value > 0.0 && value <= 1.0, key, || format!("expected a share above 0 and at most 1, got {value}"));
}

fn managers(issues: &mut Issues, settings: &Settings) {
    let generated = match &settings.managers {
        ManagerSettings::Generated(generated) => generated,
        ManagerSettings::Table(table) => {
            let unnamed = table.manager.is_empty() || table.region.is_empty() || table.served_by.is_empty();
            issues.require(!unnamed, "managers.table", || "expected names of columns, got an empty one".to_owned());
            return;
        }
    };
    issues.in_range("managers.generated.most", generated.most, 1..=100);
    issues.in_range("managers.generated.least", generated.least, 0..=generated.most);
    issues.require((0.0..=10.0).contains(&generated.skill), "managers.generated.skill", || {
        format!("expected a number from 0 to 10, got {}", generated.skill)
    });
    for (key, value) in [("friends", generated.friends), ("friendship", generated.friendship)] {
        issues.require((0.0..=1.0).contains(&value), &format!("managers.generated.{key}"), || {
            format!("expected a share from 0 to 1, got {value}")
        });
    }
    issues.in_range("managers.generated.traits", generated.traits.len(), 1..=16);
    known(issues, settings, "managers.generated.traits", &generated.traits);
}

fn features(issues: &mut Issues, settings: &Settings) {
    let features = &settings.features;
    share(issues, "features.explained", features.explained);
    share(issues, "features.correlation_max", features.correlation_max);
    issues.require((0.0..1.0).contains(&features.relevance_min), "features.relevance_min", || {
        format!("expected a number from 0 to below 1, got {}", features.relevance_min)
    });
    issues.require(features.outlier.is_finite() && features.outlier > 0.0, "features.outlier", || {
        format!("expected a number above 0, got {}", features.outlier)
    });
    let correspondence = &settings.correspondence;
    share(issues, "correspondence.keep", correspondence.keep);
    issues.require((0.0..=1.0).contains(&correspondence.participation), "correspondence.participation", || {
        format!("expected a share from 0 to 1, got {}", correspondence.participation)
    });
}

fn network(issues: &mut Issues, settings: &Settings) {
    let network = &settings.network;
    issues.in_range("network.units", network.units, 1..=4096);
    issues.in_range("network.seeds", network.seeds, 1..=100);
    issues.in_range("network.members", network.members, 1..=100);
    issues.in_range("network.tile", network.tile, 1..=1 << 20);
    issues.require((0.0..1.0).contains(&network.dropout), "network.dropout", || {
        format!("expected a share from 0 to below 1, got {}", network.dropout)
    });
    issues.require(!network.weight_decay.is_empty(), "network.weight_decay", || "expected at least one".to_owned());
    issues.require(!network.inputs.is_empty(), "network.inputs", || "expected at least one".to_owned());
    for decay in &network.weight_decay {
        crate::pipelines::training::training_issue(issues, "network", network.training(*decay).check());
    }
}

fn templates(issues: &mut Issues, dispatch: &DispatchSettings) {
    let none = dispatch.templates.is_empty();
    issues.require(none || !dispatch.period.is_empty(), "dispatch.period", || {
        "expected a name, which messages need, got none".to_owned()
    });
    issues.require(!none || dispatch.outbox.is_none(), "dispatch.outbox", || {
        "needs `dispatch.templates`: without them there is nothing to send".to_owned()
    });
    let mut tasks = HashSet::new();
    for (i, raw) in dispatch.templates.iter().enumerate() {
        let key = format!("dispatch.templates[{i}]");
        issues.require(tasks.insert(&raw.task), &key, || {
            format!("expected one template a task, got another of task `{}`", raw.task)
        });
        match raw.check() {
            Err(error) => issues.push(&key, error.to_string()),
            Ok(template) => {
                for slot in template.slots().into_iter().filter(|slot| !SLOTS.contains(slot)) {
                    issues.push(&key, format!("expected slots of {}, got `{slot}`", SLOTS.join(", ")));
                }
            }
        }
    }
}

fn intent(issues: &mut Issues, settings: &Settings) {
    let intent = &settings.intent;
    issues.require(!(intent.rising.is_empty() && intent.falling.is_empty()), "intent.rising", || {
        "expected at least one column in `rising` or `falling`".to_owned()
    });
    known(issues, settings, "intent.rising", &intent.rising);
    known(issues, settings, "intent.falling", &intent.falling);
    issues.require((0.0..=1.0).contains(&intent.min_weight), "intent.min_weight", || {
        format!("expected a number from 0 to 1, got {}", intent.min_weight)
    });
}
