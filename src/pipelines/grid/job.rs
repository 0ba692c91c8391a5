//! `kind = "grid"`: from the job file to a job that the runner can run.

use std::path::PathBuf;
use std::sync::OnceLock;

use serde_json::{Value, json};

use super::contacts::Contacts;
use super::error::GridError;
use super::managers::Managers;
use super::settings::{DispatchMode, ManagerSettings, Settings};
use super::{check, index, run};
use crate::backend::Chosen;
use crate::dataset::Source;
use crate::pipelines::JobDevice;
use crate::pipelines::train::source;
use crate::run::{DeviceUsed, Input, Job, JobKind, Outcome, RunContext, RunError};
use crate::spec::{self, Head, JobErrors, JobText};

/// The kind.
#[derive(Debug)]
pub struct Grid;

impl JobKind for Grid {
    fn name(&self) -> &'static str {
        "grid"
    }

    fn summary(&self) -> &'static str {
        "the right customer to the right manager, for the right task"
    }

    fn schema(&self) -> Value {
        spec::job_schema::<Settings>(self.name())
    }

    fn parse(&self, text: &JobText) -> Result<Box<dyn Job>, JobErrors> {
        let job = spec::parse::<Settings>(text)?;
        let mut issues = job.issues();
        let settings = job.raw;
        let mut wanted = vec![("data.source", &settings.data.source)];
        if let ManagerSettings::Table(table) = &settings.managers {
            wanted.push(("managers.table.source", &table.source));
            wanted.extend(table.friends.iter().map(|friends| ("managers.table.friends.source", &friends.source)));
        }
        let sources: Vec<(&'static str, Source)> = wanted
            .into_iter()
            .filter_map(|(key, raw)| source(&mut issues, text, key, raw).map(|source| (key, source)))
            .collect();
        check::settings(&mut issues, &settings);
        issues.finish()?;
        let index = text.resolve(&settings.index.folder);
        let dispatch = settings.dispatch.as_ref();
        let ledger = dispatch.map(|dispatch| text.resolve(&dispatch.ledger));
        let outbox = dispatch.and_then(|dispatch| dispatch.outbox.as_ref()).map(|path| text.resolve(path));
        let device = JobDevice::default();
        Ok(Box::new(GridJob {
            head: job.head,
            settings,
            sources,
            index,
            ledger,
            outbox,
            device,
            loaded: OnceLock::new(),
        }))
    }
}

/// A checked grid job.
#[derive(Debug)]
pub(super) struct GridJob {
    pub head: Head,
    pub settings: Settings,
    sources: Vec<(&'static str, Source)>,
    /// Where grids and relation document are.
    pub index: PathBuf,
    /// Where offers and claims are.
    pub ledger: Option<PathBuf>,
    /// The file that messages go to.
    pub outbox: Option<PathBuf>,
    device: JobDevice,
    /// The tables, read once.
    loaded: OnceLock<Loaded>,
}

/// The job's data.
#[derive(Debug)]
pub(super) struct Loaded {
    pub contacts: Contacts,
    pub managers: Managers,
}

impl GridJob {
    pub(super) fn chosen(&self) -> Result<&Chosen, RunError> {
        self.device.chosen(&self.head.device, false)
    }

    pub(super) fn loaded(&self) -> Result<&Loaded, GridError> {
        if let Some(loaded) = self.loaded.get() {
            return Ok(loaded);
        }
        let loaded = self.load()?;
        Ok(self.loaded.get_or_init(|| loaded))
    }

    fn load(&self) -> Result<Loaded, GridError> {
        let [(_, data), others @ ..] = self.sources.as_slice() else {
            return Err(GridError::data(&self.index, "no table of contacts"));
        };
        index::check(&self.index)?;
        let contacts = Contacts::read(data, &self.settings)?;
        let managers = match (&self.settings.managers, others) {
            (ManagerSettings::Table(table), [(_, source), friends @ ..]) => {
                Managers::read(&contacts, table, source, friends.first().map(|(_, source)| source))?
            }
            (ManagerSettings::Generated(spec), _) => Managers::generate(&contacts, spec, self.head.seed),
            (ManagerSettings::Table(_), []) => return Err(GridError::data(&self.index, "no table of managers")),
        };
        if !contacts.places(false).iter().any(|&row| managers.served_by[row].is_some()) {
            let reason = "expected training contacts that a manager made, found none";
            return Err(GridError::data(&contacts.path, reason));
        }
        let named = self.settings.dispatch.as_ref().and_then(|dispatch| match &dispatch.mode {
            DispatchMode::Assigned(manager) => Some(manager),
            DispatchMode::Mapped | DispatchMode::Grab => None,
        });
        if let Some(name) = named.filter(|name| !managers.list.iter().any(|manager| manager.id == **name)) {
            let reason = format!("`dispatch.mode` assigns to the manager `{name}`, of whom nothing is known");
            return Err(GridError::data(&contacts.path, reason));
        }
        Ok(Loaded { contacts, managers })
    }
}

impl Job for GridJob {
    fn head(&self) -> &Head {
        &self.head
    }

    fn inputs(&self) -> Vec<Input> {
        let input =
            |(key, source): &(&str, Source)| Input { key: format!("{key}.path"), path: source.path().to_owned() };
        self.sources.iter().map(input).collect()
    }

    fn resolved(&self) -> Value {
        json!(self.settings)
    }

    fn check_data(&self) -> Result<Vec<String>, RunError> {
        let Loaded { contacts, managers } = self.loaded()?;
        let late = contacts.tasks.iter().filter(|task| task.late).count();
        let made_up = if managers.generated { " (made up)" } else { "" };
        Ok(vec![
            format!(
                "contacts: {} to train, {} to allocate, of {} customers",
                contacts.places(false).len(),
                contacts.places(true).len(),
                contacts.customers.len()
            ),
            format!("tasks: {} early, {late} late", contacts.tasks.len() - late),
            format!("managers: {}{made_up} in {} regions", managers.list.len(), contacts.regions.len()),
        ])
    }

    fn device(&self) -> Result<DeviceUsed, RunError> {
        self.device.used(&self.head.device, false)
    }

    fn run(&self, ctx: &RunContext) -> Result<Outcome, RunError> {
        run::run(self, ctx)
    }
}
