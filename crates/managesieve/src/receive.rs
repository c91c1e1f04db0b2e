//! Octets that become commands: words with one space between them, and a line end.
//!
//! ```text
//! string      = quoted / literal-c2s
//! literal-c2s = "{" number "+}" CRLF *OCTET
//! ```
//! (RFC 5804 §4.) What is no command is read to its end, its literals too, so that the next one is found.

use crate::limits;

/// A word of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    /// As it came.
    Atom(String),
    Number(u32),
    String(Vec<u8>),
}

/// What the stream holds next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// No whole command yet.
    Incomplete,
    /// Its words; at least one.
    Command(Vec<Word>),
    Wrong(Wrong),
    /// No client of good will sends as much: the connection ends.
    Flood,
}

/// Why it is no command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrong {
    Syntax,
    /// A literal is.
    TooLong,
}

#[derive(Debug)]
pub(crate) struct Receiver {
    octets: Vec<u8>,
    used: usize,
    words: Vec<Word>,
    state: State,
    literal_octets_max: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// A word begins.
    Word,
    /// A word has ended: a space or the line's end comes.
    Gap,
    /// So much of a literal is missing; it is the last word.
    Literal(usize),
    /// A command that is none, up to its end; this was wrong with it.
    Skipping(Wrong),
    /// A literal of one, so much of it is left.
    SkippingLiteral(Wrong, usize),
    Flooded,
}

impl Receiver {
    pub(crate) fn new(literal_octets_max: usize) -> Self {
        Self {
            octets: Vec::new(),
            used: 0,
            words: Vec::new(),
            state: State::Word,
            literal_octets_max,
        }
    }

    pub(crate) fn push(&mut self, octets: &[u8]) {
        self.octets.drain(..self.used);
        self.used = 0;
        self.octets.extend_from_slice(octets);
    }

    /// What wasn't used yet.
    pub(crate) fn unread(&self) -> &[u8] {
        self.octets.get(self.used..).unwrap_or_default()
    }

    /// Literals that are no longer than that from now on.
    pub(crate) fn limit(&mut self, literal_octets_max: usize) {
        self.literal_octets_max = literal_octets_max;
    }

    /// The next command.
    pub(crate) fn next(&mut self) -> Received {
        loop {
            let advanced = match self.state {
                State::Word => self.word(),
                State::Gap => self.gap(),
                State::Literal(missing) => self.literal(missing),
                State::Skipping(wrong) => self.skip(wrong),
                State::SkippingLiteral(wrong, left) => self.skip_literal(wrong, left),
                State::Flooded => return Received::Flood,
            };
            match advanced {
                Some(Some(received)) => return received,
                Some(None) => {}
                None => return Received::Incomplete,
            }
        }
    }

    fn word(&mut self) -> Option<Option<Received>> {
        let rest = self.unread();
        match rest.first()? {
            b'"' => match quoted(rest) {
                Scan::Incomplete => None,
                Scan::Wrong => Some(self.wrong(Wrong::Syntax)),
                Scan::Done(string, length) => Some(self.took(Word::String(string), length)),
            },
            b'{' => self.literal_header(),
            _ => {
                let is_end = |octet: &u8| !is_atom(*octet);
                let length = rest.iter().position(is_end).unwrap_or(rest.len());
                if length > limits::ATOM_OCTETS_MAX {
                    return Some(self.wrong(Wrong::Syntax));
                }
                // What follows tells that it is whole.
                rest.get(length)?;
                let text = std::str::from_utf8(rest.get(..length)?).unwrap_or_default();
                let word = match text.starts_with(|c: char| c.is_ascii_digit()) {
                    false if !text.is_empty() => Word::Atom(text.to_owned()),
                    true if text == "0" || !text.starts_with('0') => match text.parse() {
                        Ok(number) => Word::Number(number),
                        Err(_) => return Some(self.wrong(Wrong::Syntax)),
                    },
                    true | false => return Some(self.wrong(Wrong::Syntax)),
                };
                Some(self.took(word, length))
            }
        }
    }

    fn literal_header(&mut self) -> Option<Option<Received>> {
        const HEADER_OCTETS_MAX: usize = "{4294967295+}\r\n".len();
        let rest = self.unread();
        let rest = rest.get(..HEADER_OCTETS_MAX).unwrap_or(rest);
        let Some(end) = rest.iter().position(|octet| *octet == b'\n') else {
            return match rest.len() < HEADER_OCTETS_MAX {
                true => None,
                false => Some(self.wrong(Wrong::Syntax)),
            };
        };
        let line = rest.get(..end).unwrap_or_default();
        let Some(octets) = literal_octets(line.strip_suffix(b"\r").unwrap_or(line)) else {
            return Some(self.wrong(Wrong::Syntax));
        };
        let length = octets as usize;
        if length > self.literal_octets_max {
            self.used += end + 1;
            self.words.clear();
            self.state = match length > limits::SWALLOWED_OCTETS_MAX {
                true => State::Flooded,
                false => State::SkippingLiteral(Wrong::TooLong, length),
            };
            return Some(None);
        }
        let taken = self.took(Word::String(Vec::new()), end + 1);
        if taken.is_none() {
            self.state = State::Literal(length);
        }
        Some(taken)
    }

