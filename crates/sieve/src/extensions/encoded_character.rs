//! `encoded-character`: octets and characters by their number (RFC 5228 §2.4.2.4).
//!
//! ```text
//! "${hex:" hex-pair-seq "}"         octets, one or two digits each
//! "${unicode:" unicode-hex-seq "}"  characters, in UTF-8
//! ```
//! What doesn't match that grammar stays as it is.

use std::borrow::Cow;

use crate::check::Extension;

pub(super) const EXTENSION: Extension = Extension::named("encoded-character");

/// Replaces what is encoded.
///
/// # Errors
/// A character number that isn't one, in an otherwise right sequence.
pub(crate) fn decode(octets: &[u8]) -> Result<Cow<'_, [u8]>, String> {
    if memchr::memmem::find(octets, b"${").is_none() {
        return Ok(Cow::Borrowed(octets));
    }
    let mut decoded = Vec::with_capacity(octets.len());
    let mut rest = octets;
    while let Some(start) = memchr::memmem::find(rest, b"${") {
        let (before, sequence) = rest.split_at(start);
        decoded.extend_from_slice(before);
        match sequence_at(sequence)? {
            Some((octets, length)) => {
                decoded.extend(octets);
                rest = sequence.get(length..).unwrap_or_default();
            }
            None => {
                decoded.extend_from_slice(b"${");
                rest = sequence.get(2..).unwrap_or_default();
            }
        }
    }
    decoded.extend_from_slice(rest);
    Ok(Cow::Owned(decoded))
}

/// What the sequence that begins with `${` stands for, and how long it is.
fn sequence_at(text: &[u8]) -> Result<Option<(Vec<u8>, usize)>, String> {
    let inner = text.get(2..).unwrap_or_default();
    let is_hex = named(inner, b"hex:");
    let digits = match (is_hex, named(inner, b"unicode:")) {
        (true, _) => inner.get(b"hex:".len()..),
        (false, true) => inner.get(b"unicode:".len()..),
        (false, false) => None,
    };
    let digits = digits.unwrap_or_default();
    let is_blank = |octet: &u8| matches!(octet, b' ' | b'\t' | b'\r' | b'\n');
    // No further than digits go: a script of many beginnings is read once, and not once for each.
    let length =
        digits.iter().take_while(|octet| octet.is_ascii_hexdigit() || is_blank(octet)).count();
    let (numbers, behind) = digits.split_at(length);
    if behind.first() != Some(&b'}') {
        return Ok(None);
    }
    let end = text.len() - behind.len();
    let numbers: Vec<&[u8]> = numbers.split(is_blank).filter(|number| !number.is_empty()).collect();
    if numbers.is_empty() || is_hex && numbers.iter().any(|number| number.len() > 2) {
        return Ok(None);
    }
    let mut decoded = Vec::new();
    for number in numbers {
        let digits = String::from_utf8_lossy(number);
        // Leading zeros may be many.
        let digits = digits.trim_start_matches('0');
        let value = match digits {
            "" => Some(0),
            digits => u32::from_str_radix(digits, 16).ok(),
        };
        let octet = value.and_then(|value| u8::try_from(value).ok()).filter(|_| is_hex);
        match (octet, value.and_then(char::from_u32)) {
            (Some(octet), _) => decoded.push(octet),
            (None, Some(character)) => {
                decoded.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            (None, None) => return Err(format!("there is no character number {digits} (hex)")),
        }
    }
    Ok(Some((decoded, end + 1)))
}

/// In any case (RFC 5228 §2.4.2.4).
fn named(text: &[u8], name: &[u8]) -> bool {
    text.get(..name.len()).is_some_and(|beginning| beginning.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // Row M10: each of these was read to the end of the script.
    fn m10_many_beginnings() {
        for beginning in ["${", "${hex:", "${hex:1 ", "${x:"] {
            let many = beginning.repeat(250_000);
            for text in [many.clone(), format!("{many}}}")] {
                assert!(decode(text.as_bytes()).is_ok());
            }
        }
    }

    #[test] // Tests RFC 5228 §2.4.2.4.
    fn examples_of_the_standard() {
        for (text, expected) in [
            ("$${hex:40}", Ok("$@")),
            ("${hex: 40 }", Ok("@")),
            ("${HEX: 40}", Ok("@")),
            ("${hex:40", Ok("${hex:40")),
            ("${hex:400}", Ok("${hex:400}")),
            ("${hex:4${hex:30}}", Ok("${hex:40}")),
            ("${unicode:40}", Ok("@")),
            ("${ unicode:40}", Ok("${ unicode:40}")),
            ("${UNICODE:40}", Ok("@")),
            ("${UnICoDE:0000040}", Ok("@")),
            ("${Unicode:40}", Ok("@")),
            ("${Unicode:Cool}", Ok("${Unicode:Cool}")),
            ("${unicode:200000}", Err(())),
            ("${Unicode:DF01}", Err(())),
            ("$${hex:24 24}", Ok("$$$")),
            ("${hex:\r\n40\t40}", Ok("@@")),
            ("${hex:}", Ok("${hex:}")),
            ("${unicode:}", Ok("${unicode:}")),
            ("${unicode:e9 20ac}", Ok("é€")),
            ("${unicode:FFFFFFFFFF}", Err(())),
            ("${hex:0}", Ok("\0")),
        ] {
            let got = decode(text.as_bytes());
            let expected = expected.map(|expected| expected.as_bytes().to_vec());
            assert_eq!(got.map(Cow::into_owned).map_err(|_| ()), expected, "{text}");
        }
        assert_eq!(decode(b"${hex:ff fe}").as_deref(), Ok(&b"\xff\xfe"[..]));
    }
}
