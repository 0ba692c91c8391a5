//! The answer table: which text answers a reply.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::RepliesError;
use super::language::Language;
use super::score::Emotion;
use super::table::{Row, Table};
use super::tokens::Tokens;
use super::words::Phrases;

/// What an answer may speak of; a row whose slots are not all there does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Slots<'a> {
    /// The product's name.
    pub product: Option<&'a str>,
    /// Its price, as it is to be read.
    pub price: Option<&'a str>,
    /// Its colour.
    pub colour: Option<&'a str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    Product,
    Price,
    Colour,
}

impl Slot {
    const NAMES: [(&'static str, Self); 3] =
        [("product", Self::Product), ("price", Self::Price), ("colour", Self::Colour)];

    fn of<'a>(self, slots: &Slots<'a>) -> Option<&'a str> {
        match self {
            Self::Product => slots.product,
            Self::Price => slots.price,
            Self::Colour => slots.colour,
        }
    }
}

/// A piece of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Slot(Slot),
}

#[derive(Debug, Clone, PartialEq)]
struct Entry {
    language: Language,
    emotion: Option<Emotion>,
    product_type: Option<String>,
    has_keywords: bool,
    pieces: Vec<Piece>,
}

/// Answers as data: a CSV with the columns `language`, `emotion` (or `*`), `product_type` (or `*`), `keywords` (separated
/// by `|`, or empty) and `text` with the slots `{product}`, `{price}` and `{colour}`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AnswerTable {
    entries: Vec<Entry>,
    /// The entries that each keyword speaks for.
    keywords: Phrases<Vec<usize>>,
}

/// What is known when an answer is looked for.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The reply.
    pub text: &'a str,
    /// The language to answer in.
    pub language: Language,
    /// The language to fall back to.
    pub default: Language,
    /// What the reply sounds like.
    pub emotion: Emotion,
    /// The type of the intended product.
    pub product_type: &'a str,
    /// What the answer may speak of.
    pub slots: Slots<'a>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// What to say.
    pub text: String,
    /// The table's row, from 0.
    pub row: usize,
    /// Whether no row of the reply's own language fitted, so that the default language answers.
    pub fell_back: bool,
}

const COLUMNS: [&str; 5] = ["language", "emotion", "product_type", "keywords", "text"];

impl AnswerTable {
    /// Reads a table.
    ///
    /// # Errors
    /// Names file, line and column.
    pub fn load(path: &Path) -> Result<Self, RepliesError> {
        Self::of(&Table::load(path, COLUMNS)?)
    }

