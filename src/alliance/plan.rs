//! The checked plan: every number that follows from what was agreed upon.

use sha2::{Digest, Sha256};

use super::terms::{Algorithm, Mode, RawPlan, ServerUpdate, Weighting};
use super::wire::{Sum, Terms, Upload};
use super::{AllianceError, Hash, PARTIES_MAX};
use crate::dataset::hash::hex;
use crate::model::{Model, Optimizer, ParamKind, Weights};
use crate::paillier::key::PublicKey;
use crate::paillier::packing::{Layout, LayoutSpec};
use crate::train::{RateSchedule, TrainSpec};

/// Rounds that a plan may have.
const ROUNDS_MAX: u32 = 100_000;

/// A checked plan. Parties and server derive the same numbers from the same text.
#[derive(Debug, Clone)]
pub struct Plan {
    raw: RawPlan,
    text: String,
    id: Hash,
    key: Hash,
    model: Model,
    weights: Vec<u64>,
    bounds: Vec<f32>,
    layout: Layout,
    layout_hash: Hash,
}

fn require(ok: bool, key: &'static str, reason: impl FnOnce() -> String) -> Result<(), AllianceError> {
    if ok { Ok(()) } else { Err(AllianceError::plan(key, reason())) }
}

impl RawPlan {
    /// Checks the plan, and computes its layout: one that could let a carry cross a slot cannot be (A4).
    ///
    /// # Errors
    /// Names the setting, what was expected and what came.
    pub fn check(self) -> Result<Plan, AllianceError> {
        let parties = self.parties.len();
        require((2..=PARTIES_MAX).contains(&parties), "parties", || {
            format!("must be 2 to {PARTIES_MAX}, found {parties}")
        })?;
        self.check_parties()?;
        self.check_quorum()?;
        require((1..=ROUNDS_MAX).contains(&self.rounds), "rounds", || {
            format!("must lie in 1 to {ROUNDS_MAX}, found {}", self.rounds)
        })?;
        self.check_training()?;
        let model = Model::new(self.model.clone())?;
        require(model.params().iter().all(|p| !matches!(p.kind, ParamKind::State(_))), "model", || {
            "has a batch norm: its running statistics cannot be averaged as updates are; take layer norms".to_owned()
        })?;
        let bounds = self.bounds(&model)?;
        let weights = self.weights();
        if let Some(privacy) = &self.privacy {
            privacy.check(&self, &bounds, &model)?;
        }
        let layout =
            LayoutSpec { key_bits: self.key_bits, value_bits: self.value_bits, weights_most: weights.iter().sum() };
        let layout = layout.check().map_err(|e| AllianceError::plan("layout", format!("cannot be: {e}")))?;
        let text = serde_json::to_string(&self).map_err(|e| AllianceError::plan("model", e.to_string()))?;
        let key = unhex(&self.key).ok_or_else(|| AllianceError::plan("key", "must be 64 hexadecimal digits"))?;
        let layout_hash = hash_layout(&layout, &bounds, &model);
        Ok(Plan { id: hash(text.as_bytes()), raw: self, text, key, model, weights, bounds, layout, layout_hash })
    }

    fn check_parties(&self) -> Result<(), AllianceError> {
        for (place, party) in self.parties.iter().enumerate() {
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            let fits = (1..=64).contains(&party.name.len()) && party.name.chars().all(plain);
            require(fits, "parties", || {
                format!("need names of 1 to 64 letters, digits, `-`, `_` and `.`, found {:?}", party.name)
            })?;
            let again = self.parties[..place].iter().any(|other| other.name == party.name);
            require(!again, "parties", || format!("need names of their own, found `{}` twice", party.name))?;
            require((1..=1 << 32).contains(&party.samples), "parties", || {
                format!("`{}` must have 1 to {} samples, found {}", party.name, 1_u64 << 32, party.samples)
            })?;
        }
        Ok(())
    }

    fn check_quorum(&self) -> Result<(), AllianceError> {
        let (least, parties) = (if self.allow_two { 2 } else { 3 }, self.parties.len());
        let why = "with fewer than three contributors a party can subtract its own update";
        require(parties >= least, "parties", || {
            format!("must be at least {least}, found {parties}: {why}; `allow_two = true` accepts that")
        })?;
        require((least..=parties).contains(&self.quorum), "quorum", || {
            format!("must lie in {least} to {parties}, found {} ({why})", self.quorum)
        })?;
        require(self.deadline_ms >= 1, "deadline_ms", || "must be at least 1, found 0".to_owned())?;
        if let Mode::Threshold { needed } = self.mode {
            require((2..=self.quorum).contains(&usize::from(needed)), "mode.needed", || {
                format!("must lie in 2 to the quorum, {}, found {needed}", self.quorum)
            })?;
        }
        Ok(())
    }

