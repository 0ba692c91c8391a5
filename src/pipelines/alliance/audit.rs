//! The audit (A8): what the server kept of every round, opened and held against the same round in the clear.
//!
//! From the starting model on, each completed sum is opened with the key, and the parties' updates of that round are made
//! once more from the model before it. Their mean in the clear, without any rounding, is what the opened mean must be up to
//! half a step. What the sums do to the starting model must end with the model that all parties have, bit for bit.

use std::path::Path;

use super::course::{Course, clear_mean, judge, local};
use super::error::AllianceJobError;
use super::loaded::Loaded;
use super::results::RoundCheck;
use crate::alliance::wire::Message;
use crate::alliance::{AllianceError, ModelState, Plan, Trainer, model_hash, quantise};
use crate::artifact::ArtifactError;
use crate::backend::Backend;
use crate::model::{ParamInfo, Weights};
use crate::paillier::decrypt::Decryptor;
use crate::paillier::key::PrivateKey;
use crate::paillier::public::Scheme;

/// What the audit needs.
pub(super) struct Audit<'a> {
    pub loaded: &'a Loaded,
    pub plan: &'a Plan,
    pub key: &'a PrivateKey,
    pub scheme: &'a Scheme,
    pub backend: &'a Backend,
    pub stop: &'a dyn Fn() -> bool,
}

impl Audit<'_> {
    /// Goes through all rounds in the server's folder.
    ///
    /// # Errors
    /// If a sum cannot be opened, or the model after a round is not `models`'.
    pub(super) fn run(
        &self,
        folder: &Path,
        start: &Weights,
        models: &[[u8; 32]],
    ) -> Result<(Course, Vec<RoundCheck>), AllianceJobError> {
        let mut state = ModelState::new(start.clone());
        let (mut quality, mut checks) = (vec![], vec![]);
        for round in 0..self.plan.raw().rounds {
            let opened = self.opened(&folder.join(format!("sum-{round:06}.bin")))?;
            let mut updates = vec![];
            for (place, weight) in self.plan.weights().iter().enumerate() {
                let mut trainer = local(self.loaded, place, self.backend, self.stop);
                updates.push((*weight, trainer.update(self.plan, round, &state.weights)?));
            }
            let held = updates.iter().map(|(_, u)| quantise::clip(u, self.plan.bounds()).held).sum();
            checks.push(self.compare(&opened, &clear_mean(self.plan, &updates), held));
            state.apply(&opened, self.plan.raw().update)?;
            if models.get(round as usize + 1) != Some(&model_hash(&state.weights)) {
                let reason = "the parties' model after it is not what the sums of the server give".to_owned();
                return Err(AllianceError::Sum { round, reason }.into());
            }
            quality.push(judge(self.plan, &self.loaded.held_out, &state.weights, self.backend)?);
        }
        Ok((Course { weights: state.weights, quality }, checks))
    }

    /// The mean update that a completed sum holds.
    fn opened(&self, path: &Path) -> Result<Vec<Vec<f64>>, AllianceJobError> {
        let bytes = std::fs::read(path).map_err(|e| ArtifactError::io("read", path, e))?;
        let Message::Sum(sum) = Message::decode(&bytes).map_err(AllianceError::from)? else {
            return Err(ArtifactError::format(path, "expected a completed sum").into());
        };
        let open = || -> Result<Vec<i64>, AllianceError> {
            let ciphertexts = self.scheme.from_bytes(sum.ciphertexts)?;
            let plaintexts = Decryptor::new(self.scheme, self.key)?.decrypt(&ciphertexts)?;
            Ok(self.plan.layout().unpack(&plaintexts, self.plan.values(), sum.weights)?)
        };
        let lens = self.plan.model().params().iter().map(ParamInfo::len);
        let (bounds, bits) = (self.plan.bounds(), self.plan.raw().value_bits);
        Ok(quantise::mean(&open()?, sum.weights, lens, bounds, bits))
    }

    fn compare(&self, opened: &[Vec<f64>], clear: &[Vec<f64>], held: usize) -> RoundCheck {
        let moved = opened.iter().flatten().map(|d| d * d).sum::<f64>().sqrt();
        let mut check = RoundCheck { moved, held, ..RoundCheck::default() };
        for (param, (opened, clear)) in opened.iter().zip(clear).enumerate() {
            for (opened, clear) in opened.iter().zip(clear) {
                let difference = (opened - clear).abs();
                check.largest = check.largest.max(difference);
                check.difference = check.difference.max(difference / self.plan.quantisation_error(param));
            }
        }
        check
    }
}
