//! Where a recipient's mail goes: by a route of the operator's, or by DNS.
//!
//! The first kind of entry that fits wins, from the most special to the least: `example.org`, then
//! `.example.org` (the longest), then `local` for our own domains, then `*`. With no route for local mail
//! it goes to the delivery agent's socket; everything else without a route goes by DNS.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use postroad_accounts::Accounts;
use postroad_config::{Config, Family, NextHop, Retry, Route, RouteTls, Source};
use postroad_protocol::address::Domain;
use postroad_protocol::client::ClearTextLogin;
use postroad_protocol::sasl::Credentials;
use postroad_queue::retry::Schedule;

use super::limits;

/// Where messages wait together: one backlog, one set of connections.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Destination {
    /// The next hop of the route for this pattern; it may be another one after a reload.
    Route(Arc<str>),
    /// The hosts that DNS names for the domain.
    Domain(Domain),
}

/// A next hop as the operator named it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FixedHop {
    /// Where.
    pub(crate) next_hop: NextHop,
    /// Whether the connection must be encrypted.
    pub(crate) tls: RouteTls,
    /// Who we are there.
    pub(crate) login: Option<Credentials>,
    /// Whether the password may go in clear: on this host only.
    pub(crate) clear_text_login: ClearTextLogin,
    /// Which of its host's addresses are connected to.
    pub(crate) family: Family,
    /// Where connections to it come from.
    pub(crate) source: Source,
}

impl FixedHop {
    pub(crate) fn distance(&self) -> Distance {
        match self.next_hop {
            NextHop::LmtpUnix { .. } => Distance::ThisHost,
            NextHop::Smtp { .. } | NextHop::Smtps { .. } | NextHop::Lmtp { .. } => {
                Distance::Elsewhere
            }
        }
    }
}

/// How far away a next hop is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Distance {
    /// An agent of this host, reached over a unix socket.
    ThisHost,
    Elsewhere,
}

/// How patient we are with a next hop, and how much it is given at once.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RouteSettings {
    pub(crate) retry: Retry,
    /// Connections at once before anything is known of it.
    pub(crate) connections_first: usize,
    /// Connections at once, however well it goes.
    pub(crate) connections_max: usize,
    /// How long it is left alone at most when it can't be reached.
    pub(crate) back_off_longest: Duration,
}

impl RouteSettings {
    fn of(config: &Config, distance: Distance, route: Option<&Route>) -> Self {
        let general = &config.mta.retry;
        let mut retry = route.map_or_else(|| general.clone(), |route| route.retry(general));
        let own = route.and_then(|route| route.connections_max);
        let most = own.unwrap_or(config.mta.deliveries_per_next_hop_max).max(1);
        match distance {
            Distance::ThisHost => {
                if route.is_none_or(|route| route.retry_first.is_none()) {
                    retry.first = retry.first.min(limits::LOCAL_RETRY_FIRST);
                }
                let factor = if own.is_some() { 1 } else { limits::LOCAL_CONNECTIONS_FACTOR };
                let most = most.saturating_mul(factor);
                let back_off_longest = retry.longest.min(limits::LOCAL_BACK_OFF_LONGEST);
                Self { retry, connections_first: most, connections_max: most, back_off_longest }
            }
            Distance::Elsewhere => Self {
                back_off_longest: retry.longest.min(limits::BACK_OFF_LONGEST),
                retry,
                connections_first: most.min(limits::CONNECTIONS_FIRST),
                connections_max: most,
            },
        }
    }

    /// When recipients are tried again.
    pub(crate) fn schedule(&self) -> Schedule {
        let Retry { first, longest, give_up_after, warn_after: _ } = self.retry;
        Schedule { first, longest, give_up_after }
    }

    /// When a next hop that can't be reached is tried again.
    pub(crate) fn back_off(&self) -> Schedule {
        let longest = self.back_off_longest;
        Schedule { first: self.retry.first.min(longest), longest, ..self.schedule() }
    }
}

/// The pattern of the route for our own domains, which is there without being written.
const LOCAL: &str = "local";
/// The pattern of the route for all that has no other.
const OTHERS: &str = "*";

/// The table of routes, ready to be asked.
pub(crate) struct Router {
    accounts: Arc<Accounts>,
    /// By pattern.
    routes: HashMap<Arc<str>, Entry>,
    /// Suffixes with their leading dot, the longest first.
    suffixes: Vec<Arc<str>>,
    local: Arc<str>,
    /// What goes for hosts that DNS names.
    by_dns: Arc<RouteSettings>,
}

struct Entry {
    hop: Arc<FixedHop>,
    settings: Arc<RouteSettings>,
}

