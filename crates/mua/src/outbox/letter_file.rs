//! The file of a letter that was left: `postroad letter 1`, a line of JSON with envelope, length and notes, then the
//! content. What a version doesn't know of the line it ignores.

use bytes::Bytes;
use postroad_protocol::address::{Address, ReversePath};
use postroad_protocol::envelope::{Body, Envelope, Notify, Recipient, Ret, Utf8, Wanted};
use serde::{Deserialize, Serialize};

use crate::drafts::DraftId;

/// The first line of each file: the format and its version.
pub(super) const MAGIC: &[u8] = b"postroad letter 1\n";

/// What is to be done with a letter beside sending it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Notes {
    /// The Maildir++ folder that gets a copy, once a server has taken the letter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy: Option<String>,
    /// The draft that it was made of, which goes once the letter can't be taken back any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draft: Option<DraftId>,
}

/// A letter that was left.
#[derive(Debug, Clone, PartialEq)]
pub struct Left {
    /// Sender and recipients.
    pub envelope: Envelope,
    /// Header and body.
    pub content: Bytes,
    /// What is to be done beside sending it.
    pub notes: Notes,
}

impl Left {
    /// Whether it is somebody's letter that was sent on as it is: no draft is to be made of it.
    pub fn is_resent(&self) -> bool {
        self.content.starts_with(b"Resent-Date:")
    }
}

/// What the file of a letter holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// The letter.
    Letter(Left),
    /// Something that no version of ours wrote, or that the disk damaged: kept, and said.
    Unreadable(&'static str),
}

/// The envelope as the file has it. Of its own, so that the file's format changes only on purpose.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    /// Empty for the null reverse-path.
    from: String,
    to: Vec<String>,
    octets: usize,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    eight_bit: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    utf8: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ret: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    envid: Option<String>,
    /// NOTIFY= of all recipients: `never`, or some of `success,failure,delay`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    notify: Option<String>,
    #[serde(flatten)]
    notes: Notes,
}

pub(super) fn encode_head(envelope: &Envelope, octets: usize, notes: &Notes) -> Vec<u8> {
    let head = Head {
        from: envelope.reverse_path.to_string(),
        to: envelope.recipients.iter().map(|recipient| recipient.address.to_string()).collect(),
        octets,
        eight_bit: envelope.body == Body::EightBitMime,
        utf8: envelope.utf8 == Utf8::SmtpUtf8,
        ret: envelope.ret.map(|ret| match ret {
            Ret::Full => "full".to_owned(),
            Ret::Headers => "headers".to_owned(),
        }),
        envid: envelope.envid.clone(),
        notify: envelope.recipients.first().and_then(|recipient| encode_notify(recipient.notify)),
        notes: notes.clone(),
    };
    // Strings and numbers: there is nothing in it that JSON can't say.
    let mut line = serde_json::to_vec(&head).unwrap_or_default();
    line.push(b'\n');
    line
}

/// The notes of a letter, from the beginning of its file; none where it can't be read.
pub(super) fn decode_notes(octets: &[u8]) -> Option<Notes> {
    let rest = octets.strip_prefix(MAGIC)?;
    let end = rest.iter().position(|b| *b == b'\n')?;
    serde_json::from_slice::<Head>(rest.get(..end)?).ok().map(|head| head.notes)
}

fn encode_notify(notify: Notify) -> Option<String> {
    match notify {
        Notify::Unsaid => None,
        Notify::Never => Some("never".to_owned()),
        Notify::On { success, failure, delay } => {
            let named = [(success, "success"), (failure, "failure"), (delay, "delay")];
            let words =
                named.iter().filter(|(wanted, _)| *wanted == Wanted::Yes).map(|(_, word)| *word);
            Some(words.collect::<Vec<_>>().join(","))
        }
    }
}

/// Reads `never` or a list of `success`, `failure`, `delay`, in any case: as in the file, and as
/// `sendmail -N` has it.
pub(crate) fn decode_notify(text: &str) -> Option<Notify> {
    if text.eq_ignore_ascii_case("never") {
        return Some(Notify::Never);
    }
    let (mut success, mut failure, mut delay) = (Wanted::No, Wanted::No, Wanted::No);
    for word in text.split(',') {
        match word.trim().to_ascii_lowercase().as_str() {
            "success" => success = Wanted::Yes,
            "failure" => failure = Wanted::Yes,
            "delay" => delay = Wanted::Yes,
            _ => return None,
        }
    }
    Some(Notify::On { success, failure, delay })
}

pub(super) fn decode(octets: Bytes) -> Found {
    let Some(rest) = octets.strip_prefix(MAGIC) else {
        return Found::Unreadable("it is no letter of this version");
    };
    let Some(end) = rest.iter().position(|b| *b == b'\n') else {
        return Found::Unreadable("its envelope is cut off");
    };
    let head = rest.get(..end).and_then(|line| serde_json::from_slice::<Head>(line).ok());
    let decoded = head.and_then(|head| decode_envelope(&head).map(|envelope| (head, envelope)));
    let Some((head, envelope)) = decoded else {
        return Found::Unreadable("its envelope is damaged");
    };
    let content = octets.slice(MAGIC.len() + end + 1..);
    if content.len() != head.octets {
        return Found::Unreadable("its content is cut off");
    }
    Found::Letter(Left { envelope, content, notes: head.notes })
}

fn decode_envelope(head: &Head) -> Option<Envelope> {
    let notify = match &head.notify {
        Some(text) => decode_notify(text)?,
        None => Notify::Unsaid,
    };
    let recipient =
        |text: &String| Some(Recipient { notify, ..Recipient::new(Address::parse(text).ok()?) });
    let recipients: Option<Vec<Recipient>> = head.to.iter().map(recipient).collect();
    let mut envelope = Envelope::new(ReversePath::parse(&head.from).ok()?, recipients?);
    envelope.body = if head.eight_bit { Body::EightBitMime } else { Body::SevenBit };
    envelope.utf8 = if head.utf8 { Utf8::SmtpUtf8 } else { Utf8::Ascii };
    envelope.ret = match head.ret.as_deref() {
        None => None,
        Some("full") => Some(Ret::Full),
        Some("headers") => Some(Ret::Headers),
        Some(_) => return None,
    };
    envelope.envid.clone_from(&head.envid);
    Some(envelope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notify_lists() {
        for (text, good) in [
            ("never", true),
            ("SUCCESS,failure", true),
            ("delay", true),
            ("", false),
            ("never,delay", false),
            ("x", false),
        ] {
            let notify = decode_notify(text);
            assert_eq!(notify.is_some(), good, "{text}");
            if let Some(notify) = notify {
                assert_eq!(decode_notify(&encode_notify(notify).unwrap()), Some(notify));
            }
        }
    }

    #[test]
    fn a_head_of_an_older_or_a_newer_version_is_read() {
        for (line, copy) in [
            (r#"{"from":"a@x.example","to":["b@x.example"],"octets":1}"#, None),
            (
                r#"{"from":"","to":["b@x.example"],"octets":1,"copy":"Sent","colour":7}"#,
                Some("Sent"),
            ),
        ] {
            let file = [MAGIC, line.as_bytes(), b"\nx"].concat();
            let Found::Letter(left) = decode(file.into()) else { panic!("{line}") };
            assert_eq!(left.notes.copy.as_deref(), copy);
        }
    }
}
