//! `postroad up`: the whole suite by one command, and what it promises to scripts.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use anyhow::{Context, Result};
use postroad_tests::peers::feed;
use postroad_tests::process::{listens, run, until};
use postroad_tests::smtp;
use postroad_tests::suite::{Up, new_mail};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::tempdir;

const USERS: &[&str] =
    &["--domain", "example.test", "--user", "alice:wonder-land", "--user", "bob"];

/// Sends a letter to bob over port 25.
fn send(up: &Up, subject: &str) -> Result<String> {
    let mut client = smtp::Client::connect(up.address("smtp")?)?;
    client.expect("EHLO client.test", 250)?;
    let letter = format!("From: anna@client.test\r\nSubject: {subject}\r\n\r\nHello.\r\n");
    let reply = client.message("anna@client.test", &["bob@example.test"], letter.as_bytes())?;
    assert_eq!(reply.code, 250, "{reply:?}");
    Ok(reply.queue_id().context("no queue id in the reply")?.to_owned())
}

/// Waits for bob's letters.
fn arrived(up: &Up, count: usize) -> Result<Vec<Vec<u8>>> {
    let maildir = up.maildir("bob")?;
    until("bob's letters", || new_mail(maildir).is_ok_and(|mail| mail.len() == count))
        .map_err(|error| error.context(up.process.log()))?;
    new_mail(maildir)
}

/// The processes that a process started, by their programs' names.
fn children(parent: u32) -> Result<Vec<(String, u32)>> {
    let mut children = Vec::new();
    for task in fs::read_dir(format!("/proc/{parent}/task"))? {
        let ids = fs::read_to_string(task?.path().join("children"))?;
        for id in ids.split_whitespace() {
            let name = fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default();
            children.push((name.trim().to_owned(), id.parse()?));
        }
    }
    Ok(children)
}

#[test]
fn says_what_it_promised_when_all_is_ready() -> Result<()> {
    let folder = tempdir()?;
    let up = Up::start(folder.path(), USERS)?;
    let ready = &up.ready;
    assert!(ready.ready);
    let names: Vec<&str> = ready.ports.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "http",
            "https",
            "imap",
            "imaps",
            "lmtp",
            "pop3",
            "pop3s",
            "sieve",
            "smtp",
            "submission",
            "submissions"
        ]
    );
    for service in names {
        assert!(listens(up.address(service)?), "{service} was said to be ready");
    }
    assert_eq!(up.password("alice")?, "wonder-land");
    assert!(up.password("bob")?.len() >= 12, "a generated password is hard to guess");
    assert!(ready.ca.ends_with("tls/ca.pem") && ready.ca.exists(), "{:?}", ready.ca);
    assert!(ready.config.ends_with("postroad.toml") && ready.config.exists(), "{:?}", ready.config);
    run(&mut up.operator(&["check"])?)?;
    run(&mut up.operator(&["status"])?)?;
    Ok(())
}

#[test]
fn a_second_start_keeps_mail_passwords_and_certificate() -> Result<()> {
    let folder = tempdir()?;
    let up = Up::start(folder.path(), USERS)?;
    let (passwords, ca) = (up.ready.users.clone(), fs::read(&up.ready.ca)?);
    send(&up, "before")?;
    arrived(&up, 1)?;
    let status = up.process.terminate()?;
    assert!(status.success(), "SIGTERM is no error: {status}");

    let up = Up::start(folder.path(), USERS)?;
    send(&up, "after")?;
    arrived(&up, 2)?;
    assert_eq!(up.ready.users.get("alice"), passwords.get("alice"));
    assert_eq!(fs::read(&up.ready.ca)?, ca);
    let user_agent = up.user_agent("bob", &["list"]);
    assert!(user_agent.is_err() || run(&mut user_agent?).is_ok(), "bob's password still works");
    Ok(())
}

#[test]
fn ends_with_0_at_sigint_too_and_leaves_no_process() -> Result<()> {
    let folder = tempdir()?;
    let mut up = Up::start(folder.path(), USERS)?;
    let agents = children(up.process.id())?;
    assert_eq!(agents.len(), 3, "{agents:?}");
    up.process.signal(Signal::INT)?;
    let status = up.process.wait()?;
    assert_eq!((status.code(), status.signal()), (Some(0), None), "{}", up.process.log());
    for (name, id) in agents {
        assert!(!Path::new(&format!("/proc/{id}")).exists(), "{name} outlived up");
    }
    Ok(())
}

/// As the kernel does where memory is short.
fn kill(id: u32) -> Result<()> {
    let pid = i32::try_from(id).ok().and_then(Pid::from_raw).context("no such process")?;
    Ok(kill_process(pid, Signal::KILL)?)
}

