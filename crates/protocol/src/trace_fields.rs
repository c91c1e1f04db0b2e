//! The fields that agents put on top of a message: `Received`, `Return-Path`, `Delivered-To`
//! (RFC 5321 §4.4).
//!
//! Whatever came from outside is written so that it can't end a comment or a line. Each writer appends
//! one whole field, CRLF included, to a buffer of the caller's.

use std::io::Write as _;
use std::net::IpAddr;
use std::time::SystemTime;

use crate::address::{Address, ReversePath};
use crate::command::ClientName;
use crate::envelope::Utf8;

/// How a message came (RFC 3848, RFC 6531 §4.3): the word behind `with`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum With {
    /// HELO.
    Smtp,
    /// EHLO.
    Esmtp(Secured),
    /// LHLO.
    Lmtp(Secured),
}

/// What protected a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secured {
    /// Nothing.
    Clear,
    /// TLS.
    Tls,
    /// A login.
    Login,
    /// Both.
    TlsAndLogin,
}

impl With {
    /// The keyword that IANA registered.
    pub fn keyword(self, utf8: Utf8) -> &'static str {
        match (self, utf8) {
            (Self::Smtp, _) => "SMTP",
            (Self::Esmtp(Secured::Clear), Utf8::Ascii) => "ESMTP",
            (Self::Esmtp(Secured::Tls), Utf8::Ascii) => "ESMTPS",
            (Self::Esmtp(Secured::Login), Utf8::Ascii) => "ESMTPA",
            (Self::Esmtp(Secured::TlsAndLogin), Utf8::Ascii) => "ESMTPSA",
            (Self::Esmtp(Secured::Clear), Utf8::SmtpUtf8) => "UTF8SMTP",
            (Self::Esmtp(Secured::Tls), Utf8::SmtpUtf8) => "UTF8SMTPS",
            (Self::Esmtp(Secured::Login), Utf8::SmtpUtf8) => "UTF8SMTPA",
            (Self::Esmtp(Secured::TlsAndLogin), Utf8::SmtpUtf8) => "UTF8SMTPSA",
            (Self::Lmtp(Secured::Clear), Utf8::Ascii) => "LMTP",
            (Self::Lmtp(Secured::Tls), Utf8::Ascii) => "LMTPS",
            (Self::Lmtp(Secured::Login), Utf8::Ascii) => "LMTPA",
            (Self::Lmtp(Secured::TlsAndLogin), Utf8::Ascii) => "LMTPSA",
            (Self::Lmtp(Secured::Clear), Utf8::SmtpUtf8) => "UTF8LMTP",
            (Self::Lmtp(Secured::Tls), Utf8::SmtpUtf8) => "UTF8LMTPS",
            (Self::Lmtp(Secured::Login), Utf8::SmtpUtf8) => "UTF8LMTPA",
            (Self::Lmtp(Secured::TlsAndLogin), Utf8::SmtpUtf8) => "UTF8LMTPSA",
        }
    }
}

/// Where a message came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From<'a> {
    /// From a client that called itself so, at that address.
    Client {
        /// HELO's argument: a claim. Its type lets nothing through that could end the clause.
        name: &'a ClientName,
        /// The address, where it came over IP.
        address: Option<IpAddr>,
    },
    /// From a user of this host.
    LocalUser {
        /// The uid.
        uid: u32,
    },
}

/// What a `Received` field says.
#[derive(Debug, Clone, Copy)]
pub struct Received<'a> {
    /// Who sent it.
    pub from: From<'a>,
    /// This host.
    pub by: &'a str,
    /// How it came.
    pub with: With,
    /// Whether SMTPUTF8 was said.
    pub utf8: Utf8,
    /// Version and cipher suite, for a comment.
    pub tls: Option<&'a str>,
    /// Our name for the message.
    pub id: &'a str,
    /// The recipient, where there is just one (RFC 5321 §7.6: more would betray blind copies).
    pub recipient: Option<&'a Address>,
    /// When.
    pub at: SystemTime,
}

