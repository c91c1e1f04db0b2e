//! What a server says often, written straight into a buffer: ENVELOPE and BODYSTRUCTURE, which caches keep as they are
//! here, and the lines of FETCH.
//!
//! Everything else is a [`Response`](crate::response::Response), which writes itself.

mod body;
mod envelope;
mod fetch;

#[cfg(test)]
mod tests;

pub use body::{Extent, body_structure};
pub use envelope::envelope;
pub use fetch::{FetchWriter, Named, Prepared, Rfc822};

use std::borrow::Cow;

use memchr::memchr3;

use crate::write::{self, Quoting};

/// Text that came out of a letter, as an nstring can hold it: no NUL, no line break. A header that hides some stays
/// harmless (row I09).
fn clean(text: &[u8]) -> Cow<'_, [u8]> {
    match memchr3(0, b'\r', b'\n', text) {
        None => Cow::Borrowed(text),
        Some(_) => {
            let blank = |&octet: &u8| if matches!(octet, 0 | b'\r' | b'\n') { b' ' } else { octet };
            Cow::Owned(text.iter().map(blank).collect())
        }
    }
}

fn string(out: &mut Vec<u8>, text: &[u8]) {
    // Nearly all are short and plain: one look at each octet, and one copy.
    if text.len() <= write::QUOTED_OCTETS_MAX && text.iter().all(|&octet| is_plain(octet)) {
        out.reserve(text.len() + 3);
        out.push(b'"');
        out.extend_from_slice(text);
        out.push(b'"');
        return;
    }
    // What is cached has to be right whatever a client has enabled, so 8-bit text is always a literal.
    write::string(out, &clean(text), Quoting::Ascii);
}

fn is_plain(octet: u8) -> bool {
    matches!(octet, b' '..=b'~') && !matches!(octet, b'"' | b'\\')
}

fn nstring(out: &mut Vec<u8>, text: Option<&[u8]>) {
    match text {
        Some(text) => string(out, text),
        None => out.extend_from_slice(b"NIL"),
    }
}
