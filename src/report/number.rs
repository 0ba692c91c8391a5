//! Numbers as text: fixed decimals, thousands separators, a true minus sign. The same value always gives the same
//! text.

/// U+2212, as wide as a plus sign and not a line-break opportunity.
const MINUS: char = '\u{2212}';

/// `value` with a fixed number of decimals and commas between thousands: `-1234.5` gives `−1,234.50`.
///
/// Magnitudes of 1e15 and more are written as a power of ten: their digits would not be true.
pub fn fixed(value: f64, decimals: usize) -> String {
    if value.is_finite() && value.abs() >= 1e15 {
        return scientific(value);
    }
    let plain = format!("{:.*}", decimals, value.abs());
    let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
    let mut out = String::with_capacity(plain.len() + 6);
    if value < 0.0 && plain.bytes().any(|b| b.is_ascii_digit() && b != b'0') {
        out.push(MINUS);
    }
    group(whole, &mut out);
    if !fraction.is_empty() {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

/// A count with commas between thousands.
pub fn count(value: usize) -> String {
    let mut out = String::new();
    group(&value.to_string(), &mut out);
    out
}

/// A count with its noun: `1 point`, `2,000 points`.
pub fn counted(value: usize, singular: &str) -> String {
    format!("{} {singular}{}", count(value), if value == 1 { "" } else { "s" })
}

/// A share as a percentage: `0.1234` with one decimal gives `12.3%`.
pub fn percent(share: f64, decimals: usize) -> String {
    format!("{}%", fixed(share * 100.0, decimals))
}

/// About three significant digits, for labels beside a mark: `12,346`, `12.3`, `0.0123`, `1.2e−7`.
pub fn short(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if size == 0.0 => "0".to_owned(),
        _ if size >= 100.0 => fixed(value, 0),
        _ if size >= 1e-3 => trim(&fixed(value, (2.0 - size.log10().floor()) as usize)),
        _ => scientific(value),
    }
}

/// Seconds for a reader: `0.42 s`, `12.3 s`, `4 min 07 s`, `2 h 05 min`.
pub fn duration(seconds: f64) -> String {
    // Round first, so that 59.96 s becomes a minute and not "60.0 s".
    if (seconds * 10.0).round() < 600.0 {
        return match seconds {
            s if s < 1e-3 => format!("{} µs", fixed(s * 1e6, 0)),
            s if s < 0.1 => format!("{} ms", fixed(s * 1e3, 0)),
            s if s < 9.995 => format!("{} s", fixed(s, 2)),
            s => format!("{} s", fixed(s, 1)),
        };
    }
    let whole = seconds.round() as u64;
    match whole {
        s if s < 3600 => format!("{} min {:02} s", s / 60, s % 60),
        s => format!("{} h {:02} min", count((s / 3600) as usize), s % 3600 / 60),
    }
}

fn scientific(value: f64) -> String {
    let text = format!("{value:.1e}").replace(".0e", "e");
    text.replace('-', &MINUS.to_string())
}

/// Drops zeros that carry no information after the point.
fn trim(text: &str) -> String {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text.to_owned() }
}

fn group(digits: &str, out: &mut String) {
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e20_numbers_have_one_form() {
        assert_eq!(fixed(1_234_567.891, 2), "1,234,567.89");
        assert_eq!(fixed(-1234.5, 1), "\u{2212}1,234.5");
        assert_eq!(fixed(-0.001, 2), "0.00");
        assert_eq!(fixed(-0.0, 0), "0");
        assert_eq!(fixed(999.0, 0), "999");
        assert_eq!(fixed(2.5e18, 3), "2.5e18");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(counted(1, "point"), "1 point");
        assert_eq!(counted(0, "point"), "0 points");
        assert_eq!(percent(0.1234, 1), "12.3%");
        assert_eq!(short(12_345.6), "12,346");
        assert_eq!(short(12.30), "12.3");
        assert_eq!(short(0.5), "0.5");
        assert_eq!(short(0.86363), "0.864");
        assert_eq!(short(0.034_21), "0.0342");
        assert_eq!(short(1e-7), "1e\u{2212}7");
    }

    #[test]
    fn e20_durations_change_unit_without_a_gap() {
        assert_eq!(duration(0.000_25), "250 µs");
        assert_eq!(duration(0.0421), "42 ms");
        assert_eq!(duration(1.234), "1.23 s");
        assert_eq!(duration(59.94), "59.9 s");
        assert_eq!(duration(59.96), "1 min 00 s");
        assert_eq!(duration(247.0), "4 min 07 s");
        assert_eq!(duration(3599.6), "1 h 00 min");
        assert_eq!(duration(7500.0), "2 h 05 min");
    }
}
