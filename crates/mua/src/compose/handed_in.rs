//! A whole message on standard input, as callers of `sendmail` hand it in.
//!
//! It leaves as it came, but for: line ends become CRLF, a `From ` line on top is dropped, `Bcc` is
//! removed (RFC 5322 §3.6.3), and `From`, `Date` and `Message-ID` are added where they are missing.
//! A text without a header gets one. Addresses in the header are read only where `-t` asks for it.

use mail_builder::headers::address::Address as BuilderAddress;
use postroad_protocol::address::{Address, Domain, ReversePath};
use postroad_protocol::envelope::{Body, Envelope, Notify, Recipient, Ret, Utf8};

use super::address_list::AddressList;
use super::field::{FieldText, Mailbox, MessageId};
use super::{ComposeError, Letter, check_bounds, date_now, to_crlf};

/// How a message is handed in.
#[derive(Debug, Clone)]
pub struct Instructions {
    /// Who sends it.
    pub sender: ReversePath,
    /// The author, for a message that names none.
    pub author: Mailbox,
    /// Those on the command line.
    pub recipients: Vec<Address>,
    /// Whether the header names more of them.
    pub header_recipients: HeaderRecipients,
    /// `-N`
    pub notify: Notify,
    /// `-R`
    pub ret: Option<Ret>,
    /// `-V`
    pub envid: Option<String>,
}

/// Whether recipients are taken from the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderRecipients {
    /// Only those on the command line get it.
    Ignored,
    /// `-t`: those of To, Cc and Bcc get it too; of the `Resent-` fields where there are any.
    Taken,
}

/// One header field: its lines as they came, in CRLF.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Field<'a> {
    /// Name, colon, value, folded lines, the last CRLF.
    lines: &'a [u8],
    name: &'a [u8],
    value: &'a [u8],
}

impl Field<'_> {
    fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// Makes a letter of what came in.
///
/// # Errors
/// Where nobody is to get it, an address of `-t` is none, or it is too large.
pub fn into_letter(input: &[u8], instructions: Instructions) -> Result<Letter, ComposeError> {
    let message = to_crlf(without_mbox_line(input));
    let (fields, body) = split(&message);
    let domain = &instructions.author.address.domain;
    let mut recipients = instructions.recipients;
    if instructions.header_recipients == HeaderRecipients::Taken {
        recipients.extend(header_recipients(&fields, domain)?);
    }
    let recipients = unique(recipients, instructions.notify);
    let has = |name: &str| fields.iter().any(|field| field.is(name));
    let known_id = fields.iter().find(|field| field.is("Message-ID"));
    let known_id =
        known_id.and_then(|field| MessageId::parse(std::str::from_utf8(field.value).ok()?));
    let mut content = Vec::with_capacity(message.len() + 256);
    let message_id = match known_id {
        Some(id) => id,
        None => {
            let id = MessageId::random(&instructions.author.address)?;
            content.extend_from_slice(format!("Message-ID: <{id}>\r\n").as_bytes());
            id
        }
    };
    if !has("Date") {
        content.extend_from_slice(format!("Date: {}\r\n", date_now()).as_bytes());
    }
    if !has("From") {
        let author = std::slice::from_ref(&instructions.author);
        content.extend_from_slice(address_field("From", author).as_bytes());
    }
    for field in &fields {
        // A Message-ID that is none was replaced: nothing could refer to it.
        let replaced = field.is("Message-ID")
            && !field
                .lines
                .windows(message_id.as_str().len())
                .any(|window| window == message_id.as_str().as_bytes());
        if !field.is("Bcc") && !field.is("Resent-Bcc") && !replaced {
            content.extend_from_slice(field.lines);
        }
    }
    content.extend_from_slice(b"\r\n");
    content.extend_from_slice(body);
    check_bounds(recipients.len(), content.len())?;
    let mut envelope = Envelope::new(instructions.sender, recipients);
    envelope.ret = instructions.ret;
    envelope.envid = instructions.envid;
    envelope.body = if content.is_ascii() { Body::SevenBit } else { Body::EightBitMime };
    envelope.utf8 = utf8(&envelope, &content);
    Ok(Letter { envelope, message_id, content })
}

/// SMTPUTF8 where an address or the header needs it (RFC 6531 §3.4).
fn utf8(envelope: &Envelope, content: &[u8]) -> Utf8 {
    let header = content.get(..crate::render::header_end(content)).unwrap_or(content);
    let sender = envelope.reverse_path.address();
    let mut addresses =
        envelope.recipients.iter().map(|recipient| &recipient.address).chain(sender);
    match addresses.all(Address::is_ascii)
        && (header.is_ascii() || std::str::from_utf8(header).is_err())
    {
        true => Utf8::Ascii,
        false => Utf8::SmtpUtf8,
    }
}

