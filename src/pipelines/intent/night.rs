//! The night's stream: every user who agreed, block by block, to portraits, intents, greetings and cards.

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::Intents;
use super::cards::{Cards, Message, file_name};
use super::features::{Maker, Moment};
use super::load::{Product, User};
use super::network::{Said, Scorer};
use super::portrait::{Portrait, Portraits};
use super::replies::{self, Decided, Heard, ReplyCounts, named};
use super::run::Inputs;
use super::settings::Level;
use super::speak::{Speaking, Spoken, failed};
use super::trees::{Intent, Trees};
use crate::artifact::table::{Cells, Table, TableFormat};
use crate::artifact::{ArtifactError, LinesWriter, PartsWriter, ensure_folder, write_many};
use crate::backend::Backend;
use crate::pipelines::tabular::TableJob;
use crate::run::{RunContext, RunError};
use crate::speaking::{Greeting, GreetingCounts, NetRunner, Personality, PersonalityNet};
use crate::train::SavedFleet;

/// Users whose features lie in memory at a time.
const BLOCK: usize = 4096;

/// What the night found, for the report.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Found {
    pub users: usize,
    pub without_history: usize,
    pub levels: BTreeMap<Level, usize>,
    /// How often each product is a first intent.
    pub first: BTreeMap<u32, usize>,
    /// The mean probability of the three intents.
    pub probability: [f64; 3],
    pub spoken: Option<Spoken>,
    pub replies: Option<ReplyCounts>,
    pub cards: usize,
    /// Bytes of all cards that were written, and of the largest.
    pub card_bytes: [usize; 2],
    pub seconds: f64,
}

/// All that a night needs.
pub(super) struct Night<'a> {
    pub job: &'a TableJob<Intents>,
    pub ctx: &'a RunContext,
    pub inputs: &'a Inputs,
    pub maker: &'a Maker<'a>,
    pub fleet: &'a SavedFleet,
    pub trees: &'a Trees,
    pub personality: Option<PersonalityNet>,
    pub heard: Option<Heard<'a>>,
    pub backend: &'a Backend,
}

/// One user's row.
struct Answer {
    /// The name that a card shows.
    name: Option<String>,
    portrait: Portrait,
    intents: [Intent; 3],
    speech: Option<Speech>,
    decided: Option<Decided>,
}

/// How one user is spoken with.
struct Speech {
    personality: Personality,
    communication: String,
    greeting: Option<Greeting>,
}

