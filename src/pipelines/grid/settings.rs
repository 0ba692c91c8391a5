//! The job's own part of the job file.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::dataset::RawSource;
use crate::model::Optimizer;
use crate::outbox::RawTemplate;
use crate::train::{RateSchedule, TrainSpec};

/// A grid job's own part of the job file.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Customers, tasks and what came of contacts.
    pub data: DataSettings,
    /// Where the grids and the relation document are kept from run to run.
    pub index: IndexSettings,
    /// Who contacts customers.
    pub managers: ManagerSettings,
    /// Cleaning, encoding and selection of features.
    #[serde(default)]
    pub features: FeatureSettings,
    /// The first correspondence of tasks and customers.
    #[serde(default)]
    pub correspondence: Correspondence,
    /// The allocation network.
    #[serde(default)]
    pub network: NetworkSettings,
    /// The allocation.
    #[serde(default)]
    pub allocation: AllocationSettings,
    /// Intent weights.
    pub intent: IntentSettings,
    /// Tiers of the fourth allocation.
    #[serde(default)]
    pub tiers: TierSettings,
    /// How the fourth allocation is offered to managers; without it nothing leaves the run's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispatch: Option<DispatchSettings>,
}

/// The table of contacts: one row a customer and task.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataSettings {
    /// The table.
    pub source: RawSource,
    /// The column with the customer.
    pub customer: String,
    /// The column with the task.
    pub task: String,
    /// The column with the customer's region: each region is a grid's row of managers, and a customer is served in it.
    pub region: String,
    /// The column with the day on which the task starts: whole numbers.
    pub start: String,
    /// The column with the outcome, 0 or 1; contacts of late tasks may have none yet.
    pub outcome: String,
    /// A number of the customer by which history alone would rank customers; it must be among `classes`.
    pub history: String,
    /// Contacts of tasks that start earlier are left out.
    pub first_start: i64,
    /// Tasks that start on this day or later are the ones to allocate; earlier ones train.
    pub late_start: i64,
    /// Hyper-parameters are chosen on training tasks that start on this day or later, with models of those before.
    pub inner_start: i64,
    /// The features of customers, by feature class: a grid a class.
    pub classes: Classes,
    /// The features of tasks.
    #[serde(default)]
    pub tasks: ClassColumns,
    /// A sentence for the report and the tables' readers, such as what of the data is made up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Columns by feature class; the class `region` is there by itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Classes {
    /// Who the customer is.
    #[serde(skip_serializing_if = "ClassColumns::is_empty")]
    pub account: ClassColumns,
    /// What the customer uses.
    #[serde(skip_serializing_if = "ClassColumns::is_empty")]
    pub device: ClassColumns,
    /// What the customer bought or subscribed to.
    #[serde(skip_serializing_if = "ClassColumns::is_empty")]
    pub services: ClassColumns,
    /// Earlier contacts and what came of them.
    #[serde(skip_serializing_if = "ClassColumns::is_empty")]
    pub contacts: ClassColumns,
    /// When and how often the customer came.
    #[serde(skip_serializing_if = "ClassColumns::is_empty")]
    pub visits: ClassColumns,
}

impl Classes {
    /// The classes that have columns, by name.
    pub fn named(&self) -> Vec<(&'static str, &ClassColumns)> {
        let all = [
            ("account", &self.account),
            ("contacts", &self.contacts),
            ("device", &self.device),
            ("services", &self.services),
            ("visits", &self.visits),
        ];
        all.into_iter().filter(|(_, columns)| !columns.is_empty()).collect()
    }
}

/// Columns of one class.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClassColumns {
    /// Columns of numbers.
    pub numbers: Vec<String>,
    /// Columns of names.
    pub categories: Vec<String>,
}

impl ClassColumns {
    /// Whether there are no columns.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty() && self.categories.is_empty()
    }
}

/// Where grids and relation document are kept.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IndexSettings {
    /// A folder; a relative path counts from the job file's folder.
    pub folder: PathBuf,
    /// Parts that each grid is cut into, by region.
    #[serde(default = "sixteen")]
    pub partitions: usize,
}

/// Who contacts customers.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ManagerSettings {
    /// Made up, with a disclosed effect on outcomes: to show and judge the method where no managers are known.
    Generated(Generated),
    /// From a table.
    Table(Box<ManagerTable>),
}

/// Made-up managers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Generated {
    /// The fewest managers of a region.
    #[serde(default = "one")]
    pub least: usize,
    /// The most managers of a region.
    #[serde(default = "three")]
    pub most: usize,
    /// The deviation of a manager's effect on the log-odds of an outcome.
    pub skill: f64,
    /// Columns of numbers of the customer; a manager has an aptitude for each.
    pub traits: Vec<String>,
    /// The share of a manager's region that are friends.
    #[serde(default = "quarter")]
    pub friends: f64,
    /// The part of the effect's deviation that comes from friendship, 0 to 1.
    #[serde(default = "half")]
    pub friendship: f64,
}

/// Managers from a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ManagerTable {
    /// The table: one row a manager.
    pub source: RawSource,
    /// The column with the manager's account.
    pub manager: String,
    /// The column with the staff number, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staff: Option<String>,
    /// The column with the region.
    pub region: String,
    /// The column with the number of customers that the manager can serve; without it `allocation.capacity_share` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<String>,
    /// Columns of numbers that say what the manager is good at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub traits: Vec<String>,
    /// The column of the table of contacts with the manager who made the contact.
    pub served_by: String,
    /// A table of friendships.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub friends: Option<FriendTable>,
}

/// Friendships: one row a manager and customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FriendTable {
    /// The table.
    pub source: RawSource,
    /// The column with the manager.
    pub manager: String,
    /// The column with the customer.
    pub customer: String,
}

