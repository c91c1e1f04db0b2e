//! Other people's programs read mail from our POP3.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use postroad_tests::imap::Client;
use postroad_tests::peers::{Account, Needs, PASSWORD, Security, Stage};
use postroad_tests::process::{Process, until};
use postroad_tests::smtp;
use postroad_tests::suite::{Settings, Site};

const LETTERS: usize = 3;

/// A site with three letters for alice, and its access agent.
fn site_with_mail() -> Result<(Site, Process)> {
    let site = Site::new(&Settings::default())?;
    let mda = site.mda()?;
    let mut client = smtp::Client::connect(site.lmtp)?;
    client.expect("LHLO client.test", 250)?;
    for number in 1..=LETTERS {
        let letter = format!(
            "Subject: letter {number}\r\nFrom: anna@client.test\r\n\r\n.dots\r\nand {number}\r\n"
        );
        assert_eq!(
            client.message("anna@client.test", &["alice@our.test"], letter.as_bytes())?.code,
            250
        );
    }
    drop(mda);
    let maa = site.maa()?;
    Ok((site, maa))
}

/// Reads alice's letters in each of three ways, and looks at what came.
fn check(read: impl Fn(&Stage, &Account<'_>) -> Result<Vec<Vec<u8>>>) -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Tools)? else { return Ok(()) };
    let (site, maa) = site_with_mail()?;
    let ca = site.certificates.ca.as_path();
    for (server, security) in [
        (site.pop3, Security::ClearText),
        (site.pop3, Security::Upgrade(ca)),
        (site.pop3s, Security::Implicit(ca)),
    ] {
        let account = Account { server, security, user: "alice" };
        let letters = read(&stage, &account)
            .with_context(|| format!("{security:?}"))
            .with_context(|| maa.log())?;
        assert_eq!(letters.len(), LETTERS, "by {security:?}:\n{}", maa.log());
        for number in 1..=LETTERS {
            let body = format!("\n.dots\nand {number}\n");
            let came = letters.iter().any(|letter| {
                String::from_utf8_lossy(letter).replace("\r\n", "\n").ends_with(&body)
            });
            assert!(
                came,
                "letter {number} by {security:?}: {:?}",
                letters.iter().map(|l| String::from_utf8_lossy(l)).collect::<Vec<_>>()
            );
        }
    }
    Ok(())
}

#[test]
fn poplib_reads() -> Result<()> {
    check(Stage::poplib)
}

#[test]
fn fetchmail_reads() -> Result<()> {
    check(Stage::fetchmail)
}

#[test]
fn getmail_reads() -> Result<()> {
    check(|stage, account| match account.security {
        // It knows no STLS.
        Security::Upgrade(_) => {
            stage.getmail(&Account { security: Security::ClearText, ..*account })
        }
        Security::ClearText | Security::Implicit(_) => stage.getmail(account),
    })
}

#[test]
fn mutt_reads() -> Result<()> {
    check(Stage::mutt)
}

/// The process that serves alice is let into her mailbox's directory, and into no other that comes to its place.
#[test]
fn a_mailbox_that_is_put_back_from_elsewhere_is_read() -> Result<()> {
    let (site, maa) = site_with_mail()?;
    let mut before = Client::log_in(site.imap, "alice", PASSWORD)?;
    before.command("SELECT INBOX")?;
    let (here, away) = (site.path("mail/alice"), site.path("mail/alice.away"));
    std::fs::rename(&here, &away)?;
    let copied = Command::new("cp").arg("-a").args([&away, &here]).status()?;
    ensure!(copied.success(), "cp: {copied}");
    let mut after = Client::log_in(site.imap, "alice", PASSWORD).with_context(|| maa.log())?;
    // The old process ends with its sessions.
    until("the old session to end", || before.command("NOOP").is_err())
        .with_context(|| maa.log())?;
    let status = after.command("STATUS INBOX (MESSAGES)").with_context(|| maa.log())?;
    ensure!(status.iter().any(|line| line.contains("MESSAGES 3")), "{status:?}");
    // Agents' words may come after their answers.
    until("the log", || maa.log().contains("another directory now")).with_context(|| maa.log())
}
