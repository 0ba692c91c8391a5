//! Cards of a run: what they share is checked when the job is read, and saved, so that a card can be made at any time (I9).

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::load::{Product, rows};
use super::settings::CardSettings;
use crate::artifact::{self, ArtifactError};
use crate::card::{
    self, Card, CardError, CardTemplate, Offer, RawOffer, RawProduct, RawQuestion, RawSeller, Seller, check_questions,
};
use crate::dataset::Source;
use crate::pipelines::tabular::TabularError;
use crate::run::{RunError, RunFolder};

/// Questions of a card.
const QUESTIONS: usize = 5;

/// The file in a run's `models` that cards are made with.
const FILE: &str = "cards.json";

/// A question for products of one kind, or of all (`*`), in one language.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Question {
    kind: String,
    language: String,
    text: String,
    answer: String,
}

/// What all cards of a run share, as it is saved.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CardData {
    seller: RawSeller,
    products: Vec<Product>,
    questions: Vec<Question>,
}

/// Makes cards.
#[derive(Debug)]
pub(super) struct Cards {
    template: CardTemplate,
    seller: Arc<Seller>,
    /// Products by their id: as a card shows them, the kind, and where to buy.
    products: HashMap<String, (Arc<card::Product>, String, Option<String>)>,
    questions: Vec<Question>,
}

/// What one card says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message<'a> {
    pub language: &'a str,
    pub name: Option<&'a str>,
    pub greeting: &'a str,
    pub product: &'a str,
    /// Whether the user is led to where the product is bought.
    pub purchase: bool,
}

impl CardData {
    /// Reads the questions and puts everything together.
    pub(super) fn read(
        settings: &CardSettings,
        questions: Option<&Source>,
        products: &[Product],
    ) -> Result<Self, TabularError> {
        let mut list = vec![];
        if let Some(source) = questions {
            let columns = ["product_type", "language", "question", "answer"];
            rows(source, &columns, |row| {
                list.push(Question {
                    kind: row.text(0).unwrap_or("*").to_owned(),
                    language: row.needed(1, "a language")?.to_owned(),
                    text: row.needed(2, "a question")?.to_owned(),
                    answer: row.needed(3, "an answer")?.to_owned(),
                });
                let one = list.last().map(|q| RawQuestion { question: q.text.clone(), answer: q.answer.clone() });
                match check_questions(one.as_slice()) {
                    Ok(_) => Ok(()),
                    Err(error) => Err(TabularError::data(source.path(), format!("{}: {error}", row.at()))),
                }
            })?;
        }
        Ok(Self { seller: settings.seller.clone(), products: products.to_vec(), questions: list })
    }

    /// Writes it beside the models.
    pub(super) fn save(&self, run: &RunFolder) -> Result<(), ArtifactError> {
        artifact::write_json(&run.models().join(FILE), self)
    }

    /// Reads it back.
    fn load(run: &RunFolder) -> Result<Self, RunError> {
        let path = run.models().join(FILE);
        let bytes = std::fs::read(&path).map_err(|e| ArtifactError::io("read", &path, e))?;
        Ok(serde_json::from_slice(&bytes).map_err(|e| ArtifactError::format(&path, e.to_string()))?)
    }

    /// Checks all of it.
    pub(super) fn check(&self) -> Result<Cards, String> {
        let mut products = HashMap::new();
        for product in &self.products {
            let [page, case, ..] = product.links.clone();
            let raw = RawProduct {
                name: product.name.clone(),
                kind: Some(product.kind.clone()),
                colour: product.colour.clone(),
                price: product.price.clone(),
                page,
                case,
            };
            let wrong = |error: CardError| format!("product `{}`: {error}", product.id);
            let checked = Arc::new(raw.check().map_err(wrong)?);
            let purchase = product.links[4].clone();
            card::WebUrl::check_option("purchase", purchase.as_deref()).map_err(wrong)?;
            products.insert(product.id.clone(), (checked, product.kind.clone(), purchase));
        }
        Ok(Cards {
            template: CardTemplate::new().map_err(|e| e.to_string())?,
            seller: Arc::new(self.seller.check().map_err(|e| e.to_string())?),
            products,
            questions: self.questions.clone(),
        })
    }
}

