//! The harness itself: the peers work among each other, without anything of ours.

use std::net::SocketAddr;

use anyhow::Result;
use postroad_tests::peers::{
    Dovecot, Exim, EximSetup, Needs, OpenSmtpd, OpenSmtpdSetup, PASSWORD, Packages, Postfix,
    PostfixSetup, Sink, Source, Stage,
};
use postroad_tests::pop3;
use postroad_tests::process::until;

#[test]
fn postfix_hands_mail_to_dovecot() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Servers)? else { return Ok(()) };
    let dovecot = Dovecot::start(&stage)?;
    let main = format!(
        "virtual_mailbox_domains = local.test\nvirtual_transport = lmtp:inet:{}\n",
        dovecot.lmtp
    );
    let postfix = Postfix::start(&stage, &PostfixSetup { main, ..PostfixSetup::default() })?;

    let source = Source {
        to: postfix.smtp,
        recipient: "alice@local.test",
        messages: 20,
        octets: 4096,
        sessions: 4,
    };
    source.run(&stage)?;
    until("postfix's queue empty", || postfix.queued() == 0)?;

    let messages = pop3::Client::log_in(dovecot.pop3, "alice", PASSWORD)?.messages()?;
    assert_eq!(messages.len(), 20, "{}", postfix.log());
    assert!(messages.iter().all(|message| message.len() > 4000));
    Ok(())
}

#[test]
fn source_reaches_sink() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Tools)? else { return Ok(()) };
    let sink = Sink::start(&stage)?;
    Source {
        to: sink.address,
        recipient: "bob@sink.test",
        messages: 50,
        octets: 1000,
        sessions: 5,
    }
    .run(&stage)?;
    until("50 messages in the sink", || sink.messages().len() == 50)?;
    let copies = sink.copies();
    assert_eq!(copies.len(), 50, "every message has an id of its own");
    assert!(copies.values().all(|&count| count == 1));
    Ok(())
}

#[test]
fn exim_hands_mail_on() -> Result<()> {
    let start = |stage: &Stage, sink| {
        let exim = Exim::start(stage, &EximSetup::relay_to(sink))?;
        Ok((exim.smtp, exim))
    };
    hands_mail_on(Packages::Exim, start)
}

#[test]
fn opensmtpd_hands_mail_on() -> Result<()> {
    let start = |stage: &Stage, sink| {
        let opensmtpd = OpenSmtpd::start(stage, &OpenSmtpdSetup::relay_to(sink))?;
        Ok((opensmtpd.smtp, opensmtpd))
    };
    hands_mail_on(Packages::OpenSmtpd, start)
}

/// From smtp-source over a server to smtp-sink.
fn hands_mail_on<Server>(
    packages: Packages,
    start: impl FnOnce(&Stage, SocketAddr) -> Result<(SocketAddr, Server)>,
) -> Result<()> {
    let Some(tools) = Stage::set_up(Needs::Servers)? else { return Ok(()) };
    let Some(stage) = Stage::set_up_with(Needs::Servers, packages)? else { return Ok(()) };
    let sink = Sink::start(&tools)?;
    let (smtp, _server) = start(&stage, sink.address)?;
    let (recipient, messages) = ("bob@sink.test", 10);
    Source { to: smtp, recipient, messages, octets: 1000, sessions: 2 }.run(&tools)?;
    until("10 messages in the sink", || sink.messages().len() == messages)?;
    Ok(())
}
