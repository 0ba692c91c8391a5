//! What is wrong with a job file, and where.

use std::path::PathBuf;

/// One thing that is wrong with a job file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobError {
    /// The job file, as it was named.
    pub file: PathBuf,
    /// Line and column, both from 1, unless the whole file is meant.
    pub place: Option<(usize, usize)>,
    /// The key's path, `cnn.epochs`; empty when no key is meant.
    pub key: String,
    /// What was expected and what came.
    pub message: String,
}

impl std::fmt::Display for JobError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some((line, column)) = self.place {
            write!(f, ":{line}:{column}")?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for JobError {}

/// Everything that one pass found wrong with a job file, in the file's order; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobErrors(Vec<JobError>);

impl JobErrors {
    /// Sorts the errors by their place in the file; `None` when there are none.
    pub fn from_vec(mut errors: Vec<JobError>) -> Option<Self> {
        errors.sort_by_key(|e| e.place);
        (!errors.is_empty()).then_some(Self(errors))
    }

    /// The errors.
    pub fn iter(&self) -> impl Iterator<Item = &JobError> {
        self.0.iter()
    }
}

impl From<JobError> for JobErrors {
    fn from(error: JobError) -> Self {
        Self(vec![error])
    }
}

impl std::fmt::Display for JobErrors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, error) in self.0.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for JobErrors {}
