//! `nightloom keys` as a person uses it (A6b).
#![cfg(unix)]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

struct Site(tempfile::TempDir);

impl Site {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nightloom"));
        command.arg("keys").args(args).current_dir(self.0.path()).stdin(Stdio::null());
        command.output().expect("the program starts")
    }

    /// A private key of 2048 bits that is a fixture of the library's tests.
    #[expect(clippy::disallowed_methods, reason = "test input")]
    fn put(&self, name: &str, text: &str, mode: u32) {
        let path = self.path(name);
        std::fs::write(&path, text).expect("a file");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).expect("permissions");
    }
}

const FIXTURE: &str = include_str!("../src/paillier/fixtures/2048.key");

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", stderr(output));
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

/// Digits of the private numbers of a key file.
fn secrets(text: &str) -> Vec<String> {
    let of = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).expect("a line")[..40].to_owned();
    vec![of("p = \""), of("q = \"")]
}

#[test]
fn a6b_a_new_key_is_for_its_owner_alone_and_checks_out() {
    let site = Site::new();
    let made = site.run(&["new", "a.key", "--bits", "2048"]);
    let said = stdout(&made);
    assert!(said.starts_with("private key: a.key\nbits: 2048\nfingerprint: "), "{said}");
    assert!(stderr(&made).contains("a key of 2048 bits is weaker than 3072 bits"), "{}", stderr(&made));
    assert_eq!(mode(&site.path("a.key")), 0o600);
    let text = std::fs::read_to_string(site.path("a.key")).expect("a key file");

    let public = site.run(&["public", "a.key"]);
    let public_text = stdout(&public);
    assert!(public_text.starts_with("kind = \"nightloom paillier public key\"\nversion = 1\nbits = 2048\nn = \""));
    site.put("a.pub", &public_text, 0o644);
    let checks = [site.run(&["check", "a.key"]), site.run(&["check", "a.pub"])];
    assert!(stdout(&checks[0]).starts_with("private key: a.key, all right\nbits: 2048\n"));
    assert!(stdout(&checks[1]).starts_with("public key: a.pub, all right\nbits: 2048\n"));
    let fingerprint = said.lines().last().expect("a line");
    for check in &checks {
        assert_eq!(stdout(check).lines().last(), Some(fingerprint));
    }
    for output in checks.iter().chain([&made, &public]) {
        for secret in secrets(&text) {
            assert!(!stdout(output).contains(&secret) && !stderr(output).contains(&secret), "a secret is shown");
        }
    }
}

#[test]
fn a6b_a_key_is_never_overwritten() {
    let site = Site::new();
    site.put("a.key", "mine", 0o600);
    let output = site.run(&["new", "a.key", "--bits", "2048"]);
    assert_eq!(output.status.code(), Some(5), "{}", stderr(&output));
    assert_eq!(std::fs::read_to_string(site.path("a.key")).expect("a file"), "mine");
    assert_eq!(std::fs::read_dir(site.0.path()).expect("a folder").count(), 1, "nothing else is left there");
}

