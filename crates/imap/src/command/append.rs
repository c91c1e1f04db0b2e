//! APPEND (RFC 9051 §6.3.12; RFC 3502, RFC 4469, RFC 6855, RFC 3516) and REPLACE (RFC 8508): what stands around the
//! messages, which are too long to be kept.

use super::Writer;
use crate::scan::{Cursor, Scanned, SyntaxError};
use crate::value::{DateTime, Flag, MailboxName, Number, SequenceSet, Set};

/// What is known of a message before it comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Its flags.
    pub flags: Vec<Flag>,
    /// Its internal date; now, where none was given.
    pub date: Option<DateTime>,
    /// How it comes.
    pub form: Form,
}

/// How a message comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// In one literal.
    Whole,
    /// `UTF8 (…)`: its header may hold UTF-8 (RFC 6855 §4).
    Utf8,
    /// `CATENATE (…)`: in pieces (RFC 4469).
    Catenate,
}

/// Which message is replaced, and where the new one goes (RFC 8508 §3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replace {
    /// The old one.
    pub number: Number,
    /// Where the new one goes.
    pub mailbox: MailboxName,
}

impl Replace {
    /// ```text
    /// replace = "REPLACE" SP seq-number SP mailbox append-message
    /// ```
    pub(crate) fn scan(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        const WHAT: SyntaxError = SyntaxError::Expected("one message's number");
        let SequenceSet::Set(set) = SequenceSet::scan(cursor)? else { return Err(WHAT) };
        let [(number, end)] = *set.ranges() else { return Err(WHAT) };
        if number != end {
            return Err(WHAT);
        }
        Ok(Self { number, mailbox: super::spaced_mailbox(cursor)? })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.spaced(|out| Set::range(self.number, self.number).write(out.octets()));
        out.spaced(|out| out.mailbox(&self.mailbox));
    }
}

impl Head {
    /// What stands before the message, or before its first piece.
    pub(crate) fn write(&self, out: &mut Writer) {
        if !self.flags.is_empty() {
            out.spaced(|out| out.list(&self.flags, |out, flag| flag.write(out.octets())));
        }
        if let Some(date) = self.date {
            out.spaced(|out| date.write(out.octets()));
        }
        out.raw(match self.form {
            Form::Whole => " ",
            Form::Utf8 => " UTF8 (",
            Form::Catenate => " CATENATE (",
        });
    }
}

/// What a piece of text between two literals says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum UploadPiece {
    /// A message begins.
    Head(Head),
    /// `URL`: the next piece is what this points to.
    Url(Vec<u8>),
    /// The next piece is the literal that follows.
    Literal,
    /// The message is over.
    MessageEnd,
    /// The command is over.
    End,
}

/// Where in the arguments of APPEND or REPLACE we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Upload {
    /// Before a message, or behind the last one.
    Between { messages: Messages },
    /// Behind a message's literal.
    Behind(Form),
    /// In CATENATE's list, at its begin or behind a piece.
    Catenating { begun: bool },
}

/// What a piece of text ends in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PieceEnd {
    /// A literal follows.
    Literal,
    /// The command's last CRLF.
    Line,
}

/// How many messages may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Messages {
    /// The first is awaited.
    None,
    /// More may follow (RFC 3502).
    Some,
}

impl Upload {
    pub(crate) const START: Self = Self::Between { messages: Messages::None };

    /// Reads a piece of text up to a literal or to the line's end. None where the literal is a URL, which belongs to the
    /// text.
    pub(crate) fn scan(
        &mut self,
        cursor: &mut Cursor<'_>,
        end: PieceEnd,
    ) -> Scanned<Option<Vec<UploadPiece>>> {
        let mut pieces = Vec::new();
        loop {
            match *self {
                Self::Behind(Form::Whole) => *self = self.message_ends(&mut pieces),
                Self::Behind(_) => {
                    cursor.expect(b')', "a closing bracket")?;
                    *self = self.message_ends(&mut pieces);
                }
                Self::Between { messages } => {
                    if end == PieceEnd::Line
                        && messages == Messages::Some
                        && cursor.clone().end().is_ok()
                    {
                        pieces.push(UploadPiece::End);
                        return Ok(Some(pieces));
                    }
                    let head = scan_head(cursor)?;
                    *self = match head.form {
                        Form::Catenate => Self::Catenating { begun: false },
                        form => Self::Behind(form),
                    };
                    pieces.push(UploadPiece::Head(head));
                    if let Self::Behind(_) = self {
                        return end_at_literal(pieces, cursor, end);
                    }
                }
                Self::Catenating { begun } => {
                    if begun && cursor.eat(b')') {
                        *self = self.message_ends(&mut pieces);
                        continue;
                    }
                    if begun {
                        cursor.space()?;
                    }
                    *self = Self::Catenating { begun: true };
                    // RFC 4469 §5: cat-part = "TEXT" SP literal / "URL" SP astring
                    if cursor.eat_word(b"TEXT ") {
                        return end_at_literal(pieces, cursor, end);
                    }
                    if !cursor.eat_word(b"URL ") {
                        return Err(SyntaxError::Expected("TEXT or URL"));
                    }
                    if end == PieceEnd::Literal && cursor.is_at_end() {
                        return Ok(None);
                    }
                    pieces.push(UploadPiece::Url(cursor.astring("a URL")?.into_owned()));
                }
            }
        }
    }

    fn message_ends(self, pieces: &mut Vec<UploadPiece>) -> Self {
        pieces.push(UploadPiece::MessageEnd);
        Self::Between { messages: Messages::Some }
    }
}

fn end_at_literal(
    mut pieces: Vec<UploadPiece>,
    cursor: &Cursor<'_>,
    end: PieceEnd,
) -> Scanned<Option<Vec<UploadPiece>>> {
    if end == PieceEnd::Line || !cursor.is_at_end() {
        return Err(SyntaxError::Expected("a literal"));
    }
    pieces.push(UploadPiece::Literal);
    Ok(Some(pieces))
}

/// ```text
/// append-message = [SP flag-list] [SP date-time] *(SP append-ext) SP append-data
/// append-data    = literal / literal8 / "UTF8" SP "(" literal8 ")" / "CATENATE" SP "(" cat-part *(SP cat-part) ")"
/// ```
fn scan_head(cursor: &mut Cursor<'_>) -> Scanned<Head> {
    cursor.space()?;
    let mut head = Head { flags: Vec::new(), date: None, form: Form::Whole };
    if cursor.peek() == Some(b'(') {
        head.flags = cursor.list_or_empty(Flag::scan_settable)?.into_iter().flatten().collect();
        cursor.space()?;
    }
    if cursor.peek() == Some(b'"') {
        head.date = Some(DateTime::scan(cursor)?);
        cursor.space()?;
    }
    if cursor.eat_word(b"UTF8 (") {
        head.form = Form::Utf8;
    } else if cursor.eat_word(b"CATENATE (") {
        head.form = Form::Catenate;
    }
    Ok(head)
}
