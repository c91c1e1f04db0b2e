//! Modified UTF-7 (RFC 3501 §5.1.3): how names with letters beyond ASCII were written before UTF-8 was allowed.
//!
//! Each text has one form only: whatever isn't written as we would write it is refused, so that two names on the wire
//! are never one mailbox.

use std::fmt::Write as _;

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

fn is_direct(char: char) -> bool {
    matches!(char, ' '..='~')
}

/// Writes a text.
pub(crate) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(char) = rest.chars().next() {
        if is_direct(char) {
            out.push(char);
            if char == '&' {
                out.push('-');
            }
            rest = rest.get(char.len_utf8()..).unwrap_or_default();
        } else {
            let end = rest.find(is_direct).unwrap_or(rest.len());
            let (shifted, tail) = rest.split_at(end);
            encode_shifted(shifted, &mut out);
            rest = tail;
        }
    }
    out
}

fn encode_shifted(text: &str, out: &mut String) {
    out.push('&');
    let (mut bits, mut held) = (0_u32, 0);
    for unit in text.encode_utf16() {
        bits = bits << 16 | u32::from(unit);
        held += 16;
        while held >= 6 {
            held -= 6;
            push_digit(bits >> held, out);
        }
        bits &= (1 << held) - 1;
    }
    if held > 0 {
        push_digit(bits << (6 - held), out);
    }
    let _infallible = out.write_char('-');
}

fn push_digit(bits: u32, out: &mut String) {
    if let Some(&digit) = DIGITS.get(bits as usize & 63) {
        out.push(char::from(digit));
    }
}

/// Reads a text; none where it isn't written as [`encode`] writes it.
pub(crate) fn decode(wire: &str) -> Option<String> {
    if !wire.contains('&') {
        return wire.chars().all(is_direct).then(|| wire.to_owned());
    }
    let mut text = String::with_capacity(wire.len());
    let mut rest = wire;
    while let Some((direct, tail)) = rest.split_once('&') {
        text.push_str(direct);
        let (shifted, tail) = tail.split_once('-')?;
        match shifted {
            "" => text.push('&'),
            _ => decode_shifted(shifted, &mut text)?,
        }
        rest = tail;
    }
    text.push_str(rest);
    (encode(&text) == wire).then_some(text)
}

fn decode_shifted(shifted: &str, text: &mut String) -> Option<()> {
    let (mut bits, mut held) = (0_u32, 0);
    let mut units = Vec::with_capacity(shifted.len());
    for octet in shifted.bytes() {
        let digit = match octet {
            b'A'..=b'Z' => octet - b'A',
            b'a'..=b'z' => octet - b'a' + 26,
            b'0'..=b'9' => octet - b'0' + 52,
            b'+' => 62,
            b',' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(digit);
        held += 6;
        if held >= 16 {
            held -= 16;
            units.push((bits >> held) as u16);
            bits &= (1 << held) - 1;
        }
    }
    for char in char::decode_utf16(units) {
        text.push(char.ok()?);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways() {
        for (text, wire) in [
            ("INBOX", "INBOX"),
            ("a & b", "a &- b"),
            ("Entwürfe", "Entw&APw-rfe"),
            // RFC 3501 §5.1.3.
            ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("😀", "&2D3eAA-"),
            ("☺!", "&Jjo-!"),
        ] {
            assert_eq!(encode(text), wire);
            assert_eq!(decode(wire).as_deref(), Some(text));
        }
    }

    #[test]
    fn i06_bad_modified_utf7() {
        for wire in [
            "&",
            "&A",
            "&Jjo",
            "&Jjo!",
            "&U,BTFw-&ZeVnLIqe-",
            "&AC8-",
            "&2D0-",
            "&3gA-",
            "&AGE-",
            "a\u{fc}",
            "&APx-",
            "&AP-",
            "&A-",
            "&=-",
            "a\tb",
        ] {
            assert_eq!(decode(wire), None, "{wire}");
        }
    }
}
