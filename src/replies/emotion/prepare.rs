//! From texts to rows of whole numbers.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::lexicon::Lexicon;
use super::linear::SparseRow;

/// Units of a text that are read: the first ones.
const UNITS_MAX: usize = 4096;

/// A step of a lexicon score in a row of the linear model; an n-gram counts about one over the root of their number.
const STEP: f32 = 0.3;

/// What n-grams are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Characters other than white space, for Chinese.
    Characters,
    /// Words, and each other character that is not white space.
    Words,
}

/// Which n-grams there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Grams {
    /// What they are made of.
    pub unit: Unit,
    /// The most units of an n-gram.
    #[serde(default = "two")]
    pub longest: usize,
    /// Texts that an n-gram must be in.
    #[serde(default = "two")]
    pub texts_min: usize,
}

const fn two() -> usize {
    2
}

/// Units of a text in lower case.
fn units(text: &str, unit: Unit) -> Vec<String> {
    let mut units: Vec<String> = vec![];
    let mut inside = false;
    for c in text.chars() {
        let word = unit == Unit::Words && (c.is_alphanumeric() || matches!(c, '\'' | '\u{2019}'));
        let c = if c == '\u{2019}' { '\'' } else { c };
        if c.is_whitespace() || c.is_control() {
            inside = false;
            continue;
        }
        let full = units.len() == UNITS_MAX;
        match units.last_mut().filter(|_| word && inside) {
            Some(last) => last.extend(c.to_lowercase()),
            None if full => break,
            None => units.push(c.to_lowercase().collect()),
        }
        inside = word;
    }
    units
}

impl Grams {
    /// The different n-grams of a text with the steps of its lexicon scores, in the order in which they begin.
    fn of(self, text: &str, lexicon: Option<&Lexicon>) -> Vec<String> {
        let units = units(text, self.unit);
        let mut grams = lexicon.map(|lexicon| lexicon.steps(&units)).unwrap_or_default();
        for i in 0..units.len() {
            let longest = self.longest.min(units.len() - i);
            grams.extend((1..=longest).map(|n| units[i..i + n].join("\u{1f}")));
        }
        let mut seen = std::collections::HashSet::new();
        grams.retain(|gram| seen.insert(gram.clone()));
        grams
    }
}

/// How texts become rows: fitted on training texts, saved with the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextPreparation {
    grams: Grams,
    /// Positions of a row.
    length: usize,
    lexicon: Option<Lexicon>,
    /// The n-grams, the most telling first; the number of a gram is its place, from 1.
    vocabulary: Vec<String>,
    #[serde(skip)]
    numbers: HashMap<String, u32>,
    /// Steps of lexicon scores in the vocabulary.
    #[serde(skip)]
    steps: usize,
}

/// An n-gram of the training texts and what it counts in the linear model.
pub(super) struct Known {
    gram: String,
    texts: usize,
    pub(super) value: f32,
}

/// What the training texts hold.
pub(super) struct Corpus {
    pub(super) known: Vec<Known>,
    /// Numbers in `known` of each text's n-grams.
    texts: Vec<Vec<u32>>,
}

impl Corpus {
    /// The n-grams of training texts that are in enough of them, in the order in which they come.
    pub(super) fn of(texts: &[&str], grams: Grams, lexicon: Option<&Lexicon>) -> Self {
        use rayon::prelude::*;
        let all: Vec<Vec<String>> = texts.par_iter().map(|text| grams.of(text, lexicon)).collect();
        let mut counts: HashMap<&str, usize> = HashMap::new();
        all.iter().flatten().for_each(|gram| *counts.entry(gram).or_insert(0) += 1);
        let (mut known, mut numbers): (Vec<Known>, HashMap<&str, u32>) = (vec![], HashMap::new());
        for gram in all.iter().flatten() {
            let count = counts[gram.as_str()];
            if count >= grams.texts_min && !numbers.contains_key(gram.as_str()) {
                numbers.insert(gram.as_str(), known.len() as u32);
                known.push(Known { gram: gram.clone(), texts: count, value: rarity(count, texts.len()) });
            }
        }
        let number = |gram: &String| numbers.get(gram.as_str()).copied();
        let texts: Vec<Vec<u32>> = all.iter().map(|grams| grams.iter().filter_map(number).collect()).collect();
        // The words of a text come to a vector of length 1, in the mean over the texts.
        let square = |text: &Vec<u32>| {
            let words = text.iter().map(|&j| &known[j as usize]).filter(|k| !is_step(&k.gram));
            let (sum, count) =
                words.fold((0.0_f64, 0), |(sum, count), k| (sum + f64::from(k.value).powi(2), count + 1));
            (count > 0).then(|| sum / f64::from(count))
        };
        let squares: Vec<f64> = texts.iter().filter_map(square).collect();
        let usual = (squares.iter().sum::<f64>() / squares.len().max(1) as f64).sqrt().max(f64::MIN_POSITIVE) as f32;
        for k in &mut known {
            k.value = if is_step(&k.gram) { STEP } else { k.value / usual };
        }
        Self { known, texts }
    }

