//! Whether somebody else could have written the file: who writes the settings owns the mail.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

const OTHERS_WRITE: u32 = 0o002;
const GROUP_WRITES: u32 = 0o020;
const STICKY: u32 = 0o1000;

/// Looks at the open file, at the name that led to it, and at the folder that holds the name.
///
/// # Errors
/// The outer one where the system doesn't say; the inner one says who could write it.
pub(crate) fn check(path: &Path, file: &File) -> io::Result<Result<(), String>> {
    let file = file.metadata()?;
    if file.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    // Devices and pipes (`/dev/stdin`, `<(…)`) are the caller's own affair.
    if !file.is_file() {
        return Ok(Ok(()));
    }
    let name = path.symlink_metadata()?;
    let folder = match path.parent() {
        Some(parent) if parent != Path::new("") => parent.metadata()?,
        _ => Path::new(".").metadata()?,
    };
    let ours = rustix::process::geteuid().as_raw();
    let group = rustix::process::getegid().as_raw();
    Ok(verdict(&file, &name, &folder, Ids { ours, group }))
}

/// Who we are.
#[derive(Clone, Copy)]
struct Ids {
    ours: u32,
    group: u32,
}

fn verdict(file: &Metadata, name: &Metadata, folder: &Metadata, ids: Ids) -> Result<(), String> {
    let trusted = |uid| uid == 0 || uid == ids.ours;
    for owner in [file.uid(), name.uid()] {
        if !trusted(owner) {
            return Err(format!(
                "belongs to uid {owner}, who could change it (make it root's or your own: chown root)"
            ));
        }
    }
    // A private group, as many systems give each user, is the user.
    let group_is_ours = file.gid() == ids.group;
    if file.mode() & OTHERS_WRITE != 0 || (file.mode() & GROUP_WRITES != 0 && !group_is_ours) {
        return Err("others may write it (chmod go-w)".to_owned());
    }
    if folder.mode() & OTHERS_WRITE != 0 && folder.mode() & STICKY == 0 {
        return Err(
            "others may write its folder and replace it (chmod o-w on the folder)".to_owned()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    /// What is said of a file with `file_mode` in a folder with `folder_mode`.
    fn check_modes(file_mode: u32, folder_mode: u32) -> Result<(), String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("postroad.toml");
        std::fs::write(&path, "").unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(file_mode)).unwrap();
        std::fs::set_permissions(dir.path(), Permissions::from_mode(folder_mode)).unwrap();
        check(&path, &File::open(&path).unwrap()).unwrap()
    }

    #[test]
    fn o03_a_file_that_others_may_write_is_refused() {
        assert_eq!(check_modes(0o600, 0o700), Ok(()));
        assert_eq!(check_modes(0o644, 0o755), Ok(()));
        assert_eq!(check_modes(0o644, 0o1777), Ok(()));
        for (file_mode, folder_mode) in [(0o646, 0o755), (0o666, 0o755), (0o644, 0o777)] {
            assert!(check_modes(file_mode, folder_mode).is_err(), "{file_mode:o} {folder_mode:o}");
        }
    }

    #[test]
    fn o03_a_file_of_a_foreign_owner_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("postroad.toml");
        std::fs::write(&path, "").unwrap();
        let (file, folder) = (path.metadata().unwrap(), dir.path().metadata().unwrap());
        let stranger = Ids { ours: file.uid() + 1, group: file.gid() + 1 };
        // Root's own files are trusted by everybody.
        assert_eq!(verdict(&file, &file, &folder, stranger).is_err(), file.uid() != 0);
    }
}
