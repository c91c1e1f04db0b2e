//! URLs of messages in one's own account (RFC 5092, RFC 4469 §3): relative ones, without a server.

use std::num::NonZeroU32;

use super::MailboxName;
use crate::command::{Partial, Section};
use crate::scan::Cursor;
use crate::value::NameEncoding;

/// Which message, and what of it.
///
/// ```text
/// imessagepart = enc-mailbox [";UIDVALIDITY=" nz-number] "/;UID=" nz-number
///                ["/;SECTION=" enc-section] ["/;PARTIAL=" number ["." nz-number]]
/// ```
/// with a `/` before it or not; or without a mailbox, from `;UID=` on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageUrl {
    /// In which mailbox; the selected one, where none is said.
    pub mailbox: Option<MailboxName>,
    /// What its UIDs have to be valid for.
    pub uid_validity: Option<NonZeroU32>,
    /// Which message.
    pub uid: NonZeroU32,
    /// What of it.
    pub section: Section,
    /// Which octets of that.
    pub partial: Option<Partial>,
}

impl MessageUrl {
    /// Reads one; none where it is another URL, or none at all.
    pub fn parse(url: &[u8]) -> Option<Self> {
        let url = std::str::from_utf8(url).ok().filter(|url| url.bytes().all(is_plain))?;
        // With a server's name it would be somebody else's (RFC 4469 §3).
        let path = match url.strip_prefix('/') {
            Some(path) if path.starts_with('/') => return None,
            Some(path) => path,
            None if scheme(url) => return None,
            None => url,
        };
        let (mailbox, message) = match after(url, ";UID=") {
            Some(_) => (None, path),
            None => {
                let (mailbox, _) = path.split_once("/;")?;
                (Some(mailbox), path.get(mailbox.len() + 1..)?)
            }
        };
        let (mailbox, uid_validity) = match mailbox {
            None => (None, None),
            Some(mailbox) => {
                let (name, validity) = mailbox.split_once(';').unzip();
                let validity = validity.map(|text| number(after(text, "UIDVALIDITY=")?));
                // Said, and not understood.
                if validity == Some(None) {
                    return None;
                }
                (Some(named(name.unwrap_or(mailbox))?), validity.flatten())
            }
        };
        let mut parts = message.split("/;");
        let uid = number(after(parts.next()?, ";UID=")?)?;
        let mut next = parts.next();
        let section = match next.and_then(|part| after(part, "SECTION=")) {
            None => Section::default(),
            Some(text) => {
                next = parts.next();
                section(text)?
            }
        };
        let partial = match next.and_then(|part| after(part, "PARTIAL=")) {
            None => None,
            Some(text) => {
                next = parts.next();
                Some(partial(text)?)
            }
        };
        next.is_none().then_some(Self { mailbox, uid_validity, uid, section, partial })
    }
}

/// What may stand in a URL (RFC 3986 §2), but for a query and a fragment, which name no message.
fn is_plain(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"-._~!$'()*+,&=:@/;%".contains(&octet)
}

/// Whether it begins with `imap:` or another scheme.
fn scheme(url: &str) -> bool {
    let head = url.split(['/', ';']).next().unwrap_or_default();
    head.contains(':')
}

/// What follows a word in any case.
fn after<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(word.len())?;
    head.eq_ignore_ascii_case(word).then_some(rest)
}

