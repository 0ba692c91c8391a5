//! The tables, read and joined. Of users without consent nothing but the id is kept, and no cell of theirs is understood.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use chrono::{Datelike, NaiveDate, NaiveDateTime, Timelike};

use super::settings::{Consent, Settings};
use crate::dataset::{Batch, ColumnType, DataError, Place, ReadOptions, RowRef, Source, TableReader, Texts, Wanted};
use crate::pipelines::tabular::TabularError;

/// No product, no place.
pub(super) const NONE: u32 = u32::MAX;

/// The hour of an event that has none.
pub(super) const NO_HOUR: u8 = u8::MAX;

/// A product.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Product {
    pub id: String,
    pub name: String,
    pub kind: String,
    pub price: Option<String>,
    pub colour: Option<String>,
    /// As in the settings: product, case, chat, site, purchase.
    pub links: [Option<String>; 5],
}

/// Users who agreed, in the file's order and column by column, and how many did not agree.
#[derive(Debug, Default)]
pub(super) struct Users {
    ids: Texts,
    names: Texts,
    languages: Texts,
    numbers: Vec<Vec<Option<f64>>>,
    categories: Vec<Texts>,
    others: Vec<Texts>,
    pub without_consent: usize,
    /// Users without a value that the job needs.
    pub incomplete: usize,
    /// Further columns that a part of the job asked for, in its order.
    pub other_columns: Vec<String>,
}

impl Users {
    pub(super) const fn len(&self) -> usize {
        self.ids.len()
    }

    pub(super) const fn get(&self, place: usize) -> User<'_> {
        User { users: self, place }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = User<'_>> {
        (0..self.len()).map(|place| self.get(place))
    }
}

/// A user who agreed.
#[derive(Debug, Clone, Copy)]
pub(super) struct User<'a> {
    users: &'a Users,
    place: usize,
}

impl<'a> User<'a> {
    pub(super) fn id(self) -> &'a str {
        self.users.ids.get(self.place).unwrap_or_default()
    }

    pub(super) fn name(self) -> Option<&'a str> {
        self.users.names.get(self.place)
    }

    pub(super) fn language(self) -> Option<&'a str> {
        self.users.languages.get(self.place)
    }

    /// Of the columns of numbers, in the settings' order.
    pub(super) fn number(self, column: usize) -> Option<f64> {
        self.users.numbers[column][self.place]
    }

    pub(super) fn numbers(self) -> impl Iterator<Item = Option<f64>> + 'a {
        self.users.numbers.iter().map(move |column| column[self.place])
    }

    /// Of the columns of categories, in the settings' order.
    pub(super) fn category(self, column: usize) -> Option<&'a str> {
        self.users.categories[column].get(self.place)
    }

    pub(super) fn categories(self) -> impl Iterator<Item = Option<&'a str>> {
        self.users.categories.iter().map(move |column| column.get(self.place))
    }

    /// Of the further columns.
    pub(super) fn other(self, column: usize) -> Option<&'a str> {
        self.users.others[column].get(self.place)
    }

    pub(super) fn others(self) -> impl Iterator<Item = Option<&'a str>> {
        self.users.others.iter().map(move |column| column.get(self.place))
    }
}

/// Events of all users, user after user and in order of time.
#[derive(Debug, Default)]
pub(super) struct Events {
    /// Where each user's events begin; one more than there are users.
    pub first: Vec<usize>,
    pub time: Vec<f64>,
    /// [events, item columns].
    pub items: Vec<u32>,
    pub item_columns: usize,
    pub hour: Vec<u8>,
    /// Numbers of `places`.
    pub place: Vec<u32>,
    pub places: Vec<String>,
    /// [events, amounts].
    pub amounts: Vec<f32>,
    pub amount_columns: usize,
    /// Events of users who did not agree or are unknown.
    pub of_others: usize,
}

impl Events {
    pub(super) fn of(&self, user: usize) -> std::ops::Range<usize> {
        self.first[user]..self.first[user + 1]
    }

