//! Notices between our agents, and between us and Postfix: what one was asked to tell comes back from the other
//! (RFC 3461), once.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Context, Result};
use postroad_tests::peers::{Dovecot, Needs, PASSWORD, Postfix, PostfixSetup, Sink, Stage, fed};
use postroad_tests::pop3;
use postroad_tests::process::{free_port, until};
use postroad_tests::smtp::Client;
use postroad_tests::suite::{Settings, Site};
use serde::Deserialize;

/// A notice as Python's own parser reads it; names of fields in lower case.
#[derive(Debug, Deserialize)]
struct Notice {
    from: String,
    text: String,
    message: BTreeMap<String, String>,
    recipients: Vec<BTreeMap<String, String>>,
    returned: String,
}

impl Notice {
    fn parse(stage: &Stage, octets: &[u8]) -> Result<Self> {
        let output = fed(&mut stage.python("notice.py"), octets)?;
        let json = String::from_utf8_lossy(&output.stdout).into_owned();
        serde_json::from_str(&json).with_context(|| {
            let error = String::from_utf8_lossy(&output.stderr).into_owned();
            format!("{error}\n{}", String::from_utf8_lossy(octets))
        })
    }

    /// One field of the only recipient.
    #[track_caller]
    fn field(&self, name: &str) -> &str {
        let [recipient] = &self.recipients[..] else { panic!("{self:?}") };
        recipient.get(name).map_or_else(|| panic!("no {name} in {self:?}"), String::as_str)
    }
}

/// Our host and a Postfix with `local.test` behind it: each sends the other's mail to the other.
struct Neighbours {
    stage: Stage,
    site: Site,
    postfix: Postfix,
    dovecot: Dovecot,
}

impl Neighbours {
    /// `more` are tables of our settings.
    fn start(stage: Stage, more: &str) -> Result<Self> {
        let dovecot = Dovecot::start(&stage)?;
        // Each has to know the other's port before it starts.
        let back = free_port();
        let site = Site::new(&Settings::tables(format!(
            "[[route]]\ndomain = \"local.test\"\nnext_hop = \"smtp://127.0.0.1:{back}\"\n{more}"
        )))?;
        let main = format!(
            "relayhost = [127.0.0.1]:{}\nvirtual_mailbox_domains = local.test\n\
             virtual_transport = lmtp:inet:{}\n",
            site.smtp.port(),
            dovecot.lmtp,
        );
        let master = format!("127.0.0.1:{back} inet n - n - - smtpd\n");
        let postfix = Postfix::start(&stage, &PostfixSetup { main, master })?;
        Ok(Self { stage, site, postfix, dovecot })
    }

    /// Alice's letters behind Postfix.
    fn at_dovecot(&self) -> Result<Vec<Vec<u8>>> {
        pop3::Client::log_in(self.dovecot.pop3, "alice", PASSWORD)?.messages()
    }

    /// The notices among them, those of failure last.
    fn read(&self, letters: &[Vec<u8>]) -> Result<Vec<Notice>> {
        let parse = |letter: &Vec<u8>| Notice::parse(&self.stage, letter);
        let mut notices = letters.iter().map(parse).collect::<Result<Vec<_>>>()?;
        notices.sort_by_key(|notice| notice.field("action") == "failed");
        Ok(notices)
    }
}

/// A letter with parameters.
fn send(server: SocketAddr, mail: &str, recipients: &[&str]) -> Result<()> {
    let mut client = Client::connect(server)?;
    client.expect("EHLO client.test", 250)?;
    client.expect(mail, 250)?;
    for recipient in recipients {
        client.expect(recipient, 250)?;
    }
    client.expect("DATA", 354)?;
    client.send(b"From: alice@local.test\r\nSubject: Lunch\r\n\r\nAt noon?\r\n.\r\n")?;
    let reply = client.reply()?;
    anyhow::ensure!(reply.code == 250, "{reply:?}");
    client.expect("QUIT", 221)?;
    Ok(())
}

