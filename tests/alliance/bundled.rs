//! The bundled job on real sales.

use std::process::Command;

use crate::site::{Run, text};

#[test]
fn a8_the_bundled_job_beats_training_alone_and_the_clear_is_met() {
    let out = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_nightloom"));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    let args = ["run", "jobs/alliance.toml", "--device", "cpu", "--quiet", "--out"];
    let output = command.args(args).arg(out.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let stdout = text(&output.stdout);
    let run = Run { folder: stdout.lines().find_map(|l| l.strip_prefix("run: ")).expect("the run's folder").into() };
    let (alone, together) = (run.numbers("companies", "rmse_alone"), run.numbers("companies", "rmse_encrypted"));
    for ((alone, together), simple) in alone.iter().zip(&together).zip(run.numbers("companies", "rmse_as_average")) {
        assert!(together < alone && *together < simple, "{together} {alone} {simple}");
    }
    assert!(run.headline("difference_in_half_steps") <= 1.0 + 1e-6);
    assert!(run.headline("bytes_a_value") < 5.2);
    let details = run.json("metrics.json")["details"].clone();
    assert_eq!(details["equal_models"], true);
    let largest = details["largest_difference_of_models"].as_f64().expect("a number");
    assert!(largest <= details["stated_difference_of_models"].as_f64().expect("a number"), "{largest}");
}
