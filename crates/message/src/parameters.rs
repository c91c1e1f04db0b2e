//! Values with parameters, as `Content-Type` and `Content-Disposition` have them (RFC 2045 §5.1, RFC 2183), and
//! parameters in pieces (RFC 2231).

use std::borrow::Cow;

use memchr::memchr;

use crate::charset;
use crate::lexical::{Cursor, is_space};
use crate::{limits, transfer};

/// Names and values.
pub(crate) type Parameters = Vec<(Vec<u8>, Vec<u8>)>;

/// `token *(";" parameter)`, and the rest where that isn't all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parameterized {
    pub(crate) value: Vec<u8>,
    pub(crate) subtype: Option<Vec<u8>>,
    pub(crate) parameters: Parameters,
}

impl Parameterized {
    /// With so many parameters at most; they are counted down.
    pub(crate) fn parse(raw_value: &[u8], most: &mut usize) -> Self {
        let mut cursor = Cursor::new(raw_value);
        let value = token(&mut cursor);
        cursor.comments();
        let subtype = cursor.eat(b'/').then(|| token(&mut cursor)).filter(|text| !text.is_empty());
        let mut pieces = Vec::new();
        while pieces.len() < limits::PARAMETERS_MAX.min(*most) && next(&mut cursor) {
            pieces.extend(piece(&mut cursor));
        }
        *most -= pieces.len();
        Self { value, subtype, parameters: joined(pieces) }
    }
}

/// The token that a value begins with (RFC 2045 §5.1), comments left out.
pub(crate) fn token(cursor: &mut Cursor<'_>) -> Vec<u8> {
    cursor.comments();
    let token = cursor.until(|octet| is_space(octet) || b"()<>@,;:\\\"/[]?=".contains(&octet));
    token.iter().copied().filter(|octet| *octet != 0).collect()
}

/// Goes to what follows the next semicolon.
fn next(cursor: &mut Cursor<'_>) -> bool {
    loop {
        match cursor.peek() {
            None => return false,
            Some(b';') => {
                cursor.take(1);
                return true;
            }
            Some(b'(') => {
                cursor.comment();
            }
            Some(b'"') if cursor.quoted().is_some() => {}
            Some(_) => {
                cursor.take(1);
                cursor.until(|octet| matches!(octet, b';' | b'(' | b'"'));
            }
        }
    }
}

/// One parameter as it was written, or a piece of one.
struct Piece<'a> {
    name: &'a [u8],
    /// RFC 2231 §3: its number, where it is one of several.
    number: Option<u32>,
    form: Form,
    value: Cow<'a, [u8]>,
}

/// RFC 2231 §4: whether there may be octets in hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Plain,
    Extended,
}

/// `attribute "=" value`; `None` for what isn't that.
fn piece<'a>(cursor: &mut Cursor<'a>) -> Option<Piece<'a>> {
    cursor.comments();
    let name = cursor.until(|octet| is_space(octet) || matches!(octet, b'=' | b';' | b'(' | b'"'));
    cursor.comments();
    if name.is_empty() || name.contains(&0) || !cursor.eat(b'=') {
        return None;
    }
    cursor.comments();
    let value = match cursor.quoted() {
        Some(says) => says,
        // A value that should have been quoted goes up to the semicolon, spaces and all; many mailers write such.
        None => plain_value(cursor.until(|octet| octet == b';')),
    };
    let (name, form) = match name.strip_suffix(b"*") {
        Some(name) => (name, Form::Extended),
        None => (name, Form::Plain),
    };
    // RFC 2231 §7: `section = "*" ("0" / 1*DIGIT)`.
    let numbered = memchr(b'*', name).and_then(|at| {
        let number = std::str::from_utf8(name.get(at + 1..)?).ok()?;
        let is_number = number.bytes().all(|octet| octet.is_ascii_digit());
        Some((name.get(..at)?, number.parse().ok().filter(|_| is_number)?))
    });
    let (name, number) = numbered.map_or((name, None), |(name, number)| (name, Some(number)));
    Some(Piece { name, number, form, value })
}

/// Without what stands behind it: white space, a comment.
fn plain_value(text: &[u8]) -> Cow<'_, [u8]> {
    let text = match memchr(b'(', text) {
        Some(at) if text.get(..at).is_some_and(|before| before.ends_with(b" ")) => {
            text.get(..at).unwrap_or(text)
        }
        _ => text,
    };
    crate::lexical::unfold(text)
}

