//! Where on disk what is known of an account at a server is kept, and under which names.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use aws_lc_rs::digest;

/// Octets of a file's name; file systems take 255.
const NAME_OCTETS_MAX: usize = 180;

/// A name that others have given, as a file's (row U12): nothing in it leads elsewhere, and two differ where they do.
pub(super) fn file_name(text: &str) -> String {
    let mut name = String::new();
    for octet in text.bytes() {
        match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'@' => name.push(octet.into()),
            b'.' if !name.is_empty() => name.push('.'),
            other => name.push_str(&format!("%{other:02X}")),
        }
    }
    if name.len() > NAME_OCTETS_MAX {
        // All of it is ASCII.
        name.truncate(NAME_OCTETS_MAX - 17);
        name.push('~');
        let hash = hash(text);
        hash.iter().take(8).for_each(|octet| name.push_str(&format!("{octet:02x}")));
    }
    if name.is_empty() { "%".to_owned() } else { name }
}

/// What tells a text from all others.
pub(super) fn hash(text: &str) -> [u8; 16] {
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    let mut first = [0; 16];
    first.iter_mut().zip(hash.as_ref()).for_each(|(to, from)| *to = *from);
    first
}

/// Makes a folder that is nobody else's business.
pub(super) fn make(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Writes a file whole, or not at all.
pub(super) fn write(path: &Path, octets: &[u8]) -> io::Result<()> {
    let part = path.with_extension(format!("part{}", std::process::id()));
    std::fs::write(&part, octets)?;
    std::fs::rename(&part, path)
}

/// Removes the letters that were read longest ago, until no more octets are kept than that.
pub(super) fn tidy(account: &Path, octets_max: u64) -> io::Result<()> {
    let mut kept: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
    for folder in std::fs::read_dir(account)? {
        let letters = folder?.path().join(LETTERS);
        let Ok(letters) = std::fs::read_dir(letters) else { continue };
        for letter in letters.flatten() {
            if let Ok(about) = letter.metadata() {
                let time = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                kept.push((time, about.len(), letter.path()));
            }
        }
    }
    let mut octets: u64 = kept.iter().map(|(_, octets, _)| octets).sum();
    kept.sort();
    for (_, length, path) in kept {
        if octets <= octets_max {
            break;
        }
        octets -= length;
        std::fs::remove_file(path)?;
    }
    Ok(())
}

/// The folder of letters in a folder's.
pub(super) const LETTERS: &str = "letters";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn u12_names_of_folders_are_names_of_files() {
        for (name, file) in [
            ("INBOX", "INBOX"),
            ("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd"),
            (".", "%2E"),
            ("..", "%2E."),
            ("", "%"),
            ("`id`;$(id) %", "%60id%60%3B%24%28id%29%20%25"),
            ("a\nb\0c", "a%0Ab%00c"),
            ("grün", "gr%C3%BCn"),
        ] {
            assert_eq!(file_name(name), file, "{name:?}");
        }
        let (one, other) = (file_name(&"ü".repeat(200)), file_name(&"ü".repeat(201)));
        assert!(one.len() <= NAME_OCTETS_MAX && one != other, "{one}");
    }

    #[test]
    fn the_oldest_letters_go() {
        let account = tempfile::tempdir().unwrap();
        let letters = account.path().join("INBOX").join(LETTERS);
        make(&letters).unwrap();
        for (name, age) in [("1", 30), ("2", 20), ("3", 10)] {
            let path = letters.join(name);
            write(&path, &[0; 100]).unwrap();
            let time = SystemTime::now() - std::time::Duration::from_secs(age);
            std::fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
        }
        tidy(account.path(), 200).unwrap();
        let left = std::fs::read_dir(&letters).unwrap().count();
        assert!(left == 2 && !letters.join("1").exists());
    }
}
