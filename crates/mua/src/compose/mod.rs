//! From a draft, or from a message that was handed in whole, to a [`Letter`]: envelope and content.
//!
//! | looking for | it is in |
//! |---|---|
//! | values that can't hold a line break (row A08) | [`field`] |
//! | lists of addresses as people write them (RFC 5322 §3.4) | [`address_list`] |
//! | short names in them | [`aliases`] |
//! | a draft and how MIME is made of it | [`draft`] |
//! | reply and forward | [`answer`] |
//! | the answer to an invitation | [`attend`] |
//! | a letter sent on as it is (RFC 5322 §3.6.6) | [`resend`] |
//! | words that speak of an attachment | [`reminder`] |
//! | whole messages on standard input, as `sendmail` takes them | [`handed_in`] |

use postroad_calendar::answer::NoAnswer;
use postroad_protocol::envelope::Envelope;

pub mod address_list;
pub mod aliases;
pub mod answer;
pub mod attend;
pub mod draft;
pub mod field;
pub mod handed_in;
pub mod media_type;
pub mod reminder;
pub mod resend;

pub use address_list::{AddressList, AddressListError};
pub use aliases::Aliases;
pub use draft::{Attachment, BodyFormat, Draft};
pub use field::{FieldText, Mailbox, MessageId};

/// A letter, ready to leave: content is in CRLF lines and has `From`, `Date` and `Message-ID`.
#[derive(Debug, Clone, PartialEq)]
pub struct Letter {
    /// Who gets it; also those of `Bcc`, who stand nowhere else.
    pub envelope: Envelope,
    /// Its `Message-ID`.
    pub message_id: MessageId,
    /// Header and body.
    pub content: Vec<u8>,
}

/// Why no letter could be made.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// Nobody to send it to.
    #[error("no recipients; name at least one address")]
    NoRecipients,
    /// More than one transaction takes.
    #[error("{count} recipients; {max} are the most for one letter")]
    TooManyRecipients {
        /// How many there are.
        count: usize,
        /// How many there may be.
        max: usize,
    },
    /// Larger than any server takes.
    #[error("the letter has more than {max} octets; send a link, or fewer attachments")]
    TooLarge {
        /// The limit.
        max: u64,
    },
    /// An address nobody can write to.
    #[error(transparent)]
    Address(#[from] AddressListError),
    /// An answer to a list where there is none.
    #[error("{0}")]
    NoList(&'static str),
    /// An answer to an invitation where there is none.
    #[error("{0}")]
    Invitation(#[from] NoAnswer),
    /// A header field that isn't the caller's to set, or is malformed.
    #[error("header {field:?}: {problem}")]
    Field {
        /// What was given.
        field: String,
        /// What is wrong, and what to do.
        problem: &'static str,
    },
    /// An attachment that can't be read.
    #[error("cannot read the attachment {}", path.display())]
    Attachment {
        /// The file.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The system gave no random numbers.
    #[error("cannot make a Message-ID")]
    Random(#[source] std::io::Error),
}

/// Checks what every letter must keep to.
fn check_bounds(recipients: usize, octets: usize) -> Result<(), ComposeError> {
    let max = postroad_protocol::limits::RECIPIENTS_MAX;
    match recipients {
        0 => return Err(ComposeError::NoRecipients),
        count if count > max => return Err(ComposeError::TooManyRecipients { count, max }),
        _ => {}
    }
    if octets as u64 > crate::limits::LETTER_OCTETS_MAX {
        return Err(ComposeError::TooLarge { max: crate::limits::LETTER_OCTETS_MAX });
    }
    Ok(())
}

/// Now, as RFC 5322 §3.3 writes it, in the zone of this host.
fn date_now() -> String {
    let now = jiff::Zoned::now();
    // jiff refuses years beyond 9999; a clock set there has other troubles than this field.
    jiff::fmt::rfc2822::to_string(&now).unwrap_or_else(|_| "Thu, 1 Jan 1970 00:00:00 +0000".into())
}

/// Octets as text: UTF-8, or Latin-1 where they are none. It is what files without a charset mostly are, and no octet of
/// it is lost.
pub(crate) fn as_text(octets: Vec<u8>) -> String {
    String::from_utf8(octets)
        .unwrap_or_else(|error| error.into_bytes().iter().map(|b| char::from(*b)).collect())
}

/// Lines in CRLF. A bare CR is a line break too: the MTA refuses it (row S01), and progress bars in
/// what cron collects are full of it.
fn to_crlf(octets: &[u8]) -> Vec<u8> {
    let mut lines = Vec::with_capacity(octets.len() + octets.len() / 32);
    let mut rest = octets;
    while let Some(at) = rest.iter().position(|b| matches!(b, b'\r' | b'\n')) {
        let (line, tail) = rest.split_at(at);
        lines.extend_from_slice(line);
        lines.extend_from_slice(b"\r\n");
        rest = tail.strip_prefix(b"\r\n").or_else(|| tail.get(1..)).unwrap_or_default();
    }
    lines.extend_from_slice(rest);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_kind_of_line_break_becomes_crlf() {
        for (octets, lines) in [
            ("a\nb", "a\r\nb"),
            ("a\r\nb\r\n", "a\r\nb\r\n"),
            ("a\rb", "a\r\nb"),
            ("a\r\r\nb", "a\r\n\r\nb"),
            ("\n\r", "\r\n\r\n"),
            ("", ""),
        ] {
            assert_eq!(to_crlf(octets.as_bytes()), lines.as_bytes(), "{octets:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bare_cr_or_lf_is_left(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
            let lines = to_crlf(&octets);
            prop_assert!(postroad_bare_breaks(&lines) == 0);
            prop_assert_eq!(to_crlf(&lines), lines);
        }
    }

    /// CRs and LFs that are not part of a CRLF.
    fn postroad_bare_breaks(octets: &[u8]) -> usize {
        let text = octets.iter().map(|b| char::from(*b)).collect::<String>().replace("\r\n", "");
        text.matches(['\r', '\n']).count()
    }
}
