//! The texts of a column, one behind the other in one allocation: a table of a million rows has no million strings.

use std::fmt::{Display, Write};

/// Texts, some of which may be missing.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Texts {
    all: String,
    /// Where each text ends in `all`.
    ends: Vec<usize>,
    missing: Vec<bool>,
}

impl Texts {
    /// Without texts yet, with room for so many.
    pub fn with_capacity(texts: usize) -> Self {
        Self { all: String::new(), ends: Vec::with_capacity(texts), missing: Vec::with_capacity(texts) }
    }

    /// How many, missing ones among them.
    pub const fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The text of a row; `None` if it is missing.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn get(&self, row: usize) -> Option<&str> {
        let first = if row == 0 { 0 } else { self.ends[row - 1] };
        (!self.missing[row]).then(|| &self.all[first..self.ends[row]])
    }

    /// All, in order.
    pub fn iter(&self) -> impl Iterator<Item = Option<&str>> {
        (0..self.len()).map(|row| self.get(row))
    }

    /// Appends a text.
    pub fn push(&mut self, text: Option<&str>) {
        self.all.push_str(text.unwrap_or_default());
        self.end(text.is_none());
    }

    /// Appends how a value is written.
    pub(super) fn push_display(&mut self, value: impl Display) {
        // A string takes whatever is written to it.
        let _ = write!(self.all, "{value}");
        self.end(false);
    }

    fn end(&mut self, missing: bool) {
        self.ends.push(self.all.len());
        self.missing.push(missing);
    }
}

impl std::fmt::Debug for Texts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<T: AsRef<str>> FromIterator<Option<T>> for Texts {
    fn from_iter<I: IntoIterator<Item = Option<T>>>(texts: I) -> Self {
        let mut all = Self::default();
        texts.into_iter().for_each(|text| all.push(text.as_ref().map(T::as_ref)));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::Texts;

    #[test]
    fn e21_texts_keep_their_places_and_tell_empty_from_missing() {
        let given = [Some("ab"), None, Some(""), Some("你好"), None];
        let mut texts: Texts = given.into_iter().collect();
        assert_eq!(texts.iter().collect::<Vec<_>>(), given);
        texts.push_display(1.5);
        assert_eq!((texts.len(), texts.get(5), texts.get(1), texts.get(2)), (6, Some("1.5"), None, Some("")));
        let other: Texts = [Some("ab"), Some(""), Some(""), Some("你好"), None, Some("1.5")].into_iter().collect();
        assert_ne!(texts, other, "a missing text is no empty one");
    }
}
