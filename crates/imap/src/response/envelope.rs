//! Reading ENVELOPE (RFC 9051 §7.5.2); writing it is in [`crate::encode`].

use std::borrow::Cow;

use postroad_message::{Address, Envelope};

use crate::scan::{Cursor, Scanned};

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
        addresses.push(Address {
            name: nstring(cursor)?,
            route: spaced_nstring(cursor)?,
            mailbox: spaced_nstring(cursor)?,
            host: spaced_nstring(cursor)?,
        });
        cursor.expect(b')', "the address's end")?;
        // Some servers put a space between two.
        cursor.eat(b' ');
    }
    cursor.expect(b')', "the addresses' end")?;
    Ok(addresses)
}
