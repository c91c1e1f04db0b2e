//! A message as POP3 sends it (RFC 1939 §3, §11): lines ended by CRLF, a dot doubled where it begins a
//! line, and a lone dot behind the last line.
//!
//! A server's messages come out of a Maildir, where lines end in LF (those of other delivery agents
//! sometimes in CRLF: both are read). [`Encoder`] turns them into what goes over the wire, [`Size`] counts
//! the octets that a client gets, stuffing left out. [`Decoder`] is the client's side: it gives back the
//! lines with their CRLF.

use memchr::{memchr, memchr_iter, memmem};

/// How much of a message is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All of it (RETR).
    Whole,
    /// The header, the empty line, and this many lines of the body (TOP).
    Top(u32),
}

/// Whether more of the message is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// It is.
    More,
    /// All that was asked for is there.
    Enough,
}

/// Writes a message as a multi-line response, piece by piece.
#[derive(Debug)]
pub struct Encoder {
    place: Place,
    part: Part,
}

/// Where in a line we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Start,
    Inside,
    /// Behind a CR that may belong to the line end.
    Cr {
        /// Whether the CR is all that is in the line so far.
        line: Blank,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blank {
    Yes,
    No,
}

/// What still counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Everything.
    Whole,
    /// We are in the header; this many lines of the body will follow.
    Header { body_lines: u32 },
    /// This many lines are left.
    Body { lines: u32 },
}

impl Encoder {
    /// Starts a message.
    pub fn new(extent: Extent) -> Self {
        let part = match extent {
            Extent::Whole => Part::Whole,
            Extent::Top(lines) => Part::Header { body_lines: lines },
        };
        Self { place: Place::Start, part }
    }

    /// Writes the next piece of the message.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Wanted {
        out.reserve(piece.len() + piece.len() / 32 + 8);
        let mut rest = piece;
        while !rest.is_empty() {
            if self.part == (Part::Body { lines: 0 }) {
                return Wanted::Enough;
            }
            let (line, ended, tail) = match memchr(b'\n', rest) {
                Some(end) => split(rest, end),
                None => (rest, Ended::No, &[][..]),
            };
            self.line(line, ended, out);
            rest = tail;
        }
        match self.part {
            Part::Body { lines: 0 } => Wanted::Enough,
            Part::Whole | Part::Header { .. } | Part::Body { .. } => Wanted::More,
        }
    }

    /// Writes (a part of) one line, and its end.
    fn line(&mut self, line: &[u8], ended: Ended, out: &mut Vec<u8>) {
        if self.place == Place::Start && line.first() == Some(&b'.') {
            out.push(b'.'); // RFC 1939 §3: byte-stuffed
        }
        out.extend_from_slice(line);
        let before = self.place;
        self.place = match (line, before) {
            ([], before) => before,
            ([b'\r'], Place::Start) => Place::Cr { line: Blank::Yes },
            ([.., b'\r'], _) => Place::Cr { line: Blank::No },
            ([..], _) => Place::Inside,
        };
        if ended == Ended::Yes {
            self.end_line(out);
        }
    }

    fn end_line(&mut self, out: &mut Vec<u8>) {
        let blank = match self.place {
            Place::Start => Blank::Yes,
            Place::Inside => Blank::No,
            Place::Cr { line } => line,
        };
        match self.place {
            // The file has a CRLF: its CR is written already.
            Place::Cr { .. } => out.push(b'\n'),
            Place::Start | Place::Inside => out.extend_from_slice(b"\r\n"),
        }
        self.place = Place::Start;
        self.part = match (self.part, blank) {
            (Part::Header { body_lines }, Blank::Yes) => Part::Body { lines: body_lines },
            (Part::Body { lines }, _) => Part::Body { lines: lines.saturating_sub(1) },
            (part @ (Part::Whole | Part::Header { .. }), _) => part,
        };
    }

    /// Ends the response. A message whose last line has no end is given one.
    pub fn finish(self, out: &mut Vec<u8>) {
        match self.place {
            Place::Start => {}
            Place::Inside | Place::Cr { .. } => out.extend_from_slice(b"\r\n"),
        }
        out.extend_from_slice(b".\r\n");
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Yes,
    No,
}

/// Cuts at the LF at `end`, which is in neither part.
fn split(octets: &[u8], end: usize) -> (&[u8], Ended, &[u8]) {
    let line = octets.get(..end).unwrap_or_default();
    (line, Ended::Yes, octets.get(end + 1..).unwrap_or_default())
}

/// Counts the octets of a message on the wire, without stuffing and the final dot (RFC 1939 §11).
#[derive(Debug, Default)]
pub struct Size {
    octets: u64,
    last: Option<u8>,
}