    /// Rows of the linear model: rarities over the root of the text's number of n-grams.
    pub(super) fn rows(&self) -> Vec<SparseRow> {
        let row = |text: &Vec<u32>| {
            let known = |j: u32| &self.known[j as usize];
            let words = text.iter().filter(|&&j| !is_step(&known(j).gram)).count();
            let scale = 1.0 / (words.max(1) as f32).sqrt();
            let one = |&j: &u32| (j, known(j).value * if is_step(&known(j).gram) { 1.0 } else { scale });
            text.iter().map(one).collect()
        };
        self.texts.iter().map(row).collect()
    }
}

/// Whether a token is a step of a lexicon score, not an n-gram of the text.
fn is_step(gram: &str) -> bool {
    gram.starts_with('\u{1}')
}

/// How much rarer than always it is.
fn rarity(texts: usize, all: usize) -> f32 {
    (1.0 - (texts as f64 / all as f64).ln()) as f32
}

impl TextPreparation {
    /// Keeps the `most` n-grams that tell most by a linear model's coefficients, [known, classes]; gives the rarities of
    /// those in the order of their numbers.
    pub(super) fn new(
        grams: Grams,
        length: usize,
        lexicon: Option<Lexicon>,
        corpus: &Corpus,
        coefficients: &[f32],
        most: usize,
    ) -> (Self, Vec<f32>) {
        let classes = coefficients.len() / corpus.known.len().max(1);
        let own = |j: usize| &coefficients[j * classes..(j + 1) * classes];
        let telling = |j: usize| {
            let known = &corpus.known[j];
            let largest = own(j).iter().fold(0.0_f32, |most, w| most.max(w.abs()));
            largest * known.value * (known.texts as f32).sqrt()
        };
        let mut order: Vec<(f32, usize)> = (0..corpus.known.len()).map(|j| (telling(j), j)).collect();
        order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        order.truncate(most);
        let vocabulary = order.iter().map(|&(_, j)| corpus.known[j].gram.clone()).collect();
        // A step stands once in a row, so that it counts one over the root of the positions.
        let value = |known: &Known| known.value * if is_step(&known.gram) { (length as f32).sqrt() } else { 1.0 };
        let rarities = order.iter().map(|&(_, j)| value(&corpus.known[j])).collect();
        (Self { grams, length, lexicon, vocabulary, numbers: HashMap::new(), steps: 0 }.indexed(), rarities)
    }

    /// Fills the look-up table, which is not saved.
    pub(super) fn indexed(mut self) -> Self {
        self.steps = self.vocabulary.iter().filter(|gram| is_step(gram)).count();
        self.numbers = self.vocabulary.iter().zip(1..).map(|(gram, number)| (gram.clone(), number)).collect();
        self
    }

    /// Different numbers in rows: 0 for nothing, then one an n-gram.
    pub fn numbers(&self) -> usize {
        self.vocabulary.len() + 1
    }

    /// Positions of a row.
    pub const fn length(&self) -> usize {
        self.length
    }

    /// Steps of lexicon scores that a row has places for, beside the n-grams.
    pub(super) const fn steps(&self) -> usize {
        self.steps
    }

