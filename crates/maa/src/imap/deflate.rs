//! COMPRESS=DEFLATE (RFC 4978): a raw DEFLATE stream (RFC 1951) each way.
//!
//! What comes in is inflated a piece at a time, and the next piece only when the one before was used: a few octets that
//! become gigabytes are never more than [`PIECE_OCTETS`] here, and lines and literals have the limits that they always
//! have. What goes out ends in a flush each time the client is waited for, so that it can be read at once.
//!
//! Another process can go on with both: what goes out refers to nothing before the last flush, and what comes in only to
//! what the client has said, which is remembered as long as it is short.

use std::io;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use crate::limits::PARKED_SAID_OCTETS_MAX;

/// Octets of one piece, either way.
pub(super) const PIECE_OCTETS: usize = 16 * 1024;
/// A flush takes a few octets; with less room it would be begun again and again.
const FLUSH_OCTETS: usize = 64;

/// Both streams of a connection.
#[derive(Debug)]
pub(super) struct Deflate {
    inflater: Decompress,
    /// Came, and isn't inflated yet from `used` on.
    came: Vec<u8>,
    used: usize,
    state: State,
    /// None while nothing is to be written: it takes a quarter of a megabyte, and a client that idles for hours needs none.
    deflater: Option<Compress>,
    /// All that the client has said, while it is short.
    said: Option<Vec<u8>>,
    /// The last octets that came.
    tail: [u8; 4],
}

/// The end of an empty stored block (RFC 1951 §3.2.4), which ends at an octet: what a flush ends with.
const FLUSHED: [u8; 4] = [0, 0, 0xff, 0xff];

/// How the client's stream stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// There is no more than what came.
    Dry,
    /// The inflater may hold more.
    Full,
    /// It was ended.
    Over,
}

/// What was made of what came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Inflated {
    Octets(Vec<u8>),
    /// Nothing, as long as no more comes.
    NeedInput,
    /// The client has ended its stream.
    End,
}

/// What follows a piece that is to go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    More,
    /// The client is waited for: it has to get all.
    Flush,
}

impl Deflate {
    /// Begins with what has come already.
    pub(super) fn new(came: Vec<u8>) -> Self {
        let mut begun = Self {
            inflater: Decompress::new(false),
            came: Vec::new(),
            used: 0,
            state: State::Dry,
            deflater: None,
            said: Some(Vec::new()),
            tail: FLUSHED,
        };
        begun.push(&came);
        begun
    }

    /// Goes on behind what the client has said to another process.
    ///
    /// # Errors
    /// None that the library would tell of.
    pub(super) fn resume(said: Vec<u8>) -> io::Result<Self> {
        let mut deflate = Self::new(Vec::new());
        if !said.is_empty() {
            deflate.inflater.set_dictionary(&said)?;
        }
        Ok(Self { said: Some(said), ..deflate })
    }

    /// What another process needs to go on; `None` where it can't, since the client has said much, or something of a
    /// block is still to come.
    pub(super) fn parked(&self) -> Option<&[u8]> {
        let is_dry = self.state == State::Dry && self.used == self.came.len();
        self.said.as_deref().filter(|_| is_dry && self.tail == FLUSHED)
    }

    fn remember(&mut self, piece: &[u8]) {
        let is_short = |said: &Vec<u8>| said.len() + piece.len() <= PARKED_SAID_OCTETS_MAX;
        self.said = self.said.take().filter(is_short).map(|mut said| {
            said.extend_from_slice(piece);
            said
        });
    }

    /// Takes what has come.
    pub(super) fn push(&mut self, octets: &[u8]) {
        self.came.drain(..self.used);
        self.used = 0;
        self.came.extend_from_slice(octets);
        let ends = [&self.tail, octets].concat();
        self.tail = ends.last_chunk().copied().unwrap_or(self.tail);
    }

