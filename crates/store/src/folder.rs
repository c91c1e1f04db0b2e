//! What a folder is called: on disk, and in the words of those who use it.
//!
//! Maildir++ joins parts by dots, and a name is ASCII on disk: what isn't is written in IMAP's modified
//! UTF-7 (RFC 3501 §5.1.3), as Dovecot and Courier have it.

use std::fmt;

use base64::Engine as _;
use base64::alphabet::Alphabet;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};

/// RFC 3501 §5.1.3: "," in place of "/".
const MODIFIED_BASE64: GeneralPurpose = {
    const TABLE: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";
    let alphabet = match Alphabet::new(TABLE) {
        Ok(alphabet) => alphabet,
        Err(_) => panic!("not an alphabet"),
    };
    GeneralPurpose::new(&alphabet, GeneralPurposeConfig::new().with_encode_padding(false))
};

/// The folder whose letters count towards no quota (Maildir++).
pub(crate) const TRASH: &str = "Trash";

/// A folder's name: parts joined by dots, as in `Lists.rust`. It can't lead out of its Maildir.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FolderName(String);

/// The text is no folder's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a folder's name is parts joined by dots, without / and not tmp, new or cur")]
pub struct FolderNameError;

impl FolderName {
    /// Octets in a name at most: file systems take 255, one is for the dot.
    const OCTETS_MAX: usize = 254;

    /// Reads a name as it stands on disk, without its first dot: printable ASCII.
    ///
    /// # Errors
    /// [`FolderNameError`] where it could lead elsewhere (`../x`, `/abs`), could be taken for one of the
    /// Maildir's own directories, or can't be a file's name.
    pub fn parse(text: &str) -> Result<Self, FolderNameError> {
        let part = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|b| matches!(b, b' '..=b'~') && b != b'/')
                && !["tmp", "new", "cur"].contains(&part)
        };
        let fits = text.len() <= Self::OCTETS_MAX && text.split('.').all(part);
        fits.then(|| Self(text.to_owned())).ok_or(FolderNameError)
    }

    /// The folder that people call so: `Lists.Rust`, `Entwürfe`.
    ///
    /// # Errors
    /// As [`FolderName::parse`]; and what holds control characters.
    pub fn from_utf8(text: &str) -> Result<Self, FolderNameError> {
        match text.chars().any(char::is_control) {
            true => Err(FolderNameError),
            false => Self::parse(&modified_utf7(text)),
        }
    }

    /// Whether it is [`TRASH`].
    pub(crate) fn is_trash(&self) -> bool {
        self.0 == TRASH
    }
}

impl fmt::Display for FolderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// RFC 3501 §5.1.3: printable ASCII stands for itself, "&" is "&-", all else is UTF-16 in base64.
fn modified_utf7(text: &str) -> String {
    let mut encoded = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_plain = |c: char| matches!(c, ' '..='~');
        let end = match is_plain(first) {
            true => rest.find(|c| !is_plain(c)),
            false => rest.find(is_plain),
        };
        let (run, after) = rest.split_at(end.unwrap_or(rest.len()));
        match is_plain(first) {
            true => encoded.push_str(&run.replace('&', "&-")),
            false => {
                let utf16: Vec<u8> = run.encode_utf16().flat_map(u16::to_be_bytes).collect();
                encoded.push('&');
                MODIFIED_BASE64.encode_string(utf16, &mut encoded);
                encoded.push('-');
            }
        }
        rest = after;
    }
    encoded
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::Maildir;

    proptest! {
        #[test]
        fn m02_whatever_is_a_folder_is_one_directory_in_its_maildir(text in "(?s).{0,20}") {
            if let Ok(name) = FolderName::from_utf8(&text) {
                let folder = Maildir::at("/mail/alice").folder(&name);
                prop_assert_eq!(folder.root().parent(), Some(Path::new("/mail/alice")));
                let file = folder.root().file_name().unwrap().to_str().unwrap();
                prop_assert!(file.starts_with('.') && file.len() > 1 && file.is_ascii());
            }
        }
    }

    #[test]
    fn m02_a_folder_cannot_lead_out_of_its_maildir() {
        for text in [
            "../x",
            "/abs",
            "a/../b",
            "a/b",
            "a\0b",
            ".",
            "..",
            "",
            "cur",
            "new",
            "tmp",
            "a..b",
            ".a",
            "a.",
            "a.cur",
            "a\nb",
            "a\x1bb",
            "a\u{85}b",
            &"x".repeat(300),
            &"x".repeat(255),
            &"ä".repeat(96),
        ] {
            assert_eq!(FolderName::parse(text), Err(FolderNameError), "{text:?}");
            assert_eq!(FolderName::from_utf8(text), Err(FolderNameError), "{text:?}");
        }
        assert_eq!(FolderName::parse("ä"), Err(FolderNameError));
        let maildir = Maildir::at("/mail/alice");
        for (text, path) in [("Lists.rust", "/mail/alice/.Lists.rust"), ("a b", "/mail/alice/.a b")]
        {
            let name = FolderName::parse(text).unwrap();
            assert_eq!(maildir.folder(&name).root(), Path::new(path));
            // A folder's folder is not below it: Maildir++ has but one level of directories.
            let other = FolderName::parse("other").unwrap();
            assert_eq!(maildir.folder(&other).folder(&name).root(), Path::new(path));
        }
        assert!(FolderName::parse(&"x".repeat(254)).is_ok());
    }

    #[test] // Tests RFC 3501 §5.1.3.
    fn names_beyond_ascii() {
        for (text, on_disk) in [
            ("Lists", "Lists"),
            ("Entwürfe", "Entw&APw-rfe"),
            ("R&D", "R&-D"),
            ("~peter.mail.台北.日本語", "~peter.mail.&U,BTFw-.&ZeVnLIqe-"),
            ("&", "&-"),
            ("😀", "&2D3eAA-"),
            ("a &ä& b", "a &-&AOQ-&- b"),
        ] {
            assert_eq!(FolderName::from_utf8(text).unwrap().to_string(), on_disk);
        }
    }
}
