//! One process; kills are in `tests/grid_ledger`.

use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::claims::{ClaimStore, Mode, OfferList, Offered, SqliteClaims};
use crate::ledger::Ledger;

fn template() -> RawTemplate {
    RawTemplate {
        task: "spring".to_owned(),
        text: "Dear {name}, {{really}} {percent}% off".to_owned(),
        link: Some("https://example.com/{name}".to_owned()),
        slogan: None,
        picture: Some("spring.png".to_owned()),
    }
}

fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn draft(task: &str, customer: &str) -> Draft {
    let message = Rendered { text: format!("{task} for {customer}\n\"ä\""), ..Rendered::default() };
    Draft { task: task.to_owned(), customer: customer.to_owned(), manager: "ann".to_owned(), score: 0.5, message }
}

fn publication(cap: Option<u32>, drafts: Vec<Draft>) -> Publication {
    Publication { period: "2026-11".to_owned(), cap, drafts, offers: vec![] }
}

fn outbox(folder: &Path) -> Outbox {
    Outbox::new(Ledger::open(&folder.join("ledger")).unwrap())
}

fn lines(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    let text =
        |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["text"].as_str().unwrap().to_owned();
    std::fs::read_to_string(path).unwrap().lines().map(text).collect()
}

#[test]
fn r10_templates_fill_their_slots_and_miss_none() {
    let template = template().check().unwrap();
    assert_eq!(template.slots().into_iter().collect::<Vec<_>>(), ["name", "percent"]);
    let found = template.render(&values(&[("name", "Ann {x}"), ("percent", "5"), ("more", "")])).unwrap();
    assert_eq!(found.text, "Dear Ann {x}, {really} 5% off");
    assert_eq!(found.link.as_deref(), Some("https://example.com/Ann {x}"));
    assert_eq!((found.slogan, found.picture.as_deref()), (None, Some("spring.png")));
    let error = template.render(&values(&[("name", "Ann")])).unwrap_err().to_string();
    assert_eq!(error, "template of task `spring`, `text`: no value for the slot `percent`");
}

#[test]
fn r10_templates_that_make_no_sense_are_refused() {
    let told = |text: &str| RawTemplate { text: text.to_owned(), ..template() }.check().unwrap_err().to_string();
    assert!(told("a { b").contains("`text`: expected `{slot}` or a doubled brace, found `{` alone"));
    assert!(told("a } b").contains("found `}` alone"));
    assert!(told("{}").contains("found ``"));
    assert!(told("{a b}").contains("found `a b`"));
    assert!(told("  ").contains("expected a text, found none"));
}

#[test]
fn r10_a_publication_twice_leaves_once_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let (outbox, path) = (outbox(folder.path()), folder.path().join("out.jsonl"));
    let all = || publication(None, vec![draft("a", "1"), draft("b", "1"), draft("a", "2")]);
    assert_eq!(outbox.publish(all()).unwrap(), Published { queued: 3, ..Published::default() });
    assert_eq!(outbox.publish(all()).unwrap(), Published { known: 3, ..Published::default() });
    assert_eq!(outbox.export(&path).unwrap().messages, 3);
    let bytes = std::fs::read(&path).unwrap();
    outbox.publish(all()).unwrap();
    assert_eq!(outbox.export(&path).unwrap(), Exported { bytes: bytes.len() as u64, ..Exported::default() });
    outbox.publish(publication(None, vec![draft("c", "1")])).unwrap();
    outbox.export(&path).unwrap();
    assert!(std::fs::read(&path).unwrap().starts_with(&bytes));
    assert_eq!(lines(&path), ["a for 1\n\"ä\"", "b for 1\n\"ä\"", "a for 2\n\"ä\"", "c for 1\n\"ä\""]);
    let keys: std::collections::BTreeSet<String> = outbox.messages(None).unwrap().into_iter().map(|m| m.key).collect();
    assert_eq!(keys.len(), 4);
    // Into another file nothing goes twice.
    assert_eq!(outbox.export(&folder.path().join("other.jsonl")).unwrap(), Exported::default());
}

#[test]
fn r10_allocation_messages_and_offers_stand_or_fall_together() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = outbox(folder.path());
    let list = |customer: &str| OfferList {
        grid: "g".to_owned(),
        task: "a".to_owned(),
        mode: Mode::Assigned,
        entries: vec![Offered { customer: customer.to_owned(), managers: vec!["ann".to_owned()], weight: 1.0 }],
        managers: vec![],
    };
    let bad = Publication { offers: vec![list("")], ..publication(None, vec![draft("a", "1")]) };
    assert!(matches!(outbox.publish(bad), Err(OutboxError::Offers(_))));
    let mut nan = draft("a", "2");
    nan.score = f64::NAN;
    let error = outbox.publish(publication(None, vec![draft("a", "1"), nan])).unwrap_err().to_string();
    assert_eq!(error, "draft 2: `score`: expected a finite number, found NaN");
    assert!(outbox.messages(None).unwrap().is_empty());
    outbox.publish(Publication { offers: vec![list("1")], ..publication(None, vec![draft("a", "1")]) }).unwrap();
    let claims = SqliteClaims::new(outbox.ledger.clone());
    assert_eq!((claims.list("g", "ann").unwrap().len(), outbox.messages(Some("ann")).unwrap().len()), (1, 1));
}

