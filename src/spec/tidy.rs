//! Paths as people would write them.

use std::path::{Component, Path, PathBuf};

/// Takes `x/..` out of a path, so that what a job in `jobs/` calls `../runs` is shown as `runs`. It stays where `x` is no
/// plain folder: behind a link, `..` leads elsewhere.
pub(super) fn tidy(path: &Path) -> PathBuf {
    let mut found = PathBuf::new();
    for part in path.components() {
        let named = matches!(found.components().next_back(), Some(Component::Normal(_)));
        if part == Component::ParentDir && named && std::fs::symlink_metadata(&found).is_ok_and(|m| m.is_dir()) {
            found.pop();
        } else {
            found.push(part);
        }
    }
    if found.as_os_str().is_empty() { PathBuf::from(".") } else { found }
}

#[cfg(test)]
mod tests {
    use super::tidy;

    #[test]
    fn e17_paths_are_shown_without_detours_through_plain_folders() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        std::fs::create_dir_all(at("a/b")).unwrap();
        assert_eq!(tidy(&at("a/../runs")), at("runs"));
        assert_eq!(tidy(&at("a/b/../../runs/./x")), at("runs/x"));
        assert_eq!(tidy(&at("missing/../runs")), at("missing/../runs"), "such a path cannot be opened either");
        assert_eq!(tidy("../../x".as_ref()), std::path::Path::new("../../x"));
        assert_eq!(tidy("src/..".as_ref()), std::path::Path::new("."));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(at("a/b"), at("link")).unwrap();
            assert_eq!(tidy(&at("link/../runs")), at("link/../runs"), "the link's parent is another folder");
        }
    }
}
