//! Content on its way out: dot-stuffed, and with no CR or LF of its own (RFC 5321 §4.5.2, §2.3.8).
//!
//! The encoder cuts the message into slices of the same memory and copies nothing: where a line begins
//! with a dot, one slice ends behind the dot and the next begins with the same dot again. It looks at line
//! ends only, at memchr's speed.

use bytes::Bytes;

use crate::limits;

/// Ends the data, behind content that ends in CRLF (RFC 5321 §4.1.1.4).
const END: &[u8] = b".\r\n";
/// Ends the data where the content's last line has no end of its own, or there is no content.
const END_OF_OPEN_LINE: &[u8] = b"\r\n.\r\n";

/// What is left to send.
#[derive(Debug)]
pub(super) struct ContentEncoder {
    rest: Bytes,
    line_start: LineStart,
    ended: bool,
}

/// Whether `rest` begins a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineStart {
    Yes,
    No,
}

impl ContentEncoder {
    pub(super) fn new(content: Bytes) -> Self {
        Self { rest: content, line_start: LineStart::Yes, ended: false }
    }

    /// The next pieces to send in one write, the end of data behind the last; nothing when all was given.
    pub(super) fn next_block(&mut self) -> Vec<Bytes> {
        let mut block = Vec::new();
        let mut octets = 0;
        while block.len() < limits::DATA_BLOCK_PIECES_MAX && octets < limits::DATA_BLOCK_OCTETS_MAX
        {
            let Some(piece) = self.next_piece() else { break };
            octets += piece.len();
            block.push(piece);
        }
        block
    }

    fn next_piece(&mut self) -> Option<Bytes> {
        if self.rest.is_empty() {
            return self.end();
        }
        // RFC 5321 §4.5.2: a dot that begins a line is sent twice. This is the first of the two.
        if self.line_start == LineStart::Yes && self.rest.first() == Some(&b'.') {
            self.line_start = LineStart::No;
            return Some(self.rest.slice(..1));
        }
        let mut from = 0;
        loop {
            let tail = self.rest.get(from..).unwrap_or_default();
            let Some(found) = memchr::memchr2(b'\r', b'\n', tail) else {
                return Some(self.take(self.rest.len(), LineStart::No));
            };
            let at = from + found;
            let is_crlf = tail.get(found..found + 2) == Some(b"\r\n");
            match (is_crlf, tail.get(found + 2)) {
                (true, Some(b'.')) => return Some(self.take_before_dot(at + 2)),
                (true, None) => return Some(self.take(at + 2, LineStart::Yes)),
                (true, Some(_)) => from = at + 2,
                // RFC 5321 §2.3.8: CR and LF only together. A stray one could end the data at a careless
                // peer (row C03), so a space takes its place, as Postfix does it.
                (false, _) if at == 0 => {
                    self.take(1, LineStart::No);
                    return Some(Bytes::from_static(b" "));
                }
                (false, _) => return Some(self.take(at, LineStart::No)),
            }
        }
    }

    /// A line end and the dot behind it; that dot stays in `rest` and so goes out twice.
    fn take_before_dot(&mut self, octets: usize) -> Bytes {
        let piece = self.rest.slice(..=octets);
        self.take(octets, LineStart::No);
        piece
    }

    fn take(&mut self, octets: usize, next: LineStart) -> Bytes {
        self.line_start = next;
        self.rest.split_to(octets)
    }

    fn end(&mut self) -> Option<Bytes> {
        if std::mem::replace(&mut self.ended, true) {
            return None;
        }
        Some(Bytes::from_static(match self.line_start {
            LineStart::Yes => END,
            LineStart::No => END_OF_OPEN_LINE,
        }))
    }
}

/// Whether the header section is ASCII: then the message itself doesn't need SMTPUTF8 (RFC 6531 §3.6).
pub(super) fn has_ascii_header(content: &[u8]) -> bool {
    let end = memchr::memmem::find(content, b"\r\n\r\n").unwrap_or(content.len());
    content.get(..end).is_none_or(<[u8]>::is_ascii)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encode(content: &[u8]) -> Vec<u8> {
        let mut encoder = ContentEncoder::new(Bytes::copy_from_slice(content));
        let mut out = Vec::new();
        loop {
            let block = encoder.next_block();
            if block.is_empty() {
                return out;
            }
            assert!(block.len() <= limits::DATA_BLOCK_PIECES_MAX);
            block.iter().for_each(|piece| out.extend_from_slice(piece));
        }
    }

    #[track_caller]
    fn check(content: &str, wire: &str) {
        assert_eq!(String::from_utf8_lossy(&encode(content.as_bytes())), wire, "{content:?}");
    }

    #[test] // Tests RFC 5321 §4.5.2.
    fn dots_that_begin_a_line_are_doubled() {
        check("", ".\r\n");
        check("a\r\n", "a\r\n.\r\n");
        check("a", "a\r\n.\r\n");
        check(".", "..\r\n.\r\n");
        check(".\r\n", "..\r\n.\r\n");
        check("a\r\n.\r\nb\r\n", "a\r\n..\r\nb\r\n.\r\n");
        check("a\r\n..b\r\n.c", "a\r\n...b\r\n..c\r\n.\r\n");
        check("a.b\r\nc.\r\n", "a.b\r\nc.\r\n.\r\n");
    }

    #[test]
    fn c03_stray_cr_and_lf_never_leave() {
        check("a\n.\nb\r\n", "a . b\r\n.\r\n");
        check("a\r.\rb\r\n", "a . b\r\n.\r\n");
        check("a\r\n.\r\r\nb\r\n", "a\r\n.. \r\nb\r\n.\r\n");
        check("a\n", "a \r\n.\r\n");
        check("a\r", "a \r\n.\r\n");
        check("\n.\r\n", " .\r\n.\r\n");
        check("a\r\r\n.\r\n", "a \r\n..\r\n.\r\n");
    }

    proptest! {
        /// A strict and a careless reader of the wire both see one message, whatever the content is.
        #[test]
        fn c03_only_the_last_line_is_a_lone_dot(
            content in prop::collection::vec(prop::sample::select(b"\r\n.ab\0".to_vec()), 0..60),
        ) {
            let wire = encode(&content);
            let lines: Vec<&[u8]> = wire.split(|b| *b == b'\n').collect();
            let lone = |line: &[u8]| line.iter().filter(|b| **b != b'\r').eq(b".");
            let dots: Vec<usize> = (0..lines.len()).filter(|n| lone(lines[*n])).collect();
            prop_assert_eq!(dots, vec![lines.len() - 2]);
            prop_assert!(wire.ends_with(b".\r\n"));
            for (at, octet) in wire.iter().enumerate() {
                prop_assert!(*octet != b'\n' || wire[at - 1] == b'\r');
                prop_assert!(*octet != b'\r' || wire[at + 1] == b'\n');
            }
        }

        /// What is CRLF throughout comes out as it went in, once the dots are taken off again.
        #[test]
        fn unstuffing_gives_the_content_back(lines in prop::collection::vec("[.a]{0,4}", 0..40)) {
            let content: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
            let wire = String::from_utf8(encode(content.as_bytes())).unwrap();
            let body = wire.strip_suffix(".\r\n").unwrap();
            let unstuffed: String = body
                .split_inclusive("\r\n")
                .map(|line| line.strip_prefix('.').unwrap_or(line))
                .collect();
            prop_assert_eq!(unstuffed, content);
        }
    }
}
