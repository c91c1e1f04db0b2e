//! Response codes (RFC 9051 §7.1, RFC 3501 §7.1, RFC 5530, and extensions).

use std::num::NonZeroU32;

use super::Status;
use crate::command::Charset;
use crate::scan::{Cursor, Scanned, SyntaxError};
use crate::value::{Flag, NameEncoding, Set, Tag};
use crate::write::{self, Quoting};

/// What a response says to programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    /// `ALERT`
    Alert,
    /// `ALREADYEXISTS` (RFC 5530)
    AlreadyExists,
    /// `APPENDUID` (RFC 4315 §3)
    AppendUid {
        /// Of the mailbox.
        uid_validity: u32,
        /// What was appended.
        uids: Set,
    },
    /// `AUTHENTICATIONFAILED` (RFC 5530)
    AuthenticationFailed,
    /// `AUTHORIZATIONFAILED` (RFC 5530)
    AuthorizationFailed,
    /// `BADCHARSET`, and those that are known.
    BadCharset(Vec<Charset>),
    /// `BADEVENT` (RFC 5465 §5), and those that are known.
    BadEvent(Vec<String>),
    /// `BADURL` (RFC 4469 §4.1)
    BadUrl(Vec<u8>),
    /// `CANNOT` (RFC 5530)
    Cannot,
    /// `CAPABILITY`
    Capability(Vec<String>),
    /// `CLIENTBUG` (RFC 5530)
    ClientBug,
    /// `CLOSED` (RFC 7162 §3.2.11)
    Closed,
    /// `COMPRESSIONACTIVE` (RFC 4978)
    CompressionActive,
    /// `CONTACTADMIN` (RFC 5530)
    ContactAdmin,
    /// `COPYUID` (RFC 4315 §3)
    CopyUid {
        /// Of the mailbox that was copied to.
        uid_validity: u32,
        /// What was copied.
        from: Set,
        /// What it is called there, in the same order.
        to: Set,
    },
    /// `CORRUPTION` (RFC 5530)
    Corruption,
    /// `EXPIRED` (RFC 5530)
    Expired,
    /// `EXPUNGEISSUED` (RFC 5530)
    ExpungeIssued,
    /// `HASCHILDREN`
    HasChildren,
    /// `HIGHESTMODSEQ` (RFC 7162 §3.1.2)
    HighestModSeq(u64),
    /// `INPROGRESS` (RFC 9585)
    InProgress {
        /// The command that goes on.
        tag: Option<Tag>,
        /// How much is done, and of how much, where that is known.
        progress: Option<(u32, Option<u32>)>,
    },
    /// `INUSE` (RFC 5530)
    InUse,
    /// `LIMIT` (RFC 5530)
    Limit,
    /// `MAILBOXID` (RFC 8474 §4)
    MailboxId(String),
    /// `METADATA` (RFC 5464 §4)
    Metadata(NoMetadata),
    /// `MODIFIED` (RFC 7162 §3.1.3)
    Modified(Set),
    /// `NOMODSEQ` (RFC 7162 §3.1.2)
    NoModSeq,
    /// `NONEXISTENT` (RFC 5530)
    NonExistent,
    /// `NOPERM` (RFC 5530)
    NoPerm,
    /// `NOTIFICATIONOVERFLOW` (RFC 5465 §5.8)
    NotificationOverflow,
    /// `NOTSAVED` (RFC 5182 §2.1)
    NotSaved,
    /// `NOUPDATE` (RFC 5267 §3.1)
    NoUpdate(Tag),
    /// `OVERQUOTA` (RFC 5530, RFC 9208 §4.3)
    OverQuota,
    /// `PARSE`
    Parse,
    /// `PERMANENTFLAGS`
    PermanentFlags(Vec<Flag>),
    /// `PRIVACYREQUIRED` (RFC 5530)
    PrivacyRequired,
    /// `READ-ONLY`
    ReadOnly,
    /// `READ-WRITE`
    ReadWrite,
    /// `SERVERBUG` (RFC 5530)
    ServerBug,
    /// `TOOBIG` (RFC 4469 §4.2, RFC 7889 §4)
    TooBig,
    /// `TRYCREATE`
    TryCreate,
    /// `UIDNEXT`
    UidNext(NonZeroU32),
    /// `UIDNOTSTICKY` (RFC 4315 §3)
    UidNotSticky,
    /// `UIDREQUIRED` (RFC 9586)
    UidRequired,
    /// `UIDVALIDITY`
    UidValidity(NonZeroU32),
    /// `UNAVAILABLE` (RFC 5530)
    Unavailable,
    /// `UNKNOWN-CTE` (RFC 3516 §4.3)
    UnknownCte,
    /// `UNSEEN` (RFC 3501 §7.1)
    Unseen(NonZeroU32),
    /// `USEATTR` (RFC 6154 §3)
    UseAttr,
    /// `MESSAGELIMIT` (RFC 9738): a command takes no more than so many; the lowest UID that it has got to, where it has
    /// to do with UIDs.
    MessageLimit(u32, Option<NonZeroU32>),
    /// One that isn't known.
    Other(Vec<u8>),
}

