//! A draft, and the MIME message that is made of it (RFC 5322, RFC 2045, RFC 2047, RFC 2231).

use std::path::Path;

use mail_builder::MessageBuilder;
use mail_builder::headers::HeaderType;
use mail_builder::headers::address::Address as BuilderAddress;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::message_id::MessageId as BuilderId;
use mail_builder::headers::raw::Raw;
use mail_builder::headers::text::Text;
use mail_builder::mime::MimePart;
use postroad_protocol::address::ReversePath;
use postroad_protocol::envelope::{Body, Envelope, Recipient, Utf8};

use super::field::{FieldName, FieldText, Mailbox, MessageId};
use super::{ComposeError, Letter, check_bounds, date_now, media_type, to_crlf};
use crate::limits;
use crate::render::Part;

/// How far down a calendar its method stands: above what happens, which may be long.
const CALENDAR_HEAD_LINES: usize = 20;

/// A letter that is being written.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The author.
    pub from: Mailbox,
    /// The reverse-path, where it isn't the author's address.
    pub envelope_sender: Option<ReversePath>,
    /// Those it is for.
    pub to: Vec<Mailbox>,
    /// Those who are told.
    pub cc: Vec<Mailbox>,
    /// Those who are told in secret: in the envelope only (RFC 5322 §3.6.3).
    pub bcc: Vec<Mailbox>,
    /// Where answers go, if not to the author.
    pub reply_to: Vec<Mailbox>,
    /// What it is about.
    pub subject: FieldText,
    /// The letter that it answers.
    pub in_reply_to: Option<MessageId>,
    /// The thread so far.
    pub references: Vec<MessageId>,
    /// Further fields.
    pub fields: Vec<(FieldName, FieldText)>,
    /// The text.
    pub body: String,
    /// What the text is.
    pub format: BodyFormat,
    /// What goes with it.
    pub attachments: Vec<Attachment>,
}

/// What the text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BodyFormat {
    /// `text/plain`
    #[default]
    Plain,
    /// `text/html`
    Html,
}

/// What goes with a letter.
#[derive(Debug, Clone)]
pub enum Attachment {
    /// A file.
    File {
        /// Its name, without folders.
        name: FieldText,
        /// Its octets.
        content: Vec<u8>,
    },
    /// A whole message (RFC 2046 §5.2.1).
    Message(Vec<u8>),
}

impl Attachment {
    /// Reads a file.
    ///
    /// # Errors
    /// Where it can't be read, or is larger than any letter.
    pub fn read(path: &Path) -> Result<Self, ComposeError> {
        let content =
            postroad_disk::read_whole(path, limits::LETTER_OCTETS_MAX).map_err(|error| {
                ComposeError::Attachment { path: path.to_owned(), source: error.source }
            })?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Ok(Self::File { name: FieldText::new(&name), content })
    }

    /// The same as something that can be saved; a whole message has no name.
    pub(crate) fn to_part(&self) -> Option<Part> {
        match self {
            Self::File { name, content } => Some(Part {
                name: Some(name.as_str().to_owned()),
                media_type: media_type::by_name(name.as_str()).to_owned(),
                content: content.clone(),
            }),
            Self::Message(_) => None,
        }
    }

    fn into_part(self) -> MimePart<'static> {
        match self {
            Self::File { name, content } => {
                let kind = media_type::by_name(name.as_str());
                // A text in another charset than UTF-8 is octets to us: its charset is unknown.
                let kind = match kind.starts_with("text/") && std::str::from_utf8(&content).is_err()
                {
                    true => "application/octet-stream",
                    false => kind,
                };
                match calendar_method(&content).filter(|_| kind == "text/calendar") {
                    // RFC 6047 §2.4: programs that keep calendars look for the method here.
                    Some(method) => {
                        let kind = ContentType::new(kind).attribute("method", method);
                        let kind = kind.attribute("charset", "utf-8").attribute("name", name.0);
                        MimePart::new(kind, content)
                    }
                    None => MimePart::new(kind, content).attachment(name.0),
                }
            }
            Self::Message(content) => message_part(&content),
        }
    }
}

