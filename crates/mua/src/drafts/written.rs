//! What an author has written beside the text, as it was typed: `draft.json`. It becomes a letter only when it is sent:
//! until then an address may be half an address, and an attachment a file that changes.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

use postroad_protocol::address::{Address, Domain, ReversePath};
use serde::{Deserialize, Serialize};

use crate::compose::answer::mailboxes;
use crate::compose::{
    AddressList, Aliases, Attachment, ComposeError, Draft, FieldText, Mailbox, MessageId,
};
use crate::limits;
use crate::outbox::Left;
use crate::render::View;
use crate::sealed::{self, Protection};

/// The fields of a draft as they were typed, and what goes with it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Written {
    /// Those it is for: a list of addresses, as in the field.
    pub to: String,
    /// Those who are told.
    pub cc: String,
    /// Those who are told in secret.
    pub bcc: String,
    /// Where answers go.
    pub reply_to: String,
    /// What it is about.
    pub subject: String,
    /// The envelope's sender, where that isn't the author: empty is the null reverse-path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    /// Further fields, as `Name: value`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// The Message-ID of the letter that it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_reply_to: Option<String>,
    /// The Message-IDs of the thread so far.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<String>,
    /// What goes with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attached>,
    /// How it is sealed when it is sent. Until then it lies here as it was typed, in a folder that only its author can
    /// look into.
    #[serde(skip_serializing_if = "Protection::is_none")]
    pub protection: Protection,
    /// The letter that gets a flag when this one is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answers: Option<Answers>,
}

/// What goes with a draft.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attached {
    /// A file, which is read when the letter is sent.
    File(PathBuf),
    /// The letter that is sent on, in the draft's own folder.
    Forwarded,
}

/// The letter that a draft answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answers {
    /// The mailbox's own name for it.
    pub letter: String,
    /// The flag that it gets (maildir(5)): `R` or `P`.
    pub flag: char,
    /// The folder that it is in, where that isn't the inbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
}

/// A field that a letter can't be made of.
#[derive(Debug, thiserror::Error)]
#[error("{problem}")]
pub struct Wrong {
    /// Which one.
    pub field: Field,
    /// What is wrong with it.
    pub problem: ComposeError,
}

/// A part of a draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// Those it is for.
    To,
    /// Those who are told.
    Cc,
    /// Those who are told in secret.
    Bcc,
    /// Where answers go.
    ReplyTo,
    /// A further field.
    Other,
    /// What goes with it.
    Attachments,
}

impl Written {
    /// What is to be shown of a draft that the program has made: a reply, a forward. What goes with it and its text
    /// are its maker's to keep.
    pub fn of(draft: &Draft) -> Self {
        let ids = |ids: &[MessageId]| ids.iter().map(|id| id.as_str().to_owned()).collect();
        Self {
            to: typed(&draft.to),
            cc: typed(&draft.cc),
            bcc: typed(&draft.bcc),
            reply_to: typed(&draft.reply_to),
            subject: draft.subject.as_str().to_owned(),
            in_reply_to: draft.in_reply_to.as_ref().map(|id| id.as_str().to_owned()),
            references: ids(&draft.references),
            ..Self::default()
        }
    }

    /// What is to be written again: a letter's recipients and subject, as a new letter of one's own. What was encrypted
    /// is encrypted again.
    pub fn again(original: &View) -> Self {
        let summary = &original.summary;
        Self {
            to: typed(&mailboxes(&summary.to)),
            cc: typed(&mailboxes(&summary.cc)),
            subject: summary.subject.clone(),
            protection: sealed::for_answer(original),
            ..Self::default()
        }
    }

