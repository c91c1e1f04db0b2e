//! A next hop as a worker sees it: which host is tried next, down to an open session.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use postroad_config::{Family, NextHop, RouteTls};
use postroad_net::Io;
use postroad_protocol::address::Domain;
use postroad_protocol::client::{Offer, Protocol};
use postroad_protocol::limits::{CLIENT_CONNECT_TIMEOUT, CLIENT_WALK_TIMEOUT};
use postroad_protocol::reply::Reply;
use tokio::time::{Instant, timeout};

use super::connection::{Connection, OpenError};
use super::dns::{Candidates, Host, MX_HOSTS_MAX};
use super::events;
use super::flight::Flight;
use super::network::Place;
use super::opening::{Plan, connect, open_session, protocol};
use super::race::race;
use super::route::{Destination, FixedHop};
use super::shared::Shared;
use super::shortage::Shortage;

/// The hosts of one destination, and how far down the list we are.
pub(crate) struct Hop {
    kind: Kind,
    /// The list, where it was asked for before there is room for a connection.
    ahead: Option<Candidates>,
    /// The host that is being tried, with the addresses that nothing speaks against so far.
    here: Option<Host>,
    /// When the walk down the list began.
    begun: Option<Instant>,
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
        state: ListState,
    },
    Domain {
        domain: Domain,
        candidates: Option<Candidates>,
    },
    /// A route that is no longer there.
    Missing,
}

/// Whether a route's host was looked up for this attempt.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ListState {
    NotAsked,
    Asked,
}

impl Hop {
    /// The hop of a destination, where `route` is what the operator says of it.
    pub(crate) fn new(destination: &Destination, route: Option<Arc<FixedHop>>) -> Self {
        let kind = match (destination, route) {
            (_, Some(hop)) => Kind::Fixed { hop, state: ListState::NotAsked },
            (Destination::Domain(domain), None) => {
                Kind::Domain { domain: domain.clone(), candidates: None }
            }
            (Destination::Route(_), None) => Kind::Missing,
        };
        let (shown, remote) = (String::new(), String::new());
        Self { kind, ahead: None, here: None, begun: None, shown, remote, dsn: Offer::Absent }
    }

