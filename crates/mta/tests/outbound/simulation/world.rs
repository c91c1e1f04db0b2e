//! Destinations and their hosts, each with a nature of its own.

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Deref;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use postroad_config::Family;
use postroad_mta::outbound::dns::{BoxFuture, DnsError, Mx, Resolver};
use postroad_mta::outbound::network::{Network, Place};
use postroad_net::Io;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep};

pub(super) const CONNECTIONS_PER_HOST: usize = 8;
const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// How large a world is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) messages: usize,
    pub(super) domains: u64,
    pub(super) hosts: u64,
}

pub(super) const FULL: Size = Size { messages: 3_000, domains: 4_000, hosts: 3_000 };

/// A connection to a host: when, in milliseconds, and which.
pub(super) type Visit = (u128, usize);

/// Numbers from a seed (splitmix64).
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// What a host is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nature {
    Good,
    /// Refuses connections for hours.
    Down {
        from: u64,
        until: u64,
    },
    /// Doesn't answer for hours, or ever.
    BlackHole {
        from: u64,
        until: u64,
    },
    /// DNS doesn't say where it is for hours (row F17).
    Unnamed {
        from: u64,
        until: u64,
    },
    /// There is no such domain.
    Nowhere,
    /// Takes so many connections, and says 421 to more.
    Picky(usize),
    /// Answers after so many seconds (row F19).
    Slow(u64),
    /// Puts off everybody once.
    Greylisting,
    /// Refuses every recipient.
    Refusing,
    /// Drops one session in so many at a command.
    Flaky(u64),
}

impl Nature {
    fn draw(dice: &mut Dice) -> Self {
        let from = dice.below(24 * HOUR);
        let until = from + HOUR + dice.below(60 * HOUR);
        match dice.below(20) {
            0..2 => Self::Down { from, until },
            2..4 => Self::BlackHole { from: 0, until },
            4 => Self::BlackHole { from: 0, until: u64::MAX },
            5 => Self::Unnamed { from, until },
            6 => Self::Nowhere,
            7 => Self::Picky(1 + usize::try_from(dice.below(3)).unwrap()),
            8 => Self::Slow(1 + dice.below(60)),
            9 => Self::Greylisting,
            10 => Self::Refusing,
            11 => Self::Flaky(2 + dice.below(8)),
            _ => Self::Good,
        }
    }
}

impl Nature {
    /// From when on they take mail, and how long a letter may take then. `None` where they never do, or where a
    /// stricter rule holds.
    pub(super) fn patience(self) -> Option<(u64, Duration)> {
        let (back, minutes) = match self {
            Self::Good | Self::Nowhere | Self::Refusing => return None,
            Self::BlackHole { until: u64::MAX, .. } => return None,
            // The longest wait of a next hop that is left alone is an hour, spread by a quarter.
            Self::Down { until, .. }
            | Self::BlackHole { until, .. }
            | Self::Unnamed { until, .. } => (until, 90),
            // One connection finds room at once, and the others wait for it.
            Self::Picky(_) => (0, 15),
            // Six replies of a minute each, and what is ahead.
            Self::Slow(_) => (0, 30),
            // The first wait, spread by a quarter.
            Self::Greylisting => (0, 10),
            // Most letters go at the second try, all but a few at the third.
            Self::Flaky(_) => (0, 60),
        };
        Some((back, Duration::from_secs(minutes * MINUTE)))
    }
}

struct Host {
    nature: Nature,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    open: usize,
    most: usize,
    commands: u64,
    seen: HashSet<String>,
}

/// The whole of it; clones are the same one.
#[derive(Clone)]
pub(super) struct World(Arc<Inner>);

pub(super) struct Inner {
    pub(super) start: Instant,
    pub(super) size: Size,
    visits: Mutex<Vec<Visit>>,
    hosts: Vec<Host>,
    delivered: Mutex<HashMap<String, usize>>,
    failed: Mutex<HashMap<String, usize>>,
}

impl World {
    pub(super) fn new(dice: &mut Dice, size: Size) -> Self {
        let host = |_| Host { nature: Nature::draw(dice), state: Mutex::default() };
        Self(Arc::new(Inner {
            start: Instant::now(),
            size,
            visits: Mutex::default(),
            hosts: (0..size.hosts).map(host).collect(),
            delivered: Mutex::default(),
            failed: Mutex::default(),
        }))
    }
}

impl Deref for World {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Inner {
    /// Some domain; a few are written to a lot.
    pub(super) fn domain(&self, dice: u64) -> String {
        let number = (dice >> 8) % self.size.domains;
        let number = if dice.is_multiple_of(3) { number % 10 } else { number };
        format!("d{number}.example")
    }

