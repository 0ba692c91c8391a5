//! The wording of a card's own parts, by language: data, with Chinese and English built in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{CardError, Language};

const BUILT_IN: &str = include_str!("words.toml");
/// The language of a card's own parts where its own has no table.
const FALL_BACK: &str = "en";
const WORD_BYTES_MAX: usize = 300;

/// What stands on buttons, headings and labels.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each field is the wording of the part that it names; words.toml shows them")]
pub struct Words {
    /// Who is addressed, with `{name}` in it.
    pub addressed: String,
    pub portrait: String,
    pub listen: String,
    pub stop: String,
    pub mute: String,
    pub share: String,
    pub share_title: String,
    pub greeting: String,
    pub product: String,
    pub kind: String,
    pub colour: String,
    pub price: String,
    pub product_page: String,
    pub case_page: String,
    pub chat_page: String,
    pub site_page: String,
    pub purchase: String,
    pub links: String,
    pub questions: String,
    pub contact: String,
    pub phone: String,
    pub email: String,
    pub site: String,
    pub address: String,
    pub save: String,
    pub save_4: String,
    pub qr_contact: String,
    pub qr_site: String,
    pub qr_hint: String,
    pub note: String,
}

/// The wordings of all languages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wordings {
    /// Keyed by tag.
    words: BTreeMap<String, (Language, Words)>,
    alias: BTreeMap<String, String>,
    english: (Language, Words),
}

/// The words for one card, and whose they are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chosen<'a> {
    pub words: &'a Words,
    /// The language of the words, which may be another one than the card's.
    pub language: &'a Language,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    words: BTreeMap<String, Words>,
    #[serde(default)]
    alias: BTreeMap<String, String>,
}

impl Wordings {
    /// Chinese and English.
    ///
    /// # Errors
    /// [`CardError::Wordings`] if the built-in file were broken; a test reads it.
    pub fn built_in() -> Result<Self, CardError> {
        let file = read(BUILT_IN)?;
        let english =
            file.words.get(FALL_BACK).cloned().ok_or_else(|| fault(format!("expected a table `{FALL_BACK}`")))?;
        let english = (Language::check("wordings", FALL_BACK)?, english);
        Self { words: BTreeMap::new(), alias: BTreeMap::new(), english }.with(file)
    }

    /// These wordings with those of a TOML text, in the form of `words.toml`, which replace tables of the same language.
    ///
    /// # Errors
    /// [`CardError::Wordings`] for a text that is no such table, a word that is missing, blank or over 300 bytes, an
    /// `addressed` without its `{name}`, an alias of a language that has no table.
    pub fn and(self, toml: &str) -> Result<Self, CardError> {
        self.with(read(toml)?)
    }

    fn with(mut self, file: File) -> Result<Self, CardError> {
        for (tag, words) in file.words {
            let language = Language::check("wordings", &tag)?;
            check_words(&tag, &words)?;
            if language.as_str() == FALL_BACK {
                self.english.1 = words.clone();
            }
            self.words.insert(language.as_str().to_owned(), (language, words));
        }
        self.alias.extend(file.alias);
        match self.alias.iter().find(|(_, target)| !self.words.contains_key(*target)) {
            Some((tag, target)) => {
                Err(fault(format!("alias.{tag}: expected a language with a table, found `{target}`")))
            }
            None => Ok(self),
        }
    }

    /// The words for `language`: by its whole tag, by its primary language, by an alias, or the English ones.
    pub(super) fn choose(&self, language: &Language) -> Chosen<'_> {
        let primary = language.primary();
        let alias = self.alias.get(language.as_str()).or_else(|| self.alias.get(primary));
        let tags = [Some(language.as_str()), Some(primary), alias.map(String::as_str)];
        let found = tags.into_iter().flatten().find_map(|tag| self.words.get(tag));
        let (language, words) = found.unwrap_or(&self.english);
        Chosen { words, language }
    }
}

fn read(toml: &str) -> Result<File, CardError> {
    toml::from_str(toml).map_err(|error| fault(error.to_string().trim_end().to_owned()))
}

fn fault(message: String) -> CardError {
    CardError::Wordings { message }
}

fn check_words(tag: &str, words: &Words) -> Result<(), CardError> {
    if words.addressed.matches("{name}").count() != 1 {
        let found = &words.addressed;
        return Err(fault(format!("words.{tag}.addressed: expected `{{name}}` in it once, found `{found}`")));
    }
    let all = serde_json::to_value(words).map_err(|error| fault(error.to_string()))?;
    for (key, word) in all.as_object().into_iter().flatten() {
        let word = word.as_str().unwrap_or_default();
        if word.trim().is_empty() || word.len() > WORD_BYTES_MAX {
            let found = word.len();
            return Err(fault(format!("words.{tag}.{key}: expected 1 to {WORD_BYTES_MAX} bytes, found {found}")));
        }
    }
    Ok(())
}
