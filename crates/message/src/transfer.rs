//! Transfer encodings undone (RFC 2045 §6), a line at a time.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use memchr::memchr;

const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// How octets are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TransferEncoding {
    /// 7bit, 8bit, binary: they stand for themselves.
    Identity,
    Base64,
    QuotedPrintable,
}

impl TransferEncoding {
    /// RFC 2045 §6.1.
    pub(crate) fn named(name: &[u8]) -> Option<Self> {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        Some(match () {
            () if is("7bit") || is("8bit") || is("binary") => Self::Identity,
            () if is("base64") => Self::Base64,
            () if is("quoted-printable") => Self::QuotedPrintable,
            () => return None,
        })
    }
}

/// Undoes an encoding. What isn't in it is skipped (base64) or stays (quoted-printable), and remembered.
#[derive(Debug)]
pub(crate) struct Decoder<'a> {
    rest: &'a [u8],
    encoding: TransferEncoding,
    digits: Digits,
    is_sound: bool,
}

impl<'a> Decoder<'a> {
    pub(crate) fn new(encoding: TransferEncoding, text: &'a [u8]) -> Self {
        Self { rest: text, encoding, digits: Digits::default(), is_sound: true }
    }

    /// Whether all so far was in the encoding that it claims to be in.
    pub(crate) fn is_sound(&self) -> bool {
        self.is_sound
    }

    /// Adds what the next line says, with CRLF as its line end; nothing and `false` at the end.
    pub(crate) fn step(&mut self, out: &mut Vec<u8>) -> bool {
        if self.rest.is_empty() {
            return false;
        }
        let length = memchr(b'\n', self.rest).map_or(self.rest.len(), |end| end + 1);
        let (line, rest) = self.rest.split_at(length);
        self.rest = rest;
        let (text, line_end) = match line.strip_suffix(b"\n") {
            Some(text) => (text.strip_suffix(b"\r").unwrap_or(text), &b"\r\n"[..]),
            None => (line, &b""[..]),
        };
        match self.encoding {
            TransferEncoding::Identity => {
                out.extend_from_slice(text);
                out.extend_from_slice(line_end);
            }
            TransferEncoding::Base64 => {
                self.is_sound &= self.digits.line(text, out);
                if self.rest.is_empty() {
                    self.is_sound &= self.digits.finish(out);
                }
            }
            TransferEncoding::QuotedPrintable => {
                self.is_sound &= quoted_printable(text, line_end, out);
            }
        }
        true
    }
}

/// All of a text without its encoding.
pub(crate) fn decode(encoding: TransferEncoding, text: &[u8]) -> Vec<u8> {
    let mut decoder = Decoder::new(encoding, text);
    let mut out = Vec::new();
    while decoder.step(&mut out) {}
    out
}

/// Base64 digits that are no octet yet.
#[derive(Debug, Default)]
struct Digits {
    waiting: Vec<u8>,
    ended: bool,
}

impl Digits {
    /// RFC 2045 §6.8: what isn't in the alphabet is skipped, and `=` ends it all. Says whether there was nothing else.
    fn line(&mut self, line: &[u8], out: &mut Vec<u8>) -> bool {
        let before = out.len();
        // Nearly all lines are whole groups of four.
        if self.waiting.is_empty() && !self.ended && line.len().is_multiple_of(4) {
            if ENGINE.decode_vec(line, out).is_ok() {
                return true;
            }
            out.truncate(before);
        }
        let mut is_sound = true;
        for octet in line {
            match octet {
                b'=' => self.ended = true,
                b' ' | b'\t' | b'\r' => {}
                _ if !self.ended
                    && (octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'/')) =>
                {
                    self.waiting.push(*octet);
                }
                _ => is_sound = false,
            }
        }
        let whole = self.waiting.len() - self.waiting.len() % 4;
        let group: Vec<u8> = self.waiting.drain(..whole).collect();
        // These are all in the alphabet.
        is_sound & ENGINE.decode_vec(group, out).is_ok()
    }

    /// One digit alone is less than an octet.
    fn finish(&mut self, out: &mut Vec<u8>) -> bool {
        let is_sound = self.waiting.len() != 1;
        if is_sound && ENGINE.decode_vec(&self.waiting, out).is_err() {
            return false;
        }
        self.waiting.clear();
        is_sound
    }
}

/// RFC 2045 §6.7; says whether there was nothing in it that isn't that.
fn quoted_printable(line: &[u8], line_end: &[u8], out: &mut Vec<u8>) -> bool {
    let mut is_sound = true;
    // White space at the end was added on the way.
    let mut rest = if line_end.is_empty() { line } else { line.trim_ascii_end() };
    while let Some(at) = memchr(b'=', rest) {
        out.extend_from_slice(rest.get(..at).unwrap_or_default());
        let behind = rest.get(at + 1..).unwrap_or_default();
        let pair = match behind {
            [high, low, ..] => hexadecimal(*high, *low),
            _ => None,
        };
        rest = match pair {
            Some(octet) => {
                out.push(octet);
                behind.get(2..).unwrap_or_default()
            }
            // A soft line break.
            None if behind.trim_ascii().is_empty() => return is_sound,
            None => {
                is_sound = false;
                out.push(b'=');
                behind
            }
        };
    }
    out.extend_from_slice(rest);
    out.extend_from_slice(line_end);
    is_sound
}

/// The octet that two hexadecimal digits are.
pub(crate) fn hexadecimal(high: u8, low: u8) -> Option<u8> {
    let digit = |octet: u8| char::from(octet).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // Tests RFC 2045 §6.7 and §6.8.
    fn encodings() {
        for (encoded, expected) in [
            ("a=3Db=\nc\n", "a=bc\r\n"),
            ("a  \r\nb", "a\r\nb"),
            ("a=ZZ=", "a=ZZ"),
            ("a=3d= \t\nb", "a=b"),
            ("=", ""),
            ("a ", "a "),
        ] {
            let got = decode(TransferEncoding::QuotedPrintable, encoded.as_bytes());
            assert_eq!(got, expected.as_bytes(), "{encoded}");
        }
        for (encoded, expected) in [
            ("aGVs\r\nbG8=\r\n", "hello"),
            ("aGV\nsbG\n8", "hello"),
            ("aGVsbG8", "hello"),
            ("a!G V s", "hel"),
            ("aGVs=bG8=", "hel"),
            ("a", ""),
            ("", ""),
        ] {
            let got = decode(TransferEncoding::Base64, encoded.as_bytes());
            assert_eq!(got, expected.as_bytes(), "{encoded}");
        }
        assert_eq!(decode(TransferEncoding::Identity, b"a\nb\r\nc"), b"a\r\nb\r\nc");
    }

    proptest::proptest! {
        #[test]
        fn base64_however_it_is_cut(
            octets in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
            width in 1_usize..80,
        ) {
            let whole = base64::engine::general_purpose::STANDARD.encode(&octets);
            let lines: Vec<&[u8]> = whole.as_bytes().chunks(width).collect();
            let mut decoder = lines.join(&b"\r\n"[..]);
            decoder.push(b'\n');
            proptest::prop_assert_eq!(decode(TransferEncoding::Base64, &decoder), octets);
        }
    }
}
