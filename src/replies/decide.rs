//! What follows a reply, and the records that say so.

use serde::{Deserialize, Serialize};

use super::RepliesError;
use super::answers::Answer;
use super::language::Language;
use super::score::{Emotion, Scores};

/// Characters of a turn that a hand-over holds: a seller reads the beginning of a reply of a megabyte.
pub const TURN_MAX: usize = 2000;

/// From where on a reply has consequences.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// A satisfaction below it hands the user over to the seller.
    pub satisfaction: f64,
    /// A deal rate above it attaches the purchase link.
    pub deal_rate: f64,
}

impl Thresholds {
    /// Checks that they are numbers.
    ///
    /// # Errors
    /// Names the threshold.
    pub fn check(self) -> Result<Self, RepliesError> {
        for (key, value) in [("satisfaction", self.satisfaction), ("deal_rate", self.deal_rate)] {
            if !value.is_finite() {
                return Err(RepliesError::setting(key, format!("must be a finite number, found {value}")));
            }
        }
        Ok(self)
    }
}

/// Why the seller takes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HandOverReason {
    /// The satisfaction is below its threshold: the intents are to be computed again with this reply.
    Unsatisfied,
    /// No row of the answer table fits.
    NoAnswer,
}

/// What follows a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The reply has no word: nothing follows.
    Silence,
    /// The seller takes over; the answer is a suggestion.
    HandOver {
        /// Why.
        reason: HandOverReason,
        /// What the answer table suggests.
        suggested: Option<Answer>,
    },
    /// The product's purchase link is attached, to the answer if there is one.
    Link {
        /// What is said with it.
        answer: Option<Answer>,
    },
    /// The answer is given.
    Answer(Answer),
}

impl Decision {
    /// Decides: a dissatisfied user goes to the seller whatever else is true, then who wants to buy gets the link, then
    /// the answer is given, and without one the seller takes over.
    pub fn new(scores: &Scores, answer: Option<Answer>, thresholds: &Thresholds) -> Self {
        if scores.words == 0 {
            Self::Silence
        } else if scores.satisfaction < thresholds.satisfaction {
            Self::HandOver { reason: HandOverReason::Unsatisfied, suggested: answer }
        } else if scores.deal_rate > thresholds.deal_rate {
            Self::Link { answer }
        } else if let Some(answer) = answer {
            Self::Answer(answer)
        } else {
            Self::HandOver { reason: HandOverReason::NoAnswer, suggested: None }
        }
    }

    /// Its name in `replies.csv`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Silence => "silence",
            Self::HandOver { .. } => "hand_over",
            Self::Link { .. } => "link",
            Self::Answer(_) => "answer",
        }
    }

    /// Whether the intents are to be computed again with the reply as a further input.
    pub const fn recomputes(&self) -> bool {
        matches!(self, Self::HandOver { reason: HandOverReason::Unsatisfied, .. })
    }

    /// What is said, or suggested to the seller.
    pub const fn answer(&self) -> Option<&Answer> {
        match self {
            Self::Silence => None,
            Self::HandOver { suggested: answer, .. } | Self::Link { answer } => answer.as_ref(),
            Self::Answer(answer) => Some(answer),
        }
    }
}

/// A row of `replies.csv`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReplyRow {
    /// The reply's id.
    pub reply: String,
    /// The user's.
    pub user: String,
    /// The language that it is answered in.
    pub language: Language,
    /// Whether that is the default because the text decided nothing.
    pub language_fell_back: bool,
    /// The emotion, by word lists or by the text model.
    pub emotion: Emotion,
    /// Shares (word lists) or probabilities (text model).
    pub dissatisfied: f64,
    /// As above.
    pub calm: f64,
    /// As above.
    pub excited: f64,
    /// K.
    pub satisfaction: f64,
    /// P.
    pub deal_rate: f64,
    /// What follows.
    pub decision: String,
    /// What is said or suggested; empty without an answer.
    pub answer: String,
    /// The purchase link where it is attached, else empty.
    pub link: String,
}

