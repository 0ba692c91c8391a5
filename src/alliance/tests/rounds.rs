//! Whole rounds: every party ends with the same model, and it is the one that the clear would give.

use std::cell::RefCell;

use super::{Pull, drive, key, model, party, raw_plan, scheme, server, shared, start};
use crate::alliance::terms::{Algorithm, Mode, ServerUpdate, Weighting};
use crate::alliance::{
    AllianceError, ModelState, Opener, Party, Plan, RawPlan, ServerPhase, Step, Trainer, model_hash, quantise, simulate,
};
use crate::paillier::decrypt::Decryptor;
use crate::paillier::numbers::Numbers;
use crate::paillier::public::{Ciphertexts, Scheme};

/// The same rounds on whole numbers without any encryption, and on f64 without any rounding.
fn in_the_clear(plan: &Plan, exact: bool) -> ModelState {
    let mut state = ModelState::new(start(plan));
    let weights: u64 = plan.weights().iter().sum();
    for round in 0..plan.raw().rounds {
        let mut sums = vec![0_i64; plan.values()];
        let mut mean: Vec<Vec<f64>> = plan.model().params().iter().map(|p| vec![0.0; p.len()]).collect();
        for (place, weight) in plan.weights().iter().enumerate() {
            let update = Pull { place }.update(plan, round, &state.weights).expect("an update");
            let clipped = quantise::clip(&update, plan.bounds());
            let whole = quantise::quantise(&clipped, plan.bounds(), plan.raw().value_bits);
            sums.iter_mut().zip(whole).for_each(|(sum, v)| *sum += i64::from(v) * *weight as i64);
            for (mean, clipped) in mean.iter_mut().flatten().zip(clipped.values.iter().flatten()) {
                *mean += clipped * *weight as f64 / weights as f64;
            }
        }
        if !exact {
            let lens = plan.model().params().iter().map(crate::model::ParamInfo::len);
            mean = quantise::mean(&sums, weights, lens, plan.bounds(), plan.raw().value_bits);
        }
        state.apply(&mean, plan.raw().update).expect("numbers");
    }
    state
}

fn run_all(raw: &RawPlan) -> Vec<Vec<[u8; 32]>> {
    let (folder, key) = (tempfile::tempdir().expect("a folder"), key(512));
    let mut server = server(raw, &key, folder.path(), 0).expect("a server");
    let scheme = scheme(&key);
    let mut parties: Vec<Party<'_>> = (0..raw.parties.len())
        .map(|place| party(raw, place, &scheme, shared(&scheme, &key), folder.path()).expect("a party"))
        .collect();
    let rounds = RefCell::new(0);
    let traffic = simulate::run(&mut server, &mut parties, &|| 0, |_, parties| {
        *rounds.borrow_mut() += 1;
        let models: Vec<_> = parties.iter().map(|p| p.models()[*rounds.borrow()]).collect();
        assert!(models.iter().all(|m| *m == models[0]), "equal on all parties after each round (A7)");
        Ok(())
    })
    .expect("all rounds");
    assert_eq!(*rounds.borrow(), raw.rounds as usize);
    assert_eq!(server.phase(), &ServerPhase::Finished);
    assert_eq!(server.models(), parties[0].models());
    assert!(traffic.up as usize > raw.rounds as usize * raw.parties.len() * server.plan().upload_bytes());
    parties.iter().map(|p| p.models().to_vec()).collect()
}

#[test]
fn a7_all_models_are_equal_and_those_of_the_clear_bit_for_bit() {
    let updates = [
        ServerUpdate::Plain { rate: 0.5 },
        ServerUpdate::Momentum { rate: 0.5, beta: 0.9 },
        ServerUpdate::Adam { rate: 0.05, beta1: 0.9, beta2: 0.99, epsilon: 1e-3 },
    ];
    for (i, update) in updates.into_iter().enumerate() {
        let weighting = [Weighting::Equal, Weighting::Samples, Weighting::Parts(7)][i];
        let raw = RawPlan { update, weighting, ..raw_plan(2 + i) };
        let models = run_all(&raw);
        let clear = in_the_clear(&raw.clone().check().expect("a plan"), false);
        assert!(models.iter().all(|m| m.last() == Some(&model_hash(&clear.weights))), "{update:?}");
    }
}

#[test]
fn a8_the_encrypted_run_is_within_the_quantisation_error_of_the_clear_one() {
    for value_bits in [8, 12, 16, 24] {
        let raw = RawPlan { value_bits, ..raw_plan(3) };
        let plan = raw.clone().check().expect("a plan");
        let (whole, exact) = (in_the_clear(&plan, false), in_the_clear(&plan, true));
        assert_eq!(run_all(&raw)[0].last(), Some(&model_hash(&whole.weights)));
        // The parties' pull contracts, so that errors add up at most; f32 rounds the model once a round.
        let bound = f64::from(raw.rounds) * (plan.quantisation_error(0) + 1e-7);
        let pairs = whole.weights.values.iter().flatten().zip(exact.weights.values.iter().flatten());
        let largest = pairs.map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max);
        assert!(largest <= bound, "{largest} > {bound} at {value_bits} bits");
        assert!(value_bits > 12 || largest > 0.0, "8 and 12 bits cannot be exact");
    }
}

/// Stands in for a key of shares: its share is the sum itself, and it opens only with enough of them.
struct Together<'a>(Decryptor<'a>, &'a Scheme);

