//! Who wrote to whom, when, about what: the fields that a list of letters shows (RFC 9051 §2.3.5).

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

/// One address, or the begin or end of a group (RFC 9051 §7.5.2, "address").
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Address {
    /// The display name without its quotes, its encoded words as they are.
    pub name: Option<Vec<u8>>,
    /// The source route (RFC 5322 §4.4, obs-route).
    pub route: Option<Vec<u8>>,
    /// The local part; a group's name where `host` is none; none at a group's end.
    pub mailbox: Option<Vec<u8>>,
    /// The domain; none at the begin and the end of a group.
    pub host: Option<Vec<u8>>,
}
