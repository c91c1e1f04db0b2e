//! The front doors `sendmail` and `mail`, as programs on a host call them: no account, no setuid.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use anyhow::{Context, Result};
use postroad_tests::peers::{Needs, Stage, fed, feed};
use postroad_tests::process::{Process, run, until};
use postroad_tests::suite::{Settings, Site};

/// A host where our user agent is installed as `/usr/sbin/sendmail` and `/usr/bin/mail`.
struct Host {
    // Ended before the site's folder goes.
    agents: [Process; 2],
    site: Site,
    stage: Stage,
}

impl Host {
    fn set_up() -> Result<Option<Self>> {
        Self::set_up_with(&Settings::default())
    }

    fn set_up_with(settings: &Settings) -> Result<Option<Self>> {
        let Some(stage) = Stage::set_up(Needs::Servers)? else { return Ok(None) };
        let site = Site::new(settings)?;
        stage.write("etc/postroad/postroad.toml", &fs::read_to_string(site.config())?)?;
        for name in ["usr/sbin/sendmail", "usr/bin/mail"] {
            symlink("/mnt/postroad-mua", stage.path(name))?;
        }
        let agents = [site.mta()?, site.mda()?];
        Ok(Some(Self { agents, site, stage }))
    }

    /// Waits for a letter to alice, and gives it.
    fn letter(&self) -> Result<String> {
        until("the letter", || self.site.new_mail("alice").is_ok_and(|mail| mail.len() == 1))
            .with_context(|| self.agents[0].log())?;
        Ok(String::from_utf8_lossy(&self.site.new_mail("alice")?[0]).into_owned())
    }

    /// A shell of bob's.
    fn shell(&self, line: &str) -> Result<Command> {
        let mut command = self.stage.command_as("bob", "/bin/sh")?;
        command.args(["-c", line]);
        Ok(command)
    }
}

#[test]
fn cron_reports_what_a_job_wrote() -> Result<()> {
    let Some(host) = Host::set_up()? else { return Ok(()) };
    // Word for word what Debian's cron runs and writes.
    let mut cron = host.shell("/usr/sbin/sendmail -i -FCronDaemon -B8BITMIME -oem alice")?;
    feed(
        &mut cron,
        "From: root (Cron Daemon)\nTo: alice\nSubject: Cron <bob@host> backup\nMIME-Version: 1.0\n\
         Content-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit\nX-Cron-Env: <SHELL=/bin/sh>\n\n\
         3 files copied\n.\nGrüße\n",
    )?;
    let letter = host.letter()?;
    assert!(letter.contains("\nSubject: Cron <bob@host> backup\n"), "{letter}");
    assert!(letter.ends_with("\n3 files copied\n.\nGrüße\n"), "-i lets a lone dot be:\n{letter}");
    // Without an account a caller is who the system says, whatever From says.
    assert!(letter.starts_with("Return-Path: <bob@"), "{letter}");
    Ok(())
}

#[test]
fn php_reads_recipients_from_the_header() -> Result<()> {
    let Some(host) = Host::set_up()? else { return Ok(()) };
    let mut php = host.shell("/usr/sbin/sendmail -t -i")?;
    feed(
        &mut php,
        "To: alice@our.test\nBcc: alice@our.test\nSubject: from the form\nX-PHP-Originating-Script: 33:form.php\n\nHello\n",
    )?;
    let letter = host.letter()?;
    assert!(letter.contains("\nSubject: from the form\n") && !letter.contains("Bcc"), "{letter}");
    assert!(
        letter.contains("\nDate: ")
            && letter.contains("\nMessage-ID: <")
            && letter.contains("\nFrom: "),
        "{letter}"
    );
    Ok(())
}

#[test]
fn git_sends_a_patch() -> Result<()> {
    let Some(host) = Host::set_up()? else { return Ok(()) };
    let script = "set -e
cd \"$HOME\"
git init --quiet repository && cd repository
git config user.name 'Bob Büchner' && git config user.email bob@our.test
echo one > file && git add file && git commit --quiet --message 'first'
printf 'two\\n.\\nthree\\n' > file && git commit --quiet --all --message 'second: with a dot'
git send-email --to alice@our.test --confirm never --smtp-server /usr/sbin/sendmail --suppress-cc all HEAD~1
";
    run(&mut host.shell(script)?)?;
    let letter = host.letter()?;
    assert!(letter.contains("\nSubject: [PATCH] second: with a dot\n"), "{letter}");
    assert!(letter.contains("\n+two\n+.\n+three\n"), "{letter}");
    Ok(())
}

