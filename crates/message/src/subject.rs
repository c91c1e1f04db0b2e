//! The base subject: what a subject is without what answering and forwarding add to it (RFC 5256 §2.1, §5).
//!
//! ```text
//! subj-refwd   = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":"
//! subj-blob    = "[" *BLOBCHAR "]" *WSP
//! subj-leader  = (*subj-blob subj-refwd) / WSP
//! subj-trailer = "(fwd)" / WSP
//! subj-fwd     = "[fwd:" subject "]"
//! ```

use memchr::memchr2;

use crate::words;

/// A base subject, and what was taken off.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BaseSubject {
    /// In UTF-8; compared by [`casemap`](crate::casemap).
    pub text: String,
    /// Whether the subject says that the letter answers or forwards another one (RFC 5256 §3).
    pub origin: Origin,
}

/// What a subject says of where a letter comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Origin {
    /// Nothing.
    #[default]
    Original,
    /// It is a reply, or was forwarded.
    Answer,
}

impl BaseSubject {
    /// Of the subject as the field has it, encoded words and all.
    pub fn of(subject: &[u8]) -> Self {
        let subject = in_single_spaces(&words::decode(subject));
        let mut base = Base { text: &subject, origin: Origin::Original };
        loop {
            base.without_trailers();
            base.without_leaders();
            // Step 6.
            let Some(inner) = strip_prefix(base.text, "[fwd:").and_then(|t| t.strip_suffix(']'))
            else {
                break;
            };
            base = Base { text: inner, origin: Origin::Answer };
        }
        Self { text: base.text.to_owned(), origin: base.origin }
    }
}

/// Step 1: tabs and line ends are spaces, and several of them are one.
fn in_single_spaces(subject: &str) -> String {
    let is_space = |c: char| matches!(c, ' ' | '\t' | '\r' | '\n');
    let mut text = String::with_capacity(subject.len());
    for piece in subject.split_inclusive(is_space) {
        let word = piece.trim_end_matches(is_space);
        text.push_str(word);
        if word.len() < piece.len() && !text.ends_with(' ') {
            text.push(' ');
        }
    }
    text
}

struct Base<'s> {
    text: &'s str,
    origin: Origin,
}

impl<'s> Base<'s> {
    /// Step 2.
    fn without_trailers(&mut self) {
        loop {
            self.text = self.text.trim_end_matches(' ');
            let Some(at) = self.text.len().checked_sub(5) else { return };
            match self.text.split_at_checked(at) {
                Some((before, end)) if end.eq_ignore_ascii_case("(fwd)") => {
                    self.text = before;
                    self.origin = Origin::Answer;
                }
                _ => return,
            }
        }
    }

    /// Steps 3 to 5. Of blobs in a row that no "re:" follows, step 4 takes off one after the other, but leaves something:
    /// they are looked at once.
    fn without_leaders(&mut self) {
        loop {
            self.text = self.text.trim_start_matches(' ');
            let mut behind = self.text;
            let mut last_blob = self.text;
            while let Some(rest) = behind_blob(behind) {
                last_blob = behind;
                behind = rest;
            }
            match behind_refwd(behind) {
                Some(rest) => {
                    self.text = rest;
                    self.origin = Origin::Answer;
                }
                None => {
                    self.text = if behind.is_empty() { last_blob } else { behind };
                    return;
                }
            }
        }
    }
}

/// What follows a blob.
fn behind_blob(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('[')?;
    let end = memchr2(b'[', b']', inner.as_bytes())?;
    let rest = inner.get(end..)?.strip_prefix(']')?;
    Some(rest.trim_start_matches(' '))
}

/// What follows `re:`, `fw:`, `fwd:`, `re [2]:`.
fn behind_refwd(text: &str) -> Option<&str> {
    ["re", "fwd", "fw"].iter().find_map(|word| {
        let rest = strip_prefix(text, word)?.trim_start_matches(' ');
        behind_blob(rest).unwrap_or(rest).strip_prefix(':')
    })
}

