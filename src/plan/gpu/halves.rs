//! Shaders for tensors that are held as f16, made from those for f32.
//!
//! A shader is written once, for f32. Where a binding's tensor is held as f16, its declaration becomes an array of f16,
//! every read of an element is widened, and what is written to one is narrowed. For that a shader must index a binding
//! plainly, `name[i]`, and write whole elements with `name[i] = value;`. All shaders do; what could not be rewritten would
//! not compile.

/// The type of a binding's elements, and what converts to and from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Element {
    full: &'static str,
    half: &'static str,
}

const ELEMENTS: [Element; 3] = [
    Element { full: "f32", half: "f16" },
    Element { full: "vec2<f32>", half: "vec2<f16>" },
    Element { full: "vec4<f32>", half: "vec4<f16>" },
];

/// `text` with the bindings of these numbers held as f16.
pub(super) fn with_halves(text: &str, bindings: &[usize]) -> String {
    if bindings.is_empty() {
        return text.to_owned();
    }
    let mut names = vec![];
    let mut declared = String::from("enable f16;\n");
    for line in text.lines() {
        match declaration(line, bindings) {
            Some((name, element)) => {
                names.push((name.to_owned(), element));
                declared.push_str(&line.replacen(
                    &format!("array<{}>", element.full),
                    &format!("array<{}>", element.half),
                    1,
                ));
            }
            None => declared.push_str(line),
        }
        declared.push('\n');
    }
    accesses(&declared, &names)
}

/// The name and the elements of a declaration at one of these bindings, if its elements are f32.
fn declaration<'a>(line: &'a str, bindings: &[usize]) -> Option<(&'a str, Element)> {
    let rest = line.trim_start().strip_prefix("@group(0) @binding(")?;
    let (number, rest) = rest.split_once(')')?;
    if !bindings.contains(&number.parse().ok()?) {
        return None;
    }
    let (name, kind) = rest.split_once('>')?.1.split_once(':')?;
    let element = ELEMENTS.into_iter().find(|element| kind.trim() == format!("array<{}>;", element.full))?;
    Some((name.trim(), element))
}

/// Every read `name[i]` widened, every `name[i] = value;` narrowed.
fn accesses(text: &str, names: &[(String, Element)]) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    let mut rest = text;
    let mut before = ' ';
    while let Some(first) = rest.chars().next() {
        if rest.starts_with("//") {
            let end = rest.find('\n').unwrap_or(rest.len());
            out.push_str(&rest[..end]);
            rest = &rest[end..];
            continue;
        }
        let word = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        if word == 0 {
            out.push(first);
            before = first;
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let (name, after) = rest.split_at(word);
        let known = names.iter().find(|(known, _)| known == name && before != '.').map(|(_, element)| *element);
        before = ' ';
        if let Some((element, index)) = known.zip(bracketed(after)) {
            let place = format!("{name}[{}]", accesses(index, names));
            let after = &after[index.len() + 2..];
            if let Some((value, after)) = assigned(after) {
                let value = accesses(value, names);
                out.extend([&place, " = ", element.half, "(", &value, ")"]);
                rest = after;
            } else {
                out.extend([element.full, "(", &place, ")"]);
                rest = after;
            }
        } else {
            out.push_str(name);
            rest = after;
        }
    }
    out
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// What stands between the brackets that `text` begins with.
fn bracketed(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('[')?;
    let mut depth = 1_usize;
    for (at, c) in inside.char_indices() {
        match c {
            '[' => depth += 1,
            ']' if depth == 1 => return Some(&inside[..at]),
            ']' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The value of the assignment that `text` goes on with, and what follows it from the semicolon on.
fn assigned(text: &str) -> Option<(&str, &str)> {
    let value = text.trim_start().strip_prefix('=').filter(|value| !value.starts_with('='))?;
    let end = value.find(';')?;
    Some((value[..end].trim(), &value[end..]))
}

#[cfg(test)]
mod tests {
    use super::with_halves;

    const SHADER: &str = "\
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> c: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<u32>;
fn main() {
    // c[i] is a[i]
    c[i + labels[0]] = a[2u * labels[i]] * b[i].x + f(c[a[1]]);
    if c[i] == a[i] { p.a[0] = ab[1]; }
    let last = d[a];
}
";

    #[test]
    fn e8_reads_are_widened_and_writes_narrowed() {
        let text = with_halves(SHADER, &[0, 1]);
        assert!(text.starts_with("enable f16;\n@group(0) @binding(0) var<storage, read> a: array<f16>;\n"));
        assert!(text.contains("b: array<vec4<f16>>;") && text.contains("c: array<f32>;"));
        assert!(text.contains("labels: array<u32>;"));
        assert!(text.contains("    // c[i] is a[i]\n"));
        assert!(text.contains("= f32(a[2u * labels[i]]) * vec4<f32>(b[i]).x + f(c[f32(a[1])]);"), "{text}");
        assert!(text.contains("if c[i] == f32(a[i]) { p.a[0] = ab[1]; }"), "{text}");
        let text = with_halves(SHADER, &[2]);
        assert!(text.contains("c[i + labels[0]] = f16(a[2u * labels[i]] * b[i].x + f(f32(c[a[1]])));"), "{text}");
        assert!(text.contains("if f32(c[i]) == a[i]"), "{text}");
    }

    #[test]
    fn e8_without_halves_nothing_changes() {
        assert_eq!(with_halves(SHADER, &[]), SHADER);
    }
}
