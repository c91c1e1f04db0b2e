//! Annotations of a mailbox, of its folders and of the server (RFC 5464): a small file beside the letters of each.
//!
//! ```text
//! {"entry":"/private/comment","value":"What came from the lists"}
//! {"entry":"/private/vendor/example/icon","base64":"iVBORw0KGgo="}
//! ```
//! One line an entry, in the order of their names; what isn't UTF-8 is in base64. The file is in the folder itself,
//! so that it goes where the folder goes. What a user says of the server is in the file [`SERVER_FILE`] of that
//! user's mailbox. A folder's special use is an annotation, too (RFC 6154 §5.4; `special_use.rs`).

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::limits::{ENTRY_NAME_OCTETS_MAX, METADATA_OCTETS_MAX};
use crate::{Change, Courier, Maildir, StoreError};

const FILE: &str = "postroad-metadata";
const SERVER_FILE: &str = "postroad-metadata-server";

/// What is annotated.
#[derive(Debug, Clone, Copy)]
pub enum Annotated<'a> {
    /// A mailbox or folder.
    Folder(&'a Maildir),
    /// The server, as the owner of this mailbox has it.
    Server(&'a Maildir),
}

impl<'a> Annotated<'a> {
    fn file(self) -> (&'a Maildir, &'static str) {
        match self {
            Self::Folder(folder) => (folder, FILE),
            Self::Server(mailbox) => (mailbox, SERVER_FILE),
        }
    }
}

/// An entry's name, as in `/private/comment`; in lower case, for case means nothing (RFC 5464 §3.1).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryName(String);

/// The text is no entry's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an entry's name begins with /private/ or /shared/, and is ASCII without *, % and empty parts"
)]
pub struct EntryNameError;

impl EntryName {
    /// Reads a name.
    ///
    /// # Errors
    /// [`EntryNameError`] where it is none.
    pub fn parse(text: &str) -> Result<Self, EntryNameError> {
        // RFC 5464 §3.1.
        let is_part = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|octet| matches!(octet, b' '..=b'~') && !b"*%".contains(&octet))
        };
        let name = text.to_ascii_lowercase();
        let mut parts = name.split('/');
        let begins_well =
            parts.next() == Some("") && matches!(parts.next(), Some("private" | "shared"));
        let rest: Vec<&str> = parts.collect();
        let fits = begins_well && name.len() <= ENTRY_NAME_OCTETS_MAX && !rest.is_empty();
        (fits && rest.into_iter().all(is_part)).then_some(Self(name)).ok_or(EntryNameError)
    }
}

impl fmt::Display for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The annotations of one thing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata(BTreeMap<EntryName, Vec<u8>>);

/// The annotations together are longer than they may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("annotations of a folder are {METADATA_OCTETS_MAX} octets together at most")]
pub struct TooMuchMetadata;

/// A line of the file.
#[derive(Serialize, Deserialize)]
struct Line {
    entry: String,
    #[serde(flatten)]
    value: Value,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Value {
    Value(String),
    Base64(String),
}

impl Metadata {
    /// An entry's value.
    pub fn get(&self, entry: &EntryName) -> Option<&[u8]> {
        self.0.get(entry).map(Vec::as_slice)
    }

    /// Each entry and its value, in the order of their names.
    pub fn entries(&self) -> impl Iterator<Item = (&EntryName, &[u8])> {
        self.0.iter().map(|(entry, value)| (entry, value.as_slice()))
    }

    /// Sets an entry, or takes it away.
    ///
    /// # Errors
    /// [`TooMuchMetadata`]; then nothing has changed.
    pub fn set(&mut self, entry: EntryName, value: Option<Vec<u8>>) -> Result<(), TooMuchMetadata> {
        let Some(value) = value else {
            self.0.remove(&entry);
            return Ok(());
        };
        let before = self.0.insert(entry.clone(), value);
        if self.text().len() <= METADATA_OCTETS_MAX {
            return Ok(());
        }
        match before {
            Some(value) => self.0.insert(entry, value),
            None => self.0.remove(&entry),
        };
        Err(TooMuchMetadata)
    }

    /// Lines that are none are left out.
    fn parse(file: &[u8]) -> Self {
        let lines = file.split(|octet| *octet == b'\n');
        Self(lines.filter_map(entry).collect())
    }

