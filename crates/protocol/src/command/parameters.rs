//! The parameters of MAIL and RCPT (RFC 5321 §4.1.1.11): their keywords and their values.

use crate::command::CommandError;
use crate::envelope::{Notify, Wanted};
use crate::limits;
use crate::xtext;

/// `esmtp-param = esmtp-keyword ["=" esmtp-value]` (RFC 5321 §4.1.2).
pub(super) fn parameters_of(text: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    text.split([' ', '\t']).filter(|word| !word.is_empty()).map(|word| match word.split_once('=') {
        Some((key, value)) => (key, Some(value)),
        None => (word, None),
    })
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Key {
    Size,
    Body,
    SmtpUtf8,
    Ret,
    Envid,
    Auth,
    Notify,
    Orcpt,
}

const KEYS: [(&str, Key); 8] = [
    ("SIZE", Key::Size),
    ("BODY", Key::Body),
    ("SMTPUTF8", Key::SmtpUtf8),
    ("RET", Key::Ret),
    ("ENVID", Key::Envid),
    ("AUTH", Key::Auth),
    ("NOTIFY", Key::Notify),
    ("ORCPT", Key::Orcpt),
];

/// Which parameters were there already: RFC 5321 §4.1.1.11 allows each once.
#[derive(Default)]
pub(super) struct Seen([bool; KEYS.len()]);

impl Seen {
    pub(super) fn once(&mut self, word: &str) -> Result<Key, CommandError> {
        let known =
            KEYS.iter().zip(&mut self.0).find(|((name, _), _)| word.eq_ignore_ascii_case(name));
        let ((name, key), seen) = known.ok_or(CommandError::Parameter)?;
        match std::mem::replace(seen, true) {
            true => Err(CommandError::Value(name)),
            false => Ok(*key),
        }
    }
}

/// `size-value = 1*20DIGIT` (RFC 1870 §6); what `u64` can't hold is larger than any limit of ours.
pub(super) fn parse_size(value: Option<&str>) -> Option<u64> {
    let digits = value.filter(|v| (1..=20).contains(&v.len()))?;
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().unwrap_or(u64::MAX))
}

/// `"NEVER" / 1#("SUCCESS" / "FAILURE" / "DELAY")` (RFC 3461 §4.1).
pub(super) fn parse_notify(value: &str) -> Option<Notify> {
    if value.eq_ignore_ascii_case("NEVER") {
        return Some(Notify::Never);
    }
    let (mut success, mut failure, mut delay) = (Wanted::No, Wanted::No, Wanted::No);
    for word in value.split(',') {
        let wanted = match word {
            _ if word.eq_ignore_ascii_case("SUCCESS") => &mut success,
            _ if word.eq_ignore_ascii_case("FAILURE") => &mut failure,
            _ if word.eq_ignore_ascii_case("DELAY") => &mut delay,
            _ => return None,
        };
        *wanted = Wanted::Yes;
    }
    Some(Notify::On { success, failure, delay })
}

/// `addr-type ";" xtext` (RFC 3461 §4.2); 500 octets at most. The type utf-8 has an encoding of its own on top
/// (RFC 6533 §3).
pub(super) fn parse_orcpt(value: &str) -> Option<String> {
    let (kind, address) =
        value.split_once(';').filter(|_| value.len() <= limits::ORCPT_OCTETS_MAX)?;
    let atom = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    if kind.is_empty() || !kind.bytes().all(atom) || address.is_empty() {
        return None;
    }
    let address = match kind.eq_ignore_ascii_case("utf-8") {
        true => xtext::decode_unitext(&xtext::decode(address)?)?,
        false => xtext::decode(address)?,
    };
    Some(format!("{kind};{address}"))
}

/// `1*xtext` (RFC 3461 §4.4; RFC 5321 §4.1.2 has no empty values); 100 octets at most, before decoding.
pub(super) fn parse_envid(value: &str) -> Option<String> {
    let fits = (1..=limits::ENVID_OCTETS_MAX).contains(&value.len());
    xtext::decode(value).filter(|_| fits)
}
