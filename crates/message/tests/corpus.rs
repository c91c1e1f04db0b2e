//! Each message of the corpus, and what mail-parser makes of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mail_parser::{HeaderValue, MessageParser, MimeHeaders, PartType};
use postroad_message::{
    Address, Body, Envelope, Part, Scope, Section, SentDate, Summary, texts, wire,
};

fn files() -> Vec<(String, Vec<u8>)> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus");
    let entries = |path: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(path).expect("a folder");
        entries.map(|entry| entry.expect("an entry").path()).collect()
    };
    let folders = entries(&corpus).into_iter().filter(|path| path.is_dir());
    let mut files: Vec<(String, Vec<u8>)> = folders
        .flat_map(|folder| entries(&folder))
        .map(|file| {
            let name = file.strip_prefix(&corpus).expect("within").display().to_string();
            (name, std::fs::read(&file).expect("reads"))
        })
        .collect();
    files.sort();
    assert!(files.len() > 50, "the corpus isn't there");
    files
}

fn with_lf(message: &[u8]) -> Vec<u8> {
    message.iter().copied().filter(|octet| *octet != b'\r').collect()
}

/// All that can be asked of a message.
fn ask(letter: &[u8]) {
    let summary = Summary::of(letter);
    assert_eq!(summary.octets, wire::octets(letter));
    let whole = summary.structure.section(letter, &[], Section::Whole).expect("all of it");
    assert_eq!(whole.octets(), summary.octets);
    texts(letter, &summary.structure, Scope::All).for_each(drop);
    let numbers = match &summary.structure.content {
        Body::Multipart(_) => vec![],
        // The part that isn't among others.
        _ => vec![1],
    };
    walk(&summary.structure, &mut { numbers }, &mut |part, numbers| {
        for section in [Section::Whole, Section::Header, Section::Text, Section::Mime] {
            let _ = summary.structure.section(letter, numbers, section);
        }
        let names = [b"subject".to_vec()];
        let _ = summary.structure.section(letter, numbers, Section::HeaderFieldsNot(&names));
        let found = summary.structure.part(numbers).expect("it has these numbers");
        assert_eq!(found.body, part.body);
        let _ = summary.structure.binary(letter, numbers, 0..u64::MAX, &mut Vec::new());
    });
}

fn walk(part: &Part, numbers: &mut Vec<u32>, visit: &mut impl FnMut(&Part, &[u32])) {
    visit(part, numbers);
    let parts = match &part.content {
        Body::Multipart(parts) => &parts[..],
        Body::Message { message, .. } => match &message.content {
            Body::Multipart(parts) => &parts[..],
            _ => std::slice::from_ref(&**message),
        },
        Body::Other | Body::Text(_) => return,
    };
    for (number, part) in (1..).zip(parts) {
        numbers.push(number);
        walk(part, numbers, visit);
        numbers.pop();
    }
}

#[test] // Row I09.
fn i09_every_message_is_summed_up() {
    for (name, message) in files() {
        ask(&message);
        let lf = with_lf(&message);
        ask(&lf);
        // Cut off anywhere.
        for end in (0..lf.len()).step_by(lf.len() / 50 + 1) {
            ask(&lf[..end]);
        }
        if !message.contains(&b'\r') {
            let wire = String::from_utf8_lossy(&message).replace('\n', "\r\n");
            let stored = wire.replace("\r\n", "\n");
            let (wire, stored) = (Summary::of(wire.as_bytes()), Summary::of(stored.as_bytes()));
            assert_eq!(shape(&wire.structure), shape(&stored.structure), "{name}");
            assert_eq!((wire.octets, wire.envelope), (stored.octets, stored.envelope), "{name}");
            assert_eq!(wire.preview, stored.preview, "{name}");
        }
    }
}

/// Types, as they lie in each other; with what is on the wire.
fn shape(part: &Part) -> String {
    let media = [&part.kind[..], b"/", &part.subtype[..]].concat().to_ascii_lowercase();
    let media = String::from_utf8_lossy(&media).into_owned();
    match &part.content {
        Body::Other | Body::Text(_) => media,
        Body::Multipart(parts) => {
            format!("{media}({})", parts.iter().map(shape).collect::<Vec<_>>().join(" "))
        }
        Body::Message { message, .. } => format!("{media}<{}>", shape(message)),
    }
}

