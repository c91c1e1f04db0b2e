//! What a session is told before it begins.

use std::sync::Arc;

use crate::address::Domain;
use crate::sasl::Offer;

/// What a session is told before it begins.
#[derive(Debug, Clone)]
pub struct Settings {
    /// This host's name, in greeting and EHLO.
    pub hostname: Arc<str>,
    /// Which service it is.
    pub service: Service,
    /// Whether the connection is encrypted, or can be.
    pub tls: Tls,
    /// Who has to log in, and where.
    pub login: LoginRule,
    /// What AUTH offers beside PLAIN and LOGIN, where it is offered.
    pub offer: Offer,
    /// Octets of a message at most (RFC 1870).
    pub size_max: u64,
    /// Recipients of a transaction at most (RFC 5321 §4.5.3.1.8).
    pub recipients_max: usize,
    /// Whether senders can ask what becomes of their messages.
    pub dsn: Dsn,
    /// Whether errors and idle commands are counted.
    pub client: ClientLimits,
    /// Whose recipients are that have no domain; `None` refuses them. Deviates from RFC 5321 §4.1.2 because
    /// sendmail's local mailer names none by LMTP (`FEATURE(local_lmtp)`).
    pub bare_recipients: Option<Domain>,
}

/// Which service it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// SMTP between hosts (RFC 5321).
    Smtp,
    /// Submission by users (RFC 6409).
    Submission,
    /// Local delivery (RFC 2033).
    Lmtp,
}

/// Whether the connection is encrypted, or can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// It is clear text and stays so.
    Unavailable,
    /// STARTTLS is offered (RFC 3207).
    Offered,
    /// It is encrypted.
    Active,
}

/// Who has to log in, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginRule {
    /// AUTH isn't offered.
    NotOffered,
    /// MAIL needs a login (RFC 6409 §4.3), and AUTH is offered inside TLS alone.
    RequiredInTls,
    /// MAIL needs a login, and AUTH is offered in clear text too.
    Required,
}

/// Whether DSN is offered (RFC 3461): a client that hands over what a sender asked leaves the answer to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dsn {
    /// It is.
    Offered,
    /// It isn't, and its parameters are refused: nothing here sends notices.
    Absent,
}

/// Whether a client's errors and idle commands are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientLimits {
    /// They are.
    Apply,
    /// The client is this host or in a listed network.
    Exempt,
}