    /// As [`AnswerTable::load`], from bytes; `path` is for errors.
    ///
    /// # Errors
    /// As there.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self, RepliesError> {
        Self::of(&Table::parse(path, bytes, COLUMNS)?)
    }

    fn of(table: &Table<5>) -> Result<Self, RepliesError> {
        let mut answers = Self::default();
        for (number, row) in table.rows().enumerate() {
            let words: Vec<&str> = row.fields[3].split('|').map(str::trim).filter(|word| !word.is_empty()).collect();
            for word in &words {
                let place = answers.keywords.entry(word).ok_or_else(|| {
                    row.error(3, format!("expected words, Chinese characters or emoji between `|`, found `{word}`"))
                })?;
                place.push(number);
            }
            answers.entries.push(Entry {
                language: row.one_of(0, &[Language::Chinese, Language::English].map(|l| (l.name(), l)))?,
                emotion: emotion(&row)?,
                product_type: product_type(&row)?,
                has_keywords: !words.is_empty(),
                pieces: pieces(&row)?,
            });
        }
        Ok(answers)
    }

    /// Its number of rows.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The most specific row that fits: one whose keyword stands in the reply before one without keywords, then one for the
    /// product type before one for all, then one for the emotion before one for all, then the first. Rows of the reply's
    /// language go before those of the default one. `None` if no row fits: the seller has to answer.
    pub fn choose(&self, question: &Question<'_>) -> Option<Answer> {
        let heard = self.heard(question.text);
        let own = self.best(question, question.language, &heard);
        let row = own.or_else(|| self.best(question, question.default, &heard))?;
        let text = fill(&self.entries[row].pieces, &question.slots)?;
        Some(Answer { text, row, fell_back: own.is_none() })
    }

    /// Which rows' keywords stand in the reply.
    fn heard(&self, text: &str) -> Vec<bool> {
        let mut heard = vec![false; self.entries.len()];
        let tokens = Tokens::of(text);
        let mut at = 0;
        while at < tokens.spans().len() {
            let found = self.keywords.at(&tokens, at);
            found.into_iter().flat_map(|(_, rows)| rows).for_each(|&row| heard[row] = true);
            at += found.map_or(1, |(count, _)| count);
        }
        heard
    }

    fn best(&self, question: &Question<'_>, language: Language, heard: &[bool]) -> Option<usize> {
        let rank = |row: usize| {
            let entry = &self.entries[row];
            let fits = entry.language == language
                && entry.emotion.is_none_or(|emotion| emotion == question.emotion)
                && entry.product_type.as_deref().is_none_or(|kind| kind == question.product_type)
                && (!entry.has_keywords || heard[row])
                && entry.pieces.iter().all(|piece| piece.said(&question.slots).is_some());
            fits.then(|| (entry.has_keywords, entry.product_type.is_some(), entry.emotion.is_some()))
        };
        let mut best = None;
        for (row, rank) in (0..self.entries.len()).filter_map(|row| Some((row, rank(row)?))) {
            if best.is_none_or(|(_, other)| rank > other) {
                best = Some((row, rank));
            }
        }
        best.map(|(row, _)| row)
    }
}

fn emotion(row: &Row<'_, 5>) -> Result<Option<Emotion>, RepliesError> {
    let [first, second, third] = Emotion::ALL.map(|emotion| (emotion.name(), Some(emotion)));
    row.one_of(1, &[first, second, third, ("*", None)])
}

fn product_type(row: &Row<'_, 5>) -> Result<Option<String>, RepliesError> {
    match row.fields[2].as_str() {
        "" => Err(row.error(2, "expected a product type, or `*` for all, found nothing")),
        "*" => Ok(None),
        kind => Ok(Some(kind.to_owned())),
    }
}

fn pieces(row: &Row<'_, 5>) -> Result<Vec<Piece>, RepliesError> {
    let (mut pieces, mut rest) = (vec![], row.fields[4].as_str());
    if rest.is_empty() {
        return Err(row.error(4, "expected an answer, found nothing"));
    }
    while let Some(open) = rest.find(['{', '}']) {
        let inside = &rest[open..];
        let slot = inside.strip_prefix('{').and_then(|inside| inside.split_once('}')).and_then(|(name, after)| {
            let slot = Slot::NAMES.iter().find(|(known, _)| *known == name)?;
            Some((slot.1, after))
        });
        let (slot, after) = slot.ok_or_else(|| {
            let found: String = inside.chars().take(20).collect();
            row.error(4, format!("expected the slots {{product}}, {{price}}, {{colour}} alone, found `{found}`"))
        })?;
        pieces.extend([Piece::Text(rest[..open].to_owned()), Piece::Slot(slot)]);
        rest = after;
    }
    pieces.push(Piece::Text(rest.to_owned()));
    Ok(pieces)
}

impl Piece {
    fn said<'a>(&'a self, slots: &Slots<'a>) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Slot(slot) => slot.of(slots),
        }
    }
}

