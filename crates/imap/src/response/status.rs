//! How a command ended, and what else a server remarks (RFC 9051 §7.1).

use super::Code;
use crate::scan::{Cursor, Scanned, SyntaxError};
use crate::value::{NameEncoding, Tag};
use crate::write::Quoting;

/// The five words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// `OK`
    Ok,
    /// `NO`
    No,
    /// `BAD`
    Bad,
    /// `BYE`: the connection ends.
    Bye,
    /// `PREAUTH`: a greeting to who needs no login.
    PreAuth,
}

impl Status {
    fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::No => "NO",
            Self::Bad => "BAD",
            Self::Bye => "BYE",
            Self::PreAuth => "PREAUTH",
        }
    }
}

/// `* OK [CODE] text`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusResponse {
    /// The command that has ended; none where it is a remark.
    pub tag: Option<Tag>,
    /// How.
    pub status: Status,
    /// For programs.
    pub code: Option<Code>,
    /// For people.
    pub text: Vec<u8>,
}

impl StatusResponse {
    /// The end of a command.
    pub fn tagged(tag: Tag, status: Status, text: &str) -> Self {
        Self { tag: Some(tag), status, code: None, text: text.as_bytes().to_vec() }
    }

    /// A remark.
    pub fn untagged(status: Status, text: &str) -> Self {
        Self { tag: None, status, code: None, text: text.as_bytes().to_vec() }
    }

    /// With a code.
    #[must_use]
    pub fn with(mut self, code: Code) -> Self {
        self.code = Some(code);
        self
    }

    /// ```text
    /// resp-cond-state = ("OK" / "NO" / "BAD") SP resp-text
    /// resp-text       = ["[" resp-text-code "]" SP] [text]
    /// ```
    pub fn write(&self, out: &mut Vec<u8>, names: NameEncoding) {
        match &self.tag {
            Some(tag) => out.extend_from_slice(tag.as_str().as_bytes()),
            None => out.push(b'*'),
        }
        out.push(b' ');
        out.extend_from_slice(self.status.name().as_bytes());
        out.push(b' ');
        if let Some(code) = &self.code {
            out.push(b'[');
            code.write(out, names);
            out.extend_from_slice(b"] ");
        } else if self.text.first() == Some(&b'[') {
            // It would be read as a code.
            out.push(b' ');
        }
        // RFC 3501 §9, text: something in any case.
        let text = if self.text.is_empty() { b"." } else { self.text.as_slice() };
        write_text(text, names.quoting(), out);
        out.extend_from_slice(b"\r\n");
    }

    /// None where it is another response, and the cursor stands where it stood.
    pub(super) fn scan(tag: Option<Tag>, cursor: &mut Cursor<'_>) -> Scanned<Option<Self>> {
        let mut ahead = cursor.clone();
        let status = match ahead.take_while(|octet| octet.is_ascii_alphabetic()) {
            word if word.eq_ignore_ascii_case(b"OK") => Status::Ok,
            word if word.eq_ignore_ascii_case(b"NO") => Status::No,
            word if word.eq_ignore_ascii_case(b"BAD") => Status::Bad,
            word if word.eq_ignore_ascii_case(b"BYE") && tag.is_none() => Status::Bye,
            word if word.eq_ignore_ascii_case(b"PREAUTH") && tag.is_none() => Status::PreAuth,
            _ => return Ok(None),
        };
        // Some servers say no text, and no space before it.
        if !ahead.eat(b' ') && !ahead.is_at_end() {
            return Err(SyntaxError::Expected("a space"));
        }
        let code = if ahead.eat(b'[') { Some(scan_code(&mut ahead)?) } else { None };
        let text = ahead.rest().to_vec();
        Ok(Some(Self { tag, status, code, text }))
    }
}

fn scan_code(cursor: &mut Cursor<'_>) -> Scanned<Code> {
    let before = cursor.clone();
    let known = Code::scan(cursor);
    if let Ok(code) = known
        && cursor.eat(b']')
    {
        cursor.eat(b' ');
        return Ok(code);
    }
    // A code that isn't written as it should be is no reason to lose what the response says.
    *cursor = before;
    let text = cursor.take_while(|octet| octet != b']');
    cursor.expect(b']', "the code's end")?;
    cursor.eat(b' ');
    Ok(Code::other(text))
}

/// Text for people: no line break, no control character.
pub(super) fn write_text(text: &[u8], quoting: Quoting, out: &mut Vec<u8>) {
    let utf8 = quoting == Quoting::Utf8 && std::str::from_utf8(text).is_ok();
    let shown = |&octet: &u8| match octet {
        b' '..=b'~' => octet,
        0x80.. if utf8 => octet,
        _ => b'?',
    };
    out.extend(text.iter().map(shown));
}
