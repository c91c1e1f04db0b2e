//! Where mail goes when DNS decides: a real name server, and several SMTP servers on loopback.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result};
use mail_parser::{MessageParser, MimeHeaders};
use postroad_tests::peers::{DeadNameServer, Needs, Nsd, Sink, Stage};
use postroad_tests::process::{Process, free_port, run, until};
use postroad_tests::smtp;
use postroad_tests::suite::{Settings, Site};

/// Hosts whose SMTP server runs: 127.0.0.2 and 127.0.0.3. Nobody listens at 127.0.0.9.
const ZONE: &str = "
one A 127.0.0.2
two A 127.0.0.3
down A 127.0.0.9
first MX 10 one
first MX 20 two
fallback MX 10 down
fallback MX 20 two
*.equal MX 10 one
*.equal MX 10 two
implicit A 127.0.0.2
null MX 0 .
alias CNAME first
mxalias MX 10 onealias
onealias CNAME one
noaddress MX 10 nowhere
half MX 10 nowhere
half MX 20 two
onebad MX 1 any.broken.test.
onebad MX 2 two
mixednull MX 0 .
mixednull MX 5 one
c0 CNAME c1
c1 CNAME c2
c2 CNAME c3
c3 CNAME first
v6 MX 10 both
both AAAA 2001:db8::1
both A 127.0.0.2
ours MX 10 mx.our.test.
middle MX 5 down
middle MX 10 mx.our.test.
middle MX 20 two
allbad MX 1 any.broken.test.
refused MX 1 any.elsewhere.test.
numeric MX 1 192.0.2.8.
loop CNAME pool
pool CNAME loop
self CNAME self
";

/// More MX records than a datagram holds: the answer is truncated, and comes whole over TCP.
fn crowd() -> String {
    let host = |n| {
        format!(
            "crowd MX 10 a-long-name-for-host-number-{n}\na-long-name-for-host-number-{n} A 127.0.0.3\n"
        )
    };
    (0..1000).map(host).collect()
}

struct Network {
    site: Site,
    one: Sink,
    two: Sink,
    mta: Process,
    _mda: Process,
    _nsd: Nsd,
}

/// A site that finds other hosts by DNS, and the hosts.
fn network(stage: &Stage) -> Result<Network> {
    let zone = format!("{ZONE}{}", crowd());
    let nsd = Nsd::start(stage, &[("dns.test", &zone), ("broken.test", "")])?;
    let port = free_port();
    let sink = |ip| Sink::start_at(stage, SocketAddr::from((Ipv4Addr::from(ip), port)), &[]);
    let (one, two) = (sink([127, 0, 0, 2])?, sink([127, 0, 0, 3])?);
    let site = site(nsd.address, port)?;
    let (mta, mda) = (site.mta()?, site.mda()?);
    Ok(Network { site, one, two, mta, _mda: mda, _nsd: nsd })
}

fn site(name_server: SocketAddr, port: u16) -> Result<Site> {
    Site::new(&Settings::tables(format!(
        "[mta.dns]\nservers = [\"{name_server}\"]\ntimeout = \"3s\"\nsmtp_port = {port}\nloopback = \"allowed\"\n"
    )))
}

/// Sends letters from alice to `bob@DOMAIN.dns.test`.
fn send(site: &Site, domain: &str, count: usize) -> Result<()> {
    let mut client = smtp::Client::connect(site.smtp)?;
    client.expect("EHLO client.test", 250)?;
    for number in 0..count {
        let letter = format!(
            "Subject: {domain}\r\nMessage-ID: <{number}@{domain}>\r\n\r\nletter {number}\r\n"
        );
        let reply =
            client.message("alice@our.test", &[&format!("bob@{domain}")], letter.as_bytes())?;
        assert_eq!(reply.code, 250, "{reply:?}");
    }
    Ok(())
}

impl Network {
    /// How many letters for a domain each host has.
    fn came(&self, domain: &str) -> (usize, usize) {
        let count = |sink: &Sink| {
            sink.messages().iter().filter(|one| one.contains(&format!("bob@{domain}>"))).count()
        };
        (count(&self.one), count(&self.two))
    }
}

#[test]
fn d03_mail_goes_to_the_host_that_mx_prefers() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Tools)? else { return Ok(()) };
    let network = network(&stage)?;
    for (domain, expected) in [
        ("first.dns.test", (5, 0)),
        ("fallback.dns.test", (0, 5)),
        // RFC 5321 §5.1: without MX the address is the implicit MX.
        ("implicit.dns.test", (5, 0)),
        ("alias.dns.test", (5, 0)),
        ("mxalias.dns.test", (5, 0)),
        ("half.dns.test", (0, 5)),
        ("onebad.dns.test", (0, 5)),
        ("mixednull.dns.test", (5, 0)),
        ("c0.dns.test", (5, 0)),
        ("v6.dns.test", (5, 0)),
        ("crowd.dns.test", (0, 5)),
    ] {
        send(&network.site, domain, 5)?;
        let arrived = until(&format!("{expected:?} letters for {domain}"), || {
            network.came(domain) == expected
        });
        arrived.map_err(|error| {
            error.context(format!("{:?}\n{}", network.came(domain), network.mta.log()))
        })?;
    }
    Ok(())
}

