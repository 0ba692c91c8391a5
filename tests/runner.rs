//! Drives the program: signals, kills, locks, exit codes, and what it prints. Its jobs are of the kind `selftest`.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const QUICK: &str = "[selftest]\nstages = 3\nsteps = 6\npause_ms = 0\ncheckpoint_every = 2\n";
const SLOW: &str = "[selftest]\nstages = 4\nsteps = 25\npause_ms = 4\ncheckpoint_every = 5\n";

/// A folder with a job file in it.
struct Site {
    root: tempfile::TempDir,
}

impl Site {
    fn new(job: &str) -> Self {
        let site = Self { root: tempfile::tempdir().unwrap() };
        site.file("job.toml", format!("kind = \"selftest\"\n{job}").as_bytes());
        site
    }

    #[expect(clippy::disallowed_methods, reason = "test input")]
    fn file(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.root.path().join(name), bytes).unwrap();
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nightloom"));
        command.args(args).current_dir(self.root.path()).env_remove("NO_COLOR").stdin(Stdio::null());
        command
    }

    fn output(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    fn start(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// The one run folder there is.
    fn run(&self) -> PathBuf {
        let mut folders = std::fs::read_dir(self.root.path().join("runs")).unwrap();
        let folder = folders.next().unwrap().unwrap().path();
        assert!(folders.next().is_none(), "more than one run folder");
        folder
    }

    fn events(&self) -> Vec<Value> {
        nightloom::run::read_events(&self.run().join("events.jsonl")).unwrap()
    }

    fn count(&self, event: &str) -> usize {
        self.events().iter().filter(|e| e["event"] == event).count()
    }

    fn has_folder(&self) -> bool {
        self.root.path().join("runs").exists()
    }

    /// Waits until the run has written its first checkpoint.
    fn wait_for_checkpoint(&self) {
        let root = self.root.path().join("runs");
        let log = || Some(std::fs::read_dir(&root).ok()?.next()?.ok()?.path().join("events.jsonl"));
        let has_checkpoint = |file| std::fs::read_to_string(file).is_ok_and(|text| text.contains("\"checkpoint\""));
        let start = Instant::now();
        while !log().is_some_and(has_checkpoint) {
            assert!(start.elapsed() < Duration::from_mins(1), "waited in vain for a checkpoint");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("an exit code")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    assert!(Command::new("sh").args(["-c", &format!("kill -{name} {id}")]).status().unwrap().success());
}

/// The result files of a run by path, with their bytes, and `DONE`.
fn results(run: &Path) -> BTreeMap<String, Vec<u8>> {
    let done: Value = serde_json::from_slice(&std::fs::read(run.join("DONE")).unwrap()).unwrap();
    let mut files: Vec<String> =
        done["files"].as_array().unwrap().iter().map(|f| f["path"].as_str().unwrap().to_owned()).collect();
    assert_eq!(files, ["job.json", "metrics.json", "models/state.json", "tables/stages.csv"]);
    files.push("DONE".to_owned());
    files.into_iter().map(|f| (f.clone(), std::fs::read(run.join(&f)).unwrap())).collect()
}

fn temporary_files(folder: &Path) -> usize {
    let count = |entry: std::fs::DirEntry| {
        if entry.file_type().unwrap().is_dir() {
            temporary_files(&entry.path())
        } else {
            usize::from(entry.file_name().to_string_lossy().starts_with(".tmp-"))
        }
    };
    std::fs::read_dir(folder).unwrap().map(|e| count(e.unwrap())).sum()
}

#[test]
fn e17_a_run_leaves_its_folder_and_says_where_the_report_is() {
    let site = Site::new(QUICK);
    let output = site.output(&["run", "job.toml"]);
    assert_eq!(code(&output), 0, "{output:?}");
    let run = site.run();
    assert_eq!(results(&run).len(), 5);
    for file in ["events.jsonl", "report.html", "timing.json", "checkpoints", "LOCK"] {
        assert!(run.join(file).exists(), "{file}");
    }
    let out = text(&output.stdout);
    let report = out.lines().find_map(|l| l.strip_prefix("report: ")).expect("the report's path");
    assert!(site.root.path().join(report).exists(), "{report}");
    assert!(out.contains("stages: 3\n"), "{out}");
    let name = run.file_name().unwrap().to_string_lossy().into_owned();
    let key = name.strip_prefix("job-").expect("the job's name");
    assert!(key.len() == 12 && key.chars().all(|c| c.is_ascii_hexdigit()), "{key}");
}

#[test]
fn e18_sigterm_and_sigint_give_75_and_the_same_command_resumes() {
    let undisturbed = Site::new(SLOW);
    assert_eq!(code(&undisturbed.output(&["run", "job.toml"])), 0);
    for name in ["TERM", "INT"] {
        let site = Site::new(SLOW);
        let child = site.start(&["run", "job.toml"]);
        site.wait_for_checkpoint();
        signal(&child, name);
        let output = child.wait_with_output().unwrap();
        assert_eq!(code(&output), 75, "{output:?}");
        let message = text(&output.stderr);
        assert!(message.contains("error: interrupted; what is done is kept; to go on: "), "{message}");
        assert!(message.trim_end().ends_with(" run job.toml"), "{message}");
        assert!(!site.run().join("DONE").exists());
        assert_eq!(site.count("run_interrupted"), 1);
        assert_eq!(code(&site.output(&["run", "job.toml"])), 0);
        assert_eq!(site.count("run_resumed"), 1);
        assert_eq!(results(&site.run()), results(&undisturbed.run()));
    }
}

#[test]
fn e18_a_second_signal_ends_at_once() {
    let site = Site::new("[selftest]\nstages = 1\nsteps = 100\npause_ms = 30000\ncheckpoint_every = 1\n");
    let mut child = site.start(&["run", "job.toml"]);
    site.wait_for_checkpoint();
    signal(&child, "TERM");
    std::thread::sleep(Duration::from_millis(300));
    assert!(child.try_wait().unwrap().is_none(), "the first signal waits for the step");
    signal(&child, "TERM");
    let start = Instant::now();
    assert_eq!(child.wait().unwrap().code(), Some(75));
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn e18_ten_sigkills_at_random_moments_change_no_byte_of_the_results() {
    let undisturbed = Site::new(SLOW);
    let start = Instant::now();
    assert_eq!(code(&undisturbed.output(&["run", "job.toml"])), 0);
    let whole_ms = start.elapsed().as_millis() as u64;
    let site = Site::new(SLOW);
    let mut state = u64::from(std::process::id()).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut kills = 0;
    let mut finished_early = 0;
    while kills < 10 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let mut child = site.start(&["run", "job.toml"]);
        std::thread::sleep(Duration::from_millis(1 + state % (whole_ms / 4).max(2)));
        child.kill().unwrap();
        if child.wait().unwrap().code() == Some(0) {
            // Done before the kill: start from nothing, the count of kills goes on.
            finished_early += 1;
            assert!(finished_early < 20);
            assert_eq!(results(&site.run()), results(&undisturbed.run()));
            std::fs::remove_dir_all(site.root.path().join("runs")).unwrap();
        } else {
            kills += 1;
        }
    }
    let output = site.output(&["run", "job.toml"]);
    assert_eq!(code(&output), 0, "{output:?}");
    assert_eq!(results(&site.run()), results(&undisturbed.run()));
    assert_eq!(temporary_files(&site.run()), 0);
}

#[test]
fn e18_a_lock_keeps_two_runs_apart_and_dies_with_its_process() {
    let site = Site::new(SLOW);
    let mut child = site.start(&["run", "job.toml"]);
    site.wait_for_checkpoint();
    let second = site.output(&["run", "job.toml"]);
    assert_eq!(code(&second), 4, "{second:?}");
    assert!(text(&second.stderr).contains(&format!("process {} on ", child.id())), "{second:?}");
    child.kill().unwrap();
    child.wait().unwrap();
    let third = site.output(&["run", "job.toml"]);
    assert_eq!(code(&third), 0, "{third:?}");
}

#[test]
fn e17_a_finished_run_is_not_run_again_unless_forced() {
    let site = Site::new(QUICK);
    assert_eq!(code(&site.output(&["run", "job.toml"])), 0);
    let events = site.events().len();
    let first = results(&site.run());
    let again = site.output(&["run", "job.toml"]);
    assert_eq!(code(&again), 0);
    assert!(text(&again.stdout).starts_with("finished before; --force runs it again\nstages: 3\n"), "{again:?}");
    assert_eq!(site.events().len(), events);
    let forced = site.output(&["run", "job.toml", "--force"]);
    assert_eq!(code(&forced), 0, "{forced:?}");
    assert_eq!((site.count("stage_finished"), site.count("stage_skipped"), site.count("run_started")), (3, 0, 1));
    assert_eq!(results(&site.run()), first);
}

#[test]
fn e10_threads_and_place_do_not_change_results() {
    let site = Site::new(QUICK);
    assert_eq!(code(&site.output(&["run", "job.toml", "--threads", "1"])), 0);
    assert_eq!(code(&site.output(&["run", "job.toml", "--threads", "2", "--out", "elsewhere"])), 0);
    let elsewhere = site.root.path().join("elsewhere").join(site.run().file_name().unwrap());
    assert_eq!(results(&elsewhere), results(&site.run()));
    assert_eq!(code(&site.output(&["run", "job.toml", "--seed", "5", "--out", "seeded"])), 0);
    assert!(!site.root.path().join("seeded").join(site.run().file_name().unwrap()).exists());
}

#[test]
fn e19_failed_steps_give_1_and_are_tried_again() {
    let site = Site::new(&format!("{QUICK}fail_stages = [2]\n"));
    for attempt in 1..=2 {
        let output = site.output(&["run", "job.toml"]);
        assert_eq!(code(&output), 1, "{output:?}");
        assert!(text(&output.stdout).contains("failed: stage 2: asked to fail"), "{output:?}");
        assert!(!site.run().join("DONE").exists());
        assert!(site.run().join("report.html").exists());
        assert_eq!(site.count("run_finished"), attempt);
    }
    assert_eq!(site.count("stage_finished"), 2);
}

#[test]
fn e16_bad_jobs_give_2_name_the_line_and_leave_no_folder() {
    let cases: [(&str, &[&str]); 8] = [
        ("[selftest]\nstagse = 3\n", &["job.toml:3:1: selftest.stagse: unknown key", "did you mean `stages`?"]),
        ("[selftset]\n", &["job.toml:2:2: selftset: unknown key", "did you mean `selftest`?"]),
        ("[selftest]\nsteps = \"many\"\n", &["job.toml:3:9: selftest.steps: expected a whole number of at least 0"]),
        ("[selftest]\nsteps = 0\n", &["job.toml:3:9: selftest.steps: expected at least 1, got 0"]),
        ("[selftest\nsteps = 0\n", &["job.toml:2:10: not valid TOML"]),
        ("device = \"gqu\"\n", &["job.toml:2:10: device: expected `auto`", "did you mean `gpu`?"]),
        ("[output]\nformat = \"parquet\"\n", &["job.toml:3:10: output.format: expected `csv`"]),
        (
            "seed = true\n[selftest]\nfiles = [\"a\", \"nothere.csv\"]\nfail_stages = [9]\nx = 1\n",
            &["job.toml:2:8: seed: expected a whole number", "job.toml:6:1: selftest.x: unknown key"],
        ),
    ];
    for (job, parts) in cases {
        let site = Site::new(job);
        for command in ["run", "check"] {
            let output = site.output(&[command, "job.toml"]);
            assert_eq!(code(&output), 2, "{job}: {output:?}");
            for part in parts {
                assert!(text(&output.stderr).contains(part), "{job}: {part}\n{}", text(&output.stderr));
            }
            assert!(output.stdout.is_empty());
            assert!(!site.has_folder());
        }
    }
}

#[test]
fn e16_a_missing_job_file_or_input_or_kind_gives_2() {
    let site = Site::new("[selftest]\nfiles = [\"a.csv\", \"nothere.csv\"]\n");
    site.file("a.csv", b"1");
    site.file("other.toml", b"kind = \"selftset\"\n");
    let case = |args: &[&str], part: &str| {
        let output = site.output(args);
        assert_eq!(code(&output), 2, "{output:?}");
        assert!(text(&output.stderr).contains(part), "{output:?}");
    };
    case(&["run", "jbo.toml"], "jbo.toml: cannot read the job file: No such file or directory (os error 2); did you");
    case(&["run", "job.toml"], "job.toml:3:19: selftest.files[1]: cannot read nothere.csv: No such file");
    case(&["run", "other.toml"], "got \"selftset\"; did you mean `selftest`?");
    case(&["run"], "<JOB>");
    case(&["run", "job.toml", "--device", "gqu"], "did you mean `gpu`?");
    case(&["schema", "selftset"], "did you mean `selftest`?");
    assert!(!site.has_folder());
}

#[test]
fn e16_wrong_data_gives_2_and_leaves_no_folder() {
    let site = Site::new("[selftest]\nfiles = [\"empty.csv\"]\n");
    site.file("empty.csv", b"");
    for command in ["run", "check"] {
        let output = site.output(&[command, "job.toml"]);
        assert_eq!(code(&output), 2, "{output:?}");
        assert!(text(&output.stderr).contains("empty.csv: expected something to hash, got an empty file"));
    }
    assert!(!site.has_folder());
}

#[test]
fn e16_check_tells_what_would_run_and_writes_nothing() {
    let site = Site::new(QUICK);
    let output = site.output(&["check", "job.toml"]);
    assert_eq!(code(&output), 0, "{output:?}");
    let out = text(&output.stdout);
    assert!(out.starts_with("job: job (selftest), all right\ndata: 0 files, 0 bytes\ndevice: CPU"), "{out}");
    assert!(out.contains("(not run yet)"), "{out}");
    assert!(!site.has_folder());
    assert_eq!(code(&site.output(&["run", "job.toml"])), 0);
    assert!(text(&site.output(&["check", "job.toml"]).stdout).contains("(finished; `run --force` runs it again)"));
}

#[test]
fn e19_json_logs_are_json_lines_and_stdout_is_one_object() {
    let site = Site::new(QUICK);
    let output = site.output(&["run", "job.toml", "--log", "json"]);
    let lines = |output: &Output| -> Vec<Value> {
        text(&output.stderr).lines().map(|l| serde_json::from_str(l).expect(l)).collect()
    };
    let names: Vec<String> = lines(&output).iter().map(|e| e["event"].as_str().unwrap().to_owned()).collect();
    for name in ["run_started", "info", "stage_started", "checkpoint", "progress", "stage_finished", "run_finished"] {
        assert!(names.iter().any(|n| n == name), "{name}: {names:?}");
    }
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["headline"]["stages"], 3.0);
    assert!(Path::new(summary["report"].as_str().unwrap()).ends_with("report.html"));
    let missing = site.output(&["run", "nothere.toml", "--log", "json"]);
    assert_eq!(code(&missing), 2);
    assert_eq!(lines(&missing)[0]["event"], "error");
}

#[test]
fn e19_without_a_terminal_there_are_plain_lines_and_quiet_is_quiet() {
    let site = Site::new(QUICK);
    let err = text(&site.output(&["run", "job.toml"]).stderr);
    assert!(!err.contains(['\x1b', '\r']), "{err:?}");
    assert!(err.contains("\nhash-1 ...\nhash-1: done in "), "{err}");
    assert!(err.contains("steps: 18/18 (100%)"), "{err}");
    let quiet = site.output(&["run", "job.toml", "--force", "--quiet"]);
    assert!(quiet.stderr.is_empty(), "{quiet:?}");
    assert!(text(&quiet.stdout).contains("report: "));
}

/// `script` (in Debian's essential package bsdutils) gives the program a terminal.
#[cfg(target_os = "linux")]
#[test]
fn e19_a_terminal_gets_bars_with_colour_only_where_it_is_wanted() {
    let site = Site::new("[selftest]\nstages = 2\nsteps = 20\npause_ms = 20\n");
    let on_terminal = |no_color: Option<&str>| {
        let line = format!("{} run job.toml --force", env!("CARGO_BIN_EXE_nightloom"));
        let mut command = Command::new("script");
        command.args(["-q", "-e", "-c", &line, "/dev/null"]).current_dir(site.root.path());
        command.env_remove("NO_COLOR").env("TERM", "xterm-256color").stdin(Stdio::null());
        if let Some(value) = no_color {
            command.env("NO_COLOR", value);
        }
        let output = command.output().expect("`script` of the package bsdutils");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let coloured = on_terminal(None);
    assert!(coloured.contains("/40 "), "{coloured:?}");
    assert!(coloured.contains("\x1b[36m"), "{coloured:?}");
    let plain = on_terminal(Some("1"));
    assert!(plain.contains("/40 "), "{plain:?}");
    assert!(!plain.contains("\x1b[36m") && !plain.contains("\x1b[2m"), "{plain:?}");
}

#[test]
fn e2_a_device_that_cannot_do_it_gives_3() {
    let site = Site::new(QUICK);
    let output = site.output(&["run", "job.toml", "--device", "gpu:1"]);
    assert_eq!(code(&output), 3, "{output:?}");
    assert!(text(&output.stderr).contains("expected auto or cpu, got gpu:1"), "{output:?}");
    assert!(!site.has_folder());
}

#[test]
fn e16_schemas_are_printed() {
    let site = Site::new("");
    let one: Value = serde_json::from_slice(&site.output(&["schema", "selftest"]).stdout).unwrap();
    assert_eq!(one["properties"]["kind"]["const"], "selftest");
    let all: Value = serde_json::from_slice(&site.output(&["schema", "--all"]).stdout).unwrap();
    assert!(all["oneOf"].as_array().unwrap().iter().any(|s| s["properties"]["kind"]["const"] == "selftest"));
    assert!(text(&site.output(&["schema"]).stdout).contains("selftest "));
}
