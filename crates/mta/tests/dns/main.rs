//! Where mail for a domain goes, asked of DNS servers on loopback: good ones, and ones in every kind of trouble.
//!
//! What needs DNSSEC of our own (a forged signature, a forged denial) isn't here yet: until then the validating
//! resolver on this host says SERVFAIL to it, and that is here.
#![expect(clippy::unwrap_used, reason = "a test that can't go on says so by panicking")]

mod odd_answers;
mod trouble;
mod walk;
mod world;

use std::time::Duration;

use postroad_config::{Family, LoopbackHosts, Source};
use postroad_mta::outbound::Chance;
use postroad_mta::outbound::dns::{Asked, Candidates, Hickory, Resolver, Site};
use postroad_protocol::address::Domain;
use postroad_testkit::dns::Dns;

/// How long is waited for a name server that may never answer.
const SHORT: Duration = Duration::from_millis(600);

fn site() -> Site {
    Site {
        hostname: "our.example".into(),
        port: 25,
        loopback: LoopbackHosts::Refused,
        family: Family::Any,
        source: Source::default(),
        chance: Chance::default(),
    }
}

fn resolver(server: &Dns, timeout: Duration) -> Hickory {
    let settings = postroad_config::Dns {
        servers: vec![server.address],
        timeout,
        ..postroad_config::Dns::default()
    };
    Hickory::new(&settings).unwrap()
}

/// The endpoints in their order, and behind them what is left to be said; or the reply.
async fn ask(server: &Dns, domain: &str) -> Vec<String> {
    let resolver = resolver(server, SHORT);
    walk(&resolver, domain, &mut Vec::new()).await
}

async fn walk(resolver: &dyn Resolver, domain: &str, asked: &mut Vec<Asked>) -> Vec<String> {
    let domain = Domain::parse(domain).unwrap();
    let mut walk = match Candidates::find(resolver, &domain, &site(), asked).await {
        Ok(walk) => walk,
        Err(reply) => return vec![reply.to_string()],
    };
    let mut got = Vec::new();
    while let Some(host) = walk.next(resolver, &site(), asked).await {
        let addresses = host.addresses.iter().map(|address| address.ip());
        got.extend(addresses.map(|ip| format!("{} {} {ip}", host.why, host.name)));
    }
    if got.is_empty() {
        got.push(walk.refusal(&domain).to_string());
    }
    got
}

#[track_caller]
fn starts(got: &[String], expected: &[&str]) {
    assert_eq!(got.len(), expected.len(), "{got:?} for {expected:?}");
    for (got, expected) in got.iter().zip(expected) {
        assert!(got.starts_with(expected), "{got} for {expected}");
    }
}
