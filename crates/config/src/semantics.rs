//! What each value allows and all together don't: found before an agent starts, without touching the disk.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use postroad_protocol::address::Domain;

use crate::document::Places;
use crate::load::Problem;
use crate::{Config, Family, Filters, NextHop, OAuth, Retry, Route, RouteTls, Source};

/// Recipients that every server must take (RFC 5321 §4.5.3.1.8).
const RECIPIENTS_LEAST: usize = 100;
/// Octets of a message that every server must take (RFC 5321 §4.5.3.1.7).
const MESSAGE_OCTETS_LEAST: u64 = 64 * 1024;
/// Octets of trace below which the two halves have no room for a batch of records.
const TRACE_OCTETS_LEAST: u64 = 64 * 1024;

/// The port that LMTP must not use (RFC 2033 §5).
const SMTP_PORT: u16 = 25;
const NO_LMTP_ON_25: &str = "LMTP must not be on port 25, where SMTP is expected (RFC 2033 §5): write another one, as in \"127.0.0.1:24\"";

/// All that is wrong with the settings as a whole.
pub(crate) fn problems(config: &Config, places: &Places) -> Vec<Problem> {
    let mut found = Found { places, problems: Vec::new() };
    host(config, &mut found);
    tls(config, &mut found);
    listeners(config, &mut found);
    transfer(config, &mut found);
    local(config, &mut found);
    oauth(&config.accounts.oauth, &mut found);
    for (index, route) in config.route.iter().enumerate() {
        let key = format!("route[{index}]");
        one_route(route, &key, &mut found);
        route_source(route, config, &key, &mut found);
        route_retry(route, config, &key, &mut found);
        if config.route.iter().take(index).any(|before| before.domain == route.domain) {
            let text = format!("\"{}\" has a route already: leave one of them out", route.domain);
            found.add(&format!("{key}.domain"), text);
        }
    }
    found.problems
}

struct Found<'p> {
    places: &'p Places,
    problems: Vec<Problem>,
}

impl Found<'_> {
    fn add(&mut self, key: &str, text: impl Into<String>) {
        self.problems.push(Problem { place: self.places.of(key), text: text.into() });
    }

    fn at_least_one(&mut self, key: &str, value: usize) {
        if value == 0 {
            self.add(key, "0 would stop all mail: write 1 or more");
        }
    }
}

fn host(config: &Config, found: &mut Found<'_>) {
    let name = &config.hostname;
    if !Domain::parse(name).is_ok_and(|domain| domain.literal().is_none()) {
        found.add(
            "hostname",
            format!("\"{name}\" is no host name: write one, as in \"mail.example.org\""),
        );
    }
    if config.data.is_relative() {
        found.add("data", "the data folder must be an absolute path, as in \"/var/lib/postroad\"");
    }
    if config.trace.size_max < TRACE_OCTETS_LEAST {
        found.add("trace.size_max", "the trace needs room: write \"64KiB\" or more");
    }
}

fn tls(config: &Config, found: &mut Found<'_>) {
    match (&config.tls.certificate, &config.tls.key) {
        (Some(_), None) => {
            found.add("tls.certificate", "a certificate needs its private key: add \"key\"")
        }
        (None, Some(_)) => found.add("tls.key", "a key needs its certificate: add \"certificate\""),
        _ => {}
    }
}

fn listeners(config: &Config, found: &mut Found<'_>) {
    let (mta, mda, maa) = (&config.mta, &config.mda, &config.maa);
    let mut seen: Vec<(SocketAddr, &str)> = Vec::new();
    for (key, addresses) in [
        ("mta.smtp", &mta.smtp),
        ("mta.submission", &mta.submission),
        ("mta.submissions", &mta.submissions),
        ("mda.lmtp", &mda.lmtp),
        ("maa.imap", &maa.imap),
        ("maa.imaps", &maa.imaps),
        ("maa.pop3", &maa.pop3),
        ("maa.pop3s", &maa.pop3s),
        ("maa.managesieve", &maa.managesieve),
        ("maa.autoconfig.http", &maa.autoconfig.http),
        ("maa.autoconfig.https", &maa.autoconfig.https),
    ] {
        for (index, address) in addresses.iter().enumerate() {
            if let Some((_, other)) = seen.iter().find(|(other, _)| overlap(*address, *other)) {
                let text = format!("{address} is taken by {other} already");
                found.add(&format!("{key}[{index}]"), text);
            }
            seen.push((*address, key));
        }
    }
    if let Some(index) = mda.lmtp.iter().position(|address| address.port() == SMTP_PORT) {
        found.add(&format!("mda.lmtp[{index}]"), NO_LMTP_ON_25);
    }
    let sockets = [
        ("mta.socket", &mta.socket),
        ("mta.control", &mta.control),
        ("mda.socket", &mda.socket),
        ("maa.control", &maa.control),
    ];
    for (index, (key, path)) in sockets.iter().enumerate() {
        if let Some((other, _)) = sockets.iter().take(index).find(|(_, before)| before == path) {
            // Point at the one that was written, not at a default.
            let (here, there) = if found.places.has(key) { (key, other) } else { (other, key) };
            found.add(here, format!("{} is {there} already", path.display()));
        }
    }
}

