//! What submission does to a message (RFC 6409 §6, §8): From and Sender belong to the user, Date and
//! Message-ID are there, Bcc is not.

use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

use mail_parser::{Address as ParsedAddress, MessageParser};
use postroad_accounts::{Directory, UserName};
use postroad_protocol::address::{Address, ReversePath};
use postroad_protocol::encoded_words;
use postroad_protocol::header;
use postroad_protocol::limits;
use postroad_protocol::reply::Reply;
use postroad_protocol::trace_fields::date;
use postroad_queue::QueueId;

/// Whose message it is.
pub(crate) struct Submission {
    pub(crate) owner: Owner,
    pub(crate) hostname: Arc<str>,
    pub(crate) at: SystemTime,
}

/// Who submits.
pub(crate) enum Owner {
    /// A user who has logged in; sends as nobody else.
    User(UserName, Arc<Directory>),
    /// A process of this host; its system knows it, we take its word.
    Local(ReversePath),
}

/// What is to change.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Fixes {
    /// Fields to add on top.
    added: Vec<u8>,
    /// Parts of the content to leave out, in order.
    removed: Vec<Range<usize>>,
    /// The Message-ID that was added.
    pub(crate) message_id: Option<String>,
}

impl Submission {
    /// Judges the header of `content` and says what is to change.
    pub(crate) fn fix(&self, content: &[u8], id: QueueId) -> Result<Fixes, Reply> {
        let mut fixes = Fixes::default();
        let (mut from, mut sender) = (0, 0);
        let (mut has_date, mut has_id, mut has_travelled) = (false, false, false);
        let mut at = 0;
        for field in header::fields(content) {
            let end = at + field.raw.len();
            if field.is("From") {
                from += 1;
            } else if field.is("Sender") {
                sender += 1;
            } else if field.is("Date") {
                has_date = true;
            } else if field.is("Message-ID") {
                has_id = true;
            } else if field.is("Received") {
                has_travelled = true;
            } else if field.is("Bcc") || field.is("Resent-Bcc") {
                // RFC 5322 §3.6.3: blind copies stay blind.
                fixes.removed.push(at..end);
            }
            at = end;
        }
        // RFC 5321 §3.9.1: a letter that somebody's rules send on is not submitted but goes on, as it came. Who
        // claims so and lies gains nothing: a process of this host may send whatever it likes.
        if has_travelled && matches!(self.owner, Owner::Local(_)) {
            return Ok(Fixes::default());
        }
        // RFC 5322 §3.6: each at most once. Two of them are shown differently by different readers.
        if from > 1 || sender > 1 {
            return Err(Reply::new(550, (5, 6, 0), "The header has more than one From or Sender"));
        }
        match &self.owner {
            Owner::User(..) if from == 0 => {
                return Err(Reply::new(550, (5, 6, 0), "The header has no From"));
            }
            Owner::User(user, directory) => judge_authors(content, user, directory)?,
            Owner::Local(ReversePath::Address(address)) if from == 0 => {
                fixes.added.extend(format!("From: <{address}>\r\n").bytes());
            }
            Owner::Local(_) => {}
        }
        // RFC 6409 §8.2, §8.3
        if !has_date {
            fixes.added.extend(format!("Date: {}\r\n", date(self.at)).bytes());
        }
        if !has_id {
            let message_id = format!("{id}@{}", self.hostname);
            fixes.added.extend(format!("Message-ID: <{message_id}>\r\n").bytes());
            fixes.message_id = Some(message_id);
        }
        Ok(fixes)
    }
}

/// RFC 6409 §6.1: who is named in From and Sender is the user.
fn judge_authors(content: &[u8], user: &UserName, directory: &Directory) -> Result<(), Reply> {
    let (header, _) = header::split(content);
    // Row M10. An address that has something hidden in it is none.
    let header = encoded_words::bounded(header);
    let parser = MessageParser::new().header_address("From").header_address("Sender");
    let message = parser.parse_headers(&*header).unwrap_or_default();
    let authors = message.from().map(addresses).unwrap_or_default();
    let senders = message.sender().map(addresses).unwrap_or_default();
    if authors.is_empty() {
        return Err(Reply::new(550, (5, 6, 0), "From names nobody"));
    }
    for (address, shown) in authors.into_iter().chain(senders) {
        if !address.is_some_and(|address| directory.owns(user, &address)) {
            return Err(Reply::new(
                550,
                (5, 7, 1),
                format!("\"{shown}\" is not an address of yours"),
            ));
        }
    }
    Ok(())
}

/// The addresses of a field, each with the text that it was read from, as far as an address may go; `None` where it
/// is none.
fn addresses(field: &ParsedAddress<'_>) -> Vec<(Option<Address>, String)> {
    field
        .iter()
        .map(|mailbox| {
            let text = mailbox.address().unwrap_or_default();
            // RFC 5321 §4.5.3.1.3, and §4.5.3.1.5 for the reply that it is in.
            let shown = text.get(..text.floor_char_boundary(limits::PATH_OCTETS_MAX));
            (Address::parse(text).ok(), shown.unwrap_or_default().to_owned())
        })
        .collect()
}

impl Fixes {
    /// The buffer (our own field, then the content) with the changes made.
    pub(crate) fn apply(&self, buffer: &[u8], received: usize) -> Vec<u8> {
        let (own, content) = buffer.split_at_checked(received).unwrap_or((&[], buffer));
        let mut out = Vec::with_capacity(buffer.len() + self.added.len());
        out.extend_from_slice(own);
        out.extend_from_slice(&self.added);
        let mut from = 0;
        for range in &self.removed {
            out.extend_from_slice(content.get(from..range.start).unwrap_or_default());
            from = range.end;
        }
        out.extend_from_slice(content.get(from..).unwrap_or_default());
        out
    }
}
