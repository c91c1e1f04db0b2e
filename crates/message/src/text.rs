//! What a letter says, as text: for searching, for indexes and previews.

use std::borrow::Cow;

use postroad_protocol::header::{self, Field};

use crate::lexical::unfold;
use crate::transfer::{Decoder, TransferEncoding};
use crate::{Address, Body, Part, charset, html, limits, words};

/// How much of a letter is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The texts in its body, and the headers of messages in it.
    Body,
    /// The header, too, and those of its parts (RFC 9051 §6.4.4, TEXT).
    All,
}

/// A piece of a letter that has text in it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Piece<'p> {
    /// Fields.
    Header(&'p Part),
    /// A text part.
    Text(&'p Part),
}

/// The pieces of a letter, in their order.
pub(crate) fn pieces(letter: &Part, scope: Scope) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    if scope == Scope::All {
        found.push(Piece::Header(letter));
    }
    add_pieces(letter, scope, &mut found);
    found
}

/// Nests are bounded (`limits::DEPTH_MAX`).
fn add_pieces<'p>(part: &'p Part, scope: Scope, found: &mut Vec<Piece<'p>>) {
    match &part.content {
        Body::Other => {}
        Body::Text(_) => found.push(Piece::Text(part)),
        Body::Multipart(parts) => {
            for part in parts {
                if scope == Scope::All {
                    found.push(Piece::Header(part));
                }
                add_pieces(part, scope, found);
            }
        }
        Body::Message { message, .. } => {
            found.push(Piece::Header(message));
            add_pieces(message, scope, found);
        }
    }
}

/// All texts of a letter, one by one; of a header, one for each field. This is what a search looks into.
pub fn texts<'l>(
    letter: &'l [u8],
    part: &'l Part,
    scope: Scope,
) -> impl Iterator<Item = Cow<'l, str>> {
    pieces(part, scope).into_iter().flat_map(move |piece| -> Vec<Cow<'l, str>> {
        match piece {
            Piece::Header(part) => {
                let octets = letter.get(part.header.clone()).unwrap_or_default();
                header::fields(octets).map(|field| Cow::Owned(field_text(&field))).collect()
            }
            Piece::Text(part) => part_text(letter, part, usize::MAX).into_iter().collect(),
        }
    })
}

/// The texts of all fields of a name, as a search sees them.
pub fn field_values<'h>(header: &'h [u8], name: &'h str) -> impl Iterator<Item = String> + use<'h> {
    let named = header::fields(header).filter(move |field| field.is(name));
    named.map(|field| field_value(&field))
}

/// `Name: value`, with what encoded words say.
pub(crate) fn field_text(field: &Field<'_>) -> String {
    let value = field_value(field);
    match field.name {
        [] => value,
        name => [&*String::from_utf8_lossy(name), ": ", &value].concat(),
    }
}

/// A field's value as text; behind it, addresses that comments part, as an envelope has them (RFC 9051 §6.4.4: FROM and its
/// like are about the envelope's).
pub(crate) fn field_value(field: &Field<'_>) -> String {
    let mut value = words::decode(&unfold(field.raw_value)).into_owned();
    if has_comments_among_addresses(field) {
        for Address { mailbox, host, .. } in Address::list(field.raw_value) {
            let (Some(mailbox), Some(host)) = (mailbox, host) else { continue };
            let address =
                [mailbox, host].map(|octets| String::from_utf8_lossy(&octets).into_owned());
            let address = address.join("@");
            if !value.contains(&address) && !address.contains(['\r', '\n']) {
                value.extend([" ", &address]);
            }
        }
    }
    value
}

/// Whether [`field_value`] may be more than the field's own text.
pub(crate) fn has_comments_among_addresses(field: &Field<'_>) -> bool {
    memchr::memchr(b'(', field.raw_value).is_some()
        && ["From", "To", "Cc", "Bcc"].iter().any(|name| field.is(name))
}

