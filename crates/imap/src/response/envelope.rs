//! Reading ENVELOPE (RFC 9051 §7.5.2); writing it is in [`crate::encode`].

use std::borrow::Cow;

use postroad_message::{Address, Envelope};

use crate::scan::{Cursor, Scanned};
use crate::value::NameEncoding;

type Text = Option<Vec<u8>>;

pub(super) fn nstring(cursor: &mut Cursor<'_>) -> Scanned<Text> {
    Ok(cursor.nstring("a string or NIL")?.map(Cow::into_owned))
}

fn spaced_nstring(cursor: &mut Cursor<'_>) -> Scanned<Text> {
    cursor.space()?;
    nstring(cursor)
}

/// ```text
/// envelope = "(" env-date SP env-subject SP env-from SP env-sender SP env-reply-to SP env-to SP env-cc SP env-bcc SP
///            env-in-reply-to SP env-message-id ")"
/// ```
pub(super) fn scan(cursor: &mut Cursor<'_>) -> Scanned<Envelope> {
    cursor.expect(b'(', "an envelope")?;
    let envelope = Envelope {
        date: nstring(cursor)?,
        subject: spaced_nstring(cursor)?,
        from: scan_addresses(cursor)?,
        sender: scan_addresses(cursor)?,
        reply_to: scan_addresses(cursor)?,
        to: scan_addresses(cursor)?,
        cc: scan_addresses(cursor)?,
        bcc: scan_addresses(cursor)?,
        in_reply_to: spaced_nstring(cursor)?,
        message_id: spaced_nstring(cursor)?,
    };
    cursor.expect(b')', "the envelope's end")?;
    Ok(envelope)
}

/// Whose addresses are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addressed {
    /// `From`
    From,
    /// `To`
    To,
    /// `Cc`
    Cc,
}

/// The first address of a field of an ENVELOPE as it is written, without reading more of it than that takes. None where
/// there is none, and where that is no envelope.
pub fn first_address(envelope: &[u8], of: Addressed) -> Option<Address> {
    let mut cursor = Cursor::from_server(envelope, NameEncoding::Utf8);
    first_of(&mut cursor, of).ok()?
}

/// The subject of an ENVELOPE as it is written, encoded words and all, without reading more of it than that takes. None
/// where there is none, and where that is no envelope.
pub fn subject(envelope: &[u8]) -> Option<Cow<'_, [u8]>> {
    let mut cursor = Cursor::from_server(envelope, NameEncoding::Utf8);
    subject_of(&mut cursor).ok()?
}

fn subject_of<'a>(cursor: &mut Cursor<'a>) -> Scanned<Option<Cow<'a, [u8]>>> {
    cursor.expect(b'(', "an envelope")?;
    cursor.nstring("a date or NIL")?;
    cursor.space()?;
    cursor.nstring("a subject or NIL")
}

fn first_of(cursor: &mut Cursor<'_>, of: Addressed) -> Scanned<Option<Address>> {
    const WHAT: &str = "a string or NIL";
    cursor.expect(b'(', "an envelope")?;
    cursor.nstring(WHAT)?;
    cursor.space()?;
    cursor.nstring(WHAT)?;
    // From, Sender, Reply-To, To, Cc.
    let before = match of {
        Addressed::From => 0,
        Addressed::To => 3,
        Addressed::Cc => 4,
    };
    for _ in 0..before {
        cursor.space()?;
        if cursor.eat_nil() {
            continue;
        }
        cursor.expect(b'(', "addresses")?;
        while cursor.eat(b'(') {
            cursor.nstring(WHAT)?;
            for _ in 0..3 {
                cursor.space()?;
                cursor.nstring(WHAT)?;
            }
            cursor.expect(b')', "the address's end")?;
        }
        cursor.expect(b')', "the addresses' end")?;
    }
    cursor.space()?;
    if cursor.eat_word(b"((") { scan_address(cursor).map(Some) } else { Ok(None) }
}

/// ```text
/// address = "(" addr-name SP addr-adl SP addr-mailbox SP addr-host ")"
/// ```
/// Its bracket was read.
fn scan_address(cursor: &mut Cursor<'_>) -> Scanned<Address> {
    let address = Address {
        name: nstring(cursor)?,
        route: spaced_nstring(cursor)?,
        mailbox: spaced_nstring(cursor)?,
        host: spaced_nstring(cursor)?,
    };
    cursor.expect(b')', "the address's end")?;
    Ok(address)
}

/// ```text
/// env-from = "(" 1*address ")" / nil
/// ```
fn scan_addresses(cursor: &mut Cursor<'_>) -> Scanned<Vec<Address>> {
    cursor.space()?;
    if cursor.eat_nil() {
        return Ok(Vec::new());
    }
    cursor.expect(b'(', "addresses")?;
    let mut addresses = Vec::new();
    while cursor.eat(b'(') {
        addresses.push(scan_address(cursor)?);
        // Some servers put a space between two.
        cursor.eat(b' ');
    }
    cursor.expect(b')', "the addresses' end")?;
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_addresses() {
        let header =
            b"Subject: \"(\" x\nFrom: A <a@b>, c@d\nTo: =?utf-8?q?=C3=84?= <e@f>\nCc: g:;\n";
        let envelope = Envelope::of(header);
        let mut written = Vec::new();
        crate::encode::envelope(&envelope, &mut written);
        let first = |of| first_address(&written, of);
        assert_eq!(first(Addressed::From).as_ref(), envelope.from.first());
        assert_eq!(first(Addressed::To).as_ref(), envelope.to.first());
        assert_eq!(first(Addressed::Cc).as_ref(), envelope.cc.first());
        assert_eq!(subject(&written).as_deref(), envelope.subject.as_deref());
        written.clear();
        crate::encode::envelope(&Envelope::default(), &mut written);
        assert_eq!(subject(&written), None);
        assert_eq!(subject(b"(NIL"), None);
        assert_eq!(first_address(&written, Addressed::To), None);
        assert_eq!(first_address(b"(\"", Addressed::From), None);
    }
}
