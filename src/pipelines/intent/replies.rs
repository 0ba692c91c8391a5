//! Replies of a run: read, scored in bulk, decided upon, handed over (I10 to I12).

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::load::{Loaded, Product, User, day, rows};
use super::settings::{EmotionSettings, ReplySettings};
use super::trees::Intent;
use crate::artifact::ArtifactError;
use crate::artifact::table::{Cells, Table};
use crate::backend::Backend;
use crate::dataset::Source;
use crate::pipelines::tabular::TabularError;
use crate::pipelines::training::training;
use crate::replies::emotion::{Lexicon, TextModel};
use crate::replies::{
    AnswerTable, Decision, Emotion, HandOver, Intended, Question, RepliesError, ReplyRow, Scorer, Scores, Slots,
    Speaker, Turn, WordLists,
};
use crate::run::{RunContext, RunError};
use crate::train::Control;
use crate::train::metrics::classes::ClassScores;

/// One user in so many judges a text model.
const JUDGING: usize = 5;

const CLASSES: usize = Emotion::ALL.len();

/// A reply of a user who agreed.
#[derive(Debug, Clone, PartialEq)]
struct Reply {
    id: String,
    text: String,
    time: f64,
    user: usize,
    /// Where the emotion is known: its class.
    label: Option<u32>,
}

/// Everything that replies need.
#[derive(Debug)]
pub(super) struct Replies {
    settings: ReplySettings,
    /// By user, in order of time.
    by_user: HashMap<usize, Vec<usize>>,
    list: Vec<Reply>,
    of_others: usize,
    scorer: Scorer,
    answers: AnswerTable,
    lexicon: Option<Lexicon>,
}

/// Sources of the tables.
pub(super) struct ReplySources<'a> {
    pub replies: &'a Source,
    pub words: &'a Source,
    pub answers: &'a Source,
    pub lexicon: Option<&'a Source>,
}

/// Replies with what they sound like, ready to be decided upon.
pub(super) struct Heard<'a> {
    replies: &'a Replies,
    scores: Vec<Scores>,
    emotions: Vec<(Emotion, [f64; 3])>,
    pub model: Option<TextModel>,
    judged: Option<EmotionScores>,
}

/// How well a text model tells emotions of replies of users that it has not seen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct EmotionScores {
    /// Replies that it learned from, and that judged it.
    pub replies: [usize; 2],
    pub accuracy: f64,
    pub macro_f1: f64,
    /// The share of the most frequent emotion.
    pub most_frequent: f64,
}

/// What replies came to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct ReplyCounts {
    pub replies: usize,
    pub of_others: usize,
    pub by_model: bool,
    /// `None` also where there are too few known emotions to set some aside.
    pub emotion: Option<EmotionScores>,
    pub emotions: BTreeMap<String, usize>,
    pub decisions: BTreeMap<String, usize>,
    pub recomputed: usize,
    pub language_fell_back: usize,
}

/// One user's replies, decided upon.
#[derive(Debug, Default)]
pub(super) struct Decided {
    pub rows: Vec<ReplyRow>,
    /// The decisions that hand over, with what they need besides the intents.
    pub hand_overs: Vec<(usize, Decision)>,
    /// Texts of the replies after which intents are computed again.
    pub rejecting: Vec<String>,
    pub purchase: bool,
}

