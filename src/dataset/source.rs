//! The description of one table: where it is and how to read it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::column::ColumnType;
use super::error::{DataError, Place};

/// How a table is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Format {
    /// Comma- or otherwise separated text.
    #[serde(rename = "csv")]
    Csv,
    /// The same, compressed with gzip.
    #[serde(rename = "csv.gz")]
    CsvGz,
    /// Apache Parquet.
    #[serde(rename = "parquet")]
    Parquet,
}

/// How a text is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark.
    #[serde(rename = "utf-8", alias = "utf8", alias = "UTF-8")]
    Utf8,
    /// UTF-16, low byte first.
    #[serde(rename = "utf-16le", alias = "UTF-16LE")]
    Utf16Le,
    /// UTF-16, high byte first.
    #[serde(rename = "utf-16be", alias = "UTF-16BE")]
    Utf16Be,
    /// GB18030, which contains GBK and GB2312.
    #[serde(rename = "gb18030", alias = "gbk", alias = "gb2312", alias = "GB18030", alias = "GBK", alias = "GB2312")]
    Gb18030,
    /// Windows-1252, which contains the printable part of Latin-1 (ISO 8859-1).
    #[serde(rename = "latin-1", alias = "latin1", alias = "iso-8859-1", alias = "windows-1252", alias = "cp1252")]
    Latin1,
}

impl Encoding {
    /// The name used in job files and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Utf16Le => "utf-16le",
            Self::Utf16Be => "utf-16be",
            Self::Gb18030 => "gb18030",
            Self::Latin1 => "latin-1",
        }
    }

    pub(super) fn codec(self) -> &'static encoding_rs::Encoding {
        match self {
            Self::Utf8 => encoding_rs::UTF_8,
            Self::Utf16Le => encoding_rs::UTF_16LE,
            Self::Utf16Be => encoding_rs::UTF_16BE,
            Self::Gb18030 => encoding_rs::GB18030,
            Self::Latin1 => encoding_rs::WINDOWS_1252,
        }
    }
}

/// A table's description as it stands in a job file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawSource {
    /// The file; a relative path counts from the folder that the caller of [`RawSource::check`] names.
    pub path: PathBuf,
    /// How it is stored; without it the file's name decides, and for unknown names the first bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// What stands between two fields: one ASCII character or `tab`; without it a comma, or a tab for `.tsv` files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<String>,
    /// How the text is encoded; without it detected from the first MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
    /// Types of columns that are not to be inferred.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub types: BTreeMap<String, ColumnType>,
    /// Texts that mean "no value", compared without regard to case and surrounding blanks. Default: the empty text,
    /// `NA`, `NaN` and `null`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<Vec<String>>,
    /// How dates are written, in strftime notation (`%d.%m.%Y`); without it `2017-01-02`, `2017/1/2` and `2017年1月2日`
    /// are understood.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date_format: Option<String>,
}

/// A checked description of a table. The file itself is looked at when it is opened.
#[derive(Debug, Clone)]
pub struct Source {
    pub(super) path: PathBuf,
    pub(super) format: Option<Format>,
    pub(super) delimiter: u8,
    pub(super) encoding: Option<Encoding>,
    pub(super) types: BTreeMap<String, ColumnType>,
    pub(super) missing: Vec<String>,
    pub(super) date_format: Option<String>,
}

impl RawSource {
    /// A description that leaves everything but the path to the defaults.
    pub fn of(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), ..Self::default() }
    }

    /// Checks the description; a relative path is taken from `base`.
    ///
    /// # Errors
    /// [`DataError::Spec`] with the field that cannot be meant.
    pub fn check(&self, base: &Path) -> Result<Source, DataError> {
        if self.path.as_os_str().is_empty() {
            return Err(DataError::spec("path", "expected a file, found an empty path"));
        }
        let delimiter = match &self.delimiter {
            Some(text) => check_delimiter(text)?,
            None if is_tab_separated(&self.path) => b'\t',
            None => b',',
        };
        if let Some(format) = &self.date_format {
            check_date_format(format)?;
        }
        let default_missing = || ["", "na", "nan", "null"].map(str::to_owned).to_vec();
        let missing = self
            .missing
            .as_ref()
            .map_or_else(default_missing, |texts| texts.iter().map(|t| t.trim().to_lowercase()).collect());
        Ok(Source {
            path: base.join(&self.path),
            format: self.format,
            delimiter,
            encoding: self.encoding,
            types: self.types.clone(),
            missing,
            date_format: self.date_format.clone(),
        })
    }
}

impl Source {
    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The same table with nothing but empty cells as missing values: in a table of words, `NA` is a word.
    #[must_use]
    pub fn of_words(&self) -> Self {
        Self { missing: vec![String::new()], ..self.clone() }
    }

