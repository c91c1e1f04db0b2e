//! CRLF on the wire, LF in the file, whatever way the octets are cut.
//!
//! Only CR LF becomes LF; a CR that stands alone stays, and so does an LF.

use memchr::{memchr, memchr_iter};

/// Converts octets as they come.
#[derive(Debug, Default)]
pub(crate) struct LineEnds {
    /// The last octet was a CR: whether it stays depends on the next one.
    held: Held,
    /// The last octet that was given on was a CR.
    after: Held,
    /// Line ends so far that are one octet in the file: an LF behind a CR that stood alone makes CR LF again.
    lines: u64,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Held {
    #[default]
    Nothing,
    CarriageReturn,
}

impl LineEnds {
    /// Appends `octets` to `out`, converted.
    pub(crate) fn push(&mut self, mut octets: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        if self.held == Held::CarriageReturn && !octets.is_empty() {
            self.held = Held::Nothing;
            if !octets.starts_with(b"\n") {
                out.push(b'\r');
            }
        }
        while let Some((before, rest)) =
            memchr(b'\r', octets).and_then(|at| octets.split_at_checked(at))
        {
            out.extend_from_slice(before);
            octets = rest.get(1..).unwrap_or_default();
            match octets.first() {
                Some(b'\n') => {}
                Some(_) => out.push(b'\r'),
                None => self.held = Held::CarriageReturn,
            }
        }
        out.extend_from_slice(octets);
        let given = out.get(start..).unwrap_or_default();
        self.lines +=
            memchr_iter(b'\n', given).filter(|at| !self.is_behind_cr(given, *at)).count() as u64;
        match given.last() {
            Some(b'\r') => self.after = Held::CarriageReturn,
            Some(_) => self.after = Held::Nothing,
            None => {}
        }
    }

    fn is_behind_cr(&self, given: &[u8], at: usize) -> bool {
        match at.checked_sub(1) {
            Some(before) => given.get(before) == Some(&b'\r'),
            None => self.after == Held::CarriageReturn,
        }
    }

    /// Appends what was held back at the end.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.held) == Held::CarriageReturn {
            out.push(b'\r');
        }
    }

    /// Line ends that are one octet longer on the wire, so far.
    pub(crate) fn lines(&self) -> u64 {
        self.lines
    }
}

/// The other way: LF becomes CRLF, and CRLF stays as it is.
#[derive(Debug, Default)]
pub(crate) struct OnTheWire {
    /// The last octet was a CR.
    after: Held,
}

impl OnTheWire {
    /// Appends `octets` to `out`, converted.
    pub(crate) fn push(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        out.reserve(octets.len() + octets.len() / 32);
        let mut from = 0;
        for at in memchr_iter(b'\n', octets) {
            let is_crlf = match at.checked_sub(1) {
                Some(before) => octets.get(before) == Some(&b'\r'),
                None => self.after == Held::CarriageReturn,
            };
            out.extend_from_slice(octets.get(from..at).unwrap_or_default());
            out.extend_from_slice(if is_crlf { b"\n" } else { b"\r\n" });
            from = at + 1;
        }
        out.extend_from_slice(octets.get(from..).unwrap_or_default());
        match octets.last() {
            Some(b'\r') => self.after = Held::CarriageReturn,
            Some(_) => self.after = Held::Nothing,
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn convert(parts: &[&[u8]]) -> (Vec<u8>, u64) {
        let (mut ends, mut out) = (LineEnds::default(), Vec::new());
        parts.iter().for_each(|part| ends.push(part, &mut out));
        ends.finish(&mut out);
        (out, ends.lines())
    }

    #[test]
    fn only_cr_lf_becomes_lf() {
        for (wire, file, lines) in [
            (&b"a\r\nb\r\n"[..], &b"a\nb\n"[..], 2),
            (b"a\nb", b"a\nb", 1),
            (b"a\rb\r", b"a\rb\r", 0),
            (b"\r\r\n\n\r", b"\r\n\n\r", 1),
            (b"", b"", 0),
        ] {
            assert_eq!(convert(&[wire]), (file.to_vec(), lines), "{wire:?}");
        }
    }

    fn wire(parts: &[&[u8]]) -> Vec<u8> {
        let (mut ends, mut out) = (OnTheWire::default(), Vec::new());
        parts.iter().for_each(|part| ends.push(part, &mut out));
        out
    }

    #[test]
    fn every_line_ends_with_crlf_on_the_wire() {
        for (file, on_the_wire) in [
            (&b"a\nb\n"[..], &b"a\r\nb\r\n"[..]),
            (b"a\r\nb\n", b"a\r\nb\r\n"),
            (b"\n\n", b"\r\n\r\n"),
            (b"a\rb\r", b"a\rb\r"),
            (b"\r\r\n", b"\r\r\n"),
            (b"", b""),
        ] {
            assert_eq!(wire(&[file]), on_the_wire, "{file:?}");
        }
    }

    proptest! {
        #[test]
        fn cutting_changes_nothing_on_the_wire(text in "[ab\r\n]{0,40}", cut in 0..41usize) {
            let text = text.as_bytes();
            let (head, tail) = text.split_at(cut.min(text.len()));
            prop_assert_eq!(wire(&[head, b"", tail]), wire(&[text]));
        }

        #[test]
        fn lines_are_what_the_wire_has_more(text in "[ab\r\n]{0,40}", cut in 0..41usize) {
            let text = text.as_bytes();
            let (head, tail) = text.split_at(cut.min(text.len()));
            let (file, lines) = convert(&[head, tail]);
            prop_assert_eq!(wire(&[&file]).len() as u64, file.len() as u64 + lines);
        }

        #[test]
        fn cutting_changes_nothing(text in "[ab\r\n]{0,40}", cut in 0..41usize) {
            let text = text.as_bytes();
            let (head, tail) = text.split_at(cut.min(text.len()));
            prop_assert_eq!(convert(&[head, b"", tail]), convert(&[text]));
        }
    }
}
