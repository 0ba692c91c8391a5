//! A little well-formedness checker: tags nest, attributes are quoted and unique, ids are unique, entities are known.

use std::collections::BTreeSet;

/// Says what is wrong with `text`, if anything is.
pub fn check(text: &str) -> Result<(), String> {
    let mut open: Vec<String> = Vec::new();
    let mut ids = BTreeSet::new();
    let mut rest = text.strip_prefix("<!DOCTYPE html>").unwrap_or(text);
    while let Some(start) = rest.find('<') {
        check_text(&rest[..start])?;
        let end = rest[start..].find('>').ok_or("a tag does not end")? + start;
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            let expected = open.pop().ok_or(format!("</{name}> closes nothing"))?;
            if expected != name {
                return Err(format!("</{name}> closes <{expected}>"));
            }
            continue;
        }
        let (tag, empty) = tag.strip_suffix('/').map_or((tag, false), |t| (t, true));
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric()) {
            return Err(format!("bad tag name {name:?}"));
        }
        check_attributes(attributes, &mut ids).map_err(|e| format!("<{tag}>: {e}"))?;
        if name == "style" {
            let end = rest.find("</style>").ok_or("<style> does not end")?;
            rest = &rest[end..];
        }
        if !empty {
            open.push(name.to_owned());
        }
    }
    check_text(rest)?;
    open.pop().map_or(Ok(()), |name| Err(format!("<{name}> is not closed")))
}

fn check_attributes(mut text: &str, ids: &mut BTreeSet<String>) -> Result<(), String> {
    let mut names = BTreeSet::new();
    while !text.trim().is_empty() {
        let (name, after) = text.trim_start().split_once("=\"").ok_or(format!("no quoted value in {text:?}"))?;
        let (value, after) = after.split_once('"').ok_or(format!("{name}: no closing quote"))?;
        if !names.insert(name.to_owned()) {
            return Err(format!("{name} is there twice"));
        }
        if value.contains("NaN") || value.contains("inf") && name == "d" {
            return Err(format!("{name} holds {value}"));
        }
        if name == "id" && !ids.insert(value.to_owned()) {
            return Err(format!("id {value} is used twice"));
        }
        check_text(value)?;
        text = after;
    }
    Ok(())
}

fn check_text(text: &str) -> Result<(), String> {
    for part in text.split('&').skip(1) {
        let entity = part.split_once(';').map_or("", |(entity, _)| entity);
        if !["amp", "lt", "gt", "quot", "#39"].contains(&entity) {
            return Err(format!("bad entity in {part:?}"));
        }
    }
    match text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
        Some(c) => Err(format!("control character {c:?}")),
        None => Ok(()),
    }
}

#[test]
fn e20_the_checker_finds_faults() {
    assert_eq!(check("<a><b c=\"1\"/>x &amp; y</a>"), Ok(()));
    let faulty =
        ["<a>", "<a></b>", "<a b=1/>", "<a b=\"1\" b=\"2\"/>", "x & y", "<a>\u{1}</a>", "</a>", "<a d=\"MNaN\"/>"];
    for text in faulty {
        assert!(check(text).is_err(), "{text}");
    }
    assert!(check("<a id=\"x\"/><b id=\"x\"/>").is_err());
}
