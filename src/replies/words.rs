//! Word lists as data, and where their words stand in a reply.

use std::collections::HashMap;
use std::path::Path;

use super::RepliesError;
use super::table::Table;
use super::tokens::Tokens;

/// Tokens that an entry may have.
const ENTRY_MAX: usize = 16;

/// Tokens in front of a word, within its clause, in which a negator turns it.
const REACH: usize = 3;

/// What a word is a sign of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum List {
    /// Joy, keen interest.
    Excited,
    /// Contentment, neutrality.
    Calm,
    /// Anger, disappointment.
    Dissatisfied,
    /// Agreement.
    Affirming,
    /// Refusal.
    Negating,
    /// The wish to buy.
    Purchase,
    /// Turns the words that follow.
    Negator,
}

impl List {
    /// How many there are.
    pub const COUNT: usize = 7;

    const NAMES: [(&'static str, Self); Self::COUNT] = [
        ("excited", Self::Excited),
        ("calm", Self::Calm),
        ("dissatisfied", Self::Dissatisfied),
        ("affirming", Self::Affirming),
        ("negating", Self::Negating),
        ("purchase", Self::Purchase),
        ("negator", Self::Negator),
    ];
}

/// Phrases of tokens, each with a value: the longest one counts at each place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Phrases<V> {
    values: HashMap<Box<str>, V>,
    /// The most tokens of a phrase that begins with this token.
    longest: HashMap<Box<str>, usize>,
}

impl<V> Default for Phrases<V> {
    fn default() -> Self {
        Self { values: HashMap::new(), longest: HashMap::new() }
    }
}

impl<V: Default> Phrases<V> {
    /// The value of a phrase, which is added if it is new; none if it has no token or too many.
    pub(super) fn entry(&mut self, phrase: &str) -> Option<&mut V> {
        let tokens = Tokens::of(phrase);
        let count = tokens.spans().len();
        if count == 0 || count > ENTRY_MAX {
            return None;
        }
        let longest = self.longest.entry(tokens.text(0).into()).or_insert(0);
        *longest = count.max(*longest);
        Some(self.values.entry(tokens.into_key().into_boxed_str()).or_default())
    }

    /// The longest phrase that begins at a token: how many tokens it has, and its value. No phrase crosses the beginning
    /// of a clause.
    pub(super) fn at(&self, tokens: &Tokens, from: usize) -> Option<(usize, &V)> {
        let longest = *self.longest.get(tokens.text(from))?;
        let end = tokens.spans().len().min(from + longest);
        let end = (from + 1..end).find(|&i| tokens.spans()[i].clause).unwrap_or(end);
        (from + 1..=end).rev().find_map(|to| self.values.get(tokens.key(from, to)).map(|value| (to - from, value)))
    }
}

/// The weights of a word on each list; 0 where it is on none.
type Weights = [f64; List::COUNT];

/// All lists of all languages: the tokens of two languages never are the same.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WordLists {
    phrases: Phrases<Weights>,
}

/// A word of a reply: a listed one, or a token between them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    /// Its weights on the lists; all 0 if it is on none, or if it only turns another word.
    pub weights: Weights,
    /// Whether an odd number of negators stands in front.
    pub negated: bool,
    /// Its characters.
    pub characters: usize,
}

impl Found {
    /// Its weight on a list.
    pub const fn on(&self, list: List) -> f64 {
        self.weights[list as usize]
    }

    fn is_listed(&self) -> bool {
        self.weights.iter().enumerate().any(|(list, &weight)| list != List::Negator as usize && weight > 0.0)
    }
}

impl WordLists {
    /// Reads lists from a CSV with the columns `language`, `list`, `word` and `weight` (1 where it is empty).
    ///
    /// # Errors
    /// Names file, line and column.
    pub fn load(path: &Path) -> Result<Self, RepliesError> {
        Self::of(&Table::load(path, COLUMNS)?)
    }

    /// As [`WordLists::load`], from bytes; `path` is for errors.
    ///
    /// # Errors
    /// As there.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self, RepliesError> {
        Self::of(&Table::parse(path, bytes, COLUMNS)?)
    }

    fn of(table: &Table<4>) -> Result<Self, RepliesError> {
        let mut lists = Self::default();
        for row in table.rows() {
            row.one_of(0, &[("zh", ()), ("en", ()), ("any", ())])?;
            let list = row.one_of(1, &List::NAMES)?;
            let weight = if row.fields[3].is_empty() { Ok(1.0) } else { row.fields[3].parse::<f64>() };
            let weight = weight.ok().filter(|w| w.is_finite() && *w > 0.0).ok_or_else(|| {
                row.error(3, format!("expected a number above 0, or nothing for 1, found `{}`", row.fields[3]))
            })?;
            let word = &row.fields[2];
            let place = lists.phrases.entry(word).ok_or_else(|| {
                row.error(2, format!("expected 1 to {ENTRY_MAX} words, Chinese characters or emoji, found `{word}`"))
            })?;
            if place[list as usize] > 0.0 {
                return Err(row.error(2, format!("expected each word once a list, found `{word}` again")));
            }
            place[list as usize] = weight;
        }
        Ok(lists)
    }

    /// The words of a reply, from left to right: at each place the longest listed one, else one token. A negator that
    /// turns a listed word has done its part: it is left as a word without weights.
    pub fn find(&self, tokens: &Tokens) -> Vec<Found> {
        let mut found: Vec<Found> = vec![];
        // Where the words of the present clause begin, and up to where negators are used.
        let (mut clause, mut at) = (0, 0);
        while at < tokens.spans().len() {
            if tokens.spans()[at].clause {
                clause = found.len();
            }
            let (count, weights) = self.phrases.at(tokens, at).map_or((1, Weights::default()), |(n, w)| (n, *w));
            let characters = tokens.spans()[at..at + count].iter().map(|span| span.characters).sum();
            let mut word = Found { weights, negated: false, characters };
            if word.is_listed() && word.on(List::Negator) == 0.0 {
                let first = clause.max(found.len().saturating_sub(REACH));
                word.negated = turn(&mut found[first..]);
            }
            found.push(word);
            at += count;
        }
        found
    }
}

