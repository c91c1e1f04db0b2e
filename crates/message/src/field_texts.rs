//! The texts of the fields that are searched most, kept so that a search needs no header.
//!
//! ```text
//! octet   which field: its place in FIELDS
//! u32     octets of its text, little-endian
//! …       its value as a search sees it, folded
//! ```
//! One behind the other, in the order of the header.

use postroad_protocol::header;

use crate::{Needle, casemap, limits, text};

/// RFC 9051 §6.4.4: those with search keys of their own.
const FIELDS: [&str; 5] = ["Subject", "From", "To", "Cc", "Bcc"];

/// What [`Needle::is_in_field_texts`] looks into, of a header or of a letter; `None` where it is too much to be kept.
pub fn field_texts(header: &[u8]) -> Option<Vec<u8>> {
    let mut kept = Vec::with_capacity(header.len().min(limits::FIELD_TEXTS_OCTETS_FIRST));
    for field in header::fields(header) {
        let Some(place) = place(|name| field.is(name)) else { continue };
        let folded = casemap::fold(text::field_value(&field).as_bytes());
        kept.push(place);
        kept.extend(u32::try_from(folded.len()).ok()?.to_le_bytes());
        kept.extend(folded);
        if kept.len() > limits::FIELD_TEXTS_OCTETS_MAX {
            return None;
        }
    }
    Some(kept)
}

/// The values of the fields of a name, folded ([`casemap::fold`]), of what [`field_texts`] has kept; `None` where fields of
/// that name aren't in there.
pub fn kept_values<'k>(kept: &'k [u8], name: &str) -> Option<Vec<&'k [u8]>> {
    let wanted = place(|own| own.eq_ignore_ascii_case(name))?;
    let (mut values, mut rest) = (Vec::new(), kept);
    while let Some((place, text, behind)) = first(rest) {
        if place == wanted {
            values.push(text);
        }
        rest = behind;
    }
    // What somebody else has written is no answer.
    rest.is_empty().then_some(values)
}

impl Needle {
    /// [`Needle::is_in_field`] of the header that these are of; `None` where fields of that name aren't in there.
    pub fn is_in_field_texts(&self, kept: &[u8], name: &str) -> Option<bool> {
        let wanted = place(|own| own.eq_ignore_ascii_case(name))?;
        let mut rest = kept;
        while let Some((place, text, behind)) = first(rest) {
            if place == wanted && self.is_in_folded(text) {
                return Some(true);
            }
            rest = behind;
        }
        // What somebody else has written is no answer.
        rest.is_empty().then_some(false)
    }
}

fn place(is_it: impl Fn(&str) -> bool) -> Option<u8> {
    FIELDS.iter().position(|name| is_it(name)).and_then(|at| u8::try_from(at).ok())
}

fn first(kept: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&place, rest) = kept.split_first()?;
    let (octets, rest) = rest.split_first_chunk()?;
    let octets = usize::try_from(u32::from_le_bytes(*octets)).ok()?;
    let (text, rest) = rest.split_at_checked(octets)?;
    Some((place, text, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_kept_is_all_or_nothing() {
        let header = format!("To: {}\n\n", "x".repeat(limits::FIELD_TEXTS_OCTETS_MAX));
        assert_eq!(field_texts(header.as_bytes()), None);
        let kept = field_texts(b"To: a\nX: b\n\nTo: c\n").unwrap();
        let is_in = |needle: &str, name| Needle::new(needle).is_in_field_texts(&kept, name);
        assert_eq!([is_in("A", "to"), is_in("c", "TO")], [Some(true), Some(false)]);
        assert_eq!([is_in("b", "X"), is_in("", "Cc")], [None, Some(false)]);
        let torn = kept.get(..kept.len() - 1).unwrap();
        assert_eq!(Needle::new("a").is_in_field_texts(torn, "To"), None);
    }

    proptest! {
        #[test]
        fn the_same_as_in_the_header(
            fields in prop::collection::vec(
                (
                    prop::sample::select(vec!["Subject", "subject ", "From", "To", "Cc", "Bcc", "X", ""]),
                    "(a|A|b|\u{e4}|\u{c4}|a\u{308}| |\n |\r\n\t|=\\?utf-8\\?q\\?=C3=84=0Ab\\?=|\u{fb01}){0,6}",
                ),
                0..6,
            ),
            needle in "(a|b|\u{e4}| |\n){0,2}",
            name in prop::sample::select(vec!["subject", "FROM", "To", "cc", "BCC"]),
        ) {
            let fields = fields.iter().map(|(name, value)| format!("{name}:{value}\n"));
            let header = fields.collect::<String>() + "\nSubject: a\n";
            let needle = Needle::new(&needle);
            let kept = field_texts(header.as_bytes()).unwrap();
            let expected = needle.is_in_field(header.as_bytes(), name);
            prop_assert_eq!(needle.is_in_field_texts(&kept, name), Some(expected), "{}", header);
        }
    }
}
