//! What is refused, and why (A12, A13).

use super::{changed, drive, key, next_upload, party, raw_plan, scheme, server, shared};
use crate::alliance::terms::{Mode, PartyTerms, RawPlan, Weighting};
use crate::alliance::wire::{Applied, Message, Objection, Poll, Share, Sum, Wanted};
use crate::alliance::{AllianceError, RefusalCode, Server, hash};

fn code(server: &mut Server, peer: usize, bytes: &[u8]) -> Option<RefusalCode> {
    server.handle(peer, bytes, 0).expect("a server").refused.map(|refusal| refusal.code)
}

#[test]
fn a12_an_upload_that_is_not_what_it_must_be_is_refused_with_its_reason() {
    let (folder, key) = (tempfile::tempdir().expect("a folder"), key(512));
    let (raw, scheme) = (raw_plan(3), scheme(&key));
    let mut server = server(&raw, &key, folder.path(), 0).expect("a server");
    let mut own = party(&raw, 0, &scheme, shared(&scheme, &key), folder.path()).expect("a party");
    let good = next_upload(&mut own, &mut server, 0);
    let size = key.public().ciphertext_bytes();
    let Ok(Message::Upload(upload)) = Message::decode(&good) else { panic!("an upload") };
    let first = upload.ciphertexts;
    let (mut zero, mut large, mut factor) = (first.to_vec(), first.to_vec(), first.to_vec());
    zero[..size].fill(0);
    large[..size].fill(255);
    factor[..size].fill(0);
    let n = key.p().to_be_bytes();
    factor[size - n.len()..size].copy_from_slice(&n);
    let (short, long) = (&first[size..], [first, &first[..size]].concat());
    let mut flipped = good.clone();
    flipped[300] ^= 1;
    let cases: [(Vec<u8>, RefusalCode, &str); 16] = [
        (flipped, RefusalCode::Malformed, "SHA-256 is wrong"),
        (good[..good.len() - 1].to_vec(), RefusalCode::Malformed, "SHA-256 is wrong"),
        (vec![], RefusalCode::Malformed, "expected 32 bytes, 0 are left"),
        (changed(&good, |u| u.plan[0] ^= 1), RefusalCode::OtherPlan, "another plan"),
        (changed(&good, |u| u.party = 1), RefusalCode::OtherParty, "it is party 1's, sent by party 0"),
        (changed(&good, |u| u.round = 1), RefusalCode::Early, "it is for round 1, this is round 0"),
        (changed(&good, |u| u.model[5] ^= 1), RefusalCode::OtherModel, "another model"),
        (changed(&good, |u| u.layout[5] ^= 1), RefusalCode::OtherLayout, "another layout"),
        (changed(&good, |u| u.key[5] ^= 1), RefusalCode::OtherKey, "expected the key"),
        (changed(&good, |u| u.ciphertexts = short), RefusalCode::Length, "bytes of ciphertexts, got"),
        (changed(&good, |u| u.ciphertexts = &long), RefusalCode::Length, "bytes of ciphertexts, got"),
        (changed(&good, |u| u.ciphertexts = &zero), RefusalCode::Ciphertext, "ciphertext 0: it is zero"),
        (changed(&good, |u| u.ciphertexts = &large), RefusalCode::Ciphertext, "it is not below n^2"),
        (changed(&good, |u| u.ciphertexts = &factor), RefusalCode::Ciphertext, "a factor in common with n"),
        (Message::Sum(sum_of(&good)).encode(), RefusalCode::Unexpected, "a server does not take `sum`"),
        (share_of(&good), RefusalCode::Unexpected, "opens sums by itself"),
    ];
    for (bytes, expected, words) in cases {
        let refusal = server.handle(0, &bytes, 0).expect("a server").refused.expect(words);
        assert_eq!(refusal.code, expected, "{refusal}");
        assert!(refusal.reason.contains(words), "{refusal}");
    }
    assert_eq!(code(&mut server, 3, &good), Some(RefusalCode::UnknownParty));
    // None of it counts; the right one is taken, as often as it comes, and another one is not.
    assert_eq!(server.came(), 0);
    for _ in 0..3 {
        assert_eq!(code(&mut server, 0, &good), None);
    }
    assert_eq!(server.came(), 1);
    assert_eq!(code(&mut server, 0, &changed(&good, |u| u.nonce[0] ^= 1)), Some(RefusalCode::Twice));
    let text = std::fs::read_to_string(folder.path().join("server/transcript.jsonl")).expect("a transcript");
    assert_eq!(text.matches("\"answer\":\"refused\"").count(), 18);
    assert!(!text.contains("status"), "questions without an answer are left out");
}

