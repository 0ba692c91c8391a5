//! The job's own part of the job file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::dataset::RawSource;
use crate::ops::Activation;
use crate::pipelines::train::settings::RawColumns;
use crate::prep::{CleanRule, CleanSpec};
use crate::recommend::Hide;

/// A push job's own part of the job file.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Who could be offered something.
    pub customers: Customers,
    /// Who holds what.
    pub holdings: HoldingTable,
    /// Products' names, and products that nobody holds yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub products: Option<ProductTable>,
    /// Who must not be offered what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclude: Option<ExcludeTable>,
    /// How attributes become features.
    #[serde(default)]
    pub features: Features,
    /// How classes are made.
    #[serde(default)]
    pub classes: Classes,
    /// What is offered.
    #[serde(default)]
    pub push: Push,
    /// Settings to choose among by hiding holdings, one time for the pushes and once more within each evaluation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choose: Option<Choose>,
    /// How the method is judged; without it, it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluation: Option<Evaluation>,
}

/// The customers' table.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Customers {
    /// The table: a row a customer. All columns but those named elsewhere are attributes.
    pub source: RawSource,
    /// The column that names customers, each once; without it they are numbered from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Columns that are no attributes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignore: Option<RawColumns>,
    /// What is to be done to some columns; the others hold numbers and are cleaned by the median.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<ColumnGroup>,
    /// Customers are not held in memory: all is learned from a sample, then classified and pushed in one stream. The
    /// table is Parquet, holdings are `wide`.
    #[serde(default)]
    pub stream: bool,
    /// With `stream`: customers to learn from, drawn in blocks from the whole table.
    #[serde(default = "sample")]
    pub sample: usize,
}

/// Columns that are treated alike.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ColumnGroup {
    /// Which.
    pub names: RawColumns,
    /// What they hold.
    #[serde(default)]
    pub kind: Kind,
    /// For `ordinal`: the categories from the least to the largest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub order: Vec<String>,
    /// For numbers: how anomalies are found.
    #[serde(default)]
    pub rule: CleanRule,
    /// The rule's larger constant.
    #[serde(default = "three")]
    pub n: f64,
    /// The rule's smaller constant.
    #[serde(default = "one_f64")]
    pub m: f64,
    /// For numbers: the logarithm of 1 + value is taken before the rule.
    #[serde(default)]
    pub log1p: bool,
    /// What of the holdings is in these columns: when holdings are hidden, it must go from here, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<Counts>,
}

impl ColumnGroup {
    pub(super) fn clean(&self) -> CleanSpec {
        CleanSpec { rule: self.rule, n: self.n, m: self.m, log1p: self.log1p }
    }
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Numbers.
    #[default]
    Number,
    /// Categories without an order: one number each.
    OneHot,
    /// Categories in `order`: their place.
    Ordinal,
}

/// What of the holdings is in a column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Counts {
    /// How many the customer holds: hidden ones are taken off.
    Holdings,
    /// The sum of this column of the holdings' table: hidden ones' part is taken off.
    Sum(String),
    /// Some of it, in a way that cannot be taken apart: the column is left out where holdings are hidden.
    Mixed,
}

/// The holdings: a table of pairs, or columns of the customers' table.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HoldingTable {
    /// A table with a row for each pair of a customer and a product; of a pair that comes more than once, numbers are added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<RawSource>,
    /// Its column of customers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// Its column of products.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// Its column of numbers above 0 that say how much of a product a customer holds: customers who hold alike are then
    /// those who hold alike amounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strength: Option<String>,
    /// Instead: columns of the customers' table, one a product; a number above 0 says that the customer holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wide: Option<RawColumns>,
}

/// The products' table.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProductTable {
    /// The table: a row a product.
    pub source: RawSource,
    /// The column that names products as the holdings do.
    pub id: String,
    /// The column with names for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// The table of exclusions.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExcludeTable {
    /// The table: a row for each thing that must not be offered. They hold for predictions of the model, too.
    pub source: RawSource,
    /// The column of customers.
    pub customer: String,
    /// The column of products; a row without one, or a table without this column, excludes a customer from all pushes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
}