impl Router {
    /// Reads the table and the password files that it names.
    ///
    /// # Errors
    /// Where a password file can't be read, or a route would send a password in clear over the network.
    pub(crate) fn new(config: &Config, accounts: Arc<Accounts>) -> anyhow::Result<Self> {
        let local: Arc<str> = LOCAL.into();
        let delivery_agent = FixedHop {
            next_hop: NextHop::LmtpUnix { path: config.mda.socket.clone() },
            tls: RouteTls::Never,
            login: None,
            clear_text_login: ClearTextLogin::Refused,
            family: Family::Any,
            source: Source::default(),
        };
        let mut routes =
            HashMap::from([(Arc::clone(&local), Entry::new(config, delivery_agent, None))]);
        let mut suffixes = Vec::new();
        for route in &config.route {
            let pattern: Arc<str> = route.domain.as_str().into();
            if pattern.starts_with('.') {
                suffixes.push(Arc::clone(&pattern));
            }
            routes.insert(pattern, Entry::new(config, fixed_hop(config, route)?, Some(route)));
        }
        suffixes.sort_by_key(|suffix| std::cmp::Reverse(suffix.len()));
        let by_dns = Arc::new(RouteSettings::of(config, Distance::Elsewhere, None));
        Ok(Self { accounts, routes, suffixes, local, by_dns })
    }

    /// Where mail for the domain goes.
    pub(crate) fn destination(&self, domain: &Domain) -> Destination {
        let pattern = self.pattern(domain).cloned();
        pattern.map_or_else(|| Destination::Domain(domain.clone()), Destination::Route)
    }

    /// The route for the domain; `None` where DNS decides.
    fn pattern(&self, domain: &Domain) -> Option<&Arc<str>> {
        let name = domain.as_str();
        let exact = self.routes.get_key_value(name).filter(|_| name != LOCAL);
        let suffix = || self.suffixes.iter().find(|suffix| name.ends_with(&***suffix));
        let local = || self.accounts.directory().is_local(domain).then_some(&self.local);
        let others = || self.routes.get_key_value(OTHERS).map(|(pattern, _)| pattern);
        exact.map(|(pattern, _)| pattern).or_else(suffix).or_else(local).or_else(others)
    }

    /// A route's next hop; `None` where a reload has taken it away.
    pub(crate) fn hop(&self, pattern: &str) -> Option<&Arc<FixedHop>> {
        self.routes.get(pattern).map(|entry| &entry.hop)
    }

    /// The same for a destination; `None` where DNS names the hosts, too.
    pub(crate) fn fixed(&self, destination: &Destination) -> Option<Arc<FixedHop>> {
        match destination {
            Destination::Route(pattern) => self.hop(pattern).map(Arc::clone),
            Destination::Domain(_) => None,
        }
    }

    /// What goes for a destination.
    pub(crate) fn settings(&self, destination: &Destination) -> &Arc<RouteSettings> {
        let entry = match destination {
            Destination::Route(pattern) => self.routes.get(pattern),
            Destination::Domain(_) => None,
        };
        entry.map_or(&self.by_dns, |entry| &entry.settings)
    }

    /// A destination as an operator knows it: the next hop of a route, or the domain whose MX hosts are asked.
    pub(crate) fn shown(&self, destination: &Destination) -> String {
        match destination {
            Destination::Domain(domain) => domain.to_string(),
            Destination::Route(pattern) => match self.hop(pattern) {
                Some(hop) => hop.next_hop.to_string(),
                None => format!("the former route for {pattern}"),
            },
        }
    }
}

impl Entry {
    fn new(config: &Config, hop: FixedHop, route: Option<&Route>) -> Self {
        let settings = Arc::new(RouteSettings::of(config, hop.distance(), route));
        Self { hop: Arc::new(hop), settings }
    }
}

fn fixed_hop(config: &Config, route: &Route) -> anyhow::Result<FixedHop> {
    let (domain, next_hop) = (&route.domain, &route.next_hop);
    let login = match (&route.user, &route.password_file) {
        (None, _) => None,
        (Some(user), Some(path)) => {
            let text = std::fs::read_to_string(path).with_context(|| {
                format!("cannot read {}, the password for route \"{domain}\"", path.display())
            })?;
            let password = text.trim_end_matches(['\r', '\n']).as_bytes().to_vec();
            Some(Credentials { name: user.clone(), password })
        }
        (Some(_), None) => {
            anyhow::bail!("route \"{domain}\" has a user and no password_file; add one")
        }
    };
    let clear_text_login = match stays_on_this_host(next_hop) {
        true => ClearTextLogin::Allowed,
        false => ClearTextLogin::Refused,
    };
    let tls = match (route.tls, &login) {
        (RouteTls::Never, Some(_)) if clear_text_login == ClearTextLogin::Refused => {
            anyhow::bail!(
                "route \"{domain}\" would send a password in clear to {next_hop}; \
                 write tls = \"required\""
            )
        }
        // Whoever sits in between could take STARTTLS away and read the password: with a login the
        // certificate has to be right.
        (RouteTls::Opportunistic, Some(_)) if clear_text_login == ClearTextLogin::Refused => {
            RouteTls::Required
        }
        (tls, _) => tls,
    };
    Ok(FixedHop {
        next_hop: next_hop.clone(),
        tls,
        login,
        clear_text_login,
        family: route.family.unwrap_or(config.mta.family),
        source: route.source.unwrap_or(config.mta.source),
    })
}