/// Cleaning, encoding and selection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FeatureSettings {
    /// Whether numbers are taken as sign(v) ln(1 + |v|).
    pub log: bool,
    /// Standardised numbers further from 0 count as outlying and are set to this.
    pub outlier: f32,
    /// The share of variance that the principal components keep.
    pub explained: f64,
    /// A feature that correlates more with an earlier one is left out.
    pub correlation_max: f64,
    /// A feature that correlates less with the outcome is left out.
    pub relevance_min: f64,
}

impl Default for FeatureSettings {
    fn default() -> Self {
        Self { log: true, outlier: 5.0, explained: 0.95, correlation_max: 0.98, relevance_min: 0.01 }
    }
}

/// The first correspondence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Correspondence {
    /// The share of a task's customers that correspond to it, the best by fit and past participation.
    pub keep: f64,
    /// What past participation weighs; fit weighs the rest.
    pub participation: f64,
}

impl Default for Correspondence {
    fn default() -> Self {
        Self { keep: 0.9, participation: 0.5 }
    }
}

/// The allocation network: one hidden layer, an ensemble for each of several seeds, all trained as one fleet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkSettings {
    /// Units of the hidden layer.
    pub units: usize,
    /// The share of units left out of a training step.
    pub dropout: f32,
    /// Ensembles, for means and their spread.
    pub seeds: usize,
    /// Members of an ensemble.
    pub members: usize,
    /// Epochs.
    pub epochs: usize,
    /// Rows a step.
    pub batch: usize,
    /// The learning rate, which falls along half a cosine.
    pub rate: f32,
    /// Weight decays to choose from by the inner time split.
    pub weight_decay: Vec<f32>,
    /// Inputs to choose from by the inner time split.
    pub inputs: Vec<Inputs>,
    /// Pairs of manager and customer that are scored at a time.
    pub tile: usize,
}

/// What the network takes of a customer and a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Inputs {
    /// The selected features.
    Features,
    /// Their principal components.
    Components,
}

impl Inputs {
    /// As in the job file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Features => "features",
            Self::Components => "components",
        }
    }
}

impl Default for NetworkSettings {
    fn default() -> Self {
        Self {
            units: 16,
            dropout: 0.3,
            seeds: 5,
            members: 4,
            epochs: 40,
            batch: 256,
            rate: 0.002,
            weight_decay: vec![0.1, 0.5],
            inputs: vec![Inputs::Features, Inputs::Components],
            tile: 8192,
        }
    }
}

impl NetworkSettings {
    /// How a fleet is trained.
    pub fn training(&self, weight_decay: f32) -> TrainSpec {
        TrainSpec {
            epochs: self.epochs,
            batch: self.batch,
            rate: self.rate,
            schedule: RateSchedule::Cosine { warmup_epochs: 0.0, final_share: 0.0 },
            optimizer: Optimizer::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay },
            clip: None,
            precision: crate::model::Precision::F32,
            early_stop: None,
        }
    }
}

/// The allocation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AllocationSettings {
    /// What the managers of a region can serve together, as a share of its contacts, where no table says it.
    pub capacity_share: f64,
    /// Managers kept for each contact, the best.
    pub candidates: usize,
    /// The relative gap to the dual bound at which the auction ends.
    pub gap: f64,
}

impl Default for AllocationSettings {
    fn default() -> Self {
        Self { capacity_share: 0.5, candidates: 16, gap: 0.001 }
    }
}

/// Intent: the mean rank of some numbers among training contacts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IntentSettings {
    /// Columns of visits and business records: a larger number means more intent.
    pub rising: Vec<String>,
    /// Columns of which a larger number means less intent, such as days since the last visit.
    #[serde(default)]
    pub falling: Vec<String>,
    /// Contacts below this weight drop out.
    pub min_weight: f64,
}

/// Tiers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TierSettings {
    /// Weights from which a tier begins, falling; the last tier has the rest.
    pub thresholds: Vec<f64>,
}

impl Default for TierSettings {
    fn default() -> Self {
        Self { thresholds: vec![0.75, 0.5] }
    }
}

/// How the fourth allocation is offered and sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DispatchSettings {
    /// The database of offers, claims and messages, which outlives runs; a relative path counts from the job file's folder.
    pub ledger: PathBuf,
    /// Who sees whom.
    #[serde(default)]
    pub mode: DispatchMode,
    /// A day, a week, a season: a customer gets at most one message a task and period.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub period: String,
    /// The most messages of a customer in a period, over all tasks; 0: none at all; without it there is no cap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap: Option<u32>,
    /// A message for each task; that of task `*` serves the tasks without one. Slots: `{customer}`, `{task}`, `{region}`,
    /// `{manager}`, `{staff}`, `{tier}`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub templates: Vec<RawTemplate>,
    /// A file of JSON lines that the run appends the queued messages to; without it they wait, so that managers can edit
    /// them, for `nightloom grid export`. A relative path counts from the job file's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outbox: Option<PathBuf>,
}

/// Slots that templates may have.
pub const SLOTS: [&str; 6] = ["customer", "task", "region", "manager", "staff", "tier"];

/// Who sees an offered customer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum DispatchMode {
    /// The manager of the fourth allocation.
    #[default]
    Mapped,
    /// This manager, and nobody else.
    Assigned(String),
    /// All managers of the region; the first to claim owns the customer.
    Grab,
}

const fn one() -> usize {
    1
}

const fn three() -> usize {
    3
}

const fn sixteen() -> usize {
    16
}

const fn quarter() -> f64 {
    0.25
}

const fn half() -> f64 {
    0.5
}
