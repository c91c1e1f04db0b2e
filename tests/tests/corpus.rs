//! Real messages come out as they went in, octet for octet, but for the trace fields on top.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use postroad_tests::corpus::{self, Message};
use postroad_tests::peers::{Account, Needs, Postfix, PostfixSetup, Security, Stage};
use postroad_tests::process::until;
use postroad_tests::suite::{Settings, Site};

#[test]
fn the_corpus_can_be_read() -> Result<()> {
    let messages = corpus::messages()?;
    assert!(messages.len() >= 50);
    assert!(messages.iter().any(|message| message.longest_line() > 998));
    assert!(messages.iter().all(|message| !message.octets.contains(&0)));
    Ok(())
}

#[test]
fn through_our_whole_suite() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Tools)? else { return Ok(()) };
    let site = Site::new(&Settings::default())?;
    let _agents = (site.mta()?, site.mda()?, site.maa()?);
    let messages = corpus::messages()?;

    send(&stage, site.smtp, &messages)?;

    all_arrived(&stage, &site, &messages)
}

#[test]
fn through_postfix_and_our_delivery_agent() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Servers)? else { return Ok(()) };
    let site = Site::new(&Settings::default())?;
    let _agents = (site.mda()?, site.maa()?);
    let main = format!(
        "virtual_mailbox_domains = our.test\nvirtual_transport = lmtp:inet:{}\nlocal_header_rewrite_clients =\n",
        site.lmtp
    );
    let postfix = Postfix::start(&stage, &PostfixSetup { main, ..PostfixSetup::default() })?;
    let mut messages = corpus::messages()?;
    messages.retain(postfix_keeps);

    send(&stage, postfix.smtp, &messages)?;

    all_arrived(&stage, &site, &messages).with_context(|| postfix.log())
}

/// What Postfix repairs before it hands mail on, as well as lines over 998 octets (smtp_line_length_limit), which it
/// folds: an mbox line becomes `X-Mailbox-Line`, blanks before a field's colon go, and an empty line comes
/// before the first line that is no field.
const REPAIRED_BY_POSTFIX: &[&str] = &[
    "cpython/msg_25.eml",
    "cpython/msg_35.eml",
    "cpython/msg_43.eml",
    "dovecot/malformed-019.eml",
    "made/fields-without-blank-line.eml",
    "made/from-line.eml",
];

/// Whether Postfix leaves a message as it is.
fn postfix_keeps(message: &Message) -> bool {
    message.longest_line() <= 998 && !REPAIRED_BY_POSTFIX.contains(&message.name.as_str())
}

/// Sends them to alice, in one session, each from an address that tells its place in the row.
fn send(stage: &Stage, server: std::net::SocketAddr, messages: &[Message]) -> Result<()> {
    let files: Vec<PathBuf> =
        (0..messages.len()).map(|index| stage.path(&format!("{index}.eml"))).collect();
    for (file, message) in files.iter().zip(messages) {
        fs::write(file, &message.octets)?;
    }
    let account = Account { server, security: Security::ClearText, user: "" };
    stage.smtplib(&account, "letter-%d@client.test", "alice@our.test", &files)
}

/// Waits for them, and compares each with what POP3 gives.
fn all_arrived(stage: &Stage, site: &Site, messages: &[Message]) -> Result<()> {
    let count = || site.new_mail("alice").map_or(0, |mail| mail.len());
    let arrived = until("all letters in alice's Maildir", || count() == messages.len());
    arrived.with_context(|| format!("{} of {} are there", count(), messages.len()))?;
    // The crate that others read Maildirs with sees the same.
    let oracle = maildir::Maildir::from(site.path("mail/alice"));
    ensure!(oracle.count_new() == messages.len(), "maildir lists {}", oracle.count_new());
    let account = Account { server: site.pop3, security: Security::ClearText, user: "alice" };
    let received = stage.poplib(&account)?;
    ensure!(received.len() == messages.len(), "POP3 gave {} of {}", received.len(), messages.len());

    let mut altered = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        let return_path = format!("Return-Path: <letter-{index}@client.test>\r\n");
        let letter = received.iter().find(|letter| letter.starts_with(return_path.as_bytes()));
        let letter = letter.with_context(|| {
            format!("{} has no letter that starts {return_path:?}", message.name)
        })?;
        altered.extend(message.arrived_as(letter).err().map(|error| format!("{error:#}")));
    }
    ensure!(altered.is_empty(), "{} messages were altered:\n{}", altered.len(), altered.join("\n"));
    Ok(())
}
