//! Emotion, satisfaction and deal rate of a reply by word lists.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::RepliesError;
use super::language::{Detected, Language, detect};
use super::tokens::Tokens;
use super::words::{Found, List, WordLists};

/// What a reply sounds like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Emotion {
    /// Angry or disappointed.
    Dissatisfied,
    /// Neither.
    Calm,
    /// Delighted, keen.
    Excited,
}

impl Emotion {
    /// All, in the order of a text model's classes.
    pub const ALL: [Self; 3] = [Self::Dissatisfied, Self::Calm, Self::Excited];

    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dissatisfied => "dissatisfied",
            Self::Calm => "calm",
            Self::Excited => "excited",
        }
    }

    /// The one with the largest share. Where `dissatisfied` and `excited` tie the feelings are mixed, and without any
    /// share nothing was felt: both are `calm`.
    pub fn of_shares(shares: [f64; 3]) -> Self {
        let [dissatisfied, calm, excited] = shares;
        if dissatisfied > calm && dissatisfied > excited {
            Self::Dissatisfied
        } else if excited > calm && excited > dissatisfied {
            Self::Excited
        } else {
            Self::Calm
        }
    }
}

/// The weights of satisfaction `K = alpha * A + beta * B` and of deal rate `P = gamma * C / D`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Formula {
    /// Of the share of affirming words: above 0.
    pub alpha: f64,
    /// Of the share of negating words: below 0.
    pub beta: f64,
    /// Of the share of characters that purchase words have: above 0.
    pub gamma: f64,
}

impl Formula {
    /// Checks the signs.
    ///
    /// # Errors
    /// Names the weight.
    pub fn check(self) -> Result<Self, RepliesError> {
        let above = |x: f64| x.is_finite() && x > 0.0;
        for (key, value, right, words) in [
            ("alpha", self.alpha, above(self.alpha), "above"),
            ("beta", self.beta, above(-self.beta), "below"),
            ("gamma", self.gamma, above(self.gamma), "above"),
        ] {
            if !right {
                return Err(RepliesError::setting(key, format!("must be a finite number {words} 0, found {value}")));
            }
        }
        Ok(self)
    }
}

/// What word lists say of a reply.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scores {
    /// Its language.
    pub detected: Detected,
    /// Its words: listed ones, and each other token (a Chinese character outside the lists is one).
    pub words: usize,
    /// Its characters, without white space.
    pub characters: usize,
    /// The emotion with the largest share.
    pub emotion: Emotion,
    /// Shares of the weights of `dissatisfied`, `calm` and `excited` words; all 0 without such words.
    pub shares: [f64; 3],
    /// K; 0 for a reply without words.
    pub satisfaction: f64,
    /// P; 0 for a reply without characters.
    pub deal_rate: f64,
}

/// Scores replies by word lists.
#[derive(Debug, Clone, PartialEq)]
pub struct Scorer {
    words: WordLists,
    formula: Formula,
    default: Language,
}

impl Scorer {
    /// A scorer; replies whose scripts decide no language get `default`.
    ///
    /// # Errors
    /// If a weight of the formula has the wrong sign.
    pub fn new(words: WordLists, formula: Formula, default: Language) -> Result<Self, RepliesError> {
        Ok(Self { words, formula: formula.check()?, default })
    }

    /// Scores one reply, in time proportional to its length.
    pub fn score(&self, text: &str) -> Scores {
        let tokens = Tokens::of(text);
        let found = self.words.find(&tokens);
        let shares = shares(&found);
        let [affirming, negating] = agreement(&found);
        let words = found.len();
        let share = |part: f64, whole: usize| if whole == 0 { 0.0 } else { part / whole as f64 };
        let wanted = found.iter().filter(|w| w.on(List::Purchase) > 0.0 && !w.negated);
        let wanted: usize = wanted.map(|w| w.characters).sum();
        Scores {
            detected: detect(text, self.default),
            words,
            characters: tokens.characters(),
            emotion: Emotion::of_shares(shares),
            shares,
            satisfaction: self.formula.alpha * share(affirming, words) + self.formula.beta * share(negating, words),
            deal_rate: self.formula.gamma * share(wanted as f64, tokens.characters()),
        }
    }

    /// Scores many replies on all cores; the order is kept.
    pub fn score_all<T: AsRef<str> + Sync>(&self, texts: &[T]) -> Vec<Scores> {
        texts.par_iter().map(|text| self.score(text.as_ref())).collect()
    }
}

/// A negated `excited` or `calm` word is `dissatisfied`, a negated `dissatisfied` one is `calm`.
fn shares(found: &[Found]) -> [f64; 3] {
    let mut sums = [0.0; 3];
    for word in found {
        let [dissatisfied, calm, excited] = [List::Dissatisfied, List::Calm, List::Excited].map(|list| word.on(list));
        if word.negated {
            sums[0] += calm + excited;
            sums[1] += dissatisfied;
        } else {
            sums = [sums[0] + dissatisfied, sums[1] + calm, sums[2] + excited];
        }
    }
    let all: f64 = sums.iter().sum();
    if all > 0.0 { sums.map(|sum| sum / all) } else { sums }
}

