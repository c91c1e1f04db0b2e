//! Comparators (RFC 5228 §2.7.3, RFC 4790 §9, RFC 5051).

use std::borrow::Cow;
use std::cmp::Ordering;

use postroad_message::casemap;

/// How two strings are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Comparator {
    /// `i;octet`
    Octet,
    /// `i;ascii-casemap`
    #[default]
    AsciiCasemap,
    /// `i;ascii-numeric`
    AsciiNumeric,
    /// `i;unicode-casemap`
    UnicodeCasemap,
}

impl Comparator {
    pub(crate) fn named(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"i;octet" => Self::Octet,
            b"i;ascii-casemap" => Self::AsciiCasemap,
            b"i;ascii-numeric" => Self::AsciiNumeric,
            b"i;unicode-casemap" => Self::UnicodeCasemap,
            _ => return None,
        })
    }

    /// What `require` has to list; the first two need no `require`.
    pub(crate) fn capability(self) -> &'static str {
        match self {
            Self::Octet | Self::AsciiCasemap => "",
            Self::AsciiNumeric => "comparator-i;ascii-numeric",
            Self::UnicodeCasemap => "comparator-i;unicode-casemap",
        }
    }

    /// Whether `:contains` and `:matches` can use it (RFC 5228 §2.7.1).
    pub(crate) fn has_substrings(self) -> bool {
        match self {
            Self::Octet | Self::AsciiCasemap | Self::UnicodeCasemap => true,
            Self::AsciiNumeric => false,
        }
    }

    /// A form that is equal where the comparator says so, and in its order.
    pub(crate) fn fold(self, value: &[u8]) -> Cow<'_, [u8]> {
        match self {
            Self::Octet => Cow::Borrowed(value),
            // RFC 4790 §9.2: to upper case; for the order that makes a difference.
            Self::AsciiCasemap => match value.iter().any(u8::is_ascii_lowercase) {
                true => Cow::Owned(value.to_ascii_uppercase()),
                false => Cow::Borrowed(value),
            },
            Self::AsciiNumeric => Cow::Borrowed(digits(value).unwrap_or(b"")),
            Self::UnicodeCasemap => Cow::Owned(casemap::fold(value)),
        }
    }

    pub(crate) fn order(self, a: &[u8], b: &[u8]) -> Ordering {
        match self {
            Self::Octet | Self::AsciiCasemap | Self::UnicodeCasemap => {
                self.fold(a).cmp(&self.fold(b))
            }
            // RFC 4790 §9.1.1: what doesn't begin with a digit is infinite.
            Self::AsciiNumeric => match (digits(a), digits(b)) {
                (None, None) => Ordering::Equal,
                (None, Some(_)) => Ordering::Greater,
                (Some(_), None) => Ordering::Less,
                (Some(a), Some(b)) => a.len().cmp(&b.len()).then_with(|| a.cmp(b)),
            },
        }
    }
}

/// The digits that a number begins with, without leading zeros; `None` for infinity.
fn digits(value: &[u8]) -> Option<&[u8]> {
    let count = value.iter().take_while(|octet| octet.is_ascii_digit()).count();
    let zeros = value.iter().take_while(|octet| **octet == b'0').count();
    match count {
        0 => None,
        _ => value.get(zeros.min(count - 1)..count),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // Tests RFC 4790 §9.1.1.
    fn numbers() {
        use Ordering::{Equal, Greater, Less};
        for (a, b, expected) in [
            ("0", "1", Less),
            ("1", "4294967298", Less),
            ("4294967298", "04294967298", Equal),
            ("4294967298", "4294967298b", Equal),
            ("04294967298", "", Less),
            ("", "x", Equal),
            ("x", "y", Equal),
            ("10", "9", Greater),
            ("000", "0", Equal),
            ("-1", "5", Greater),
        ] {
            let got = Comparator::AsciiNumeric.order(a.as_bytes(), b.as_bytes());
            assert_eq!(got, expected, "{a} {b}");
            let folded = |text: &str| Comparator::AsciiNumeric.fold(text.as_bytes()).into_owned();
            assert_eq!(folded(a) == folded(b), expected == Equal, "{a} {b}");
        }
    }
}
