//! Keeps two runs apart in one folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::artifact::ArtifactError;

use super::error::RunError;

/// A held lock. The kernel releases it when the process ends, however it ends; the file itself stays, because removing
/// a lock file lets two processes hold locks on two files of one name.
#[derive(Debug)]
pub struct Lock(File);

impl Lock {
    /// Takes the lock of a folder.
    ///
    /// # Errors
    /// If another process holds it, or the file cannot be made.
    pub fn take(folder: &Path) -> Result<Self, RunError> {
        let path = folder.join("LOCK");
        let fail = |e| RunError::Files(ArtifactError::io("lock", &path, e));
        let mut file =
            OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path).map_err(fail)?;
        match file.try_lock() {
            Ok(()) => {
                write_holder(&mut file).map_err(fail)?;
                Ok(Self(file))
            }
            Err(TryLockError::WouldBlock) => Err(RunError::Locked { folder: folder.to_owned(), holder: holder(&path) }),
            Err(TryLockError::Error(e)) => Err(fail(e)),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // An empty file says that nobody runs here; if this fails the lock is free all the same.
        let _ = self.0.set_len(0);
    }
}

/// Not atomic: the lock's text is for people, and whoever reads half of it is told that the holder is unknown.
fn write_holder(file: &mut File) -> std::io::Result<()> {
    let since = chrono::Local::now().format("%Y-%m-%d %H:%M:%S %:z");
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    writeln!(file, "process {} on {} since {since}", std::process::id(), host_name())
}

fn holder(path: &Path) -> String {
    let mut text = String::new();
    let read = File::open(path).and_then(|mut f| f.read_to_string(&mut text));
    match (read, text.strip_suffix('\n')) {
        (Ok(_), Some(line)) => line.to_owned(),
        _ => "holder unknown".to_owned(),
    }
}

/// This machine's name.
pub(super) fn host_name() -> String {
    let from_kernel = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let from_environment = || ["HOSTNAME", "COMPUTERNAME"].iter().find_map(|v| std::env::var(v).ok());
    from_kernel.or_else(from_environment).map_or_else(|| "an unnamed machine".to_owned(), |n| n.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e18_the_second_run_is_told_who_holds_the_folder() {
        let root = tempfile::tempdir().unwrap();
        let first = Lock::take(root.path()).unwrap();
        let message = Lock::take(root.path()).unwrap_err().to_string();
        assert!(message.contains(&format!("process {} on {} since 2", std::process::id(), host_name())), "{message}");
        drop(first);
        assert_eq!(std::fs::read(root.path().join("LOCK")).unwrap(), b"");
        Lock::take(root.path()).unwrap();
    }
}
