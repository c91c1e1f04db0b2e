//! The sockets that listen, and a session for each connection.

use std::sync::Arc;

use postroad_config::ClearTextLogin;
use postroad_net::slots::{Client, Slot};
use postroad_net::{Io, Listener, Peer};
use postroad_protocol::reply::Reply;
use postroad_protocol::server::{ClientLimits, Dsn, LoginRule, Server, Service, Settings, Tls};
use tokio::io::AsyncWriteExt as _;
use tokio::time::{Instant, timeout};
use tokio_util::task::TaskTracker;

use super::session::{Session, SessionError, shake_hands};
use super::{Door, Inbound, limits};
use crate::events;
use crate::live::Live;

/// Accepts connections until the agent stops; each is held with the settings of its first moment. Sessions run
/// as tasks of `sessions`.
pub(crate) async fn listen(live: Arc<Live>, door: Door, listener: Listener, sessions: TaskTracker) {
    let shutdown = live.inbound().shutdown.clone();
    loop {
        let (io, peer) = tokio::select! {
            connection = listener.accept() => connection,
            () = shutdown.requested() => return,
        };
        welcome(&live.inbound(), door, io, peer, &sessions);
    }
}

/// Starts a session where there is a place for one, and says so where there is none.
pub(crate) fn welcome(
    inbound: &Arc<Inbound>,
    door: Door,
    io: Io,
    peer: Peer,
    sessions: &TaskTracker,
) {
    let client = match (inbound.is_exempt(&peer), peer.ip()) {
        (false, Some(ip)) => Client::Counted(ip),
        (true, _) | (_, None) => Client::Exempt,
    };
    match inbound.slots.take(client) {
        Ok(slot) => {
            sessions.spawn(serve(Arc::clone(inbound), door, io, peer, slot));
        }
        Err(full) => {
            events::turned_away(&peer, door, full);
            sessions.spawn(turn_away(io, door));
        }
    }
}

/// One connection from beginning to end.
async fn serve(inbound: Arc<Inbound>, door: Door, io: Io, peer: Peer, slot: Slot) {
    events::connected(&peer, door);
    let door = inbound.who_knocks(door, &peer).await;
    let ended = match secure(&inbound, door, io).await {
        Ok(io) => {
            let smtp = Server::new(settings(&inbound, door, &peer), Instant::now().into_std());
            Session::new(inbound, door, peer, smtp).run(io).await
        }
        Err(error) => Err(error),
    };
    events::disconnected(&peer, door, ended.err());
    drop(slot);
}

/// On submissions TLS comes first.
async fn secure(inbound: &Inbound, door: Door, io: Io) -> Result<Io, SessionError> {
    match (door, &inbound.tls) {
        (Door::Submissions, Some(tls)) => shake_hands(inbound, tls, io).await,
        (Door::Submissions, None) => Err(SessionError::Gone), // isn't opened without a certificate
        (Door::Smtp | Door::Submission | Door::Local | Door::DeliveryAgent, _) => Ok(io),
    }
}

/// RFC 5321 §3.1: a server that can't serve says so.
async fn turn_away(mut io: Io, door: Door) {
    if door == Door::Submissions {
        return; // there is no handshake to say it in
    }
    let mut text = Vec::new();
    Reply::new(421, (4, 7, 0), "Too many connections, try again later").encode(&mut text);
    // Whether it is read doesn't matter.
    let _ = timeout(limits::TURN_AWAY_TIMEOUT, async {
        io.write_all(&text).await?;
        io.shutdown().await
    })
    .await;
}

/// What a session is told before it begins.
pub(crate) fn settings(inbound: &Inbound, door: Door, peer: &Peer) -> Settings {
    let mta = &inbound.config.mta;
    let tls = match (door, &inbound.tls) {
        (Door::Submissions, _) => Tls::Active,
        (Door::Local | Door::DeliveryAgent, _) | (_, None) => Tls::Unavailable,
        (Door::Smtp | Door::Submission, Some(_)) => Tls::Offered,
    };
    let login = match (door, mta.clear_text_login) {
        (Door::Smtp | Door::Local | Door::DeliveryAgent, _) => LoginRule::NotOffered,
        (Door::Submission | Door::Submissions, ClearTextLogin::Loopback) if peer.is_this_host() => {
            LoginRule::Required
        }
        (
            Door::Submission | Door::Submissions,
            ClearTextLogin::Loopback | ClearTextLogin::Never,
        ) => LoginRule::RequiredInTls,
    };
    Settings {
        hostname: Arc::clone(&inbound.hostname),
        service: match door {
            Door::Smtp => Service::Smtp,
            Door::Submission | Door::Submissions | Door::Local | Door::DeliveryAgent => {
                Service::Submission
            }
        },
        tls,
        login,
        offer: inbound.logins.offer(),
        size_max: mta.message_size_max,
        recipients_max: mta.recipients_max,
        client: match inbound.is_exempt(peer) {
            true => ClientLimits::Exempt,
            false => ClientLimits::Apply,
        },
        dsn: Dsn::Offered,
        bare_recipients: None,
    }
}
