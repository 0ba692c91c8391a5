//! The tables, read and joined (P1).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::settings::{ColumnGroup, Counts, Kind, Settings};
use crate::dataset::{Column, ColumnType, DataError, ReadOptions, RowRef, Source, TableReader, Wanted};
use crate::pipelines::tabular::TabularError;
use crate::pipelines::train::settings::RawColumns;
use crate::prep::{Attribute, CleanSpec, ColumnSpec};
use crate::recommend::Holdings;

/// A column with its name and what is to be done to it.
pub(super) type NamedColumn = (String, ColumnSpec, Attribute);

/// Customers, what they hold, and what they must not be offered.
#[derive(Debug)]
pub(super) struct Loaded {
    pub file: PathBuf,
    pub ids: Vec<String>,
    pub columns: Vec<NamedColumn>,
    /// What of the holdings is in each column.
    pub counts: Vec<Option<Counts>>,
    pub holdings: Holdings,
    /// Sums of the holdings' table by its column, one a holding.
    pub sums: BTreeMap<String, Vec<f64>>,
    pub products: Products,
    pub exclusions: Exclusions,
}

/// Products in the order in which ties break.
#[derive(Debug, Clone, Default)]
pub(super) struct Products {
    pub ids: Vec<String>,
    /// For people; the id where there is no name.
    pub names: Vec<String>,
}

/// What must not be offered, by customer.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct Exclusions {
    /// Customers who opted out of everything.
    pub all: BTreeSet<String>,
    /// Products by customer.
    pub products: BTreeMap<String, BTreeSet<String>>,
}

impl Exclusions {
    pub(super) fn len(&self) -> usize {
        self.all.len() + self.products.values().map(BTreeSet::len).sum::<usize>()
    }
}

/// The tables' sources.
pub(super) struct Sources {
    pub customers: Source,
    pub holdings: Option<Source>,
    pub products: Option<Source>,
    pub exclude: Option<Source>,
}

impl Loaded {
    pub(super) fn read(settings: &Settings, sources: &Sources) -> Result<(Self, Option<usize>), TabularError> {
        let wide = names(settings.holdings.wide.as_ref())?;
        if settings.customers.stream {
            let products = match &sources.products {
                Some(source) => read_products(source, settings)?,
                None => BTreeMap::new(),
            };
            let products = order_products(products.keys().cloned().chain(wide), &products);
            let exclusions = match &sources.exclude {
                Some(source) => read_exclusions(source, settings)?,
                None => Exclusions::default(),
            };
            let (loaded, total) = super::stream::sample(settings, &sources.customers, (&products, exclusions))?;
            return Ok((loaded, Some(total)));
        }
        let plan = Plan::of(settings, &sources.customers, &wide)?;
        let file = sources.customers.path().to_owned();
        let customers = read_customers(&sources.customers, settings, &plan, &wide)?;
        let by_id: HashMap<&str, usize> = customers.ids.iter().enumerate().map(|(i, id)| (id.as_str(), i)).collect();
        let pairs = match &sources.holdings {
            Some(source) => read_pairs(source, settings, &plan.sums, &by_id)?,
            None => customers.wide,
        };
        let products = match &sources.products {
            Some(source) => read_products(source, settings)?,
            None => BTreeMap::new(),
        };
        // Of wide holdings every column is a product, held or not.
        let known = products.keys().cloned().chain(wide);
        let products = order_products(known.chain(pairs.iter().flat_map(|own| own.keys().cloned())), &products);
        let (holdings, sums) = assemble(&pairs, &products, &plan.sums, settings.holdings.strength.is_some())
            .map_err(|reason| TabularError::data(&file, reason))?;
        let exclusions = match &sources.exclude {
            Some(source) => read_exclusions(source, settings)?,
            None => Exclusions::default(),
        };
        if holdings.holding_users().len() < 3 {
            let found = holdings.holding_users().len();
            return Err(TabularError::data(
                &file,
                format!("expected at least 3 customers who hold something, found {found}"),
            ));
        }
        let (columns, counts) = (customers.columns, plan.counts);
        Ok((Self { file, ids: customers.ids, columns, counts, holdings, sums, products, exclusions }, None))
    }

