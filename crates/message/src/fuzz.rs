//! What the fuzz targets run, so that plain `cargo test` can replay their seeds.
//!
//! Each body takes any octets and panics where something that must hold doesn't. The targets under `tests/fuzz` hand
//! them libFuzzer's octets; `tests/fuzz_seeds.rs` hands them the files in the tree.

use crate::{
    Body as Content, MessageId, Needle, Node, Origin, Part, Scope, Section, Summary, Threadable,
    Threads, casemap, limits, texts, wire,
};

/// What one target runs.
pub type Body = fn(&[u8]);

/// Every target, by the name of its file and its folder of seeds.
pub const TARGETS: [(&str, Body); 2] = [("message", message), ("threads", threads)];

/// A letter: all that can be asked of it. The last eight octets are looked for in it, too.
pub fn message(letter: &[u8]) {
    let summary = Summary::of(letter);
    let part = &summary.structure;
    sound(part, letter);
    let whole = wire::Excerpt::whole(letter);
    assert_eq!(whole.octets(), summary.octets);
    let on_wire = whole.to_wire();
    assert_eq!(on_wire.len() as u64, summary.octets);
    let sent = Summary::of(&on_wire);
    assert!(is_same(part, &sent.structure), "another tree with CRLF");
    assert_eq!(summary.envelope, sent.envelope);
    assert!(summary.preview.chars().count() <= limits::PREVIEW_CHARACTERS_MAX);
    assert!(!summary.preview.contains(char::is_control));
    assert!(summary.references.len() <= limits::REFERENCES_MAX);
    sections(part, letter, &mut Vec::new());
    let end = letter.get(letter.len().saturating_sub(8)..).unwrap_or_default();
    let needle = String::from_utf8_lossy(end);
    for scope in [Scope::Body, Scope::All] {
        let found = Needle::new(&needle).is_in_letter(letter, part, scope);
        assert_eq!(found, is_in_some_text(&needle, letter, part, scope), "{needle:?}");
    }
}

/// What always holds of a tree: parts lie in each other, in order, and sizes are those of their ranges.
pub(crate) fn sound(part: &Part, letter: &[u8]) {
    assert!(part.header.start <= part.header.end && part.header.end <= part.body.start);
    assert!(part.body.start <= part.body.end && part.body.end <= letter.len(), "{part:?}");
    let body = letter.get(part.body.clone()).unwrap_or_default();
    assert_eq!(part.octets, wire::octets(body));
    let lines = memchr::memchr_iter(b'\n', body).count() as u64;
    match &part.content {
        Content::Other => {}
        Content::Text(text) => assert_eq!(text.lines, lines),
        Content::Multipart(parts) => {
            assert!(!parts.is_empty(), "a multipart without parts");
            let mut at = part.body.start;
            for within in parts {
                assert!(within.header.start >= at && within.body.end <= part.body.end);
                sound(within, letter);
                at = within.body.end;
            }
        }
        Content::Message { message, lines: counted, .. } => {
            assert_eq!(*counted, lines);
            assert!(message.header.start == part.body.start && message.body.end == part.body.end);
            sound(message, letter);
        }
    }
}

/// The same but for where things stand.
fn is_same(a: &Part, b: &Part) -> bool {
    let is_alike = (&a.kind, &a.subtype, &a.parameters, &a.encoding, a.octets)
        == (&b.kind, &b.subtype, &b.parameters, &b.encoding, b.octets)
        && (&a.id, &a.description, &a.disposition, &a.language, &a.location, &a.md5)
            == (&b.id, &b.description, &b.disposition, &b.language, &b.location, &b.md5);
    is_alike
        && match (&a.content, &b.content) {
            (Content::Multipart(a), Content::Multipart(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b))
            }
            (
                Content::Message { envelope: a, message: in_a, lines: a_lines },
                Content::Message { envelope: b, message: in_b, lines: b_lines },
            ) => a == b && a_lines == b_lines && is_same(in_a, in_b),
            (a, b) => a == b,
        }
}

