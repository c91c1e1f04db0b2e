//! Who is asked: the provider, DNS, then the provider of the host that takes the domain's mail.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use postroad_net::tls::TlsError;
use postroad_protocol::address::Address;
use rustls::ClientConfig;
use url::Url;

use crate::autoconfig::{File, Issuer};
use crate::dns::Dns;
use crate::limits::PARENTS_MAX;
use crate::{Protocol, Service, Tls, autoconfig, http, is_host, srv};

/// How others are asked.
pub struct Ways {
    dns: Dns,
    tls: Arc<ClientConfig>,
    /// What web servers listen on.
    port: u16,
}

/// Nobody can be asked.
#[derive(Debug, thiserror::Error)]
pub enum WaysError {
    /// There are no name servers.
    #[error("cannot ask DNS: {0}")]
    Dns(String),
    /// Nobody is trusted.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl Ways {
    /// By this host's name servers; `trust` names a certificate authority beside the system's.
    ///
    /// # Errors
    /// Where the host has no name servers, or trusts nobody.
    pub fn of_host(trust: Option<&Path>) -> Result<Self, WaysError> {
        let dns = Dns::at(&[]).map_err(WaysError::Dns)?;
        Ok(Self { dns, tls: postroad_net::tls::verifying(trust)?, port: 443 })
    }

    /// By other name servers, with web servers at another port.
    ///
    /// # Errors
    /// As [`Ways::of_host`].
    pub fn by(servers: &[SocketAddr], port: u16, trust: Option<&Path>) -> Result<Self, WaysError> {
        let dns = Dns::at(servers).map_err(WaysError::Dns)?;
        Ok(Self { dns, tls: postroad_net::tls::verifying(trust)?, port })
    }
}

/// Somebody who was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// What was asked, as a person reads it.
    pub what: String,
    /// How many servers it named, or why none.
    pub outcome: Result<usize, String>,
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.outcome {
            Ok(0) => write!(f, "{}: nothing", self.what),
            Ok(1) => write!(f, "{}: 1 server", self.what),
            Ok(count) => write!(f, "{}: {count} servers", self.what),
            Err(why) => write!(f, "{}: {why}", self.what),
        }
    }
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The servers, those of whoever knows best first, and who said so.
    pub services: Vec<(Service, String)>,
    /// Who gives tokens for them (OAuth2), and who said so.
    pub issuer: Option<(Issuer, String)>,
}

impl Found {
    /// The best server to read from: by IMAP, else by POP3.
    pub fn reading(&self) -> Option<&(Service, String)> {
        self.first(Protocol::Imap).or_else(|| self.first(Protocol::Pop3))
    }

    /// The best server to send by.
    pub fn sending(&self) -> Option<&(Service, String)> {
        self.first(Protocol::Submission)
    }

    /// Who gives tokens for both, where whoever says so has named both: a server that somebody else has named is shown none.
    pub fn issuer_of_all(&self) -> Option<&(Issuer, String)> {
        let (_, source) = self.issuer.as_ref()?;
        let is_theirs =
            |service: Option<&(Service, String)>| service.is_some_and(|it| it.1 == *source);
        let are_theirs = is_theirs(self.reading()) && is_theirs(self.sending());
        self.issuer.as_ref().filter(|_| are_theirs)
    }

    fn first(&self, protocol: Protocol) -> Option<&(Service, String)> {
        self.services.iter().find(|(service, _)| service.protocol == protocol)
    }

    fn is_enough(&self) -> bool {
        self.reading().is_some() && self.sending().is_some()
    }
}

/// Asks one after the other until a server to read from and one to send by are known; `tell` hears of each.
pub async fn find(address: &Address, ways: &Ways, mut tell: impl FnMut(&Tried)) -> Found {
    let mut found = Found::default();
    let domain = address.domain.to_string().to_ascii_lowercase();
    // A domain in brackets is an address, and one that isn't ASCII stands otherwise in DNS.
    if !is_host(&domain) {
        let outcome = Err("it has no name that DNS could know".to_owned());
        tell(&Tried { what: domain, outcome });
        return found;
    }
    for url in urls(&domain, ways.port, Some(address)) {
        let what = format!("https://{}", url.host_str().unwrap_or_default());
        let asked = file(&url, address, ways).await;
        if take(&mut found, what, asked, &mut tell) {
            return found;
        }
    }
    // All at once: where nobody answers, somebody waits.
    let [a, b, c, d, e, f] = srv::NAMES;
    let ask = |of| by_srv(of, &domain, address, ways);
    let asked = tokio::join!(ask(a), ask(b), ask(c), ask(d), ask(e), ask(f));
    for (what, asked) in [asked.0, asked.1, asked.2, asked.3, asked.4, asked.5] {
        let asked = asked.map(|services| File { services, issuer: None });
        take(&mut found, what, asked, &mut tell);
    }
    if found.is_enough() {
        return found;
    }
    let host = ways.dns.mx(&domain).await;
    let what = format!("the mail server of {domain}");
    match host {
        Ok(Some(host)) => {
            for parent in parents(&host).filter(|parent| *parent != domain) {
                for url in urls(parent, ways.port, None) {
                    let what = format!("https://{}", url.host_str().unwrap_or_default());
                    let asked = file(&url, address, ways).await;
                    if take(&mut found, what, asked, &mut tell) {
                        return found;
                    }
                }
            }
        }
        Ok(None) => tell(&Tried { what, outcome: Ok(0) }),
        Err(error) => tell(&Tried { what, outcome: Err(error) }),
    }
    found
}

