//! Next hops that refuse, hang up or lack extensions: mail comes through, waits or comes back, as it should.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result};
use postroad_tests::peers::{Needs, Sink, Stage};
use postroad_tests::process::{free_port, until};
use postroad_tests::smtp;
use postroad_tests::suite::{Settings, Site};

/// What becomes of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Arrives,
    Waits,
    Bounces,
}

/// Flags of smtp-sink, and what becomes of a letter to it.
const HOPS: &[(&str, &str, Fate)] = &[
    ("plain", "", Fate::Arrives),
    ("no-esmtp", "-e", Fate::Arrives),
    ("helo-only", "-f ehlo", Fate::Arrives),
    ("seven-bit", "-8", Fate::Arrives),
    ("no-pipelining", "-p", Fate::Arrives),
    ("hard-mail", "-f mail", Fate::Bounces),
    ("hard-rcpt", "-f rcpt", Fate::Bounces),
    ("hard-data", "-f data", Fate::Bounces),
    ("hard-end", "-f .", Fate::Bounces),
    ("soft-greeting", "-r connect", Fate::Waits),
    ("soft-mail", "-r mail", Fate::Waits),
    ("soft-rcpt", "-r rcpt", Fate::Waits),
    ("soft-data", "-r data", Fate::Waits),
    ("soft-end", "-r .", Fate::Waits),
    ("leaves-at-mail", "-Q mail", Fate::Waits),
    ("hangs-up-at-greeting", "-q connect", Fate::Waits),
    ("hangs-up-at-rcpt", "-q rcpt", Fate::Waits),
    ("hangs-up-at-end", "-q .", Fate::Waits),
];

#[test]
fn a_letter_arrives_waits_or_bounces() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Tools)? else { return Ok(()) };
    let mut sinks = Vec::new();
    let mut routes = String::new();
    for (name, flags, _) in HOPS {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let flags: Vec<&str> = flags.split_whitespace().collect();
        sinks.push(Sink::start_at(&stage, address, &flags)?);
        routes +=
            &format!("[[route]]\ndomain = \"{name}.test\"\nnext_hop = \"smtp://{address}\"\n");
    }
    // Nobody listens here.
    routes += &format!(
        "[[route]]\ndomain = \"down.test\"\nnext_hop = \"smtp://127.0.0.1:{}\"\n",
        free_port()
    );
    let site = Site::new(&Settings::tables(routes))?;
    let (mta, _mda) = (site.mta()?, site.mda()?);

    let hops: Vec<(&str, Fate)> =
        HOPS.iter().map(|(name, _, fate)| (*name, *fate)).chain([("down", Fate::Waits)]).collect();
    let mut client = smtp::Client::connect(site.smtp)?;
    client.expect("EHLO client.test", 250)?;
    for (name, _) in &hops {
        let letter = format!(
            "Subject: {name}\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGrüße\r\n"
        );
        let reply =
            client.message("alice@our.test", &[&format!("bob@{name}.test")], letter.as_bytes())?;
        assert_eq!(reply.code, 250, "{reply:?}");
    }

    let said = |recipient: &str, word: &str| {
        mta.log().lines().any(|line| line.contains(recipient) && line.contains(word))
    };
    for (name, fate) in &hops {
        let recipient = format!("bob@{name}.test");
        let (word, others) = match fate {
            Fate::Arrives => ("status=sent", ["status=deferred", "status=bounced"]),
            Fate::Waits => ("status=deferred", ["status=sent", "status=bounced"]),
            Fate::Bounces => ("status=bounced", ["status=sent", "status=deferred"]),
        };
        until(word, || said(&recipient, word)).with_context(|| format!("{name}\n{}", mta.log()))?;
        assert!(
            !others.iter().any(|other| said(&recipient, other)),
            "{name} is {fate:?}:\n{}",
            mta.log()
        );
    }

    // Those that refuse at the end of data keep the file, too.
    for ((name, _), sink) in hops.iter().zip(&sinks).filter(|((_, fate), _)| *fate == Fate::Arrives)
    {
        let arrived = sink.messages().iter().filter(|letter| letter.contains("Grüße")).count();
        assert_eq!(arrived, 1, "{name}");
    }
    let bouncing = hops.iter().filter(|(_, fate)| *fate == Fate::Bounces).count();
    until("all bounces", || site.new_mail("alice").is_ok_and(|mail| mail.len() == bouncing))
        .with_context(|| mta.log())?;
    Ok(())
}

#[test]
fn a_letter_that_waited_goes_when_the_host_is_back() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Tools)? else { return Ok(()) };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let site = Site::new(&Settings::smart_host(address))?;
    let mta = site.mta()?;
    let mut client = smtp::Client::connect(site.smtp)?;
    client.expect("EHLO client.test", 250)?;
    let letter = b"Subject: patience\r\n\r\nwaits\r\n";
    assert_eq!(client.message("anna@client.test", &["bob@sink.test"], letter)?.code, 250);
    until("the letter deferred", || mta.log().contains("status=deferred"))
        .with_context(|| mta.log())?;

    let sink = Sink::start_at(&stage, address, &[])?;

    until("the letter", || sink.messages().len() == 1).with_context(|| mta.log())?;
    assert!(sink.messages()[0].contains("\nSubject: patience\n"));
    Ok(())
}