#[test]
fn d03_equal_preferences_share_the_load() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Tools)? else { return Ok(()) };
    let network = network(&stage)?;
    // Many domains, since a connection that is there already may take all the rest of one's mail.
    const DOMAINS: usize = 40;
    for number in 0..DOMAINS {
        send(&network.site, &format!("d{number}.equal.dns.test"), 1)?;
    }
    let (one, two) = (|| network.one.messages().len(), || network.two.messages().len());
    until("all letters", || one() + two() == DOMAINS)
        .map_err(|error| error.context(network.mta.log()))?;
    // RFC 5321 §5.1: MUST randomly select. That all go one way by chance happens once in 2^39.
    assert!(one() > 0 && two() > 0, "{} and {}", one(), two());
    Ok(())
}

#[test]
fn d02_domains_that_take_no_mail_bounce() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Tools)? else { return Ok(()) };
    let network = network(&stage)?;
    let cases = [
        // RFC 7505 §4.1
        ("null.dns.test", "5.1.10"),
        ("missing.dns.test", "5.1.2"),
        ("noaddress.dns.test", "5.4.4"),
        ("ours.dns.test", "5.4.6"),
    ];
    for (domain, _) in cases {
        send(&network.site, domain, 1)?;
    }
    let bounces = || -> Vec<String> {
        let mail = network.site.new_mail("alice").unwrap_or_default();
        mail.iter().map(|letter| String::from_utf8_lossy(letter).into_owned()).collect()
    };
    until("all bounces", || bounces().len() == cases.len())
        .map_err(|error| error.context(network.mta.log()))?;
    for (domain, status) in cases {
        let bounce = bounces().into_iter().find(|bounce| bounce.contains(&format!("bob@{domain}")));
        let bounce = bounce.unwrap_or_default();
        // RFC 3464 §2: for people, for programs, and what it is about.
        let report = MessageParser::default().parse(&bounce).context("no message")?;
        let kinds: Vec<_> =
            report.parts.iter().filter_map(|part| part.content_type()?.subtype()).collect();
        assert_eq!(kinds.first(), Some(&"report"), "{domain}: {kinds:?}");
        assert!(kinds.contains(&"delivery-status") && kinds.len() == 4, "{domain}: {kinds:?}");
        assert!(bounce.contains(&format!("Status: {status}")), "{domain} is {status}:\n{bounce}");
        assert!(bounce.contains("Return-Path: <>"), "{bounce}");
    }
    Ok(())
}

#[test]
fn d01_trouble_with_dns_is_never_a_bounce() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Tools)? else { return Ok(()) };
    let network = network(&stage)?;
    let domains = [
        "any.broken.test",    // SERVFAIL
        "any.elsewhere.test", // REFUSED
        "allbad.dns.test",    // SERVFAIL for the only host
        "refused.dns.test",   // REFUSED for the only host
        "numeric.dns.test",   // an address where a name belongs
        "middle.dns.test",    // what stands behind ourselves doesn't count
        "loop.dns.test",      // row D04
        "self.dns.test",
    ];
    for domain in domains {
        send(&network.site, domain, 1)?;
    }
    for domain in domains {
        deferred(&network.mta, &format!("bob@{domain}"))?;
    }
    assert_eq!(network.came("middle.dns.test"), (0, 0));
    assert!(network.site.new_mail("alice")?.is_empty(), "temporary trouble must not bounce");

    let dead = DeadNameServer::start()?;
    let site = site(dead.address, free_port())?;
    let (mta, _mda) = (site.mta()?, site.mda()?);
    send(&site, "first.dns.test", 1)?;
    deferred(&mta, "bob@first.dns.test")?;
    assert!(site.new_mail("alice")?.is_empty(), "a dead name server must not bounce");
    Ok(())
}

#[test]
fn trace_shows_questions_answers_and_the_dialogue() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Tools)? else { return Ok(()) };
    let network = network(&stage)?;
    let mut client = smtp::Client::connect(network.site.smtp)?;
    client.expect("EHLO client.test", 250)?;
    let reply = client.message(
        "alice@our.test",
        &["bob@fallback.dns.test"],
        b"Subject: traced\r\n\r\n.\r\n",
    )?;
    let queue_id = reply.queue_id().context("no queue id in the reply")?.to_owned();
    until("the letter", || network.came("fallback.dns.test") == (0, 1))
        .map_err(|error| error.context(network.mta.log()))?;

    let trace = || -> Result<String> {
        Ok(String::from_utf8(
            run(network.site.command("postroad")?.args(["trace", &queue_id]))?.stdout,
        )?)
    };
    let complete =
        until("the outcome in the trace", || trace().is_ok_and(|text| text.contains("sent")));
    let text = trace()?;
    complete.with_context(|| text.clone())?;
    // The host that was down, the one that wasn't, and what was said there.
    for part in [
        "127.0.0.1",
        "alice@our.test",
        "fallback.dns.test",
        "down.dns.test",
        "two.dns.test",
        "127.0.0.3",
        "EHLO",
        "RCPT TO",
        "250",
    ] {
        assert!(text.contains(part), "{part:?} is missing:\n{text}");
    }
    Ok(())
}

/// Waits for the log to say that a recipient waits for another try.
fn deferred(mta: &Process, recipient: &str) -> Result<()> {
    let said =
        || mta.log().lines().any(|line| line.contains(recipient) && line.contains("deferred"));
    until("the letter deferred", said).map_err(|error| error.context(mta.log()))
}
