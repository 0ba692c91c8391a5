//! Reads raw types out of the located tree with serde.
//!
//! The toml crate's own reader stops at the first error and gives its words as one text. This one keeps what serde
//! knows (which key, which words were possible), reports every unknown key of a table at once, and after a wrong
//! value takes that value out and reads again, so that one pass finds nearly all that is wrong.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, Visitor};

use super::fault::{Fault, Finding, What, join, unknown_key};
use super::head::HEAD_KEYS;
use super::tree::{Entry, Node, Value};
use super::words::one_of;

/// Reads `T` from the table `root`.
///
/// # Errors
/// Every finding, in no particular order.
pub(super) fn read<T: DeserializeOwned>(root: &Node) -> Result<T, Vec<Finding>> {
    let walk = Walk::default();
    loop {
        match T::deserialize(Reader { node: root, path: String::new(), walk: &walk }) {
            Ok(value) if walk.findings.borrow().is_empty() => return Ok(value),
            Ok(_) => break,
            Err(error) => {
                if !walk.record(error) {
                    break;
                }
            }
        }
    }
    Err(walk.findings.into_inner().into_iter().collect())
}

#[derive(Default)]
struct Walk {
    findings: RefCell<BTreeSet<Finding>>,
    /// Paths of values that were wrong: read again as if they were not there.
    removed: RefCell<BTreeSet<String>>,
}

impl Walk {
    /// Notes an error; false when there is nothing left to take out and read again.
    fn record(&self, error: Fault) -> bool {
        let Some(at) = error.at else {
            self.findings.borrow_mut().insert((0, String::new(), error.what.message()));
            return false;
        };
        let (start, path, message) = error.what.finding(&at);
        // A key that is missing only because its wrong value was taken out has been reported already.
        let is_echo = matches!(error.what, What::Missing(_)) && self.removed.borrow().contains(&path);
        if !is_echo {
            self.findings.borrow_mut().insert((start, path, message));
        }
        !at.path.is_empty() && self.removed.borrow_mut().insert(at.path)
    }

    fn has(&self, path: &str) -> bool {
        !self.removed.borrow().contains(path)
    }
}

struct Reader<'a> {
    node: &'a Node,
    path: String,
    walk: &'a Walk,
}

impl Reader<'_> {
    /// Reads this value into `seed`; an error that serde raises after it has left this reader (untagged enums,
    /// `deserialize_with`) gets its place here.
    fn feed<'de, S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Fault> {
        let place = (self.node, self.path.clone());
        seed.deserialize(self).map_err(|e| e.located(place.0, &place.1))
    }

    fn any<'de, V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Text(text) | Value::Date(text) => visitor.visit_str(text),
            Value::Int(n) => visitor.visit_i64(*n),
            Value::Float(x) => visitor.visit_f64(*x),
            Value::Bool(b) => visitor.visit_bool(*b),
            Value::List(items) => visitor.visit_seq(Items { left: items.iter(), index: 0, reader: self }),
            Value::Table(entries) => visitor.visit_map(Entries::new(entries, None, self)),
        }
    }

    fn fields<'de, V: Visitor<'de>>(&self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Table(entries) => {
                self.report_unknown(entries, fields);
                visitor.visit_map(Entries::new(entries, Some(fields), self))
            }
            _ => self.any(visitor),
        }
    }

    fn report_unknown(&self, entries: &[Entry], fields: &[&str]) {
        let mut known = fields.to_vec();
        if self.path.is_empty() {
            known.extend(HEAD_KEYS.iter().filter(|k| !fields.contains(k)));
        }
        for entry in entries.iter().filter(|e| !known.contains(&e.key.as_str())) {
            let message = unknown_key(&entry.key, &known);
            self.walk.findings.borrow_mut().insert((entry.key_start, join(&self.path, &entry.key), message));
        }
    }

    fn variant<'de, V: Visitor<'de>>(&self, variants: &'static [&'static str], visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Text(word) => visitor.visit_enum(IntoDeserializer::<Fault>::into_deserializer(word.as_str())),
            Value::Table(entries) if entries.len() == 1 => {
                let entry = &entries[0];
                let inner = Reader { node: &entry.node, path: join(&self.path, &entry.key), walk: self.walk };
                visitor.visit_enum(Variant { word: &entry.key, inner })
            }
            _ => Err(Fault::new(What::Type(one_of(variants)))),
        }
    }
}

impl<'de> de::Deserializer<'de> for Reader<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.any(visitor).map_err(|e| e.located(self.node, &self.path))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.fields(fields, visitor).map_err(|e| e.located(self.node, &self.path))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.variant(variants, visitor).map_err(|e| e.located(self.node, &self.path))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

struct Items<'a> {
    left: std::slice::Iter<'a, Node>,
    index: usize,
    reader: &'a Reader<'a>,
}

impl<'de> de::SeqAccess<'de> for Items<'_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        for node in self.left.by_ref() {
            let path = format!("{}[{}]", self.reader.path, self.index);
            self.index += 1;
            if self.reader.walk.has(&path) {
                return Reader { node, path, walk: self.reader.walk }.feed(seed).map(Some);
            }
        }
        Ok(None)
    }
}

struct Entries<'a> {
    left: Vec<&'a Entry>,
    reader: &'a Reader<'a>,
    value: Option<Reader<'a>>,
}

impl<'a> Entries<'a> {
    /// The entries in reverse, less those that were taken out and those that no field takes.
    fn new(entries: &'a [Entry], fields: Option<&[&str]>, reader: &'a Reader<'a>) -> Self {
        let wanted = |e: &&Entry| {
            fields.is_none_or(|f| f.contains(&e.key.as_str())) && reader.walk.has(&join(&reader.path, &e.key))
        };
        Self { left: entries.iter().filter(wanted).rev().collect(), reader, value: None }
    }
}

impl<'de> de::MapAccess<'de> for Entries<'_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some(entry) = self.left.pop() else { return Ok(None) };
        let path = join(&self.reader.path, &entry.key);
        self.value = Some(Reader { node: &entry.node, path, walk: self.reader.walk });
        let key: StrDeserializer<'_, Fault> = entry.key.as_str().into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        match self.value.take() {
            Some(reader) => reader.feed(seed),
            None => Err(de::Error::custom("a value was read before its key")),
        }
    }
}

/// `{ word = value }` read as an enum's variant.
struct Variant<'a> {
    word: &'a str,
    inner: Reader<'a>,
}

impl<'de, 'a> de::EnumAccess<'de> for Variant<'a> {
    type Error = Fault;
    type Variant = Reader<'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Reader<'a>), Fault> {
        let word: StrDeserializer<'_, Fault> = self.word.into_deserializer();
        Ok((seed.deserialize(word)?, self.inner))
    }
}

impl<'de> de::VariantAccess<'de> for Reader<'_> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        Err(Fault::new(What::Type("the word alone, with no value".to_owned())).located(self.node, &self.path))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        self.feed(seed)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        de::Deserializer::deserialize_any(self, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Fault> {
        self.fields(fields, visitor).map_err(|e| e.located(self.node, &self.path))
    }
}
