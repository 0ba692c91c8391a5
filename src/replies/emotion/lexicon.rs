//! A lexicon of words with valences, and what it says of a text.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::replies::RepliesError;

/// Words in front of a listed one in which a negator or a word of degree changes it.
const REACH: usize = 3;

/// A negated valence keeps this share, on the other side: "not terrible" is no praise.
const NEGATED: f32 = -0.74;

/// Valences before and behind a "but".
const BUT: [f32; 2] = [0.5, 1.5];

/// The sum of valences at which their balance is about two thirds.
const HALF_SUM: f32 = 4.0;

const NEGATORS: [&str; 10] = ["not", "no", "never", "none", "cannot", "nothing", "without", "hardly", "neither", "nor"];

const DEGREES: [(&str, f32); 12] = [
    ("very", 0.3),
    ("really", 0.3),
    ("extremely", 0.4),
    ("so", 0.25),
    ("too", 0.2),
    ("highly", 0.3),
    ("absolutely", 0.3),
    ("totally", 0.3),
    ("somewhat", -0.3),
    ("slightly", -0.3),
    ("little", -0.2),
    ("bit", -0.2),
];

/// Valences of words: above 0 pleasant, below 0 unpleasant.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lexicon {
    valences: BTreeMap<String, f32>,
}

impl Lexicon {
    /// Reads a lexicon: a word and its valence a line, with a tab between them; what follows a second tab is not read.
    ///
    /// # Errors
    /// Names file, line and column.
    pub fn load(path: &Path) -> Result<Self, RepliesError> {
        let bytes = std::fs::read(path).map_err(|source| RepliesError::Read { path: path.to_owned(), source })?;
        Self::parse(path, &bytes)
    }

    /// As [`Lexicon::load`], from bytes; `path` is for errors.
    ///
    /// # Errors
    /// As there.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self, RepliesError> {
        let mut valences = BTreeMap::new();
        for (number, line) in bytes.split(|&b| b == b'\n').enumerate().filter(|(_, line)| !line.is_empty()) {
            let wrong = |column: &str, reason: String| RepliesError::table(path, number as u64 + 1, column, reason);
            let line = std::str::from_utf8(line).map_err(|e| wrong("word", format!("expected UTF-8, found {e}")))?;
            let mut fields = line.trim_end_matches('\r').split('\t');
            let (word, valence) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
            if word.is_empty() {
                return Err(wrong("word", "expected a word, found nothing".to_owned()));
            }
            let valence =
                valence.parse::<f32>().ok().filter(|v| v.is_finite() && v.abs() <= 100.0).ok_or_else(|| {
                    wrong("valence", format!("expected a tab and a number from -100 to 100, found `{valence}`"))
                })?;
            valences.insert(word.to_lowercase(), valence);
        }
        Ok(Self { valences })
    }

    /// The steps that a text's scores reach: of the balance of its valences, their sums on either side, its length. Each
    /// is a token, so that a sum over tokens can follow any course of a score.
    pub(super) fn steps(&self, words: &[String]) -> Vec<String> {
        let [balance, above, below] = self.scores(words);
        let mut steps = vec![];
        let mut reach = |name: char, value: f32, cuts: &[f32]| {
            steps.extend(cuts.iter().take_while(|cut| value > **cut).map(|cut| format!("\u{1}{name}{cut}")));
        };
        let balances: Vec<f32> = (-9..=9).map(|i| i as f32 / 10.0).collect();
        reach('b', balance, &balances);
        let sums = [0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0];
        reach('a', above, &sums);
        reach('u', below, &sums);
        reach('n', words.len() as f32, &[4.0, 8.0, 12.0, 16.0, 20.0, 25.0, 30.0, 40.0]);
        steps
    }

    /// The balance from -1 to 1, and the sums of valences above and below 0.
    fn scores(&self, words: &[String]) -> [f32; 3] {
        let mut valences = vec![];
        let mut but = None;
        for (i, word) in words.iter().enumerate() {
            if word == "but" || word == "however" {
                but = Some(valences.len());
            }
            // A negator's own valence would count twice.
            if let Some(&valence) = self.valences.get(word).filter(|_| !is_negator(word)) {
                valences.push(changed(valence, &words[i.saturating_sub(REACH)..i]));
            }
        }
        if let Some(but) = but {
            let (before, behind) = valences.split_at_mut(but);
            before.iter_mut().for_each(|v| *v *= BUT[0]);
            behind.iter_mut().for_each(|v| *v *= BUT[1]);
        }
        let above: f32 = valences.iter().filter(|v| **v > 0.0).sum();
        let below: f32 = -valences.iter().filter(|v| **v < 0.0).sum::<f32>();
        let marks = words.iter().filter(|word| *word == "!").count().min(3) as f32;
        let sum = above - below;
        let sum = if sum == 0.0 { 0.0 } else { sum + 0.25 * marks * sum.signum() };
        [sum / (sum * sum + HALF_SUM * HALF_SUM).sqrt(), above, below]
    }
}

fn is_negator(word: &str) -> bool {
    NEGATORS.contains(&word) || word.ends_with("n't")
}

fn changed(valence: f32, before: &[String]) -> f32 {
    let degree = |word: &String| DEGREES.iter().find(|(name, _)| name == word).map_or(0.0, |(_, degree)| *degree);
    let valence = valence + valence.signum() * before.iter().map(degree).sum::<f32>();
    let odd = before.iter().filter(|word| is_negator(word)).count() % 2 == 1;
    if odd { valence * NEGATED } else { valence }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Lexicon;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn i10_a_lexicon_knows_degrees_negators_and_but() {
        let lexicon = Lexicon::parse(Path::new("l.txt"), b"Good\t2.0\t0.5\r\nbad\t-1.5\nno\t-1\n").expect("a lexicon");
        let sums = |text: &str| lexicon.scores(&words(text))[1..].to_vec();
        assert_eq!(sums("good"), [2.0, 0.0]);
        assert_eq!(sums("very good"), [2.3, 0.0]);
        assert_eq!(sums("isn't bad"), [1.5 * 0.74, 0.0]);
        assert_eq!(sums("no good"), [0.0, 2.0 * 0.74], "a negator is no valence of its own");
        assert_eq!(sums("good but bad"), [1.0, 1.5 * 1.5]);
        let [balance, ..] = lexicon.scores(&words("good !"));
        assert!((balance - 2.25 / (2.25_f32 * 2.25 + 16.0).sqrt()).abs() < 1e-6);
        let steps = lexicon.steps(&words("good"));
        assert!(steps.contains(&"\u{1}a1.5".to_owned()) && !steps.contains(&"\u{1}a2".to_owned()), "{steps:?}");
        assert_eq!(lexicon.scores(&[]), [0.0; 3]);
    }

    #[test]
    fn i10_mistakes_in_a_lexicon_are_named_by_file_line_and_column() {
        for (text, expected) in [
            (
                &b"good\t2\nbad"[..],
                "l.txt, line 2, column `valence`: expected a tab and a number from -100 to 100, found ``",
            ),
            (
                b"good\ttwo\n",
                "l.txt, line 1, column `valence`: expected a tab and a number from -100 to 100, found `two`",
            ),
            (b"\t2\n", "l.txt, line 1, column `word`: expected a word, found nothing"),
            (b"a\t1\n\xff\t2\n", "l.txt, line 2, column `word`: expected UTF-8"),
        ] {
            let error = Lexicon::parse(Path::new("l.txt"), text).expect_err("a mistake").to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
