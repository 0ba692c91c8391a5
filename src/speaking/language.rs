//! Language tags and what stands in for a language that is not there (I7, I8).

use serde::{Deserialize, Serialize};

/// Which language was found instead of the one asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fallback {
    /// The one that was asked for.
    Exact,
    /// The language of which it is a dialect or a written form (`zh` for `zh-yue`).
    Base,
    /// The job's default.
    Default,
}

/// A tag as it is compared: in lower case, with `-` between its parts (`zh_HK` is `zh-hk`).
pub fn language_tag(text: &str) -> String {
    text.trim().to_lowercase().replace('_', "-")
}

/// A tag, then what is left of it without its last parts (`zh-hant-hk`, `zh-hant`, `zh`), the longest first, as in RFC 4647.
pub(super) fn bases(tag: &str) -> impl Iterator<Item = &str> {
    let first = (!tag.is_empty()).then_some(tag);
    std::iter::successors(first, |longer| longer.rfind('-').map(|end| &longer[..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i7_a_tag_falls_back_part_by_part() {
        assert_eq!(bases(&language_tag(" zh_Hant-HK")).collect::<Vec<_>>(), ["zh-hant-hk", "zh-hant", "zh"]);
        assert_eq!(bases("en").collect::<Vec<_>>(), ["en"]);
        assert_eq!(bases("").count(), 0);
    }
}
