//! Guessing is slowed and banned, by the network that guesses (an IPv4 address, an IPv6 /64), and slowed by the name that
//! is guessed at.
//!
//! Nobody is locked out: whoever could lock an account by guessing at it would have a weapon against
//! its owner. So what a user has logged in from before is the user's own network, where others' guesses count for
//! nothing: neither a ban of that network nor guesses from elsewhere make the owner wait. From a network that is new, the
//! owner of a name that many guess at waits some seconds, and is let in.
//!
//! | a login | waits for failures of | is banned by |
//! |---|---|---|
//! | from the user's own network | this name from this network | nothing |
//! | from elsewhere | the network; the name, from all networks together | the network's failures |
//! | from this host, where one web mailer may log in everybody | as from elsewhere, never longer each time | nothing |
//!
//! The same wrong password again is no other guess: a telephone that wasn't told the new one would get its house banned.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use postroad_net::slots::network_of;

use crate::limits;

/// Recent failures, and whose networks are whose.
#[derive(Debug, Default)]
pub(crate) struct Guesses {
    memory: Mutex<Memory>,
    /// Names and passwords are kept as hashes that nobody can make from outside.
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct Memory {
    networks: HashMap<IpAddr, Failures>,
    /// By the name's hash, from networks that aren't the user's own.
    names: HashMap<u64, Failures>,
    /// By the name's hash. Only users have any.
    own: HashMap<u64, Vec<OwnNetwork>>,
}

/// A login that is tried.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Guess {
    network: IpAddr,
    is_this_host: bool,
    name: u64,
    /// Name and password.
    whole: u64,
}

/// What is banned: an IPv4 address, or an IPv6 /64, by its first one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Network(IpAddr);

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(ip) => ip.fmt(f),
            IpAddr::V6(ip) => write!(f, "{ip}/64"),
        }
    }
}

/// When it is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// After that long.
    After(Duration),
    /// Not at all.
    Banned,
}

#[derive(Debug, Clone)]
struct Failures {
    count: u32,
    last: Instant,
    banned_until: Option<Instant>,
    /// The last different ones.
    recent: Vec<u64>,
}

/// A network from which a user has logged in.
#[derive(Debug)]
struct OwnNetwork {
    network: IpAddr,
    last: Instant,
    /// With this name, from here.
    failures: Failures,
}

impl Failures {
    fn none(now: Instant) -> Self {
        Self { count: 0, last: now, banned_until: None, recent: Vec::new() }
    }

    fn is_forgotten(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last) >= limits::GUESS_MEMORY
    }

    /// One more, unless it is one of the last again.
    fn add(&mut self, whole: u64, now: Instant) {
        if self.is_forgotten(now) {
            *self = Self::none(now);
        }
        self.last = now;
        if self.recent.contains(&whole) {
            return;
        }
        if self.recent.len() >= limits::GUESSES_KNOWN_AGAIN {
            self.recent.remove(0);
        }
        self.recent.push(whole);
        self.count = self.count.saturating_add(1);
    }

    /// How long another one waits, where so many are free.
    fn delay(&self, free: u32, now: Instant) -> Duration {
        match self.count.checked_sub(free) {
            Some(count @ 1..) if !self.is_forgotten(now) => limits::GUESS_DELAY_FIRST
                .saturating_mul(2u32.saturating_pow(count - 1))
                .min(limits::GUESS_DELAY_MAX),
            Some(_) | None => Duration::ZERO,
        }
    }

    /// Whether it begins with this.
    fn ban(&mut self, now: Instant) -> bool {
        let is_enough = self.count >= limits::GUESSES_BEFORE_BAN;
        if is_enough {
            // Guesses during a ban aren't checked, so they don't make it longer.
            self.banned_until = Some(now + limits::BAN_TIME);
            self.count = limits::GUESSES_BEFORE_BAN - limits::GUESSES_AFTER_BAN;
        }
        is_enough
    }

    fn banned_for(&self, now: Instant) -> Option<Duration> {
        let left = self.banned_until?.saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }
}

