//! The cache of what `nightloom tune` found: one file a device and driver, read when a GPU is opened.
//!
//! A cache changes speed alone, so nothing that is wrong with it is an error: the kernels take their defaults, and the
//! device's description says why.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{AdapterFacts, Gpu};

/// What a cache file holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TuningFile {
    /// The program's version: others have other kernels.
    pub program: String,
    /// The device's name.
    pub device: String,
    /// The driver's name and version.
    pub driver: String,
    /// The candidate taken of each group.
    pub choices: BTreeMap<String, String>,
    /// Microseconds of each candidate of each group: the geometric mean of its shapes' medians.
    pub microseconds: BTreeMap<String, BTreeMap<String, f64>>,
}

/// What opening a device found in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TuningState {
    /// Choices from this file.
    Tuned(PathBuf),
    /// Nothing was measured yet.
    Untuned,
    /// A file that cannot be used, and why.
    Unusable(PathBuf, String),
}

impl TuningState {
    /// What a person should know of it.
    pub fn note(&self) -> String {
        match self {
            Self::Tuned(_) => "tuned".to_owned(),
            Self::Untuned => "not tuned (`nightloom tune`)".to_owned(),
            Self::Unusable(path, reason) => {
                format!("not tuned: {} is not usable ({reason}); `nightloom tune` makes it anew", path.display())
            }
        }
    }
}

/// The user's cache folder by the environment: `XDG_CACHE_HOME`, or what the platform has in its place.
pub fn cache_folder(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    // A relative path is to be ignored, says the XDG specification.
    let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_CACHE_HOME").or_else(|| match std::env::consts::OS {
        "windows" => absolute("LOCALAPPDATA"),
        "macos" => absolute("HOME").map(|home| home.join("Library").join("Caches")),
        _ => absolute("HOME").map(|home| home.join(".cache")),
    })
}

/// The file of a device and driver below the user's cache folder.
pub fn tuning_path(cache: &Path, device: &str, driver: &str) -> PathBuf {
    cache.join("nightloom").join("tuning").join(format!("{}-{}.json", slug(device), slug(driver)))
}

/// Letters and digits in lower case, all else as single dashes.
fn slug(text: &str) -> String {
    let parts = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("-").to_lowercase()
}

/// Reads the cache file of `device` and `driver`.
pub fn read_tuning(path: &Path, device: &str, driver: &str) -> (BTreeMap<String, String>, TuningState) {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return (BTreeMap::new(), TuningState::Untuned),
        Err(error) => return (BTreeMap::new(), TuningState::Unusable(path.to_owned(), error.to_string())),
    };
    match checked(&text, device, driver) {
        Ok(choices) => (choices, TuningState::Tuned(path.to_owned())),
        Err(reason) => (BTreeMap::new(), TuningState::Unusable(path.to_owned(), reason)),
    }
}

fn checked(text: &str, device: &str, driver: &str) -> Result<BTreeMap<String, String>, String> {
    let file: TuningFile = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let facts = [
        ("program version", file.program.as_str(), env!("CARGO_PKG_VERSION")),
        ("device", &file.device, device),
        ("driver", &file.driver, driver),
    ];
    match facts.iter().find(|(_, found, expected)| found != expected) {
        Some((what, found, expected)) => Err(format!("{what} {found:?}, expected {expected:?}")),
        None => Ok(file.choices),
    }
}

/// Where the cache file of a device and driver is; `None` if the user has no cache folder.
fn users_path(device: &str, driver: &str) -> Option<PathBuf> {
    let cache = cache_folder(|name| std::env::var_os(name))?;
    Some(tuning_path(&cache, device, driver))
}

/// What the user's cache says of a device and driver.
fn users_tuning(device: &str, driver: &str) -> (BTreeMap<String, String>, TuningState) {
    match users_path(device, driver) {
        Some(path) => read_tuning(&path, device, driver),
        None => (BTreeMap::new(), TuningState::Untuned),
    }
}

impl AdapterFacts {
    /// The choices of the user's cache for this adapter.
    pub fn tuning(&self) -> (BTreeMap<String, String>, TuningState) {
        users_tuning(&self.info.name, &self.driver())
    }
}

impl Gpu {
    /// Where this device's cache file is; `None` if the user has no cache folder.
    pub fn tuning_path(&self) -> Option<PathBuf> {
        users_path(self.name(), &self.driver())
    }

    /// The same device with the choices of the user's cache, or with the defaults where there is no usable one.
    #[must_use]
    pub fn tuned_by_cache(&self) -> Self {
        let (choices, state) = users_tuning(self.name(), &self.driver());
        self.with_tuned(choices, state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"program": "VERSION", "device": "A", "driver": "d 1", "choices": {"matmul.large": "x"},
        "microseconds": {"matmul.large": {"x": 1.5}}}"#;

    fn read(text: Option<&str>) -> (BTreeMap<String, String>, TuningState, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("cache.json");
        if let Some(text) = text {
            crate::artifact::write_bytes(&path, text.as_bytes()).expect("a file");
        }
        let (choices, state) = read_tuning(&path, "A", "d 1");
        (choices, state, path)
    }

    #[test]
    fn e4_a_cache_of_this_device_driver_and_program_is_taken() {
        let text = TEXT.replace("VERSION", env!("CARGO_PKG_VERSION"));
        let (choices, state, path) = read(Some(&text));
        assert_eq!(choices, BTreeMap::from([("matmul.large".to_owned(), "x".to_owned())]));
        assert_eq!((state.note().as_str(), state), ("tuned", TuningState::Tuned(path)));
    }

    #[test]
    fn e4_a_bad_or_foreign_cache_gives_the_defaults_and_says_why() {
        let right = TEXT.replace("VERSION", env!("CARGO_PKG_VERSION"));
        let version = env!("CARGO_PKG_VERSION");
        for (text, reason) in [
            (String::new(), "EOF while parsing a value at line 1 column 0".to_owned()),
            (TEXT.to_owned(), format!("program version \"VERSION\", expected {version:?}")),
            (right.replace("\"A\"", "\"B\""), "device \"B\", expected \"A\"".to_owned()),
            (right.replace("d 1", "d 2"), "driver \"d 2\", expected \"d 1\"".to_owned()),
        ] {
            let (choices, state, path) = read(Some(&text));
            assert!(choices.is_empty());
            assert_eq!(state, TuningState::Unusable(path.clone(), reason));
            assert!(state.note().starts_with(&format!("not tuned: {} is not usable (", path.display())));
        }
        let (choices, state, _) = read(None);
        assert_eq!((choices.len(), &state), (0, &TuningState::Untuned));
        assert_eq!(state.note(), "not tuned (`nightloom tune`)");
    }

    #[test]
    fn e4_the_cache_folder_follows_the_environment() {
        let env = |pairs: &'static [(&'static str, &'static str)]| {
            move |name: &str| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
        };
        if cfg!(unix) {
            let both = &[("XDG_CACHE_HOME", "/x/cache"), ("HOME", "/home/a")];
            assert_eq!(cache_folder(env(both)), Some(PathBuf::from("/x/cache")));
            let relative = &[("XDG_CACHE_HOME", "cache"), ("HOME", "/home/a")];
            assert!(cache_folder(env(relative)).is_some_and(|path| path.starts_with("/home/a")));
        }
        assert_eq!(cache_folder(env(&[])), None);
        let path = tuning_path(Path::new("c"), "NVIDIA H100 80GB (HBM3)", "NVIDIA 550.54");
        assert_eq!(path, Path::new("c/nightloom/tuning/nvidia-h100-80gb-hbm3-nvidia-550-54.json"));
    }
}
