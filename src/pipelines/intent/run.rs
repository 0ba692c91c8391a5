//! An intent run, stage by stage.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Intents;
use super::cards::{CardData, Cards};
use super::error::IntentError;
use super::evaluate::{Evaluation, Judged, TILE};
use super::features::{Maker, Moment, Prep};
use super::load::{Loaded, Sources};
use super::network::{self, Class, Form, Lessons, Scorer, TASK};
use super::night::{Found, Night};
use super::portrait::rule_columns;
use super::prior::{self, PriorChoice, target};
use super::replies::{Replies, ReplySources};
use super::settings::Settings;
use super::speak::{Speaking, personality_columns};
use super::split::Split;
use super::trees::{Grounds, Trees};
use super::{replies, report, speak, tables};
use crate::artifact;
use crate::backend::Backend;
use crate::dataset::{DataError, Source};
use crate::pipelines::tabular::{RunFacts, TableJob, TabularError};
use crate::pipelines::training::training;
use crate::report::number::counted;
use crate::run::{Outcome, RunContext, RunError};
use crate::speaking::LookUp;
use crate::train::{Control, SavedFleet, TrainedMember};

/// All that a job reads.
#[derive(Debug)]
pub(in crate::pipelines) struct Inputs {
    pub(super) loaded: Loaded,
    pub(super) split: Split,
    pub(super) speaking: Option<Speaking>,
    pub(super) replies: Option<Replies>,
    pub(super) cards: Option<(CardData, Cards)>,
}

impl Inputs {
    pub(super) fn read(job: &TableJob<Intents>) -> Result<Self, TabularError> {
        let settings = &job.settings;
        let keyed = |wanted: &str| -> Option<Source> {
            let at = settings.sources().iter().position(|(key, _)| *key == wanted)?;
            job.source(at).ok()
        };
        let needed = |wanted: &str| {
            keyed(wanted).ok_or_else(|| DataError::Spec { field: wanted.to_owned(), reason: "no table".to_owned() })
        };
        let look_up = keyed("personality.look_up").map(|source| LookUp::load(&source)).transpose()?;
        let mut columns = rule_columns(settings);
        for column in personality_columns(settings, look_up.as_ref())? {
            if !columns.contains(&column) {
                columns.push(column);
            }
        }
        let sources = Sources {
            users: needed("users.source")?,
            history: needed("history.source")?,
            usage: keyed("usage.source"),
            products: needed("products.source")?,
        };
        let loaded = Loaded::read(settings, &sources, &columns)?;
        let split = Split::of(&loaded, &settings.evaluation, settings.network.rows_max, job.head.seed);
        let parts = [("train on", &split.early), ("choose by", &split.inner), ("judge by", &split.test)];
        if let Some((what, found)) = parts.iter().find(|(_, moments)| moments.len() < 20) {
            let found = found.len();
            let reason = format!("expected at least 20 events of users with a past to {what}, found {found}");
            return Err(TabularError::data(sources.history.path(), reason));
        }
        let speaking = if settings.speaking.is_some() {
            let (communication, greetings) = (needed("speaking.communication")?, needed("speaking.greetings")?);
            Some(Speaking::read(settings, (&communication, &greetings), look_up, &columns)?)
        } else {
            None
        };
        let replies = match &settings.replies {
            None => None,
            Some(own) => {
                let (replies, words, answers) =
                    (needed("replies.source")?, needed("replies.words")?, needed("replies.answers")?);
                let lexicon = keyed("replies.emotion.lexicon");
                let lexicon = lexicon.as_ref();
                let sources = ReplySources { replies: &replies, words: &words, answers: &answers, lexicon };
                Some(Replies::read(own, &sources, &loaded)?)
            }
        };
        let cards = match &settings.cards {
            None => None,
            Some(own) => {
                let data = CardData::read(own, keyed("cards.questions").as_ref(), &loaded.products)?;
                let products = sources.products.path();
                let cards = data.check().map_err(|reason| TabularError::data(products, reason))?;
                Some((data, cards))
            }
        };
        Ok(Self { loaded, split, speaking, replies, cards })
    }

