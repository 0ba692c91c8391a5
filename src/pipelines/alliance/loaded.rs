//! The job's data, its network and its plan without the key, read and checked.

use super::error::AllianceJobError;
use super::examples::{Examples, Part, examples, shape};
use super::job::AllianceJob;
use super::panel::Panel;
use super::settings::Settings;
use crate::alliance::Plan;
use crate::alliance::terms::{Missing, Mode, PartyTerms, RawPlan};
use crate::dataset::Source;
use crate::model::{LayerSpec, Loss, ModelSpec};
use crate::ops::Activation;
use crate::paillier::key::PublicKey;

/// A day: simulated parties come at once.
const DEADLINE_MS: u64 = 86_400_000;

#[derive(Debug)]
pub(super) struct Loaded {
    pub panel: Panel,
    /// Each company's examples, for training and held out.
    pub train: Vec<Examples>,
    pub held_out: Vec<Examples>,
}

impl Loaded {
    pub(super) fn read(job: &AllianceJob) -> Result<Self, AllianceJobError> {
        let settings = &job.settings;
        let mut columns = settings.data.values.clone();
        if let Some(adopt) = &settings.adopt {
            columns.extend([&adopt.buyers, &adopt.repeat].into_iter().cloned());
        }
        let mut seen = std::collections::HashSet::new();
        columns.retain(|name| seen.insert(name.clone()));
        let loaded = Self::of(Panel::read(&job.source, &settings.data, &columns)?, settings)?;
        loaded.check(job, &job.source)?;
        Ok(loaded)
    }

    fn of(panel: Panel, settings: &Settings) -> Result<Self, AllianceJobError> {
        let of = |part| -> Vec<Examples> {
            (0..panel.companies.len()).map(|c| examples(&panel, c, &settings.data, part)).collect()
        };
        let (train, held_out) = (of(Part::Train), of(Part::HeldOut));
        for (what, list) in [("training", &train), ("held-out", &held_out)] {
            if let Some(company) = list.iter().position(|examples| examples.len() == 0) {
                let reason = format!("company `{}` has no {what} examples", panel.companies[company]);
                return Err(AllianceJobError::data(&panel.path, reason));
            }
        }
        Ok(Self { panel, train, held_out })
    }

    /// Checks what depends on the data: the plan, and the products that the job names.
    fn check(&self, job: &AllianceJob, source: &Source) -> Result<(), AllianceJobError> {
        // Any fingerprint will do: the key is made later.
        self.raw_plan(&job.settings, job.head.seed, &job.head.name, job.settings.key.bits, "0".repeat(64)).check()?;
        let names = job.settings.promotion.iter().flat_map(|p| {
            [Some(&p.product), p.first_field.as_ref()].into_iter().flatten().chain(p.scenes.iter().flatten())
        });
        for name in names {
            if self.panel.product(name).is_none() {
                let near = crate::spec::nearest(name, self.panel.products.iter().map(String::as_str));
                let hint = near.map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
                return Err(AllianceJobError::data(source.path(), format!("no product is called `{name}`{hint}")));
            }
        }
        Ok(())
    }

    fn raw_plan(&self, settings: &Settings, seed: u64, name: &str, key_bits: u32, key: String) -> RawPlan {
        let plan = &settings.plan;
        let party =
            |(name, train): (&String, &Examples)| PartyTerms { name: party_name(name), samples: train.len() as u64 };
        RawPlan {
            name: name.to_owned(),
            parties: self.panel.companies.iter().zip(&self.train).map(party).collect(),
            rounds: plan.rounds,
            algorithm: plan.algorithm,
            update: plan.update,
            clip: plan.clip,
            clip_layers: plan.clip_layers.clone(),
            value_bits: plan.value_bits,
            weighting: plan.weighting,
            mode: Mode::SharedKey,
            quorum: self.panel.companies.len(),
            deadline_ms: DEADLINE_MS,
            missing: Missing::Stop,
            allow_two: plan.allow_two,
            privacy: plan.privacy,
            model: network(settings),
            loss: Loss::MeanSquare,
            seed,
            key_bits,
            key,
        }
    }

    /// The plan for a key.
    pub(super) fn plan(&self, job: &AllianceJob, key: &PublicKey) -> Result<Plan, AllianceJobError> {
        let text = key.fingerprint_text();
        Ok(self.raw_plan(&job.settings, job.head.seed, &job.head.name, key.bits(), text).check()?)
    }

    /// Facts worth showing before the work starts.
    pub(super) fn facts(&self) -> Vec<String> {
        let examples = |list: &[Examples]| list.iter().map(|e| e.len().to_string()).collect::<Vec<_>>().join(" and ");
        vec![
            format!(
                "companies: {}, {} products, {} steps",
                self.panel.companies.join(", "),
                self.panel.products.len(),
                self.panel.steps
            ),
            format!("examples: {} train, {} held out", examples(&self.train), examples(&self.held_out)),
        ]
    }
}

/// The whole network: the job's layers and the output.
pub(super) fn network(settings: &Settings) -> ModelSpec {
    let output = LayerSpec::Dense { units: 1, activation: Activation::None };
    let layers = settings.model.layers.iter().cloned().chain(std::iter::once(output)).collect();
    ModelSpec { input: shape(&settings.data), layers }
}

/// A company's name as a plan writes it: other characters than letters, digits, `-`, `_` and `.` become `_`.
fn party_name(company: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' };
    company.chars().map(plain).take(64).collect()
}
