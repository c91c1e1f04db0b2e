//! Folders that are being renamed together: the file `postroad-renaming`, durable before the first of them.
//!
//! ```text
//! Lists<TAB>Old.Lists
//! Lists.rust<TAB>Old.Lists.rust
//! ```
//! Names as on disk. Whoever finds the file renames those that are still there under their first names; nothing is
//! replaced. It goes when all of that is durable.

use std::io;

use super::{FolderError, Folders};
use crate::{FolderName, small_file};

pub(super) const FILE: &str = "postroad-renaming";

/// What a folder is called, and what it is to be called.
pub(super) type Pair = (FolderName, FolderName);

pub(super) fn write(folders: &Folders<'_>, pairs: &[Pair]) -> Result<(), FolderError> {
    let lines = pairs.iter().map(|(from, to)| format!("{from}\t{to}\n"));
    let text: String = lines.collect();
    let file = folders.path(FILE);
    Ok(small_file::replace(folders.disk(), &folders.by(), &file, text.as_bytes())?)
}

/// Does what the file says, if there is one.
pub(super) fn complete(folders: &Folders<'_>) -> Result<(), FolderError> {
    let file = folders.path(FILE);
    let text = small_file::read(folders.disk(), &file)?;
    if text.is_empty() {
        return Ok(());
    }
    for (from, to) in parse(&text) {
        let (from, to) = (folders.inbox.folder(&from), folders.inbox.folder(&to));
        match folders.disk().rename_noreplace(from.root(), to.root()) {
            // It was renamed before, or somebody has made another one since.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists
                ) => {}
            renamed => renamed?,
        }
    }
    folders.disk().sync_dir(folders.inbox.root())?;
    match folders.disk().remove(&file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Lines that are none are left out.
pub(crate) fn parse(text: &[u8]) -> Vec<Pair> {
    let pair = |line: &str| {
        let (from, to) = line.split_once('\t')?;
        Some((FolderName::on_disk(from).ok()?, FolderName::on_disk(to).ok()?))
    };
    String::from_utf8_lossy(text).lines().filter_map(pair).collect()
}
