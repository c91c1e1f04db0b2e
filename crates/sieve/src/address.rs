//! Addresses in header fields and envelopes, and their parts (RFC 5228 §2.7.4, §5.1; RFC 5233).

use mail_parser::HeaderValue;
use mail_parser::parsers::MessageStream;
use postroad_protocol::address::Address;
use postroad_protocol::encoded_words;

use crate::check::{Args, Tag};
use crate::extensions::subaddress;
use crate::limits;

/// The group of tags that say which part of an address is looked at.
pub(crate) const GROUP: &str = "address part";

/// RFC 5228 §2.7.4.
pub(crate) const TAGS: &[Tag] =
    &[Tag::one_of(GROUP, "all"), Tag::one_of(GROUP, "localpart"), Tag::one_of(GROUP, "domain")];

/// A part of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AddressPart {
    All,
    LocalPart,
    Domain,
    /// RFC 5233.
    User,
    /// RFC 5233.
    Detail,
}

impl AddressPart {
    pub(crate) fn of(args: &Args<'_>) -> Self {
        match args.of_group(GROUP) {
            Some("localpart") => Self::LocalPart,
            Some("domain") => Self::Domain,
            Some("user") => Self::User,
            Some("detail") => Self::Detail,
            Some(_) | None => Self::All,
        }
    }

    /// That part of `address`, if it has one. What is no address has no parts (RFC 5228 §2.7.4).
    pub(crate) fn within<'a>(self, address: &'a str, separator: &str) -> Option<&'a str> {
        match self {
            Self::All => Some(address),
            Self::LocalPart => split(address).map(|(local_part, _)| local_part),
            Self::Domain => split(address).map(|(_, domain)| domain),
            Self::User => {
                split(address).map(|(local_part, _)| subaddress::user(local_part, separator))
            }
            Self::Detail => {
                split(address).and_then(|(local_part, _)| subaddress::detail(local_part, separator))
            }
        }
    }
}

fn split(address: &str) -> Option<(&str, &str)> {
    let (local_part, domain) = address.rsplit_once('@')?;
    let is_domain = !domain.is_empty() && !domain.contains(|c: char| c.is_whitespace() || c == ',');
    (!local_part.is_empty() && is_domain).then_some((local_part, domain))
}

/// Fields that are known to hold something else, whatever it looks like (RFC 5228 §5.1).
const WITHOUT_ADDRESSES: &[&str] = &[
    "Subject",
    "Comments",
    "Keywords",
    "Date",
    "Resent-Date",
    "Message-ID",
    "Resent-Message-ID",
    "In-Reply-To",
    "References",
    "Received",
    "MIME-Version",
];

/// Whether a field of this name may hold addresses; many that no standard knows do.
pub(crate) fn may_hold_addresses(name: &str) -> bool {
    !WITHOUT_ADDRESSES.iter().any(|without| name.eq_ignore_ascii_case(without))
}

/// The addresses in the value of a field, those in groups too; no names, no comments (RFC 5228 §5.1).
pub(crate) fn addresses(raw_value: &[u8]) -> Vec<String> {
    let raw_value = raw_value.get(..limits::ADDRESSES_OCTETS_MAX).unwrap_or(raw_value);
    // The parser ends at a line end, and folds are for it to see.
    let value = [raw_value.trim_ascii_end(), b"\r\n"].concat();
    let value = encoded_words::hide(&without_names(value));
    let HeaderValue::Address(addresses) = MessageStream::new(&value).parse_address() else {
        return Vec::new();
    };
    let found = addresses.iter().filter_map(|person| person.address.as_deref());
    found.map(|address| encoded_words::show(without_route(address))).collect()
}

/// With an atom in place of each encoded word that is a name or a part of one, whatever it holds. In an address there
/// are none (RFC 2047 §5): what looks like one stays.
fn without_names(mut value: Vec<u8>) -> Vec<u8> {
    let mut at = 0;
    while let Some(start) = memchr::memmem::find(value.get(at..).unwrap_or_default(), b"=?") {
        let start = at + start;
        let rest = value.get(start..).unwrap_or_default();
        let length = encoded_word(rest).filter(|length| {
            let behind = rest.get(*length..).unwrap_or_default();
            behind.starts_with(b"=?")
                || behind.first().is_none_or(|octet| b" \t\r\n<(\",".contains(octet))
        });
        at = start + length.unwrap_or(2);
        if length.is_some() {
            value.get_mut(start..at).unwrap_or_default().fill(b'x');
        }
    }
    value
}

/// How long the encoded word is that a text begins with (RFC 2047 §2); some have spaces in them.
fn encoded_word(text: &[u8]) -> Option<usize> {
    // "=", charset, encoding, what it says, "="
    let mut marks = memchr::memchr_iter(b'?', text);
    let (charset, encoding) = (marks.next()?, marks.next()?);
    let (says, end) = (marks.next()?, marks.next()?);
    let is_word = encoding > charset + 1
        && says == encoding + 2
        && matches!(text.get(encoding + 1), Some(b'q' | b'Q' | b'b' | b'B'))
        && text.get(end + 1) == Some(&b'=');
    is_word.then_some(end + 2)
}