#[test] // Tests RFC 3461 §5.2.3 and §5.2.6.
fn what_postfix_hands_us_to_tell_comes_back_through_it() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Servers)? else { return Ok(()) };
    let nobody = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let _sink = Sink::start_at(&stage, nobody, &["-f", "RCPT"])?;
    let elsewhere =
        format!("[[route]]\ndomain = \"elsewhere.test\"\nnext_hop = \"smtp://{nobody}\"\n");
    let all = Neighbours::start(stage, &elsewhere)?;
    let (mta, _mda) = (all.site.mta()?, all.site.mda()?);

    send(
        all.postfix.smtp,
        "MAIL FROM:<alice@local.test> RET=HDRS ENVID=QQ+2B1",
        &[
            "RCPT TO:<bob@our.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;Bobby@our.test",
            "RCPT TO:<gone@elsewhere.test> NOTIFY=FAILURE ORCPT=rfc822;Gone+2Bx@elsewhere.test",
            "RCPT TO:<quiet@elsewhere.test> NOTIFY=NEVER",
        ],
    )?;

    let bounced = |line: &str| line.contains("quiet@elsewhere.test") && line.contains("bounced");
    let arrived = until("two notices at Dovecot, and no third one under way", || {
        mta.log().lines().any(bounced) && all.at_dovecot().is_ok_and(|mail| mail.len() >= 2)
    });
    arrived.map_err(|error| error.context(mta.log()).context(all.postfix.log()))?;
    let notices = all.read(&all.at_dovecot()?)?;
    let [delivered, failed] = &notices[..] else { panic!("{notices:?}") };
    for notice in &notices {
        assert_eq!(notice.from, "MAILER-DAEMON@mx.our.test");
        assert_eq!(notice.message["original-envelope-id"], "QQ+1");
        assert_eq!(notice.message["reporting-mta"], "dns; mx.our.test");
        assert_eq!(notice.returned, "text/rfc822-headers");
    }
    assert_eq!(delivered.field("action"), "delivered");
    assert_eq!(delivered.field("original-recipient"), "rfc822;Bobby@our.test");
    assert_eq!(delivered.field("final-recipient"), "rfc822;bob@our.test");
    assert_eq!(failed.field("original-recipient"), "rfc822;Gone+x@elsewhere.test");
    assert!(failed.text.starts_with("Your message could not be delivered to:"), "{failed:?}");
    Ok(())
}

#[test] // Tests RFC 3461 §5.2.1.
fn what_we_hand_postfix_to_tell_comes_back_to_us() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Servers)? else { return Ok(()) };
    let all = Neighbours::start(stage, "")?;
    let (mta, _mda) = (all.site.mta()?, all.site.mda()?);

    send(
        all.site.smtp,
        "MAIL FROM:<alice@our.test> RET=FULL ENVID=ours+3D1",
        &[
            "RCPT TO:<bob@local.test> NOTIFY=SUCCESS ORCPT=rfc822;B+3D1@local.test",
            "RCPT TO:<gone@local.test> NOTIFY=FAILURE",
            "RCPT TO:<quiet@local.test> NOTIFY=NEVER",
        ],
    )?;

    let mail = || all.site.new_mail("alice");
    let bounced = |line: &str| line.contains("quiet@local.test") && line.contains("bounced");
    let arrived = until("two notices in alice's Maildir, and no third one under way", || {
        all.postfix.log().lines().any(bounced) && mail().is_ok_and(|mail| mail.len() >= 2)
    });
    arrived.map_err(|error| error.context(mta.log()).context(all.postfix.log()))?;
    let notices = all.read(&mail()?)?;
    let [delivered, failed] = &notices[..] else { panic!("{notices:?}") };
    for notice in &notices {
        assert_eq!(notice.from, "MAILER-DAEMON@postfix.test");
        assert_eq!(notice.message["original-envelope-id"], "ours=1");
    }
    assert_eq!(delivered.field("original-recipient"), "rfc822;B=1@local.test");
    assert_eq!(delivered.field("final-recipient"), "rfc822; bob@local.test");
    assert_eq!(failed.field("final-recipient"), "rfc822; gone@local.test");
    assert_eq!(failed.returned, "message/rfc822");
    Ok(())
}

