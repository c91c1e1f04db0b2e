//! A letter's octets as they go over the wire: each line ends in CRLF, however it is stored (RFC 5322 §2.3).

use std::ops::Range;

use memchr::memchr_iter;

/// Octets on the wire.
pub fn octets(stored: &[u8]) -> u64 {
    let bare = bare_lines(stored).count();
    u64::try_from(stored.len().saturating_add(bare)).unwrap_or(u64::MAX)
}

/// Where lines end in LF alone.
fn bare_lines(stored: &[u8]) -> impl Iterator<Item = usize> {
    memchr_iter(b'\n', stored)
        .filter(|at| at.checked_sub(1).and_then(|at| stored.get(at)) != Some(&b'\r'))
}

/// Pieces of a letter, as they go over the wire one behind the other. Each begins where a line does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt<'a> {
    letter: &'a [u8],
    pieces: Vec<Range<usize>>,
}

impl<'a> Excerpt<'a> {
    pub(crate) fn new(letter: &'a [u8], pieces: Vec<Range<usize>>) -> Self {
        Self { letter, pieces }
    }

    /// All of a letter.
    pub fn whole(letter: &'a [u8]) -> Self {
        Self::new(letter, std::iter::once(0..letter.len()).collect())
    }

    /// The pieces, as they are stored.
    pub fn stored(&self) -> impl Iterator<Item = &'a [u8]> {
        self.pieces.iter().map(|piece| self.letter.get(piece.clone()).unwrap_or_default())
    }

    /// Octets on the wire.
    pub fn octets(&self) -> u64 {
        self.stored().map(octets).sum()
    }

    /// All of it.
    pub fn to_wire(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(usize::try_from(self.octets()).unwrap_or(0));
        self.write(0..u64::MAX, &mut out);
        out
    }

    /// Adds the octets at these places on the wire, as far as there are so many (RFC 9051 §6.4.5, "partial").
    pub fn write(&self, wanted: Range<u64>, out: &mut Vec<u8>) {
        let mut writer = Window { wanted, at: 0, out };
        for piece in self.stored() {
            if writer.is_past() {
                return;
            }
            let mut start = 0;
            for end in bare_lines(piece) {
                writer.push(piece.get(start..end).unwrap_or_default());
                writer.push(b"\r\n");
                start = end + 1;
                if writer.is_past() {
                    return;
                }
            }
            writer.push(piece.get(start..).unwrap_or_default());
        }
    }
}

/// Keeps a range of all that is pushed.
pub(crate) struct Window<'o> {
    pub(crate) wanted: Range<u64>,
    pub(crate) at: u64,
    pub(crate) out: &'o mut Vec<u8>,
}

impl Window<'_> {
    pub(crate) fn is_past(&self) -> bool {
        self.at >= self.wanted.end
    }

    pub(crate) fn push(&mut self, octets: &[u8]) {
        let within = |at: u64| {
            usize::try_from(at.saturating_sub(self.at)).unwrap_or(usize::MAX).min(octets.len())
        };
        let range = within(self.wanted.start)..within(self.wanted.end);
        self.out.extend_from_slice(octets.get(range).unwrap_or_default());
        self.at = self.at.saturating_add(u64::try_from(octets.len()).unwrap_or(u64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // Tests RFC 5322 §2.3.
    fn line_ends() {
        for (stored, expected) in [
            ("a\nb\n", "a\r\nb\r\n"),
            ("a\r\nb\r\n", "a\r\nb\r\n"),
            ("a\r\nb\nc", "a\r\nb\r\nc"),
            ("\n\r\n\n", "\r\n\r\n\r\n"),
            ("a\rb\r\r\n", "a\rb\r\r\n"),
            ("", ""),
        ] {
            let excerpt = Excerpt::whole(stored.as_bytes());
            assert_eq!(excerpt.to_wire(), expected.as_bytes(), "{stored:?}");
            assert_eq!(octets(stored.as_bytes()), expected.len() as u64, "{stored:?}");
        }
    }

    #[test] // Tests RFC 9051 §6.4.5, "partial".
    fn parts_of_it() {
        let stored = b"one\ntwo\r\nthree\nfour";
        let excerpt = Excerpt::new(stored, vec![0..4, 4..9, 15..19]);
        let whole = excerpt.to_wire();
        assert_eq!(whole, b"one\r\ntwo\r\nfour");
        for start in 0..whole.len() + 2 {
            for end in start..whole.len() + 2 {
                let mut out = Vec::new();
                excerpt.write(start as u64..end as u64, &mut out);
                let (start, end) = (start.min(whole.len()), end.min(whole.len()));
                assert_eq!(out, whole[start..end], "{start} {end}");
            }
        }
    }
}
