//! The parameters of MAIL and RCPT (RFC 5321 §4.1.1.11): their keywords and their values.

use crate::command::CommandError;
use crate::envelope::{Notify, Wanted};
use crate::limits;

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

/// `addr-type ";" xtext` (RFC 3461 §4.2); 500 octets at most.
pub(super) fn parse_orcpt(value: &str) -> Option<String> {
    let (kind, address) =
        value.split_once(';').filter(|_| value.len() <= limits::ORCPT_OCTETS_MAX)?;
    let atom = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    if kind.is_empty() || !kind.bytes().all(atom) || address.is_empty() {
        return None;
    }
    Some(format!("{kind};{}", decode_xtext(address)?))
}

/// Decodes `xtext = *( xchar / hexchar )` (RFC 3461 §4). What it means must be printable ASCII there
/// (UTF-8 by RFC 6533 §3): a control character would be a field of our spool or a header of a bounce.
pub(super) fn decode_xtext(text: &str) -> Option<String> {
    let mut meaning = Vec::with_capacity(text.len());
    let mut octets = text.bytes();
    while let Some(octet) = octets.next() {
        meaning.push(match octet {
            b'+' => hex_digit(octets.next()?)? << 4 | hex_digit(octets.next()?)?,
            b'=' | b' ' => return None,
            b'!'..=b'~' | 0x80.. => octet,
            _ => return None,
        });
    }
    let meaning = String::from_utf8(meaning).ok()?;
    let inert = |c: char| !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}');
    meaning.chars().all(inert).then_some(meaning)
}

/// RFC 3461 §4 wants upper case; lower case is let pass.
fn hex_digit(octet: u8) -> Option<u8> {
    char::from(octet).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
