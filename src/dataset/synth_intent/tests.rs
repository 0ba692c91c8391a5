//! What the made-up users are like (E22).

use std::collections::HashMap;

use super::*;
use crate::dataset::{RawSource, ReadOptions, TableReader};

const SMALL: SynthIntent = SynthIntent { users: 600, seed: 1 };

fn bundled() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets").join("intent")
}

#[test]
fn e22_synth_intent_is_the_same_whatever_the_parts() {
    let folder = tempfile::tempdir().expect("a folder");
    let [whole, parts] = ["whole", "parts"].map(|name| folder.path().join(name));
    let files = SMALL.write(&whole, TableFormat::Csv, |_| true).expect("written");
    let mut asked = vec![];
    let again = SMALL.write_in_parts(&parts, TableFormat::Csv, 77, |first| {
        asked.push(first);
        true
    });
    assert_eq!((asked.len(), asked[1]), (8, 77));
    for (one, other) in files.iter().zip(again.expect("written")) {
        assert_eq!(std::fs::read(one).expect("there"), std::fs::read(&other).expect("there"), "{}", one.display());
    }
    assert!(SMALL.write(&parts, TableFormat::Parquet, |_| false).is_err());
    assert!(!parts.join("users.parquet").exists(), "nothing half-written");
    let label = std::fs::read_to_string(whole.join("synthetic.json")).expect("a label");
    assert!(label.contains("\"synthetic\": true"));
}

#[test]
fn e22_synth_intent_made_the_bundled_set() {
    let folder = tempfile::tempdir().expect("a folder");
    for file in SMALL.write(folder.path(), TableFormat::Csv, |_| true).expect("written") {
        let name = file.file_name().expect("a name");
        let there = std::fs::read(bundled().join("synthetic").join(name)).expect("bundled");
        assert!(std::fs::read(&file).expect("written") == there, "{}", file.display());
    }
}

#[test]
fn e22_synth_intent_files_can_be_read_in_both_formats() {
    let folder = tempfile::tempdir().expect("a folder");
    for format in [TableFormat::Csv, TableFormat::Parquet] {
        let files = SMALL.write(folder.path(), format, |_| true).expect("written");
        let counts: Vec<(usize, usize)> = files.iter().map(|path| rows_and_columns(path)).collect();
        assert_eq!((counts[0], counts[3]), ((600, 29), (40, 10)));
        assert!((1800..4800).contains(&counts[1].0) && (2400..12_000).contains(&counts[2].0), "{counts:?}");
        assert!((40..260).contains(&counts[4].0) && counts[4].1 == 5, "{counts:?}");
    }
}

fn rows_and_columns(path: &Path) -> (usize, usize) {
    let source = RawSource::of(path).check(Path::new("")).expect("a source");
    let mut reader = TableReader::open(&source, &ReadOptions::default()).expect("opens");
    let columns = reader.columns().len();
    (reader.by_ref().map(|batch| batch.expect("rows").rows.len()).sum(), columns)
}

fn people(count: u32) -> Vec<Person> {
    (0..count).map(|user| Person::draw(1, user)).collect()
}

fn share(people: &[Person], of: impl Fn(&Person) -> bool) -> f64 {
    people.iter().filter(|person| of(person)).count() as f64 / people.len() as f64
}

#[test]
fn e22_synth_people_are_as_described() {
    let people = people(4000);
    let near = |found: f64, wanted: f64| assert!((found - wanted).abs() < 0.03, "{found}, expected {wanted}");
    near(share(&people, |p| p.consent), 0.9);
    near(share(&people, |p| p.kind_known), 0.3);
    near(share(&people, |p| p.language_tag() == "zh-yue"), 0.15);
    near(share(&people, |p| p.language_tag() == "en"), 0.25);
    for person in &people {
        assert!((3..=8).contains(&person.apps.len()) && (4..=20).contains(&person.looks.len()));
        assert!(person.looks.is_sorted_by_key(|look| look.day) && person.answers.iter().all(|a| (1..=5).contains(a)));
        assert!((18..=74).contains(&person.age) && person.income > 0, "{} {}", person.age, person.income);
        assert_eq!(person.kind.len(), 4);
    }
    // An answer tells its letter, though not always.
    let tells = share(&people, |p| p.kind.starts_with('E') == (p.answers[0] > 3));
    assert!((0.65..0.95).contains(&tells), "{tells}");
    let reversed = share(&people, |p| p.kind.ends_with('P') == (p.answers[13] > 3));
    assert!((0.65..0.95).contains(&reversed), "{reversed}");
}

