//! Greetings by way of speaking and product (I8).

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::ANY;
use super::language::{Fallback, bases, language_tag};
use super::template::{SlotValues, Template};
use super::words::Words;
use crate::dataset::{DataError, Place, RowRef, Source};

/// The number of `*`, and of a type that no row has.
const ANY_NUMBER: u32 = 0;

/// The greeting table: `communication_type`, `product_type`, `language`, `text`.
///
/// For a user, languages are tried first (theirs, its bases, the default), and within a language the most specific row: both
/// types, the communication type alone, the product type alone, neither. A row whose slots cannot be filled is passed over.
#[derive(Debug)]
pub struct Greetings {
    communications: HashMap<String, u32>,
    products: HashMap<String, u32>,
    languages: HashMap<String, u32>,
    default: String,
    rows: HashMap<[u32; 3], (RowRef, Template)>,
}

/// What is said to a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    /// The text.
    pub text: String,
    /// Its language.
    pub language: String,
    /// Whether that is the user's.
    pub fallback: Fallback,
    /// The row of the table.
    pub row: RowRef,
    /// How many rows came before it whose slots could not be filled.
    pub passed_over: u32,
}

/// What became of all greetings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GreetingCounts {
    /// Greetings in the user's own language.
    pub exact: u64,
    /// Greetings in the language of which the user's is a dialect.
    pub base: u64,
    /// Greetings in the default language, for want of the user's.
    pub default: u64,
    /// Users without a greeting.
    pub none: u64,
    /// Rows whose slots could not be filled.
    pub passed_over: u64,
    /// Users by languages that the table does not have at all.
    pub unknown_languages: BTreeMap<String, u64>,
}

impl GreetingCounts {
    /// Adds another part's counts.
    pub fn merge(&mut self, other: &Self) {
        self.exact += other.exact;
        self.base += other.base;
        self.default += other.default;
        self.none += other.none;
        self.passed_over += other.passed_over;
        for (language, count) in &other.unknown_languages {
            *self.unknown_languages.entry(language.clone()).or_insert(0) += count;
        }
    }
}

impl Greetings {
    /// Reads the table.
    ///
    /// # Errors
    /// The file cannot be read, a cell is empty, a slot is unknown or a brace not closed, two rows are for the same, or the
    /// default language has no row.
    pub fn load(source: &Source, default_language: &str) -> Result<Self, DataError> {
        let words = Words::read(source, Some(&["communication_type", "product_type", "language", "text"]))?;
        let any = || HashMap::from([(ANY.to_owned(), ANY_NUMBER)]);
        let mut table = Self {
            communications: any(),
            products: any(),
            languages: HashMap::new(),
            default: language_tag(default_language),
            rows: HashMap::new(),
        };
        for row in &words.rows {
            table.add(&words, row)?;
        }
        if !table.languages.contains_key(&table.default) {
            let at = Place::column(words.path(), &words.columns[2]);
            return Err(DataError::Missing {
                at,
                expected: format!("rows of the default language `{}`", table.default),
            });
        }
        Ok(table)
    }

    fn add(&mut self, words: &Words, row: &(RowRef, Vec<String>)) -> Result<(), DataError> {
        let communication = words.needed(row, 0, "a communication type or `*`")?;
        let product = words.needed(row, 1, "a product type or `*`")?;
        let language = language_tag(words.needed(row, 2, "a language")?);
        let text = words.needed(row, 3, "a greeting")?;
        let wrong = |column: usize, expected: String, found: &str| DataError::Value {
            at: Place::cell(words.path(), row.0, &words.columns[column]),
            expected,
            found: found.to_owned(),
        };
        if language == ANY {
            return Err(wrong(2, "a language".to_owned(), ANY));
        }
        let template = Template::parse(text).map_err(|expected| wrong(3, expected, text))?;
        let key = [
            number(&mut self.communications, communication),
            number(&mut self.products, product),
            number(&mut self.languages, &language),
        ];
        if let Some((first, _)) = self.rows.insert(key, (row.0, template)) {
            let key = format!("`{communication}`, `{product}`, `{language}`");
            let at = Place::cell(words.path(), row.0, &words.columns[0]);
            return Err(DataError::Duplicate { at, key, first });
        }
        Ok(())
    }

    /// How many rows it has.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The languages, in alphabetical order.
    pub fn languages(&self) -> Vec<&str> {
        let mut all: Vec<&str> = self.languages.keys().map(String::as_str).collect();
        all.sort_unstable();
        all
    }