/// Why there are no such annotations (RFC 5464 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoMetadata {
    /// `LONGENTRIES`: the longest that was left out by MAXSIZE.
    LongEntries(u64),
    /// `MAXSIZE`: the longest that is taken.
    MaxSize(u64),
    /// `TOOMANY`
    TooMany,
    /// `NOPRIVATE`
    NoPrivate,
}

/// Those that are a word and nothing else.
const PLAIN: [(&str, Code); 34] = [
    ("ALERT", Code::Alert),
    ("ALREADYEXISTS", Code::AlreadyExists),
    ("AUTHENTICATIONFAILED", Code::AuthenticationFailed),
    ("AUTHORIZATIONFAILED", Code::AuthorizationFailed),
    ("CANNOT", Code::Cannot),
    ("CLIENTBUG", Code::ClientBug),
    ("CLOSED", Code::Closed),
    ("COMPRESSIONACTIVE", Code::CompressionActive),
    ("CONTACTADMIN", Code::ContactAdmin),
    ("CORRUPTION", Code::Corruption),
    ("EXPIRED", Code::Expired),
    ("EXPUNGEISSUED", Code::ExpungeIssued),
    ("HASCHILDREN", Code::HasChildren),
    ("INUSE", Code::InUse),
    ("LIMIT", Code::Limit),
    ("NOMODSEQ", Code::NoModSeq),
    ("NONEXISTENT", Code::NonExistent),
    ("NOPERM", Code::NoPerm),
    ("NOTIFICATIONOVERFLOW", Code::NotificationOverflow),
    ("NOTSAVED", Code::NotSaved),
    ("OVERQUOTA", Code::OverQuota),
    ("PARSE", Code::Parse),
    ("PRIVACYREQUIRED", Code::PrivacyRequired),
    ("READ-ONLY", Code::ReadOnly),
    ("READ-WRITE", Code::ReadWrite),
    ("SERVERBUG", Code::ServerBug),
    ("TOOBIG", Code::TooBig),
    ("TRYCREATE", Code::TryCreate),
    ("UIDNOTSTICKY", Code::UidNotSticky),
    ("UIDREQUIRED", Code::UidRequired),
    ("UNAVAILABLE", Code::Unavailable),
    ("UNKNOWN-CTE", Code::UnknownCte),
    ("USEATTR", Code::UseAttr),
    ("BADCHARSET", Code::BadCharset(Vec::new())),
];

impl Code {
    /// The code that stands for how an error is best told; BAD and NO need none.
    pub(super) fn other(text: &[u8]) -> Self {
        Self::Other(text.to_vec())
    }

