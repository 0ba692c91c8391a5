//! From the common model to an upload, and from a sum to the next model.

use std::time::Instant;

use zeroize::Zeroizing;

use super::{Need, Party, RoundFacts};
use crate::alliance::wire::{Message, Sum, Upload};
use crate::alliance::{AllianceError, model_hash, quantise};
use crate::model::ParamInfo;
use crate::paillier::numbers::Numbers;
use crate::paillier::public::Ciphertexts;
use crate::paillier::random;

/// A sum that a party may open.
pub(super) struct Checked {
    pub contributors: Vec<usize>,
    pub weights: u64,
    pub ciphertexts: Ciphertexts,
}

impl Party<'_> {
    /// This round's upload: the one that was sent before, or a new one. It is on the disk before anybody sees it, so that
    /// a party never sends two.
    pub(super) fn prepared(&mut self) -> Result<Vec<u8>, AllianceError> {
        if let Some(bytes) = &self.upload {
            return Ok(bytes.clone());
        }
        let start = Instant::now();
        let update = self.trainer.update(&self.plan, self.round(), &self.state.weights)?;
        self.check_update(&update)?;
        self.current.training_seconds = start.elapsed().as_secs_f64();
        let start = Instant::now();
        let whole = self.whole_numbers(&update)?;
        let plaintexts = self.plan.layout().pack(&whole, self.plan.weights()[self.place])?;
        let ciphertexts = self.scheme.to_bytes(&self.encryptor.encrypt(&plaintexts)?)?;
        self.current.encryption_seconds = start.elapsed().as_secs_f64();
        let mut words = [0; 2];
        random::fill(&mut words)?;
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&words[0].to_le_bytes());
        nonce[8..].copy_from_slice(&words[1].to_le_bytes());
        let upload = Upload {
            plan: *self.plan.id(),
            round: self.round(),
            model: self.models[self.round() as usize],
            layout: *self.plan.layout_hash(),
            key: *self.plan.key(),
            party: self.place as u16,
            nonce,
            ciphertexts: &ciphertexts,
        };
        let bytes = Message::Upload(upload).encode();
        self.keep_upload(&bytes)?;
        self.current.upload_bytes = bytes.len();
        self.upload = Some(bytes.clone());
        Ok(bytes)
    }

    fn check_update(&self, update: &[Vec<f32>]) -> Result<(), AllianceError> {
        let params = self.plan.model().params();
        if update.len() != params.len() || update.iter().zip(params).any(|(u, p)| u.len() != p.len()) {
            return Err(AllianceError::Update("the update does not have the model's shape".to_owned()));
        }
        match update.iter().zip(params).find(|(u, _)| u.iter().any(|v| !v.is_finite())) {
            Some((_, param)) => {
                Err(AllianceError::Update(format!("the update of `{}` holds a value that is no number", param.name)))
            }
            None => Ok(()),
        }
    }

    /// Clip, shorten, quantise, add noise.
    fn whole_numbers(&mut self, update: &[Vec<f32>]) -> Result<Zeroizing<Vec<i32>>, AllianceError> {
        let raw = self.plan.raw();
        let mut clipped = quantise::clip(update, self.plan.bounds());
        self.current.held = clipped.held;
        if let Some(privacy) = &raw.privacy {
            privacy.shorten(&mut clipped);
        }
        let mut whole = Zeroizing::new(quantise::quantise(&clipped, self.plan.bounds(), raw.value_bits));
        if let Some(privacy) = &raw.privacy {
            privacy.add_noise(&mut whole, raw)?;
        }
        Ok(whole)
    }

    /// What must be true of a sum before it is opened.
    ///
    /// # Errors
    /// In words, what is not.
    pub(super) fn check_sum(&self, sum: &Sum<'_>) -> Result<Checked, String> {
        let present = |party: &usize| sum.contributors[party / 8] >> (party % 8) & 1 == 1;
        let contributors: Vec<usize> = (0..8 * sum.contributors.len()).filter(present).collect();
        if contributors.last().is_some_and(|party| *party >= self.plan.parties()) {
            return Err("it names a party that is not in the plan".to_owned());
        }
        let least = self.plan.contributors_least();
        if contributors.len() < least {
            return Err(format!("expected at least {least} contributors, got {}", contributors.len()));
        }
        let weights: u64 = contributors.iter().map(|party| self.plan.weights()[*party]).sum();
        if weights != sum.weights {
            return Err(format!("its contributors weigh {weights}, it says {}", sum.weights));
        }
        let expected = self.plan.ciphertext_bytes();
        if sum.ciphertexts.len() != expected {
            return Err(format!("expected {expected} bytes, got {}", sum.ciphertexts.len()));
        }
        let ciphertexts = self.scheme.from_bytes(sum.ciphertexts).map_err(|e| e.to_string())?;
        Ok(Checked { contributors, weights, ciphertexts })
    }

    /// Unpacks an opened sum, checking weight slots and canaries, and moves the model.
    pub(super) fn apply(&mut self, sum: &Checked, plaintexts: &Numbers, since: Instant) -> Result<(), AllianceError> {
        let sums = match self.plan.layout().unpack(plaintexts, self.plan.values(), sum.weights) {
            Ok(sums) => sums,
            Err(error) => {
                self.need = Need::Object(error.to_string());
                return Ok(());
            }
        };
        let lens = self.plan.model().params().iter().map(ParamInfo::len);
        let mean = quantise::mean(&sums, sum.weights, lens, self.plan.bounds(), self.plan.raw().value_bits);
        self.current.decryption_seconds += since.elapsed().as_secs_f64();
        self.state.apply(&mean, self.plan.raw().update)?;
        let round = self.round();
        self.models.push(model_hash(&self.state.weights));
        let moved = mean.iter().flatten().map(|d| d * d).sum::<f64>().sqrt();
        let facts = RoundFacts { round, contributors: sum.contributors.clone(), moved, ..self.current.clone() };
        self.facts.push(facts);
        self.current = RoundFacts::default();
        (self.upload, self.sum, self.share) = (None, None, None);
        self.save()?;
        self.need = Need::Vote(round);
        Ok(())
    }
}
