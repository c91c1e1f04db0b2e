//! What a folder is called: on disk, and in the words of those who use it.
//!
//! Maildir++ joins parts by dots, and a name is ASCII on disk: what isn't is written in IMAP's modified
//! UTF-7 (RFC 3501 §5.1.3), as Dovecot and Courier have it.
//!
//! Others may have made folders whose names are no right modified UTF-7: in plain UTF-8 (Dovecot with
//! `mailbox_list_utf8`), or with an `&` that begins nothing. Such a one is called what stands there
//! ([`FolderName::on_disk`]). Where two directories come to the same name, it is the one that we would have made.

use std::fmt;

use base64::Engine as _;
use base64::alphabet::Alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// RFC 3501 §5.1.3: "," in place of "/".
const MODIFIED_BASE64: GeneralPurpose = {
    const TABLE: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";
    let alphabet = match Alphabet::new(TABLE) {
        Ok(alphabet) => alphabet,
        Err(_) => panic!("not an alphabet"),
    };
    let config = GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone);
    GeneralPurpose::new(&alphabet, config)
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
        match text.is_ascii() {
            true => Self::on_disk(text),
            false => Err(FolderNameError),
        }
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

    /// The folder that IMAP4rev1 calls so: modified UTF-7, as only right encoders write it.
    ///
    /// # Errors
    /// As [`FolderName::from_utf8`]; and where it is no modified UTF-7.
    pub fn from_modified_utf7(text: &str) -> Result<Self, FolderNameError> {
        Self::from_utf8(&decoded(text).ok_or(FolderNameError)?)
    }

    /// The folder of a directory that anybody may have made, without its first dot.
    ///
    /// # Errors
    /// As [`FolderName::from_utf8`], but it may be any UTF-8.
    pub fn on_disk(text: &str) -> Result<Self, FolderNameError> {
        let part = |part: &str| {
            !part.is_empty()
                && !part.contains(|c: char| c.is_control() || c == '/')
                && !["tmp", "new", "cur"].contains(&part)
        };
        let fits = text.len() <= Self::OCTETS_MAX && text.split('.').all(part);
        fits.then(|| Self(text.to_owned())).ok_or(FolderNameError)
    }

    /// What people call it.
    pub fn to_utf8(&self) -> String {
        let readable = |text: &String| !text.contains(char::is_control);
        decoded(&self.0).filter(readable).unwrap_or_else(|| self.0.clone())
    }

    /// What IMAP4rev1 calls it.
    pub fn to_modified_utf7(&self) -> String {
        modified_utf7(&self.to_utf8())
    }

    /// The same folder as we would have written its name; what that is too long for stays as it is.
    #[must_use]
    pub fn as_we_write_it(self) -> Self {
        Self::from_utf8(&self.to_utf8()).unwrap_or(self)
    }

    /// The folder above it.
    pub fn parent(&self) -> Option<Self> {
        self.0.rsplit_once('.').map(|(parent, _)| Self(parent.to_owned()))
    }

    /// What its name has behind another's, where it is below that one; it begins with a dot.
    pub(crate) fn below(&self, other: &Self) -> Option<&str> {
        self.0.strip_prefix(&other.0).filter(|rest| rest.starts_with('.'))
    }

    /// Its parts, outermost first.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split('.')
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

/// The other way round; `None` for what no right encoder writes: "&" that begins nothing, base64 of what stands for
/// itself (`&AC8-` is "/"), runs that should be one.
fn decoded(text: &str) -> Option<String> {
    let (mut decoded, mut rest) = (String::new(), text);
    while let Some((plain, shifted)) = rest.split_once('&') {
        let (run, after) = shifted.split_once('-')?;
        decoded.push_str(plain);
        match run {
            "" => decoded.push('&'),
            run => decoded.push_str(&utf16(run)?),
        }
        rest = after;
    }
    decoded.push_str(rest);
    (modified_utf7(&decoded) == text).then_some(decoded)
}

fn utf16(base64: &str) -> Option<String> {
    let octets = MODIFIED_BASE64.decode(base64).ok()?;
    let (units, rest) = octets.as_chunks();
    let units: Vec<u16> = units.iter().map(|unit| u16::from_be_bytes(*unit)).collect();
    rest.is_empty().then(|| String::from_utf16(&units).ok())?
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

        #[test]
        fn names_come_back(text in "[ -~äé日😀&]{1,20}", any in "(?s).{0,20}") {
            if let Ok(name) = FolderName::from_utf8(&text) {
                prop_assert_eq!(name.to_utf8(), text);
                let modified_utf7 = name.to_modified_utf7();
                prop_assert_eq!(FolderName::from_modified_utf7(&modified_utf7), Ok(name));
            }
            if let Ok(name) = FolderName::on_disk(&any) {
                prop_assert!(!name.to_utf8().contains(char::is_control));
                prop_assert!(FolderName::from_utf8(&name.to_utf8()).is_ok_and(|same| same.to_utf8() == name.to_utf8())
                    || name.to_modified_utf7().len() > 254);
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
            let name = FolderName::from_utf8(text).unwrap();
            assert_eq!(name.to_string(), on_disk);
            assert_eq!(
                (name.to_utf8().as_str(), name.to_modified_utf7().as_str()),
                (text, on_disk)
            );
            assert_eq!(FolderName::from_modified_utf7(on_disk), Ok(name));
        }
    }

    #[test]
    fn i06_modified_utf7_that_no_encoder_writes_is_none() {
        for text in [
            "&AC8-",
            "&AAA-",
            "&",
            "R&D",
            "&APw",
            "&AP-",
            "&APx-",
            "&APw=-",
            "&2D0-",
            "&APw-&APw-",
            "&AGE-",
            "a&-&-&",
            "&/w-",
            "ä",
            "&AC4ALgAv-",
        ] {
            assert_eq!(FolderName::from_modified_utf7(text), Err(FolderNameError), "{text:?}");
        }
        assert_eq!(FolderName::from_modified_utf7("&-&-").unwrap().to_utf8(), "&&");
    }

    #[test]
    fn names_that_others_have_written() {
        for (on_disk, text, modified_utf7) in [
            ("Entwürfe", "Entwürfe", "Entw&APw-rfe"),
            ("R&D", "R&D", "R&-D"),
            ("&AAA-", "&AAA-", "&-AAA-"),
            ("&AC8-x", "&AC8-x", "&-AC8-x"),
        ] {
            let name = FolderName::on_disk(on_disk).unwrap();
            assert_eq!(
                (name.to_utf8().as_str(), name.to_modified_utf7().as_str()),
                (text, modified_utf7)
            );
            assert_eq!(name.to_string(), on_disk);
        }
        assert!(FolderName::on_disk("a/b").is_err() && FolderName::on_disk("a\u{85}").is_err());
    }
}
