//! Each line that the access agent logs. ERROR: an operator must act; WARN: odd, and dealt with; INFO:
//! who came and went; DEBUG: the rest. Never a password; names from outside are escaped by the log.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::OnceLock;

use postroad_accounts::UserName;
use postroad_net::Peer;
use postroad_net::confine::Confined;
use postroad_net::slots::Full;
use postroad_store::Maildir;

use crate::Door;
use crate::front::live::Later;
use crate::handover::Handover;
use crate::pop3::{MaildropError, Tally};
use crate::rules::store::StoreError;

/// Whose process this is: a worker has one user, and nobody needs to tell each event.
static USER: OnceLock<String> = OnceLock::new();

/// This process is a worker of that user.
pub(crate) fn are_of(user: &str) {
    // It is told once.
    let _ = USER.set(user.to_owned());
}

fn of() -> Option<&'static str> {
    USER.get().map(String::as_str)
}

pub(crate) fn listening(door: Door, address: Option<SocketAddr>) {
    let address = address.map(|address| address.to_string());
    tracing::info!(service = door.name(), address, "listening");
}

pub(crate) fn not_indexed(error: &dyn Error) {
    tracing::warn!(user = of(), error = %Chain(error), "texts of letters can't be indexed now: searches read letters that aren't yet");
}

pub(crate) fn index_damaged(folder: &Maildir) {
    tracing::warn!(folder = %folder.root().display(), "an index of texts was damaged; it was removed, and is made anew");
}

pub(crate) fn no_certificate() {
    tracing::warn!(
        "there is no certificate: IMAPS, POP3S and settings for mail programs are not served, STARTTLS and STLS are not offered"
    );
}

pub(crate) fn reloaded(later: &Later) {
    let Later { restart, next_process } = later;
    let next_process = listed(next_process);
    match listed(restart) {
        None => {
            tracing::info!(next_process, "settings, certificate, users and aliases read again");
        }
        Some(restart) => tracing::warn!(
            restart,
            next_process,
            "settings, certificate, users and aliases read again; some count after a restart"
        ),
    }
}

fn listed(keys: &[String]) -> Option<String> {
    (!keys.is_empty()).then(|| keys.join(", "))
}

pub(crate) fn reload_failed(error: &dyn Error) {
    tracing::error!(error = %Chain(error), "settings, certificate, users and aliases can't be read again, the old ones stay");
}

pub(crate) fn no_control(error: &dyn Error) {
    tracing::error!(error = %Chain(error), "nobody can ask this agent over a socket (postroad reload); SIGHUP reaches it");
}

pub(crate) fn control_failed(error: &dyn Error) {
    tracing::debug!(error = %Chain(error), "control connection ended");
}

/// The error with all its causes.
pub(crate) fn chain(error: &dyn Error) -> String {
    Chain(error).to_string()
}

pub(crate) fn no_place(door: Door, peer: Peer, full: Full) {
    tracing::warn!(service = door.name(), client = %peer, reason = %full, "connection turned away");
}

pub(crate) fn drain_incomplete(sessions: usize) {
    tracing::warn!(sessions, "sessions were cut off: they did not end in time");
}

pub(crate) fn logged_in(session: &Handover, user: &str, messages: Option<usize>) {
    let Handover { door, peer, tls, .. } = session;
    tracing::info!(service = door.name(), client = peer, tls, user, messages, "logged in");
}

/// The worker says it too, with what it opened; how somebody has shown who they are is known here alone.
pub(crate) fn let_in(door: Door, peer: Peer, user: &UserName, by: &postroad_logins::By) {
    let (service, user) = (door.name(), user.as_str());
    tracing::info!(service, client = %peer, user, by = %by, "let in");
}

pub(crate) fn login_refused(door: Door, peer: Peer, name: &str, refusal: postroad_logins::Refusal) {
    use postroad_logins::Refusal;
    let service = door.name();
    match refusal {
        Refusal::Wrong => tracing::warn!(service, client = %peer, name, "login failed"),
        Refusal::Banned => {
            tracing::warn!(service, client = %peer, name, "login not looked at, its network is banned");
        }
        Refusal::Unavailable => {
            tracing::error!(service, client = %peer, name, "login can't be checked");
        }
    }
}

pub(crate) fn maildrop_in_use(peer: &str, user: &str) {
    tracing::info!(client = peer, user, "login refused, another session has the maildrop open");
}

pub(crate) fn maildrop_failed(user: &str, error: &MaildropError) {
    tracing::error!(user, error = %Chain(error), "maildrop can't be used");
}

pub(crate) fn logged_out(peer: &str, user: &str, tally: &Tally) {
    let Tally { retrieved, deleted } = tally;
    tracing::info!(client = peer, user, retrieved, deleted, "logged out");
}

pub(crate) fn connection_lost(door: Door, peer: impl fmt::Display, error: &io::Error) {
    tracing::debug!(service = door.name(), client = %peer, error = %error, "connection lost");
}

pub(crate) fn request_failed(door: Door, peer: Peer, error: &dyn Error) {
    tracing::debug!(service = door.name(), client = %peer, error = %Chain(error), "request failed");
}

pub(crate) fn request_too_slow(door: Door, peer: Peer) {
    tracing::debug!(service = door.name(), client = %peer, "request took too long");
}

pub(crate) fn handshake_failed(door: Door, peer: Peer, error: &io::Error) {
    // Who only looks whether the port is open (`postroad status`, a load balancer) leaves in the middle of it.
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => {
            tracing::debug!(service = door.name(), client = %peer, error = %error, "TLS handshake abandoned");
        }
        _ => {
            tracing::info!(service = door.name(), client = %peer, error = %error, "TLS handshake failed");
        }
    }
}

