//! What a saved model knows of the tables that it is for: `nightloom predict` reads new tables by it (E14).

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::GrowthError;
use super::history::Expected;
use super::settings::Settings;
use crate::dataset::series::{RawSeries, SeriesSpec};
use crate::dataset::{ReadOptions, TableReader, Wanted};
use crate::spec::{self, JobErrors, JobText};

/// Which of a job's tables a new table is laid out like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Like {
    /// The table of the history.
    History,
    /// The table of current products.
    Current,
}

/// The layout of a job's tables.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSpec {
    /// The history's.
    pub history: RawSeries,
    /// The current products', if they have a table of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<RawSeries>,
    /// Products that sold less than this in their early steps are left out.
    pub min_volume: f64,
}

impl DataSpec {
    pub(super) fn of(settings: &Settings) -> Self {
        Self {
            history: settings.history.clone(),
            current: settings.current.clone(),
            min_volume: settings.monitor.min_volume,
        }
    }

    /// From a growth job's file.
    ///
    /// # Errors
    /// If it is no growth job, or its types are wrong.
    pub fn of_job(text: &JobText) -> Result<Self, JobErrors> {
        let kind = text.kind()?;
        if kind != "growth" {
            return Err(text.error("kind", format!("expected a `growth` job, got {kind:?}")).into());
        }
        Ok(Self::of(&spec::parse::<Settings>(text)?.raw))
    }

    /// The description of the table `data`, laid out like one of the job's (by default, like the current products' if they
    /// have one). Of the wide form's columns, those of the early steps are enough; attributes are read only where the
    /// expectation depends on one.
    pub(super) fn series(
        &self,
        like: Option<Like>,
        data: &Path,
        early_steps: usize,
        expected: &Expected,
    ) -> Result<SeriesSpec, GrowthError> {
        let mut raw = match (like, &self.current) {
            (Some(Like::Current), None) => {
                return Err(GrowthError::Data {
                    file: data.display().to_string(),
                    reason: "expected a layout of current products, but the job has none: say `history`".to_owned(),
                });
            }
            (None | Some(Like::Current), Some(current)) => current.clone(),
            (None | Some(Like::History), _) => self.history.clone(),
        };
        data.clone_into(&mut raw.source.path);
        // The new file may be stored otherwise: its name and its first bytes tell.
        raw.source.format = None;
        raw.attributes = expected.column().map(str::to_owned).into_iter().collect();
        let options = ReadOptions { columns: vec![Wanted::any(&raw.product)], ..ReadOptions::default() };
        let source = raw.source.check(Path::new(""))?;
        if !raw.has_all_steps(TableReader::open(&source, &options)?.header())? {
            raw = raw.first_steps(early_steps)?;
        }
        Ok(raw.check(Path::new(""))?)
    }
}
