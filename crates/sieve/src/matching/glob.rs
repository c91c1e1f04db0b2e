//! Patterns of `:matches`: `*` for any text, `?` for one character, `\` before either for itself (RFC 5228
//! §2.7.1).
//!
//! Each `*` takes as little as it can (RFC 5229 §3.2): once the text behind one was found, the earlier ones are
//! never looked at again. Time grows with pattern times text at worst; each step is paid for.

use std::ops::Range;

use memchr::memmem;

/// A pattern, its literal parts folded as its comparator has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Glob(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(Vec<u8>),
    One,
    Any,
}

/// Where to go on when what follows a `*` doesn't match.
struct Star {
    /// The piece behind it.
    behind: usize,
    /// Which capture is its own.
    capture: usize,
    /// How far it reaches.
    range: Range<usize>,
}

impl Glob {
    pub(crate) fn parse(pattern: &[u8], fold: impl Fn(&[u8]) -> Vec<u8>) -> Self {
        let mut pieces = Vec::new();
        let mut literal = Vec::new();
        let mut octets = pattern.iter();
        while let Some(octet) = octets.next() {
            let wildcard = match octet {
                b'*' => Piece::Any,
                b'?' => Piece::One,
                // A backslash at the very end stands for itself.
                b'\\' => {
                    literal.push(*octets.next().unwrap_or(octet));
                    continue;
                }
                _ => {
                    literal.push(*octet);
                    continue;
                }
            };
            if !literal.is_empty() {
                pieces.push(Piece::Literal(fold(&literal)));
                literal.clear();
            }
            pieces.push(wildcard);
        }
        if !literal.is_empty() {
            pieces.push(Piece::Literal(fold(&literal)));
        }
        Self(pieces)
    }

    /// What each wildcard stands for, if the whole of `value` matches. `width` says how many octets the
    /// character at an offset has; `pay` is called with the steps that are taken.
    pub(crate) fn matches<E>(
        &self,
        value: &[u8],
        width: impl Fn(usize) -> usize,
        mut pay: impl FnMut(usize) -> Result<(), E>,
    ) -> Result<Option<Vec<Range<usize>>>, E> {
        let mut captures: Vec<Range<usize>> = Vec::new();
        let mut star: Option<Star> = None;
        let (mut piece, mut at) = (0, 0);
        loop {
            let rest = value.get(at..).unwrap_or_default();
            let fits = match self.0.get(piece) {
                None if rest.is_empty() => return Ok(Some(captures)),
                None => false,
                Some(Piece::Any) => {
                    star = Some(Star { behind: piece + 1, capture: captures.len(), range: at..at });
                    captures.push(at..at);
                    true
                }
                Some(Piece::One) if rest.is_empty() => false,
                Some(Piece::One) => {
                    let end = (at + width(at).max(1)).min(value.len());
                    captures.push(at..end);
                    at = end;
                    true
                }
                Some(Piece::Literal(literal)) => {
                    pay(literal.len())?;
                    let starts = rest.starts_with(literal);
                    at += if starts { literal.len() } else { 0 };
                    starts
                }
            };
            if fits {
                piece += 1;
                continue;
            }
            let Some(star) = &mut star else { return Ok(None) };
            pay(1)?;
            if !self.extend(star, value, &width, &mut pay)? {
                return Ok(None);
            }
            captures.truncate(star.capture);
            captures.push(star.range.clone());
            (piece, at) = (star.behind, star.range.end);
        }
    }

    /// Makes a `*` reach at least one character further, to where what follows may match.
    fn extend<E>(
        &self,
        star: &mut Star,
        value: &[u8],
        width: impl Fn(usize) -> usize,
        pay: &mut impl FnMut(usize) -> Result<(), E>,
    ) -> Result<bool, E> {
        let end = star.range.end;
        if end >= value.len() {
            return Ok(false);
        }
        let next = end + width(end).max(1);
        let rest = value.get(next..).unwrap_or_default();
        star.range.end = match self.0.get(star.behind) {
            // The last piece: all the rest is its own.
            None => value.len(),
            Some(Piece::Literal(literal)) => {
                let found = memmem::find(rest, literal);
                pay(found.unwrap_or(rest.len()))?;
                match found {
                    Some(offset) => next + offset,
                    None => return Ok(false),
                }
            }
            Some(Piece::Any | Piece::One) => next,
        };
        Ok(star.range.end <= value.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, value: &str) -> Option<Vec<String>> {
        let glob = Glob::parse(pattern.as_bytes(), <[u8]>::to_vec);
        let Ok(captures) =
            glob.matches(value.as_bytes(), |_| 1, |_| Ok::<(), std::convert::Infallible>(()));
        captures.map(|captures| captures.into_iter().map(|c| value[c].to_owned()).collect())
    }

    #[test] // Tests RFC 5228 §2.7.1.
    fn patterns() {
        for (pattern, value, expected) in [
            ("", "", Some(&[][..])),
            ("", "a", None),
            ("a", "a", Some(&[])),
            ("a", "ab", None),
            ("*", "", Some(&[""])),
            ("*", "abc", Some(&["abc"])),
            ("?", "", None),
            ("?", "a", Some(&["a"])),
            ("?", "ab", None),
            ("?*", "", None),
            ("?*", "abc", Some(&["a", "bc"])),
            ("*?", "abc", Some(&["ab", "c"])),
            ("a*c", "abbc", Some(&["bb"])),
            ("a*c", "abcbc", Some(&["bcb"])),
            ("*b*", "abab", Some(&["a", "ab"])),
            ("*ab", "abab", Some(&["ab"])),
            ("**.com", "x.com", Some(&["", "x"])),
            ("*a?c*", "aacabcabc", Some(&["", "a", "abcabc"])),
            ("\\*", "*", Some(&[])),
            ("\\*", "a", None),
            ("\\?", "?", Some(&[])),
            ("a\\", "a\\", Some(&[])),
            ("\\a", "a", Some(&[])),
            (
                "[*] *",
                "[acme-users] [fwd] version 1.0 is out",
                Some(&["acme-users", "[fwd] version 1.0 is out"]),
            ),
        ] {
            let expected =
                expected.map(|captures| captures.iter().map(ToString::to_string).collect());
            assert_eq!(matches(pattern, value), expected, "{pattern} {value}");
        }
    }

    #[test]
    fn as_a_naive_matcher_has_it() {
        fn naive(pattern: &[u8], value: &[u8]) -> bool {
            match (pattern, value) {
                ([], []) => true,
                ([b'*', rest @ ..], _) => {
                    (0..=value.len()).any(|taken| naive(rest, &value[taken..]))
                }
                ([b'?', rest @ ..], [_, behind @ ..]) => naive(rest, behind),
                ([p, rest @ ..], [v, behind @ ..]) => p == v && naive(rest, behind),
                _ => false,
            }
        }
        proptest::proptest!(|(pattern in "[ab*?]{0,8}", value in "[ab]{0,10}")| {
            let expected = naive(pattern.as_bytes(), value.as_bytes());
            assert_eq!(matches(&pattern, &value).is_some(), expected);
        });
    }
}
