//! Portraits: what is known of each user, in groups, with the level that the job's rules give (I1, I2).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::load::{Loaded, NO_HOUR, NONE};
use super::settings::{Condition, Level, LevelRule, Settings};

/// Products, places and apps that a portrait names.
const NAMED: usize = 5;

/// Parts of a day by their first hour.
const TIMES: [(&str, u8); 4] = [("night", 0), ("morning", 6), ("afternoon", 12), ("evening", 18)];

/// One user's portrait.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Portrait {
    pub user: String,
    pub level: Level,
    /// From the users' table.
    pub attributes: BTreeMap<String, Value>,
    pub activity: Activity,
    /// Products by their share of all events, the largest first.
    pub preferences: Vec<Share>,
    /// When and where.
    pub scenes: Scenes,
    /// Apps by their share of all minutes.
    pub usage: Vec<Share>,
}

/// How much there is of a user.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Activity {
    pub events: usize,
    /// Until the newest event of all.
    pub days_since_last: Option<f64>,
    pub events_a_week: Option<f64>,
    /// Sums of amounts.
    pub sums: BTreeMap<String, f64>,
    /// Means of amounts.
    pub means: BTreeMap<String, f64>,
}

/// A name and its share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Share {
    pub name: String,
    pub share: f64,
}

/// Consumption scenes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Scenes {
    pub times: Vec<Share>,
    pub places: Vec<Share>,
}

/// Fields that follow from the history.
pub(super) const DERIVED: [&str; 3] = ["events", "days_since_last", "events_a_week"];

/// Makes portraits.
pub(super) struct Portraits<'a> {
    settings: &'a Settings,
    loaded: &'a Loaded,
    newest: f64,
}

fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}

/// The largest shares, of equal ones the first name.
fn shares(counts: BTreeMap<&str, f64>) -> Vec<Share> {
    let whole: f64 = counts.values().sum();
    let mut list: Vec<(&str, f64)> = counts.into_iter().collect();
    list.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
    list.truncate(NAMED);
    list.into_iter()
        .map(|(name, count)| Share { name: name.to_owned(), share: rounded(count / whole.max(1e-12), 4) })
        .collect()
}

impl<'a> Portraits<'a> {
    pub(super) fn new(settings: &'a Settings, loaded: &'a Loaded) -> Self {
        let newest = loaded.events.time.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Self { settings, loaded, newest }
    }

    pub(super) fn of(&self, user: usize) -> Portrait {
        let events = &self.loaded.events;
        let own = events.of(user);
        let (mut products, mut places) = (BTreeMap::new(), BTreeMap::new());
        let mut times = BTreeMap::new();
        for event in own.clone() {
            *products.entry(self.loaded.products[events.target(event) as usize].name.as_str()).or_default() += 1.0;
            if events.place[event] != NONE {
                *places.entry(events.places[events.place[event] as usize].as_str()).or_default() += 1.0;
            }
            if events.hour[event] != NO_HOUR {
                let name = TIMES.iter().rev().find(|(_, first)| *first <= events.hour[event]).map_or("", |t| t.0);
                *times.entry(name).or_default() += 1.0;
            }
        }
        let apps = self.loaded.usage.by_user[user].iter();
        let apps = apps.map(|(app, minutes)| (self.loaded.usage.apps[*app as usize].as_str(), f64::from(*minutes)));
        let activity = self.activity(user);
        Portrait {
            user: self.loaded.users.get(user).id().to_owned(),
            level: self.level(user, &activity),
            attributes: self.attributes(user),
            activity,
            preferences: shares(products),
            scenes: Scenes { times: shares(times), places: shares(places) },
            usage: shares(apps.collect()),
        }
    }

