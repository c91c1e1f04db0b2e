//! `postroad probe`: whether the hosts that take mail for an address take it, asked as the transfer agent would.
//!
//! | looking for | it is in |
//! |---|---|
//! | questions to DNS, record by record | `dns.rs` |
//! | one session: greeting, EHLO, STARTTLS, MAIL, RCPT, and never DATA | `session.rs` |
//! | what a certificate says | `certificate.rs` |
//! | each line, for people and for programs | `report.rs` |
//!
//! The session is held by the state machine that the transfer agent delivers with. DNS is asked here, not by
//! the agent's resolver: what a person wants to see (TTLs, aliases, which server answered) is what that one
//! hides, and a probe must work where no agent runs.

mod certificate;
mod dns;
mod report;
mod session;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use postroad_config::{Config, Family, LoopbackHosts, NextHop, RouteTls, Source};
use postroad_protocol::address::{Address, Domain, ReversePath};
use postroad_protocol::client::Protocol;
use postroad_protocol::envelope::{Envelope, Recipient, Utf8};

use crate::cli::{Form, Settings};
use dns::{Absence, Dns, Mx};
use report::{Event, Report};
use session::{Call, Caller, Implicit, Outcome, Place};

/// `postroad probe`
#[derive(Debug, Args)]
pub(crate) struct Probe {
    #[command(flatten)]
    settings: Settings,
    /// The address whose hosts are asked
    address: Address,
    /// The sender to name, "<>" for none [default: the postmaster here]
    #[arg(long, value_name = "ADDRESS")]
    from: Option<String>,
    /// The port at hosts that DNS names [default: mta.dns.smtp_port, 25]
    #[arg(long)]
    port: Option<u16>,
    /// Ask DNS alone, and connect to nobody
    #[arg(long)]
    mx_only: bool,
    /// Ask the hosts that DNS names, whatever our routes say
    #[arg(long)]
    direct: bool,
    #[command(flatten)]
    form: Form,
}

/// Hosts that are asked, as the transfer agent tries no more of them (row D03).
const HOSTS_MAX: usize = 10;
/// Addresses of one host that are asked.
const ADDRESSES_MAX: usize = 4;

pub(crate) fn run(probe: &Probe) -> Result<ExitCode> {
    let config = probe.settings.load_or_defaults()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(Probing::start(probe, config)?.run())
}

/// Where a route leads.
struct Way {
    pattern: String,
    next_hop: NextHop,
    tls: RouteTls,
    family: Family,
    source: Source,
    user: Option<String>,
}

/// One probe under way.
struct Probing<'p> {
    probe: &'p Probe,
    config: Config,
    hello: Domain,
    envelope: Arc<Envelope>,
    report: Report,
    /// The best answer of any host so far.
    best: Option<Outcome>,
}

impl<'p> Probing<'p> {
    fn start(probe: &'p Probe, config: Config) -> Result<Self> {
        let hello = Domain::parse(&config.hostname)
            .with_context(|| format!("\"{}\" is no host name: set hostname", config.hostname))?;
        let from = match probe.from.as_deref().map(|from| from.trim_matches(['<', '>'])) {
            Some("") => ReversePath::Null,
            Some(from) => ReversePath::Address(
                from.parse().with_context(|| format!("--from {from} is no address"))?,
            ),
            // A sender that exists: some hosts refuse the null one, or take its owner for a guesser.
            None => {
                let domain = config.domains.first().unwrap_or(&hello);
                ReversePath::Address(Address::parse(&format!("postmaster@{domain}"))?)
            }
        };
        let mut envelope = Envelope::new(from, vec![Recipient::new(probe.address.clone())]);
        if !probe.address.is_ascii() {
            envelope.utf8 = Utf8::SmtpUtf8;
        }
        let report = Report::new(probe.form.output());
        Ok(Self { probe, config, hello, envelope: Arc::new(envelope), report, best: None })
    }

