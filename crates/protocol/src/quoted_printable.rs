//! Quoted-printable (RFC 2045 §6.7): octets as lines of ASCII that people can still read.

use std::fmt::Write as _;

/// Characters in a line, CRLF not counted (RFC 2045 §6.7 rule 5).
const LINE_CHARACTERS_MAX: usize = 76;

/// Encodes text whose lines end in CRLF; those line ends stay line ends.
pub(crate) fn encode(text: &[u8], out: &mut String) {
    let mut column = 0;
    let mut rest = text;
    while let Some((octet, behind)) = rest.split_first() {
        if let Some(next_line) = rest.strip_prefix(b"\r\n") {
            out.push_str("\r\n");
            (column, rest) = (0, next_line);
            continue;
        }
        let ends_line = behind.is_empty() || behind.starts_with(b"\r\n");
        // Rule 3: white space at the end of a line would be lost.
        let literal = match octet {
            b'=' => false,
            b' ' | b'\t' => !ends_line,
            octet => octet.is_ascii_graphic(),
        };
        let width = if literal { 1 } else { 3 };
        // Room for the soft line break, unless the line ends here anyway.
        if column + width > LINE_CHARACTERS_MAX - usize::from(!ends_line) {
            out.push_str("=\r\n");
            column = 0;
        }
        // Writing into a String can't fail.
        let _ = match literal {
            true => write!(out, "{}", char::from(*octet)),
            false => write!(out, "={octet:02X}"),
        };
        column += width;
        rest = behind;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(text: &[u8]) -> String {
        let mut out = String::new();
        encode(text, &mut out);
        out
    }

    #[test] // Tests RFC 2045 §6.7.
    fn what_is_quoted() {
        for (text, expected) in [
            ("a=b\r\n", "a=3Db\r\n"),
            ("j\u{fc}\r\n", "j=C3=BC\r\n"),
            ("a \r\n\tb\t", "a=20\r\n\tb=09"),
            ("a\rb\nc", "a=0Db=0Ac"),
            ("\0", "=00"),
        ] {
            assert_eq!(encoded(text.as_bytes()), expected);
        }
        assert_eq!(encoded(&[b'a'; 76]), "a".repeat(76));
        assert_eq!(encoded(&[b'a'; 77]), format!("{}=\r\naa", "a".repeat(75)));
    }

    proptest! {
        #[test]
        fn lines_are_short_and_nothing_is_lost(text in "[a= \t\r\n\u{0}\u{fc}]{0,300}") {
            let encoded = encoded(text.as_bytes());
            prop_assert!(encoded.is_ascii());
            prop_assert!(encoded.split("\r\n").all(|line| line.len() <= LINE_CHARACTERS_MAX));
            let mut decoded = Vec::new();
            let unfolded = encoded.replace("=\r\n", "");
            let mut octets = unfolded.bytes();
            while let Some(octet) = octets.next() {
                decoded.push(match octet {
                    b'=' => {
                        let digits: String = octets.by_ref().take(2).map(char::from).collect();
                        u8::from_str_radix(&digits, 16).unwrap()
                    }
                    octet => octet,
                });
            }
            prop_assert_eq!(decoded, text.into_bytes());
        }
    }
}
