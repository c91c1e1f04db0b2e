//! Addresses and paths (RFC 5321 §4.1.2, §4.1.3, RFC 6531 §3.3).
//!
//! ```text
//! Mailbox    = Local-part "@" ( Domain / address-literal )
//! Local-part = Dot-string / Quoted-string        ; 64 octets at most
//! Domain     = sub-domain *("." sub-domain)      ; 255 octets at most
//! ```
//! A [`LocalPart`] is kept in its canonical form: unquoted where a dot-string can say it. A
//! [`Domain`] is lower case ASCII (A-labels: U-labels are converted by IDNA) or an address literal.
//! None of the types can hold CR, LF, NUL or another control character. Source routes are accepted
//! and dropped when a path is parsed (RFC 5321 §4.1.1.3, appendix C).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::limits;

/// Why a text is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// There is no `@`, or nothing before or after it.
    #[error("an address is local-part@domain")]
    Shape,
    /// The local part is neither a dot-string nor a quoted string.
    #[error("the local part is malformed")]
    LocalPart,
    /// The domain is neither a host name nor an address literal.
    #[error("the domain is malformed")]
    Domain,
    /// A part is longer than RFC 5321 §4.5.3.1 allows.
    #[error("the address is too long")]
    TooLong,
    /// It holds characters beyond ASCII, and the client didn't say SMTPUTF8 (RFC 6531 §3.5).
    #[error("the address needs SMTPUTF8")]
    NeedsSmtpUtf8,
}

/// A local part in canonical form: without quotes, the characters that it means.
///
/// Compares by octets: RFC 5321 §2.4 leaves case to the host that owns the mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LocalPart(String);

impl LocalPart {
    /// Reads a dot-string or a quoted string as it stands on the wire.
    ///
    /// # Errors
    /// [`AddressError::LocalPart`] or [`AddressError::TooLong`].
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let meaning = match text.strip_prefix('"') {
            Some(rest) => unquote(rest)?,
            None if is_dot_string(text) => text.to_owned(),
            None => return Err(AddressError::LocalPart),
        };
        // RFC 5321 §4.5.3.1.1. An empty quoted string is legal there and useless everywhere.
        match meaning.len() {
            0 => Err(AddressError::LocalPart),
            octets if octets > limits::LOCAL_PART_OCTETS_MAX => Err(AddressError::TooLong),
            _ => Ok(Self(meaning)),
        }
    }

    /// The characters it means, unquoted.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LocalPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_dot_string(&self.0) {
            return f.write_str(&self.0);
        }
        f.write_str("\"")?;
        for c in self.0.chars() {
            if matches!(c, '"' | '\\') {
                f.write_str("\\")?;
            }
            write!(f, "{c}")?;
        }
        f.write_str("\"")
    }
}

/// `Dot-string = Atom *("." Atom)` (RFC 5321 §4.1.2; RFC 6531 §3.3 adds UTF-8).
fn is_dot_string(text: &str) -> bool {
    text.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext))
}

/// RFC 5322 §3.2.3, and any printable character beyond ASCII (RFC 6532 §3.2).
fn is_atext(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || is_safe_beyond_ascii(c)
}

/// Beyond ASCII, but no control character, no line separator (U+2028, U+2029) and no odd white space.
fn is_safe_beyond_ascii(c: char) -> bool {
    !c.is_ascii() && !c.is_control() && !c.is_whitespace()
}

/// What stands behind the opening quote: `*QcontentSMTP DQUOTE` (RFC 5321 §4.1.2).
fn unquote(rest: &str) -> Result<String, AddressError> {
    let mut meaning = String::with_capacity(rest.len());
    let mut chars = rest.chars();
    loop {
        match chars.next() {
            Some('"') if chars.as_str().is_empty() => return Ok(meaning),
            Some('\\') => match chars.next() {
                Some(c @ ' '..='~') => meaning.push(c),
                Some(_) | None => return Err(AddressError::LocalPart),
            },
            Some(c @ (' '..='!' | '#'..='[' | ']'..='~')) => meaning.push(c),
            Some(c) if is_safe_beyond_ascii(c) => meaning.push(c),
            Some(_) | None => return Err(AddressError::LocalPart),
        }
    }
}

/// A domain: a host name in lower case A-labels, or an address literal (RFC 5321 §4.1.2, §4.1.3).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Domain(String);

