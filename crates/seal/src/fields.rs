//! Fields of a header, inside and outside of a seal (RFC 9788).
//!
//! Inside counts: where the sealed part says that it has the letter's fields (`hp=`, or `protected-headers=` of programs
//! before RFC 9788), what stands outside of those that people look at and answer by is neither shown nor used, and where it
//! differs that is said (row U10). Fields that hosts write on a letter's way stay those outside.

use postroad_message::{Body, Part};
use postroad_protocol::header;

use crate::autocrypt::addresses;
use crate::find::parameter;
use crate::limits;
use crate::open::Level;

/// Fields that people look at and answer by; what is inside counts, also that there is none.
const USER_FACING: &[&str] = &[
    "From",
    "To",
    "Cc",
    "Bcc",
    "Reply-To",
    "Subject",
    "Date",
    "In-Reply-To",
    "References",
    "Message-ID",
    "Sender",
    "Mail-Followup-To",
    "Mail-Reply-To",
    "Followup-To",
    "Keywords",
    "Comments",
];

/// Of those, the ones that decide who wrote a letter and who gets an answer.
const DECISIVE: &[&str] = &["From", "To", "Cc", "Reply-To", "Mail-Followup-To", "In-Reply-To"];

/// What stands in place of a subject outside of a seal: RFC 9788 §3.2.1, and what programs had before.
pub(crate) const HIDDEN_SUBJECT: &str = "[...]";
const HIDDEN_SUBJECTS: &[&str] =
    &[HIDDEN_SUBJECT, "...", "\u{2026}", "Encrypted Message", "Encrypted"];

/// What lies over a letter's fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cover {
    /// A signature.
    Clear,
    /// A cipher.
    Cipher,
}

/// A letter out of its seal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Joined {
    /// The fields that count, and what was sealed.
    pub(crate) letter: Vec<u8>,
    /// Whether the fields were sealed.
    pub(crate) is_protected: bool,
    /// What differs outside.
    pub(crate) differences: Vec<(Level, String)>,
}

/// Whether a field says what a part is made of.
pub(crate) fn is_of_content(field: &header::Field<'_>) -> bool {
    field.is("MIME-Version")
        || field.name.get(..8).is_some_and(|name| name.eq_ignore_ascii_case(b"content-"))
}

fn is_user_facing(field: &header::Field<'_>) -> bool {
    USER_FACING.iter().any(|name| field.is(name))
}

/// Puts what was sealed under the fields that count. `outer` is the letter as it came, `payload` what was sealed, and by
/// what: `None` where a signature proves nothing, and so neither do the fields under it (RFC 9788 §4.4).
pub(crate) fn join(outer: &[u8], payload: Vec<u8>, cover: Option<Cover>) -> Joined {
    let part = Part::of(&payload);
    let says_so = parameter(&part, "hp").is_some_and(|hp| hp == "clear" || hp == "cipher")
        || parameter(&part, "protected-headers").is_some_and(|version| version == "v1");
    let is_protected = cover.is_some() && says_so;
    let inner: Vec<_> = header::fields(&payload).collect();
    let outside: Vec<_> = header::fields(outer).collect();
    let differences = match cover {
        Some(cover) if is_protected => differences(&outside, &inner, cover),
        Some(_) | None => Vec::new(),
    };
    let mut letter = Vec::with_capacity(payload.len() + part.header.len() + 4096);
    for field in &outside {
        let is_inside = is_of_content(field) || (is_protected && is_user_facing(field));
        if !(is_inside || field.is("HP-Outer") || field.name.is_empty()) {
            add(&mut letter, field);
        }
    }
    let has_version = inner.iter().any(|field| field.is("MIME-Version"));
    if !has_version {
        letter.extend_from_slice(b"MIME-Version: 1.0\r\n");
    }
    for field in &inner {
        if is_of_content(field) || (is_protected && is_user_facing(field)) {
            add(&mut letter, field);
        }
    }
    letter.extend_from_slice(b"\r\n");
    let body = match cover {
        Some(Cover::Cipher) => without_legacy_display(&payload, &part),
        Some(Cover::Clear) | None => payload.get(part.body.start..).unwrap_or_default().to_vec(),
    };
    letter.extend_from_slice(&body);
    Joined { letter, is_protected, differences }
}

fn add(letter: &mut Vec<u8>, field: &header::Field<'_>) {
    letter.extend_from_slice(field.raw);
    if !field.raw.ends_with(b"\n") {
        letter.extend_from_slice(b"\r\n");
    }
}

