//! Text inside the value of a parameter: xtext (RFC 3461 §4) and unitext (RFC 6533 §3).
//!
//! ```text
//! xtext               = *( xchar / hexchar )      ; hexchar = "+" 2(HEXDIG), an octet
//! utf-8-addr-unitext  = 1*( QUCHAR / "\x{" HEXPOINT "}" )
//! utf-8-addr-xtext    = 1*( QCHAR  / "\x{" HEXPOINT "}" )
//! ```
//! Decoding gives what is meant, and it is never a control character: that would be a line of its own in a
//! notice. Encoding what was decoded gives a text that decodes to the same.

use std::fmt::Write as _;

use crate::envelope::Utf8;

/// What an xtext means; `None` where it is none, or means octets that are no text.
pub(crate) fn decode(text: &str) -> Option<String> {
    let mut meaning = Vec::with_capacity(text.len());
    let mut octets = text.bytes();
    while let Some(octet) = octets.next() {
        meaning.push(match octet {
            b'+' => hex_digit(octets.next()?)? << 4 | hex_digit(octets.next()?)?,
            b'=' | b' ' => return None,
            // RFC 6531 §3.4: beside SMTPUTF8, values may hold UTF-8 as it is.
            b'!'..=b'~' | 0x80.. => octet,
            _ => return None,
        });
    }
    String::from_utf8(meaning).ok().filter(|meaning| is_inert(meaning))
}

/// Writes xtext. What is beyond ASCII goes octet by octet, which is how old servers wrote it.
pub(crate) fn write(text: &str, out: &mut String) {
    for octet in text.bytes() {
        // Writing into a String can't fail.
        let _ = match octet {
            b'+' | b'=' => write!(out, "+{octet:02X}"),
            b'!'..=b'~' => write!(out, "{}", char::from(octet)),
            _ => write!(out, "+{octet:02X}"),
        };
    }
}

/// What an address of the type utf-8 means, in whichever of its three forms it came; `None` where that would be
/// a control character. What looks like an embedded character and is none means itself (RFC 6533 §3: it is
/// copied without alteration).
pub(crate) fn decode_unitext(text: &str) -> Option<String> {
    let mut meaning = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\\x{") {
        let (before, embedded) = rest.split_at(at);
        meaning.push_str(before);
        match embedded_character(embedded) {
            Some((character, behind)) => {
                meaning.push(character);
                rest = behind;
            }
            None => {
                meaning.push('\\');
                rest = embedded.get(1..).unwrap_or_default();
            }
        }
    }
    meaning.push_str(rest);
    is_inert(&meaning).then_some(meaning)
}

/// `"\x{" HEXPOINT "}"` at the beginning of `text`, and what stands behind it.
fn embedded_character(text: &str) -> Option<(char, &str)> {
    let (digits, behind) = text.strip_prefix("\\x{")?.split_once('}')?;
    let is_hex = (2..=6).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let number = u32::from_str_radix(digits, 16).ok().filter(|_| is_hex)?;
    char::from_u32(number).map(|character| (character, behind))
}

/// Writes an address of the type utf-8: as unitext to who knows SMTPUTF8, else as utf-8-addr-xtext.
pub(crate) fn write_unitext(text: &str, utf8: Utf8, out: &mut String) {
    for character in text.chars() {
        // Writing into a String can't fail.
        let _ = match (character, utf8) {
            ('+' | '=' | '\\', _) => write!(out, "\\x{{{:02X}}}", u32::from(character)),
            ('!'..='~', _) => write!(out, "{character}"),
            ('\u{80}'.., Utf8::SmtpUtf8) => write!(out, "{character}"),
            _ => write!(out, "\\x{{{:02X}}}", u32::from(character)),
        };
    }
}

/// No control character, and none that some programs take for a line end.
fn is_inert(text: &str) -> bool {
    !text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'))
}

/// RFC 3461 §4 wants upper case; lower case is let pass.
fn hex_digit(octet: u8) -> Option<u8> {
    char::from(octet).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn xtext(text: &str) -> String {
        let mut out = String::new();
        write(text, &mut out);
        out
    }

    fn unitext(text: &str, utf8: Utf8) -> String {
        let mut out = String::new();
        write_unitext(text, utf8, &mut out);
        out
    }

    #[test] // Tests RFC 3461 §4.
    fn xtext_both_ways() {
        for (meaning, written) in [
            ("", ""),
            ("a+b=c d", "a+2Bb+3Dc+20d"),
            ("\"a\\\"b\"@c", "\"a\\\"b\"@c"),
            ("j\u{fc}rgen", "j+C3+BCrgen"),
        ] {
            assert_eq!(xtext(meaning), written);
            assert_eq!(decode(written).as_deref(), Some(meaning));
        }
        assert_eq!(decode("j\u{fc}+c3+bc").as_deref(), Some("j\u{fc}\u{fc}"));
        for text in ["+", "+0", "+0A", "+7F", "+C2+85", "+ff", "a b", "a=b", "+E2+80+A8", "\t"] {
            assert_eq!(decode(text), None, "{text:?}");
        }
    }

    #[test] // Tests RFC 6533 §3.
    fn unitext_both_ways() {
        for (meaning, xtext, native) in [
            ("j\u{fc}rgen@c.example", "j\\x{FC}rgen@c.example", "j\u{fc}rgen@c.example"),
            ("a+b=c d\\", "a\\x{2B}b\\x{3D}c\\x{20}d\\x{5C}", "a\\x{2B}b\\x{3D}c\\x{20}d\\x{5C}"),
            ("\u{1f4e7}@c", "\\x{1F4E7}@c", "\u{1f4e7}@c"),
        ] {
            assert_eq!(unitext(meaning, Utf8::Ascii), xtext);
            assert_eq!(unitext(meaning, Utf8::SmtpUtf8), native);
            assert_eq!(decode_unitext(xtext).as_deref(), Some(meaning));
            assert_eq!(decode_unitext(native).as_deref(), Some(meaning));
        }
        for copied in ["\\x{", "\\x{}", "\\x{zz}", "\\x{D800}", "\\x{110000}", "\\x{F}", "a\\b"] {
            assert_eq!(decode_unitext(copied).as_deref(), Some(copied));
        }
        for refused in ["\\x{0A}", "\\x{0D}\\x{0A}Bcc:", "\\x{85}", "\\x{2028}"] {
            assert_eq!(decode_unitext(refused), None, "{refused}");
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded_to_the_same(text in "\\PC{0,40}") {
            prop_assume!(is_inert(&text));
            prop_assert_eq!(decode(&xtext(&text)), Some(text.clone()));
            for utf8 in [Utf8::Ascii, Utf8::SmtpUtf8] {
                let written = unitext(&text, utf8);
                prop_assert!(utf8 == Utf8::SmtpUtf8 || written.is_ascii());
                prop_assert!(!written.contains([' ', '=', '+']));
                // A server takes the xtext off first; there is none in it.
                prop_assert_eq!(decode(&written), Some(written.clone()));
                prop_assert_eq!(decode_unitext(&written), Some(text.clone()));
            }
        }

        #[test]
        fn no_text_makes_a_control_character(text in "[+\\\\x{}0-9A-Fa-f\u{80}-\u{a0}]{0,40}") {
            for meaning in [decode(&text), decode_unitext(&text)].into_iter().flatten() {
                prop_assert!(!meaning.chars().any(char::is_control));
            }
        }
    }
}
