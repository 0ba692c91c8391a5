//! The bundled job on the bundled digits.

use std::process::Command;

use crate::site::{Run, columns, text};

#[test]
fn e11_the_bundled_job_reads_digits() {
    let out = tempfile::tempdir().unwrap();
    let program = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nightloom"));
        command.current_dir(env!("CARGO_MANIFEST_DIR"));
        command
    };
    let args = ["run", "jobs/train_digits.toml", "--device", "cpu", "--quiet", "--out"];
    let output = program().args(args).arg(out.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let stdout = text(&output.stdout);
    let run = Run { folder: stdout.lines().find_map(|l| l.strip_prefix("run: ")).expect("the run's folder").into() };
    assert!(run.headline("accuracy") >= 0.96, "{}", run.headline("accuracy"));
    let wanted = run.table("predictions");
    let asked = program()
        .args(["predict", &run.model(), "--data", "datasets/optdigits_1797.csv.gz", "--device", "cpu"])
        .output()
        .unwrap();
    let found = columns(&asked.stdout);
    for (i, row) in wanted["row"].iter().enumerate() {
        let own: usize = row.parse::<usize>().unwrap() - 1;
        assert_eq!(found["row"][own], *row);
        assert_eq!(found["probability_7"][own], wanted["probability_7"][i], "row {row}");
    }
}
