//! What can be wrong with an alliance job's file, before any data is read.

use super::loaded::network;
use super::settings::Settings;
use crate::model::Model;
use crate::paillier::key::{BITS_LEAST, BITS_MOST, BITS_STEP};
use crate::spec::Issues;

pub(super) fn settings(issues: &mut Issues, settings: &Settings) {
    let data = &settings.data;
    for (key, name) in [("company", &data.company), ("product", &data.product), ("step", &data.step)] {
        issues.require(!name.is_empty(), &format!("data.{key}"), || "expected a column, got an empty name".to_owned());
    }
    let columns = data.values.len();
    issues.require((1..=64).contains(&columns), "data.values", || format!("expected 1 to 64 columns, got {columns}"));
    for (i, name) in data.values.iter().enumerate() {
        issues.require(!data.values[..i].contains(name), "data.values", || {
            format!("expected each column once, got `{name}` again")
        });
    }
    issues.in_range("data.window", data.window, 1..=1024);
    issues.in_range("data.horizon", data.horizon, 1..=1024);
    issues.require(data.mean_least.is_finite() && data.mean_least >= 0.0, "data.mean_least", || {
        format!("expected at least 0, got {}", data.mean_least)
    });
    let [first, last] = data.steps;
    let needed = (data.window + data.horizon) as i64;
    let span = last.checked_sub(first).filter(|span| (needed..100_000).contains(span));
    issues.require(span.is_some(), "data.steps", || {
        format!("expected a first and a last step at least {needed} and at most 99,999 apart, got {first} and {last}")
    });
    issues.require((first..last).contains(&data.train_until), "data.train_until", || {
        format!("expected a step from {first} on and before {last}, got {}", data.train_until)
    });
    key(issues, settings.key.bits);
    if let Err(error) = Model::new(network(settings)) {
        issues.push("model.layers", error.to_string());
    }
    adopt(issues, settings);
    promotion(issues, settings);
}

fn key(issues: &mut Issues, bits: u32) {
    issues.in_range("key.bits", bits, BITS_LEAST..=BITS_MOST);
    issues.require(bits.is_multiple_of(BITS_STEP), "key.bits", || {
        format!("expected a multiple of {BITS_STEP}, got {bits}")
    });
}

fn adopt(issues: &mut Issues, settings: &Settings) {
    let Some(adopt) = &settings.adopt else { return };
    let [first, last] = settings.data.steps;
    issues.require(adopt.alpha > 0.0 && adopt.alpha < 1.0, "adopt.alpha", || {
        format!("expected a probability above 0 and below 1, got {}", adopt.alpha)
    });
    let steps = last.saturating_sub(adopt.first_step.max(first)) + 1;
    issues.require(adopt.first_step >= first && steps >= 10, "adopt.first_step", || {
        format!("expected a step from {first} on with ten steps or more, got {}", adopt.first_step)
    });
    issues.in_range("adopt.span", adopt.span as i64, 10..=steps.max(10));
    issues.require(adopt.buyers_least >= 0.0, "adopt.buyers_least", || {
        format!("expected at least 0, got {}", adopt.buyers_least)
    });
}

fn promotion(issues: &mut Issues, settings: &Settings) {
    let Some(promotion) = &settings.promotion else { return };
    issues.require((0.0..=1.0).contains(&promotion.degree_least), "promotion.degree_least", || {
        format!("expected 0 to 1, got {}", promotion.degree_least)
    });
    issues.in_range("promotion.search_steps", promotion.search_steps, 1..=16);
    issues.require(promotion.mean_least >= 0.0, "promotion.mean_least", || {
        format!("expected at least 0, got {}", promotion.mean_least)
    });
    let named = [Some(&promotion.product), promotion.first_field.as_ref()].into_iter().flatten();
    let all: Vec<&String> = named.chain(promotion.scenes.iter().flatten()).collect();
    for (i, name) in all.iter().enumerate() {
        issues.require(!all[..i].contains(name), "promotion", || {
            format!("expected four different products, got `{name}` twice")
        });
    }
}