    pub(super) fn write(&self, out: &mut Vec<u8>, names: NameEncoding) {
        if let Some((name, _)) = PLAIN.iter().find(|(_, code)| code == self) {
            return out.extend_from_slice(name.as_bytes());
        }
        let word = |name: &[u8], number: u64, out: &mut Vec<u8>| {
            out.extend_from_slice(name);
            write::number(out, number);
        };
        match self {
            Self::AppendUid { uid_validity, uids } => {
                word(b"APPENDUID ", (*uid_validity).into(), out);
                out.push(b' ');
                uids.write(out);
            }
            Self::CopyUid { uid_validity, from, to } => {
                word(b"COPYUID ", (*uid_validity).into(), out);
                out.push(b' ');
                from.write(out);
                out.push(b' ');
                to.write(out);
            }
            Self::BadCharset(known) => {
                out.extend_from_slice(b"BADCHARSET ");
                write::list(out, known, |out, charset| write_charset(charset, out));
            }
            Self::BadEvent(known) => {
                out.extend_from_slice(b"BADEVENT ");
                write::list(out, known, |out, name| out.extend_from_slice(name.as_bytes()));
            }
            Self::BadUrl(url) => {
                out.extend_from_slice(b"BADURL ");
                write_quoted(url, out);
            }
            Self::Capability(capabilities) => super::write_words(b"CAPABILITY", capabilities, out),
            Self::HighestModSeq(value) => word(b"HIGHESTMODSEQ ", *value, out),
            Self::InProgress { tag, progress } => write_progress(tag.as_ref(), *progress, out),
            Self::MailboxId(id) => {
                out.extend_from_slice(b"MAILBOXID ");
                write::list(out, [id], |out, id| out.extend_from_slice(id.as_bytes()));
            }
            Self::Metadata(NoMetadata::LongEntries(octets)) => {
                word(b"METADATA LONGENTRIES ", *octets, out);
            }
            Self::Metadata(NoMetadata::MaxSize(octets)) => word(b"METADATA MAXSIZE ", *octets, out),
            Self::Metadata(NoMetadata::TooMany) => out.extend_from_slice(b"METADATA TOOMANY"),
            Self::Metadata(NoMetadata::NoPrivate) => out.extend_from_slice(b"METADATA NOPRIVATE"),
            Self::Modified(set) => {
                out.extend_from_slice(b"MODIFIED ");
                set.write(out);
            }
            Self::NoUpdate(tag) => {
                out.extend_from_slice(b"NOUPDATE ");
                write::quoted(out, tag.as_str().as_bytes());
            }
            Self::PermanentFlags(flags) => {
                out.extend_from_slice(b"PERMANENTFLAGS ");
                write::list(out, flags, |out, flag| flag.write(out));
            }
            Self::UidNext(uid) => word(b"UIDNEXT ", uid.get().into(), out),
            Self::UidValidity(value) => word(b"UIDVALIDITY ", value.get().into(), out),
            Self::Unseen(number) => word(b"UNSEEN ", number.get().into(), out),
            Self::MessageLimit(number, uid) => {
                word(b"MESSAGELIMIT ", (*number).into(), out);
                if let Some(uid) = uid {
                    word(b" ", uid.get().into(), out);
                }
            }
            Self::Other(text) => super::status::write_text(text, names.quoting(), out),
            // All others are in the table.
            _ => {}
        }
    }

    pub(super) fn scan(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        let name = cursor.word("a code")?;
        if cursor.peek() == Some(b']') {
            let plain = PLAIN.into_iter().find(|(known, _)| known.as_bytes() == name);
            if let Some((_, code)) = plain {
                return Ok(code);
            }
        }
        match name.as_slice() {
            b"CAPABILITY" => return Ok(Self::Capability(scan_capabilities(cursor)?)),
            b"INPROGRESS" => return scan_progress(cursor),
            _ => cursor.space()?,
        }
        Ok(match name.as_slice() {
            b"APPENDUID" => {
                let uid_validity = cursor.number()?;
                cursor.space()?;
                Self::AppendUid { uid_validity, uids: Set::scan_known(cursor)? }
            }
            b"COPYUID" => {
                let uid_validity = cursor.number()?;
                cursor.space()?;
                let from = Set::scan_known(cursor)?;
                cursor.space()?;
                Self::CopyUid { uid_validity, from, to: Set::scan_known(cursor)? }
            }
            b"BADCHARSET" => Self::BadCharset(cursor.list_or_empty(Charset::scan)?),
            b"BADEVENT" => {
                Self::BadEvent(cursor.list_or_empty(|cursor| text(cursor.atom("an event")?))?)
            }
            // RFC 4469 §5 has no quotes there, and its examples have.
            b"BADURL" => Self::BadUrl(match cursor.peek() {
                Some(b'"') => cursor.string("a URL")?.into_owned(),
                _ => cursor.take_while(|octet| octet != b']').to_vec(),
            }),
            b"HIGHESTMODSEQ" => Self::HighestModSeq(cursor.number64()?),
            b"MAILBOXID" => {
                let mut ids = cursor.list(|cursor| text(cursor.atom("an id")?))?;
                Self::MailboxId(ids.swap_remove(0))
            }
            b"METADATA" => Self::Metadata(scan_metadata(cursor)?),
            b"MODIFIED" => Self::Modified(Set::scan(cursor)?),
            b"NOUPDATE" => Self::NoUpdate(scan_tag(cursor)?),
            b"PERMANENTFLAGS" => Self::PermanentFlags(cursor.list_or_empty(Flag::scan)?),
            b"UIDNEXT" => Self::UidNext(cursor.nz_number()?),
            b"UIDVALIDITY" => Self::UidValidity(cursor.nz_number()?),
            b"UNSEEN" => Self::Unseen(cursor.nz_number()?),
            b"MESSAGELIMIT" => {
                let number = cursor.number()?;
                let uid = if cursor.eat(b' ') { Some(cursor.nz_number()?) } else { None };
                Self::MessageLimit(number, uid)
            }
            _ => return Err(SyntaxError::Unknown("code")),
        })
    }