    /// A connection to one of the hosts was opened by another lane.
    pub(crate) fn take_over(&mut self, shown: String, remote: String) {
        (self.shown, self.remote) = (shown, remote);
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

    /// Whether the list of hosts isn't at its end.
    pub(crate) fn has_more(&self) -> bool {
        let hosts = match &self.kind {
            Kind::Domain { candidates, .. } => {
                candidates.as_ref().is_some_and(Candidates::has_more)
            }
            Kind::Fixed { .. } | Kind::Missing => false,
        };
        self.is_in_time() && (self.here.is_some() || hosts)
    }

    /// The list is walked from its top again.
    pub(crate) fn start_over(&mut self) {
        (self.here, self.begun) = (None, None);
        match &mut self.kind {
            Kind::Fixed { state, .. } => *state = ListState::NotAsked,
            Kind::Domain { candidates, .. } => *candidates = None,
            Kind::Missing => {}
        }
    }

    /// Whether the walk may go on: hosts that each take their time must not make an attempt without end.
    fn is_in_time(&self) -> bool {
        self.begun.is_some_and(|begun| begun.elapsed() < CLIENT_WALK_TIMEOUT)
    }

    /// The hosts by which connections are counted: domains with the same ones share their connections.
    pub(crate) async fn hosts(
        &mut self,
        shared: &Shared,
        flight: &Flight,
    ) -> Result<String, OpenError> {
        match &self.kind {
            Kind::Fixed { hop, .. } => Ok(hop.next_hop.to_string()),
            Kind::Missing => Err(gone().into()),
            Kind::Domain { domain, .. } => {
                let mut asked = Vec::new();
                let found =
                    Candidates::find(&*shared.resolver, domain, &shared.site, &mut asked).await;
                events::dns(&shared.journal, &flight.id, asked);
                let found = found?;
                if let Some(words) = found.shortage() {
                    return Err(OpenError::Short(Shortage(words.to_owned())));
                }
                let names = found.names();
                self.ahead = Some(found);
                Ok(names)
            }
        }
    }

    /// Goes down the list to the first host with which a session opens. At the end of the list the next
    /// call begins anew.
    pub(crate) async fn open(
        &mut self,
        shared: &Shared,
        flight: &Flight,
    ) -> Result<Connection, OpenError> {
        if !self.is_in_time() {
            self.start_over();
            self.begun = Some(Instant::now());
        }
        let opened = self.walk(shared, flight).await;
        if opened.is_err() {
            self.start_over();
            // No host has said anything about the recipients: what a notice quotes are our own words.
            self.remote.clear();
        }
        opened
    }

    async fn walk(&mut self, shared: &Shared, flight: &Flight) -> Result<Connection, OpenError> {
        if let Some(hop) = self.fixed()
            && let NextHop::LmtpUnix { path } = &hop.next_hop
        {
            return self.open_socket(shared, flight, &hop, path).await;
        }
        let mut last = self.stumbled();
        while self.is_in_time() {
            let host = match self.here.take() {
                Some(host) => host,
                None => match self.next_host(shared, flight).await? {
                    Some(host) => host,
                    None => break,
                },
            };
            match self.open_host(shared, flight, host).await {
                Ok(open) if self.is_ourselves(&open, shared) => {
                    open.quit().await;
                    self.end_at_ourselves();
                }
                Ok(open) => return Ok(open),
                Err(OpenError::Short(shortage)) => return Err(OpenError::Short(shortage)),
                Err(error) => {
                    let reply = error.reply();
                    events::host_failed(&shared.journal, &flight.id, &self.shown, &reply);
                    last = Some(reply);
                }
            }
        }
        if let Kind::Domain { candidates: Some(walk), .. } = &self.kind
            && let Some(words) = walk.shortage()
        {
            return Err(OpenError::Short(Shortage(words.to_owned())));
        }
        Err(last.unwrap_or_else(|| self.refusal()).into())
    }

    /// The host before had a session with us, so whatever its successors lack, it may do better later.
    fn stumbled(&self) -> Option<Reply> {
        match &self.kind {
            Kind::Domain { domain, candidates: Some(_) } => Some(stumbled(domain)),
            Kind::Domain { .. } | Kind::Fixed { .. } | Kind::Missing => None,
        }
    }

    /// The next of the list; none at its end.
    async fn next_host(
        &mut self,
        shared: &Shared,
        flight: &Flight,
    ) -> Result<Option<Host>, OpenError> {
        match &mut self.kind {
            Kind::Domain { domain, candidates } => {
                let (resolver, mut asked) = (&*shared.resolver, Vec::new());
                let ahead = self.ahead.take();
                let found = match (candidates, ahead) {
                    (Some(walk), _) => Ok(walk),
                    (candidates, Some(ahead)) => Ok(candidates.insert(ahead)),
                    (candidates, None) => {
                        Candidates::find(resolver, domain, &shared.site, &mut asked)
                            .await
                            .map(|found| candidates.insert(found))
                    }
                };
                let next = match found {
                    Ok(walk) => Ok(walk.next(resolver, &shared.site, &mut asked).await),
                    Err(reply) => Err(reply.into()),
                };
                events::dns(&shared.journal, &flight.id, asked);
                next
            }
            Kind::Fixed { state: ListState::Asked, .. } => Ok(None),
            Kind::Fixed { hop, state } => {
                *state = ListState::Asked;
                look_up(hop).await
            }
            Kind::Missing => Err(gone().into()),
        }
    }

    /// What is said where no host could even be connected to.
    fn refusal(&self) -> Reply {
        match &self.kind {
            Kind::Domain { domain, candidates: Some(walk) } => walk.refusal(domain),
            Kind::Domain { domain, candidates: None } => stumbled(domain),
            Kind::Fixed { hop, .. } => no_address(hop),
            Kind::Missing => gone(),
        }
    }

    /// Whatever DNS said, it is ourselves who answer (row C11). A route is the operator's word.
    fn is_ourselves(&self, open: &Connection, shared: &Shared) -> bool {
        matches!(self.kind, Kind::Domain { .. })
            && open.session().peer_name() == shared.site.hostname
    }

    fn end_at_ourselves(&mut self) {
        self.here = None;
        if let Kind::Domain { candidates: Some(walk), .. } = &mut self.kind {
            walk.end_at_ourselves();
        }
    }

    /// Opens a session at the first of the host's addresses that answers; the others are kept for the case
    /// that the session comes to nothing.
    async fn open_host(
        &mut self,
        shared: &Shared,
        flight: &Flight,
        mut host: Host,
    ) -> Result<Connection, OpenError> {
        let fixed = self.fixed();
        let plan = match &fixed {
            Some(hop) => Plan::of(hop, &host.name),
            None => Plan::by_dns(&host.name, shared.site.source),
        };
        self.remote.clone_from(&host.name);
        let finish = race(std::mem::take(&mut host.addresses), |address| {
            self.shown = shown(&host.name, address);
            events::next_hop(&shared.journal, &flight.id, &self.shown, &host.why);
            Box::pin(connect(shared, Place::Tcp(address), plan.source))
        })
        .await;
        let (address, io) = match finish.won {
            Ok(won) => won,
            Err(Some(error)) => return Err(error),
            Err(None) => return Err(OpenError::Failed(self.refusal())),
        };
        self.shown = shown(&host.name, address);
        let opened = self.open_over(shared, flight, &plan, (io, &Place::Tcp(address))).await;
        if !finish.left.is_empty() {
            host.addresses = finish.left;
            self.here = Some(host);
        }
        opened
    }

    fn fixed(&self) -> Option<Arc<FixedHop>> {
        self.route().map(Arc::clone)
    }

    /// What the operator said of it when it was made.
    pub(crate) fn route(&self) -> Option<&Arc<FixedHop>> {
        match &self.kind {
            Kind::Fixed { hop, .. } => Some(hop),
            Kind::Domain { .. } | Kind::Missing => None,
        }
    }

    /// An agent of this host: one place, no list.
    async fn open_socket(
        &mut self,
        shared: &Shared,
        flight: &Flight,
        hop: &FixedHop,
        path: &Path,
    ) -> Result<Connection, OpenError> {
        self.shown = hop.next_hop.to_string();
        self.remote = shared.site.hostname.clone();
        events::next_hop(&shared.journal, &flight.id, &self.shown, "route");
        let plan = Plan::of(hop, &shared.site.hostname);
        let place = Place::Unix(path.to_owned());
        let io = connect(shared, place.clone(), hop.source).await?;
        self.open_over(shared, flight, &plan, (io, &place)).await
    }

    /// Opens a session over a connection; a second time in clear where TLS was optional and failed.
    async fn open_over(
        &self,
        shared: &Shared,
        flight: &Flight,
        plan: &Plan<'_>,
        (io, place): (Io, &Place),
    ) -> Result<Connection, OpenError> {
        let first = match open_session(shared, plan, plan.tls, io).await {
            Err(OpenError::TlsOptional(reply)) => {
                events::tls_given_up(&flight.id, &self.shown, &reply);
                let io = connect(shared, place.clone(), plan.source).await?;
                open_session(shared, plan, RouteTls::Never, io).await
            }
            first => first,
        };
        let mut connection = first?;
        events::session(&shared.journal, &flight.id, &self.shown, connection.tls_info());
        events::dialogue(&shared.journal, &flight.id, connection.take_dialogue());
        Ok(connection)
    }
}

fn gone() -> Reply {
    Reply::new(451, (4, 3, 5), "the route has gone")
}

fn shown(host: &str, address: SocketAddr) -> String {
    format!("{host}[{}]:{}", address.ip(), address.port())
}

/// The addresses of a route's host, by the system's own resolver (so /etc/hosts counts). A route is the
/// operator's word: whatever fails here is temporary.
async fn look_up(hop: &FixedHop) -> Result<Option<Host>, OpenError> {
    let (NextHop::Smtp { host, port }
    | NextHop::Smtps { host, port }
    | NextHop::Lmtp { host, port }) = &hop.next_hop
    else {
        return Ok(None);
    };
    let addresses: VecDeque<SocketAddr> = match host.parse() {
        Ok(ip) => [SocketAddr::new(ip, *port)].into(),
        Err(_) => {
            let found = tokio::net::lookup_host((host.as_str(), *port));
            match timeout(CLIENT_CONNECT_TIMEOUT, found).await {
                // RFC 8305 §4: the system has sorted them (RFC 6724).
                Ok(Ok(found)) => {
                    found.filter(|at| hop.family.has(at.ip())).take(MX_HOSTS_MAX).collect()
                }
                Ok(Err(error)) => {
                    let short = Shortage::of(&error).map(OpenError::Short);
                    return Err(short.unwrap_or_else(|| no_address(hop).into()));
                }
                Err(_) => return Err(no_address(hop).into()),
            }
        }
    };
    let (name, why) = (host.clone(), "route".to_owned());
    Ok((!addresses.is_empty()).then_some(Host { name, addresses, why }))
}

/// RFC 3463 §3.5: X.4.2 is a bad connection.
fn stumbled(domain: &Domain) -> Reply {
    Reply::new(451, (4, 4, 2), format!("no host of {domain} saw the session through"))
}

fn no_address(hop: &FixedHop) -> Reply {
    let kind = match hop.family {
        Family::Any => "",
        Family::Ipv4 => " IPv4",
        Family::Ipv6 => " IPv6",
    };
    Reply::new(451, (4, 4, 3), format!("the host of {} has no{kind} address now", hop.next_hop))
}