impl Domain {
    /// Reads a host name (U-labels are converted, RFC 5891) or an address literal in brackets.
    ///
    /// # Errors
    /// [`AddressError::Domain`] or [`AddressError::TooLong`].
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        if text.len() > limits::DOMAIN_OCTETS_MAX {
            return Err(AddressError::TooLong); // RFC 5321 §4.5.3.1.2
        }
        if text.starts_with('[') {
            let literal = parse_literal(text).ok_or(AddressError::Domain)?;
            return Ok(Self(match literal {
                IpAddr::V4(ip) => format!("[{ip}]"),
                IpAddr::V6(ip) => format!("[IPv6:{ip}]"),
            }));
        }
        let ascii = if text.is_ascii() {
            text.to_ascii_lowercase()
        } else {
            // Look-alikes of the dot (U+3002 and its kin) would be mapped to a dot: refuse them.
            if text.contains(['\u{3002}', '\u{ff0e}', '\u{ff61}']) {
                return Err(AddressError::Domain);
            }
            idna::domain_to_ascii_strict(text).map_err(|_| AddressError::Domain)?
        };
        is_host_name(&ascii).then_some(Self(ascii)).ok_or(AddressError::Domain)
    }

    /// The domain as it goes over the wire: lower case ASCII.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address, where this is a literal.
    pub fn literal(&self) -> Option<IpAddr> {
        parse_literal(&self.0)
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Domain {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::parse(text)
    }
}

/// `sub-domain = Let-dig [Ldh-str]` (RFC 5321 §4.1.2), and `_`, which real hosts have.
fn is_host_name(text: &str) -> bool {
    let label = |label: &str| {
        let octet = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        (1..=63).contains(&label.len())
            && label.bytes().all(octet)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // A name whose last label is all digits would be read as an address by many.
    text.split('.').all(label)
        && !text.rsplit('.').next().is_some_and(|top| top.bytes().all(|b| b.is_ascii_digit()))
}

/// `address-literal = "[" ( IPv4-address-literal / "IPv6:" IPv6-addr ) "]"` (RFC 5321 §4.1.3).
fn parse_literal(text: &str) -> Option<IpAddr> {
    let inner = text.strip_prefix('[')?.strip_suffix(']')?;
    match inner.get(..5) {
        Some(tag) if tag.eq_ignore_ascii_case("ipv6:") => {
            inner.get(5..)?.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
        }
        _ => inner.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    }
}

/// `local-part@domain` (RFC 5321 §2.3.11).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    /// The part before the `@`.
    pub local_part: LocalPart,
    /// The part behind it.
    pub domain: Domain,
}

impl Address {
    /// Reads `local-part@domain` without brackets.
    ///
    /// # Errors
    /// Any [`AddressError`] but [`AddressError::NeedsSmtpUtf8`]: the caller knows what was declared
    /// and asks [`Address::is_ascii`].
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let at = split_at_sign(text).ok_or(AddressError::Shape)?;
        let (local, domain) = (text.get(..at), text.get(at + 1..));
        let (Some(local), Some(domain)) = (local, domain) else { return Err(AddressError::Shape) };
        if local.is_empty() || domain.is_empty() {
            return Err(AddressError::Shape);
        }
        let address = Self { local_part: LocalPart::parse(local)?, domain: Domain::parse(domain)? };
        // RFC 5321 §4.5.3.1.3 counts the brackets and the separators.
        if address.to_string().len() + 2 > limits::PATH_OCTETS_MAX {
            return Err(AddressError::TooLong);
        }
        Ok(address)
    }

    /// Whether the address goes over the wire without SMTPUTF8 (the domain always does).
    pub fn is_ascii(&self) -> bool {
        self.local_part.0.is_ascii()
    }
}

/// Where the `@` stands that parts local part and domain: the first one outside quotes.
fn split_at_sign(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'@' if !quoted => return Some(index),
            _ => {}
        }
    }
    None
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local_part, self.domain)
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::parse(text)
    }
}

/// Where failures are reported: an address, or nowhere (`<>`, RFC 5321 §4.5.5).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ReversePath {
    /// `<>`: this message is itself a notification; nothing may be sent about it.
    Null,
    /// The sender's address.
    Address(Address),
}

impl ReversePath {
    /// The address, unless it is null.
    pub fn address(&self) -> Option<&Address> {
        match self {
            Self::Null => None,
            Self::Address(address) => Some(address),
        }
    }

    /// Reads the text between the angle brackets; empty is null, a source route is dropped.
    ///
    /// # Errors
    /// As [`Address::parse`].
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        match text {
            "" => Ok(Self::Null),
            _ => Address::parse(strip_source_route(text)?).map(Self::Address),
        }
    }
}

/// Without the angle brackets.
impl fmt::Display for ReversePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address().map_or(Ok(()), |address| address.fmt(f))
    }
}

/// Where a message goes: an address, or the bare `<postmaster>` (RFC 5321 §4.5.1).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ForwardPath {
    /// `<Postmaster>` without a domain: the postmaster of this host.
    Postmaster,
    /// The recipient's address.
    Address(Address),
}

