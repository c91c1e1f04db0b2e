//! Flags in a file's name: `:2,FSab` (<https://cr.yp.to/proto/maildir.html>). Small letters are keywords, as
//! the folder has them (`keywords.rs`).

use crate::limits::KEYWORD_OCTETS_MAX;

/// Flags and keywords that a letter is to have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    letters: Vec<char>,
    keywords: Vec<String>,
}

/// What IMAP calls them (RFC 9051 §2.3.2), in the order of their letters.
const LETTERS: [(&str, char); 6] = [
    ("\\Draft", 'D'),
    ("\\Flagged", 'F'),
    ("$Forwarded", 'P'),
    ("\\Answered", 'R'),
    ("\\Seen", 'S'),
    ("\\Deleted", 'T'),
];

impl Flags {
    /// The flags of these names, and the names that can be neither flags nor keywords.
    pub fn of(names: &[String]) -> (Self, Vec<String>) {
        let has = |flag: &str| names.iter().any(|name| name.eq_ignore_ascii_case(flag));
        let letters = LETTERS.iter().filter(|(flag, _)| has(flag)).map(|(_, letter)| *letter);
        let is_letter =
            |name: &&String| LETTERS.iter().any(|(flag, _)| name.eq_ignore_ascii_case(flag));
        let (mut keywords, mut others) = (Vec::<String>::new(), Vec::new());
        for name in names.iter().filter(|name| !is_letter(name)) {
            match is_keyword(name) {
                // RFC 9051 §2.3.2: in any case.
                true if keywords.iter().any(|other| other.eq_ignore_ascii_case(name)) => {}
                true => keywords.push(name.clone()),
                false => others.push(name.clone()),
            }
        }
        (Self { letters: letters.collect(), keywords }, others)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.letters.is_empty() && self.keywords.is_empty()
    }

    /// Whether its reader would remove the letter next.
    pub(crate) fn is_trashed(&self) -> bool {
        self.letters.contains(&'T')
    }

    pub(crate) fn keywords(&self) -> &[String] {
        &self.keywords
    }

    /// The same beside those that a file's name has.
    pub(crate) fn with_letters(&self, info: &[u8]) -> Self {
        let mut with = self.clone();
        let old = info.iter().copied().filter(u8::is_ascii_uppercase).map(char::from);
        with.letters.extend(old.filter(|letter| !self.letters.contains(letter)));
        with
    }

    /// What stands in the header of a letter in a mailbox file, as mutt and Dovecot have it. A keyword is an atom: it
    /// breaks no line.
    pub(crate) fn status_fields(&self) -> String {
        const STATUS: [(char, &str); 4] = [('R', "A"), ('T', "D"), ('F', "F"), ('D', "T")];
        let has = |letter: &char| self.letters.contains(letter);
        let mut fields = if has(&'S') { "Status: RO\n".to_owned() } else { String::new() };
        let others = STATUS.iter().filter(|(ours, _)| has(ours)).map(|(_, theirs)| *theirs);
        let (others, keywords) = (others.collect::<String>(), self.keywords.join(" "));
        for (name, value) in [("X-Status", others), ("X-Keywords", keywords)] {
            if !value.is_empty() {
                fields += &format!("{name}: {value}\n");
            }
        }
        fields
    }

    /// What stands at the end of a file's name, with these letters for keywords.
    pub(crate) fn info(&self, keywords: &[char]) -> String {
        let mut letters: Vec<char> = self.letters.iter().chain(keywords).copied().collect();
        letters.sort_unstable();
        match letters.is_empty() {
            true => String::new(),
            false => format!(":2,{}", letters.iter().collect::<String>()),
        }
    }
}

/// RFC 9051 §9: `flag-keyword`, an atom.
fn is_keyword(name: &str) -> bool {
    let is_atom = |octet: u8| octet.is_ascii_graphic() && !b"(){%*\"\\]".contains(&octet);
    (1..=KEYWORD_OCTETS_MAX).contains(&name.len()) && name.bytes().all(is_atom)
}

/// As IMAP calls them.
impl std::fmt::Display for Flags {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = LETTERS.iter().filter(|(_, letter)| self.letters.contains(letter));
        let mut names: Vec<&str> = names.map(|(name, _)| *name).collect();
        names.extend(self.keywords.iter().map(String::as_str));
        f.write_str(&names.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_in_order_keywords_and_what_is_neither() {
        let long = "x".repeat(KEYWORD_OCTETS_MAX + 1);
        for (names, info, shown, others) in [
            (&[][..], "", "", &[][..]),
            (&["\\seen", "\\Flagged", "\\SEEN"], ":2,FSa", "\\Flagged \\Seen", &[]),
            (&["Work", "$Label1", "work"], ":2,a", "Work $Label1", &[]),
            (
                &["\\Deleted", "x", "\\Draft", "$forwarded"],
                ":2,DPTa",
                "\\Draft $Forwarded \\Deleted x",
                &[],
            ),
            (
                &["\\Recent", "a b", "", "a\n", "ä", &long, "(x"],
                "",
                "",
                &["\\Recent", "a b", "", "a\n", "ä", &long, "(x"],
            ),
        ] {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let (flags, left) = Flags::of(&names);
            let keywords: &[char] = if info.contains('a') { &['a'] } else { &[] };
            assert_eq!((flags.info(keywords).as_str(), flags.to_string().as_str()), (info, shown));
            assert_eq!(left, others);
        }
    }
}