#[test]
fn f10_an_agent_that_is_killed_is_started_again_and_the_others_live() -> Result<()> {
    let folder = tempdir()?;
    let up = Up::start(folder.path(), USERS)?;
    for (sent, (name, id)) in children(up.process.id())?.into_iter().enumerate() {
        let others = |all: Vec<(String, u32)>| -> Vec<(String, u32)> {
            all.into_iter().filter(|(other, _)| *other != name).collect()
        };
        let before = others(children(up.process.id())?);
        kill(id)?;
        until("another process in its place", || {
            children(up.process.id())
                .is_ok_and(|now| now.iter().any(|(other, at)| *other == name && *at != id))
        })
        .with_context(|| name.clone())?;
        until("all services again", || {
            up.ready.ports.keys().all(|name| up.address(name).is_ok_and(listens))
        })?;
        assert_eq!(others(children(up.process.id())?), before, "the others live");
        send(&up, &format!("after {name}"))?;
        arrived(&up, sent + 1)?;
    }
    Ok(())
}

#[test]
fn f10_an_agent_that_is_killed_again_and_again_is_started_ever_later() -> Result<()> {
    let folder = tempdir()?;
    let up = Up::start(folder.path(), USERS)?;
    let mut killed = Vec::new();
    for _ in 0..4 {
        let agent = || {
            let agents = children(up.process.id()).unwrap_or_default();
            agents.into_iter().find(|(name, id)| name == "postroad-mta" && !killed.contains(id))
        };
        until("the agent", || agent().is_some())?;
        let (_, id) = agent().context("it ended by itself")?;
        kill(id)?;
        killed.push(id);
    }
    let log = || up.process.log();
    until("the last pause", || log().matches("started again").count() == killed.len())
        .with_context(log)?;
    let log = log();
    let pauses: Vec<&str> = log
        .lines()
        .filter_map(|line| line.split_once("pause_s=")?.1.split_whitespace().next())
        .collect();
    assert_eq!(pauses, ["0.1", "0.2", "0.4", "0.8"], "{log}");
    Ok(())
}

#[test]
fn a_letter_goes_from_user_agent_to_user_agent() -> Result<()> {
    let folder = tempdir()?;
    let up = Up::start(folder.path(), USERS)?;
    let attachment = folder.path().join("notes.txt");
    fs::write(&attachment, "Zwölf Boxkämpfer\n")?;
    let attachment = attachment.display().to_string();

    let arguments =
        ["send", "--to", "bob@example.test", "--subject", "Grüße", "--attach", &attachment];
    feed(&mut up.user_agent("alice", &arguments)?, "Lieber Bob,\n\nschöne Grüße.\n.\nAlice\n")?;
    arrived(&up, 1)?;

    let bob = |arguments: &[&str]| -> Result<String> {
        Ok(String::from_utf8(run(&mut up.user_agent("bob", arguments)?)?.stdout)?)
    };
    let list = bob(&["list"])?;
    assert!(list.contains("Grüße") && list.contains("alice"), "{list}");
    let letter = bob(&["read", "1"])?;
    assert!(letter.contains("schöne Grüße.\n.\nAlice") && letter.contains("notes.txt"), "{letter}");

    feed(&mut up.user_agent("bob", &["reply", "1"])?, "Danke!\n")?;
    let maildir = up.maildir("alice")?;
    until("bob's answer", || new_mail(maildir).is_ok_and(|mail| mail.len() == 1))?;
    let answer = String::from_utf8_lossy(&new_mail(maildir)?[0]).into_owned();
    assert!(answer.contains("In-Reply-To: <") && answer.contains("Danke!"), "{answer}");
    Ok(())
}

#[test]
fn trace_names_each_step_of_a_letter() -> Result<()> {
    let folder = tempdir()?;
    let up = Up::start(folder.path(), USERS)?;
    let queue_id = send(&up, "followed")?;
    let letter = String::from_utf8_lossy(&arrived(&up, 1)?[0]).into_owned();
    let file =
        fs::read_dir(up.maildir("bob")?.join("new"))?.next().context("no letter")??.file_name();

    let trace = || -> Result<String> {
        Ok(String::from_utf8(run(&mut up.operator(&["trace", &queue_id])?)?.stdout)?)
    };
    // The records are written behind the work.
    let file = file.to_string_lossy().into_owned();
    let complete =
        until("the delivery in the trace", || trace().is_ok_and(|text| text.contains(&file)));
    let text = trace()?;
    complete.with_context(|| text.clone())?;
    for step in
        ["127.0.0.1", "anna@client.test", "bob@example.test", &queue_id, "LHLO", "RCPT", "250"]
    {
        assert!(text.contains(step), "{step:?} is missing:\n{text}\nof\n{letter}");
    }
    // In the order of time, though two agents wrote it.
    let steps = ["accepted", "LHLO", "RCPT TO", " octets>", &file, "status=sent"];
    let places: Vec<Option<usize>> = steps.iter().map(|step| text.find(step)).collect();
    assert!(places.is_sorted(), "{steps:?} are at {places:?}:\n{text}");
    Ok(())
}
