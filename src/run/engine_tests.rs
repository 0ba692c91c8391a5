use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::artifact;
use crate::spec::{self, Head, JobErrors, JobText};

use super::super::{
    Console, DeviceUsed, ExitCode, Input, Interrupt, Job, JobKind, Kinds, LogChoice, Outcome, RunContext, RunError,
};
use super::{RunState, prepare};

struct Brew;

#[derive(Deserialize, JsonSchema)]
struct Raw {
    brew: RawBrew,
}

#[derive(Clone, Deserialize, JsonSchema)]
struct RawBrew {
    water: String,
    #[serde(default)]
    mood: String,
    #[serde(default)]
    device: String,
}

struct BrewJob {
    head: Head,
    brew: RawBrew,
    input: Input,
}

impl JobKind for Brew {
    fn name(&self) -> &'static str {
        "brew"
    }
    fn summary(&self) -> &'static str {
        "for tests"
    }
    fn schema(&self) -> Value {
        spec::job_schema::<Raw>("brew")
    }
    fn parse(&self, text: &JobText) -> Result<Box<dyn Job>, JobErrors> {
        let job = spec::parse::<Raw>(text)?;
        let input = Input { key: "brew.water".to_owned(), path: text.resolve(&job.raw.brew.water) };
        Ok(Box::new(BrewJob { head: job.head, brew: job.raw.brew, input }))
    }
}

impl Job for BrewJob {
    fn head(&self) -> &Head {
        &self.head
    }
    fn inputs(&self) -> Vec<Input> {
        vec![self.input.clone()]
    }
    fn resolved(&self) -> Value {
        json!({ "water": self.brew.water, "mood": self.brew.mood })
    }
    fn check_data(&self) -> Result<Vec<String>, RunError> {
        let text = std::fs::read_to_string(&self.input.path).map_err(RunError::data)?;
        if text.contains("salt") { Err(RunError::data("salt in the water")) } else { Ok(vec!["clear".to_owned()]) }
    }
    fn device(&self) -> Result<DeviceUsed, RunError> {
        if self.brew.device == "none" {
            return Err(RunError::device("no stove"));
        }
        Ok(DeviceUsed { id: format!("stove {}", self.brew.device), detail: String::new() })
    }
    fn run(&self, ctx: &RunContext) -> Result<Outcome, RunError> {
        artifact::write_bytes(&ctx.folder().tables().join("tea.csv"), b"tea\n")?;
        if self.brew.mood != "forgetful" {
            artifact::write_bytes(&ctx.folder().report(), b"<p>tea")?;
        }
        match self.brew.mood.as_str() {
            "angry" => Err(RunError::work("the pot broke")),
            "stopped" => Err(RunError::Interrupted),
            _ => Ok(Outcome { headline: vec![("cups".into(), 2.0), ("odd".into(), f64::NAN)], ..Outcome::default() }),
        }
    }
}

static KINDS: Kinds = Kinds(&[&Brew]);

fn prepared(root: &Path, extra: &str) -> Result<super::Prepared, RunError> {
    let text = format!("kind = \"brew\"\n[brew]\nwater = \"water.txt\"\n{extra}\n");
    prepare(KINDS, &JobText::new(root.join("tea.toml"), text)?)
}

fn execute(job: &super::Prepared, force: bool) -> Result<super::Summary, RunError> {
    job.execute(&Console::on_stderr(LogChoice::Plain, true), &Interrupt::default(), force)
}

fn root(water: &str) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    artifact::write_bytes(&root.path().join("water.txt"), water.as_bytes()).unwrap();
    root
}

#[test]
fn e17_a_run_is_done_once_unless_forced_or_damaged() {
    let root = root("water");
    let job = prepared(root.path(), "").unwrap();
    assert_eq!(job.state().unwrap(), RunState::New);
    let table = job.folder().tables().join("tea.csv");
    let first = execute(&job, false).unwrap();
    assert!(!first.done_before);
    assert_eq!(first.headline, [("cups".to_owned(), Some(2.0)), ("odd".to_owned(), None)]);
    assert_eq!(job.state().unwrap(), RunState::Finished);
    let second = execute(&job, false).unwrap();
    assert!(second.done_before);
    assert_eq!(second.headline, first.headline);
    assert!(!execute(&job, true).unwrap().done_before);
    std::fs::remove_file(&table).unwrap();
    assert_eq!(job.state().unwrap(), RunState::Started);
    assert!(!execute(&job, false).unwrap().done_before);
    assert!(table.exists());
}

