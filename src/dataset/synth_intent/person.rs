//! One made-up user, whole.

use super::draws::{Draws, What};
use super::world;

/// Letters of a type, the first of each pair with its share.
const AXES: [(char, char, f64); 4] = [('E', 'I', 0.5), ('S', 'N', 0.6), ('T', 'F', 0.45), ('J', 'P', 0.55)];

/// Languages and where their shares end.
const LANGUAGES: [(&str, f64); 3] = [("zh", 0.6), ("zh-yue", 0.75), ("en", 1.0)];

/// One look at a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    pub day: u32,
    pub hour: u32,
    pub item: u8,
    pub seconds: u32,
}

/// A user.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Person {
    pub id: i64,
    pub consent: bool,
    pub language: usize,
    pub name: String,
    pub age: i64,
    pub gender: usize,
    pub home: usize,
    pub residence: usize,
    pub sign: usize,
    pub hobby: usize,
    pub kind: String,
    pub kind_known: bool,
    pub income: i64,
    pub phone: String,
    pub answers: [u8; 16],
    /// Number of the app and minutes, by number.
    pub apps: Vec<(u8, u16)>,
    pub looks: Vec<Look>,
}

pub(super) fn languages() -> Vec<&'static str> {
    LANGUAGES.iter().map(|language| language.0).collect()
}

impl Person {
    pub fn draw(seed: u32, user: u32) -> Self {
        let draws = Draws::new(seed, user);
        let share = draws.unit(What::Language, 0);
        let language = LANGUAGES.iter().position(|(_, end)| share < *end).unwrap_or(0);
        let sign = draws.below(What::Sign, 0, world::SIGNS.len() as u32) as usize;
        let hobby = draws.below(What::Hobby, 0, world::HOBBIES.len() as u32) as usize;
        let kind = kind_of(draws, sign, hobby);
        let home = draws.below(What::Place, 0, world::PLACES.len() as u32) as usize;
        let moved = draws.unit(What::Place, 1) < 0.4;
        let away = draws.below(What::Place, 2, world::PLACES.len() as u32) as usize;
        let age = 18 + i64::from(draws.below(What::Age, 0, 29) + draws.below(What::Age, 1, 29));
        let apps = apps_of(draws, hobby);
        let looks = looks_of(draws, hobby, &apps);
        let digits = draws.bits(What::Phone, 0);
        Self {
            id: i64::from(user) + 1,
            consent: draws.unit(What::Consent, 0) < 0.9,
            language,
            name: name_of(draws, LANGUAGES[language].0),
            age,
            gender: draws.below(What::Gender, 0, 41) as usize / 20,
            home,
            residence: if moved { away } else { home },
            sign,
            hobby,
            answers: answers_of(draws, &kind),
            kind,
            kind_known: draws.unit(What::Known, 0) < 0.3,
            income: income_of(draws, age),
            // No operator has numbers that begin with 100.
            phone: format!("+86 100 {:04} {:04}", digits % 10_000, (digits >> 16) % 10_000),
            apps,
            looks,
        }
    }

    pub fn language_tag(&self) -> &'static str {
        LANGUAGES[self.language].0
    }
}

/// Four in five of those of a known match are of its type; the letters of all others are drawn one by one.
fn kind_of(draws: Draws, sign: usize, hobby: usize) -> String {
    let own = (world::SIGNS[sign], world::HOBBIES[hobby].0);
    let known = world::KNOWN_MATCHES.iter().find(|(sign, hobby, _)| (*sign, *hobby) == own);
    if let Some((_, _, kind)) = known.filter(|_| draws.unit(What::Type, 4) < 0.8) {
        return (*kind).to_owned();
    }
    let letter = |(axis, (first, second, share)): (u32, &(char, char, f64))| {
        if draws.unit(What::Type, axis) < *share { *first } else { *second }
    };
    (0..).zip(&AXES).map(letter).collect()
}

/// Four questions for each letter, the second and the fourth the other way round; 1 to 5 with noise.
fn answers_of(draws: Draws, kind: &str) -> [u8; 16] {
    let firsts: Vec<bool> = kind.chars().zip(&AXES).map(|(letter, axis)| letter == axis.0).collect();
    let mut answers = [0; 16];
    for (question, answer) in (0..).zip(&mut answers) {
        let first = firsts.get(question as usize / 4).copied().unwrap_or_default();
        let side = if first == (question % 2 == 0) { 1.1 } else { -1.1 };
        let noise = draws.unit(What::Answer, question) + draws.unit(What::AnswerMore, question) - 1.0;
        *answer = (3.0 + side + 2.2 * noise).round().clamp(1.0, 5.0) as u8;
    }
    answers
}

