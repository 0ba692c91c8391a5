//! A folder with a small alliance job in it, and the program run there.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// The small job: three companies, a key as small as is let in.
pub const JOB: &str = r#"kind = "alliance"
seed = 3

[data]
source = { path = "sales.csv" }
company = "shop"
product = "item"
step = "week"
values = ["pieces", "buyers"]
steps = [1, 40]
window = 6
train_until = 28

[model]
layers = [{ kind = "flatten" }, { kind = "dense", units = 8, activation = "tanh" }]

[plan]
rounds = 4
algorithm = { kind = "fed_avg", epochs = 1, batch = 16, rate = 0.05, optimizer = { kind = "sgd", momentum = 0.5 } }
clip = 0.5
value_bits = 16

[key]
bits = 2048

[adopt]
buyers = "buyers"
repeat = "back"
first_step = 5
span = 20
buyers_least = 1

[promotion]
product = "item-0"
degree_least = 0.05
mean_least = 1
"#;

/// Sales of three shops: items have a season in common, shops a level.
pub fn sales() -> String {
    let mut text = "shop,item,week,pieces,buyers,back\n".to_owned();
    let mut state = 77_u64;
    let mut draw = |end: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % end
    };
    for shop in 0..3_u64 {
        for item in 0..8_u64 {
            for week in 1..=41_u64 {
                let season = 10.0 * (week as f64 * 0.7 + item as f64).sin();
                let pieces = (30.0 + 10.0 * shop as f64 + season) as u64 + draw(6);
                let buyers = pieces / 2 + draw(4);
                writeln!(text, "shop-{shop},item-{item},{week},{pieces},{buyers},{}", buyers / 3 + draw(3)).unwrap();
            }
        }
    }
    text
}

pub struct Site {
    root: tempfile::TempDir,
}

impl Site {
    pub fn new(job: &str) -> Self {
        let site = Self { root: tempfile::tempdir().unwrap() };
        site.file("job.toml", job);
        site.file("sales.csv", &sales());
        site
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

    pub fn start(&self) -> Child {
        let mut command = self.command(&["run", "job.toml", "--device", "cpu"]);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Runs the job on the CPU; it must succeed.
    pub fn run(&self) -> Run {
        let output = self.output(&["run", "job.toml", "--device", "cpu"]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let out = text(&output.stdout);
        let line = out.lines().find_map(|l| l.strip_prefix("run: ")).expect("the run's folder");
        Run { folder: self.path(line) }
    }

    /// The folder of the only run, if it has begun.
    pub fn run_folder(&self) -> Option<PathBuf> {
        Some(self.path("runs").read_dir().ok()?.next()?.ok()?.path())
    }

    /// What `nightloom check` says of the job; it must be refused, and no run folder be made.
    pub fn refused(&self) -> String {
        for command in ["check", "run"] {
            let output = self.output(&[command, "job.toml", "--device", "cpu"]);
            assert_eq!(output.status.code(), Some(2), "{command}: {}", text(&output.stderr));
        }
        assert!(!self.path("runs").exists());
        text(&self.output(&["check", "job.toml", "--device", "cpu"]).stderr)
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A finished run.
pub struct Run {
    pub folder: PathBuf,
}

impl Run {
    pub fn read(&self, name: &str) -> Vec<u8> {
        read(&self.folder, name)
    }

    pub fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&self.read(name)).unwrap()
    }

    pub fn headline(&self, name: &str) -> f64 {
        self.json("metrics.json")["headline"][name].as_f64().unwrap_or_else(|| panic!("no {name}"))
    }

    /// A column of a table.
    pub fn column(&self, table: &str, column: &str) -> Vec<String> {
        let bytes = self.read(&format!("tables/{table}.csv"));
        let mut reader = csv::Reader::from_reader(bytes.as_slice());
        let place = reader.headers().unwrap().iter().position(|name| name == column).expect("the column");
        reader.records().map(|record| record.unwrap()[place].to_owned()).collect()
    }

    pub fn numbers(&self, table: &str, column: &str) -> Vec<f64> {
        self.column(table, column).iter().map(|cell| cell.parse().unwrap()).collect()
    }

    /// The result files by path, with their bytes, and `DONE`.
    pub fn results(&self) -> BTreeMap<String, Vec<u8>> {
        let done = self.json("DONE");
        let files = done["files"].as_array().unwrap().iter().map(|f| f["path"].as_str().unwrap().to_owned());
        files.chain(["DONE".to_owned()]).map(|f| (f.clone(), self.read(&f))).collect()
    }
}

pub fn read(folder: &Path, name: &str) -> Vec<u8> {
    std::fs::read(folder.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}