#[test]
fn e22_synth_known_matches_hold_for_most() {
    let own = |p: &Person| {
        let pair = (world::SIGNS[p.sign], world::HOBBIES[p.hobby].0);
        KNOWN_MATCHES.iter().find(|known| (known.0, known.1) == pair).map(|known| known.2 == p.kind)
    };
    let found: Vec<bool> = people(6000).iter().filter_map(own).collect();
    let right = found.iter().filter(|right| **right).count() as f64 / found.len() as f64;
    assert!(found.len() > 800 && (0.76..0.88).contains(&right), "{right} of {}", found.len());
}

/// How often a guess at the last look is right, learned by counting on other users.
fn hits(people: &[Person], key: impl Fn(&Person) -> usize) -> f64 {
    let (learn, judge) = people.split_at(people.len() / 2);
    let mut counts: HashMap<usize, [u32; 40]> = HashMap::new();
    for person in learn {
        let own = counts.entry(key(person)).or_insert([0; 40]);
        person.looks.iter().for_each(|look| own[usize::from(look.item)] += 1);
    }
    let best: HashMap<usize, usize> =
        counts.into_iter().map(|(key, own)| (key, (0..40).max_by_key(|item| own[*item]).unwrap_or(0))).collect();
    share(judge, |p| p.looks.last().is_some_and(|look| best.get(&key(p)) == Some(&usize::from(look.item))))
}

#[test]
fn e22_synth_looks_follow_history_hobby_apps_and_both_together() {
    let people = people(8000);
    let longest = |p: &Person| p.apps.iter().fold((0, 0), |best, app| if app.1 > best.1 { *app } else { best }).0;
    let nothing = hits(&people, |_| 0);
    let hobby = hits(&people, |p| p.hobby);
    let app = hits(&people, |p| usize::from(longest(p)));
    let both = hits(&people, |p| p.hobby * 24 + usize::from(longest(p)));
    assert!(hobby > nothing + 0.03 && app > nothing + 0.03, "{nothing} {hobby} {app}");
    assert!(both > hobby.max(app) + 0.03, "{hobby} {app} {both}");
    let repeated = share(&people, |p| {
        let (last, before) = p.looks.split_last().expect("looks");
        before.iter().any(|look| look.item == last.item)
    });
    assert!((0.5..0.85).contains(&repeated), "{repeated}");
}

#[test]
fn e22_synth_products_are_what_the_rule_names() {
    let mut types = [0; 6];
    for product in &world::PRODUCTS {
        types[product.1] += 1;
    }
    assert!(types.iter().all(|count| *count >= 6), "{types:?}");
    let named = world::HOBBY_ITEMS.iter().flatten().chain(world::APP_ITEMS.iter().flatten());
    assert!(named.copied().all(|item| usize::from(item) < 40));
    for (sign, hobby, kind) in KNOWN_MATCHES {
        assert!(world::SIGNS.contains(&sign) && world::HOBBIES.iter().any(|known| known.0 == hobby), "{sign} {hobby}");
        assert_eq!(kind.len(), 4);
    }
    let written = std::fs::read_to_string(bundled().join("personality_lookup.csv")).expect("bundled");
    let rows: Vec<String> = KNOWN_MATCHES.iter().map(|(sign, hobby, kind)| format!("{sign},{hobby},{kind}")).collect();
    assert_eq!(written.lines().skip(1).collect::<Vec<_>>(), rows);
}
