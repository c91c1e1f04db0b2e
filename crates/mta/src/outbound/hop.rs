//! A next hop as a worker sees it: which host is tried next, and how a session with it is opened.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use postroad_config::{NextHop, RouteTls};
use postroad_protocol::address::Domain;
use postroad_protocol::client::{
    ClearTextLogin, Dialogue, Encryption, Offer, Protocol, Settings, StartTls,
};
use postroad_protocol::limits::CLIENT_CONNECT_TIMEOUT;
use postroad_protocol::reply::Reply;
use rustls::pki_types::ServerName;
use tokio::time::timeout;

use super::connection::{Connection, Implicit, OpenError, Tls};
use super::dns::{Candidates, Endpoint};
use super::events;
use super::flight::Flight;
use super::network::Place;
use super::route::{Destination, Distance, FixedHop};
use super::shared::Shared;

/// The hosts of one destination, and how far down the list we are.
pub(crate) struct Hop {
    kind: Kind,
    /// As in `mx.example.org[192.0.2.1]:25`: the host that was tried last.
    pub(crate) shown: String,
    /// Its name alone, for notices; empty where no host was found.
    pub(crate) remote: String,
    /// Whether the host sends notices of success itself (RFC 3461 §5.2.1).
    pub(crate) dsn: Offer,
}

enum Kind {
    Fixed {
        hop: Arc<FixedHop>,
        addresses: VecDeque<SocketAddr>,
        state: ListState,
    },
    Domain {
        domain: Domain,
        candidates: Option<Candidates>,
    },
    /// A route that is no longer there; can't happen while the table doesn't change.
    Missing,
}

/// Whether a route's host was looked up for this attempt.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ListState {
    NotAsked,
    Asked,
}

impl Hop {
    pub(crate) fn new(shared: &Shared, destination: &Destination) -> Self {
        let kind = match destination {
            Destination::Domain(domain) => {
                Kind::Domain { domain: domain.clone(), candidates: None }
            }
            Destination::Route(pattern) => match shared.router().hop(pattern) {
                Some(hop) => Kind::Fixed {
                    hop: Arc::clone(hop),
                    addresses: VecDeque::new(),
                    state: ListState::NotAsked,
                },
                None => Kind::Missing,
            },
        };
        Self { kind, shown: String::new(), remote: String::new(), dsn: Offer::Absent }
    }

    pub(crate) fn note_peer(&mut self, dsn: Offer) {
        self.dsn = dsn;
    }

    /// Whether what takes the mail files it or hands it on (RFC 3461 §5.2.3: delivered or relayed).
    pub(crate) fn protocol(&self) -> Protocol {
        match &self.kind {
            Kind::Fixed { hop, .. } => protocol(&hop.next_hop),
            Kind::Domain { .. } | Kind::Missing => Protocol::Smtp,
        }
    }

    pub(crate) fn distance(&self) -> Distance {
        match &self.kind {
            Kind::Fixed { hop, .. } => hop.distance(),
            Kind::Domain { .. } | Kind::Missing => Distance::Elsewhere,
        }
    }

    /// Whether the list of hosts isn't at its end.
    pub(crate) fn has_more(&self) -> bool {
        match &self.kind {
            Kind::Fixed { addresses, .. } => !addresses.is_empty(),
            Kind::Domain { candidates, .. } => {
                candidates.as_ref().is_some_and(Candidates::has_more)
            }
            Kind::Missing => false,
        }
    }

    /// The list is walked from its top again.
    pub(crate) fn start_over(&mut self) {
        match &mut self.kind {
            Kind::Fixed { addresses, state, .. } => {
                addresses.clear();
                *state = ListState::NotAsked;
            }
            Kind::Domain { candidates, .. } => *candidates = None,
            Kind::Missing => {}
        }
    }

    /// Goes down the list to the first host with which a session opens. At the end of the list the next
    /// call begins anew.
    pub(crate) async fn open(
        &mut self,
        shared: &Shared,
        flight: &Flight,
    ) -> Result<Connection, Reply> {
        let opened = match &self.kind {
            Kind::Fixed { hop, .. } => {
                let hop = Arc::clone(hop);
                self.open_fixed(shared, flight, &hop).await
            }
            Kind::Domain { domain, .. } => {
                let domain = domain.clone();
                self.open_domain(shared, flight, &domain).await
            }
            Kind::Missing => Err(Reply::new(451, (4, 3, 5), "the route has gone")),
        };
        if opened.is_err() {
            self.start_over();
            // No host has said anything about the recipients: what a notice quotes are our own words.
            self.remote.clear();
        }
        opened
    }

