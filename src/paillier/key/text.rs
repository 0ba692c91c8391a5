//! Keys and shares of keys as text: a few lines `name = value`, in a fixed order, nothing else (which is also valid TOML).
//!
//! The reader is its own, because a general one would quote what it does not understand, and that may be a secret.

use std::fmt::Write;

use crypto_bigint::BoxedUint;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::share::Quorum;
use super::{KeyShare, PaillierError, PrivateKey, PublicKey, Sizes, check};
use crate::paillier::error::hex as hex_of_bytes;

const PUBLIC: &str = "nightloom paillier public key";
const PRIVATE: &str = "nightloom paillier private key";
const SHARE: &str = "nightloom paillier key share";
const VERSION: &str = "1";

impl PublicKey {
    /// The text of a key file.
    pub fn to_text(&self) -> String {
        let (bits, n) = (self.bits(), hex(&self.n, self.bits()));
        format!("kind = \"{PUBLIC}\"\nversion = {VERSION}\nbits = {bits}\nn = \"{}\"\n", n.as_str())
    }

    /// Reads a key file's text, and checks the key.
    ///
    /// # Errors
    /// The first line that is not as it should be, or what is wrong with the number.
    pub fn from_text(text: &str, sizes: Sizes) -> Result<Self, PaillierError> {
        let mut lines = Lines::new(text);
        let bits = lines.head(PUBLIC, sizes)?;
        let n = lines.number("n", bits)?;
        lines.end()?;
        Self::new((*n).clone(), sizes)
    }
}

impl PrivateKey {
    /// The text of a key file.
    pub fn to_text(&self) -> Zeroizing<String> {
        let bits = self.public.bits();
        let mut text = Zeroizing::new(String::with_capacity(512 + bits as usize));
        let (n, p, q) = (hex(self.public.n(), bits), hex(&self.p, bits / 2), hex(&self.q, bits / 2));
        // Writing into a String cannot fail.
        let _ = write!(
            text,
            "kind = \"{PRIVATE}\"\nversion = {VERSION}\nbits = {bits}\nn = \"{}\"\np = \"{}\"\nq = \"{}\"\n",
            n.as_str(),
            p.as_str(),
            q.as_str()
        );
        text
    }

    /// Reads a key file's text, and checks the key.
    ///
    /// # Errors
    /// The first line that is not as it should be, or what is wrong with the numbers. Nothing of a number is repeated.
    pub fn from_text(text: &str, sizes: Sizes) -> Result<Self, PaillierError> {
        let mut lines = Lines::new(text);
        let bits = lines.head(PRIVATE, sizes)?;
        let n = lines.number("n", bits)?;
        let p = lines.number("p", bits / 2)?;
        let q = lines.number("q", bits / 2)?;
        lines.end()?;
        let key = Self::new(p, q, sizes)?;
        if key.public.n != *n {
            return Err(PaillierError::key("n is not p q"));
        }
        Ok(key)
    }
}

impl KeyShare {
    /// The text of a share's file. Its last line is the SHA-256 of those before: a damaged share would spoil sums in
    /// silence.
    pub fn to_text(&self) -> Zeroizing<String> {
        let (bits, quorum) = (self.public().bits(), self.quorum());
        let mut text = Zeroizing::new(String::with_capacity(1024 + bits as usize));
        let (n, value) = (hex(self.public().n(), bits), hex(self.value(), 2 * bits));
        // Writing into a String cannot fail.
        let _ = write!(
            text,
            "kind = \"{SHARE}\"\nversion = {VERSION}\nbits = {bits}\nn = \"{}\"\nthreshold = {}\nparties = {}\nindex = {}\n\
             share = \"{}\"\n",
            n.as_str(),
            quorum.threshold(),
            quorum.parties(),
            self.index(),
            value.as_str(),
        );
        let check = hex_of_bytes(&Sha256::digest(text.as_bytes()));
        let _ = writeln!(text, "check = \"{check}\"");
        text
    }

    /// Reads a share's text, and checks it.
    ///
    /// # Errors
    /// The first line that is not as it should be, or what is wrong with the numbers. Nothing of the share is repeated.
    pub fn from_text(text: &str, sizes: Sizes) -> Result<Self, PaillierError> {
        let mut lines = Lines::new(text);
        let bits = lines.head(SHARE, sizes)?;
        let n = lines.number("n", bits)?;
        let (threshold, parties) = (lines.count("threshold")?, lines.count("parties")?);
        let index = lines.count("index")?;
        let value = lines.number_below("share", 2 * bits)?;
        let read = text.match_indices('\n').nth(lines.line - 1).map_or(text.len(), |(at, _)| at + 1);
        let check = hex_of_bytes(&Sha256::digest(&text.as_bytes()[..read]));
        if lines.value("check")? != format!("\"{check}\"") {
            return Err(lines.fault("expected the SHA-256 of the lines before: the share was damaged"));
        }
        lines.end()?;
        let public = PublicKey::new((*n).clone(), sizes)?;
        Self::new(public, Quorum::new(threshold, parties)?, index, value)
    }
}

