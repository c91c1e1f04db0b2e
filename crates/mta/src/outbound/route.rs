//! Where a recipient's mail goes: by a route of the operator's, or by DNS.
//!
//! The first kind of entry that fits wins, from the most special to the least: `example.org`, then
//! `.example.org` (the longest), then `local` for our own domains, then `*`. With no route for local mail
//! it goes to the delivery agent's socket; everything else without a route goes by DNS.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Context as _;
use postroad_accounts::Accounts;
use postroad_config::{Config, NextHop, Route, RouteTls};
use postroad_protocol::address::Domain;
use postroad_protocol::client::ClearTextLogin;
use postroad_protocol::sasl::Credentials;

use super::shared::Distance;

/// Where messages wait together: one queue, one set of connections.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Destination {
    /// A route's next hop; the number is its place in the table.
    Route(usize),
    /// The hosts that DNS names for the domain.
    Domain(Domain),
}

/// A next hop as the operator named it.
#[derive(Debug)]
pub(crate) struct FixedHop {
    /// Where.
    pub(crate) next_hop: NextHop,
    /// Whether the connection must be encrypted.
    pub(crate) tls: RouteTls,
    /// Who we are there.
    pub(crate) login: Option<Credentials>,
    /// Whether the password may go in clear: on this host only.
    pub(crate) clear_text_login: ClearTextLogin,
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

/// The table of routes, ready to be asked.
pub(crate) struct Router {
    accounts: Arc<Accounts>,
    hops: Vec<Arc<FixedHop>>,
    exact: HashMap<String, usize>,
    /// Suffixes with their leading dot, the longest first.
    suffixes: Vec<(String, usize)>,
    local: usize,
    others: Option<usize>,
}

impl Router {
    /// Reads the table and the password files that it names.
    ///
    /// # Errors
    /// Where a password file can't be read, or a route would send a password in clear over the network.
    pub(crate) fn new(config: &Config, accounts: Arc<Accounts>) -> anyhow::Result<Self> {
        let mut router = Self {
            accounts,
            hops: Vec::new(),
            exact: HashMap::new(),
            suffixes: Vec::new(),
            local: 0,
            others: None,
        };
        let socket = NextHop::LmtpUnix { path: config.mda.socket.clone() };
        let delivery_agent = FixedHop {
            next_hop: socket,
            tls: RouteTls::Never,
            login: None,
            clear_text_login: ClearTextLogin::Refused,
        };
        router.hops.push(Arc::new(delivery_agent));
        for route in &config.route {
            let number = router.hops.len();
            router.hops.push(Arc::new(fixed_hop(route)?));
            let domain = route.domain.clone();
            match domain.as_str() {
                "local" => router.local = number,
                "*" => router.others = Some(number),
                suffix if suffix.starts_with('.') => router.suffixes.push((domain, number)),
                _ => {
                    router.exact.insert(domain, number);
                }
            }
        }
        router.suffixes.sort_by_key(|(suffix, _)| std::cmp::Reverse(suffix.len()));
        Ok(router)
    }

    /// Where mail for the domain goes.
    pub(crate) fn destination(&self, domain: &Domain) -> Destination {
        let name = domain.as_str();
        if let Some(number) = self.exact.get(name) {
            return Destination::Route(*number);
        }
        if let Some((_, number)) = self.suffixes.iter().find(|(suffix, _)| name.ends_with(suffix)) {
            return Destination::Route(*number);
        }
        if self.accounts.directory().is_local(domain) {
            return Destination::Route(self.local);
        }
        match self.others {
            Some(number) => Destination::Route(number),
            None => Destination::Domain(domain.clone()),
        }
    }

    /// A route's next hop.
    pub(crate) fn hop(&self, number: usize) -> Option<&Arc<FixedHop>> {
        self.hops.get(number)
    }
}

fn fixed_hop(route: &Route) -> anyhow::Result<FixedHop> {
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
    Ok(FixedHop { next_hop: next_hop.clone(), tls, login, clear_text_login })
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
        let sources = Sources {
            users: config.accounts.users.clone(),
            aliases: config.accounts.aliases.clone(),
            domains: config.domains.clone(),
            detail_separator: '+',
        };
        Router::new(&config, Arc::new(Accounts::open(sources).unwrap()))
    }

    #[track_caller]
    fn check(router: &Router, domain: &str, expected: &str) {
        let domain = Domain::parse(domain).unwrap();
        let got = match router.destination(&domain) {
            Destination::Domain(domain) => format!("DNS {domain}"),
            Destination::Route(number) => router.hop(number).unwrap().next_hop.to_string(),
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
            router(&route(hop, tls)).map(|router| router.hop(1).map(|hop| hop.tls))
        };
        assert_eq!(tls("relay.example", "opportunistic").unwrap(), Some(RouteTls::Required));
        assert_eq!(tls("127.0.0.1", "opportunistic").unwrap(), Some(RouteTls::Opportunistic));
        // The settings refuse it already when they are read.
        let error = tls("relay.example", "never").unwrap_err().to_string();
        assert!(error.contains("the password would travel in clear"), "{error}");
        let router = router(&route("relay.example", "required")).unwrap();
        let login = router.hop(1).unwrap().login.clone().unwrap();
        assert_eq!((login.name.as_str(), login.password.as_slice()), ("u", &b"pass word"[..]));
    }
}
