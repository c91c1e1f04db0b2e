//! Whether we are installed so that nobody but root decides what runs as the user.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// What files a letter, and what that executes in the same folder.
pub(crate) const DELIVERY: &[&str] = &["postroad-mda", "postroad-mda-whole"];
/// What serves a mailbox.
pub(crate) const ACCESS: &[&str] = &["postroad-maa"];

const OTHERS_WRITE: u32 = 0o022;
const OTHERS_EXECUTE: u32 = 0o001;
const STICKY: u32 = 0o1000;

/// The folder that we are in ourselves, with an agent's programs in it. Somebody may have given us another name there by a hard
/// link, or moved the folder: so whoever could is root, all the way up.
pub(crate) fn folder_with(programs: &[&str]) -> Result<PathBuf, String> {
    if postroad_host::caller() != 0 {
        return Err(
            "only root becomes somebody else: call it as root, or see to mode 4750 and a group of its own".to_owned()
        );
    }
    let ourselves =
        std::env::current_exe().map_err(|error| format!("cannot find ourselves: {error}"))?;
    if rustix::process::getuid().as_raw() != 0 && metadata(&ourselves)?.mode() & OTHERS_EXECUTE != 0
    {
        return Err(format!(
            "everybody could become everybody: chmod 4750 {}, and give it a group of its own",
            ourselves.display()
        ));
    }
    let folder = ourselves.parent().unwrap_or(Path::new("/"));
    for above in folder.ancestors() {
        // Nobody moves what is root's out of a sticky folder.
        let found = metadata(above)?;
        let is_safe =
            is_roots(&found) || (found.uid() == 0 && found.mode() & STICKY != 0 && above != folder);
        if !is_safe {
            return Err(writable(above));
        }
    }
    for program in programs.iter().map(|name| folder.join(name)) {
        let found = metadata(&program)?;
        if !is_roots(&found) || !found.is_file() {
            return Err(writable(&program));
        }
    }
    Ok(folder.to_owned())
}

fn is_roots(found: &Metadata) -> bool {
    found.uid() == 0 && found.mode() & OTHERS_WRITE == 0
}

fn writable(path: &Path) -> String {
    format!("others could change {}: chown root and chmod go-w it", path.display())
}

/// Of the name itself: a link isn't followed.
fn metadata(path: &Path) -> Result<Metadata, String> {
    std::fs::symlink_metadata(path)
        .map_err(|error| format!("cannot look at {}: {error}", path.display()))
}
