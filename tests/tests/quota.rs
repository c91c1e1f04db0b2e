//! Full mailboxes: what senders are told, by all our programs together and by one alone, and `maildirsize` shared
//! with Dovecot.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use postroad_tests::peers::{Dovecot, DovecotSetup, Needs, Stage};
use postroad_tests::smtp;
use postroad_tests::suite::{Settings, Site, binary, new_mail};

fn site(quota: &str) -> Result<Site> {
    Site::new(&Settings::tables(format!("[mda.quota]\n{quota}\n")))
}

/// A Maildir with one letter that says of itself how large it is.
fn hold(maildir: &Path, octets: usize) -> Result<()> {
    for part in ["tmp", "new", "cur"] {
        fs::create_dir_all(maildir.join(part))?;
    }
    Ok(fs::write(maildir.join("cur").join(format!("1.a.host,S={octets}:2,S")), "old")?)
}

/// Who sends a letter from outside is told at RCPT that the mailbox is full: no bounce goes to anybody.
#[test]
fn m06_whoever_sends_to_a_full_mailbox_is_told_at_rcpt() -> Result<()> {
    for (over, reply) in [
        ("temporary", "452 4.2.2 The mailbox is full, try again later"),
        ("permanent", "552 5.2.2 The mailbox is full"),
        ("7d", "452 4.2.2 The mailbox is full, try again later"),
    ] {
        let site = site(&format!("storage = \"10KiB\"\nover = \"{over}\""))?;
        hold(&site.path("mail/alice"), 10 * 1024)?;
        let (mda, mta) = (site.mda()?, site.mta()?);
        let mut client = smtp::Client::connect(site.smtp)?;
        client.expect("EHLO client.test", 250)?;
        client.expect("MAIL FROM:<anna@client.test>", 250)?;
        let told = client.command("RCPT TO:<alice@our.test>")?;
        let logs = format!("{}\n{}", mta.log(), mda.log());
        assert_eq!(format!("{} {}", told.code, told.text), reply, "{over}:\n{logs}");
        client.expect("RCPT TO:<bob@our.test>", 250)?;
        client.expect("DATA", 354)?;
        client.send(b"Subject: to bob\r\n\r\nhello\r\n.\r\n")?;
        assert_eq!(client.reply()?.code, 250);
    }
    Ok(())
}

/// Hands one letter over on standard input; gives the exit code and the first line of what is said.
fn one_shot(mut command: Command, letter: &str) -> Result<(i32, String)> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("start postroad-mda")?;
    child.stdin.take().context("no standard input")?.write_all(letter.as_bytes())?;
    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let line = said.lines().next().unwrap_or_default().to_owned();
    Ok((output.status.code().unwrap_or(-1), line))
}

#[test]
fn m06_one_letter_on_standard_input_for_a_full_mailbox() -> Result<()> {
    for (over, code, line) in [
        ("temporary", 75, "4.2.2 The mailbox is full, try again later"),
        ("permanent", 77, "5.2.2 The mailbox is full"),
    ] {
        let site = site(&format!("storage = \"10KiB\"\nover = \"{over}\""))?;
        let maildir = site.path("mail/alice");
        hold(&maildir, 9 * 1024)?;
        let deliver = || -> Result<(i32, String)> {
            let mut command = site.command("postroad-mda")?;
            command.args(["deliver", "-d", "alice"]).arg("--config").arg(site.config());
            one_shot(command, &format!("Subject: x\n\n{}\n", "x".repeat(1_000)))
        };
        assert_eq!(deliver()?.0, 0);
        assert_eq!(deliver()?, (code, line.to_owned()));
        assert!(fs::read_dir(maildir.join("tmp"))?.next().is_none());
        // The letter, and the one that says that it is 80 % full.
        assert_eq!(new_mail(&maildir)?.len(), 2);
    }
    Ok(())
}

/// Without settings, as behind `maildirmake -q` and others' programs: the limits are in the mailbox.
#[test]
fn m06_limits_that_are_in_the_mailbox_count_without_settings() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Servers)? else { return Ok(()) };
    let maildir = stage.path("home/alice/Maildir");
    hold(&maildir, 3_000)?;
    fs::write(maildir.join("maildirsize"), "3000S\n")?;
    own(&stage, &maildir)?;
    let deliver = || -> Result<(i32, String)> {
        let command = stage.command_as("alice", &binary("postroad-mda")?.display().to_string())?;
        one_shot(command, "Subject: x\n\nx\n")
    };
    assert_eq!(deliver()?, (75, "4.2.2 The mailbox is full, try again later".to_owned()));
    fs::write(maildir.join("maildirsize"), "9000S\n")?;
    assert_eq!(deliver()?.0, 0);
    let (octets, letters) = sum(&maildir)?;
    assert!(octets > 3_000 && letters == 2, "{octets} {letters}");
    Ok(())
}

