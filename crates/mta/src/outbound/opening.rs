//! From a place to an open session: the connection, TLS, and the terms of a route or of hosts that DNS names.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use postroad_config::{NextHop, RouteTls, Source};
use postroad_net::Io;
use postroad_protocol::client::{
    ClearTextLogin, Dialogue, Encryption, Login, Protocol, Settings, StartTls,
};
use postroad_protocol::limits::CLIENT_CONNECT_TIMEOUT;
use postroad_protocol::reply::Reply;
use rustls::pki_types::ServerName;
use tokio::time::timeout;

use super::connection::{Connection, Implicit, OpenError, Tls};
use super::network::Place;
use super::route::FixedHop;
use super::shared::Shared;
use super::shortage::Shortage;

/// Connects and opens a session at one place, for the probe.
pub(crate) async fn open_once(
    shared: &Shared,
    plan: &Plan<'_>,
    place: &Place,
) -> Result<Connection, OpenError> {
    let io = connect(shared, place.clone(), plan.source).await?;
    open_session(shared, plan, plan.tls, io).await
}

pub(crate) async fn connect(
    shared: &Shared,
    place: Place,
    source: Source,
) -> Result<Io, OpenError> {
    let (to, from) = match &place {
        Place::Tcp(address) => (Some(address.ip()), source.towards(address.ip())),
        Place::Unix(_) => (None, None),
    };
    let connected = shared.network.connect(&place, from);
    let error = match timeout(CLIENT_CONNECT_TIMEOUT, connected).await {
        Ok(Ok(io)) => return Ok(io),
        Ok(Err(error)) => error,
        Err(_) => io::Error::new(io::ErrorKind::TimedOut, "no answer in time"),
    };
    Err(match Shortage::of_connection(&error, to, from) {
        Some(shortage) => OpenError::Short(shortage),
        None => OpenError::Failed(unreachable(&place, from, &error)),
    })
}

/// Opens a session over a connection.
pub(crate) async fn open_session(
    shared: &Shared,
    plan: &Plan<'_>,
    tls: RouteTls,
    io: Io,
) -> Result<Connection, OpenError> {
    let config = match tls {
        RouteTls::Required => &shared.tls.verifying,
        RouteTls::Opportunistic | RouteTls::Never => &shared.tls.opportunistic,
    };
    let name = ServerName::try_from(plan.host.to_owned()).ok();
    let handshake = name.map(|name| Tls { config: Arc::clone(config), name });
    let settings = Settings {
        protocol: plan.protocol,
        name: shared.hostname.clone(),
        encryption: match plan.implicit {
            Implicit::Tls => Encryption::Tls,
            Implicit::Clear => Encryption::Clear,
        },
        start_tls: match (tls, &handshake) {
            (RouteTls::Never, _) | (RouteTls::Opportunistic, None) => StartTls::Never,
            (RouteTls::Opportunistic, Some(_)) => StartTls::Opportunistic,
            (RouteTls::Required, _) => StartTls::Required,
        },
        login: plan.hop.and_then(|hop| hop.login.clone()).map(Login::Password),
        clear_text_login: plan.hop.map_or(ClearTextLogin::Refused, |hop| hop.clear_text_login),
        dialogue: Dialogue::Kept,
    };
    Connection::open(io, settings, handshake, plan.implicit).await
}

/// How a session is to be opened.
pub(crate) struct Plan<'a> {
    protocol: Protocol,
    host: &'a str,
    pub(crate) tls: RouteTls,
    implicit: Implicit,
    pub(crate) source: Source,
    hop: Option<&'a FixedHop>,
}

impl<'a> Plan<'a> {
    pub(crate) fn of(hop: &'a FixedHop, host: &'a str) -> Self {
        let implicit = match hop.next_hop {
            NextHop::Smtps { .. } => Implicit::Tls,
            NextHop::Smtp { .. } | NextHop::Lmtp { .. } | NextHop::LmtpUnix { .. } => {
                Implicit::Clear
            }
        };
        let tls = match hop.next_hop {
            NextHop::LmtpUnix { .. } => RouteTls::Never, // It doesn't leave this host.
            NextHop::Smtp { .. } | NextHop::Smtps { .. } | NextHop::Lmtp { .. } => hop.tls,
        };
        let (protocol, source) = (protocol(&hop.next_hop), hop.source);
        Self { protocol, host, tls, implicit, source, hop: Some(hop) }
    }

    /// A host that DNS named: opportunistic TLS, and in clear where that fails (RFC 7435).
    pub(crate) fn by_dns(host: &'a str, source: Source) -> Self {
        Self {
            protocol: Protocol::Smtp,
            host,
            tls: RouteTls::Opportunistic,
            implicit: Implicit::Clear,
            source,
            hop: None,
        }
    }
}

pub(crate) fn protocol(next_hop: &NextHop) -> Protocol {
    match next_hop {
        NextHop::Smtp { .. } | NextHop::Smtps { .. } => Protocol::Smtp,
        NextHop::Lmtp { .. } | NextHop::LmtpUnix { .. } => Protocol::Lmtp,
    }
}

/// RFC 3463 §3.5: X.4.1 is no answer from the host.
fn unreachable(place: &Place, from: Option<IpAddr>, error: &io::Error) -> Reply {
    let place = match place {
        Place::Tcp(address) => address.to_string(),
        Place::Unix(path) => path.display().to_string(),
    };
    let from = from.map(|from| format!(" from {from}")).unwrap_or_default();
    Reply::new(451, (4, 4, 1), format!("cannot connect to {place}{from}: {}", in_words(error)))
}

/// Without the system's number of the error: senders read this.
fn in_words(error: &io::Error) -> String {
    let text = error.to_string();
    let number = error.raw_os_error().map(|number| format!(" (os error {number})"));
    let words = number.and_then(|number| text.strip_suffix(&number).map(str::to_owned));
    words.unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn senders_read_words_without_numbers_of_the_system() {
        let place = Place::Tcp(([192, 0, 2, 1], 25).into());
        for (error, expected) in [
            (
                io::Error::from_raw_os_error(111),
                "cannot connect to 192.0.2.1:25: Connection refused",
            ),
            (io::ErrorKind::TimedOut.into(), "cannot connect to 192.0.2.1:25: timed out"),
        ] {
            let said = unreachable(&place, None, &error).to_string();
            assert!(said.ends_with(expected), "{said}");
        }
    }
}
