//! The description of a sales log, raw and checked.

use std::collections::HashSet;
use std::path::Path;

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::calendar::{Step, WeekStart};
use super::set::SeriesSet;
use super::{long, wide};
use crate::dataset::column::parse_date;
use crate::dataset::names::expand_range;
use crate::dataset::{DataError, RawSource, Source};

/// How a log is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// One row per product and time.
    Long,
    /// One row per product, one column per step.
    Wide,
}

/// What a step without a quantity means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MissingStep {
    /// Nothing was sold.
    Zero,
    /// The log is incomplete: an error.
    #[default]
    Error,
}

/// From where to where a product's series runs (long form).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Span {
    /// From the product's first step to its last: its own cycle.
    #[default]
    Own,
    /// From the product's first step to the log's last: products are on sale until the log ends.
    Launch,
    /// From the log's first step to its last, for all products alike.
    Log,
}

/// The step columns of the wide form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RawSteps {
    /// The first and the last column of a numbered row: `w1..w52`, or `s01..s52` where the numbers are padded.
    Range(String),
    /// The columns, in order of time.
    List(Vec<String>),
}

impl RawSteps {
    fn names(&self) -> Result<Vec<String>, DataError> {
        match self {
            Self::List(names) => Ok(names.clone()),
            Self::Range(range) => expand_range("steps", range),
        }
    }
}

/// A sales log's description as it stands in a job file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawSeries {
    /// The table.
    pub source: RawSource,
    /// How it is laid out.
    pub form: Form,
    /// The column with the product's id.
    pub product: String,
    /// Long form: the column with the date or the number of the step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// Long form: the column with the quantity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<String>,
    /// Wide form: the columns with the quantities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<RawSteps>,
    /// Wide form: columns among `steps` to leave out, such as a partial week.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drop: Vec<String>,
    /// The length of a step. Long form: how dates are bucketed. Wide form: the distance of two columns, with `start`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Step>,
    /// Long form with `step = "week"`: where weeks begin. Default: on Mondays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub week_start: Option<WeekStart>,
    /// Wide form: the first day of the first step column, such as `2017-01-02`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    /// What a step without a quantity means. Default: an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<MissingStep>,
    /// Long form: from where to where a series runs. Default: the product's own cycle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<Span>,
    /// Text columns to read beside the series (a category, a brand).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<String>,
}

/// The checked layout of a log.
#[derive(Debug, Clone)]
pub(super) enum Layout {
    Long { time: String, quantity: String, step: Step, week_start: WeekStart, span: Span },
    Wide { steps: Vec<String>, drop: Vec<String>, dates: Option<(NaiveDate, Step)> },
}

/// A checked description of a sales log.
#[derive(Debug, Clone)]
pub struct SeriesSpec {
    pub(super) source: Source,
    pub(super) product: String,
    pub(super) missing: MissingStep,
    pub(super) attributes: Vec<String>,
    pub(super) layout: Layout,
}

impl RawSeries {
    /// Whether the wide form's step columns are all in a table with this header; the long form has none.
    ///
    /// # Errors
    /// [`DataError::Spec`] if `steps` cannot be meant.
    pub fn has_all_steps(&self, header: &[String]) -> Result<bool, DataError> {
        let Some(steps) = &self.steps else { return Ok(true) };
        Ok(steps.names()?.iter().all(|name| header.contains(name)))
    }

    /// The same description for tables that hold the first `count` steps only: the wide form's other columns go.
    ///
    /// # Errors
    /// [`DataError::Spec`] if `steps` cannot be meant.
    pub fn first_steps(&self, count: usize) -> Result<Self, DataError> {
        let Some(steps) = &self.steps else { return Ok(self.clone()) };
        let mut names = steps.names()?;
        let kept = |name: &String| !self.drop.contains(name);
        // Dropped columns before the last kept one stay: the dates of the others are counted over them.
        let last = (0..names.len()).filter(|&i| kept(&names[i])).nth(count.saturating_sub(1));
        names.truncate(last.map_or(names.len(), |i| i + 1));
        let drop = self.drop.iter().filter(|name| names.contains(name)).cloned().collect();
        Ok(Self { steps: Some(RawSteps::List(names)), drop, ..self.clone() })
    }