    /// The communication types that have rows of their own, in alphabetical order.
    pub fn communications(&self) -> Vec<&str> {
        own_types(&self.communications)
    }

    /// The product types that have rows of their own, in alphabetical order.
    pub fn product_types(&self) -> Vec<&str> {
        own_types(&self.products)
    }

    /// The language of the table for a user's language tag.
    pub fn language(&self, tag: &str) -> (&str, Fallback) {
        let tag = language_tag(tag);
        let known = |base: &&str| self.languages.contains_key(*base);
        let found = bases(&tag).find(known).and_then(|base| self.languages.get_key_value(base));
        match found {
            Some((language, _)) if *language == tag => (language, Fallback::Exact),
            Some((language, _)) => (language, Fallback::Base),
            None => (&self.default, Fallback::Default),
        }
    }

    /// The greeting of a user of this communication type and language tag for a product of this type. The counts grow.
    pub fn greet(
        &self,
        communication: &str,
        product_type: &str,
        tag: &str,
        values: &SlotValues<'_>,
        counts: &mut GreetingCounts,
    ) -> Option<Greeting> {
        let tag = language_tag(tag);
        if !bases(&tag).any(|base| self.languages.contains_key(base)) {
            *counts.unknown_languages.entry(tag.clone()).or_insert(0) += 1;
        }
        let own = |map: &HashMap<String, u32>, text: &str| map.get(text).copied().unwrap_or(ANY_NUMBER);
        let types = (own(&self.communications, communication), own(&self.products, product_type));
        let mut passed_over = 0;
        let mut found = None;
        let own_bases = bases(&tag).map(|base| (base, if base == tag { Fallback::Exact } else { Fallback::Base }));
        let default =
            Some((self.default.as_str(), Fallback::Default)).filter(|_| bases(&tag).all(|b| b != self.default));
        for (language, fallback) in own_bases.chain(default) {
            if let Some((row, text)) = self.within(types, language, values, &mut passed_over) {
                found = Some(Greeting { text, language: language.to_owned(), fallback, row, passed_over });
                break;
            }
        }
        counts.passed_over += u64::from(passed_over);
        *match found.as_ref().map(|greeting| greeting.fallback) {
            Some(Fallback::Exact) => &mut counts.exact,
            Some(Fallback::Base) => &mut counts.base,
            Some(Fallback::Default) => &mut counts.default,
            None => &mut counts.none,
        } += 1;
        found
    }

    /// The most specific row of a language that can be filled.
    fn within(
        &self,
        (communication, product): (u32, u32),
        language: &str,
        values: &SlotValues<'_>,
        passed_over: &mut u32,
    ) -> Option<(RowRef, String)> {
        let language = *self.languages.get(language)?;
        let pairs =
            [(communication, product), (communication, ANY_NUMBER), (ANY_NUMBER, product), (ANY_NUMBER, ANY_NUMBER)];
        for (place, pair) in pairs.iter().enumerate() {
            // A type without rows of its own makes two of the pairs the same.
            if pairs[..place].contains(pair) {
                continue;
            }
            let Some((row, template)) = self.rows.get(&[pair.0, pair.1, language]) else { continue };
            match template.fill(values) {
                Some(text) => return Some((*row, text)),
                None => *passed_over += 1,
            }
        }
        None
    }
}

fn number(map: &mut HashMap<String, u32>, text: &str) -> u32 {
    let next = map.len() as u32;
    *map.entry(text.to_owned()).or_insert(next)
}

fn own_types(map: &HashMap<String, u32>) -> Vec<&str> {
    let mut all: Vec<&str> = map.keys().map(String::as_str).filter(|text| *text != ANY).collect();
    all.sort_unstable();
    all
}

#[cfg(test)]
mod tests {
    use super::super::words::tests::table;
    use super::*;

    const HEADER: &str = "communication_type,product_type,language,text\n";

    const ROWS: &str = "\
warm,tea,en,wt {product} {price}
warm,*,en,w {product} {colour}
*,tea,en,t {product}
*,*,en,all {name}
*,*,zh,你好{name}
warm,tea,zh-yue,{name}你好呀，{product}得{price}咋
";