fn sum_of(upload: &[u8]) -> Sum<'_> {
    let Ok(Message::Upload(upload)) = Message::decode(upload) else { panic!("an upload") };
    let mut contributors = [0; 128];
    contributors[0] = 7;
    Sum { plan: upload.plan, round: 0, contributors, weights: 90, ciphertexts: upload.ciphertexts }
}

fn share_of(upload: &[u8]) -> Vec<u8> {
    let Ok(Message::Upload(upload)) = Message::decode(upload) else { panic!("an upload") };
    let values = upload.ciphertexts;
    Message::Share(Share { plan: upload.plan, round: 0, party: 0, sum: [0; 32], values }).encode()
}

#[test]
fn a12_other_versions_are_told_apart_from_noise() {
    let (folder, key) = (tempfile::tempdir().expect("a folder"), key(512));
    let mut server = server(&raw_plan(3), &key, folder.path(), 0).expect("a server");
    let mut other = crate::alliance::hello(key.public());
    other[4] = 9;
    let end = other.len() - 32;
    let seal = hash(&other[..end]);
    other[end..].copy_from_slice(&seal);
    let refusal = server.handle(0, &other, 0).expect("a server").refused.expect("another version");
    assert_eq!(
        (refusal.code, refusal.reason.as_str()),
        (RefusalCode::Version, "expected version 1 of the protocol, got 9")
    );
    let strange = Message::Hello(crate::alliance::wire::Hello { key: [1; 32] }).encode();
    assert_eq!(code(&mut server, 0, &strange), Some(RefusalCode::OtherKey));
}

#[test]
fn a12_late_uploads_and_models_that_differ_are_refused() {
    let (folder, key) = (tempfile::tempdir().expect("a folder"), key(512));
    let (raw, scheme) = (RawPlan { quorum: 3, ..raw_plan(4) }, scheme(&key));
    let mut server = server(&raw, &key, folder.path(), 0).expect("a server");
    let mut parties: Vec<_> = (0..4)
        .map(|place| party(&raw, place, &scheme, shared(&scheme, &key), folder.path()).expect("a party"))
        .collect();
    let late = next_upload(&mut parties[3], &mut server, 3);
    for (place, party) in parties.iter_mut().enumerate().take(3) {
        drive(party, &mut server, place, 0).expect("a step");
    }
    server.tick(999).expect("a tick");
    assert_eq!(server.came(), 3, "still collecting");
    server.tick(1000).expect("a tick");
    assert_eq!(code(&mut server, 3, &late), Some(RefusalCode::Late));
    let plan = *server.plan().id();
    let applied = |round, model| Message::Applied(Applied { plan, round, model }).encode();
    assert_eq!(code(&mut server, 0, &applied(1, [1; 32])), Some(RefusalCode::Early));
    assert_eq!(code(&mut server, 3, &applied(0, [1; 32])), None, "nobody has said anything else yet");
    assert_eq!(code(&mut server, 3, &applied(0, [2; 32])), Some(RefusalCode::Twice));
    for (place, party) in parties.iter_mut().enumerate().take(3) {
        drive(party, &mut server, place, 2000).expect("a step");
    }
    assert_eq!(server.round(), 1);
    assert_eq!(code(&mut server, 3, &applied(0, [1; 32])), Some(RefusalCode::ModelsDiffer));
    assert_eq!(code(&mut server, 3, &late), Some(RefusalCode::Late));
    // It takes the sum and is in time again.
    parties[3]
        .answer(&Message::Refused(crate::alliance::wire::Refused { code: RefusalCode::Late, reason: "" }).encode())
        .expect("late is no end");
    drive(&mut parties[3], &mut server, 3, 2000).expect("a step");
    assert_eq!(parties[3].models()[1], server.models()[1]);
}

