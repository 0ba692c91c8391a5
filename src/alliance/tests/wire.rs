//! Messages as bytes (A13).

use crate::alliance::wire::{
    Applied, Hello, Message, Objection, Phase, Poll, Refused, Share, Shares, Status, Sum, Taken, Terms, Upload, Wanted,
    WireError,
};
use crate::alliance::{Plan, RefusalCode, bytes_of};

use super::{raw_plan, start};

fn all(bytes: &[u8]) -> Vec<Message<'_>> {
    let (plan, round) = ([1; 32], 7);
    vec![
        Message::Hello(Hello { key: [9; 32] }),
        Message::Terms(Terms { plan: "{\"é\"}", weights: bytes }),
        Message::Upload(Upload {
            plan,
            round,
            model: [2; 32],
            layout: [3; 32],
            key: [4; 32],
            party: 500,
            nonce: [5; 16],
            ciphertexts: bytes,
        }),
        Message::Taken(Taken { round, message: [6; 32] }),
        Message::Poll(Poll { plan, round, wanted: Wanted::Shares }),
        Message::Status(Status { phase: Phase::Published, round, have: true, came: 3 }),
        Message::Sum(Sum { plan, round, contributors: [8; 128], weights: u64::MAX, ciphertexts: bytes }),
        Message::Share(Share { plan, round, party: 2, sum: [7; 32], values: bytes }),
        Message::Shares(Shares { round, shares: vec![(1, &bytes[..10]), (4, &bytes[10..20])] }),
        Message::Applied(Applied { plan, round, model: [2; 32] }),
        Message::Objection(Objection { plan, round, reason: "no" }),
        Message::Refused(Refused { code: RefusalCode::Late, reason: "too late" }),
    ]
}

#[test]
fn a13_messages_come_back_as_they_were_and_never_cut_off_or_changed() {
    let bytes: Vec<u8> = (0..40).collect();
    for message in all(&bytes) {
        let encoded = message.encode();
        assert_eq!(Message::decode(&encoded).expect("a message"), message);
        for cut in 0..encoded.len() {
            assert!(Message::decode(&encoded[..cut]).is_err(), "{} cut at {cut}", message.name());
        }
        for bit in 0..8 * encoded.len() {
            let mut flipped = encoded.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Message::decode(&flipped), Err(WireError::Seal), "{} bit {bit}", message.name());
        }
    }
}

/// Bytes with a right seal that are nonsense otherwise: what a party of bad will can send.
#[test]
fn a13_sealed_nonsense_never_panics_and_claims_no_memory() {
    let bytes: Vec<u8> = (0..40).collect();
    let sealed = |body: &[u8]| [body, &crate::alliance::hash(body)].concat();
    for message in all(&bytes) {
        let encoded = message.encode();
        let body = &encoded[..encoded.len() - 32];
        for at in 6..body.len() {
            for value in [0, 1, 127, 255] {
                let mut other = body.to_vec();
                other[at] = value;
                // Either refused, or another message that is written in exactly these bytes.
                if let Ok(found) = Message::decode(&sealed(&other)) {
                    assert_eq!(found.encode(), sealed(&other));
                }
                let _ = Message::decode(&sealed(&other[..at]));
            }
        }
    }
    let huge = [&b"NLAL\x01\x00\x02"[..], &u32::MAX.to_le_bytes()].concat();
    let error = Message::decode(&sealed(&huge)).expect_err("a plan of 4 GB").to_string();
    assert_eq!(error, "plan: expected 4294967295 bytes, 0 are left");
    assert_eq!(Message::decode(&sealed(b"HTTP/1.1")), Err(WireError::Magic));
    assert_eq!(Message::decode(&sealed(b"NLAL\x01\x00\x63")), Err(WireError::Kind { got: 99 }));
    let extra = [&b"NLAL\x01\x00\x01"[..], &[0; 33]].concat();
    assert_eq!(Message::decode(&sealed(&extra)), Err(WireError::Long { left: 1 }));
}

#[test]
fn a2_plan_and_model_travel_whole() {
    let plan = raw_plan(3).check().expect("a plan");
    let weights = start(&plan);
    let values = bytes_of(&weights);
    let (back, model) = Plan::from_terms(&Terms { plan: plan.text(), weights: &values }).expect("terms");
    assert_eq!((back.id(), &model), (plan.id(), &weights));
    let error = Plan::from_terms(&Terms { plan: plan.text(), weights: &values[4..] }).expect_err("too short");
    assert_eq!(error.to_string(), "the server's plan: expected 104 bytes of a starting model, got 100");
    let other = plan.text().replace("\"rounds\":3", "\"rounds\": 3");
    assert!(Plan::from_terms(&Terms { plan: &other, weights: &values }).is_err(), "another text is another plan");
}