/// How attributes become features.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Features {
    /// What extracts them.
    pub method: Method,
    /// How many features.
    pub dimensions: usize,
    /// What the network puts behind its features; without it, it begins at the principal components.
    pub activation: Activation,
    /// Training ends when 1 less the Pearson similarity, on customers that took no part in it, is below this.
    pub error: f64,
    /// The most rounds of drawing, extracting, comparing and adjusting.
    pub rounds_max: usize,
    /// Customers drawn for a round.
    pub draw: usize,
    /// Epochs of a round.
    pub epochs: usize,
    /// Rows a step.
    pub batch: usize,
    /// The learning rate.
    pub rate: f32,
    /// Rounds without a better similarity after which training ends, too.
    pub patience: usize,
}

impl Default for Features {
    fn default() -> Self {
        Self {
            method: Method::Network,
            dimensions: 16,
            activation: Activation::None,
            error: 0.05,
            rounds_max: 30,
            draw: 1024,
            epochs: 3,
            batch: 256,
            rate: 0.002,
            patience: 5,
        }
    }
}

/// What extracts features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// A bottleneck network trained by 1 less the Pearson correlation.
    #[default]
    Network,
    /// Principal components.
    Pca,
    /// Nothing: the standardised attributes are the features.
    None,
}

/// What classes are made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum From {
    /// The features of the attributes.
    #[default]
    Attributes,
    /// The principal components of what customers hold.
    Holdings,
    /// Both, each scaled to the same variance.
    Both,
}

impl From {
    /// As the job file writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Attributes => "attributes",
            Self::Holdings => "holdings",
            Self::Both => "both",
        }
    }
}

/// How classes are made.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Classes {
    /// What they are made from.
    pub from: From,
    /// How many classes (centres).
    pub count: usize,
    /// Customers of a draw; without it all who hold something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample: Option<usize>,
    /// Draws go on until every centre's sum of distances is below this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distance_threshold: Option<f64>,
    /// The most draws; without a threshold, all are made, and the one whose largest sum is least is kept.
    pub max_rounds: usize,
    /// Principal components of the holdings.
    pub holdings_dimensions: usize,
}

impl Default for Classes {
    fn default() -> Self {
        Self {
            from: From::Attributes,
            count: 30,
            sample: None,
            distance_threshold: None,
            max_rounds: 10,
            holdings_dimensions: 32,
        }
    }
}

/// What is offered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Push {
    /// Users added to each class who hold as all do; 0 is the plain rule.
    pub shrink: f64,
    /// Independent rounds of classes whose weights are averaged.
    pub rounds: usize,
    /// Products of a class (of a customer, with more than one round) that are offered.
    pub top_k: usize,
    /// Whether a customer who holds one of these, or must not have it, is offered the next one instead of nothing.
    pub next: bool,
    /// The least weight of a product that is offered.
    pub weight_min: f64,
    /// The fewest holding customers of a class that is offered anything.
    pub class_size_min: usize,
    /// The most products that a customer is offered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cap: Option<usize>,
}

impl Default for Push {
    fn default() -> Self {
        Self { shrink: 0.0, rounds: 1, top_k: 1, next: false, weight_min: 0.0, class_size_min: 1, cap: None }
    }
}

/// Settings to choose among; an empty list leaves a setting as it stands elsewhere.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Choose {
    /// Of `classes.from`.
    pub from: Vec<From>,
    /// Of `classes.count`.
    pub classes: Vec<usize>,
    /// Of `push.shrink`.
    pub shrink: Vec<f64>,
    /// Of `push.rounds`.
    pub rounds: Vec<usize>,
    /// How much is hidden to choose by.
    pub hide: Hide,
    /// How often something is hidden; what is best on average is chosen.
    pub hides: usize,
}

impl Default for Choose {
    fn default() -> Self {
        Self { from: vec![], classes: vec![], shrink: vec![], rounds: vec![], hide: Hide::Share(0.2), hides: 1 }
    }
}

/// How the method is judged.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Evaluation {
    /// How much of each customer's holdings is hidden.
    pub hide: Hide,
    /// How often, each time by another seed.
    pub seeds: usize,
    /// Where rankings are cut.
    pub k: usize,
    /// A product is of the tail if at most this share of the holding customers holds it.
    pub tail: f64,
    /// Regularisations of EASE, beside which the method is shown, to choose among.
    pub ease: Vec<f64>,
}

impl Default for Evaluation {
    fn default() -> Self {
        Self { hide: Hide::Share(0.2), seeds: 5, k: 10, tail: 0.3, ease: vec![100.0, 300.0, 1000.0, 2000.0] }
    }
}

const fn three() -> f64 {
    3.0
}

const fn one_f64() -> f64 {
    1.0
}

const fn sample() -> usize {
    100_000
}