/// Whether a text claims to be a private key.
pub(super) fn is_private(text: &str) -> bool {
    is(text, PRIVATE)
}

/// Whether a text claims to be a share of one.
pub(super) fn is_share(text: &str) -> bool {
    is(text, SHARE)
}

fn is(text: &str, kind: &str) -> bool {
    text.lines().next().is_some_and(|line| line == format!("kind = \"{kind}\""))
}

/// All digits, so many as the bits want.
fn hex(x: &BoxedUint, bits: u32) -> Zeroizing<String> {
    let digits = (bits / 4) as usize;
    let mut text = Zeroizing::new(String::with_capacity(digits));
    for at in (0..digits).rev() {
        let digit = x.as_words()[at / 16] >> (at % 16 * 4) & 15;
        text.push(char::from(b"0123456789abcdef"[digit as usize]));
    }
    text
}

/// The lines that are still to be read.
struct Lines<'a> {
    rest: std::str::Lines<'a>,
    whole: bool,
    line: usize,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text.lines(), whole: text.ends_with('\n'), line: 0 }
    }

    fn fault(&self, reason: impl Into<String>) -> PaillierError {
        PaillierError::Text { line: self.line, reason: reason.into() }
    }

    /// The value of the next line, which must have this name.
    fn value(&mut self, name: &str) -> Result<&'a str, PaillierError> {
        self.line += 1;
        let line = self.rest.next().ok_or_else(|| self.fault(format!("expected `{name} = ...`, the file ends")))?;
        line.strip_prefix(name)
            .and_then(|rest| rest.strip_prefix(" = "))
            .ok_or_else(|| self.fault(format!("expected `{name} = ...`")))
    }

    fn head(&mut self, kind: &str, sizes: Sizes) -> Result<u32, PaillierError> {
        if self.value("kind")? != format!("\"{kind}\"") {
            return Err(self.fault(format!("expected kind = \"{kind}\"")));
        }
        if self.value("version")? != VERSION {
            return Err(self.fault(format!("expected version = {VERSION}")));
        }
        let text = self.value("bits")?;
        let bits = canonical(text).ok_or_else(|| self.fault("expected a number of bits"))?;
        check::size(bits, sizes)?;
        Ok(bits)
    }

    fn count(&mut self, name: &str) -> Result<u32, PaillierError> {
        let text = self.value(name)?;
        canonical(text).ok_or_else(|| self.fault(format!("{name} is not a number")))
    }

    /// A number of exactly so many bits.
    fn number(&mut self, name: &str, bits: u32) -> Result<Zeroizing<BoxedUint>, PaillierError> {
        let number = self.number_below(name, bits)?;
        if number.bits() != bits {
            return Err(self.fault(format!("{name} has {} bits, expected {bits}", number.bits())));
        }
        Ok(number)
    }

    /// A number of at most so many bits, with all their digits.
    fn number_below(&mut self, name: &str, bits: u32) -> Result<Zeroizing<BoxedUint>, PaillierError> {
        let value = self.value(name)?;
        let digits = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let digits = digits.ok_or_else(|| self.fault(format!("{name} is not in quotation marks")))?;
        let expected = (bits / 4) as usize;
        if digits.len() != expected {
            return Err(self.fault(format!("{name} has {} digits, expected {expected}", digits.len())));
        }
        let mut number = Zeroizing::new(BoxedUint::zero_with_precision(bits));
        for (at, digit) in digits.bytes().rev().enumerate() {
            let digit = match digit {
                b'0'..=b'9' => digit - b'0',
                b'a'..=b'f' => digit - b'a' + 10,
                _ => return Err(self.fault(format!("{name} holds something else than digits 0 to 9 and a to f"))),
            };
            number.as_mut_words()[at / 16] |= u64::from(digit) << (at % 16 * 4);
        }
        Ok(number)
    }

    fn end(&mut self) -> Result<(), PaillierError> {
        self.line += 1;
        if self.rest.next().is_some() {
            return Err(self.fault("expected the end of the file"));
        }
        if !self.whole {
            return Err(self.fault("the last line has no end: the file was cut off"));
        }
        Ok(())
    }
}

/// A number in the only form that is written.
fn canonical(text: &str) -> Option<u32> {
    text.parse().ok().filter(|number: &u32| number.to_string() == text)
}
