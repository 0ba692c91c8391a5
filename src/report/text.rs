//! Text that comes from data: escaping, and how wide it will be when drawn.

use std::fmt::Write;

/// Escapes text for HTML and XML, as content or inside a double-quoted attribute.
///
/// Characters that XML does not allow (control characters, U+FFFE, U+FFFF) become U+FFFD, and so do the directional
/// overrides, which would let one product's id rearrange the text around it.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' => out.push(c),
            '\u{fffe}' | '\u{ffff}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => out.push('\u{fffd}'),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// A relative file name as a link target: bytes outside the unreserved set are percent-encoded, so that it cannot
/// become another scheme or leave the attribute.
pub fn link(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.trim_start_matches('/').bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(char::from(byte)),
            _ => {
                out.push('%');
                let _ = write!(out, "{byte:02X}");
            }
        }
    }
    out
}

/// About how wide `text` is at `size` pixels in a common sans-serif face; on the wide side, so that what is laid out
/// by it does not collide.
pub fn width(text: &str, size: f64) -> f64 {
    text.chars().map(advance).sum::<f64>() * size
}

/// As [`width`], for semi-bold text.
pub fn strong_width(text: &str, size: f64) -> f64 {
    width(text, size) * 1.14
}

/// `text` cut with an ellipsis where it would be wider than `limit`.
pub fn fit(text: &str, size: f64, limit: f64) -> String {
    if width(text, size) <= limit {
        return text.to_owned();
    }
    let mut used = advance('…') * size;
    let mut out = String::new();
    for c in text.chars() {
        used += advance(c) * size;
        if used > limit {
            break;
        }
        out.push(c);
    }
    out.push('…');
    out
}

/// Advance in em, by character class: measured on DejaVu Sans, the widest of the usual faces.
fn advance(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | '\'' | '|' => 0.29,
        ' ' | '.' | ',' | ':' | ';' | 'f' | 't' | 'I' | '!' | '/' | '-' | '(' | ')' => 0.36,
        'r' | 's' | 'c' | 'z' | 'J' | '"' => 0.52,
        'm' | 'w' | 'M' | 'W' | '%' | '@' | '…' => 0.96,
        'a'..='z' | '0'..='9' => 0.62,
        'A'..='Z' => 0.72,
        c if (c as u32) < 0x1100 => 0.66,
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e20_escapes_hostile_text() {
        assert_eq!(escape("<script>alert(\"x\")</script>"), "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;");
        assert_eq!(escape("it's & co"), "it&#39;s &amp; co");
        assert_eq!(escape("商品 甲"), "商品 甲");
        assert_eq!(escape("a\0b\u{202e}c\u{ffff}"), "a\u{fffd}b\u{fffd}c\u{fffd}");
    }

    #[test]
    fn e20_links_stay_relative() {
        assert_eq!(link("tables/growth_points.csv"), "tables/growth_points.csv");
        assert_eq!(link("javascript:alert(1)"), "javascript%3Aalert%281%29");
        assert_eq!(link("//example.org/x"), "example.org/x");
        assert_eq!(link("a\"b 表"), "a%22b%20%E8%A1%A8");
    }

    #[test]
    fn e20_fits_text_into_a_width() {
        assert_eq!(fit("short", 12.0, 100.0), "short");
        let cut = fit("a very long product name", 12.0, 80.0);
        assert!(cut.ends_with('…') && width(&cut, 12.0) <= 80.0, "{cut}");
        assert_eq!(fit("宽宽宽宽", 10.0, 31.0), "宽宽…");
    }
}
