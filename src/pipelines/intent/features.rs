//! Features of a user after some of its events: three groups of numbers, one a tower, and the smoothed prior.

use std::collections::{BTreeMap, HashMap};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::load::{Events, Loaded, NO_HOUR, NONE};
use super::settings::Settings;

/// Places and apps that have a number of their own.
const PLACES_MAX: usize = 12;
const APPS_MAX: usize = 48;

/// Categories of a column that have a number of their own.
const LEVELS_MAX: usize = 64;

/// What is left of an event's part in habits with each further event.
const HABIT: f32 = 0.97;

/// Events that a share of products is smoothed by.
const SMOOTH: f32 = 2.0;

/// A user after its first `events` events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    pub user: u32,
    pub events: u32,
}

/// What features are made with; fitted on training rows, saved with the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Prep {
    pub products: usize,
    /// Of the item columns.
    pub weights: Vec<f32>,
    pub half_life: f32,
    pub recent: f32,
    pub strength: f32,
    /// How often each product was the target of a training row, smoothed, of all.
    pub popularity: Vec<f32>,
    places: Vec<String>,
    apps: Vec<String>,
    amounts: usize,
    usage_scale: Scale,
    number_scale: Scale,
    levels: Vec<Vec<String>>,
}

/// Means and deviations.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Scale {
    mean: Vec<f32>,
    deviation: Vec<f32>,
}

impl Scale {
    /// Of the columns of rows; a missing value takes no part.
    fn of(width: usize, rows: impl Iterator<Item = Vec<Option<f64>>>) -> Self {
        let (mut count, mut mean, mut squares) = (vec![0.0_f64; width], vec![0.0_f64; width], vec![0.0_f64; width]);
        for row in rows {
            for (i, value) in row.iter().enumerate() {
                let Some(value) = value else { continue };
                count[i] += 1.0;
                let apart = value - mean[i];
                mean[i] += apart / count[i];
                squares[i] += apart * (value - mean[i]);
            }
        }
        let deviation = squares.iter().zip(&count).map(|(s, n)| (s / n.max(1.0)).sqrt());
        let deviation = deviation.map(|d| if d > 1e-6 { d as f32 } else { 1.0 }).collect();
        Self { mean: mean.iter().map(|m| *m as f32).collect(), deviation }
    }

    fn apply(&self, column: usize, value: f32) -> f32 {
        ((value - self.mean[column]) / self.deviation[column]).clamp(-8.0, 8.0)
    }
}

/// The names that stand before the others by how many rows have them, then by name.
fn most(counts: BTreeMap<&str, usize>, max: usize) -> Vec<String> {
    let mut list: Vec<(&str, usize)> = counts.into_iter().collect();
    list.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    list.truncate(max);
    list.into_iter().map(|(name, _)| name.to_owned()).collect()
}

impl Prep {
    /// Fits to training rows.
    pub(super) fn fit(
        settings: &Settings,
        loaded: &Loaded,
        rows: &[Moment],
        (half_life, strength): (f32, f32),
    ) -> Self {
        let events = &loaded.events;
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        let mut apps: BTreeMap<&str, usize> = BTreeMap::new();
        for moment in rows {
            let place = events.place[events.of(moment.user as usize).start + moment.events as usize - 1];
            if place != NONE {
                *places.entry(events.places[place as usize].as_str()).or_default() += 1;
            }
        }
        let users = users_of(rows);
        for &user in &users {
            for (app, _) in &loaded.usage.by_user[user as usize] {
                *apps.entry(loaded.usage.apps[*app as usize].as_str()).or_default() += 1;
            }
        }
        let levels = (0..settings.users.categories.len()).map(|column| {
            let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
            let values = users.iter().filter_map(|&user| loaded.users.get(user as usize).category(column));
            values.for_each(|value| *counts.entry(value).or_default() += 1);
            most(counts, LEVELS_MAX)
        });
        let numbers = settings.users.numbers.len();
        let mut prep = Self {
            products: loaded.products.len(),
            weights: settings.history.items.iter().map(|item| item.weight).collect(),
            half_life,
            recent: settings.prior.recent,
            strength,
            popularity: popularity(loaded, rows),
            places: most(places, PLACES_MAX),
            apps: most(apps, APPS_MAX),
            amounts: events.amount_columns,
            usage_scale: Scale::default(),
            number_scale: Scale::of(
                numbers,
                users.iter().map(|&user| loaded.users.get(user as usize).numbers().collect()),
            ),
            levels: levels.collect(),
        };
        let maker = Maker::new(&prep, loaded);
        let by_user: Vec<Vec<Vec<Option<f64>>>> = of_users(rows)
            .par_iter()
            .map(|(user, moments)| {
                let mut found = vec![];
                maker.walk(*user, moments, &mut |past| {
                    let mut row = vec![];
                    past.usage(&maker, *user, &mut row);
                    found.push(row.iter().map(|v| Some(f64::from(*v))).collect());
                });
                found
            })
            .collect();
        let width = maker.usage_width();
        prep.usage_scale = Scale::of(width, by_user.into_iter().flatten());
        prep
    }

