//! Steps of time: how dates fall into days, weeks and months, and what a step is called.

use chrono::{Datelike, Days, Months, NaiveDate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The length of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// A day.
    Day,
    /// Seven days.
    Week,
    /// A calendar month.
    Month,
    /// The time column counts the steps itself.
    Integer,
}

/// Where weeks begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WeekStart {
    /// On Mondays, as in ISO 8601. The log's first and last week may be partial ones.
    #[default]
    Monday,
    /// On the weekday of the log's first date, so that the first week is whole.
    FirstDate,
}

/// Cuts time into numbered buckets; neighbours have neighbouring numbers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Bucketing {
    Day,
    /// Weeks counted from this day.
    Week(NaiveDate),
    Month,
    Integer,
}

impl Bucketing {
    /// The rule for a log that begins on `first`.
    pub(super) fn new(step: Step, week_start: WeekStart, first: NaiveDate) -> Self {
        match step {
            Step::Day => Self::Day,
            Step::Week if week_start == WeekStart::FirstDate => Self::Week(first),
            Step::Week => Self::Week(first.week(chrono::Weekday::Mon).checked_first_day().unwrap_or(first)),
            Step::Month => Self::Month,
            Step::Integer => Self::Integer,
        }
    }

    pub(super) fn bucket(self, date: NaiveDate) -> i64 {
        match self {
            Self::Day | Self::Integer => i64::from(date.num_days_from_ce()),
            Self::Week(anchor) => (date - anchor).num_days().div_euclid(7),
            Self::Month => i64::from(date.year()) * 12 + i64::from(date.month0()),
        }
    }

    /// The bucket's first day; `None` where buckets are no dates, or outside the calendar.
    fn first_day(self, bucket: i64) -> Option<NaiveDate> {
        match self {
            Self::Integer => None,
            Self::Day => NaiveDate::from_num_days_from_ce_opt(i32::try_from(bucket).ok()?),
            Self::Week(anchor) => anchor.checked_add_signed(chrono::TimeDelta::try_days(bucket.checked_mul(7)?)?),
            Self::Month => {
                let year = i32::try_from(bucket.div_euclid(12)).ok()?;
                NaiveDate::from_ymd_opt(year, u32::try_from(bucket.rem_euclid(12)).ok()? + 1, 1)
            }
        }
    }

    fn label(self, bucket: i64) -> String {
        match (self, self.first_day(bucket)) {
            (Self::Month, Some(day)) => day.format("%Y-%m").to_string(),
            (_, Some(day)) => day.to_string(),
            (_, None) => bucket.to_string(),
        }
    }
}

/// The steps of a set of series: their names and, where they are known, their dates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    labels: Vec<String>,
    /// The first and the last day of each step.
    spans: Option<Vec<(NaiveDate, NaiveDate)>>,
}

impl Calendar {
    /// `count` consecutive buckets.
    pub(super) fn of_buckets(rule: Bucketing, first: i64, count: usize) -> Self {
        let buckets = || (0..count as i64).map(|i| first.saturating_add(i));
        let span = |bucket: i64| Some((rule.first_day(bucket)?, rule.first_day(bucket.checked_add(1)?)?.pred_opt()?));
        Self { labels: buckets().map(|b| rule.label(b)).collect(), spans: buckets().map(span).collect() }
    }

    /// Named steps without dates.
    pub fn named(labels: Vec<String>) -> Self {
        Self { labels, spans: None }
    }

    /// Named steps; step `i` stands at `positions[i]` of a row of days, weeks or months that begins on `start`.
    /// `None` where that is outside the calendar or the steps have no length in days.
    pub(super) fn dated(labels: Vec<String>, positions: &[usize], start: NaiveDate, step: Step) -> Option<Self> {
        let day = |position: usize| match step {
            Step::Day => start.checked_add_days(Days::new(position as u64)),
            Step::Week => start.checked_add_days(Days::new(7 * position as u64)),
            Step::Month => start.checked_add_months(Months::new(u32::try_from(position).ok()?)),
            Step::Integer => None,
        };
        let span = |p: &usize| Some((day(*p)?, day(*p + 1)?.pred_opt()?));
        let spans = positions.iter().map(span).collect::<Option<Vec<_>>>()?;
        Some(Self { labels, spans: Some(spans) })
    }

    /// How many steps there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// What a step is called: its column (wide form), number, first day, or month.
    pub fn label(&self, step: usize) -> Option<&str> {
        self.labels.get(step).map(String::as_str)
    }