/// mbox writers put `From sender date` on top; it is no field.
pub(super) fn without_mbox_line(input: &[u8]) -> &[u8] {
    match input.strip_prefix(b"From ").or_else(|| input.strip_prefix(b">From ")) {
        Some(rest) => match rest.iter().position(|b| *b == b'\n') {
            Some(end) => rest.get(end + 1..).unwrap_or_default(),
            None => b"",
        },
        None => input,
    }
}

/// The fields, and what stands behind them. The first line that is no field starts the body, as every
/// `sendmail` has it: `echo text | sendmail root` has no header at all.
fn split(message: &[u8]) -> (Vec<Field<'_>>, &[u8]) {
    let mut fields = Vec::new();
    let mut rest = message;
    loop {
        if let Some(body) = rest.strip_prefix(b"\r\n") {
            return (fields, body);
        }
        let Some((field, tail)) = take_field(rest) else { return (fields, rest) };
        fields.push(field);
        rest = tail;
    }
}

/// `field-name ":" unstructured CRLF`, folded lines with it (RFC 5322 §2.2).
fn take_field(rest: &[u8]) -> Option<(Field<'_>, &[u8])> {
    let colon = rest.iter().position(|b| *b == b':')?;
    let name = rest.get(..colon)?.trim_ascii_end();
    if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
        return None;
    }
    let mut end = 0;
    loop {
        let line = rest.get(end..)?;
        end += match line.windows(2).position(|window| window == b"\r\n") {
            Some(length) => length + 2,
            None => line.len(),
        };
        // Only a line that starts with white space goes on.
        if !matches!(rest.get(end), Some(b' ' | b'\t')) {
            break;
        }
    }
    let (lines, tail) = rest.split_at_checked(end)?;
    Some((Field { lines, name, value: lines.get(colon + 1..)?.trim_ascii() }, tail))
}

