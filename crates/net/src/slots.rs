//! How many connections there may be at once: from all clients, and from one.
//!
//! One client is one IPv4 address or one IPv6 /64, for whoever has an IPv6 network has 2^64 addresses.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// Counts connections. Cheap to clone; all clones count together.
#[derive(Debug, Clone)]
pub struct Slots(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    taken: Mutex<Taken>,
}

#[derive(Debug)]
struct Taken {
    max: usize,
    per_client_max: usize,
    all: usize,
    by_client: HashMap<IpAddr, usize>,
}

/// A connection's place; it is free again when this is dropped.
#[derive(Debug)]
#[must_use = "the place is free again when this is dropped"]
pub struct Slot {
    shared: Arc<Shared>,
    client: Option<IpAddr>,
}

/// Whose connection it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// It counts for its address.
    Counted(IpAddr),
    /// It counts only among all: this host, or a network that is trusted.
    Exempt,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// There are too many connections in all.
    #[error("too many connections")]
    All,
    /// There are too many from this client.
    #[error("too many connections from this client")]
    Client,
}

impl Slots {
    /// At most `max` in all and `per_client_max` from one client.
    pub fn new(max: usize, per_client_max: usize) -> Self {
        let taken = Taken { max, per_client_max, all: 0, by_client: HashMap::new() };
        Self(Arc::new(Shared { taken: Mutex::new(taken) }))
    }

    /// Other limits from now on. Who has a place keeps it.
    pub fn limit(&self, max: usize, per_client_max: usize) {
        let mut taken = self.0.taken.lock().unwrap_or_else(PoisonError::into_inner);
        (taken.max, taken.per_client_max) = (max, per_client_max);
    }

    /// Takes a place.
    ///
    /// # Errors
    /// [`Full`].
    pub fn take(&self, client: Client) -> Result<Slot, Full> {
        let client = match client {
            Client::Counted(ip) => Some(network_of(ip)),
            Client::Exempt => None,
        };
        let mut taken = self.0.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.all >= taken.max {
            return Err(Full::All);
        }
        if let Some(client) = client {
            let per_client_max = taken.per_client_max;
            let count = taken.by_client.entry(client).or_insert(0);
            if *count >= per_client_max {
                return Err(Full::Client);
            }
            *count += 1;
        }
        taken.all += 1;
        drop(taken);
        Ok(Slot { shared: Arc::clone(&self.0), client })
    }

    /// Connections at present.
    pub fn taken(&self) -> usize {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner).all
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.shared.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all = taken.all.saturating_sub(1);
        if let Some(client) = self.client
            && let Some(count) = taken.by_client.get_mut(&client)
        {
            *count -= 1;
            // Only clients that are here have an entry, so the map stays as small as they are few.
            if *count == 0 {
                taken.by_client.remove(&client);
            }
        }
    }
}

/// The address that stands for a client: IPv4 as it is, IPv6 without its lower half, since whoever has an IPv6 network
/// has 2^64 addresses.
pub fn network_of(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(ip) => IpAddr::V4(ip),
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(ip: &str) -> Client {
        Client::Counted(ip.parse().unwrap())
    }

    #[test]
    fn s27_one_ipv6_network_is_one_client() {
        let slots = Slots::new(10, 2);
        let first = slots.take(counted("2001:db8::1")).unwrap();
        let _second = slots.take(counted("2001:db8::ffff")).unwrap();
        assert_eq!(slots.take(counted("2001:db8::2")).unwrap_err(), Full::Client);
        let _other_network = slots.take(counted("2001:db8:0:1::1")).unwrap();
        drop(first);
        assert!(slots.take(counted("2001:db8::3")).is_ok());
    }

    #[test]
    fn mapped_addresses_are_what_they_are() {
        let slots = Slots::new(10, 1);
        let _first = slots.take(counted("::ffff:192.0.2.1")).unwrap();
        assert_eq!(slots.take(counted("192.0.2.1")).unwrap_err(), Full::Client);
        assert!(slots.take(counted("::ffff:192.0.2.2")).is_ok());
    }

    #[test]
    fn limits_change_and_nobody_loses_a_place() {
        let slots = Slots::new(10, 10);
        let taken: Vec<_> = (0..3).map(|_| slots.take(counted("192.0.2.1")).unwrap()).collect();
        slots.limit(10, 2);
        assert_eq!(slots.take(counted("192.0.2.1")).unwrap_err(), Full::Client);
        assert_eq!(slots.taken(), 3);
        drop(taken);
        assert!(slots.take(counted("192.0.2.1")).is_ok());
    }

    #[test]
    fn the_exempt_count_among_all_and_every_slot_comes_back() {
        let slots = Slots::new(2, 1);
        let first = slots.take(Client::Exempt).unwrap();
        let second = slots.take(Client::Exempt).unwrap();
        assert_eq!(slots.take(Client::Exempt).unwrap_err(), Full::All);
        drop((first, second));
        assert_eq!(slots.taken(), 0);
        assert!(slots.0.taken.lock().unwrap().by_client.is_empty());
    }
}
