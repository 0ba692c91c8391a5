//! What the allocation network takes: the customer and the task, and of a manager the aptitudes, their products with the
//! customer's numbers, and the influence factors.

use super::contacts::Contacts;
use super::features::Prepared;
use super::managers::{History, Managers};
use super::settings::Inputs;

/// What a group of members sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    /// The customer and the task alone; it learns from real outcomes.
    Customer,
    /// Also the manager.
    Pair,
    /// Also what manager and customer did together.
    History,
}

impl Group {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Pair => "pair",
            Self::History => "history",
        }
    }
}

/// Influence factors.
const FACTORS: usize = 3;

/// Makes rows.
#[derive(Clone, Copy)]
pub(super) struct RowMaker<'a> {
    pub contacts: &'a Contacts,
    pub prepared: &'a Prepared,
    pub managers: &'a Managers,
    pub history: &'a History,
    pub form: Inputs,
}

impl RowMaker<'_> {
    /// Values of a customer and a task.
    fn own(&self, row: usize) -> &[f32] {
        let (values, width) = match self.form {
            Inputs::Features => (&self.prepared.features, self.prepared.names.len()),
            Inputs::Components => (&self.prepared.components, self.prepared.dimensions),
        };
        &values[row * width..][..width]
    }

    /// Values of a row.
    pub(super) fn width(&self) -> usize {
        self.own(0).len() + self.managers.trait_names.len() * (1 + self.prepared.numbers.len()) + FACTORS
    }

    /// Appends a contact as the group sees it with this manager.
    pub(super) fn push(&self, out: &mut Vec<f32>, row: usize, manager: u32, group: Group) {
        let end = out.len() + self.width();
        out.extend_from_slice(self.own(row));
        if group != Group::Customer {
            let traits = &self.managers.list[manager as usize].traits;
            out.extend_from_slice(traits);
            for (_, values) in &self.prepared.numbers {
                out.extend(traits.iter().map(|aptitude| aptitude * values[row]));
            }
        }
        if group == Group::History {
            let contact = &self.contacts.rows[row];
            out.extend(self.history.factors(self.managers, manager, contact.customer, contact.start));
        }
        out.resize(end, 0.0);
    }
}
