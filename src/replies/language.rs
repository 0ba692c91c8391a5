//! Which language a reply is in, by the scripts of its letters.

use serde::{Deserialize, Serialize};

/// A language that replies are answered in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Language {
    /// Chinese, by its characters.
    #[serde(rename = "zh")]
    Chinese,
    /// English, by Latin letters.
    #[serde(rename = "en")]
    English,
}

impl Language {
    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chinese => "zh",
            Self::English => "en",
        }
    }
}

/// What the scripts of a text say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Detected {
    /// The language to answer in.
    pub language: Language,
    /// Whether the text decided nothing, so that the default was taken: it has no letters, or most of them are of other
    /// scripts.
    pub fell_back: bool,
}

/// Whether this is a Chinese character.
pub(super) const fn is_chinese(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}' | '〇')
}

const fn is_latin(c: char) -> bool {
    c.is_ascii_alphabetic() || matches!(c, '\u{c0}'..='\u{24f}' | '\u{ff21}'..='\u{ff3a}' | '\u{ff41}'..='\u{ff5a}')
}

/// Letters of a Latin word on average: so many weigh as much as one Chinese character, which is about a word.
const LATIN_A_WORD: usize = 4;

/// The language of a text: that with the larger share of words, Chinese where they are equal. A text without letters,
/// or one in which other scripts have more words than either, falls back to `default`.
pub fn detect(text: &str, default: Language) -> Detected {
    let (mut chinese, mut latin, mut other) = (0, 0, 0);
    for c in text.chars() {
        if is_chinese(c) {
            chinese += LATIN_A_WORD;
        } else if is_latin(c) {
            latin += 1;
        } else if c.is_alphabetic() {
            other += 1;
        }
    }
    let most = chinese.max(latin);
    if most == 0 || other > most {
        return Detected { language: default, fell_back: true };
    }
    let language = if chinese >= latin { Language::Chinese } else { Language::English };
    Detected { language, fell_back: false }
}

#[cfg(test)]
mod tests {
    use super::{Language, detect};

    #[test]
    fn i10_the_language_is_that_of_most_words_and_others_fall_back() {
        for (text, language, fell_back) in [
            ("这个很好", Language::Chinese, false),
            ("Very good, thanks", Language::English, false),
            ("我想买 iPhone", Language::Chinese, false),
            ("my friend 王 says it is good", Language::English, false),
            ("ＧＯＯＤ", Language::English, false),
            ("", Language::Chinese, true),
            ("123 😀!", Language::Chinese, true),
            ("هذا جيد جدا ok", Language::Chinese, true),
            ("очень хорошо", Language::Chinese, true),
        ] {
            let found = detect(text, Language::Chinese);
            assert_eq!((found.language, found.fell_back), (language, fell_back), "{text}");
        }
        assert_eq!(detect("", Language::English).language, Language::English);
    }
}