/// The method of a calendar that asks for something (RFC 5546 §1.4).
fn calendar_method(content: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(content).ok()?;
    let mut lines = text.lines().take(CALENDAR_HEAD_LINES);
    let method = lines.find_map(|line| line.strip_prefix("METHOD:"))?.trim();
    let is_word =
        (1..=20).contains(&method.len()) && method.bytes().all(|it| it.is_ascii_uppercase());
    is_word.then(|| method.to_owned())
}

/// A whole message as a part. RFC 2046 §5.2.1 allows it no encoding, so where its lines are too long
/// for SMTP it travels as a file.
fn message_part(content: &[u8]) -> MimePart<'static> {
    let content = to_crlf(content);
    // RFC 5321 §4.5.3.1.6: 1000 octets with CRLF.
    let too_long = content.split(|b| *b == b'\n').any(|line| line.len() > 999);
    if too_long || content.contains(&0) {
        return MimePart::new("application/octet-stream", content).attachment("forwarded.eml");
    }
    let encoding = if content.is_ascii() { "7bit" } else { "8bit" };
    MimePart::new("message/rfc822", content).inline().transfer_encoding(encoding)
}

impl Draft {
    /// An empty draft.
    pub fn new(from: Mailbox) -> Self {
        Self {
            from,
            envelope_sender: None,
            to: Vec::new(),
            cc: Vec::new(),
            bcc: Vec::new(),
            reply_to: Vec::new(),
            subject: FieldText::default(),
            in_reply_to: None,
            references: Vec::new(),
            fields: Vec::new(),
            body: String::new(),
            format: BodyFormat::default(),
            attachments: Vec::new(),
        }
    }

    /// Takes a `Name: value` field as `mail -a` gives it. `From`, `Reply-To` and `Content-Type:
    /// text/html` change the draft; other fields that are ours to write are refused.
    ///
    /// # Errors
    /// Where it is no field, or one that the draft writes itself.
    pub fn add_field(&mut self, field: &str) -> Result<(), ComposeError> {
        let refuse = |problem| Err(ComposeError::Field { field: field.to_owned(), problem });
        let Some((name, value)) = field.split_once(':') else {
            return refuse("write it as Name: value");
        };
        let Some(name) = FieldName::parse(name.trim_end()) else {
            return refuse("the name is printable ASCII without spaces");
        };
        let text = FieldText::new(value);
        let domain = Some(&self.from.address.domain);
        match name.as_str().to_ascii_lowercase().as_str() {
            "from" => match super::AddressList::parse(text.as_str(), domain)?.0.as_slice() {
                [author] => self.from = author.clone(),
                _ => return refuse("name exactly one author"),
            },
            "reply-to" => self.reply_to = super::AddressList::parse(text.as_str(), domain)?.0,
            "content-type" => {
                let kind = text.as_str().split(';').next().unwrap_or_default().trim();
                self.format = match kind.to_ascii_lowercase().as_str() {
                    "text/plain" => BodyFormat::Plain,
                    "text/html" => BodyFormat::Html,
                    _ => return refuse("only text/plain and text/html; attach other content"),
                };
            }
            // Written anew from what is sent.
            "mime-version" | "content-transfer-encoding" => {}
            "to" | "cc" | "bcc" => return refuse("use the options for recipients"),
            "subject" => self.subject = text,
            "date"
            | "message-id"
            | "in-reply-to"
            | "references"
            | "sender"
            | "content-disposition" => {
                return refuse("this field is written by the mail program itself");
            }
            _ => self.fields.push((name, text)),
        }
        Ok(())
    }

    /// Makes the letter.
    ///
    /// # Errors
    /// Where it has no recipients, too many of them, or is too large.
    pub fn into_letter(self) -> Result<Letter, ComposeError> {
        let message_id = MessageId::random(&self.from.address)?;
        let recipients = self.recipients();
        let utf8 = self.needs_smtputf8();
        let reverse_path = self
            .envelope_sender
            .clone()
            .unwrap_or_else(|| ReversePath::Address(self.from.address.clone()));
        let content = self.into_message(&message_id, &date_now());
        check_bounds(recipients.len(), content.len())?;
        let mut envelope = Envelope::new(reverse_path, recipients);
        envelope.utf8 = utf8;
        envelope.body = if content.is_ascii() { Body::SevenBit } else { Body::EightBitMime };
        Ok(Letter { envelope, message_id, content })
    }