    /// Checks the description; a relative path of the source is taken from `base`.
    ///
    /// # Errors
    /// [`DataError::Spec`] with the field that is missing, does not belong to the form, or cannot be meant.
    pub fn check(&self, base: &Path) -> Result<SeriesSpec, DataError> {
        let layout = match self.form {
            Form::Long => self.check_long()?,
            Form::Wide => self.check_wide()?,
        };
        let own: Vec<&String> = match &layout {
            Layout::Long { time, quantity, .. } => vec![time, quantity],
            Layout::Wide { steps, .. } => steps.iter().collect(),
        };
        let mut seen = HashSet::new();
        for name in std::iter::once(&self.product).chain(own).chain(&self.attributes) {
            if !seen.insert(name) {
                let reason = format!("expected each column in one part only, found `{name}` in two");
                return Err(DataError::spec("attributes", reason));
            }
        }
        Ok(SeriesSpec {
            source: self.source.check(base)?,
            product: self.product.clone(),
            missing: self.missing.unwrap_or_default(),
            attributes: self.attributes.clone(),
            layout,
        })
    }

    fn check_long(&self) -> Result<Layout, DataError> {
        refuse("steps", self.steps.is_some(), "wide")?;
        refuse("drop", !self.drop.is_empty(), "wide")?;
        refuse("start", self.start.is_some(), "wide")?;
        let step = *required("step", self.step.as_ref(), "long")?;
        if self.week_start.is_some() && step != Step::Week {
            return Err(DataError::spec("week_start", "expected only with step = \"week\""));
        }
        Ok(Layout::Long {
            time: required("time", self.time.as_ref(), "long")?.clone(),
            quantity: required("quantity", self.quantity.as_ref(), "long")?.clone(),
            step,
            week_start: self.week_start.unwrap_or_default(),
            span: self.span.unwrap_or_default(),
        })
    }

    fn check_wide(&self) -> Result<Layout, DataError> {
        refuse("time", self.time.is_some(), "long")?;
        refuse("quantity", self.quantity.is_some(), "long")?;
        refuse("week_start", self.week_start.is_some(), "long")?;
        refuse("span", self.span.is_some(), "long")?;
        let steps = required("steps", self.steps.as_ref(), "wide")?.names()?;
        if steps.iter().all(|name| self.drop.contains(name)) {
            return Err(DataError::spec("steps", "expected at least one column that is not dropped, found none"));
        }
        Ok(Layout::Wide { steps, drop: self.drop.clone(), dates: self.check_dates()? })
    }

    fn check_dates(&self) -> Result<Option<(NaiveDate, Step)>, DataError> {
        let (text, step) = match (&self.start, self.step) {
            (None, None) => return Ok(None),
            (Some(_), None) => return Err(DataError::spec("step", "expected beside `start`, found nothing")),
            (None, Some(_)) => return Err(DataError::spec("start", "expected beside `step`, found nothing")),
            (Some(_), Some(Step::Integer)) => {
                return Err(DataError::spec(
                    "step",
                    "expected `day`, `week` or `month` beside `start`, found `integer`",
                ));
            }
            (Some(text), Some(step)) => (text, step),
        };
        let wrong = || DataError::spec("start", format!("expected a date such as 2017-01-02, found `{text}`"));
        Ok(Some((parse_date(text).ok_or_else(wrong)?, step)))
    }
}

impl SeriesSpec {
    /// The table that is read.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The names of the attribute columns.
    pub fn attributes(&self) -> &[String] {
        &self.attributes
    }

    /// Reads the log. The table is streamed; what is held is the series (and, in the long form, 32 bytes for each row).
    ///
    /// # Errors
    /// Whatever is wrong with the table, a negative or too large quantity, a quantity or product that is missing, a
    /// repeated product and time, a gap where that is an error, and a series shorter than `early_steps`.
    pub fn read(&self, early_steps: usize) -> Result<SeriesSet, DataError> {
        match &self.layout {
            Layout::Long { .. } => long::read(self, early_steps),
            Layout::Wide { .. } => wide::read(self, early_steps),
        }
    }
}

fn required<'a, T>(field: &str, value: Option<&'a T>, form: &str) -> Result<&'a T, DataError> {
    value.ok_or_else(|| DataError::spec(field, format!("expected with form = \"{form}\", found nothing")))
}

fn refuse(field: &str, given: bool, form: &str) -> Result<(), DataError> {
    if given { Err(DataError::spec(field, format!("belongs to form = \"{form}\" only"))) } else { Ok(()) }
}