impl Received<'_> {
    /// `Time-stamp-line = "Received:" FWS Stamp CRLF` (RFC 5321 §4.4).
    pub fn write(&self, out: &mut Vec<u8>) {
        // Writing into a Vec can't fail.
        let _ = match self.from {
            From::Client { name, address: Some(IpAddr::V4(ip)) } => {
                write!(out, "Received: from {} ([{ip}])", name.as_str())
            }
            From::Client { name, address: Some(IpAddr::V6(ip)) } => {
                write!(out, "Received: from {} ([IPv6:{ip}])", name.as_str())
            }
            From::Client { name, address: None } => write!(out, "Received: from {}", name.as_str()),
            From::LocalUser { uid } => write!(out, "Received: from localhost (uid {uid})"),
        };
        if let Some(tls) = self.tls {
            out.extend_from_slice(b"\r\n\t(");
            write_comment(tls, out);
            out.push(b')');
        }
        let _ = write!(
            out,
            "\r\n\tby {} with {} id {}",
            self.by,
            self.with.keyword(self.utf8),
            self.id
        );
        if let Some(address) = self.recipient {
            let _ = write!(out, "\r\n\tfor <{address}>");
        }
        let _ = write!(out, ";\r\n\t{}\r\n", date(self.at));
    }
}

/// `Return-path-line = "Return-Path:" FWS Reverse-path CRLF` (RFC 5321 §4.4).
pub fn write_return_path(path: &ReversePath, out: &mut Vec<u8>) {
    let _ = write!(out, "Return-Path: <{path}>\r\n");
}

/// `Delivered-To`, by which a delivery agent knows a loop.
pub fn write_delivered_to(address: &Address, out: &mut Vec<u8>) {
    let _ = write!(out, "Delivered-To: {address}\r\n");
}

/// The text as a comment's content (RFC 5322 §3.2.2): brackets and backslashes quoted, what isn't
/// printable ASCII replaced.
fn write_comment(text: &str, out: &mut Vec<u8>) {
    for c in text.chars() {
        match c {
            '(' | ')' | '\\' => out.extend([b'\\', c as u8]),
            ' '..='~' => out.push(c as u8),
            _ => out.push(b'?'),
        }
    }
}

/// A date as RFC 5322 §3.3 wants it, in UTC.
pub fn date(at: SystemTime) -> String {
    let timestamp = jiff::Timestamp::try_from(at).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    timestamp.to_zoned(jiff::tz::TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S %z").to_string()
}

/// A date as it stands in the `From ` lines of a mailbox file (mbox(5), ctime(3)), in UTC.
pub fn mbox_date(at: SystemTime) -> String {
    let timestamp = jiff::Timestamp::try_from(at).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    timestamp.to_zoned(jiff::tz::TimeZone::UTC).strftime("%a %b %e %H:%M:%S %Y").to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_380_502)
    }

    #[test] // Tests RFC 5321 §4.4.
    fn a_received_field() {
        let name = ClientName::parse("mx.a.example").unwrap();
        let recipient = Address::parse("b@c.example").unwrap();
        let received = Received {
            from: From::Client { name: &name, address: Some("192.0.2.1".parse().unwrap()) },
            by: "mx.c.example",
            with: With::Esmtp(Secured::Tls),
            utf8: Utf8::Ascii,
            tls: Some("TLSv1.3 (x) by evil"),
            id: "0123456789ABC",
            recipient: Some(&recipient),
            at: at(),
        };
        let mut out = Vec::new();
        received.write(&mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "Received: from mx.a.example ([192.0.2.1])\r\n\t(TLSv1.3 \\(x\\) by evil)\r\n\
             \tby mx.c.example with ESMTPS id 0123456789ABC\r\n\tfor <b@c.example>;\r\n\
             \tSun, 22 Nov 2026 20:48:22 +0000\r\n"
        );
    }

    #[test]
    fn s38_a_client_name_cannot_break_out() {
        for text in
            ["x) by evil (", "a\x1b]0;t\x07", "a\r\nX: y", "a b", "", "a;b", &"x".repeat(10_000)]
        {
            assert!(ClientName::parse(text).is_err(), "{text:?}");
        }
    }
}
