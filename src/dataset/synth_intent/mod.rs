//! Made-up users with a life of their own, for intent jobs: labelled synthetic, of nobody.
//!
//! Everything about a user follows from the seed and the user's number alone, so that files do not depend on the size
//! of the parts in which they are written, and a million users need the memory of one part.
//!
//! A user has a hidden personality type (drawn letter by letter, but for the pairs of star sign and hobby in
//! [`KNOWN_MATCHES`], of whom four in five have the pair's type), which `mbti` tells for 30%; 16 answers follow it with noise
//! (four for each letter, the even ones the other way round). Apps lean towards the hobby.
//!
//! **What is looked at next** is, by a draw of its own for each row:
//!
//! | share | item |
//! |---|---|
//! | .40 | one that the user has looked at before (the more often, the likelier); the first row has none and takes the next line |
//! | .12 | one of five products of the hobby, the first ones likelier |
//! | .10 | one of two products of the app that is used longest, the first likelier |
//! | .28 | *the* product of hobby and longest used app together, which neither tells alone |
//! | .10 | any, the first ones likelier |
//!
//! Replies are made of eighty templates (excited, about to buy, calm, dissatisfied; Chinese and English); one rating in twelve
//! does not go with its words.

mod draws;
mod person;
mod replies;
mod world;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;
use serde_json::json;

use draws::Draws;
use person::Person;
use replies::Reply;
pub use world::KNOWN_MATCHES;

use crate::artifact::table::{Cells, Table, TableFormat};
use crate::artifact::{ArtifactError, PartsWriter, ensure_folder, write_json};

/// Users of a part of the files.
const PART: u32 = 1 << 14;

/// What is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SynthIntent {
    /// How many users.
    pub users: u32,
    /// The same seed draws the same.
    pub seed: u32,
}

impl SynthIntent {
    /// Writes `users`, `usage`, `history`, `products` and `replies`, and `synthetic.json`, which says what they are, into
    /// `folder`. `go_on` is asked before each part.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write(
        &self,
        folder: &Path,
        format: TableFormat,
        go_on: impl FnMut(u32) -> bool,
    ) -> Result<Vec<PathBuf>, ArtifactError> {
        self.write_in_parts(folder, format, PART, go_on)
    }

    fn write_in_parts(
        &self,
        folder: &Path,
        format: TableFormat,
        part: u32,
        mut go_on: impl FnMut(u32) -> bool,
    ) -> Result<Vec<PathBuf>, ArtifactError> {
        ensure_folder(folder)?;
        let path = |name: &str| folder.join(name).with_extension(format.extension());
        let names = ["users", "usage", "history", "replies"];
        let mut files =
            names.iter().map(|name| PartsWriter::new(&path(name), format)).collect::<Result<Vec<_>, _>>()?;
        let mut first = 0;
        while first < self.users {
            if !go_on(first) {
                return Err(ArtifactError::content(folder.display().to_string(), "stopped"));
            }
            let end = self.users.min(first.saturating_add(part));
            let people: Vec<Person> = (first..end).into_par_iter().map(|user| Person::draw(self.seed, user)).collect();
            let ((users, usage), (history, replies)) = rayon::join(
                || rayon::join(|| users_table(&people), || usage_table(&people)),
                || rayon::join(|| history_table(&people), || self.replies_table(&people)),
            );
            for (file, table) in files.iter_mut().zip([users?, usage?, history?, replies?]) {
                file.write(&table)?;
            }
            first = end;
        }
        for file in files {
            file.finish()?;
        }
        products_table()?.write(&path("products"), format)?;
        let label = json!({
            "synthetic": true,
            "what": "made-up users of no company: for trying things out and for measuring time and memory, never for judging a method",
            "users": self.users,
            "seed": self.seed,
        });
        write_json(&folder.join("synthetic.json"), &label)?;
        Ok(["users", "usage", "history", "products", "replies"].map(path).to_vec())
    }

    fn replies_table(&self, people: &[Person]) -> Result<Table, ArtifactError> {
        let own = |person: &Person| replies::of(Draws::new(self.seed, (person.id - 1) as u32), person);
        let all: Vec<Reply> = people.iter().flat_map(own).collect();
        Table::new([
            ("reply_id", Cells::i64(all.iter().map(|reply| reply.id))),
            ("user_id", Cells::i64(all.iter().map(|reply| reply.user))),
            ("day", Cells::i64(all.iter().map(|reply| i64::from(reply.day)))),
            ("text", Cells::text(all.iter().map(|reply| reply.text.as_str()))),
            ("rating", Cells::i64(all.iter().map(|reply| i64::from(reply.rating)))),
        ])
    }
}