/// Whether an odd number of these words are negators; they lose their weights.
fn turn(words: &mut [Found]) -> bool {
    let mut odd = false;
    for word in words.iter_mut().filter(|w| w.on(List::Negator) > 0.0) {
        word.weights = Weights::default();
        odd = !odd;
    }
    odd
}

const COLUMNS: [&str; 4] = ["language", "list", "word", "weight"];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{List, WordLists};
    use crate::replies::Tokens;

    const HEAD: &str = "language,list,word,weight\n";

    fn lists(rows: &str) -> Result<WordLists, String> {
        WordLists::parse(Path::new("words.csv"), format!("{HEAD}{rows}").as_bytes()).map_err(|e| e.to_string())
    }

    #[test]
    fn i10_the_longest_listed_word_counts_and_negators_turn_what_follows_in_their_clause() {
        let lists = lists("zh,affirming,好,\nzh,negating,不好意思,2\nzh,negator,不,\nen,affirming,good,\nen,negator,not,\nen,negator,never,\n")
            .expect("lists");
        let find = |text: &str| -> Vec<(f64, f64, bool)> {
            let all = lists.find(&Tokens::of(text)).into_iter();
            let listed = all.filter(|f| f.on(List::Affirming) + f.on(List::Negating) > 0.0);
            listed.map(|f| (f.on(List::Affirming), f.on(List::Negating), f.negated)).collect()
        };
        assert_eq!(find("好"), [(1.0, 0.0, false)]);
        assert_eq!(find("不好"), [(1.0, 0.0, true)]);
        assert_eq!(find("不太好，好"), [(1.0, 0.0, true), (1.0, 0.0, false)]);
        assert_eq!(find("不好意思"), [(0.0, 2.0, false)]);
        assert_eq!(find("not very good"), [(1.0, 0.0, true)]);
        assert_eq!(find("not, good"), [(1.0, 0.0, false)]);
        assert_eq!(find("not as you say it is good"), [(1.0, 0.0, false)], "out of reach");
        assert_eq!(find("never not good"), [(1.0, 0.0, false)], "twice is not at all");
        assert_eq!(find("not good good"), [(1.0, 0.0, true), (1.0, 0.0, false)], "a negator turns one word");
        assert_eq!(find("goodness"), []);
    }

    #[test]
    fn i10_mistakes_in_word_lists_are_named_by_file_line_and_column() {
        for (rows, words) in [
            (
                "en,affirming,good,\nfr,affirming,bon,\n",
                "words.csv, line 3, column `language`: expected `zh`, `en`, `any`, found `fr`",
            ),
            ("en,affirmng,good,\n", "line 2, column `list`: expected `excited`"),
            ("en,affirming,...,\n", "line 2, column `word`: expected 1 to 16"),
            (
                "en,affirming,good,-1\n",
                "line 2, column `weight`: expected a number above 0, or nothing for 1, found `-1`",
            ),
            ("en,affirming,good,NaN\n", "column `weight`"),
            ("en,affirming,Good,\nen,affirming,good,\n", "line 3, column `word`: expected each word once a list"),
            ("en,affirming,good\n", "line 2, column `weight`: expected 4 fields, found 3"),
        ] {
            let error = lists(rows).expect_err(rows);
            assert!(error.contains(words), "{error}");
        }
        let error = WordLists::parse(Path::new("w.csv"), b"language,list,word\n").expect_err("a column").to_string();
        assert_eq!(
            error,
            "w.csv, line 1, column `weight`: expected this column, found the columns language, list, word"
        );
        let error =
            WordLists::parse(Path::new("w.csv"), b"language,list,word,weight\nen,calm,\xff,\n").expect_err("bytes");
        assert!(error.to_string().starts_with("w.csv, line 2"), "{error}");
        let error = WordLists::load(Path::new("/nowhere/w.csv")).expect_err("no file").to_string();
        assert!(error.starts_with("cannot read /nowhere/w.csv"), "{error}");
    }
}
