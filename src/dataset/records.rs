//! CSV records over a text stream: quoting, doubled quotes, line ends inside quotes, LF, CRLF and CR, with the number of
//! the line on which each record starts.
//!
//! The parser is `csv-core`, the state machine under crate `csv`: driven directly, it shows how many bytes a record took,
//! so that lines can be counted exactly and a quotation mark left open is found rather than swallowed.

use std::path::{Path, PathBuf};

use csv_core::ReadRecordResult;

use super::decode::TextStream;
use super::error::{DataError, Place, RowRef};

/// A row longer than this is taken for a quotation mark left open.
const ROW_BYTES_MAX: usize = 16 << 20;

/// One record: its fields as slices of one text.
#[derive(Debug, Default, Clone)]
pub(super) struct Record {
    text: String,
    ends: Vec<usize>,
    line: u64,
}

impl Record {
    /// How many fields it has.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Field `index`, unquoted; the index is below [`Record::len`].
    pub(super) fn field(&self, index: usize) -> &str {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.text[start..self.ends[index]]
    }

    pub(super) fn row(&self) -> RowRef {
        RowRef::Line(self.line)
    }
}

/// Reads records one by one; blank lines are skipped.
pub(super) struct RecordReader {
    path: PathBuf,
    text: TextStream,
    parser: csv_core::Reader,
    buffer: Vec<u8>,
    taken: usize,
    line: u64,
    after_cr: bool,
    /// Scratch: the record being parsed, longer than what is used of it.
    fields: Vec<u8>,
    ends: Vec<usize>,
}

impl RecordReader {
    pub(super) fn new(path: &Path, text: TextStream, delimiter: u8) -> Self {
        Self {
            path: path.to_owned(),
            text,
            parser: csv_core::ReaderBuilder::new().delimiter(delimiter).build(),
            buffer: Vec::new(),
            taken: 0,
            line: 1,
            after_cr: false,
            fields: vec![0; 1 << 10],
            ends: vec![0; 1 << 6],
        }
    }

    /// The next record into `record`; `false` at the end of the text.
    pub(super) fn read(&mut self, record: &mut Record) -> Result<bool, DataError> {
        if !self.skip_line_ends()? {
            return Ok(false);
        }
        let start = RowRef::Line(self.line);
        record.line = self.line;
        let (mut used, mut count) = (0, 0);
        let mut at_end = false;
        loop {
            // A line end after the last byte closes any record but one whose quotation mark is open.
            let input = if at_end { b"\n" } else { &self.buffer[self.taken..] };
            let (result, read, written, ended) =
                self.parser.read_record(input, &mut self.fields[used..], &mut self.ends[count..]);
            used += written;
            count += ended;
            if !at_end {
                self.advance(read);
            }
            match result {
                ReadRecordResult::Record | ReadRecordResult::End => break,
                ReadRecordResult::InputEmpty if at_end => {
                    return Err(DataError::OpenQuote { at: Place::row(&self.path, start) });
                }
                ReadRecordResult::InputEmpty => at_end = !self.refill()?,
                ReadRecordResult::OutputFull if used >= ROW_BYTES_MAX => {
                    let at = Place::row(&self.path, start);
                    return Err(DataError::RowTooLong { at, limit_bytes: ROW_BYTES_MAX });
                }
                ReadRecordResult::OutputFull => self.fields.resize(2 * self.fields.len(), 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(2 * self.ends.len(), 0),
            }
        }
        self.hand_over(record, used, count, start)
    }

    fn hand_over(&self, record: &mut Record, used: usize, count: usize, start: RowRef) -> Result<bool, DataError> {
        // The stream is UTF-8 and the parser cuts at ASCII only, so this holds; checking costs less than a proof.
        let text = std::str::from_utf8(&self.fields[..used]).map_err(|e| DataError::Encoding {
            at: Place::row(&self.path, start),
            offset: e.valid_up_to() as u64,
            encoding: "utf-8",
        })?;
        record.text.clear();
        record.text.push_str(text);
        record.ends.clear();
        record.ends.extend_from_slice(&self.ends[..count]);
        Ok(true)
    }

    /// Passes over blank lines and what is left of the last record's line end; `false` at the end of the text.
    fn skip_line_ends(&mut self) -> Result<bool, DataError> {
        loop {
            match self.buffer.get(self.taken).copied() {
                Some(b'\n' | b'\r') => self.advance(1),
                Some(_) => return Ok(true),
                None if self.refill()? => {}
                None => return Ok(false),
            }
        }
    }

    fn advance(&mut self, count: usize) {
        for byte in &self.buffer[self.taken..self.taken + count] {
            self.line += u64::from(*byte == b'\r' || (*byte == b'\n' && !self.after_cr));
            self.after_cr = *byte == b'\r';
        }
        self.taken += count;
    }

    fn refill(&mut self) -> Result<bool, DataError> {
        self.taken = 0;
        self.text.next(&mut self.buffer).map_err(|fault| fault.at_line(&self.path, self.line))
    }
}
