//! Bodies as they are meant: transfer encoding and charset undone (RFC 2045 §6, RFC 5173 §5.2).

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use mail_parser::decoders::charsets::map::charset_decoder;
use postroad_protocol::header;

/// RFC 2045 §6: 7bit, 8bit and binary stand for themselves, as does what nobody knows.
pub(super) fn decode_transfer<'m>(header: &[u8], body: &'m [u8]) -> Cow<'m, [u8]> {
    match transfer_encoding(header).as_slice() {
        b"base64" => Cow::Owned(base64(body)),
        b"quoted-printable" => Cow::Owned(quoted_printable(body)),
        _ => Cow::Borrowed(body),
    }
}

fn transfer_encoding(header: &[u8]) -> Vec<u8> {
    let field = header::find(header, "Content-Transfer-Encoding");
    field.map(|field| field.value().to_ascii_lowercase()).unwrap_or_default()
}

/// Whether the encoding is one we know, and the body is in it.
pub(super) fn is_transfer_encoded(header: &[u8], body: &[u8]) -> bool {
    match transfer_encoding(header).as_slice() {
        b"" | b"7bit" | b"8bit" | b"binary" => true,
        b"base64" => base64_digits(body).len() % 4 != 1,
        b"quoted-printable" => is_quoted_printable(body),
        _ => false,
    }
}

/// RFC 2045 §6.7: behind each "=" are two digits or the end of the line.
fn is_quoted_printable(body: &[u8]) -> bool {
    memchr::memchr_iter(b'=', body).all(|at| match body.get(at + 1..).unwrap_or_default() {
        [high, low, ..] if high.is_ascii_hexdigit() => low.is_ascii_hexdigit(),
        behind => {
            let end = memchr::memchr(b'\n', behind).unwrap_or(behind.len());
            behind.get(..end).unwrap_or_default().trim_ascii().is_empty()
        }
    })
}

/// RFC 2045 §6.8: characters that have no place there are skipped.
fn base64(body: &[u8]) -> Vec<u8> {
    const ENGINE: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::RequireNone)
            .with_decode_allow_trailing_bits(true),
    );
    let mut digits = base64_digits(body);
    // One digit alone is less than an octet.
    if digits.len() % 4 == 1 {
        digits.pop();
    }
    ENGINE.decode(&digits).unwrap_or_default()
}

fn base64_digits(body: &[u8]) -> Vec<u8> {
    let is_digit = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'/');
    body.iter().take_while(|octet| **octet != b'=').copied().filter(is_digit).collect()
}

/// RFC 2045 §6.7; what isn't it stays as it is.
fn quoted_printable(body: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(body.len());
    for line in body.split_inclusive(|octet| *octet == b'\n') {
        let text = line.trim_ascii_end();
        let (text, line_end) = match text.strip_suffix(b"=") {
            Some(text) => (text, &b""[..]),
            None if line.ends_with(b"\r\n") => (text, &b"\r\n"[..]),
            None if line.ends_with(b"\n") => (text, &b"\n"[..]),
            None => (line, &b""[..]),
        };
        let mut rest = text;
        while let [octet, behind @ ..] = rest {
            let hex = |digit: &u8| char::from(*digit).to_digit(16);
            let pair = match rest {
                [b'=', high, low, ..] => hex(high).zip(hex(low)),
                _ => None,
            };
            match pair.and_then(|(high, low)| u8::try_from(high * 16 + low).ok()) {
                Some(octet) => {
                    decoded.push(octet);
                    rest = rest.get(3..).unwrap_or_default();
                }
                None => {
                    decoded.push(*octet);
                    rest = behind;
                }
            }
        }
        decoded.extend_from_slice(line_end);
    }
    decoded
}

/// RFC 5173 §5.2: text we can't convert is taken as it is.
pub(super) fn to_utf8<'m>(text: Cow<'m, [u8]>, charset: Option<&str>) -> Cow<'m, [u8]> {
    let charset = charset.unwrap_or("us-ascii");
    let is_utf8 = ["utf-8", "utf8"].iter().any(|name| charset.eq_ignore_ascii_case(name));
    if text.is_ascii() && !charset.to_ascii_lowercase().starts_with("utf-") && !is_stateful(charset)
        || is_utf8
    {
        return text;
    }
    match charset_decoder(charset.as_bytes()) {
        Some(decode) => Cow::Owned(decode(&text).into_bytes()),
        None => text,
    }
}

/// As [`to_utf8`]; `None` for a charset that nobody knows, and for text that isn't in it. Where none is named it
/// may be UTF-8 as well as US-ASCII.
pub(super) fn readable(text: Cow<'_, [u8]>, charset: Option<&str>) -> Option<String> {
    let text = text.into_owned();
    match charset {
        Some(charset) if charset.eq_ignore_ascii_case("us-ascii") && !text.is_ascii() => None,
        Some(charset) if !["us-ascii", "utf-8"].contains(&&*charset.to_ascii_lowercase()) => {
            let decoded = charset_decoder(charset.as_bytes())?(&text);
            (!decoded.contains(char::REPLACEMENT_CHARACTER)).then_some(decoded)
        }
        Some(_) | None => String::from_utf8(text).ok(),
    }
}

/// Charsets whose octets look like ASCII and aren't.
fn is_stateful(charset: &str) -> bool {
    let charset = charset.to_ascii_lowercase();
    charset.starts_with("iso-2022") || charset.starts_with("hz")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // Tests RFC 2045 §6.7 and §6.8.
    fn transfer_encodings() {
        for (encoded, expected) in [
            ("a=3Db=\nc\n", "a=bc\n"),
            ("a  \r\n", "a\r\n"),
            ("a=ZZ=", "a=ZZ"),
            ("caf=C3=a9", "café"),
            ("=", ""),
        ] {
            assert_eq!(quoted_printable(encoded.as_bytes()), expected.as_bytes(), "{encoded}");
        }
        for (encoded, expected) in [
            ("aGVs\r\nbG8=\r\n", "hello"),
            ("aGVsbG8", "hello"),
            ("a!G V s", "hel"),
            ("a", ""),
            ("", ""),
        ] {
            assert_eq!(base64(encoded.as_bytes()), expected.as_bytes(), "{encoded}");
        }
    }
}