    fn literal(&mut self, missing: usize) -> Option<Option<Received>> {
        let rest = self.octets.get(self.used..).unwrap_or_default();
        let piece = rest.get(..missing.min(rest.len())).unwrap_or_default();
        let length = piece.len();
        if let Some(Word::String(string)) = self.words.last_mut() {
            string.extend_from_slice(piece);
        }
        self.used += length;
        if length == missing {
            self.state = State::Gap;
            return Some(None);
        }
        self.state = State::Literal(missing - length);
        None
    }

    fn gap(&mut self) -> Option<Option<Received>> {
        match *self.unread() {
            [b' ', ..] => {
                self.used += 1;
                self.state = State::Word;
                Some(None)
            }
            [b'\r', b'\n', ..] => Some(self.ended(2)),
            [b'\n', ..] => Some(self.ended(1)),
            [] | [b'\r'] => None,
            _ => Some(self.wrong(Wrong::Syntax)),
        }
    }

    fn ended(&mut self, length: usize) -> Option<Received> {
        self.used += length;
        self.state = State::Word;
        Some(Received::Command(std::mem::take(&mut self.words)))
    }

    fn took(&mut self, word: Word, length: usize) -> Option<Received> {
        if self.words.len() >= limits::WORDS_MAX {
            return self.wrong(Wrong::Syntax);
        }
        self.used += length;
        self.words.push(word);
        self.state = State::Gap;
        None
    }

    fn wrong(&mut self, wrong: Wrong) -> Option<Received> {
        self.words.clear();
        self.state = State::Skipping(wrong);
        None
    }

    /// Up to the line's end; where a literal follows that, it is no end.
    fn skip(&mut self, wrong: Wrong) -> Option<Option<Received>> {
        let rest = self.unread();
        let Some(end) = rest.iter().position(|octet| *octet == b'\n') else {
            // Only what may be a literal's header is kept.
            let kept = rest.len().min("{4294967295+}\r".len());
            self.used += rest.len() - kept;
            return None;
        };
        let line = rest.get(..end).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let header = line.iter().rposition(|octet| *octet == b'{');
        let literal = header.and_then(|header| literal_octets(line.get(header..)?));
        self.used += end + 1;
        Some(match literal {
            Some(octets) if octets as usize > limits::SWALLOWED_OCTETS_MAX => {
                self.state = State::Flooded;
                None
            }
            Some(octets) => {
                self.state = State::SkippingLiteral(wrong, octets as usize);
                None
            }
            None => {
                self.state = State::Word;
                Some(Received::Wrong(wrong))
            }
        })
    }

    fn skip_literal(&mut self, wrong: Wrong, left: usize) -> Option<Option<Received>> {
        let length = left.min(self.unread().len());
        self.used += length;
        if length == left {
            self.state = State::Skipping(wrong);
            return Some(None);
        }
        self.state = State::SkippingLiteral(wrong, left - length);
        None
    }
}

enum Scan {
    Incomplete,
    Wrong,
    /// What it holds, and its length on the wire.
    Done(Vec<u8>, usize),
}

/// ```text
/// quoted      = DQUOTE *1024QUOTED-CHAR DQUOTE
/// QUOTED-CHAR = SAFE-UTF8-CHAR / "\" QUOTED-SPECIALS
/// ```
fn quoted(octets: &[u8]) -> Scan {
    let mut string = Vec::new();
    let mut rest = octets.iter().enumerate().skip(1);
    while let Some((index, octet)) = rest.next() {
        match octet {
            b'"' if std::str::from_utf8(&string).is_ok() => return Scan::Done(string, index + 1),
            b'\\' => match rest.next() {
                Some((_, escaped @ (b'"' | b'\\'))) => string.push(*escaped),
                Some(_) => return Scan::Wrong,
                None => return Scan::Incomplete,
            },
            b'"' | b'\r' | b'\n' | 0 => return Scan::Wrong,
            octet => string.push(*octet),
        }
        if string.len() > limits::QUOTED_OCTETS_MAX {
            return Scan::Wrong;
        }
    }
    Scan::Incomplete
}

/// Of `{number+}`; RFC 5804 knows no other literal from a client.
fn literal_octets(header: &[u8]) -> Option<u32> {
    let number = header.strip_prefix(b"{")?.strip_suffix(b"+}")?;
    let is_number = number.iter().all(u8::is_ascii_digit) && !number.is_empty();
    std::str::from_utf8(number).ok().filter(|_| is_number)?.parse().ok()
}