impl Cards {
    /// The questions for a kind of product: its own first, then those for all, in the language, else in its base language,
    /// else in English.
    fn questions(&self, kind: &str, language: &str) -> Vec<RawQuestion> {
        let base = language.split('-').next().unwrap_or(language);
        for wanted in [language, base, "en"] {
            let of = |kind: &str| {
                let own = self.questions.iter().filter(move |q| q.kind == kind && q.language == wanted);
                own.map(|q| RawQuestion { question: q.text.clone(), answer: q.answer.clone() }).collect::<Vec<_>>()
            };
            let found: Vec<RawQuestion> = of(kind).into_iter().chain(of("*")).take(QUESTIONS).collect();
            if !found.is_empty() {
                return found;
            }
        }
        vec![]
    }

    /// Writes a card into `out`, which is cleared first.
    pub(super) fn render(&self, message: &Message<'_>, out: &mut String) -> Result<(), CardError> {
        let known = self.products.get(message.product);
        let kind = known.map_or("*", |(_, kind, _)| kind.as_str());
        let raw = RawOffer {
            language: message.language.to_owned(),
            display_name: message.name.map(str::to_owned),
            greeting: message.greeting.to_owned(),
            product: None,
            purchase: known.filter(|_| message.purchase).and_then(|(_, _, purchase)| purchase.clone()),
            questions: self.questions(kind, message.language),
        };
        let offer = Offer { product: known.map(|(product, ..)| product.clone()), ..raw.check()? };
        self.template.render_into(&Card { seller: self.seller.clone(), offer }, out)
    }
}

/// The name of a user's card: letters, digits, `-` and `_` stand for themselves, everything else for its code.
pub(super) fn file_name(user: &str) -> String {
    let safe = |c: char| match c {
        c if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') => c.to_string(),
        c => format!("%{:x}%", u32::from(c)),
    };
    format!("{}.html", user.chars().map(safe).collect::<String>())
}

/// The card of a user of a finished run, as HTML.
///
/// # Errors
/// If the run is not finished or makes no cards, or the user has no row or no greeting in it.
pub fn card_of(folder: &Path, user: &str) -> Result<String, RunError> {
    let run = RunFolder::at(folder);
    if crate::run::Done::read(&run)?.is_none() {
        let reason = "expected a finished run, found none: run the job to its end first";
        return Err(RunError::data(ArtifactError::format(folder, reason)));
    }
    let path = run.tables().join("intents.csv");
    let wrong = |reason: String| RunError::data(ArtifactError::format(&path, reason));
    let cards = CardData::load(&run)?.check().map_err(wrong)?;
    let failed = |e: csv::Error| wrong(e.to_string());
    let mut reader = csv::Reader::from_path(&path).map_err(failed)?;
    let header = reader.headers().map_err(failed)?.clone();
    let column = |name: &str| header.iter().position(|known| known == name);
    let own = column("user").ok_or_else(|| wrong("expected a column `user`, found none".to_owned()))?;
    // Of a million rows only the user's is understood.
    let mut record = csv::ByteRecord::new();
    while reader.read_byte_record(&mut record).map_err(failed)? {
        if record.get(own) != Some(user.as_bytes()) {
            continue;
        }
        let record = csv::StringRecord::from_byte_record(record).map_err(|e| wrong(e.to_string()))?;
        let of = |name: &str| column(name).and_then(|column| record.get(column)).unwrap_or_default();
        if of("greeting").is_empty() {
            return Err(wrong(format!("the user `{user}` has no greeting, and so no card")));
        }
        let message = Message {
            language: of("language"),
            name: Some(of("name")).filter(|name| !name.is_empty()),
            greeting: of("greeting"),
            product: of("first"),
            purchase: of("purchase") == "true",
        };
        let mut out = String::new();
        cards.render(&message, &mut out).map_err(RunError::work)?;
        return Ok(out);
    }
    Err(wrong(format!("expected a row of the user `{user}`, found none")))
}

#[cfg(test)]
mod tests {
    use super::file_name;

    #[test]
    fn i9_names_of_cards_stay_in_their_folder_and_apart() {
        assert_eq!(file_name("user-17_a"), "user-17_a.html");
        assert_eq!(file_name("../x"), "%2e%%2e%%2f%x.html");
        assert_ne!(file_name("a/b"), file_name("a_b"));
        assert_ne!(file_name("%2f%"), file_name("/"));
    }
}
