//! Typed columns, and how texts become their values.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::texts::Texts;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ColumnType {
    /// Whole numbers of 64 bits.
    Integer,
    /// Finite numbers of 64 bits.
    Float,
    /// `true` or `false`, in any case.
    Boolean,
    /// Days.
    Date,
    /// Days with or without a time of day; a day alone is its midnight.
    Datetime,
    /// Anything.
    Text,
}

impl ColumnType {
    /// The type with its article, for messages.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Integer => "an integer",
            Self::Float => "a number",
            Self::Boolean => "true or false",
            Self::Date => "a date",
            Self::Datetime => "a date or a date with a time",
            Self::Text => "a text",
        }
    }
}

/// The values of one column in one batch; `None` is a missing value.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// See [`ColumnType::Integer`].
    Integer(Vec<Option<i64>>),
    /// See [`ColumnType::Float`].
    Float(Vec<Option<f64>>),
    /// See [`ColumnType::Boolean`].
    Boolean(Vec<Option<bool>>),
    /// See [`ColumnType::Date`].
    Date(Vec<Option<NaiveDate>>),
    /// See [`ColumnType::Datetime`].
    Datetime(Vec<Option<NaiveDateTime>>),
    /// See [`ColumnType::Text`].
    Text(Texts),
}

/// The value does not fit the column.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Misfit;

impl Column {
    /// An empty column.
    pub(super) fn new(kind: ColumnType, capacity: usize) -> Self {
        match kind {
            ColumnType::Integer => Self::Integer(Vec::with_capacity(capacity)),
            ColumnType::Float => Self::Float(Vec::with_capacity(capacity)),
            ColumnType::Boolean => Self::Boolean(Vec::with_capacity(capacity)),
            ColumnType::Date => Self::Date(Vec::with_capacity(capacity)),
            ColumnType::Datetime => Self::Datetime(Vec::with_capacity(capacity)),
            ColumnType::Text => Self::Text(Texts::with_capacity(capacity)),
        }
    }

    /// What the column holds.
    pub fn kind(&self) -> ColumnType {
        match self {
            Self::Integer(_) => ColumnType::Integer,
            Self::Float(_) => ColumnType::Float,
            Self::Boolean(_) => ColumnType::Boolean,
            Self::Date(_) => ColumnType::Date,
            Self::Datetime(_) => ColumnType::Datetime,
            Self::Text(_) => ColumnType::Text,
        }
    }

    /// How many values it has, missing ones among them.
    pub fn len(&self) -> usize {
        match self {
            Self::Integer(v) => v.len(),
            Self::Float(v) => v.len(),
            Self::Boolean(v) => v.len(),
            Self::Date(v) => v.len(),
            Self::Datetime(v) => v.len(),
            Self::Text(v) => v.len(),
        }
    }

    /// Whether it has no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values, if they are integers.
    pub fn integers(&self) -> Option<&[Option<i64>]> {
        if let Self::Integer(v) = self { Some(v) } else { None }
    }

    /// The values, if they are floats.
    pub fn floats(&self) -> Option<&[Option<f64>]> {
        if let Self::Float(v) = self { Some(v) } else { None }
    }

    /// The values, if they are booleans.
    pub fn booleans(&self) -> Option<&[Option<bool>]> {
        if let Self::Boolean(v) = self { Some(v) } else { None }
    }

    /// The values, if they are dates.
    pub fn dates(&self) -> Option<&[Option<NaiveDate>]> {
        if let Self::Date(v) = self { Some(v) } else { None }
    }

    /// The values, if they are dates with times.
    pub fn datetimes(&self) -> Option<&[Option<NaiveDateTime>]> {
        if let Self::Datetime(v) = self { Some(v) } else { None }
    }

    /// The texts in order; none if the column holds something else.
    pub fn texts(&self) -> impl Iterator<Item = Option<&str>> {
        let texts = if let Self::Text(v) = self { Some(v) } else { None };
        texts.into_iter().flat_map(Texts::iter)
    }

