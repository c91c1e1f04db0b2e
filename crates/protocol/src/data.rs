//! Message content on the wire: DATA's dot-stuffing (RFC 5321 §4.5.2) and the line ends of both DATA
//! and BDAT (RFC 5321 §2.3.8, RFC 3030 §2).
//!
//! [`Decoder`] is fed octets as they come, cut anywhere, and says run by run what is content:
//!
//! ```text
//! "Hi\r\n..dot\r\n.\r\nQUIT"  ──▶  Content(4) Skip(1) Content(6) Skip(2) End(1) … the rest isn't its own
//! ```
//! Nothing is copied here, and no octet is looked at twice. Only `<CRLF>.<CRLF>` ends data. A bare CR,
//! a bare LF or a NUL spoils the message ([`Fault`]): other servers take them for line ends or drop
//! them, and what one server reads as text the next one would read as commands (SMTP smuggling). The
//! fault is told when the true end is there, never before, for a relay that stops sending halfway
//! would not see it.
//!
//! The other direction is the client's (`client/content.rs`).

use memchr::memchr3;

/// What spoils a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// CR without LF behind it (RFC 5321 §2.3.8).
    #[error("bare CR in the message")]
    BareCr,
    /// LF without CR before it (RFC 5321 §2.3.8).
    #[error("bare LF in the message")]
    BareLf,
    /// NUL, which neither 7bit nor 8bit content may hold (RFC 2045 §2.7, §2.8).
    #[error("NUL in the message")]
    Nul,
}

/// What the octets at the front of the input are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Run {
    /// This many are content.
    Content(usize),
    /// This many belong to the framing (or to a message that is spoilt).
    Skip(usize),
    /// This many belong to the framing, and with them the data ends.
    End(usize),
    /// There is no input left to judge.
    NeedInput,
}

/// Where in a line we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Behind a CRLF, or at the very start.
    LineStart,
    /// Somewhere in a line.
    Inside,
    /// Behind a CR: only LF may follow.
    Cr,
    /// Behind a dot that began the line.
    Dot,
    /// Behind a dot that began the line and a CR.
    DotCr,
}

/// Reads the data of DATA.
#[derive(Debug)]
pub struct Decoder {
    place: Place,
    fault: Option<Fault>,
}

impl Default for Decoder {
    fn default() -> Self {
        // RFC 5321 §4.1.1.4: the CRLF of the DATA command counts as the one before the dot.
        Self { place: Place::LineStart, fault: None }
    }
}

impl Decoder {
    /// What spoilt the message, where anything did.
    pub fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// Judges the front of `input`; the caller takes the octets off and calls again.
    pub fn next(&mut self, input: &[u8]) -> Run {
        let Some(&first) = input.first() else { return Run::NeedInput };
        match (self.place, first) {
            (Place::LineStart, b'.') => self.skip(Place::Dot),
            (Place::Dot, b'\r') => self.skip(Place::DotCr),
            (Place::DotCr, b'\n') => {
                self.place = Place::LineStart;
                Run::End(1)
            }
            (Place::DotCr, _) => {
                self.spoil(Fault::BareCr);
                self.place = Place::Inside;
                self.next(input)
            }
            (Place::LineStart | Place::Inside | Place::Cr | Place::Dot, _) => self.run(input),
        }
    }

    fn skip(&mut self, place: Place) -> Run {
        self.place = place;
        Run::Skip(1)
    }

    /// Content up to the next line that begins with a dot.
    fn run(&mut self, input: &[u8]) -> Run {
        let mut at = 0;
        while let Some(rest) = input.get(at..).filter(|rest| !rest.is_empty()) {
            match (self.place, rest) {
                (Place::LineStart, [b'.', ..]) => break,
                (Place::Cr, [b'\n', ..]) => {
                    self.place = Place::LineStart;
                    at += 1;
                }
                (Place::Cr, _) => {
                    self.spoil(Fault::BareCr);
                    self.place = Place::Inside;
                }
                (
                    Place::LineStart | Place::Inside | Place::Dot | Place::DotCr,
                    [b'\r', b'\n', ..],
                ) => {
                    self.place = Place::LineStart;
                    at += 2;
                }
                (Place::LineStart | Place::Inside | Place::Dot | Place::DotCr, _) => {
                    at += self.text(rest);
                }
            }
        }
        match self.fault {
            None => Run::Content(at),
            Some(_) => Run::Skip(at),
        }
    }

    /// Steps over text up to a CRLF, or up to and over the octet that is none; gives its length.
    fn text(&mut self, rest: &[u8]) -> usize {
        self.place = Place::Inside;
        let Some(length) = memchr3(b'\r', b'\n', 0, rest) else { return rest.len() };
        match rest.get(length..) {
            Some([b'\r', b'\n', ..]) => return length,
            Some([b'\r', ..]) => self.place = Place::Cr,
            Some([b'\n', ..]) => self.spoil(Fault::BareLf),
            Some(_) | None => self.spoil(Fault::Nul),
        }
        length + 1
    }

    /// The first fault is the one that is told.
    fn spoil(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
    }
}

