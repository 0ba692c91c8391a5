//! A ledger and processes that work on it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use nightloom::claims::{ClaimStore, Mode, OfferList, Offered, SqliteClaims};
use nightloom::ledger::Ledger;

pub struct Site {
    pub folder: tempfile::TempDir,
}

impl Site {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    pub fn ledger(&self) -> PathBuf {
        self.folder.path().join("ledger")
    }

    pub fn open(&self) -> Arc<Ledger> {
        Ledger::open(&self.ledger()).expect("a ledger")
    }

    /// Offers these customers to all of these managers.
    pub fn offer(&self, customers: usize, managers: &[&str]) {
        let offered = |number| Offered { customer: format!("c{number}"), managers: vec![], weight: 1.0 };
        let list = OfferList {
            grid: "g".to_owned(),
            task: "t".to_owned(),
            mode: Mode::Grab,
            entries: (0..customers).map(offered).collect(),
            managers: managers.iter().map(ToString::to_string).collect(),
        };
        SqliteClaims::new(self.open()).offer(list).expect("an offer");
    }

    /// `nightloom grid WHAT --ledger ...`
    pub fn command(&self, what: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nightloom"));
        command.args(["grid", what, "--ledger"]).arg(self.ledger());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs it; exit code and standard output.
    pub fn run(&self, what: &str, rest: &[&str]) -> (i32, String) {
        let Output { status, stdout, stderr } = self.command(what).args(rest).output().expect("a process");
        let text = String::from_utf8(if stdout.is_empty() { stderr } else { stdout }).expect("Unicode");
        (status.code().expect("an exit code"), text.trim_end().to_owned())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        Path::new(self.folder.path()).join(name)
    }
}
