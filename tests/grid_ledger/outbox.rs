//! The outbox (R10).

use std::collections::BTreeSet;
use std::time::Duration;

use nightloom::outbox::{Draft, Outbox, Publication, Rendered};

use crate::site::Site;

fn publish(site: &Site, period: &str, customers: usize) {
    let draft = |number| Draft {
        task: "t".to_owned(),
        customer: format!("c{number}"),
        manager: "ann".to_owned(),
        score: 1.0,
        message: Rendered { text: format!("for {number}\n{}", "x".repeat(number % 300)), ..Rendered::default() },
    };
    let drafts = (0..customers).map(draft).collect();
    let publication = Publication { period: period.to_owned(), drafts, ..Publication::default() };
    Outbox::new(site.open()).publish(publication).expect("a publication");
}

/// The keys of a file's lines, in order.
fn keys(text: &str) -> Vec<String> {
    let key = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).expect("a whole line");
        line["key"].as_str().expect("a key").to_owned()
    };
    text.lines().map(key).collect()
}

#[test]
fn r10_exports_that_are_killed_write_nothing_twice_and_lose_nothing() {
    let site = Site::new();
    publish(&site, "one", 60_000);
    let out = site.path("out.jsonl");
    let mut seen = Vec::new();
    let mut unfinished = 0;
    for kill in 0..20_u64 {
        if kill == 10 {
            publish(&site, "two", 30_000);
        }
        let mut child = site.command("export").arg(&out).spawn().expect("a process");
        std::thread::sleep(Duration::from_millis(5 + 9 * (kill % 10)));
        child.kill().expect("a kill");
        unfinished += usize::from(!child.wait().expect("an end").success());
        // What a receiver has read stays as it was.
        let bytes = std::fs::read(&out).unwrap_or_default();
        assert!(bytes.starts_with(&seen), "bytes changed after kill {kill}");
        seen = bytes;
    }
    assert!(unfinished >= 5, "only {unfinished} exports were killed at work");
    let (code, text) = site.run("export", &[out.to_str().expect("Unicode")]);
    assert_eq!(code, 0, "{text}");
    let text = std::fs::read_to_string(&out).expect("the file");
    assert!(text.as_bytes().starts_with(&seen));
    let found = keys(&text);
    assert_eq!(found.len(), 90_000);
    assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), 90_000);
}

/// A kill between any two bytes: the file as it would be then, mended by the next export.
#[test]
#[expect(clippy::disallowed_methods, reason = "what a kill leaves")]
fn r10_a_torn_tail_is_completed_wherever_it_is_torn() {
    let whole = Site::new();
    publish(&whole, "one", 3);
    whole.run("export", &[whole.path("out").to_str().expect("Unicode")]);
    let bytes = std::fs::read(whole.path("out")).expect("the file");
    for torn in [0, 1, bytes.len() / 2, bytes.len() - 1, bytes.len()] {
        let site = Site::new();
        publish(&site, "one", 3);
        let out = site.path("out");
        std::fs::write(&out, b"").expect("a file");
        // The state between the first transaction and the last: taken, not recorded as written.
        let ledger = rusqlite::Connection::open(site.ledger()).expect("the ledger");
        let length = bytes.len();
        ledger
            .execute_batch(&format!(
                "INSERT INTO outlets VALUES (1, 'out', 0); INSERT INTO batches VALUES (1, 1, 0, {length}, 0);
                 UPDATE messages SET state = 'leaving', batch = 1"
            ))
            .expect("a begun batch");
        drop(ledger);
        std::fs::write(&out, &bytes[..torn]).expect("a torn tail");
        let (code, text) = site.run("export", &[out.to_str().expect("Unicode"), "--json"]);
        assert_eq!((code, text), (0, format!(r#"{{"messages":3,"resumed":3,"bytes":{length}}}"#)));
        assert_eq!(std::fs::read(&out).expect("the file"), bytes);
    }
}

#[test]
fn r10_the_command_line_edits_cancels_and_exports() {
    let site = Site::new();
    publish(&site, "one", 3);
    let (_, listed) = site.run("messages", &["--manager", "ann", "--json"]);
    let keys = keys(&listed);
    assert_eq!(site.run("edit", &[&keys[0], "ann", "--text", "dear"]), (0, format!("{}: changed", keys[0])));
    assert_eq!(site.run("edit", &[&keys[0], "bob", "--text", "dear"]).0, 1);
    assert_eq!(site.run("optout", &["c1"]), (0, "c1: gets no messages; 1 cancelled".to_owned()));
    let out = site.path("out.jsonl");
    let name = out.to_str().expect("Unicode");
    assert_eq!(site.run("export", &[name, "--json"]).0, 0);
    let text = std::fs::read_to_string(&out).expect("the file");
    assert_eq!(self::keys(&text), [keys[0].clone(), keys[2].clone()]);
    assert!(text.starts_with(&format!(r#"{{"key":"{}","period":"one","task":"t","customer":"c0""#, keys[0])), "{text}");
    assert_eq!(site.run("edit", &[&keys[0], "ann", "--text", "late"]).0, 1);
    std::fs::remove_file(&out).expect("a file");
    assert_eq!(site.run("export", &[name]).0, 5);
    assert_eq!(site.run("export", &[name, "--restore"]).0, 0);
    assert_eq!(std::fs::read_to_string(&out).expect("the file"), text);
}
