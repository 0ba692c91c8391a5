//! A folder with a small grid job in it, and the program run there.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// The parts of the small job; tests change some.
#[derive(Clone)]
pub struct Job {
    pub data: String,
    pub managers: String,
    pub network: String,
    pub more: String,
}

/// Eight tasks of 60 customers in three regions.
pub fn small() -> Job {
    Job {
        data:
            "source = { path = \"contacts.csv\", missing = [\"\", \"-1\"] }\ncustomer = \"customer\"\ntask = \"task\"\n\
               region = \"region\"\nstart = \"start\"\noutcome = \"outcome\"\nhistory = \"past\"\nfirst_start = 1\n\
               inner_start = 40\nlate_start = 60\n[data.classes]\naccount = { categories = [\"home\"] }\n\
               visits = { numbers = [\"visits\", \"spend\"] }\ncontacts = { numbers = [\"past\"] }\n[data.tasks]\n\
               numbers = [\"coupons\"]"
                .to_owned(),
        managers: "[managers.generated]\nskill = 0.8\ntraits = [\"visits\", \"spend\"]".to_owned(),
        network:
            "units = 8\nseeds = 2\nmembers = 2\nepochs = 10\nbatch = 64\nrate = 0.01\nweight_decay = [0.1]\ntile = 50"
                .to_owned(),
        more: String::new(),
    }
}

/// Managers from a table instead.
pub fn with_table() -> Job {
    let managers = "[managers.table]\nsource = { path = \"managers.csv\" }\nmanager = \"manager\"\nregion = \"region\"\n\
                    capacity = \"capacity\"\ntraits = [\"talk\"]\nserved_by = \"server\"\nfriends = { source = { path = \
                    \"friends.csv\" }, manager = \"manager\", customer = \"customer\" }";
    Job { managers: managers.to_owned(), ..small() }
}

pub const MANAGERS: &str = "manager,region,capacity,talk\nann,north,20,1\nbob,north,10,3\ncat,south,15,2\n";

pub const FRIENDS: &str = "manager,customer\nann,c0\nann,c3\ncat,c1\nnobody,c1\n";

impl Job {
    pub fn text(&self) -> String {
        format!(
            "kind = \"grid\"\nseed = 3\n[data]\n{}\n[index]\nfolder = \"index\"\npartitions = 4\n{}\n[network]\n{}\n[intent]\n\
             rising = [\"visits\", \"spend\"]\nmin_weight = 0.25\n{}\n",
            self.data, self.managers, self.network, self.more
        )
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

pub const REGIONS: [&str; 3] = ["north", "south", "west"];

/// Contacts whose outcome follows from visits and past responses, with some noise.
pub fn contacts() -> String {
    let mut draws = Draws(11);
    let mut text = "customer,task,region,start,outcome,past,home,visits,spend,coupons,server\n".to_owned();
    let mut past = [0_u64; 60];
    for task in 0..8 {
        for (customer, past) in past.iter_mut().enumerate() {
            let (visits, spend) = (draws.below(20), draws.below(100));
            let responds = visits + 6 * *past + draws.below(12) > 24;
            let home = ["owner", "tenant", ""][customer % 3];
            let server =
                ["ann", "cat", "bob"][customer % 2 * usize::from(customer % 3 == 0) + usize::from(customer % 3 == 1)];
            let visits = if draws.below(15) == 0 { "-1".to_owned() } else { visits.to_string() };
            writeln!(
                text,
                "c{customer},t{task},{},{},{},{past},{home},{visits},{spend},{},{server}",
                REGIONS[customer % 3],
                task * 10 + 1,
                u8::from(responds),
                5 + task % 3,
            )
            .unwrap();
            *past += u64::from(responds);
        }
    }
    text
}

pub struct Site {
    root: tempfile::TempDir,
}

impl Site {
    /// A folder with the job and its tables.
    pub fn new(job: &Job) -> Self {
        let site = Self { root: tempfile::tempdir().unwrap() };
        site.file("job.toml", &job.text());
        site.file("contacts.csv", &contacts());
        site.file("managers.csv", MANAGERS);
        site.file("friends.csv", FRIENDS);
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

    pub fn start(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Runs the job on the CPU; it must succeed.
    pub fn run(&self) -> Run {
        let output = self.output(&["run", "job.toml", "--device", "cpu"]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let out = text(&output.stdout);
        let line = out.lines().find_map(|l| l.strip_prefix("run: ")).expect("the run's folder");
        Run { folder: self.path(line) }
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

/// A table, row by row.
pub type Rows = Vec<BTreeMap<String, String>>;

/// A finished run.
pub struct Run {
    pub folder: PathBuf,
}

impl Run {
    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.folder.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    pub fn rows(&self, name: &str) -> Rows {
        let bytes = self.read(&format!("tables/{name}.csv"));
        csv::Reader::from_reader(bytes.as_slice()).deserialize().map(|row| row.unwrap()).collect()
    }

    pub fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&self.read(name)).unwrap()
    }

    pub fn details(&self) -> Value {
        self.json("metrics.json")["details"].clone()
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
}
