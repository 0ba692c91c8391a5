//! Words for messages.

/// The candidate that was probably meant by `word`, if one is near enough.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    candidates
        .into_iter()
        .map(|c| (likeness(&lower, &c.to_lowercase()), c))
        .filter(|(score, _)| *score >= 0.78)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, c)| c)
}

/// Jaro-Winkler sees little likeness in short words with two letters swapped (`cvs`, `csv`): one slip is always near.
fn likeness(a: &str, b: &str) -> f64 {
    let one_slip = a.len().min(b.len()) > 1 && strsim::damerau_levenshtein(a, b) <= 1;
    strsim::jaro_winkler(a, b).max(if one_slip { 0.9 } else { 0.0 })
}
