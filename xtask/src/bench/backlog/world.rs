//! Where a backlog goes to: name servers, hosts that are dead, and hosts that live.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;

use anyhow::Context as _;
use postroad_tests::peers::Nsd;
use postroad_tests::process::free_port;

use super::super::load::Sink;
use super::super::peers::{Tools, loopback};

/// Destinations, that is domains; each is scheduled by itself.
const DESTINATIONS: u64 = 50_000;
/// One in so many of them takes mail.
const LIVING_ONE_IN: u64 = 50;
/// Hosts of the dead domains, which share them as small domains share their providers.
const DEAD_HOSTS: u64 = 1_000;

/// The domain of a host that a route leads to.
pub(super) const ROUTED: &str = "far.example";
/// Domains below this have a host that lives.
pub(super) const NEW: &str = "new.test";

const LIVING_HOST: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const NEW_HOST: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

/// How a backlog is spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plan {
    /// Fifty thousand destinations, most of them dead.
    ManyDead,
    /// All to one that is dead; the very last letter is for one that lives.
    OneHole,
}

/// Whether anybody answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    Dead,
    Living,
}

/// Where a letter goes.
pub(super) struct Destination {
    pub(super) domain: String,
    pub(super) life: Life,
}

impl Plan {
    pub(super) const ALL: [Self; 2] = [Self::ManyDead, Self::OneHole];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::ManyDead => "many-dead",
            Self::OneHole => "one-hole",
        }
    }

    pub(super) fn in_words(self, messages: u64) -> String {
        match self {
            Self::ManyDead => format!("{} destinations", DESTINATIONS.min(messages)),
            Self::OneHole => "one black hole".into(),
        }
    }

    pub(super) fn destination(self, letter: u64, messages: u64) -> Destination {
        let number = letter % DESTINATIONS.min(messages);
        match self {
            Self::ManyDead if number % LIVING_ONE_IN < LIVING_ONE_IN - 1 => {
                let host = number % DEAD_HOSTS;
                Destination { domain: format!("d{number}.h{host}.dead.test"), life: Life::Dead }
            }
            Self::ManyDead => {
                Destination { domain: format!("d{number}.live.test"), life: Life::Living }
            }
            Self::OneHole if letter + 1 < messages => {
                Destination { domain: "hole.dead.test".into(), life: Life::Dead }
            }
            Self::OneHole => Destination { domain: "d.live.test".into(), life: Life::Living },
        }
    }

    /// Letters of all that can be delivered.
    pub(super) fn living(self, messages: u64) -> u64 {
        let lives = |letter: &u64| self.destination(*letter, messages).life == Life::Living;
        (0..messages).filter(lives).count() as u64
    }

    /// The last letter that can't be delivered.
    pub(super) fn last_dead(self, messages: u64) -> u64 {
        let dead = |letter: &u64| self.destination(*letter, messages).life == Life::Dead;
        (0..messages).rev().find(dead).unwrap_or(0)
    }
}

/// What runs beside the agent.
pub(super) struct World {
    /// Takes the backlog's letters to the living.
    living: Sink,
    /// Takes new letters by a route.
    pub(super) route: Sink,
    /// Takes new letters that DNS leads there.
    pub(super) new: Sink,
    settings: String,
    _dead: Vec<TcpListener>,
    _dns: Nsd,
}

impl World {
    pub(super) fn start(plan: Plan, tools: &Tools, folder: &Path) -> anyhow::Result<Self> {
        // One port for all hosts that DNS names; it is free on each address of loopback.
        let (port, route) = (free_port(), loopback(free_port()));
        let hosts = match plan {
            Plan::ManyDead => DEAD_HOSTS,
            Plan::OneHole => 1,
        };
        let mut zone = "hole MX 10 mx0\n".to_owned();
        let mut dead = Vec::new();
        for number in 0..hosts {
            let ip = dead_host(number);
            zone.push_str(&format!("*.h{number} MX 10 mx{number}\nmx{number} A {ip}\n"));
            // The kernel takes connections, as many as its list holds; nobody ever says a word on them. Then
            // it doesn't take any more.
            let listener = TcpListener::bind((ip, port));
            dead.push(listener.with_context(|| format!("cannot listen at {ip}:{port}"))?);
        }
        let host = |ip| format!("* MX 10 mx\nmx A {ip}\n");
        let zones = [
            ("dead.test", zone.as_str()),
            ("live.test", &host(LIVING_HOST)),
            (NEW, &host(NEW_HOST)),
        ];
        let dns = Nsd::start(tools.stage(), &zones)?;
        let settings = format!(
            "[mta.dns]\nservers = [\"{}\"]\nsmtp_port = {port}\nloopback = \"allowed\"\n\
             [[route]]\ndomain = \"{ROUTED}\"\nnext_hop = \"smtp://{route}\"\ntls = \"never\"\n",
            dns.address
        );
        let sink = |ip| Sink::start(tools, SocketAddr::from((ip, port)), folder);
        Ok(Self {
            living: sink(LIVING_HOST)?,
            new: sink(NEW_HOST)?,
            route: Sink::start(tools, route, folder)?,
            settings,
            _dead: dead,
            _dns: dns,
        })
    }

    /// What the agent has to know of it.
    pub(super) fn settings(&self) -> String {
        self.settings.clone()
    }

    /// Letters of the backlog that have arrived.
    pub(super) fn delivered(&mut self) -> anyhow::Result<u64> {
        self.living.count()
    }
}

/// From 127.1.0.1 on.
fn dead_host(number: u64) -> Ipv4Addr {
    const FIRST: u32 = 0x7f01_0001;
    Ipv4Addr::from_bits(FIRST + number as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_live_among_the_dead() {
        for (plan, messages, living, last_dead) in [
            (Plan::ManyDead, 1_000_000, 20_000, 999_998),
            (Plan::ManyDead, 50, 1, 48),
            (Plan::OneHole, 1_000, 1, 998),
        ] {
            assert_eq!(plan.living(messages), living, "{plan:?}");
            assert_eq!(plan.last_dead(messages), last_dead, "{plan:?}");
        }
    }
}
