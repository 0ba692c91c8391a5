//! Writing and reading bytes: lowest byte first, nothing allocated by a length that somebody claims.

use sha2::{Digest, Sha256};

use super::WireError;

/// Bytes of the SHA-256 that ends every message.
pub(super) const SEAL: usize = 32;

/// A message that is being written.
#[derive(Debug, Default)]
pub(in crate::alliance) struct Writer(Vec<u8>);

impl Writer {
    pub(in crate::alliance) fn u8(&mut self, x: u8) -> &mut Self {
        self.bytes(&[x])
    }

    pub(in crate::alliance) fn u16(&mut self, x: u16) -> &mut Self {
        self.bytes(&x.to_le_bytes())
    }

    pub(in crate::alliance) fn u32(&mut self, x: u32) -> &mut Self {
        self.bytes(&x.to_le_bytes())
    }

    pub(in crate::alliance) fn u64(&mut self, x: u64) -> &mut Self {
        self.bytes(&x.to_le_bytes())
    }

    pub(in crate::alliance) fn bytes(&mut self, x: &[u8]) -> &mut Self {
        self.0.extend_from_slice(x);
        self
    }

    /// A text with its length in front, cut to the longest that fits.
    pub(in crate::alliance) fn text(&mut self, x: &str) -> &mut Self {
        let cut = (0..=x.len().min(usize::from(u16::MAX))).rev().find(|end| x.is_char_boundary(*end)).unwrap_or(0);
        self.u16(cut as u16).bytes(&x.as_bytes()[..cut])
    }

    pub(in crate::alliance) fn finish(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }

    /// The bytes, and the SHA-256 of them all.
    pub(super) fn sealed(&mut self) -> Vec<u8> {
        let digest = Sha256::digest(&self.0);
        self.bytes(&digest).finish()
    }
}

/// A message that is being read.
#[derive(Debug)]
pub(in crate::alliance) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(in crate::alliance) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// A message without the SHA-256 at its end, if that is right.
    pub(super) fn unsealed(bytes: &'a [u8]) -> Result<Self, WireError> {
        let (body, seal) = bytes
            .len()
            .checked_sub(SEAL)
            .and_then(|end| bytes.split_at_checked(end))
            .ok_or(WireError::Short { what: "message", needed: SEAL, left: bytes.len() })?;
        if Sha256::digest(body).as_slice() == seal { Ok(Self(body)) } else { Err(WireError::Seal) }
    }

    pub(in crate::alliance) fn take(&mut self, what: &'static str, len: usize) -> Result<&'a [u8], WireError> {
        let left = self.0.len();
        let (taken, rest) = self.0.split_at_checked(len).ok_or(WireError::Short { what, needed: len, left })?;
        self.0 = rest;
        Ok(taken)
    }

    pub(in crate::alliance) fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], WireError> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(what, N)?);
        Ok(out)
    }

    pub(in crate::alliance) fn u8(&mut self, what: &'static str) -> Result<u8, WireError> {
        Ok(self.array::<1>(what)?[0])
    }

    pub(in crate::alliance) fn u16(&mut self, what: &'static str) -> Result<u16, WireError> {
        Ok(u16::from_le_bytes(self.array(what)?))
    }

    pub(in crate::alliance) fn u32(&mut self, what: &'static str) -> Result<u32, WireError> {
        Ok(u32::from_le_bytes(self.array(what)?))
    }

    pub(in crate::alliance) fn u64(&mut self, what: &'static str) -> Result<u64, WireError> {
        Ok(u64::from_le_bytes(self.array(what)?))
    }

    pub(in crate::alliance) fn flag(&mut self, what: &'static str) -> Result<bool, WireError> {
        match self.u8(what)? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(WireError::Value { what, got: u64::from(other) }),
        }
    }

    pub(in crate::alliance) fn text(&mut self, what: &'static str) -> Result<&'a str, WireError> {
        let len = self.u16(what)?;
        std::str::from_utf8(self.take(what, usize::from(len))?).map_err(|_| WireError::Text { what })
    }

    /// All that is left.
    pub(in crate::alliance) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    pub(in crate::alliance) fn finish(self) -> Result<(), WireError> {
        if self.0.is_empty() { Ok(()) } else { Err(WireError::Long { left: self.0.len() }) }
    }
}