#[test]
fn mail_sends_what_it_reads() -> Result<()> {
    for line in [
        "mail -s 'hello there' alice@our.test",
        // As the lecture has it: the sender behind the recipient.
        "mail -s 'hello there' alice@our.test -f bob@our.test",
        "echo attached > notes.txt; mail -s 'hello there' -r bob@our.test -a notes.txt alice@our.test",
    ] {
        let Some(host) = Host::set_up()? else { return Ok(()) };
        let mut mail = host.shell(&format!("cd; {line}"))?;
        feed(&mut mail, "How are you?\n").with_context(|| line.to_owned())?;
        let letter = host.letter()?;
        assert!(
            letter.contains("\nSubject: hello there\n") && letter.contains("\nHow are you?\n"),
            "{line}:\n{letter}"
        );
        assert!(letter.starts_with("Return-Path: <bob@our.test>\n"), "{line}:\n{letter}");
        assert_eq!(letter.contains("notes.txt"), line.contains("notes.txt"), "{line}:\n{letter}");
    }
    Ok(())
}

#[test]
fn a_letter_waits_while_the_transfer_agent_is_down() -> Result<()> {
    let Some(mut host) = Host::set_up()? else { return Ok(()) };
    host.agents[0].kill()?;
    let mut sendmail = host.shell("/usr/sbin/sendmail -i alice@our.test")?;
    let output = fed(&mut sendmail, b"Subject: later\n\nwaits\n")?;
    assert!(output.status.success(), "it is on disk: {}", String::from_utf8_lossy(&output.stderr));
    assert!(host.site.new_mail("alice")?.is_empty());

    host.agents[0] = host.site.mta()?;
    run(&mut host.shell("/usr/sbin/sendmail -q")?)?;
    let letter = host.letter()?;
    assert!(letter.contains("\nSubject: later\n"), "{letter}");
    Ok(())
}

#[test]
fn q09_arguments_with_line_breaks_are_refused_and_send_nothing() -> Result<()> {
    let Some(host) = Host::set_up()? else { return Ok(()) };
    for words in [
        r#"/usr/sbin/sendmail -i "$(printf 'alice@our.test\nX-Evil: 1')""#,
        r#"/usr/sbin/sendmail -i -f "$(printf 'bob@our.test>\nRCPT TO:<alice@our.test')" alice@our.test"#,
        r#"/usr/sbin/sendmail -i -F "$(printf 'Bob\nBcc: bob@our.test')" alice@our.test"#,
        r#"/usr/sbin/sendmail -i -O "$(printf 'QueueDirectory=/tmp\r')" alice@our.test"#,
    ] {
        let output = fed(&mut host.shell(words)?, b"Subject: evil\n\nx\n")?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        // sysexits.h: EX_USAGE.
        assert_eq!(output.status.code(), Some(64), "{words}: {said}");
        assert!(said.contains("line break"), "{words}: {said}");
    }
    // The next letter is the first that comes.
    feed(&mut host.shell("/usr/sbin/sendmail -i alice@our.test")?, "Subject: the only one\n\nx\n")?;
    let letter = host.letter()?;
    assert!(letter.contains("\nSubject: the only one\n"), "{letter}");
    assert_eq!(host.site.new_mail("bob")?.len(), 0);
    Ok(())
}

/// What is too much for an hour waits in the user's own outbox; nobody else is in its way.
#[test]
fn q09_who_sends_too_much_waits_and_others_do_not() -> Result<()> {
    let mta = "messages_per_user_max = 3\n".to_owned();
    let Some(host) = Host::set_up_with(&Settings { mta, ..Settings::default() })? else {
        return Ok(());
    };
    for number in 0..5 {
        let mut sendmail = host.shell("/usr/sbin/sendmail -i alice@our.test")?;
        let output = fed(&mut sendmail, format!("Subject: bob's {number}\n\nx\n").as_bytes())?;
        assert!(output.status.success(), "it is on disk: {output:?}");
    }
    let mut other = host.stage.command_as("alice", "/bin/sh")?;
    feed(other.args(["-c", "/usr/sbin/sendmail -i alice@our.test"]), "Subject: alice's\n\nx\n")?;
    let log = || host.agents[0].log();
    until("bob told to wait", || log().contains("452 4.7.1 You may send 3 messages an hour"))
        .with_context(log)?;
    let subjects = || -> Vec<String> {
        let letters = host.site.new_mail("alice").unwrap_or_default();
        let text = letters.iter().map(|letter| String::from_utf8_lossy(letter).into_owned());
        let subject = |text: String| {
            text.lines().find_map(|line| Some(line.strip_prefix("Subject: ")?.to_owned()))
        };
        text.filter_map(subject).collect()
    };
    let of = |name: &str| subjects().iter().filter(|subject| subject.starts_with(name)).count();
    until("three of bob's, and alice's", || of("bob's") == 3 && of("alice's") == 1)
        .with_context(|| format!("{:?}\n{}", subjects(), log()))?;
    let waiting = run(&mut host.shell("/usr/sbin/sendmail -bp")?)?;
    let waiting = String::from_utf8_lossy(&waiting.stdout).into_owned();
    assert!(waiting.contains("alice@our.test"), "{waiting}");
    assert_eq!(of("bob's"), 3);
    Ok(())
}