impl ReplyRow {
    /// The row of a reply, with the emotion and shares that were decided on.
    pub fn new(
        [reply, user]: [&str; 2],
        scores: &Scores,
        (emotion, shares): (Emotion, [f64; 3]),
        decision: &Decision,
        link: &str,
    ) -> Self {
        let linked = matches!(decision, Decision::Link { .. });
        Self {
            reply: reply.to_owned(),
            user: user.to_owned(),
            language: scores.detected.language,
            language_fell_back: scores.detected.fell_back,
            emotion,
            dissatisfied: shares[0],
            calm: shares[1],
            excited: shares[2],
            satisfaction: scores.satisfaction,
            deal_rate: scores.deal_rate,
            decision: decision.name().to_owned(),
            answer: decision.answer().map(|answer| answer.text.clone()).unwrap_or_default(),
            link: if linked { link.to_owned() } else { String::new() },
        }
    }
}

/// Who said something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Speaker {
    /// The user.
    User,
    /// The card.
    Card,
}

/// One turn of a chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// Who.
    pub speaker: Speaker,
    /// What: the first [`TURN_MAX`] characters.
    pub text: String,
    /// How many characters it had.
    pub characters: usize,
}

impl Turn {
    /// A turn, shortened to what is kept.
    pub fn new(speaker: Speaker, text: &str) -> Self {
        let cut = text.char_indices().nth(TURN_MAX).map_or(text.len(), |(at, _)| at);
        Self { speaker, text: text[..cut].to_owned(), characters: text.chars().count() }
    }
}

/// An intended product.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Intended {
    /// The product.
    pub product: String,
    /// How likely it is.
    pub probability: f64,
}

/// A record of `handovers.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HandOver {
    /// The user.
    pub user: String,
    /// The reply that made it necessary.
    pub reply: String,
    /// Why.
    pub reason: HandOverReason,
    /// What was said so far, the reply last.
    pub chat: Vec<Turn>,
    /// The intents, as they are after the reply.
    pub intents: Vec<Intended>,
    /// What the reply sounds like.
    pub emotion: Emotion,
    /// K.
    pub satisfaction: f64,
    /// P.
    pub deal_rate: f64,
    /// What the answer table suggests.
    pub suggested_answer: Option<String>,
}

