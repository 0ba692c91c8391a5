//! What managers are offered (R11), and what leaves the program (R10).

use std::collections::BTreeSet;

use nightloom::claims::{Claim, ClaimStore, SqliteClaims};
use nightloom::ledger::Ledger;
use nightloom::outbox::Outbox;

use crate::site::{Job, Site, small, with_table};

fn with_mode(job: Job, mode: &str) -> Site {
    Site::new(&Job { more: format!("[dispatch]\nledger = \"out/ledger.sqlite\"\nmode = {mode}"), ..job })
}

fn claims(site: &Site) -> SqliteClaims {
    SqliteClaims::new(Ledger::open(&site.path("out/ledger.sqlite")).unwrap())
}

#[test]
fn r11_mapped_managers_see_their_own_customers_alone() {
    let site = with_mode(small(), "\"mapped\"");
    let run = site.run();
    let (tiers, claims) = (run.rows("tiers"), claims(&site));
    let mut seen = 0;
    for manager in run.rows("managers") {
        let (name, region) = (&manager["manager"], &manager["region"]);
        let own: Vec<(String, String)> =
            claims.list(region, name).unwrap().into_iter().map(|o| (o.task, o.customer)).collect();
        seen += own.len();
        for (task, customer) in own {
            assert!(tiers.iter().any(|t| t["task"] == task && t["customer"] == customer && t["manager"] == *name));
        }
    }
    assert_eq!(seen, tiers.len());
}

#[test]
fn r11_grab_shows_the_region_its_list_until_somebody_claims_and_a_rerun_keeps_the_claim() {
    let site = with_mode(with_table(), "\"grab\"");
    let run = site.run();
    let store = claims(&site);
    let list = |name: &str| store.list("north", name).unwrap();
    assert!(!list("ann").is_empty() && list("ann") == list("bob"));
    assert!(list("cat").is_empty(), "cat is of the south");
    let customer = list("ann")[0].customer.clone();
    assert_eq!(store.claim("north", &customer, "ann").unwrap(), Claim::Won);
    assert_eq!(store.claim("north", &customer, "bob").unwrap(), Claim::OwnedBy("ann".to_owned()));
    assert!(list("bob").iter().all(|open| open.customer != customer));
    std::fs::remove_dir_all(&run.folder).unwrap();
    site.run();
    assert_eq!(store.claim("north", &customer, "bob").unwrap(), Claim::OwnedBy("ann".to_owned()));
}

#[test]
fn r11_assigned_customers_are_seen_by_the_named_manager_alone_who_must_be_known() {
    let site = with_mode(with_table(), "{ assigned = \"cat\" }");
    let run = site.run();
    let store = claims(&site);
    let of = |name: &str| ["north", "south", "west"].map(|region| store.list(region, name).unwrap().len());
    assert_eq!(of("cat").iter().sum::<usize>(), run.rows("tiers").len());
    assert_eq!(of("ann"), [0; 3]);
    let unknown = with_mode(with_table(), "{ assigned = \"dan\" }");
    assert!(unknown.refused().contains("`dispatch.mode` assigns to the manager `dan`, of whom nothing is known"));
}

/// Lines of the outbox.
fn sent(site: &Site) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(site.path("out/messages.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn with_messages(cap: u32) -> Job {
    let more = format!(
        "[dispatch]\nledger = \"out/ledger.sqlite\"\noutbox = \"out/messages.jsonl\"\nperiod = \"late\"\ncap = {cap}\n\
         templates = [{{ task = \"*\", text = \"Dear {{customer}}, {{task}} is for you: {{manager}}\" }}, {{ task = \"t7\", text = \
         \"Last one\", link = \"https://shop.example/{{region}}\" }}]"
    );
    Job { more, ..small() }
}

#[test]
fn r10_messages_leave_once_within_the_cap_and_not_to_those_who_opted_out() {
    let site = Site::new(&with_messages(1));
    let run = site.run();
    let tiers = run.rows("tiers");
    let lines = sent(&site);
    let customers: BTreeSet<&str> = tiers.iter().map(|t| t["customer"].as_str()).collect();
    assert_eq!(lines.len(), customers.len(), "one message a customer");
    for line in &lines {
        let own = tiers.iter().find(|t| line["task"] == *t["task"] && line["customer"] == *t["customer"]).unwrap();
        assert_eq!(line["manager"], *own["manager"]);
        if line["task"] == "t7" {
            assert_eq!(
                (line["text"].as_str(), line["link"].as_str()),
                (Some("Last one"), Some(&*format!("https://shop.example/{}", own["region"])))
            );
        } else {
            let text = format!("Dear {}, {} is for you: {}", own["customer"], own["task"], own["manager"]);
            assert_eq!(line["text"], text);
        }
    }
    // Once more from the beginning: nothing leaves twice.
    std::fs::remove_dir_all(&run.folder).unwrap();
    site.run();
    assert_eq!(sent(&site), lines);

    let site = Site::new(&with_messages(1));
    std::fs::create_dir(site.path("out")).unwrap();
    let gone = lines[0]["customer"].as_str().unwrap();
    Outbox::new(Ledger::open(&site.path("out/ledger.sqlite")).unwrap()).opt_out(gone).unwrap();
    site.run();
    assert_eq!(sent(&site).len(), lines.len() - 1);
    assert!(sent(&site).iter().all(|line| line["customer"] != gone));

    let none = Site::new(&with_messages(0));
    none.run();
    assert!(sent(&none).is_empty(), "a cap of 0 means none");
}

#[test]
fn r10_templates_that_cannot_be_are_refused_with_their_place() {
    let site = |more: &str| Site::new(&Job { more: format!("[dispatch]\nledger = \"l\"\n{more}"), ..small() });
    for (more, words) in [
        (
            "period = \"p\"\ntemplates = [{ task = \"*\", text = \"{nmae}\" }]",
            "dispatch.templates[0]: expected slots of customer,",
        ),
        ("period = \"p\"\ntemplates = [{ task = \"*\", text = \"{\" }]", "dispatch.templates[0]"),
        ("templates = [{ task = \"*\", text = \"x\" }]", "dispatch.period: expected a name"),
        ("outbox = \"o.jsonl\"", "dispatch.outbox: needs `dispatch.templates`"),
    ] {
        let message = site(more).refused();
        assert!(message.contains(words), "{words:?} is not in: {message}");
    }
}
