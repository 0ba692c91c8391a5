//! A folder's files with their sizes and hashes: what a finished run's `DONE` holds.

use std::fs::File;
use std::path::{Component, Path};

use serde::{Deserialize, Serialize};

use super::ArtifactError;
use crate::dataset::hash::sha256_reader;

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Its path inside the folder, with `/` between the parts.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, as 64 lower-case hexadecimal digits.
    pub sha256: String,
}

/// Files of one folder, sorted by path.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The files.
    pub files: Vec<FileEntry>,
}

impl Manifest {
    /// Measures these files of the folder; the order in which they are named does not matter.
    ///
    /// # Errors
    /// [`ArtifactError::Content`] for a path that leaves the folder or is no Unicode, and any read error.
    pub fn of<P: AsRef<Path>>(folder: &Path, files: impl IntoIterator<Item = P>) -> Result<Self, ArtifactError> {
        let mut entries = files.into_iter().map(|f| measure(folder, f.as_ref())).collect::<Result<Vec<_>, _>>()?;
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        entries.dedup();
        Ok(Self { files: entries })
    }

    /// Makes sure that every file is in the folder as it was measured.
    ///
    /// # Errors
    /// [`ArtifactError::Format`] for the first file that differs, and any read error.
    pub fn verify(&self, folder: &Path) -> Result<(), ArtifactError> {
        for expected in &self.files {
            let found = measure(folder, Path::new(&expected.path))?;
            if found != *expected {
                let reason = format!(
                    "expected {} bytes with SHA-256 {}, found {} bytes with SHA-256 {}",
                    expected.bytes, expected.sha256, found.bytes, found.sha256
                );
                return Err(ArtifactError::format(&folder.join(&expected.path), reason));
            }
        }
        Ok(())
    }
}

fn measure(folder: &Path, file: &Path) -> Result<FileEntry, ArtifactError> {
    let path = inner_path(file)?;
    let full = folder.join(file);
    let opened = File::open(&full).map_err(|e| ArtifactError::io("open", &full, e))?;
    let (bytes, sha256) = sha256_reader(opened).map_err(|e| ArtifactError::io("read", &full, e))?;
    Ok(FileEntry { path, bytes, sha256 })
}

/// The path with `/` between its parts, so that a manifest reads the same on every system.
fn inner_path(file: &Path) -> Result<String, ArtifactError> {
    let refuse = |reason: &str| ArtifactError::content(format!("manifest path {}", file.display()), reason);
    let mut parts = Vec::new();
    for component in file.components() {
        match component {
            Component::Normal(part) => parts.push(part.to_str().ok_or_else(|| refuse("expected Unicode"))?),
            Component::CurDir => {}
            _ => return Err(refuse("expected a path inside the folder")),
        }
    }
    if parts.is_empty() { Err(refuse("expected a file")) } else { Ok(parts.join("/")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::{write_bytes, write_json};

    #[test]
    fn e17_manifest_sees_every_change() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::create_dir(root.join("models")).unwrap();
        write_bytes(&root.join("a.csv"), b"abc").unwrap();
        write_bytes(&root.join("models/m.safetensors"), b"").unwrap();
        let manifest = Manifest::of(root, ["models/m.safetensors", "./a.csv", "a.csv"]).unwrap();
        let paths: Vec<&str> = manifest.files.iter().map(|f| f.path.as_str()).collect();
        assert_eq!(paths, ["a.csv", "models/m.safetensors"]);
        assert_eq!(manifest.files[0].bytes, 3);
        assert!(manifest.files[0].sha256.starts_with("ba7816bf"));
        manifest.verify(root).unwrap();

        write_json(&root.join("DONE"), &manifest).unwrap();
        let text = std::fs::read_to_string(root.join("DONE")).unwrap();
        assert_eq!(serde_json::from_str::<Manifest>(&text).unwrap(), manifest);

        write_bytes(&root.join("a.csv"), b"abd").unwrap();
        let changed = manifest.verify(root).unwrap_err();
        assert!(changed.to_string().contains("a.csv"), "{changed}");
        std::fs::remove_file(root.join("models/m.safetensors")).unwrap();
        write_bytes(&root.join("a.csv"), b"abc").unwrap();
        assert!(matches!(manifest.verify(root), Err(ArtifactError::Io { .. })));
    }

    #[test]
    fn e17_manifest_stays_inside_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["../a", "/etc/hostname", "", "."] {
            assert!(matches!(Manifest::of(folder.path(), [path]), Err(ArtifactError::Content { .. })), "{path}");
        }
    }
}
