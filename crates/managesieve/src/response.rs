//! Responses: `OK`, `NO`, `BYE`, with a code in brackets where one helps a client to do the right thing (RFC 5804 §1.3),
//! and text for people.

use std::fmt;

/// A response code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Code {
    EncryptNeeded,
    QuotaMaxScripts,
    QuotaMaxSize,
    TryLater,
    Active,
    Nonexistent,
    AlreadyExists,
    Warnings,
    /// What a NOOP said.
    Tag(Vec<u8>),
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EncryptNeeded => "ENCRYPT-NEEDED",
            Self::QuotaMaxScripts => "QUOTA/MAXSCRIPTS",
            Self::QuotaMaxSize => "QUOTA/MAXSIZE",
            Self::TryLater => "TRYLATER",
            Self::Active => "ACTIVE",
            Self::Nonexistent => "NONEXISTENT",
            Self::AlreadyExists => "ALREADYEXISTS",
            Self::Warnings => "WARNINGS",
            Self::Tag(_) => "TAG ",
        })
    }
}

/// How a command went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Ok,
    No,
    Bye,
}

/// Appends a response line.
pub(crate) fn respond(out: &mut Vec<u8>, verdict: Verdict, code: Option<&Code>, text: &str) {
    out.extend_from_slice(match verdict {
        Verdict::Ok => b"OK",
        Verdict::No => b"NO",
        Verdict::Bye => b"BYE",
    });
    if let Some(code) = code {
        out.extend_from_slice(format!(" ({code}").as_bytes());
        if let Code::Tag(tag) = code {
            string(out, tag);
        }
        out.push(b')');
    }
    if !text.is_empty() {
        out.push(b' ');
        string(out, text.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends a string: in quotes where those may hold it, else as a literal (RFC 5804 §4).
pub(crate) fn string(out: &mut Vec<u8>, octets: &[u8]) {
    let is_plain = |text: &str| !text.contains(['\r', '\n', '\0', '"', '\\']) && text.len() <= 512;
    if std::str::from_utf8(octets).is_ok_and(is_plain) {
        out.push(b'"');
        out.extend_from_slice(octets);
        out.push(b'"');
    } else {
        out.extend_from_slice(format!("{{{}}}\r\n", octets.len()).as_bytes());
        out.extend_from_slice(octets);
    }
}
