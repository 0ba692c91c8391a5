//! What one user is told: greeting, product, questions. Nothing else of the user is in a card.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CardError, Language, RawSeller, Seller, Text, WebUrl};

/// As many questions fit on a card.
const QUESTIONS_MAX: usize = 6;

/// A product on a card, as data.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawProduct {
    /// The product's name.
    pub name: String,
    /// Its type.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
    /// Its colour.
    #[serde(default)]
    pub colour: Option<String>,
    /// Its price, with the currency, as it is to be shown.
    #[serde(default)]
    pub price: Option<String>,
    /// The product's page.
    #[serde(default)]
    pub page: Option<String>,
    /// A page with a customer's case.
    #[serde(default)]
    pub case: Option<String>,
}

/// A question that the user is likely to ask, with its answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawQuestion {
    /// The question.
    pub question: String,
    /// The answer.
    pub answer: String,
}

/// What one user is told, as data.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawOffer {
    /// The language of the texts, by BCP 47.
    pub language: String,
    /// The name by which the user is addressed above the greeting.
    #[serde(default)]
    pub display_name: Option<String>,
    /// The finished greeting.
    pub greeting: String,
    /// The product that the greeting is about.
    #[serde(default)]
    pub product: Option<RawProduct>,
    /// Where the product can be bought, once a reply shows that the user wants to.
    #[serde(default)]
    pub purchase: Option<String>,
    /// Questions that the user is likely to ask.
    #[serde(default)]
    pub questions: Vec<RawQuestion>,
}

/// A whole card, as data.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawCard {
    /// Who speaks.
    pub seller: RawSeller,
    /// What is said.
    pub offer: RawOffer,
}

/// A checked product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// The product's name.
    pub name: Text,
    /// Its type.
    pub kind: Option<Text>,
    /// Its colour.
    pub colour: Option<Text>,
    /// Its price.
    pub price: Option<Text>,
    /// The product's page.
    pub page: Option<WebUrl>,
    /// A page with a customer's case.
    pub case: Option<WebUrl>,
}

/// A checked question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The question.
    pub question: Text,
    /// The answer.
    pub answer: Text,
}

/// What one user is told, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The language of the texts.
    pub language: Language,
    /// The name by which the user is addressed.
    pub display_name: Option<Text>,
    /// The greeting.
    pub greeting: Text,
    /// The product.
    pub product: Option<Arc<Product>>,
    /// Where to buy it.
    pub purchase: Option<WebUrl>,
    /// Likely questions.
    pub questions: Arc<[Question]>,
}

/// A checked card: a seller, and what one user is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// Who speaks.
    pub seller: Arc<Seller>,
    /// What is said.
    pub offer: Offer,
}

impl RawProduct {
    /// Checks every part.
    ///
    /// # Errors
    /// [`CardError`] names the field.
    pub fn check(&self) -> Result<Product, CardError> {
        let text = |field: &str, raw: &Option<String>| {
            Text::check_option(format_args!("offer.product.{field}"), raw.as_deref(), 60)
        };
        Ok(Product {
            name: Text::check("offer.product.name", &self.name, 120)?,
            kind: text("type", &self.kind)?,
            colour: text("colour", &self.colour)?,
            price: text("price", &self.price)?,
            page: WebUrl::check_option("offer.product.page", self.page.as_deref())?,
            case: WebUrl::check_option("offer.product.case", self.case.as_deref())?,
        })
    }
}

impl RawOffer {
    /// Checks every part. A blank display name, product detail or link is one that is missing.
    ///
    /// # Errors
    /// [`CardError`] names the field.
    pub fn check(&self) -> Result<Offer, CardError> {
        Ok(Offer {
            language: Language::check("offer.language", &self.language)?,
            display_name: Text::check_option("offer.display_name", self.display_name.as_deref(), 80)?,
            greeting: Text::check("offer.greeting", &self.greeting, 600)?,
            product: self.product.as_ref().map(RawProduct::check).transpose()?.map(Arc::new),
            purchase: WebUrl::check_option("offer.purchase", self.purchase.as_deref())?,
            questions: check_questions(&self.questions)?,
        })
    }
}

impl RawCard {
    /// Checks seller and offer. Where many cards share a seller, check it once with [`RawSeller::check`] and put the
    /// [`Card`]s together from parts.
    ///
    /// # Errors
    /// [`CardError`] names the field.
    pub fn check(&self) -> Result<Card, CardError> {
        Ok(Card { seller: Arc::new(self.seller.check()?), offer: self.offer.check()? })
    }
}

/// Checks the questions of a card; cards may share them.
///
/// # Errors
/// [`CardError`] names the field.
pub fn check_questions(raw: &[RawQuestion]) -> Result<Arc<[Question]>, CardError> {
    if raw.len() > QUESTIONS_MAX {
        return Err(CardError::Questions { limit: QUESTIONS_MAX, found: raw.len() });
    }
    let check = |(at, raw): (usize, &RawQuestion)| {
        Ok(Question {
            question: Text::check(format_args!("offer.questions[{at}].question"), &raw.question, 150)?,
            answer: Text::check(format_args!("offer.questions[{at}].answer"), &raw.answer, 400)?,
        })
    };
    raw.iter().enumerate().map(check).collect()
}