/// RFC 2231 §3: pieces become one value, in the order of their numbers, whatever order they stand in. What follows a
/// gap is left out; of two with one name, or one number, the first counts.
fn joined(pieces: Vec<Piece<'_>>) -> Parameters {
    let mut parameters = Parameters::new();
    for (at, piece) in pieces.iter().enumerate() {
        let is_same = |other: &&Piece<'_>| other.name.eq_ignore_ascii_case(piece.name);
        let value = match piece.number {
            None => {
                let is_double = |other: &Piece<'_>| {
                    other.number.is_none() && other.form == piece.form && is_same(&other)
                };
                if pieces.iter().take(at).any(is_double) {
                    continue;
                }
                (piece.form, piece.value.to_vec())
            }
            Some(0) => {
                if pieces.iter().take(at).any(|other| other.number == Some(0) && is_same(&other)) {
                    continue;
                }
                let mut row: Vec<&Piece<'_>> =
                    pieces.iter().filter(|o| o.number.is_some() && is_same(o)).collect();
                row.sort_by_key(|piece| piece.number);
                row.dedup_by_key(|piece| piece.number);
                let in_row = row.iter().zip(0_u32..).take_while(|(p, at)| p.number == Some(*at));
                join(&in_row.map(|(piece, _)| *piece).collect::<Vec<_>>())
            }
            Some(_) => continue,
        };
        parameters.push(match value {
            (Form::Plain, value) => (piece.name.to_vec(), value),
            (Form::Extended, value) => ([piece.name, b"*"].concat(), in_utf8(&value)),
        });
    }
    parameters
}

/// RFC 2231 §4.1: pieces of both forms may be mixed.
fn join(row: &[&Piece<'_>]) -> (Form, Vec<u8>) {
    if row.iter().all(|piece| piece.form == Form::Plain) {
        return (Form::Plain, row.iter().flat_map(|piece| piece.value.iter().copied()).collect());
    }
    let mut value = Vec::new();
    // Only the first piece names the charset.
    if row.first().is_some_and(|first| first.form == Form::Plain) {
        value.extend_from_slice(b"''");
    }
    for piece in row {
        match piece.form {
            Form::Extended => value.extend_from_slice(&piece.value),
            Form::Plain => percent_encode(&piece.value, &mut value),
        }
    }
    (Form::Extended, value)
}

/// An extended value with UTF-8 as its charset (RFC 9051 §7.5.2). It keeps the form that the asterisk behind its name
/// announces (RFC 2231 §4), because that is what clients undo.
fn in_utf8(extended: &[u8]) -> Vec<u8> {
    let Some((charset, language, text)) = split(extended) else { return extended.to_vec() };
    let octets = percent_decode(text);
    let decoded = charset::to_text(&octets, Some(charset));
    let mut value = [b"utf-8'", language, b"'"].concat();
    percent_encode(decoded.as_bytes(), &mut value);
    value
}

/// `[charset] "'" [language] "'" text` (RFC 2231 §7).
fn split(extended: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let charset_end = memchr(b'\'', extended)?;
    let (charset, rest) = extended.split_at_checked(charset_end)?;
    let rest = rest.get(1..)?;
    let language_end = memchr(b'\'', rest)?;
    Some((charset, rest.get(..language_end)?, rest.get(language_end + 1..)?))
}

/// The text of a parameter's value; `name` says whether it is an extended one.
pub(crate) fn text(name: &[u8], value: &[u8]) -> String {
    match split(value).filter(|_| name.ends_with(b"*")) {
        Some((charset, _, text)) => {
            charset::to_text(&percent_decode(text), Some(charset)).into_owned()
        }
        None => crate::words::decode(value).into_owned(),
    }
}

fn percent_decode(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(octet) = text.get(at) {
        let digits = text.get(at + 1).zip(text.get(at + 2)).filter(|_| *octet == b'%');
        match digits.and_then(|(high, low)| transfer::hexadecimal(*high, *low)) {
            Some(octet) => {
                decoded.push(octet);
                at += 3;
            }
            None => {
                decoded.push(*octet);
                at += 1;
            }
        }
    }
    decoded
}

/// `attribute-char` (RFC 2231 §7) stays, all else becomes hexadecimal.
fn percent_encode(text: &[u8], encoded: &mut Vec<u8>) {
    for octet in text {
        if octet.is_ascii_alphanumeric() || b"!#$&+-.^_`{|}~".contains(octet) {
            encoded.push(*octet);
        } else {
            encoded.extend_from_slice(format!("%{octet:02X}").as_bytes());
        }
    }
}

#[cfg(test)]
mod tests;