    /// The same with another weight of popularity.
    pub(super) fn with_strength(&self, strength: f32) -> Self {
        Self { strength, ..self.clone() }
    }

    /// Numbers of each tower.
    pub(super) fn widths(&self) -> [usize; 3] {
        let usage = 24 + 7 + 2 * self.amounts + 2 + self.places.len() + self.apps.len() + 1;
        let categories: usize = self.levels.iter().map(|levels| levels.len() + 1).sum();
        [3 * self.products, usage, self.number_scale.mean.len() + categories + 1]
    }

    /// Numbers a row: the towers', then the logarithm of the prior.
    pub(super) fn width(&self) -> usize {
        self.widths().iter().sum::<usize>() + self.products
    }
}

/// The users of rows that are sorted by user.
fn users_of(rows: &[Moment]) -> Vec<u32> {
    let mut users: Vec<u32> = rows.iter().map(|row| row.user).collect();
    users.dedup();
    users
}

/// Rows by user; they are sorted by user.
pub(super) fn of_users(rows: &[Moment]) -> Vec<(u32, &[Moment])> {
    rows.chunk_by(|a, b| a.user == b.user).map(|own| (own[0].user, own)).collect()
}

/// How often each product is a target, smoothed by half an event each, of all.
pub(super) fn popularity(loaded: &Loaded, rows: &[Moment]) -> Vec<f32> {
    let mut counts = vec![0.5_f64; loaded.products.len()];
    for row in rows {
        let event = loaded.events.of(row.user as usize).start + row.events as usize;
        counts[loaded.events.target(event) as usize] += 1.0;
    }
    let whole: f64 = counts.iter().sum();
    counts.iter().map(|count| (count / whole) as f32).collect()
}

/// Makes rows of features.
pub(super) struct Maker<'a> {
    pub prep: &'a Prep,
    loaded: &'a Loaded,
    /// Numbers of the events' places and of apps in the lists of the fit.
    places: Vec<Option<usize>>,
    apps: Vec<Option<usize>>,
}

impl<'a> Maker<'a> {
    pub(super) fn new(prep: &'a Prep, loaded: &'a Loaded) -> Self {
        let index = |known: &[String], names: &[String]| -> Vec<Option<usize>> {
            let places: HashMap<&str, usize> = known.iter().enumerate().map(|(i, name)| (name.as_str(), i)).collect();
            names.iter().map(|name| places.get(name.as_str()).copied()).collect()
        };
        let places = index(&prep.places, &loaded.events.places);
        let apps = index(&prep.apps, &loaded.usage.apps);
        Self { prep, loaded, places, apps }
    }

    const fn usage_width(&self) -> usize {
        24 + 7 + 2 * self.prep.amounts + 2 + self.prep.places.len() + self.prep.apps.len() + 1
    }

    /// Goes through a user's events and stops at each of its moments, which are in order.
    pub(super) fn walk(&self, user: u32, moments: &[Moment], stop: &mut dyn FnMut(&Past)) {
        let events = &self.loaded.events;
        let first = events.of(user as usize).start;
        let mut past = Past::new(self.prep);
        for moment in moments {
            while past.events < moment.events as usize {
                past.add(self, events, first + past.events);
            }
            stop(&past);
        }
    }