    pub(super) fn items_of(&self, event: usize) -> &[u32] {
        &self.items[event * self.item_columns..][..self.item_columns]
    }

    pub(super) fn amounts_of(&self, event: usize) -> &[f32] {
        &self.amounts[event * self.amount_columns..][..self.amount_columns]
    }

    /// The product that is to be predicted for this event.
    pub(super) fn target(&self, event: usize) -> u32 {
        self.items[event * self.item_columns]
    }

    pub(super) fn len(&self) -> usize {
        self.time.len()
    }
}

/// Minutes a day by user and app.
#[derive(Debug, Default)]
pub(super) struct Usage {
    pub apps: Vec<String>,
    /// Of each user: apps and minutes, in order of the apps.
    pub by_user: Vec<Vec<(u32, f32)>>,
    pub of_others: usize,
}

/// All tables.
#[derive(Debug)]
pub(super) struct Loaded {
    pub users_file: PathBuf,
    pub users: Users,
    pub events: Events,
    pub usage: Usage,
    pub products: Vec<Product>,
}

/// The job's tables; usage may be missing.
pub(super) struct Sources {
    pub users: Source,
    pub history: Source,
    pub usage: Option<Source>,
    pub products: Source,
}

impl Loaded {
    /// Reads everything; `others` are columns of the users' table that other parts of the job need.
    pub(super) fn read(settings: &Settings, sources: &Sources, others: &[String]) -> Result<Self, TabularError> {
        let products = read_products(settings, &sources.products)?;
        let users = read_users(settings, &sources.users, others)?;
        let places: HashMap<&str, usize> = users.iter().enumerate().map(|(i, u)| (u.id(), i)).collect();
        let events = read_history(settings, &sources.history, &places, &products)?;
        let usage = match (&settings.usage, &sources.usage) {
            (Some(_), Some(source)) => read_usage(settings, source, &places)?,
            _ => Usage { by_user: vec![vec![]; users.len()], ..Usage::default() },
        };
        let users_file = sources.users.path().to_owned();
        Ok(Self { users_file, users, events, usage, products })
    }
}

/// Reads a table's columns as texts, row by row.
pub(super) fn rows(
    source: &Source,
    columns: &[&str],
    mut take: impl FnMut(&Row<'_>) -> Result<(), TabularError>,
) -> Result<(), TabularError> {
    // A column may play two parts.
    let mut names: Vec<&str> = vec![];
    let slots: Vec<usize> = columns
        .iter()
        .map(|name| {
            names.iter().position(|n| n == name).unwrap_or_else(|| {
                names.push(name);
                names.len() - 1
            })
        })
        .collect();
    let wanted = names.iter().map(|name| Wanted::typed(name, ColumnType::Text)).collect();
    let mut table = TableReader::open(source, &ReadOptions { columns: wanted, ..ReadOptions::default() })?;
    while let Some(batch) = table.next_batch()? {
        for index in 0..batch.rows.len() {
            take(&Row { path: source.path(), batch: &batch, index, slots: &slots, columns })?;
        }
    }
    Ok(())
}

/// One row of texts.
pub(super) struct Row<'a> {
    path: &'a Path,
    batch: &'a Batch,
    index: usize,
    slots: &'a [usize],
    columns: &'a [&'a str],
}

impl Row<'_> {
    pub(super) fn at(&self) -> RowRef {
        self.batch.rows[self.index]
    }

    #[expect(clippy::unnecessary_box_returns, reason = "errors hold boxed places")]
    fn place(&self, column: usize) -> Box<Place> {
        Place::cell(self.path, self.at(), self.columns[column])
    }

    pub(super) fn text(&self, column: usize) -> Option<&str> {
        let text = self.batch.columns[self.slots[column]].text(self.index)?.trim();
        (!text.is_empty()).then_some(text)
    }

    pub(super) fn needed(&self, column: usize, expected: &str) -> Result<&str, TabularError> {
        let missing = || DataError::Missing { at: self.place(column), expected: expected.to_owned() };
        Ok(self.text(column).ok_or_else(missing)?)
    }

    pub(super) fn wrong(&self, column: usize, expected: &str) -> TabularError {
        let found = self.text(column).unwrap_or_default().to_owned();
        DataError::Value { at: self.place(column), expected: expected.to_owned(), found }.into()
    }

    pub(super) fn number(&self, column: usize) -> Result<Option<f64>, TabularError> {
        let Some(text) = self.text(column) else { return Ok(None) };
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Some(value)),
            _ => Err(self.wrong(column, "a number")),
        }
    }
}