impl Part {
    /// What a text part says, as plain text with LF as line ends: without transfer encoding, charset and tags. `None`
    /// where it isn't text.
    pub fn text<'l>(&self, letter: &'l [u8]) -> Option<Cow<'l, str>> {
        part_text(letter, self, usize::MAX)
    }

    /// A line or two of what this letter says (RFC 8970 §3.3), in one line; empty where nothing can be said of it.
    pub fn preview(&self, letter: &[u8]) -> String {
        candidates(self)
            .into_iter()
            .filter_map(|part| part_text(letter, part, limits::PREVIEWED_OCTETS_MAX))
            .map(|text| summary(&text))
            .find(|preview| !preview.is_empty())
            .unwrap_or_default()
    }
}

/// So much of a text, and a line more.
pub(crate) fn part_text<'l>(letter: &'l [u8], part: &Part, octets: usize) -> Option<Cow<'l, str>> {
    matches!(part.content, Body::Text(_)).then(|| {
        let decoded = decoded(letter, part, octets);
        to_plain(decoded, part)
    })
}

/// A body without its transfer encoding. What nobody knows stays as it is.
pub(crate) fn decoded<'l>(letter: &'l [u8], part: &Part, octets: usize) -> Cow<'l, [u8]> {
    let body = letter.get(part.body.clone()).unwrap_or_default();
    let encoding = TransferEncoding::named(&part.encoding).unwrap_or(TransferEncoding::Identity);
    if encoding == TransferEncoding::Identity {
        return Cow::Borrowed(body.get(..octets).unwrap_or(body));
    }
    let mut decoder = Decoder::new(encoding, body);
    let mut out = Vec::new();
    while out.len() < octets && decoder.step(&mut out) {}
    Cow::Owned(out)
}

/// Octets of a text part as plain text.
pub(crate) fn to_plain<'l>(octets: Cow<'l, [u8]>, part: &Part) -> Cow<'l, str> {
    let charset = crate::structure::parameter(&part.parameters, b"charset");
    let charset = charset.as_deref().map(str::as_bytes);
    let text = match octets {
        Cow::Borrowed(octets) => charset::to_text(octets, charset),
        Cow::Owned(octets) => Cow::Owned(charset::to_text(&octets, charset).into_owned()),
    };
    let text = match is_html(part) {
        true => Cow::Owned(html::to_text(&text)),
        false => text,
    };
    match memchr::memchr(b'\r', text.as_bytes()) {
        Some(_) => Cow::Owned(text.replace("\r\n", "\n")),
        None => text,
    }
}

pub(crate) fn is_html(part: &Part) -> bool {
    part.is("text", "html")
}

/// The parts whose text may stand for the letter, the best first: what is to be read at once, plain before HTML.
fn candidates(part: &Part) -> Vec<&Part> {
    let is_attachment = |part: &Part| {
        part.disposition.as_ref().is_some_and(|d| d.kind.eq_ignore_ascii_case(b"attachment"))
    };
    match &part.content {
        Body::Text(_) if !is_attachment(part) => vec![part],
        // RFC 8970 §3.1: of what is encrypted nothing is known.
        Body::Multipart(_) if part.is("multipart", "encrypted") => vec![],
        Body::Multipart(parts) => {
            let mut found: Vec<&Part> = parts.iter().flat_map(candidates).collect();
            if part.is("multipart", "alternative") {
                found.sort_by_key(|part| !part.is("text", "plain"));
            }
            found
        }
        Body::Other | Body::Text(_) | Body::Message { .. } => vec![],
    }
}

/// The words of a text without what it quotes, up to the signature; with that if there is nothing else.
fn summary(text: &str) -> String {
    if text.trim_start().starts_with("-----BEGIN PGP MESSAGE-----") {
        return String::new();
    }
    let own = text.lines().take_while(|line| *line != "-- ").filter(|line| !line.starts_with('>'));
    let words = in_one_line(own);
    match words.is_empty() {
        true => in_one_line(text.lines()),
        false => words,
    }
}

