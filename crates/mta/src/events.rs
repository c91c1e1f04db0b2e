//! Every line that the MTA logs about mail, one function per event.
//!
//! Levels: ERROR: mail is lost or stuck and somebody must act. WARN: odd, we can live with it. INFO: what
//! became of mail. DEBUG: what became of connections. Texts from outside are escaped by the log itself.

use postroad_accounts::UserName;
use postroad_logins::{By, Refusal};
use postroad_net::Peer;
use postroad_net::slots::Full;
use postroad_observe::control::Edit;
use postroad_protocol::command::{Mail, Rcpt};
use postroad_protocol::envelope::Envelope;
use postroad_protocol::reply::Reply;
use postroad_queue::QueueId;
use tracing::{debug, error, info, warn};

use crate::inbound::Door;
use crate::inbound::incoming::Facts;
use crate::inbound::session::SessionError;

/// An error with all its causes on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

pub(crate) fn listening(door: Door, address: &str) {
    info!(service = door.name(), address, "listening");
}

pub(crate) fn no_certificate() {
    warn!(
        "no [tls] certificate is set: STARTTLS isn't offered and submissions (port 465) is closed"
    );
}

pub(crate) fn connected(peer: &Peer, door: Door) {
    debug!(client = %peer, service = door.name(), "connected");
}

pub(crate) fn disconnected(peer: &Peer, door: Door, error: Option<SessionError>) {
    match error {
        None | Some(SessionError::Gone) => {
            debug!(client = %peer, service = door.name(), "disconnected");
        }
        Some(error) => {
            let error = chain(&error);
            info!(client = %peer, service = door.name(), error, "connection lost");
        }
    }
}

pub(crate) fn turned_away(peer: &Peer, door: Door, full: Full) {
    warn!(client = %peer, service = door.name(), reason = %full, "turned away");
}

pub(crate) fn logged_in(peer: &Peer, door: Door, user: &UserName, by: &By) {
    let (service, user) = (door.name(), user.as_str());
    info!(client = %peer, service, user, by = %by, "logged in");
}

pub(crate) fn login_refused(peer: &Peer, door: Door, name: &str, refusal: Refusal) {
    let service = door.name();
    match refusal {
        Refusal::Wrong => warn!(client = %peer, service, user = name, "login failed"),
        Refusal::Banned => {
            warn!(client = %peer, service, user = name, "login not looked at, its network is banned");
        }
        Refusal::Unavailable => {
            error!(client = %peer, service, user = name, "login can't be checked");
        }
    }
}

pub(crate) fn sender_refused(peer: &Peer, door: Door, mail: &Mail, reply: &Reply) {
    info!(
        client = %peer,
        service = door.name(),
        from = %mail.reverse_path,
        reply = %reply,
        "sender refused"
    );
}

pub(crate) fn recipient_refused(peer: &Peer, door: Door, mail: &Mail, rcpt: &Rcpt, reply: &Reply) {
    info!(
        client = %peer,
        service = door.name(),
        from = %mail.reverse_path,
        to = %rcpt.forward_path,
        reply = %reply,
        "recipient refused"
    );
}

pub(crate) fn accepted(
    id: QueueId,
    peer: &Peer,
    door: Door,
    facts: &Facts,
    envelope: &Envelope,
    octets: u64,
) {
    info!(
        queue_id = %id,
        client = %peer,
        service = door.name(),
        message_id = facts.message_id.as_deref().unwrap_or_default(),
        from = %envelope.reverse_path,
        recipients = envelope.recipients.len(),
        size = octets,
        "accepted"
    );
}

pub(crate) fn message_refused(
    id: Option<QueueId>,
    peer: &Peer,
    door: Door,
    facts: &Facts,
    reply: &Reply,
) {
    let queue_id = id.map(|id| id.to_string()).unwrap_or_default();
    info!(
        queue_id,
        client = %peer,
        service = door.name(),
        message_id = facts.message_id.as_deref().unwrap_or_default(),
        reply = %reply,
        "message refused"
    );
}

pub(crate) fn control_failed(error: &dyn std::error::Error) {
    let error = chain(error);
    debug!(error, "a connection to the control socket ended early");
}

pub(crate) fn partly_unread(error: &dyn std::error::Error) {
    let error = chain(error);
    tracing::error!(error, "a part of the queue cannot be read");
}

pub(crate) fn edited(edit: Edit, messages: u64) {
    let edit = match edit {
        Edit::Hold => "hold",
        Edit::Release => "release",
        Edit::Retry => "retry",
        Edit::Delete => "delete",
    };
    info!(edit, messages, "the operator changed the queue");
}

pub(crate) fn reload_failed(error: &dyn std::error::Error) {
    let error = chain(error);
    tracing::error!(error, "the settings could not be read again, the old ones stay");
}

pub(crate) fn reloaded(restart: &[String]) {
    match restart {
        [] => info!("settings, certificate, users and aliases read again"),
        keys => warn!(
            keys = keys.join(" "),
            "settings, certificate, users and aliases read again; these keys count after a restart"
        ),
    }
}

pub(crate) fn connections_capped(files: u64, connections: usize) {
    warn!(
        files,
        connections,
        "fewer connections than connections_max: this process may not open more files (LimitNOFILE, ulimit -n)"
    );
}

pub(crate) fn draining(sessions: usize) {
    info!(sessions, "stopping");
}
