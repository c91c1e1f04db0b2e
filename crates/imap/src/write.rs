//! Writing: strings, numbers and lists (RFC 9051 §9).

use memchr::memchr3;

use crate::scan::is_astring;

/// Whether 8-bit text may stand between quotes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Quoting {
    /// RFC 3501 §4.3: only in literals.
    #[default]
    Ascii,
    /// RFC 6855 §3, RFC 9051 §4.3: UTF-8, once UTF8=ACCEPT or IMAP4rev2 is enabled.
    Utf8,
}

/// A number's digits.
pub(crate) fn number(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [b'0'; 20];
    let mut used = 0;
    for place in digits.iter_mut().rev() {
        *place = b'0' + (number % 10) as u8;
        number /= 10;
        used += 1;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(digits.len() - used..).unwrap_or_default());
}

/// Longer text goes into a literal: nobody promises to read long lines.
pub(crate) const QUOTED_OCTETS_MAX: usize = 1_000;

/// Whether this can stand between quotes.
pub(crate) fn is_quotable(text: &[u8], quoting: Quoting) -> bool {
    text.len() <= QUOTED_OCTETS_MAX
        && memchr3(0, b'\r', b'\n', text).is_none()
        && (text.is_ascii() || (quoting == Quoting::Utf8 && std::str::from_utf8(text).is_ok()))
}

/// `quoted`; the text has to be [quotable](is_quotable).
pub(crate) fn quoted(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    let mut rest = text;
    while let Some(at) = memchr::memchr2(b'"', b'\\', rest) {
        let (head, tail) = rest.split_at(at);
        out.extend_from_slice(head);
        out.push(b'\\');
        let (octet, tail) = tail.split_at(tail.len().min(1));
        out.extend_from_slice(octet);
        rest = tail;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// `literal`, or `literal8` where there is a NUL.
pub(crate) fn literal(out: &mut Vec<u8>, content: &[u8]) {
    if memchr::memchr(0, content).is_some() {
        out.push(b'~');
    }
    literal_head(out, content.len() as u64);
    out.extend_from_slice(content);
}

/// `"{" number64 "}" CRLF`
pub(crate) fn literal_head(out: &mut Vec<u8>, octets: u64) {
    out.push(b'{');
    number(out, octets);
    out.extend_from_slice(b"}\r\n");
}

/// `string`
pub(crate) fn string(out: &mut Vec<u8>, text: &[u8], quoting: Quoting) {
    if is_quotable(text, quoting) { quoted(out, text) } else { literal(out, text) }
}

/// `nstring`
pub(crate) fn nstring(out: &mut Vec<u8>, text: Option<&[u8]>, quoting: Quoting) {
    match text {
        Some(text) => string(out, text, quoting),
        None => out.extend_from_slice(b"NIL"),
    }
}

/// `astring`
pub(crate) fn astring(out: &mut Vec<u8>, text: &[u8], quoting: Quoting) {
    // NIL is an astring too; but readers trip over it.
    if is_astring(text) && !text.eq_ignore_ascii_case(b"NIL") {
        out.extend_from_slice(text);
    } else {
        string(out, text, quoting);
    }
}

/// `"(" item *(SP item) ")"`
pub(crate) fn list<T>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    item: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(b'(');
    joined(out, b' ', items, item);
    out.push(b')');
}

/// Items with a mark between them.
pub(crate) fn joined<T>(
    out: &mut Vec<u8>,
    mark: u8,
    items: impl IntoIterator<Item = T>,
    mut item: impl FnMut(&mut Vec<u8>, T),
) {
    for (index, value) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(mark);
        }
        item(out, value);
    }
}