/// A day: a number, or a date counted from the first of January of the year 1.
pub(super) fn day(text: &str) -> Option<f64> {
    if let Ok(value) = text.parse::<f64>() {
        return value.is_finite().then_some(value);
    }
    if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return Some(f64::from(date.num_days_from_ce()));
    }
    let with_time = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"];
    let time = with_time.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())?;
    Some(f64::from(time.date().num_days_from_ce()) + f64::from(time.num_seconds_from_midnight()) / 86_400.0)
}

fn read_products(settings: &Settings, source: &Source) -> Result<Vec<Product>, TabularError> {
    let table = &settings.products;
    let mut columns = vec![table.id.as_str()];
    let own = [table.name.as_ref(), table.kind.as_ref(), table.price.as_ref(), table.colour.as_ref()];
    let optional = own.into_iter().chain(table.links.columns());
    let slots: Vec<Option<usize>> = optional.map(|name| slot_of(name, &mut columns)).collect();
    let mut products: Vec<Product> = vec![];
    let mut seen: HashMap<String, RowRef> = HashMap::new();
    rows(source, &columns, |row| {
        let id = row.needed(0, "a product")?.to_owned();
        if let Some(first) = seen.insert(id.clone(), row.at()) {
            let at = Place::row(source.path(), row.at());
            return Err(DataError::Duplicate { at, key: format!("product `{id}`"), first }.into());
        }
        let of = |slot: usize| slots[slot].and_then(|column| row.text(column)).map(str::to_owned);
        let name = of(0).unwrap_or_else(|| id.clone());
        let kind = of(1).unwrap_or_else(|| "other".to_owned());
        let links = std::array::from_fn(|i| of(4 + i));
        products.push(Product { id, name, kind, price: of(2), colour: of(3), links });
        Ok(())
    })?;
    if products.len() < 3 {
        let reason =
            format!("expected at least 3 products, of which each user intends three, found {}", products.len());
        return Err(TabularError::data(source.path(), reason));
    }
    Ok(products)
}

