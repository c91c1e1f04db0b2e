//! Who holds a lock.
//!
//! The kernel doesn't say whose an "open file description" lock is (F_OFD_GETLK gives -1), but /proc shows of each
//! process of ours which files it has open, and which of them it holds locks on (proc(5), fdinfo).

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// A process that has the file open and holds a lock on it; for people to read, and out of date as soon as it is known.
pub(crate) fn of_lock(path: &Path) -> Option<u32> {
    let file = fs::symlink_metadata(path).ok()?;
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let mut numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    numbers.find(|process| holds(*process, (file.dev(), file.ino())) == Some(true))
}

fn holds(process: u32, wanted: (u64, u64)) -> Option<bool> {
    for entry in fs::read_dir(format!("/proc/{process}/fd")).ok()?.flatten() {
        let Ok(open) = fs::metadata(entry.path()) else { continue };
        if (open.dev(), open.ino()) != wanted {
            continue;
        }
        let number = entry.file_name();
        let info =
            fs::read_to_string(format!("/proc/{process}/fdinfo/{}", number.display())).ok()?;
        if info.lines().any(|line| line.starts_with("lock:")) {
            return Some(true);
        }
    }
    Some(false)
}

#[cfg(test)]
mod tests {
    use crate::{Disk, OsDisk};

    #[test]
    fn who_holds_a_lock_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        OsDisk.create_new(&path).unwrap();
        assert_eq!(OsDisk.lock_holder(&path), None);
        let held = OsDisk.open_locked(&path).unwrap();
        assert_eq!(OsDisk.lock_holder(&path), Some(std::process::id()));
        drop(held);
        assert_eq!(OsDisk.lock_holder(&path), None);
    }
}
