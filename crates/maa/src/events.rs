//! Each line that the access agent logs. ERROR: an operator must act; WARN: odd, and dealt with; INFO:
//! who came and went; DEBUG: the rest. Never a password; names from outside are escaped by the log.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;

use postroad_accounts::UserName;
use postroad_net::Peer;
use postroad_net::io::TlsInfo;
use postroad_net::slots::Full;

use crate::Door;
use crate::maildrop::MaildropError;
use crate::session::Tally;

pub(crate) fn listening(door: Door, address: Option<SocketAddr>) {
    let address = address.map(|address| address.to_string());
    tracing::info!(service = door.name(), address, "listening");
}

pub(crate) fn no_certificate() {
    tracing::warn!("there is no certificate: POP3S is not served and STLS is not offered");
}

pub(crate) fn reloaded() {
    tracing::info!("certificate, users and aliases read again");
}

pub(crate) fn reload_failed(error: &dyn Error) {
    tracing::error!(error = %Chain(error), "certificate, users and aliases can't be read again, the old ones stay");
}

pub(crate) fn no_place(door: Door, peer: Peer, full: Full) {
    tracing::warn!(service = door.name(), client = %peer, reason = %full, "connection turned away");
}

pub(crate) fn drain_incomplete(sessions: usize) {
    tracing::warn!(sessions, "sessions were cut off: they did not end in time");
}

pub(crate) fn logged_in(
    door: Door,
    peer: Peer,
    tls: Option<&TlsInfo>,
    user: &UserName,
    messages: usize,
) {
    let tls = tls.map(ToString::to_string);
    tracing::info!(service = door.name(), client = %peer, tls, user = %user, messages, "logged in");
}

pub(crate) fn login_failed(door: Door, peer: Peer, name: &str) {
    tracing::warn!(service = door.name(), client = %peer, name, "login failed");
}

pub(crate) fn maildrop_in_use(peer: Peer, user: &UserName) {
    tracing::info!(client = %peer, user = %user, "login refused, another session has the maildrop open");
}

pub(crate) fn maildrop_failed(user: &UserName, error: &MaildropError) {
    tracing::error!(user = %user, error = %Chain(error), "maildrop can't be used");
}

pub(crate) fn logged_out(peer: Peer, user: &UserName, tally: &Tally) {
    let Tally { retrieved, deleted } = tally;
    tracing::info!(client = %peer, user = %user, retrieved, deleted, "logged out");
}

pub(crate) fn connection_lost(door: Door, peer: Peer, error: &io::Error) {
    tracing::debug!(service = door.name(), client = %peer, error = %error, "connection lost");
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