/// RFC 5234 §2.3: in any case.
fn strip_prefix<'s>(text: &'s str, prefix: &str) -> Option<&'s str> {
    let (begin, rest) = text.split_at_checked(prefix.len())?;
    begin.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test] // Tests RFC 5256 §2.1.
    fn subjects() {
        use Origin::{Answer, Original};
        for (subject, expected, origin) in [
            ("Hello", "Hello", Original),
            ("", "", Original),
            (" a \t b\r\n c  ", "a b c", Original),
            ("Re: Hello", "Hello", Answer),
            ("RE : fwd: Fw:FWD:Hello", "Hello", Answer),
            ("Re [2]: Hello", "Hello", Answer),
            ("re[2] : Hello", "Hello", Answer),
            ("[list] Hello", "Hello", Original),
            ("[list] Re: Hello", "Hello", Answer),
            ("Re: [list] Hello", "Hello", Answer),
            ("[a][b] [c] Re: [d] Hello", "Hello", Answer),
            ("[list]", "[list]", Original),
            ("[a] [b]", "[b]", Original),
            ("Re: [list]", "[list]", Answer),
            ("Re:", "", Answer),
            ("Hello (fwd)", "Hello", Answer),
            ("Hello(FWD) (fwd) ", "Hello", Answer),
            ("[fwd: Hello]", "Hello", Answer),
            ("[Fwd: Re: [fwd: Hello (fwd)]]", "Hello", Answer),
            ("[fwd: [list] Hello]", "Hello", Answer),
            ("[fwd: Hello] world", "world", Original),
            ("Resent: Hello", "Resent: Hello", Original),
            ("Rehello", "Rehello", Original),
            ("fwdd: x", "fwdd: x", Original),
            ("AW: Hello", "AW: Hello", Original),
            ("[a[b] c", "[a[b] c", Original),
            ("[] x", "x", Original),
            ("=?utf-8?q?Re=3A_=C3=A4?=", "ä", Answer),
            ("=?utf-8?q?Re?=: x", "=?utf-8?q?Re?=: x", Original),
        ] {
            let base = BaseSubject::of(subject.as_bytes());
            assert_eq!((&*base.text, base.origin), (expected, origin), "{subject}");
        }
    }

    #[test] // Row A18.
    fn a18_subjects_that_are_one_thing() {
        for attack in ["[a]", "re:", "[fwd:", "[", "]", "(fwd)", " ", "[fwd:]", "[a]re:", "re[a]"] {
            BaseSubject::of(attack.repeat(1_000_000 / attack.len()).as_bytes());
        }
        let nested = format!("{}x{}", "[fwd:".repeat(100_000), "]".repeat(100_000));
        assert_eq!(BaseSubject::of(nested.as_bytes()).text, "x");
    }

    /// The steps as the standard has them, one at a time, over and over.
    fn by_the_book(subject: &str) -> String {
        let mut text = in_single_spaces(subject);
        let lower = |text: &str| text.to_ascii_lowercase();
        let leader = |text: &str| -> Option<String> {
            if let Some(rest) = text.strip_prefix(' ') {
                return Some(rest.to_owned());
            }
            let mut behind = text;
            loop {
                if let Some(rest) = behind_refwd(behind) {
                    return Some(rest.to_owned());
                }
                behind = behind_blob(behind)?;
            }
        };
        loop {
            while lower(&text).ends_with("(fwd)") || text.ends_with(' ') {
                let cut = if text.ends_with(' ') { 1 } else { 5 };
                text.truncate(text.len() - cut);
            }
            loop {
                let before = text.clone();
                while let Some(rest) = leader(&text) {
                    text = rest;
                }
                if let Some(rest) = behind_blob(&text).filter(|rest| !rest.is_empty()) {
                    text = rest.to_owned();
                }
                if text == before {
                    break;
                }
            }
            if !(lower(&text).starts_with("[fwd:") && text.ends_with(']')) {
                return text;
            }
            text = text[5..text.len() - 1].to_owned();
        }
    }

    proptest! {
        #[test]
        fn as_the_book_has_it(subject in "(re|Re|fwd|fw|\\[fwd:|\\(fwd\\)|\\[|\\]|:| |a|ä){0,12}") {
            prop_assert_eq!(BaseSubject::of(subject.as_bytes()).text, by_the_book(&subject));
        }
    }
}
