//! One message in, one message out: what looks like an end of data to others is none to us (rows S01 to S03),
//! whoever is behind us.

use anyhow::Result;
use postroad_tests::peers::{Dovecot, Needs, PASSWORD, Postfix, PostfixSetup, Stage};
use postroad_tests::pop3;
use postroad_tests::process::until;
use postroad_tests::smtp;
use postroad_tests::suite::{Settings, Site};

/// Ends of data that some server took for one.
const ENDS: &[&[u8]] = &[
    b"\n.\n",
    b"\n.\r\n",
    b"\r\n.\n",
    b"\r.\r",
    b"\r.\n",
    b"\n.\r",
    b"\r.\r\n",
    b"\r\n.\r",
    b"\r\n.\r\r\n",
    b"\r\r\n.\r\r\n",
];

/// A second message, as it would be smuggled in.
const TAIL: &[u8] = b"MAIL FROM:<evil@attack.test>\r\nRCPT TO:<alice@local.test>\r\nDATA\r\nSubject: smuggled\r\n\r\nevil\r\n.\r\n";

#[test]
fn s01_s02_s03_nothing_is_smuggled_through_us_into_postfix() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Servers)? else { return Ok(()) };
    let dovecot = Dovecot::start(&stage)?;
    // Debian's Postfix 3.7 still ends data at LF.LF: it must never see one from us.
    let main = format!(
        "virtual_mailbox_domains = local.test\nvirtual_transport = lmtp:inet:{}\n",
        dovecot.lmtp
    );
    let postfix = Postfix::start(&stage, &PostfixSetup { main, ..PostfixSetup::default() })?;
    let site = Site::new(&Settings::smart_host(postfix.smtp))?;
    let mta = site.mta()?;

    for end in ENDS {
        let shown = end.escape_ascii();
        let mut client = smtp::Client::connect(site.smtp)?;
        client.expect("EHLO client.test", 250)?;
        client.expect("MAIL FROM:<anna@client.test>", 250)?;
        client.expect("RCPT TO:<alice@local.test>", 250)?;
        client.expect("DATA", 354)?;
        client.send(&[b"Subject: carrier\r\n\r\nhello", *end, TAIL].concat())?;
        let reply = client.reply()?;
        assert!((500..600).contains(&reply.code), "{shown} was answered {reply:?}");
        let more: Vec<_> = std::iter::from_fn(|| client.reply().ok()).collect();
        assert!(more.iter().all(|reply| reply.code >= 400), "after {shown}: {more:?}");
    }

    // An honest letter behind them shows that all there is has passed.
    let mut client = smtp::Client::connect(site.smtp)?;
    client.expect("EHLO client.test", 250)?;
    let letter = b"Subject: honest\r\n\r\n..dot\r\n.\r\n";
    assert_eq!(client.message("anna@client.test", &["alice@local.test"], letter)?.code, 250);
    let mailbox = || pop3::Client::log_in(dovecot.pop3, "alice", PASSWORD)?.messages();
    until("the honest letter", || mailbox().is_ok_and(|mail| !mail.is_empty()))
        .map_err(|error| error.context(mta.log()))?;
    let mail = mailbox()?;
    assert_eq!(mail.len(), 1, "{mail:?}");
    assert!(
        mail[0].ends_with(b"\r\n\r\n..dot\r\n.\r\n"),
        "{:?}",
        String::from_utf8_lossy(&mail[0])
    );
    Ok(())
}
