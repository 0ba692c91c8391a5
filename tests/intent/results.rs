//! What a run leaves: intents, portraits, levels, trees, figures.

use std::collections::BTreeSet;

use crate::site::{HOBBIES, Site, USERS, agreed, small, text};

#[test]
fn i1_i2_i5_a_run_answers_every_user_who_agreed() {
    let site = Site::new(&small());
    let run = site.run();
    let rows = run.rows("intents");
    let expected: Vec<String> = (0..USERS).filter(|u| agreed(*u)).map(|u| format!("u{u:03}")).collect();
    assert_eq!(rows.iter().map(|r| r["user"].clone()).collect::<Vec<_>>(), expected);
    for row in &rows {
        let three: BTreeSet<&String> = ["first", "second", "third"].iter().map(|n| &row[*n]).collect();
        assert_eq!(three.len(), 3, "three different products: {row:?}");
        for name in ["first", "second", "third"] {
            let p: f64 = row[&format!("{name}_probability")].parse().unwrap();
            assert!((0.0..=1.0).contains(&p), "{row:?}");
        }
    }
    // The hobby decides the kind of product, so that most first intents are of that kind.
    let fits = rows.iter().filter(|row| {
        let user: usize = row["user"][1..].parse().unwrap();
        let product: usize = row["first"][1..].parse().unwrap();
        product / 3 == user % 3
    });
    let share = fits.count() as f64 / rows.len() as f64;
    assert!(share > 0.9, "{share}");

    let portraits = run.lines("portraits");
    assert_eq!(portraits.len(), rows.len());
    for (portrait, row) in portraits.iter().zip(&rows) {
        let user: usize = row["user"][1..].parse().unwrap();
        assert_eq!(portrait["user"], row["user"].as_str());
        assert_eq!(portrait["attributes"]["hobby"], HOBBIES[user % 3]);
        let (events, sum) = (&portrait["activity"]["events"], &portrait["activity"]["sums"]["seconds"]);
        let level = match (sum.as_f64().unwrap_or(0.0), events.as_u64().unwrap(), user % 3) {
            (sum, ..) if sum >= 500.0 => "high-value",
            (_, 8.., 0 | 1) => "regular",
            _ => "potential",
        };
        assert_eq!((row["level"].as_str(), portrait["level"].as_str().unwrap()), (level, level), "{portrait}");
    }
    let levels: BTreeSet<&String> = rows.iter().map(|row| &row["level"]).collect();
    assert_eq!(levels.len(), 3, "each level has users: {levels:?}");

    let newcomer = rows.last().unwrap();
    assert_eq!(
        (newcomer["user"].as_str(), newcomer["events"].as_str()),
        ("u089", "0"),
        "a user without any event has intents"
    );
    assert_eq!(run.json("metrics.json")["details"]["without_history"], 1);
}

#[test]
fn i4_i5_the_report_shows_associations_trees_and_baselines() {
    let site = Site::new(&small());
    let run = site.run();
    let report = text(&run.read("report.html"));
    for part in [
        "Attention, head 1",
        "Attention, head 2",
        "smoothed prior",
        "own frequency",
        "most popular",
        "multinomial logistic regression",
        "history × usage",
        "usage × user",
        "without the prior",
    ] {
        assert!(report.contains(part), "{part}");
    }
    let attention = run.rows("attention");
    assert_eq!(attention.len(), 2 * 3, "a row a head and association");
    let evaluation = run.rows("evaluation");
    let figure = |name: &str| -> f64 {
        let row = evaluation.iter().find(|row| row["ranked_by"].starts_with(name)).unwrap();
        row["hit_at_1"].parse().unwrap()
    };
    // Users stay with a product for four events or so: counting finds it, popularity cannot.
    assert!(figure("smoothed prior") > figure("most popular") + 0.2, "{evaluation:?}");
    assert!(figure("three towers with") > figure("most popular") + 0.2, "{evaluation:?}");
    assert!(text(&run.read("tables/tree_1.txt")).contains("rows"));
}

#[test]
fn i3_a_masked_stage_without_labels_goes_first_where_it_is_asked_for() {
    let mut job = small();
    job.network.push_str("\nmasked_epochs = 2");
    let (site, beside) = (Site::new(&job), Site::new(&small()));
    let (masked, plain) = (site.run(), beside.run());
    let model = |run: &crate::site::Run| run.read("models/intent.safetensors");
    assert_ne!(model(&masked), model(&plain), "it starts elsewhere");
    assert!(masked.headline("hit@3") > 0.5, "{}", masked.headline("hit@3"));
}