impl Guesses {
    /// A login that is tried from there, with the name of the user where it is one's.
    pub(crate) fn guess(&self, client: IpAddr, name: &str, password: &[u8]) -> Guess {
        let name = name.to_ascii_lowercase();
        let whole = self.hash((name.as_str(), password));
        let (network, is_this_host) = (network_of(client), client.to_canonical().is_loopback());
        Guess { network, is_this_host, name: self.hash(name), whole }
    }

    /// When it may be looked at.
    pub(crate) fn turn(&self, guess: Guess, now: Instant) -> Turn {
        let memory = self.memory();
        if let Some(own) = memory.own_network(guess, now) {
            return Turn::After(own.failures.delay(0, now));
        }
        let network = memory.networks.get(&guess.network);
        if network.is_some_and(|failures| failures.banned_for(now).is_some()) {
            return Turn::Banned;
        }
        let by_network = network.map_or(Duration::ZERO, |failures| failures.delay(0, now));
        let name = memory.names.get(&guess.name);
        let by_name =
            name.map_or(Duration::ZERO, |failures| failures.delay(limits::GUESSES_AT_A_NAME, now));
        let longest = match guess.is_this_host {
            true => limits::GUESS_DELAY_FIRST,
            false => limits::GUESS_DELAY_MAX,
        };
        Turn::After(by_network.max(by_name).min(longest))
    }

    /// It was wrong. Gives the network that is banned for it from now on.
    pub(crate) fn was_wrong(&self, guess: Guess, now: Instant) -> Option<Network> {
        let mut memory = self.memory();
        match memory.own_network_mut(guess, now) {
            Some(own) => own.failures.add(guess.whole, now),
            None => entry(&mut memory.names, guess.name, now).add(guess.whole, now),
        }
        let network = entry(&mut memory.networks, guess.network, now);
        network.add(guess.whole, now);
        let is_banned = !guess.is_this_host && network.ban(now);
        is_banned.then_some(Network(guess.network))
    }

    /// Networks that are banned now, and for how long still, by address.
    pub(crate) fn bans(&self, now: Instant) -> Vec<(Network, Duration)> {
        let memory = self.memory();
        let each = memory.networks.iter();
        let mut bans: Vec<_> = each
            .filter_map(|(ip, failures)| Some((Network(*ip), failures.banned_for(now)?)))
            .collect();
        bans.sort();
        bans
    }

    /// Forgets what the network of that address has guessed; whether it was banned.
    pub(crate) fn lift(&self, client: IpAddr, now: Instant) -> bool {
        let forgotten = self.memory().networks.remove(&network_of(client));
        forgotten.is_some_and(|failures| failures.banned_for(now).is_some())
    }

    /// It was right: that network is the user's from now on.
    pub(crate) fn was_right(&self, guess: Guess, now: Instant) {
        let mut memory = self.memory();
        if let Some(own) = memory.own_network_mut(guess, now) {
            own.last = now;
            own.failures = Failures::none(now);
            return;
        }
        let networks = memory.own.entry(guess.name).or_default();
        networks.retain(|own| own.network != guess.network);
        if networks.len() >= limits::OWN_NETWORKS_MAX {
            let oldest = networks.iter().enumerate().min_by_key(|(_, own)| own.last);
            if let Some((oldest, _)) = oldest {
                networks.swap_remove(oldest);
            }
        }
        let failures = Failures::none(now);
        networks.push(OwnNetwork { network: guess.network, last: now, failures });
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hash(&self, value: impl Hash) -> u64 {
        self.hasher.hash_one(value)
    }
}

impl Memory {
    fn own_network(&self, guess: Guess, now: Instant) -> Option<&OwnNetwork> {
        self.own.get(&guess.name)?.iter().find(|own| own.is_of(guess, now))
    }