    fn check_training(&self) -> Result<(), AllianceError> {
        if let Some(spec) = self.local_spec() {
            spec.check()?;
        }
        if let Algorithm::FedProx { mu, .. } = self.algorithm {
            require(mu.is_finite() && mu > 0.0, "algorithm.mu", || format!("must be above 0, found {mu}"))?;
        }
        let positive = |x: f32| x.is_finite() && x > 0.0;
        let share = |x: f32| (0.0..1.0).contains(&x);
        let fits = match self.update {
            ServerUpdate::Plain { rate } => positive(rate),
            ServerUpdate::Momentum { rate, beta } => positive(rate) && share(beta),
            ServerUpdate::Adam { rate, beta1, beta2, epsilon } => {
                positive(rate) && share(beta1) && share(beta2) && positive(epsilon)
            }
        };
        require(fits, "update", || format!("has impossible numbers: {:?}", self.update))
    }

    /// How the local training of FedAvg and FedProx goes; FedSGD's follows from the number of rows.
    pub(super) fn local_spec(&self) -> Option<TrainSpec> {
        let sgd = Optimizer::Sgd { momentum: 0.0, nesterov: false, weight_decay: 0.0 };
        let (epochs, batch, rate, optimizer) = match self.algorithm {
            Algorithm::FedSgd => return None,
            Algorithm::FedAvg { epochs, batch, rate, optimizer } => (epochs, batch, rate, optimizer),
            Algorithm::FedProx { epochs, batch, rate, .. } => (epochs, batch, rate, sgd),
        };
        Some(TrainSpec {
            epochs,
            batch,
            rate,
            schedule: RateSchedule::Constant,
            optimizer,
            clip: None,
            precision: crate::model::Precision::F32,
            early_stop: None,
        })
    }

    /// The bound of each parameter's values.
    fn bounds(&self, model: &Model) -> Result<Vec<f32>, AllianceError> {
        for bound in self.clip_layers.values().chain([&self.clip]) {
            require(bound.is_normal() && (1e-20..=1e20).contains(bound), "clip", || {
                format!("must lie in 1e-20 to 1e20, found {bound}")
            })?;
        }
        let names = |name: &str, key: &str| name == key || name.strip_prefix(key).is_some_and(|r| r.starts_with('.'));
        if let Some(key) = self.clip_layers.keys().find(|key| !model.params().iter().any(|p| names(&p.name, key))) {
            let all: Vec<&str> = model.params().iter().map(|p| p.name.as_str()).collect();
            let reason = format!("names `{key}`, which begins none of {}", all.join(", "));
            return Err(AllianceError::plan("clip_layers", reason));
        }
        let of = |name: &str| {
            let fitting = self.clip_layers.iter().filter(|(key, _)| names(name, key));
            fitting.max_by_key(|(key, _)| key.len()).map_or(self.clip, |(_, bound)| *bound)
        };
        Ok(model.params().iter().map(|p| of(&p.name)).collect())
    }

    fn weights(&self) -> Vec<u64> {
        let total: u64 = self.parties.iter().map(|p| p.samples).sum();
        let weight = |samples: u64| match self.weighting {
            Weighting::Equal => 1,
            Weighting::Samples => samples,
            Weighting::Parts(parts) => {
                let rounded = (u128::from(samples) * u128::from(parts) + u128::from(total) / 2) / u128::from(total);
                (rounded as u64).max(1)
            }
        };
        self.parties.iter().map(|p| weight(p.samples)).collect()
    }
}

impl Plan {
    /// Reads the plan and the starting model from the server's message.
    ///
    /// # Errors
    /// If it is no plan, or the model's values are not its model's.
    pub fn from_terms(terms: &Terms<'_>) -> Result<(Self, Weights), AllianceError> {
        let raw: RawPlan = serde_json::from_str(terms.plan).map_err(|e| AllianceError::Terms(e.to_string()))?;
        let plan = raw.check()?;
        if plan.text != terms.plan {
            return Err(AllianceError::Terms("it is not written as this program writes plans".to_owned()));
        }
        let weights = weights_of(&plan.model, terms.weights)?;
        Ok((plan, weights))
    }

    /// What was agreed upon.
    pub fn raw(&self) -> &RawPlan {
        &self.raw
    }

    /// The plan as it is sent.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The hash of its text.
    pub fn id(&self) -> &Hash {
        &self.id
    }

