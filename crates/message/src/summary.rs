//! All that a list of letters, a search or a thread wants to know of one.

use postroad_protocol::header;

use crate::{BaseSubject, Body, Envelope, MessageId, Part, SentDate, ids, limits, wire};

/// What a cache keeps of a letter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Octets on the wire.
    pub octets: u64,
    /// `Date`, if there is one that can be read; the time of arrival stands in otherwise (RFC 5256 §2.2).
    pub sent: Option<SentDate>,
    /// Its envelope.
    pub envelope: Envelope,
    /// What it is made of.
    pub structure: Part,
    /// Its id.
    pub id: Option<MessageId>,
    /// What it answers, the oldest first.
    pub references: Vec<MessageId>,
    /// Its subject, without what answering adds.
    pub subject: BaseSubject,
    /// A line of what it says (RFC 8970).
    pub preview: String,
    /// Whether a file comes with it.
    pub attachments: Attachments,
}

/// Whether a file comes with a letter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Attachments {
    /// None does.
    #[default]
    None,
    /// At least one.
    Some,
}

/// What a header says; of the letter that it belongs to nothing else is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeaderSummary {
    /// As in [`Summary`].
    pub sent: Option<SentDate>,
    /// As in [`Summary`].
    pub envelope: Envelope,
    /// As in [`Summary`].
    pub id: Option<MessageId>,
    /// As in [`Summary`].
    pub references: Vec<MessageId>,
    /// As in [`Summary`].
    pub subject: BaseSubject,
}

impl HeaderSummary {
    /// Of a header, or of a letter: what follows the first empty line isn't looked at.
    pub fn of(header: &[u8]) -> Self {
        let mut ids = ids::Fields::default();
        let fields = header::fields(header).inspect(|field| ids.see(field));
        let envelope = Envelope::of_fields(fields, &mut { limits::ADDRESSES_MAX });
        Self {
            sent: envelope.date.as_deref().and_then(SentDate::parse),
            id: ids.message_id.and_then(MessageId::of_field),
            references: ids.references(),
            subject: BaseSubject::of(envelope.subject.as_deref().unwrap_or_default()),
            envelope,
        }
    }
}

impl Summary {
    /// Of a whole letter.
    pub fn of(letter: &[u8]) -> Self {
        let structure = Part::of(letter);
        let header = letter.get(structure.header.clone()).unwrap_or_default();
        let HeaderSummary { sent, envelope, id, references, subject } = HeaderSummary::of(header);
        Self {
            octets: wire::octets(header) + structure.octets,
            sent,
            envelope,
            id,
            references,
            subject,
            preview: structure.preview(letter),
            attachments: attachments(&structure),
            structure,
        }
    }
}

fn attachments(part: &Part) -> Attachments {
    if part.files().is_empty() { Attachments::None } else { Attachments::Some }
}

impl Part {
    /// The files that come with a letter: what says that it is one, or what has a name or isn't text and isn't shown within
    /// the letter.
    pub fn files(&self) -> Vec<&Self> {
        let mut found = Vec::new();
        self.add_files(&mut found);
        found
    }

    /// Nests are bounded (`limits::DEPTH_MAX`).
    fn add_files<'p>(&'p self, found: &mut Vec<&'p Self>) {
        let is_kind = |kind: &str| self.kind.eq_ignore_ascii_case(kind.as_bytes());
        let disposition = self.disposition.as_ref().map(|disposition| &*disposition.kind);
        let is_disposed =
            |kind: &[u8]| disposition.is_some_and(|own| own.eq_ignore_ascii_case(kind));
        let is_file = match &self.content {
            _ if is_disposed(b"attachment") => true,
            // Pictures within a page are not files; nor are signatures, nor what reports and ciphers are made of.
            Body::Multipart(parts) => {
                let some = match &*self.subtype.to_ascii_lowercase() {
                    b"related" | b"signed" => parts.get(..1),
                    b"alternative" | b"report" | b"encrypted" => None,
                    _ => Some(&parts[..]),
                };
                some.into_iter().flatten().for_each(|part| part.add_files(found));
                false
            }
            Body::Message { .. } => true,
            Body::Text(_) => !is_disposed(b"inline") && self.file_name().is_some(),
            Body::Other => !(is_disposed(b"inline") && is_kind("image")),
        };
        if is_file {
            found.push(self);
        }
    }

    /// The names of all parts that have one, messages' that are enclosed, too.
    pub fn file_names(&self) -> Vec<String> {
        let mut names = Vec::new();
        self.add_names(&mut names);
        names
    }

    /// Nests are bounded, as above.
    fn add_names(&self, names: &mut Vec<String>) {
        names.extend(self.file_name());
        match &self.content {
            Body::Multipart(parts) => parts.iter().for_each(|part| part.add_names(names)),
            Body::Message { message, .. } => message.add_names(names),
            Body::Text(_) | Body::Other => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_letter() {
        let letter = "Date: Mon, 1 Jan 2024 00:00:00 +0100\nSubject: Re: [x] over\nMessage-ID: <a@b>\n\
            References: <c@d>\n\nHello\nyou\n";
        let summary = Summary::of(letter.as_bytes());
        assert_eq!(summary.octets, letter.len() as u64 + 7);
        assert_eq!(summary.sent.map(|sent| sent.seconds), Some(1_704_063_600));
        assert_eq!(summary.subject.text, "over");
        assert_eq!(summary.id, MessageId::of_field(b"<a@b>"));
        assert_eq!(summary.references.len(), 1);
        assert_eq!(summary.preview, "Hello you");
        assert_eq!(summary.attachments, Attachments::None);
        assert_eq!(summary.structure, Part::of(letter.as_bytes()));
        let wire = letter.replace('\n', "\r\n");
        assert_eq!(Summary::of(wire.as_bytes()).octets, wire.len() as u64);
        let header = HeaderSummary::of(letter.as_bytes());
        assert_eq!((header.envelope, header.id), (summary.envelope, summary.id));
    }

    #[test]
    fn files() {
        let multipart = |subtype: &str, parts: &[&str]| {
            let parts: Vec<_> = parts.iter().map(|part| format!("--b\n{part}\n\nx\n")).collect();
            format!("Content-Type: multipart/{subtype}; boundary=b\n\n{}--b--\n", parts.concat())
        };
        let pdf = "Content-Type: application/pdf";
        let image = "Content-Type: image/png\nContent-Disposition: inline";
        for (letter, has_some) in [
            ("A: b\n\nx".to_owned(), false),
            (format!("{pdf}\n\nx"), true),
            (multipart("mixed", &["", pdf]), true),
            (multipart("mixed", &["", image]), false),
            (multipart("related", &["", "Content-Type: image/png"]), false),
            (multipart("alternative", &["", "Content-Type: text/calendar; name=x"]), false),
            (multipart("signed", &["", "Content-Type: application/pgp-signature"]), false),
            (multipart("mixed", &["", "Content-Disposition: attachment"]), true),
            (multipart("mixed", &["", "Content-Type: text/plain; name=a.txt"]), true),
            (multipart("mixed", &["", "Content-Type: message/rfc822"]), true),
        ] {
            let expected = if has_some { Attachments::Some } else { Attachments::None };
            assert_eq!(Summary::of(letter.as_bytes()).attachments, expected, "{letter}");
        }
    }
}
