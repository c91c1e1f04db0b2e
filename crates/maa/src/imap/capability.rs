//! What is advertised, and what a client has asked for (RFC 9051 §6.1.1, RFC 5161).

use postroad_imap::NameEncoding;
use postroad_imap::command::{Extension, IdField};
use postroad_imap::encode::Named;
use postroad_imap::response::Data;

use super::ending::{Done, Ended};
use super::extensions::{Extensions, of_enabled};
use super::selected::number;
use super::session::Session;
use crate::limits;

/// What a client has to know of before it logs in; what a login or TLS adds isn't here. Python's imaplib asks once, before
/// its login, and refuses to send ENABLE and IDLE where they weren't there.
pub(crate) const BEFORE_LOGIN: &[&str] =
    &["IMAP4rev2", "IMAP4rev1", "LITERAL-", "ID", "ENABLE", "IDLE"];

/// After a login. What isn't built isn't here.
const ADVERTISED: &[&str] = &[
    "IMAP4rev2",
    "IMAP4rev1",
    "LITERAL+",
    "SASL-IR",
    "ID",
    "ENABLE",
    "IDLE",
    "NAMESPACE",
    "UIDPLUS",
    "UNSELECT",
    "CHILDREN",
    "LIST-EXTENDED",
    "LIST-STATUS",
    "LIST-MYRIGHTS",
    "SPECIAL-USE",
    "CREATE-SPECIAL-USE",
    "MOVE",
    "MULTIAPPEND",
    "CATENATE",
    "REPLACE",
    "STATUS=SIZE",
    "ESEARCH",
    "SEARCHRES",
    "PARTIAL",
    "WITHIN",
    "SORT",
    "SORT=DISPLAY",
    "ESORT",
    "THREAD=ORDEREDSUBJECT",
    "THREAD=REFERENCES",
    "I18NLEVEL=1",
    "COMPRESS=DEFLATE",
    "NOTIFY",
    "INPROGRESS",
    "ACL",
    "RIGHTS=kxte",
    "METADATA",
    "QUOTA",
    "QUOTA=RES-STORAGE",
    "QUOTA=RES-MESSAGE",
    "CONDSTORE",
    "QRESYNC",
    "BINARY",
    "OBJECTID",
    "SAVEDATE",
    "PREVIEW",
    "UTF8=ACCEPT",
    "UIDONLY",
];

pub(super) fn advertised(extensions: &Extensions) -> Vec<String> {
    // RFC 7889 §2: the same for all mailboxes.
    let append_limit = format!("APPENDLIMIT={}", limits::APPEND_OCTETS_MAX);
    let names = ADVERTISED.iter().map(|name| (*name).to_owned()).chain([append_limit]);
    let names = names.filter(|name| extensions.has(name));
    names.chain(extensions.advertised_limits()).collect()
}

/// What we say of ourselves (RFC 2971). No version: whoever looks for one looks for its holes.
pub(super) fn id() -> Vec<IdField> {
    vec![(b"name".to_vec(), Some(b"Postroad".to_vec()))]
}

/// What a client has asked for; for as long as the session lasts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Enabled {
    extensions: Vec<Extension>,
}

impl Enabled {
    pub(super) fn has(&self, extension: &Extension) -> bool {
        self.extensions.contains(extension)
    }

    pub(super) fn add(&mut self, extension: Extension) {
        if !self.has(&extension) {
            self.extensions.push(extension);
        }
    }

    /// Whether mod-sequences are told (RFC 7162 §3.1).
    pub(super) fn mod_seqs(&self) -> bool {
        self.has(&Extension::CondStore) || self.qresync()
    }

    /// Whether expunged letters are told by their UIDs (RFC 7162 §3.2).
    pub(super) fn qresync(&self) -> bool {
        self.has(&Extension::QResync)
    }

    /// Whether letters are told by their UIDs, and named by them alone (RFC 9586).
    pub(super) fn uid_only(&self) -> bool {
        self.has(&Extension::UidOnly)
    }

    /// How a line says which letter it is about.
    pub(super) fn named(&self, place: usize, uid: u32) -> Named {
        match self.uid_only() {
            true => Named::Uid(uid),
            false => Named::Sequence(number(place)),
        }
    }

    /// Whether the client speaks the second revision, and no `\Recent` is wanted.
    pub(super) fn rev2(&self) -> bool {
        self.has(&Extension::Imap4Rev2)
    }

    /// RFC 6855 §3, RFC 9051 §5.1.
    pub(super) fn names(&self) -> NameEncoding {
        match self.has(&Extension::Utf8Accept) || self.rev2() {
            true => NameEncoding::Utf8,
            false => NameEncoding::Utf7,
        }
    }
}

/// What ENABLE takes.
pub(super) const KNOWN: [Extension; 5] = [
    Extension::CondStore,
    Extension::QResync,
    Extension::Utf8Accept,
    Extension::Imap4Rev2,
    Extension::UidOnly,
];

pub(super) fn enable(session: &mut Session, asked: &[Extension], out: &mut Vec<u8>) -> Ended {
    // RFC 5161 §3.1: those that aren't known are ignored.
    let new: Vec<Extension> = asked
        .iter()
        .filter(|asked| KNOWN.contains(asked) && !session.enabled.has(asked))
        .filter(|asked| of_enabled(asked).is_none_or(|name| session.extensions.has(name)))
        .cloned()
        .collect();
    new.iter().cloned().for_each(|extension| session.enabled.add(extension));
    session.say(&Data::Enabled(new), out);
    Ok(Done::new("Enabled"))
}
