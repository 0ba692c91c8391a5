//! Crashes at any moment: what is on the disk is enough to go on (A12).

use std::path::Path;

use super::{drive, key, next_upload, party, raw_plan, scheme, server, shared};
use crate::alliance::terms::{Missing, RawPlan};
use crate::alliance::{AllianceError, Hash, RefusalCode, Server, ServerPhase, Step};
use crate::paillier::key::PrivateKey;
use crate::paillier::public::Scheme;

/// Server and parties forget all that is not on the disk before each of their steps.
fn run_forgetful(raw: &RawPlan, key: &PrivateKey, folder: &Path, spoil: &mut dyn FnMut(usize)) -> Vec<Vec<Hash>> {
    let scheme = scheme(key);
    let places = raw.parties.len();
    for step in 0..400 {
        let mut done = 0;
        for place in 0..places {
            spoil(step);
            let mut one = party(raw, place, &scheme, shared(&scheme, key), folder).expect("a party");
            let mut own = server(raw, key, folder, 0).expect("a server");
            // A few steps each, then both are killed.
            for _ in 0..3 {
                match one.step().expect("a step") {
                    Step::Send(bytes) => {
                        let heard = own.handle(place, &bytes, 0).expect("a server");
                        one.answer(&heard.answer).expect("an answer");
                    }
                    Step::Wait => break,
                    Step::Done => {
                        done += 1;
                        break;
                    }
                }
            }
        }
        if done == places {
            return (0..places).map(|place| models(raw, place, &scheme, key, folder)).collect();
        }
    }
    panic!("it does not come to an end")
}

fn models(raw: &RawPlan, place: usize, scheme: &Scheme, key: &PrivateKey, folder: &Path) -> Vec<Hash> {
    party(raw, place, scheme, shared(scheme, key), folder).expect("a party").models().to_vec()
}

fn undisturbed(raw: &RawPlan, key: &PrivateKey) -> Vec<Hash> {
    let folder = tempfile::tempdir().expect("a folder");
    run_forgetful(raw, key, folder.path(), &mut |_| {}).remove(0)
}

#[test]
fn a12_server_and_parties_that_are_killed_between_any_two_steps_end_with_the_same_model() {
    let (folder, key, raw) = (tempfile::tempdir().expect("a folder"), key(512), raw_plan(3));
    let all = run_forgetful(&raw, &key, folder.path(), &mut |_| {});
    assert!(all.iter().all(|models| *models == all[0] && models.len() == 4));
    let scheme = scheme(&key);
    let fresh = tempfile::tempdir().expect("a folder");
    let mut own = server(&raw, &key, fresh.path(), 0).expect("a server");
    let mut parties: Vec<_> = (0..3)
        .map(|place| party(&raw, place, &scheme, shared(&scheme, &key), fresh.path()).expect("a party"))
        .collect();
    crate::alliance::simulate::run(&mut own, &mut parties, &|| 0, |_, _| Ok(())).expect("all rounds");
    assert_eq!(parties[0].models(), all[0], "as if nothing had happened");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "test input")]
fn a12_a_journal_whose_end_is_cut_off_at_every_step_costs_nothing() {
    let (key, raw) = (key(512), raw_plan(3));
    let expected = undisturbed(&raw, &key);
    for keep in [0, 1, 2, 3] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("server/journal");
        let mut cuts = 0;
        let all = run_forgetful(&raw, &key, folder.path(), &mut |step| {
            let Ok(bytes) = std::fs::read(&path) else { return };
            // Sometimes a few bytes, sometimes half of it, once all.
            if step % 4 == keep && cuts < 12 {
                cuts += 1;
                let left = [bytes.len() - 5, bytes.len() / 2, 0][cuts % 3];
                std::fs::write(&path, &bytes[..left]).expect("a cut");
            }
        });
        assert!(cuts > 3, "{cuts}");
        assert!(all.iter().all(|models| *models == expected), "cut at steps {keep} modulo 4");
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "test input")]
fn a12_a_torn_journal_is_reported_and_the_round_resumed() {
    let (folder, key, raw) = (tempfile::tempdir().expect("a folder"), key(512), raw_plan(3));
    let scheme = scheme(&key);
    let mut own = server(&raw, &key, folder.path(), 0).expect("a server");
    let mut uploads = vec![];
    for place in 0..2 {
        let mut one = party(&raw, place, &scheme, shared(&scheme, &key), folder.path()).expect("a party");
        uploads.push(next_upload(&mut one, &mut own, place));
        assert!(own.handle(place, &uploads[place], 0).expect("a server").refused.is_none());
    }
    assert_eq!((own.came(), own.torn_bytes()), (2, 0));
    drop(own);
    let path = folder.path().join("server/journal");
    let bytes = std::fs::read(&path).expect("a journal");
    std::fs::write(&path, &bytes[..bytes.len() - 10]).expect("a cut");
    let mut own = server(&raw, &key, folder.path(), 0).expect("a server");
    assert_eq!((own.round(), own.came()), (0, 1));
    assert_eq!(own.torn_bytes() as usize, 20 + 1 + uploads[1].len() - 10);
    // The party whose upload was lost asks, is told, and sends the same bytes.
    let mut one = party(&raw, 1, &scheme, shared(&scheme, &key), folder.path()).expect("a party");
    assert_eq!(next_upload(&mut one, &mut own, 1), uploads[1]);
}

