//! `postroad probe`: a real name server, and Postfix as the host that it names.

use anyhow::{Context, Result};
use postroad_tests::peers::{Needs, Nsd, Postfix, PostfixSetup, Stage};
use postroad_tests::process::{outcome, until};
use postroad_tests::suite::{Settings, Site};
use postroad_tests::tls::Certificates;
use serde_json::Value;

const ZONE: &str = "
mx A 127.0.0.1
down A 127.0.0.9
good MX 10 down
good MX 20 mx
null MX 0 .
";

/// What `postroad probe` printed, and whether somebody takes the mail.
fn probe(site: &Site, arguments: &[&str]) -> Result<(String, bool)> {
    let output = outcome(site.command("postroad")?.arg("probe").args(arguments))?;
    let text = String::from_utf8(output.stdout)?;
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(errors.is_empty(), "{errors}");
    Ok((text, output.status.success()))
}

/// A Postfix with this certificate, which knows everybody but nobody@good.dns.test.
fn postfix(stage: &Stage, certificates: &Certificates) -> Result<Postfix> {
    let main = format!(
        "smtpd_recipient_restrictions = check_recipient_access inline:{{nobody@good.dns.test=REJECT}}, permit_mynetworks, reject
smtpd_tls_security_level = may\nsmtpd_tls_cert_file = {}\nsmtpd_tls_key_file = {}\n",
        certificates.certificate.display(),
        certificates.key.display(),
    );
    Postfix::start(stage, &PostfixSetup { main, ..PostfixSetup::default() })
}

#[test]
fn the_hosts_that_dns_names_are_asked_and_get_no_letter() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Servers)? else { return Ok(()) };
    let certificates = Certificates::make(&stage.path("tls"), &["mx.dns.test"])?;
    let postfix = postfix(&stage, &certificates)?;
    let nsd = Nsd::start(&stage, &[("dns.test", ZONE)])?;
    let site = Site::new(&Settings::tables(format!(
        "[mta.dns]\nservers = [\"{}\"]\nsmtp_port = {}\nloopback = \"allowed\"\n",
        nsd.address,
        postfix.smtp.port(),
    )))?;

    let (text, accepted) = probe(&site, &["bob@good.dns.test"])?;
    assert!(accepted, "{text}");
    for part in [
        "good.dns.test MX",
        "good.dns.test. 60 MX 20 mx.dns.test.",
        &nsd.address.to_string(),
        "down.dns.test [127.0.0.9",
        "cannot connect",
        "220 postfix.test ESMTP Postfix",
        "250-PIPELINING",
        "STARTTLS",
        "TLSv1.3",
        "for mx.dns.test, by CN=test authority",
        "not trusted",
        "MAIL FROM:<postmaster@our.test>",
        "RCPT TO:<bob@good.dns.test>",
        "QUIT",
        "mx.dns.test would take mail for bob@good.dns.test",
    ] {
        assert!(text.contains(part), "{part:?} is missing:\n{text}");
    }
    assert!(!text.contains("DATA"), "{text}");

    let (text, accepted) = probe(&site, &["nobody@good.dns.test"])?;
    assert!(!accepted && text.contains("554 5.7.1"), "{text}");
    let (text, accepted) = probe(&site, &["bob@null.dns.test"])?;
    assert!(!accepted && text.contains("RFC 7505"), "{text}");
    let (text, accepted) = probe(&site, &["bob@missing.dns.test"])?;
    assert!(!accepted && text.contains("NXDOMAIN"), "{text}");
    let (text, accepted) = probe(&site, &["--mx-only", "bob@good.dns.test"])?;
    assert!(accepted && !text.contains("220 "), "{text}");
    assert_eq!(postfix.queued(), 0, "a probe sends no letter");
    Ok(())
}