/// Whether the system lets only one of two listeners start.
fn overlap(a: SocketAddr, b: SocketAddr) -> bool {
    // Port 0 is a free port each time.
    a.port() == b.port()
        && a.port() != 0
        && a.is_ipv4() == b.is_ipv4()
        && (a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified())
}

fn transfer(config: &Config, found: &mut Found<'_>) {
    let mta = &config.mta;
    if mta.recipients_max < RECIPIENTS_LEAST {
        found.add(
            "mta.recipients_max",
            "every mail server must take 100 recipients (RFC 5321 §4.5.3.1.8): write 100 or more",
        );
    }
    for (key, size) in [
        ("mta.message_size_max", mta.message_size_max),
        ("mda.message_size_max", config.mda.message_size_max),
    ] {
        if size < MESSAGE_OCTETS_LEAST {
            found.add(
                key,
                "every mail server must take 64 KiB (RFC 5321 §4.5.3.1.7): write \"64KiB\" or more",
            );
        }
    }
    found.at_least_one("mta.connections_max", mta.connections_max);
    found.at_least_one("mta.connections_per_client_max", mta.connections_per_client_max);
    found.at_least_one("mta.deliveries_max", mta.deliveries_max);
    found.at_least_one("mta.deliveries_per_next_hop_max", mta.deliveries_per_next_hop_max);
    if (1..mta.message_size_max).contains(&mta.octets_per_user_max) {
        found.add(
            "mta.octets_per_user_max",
            "the largest message would never get through: write as much as \"message_size_max\", more, or \"0B\"",
        );
    }
    source_fits(mta.source, mta.family, "mta", found);
    retry_fits(
        &mta.retry,
        ["mta.retry.first", "mta.retry.longest", "mta.retry.give_up_after"],
        found,
    );
    if mta.dns.timeout == Duration::ZERO {
        found.add("mta.dns.timeout", "no look-up would ever succeed: write \"1s\" or more");
    }
    if config.mda.delivery_time_max == Duration::ZERO {
        found.add("mda.delivery_time_max", "no letter would ever be filed: write \"1s\" or more");
    }
}

/// Whether waits and the end of patience fit together; the keys are those of the first wait, the longest and
/// the end.
fn retry_fits(retry: &Retry, [first, longest, give_up_after]: [&str; 3], found: &mut Found<'_>) {
    if retry.first == Duration::ZERO {
        found.add(first, "a wait of nothing would try without end: write \"1s\" or more");
    }
    if retry.longest < retry.first {
        found.add(longest, "shorter than the first wait: write as much as \"first\" or more");
    }
    if retry.give_up_after < retry.first {
        found.add(
            give_up_after,
            "mail would be given up before its second try: write more than \"first\"",
        );
    }
}

/// A route's own retries, as they stand with what goes for all.
fn route_retry(route: &Route, config: &Config, key: &str, found: &mut Found<'_>) {
    // Where the route says nothing, it is [mta.retry] that is wrong, and told.
    let written = [route.retry_first, route.retry_longest, route.give_up_after];
    if written.iter().any(Option::is_some) {
        let named = |name: &str, value: Option<Duration>| match value {
            Some(_) => format!("{key}.{name}"),
            None => format!("{key}.retry_first"),
        };
        let longest = named("retry_longest", route.retry_longest);
        let give_up_after = named("give_up_after", route.give_up_after);
        let first = format!("{key}.retry_first");
        retry_fits(&route.retry(&config.mta.retry), [&first, &longest, &give_up_after], found);
    }
    if route.connections_max == Some(0) {
        found.at_least_one(&format!("{key}.connections_max"), 0);
    }
}

fn local(config: &Config, found: &mut Found<'_>) {
    if !config.mda.maildir.contains("{user}") {
        found.add("mda.maildir", "all users would share one mailbox: write {user} where the name goes, as in \"mail/{user}\"");
    }
    let mbox = &config.mda.mbox;
    if !mbox.is_empty() && !mbox.contains("{user}") {
        found.add("mda.mbox", "all users would share one mailbox file: write {user} where the name goes, as in \"/var/mail/{user}\"");
    }
    let sieve = &config.mda.sieve;
    if !sieve.is_empty() && !sieve.contains("{user}") {
        found.add("mda.sieve", "all users would share one script: write {user} where the name goes, as in \"sieve/{user}.sieve\"");
    }
    for (key, template) in
        [("mda.maildir", &config.mda.maildir), ("mda.mbox", mbox), ("mda.sieve", sieve)]
    {
        if template.split('/').any(|part| part == "..") {
            found.add(key, "a path with \"..\" may lead anywhere: write it without");
        }
    }
    for (index, percent) in config.mda.quota.warn_at.iter().enumerate() {
        if !(1..=100).contains(percent) {
            let text = format!("{percent} is no percentage: write a number from 1 to 100");
            found.add(&format!("mda.quota.warn_at[{index}]"), text);
        }
    }
    let filters = &config.mda.filters;
    for (key, name) in
        [("spam_header", &filters.spam_header), ("virus_header", &filters.virus_header)]
    {
        if !Filters::is_field_name(name) {
            let text = "it is no header field's name: write it as in \"X-Spam-Score\"";
            found.add(&format!("mda.filters.{key}"), text);
        }
    }
    if filters.spam_score_max == 0 {
        found.add(
            "mda.filters.spam_score_max",
            "all letters would be spam: write the score of those that are",
        );
    }
    let separator = config.accounts.detail_separator;
    if separator.is_alphanumeric() || separator == '@' || separator == '.' || separator.is_control()
    {
        found.add(
            "accounts.detail_separator",
            "it would cut user names: write \"+\", \"-\" or \"=\"",
        );
    }
    found.at_least_one("maa.connections_max", config.maa.connections_max);
    found.at_least_one("maa.connections_per_client_max", config.maa.connections_per_client_max);
}