/// Affirming and negating words by their weights; negated ones count for the other side.
fn agreement(found: &[Found]) -> [f64; 2] {
    let mut sums = [0.0; 2];
    for word in found {
        let turned = usize::from(word.negated);
        sums[turned] += word.on(List::Affirming);
        sums[1 - turned] += word.on(List::Negating);
    }
    sums
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Emotion, Formula, Scorer};
    use crate::replies::{Language, WordLists};

    const FORMULA: Formula = Formula { alpha: 2.0, beta: -3.0, gamma: 1.5 };

    fn scorer() -> Scorer {
        let rows = "language,list,word,weight\n\
            en,affirming,yes,\nen,affirming,good,\nen,negating,no,\nen,negator,not,\nen,negator,don't,\nen,purchase,buy,\n\
            en,excited,wow,2\nen,calm,fine,\nen,dissatisfied,bad,\nany,excited,😀,\n\
            zh,affirming,好,\nzh,negating,不行,\nzh,negator,不,\nzh,purchase,下单,\nzh,dissatisfied,差,\nzh,excited,太棒了,\n";
        let words = WordLists::parse(Path::new("words.csv"), rows.as_bytes()).expect("lists");
        Scorer::new(words, FORMULA, Language::Chinese).expect("a scorer")
    }

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-12
    }

    #[test]
    fn i10_satisfaction_and_deal_rate_by_hand() {
        let scorer = scorer();
        // 5 words, 2 affirming, 1 negating: 2 * 2/5 - 3 * 1/5; 3 of 18 characters.
        let scores = scorer.score("Yes, good! No, buy now");
        assert_eq!((scores.words, scores.characters), (5, 18));
        assert!(near(scores.satisfaction, 0.8 - 0.6) && near(scores.deal_rate, 1.5 * 3.0 / 18.0), "{scores:?}");
        // 好 | 我 | 下单 | 不行: 4 words of which one each, 2 of 7 characters.
        let scores = scorer.score("好，我下单 不行");
        assert!(near(scores.satisfaction, 0.5 - 0.75) && near(scores.deal_rate, 1.5 * 2.0 / 7.0), "{scores:?}");
    }

    #[test]
    fn i10_negation_turns_agreement_purchase_and_emotion() {
        let scorer = scorer();
        for (text, satisfaction, deal_rate, emotion) in [
            ("good", 2.0, 0.0, Emotion::Calm),
            ("not good", -1.5, 0.0, Emotion::Calm),
            ("不好", -1.5, 0.0, Emotion::Calm),
            ("don't buy", 0.0, 0.0, Emotion::Calm),
            ("不下单", 0.0, 0.0, Emotion::Calm),
            ("bad", 0.0, 0.0, Emotion::Dissatisfied),
            ("not bad", 0.0, 0.0, Emotion::Calm),
            ("not fine", 0.0, 0.0, Emotion::Dissatisfied),
            ("太棒了", 0.0, 0.0, Emotion::Excited),
            ("😀", 0.0, 0.0, Emotion::Excited),
            ("差 太棒了", 0.0, 0.0, Emotion::Calm),
        ] {
            let scores = scorer.score(text);
            assert!(near(scores.satisfaction, satisfaction) && near(scores.deal_rate, deal_rate), "{text}: {scores:?}");
            assert_eq!(scores.emotion, emotion, "{text}");
        }
        let shares = scorer.score("wow bad fine").shares;
        assert_eq!(shares, [0.25, 0.25, 0.5]);
    }

    #[test]
    fn i10_unusual_replies_have_stated_scores() {
        let scorer = scorer();
        for text in ["", "  \n", "\u{202e}\u{200f}", "?!"] {
            let scores = scorer.score(text);
            assert_eq!((scores.satisfaction, scores.deal_rate, scores.shares), (0.0, 0.0, [0.0; 3]), "{text:?}");
            assert_eq!((scores.emotion, scores.detected.fell_back, scores.words), (Emotion::Calm, true, 0), "{text:?}");
        }
        let mixed = scorer.score("这个 very good 好");
        assert_eq!((mixed.detected.language, mixed.words), (Language::Chinese, 5));
        assert!(near(mixed.satisfaction, 2.0 * 2.0 / 5.0), "both languages' lists count");
        let arabic = scorer.score("\u{202b}هذا المنتج جيد\u{202c} good");
        assert_eq!((arabic.words, arabic.detected.fell_back), (4, true));
        assert!(near(arabic.satisfaction, 0.5));
    }

    #[test]
    fn i10_a_reply_of_a_megabyte_takes_time_in_proportion() {
        let scorer = scorer();
        for part in ["not good 不好 ", "不", "good", "😀\u{200d}", "'", "好,"] {
            let time = |bytes: usize| {
                let text = part.repeat(bytes / part.len());
                let start = std::time::Instant::now();
                let scores = scorer.score(&text);
                assert!(scores.satisfaction.is_finite() && scores.characters > 0);
                start.elapsed().as_secs_f64()
            };
            time(1 << 16);
            let (small, large) = ((0..3).map(|_| time(1 << 16)).fold(f64::MAX, f64::min), time(1 << 20));
            // 16 times the text: a scan of all pairs would take 256 times as long.
            assert!(large < 100.0 * small.max(1e-4), "{part}: {small} s, then {large} s");
        }
    }

    #[test]
    fn i10_many_replies_are_scored_in_their_order() {
        let scorer = scorer();
        let texts: Vec<String> = (0..2000).map(|i| format!("good {}", "x ".repeat(i % 37))).collect();
        let all = scorer.score_all(&texts);
        assert!(texts.iter().zip(&all).all(|(text, scores)| scorer.score(text) == *scores));
        assert_ne!(all[0].satisfaction, all[1].satisfaction);
    }

    #[test]
    fn i10_weights_with_wrong_signs_are_refused() {
        for (formula, words) in [
            (Formula { alpha: 0.0, ..FORMULA }, "`alpha` must be a finite number above 0, found 0"),
            (Formula { beta: 1.0, ..FORMULA }, "`beta` must be a finite number below 0, found 1"),
            (Formula { beta: 0.0, ..FORMULA }, "`beta` must"),
            (Formula { gamma: f64::NAN, ..FORMULA }, "`gamma` must"),
        ] {
            assert!(formula.check().expect_err("refused").to_string().contains(words));
        }
    }
}