    pub(super) fn facts(&self) -> Vec<String> {
        let Loaded { users, events, products, usage, .. } = &self.loaded;
        let mut facts = vec![
            format!(
                "users: {} who agreed; {} who did not and {} without a value that is needed are left out",
                users.len(),
                users.without_consent,
                users.incomplete
            ),
            format!("events: {}; {} of other users are left out", counted(events.len(), "event"), events.of_others),
            format!("products: {}", products.len()),
        ];
        if let Some(replies) = &self.replies {
            facts.push(format!("replies: {}", replies.len()));
        }
        if !usage.apps.is_empty() {
            facts.push(format!("apps: {}; {} rows of other users are left out", usage.apps.len(), usage.of_others));
        }
        facts
    }
}

/// Of each epoch: training loss, and loss on the inner time split, means over networks.
pub(super) type Course = Vec<(f64, f64)>;

/// A fleet trained on the earlier events.
struct Tried {
    fleet: SavedFleet,
    course: Course,
}

/// The fleet in a run's `models` needs these to answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Saved {
    pub prep: Prep,
    pub trees: Trees,
    pub products: Vec<super::load::Product>,
}

struct Work<'a> {
    job: &'a TableJob<Intents>,
    ctx: &'a RunContext,
    loaded: &'a Loaded,
    backend: &'a Backend,
    split: &'a Split,
}

/// Everything that tables and report are made of.
pub(super) struct Results<'a> {
    pub settings: &'a Settings,
    pub loaded: &'a Loaded,
    pub prior: PriorChoice,
    pub full: Course,
    pub without: Course,
    pub logistic: Course,
    pub trees: Trees,
    pub evaluation: Evaluation,
    pub rows: [usize; 3],
    pub night: Found,
}

pub(super) fn run(
    job: &TableJob<Intents>,
    inputs: &Inputs,
    backend: &Backend,
    ctx: &RunContext,
) -> Result<Outcome, RunError> {
    let (settings, loaded) = (&job.settings, &inputs.loaded);
    let split = &inputs.split;
    let work = Work { job, ctx, loaded, backend, split };
    let prior = ctx.stage("prior", || Ok(prior::choose(settings, loaded, &split.early, &split.inner)))?;
    let priors = (prior.half_life, prior.strength);
    let inner_prep = Prep::fit(settings, loaded, &split.early, priors);
    let full = work.tried(&inner_prep, Form::Full, "inner")?;
    let without = work.tried(&inner_prep, Form::NoPrior, "inner-without")?;
    let logistic = work.tried(&inner_prep, Form::Logistic, "inner-logistic")?;
    let trees = work.trees("trees", &inner_prep, &full.fleet)?;
    let trees_without = work.trees("trees-without", &inner_prep, &without.fleet)?;
    let prep = Prep::fit(settings, loaded, &split.train, priors);
    let fleet = work.final_fleet(&prep, Form::Full, "network")?;
    let fleet_without = work.final_fleet(&prep, Form::NoPrior, "network-without")?;
    let fleet_logistic = work.final_fleet(&prep, Form::Logistic, "logistic")?;
    let maker = Maker::new(&prep, loaded);
    let evaluation = ctx.stage("evaluation", || {
        let judged = Judged {
            loaded,
            maker: &maker,
            train: &split.train,
            test: &split.test,
            held: &split.held_users,
            full: &fleet,
            without: &fleet_without,
            logistic: &fleet_logistic,
            trees: &trees,
            trees_without: &trees_without,
            settings: &settings.evaluation,
            seed: job.head.seed,
            backend,
            stop: &|| ctx.interrupted(),
        };
        Ok(judged.judge()?)
    })?;
    let personality = match &inputs.speaking {
        Some(speaking) => speaking.train(settings, loaded, backend, ctx)?,
        None => None,
    };
    work.save(&prep, &trees, &fleet)?;
    if let Some(net) = &personality {
        let bytes = net.to_bytes().map_err(speak::failed)?;
        artifact::write_bytes(&ctx.folder().models().join("personality.safetensors"), &bytes)?;
    }
    if let Some((data, _)) = &inputs.cards {
        data.save(ctx.folder())?;
    }
    let heard = inputs.replies.as_ref().map(|replies| replies.hear(backend, ctx)).transpose()?;
    if let Some(model) = heard.as_ref().and_then(|heard| heard.model.as_ref()) {
        let bytes = model.to_bytes().map_err(replies::failed)?;
        artifact::write_bytes(&ctx.folder().models().join("emotion.safetensors"), &bytes)?;
    }
    let night = Night { job, ctx, inputs, maker: &maker, fleet: &fleet, trees: &trees, personality, heard, backend };
    let found = night.stream()?;
    let results = Results {
        settings,
        loaded,
        prior,
        full: full.course,
        without: without.course,
        logistic: logistic.course,
        trees,
        evaluation,
        rows: [split.early.len(), split.inner.len(), split.test.len()],
        night: found,
    };
    tables::write(&results, &ctx.folder().tables(), job.head.output.format)?;
    let page = report::build(&results, &RunFacts::of(ctx)).map_err(RunError::work)?;
    page.write(&ctx.folder().report()).map_err(RunError::work)?;
    Ok(report::outcome(&results))
}