    /// The text of a row; `None` if it is missing, or the column holds something else.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn text(&self, row: usize) -> Option<&str> {
        if let Self::Text(v) = self { v.get(row) } else { None }
    }

    pub(super) fn push_missing(&mut self) {
        match self {
            Self::Integer(v) => v.push(None),
            Self::Float(v) => v.push(None),
            Self::Boolean(v) => v.push(None),
            Self::Date(v) => v.push(None),
            Self::Datetime(v) => v.push(None),
            Self::Text(v) => v.push(None),
        }
    }

    /// Appends what `text` means in this column.
    pub(super) fn push_text(&mut self, text: &str, rules: &TextRules) -> Result<(), Misfit> {
        if rules.is_missing(text) {
            self.push_missing();
            return Ok(());
        }
        let trimmed = text.trim();
        match self {
            Self::Integer(v) => v.push(Some(parse_integer(trimmed).ok_or(Misfit)?)),
            Self::Float(v) => v.push(Some(parse_float(trimmed).ok_or(Misfit)?)),
            Self::Boolean(v) => v.push(Some(parse_boolean(trimmed).ok_or(Misfit)?)),
            Self::Date(v) => v.push(Some(rules.parse_date(trimmed).ok_or(Misfit)?)),
            Self::Datetime(v) => v.push(Some(rules.parse_datetime(trimmed).ok_or(Misfit)?)),
            Self::Text(v) => v.push(Some(text)),
        }
        Ok(())
    }

    /// Appends a stored integer, where the column can hold it exactly.
    pub(super) fn push_integer(&mut self, value: i64) -> Result<(), Misfit> {
        const EXACT_MAX: u64 = 1 << 53;
        match self {
            Self::Integer(v) => v.push(Some(value)),
            Self::Float(v) if value.unsigned_abs() <= EXACT_MAX => v.push(Some(value as f64)),
            Self::Text(v) => v.push_display(value),
            _ => return Err(Misfit),
        }
        Ok(())
    }

    /// Appends a stored number; NaN is a missing value.
    pub(super) fn push_float(&mut self, value: f64) -> Result<(), Misfit> {
        const WHOLE_LIMIT: f64 = 9_223_372_036_854_775_808.0;
        match self {
            _ if value.is_nan() => self.push_missing(),
            Self::Float(v) if value.is_finite() => v.push(Some(value)),
            Self::Integer(v) if value.fract() == 0.0 && (-WHOLE_LIMIT..WHOLE_LIMIT).contains(&value) => {
                v.push(Some(value as i64));
            }
            Self::Text(v) => v.push_display(value),
            _ => return Err(Misfit),
        }
        Ok(())
    }

    /// Appends a stored boolean.
    pub(super) fn push_boolean(&mut self, value: bool) -> Result<(), Misfit> {
        match self {
            Self::Boolean(v) => v.push(Some(value)),
            Self::Text(v) => v.push_display(value),
            _ => return Err(Misfit),
        }
        Ok(())
    }

    /// Appends a stored date.
    pub(super) fn push_date(&mut self, value: NaiveDate) -> Result<(), Misfit> {
        match self {
            Self::Date(v) => v.push(Some(value)),
            Self::Datetime(v) => v.push(Some(value.and_time(NaiveTime::MIN))),
            Self::Text(v) => v.push_display(value),
            _ => return Err(Misfit),
        }
        Ok(())
    }

    /// Appends a stored date with a time; a date column takes midnights only, so that no time is lost unseen.
    pub(super) fn push_datetime(&mut self, value: NaiveDateTime) -> Result<(), Misfit> {
        match self {
            Self::Datetime(v) => v.push(Some(value)),
            Self::Date(v) if value.time() == NaiveTime::MIN => v.push(Some(value.date())),
            Self::Text(v) => v.push_display(value),
            _ => return Err(Misfit),
        }
        Ok(())
    }
}

/// How texts are read: what counts as missing, and how dates are written.
#[derive(Debug, Clone)]
pub(super) struct TextRules {
    /// In lower case and trimmed.
    pub(super) missing: Vec<String>,
    pub(super) date_format: Option<String>,
}

impl TextRules {
    pub(super) fn is_missing(&self, text: &str) -> bool {
        let text = text.trim();
        // Most values are longer than any word for "missing": the length test spares the comparison.
        self.missing.iter().any(|m| {
            (m.len() == text.len() && m.eq_ignore_ascii_case(text)) || (!text.is_ascii() && *m == text.to_lowercase())
        })
    }

    pub(super) fn parse_date(&self, text: &str) -> Option<NaiveDate> {
        match &self.date_format {
            Some(format) => NaiveDate::parse_from_str(text, format).ok(),
            None => parse_date(text),
        }
    }

    pub(super) fn parse_datetime(&self, text: &str) -> Option<NaiveDateTime> {
        let midnight = |date: NaiveDate| date.and_time(NaiveTime::MIN);
        if let Some(format) = &self.date_format {
            let with_time = NaiveDateTime::parse_from_str(text, format).ok();
            return with_time.or_else(|| self.parse_date(text).map(midnight));
        }
        match text.split_once(['T', ' ']) {
            None => parse_date(text).map(midnight),
            Some((date, time)) => Some(parse_date(date)?.and_time(parse_time(time.trim())?)),
        }
    }

    /// The narrowest type that takes `text`, for the inference.
    pub(super) fn kind_of(&self, text: &str) -> ColumnType {
        let text = text.trim();
        // `00123` is a code, and so is a number too long for 64 bits: as numbers they would lose digits.
        let digits = text.trim_start_matches(['+', '-']);
        let is_code = digits.bytes().all(|b| b.is_ascii_digit())
            && ((digits.len() > 1 && digits.starts_with('0')) || parse_integer(text).is_none());
        if is_code {
            ColumnType::Text
        } else if parse_integer(text).is_some() {
            ColumnType::Integer
        } else if parse_float(text).is_some() {
            ColumnType::Float
        } else if parse_boolean(text).is_some() {
            ColumnType::Boolean
        } else if self.parse_date(text).is_some() {
            ColumnType::Date
        } else if self.parse_datetime(text).is_some() {
            ColumnType::Datetime
        } else {
            ColumnType::Text
        }
    }
}

