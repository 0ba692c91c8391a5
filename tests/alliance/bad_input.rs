//! Wrong jobs and wrong tables: refused with the place, before anything is written.

use crate::site::{JOB, Site, sales};

/// The job with a change, refused with all of these words.
fn job_refused(from: &str, to: &str, parts: &[&str]) {
    assert!(JOB.contains(from), "{from}");
    let message = Site::new(&JOB.replace(from, to)).refused();
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
}

#[test]
fn e16_wrong_settings_name_their_key_and_line() {
    job_refused("window = 6", "widnow = 6", &["job.toml:11", "data.widnow", "did you mean `window`?"]);
    job_refused("window = 6", "window = 0", &["data.window: expected 1 to 1024, got 0"]);
    job_refused("[\"pieces\", \"buyers\"]", "[\"pieces\", \"pieces\"]", &["data.values: ", "`pieces` again"]);
    job_refused("[1, 40]", "[1, 5]", &["data.steps: ", "at least 7"]);
    job_refused("train_until = 28", "train_until = 40", &["data.train_until: ", "before 40"]);
    job_refused("bits = 2048", "bits = 1024", &["key.bits: expected 2048 to 8192, got 1024"]);
    job_refused("bits = 2048", "bits = 2050", &["key.bits: expected a multiple of 128"]);
    job_refused("units = 8", "units = 0", &["model.layers: layer 2 (dense)"]);
    job_refused("span = 20", "span = 60", &["adopt.span: expected 10 to 36, got 60"]);
    job_refused("degree_least = 0.05", "degree_least = 2.0", &["promotion.degree_least: expected 0 to 1"]);
    job_refused("\"fed_avg\"", "\"fedavg\"", &["plan.algorithm", "fed_avg"]);
}

#[test]
fn a4_plans_that_cannot_be_are_refused_before_the_run() {
    job_refused("value_bits = 16", "value_bits = 25", &["bits of a packed value: expected 2 to 24, got 25"]);
    job_refused("clip = 0.5", "clip = 0.0", &["plan: `clip` must lie in"]);
    job_refused("rounds = 4", "rounds = 0", &["plan: `rounds` must lie in 1 to 100000, found 0"]);
    job_refused("rate = 0.05", "rate = -1.0", &["`rate` must be above 0"]);
    job_refused("{ kind = \"flatten\" }", "{ kind = \"flatten\" }, { kind = \"batch_norm\" }", &["has a batch norm"]);
    job_refused("\"item-0\"", "\"itemm-0\"", &["no product is called `itemm-0`; did you mean `item-0`?"]);
    let site = Site::new(JOB);
    let all = sales();
    let two: Vec<&str> = all.lines().filter(|line| !line.starts_with("shop-2")).collect();
    site.file("sales.csv", &(two.join("\n") + "\n"));
    let message = site.refused();
    assert!(message.contains("a party can subtract its own update; `allow_two = true` accepts that"), "{message}");
    site.file("job.toml", &JOB.replace("clip = 0.5", "clip = 0.5\nallow_two = true"));
    assert_eq!(site.output(&["check", "job.toml", "--device", "cpu"]).status.code(), Some(0));
}

#[test]
fn e21_wrong_tables_name_file_row_and_column() {
    let refused = |change: &dyn Fn(String) -> String, parts: &[&str]| {
        let site = Site::new(JOB);
        site.file("sales.csv", &change(sales()));
        let message = site.refused();
        for part in parts {
            assert!(message.contains(part), "{part:?} is not in: {message}");
        }
    };
    refused(&|t| t.replacen("item,week", "item,wek", 1), &["sales.csv", "`week`"]);
    refused(&|t| t.replacen("item-0,1,", "item-0,,", 1), &["sales.csv", "line 2", "week"]);
    refused(
        &|t| t.replacen("item-0,1,", "item-0,2,", 1),
        &["one row for company `shop-0`, `item-0`, step 2, found two"],
    );
    refused(&|t| t.replacen("item-0,1,", "item-0,1,-", 1), &["line 2", "`pieces`: expected at least 0, got -"]);
    refused(&|t| t.replace("shop-1", "shop-0").replace("shop-2", "shop-0"), &["expected 2 companies or more, found 1"]);
}