    /// How an error in a command's syntax is answered.
    pub fn of(error: SyntaxError) -> (Status, Option<Self>) {
        match error {
            SyntaxError::UnknownCommand
            | SyntaxError::Unknown(_)
            | SyntaxError::Expected(_)
            | SyntaxError::Octets => (Status::Bad, None),
            // RFC 7888 §4: BAD for a literal that isn't taken.
            SyntaxError::Literal => (Status::Bad, Some(Self::TooBig)),
            // RFC 6154 §3: NO, and not BAD.
            SyntaxError::SpecialUse => (Status::No, Some(Self::UseAttr)),
            // Row I06.
            SyntaxError::MailboxName => (Status::No, Some(Self::Cannot)),
            SyntaxError::Depth | SyntaxError::TooLong(_) => (Status::No, Some(Self::Limit)),
        }
    }
}

fn text(word: &[u8]) -> Scanned<String> {
    String::from_utf8(word.to_vec()).map_err(|_| SyntaxError::Octets)
}

fn scan_tag(cursor: &mut Cursor<'_>) -> Scanned<Tag> {
    Tag::parse(&cursor.astring("a tag")?).ok_or(SyntaxError::Expected("a tag"))
}

/// `*(SP capability)`
pub(super) fn scan_capabilities(cursor: &mut Cursor<'_>) -> Scanned<Vec<String>> {
    super::scan_spaced(cursor, |cursor| text(cursor.atom("a capability")?))
}

fn write_charset(charset: &Charset, out: &mut Vec<u8>) {
    match charset {
        Charset::UsAscii => out.extend_from_slice(b"US-ASCII"),
        Charset::Utf8 => out.extend_from_slice(b"UTF-8"),
        Charset::Other(name) => write_quoted(name, out),
    }
}

/// What comes from elsewhere stands in a line that ends, and in brackets that end, too.
fn write_quoted(text: &[u8], out: &mut Vec<u8>) {
    let is_plain = |octet: &u8| matches!(octet, b'!'..=b'\\' | b'^'..=b'~');
    let plain: Vec<u8> = text.iter().copied().filter(is_plain).collect();
    write::quoted(out, &plain);
}

fn scan_metadata(cursor: &mut Cursor<'_>) -> Scanned<NoMetadata> {
    let word = cursor.word("a reason")?;
    let mut number = || {
        cursor.space()?;
        cursor.number64()
    };
    Ok(match word.as_slice() {
        b"LONGENTRIES" => NoMetadata::LongEntries(number()?),
        b"MAXSIZE" => NoMetadata::MaxSize(number()?),
        b"TOOMANY" => NoMetadata::TooMany,
        b"NOPRIVATE" => NoMetadata::NoPrivate,
        _ => return Err(SyntaxError::Unknown("reason")),
    })
}

/// ```text
/// response-progress = "INPROGRESS" [SP "(" progress-tag SP progress-state ")"]       ; RFC 9585 §7
/// progress-state    = (number SP nz-number) / (number SP "NIL") / ("NIL" SP "NIL")
/// ```
fn write_progress(tag: Option<&Tag>, progress: Option<(u32, Option<u32>)>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"INPROGRESS");
    if tag.is_none() && progress.is_none() {
        return;
    }
    out.extend_from_slice(b" (");
    write::nstring(out, tag.map(|tag| tag.as_str().as_bytes()), Quoting::Ascii);
    for number in [progress.map(|(done, _)| done), progress.and_then(|(_, goal)| goal)] {
        out.push(b' ');
        match number {
            Some(number) => write::number(out, number.into()),
            None => out.extend_from_slice(b"NIL"),
        }
    }
    out.push(b')');
}

fn scan_progress(cursor: &mut Cursor<'_>) -> Scanned<Code> {
    if !cursor.eat_word(b" (") {
        return Ok(Code::InProgress { tag: None, progress: None });
    }
    let tag = if cursor.eat_nil() { None } else { Some(scan_tag(cursor)?) };
    let mut number = || {
        cursor.space()?;
        if cursor.eat_nil() { Ok(None) } else { cursor.number().map(Some) }
    };
    let (done, goal) = (number()?, number()?);
    cursor.expect(b')', "the list's end")?;
    Ok(Code::InProgress { tag, progress: done.map(|done| (done, goal)) })
}
