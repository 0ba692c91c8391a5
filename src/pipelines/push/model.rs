//! The fitted model: everything that classifying and pushing needs, as it stands in the file.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::TASK;
use super::classes::{self, HoldingSpace, Space, join};
use super::error::PushError;
use super::features::{self, Course, Extractor};
use super::judge::{Setting, Work};
use super::load::{Exclusions, NamedColumn, Products};
use super::offer::Weighed;
use super::settings::{From, Push};
use crate::artifact::tensors::{TensorData, TensorFile};
use crate::backend::Backend;
use crate::cluster::{Centres, Rows};
use crate::dataset::RawSource;
use crate::pipelines::tabular::Saved;
use crate::prep::{AttributePrep, Replacement};
use crate::recommend::{ClassCounts, Holdings};

/// How the centres of one round came about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Draws {
    /// The largest total of each draw.
    pub course: Vec<f64>,
    pub kept: usize,
    pub reached: bool,
    /// Each centre's total in the draw that was kept.
    pub totals: Vec<f64>,
}

impl Draws {
    fn of(centres: &Centres) -> Self {
        let Centres { course, kept, reached, totals, .. } = centres.clone();
        Self { course, kept, reached, totals }
    }
}

/// What the file says besides numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub source: RawSource,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Columns of the customers' table that are holdings, if they are.
    pub wide: Vec<String>,
    pub product_ids: Vec<String>,
    pub product_names: Vec<String>,
    pub exclusions: Exclusions,
    pub setting: Setting,
    pub push: Push,
    pub prep: AttributePrep,
    pub extractor: Extractor,
    pub course: Course,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<HoldingSpace>,
    pub scales: [f64; 2],
    pub draws: Vec<Draws>,
}

/// The model.
#[derive(Debug)]
pub(super) struct Model {
    pub header: Header,
    /// A round's centres, row-major.
    pub centres: Vec<Vec<f32>>,
    pub counts: Vec<ClassCounts>,
}

impl Model {
    /// Fits everything to all that is known.
    pub(super) fn fit(work: &Work<'_>, setting: Setting, seed: u64) -> Result<Self, PushError> {
        let Work { settings, loaded, backend, stop } = *work;
        let learn = loaded.learn();
        let extracted = features::extract(&loaded.columns, &learn, &settings.features, (backend, seed), stop)?;
        let dimensions = settings.classes.holdings_dimensions;
        let needed = setting.from != From::Attributes;
        let held = needed.then(|| HoldingSpace::fit(&loaded.holdings, &learn, dimensions, backend)).transpose()?;
        let space = Space::of(setting.from, &extracted, held.as_ref(), &learn)?;
        let wanted = (setting.classes, setting.rounds);
        let found = classes::rounds(&space, &learn, &settings.classes, wanted, (backend, seed), stop)?;
        let count = |labels: &Vec<u32>| ClassCounts::count(labels, &loaded.holdings, setting.classes);
        let header = Header {
            source: settings.customers.source.clone(),
            id: settings.customers.id.clone(),
            wide: super::load::names(settings.holdings.wide.as_ref())?,
            product_ids: loaded.products.ids.clone(),
            product_names: loaded.products.names.clone(),
            exclusions: loaded.exclusions.clone(),
            setting,
            push: Push { shrink: setting.shrink, rounds: setting.rounds, ..settings.push.clone() },
            prep: extracted.prep,
            extractor: extracted.extractor,
            course: extracted.course,
            held: held.map(|(space, _)| space),
            scales: space.scales,
            draws: found.centres.iter().map(Draws::of).collect(),
        };
        let counts = found.labels.iter().map(count).collect();
        Ok(Self { header, centres: found.centres.into_iter().map(|c| c.values).collect(), counts })
    }

    pub(super) fn weighed(&self) -> Weighed {
        Weighed::new(self.counts.clone(), self.header.setting.shrink)
    }

    pub(super) fn products(&self) -> Products {
        Products { ids: self.header.product_ids.clone(), names: self.header.product_names.clone() }
    }

    /// Values a row in which classes are made.
    fn width(&self) -> usize {
        let features = self.header.extractor.dimensions();
        let held = self.header.held.as_ref().map_or(0, |held| held.pca.dimensions());
        match self.header.setting.from {
            From::Attributes => features,
            From::Holdings => held,
            From::Both => features + held,
        }
    }

