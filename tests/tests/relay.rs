//! Mail that only passes: in by SMTP, out by SMTP, from and to others.

use anyhow::Result;
use postroad_tests::peers::{Dovecot, Needs, PASSWORD, Postfix, PostfixSetup, Sink, Source, Stage};
use postroad_tests::pop3;
use postroad_tests::process::until;
use postroad_tests::suite::{Settings, Site, heavy};
use postroad_tests::tls::Certificates;

#[test]
fn every_message_of_smtp_source_reaches_smtp_sink_once() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Tools)? else { return Ok(()) };
    let _alone = heavy()?;
    let sink = Sink::start(&stage)?;
    let site = Site::new(&Settings::smart_host(sink.address))?;
    let _mta = site.mta()?;

    for (messages, octets, sessions) in [(200, 4096, 20), (20, 65_536, 5), (1, 100, 1)] {
        let before = sink.messages().len();
        Source { to: site.smtp, recipient: "bob@sink.test", messages, octets, sessions }
            .run(&stage)?;
        until("all messages in the sink", || sink.messages().len() >= before + messages)?;
    }

    let copies = sink.copies();
    assert_eq!(copies.len(), 221);
    assert!(copies.values().all(|&count| count == 1), "{copies:?}");
    Ok(())
}

#[test]
fn postfix_relays_to_us_over_verified_tls() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Servers)? else { return Ok(()) };
    let site = Site::new(&Settings::default())?;
    let (_mta, _mda) = (site.mta()?, site.mda()?);
    stage.write("etc/hosts", "127.0.0.1 localhost mx.our.test\n")?;
    let main = format!(
        "relayhost = [mx.our.test]:{}\nsmtp_tls_security_level = verify\nsmtp_tls_CAfile = {}\nsmtp_tls_loglevel = 1\n",
        site.smtp.port(),
        site.certificates.ca.display(),
    );
    let postfix = Postfix::start(&stage, &PostfixSetup { main, ..PostfixSetup::default() })?;

    Source {
        to: postfix.smtp,
        recipient: "alice@our.test",
        messages: 10,
        octets: 4096,
        sessions: 2,
    }
    .run(&stage)?;

    let arrived = until("10 letters in alice's Maildir", || {
        site.new_mail("alice").is_ok_and(|mail| mail.len() == 10)
    });
    arrived.map_err(|error| error.context(postfix.log()))?;
    let letter = String::from_utf8_lossy(&site.new_mail("alice")?[0]).into_owned();
    // RFC 3848: ESMTPS is ESMTP with STARTTLS.
    assert!(letter.contains("with ESMTPS"), "{letter}");
    assert!(
        postfix.log().contains("Verified TLS connection established to mx.our.test"),
        "{}",
        postfix.log()
    );
    Ok(())
}

#[test]
fn we_relay_to_postfix_over_verified_tls() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Servers)? else { return Ok(()) };
    let dovecot = Dovecot::start(&stage)?;
    // Made first: its certificate, good for localhost, serves Postfix as well.
    let certificates = Certificates::make(&stage.path("tls"), &["localhost"])?;
    let main = format!(
        "virtual_mailbox_domains = local.test\nvirtual_transport = lmtp:inet:{}\nsmtpd_tls_security_level = encrypt
smtpd_tls_cert_file = {}\nsmtpd_tls_key_file = {}\nsmtpd_tls_received_header = yes\n",
        dovecot.lmtp,
        certificates.certificate.display(),
        certificates.key.display(),
    );
    let postfix = Postfix::start(&stage, &PostfixSetup { main, ..PostfixSetup::default() })?;
    let site = Site::new(&Settings::tables(format!(
        "[[route]]\ndomain = \"local.test\"\nnext_hop = \"smtp://localhost:{}\"\ntls = \"required\"\n",
        postfix.smtp.port(),
    )))?;
    // The site trusts whoever signed for Postfix.
    std::fs::copy(&certificates.ca, &site.certificates.ca)?;
    let mta = site.mta()?;

    Source {
        to: site.smtp,
        recipient: "alice@local.test",
        messages: 10,
        octets: 4096,
        sessions: 2,
    }
    .run(&stage)?;

    let mailbox = || pop3::Client::log_in(dovecot.pop3, "alice", PASSWORD)?.messages();
    let arrived = until("10 letters at Dovecot", || mailbox().is_ok_and(|mail| mail.len() == 10));
    arrived.map_err(|error| error.context(mta.log()).context(postfix.log()))?;
    let letter = String::from_utf8_lossy(&mailbox()?[0]).into_owned();
    assert!(letter.contains("(using TLSv1.3 "), "{letter}");
    Ok(())
}

#[test]
fn a_certificate_that_nobody_signed_stops_mail_only_where_tls_is_required() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Servers)? else { return Ok(()) };
    let dovecot = Dovecot::start(&stage)?;
    let certificates = Certificates::make(&stage.path("tls"), &["localhost"])?;
    let main = format!(
        "virtual_mailbox_domains = strict.test easy.test\nvirtual_transport = lmtp:inet:{}\nsmtpd_tls_security_level = may
smtpd_tls_cert_file = {}\nsmtpd_tls_key_file = {}\n",
        dovecot.lmtp,
        certificates.certificate.display(),
        certificates.key.display(),
    );
    let postfix = Postfix::start(&stage, &PostfixSetup { main, ..PostfixSetup::default() })?;
    let hop = format!("next_hop = \"smtp://localhost:{}\"", postfix.smtp.port());
    // The site trusts its own authority, which isn't the one that signed for Postfix.
    let site = Site::new(&Settings::tables(format!(
        "[[route]]\ndomain = \"strict.test\"\n{hop}\ntls = \"required\"\n[[route]]\ndomain = \"easy.test\"\n{hop}\n",
    )))?;
    let mta = site.mta()?;

    for recipient in ["alice@strict.test", "bob@easy.test"] {
        Source { to: site.smtp, recipient, messages: 1, octets: 100, sessions: 1 }.run(&stage)?;
    }

    // Opportunistic TLS takes any certificate (RFC 7435 §3).
    let mailbox = |user| pop3::Client::log_in(dovecot.pop3, user, PASSWORD)?.messages();
    until("bob's letter", || mailbox("bob").is_ok_and(|mail| mail.len() == 1))
        .map_err(|error| error.context(mta.log()))?;
    until("alice's letter deferred", || {
        mta.log()
            .lines()
            .any(|line| line.contains("alice@strict.test") && line.contains("deferred"))
    })?;
    assert!(mailbox("alice")?.is_empty());
    Ok(())
}