    /// Where a customer's holdings begin among all.
    pub(super) fn first_holding(&self, user: usize) -> usize {
        self.holdings.first(user)
    }

    /// Customers to learn from; the others are candidates only.
    pub(super) fn learn(&self) -> Vec<usize> {
        self.holdings.holding_users()
    }
}

pub(super) fn names(columns: Option<&RawColumns>) -> Result<Vec<String>, DataError> {
    Ok(columns.map(RawColumns::names).transpose()?.unwrap_or_default())
}

/// The columns of the customers' table that are attributes.
pub(super) struct Plan {
    pub columns: Vec<(String, ColumnSpec)>,
    pub counts: Vec<Option<Counts>>,
    /// Columns of the holdings' table that are needed besides its strength.
    pub sums: Vec<String>,
}

impl Plan {
    pub(super) fn of(settings: &Settings, source: &Source, wide: &[String]) -> Result<Self, TabularError> {
        let reader = TableReader::open(source, &ReadOptions::default())?;
        let customers = &settings.customers;
        let mut other: BTreeSet<String> = names(customers.ignore.as_ref())?.into_iter().collect();
        other.extend(wide.iter().cloned());
        other.extend(customers.id.clone());
        let mut groups: BTreeMap<String, &ColumnGroup> = BTreeMap::new();
        for group in &customers.columns {
            groups.extend(group.names.names()?.into_iter().map(|name| (name, group)));
        }
        let header: BTreeSet<&String> = reader.header().iter().collect();
        if let Some(name) = other.iter().chain(groups.keys()).find(|name| !header.contains(name)) {
            let reason = format!("expected a column `{name}`, which the job names, found none");
            return Err(TabularError::data(source.path(), reason));
        }
        let mut plan = Self { columns: vec![], counts: vec![], sums: vec![] };
        for info in reader.columns().iter().filter(|info| !other.contains(&info.name)) {
            let spec = match groups.get(&info.name) {
                Some(group) => match group.kind {
                    Kind::Number => ColumnSpec::Number(group.clean()),
                    Kind::OneHot => ColumnSpec::OneHot,
                    Kind::Ordinal => ColumnSpec::Ordinal(group.order.clone()),
                },
                None if matches!(info.kind, ColumnType::Integer | ColumnType::Float) => {
                    ColumnSpec::Number(CleanSpec::default())
                }
                None => {
                    let reason = format!(
                        "column `{}` holds no numbers: expected it among `customers.columns` as `one_hot` or `ordinal`, or in \
                         `customers.ignore`",
                        info.name
                    );
                    return Err(TabularError::data(source.path(), reason));
                }
            };
            let counts = groups.get(&info.name).and_then(|group| group.counts.clone());
            if let Some(Counts::Sum(column)) = &counts
                && !plan.sums.contains(column)
            {
                plan.sums.push(column.clone());
            }
            plan.columns.push((info.name.clone(), spec));
            plan.counts.push(counts);
        }
        if plan.columns.is_empty() {
            return Err(TabularError::data(source.path(), "expected at least one column of attributes, found none"));
        }
        Ok(plan)
    }
}

/// What each customer holds: numbers by product; the first is the strength, then the sums.
type Pairs = Vec<BTreeMap<String, Vec<f64>>>;

struct CustomerRows {
    ids: Vec<String>,
    columns: Vec<NamedColumn>,
    wide: Pairs,
}

/// Ids, attributes, and the numbers of wide holdings.
pub(super) type Columns = (Vec<String>, Vec<NamedColumn>, Vec<Vec<Option<f64>>>);

