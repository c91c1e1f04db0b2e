//! Header fields of a message, found without copying (RFC 5322 §2.2).
//!
//! ```text
//! message = *field [ CRLF body ]
//! field   = name ":" value CRLF          ; the value may be folded over several lines
//! ```
//! [`fields`] walks through them. Names and values are the raw octets: values still folded, nothing
//! decoded. Lines may end in CRLF (the wire, the queue) or LF (a Maildir, standard input). What isn't a
//! field (no colon, white space in the name) ends no walk: it comes as a [`Field`] with an empty name.

use memchr::memchr;

/// One field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// The name, without the colon; empty where the line is no field.
    pub name: &'a [u8],
    /// What stands behind the colon, folds and last line end included.
    pub raw_value: &'a [u8],
    /// The whole field with its line end.
    pub raw: &'a [u8],
}

impl<'a> Field<'a> {
    /// Whether the field has this name (RFC 5322 §1.2.2: in any case).
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// The value without the white space around it; still folded.
    pub fn value(&self) -> &'a [u8] {
        self.raw_value.trim_ascii()
    }

    fn parse(raw: &'a [u8]) -> Self {
        let not_a_field = Self { name: &[], raw_value: raw, raw };
        let Some((name, rest)) = memchr(b':', raw).and_then(|colon| raw.split_at_checked(colon))
        else {
            return not_a_field;
        };
        // RFC 5322 §4.5.3: the obsolete form has white space before the colon.
        let name = name.trim_ascii_end();
        match !name.is_empty() && name.iter().all(u8::is_ascii_graphic) {
            true => Self { name, raw_value: rest.get(1..).unwrap_or_default(), raw },
            false => not_a_field,
        }
    }
}

/// The fields of a message (or of its header alone), from the top.
pub fn fields(message: &[u8]) -> Fields<'_> {
    Fields { rest: message }
}

/// Walks through the fields of a header; made by [`fields`].
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// What hasn't been walked through: at the end the empty line and the body.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        if matches!(self.rest, [] | [b'\n', ..] | [b'\r', b'\n', ..]) {
            return None;
        }
        let (raw, rest) = self.rest.split_at_checked(field_length(self.rest))?;
        self.rest = rest;
        Some(Field::parse(raw))
    }
}

/// Octets up to the end of the line that no white space follows (RFC 5322 §2.2.3).
fn field_length(text: &[u8]) -> usize {
    let mut end = 0;
    loop {
        let rest = text.get(end..).unwrap_or_default();
        let Some(line) = memchr(b'\n', rest) else { return text.len() };
        end += line + 1;
        if !matches!(text.get(end), Some(b' ' | b'\t')) {
            return end;
        }
    }
}

/// Parts a message into header and body; the empty line between them belongs to neither.
pub fn split(message: &[u8]) -> (&[u8], &[u8]) {
    let mut walk = fields(message);
    walk.by_ref().for_each(drop);
    let rest = walk.rest();
    let header = message.get(..message.len() - rest.len()).unwrap_or(message);
    let body = match rest {
        [b'\r', b'\n', body @ ..] | [b'\n', body @ ..] => body,
        body => body,
    };
    (header, body)
}

/// How many fields of this name there are.
pub fn count(message: &[u8], name: &str) -> usize {
    fields(message).filter(|field| field.is(name)).count()
}

/// The first field of this name.
pub fn find<'a>(message: &'a [u8], name: &str) -> Option<Field<'a>> {
    fields(message).find(|field| field.is(name))
}

/// The Message-ID without its brackets (RFC 5322 §3.6.4), where there is one of printable characters.
pub fn message_id(message: &[u8]) -> Option<&str> {
    id_of(find(message, "Message-ID")?)
}

/// The id in a `Message-ID` field: what stands between the brackets.
pub fn id_of(field: Field<'_>) -> Option<&str> {
    let id = field.value().strip_prefix(b"<")?.strip_suffix(b">")?;
    let text = std::str::from_utf8(id).ok()?;
    (!text.is_empty() && text.chars().all(|c| !c.is_control() && !c.is_whitespace()))
        .then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &[u8] = b"Received: one\r\nSubject: folded\r\n\there\r\nFrom : a\r\n\
        Message-ID:\r\n <a@b.example>\r\nreceived: two\r\nno field\r\n\r\nReceived: body\r\n";

    #[test]
    fn fields_in_order() {
        let got: Vec<_> =
            fields(MESSAGE).map(|f| String::from_utf8_lossy(f.name).into_owned()).collect();
        assert_eq!(got, ["Received", "Subject", "From", "Message-ID", "received", ""]);
        assert_eq!(find(MESSAGE, "subject").map(|f| f.value()), Some(&b"folded\r\n\there"[..]));
        assert_eq!(count(MESSAGE, "Received"), 2);
        assert_eq!(message_id(MESSAGE), Some("a@b.example"));
    }

    #[test]
    fn header_and_body() {
        for (message, header, body) in [
            (&b"A: b\r\n\r\nbody"[..], &b"A: b\r\n"[..], &b"body"[..]),
            (b"A: b\n\nbody", b"A: b\n", b"body"),
            (b"A: b\r\n", b"A: b\r\n", b""),
            (b"A: b", b"A: b", b""),
            (b"\r\nbody", b"", b"body"),
            (b"", b"", b""),
        ] {
            assert_eq!(split(message), (header, body), "{message:?}");
        }
    }

    #[test]
    fn ids_that_are_none() {
        for value in ["a@b", "<>", "<a b>", "<a\u{1b}@b>", "<a> <b>"] {
            let message = format!("Message-ID: {value}\r\n\r\n");
            assert_eq!(message_id(message.as_bytes()), None, "{value}");
        }
    }
}
