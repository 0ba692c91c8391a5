//! What a run leaves, and that it is the same every time.

use crate::site::{Site, code, small, text};

#[test]
fn e17_g7_a_run_writes_tables_models_metrics_and_report() {
    let site = Site::new(&small());
    let run = site.run(&[]);
    let names: Vec<String> = run.results().into_keys().collect();
    let wanted = [
        "DONE",
        "job.json",
        "metrics.json",
        "models/classifier.safetensors",
        "models/growth_points.safetensors",
        "tables/growth_points.csv",
        "tables/products.csv",
        "tables/references.csv",
    ];
    assert_eq!(names, wanted);
    let products = run.table("products");
    assert!(products["product"].len() > 250, "{} products", products["product"].len());
    for (label, d) in products["label"].iter().zip(&products["D"]) {
        assert!(["growth", "steady"].contains(&label.as_str()));
        assert!(d.parse::<f64>().unwrap() >= 0.0);
    }
    assert!(products["probability"].iter().all(|p| (0.0..=1.0).contains(&p.parse::<f64>().unwrap())));
    let points = run.table("growth_points");
    assert!(!points["product"].is_empty());
    assert!(points["step"].iter().all(|s| (8..40).contains(&s.parse::<usize>().unwrap())), "points lie ahead");
    assert!(points["start"].iter().all(|day| day.starts_with("2024-")));
    let growth = run.headline("growth_products") as usize;
    let mut with_references = run.table("references")["product"].clone();
    with_references.dedup();
    assert_eq!(with_references.len(), growth);
    let report = text(&run.read("report.html"));
    for part in ["<svg", "Growth products", "How good is the classifier"] {
        assert!(report.contains(part), "{part}");
    }
    for part in ["http://", "https://"] {
        // Names of XML's own spaces are no addresses.
        assert!(!report.replace("http://www.w3.org/", "").contains(part), "the report needs no network: {part}");
    }
}

#[test]
fn e17_a_second_run_does_nothing() {
    let site = Site::new(&small());
    let first = site.run(&[]);
    let (results, events) = (first.results(), first.read("events.jsonl"));
    let output = site.output(&["run", "job.toml", "--device", "cpu"]);
    assert_eq!(code(&output), 0);
    assert!(text(&output.stdout).starts_with("finished before; --force runs it again\n"), "{output:?}");
    assert_eq!(first.results(), results);
    assert_eq!(first.read("events.jsonl"), events);
}

#[test]
fn e10_the_same_job_gives_the_same_bytes_in_any_folder_with_any_number_of_threads() {
    let (one, two) = (Site::new(&small()), Site::new(&small()));
    let first = one.run(&["--threads", "1"]);
    let others = [two.run(&["--threads", "2"]), one.run(&["--threads", "3", "--out", "elsewhere"])];
    for other in others {
        assert_ne!(other.folder, first.folder);
        assert_eq!(other.folder.file_name(), first.folder.file_name(), "the same key");
        assert_eq!(other.results(), first.results());
    }
    let seeded = one.run(&["--seed", "4"]);
    assert_ne!(seeded.read("tables/products.csv"), first.read("tables/products.csv"));
}

#[test]
fn e17_paths_are_printed_without_detours() {
    let site = Site::empty(&small());
    let job = small().text().replace("path = \"sales.csv\"", "path = \"../sales.csv\"");
    let job = job.replacen("[history]", "[output]\nfolder = \"../runs\"\n[history]", 1);
    std::fs::create_dir(site.path("jobs")).unwrap();
    site.file("jobs/job.toml", job.as_bytes());
    let missing = site.output(&["run", "jobs/job.toml", "--device", "cpu"]);
    assert!(text(&missing.stderr).contains("cannot read sales.csv: "), "{missing:?}");
    site.file("sales.csv", crate::sales::wide(&crate::sales::sales(300, 40, 1)).as_bytes());
    let output = site.output(&["run", "jobs/job.toml", "--device", "cpu"]);
    assert!(text(&output.stdout).contains("\nrun: runs/job-"), "{output:?}");
    assert!(text(&output.stdout).contains("\nreport: runs/job-"), "{output:?}");
    let again = site.command(&["run", "job.toml", "--device", "cpu"]).current_dir(site.path("jobs")).output().unwrap();
    assert!(text(&again.stdout).starts_with("finished before"), "the same run from the job's folder: {again:?}");
}

#[test]
fn e16_check_reads_everything_and_writes_nothing() {
    let site = Site::new(&small());
    let output = site.output(&["check", "job.toml", "--device", "cpu"]);
    assert_eq!(code(&output), 0, "{output:?}");
    let out = text(&output.stdout);
    for part in ["job: job (growth), all right", "products of 40 to 40 steps", "held out", "(not run yet)"] {
        assert!(out.contains(part), "{part}: {out}");
    }
    assert!(!site.has_runs());
}
