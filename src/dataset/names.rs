//! Names of columns as job files write them: one by one, or as a numbered row of them.

use super::error::DataError;

/// The most columns that one range may stand for.
const RANGE_MAX: u64 = 100_000;

/// `w1..w52` as the 52 names; `s01..s52` where the numbers are padded. `field` names the setting in errors.
///
/// # Errors
/// [`DataError::Spec`] if the text is no such range.
pub fn expand_range(field: &str, range: &str) -> Result<Vec<String>, DataError> {
    let wrong = || {
        let reason = format!("expected a list of columns or a range such as `w1..w52`, found `{range}`");
        DataError::spec(field, reason)
    };
    let (first, last) = range.split_once("..").ok_or_else(wrong)?;
    let ((prefix, from), (last_prefix, to)) = (split_number(first.trim()), split_number(last.trim()));
    let (low, high) = (from.parse::<u64>().map_err(|_| wrong())?, to.parse::<u64>().map_err(|_| wrong())?);
    if prefix != last_prefix || low > high || high - low >= RANGE_MAX {
        return Err(wrong());
    }
    let width = if from.starts_with('0') { from.len() } else { 0 };
    Ok((low..=high).map(|n| format!("{prefix}{n:0width$}")).collect())
}

fn split_number(name: &str) -> (&str, &str) {
    let prefix = name.trim_end_matches(|c: char| c.is_ascii_digit());
    (prefix, &name[prefix.len()..])
}