fn words<'a>(texts: impl IntoIterator<Item = &'a str>) -> Arc<[String]> {
    texts.into_iter().map(str::to_owned).collect()
}

fn users_table(people: &[Person]) -> Result<Table, ArtifactError> {
    let each = |of: fn(&Person) -> usize, texts: &Arc<[String]>| {
        Cells::Words(people.iter().map(|person| of(person) as u32).collect(), texts.clone())
    };
    let english = |person: &Person| person.language_tag() == "en";
    let place = |person: &Person, place: usize| {
        let names = world::PLACES[place];
        if english(person) { names.0 } else { names.1 }
    };
    let known = |person: &Person| person.kind_known.then(|| person.kind.clone());
    let columns = [
        ("user_id", Cells::i64(people.iter().map(|person| person.id))),
        ("consent", Cells::bool(people.iter().map(|person| person.consent))),
        ("name", Cells::text(people.iter().map(|person| person.name.as_str()))),
        ("age", Cells::i64(people.iter().map(|person| person.age))),
        ("gender", each(|person| person.gender, &words(["female", "male", "other"]))),
        ("home", Cells::text(people.iter().map(|person| place(person, person.home)))),
        ("residence", Cells::text(people.iter().map(|person| place(person, person.residence)))),
        ("star_sign", each(|person| person.sign, &words(world::SIGNS))),
        ("hobby", each(|person| person.hobby, &words(world::HOBBIES.map(|hobby| hobby.0)))),
        ("mbti", Cells::Text(people.iter().map(known).collect())),
        ("language", each(|person| person.language, &words(person::languages()))),
        ("income", Cells::i64(people.iter().map(|person| person.income))),
        ("phone", Cells::text(people.iter().map(|person| person.phone.as_str()))),
    ];
    let answers = (0..16).map(|question| {
        let cells = Cells::i64(people.iter().map(|person| i64::from(person.answers[question])));
        (format!("q{}", question + 1), cells)
    });
    Table::new(columns.into_iter().map(|(name, cells)| (name.to_owned(), cells)).chain(answers))
}

fn usage_table(people: &[Person]) -> Result<Table, ArtifactError> {
    let rows = || people.iter().flat_map(|person| person.apps.iter().map(move |app| (person.id, *app)));
    Table::new([
        ("user_id", Cells::i64(rows().map(|(id, _)| id))),
        ("app", Cells::Words(rows().map(|(_, app)| u32::from(app.0)).collect(), words(world::APPS))),
        ("minutes", Cells::i64(rows().map(|(_, app)| i64::from(app.1)))),
    ])
}

fn history_table(people: &[Person]) -> Result<Table, ArtifactError> {
    let rows = || people.iter().flat_map(|person| person.looks.iter().map(move |look| (person.id, *look)));
    let ids: Arc<[String]> = (0..world::PRODUCTS.len()).map(product_id).collect();
    Table::new([
        ("user_id", Cells::i64(rows().map(|(id, _)| id))),
        ("day", Cells::i64(rows().map(|(_, look)| i64::from(look.day)))),
        ("hour", Cells::i64(rows().map(|(_, look)| i64::from(look.hour)))),
        ("item", Cells::Words(rows().map(|(_, look)| u32::from(look.item)).collect(), ids)),
        ("read_seconds", Cells::i64(rows().map(|(_, look)| i64::from(look.seconds)))),
    ])
}

fn product_id(place: usize) -> String {
    format!("p{:02}", place + 1)
}

fn products_table() -> Result<Table, ArtifactError> {
    let all = world::PRODUCTS;
    let ids: Vec<String> = (0..all.len()).map(product_id).collect();
    let address =
        |kind: &str| Cells::text(ids.iter().map(|id| format!("https://shop.example/{kind}/{id}")).collect::<Vec<_>>());
    let colours = all.iter().map(|product| (!product.3.is_empty()).then(|| product.3.to_owned()));
    Table::new([
        ("product_id", Cells::text(ids.clone())),
        ("name", Cells::text(all.map(|product| product.0))),
        ("type", Cells::text(all.map(|product| world::TYPES[product.1]))),
        ("price", Cells::i64(all.map(|product| i64::from(product.2)))),
        ("colour", Cells::Text(colours.collect())),
        ("product_url", address("product")),
        ("case_url", address("cases")),
        ("chat_url", address("chat")),
        ("site_url", Cells::text(all.map(|_| "https://shop.example/"))),
        ("purchase_url", address("buy")),
    ])
}

#[cfg(test)]
mod tests;
