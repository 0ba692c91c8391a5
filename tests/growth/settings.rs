//! Every kind of setting once.

use crate::site::{Job, Site, small};

/// The finished run of the small job with a change.
fn with(change: impl FnOnce(&mut Job)) -> (Site, crate::site::Run) {
    let mut job = small();
    change(&mut job);
    let site = Site::new(&job);
    let run = site.run(&[]);
    (site, run)
}

/// The share of products with a truth that are labelled growth.
fn growth_share(run: &crate::site::Run) -> f64 {
    let labels = &run.table("products")["label"];
    labels.iter().filter(|l| *l == "growth").count() as f64 / labels.len() as f64
}

#[test]
fn g2_every_kind_of_expectation_and_threshold_runs() {
    let kinds = [
        ("{ kind = \"relative\", multiple = 1.2 }", "1.2 times the product's early mean"),
        ("{ kind = \"number\", value = 12.0 }", "12 pieces a step"),
        ("{ kind = \"quantile\", quantile = 0.8 }", "the 0.8 quantile of all quantities in the history"),
        ("{ kind = \"category\", column = \"category\", quantile = 0.8 }", "category"),
    ];
    for (kind, words) in kinds {
        let (_site, run) = with(|job| {
            job.increments = format!("expectation = {kind}\nthreshold = {{ kind = \"quantile\", quantile = 0.7 }}");
        });
        let metrics = run.json("metrics.json");
        let said = metrics["details"]["increments"]["expectation"].as_str().unwrap();
        assert!(said.contains(words), "{kind}: {said}");
        // The threshold comes from the training products, so the whole's share differs a little.
        assert!((growth_share(&run) - 0.3).abs() < 0.08, "{kind}: {}", growth_share(&run));
    }
    let (_site, run) = with(|job| job.increments = "threshold = { kind = \"number\", value = 0.5 }".to_owned());
    for (label, d) in run.table("products")["label"].iter().zip(&run.table("products")["D"]) {
        assert_eq!(label == "growth", d.parse::<f64>().unwrap() > 0.5);
    }
}

#[test]
fn g3_classes_may_weigh_the_same_or_not() {
    let (_a, balanced) = with(|_| {});
    let (_b, plain) = with(|job| job.classifier.push_str("\nclass_weights = \"none\""));
    assert_ne!(balanced.probabilities(), plain.probabilities());
    assert_eq!(balanced.table("products")["label"], plain.table("products")["label"]);
}

#[test]
fn g4_a_product_is_called_growth_by_the_decision() {
    let decided = |decision: &str| with(|job| job.classifier.push_str(&["\ndecision = ", decision].concat()));
    let (_a, fixed) = decided("{ kind = \"probability\", value = 0.4 }");
    let products = fixed.table("products");
    for (predicted, probability) in products["predicted"].iter().zip(&products["probability"]) {
        assert_eq!(predicted == "growth", probability.parse::<f64>().unwrap() >= 0.4);
    }
    let (_b, none) = decided("{ kind = \"probability\", value = 1.0 }");
    assert_eq!(none.headline("growth_products"), 0.0);
    assert!(none.table("growth_points")["product"].is_empty());
    assert!(!none.folder.join("models/growth_points.safetensors").exists(), "there is no network to keep");
}

#[test]
fn g5_references_are_fixed_or_settle_and_small_clusters_borrow() {
    let (_a, fixed) = with(|_| {});
    let (_b, lloyd) = with(|job| job.references.push_str("\ncentres = \"lloyd\""));
    for run in [&fixed, &lloyd] {
        let references = run.table("references");
        let mut counts = std::collections::BTreeMap::<&str, usize>::new();
        for (product, reference) in references["product"].iter().zip(&references["reference"]) {
            assert_ne!(product, reference, "no product is its own reference");
            *counts.entry(product).or_default() += 1;
        }
        assert!(counts.values().all(|&n| n >= 10), "{counts:?}");
        assert!(references["borrowed"].iter().any(|b| b == "true"));
    }
    assert_eq!(fixed.probabilities(), lloyd.probabilities(), "the classifier comes before the references");
    assert_ne!(fixed.read("tables/references.csv"), lloyd.read("tables/references.csv"));
}

#[test]
fn g6_networks_start_from_a_shared_one_or_from_draws() {
    let (_a, shared) = with(|_| {});
    let (_b, own) = with(|job| job.shared = String::new());
    let stages = |run: &crate::site::Run| {
        let timing = run.json("timing.json");
        timing["stages"].as_array().unwrap().iter().map(|s| s["stage"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(stages(&shared), ["classifier", "held-out-references", "held-out-shared", "held-out-points"]);
    assert_eq!(stages(&own), ["classifier", "held-out-references", "held-out-points"]);
}

#[test]
fn g7_points_are_located_by_the_rule() {
    let (_a, by_probability) = with(|job| job.points.push_str("\nrule = { kind = \"probability\", value = 0.3 }"));
    let points = by_probability.table("growth_points");
    assert!(!points["probability"].is_empty());
    assert!(points["probability"].iter().all(|p| p.parse::<f64>().unwrap() >= 0.3));
}