    /// Where customers stand, and what was replaced.
    pub(super) fn place(
        &self,
        columns: &[NamedColumn],
        holdings: &Holdings,
        backend: &Backend,
    ) -> Result<(Vec<f32>, Vec<Replacement>), PushError> {
        let Header { prep, extractor, held, setting, scales, .. } = &self.header;
        let (rows, replaced) = prep.apply(columns)?;
        let features = extractor.open(backend)?.of(rows)?;
        let (width, coordinates) = match held {
            Some(space) => {
                let rows = space.profile.rows(holdings);
                let rows = space.pca.transform(&Rows::new(&rows, space.profile.width())?)?;
                (space.pca.dimensions(), rows)
            }
            None => (1, vec![]),
        };
        let (_, values) = join(setting.from, (extractor.dimensions(), &features), (width, &coordinates), *scales);
        Ok((values, replaced))
    }

    /// The class of every row in every round, [rounds][rows], and distances to the first round's centres.
    pub(super) fn classify(&self, places: &[f32], backend: &Backend) -> Result<(Vec<Vec<u32>>, Vec<f32>), PushError> {
        let rows = Rows::new(places, self.width())?;
        let (mut labels, mut first) = (vec![], vec![]);
        for centres in &self.centres {
            let (own, distances) = classes::classify(centres, &rows, backend)?;
            if labels.is_empty() {
                first = distances;
            }
            labels.push(own);
        }
        Ok((labels, first))
    }

    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, PushError> {
        let Setting { classes, rounds, .. } = self.header.setting;
        let products = self.header.product_ids.len();
        let narrow = |v: &u64| u32::try_from(*v).unwrap_or(u32::MAX);
        let users: Vec<u32> = self.counts.iter().flat_map(|c| c.users.iter().map(narrow)).collect();
        let holders: Vec<u32> = self.counts.iter().flat_map(|c| c.holders.iter().map(narrow)).collect();
        let saved = Saved::new(self.header.clone())
            .with("centres", &[rounds, classes, self.width()], TensorData::F32(self.centres.concat()))?
            .with("users", &[rounds, classes], TensorData::U32(users))?
            .with("holders", &[rounds, classes, products], TensorData::U32(holders))?;
        Ok(saved.to_bytes(TASK)?)
    }

    pub(super) fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, PushError> {
        Self::of(Saved::from_bytes(bytes, TASK, path)?, path)
    }

    pub(super) fn load(path: &Path) -> Result<Self, PushError> {
        Self::of(Saved::from_file(TensorFile::load(path)?, TASK, path)?, path)
    }

    fn of(saved: Saved<Header>, path: &Path) -> Result<Self, PushError> {
        let mut model = Self { header: saved.header, centres: vec![], counts: vec![] };
        let Setting { classes, rounds, .. } = model.header.setting;
        let products = model.header.product_ids.len();
        let wrong = |what: &str| PushError::data(path, format!("expected {what} that fit each other in a push model"));
        if rounds == 0 || classes == 0 || products < 2 || model.header.product_names.len() != products {
            return Err(wrong("numbers of rounds, classes and products"));
        }
        if let Some(held) = &model.header.held {
            held.pca.check()?;
        }
        if (model.header.setting.from != From::Attributes) != model.header.held.is_some() {
            return Err(wrong("classes and components of holdings"));
        }
        let width = model.width();
        let centres = saved.tensors.f32("centres", &[rounds, classes, width])?;
        model.centres = centres.chunks_exact(classes * width).map(<[f32]>::to_vec).collect();
        let users = saved.tensors.u32("users", &[rounds, classes])?;
        let holders = saved.tensors.u32("holders", &[rounds, classes, products])?;
        let wide = |values: &[u32]| values.iter().map(|v| u64::from(*v)).collect::<Vec<u64>>();
        for (users, holders) in users.chunks_exact(classes).zip(holders.chunks_exact(classes * products)) {
            model.counts.push(ClassCounts::of(wide(users), wide(holders)).ok_or_else(|| wrong("counts"))?);
        }
        Ok(model)
    }
}
