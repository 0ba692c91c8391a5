//! A folder with a small train job in it, and the program run there.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// The parts of the small job; tests change some.
#[derive(Clone)]
pub struct Job {
    pub head: String,
    pub data: String,
    pub model: String,
    pub training: String,
}

/// Two classes of waves in a noisy table with an id.
pub fn waves() -> Job {
    Job {
        head: "kind = \"train\"\nseed = 3\ntask = \"classes\"".to_owned(),
        data: "source = { path = \"waves.csv\" }\ntarget = \"shape\"\ninputs = \"t1..t16\"\nid = \"name\"\nscale = \"row\""
            .to_owned(),
        model: "input = { length = 16, channels = 1 }\nmembers = 2\nlayers = [\n  { kind = \"conv1d\", channels = 4, \
                kernel = 3, activation = \"relu\" },\n  { kind = \"batch_norm\" },\n  { kind = \"dropout\", rate = 0.1 },\n  \
                { kind = \"global_average_pool\" },\n]"
            .to_owned(),
        training: "epochs = 30\nbatch = 32\nrate = 0.01".to_owned(),
    }
}

impl Job {
    /// The job with more epochs, so that there is time to disturb it.
    pub fn slow(mut self) -> Self {
        "epochs = 1500\nbatch = 32\nrate = 0.001".clone_into(&mut self.training);
        self
    }

    pub fn text(&self) -> String {
        format!("{}\n[data]\n{}\n[model]\n{}\n[training]\n{}\n", self.head, self.data, self.model, self.training)
    }
}

/// Small whole numbers from a seed.
pub struct Draws(pub u64);

impl Draws {
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// A table of slow and fast waves.
pub fn wave_table(rows: usize, seed: u64) -> String {
    let mut draws = Draws(seed | 1);
    let mut text = "name,shape".to_owned();
    (1..=16).for_each(|t| write!(text, ",t{t}").unwrap());
    text.push_str(",word\n");
    for row in 0..rows {
        let fast = draws.below(3) == 0;
        let (phase, step) = (draws.below(628) as f64 / 100.0, if fast { 1.6 } else { 0.5 });
        write!(text, "w{row},{}", if fast { "fast" } else { "slow" }).unwrap();
        for t in 0..16 {
            let noise = draws.below(1000) as f64 / 1000.0 - 0.5;
            write!(text, ",{:.4}", (f64::from(t) * step + phase).sin() * 10.0 + 50.0 + 4.0 * noise).unwrap();
        }
        text.push_str(",x\n");
    }
    text
}

pub struct Site {
    root: tempfile::TempDir,
}

impl Site {
    /// A folder with the job and the waves as `waves.csv`.
    pub fn new(job: &Job) -> Self {
        let site = Self { root: tempfile::tempdir().unwrap() };
        site.file("job.toml", job.text().as_bytes());
        site.file("waves.csv", wave_table(300, 5).as_bytes());
        site
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    #[expect(clippy::disallowed_methods, reason = "test input")]
    pub fn file(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).unwrap();
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
        Run { folder: self.path(line) }
    }

    /// What `nightloom check` says of the job; it must be refused, and no run folder be made.
    pub fn refused(&self) -> String {
        for command in ["check", "run"] {
            let output = self.output(&[command, "job.toml", "--device", "cpu"]);
            assert_eq!(code(&output), 2, "{command}: {}", text(&output.stderr));
        }
        assert!(!self.path("runs").exists());
        text(&self.output(&["check", "job.toml", "--device", "cpu"]).stderr)
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

    pub fn model(&self) -> String {
        self.folder.join("models/model.safetensors").to_str().unwrap().to_owned()
    }

    /// The result files by path, with their bytes, and `DONE`.
    pub fn results(&self) -> BTreeMap<String, Vec<u8>> {
        let done = self.json("DONE");
        let files = done["files"].as_array().unwrap().iter().map(|f| f["path"].as_str().unwrap().to_owned());
        files.chain(["DONE".to_owned()]).map(|f| (f.clone(), self.read(&f))).collect()
    }
}