    /// The rows of moments that are sorted by user, [moments, width].
    pub(super) fn rows(&self, moments: &[Moment]) -> Vec<f32> {
        let width = self.prep.width();
        let mut values = vec![0.0_f32; moments.len() * width];
        let mut parts: Vec<(u32, &[Moment], &mut [f32])> = vec![];
        let mut rest = values.as_mut_slice();
        for (user, own) in of_users(moments) {
            let (mine, others) = rest.split_at_mut(own.len() * width);
            parts.push((user, own, mine));
            rest = others;
        }
        parts.into_par_iter().for_each(|(user, own, out)| {
            let mut places = out.chunks_exact_mut(width);
            let mut scratch = vec![];
            self.walk(user, own, &mut |past| {
                if let Some(row) = places.next() {
                    self.row(past, user, row, &mut scratch);
                }
            });
        });
        values
    }

    /// The row of a moment after which one more event is made up: these products, and without any trace of `rejected`.
    pub(super) fn row_after(&self, moment: Moment, named: &[u32], rejected: u32) -> Vec<f32> {
        let mut row = vec![0.0; self.prep.width()];
        self.walk(moment.user, &[moment], &mut |past| {
            let mut past = past.clone();
            past.reply(named, rejected);
            self.row(&past, moment.user, &mut row, &mut vec![]);
        });
        row
    }

    fn row(&self, past: &Past, user: u32, row: &mut [f32], scratch: &mut Vec<f32>) {
        let [history, usage, own] = self.prep.widths();
        let (towers, prior) = row.split_at_mut(history + usage + own);
        let (history, towers) = towers.split_at_mut(history);
        let (usage_row, own) = towers.split_at_mut(usage);
        past.history(history);
        scratch.clear();
        past.usage(self, user, scratch);
        for (i, (to, value)) in usage_row.iter_mut().zip(&*scratch).enumerate() {
            *to = self.prep.usage_scale.apply(i, *value);
        }
        self.own(user, own);
        past.prior(self.prep, prior);
        for p in prior {
            *p = p.ln();
        }
    }

    /// What the users' table says.
    fn own(&self, user: u32, row: &mut [f32]) {
        let user = self.loaded.users.get(user as usize);
        let mut at = 0;
        for number in user.numbers() {
            row[at] = number.map_or(0.0, |number| self.prep.number_scale.apply(at, number as f32));
            at += 1;
        }
        for (levels, value) in self.prep.levels.iter().zip(user.categories()) {
            let place = value.and_then(|value| levels.iter().position(|level| level == value));
            row[at + place.unwrap_or(levels.len())] = 1.0;
            at += levels.len() + 1;
        }
        row[at] = 1.0;
    }
}

/// A user's past after some events.
#[derive(Debug, Clone)]
pub(super) struct Past {
    pub events: usize,
    /// Weights by product: of all time, with the prior's half-life, and of the recent past.
    pub all: Vec<f32>,
    long: Vec<f32>,
    recent: Vec<f32>,
    /// What an older event is still worth, and the inverse.
    keep_long: f32,
    keep_recent: f32,
    hours: [f32; 24],
    days: [f32; 7],
    places: Vec<f32>,
    amounts: Vec<f32>,
    last_amounts: Vec<f32>,
    habits: f32,
    gap: f32,
    last: f64,
}

impl Past {
    fn new(prep: &Prep) -> Self {
        let none = || vec![0.0; prep.products];
        Self {
            events: 0,
            all: none(),
            long: none(),
            recent: none(),
            keep_long: 0.5_f32.powf(1.0 / prep.half_life),
            keep_recent: 0.5_f32.powf(1.0 / prep.recent),
            hours: [0.0; 24],
            days: [0.0; 7],
            places: vec![0.0; prep.places.len()],
            amounts: vec![0.0; prep.amounts],
            last_amounts: vec![0.0; prep.amounts],
            habits: 0.0,
            gap: 0.0,
            last: 0.0,
        }
    }