/// A sum that is not what it says is opened by nobody, and the alliance stops with the reason.
#[test]
fn a6_a_sum_with_a_party_too_few_or_too_many_is_not_used() {
    let words = [
        ("sum of the weights: expected 90, got 60", 1),
        ("sum of the weights: expected 90, got 130", 2),
        ("expected at least 3 contributors, got 2", 3),
        ("its contributors weigh 90, it says 91", 4),
        ("another one in plaintext 0: a sum overflowed", 5),
    ];
    for (words, fault) in words {
        let (folder, key) = (tempfile::tempdir().expect("a folder"), key(512));
        let (raw, scheme) = (raw_plan(3), scheme(&key));
        let mut server = server(&raw, &key, folder.path(), 0).expect("a server");
        let mut uploads = vec![];
        for place in 0..3 {
            let mut one = party(&raw, place, &scheme, shared(&scheme, &key), folder.path()).expect("a party");
            uploads.push(next_upload(&mut one, &mut server, place));
        }
        let ciphertexts: Vec<_> =
            uploads.iter().map(|upload| scheme.from_bytes(sum_of(upload).ciphertexts).expect("ciphertexts")).collect();
        // 30, 40 and 20 samples weigh as many.
        let mut product = ciphertexts[0].clone();
        scheme.add(&mut product, &ciphertexts[2]).expect("a sum");
        if fault == 1 {
            product = ciphertexts[1].clone();
            scheme.add(&mut product, &ciphertexts[2]).expect("a sum");
        } else {
            scheme.add(&mut product, &ciphertexts[1]).expect("a sum");
        }
        if fault == 2 {
            scheme.add(&mut product, &ciphertexts[1]).expect("a sum");
        }
        if fault == 5 {
            // 2^495 more in every plaintext, within the canary: the weight slot does not see it.
            let plus = crate::paillier::numbers::Numbers::from_u64s(&vec![1; product.len()]);
            let high = crate::paillier::public::Factors::from_i64s(&vec![1 << 55; product.len()]);
            let mut carry = scheme.ones(product.len());
            scheme.add_plain(&mut carry, &plus).expect("a plaintext");
            for _ in 0..9 {
                scheme.multiply(&mut carry, &high).expect("a factor");
            }
            scheme.add(&mut product, &carry).expect("a sum");
        }
        let bytes = scheme.to_bytes(&product).expect("bytes");
        let mut sum = sum_of(&uploads[0]);
        sum.ciphertexts = &bytes;
        match fault {
            3 => (sum.contributors[0], sum.weights) = (5, 50),
            4 => sum.weights = 91,
            _ => {}
        }
        let mut one = party(&raw, 0, &scheme, shared(&scheme, &key), folder.path()).expect("a party");
        let _ = one.step().expect("a question");
        one.answer(&Message::Sum(sum).encode()).expect("an answer");
        let crate::alliance::Step::Send(objection) = one.step().expect("an objection") else { panic!("an objection") };
        let Ok(Message::Objection(Objection { reason, .. })) = Message::decode(&objection) else {
            panic!("expected an objection for fault {fault}")
        };
        assert!(reason.contains(words), "{reason}");
        assert_eq!(one.round(), 0, "nothing was applied");
    }
}

