//! A job file as it was read: its text, its tree, and what the command line changes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::{JobError, JobErrors};
use super::head::HEAD_KEYS;
use super::tree::{self, Node, Value};
use super::words;
use crate::backend::DeviceChoice;

/// What the command line says over the job file's head.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--device`.
    pub device: Option<DeviceChoice>,
    /// `--threads`.
    pub threads: Option<usize>,
    /// `--seed`.
    pub seed: Option<u64>,
    /// `--out`: relative to where the command was given, not to the job file.
    pub out: Option<PathBuf>,
}

/// A job file that is TOML; nothing else is known about it yet. Cheap to clone.
#[derive(Debug, Clone)]
pub struct JobText {
    source: Arc<Source>,
    overrides: Overrides,
}

#[derive(Debug)]
struct Source {
    file: PathBuf,
    text: String,
    root: Node,
}

impl JobText {
    /// Reads a job file.
    ///
    /// # Errors
    /// The file cannot be read, is not UTF-8, or is not TOML.
    pub fn read(file: &Path) -> Result<Self, JobErrors> {
        let bytes = std::fs::read(file).map_err(|e| whole_file(file, unreadable(file, &e)))?;
        let text = String::from_utf8(bytes).map_err(|e| {
            let at = e.utf8_error().valid_up_to();
            whole_file(file, format!("a job file is UTF-8 text, got another byte at offset {at}"))
        })?;
        Self::new(file, text)
    }

    /// Takes a job file's text; `file` names it in errors, and its folder is where relative paths start.
    ///
    /// # Errors
    /// The text is not TOML.
    pub fn new(file: impl Into<PathBuf>, text: impl Into<String>) -> Result<Self, JobErrors> {
        let file = file.into();
        let text: String = text.into();
        let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
        match tree::parse(&text) {
            Ok(root) => Ok(Self { source: Arc::new(Source { file, text, root }), overrides: Overrides::default() }),
            Err(faults) => {
                let locate = |(at, message): (usize, String)| JobError {
                    file: file.clone(),
                    place: Some(tree::place(&text, at)),
                    key: String::new(),
                    message,
                };
                Err(JobErrors::from_vec(faults.into_iter().map(locate).collect())
                    .unwrap_or_else(|| whole_file(&file, "not valid TOML".to_owned()).into()))
            }
        }
    }

    /// The same job with what the command line changes.
    #[must_use]
    pub fn with_overrides(mut self, overrides: Overrides) -> Self {
        self.overrides = overrides;
        self
    }

    /// What the command line changes.
    pub fn overrides(&self) -> &Overrides {
        &self.overrides
    }

    /// The job file, as it was named.
    pub fn file(&self) -> &Path {
        &self.source.file
    }

    /// The folder that the job's relative paths start from.
    pub fn folder(&self) -> &Path {
        match self.source.file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        }
    }

    /// A path of the job: relative ones start at the job file's folder. `x/..` is taken out where `x` is a plain folder.
    pub fn resolve(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        let here = path.is_relative() && self.folder() == Path::new(".");
        super::tidy::tidy(&if here { path.to_owned() } else { self.folder().join(path) })
    }

    /// The job's kind.
    ///
    /// # Errors
    /// `kind` is missing or no text.
    pub fn kind(&self) -> Result<&str, JobErrors> {
        let Value::Table(entries) = &self.source.root.value else {
            return Err(self.error("", "expected a table").into());
        };
        match entries.iter().find(|e| e.key == "kind").map(|e| &e.node) {
            Some(Node { value: Value::Text(kind), .. }) => Ok(kind),
            Some(node) => {
                Err(self.error("kind", format!("expected a text in quotes, got {}", words::describe(node))).into())
            }
            None => Err(self.missing_kind(entries)),
        }
    }

    fn missing_kind(&self, entries: &[tree::Entry]) -> JobErrors {
        let near =
            crate::words::nearest("kind", entries.iter().map(|e| e.key.as_str()).filter(|k| !HEAD_KEYS.contains(k)));
        let hint = near.map(|k| format!("; is `{k}` meant to be `kind`?")).unwrap_or_default();
        self.error("kind", format!("missing; expected the job's kind, as in `kind = \"growth\"`{hint}")).into()
    }

    /// An error at a key path (`cnn.epochs`), with its line; an empty path means the whole file.
    pub fn error(&self, key: &str, message: impl Into<String>) -> JobError {
        self.error_at(self.source.root.find(key), key, message.into())
    }

    pub(super) fn error_at(&self, byte: usize, key: &str, message: String) -> JobError {
        JobError {
            file: self.source.file.clone(),
            place: Some(tree::place(&self.source.text, byte)),
            key: key.to_owned(),
            message,
        }
    }

    /// The part of the file that all kinds share.
    pub(super) fn head_tree(&self) -> Node {
        self.source.root.filtered(|key| HEAD_KEYS.contains(&key))
    }

    /// The part of the file that belongs to the kind.
    pub(super) fn kind_tree(&self) -> Node {
        self.source.root.filtered(|key| !HEAD_KEYS.contains(&key))
    }
}

fn whole_file(file: &Path, message: String) -> JobError {
    JobError { file: file.to_owned(), place: None, key: String::new(), message }
}

fn unreadable(file: &Path, error: &std::io::Error) -> String {
    let wanted = file.file_name().unwrap_or_default().to_string_lossy();
    let folder = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let names: Vec<String> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|e| e.ok()?.file_name().into_string().ok())
        .filter(|name| Path::new(name).extension().is_some_and(|x| x == "toml"))
        .collect();
    match crate::words::nearest(&wanted, names.iter().map(String::as_str)) {
        Some(near) if error.kind() == std::io::ErrorKind::NotFound => {
            format!("cannot read the job file: {error}; did you mean `{near}`?")
        }
        _ => format!("cannot read the job file: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e16_a_byte_order_mark_is_no_error() {
        assert_eq!(JobText::new("a.toml", "\u{feff}kind = \"growth\"").unwrap().kind().unwrap(), "growth");
    }

    #[test]
    fn e16_kind_is_required_and_a_text() {
        let error = |text: &str| JobText::new("a.toml", text).unwrap().kind().unwrap_err().to_string();
        assert_eq!(error("kind = 3"), "a.toml:1:8: kind: expected a text in quotes, got the number 3");
        assert!(error("knid = \"growth\"").ends_with("is `knid` meant to be `kind`?"));
        assert!(error("").starts_with("a.toml:1:1: kind: missing"));
    }

    #[test]
    fn e16_paths_start_at_the_job_file() {
        let text = JobText::new("jobs/a.toml", "").unwrap();
        assert_eq!(text.resolve("data/x.csv"), Path::new("jobs/data/x.csv"));
        assert_eq!(text.resolve("/data/x.csv"), Path::new("/data/x.csv"));
        assert_eq!(JobText::new("a.toml", "").unwrap().resolve("x.csv"), Path::new("x.csv"));
    }
}
