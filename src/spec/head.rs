//! The part of a job file that all kinds share.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::error::JobErrors;
use super::located::Issues;
use super::text::JobText;
use crate::artifact::table::TableFormat;
use crate::backend::DeviceChoice;

/// The keys of [`RawHead`]; every other top-level key belongs to the kind.
pub(super) const HEAD_KEYS: &[&str] = &["kind", "name", "seed", "device", "threads", "output"];

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawHead {
    /// The kind of job.
    kind: String,
    /// Letters, digits, `-`, `_` and `.`; the job file's name when left out.
    name: Option<String>,
    /// Everything random starts here: the same seed gives the same bytes.
    #[serde(default)]
    #[schemars(range(min = 0, max = 9_223_372_036_854_775_807_u64))]
    seed: u64,
    /// `auto`, `cpu`, `gpu`, `gpu:<index, name or PCI id>` or `software-gpu`.
    #[serde(default = "auto")]
    device: String,
    /// CPU threads; 0 means one for each core.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1024))]
    threads: usize,
    /// Where results go and in which format.
    #[serde(default)]
    output: RawOutput,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct RawOutput {
    /// The folder that run folders are made in.
    folder: PathBuf,
    /// The format of result tables.
    format: TableFormat,
}

impl Default for RawOutput {
    fn default() -> Self {
        Self { folder: PathBuf::from("runs"), format: TableFormat::Csv }
    }
}

fn auto() -> String {
    DeviceChoice::Auto.to_string()
}

/// What all kinds share, checked, with the command line's changes applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The kind of job.
    pub kind: String,
    /// The job's name: safe as a part of a file name.
    pub name: String,
    /// Below 2^63.
    pub seed: u64,
    /// The device that was asked for.
    pub device: DeviceChoice,
    /// CPU threads; 0 means one for each core.
    pub threads: usize,
    /// Where results go.
    pub output: Output,
}

/// Where results go and in which format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The folder that run folders are made in: resolved against the job file's folder, or given by `--out`.
    pub folder: PathBuf,
    /// The format of result tables.
    pub format: TableFormat,
}

impl RawHead {
    pub(super) fn check(self, text: &JobText) -> Result<Head, JobErrors> {
        let mut issues = Issues::new(text);
        let over = text.overrides();
        let stem = text.file().file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let (name, hint) = match self.name {
            Some(name) => (name, ""),
            None => (stem, " from the file's name; give the job a `name`"),
        };
        if let Some(expected) = name_fault(&name) {
            issues.push("name", format!("expected {expected}, got {name:?}{hint}"));
        }
        let device = self.device.parse().unwrap_or_else(|e: crate::backend::DeviceChoiceError| {
            issues.push("device", e.to_string());
            DeviceChoice::Auto
        });
        issues.in_range("threads", self.threads, 0..=1024);
        issues.require(!self.output.folder.as_os_str().is_empty(), "output.folder", || {
            "expected a folder, got an empty text".to_owned()
        });
        issues.finish()?;
        Ok(Head {
            kind: self.kind,
            name,
            seed: over.seed.unwrap_or(self.seed),
            device: over.device.clone().unwrap_or(device),
            threads: over.threads.unwrap_or(self.threads),
            output: Output {
                folder: over.out.clone().unwrap_or_else(|| text.resolve(&self.output.folder)),
                format: self.output.format,
            },
        })
    }
}

fn name_fault(name: &str) -> Option<&'static str> {
    const BYTES_MAX: usize = 100;
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > BYTES_MAX {
        Some("1 to 100 bytes")
    } else if name.starts_with('.') || !name.chars().all(plain) {
        Some("letters, digits, `-`, `_` and `.` (not first)")
    } else {
        None
    }
}
