//! `i;unicode-casemap`: texts that differ in case alone, or in how a letter and its accent are put together, are equal
//! (RFC 5051).

use std::sync::OnceLock;

use icu_casemap::CaseMapper;
use icu_normalizer::DecomposingNormalizerBorrowed;

/// The form of a text that octets are compared of: each character in title case, then decomposed (RFC 5051 §2). A text
/// with something in it that isn't UTF-8 stays as it is.
pub fn fold(text: &[u8]) -> Vec<u8> {
    let mut folded = Vec::with_capacity(text.len());
    match std::str::from_utf8(text) {
        Ok(text) => push(text, &mut folded),
        // RFC 5051 §2 (1) (b).
        Err(_) => folded.extend_from_slice(text),
    }
    folded
}

/// A folded text, and which of its octets came from which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folded {
    /// As [`fold`] makes it.
    pub octets: Vec<u8>,
    /// Where each character begins: here, and in what was folded. The last pair is the two ends.
    pub starts: Vec<(usize, usize)>,
}

/// As [`fold`], with the places of characters.
pub fn fold_with_places(text: &[u8]) -> Folded {
    let mut folded = Folded { octets: Vec::with_capacity(text.len()), starts: Vec::new() };
    match std::str::from_utf8(text) {
        Ok(text) => {
            for (at, character) in text.char_indices() {
                folded.starts.push((folded.octets.len(), at));
                push_character(character, &mut folded.octets);
            }
        }
        Err(_) => {
            folded.starts.extend((0..text.len()).map(|at| (at, at)));
            folded.octets.extend_from_slice(text);
        }
    }
    folded.starts.push((folded.octets.len(), text.len()));
    folded
}

/// Adds the folded form of a text.
pub(crate) fn push(text: &str, folded: &mut Vec<u8>) {
    let mut rest = text;
    while !rest.is_empty() {
        let ascii = rest.bytes().position(|octet| !octet.is_ascii()).unwrap_or(rest.len());
        let (plain, behind) = rest.split_at(ascii);
        push_ascii(plain.as_bytes(), folded);
        let mut characters = behind.chars();
        let others = characters.by_ref().take_while(|character| !character.is_ascii());
        let octets: usize = others
            .map(|character| {
                push_character(character, folded);
                character.len_utf8()
            })
            .sum();
        rest = behind.get(octets..).unwrap_or_default();
    }
}

/// Adds the folded form of a text that is ASCII.
pub(crate) fn push_ascii(text: &[u8], folded: &mut Vec<u8>) {
    let start = folded.len();
    folded.extend_from_slice(text);
    if let Some(added) = folded.get_mut(start..) {
        added.make_ascii_uppercase();
    }
}

fn push_character(character: char, folded: &mut Vec<u8>) {
    match character {
        // Ideographs have neither case nor parts.
        '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' => {
            folded.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
        _ => match Table::get().folded(character) {
            Some(octets) => folded.extend_from_slice(octets),
            None => push_computed(character, folded),
        },
    }
}

fn push_computed(character: char, folded: &mut Vec<u8>) {
    // RFC 5051 §2 (2) (a): the property of UnicodeData.txt is one character for one.
    let title = CaseMapper::new().simple_titlecase(character);
    let mut buffer = [0; 4];
    let title: &str = title.encode_utf8(&mut buffer);
    match title.is_ascii() {
        true => folded.extend_from_slice(title.as_bytes()),
        false => {
            let nfkd = DecomposingNormalizerBorrowed::new_nfkd();
            folded.extend_from_slice(nfkd.normalize(title).as_bytes());
        }
    }
}

/// The folded forms of the characters of most alphabets, computed once: looking one up is ten times as fast.
struct Table {
    octets: Vec<u8>,
    /// Where the form of each character begins, and the end.
    starts: Vec<u32>,
}

/// The end of the syllabaries; ideographs follow.
const TABLE_END: u32 = 0x3400;

impl Table {
    fn get() -> &'static Self {
        static TABLE: OnceLock<Table> = OnceLock::new();
        TABLE.get_or_init(|| {
            let mut table = Self { octets: Vec::new(), starts: vec![0] };
            // None of these is a surrogate.
            for character in (0..TABLE_END).filter_map(char::from_u32) {
                push_computed(character, &mut table.octets);
                table.starts.push(u32::try_from(table.octets.len()).unwrap_or(u32::MAX));
            }
            table
        })
    }

    fn folded(&self, character: char) -> Option<&[u8]> {
        let at = usize::try_from(u32::from(character)).ok()?;
        let place = |at: usize| usize::try_from(*self.starts.get(at)?).ok();
        self.octets.get(place(at)?..place(at + 1)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // Tests RFC 5051 §2.
    fn characters() {
        let folded = |text: &str| fold(text.as_bytes());
        for (a, b) in [
            ("Ärger", "ärger"),
            ("e\u{301}", "é"),
            ("É", "é"),
            ("ΣΑΣ", "σας"),
            ("Å", "Å"),
            // Title case: each of three digraphs becomes one, and that two letters.
            ("Ǆ", "ǆ"),
            ("Ǆ", "ǅ"),
            ("ǉ", "Ǉ"),
            ("Ǌ", "ǋ"),
            ("ǳ", "ǲ"),
            // Letters with a iota beneath: in upper case they are two.
            ("ᾀ", "ᾈ"),
            ("ῳ", "ῼ"),
        ] {
            assert_eq!(folded(a), folded(b), "{a} {b}");
        }
        for (a, b) in [
            ("a", "b"),
            ("ß", "ss"),
            ("o", "ö"),
            ("ﬁn", "FIN"),
            // Of those two the second is a small letter, as none is that stands alone.
            ("Ǆ", "DZ\u{30c}"),
            ("ǉ", "Lj"),
            // In title case a letter of this alphabet stays what it is.
            ("ა", "Ა"),
        ] {
            assert_ne!(folded(a), folded(b), "{a} {b}");
        }
        assert_eq!(folded("Ǆ"), "Dz\u{30c}".as_bytes());
        // What isn't UTF-8 is octets, all of it.
        assert_eq!(fold(b"a\xff"), b"a\xff");
    }

    #[test]
    fn tables_say_what_is_computed() {
        for character in (0..=0x1_ffff).filter_map(char::from_u32) {
            let (mut got, mut expected) = (Vec::new(), Vec::new());
            push_character(character, &mut got);
            push_computed(character, &mut expected);
            assert_eq!(got, expected, "{character}");
        }
    }

    proptest::proptest! {
        #[test]
        fn places(text in "[a-zÄǆﬁ日 ]{0,12}") {
            let folded = fold_with_places(text.as_bytes());
            proptest::prop_assert_eq!(&folded.octets, &fold(text.as_bytes()));
            for pair in folded.starts.windows(2) {
                let [(start, from), (end, to)] = pair else { continue };
                let alone = fold(&text.as_bytes()[*from..*to]);
                proptest::prop_assert_eq!(&folded.octets[*start..*end], &*alone);
            }
        }
    }
}