#[test]
fn e17_the_key_knows_job_inputs_and_device_but_not_threads_or_folder() {
    let root = root("water");
    let key = |extra: &str| prepared(root.path(), extra).unwrap().key;
    let plain = key("");
    assert_eq!(key("[output]\nfolder = \"elsewhere\""), plain);
    let text = "kind = \"brew\"\nthreads = 2\nname = \"tea\"\n[brew]\nwater = \"water.txt\"\n";
    assert_eq!(prepare(KINDS, &JobText::new(root.path().join("tea.toml"), text).unwrap()).unwrap().key, plain);
    assert_ne!(key("mood = \"calm\""), plain);
    assert_ne!(key("device = \"two\""), plain);
    assert_ne!(key("[output]\nformat = \"parquet\""), plain);
    artifact::write_bytes(&root.path().join("water.txt"), b"other water").unwrap();
    assert_ne!(key(""), plain);
}

#[test]
fn e17_a_moved_folder_keeps_its_key() {
    let (one, two) = (root("water"), root("water"));
    assert_eq!(prepared(one.path(), "").unwrap().key, prepared(two.path(), "").unwrap().key);
}

#[test]
fn e16_bad_data_and_missing_files_leave_no_folder() {
    let salty = root("salt water");
    let job = prepared(salty.path(), "").unwrap();
    let error = execute(&job, false).unwrap_err();
    assert_eq!((error.to_string().as_str(), error.exit_code()), ("salt in the water", ExitCode::Invalid));
    assert!(!salty.path().join("runs").exists());
    let dry = tempfile::tempdir().unwrap();
    let error = prepared(dry.path(), "").err().unwrap();
    assert!(error.to_string().contains("tea.toml:3:9: brew.water: cannot read "), "{error}");
    assert_eq!(error.exit_code(), ExitCode::Invalid);
}

#[test]
fn e19_errors_have_their_exit_codes_and_are_no_finished_runs() {
    let root = root("water");
    let cases = [("angry", ExitCode::Failed), ("stopped", ExitCode::Interrupted), ("forgetful", ExitCode::Failed)];
    for (mood, code) in cases {
        let job = prepared(root.path(), &format!("mood = \"{mood}\"")).unwrap();
        assert_eq!(execute(&job, false).unwrap_err().exit_code(), code, "{mood}");
        assert_eq!(job.state().unwrap(), RunState::Started, "{mood}");
    }
    let error = prepared(root.path(), "device = \"none\"").err().unwrap();
    assert_eq!(error.exit_code(), ExitCode::Device);
}

#[test]
fn e17_the_manifest_lists_results_with_their_hashes() {
    let root = root("water");
    let job = prepared(root.path(), "").unwrap();
    execute(&job, false).unwrap();
    let done = super::Done::read(job.folder()).unwrap().unwrap();
    let paths: Vec<&str> = done.files.iter().map(|f| f.path.as_str()).collect();
    assert_eq!(paths, ["job.json", "metrics.json", "tables/tea.csv"]);
    assert_eq!(done.files[2].size_bytes, 4);
    let tea = job.folder().tables().join("tea.csv");
    assert_eq!(done.files[2].sha256, super::sha256_file(&tea).unwrap().1);
    assert_eq!(done.key, job.key);
}

#[test]
fn e16_unknown_kinds_get_a_suggestion() {
    let text = JobText::new("tea.toml", "kind = \"brwe\"").unwrap();
    let error = prepare(KINDS, &text).err().unwrap().to_string();
    assert_eq!(
        error,
        "tea.toml:1:8: kind: no such kind of job, expected one of `brew`, got \"brwe\"; did you mean `brew`?"
    );
}
