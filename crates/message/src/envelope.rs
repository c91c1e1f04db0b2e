//! Who wrote to whom, when, about what: the fields that a list of letters shows (RFC 9051 §2.3.5).

use postroad_protocol::header;

use crate::Address;
use crate::address::read_list;
use crate::lexical::unfold;
use crate::limits;

/// The envelope in IMAP's sense, which is a summary of the header.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Envelope {
    /// `Date`, as it was written.
    pub date: Option<Vec<u8>>,
    /// `Subject`, unfolded, its encoded words as they are.
    pub subject: Option<Vec<u8>>,
    /// `From`.
    pub from: Vec<Address>,
    /// `Sender`; the same as `from` where there is none.
    pub sender: Vec<Address>,
    /// `Reply-To`; the same as `from` where there is none.
    pub reply_to: Vec<Address>,
    /// `To`.
    pub to: Vec<Address>,
    /// `Cc`.
    pub cc: Vec<Address>,
    /// `Bcc`.
    pub bcc: Vec<Address>,
    /// `In-Reply-To`, unfolded.
    pub in_reply_to: Option<Vec<u8>>,
    /// `Message-ID`, in its angle brackets.
    pub message_id: Option<Vec<u8>>,
}

impl Envelope {
    /// The envelope of a header, or of a letter: what follows the first empty line isn't looked at.
    pub fn of(header: &[u8]) -> Self {
        Self::within(header, &mut { limits::ADDRESSES_MAX })
    }

    /// With so many addresses at most; they are counted down.
    pub(crate) fn within(header: &[u8], addresses: &mut usize) -> Self {
        Self::of_fields(header::fields(header), addresses)
    }

    pub(crate) fn of_fields<'f>(
        fields: impl Iterator<Item = header::Field<'f>>,
        addresses: &mut usize,
    ) -> Self {
        let mut envelope = Self::default();
        for field in fields {
            // Most fields are none of ours: a look at the length first.
            if !matches!(field.name.len(), 2..=4 | 6..=8 | 10 | 11) {
                continue;
            }
            envelope.add(&field, addresses);
        }
        // RFC 9051 §7.5.2: Sender and Reply-To are the same as From where they are absent or empty.
        if envelope.sender.is_empty() {
            envelope.sender.clone_from(&envelope.from);
        }
        if envelope.reply_to.is_empty() {
            envelope.reply_to.clone_from(&envelope.from);
        }
        envelope
    }

    fn add(&mut self, field: &header::Field<'_>, addresses: &mut usize) {
        if let Some(list) = self.list(field) {
            let before = list.len();
            read_list(field.raw_value, before + *addresses, list);
            *addresses = addresses.saturating_sub(list.len() - before);
        } else if let Some(text) = self.text(field) {
            // RFC 5322 §4.5: two of these are not foreseen. The first one counts, as it does everywhere here.
            text.get_or_insert_with(|| unfold(field.raw_value).into_owned());
        }
    }

    /// RFC 5322 §4.5.3: several fields of addresses are one.
    fn list(&mut self, field: &header::Field<'_>) -> Option<&mut Vec<Address>> {
        Some(match field.name.len() {
            2 if field.is("To") => &mut self.to,
            2 if field.is("Cc") => &mut self.cc,
            3 if field.is("Bcc") => &mut self.bcc,
            4 if field.is("From") => &mut self.from,
            6 if field.is("Sender") => &mut self.sender,
            8 if field.is("Reply-To") => &mut self.reply_to,
            _ => return None,
        })
    }

    fn text(&mut self, field: &header::Field<'_>) -> Option<&mut Option<Vec<u8>>> {
        Some(match field.name.len() {
            4 if field.is("Date") => &mut self.date,
            7 if field.is("Subject") => &mut self.subject,
            10 if field.is("Message-ID") => &mut self.message_id,
            11 if field.is("In-Reply-To") => &mut self.in_reply_to,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(name: Option<&str>, mailbox: &str, host: &str) -> Address {
        Address {
            name: name.map(Into::into),
            route: None,
            mailbox: Some(mailbox.into()),
            host: Some(host.into()),
        }
    }

    #[test] // Tests RFC 9051 §8: the letter there.
    fn sample() {
        let header = b"Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n\
            From: Terry Gray <gray@cac.washington.edu>\r\n\
            Subject: IMAP4rev2 WG mtg summary and minutes\r\n\
            To: imap@cac.washington.edu\r\n\
            cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\n\
            Message-Id: <B27397-0100000@cac.washington.edu>\r\n\
            MIME-Version: 1.0\r\n\
            Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n\r\nSubject: body\r\n";
        let gray = vec![address(Some("Terry Gray"), "gray", "cac.washington.edu")];
        let expected = Envelope {
            date: Some(b"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)".to_vec()),
            subject: Some(b"IMAP4rev2 WG mtg summary and minutes".to_vec()),
            from: gray.clone(),
            sender: gray.clone(),
            reply_to: gray,
            to: vec![address(None, "imap", "cac.washington.edu")],
            cc: vec![
                address(None, "minutes", "CNRI.Reston.VA.US"),
                address(Some("John Klensin"), "KLENSIN", "MIT.EDU"),
            ],
            bcc: vec![],
            in_reply_to: None,
            message_id: Some(b"<B27397-0100000@cac.washington.edu>".to_vec()),
        };
        assert_eq!(Envelope::of(header), expected);
    }

    #[test] // Tests RFC 9051 §7.5.2 and RFC 5322 §4.5.
    fn defaults_and_doubles() {
        let header =
            b"Subject:\nSubject: two\nFrom: a@b.example\nSender: \nReply-To : c@d.example\n\
            To: e@f.example\nTo: g@h.example\nDate:\n Mon,\n\t1 Jan 2024 00:00:00 +0000\n";
        let envelope = Envelope::of(header);
        assert_eq!(envelope.subject, Some(vec![]), "present but empty");
        assert_eq!(envelope.in_reply_to, None);
        assert_eq!(envelope.date.as_deref(), Some(&b"Mon,\t1 Jan 2024 00:00:00 +0000"[..]));
        assert_eq!(envelope.sender, envelope.from);
        assert_eq!(envelope.reply_to, [address(None, "c", "d.example")]);
        assert_eq!(envelope.to, [address(None, "e", "f.example"), address(None, "g", "h.example")]);
    }
}