#[test] // Tests RFC 3461 §5.2.3: with our two agents, it is the one that files the letter.
fn our_delivery_agent_tells_of_success_and_our_transfer_agent_does_not() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Tools)? else { return Ok(()) };
    let site = Site::new(&Settings::default())?;
    let (mta, mda) = (site.mta()?, site.mda()?);
    send(
        site.smtp,
        "MAIL FROM:<alice@our.test> ENVID=ours+3D1",
        &["RCPT TO:<bob@our.test> NOTIFY=SUCCESS ORCPT=rfc822;B+3D1@our.test"],
    )?;
    let log = || format!("{}\n{}", mta.log(), mda.log());
    let mail = || site.new_mail("alice");
    until("a notice", || mail().is_ok_and(|mail| !mail.is_empty()))
        .map_err(|error| error.context(log()))?;
    // One of the transfer agent's own would be in its queue by the time that bob's letter is settled.
    let queue = || {
        let output = site.command("postroad")?.args(["queue", "list"]).output()?;
        Ok::<_, anyhow::Error>(output.status.success() && output.stdout.is_empty())
    };
    until("an empty queue", || queue().unwrap_or(false)).map_err(|error| error.context(log()))?;
    let mail = mail()?;
    let [notice] = &mail[..] else { panic!("{} notices\n{}", mail.len(), log()) };
    let notice = Notice::parse(&stage, notice)?;
    assert_eq!(notice.from, "MAILER-DAEMON@mx.our.test");
    assert_eq!(notice.message["original-envelope-id"], "ours=1");
    assert_eq!(notice.field("action"), "delivered");
    assert_eq!(notice.field("original-recipient"), "rfc822;B=1@our.test");
    // Nobody was asked for it: who files a letter knows.
    assert!(notice.field("diagnostic-code").starts_with("x-postroad"), "{notice:?}");
    Ok(())
}

#[test] // Tests RFC 3461 §5.2.1 and §5.2.3, with LMTP between Postfix and our delivery agent.
fn behind_postfix_our_delivery_agent_tells_of_success_once() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Servers)? else { return Ok(()) };
    // What our delivery agent sends, Postfix takes there.
    let back = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let submit = format!("submit = \"smtp://{back}\"\n");
    let site = Site::new(&Settings { mda: submit, ..Settings::default() })?;
    let main = format!(
        "virtual_mailbox_domains = our.test\nvirtual_transport = lmtp:inet:{}\n",
        site.lmtp
    );
    let master = format!("{back} inet n - n - - smtpd\n");
    let mda = site.mda()?;
    let postfix = Postfix::start(&stage, &PostfixSetup { main, master })?;
    send(
        postfix.smtp,
        "MAIL FROM:<alice@our.test> RET=HDRS ENVID=QQ+2B1",
        &[
            "RCPT TO:<bob@our.test> NOTIFY=SUCCESS ORCPT=rfc822;Bobby@our.test",
            "RCPT TO:<nobody@our.test> NOTIFY=SUCCESS,FAILURE",
        ],
    )?;
    let log = || format!("{}\n{}", mda.log(), postfix.log());
    let mail = || site.new_mail("alice");
    let arrived = until("two notices, and no third one under way", || {
        mail().is_ok_and(|mail| mail.len() >= 2) && postfix.queued() == 0
    });
    arrived.map_err(|error| error.context(log()))?;
    let mail = mail()?;
    let notices = mail.iter().map(|letter| Notice::parse(&stage, letter));
    let mut notices = notices.collect::<Result<Vec<_>>>().context(log())?;
    notices.sort_by_key(|notice| notice.field("action") == "failed");
    let [delivered, failed] = &notices[..] else { panic!("{notices:?}\n{}", log()) };
    assert_eq!(delivered.from, "MAILER-DAEMON@mx.our.test");
    assert_eq!(delivered.field("action"), "delivered");
    assert_eq!(delivered.field("original-recipient"), "rfc822;Bobby@our.test");
    assert_eq!(delivered.message["original-envelope-id"], "QQ+1");
    assert_eq!(failed.from, "MAILER-DAEMON@postfix.test");
    assert_eq!(failed.field("action"), "failed");
    assert_eq!(failed.field("final-recipient"), "rfc822; nobody@our.test");
    Ok(())
}

#[test] // Tests RFC 3464 §2, RFC 6522 §3 and RFC 6533 §4.
fn python_reads_every_kind_of_notice() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Tools)? else { return Ok(()) };
    let snapshots = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/protocol/src/dsn/snapshots");
    let mut read = 0;
    for entry in std::fs::read_dir(snapshots)? {
        let path = entry?.path();
        let snapshot = std::fs::read_to_string(&path)?;
        // What insta wrote on top ends at the second line of dashes.
        let (_, notice) = snapshot.split_once("\n---\n").context("a snapshot has a head")?;
        let notice = Notice::parse(&stage, notice.replace('\n', "\r\n").as_bytes())
            .with_context(|| path.display().to_string())?;
        assert_eq!(notice.from, "MAILER-DAEMON@mx.our.example");
        assert!(notice.recipients.iter().all(|fields| fields.contains_key("status")), "{notice:?}");
        assert!(notice.text.contains("This is the mail system at mx.our.example"), "{notice:?}");
        read += 1;
    }
    assert!(read >= 9, "{read} snapshots");
    Ok(())
}