    #[test]
    fn i8_the_most_specific_row_that_can_be_filled_speaks() {
        let (_folder, source) = table(&format!("{HEADER}{ROWS}"));
        let greetings = Greetings::load(&source, "en").expect("a table");
        let all = SlotValues { product: "Oolong", price: "$4", colour: "green", name: "Li" };
        let mut counts = GreetingCounts::default();
        let mut say = |communication: &str, kind: &str, values: SlotValues<'_>| {
            let found = greetings.greet(communication, kind, "en", &values, &mut counts);
            found.map(|greeting| (greeting.text, greeting.passed_over))
        };
        let text = |text: &str, passed: u32| Some((text.to_owned(), passed));
        assert_eq!(say("warm", "tea", all), text("wt Oolong $4", 0));
        assert_eq!(say("warm", "tea", SlotValues { price: "", ..all }), text("w Oolong green", 1));
        assert_eq!(say("warm", "tea", SlotValues { price: "", colour: "", ..all }), text("t Oolong", 2));
        assert_eq!(say("cold", "tea", all), text("t Oolong", 0));
        assert_eq!(say("warm", "pans", all), text("w Oolong green", 0));
        assert_eq!(say("cold", "pans", all), text("all Li", 0));
        assert_eq!(say("cold", "pans", SlotValues { name: "", ..all }), None);
        assert_eq!((counts.exact, counts.none, counts.passed_over), (6, 1, 4));
    }

    #[test]
    fn i8_missing_languages_fall_back_and_are_counted() {
        let (_folder, source) = table(&format!("{HEADER}{ROWS}"));
        let greetings = Greetings::load(&source, "EN").expect("a table");
        assert_eq!(greetings.languages(), ["en", "zh", "zh-yue"]);
        assert_eq!((greetings.communications(), greetings.product_types()), (vec!["warm"], vec!["tea"]));
        let all = SlotValues { product: "普洱", price: "九蚊", colour: "", name: "李" };
        let mut counts = GreetingCounts::default();
        let mut say = |tag: &str, values: SlotValues<'_>| {
            greetings.greet("warm", "tea", tag, &values, &mut counts).map(|g| (g.text, g.language, g.fallback))
        };
        let found = |text: &str, language: &str, by: Fallback| Some((text.to_owned(), language.to_owned(), by));
        assert_eq!(say("zh-yue", all), found("李你好呀，普洱得九蚊咋", "zh-yue", Fallback::Exact));
        assert_eq!(say("zh-yue", SlotValues { price: "", ..all }), found("你好李", "zh", Fallback::Base));
        assert_eq!(say("zh_TW", all), found("你好李", "zh", Fallback::Base));
        assert_eq!(say("zh", SlotValues { name: "", ..all }), found("wt 普洱 九蚊", "en", Fallback::Default));
        assert_eq!(say("fr", all), found("wt 普洱 九蚊", "en", Fallback::Default));
        assert_eq!(say("", all), found("wt 普洱 九蚊", "en", Fallback::Default));
        assert_eq!(say("fr", SlotValues { product: "", name: "", ..all }), None);
        assert_eq!((counts.exact, counts.base, counts.default, counts.none), (1, 2, 3, 1));
        assert_eq!(counts.unknown_languages, BTreeMap::from([(String::new(), 1), ("fr".to_owned(), 2)]));
        let mut twice = counts.clone();
        twice.merge(&counts);
        assert_eq!((twice.default, twice.unknown_languages["fr"]), (6, 4));
    }

    #[test]
    fn i8_what_is_wrong_with_the_table_names_its_place() {
        let message = |rows: &str| {
            let (_folder, source) = table(&format!("{HEADER}{rows}"));
            Greetings::load(&source, "en").map(|_| ()).expect_err("refused").to_string()
        };
        let error = message("a,b,en,ok\na,*,en,buy {prize}\n");
        assert!(error.contains("words.csv, line 3, column `text`: expected only the slots {product}"), "{error}");
        assert!(error.contains("found `buy {prize}`"), "{error}");
        let error = message("a,b,en,{product\n");
        assert!(error.contains("line 2, column `text`: expected a `}` after every `{`"), "{error}");
        let error = message("a,b,EN,x\na,b,en,y\n");
        assert!(
            error.contains("line 3, column `communication_type`: `a`, `b`, `en` stands already in line 2"),
            "{error}"
        );
        let error = message("a,b,zh,x\n");
        assert!(error.contains("column `language`: expected rows of the default language `en`"), "{error}");
        for (rows, column) in
            [(",b,en,x\n", "communication_type"), ("a,,en,x\n", "product_type"), ("a,b,*,x\n", "language")]
        {
            let error = message(rows);
            assert!(error.contains(&format!("line 2, column `{column}`")), "{error}");
        }
    }
}
