//! The data of replies that come with nightloom.

use std::path::PathBuf;

use super::emotion::Lexicon;
use super::table::Table;
use super::{AnswerTable, Emotion, Formula, Language, Question, Scorer, Slots, WordLists};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("datasets/intent")
}

fn scorer() -> Scorer {
    let words = WordLists::load(&folder().join("words.csv")).expect("word lists");
    Scorer::new(words, Formula { alpha: 1.0, beta: -1.0, gamma: 1.0 }, Language::Chinese).expect("a scorer")
}

#[test]
fn i10_bundled_data_of_replies_are_read_and_match_the_readme() {
    let readme = std::fs::read_to_string(folder().join("../README.md")).expect("the README");
    let mut listed = 0;
    for line in readme.lines().filter(|line| line.starts_with("| `intent/")) {
        let cells: Vec<&str> = line.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        let found = crate::dataset::hash::sha256_file(&folder().join("..").join(cells[1])).expect("a file");
        assert_eq!(found.1, cells[2], "{}", cells[1]);
        listed += 1;
    }
    assert_eq!(listed, 3);
    Lexicon::load(&folder().join("vader_lexicon.txt")).expect("the lexicon");
}

#[test]
fn i10_bundled_word_lists_tell_most_of_the_bundled_replies() {
    let path = folder().join("reply_templates.csv");
    let table = Table::load(&path, ["language", "emotion", "text"]).expect("replies");
    let scorer = scorer();
    let (mut all, mut right) = (0, 0);
    for row in table.rows() {
        let [language, emotion, text] = row.fields;
        let scores = scorer.score(text);
        assert_eq!(scores.detected.language.name(), language, "{text}");
        all += 1;
        right += usize::from(scores.emotion.name() == emotion);
    }
    assert_eq!(all, 60);
    assert!(right >= 50, "{right} of {all}");
}

#[test]
fn i12_the_bundled_answers_answer_both_languages_in_every_emotion() {
    let table = AnswerTable::load(&folder().join("answers.csv")).expect("answers");
    let slots = Slots { product: Some("P1"), price: Some("9.90"), colour: None };
    for language in [Language::Chinese, Language::English] {
        for emotion in Emotion::ALL {
            let question = Question { text: "...", language, default: language, emotion, product_type: "lamps", slots };
            let answer = table.choose(&question).expect("an answer");
            assert!(
                !answer.fell_back && answer.text.contains("P1") != (emotion == Emotion::Dissatisfied),
                "{answer:?}"
            );
        }
        let text = "多少钱? how much?";
        let question =
            Question { text, language, default: language, emotion: Emotion::Calm, product_type: "lamps", slots };
        assert!(table.choose(&question).expect("an answer").text.contains("9.90"));
    }
}
