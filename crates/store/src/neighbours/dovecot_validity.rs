//! `dovecot-uidvalidity` in the inbox: the last UIDVALIDITY that Dovecot has given, for all folders, as eight hexadecimal
//! digits; and beside it an empty file with the same digits behind a dot. Dovecot counts by renaming that one, and where
//! the two differ it believes the name.

use std::io;
use std::path::Path;

use postroad_disk::{Disk, DiskError};

use crate::small_file;

const FILE: &str = "dovecot-uidvalidity";

/// The last one; 0 where there is none.
pub(crate) fn read(disk: &dyn Disk, mailbox: &Path) -> Result<u32, DiskError> {
    let Some(file) = small_file::open(disk, &mailbox.join(FILE))? else { return Ok(0) };
    let mut digits = [0; 8];
    let read = file.read_at(&mut digits, 0)?;
    Ok(digits.get(..read).and_then(parse).unwrap_or_default())
}

fn parse(digits: &[u8]) -> Option<u32> {
    let is_one = digits.len() == 8 && digits.iter().all(u8::is_ascii_hexdigit);
    is_one.then(|| u32::from_str_radix(str::from_utf8(digits).ok()?, 16).ok())?
}

/// Has Dovecot count on from `last`, where it is further back; durable when it returns. It isn't to run meanwhile.
pub(crate) fn raise(
    disk: &dyn Disk,
    mailbox: &Path,
    by: &Path,
    last: u32,
) -> Result<(), DiskError> {
    let mut names = Vec::new();
    disk.list(mailbox, &mut |name, _| {
        let name = name.as_encoded_bytes();
        let digits = name.strip_prefix(FILE.as_bytes()).and_then(|rest| rest.strip_prefix(b"."));
        names.extend(digits.and_then(parse));
    })?;
    let counted = names.iter().max().copied().unwrap_or_default();
    if counted.max(read(disk, mailbox)?) >= last {
        return Ok(());
    }
    let path = |number: u32| mailbox.join(format!("{FILE}.{number:08x}"));
    match disk.create_new(&path(last)) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        Ok(_) | Err(_) => {}
    }
    small_file::replace(disk, by, &mailbox.join(FILE), format!("{last:08x}").as_bytes())?;
    for number in names {
        disk.remove(&path(number))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use postroad_disk::OsDisk;

    use super::*;

    #[test]
    fn what_dovecot_counts_is_read_and_raised() {
        let dir = tempfile::tempdir().unwrap();
        let names = || {
            let entries = fs::read_dir(dir.path()).unwrap();
            let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        let raise = |last| raise(&OsDisk, dir.path(), &dir.path().join("by"), last).unwrap();
        assert_eq!(read(&OsDisk, dir.path()).unwrap(), 0);
        raise(0x10);
        assert_eq!(names(), [FILE, "dovecot-uidvalidity.00000010"]);
        // As Dovecot does.
        fs::rename(
            dir.path().join(format!("{FILE}.00000010")),
            dir.path().join(format!("{FILE}.00000011")),
        )
        .unwrap();
        raise(0x11);
        assert_eq!(names(), [FILE, "dovecot-uidvalidity.00000011"]);
        raise(0x6000_0000);
        assert_eq!(names(), [FILE, "dovecot-uidvalidity.60000000"]);
        assert_eq!(read(&OsDisk, dir.path()).unwrap(), 0x6000_0000);
        for text in ["", "6000", "6000000g", "+6000000"] {
            fs::write(dir.path().join(FILE), text).unwrap();
            assert_eq!(read(&OsDisk, dir.path()).unwrap(), 0, "{text}");
        }
    }
}