    async fn open_domain(
        &mut self,
        shared: &Shared,
        flight: &Flight,
        domain: &Domain,
    ) -> Result<Connection, Reply> {
        let mut asked = Vec::new();
        let found = self.walk_domain(shared, flight, domain, &mut asked).await;
        events::dns(&shared.journal, &flight.id, asked);
        found
    }

    async fn walk_domain(
        &mut self,
        shared: &Shared,
        flight: &Flight,
        domain: &Domain,
        asked: &mut Vec<super::dns::Asked>,
    ) -> Result<Connection, Reply> {
        let resolver = &*shared.resolver;
        let (mut walk, mut last) = match self.take_candidates() {
            // The host before had a session with us, so whatever its successors lack, it may do better later.
            Some(walk) => (walk, Some(stumbled(domain))),
            None => (Candidates::find(resolver, domain, &shared.site, asked).await?, None),
        };
        while let Some(endpoint) = walk.next(resolver, &shared.site, asked).await {
            events::dns(&shared.journal, &flight.id, std::mem::take(asked));
            match self.open_endpoint(shared, flight, &endpoint).await {
                Ok(open) if open.session().peer_name() == shared.site.hostname => {
                    // Whatever DNS said, it is ourselves who answer (row C11).
                    open.quit().await;
                    walk.end_at_ourselves();
                }
                Ok(open) => {
                    self.keep_candidates(walk);
                    return Ok(open);
                }
                Err(error) => last = Some(error.reply()),
            }
        }
        Err(last.unwrap_or_else(|| walk.refusal(domain)))
    }

    fn take_candidates(&mut self) -> Option<Candidates> {
        match &mut self.kind {
            Kind::Domain { candidates, .. } => candidates.take().filter(Candidates::has_more),
            Kind::Fixed { .. } | Kind::Missing => None,
        }
    }

    fn keep_candidates(&mut self, walk: Candidates) {
        if let Kind::Domain { candidates, .. } = &mut self.kind {
            *candidates = Some(walk);
        }
    }

    /// A host that DNS named: opportunistic TLS, and in clear where that fails (RFC 7435).
    async fn open_endpoint(
        &mut self,
        shared: &Shared,
        flight: &Flight,
        endpoint: &Endpoint,
    ) -> Result<Connection, OpenError> {
        self.now_trying(&endpoint.host, endpoint.address);
        events::next_hop(&shared.journal, &flight.id, &self.shown, &endpoint.why);
        let plan = Plan {
            protocol: Protocol::Smtp,
            host: &endpoint.host,
            tls: RouteTls::Opportunistic,
            implicit: Implicit::Clear,
            hop: None,
        };
        self.open_at(shared, flight, &plan, &Place::Tcp(endpoint.address)).await
    }

    async fn open_fixed(
        &mut self,
        shared: &Shared,
        flight: &Flight,
        hop: &FixedHop,
    ) -> Result<Connection, Reply> {
        let (host, port) = match &hop.next_hop {
            NextHop::LmtpUnix { path } => {
                self.shown = hop.next_hop.to_string();
                self.remote = shared.site.hostname.clone();
                events::next_hop(&shared.journal, &flight.id, &self.shown, "route");
                let plan = Plan::of(hop, &shared.site.hostname);
                let place = Place::Unix(path.clone());
                let opened = self.open_at(shared, flight, &plan, &place).await;
                return opened.map_err(OpenError::reply);
            }
            NextHop::Smtp { host, port }
            | NextHop::Smtps { host, port }
            | NextHop::Lmtp { host, port } => (host, *port),
        };
        self.ask_for_route(host, port).await?;
        let mut last = None;
        while let Some(address) = self.next_address() {
            self.now_trying(host, address);
            events::next_hop(&shared.journal, &flight.id, &self.shown, "route");
            match self.open_at(shared, flight, &Plan::of(hop, host), &Place::Tcp(address)).await {
                Ok(open) => return Ok(open),
                Err(error) => last = Some(error.reply()),
            }
        }
        Err(last.unwrap_or_else(|| no_address(host)))
    }

