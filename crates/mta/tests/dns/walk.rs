//! The walk through a list of hosts, whatever DNS says of each: temporary trouble never becomes a bounce.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;

use postroad_config::Family;
use postroad_mta::outbound::dns::{BoxFuture, DnsError, Mx, Resolver};
use proptest::prelude::*;

use crate::walk;

/// DNS by heart; it writes down whether it ever said that it doesn't know.
struct Oracle {
    mx: Result<Vec<Mx>, DnsError>,
    hosts: HashMap<String, Result<Vec<IpAddr>, DnsError>>,
    hesitated: Mutex<bool>,
}

impl Oracle {
    fn say<T: Clone>(&self, answer: &Result<T, DnsError>) -> Result<T, DnsError> {
        *self.hesitated.lock().unwrap() |= matches!(answer, Err(DnsError::Temporary(_)));
        answer.clone()
    }
}

impl Resolver for Oracle {
    fn mx<'a>(&'a self, _domain: &'a str) -> BoxFuture<'a, Result<Vec<Mx>, DnsError>> {
        let answer = self.say(&self.mx);
        Box::pin(async move { answer })
    }

    fn addresses<'a>(
        &'a self,
        host: &'a str,
        _family: Family,
    ) -> BoxFuture<'a, Result<Vec<IpAddr>, DnsError>> {
        let nothing = Err(DnsError::NoSuchName);
        let answer = self.say(self.hosts.get(host).unwrap_or(&nothing));
        Box::pin(async move { answer })
    }
}

fn error() -> impl Strategy<Value = DnsError> {
    prop_oneof![
        Just(DnsError::NoSuchName),
        Just(DnsError::NoSuchRecord),
        Just(DnsError::Temporary("SERVFAIL".into())),
    ]
}

/// Hosts of a small world, ourselves and the root among them.
fn host() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (0..14_usize).prop_map(|n| format!("h{n}.example")),
        1 => Just("our.example".to_owned()),
        1 => Just(String::new()),
    ]
}

fn addresses() -> impl Strategy<Value = Result<Vec<IpAddr>, DnsError>> {
    let ip = prop::sample::select(vec!["192.0.2.1", "2001:db8::1", "127.0.0.1", "::1", "0.0.0.0"]);
    let ip = ip.prop_map(|text| text.parse::<IpAddr>().unwrap());
    prop_oneof![prop::collection::vec(ip, 1..4).prop_map(Ok), error().prop_map(Err)]
}

proptest! {
    #[test] // Rows D01 to D03, and F17.
    fn d01_temporary_trouble_never_becomes_a_bounce(
        mx in prop_oneof![
            4 => prop::collection::vec((0..3_u16, host()), 1..20).prop_map(Ok),
            1 => error().prop_map(Err),
        ],
        hosts in prop::collection::vec(addresses(), 14),
        own in addresses(),
    ) {
        let mx = mx.map(|list: Vec<(u16, String)>| {
            list.into_iter().map(|(preference, host)| Mx { preference, host }).collect()
        });
        let named = (0..).zip(hosts).map(|(n, answer)| (format!("h{n}.example"), answer));
        let hosts = named.chain([("third.example".to_owned(), own)]).collect();
        let oracle = Oracle { mx, hosts, hesitated: Mutex::new(false) };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let got = runtime.block_on(walk(&oracle, "third.example", &mut Vec::new()));
        let bounces = got.iter().any(|one| one.starts_with("55"));
        prop_assert!(!(bounces && *oracle.hesitated.lock().unwrap()), "{got:?}");
        // And the other way round: what isn't known to be temporary gets an answer of some kind.
        prop_assert!(!got.is_empty());
    }
}