impl Night<'_> {
    /// Streams all users; tables appear when all are done.
    pub(super) fn stream(&self) -> Result<Found, RunError> {
        let folder = self.ctx.folder().tables();
        ensure_folder(&folder)?;
        let started = std::time::Instant::now();
        let mut lines = LinesWriter::new(&folder.join("portraits.jsonl"))?;
        let mut rows = PartsWriter::new(&folder.join("intents.csv"), TableFormat::Csv)?;
        let mut of_replies = match &self.heard {
            None => None,
            Some(_) => Some((
                PartsWriter::new(&folder.join("replies.csv"), TableFormat::Csv)?,
                LinesWriter::new(&folder.join("handovers.jsonl"))?,
            )),
        };
        let mut scorer = Scorer::new(self.fleet, "all", self.backend)?;
        let mut runner = self.personality.as_ref().map(|net| net.open(self.backend)).transpose().map_err(failed)?;
        let portraits = Portraits::new(&self.job.settings, &self.inputs.loaded);
        let users = self.inputs.loaded.users.len();
        let progress = self.ctx.progress("users", users as u64);
        let mut found = Found { users, ..Found::default() };
        found.spoken = self.inputs.speaking.as_ref().map(|_| Spoken {
            network: self.personality.as_ref().map(|net| net.report().clone()),
            ..Spoken::default()
        });
        found.replies = self.heard.as_ref().map(Heard::counts);
        for first in (0..users).step_by(BLOCK) {
            self.ctx.check_interrupt()?;
            let block: Vec<usize> = (first..users.min(first + BLOCK)).collect();
            let mut answers = self.answers(&mut scorer, &portraits, &block)?;
            if let Some(speaking) = &self.inputs.speaking {
                self.speak(speaking, runner.as_mut(), &block, &mut answers, &mut found)?;
            }
            if let (Some(heard), Some((table, lines))) = (&self.heard, &mut of_replies) {
                self.reply(heard, &mut scorer, &block, &mut answers, &mut found, (table, lines))?;
            }
            for answer in &answers {
                found.count(answer);
                lines.json(&answer.portrait)?;
            }
            rows.write(&self.table(&answers)?)?;
            if let Some((_, cards)) = &self.inputs.cards {
                self.write_cards(cards, &block, &answers, &mut found)?;
            }
            progress.advance(block.len() as u64);
        }
        lines.finish()?;
        rows.finish()?;
        if let Some((table, lines)) = of_replies {
            table.finish()?;
            lines.finish()?;
        }
        found.probability.iter_mut().for_each(|sum| *sum /= users.max(1) as f64);
        found.seconds = started.elapsed().as_secs_f64();
        Ok(found)
    }

    fn user(&self, user: usize) -> User<'_> {
        self.inputs.loaded.users.get(user)
    }

    fn product(&self, intent: Intent) -> &Product {
        &self.inputs.loaded.products[intent.product as usize]
    }

    fn answers(
        &self,
        scorer: &mut Scorer,
        portraits: &Portraits<'_>,
        users: &[usize],
    ) -> Result<Vec<Answer>, RunError> {
        let events = &self.inputs.loaded.events;
        let now = |user: &usize| Moment { user: *user as u32, events: events.of(*user).len() as u32 };
        let moments: Vec<Moment> = users.iter().map(now).collect();
        let said = scorer.say(&self.maker.rows(&moments))?;
        let products = self.maker.prep.products;
        let answer = |(user, said): (&usize, &Said)| Answer {
            name: self.name(*user).map(str::to_owned),
            portrait: portraits.of(*user),
            intents: self.trees.intents(said, products, &[]),
            speech: None,
            decided: None,
        };
        Ok(users.par_iter().zip(&said).map(answer).collect())
    }

    fn speak(
        &self,
        speaking: &Speaking,
        runner: Option<&mut NetRunner<'_>>,
        users: &[usize],
        answers: &mut [Answer],
        found: &mut Found,
    ) -> Result<(), RunError> {
        let list: Vec<User<'_>> = users.iter().map(|user| self.user(*user)).collect();
        let personalities = speaking.personalities(&list, runner)?;
        let Some(spoken) = &mut found.spoken else { return Ok(()) };
        spoken.by.add(&personalities);
        for ((user, personality), answer) in list.into_iter().zip(personalities).zip(answers) {
            let product = self.product(answer.intents[0]);
            let (communication, greeting) = speaking.greet(user, &personality, product, &mut spoken.greetings);
            *spoken.kinds.entry(personality.kind.clone()).or_default() += 1;
            *spoken.communications.entry(communication.clone()).or_default() += 1;
            answer.speech = Some(Speech { personality, communication, greeting });
        }
        Ok(())
    }

    /// Decides upon the replies of these users; who is not satisfied gets other intents.
    fn reply(
        &self,
        heard: &Heard<'_>,
        scorer: &mut Scorer,
        users: &[usize],
        answers: &mut [Answer],
        found: &mut Found,
        (table, lines): (&mut PartsWriter, &mut LinesWriter),
    ) -> Result<(), RunError> {
        let Inputs { loaded, .. } = self.inputs;
        let Some(counts) = &mut found.replies else { return Ok(()) };
        for (user, answer) in users.iter().zip(&mut *answers) {
            let product = self.product(answer.intents[0]);
            answer.decided = heard.decide(*user, &answer.portrait.user, product, counts);
        }
        self.intend_again(scorer, users, answers)?;
        let mut rows = vec![];
        for (user, answer) in users.iter().zip(answers) {
            let Some(decided) = &answer.decided else { continue };
            let greeting = answer.greeting().map(|greeting| greeting.text.as_str());
            let own = self.user(*user);
            for record in heard.hand_overs(*user, own, decided, greeting, &answer.intents, &loaded.products) {
                lines.json(&record)?;
            }
            if let (Some(speaking), false) = (&self.inputs.speaking, decided.rejecting.is_empty()) {
                // The next card is about another product. What a greeting falls back to was counted with the first.
                let product = self.product(answer.intents[0]);
                if let Some(speech) = &mut answer.speech {
                    let mut counts = GreetingCounts::default();
                    speech.greeting = speaking.greet(own, &speech.personality, product, &mut counts).1;
                }
            }
            rows.extend_from_slice(&decided.rows);
        }
        Ok(table.write(&replies::table(&rows)?)?)
    }

    /// Other intents for those who reject the first: after their replies, and without it.
    fn intend_again(&self, scorer: &mut Scorer, users: &[usize], answers: &mut [Answer]) -> Result<(), RunError> {
        let Inputs { loaded, .. } = self.inputs;
        let rejects = |answer: &Answer| answer.decided.as_ref().is_some_and(|decided| !decided.rejecting.is_empty());
        let pairs = || users.iter().zip(&*answers).filter(|(_, answer)| rejects(answer));
        // All of them at once: one row costs the network as much as a batch.
        let mut rows = vec![];
        for (user, answer) in pairs() {
            let texts = answer.decided.iter().flat_map(|decided| &decided.rejecting);
            let named: Vec<u32> = texts.flat_map(|text| named(text, &loaded.products)).collect();
            let moment = Moment { user: *user as u32, events: loaded.events.of(*user).len() as u32 };
            rows.extend(self.maker.row_after(moment, &named, answer.intents[0].product));
        }
        let said = scorer.say(&rows)?;
        for (answer, said) in answers.iter_mut().filter(|answer| rejects(answer)).zip(&said) {
            answer.intents = self.trees.intents(said, self.maker.prep.products, &[answer.intents[0].product]);
        }
        Ok(())
    }

    /// Writes cards of this block's users, as long as the job wants more.
    fn write_cards(
        &self,
        cards: &Cards,
        users: &[usize],
        answers: &[Answer],
        found: &mut Found,
    ) -> Result<(), RunError> {
        let wanted = self.job.settings.cards.as_ref().map_or(0, |cards| cards.write).saturating_sub(found.cards);
        if wanted == 0 {
            return Ok(());
        }
        let folder = self.ctx.folder().cards();
        ensure_folder(&folder)?;
        let greeted = users.iter().zip(answers).filter(|(_, answer)| answer.greeting().is_some());
        let greeted: Vec<(&usize, &Answer)> = greeted.take(wanted).collect();
        let made: Vec<(String, String)> = greeted
            .par_iter()
            .map(|(user, answer)| -> Result<(String, String), RunError> {
                let mut out = String::new();
                if let Some(message) = self.message(answer) {
                    cards.render(&message, &mut out).map_err(|e| self.card_failed(**user, &e))?;
                }
                Ok((file_name(self.user(**user).id()), out))
            })
            .collect::<Result<_, _>>()?;
        found.cards += made.len();
        for (_, card) in &made {
            found.card_bytes[0] += card.len();
            found.card_bytes[1] = found.card_bytes[1].max(card.len());
        }
        Ok(write_many(&folder, &made)?)
    }

    fn card_failed(&self, user: usize, error: &crate::card::CardError) -> RunError {
        RunError::data(crate::pipelines::tabular::TabularError::data(
            &self.inputs.loaded.users_file,
            format!("the card of the user `{}`: {error}", self.user(user).id()),
        ))
    }

    fn message<'a>(&'a self, answer: &'a Answer) -> Option<Message<'a>> {
        let greeting = answer.greeting()?;
        Some(Message {
            language: &greeting.language,
            name: answer.name.as_deref(),
            greeting: &greeting.text,
            product: &self.product(answer.intents[0]).id,
            purchase: answer.decided.as_ref().is_some_and(|decided| decided.purchase),
        })
    }

    /// The name that a card shows.
    fn name(&self, user: usize) -> Option<&str> {
        let by_name = self.job.settings.cards.as_ref().is_some_and(|cards| cards.by_name);
        if by_name { self.user(user).name() } else { None }
    }

    fn table(&self, answers: &[Answer]) -> Result<Table, ArtifactError> {
        let text = |of: &dyn Fn(&Answer) -> String| Cells::text(answers.iter().map(of));
        let mut columns = vec![
            ("user".to_owned(), text(&|a| a.portrait.user.clone())),
            ("level".to_owned(), text(&|a| a.portrait.level.name().to_owned())),
            ("events".to_owned(), Cells::i64(answers.iter().map(|a| a.portrait.activity.events as i64))),
        ];
        for (place, name) in ["first", "second", "third"].into_iter().enumerate() {
            let product = |a: &Answer| self.product(a.intents[place]);
            columns.push((name.to_owned(), text(&|a| product(a).id.clone())));
            columns.push((format!("{name}_name"), text(&|a| product(a).name.clone())));
            let probability = answers.iter().map(|a| a.intents[place].probability);
            columns.push((format!("{name}_probability"), Cells::f64(probability)));
        }
        if self.heard.is_some() {
            let of = |of: fn(&Decided) -> bool| Cells::bool(answers.iter().map(|a| a.decided.as_ref().is_some_and(of)));
            columns.push(("recomputed".to_owned(), of(|decided| !decided.rejecting.is_empty())));
            columns.push(("purchase".to_owned(), of(|decided| decided.purchase)));
        }
        if self.inputs.speaking.is_some() {
            let of = |of: &dyn Fn(&Speech) -> String| text(&|a| a.speech.as_ref().map_or(String::new(), of));
            let said = |of: &dyn Fn(&Greeting) -> String| text(&|a| a.greeting().map_or(String::new(), of));
            columns.push(("personality".to_owned(), of(&|s| s.personality.kind.clone())));
            columns.push(("personality_by".to_owned(), of(&|s| s.personality.by.name().to_owned())));
            columns.push(("communication".to_owned(), of(&|s| s.communication.clone())));
            columns.push(("language".to_owned(), said(&|g| g.language.clone())));
            columns.push(("greeting".to_owned(), said(&|g| g.text.clone())));
        }
        if self.job.settings.cards.as_ref().is_some_and(|cards| cards.by_name) {
            let names = answers.iter().map(|a| a.name.clone().unwrap_or_default());
            columns.push(("name".to_owned(), Cells::text(names)));
        }
        Table::new(columns)
    }
}

impl Answer {
    fn greeting(&self) -> Option<&Greeting> {
        self.speech.as_ref()?.greeting.as_ref()
    }
}

impl Found {
    fn count(&mut self, answer: &Answer) {
        self.without_history += usize::from(answer.portrait.activity.events == 0);
        *self.levels.entry(answer.portrait.level).or_default() += 1;
        *self.first.entry(answer.intents[0].product).or_default() += 1;
        self.probability.iter_mut().zip(answer.intents).for_each(|(sum, intent)| *sum += intent.probability);
    }
}
