//! SMTP and LMTP replies: a code, an enhanced status code and text (RFC 5321 §4.2, RFC 2034, RFC 3463).
//!
//! [`Reply`] is one whole reply, possibly of several lines. A server builds it and [`Reply::encode`]s
//! it; a client gets it from the reply parser. Text never holds CR, LF or other control octets:
//! [`Reply::new`] replaces them, so that neither a peer nor a log line can be fooled by it.

use std::fmt;

/// What the first digit of a reply says (RFC 5321 §4.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Severity {
    /// 2xx: done.
    Success,
    /// 3xx: go on, more is expected.
    Intermediate,
    /// 4xx: temporary, try again later.
    Temporary,
    /// 5xx: permanent, don't try again.
    Permanent,
}

/// A reply code from 200 to 599 (RFC 5321 §4.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReplyCode(u16);

impl ReplyCode {
    /// A code known when this is compiled; anything outside 200..=599 doesn't compile in a `const`.
    pub const fn of(code: u16) -> Self {
        assert!(code >= 200 && code <= 599);
        Self(code)
    }

    /// The code of three ASCII digits, or `None` where they are no reply code.
    pub fn from_digits(digits: &[u8]) -> Option<Self> {
        let [a @ b'2'..=b'5', b @ b'0'..=b'9', c @ b'0'..=b'9'] = digits else { return None };
        Some(Self(u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0')))
    }

    /// The number.
    pub const fn value(self) -> u16 {
        self.0
    }

    /// What the first digit says.
    pub const fn severity(self) -> Severity {
        match self.0 / 100 {
            2 => Severity::Success,
            3 => Severity::Intermediate,
            4 => Severity::Temporary,
            _ => Severity::Permanent,
        }
    }
}

impl fmt::Display for ReplyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// An enhanced status code, class.subject.detail (RFC 3463 §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EnhancedStatus {
    class: u8,
    subject: u16,
    detail: u16,
}

impl EnhancedStatus {
    /// A status known when this is compiled: class 2, 4 or 5, subject and detail below 1000.
    pub const fn of(class: u8, subject: u16, detail: u16) -> Self {
        assert!(matches!(class, 2 | 4 | 5) && subject < 1000 && detail < 1000);
        Self { class, subject, detail }
    }

    /// Reads `class "." subject "." detail` (RFC 3463 §2); `None` where it is anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let class = match parts.next()? {
            "2" => 2,
            "4" => 4,
            "5" => 5,
            _ => return None,
        };
        let subject = status_number(parts.next()?)?;
        let detail = status_number(parts.next()?)?;
        parts.next().is_none().then_some(Self { class, subject, detail })
    }

    /// 2, 4 or 5.
    pub const fn class(self) -> u8 {
        self.class
    }

    /// What it is about (RFC 3463 §3.1): 1 is addresses, 2 mailboxes, and so on.
    pub const fn subject(self) -> u16 {
        self.subject
    }

    /// What precisely.
    pub const fn detail(self) -> u16 {
        self.detail
    }
}

/// One to three digits (RFC 3463 §2).
fn status_number(digits: &str) -> Option<u16> {
    if digits.is_empty() || digits.len() > 3 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

impl fmt::Display for EnhancedStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

/// One whole reply.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reply {
    code: ReplyCode,
    status: Option<EnhancedStatus>,
    lines: Vec<String>,
}

impl Reply {
    /// A reply with an enhanced status code; `text` may hold several lines, parted by `\n`.
    pub fn new(code: u16, status: (u8, u16, u16), text: impl AsRef<str>) -> Self {
        let (class, subject, detail) = status;
        Self::from_parts(
            ReplyCode::of(code),
            Some(EnhancedStatus::of(class, subject, detail)),
            text.as_ref(),
        )
    }

    /// A reply without one: the greeting, EHLO, 354 and 334 have none (RFC 2034 §3).
    pub fn bare(code: u16, text: impl AsRef<str>) -> Self {
        Self::from_parts(ReplyCode::of(code), None, text.as_ref())
    }

