//! The envelope: who sends to whom, and what was asked for on the way (RFC 5321 §2.3.1).
//!
//! The DSN parameters are RFC 3461's, BODY is RFC 6152's and RFC 3030's, SMTPUTF8 RFC 6531's.

use crate::address::{Address, ReversePath};

/// What MAIL and RCPT said; the header fields of the message play no part in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Where failures go.
    pub reverse_path: ReversePath,
    /// Where the message goes; never empty in an envelope that was accepted.
    pub recipients: Vec<Recipient>,
    /// BODY=, what the content is.
    pub body: Body,
    /// SMTPUTF8: addresses or header fields hold UTF-8.
    pub utf8: Utf8,
    /// RET=, how much of the message a failure notice returns; `None` where it wasn't said.
    pub ret: Option<Ret>,
    /// ENVID=, the sender's own name for this message, decoded from xtext (RFC 3461 §4.4).
    pub envid: Option<String>,
}

impl Envelope {
    /// An envelope with nothing but paths.
    pub fn new(reverse_path: ReversePath, recipients: Vec<Recipient>) -> Self {
        Self {
            reverse_path,
            recipients,
            body: Body::default(),
            utf8: Utf8::default(),
            ret: None,
            envid: None,
        }
    }
}

/// One recipient, as RCPT named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// The forward-path; the bare postmaster has been given its domain by then.
    pub address: Address,
    /// NOTIFY= (RFC 3461 §4.1).
    pub notify: Notify,
    /// ORCPT=, the original recipient as `type;address`, decoded from xtext (RFC 3461 §4.2).
    pub orcpt: Option<String>,
}

impl Recipient {
    /// A recipient with no DSN parameters.
    pub fn new(address: Address) -> Self {
        Self { address, notify: Notify::default(), orcpt: None }
    }

    /// Another one that gets what is sent to this one, in its place. RFC 3461 §5.2.1 (d): an ORCPT that is added holds
    /// the address of RCPT, so notices name the address that the sender wrote.
    #[must_use]
    pub fn handed_on_to(&self, address: Address) -> Self {
        let kind = if self.address.is_ascii() { "rfc822" } else { "utf-8" }; // RFC 6533 §3
        let orcpt = self.orcpt.clone().unwrap_or_else(|| format!("{kind};{}", self.address));
        Self { address, notify: self.notify, orcpt: Some(orcpt) }
    }

    /// The same but for NOTIFY=SUCCESS, which somebody else has reported (RFC 3461 §5.2.7.3 (c)).
    #[must_use]
    pub fn without_success(self) -> Self {
        Self { notify: self.notify.without_success(), ..self }
    }
}

/// What the content is (RFC 6152, RFC 3030).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Body {
    /// BODY=7BIT, or nothing said.
    #[default]
    SevenBit,
    /// BODY=8BITMIME.
    EightBitMime,
}

/// Whether the message is internationalised (RFC 6531).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Utf8 {
    /// Addresses and header fields are ASCII.
    #[default]
    Ascii,
    /// SMTPUTF8 was said: the next hop has to know it too.
    SmtpUtf8,
}

/// How much of the message a failure notice returns (RFC 3461 §4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ret {
    /// RET=FULL.
    Full,
    /// RET=HDRS.
    Headers,
}

/// When the sender wants to be told (RFC 3461 §4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Notify {
    /// Nothing said: failures, and delays as the server likes.
    #[default]
    Unsaid,
    /// NOTIFY=NEVER.
    Never,
    /// NOTIFY= with at least one of these.
    On {
        /// SUCCESS
        success: Wanted,
        /// FAILURE
        failure: Wanted,
        /// DELAY
        delay: Wanted,
    },
}

/// Whether one kind of notice was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wanted {
    /// Not named.
    No,
    /// Named.
    Yes,
}

impl Notify {
    /// Whether a failure is reported: yes unless the sender said otherwise (RFC 3461 §4.1).
    pub fn failure(self) -> Wanted {
        match self {
            Self::Unsaid => Wanted::Yes,
            Self::Never => Wanted::No,
            Self::On { failure, .. } => failure,
        }
    }

    /// Whether a delay is reported; where nothing was said, a server may (RFC 3461 §4.1).
    pub fn delay(self) -> Wanted {
        match self {
            Self::Unsaid => Wanted::Yes,
            Self::Never => Wanted::No,
            Self::On { delay, .. } => delay,
        }
    }

    /// Whether success is reported: only where it was asked for.
    pub fn success(self) -> Wanted {
        match self {
            Self::Unsaid | Self::Never => Wanted::No,
            Self::On { success, .. } => success,
        }
    }

    /// The same but for success, which somebody else has reported (RFC 3461 §5.2.7.3 (c)).
    #[must_use]
    pub fn without_success(self) -> Self {
        match self {
            // To ask for nothing is to say NEVER: to say nothing would ask for failures.
            Self::On { failure: Wanted::No, delay: Wanted::No, .. } => Self::Never,
            Self::On { failure, delay, .. } => Self::On { success: Wanted::No, failure, delay },
            Self::Unsaid | Self::Never => self,
        }
    }
}
