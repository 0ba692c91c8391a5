//! What a store of claims does.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ClaimError;

/// Who sees an offered customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The managers that are named for the customer.
    Mapped,
    /// The one manager that is named for the customer.
    Assigned,
    /// All managers of the list.
    Grab,
}

impl Mode {
    /// As it stands in files and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mapped => "mapped",
            Self::Assigned => "assigned",
            Self::Grab => "grab",
        }
    }
}

/// A customer in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Offered {
    /// The customer.
    pub customer: String,
    /// Who sees it: one or more in mode `mapped`, exactly one in mode `assigned`, none in mode `grab`.
    pub managers: Vec<String>,
    /// For whoever reads the list.
    pub weight: f64,
}

/// A grid's customers for a task.
#[derive(Debug, Clone, PartialEq)]
pub struct OfferList {
    /// The grid.
    pub grid: String,
    /// The task.
    pub task: String,
    /// Who sees the customers.
    pub mode: Mode,
    /// The customers, in the order in which they are shown.
    pub entries: Vec<Offered>,
    /// In mode `grab` the managers who see all of them; otherwise none.
    pub managers: Vec<String>,
}

impl OfferList {
    /// Names are there, managers fit the mode, no customer stands in it twice.
    pub(crate) fn check(&self) -> Result<(), ClaimError> {
        named("grid", &self.grid)?;
        named("task", &self.task)?;
        self.managers.iter().try_for_each(|manager| named("manager", manager))?;
        let (grid, task) = (|| self.grid.clone(), || self.task.clone());
        let mut seen = BTreeSet::new();
        for Offered { customer, managers, weight } in &self.entries {
            named("customer", customer)?;
            managers.iter().try_for_each(|manager| named("manager", manager))?;
            let (fits, expected) = match self.mode {
                Mode::Mapped => (!managers.is_empty(), "at least 1 manager"),
                Mode::Assigned => (managers.len() == 1, "exactly 1 manager"),
                Mode::Grab => (managers.is_empty(), "no manager of its own"),
            };
            let customer = || customer.clone();
            if !fits {
                let (mode, found) = (self.mode.as_str(), managers.len());
                return Err(ClaimError::Managers {
                    grid: grid(),
                    task: task(),
                    customer: customer(),
                    mode,
                    expected,
                    found,
                });
            }
            if !weight.is_finite() {
                return Err(ClaimError::Weight { grid: grid(), task: task(), customer: customer(), found: *weight });
            }
            if !seen.insert(customer()) {
                return Err(ClaimError::Twice { grid: grid(), task: task(), customer: customer() });
            }
        }
        Ok(())
    }
}

pub(super) fn named(what: &'static str, name: &str) -> Result<(), ClaimError> {
    if name.is_empty() { Err(ClaimError::Name { what }) } else { Ok(()) }
}

/// How a claim ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Claim {
    /// The customer is the manager's from now on.
    Won,
    /// The customer was the manager's already.
    AlreadyYours,
    /// Somebody else was first.
    OwnedBy(String),
    /// The customer is not offered to this manager.
    NotOffered,
}

/// How a release ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Release {
    /// The customer is open again.
    Released,
    /// The customer is somebody else's.
    NotYours(String),
    /// The customer is nobody's.
    NotClaimed,
}

/// What a manager sees.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Open {
    /// The task.
    pub task: String,
    /// How it is offered.
    pub mode: Mode,
    /// The customer.
    pub customer: String,
    /// What the list says of the customer.
    pub weight: f64,
    /// Whether the manager owns the customer.
    pub yours: bool,
}

/// Offers and claims that survive a kill.
pub trait ClaimStore: Send + Sync {
    /// Puts a list in the place of the one of the same grid and task. Claims stay.
    ///
    /// # Errors
    /// Names, managers or weights that make no sense; the ledger failed.
    fn offer(&self, list: OfferList) -> Result<(), ClaimError>;

    /// Claims a customer of a grid for a manager. On the disk when this returns.
    ///
    /// # Errors
    /// The ledger failed; then nothing is known of the claim, and it may be repeated.
    fn claim(&self, grid: &str, customer: &str, manager: &str) -> Result<Claim, ClaimError>;

    /// Gives a customer back.
    ///
    /// # Errors
    /// The ledger failed.
    fn release(&self, grid: &str, customer: &str, manager: &str) -> Result<Release, ClaimError>;

    /// What a manager sees of a grid: open customers that are offered to him, and his own; by task and place.
    ///
    /// # Errors
    /// The ledger failed.
    fn list(&self, grid: &str, manager: &str) -> Result<Vec<Open>, ClaimError>;
}
