//! A mailbox looked through, and all but its UIDs made anew from its files: what an operator calls after a disk was
//! damaged, or a backup copied back. Letters are never removed, and never changed.
//!
//! | what | what is done |
//! |---|---|
//! | folders that are half made, half renamed, half removed | completed |
//! | a register that is damaged or missing | begun anew: with a new UIDVALIDITY, or another program's numbers |
//! | a register that is sound | kept, and compared with the files |
//! | names that tell a wrong size | told no more: other programs believe them |
//! | cache and counts | removed: who knows how fills the cache (`postroad-maa fsck`), and both come as they are asked for |
//! | what the mailbox holds, for its quota | counted |

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::sync::Arc;

use postroad_disk::{Disk, DiskError, EntryKind};

use crate::{
    Courier, FolderError, Folders, Listed, Mailbox, MailboxError, MailboxName, Mailboxes, Maildir,
    Quota, StoreError, Usage, cache, listing, mailbox, neighbours, status,
};

/// A mailbox that was looked through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Its inbox and its folders.
    pub folders: Vec<CheckedFolder>,
    /// What it holds, where it has a quota.
    pub usage: Option<Usage>,
}

/// One of its folders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedFolder {
    /// Which one.
    pub name: MailboxName,
    /// Its letters.
    pub letters: usize,
    /// What was done.
    pub mended: Vec<Mended>,
}

/// What was done to a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mended {
    /// Directories were missing.
    Completed,
    /// It had no register: never opened before, or lost.
    Numbered,
    /// The same, and another program's numbers were there.
    TakenOver,
    /// Its register was damaged, and letters have new UIDs.
    NumberedAnew,
    /// Names of so many letters told a size that they haven't.
    Sizes(usize),
    /// There was a cache.
    CacheRemoved,
}