    /// The domains behind the last host share it.
    fn host_of(&self, domain: &str) -> Option<usize> {
        let number = domain.strip_prefix('d')?.strip_suffix(".example")?.parse::<u64>().ok()?;
        usize::try_from(number % self.size.hosts).ok()
    }

    pub(super) fn nature_of(&self, recipient: &str) -> Nature {
        let domain = recipient.rsplit('@').next().unwrap();
        self.hosts[self.host_of(domain).unwrap()].nature
    }

    fn seconds(&self) -> u64 {
        self.start.elapsed().as_secs()
    }

    pub(super) fn visits(&self) -> Vec<Visit> {
        self.visits.lock().unwrap().clone()
    }

    /// Thousands of hosts were tried.
    pub(super) fn is_large(&self) {
        let visits = self.visits.lock().unwrap();
        let hosts: HashSet<usize> = visits.iter().map(|(_, host)| *host).collect();
        assert!(hosts.len() > 1_500, "{} hosts", hosts.len());
    }

    pub(super) fn delivered(&self) -> HashMap<String, usize> {
        self.delivered.lock().unwrap().clone()
    }

    pub(super) fn failed(&self) -> HashMap<String, usize> {
        self.failed.lock().unwrap().clone()
    }

    pub(super) fn most_connections(&self) -> Vec<(usize, usize)> {
        let most = |(number, host): (usize, &Host)| (number, host.state.lock().unwrap().most);
        self.hosts.iter().enumerate().map(most).collect()
    }
}

impl Resolver for World {
    fn mx<'a>(&'a self, domain: &'a str) -> BoxFuture<'a, Result<Vec<Mx>, DnsError>> {
        let found = match self.host_of(domain) {
            None => Err(DnsError::NoSuchName),
            Some(number) => match self.hosts[number].nature {
                Nature::Nowhere => Err(DnsError::NoSuchName),
                Nature::Unnamed { from, until } if (from..until).contains(&self.seconds()) => {
                    Err(DnsError::Temporary("SERVFAIL".to_owned()))
                }
                _ => Ok(vec![Mx { preference: 10, host: format!("mx{number}.example") }]),
            },
        };
        Box::pin(async move { found })
    }

    fn addresses<'a>(
        &'a self,
        host: &'a str,
        _family: Family,
    ) -> BoxFuture<'a, Result<Vec<IpAddr>, DnsError>> {
        let number = host.strip_prefix("mx").and_then(|rest| rest.strip_suffix(".example"));
        let number: u16 = number.unwrap().parse().unwrap();
        let [high, low] = number.to_be_bytes();
        Box::pin(async move { Ok(vec![IpAddr::V4(Ipv4Addr::new(10, 1, high, low))]) })
    }
}

impl Network for World {
    fn connect<'a>(
        &'a self,
        place: &'a Place,
        _from: Option<IpAddr>,
    ) -> BoxFuture<'a, io::Result<Io>> {
        Box::pin(async move {
            let Place::Tcp(address) = place else { return Err(io::ErrorKind::NotFound.into()) };
            let IpAddr::V4(ip) = address.ip() else { return Err(io::ErrorKind::NotFound.into()) };
            let (ours, theirs) = UnixStream::pair()?;
            let world = self.clone();
            match ip.octets() {
                [10, 1, high, low] => {
                    let number = usize::from(u16::from_be_bytes([high, low]));
                    let now = self.seconds();
                    let visit = (self.start.elapsed().as_millis(), number);
                    self.visits.lock().unwrap().push(visit);
                    match self.hosts[number].nature {
                        Nature::Down { from, until } if (from..until).contains(&now) => {
                            return Err(io::ErrorKind::ConnectionRefused.into());
                        }
                        Nature::BlackHole { from, until } if (from..until).contains(&now) => {
                            return std::future::pending().await;
                        }
                        _ => {}
                    }
                    tokio::spawn(async move { world.serve(number, theirs).await });
                }
                _ => drop(tokio::spawn(async move { world.file(theirs).await })),
            }
            Ok(Io::unix(ours))
        })
    }
}

impl Inner {
    /// One session with a host.
    async fn serve(&self, number: usize, stream: UnixStream) {
        let host = &self.hosts[number];
        let open = {
            let mut state = host.state.lock().unwrap();
            state.open += 1;
            state.most = state.most.max(state.open);
            state.open
        };
        if matches!(host.nature, Nature::Picky(most) if open > most) {
            let mut stream = stream;
            let _ = stream.write_all(b"421 4.7.0 too many connections\r\n").await;
        } else {
            let _ = self.talk(host, stream).await;
        }
        host.state.lock().unwrap().open -= 1;
    }