    fn own_network_mut(&mut self, guess: Guess, now: Instant) -> Option<&mut OwnNetwork> {
        self.own.get_mut(&guess.name)?.iter_mut().find(|own| own.is_of(guess, now))
    }
}

impl OwnNetwork {
    fn is_of(&self, guess: Guess, now: Instant) -> bool {
        self.network == guess.network
            && now.saturating_duration_since(self.last) < limits::OWN_NETWORK_MEMORY
    }
}

/// The failures of that key; where there are too many keys, another's are forgotten for them.
fn entry<K: Copy + Eq + Hash>(
    all: &mut HashMap<K, Failures>,
    key: K,
    now: Instant,
) -> &mut Failures {
    if all.len() >= limits::GUESSERS_MAX && !all.contains_key(&key) {
        all.retain(|_, failures| !failures.is_forgotten(now));
        // All of them recent: one has to go, whichever, for memory is bounded.
        let any = all.keys().next().copied();
        if let Some(any) = any.filter(|_| all.len() >= limits::GUESSERS_MAX) {
            all.remove(&any);
        }
    }
    all.entry(key).or_insert_with(|| Failures::none(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: &str = "192.0.2.1";
    const ELSEWHERE: &str = "192.0.2.2";

    struct Site {
        guesses: Guesses,
        now: Instant,
        count: u32,
    }

    impl Site {
        fn new() -> Self {
            Self { guesses: Guesses::default(), now: Instant::now(), count: 0 }
        }

        fn turn(&self, from: &str, name: &str) -> Turn {
            self.guesses.turn(self.guesses.guess(ip(from), name, b"right"), self.now)
        }

        /// A guess that was not made before.
        fn wrong(&mut self, from: &str, name: &str) {
            self.count += 1;
            let guess = self.guesses.guess(ip(from), name, &self.count.to_be_bytes());
            self.guesses.was_wrong(guess, self.now);
        }

        fn right(&self, from: &str, name: &str) {
            let guess = self.guesses.guess(ip(from), name, b"right");
            self.guesses.was_right(guess, self.now);
        }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    const AT_ONCE: Turn = Turn::After(Duration::ZERO);

    #[test]
    fn s35_guessing_is_slower_each_time_then_banned_and_others_are_not() {
        let mut site = Site::new();
        let mut delays = Vec::new();
        for _ in 0..limits::GUESSES_BEFORE_BAN {
            if let Turn::After(delay) = site.turn(HOME, "alice") {
                delays.push(delay.as_millis());
            }
            site.wrong(HOME, "alice");
        }
        assert_eq!(delays.len(), limits::GUESSES_BEFORE_BAN as usize);
        assert_eq!(delays[..8], [0, 500, 1000, 2000, 4000, 8000, 8000, 8000]);
        assert_eq!(site.turn(HOME, "alice"), Turn::Banned);
        assert_eq!(site.turn(HOME, "bob"), Turn::Banned);
        assert_eq!(site.turn(ELSEWHERE, "bob"), AT_ONCE);
        // A ban ends, and comes back sooner.
        site.now += limits::BAN_TIME;
        assert_eq!(site.turn(HOME, "bob"), Turn::After(limits::GUESS_DELAY_MAX));
        for _ in 0..limits::GUESSES_AFTER_BAN {
            assert_ne!(site.turn(HOME, "bob"), Turn::Banned);
            site.wrong(HOME, "bob");
        }
        assert_eq!(site.turn(HOME, "bob"), Turn::Banned);
        site.now += limits::GUESS_MEMORY;
        assert_eq!(site.turn(HOME, "bob"), AT_ONCE);
    }

    #[test]
    fn s35_a_ban_is_told_once_listed_and_lifted() {
        for (from, beside, network) in
            [(HOME, HOME, HOME), ("2001:db8::1", "2001:db8::2", "2001:db8::/64")]
        {
            let site = Site::new();
            let mut told = Vec::new();
            for n in 0..limits::GUESSES_BEFORE_BAN {
                let guess = site.guesses.guess(ip(from), "alice", &n.to_be_bytes());
                told.extend(site.guesses.was_wrong(guess, site.now).map(|it| (n, it.to_string())));
            }
            assert_eq!(told, [(limits::GUESSES_BEFORE_BAN - 1, network.to_owned())]);
            let later = site.now + limits::BAN_TIME / 3;
            let bans = site.guesses.bans(later);
            assert_eq!(bans, [(Network(network_of(ip(from))), limits::BAN_TIME * 2 / 3)]);
            assert!(!site.guesses.lift(ip(ELSEWHERE), later));
            assert!(site.guesses.lift(ip(beside), later));
            assert!(!site.guesses.lift(ip(beside), later));
            assert_eq!(site.guesses.bans(later), []);
            // Another name: this one was guessed at, and waits for that.
            assert_eq!(site.turn(from, "bob"), AT_ONCE);
        }
        let mut site = Site::new();
        for _ in 0..100 {
            site.wrong("127.0.0.1", "alice");
        }
        assert_eq!(site.guesses.bans(site.now), [], "this host is never banned");
    }

    #[test]
    fn s35_the_owner_is_let_in_at_once_from_where_they_have_been() {
        let mut site = Site::new();
        site.right(HOME, "alice");
        // A guesser behind the same address has it banned for others.
        for _ in 0..limits::GUESSES_BEFORE_BAN {
            site.wrong(HOME, "bob");
        }
        assert_eq!(site.turn(HOME, "bob"), Turn::Banned);
        assert_eq!(site.turn(HOME, "Alice"), AT_ONCE);
        // Who guesses at alice herself from there waits, and isn't banned, for it may be she.
        for _ in 0..100 {
            site.wrong(HOME, "alice");
        }
        assert_eq!(site.turn(HOME, "alice"), Turn::After(limits::GUESS_DELAY_MAX));
        site.right(HOME, "alice");
        assert_eq!(site.turn(HOME, "alice"), AT_ONCE);
        site.now += limits::OWN_NETWORK_MEMORY;
        site.wrong(HOME, "alice");
        assert_eq!(site.turn(HOME, "alice"), Turn::After(limits::GUESS_DELAY_FIRST));
    }

    #[test]
    fn s35_a_thousand_networks_that_guess_at_one_name_slow_strangers_and_not_its_owner() {
        let mut site = Site::new();
        site.right(HOME, "alice");
        for n in 0..1_000 {
            site.wrong(&format!("198.51.{}.{}", n / 250, n % 250), "alice");
        }
        assert_eq!(site.turn("203.0.113.9", "alice"), Turn::After(limits::GUESS_DELAY_MAX));
        assert_eq!(site.turn("203.0.113.9", "bob"), AT_ONCE);
        assert_eq!(site.turn(HOME, "alice"), AT_ONCE);
    }

    #[test]
    fn s35_the_same_wrong_password_again_is_one_guess() {
        let site = Site::new();
        for _ in 0..100 {
            let guess = site.guesses.guess(ip(HOME), "alice", b"the old one");
            site.guesses.was_wrong(guess, site.now);
        }
        assert_eq!(site.turn(HOME, "alice"), Turn::After(limits::GUESS_DELAY_FIRST));
    }

    #[test]
    fn s35_an_ipv6_network_counts_as_one() {
        let mut site = Site::new();
        site.wrong("2001:db8::1", "alice");
        assert_eq!(site.turn("2001:db8::2", "bob"), Turn::After(limits::GUESS_DELAY_FIRST));
        assert_eq!(site.turn("2001:db8:0:1::2", "bob"), AT_ONCE);
        site.wrong("192.0.2.1", "alice");
        assert_eq!(site.turn("::ffff:192.0.2.1", "bob"), Turn::After(limits::GUESS_DELAY_FIRST));
    }

    #[test]
    fn this_host_waits_no_longer_each_time_and_is_not_banned() {
        let mut site = Site::new();
        for _ in 0..100 {
            site.wrong("127.0.0.1", "alice");
        }
        assert_eq!(site.turn("127.0.0.1", "alice"), Turn::After(limits::GUESS_DELAY_FIRST));
    }

    #[test]
    fn s35_ten_thousand_networks_and_more_take_bounded_memory() {
        let mut site = Site::new();
        for n in 0..limits::GUESSERS_MAX as u32 + 500 {
            site.wrong(&IpAddr::V4(n.into()).to_string(), &n.to_string());
        }
        for n in 0..limits::OWN_NETWORKS_MAX as u32 + 5 {
            site.right(&IpAddr::V4(n.into()).to_string(), "alice");
        }
        let memory = site.guesses.memory();
        assert_eq!(memory.networks.len(), limits::GUESSERS_MAX);
        assert_eq!(memory.names.len(), limits::GUESSERS_MAX);
        assert_eq!(memory.own.values().map(Vec::len).sum::<usize>(), limits::OWN_NETWORKS_MAX);
    }
}