impl Work<'_> {
    /// Trains one form; the name keeps its checkpoints apart.
    fn fit(
        &self,
        name: &str,
        form: Form,
        prep: &Prep,
        lessons: &Lessons,
        classes: &[Class<'_>],
    ) -> Result<(SavedFleet, Vec<TrainedMember>), RunError> {
        let settings = &self.job.settings.network;
        let epochs = if form == Form::Full { settings.epochs } else { settings.baseline_epochs };
        let seed = self.job.head.seed;
        training(self.ctx, name, epochs, |control: &mut Control<'_>| {
            network::fit(form, prep, settings, epochs, lessons, classes, (seed, self.backend), control)
        })
    }

    /// Networks of a form's ensemble.
    const fn seeds(&self, form: Form) -> usize {
        let settings = &self.job.settings.network;
        match form {
            Form::Full => settings.seeds,
            Form::NoPrior => settings.baseline_seeds,
            Form::Logistic => 1,
        }
    }

    /// Trains on the earlier events, for trees that learn from the later ones.
    fn tried(&self, prep: &Prep, form: Form, name: &str) -> Result<Tried, RunError> {
        let bytes = self.ctx.stage_bytes(name, || {
            let maker = Maker::new(prep, self.loaded);
            let (early, inner) = (&self.split.early, &self.split.inner);
            // Both parts go into one table; rows of a user need not stand together there.
            let mut lessons = Lessons::of(&maker, self.loaded, early);
            let later = Lessons::of(&maker, self.loaded, inner);
            lessons.inputs.extend(later.inputs);
            lessons.targets.extend(later.targets);
            let count = early.len() as u32;
            let watch = (count..count + inner.len() as u32).collect();
            let class = Class { name: "all", seeds: self.seeds(form), train: (0..count).collect(), watch };
            let (mut fleet, trained) = self.fit(name, form, prep, &lessons, &[class])?;
            fleet.settings = serde_json::to_value(course(&trained)).map_err(RunError::work)?;
            Ok(fleet.to_bytes().map_err(IntentError::from)?)
        })?;
        let mut fleet = SavedFleet::from_bytes(&bytes, Path::new(name)).map_err(IntentError::from)?;
        let course = serde_json::from_value(fleet.settings.take()).map_err(RunError::work)?;
        Ok(Tried { fleet, course })
    }

    /// Trees learn from events that their networks have not seen.
    fn trees(&self, name: &str, prep: &Prep, fleet: &SavedFleet) -> Result<Trees, RunError> {
        let settings = &self.job.settings.trees;
        self.ctx.stage(name, || {
            let maker = Maker::new(prep, self.loaded);
            let mut scorer = Scorer::new(fleet, "all", self.backend)?;
            let mut grounds = Grounds::default();
            for tile in self.split.inner.chunks(TILE) {
                self.ctx.check_interrupt()?;
                let said = scorer.say(&maker.rows(tile))?;
                let came: Vec<(u32, u32)> = tile.iter().map(|m| (m.user, target(self.loaded, *m))).collect();
                grounds.add(&said, &came, prep.products, settings);
            }
            Ok(Trees::fit(&grounds, settings)?)
        })
    }

    /// Trains on all events before the test; the full network once more without the users who are held out.
    fn final_fleet(&self, prep: &Prep, form: Form, name: &str) -> Result<SavedFleet, RunError> {
        let bytes = self.ctx.stage_bytes(name, || {
            let maker = Maker::new(prep, self.loaded);
            let train = &self.split.train;
            let lessons = Lessons::of(&maker, self.loaded, train);
            let all = (0..train.len() as u32).collect();
            let mut classes = vec![Class { name: "all", seeds: self.seeds(form), train: all, watch: vec![] }];
            if form == Form::Full && !self.split.held_users.is_empty() {
                let others = places(train, &self.split.other_users);
                let seeds = self.job.settings.network.baseline_seeds;
                classes.push(Class { name: "other users", seeds, train: others, watch: vec![] });
            }
            let (fleet, _) = self.fit(name, form, prep, &lessons, &classes)?;
            Ok(fleet.to_bytes().map_err(IntentError::from)?)
        })?;
        Ok(SavedFleet::from_bytes(&bytes, Path::new(name)).map_err(IntentError::from)?)
    }

    /// The network that answers, with all that it needs.
    fn save(&self, prep: &Prep, trees: &Trees, fleet: &SavedFleet) -> Result<(), RunError> {
        let own = fleet.names.iter().zip(&fleet.members).filter(|(name, _)| name.starts_with("all "));
        let (names, members) = own.map(|(name, member)| (name.clone(), member.clone())).unzip();
        let saved = Saved { prep: prep.clone(), trees: trees.clone(), products: self.loaded.products.clone() };
        let settings = serde_json::to_value(saved).map_err(RunError::work)?;
        let model = SavedFleet { task: TASK.to_owned(), names, members, settings, ..fleet.clone() };
        let folder = self.ctx.folder();
        artifact::ensure_folder(&folder.models())?;
        let bytes = model.to_bytes().map_err(IntentError::from)?;
        Ok(artifact::write_bytes(&folder.models().join("intent.safetensors"), &bytes)?)
    }
}

