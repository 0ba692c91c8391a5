//! Claims (R11).

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};
use std::time::Duration;

use nightloom::claims::{Claim, ClaimStore, SqliteClaims};

use crate::site::Site;

/// A process that claims these customers, one after the other.
fn claimer(site: &Site, manager: &str, customers: std::ops::Range<usize>) -> Child {
    let mut child =
        site.command("claim").args(["g", manager, "--json"]).stdin(Stdio::piped()).spawn().expect("a process");
    let mut stdin = child.stdin.take().expect("a pipe");
    let lines = customers.map(|number| format!("c{number}\n")).collect::<Vec<_>>().concat();
    // A process that is killed reads no further.
    std::thread::spawn(move || drop(stdin.write_all(lines.as_bytes())));
    child
}

/// The customers that a process was told it had won, of whole lines.
fn won(child: &mut Child) -> Vec<String> {
    let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
    let answers = lines.filter_map(|line| serde_json::from_str::<serde_json::Value>(&line).ok());
    let won = answers.filter(|answer| answer["claim"] == "won");
    won.map(|answer| answer["customer"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn r11_no_acknowledged_claim_is_missing_after_twenty_kills() {
    let site = Site::new();
    site.offer(60_000, &["ann"]);
    let mut acknowledged = Vec::new();
    for kill in 0..20_usize {
        let mut child = claimer(&site, "ann", kill * 3000..(kill + 1) * 3000);
        let reader = child.stdout.take().expect("a pipe");
        let reading = std::thread::spawn(move || {
            let lines = BufReader::new(reader).lines().map_while(Result::ok);
            let answers = lines.filter_map(|line| serde_json::from_str::<serde_json::Value>(&line).ok());
            answers.map(|answer| (answer["customer"].as_str().unwrap().to_owned(), answer["claim"] == "won")).collect()
        });
        std::thread::sleep(Duration::from_millis(40 + 13 * kill as u64));
        child.kill().expect("a kill");
        assert!(!child.wait().expect("an end").success(), "it had claimed everything before it was killed");
        let answers: Vec<(String, bool)> = reading.join().expect("a reader");
        assert!(answers.iter().all(|(_, won)| *won));
        acknowledged.extend(answers.into_iter().map(|(customer, _)| customer));
    }
    assert!(acknowledged.len() > 100, "only {} claims were answered", acknowledged.len());
    let store = SqliteClaims::new(site.open());
    for customer in &acknowledged {
        assert_eq!(store.claim("g", customer, "ann").expect("an answer"), Claim::AlreadyYours, "{customer}");
    }
}

#[test]
fn r11_processes_that_claim_the_same_customers_share_them_without_a_rest() {
    let site = Site::new();
    let names = ["ann", "bob", "cyd"];
    site.offer(600, &names);
    let mut children: Vec<Child> = names.iter().map(|name| claimer(&site, name, 0..600)).collect();
    let mut owners = BTreeMap::new();
    std::thread::scope(|scope| {
        let reading: Vec<_> = children.iter_mut().map(|child| scope.spawn(|| won(child))).collect();
        for (name, reading) in names.iter().zip(reading) {
            for customer in reading.join().expect("a reader") {
                assert_eq!(owners.insert(customer, *name), None, "two processes won one customer");
            }
        }
    });
    assert_eq!(owners.len(), 600);
    for (child, name) in children.iter_mut().zip(names) {
        let all = owners.values().all(|owner| *owner == name);
        assert_eq!(child.wait().expect("an end").code(), Some(i32::from(!all)));
    }
}

#[test]
fn r11_the_command_line_claims_releases_and_lists() {
    let site = Site::new();
    assert_eq!(site.run("list", &["g", "ann"]).0, 5, "a command that asks makes no ledger");
    site.offer(2, &["ann", "bob"]);
    assert_eq!(site.run("claim", &["g", "ann", "c0"]), (0, "c0: won".to_owned()));
    assert_eq!(site.run("claim", &["g", "ann", "c0"]), (0, "c0: yours already".to_owned()));
    let (code, text) = site.run("claim", &["g", "bob", "c0", "c1", "c2", "--json"]);
    let lines = [
        r#"{"customer":"c0","claim":{"owned_by":"ann"}}"#,
        r#"{"customer":"c1","claim":"won"}"#,
        r#"{"customer":"c2","claim":"not_offered"}"#,
    ];
    assert_eq!((code, text), (1, lines.join("\n")));
    assert_eq!(site.run("list", &["g", "ann"]), (0, "t  grab  c0  1.0000  yours".to_owned()));
    assert_eq!(site.run("release", &["g", "bob", "c0"]), (1, "c0: owned by ann".to_owned()));
    assert_eq!(site.run("release", &["g", "ann", "c0"]), (0, "c0: open again".to_owned()));
    let listed = r#"{"task":"t","mode":"grab","customer":"c0","weight":1.0,"yours":false}"#;
    assert_eq!(site.run("list", &["g", "ann", "--json"]), (0, listed.to_owned()));
    let (code, text) = site.run("claim", &["g", "", "c0"]);
    assert_eq!(code, 2, "{text}");
}
