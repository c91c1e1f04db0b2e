//! The receiving half of the MTA: from a connection to a durable message.
//!
//! | looking for | it is in |
//! |---|---|
//! | the loop of a session: octets, time, questions | [`session`] |
//! | who may send, and whose mail is taken | [`policy`] |
//! | how much each user may send | [`allowance`] |
//! | what aliases make of an envelope | [`aliases`] |
//! | passwords | [`postroad_logins`] |
//! | the content while it comes, and when it is complete | [`incoming`] |
//! | what submission adds, checks and removes | [`submission`] |
//! | the sockets and how many sessions there may be | [`service`] |
//!
//! Every decision of the protocol is in `postroad_protocol::server`; policy answers its questions.

pub(crate) mod aliases;
pub(crate) mod allowance;
pub(crate) mod incoming;
pub(crate) mod limits;
pub(crate) mod policy;
pub(crate) mod service;
pub(crate) mod session;
pub(crate) mod submission;
#[cfg(test)]
pub(crate) mod tests;

use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;

use postroad_accounts::Accounts;
use postroad_config::Config;
use postroad_logins::Logins;
use postroad_net::tls::ServerTls;
use postroad_net::{Peer, Shutdown, Slots};
use postroad_observe::trace::Journal;
use postroad_queue::OwnedShard;

use crate::outbound::{Engine, Probe};

/// What sessions are held with. A reload makes a new one for those to come ([`crate::live`]); settings, name and
/// certificate aside, all of them share the same parts.
#[derive(Clone)]
pub(crate) struct Inbound {
    pub(crate) config: Arc<Config>,
    pub(crate) hostname: Arc<str>,
    pub(crate) shard: Arc<dyn OwnedShard>,
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) engine: Engine,
    pub(crate) probe: Probe,
    pub(crate) journal: Journal,
    pub(crate) tls: Option<ServerTls>,
    pub(crate) slots: Slots,
    pub(crate) allowances: allowance::Allowances,
    pub(crate) logins: Arc<Logins>,
    pub(crate) shutdown: Shutdown,
}

impl Inbound {
    /// Whether the peer is this host or in a listed network: per-client limits spare it.
    pub(crate) fn is_exempt(&self, peer: &Peer) -> bool {
        peer.is_this_host() || self.is_listed(peer)
    }

    /// The door behind the door: among local callers the delivery agent is known by whose the mailboxes are.
    pub(crate) async fn who_knocks(&self, door: Door, peer: &Peer) -> Door {
        let (Door::Local, Peer::Local { uid }) = (door, peer) else { return door };
        let mailboxes = self.config.mda.mailboxes();
        // Their file system may hang: that is this session's trouble alone.
        let looked_at = tokio::task::spawn_blocking(|| std::fs::metadata(mailboxes)).await;
        match looked_at.is_ok_and(|metadata| metadata.is_ok_and(|it| it.uid() == *uid)) {
            true => Door::DeliveryAgent,
            false => Door::Local,
        }
    }

    /// Whether the peer is in a network that may relay without a login.
    pub(crate) fn is_listed(&self, peer: &Peer) -> bool {
        peer.ip()
            .is_some_and(|ip| self.config.mta.networks.iter().any(|network| network.contains(ip)))
    }
}

/// By which door a client came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// Port 25.
    Smtp,
    /// Port 587.
    Submission,
    /// Port 465.
    Submissions,
    /// The unix socket of local callers.
    Local,
    /// The same socket, called by the user whose mailboxes they are: the delivery agent, with what everybody's
    /// rules send on.
    DeliveryAgent,
}

impl Door {
    /// The name of the service (IANA's, where it has one).
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Submission => "submission",
            Self::Submissions => "submissions",
            Self::Local | Self::DeliveryAgent => "local",
        }
    }
}