/// Whom Postfix saw is in its log.
#[test]
fn connections_leave_as_the_transfer_agents_do() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Servers)? else { return Ok(()) };
    let certificates = Certificates::make(&stage.path("tls"), &["mx.dns.test"])?;
    let postfix = postfix(&stage, &certificates)?;
    let zone = "both AAAA ::1\nboth A 127.0.0.1\ngood MX 10 both\nsix AAAA ::1\nonly MX 10 six\n";
    let nsd = Nsd::start(&stage, &[("dns.test", zone)])?;
    let port = postfix.smtp.port();
    let mta = "family = \"ipv4\"\nsource = [\"127.0.0.7\"]\n".to_owned();
    let tables = format!(
        "[mta.dns]\nservers = [\"{}\"]\nsmtp_port = {port}\nloopback = \"allowed\"\n\
         [[route]]\ndomain = \"routed.test\"\nnext_hop = \"smtp://localhost:{port}\"\nsource = [\"127.0.0.8\"]\n",
        nsd.address,
    );
    let site = Site::new(&Settings { mta, ..Settings::tables(tables) })?;

    let (text, accepted) = probe(&site, &["bob@good.dns.test"])?;
    assert!(accepted && !text.contains("AAAA"), "{text}");
    assert!(text.contains("both.dns.test [127.0.0.1") && text.contains("from 127.0.0.7"), "{text}");
    until("the connection", || postfix.log().contains("[127.0.0.7]"))?;
    // What DNS knows of another kind is nobody to ask.
    let (text, accepted) = probe(&site, &["bob@only.dns.test"])?;
    assert!(!accepted && text.contains("nobody to ask"), "{text}");
    let (text, _) = probe(&site, &["bob@routed.test"])?;
    assert!(text.contains("from 127.0.0.8"), "{text}");
    until("the connection of the route", || postfix.log().contains("[127.0.0.8]"))
}

#[test]
fn a_route_is_followed_and_its_certificate_judged() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Servers)? else { return Ok(()) };
    // The certificate has to be there before the site that trusts it knows the port: one Postfix, two sites.
    let first = Site::new(&Settings::default())?;
    let postfix = postfix(&stage, &first.certificates)?;
    let route = format!(
        "[[route]]\ndomain = \"*\"\nnext_hop = \"smtp://localhost:{}\"\ntls = \"required\"\n",
        postfix.smtp.port()
    );
    let stranger = Site::new(&Settings::tables(&route))?;
    let (text, accepted) = probe(&stranger, &["bob@good.dns.test"])?;
    assert!(!accepted && text.contains("demands a certificate that is trusted"), "{text}");

    std::fs::copy(&first.certificates.ca, &stranger.certificates.ca)?;
    let (text, accepted) = probe(&stranger, &["--json", "bob@good.dns.test"])?;
    assert!(accepted, "{text}");
    let events: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    assert!(events.iter().all(|event| event["elapsed_ms"].is_u64()), "{text}");
    let find = |kind: &str| events.iter().find(|event| event["event"] == kind);
    let tls = find("tls").context("no TLS")?;
    assert_eq!(tls["certificate"]["trusted"], true, "{tls}");
    assert_eq!(find("verdict").context("no verdict")?["outcome"], "accepted");
    assert_eq!(find("summary").context("no summary")?["accepted"], true);
    Ok(())
}

#[test]
fn for_a_local_address_the_delivery_agent_is_asked() -> Result<()> {
    let site = Site::new(&Settings::default())?;
    let (text, accepted) = probe(&site, &["alice@our.test"])?;
    assert!(!accepted && text.contains("cannot connect"), "{text}");
    let _mda = site.mda()?;
    let (text, accepted) = probe(&site, &["alice@our.test"])?;
    assert!(accepted && text.contains("LHLO mx.our.test"), "{text}");
    let (text, accepted) = probe(&site, &["mallory@our.test"])?;
    assert!(!accepted && text.contains("550 5.1.1"), "{text}");
    Ok(())
}
