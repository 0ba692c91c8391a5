//! Kills and signals.

use std::time::{Duration, Instant};

use crate::site::{Draws, Site, code, text, waves};

const RUN: [&str; 4] = ["run", "job.toml", "--device", "cpu"];

#[test]
fn e18_sigkills_at_random_moments_change_no_byte_of_the_results() {
    let job = waves().slow();
    let undisturbed = Site::new(&job);
    let start = Instant::now();
    let wanted = undisturbed.run(&[]).results();
    let whole_ms = start.elapsed().as_millis() as u64;
    let site = Site::new(&job);
    let mut draws = Draws(20_261_122);
    let (mut kills, mut resumed) = (0, 0);
    while kills < 6 {
        let mut child = site.start(&RUN);
        std::thread::sleep(Duration::from_millis(1 + draws.below((whole_ms / 3).max(2))));
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
}

#[test]
fn e18_sigterm_gives_75_and_the_same_command_goes_on_from_its_checkpoint() {
    let job = waves().slow();
    let site = Site::new(&job);
    let child = site.start(&RUN);
    wait_for_epoch(&site);
    let id = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 75, "{output:?}");
    assert!(text(&output.stderr).contains("error: interrupted; what is done is kept; to go on: "));
    let before = last_epoch(&site);
    let finished = site.run(&[]);
    assert_eq!((count(&site, "run_interrupted"), count(&site, "run_resumed")), (1, 1));
    let after = epochs(&site).into_iter().nth(before as usize).expect("it went on");
    assert_eq!(after, before + 1, "no epoch is done twice");
    assert_eq!(finished.results(), Site::new(&job).run(&[]).results());
}

fn events(site: &Site) -> Vec<serde_json::Value> {
    let Some(folder) = site.path("runs").read_dir().ok().and_then(|mut f| f.next()) else { return vec![] };
    nightloom::run::read_events(&folder.unwrap().path().join("events.jsonl")).unwrap_or_default()
}

fn count(site: &Site, event: &str) -> usize {
    events(site).iter().filter(|e| e["event"] == event).count()
}

fn epochs(site: &Site) -> Vec<u64> {
    events(site).iter().filter(|e| e["event"] == "epoch").filter_map(|e| e["epoch"].as_u64()).collect()
}

fn last_epoch(site: &Site) -> u64 {
    epochs(site).last().copied().expect("an epoch")
}

fn wait_for_epoch(site: &Site) {
    let start = Instant::now();
    while count(site, "epoch") == 0 {
        assert!(start.elapsed() < Duration::from_mins(1), "waited in vain for an epoch");
        std::thread::sleep(Duration::from_millis(5));
    }
}
