//! From the bytes of a file to UTF-8 text, in pieces: decompression and decoding, both streamed.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use encoding_rs::{Decoder, DecoderResult};
use flate2::bufread::MultiGzDecoder;

use super::detect::{self, SAMPLE_BYTES};
use super::error::{DataError, Place, RowRef};
use super::source::{Encoding, Format};

const CHUNK_BYTES: usize = 1 << 16;

/// Something wrong with the bytes; the record reader adds the line.
#[derive(Debug)]
pub(super) enum Fault {
    Io(io::Error),
    Gzip { offset: u64, reason: String },
    Encoding { offset: u64, encoding: Encoding },
    Binary { offset: u64, found: &'static str },
}

impl Fault {
    /// The fault as an error in this file, on this line.
    pub(super) fn at_line(self, path: &Path, line: u64) -> DataError {
        let at = Place::row(path, RowRef::Line(line));
        match self {
            Self::Io(source) => DataError::io("read", path, source),
            Self::Gzip { offset, reason } => DataError::Gzip { at, offset, reason },
            Self::Encoding { offset, encoding } => DataError::Encoding { at, offset, encoding: encoding.name() },
            Self::Binary { offset, found } => DataError::Binary { at, offset, found },
        }
    }
}

/// The start of the file, kept for the detection, and then the rest.
struct Bytes {
    sample: Vec<u8>,
    taken: usize,
    /// A fault met while the sample was read: it is told after the bytes before it.
    failed: Option<io::Error>,
    rest: Box<dyn Read + Send>,
}

impl Bytes {
    /// Reads the sample; the flag says that it is the whole text.
    fn new(mut rest: Box<dyn Read + Send>) -> (Self, bool) {
        let mut sample = Vec::new();
        let failed = (&mut rest).take(SAMPLE_BYTES as u64).read_to_end(&mut sample).err();
        let complete = failed.is_none() && sample.len() < SAMPLE_BYTES;
        (Self { sample, taken: 0, failed, rest }, complete)
    }
}

impl Read for Bytes {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = &self.sample[self.taken..];
        if !left.is_empty() {
            let count = left.len().min(out.len());
            out[..count].copy_from_slice(&left[..count]);
            self.taken += count;
            if self.taken == self.sample.len() {
                self.sample = Vec::new();
                self.taken = 0;
            }
            return Ok(count);
        }
        self.failed.take().map_or_else(|| self.rest.read(out), Err)
    }
}

/// A text file as a stream of UTF-8.
pub(super) struct TextStream {
    input: Bytes,
    is_gzip: bool,
    encoding: Encoding,
    decoder: Decoder,
    raw: Box<[u8]>,
    /// Bytes taken from `input` so far.
    offset: u64,
    /// A fault that stands behind text already handed out.
    pending: Option<Fault>,
    finished: bool,
}

