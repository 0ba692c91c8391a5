//! A folder with a small growth job in it, and the program run there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use crate::sales;

/// The parts of the small job; tests change some.
#[derive(Clone)]
pub struct Job {
    pub head: String,
    pub history: String,
    pub current: String,
    pub monitor: String,
    pub increments: String,
    pub classifier: String,
    pub classifier_training: String,
    pub references: String,
    pub points: String,
    pub shared: String,
    pub points_training: String,
}

/// The wide form of the made-up sales.
pub const WIDE: &str = "source = { path = \"sales.csv\" }\nform = \"wide\"\nproduct = \"product\"\nsteps = \"w1..w40\"\n\
                        start = \"2024-01-01\"\nstep = \"week\"\nattributes = [\"category\"]";

/// Their long form.
pub const LONG: &str = "source = { path = \"long.csv\" }\nform = \"long\"\nproduct = \"product\"\ntime = \"day\"\n\
                        quantity = \"pieces\"\nstep = \"week\"\nattributes = [\"category\"]";

pub fn small() -> Job {
    Job {
        head: "kind = \"growth\"\nseed = 3".to_owned(),
        history: WIDE.to_owned(),
        current: String::new(),
        monitor: "early_steps = 8\nmin_volume = 5.0".to_owned(),
        increments: String::new(),
        classifier:
            "members = 2\nfeatures = [\"log\", \"relative\"]\nlayers = [\n  { kind = \"conv1d\", channels = 4, \
                     kernel = 3, activation = \"relu\" },\n  { kind = \"flatten\" },\n]"
                .to_owned(),
        classifier_training: "epochs = 6\nbatch = 32\nrate = 0.01".to_owned(),
        references: "min_references = 10".to_owned(),
        points: "hidden = [8]".to_owned(),
        shared: "[points.shared.training]\nepochs = 3\nbatch = 32\nrate = 0.01".to_owned(),
        points_training: "epochs = 6\nbatch = 32\nrate = 0.002".to_owned(),
    }
}

impl Job {
    /// The job with more epochs, so that there is time to disturb it.
    pub fn slow(mut self) -> Self {
        self.classifier_training = String::from("epochs = 400\nbatch = 32\nrate = 0.002");
        self.points_training = String::from("epochs = 200\nbatch = 32\nrate = 0.0005");
        self
    }

    pub fn text(&self) -> String {
        let current = if self.current.is_empty() { String::new() } else { format!("[current]\n{}\n", self.current) };
        format!(
            "{}\n[history]\n{}\n{current}[monitor]\n{}\n[increments]\n{}\n[classifier]\n{}\n[classifier.training]\n{}\n\
             [references]\n{}\n[points]\n{}\n[points.training]\n{}\n{}\n[report]\npictures = 3\n",
            self.head,
            self.history,
            self.monitor,
            self.increments,
            self.classifier,
            self.classifier_training,
            self.references,
            self.points,
            self.points_training,
            self.shared,
        )
    }
}

pub struct Site {
    root: tempfile::TempDir,
}

impl Site {
    /// A folder with the job and the made-up sales as `sales.csv`.
    pub fn new(job: &Job) -> Self {
        let site = Self::empty(job);
        site.file("sales.csv", sales::wide(&sales::sales(300, 40, 1)).as_bytes());
        site
    }

    /// A folder with the job alone.
    pub fn empty(job: &Job) -> Self {
        let site = Self { root: tempfile::tempdir().unwrap() };
        site.file("job.toml", job.text().as_bytes());
        site
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    #[expect(clippy::disallowed_methods, reason = "test input")]
    pub fn file(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nightloom"));
        command.args(args).current_dir(self.root.path()).stdin(Stdio::null());
        command
    }

    pub fn output(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    pub fn start(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Runs the job on the CPU; it must succeed.
    pub fn run(&self, more: &[&str]) -> Run {
        let output = self.output(&[&["run", "job.toml", "--device", "cpu"], more].concat());
        assert_eq!(code(&output), 0, "{}", text(&output.stderr));
        Run::of_output(self, &output)
    }

    pub fn has_runs(&self) -> bool {
        self.path("runs").exists()
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

/// A finished run.
pub struct Run {
    pub folder: PathBuf,
}

impl Run {
    pub fn of_output(site: &Site, output: &Output) -> Self {
        let out = text(&output.stdout);
        let line = out.lines().find_map(|l| l.strip_prefix("run: ")).expect("the run's folder");
        Self { folder: site.path(line) }
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.folder.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    pub fn table(&self, name: &str) -> Columns {
        columns(&self.read(&format!("tables/{name}.csv")))
    }

    pub fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&self.read(name)).unwrap()
    }

    pub fn headline(&self, name: &str) -> f64 {
        self.json("metrics.json")["headline"][name].as_f64().unwrap_or_else(|| panic!("no {name}"))
    }

    /// The result files by path, with their bytes, and `DONE`.
    pub fn results(&self) -> BTreeMap<String, Vec<u8>> {
        let done = self.json("DONE");
        let files = done["files"].as_array().unwrap().iter().map(|f| f["path"].as_str().unwrap().to_owned());
        files.chain(["DONE".to_owned()]).map(|f| (f.clone(), self.read(&f))).collect()
    }

    /// Probabilities by product, as written.
    pub fn probabilities(&self) -> BTreeMap<String, String> {
        let products = self.table("products");
        products["product"].iter().cloned().zip(products["probability"].iter().cloned()).collect()
    }
}

/// Files below `folder` whose names begin with `.tmp-`.
pub fn temporary_files(folder: &Path) -> usize {
    let count = |entry: std::fs::DirEntry| {
        if entry.file_type().unwrap().is_dir() {
            temporary_files(&entry.path())
        } else {
            usize::from(entry.file_name().to_string_lossy().starts_with(".tmp-"))
        }
    };
    std::fs::read_dir(folder).unwrap().map(|e| count(e.unwrap())).sum()
}