    fn add(&mut self, maker: &Maker<'_>, events: &Events, event: usize) {
        let prep = maker.prep;
        let time = events.time[event];
        if self.events > 0 {
            self.long.iter_mut().for_each(|v| *v *= self.keep_long);
            self.recent.iter_mut().for_each(|v| *v *= self.keep_recent);
            self.gap = self.gap * HABIT + ((time - self.last).max(0.0) as f32).ln_1p();
        }
        for (item, weight) in events.items_of(event).iter().zip(&prep.weights) {
            if *item != NONE {
                self.all[*item as usize] += weight;
                self.long[*item as usize] += weight;
                self.recent[*item as usize] += 1.0;
            }
        }
        let fade = |list: &mut [f32]| list.iter_mut().for_each(|v| *v *= HABIT);
        fade(&mut self.hours);
        fade(&mut self.days);
        fade(&mut self.places);
        fade(&mut self.amounts);
        self.habits = self.habits * HABIT + 1.0;
        if events.hour[event] != NO_HOUR {
            self.hours[usize::from(events.hour[event])] += 1.0;
        }
        self.days[time.floor().rem_euclid(7.0) as usize] += 1.0;
        if let Some(slot) = maker.places.get(events.place[event] as usize).copied().flatten() {
            self.places[slot] += 1.0;
        }
        for (i, amount) in events.amounts_of(event).iter().enumerate() {
            self.last_amounts[i] = amount.ln_1p();
            self.amounts[i] += self.last_amounts[i];
        }
        self.last = time;
        self.events += 1;
    }

    /// A reply: products that it names are like an event's, and the one that it rejects was never there.
    fn reply(&mut self, named: &[u32], rejected: u32) {
        for list in [&mut self.all, &mut self.long, &mut self.recent] {
            for product in named {
                list[*product as usize] += 1.0;
            }
            list[rejected as usize] = 0.0;
        }
    }

    /// Shares of all time and of late, their roots, and what is recent.
    fn history(&self, row: &mut [f32]) {
        let products = self.all.len();
        for (part, from) in [&self.all, &self.long].into_iter().enumerate() {
            let whole: f32 = from.iter().sum::<f32>() + SMOOTH;
            for (to, value) in row[part * products..][..products].iter_mut().zip(from) {
                *to = (value / whole).sqrt();
            }
        }
        // What is nearly forgotten is forgotten: numbers near the smallest ones slow every product down.
        for (to, value) in row[2 * products..].iter_mut().zip(&self.recent) {
            *to = if *value < 1e-6 { 0.0 } else { *value };
        }
    }

    /// Habits, not yet standardised.
    fn usage(&self, maker: &Maker<'_>, user: u32, row: &mut Vec<f32>) {
        let whole = self.habits.max(1.0);
        row.extend(self.hours.iter().chain(&self.days).map(|v| v / whole));
        row.extend(self.amounts.iter().map(|v| v / whole));
        row.extend(&self.last_amounts);
        row.push(self.gap / whole);
        row.push((self.events as f32).ln_1p());
        row.extend(self.places.iter().map(|v| v / whole));
        let apps = &maker.loaded.usage.by_user[user as usize];
        let minutes: f32 = apps.iter().map(|(_, minutes)| minutes).sum();
        let at = row.len();
        row.resize(at + maker.prep.apps.len(), 0.0);
        for (app, own) in apps {
            if let Some(slot) = maker.apps[*app as usize] {
                row[at + slot] = (own / minutes.max(1.0)).sqrt();
            }
        }
        row.push(minutes.ln_1p());
    }

    /// The smoothed prior.
    pub(super) fn prior(&self, prep: &Prep, row: &mut [f32]) {
        let s = prep.strength;
        let (all, long) = (self.all.iter().sum::<f32>() + s, self.long.iter().sum::<f32>() + s);
        for (i, to) in row.iter_mut().enumerate() {
            let smooth = s * prep.popularity[i];
            *to = 0.5 * ((self.all[i] + smooth) / all + (self.long[i] + smooth) / long);
        }
    }
}
