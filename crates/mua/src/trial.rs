//! Trying an account's servers: whether they let it in and, where they don't, which of name, port, TLS and password is
//! wrong.

use std::fmt;

use postroad_pop3::client::End;

use crate::account::Account;
use crate::connect::ConnectError;
use crate::error::words;
use crate::imap::ImapError;
use crate::mailbox::pop3::Pop3Error;
use crate::mailbox::{Mailbox, MailboxError};
use crate::submission::{Connection, SubmitError};

/// What a way to a server may fail at, in the order in which it is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nobody knows the host.
    Name,
    /// Nobody answers at the port.
    Port,
    /// It isn't encrypted, or the certificate isn't right.
    Tls,
    /// The server doesn't take user and password.
    Password,
    /// Anything behind that.
    Session,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "the server's name is wrong",
            Self::Port => "nobody answers at this port",
            Self::Tls => "the encryption isn't right",
            Self::Password => "user or password is wrong",
            Self::Session => "the server doesn't do what it should",
        })
    }
}

/// Why a server can't be used.
#[derive(Debug)]
pub(crate) struct Failed {
    /// What failed.
    pub(crate) step: Step,
    /// How, in the words of whoever noticed.
    pub(crate) words: String,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.step, self.words)
    }
}

/// Opens the inbox; gives how many letters there are.
///
/// # Errors
/// Where it can't be opened.
pub(crate) async fn reading(account: &Account) -> Result<usize, Failed> {
    let open = async {
        let mailbox = Mailbox::open(account).await?;
        let count = mailbox.len();
        mailbox.close().await?;
        Ok(count)
    };
    open.await.map_err(|error: MailboxError| Failed {
        step: match &error {
            MailboxError::Imap(error) => imap(error),
            MailboxError::Pop3(error) => pop3(error),
            _ => Step::Session,
        },
        words: words(&error),
    })
}

/// Logs in where letters leave.
///
/// # Errors
/// Where that fails.
pub(crate) async fn sending(account: &Account) -> Result<(), Failed> {
    match Connection::open(account).await {
        Ok(connection) => {
            connection.quit().await;
            Ok(())
        }
        Err(error) => {
            let step = match &error {
                SubmitError::Connect(error) => connect(error),
                SubmitError::Login { .. } => Step::Password,
                SubmitError::Session { problem, .. } => submission(problem),
            };
            Err(Failed { step, words: words(&error) })
        }
    }
}

fn connect(error: &ConnectError) -> Step {
    match error {
        ConnectError::HostName { .. } | ConnectError::Unknown { .. } => Step::Name,
        ConnectError::Connect { .. } => Step::Port,
        ConnectError::Tls(_) | ConnectError::Handshake { .. } => Step::Tls,
        ConnectError::Token(error) if error.may_pass() => Step::Session,
        ConnectError::Password(_) | ConnectError::Token(_) => Step::Password,
    }
}

fn imap(error: &ImapError) -> Step {
    match error {
        ImapError::Connect(error) => connect(error),
        ImapError::NoTls { .. } | ImapError::Injected { .. } => Step::Tls,
        ImapError::NoLogin
        | ImapError::Login { .. }
        | ImapError::NoMechanism { .. }
        | ImapError::Unproven { .. } => Step::Password,
        _ => Step::Session,
    }
}

fn pop3(error: &Pop3Error) -> Step {
    match error {
        Pop3Error::Connect(error) => connect(error),
        Pop3Error::NoLogin => Step::Password,
        Pop3Error::Ended { end: End::NoTls | End::ClearText, .. } => Step::Tls,
        Pop3Error::Ended { end: End::Login(_) | End::Credentials | End::NoMechanism, .. } => {
            Step::Password
        }
        _ => Step::Session,
    }
}

/// By the server's reply code (RFC 4954 §4, §6), which a session that ends for it quotes.
fn submission(problem: &str) -> Step {
    let said = problem.split_once(" said ").map_or(problem, |(_, said)| said);
    match said.get(..3) {
        Some("530" | "534" | "535" | "538") => Step::Password,
        _ => Step::Session,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_login_is_told_from_other_refusals() {
        for (problem, step) in [
            (
                "451 4.7.0 the next hop said 535 5.7.8 Name or password is wrong after AUTH",
                Step::Password,
            ),
            ("535 5.7.8 wrong", Step::Password),
            (
                "451 4.7.0 the next hop said 530 5.7.0 Authentication required after MAIL",
                Step::Password,
            ),
            ("451 4.4.2 the next hop said 421 4.3.2 shutting down after EHLO", Step::Session),
            ("", Step::Session),
        ] {
            assert_eq!(submission(problem), step, "{problem}");
        }
    }
}
