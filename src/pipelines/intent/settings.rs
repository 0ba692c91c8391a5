//! The job's own part of the job file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::card::RawSeller;
use crate::dataset::RawSource;
use crate::model::{Optimizer, Precision};
use crate::pipelines::train::settings::RawColumns;
use crate::replies::emotion::TextSpec;
use crate::replies::{Formula, Language, Thresholds};
use crate::speaking::NetSettings;
use crate::train::{RateSchedule, TrainSpec};

/// An intent job's own part of the job file.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Whom it is about.
    pub users: UserTable,
    /// What they looked at or bought.
    pub history: HistoryTable,
    /// Which apps they use; without it usage is what the history says of hours, places and amounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<UsageTable>,
    /// What can be intended.
    pub products: ProductTable,
    /// Rules that tell a user's level: the first one that holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub levels: Vec<LevelRule>,
    /// How the past becomes a probability before any network sees it.
    #[serde(default)]
    pub prior: PriorSettings,
    /// The network.
    #[serde(default)]
    pub network: NetworkSettings,
    /// The three trees.
    #[serde(default)]
    pub trees: TreeSettings,
    /// Which parts of the history train, choose and judge.
    #[serde(default)]
    pub evaluation: Evaluation,
    /// Who is of what type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub personality: Option<PersonalitySettings>,
    /// How to speak with whom; without it nobody is greeted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speaking: Option<SpeakingSettings>,
    /// What users replied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replies: Option<ReplySettings>,
    /// Smart cards; they need greetings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cards: Option<CardSettings>,
}

/// The users' table.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserTable {
    /// The table: a row a user.
    pub source: RawSource,
    /// The column that names users, each once.
    pub id: String,
    /// Who agreed to be processed.
    pub consent: Consent,
    /// Columns that must not be empty: users without a value there are left out and counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needed: Vec<String>,
    /// The column with names for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The column with language tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Columns of numbers that the network sees.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub numbers: Vec<String>,
    /// Columns of categories that the network sees.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    /// What a reader of the report should know of the data: what is real, and what is not.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// Who agreed to be processed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Consent {
    /// Those whose value in this column is `true`; nothing of the others is kept.
    Column(String),
    /// All, for the reason that is given here and printed in the report.
    Assumed(String),
}

/// The table of events.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HistoryTable {
    /// The table: a row an event, in any order.
    pub source: RawSource,
    /// Its column of users.
    pub user: String,
    /// Its column of times: days as numbers, or dates. Events of one time keep the file's order.
    pub time: String,
    /// Its columns of products. The first one is what is predicted: the next event's.
    pub items: Vec<ItemColumn>,
    /// Its column of hours, 0 to 23.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hour: Option<String>,
    /// Its column of places: stores, pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Its columns of amounts that are not below 0: seconds, value, lines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amounts: Vec<String>,
}

/// A column of products of an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ItemColumn {
    /// Its name.
    pub column: String,
    /// How much such a product counts beside the first column's, which count 1.
    #[serde(default = "one")]
    pub weight: f32,
}

/// The table of apps.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UsageTable {
    /// The table: a row for each user and app.
    pub source: RawSource,
    /// Its column of users.
    pub user: String,
    /// Its column of apps.
    pub app: String,
    /// Its column of minutes a day.
    pub minutes: String,
}

/// The products' table.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProductTable {
    /// The table: a row a product.
    pub source: RawSource,
    /// The column that names products as the history does.
    pub id: String,
    /// The column with names for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The column with kinds of products.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The column with prices, as they are to be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<String>,
    /// The column with colours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub colour: Option<String>,
    /// Columns of links by what they lead to.
    #[serde(default)]
    pub links: Links,
}

/// Columns of links.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Links {
    /// To the product.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// To what others did with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    /// To a chat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat: Option<String>,
    /// To a site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// To where it is bought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purchase: Option<String>,
}

impl Links {
    pub(super) const fn columns(&self) -> [Option<&String>; 5] {
        [self.product.as_ref(), self.case.as_ref(), self.chat.as_ref(), self.site.as_ref(), self.purchase.as_ref()]
    }
}

/// A level and what a user must fulfil.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LevelRule {
    /// The level.
    pub level: Level,
    /// All of these hold; without any, the rule holds for everybody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub all: Vec<Condition>,
}

/// A user's level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Brings much.
    HighValue,
    /// Comes and buys.
    Regular,
    /// May become one of them.
    Potential,
}

impl Level {
    pub(super) const ALL: [Self; 3] = [Self::HighValue, Self::Regular, Self::Potential];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::HighValue => "high-value",
            Self::Regular => "regular",
            Self::Potential => "potential",
        }
    }
}