/// The narrowest type that takes the values of both.
pub(super) fn widen(a: ColumnType, b: ColumnType) -> ColumnType {
    use ColumnType::{Date, Datetime, Float, Integer, Text};
    match (a, b) {
        _ if a == b => a,
        (Integer, Float) | (Float, Integer) => Float,
        (Date, Datetime) | (Datetime, Date) => Datetime,
        _ => Text,
    }
}

fn parse_integer(text: &str) -> Option<i64> {
    text.parse().ok()
}

/// A finite decimal number; the words `inf` and `nan`, which Rust would take, are no quantities.
fn parse_float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    text.parse::<f64>().ok().filter(|v| v.is_finite())
}

fn parse_boolean(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// Year first, with `-`, `/` or 年月日 between: the orders that start with day or month cannot be told apart and need a
/// declared format.
pub(super) fn parse_date(text: &str) -> Option<NaiveDate> {
    let mut parts = match text.strip_suffix('日') {
        Some(chinese) => {
            let (year, rest) = chinese.split_once('年')?;
            let (month, day) = rest.split_once('月')?;
            vec![year, month, day]
        }
        None if text.contains('/') => text.split('/').collect(),
        None => text.split('-').collect::<Vec<_>>(),
    };
    let is_number = |p: &&str, most: usize| !p.is_empty() && p.len() <= most && p.bytes().all(|b| b.is_ascii_digit());
    if parts.len() != 3 || parts[0].len() != 4 || !parts.iter().zip([4, 2, 2]).all(|(p, n)| is_number(p, n)) {
        return None;
    }
    let day = parts.pop()?.parse().ok()?;
    let month = parts.pop()?.parse().ok()?;
    NaiveDate::from_ymd_opt(parts.pop()?.parse().ok()?, month, day)
}

fn parse_time(text: &str) -> Option<NaiveTime> {
    let text = text.strip_suffix('Z').unwrap_or(text);
    NaiveTime::parse_from_str(text, "%H:%M:%S%.f").or_else(|_| NaiveTime::parse_from_str(text, "%H:%M")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> TextRules {
        TextRules { missing: ["", "na", "nan", "null"].map(str::to_owned).to_vec(), date_format: None }
    }

    #[test]
    fn e21_infers_the_narrowest_type() {
        use ColumnType::{Boolean, Date, Datetime, Float, Integer, Text};
        let cases = [
            ("12", Integer),
            ("-3", Integer),
            ("0", Integer),
            ("007", Text),
            ("99999999999999999999", Text),
            ("1.5", Float),
            ("-1e-3", Float),
            (".5", Float),
            ("inf", Text),
            ("1e999", Text),
            ("TRUE", Boolean),
            ("2017-01-02", Date),
            ("2017/1/2", Date),
            ("2017年1月2日", Date),
            ("2017-13-02", Text),
            ("02.01.2017", Text),
            ("2017-01-02 10:30", Datetime),
            ("2017-01-02T10:30:01.5Z", Datetime),
            ("-", Text),
            ("abc", Text),
            ("12,5", Text),
        ];
        for (text, kind) in cases {
            assert_eq!(rules().kind_of(text), kind, "{text}");
        }
    }

    #[test]
    fn e21_missing_values_are_told_by_rule() {
        for text in ["", "  ", "NA", "na", "NaN", "null", "NULL", " NA "] {
            assert!(rules().is_missing(text), "`{text}`");
        }
        for text in ["0", "none", "N", "nan1"] {
            assert!(!rules().is_missing(text), "`{text}`");
        }
    }

    #[test]
    fn e21_stored_values_convert_only_without_loss() {
        let mut integers = Column::new(ColumnType::Integer, 4);
        assert_eq!(integers.push_float(3.0), Ok(()));
        assert_eq!(integers.push_float(3.5), Err(Misfit));
        assert_eq!(integers.push_float(f64::NAN), Ok(()));
        assert_eq!(integers.push_float(1e19), Err(Misfit));
        assert_eq!(integers, Column::Integer(vec![Some(3), None]));
        let mut floats = Column::new(ColumnType::Float, 4);
        assert_eq!(floats.push_integer((1 << 53) + 1), Err(Misfit));
        assert_eq!(floats.push_float(f64::INFINITY), Err(Misfit));
        let mut dates = Column::new(ColumnType::Date, 4);
        let day = NaiveDate::from_ymd_opt(2017, 1, 2).unwrap();
        assert_eq!(dates.push_datetime(day.and_hms_opt(10, 0, 0).unwrap()), Err(Misfit));
        assert_eq!(dates.push_datetime(day.and_hms_opt(0, 0, 0).unwrap()), Ok(()));
    }

    #[test]
    fn e21_a_declared_date_format_is_obeyed() {
        let german = TextRules { date_format: Some("%d.%m.%Y".into()), ..rules() };
        assert_eq!(german.parse_date("02.01.2017"), NaiveDate::from_ymd_opt(2017, 1, 2));
        assert_eq!(german.parse_date("2017-01-02"), None);
        assert_eq!(german.parse_datetime("02.01.2017").unwrap().to_string(), "2017-01-02 00:00:00");
    }
}