impl Replies {
    pub(super) fn read(
        settings: &ReplySettings,
        sources: &ReplySources<'_>,
        loaded: &Loaded,
    ) -> Result<Self, TabularError> {
        let users: HashMap<&str, usize> = loaded.users.iter().enumerate().map(|(i, user)| (user.id(), i)).collect();
        let mut columns = vec![settings.id.as_str(), settings.user.as_str(), settings.text.as_str()];
        let time = settings.time.as_ref().map(|name| {
            columns.push(name);
            columns.len() - 1
        });
        let rating = settings.emotion.as_ref().map(|emotion| {
            columns.push(&emotion.rating);
            columns.len() - 1
        });
        let (mut by_user, mut list, mut of_others): (HashMap<usize, Vec<usize>>, Vec<Reply>, usize) =
            Default::default();
        // In a text, `NA` is a word.
        rows(&sources.replies.of_words(), &columns, |row| {
            let Some(&user) = users.get(row.needed(1, "a user")?) else {
                of_others += 1;
                return Ok(());
            };
            let time = match time {
                None => 0.0,
                Some(at) => {
                    day(row.needed(at, "a day")?).ok_or_else(|| row.wrong(at, "a day, as a number or a date"))?
                }
            };
            let label = match (rating, &settings.emotion) {
                (Some(at), Some(emotion)) => row.number(at)?.map(|rating| emotion.class(rating)),
                _ => None,
            };
            let text = row.text(2).unwrap_or_default().to_owned();
            by_user.entry(user).or_default().push(list.len());
            list.push(Reply { id: row.needed(0, "a reply")?.to_owned(), text, time, user, label });
            Ok(())
        })?;
        let order = |own: &mut Vec<usize>| own.sort_by(|&a, &b| list[a].time.total_cmp(&list[b].time).then(a.cmp(&b)));
        by_user.values_mut().for_each(order);
        let words = |error: RepliesError| TabularError::data(sources.words.path(), error.to_string());
        let lists = WordLists::load(sources.words.path()).map_err(words)?;
        let answers = |error: RepliesError| TabularError::data(sources.answers.path(), error.to_string());
        let lexicon = sources.lexicon.map(|source| {
            Lexicon::load(source.path()).map_err(|error| TabularError::data(source.path(), error.to_string()))
        });
        Ok(Self {
            lexicon: lexicon.transpose()?,
            settings: settings.clone(),
            by_user,
            of_others,
            list,
            scorer: Scorer::new(lists, settings.formula, settings.default_language).map_err(words)?,
            answers: AnswerTable::load(sources.answers.path()).map_err(answers)?,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// Scores all replies; where the job says so, a text model is trained and says what they sound like.
    pub(super) fn hear(&self, backend: &Backend, ctx: &RunContext) -> Result<Heard<'_>, RunError> {
        let texts: Vec<&str> = self.list.iter().map(|reply| reply.text.as_str()).collect();
        let scores = self.scorer.score_all(&texts);
        let Some(settings) = &self.settings.emotion else {
            let emotions = scores.iter().map(|scores| (scores.emotion, scores.shares)).collect();
            return Ok(Heard { replies: self, scores, emotions, model: None, judged: None });
        };
        let judged = self.judge(settings, backend, ctx)?;
        let everyone = |_: &Reply| true;
        let model = self.train("emotion", settings, everyone, backend, ctx)?;
        let probabilities = model.probabilities(&texts, backend).map_err(failed)?;
        let emotion = |shares: &[f64]| {
            let shares = [shares[0], shares[1], shares[2]];
            (Emotion::of_shares(shares), shares)
        };
        let emotions = probabilities.chunks_exact(3).map(emotion).collect();
        Ok(Heard { replies: self, scores, emotions, model: Some(model), judged })
    }

    /// Trains a model on the users but a fifth, and judges it on theirs.
    fn judge(
        &self,
        settings: &EmotionSettings,
        backend: &Backend,
        ctx: &RunContext,
    ) -> Result<Option<EmotionScores>, RunError> {
        let mut users: Vec<usize> = self.by_user.keys().copied().collect();
        users.sort_unstable();
        users.shuffle(&mut ChaCha8Rng::seed_from_u64(settings.model.seed));
        users.truncate(users.len() / JUDGING);
        let held: HashSet<usize> = users.into_iter().collect();
        let known = |of_held: bool| {
            let held = &held;
            let own = self.list.iter().filter(move |reply| held.contains(&reply.user) == of_held);
            own.filter_map(|reply| Some((reply.text.as_str(), reply.label?)))
        };
        let (texts, truth): (Vec<&str>, Vec<u32>) = known(true).unzip();
        let learned: Vec<u32> = known(false).map(|(_, label)| label).collect();
        if truth.is_empty() || (0..CLASSES as u32).any(|class| !learned.contains(&class)) {
            return Ok(None);
        }
        let others = |reply: &Reply| !held.contains(&reply.user);
        let model = self.train("emotion-judged", settings, others, backend, ctx)?;
        let scores = ClassScores::of(&model.probabilities(&texts, backend).map_err(failed)?, &truth, CLASSES);
        Ok(Some(EmotionScores {
            replies: [learned.len(), truth.len()],
            accuracy: scores.accuracy(),
            macro_f1: scores.macro_f1(),
            most_frequent: scores.majority(),
        }))
    }

    fn train(
        &self,
        name: &str,
        settings: &EmotionSettings,
        takes: impl Fn(&Reply) -> bool,
        backend: &Backend,
        ctx: &RunContext,
    ) -> Result<TextModel, RunError> {
        let bytes = ctx.stage_bytes(name, || {
            let known = self.list.iter().filter(|reply| takes(reply));
            let known = known.filter_map(|reply| Some((reply.text.as_str(), reply.label?)));
            let (texts, labels): (Vec<&str>, Vec<u32>) = known.unzip();
            let model = training(ctx, name, settings.model.epochs, |control: &mut Control<'_>| {
                TextModel::train(&texts, &labels, &settings.model, self.lexicon.clone(), backend, control)
                    .map_err(failed)
            })?;
            model.to_bytes().map_err(failed)
        })?;
        TextModel::from_bytes(&bytes, Path::new(name)).map_err(failed)
    }
}

impl Heard<'_> {
    pub(super) fn counts(&self) -> ReplyCounts {
        ReplyCounts {
            replies: self.replies.len(),
            of_others: self.replies.of_others,
            by_model: self.model.is_some(),
            emotion: self.judged,
            ..ReplyCounts::default()
        }
    }

