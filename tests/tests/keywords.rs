//! Keywords that rules give, as Dovecot shows them, and the other way round.

use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use postroad_tests::peers::{Dovecot, Needs, Stage};
use postroad_tests::suite::binary;

const SCRIPT: &str = "require [\"fileinto\", \"mailbox\", \"imap4flags\"];\n\
    fileinto :create :flags [\"$Label1\", \"work\", \"\\\\Seen\"] \"Lists\";\n";

/// Hands one letter over on standard input.
fn deliver(mut command: Command, letter: &str) -> Result<()> {
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    child.stdin.take().context("no standard input")?.write_all(letter.as_bytes())?;
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

#[test]
fn dovecot_shows_our_keywords_and_we_use_its() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Servers)? else { return Ok(()) };
    let _dovecot = Dovecot::start(&stage)?;
    let conf = stage.path("etc/dovecot/postroad.conf");
    let doveadm = |words: &[&str]| -> Result<String> {
        let mut command = stage.command("doveadm");
        let output = command.arg("-c").arg(&conf).args(words).output()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        Ok(said)
    };
    // A letter that Dovecot has filed, and flagged: the folder knows a keyword before we come.
    doveadm(&["mailbox", "create", "-u", "alice", "Lists"])?;
    let theirs = stage.write("letter", "Subject: theirs\n\nx\n")?;
    let theirs = std::fs::read_to_string(theirs)?;
    let mut save = stage.command("doveadm");
    save.arg("-c").arg(&conf).args(["save", "-u", "alice", "-m", "Lists"]);
    deliver(save, &theirs)?;
    let add =
        |flag: &str| doveadm(&["flags", "add", "-u", "alice", flag, "mailbox", "Lists", "all"]);
    add("theirs")?;
    add("$Label1")?;

    let script = stage.write("home/alice/.postroad.sieve", SCRIPT)?;
    stage.own(&script, "alice")?;
    let program = binary("postroad-mda")?.display().to_string();
    deliver(stage.command_as("alice", &program)?, "Subject: ours\n\nx\n")?;

    let folder = stage.path("home/alice/Maildir/.Lists");
    let file = std::fs::read_to_string(folder.join("dovecot-keywords"))?;
    assert_eq!(file, "0 theirs\n1 $Label1\n2 work\n");
    assert!(!folder.join("dovecot-uidlist.lock").exists());
    let shown = doveadm(&[
        "-f",
        "flow",
        "fetch",
        "-u",
        "alice",
        "hdr.subject flags",
        "mailbox",
        "Lists",
        "all",
    ])?;
    let ours = shown.lines().find(|line| line.contains("ours")).unwrap_or_default();
    for flag in ["\\Seen", "$Label1", "work"] {
        assert!(ours.contains(flag), "{shown}");
    }
    assert!(!ours.contains("theirs"), "{shown}");
    // Dovecot goes on with the file as we have left it.
    add("later")?;
    let file = std::fs::read_to_string(folder.join("dovecot-keywords"))?;
    assert_eq!(file, "0 theirs\n1 $Label1\n2 work\n3 later\n");
    Ok(())
}