    fn text(&self) -> Vec<u8> {
        let mut text = Vec::new();
        for (entry, value) in &self.0 {
            let value = match std::str::from_utf8(value) {
                Ok(value) => Value::Value(value.to_owned()),
                Err(_) => Value::Base64(STANDARD.encode(value)),
            };
            let line = Line { entry: entry.0.clone(), value };
            // Neither strings nor writing into a vector can fail.
            let _ = serde_json::to_writer(&mut text, &line);
            text.push(b'\n');
        }
        text
    }
}

fn entry(line: &[u8]) -> Option<(EntryName, Vec<u8>)> {
    let Line { entry, value } = serde_json::from_slice(line).ok()?;
    let value = match value {
        Value::Value(text) => text.into_bytes(),
        Value::Base64(text) => STANDARD.decode(text).ok()?,
    };
    Some((EntryName::parse(&entry).ok()?, value))
}

impl Courier {
    /// The annotations of something; none where it isn't there.
    ///
    /// # Errors
    /// What the disk said.
    pub fn metadata(&self, of: Annotated<'_>) -> Result<Metadata, StoreError> {
        let (maildir, file) = of.file();
        Ok(Metadata::parse(&self.mark(maildir, file)?))
    }

    /// Changes annotations, durably, in turn with other processes.
    ///
    /// # Errors
    /// What the disk said, or that the turn doesn't come: they are as they were, or as they are to be.
    pub fn change_metadata(
        &self,
        of: Annotated<'_>,
        change: impl FnOnce(&mut Metadata),
    ) -> Result<Change, StoreError> {
        let (maildir, file) = of.file();
        self.change_mark(maildir, file, |old| {
            let mut metadata = Metadata::parse(old);
            change(&mut metadata);
            let new = metadata.text();
            (new != old).then_some(new)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use postroad_disk::OsDisk;
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> EntryName {
        EntryName::parse(text).unwrap()
    }

    #[test] // Tests RFC 5464 §3.1.
    fn names_and_what_is_none() {
        assert_eq!(name("/Private/Comment"), name("/private/comment"));
        for text in [
            "",
            "/",
            "private/x",
            "/private",
            "/private/",
            "/other/x",
            "/private//x",
            "/private/x/",
            "/private/*",
            "/shared/a%",
            "/shared/ä",
            "/shared/a\n",
            &format!("/shared/{}", "x".repeat(1_000)),
        ] {
            assert_eq!(EntryName::parse(text), Err(EntryNameError), "{text:?}");
        }
    }

    #[test]
    fn lines_that_are_none_spoil_no_others() {
        let file = b"{\"entry\":\"/private/a\",\"value\":\"x\"}\n\
            {\"entry\":\"/private/b\",\"base64\":\"/w==\"}\n\
            {\"entry\":\"/private/c\",\"base64\":\"?\"}\n{\"entry\":\"c\",\"value\":\"x\"}\n\
            {\"entry\":\"/private/d\"}\n\0\0{\n\n";
        let metadata = Metadata::parse(file);
        let entries: Vec<(String, &[u8])> =
            metadata.entries().map(|(name, value)| (name.to_string(), value)).collect();
        let expected: [(String, &[u8]); 2] =
            [("/private/a".to_owned(), b"x"), ("/private/b".to_owned(), b"\xff")];
        assert_eq!(entries, expected);
    }

    #[test]
    fn so_much_and_no_more() {
        let mut metadata = Metadata::default();
        metadata.set(name("/private/a"), Some(b"old".to_vec())).unwrap();
        let before = metadata.clone();
        let large = vec![b'x'; METADATA_OCTETS_MAX];
        for entry in ["/private/a", "/private/b"] {
            assert_eq!(metadata.set(name(entry), Some(large.clone())), Err(TooMuchMetadata));
            assert_eq!(metadata, before);
        }
    }

    #[test]
    fn threads_lose_no_change_of_each_others() {
        let dir = tempfile::tempdir().unwrap();
        let courier = Courier::new(Arc::new(OsDisk), "host");
        let inbox = Maildir::at(dir.path().join("alice"));
        drop(courier.begin(&inbox).unwrap());
        let of = Annotated::Folder(&inbox);
        let set = |n: usize, value: Option<&str>| {
            let value = value.map(|value| value.as_bytes().to_vec());
            courier.change_metadata(of, |metadata| {
                metadata.set(name(&format!("/private/{n}")), value).unwrap();
            })
        };
        std::thread::scope(|scope| {
            for n in 0..8 {
                scope.spawn(move || assert_eq!(set(n, Some("x")).unwrap(), Change::Made));
            }
        });
        assert_eq!(courier.metadata(of).unwrap().entries().count(), 8);
        assert_eq!(set(0, Some("x")).unwrap(), Change::None);
        assert_eq!(set(0, None).unwrap(), Change::Made);
        assert_eq!(courier.metadata(of).unwrap().get(&name("/private/0")), None);
        let server = courier.metadata(Annotated::Server(&inbox)).unwrap();
        assert_eq!(server, Metadata::default());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            entries in proptest::collection::btree_map("/private/[a-z]{1,9}(/[ -$&-)+-.0-@\\[-~]{1,5})?",
                proptest::collection::vec(any::<u8>(), 0..40), 0..6)
        ) {
            let mut metadata = Metadata::default();
            for (entry, value) in entries {
                metadata.set(name(&entry), Some(value)).unwrap();
            }
            prop_assert_eq!(Metadata::parse(&metadata.text()), metadata);
        }
    }
}
