//! What a letter's file name tells: which letter it is, its flags, when it came, its sizes.
//!
//! ```text
//! 1764471611.M123456P42Q7R9f3c21aa.host,S=4096,W=4200:2,FSa
//! └──────────── identity ─────────────┘└─ sizes ────┘└─ info
//! └───────────────────── stored ───────────────────┘
//! ```
//! *Identity* is all up to the first `,` or `:`: other programs change what is behind it (`,U=` of mbsync, `,S=`), and
//! it is the same letter. *Stored* is what is kept in memory: the name without what [`Flagged`] tells. A name whose info
//! isn't as we would write it (letters that we don't know, or in another order) is kept whole.

use memchr::{memchr, memchr2};

/// Keywords that a letter can have, by number.
pub(crate) const KEYWORDS_MAX: usize = 64;
/// Those of them that stand in a file's name, as a to z.
pub(crate) const KEYWORD_LETTERS: u64 = (1 << 26) - 1;

/// The info of a name, and where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Flagged {
    pub(crate) state: State,
    /// One bit for each keyword.
    pub(crate) keywords: u64,
}

/// Flags, and how the rest of a name is to be understood: one bit for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct State(pub(crate) u16);

impl State {
    /// The flags that have a capital letter, in the order of their letters.
    pub(crate) const LETTERS: [(u8, Self); 6] = [
        (b'D', Self(1)),
        (b'F', Self(2)),
        (b'P', Self(4)),
        (b'R', Self(8)),
        (b'S', Self(16)),
        (b'T', Self(32)),
    ];
    /// All of them.
    pub(crate) const FLAGS: Self = Self(63);
    /// The file is in new/.
    pub(crate) const IN_NEW: Self = Self(64);
    /// The name ends with an info, be it empty.
    pub(crate) const INFO: Self = Self(128);
    /// What is stored is the whole name.
    pub(crate) const WHOLE: Self = Self(256);

    pub(crate) fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(crate) fn flags(self) -> u8 {
        (self.0 & Self::FLAGS.0) as u8
    }

    pub(crate) fn with_flags(self, flags: u8) -> Self {
        Self(self.0 & !Self::FLAGS.0 | u16::from(flags) & Self::FLAGS.0)
    }
}

/// Which of a folder's directories.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    New,
    Cur,
}

/// A name, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Name<'a> {
    pub(crate) stored: &'a [u8],
    pub(crate) flagged: Flagged,
}

impl<'a> Name<'a> {
    pub(crate) fn parse(name: &'a [u8], place: Place) -> Self {
        let in_new = match place {
            Place::New => State::IN_NEW,
            Place::Cur => State::default(),
        };
        let Some((base, info)) = memchr(b':', name).and_then(|at| name.split_at_checked(at)) else {
            return Self { stored: name, flagged: Flagged { state: in_new, keywords: 0 } };
        };
        let letters = info.strip_prefix(b":2,");
        let (state, keywords, order) = flags_of(letters.unwrap_or_default());
        match (letters, order) {
            (Some(_), Order::Ours) => {
                let state = state.and(in_new).and(State::INFO);
                Self { stored: base, flagged: Flagged { state, keywords } }
            }
            _ => {
                let state = state.and(in_new).and(State::WHOLE);
                Self { stored: name, flagged: Flagged { state, keywords } }
            }
        }
    }
}

/// Whether letters are as we write them.
#[derive(PartialEq, Eq)]
enum Order {
    Ours,
    Others,
}

/// Flags and keywords of an info's letters, up to a comma: what is behind it are no flags.
fn flags_of(letters: &[u8]) -> (State, u64, Order) {
    let (mut state, mut keywords, mut order) = (State::default(), 0, Order::Ours);
    let mut last = 0;
    for &letter in letters {
        if letter <= last {
            order = Order::Others;
        }
        last = letter;
        match letter {
            b'a'..=b'z' => keywords |= 1 << (letter - b'a'),
            b',' => {
                order = Order::Others;
                break;
            }
            _ => match State::LETTERS.iter().find(|(known, _)| *known == letter) {
                Some((_, flag)) => state = state.and(*flag),
                None => order = Order::Others,
            },
        }
    }
    (state, keywords, order)
}

/// Appends the letters of flags and keywords.
fn push_letters(flagged: Flagged, out: &mut Vec<u8>) {
    let flags = State::LETTERS.iter().filter(|(_, flag)| flagged.state.has(*flag));
    out.extend(flags.map(|(letter, _)| *letter));
    let mut keywords = flagged.keywords & KEYWORD_LETTERS;
    while keywords != 0 {
        out.push(b'a' + keywords.trailing_zeros() as u8);
        keywords &= keywords - 1;
    }
}

/// Appends the name that is in the directory.
pub(crate) fn push_name(stored: &[u8], flagged: Flagged, out: &mut Vec<u8>) {
    out.extend_from_slice(stored);
    if !flagged.state.has(State::WHOLE) && flagged.state.has(State::INFO) {
        out.extend_from_slice(b":2,");
        push_letters(flagged, out);
    }
}

/// The name in cur/ that the same letter has with other flags and keywords. What we don't know of its info stays.
pub(crate) fn with_flags(stored: &[u8], flagged: Flagged, flags: u8, keywords: u64) -> Vec<u8> {
    let state = State::INFO.with_flags(flags);
    let mut name = Vec::with_capacity(stored.len() + 16);
    if !flagged.state.has(State::WHOLE) {
        push_name(stored, Flagged { state, keywords }, &mut name);
        return name;
    }
    let (base, info) = stored.split_at(memchr(b':', stored).unwrap_or(stored.len()));
    let letters = info.strip_prefix(b":2,").unwrap_or_default();
    let (letters, rest) = letters.split_at(memchr(b',', letters).unwrap_or(letters.len()));
    let known = |letter: &u8| {
        letter.is_ascii_lowercase() || State::LETTERS.iter().any(|(known, _)| known == letter)
    };
    let mut all: Vec<u8> = letters.iter().copied().filter(|letter| !known(letter)).collect();
    push_letters(Flagged { state, keywords }, &mut all);
    all.sort_unstable();
    all.dedup();
    for part in [base, b":2,", &all, rest] {
        name.extend_from_slice(part);
    }
    name
}