/// Each part can be had by its numbers.
fn sections(letter: &Part, octets: &[u8], numbers: &mut Vec<u32>) {
    let Some(part) = letter.part(numbers) else { return };
    for section in [Section::Whole, Section::Header, Section::Text, Section::Mime] {
        if let Some(excerpt) = letter.section(octets, numbers, section) {
            assert_eq!(excerpt.to_wire().len() as u64, excerpt.octets());
        }
    }
    let names = [b"subject".to_vec()];
    let fields = |section| letter.section(octets, numbers, section).map(|excerpt| excerpt.octets());
    if let Some(header) = fields(Section::Header) {
        let with = fields(Section::HeaderFields(&names)).unwrap_or(0);
        let without = fields(Section::HeaderFieldsNot(&names)).unwrap_or(0);
        // The empty line is in both.
        assert!((header..=header + 2).contains(&(with + without)), "{header} {with} {without}");
    }
    let mut out = Vec::new();
    if let Ok(size) = letter.binary(octets, numbers, 0..u64::MAX, &mut out) {
        assert_eq!(size, out.len() as u64);
    }
    let count = match &part.content {
        Content::Multipart(parts) => parts.len(),
        // RFC 9051 §6.4.5.1: a letter that isn't a multipart is its own first part.
        _ if numbers.is_empty() => 1,
        Content::Message { message, .. } => match &message.content {
            Content::Multipart(parts) => parts.len(),
            _ => 1,
        },
        Content::Other | Content::Text(_) => 0,
    };
    for number in (1..).take(count.min(20)) {
        numbers.push(number);
        assert!(letter.part(numbers).is_some(), "{numbers:?}");
        sections(letter, octets, numbers);
        numbers.pop();
    }
}

/// All decoded, all folded: slow, and right.
pub(crate) fn is_in_some_text(needle: &str, letter: &[u8], part: &Part, scope: Scope) -> bool {
    let folded = casemap::fold(needle.replace("\r\n", "\n").as_bytes());
    texts(letter, part, scope).any(|text| {
        let text = casemap::fold(text.as_bytes());
        folded.is_empty() || text.windows(folded.len()).any(|window| window == folded)
    })
}

/// Letters of four octets each: id, one thing that is answered, another, and subject with origin and date.
pub fn threads(octets: &[u8]) {
    let id = |octet: u8| MessageId(u64::from(octet % 32));
    let rows: Vec<[u8; 4]> = octets.as_chunks().0.to_vec();
    let references: Vec<Vec<MessageId>> = rows
        .iter()
        .map(|[_, first, second, _]| {
            [*first, *second].into_iter().filter(|octet| octet % 3 > 0).map(id).collect()
        })
        .collect();
    let letters: Vec<Threadable<'_>> = rows
        .iter()
        .zip(&references)
        .map(|([own, _, _, rest], references)| Threadable {
            id: (own % 5 > 0).then(|| id(*own)),
            references,
            subject: (rest % 4 > 0).then_some(u32::from(rest % 4)),
            origin: if rest & 16 == 0 { Origin::Original } else { Origin::Answer },
            sent: i64::from(rest >> 5),
        })
        .collect();
    for threads in [Threads::by_references(&letters), Threads::by_subject(&letters)] {
        sound_threads(&threads, letters.len());
        let list = threads.list(|at| u32::try_from(at + 1).unwrap_or(u32::MAX));
        let count = |octet| memchr::memchr_iter(octet, &list).count();
        assert_eq!(count(b'('), count(b')'));
    }
}

/// What always holds of threads: each letter once; depths that fit the numbers of children; dummies only at the top, of
/// two and more.
pub(crate) fn sound_threads(threads: &Threads, letters: usize) {
    let mut seen = vec![0; letters];
    let mut waiting = vec![usize::MAX];
    for Node { letter, depth, children } in threads.nodes().iter().copied() {
        while waiting.last() == Some(&0) {
            waiting.pop();
        }
        assert_eq!(depth + 1, waiting.len(), "not where it belongs");
        if let Some(left) = waiting.last_mut() {
            *left -= 1;
        }
        match letter.and_then(|letter| seen.get_mut(letter)) {
            Some(times) => *times += 1,
            None => assert!(letter.is_none() && depth == 0 && children > 1, "a dummy"),
        }
        waiting.push(children);
    }
    assert!(waiting.iter().skip(1).all(|left| *left == 0), "children are missing");
    assert!(seen.iter().all(|times| *times == 1), "a letter is missing, or there twice");
}