/// What must hold of one field: a column of the users' table, or `events`, `days_since_last`, `events_a_week`, and
/// `<amount>.sum` and `<amount>.mean` of the history's amounts. A missing value holds of nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// The field.
    pub field: String,
    /// The number is at least this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
    /// The number is at most this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<f64>,
    /// The text is one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub one_of: Vec<String>,
}

/// The smoothed prior: `1/2 (A + s p) / (sum A + s) + 1/2 (D + s p) / (sum D + s)`, where A counts a user's products, D
/// counts them with a half-life, p is how popular each product is, and s how much that weighs. What stands in a list is
/// chosen by the mean reciprocal rank on the inner time split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PriorSettings {
    /// Half-lives in events.
    pub half_lives: Vec<f32>,
    /// How many events popularity weighs.
    pub strengths: Vec<f32>,
    /// Half-life in events of what the network sees as the recent past.
    pub recent: f32,
}

impl Default for PriorSettings {
    fn default() -> Self {
        Self { half_lives: vec![10.0, 20.0, 40.0], strengths: vec![5.0, 10.0, 20.0, 40.0], recent: 4.0 }
    }
}

/// The network and its training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkSettings {
    /// Values a token.
    pub channels: usize,
    /// Attention heads, which share the channels.
    pub heads: usize,
    /// Attention blocks.
    pub blocks: usize,
    /// Units of a block's inner layer.
    pub feed_forward: usize,
    /// The probability that a value is dropped in training.
    pub dropout: f32,
    /// How much the read-outs of the pairs count beside the main one.
    pub auxiliary: f32,
    /// Epochs; the learning rate falls along half a cosine to 0.
    pub epochs: usize,
    /// Epochs of the networks beside it: without the prior, and the regression. They start from nothing, and need more.
    pub baseline_epochs: usize,
    /// Rows a step.
    pub batch: usize,
    /// The learning rate.
    pub rate: f32,
    /// Decoupled weight decay.
    pub weight_decay: f32,
    /// Networks of the ensemble.
    pub seeds: usize,
    /// Networks of each ensemble that only stands beside it in the report.
    pub baseline_seeds: usize,
    /// Epochs in which a masked token is first told from the other two, without any label; for data with few labels.
    pub masked_epochs: usize,
    /// The most rows to train on; of more, as many are drawn.
    pub rows_max: usize,
    /// How tensors are held.
    pub precision: Precision,
}

impl Default for NetworkSettings {
    fn default() -> Self {
        Self {
            channels: 64,
            heads: 4,
            blocks: 1,
            feed_forward: 128,
            dropout: 0.5,
            auxiliary: 0.3,
            epochs: 4,
            baseline_epochs: 10,
            batch: 512,
            rate: 5e-4,
            weight_decay: 0.1,
            seeds: 5,
            baseline_seeds: 2,
            masked_epochs: 0,
            rows_max: 200_000,
            precision: Precision::F32,
        }
    }
}

impl NetworkSettings {
    /// How it is trained for so many epochs.
    pub(super) fn training(&self, epochs: usize) -> TrainSpec {
        TrainSpec {
            epochs,
            batch: self.batch,
            rate: self.rate,
            schedule: RateSchedule::Cosine { warmup_epochs: 0.0, final_share: 0.0 },
            optimizer: Optimizer::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: self.weight_decay },
            clip: Some(5.0),
            precision: self.precision,
            early_stop: None,
        }
    }
}

/// The trees and their candidates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TreeSettings {
    /// Candidates of a pair's read-out that its tree judges.
    pub candidates: usize,
    /// The most splits on a way down.
    pub depth: usize,
    /// The fewest rows of a leaf.
    pub leaf_rows: usize,
    /// Cost-complexity pruning, to choose from: subtrees whose leaves each lower the impurity by less are cut off.
    pub prune_alphas: Vec<f64>,
}

impl Default for TreeSettings {
    fn default() -> Self {
        Self { candidates: 20, depth: 8, leaf_rows: 200, prune_alphas: vec![1e-6, 1e-5, 3e-5, 1e-4] }
    }
}

/// Which parts of each user's history train, choose and judge, by order of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Evaluation {
    /// The last part of each user's events, which judges.
    pub test: f64,
    /// The last part of what is left, on which prior, epochs and trees are chosen.
    pub inner: f64,
    /// The part of the users whose whole history is also held out once, beside the split by time.
    pub users: f64,
    /// Draws of users for intervals.
    pub draws: usize,
    /// The most events that judge; of more, as many are drawn.
    pub rows_max: usize,
}

