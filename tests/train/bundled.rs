//! The bundled job on the bundled digits.

use std::process::Command;

use crate::site::{Run, columns, text};

/// The bundled job with another precision, run in a folder of its own.
#[test]
#[expect(clippy::disallowed_methods, reason = "test input")]
fn e8_the_digits_are_read_as_well_with_f16_storage() {
    let folder = tempfile::tempdir().unwrap();
    let root = env!("CARGO_MANIFEST_DIR");
    let job = std::fs::read_to_string(format!("{root}/jobs/train_digits.toml")).unwrap();
    let job = job.replace("../datasets", &format!("{root}/datasets")).replace("../runs", "runs");
    let accuracy = |precision: &str| {
        let path = folder.path().join(format!("{precision}.toml"));
        std::fs::write(&path, job.replace("[training]", &format!("[training]\nprecision = {precision:?}"))).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_nightloom"));
        let output = command.args(["run", "--device", "auto"]).arg(&path).current_dir(folder.path()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let stdout = text(&output.stdout);
        let line = stdout.lines().find_map(|l| l.strip_prefix("run: ")).expect("the run's folder");
        let run = Run { folder: folder.path().join(line) };
        run.headline("accuracy")
    };
    let (full, half) = (accuracy("f32"), accuracy("f16"));
    println!("| digits | f32 {full:.4} | f16 {half:.4} |");
    // 360 rows are held out: four of them are 0.011.
    assert!((full - half).abs() < 0.012, "f32 {full}, f16 {half}");
}

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