fn their_shape(message: &mail_parser::Message<'_>, part: usize, default: &str) -> String {
    let part = &message.parts[part];
    let media = part.content_type().map_or(default.to_owned(), |media| {
        format!("{}/{}", media.ctype(), media.subtype().unwrap_or_default())
    });
    let media = media.to_ascii_lowercase();
    match &part.body {
        PartType::Multipart(parts) => {
            let default = if media == "multipart/digest" { "message/rfc822" } else { "text/plain" };
            let parts: Vec<_> =
                parts.iter().map(|at| their_shape(message, *at as usize, default)).collect();
            format!("{media}({})", parts.join(" "))
        }
        PartType::Message(inner) => format!("{media}<{}>", their_shape(inner, 0, "text/plain")),
        _ => media,
    }
}

/// Mailboxes of a list, without groups.
fn our_list(addresses: &[Address]) -> Vec<String> {
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    let shown = |address: &Address| {
        let host = address.host.as_ref().map(|host| text(host))?;
        let mailbox = text(address.mailbox.as_deref().unwrap_or_default());
        Some(if host.is_empty() { mailbox } else { format!("{mailbox}@{host}") })
    };
    addresses.iter().filter_map(shown).collect()
}

fn their_list(address: Option<&mail_parser::Address<'_>>) -> Vec<String> {
    let addresses = address.into_iter().flat_map(|address| address.iter());
    addresses.filter_map(|address| address.address.as_deref().map(str::to_owned)).collect()
}

/// What both say of a message, by name; where they differ.
fn differences(message: &[u8]) -> BTreeMap<&'static str, (String, String)> {
    let mut differences = BTreeMap::new();
    let mut compare = |what, ours: String, theirs: String| {
        if ours != theirs {
            differences.insert(what, (ours, theirs));
        }
    };
    let Some(theirs) = MessageParser::default().parse(message) else { return differences };
    let part = Part::of(message);
    compare("shape", shape(&part), their_shape(&theirs, 0, "text/plain"));
    let envelope = Envelope::of(message);
    let summary = Summary::of(message);
    for (what, own, other) in [
        ("from", &envelope.from, theirs.from()),
        ("to", &envelope.to, theirs.to()),
        ("cc", &envelope.cc, theirs.cc()),
    ] {
        compare(what, our_list(own).join(" "), their_list(other).join(" "));
    }
    let seconds = |date: Option<SentDate>| date.map(|date| date.seconds);
    let date = theirs.date().map(mail_parser::DateTime::to_timestamp);
    compare("date", format!("{:?}", seconds(summary.sent)), format!("{date:?}"));
    let id = envelope.message_id.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
    let id = id.trim_start_matches('<').trim_end_matches('>');
    compare("id", id.to_owned(), theirs.message_id().unwrap_or_default().to_owned());
    let references = match theirs.references() {
        HeaderValue::Text(_) => 1,
        HeaderValue::TextList(list) => list.len(),
        _ => summary.references.len(),
    };
    compare("references", summary.references.len().to_string(), references.to_string());
    differences
}

/// Where we differ, and why.
const DIFFERENCES: &[(&str, &str, &str)] = &[
    ("cpython/msg_15.eml", "to", "`XX` is shown, though no letter reaches it"),
    ("cpython/msg_25.eml", "shape", "a multipart without a boundary is its text"),
    ("cpython/msg_25.eml", "to", "RFC 5322 §4.5.3: two fields are one list"),
    ("cpython/msg_38.eml", "shape", "RFC 2046 §5.1.2: outer boundaries end inner parts"),
    (
        "dovecot/malformed-016.eml",
        "shape",
        "RFC 2046 §5.1.2: a delimiter is a whole line, not its beginning",
    ),
    ("dovecot/malformed-019.eml", "date", "of two dates the first counts, which has a broken time"),
    ("dovecot/malformed-021.eml", "shape", "of two types the first counts"),
    ("dovecot/thirdparty-015.eml", "shape", "a delimiter ends a header"),
    ("made/huge-header.eml", "references", "there is a limit"),
    ("mail-parser/rfc-004.eml", "from", "a word alone is shown, though no letter reaches it"),
    ("mail-parser/rfc-004.eml", "to", "as there"),
];

#[test]
fn as_mail_parser_has_it() {
    let mut found = Vec::new();
    for (name, message) in files() {
        for (what, (ours, theirs)) in differences(&message) {
            println!("{name}, {what}\n  ours: {ours}\n  theirs: {theirs}");
            found.push((name.clone(), what));
        }
    }
    let expected: Vec<_> =
        DIFFERENCES.iter().map(|(name, what, _)| ((*name).to_owned(), *what)).collect();
    assert_eq!(found, expected);
}
