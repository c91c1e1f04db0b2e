//! Lines of bounded length out of a stream of octets that comes in any pieces.

use memchr::memchr;

/// What the stream holds next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// A line, without its line end.
    Whole(Vec<u8>),
    /// A line that was longer than allowed; it is gone.
    TooLong,
    /// No whole line yet.
    Incomplete,
}

/// Octets that were read and not used yet. Holds no more than one line of the allowed length and
/// what the shell read last.
#[derive(Debug, Default)]
pub(crate) struct LineReader {
    octets: Vec<u8>,
    /// Octets at the front that were used.
    used: usize,
    /// Whether we are inside a line that is too long.
    overlong: Overlong,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Overlong {
    #[default]
    No,
    Skipping,
}

impl LineReader {
    pub(crate) fn push(&mut self, octets: &[u8]) {
        if self.used > 0 {
            self.octets.drain(..self.used);
            self.used = 0;
        }
        self.octets.extend_from_slice(octets);
    }

    /// What wasn't used yet.
    pub(crate) fn rest(&self) -> &[u8] {
        self.octets.get(self.used..).unwrap_or_default()
    }

    /// Counts octets at the front as used.
    pub(crate) fn consume(&mut self, octets: usize) {
        self.used = self.octets.len().min(self.used + octets);
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The next line of at most `octets_max` octets, CRLF included. A bare LF ends a line too: nothing
    /// is gained by a client that cuts its own commands with it, and people type at `nc`.
    pub(crate) fn next(&mut self, octets_max: usize) -> Line {
        let rest = self.rest();
        let Some(end) = memchr(b'\n', rest) else {
            if rest.len() >= octets_max {
                self.overlong = Overlong::Skipping;
            }
            if self.overlong == Overlong::Skipping {
                self.consume(usize::MAX - self.used);
            }
            return Line::Incomplete;
        };
        let line = rest.get(..end).unwrap_or_default();
        let fits = line.len() < octets_max;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let next = match self.overlong {
            Overlong::No if fits => Line::Whole(line.to_vec()),
            Overlong::No | Overlong::Skipping => Line::TooLong,
        };
        self.overlong = Overlong::No;
        self.consume(end + 1);
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All lines of `input` with at most 8 octets, whatever the pieces that it comes in.
    #[track_caller]
    fn check(input: &[u8], expected: &[Line]) {
        for cut in 0..=input.len() {
            let (head, tail) = input.split_at(cut);
            let (mut reader, mut lines) = (LineReader::default(), Vec::new());
            for piece in [head, tail] {
                reader.push(piece);
                loop {
                    match reader.next(8) {
                        Line::Incomplete => break,
                        line => lines.push(line),
                    }
                }
                assert!(reader.rest().len() < 8, "keeps no more than a line");
            }
            assert_eq!(lines, expected, "cut at octet {cut}");
        }
    }

    #[test]
    fn lines_at_the_bound_and_above() {
        let whole = |line: &str| Line::Whole(line.as_bytes().to_vec());
        check(b"", &[]);
        check(b"a\r\n\r\nb\n", &[whole("a"), whole(""), whole("b")]);
        check(b"123456\r\n1234567\r\nx\r\n", &[whole("123456"), Line::TooLong, whole("x")]);
        check(b"12345678901234567890\r\nx\r\n123", &[Line::TooLong, whole("x")]);
        check(b"a\rb\r\n", &[whole("a\rb")]);
    }
}