pub(crate) fn worker_started(user: &str, confined: &Confined) {
    match confined {
        Confined::Whole => tracing::debug!(user, "worker started, confined to the mailbox"),
        Confined::InPart => {
            tracing::info!(
                user,
                "worker started, confined to the mailbox as far as this kernel can"
            );
        }
        Confined::NotByThisKernel => {
            tracing::warn!(user, "worker started, not confined to the mailbox: the kernel can't");
        }
        Confined::Refused(error) => {
            tracing::warn!(user, error = %Chain(error), "worker started, not confined to the mailbox");
        }
    }
}

pub(crate) fn mailbox_not_made(user: &str, error: &io::Error) {
    tracing::error!(user, error = %Chain(error), "the mailbox can't be made");
}

pub(crate) fn no_journal(user: &str, error: &io::Error) {
    tracing::error!(user, error = %Chain(error), "the trace folder can't be opened, nothing is traced");
}

pub(crate) fn connection_unusable(user: &str, error: &io::Error) {
    tracing::error!(user, error = %Chain(error), "a connection can't be used");
}

pub(crate) fn rules_not_prepared(user: &UserName, error: &StoreError) {
    tracing::error!(user = %user, error = %Chain(error), "the user's rules can't be managed");
}

pub(crate) fn rules_failed(user: &str, error: &StoreError) {
    tracing::error!(user, error = %Chain(error), "the user's rules can't be changed or read");
}

pub(crate) fn worker_not_started(user: &UserName, error: &io::Error) {
    tracing::error!(user = %user, error = %Chain(error), "no worker can be started");
}

pub(crate) fn worker_unreachable(user: &UserName, error: &io::Error) {
    tracing::error!(user = %user, error = %Chain(error), "a session can't be handed to its worker");
}

pub(crate) fn worker_died(user: &UserName, status: io::Result<ExitStatus>, sessions: usize) {
    let status = match status {
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    };
    tracing::error!(user = %user, status, sessions, "a worker has died, and its sessions with it");
}

pub(crate) fn worker_killed(user: &UserName) {
    tracing::error!(user = %user, "a worker was killed: it did not end in time");
}

/// Nobody but the user can end it, and root.
pub(crate) fn worker_not_killed(user: &UserName, pid: Option<u32>, error: &io::Error) {
    tracing::error!(user = %user, pid, error = %Chain(error), "a worker did not end in time, and is the user's own: kill it by hand");
}

/// A worker that runs as a user of the host gave us what only somebody else would.
pub(crate) fn worker_not_believed(user: &UserName) {
    tracing::error!(user = %user, "a worker gave away a descriptor that it has no business with, and is let go of");
}

/// A line of a worker that runs as a user of the host, or of `postroad-as`: the user could write it, too.
pub(crate) fn said_by_user(user: &UserName, line: &str) {
    // "TIME LEVEL text", as our own text log has it.
    let mut words = line.splitn(3, ' ');
    let (_time, level, rest) = (words.next(), words.next(), words.next().unwrap_or_default());
    let (user, text) = (user.as_str(), "said by the user's own process");
    match level {
        Some("ERROR") => tracing::error!(user, said = rest, "{text}"),
        Some("INFO") => tracing::info!(user, said = rest, "{text}"),
        Some("DEBUG" | "TRACE") => tracing::debug!(user, said = rest, "{text}"),
        Some("WARN") => tracing::warn!(user, said = rest, "{text}"),
        Some(_) | None => tracing::warn!(user, said = line, "{text}"),
    }
}

pub(crate) fn too_many_workers(user: &UserName, workers: usize) {
    tracing::warn!(user = %user, workers, "login refused, there are too many users (maa.users_max)");
}

pub(crate) fn too_many_sessions(user: &UserName, sessions: usize) {
    tracing::warn!(user = %user, sessions, "login refused, the user has too many sessions (maa.sessions_per_user_max)");
}

/// An error with all its causes on one line.
struct Chain<'a>(&'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

pub(crate) fn not_resumed(user: &str, why: &dyn fmt::Debug) {
    tracing::warn!(
        user,
        ?why,
        "a session that was parked can't go on, its client has to log in again"
    );
}

pub(crate) fn parked(user: &UserName, sessions: usize) {
    tracing::debug!(user = user.as_str(), sessions, "all sessions rest, the user's process ends");
}

pub(crate) fn imap_logged_out(peer: &str, user: &str) {
    tracing::info!(client = peer, user, "logged out");
}

pub(crate) fn mailbox_failed(error: &dyn Error) {
    tracing::error!(user = of(), error = %Chain(error), "mailbox can't be used");
}

pub(crate) fn numbers_lost(user: &str, mailbox: &Path) {
    tracing::warn!(user, mailbox = %mailbox.display(), "a mailbox has another UIDVALIDITY than clients were told, as one that was put back from elsewhere: they fetch its letters again");
}

pub(crate) fn mailbox_replaced(user: &str, maildir: &Path) {
    tracing::warn!(user, maildir = %maildir.display(), "the mailbox is another directory now, sessions in the old one end");
}

pub(crate) fn quota_unknown(mailbox: &Path, error: &dyn Error) {
    tracing::warn!(user = of(), mailbox = %mailbox.display(), error = %Chain(error), "cannot tell what a mailbox holds, letters are not counted");
}

pub(crate) fn letter_unreadable(error: &dyn Error) {
    tracing::error!(user = of(), error = %Chain(error), "letter can't be read");
}
