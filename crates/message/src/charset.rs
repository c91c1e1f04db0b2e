//! Octets in a charset as text.

use std::borrow::Cow;

use mail_parser::decoders::charsets::map::charset_decoder;

/// Octets as text: always something, with replacement marks where they aren't what they claim to be, or where nobody
/// knows the charset (row A20).
pub(crate) fn to_text<'t>(octets: &'t [u8], charset: Option<&[u8]>) -> Cow<'t, str> {
    let charset = charset.map(<[u8]>::trim_ascii).unwrap_or_default();
    let is = |name: &[u8]| charset.eq_ignore_ascii_case(name);
    // Where none is named it may be UTF-8 as well as US-ASCII (RFC 6532 §3).
    let is_utf8 = charset.is_empty() || is(b"utf-8") || is(b"utf8") || is(b"us-ascii");
    if !is_utf8 && let Some(decode) = charset_decoder(charset) {
        return Cow::Owned(decode(octets));
    }
    String::from_utf8_lossy(octets)
}

/// RFC 2152 §"Use in headers": UTF-7 is not for headers, where it would hide what filters look for (row A20).
pub(crate) fn is_for_headers(charset: &[u8]) -> bool {
    let is_utf7 = |prefix: &[u8]| {
        charset.get(..prefix.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(prefix))
    };
    !is_utf7(b"utf-7") && !is_utf7(b"utf_7") && !is_utf7(b"unicode-1-1-utf-7")
}

/// Whether ASCII octets are certainly ASCII characters in a charset: not so where some of them switch to others.
pub(crate) fn has_ascii(charset: &[u8]) -> bool {
    let is = |name: &[u8]| charset.eq_ignore_ascii_case(name);
    let begins = |prefix: &[u8]| {
        charset.get(..prefix.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(prefix))
    };
    is(b"us-ascii") || is(b"utf-8") || begins(b"iso-8859-") || begins(b"windows-125")
}