    async fn talk(&self, host: &Host, stream: UnixStream) -> io::Result<()> {
        let mut stream = BufReader::new(stream);
        let mut accepted: Vec<String> = Vec::new();
        let mut said = "220 mx ready\r\n".to_owned();
        loop {
            if let Nature::Slow(seconds) = host.nature {
                sleep(Duration::from_secs(seconds)).await;
            }
            stream.write_all(said.as_bytes()).await?;
            let command = line(&mut stream).await?;
            if host.drops() {
                return Ok(());
            }
            let verb = command.split([' ', ':']).next().unwrap_or_default();
            said = match verb {
                "EHLO" => "250-mx\r\n250 PIPELINING\r\n".into(),
                "MAIL" => {
                    accepted.clear();
                    "250 2.1.0 Ok\r\n".into()
                }
                "RCPT" => {
                    let recipient = command.trim_start_matches("RCPT TO:<");
                    let recipient = recipient.split('>').next().unwrap_or_default();
                    let reply = host.judge(recipient);
                    if reply.starts_with('2') {
                        accepted.push(recipient.to_owned());
                    }
                    reply
                }
                "DATA" if accepted.is_empty() => "554 5.5.1 no valid recipients\r\n".into(),
                "DATA" => {
                    stream.write_all(b"354 go\r\n").await?;
                    while line(&mut stream).await? != "." {}
                    let mut delivered = self.delivered.lock().unwrap();
                    for recipient in accepted.drain(..) {
                        *delivered.entry(recipient).or_default() += 1;
                    }
                    "250 2.0.0 queued\r\n".into()
                }
                "QUIT" => {
                    stream.write_all(b"221 bye\r\n").await?;
                    return Ok(());
                }
                _ => "250 2.0.0 Ok\r\n".into(),
            };
        }
    }

    /// The delivery agent: Alice gets the notices.
    async fn file(&self, stream: UnixStream) -> io::Result<()> {
        let mut stream = BufReader::new(stream);
        let (mut said, mut recipients) = ("220 agent\r\n".to_owned(), 0);
        loop {
            stream.write_all(said.as_bytes()).await?;
            let command = line(&mut stream).await?;
            said = match command.split([' ', ':']).next().unwrap_or_default() {
                "LHLO" => "250-agent\r\n250 PIPELINING\r\n".into(),
                "MAIL" => {
                    recipients = 0;
                    "250 2.1.0 Ok\r\n".into()
                }
                "RCPT" => {
                    recipients += 1;
                    "250 2.1.5 Ok\r\n".into()
                }
                "DATA" => {
                    stream.write_all(b"354 go\r\n").await?;
                    self.read_notice(&mut stream).await?;
                    "250 2.0.0 filed\r\n".repeat(recipients)
                }
                _ => "250 2.0.0 Ok\r\n".into(),
            };
        }
    }

    async fn read_notice(&self, stream: &mut BufReader<UnixStream>) -> io::Result<()> {
        let mut about = String::new();
        loop {
            let line = line(stream).await?;
            if line == "." {
                return Ok(());
            }
            if let Some((_, recipient)) =
                line.strip_prefix("Final-Recipient:").and_then(|rest| rest.split_once(';'))
            {
                about = recipient.trim().to_owned();
            }
            if line == "Action: failed" {
                *self.failed.lock().unwrap().entry(about.clone()).or_default() += 1;
            }
        }
    }
}

impl Host {
    /// Whether the session ends here; never between the final dot and its reply, for then nobody knows.
    fn drops(&self) -> bool {
        let Nature::Flaky(one_in) = self.nature else { return false };
        let mut state = self.state.lock().unwrap();
        state.commands += 1;
        state.commands.is_multiple_of(one_in * 5)
    }

    fn judge(&self, recipient: &str) -> String {
        match self.nature {
            Nature::Refusing => "550 5.1.1 no such user\r\n".into(),
            Nature::Greylisting if self.state.lock().unwrap().seen.insert(recipient.to_owned()) => {
                "451 4.7.1 come back later\r\n".into()
            }
            _ => "250 2.1.5 Ok\r\n".into(),
        }
    }
}

async fn line(stream: &mut BufReader<UnixStream>) -> io::Result<String> {
    let mut line = String::new();
    match stream.read_line(&mut line).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(line.trim_end_matches(['\r', '\n']).to_owned()),
    }
}