fn name_of(draws: Draws, language: &str) -> String {
    if language == "en" {
        let first = draws.pick(What::Name, 0, &world::FIRST_NAMES);
        format!("{first} {}", draws.pick(What::Name, 1, &world::LAST_NAMES))
    } else {
        let surname = draws.pick(What::Name, 0, &world::SURNAMES);
        format!("{surname}{}", draws.pick(What::Name, 1, &world::GIVEN))
    }
}

/// Highest around 46; whole thousands.
fn income_of(draws: Draws, age: i64) -> i64 {
    let course = 90.0 - 0.05 * (age - 46).pow(2) as f64;
    let spread = 0.4 + draws.unit(What::Income, 0) + draws.unit(What::Income, 1).powi(4) * 2.0;
    1000 * (course * spread).round() as i64
}

/// 3 to 8 apps; those of the hobby come first in three of five cases, and longer.
fn apps_of(draws: Draws, hobby: usize) -> Vec<(u8, u16)> {
    let count = 3 + draws.below(What::AppCount, 0, 6) as usize;
    let own = world::HOBBIES[hobby].1;
    let mut order: Vec<(u32, u8)> = (0..world::APPS.len() as u32)
        .map(|app| {
            let bits = draws.bits(What::Apps, app);
            let favoured = own.contains(&(app as usize)) && draws.unit(What::Apps, 100 + app) < 0.6;
            (if favoured { bits >> 4 } else { bits | 1 << 28 }, app as u8)
        })
        .collect();
    order.sort_unstable();
    order.truncate(count);
    let minutes = |app: u8| {
        let most = if own.contains(&usize::from(app)) { 180 } else { 90 };
        5 + draws.below(What::Minutes, u32::from(app), most) as u16
    };
    let mut apps: Vec<(u8, u16)> = order.into_iter().map(|(_, app)| (app, minutes(app))).collect();
    apps.sort_unstable();
    apps
}

/// See the module's rule.
fn looks_of(draws: Draws, hobby: usize, apps: &[(u8, u16)]) -> Vec<Look> {
    let count = 4 + draws.below(What::Rows, 0, 17);
    let mut days: Vec<u32> = (0..count).map(|row| 1 + draws.below(What::Day, row, 365)).collect();
    days.sort_unstable();
    let longest = apps.iter().fold((0, 0), |best, app| if app.1 > best.1 { *app } else { best }).0;
    let mut looks: Vec<Look> = Vec::with_capacity(days.len());
    for (row, day) in (0..).zip(days) {
        let item = next_item(draws, row, hobby, usize::from(longest), &looks);
        looks.push(Look {
            day,
            hour: (7 + draws.below(What::Hour, row, 9) + draws.below(What::Hour, row + 100, 9)) % 24,
            item,
            seconds: 3 + draws.below(What::Seconds, row, 60) * (1 + draws.below(What::Seconds, row + 100, 5)),
        });
    }
    looks
}

fn next_item(draws: Draws, row: u32, hobby: usize, app: usize, before: &[Look]) -> u8 {
    let share = draws.unit(What::Source, row);
    let low = |what: What, count: u32| draws.below(what, row, count).min(draws.below(what, row + 100, count)) as usize;
    if share < 0.40 && !before.is_empty() {
        before[draws.below(What::Item, row, before.len() as u32) as usize].item
    } else if share < 0.52 {
        world::HOBBY_ITEMS[hobby][low(What::Item, 5)]
    } else if share < 0.62 {
        world::APP_ITEMS[app][low(What::Item, 2)]
    } else if share < 0.90 {
        pair_item(hobby, app)
    } else {
        low(What::Item, world::PRODUCTS.len() as u32) as u8
    }
}

/// The one product for a hobby together with an app: neither alone tells it.
pub(super) const fn pair_item(hobby: usize, app: usize) -> u8 {
    ((hobby * 7 + app * 11 + (hobby * app) % 13) % world::PRODUCTS.len()) as u8
}
