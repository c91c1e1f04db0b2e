//! Reads replies off the wire, octet by octet if need be (RFC 5321 §4.2).
//!
//! ```text
//! Greeting / Reply-line = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ] CRLF
//! ```
//! [`ReplyParser::push`] takes octets as they come, [`ReplyParser::next_reply`] gives whole replies. Lines may
//! end in a lone LF, as some peers' do: in a reply nothing can be smuggled by it. Everything else that
//! isn't the grammar is an error, and what is kept is bounded (row C01): after an error the connection is
//! of no more use, since nobody knows which reply belongs to which command.

use std::collections::VecDeque;

use crate::limits;
use crate::reply::{EnhancedStatus, Reply, ReplyCode, Severity};

/// Why the peer's octets are no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// A line without three digits from 200 to 599 in front.
    #[error("a line of the reply has no reply code")]
    NoCode,
    /// The code is followed by neither space, hyphen nor the end of the line.
    #[error("the reply code is followed by something else than a space or a hyphen")]
    Separator,
    /// The lines of one reply differ in their codes (RFC 5321 §4.2.1).
    #[error("the lines of one reply have different codes")]
    MixedCodes,
    /// NUL in the text.
    #[error("the reply holds NUL")]
    Nul,
    /// Longer than [`limits::REPLY_LINE_OCTETS_MAX`], [`limits::REPLY_LINES_MAX`] or
    /// [`limits::REPLY_OCTETS_MAX`].
    #[error("the reply is too long")]
    TooLong,
}

/// Octets in, replies out.
#[derive(Debug, Default)]
pub struct ReplyParser {
    /// What came and was not read yet.
    input: VecDeque<u8>,
    /// The lines before the last one of the reply under way.
    partial: Option<Partial>,
}

/// A reply whose last line hasn't come.
#[derive(Debug)]
struct Partial {
    code: ReplyCode,
    status: Option<EnhancedStatus>,
    text: String,
    lines: usize,
    octets: usize,
}

impl ReplyParser {
    /// A parser that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes octets from the wire. What is kept is bounded by what one call brings and by the limits,
    /// as long as [`Self::next_reply`] is asked in between.
    pub fn push(&mut self, octets: &[u8]) {
        self.input.extend(octets);
    }

    /// Whether octets are left that no reply has used up.
    pub fn has_leftover(&self) -> bool {
        self.partial.is_some() || !self.input.is_empty()
    }

    /// The next whole reply, or `None` until more octets come.
    ///
    /// # Errors
    /// Where the octets are no reply; the parser is of no use afterwards.
    pub fn next_reply(&mut self) -> Result<Option<Reply>, ReplyError> {
        loop {
            let input = self.input.make_contiguous();
            let Some(end) = memchr::memchr(b'\n', input) else {
                return match input.len() >= limits::REPLY_LINE_OCTETS_MAX {
                    true => Err(ReplyError::TooLong),
                    false => Ok(None),
                };
            };
            // RFC 5321 §4.5.3.1.5: 512 octets with CRLF; ours is a multiple of that.
            if end >= limits::REPLY_LINE_OCTETS_MAX {
                return Err(ReplyError::TooLong);
            }
            let line = input.get(..end).unwrap_or_default();
            let line = ReplyLine::parse(line.strip_suffix(b"\r").unwrap_or(line))?;
            let (code, position) = (line.code, line.position);
            let partial = append(self.partial.take(), &line, end + 1)?;
            self.input.drain(..=end);
            match position {
                Position::More => self.partial = Some(partial),
                Position::Last => {
                    return Ok(Some(Reply::from_parts(code, partial.status, &partial.text)));
                }
            }
        }
    }
}

