//! A folder with a small intent job in it, and the program run there.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// The parts of the small job; tests change some.
#[derive(Clone)]
pub struct Job {
    pub users: String,
    pub history: String,
    pub products: String,
    pub network: String,
    pub more: String,
}

pub fn small() -> Job {
    Job {
        users: "source = { path = \"users.csv\" }\nid = \"user\"\nname = \"name\"\nlanguage = \"language\"\nconsent = { column = \
                \"consent\" }\nnumbers = [\"age\"]\ncategories = [\"hobby\"]"
            .to_owned(),
        history: "source = { path = \"history.csv\" }\nuser = \"user\"\ntime = \"day\"\nitems = [{ column = \"item\" }]\nhour = \
                  \"hour\"\namounts = [\"seconds\"]"
            .to_owned(),
        products: "source = { path = \"products.csv\" }\nid = \"id\"\nname = \"name\"\nkind = \"kind\"\nprice = \"price\"\ncolour \
                   = \"colour\"\nlinks = { product = \"link\", purchase = \"buy\" }"
            .to_owned(),
        network: "channels = 8\nheads = 2\nfeed_forward = 16\ndropout = 0.1\nepochs = 3\nbatch = 64\nrate = 0.005\nseeds = 2\nbaseline_epochs = 4"
            .to_owned(),
        more: "[[levels]]\nlevel = \"high-value\"\nall = [{ field = \"seconds.sum\", at_least = 500.0 }]\n[[levels]]\nlevel = \
               \"regular\"\nall = [{ field = \"events\", at_least = 8.0 }, { field = \"hobby\", one_of = [\"chess\", \"tea\"] }]"
            .to_owned(),
    }
}

impl Job {
    pub fn text(&self) -> String {
        format!(
            "kind = \"intent\"\nseed = 3\n[users]\n{}\n[history]\n{}\n[usage]\nsource = {{ path = \"usage.csv\" }}\nuser = \
             \"user\"\napp = \"app\"\nminutes = \"minutes\"\n[products]\n{}\n[network]\n{}\n[evaluation]\ndraws = 100\n{}\n",
            self.users, self.history, self.products, self.network, self.more
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

pub const USERS: usize = 90;
pub const HOBBIES: [&str; 3] = ["chess", "tea", "running"];
pub const PRODUCTS: usize = 9;

/// Every tenth user has not agreed; the cells of theirs that are no numbers must not matter.
pub fn agreed(user: usize) -> bool {
    !user.is_multiple_of(10)
}

pub fn users() -> String {
    let mut text = "user,name,consent,age,hobby,language\n".to_owned();
    for user in 0..USERS {
        let (consent, age) =
            if agreed(user) { ("true", format!("{}", 20 + user % 50)) } else { ("false", "?!".to_owned()) };
        let language = ["zh", "en", "zh-yue"][user % 3];
        writeln!(text, "u{user:03},Name {user},{consent},{age},{},{language}", HOBBIES[user % 3]).unwrap();
    }
    text
}

pub fn products() -> String {
    let mut text = "id,name,kind,price,colour,link,buy\n".to_owned();
    for product in 0..PRODUCTS {
        let kind = ["game", "drink", "shoe"][product / 3];
        let price = if product == 0 { String::new() } else { format!("{} yuan", 10 * product) };
        writeln!(
            text,
            "p{product},Product {product},{kind},{price},red,https://shop.example/p{product},https://shop.example/buy/{product}"
        )
        .unwrap();
    }
    text
}

/// Users stay with one product of their hobby's kind for a while. The last user has no event.
pub fn history() -> String {
    let mut draws = Draws(17);
    let mut text = "user,day,hour,item,seconds\n".to_owned();
    for user in 0..USERS - 1 {
        let mut item = 3 * (user % 3) + user % 2;
        for event in 0..12 + draws.below(6) {
            if draws.below(4) == 0 {
                item = 3 * (user % 3) + draws.below(3) as usize;
            }
            let hour = if agreed(user) { draws.below(24).to_string() } else { "late".to_owned() };
            writeln!(text, "u{user:03},{},{hour},p{item},{}", event * 3 + draws.below(3), draws.below(90)).unwrap();
        }
    }
    text
}

pub fn usage() -> String {
    let mut text = "user,app,minutes\n".to_owned();
    for user in 0..USERS {
        let minutes = if agreed(user) { (10 + user).to_string() } else { "much".to_owned() };
        writeln!(text, "u{user:03},{},{minutes}\nu{user:03},mail,5", ["chessboard", "tealog", "runmap"][user % 3])
            .unwrap();
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
        site.file("users.csv", &users());
        site.file("history.csv", &history());
        site.file("usage.csv", &usage());
        site.file("products.csv", &products());
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

    pub fn lines(&self, name: &str) -> Vec<Value> {
        text(&self.read(&format!("tables/{name}.jsonl"))).lines().map(|l| serde_json::from_str(l).unwrap()).collect()
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

    /// The files in which these bytes stand.
    pub fn mentions(&self, bytes: &str) -> Vec<PathBuf> {
        let mut found = vec![];
        walk(&self.folder, &mut |path| {
            let content = std::fs::read(path).unwrap();
            let named = path.file_name().is_some_and(|name| name.to_string_lossy().contains(bytes));
            if named || content.windows(bytes.len()).any(|window| window == bytes.as_bytes()) {
                found.push(path.to_owned());
            }
        });
        found
    }
}

fn walk(folder: &Path, take: &mut dyn FnMut(&Path)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { walk(&path, take) } else { take(&path) }
    }
}
