//! Writing APPEND and REPLACE (RFC 9051 §6.3.12, RFC 3502, RFC 4469, RFC 8508).

use crate::command::{Command, Form, Head, Literals, Outgoing, Writer};
use crate::receive::LiteralKind;
use crate::value::{NameEncoding, Tag};

/// An APPEND or a REPLACE that is being written. The octets of messages are sent by the caller, in between:
///
/// ```
/// # use postroad_imap::NameEncoding;
/// # use postroad_imap::client::UploadWriter;
/// # use postroad_imap::command::{Command, Form, Head, Literals};
/// # use postroad_imap::receive::LiteralKind;
/// # use postroad_imap::value::{MailboxName, Tag};
/// let tag = Tag::parse(b"a1").unwrap();
/// let append = Command::Append(MailboxName::inbox());
/// let mut upload = UploadWriter::begin(&append, &tag, Literals::Plus, NameEncoding::Utf7);
/// upload.message(&Head { flags: vec![], date: None, form: Form::Whole });
/// assert_eq!(upload.literal(5, LiteralKind::Text).octets(), b"a1 APPEND INBOX {5+}\r\n");
/// // send "hello"
/// upload.message_end();
/// assert_eq!(upload.end().octets(), b"\r\n");
/// ```
#[derive(Debug)]
#[must_use]
pub struct UploadWriter {
    writer: Writer,
    literals: Literals,
    names: NameEncoding,
    form: Form,
    pieces: Pieces,
}

/// Whether CATENATE has a piece yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pieces {
    None,
    Some,
}

impl UploadWriter {
    /// Begins the command.
    pub fn begin(command: &Command, tag: &Tag, literals: Literals, names: NameEncoding) -> Self {
        let writer = command.to_writer(tag, literals, names);
        Self { writer, literals, names, form: Form::Whole, pieces: Pieces::None }
    }

    /// Begins a message.
    pub fn message(&mut self, head: &Head) {
        self.form = head.form;
        self.pieces = Pieces::None;
        head.write(&mut self.writer);
    }

    /// The next piece of a catenated message is what this points to.
    pub fn url(&mut self, url: &[u8]) {
        self.piece("URL ");
        self.writer.astring(url);
    }

    /// The message, or its next piece, are so many octets. What is returned goes before them.
    pub fn literal(&mut self, octets: u64, kind: LiteralKind) -> Outgoing {
        if self.form == Form::Catenate {
            self.piece("TEXT ");
        }
        // RFC 6855 §4: always a literal8.
        if kind == LiteralKind::Binary || self.form == Form::Utf8 {
            self.writer.raw("~");
        }
        self.writer.literal_head(octets);
        self.take()
    }

    fn piece(&mut self, name: &str) {
        if self.pieces == Pieces::Some {
            self.writer.raw(" ");
        }
        self.pieces = Pieces::Some;
        self.writer.raw(name);
    }

    /// Ends a message.
    pub fn message_end(&mut self) {
        match self.form {
            Form::Whole => {}
            Form::Utf8 | Form::Catenate => self.writer.raw(")"),
        }
    }

    /// Ends the command.
    pub fn end(mut self) -> Outgoing {
        self.writer.raw("\r\n");
        self.take()
    }

    fn take(&mut self) -> Outgoing {
        let next = Writer::new(self.literals, self.names);
        std::mem::replace(&mut self.writer, next).into_outgoing()
    }
}
