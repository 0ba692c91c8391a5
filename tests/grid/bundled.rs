//! The bundled job on the bundled contacts.

use std::process::Command;

use crate::site::{Run, text};

#[test]
#[expect(clippy::disallowed_methods, reason = "test input")]
fn r12_the_bundled_job_reaches_its_figures_on_late_campaigns() {
    let folder = tempfile::tempdir().unwrap();
    let root = env!("CARGO_MANIFEST_DIR");
    let job = std::fs::read_to_string(format!("{root}/jobs/grid.toml")).unwrap();
    let job = job.replace("../datasets", &format!("{root}/datasets")).replace("../runs", "runs");
    std::fs::write(folder.path().join("grid.toml"), job).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_nightloom"));
    let output = command.args(["run", "--device", "cpu", "grid.toml"]).current_dir(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let stdout = text(&output.stdout);
    let line = stdout.lines().find_map(|l| l.strip_prefix("run: ")).expect("the run's folder");
    let run = Run { folder: folder.path().join(line) };
    assert!(run.headline("auc") >= 0.82, "{}", run.headline("auc"));
    assert!(run.headline("auc_within_task") >= 0.80, "{}", run.headline("auc_within_task"));
    assert!(run.headline("lift_10") >= 4.2, "{}", run.headline("lift_10"));
    assert!(run.headline("manager_share_first") >= 0.35, "{}", run.headline("manager_share_first"));
    assert!(run.headline("gap") <= 0.001);
}
