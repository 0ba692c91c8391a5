//! Which encoding a text is in, told from its first bytes.
//!
//! The rules, in order:
//!
//! 1. A byte order mark (UTF-8, UTF-16 low or high byte first) decides.
//! 2. A NUL byte, or more than one control character in a hundred bytes, means that this is no text.
//! 3. What is valid UTF-8 is UTF-8.
//! 4. What decodes as GB18030 without a fault, and at least half of whose multi-byte characters are *telling* ones (GB2312
//!    symbols, lead byte A1 to A9, or its 3,755 first-level characters, lead byte B0 to D7, both with a trail byte from
//!    A1 on; or of four bytes), is GB18030. Western text fails one of the two: an accented letter before a comma, blank or
//!    lone digit is no valid pair; before a letter it is not a telling one; and two lower-case accented letters in a row
//!    (as in `größe`) have lead bytes from DF on.
//! 5. The rest is Latin-1 (read as Windows-1252).

use super::decode::Fault;
use super::source::Encoding;

/// How many bytes are looked at.
pub(super) const SAMPLE_BYTES: usize = 1 << 20;

/// Decides by the rules above; `complete` says that the sample is the whole text.
pub(super) fn detect(sample: &[u8], complete: bool) -> Result<Encoding, Fault> {
    if let Some(marked) = by_mark(sample) {
        return Ok(marked);
    }
    refuse_binary(sample)?;
    if is_utf8(sample, complete) {
        Ok(Encoding::Utf8)
    } else if looks_like_gb18030(sample, complete) {
        Ok(Encoding::Gb18030)
    } else {
        Ok(Encoding::Latin1)
    }
}

fn by_mark(sample: &[u8]) -> Option<Encoding> {
    match sample {
        [0xEF, 0xBB, 0xBF, ..] => Some(Encoding::Utf8),
        [0xFF, 0xFE, ..] => Some(Encoding::Utf16Le),
        [0xFE, 0xFF, ..] => Some(Encoding::Utf16Be),
        _ => None,
    }
}

fn refuse_binary(sample: &[u8]) -> Result<(), Fault> {
    if let Some(offset) = sample.iter().position(|b| *b == 0) {
        return Err(Fault::Binary { offset: offset as u64, found: "a NUL byte (UTF-16 needs a byte order mark)" });
    }
    let is_control = |b: &u8| *b < 0x20 && !matches!(*b, b'\t' | b'\n' | b'\r' | 0x0C);
    let count = sample.iter().filter(|b| is_control(b)).count();
    match sample.iter().position(is_control) {
        Some(offset) if count * 100 > sample.len() => {
            Err(Fault::Binary { offset: offset as u64, found: "the first of many control characters" })
        }
        _ => Ok(()),
    }
}

fn is_utf8(sample: &[u8], complete: bool) -> bool {
    match std::str::from_utf8(sample) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none() && !complete,
    }
}

fn looks_like_gb18030(sample: &[u8], complete: bool) -> bool {
    let (mut characters, mut telling) = (0_usize, 0_usize);
    let mut rest = sample;
    while let Some(first) = rest.first() {
        let length = match rest {
            [0..=0x7F, ..] => 1,
            [0x81..=0xFE, 0x40..=0x7E | 0x80..=0xFE, ..] => 2,
            [0x81..=0xFE, 0x30..=0x39, 0x81..=0xFE, 0x30..=0x39, ..] => 4,
            [0x81..=0xFE, ..] if rest.len() < 4 && !complete => rest.len(),
            _ => return false,
        };
        if length > 1 {
            characters += 1;
            let is_common = matches!(first, 0xA1..=0xA9 | 0xB0..=0xD7) && rest.get(1).is_some_and(|b| *b >= 0xA1);
            telling += usize::from(is_common || length == 4);
        }
        rest = &rest[length..];
    }
    characters > 0 && telling * 2 >= characters
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detected(bytes: &[u8]) -> Encoding {
        detect(bytes, true).unwrap()
    }

    fn encoded(text: &str, codec: &'static encoding_rs::Encoding) -> Vec<u8> {
        let (bytes, _, lossy) = codec.encode(text);
        assert!(!lossy, "the test text must be encodable");
        bytes.into_owned()
    }

    #[test]
    fn e21_detects_chinese() {
        for text in ["产品,数量\n苹果,3\n", "商品编号,类别\n1,饮料\n", "名称\n我们的产品\n", "a,b\n1,中\n"]
        {
            assert_eq!(detected(&encoded(text, encoding_rs::GB18030)), Encoding::Gb18030, "{text}");
            assert_eq!(detected(text.as_bytes()), Encoding::Utf8, "{text}");
        }
    }

    #[test]
    fn e21_detects_western() {
        for text in ["größe,menge\n1,2\n", "name,prix\ncafé,3\n", "Señor,niño\n", "naïve\n", "€,£\n", "ÄÖÜ,é\n"]
        {
            assert_eq!(detected(&encoded(text, encoding_rs::WINDOWS_1252)), Encoding::Latin1, "{text}");
        }
        assert_eq!(detected(b"plain,ascii\n"), Encoding::Utf8);
    }

    #[test]
    fn e21_detects_marks_before_all_else() {
        assert_eq!(detected(b"\xEF\xBB\xBFa"), Encoding::Utf8);
        assert_eq!(detected(b"\xFF\xFEa\0"), Encoding::Utf16Le);
        assert_eq!(detected(b"\xFE\xFF\0a"), Encoding::Utf16Be);
    }

    #[test]
    fn e21_a_character_cut_by_the_sample_is_no_fault() {
        let utf8 = "a,产".as_bytes();
        assert_eq!(detect(&utf8[..4], false).unwrap(), Encoding::Utf8);
        assert_ne!(detect(&utf8[..4], true).unwrap(), Encoding::Utf8);
        let gb = encoded("a,产品", encoding_rs::GB18030);
        assert_eq!(detect(&gb[..5], false).unwrap(), Encoding::Gb18030);
    }

    #[test]
    fn e21_refuses_binary() {
        assert!(matches!(detect(b"ab\0c", true), Err(Fault::Binary { offset: 2, .. })));
        assert!(matches!(detect(b"\x01\x02\x03\x04abc", true), Err(Fault::Binary { offset: 0, .. })));
    }
}