fn stays_on_this_host(next_hop: &NextHop) -> bool {
    match next_hop {
        NextHop::LmtpUnix { .. } => true,
        NextHop::Smtp { host, .. } | NextHop::Smtps { host, .. } | NextHop::Lmtp { host, .. } => {
            host == "localhost"
                || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
        }
    }
}

#[cfg(test)]
mod tests {
    use postroad_accounts::Sources;

    use super::*;

    fn router(routes: &str) -> anyhow::Result<Router> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("postroad.toml");
        std::fs::write(dir.path().join("secret"), "pass word\n").unwrap();
        let text =
            format!("data = \"{}\"\ndomains = [\"our.example\"]\n{routes}", dir.path().display());
        std::fs::write(&file, text).unwrap();
        let config = postroad_config::load(&file)?.config;
        let sources = Sources::of(&config);
        Router::new(&config, Arc::new(Accounts::open(sources).unwrap()))
    }

    #[track_caller]
    fn check(router: &Router, domain: &str, expected: &str) {
        let domain = Domain::parse(domain).unwrap();
        let got = match router.destination(&domain) {
            Destination::Domain(domain) => format!("DNS {domain}"),
            Destination::Route(pattern) => router.hop(&pattern).unwrap().next_hop.to_string(),
        };
        assert!(got.starts_with(expected), "{domain} goes to {got}, not to {expected}");
    }

    #[test]
    fn the_most_special_entry_wins() {
        let route = |domain: &str, hop: &str| {
            format!("[[route]]\ndomain = \"{domain}\"\nnext_hop = \"smtp://{hop}\"\n")
        };
        let table = [
            route("a.example", "exact"),
            route(".example", "short"),
            route(".b.example", "long"),
            route("B\u{fc}cher.test", "idn"),
            route("*", "others"),
        ];
        let router = router(&table.concat()).unwrap();
        check(&router, "a.example", "smtp://exact");
        check(&router, "x.a.example", "smtp://short");
        check(&router, "x.b.example", "smtp://long");
        check(&router, "b.example", "smtp://short");
        check(&router, "example", "smtp://others");
        check(&router, "xn--bcher-kva.test", "smtp://idn");
        check(&router, "elsewhere.test", "smtp://others");
    }

    #[test]
    fn local_mail_goes_to_the_delivery_agent_and_the_rest_by_dns() {
        let plain = router("").unwrap();
        check(&plain, "our.example", "lmtp+unix:///");
        check(&plain, "third.example", "DNS third.example");
        let other = "[[route]]\ndomain = \"local\"\nnext_hop = \"lmtp://127.0.0.1:24\"\n";
        check(&router(other).unwrap(), "our.example", "lmtp://127.0.0.1:24");
    }

    #[test]
    fn c07_a_login_makes_tls_required() {
        let route = |hop: &str, tls: &str| {
            format!(
                "[[route]]\ndomain = \"*\"\nnext_hop = \"smtp://{hop}\"\nuser = \"u\"\n\
                 password_file = \"secret\"\ntls = \"{tls}\"\n"
            )
        };
        let tls = |hop: &str, tls: &str| {
            router(&route(hop, tls)).map(|router| router.hop("*").map(|hop| hop.tls))
        };
        assert_eq!(tls("relay.example", "opportunistic").unwrap(), Some(RouteTls::Required));
        assert_eq!(tls("127.0.0.1", "opportunistic").unwrap(), Some(RouteTls::Opportunistic));
        // The settings refuse it already when they are read.
        let error = tls("relay.example", "never").unwrap_err().to_string();
        assert!(error.contains("the password would travel in clear"), "{error}");
        let router = router(&route("relay.example", "required")).unwrap();
        let login = router.hop("*").unwrap().login.clone().unwrap();
        assert_eq!((login.name.as_str(), login.password.as_slice()), ("u", &b"pass word"[..]));
    }
}