/// Why a mailbox wasn't looked through to its end.
#[derive(Debug, thiserror::Error)]
pub enum FsckError {
    /// Its folders.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// One of them.
    #[error("cannot look through {}", name.to_utf8())]
    Mailbox {
        /// Which one.
        name: MailboxName,
        /// Why.
        source: MailboxError,
    },
    /// What the disk said.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Looks through a mailbox.
///
/// # Errors
/// What can't be mended by this: what the disk said. All that was done until then stays.
pub fn fsck(
    courier: &Courier,
    all: &Arc<Mailboxes>,
    inbox: &Maildir,
) -> Result<Checked, FsckError> {
    let folders = Folders::of(courier, inbox);
    let completed = complete(courier, inbox)?;
    folders.sweep();
    let _ = remove(courier.disk().as_ref(), inbox, status::FILE);
    let mut checked = Vec::new();
    for Listed { name, existence, .. } in folders.list()? {
        if existence == crate::Existence::NonExistent {
            continue;
        }
        let folder = folders.find(&name)?;
        let mut looked = check(all, &folder).map_err(|source| {
            let name = name.clone();
            FsckError::Mailbox { name, source }
        })?;
        if completed.contains(&folder) {
            looked.1.insert(0, Mended::Completed);
        }
        checked.push(CheckedFolder { name, letters: looked.0, mended: looked.1 });
    }
    Ok(Checked { folders: checked, usage: count(courier, inbox)? })
}

/// Makes what is missing of the inbox and of what has begun to be a folder.
fn complete(courier: &Courier, inbox: &Maildir) -> Result<Vec<Maildir>, StoreError> {
    let disk = courier.disk().as_ref();
    let mut completed = Vec::new();
    let folders = courier.folders(inbox)?;
    for folder in [inbox.clone()].into_iter().chain(folders.iter().map(|name| inbox.folder(name))) {
        let is_begun = folder == *inbox || has_part(disk, &folder)?;
        if is_begun && !folder.exists(disk)? {
            courier.make_ready(&folder)?;
            completed.push(folder);
        }
    }
    Ok(completed)
}

fn has_part(disk: &dyn Disk, folder: &Maildir) -> Result<bool, StoreError> {
    for part in [folder.new_dir(), folder.cur_dir()] {
        match disk.stat(&part) {
            Ok(stat) if stat.kind == EntryKind::Directory => return Ok(true),
            Ok(_) => {}
            Err(error) if listing::takes_no_letters(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(false)
}

fn check(all: &Arc<Mailboxes>, folder: &Maildir) -> Result<(usize, Vec<Mended>), MailboxError> {
    let disk = all.disk();
    let mut mended = Vec::new();
    let had_register = is_there(disk, folder, mailbox::REGISTER_FILE)?;
    let inbox = folder.inbox().unwrap_or_else(|| folder.clone());
    let last = mailbox::Given::read(disk, inbox.root())?.last();
    let mut open = all.open(folder)?;
    open.refresh()?;
    match (had_register, open.uid_validity() > last) {
        (false, _) if has_numbers_of_others(disk, folder, open.uid_validity())? => {
            mended.push(Mended::TakenOver);
        }
        (false, _) => mended.push(Mended::Numbered),
        (true, true) => mended.push(Mended::NumberedAnew),
        (true, false) => {}
    }
    match mend_sizes(disk, &mut open)? {
        0 => {}
        letters => mended.push(Mended::Sizes(letters)),
    }
    if remove(disk, folder, cache::FILE)? {
        mended.push(Mended::CacheRemoved);
    }
    Ok((open.exists(), mended))
}

fn has_numbers_of_others(
    disk: &dyn Disk,
    folder: &Maildir,
    uid_validity: u32,
) -> Result<bool, MailboxError> {
    let others = neighbours::first_numbers(disk, folder)?;
    Ok(others.is_some_and(|numbers| numbers.uid_validity == uid_validity))
}

/// Renames letters whose names tell a size that they haven't. They keep their UIDs: it is no part of who they are.
fn mend_sizes(disk: &dyn Disk, open: &mut Mailbox) -> Result<usize, MailboxError> {
    let told: Vec<_> = open.entries().filter_map(|it| Some((it.octets()?, it.path()))).collect();
    let mut mended = 0;
    for (octets, path) in told {
        match disk.stat(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            stat if stat.as_ref().is_ok_and(|stat| stat.octets == octets) => continue,
            stat => drop(stat?),
        }
        let name = path.file_name().unwrap_or_default().as_bytes();
        let new = path.with_file_name(OsString::from_vec(without_sizes(name)));
        match disk.rename_noreplace(&path, &new) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            renamed => {
                renamed?;
                mended += 1;
            }
        }
    }
    if mended > 0 {
        open.refresh()?;
    }
    Ok(mended)
}

fn without_sizes(name: &[u8]) -> Vec<u8> {
    let end = memchr::memchr(b':', name).unwrap_or(name.len());
    let (base, info) = name.split_at(end);
    let is_size = |field: &&[u8]| field.starts_with(b"S=") || field.starts_with(b"W=");
    let fields: Vec<&[u8]> =
        base.split(|octet| *octet == b',').filter(|field| !is_size(field)).collect();
    [fields.join(&b','), info.to_vec()].concat()
}

fn count(courier: &Courier, inbox: &Maildir) -> Result<Option<Usage>, StoreError> {
    let quota = Quota::of(courier, inbox, None);
    let Some(standing) = quota.standing()? else { return Ok(None) };
    Ok(Some(quota.confirmed(standing)?.usage))
}

fn is_there(disk: &dyn Disk, folder: &Maildir, file: &str) -> Result<bool, DiskError> {
    match disk.stat(&folder.root().join(file)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        stat => stat.map(|_| true),
    }
}

fn remove(disk: &dyn Disk, folder: &Maildir, file: &str) -> Result<bool, DiskError> {
    match disk.remove(&folder.root().join(file)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        removed => removed.map(|()| true),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use postroad_disk::OsDisk;

    use super::*;

    struct Place {
        dir: tempfile::TempDir,
        courier: Courier,
        inbox: Maildir,
    }

    impl Place {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let inbox = Maildir::at(dir.path().join("alice"));
            let courier = Courier::new(Arc::new(OsDisk), "host");
            courier.make_ready(&inbox).unwrap();
            Self { dir, courier, inbox }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.dir.path().join("alice").join(name)
        }

        fn fsck(&self) -> Vec<String> {
            let all = Arc::new(Mailboxes::new(Arc::new(OsDisk), "host"));
            let checked = fsck(&self.courier, &all, &self.inbox).unwrap();
            let line = |it: &CheckedFolder| {
                let mended: Vec<_> = it.mended.iter().map(|it| format!("{it:?}")).collect();
                format!("{} {} {}", it.name.to_utf8(), it.letters, mended.join(" "))
            };
            checked.folders.iter().map(line).collect()
        }

        fn uids(&self) -> (u32, Vec<u32>) {
            let all = Arc::new(Mailboxes::new(Arc::new(OsDisk), "host"));
            let mut open = all.open(&self.inbox).unwrap();
            open.refresh().unwrap();
            (open.uid_validity(), open.entries().map(|entry| entry.uid()).collect())
        }
    }

    #[test]
    fn bare_files_become_a_mailbox() {
        let place = Place::new();
        for (file, text) in [
            ("cur/1.a,S=2,W=9:2,S", "x\n"),
            ("cur/2.b,K=abc,S=5,W=6:2,FS", "changed\n"),
            ("new/3.c,S=2", "x\n"),
        ] {
            fs::write(place.path(file), text).unwrap();
        }
        fs::create_dir_all(place.path(".half/new")).unwrap();
        fs::write(place.path(".half/new/1.x"), "x\n").unwrap();
        fs::create_dir_all(place.path(".git")).unwrap();
        fs::create_dir_all(place.path("postroad-removed-1.x/cur")).unwrap();
        assert_eq!(place.fsck(), ["INBOX 3 Numbered Sizes(1)", "half 1 Completed Numbered"]);
        assert!(place.path("cur/2.b,K=abc:2,FS").exists());
        assert!(!place.path("postroad-removed-1.x").exists());
        assert_eq!(place.fsck(), ["INBOX 3 ", "half 1 "]);
    }

    #[test]
    fn uids_stay_where_the_register_is_sound_and_change_their_validity_where_it_is_not() {
        let place = Place::new();
        fs::write(place.path("cur/1.a:2,S"), "x\n").unwrap();
        fs::write(place.path("cur/2.b:2,S"), "x\n").unwrap();
        let before = place.uids();
        fs::write(place.path("postroad-cache"), "?").unwrap();
        fs::remove_file(place.path("cur/1.a:2,S")).unwrap();
        assert_eq!(place.fsck(), ["INBOX 1 CacheRemoved"]);
        assert_eq!(place.uids(), (before.0, before.1[1..].to_vec()));
        fs::write(place.path("postroad-register"), "?").unwrap();
        assert_eq!(place.fsck(), ["INBOX 1 NumberedAnew"]);
        assert!(place.uids().0 > before.0);
    }

    #[test]
    fn names_without_sizes() {
        for (name, without) in [
            ("1.a,S=2,W=3:2,S", "1.a:2,S"),
            ("1.a,K=x,S=2,U=7", "1.a,K=x,U=7"),
            ("1.a:2,S=", "1.a:2,S="),
        ] {
            assert_eq!(without_sizes(name.as_bytes()), without.as_bytes(), "{name}");
        }
    }
}