fn oauth(oauth: &OAuth, found: &mut Found<'_>) {
    if oauth.issuer.is_empty() {
        if oauth.keys.is_some() {
            let text = "keys without their issuer let nobody in: add \"issuer\"";
            found.add("accounts.oauth.keys", text);
        }
        return;
    }
    if oauth.keys.is_none() {
        let text = "an issuer is known by its keys: add \"keys\", the file of its JWKS";
        found.add("accounts.oauth.issuer", text);
    }
    if oauth.audience.iter().all(String::is_empty) {
        let text = "tokens for others would let their owners' other services in: add \"audience\"";
        found.add("accounts.oauth.issuer", text);
    }
    if oauth.user_claim.is_empty() {
        let text = "a claim names the user: write \"email\", or another one";
        found.add("accounts.oauth.user_claim", text);
    }
}

fn one_route(route: &Route, key: &str, found: &mut Found<'_>) {
    let pattern = route.domain.strip_prefix('.').unwrap_or(&route.domain);
    if !matches!(route.domain.as_str(), "*" | "local") && Domain::parse(pattern).is_err() {
        found.add(
            &format!("{key}.domain"),
            format!(
                "\"{}\" is no domain: write \"example.org\", \".example.org\", \"local\" or \"*\"",
                route.domain
            ),
        );
    }
    let over_socket = matches!(route.next_hop, NextHop::LmtpUnix { .. });
    let to_tls = matches!(route.next_hop, NextHop::Smtps { .. });
    match route.tls {
        RouteTls::Required if over_socket => {
            found.add(
                &format!("{key}.tls"),
                "a unix socket has no TLS and needs none: leave \"tls\" out",
            );
        }
        RouteTls::Never if to_tls => {
            found.add(
                &format!("{key}.tls"),
                "smtps:// is TLS from the first octet: write smtp:// or leave \"tls\" out",
            );
        }
        RouteTls::Never if route.user.is_some() => {
            found.add(
                &format!("{key}.tls"),
                "the password would travel in clear: leave \"tls\" out",
            );
        }
        RouteTls::Required | RouteTls::Never | RouteTls::Opportunistic => {}
    }
    match (&route.user, &route.password_file) {
        (Some(_), None) => {
            found.add(&format!("{key}.user"), "a login needs its password: add \"password_file\"")
        }
        (None, Some(_)) => {
            found.add(&format!("{key}.password_file"), "a password needs its login: add \"user\"")
        }
        _ => {}
    }
}

/// How the route's connections leave this host.
fn route_source(route: &Route, config: &Config, key: &str, found: &mut Found<'_>) {
    let host = match &route.next_hop {
        NextHop::LmtpUnix { .. } => {
            for (name, written) in
                [("family", route.family.is_some()), ("source", route.source.is_some())]
            {
                if written {
                    let text = format!("a unix socket has no IP address: leave \"{name}\" out");
                    found.add(&format!("{key}.{name}"), text);
                }
            }
            return;
        }
        NextHop::Smtp { host, .. } | NextHop::Smtps { host, .. } | NextHop::Lmtp { host, .. } => {
            host
        }
    };
    let family = route.family.unwrap_or(config.mta.family);
    // What goes for all hosts says nothing against one that is named by its address.
    if route.family.is_some() && host.parse().is_ok_and(|ip: IpAddr| !family.has(ip)) {
        let text = format!("{host} would never be connected to: leave \"family\" out");
        found.add(&format!("{key}.family"), text);
    }
    if let Some(source) = route.source {
        source_fits(source, family, key, found);
    }
}

fn source_fits(source: Source, family: Family, key: &str, found: &mut Found<'_>) {
    let unused = match family {
        Family::Any => None,
        Family::Ipv4 => source.ipv6.map(IpAddr::V6),
        Family::Ipv6 => source.ipv4.map(IpAddr::V4),
    };
    if let Some(ip) = unused {
        let text = format!("{ip} would never be used: \"family\" leaves it out");
        found.add(&format!("{key}.source"), text);
    }
}