/// Reads attributes of customers; `learned` are columns with their specs.
pub(super) fn read_columns(
    source: &Source,
    id: Option<&String>,
    columns: &[(String, ColumnSpec)],
    wide: &[String],
) -> Result<Columns, TabularError> {
    let typed = |(name, spec): &(String, ColumnSpec)| match spec {
        ColumnSpec::Number(_) => Wanted::typed(name, ColumnType::Float),
        ColumnSpec::OneHot | ColumnSpec::Ordinal(_) => Wanted::typed(name, ColumnType::Text),
    };
    let wanted = id.iter().map(|name| Wanted::typed(name, ColumnType::Text));
    let wanted = wanted.chain(columns.iter().map(typed));
    let yes_or_no = boolean_columns(source, wide)?;
    let wide_kind = |name: &String| {
        let kind = if yes_or_no.contains(name) { ColumnType::Boolean } else { ColumnType::Float };
        Wanted::typed(name, kind)
    };
    let wanted: Vec<Wanted> = wanted.chain(wide.iter().map(wide_kind)).collect();
    let mut reader = TableReader::open(source, &ReadOptions { columns: wanted, ..ReadOptions::default() })?;
    let (mut ids, mut seen): (Vec<String>, HashMap<String, RowRef>) = (vec![], HashMap::new());
    let empty = |(name, spec): &(String, ColumnSpec)| {
        let values = match spec {
            ColumnSpec::Number(_) => Attribute::Numbers(vec![]),
            ColumnSpec::OneHot | ColumnSpec::Ordinal(_) => Attribute::Texts(vec![]),
        };
        (name.clone(), spec.clone(), values)
    };
    let mut out: Vec<NamedColumn> = columns.iter().map(empty).collect();
    let mut held = vec![vec![]; wide.len()];
    while let Some(batch) = reader.next_batch()? {
        let mut rest = batch.columns.iter();
        if let Some(name) = id {
            for (row, cell) in batch.rows.iter().zip(rest.next().into_iter().flat_map(Column::texts)) {
                let text = cell.unwrap_or_default().trim().to_owned();
                let wrong = |reason| TabularError::data(source.path(), format!("{row}, column `{name}`: {reason}"));
                if text.is_empty() {
                    return Err(wrong("expected an id, found nothing".to_owned()));
                }
                if let Some(first) = seen.insert(text.clone(), *row) {
                    return Err(wrong(format!("expected each id once, found `{text}` again after {first}")));
                }
                ids.push(text);
            }
        } else {
            ids.extend((ids.len() + 1..=ids.len() + batch.rows.len()).map(|row| row.to_string()));
        }
        for ((_, _, values), column) in out.iter_mut().zip(&mut rest) {
            match values {
                Attribute::Numbers(values) => values.extend_from_slice(column.floats().unwrap_or_default()),
                Attribute::Texts(values) => values.extend(column.texts().map(|text| text.map(str::to_owned))),
            }
        }
        for (held, column) in held.iter_mut().zip(rest) {
            held.extend_from_slice(column.floats().unwrap_or_default());
            let flags = column.booleans().unwrap_or_default();
            held.extend(flags.iter().map(|flag| flag.map(|flag| f64::from(u8::from(flag)))));
        }
    }
    Ok((ids, out, held))
}

/// Those of the columns that hold `true` and `false`.
fn boolean_columns(source: &Source, names: &[String]) -> Result<BTreeSet<String>, TabularError> {
    if names.is_empty() {
        return Ok(BTreeSet::new());
    }
    let reader = TableReader::open(source, &ReadOptions::default())?;
    let flags = reader.columns().iter().filter(|column| column.kind == ColumnType::Boolean);
    Ok(flags.map(|column| column.name.clone()).filter(|name| names.contains(name)).collect())
}

