//! A folder with a small push job in it, and the program run there.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::rc::Rc;

use serde_json::Value;

/// Two kinds of customers: those with a small `a` hold p1, p2 and p3, the others p4, p5 and p6, each with a gap; p9 is held by
/// nobody.
pub const JOB: &str = "kind = \"push\"\nseed = 3\n[customers]\nsource = { path = \"customers.csv\" }\nid = \"name\"\n\
    [[customers.columns]]\nnames = [\"town\"]\nkind = \"one_hot\"\n\
    [holdings]\nsource = { path = \"holdings.csv\" }\ncustomer = \"name\"\nproduct = \"product\"\n\
    [products]\nsource = { path = \"products.csv\" }\nid = \"product\"\nname = \"title\"\n\
    [features]\ndimensions = 2\nrounds_max = 3\n[classes]\ncount = 2\n";

pub struct Site {
    root: Rc<tempfile::TempDir>,
}

/// The customers' table: 40 names, of whom the last two hold nothing; `a` is 10 or 14, and 9000 once.
pub fn customers() -> String {
    let mut text = "name,a,b,town\n".to_owned();
    for i in 0..42 {
        let first = i % 2 == 0;
        let a = if i == 7 {
            9000
        } else if first {
            10 + i % 3
        } else {
            20 + i % 3
        };
        let b = if first { 5 } else { 9 };
        writeln!(text, "u{i},{a},{b},{}", if first { "east" } else { "west" }).unwrap();
    }
    text
}

pub fn holdings() -> String {
    let mut text = "name,product\n".to_owned();
    for i in 0..40 {
        let base = if i % 2 == 0 { 1 } else { 4 };
        for step in 0..3 {
            // Every third customer of a kind lacks its first product, every fifth its second.
            let gap = (step == 0 && i / 2 % 3 == 0) || (step == 1 && i / 2 % 5 == 0 && i / 2 % 3 != 0);
            if !gap {
                writeln!(text, "u{i},p{}", base + step).unwrap();
            }
        }
    }
    text
}

pub const PRODUCTS: &str = "product,title\np1,One\np2,Two\np3,Three\np4,Four\np5,Five\np6,Six\np9,Nobody's\n";

impl Site {
    /// A folder with a job and the small tables.
    pub fn new(job: &str) -> Self {
        let site = Self { root: Rc::new(tempfile::tempdir().unwrap()) };
        site.file("job.toml", job);
        site.file("customers.csv", &customers());
        site.file("holdings.csv", &holdings());
        site.file("products.csv", PRODUCTS);
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

    fn command(&self, args: &[&str]) -> Command {
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
        let out = text(&output.stdout);
        let line = out.lines().find_map(|l| l.strip_prefix("run: ")).expect("the run's folder");
        Run { folder: self.path(line), log: text(&output.stderr), _root: Rc::clone(&self.root) }
    }

    /// What `check` says of a job that `check` and `run` must refuse before anything is written.
    pub fn refused(&self) -> String {
        for command in ["check", "run"] {
            let output = self.output(&[command, "job.toml", "--device", "cpu"]);
            assert_eq!(code(&output), 2, "{command}: {}", text(&output.stderr));
        }
        assert!(!self.path("runs").exists());
        text(&self.output(&["check", "job.toml", "--device", "cpu"]).stderr)
    }

    /// What the run's model says of a table, and its notes.
    pub fn predict(&self, run: &Run, table: &str) -> (Columns, String) {
        let model = run.folder.join("models/model.safetensors");
        let output = self.output(&["predict", model.to_str().unwrap(), "--data", table, "--device", "cpu"]);
        assert_eq!(code(&output), 0, "{}", text(&output.stderr));
        (columns(&output.stdout), text(&output.stderr))
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
    pub log: String,
    /// The folder stays as long as its run is looked at.
    _root: Rc<tempfile::TempDir>,
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

    /// The mean of a figure of a method of the evaluation.
    pub fn figure(&self, method: &str, figure: &str) -> f64 {
        let metrics = self.metrics();
        let methods = metrics["details"]["evaluation"].as_array().expect("an evaluation");
        let own = methods.iter().find(|m| m["method"] == method).unwrap_or_else(|| panic!("no {method}"));
        own["figures"][figure]["mean"].as_f64().unwrap_or_else(|| panic!("no {figure}"))
    }

    /// The result files by path, with their bytes.
    pub fn results(&self) -> BTreeMap<String, Vec<u8>> {
        let done: Value = serde_json::from_slice(&self.read("DONE")).unwrap();
        let files = done["files"].as_array().unwrap().iter().map(|f| f["path"].as_str().unwrap().to_owned());
        files.map(|f| (f.clone(), self.read(&f))).collect()
    }
}