fn in_one_line<'t>(lines: impl Iterator<Item = &'t str>) -> String {
    let mut shown = String::new();
    let mut room = limits::PREVIEW_CHARACTERS_MAX;
    let is_shown = |c: &char| !c.is_control() && !is_invisible(*c);
    // Lines drawn with characters are no words.
    let is_word = |word: &&str| word.len() < 4 || word.chars().any(char::is_alphanumeric);
    for word in lines.flat_map(str::split_whitespace).filter(is_word) {
        let mut characters = word.chars().filter(is_shown).peekable();
        // A space and a character, at least.
        if room < 2 {
            break;
        }
        if characters.peek().is_none() {
            continue;
        }
        if !shown.is_empty() {
            shown.push(' ');
            room -= 1;
        }
        for character in characters.take(room) {
            shown.push(character);
            room -= 1;
        }
    }
    shown
}

/// Senders fill what follows their own preview with these.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fffc}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn previewed(letter: &str) -> String {
        Part::of(letter.as_bytes()).preview(letter.as_bytes())
    }

    #[test] // Tests RFC 8970 §3.1 and §3.3.
    fn previews() {
        let alternative = |plain: &str, html: &str| {
            format!(
                "Content-Type: multipart/alternative; boundary=b\n\n\
                 --b\nContent-Type: text/html\n\n{html}\n--b\n\n{plain}\n--b--\n"
            )
        };
        for (letter, expected) in [
            ("A: b\n\nHello,\n\n  you\tthere\n".to_owned(), "Hello, you there"),
            ("A: b\n\n> quoted\nown\n-- \nsignature\n".to_owned(), "own"),
            ("A: b\n\n> quoted\n".to_owned(), "> quoted"),
            ("A: b\n\n======\ntitle\n======\n".to_owned(), "title"),
            (alternative("plain", "<p>html"), "plain"),
            (alternative("", "<p>html"), "html"),
            ("Content-Type: image/png\n\nx".to_owned(), ""),
            ("Content-Type: multipart/encrypted; boundary=b\n\n--b\n\nx\n--b--".to_owned(), ""),
            ("A: b\n\n-----BEGIN PGP MESSAGE-----\n\nx\n".to_owned(), ""),
            (
                "Content-Type: text/plain; charset=iso-8859-1\n\
                 Content-Transfer-Encoding: quoted-printable\n\ngr=FC=DFe\n"
                    .to_owned(),
                "grüße",
            ),
            ("Content-Disposition: attachment\n\nx".to_owned(), ""),
            ("A: b\n\na\u{200b}\u{feff} \u{1b}[31mb".to_owned(), "a [31mb"),
            (String::new(), ""),
        ] {
            assert_eq!(previewed(&letter), expected, "{letter}");
        }
    }

    #[test] // Tests RFC 8970 §3.3.
    fn previews_are_short() {
        for word in ["a ", "abcde ", "ä", "日本", "a\u{301}", &"x".repeat(300)] {
            let shown = previewed(&format!("A: b\n\n{}", word.repeat(500)));
            let count = shown.chars().count();
            assert!(count <= limits::PREVIEW_CHARACTERS_MAX && count > 150, "{count} {shown}");
        }
    }

    #[test]
    fn all_texts() {
        let letter = "Subject: =?utf-8?q?=C3=A4?=\nno field\n\
            Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html\n\n<b>one</b>\n\
            --b\nContent-Type: message/rfc822\n\nSubject: in\n\ntwo\r\nthree\n--b\n\
            Content-Type: a/b; name=x\n\nno\n--b--\n";
        let part = Part::of(letter.as_bytes());
        let texts_of = |scope| -> Vec<String> {
            texts(letter.as_bytes(), &part, scope).map(Cow::into_owned).collect()
        };
        assert_eq!(texts_of(Scope::Body), ["one", "Subject: in", "two\nthree"]);
        assert_eq!(
            texts_of(Scope::All),
            [
                "Subject: ä",
                "no field",
                "Content-Type: multipart/mixed; boundary=b",
                "Content-Type: text/html",
                "one",
                "Content-Type: message/rfc822",
                "Subject: in",
                "two\nthree",
                "Content-Type: a/b; name=x"
            ]
        );
    }
}
