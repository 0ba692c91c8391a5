//! Texts with slots (I8).

/// What a text leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// `{product}`: the product's name.
    Product,
    /// `{price}`
    Price,
    /// `{colour}`
    Colour,
    /// `{name}`: the user's.
    Name,
}

impl Slot {
    const ALL: [(&'static str, Self); 4] =
        [("product", Self::Product), ("price", Self::Price), ("colour", Self::Colour), ("name", Self::Name)];
}

/// What is put into slots; an empty text cannot fill one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SlotValues<'a> {
    /// The product's name.
    pub product: &'a str,
    /// The price as it is to be read, with its currency.
    pub price: &'a str,
    /// The colour.
    pub colour: &'a str,
    /// The user's name.
    pub name: &'a str,
}

impl<'a> SlotValues<'a> {
    /// The value of a slot, if there is one.
    pub fn get(&self, slot: Slot) -> Option<&'a str> {
        let text = match slot {
            Slot::Product => self.product,
            Slot::Price => self.price,
            Slot::Colour => self.colour,
            Slot::Name => self.name,
        };
        (!text.trim().is_empty()).then_some(text)
    }
}

/// A checked text with slots. Braces stand for slots alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Slot(Slot),
}

impl Template {
    /// Takes a text apart.
    ///
    /// # Errors
    /// What is wrong, in words: a slot of another name, a brace without its other half.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = vec![];
        let mut rest = text;
        while let Some(start) = rest.find(['{', '}']) {
            if start > 0 {
                pieces.push(Piece::Text(rest[..start].to_owned()));
            }
            let inside = rest[start..].strip_prefix('{').ok_or("a `{` before every `}`")?;
            let end = inside.find(['{', '}']).filter(|end| inside[*end..].starts_with('}'));
            let name = &inside[..end.ok_or("a `}` after every `{`")?];
            let slot = Slot::ALL.iter().find(|(known, _)| *known == name);
            pieces.push(Piece::Slot(slot.ok_or("only the slots {product}, {price}, {colour}, {name}")?.1));
            rest = &inside[name.len() + 1..];
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Ok(Self { pieces })
    }

    /// Its slots, in order.
    pub fn slots(&self) -> impl Iterator<Item = Slot> + '_ {
        self.pieces.iter().filter_map(|piece| if let Piece::Slot(slot) = piece { Some(*slot) } else { None })
    }

    /// The text with its slots filled, if all can be. Slots within values are text like any other.
    pub fn fill(&self, values: &SlotValues<'_>) -> Option<String> {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(own) => text.push_str(own),
                Piece::Slot(slot) => text.push_str(values.get(*slot)?),
            }
        }
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i8_slots_are_filled_and_values_are_not_expanded_again() {
        let template = Template::parse("{name}: {product}，{price}!").expect("a template");
        assert_eq!(template.slots().collect::<Vec<_>>(), [Slot::Name, Slot::Product, Slot::Price]);
        let values = SlotValues { product: "{price}", price: "9 元", colour: "", name: "<李>" };
        assert_eq!(template.fill(&values).as_deref(), Some("<李>: {price}，9 元!"));
        assert_eq!(template.fill(&SlotValues { price: " ", ..values }), None, "a blank fills nothing");
        assert_eq!(Template::parse("").expect("empty").fill(&values).as_deref(), Some(""));
    }

    #[test]
    fn i8_wrong_slots_and_braces_are_refused() {
        let wrong = [
            ("{prize}", "only the slots"),
            ("{}", "only the slots"),
            ("{ product}", "only the slots"),
            ("a } b", "a `{` before every `}`"),
            ("a { b", "a `}` after every `{`"),
            ("{{product}}", "a `}` after every `{`"),
            ("{product}}", "a `{` before every `}`"),
        ];
        for (text, expected) in wrong {
            let error = Template::parse(text).expect_err(text);
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