    /// A text's row: its n-grams, then the steps of its lexicon scores, once each. Of more known n-grams than there are
    /// positions the most telling stay, in their order. Fewer are repeated, all as evenly as whole numbers allow, until
    /// they fill the root of their number times the positions: the mean over all positions then has the scale of a vector
    /// of length 1, however long the text is. The other positions hold 0.
    pub fn row(&self, text: &str) -> Vec<f32> {
        let grams = self.grams.of(text, self.lexicon.as_ref());
        let numbers = |steps: bool| {
            let of_kind = grams.iter().filter(move |gram| is_step(gram) == steps);
            of_kind.filter_map(|gram| self.numbers.get(gram).copied())
        };
        let places = self.length.saturating_sub(self.steps);
        let mut known: Vec<u32> = numbers(false).collect();
        if known.len() > places {
            let mut sorted = known.clone();
            sorted.sort_unstable();
            // Numbers are different, and the smaller the more telling.
            sorted.truncate(places);
            known.retain(|number| sorted.binary_search(number).is_ok());
        }
        let filled = ((known.len() * places) as f64).sqrt().round() as usize;
        let mut row = vec![0.0; self.length];
        row.iter_mut().take(filled).enumerate().for_each(|(p, to)| *to = known[p * known.len() / filled] as f32);
        row[places..].iter_mut().zip(numbers(true)).for_each(|(to, number)| *to = number as f32);
        row
    }

    /// A row as one of a linear model whose scores are `sqrt(length)` times the mean over the positions: what each n-gram
    /// counts, with its rarity.
    pub(super) fn sparse(&self, row: &[f32], rarities: &[f32]) -> SparseRow {
        let scale = 1.0 / (self.length as f32).sqrt();
        let mut numbers: Vec<u32> = row.iter().map(|&number| number as u32).filter(|&number| number > 0).collect();
        numbers.sort_unstable();
        let one = |same: &[u32]| (same[0] - 1, same.len() as f32 * rarities[same[0] as usize - 1] * scale);
        numbers.chunk_by(|a, b| a == b).map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Corpus, Grams, TextPreparation, Unit, units};

    const GRAMS: Grams = Grams { unit: Unit::Words, longest: 2, texts_min: 2 };

    #[test]
    fn i10_units_are_characters_or_words_and_marks() {
        assert_eq!(units("Don’t go!!", Unit::Words), ["don't", "go", "!", "!"]);
        assert_eq!(units("很 好。A", Unit::Characters), ["很", "好", "。", "a"]);
        assert_eq!(units(&"a ".repeat(10_000), Unit::Words).len(), super::UNITS_MAX);
    }

    #[test]
    fn i10_rows_hold_the_most_telling_grams_and_repeat_few_ones() {
        let texts = ["a b", "a b", "c a", "c", "once"];
        let corpus = Corpus::of(&texts, GRAMS, None);
        let grams: Vec<&str> = corpus.known.iter().map(|k| k.gram.as_str()).collect();
        assert_eq!(grams, ["a", "a\u{1f}b", "b", "c"]);
        let (prepared, rarities) = TextPreparation::new(GRAMS, 4, None, &corpus, &[0.0, 3.0, -9.0, 1.0], 3);
        assert_eq!(prepared.vocabulary, ["b", "a\u{1f}b", "c"]);
        assert_eq!((prepared.numbers(), rarities.len()), (4, 3));
        assert_eq!(prepared.row("c"), [3.0, 3.0, 0.0, 0.0], "one gram in two of four positions");
        assert_eq!(prepared.row("a b"), [2.0, 2.0, 1.0, 0.0], "round(sqrt(2 * 4)) positions");
        assert_eq!(prepared.sparse(&[2.0, 1.0, 2.0, 0.0], &[0.5, 3.0, 1.0]), [(0, 0.25), (1, 3.0)]);
        assert_eq!(prepared.row("unknown"), [0.0; 4]);
        assert_eq!(prepared.row(""), [0.0; 4]);
        let (short, _) = TextPreparation::new(GRAMS, 2, None, &corpus, &[0.0, 3.0, -9.0, 1.0], 3);
        assert_eq!(short.row("c a b"), [2.0, 1.0], "the least telling is left out, the order stays");
    }
}