    /// The fields and the text of a letter that was made of a draft which has gone. What went with it stays out.
    pub fn of_letter(left: &Left) -> (Self, String) {
        let view = View::of(&left.content);
        let summary = &view.summary;
        let to = mailboxes(&summary.to);
        let cc = mailboxes(&summary.cc);
        let is_shown =
            |address: &Address| to.iter().chain(&cc).any(|mailbox| mailbox.address == *address);
        let recipients = left.envelope.recipients.iter().map(|to| &to.address);
        let bcc: Vec<Mailbox> = recipients
            .filter(|address| !is_shown(address))
            .map(|address| Mailbox::new(None, address.clone()))
            .collect();
        let written = Self {
            to: typed(&to),
            cc: typed(&cc),
            bcc: typed(&bcc),
            reply_to: typed(&mailboxes(&summary.reply_to)),
            subject: summary.subject.clone(),
            in_reply_to: summary.in_reply_to.first().cloned(),
            references: summary.references.clone(),
            protection: sealed::as_it_is(&left.content),
            ..Self::default()
        };
        (written, view.text())
    }

    /// With short names in its fields replaced by what they stand for.
    #[must_use]
    pub fn expanded(mut self, aliases: &Aliases) -> Self {
        for field in [&mut self.to, &mut self.cc, &mut self.bcc, &mut self.reply_to] {
            if let Cow::Owned(expanded) = aliases.expanded(field) {
                *field = expanded;
            }
        }
        self
    }

    /// Makes the draft of a letter of it, and reads what goes with it. `folder` is the draft's own.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn draft(&self, folder: &Path, author: Mailbox, text: String) -> Result<Draft, Wrong> {
        let mut draft = Draft::new(author);
        for field in &self.fields {
            draft.add_field(field).map_err(|problem| Wrong { field: Field::Other, problem })?;
        }
        let domain = Some(draft.from.address.domain.clone());
        let list = |field, text: &str| addresses(field, text, domain.as_ref());
        draft.to = list(Field::To, &self.to)?;
        draft.cc = list(Field::Cc, &self.cc)?;
        draft.bcc = list(Field::Bcc, &self.bcc)?;
        let reply_to = list(Field::ReplyTo, &self.reply_to)?;
        if !reply_to.is_empty() {
            draft.reply_to = reply_to;
        }
        if !self.subject.is_empty() {
            draft.subject = FieldText::new(&self.subject);
        }
        if let Some(sender) = &self.sender {
            let problem = "the sender is no address";
            let problem = ComposeError::Field { field: sender.clone(), problem };
            let wrong = |_| Wrong { field: Field::Other, problem };
            draft.envelope_sender = Some(ReversePath::parse(sender).map_err(wrong)?);
        }
        draft.in_reply_to = self.in_reply_to.as_deref().and_then(MessageId::parse);
        draft.references = self.references.iter().filter_map(|id| MessageId::parse(id)).collect();
        draft.body = text;
        for attached in &self.attachments {
            let read = attached.read(folder);
            let problem = |problem| Wrong { field: Field::Attachments, problem };
            draft.attachments.push(read.map_err(problem)?);
        }
        Ok(draft)
    }
}

impl Attached {
    /// A file that is meant from here: the draft may be sent from elsewhere.
    pub fn absolute(path: &PathBuf) -> Self {
        Self::File(std::path::absolute(path).unwrap_or_else(|_| path.clone()))
    }

    fn read(&self, folder: &Path) -> Result<Attachment, ComposeError> {
        match self {
            Self::File(path) => Attachment::read(path),
            Self::Forwarded => {
                let path = folder.join(super::FORWARDED);
                let content = postroad_disk::read_whole(&path, limits::LETTER_OCTETS_MAX);
                content
                    .map(Attachment::Message)
                    .map_err(|error| ComposeError::Attachment { path, source: error.source })
            }
        }
    }
}

impl fmt::Display for Attached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Forwarded => f.write_str("the letter that is sent on"),
        }
    }
}

fn addresses(field: Field, text: &str, domain: Option<&Domain>) -> Result<Vec<Mailbox>, Wrong> {
    let list = AddressList::parse(text, domain);
    list.map(|list| list.0).map_err(|error| Wrong { field, problem: error.into() })
}

