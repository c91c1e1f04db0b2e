//! Where an address' mail would go, and within which limits: for `postroad explain`.

use postroad_config::{NextHop, RouteTls};
use postroad_observe::control;
use postroad_protocol::address::Address;

use super::engine::Engine;
use super::route::Destination;

impl Engine {
    /// The way that mail for the address takes.
    pub(crate) fn way(&self, address: &Address) -> control::Destination {
        let router = self.shared().router();
        let destination = router.destination(&address.domain);
        let (route, hop) = match &destination {
            Destination::Route(pattern) => {
                (format!("[[route]] \"{pattern}\""), router.hop(pattern))
            }
            Destination::Domain(_) => ("DNS".to_owned(), None),
        };
        let (next_hop, tls) = match hop {
            Some(hop) => {
                let tls = match hop.next_hop {
                    NextHop::LmtpUnix { .. } => RouteTls::Never, // It doesn't leave this host.
                    NextHop::Smtp { .. } | NextHop::Smtps { .. } | NextHop::Lmtp { .. } => hop.tls,
                };
                (hop.next_hop.to_string(), tls)
            }
            None => (format!("the MX hosts of {}", address.domain), RouteTls::Opportunistic),
        };
        let settings = router.settings(&destination);
        control::Destination {
            address: address.to_string(),
            route,
            next_hop,
            tls: match tls {
                RouteTls::Opportunistic => "opportunistic",
                RouteTls::Required => "required",
                RouteTls::Never => "never",
            }
            .to_owned(),
            connections_max: settings.connections_max as u64,
            retry_first_s: settings.retry.first.as_secs(),
            retry_longest_s: settings.retry.longest.as_secs(),
            warn_after_s: settings.retry.warn_after.as_secs(),
            give_up_after_s: settings.retry.give_up_after.as_secs(),
        }
    }
}
