//! From a personality type to a way of speaking (I7).

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::ANY;
use super::greeting::Greetings;
use super::language::Fallback;
use super::words::Words;
use crate::dataset::{DataError, Place, RowRef, Source};

/// Which communication type each personality type wants.
#[derive(Debug)]
pub struct Communication {
    by_kind: HashMap<String, String>,
    default: String,
}

/// How to speak with a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WayOfSpeaking {
    /// The communication type.
    pub communication: String,
    /// The language of the greetings: the user's, its base, or the default.
    pub language: String,
    /// Which of these it is.
    pub fallback: Fallback,
}

impl Communication {
    /// Reads the communication table: `personality`, `communication_type`; the row of `*` is for all other types and for
    /// users of none.
    ///
    /// # Errors
    /// The file cannot be read, a cell is empty, a type stands twice, or there is no row of `*`.
    pub fn load(source: &Source) -> Result<Self, DataError> {
        let words = Words::read(source, Some(&["personality", "communication_type"]))?;
        let mut first: HashMap<String, RowRef> = HashMap::new();
        let mut by_kind = HashMap::new();
        for row in &words.rows {
            let kind = words.needed(row, 0, "a personality type or `*`")?;
            let communication = words.needed(row, 1, "a communication type")?;
            if communication == ANY {
                let at = Place::cell(words.path(), row.0, &words.columns[1]);
                let expected = "a communication type".to_owned();
                return Err(DataError::Value { at, expected, found: ANY.to_owned() });
            }
            if let Some(first) = first.insert(kind.to_owned(), row.0) {
                let at = Place::cell(words.path(), row.0, &words.columns[0]);
                return Err(DataError::Duplicate { at, key: format!("personality `{kind}`"), first });
            }
            by_kind.insert(kind.to_owned(), communication.to_owned());
        }
        let default = by_kind.remove(ANY).ok_or_else(|| DataError::Missing {
            at: Place::column(words.path(), &words.columns[0]),
            expected: "a row of `*`, for all other types".to_owned(),
        })?;
        Ok(Self { by_kind, default })
    }

    /// The communication type for a personality type; an unknown or empty one gets the default.
    pub fn of(&self, kind: &str) -> &str {
        self.by_kind.get(kind).unwrap_or(&self.default)
    }

    /// Whether the table has a row of this personality type.
    pub fn knows(&self, kind: &str) -> bool {
        self.by_kind.contains_key(kind)
    }

    /// All communication types, each once, in alphabetical order.
    pub fn kinds(&self) -> Vec<&str> {
        let mut kinds: Vec<&str> =
            self.by_kind.values().chain(std::iter::once(&self.default)).map(String::as_str).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }

    /// How to speak with a user of this personality type (empty if there is none) and language tag.
    pub fn way(&self, kind: &str, tag: &str, greetings: &Greetings) -> WayOfSpeaking {
        let (language, fallback) = greetings.language(tag);
        WayOfSpeaking { communication: self.of(kind).to_owned(), language: language.to_owned(), fallback }
    }
}

#[cfg(test)]
mod tests {
    use super::super::words::tests::table;
    use super::*;

    #[test]
    fn i7_personality_and_language_make_a_way_of_speaking() {
        let (_folder, source) = table("personality,communication_type\nINTJ,factual\nENFP,playful\n*,warm\n");
        let communication = Communication::load(&source).expect("a table");
        assert_eq!(
            ["INTJ", "ENFP", "ISTP", ""].map(|kind| communication.of(kind)),
            ["factual", "playful", "warm", "warm"]
        );
        assert_eq!(communication.kinds(), ["factual", "playful", "warm"]);
        assert!(communication.knows("INTJ") && !communication.knows("*"));
        let text = "communication_type,product_type,language,text\n*,*,en,a\n*,*,zh,b\n*,*,zh-yue,c\n";
        let (_folder, source) = table(text);
        let greetings = Greetings::load(&source, "en").expect("a table");
        let way = |tag: &str| {
            let way = communication.way("INTJ", tag, &greetings);
            assert_eq!(way.communication, "factual");
            (way.language, way.fallback)
        };
        assert_eq!(way("zh_YUE"), ("zh-yue".to_owned(), Fallback::Exact));
        assert_eq!(way("zh-yue-Hant"), ("zh-yue".to_owned(), Fallback::Base));
        assert_eq!(way("zh-min"), ("zh".to_owned(), Fallback::Base));
        assert_eq!(way("fr"), ("en".to_owned(), Fallback::Default));
        assert_eq!(way(""), ("en".to_owned(), Fallback::Default));
    }

    #[test]
    fn i7_what_is_wrong_with_the_table_names_its_place() {
        let message = |rows: &str| {
            let (_folder, source) = table(&format!("personality,communication_type\n{rows}"));
            Communication::load(&source).map(|_| ()).expect_err("refused").to_string()
        };
        let error = message("INTJ,factual\n");
        assert!(error.contains("words.csv, column `personality`: expected a row of `*`"), "{error}");
        let error = message("*,warm\nINTJ,\n");
        assert!(error.contains("line 3, column `communication_type`: expected a communication type"), "{error}");
        let error = message("*,warm\nINTJ,a\n*,b\n");
        assert!(error.contains("line 4, column `personality`: personality `*` stands already in line 2"), "{error}");
        let error = message("*,*\n");
        assert!(error.contains("line 2, column `communication_type`") && error.contains("found `*`"), "{error}");
    }
}
