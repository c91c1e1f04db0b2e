//! A script's octets as tokens (RFC 5228 §8.1).
//!
//! Line ends are CRLF in the RFC; a script that an editor wrote has LF, which is taken as well. A bare CR or a
//! NUL is an error. Identifiers and tags come in lower case, comments in front of the token that they precede.

use crate::problem::{Fault, Place};
use crate::syntax::{Comment, CommentForm, Gap, Number, Quantifier};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    Word(String),
    Tag(String),
    Number(Number),
    Text(Vec<u8>),
    /// One of `[ ] ( ) { } , ;`
    Mark(u8),
    End,
}

/// A token and what stood before it.
#[derive(Debug, Clone)]
pub(crate) struct Lexeme {
    pub(crate) place: Place,
    pub(crate) gap: Gap,
    pub(crate) comments: Vec<Comment>,
    pub(crate) token: Token,
}

pub(crate) struct Lexer<'a> {
    rest: &'a [u8],
    place: Place,
    /// Whether anything stood on this line already.
    gap: Gap,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(script: &'a [u8]) -> Self {
        // Editors of one system put a byte order mark there.
        let rest = script.strip_prefix(b"\xef\xbb\xbf").unwrap_or(script);
        Self { rest, place: Place { line: 1, column: 1 }, gap: Gap::LineEnd }
    }

    pub(crate) fn next(&mut self) -> Result<Lexeme, Fault> {
        let mut comments = Vec::new();
        while let Some(comment) = self.comment_or_end_of_space()? {
            comments.push(comment);
        }
        let (place, gap) = (self.place, self.gap);
        self.gap = Gap::None;
        Ok(Lexeme { place, gap, comments, token: self.token()? })
    }

    /// Walks over white space; gives a comment where one follows, `None` where a token does.
    fn comment_or_end_of_space(&mut self) -> Result<Option<Comment>, Fault> {
        loop {
            match self.rest {
                [b'#', ..] => return self.hash_comment().map(Some),
                [b'/', b'*', ..] => return self.bracket_comment().map(Some),
                [b' ' | b'\t', ..] => self.skip(1),
                [b'\n', ..] | [b'\r', b'\n', ..] => {
                    self.line_end();
                    self.gap = match self.gap {
                        Gap::None => Gap::LineEnd,
                        Gap::LineEnd | Gap::Empty => Gap::Empty,
                    };
                }
                _ => return Ok(None),
            }
        }
    }

    fn hash_comment(&mut self) -> Result<Comment, Fault> {
        self.skip(1);
        let gap = std::mem::replace(&mut self.gap, Gap::None);
        let octets = self.up_to_line_end()?.trim_ascii_end().to_vec();
        Ok(Comment { gap, form: CommentForm::Hash, octets })
    }

    fn bracket_comment(&mut self) -> Result<Comment, Fault> {
        let start = self.place;
        self.skip(2);
        let gap = std::mem::replace(&mut self.gap, Gap::None);
        let mut octets = Vec::new();
        while !self.rest.starts_with(b"*/") {
            match self.octet("a comment", start)? {
                Octet::LineEnd => octets.push(b'\n'),
                Octet::Other(octet) => octets.push(octet),
            }
        }
        self.skip(2);
        Ok(Comment { gap, form: CommentForm::Bracket, octets })
    }

    fn token(&mut self) -> Result<Token, Fault> {
        let start = self.place;
        match self.rest {
            [] => Ok(Token::End),
            [b'"', ..] => self.quoted(),
            [b'0'..=b'9', ..] => self.number(),
            [b':', first, ..] if is_first_of_word(*first) => {
                self.skip(1);
                Ok(Token::Tag(self.word()))
            }
            [first, ..] if is_first_of_word(*first) => {
                let word = self.word();
                match self.rest {
                    [b':', ..] if word == "text" => self.multi_line(start),
                    _ => Ok(Token::Word(word)),
                }
            }
            [mark @ (b'[' | b']' | b'(' | b')' | b'{' | b'}' | b',' | b';'), ..] => {
                let mark = *mark;
                self.skip(1);
                Ok(Token::Mark(mark))
            }
            [b'\r', ..] => Err(Fault::new(start, "a bare CR").hint("lines end in CRLF or LF")),
            [octet, ..] => Err(match self.foreign() {
                Some(hint) => unexpected(start, *octet).hint(hint),
                None => unexpected(start, *octet),
            }),
        }
    }

    /// What whoever comes from another language takes for a token.
    fn foreign(&self) -> Option<&'static str> {
        match self.rest {
            [b'/', b'/', ..] => Some("comments begin with #, or stand between /* and */"),
            [b'\'', ..] => Some("strings stand between \"\""),
            [b':', b'0', ..] => Some("that is procmail's: postroad-mda import procmail"),
            _ => None,
        }
    }

    /// `identifier = (ALPHA / "_") *(ALPHA / DIGIT / "_")`
    fn word(&mut self) -> String {
        let is_part = |octet: &u8| octet.is_ascii_alphanumeric() || *octet == b'_';
        let length = self.rest.iter().take_while(|octet| is_part(octet)).count();
        let word = self.rest.get(..length).unwrap_or_default();
        let word = String::from_utf8_lossy(word).to_ascii_lowercase();
        self.skip(length);
        word
    }

    /// `number = 1*DIGIT [ QUANTIFIER ]` (RFC 5228 §2.4.1).
    fn number(&mut self) -> Result<Token, Fault> {
        let start = self.place;
        let too_large = || Fault::new(start, "the number is too large");
        let mut value: u64 = 0;
        while let [digit @ b'0'..=b'9', ..] = self.rest {
            let digit = u64::from(digit - b'0');
            value =
                value.checked_mul(10).and_then(|v| v.checked_add(digit)).ok_or_else(too_large)?;
            self.skip(1);
        }
        let quantifier = match self.rest {
            [b'k' | b'K', ..] => Some(Quantifier::Kibi),
            [b'm' | b'M', ..] => Some(Quantifier::Mebi),
            [b'g' | b'G', ..] => Some(Quantifier::Gibi),
            _ => None,
        };
        if let Some(quantifier) = quantifier {
            self.skip(1);
            value = value.checked_mul(quantifier.factor()).ok_or_else(too_large)?;
        }
        if self.rest.first().is_some_and(|octet| is_first_of_word(*octet) || octet.is_ascii_digit())
        {
            return Err(Fault::new(start, "letters behind a number")
                .hint("K, M and G are all that may follow, as in 100K"));
        }
        Ok(Token::Number(Number { value, quantifier }))
    }

    fn quoted(&mut self) -> Result<Token, Fault> {
        let start = self.place;
        self.skip(1);
        let mut text = Vec::new();
        loop {
            let is_plain = |octet: &u8| !matches!(octet, b'"' | b'\\' | b'\r' | b'\n' | 0);
            let plain = self.rest.iter().take_while(|octet| is_plain(octet)).count();
            text.extend_from_slice(self.rest.get(..plain).unwrap_or_default());
            self.skip(plain);
            match self.rest {
                [b'"', ..] => break,
                // RFC 5228 §2.4.2: before other characters a backslash means nothing.
                [b'\\', next, ..] if !matches!(next, b'\r' | b'\n') => self.skip(1),
                _ => {}
            }
            match self.octet("a string", start)? {
                Octet::LineEnd => text.extend_from_slice(b"\r\n"),
                Octet::Other(octet) => text.push(octet),
            }
        }
        self.skip(1);
        Ok(Token::Text(text))
    }

    /// `text:`, then lines up to one with a dot alone; a dot before a dot is taken off.
    fn multi_line(&mut self, start: Place) -> Result<Token, Fault> {
        self.skip(1);
        let behind = self.up_to_line_end()?.trim_ascii();
        if !matches!(behind, [] | [b'#', ..]) {
            return Err(Fault::new(start, "text: is followed by something on its line")
                .hint("the text begins on the next line, and a line with a dot alone ends it"));
        }
        let mut text = Vec::new();
        loop {
            if self.rest.is_empty() {
                return Err(Fault::new(start, "a text: without end")
                    .hint("a line with a dot alone ends it"));
            }
            self.line_end();
            match self.up_to_line_end()? {
                b"." => return Ok(Token::Text(text)),
                [b'.', line @ ..] if line.starts_with(b".") => text.extend_from_slice(line),
                line => text.extend_from_slice(line),
            }
            text.extend_from_slice(b"\r\n");
        }
    }

    /// The rest of the line, without its end.
    fn up_to_line_end(&mut self) -> Result<&'a [u8], Fault> {
        let length = memchr::memchr(b'\n', self.rest).unwrap_or(self.rest.len());
        let line = self.rest.get(..length).unwrap_or_default();
        let line = match self.rest.len() > length {
            true => line.strip_suffix(b"\r").unwrap_or(line),
            false => line,
        };
        if line.contains(&0) || line.contains(&b'\r') {
            return Err(Fault::new(self.place, "a NUL or a bare CR in this line"));
        }
        self.skip(line.len());
        Ok(line)
    }

    /// One octet of a string or comment, which began at `start`.
    fn octet(&mut self, what: &str, start: Place) -> Result<Octet, Fault> {
        match self.rest {
            [] => Err(Fault::new(start, format!("{what} without end"))),
            [b'\n', ..] | [b'\r', b'\n', ..] => {
                self.line_end();
                Ok(Octet::LineEnd)
            }
            // RFC 5228 §2.1: NUL is never permitted, CR and LF only as a line end.
            [octet @ (0 | b'\r'), ..] => Err(unexpected(self.place, *octet)),
            [octet, ..] => {
                let octet = *octet;
                self.skip(1);
                Ok(Octet::Other(octet))
            }
        }
    }

    fn line_end(&mut self) {
        let rest = self.rest.strip_prefix(b"\r").unwrap_or(self.rest);
        self.rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        self.place = Place { line: self.place.line.saturating_add(1), column: 1 };
    }

    /// Goes over octets of this line; what continues a character in UTF-8 has no column of its own.
    fn skip(&mut self, octets: usize) {
        let (skipped, rest) = self.rest.split_at(octets.min(self.rest.len()));
        let columns = skipped.iter().filter(|octet| **octet & 0xC0 != 0x80).count();
        let columns = u32::try_from(columns).unwrap_or(u32::MAX);
        self.place.column = self.place.column.saturating_add(columns);
        self.rest = rest;
    }
}

enum Octet {
    LineEnd,
    Other(u8),
}

fn is_first_of_word(octet: u8) -> bool {
    octet.is_ascii_alphabetic() || octet == b'_'
}

fn unexpected(place: Place, octet: u8) -> Fault {
    let shown = match octet {
        b'!'..=b'~' => format!("unexpected {:?}", char::from(octet)),
        _ => format!("unexpected octet {octet:#04x}"),
    };
    Fault::new(place, shown)
}