impl Default for Evaluation {
    fn default() -> Self {
        Self { test: 0.2, inner: 0.2, users: 0.2, draws: 1000, rows_max: 50_000 }
    }
}

/// Personality types.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonalitySettings {
    /// A table of known matches, which goes first: a column `personality`, and columns of the users' table; an empty cell
    /// or `*` matches anything, and the first row that matches speaks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look_up: Option<RawSource>,
    /// The users' column of known types. The network learns from these users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<String>,
    /// The users' columns of numbers that a type is told from: `"q1..q16"`, or a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<RawColumns>,
    /// The convolutional network for users whom the table does not know.
    #[serde(default)]
    pub network: NetSettings,
}

/// Ways of speaking and greetings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpeakingSettings {
    /// The table `personality`, `communication_type`; a row of `*` is for all others.
    pub communication: RawSource,
    /// The table `communication_type`, `product_type`, `language`, `text`, with slots {product}, {price}, {colour}, {name}.
    pub greetings: RawSource,
    /// The language of users who have none, and the one that a missing language falls back to.
    #[serde(default = "english")]
    pub default_language: String,
}

fn english() -> String {
    "en".to_owned()
}

/// Replies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplySettings {
    /// The table: a row a reply.
    pub source: RawSource,
    /// Its column of ids.
    pub id: String,
    /// Its column of users.
    pub user: String,
    /// Its column of texts.
    pub text: String,
    /// Its column of days; without it replies of a user are in the file's order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// The word lists: `language`, `list`, `word`, `weight`.
    pub words: RawSource,
    /// The answers: `language`, `emotion`, `product_type`, `keywords`, `text`.
    pub answers: RawSource,
    /// The language to answer in where a reply decides none.
    #[serde(default = "english_reply")]
    pub default_language: Language,
    /// The weights of satisfaction and deal rate.
    pub formula: Formula,
    /// From where on a reply has consequences.
    pub thresholds: Thresholds,
    /// A text model that says what replies sound like, instead of the word lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emotion: Option<EmotionSettings>,
}

const fn english_reply() -> Language {
    Language::English
}

/// A text model of emotions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EmotionSettings {
    /// The replies' column of ratings; replies without one train nothing.
    pub rating: String,
    /// Below this a reply is dissatisfied,
    pub dissatisfied_below: f64,
    /// and above this it is excited.
    pub excited_above: f64,
    /// A lexicon whose scores the model sees: word, tab, valence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lexicon: Option<RawSource>,
    /// The model.
    pub model: TextSpec,
}

impl EmotionSettings {
    /// 0: dissatisfied, 1: calm, 2: excited.
    pub(super) fn class(&self, rating: f64) -> u32 {
        match rating {
            rating if rating < self.dissatisfied_below => 0,
            rating if rating > self.excited_above => 2,
            _ => 1,
        }
    }
}

/// Smart cards.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CardSettings {
    /// The most cards that a run writes, for its first users; the others are made on demand with `nightloom card`.
    #[serde(default)]
    pub write: usize,
    /// Who speaks.
    pub seller: RawSeller,
    /// Whether users are addressed by name.
    #[serde(default)]
    pub by_name: bool,
    /// The table `product_type`, `language`, `question`, `answer`; a product type of `*` is for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub questions: Option<RawSource>,
}

const fn one() -> f32 {
    1.0
}

impl Settings {
    /// The job's tables by their keys.
    pub(super) fn sources(&self) -> Vec<(&'static str, &RawSource)> {
        let mut list = vec![
            ("users.source", &self.users.source),
            ("history.source", &self.history.source),
            ("products.source", &self.products.source),
        ];
        list.extend(self.usage.iter().map(|usage| ("usage.source", &usage.source)));
        let look_up = self.personality.iter().filter_map(|personality| personality.look_up.as_ref());
        list.extend(look_up.map(|source| ("personality.look_up", source)));
        if let Some(speaking) = &self.speaking {
            list.push(("speaking.communication", &speaking.communication));
            list.push(("speaking.greetings", &speaking.greetings));
        }
        if let Some(replies) = &self.replies {
            list.push(("replies.source", &replies.source));
            list.push(("replies.words", &replies.words));
            list.push(("replies.answers", &replies.answers));
            let lexicon = replies.emotion.iter().filter_map(|emotion| emotion.lexicon.as_ref());
            list.extend(lexicon.map(|source| ("replies.emotion.lexicon", source)));
        }
        let questions = self.cards.iter().filter_map(|cards| cards.questions.as_ref());
        list.extend(questions.map(|source| ("cards.questions", source)));
        list
    }
}