    /// The network.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Parties.
    pub fn parties(&self) -> usize {
        self.raw.parties.len()
    }

    /// The place of the party of this name.
    pub fn place(&self, name: &str) -> Option<usize> {
        self.raw.parties.iter().position(|party| party.name == name)
    }

    /// The weight of each party.
    pub fn weights(&self) -> &[u64] {
        &self.weights
    }

    /// The bound of each parameter's values.
    pub fn bounds(&self) -> &[f32] {
        &self.bounds
    }

    /// How values are packed.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The hash of the layout, the bounds and the parameters that they are for.
    pub fn layout_hash(&self) -> &Hash {
        &self.layout_hash
    }

    /// The fingerprint of the public key.
    pub fn key(&self) -> &Hash {
        &self.key
    }

    /// Values of an update.
    pub fn values(&self) -> usize {
        self.model.params().iter().map(crate::model::ParamInfo::len).sum()
    }

    /// Ciphertexts of an update.
    pub fn ciphertexts(&self) -> usize {
        self.layout.plaintexts(self.values())
    }

    /// Bytes of an update's ciphertexts.
    pub fn ciphertext_bytes(&self) -> usize {
        self.ciphertexts() * (self.raw.key_bits as usize / 4)
    }

    /// Bytes of an upload, exactly: a transport need not read more.
    pub fn upload_bytes(&self) -> usize {
        Upload::BYTES + self.ciphertext_bytes()
    }

    /// Bytes of a completed sum's message, exactly.
    pub fn sum_bytes(&self) -> usize {
        Sum::BYTES + self.ciphertext_bytes()
    }

    /// Shares that are needed to open a sum: 0 where every party can alone.
    pub fn shares_needed(&self) -> usize {
        match self.raw.mode {
            Mode::SharedKey => 0,
            Mode::Threshold { needed } => usize::from(needed),
        }
    }

    /// Fewest contributors of a sum that a party will open.
    pub fn contributors_least(&self) -> usize {
        if self.raw.allow_two { 2 } else { 3 }
    }

    /// The largest error that quantising leaves in the mean of a value of parameter `param`: half a step.
    pub fn quantisation_error(&self, param: usize) -> f64 {
        super::quantise::step(self.bounds[param], self.raw.value_bits) / 2.0
    }

    /// Makes sure that a key is the plan's.
    ///
    /// # Errors
    /// If it is not.
    pub fn check_key(&self, key: &PublicKey) -> Result<(), AllianceError> {
        if key.fingerprint() == self.key && key.bits() == self.raw.key_bits {
            return Ok(());
        }
        let got = format!("is {} ({} bits)", self.raw.key, self.raw.key_bits);
        Err(AllianceError::plan("key", format!("{got}, found {} ({} bits)", key.fingerprint_text(), key.bits())))
    }
}

/// SHA-256.
pub fn hash(bytes: &[u8]) -> Hash {
    Sha256::digest(bytes).into()
}

/// A model's values, f32 after f32, lowest byte first.
pub fn bytes_of(weights: &Weights) -> Vec<u8> {
    weights.values.iter().flatten().flat_map(|v| v.to_le_bytes()).collect()
}

/// The hash of a model's values.
pub fn model_hash(weights: &Weights) -> Hash {
    hash(&bytes_of(weights))
}

/// A model's values from their bytes.
///
/// # Errors
/// If they are not as many as the model has, or one is no finite number.
pub fn weights_of(model: &Model, bytes: &[u8]) -> Result<Weights, AllianceError> {
    let expected: usize = model.params().iter().map(|p| 4 * p.len()).sum();
    if bytes.len() != expected {
        let got = bytes.len();
        return Err(AllianceError::Terms(format!("expected {expected} bytes of a starting model, got {got}")));
    }
    let mut values = bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b));
    let weights = Weights { values: model.params().iter().map(|p| values.by_ref().take(p.len()).collect()).collect() };
    weights.check(model)?;
    Ok(weights)
}

fn hash_layout(layout: &Layout, bounds: &[f32], model: &Model) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(format!("{layout:?}"));
    for (param, bound) in model.params().iter().zip(bounds) {
        hasher.update((param.len() as u64).to_le_bytes());
        hasher.update(bound.to_le_bytes());
    }
    hasher.finalize().into()
}

/// A hash as people write it.
pub fn hash_text(hash: &Hash) -> String {
    hex(hash)
}

fn unhex(text: &str) -> Option<Hash> {
    let mut out = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (byte, at) in out.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    Some(out)
}