fn read_users(settings: &Settings, source: &Source, others: &[String]) -> Result<Users, TabularError> {
    let table = &settings.users;
    let mut columns = vec![table.id.as_str()];
    let consent = match &table.consent {
        Consent::Column(name) => {
            columns.push(name);
            Some(columns.len() - 1)
        }
        Consent::Assumed(_) => None,
    };
    let (name, language) = (slot_of(table.name.as_ref(), &mut columns), slot_of(table.language.as_ref(), &mut columns));
    let numbers = columns.len();
    columns.extend(table.numbers.iter().map(String::as_str));
    let categories = columns.len();
    columns.extend(table.categories.iter().map(String::as_str));
    let further = columns.len();
    columns.extend(others.iter().map(String::as_str));
    let needed = columns.len();
    columns.extend(table.needed.iter().map(String::as_str));
    let mut users = Users {
        numbers: vec![vec![]; table.numbers.len()],
        categories: vec![Texts::default(); table.categories.len()],
        others: vec![Texts::default(); others.len()],
        other_columns: others.to_vec(),
        ..Users::default()
    };
    let mut seen: HashMap<String, RowRef> = HashMap::new();
    rows(source, &columns, |row| {
        let id = row.needed(0, "a user")?;
        if let Some(first) = seen.insert(id.to_owned(), row.at()) {
            let at = Place::row(source.path(), row.at());
            return Err(DataError::Duplicate { at, key: format!("user `{id}`"), first }.into());
        }
        if let Some(column) = consent {
            let said = row.text(column).unwrap_or_default().to_ascii_lowercase();
            match said.as_str() {
                "true" | "1" => {}
                "false" | "0" | "" => {
                    users.without_consent += 1;
                    return Ok(());
                }
                _ => return Err(row.wrong(column, "`true` or `false`")),
            }
        }
        if (needed..needed + table.needed.len()).any(|column| row.text(column).is_none()) {
            users.incomplete += 1;
            return Ok(());
        }
        for (column, values) in (numbers..).zip(&mut users.numbers) {
            values.push(row.number(column)?);
        }
        users.ids.push(Some(id));
        users.names.push(name.and_then(|column| row.text(column)));
        users.languages.push(language.and_then(|column| row.text(column)));
        (categories..).zip(&mut users.categories).for_each(|(column, texts)| texts.push(row.text(column)));
        (further..).zip(&mut users.others).for_each(|(column, texts)| texts.push(row.text(column)));
        Ok(())
    })?;
    if users.len() == 0 {
        let reason = format!("expected users who agreed, found none among {}", users.without_consent);
        return Err(TabularError::data(source.path(), reason));
    }
    Ok(users)
}

/// The number of a name: the next one if it is new.
fn number_of(names: &mut HashMap<String, u32>, name: &str) -> u32 {
    if let Some(number) = names.get(name) {
        return *number;
    }
    let number = names.len() as u32;
    names.insert(name.to_owned(), number);
    number
}

fn slot_of<'a>(name: Option<&'a String>, columns: &mut Vec<&'a str>) -> Option<usize> {
    columns.push(name?);
    Some(columns.len() - 1)
}

fn read_history(
    settings: &Settings,
    source: &Source,
    users: &HashMap<&str, usize>,
    products: &[Product],
) -> Result<Events, TabularError> {
    struct Event {
        user: u32,
        time: f64,
        hour: u8,
        place: u32,
    }
    let table = &settings.history;
    let by_id: HashMap<&str, u32> = products.iter().zip(0..).map(|(p, i)| (p.id.as_str(), i)).collect();
    let mut columns = vec![table.user.as_str(), table.time.as_str()];
    columns.extend(table.items.iter().map(|item| item.column.as_str()));
    let (hour, place) = (slot_of(table.hour.as_ref(), &mut columns), slot_of(table.place.as_ref(), &mut columns));
    let first_amount = columns.len();
    columns.extend(table.amounts.iter().map(String::as_str));
    let (item_columns, amount_columns) = (table.items.len(), table.amounts.len());
    let (mut events, mut items, mut amounts): (Vec<Event>, Vec<u32>, Vec<f32>) = Default::default();
    let mut places: HashMap<String, u32> = HashMap::new();
    let mut of_others = 0;
    rows(source, &columns, |row| {
        let Some(&user) = users.get(row.needed(0, "a user")?) else {
            of_others += 1;
            return Ok(());
        };
        let time = day(row.needed(1, "a day")?).ok_or_else(|| row.wrong(1, "a day, as a number or a date"))?;
        for item in 0..item_columns {
            let known = match row.text(2 + item) {
                None if item == 0 => return Err(row.needed(2, "a product").expect_err("it is missing")),
                None => NONE,
                Some(id) => *by_id.get(id).ok_or_else(|| row.wrong(2 + item, "a product of the products' table"))?,
            };
            items.push(known);
        }
        let hour = match hour.map(|column| (column, row.number(column))) {
            None | Some((_, Ok(None))) => NO_HOUR,
            Some((_, Ok(Some(hour)))) if (0.0..24.0).contains(&hour) => hour as u8,
            Some((column, _)) => return Err(row.wrong(column, "an hour from 0 to 23")),
        };
        let place = match place.and_then(|column| row.text(column)) {
            None => NONE,
            Some(name) => number_of(&mut places, name),
        };
        for column in first_amount..first_amount + amount_columns {
            let value = row.number(column)?.unwrap_or(0.0);
            if value < 0.0 {
                return Err(row.wrong(column, "an amount that is not below 0"));
            }
            amounts.push(value as f32);
        }
        events.push(Event { user: user as u32, time, hour, place });
        Ok(())
    })?;
    let mut order: Vec<u32> = (0..events.len() as u32).collect();
    order.sort_by(|&a, &b| {
        let (x, y) = (&events[a as usize], &events[b as usize]);
        x.user.cmp(&y.user).then(x.time.total_cmp(&y.time)).then(a.cmp(&b))
    });
    let mut first = vec![0; users.len() + 1];
    for event in &events {
        first[event.user as usize + 1] += 1;
    }
    for user in 0..users.len() {
        first[user + 1] += first[user];
    }
    let mut names: Vec<(u32, String)> = places.into_iter().map(|(name, number)| (number, name)).collect();
    names.sort_unstable();
    let all = || order.iter().map(|&at| at as usize);
    Ok(Events {
        first,
        time: all().map(|at| events[at].time).collect(),
        items: all().flat_map(|at| items[at * item_columns..][..item_columns].iter().copied()).collect(),
        item_columns,
        hour: all().map(|at| events[at].hour).collect(),
        place: all().map(|at| events[at].place).collect(),
        places: names.into_iter().map(|(_, name)| name).collect(),
        amounts: all().flat_map(|at| amounts[at * amount_columns..][..amount_columns].iter().copied()).collect(),
        amount_columns,
        of_others,
    })
}