    /// The format: declared, else by the file's name, else by its first bytes; the first bytes must agree with it.
    pub(super) fn resolve_format(&self, head: &[u8]) -> Result<Format, DataError> {
        let magic = magic_format(head);
        let format = self.format.or_else(|| named_format(&self.path)).unwrap_or(magic);
        let (expected, agrees) = match format {
            Format::Csv => ("plain text", magic != Format::CsvGz),
            Format::CsvGz => ("a gzip file", magic == Format::CsvGz),
            Format::Parquet => ("a Parquet file", magic == Format::Parquet),
        };
        if agrees {
            return Ok(format);
        }
        let found = match magic {
            Format::Csv => "other content",
            Format::CsvGz => "a gzip file (declare it with `format = \"csv.gz\"`)",
            Format::Parquet => "a Parquet file (declare it with `format = \"parquet\"`)",
        };
        Err(DataError::NotFormat { at: Place::file(&self.path), expected, found })
    }
}

fn magic_format(head: &[u8]) -> Format {
    match head {
        [0x1f, 0x8b, ..] => Format::CsvGz,
        [b'P', b'A', b'R', b'1', ..] => Format::Parquet,
        _ => Format::Csv,
    }
}

fn lower_extension(path: &Path) -> String {
    path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default()
}

fn named_format(path: &Path) -> Option<Format> {
    match lower_extension(path).as_str() {
        "csv" | "tsv" | "tab" | "txt" => Some(Format::Csv),
        "gz" => Some(Format::CsvGz),
        "parquet" | "pq" => Some(Format::Parquet),
        _ => None,
    }
}

fn is_tab_separated(path: &Path) -> bool {
    let extension = lower_extension(path);
    let inner = if extension == "gz" { path.file_stem().map(Path::new).map(lower_extension) } else { Some(extension) };
    matches!(inner.as_deref(), Some("tsv" | "tab"))
}

fn check_delimiter(text: &str) -> Result<u8, DataError> {
    let refuse = || {
        Err(DataError::spec(
            "delimiter",
            format!("expected one ASCII character other than a quotation mark or a line end, or `tab`, found `{text}`"),
        ))
    };
    match text.as_bytes() {
        _ if text == "tab" => Ok(b'\t'),
        [b'"' | b'\r' | b'\n' | 0] => refuse(),
        [byte] if byte.is_ascii() => Ok(*byte),
        _ => refuse(),
    }
}

fn check_date_format(format: &str) -> Result<(), DataError> {
    let wrong = chrono::format::StrftimeItems::new(format).any(|item| item == chrono::format::Item::Error);
    if wrong || !format.contains('%') {
        let reason = format!("expected a date in strftime notation such as `%d.%m.%Y`, found `{format}`");
        return Err(DataError::spec("date_format", reason));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e21_source_refuses_what_cannot_be_meant() {
        let base = Path::new("/data");
        let wrong_delimiter = RawSource { delimiter: Some(";;".into()), ..RawSource::of("a.csv") };
        assert!(matches!(wrong_delimiter.check(base), Err(DataError::Spec { field, .. }) if field == "delimiter"));
        let quote = RawSource { delimiter: Some("\"".into()), ..RawSource::of("a.csv") };
        assert!(quote.check(base).is_err());
        let wrong_date = RawSource { date_format: Some("%Q".into()), ..RawSource::of("a.csv") };
        assert!(matches!(wrong_date.check(base), Err(DataError::Spec { field, .. }) if field == "date_format"));
        assert!(matches!(RawSource::of("").check(base), Err(DataError::Spec { field, .. }) if field == "path"));
    }

    #[test]
    fn e21_source_takes_delimiter_and_format_from_the_name() {
        let base = Path::new("/data");
        let delimiter = |name: &str| RawSource::of(name).check(base).unwrap().delimiter;
        assert_eq!(["a.csv", "a.tsv", "a.tsv.gz", "a.csv.gz", "a.TSV"].map(delimiter), *b",\t\t,\t");
        let source = RawSource::of("a.csv.gz").check(base).unwrap();
        assert_eq!(source.path(), Path::new("/data/a.csv.gz"));
        assert_eq!(source.resolve_format(b"\x1f\x8b\x08").unwrap(), Format::CsvGz);
        assert!(matches!(source.resolve_format(b"a,b\n"), Err(DataError::NotFormat { .. })));
        let unnamed = RawSource::of("table").check(base).unwrap();
        assert_eq!(unnamed.resolve_format(b"PAR1").unwrap(), Format::Parquet);
        assert_eq!(unnamed.resolve_format(b"a,b\n").unwrap(), Format::Csv);
        let plain = RawSource::of("a.csv").check(base).unwrap();
        assert!(plain.resolve_format(b"\x1f\x8b\x08").unwrap_err().to_string().contains("csv.gz"));
    }

    #[test]
    fn e21_source_refuses_unknown_keys() {
        let wrong = toml::from_str::<RawSource>("path = \"a.csv\"\nseparator = \";\"").unwrap_err();
        assert!(wrong.to_string().contains("separator"), "{wrong}");
        let right: RawSource =
            toml::from_str("path = \"a.csv\"\nencoding = \"gbk\"\nformat = \"csv.gz\"\ntypes = { q = \"float\" }")
                .unwrap();
        assert_eq!(right.encoding, Some(Encoding::Gb18030));
        assert_eq!(right.types["q"], ColumnType::Float);
    }
}
