//! The words between the machine and its shell: steps, questions, answers.

use std::time::Duration;

use crate::command::{ClientName, Mail, Rcpt};
use crate::reply::Reply;
use crate::sasl::{Attempt, Challenge};

/// What the shell does next.
#[derive(Debug, PartialEq)]
pub enum Step<'a> {
    /// Write the output, then read.
    NeedInput,
    /// Decide and answer.
    Ask(Question),
    /// The next octets of the message, unstuffed.
    Content(&'a [u8]),
    /// The content so far belongs to no message any more; the reply that the client got for it, or
    /// `None` where the client itself gave it up.
    Discard(Option<Reply>),
    /// Wait before going on.
    Pause(Duration),
    /// Write the output, shake hands, call [`super::Server::tls_started`].
    StartTls,
    /// Write the output and close.
    Close,
}

/// What policy decides.
#[derive(Debug, Clone, PartialEq)]
pub enum Question {
    /// May this sender open a transaction? [`Answer::Yes`] or [`Answer::No`].
    Sender(Mail),
    /// Is this recipient taken? [`Answer::Yes`] or [`Answer::No`].
    Recipient(Rcpt),
    /// Is that who it says? [`Answer::Yes`], [`Answer::No`], or [`Answer::Challenge`].
    Login(Attempt),
    /// Content of [`super::Server::transaction`] is about to come; is it welcome? [`Answer::Yes`] or
    /// [`Answer::No`].
    Data,
    /// The content is complete: take responsibility for the message. [`Answer::Stored`],
    /// [`Answer::Next`] or [`Answer::No`].
    Message(Transaction),
}

/// What policy decided.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Yes; the machine knows what to say.
    Yes,
    /// No, with this reply (4xx or 5xx).
    No(Reply),
    /// The login goes on with this.
    Challenge(Challenge),
    /// The message is ours now, with this reply (250).
    Stored(Reply),
    /// LMTP: the reply for the next recipient, in the order of the transaction (RFC 2033 §4.2). The question stays
    /// until each has one: what is known can be written meanwhile.
    Next(Reply),
}

/// Sender and recipients, from MAIL to the end of the content.
#[derive(Debug, Clone, PartialEq)]
pub struct Transaction {
    /// MAIL as it was accepted.
    pub mail: Mail,
    /// Each RCPT that was accepted.
    pub recipients: Vec<Rcpt>,
}

/// How the client introduced itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// The name that it gave: a claim.
    pub name: ClientName,
    /// By which command.
    pub kind: HelloKind,
}

/// By which command a client introduced itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HelloKind {
    /// HELO: no extensions.
    Helo,
    /// EHLO.
    Ehlo,
    /// LHLO.
    Lhlo,
}