    async fn run(mut self) -> Result<ExitCode> {
        let domain = self.probe.address.domain.clone();
        let usable = match (self.probe.direct, self.route(&domain)) {
            (false, Some(route)) => self.by_route(&route).await?,
            (true, _) | (false, None) => self.by_dns(&domain).await?,
        };
        let accepted = match (&self.best, self.probe.mx_only) {
            (_, true) => usable > 0,
            (best, false) => matches!(best, Some(Outcome::Accepted { .. })),
        };
        let text = self.summary(usable);
        self.report.tell(&Event::Summary { accepted, text })?;
        Ok(if accepted { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn summary(&self, usable: usize) -> String {
        let address = &self.probe.address;
        match (&self.best, self.probe.mx_only && usable > 0) {
            (_, true) => format!("mail for {address} has {usable} places to go"),
            (Some(Outcome::Accepted { host, .. }), false) => {
                format!("{host} would take mail for {address}")
            }
            (Some(Outcome::Deferred { host, reply }), false) => {
                format!("not now, try again later: {host} says {reply}")
            }
            (Some(Outcome::Refused { host, reply }), false) => {
                format!("mail for {address} is refused: {host} says {reply}")
            }
            (Some(Outcome::Failed { host, reason }), false) => {
                format!("nobody could be asked; {host}: {reason}")
            }
            (None, false) => format!("there is nobody to ask about {address}"),
        }
    }

    /// The operator's route; the one to the delivery agent is there without being written.
    fn route(&self, domain: &Domain) -> Option<Way> {
        match self.config.route_for(domain) {
            Some(route) => Some(Way {
                pattern: route.domain.clone(),
                next_hop: route.next_hop.clone(),
                tls: match route.next_hop {
                    NextHop::LmtpUnix { .. } => RouteTls::Never, // It doesn't leave this host.
                    NextHop::Smtp { .. } | NextHop::Smtps { .. } | NextHop::Lmtp { .. } => {
                        route.tls
                    }
                },
                family: route.family.unwrap_or(self.config.mta.family),
                source: route.source.unwrap_or(self.config.mta.source),
                user: route.user.clone(),
            }),
            None if self.config.domains.contains(domain) => Some(Way {
                pattern: "local".to_owned(),
                next_hop: NextHop::LmtpUnix { path: self.config.mda.socket.clone() },
                tls: RouteTls::Never,
                family: Family::Any,
                source: Source::default(),
                user: None,
            }),
            None => None,
        }
    }

    /// As the operator has it: no DNS but for the host's own addresses.
    async fn by_route(&mut self, route: &Way) -> Result<usize> {
        let next_hop = route.next_hop.to_string();
        let why = format!("[[route]] \"{}\"; --direct asks DNS instead", route.pattern);
        self.plan(&next_hop, &why)?;
        let (protocol, implicit) = match route.next_hop {
            NextHop::Smtp { .. } => (Protocol::Smtp, Implicit::Clear),
            NextHop::Smtps { .. } => (Protocol::Smtp, Implicit::Tls),
            NextHop::Lmtp { .. } | NextHop::LmtpUnix { .. } => (Protocol::Lmtp, Implicit::Clear),
        };
        let (host, places) = match &route.next_hop {
            NextHop::LmtpUnix { path } => ("localhost", vec![Place::Unix(path.clone())]),
            NextHop::Smtp { host, port }
            | NextHop::Smtps { host, port }
            | NextHop::Lmtp { host, port } => {
                let found = dns::by_system(host, *port, route.family).await;
                self.report.tell(&found.event())?;
                let addresses = found.addresses.iter().copied().take(ADDRESSES_MAX);
                (host.as_str(), addresses.map(Place::Tcp).collect())
            }
        };
        if let Some(user) = &route.user {
            let text =
                format!("the transfer agent logs in here as {user}; a probe sends no password");
            self.report.tell(&Event::Note { text })?;
        }
        for place in &places {
            let (tls, source) = (route.tls, route.source);
            let call = Call { host, place, why: "route", protocol, implicit, tls, source };
            self.ask_host(&call).await?;
        }
        Ok(places.len())
    }

    /// RFC 5321 §5.1: MX hosts by preference, or the domain's own address where it has no MX at all.
    async fn by_dns(&mut self, domain: &Domain) -> Result<usize> {
        self.plan(&format!("the MX hosts of {domain}"), "DNS")?;
        if let Some(ip) = domain.literal() {
            return self.ask_address(domain.as_str(), ip, "address literal").await;
        }
        let dns = Dns::new(&self.config.mta.dns)?;
        let asked = dns.mx(domain.as_str()).await;
        self.report.tell(&asked.event())?;
        let implicit = Mx { preference: 0, host: domain.to_string() };
        let (mut hosts, is_implicit) = match asked.found {
            Ok(hosts) => (hosts, false),
            Err(Absence::NoSuchRecord) => (vec![implicit], true),
            Err(Absence::NoSuchName | Absence::Temporary(_)) => return Ok(0),
        };
        if hosts.iter().all(|mx| mx.host.is_empty()) {
            let text = format!("{domain} says that it takes no mail: null MX (RFC 7505)");
            self.report.tell(&Event::Note { text })?;
            return Ok(0);
        }
        hosts.retain(|mx| !mx.host.is_empty());
        hosts.sort_by_key(|mx| mx.preference);
        let left_out = hosts.len().saturating_sub(HOSTS_MAX);
        let mut usable = 0;
        for Mx { preference, host } in hosts.into_iter().take(HOSTS_MAX) {
            if host == self.hello.as_str() {
                let text = format!(
                    "{host} is this host: it and all behind it don't count (RFC 5321, 5.1)"
                );
                self.report.tell(&Event::Note { text })?;
                break;
            }
            let why = match is_implicit {
                true => "the domain itself, since it has no MX".to_owned(),
                false => format!("MX {preference}"),
            };
            for asked in dns.addresses(&host, self.config.mta.family).await {
                self.report.tell(&asked.event())?;
                for ip in asked.found.into_iter().flatten().take(ADDRESSES_MAX) {
                    usable += self.ask_address(&host, ip, &why).await?;
                }
            }
        }
        if left_out > 0 {
            let text = format!("{left_out} hosts more are not tried");
            self.report.tell(&Event::Note { text })?;
        }
        Ok(usable)
    }

    fn plan(&mut self, next_hop: &str, why: &str) -> Result<()> {
        self.report.tell(&Event::Plan {
            address: self.probe.address.to_string(),
            from: self.envelope.reverse_path.to_string(),
            hello: self.hello.to_string(),
            next_hop: next_hop.to_owned(),
            why: why.to_owned(),
        })
    }

    /// 1 where mail could go there.
    async fn ask_address(&mut self, host: &str, ip: IpAddr, why: &str) -> Result<usize> {
        if !self.config.mta.family.has(ip) {
            let text = format!("{host} [{ip}] isn't connected to: mta.family leaves it out");
            self.report.tell(&Event::Note { text })?;
            return Ok(0);
        }
        if ip.to_canonical().is_loopback() && self.config.mta.dns.loopback == LoopbackHosts::Refused
        {
            let text = format!("{host} [{ip}] is this host to everybody: no mail goes there");
            self.report.tell(&Event::Note { text })?;
            return Ok(0);
        }
        let port = self.probe.port.unwrap_or(self.config.mta.dns.smtp_port);
        let place = Place::Tcp(SocketAddr::new(ip, port));
        let (protocol, implicit) = (Protocol::Smtp, Implicit::Clear);
        let (tls, source) = (RouteTls::Opportunistic, self.config.mta.source);
        self.ask_host(&Call { host, place: &place, why, protocol, implicit, tls, source }).await?;
        Ok(1)
    }

    async fn ask_host(&mut self, call: &Call<'_>) -> Result<()> {
        if self.probe.mx_only {
            return Ok(());
        }
        let caller = Caller {
            hello: self.hello.clone(),
            envelope: Arc::clone(&self.envelope),
            trust: self.config.tls.trust.clone(),
        };
        let outcome = session::call(&mut self.report, &caller, call).await?;
        self.report.tell(&outcome.event())?;
        if self.best.as_ref().is_none_or(|best| best.rank() < outcome.rank()) {
            self.best = Some(outcome);
        }
        Ok(())
    }
}

impl Settings {
    /// The settings; the defaults where there are none anywhere: a probe needs no installation.
    fn load_or_defaults(&self) -> Result<Config> {
        match self.named_or_usual() {
            Some(path) => Ok(postroad_config::load(&path)?.config),
            None => match postroad_config::parse(Path::new("the defaults"), "") {
                Ok(loaded) => Ok(loaded.config),
                Err(error) => bail!("{error}: write a file of settings and name it by --config"),
            },
        }
    }

    fn named_or_usual(&self) -> Option<PathBuf> {
        self.known_path().ok()
    }
}
