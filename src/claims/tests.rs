//! One process; several are in `tests/grid_ledger`.

use std::sync::Arc;

use super::*;
use crate::ledger::Ledger;

fn entries(customers: &[&str], managers: &[&str]) -> Vec<Offered> {
    let managers: Vec<String> = managers.iter().map(ToString::to_string).collect();
    let offered =
        |customer: &&str| Offered { customer: (*customer).to_owned(), managers: managers.clone(), weight: 0.5 };
    customers.iter().map(offered).collect()
}

fn list(task: &str, mode: Mode, entries: Vec<Offered>, managers: &[&str]) -> OfferList {
    let managers = managers.iter().map(ToString::to_string).collect();
    OfferList { grid: "g".to_owned(), task: task.to_owned(), mode, entries, managers }
}

fn store(folder: &tempfile::TempDir) -> SqliteClaims {
    let ledger = Ledger::open(&folder.path().join("ledger")).unwrap();
    let store = SqliteClaims::new(ledger);
    store.offer(list("grab", Mode::Grab, entries(&["c1", "c2", "c3"], &[]), &["ann", "bob"])).unwrap();
    store.offer(list("mine", Mode::Assigned, entries(&["c4"], &["ann"]), &[])).unwrap();
    store.offer(list("ours", Mode::Mapped, entries(&["c5", "c1"], &["bob", "cyd"]), &[])).unwrap();
    store
}

fn seen(store: &dyn ClaimStore, manager: &str) -> Vec<String> {
    let open = store.list("g", manager).unwrap();
    open.iter().map(|o| format!("{} {}{}", o.task, o.customer, if o.yours { "!" } else { "" })).collect()
}

#[test]
fn r11_each_mode_is_seen_by_whom_it_is_for() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    assert_eq!(seen(&store, "ann"), ["grab c1", "grab c2", "grab c3", "mine c4"]);
    assert_eq!(seen(&store, "bob"), ["grab c1", "grab c2", "grab c3", "ours c5", "ours c1"]);
    assert_eq!(seen(&store, "cyd"), ["ours c5", "ours c1"]);
    assert!(seen(&store, "dan").is_empty() && store.list("h", "ann").unwrap().is_empty());
    let open = &store.list("g", "ann").unwrap()[3];
    assert_eq!((open.mode, open.weight, open.yours), (Mode::Assigned, 0.5, false));
}

#[test]
fn r11_the_first_claim_owns_and_the_others_no_longer_see() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let claim = |customer, manager| store.claim("g", customer, manager).unwrap();
    assert_eq!(claim("c1", "bob"), Claim::Won);
    assert_eq!(claim("c1", "bob"), Claim::AlreadyYours);
    assert_eq!(claim("c1", "ann"), Claim::OwnedBy("bob".to_owned()));
    assert_eq!(seen(&store, "ann"), ["grab c2", "grab c3", "mine c4"]);
    assert_eq!(seen(&store, "bob"), ["grab c1!", "grab c2", "grab c3", "ours c5", "ours c1!"]);
    assert_eq!(seen(&store, "cyd"), ["ours c5"]);
    // Neither whom it is offered to nor who has it is told to others.
    for (customer, manager) in [("c4", "bob"), ("c1", "dan"), ("c2", "cyd"), ("absent", "ann")] {
        assert_eq!(claim(customer, manager), Claim::NotOffered, "{customer} {manager}");
    }
    assert_eq!(store.claim("h", "c1", "ann").unwrap(), Claim::NotOffered);
    assert_eq!(claim("c4", "ann"), Claim::Won);
}

#[test]
fn r11_a_released_customer_is_open_again_and_only_the_owner_releases() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let release = |manager| store.release("g", "c1", manager).unwrap();
    assert_eq!(release("ann"), Release::NotClaimed);
    store.claim("g", "c1", "ann").unwrap();
    assert_eq!(release("bob"), Release::NotYours("ann".to_owned()));
    assert_eq!(release("ann"), Release::Released);
    assert_eq!(seen(&store, "bob")[0], "grab c1");
    assert_eq!(store.claim("g", "c1", "bob").unwrap(), Claim::Won);
}

#[test]
fn r11_a_new_list_takes_the_place_of_the_old_one_and_claims_stay() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    store.claim("g", "c1", "ann").unwrap();
    store.offer(list("grab", Mode::Grab, entries(&["c9", "c1"], &[]), &["ann", "cyd"])).unwrap();
    assert_eq!(seen(&store, "ann"), ["grab c9", "grab c1!", "mine c4"]);
    assert_eq!(seen(&store, "bob"), ["ours c5"]);
    assert_eq!(store.claim("g", "c2", "ann").unwrap(), Claim::NotOffered);
    // What one owns one keeps, though it is offered no more.
    store.offer(list("grab", Mode::Grab, vec![], &[])).unwrap();
    assert_eq!(store.claim("g", "c1", "ann").unwrap(), Claim::AlreadyYours);
}

#[test]
fn r11_lists_that_make_no_sense_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let told = |list: OfferList| store.offer(list).unwrap_err().to_string();
    let two = told(list("t", Mode::Assigned, entries(&["c"], &["ann", "bob"]), &[]));
    assert!(two.ends_with("customer `c`: expected exactly 1 manager for mode `assigned`, found 2"), "{two}");
    assert!(told(list("t", Mode::Mapped, entries(&["c"], &[]), &[])).contains("at least 1 manager"));
    assert!(told(list("t", Mode::Grab, entries(&["c"], &["ann"]), &[])).contains("no manager of its own"));
    assert!(told(list("t", Mode::Grab, entries(&["c", "c"], &[]), &[])).ends_with("stands in it twice"));
    assert_eq!(told(list("", Mode::Grab, vec![], &[])), "task: expected a name, found an empty one");
    let mut nan = entries(&["c"], &[]);
    nan[0].weight = f64::NAN;
    assert!(told(list("t", Mode::Grab, nan, &["ann"])).ends_with("expected a finite weight, found NaN"));
    assert!(store.claim("g", "", "ann").is_err());
}

#[test]
fn r11_a_thousand_claims_for_one_customer_have_one_winner() {
    let folder = tempfile::tempdir().unwrap();
    let managers: Vec<String> = (0..1000).map(|number| format!("m{number}")).collect();
    let names: Vec<&str> = managers.iter().map(String::as_str).collect();
    let store = Arc::new(store(&folder));
    store.offer(list("rush", Mode::Grab, entries(&["star"], &[]), &names)).unwrap();
    let answers: Vec<Claim> = std::thread::scope(|scope| {
        let claim = |manager: &String| {
            let (store, manager) = (store.clone(), manager.clone());
            scope.spawn(move || store.claim("g", "star", &manager).unwrap())
        };
        let threads: Vec<_> = managers.iter().map(claim).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let winner = answers.iter().position(|answer| *answer == Claim::Won).unwrap();
    let lost = Claim::OwnedBy(managers[winner].clone());
    assert_eq!(answers.iter().filter(|answer| **answer == lost).count(), 999);
    assert_eq!(store.claim("g", "star", &managers[winner]).unwrap(), Claim::AlreadyYours);
}
