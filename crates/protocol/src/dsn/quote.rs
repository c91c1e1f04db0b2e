//! Texts from outside, made harmless: no control characters, bounded, in lines of ours.

use crate::envelope::Utf8;
use crate::header;
use crate::limits;

/// Characters in a line that people read (RFC 5322 §2.1.1: SHOULD be no more than 78).
const LINE_CHARACTERS: usize = 78;

/// Text from outside as the value of a field: ASCII unless the field may hold more.
pub(super) fn one_line(text: &str, utf8: Utf8) -> String {
    let clean = |c: char| match c {
        _ if is_treacherous(c) => '?',
        _ if !c.is_ascii() && utf8 == Utf8::Ascii => '?',
        _ => c,
    };
    clipped(text, limits::DIAGNOSTIC_OCTETS_MAX).chars().map(clean).collect()
}

/// The characters from the beginning that fit.
pub(super) fn clipped(text: &str, octets_max: usize) -> &str {
    text.get(..text.floor_char_boundary(octets_max)).unwrap_or_default()
}

/// Control characters, what some programs take for a line end, and what turns the direction of a text around
/// (so that a refusal reads as an invitation).
fn is_treacherous(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The subject of a message, unfolded; `None` where there is none that could stand in a header of ours.
pub(super) fn subject(content: &[u8], utf8: Utf8) -> Option<String> {
    let field = header::find(content, "Subject")?;
    let text = std::str::from_utf8(field.value()).ok()?;
    let unfolded: Vec<&str> = text.split_ascii_whitespace().collect();
    let subject = unfolded.join(" ");
    let fits = (1..=limits::SUBJECT_OCTETS_MAX).contains(&subject.len());
    let may_stand = subject.is_ascii() || utf8 == Utf8::SmtpUtf8;
    (fits && may_stand && !subject.chars().any(is_treacherous)).then_some(subject)
}

/// Writes a text in lines for people: `first` stands before it, `indent` before each line that follows. Words that
/// are longer than a line stay whole; [`one_line`] has bounded them.
pub(super) fn write_folded(first: &str, text: &str, indent: &str, out: &mut String) {
    out.push_str(first);
    let mut column = first.chars().count();
    let mut separator = "";
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let width = word.chars().count();
        if !separator.is_empty() && column + 1 + width > LINE_CHARACTERS {
            out.push_str("\r\n");
            out.push_str(indent);
            column = indent.chars().count();
        } else {
            out.push_str(separator);
            column += separator.len();
        }
        out.push_str(word);
        column += width;
        separator = " ";
    }
    out.push_str("\r\n");
}