impl HandOver {
    /// The record of a decision; `None` if it hands nothing over.
    pub fn new(
        [reply, user]: [&str; 2],
        scores: &Scores,
        emotion: Emotion,
        decision: &Decision,
        chat: Vec<Turn>,
        intents: Vec<Intended>,
    ) -> Option<Self> {
        let Decision::HandOver { reason, suggested } = decision else { return None };
        Some(Self {
            user: user.to_owned(),
            reply: reply.to_owned(),
            reason: *reason,
            chat,
            intents,
            emotion,
            satisfaction: scores.satisfaction,
            deal_rate: scores.deal_rate,
            suggested_answer: suggested.as_ref().map(|answer| answer.text.clone()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Decision, HandOver, HandOverReason, Intended, ReplyRow, Speaker, TURN_MAX, Thresholds, Turn};
    use crate::replies::{Answer, Detected, Emotion, Language, Scores};

    const THRESHOLDS: Thresholds = Thresholds { satisfaction: -0.1, deal_rate: 0.2 };

    fn scores(satisfaction: f64, deal_rate: f64) -> Scores {
        let detected = Detected { language: Language::English, fell_back: false };
        let (emotion, shares) = (Emotion::Calm, [0.0, 1.0, 0.0]);
        Scores { detected, words: 3, characters: 9, emotion, shares, satisfaction, deal_rate }
    }

    fn answer() -> Option<Answer> {
        Some(Answer { text: "Yes".to_owned(), row: 4, fell_back: false })
    }

    #[test]
    fn i11_each_threshold_decides_on_its_own_side_alone() {
        let unsatisfied = |suggested| Decision::HandOver { reason: HandOverReason::Unsatisfied, suggested };
        for (satisfaction, deal_rate, answer, expected) in [
            (-0.2, 0.0, answer(), unsatisfied(answer())),
            (-0.2, 0.9, answer(), unsatisfied(answer())),
            (-0.2, 0.9, None, unsatisfied(None)),
            (-0.1, 0.2, answer(), Decision::Answer(answer().expect("an answer"))),
            (-0.1, 0.3, answer(), Decision::Link { answer: answer() }),
            (0.5, 0.3, None, Decision::Link { answer: None }),
            (0.5, 0.1, None, Decision::HandOver { reason: HandOverReason::NoAnswer, suggested: None }),
        ] {
            let decision = Decision::new(&scores(satisfaction, deal_rate), answer, &THRESHOLDS);
            assert_eq!(decision, expected, "{satisfaction}, {deal_rate}");
            assert_eq!(decision.recomputes(), satisfaction < -0.1);
        }
        let silent = Scores { words: 0, ..scores(-9.0, 9.0) };
        assert_eq!(Decision::new(&silent, answer(), &THRESHOLDS), Decision::Silence);
        let error = Thresholds { deal_rate: f64::NAN, ..THRESHOLDS }.check().expect_err("refused").to_string();
        assert_eq!(error, "`deal_rate` must be a finite number, found NaN");
    }

    #[test]
    fn i11_a_hand_over_holds_chat_intents_user_and_suggestion() {
        let scores = scores(-0.5, 0.25);
        let decision = Decision::new(&scores, answer(), &THRESHOLDS);
        let chat = vec![Turn::new(Speaker::Card, "Hello"), Turn::new(Speaker::User, "不 \"好\"\n")];
        let intents = vec![Intended { product: "p1".to_owned(), probability: 0.5 }];
        let record = HandOver::new(["r1", "u1"], &scores, Emotion::Calm, &decision, chat, intents).expect("a record");
        let line = serde_json::to_string(&record).expect("JSON");
        let expected = concat!(
            r#"{"user":"u1","reply":"r1","reason":"unsatisfied","chat":[{"speaker":"card","text":"Hello","characters":5},"#,
            r#"{"speaker":"user","text":"不 \"好\"\n","characters":6}],"intents":[{"product":"p1","probability":0.5}],"#,
            r#""emotion":"calm","satisfaction":-0.5,"deal_rate":0.25,"suggested_answer":"Yes"}"#
        );
        assert_eq!(line, expected);
        assert_eq!(serde_json::from_str::<HandOver>(&line).expect("a record"), record);
        let given = Decision::Answer(answer().expect("an answer"));
        assert_eq!(HandOver::new(["r1", "u1"], &scores, Emotion::Calm, &given, vec![], vec![]), None);
    }

    #[test]
    fn i11_the_link_stands_in_the_row_of_a_link_alone() {
        let row = |satisfaction, deal_rate| {
            let scores = scores(satisfaction, deal_rate);
            let decision = Decision::new(&scores, answer(), &THRESHOLDS);
            ReplyRow::new(["r", "u"], &scores, (scores.emotion, scores.shares), &decision, "https://shop/1")
        };
        assert_eq!((row(0.0, 0.3).link.as_str(), row(0.0, 0.3).decision.as_str()), ("https://shop/1", "link"));
        assert_eq!((row(0.0, 0.1).link.as_str(), row(-1.0, 0.3).link.as_str()), ("", ""));
        let mut writer = csv::Writer::from_writer(vec![]);
        writer.serialize(row(0.0, 0.3)).expect("a row");
        let text = String::from_utf8(writer.into_inner().expect("bytes")).expect("text");
        let expected = "reply,user,language,language_fell_back,emotion,dissatisfied,calm,excited,satisfaction,deal_rate,\
            decision,answer,link\nr,u,en,false,calm,0.0,1.0,0.0,0.0,0.3,link,Yes,https://shop/1\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn i11_a_long_turn_is_shortened_between_characters() {
        let turn = Turn::new(Speaker::User, &"好".repeat(TURN_MAX + 5));
        assert_eq!((turn.text.chars().count(), turn.characters), (TURN_MAX, TURN_MAX + 5));
        assert_eq!(Turn::new(Speaker::User, "short").text, "short");
    }
}