/// Watches the line ends of BDAT chunks, which are not stuffed (RFC 3030 §2).
#[derive(Debug, Default)]
pub struct LineEnds {
    behind_cr: bool,
    fault: Option<Fault>,
}

impl LineEnds {
    /// Looks at the next octets of the message.
    pub fn watch(&mut self, octets: &[u8]) {
        let (Some(&first), None) = (octets.first(), self.fault) else { return };
        let mut at = 0;
        if std::mem::take(&mut self.behind_cr) {
            match first {
                b'\n' => at = 1,
                _ => return self.fault = Some(Fault::BareCr),
            }
        }
        while let Some(rest) = octets.get(at..) {
            let Some(found) = memchr3(b'\r', b'\n', 0, rest) else { return };
            match rest.get(found..) {
                Some([b'\r', b'\n', ..]) => at += found + 2,
                Some([b'\r']) => return self.behind_cr = true,
                Some([b'\r', ..]) => return self.fault = Some(Fault::BareCr),
                Some([b'\n', ..]) => return self.fault = Some(Fault::BareLf),
                Some(_) | None => return self.fault = Some(Fault::Nul),
            }
        }
    }

    /// What spoilt the message so far.
    pub fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// What spoilt the message that ends here.
    pub fn fault_at_end(&self) -> Option<Fault> {
        self.fault.or(self.behind_cr.then_some(Fault::BareCr))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Stuffs content as a client does, line by line.
    fn stuffed(content: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for line in content.split_inclusive(|octet| *octet == b'\n') {
            if line.starts_with(b".") {
                out.push(b'.');
            }
            out.extend_from_slice(line);
        }
        out.extend_from_slice(b".\r\n");
        out
    }

    /// Decodes input that comes in pieces; gives content, octets behind the end, and the fault.
    fn decode(pieces: &[&[u8]]) -> (Vec<u8>, Option<Vec<u8>>, Option<Fault>) {
        let mut decoder = Decoder::default();
        let (mut content, mut input, mut ended) = (Vec::new(), Vec::new(), false);
        for piece in pieces {
            input.extend_from_slice(piece);
            while !ended {
                let length = match decoder.next(&input) {
                    Run::NeedInput => break,
                    Run::Skip(length) => length,
                    Run::Content(length) => {
                        content.extend_from_slice(&input[..length]);
                        length
                    }
                    Run::End(length) => {
                        ended = true;
                        length
                    }
                };
                assert!((1..=input.len()).contains(&length));
                input.drain(..length);
            }
        }
        (content, ended.then_some(input), decoder.fault())
    }

    /// Lines of dots, CR and LF among other text: where the decoder has to be careful.
    fn tricky() -> impl Strategy<Value = Vec<u8>> {
        let octet =
            prop_oneof![Just(b'.'), Just(b'\r'), Just(b'\n'), Just(0), Just(b'a'), Just(b' ')];
        prop::collection::vec(octet, 0..60)
    }

    fn lines() -> impl Strategy<Value = Vec<u8>> {
        let line = "[.a\u{e4} ]{0,12}".prop_map(|line| format!("{line}\r\n").into_bytes());
        prop::collection::vec(line, 0..10).prop_map(|lines| lines.concat())
    }

    proptest! {
        #[test] // Tests RFC 5321 §4.5.2.
        fn what_is_stuffed_is_read_back(content in lines(), cut in 0..200usize, behind in tricky()) {
            let mut sent = stuffed(&content);
            sent.extend_from_slice(&behind);
            let (head, tail) = sent.split_at(cut.min(sent.len()));
            prop_assert_eq!(decode(&[head, tail]), (content, Some(behind), None));
        }

        #[test]
        fn s04_cutting_changes_nothing(sent in tricky(), cut in 0..60usize) {
            let (head, tail) = sent.split_at(cut.min(sent.len()));
            let (_, rest, fault) = decode(&[&sent]);
            let (_, cut_rest, cut_fault) = decode(&[head, tail]);
            prop_assert_eq!((rest, fault), (cut_rest, cut_fault));
        }

        #[test] // Tests RFC 5321 §4.1.1.4.
        fn only_crlf_dot_crlf_ends(sent in tricky()) {
            // The CRLF of the DATA command counts as the one before the first dot.
            let whole = [b"\r\n".as_slice(), &sent].concat();
            let end = memchr::memmem::find(&whole, b"\r\n.\r\n").map(|at| at + 3);
            let (_, rest, _) = decode(&[&sent]);
            prop_assert_eq!(rest, end.map(|end| sent[end..].to_vec()));
        }

        #[test] // Tests RFC 5321 §2.3.8.
        fn chunks_are_judged_alike_however_they_are_cut(sent in tricky(), cut in 0..60usize) {
            let (head, tail) = sent.split_at(cut.min(sent.len()));
            let (mut whole, mut pieces) = (LineEnds::default(), LineEnds::default());
            whole.watch(&sent);
            pieces.watch(head);
            pieces.watch(tail);
            prop_assert_eq!(whole.fault_at_end(), pieces.fault_at_end());
            let plain = String::from_utf8_lossy(&sent).replace("\r\n", "");
            let clean = !plain.contains(['\r', '\n', '\0']);
            prop_assert_eq!(whole.fault_at_end().is_none(), clean);
        }
    }
}
