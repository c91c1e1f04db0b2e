//! A letter on standard input: its header first, then the rest block by block.

use std::io::{self, Read};

use postroad_protocol::reply::Reply;

use crate::{limits, replies};

/// Reads a letter and counts its octets.
pub(crate) struct Input<R> {
    source: R,
    block: Vec<u8>,
    octets: u64,
    octets_max: u64,
}

impl<R: Read> Input<R> {
    pub(crate) fn new(source: R, octets_max: u64) -> Self {
        Self { source, block: vec![0; limits::INPUT_BLOCK_OCTETS_MIN], octets: 0, octets_max }
    }

    /// The header, with as much of the body as came along.
    pub(crate) fn header(&mut self) -> Result<Vec<u8>, Reply> {
        let mut start = Vec::new();
        while start.len() < limits::HEADER_OCTETS_MAX {
            // The end may be cut anywhere: look again at the last octets that were there before.
            let seen = start.len().saturating_sub(3);
            let Some(block) = self.block()? else { break };
            start.extend_from_slice(block);
            if start.starts_with(b"\n")
                || start.starts_with(b"\r\n")
                || start.get(seen..).is_some_and(holds_empty_line)
            {
                break;
            }
        }
        Ok(start)
    }

    /// The next octets; `None` at the end.
    pub(crate) fn block(&mut self) -> Result<Option<&[u8]>, Reply> {
        let octets = loop {
            match self.source.read(&mut self.block) {
                Ok(octets) => break octets,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(replies::try_later(&format!("cannot read the letter: {error}")));
                }
            }
        };
        self.octets = self.octets.saturating_add(octets as u64);
        let is_filled = octets == self.block.len();
        if self.octets > self.octets_max {
            return Err(replies::too_big(self.octets_max));
        }
        // Most letters are small, and memory that nobody has touched costs nothing.
        if is_filled && octets < limits::INPUT_BLOCK_OCTETS_MAX {
            self.block.resize(2 * octets, 0);
        }
        Ok(self.block.get(..octets).filter(|block| !block.is_empty()))
    }
}

fn holds_empty_line(octets: &[u8]) -> bool {
    let line_ends = memchr::memchr_iter(b'\n', octets);
    line_ends.into_iter().any(|at| {
        let rest = octets.get(at + 1..).unwrap_or_default();
        rest.starts_with(b"\n") || rest.starts_with(b"\r\n")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one octet at a time.
    struct Drip<'a>(&'a [u8]);

    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
            buffer[0] = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    #[test]
    fn a_header_ends_at_the_empty_line_however_it_comes() {
        for (letter, header) in [
            (&b"A: b\n\nbody"[..], &b"A: b\n\n"[..]),
            (b"A: b\r\n\r\nbody", b"A: b\r\n\r\n"),
            (b"\nbody", b"\n"),
            (b"\r\nbody", b"\r\n"),
            (b"A: b\n", b"A: b\n"),
            (b"", b""),
        ] {
            let mut input = Input::new(Drip(letter), 100);
            assert_eq!(input.header().unwrap(), header);
            let mut body = Vec::new();
            while let Some(block) = input.block().unwrap() {
                body.extend_from_slice(block);
            }
            assert_eq!([header, &body].concat(), letter);
        }
    }

    #[test]
    fn blocks_grow_and_lose_nothing() {
        let letter: Vec<u8> = (0..500_000_u32).map(|at| (at % 251) as u8).collect();
        let mut input = Input::new(letter.as_slice(), u64::MAX);
        let (mut read, mut longest) = (Vec::new(), 0);
        while let Some(block) = input.block().unwrap() {
            longest = longest.max(block.len());
            read.extend_from_slice(block);
        }
        assert!(read == letter);
        assert_eq!(longest, limits::INPUT_BLOCK_OCTETS_MAX);
    }

    #[test]
    fn size_at_the_bound_and_above() {
        let read = |octets: &'static [u8]| Input::new(octets, 4).header();
        assert!(read(b"1234").is_ok());
        assert_eq!(read(b"12345"), Err(replies::too_big(4)));
    }
}