    /// The next piece.
    ///
    /// # Errors
    /// Where it is no such stream.
    pub(super) fn inflate(&mut self) -> io::Result<Inflated> {
        let input = self.came.get(self.used..).unwrap_or_default();
        match self.state {
            State::Over => return Ok(Inflated::End),
            State::Dry if input.is_empty() => return Ok(Inflated::NeedInput),
            State::Dry | State::Full => {}
        }
        let mut piece = Vec::with_capacity(PIECE_OCTETS);
        let before = self.inflater.total_in();
        let status = self.inflater.decompress_vec(input, &mut piece, FlushDecompress::None)?;
        let used = usize::try_from(self.inflater.total_in() - before).unwrap_or(usize::MAX);
        self.used = self.used.saturating_add(used).min(self.came.len());
        self.state = match status {
            Status::StreamEnd => State::Over,
            Status::Ok | Status::BufError if piece.len() == piece.capacity() => State::Full,
            Status::Ok | Status::BufError => State::Dry,
        };
        self.remember(&piece);
        match (piece.is_empty(), self.state) {
            (false, _) => Ok(Inflated::Octets(piece)),
            (true, State::Over) => Ok(Inflated::End),
            // It has taken all.
            (true, _) if self.used == self.came.len() => Ok(Inflated::NeedInput),
            (true, _) => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// Adds a piece that is to go out to `out`, compressed.
    ///
    /// # Errors
    /// None that the library would tell of.
    pub(super) fn deflate(
        &mut self,
        piece: &[u8],
        then: Then,
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        let deflater =
            self.deflater.get_or_insert_with(|| Compress::new(Compression::fast(), false));
        let flush = match then {
            Then::More => FlushCompress::None,
            Then::Flush => FlushCompress::Sync,
        };
        let mut left = piece;
        loop {
            out.reserve(left.len() / 2 + FLUSH_OCTETS);
            let before = deflater.total_in();
            deflater.compress_vec(left, out, flush)?;
            let used = usize::try_from(deflater.total_in() - before).unwrap_or(usize::MAX);
            left = left.get(used..).unwrap_or_default();
            // Room that is left says that there was no more to write.
            if left.is_empty() && out.len() < out.capacity() {
                return Ok(());
            }
        }
    }

    /// Gives back what isn't needed while nothing is written; only behind a flush. The client notices nothing: what comes
    /// next refers to nothing before it.
    pub(super) fn rest(&mut self) {
        self.deflater = None;
        if self.used == self.came.len() {
            (self.came, self.used) = (Vec::new(), 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a client sends.
    fn sent(octets: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        Deflate::new(Vec::new()).deflate(octets, Then::Flush, &mut out).unwrap();
        out
    }

    fn inflated(deflate: &mut Deflate) -> Vec<u8> {
        let mut all = Vec::new();
        while let Inflated::Octets(piece) = deflate.inflate().unwrap() {
            assert!(piece.len() <= PIECE_OCTETS);
            all.extend(piece);
        }
        all
    }

    fn some(octets: usize) -> Vec<u8> {
        let mut state = 1_u32;
        let next = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // Between what can be compressed and what can't.
            if state & 0x8000 == 0 { b'a' } else { (state >> 24) as u8 }
        };
        (0..octets).map(next).collect()
    }

    #[test]
    fn what_is_sent_comes_at_once_and_whole_however_it_is_cut() {
        for octets in [0, 1, 17, PIECE_OCTETS - 1, PIECE_OCTETS, 3 * PIECE_OCTETS + 5] {
            let said = some(octets);
            let sent = sent(&said);
            for cut in [1, 2, 7, 1_000, usize::MAX] {
                let mut deflate = Deflate::new(Vec::new());
                let mut got = Vec::new();
                for piece in sent.chunks(cut.min(sent.len().max(1))) {
                    deflate.push(piece);
                    got.extend(inflated(&mut deflate));
                }
                assert_eq!(got, said, "{octets} {cut}");
            }
        }
    }

    #[test]
    fn a_stream_goes_on_behind_a_rest() {
        let (mut server, mut client) = (Deflate::new(Vec::new()), Deflate::new(Vec::new()));
        for round in 0..5 {
            let said = some(1_000 * round);
            let mut out = Vec::new();
            for piece in said.chunks(300) {
                server.deflate(piece, Then::More, &mut out).unwrap();
            }
            server.deflate(b"", Then::Flush, &mut out).unwrap();
            server.rest();
            client.push(&out);
            assert_eq!(inflated(&mut client), said, "{round}");
        }
    }

    #[test]
    fn another_process_goes_on_with_what_refers_to_what_was_said_before() {
        let (mut client, mut server) = (Deflate::new(Vec::new()), Deflate::new(Vec::new()));
        // Next to nothing is in the second and third round that wasn't said before.
        for round in 0..3 {
            let said = some(1_000);
            let mut sent = Vec::new();
            client.deflate(&said, Then::Flush, &mut sent).unwrap();
            assert!(round == 0 || sent.len() < 100, "{}", sent.len());
            let (first, rest) = sent.split_at(sent.len() / 2);
            server.push(first);
            let mut got = inflated(&mut server);
            assert_eq!(server.parked(), None, "a block isn't whole");
            server.push(rest);
            got.extend(inflated(&mut server));
            assert_eq!(got, said, "{round}");
            let parked = server.parked().unwrap().to_vec();
            assert_eq!(parked, said.repeat(round + 1));
            server = Deflate::resume(parked).unwrap();
        }
        // And back, although nobody knows what was sent.
        let mut out = Vec::new();
        server.deflate(b"* BYE", Then::Flush, &mut out).unwrap();
        client.push(&out);
        assert_eq!(inflated(&mut client), b"* BYE");
        let mut sent = Vec::new();
        client.deflate(&some(PARKED_SAID_OCTETS_MAX), Then::Flush, &mut sent).unwrap();
        server.push(&sent);
        inflated(&mut server);
        assert_eq!(server.parked(), None, "that is too much to be kept");
    }

    /// Row I11: a gigabyte in a megabyte is taken piece by piece.
    #[test]
    fn i11_a_bomb_is_inflated_piece_by_piece() {
        let bomb = sent(&vec![b'a'; 64 << 20]);
        assert!(bomb.len() < 1 << 20, "{}", bomb.len());
        let mut deflate = Deflate::new(bomb);
        let held = deflate.came.capacity();
        let mut octets = 0;
        for _ in 0..10 {
            let Inflated::Octets(piece) = deflate.inflate().unwrap() else { panic!("no bomb") };
            octets += piece.len();
        }
        assert_eq!((octets, deflate.came.capacity()), (10 * PIECE_OCTETS, held));
    }

    #[test]
    fn what_is_no_stream_is_an_error_or_wants_more() {
        let mut deflate = Deflate::new(b"a1 NOOP\r\na2 NOOP\r\n".to_vec());
        assert!(deflate.inflate().is_err());
        // An empty last block.
        let mut deflate = Deflate::new(vec![0x03, 0x00]);
        assert_eq!(deflate.inflate().unwrap(), Inflated::End);
        deflate.push(b"more");
        assert_eq!(deflate.inflate().unwrap(), Inflated::End);
        for first in 0..=u8::MAX {
            for second in 0..=u8::MAX {
                let mut deflate = Deflate::new(vec![first, second, 0xff, 0x55]);
                while let Ok(Inflated::Octets(_)) = deflate.inflate() {}
            }
        }
    }
}