#[test]
fn a6b_small_keys_are_refused() {
    let site = Site::new();
    let output = site.run(&["new", "a.key", "--bits", "1024"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("expected 2048 to 8192 bits"), "{}", stderr(&output));
    assert!(!site.path("a.key").exists());
    site.put("b.key", include_str!("../src/paillier/fixtures/1024.key"), 0o600);
    let output = site.run(&["check", "b.key"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("b.key: not a Paillier key: expected 2048"), "{}", stderr(&output));
}

#[test]
fn a6b_a_private_key_that_others_may_read_is_refused() {
    let site = Site::new();
    for (bits, shown) in [(0o640, "640"), (0o604, "604"), (0o620, "620"), (0o644, "644")] {
        site.put("a.key", FIXTURE, bits);
        for args in [["check", "a.key"], ["public", "a.key"]] {
            let output = site.run(&args);
            assert_eq!(output.status.code(), Some(2));
            let expected = format!("a.key: a secret key that others may use (mode {shown}), expected mode 600");
            assert!(stderr(&output).contains(&expected), "{}", stderr(&output));
            assert!(output.stdout.is_empty());
        }
    }
    site.put("b.key", FIXTURE, 0o400);
    stdout(&site.run(&["public", "b.key"]));
}

#[test]
fn a6b_broken_key_files_are_refused_without_a_word_of_them() {
    let site = Site::new();
    let longer = FIXTURE.replacen("q = \"", "q = \"f", 1);
    let cases = [
        (FIXTURE[..FIXTURE.len() - 30].to_owned(), "line 6: q is not in quotation marks"),
        (format!("{FIXTURE}more\n"), "line 7: expected the end of the file"),
        (longer, "line 6: q has 257 digits, expected 256"),
        ("x".repeat(1 << 17), "the file is larger than any key"),
        (String::new(), "line 1: expected `kind = ...`, the file ends"),
    ];
    for (text, expected) in cases {
        site.put("a.key", &text, 0o600);
        let output = site.run(&["check", "a.key"]);
        assert_eq!(output.status.code(), Some(2), "{expected}");
        assert!(stderr(&output).contains(expected), "{}; expected {expected}", stderr(&output));
        for secret in secrets(FIXTURE) {
            assert!(!stderr(&output).contains(&secret), "a secret is shown");
        }
    }
    let output = site.run(&["check", "none.key"]);
    assert_eq!(output.status.code(), Some(5));
    let output = site.run(&["public", "a.pub"]);
    assert_eq!(output.status.code(), Some(5));
}

#[test]
fn a6b_a_kernel_is_switched_off_by_name_and_a_wrong_name_is_refused() {
    let site = Site::new();
    site.put("a.key", FIXTURE, 0o600);
    let with = |off: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nightloom"));
        command.args(["keys", "check", "a.key"]).env("NIGHTLOOM_PAILLIER_OFF", off).current_dir(site.0.path());
        command.output().expect("the program starts")
    };
    assert!(stdout(&with("ifma")).contains("all right"));
    let output = with("ifna");
    assert!(!output.status.success());
    assert!(stderr(&output).contains("`ifna` is none of ifma, portable"), "{}", stderr(&output));
}

#[test]
fn a6b_shares_are_dealt_one_a_file_and_the_key_itself_is_in_none() {
    let site = Site::new();
    let args = ["new", "a.key", "--bits", "2048", "--threshold", "2", "--parties", "3"];
    let said = stdout(&site.run(&args));
    assert!(said.starts_with("key share: a.key.1\nkey share: a.key.2\nkey share: a.key.3\nbits: 2048\n"), "{said}");
    assert_eq!(std::fs::read_dir(site.0.path()).expect("a folder").count(), 3);
    let mut publics = vec![];
    for index in 1..=3 {
        let name = format!("a.key.{index}");
        assert_eq!(mode(&site.path(&name)), 0o600);
        let checked = stdout(&site.run(&["check", &name]));
        assert!(checked.starts_with(&format!("key share: {name}, all right\nshare: {index} of 3, any 2 open\n")));
        publics.push(stdout(&site.run(&["public", &name])));
        let text = std::fs::read_to_string(site.path(&name)).expect("a share");
        let share = &text.lines().find_map(|line| line.strip_prefix("share = \"")).expect("a line")[..40];
        assert!(!checked.contains(share) && !said.contains(share), "a secret is shown");
        assert!(!text.contains("\np = ") && !text.contains("\nq = "));
    }
    assert_eq!((&publics[0], &publics[1]), (&publics[1], &publics[2]));
    let again = site.run(&args);
    assert_eq!(again.status.code(), Some(5));
    assert!(stderr(&again).contains("a.key.1: the file is there already"), "{}", stderr(&again));
    let lonely = site.run(&["new", "b.key", "--bits", "2048", "--threshold", "2"]);
    assert_eq!(lonely.status.code(), Some(2));
    let wrong = site.run(&["new", "b.key", "--bits", "2048", "--threshold", "1", "--parties", "3"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(stderr(&wrong).contains("threshold of a shared key: expected 2 to 3, got 1"), "{}", stderr(&wrong));
}