/// RFC 5228 §5.4: source routes are dropped.
pub(crate) fn without_route(address: &str) -> &str {
    match address.split_once(':') {
        Some((route, address)) if route.starts_with('@') => address,
        _ => address,
    }
}

/// `sieve-address = addr-spec / phrase "<" addr-spec ">"` (RFC 5228 §2.4.2.3).
pub(crate) fn parse_outbound(text: &str) -> Result<Address, String> {
    let text = text.trim();
    let specification = match text.strip_suffix('>') {
        None => text,
        Some(head) => {
            let (phrase, specification) = head
                .rsplit_once('<')
                .ok_or_else(|| format!("\"{}\" is no address", text.escape_debug()))?;
            // No routes, no groups, and nothing that ends a header field.
            if phrase.contains([':', ';', ',', '<', '>', '@'].as_slice()) && !is_quoted(phrase)
                || phrase.contains(char::is_control)
            {
                return Err(format!("\"{}\" is no single address", text.escape_debug()));
            }
            specification
        }
    };
    if specification.starts_with('@') {
        return Err(format!("\"{}\" has a route", text.escape_debug()));
    }
    Address::parse(specification)
        .map_err(|error| format!("\"{}\" is no address: {error}", text.escape_debug()))
}

fn is_quoted(phrase: &str) -> bool {
    let phrase = phrase.trim();
    phrase.len() >= 2 && phrase.starts_with('"') && phrase.ends_with('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields() {
        for (value, expected) in [
            (" coyote@desert.example.org", &["coyote@desert.example.org"][..]),
            ("Wile <a@b.example>, c@d.example (comment)", &["a@b.example", "c@d.example"]),
            ("Friends: a@b.example, C <c@d.example>;", &["a@b.example", "c@d.example"]),
            ("undisclosed-recipients:;", &[]),
            ("", &[]),
            ("A\r\n <a@b.example>", &["a@b.example"]),
            ("<@x.example,@y.example:a@b.example>", &["a@b.example"]),
            // A name can't hide the address, nor be one.
            ("=?utf-8?q?A,_B?= <a@b.example>", &["a@b.example"]),
            ("=?utf-8?q?:-(?= <a@b.example>, c@d.example", &["a@b.example", "c@d.example"]),
            ("=?utf-8?q?<x@y.example>?= <a@b.example>", &["a@b.example"]),
            ("=?utf-8?b?Og==?==?utf-8?q?\"?=\r\n <a@b.example>", &["a@b.example"]),
            ("\"=?utf-8?q?a>?=\" <a@b.example>", &["a@b.example"]),
            // RFC 2047 §5: these are none.
            ("=?utf-8?q?a?=@b.example", &["=?utf-8?q?a?=@b.example"]),
        ] {
            assert_eq!(addresses(value.as_bytes()), expected, "{value}");
        }
    }

    #[test] // Row M10; tests RFC 2047 §5.
    fn m10_words_that_have_no_end_are_not_looked_for() {
        // A megabyte of these took the parser minutes: each "=?" went on to the end.
        let value = format!("{}a@b.example", "=?aa?q?b ".repeat(110_000));
        let got = addresses(value.as_bytes());
        assert!(got.iter().any(|address| address.ends_with("a@b.example")), "{}", got.len());
    }

    #[test] // Tests RFC 5228 §2.7.4.
    fn parts() {
        for (address, local_part, domain) in [
            ("a@b.example", Some("a"), Some("b.example")),
            ("a@b@c.example", Some("a@b"), Some("c.example")),
            ("nobody", None, None),
            ("@b.example", None, None),
            ("a@", None, None),
            ("", None, None),
        ] {
            assert_eq!(AddressPart::LocalPart.within(address, "+"), local_part, "{address}");
            assert_eq!(AddressPart::Domain.within(address, "+"), domain, "{address}");
            assert_eq!(AddressPart::All.within(address, "+"), Some(address));
        }
    }

    #[test] // Tests RFC 5228 §2.4.2.3.
    fn outbound() {
        for (text, expected) in [
            ("a@b.example", Some("a@b.example")),
            ("Bart <bart@example.com>", Some("bart@example.com")),
            ("\"Simpson, Bart\" <bart@example.com>", Some("bart@example.com")),
            ("a@b.example, c@d.example", None),
            ("Group: a@b.example;", None),
            ("<@x.example:a@b.example>", None),
            ("@x.example:a@b.example", None),
            ("a@b.example\r\nBcc: c@d.example", None),
            ("x\r\nBcc: y <a@b.example>", None),
            ("nobody", None),
            ("", None),
        ] {
            let got = parse_outbound(text).ok().map(|address| address.to_string());
            assert_eq!(got.as_deref(), expected, "{text:?}");
        }
    }
}
