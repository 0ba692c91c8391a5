//! The bundled job on the bundled households.

use std::process::Command;

use crate::site::{Run, text};

#[test]
#[expect(clippy::disallowed_methods, reason = "test input")]
fn i3_i5_the_bundled_job_beats_counting_on_the_last_baskets() {
    let folder = tempfile::tempdir().unwrap();
    let root = env!("CARGO_MANIFEST_DIR");
    let job = std::fs::read_to_string(format!("{root}/jobs/intent.toml")).unwrap();
    let job = job.replace("../datasets", &format!("{root}/datasets")).replace("../runs", "runs");
    // Fewer networks than in the job: they only stand beside it, or make it steadier.
    let job = format!("{job}\n[network]\nseeds = 2\nbaseline_seeds = 1\nbaseline_epochs = 2\n");
    std::fs::write(folder.path().join("intent.toml"), job).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_nightloom"));
    let output = command.args(["run", "--device", "cpu", "intent.toml"]).current_dir(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let stdout = text(&output.stdout);
    let line = stdout.lines().find_map(|l| l.strip_prefix("run: ")).expect("the run's folder");
    let run = Run { folder: folder.path().join(line) };
    for row in run.rows("differences") {
        let low: f64 = row["low"].parse().unwrap();
        match (row["less"].as_str(), row["figure"].as_str()) {
            ("own frequency", "hit@1" | "MRR") => assert!(low > 0.0, "{row:?}"),
            ("smoothed prior", _) => assert!(low >= -0.005, "{row:?}"),
            _ => {}
        }
    }
    let trees = &run.rows("trees")[0];
    let number = |name: &str| -> f64 { trees[name].parse().unwrap() };
    assert!(number("any") >= number("network_hit_at_3") - 0.005, "{trees:?}");
    assert_eq!(run.rows("intents").len(), 801);
}
