//! What a client knows of a mailbox, built from what it is told and from nothing else.

/// Flags and keywords, as bits in the order of [`NAMES`].
pub(super) type Flags = u16;

pub(super) const NAMES: [&str; 9] = [
    "\\Draft",
    "\\Flagged",
    "$Forwarded",
    "\\Answered",
    "\\Seen",
    "\\Deleted",
    "$one",
    "$two",
    "$three",
];
/// What stands for them in a file's name; keywords have a letter of each folder's own.
pub(super) const LETTERS: &[u8] = b"DFPRST";
pub(super) const SEEN: Flags = 16;
pub(super) const DELETED: Flags = 32;
pub(super) const KEYWORDS: Flags = 0x1c0;

pub(super) fn flags_of(names: &str) -> Flags {
    let known = names.split_ascii_whitespace().filter(|name| *name != "\\Recent");
    known.fold(0, |flags, name| flags | 1 << NAMES.iter().position(|one| *one == name).unwrap())
}

pub(super) fn names_of(flags: Flags) -> String {
    let names = NAMES.iter().enumerate().filter(|(at, _)| flags & 1 << at != 0);
    names.map(|(_, name)| *name).collect::<Vec<_>>().join(" ")
}

/// The members of a set.
pub(super) fn members(set: &str) -> Vec<u32> {
    let range = |range: &str| match range.split_once(':') {
        Some((from, to)) => from.parse().unwrap()..=to.parse().unwrap(),
        None => range.parse().unwrap()..=range.parse().unwrap(),
    };
    set.split(',').flat_map(range).collect()
}

/// A response, as far as a client goes by it.
#[derive(Debug)]
pub(super) enum Line {
    Exists(usize),
    Expunge(usize),
    Vanished(Vec<u32>),
    VanishedEarlier(Vec<u32>),
    Fetch(Fetch),
    Other(String),
}

#[derive(Debug)]
pub(super) struct Fetch {
    pub(super) number: usize,
    pub(super) uid: Option<u32>,
    pub(super) flags: Option<Flags>,
    pub(super) modseq: Option<u64>,
    pub(super) text: Option<u32>,
}

pub(super) fn between<'a>(line: &'a str, from: &str, to: &str) -> Option<&'a str> {
    Some(line.split_once(from)?.1.split_once(to)?.0)
}

/// The responses in what was said.
pub(super) fn lines(said: Vec<String>) -> Vec<Line> {
    let mut said = said.into_iter();
    let mut lines = Vec::new();
    while let Some(mut line) = said.next() {
        while line.ends_with('}') {
            // A letter's text is one line.
            line += &format!(" {}\n{}", said.next().unwrap(), said.next().unwrap());
        }
        lines.push(one(line));
    }
    lines
}

fn one(line: String) -> Line {
    if let Some(uids) = line.strip_prefix("* VANISHED (EARLIER) ") {
        return Line::VanishedEarlier(members(uids));
    }
    if let Some(uids) = line.strip_prefix("* VANISHED ") {
        return Line::Vanished(members(uids));
    }
    let mut words = line.split(' ').skip(1);
    let number = words.next().and_then(|word| word.parse().ok());
    match (number, words.next()) {
        (Some(number), Some("EXISTS")) => Line::Exists(number),
        (Some(number), Some("EXPUNGE")) => Line::Expunge(number),
        (Some(number), Some("FETCH")) => Line::Fetch(Fetch {
            number,
            uid: between(&line, "UID ", " ").map(|uid| uid.trim_end_matches(')').parse().unwrap()),
            flags: between(&line, "FLAGS (", ")").map(flags_of),
            modseq: between(&line, "MODSEQ (", ")").map(|modseq| modseq.parse().unwrap()),
            text: between(&line, "} ", "\n").map(|text| text.parse().unwrap()),
        }),
        _ => Line::Other(line),
    }
}

/// A letter, as far as a client knows it.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    pub(super) uid: Option<u32>,
    pub(super) flags: Option<Flags>,
    pub(super) modseq: u64,
}

/// A mailbox that a client has open.
#[derive(Debug)]
pub(super) struct View {
    pub(super) name: String,
    /// Which mailbox of that name.
    pub(super) which: u32,
    pub(super) writable: bool,
    pub(super) letters: Vec<Known>,
    /// The highest mod-sequence that was told.
    pub(super) modseq: u64,
}

impl View {
    pub(super) fn hear(&mut self, line: &Line) {
        match line {
            Line::Exists(letters) => {
                assert!(*letters >= self.letters.len(), "EXISTS takes letters away");
                self.letters.resize(*letters, Known::default());
            }
            Line::Expunge(number) => {
                assert!((1..=self.letters.len()).contains(number), "EXPUNGE of no letter");
                self.letters.remove(number - 1);
            }
            Line::Vanished(uids) => {
                for uid in uids {
                    let at = self.letters.iter().position(|known| known.uid == Some(*uid));
                    self.letters.remove(at.expect("VANISHED of no letter"));
                }
            }
            Line::Fetch(fetch) => {
                assert!((1..=self.letters.len()).contains(&fetch.number), "FETCH of no letter");
                let known = &mut self.letters[fetch.number - 1];
                if let Some(uid) = fetch.uid {
                    assert!(known.uid.is_none_or(|known| known == uid), "another UID");
                    known.uid = Some(uid);
                }
                known.flags = fetch.flags.or(known.flags);
                if let Some(modseq) = fetch.modseq {
                    assert!(modseq >= known.modseq, "a mod-sequence fell");
                    known.modseq = modseq;
                    self.modseq = self.modseq.max(modseq);
                }
            }
            Line::VanishedEarlier(_) | Line::Other(_) => {}
        }
    }
}
