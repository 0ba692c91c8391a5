//! A grid run, stage by stage.

use serde::{Deserialize, Serialize};

use super::allocate::{Allocation, allocate, capacities};
use super::baselines::{self, Parts};
use super::contacts::Contacts;
use super::correspond::{First, first, ranks};
use super::error::GridError;
use super::evaluate::Truth;
use super::features::Prepared;
use super::gain::Measure;
use super::index::{self, Indexed};
use super::inputs::{Group, RowMaker};
use super::intent;
use super::job::{GridJob, Loaded};
use super::managers::{Draws, History};
use super::network::{Candidate, Lesson, Scorer, candidates, fit, mean};
use super::results::{Choice, Evaluation, LateContact, MadeUp, ManagerRow, Prompt, Results};
use super::settings::{Inputs, ManagerSettings, NetworkSettings};
use super::world::World;
use super::{dispatch, report, tables};
use crate::artifact;
use crate::backend::Backend;
use crate::ledger::Ledger;
use crate::outbox::{Outbox, Publication};
use crate::pipelines::training::training;
use crate::run::{Outcome, RunContext, RunError};
use crate::train::metrics::roc_auc;
use crate::train::{Control, SavedFleet};

/// Which contacts train, choose and are allocated.
struct Split {
    train: Vec<usize>,
    inner_train: Vec<usize>,
    inner_judge: Vec<usize>,
    late: Vec<usize>,
}

impl Split {
    fn of(contacts: &Contacts, inner_start: i64) -> Self {
        let train = contacts.places(false);
        let (inner_train, inner_judge) = train.iter().partition(|&&row| contacts.rows[row].start < inner_start);
        Self { train, inner_train, inner_judge, late: contacts.places(true) }
    }
}

/// What a run has in its hands.
struct Work<'a> {
    job: &'a GridJob,
    ctx: &'a RunContext,
    loaded: &'a Loaded,
    backend: &'a Backend,
    split: Split,
    history: History,
}

pub(super) fn run(job: &GridJob, ctx: &RunContext) -> Result<Outcome, RunError> {
    let loaded = job.loaded()?;
    let split = Split::of(&loaded.contacts, job.settings.data.inner_start);
    let history = loaded.managers.history(&loaded.contacts);
    let work = Work { job, ctx, loaded, backend: &job.chosen()?.backend, split, history };
    let settings = &job.settings;
    let indexed = work.index()?;
    let inner = Prepared::fit(&loaded.contacts, &settings.features, &work.split.inner_train, work.backend)?;
    let choice = ctx.stage("inner", || work.choose(&inner))?;
    let outer = Prepared::fit(&loaded.contacts, &settings.features, &work.split.train, work.backend)?;
    let world = match &settings.managers {
        ManagerSettings::Generated(spec) => {
            Some(World::new(&loaded.contacts, &outer, &loaded.managers, spec, job.head.seed)?)
        }
        ManagerSettings::Table(_) => None,
    };
    let fleet = work.train(&outer, &choice, world.as_ref())?;
    let scores = work.scores(&outer, choice.inputs, &fleet)?;
    let evaluation = work.evaluate(&inner, &outer, &scores)?;
    let results = work.results(indexed, outer, choice, world.as_ref(), &scores, evaluation)?;
    work.write(&results, &fleet)
}

/// What the network says of late contacts.
struct Scores {
    first: First,
    /// By seed.
    customers: Vec<Vec<f64>>,
    pairs: Vec<Vec<Candidate>>,
    histories: Vec<Vec<Candidate>>,
}