    /// Everybody once, in order.
    fn recipients(&self) -> Vec<Recipient> {
        let mut recipients: Vec<Recipient> = Vec::new();
        for mailbox in self.to.iter().chain(&self.cc).chain(&self.bcc) {
            if !recipients.iter().any(|recipient| recipient.address == mailbox.address) {
                recipients.push(Recipient::new(mailbox.address.clone()));
            }
        }
        recipients
    }

    /// Names and subjects are encoded words; only a local part stays UTF-8 (RFC 6531 §3.4).
    fn needs_smtputf8(&self) -> Utf8 {
        let all = [&self.to, &self.cc, &self.bcc, &self.reply_to];
        let mut addresses =
            all.into_iter().flatten().chain([&self.from]).map(|mailbox| &mailbox.address);
        match addresses.all(postroad_protocol::address::Address::is_ascii) {
            true => Utf8::Ascii,
            false => Utf8::SmtpUtf8,
        }
    }

    fn into_message(self, message_id: &MessageId, date: &str) -> Vec<u8> {
        let id_list = |ids: Vec<MessageId>| BuilderId::new_list(ids.into_iter().map(|id| id.0));
        let mut message = MessageBuilder::new()
            .header("Date", Raw::new(date.to_owned()))
            .from(builder_address(&self.from))
            .message_id(message_id.as_str().to_owned());
        for (name, mailboxes) in [("To", &self.to), ("Cc", &self.cc), ("Reply-To", &self.reply_to)]
        {
            if !mailboxes.is_empty() {
                let list = mailboxes.iter().map(builder_address).collect();
                message = message.header(name, BuilderAddress::new_list(list));
            }
        }
        if self.to.is_empty() && self.cc.is_empty() {
            // So that no server adds an Apparently-To that names those of Bcc.
            message = message.header("To", Raw::new("undisclosed-recipients:;"));
        }
        if !self.subject.is_empty() {
            message = message.subject(self.subject.0);
        }
        if let Some(id) = self.in_reply_to {
            message = message.in_reply_to(id.0);
        }
        if !self.references.is_empty() {
            message = message.references(id_list(self.references));
        }
        for (name, text) in self.fields {
            message = message.header(name.as_str().to_owned(), HeaderType::Text(Text::new(text.0)));
        }
        message
            .header("User-Agent", Raw::new(concat!("postroad-mua/", env!("CARGO_PKG_VERSION"))))
            .body(body_part(self.body, self.format, self.attachments))
            .write_to_vec()
            // Writing into a Vec can't fail.
            .unwrap_or_default()
    }
}

/// The text alone, or the text and what goes with it.
fn body_part(body: String, format: BodyFormat, attachments: Vec<Attachment>) -> MimePart<'static> {
    let kind = match format {
        BodyFormat::Plain => "text/plain",
        BodyFormat::Html => "text/html",
    };
    let text = MimePart::new(kind, text_lines(&body));
    if attachments.is_empty() {
        return text;
    }
    let parts = std::iter::once(text).chain(attachments.into_iter().map(Attachment::into_part));
    MimePart::new("multipart/mixed", parts.collect::<Vec<_>>())
}

/// The text in lines that end, the last one too. A NUL can't travel and means nothing: U+FFFD.
fn text_lines(body: &str) -> String {
    let mut text = body.replace("\r\n", "\n").replace('\r', "\n").replace('\0', "\u{fffd}");
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

fn builder_address(mailbox: &Mailbox) -> BuilderAddress<'static> {
    let name = mailbox.name.as_ref().map(|name| name.as_str().to_owned());
    BuilderAddress::new_address(name, mailbox.address.to_string())
}
