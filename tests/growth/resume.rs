//! Kills and signals.

use std::process::Child;
use std::time::{Duration, Instant};

use crate::sales::Draws;
use crate::site::{Run, Site, code, small, temporary_files, text};

const RUN: [&str; 4] = ["run", "job.toml", "--device", "cpu"];

#[test]
fn e18_ten_sigkills_at_random_moments_change_no_byte_of_the_results() {
    let job = small().slow();
    let undisturbed = Site::new(&job);
    let start = Instant::now();
    let wanted = undisturbed.run(&[]).results();
    let whole_ms = start.elapsed().as_millis() as u64;
    let site = Site::new(&job);
    let mut draws = Draws(20_240_607);
    let (mut kills, mut resumed) = (0, 0);
    while kills < 10 {
        let mut child = site.start(&RUN);
        // A run that goes on where it was gets further each time; a quarter of the whole leaves room for ten kills.
        std::thread::sleep(Duration::from_millis(1 + draws.below((whole_ms / 4).max(2))));
        child.kill().unwrap();
        if child.wait().unwrap().code() == Some(0) {
            // Done before the kill: start from nothing, the count of kills goes on.
            resumed += count(&site, "run_resumed");
            std::fs::remove_dir_all(site.path("runs")).unwrap();
        } else {
            kills += 1;
        }
    }
    let last = site.run(&[]);
    resumed += count(&site, "run_resumed");
    assert!(resumed > 0, "no kill hit a run that had begun");
    assert_eq!(last.results(), wanted);
    assert_eq!(temporary_files(&last.folder), 0);
}

#[test]
fn e18_sigterm_gives_75_and_the_same_command_finishes() {
    let job = small().slow();
    let site = Site::new(&job);
    let child = site.start(&RUN);
    wait_for_epoch(&site);
    terminate(&child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 75, "{output:?}");
    let message = text(&output.stderr);
    assert!(message.contains("error: interrupted; what is done is kept; to go on: "), "{message}");
    assert!(!site.path("runs").read_dir().unwrap().any(|f| f.unwrap().path().join("DONE").exists()));
    let finished = site.run(&[]);
    assert_eq!(count(&site, "run_resumed"), 1);
    let trained = |name: &str| events(&site).iter().filter(|e| e["event"] == name).count();
    assert_eq!(trained("run_interrupted"), 1);
    let undisturbed = Site::new(&job);
    assert_eq!(finished.results(), undisturbed.run(&[]).results());
}

fn events(site: &Site) -> Vec<serde_json::Value> {
    let Some(folder) = site.path("runs").read_dir().ok().and_then(|mut f| f.next()) else { return vec![] };
    nightloom::run::read_events(&folder.unwrap().path().join("events.jsonl")).unwrap_or_default()
}

fn count(site: &Site, event: &str) -> usize {
    events(site).iter().filter(|e| e["event"] == event).count()
}

fn wait_for_epoch(site: &Site) {
    let start = Instant::now();
    while count(site, "epoch") == 0 {
        assert!(start.elapsed() < Duration::from_mins(1), "waited in vain for an epoch");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn terminate(child: &Child) {
    let id = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
}

#[test]
fn e19_json_logs_tell_of_every_epoch() {
    let site = Site::new(&small());
    let output = site.output(&[&RUN[..], &["--log", "json"]].concat());
    assert_eq!(code(&output), 0, "{output:?}");
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let run = Run { folder: site.path(summary["run"].as_str().unwrap()) };
    assert_eq!(summary["headline"], run.json("metrics.json")["headline"]);
    let lines: Vec<serde_json::Value> =
        text(&output.stderr).lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let epochs = lines.iter().filter(|e| e["event"] == "epoch" && e["training"] == "classifier").count();
    assert_eq!(epochs, 6);
}