fn read_usage(settings: &Settings, source: &Source, users: &HashMap<&str, usize>) -> Result<Usage, TabularError> {
    let Some(table) = &settings.usage else { return Ok(Usage::default()) };
    let columns = [table.user.as_str(), table.app.as_str(), table.minutes.as_str()];
    let mut apps: HashMap<String, u32> = HashMap::new();
    let mut found: Vec<Vec<(u32, f32)>> = vec![vec![]; users.len()];
    let mut of_others = 0;
    rows(source, &columns, |row| {
        let Some(&user) = users.get(row.needed(0, "a user")?) else {
            of_others += 1;
            return Ok(());
        };
        let name = row.needed(1, "an app")?;
        let app = number_of(&mut apps, name);
        let minutes = row.number(2)?.filter(|m| (0.0..=1440.0).contains(m));
        let minutes = minutes.ok_or_else(|| row.wrong(2, "minutes a day from 0 to 1440"))?;
        match found[user].binary_search_by_key(&app, |(known, _)| *known) {
            Ok(_) => return Err(row.wrong(1, "each app of a user once")),
            Err(place) => found[user].insert(place, (app, minutes as f32)),
        }
        Ok(())
    })?;
    // By name: the order of the file must not matter.
    let mut names: Vec<(String, u32)> = apps.into_iter().collect();
    names.sort_unstable();
    let mut place = vec![0; names.len()];
    names.iter().enumerate().for_each(|(new, (_, old))| place[*old as usize] = new as u32);
    for list in &mut found {
        for (app, _) in &mut *list {
            *app = place[*app as usize];
        }
        list.sort_unstable_by_key(|(app, _)| *app);
    }
    Ok(Usage { apps: names.into_iter().map(|(name, _)| name).collect(), by_user: found, of_others })
}

#[cfg(test)]
mod tests {
    use super::day;

    #[test]
    fn i1_times_are_days_or_dates() {
        assert_eq!(day("12.5"), Some(12.5));
        let (a, b) = (day("2017-03-01").expect("a date"), day("2017-02-28").expect("a date"));
        assert_eq!(a - b, 1.0);
        assert_eq!(day("2017-03-01 12:00:00").expect("a time") - a, 0.5);
        assert_eq!((day("soon"), day("NaN")), (None, None));
    }
}