#[test]
fn a12_a_party_that_sends_from_two_places_counts_once() {
    let (folder, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let (key, raw) = (key(512), raw_plan(3));
    let scheme = scheme(&key);
    let mut own = server(&raw, &key, folder.path(), 0).expect("a server");
    let mut twin = party(&raw, 0, &scheme, shared(&scheme, &key), other.path()).expect("a party");
    let second = next_upload(&mut twin, &mut own, 0);
    let mut parties: Vec<_> = (0..3)
        .map(|place| party(&raw, place, &scheme, shared(&scheme, &key), folder.path()).expect("a party"))
        .collect();
    drive(&mut parties[0], &mut own, 0, 0).expect("a step");
    let heard = own.handle(0, &second, 0).expect("a server");
    assert_eq!(heard.refused.as_ref().map(|r| r.code), Some(RefusalCode::Twice));
    twin.answer(&heard.answer).expect("it asks for the sum like any other");
    for _ in 0..20 {
        for (place, party) in parties.iter_mut().enumerate() {
            drive(party, &mut own, place, 0).expect("a step");
        }
    }
    assert_eq!(drive(&mut twin, &mut own, 0, 0).expect("sums"), Step::Done);
    assert_eq!(twin.models(), parties[1].models());
}

#[test]
fn a12_a_missing_party_stops_the_alliance_where_the_plan_says_so() {
    let (folder, key) = (tempfile::tempdir().expect("a folder"), key(512));
    let raw = RawPlan { missing: Missing::Stop, ..raw_plan(3) };
    let mut own = server(&raw, &key, folder.path(), 500).expect("a server");
    own.tick(1499).expect("a tick");
    assert_eq!(own.phase(), &ServerPhase::Collecting);
    own.tick(1500).expect("a tick");
    let ServerPhase::Stopped { reason } = own.phase() else { panic!("stopped") };
    assert_eq!(reason, "of 3 parties 0 came before the deadline of round 0, and the plan wants all");
}

#[test]
fn a12_a_round_without_a_quorum_waits_for_one() {
    let (folder, key) = (tempfile::tempdir().expect("a folder"), key(512));
    let raw = RawPlan { quorum: 3, ..raw_plan(4) };
    let scheme = scheme(&key);
    let mut own = server(&raw, &key, folder.path(), 0).expect("a server");
    let send = |place: usize, own: &mut Server, now| {
        let mut one = party(&raw, place, &scheme, shared(&scheme, &key), folder.path()).expect("a party");
        let upload = next_upload(&mut one, own, place);
        own.handle(place, &upload, now).expect("a server");
    };
    send(0, &mut own, 10);
    send(1, &mut own, 10);
    own.tick(5000).expect("a tick");
    assert_eq!(own.phase(), &ServerPhase::Collecting);
    send(2, &mut own, 5001);
    assert_eq!(own.phase(), &ServerPhase::Published, "the third closes it at once");
}

#[test]
fn a12_a_folder_of_another_plan_is_refused() {
    let (folder, key) = (tempfile::tempdir().expect("a folder"), key(512));
    let (raw, scheme) = (raw_plan(3), scheme(&key));
    server(&raw, &key, folder.path(), 0).expect("a server");
    party(&raw, 0, &scheme, shared(&scheme, &key), folder.path()).expect("a party");
    let other = RawPlan { rounds: 4, ..raw };
    let error = server(&other, &key, folder.path(), 0).err().expect("another plan");
    assert!(error.to_string().ends_with("it belongs to another plan"), "{error}");
    let error = party(&other, 0, &scheme, shared(&scheme, &key), folder.path()).err().expect("another plan");
    assert!(matches!(error, AllianceError::Journal { .. }), "{error}");
}