    /// The addresses of a route's host, by the system's own resolver (so /etc/hosts counts). A route is the
    /// operator's word: whatever fails here is temporary.
    async fn ask_for_route(&mut self, host: &str, port: u16) -> Result<(), Reply> {
        let Kind::Fixed { addresses, state, .. } = &mut self.kind else { return Ok(()) };
        if *state == ListState::Asked && !addresses.is_empty() {
            return Ok(());
        }
        let found = match host.parse() {
            Ok(ip) => vec![SocketAddr::new(ip, port)],
            Err(_) => {
                match timeout(CLIENT_CONNECT_TIMEOUT, tokio::net::lookup_host((host, port))).await {
                    Ok(Ok(found)) => found.take(super::dns::MX_HOSTS_MAX).collect(),
                    Ok(Err(_)) | Err(_) => return Err(no_address(host)),
                }
            }
        };
        *addresses = found.into();
        *state = ListState::Asked;
        Ok(())
    }

    fn next_address(&mut self) -> Option<SocketAddr> {
        match &mut self.kind {
            Kind::Fixed { addresses, .. } => addresses.pop_front(),
            Kind::Domain { .. } | Kind::Missing => None,
        }
    }

    fn now_trying(&mut self, host: &str, address: SocketAddr) {
        self.shown = format!("{host}[{}]:{}", address.ip(), address.port());
        self.remote = host.to_owned();
    }

    /// Connects and opens a session; a second time in clear where TLS was optional and failed.
    async fn open_at(
        &self,
        shared: &Shared,
        flight: &Flight,
        plan: &Plan<'_>,
        place: &Place,
    ) -> Result<Connection, OpenError> {
        let first = match open_once(shared, plan, plan.tls, place).await {
            Err(OpenError::TlsOptional(reply)) => {
                events::tls_given_up(&flight.id, &self.shown, &reply);
                open_once(shared, plan, RouteTls::Never, place).await
            }
            first => first,
        };
        let mut connection = first?;
        events::session(&shared.journal, &flight.id, &self.shown, connection.tls_info());
        events::dialogue(&shared.journal, &flight.id, connection.take_dialogue());
        Ok(connection)
    }
}

/// Opens a session at one place; for the probe too.
pub(crate) async fn open_once(
    shared: &Shared,
    plan: &Plan<'_>,
    tls: RouteTls,
    place: &Place,
) -> Result<Connection, OpenError> {
    let io = match timeout(CLIENT_CONNECT_TIMEOUT, shared.network.connect(place)).await {
        Ok(Ok(io)) => io,
        Ok(Err(error)) => return Err(OpenError::Failed(unreachable(place, &error.to_string()))),
        Err(_) => return Err(OpenError::Failed(unreachable(place, "no answer in time"))),
    };
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
        login: plan.hop.and_then(|hop| hop.login.clone()),
        clear_text_login: plan.hop.map_or(ClearTextLogin::Refused, |hop| hop.clear_text_login),
        dialogue: Dialogue::Kept,
    };
    Connection::open(io, settings, handshake, plan.implicit).await
}

/// How a session is to be opened.
pub(crate) struct Plan<'a> {
    protocol: Protocol,
    host: &'a str,
    tls: RouteTls,
    implicit: Implicit,
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
        Self { protocol: protocol(&hop.next_hop), host, tls, implicit, hop: Some(hop) }
    }

    pub(crate) fn tls(&self) -> RouteTls {
        self.tls
    }
}

fn protocol(next_hop: &NextHop) -> Protocol {
    match next_hop {
        NextHop::Smtp { .. } | NextHop::Smtps { .. } => Protocol::Smtp,
        NextHop::Lmtp { .. } | NextHop::LmtpUnix { .. } => Protocol::Lmtp,
    }
}

/// RFC 3463 §3.5: X.4.1 is no answer from the host.
fn unreachable(place: &Place, words: &str) -> Reply {
    let place = match place {
        Place::Tcp(address) => address.to_string(),
        Place::Unix(path) => path.display().to_string(),
    };
    Reply::new(451, (4, 4, 1), format!("cannot connect to {place}: {words}"))
}

/// RFC 3463 §3.5: X.4.2 is a bad connection.
fn stumbled(domain: &Domain) -> Reply {
    Reply::new(451, (4, 4, 2), format!("no host of {domain} saw the session through"))
}

fn no_address(host: &str) -> Reply {
    Reply::new(451, (4, 4, 3), format!("the route's host {host} has no address now"))
}
