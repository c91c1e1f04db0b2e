//! Reading BODY and BODYSTRUCTURE (RFC 9051 §7.5.2); writing them is in [`crate::encode`].

use std::borrow::Cow;

use postroad_message::{Body, Disposition, Part, Text};

use super::envelope::{self, nstring};
use crate::scan::{Cursor, Scanned, SyntaxError};

/// ```text
/// body = "(" (body-type-1part / body-type-mpart) ")"
/// ```
/// Where the parts stand isn't told, so all places in it are 0.
pub(super) fn scan(cursor: &mut Cursor<'_>) -> Scanned<Part> {
    cursor.nested(|cursor| {
        cursor.expect(b'(', "a body")?;
        let mut part = match cursor.peek() {
            Some(b'(') => scan_multipart(cursor)?,
            _ => scan_single(cursor)?,
        };
        if cursor.eat(b' ') {
            scan_extension(&mut part, cursor)?;
        }
        cursor.expect(b')', "the body's end")?;
        Ok(part)
    })
}

fn string(cursor: &mut Cursor<'_>) -> Scanned<Vec<u8>> {
    cursor.string("a string").map(Cow::into_owned)
}

fn scan_multipart(cursor: &mut Cursor<'_>) -> Scanned<Part> {
    let mut parts = Vec::new();
    while cursor.peek() == Some(b'(') {
        parts.push(scan(cursor)?);
    }
    cursor.space()?;
    let subtype = string(cursor)?;
    let content = Body::Multipart(parts);
    Ok(Part { kind: b"multipart".to_vec(), subtype, content, ..Part::default() })
}

/// ```text
/// body-fields = body-fld-param SP body-fld-id SP body-fld-desc SP body-fld-enc SP body-fld-octets
/// ```
fn scan_single(cursor: &mut Cursor<'_>) -> Scanned<Part> {
    let kind = string(cursor)?;
    cursor.space()?;
    let subtype = string(cursor)?;
    let mut part = Part { kind, subtype, ..Part::default() };
    cursor.space()?;
    part.parameters = scan_parameters(cursor)?;
    cursor.space()?;
    part.id = nstring(cursor)?;
    cursor.space()?;
    part.description = nstring(cursor)?;
    cursor.space()?;
    // Some servers say NIL.
    part.encoding = nstring(cursor)?.unwrap_or_else(|| b"7BIT".to_vec());
    cursor.space()?;
    part.octets = cursor.number64()?;
    let is = |text: &[u8], word: &[u8]| text.eq_ignore_ascii_case(word);
    if is(&part.kind, b"text") {
        cursor.space()?;
        part.content = Body::Text(Text { lines: cursor.number64()? });
    } else if is(&part.kind, b"message")
        && (is(&part.subtype, b"rfc822") || is(&part.subtype, b"global"))
    {
        cursor.space()?;
        let envelope = Box::new(envelope::scan(cursor)?);
        cursor.space()?;
        let message = Box::new(scan(cursor)?);
        cursor.space()?;
        part.content = Body::Message { envelope, message, lines: cursor.number64()? };
    }
    Ok(part)
}

/// ```text
/// body-fld-param = "(" string SP string *(SP string SP string) ")" / nil
/// ```
fn scan_parameters(cursor: &mut Cursor<'_>) -> Scanned<Vec<(Vec<u8>, Vec<u8>)>> {
    if cursor.eat_nil() {
        return Ok(Vec::new());
    }
    cursor.list_or_empty(|cursor| {
        let name = string(cursor)?;
        cursor.space()?;
        Ok((name, string(cursor)?))
    })
}

/// ```text
/// body-ext-1part = body-fld-md5 [SP body-fld-dsp [SP body-fld-lang [SP body-fld-loc *(SP body-extension)]]]
/// body-ext-mpart = body-fld-param [SP body-fld-dsp [SP body-fld-lang [SP body-fld-loc *(SP body-extension)]]]
/// ```
fn scan_extension(part: &mut Part, cursor: &mut Cursor<'_>) -> Scanned<()> {
    match part.content {
        Body::Multipart(_) => part.parameters = scan_parameters(cursor)?,
        _ => part.md5 = nstring(cursor)?,
    }
    if !cursor.eat(b' ') {
        return Ok(());
    }
    part.disposition = scan_disposition(cursor)?;
    if !cursor.eat(b' ') {
        return Ok(());
    }
    part.language = match cursor.peek() {
        Some(b'(') => cursor.list_or_empty(string)?,
        _ => nstring(cursor)?.into_iter().collect(),
    };
    if !cursor.eat(b' ') {
        return Ok(());
    }
    part.location = nstring(cursor)?;
    while cursor.eat(b' ') {
        cursor.skip_value()?;
    }
    Ok(())
}

fn scan_disposition(cursor: &mut Cursor<'_>) -> Scanned<Option<Disposition>> {
    if cursor.eat_nil() {
        return Ok(None);
    }
    if !cursor.eat(b'(') {
        return Err(SyntaxError::Expected("a disposition"));
    }
    let kind = string(cursor)?;
    cursor.space()?;
    let parameters = scan_parameters(cursor)?;
    cursor.expect(b')', "the disposition's end")?;
    Ok(Some(Disposition { kind, parameters }))
}
