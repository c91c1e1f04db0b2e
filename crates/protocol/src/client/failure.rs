//! Why a session ended early, and the reply that stands for it in queue, log and notice.

use std::time::Duration;

use super::reply_parser::ReplyError;
use crate::limits;
use crate::reply::{Reply, Severity};

/// Which reply was waited for (or what was being sent).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// 220 of the connection.
    Greeting,
    /// EHLO, LHLO or HELO.
    Hello,
    /// STARTTLS.
    StartTls,
    /// The TLS handshake.
    Handshake,
    /// AUTH.
    Auth,
    /// Between transactions.
    Idle,
    /// RSET.
    Reset,
    /// MAIL.
    Mail,
    /// RCPT.
    Rcpt,
    /// DATA.
    Data,
    /// The message.
    Content,
    /// The reply behind the final dot: from here on the peer may have the message (RFC 1047).
    DataEnd,
    /// QUIT.
    Quit,
}

impl Phase {
    /// How long the phase may take, for one reply or one block of data.
    pub(super) fn timeout(self) -> Duration {
        match self {
            Self::Greeting => limits::CLIENT_GREETING_TIMEOUT, // RFC 5321 §4.5.3.2.1
            Self::Mail => limits::CLIENT_MAIL_TIMEOUT,         // RFC 5321 §4.5.3.2.2
            Self::Rcpt => limits::CLIENT_RCPT_TIMEOUT,         // RFC 5321 §4.5.3.2.3
            Self::Data => limits::CLIENT_DATA_TIMEOUT,         // RFC 5321 §4.5.3.2.4
            Self::Content => limits::CLIENT_DATA_BLOCK_TIMEOUT, // RFC 5321 §4.5.3.2.5
            Self::DataEnd => limits::CLIENT_DATA_END_TIMEOUT,  // RFC 5321 §4.5.3.2.6
            Self::Handshake => limits::CLIENT_HANDSHAKE_TIMEOUT,
            Self::Hello | Self::StartTls | Self::Auth | Self::Idle | Self::Reset => {
                limits::CLIENT_COMMAND_TIMEOUT
            }
            Self::Quit => limits::CLIENT_QUIT_TIMEOUT,
        }
    }

    /// As in "the next hop closed the connection …".
    fn words(self) -> &'static str {
        match self {
            Self::Greeting => "while we waited for its greeting",
            Self::Hello => "after EHLO",
            Self::StartTls => "after STARTTLS",
            Self::Handshake => "in the TLS handshake",
            Self::Auth => "after AUTH",
            Self::Idle => "between two messages",
            Self::Reset => "after RSET",
            Self::Mail => "after MAIL FROM",
            Self::Rcpt => "after RCPT TO",
            Self::Data => "after DATA",
            Self::Content => "while the message was sent",
            Self::DataEnd => "after the message, before it confirmed it",
            Self::Quit => "after QUIT",
        }
    }
}

/// Why a session ended early. All of these are temporary: the message stays in the queue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// What came was no reply.
    #[error("the next hop's answer {} is no SMTP reply: {error}", phase.words())]
    Malformed {
        /// When.
        phase: Phase,
        /// What is wrong with it.
        error: ReplyError,
    },
    /// The peer won't have us, or is closing (421).
    #[error("the next hop said {reply} {}", phase.words())]
    Refused {
        /// When.
        phase: Phase,
        /// Its words.
        reply: Reply,
    },
    /// The connection was closed.
    #[error("the next hop closed the connection {}", phase.words())]
    Closed {
        /// When.
        phase: Phase,
    },
    /// Nothing came in time.
    #[error("the next hop didn't answer in time {}", phase.words())]
    TimedOut {
        /// When.
        phase: Phase,
    },
    /// It kept answering, and the whole took too long.
    #[error("the next hop took too long in all; we gave up {}", phase.words())]
    Overdue {
        /// When.
        phase: Phase,
    },
    /// A reply that doesn't fit the command, or that nobody asked for.
    #[error("the next hop is out of step {}{}", phase.words(), said(reply.as_ref()))]
    OutOfStep {
        /// When.
        phase: Phase,
        /// The reply, where it was one.
        reply: Option<Reply>,
    },
    /// TLS is required and not offered.
    #[error("the next hop offers no STARTTLS, and this route requires TLS")]
    TlsNotOffered,
    /// Octets behind the 220 to STARTTLS that were sent in clear (row C05).
    #[error("the next hop sent something in clear behind its answer to STARTTLS")]
    TlsInjection,
    /// AUTH is wanted, and the connection is in clear.
    #[error("the next hop wants a password in clear, which we never send")]
    LoginNeedsTls,
    /// AUTH is wanted, and no mechanism of ours is offered.
    #[error("the next hop offers neither AUTH PLAIN nor AUTH LOGIN")]
    NoMechanism,
    /// It says yes, and hasn't shown that it knows the password.
    #[error("the next hop can't prove that it knows the password, somebody may be in between")]
    Unproven,
}

fn said(reply: Option<&Reply>) -> String {
    reply.map(|reply| format!(", it said {reply}")).unwrap_or_default()
}

impl Failure {
    /// The 4xx reply that stands for it: the peer's own where that is one. A 5xx to greeting, hello or
    /// login is about us, not about the message: a smart host's new password must not bounce the queue.
    pub fn reply(&self) -> Reply {
        let status = match self {
            Self::Refused { reply, .. } if reply.severity() == Severity::Temporary => {
                return reply.clone();
            }
            // RFC 3463 §3.4: 4.3.2 accepts no messages; §3.5: 4.4.2 bad connection, 4.5.0 protocol;
            // §3.8: 4.7.x security.
            Self::Refused { phase: Phase::StartTls | Phase::Auth, .. } => (4, 7, 0),
            Self::Refused { .. } => (4, 3, 2),
            Self::Closed { .. } | Self::TimedOut { .. } | Self::Overdue { .. } => (4, 4, 2),
            Self::Malformed { .. } | Self::OutOfStep { .. } => (4, 5, 0),
            Self::TlsNotOffered | Self::LoginNeedsTls | Self::NoMechanism => (4, 7, 4),
            Self::TlsInjection | Self::Unproven => (4, 7, 0),
        };
        Reply::new(451, status, self.to_string())
    }

    /// Whether the peer may have the message although it never said so: another host must not be tried
    /// at once, or the recipient gets it twice (RFC 1047).
    pub fn may_have_delivered(&self) -> bool {
        match self {
            Self::Malformed { phase, .. }
            | Self::Refused { phase, .. }
            | Self::Closed { phase }
            | Self::TimedOut { phase }
            | Self::Overdue { phase }
            | Self::OutOfStep { phase, .. } => *phase == Phase::DataEnd,
            Self::TlsNotOffered
            | Self::TlsInjection
            | Self::LoginNeedsTls
            | Self::NoMechanism
            | Self::Unproven => false,
        }
    }
}