/// What stays the same whatever becomes of the letter's flags and sizes.
pub(crate) fn identity(name: &[u8]) -> &[u8] {
    memchr2(b',', b':', name).and_then(|at| name.get(..at)).unwrap_or(name)
}

/// When the letter came, in seconds and microseconds since 1970, as far as the name tells.
pub(crate) fn arrival(name: &[u8]) -> (u64, u32) {
    let up_to_point = |octets: &[u8]| memchr(b'.', octets).unwrap_or(octets.len());
    let identity = identity(name);
    let (seconds, rest) = identity.split_at(up_to_point(identity));
    let rest = rest.get(1..).unwrap_or_default();
    let second = rest.get(..up_to_point(rest)).unwrap_or_default();
    let micros = memchr(b'M', second).and_then(|at| second.get(at + 1..));
    let (seconds, micros) = (number(seconds).0, micros.map_or(0, |micros| number(micros).0));
    (seconds, u32::try_from(micros).unwrap_or_default())
}

/// A size that the name tells: `S`, octets of the file, or `W`, octets with CRLF.
pub(crate) fn size(name: &[u8], field: u8) -> Option<u64> {
    let base = name.split(|octet| *octet == b':').next()?;
    base.split(|octet| *octet == b',').skip(1).find_map(|part| match part {
        [name, b'=', value @ ..] if *name == field => match number(value) {
            (size, []) if !value.is_empty() => Some(size),
            _ => None,
        },
        _ => None,
    })
}

/// The number that some octets begin with, and what is behind it; 0 where it is too large to be one.
fn number(octets: &[u8]) -> (u64, &[u8]) {
    let digits = octets.iter().take_while(|octet| octet.is_ascii_digit()).count();
    let (digits, rest) = octets.split_at(digits);
    let value = digits.iter().try_fold(0_u64, |value, digit| {
        value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    });
    (value.unwrap_or_default(), rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_as_programs_write_them() {
        for (name, stored, flags, identity_is) in [
            ("1.M2P3.h,S=4,W=5:2,FSa", "1.M2P3.h,S=4,W=5", "FSa", "1.M2P3.h"),
            ("1.h:2,", "1.h", "", "1.h"),
            ("1.h", "1.h", "", "1.h"),
            ("1.h:2,SF", "1.h:2,SF", "FS", "1.h"),
            ("1.h:2,SX", "1.h:2,SX", "S", "1.h"),
            ("1.h:2,SS", "1.h:2,SS", "S", "1.h"),
            ("1.h:2,S,U=7", "1.h:2,S,U=7", "S", "1.h"),
            ("1.h,U=7:2,S", "1.h,U=7", "S", "1.h"),
            ("1.h:1,xyz", "1.h:1,xyz", "", "1.h"),
            ("1.h:", "1.h:", "", "1.h"),
            (":2,S", "", "S", ""),
        ] {
            let parsed = Name::parse(name.as_bytes(), Place::Cur);
            assert_eq!(parsed.stored, stored.as_bytes(), "{name}");
            let mut letters = Vec::new();
            push_letters(parsed.flagged, &mut letters);
            assert_eq!(letters, flags.as_bytes(), "{name}");
            assert_eq!(identity(name.as_bytes()), identity_is.as_bytes(), "{name}");
        }
    }

    #[test]
    fn other_flags_leave_alone_what_is_not_ours() {
        for (name, after) in [
            ("1.h", "1.h:2,Sa"),
            ("1.h,S=1:2,F", "1.h,S=1:2,Sa"),
            ("1.h:2,XFS,U=7", "1.h:2,SXa,U=7"),
            ("1.h:2,SF", "1.h:2,Sa"),
            ("1.h:1,x", "1.h:2,Sa"),
        ] {
            let Name { stored, flagged } = Name::parse(name.as_bytes(), Place::Cur);
            assert_eq!(with_flags(stored, flagged, 16, 1), after.as_bytes(), "{name}");
        }
    }

    #[test]
    fn times_and_sizes() {
        for (name, at, s, w) in [
            ("12.M34P5.h,S=6,W=7:2,S", (12, 34), Some(6), Some(7)),
            ("12.P5M34.h,W=7", (12, 34), None, Some(7)),
            ("12.5_6.h,S=x,W=", (12, 0), None, None),
            ("x", (0, 0), None, None),
            ("99999999999999999999999.M9", (0, 9), None, None),
            ("1.h:2,S=4", (1, 0), None, None),
        ] {
            let name = name.as_bytes();
            assert_eq!((arrival(name), size(name, b'S'), size(name, b'W')), (at, s, w));
        }
    }

    proptest! {
        #[test]
        fn a_name_is_what_it_was(name in "[0-9.,:2SFXaz=]{0,20}") {
            let parsed = Name::parse(name.as_bytes(), Place::Cur);
            let mut back = Vec::new();
            push_name(parsed.stored, parsed.flagged, &mut back);
            prop_assert_eq!(back, name.as_bytes());
            let next = with_flags(parsed.stored, parsed.flagged, 17, 6);
            prop_assert_eq!(identity(&next), identity(name.as_bytes()));
            let next = Name::parse(&next, Place::Cur);
            prop_assert_eq!((next.flagged.state.flags(), next.flagged.keywords), (17, 6));
        }
    }
}
