//! BODY and BODYSTRUCTURE (RFC 9051 §7.5.2).

use postroad_message::{Body, Part};

use super::{envelope, nstring, string};
use crate::write::{list, number};

/// How much of a structure is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// `BODY`
    Basic,
    /// `BODYSTRUCTURE`: with extension data.
    Extended,
}

/// ```text
/// body            = "(" (body-type-1part / body-type-mpart) ")"
/// body-type-1part = (body-type-basic / body-type-msg / body-type-text) [SP body-ext-1part]
/// body-type-mpart = 1*body SP media-subtype [SP body-ext-mpart]
/// ```
pub fn body_structure(part: &Part, extent: Extent, out: &mut Vec<u8>) {
    out.push(b'(');
    match &part.content {
        Body::Multipart(parts) => write_multipart(part, parts, extent, out),
        content => write_single(part, content, extent, out),
    }
    out.push(b')');
}

fn write_multipart(part: &Part, parts: &[Part], extent: Extent, out: &mut Vec<u8>) {
    if parts.is_empty() {
        // There must be one. An empty text is what RFC 2045 §5.2 makes of nothing.
        out.extend_from_slice(b"(\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 0 0)");
    }
    for part in parts {
        body_structure(part, extent, out);
    }
    out.push(b' ');
    string(out, &part.subtype);
    if extent == Extent::Extended {
        out.push(b' ');
        write_parameters(&part.parameters, out);
        write_extension(part, out);
    }
}

/// ```text
/// body-type-basic = media-basic SP body-fields
/// body-type-msg   = media-message SP body-fields SP envelope SP body SP body-fld-lines
/// body-type-text  = media-text SP body-fields SP body-fld-lines
/// ```
/// A reader knows by the type which of these it is. So a part whose type promises what isn't in it, as it was too deep
/// inside, is called by another type: RFC 9051 §9 forbids MESSAGE/RFC822 as a basic type.
fn write_single(part: &Part, content: &Body, extent: Extent, out: &mut Vec<u8>) {
    let is = |kind: &[u8]| part.kind.eq_ignore_ascii_case(kind);
    let is_message = is(b"message")
        && (part.subtype.eq_ignore_ascii_case(b"rfc822")
            || part.subtype.eq_ignore_ascii_case(b"global"));
    let promises = (is(b"text"), is_message || is(b"multipart"));
    match (content, promises) {
        (Body::Text(text), (true, _)) => {
            write_fields(part, &part.kind, &part.subtype, out);
            out.push(b' ');
            number(out, text.lines);
        }
        (Body::Message { envelope: summary, message, lines }, _) if is_message => {
            write_fields(part, &part.kind, &part.subtype, out);
            out.push(b' ');
            envelope(summary, out);
            out.push(b' ');
            body_structure(message, extent, out);
            out.push(b' ');
            number(out, *lines);
        }
        (_, (false, false)) => write_fields(part, &part.kind, &part.subtype, out),
        _ => write_fields(part, b"application", b"octet-stream", out),
    }
    if extent == Extent::Extended {
        out.push(b' ');
        nstring(out, part.md5.as_deref());
        write_extension(part, out);
    }
}

/// ```text
/// body-fields = body-fld-param SP body-fld-id SP body-fld-desc SP body-fld-enc SP body-fld-octets
/// ```
fn write_fields(part: &Part, kind: &[u8], subtype: &[u8], out: &mut Vec<u8>) {
    string(out, kind);
    out.push(b' ');
    string(out, subtype);
    out.push(b' ');
    write_parameters(&part.parameters, out);
    out.push(b' ');
    nstring(out, part.id.as_deref());
    out.push(b' ');
    nstring(out, part.description.as_deref());
    out.push(b' ');
    string(out, if part.encoding.is_empty() { b"7BIT" } else { &part.encoding });
    out.push(b' ');
    // A 32-bit number (RFC 9051 §9, body-fld-octets); RFC822.SIZE has room for larger ones.
    number(out, part.octets.min(u32::MAX.into()));
}

/// ```text
/// body-fld-param = "(" string SP string *(SP string SP string) ")" / nil
/// ```
fn write_parameters(parameters: &[(Vec<u8>, Vec<u8>)], out: &mut Vec<u8>) {
    if parameters.is_empty() {
        return out.extend_from_slice(b"NIL");
    }
    list(out, parameters, |out, (name, value)| {
        string(out, name);
        out.push(b' ');
        string(out, value);
    });
}

/// ```text
/// [SP body-fld-dsp [SP body-fld-lang [SP body-fld-loc *(SP body-extension)]]]
/// body-fld-dsp  = "(" string SP body-fld-param ")" / nil
/// body-fld-lang = nstring / "(" string *(SP string) ")"
/// ```
fn write_extension(part: &Part, out: &mut Vec<u8>) {
    match &part.disposition {
        None => out.extend_from_slice(b" NIL "),
        Some(disposition) => {
            out.extend_from_slice(b" (");
            string(out, &disposition.kind);
            out.push(b' ');
            write_parameters(&disposition.parameters, out);
            out.extend_from_slice(b") ");
        }
    }
    match part.language.as_slice() {
        [] => out.extend_from_slice(b"NIL"),
        [language] => string(out, language),
        languages => list(out, languages, |out, language| string(out, language)),
    }
    out.push(b' ');
    nstring(out, part.location.as_deref());
}
