//! A folder with all that an alliance of processes needs, and the processes.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nightloom::alliance::transport::{Credentials, JoinSettings, Link, certificates};
use nightloom::alliance::{Plan, RawPlan, hash_text};
use nightloom::paillier::key::{KeyShare, PrivateKey, Quorum, Sizes, generate_to_share};
use nightloom::paillier::threshold::deal;

pub const NAMES: [&str; 4] = ["north", "south", "west", "east"];
const KEY: &str = include_str!("../../src/paillier/fixtures/2048.key");
const PATIENCE: Duration = Duration::from_secs(90);

pub struct Site {
    folder: tempfile::TempDir,
    pub plan: Plan,
    port: u16,
    parties: usize,
}

/// What a plan says beside the usual.
pub struct Wish {
    pub parties: usize,
    pub rounds: u32,
    pub quorum: usize,
    pub deadline_ms: u64,
    pub missing: &'static str,
    pub algorithm: &'static str,
    /// Shares that open a sum; none for the shared key.
    pub needed: Option<u32>,
}

impl Default for Wish {
    fn default() -> Self {
        Self {
            parties: 3,
            rounds: 2,
            quorum: 3,
            deadline_ms: 600_000,
            missing: "go_on",
            algorithm: r#"{ kind = "fed_sgd" }"#,
            needed: None,
        }
    }
}

impl Site {
    pub fn new(wish: &Wish) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
        let names: Vec<String> = NAMES[..wish.parties].iter().map(|&name| name.to_owned()).collect();
        let all = NAMES.map(str::to_owned);
        let servers = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        // The second authority is believed by nobody.
        for authority in ["certs", "false"] {
            certificates::make(&folder.path().join(authority), &servers, &all, 30).expect("certificates");
        }
        let public = match wish.needed {
            None => {
                let key = PrivateKey::from_text(KEY, Sizes::Real).expect("a fixture is a key");
                for name in &names {
                    key.write(&folder.path().join(format!("{name}.alliance.key"))).expect("a file");
                }
                key.public().clone()
            }
            Some(needed) => {
                let key = generate_to_share(2048, Sizes::Real).expect("random numbers");
                let quorum = Quorum::new(needed, wish.parties as u32).expect("a quorum");
                let shares: Vec<KeyShare> = deal(&key, quorum).expect("a key made for it");
                for (name, share) in names.iter().zip(&shares) {
                    share.write(&folder.path().join(format!("{name}.alliance.key"))).expect("a file");
                }
                key.public().clone()
            }
        };
        public.write(&folder.path().join("alliance.pub")).expect("a file");
        let text = plan_text(wish, &public.fingerprint_text());
        let raw: RawPlan = toml::from_str(&text).expect("a plan");
        let site = Self { plan: raw.check().expect("a plan"), folder, port, parties: wish.parties };
        site.put("plan.toml", &text);
        for (place, name) in names.iter().enumerate() {
            site.put(&format!("{name}.csv"), &rows(place));
        }
        site
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    #[expect(clippy::disallowed_methods, reason = "test input")]
    pub fn put(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("a file");
    }

