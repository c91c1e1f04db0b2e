//! A world in order: preferences, aliases, null MX, ourselves.

use std::net::IpAddr;

use postroad_mta::outbound::dns::MX_HOSTS_MAX;
use postroad_testkit::dns::{Data, Dns};

use crate::{ask, starts};

fn ip(text: &str) -> Data {
    Data::Address(text.parse::<IpAddr>().unwrap())
}

async fn world() -> Dns {
    let mut table = vec![
        ("third.example", Data::Mx(20, "two.example")),
        ("third.example", Data::Mx(10, "one.example")),
        ("one.example", ip("192.0.2.1")),
        ("one.example", ip("2001:db8::1")),
        ("two.example", ip("192.0.2.2")),
        ("alias.example", Data::Alias("third.example")),
        ("bare.example", ip("192.0.2.3")),
        ("nomail.example", Data::Mx(0, ".")),
        ("nomail.example", ip("192.0.2.4")),
        ("mixed.example", Data::Mx(0, ".")),
        ("mixed.example", Data::Mx(5, "one.example")),
        ("backup.example", Data::Mx(5, "one.example")),
        ("backup.example", Data::Mx(10, "our.example")),
        ("backup.example", Data::Mx(10, "peer.example")),
        ("backup.example", Data::Mx(20, "two.example")),
        ("ours.example", Data::Mx(10, "our.example")),
        ("lost.example", Data::Mx(10, "nowhere.example")),
        ("hostalias.example", Data::Mx(10, "cname.example")),
        ("cname.example", Data::Alias("one.example")),
        ("inward.example", Data::Mx(10, "loopback.example")),
        ("loopback.example", ip("127.0.0.1")),
        ("loopback.example", ip("0.0.0.0")),
        ("loopback.example", ip("169.254.1.1")),
        ("loopback.example", ip("::1")),
        ("loopback.example", ip("fe80::1")),
        ("loopback.example", ip("::ffff:127.0.0.1")),
        ("text.example", Data::Mx(10, "refused.elsewhere.test")),
        ("literal.example", Data::Mx(10, "192.0.2.8")),
        ("local.example", Data::Mx(10, "localhost")),
        ("half.example", Data::Mx(10, "refused.elsewhere.test")),
        ("half.example", Data::Mx(20, "two.example")),
    ];
    let many: Vec<String> = (0..40).map(|n| format!("m{n}.example")).collect();
    let many: Vec<&'static str> = many.into_iter().map(|name| &*name.leak()).collect();
    for name in many {
        table.push(("many.example", Data::Mx(10, name)));
        table.push((name, ip("192.0.2.9")));
    }
    Dns::serve(&table).await.unwrap()
}

#[tokio::test] // Tests RFC 5321 §5.1.
async fn hosts_by_preference_with_both_kinds_of_address() {
    let world = world().await;
    let one = ["MX 10 one.example 2001:db8::1", "MX 10 one.example 192.0.2.1"];
    let third = [one[0], one[1], "MX 20 two.example 192.0.2.2"];
    assert_eq!(ask(&world, "third.example").await, third);
    assert_eq!(ask(&world, "alias.example").await, third);
    starts(
        &ask(&world, "hostalias.example").await,
        &["MX 10 cname.example", "MX 10 cname.example"],
    );
    assert_eq!(ask(&world, "bare.example").await, ["implicit MX bare.example 192.0.2.3"]);
}

#[tokio::test] // Tests RFC 7505 §3 and RFC 5321 §5.1.
async fn d02_names_that_take_no_mail() {
    let world = world().await;
    starts(&ask(&world, "nomail.example").await, &["556 5.1.10"]);
    starts(&ask(&world, "mixed.example").await, &["MX 5 one.example", "MX 5 one.example"]);
    starts(&ask(&world, "nothere.example").await, &["550 5.1.2"]);
    starts(&ask(&world, "lost.example").await, &["550 5.4.4"]);
}

#[tokio::test] // Tests RFC 5321 §5.1: "MUST drop all MXs of the same or a greater preference number".
async fn d03_ourselves_in_the_list_and_lists_without_end() {
    let world = world().await;
    starts(&ask(&world, "backup.example").await, &["MX 5 one.example", "MX 5 one.example"]);
    starts(&ask(&world, "ours.example").await, &["554 5.4.6"]);
    let first = ask(&world, "many.example").await;
    assert_eq!(first.len(), MX_HOSTS_MAX);
    // Forty equals in the same order five times is no coincidence.
    let mut orders = vec![first];
    for _ in 0..4 {
        orders.push(ask(&world, "many.example").await);
    }
    orders.dedup();
    assert!(orders.len() > 1);
}

#[tokio::test] // Tests RFC 5321 §5.1: the host of an MX is a name.
async fn d03_hosts_that_are_none() {
    let world = world().await;
    starts(&ask(&world, "local.example").await, &["554 5.4.6"]);
    // Nobody knows the name, for now, that looks like an address.
    starts(&ask(&world, "literal.example").await, &["451 4.4.3"]);
    starts(&ask(&world, "half.example").await, &["MX 20 two.example"]);
}

#[tokio::test]
async fn c11_addresses_that_lead_back_to_this_host() {
    let world = world().await;
    starts(&ask(&world, "inward.example").await, &["554 5.4.6"]);
    starts(&ask(&world, "[192.0.2.7]").await, &["address literal"]);
    starts(&ask(&world, "[127.0.0.1]").await, &["554 5.4.6"]);
    starts(&ask(&world, "[IPv6:::]").await, &["554 5.4.6"]);
}

#[tokio::test] // Tests RFC 5321 §5.1: temporary trouble is never "no domain".
async fn d01_servers_that_fail_or_keep_silent() {
    for code in [1, 2, 4, 5] {
        let failing = Dns::failing(code).await.unwrap();
        starts(&ask(&failing, "third.example").await, &["451 4.4.3"]);
    }
    let silent = Dns::silent().await.unwrap();
    starts(&ask(&silent, "third.example").await, &["451 4.4.3"]);
    // The MX is known, its host's zone is REFUSED.
    let world = world().await;
    starts(&ask(&world, "text.example").await, &["451 4.4.3"]);
    starts(&ask(&world, "elsewhere.test").await, &["451 4.4.3"]);
}
