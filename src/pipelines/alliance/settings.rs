//! The job's tables, with the defaults that the README documents.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::alliance::privacy::Privacy;
use crate::alliance::terms::{Algorithm, ServerUpdate, Weighting};
use crate::dataset::RawSource;
use crate::model::LayerSpec;

/// An alliance job's own part of the job file.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The companies' sales.
    pub data: DataSettings,
    /// The network that they train together.
    pub model: ModelSettings,
    /// The round plan.
    pub plan: PlanSettings,
    /// The key.
    #[serde(default)]
    pub key: KeySettings,
    /// Whether a company should adopt what another does (A9). Left out: not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopt: Option<AdoptSettings>,
    /// Where a product could be promoted (A10). Left out: not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promotion: Option<PromotionSettings>,
}

/// The companies' sales: one row for each company, product and step; a row that is not there means that nothing was sold.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataSettings {
    /// The table.
    pub source: RawSource,
    /// The column with the company.
    pub company: String,
    /// The column with the product, or the group of products.
    pub product: String,
    /// The column with the step, a whole number (a week).
    pub step: String,
    /// The columns that go in; the first is also what is forecast.
    pub values: Vec<String>,
    /// The first and the last step that count.
    pub steps: [i64; 2],
    /// Known steps of an example.
    #[serde(default = "eight")]
    pub window: usize,
    /// Steps after them whose mean is forecast.
    #[serde(default = "one")]
    pub horizon: usize,
    /// Examples with a smaller mean over their known steps are left out.
    #[serde(default = "two")]
    pub mean_least: f32,
    /// Examples whose forecast steps end here or before train; those whose forecast steps begin later are held out.
    pub train_until: i64,
    /// What a reader of the report must know of the data.
    #[serde(default)]
    pub note: String,
}

const fn eight() -> usize {
    8
}
const fn one() -> usize {
    1
}
const fn two() -> f32 {
    2.0
}

/// The network.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelSettings {
    /// The layers before the output, which is added: a dense layer of one unit. What goes in is a sequence of the known
    /// steps with a channel a column and one for the level.
    pub layers: Vec<LayerSpec>,
}

/// The round plan (A2).
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanSettings {
    /// Rounds.
    pub rounds: u32,
    /// What a party does in a round.
    pub algorithm: Algorithm,
    /// What the opened sum does to the model.
    #[serde(default)]
    pub update: ServerUpdate,
    /// Every value of an update is held within plus and minus this.
    pub clip: f32,
    /// Other bounds for some layers, by a parameter's name or its beginning (`layers.0`).
    #[serde(default)]
    pub clip_layers: BTreeMap<String, f32>,
    /// Bits of a quantised value, with its sign: 2 to 24.
    #[serde(default = "sixteen")]
    pub value_bits: u32,
    /// How the companies weigh: `equal`, `samples`, or `{ parts = 16 }`.
    #[serde(default)]
    pub weighting: Weighting,
    /// Two companies are enough, although each can then read the other's update.
    #[serde(default)]
    pub allow_two: bool,
    /// Noise that hides a company's update (A11).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privacy: Option<Privacy>,
}

const fn sixteen() -> u32 {
    16
}

/// The key of the simulated alliance: a new one for each run, kept in the run's checkpoints.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct KeySettings {
    /// Bits of n: 2048 to 8192, a multiple of 128.
    pub bits: u32,
}

impl Default for KeySettings {
    fn default() -> Self {
        Self { bits: crate::paillier::key::BITS_DEFAULT }
    }
}

/// Whether a company should adopt what another does.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdoptSettings {
    /// The column with the number of buyers.
    pub buyers: String,
    /// The column with the number of buyers who had bought before: over the buyers, it stands for reputation.
    pub repeat: String,
    /// The first step that counts.
    pub first_step: i64,
    /// A trend is one whose p-value is below this; a balance is lost where its p-value is.
    #[serde(default = "twentieth")]
    pub alpha: f64,
    /// The last steps over which shares must stay in balance.
    #[serde(default = "half_a_year")]
    pub span: usize,
    /// Products with fewer buyers a step, at either company, are left out.
    #[serde(default = "ten")]
    pub buyers_least: f64,
}

const fn twentieth() -> f64 {
    0.05
}
const fn half_a_year() -> usize {
    26
}
const fn ten() -> f64 {
    10.0
}

/// Where a product could be promoted.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PromotionSettings {
    /// The product.
    pub product: String,
    /// Its first field of application; without it the product that it is most associated with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_field: Option<String>,
    /// Two scenes of application, where the searches begin; without them the next two that it is most associated with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenes: Option<[String; 2]>,
    /// Associations below this degree are no edges.
    #[serde(default = "third")]
    pub degree_least: f64,
    /// Edges that a search may follow.
    #[serde(default = "two_steps")]
    pub search_steps: usize,
    /// Products with a smaller mean a step are left out.
    #[serde(default = "fifty")]
    pub mean_least: f64,
}

const fn third() -> f64 {
    0.3
}
const fn two_steps() -> usize {
    2
}
const fn fifty() -> f64 {
    50.0
}
