//! What an enhanced status means for a person, and what a person can do about it (RFC 3463 §3, RFC 7505 §4,
//! RFC 6531 §6, RFC 7372; IANA's registry of them).

use crate::reply::Reply;

/// Two sentences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reason {
    /// What is the matter.
    pub(super) happened: &'static str,
    /// What the sender can do.
    pub(super) advice: &'static str,
}

/// The advice where time ran out, whatever the matter was.
pub(super) const GIVEN_UP: &str =
    "Please reach the recipient by another way, and send the message again when it works.";

const ASK: &str = "Please read the other side's words, and show them to your postmaster.";
const SMALLER: &str = "Please send less at once, or a link to the file.";
const ASCII: &str = "Please use an address and a subject of plain English letters, or another way.";
const OTHER_WAY: &str = "Please reach the recipient by another way.";

/// `(subject, detail, what is the matter, what to do)`; the first row that fits counts, and a detail of
/// [`ANY`] always does.
type Row = (u16, u16, &'static str, &'static str);

const ANY: u16 = u16::MAX;

const REASONS: &[Row] = &[
    (
        1,
        1,
        "There is no such mailbox.",
        "Please check the part before the @ for a typing error, then send it again.",
    ),
    (
        1,
        2,
        "There is no such domain, or it takes no mail.",
        "Please check the part behind the @ for a typing error, then send it again.",
    ),
    (
        1,
        3,
        "The address is not written as an address must be.",
        "Please check it for a typing error, then send it again.",
    ),
    (1, 4, "The address fits more than one mailbox.", "Please ask the recipient for a longer one."),
    (
        1,
        6,
        "The mailbox has moved, and left no new address.",
        "Please ask the recipient for it by another way.",
    ),
    (1, 7, "Your own address is not accepted there.", ASK),
    (1, 8, "Your own domain is not accepted there.", ASK),
    (1, 9, "The other side can't take the message as it is.", ASK),
    (
        1,
        10,
        "That domain takes no mail at all.",
        "Please check the part behind the @ for a typing error, then send it again.",
    ),
    (
        1,
        ANY,
        "The address is not accepted.",
        "Please check it for a typing error, then send it again.",
    ),
    (2, 1, "The mailbox is closed.", OTHER_WAY),
    (2, 2, "The mailbox is full.", "Please ask the recipient by another way to make room."),
    (2, 3, "The message is too large for that mailbox.", SMALLER),
    (2, 4, "The mailing list does not work at the moment.", "Please write to the list's owner."),
    (2, ANY, "The mailbox can't take the message.", OTHER_WAY),
    (3, 1, "The recipient's mail system has no room left.", OTHER_WAY),
    (3, 2, "The recipient's mail system takes no mail at the moment.", OTHER_WAY),
    (3, 3, "The recipient's mail system lacks something that the message needs.", ASK),
    (3, 4, "The message is too large for the recipient's mail system.", SMALLER),
    (3, 5, "A mail system on the way is not set up as it should be.", ASK),
    (3, ANY, "A mail system on the way has trouble of its own.", ASK),
    (4, 1, "The recipient's mail system does not answer.", OTHER_WAY),
    (4, 2, "The connection to the recipient's mail system breaks off.", OTHER_WAY),
    (4, 3, "Where the recipient's mail goes can't be looked up at the moment.", OTHER_WAY),
    (
        4,
        4,
        "There is no way to the recipient's mail system.",
        "Please check the part behind the @ for a typing error, then send it again.",
    ),
    (4, 5, "The recipient's mail system is too busy.", OTHER_WAY),
    (
        4,
        6,
        "The mail goes round in a circle.",
        "Please tell the recipient or the recipient's postmaster.",
    ),
    (4, 7, "Time ran out before it could be delivered.", GIVEN_UP),
    (4, ANY, "The recipient's mail system can't be reached.", OTHER_WAY),
    (5, 3, "It has too many recipients at once.", "Please send it in several parts."),
    (5, 6, "The recipient's mail system does not take the message in this form.", ASK),
    (5, ANY, "The two mail systems did not understand each other.", ASK),
    (6, 1, "The recipient's mail system does not take this kind of content.", ASK),
    (
        6,
        3,
        "The message would have to be converted on the way, and can't be.",
        "Please send it as plain text, without special characters.",
    ),
    (6, 7, "The recipient's side can't take addresses that have special letters.", ASCII),
    (6, 8, "The recipient's side can't take addresses that have special letters.", ASCII),
    (6, 9, "The recipient's side can't take headers that have special letters.", ASCII),
    (6, 10, "The recipient's side can't take headers that have special letters.", ASCII),
    (6, ANY, "The recipient's mail system does not take the message's content.", ASK),
    (
        7,
        1,
        "The recipient's side does not take this message from you.",
        "Please read its words: they may say why.",
    ),
    (
        7,
        2,
        "You may not write to this list.",
        "Please ask the list's owner, or write from the address that is its member.",
    ),
    (7, 8, "A password between two mail systems is wrong.", ASK),
    (
        7,
        ANY,
        "The recipient's side refuses the message by its rules.",
        "Please read its words: they may say why.",
    ),
];