impl TextStream {
    /// Opens a plain or compressed text; without a declared encoding the first MiB decides.
    pub(super) fn open(path: &Path, format: Format, declared: Option<Encoding>) -> Result<Self, DataError> {
        let file = File::open(path).map_err(|e| DataError::io("open", path, e))?;
        let is_gzip = format == Format::CsvGz;
        let file = BufReader::with_capacity(CHUNK_BYTES, file);
        let rest: Box<dyn Read + Send> = if is_gzip { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
        Self::new(rest, is_gzip, declared).map_err(|fault| fault.at_line(path, 1))
    }

    fn new(rest: Box<dyn Read + Send>, is_gzip: bool, declared: Option<Encoding>) -> Result<Self, Fault> {
        let (mut input, complete) = Bytes::new(rest);
        let detected = declared.map_or_else(|| detect::detect(&input.sample, complete), Ok);
        let encoding = match (detected, input.failed.take()) {
            (Ok(encoding), failed) => {
                input.failed = failed;
                encoding
            }
            // What a damaged archive yields before its fault is found may look like anything: the damage is the cause.
            (Err(_), Some(failed)) => return Err(read_fault(failed, is_gzip, input.sample.len() as u64)),
            (Err(fault), None) => return Err(fault),
        };
        Ok(Self {
            input,
            is_gzip,
            encoding,
            decoder: encoding.codec().new_decoder_with_bom_removal(),
            raw: vec![0; CHUNK_BYTES].into_boxed_slice(),
            offset: 0,
            pending: None,
            finished: false,
        })
    }

    /// Replaces `out` with the next piece of text; `false` at the end. Text before a fault comes first, so that the
    /// caller has seen every line up to it.
    pub(super) fn next(&mut self, out: &mut Vec<u8>) -> Result<bool, Fault> {
        out.clear();
        while out.is_empty() && !self.finished {
            if let Some(fault) = self.pending.take() {
                self.finished = true;
                return Err(fault);
            }
            match self.input.read(&mut self.raw) {
                Ok(count) => self.decode(count, out),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => self.pending = Some(read_fault(error, self.is_gzip, self.offset)),
            }
        }
        Ok(!out.is_empty())
    }

    /// Decodes the first `count` raw bytes; 0 is the end of the input.
    fn decode(&mut self, count: usize, out: &mut Vec<u8>) {
        let last = count == 0;
        // Three bytes of UTF-8 for each byte of input is more than any of the five encodings can need.
        out.resize(3 * count + 16, 0);
        let (result, read, written) = self.decoder.decode_to_utf8_without_replacement(&self.raw[..count], out, last);
        out.truncate(written);
        if let Some(nul) = out.iter().position(|b| *b == 0) {
            out.truncate(nul);
            let offset = self.offset + self.nul_position(count) as u64;
            self.pending = Some(Fault::Binary { offset, found: "a NUL character" });
        } else if let DecoderResult::Malformed(bad, after) = result {
            let offset = (self.offset + read as u64).saturating_sub(u64::from(bad) + u64::from(after));
            self.pending = Some(Fault::Encoding { offset, encoding: self.encoding });
        }
        self.offset += count as u64;
        self.finished = last && self.pending.is_none();
    }

    /// Where in the first `count` raw bytes the first NUL character stands: two zero bytes at an even place of the file
    /// in UTF-16 (a character cut by the chunk's start counts as its start), one zero byte in the other encodings.
    fn nul_position(&self, count: usize) -> usize {
        let raw = &self.raw[..count];
        let is_wide = matches!(self.encoding, Encoding::Utf16Le | Encoding::Utf16Be);
        let found = if is_wide {
            let skew = (self.offset % 2) as usize;
            raw[skew.min(count)..].chunks(2).position(|unit| unit == [0, 0]).map(|i| 2 * i + skew)
        } else {
            raw.iter().position(|b| *b == 0)
        };
        found.unwrap_or(0)
    }
}

fn read_fault(error: io::Error, is_gzip: bool, offset: u64) -> Fault {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    match error.kind() {
        InvalidData | InvalidInput | UnexpectedEof if is_gzip => Fault::Gzip { offset, reason: error.to_string() },
        _ => Fault::Io(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Cursor, Write};

    fn all(bytes: &[u8], is_gzip: bool, declared: Option<Encoding>) -> (String, Option<Fault>) {
        let cursor = Cursor::new(bytes.to_vec());
        let rest: Box<dyn Read + Send> = if is_gzip { Box::new(MultiGzDecoder::new(cursor)) } else { Box::new(cursor) };
        let mut stream = match TextStream::new(rest, is_gzip, declared) {
            Ok(stream) => stream,
            Err(fault) => return (String::new(), Some(fault)),
        };
        let (mut text, mut piece) = (Vec::new(), Vec::new());
        loop {
            match stream.next(&mut piece) {
                Ok(true) => text.extend_from_slice(&piece),
                Ok(false) => return (String::from_utf8(text).unwrap(), None),
                Err(fault) => return (String::from_utf8(text).unwrap(), Some(fault)),
            }
        }
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    /// Longer than the detection's sample, so that characters are cut at every kind of seam.
    fn long_text() -> String {
        (0..90_000).map(|i| format!("{i},产品 größe 𠮷\n")).collect::<Vec<_>>().concat()
    }

    #[test]
    fn e21_decodes_every_encoding_across_seams() {
        let text = long_text();
        let utf16 = |little: bool| -> Vec<u8> {
            let units = std::iter::once(0xFEFF).chain(text.encode_utf16());
            units.flat_map(|u| if little { u.to_le_bytes() } else { u.to_be_bytes() }).collect()
        };
        let gb = encoding_rs::GB18030.encode(&text).0.into_owned();
        let marked = [b"\xEF\xBB\xBF", text.as_bytes()].concat();
        for bytes in [text.clone().into_bytes(), marked, utf16(true), utf16(false), gb] {
            let (decoded, fault) = all(&bytes, false, None);
            assert!(fault.is_none(), "{fault:?}");
            assert!(decoded == text, "starts {:?}", &bytes[..8]);
            let (decoded, fault) = all(&gzip(&bytes), true, None);
            assert!(fault.is_none() && decoded == text);
        }
    }

    #[test]
    fn e21_a_late_fault_is_told_after_the_text_before_it() {
        let mut bytes = vec![b'a'; SAMPLE_BYTES + 10];
        bytes.extend_from_slice(b"\xC4,b\n");
        let (text, fault) = all(&bytes, false, None);
        assert_eq!(text.len(), SAMPLE_BYTES + 10);
        assert!(
            matches!(fault, Some(Fault::Encoding { offset, encoding: Encoding::Utf8 }) if offset == SAMPLE_BYTES as u64 + 10),
            "{fault:?}"
        );
        let mut binary = vec![b'a'; SAMPLE_BYTES];
        binary.push(0);
        let (_, fault) = all(&binary, false, None);
        assert!(matches!(fault, Some(Fault::Binary { offset, .. }) if offset == SAMPLE_BYTES as u64), "{fault:?}");
    }

    #[test]
    fn e21_a_nul_is_told_at_its_place() {
        let place = |bytes: &[u8], declared: Encoding| match all(bytes, false, Some(declared)) {
            (before, Some(Fault::Binary { offset, .. })) => (before, offset),
            other => panic!("{declared:?}: {other:?}"),
        };
        assert_eq!(place(b"\xE9a\0b", Encoding::Latin1), ("éa".to_owned(), 2));
        assert_eq!(place(b"\xD6\xD0\0b", Encoding::Gb18030), ("中".to_owned(), 2));
        assert_eq!(place("é\0".as_bytes(), Encoding::Utf8), ("é".to_owned(), 2));
        assert_eq!(place(b"\xFF\xFEa\0\0\0b\0", Encoding::Utf16Le), ("a".to_owned(), 4));
        assert_eq!(place(b"\x01\0\0\x01\0\0", Encoding::Utf16Be), ("\u{100}\u{1}".to_owned(), 4));
    }

    #[test]
    fn e21_a_declared_encoding_is_obeyed() {
        assert!(matches!(
            all(b"ab\xE9c", false, Some(Encoding::Utf8)).1,
            Some(Fault::Encoding { offset: 2, encoding: Encoding::Utf8 })
        ));
        assert_eq!(all(b"ab\xE9c", false, Some(Encoding::Latin1)).0, "abéc");
        assert!(matches!(all(b"\xFF\xFEa\0b", false, None).1, Some(Fault::Encoding { .. })), "half a UTF-16 unit");
    }

    #[test]
    fn e21_gzip_cut_anywhere_is_a_fault() {
        let line = |i: u64| format!("{i},{}\n", i.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let text = (0..40_000).map(line).collect::<Vec<_>>().concat();
        let whole = gzip(text.as_bytes());
        for cut in [3, 9, 10, 11, whole.len() / 2, whole.len() - 9, whole.len() - 8, whole.len() - 4, whole.len() - 1] {
            let (before, fault) = all(&whole[..cut], true, None);
            assert!(matches!(fault, Some(Fault::Gzip { .. })), "cut at {cut}: {fault:?}");
            assert!(text.starts_with(&before));
        }
        let mut damaged = whole.clone();
        damaged[whole.len() / 2] ^= 0x55;
        assert!(matches!(all(&damaged, true, None).1, Some(Fault::Gzip { .. })));
        let twice = [gzip(b"a,b\n"), gzip(b"1,2\n")].concat();
        assert_eq!(all(&twice, true, None).0, "a,b\n1,2\n", "several members are one text");
    }
}
