//! Folders that are made on the way to a file, and how they become durable although somebody else made them.

use std::io::ErrorKind;
use std::path::Path;

use crate::{Disk, DiskError, Owner};

/// Makes a directory and every missing one above it. They are durable after [`sync_way_to`].
///
/// # Errors
/// What the disk said. Symbolic links on the way are the operator's business: only "is anything there?" counts.
pub fn make_way_to(disk: &dyn Disk, path: &Path) -> Result<(), DiskError> {
    match disk.stat(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        there => return there.map(drop),
    }
    let Some(parent) = parent(path) else { return Ok(()) };
    make_way_to(disk, parent)?;
    match disk.create_dir(path) {
        // Somebody else has made it in this moment.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// Makes a directory's name durable, and those of the directories above it that may be as new: whoever made
/// them, in this moment or before being killed, was the user that we are.
///
/// # Errors
/// What the disk said.
pub fn sync_way_to(disk: &dyn Disk, path: &Path) -> Result<(), DiskError> {
    let mut path = path;
    while let Some(parent) = parent(path) {
        match disk.sync_dir(parent) {
            // Not ours to read, or of a kind that isn't written to (an automounter's): we made no name there.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::PermissionDenied | ErrorKind::InvalidInput
                ) =>
            {
                return Ok(());
            }
            synced => synced?,
        }
        if disk.stat(parent)?.owner != Owner::Ours {
            return Ok(());
        }
        path = parent;
    }
    Ok(())
}

fn parent(path: &Path) -> Option<&Path> {
    path.parent().filter(|parent| !parent.as_os_str().is_empty())
}
