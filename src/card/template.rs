//! A checked card as one HTML file.

use askama::Template;
use askama::filters::HtmlSafe;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::json::ScriptJson;
use super::words::{Chosen, Wordings};
use super::{Card, CardError, Colours, Contact, Language, Offer, Seller, WebUrl, Words};

/// A card has at most so many bytes.
pub const CARD_BYTES_MAX: usize = 40 * 1024;

const STYLE: &str = include_str!("card.css");
const SCRIPT: &str = include_str!("card.js");
const SHADER: &str = include_str!("face.glsl");

/// What all cards share: style, script and shader, the policy that allows these and nothing else, and the wordings.
///
/// One template serves any number of threads.
#[derive(Debug, Clone)]
pub struct CardTemplate {
    style: Trusted,
    script: Trusted,
    shader: Trusted,
    policy: String,
    wordings: Wordings,
}

/// A text of this crate, which goes into a page as it is.
#[derive(Debug, Clone)]
struct Trusted(String);

impl std::fmt::Display for Trusted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl HtmlSafe for Trusted {}

#[derive(Template)]
#[template(path = "card.html", config = "src/card/askama.toml", escape = "html")]
struct Page<'a> {
    shared: &'a CardTemplate,
    language: &'a Language,
    foreign: Foreign<'a>,
    words: &'a Words,
    addressed: (&'a str, &'a str),
    seller: &'a Seller,
    contact: &'a Contact,
    colours: &'a Colours,
    offer: &'a Offer,
    links: &'a [Link<'a>],
    data: ScriptJson<'a, Data<'a>>,
}

/// The attributes of an element in the card's own words, where their language is another one than the card's.
struct Foreign<'a>(Option<&'a Language>);

impl std::fmt::Display for Foreign<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            // A language tag has letters, digits and hyphens only.
            Some(language) => write!(f, r#" lang="{}" dir="{}""#, language.as_str(), language.direction()),
            None => Ok(()),
        }
    }
}

impl HtmlSafe for Foreign<'_> {}

/// A button that leads somewhere.
struct Link<'a> {
    url: &'a WebUrl,
    label: &'a str,
    main: bool,
}

/// What the script reads.
#[derive(Serialize)]
struct Data<'a> {
    language: &'a str,
    face: &'a Colours,
    listen: &'a str,
    stop: &'a str,
    share: Shared<'a>,
}

/// What a user passes on: the seller's contact, and nothing of the user's own.
#[derive(Serialize)]
struct Shared<'a> {
    title: &'a str,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
}

impl CardTemplate {
    /// The template with the built-in wordings.
    ///
    /// # Errors
    /// As [`Wordings::built_in`].
    pub fn new() -> Result<Self, CardError> {
        Wordings::built_in().map(Self::with_wordings)
    }

    /// The template with wordings of a job's own.
    pub fn with_wordings(wordings: Wordings) -> Self {
        let style = Trusted(lean(STYLE));
        let script = Trusted(lean(SCRIPT));
        let policy = format!(
            "default-src 'none'; script-src '{}'; style-src '{}'; img-src data:; base-uri 'none'; form-action 'none'",
            hash(&script.0),
            hash(&style.0)
        );
        Self { style, script, shader: Trusted(lean(SHADER)), policy, wordings }
    }

    /// The card as a whole HTML file.
    ///
    /// # Errors
    /// [`CardError::Size`] beyond [`CARD_BYTES_MAX`].
    pub fn render(&self, card: &Card) -> Result<String, CardError> {
        let mut out = String::with_capacity(CARD_BYTES_MAX);
        self.render_into(card, &mut out)?;
        Ok(out)
    }

    /// As [`CardTemplate::render`], into a buffer that is cleared first and can be used again for the next card.
    ///
    /// # Errors
    /// As [`CardTemplate::render`]; the buffer's content is then of no use.
    pub fn render_into(&self, card: &Card, out: &mut String) -> Result<(), CardError> {
        out.clear();
        let Chosen { words, language } = self.wordings.choose(&card.offer.language);
        let foreign = (language.primary() != card.offer.language.primary()).then_some(language);
        let contact = &card.seller.contact;
        let links = links(card, words);
        let data = Data {
            language: card.offer.language.as_str(),
            face: &card.seller.colours,
            listen: &words.listen,
            stop: &words.stop,
            share: shared(contact),
        };
        let page = Page {
            shared: self,
            language: &card.offer.language,
            foreign: Foreign(foreign),
            words,
            addressed: words.addressed.split_once("{name}").unwrap_or_default(),
            seller: &card.seller,
            contact,
            colours: &card.seller.colours,
            offer: &card.offer,
            links: &links,
            data: ScriptJson(&data),
        };
        page.render_into(out).map_err(|error| CardError::Template { message: error.to_string() })?;
        if out.len() > CARD_BYTES_MAX {
            return Err(CardError::Size { limit: CARD_BYTES_MAX, found: out.len() });
        }
        Ok(())
    }
}

/// The buttons, the purchase first; what is missing has none.
fn links<'a>(card: &'a Card, words: &'a Words) -> Vec<Link<'a>> {
    let product = card.offer.product.as_deref();
    let all = [
        (card.offer.purchase.as_ref(), &words.purchase, true),
        (product.and_then(|product| product.page.as_ref()), &words.product_page, card.offer.purchase.is_none()),
        (product.and_then(|product| product.case.as_ref()), &words.case_page, false),
        (card.seller.chat.as_ref(), &words.chat_page, false),
        (card.seller.contact.site.as_ref(), &words.site_page, false),
    ];
    all.into_iter().filter_map(|(url, label, main)| url.map(|url| Link { url, label, main })).collect()
}

fn shared(contact: &Contact) -> Shared<'_> {
    let texts = [&contact.organisation, &contact.title].map(|text| text.as_ref().map(super::Text::as_str));
    let links = [contact.phone.as_ref().map(super::Phone::as_str), contact.email.as_ref().map(super::Email::as_str)];
    let lines = [Some(contact.name.as_str())].into_iter().chain(texts).chain(links);
    Shared {
        title: contact.name.as_str(),
        text: lines.flatten().collect::<Vec<_>>().join("\n"),
        url: contact.site.as_ref().map(WebUrl::as_str),
    }
}

/// A source without its indentation, blank lines and comments that have a line of their own: every card carries it.
fn lean(source: &str) -> String {
    let lines = source.lines().map(str::trim).filter(|line| !line.is_empty() && !is_comment(line));
    lines.flat_map(|line| [line, "\n"]).collect()
}

fn is_comment(line: &str) -> bool {
    line.starts_with("//") || (line.starts_with("/*") && line.ends_with("*/"))
}

fn hash(source: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(source)))
}