    /// A reply from its parts; control octets in `text` become `?`, `\n` parts lines.
    pub fn from_parts(code: ReplyCode, status: Option<EnhancedStatus>, text: &str) -> Self {
        // RFC 5321 §4.2: textstring is HT, SP and printable octets (and UTF-8 by RFC 6531).
        let clean = |line: &str| {
            line.chars().map(|c| if c.is_control() && c != '\t' { '?' } else { c }).collect()
        };
        Self { code, status, lines: text.split('\n').map(clean).collect() }
    }

    /// The reply code.
    pub fn code(&self) -> ReplyCode {
        self.code
    }

    /// The enhanced status code, if the reply has one.
    pub fn status(&self) -> Option<EnhancedStatus> {
        self.status
    }

    /// The enhanced status code, or the general one of the reply code's class (RFC 3463 §3.1).
    pub fn status_or_class(&self) -> EnhancedStatus {
        let class = match self.severity() {
            Severity::Success | Severity::Intermediate => 2,
            Severity::Temporary => 4,
            Severity::Permanent => 5,
        };
        match self.status {
            // A status of another class than the code is a mistake of the peer's: the code decides.
            Some(status) if status.class == class => status,
            Some(_) | None => EnhancedStatus::of(class, 0, 0),
        }
    }

    /// What the code's first digit says.
    pub fn severity(&self) -> Severity {
        self.code.severity()
    }

    /// The text lines, without code and status; at least one, possibly empty.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// Writes the reply as it goes over the wire (RFC 5321 §4.2).
    ///
    /// `Reply-line = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ] CRLF`
    pub fn encode(&self, out: &mut Vec<u8>) {
        use std::io::Write as _;
        let last = self.lines.len().saturating_sub(1);
        for (index, line) in self.lines.iter().enumerate() {
            let separator = if index == last { ' ' } else { '-' };
            // Writing into a Vec can't fail.
            let _ = match self.status {
                Some(status) => write!(out, "{}{separator}{status} {line}\r\n", self.code),
                None => write!(out, "{}{separator}{line}\r\n", self.code),
            };
        }
    }
}

/// `550 5.1.1 no such user`, all lines joined by a space: for logs and for people.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(status) = self.status {
            write!(f, " {status}")?;
        }
        for line in &self.lines {
            write!(f, " {line}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_every_line_with_code_and_status() {
        let mut out = Vec::new();
        Reply::new(250, (2, 1, 5), "one\ntwo").encode(&mut out);
        assert_eq!(out, b"250-2.1.5 one\r\n250 2.1.5 two\r\n");
    }

    #[test]
    fn control_octets_never_reach_the_wire() {
        let mut out = Vec::new();
        Reply::new(550, (5, 1, 1), "a\rb\x1b[2J").encode(&mut out);
        assert_eq!(out, b"550 5.1.1 a?b?[2J\r\n");
    }

    #[test]
    fn reply_codes_are_three_digits_from_200() {
        for (digits, code) in [
            ("250", Some(250)),
            ("199", None),
            ("600", None),
            ("25", None),
            ("2x0", None),
            ("", None),
        ] {
            assert_eq!(
                ReplyCode::from_digits(digits.as_bytes()).map(ReplyCode::value),
                code,
                "{digits}"
            );
        }
    }

    #[test]
    fn the_code_decides_where_the_status_disagrees() {
        let reply = Reply::from_parts(ReplyCode::of(250), EnhancedStatus::parse("5.1.1"), "odd");
        assert_eq!(reply.status_or_class().to_string(), "2.0.0");
    }

    #[test]
    fn statuses_that_are_none() {
        for text in ["", "2", "2.1", "3.1.1", "2.1.1.1", "2.1234.1", "2..1", "2.-1.1", "2.a.1"] {
            assert_eq!(EnhancedStatus::parse(text), None, "{text}");
        }
    }
}