/// Adds a line to the reply under way.
fn append(
    partial: Option<Partial>,
    line: &ReplyLine<'_>,
    octets: usize,
) -> Result<Partial, ReplyError> {
    let Some(mut partial) = partial else {
        let (status, text) = split_status(line.code, line.text);
        let text = String::from_utf8_lossy(text).into_owned();
        return Ok(Partial { code: line.code, status, text, lines: 1, octets });
    };
    // RFC 5321 §4.2.1: "the reply code ... MUST be the same on each line".
    if partial.code != line.code {
        return Err(ReplyError::MixedCodes);
    }
    partial.lines += 1;
    partial.octets += octets;
    if partial.lines > limits::REPLY_LINES_MAX || partial.octets > limits::REPLY_OCTETS_MAX {
        return Err(ReplyError::TooLong);
    }
    let text = match split_status(line.code, line.text) {
        (Some(status), text) if Some(status) == partial.status => text,
        (Some(_) | None, _) => line.text,
    };
    partial.text.push('\n');
    partial.text.push_str(&String::from_utf8_lossy(text));
    Ok(partial)
}

/// Parts the enhanced status code from the text behind it (RFC 2034 §4): only 2xx, 4xx and 5xx have one.
fn split_status(code: ReplyCode, text: &[u8]) -> (Option<EnhancedStatus>, &[u8]) {
    let word_end = memchr::memchr(b' ', text).unwrap_or(text.len());
    let (word, rest) = text.split_at_checked(word_end).unwrap_or((text, &[]));
    let status = match code.severity() {
        Severity::Intermediate => None,
        Severity::Success | Severity::Temporary | Severity::Permanent => {
            std::str::from_utf8(word).ok().and_then(EnhancedStatus::parse)
        }
    };
    match status {
        Some(_) => (status, rest.strip_prefix(b" ").unwrap_or(rest)),
        None => (None, text),
    }
}

/// Whether more lines follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Position {
    More,
    Last,
}

/// One line, its end already removed.
struct ReplyLine<'a> {
    code: ReplyCode,
    position: Position,
    text: &'a [u8],
}

