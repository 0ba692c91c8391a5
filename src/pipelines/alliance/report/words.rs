//! Sentences that follow from the numbers, and the figures for `metrics.json`.

use serde_json::json;

use super::super::results::Results;
use crate::alliance::Plan;
use crate::alliance::terms::{Algorithm, Mode, ServerUpdate, Weighting};
use crate::report::number::{count, counted, fixed, percent, short};
use crate::run::Outcome;

/// Whether the alliance is worth it.
pub(super) fn verdict(results: &Results) -> String {
    let gains: Vec<(&str, f64)> =
        results.companies.iter().map(|c| (c.name.as_str(), 1.0 - c.encrypted.rmse / c.alone.rmse)).collect();
    let list = |which: &dyn Fn(f64) -> bool| {
        let chosen = gains.iter().filter(|(_, gain)| which(*gain));
        chosen.map(|(name, gain)| format!("{name} by {}", percent(gain.abs(), 2))).collect::<Vec<_>>().join(", ")
    };
    let sure: Vec<String> = results
        .companies
        .iter()
        .map(|c| format!("{} at {}", fixed(c.gain.mean / c.gain.error.max(f64::MIN_POSITIVE), 1), c.name))
        .collect();
    let (better, worse) = (list(&|gain| gain > 0.0), list(&|gain| gain <= 0.0));
    let against = results.companies.iter().all(|c| c.encrypted.rmse < c.as_average.rmse.min(c.as_last.rmse));
    let simple = if against {
        "It also beats both simple forecasts for every company."
    } else {
        "A simple forecast is at least as good for one company or more: see the table."
    };
    let text = match (better.is_empty(), worse.is_empty()) {
        (false, true) => format!("The common model is better than what each company trained alone: {better}."),
        (true, _) => format!("The common model is not better than what companies trained alone: {worse} worse."),
        (false, false) => format!("The common model is better for {better}, but not for {worse}."),
    };
    format!(
        "{text} In standard errors of the difference of mean squared errors, each product one observation, that is {}: \
         below 2 it may be chance. {simple}",
        sure.join(", ")
    )
}

/// The plan, setting by setting.
pub(in crate::pipelines::alliance) fn plan_in_words(plan: &Plan) -> Vec<(String, String)> {
    let raw = plan.raw();
    let algorithm = match raw.algorithm {
        Algorithm::FedSgd => "FedSGD: one gradient over all rows".to_owned(),
        Algorithm::FedAvg { epochs, batch, rate, .. } => {
            format!("FedAvg: {}, batches of {batch}, rate {}", counted(epochs, "epoch"), short(f64::from(rate)))
        }
        Algorithm::FedProx { epochs, batch, rate, mu } => format!(
            "FedProx: {}, batches of {batch}, rate {}, mu {}",
            counted(epochs, "epoch"),
            short(f64::from(rate)),
            short(f64::from(mu))
        ),
    };
    let update = match raw.update {
        ServerUpdate::Plain { rate } => format!("the mean update times {}", short(f64::from(rate))),
        ServerUpdate::Momentum { rate, beta } => {
            format!("momentum {}, rate {}", short(f64::from(beta)), short(f64::from(rate)))
        }
        ServerUpdate::Adam { rate, .. } => format!("Adam, rate {}", short(f64::from(rate))),
    };
    let weighting = match raw.weighting {
        Weighting::Equal => "all the same".to_owned(),
        Weighting::Samples => "by samples".to_owned(),
        Weighting::Parts(parts) => format!("by samples, in about {} parts", count(parts as usize)),
    };
    let mode = match raw.mode {
        Mode::SharedKey => "shared_key: every party can open a completed sum".to_owned(),
        Mode::Threshold { needed } => format!("threshold: {needed} parties must join to open a sum"),
    };
    [
        ("rounds", count(raw.rounds as usize)),
        ("local training", algorithm),
        ("what a sum does to the model", update),
        ("weights", weighting),
        ("bound of a value", short(f64::from(raw.clip))),
        ("bits of a value", raw.value_bits.to_string()),
        ("values in a ciphertext", count(plan.layout().slots())),
        ("key", format!("{} bits", count(raw.key_bits as usize))),
        ("opening", mode),
        ("values of the model", count(plan.values())),
    ]
    .map(|(setting, value)| (setting.to_owned(), value))
    .into()
}

/// Headline figures and metrics.
pub(in crate::pipelines::alliance) fn outcome(results: &Results) -> Outcome {
    let check = &results.equivalence;
    let worst = check.rounds.iter().map(|r| r.difference).fold(0.0, f64::max);
    let headline = [
        ("rmse_encrypted", results.mean(|c| c.encrypted.rmse)),
        ("rmse_clear", results.mean(|c| c.clear.rmse)),
        ("rmse_alone", results.mean(|c| c.alone.rmse)),
        ("least_gain", results.least_gain()),
        ("difference_in_half_steps", worst),
        ("bytes_a_value", results.sent.bytes_a_value()),
    ];
    let company = |c: &super::super::results::Company| {
        json!({
            "company": c.name, "train_examples": c.train, "held_out_examples": c.held_out, "weight": c.weight,
            "as_average": c.as_average, "as_last": c.as_last, "alone": c.alone, "gain": c.gain, "clear": c.clear, "encrypted": c.encrypted,
        })
    };
    let adoption = results.adoption.as_ref().map(|found| {
        json!({
            "compared": found.products.len(), "left_out": found.left_out,
            "adopt_sales_mode": found.products.iter().filter(|c| c.finding.sales_mode_of.is_some()).count(),
            "adopt_practice": found.products.iter().filter(|c| c.finding.practice_of.is_some()).count(),
        })
    });
    let promotion = results.promotion.as_ref().map(|found| {
        json!({
            "product": found.product, "first_field": found.first_field, "scenes": found.scenes, "reached": found.reached,
            "second_fields": found.candidates.iter().filter(|c| c.flow.is_some()).map(|c| &c.name).collect::<Vec<_>>(),
        })
    });
    let details = json!({
        "companies": results.companies.iter().map(company).collect::<Vec<_>>(),
        "equal_models": check.equal_models,
        "half_step": check.error,
        "largest_difference_of_models": check.models_largest,
        "stated_difference_of_models": check.models_stated,
        "values_at_bounds": check.rounds.iter().map(|r| r.held).sum::<usize>(),
        "values": results.sent.values,
        "ciphertexts": results.sent.ciphertexts,
        "upload_bytes": results.sent.upload_bytes,
        "sum_bytes": results.sent.sum_bytes,
        "bytes_in_all": results.sent.total(),
        "privacy": results.privacy,
        "adopt": adoption,
        "promotion": promotion,
    });
    Outcome { headline: headline.map(|(name, value)| (name.to_owned(), value)).into(), details, failed: vec![] }
}
