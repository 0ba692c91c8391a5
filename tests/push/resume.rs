//! Kills and signals.

use std::time::{Duration, Instant};

use crate::site::{JOB, Site, code, text};

const RUN: [&str; 4] = ["run", "job.toml", "--device", "cpu"];

fn slow() -> String {
    format!("{JOB}max_rounds = 20\n[push]\nrounds = 20\n[evaluation]\nseeds = 12\nk = 2\n")
}

#[test]
fn e18_sigkills_at_random_moments_change_no_byte_of_the_results() {
    let undisturbed = Site::new(&slow());
    let start = Instant::now();
    let wanted = undisturbed.run(&[]).results();
    let whole_ms = (start.elapsed().as_millis() as u64).max(10);
    let site = Site::new(&slow());
    let mut draw = 20_261_122_u64;
    let mut kills = 0;
    while kills < 6 {
        let mut child = site.start(&RUN);
        draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        std::thread::sleep(Duration::from_millis(1 + (draw >> 33) % (whole_ms / 2).max(2)));
        child.kill().unwrap();
        if child.wait().unwrap().code() == Some(0) {
            std::fs::remove_dir_all(site.path("runs")).unwrap();
        } else {
            kills += 1;
        }
    }
    assert_eq!(site.run(&[]).results(), wanted);
}

#[test]
fn e18_sigterm_gives_75_and_the_same_command_goes_on() {
    let job = slow().replace("seeds = 12", "seeds = 30");
    let site = Site::new(&job);
    let child = site.start(&RUN);
    let start = Instant::now();
    while events(&site, "stage_finished") < 3 {
        assert!(start.elapsed() < Duration::from_mins(1), "waited in vain for a stage");
        std::thread::sleep(Duration::from_millis(5));
    }
    let id = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 75, "{output:?}");
    assert!(text(&output.stderr).contains("error: interrupted; what is done is kept"));
    let finished = site.run(&[]);
    assert!(events(&site, "stage_skipped") >= 3, "what was done was not done again");
    assert_eq!(finished.results(), Site::new(&job).run(&[]).results());
}

fn events(site: &Site, event: &str) -> usize {
    let Some(folder) = site.path("runs").read_dir().ok().and_then(|mut f| f.next()) else { return 0 };
    let events = nightloom::run::read_events(&folder.unwrap().path().join("events.jsonl")).unwrap_or_default();
    events.iter().filter(|e| e["event"] == event).count()
}