impl ForwardPath {
    /// Reads the text between the angle brackets; a source route is dropped.
    ///
    /// # Errors
    /// As [`Address::parse`].
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        // RFC 5321 §4.1.1.3: case-insensitive, with no domain.
        if text.eq_ignore_ascii_case("postmaster") {
            return Ok(Self::Postmaster);
        }
        Address::parse(strip_source_route(text)?).map(Self::Address)
    }

    /// As [`ForwardPath::parse`]; a local part alone is one of `domain`.
    ///
    /// # Errors
    /// As [`Address::parse`].
    pub fn parse_at(text: &str, domain: &Domain) -> Result<Self, AddressError> {
        match Self::parse(text) {
            Err(AddressError::Shape) if split_at_sign(text).is_none() => {
                let local_part = LocalPart::parse(text)?;
                Ok(Self::Address(Address { local_part, domain: domain.clone() }))
            }
            other => other,
        }
    }
}

/// Without the angle brackets.
impl fmt::Display for ForwardPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postmaster => f.write_str("postmaster"),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// Drops `@a,@b:` (RFC 5321 appendix C: a server SHOULD ignore the route).
fn strip_source_route(text: &str) -> Result<&str, AddressError> {
    if !text.starts_with('@') {
        return Ok(text);
    }
    let (route, rest) = text.split_once(':').ok_or(AddressError::Shape)?;
    for hop in route.split(',') {
        Domain::parse(hop.strip_prefix('@').ok_or(AddressError::Shape)?)?;
    }
    Ok(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_some() {
        for (text, shown) in [
            ("a@b.example", "a@b.example"),
            ("A.b+c@B.Example", "A.b+c@b.example"),
            ("\"a b\"@c.example", "\"a b\"@c.example"),
            ("\"ab\"@c.example", "ab@c.example"),
            ("\"a\\\"b\"@c.example", "\"a\\\"b\"@c.example"),
            ("\"u@third\"@our.example", "\"u@third\"@our.example"),
            ("a@[127.0.0.1]", "a@[127.0.0.1]"),
            ("a@[IPv6:::1]", "a@[IPv6:::1]"),
            ("jürgen@müller.example", "jürgen@xn--mller-kva.example"),
            ("|id@our.example", "|id@our.example"),
        ] {
            assert_eq!(Address::parse(text).map(|a| a.to_string()), Ok(shown.to_owned()), "{text}");
        }
    }

    #[test]
    fn addresses_that_are_none() {
        for text in [
            "",
            "a",
            "@b.example",
            "a@",
            "a@b@c.example",
            "a b@c.example",
            "a..b@c.example",
            ".a@c.example",
            "\"\"@our.example",
            "\"\\\"@our.example",
            "a\\@our.example",
            "\"a\"b@c.example",
            "a@-b.example",
            "a@b..example",
            "a@b.example.",
            "a@1.2.3.4",
            "a@[1.2.3]",
            "a@[::1]",
            "a\r\n@b.example",
            "a@b.example\r\nRCPT",
            "a\0@b.example",
            "a\u{2028}b@c.example",
            "a@b\u{3002}example",
            "any@legit(.attack",
            "(any@legit",
        ] {
            assert!(Address::parse(text).is_err(), "{text:?}");
        }
    }

    #[test] // Tests RFC 5321 §4.5.3.1.1, §4.5.3.1.2 and §4.5.3.1.3.
    fn lengths_at_the_bound_and_above() {
        let local = |n| format!("{}@b.example", "a".repeat(n));
        assert!(Address::parse(&local(64)).is_ok());
        assert_eq!(Address::parse(&local(65)), Err(AddressError::TooLong));
        let path = |n: usize| {
            let labels = format!("{}.", "d".repeat(61)).repeat(3);
            format!("a@{labels}{}", "e".repeat(n - 2 - labels.len() - 2))
        };
        assert!(Address::parse(&path(240)).is_ok());
        assert!(Address::parse(&format!("{}@{}", "a".repeat(64), &path(240)[2..])).is_err());
    }

    #[test]
    fn source_routes_are_dropped() {
        let path = ForwardPath::parse("@a.example,@b.example:u@c.example");
        assert_eq!(path.map(|p| p.to_string()), Ok("u@c.example".to_owned()));
        assert!(ForwardPath::parse("@a.example,b:u@c.example").is_err());
        assert_eq!(ForwardPath::parse("PostMaster"), Ok(ForwardPath::Postmaster));
    }

    #[test]
    fn a_local_part_alone() {
        let domain = Domain::parse("our.example").unwrap();
        let parse = |text| ForwardPath::parse_at(text, &domain).map(|path| path.to_string());
        for (text, path) in [
            ("alice", "alice@our.example"),
            ("alice+lists", "alice+lists@our.example"),
            ("\"a@b\"", "\"a@b\"@our.example"),
            ("PostMaster", "postmaster"),
            ("alice@x.example", "alice@x.example"),
        ] {
            assert_eq!(parse(text).as_deref(), Ok(path), "{text}");
            assert_eq!(
                ForwardPath::parse(text).is_ok(),
                text.contains("@x") || text == "PostMaster"
            );
        }
        for text in ["", "a b", "alice@", "@x.example", ".a", "a@b@c", "../a/..", "-d "] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!(ReversePath::parse(""), Ok(ReversePath::Null));
    }
}