    fn activity(&self, user: usize) -> Activity {
        let events = &self.loaded.events;
        let own = events.of(user);
        let count = own.len();
        if count == 0 {
            return Activity::default();
        }
        let (first, last) = (events.time[own.start], events.time[own.end - 1]);
        let weeks = (self.newest - first) / 7.0;
        let names = &self.settings.history.amounts;
        let sum = |column: usize| own.clone().map(|event| f64::from(events.amounts_of(event)[column])).sum::<f64>();
        let sums: BTreeMap<String, f64> =
            names.iter().enumerate().map(|(i, name)| (name.clone(), rounded(sum(i), 2))).collect();
        let means = sums.iter().map(|(name, sum)| (name.clone(), rounded(sum / count as f64, 2))).collect();
        Activity {
            events: count,
            days_since_last: Some(rounded(self.newest - last, 2)),
            events_a_week: Some(rounded(count as f64 / weeks.max(1.0), 3)),
            sums,
            means,
        }
    }

    fn attributes(&self, user: usize) -> BTreeMap<String, Value> {
        let (table, user) = (&self.settings.users, self.loaded.users.get(user));
        let numbers = table.numbers.iter().zip(user.numbers()).map(|(name, v)| (name.clone(), json!(v)));
        let texts = table.categories.iter().zip(user.categories()).map(|(name, v)| (name.clone(), json!(v)));
        let language = table.language.iter().map(|_| ("language".to_owned(), json!(user.language())));
        numbers.chain(texts).chain(language).collect()
    }

    fn level(&self, user: usize, activity: &Activity) -> Level {
        let holds = |rule: &&LevelRule| rule.all.iter().all(|condition| self.holds(user, activity, condition));
        self.settings.levels.iter().find(holds).map_or(Level::Potential, |rule| rule.level)
    }

    fn holds(&self, user: usize, activity: &Activity, condition: &Condition) -> bool {
        let (number, text) = self.field(user, activity, &condition.field);
        let bounded = condition.at_least.is_some() || condition.at_most.is_some();
        let fits = |value: f64| {
            condition.at_least.is_none_or(|least| value >= least) && condition.at_most.is_none_or(|most| value <= most)
        };
        let named = |text: String| condition.one_of.contains(&text);
        (!bounded || number.is_some_and(fits)) && (condition.one_of.is_empty() || text.is_some_and(named))
    }

    /// A field as a number, where it is one, and as a text.
    fn field(&self, user: usize, activity: &Activity, field: &str) -> (Option<f64>, Option<String>) {
        let of = |number: Option<f64>| (number, number.map(|n| n.to_string()));
        match field {
            "events" => return of(Some(activity.events as f64)),
            "days_since_last" => return of(activity.days_since_last),
            "events_a_week" => return of(activity.events_a_week),
            _ => {}
        }
        let amount = |suffix: &str, values: &BTreeMap<String, f64>| {
            field.strip_suffix(suffix).and_then(|name| values.get(name)).copied()
        };
        if let Some(value) = amount(".sum", &activity.sums).or_else(|| amount(".mean", &activity.means)) {
            return of(Some(value));
        }
        let (table, own) = (&self.settings.users, self.loaded.users.get(user));
        if let Some(at) = table.numbers.iter().position(|name| name == field) {
            return of(own.number(at));
        }
        let texts = table.categories.iter().zip(own.categories());
        let others = self.loaded.users.other_columns.iter().zip(own.others());
        let text = texts.chain(others).find(|(name, _)| *name == field).and_then(|(_, text)| text);
        (text.and_then(|text| text.parse().ok()), text.map(str::to_owned))
    }
}

/// Columns of the users' table that rules need and nothing else names.
pub(super) fn rule_columns(settings: &Settings) -> Vec<String> {
    let mut found: Vec<String> = vec![];
    for condition in settings.levels.iter().flat_map(|rule| &rule.all) {
        let name = &condition.field;
        let known = settings.users.numbers.contains(name)
            || settings.users.categories.contains(name)
            || is_derived(settings, name);
        if !known && !found.contains(name) {
            found.push(name.clone());
        }
    }
    found
}

fn is_derived(settings: &Settings, field: &str) -> bool {
    let amount = field.strip_suffix(".sum").or_else(|| field.strip_suffix(".mean"));
    DERIVED.contains(&field) || amount.is_some_and(|name| settings.history.amounts.iter().any(|a| a == name))
}