fn read_customers(
    source: &Source,
    settings: &Settings,
    plan: &Plan,
    wide: &[String],
) -> Result<CustomerRows, TabularError> {
    let (ids, columns, held) = read_columns(source, settings.customers.id.as_ref(), &plan.columns, wide)?;
    let mut pairs: Pairs = vec![BTreeMap::new(); ids.len()];
    for (name, values) in wide.iter().zip(held) {
        for (user, value) in values.into_iter().enumerate() {
            match value.unwrap_or(0.0) {
                v if v > 0.0 => drop(pairs[user].insert(name.clone(), vec![1.0])),
                0.0 => {}
                v => {
                    let reason = format!("customer `{}`, column `{name}`: expected 0 or more, found {v}", ids[user]);
                    return Err(TabularError::data(source.path(), reason));
                }
            }
        }
    }
    Ok(CustomerRows { ids, columns, wide: pairs })
}

fn read_pairs(
    source: &Source,
    settings: &Settings,
    sums: &[String],
    by_id: &HashMap<&str, usize>,
) -> Result<Pairs, TabularError> {
    let table = &settings.holdings;
    let (customer, product) = (table.customer.clone().unwrap_or_default(), table.product.clone().unwrap_or_default());
    let numbers: Vec<&String> = table.strength.iter().chain(sums).collect();
    let texts = [&customer, &product].map(|name| Wanted::typed(name, ColumnType::Text));
    let mut distinct: Vec<&String> = numbers.clone();
    distinct.sort_unstable();
    distinct.dedup();
    let columns = texts.into_iter().chain(distinct.iter().map(|n| Wanted::typed(n, ColumnType::Float))).collect();
    let mut reader = TableReader::open(source, &ReadOptions { columns, ..ReadOptions::default() })?;
    let mut pairs: Pairs = vec![BTreeMap::new(); by_id.len()];
    while let Some(batch) = reader.next_batch()? {
        let text = |column: usize, row: usize| batch.columns[column].text(row).unwrap_or_default().trim();
        for (row, place) in batch.rows.iter().enumerate() {
            let wrong = |name: &str, reason: String| {
                TabularError::data(source.path(), format!("{place}, column `{name}`: {reason}"))
            };
            let own = text(0, row);
            let Some(user) = by_id.get(own) else {
                return Err(wrong(&customer, format!("expected a customer of the customers' table, found `{own}`")));
            };
            let id = text(1, row);
            if id.is_empty() {
                return Err(wrong(&product, "expected a product, found nothing".to_owned()));
            }
            let value = |name: &&String| -> Result<f64, TabularError> {
                let at = distinct.iter().position(|other| other == name).unwrap_or(0);
                batch.columns[2 + at].floats().unwrap_or_default()[row]
                    .ok_or_else(|| wrong(name, "expected a number, found nothing".to_owned()))
            };
            let values: Vec<f64> = numbers.iter().map(value).collect::<Result<_, _>>()?;
            let known = pairs[*user].entry(id.to_owned()).or_insert_with(|| vec![0.0; values.len()]);
            known.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
        }
    }
    Ok(pairs)
}

fn read_products(source: &Source, settings: &Settings) -> Result<BTreeMap<String, String>, TabularError> {
    let Some(table) = &settings.products else { return Ok(BTreeMap::new()) };
    let name = table.name.as_ref().unwrap_or(&table.id);
    let mut wanted = vec![Wanted::typed(&table.id, ColumnType::Text)];
    if *name != table.id {
        wanted.push(Wanted::typed(name, ColumnType::Text));
    }
    let mut reader = TableReader::open(source, &ReadOptions { columns: wanted, ..ReadOptions::default() })?;
    let mut products = BTreeMap::new();
    while let Some(batch) = reader.next_batch()? {
        let text = |column: usize, row: usize| {
            batch.columns.get(column).and_then(|c| c.text(row)).unwrap_or_default().trim().to_owned()
        };
        for (row, place) in batch.rows.iter().enumerate() {
            let id = text(0, row);
            let name = Some(text(batch.columns.len() - 1, row)).filter(|name| !name.is_empty());
            let wrong =
                |reason: String| TabularError::data(source.path(), format!("{place}, column `{}`: {reason}", table.id));
            if id.is_empty() {
                return Err(wrong("expected a product, found nothing".to_owned()));
            }
            if products.insert(id.clone(), name.unwrap_or_else(|| id.clone())).is_some() {
                return Err(wrong(format!("expected each product once, found `{id}` again")));
            }
        }
    }
    Ok(products)
}