    fn command(&self, what: &str, cert: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nightloom"));
        command.args(["alliance", what, "--plan", "plan.toml", "--authority", "certs/authority.pem"]);
        command.args(["--certificate", &format!("certs/{cert}.pem"), "--threads", "1"]);
        command.args(["--certificate-key", &format!("certs/{cert}.key")]);
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    /// Starts a process whose output goes to files of that name.
    fn spawn(&self, mut command: Command, name: &str) -> Process {
        let log = |kind: &str| {
            let path = self.path(&format!("{name}.{kind}"));
            std::fs::OpenOptions::new().create(true).append(true).open(path).expect("a log")
        };
        let child = command.stdout(log("out")).stderr(log("err")).spawn().expect("the program starts");
        Process {
            child,
            name: name.to_owned(),
            out: self.path(&format!("{name}.out")),
            err: self.path(&format!("{name}.err")),
        }
    }

    /// Starts the server and waits until it listens.
    pub fn server(&self, more: &[&str]) -> Process {
        let heard = self.heard("server");
        let mut command = self.command("serve", "server");
        command.args([
            "--public-key",
            "alliance.pub",
            "--folder",
            "state",
            "--listen",
            &format!("127.0.0.1:{}", self.port),
        ]);
        let mut process = self.spawn_with(command, "server", more);
        let start = Instant::now();
        while self.heard("server") == heard {
            assert!(process.is_running(), "the server ended: {}", process.said());
            assert!(start.elapsed() < PATIENCE, "the server does not listen: {}", process.said());
            pause();
        }
        process
    }

    fn spawn_with(&self, mut command: Command, name: &str, more: &[&str]) -> Process {
        command.args(more);
        self.spawn(command, name)
    }

    fn heard(&self, name: &str) -> usize {
        self.read(&format!("{name}.out")).matches("listening: ").count()
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    pub fn party(&self, name: &str) -> Process {
        self.party_as(name, name)
    }

    /// A party with another folder than its name's.
    pub fn party_as(&self, name: &str, folder: &str) -> Process {
        let mut command = self.command("join", name);
        command.args(["--server", &format!("https://localhost:{}", self.port), "--party", name, "--device", "cpu"]);
        command.args(["--key", &format!("{name}.alliance.key"), "--data", &format!("{name}.csv"), "--targets", "y"]);
        command.args(["--folder", folder, "--pause", "20", "--patience", "60"]);
        self.spawn(command, folder)
    }

    pub fn all(&self) -> Vec<Process> {
        NAMES[..self.parties].iter().map(|name| self.party(name)).collect()
    }

    pub fn settings(&self, authority: &str, name: &str) -> JoinSettings {
        let file = |name: &str| self.path(&format!("{authority}/{name}"));
        JoinSettings {
            server: self.url(),
            server_name: None,
            credentials: Credentials {
                authority: self.path("certs/authority.pem"),
                certificate: file(&format!("{name}.pem")),
                key: file(&format!("{name}.key")),
            },
            deadline: Duration::from_secs(20),
            pause: Duration::from_millis(20),
            patience: Duration::from_millis(1),
        }
    }

    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// A connection that shows a party's certificate.
    pub fn link(&self, name: &str) -> Link {
        Link::new(&self.settings("certs", name)).expect("credentials")
    }

    /// Lines of the server's transcript that hold all of these words.
    pub fn seen(&self, words: &[&str]) -> usize {
        let text = self.read("state/transcript.jsonl");
        text.lines().filter(|line| words.iter().all(|word| line.contains(word))).count()
    }

    pub fn wait_seen(&self, words: &[&str], count: usize) {
        self.wait(&format!("{count} of {words:?}"), || self.seen(words) >= count);
    }

    pub fn wait_file(&self, name: &str) {
        self.wait(name, || self.path(name).exists());
    }

    pub fn wait(&self, what: &str, ready: impl Fn() -> bool) {
        let start = Instant::now();
        while !ready() {
            let logs = || NAMES.iter().chain(&["server"]).map(|n| self.read(&format!("{n}.err"))).collect::<String>();
            assert!(start.elapsed() < PATIENCE, "waited too long for {what}:\n{}", logs());
            pause();
        }
    }

    /// Ends well: the server and these parties are done, and have the same model.
    #[expect(clippy::unused_self, reason = "read as the end of a set-up")]
    pub fn finish(&self, mut server: Process, parties: Vec<Process>) -> String {
        let mut models: Vec<String> = parties.into_iter().map(Process::model).collect();
        let status = server.wait();
        assert!(status.success(), "{status}: {}", server.said());
        assert!(server.said().contains("all rounds are done"));
        let first = models.pop().expect("a party");
        assert!(models.iter().all(|model| *model == first), "models differ: {first} {models:?}");
        first
    }
}

fn pause() {
    std::thread::sleep(Duration::from_millis(10));
}

fn plan_text(wish: &Wish, fingerprint: &str) -> String {
    let party = |(place, name): (usize, &&str)| format!("{{ name = \"{name}\", samples = {} }}", count(place));
    let parties: Vec<String> = NAMES[..wish.parties].iter().enumerate().map(party).collect();
    let mode = match wish.needed {
        None => "{ kind = \"shared_key\" }".to_owned(),
        Some(needed) => format!("{{ kind = \"threshold\", needed = {needed} }}"),
    };
    let Wish { rounds, quorum, deadline_ms, missing, algorithm, .. } = wish;
    format!(
        "name = \"test\"\nparties = [{}]\nrounds = {rounds}\nalgorithm = {algorithm}\nupdate = {{ kind = \"plain\" }}\n\
         clip = 0.5\nclip_layers = {{}}\nvalue_bits = 16\nweighting = \"samples\"\nmode = {mode}\nquorum = {quorum}\n\
         deadline_ms = {deadline_ms}\nmissing = \"{missing}\"\nallow_two = false\nloss = \"mean_square\"\nseed = 7\n\
         key_bits = 2048\nkey = \"{fingerprint}\"\n\
         [model]\ninput = {{ length = 1, channels = 3 }}\nlayers = [{{ kind = \"dense\", units = 40, activation = \"tanh\" }},\n\
         {{ kind = \"dense\", units = 1 }}]\n",
        parties.join(", ")
    )
}

fn count(place: usize) -> usize {
    20 + 10 * place
}

/// A party's rows: y is the same function everywhere, x is not.
fn rows(place: usize) -> String {
    let row = |i: usize| {
        let x = |k: usize| (((i * 37 + place * 11 + k * 5) % 19) as f32 - 9.0) / 9.0;
        format!("{},{},{},{}\n", x(0), x(1), x(2), 0.5 * x(0) - 0.3 * x(1) + 0.1 * x(2) * x(2))
    };
    let rows: String = (0..count(place)).map(row).collect();
    format!("a,b,c,y\n{rows}")
}

pub struct Process {
    child: Child,
    pub name: String,
    out: PathBuf,
    err: PathBuf,
}

impl Process {
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_none()
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().expect("a child");
        self.child.wait().expect("a child");
    }

    /// SIGTERM.
    pub fn ask_to_end(&mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill").success());
    }

    pub fn wait(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "{} does not end: {}", self.name, self.said());
            pause();
        }
    }

    /// All that it, and those of the same name before it, wrote.
    pub fn said(&self) -> String {
        let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
        format!("{}{}", read(&self.out), read(&self.err))
    }

    /// Waits for a party's good end; its last model.
    pub fn model(mut self) -> String {
        let status = self.wait();
        let said = self.said();
        assert!(status.success(), "{} ended with {status}: {said}", self.name);
        let model = said.lines().rev().find_map(|line| line.strip_prefix("model: "));
        model.unwrap_or_else(|| panic!("{} has no model: {said}", self.name)).to_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The hash of the model that a party's folder holds.
pub fn start_model(site: &Site) -> String {
    let start = nightloom::model::initial_weights(site.plan.model(), site.plan.raw().seed);
    hash_text(&nightloom::alliance::model_hash(&start))
}
