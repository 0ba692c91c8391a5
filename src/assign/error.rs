//! What an allocation refuses.

/// A problem that makes no sense.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AssignError {
    /// Lengths that do not fit each other.
    #[error("`{name}`: expected {expected} values, found {found}")]
    Length {
        /// Whose length.
        name: &'static str,
        /// What would fit.
        expected: usize,
        /// What came.
        found: usize,
    },
    /// More than the numbers of customers, managers or pairs can count.
    #[error("{what}: expected fewer than 2^32, found {found}")]
    TooMany {
        /// What is too many.
        what: &'static str,
        /// What came.
        found: usize,
    },
    /// Offsets that do not ascend from 0.
    #[error("offsets: expected numbers that ascend from 0, found {found} behind {before} at customer {customer}")]
    Offsets {
        /// The customer, from 0.
        customer: usize,
        /// The number before.
        before: u32,
        /// What came.
        found: u32,
    },
    /// A candidate that is no manager.
    #[error("customer {customer}: expected a manager below {managers}, found {found}")]
    Manager {
        /// The customer, from 0.
        customer: usize,
        /// How many managers there are.
        managers: usize,
        /// What came.
        found: u32,
    },
    /// A manager who is a customer's candidate twice.
    #[error("customer {customer}: manager {manager} is a candidate twice")]
    Twice {
        /// The customer, from 0.
        customer: usize,
        /// The manager.
        manager: u32,
    },
    /// A value that cannot be summed.
    #[error("customer {customer}: expected a {name} of magnitude at most 1e15, found {found:e}")]
    Value {
        /// The customer, from 0.
        customer: usize,
        /// `gain` or `stay`.
        name: &'static str,
        /// What came.
        found: f32,
    },
    /// A setting outside its range.
    #[error("`{name}`: expected {expected}, found {found}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its range.
        expected: &'static str,
        /// What came.
        found: String,
    },
}