fn read_exclusions(source: &Source, settings: &Settings) -> Result<Exclusions, TabularError> {
    let Some(table) = &settings.exclude else { return Ok(Exclusions::default()) };
    let names = std::iter::once(&table.customer).chain(&table.product);
    let columns = names.map(|name| Wanted::typed(name, ColumnType::Text)).collect();
    let mut reader = TableReader::open(source, &ReadOptions { columns, ..ReadOptions::default() })?;
    let mut exclusions = Exclusions::default();
    while let Some(batch) = reader.next_batch()? {
        let text = |column: usize, row: usize| {
            batch.columns.get(column).and_then(|c| c.text(row)).unwrap_or_default().trim().to_owned()
        };
        for (row, place) in batch.rows.iter().enumerate() {
            let (customer, product) = (text(0, row), text(1, row));
            if customer.is_empty() {
                let reason = format!("{place}, column `{}`: expected a customer, found nothing", table.customer);
                return Err(TabularError::data(source.path(), reason));
            }
            if product.is_empty() {
                exclusions.all.insert(customer);
            } else {
                exclusions.products.entry(customer).or_default().insert(product);
            }
        }
    }
    Ok(exclusions)
}

/// All products, by number if all ids are whole numbers, else as text.
fn order_products(ids: impl Iterator<Item = String>, names: &BTreeMap<String, String>) -> Products {
    let mut ids: Vec<String> = ids.collect::<BTreeSet<_>>().into_iter().collect();
    let numbers: Option<Vec<i64>> = ids.iter().map(|id| id.parse().ok()).collect();
    if numbers.is_some() {
        ids.sort_by_key(|id| id.parse::<i64>().unwrap_or_default());
    }
    let names = ids.iter().map(|id| names.get(id).unwrap_or(id).clone()).collect();
    Products { ids, names }
}

type Assembled = (Holdings, BTreeMap<String, Vec<f64>>);

fn assemble(pairs: &Pairs, products: &Products, sums: &[String], strengths: bool) -> Result<Assembled, String> {
    let numbers: HashMap<&str, u32> = products.ids.iter().zip(0..).map(|(id, n)| (id.as_str(), n)).collect();
    let mut columns: BTreeMap<String, Vec<f64>> = sums.iter().map(|name| (name.clone(), vec![])).collect();
    let mut lists = Vec::with_capacity(pairs.len());
    for own in pairs {
        let mut list: Vec<(u32, &Vec<f64>)> = own.iter().map(|(id, values)| (numbers[id.as_str()], values)).collect();
        list.sort_unstable_by_key(|(product, _)| *product);
        for (_, values) in &list {
            for (name, value) in sums.iter().zip(values.iter().skip(usize::from(strengths))) {
                columns.entry(name.clone()).or_default().push(*value);
            }
        }
        let strength = |values: &Vec<f64>| if strengths { values[0] as f32 } else { 1.0 };
        lists.push(list.iter().map(|(product, values)| (*product, strength(values))).collect());
    }
    let holdings = Holdings::new(&lists, products.ids.len()).map_err(|e| e.to_string())?;
    Ok((holdings, columns))
}

/// A short description of a table for errors.
pub(super) fn of_file(path: &Path, error: impl std::fmt::Display) -> TabularError {
    TabularError::data(path, error.to_string())
}
