//! What managers are offered (R11).

use nightloom::claims::{Claim, ClaimStore, SqliteClaims};
use nightloom::ledger::Ledger;

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