    /// What follows from a user's replies, if there are any, when this product is the one that the card is about.
    pub(super) fn decide(&self, user: usize, id: &str, product: &Product, counts: &mut ReplyCounts) -> Option<Decided> {
        let own = self.replies.by_user.get(&user)?;
        let mut found = Decided::default();
        for &at in own {
            let (reply, scores) = (&self.replies.list[at], &self.scores[at]);
            let (emotion, shares) = self.emotions[at];
            let question = Question {
                text: &reply.text,
                language: scores.detected.language,
                default: self.replies.settings.default_language,
                emotion,
                product_type: &product.kind,
                slots: Slots {
                    product: Some(&product.name),
                    price: product.price.as_deref(),
                    colour: product.colour.as_deref(),
                },
            };
            let answer = self.replies.answers.choose(&question);
            let decision = Decision::new(scores, answer, &self.replies.settings.thresholds);
            let link = product.links[4].as_deref().unwrap_or("");
            found.purchase |= matches!(decision, Decision::Link { .. }) && !link.is_empty();
            let row = ReplyRow::new([&reply.id, id], scores, (emotion, shares), &decision, link);
            *counts.emotions.entry(emotion.name().to_owned()).or_default() += 1;
            *counts.decisions.entry(row.decision.clone()).or_default() += 1;
            counts.language_fell_back += usize::from(row.language_fell_back);
            if decision.recomputes() {
                found.rejecting.push(reply.text.clone());
            }
            found.rows.push(row);
            if matches!(decision, Decision::HandOver { .. }) {
                found.hand_overs.push((at, decision));
            }
        }
        counts.recomputed += usize::from(!found.rejecting.is_empty());
        Some(found)
    }