    /// The first and the last day of a step that lies beyond this calendar, by going on in its rhythm: steps of equal
    /// length (days, weeks), or months. `None` where dates are not known or show no such rhythm.
    pub fn future_span(&self, step: usize) -> Option<(NaiveDate, NaiveDate)> {
        let spans = self.spans.as_ref()?;
        let (first, last) = (spans.first()?, spans.last()?);
        let ahead = (step + 1).checked_sub(spans.len())?;
        let days = |span: &(NaiveDate, NaiveDate)| (span.1 - span.0).num_days() + 1;
        if spans.iter().all(|span| days(span) == days(first)) && (spans.len() > 1 || days(first) <= 7) {
            let shift = Days::new(days(first) as u64 * ahead as u64);
            return Some((last.0.checked_add_days(shift)?, last.1.checked_add_days(shift)?));
        }
        if spans.iter().all(|span| (28..=31).contains(&days(span))) {
            let month = |n: usize| last.0.checked_add_months(Months::new(u32::try_from(n).ok()?));
            return Some((month(ahead)?, month(ahead + 1)?.pred_opt()?));
        }
        None
    }

    /// A step's first and last day, where dates are known.
    pub fn span(&self, step: usize) -> Option<(NaiveDate, NaiveDate)> {
        self.spans.as_ref()?.get(step).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g7_steps_beyond_the_calendar_go_on_in_its_rhythm() {
        let day = |text: &str| text.parse::<super::NaiveDate>().expect("a date");
        let names = |n: usize| (0..n).map(|i| i.to_string()).collect::<Vec<_>>();
        let weeks = super::Calendar::dated(names(3), &[0, 1, 2], day("2017-01-01"), super::Step::Week).expect("dates");
        assert_eq!(weeks.future_span(4), Some((day("2017-01-29"), day("2017-02-04"))));
        let months = super::Calendar::dated(names(2), &[0, 1], day("2020-01-01"), super::Step::Month).expect("dates");
        assert_eq!(months.future_span(3), Some((day("2020-04-01"), day("2020-04-30"))));
        assert_eq!(super::Calendar::named(names(3)).future_span(5), None);
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn g1_weeks_begin_where_the_rule_says() {
        let thursday = day("2017-01-05");
        let monday = Bucketing::new(Step::Week, WeekStart::Monday, thursday);
        assert_eq!(
            ["2017-01-05", "2017-01-08", "2017-01-09", "2017-01-01"].map(|d| monday.bucket(day(d))),
            [0, 0, 1, -1]
        );
        let own = Bucketing::new(Step::Week, WeekStart::FirstDate, thursday);
        assert_eq!(["2017-01-05", "2017-01-11", "2017-01-12"].map(|d| own.bucket(day(d))), [0, 0, 1]);
        let calendar = Calendar::of_buckets(monday, 0, 2);
        assert_eq!(calendar.span(1), Some((day("2017-01-09"), day("2017-01-15"))));
        assert_eq!(calendar.label(1), Some("2017-01-09"));
        assert_eq!(calendar.span(2), None);
    }

    #[test]
    fn g1_months_cross_years_and_leap_days() {
        let rule = Bucketing::new(Step::Month, WeekStart::Monday, day("2019-12-31"));
        let first = rule.bucket(day("2019-12-31"));
        assert_eq!(rule.bucket(day("2020-02-29")) - first, 2);
        let calendar = Calendar::of_buckets(rule, first, 3);
        assert_eq!(calendar.label(2), Some("2020-02"));
        assert_eq!(calendar.span(2), Some((day("2020-02-01"), day("2020-02-29"))));
    }

    #[test]
    fn g1_named_steps_take_dates_from_a_start() {
        let names = || vec!["w1".to_owned(), "w3".to_owned()];
        let weeks = Calendar::dated(names(), &[0, 2], day("2017-01-02"), Step::Week).unwrap();
        assert_eq!(weeks.span(1), Some((day("2017-01-16"), day("2017-01-22"))));
        let months = Calendar::dated(names(), &[0, 1], day("2017-01-31"), Step::Month).unwrap();
        assert_eq!(months.span(0), Some((day("2017-01-31"), day("2017-02-27"))));
        assert!(Calendar::dated(names(), &[0, 1], day("2017-01-31"), Step::Integer).is_none());
        assert_eq!(Calendar::named(names()).span(0), None);
    }
}