/// A list as a person would type it: names that would end early stand in quotes.
/// People as they are typed into a field.
pub(crate) fn typed(mailboxes: &[Mailbox]) -> String {
    let one = |mailbox: &Mailbox| match &mailbox.name {
        Some(name) if ends_early(name.as_str()) => {
            let quoted = name.as_str().replace('\\', "\\\\").replace('"', "\\\"");
            format!("\"{quoted}\" <{}>", mailbox.address)
        }
        _ => mailbox.to_string(),
    };
    mailboxes.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn ends_early(name: &str) -> bool {
    name.trim() != name || name.contains(|c: char| "()<>[]:;@\\,.\"".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn us() -> Mailbox {
        Mailbox::new(None, Address::parse("us@our.example").unwrap())
    }

    #[test]
    fn what_is_wrong_is_said_by_field() {
        let right = Written { to: "a, B <b@x.example>".into(), ..Written::default() };
        let draft = right.draft(Path::new("/x"), us(), "text".into()).unwrap();
        assert_eq!(draft.to[0].address.to_string(), "a@our.example");
        for (wrong, field) in [
            (Written { to: "a b@x".into(), ..right.clone() }, Field::To),
            (Written { cc: "@".into(), ..right.clone() }, Field::Cc),
            (Written { bcc: "<".into(), ..right.clone() }, Field::Bcc),
            (Written { reply_to: "a@".into(), ..right.clone() }, Field::ReplyTo),
            (Written { fields: vec!["Date: x".into()], ..right.clone() }, Field::Other),
            (
                Written {
                    attachments: vec![Attached::File("/nonexistent/x".into())],
                    ..right.clone()
                },
                Field::Attachments,
            ),
            (
                Written { attachments: vec![Attached::Forwarded], ..right.clone() },
                Field::Attachments,
            ),
        ] {
            let found = wrong.draft(Path::new("/nonexistent"), us(), String::new());
            assert_eq!(found.unwrap_err().field, field, "{wrong:?}");
        }
    }

    #[test]
    fn what_was_encrypted_is_encrypted_again() {
        let letter = |kind: &str| {
            format!("From: a@x.example\r\nTo: b@x.example\r\nContent-Type: {kind}\r\n\r\nx\r\n")
                .into_bytes()
        };
        let seal = |is_encrypted| sealed::Seal {
            level: crate::trust::Level::Good,
            words: String::new(),
            findings: Vec::new(),
            is_encrypted,
            header: Vec::new(),
        };
        let plain = letter("text/plain");
        for (seal, expected) in [
            (Some(seal(true)), Protection::Encrypt),
            (Some(seal(false)), Protection::None),
            (None, Protection::None),
        ] {
            let written = Written::again(&View { seal, ..View::of(&plain) });
            assert_eq!(written.protection, expected);
        }
        // One that waited to be sent is as its draft was.
        for (kind, expected) in [
            ("multipart/encrypted; boundary=b", Protection::Encrypt),
            ("application/pkcs7-mime", Protection::Encrypt),
            ("multipart/signed; boundary=b", Protection::Sign),
            ("text/plain", Protection::None),
        ] {
            assert_eq!(sealed::as_it_is(&letter(kind)), expected, "{kind}");
        }
    }

    #[test]
    fn a_newer_versions_fields_are_passed_over() {
        let json = r#"{"format":"postroad draft 1","to":"a","colour":"red","attachments":[{"file":"/x"}]}"#;
        let written: Written = serde_json::from_str(json).unwrap();
        assert_eq!((written.to.as_str(), written.attachments.len()), ("a", 1));
    }

    proptest! {
        #[test]
        fn whatever_a_person_is_called_stays_one_person(
            names in proptest::collection::vec("\\PC{0,12}", 0..4)
        ) {
            let address = Address::parse("a@x.example").unwrap();
            let people: Vec<Mailbox> =
                names.iter().map(|name| Mailbox::new(Some(name), address.clone())).collect();
            let read = AddressList::parse(&typed(&people), None).unwrap().0;
            prop_assert_eq!(read, people);
        }
    }
}
