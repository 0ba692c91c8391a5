//! What a run gives.

use std::collections::{BTreeMap, BTreeSet};

use nightloom::dataset::{RawSource, ReadOptions, TableReader};

use crate::site::{Job, Run, Site, contacts, small, text, with_table};

/// The columns of `allocations.parquet`: allocation, task, customer, region, manager, score.
struct Allocation {
    number: i64,
    task: String,
    customer: String,
    region: String,
    manager: String,
}

fn allocations(run: &Run) -> Vec<Allocation> {
    let source = RawSource::of(run.folder.join("tables/allocations.parquet")).check(std::path::Path::new("")).unwrap();
    let mut reader = TableReader::open(&source, &ReadOptions::default()).unwrap();
    let mut rows = vec![];
    while let Some(batch) = reader.next_batch().unwrap() {
        for i in 0..batch.rows.len() {
            let word = |column: usize| batch.columns[column].text(i).unwrap().to_owned();
            let number = batch.columns[0].integers().unwrap()[i].unwrap();
            rows.push(Allocation { number, task: word(1), customer: word(2), region: word(3), manager: word(4) });
        }
    }
    rows
}

#[test]
fn r5_to_r9_allocations_prompts_and_tiers_agree_with_each_other() {
    let site = Site::new(&small());
    let run = site.run();
    let all = allocations(&run);
    let of = |number: i64| all.iter().filter(move |row| row.number == number);
    let managers: BTreeMap<String, (String, usize)> = run
        .rows("managers")
        .into_iter()
        .map(|row| (row["manager"].clone(), (row["region"].clone(), row["capacity"].parse().unwrap())))
        .collect();
    assert!(managers.keys().all(|name| name.starts_with("made_up_")), "made-up managers say so");
    for number in [1, 3, 4] {
        let mut loads: BTreeMap<&str, usize> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for row in of(number) {
            assert_eq!(managers[&row.manager].0, row.region, "a manager serves the own region");
            assert!(seen.insert((&row.task, &row.customer)), "nobody is allocated twice to a task");
            *loads.entry(&row.manager).or_default() += 1;
        }
        assert!(loads.iter().all(|(manager, load)| *load <= managers[*manager].1), "capacities hold");
    }
    // 120 late contacts; of each region's 40 the managers can serve 20. Everybody else is left over with a reason.
    let left = run.rows("left_over");
    for number in ["1", "3", "4"] {
        let here = left.iter().filter(|row| row["allocation"] == number).count();
        assert_eq!(here + of(number.parse().unwrap()).count(), 120);
    }
    let reasons: BTreeSet<&str> = left.iter().map(|row| row["reason"].as_str()).collect();
    assert!(reasons.contains("all managers of the region are full"), "{reasons:?}");
    assert!(reasons.contains("does not correspond to the task") && reasons.contains("weight below `min_weight`"));
    // R6: the prompts are the second allocation, a part of the first.
    let prompts = run.rows("prompts");
    assert_eq!(prompts.len(), of(2).count());
    assert!(!prompts.is_empty() && prompts.len() < of(1).count(), "some are friends already");
    for row in of(2) {
        assert!(of(1).any(|o| (&o.task, &o.customer, &o.manager) == (&row.task, &row.customer, &row.manager)));
    }
    // R9: tiers hold the fourth allocation, levels fall, and weights fall inside a tier.
    let tiers = run.rows("tiers");
    assert_eq!(tiers.len(), of(4).count());
    for pair in tiers.windows(2) {
        let number = |row: &BTreeMap<String, String>, name: &str| row[name].parse::<f64>().unwrap();
        assert!(number(&pair[0], "weight") >= number(&pair[1], "weight"));
        assert!(number(&pair[0], "intent_level") >= number(&pair[1], "intent_level"));
    }
    assert!(tiers.iter().all(|row| row["weight"].parse::<f64>().unwrap() >= 0.25 && row["managers"] == "made up"));
}

#[test]
fn r12_the_network_ranks_above_chance_and_every_output_says_that_managers_are_made_up() {
    let site = Site::new(&small());
    let run = site.run();
    assert!(run.headline("auc") > 0.75, "{}", run.headline("auc"));
    let evaluation = run.rows("evaluation");
    let names: Vec<&str> = evaluation.iter().map(|row| row["ranked_by"].as_str()).collect();
    let wanted = [
        "allocation network",
        "logistic regression",
        "boosted trees",
        "first correspondence",
        "history only",
        "random",
    ];
    assert_eq!(names, wanted);
    assert!(run.headline("gap") <= 0.001);
    let report = text(&run.read("report.html"));
    assert!(report.contains("managers are made up"));
    assert_eq!(run.details()["managers_made_up"], true);
}

#[test]
fn r5_a_region_without_managers_and_managers_without_tasks_are_listed() {
    // West has no manager; south has no late contact.
    let site = Site::new(&with_table());
    let table: Vec<String> = contacts()
        .lines()
        .filter(|l| !(l.contains(",south,") && (l.contains(",t6,") || l.contains(",t7,"))))
        .map(str::to_owned)
        .collect();
    site.file("contacts.csv", &table.join("\n"));
    let run = site.run();
    let left = run.rows("left_over");
    let alone: Vec<_> = left.iter().filter(|row| row["reason"] == "no manager in the region").collect();
    assert!(!alone.is_empty() && alone.iter().all(|row| row["region"] == "west"));
    let managers = run.rows("managers");
    let cat = managers.iter().find(|row| row["manager"] == "cat").unwrap();
    assert_eq!((cat["region_contacts"].as_str(), cat["first"].as_str(), cat["fourth"].as_str()), ("0", "0", "0"));
    // Ann and Bob can serve 30 of the north's 40.
    let served: usize = managers.iter().map(|row| row["first"].parse::<usize>().unwrap()).sum();
    assert_eq!(served, 30);
    let report = text(&run.read("report.html"));
    assert!(report.contains("1 manager has nothing to do") && !report.contains("made up"));
}

#[test]
fn r12_late_tasks_without_outcomes_are_allocated_and_not_judged() {
    let site = Site::new(&small());
    let table: Vec<String> = contacts()
        .lines()
        .map(|line| {
            let mut cells: Vec<&str> = line.split(',').collect();
            if ["t6", "t7"].contains(&cells[1]) {
                cells[4] = "";
            }
            cells.join(",")
        })
        .collect();
    site.file("contacts.csv", &table.join("\n"));
    let run = site.run();
    assert!(run.details()["evaluation"].is_null());
    assert!(run.headline("allocated") > 30.0);
    assert!(!text(&run.read("report.html")).contains("How good is the ranking"));
}

#[test]
fn r5_tiles_of_any_size_give_the_same_allocation() {
    let tables = |tile: &str| {
        let site = Site::new(&Job { network: small().network.replace("tile = 50", tile), ..small() });
        let run = site.run();
        (run.read("tables/allocations.parquet"), run.read("tables/tiers.csv"))
    };
    assert_eq!(tables("tile = 7"), tables("tile = 100000"));
}