impl Opener for Together<'_> {
    fn share(&self, sum: &Ciphertexts) -> Result<Option<Vec<u8>>, AllianceError> {
        Ok(Some(self.1.to_bytes(sum)?))
    }

    fn open(&self, sum: &Ciphertexts, shares: &[(u16, &[u8])]) -> Result<Numbers, AllianceError> {
        let own = self.1.to_bytes(sum)?;
        assert_eq!(shares.len(), 2, "as many as are needed");
        assert!(shares[0].0 != shares[1].0 && shares.iter().all(|(_, share)| *share == own));
        Ok(self.0.decrypt(sum)?)
    }
}

#[test]
fn a6_shares_of_the_decryption_are_gathered_before_a_sum_is_opened() {
    let raw = RawPlan { mode: Mode::Threshold { needed: 2 }, ..raw_plan(3) };
    let (folder, key) = (tempfile::tempdir().expect("a folder"), key(512));
    let scheme = scheme(&key);
    let mut server = server(&raw, &key, folder.path(), 0).expect("a server");
    let mut parties: Vec<Party<'_>> = (0..3)
        .map(|place| {
            let opener = Together(Decryptor::new(&scheme, &key).expect("its own key"), &scheme);
            party(&raw, place, &scheme, Box::new(opener), folder.path()).expect("a party")
        })
        .collect();
    simulate::run(&mut server, &mut parties, &|| 0, |_, _| Ok(())).expect("all rounds");
    let clear = in_the_clear(&raw.check().expect("a plan"), false);
    assert!(parties.iter().all(|p| p.weights() == &clear.weights));
}

#[test]
fn a7_a_party_that_was_away_catches_up_round_by_round() {
    let raw = RawPlan { quorum: 3, ..raw_plan(4) };
    let (folder, key) = (tempfile::tempdir().expect("a folder"), key(512));
    let scheme = scheme(&key);
    let mut server = server(&raw, &key, folder.path(), 0).expect("a server");
    let mut parties: Vec<Party<'_>> = (0..4)
        .map(|place| party(&raw, place, &scheme, shared(&scheme, &key), folder.path()).expect("a party"))
        .collect();
    // The deadlines pass without company-3.
    for turn in 0..40 {
        for (place, party) in parties.iter_mut().enumerate().take(3) {
            drive(party, &mut server, place, 1000 * turn).expect("a step");
        }
    }
    assert_eq!(server.phase(), &ServerPhase::Finished);
    assert_eq!(parties[0].facts()[0].contributors, [0, 1, 2]);
    assert_eq!(drive(&mut parties[3], &mut server, 3, 50_000).expect("sums"), Step::Done);
    assert_eq!(parties[3].weights(), parties[0].weights());
    assert_eq!(parties[3].facts()[2].upload_bytes, 0, "it sent nothing");
}

#[test]
fn a3_fed_sgd_sends_the_gradient() {
    use crate::alliance::local::{LocalData, LocalTargets};
    use crate::backend::Backend;
    let mut raw = raw_plan(3);
    raw.model =
        serde_json::from_str(r#"{"input": {"length": 1, "channels": 2}, "layers": [{"kind": "dense", "units": 1}]}"#)
            .expect("a model");
    let plan = raw.clone().check().expect("a plan");
    let backend = Backend::cpu().expect("a CPU");
    let start = crate::model::Weights { values: vec![vec![0.5, -0.25], vec![0.125]] };
    let data = |place| LocalData {
        inputs: vec![1.0, 2.0, 3.0, -1.0],
        targets: LocalTargets::Values(vec![1.0, 0.0]),
        place,
        backend: &backend,
        stop: &|| false,
    };
    let update = data(0).update(&plan, 0, &start).expect("a gradient");
    // Outputs 0.125 and 1.875, errors -0.875 and 1.875; the gradient of the mean of their squares is the mean of
    // 2 e x: (-0.875 + 5.625), (-1.75 - 1.875), (-0.875 + 1.875).
    let expected = [vec![-4.75, 3.625], vec![-1.0]];
    for (found, expected) in update.iter().flatten().zip(expected.iter().flatten()) {
        assert!((found - expected).abs() < 1e-5, "{update:?}");
    }
    // FedProx with a mu of almost 0 is FedAvg; a large one stays where it began.
    let of = |algorithm| {
        let plan = RawPlan { algorithm, ..raw.clone() }.check().expect("a plan");
        data(1).update(&plan, 0, &start).expect("an update")
    };
    let optimizer = crate::model::Optimizer::Sgd { momentum: 0.0, nesterov: false, weight_decay: 0.0 };
    let free = of(Algorithm::FedAvg { epochs: 1, batch: 2, rate: 0.1, optimizer });
    let near = of(Algorithm::FedProx { epochs: 1, batch: 2, rate: 0.1, mu: 10.0 });
    // One step of rate 0.1, held by 1 + 10 * 0.1.
    for (free, near) in free.iter().flatten().zip(near.iter().flatten()) {
        assert!((free / 2.0 - near).abs() < 1e-6 && free.abs() > 0.05, "{free} {near}");
    }
    assert_eq!(model(&raw).params().len(), 2);
}

#[test]
fn a11_noisy_rounds_leave_all_parties_with_the_same_model_near_the_clear_one() {
    use crate::alliance::privacy::Privacy;
    let privacy = Some(Privacy { norm: 2.0, noise: 0.05, delta: 1e-5 });
    let raw = RawPlan { privacy, clip: 3.0, weighting: Weighting::Equal, value_bits: 20, ..raw_plan(3) };
    let models = run_all(&raw);
    assert!(models.iter().all(|m| *m == models[0]));
    let plan = raw.clone().check().expect("a plan");
    let clear = in_the_clear(&plan, false);
    assert_ne!(models[0].last(), Some(&model_hash(&clear.weights)), "the noise is there");
    assert_ne!(run_all(&raw)[0].last(), models[0].last(), "and never the same");
}