impl Size {
    /// Counts the next piece of the message.
    pub fn push(&mut self, piece: &[u8]) {
        let Some(&last) = piece.last() else { return };
        let line_ends = memchr_iter(b'\n', piece).count();
        let within = memmem::find_iter(piece, b"\r\n").count();
        let across = usize::from(self.last == Some(b'\r') && piece.first() == Some(&b'\n'));
        // Each LF that has no CR yet gets one.
        self.octets += (piece.len() + line_ends - within - across) as u64;
        self.last = Some(last);
    }

    /// The octets of the whole message.
    pub fn finish(self) -> u64 {
        match self.last {
            None | Some(b'\n') => self.octets,
            Some(_) => self.octets + 2,
        }
    }
}

/// Reads a multi-line response: unstuffs, and finds its end.
///
/// Only a line that is a lone dot ends it. Lines of any length pass through in pieces.
#[derive(Debug)]
pub struct Decoder {
    place: DecoderPlace,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DecoderPlace {
    Start,
    Inside,
    Dot,
    DotCr,
}

/// What the octets at the front of the input are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Run {
    /// This many belong to the message.
    Content(usize),
    /// This many belong to the framing.
    Skip(usize),
    /// This many belong to the framing, and the response ends with them.
    End(usize),
    /// There is no input left.
    NeedInput,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { place: DecoderPlace::Start }
    }
}

impl Decoder {
    /// Judges the front of `input`; the caller takes the octets off and calls again.
    pub fn next(&mut self, input: &[u8]) -> Run {
        let (run, place) = match (self.place, input) {
            (_, []) => return Run::NeedInput,
            (DecoderPlace::Start, [b'.', ..]) => (Run::Skip(1), DecoderPlace::Dot),
            (DecoderPlace::Dot, [b'\r', ..]) => (Run::Skip(1), DecoderPlace::DotCr),
            // A server that ends lines in LF is read too.
            (DecoderPlace::Dot | DecoderPlace::DotCr, [b'\n', ..]) => {
                (Run::End(1), DecoderPlace::Start)
            }
            // A dot, a CR and something else: a line that began with a CR, stuffed for no reason. The
            // CR is lost with the framing, for it was taken off already; no server sends that.
            (
                DecoderPlace::Start
                | DecoderPlace::Inside
                | DecoderPlace::Dot
                | DecoderPlace::DotCr,
                _,
            ) => {
                return self.lines(input);
            }
        };
        self.place = place;
        run
    }