/// Keeps what somebody said; whether that is enough.
fn take(
    found: &mut Found,
    what: String,
    asked: Result<File, String>,
    tell: &mut impl FnMut(&Tried),
) -> bool {
    let outcome = asked.as_ref().map(|file| file.services.len()).map_err(Clone::clone);
    let tried = Tried { what, outcome };
    tell(&tried);
    let File { services, issuer } = asked.unwrap_or_default();
    let said = |service| (service, tried.what.clone());
    found.services.extend(services.into_iter().map(said));
    found.issuer = found.issuer.take().or(issuer.map(|issuer| (issuer, tried.what.clone())));
    found.is_enough()
}

async fn by_srv(
    (name, protocol, tls): (&str, Protocol, Tls),
    domain: &str,
    address: &Address,
    ways: &Ways,
) -> (String, Result<Vec<Service>, String>) {
    let what = format!("{name}.{domain}");
    let records = ways.dns.srv(&what).await;
    let user = address.to_string();
    (what, records.map(|records| srv::services(protocol, tls, &user, records)))
}

async fn file(url: &Url, address: &Address, ways: &Ways) -> Result<File, String> {
    let file = http::get(url, &ways.dns, &ways.tls).await?;
    autoconfig::read(&file, address).map_err(|error| error.to_string())
}

/// Where a provider keeps its file (draft-ietf-mailmaint-autoconfig §3.1). Only the address's own provider is told
/// the address.
fn urls(domain: &str, port: u16, address: Option<&Address>) -> impl Iterator<Item = Url> {
    let query = address.map_or_else(String::new, |address| {
        let address = address.to_string();
        format!("?emailaddress={}", utf8_percent_encode(&address, NON_ALPHANUMERIC))
    });
    [
        format!("https://autoconfig.{domain}:{port}/mail/config-v1.1.xml{query}"),
        format!("https://{domain}:{port}/.well-known/autoconfig/mail/config-v1.1.xml"),
    ]
    .into_iter()
    .filter_map(|url| Url::parse(&url).ok())
}

/// The names above a host's, the longest first, none of them a top-level one: `mx1.mail.example.net` is of
/// `mail.example.net` and `example.net`.
fn parents(host: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(host), |name| name.split_once('.').map(|(_, parent)| parent))
        .skip(1)
        .take(PARENTS_MAX)
        .filter(|parent| parent.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_above() {
        let above = |host| parents(host).collect::<Vec<_>>();
        assert_eq!(above("mx1.mail.example.net"), ["mail.example.net", "example.net"]);
        assert_eq!(above("a.b.c.d.example.net"), ["b.c.d.example.net", "c.d.example.net"]);
        assert_eq!(above("mx.net"), Vec::<&str>::new());
    }

    #[test]
    fn tokens_are_shown_to_servers_that_whoever_names_their_issuer_has_named() {
        let service = |protocol, source: &str| {
            let (host, user) = ("h.example".to_owned(), "us".to_owned());
            let (tls, login) = (Tls::AtOnce, crate::Login::OAuth2);
            (Service { protocol, host, port: 1, tls, login, user }, source.to_owned())
        };
        for (reading, sending, counts) in [
            ("its file", Some("its file"), true),
            ("DNS", Some("its file"), false),
            ("its file", Some("DNS"), false),
            ("its file", None, false),
        ] {
            let mut services = vec![service(Protocol::Imap, reading)];
            services.extend(sending.map(|source| service(Protocol::Submission, source)));
            let issuer = Some((Issuer::default(), "its file".to_owned()));
            let found = Found { services, issuer };
            assert_eq!(found.issuer_of_all().is_some(), counts, "{found:?}");
        }
    }

    #[test]
    fn only_the_own_provider_is_told_the_address() {
        let us = Address::parse("a+b@our.example").unwrap();
        let own: Vec<String> = urls("our.example", 443, Some(&us)).map(String::from).collect();
        assert_eq!(
            own,
            [
                "https://autoconfig.our.example/mail/config-v1.1.xml?emailaddress=a%2Bb%40our%2Eexample",
                "https://our.example/.well-known/autoconfig/mail/config-v1.1.xml",
            ]
        );
        assert!(urls("mx.example", 443, None).all(|url| url.query().is_none()));
    }
}