    /// The records of a user's hand-overs, with the intents as they are after all replies.
    pub(super) fn hand_overs(
        &self,
        user: usize,
        own: User<'_>,
        decided: &Decided,
        greeting: Option<&str>,
        intents: &[Intent; 3],
        products: &[Product],
    ) -> Vec<HandOver> {
        let list = self.replies.by_user.get(&user).map_or(&[][..], Vec::as_slice);
        let intended = || {
            let one = |intent: &Intent| Intended {
                product: products[intent.product as usize].id.clone(),
                probability: intent.probability,
            };
            intents.iter().map(one).collect()
        };
        let record = |(at, decision): &(usize, Decision)| {
            let mut chat: Vec<Turn> = greeting.iter().map(|text| Turn::new(Speaker::Card, text)).collect();
            // What was said up to this reply, with the answers that were given.
            for (place, before) in list.iter().enumerate().take_while(|(_, before)| *before != at) {
                chat.push(Turn::new(Speaker::User, &self.replies.list[*before].text));
                let row = &decided.rows[place];
                if row.decision != "hand_over" && !row.answer.is_empty() {
                    chat.push(Turn::new(Speaker::Card, &row.answer));
                }
            }
            let reply = &self.replies.list[*at];
            chat.push(Turn::new(Speaker::User, &reply.text));
            let emotion = self.emotions[*at].0;
            HandOver::new([&reply.id, own.id()], &self.scores[*at], emotion, decision, chat, intended())
        };
        decided.hand_overs.iter().filter_map(record).collect()
    }
}

/// Products whose names stand in a text, whatever their case; a name of one or two letters is no name.
pub(super) fn named(text: &str, products: &[Product]) -> Vec<u32> {
    let text = text.to_lowercase();
    let stands = |product: &&(u32, &Product)| {
        let name = product.1.name.to_lowercase();
        name.chars().count() > 2 && text.contains(&name)
    };
    let numbered: Vec<(u32, &Product)> = (0..).zip(products).collect();
    numbered.iter().filter(stands).map(|(number, _)| *number).collect()
}

/// Rows of `replies.csv`.
pub(super) fn table(list: &[ReplyRow]) -> Result<Table, ArtifactError> {
    let text = |of: &dyn Fn(&ReplyRow) -> String| Cells::text(list.iter().map(of));
    let number = |of: &dyn Fn(&ReplyRow) -> f64| Cells::f64(list.iter().map(of));
    Table::new([
        ("reply", text(&|r| r.reply.clone())),
        ("user", text(&|r| r.user.clone())),
        ("language", text(&|r| r.language.name().to_owned())),
        ("language_fell_back", Cells::bool(list.iter().map(|r| r.language_fell_back))),
        ("emotion", text(&|r| r.emotion.name().to_owned())),
        ("dissatisfied", number(&|r| r.dissatisfied)),
        ("calm", number(&|r| r.calm)),
        ("excited", number(&|r| r.excited)),
        ("satisfaction", number(&|r| r.satisfaction)),
        ("deal_rate", number(&|r| r.deal_rate)),
        ("decision", text(&|r| r.decision.clone())),
        ("answer", text(&|r| r.answer.clone())),
        ("link", text(&|r| r.link.clone())),
    ])
}

/// What an error of replies means for the run.
pub(super) fn failed(error: RepliesError) -> RunError {
    match error {
        RepliesError::Train(error) => crate::pipelines::training::training_error(error),
        other => RunError::data(other),
    }
}

#[cfg(test)]
mod tests {
    use super::super::load::Product;
    use super::named;

    #[test]
    fn i11_products_that_a_reply_names_are_found_whatever_their_case() {
        let product = |name: &str| Product {
            id: name.to_owned(),
            name: name.to_owned(),
            kind: "k".to_owned(),
            price: None,
            colour: None,
            links: [const { None }; 5],
        };
        let products = [product("Lark 5 phone"), product("棋局入门"), product("Go"), product("Tea")];
        assert_eq!(named("I want the LARK 5 PHONE, not 棋局入门!", &products), [0, 1]);
        assert_eq!(named("let us go for tea", &products), [3]);
        assert_eq!(named("", &products), Vec::<u32>::new());
    }
}
