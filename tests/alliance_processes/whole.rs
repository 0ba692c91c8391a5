//! Alliances in which nothing goes wrong, or only what the plan foresees.

use crate::site::{NAMES, Site, Wish, start_model};

#[test]
fn a13_three_processes_end_with_the_same_model_and_the_server_saw_only_ciphertexts() {
    let site = Site::new(&Wish::default());
    let server = site.server(&[]);
    let parties = site.all();
    let model = site.finish(server, parties);
    assert_ne!(model, start_model(&site));
    // Each party: two rounds of one upload, one sum, one model's hash.
    for word in ["\"upload\"", "\"applied\""] {
        assert_eq!(site.seen(&[word]), 6, "{}", site.read("state/transcript.jsonl"));
    }
    let key = include_str!("../../src/paillier/fixtures/2048.key");
    let secret = &key.lines().find_map(|line| line.strip_prefix("p = \"")).expect("p")[..40];
    for name in NAMES[..3].iter().chain(&["server"]) {
        let said = format!("{}{}", site.read(&format!("{name}.out")), site.read(&format!("{name}.err")));
        assert!(!said.contains(secret), "{name} shows a secret");
    }
    // Whoever comes again finds nothing to do, and nobody.
    let mut late = site.party("north");
    late.ask_to_end();
    assert!(!late.wait().success());
}

#[test]
fn a6_two_of_three_shares_open_the_sums_of_processes() {
    let site = Site::new(&Wish { needed: Some(2), ..Wish::default() });
    let server = site.server(&[]);
    let parties = site.all();
    site.finish(server, parties);
    assert_eq!(site.seen(&["\"share\""]), 2 * 3, "{}", site.read("state/transcript.jsonl"));
}

#[test]
fn a6_a_share_alone_opens_nothing_and_keys_of_the_wrong_kind_are_refused() {
    let site = Site::new(&Wish { needed: Some(2), ..Wish::default() });
    let _server = site.server(&[]);
    // Another party's share.
    std::fs::rename(site.path("north.alliance.key"), site.path("mine")).expect("a file");
    std::fs::rename(site.path("south.alliance.key"), site.path("north.alliance.key")).expect("a file");
    let mut party = site.party("north");
    assert_eq!(party.wait().code(), Some(2));
    assert!(party.said().contains("whose share is 1, found 2"), "{}", party.said());
    let shared = Site::new(&Wish::default());
    std::fs::rename(shared.path("alliance.pub"), shared.path("other")).expect("a file");
    std::fs::rename(shared.path("north.alliance.key"), shared.path("alliance.pub")).expect("a file");
    let mut server = std::process::Command::new(env!("CARGO_BIN_EXE_nightloom"));
    server.args(["alliance", "serve", "--plan", "plan.toml", "--public-key", "alliance.pub", "--folder", "state"]);
    server.args(["--listen", "127.0.0.1:0", "--authority", "certs/authority.pem"]);
    server.args(["--certificate", "certs/server.pem", "--certificate-key", "certs/server.key"]);
    let output = server.current_dir(shared.path("")).output().expect("the program starts");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("expected a public key, got a private key: the server must not be able to decrypt"),
        "{said}"
    );
}

#[test]
fn a12_a_party_that_never_comes_is_left_out_after_the_deadline() {
    let site = Site::new(&Wish { parties: 4, quorum: 3, deadline_ms: 2500, ..Wish::default() });
    let server = site.server(&["--linger", "3"]);
    let parties = NAMES[..3].iter().map(|name| site.party(name)).collect();
    site.finish(server, parties);
    assert!(site.read("north.out").contains("round 1: 3 contributors"), "{}", site.read("north.out"));
}

#[test]
fn a12_a_plan_may_stop_where_a_party_does_not_come() {
    let site = Site::new(&Wish { parties: 4, quorum: 3, deadline_ms: 2500, missing: "stop", ..Wish::default() });
    let mut server = site.server(&["--linger", "20"]);
    let mut parties: Vec<_> = NAMES[..3].iter().map(|name| site.party(name)).collect();
    // Three, on a machine that is not too busy.
    let expected = "came before the deadline of round 0, and the plan wants all";
    for party in &mut parties {
        assert_eq!(party.wait().code(), Some(1), "{}", party.said());
        assert!(party.said().contains(expected), "{}", party.said());
    }
    assert_eq!(server.wait().code(), Some(1));
    assert!(server.said().contains(expected), "{}", server.said());
}

#[test]
fn a12_a_party_that_comes_late_catches_up() {
    let site = Site::new(&Wish { parties: 4, quorum: 3, deadline_ms: 5000, rounds: 3, ..Wish::default() });
    let server = site.server(&[]);
    let mut parties: Vec<_> = NAMES[..3].iter().map(|name| site.party(name)).collect();
    site.wait_file("state/sum-000000.bin");
    parties.push(site.party("east"));
    site.finish(server, parties);
    let out = site.read("east.out");
    assert!(out.contains("round 0: 3 contributors, 0 bytes sent"), "{out}");
    assert!(out.contains("round 2: 4 contributors"), "{out}");
}

#[test]
fn a12_a_party_that_comes_twice_counts_once() {
    let site = Site::new(&Wish::default());
    let server = site.server(&[]);
    let mut parties = vec![site.party_as("north", "north"), site.party_as("north", "again")];
    site.wait_seen(&["\"upload\""], 1);
    parties.extend([site.party("south"), site.party("west")]);
    site.finish(server, parties);
    for round in 0..2 {
        let taken = site.seen(&["\"upload\"", "\"north\"", &format!("\"round\":{round},"), "\"taken\""]);
        assert_eq!(taken, 1, "{}", site.read("state/transcript.jsonl"));
    }
    assert!(site.read("again.out").contains("round 1: 3 contributors"));
}

#[test]
fn a13_sigterm_ends_a_server_and_it_resumes() {
    let site = Site::new(&Wish::default());
    let mut server = site.server(&[]);
    let mut parties = vec![site.party("north")];
    site.wait_seen(&["\"upload\""], 1);
    server.ask_to_end();
    assert_eq!(server.wait().code(), Some(75), "{}", server.said());
    let server = site.server(&[]);
    parties.extend([site.party("south"), site.party("west")]);
    site.finish(server, parties);
}
