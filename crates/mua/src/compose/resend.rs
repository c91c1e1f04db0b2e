//! A letter that is sent on as it is: Resent- fields in front of it (RFC 5322 §3.6.6), and nothing else changed, so that
//! its signatures go on to hold.

use postroad_protocol::address::ReversePath;
use postroad_protocol::envelope::{Body, Envelope, Recipient, Utf8};
use postroad_protocol::header;

use super::handed_in::{address_field, without_mbox_line};
use super::{ComposeError, Letter, Mailbox, MessageId, check_bounds, date_now, to_crlf};

/// Fields that don't go on: the first is for those who had it in secret, the second is written where a letter is
/// delivered (RFC 5321 §4.4).
const LEFT_OUT: [&str; 2] = ["Bcc", "Return-Path"];

/// Makes the letter that goes to `to`.
///
/// # Errors
/// Where nobody is to get it, or it is too large.
pub fn resend(raw: &[u8], us: &Mailbox, to: &[Mailbox]) -> Result<Letter, ComposeError> {
    let message_id = MessageId::random(&us.address)?;
    let recipients: Vec<Recipient> =
        to.iter().map(|mailbox| Recipient::new(mailbox.address.clone())).collect();
    let message = to_crlf(without_mbox_line(raw));
    let (fields, body) = message.split_at(crate::render::header_end(&message));
    // RFC 5322 §3.6.6: each time a message is resent the block of fields goes in front of all that are there.
    let mut content = format!(
        "Resent-Date: {}\r\n{}{}Resent-Message-ID: <{message_id}>\r\n",
        date_now(),
        address_field("Resent-From", std::slice::from_ref(us)),
        address_field("Resent-To", to),
    )
    .into_bytes();
    for field in header::fields(fields) {
        if !LEFT_OUT.iter().any(|name| field.is(name)) {
            content.extend_from_slice(field.raw);
        }
    }
    content.extend_from_slice(b"\r\n");
    content.extend_from_slice(body);
    check_bounds(recipients.len(), content.len())?;
    let mut envelope = Envelope::new(ReversePath::Address(us.address.clone()), recipients);
    envelope.body = if content.is_ascii() { Body::SevenBit } else { Body::EightBitMime };
    let addresses = to.iter().chain([us]).all(|mailbox| mailbox.address.is_ascii());
    let is_ascii = addresses && (fields.is_ascii() || std::str::from_utf8(fields).is_err());
    envelope.utf8 = if is_ascii { Utf8::Ascii } else { Utf8::SmtpUtf8 };
    Ok(Letter { envelope, message_id, content })
}

#[cfg(test)]
mod tests {
    use postroad_protocol::address::Address;

    use super::*;

    fn mailbox(name: Option<&str>, address: &str) -> Mailbox {
        Mailbox::new(name, Address::parse(address).unwrap())
    }

    #[test] // Tests RFC 5322 §3.6.6.
    fn a_letter_goes_on_as_it_is_with_fields_in_front() {
        let raw = b"From root Mon Nov 30 00:00:00 2026\nReturn-Path: <x@x.example>\nResent-To: us@our.example\n\
            DKIM-Signature: v=1;\n b=x\nFrom: a@x.example\nTo: us@our.example\nBcc: v@x.example\n\
            Subject: s\n\nbody\n";
        let us = mailbox(Some("J\u{fc}rgen"), "us@our.example");
        let to = [mailbox(None, "b@x.example"), mailbox(Some("C, D"), "c@x.example")];
        let letter = resend(raw, &us, &to).unwrap();
        let content = String::from_utf8(letter.content).unwrap();
        let (front, rest) = content.split_once("Resent-Message-ID: ").unwrap();
        assert!(front.starts_with("Resent-Date: "), "{front}");
        assert!(front.contains("\r\nResent-From: =?utf-8?"), "{front}");
        assert!(
            front
                .replace("\r\n\t", " ")
                .contains("Resent-To: <b@x.example>, \"C, D\" <c@x.example>"),
            "{front}"
        );
        let (id, rest) = rest.split_once("\r\n").unwrap();
        assert_eq!(id, format!("<{}>", letter.message_id));
        assert_eq!(
            rest,
            "Resent-To: us@our.example\r\nDKIM-Signature: v=1;\r\n b=x\r\nFrom: a@x.example\r\n\
             To: us@our.example\r\nSubject: s\r\n\r\nbody\r\n"
        );
        let recipients = letter.envelope.recipients.iter().map(|to| to.address.to_string());
        assert_eq!(recipients.collect::<Vec<_>>(), ["b@x.example", "c@x.example"]);
        assert_eq!(letter.envelope.reverse_path.to_string(), "us@our.example");
        assert!(matches!(resend(raw, &us, &[]), Err(ComposeError::NoRecipients)));
    }
}