fn header_recipients(fields: &[Field<'_>], domain: &Domain) -> Result<Vec<Address>, ComposeError> {
    // RFC 5322 §3.6.6: a resent message goes to those it is resent to.
    let resent = ["Resent-To", "Resent-Cc", "Resent-Bcc"];
    let is_resent = |field: &&Field<'_>| resent.iter().any(|name| field.is(name));
    let names = match fields.iter().find(is_resent) {
        Some(_) => resent,
        None => ["To", "Cc", "Bcc"],
    };
    let mut recipients = Vec::new();
    for field in fields.iter().filter(|field| names.iter().any(|name| field.is(name))) {
        let value = String::from_utf8_lossy(field.value).replace("\r\n", "");
        let list = AddressList::parse(&value, Some(domain))?;
        recipients.extend(list.0.into_iter().map(|mailbox| mailbox.address));
    }
    Ok(recipients)
}

fn unique(addresses: Vec<Address>, notify: Notify) -> Vec<Recipient> {
    let mut seen = std::collections::HashSet::new();
    addresses
        .into_iter()
        .filter(|address| seen.insert(address.clone()))
        .map(|address| Recipient { notify, ..Recipient::new(address) })
        .collect()
}

/// `From: Alice <a@b.example>`; names are encoded where they must be. It ends in CRLF.
pub(super) fn address_field(name: &str, mailboxes: &[Mailbox]) -> String {
    use mail_builder::headers::Header as _;
    let one = |mailbox: &Mailbox| {
        let name = mailbox.name.clone().map(|name: FieldText| name.as_str().to_owned());
        BuilderAddress::new_address(name, mailbox.address.to_string())
    };
    let address = match mailboxes {
        [mailbox] => one(mailbox),
        mailboxes => BuilderAddress::new_list(mailboxes.iter().map(one).collect()),
    };
    let mut field = format!("{name}: ").into_bytes();
    let column = field.len();
    address.write_header(&mut field, column);
    String::from_utf8_lossy(&field).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn instructions(header_recipients: HeaderRecipients, recipients: &[&str]) -> Instructions {
        let author = Address::parse("root@our.example").unwrap();
        Instructions {
            sender: ReversePath::Address(author.clone()),
            author: Mailbox::new(Some("Cron Daemon"), author),
            recipients: recipients.iter().map(|text| Address::parse(text).unwrap()).collect(),
            header_recipients,
            notify: Notify::default(),
            ret: None,
            envid: None,
        }
    }

    fn to(letter: &Letter) -> Vec<String> {
        letter.envelope.recipients.iter().map(|recipient| recipient.address.to_string()).collect()
    }

    #[test]
    fn t_takes_recipients_from_the_header_and_removes_bcc() {
        let input = b"To: a@x.example, root\nCc: A <a@x.example>\nBCC : b@x.example,\n c@x.example\nSubject: s\n\nbody\n";
        let letter =
            into_letter(input, instructions(HeaderRecipients::Taken, &["d@x.example"])).unwrap();
        assert_eq!(
            to(&letter),
            ["d@x.example", "a@x.example", "root@our.example", "b@x.example", "c@x.example"]
        );
        let content = String::from_utf8(letter.content).unwrap();
        assert!(
            !content.to_lowercase().contains("bcc") && !content.contains("c@x.example,"),
            "{content}"
        );
        assert!(
            content.ends_with("Cc: A <a@x.example>\r\nSubject: s\r\n\r\nbody\r\n"),
            "{content}"
        );
        assert!(
            content.contains("From: \"Cron Daemon\" <root@our.example>\r\n")
                || content.contains("From: Cron Daemon <root@our.example>\r\n"),
            "{content}"
        );
    }

    #[test]
    fn a_resent_message_goes_to_those_it_is_resent_to() {
        let input = b"Resent-To: r@x.example\nResent-Bcc: s@x.example\nTo: a@x.example\n\n";
        let letter = into_letter(input, instructions(HeaderRecipients::Taken, &[])).unwrap();
        assert_eq!(to(&letter), ["r@x.example", "s@x.example"]);
    }

    #[test]
    fn the_header_names_nobody_unless_asked() {
        let input = b"To: a@x.example\nBcc: b@x.example\n\n";
        let letter =
            into_letter(input, instructions(HeaderRecipients::Ignored, &["d@x.example"])).unwrap();
        assert_eq!(to(&letter), ["d@x.example"]);
        let nobody = into_letter(input, instructions(HeaderRecipients::Ignored, &[]));
        assert!(matches!(nobody, Err(ComposeError::NoRecipients)));
    }

    #[test]
    fn text_without_a_header_is_a_body() {
        for input in ["hello world: text\n", "hello\n", "", "\nhello\n", " folded: from nothing\n"]
        {
            let letter = into_letter(
                input.as_bytes(),
                instructions(HeaderRecipients::Ignored, &["a@x.example"]),
            )
            .unwrap();
            let content = String::from_utf8(letter.content).unwrap();
            let (_, body) = content.split_once("\r\n\r\n").unwrap();
            assert_eq!(body, input.trim_start_matches('\n').replace('\n', "\r\n"), "{input:?}");
        }
    }

    #[test]
    fn ids_and_dates_that_are_there_stay() {
        let input = b"From old@x Mon Jan  1\nMessage-Id: <own@x.example>\nDate: Mon, 1 Jan 2024 00:00:00 +0000\nFrom: a@x.example\n\n";
        let letter =
            into_letter(input, instructions(HeaderRecipients::Ignored, &["a@x.example"])).unwrap();
        assert_eq!(letter.message_id.as_str(), "own@x.example");
        let content = String::from_utf8(letter.content).unwrap();
        assert!(content.starts_with("Message-Id: <own@x.example>\r\nDate: Mon"), "{content}");
    }

    #[test]
    fn u14_an_address_of_t_that_is_none_is_named() {
        let error =
            into_letter(b"To: a b c\n\n", instructions(HeaderRecipients::Taken, &[])).unwrap_err();
        assert!(error.to_string().contains("\"a b c\" is not an address"), "{error}");
    }

    proptest! {
        #[test]
        fn nothing_handed_in_panics_and_no_bcc_gets_out(
            input in "((Bcc|To|bcC |Subject|X)(:| )[ -~]{0,20}(\n|\r\n|\r|\n )){0,6}(\n)?[ -~\r\n]{0,40}"
        ) {
            let letter = into_letter(input.as_bytes(), instructions(HeaderRecipients::Ignored, &["a@x.example"])).unwrap();
            let header = &letter.content[..crate::render::header_end(&letter.content)];
            let text = String::from_utf8_lossy(header).to_lowercase();
            prop_assert!(!text.lines().any(|line| line.starts_with("bcc") && line[3..].trim_start().starts_with(':')), "{}", text);
            prop_assert_eq!(String::from_utf8_lossy(&letter.content).replace("\r\n", "").matches(['\r', '\n']).count(), 0);
        }
    }
}