/// Where some of the rows stand; both lists are in the same order.
fn places(all: &[Moment], some: &[Moment]) -> Vec<u32> {
    let mut wanted = some.iter().peekable();
    let taken = all.iter().zip(0..).filter(|(moment, _)| wanted.next_if(|next| next == moment).is_some());
    taken.map(|(_, place)| place).collect()
}

/// The course of the losses: the networks keep their best weights on the inner split.
fn course(trained: &[TrainedMember]) -> Course {
    let longest = trained.iter().map(|member| member.losses.len()).max().unwrap_or(0);
    let at = |epoch: usize| {
        let own: Vec<(f32, Option<f32>)> =
            trained.iter().filter_map(|member| member.losses.get(epoch).copied()).collect();
        let count = own.len().max(1) as f64;
        let train = own.iter().map(|losses| f64::from(losses.0)).sum::<f64>() / count;
        let inner = own.iter().map(|losses| f64::from(losses.1.unwrap_or(0.0))).sum::<f64>() / count;
        (train, inner)
    };
    (0..longest).map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::super::features::Moment;
    use super::places;

    #[test]
    fn i3_rows_of_other_users_keep_their_places() {
        let at = |user, events| Moment { user, events };
        let all = [at(0, 1), at(0, 2), at(1, 1), at(2, 1), at(2, 2)];
        assert_eq!(places(&all, &[at(0, 1), at(0, 2), at(2, 2)]), [0, 1, 4]);
    }
}