/// A field's value for comparing: decoded, on one line.
fn plain(value: &[u8]) -> String {
    let unfolded: Vec<u8> = value
        .iter()
        .map(|octet| if matches!(octet, b'\r' | b'\n') { b' ' } else { *octet })
        .collect();
    let text = postroad_message::decoded(&unfolded);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn values(fields: &[header::Field<'_>], name: &str) -> Vec<String> {
    fields.iter().filter(|field| field.is(name)).map(|field| plain(field.value())).collect()
}

/// RFC 9788 §2.2: what the author has put outside, if that was written down inside.
fn put_outside(inner: &[header::Field<'_>], name: &str) -> Option<Vec<String>> {
    let mut recorded = inner.iter().filter(|field| field.is("HP-Outer")).peekable();
    recorded.peek()?;
    let of_name = recorded.filter_map(|field| {
        let value = plain(field.value());
        let (own, value) = value.split_once(':')?;
        own.trim().eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    });
    Some(of_name.collect())
}

fn differences(
    outside: &[header::Field<'_>],
    inner: &[header::Field<'_>],
    cover: Cover,
) -> Vec<(Level, String)> {
    let mut found = Vec::new();
    for name in USER_FACING {
        let (now, inside) = (values(outside, name), values(inner, name));
        let recorded = match cover {
            Cover::Cipher => put_outside(inner, name),
            Cover::Clear => None,
        };
        let is_hidden = |value: &String| HIDDEN_SUBJECTS.contains(&value.as_str());
        let as_sent = match &recorded {
            // RFC 9788 §3.1.1: whom it is from is never hidden.
            Some(recorded) if *name != "From" => now == *recorded,
            _ if cover == Cover::Cipher && *name == "Subject" && now.iter().all(is_hidden) => true,
            _ => now == inside,
        };
        if !as_sent {
            let of =
                |values: &[String]| values.iter().flat_map(|v| addresses(v.as_bytes())).collect();
            let (there, here): (Vec<String>, Vec<String>) = (of(&now), of(&inside));
            // The same people by other names are the same people.
            let is_name_alone = !here.is_empty() && there == here;
            let level = match DECISIVE.contains(name) && !is_name_alone {
                true => Level::Bad,
                false => Level::Open,
            };
            let shown = |values: &[String]| match values {
                [] => "nothing".to_owned(),
                values => {
                    let text = values.join("\u{201d}, \u{201c}");
                    format!("\u{201c}{}\u{201d}", text.chars().take(120).collect::<String>())
                }
            };
            found.push((
                level,
                format!(
                    "{name} was changed on the way: outside it is {}; inside {}, which counts",
                    shown(&now),
                    shown(&inside)
                ),
            ));
        }
        if found.len() >= limits::DIFFERENCES_MAX {
            break;
        }
    }
    found
}

/// RFC 9788 §4.5.3: fields that were written into the text, for programs that don't look inside, are taken out of it.
fn without_legacy_display(payload: &[u8], part: &Part) -> Vec<u8> {
    let mut cuts = Vec::new();
    legacy_displays(payload, part, &mut cuts, limits::LAYERS_MAX);
    let mut body = Vec::with_capacity(payload.len());
    let mut at = part.body.start;
    for (start, end) in cuts {
        body.extend_from_slice(payload.get(at..start).unwrap_or_default());
        at = end;
    }
    body.extend_from_slice(payload.get(at..).unwrap_or_default());
    body
}

fn legacy_displays(payload: &[u8], part: &Part, cuts: &mut Vec<(usize, usize)>, depth: usize) {
    if let Body::Multipart(parts) = &part.content {
        if depth > 0 {
            parts.iter().for_each(|part| legacy_displays(payload, part, cuts, depth - 1));
        }
        return;
    }
    let is_marked = parameter(part, "hp-legacy-display").is_some_and(|value| value == "1");
    let is_legible = !part.encoding.eq_ignore_ascii_case(b"base64");
    if !(is_marked && is_legible && part.is("text", "plain")) {
        return;
    }
    let text = payload.get(part.body.clone()).unwrap_or_default();
    let fields = header::fields(text);
    let mut rest = fields.clone();
    if rest.by_ref().any(|field| field.name.is_empty()) {
        return;
    }
    let left = rest.rest();
    let blank = left.strip_prefix(b"\r\n").or_else(|| left.strip_prefix(b"\n"));
    if let Some(behind) = blank {
        cuts.push((part.body.start, part.body.end.saturating_sub(behind.len())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crlf(text: &str) -> Vec<u8> {
        text.replace('\n', "\r\n").into_bytes()
    }

    fn joined(outer: &str, payload: &str, cover: Cover) -> (String, Vec<(Level, String)>) {
        let joined = join(&crlf(outer), crlf(payload), Some(cover));
        (String::from_utf8(joined.letter).unwrap().replace("\r\n", "\n"), joined.differences)
    }

    const OUTER: &str = "Received: from a\nFrom: a@a.example\nTo: b@b.example\nSubject: [...]\n\
        Content-Type: multipart/encrypted\n\nx";
    const INNER: &str = "Content-Type: text/plain; hp=\"cipher\"\nFrom: a@a.example\n\
        To: b@b.example\nSubject: secret\nAuthentication-Results: forged\nHP-Outer: From: a@a.example\n\
        HP-Outer: To: b@b.example\nHP-Outer: Subject: [...]\n\nhi\n";

    #[test] // Tests RFC 9788 §4.2.
    fn u10_what_is_inside_counts_and_hosts_fields_stay_those_outside() {
        let (letter, differences) = joined(OUTER, INNER, Cover::Cipher);
        assert_eq!(
            letter,
            "Received: from a\nMIME-Version: 1.0\nContent-Type: text/plain; hp=\"cipher\"\n\
             From: a@a.example\nTo: b@b.example\nSubject: secret\n\nhi\n"
        );
        assert_eq!(differences, []);
    }

    #[test]
    fn u10_what_was_changed_or_added_outside_is_said() {
        for (from, to, level, name) in [
            ("To: b@b.example", "To: b@b.example, e@e.example", Level::Bad, "To "),
            ("To: b@b.example", "To: b@b.example\nCc: e@e.example", Level::Bad, "Cc "),
            ("To: b@b.example", "To: b@b.example\nReply-To: e@e.example", Level::Bad, "Reply-To "),
            ("To: b@b.example", "To: b@b.example\nIn-Reply-To: <x@y>", Level::Bad, "In-Reply-To "),
            ("From: a@", "From: e@e.example\nX: a@", Level::Bad, "From "),
            ("[...]", "Pay", Level::Open, "Subject "),
        ] {
            let (letter, differences) = joined(&OUTER.replace(from, to), INNER, Cover::Cipher);
            assert!(!letter.contains("e@e.example"), "{letter}");
            assert_eq!(differences.len(), 1, "{differences:?}");
            assert!(
                differences[0].0 == level && differences[0].1.starts_with(name),
                "{differences:?}"
            );
        }
    }

    #[test]
    fn fields_that_arent_said_to_be_the_letters_are_none_of_it() {
        let payload = INNER.replace("; hp=\"cipher\"", "");
        let (letter, differences) = joined(OUTER, &payload, Cover::Cipher);
        assert!(letter.contains("Subject: [...]") && !letter.contains("secret"), "{letter}");
        assert_eq!(differences, []);
        let older = payload.replace("text/plain", "text/plain; protected-headers=\"v1\"");
        assert!(joined(OUTER, &older, Cover::Cipher).0.contains("Subject: secret"));
    }

    #[test] // Tests RFC 9788 §4.4.
    fn fields_under_a_signature_that_proves_nothing_dont_count() {
        let joined = join(&crlf(OUTER), crlf(INNER), None);
        let letter = String::from_utf8(joined.letter).unwrap();
        assert!(letter.contains("Subject: [...]") && !letter.contains("secret"), "{letter}");
    }

    #[test] // Tests RFC 9788 §4.5.3.
    fn fields_written_into_the_text_are_taken_out() {
        let payload = "Content-Type: multipart/mixed; boundary=b; hp=cipher\nSubject: s\n\n--b\n\
            Content-Type: text/plain; hp-legacy-display=1\n\nSubject: s\n\nhi\n--b\n\
            Content-Type: text/plain\n\nSubject: quoted\n\nhi\n--b--\n";
        let (letter, _) = joined(OUTER, payload, Cover::Cipher);
        assert!(letter.contains("hp-legacy-display=1\n\nhi\n--b\n"), "{letter}");
        assert!(letter.contains("Subject: quoted"), "{letter}");
        let (clear, _) = joined(OUTER, payload, Cover::Clear);
        assert!(clear.contains("hp-legacy-display=1\n\nSubject: s\n"), "{clear}");
    }
}