impl<'a> ReplyLine<'a> {
    fn parse(line: &'a [u8]) -> Result<Self, ReplyError> {
        let (digits, rest) = line.split_at_checked(3).ok_or(ReplyError::NoCode)?;
        let code = ReplyCode::from_digits(digits).ok_or(ReplyError::NoCode)?;
        let (position, text) = match rest {
            [] => (Position::Last, rest), // RFC 5321 §4.2: a bare code is legal, the text is optional.
            [b' ', text @ ..] => (Position::Last, text),
            [b'-', text @ ..] => (Position::More, text),
            [..] => return Err(ReplyError::Separator),
        };
        if memchr::memchr(0, text).is_some() {
            return Err(ReplyError::Nul);
        }
        Ok(Self { code, position, text })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Feeds `input` cut at every octet and demands the same each time: replies as shown, or the error.
    #[track_caller]
    fn check(input: &[u8], expected: &[Result<&str, ReplyError>]) {
        for cut in 0..=input.len() {
            let (head, tail) = input.split_at(cut);
            let mut parser = ReplyParser::new();
            let mut got = Vec::new();
            for part in [head, tail] {
                parser.push(part);
                while got.last().is_none_or(Result::is_ok) {
                    match parser.next_reply() {
                        Ok(Some(reply)) => got.push(Ok(reply.to_string())),
                        Ok(None) => break,
                        Err(error) => got.push(Err(error)),
                    }
                }
            }
            let expected: Vec<_> = expected.iter().map(|e| e.map(str::to_owned)).collect();
            assert_eq!(got, expected, "{:?} cut at octet {cut}", String::from_utf8_lossy(input));
        }
    }

    #[test] // Tests RFC 5321 §4.2.
    fn replies_of_one_and_of_many_lines() {
        check(b"250 2.1.0 Ok\r\n", &[Ok("250 2.1.0 Ok")]);
        check(b"250\r\n", &[Ok("250 ")]);
        check(b"250 \r\n354 go\n", &[Ok("250 "), Ok("354 go")]);
        check(
            b"250-mx.example\r\n250-PIPELINING\r\n250 SIZE\r\n",
            &[Ok("250 mx.example PIPELINING SIZE")],
        );
        check(b"550-5.1.1 no\r\n550 5.1.1 one\r\n", &[Ok("550 5.1.1 no one")]);
        check(b"354 2.0.0 is text here\r\n", &[Ok("354 2.0.0 is text here")]);
        check("550 5.1.1 gr\u{fc}n \u{1b}[2J\r\n".as_bytes(), &[Ok("550 5.1.1 gr\u{fc}n ?[2J")]);
        check(b"250 \xff\r\n", &[Ok("250 \u{fffd}")]);
    }

    #[test]
    fn c01_replies_that_are_none() {
        check(b"25\r\n", &[Err(ReplyError::NoCode)]);
        check(b"099 x\r\n", &[Err(ReplyError::NoCode)]);
        check(b"600 x\r\n", &[Err(ReplyError::NoCode)]);
        check(b"\r\n", &[Err(ReplyError::NoCode)]);
        check(b"250x\r\n", &[Err(ReplyError::Separator)]);
        check(b"250-a\r\n\r\n", &[Err(ReplyError::NoCode)]);
        check(b"250-a\r\n251 b\r\n", &[Err(ReplyError::MixedCodes)]);
        check(b"250 a\0b\r\n", &[Err(ReplyError::Nul)]);
        check(b"250-then the peer closes\r\n", &[]);
    }

    #[test]
    fn c01_what_is_kept_is_bounded() {
        let lines = |n: usize| format!("{}250 end\r\n", "250-x\r\n".repeat(n - 1));
        assert!(parse_all(lines(limits::REPLY_LINES_MAX).as_bytes()).is_ok());
        assert_eq!(
            parse_all(lines(limits::REPLY_LINES_MAX + 1).as_bytes()),
            Err(ReplyError::TooLong)
        );
        assert_eq!(parse_all(lines(1_000_000).as_bytes()), Err(ReplyError::TooLong));
        let long = |n: usize| format!("250 {}\r\n", "x".repeat(n - 6));
        assert!(parse_all(long(limits::REPLY_LINE_OCTETS_MAX).as_bytes()).is_ok());
        assert_eq!(
            parse_all(long(limits::REPLY_LINE_OCTETS_MAX + 1).as_bytes()),
            Err(ReplyError::TooLong)
        );
        assert_eq!(parse_all(&vec![b'2'; 10 << 20]), Err(ReplyError::TooLong));
        let wide = format!("250-{}\r\n", "x".repeat(4_000)).repeat(17);
        assert_eq!(parse_all(wide.as_bytes()), Err(ReplyError::TooLong));
    }

    fn parse_all(input: &[u8]) -> Result<usize, ReplyError> {
        let (mut parser, mut replies) = (ReplyParser::new(), 0);
        for part in input.chunks(1_000) {
            parser.push(part);
            while parser.next_reply()?.is_some() {
                replies += 1;
            }
            assert!(parser.input.len() <= limits::REPLY_LINE_OCTETS_MAX + 1_000);
        }
        Ok(replies)
    }

    #[test]
    fn c12_the_code_decides_not_the_status() {
        let mut parser = ReplyParser::new();
        parser.push(b"250 5.1.1 odd\r\n550 2.0.0 odd\r\n");
        let first = parser.next_reply().unwrap().unwrap();
        assert_eq!(
            (first.severity(), first.status_or_class().to_string()),
            (Severity::Success, "2.0.0".into())
        );
        let second = parser.next_reply().unwrap().unwrap();
        assert_eq!(
            (second.severity(), second.status_or_class().to_string()),
            (Severity::Permanent, "5.0.0".into())
        );
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_parsed_back(
            code in 200u16..600,
            lines in prop::collection::vec("[a-zA-Z][ -~]{0,60}", 1..6),
        ) {
            let reply = Reply::bare(code, lines.join("\n"));
            let mut wire = Vec::new();
            reply.encode(&mut wire);
            let mut parser = ReplyParser::new();
            parser.push(&wire);
            prop_assert_eq!(parser.next_reply(), Ok(Some(reply)));
            prop_assert!(!parser.has_leftover());
        }

        #[test]
        fn any_octets_give_an_answer(input in prop::collection::vec(any::<u8>(), 0..500)) {
            let _ = parse_all(&input);
        }
    }
}