fn fill(pieces: &[Piece], slots: &Slots<'_>) -> Option<String> {
    pieces.iter().map(|piece| piece.said(slots)).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{AnswerTable, Question, Slots};
    use crate::replies::{Emotion, Language};

    const HEAD: &str = "language,emotion,product_type,keywords,text\n";

    fn table(rows: &str) -> Result<AnswerTable, String> {
        AnswerTable::parse(Path::new("answers.csv"), format!("{HEAD}{rows}").as_bytes()).map_err(|e| e.to_string())
    }

    const fn question(text: &str) -> Question<'_> {
        let slots = Slots { product: Some("the <lamp>"), price: Some("9 {product}"), colour: None };
        let (language, default) = (Language::English, Language::Chinese);
        Question { text, language, default, emotion: Emotion::Calm, product_type: "lamps", slots }
    }

    #[test]
    fn i12_the_most_specific_row_that_fits_answers() {
        let table = table(
            "en,*,*,,general\nen,calm,*,,calm\nen,*,lamps,,lamps\nen,calm,lamps,,calm lamps\n\
             en,*,*,how much|price,{product} is {price}.\nen,calm,*,price,calm price\nen,*,chairs,price,chairs\n\
             en,*,*,colour,It is {colour}.\nen,*,lamps,,again\n",
        )
        .expect("a table");
        let ask = |question: &Question<'_>| table.choose(question).map(|answer| answer.text);
        assert_eq!(ask(&question("hello")).as_deref(), Some("calm lamps"));
        let excited = Question { emotion: Emotion::Excited, ..question("hello") };
        assert_eq!(ask(&excited).as_deref(), Some("lamps"), "the first of two equal rows");
        assert_eq!(ask(&Question { product_type: "beds", ..question("hello") }).as_deref(), Some("calm"));
        assert_eq!(ask(&Question { product_type: "beds", ..excited }).as_deref(), Some("general"));
        assert_eq!(ask(&question("what PRICE?")).as_deref(), Some("calm price"));
        let much = ask(&Question { text: "How much is it", ..excited });
        assert_eq!(much.as_deref(), Some("the <lamp> is 9 {product}."), "a slot's value is said as it is");
        assert_eq!(ask(&question("How... much")).as_deref(), Some("calm lamps"), "keywords do not cross clauses");
        assert_eq!(ask(&question("the prices")).as_deref(), Some("calm lamps"), "whole words alone");
        assert_eq!(
            ask(&question("which colour")).as_deref(),
            Some("calm lamps"),
            "without its slot a row does not fit"
        );
    }

    #[test]
    fn i12_without_a_row_the_default_language_answers_and_without_that_nobody() {
        let table = table("zh,*,*,价格|多少钱,{product}卖{price}\nen,excited,*,,Great!\n").expect("a table");
        assert_eq!(table.choose(&question("hello")), None);
        let answer = table.choose(&question("hello 多少钱")).expect("an answer");
        assert_eq!((answer.text.as_str(), answer.row, answer.fell_back), ("the <lamp>卖9 {product}", 0, true));
        let answer = table.choose(&Question { emotion: Emotion::Excited, ..question("价格") }).expect("an answer");
        assert_eq!((answer.text.as_str(), answer.fell_back), ("Great!", false));
        let answer = table.choose(&Question { language: Language::Chinese, ..question("价格呢") }).expect("an answer");
        assert!(!answer.fell_back);
    }

    #[test]
    fn i12_mistakes_in_the_answer_table_are_named_by_file_line_and_column() {
        for (rows, words) in [
            ("en,*,*,,Yes\nxx,*,*,,Yes\n", "answers.csv, line 3, column `language`: expected `zh`, `en`, found `xx`"),
            (
                "en,angry,*,,Yes\n",
                "line 2, column `emotion`: expected `dissatisfied`, `calm`, `excited`, `*`, found `angry`",
            ),
            ("en,*,,,Yes\n", "line 2, column `product_type`: expected a product type"),
            ("en,*,*,a|?,Yes\n", "line 2, column `keywords`: expected words, Chinese characters or emoji"),
            ("en,*,*,,\n", "line 2, column `text`: expected an answer, found nothing"),
            (
                "en,*,*,,It costs {cost}\n",
                "line 2, column `text`: expected the slots {product}, {price}, {colour} alone, found `{cost}`",
            ),
            ("en,*,*,,Open {product\n", "found `{product`"),
            ("en,*,*,,Closed }\n", "found `}`"),
            ("en,*,*,\"a\nb\",Yes\nen,*,*\n", "line 4, column `keywords`: expected 5 fields, found 3"),
        ] {
            let error = table(rows).expect_err(rows);
            assert!(error.contains(words), "{error}");
        }
    }
}