impl Work<'_> {
    fn maker<'b>(&'b self, prepared: &'b Prepared, form: Inputs) -> RowMaker<'b> {
        let Loaded { contacts, managers } = self.loaded;
        RowMaker { contacts, prepared, managers, history: &self.history, form }
    }

    /// Writes the grids and the relation document; the differences are kept before the new state is put in force, so that a
    /// run that was killed in between finds them again.
    fn index(&self) -> Result<Indexed, RunError> {
        let next = index::Prepared::write(&self.loaded.contacts, &self.job.settings, &self.job.index)?;
        let found = self.ctx.stage("index", || Ok(next.differences()?))?;
        next.promote()?;
        Ok(found)
    }

    /// Tries inputs and weight decays on the inner time split, with one ensemble each.
    fn choose(&self, inner: &Prepared) -> Result<Choice, RunError> {
        let settings = &self.job.settings.network;
        let one = NetworkSettings { seeds: 1, ..settings.clone() };
        let outcome = |row: usize| self.loaded.contacts.rows[row].outcome == Some(true);
        let judged: Vec<bool> = self.split.inner_judge.iter().map(|&row| outcome(row)).collect();
        let mut tried = vec![];
        for &form in &settings.inputs {
            let maker = self.maker(inner, form);
            for &decay in &settings.weight_decay {
                let rows = self.split.inner_train.iter().map(|&row| (row, 0)).collect();
                let lessons = [Lesson { group: Group::Customer, rows, outcomes: &outcome }];
                let name = format!("inner-{}-{decay}", form.name());
                let fleet = training(self.ctx, &name, settings.epochs, |control: &mut Control<'_>| {
                    fit(&maker, &one, decay, &lessons, self.job.head.seed, self.backend, control)
                })?;
                let mut scorer = Scorer::new(&fleet, Group::Customer, 1, self.backend)?;
                let found = scorer.contacts(&maker, &self.split.inner_judge, settings.tile)?;
                tried.push((form, decay, roc_auc(&found[0], &judged).unwrap_or(0.5)));
            }
        }
        // The first of equal ones.
        let best = tried.iter().fold(tried[0], |best, next| if next.2 > best.2 { *next } else { best });
        Ok(Choice { inputs: best.0, weight_decay: best.1, tried })
    }

    /// Trains all groups as one fleet.
    fn train(&self, outer: &Prepared, choice: &Choice, world: Option<&World>) -> Result<SavedFleet, RunError> {
        let settings = &self.job.settings.network;
        let rows = &self.loaded.contacts.rows;
        let real = |row: usize| rows[row].outcome == Some(true);
        let with_manager = |row: usize| world.map_or(rows[row].outcome, |world| world.outcomes[row]) == Some(true);
        let maker = self.maker(outer, choice.inputs);
        let served = || -> Vec<(usize, u32)> {
            let own = |&row: &usize| self.loaded.managers.served_by[row].map(|manager| (row, manager));
            self.split.train.iter().filter_map(own).collect()
        };
        let lessons = [
            Lesson {
                group: Group::Customer,
                rows: self.split.train.iter().map(|&row| (row, 0)).collect(),
                outcomes: &real,
            },
            Lesson { group: Group::Pair, rows: served(), outcomes: &with_manager },
            Lesson { group: Group::History, rows: served(), outcomes: &with_manager },
        ];
        let seed = self.job.head.seed;
        let bytes = self.ctx.stage_bytes("network", || {
            let fleet = training(self.ctx, "network", settings.epochs, |control: &mut Control<'_>| {
                fit(&maker, settings, choice.weight_decay, &lessons, seed, self.backend, control)
            })?;
            Ok(fleet.to_bytes().map_err(GridError::from)?)
        })?;
        Ok(SavedFleet::from_bytes(&bytes, std::path::Path::new("network")).map_err(GridError::from)?)
    }

    fn scores(&self, outer: &Prepared, form: Inputs, fleet: &SavedFleet) -> Result<Scores, RunError> {
        let settings = &self.job.settings;
        let (network, late) = (&settings.network, &self.split.late);
        let maker = self.maker(outer, form);
        let stop = || self.ctx.interrupted();
        let scorer = |group| Scorer::new(fleet, group, network.seeds, self.backend);
        let pairs = |group| {
            let size = (network.tile, settings.allocation.candidates);
            candidates(&mut scorer(group)?, &maker, group, late, size, &stop)
        };
        Ok(Scores {
            first: first(&self.loaded.contacts, outer, settings, &self.split.train, late),
            customers: scorer(Group::Customer)?.contacts(&maker, late, network.tile)?,
            pairs: pairs(Group::Pair)?,
            histories: pairs(Group::History)?,
        })
    }

    fn evaluate(&self, inner: &Prepared, outer: &Prepared, scores: &Scores) -> Result<Option<Evaluation>, RunError> {
        #[derive(Serialize, Deserialize)]
        struct Baselines {
            logistic: Vec<f64>,
            boosting: (Vec<f64>, usize),
        }
        let contacts = &self.loaded.contacts;
        let Some(truth) = Truth::of(contacts, &self.split.late) else { return Ok(None) };
        let split = &self.split;
        let parts = Parts {
            contacts,
            inner,
            outer,
            inner_train: &split.inner_train,
            inner_judge: &split.inner_judge,
            train: &split.train,
            late: &split.late,
        };
        let found = self.ctx.stage("baselines", || {
            let boosting = baselines::boosting(&parts, &|| self.ctx.interrupted())?;
            Ok(Baselines { logistic: baselines::logistic(&parts)?, boosting })
        })?;
        let past = contacts.numbers(&self.job.settings.data.history).unwrap_or_default();
        let past: Vec<f64> = split.late.iter().map(|&r| past.get(r).copied().flatten().unwrap_or(0.0)).collect();
        let seed = self.job.head.seed;
        let random: Vec<Vec<f64>> = (0..self.job.settings.network.seeds)
            .map(|s| {
                let mut draws = Draws::of(seed, &["random", &s.to_string()]);
                split.late.iter().map(|_| draws.uniform()).collect()
            })
            .collect();
        let all = mean(&scores.customers);
        let ranked = vec![
            truth.ranked("allocation network", &scores.customers),
            truth.ranked("logistic regression", std::slice::from_ref(&found.logistic)),
            truth.ranked("boosted trees", std::slice::from_ref(&found.boosting.0)),
            truth.ranked("first correspondence", std::slice::from_ref(&scores.first.scores)),
            truth.ranked("history only", &[ranks(&past)]),
            truth.ranked("random", &random),
        ];
        let mut tasks = truth.tasks.clone();
        tasks.dedup();
        Ok(Some(Evaluation {
            ranked,
            contacts: truth.places.len(),
            tasks: tasks.len(),
            rate: truth.rate(),
            difference: truth.quality(&all).auc - truth.quality(&found.logistic).auc,
            interval: truth.interval(&all, &found.logistic, seed),
            rounds: found.boosting.1,
        }))
    }

    fn results(
        &self,
        index: Indexed,
        outer: Prepared,
        choice: Choice,
        world: Option<&World>,
        scores: &Scores,
        evaluation: Option<Evaluation>,
    ) -> Result<Results, RunError> {
        let (settings, Loaded { contacts, managers }) = (&self.job.settings, self.loaded);
        let (late, allocation) = (&self.split.late, &settings.allocation);
        let capacities = capacities(contacts, managers, late, allocation);
        let weights = intent::weights(contacts, &settings.intent, &self.split.train, late);
        let no_fit = |place: usize| (!scores.first.keep[place]).then_some("does not correspond to the task");
        let no_intent = |place: usize| {
            no_fit(place)
                .or_else(|| (weights[place] < settings.intent.min_weight).then_some("weight below `min_weight`"))
        };
        let score = |_: usize, candidate: &Candidate| candidate.score as f32;
        let solve = |list: &[Vec<Candidate>], why: &dyn Fn(usize) -> Option<&'static str>| {
            allocate(list, why, &capacities, &score, allocation)
        };
        let first = solve(&scores.pairs, &no_fit)?;
        let third = solve(&scores.histories, &no_fit)?;
        let fourth = solve(&scores.histories, &no_intent)?;
        let made_up = match (world, &settings.managers) {
            (Some(world), ManagerSettings::Generated(spec)) => {
                let truth = |place: usize, manager: u32| world.probability(contacts, managers, late[place], manager);
                let measure = Measure {
                    pairs: &scores.pairs,
                    histories: &scores.histories,
                    customers: &scores.customers,
                    truth: &truth,
                    capacities: &capacities,
                    excluded: &no_fit,
                    settings: allocation,
                    seed: self.job.head.seed,
                };
                let contacts = world.outcomes.iter().flatten().count();
                Some(MadeUp { spec: spec.clone(), turned: world.turned, contacts, gain: measure.find()? })
            }
            _ => None,
        };
        let prompts = self.prompts(&first);
        let influence = third.manager.iter().enumerate().map(|(place, manager)| {
            manager.map(|(manager, _)| {
                let row = &contacts.rows[late[place]];
                let (services, last) = self.history.before(manager, row.customer, row.start);
                (managers.friends.contains(&(manager, row.customer)), services, last.map(|day| row.start - day))
            })
        });
        let influence = influence.collect();
        let late_contacts =
            late.iter().enumerate().map(|(place, &row)| self.late_contact(row, place, scores, &weights));
        let late_contacts = late_contacts.collect();
        let allocations = [first, third, fourth];
        Ok(Results {
            file: contacts.path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            note: settings.data.note.clone(),
            read: contacts.read,
            left_out: contacts.left_out.clone(),
            train: self.split.train.len(),
            customers: contacts.customers.len(),
            tasks: [false, true].map(|late| contacts.tasks.iter().filter(|task| task.late == late).count()),
            regions: contacts.regions.len(),
            index,
            cleaned: outer.cleaned,
            names: outer.names,
            dropped: outer.dropped,
            shares: outer.shares,
            explained: settings.features.explained,
            choice,
            seeds: settings.network.seeds,
            members: settings.network.members,
            evaluation,
            made_up,
            managers: self.manager_rows(&capacities, &allocations),
            unknown_server: managers.unknown_server,
            unknown_friends: managers.unknown_friends,
            late: late_contacts,
            allocations,
            prompts,
            influence,
            tiers: settings.tiers.clone(),
            min_weight: settings.intent.min_weight,
            dispatch: settings.dispatch.as_ref().map(|dispatch| dispatch::in_words(&dispatch.mode)),
        })
    }

    fn late_contact(&self, row: usize, place: usize, scores: &Scores, weights: &[f64]) -> LateContact {
        let contacts = &self.loaded.contacts;
        let own = &contacts.rows[row];
        LateContact {
            task: contacts.tasks[own.task as usize].id.clone(),
            customer: contacts.customers[own.customer as usize].clone(),
            region: contacts.regions[own.region as usize].clone(),
            outcome: own.outcome,
            correspondence: scores.first.scores[place],
            corresponds: scores.first.keep[place],
            weight: weights[place],
        }
    }

    /// Those of the first allocation who are not yet friends (R6), manager by manager, the best first.
    fn prompts(&self, first: &Allocation) -> Vec<Prompt> {
        let Loaded { contacts, managers } = self.loaded;
        let mut prompts: Vec<Prompt> = first
            .manager
            .iter()
            .enumerate()
            .filter_map(|(contact, manager)| manager.map(|(manager, score)| Prompt { contact, manager, score }))
            .filter(|p| !managers.friends.contains(&(p.manager, contacts.rows[self.split.late[p.contact]].customer)))
            .collect();
        prompts.sort_by(|a, b| {
            a.manager.cmp(&b.manager).then(b.score.total_cmp(&a.score)).then(a.contact.cmp(&b.contact))
        });
        prompts
    }

    fn manager_rows(&self, capacities: &[u32], allocations: &[Allocation; 3]) -> Vec<ManagerRow> {
        let Loaded { contacts, managers } = self.loaded;
        let mut demand = vec![0; contacts.regions.len()];
        self.split.late.iter().for_each(|&row| demand[contacts.rows[row].region as usize] += 1);
        let mut served = vec![[0; 3]; managers.list.len()];
        for (number, allocation) in allocations.iter().enumerate() {
            for (manager, _) in allocation.manager.iter().flatten() {
                served[*manager as usize][number] += 1;
            }
        }
        let mut friends = vec![0; managers.list.len()];
        managers.friends.iter().for_each(|(manager, _)| friends[*manager as usize] += 1);
        let row = |(place, manager): (usize, &super::managers::Manager)| ManagerRow {
            id: manager.id.clone(),
            staff: manager.staff.clone(),
            region: contacts.regions[manager.region as usize].clone(),
            capacity: capacities[place],
            demand: demand[manager.region as usize],
            friends: friends[place],
            served: served[place],
        };
        managers.list.iter().enumerate().map(row).collect()
    }

    /// Puts the fourth allocation with its lists and messages into the ledger, in one transaction. Doing it again changes
    /// nothing: what was frozen keeps its key, and what was exported is not exported again.
    fn dispatch(&self, results: &Results) -> Result<(), RunError> {
        let (Some(settings), Some(path)) = (&self.job.settings.dispatch, &self.job.ledger) else { return Ok(()) };
        let Loaded { contacts, managers } = self.loaded;
        for folder in [Some(path), self.job.outbox.as_ref()].into_iter().flatten().filter_map(|file| file.parent()) {
            artifact::ensure_folder(folder)?;
        }
        let outbox = Outbox::new(Ledger::open(path).map_err(GridError::from)?);
        let publication = Publication {
            period: if settings.period.is_empty() { self.ctx.head().name.clone() } else { settings.period.clone() },
            cap: settings.cap,
            drafts: dispatch::drafts(results, &settings.templates)?,
            offers: dispatch::offers(results, managers, contacts, &settings.mode),
        };
        let (lists, drafts) = (publication.offers.len(), publication.drafts.len());
        let found = outbox.publish(publication).map_err(GridError::from)?;
        self.ctx.info(&format!("{lists} lists offered in {}", path.display()))?;
        self.ctx.info(&format!(
            "{drafts} messages: {} queued, {} known, {} opted out, {} above the cap",
            found.queued, found.known, found.opted_out, found.capped
        ))?;
        if let Some(file) = &self.job.outbox {
            let sent = outbox.export(file).map_err(GridError::from)?;
            self.ctx.info(&format!("{} messages appended to {}", sent.messages, file.display()))?;
        }
        Ok(())
    }

    fn write(&self, results: &Results, fleet: &SavedFleet) -> Result<Outcome, RunError> {
        let folder = self.ctx.folder();
        artifact::ensure_folder(&folder.models())?;
        let bytes = fleet.to_bytes().map_err(GridError::from)?;
        artifact::write_bytes(&folder.models().join("allocation.safetensors"), &bytes)?;
        tables::write(results, &folder.tables(), self.job.head.output.format)?;
        self.dispatch(results)?;
        let facts = crate::pipelines::tabular::RunFacts::of(self.ctx);
        report::build(results, &facts).map_err(RunError::work)?.write(&folder.report()).map_err(RunError::work)?;
        Ok(report::outcome(results))
    }
}