/// What the reply means.
pub(super) fn of(reply: &Reply) -> Reason {
    let status = reply.status_or_class();
    let row = REASONS.iter().find(|(subject, detail, ..)| {
        *subject == status.subject() && (*detail == status.detail() || *detail == ANY)
    });
    match row {
        Some((_, _, happened, advice)) => Reason { happened, advice },
        None => without_status(reply.code().value()),
    }
}

/// An old server's reply has its code alone (RFC 5321 §4.2.2).
fn without_status(code: u16) -> Reason {
    let (happened, advice) = match code {
        450 => ("The mailbox can't be used at the moment.", OTHER_WAY),
        421 => ("The recipient's mail system takes no mail at the moment.", OTHER_WAY),
        452 => ("The recipient's mail system has no room left.", OTHER_WAY),
        400..500 => ("The recipient's mail system put it off.", OTHER_WAY),
        551 => ("The mailbox is not there.", "Please ask the recipient for the right address."),
        552 => ("The mailbox is full, or the message is too large.", SMALLER),
        553 => (
            "The address is not accepted.",
            "Please check it for a typing error, then send it again.",
        ),
        550 => (
            "The recipient's mail system refuses it: mostly because there is no such mailbox.",
            "Please check the address for a typing error, and read the other side's words.",
        ),
        _ => ("The recipient's mail system refuses it.", ASK),
    };
    Reason { happened, advice }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_row_that_fits_counts() {
        for (code, status, happened) in [
            (550, (5, 1, 1), "There is no such mailbox."),
            (450, (4, 2, 2), "The mailbox is full."),
            (550, (5, 1, 99), "The address is not accepted."),
            (554, (5, 7, 26), "The recipient's side refuses the message by its rules."),
            (552, (5, 0, 0), "The mailbox is full, or the message is too large."),
            (554, (5, 9, 9), "The recipient's mail system refuses it."),
        ] {
            assert_eq!(of(&Reply::new(code, status, "")).happened, happened, "{status:?}");
        }
        let unlike = Reply::from_parts(
            crate::reply::ReplyCode::of(421),
            crate::reply::EnhancedStatus::parse("5.1.1"),
            "",
        );
        assert_eq!(
            of(&unlike).happened,
            "The recipient's mail system takes no mail at the moment."
        );
    }

    #[test]
    fn what_stands_behind_any_is_never_found() {
        for (index, (subject, detail, ..)) in REASONS.iter().enumerate() {
            let hidden = REASONS[..index]
                .iter()
                .any(|(s, d, ..)| s == subject && (*d == ANY || d == detail));
            assert!(!hidden, "{subject}.{detail}");
        }
    }
}