    /// Content up to the next line that begins with a dot.
    fn lines(&mut self, input: &[u8]) -> Run {
        let mut at = 0;
        for end in memchr_iter(b'\n', input) {
            at = end + 1;
            if input.get(at) == Some(&b'.') {
                self.place = DecoderPlace::Start;
                return Run::Content(at);
            }
        }
        self.place = if at == input.len() { DecoderPlace::Start } else { DecoderPlace::Inside };
        Run::Content(input.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Encodes `file` in two pieces.
    fn encode(extent: Extent, pieces: &[&[u8]]) -> Vec<u8> {
        let (mut encoder, mut out) = (Encoder::new(extent), Vec::new());
        for piece in pieces {
            if encoder.push(piece, &mut out) == Wanted::Enough {
                break;
            }
        }
        encoder.finish(&mut out);
        out
    }

    fn decode(pieces: &[&[u8]]) -> (Vec<u8>, Vec<u8>) {
        let (mut decoder, mut content) = (Decoder::default(), Vec::new());
        for (index, piece) in pieces.iter().enumerate() {
            let mut rest = *piece;
            loop {
                match decoder.next(rest) {
                    Run::Content(n) => {
                        content.extend_from_slice(&rest[..n]);
                        rest = &rest[n..];
                    }
                    Run::Skip(n) => rest = &rest[n..],
                    Run::End(n) => {
                        let tail = [&rest[n..], &pieces[index + 1..].concat()].concat();
                        return (content, tail);
                    }
                    Run::NeedInput => break,
                }
            }
        }
        panic!("no end in {pieces:?}");
    }

    /// The file goes out as `wire` whatever the pieces, and comes back from there; its size is told right.
    #[track_caller]
    fn check(extent: Extent, file: &str, wire: &str) {
        let (file, wire) = (file.as_bytes(), wire.as_bytes());
        for cut in 0..=file.len() {
            let (head, tail) = file.split_at(cut);
            let got = encode(extent, &[head, tail]);
            assert_eq!(got.escape_ascii().to_string(), wire.escape_ascii().to_string(), "{cut}");
        }
        let (content, _) = decode(&[wire]);
        if extent == Extent::Whole {
            let mut size = Size::default();
            size.push(file);
            assert_eq!(size.finish(), content.len() as u64, "{}", file.escape_ascii());
        }
    }

    #[test] // Tests RFC 1939 §3 and §11.
    fn whole_messages() {
        let check = |file, wire| check(Extent::Whole, file, wire);
        check("", ".\r\n");
        check("\n", "\r\n.\r\n");
        check("a\n", "a\r\n.\r\n");
        check("a", "a\r\n.\r\n");
        check(".\n", "..\r\n.\r\n");
        check("a\n.\n..\n.b\n", "a\r\n..\r\n...\r\n..b\r\n.\r\n");
        check("a.\n\n\nb", "a.\r\n\r\n\r\nb\r\n.\r\n");
        check("crlf\r\nin the file\r\n.\r\n", "crlf\r\nin the file\r\n..\r\n.\r\n");
        check("a\rb\r\n", "a\rb\r\n.\r\n");
        check("a\r\r\n", "a\r\r\n.\r\n");
        check("ends in cr\r", "ends in cr\r\r\n.\r\n");
        check("caf\u{e9}\n", "caf\u{e9}\r\n.\r\n");
    }

    #[test] // Tests RFC 1939 §7, TOP.
    fn tops_of_messages() {
        let message = "H: 1\n.H: 2\n\nb1\n.b2\n\nb4";
        let header = "H: 1\r\n..H: 2\r\n\r\n";
        check(Extent::Top(0), message, &format!("{header}.\r\n"));
        check(Extent::Top(1), message, &format!("{header}b1\r\n.\r\n"));
        check(Extent::Top(3), message, &format!("{header}b1\r\n..b2\r\n\r\n.\r\n"));
        check(Extent::Top(4), message, &format!("{header}b1\r\n..b2\r\n\r\nb4\r\n.\r\n"));
        check(Extent::Top(u32::MAX), message, &format!("{header}b1\r\n..b2\r\n\r\nb4\r\n.\r\n"));
        check(Extent::Top(1), "H: 1\r\n\r\nb1\r\nb2\r\n", "H: 1\r\n\r\nb1\r\n.\r\n");
        check(Extent::Top(9), "H: 1\nno body\n", "H: 1\r\nno body\r\n.\r\n");
        check(Extent::Top(0), "\nbody at once\n", "\r\n.\r\n");
    }

    /// Files made of what matters: line ends, dots, and something else.
    fn file() -> impl Strategy<Value = Vec<u8>> {
        let piece =
            prop_oneof![Just("\n"), Just("\r\n"), Just("\r"), Just("."), Just("x"), Just("\0")];
        prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat().into_bytes())
    }

    proptest! {
        #[test]
        fn the_wire_gives_the_file_back(file in file(), cuts in prop::array::uniform3(0usize..60)) {
            let mut cuts = cuts.map(|cut| cut.min(file.len()));
            cuts.sort_unstable();
            let [a, b, c] = cuts;
            let wire = encode(Extent::Whole, &[&file[..a], &file[a..b], &file[b..c], &file[c..]]);
            let mut size = Size::default();
            [&file[..a], &file[a..b], &file[b..c], &file[c..]].iter().for_each(|p| size.push(p));
            // Nothing inside ends the response early, and what follows isn't its own.
            let stream = [&wire[..], b"+OK\r\n"].concat();
            for cut in 0..=stream.len() {
                let (content, tail) = decode(&[&stream[..cut], &stream[cut..]]);
                prop_assert_eq!(&tail, b"+OK\r\n");
                prop_assert_eq!(content.len() as u64, Size { ..size }.finish());
                let lf = |octets: &[u8]| octets.replace_all(b"\r\n", b"\n");
                let mut expected = lf(&file);
                if !expected.is_empty() && !expected.ends_with(b"\n") {
                    expected.push(b'\n');
                }
                prop_assert_eq!(lf(&content), expected);
            }
        }
    }

    trait ReplaceAll {
        fn replace_all(&self, from: &[u8], to: &[u8]) -> Vec<u8>;
    }

    impl ReplaceAll for [u8] {
        fn replace_all(&self, from: &[u8], to: &[u8]) -> Vec<u8> {
            let (mut out, mut last) = (Vec::new(), 0);
            for at in memmem::find_iter(self, from) {
                out.extend_from_slice(&self[last..at]);
                out.extend_from_slice(to);
                last = at + from.len();
            }
            out.extend_from_slice(&self[last..]);
            out
        }
    }
}