/// Dovecot and we write one file, and each believes what the other has counted.
#[test]
fn maildirsize_is_shared_with_dovecot() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Servers)? else { return Ok(()) };
    let more = "protocol lmtp {\n  mail_plugins = quota\n}\n\
         plugin {\n  quota = maildir:User\n  quota_rule = *:bytes=20000:messages=100\n\
         quota_rule2 = Trash:ignore\n  quota_grace = 0\n}\n";
    let setup = DovecotSetup { more: more.into(), ..DovecotSetup::default() };
    let dovecot = Dovecot::start_with(&stage, &setup)?;
    let mda = format!("maildir = \"{}/{{user}}/Maildir\"\n", stage.path("home").display());
    let quota =
        "[mda.quota]\nstorage = \"20000B\"\nletters = 100\nlast_letter = \"0B\"\nwarn_at = []\n";
    let site = Site::new(&Settings { mda, ..Settings::tables(quota) })?;
    let maildir = stage.path("home/alice/Maildir");
    let ours = |letter: &str| -> Result<i32> {
        let mut command = site.command("postroad-mda")?;
        command.args(["deliver", "-d", "alice"]).arg("--config").arg(site.config());
        Ok(one_shot(command, letter)?.0)
    };
    let theirs = |letter: &str| -> Result<smtp::Reply> {
        let mut client = smtp::Client::connect(dovecot.lmtp)?;
        client.expect("LHLO client.test", 250)?;
        client.expect("MAIL FROM:<anna@client.test>", 250)?;
        let reply = client.command("RCPT TO:<alice>")?;
        if reply.code != 250 {
            return Ok(reply);
        }
        client.expect("DATA", 354)?;
        client.send(format!("{}.\r\n", letter.replace('\n', "\r\n")).as_bytes())?;
        client.reply()
    };
    let letter = |octets: usize| format!("Subject: x\n\n{}\n", "x".repeat(octets));

    assert_eq!(theirs(&letter(1_000))?.code, 250);
    let first = fs::read_to_string(maildir.join("maildirsize")).context("Dovecot's file")?;
    assert!(first.starts_with("20000S,100C\n"), "{first}");
    assert_eq!(sum(&maildir)?, held(&maildir)?, "{first}");
    assert_eq!(ours(&letter(2_000))?, 0);
    let second = fs::read_to_string(maildir.join("maildirsize"))?;
    assert!(second.starts_with(&first), "{second}");
    assert_eq!(sum(&maildir)?, held(&maildir)?, "{second}");
    assert_eq!(theirs(&letter(3_000))?.code, 250);
    let third = fs::read_to_string(maildir.join("maildirsize"))?;
    assert!(third.starts_with(&second), "{third}");
    assert_eq!(sum(&maildir)?, held(&maildir)?, "{third}");
    assert_eq!(held(&maildir)?.1, 3);

    // What we have filled, Dovecot finds full; what it has filled, we do.
    assert_eq!(ours(&letter(12_000))?, 0);
    let refused = theirs(&letter(3_000))?;
    assert!(matches!(refused.code, 452 | 552), "{refused:?}");
    assert_eq!(ours(&letter(3_000))?, 75);
    assert_eq!(sum(&maildir)?, held(&maildir)?);
    Ok(())
}

/// What maildirsize comes to: octets, letters.
fn sum(maildir: &Path) -> Result<(i64, i64)> {
    let text = fs::read_to_string(maildir.join("maildirsize"))?;
    let mut sum = (0, 0);
    for line in text.lines().skip(1) {
        let mut numbers = line.split_whitespace().map(str::parse::<i64>);
        let mut next = || numbers.next().context("a line of two numbers");
        sum.0 += next()??;
        sum.1 += next()??;
    }
    Ok(sum)
}

/// The same of the letters themselves.
fn held(maildir: &Path) -> Result<(i64, i64)> {
    let mut held = (0, 0);
    for part in ["new", "cur"] {
        for entry in fs::read_dir(maildir.join(part))? {
            held.0 += i64::try_from(entry?.metadata()?.len())?;
            held.1 += 1;
        }
    }
    Ok(held)
}

/// Gives a Maildir and all in it to alice.
fn own(stage: &Stage, path: &Path) -> Result<()> {
    stage.own(path, "alice")?;
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            own(stage, &entry?.path())?;
        }
    }
    Ok(())
}
