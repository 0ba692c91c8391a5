//! A folder with a job and its tables, and the program run there.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

pub const DIGITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/datasets/optdigits_1797.csv.gz");

pub struct Site {
    root: tempfile::TempDir,
}

impl Site {
    /// A folder with `job.toml`.
    pub fn new(job: &str) -> Self {
        let site = Self { root: tempfile::tempdir().unwrap() };
        site.file("job.toml", job);
        site
    }

    /// One with a bundled job, changed by `change`.
    pub fn bundled(name: &str, change: impl FnOnce(String) -> String) -> Self {
        let root = env!("CARGO_MANIFEST_DIR");
        let job = std::fs::read_to_string(format!("{root}/jobs/{name}.toml")).unwrap();
        Self::new(&change(job.replace("../datasets", &format!("{root}/datasets")).replace("../runs", "runs")))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    #[expect(clippy::disallowed_methods, reason = "test input")]
    pub fn file(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub fn output(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nightloom"));
        command.args(args).current_dir(self.root.path()).stdin(Stdio::null()).output().unwrap()
    }

    /// Runs the job on the CPU; it must succeed.
    pub fn run(&self, more: &[&str]) -> Run {
        let output = self.output(&[&["run", "job.toml", "--device", "cpu", "--quiet"], more].concat());
        assert_eq!(code(&output), 0, "{}", text(&output.stderr));
        let out = text(&output.stdout);
        let line = out.lines().find_map(|l| l.strip_prefix("run: ")).expect("the run's folder");
        Run { folder: self.path(line) }
    }

    /// What `check` and `run` say of a job that must be refused.
    pub fn refused(&self) -> String {
        for command in ["check", "run"] {
            let output = self.output(&[command, "job.toml", "--device", "cpu"]);
            assert_eq!(code(&output), 2, "{command}: {}", text(&output.stderr));
        }
        assert!(!self.path("runs").exists());
        text(&self.output(&["check", "job.toml", "--device", "cpu"]).stderr)
    }

    /// What the run's model says of a table.
    pub fn predict(&self, run: &Run, table: &str) -> Columns {
        let model = run.folder.join("models/model.safetensors");
        let output = self.output(&["predict", model.to_str().unwrap(), "--data", table, "--device", "cpu"]);
        assert_eq!(code(&output), 0, "{}", text(&output.stderr));
        columns(&output.stdout)
    }
}

pub fn code(output: &Output) -> i32 {
    output.status.code().expect("an exit code")
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A table by columns.
pub type Columns = BTreeMap<String, Vec<String>>;

pub fn columns(bytes: &[u8]) -> Columns {
    let mut reader = csv::Reader::from_reader(bytes);
    let names: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let mut columns: Columns = names.iter().map(|name| (name.clone(), vec![])).collect();
    for record in reader.records() {
        for (name, cell) in names.iter().zip(&record.unwrap()) {
            columns.get_mut(name).unwrap().push(cell.to_owned());
        }
    }
    columns
}

pub fn numbers(cells: &[String]) -> Vec<f64> {
    cells.iter().map(|cell| cell.parse().unwrap()).collect()
}

/// A finished run.
pub struct Run {
    pub folder: PathBuf,
}

impl Run {
    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.folder.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    pub fn table(&self, name: &str) -> Columns {
        columns(&self.read(&format!("tables/{name}.csv")))
    }

    pub fn report(&self) -> String {
        text(&self.read("report.html"))
    }

    pub fn metrics(&self) -> Value {
        serde_json::from_slice(&self.read("metrics.json")).unwrap()
    }

    pub fn headline(&self, name: &str) -> f64 {
        self.metrics()["headline"][name].as_f64().unwrap_or_else(|| panic!("no {name}"))
    }

    /// The result files by path, with their bytes.
    pub fn results(&self) -> BTreeMap<String, Vec<u8>> {
        let done: Value = serde_json::from_slice(&self.read("DONE")).unwrap();
        let files = done["files"].as_array().unwrap().iter().map(|f| f["path"].as_str().unwrap().to_owned());
        files.map(|f| (f.clone(), self.read(&f))).collect()
    }
}