/// ATOM-CHAR of RFC 5804 §4.
fn is_atom(octet: u8) -> bool {
    octet.is_ascii_graphic() && !matches!(octet, b'(' | b')' | b'{' | b'"' | b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(octets: &[u8]) -> Vec<Received> {
        all(&mut Receiver::new(100), &[octets])
    }

    fn all(receiver: &mut Receiver, pieces: &[&[u8]]) -> Vec<Received> {
        let mut all = Vec::new();
        for piece in pieces {
            receiver.push(piece);
            loop {
                match receiver.next() {
                    Received::Incomplete => break,
                    Received::Flood => {
                        all.push(Received::Flood);
                        return all;
                    }
                    received => all.push(received),
                }
            }
        }
        all
    }

    fn atom(text: &str) -> Word {
        Word::Atom(text.into())
    }

    fn string(text: &str) -> Word {
        Word::String(text.into())
    }

    #[test]
    fn commands() {
        for (octets, words) in [
            (&b"NOOP\r\n"[..], vec![atom("NOOP")]),
            (b"noop\n", vec![atom("noop")]),
            (b"NOOP \"a \\\"b\\\\\"\r\n", vec![atom("NOOP"), string("a \"b\\")]),
            (b"X \"\"\r\n", vec![atom("X"), string("")]),
            (b"X {3+}\r\na\r\n\r\n", vec![atom("X"), string("a\r\n")]),
            (b"X {0+}\r\n\r\n", vec![atom("X"), string("")]),
            (
                b"X {2+}\n\0\xff 7\r\n",
                vec![atom("X"), Word::String(b"\0\xff".into()), Word::Number(7)],
            ),
            (
                b"X \"\xc3\xa9\" 4294967295\r\n",
                vec![atom("X"), string("\u{e9}"), Word::Number(u32::MAX)],
            ),
            (b"\"*\"\r\n", vec![string("*")]),
        ] {
            assert_eq!(received(octets), [Received::Command(words)], "{}", octets.escape_ascii());
        }
    }

    #[test]
    fn i03_what_is_no_command_is_skipped_to_its_end_and_the_next_one_is_found() {
        let noop = Received::Command(vec![atom("NOOP")]);
        for wrong in [
            &b"\r\n"[..],
            b" NOOP\r\n",
            b"NOOP  x\r\n",
            b"NOOP \r\n",
            b"A B C D E\r\n",
            b"X \"a\r\n",
            b"X \"\xff\"\r\n",
            b"X \"\\a\"\r\n",
            b"X \"a\"b\r\n",
            b"X {3}\r\n",
            b"X {3+} \r\n",
            b"X 4294967296\r\n",
            b"X 07\r\n",
            b"X (\r\n",
            b"a\0b\r\n",
            b"\xff\xfe\r\n",
            b"X ( {4+}\r\nNO\r\n x\r\n",
        ] {
            let both = [wrong, b"NOOP\r\n"].concat();
            let expected =
                vec![Received::Wrong(Wrong::Syntax), Received::Command(vec![atom("NOOP")])];
            assert_eq!(received(&both), expected, "{}", wrong.escape_ascii());
        }
        let long = [&b"X {101+}\r\n"[..], &[b'\n'; 101], b"\r\nNOOP\r\n"].concat();
        assert_eq!(received(&long), [Received::Wrong(Wrong::TooLong), noop]);
    }

    #[test]
    fn i01_nothing_grows_without_bound() {
        for flood in
            [&b"x"[..], b"\"", b"{", b" ", b"{1", b"X \"\\\"", b"\0", b"X (", b"{4294967295"]
        {
            let mut receiver = Receiver::new(100);
            for _ in 0..10_000 {
                receiver.push(flood);
                let received = receiver.next();
                assert!(!matches!(received, Received::Command(_)), "{}", flood.escape_ascii());
                assert!(receiver.octets.len() <= 2 * limits::QUOTED_OCTETS_MAX + 10);
            }
        }
        assert_eq!(received(b"X {4294967295+}\r\n"), [Received::Flood]);
        assert_eq!(received(b"X ( {4294967295+}\r\n"), [Received::Flood]);
    }

    #[test]
    fn cut_at_every_octet_it_is_the_same() {
        let octets =
            b"NOOP \"a\"\r\nX {5+}\r\na\r\n\"b 7 \"\"\r\nwr\"ong {3+}\r\n\r\n\r\r\nX {101+}\r\n";
        let octets = [&octets[..], &[b'x'; 101], b" {1+}\r\n\n\r\nNOOP\r\n"].concat();
        let expected = received(&octets);
        assert_eq!(expected.len(), 5);
        for cut in 0..octets.len() {
            let (one, other) = octets.split_at(cut);
            assert_eq!(all(&mut Receiver::new(100), &[one, other]), expected, "{cut}");
        }
        let single: Vec<&[u8]> = octets.chunks(1).collect();
        assert_eq!(all(&mut Receiver::new(100), &single), expected);
    }
}
