//! The tables that come with nightloom (I6 to I8).

use std::path::{Path, PathBuf};

use super::*;
use crate::dataset::{RawSource, Source};

fn bundled(name: &str) -> Source {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets").join("intent");
    RawSource::of(name).check(&folder).expect("a source")
}

#[test]
fn i6_bundled_matches_name_types_that_the_communication_table_knows() {
    let communication = Communication::load(&bundled("communication.csv")).expect("a table");
    for name in ["personality_lookup.csv", "personality_households.csv"] {
        let table = LookUp::load(&bundled(name)).expect("a table");
        assert!(table.len() > 20 && table.kinds().iter().all(|kind| communication.knows(kind)), "{name}");
    }
    assert_eq!(communication.kinds(), ["direct", "factual", "playful", "warm"]);
    let households = LookUp::load(&bundled("personality_households.csv")).expect("a table");
    let find = |age: &'static str, home: &'static str| households.find(|column| [age, home][column]).map(|f| f.1);
    assert_eq!(households.columns(), ["age", "household_comp"]);
    assert_eq!(find("19-24", "1 Adult Kids"), Some("ISFP"));
    assert_eq!((find("65+", "1 Adult Kids"), find("", "")), (Some("ESTP"), None));
}

#[test]
fn i8_bundled_greetings_speak_to_every_type_in_every_language() {
    let greetings = Greetings::load(&bundled("greetings.csv"), "en").expect("a table");
    let communication = Communication::load(&bundled("communication.csv")).expect("a table");
    assert_eq!(greetings.communications(), communication.kinds());
    assert_eq!(greetings.languages(), ["en", "zh", "zh-yue"]);
    let mut counts = GreetingCounts::default();
    let poor = SlotValues { product: "{price}", ..SlotValues::default() };
    for kind in communication.kinds() {
        for language in greetings.languages() {
            for product in greetings.product_types().into_iter().chain(["nothing like it"]) {
                let found = greetings.greet(kind, product, language, &poor, &mut counts).expect("a greeting");
                assert!(found.text.contains("{price}") && found.language == language, "{}", found.text);
            }
        }
    }
    // Neither phones, which tell price and colour, nor the factual row of tea can be filled.
    assert_eq!((counts.exact, counts.none, counts.passed_over), (4 * 3 * 7, 0, 4 * 3 + 3));
    assert_eq!(greetings.product_types(), ["bakery", "drinks", "pets", "phones", "produce", "tea"]);
}