#[test]
fn a12_an_objection_stops_the_alliance_for_all() {
    let (folder, key) = (tempfile::tempdir().expect("a folder"), key(512));
    let (raw, scheme) = (raw_plan(3), scheme(&key));
    let mut first = server(&raw, &key, folder.path(), 0).expect("a server");
    let plan = *first.plan().id();
    let objection = Message::Objection(Objection { plan, round: 0, reason: "canary" }).encode();
    assert_eq!(code(&mut first, 1, &objection), Some(RefusalCode::Unexpected), "there is no sum yet");
    for place in 0..3 {
        let mut one = party(&raw, place, &scheme, shared(&scheme, &key), folder.path()).expect("a party");
        let upload = next_upload(&mut one, &mut first, place);
        assert_eq!(code(&mut first, place, &upload), None);
    }
    assert_eq!(code(&mut first, 1, &objection), None);
    let poll = Message::Poll(Poll { plan, round: 0, wanted: Wanted::Sum }).encode();
    drop(first);
    let mut again = server(&raw, &key, folder.path(), 0).expect("a server");
    let refusal = again.handle(0, &poll, 0).expect("a server").refused.expect("stopped");
    assert_eq!(refusal.code, RefusalCode::Stopped);
    assert_eq!(refusal.reason, "the alliance stopped: `company-1` cannot use the sum of round 0: canary");
}

#[test]
fn a4_plans_that_cannot_be_are_refused_with_the_setting() {
    let cases: [(RawPlan, &str); 12] = [
        (RawPlan { parties: raw_plan(1).parties, ..raw_plan(3) }, "plan: `parties` must be 2 to 1024, found 1"),
        (RawPlan { allow_two: false, ..raw_plan(2) }, "`allow_two = true` accepts that"),
        (RawPlan { quorum: 2, ..raw_plan(4) }, "`quorum` must lie in 3 to 4, found 2"),
        (RawPlan { quorum: 5, ..raw_plan(4) }, "`quorum` must lie in 3 to 4, found 5"),
        (RawPlan { rounds: 0, ..raw_plan(3) }, "`rounds` must lie in 1 to 100000, found 0"),
        (RawPlan { clip: 0.0, ..raw_plan(3) }, "`clip` must lie in"),
        (
            RawPlan { clip_layers: [("layers.7".to_owned(), 1.0)].into(), ..raw_plan(3) },
            "`clip_layers` names `layers.7`, which begins none of layers.0.dense.weight",
        ),
        (RawPlan { value_bits: 25, ..raw_plan(3) }, "bits of a packed value: expected 2 to 24, got 25"),
        (RawPlan { weighting: Weighting::Samples, parties: heavy(), ..raw_plan(3) }, "sum of weights: expected 1 to"),
        (
            RawPlan { mode: Mode::Threshold { needed: 4 }, ..raw_plan(3) },
            "`mode.needed` must lie in 2 to the quorum, 3",
        ),
        (RawPlan { key: "12".to_owned(), ..raw_plan(3) }, "`key` must be 64 hexadecimal digits"),
        (
            RawPlan {
                model: serde_json::from_str(r#"{"input":{"length":1,"channels":2},"layers":[{"kind":"batch_norm"}]}"#)
                    .expect("a model"),
                ..raw_plan(3)
            },
            "`model` has a batch norm",
        ),
    ];
    for (raw, words) in cases {
        let error = raw.check().expect_err(words).to_string();
        assert!(error.contains(words), "{error}");
    }
}

fn heavy() -> Vec<PartyTerms> {
    (0..200).map(|i| PartyTerms { name: format!("p{i}"), samples: 1 << 32 }).collect()
}

#[test]
fn a6_a_key_that_is_not_the_plans_is_refused_at_once() {
    let (folder, other) = (tempfile::tempdir().expect("a folder"), key(1024));
    let error = server(&raw_plan(3), &other, folder.path(), 0).err().expect("another key");
    assert!(matches!(error, AllianceError::Plan { key: "key", .. }), "{error}");
}
