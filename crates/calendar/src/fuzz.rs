//! A calendar that says anything, for fuzzing: no panic, words that end, and an answer that is read as one.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::answer::Answer;
use crate::{Invitation, Method, limits};

/// Reads it, tells it, answers it.
pub fn invitation(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Some(invitation) = Invitation::read(text) else { return };
    let lines = invitation.words(&TimeZone::UTC, "us@our.example", &["a@b.example"]);
    let most = (limits::EVENTS_MAX + 1) * 20;
    assert!(lines.len() < most, "a page without an end");
    let now = Timestamp::UNIX_EPOCH;
    for how in [Answer::Accept, Answer::Decline, Answer::Tentative] {
        let Ok(reply) = invitation.answer("us@our.example", Some("Us"), how, now) else { return };
        assert!(!reply.to.chars().any(char::is_whitespace) || reply.to.contains(' '));
        let read = Invitation::read(&reply.text);
        assert!(read.is_none_or(|read| read.method == Method::Reply), "an answer that is none");
    }
}
