//! Who contacts customers: from a table, or made up.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::contacts::Contacts;
use super::error::GridError;
use super::settings::{Generated, ManagerTable};
use crate::dataset::{ColumnType, DataError, Place, ReadOptions, Source, TableReader, Wanted};

/// A manager.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Manager {
    /// The account.
    pub id: String,
    pub staff: String,
    pub region: u32,
    /// Customers that the manager can serve, where the table says it.
    pub capacity: Option<u32>,
    /// Standardised.
    pub traits: Vec<f32>,
}

/// All managers, by region, and what is known of them and the customers.
#[derive(Debug)]
pub(super) struct Managers {
    pub list: Vec<Manager>,
    /// Places in the list, by region.
    pub by_region: Vec<Vec<u32>>,
    pub trait_names: Vec<String>,
    /// Who made each contact.
    pub served_by: Vec<Option<u32>>,
    /// Manager and customer.
    pub friends: BTreeSet<(u32, u32)>,
    pub generated: bool,
    /// Contacts made by somebody whom the table does not know.
    pub unknown_server: usize,
    /// Friendships with somebody whom the tables do not know.
    pub unknown_friends: usize,
}

impl Managers {
    fn of(list: Vec<Manager>, regions: usize, trait_names: Vec<String>) -> Self {
        let mut by_region = vec![vec![]; regions];
        list.iter().zip(0..).for_each(|(manager, place)| by_region[manager.region as usize].push(place));
        Self {
            list,
            by_region,
            trait_names,
            served_by: vec![],
            friends: BTreeSet::new(),
            generated: false,
            unknown_server: 0,
            unknown_friends: 0,
        }
    }

    /// Makes managers up. Each draw has a seed of its own by region, customer and task, so that new rows change no old one.
    pub(super) fn generate(contacts: &Contacts, spec: &Generated, seed: u64) -> Self {
        let mut list = vec![];
        for (region, name) in contacts.regions.iter().enumerate() {
            let mut draws = Draws::of(seed, &["region", name]);
            let count = spec.least + draws.below(spec.most - spec.least + 1);
            for number in 1..=count {
                list.push(Manager {
                    id: format!("made_up_{name}_{number}"),
                    staff: format!("{}", list.len() + 1),
                    region: region as u32,
                    capacity: None,
                    traits: spec.traits.iter().map(|_| draws.normal() as f32).collect(),
                });
            }
        }
        let mut managers = Self::of(list, contacts.regions.len(), spec.traits.clone());
        managers.generated = true;
        let served = contacts.rows.iter().map(|row| {
            let own = &managers.by_region[row.region as usize];
            let (customer, task) = (&contacts.customers[row.customer as usize], &contacts.tasks[row.task as usize].id);
            (!own.is_empty()).then(|| own[Draws::of(seed, &["served", customer, task]).below(own.len())])
        });
        managers.served_by = served.collect();
        for row in &contacts.rows {
            for &manager in &managers.by_region[row.region as usize] {
                let names = ["friend", &managers.list[manager as usize].id, &contacts.customers[row.customer as usize]];
                if Draws::of(seed, &names).uniform() < spec.friends {
                    managers.friends.insert((manager, row.customer));
                }
            }
        }
        managers
    }

    /// Reads the tables.
    pub(super) fn read(
        contacts: &Contacts,
        spec: &ManagerTable,
        source: &Source,
        friends: Option<&Source>,
    ) -> Result<Self, GridError> {
        let mut managers = Self::of(listed(contacts, spec, source)?, contacts.regions.len(), spec.traits.clone());
        let places: HashMap<String, u32> = managers.list.iter().zip(0..).map(|(m, i)| (m.id.clone(), i)).collect();
        for row in &contacts.rows {
            let known = row.served_by.as_ref().map(|name| places.get(name).copied());
            managers.unknown_server += usize::from(known == Some(None));
            managers.served_by.push(known.flatten());
        }
        if let (Some(table), Some(source)) = (&spec.friends, friends) {
            let customers: HashMap<&str, u32> = contacts.customers.iter().map(String::as_str).zip(0..).collect();
            for [manager, customer] in pairs(source, [&table.manager, &table.customer])? {
                match (places.get(&manager), customers.get(customer.as_str())) {
                    (Some(m), Some(c)) => drop(managers.friends.insert((*m, *c))),
                    _ => managers.unknown_friends += 1,
                }
            }
        }
        Ok(managers)
    }

    /// Friendship, services together before a day, and how recent the last one is: 0 for a stranger.
    pub(super) fn history(&self, contacts: &Contacts) -> History {
        let mut services: BTreeMap<(u32, u32), Vec<i64>> = BTreeMap::new();
        for (row, manager) in contacts.rows.iter().zip(&self.served_by) {
            if let Some(manager) = manager.filter(|_| !contacts.tasks[row.task as usize].late) {
                services.entry((manager, row.customer)).or_default().push(row.start);
            }
        }
        History { services }
    }
}

/// When each manager served each customer for a task that trains, in the order of days.
#[derive(Debug)]
pub(super) struct History {
    services: BTreeMap<(u32, u32), Vec<i64>>,
}

/// Days after which a service counts half.
const HALF_DAYS: f32 = 60.0;

impl History {
    /// How often a manager served a customer before a day, and when last.
    pub(super) fn before(&self, manager: u32, customer: u32, day: i64) -> (usize, Option<i64>) {
        let days = self.services.get(&(manager, customer)).map_or(&[][..], Vec::as_slice);
        let earlier = days.partition_point(|d| *d < day);
        (earlier, earlier.checked_sub(1).map(|last| days[last]))
    }

