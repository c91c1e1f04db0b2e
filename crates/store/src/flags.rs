//! Flags in a file's name: `:2,FS` (<https://cr.yp.to/proto/maildir.html>).

/// Flags that a letter is filed with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags(Vec<char>);

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
    /// The flags of these names, and the names of those that a file's name can't hold.
    pub fn of(names: &[String]) -> (Self, Vec<String>) {
        let has = |flag: &str| names.iter().any(|name| name.eq_ignore_ascii_case(flag));
        let letters = LETTERS.iter().filter(|(flag, _)| has(flag)).map(|(_, letter)| *letter);
        let is_known =
            |name: &&String| LETTERS.iter().any(|(flag, _)| name.eq_ignore_ascii_case(flag));
        let others = names.iter().filter(|name| !is_known(name)).cloned().collect();
        (Self(letters.collect()), others)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether its reader would remove the letter next.
    pub(crate) fn is_trashed(&self) -> bool {
        self.0.contains(&'T')
    }

    /// What stands at the end of a file's name.
    pub(crate) fn info(&self) -> String {
        match self.is_empty() {
            true => String::new(),
            false => format!(":2,{}", self.0.iter().collect::<String>()),
        }
    }
}

/// As IMAP calls them.
impl std::fmt::Display for Flags {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = LETTERS.iter().filter(|(_, letter)| self.0.contains(letter));
        let names: Vec<&str> = names.map(|(name, _)| *name).collect();
        f.write_str(&names.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_in_order_and_keywords_left_over() {
        for (names, info, others) in [
            (&[][..], "", &[][..]),
            (&["\\seen", "\\Flagged", "\\SEEN"], ":2,FS", &[]),
            (&["Work", "$Label1"], "", &["Work", "$Label1"]),
            (&["\\Deleted", "x", "\\Answered", "\\Draft", "$forwarded"], ":2,DPRT", &["x"]),
        ] {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let (flags, left) = Flags::of(&names);
            assert_eq!(
                (flags.info().as_str(), left.as_slice()),
                (info, &others.iter().map(|o| (*o).to_owned()).collect::<Vec<_>>()[..])
            );
        }
    }
}
