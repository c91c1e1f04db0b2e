//! Guessing passwords is slowed, by the network that guesses (an IPv4 address, an IPv6 /64).
//!
//! Nobody is locked out: whoever could lock an account by guessing at it would have a weapon against
//! its owner. From this host, where one web mailer may log in everybody, the wait doesn't grow.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::limits;

/// Recent failures, by network.
#[derive(Debug, Default)]
pub(crate) struct Guesses(Mutex<HashMap<IpAddr, Failures>>);

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: Instant,
}

impl Failures {
    fn is_forgotten(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last) >= limits::GUESS_MEMORY
    }
}

impl Guesses {
    /// How long a login from there waits before it is looked at.
    pub(crate) fn delay(&self, client: IpAddr, now: Instant) -> Duration {
        let networks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let failures = networks.get(&network_of(client)).filter(|f| !f.is_forgotten(now));
        let count = failures.map_or(0, |failures| failures.count);
        match count {
            0 => Duration::ZERO,
            _ if client.is_loopback() => limits::GUESS_DELAY_FIRST,
            _ => limits::GUESS_DELAY_FIRST
                .saturating_mul(2u32.saturating_pow(count - 1))
                .min(limits::GUESS_DELAY_MAX),
        }
    }

    /// A login from there has failed.
    pub(crate) fn failed(&self, client: IpAddr, now: Instant) {
        let mut networks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let network = network_of(client);
        if networks.len() >= limits::GUESSERS_MAX && !networks.contains_key(&network) {
            networks.retain(|_, failures| !failures.is_forgotten(now));
            // All of them recent: one has to go, whichever, for memory is bounded.
            let any = networks.keys().next().copied();
            if let Some(any) = any.filter(|_| networks.len() >= limits::GUESSERS_MAX) {
                networks.remove(&any);
            }
        }
        let failures = networks.entry(network).or_insert(Failures { count: 0, last: now });
        if failures.is_forgotten(now) {
            failures.count = 0;
        }
        failures.count = failures.count.saturating_add(1);
        failures.last = now;
    }
}

/// Whoever has an IPv6 network has 2^64 addresses: they count as one.
fn network_of(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(ip) => IpAddr::V4(ip),
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn s35_guessing_is_slower_each_time_and_others_are_not() {
        let (guesses, now) = (Guesses::default(), Instant::now());
        let mut delays = Vec::new();
        for _ in 0..8 {
            delays.push(guesses.delay(ip("192.0.2.1"), now).as_millis());
            guesses.failed(ip("192.0.2.1"), now);
        }
        assert_eq!(delays, [0, 500, 1000, 2000, 4000, 8000, 8000, 8000]);
        assert_eq!(guesses.delay(ip("192.0.2.2"), now), Duration::ZERO);
        let later = now + limits::GUESS_MEMORY;
        assert_eq!(guesses.delay(ip("192.0.2.1"), later), Duration::ZERO);
        guesses.failed(ip("192.0.2.1"), later);
        assert_eq!(guesses.delay(ip("192.0.2.1"), later), limits::GUESS_DELAY_FIRST);
    }

    #[test]
    fn s35_an_ipv6_network_counts_as_one() {
        let (guesses, now) = (Guesses::default(), Instant::now());
        guesses.failed(ip("2001:db8::1"), now);
        assert_eq!(guesses.delay(ip("2001:db8::2"), now), limits::GUESS_DELAY_FIRST);
        assert_eq!(guesses.delay(ip("2001:db8:0:1::2"), now), Duration::ZERO);
    }

    #[test]
    fn this_host_waits_no_longer_each_time() {
        let (guesses, now) = (Guesses::default(), Instant::now());
        for _ in 0..100 {
            guesses.failed(ip("127.0.0.1"), now);
        }
        assert_eq!(guesses.delay(ip("127.0.0.1"), now), limits::GUESS_DELAY_FIRST);
    }

    #[test]
    fn s35_a_thousand_networks_and_more_take_bounded_memory() {
        let (guesses, now) = (Guesses::default(), Instant::now());
        for n in 0..limits::GUESSERS_MAX as u32 + 500 {
            guesses.failed(IpAddr::V4(n.into()), now);
        }
        assert_eq!(guesses.0.lock().expect("no panic").len(), limits::GUESSERS_MAX);
    }
}
