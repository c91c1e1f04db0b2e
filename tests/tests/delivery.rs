//! The delivery agent behind others' transfer agents, and our transfer agent before others' delivery agents.

use anyhow::Result;
use postroad_tests::peers::{Dovecot, Needs, PASSWORD, Postfix, PostfixSetup, Source, Stage};
use postroad_tests::pop3;
use postroad_tests::process::until;
use postroad_tests::smtp;
use postroad_tests::suite::{Settings, Site, new_mail};

#[test]
fn postfix_delivers_by_lmtp() -> Result<()> {
    for socket in ["inet", "unix"] {
        let Some(stage) = Stage::set_up(Needs::Servers)? else { return Ok(()) };
        let site = Site::new(&Settings::default())?;
        let mda = site.mda()?;
        let transport = match socket {
            "inet" => format!("lmtp:inet:{}", site.lmtp),
            _ => {
                // Who may deliver is a matter of the socket's owner, as systemd's SocketUser sets it.
                let path = site.path("run/lmtp.sock");
                stage.own(&path, "postfix")?;
                format!("lmtp:unix:{}", path.display())
            }
        };
        let main = format!("virtual_mailbox_domains = our.test\nvirtual_transport = {transport}\n");
        let postfix = Postfix::start(&stage, &PostfixSetup { main, ..PostfixSetup::default() })?;

        for recipient in ["alice@our.test", "bob+list@our.test", "nobody@our.test"] {
            Source { to: postfix.smtp, recipient, messages: 3, octets: 4096, sessions: 1 }
                .run(&stage)?;
        }

        until("postfix's queue empty", || postfix.queued() == 0)
            .map_err(|error| error.context(mda.log()).context(postfix.log()))?;
        for user in ["alice", "bob"] {
            assert_eq!(site.new_mail(user)?.len(), 3, "{user} by {transport}:\n{}", postfix.log());
        }
        let refused = bounced(&postfix, "nobody@our.test");
        assert_eq!(refused, 3, "an unknown user is refused:\n{}", postfix.log());
    }
    Ok(())
}

/// How often Postfix gave up on a recipient.
fn bounced(postfix: &Postfix, recipient: &str) -> usize {
    let log = postfix.log();
    log.lines()
        .filter(|line| {
            line.contains(&format!("to=<{recipient}>")) && line.contains("status=bounced")
        })
        .count()
}

/// A site and a stage whose users' Maildirs are in their homes, as `mailbox_command` has it.
fn site_with_homes(stage: &Stage) -> Result<Site> {
    let mda = format!("maildir = \"{}/{{user}}/Maildir\"\n", stage.path("home").display());
    let site = Site::new(&Settings { mda, ..Settings::default() })?;
    stage.write("etc/postroad/postroad.toml", &std::fs::read_to_string(site.config())?)?;
    Ok(site)
}

#[test]
fn postfix_calls_us_as_mailbox_command() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Servers)? else { return Ok(()) };
    let site = site_with_homes(&stage)?;
    // As it would call procmail or dovecot-lda: as the recipient, with what it says in the environment.
    let main = "mydestination = our.test\nrecipient_delimiter = +\nmailbox_command = /mnt/postroad-mda -a \"$EXTENSION\"\n".into();
    let postfix = Postfix::start(&stage, &PostfixSetup { main, ..PostfixSetup::default() })?;

    for recipient in ["alice@our.test", "bob+list@our.test"] {
        Source { to: postfix.smtp, recipient, messages: 3, octets: 4096, sessions: 1 }
            .run(&stage)?;
    }

    until("postfix's queue empty", || postfix.queued() == 0)
        .map_err(|error| error.context(postfix.log()))?;
    for user in ["alice", "bob"] {
        let letters = new_mail(&stage.path(&format!("home/{user}/Maildir")))?;
        assert_eq!(letters.len(), 3, "{user}:\n{}", postfix.log());
        let letter = String::from_utf8_lossy(&letters[0]);
        assert!(letter.starts_with("Return-Path: <sender@client.test>\n"), "{letter}");
        assert_eq!(letter.matches("Return-Path:").count(), 1, "{letter}");
    }
    drop(site);
    Ok(())
}

#[test]
fn postfix_pipes_to_us() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Servers)? else { return Ok(()) };
    let site = Site::new(&Settings::default())?;
    stage.own(&site.path("mail"), "postroad")?;
    stage.write("etc/postroad/postroad.toml", &std::fs::read_to_string(site.config())?)?;
    let setup = PostfixSetup {
        main: "virtual_mailbox_domains = our.test\nvirtual_transport = postroad\npostroad_destination_recipient_limit = 1\nrecipient_delimiter = +\n".into(),
        master: "postroad unix - n n - - pipe\n  flags=DRhu user=postroad argv=/mnt/postroad-mda deliver -f ${sender} -a ${extension} -d ${user}\n".into(),
    };
    let postfix = Postfix::start(&stage, &setup)?;

    for recipient in ["alice@our.test", "bob+list@our.test", "nobody@our.test"] {
        Source { to: postfix.smtp, recipient, messages: 3, octets: 4096, sessions: 1 }
            .run(&stage)?;
    }

    until("postfix's queue empty", || postfix.queued() == 0)
        .map_err(|error| error.context(postfix.log()))?;
    for user in ["alice", "bob"] {
        assert_eq!(site.new_mail(user)?.len(), 3, "{user}:\n{}", postfix.log());
    }
    let refused = bounced(&postfix, "nobody@our.test");
    assert_eq!(refused, 3, "exit code 67 is an unknown user:\n{}", postfix.log());
    Ok(())
}

#[test]
fn dovecot_takes_mail_from_us() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Servers)? else { return Ok(()) };
    let dovecot = Dovecot::start(&stage)?;
    let site = Site::new(&Settings::tables(format!(
        "[[route]]\ndomain = \"local\"\nnext_hop = \"lmtp://{}\"\n",
        dovecot.lmtp
    )))?;
    let mta = site.mta()?;

    for recipient in ["alice@our.test", "bob@our.test"] {
        Source { to: site.smtp, recipient, messages: 20, octets: 4096, sessions: 4 }.run(&stage)?;
    }

    for user in ["alice", "bob"] {
        let mailbox = || pop3::Client::log_in(dovecot.pop3, user, PASSWORD)?.messages();
        until("20 letters at Dovecot", || mailbox().is_ok_and(|mail| mail.len() == 20))
            .map_err(|error| error.context(mta.log()))?;
    }
    Ok(())
}

#[test]
fn a_user_unknown_to_the_delivery_agent_is_refused_at_rcpt() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Servers)? else { return Ok(()) };
    let dovecot = Dovecot::start(&stage)?;
    let site = Site::new(&Settings::tables(format!(
        "[[route]]\ndomain = \"local\"\nnext_hop = \"lmtp://{}\"\n",
        dovecot.lmtp
    )))?;
    // Dovecot knows no carol.
    let users = std::fs::read_to_string(site.path("users"))?;
    std::fs::write(site.path("users"), users.replace("bob:", "carol:"))?;
    let _mta = site.mta()?;

    let mut client = smtp::Client::connect(site.smtp)?;
    client.expect("EHLO client.test", 250)?;
    client.expect("MAIL FROM:<anna@client.test>", 250)?;
    client.expect("RCPT TO:<alice@our.test>", 250)?;
    assert_eq!(client.command("RCPT TO:<carol@our.test>")?.code, 550);
    assert_eq!(client.command("RCPT TO:<nobody@our.test>")?.code, 550);
    Ok(())
}