    /// The influence factors as numbers: friendship, services together, recency.
    pub(super) fn factors(&self, managers: &Managers, manager: u32, customer: u32, day: i64) -> [f32; 3] {
        let (services, last) = self.before(manager, customer, day);
        let recency = last.map_or(0.0, |last| 1.0 / (1.0 + (day - last) as f32 / HALF_DAYS));
        [f32::from(u8::from(managers.friends.contains(&(manager, customer)))), (services as f32).ln_1p(), recency]
    }
}

fn listed(contacts: &Contacts, spec: &ManagerTable, source: &Source) -> Result<Vec<Manager>, GridError> {
    let mut wanted =
        vec![Wanted::typed(&spec.manager, ColumnType::Text), Wanted::typed(&spec.region, ColumnType::Text)];
    wanted.extend(spec.staff.iter().map(|name| Wanted::typed(name, ColumnType::Text)));
    wanted.extend(spec.capacity.iter().map(|name| Wanted::typed(name, ColumnType::Integer)));
    wanted.extend(spec.traits.iter().map(|name| Wanted::typed(name, ColumnType::Float)));
    let mut table = TableReader::open(source, &ReadOptions { columns: wanted, ..ReadOptions::default() })?;
    let path = source.path();
    let mut first = HashMap::new();
    let (mut list, mut traits): (Vec<Manager>, Vec<f32>) = (vec![], vec![]);
    while let Some(batch) = table.next_batch()? {
        for (index, at) in batch.rows.iter().enumerate() {
            let missing = |name: &str, expected: &str| DataError::Missing {
                at: Place::cell(path, *at, name),
                expected: expected.to_owned(),
            };
            let mut columns = batch.columns.iter();
            let mut text = |name: &str, expected: &str| {
                let value = columns.next().and_then(|c| c.text(index));
                value.map(|t| t.trim().to_owned()).ok_or_else(|| missing(name, expected))
            };
            let id = text(&spec.manager, "a manager")?;
            let region = text(&spec.region, "a region")?;
            let staff = spec.staff.as_ref().map(|name| text(name, "a staff number")).transpose()?.unwrap_or_default();
            if let Some(earlier) = first.insert(id.clone(), *at) {
                let key = format!("manager `{id}`");
                return Err(DataError::Duplicate { at: Place::row(path, *at), key, first: earlier }.into());
            }
            let Ok(region) = contacts.regions.binary_search(&region) else {
                let near = crate::spec::nearest(&region, contacts.regions.iter().map(String::as_str));
                let hint = near.map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
                let reason = format!("{at}: manager `{id}` has the region `{region}`, which no customer has{hint}");
                return Err(GridError::data(path, reason));
            };
            let capacity = match &spec.capacity {
                None => None,
                Some(name) => {
                    let value = columns.next().and_then(|c| c.integers()).and_then(|v| v[index]);
                    let value = value.ok_or_else(|| missing(name, "a number of customers"))?;
                    let fits = u32::try_from(value).ok();
                    Some(fits.ok_or_else(|| {
                        let reason = format!("{at}, column `{name}`: expected 0 to {}, got {value}", u32::MAX);
                        GridError::data(path, reason)
                    })?)
                }
            };
            for name in &spec.traits {
                let value = columns.next().and_then(|c| c.floats()).and_then(|v| v[index]);
                traits.push(value.ok_or_else(|| missing(name, "a number"))? as f32);
            }
            list.push(Manager { id, staff, region: region as u32, capacity, traits: vec![] });
        }
    }
    let width = spec.traits.len();
    if width > 0 {
        let scale = crate::prep::Scale::fit(&traits, &(0..width).collect::<Vec<_>>())?;
        scale.apply(&mut traits)?;
        list.iter_mut().zip(traits.chunks_exact(width)).for_each(|(m, t)| m.traits = t.to_vec());
    }
    Ok(list)
}

/// Two columns of names.
fn pairs(source: &Source, names: [&String; 2]) -> Result<Vec<[String; 2]>, GridError> {
    let columns = names.map(|name| Wanted::typed(name, ColumnType::Text)).to_vec();
    let mut table = TableReader::open(source, &ReadOptions { columns, ..ReadOptions::default() })?;
    let mut found = vec![];
    while let Some(batch) = table.next_batch()? {
        for (index, at) in batch.rows.iter().enumerate() {
            let cell = |column: usize| {
                let value = batch.columns[column].text(index);
                value.map(|text| text.trim().to_owned()).ok_or_else(|| DataError::Missing {
                    at: Place::cell(source.path(), *at, names[column]),
                    expected: "a name".to_owned(),
                })
            };
            found.push([cell(0)?, cell(1)?]);
        }
    }
    Ok(found)
}

/// Draws that follow from a seed and names, whatever else is drawn.
pub(super) struct Draws(rand_chacha::ChaCha8Rng);

impl Draws {
    pub(super) fn of(seed: u64, names: &[&str]) -> Self {
        use rand::SeedableRng;
        use sha2::Digest;
        let mut hash = sha2::Sha256::new();
        hash.update(seed.to_le_bytes());
        for name in names {
            // The length keeps ["a", "bc"] and ["ab", "c"] apart.
            hash.update((name.len() as u64).to_le_bytes());
            hash.update(name.as_bytes());
        }
        Self(rand_chacha::ChaCha8Rng::from_seed(hash.finalize().into()))
    }

    /// From 0 to below 1.
    pub(super) fn uniform(&mut self) -> f64 {
        use rand::Rng;
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// From 0 to below `end`.
    pub(super) fn below(&mut self, end: usize) -> usize {
        ((self.uniform() * end as f64) as usize).min(end.saturating_sub(1))
    }

    /// From the normal distribution (Box and Muller 1958).
    pub(super) fn normal(&mut self) -> f64 {
        let (a, b) = (1.0 - self.uniform(), self.uniform());
        (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
    }
}