#[test]
fn r10_caps_hold_over_all_tasks_and_zero_means_none() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = outbox(folder.path());
    let drafts = || vec![draft("a", "1"), draft("b", "1"), draft("c", "1"), draft("a", "2")];
    assert_eq!(
        outbox.publish(publication(Some(0), drafts())).unwrap(),
        Published { capped: 4, ..Published::default() }
    );
    let two = outbox.publish(publication(Some(2), drafts())).unwrap();
    assert_eq!(two, Published { queued: 3, capped: 1, ..Published::default() });
    let again = outbox.publish(publication(Some(2), vec![draft("d", "1")])).unwrap();
    assert_eq!(again.capped, 1);
    let later = Publication { period: "2026-12".to_owned(), ..publication(Some(2), vec![draft("d", "1")]) };
    assert_eq!(outbox.publish(later).unwrap().queued, 1);
}

#[test]
fn r10_opt_outs_cancel_what_is_queued_and_only_that() {
    let folder = tempfile::tempdir().unwrap();
    let (outbox, path) = (outbox(folder.path()), folder.path().join("out.jsonl"));
    outbox.publish(publication(None, vec![draft("a", "1")])).unwrap();
    outbox.export(&path).unwrap();
    outbox.publish(publication(None, vec![draft("b", "1"), draft("b", "2")])).unwrap();
    assert_eq!(outbox.opt_out("1").unwrap(), 1);
    assert_eq!(outbox.opt_out("1").unwrap(), 0);
    outbox.export(&path).unwrap();
    assert_eq!(lines(&path), ["a for 1\n\"ä\"", "b for 2\n\"ä\""]);
    assert_eq!(outbox.publish(publication(None, vec![draft("c", "1")])).unwrap().opted_out, 1);
    outbox.opt_in("1").unwrap();
    assert_eq!(outbox.publish(publication(None, vec![draft("c", "1"), draft("b", "1")])).unwrap().queued, 1);
}

#[test]
fn r10_a_manager_edits_his_own_messages_until_they_leave() {
    let folder = tempfile::tempdir().unwrap();
    let (outbox, path) = (outbox(folder.path()), folder.path().join("out.jsonl"));
    outbox.publish(publication(None, vec![draft("a", "1")])).unwrap();
    let key = outbox.messages(None).unwrap()[0].key.clone();
    let edit = || Edit { text: Some("dear one".to_owned()), ..Edit::default() };
    assert!(matches!(outbox.edit(&key, "bob", edit()), Err(OutboxError::NotYours { .. })));
    assert!(matches!(outbox.edit("absent", "ann", edit()), Err(OutboxError::Unknown { .. })));
    outbox.edit(&key, "ann", edit()).unwrap();
    assert_eq!(outbox.publish(publication(None, vec![draft("a", "1")])).unwrap().known, 1);
    outbox.export(&path).unwrap();
    assert_eq!(lines(&path), ["dear one"]);
    let late = outbox.edit(&key, "ann", edit()).unwrap_err().to_string();
    assert!(late.ends_with("expected one that is queued, found one that is left"), "{late}");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "test input")]
fn r10_a_file_that_is_not_the_ledgers_is_left_alone_and_can_be_restored() {
    let folder = tempfile::tempdir().unwrap();
    let (outbox, path) = (outbox(folder.path()), folder.path().join("out.jsonl"));
    outbox.publish(publication(None, vec![draft("a", "1"), draft("a", "2")])).unwrap();
    let foreign = folder.path().join("foreign");
    std::fs::write(&foreign, "somebody's").unwrap();
    let error = outbox.export(&foreign).unwrap_err().to_string();
    assert!(error.contains("expected 0 bytes, as the ledger has recorded, found 10"), "{error}");
    assert_eq!(std::fs::read_to_string(&foreign).unwrap(), "somebody's");
    assert!(outbox.restore(&foreign).unwrap_err().to_string().contains("no message ever went into it"));
    outbox.export(&path).unwrap();
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..40]).unwrap();
    assert!(outbox.export(&path).is_err());
    std::fs::remove_file(&path).unwrap();
    assert_eq!(outbox.restore(&path).unwrap(), Exported { messages: 2, resumed: 0, bytes: whole.len() as u64 });
    assert_eq!(std::fs::read(&path).unwrap(), whole);
}