fn number(text: &str) -> Option<NonZeroU32> {
    // No sign, which `parse` would take.
    text.bytes().all(|octet| octet.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Names are UTF-8 here (RFC 5092 §3.1), whatever they are elsewhere.
fn named(text: &str) -> Option<MailboxName> {
    // RFC 3986 §5.2.4 would take them away.
    let is_dots = |segment: &str| matches!(segment, "." | "..");
    if text.is_empty() || text.split('/').any(is_dots) {
        return None;
    }
    MailboxName::parse(&decoded(text)?, NameEncoding::Utf8)
}

fn section(text: &str) -> Option<Section> {
    let spec = [b"[".as_slice(), &decoded(text)?, b"]"].concat();
    let mut cursor = Cursor::new(&spec, 1, NameEncoding::Utf8);
    let section = Section::scan(&mut cursor).ok()?;
    cursor.end().ok()?;
    (section != Section::default()).then_some(section)
}

fn partial(text: &str) -> Option<Partial> {
    let (begin, octets) = text.split_once('.').unzip();
    let begin = begin.unwrap_or(text);
    let is_number = |text: &str| text.bytes().all(|octet| octet.is_ascii_digit());
    let begin = is_number(begin).then(|| begin.parse().ok()).flatten()?;
    let octets = match octets {
        None => u64::MAX,
        Some(octets) => u64::from(number(octets)?.get()),
    };
    Some(Partial { begin, octets })
}

/// `%41` is `A` (RFC 3986 §2.1).
fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        if octet != b'%' {
            octets.push(octet);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        octets.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
    }
    Some(octets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::SectionText;

    fn url(text: &str) -> Option<MessageUrl> {
        MessageUrl::parse(text.as_bytes())
    }

    fn whole(mailbox: Option<&str>, validity: u32, uid: u32) -> MessageUrl {
        MessageUrl {
            mailbox: mailbox
                .map(|name| MailboxName::parse(name.as_bytes(), NameEncoding::Utf8).unwrap()),
            uid_validity: NonZeroU32::new(validity),
            uid: NonZeroU32::new(uid).unwrap(),
            section: Section::default(),
            partial: None,
        }
    }

    #[test] // Tests RFC 5092 §11, RFC 4469 §3; the examples of RFC 4469 appendix A.
    fn messages_and_parts_of_them() {
        let drafts = whole(Some("Drafts"), 385_759_045, 20);
        let part = |numbers: &[u32], text: SectionText| Section {
            part: numbers.iter().map(|number| NonZeroU32::new(*number).unwrap()).collect(),
            text,
        };
        for (text, wanted) in [
            ("/Drafts;UIDVALIDITY=385759045/;UID=20", drafts.clone()),
            ("/Drafts;uidvalidity=385759045/;uid=20", drafts.clone()),
            ("Drafts;UIDVALIDITY=385759045/;UID=20", drafts.clone()),
            (
                "/Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER",
                MessageUrl { section: part(&[], SectionText::Header), ..drafts.clone() },
            ),
            (
                "/Drafts;UIDVALIDITY=385759045/;UID=20/;section=1.MIME",
                MessageUrl { section: part(&[1], SectionText::Mime), ..drafts.clone() },
            ),
            (
                "/Drafts;UIDVALIDITY=385759045/;UID=20/;section=1.5.9/;PARTIAL=3.7",
                MessageUrl {
                    section: part(&[1, 5, 9], SectionText::Whole),
                    partial: Some(Partial { begin: 3, octets: 7 }),
                    ..drafts
                },
            ),
            (
                "/INBOX/;UID=1/;SECTION=HEADER.FIELDS%20(To%20Cc)",
                MessageUrl {
                    section: part(
                        &[],
                        SectionText::HeaderFields(vec![b"To".to_vec(), b"Cc".to_vec()]),
                    ),
                    ..whole(Some("INBOX"), 0, 1)
                },
            ),
            (
                "/INBOX/;UID=1/;PARTIAL=5",
                MessageUrl {
                    partial: Some(Partial { begin: 5, octets: u64::MAX }),
                    ..whole(Some("INBOX"), 0, 1)
                },
            ),
            (";UID=7", whole(None, 0, 7)),
            ("/Entw%C3%BCrfe%2Fa%25/;UID=7", whole(Some("Entwürfe/a%"), 0, 7)),
            ("/a/b/;UID=7", whole(Some("a/b"), 0, 7)),
        ] {
            assert_eq!(url(text), Some(wanted), "{text}");
        }
    }

    #[test]
    fn what_is_no_message_of_ours() {
        for text in [
            "",
            "/",
            "//server/INBOX/;UID=1",
            "imap://alice@our.example/INBOX/;UID=1",
            "imap:INBOX/;UID=1",
            "/INBOX",
            "/INBOX;UIDVALIDITY=1",
            "/INBOX;UIDVALIDITY=0/;UID=1",
            "/INBOX;UIDVALIDITY=x/;UID=1",
            "/INBOX;OTHER=1/;UID=1",
            "/INBOX/;UID=0",
            "/INBOX/;UID=+1",
            "/INBOX/;UID=4294967296",
            "/INBOX/;UID=1/",
            "/INBOX/;UID=1/;SECTION=",
            "/INBOX/;UID=1/;SECTION=1]",
            "/INBOX/;UID=1/;SECTION=NOTHING",
            "/INBOX/;UID=1/;SECTION=1%ZZ",
            "/INBOX/;UID=1/;PARTIAL=1.0",
            "/INBOX/;UID=1/;PARTIAL=-1",
            "/INBOX/;UID=1/;PARTIAL=1/;SECTION=1",
            "/INBOX/;UID=1/;SECTION=1/;SECTION=2",
            "/INBOX/;UID=1;URLAUTH=anonymous",
            "/INBOX?ALL",
            "/INBOX/;UID=1#x",
            "/../INBOX/;UID=1",
            "/a/./b/;UID=1",
            "/IN BOX/;UID=1",
            "/%00/;UID=1",
            "/%ff/;UID=1",
            "/%4/;UID=1",
            "/%/;UID=1",
            "/;UIDVALIDITY=1/;UID=1",
            "/;UID=1",
        ] {
            assert_eq!(url(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn anything_is_taken_or_left(text in "[/;:%a-zA-Z0-9=.? ]{0,40}") {
            let _ = url(&text);
        }
    }
}
