//! Server and parties against each other, within one process and with small keys.

mod dropout;
mod faults;
mod rounds;
mod wire;

use std::path::Path;

use super::terms::{Algorithm, Missing, Mode, PartyTerms, RawPlan, ServerUpdate, Weighting};
use super::wire::{Message, Upload};
use super::{AllianceError, Opener, Party, PartyParts, Plan, Server, SharedKey, Step, Trainer};
use crate::model::{Loss, Model, Weights, initial_weights};
use crate::paillier::decrypt::Decryptor;
use crate::paillier::encrypt::Obfuscation;
use crate::paillier::kernel::Kernel;
use crate::paillier::key::{PrivateKey, Sizes};
use crate::paillier::public::Scheme;

pub(in crate::alliance) fn key(bits: u32) -> PrivateKey {
    let text = match bits {
        512 => include_str!("../../paillier/fixtures/512.key"),
        _ => include_str!("../../paillier/fixtures/1024.key"),
    };
    PrivateKey::from_text(text, Sizes::SmallForTests).expect("a fixture is a key")
}

pub(super) fn scheme(key: &PrivateKey) -> Scheme {
    Scheme::new(key.public().clone(), Kernel::all()[0]).expect("a checked key")
}

/// A plan for companies of 30, 40, 20, 30, ... samples.
pub(crate) fn raw_plan(parties: usize) -> RawPlan {
    let party = |i: usize| PartyTerms { name: format!("company-{i}"), samples: 20 + 10 * ((i as u64 + 1) % 3) };
    RawPlan {
        name: "test".to_owned(),
        parties: (0..parties).map(party).collect(),
        rounds: 3,
        algorithm: Algorithm::FedSgd,
        update: ServerUpdate::default(),
        clip: 0.5,
        clip_layers: [].into(),
        value_bits: 16,
        weighting: Weighting::Samples,
        mode: Mode::SharedKey,
        quorum: parties,
        deadline_ms: 1000,
        missing: Missing::GoOn,
        allow_two: parties == 2,
        privacy: None,
        model: serde_json::from_str(
            r#"{"input": {"length": 1, "channels": 3}, "layers": [{"kind": "dense", "units": 4, "activation": "tanh"},
                {"kind": "dense", "units": 2}]}"#,
        )
        .expect("a model"),
        loss: Loss::MeanSquare,
        seed: 7,
        key_bits: 512,
        key: key(512).public().fingerprint_text(),
    }
}

pub(super) fn start(plan: &Plan) -> Weights {
    initial_weights(plan.model(), 5)
}

/// What a company would do, without an engine: the same for the same round and model.
pub(super) struct Pull {
    pub place: usize,
}

impl Trainer for Pull {
    fn update(&mut self, _: &Plan, round: u32, start: &Weights) -> Result<Vec<Vec<f32>>, AllianceError> {
        let target = |i: usize| ((self.place * 31 + i * 7 + round as usize) % 13) as f32 / 13.0 - 0.5;
        let of = |values: &Vec<f32>| values.iter().enumerate().map(|(i, v)| (target(i) - v) * 0.25).collect();
        Ok(start.values.iter().map(of).collect())
    }
}

pub(super) fn server(raw: &RawPlan, key: &PrivateKey, folder: &Path, now_ms: u64) -> Result<Server, AllianceError> {
    let plan = raw.clone().check()?;
    let start = start(&plan);
    Server::open(plan, &start, scheme(key), &folder.join("server"), now_ms)
}

/// Opens with the shared key.
pub(super) fn shared<'a>(scheme: &'a Scheme, key: &PrivateKey) -> Box<dyn Opener + 'a> {
    Box::new(SharedKey(Decryptor::new(scheme, key).expect("its own key")))
}

pub(super) fn party<'a>(
    raw: &RawPlan,
    place: usize,
    scheme: &'a Scheme,
    opener: Box<dyn Opener + 'a>,
    folder: &Path,
) -> Result<Party<'a>, AllianceError> {
    let plan = raw.clone().check()?;
    let start = start(&plan);
    let parts = PartyParts {
        plan,
        place,
        start,
        scheme,
        obfuscation: Obfuscation::Classic,
        opener,
        trainer: Box::new(Pull { place }),
    };
    Party::open(parts, &folder.join(format!("party-{place}")))
}

/// Lets a party do its part until it waits or is done.
pub(super) fn drive(
    party: &mut Party<'_>,
    server: &mut Server,
    place: usize,
    now_ms: u64,
) -> Result<Step, AllianceError> {
    loop {
        match party.step()? {
            Step::Send(bytes) => {
                let heard = server.handle(place, &bytes, now_ms)?;
                party.answer(&heard.answer)?;
            }
            other => return Ok(other),
        }
    }
}

/// A party's next upload, not yet sent.
pub(super) fn next_upload(party: &mut Party<'_>, server: &mut Server, place: usize) -> Vec<u8> {
    loop {
        let Step::Send(bytes) = party.step().expect("a step") else { panic!("expected something to send") };
        if matches!(Message::decode(&bytes), Ok(Message::Upload(_))) {
            return bytes;
        }
        let heard = server.handle(place, &bytes, 0).expect("a server");
        party.answer(&heard.answer).expect("an answer");
    }
}

/// An upload with something changed.
pub(super) fn changed<'a>(bytes: &'a [u8], change: impl FnOnce(&mut Upload<'a>)) -> Vec<u8> {
    let Ok(Message::Upload(mut upload)) = Message::decode(bytes) else { panic!("expected an upload") };
    change(&mut upload);
    Message::Upload(upload).encode()
}

pub(super) fn model(raw: &RawPlan) -> Model {
    Model::new(raw.model.clone()).expect("a model")
}
